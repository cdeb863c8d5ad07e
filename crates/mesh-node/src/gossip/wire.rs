//! Heads and comparisons as messages of the peer port.

use mesh_event::FeedId;
use mesh_gossip::{BUCKETS, HEAD_BYTES, PAGE_HEADS, PullAnswer, PullRequest, Push, SignedHead};
use mesh_model::{Code, DomainName};
use mesh_proto::status::MeshError;
use mesh_proto::v1;

fn malformed(what: String) -> MeshError {
    MeshError::new(Code::Malformed, what)
}

fn head_to_wire(head: SignedHead) -> v1::HeardFeedHead {
    let SignedHead { feed: FeedId { domain, epoch }, size, note } = head;
    v1::HeardFeedHead { domain: domain.to_string(), epoch, size, note }
}

fn domain(text: &str) -> Result<DomainName, MeshError> {
    DomainName::parse(text).map_err(|error| malformed(format!("heads.domain: {error}")))
}

fn heads(heads: Vec<v1::HeardFeedHead>) -> Result<Vec<SignedHead>, MeshError> {
    if heads.len() > PAGE_HEADS {
        return Err(malformed(format!("{} heads; expected at most {PAGE_HEADS}", heads.len())));
    }
    let head = |head: v1::HeardFeedHead| {
        if head.note.len() > HEAD_BYTES {
            return Err(malformed(format!("a head of {} bytes; expected at most {HEAD_BYTES}", head.note.len())));
        }
        let feed = FeedId { domain: domain(&head.domain)?, epoch: head.epoch };
        Ok(SignedHead { feed, size: head.size, note: head.note })
    };
    heads.into_iter().map(head).collect()
}

/// A question, with who asks.
pub fn pull_to_wire(request: PullRequest, mesh_id: Vec<u8>, from_node_id: u64) -> v1::PullHeadsRequest {
    let after = request.after.map(|domain| domain.to_string());
    v1::PullHeadsRequest { mesh_id, from_node_id, sums: request.sums, after }
}

/// A question from the wire.
///
/// # Errors
/// [`Code::Malformed`] names the field.
pub fn pull(request: &v1::PullHeadsRequest) -> Result<PullRequest, MeshError> {
    if request.sums.len() != BUCKETS {
        return Err(malformed(format!("sums: expected {BUCKETS}; found {}", request.sums.len())));
    }
    let after = request.after.as_deref().map(domain).transpose()?;
    Ok(PullRequest { sums: request.sums.clone(), after })
}

/// An answer.
pub fn answer_to_wire(answer: PullAnswer) -> v1::PullHeadsResponse {
    let heads = answer.heads.into_iter().map(head_to_wire).collect();
    v1::PullHeadsResponse { parts: answer.parts, heads, has_more: answer.has_more }
}

/// An answer from the wire.
///
/// # Errors
/// [`Code::Malformed`] names the field.
pub fn answer(answer: v1::PullHeadsResponse) -> Result<PullAnswer, MeshError> {
    Ok(PullAnswer { parts: answer.parts, heads: heads(answer.heads)?, has_more: answer.has_more })
}

/// Heads to show, with who shows them.
pub fn push_to_wire(push: Push, mesh_id: Vec<u8>, from_node_id: u64) -> v1::PushHeadsRequest {
    v1::PushHeadsRequest { mesh_id, from_node_id, heads: push.heads.into_iter().map(head_to_wire).collect() }
}

/// Heads that are shown, from the wire.
///
/// # Errors
/// [`Code::Malformed`] names the field.
pub fn push(request: Vec<v1::HeardFeedHead>) -> Result<Push, MeshError> {
    Ok(Push { heads: heads(request)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head() -> SignedHead {
        let feed = FeedId { domain: DomainName::parse("sales").unwrap(), epoch: 2 };
        SignedHead { feed, size: 9, note: b"note".to_vec() }
    }

    #[test]
    fn comparisons_round_trip() {
        let request = PullRequest { sums: (0..64).collect(), after: Some(head().feed.domain) };
        assert_eq!(pull(&pull_to_wire(request.clone(), vec![1], 2)).unwrap(), request);
        let found = PullAnswer { parts: 5, heads: vec![head()], has_more: true };
        assert_eq!(answer(answer_to_wire(found.clone())).unwrap(), found);
        let shown = Push { heads: vec![head()] };
        assert_eq!(push(push_to_wire(shown.clone(), vec![1], 2).heads).unwrap(), shown);
    }

    #[test]
    fn refuses_too_many_too_long_and_nameless_heads() {
        let wire = |head| head_to_wire(head);
        let many = vec![wire(head()); PAGE_HEADS + 1];
        let long = vec![wire(SignedHead { note: vec![0; HEAD_BYTES + 1], ..head() })];
        let nameless = vec![v1::HeardFeedHead { domain: "No Name".into(), ..wire(head()) }];
        for heads in [many, long, nameless] {
            assert_eq!(push(heads).unwrap_err().code, Code::Malformed);
        }
        let request = v1::PullHeadsRequest {
            sums: vec![0; 63],
            ..pull_to_wire(PullRequest { sums: vec![0; 64], after: None }, vec![], 1)
        };
        assert_eq!(pull(&request).unwrap_err().code, Code::Malformed);
    }
}
