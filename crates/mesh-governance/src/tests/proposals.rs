//! Propose, Approve, Reject, Withdraw, Comment: a matter from opening to closing.

use mesh_event::proposal::{AmendCouncil, Approve, DomainStanding};
use mesh_event::{Body, Council, ProposalBody, Propose, Signer as _};
use mesh_model::{Code, Digest, limits};

use super::{accepted, outcome, refused};
use crate::testing::{TestMesh, keypair};
use crate::{Applied, DomainStatus, Effect, Lapse, ProposalStatus, read};

fn suspend() -> ProposalBody {
    ProposalBody::SuspendDomain(DomainStanding { domain: "sales".parse().unwrap(), reason: "audit".into() })
}

fn remove() -> ProposalBody {
    ProposalBody::RemoveDomain(DomainStanding { domain: "sales".parse().unwrap(), reason: "merged".into() })
}

/// A mesh with domain sales whose proposals need a day of review; the council is at version 2 from leaf 2 on.
fn reviewing() -> TestMesh {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let document = TestMesh::document();
    let body = AmendCouncil { council: document.council, min_review_ms: DAY, recovery_keys: document.recovery_keys };
    accepted(&mesh.decide(ProposalBody::AmendCouncil(body), &[]));
    mesh
}

const DAY: u64 = 24 * 60 * 60 * 1000;

fn status(mesh: &TestMesh) -> DomainStatus {
    read::domain(&mesh.state, &"sales".parse().unwrap()).unwrap().unwrap().status
}

fn opened(mesh: &mut TestMesh, body: ProposalBody) -> u64 {
    let applied = mesh.propose(body, &["council-0"]);
    accepted(&applied);
    applied.leaf.index
}

#[test]
fn a_proposal_takes_effect_with_the_approval_that_completes_the_threshold() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let applied = mesh.propose(remove(), &["council-0"]);
    accepted(&applied);
    let at = applied.leaf.index;
    assert_eq!(applied.effects, [Effect::ProposalOpened { proposal: at, kind: "RemoveDomain" }]);
    assert_eq!(status(&mesh), DomainStatus::Active);
    let open = mesh.proposal(at);
    assert_eq!((open.status, open.approvals.len(), open.subject.as_str()), (ProposalStatus::Open, 1, "sales"));
    let waiting = |mesh: &TestMesh, name: &str| {
        let found = read::waiting_for(&mesh.state, &keypair(name).public_key(), mesh.now).unwrap();
        found.iter().map(|proposal| proposal.index).collect::<Vec<_>>()
    };
    assert_eq!((waiting(&mesh, "council-0"), waiting(&mesh, "council-1")), (vec![], vec![at]));
    assert_eq!(waiting(&mesh, "sales/root"), Vec::<u64>::new());
    let counted = read::approvals(&mesh.state, &open).unwrap().unwrap();
    assert_eq!((counted.found, counted.needed, counted.new_council), (1, 2, None));

    let done = mesh.approve(at, &["council-2"]);
    accepted(&done);
    let enacted = ProposalStatus::Enacted { index: at + 1, stamp_unix_ms: mesh.now };
    assert_eq!(mesh.proposal(at).status, enacted);
    assert!(done.effects.contains(&Effect::ProposalClosed { proposal: at, status: enacted }));
    assert_eq!(status(&mesh), DomainStatus::Removed);
    assert_eq!(read::open_proposals(&mesh.state, mesh.now).unwrap(), vec![]);
    assert_eq!(read::proposal_body(&mesh.state, at).unwrap(), remove(), "its leaf keeps it");
    assert_eq!(read::proposals(&mesh.state, None, 9).unwrap().len(), 1);
}

#[test]
fn enough_signatures_at_once_propose_approve_and_enact_in_one_leaf() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let applied = mesh.decide(suspend(), &[]);
    accepted(&applied);
    let proposal = mesh.proposal(applied.leaf.index);
    assert!(matches!(proposal.status, ProposalStatus::Enacted { index, .. } if index == applied.leaf.index));
    assert_eq!(status(&mesh), DomainStatus::Suspended);
    // One key counts once, however often it signs.
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.propose(suspend(), &["council-0", "council-0", "sales/root"]));
    assert_eq!(status(&mesh), DomainStatus::Active);
}

#[test]
fn refuses_proposals_that_do_not_fit() {
    let mesh = TestMesh::with_domains(&["sales"]);
    let refuse = |edit: fn(&mut Propose, u64), signer: &str, code, detail: &str| {
        let mut mesh = mesh.clone();
        let mut body =
            Propose { body: suspend(), closes_unix_ms: mesh.now + DAY, summary: String::new(), council_version: 1 };
        edit(&mut body, mesh.now + 1000);
        refused(&mesh.say_directly(Body::Propose(body), &[signer]), code, detail);
    };
    refuse(|_, _| (), "sales/root", Code::NoSeat, "a root key of sales");
    refuse(|_, _| (), "nobody", Code::NoSeat, "has no seat in version 1");
    refuse(|_, _| (), "recovery", Code::NoSeat, "may only propose a new council");
    refuse(|p, _| p.council_version = 2, "council-0", Code::StaleRoster, "version 1 is in force");
    refuse(|p, now| p.closes_unix_ms = now, "council-0", Code::BadClosingDate, "expected later than");
    refuse(
        |p, now| p.closes_unix_ms = now + limits::PROPOSAL_LIFE_MS + 1,
        "council-0",
        Code::BadClosingDate,
        "not later than",
    );
    refuse(|p, _| p.closes_unix_ms = u64::MAX, "council-0", Code::BadClosingDate, "not later than");
    refuse(
        |p, _| p.summary = "x".repeat(limits::SUMMARY_BYTES + 1),
        "council-0",
        Code::TooLarge,
        "summary has 8193 bytes",
    );
    // What could not take effect is refused before anybody signs it.
    let nowhere = |p: &mut Propose, _| {
        let domain = "nowhere".parse().unwrap();
        p.body = ProposalBody::SuspendDomain(DomainStanding { domain, reason: String::new() });
    };
    refuse(nowhere, "council-0", Code::UnknownDomain, "nowhere");
}

#[test]
fn refuses_approvals_that_do_not_fit() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let at = opened(&mut mesh, suspend());
    let good = mesh.approval(at);
    let refuse = |body: Approve, signer: &str, code, detail: &str| {
        let mut mesh = mesh.clone();
        refused(&mesh.say_directly(Body::Approve(body), &[signer]), code, detail);
        assert_eq!(mesh.proposal(at).approvals.len(), 1);
    };
    refuse(good, "stranger", Code::NoSeat, "has no seat");
    refuse(good, "sales/root", Code::NoSeat, "a root key of sales");
    refuse(good, "recovery", Code::NoSeat, "a recovery key");
    refuse(good, "council-0", Code::AlreadySo, "approved proposal 2 before");
    refuse(Approve { digest: Digest([1; 32]), ..good }, "council-1", Code::WrongProposal, "proposal 2 is");
    refuse(Approve { proposal: 9, ..good }, "council-1", Code::UnknownProposal, "no proposal 9");
    refuse(Approve { council_version: 2, ..good }, "council-1", Code::StaleRoster, "version 1 is in force");
}

#[test]
fn an_approval_after_the_closing_date_comes_too_late() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let at = opened(&mut mesh, suspend());
    let closes = mesh.proposal(at).closes_unix_ms;
    let mut in_time = mesh.clone();
    in_time.now = closes - 1000;
    accepted(&in_time.approve(at, &["council-1"]));

    mesh.now = closes;
    refused(&mesh.approve(at, &["council-1"]), Code::ProposalClosed, "closed at");
    let why = Lapse::Closed;
    assert_eq!(mesh.proposal(at).status_at(mesh.now), ProposalStatus::Lapsed { index: None, why });
    assert_eq!(read::open_proposals(&mesh.state, mesh.now).unwrap(), vec![]);
    // The next command that takes effect writes it down.
    let other = opened(&mut mesh, remove());
    assert_eq!(mesh.proposal(at).status, ProposalStatus::Lapsed { index: Some(other), why });
    refused(&mesh.approve(at, &["council-1"]), Code::ProposalClosed, "closed at");
}

#[test]
fn nothing_but_what_is_urgent_takes_effect_before_its_review_is_over() {
    let mut mesh = reviewing();
    // Two seats at once open it; they don't decide it.
    let at = mesh.decide(remove(), &[]).leaf.index;
    assert_eq!(status(&mesh), DomainStatus::Active);
    refused(&mesh.approve(at, &["council-2"]), Code::UnderReview, "under review until");
    let until = mesh.proposal(at).review_until_unix_ms;
    mesh.now = until - 2000;
    refused(&mesh.approve(at, &["council-2"]), Code::UnderReview, "under review until");
    let key = keypair("council-0").public_key();
    assert_eq!(read::waiting_for(&mesh.state, &key, mesh.now).unwrap(), vec![]);
    assert_eq!(read::waiting_for(&mesh.state, &key, until).unwrap().len(), 1);
    // Who is for it already may complete it.
    accepted(&mesh.approve(at, &["council-0"]));
    assert_eq!(status(&mesh), DomainStatus::Removed);

    let mut mesh = reviewing();
    accepted(&mesh.decide(suspend(), &[]));
    assert_eq!(status(&mesh), DomainStatus::Suspended, "harm is stopped at once");
    // A proposal that would close before its review is over could never take effect.
    let mut mesh = reviewing();
    let body = Propose { body: remove(), closes_unix_ms: mesh.now + DAY, summary: String::new(), council_version: 2 };
    refused(&mesh.say_directly(Body::Propose(body), &["council-0"]), Code::BadClosingDate, "expected later than");
}

#[test]
fn rejections_that_put_the_threshold_out_of_reach_close_it() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let at = opened(&mut mesh, suspend());
    refused(&mesh.reject(at, &["stranger"]), Code::NoSeat, "has no seat");
    accepted(&mesh.reject(at, &["council-1"]));
    refused(&mesh.reject(at, &["council-1"]), Code::AlreadySo, "rejected proposal 2 before");
    // One key counts once: who changes their mind is on the other side then.
    accepted(&mesh.reject(at, &["council-0"]));
    let closed = mesh.proposal(at);
    assert_eq!((closed.approvals.len(), closed.rejections.len()), (0, 2));
    assert!(matches!(closed.status, ProposalStatus::Rejected { .. }));
    refused(&mesh.approve(at, &["council-2"]), Code::ProposalClosed, "was rejected at index");

    let at = opened(&mut mesh, suspend());
    accepted(&mesh.reject(at, &["council-1"]));
    accepted(&mesh.approve(at, &["council-1"]));
    assert_eq!(mesh.proposal(at).rejections, vec![]);
    assert_eq!(status(&mesh), DomainStatus::Suspended);
}

#[test]
fn its_author_and_nobody_else_withdraws_it() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let at = opened(&mut mesh, suspend());
    refused(&mesh.withdraw(at, "council-1"), Code::WrongRole, "withdrawn by its author");
    accepted(&mesh.withdraw(at, "council-0"));
    refused(&mesh.withdraw(at, "council-0"), Code::ProposalClosed, "was withdrawn at index");
    refused(&mesh.approve(at, &["council-1"]), Code::ProposalClosed, "was withdrawn at index");
}

#[test]
fn comments_are_kept_with_the_proposal() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let at = opened(&mut mesh, suspend());
    accepted(&mesh.comment(at, "council-2", "why now?"));
    refused(&mesh.comment(at, "stranger", "spam"), Code::NoSeat, "has no seat");
    refused(&mesh.comment(at, "council-2", " "), Code::Malformed, "text is empty");
    let long = "x".repeat(limits::REASON_BYTES + 1);
    refused(&mesh.comment(at, "council-2", &long), Code::TooLarge, "text has 2049 bytes");
    refused(&mesh.comment(7, "council-2", "?"), Code::UnknownProposal, "no proposal 7");
    let found = read::comments(&mesh.state, at).unwrap();
    assert_eq!((found.len(), found[0].text.as_str(), mesh.proposal(at).comments), (1, "why now?", 1));
}

#[test]
fn a_replayed_or_expired_approval_counts_for_nothing() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let document = TestMesh::document();
    let council = Council { threshold: 3, ..document.council };
    let body = AmendCouncil { council, min_review_ms: 0, recovery_keys: document.recovery_keys };
    accepted(&mesh.decide(ProposalBody::AmendCouncil(body), &["council-2"]));
    let at = opened(&mut mesh, suspend());
    let approval = mesh.approval(at);
    let envelope = mesh.command(Body::Approve(approval), &[keypair("council-1")]);
    accepted(&mesh.submit(&envelope));
    refused(&mesh.submit(&envelope), Code::Duplicate, "took effect at index");
    let late = mesh.command(Body::Approve(approval), &[keypair("council-2")]);
    mesh.now += 2 * DAY;
    refused(&mesh.submit(&late), Code::Expired, "it expired at");
    assert_eq!(status(&mesh), DomainStatus::Active);
}

#[test]
fn one_author_has_only_so_many_open_proposals() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    for _ in 0..limits::OPEN_PROPOSALS {
        opened(&mut mesh, suspend());
    }
    refused(&mesh.propose(suspend(), &["council-0"]), Code::TooLarge, "has 32 open proposals");
    accepted(&mesh.propose(suspend(), &["council-1"]));
    accepted(&mesh.withdraw(2, "council-0"));
    opened(&mut mesh, suspend());
}

/// A stale matter is refused when it is to take effect, and stays open.
#[test]
fn what_cannot_take_effect_any_more_changes_nothing() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let at = opened(&mut mesh, suspend());
    accepted(&mesh.decide(suspend(), &[]));
    let applied: Applied = mesh.approve(at, &["council-1"]);
    outcome(&applied, Code::AlreadySo, "sales is suspended");
    assert_eq!(mesh.proposal(at).status, ProposalStatus::Open);
}

/// The exact bytes that were read are what a signature is for: the digest is of the signed payload.
#[test]
fn a_proposal_is_named_by_the_digest_of_its_signed_bytes() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let envelope = mesh.proposal_command(suspend(), &["council-0"]);
    let applied = mesh.submit(&envelope);
    assert_eq!(mesh.proposal(applied.leaf.index).digest, Digest::of(envelope.payload()));
}
