#![allow(clippy::unwrap_used)]

use mesh_event::fact::{CancelAccess, DenyAccess, PortScope, RequestAccess, RevokeAccess};
use mesh_model::{Digest, MeshId};
use proptest::prelude::*;

use super::*;

const NOTE: PrivateText = PrivateText { digest: Digest([9; 32]), size: 4 };
const ASKED: FactId = FactId([1; 16]);
const CONSUMER: PublicKey = PublicKey([1; 32]);
const OWNER: PublicKey = PublicKey([2; 32]);
const NOON: UnixMs = 1_800_000_000_000;

fn fact(author: PublicKey, id: u8, body: FactBody) -> Fact {
    Fact { mesh_id: MeshId([7; 32]), domain: "orders".parse().unwrap(), id: FactId([id; 16]), author, body }
}

fn ports(ports: &[&str]) -> Vec<PortScope> {
    ports.iter().map(|port| PortScope { port: port.parse().unwrap(), fields: Vec::new() }).collect()
}

fn request(change: impl Fn(&mut RequestAccess)) -> Fact {
    let mut body = RequestAccess {
        product: "orders/returns".parse().unwrap(),
        major: 2,
        scope: ports(&["daily", "stream"]),
        consumer: "finance".parse().unwrap(),
        purpose: NOTE,
        days: 90,
    };
    change(&mut body);
    fact(CONSUMER, 1, FactBody::RequestAccess(body))
}

fn approve(by: PublicKey, scope: Vec<PortScope>, days: u32) -> Fact {
    let (product, consumer) = ("orders/returns".parse().unwrap(), "finance".parse().unwrap());
    let body = ApproveAccess { request: ASKED, product, major: 2, consumer, scope, days, note: None };
    fact(by, 2, FactBody::ApproveAccess(body))
}

fn deny(by: PublicKey) -> Fact {
    fact(by, 3, FactBody::DenyAccess(DenyAccess { request: ASKED, note: NOTE }))
}

fn cancel() -> Fact {
    fact(CONSUMER, 4, FactBody::CancelAccess(CancelAccess { request: ASKED }))
}

fn revoke() -> Fact {
    fact(OWNER, 5, FactBody::RevokeAccess(RevokeAccess { request: ASKED, note: NOTE }))
}

fn asked() -> AccessRecord {
    AccessRecord::follow(None, &request(|_| {}), NOON).unwrap().unwrap()
}

fn after(record: &AccessRecord, fact: &Fact, at: UnixMs) -> Result<AccessRecord, Refused> {
    AccessRecord::follow(Some(record), fact, at).map(Option::unwrap)
}

#[test]
fn what_is_approved_holds_for_its_days_its_major_and_its_ports() {
    let record = after(&asked(), &approve(OWNER, ports(&["daily"]), 30), NOON).unwrap();
    let (daily, stream) = ("daily".parse().unwrap(), "stream".parse().unwrap());
    let last = NOON + 30 * DAY_MS - 1;
    assert!(record.allows(2, &daily, None, NOON) && record.allows(2, &daily, Some("id"), last));
    assert!(!record.allows(2, &daily, None, last + 1), "its days are over");
    assert!(!record.allows(2, &stream, None, NOON), "narrowed away");
    assert!(!record.allows(3, &daily, None, NOON) && !record.allows(1, &daily, None, NOON), "another major");
    assert_eq!((record.status(last), record.status(last + 1)), (Status::Granted, Status::Expired));
    assert!(!asked().allows(2, &daily, None, NOON), "nobody decided");
}

#[test]
fn an_approval_says_in_full_what_it_approves() {
    let FactBody::ApproveAccess(body) = approve(OWNER, ports(&["daily"]), 30).body else { unreachable!() };
    let said = |change: &dyn Fn(&mut ApproveAccess)| {
        let mut body = body.clone();
        change(&mut body);
        after(&asked(), &fact(OWNER, 2, FactBody::ApproveAccess(body)), NOON).unwrap_err()
    };
    assert_eq!(said(&|body| body.product = "orders/other".parse().unwrap()), Refused::Other);
    assert_eq!(said(&|body| body.major = 1), Refused::Other);
    assert_eq!(said(&|body| body.consumer = "sales".parse().unwrap()), Refused::Other);
    // All ports were not asked for.
    assert_eq!(said(&|body| body.scope = Vec::new()).code(), Code::BadRequest);
}

#[test]
fn nobody_gets_more_than_was_asked() {
    let code = |scope, days| after(&asked(), &approve(OWNER, scope, days), NOON).unwrap_err().code();
    assert_eq!(code(ports(&["archive"]), 30), Code::BadRequest);
    assert_eq!(code(ports(&["daily"]), 91), Code::BadRequest);
    assert_eq!(code(ports(&["daily"]), 0), Code::BadRequest);
    let begun = |change: &dyn Fn(&mut RequestAccess)| AccessRecord::follow(None, &request(change), NOON).unwrap_err();
    assert_eq!(begun(&|body| body.days = 0), Refused::Days { found: 0 });
    assert_eq!(begun(&|body| body.days = MOST_DAYS + 1), Refused::Days { found: MOST_DAYS + 1 });
    assert_eq!(begun(&|body| body.consumer = "orders".parse().unwrap()).code(), Code::BadRequest);
}

#[test]
fn whoever_asked_does_not_decide() {
    assert_eq!(after(&asked(), &approve(CONSUMER, ports(&["daily"]), 90), NOON).unwrap_err().code(), Code::OwnRequest);
    assert_eq!(after(&asked(), &deny(CONSUMER), NOON).unwrap_err().code(), Code::OwnRequest);
}

#[test]
fn an_answer_to_nothing_changes_nothing() {
    assert_eq!(AccessRecord::follow(None, &deny(OWNER), NOON), Ok(None));
    let other = fact(OWNER, 5, FactBody::DenyAccess(DenyAccess { request: FactId([9; 16]), note: NOTE }));
    assert_eq!(after(&asked(), &other, NOON), Err(Refused::Other));
    let elsewhere = Fact { domain: "finance".parse().unwrap(), ..deny(OWNER) };
    assert_eq!(after(&asked(), &elsewhere, NOON), Err(Refused::Other));
}

#[test]
fn a_grant_can_be_given_back_and_taken_back_and_a_denial_cannot() {
    let granted = after(&asked(), &approve(OWNER, ports(&["daily"]), 1), NOON).unwrap();
    assert_eq!(after(&granted, &cancel(), NOON).unwrap().status(NOON), Status::Cancelled);
    assert_eq!(after(&granted, &revoke(), NOON).unwrap().status(NOON), Status::Revoked);
    assert_eq!(after(&granted, &revoke(), NOON + DAY_MS).unwrap_err().code(), Code::RequestOver, "it is expired");
    assert_eq!(after(&asked(), &revoke(), NOON).unwrap_err().code(), Code::RequestOver, "nothing to take back");
    let denied = after(&asked(), &deny(OWNER), NOON).unwrap();
    assert_eq!(after(&denied, &cancel(), NOON).unwrap_err().code(), Code::RequestOver);
    assert_eq!(after(&denied, &request(|_| {}), NOON).unwrap_err().code(), Code::RequestOver);
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let key = prop_oneof![Just(CONSUMER), Just(OWNER)];
    (0..5_u8, key, 0..100_u32).prop_map(|(kind, by, days)| match kind {
        0 => request(|_| {}),
        1 => approve(by, ports(&["daily"]), days),
        2 => deny(by),
        3 => cancel(),
        _ => revoke(),
    })
}

proptest! {
    /// Whatever comes in whatever order: what has ended never comes back, and a grant never changes.
    #[test]
    fn what_has_ended_never_comes_back(facts in proptest::collection::vec((any_fact(), 0..40_u64), 1..12)) {
        let (mut record, mut now) = (asked(), NOON);
        for (fact, days) in facts {
            now += days * DAY_MS;
            let status = record.status(now);
            let Ok(next) = after(&record, &fact, now) else { continue };
            prop_assert!(matches!(status, Status::Waiting | Status::Granted), "{status} was left by {}", fact.body.kind());
            prop_assert!(record.grant.is_none() || next.grant == record.grant);
            prop_assert_ne!(next.status(now), status);
            record = next;
        }
    }
}
