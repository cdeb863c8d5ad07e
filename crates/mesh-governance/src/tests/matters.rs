//! Council matters of generated histories: what is proposed, by whom, and what is answered.

use mesh_event::proposal::{
    AmendCouncil, Approve, Comment, DomainStanding, EnactStandard, Reject, ReplaceDomainRoot, ResolveFork,
    RetireStandard, RevokeNode, Waive, WaiverScope, Withdraw,
};
use mesh_event::{Body, Council, Keypair, NodeRecord, ProposalBody, Propose, Seat, Signer as _};
use mesh_model::{Digest, Name, Version};
use proptest::prelude::*;

use super::sequences::domain;
use crate::testing::{TestMesh, keypair, standard};
use crate::{Effect, ProposalStatus, read};

/// What is proposed; the domain it may harm is the last one, so that the others go on.
#[derive(Debug, Clone)]
pub(super) enum Matter {
    Enact { standard: u8, minor: u32, forbidden: u8 },
    Retire { standard: u8, minor: u32 },
    Waive { standard: u8, domain: usize, hours: u64 },
    Suspend,
    Resume,
    ReplaceRoot(u8),
    Amend { seats: Vec<usize>, threshold: u32, reviews: u64 },
    AdmitNode(u8),
    RevokeNode(u8),
    ResolveFork(u8),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Approve,
    Reject,
    Withdraw,
    Comment,
}

/// Seats of the council of genesis, and two that it may get.
const SEATS: usize = 5;

fn seat(n: usize) -> Keypair {
    keypair(&format!("council-{n}"))
}

pub(super) fn seats() -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..SEATS).collect::<Vec<_>>(), 1..=3).prop_shuffle()
}

pub(super) fn matter() -> impl Strategy<Value = Matter> {
    prop_oneof![
        4 => (0_u8..2, 0_u32..3, 0_u8..4)
            .prop_map(|(standard, minor, forbidden)| Matter::Enact { standard, minor, forbidden }),
        1 => (0_u8..2, 0_u32..3).prop_map(|(standard, minor)| Matter::Retire { standard, minor }),
        1 => (0_u8..2, 0_usize..3, 0_u64..60)
            .prop_map(|(standard, domain, hours)| Matter::Waive { standard, domain, hours }),
        1 => Just(Matter::Suspend),
        1 => Just(Matter::Resume),
        1 => (0_u8..2).prop_map(Matter::ReplaceRoot),
        2 => (seats(), 1_u32..4, 0_u64..2)
            .prop_map(|(seats, threshold, reviews)| Matter::Amend { seats, threshold, reviews }),
        1 => (0_u8..2).prop_map(Matter::AdmitNode),
        1 => (1_u8..5).prop_map(Matter::RevokeNode),
        1 => (0_u8..3).prop_map(Matter::ResolveFork),
    ]
}

pub(super) fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        6 => Just(Answer::Approve),
        2 => Just(Answer::Reject),
        1 => Just(Answer::Withdraw),
        1 => Just(Answer::Comment),
    ]
}

/// Milliseconds of an hour.
pub(super) const HOUR: u64 = 60 * 60 * 1000;

/// The node that [`Matter::AdmitNode`] brings.
fn node_record(n: u8) -> NodeRecord {
    let key = keypair(&format!("further-{n}"));
    let mut record = NodeRecord {
        node_id: 0,
        name: format!("further-{n}"),
        key: key.public_key(),
        log_key: None,
        cosigner_key: None,
        api_address: String::new(),
        peer_address: String::new(),
        possession: Vec::new(),
    };
    record.prove_possession(&[&key]);
    record
}

fn proposal_body(mesh: &TestMesh, what: &Matter) -> ProposalBody {
    let id = |n: u8| format!("standard-{n}");
    let name = |n: u8| Name::parse(&id(n)).unwrap();
    let last = || DomainStanding { domain: domain(2), reason: String::new() };
    match what {
        Matter::Enact { standard: n, minor, forbidden } => {
            let supersedes = read::version_in_force(&mesh.state, &name(*n)).unwrap();
            let forbidden = ["a", "b", "none", "never"][usize::from(*forbidden)];
            ProposalBody::EnactStandard(EnactStandard {
                standard: standard(&id(*n), &format!("1.{minor}.0"), forbidden),
                supersedes,
            })
        }
        Matter::Retire { standard: n, minor } => ProposalBody::RetireStandard(RetireStandard {
            id: name(*n),
            version: Version::new(1, *minor, 0),
            reason: String::new(),
        }),
        Matter::Waive { standard: n, domain: of, hours } => ProposalBody::Waive(Waive {
            standard: name(*n),
            scope: WaiverScope::Domain(domain(*of)),
            reason: "later".into(),
            expires_unix_ms: mesh.now + hours * HOUR,
        }),
        Matter::Suspend => ProposalBody::SuspendDomain(last()),
        Matter::Resume => ProposalBody::ResumeDomain(last()),
        Matter::ReplaceRoot(n) => ProposalBody::ReplaceDomainRoot(ReplaceDomainRoot {
            domain: domain(2),
            root_keys: vec![keypair(&format!("people/root{n}")).public_key()],
            root_threshold: 1,
            reason: String::new(),
        }),
        Matter::Amend { seats, threshold, reviews } => {
            let place = |n: &usize| Seat { name: format!("seat-{n}"), key: seat(*n).public_key(), domain: None };
            let council = Council { threshold: *threshold, seats: seats.iter().map(place).collect() };
            let recovery_keys = vec![keypair("recovery").public_key()];
            ProposalBody::AmendCouncil(AmendCouncil { council, min_review_ms: reviews * 20 * HOUR, recovery_keys })
        }
        Matter::AdmitNode(n) => ProposalBody::AdmitNode(node_record(*n)),
        Matter::RevokeNode(n) => {
            let nodes = read::nodes(&mesh.state).unwrap();
            let node_id = nodes.get(usize::from(*n)).map_or(99, |node| node.record.node_id);
            ProposalBody::RevokeNode(RevokeNode { node_id, reason: String::new() })
        }
        Matter::ResolveFork(n) => {
            let (proof, size) = (Digest([*n; 32]), u64::from(*n));
            let (root, refused_root) = (Digest([1; 32]), Digest([2; 32]));
            let (refused_size, reason) = (size, String::new());
            ProposalBody::ResolveFork(ResolveFork { proof, size, root, refused_size, refused_root, reason })
        }
    }
}

/// Who has to prove possession.
fn joining(what: &Matter) -> Vec<Keypair> {
    match what {
        Matter::Amend { seats, .. } => seats.iter().map(|n| seat(*n)).collect(),
        Matter::ReplaceRoot(n) => vec![keypair(&format!("people/root{n}"))],
        _ => Vec::new(),
    }
}

/// A proposal by these seats, and whoever has to prove possession.
pub(super) fn proposal(mesh: &TestMesh, what: &Matter, seats: &[usize], stale: bool) -> (Body, Vec<Keypair>) {
    let council_version = mesh.council_version() + u64::from(stale);
    let closes_unix_ms = mesh.now + 100 * HOUR;
    let body = proposal_body(mesh, what);
    let signers: Vec<Keypair> = seats.iter().map(|n| seat(*n)).chain(joining(what)).collect();
    let body = Propose { body, closes_unix_ms, summary: String::new(), council_version };
    (Body::Propose(body), signers)
}

/// The answer of these seats to one of the last proposals, if there is any.
pub(super) fn answer_to(
    mesh: &TestMesh,
    which: prop::sample::Index,
    answer: Answer,
    seats: &[usize],
    wrong: bool,
) -> Option<(Body, Vec<Keypair>)> {
    let signers: Vec<Keypair> = seats.iter().map(|n| seat(*n)).collect();
    let known = read::proposals(&mesh.state, None, 1000).unwrap();
    if known.is_empty() {
        return None;
    }
    // Mostly one of the last, which may still be open.
    let recent = &known[known.len().saturating_sub(4)..];
    let found = &recent[which.index(recent.len())];
    let digest = if wrong { Digest([9; 32]) } else { found.digest };
    let (proposal, council_version, reason) = (found.index, found.council_version, String::new());
    let body = match answer {
        Answer::Approve => Body::Approve(Approve { proposal, digest, council_version }),
        Answer::Reject => Body::Reject(Reject { proposal, digest, council_version, reason }),
        Answer::Withdraw => Body::Withdraw(Withdraw { proposal, reason }),
        Answer::Comment => Body::Comment(Comment { proposal, text: "hm".into() }),
    };
    Some((body, signers))
}

/// Whether a proposal took effect.
pub(super) fn is_enactment(effect: &Effect) -> bool {
    matches!(effect, Effect::ProposalClosed { status: ProposalStatus::Enacted { .. }, .. })
}
