//! FeedAnchor: the node that writes a feed puts its head into the ledger, whether or not a command waits. Nothing in the feed can be
//! dated back behind it: events after the head name no smaller ledger size than the anchor.

use mesh_event::federation::FeedAnchor;
use mesh_event::{Command, FeedId};
use mesh_model::Code;

use super::standing;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::{active_domain, malformed};
use crate::decision::{Decision, Stop, reject};
use crate::feed::HEAD_NOTE_BYTES;
use crate::overlay::Overlay;
use crate::records::{AnchorFence, LedgerHead, Mesh, Record as _};
use crate::state::StateRead;
use crate::verify::Verify;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead, V: Verify>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    command: &Command,
    body: &FeedAnchor,
    at: Moment,
    verify: &V,
) -> Decision<Vec<Effect>, S> {
    let name = &body.domain;
    let domain = active_domain(draft, name)?;
    let Some(delegation) = domain.delegation else {
        return reject(Code::NotDelegated, format!("no node writes the feed of domain {name} yet"));
    };
    if body.epoch != delegation.epoch {
        let detail =
            format!("epoch {} of the feed of domain {name}; epoch {} is in force", body.epoch, delegation.epoch);
        return reject(Code::OldEpoch, detail);
    }
    if let Some(report) = read::containment(draft, name)? {
        return Err(Stop::Rejected(report.refusal()));
    }
    let id = delegation.node_id;
    let node = standing::node(draft, id, || format!("there is no node {id}"))?;
    if command.author != node.record.key {
        let detail = format!("key {} is not that of node {id}, which writes it", command.author.fingerprint());
        return reject(Code::NotDelegated, detail);
    }
    let note = body.head_note.len();
    if note > HEAD_NOTE_BYTES {
        return reject(Code::TooLarge, format!("the head has {note} bytes; at most {HEAD_NOTE_BYTES} are taken"));
    }
    let feed = FeedId { domain: name.clone(), epoch: body.epoch };
    let head = (verify.head(&body.head_note, &mesh.mesh_id, &feed, &node.record.key))
        .map_err(|error| Stop::Rejected(malformed::head(&error)))?;
    let known = read::ledger_head(draft, name, body.epoch)?;
    if let Some(known) = &known {
        if known.contradicts(&head) {
            return Err(Stop::Rejected(known.contradiction(&feed)));
        }
        if head.size < known.size {
            let detail = format!(
                "the head of feed {name}/{} has {} events; the one at index {} has {}",
                body.epoch, head.size, known.index, known.size
            );
            return reject(Code::BadAnchor, detail);
        }
    }
    if head.size == known.as_ref().map_or(0, |known| known.size) {
        let detail = format!("the ledger has the head of feed {name}/{} with {} events", body.epoch, head.size);
        return reject(Code::AlreadySo, detail);
    }
    let fence = known.and_then(|known| known.fence);
    let least = fence.map_or(0, |fence| fence.ledger_size);
    if body.ledger_size > at.index || body.ledger_size < least {
        let detail = format!(
            "the anchor names ledger size {}; the ledger has {} leaves, and an earlier anchor named {least}",
            body.ledger_size, at.index
        );
        return reject(Code::WrongLedgerSize, detail);
    }
    let fence = AnchorFence { size: head.size, ledger_size: body.ledger_size, index: at.index };
    let next = LedgerHead::of(&head, at.index, at.stamp, Some(fence));
    draft.put(keys::ledger_head(name, body.epoch), next.encode());
    Ok(vec![Effect::FeedAnchored { domain: name.clone(), epoch: body.epoch, size: head.size }])
}
