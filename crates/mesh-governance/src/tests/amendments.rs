//! AmendCouncil, recovery keys, and members who leave.

use mesh_event::command::OffboardMember;
use mesh_event::proposal::{AmendCouncil, DomainStanding};
use mesh_event::{Body, Council, Envelope, GenesisDocument, ProposalBody, Seat, Signer as _, envelope};
use mesh_model::{Code, Digest, PublicKey, limits};

use super::{accepted, refused};
use crate::testing::{TestMesh, keypair};
use crate::{Effect, Lapse, ProposalStatus, read};

fn key(name: &str) -> PublicKey {
    keypair(name).public_key()
}

/// A council of these keys, with the fixture's recovery key and no review.
fn amended(names: &[&str], threshold: u32) -> AmendCouncil {
    let seat = |name: &&str| Seat { name: (*name).into(), key: key(name), domain: None };
    let council = Council { threshold, seats: names.iter().map(seat).collect() };
    AmendCouncil { council, min_review_ms: 0, recovery_keys: vec![key("recovery")] }
}

fn amend(names: &[&str], threshold: u32) -> ProposalBody {
    ProposalBody::AmendCouncil(amended(names, threshold))
}

fn suspend() -> ProposalBody {
    ProposalBody::SuspendDomain(DomainStanding { domain: "sales".parse().unwrap(), reason: String::new() })
}

const OLD: [&str; 3] = ["council-0", "council-1", "council-2"];

#[test]
fn a_new_council_needs_the_thresholds_of_both() {
    let names = ["council-0", "new-1", "new-2", "new-3"];
    let mut mesh = TestMesh::with_domains(&["sales"]);
    // All new members prove possession; the old threshold is met, and 4 of the 4 new seats would have to be for it.
    let at = mesh.propose(amend(&names, 4), &["council-1", "council-2", "new-1", "new-2", "new-3"]).leaf.index;
    let counted = read::approvals(&mesh.state, &mesh.proposal(at)).unwrap().unwrap();
    assert_eq!((counted.found, counted.needed, counted.new_council), (2, 2, Some((3, 4))));
    assert_eq!(mesh.council_version(), 1);
    accepted(&mesh.approve(at, &["council-0"]));
    let council = read::council(&mesh.state).unwrap().unwrap();
    assert_eq!((council.version, council.council.threshold, council.council.seats.len()), (2, 4, 4));
    assert_eq!(council.terms.amended_at, at + 1);

    // The other way round: the new seats alone don't decide, and one of them may complete it.
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let at = mesh.propose(amend(&names, 1), &["council-0", "new-1", "new-2", "new-3"]).leaf.index;
    assert_eq!(mesh.council_version(), 1);
    accepted(&mesh.approve(at, &["council-1"]));
    assert_eq!(mesh.council_version(), 2);
}

#[test]
fn a_founding_document_may_ask_for_review_from_the_beginning() {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    let document = GenesisDocument { min_review_ms: HOUR_MS, ..TestMesh::document() };
    let payload = document.encode();
    let mut mesh = TestMesh::unfounded();
    mesh.mesh_id = Digest::of(&payload).into();
    let seats = [keypair("council-0"), keypair("council-1")];
    let sealed = Envelope::sign(envelope::GENESIS, payload, &[&seats[0], &seats[1]]).unwrap();
    accepted(&mesh.submit(&sealed));
    assert_eq!(read::terms(&mesh.state).unwrap().min_review_ms, HOUR_MS);
    // Two of three signed, and it still waits; after the hour it takes effect.
    let at = mesh.decide(amend(&OLD[..2], 2), &[]).leaf.index;
    assert_eq!(mesh.proposal(at).status, ProposalStatus::Open);
    refused(&mesh.approve(at, &["council-0"]), Code::UnderReview, "");
    mesh.now += HOUR_MS;
    accepted(&mesh.approve(at, &["council-0"]));
    assert_eq!((mesh.council_version(), read::terms(&mesh.state).unwrap().min_review_ms), (2, 0));
    // More than the council may set is no founding document.
    let endless = GenesisDocument { min_review_ms: limits::REVIEW_MS + 1, ..TestMesh::document() };
    assert!(endless.check().iter().any(|flaw| flaw.contains("review time")), "{:?}", endless.check());
}

#[test]
fn a_new_member_may_complete_its_own_council_and_nothing_else() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let names = ["council-0", "council-1", "council-2", "new-1"];
    let other = mesh.propose(suspend(), &["council-0"]).leaf.index;
    refused(&mesh.approve(other, &["new-1"]), Code::NoSeat, "has no seat");
    let at = mesh.propose(amend(&names, 3), &["council-0", "new-1"]).leaf.index;
    accepted(&mesh.reject(at, &["new-1"]));
    accepted(&mesh.approve(at, &["council-1"]));
    assert_eq!(mesh.council_version(), 1, "two of three new seats");
    accepted(&mesh.approve(at, &["new-1"]));
    assert_eq!(mesh.council_version(), 2);
}

#[test]
fn refuses_a_council_that_would_lock_itself_out() {
    let mesh = TestMesh::with_domains(&["sales"]);
    let refuse = |body: AmendCouncil, further: &[&str], code, detail: &str| {
        refused(&mesh.clone().decide(ProposalBody::AmendCouncil(body), further), code, detail);
    };
    refuse(amended(&OLD, 0), &[], Code::CouncilLockedOut, "the threshold is 0 of 3 seats");
    refuse(amended(&OLD, 4), &[], Code::CouncilLockedOut, "the threshold is 4 of 3 seats");
    refuse(amended(&[], 1), &[], Code::CouncilLockedOut, "the threshold is 1 of 0 seats");
    refuse(amended(&["council-0", "council-0"], 1), &[], Code::CouncilLockedOut, "stands there twice");
    refuse(amended(&["council-0", "new"], 1), &[], Code::NoPossession, "did not sign");
    refuse(amended(&["council-0", "sales/root"], 1), &["sales/root"], Code::KeyInUse, "a root key of sales");
    refuse(amended(&["council-0", "recovery"], 1), &["recovery"], Code::CouncilLockedOut, "stands there twice");
    let same = AmendCouncil { council: TestMesh::document().council, ..amended(&OLD, 2) };
    refuse(same, &[], Code::AlreadySo, "is like this");
    let edited = |edit: fn(&mut AmendCouncil)| {
        let mut body = amended(&OLD, 3);
        edit(&mut body);
        body
    };
    refuse(edited(|b| b.council.seats[0].key = PublicKey([0; 32])), &[], Code::WeakKey, "weak");
    refuse(edited(|b| b.council.seats[0].name = " ".into()), &[], Code::Malformed, "a seat's name");
    refuse(edited(|b| b.council.seats[0].domain = "nowhere".parse().ok()), &[], Code::UnknownDomain, "nowhere");
    refuse(edited(|b| b.min_review_ms = limits::REVIEW_MS + 1), &[], Code::CouncilLockedOut, "review time");
    refuse(edited(|b| b.recovery_keys = vec![key("new")]), &[], Code::NoPossession, "did not sign");
    let many: Vec<String> = (0..=limits::COUNCIL_SEATS).map(|n| format!("seat-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    refuse(amended(&many, 1), &[], Code::TooLarge, "33 seats");
    let mut seat_of_domain = edited(|b| b.council.seats[0].domain = "sales".parse().ok());
    seat_of_domain.council.threshold = 2;
    accepted(&mesh.clone().decide(ProposalBody::AmendCouncil(seat_of_domain), &[]));
}

#[test]
fn when_the_council_changes_what_is_open_lapses() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let at = mesh.propose(suspend(), &["council-0"]).leaf.index;
    let stale = mesh.approval(at);
    let council = mesh.decide(amend(&OLD, 3), &["council-2"]);
    accepted(&council);
    let status = ProposalStatus::Lapsed { index: Some(council.leaf.index), why: Lapse::CouncilChanged };
    assert_eq!(mesh.proposal(at).status, status);
    assert!(council.effects.contains(&Effect::ProposalClosed { proposal: at, status }));
    refused(&mesh.say_directly(Body::Approve(stale), &["council-1"]), Code::ProposalClosed, "the council changed");
    assert_eq!(read::open_proposals(&mesh.state, mesh.now).unwrap(), vec![]);
    // Signed for the old council, ordered after the change.
    let body = mesh_event::Propose {
        body: suspend(),
        closes_unix_ms: mesh.now + 90_000,
        summary: String::new(),
        council_version: 1,
    };
    refused(&mesh.say_directly(Body::Propose(body), &OLD), Code::StaleRoster, "version 2 is in force");
}

#[test]
fn a_removed_member_decides_nothing_and_may_come_back() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.decide(amend(&["council-0", "council-1"], 2), &[]));
    let at = mesh.propose(suspend(), &["council-0"]).leaf.index;
    refused(&mesh.approve(at, &["council-2"]), Code::RevokedKey, "has no seat in version 2 of the council any more");
    refused(&mesh.propose(suspend(), &["council-2"]), Code::RevokedKey, "any more");
    refused(&mesh.decide(amend(&OLD, 2), &[]), Code::NoPossession, "did not sign");
    accepted(&mesh.decide(amend(&OLD, 2), &["council-2"]));
    assert_eq!(mesh.council_version(), 3);
}

#[test]
fn recovery_keys_replace_a_council_that_does_not_answer_for_72_hours() {
    let founded = TestMesh::with_domains(&["sales"]);
    let body = amend(&["new-1", "new-2"], 2);
    let mut mesh = founded.clone();
    let at = mesh.propose(body.clone(), &["recovery", "new-1", "new-2"]).leaf.index;
    refused(&mesh.approve(at, &["recovery"]), Code::UnderReview, "under review until");
    mesh.now += limits::ANSWER_MS;
    accepted(&mesh.approve(at, &["recovery"]));
    let council = read::council(&mesh.state).unwrap().unwrap();
    assert_eq!((council.version, council.council.seats.len()), (2, 2));
    accepted(&mesh.propose(suspend(), &["new-1", "new-2"]));

    // A council that still reaches its threshold is not below it: it says no, and that is the end.
    let mut mesh = founded.clone();
    let at = mesh.propose(body, &["recovery", "new-1", "new-2"]).leaf.index;
    accepted(&mesh.reject(at, &["council-0"]));
    assert_eq!(mesh.proposal(at).status, ProposalStatus::Open, "one seat alone stops nothing");
    accepted(&mesh.reject(at, &["council-1"]));
    mesh.now += limits::ANSWER_MS;
    refused(&mesh.approve(at, &["recovery"]), Code::ProposalClosed, "was rejected");
    // Seats are not heard for it: they amend the council themselves.
    let mut mesh = founded;
    let at = mesh.propose(amend(&["new-1"], 1), &["recovery", "new-1"]).leaf.index;
    refused(&mesh.approve(at, &["council-0"]), Code::NoSeat, "a council seat");
}

fn offboard(mesh: &mut TestMesh, name: &str, signers: &[&str]) -> crate::Applied {
    let version = mesh.council_version();
    let body = OffboardMember { key: key(name), domain: None, reason: "left".into(), version };
    mesh.say_directly(Body::OffboardMember(body), signers)
}

#[test]
fn a_member_who_leaves_loses_the_seat_and_lapses_what_is_open() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let at = mesh.propose(suspend(), &["council-2"]).leaf.index;
    refused(&offboard(&mut mesh, "council-2", &["council-0", "council-2"]), Code::ThresholdNotMet, "1 of 2");
    let applied = offboard(&mut mesh, "council-2", &["council-0", "council-1"]);
    accepted(&applied);
    assert!(applied.effects.contains(&Effect::CouncilAmended { version: 2 }));
    assert!(matches!(mesh.proposal(at).status, ProposalStatus::Lapsed { why: Lapse::CouncilChanged, .. }));
    refused(&mesh.propose(suspend(), &["council-2"]), Code::RevokedKey, "any more");
    // Two seats are left for a threshold of two.
    refused(&offboard(&mut mesh, "council-1", &["council-0"]), Code::ThresholdNotMet, "1 of 2");
    refused(
        &offboard(&mut mesh, "council-2", &["council-0", "council-1"]),
        Code::UnknownKey,
        "neither a role nor a seat",
    );
    refused(&offboard(&mut mesh, "nobody", &["council-0", "council-1"]), Code::UnknownKey, "neither");
    refused(&offboard(&mut mesh, "sales/root", &["council-0", "council-1"]), Code::KeyInUse, "a root key of sales");
    refused(&offboard(&mut mesh, "node-1", &["council-0", "council-1"]), Code::KeyInUse, "the key of node 1");
    let body = OffboardMember { key: key("council-1"), domain: None, reason: String::new(), version: 1 };
    refused(
        &mesh.say_directly(Body::OffboardMember(body), &["council-0", "council-1"]),
        Code::StaleRoster,
        "version 2 is in force",
    );
}
