#![allow(clippy::unwrap_used)]

use super::*;
use crate::record::Status;
use mesh_event::fact::{
    CancelAccess, DenyAccess, EndAccessRule, EndIssuer, GrantIssuer, PortScope, PrivateText, RequestAccess,
    RevokeToken, SetAccessRule,
};
use mesh_event::{Keypair, Signer as _, access_issuer};
use mesh_model::{Code, MeshId};
use zeroize::Zeroizing;

const NOON: UnixMs = 1_800_000_000_000;

fn known(seq: u64) -> Known {
    Known { payload: Digest([0; 32]), epoch: 1, seq }
}

fn id(n: u64) -> FactId {
    FactId(u128::from(n).to_be_bytes())
}

fn fact(n: u64, body: FactBody) -> Fact {
    let (mesh_id, domain) = (MeshId([7; 32]), "orders".parse().unwrap());
    Fact { mesh_id, domain, id: id(n), author: PublicKey([1; 32]), body }
}

fn take(book: &mut Book, fact: &Fact, known: Known, at: UnixMs) -> Result<(), Refused> {
    book.take(fact, &BTreeSet::from([fact.author]), known, at)
}

fn ask(n: u64, consumer: &str) -> Fact {
    let purpose = PrivateText { digest: Digest::of(&n.to_be_bytes()), size: 4 };
    let body = RequestAccess {
        product: "orders/returns".parse().unwrap(),
        major: 1,
        scope: Vec::new(),
        consumer: consumer.parse().unwrap(),
        purpose,
        days: 9,
    };
    fact(n, FactBody::RequestAccess(body))
}

fn ids<'a>(records: impl Iterator<Item = &'a AccessRecord>) -> Vec<FactId> {
    records.map(|record| record.request).collect()
}

#[test]
fn each_list_has_the_latest_first_and_what_was_decided_waits_no_more() {
    let mut book = Book::default();
    for (n, consumer) in [(1, "finance"), (2, "sales"), (3, "finance")] {
        take(&mut book, &ask(n, consumer), known(n), NOON + n).unwrap();
    }
    let product = "orders/returns".parse().unwrap();
    assert_eq!(ids(book.all()), [id(3), id(2), id(1)]);
    assert_eq!(ids(book.of(&"finance".parse().unwrap(), &product)), [id(3), id(1)]);
    assert_eq!(ids(book.of(&"nobody".parse().unwrap(), &product)), []);
    let cancel = fact(9, FactBody::CancelAccess(CancelAccess { request: id(3) }));
    take(&mut book, &cancel, known(9), NOON + 9).unwrap();
    assert_eq!(ids(book.waiting()), [id(2), id(1)]);
    assert_eq!((book.request(&id(3)).unwrap().status(NOON), book.latest()), (Status::Cancelled, NOON + 9));
    let text = book.text(&Digest::of(&2_u64.to_be_bytes()), &id(2));
    assert_eq!(text.map(|record| record.request), Some(id(2)));
    assert_eq!(book.fact(&id(9)), Some(&known(9)));
}

#[test]
fn a_fact_is_taken_once_and_a_text_is_found_by_its_fact() {
    let mut book = Book::default();
    take(&mut book, &ask(1, "finance"), known(1), NOON).unwrap();
    assert_eq!(take(&mut book, &ask(1, "finance"), known(2), NOON), Err(Refused::Taken(id(1))));
    let lost = fact(5, FactBody::CancelAccess(CancelAccess { request: id(4) }));
    assert_eq!(take(&mut book, &lost, known(3), NOON), Err(Refused::Unknown(id(4))));
    let FactBody::RequestAccess(first) = ask(1, "finance").body else { unreachable!() };
    let FactBody::RequestAccess(other) = ask(2, "sales").body else { unreachable!() };
    let thief = fact(2, FactBody::RequestAccess(RequestAccess { purpose: first.purpose, ..other }));
    take(&mut book, &thief, known(4), NOON).unwrap();
    // Whoever else names it, the text says that it is the first one's.
    assert_eq!(book.text(&first.purpose.digest, &id(1)).map(|record| record.request), Some(id(1)));
}

#[test]
fn one_consumer_does_not_flood_an_owner() {
    let (mut book, finance) = (Book::default(), "finance".parse().unwrap());
    for n in 0..MOST_WAITING as u64 {
        book.check_room(&finance, NOON).unwrap();
        take(&mut book, &ask(n, "finance"), known(n), NOON).unwrap();
    }
    assert_eq!(book.check_room(&finance, NOON).unwrap_err().code(), Code::QuotaUsedUp);
    book.check_room(&"sales".parse().unwrap(), NOON).unwrap();
    for n in 0..MOST_IN_A_DAY as u64 {
        let (asked, gone) = (10_000 + n, 20_000 + n);
        if n >= MOST_WAITING as u64 {
            take(&mut book, &ask(asked, "finance"), known(asked), NOON).unwrap();
        }
        let request = if n < MOST_WAITING as u64 { id(n) } else { id(asked) };
        let cancel = fact(gone, FactBody::CancelAccess(CancelAccess { request }));
        take(&mut book, &cancel, known(gone), NOON).unwrap();
    }
    assert_eq!(ids(book.waiting()), []);
    book.check_room(&finance, NOON + DAY_MS - 1).unwrap_err();
    book.check_room(&finance, NOON + DAY_MS).unwrap();
}

fn ports(ports: &[&str]) -> Vec<PortScope> {
    ports.iter().map(|port| PortScope { port: port.parse().unwrap(), fields: Vec::new() }).collect()
}

fn rule(n: u64, change: impl Fn(&mut SetAccessRule)) -> Fact {
    let mut body = SetAccessRule {
        product: "orders/returns".parse().unwrap(),
        major: 1,
        consumers: vec!["finance".parse().unwrap()],
        scope: ports(&["daily", "stream"]),
        days: 30,
    };
    change(&mut body);
    Fact { author: PublicKey([2; 32]), ..fact(n, FactBody::SetAccessRule(body)) }
}

fn ask_for(n: u64, consumer: &str, change: impl Fn(&mut RequestAccess)) -> Fact {
    let FactBody::RequestAccess(mut body) = ask(n, consumer).body else { unreachable!() };
    body.scope = ports(&["daily"]);
    change(&mut body);
    fact(n, FactBody::RequestAccess(body))
}

#[test]
fn what_fits_an_approval_in_advance_is_granted_as_it_is_taken_and_nothing_else_is() {
    let mut book = Book::default();
    take(&mut book, &ask_for(1, "finance", |_| {}), known(0), NOON).unwrap();
    take(&mut book, &rule(2, |_| {}), known(1), NOON).unwrap();
    let mut status = |request: Fact| {
        take(&mut book, &request, known(2), NOON + 1).unwrap();
        book.request(&request.id).unwrap().clone()
    };
    let granted = status(ask_for(3, "finance", |_| {}));
    let grant = granted.grant.unwrap();
    assert_eq!((grant.rule, grant.by, grant.at_unix_ms), (Some(id(2)), PublicKey([2; 32]), NOON + 1));
    assert_eq!(
        (grant.scope.0, grant.until_unix_ms),
        (ports(&["daily"]), NOON + 1 + 9 * DAY_MS),
        "what was asked, no more"
    );
    for (n, wider) in [
        ask_for(10, "sales", |_| {}),
        ask_for(11, "finance", |body| body.days = 31),
        ask_for(12, "finance", |body| body.scope = ports(&["archive"])),
        ask_for(13, "finance", |body| body.scope = Vec::new()),
        ask_for(14, "finance", |body| body.major = 2),
        ask_for(15, "finance", |body| body.product = "orders/other".parse().unwrap()),
        Fact { author: PublicKey([2; 32]), ..ask_for(16, "finance", |_| {}) },
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(status(wider).status(NOON + 1), Status::Waiting, "{n}");
    }
    // It is no answer to what waited before, and an answer is still one.
    assert_eq!(book.request(&id(1)).unwrap().status(NOON + 1), Status::Waiting);
    let end = |n, rule| fact(n, FactBody::EndAccessRule(EndAccessRule { rule }));
    assert_eq!(take(&mut book, &end(20, id(9)), known(3), NOON), Err(Refused::UnknownRule(id(9))));
    take(&mut book, &end(21, id(2)), known(4), NOON).unwrap();
    assert_eq!(take(&mut book, &end(22, id(2)), known(5), NOON), Err(Refused::UnknownRule(id(2))));
    take(&mut book, &ask_for(23, "finance", |_| {}), known(6), NOON + 1).unwrap();
    assert_eq!(book.request(&id(23)).unwrap().status(NOON + 1), Status::Waiting);
    assert_eq!(book.request(&id(3)).unwrap().status(NOON + 1), Status::Granted, "what was granted stays");
    // The owner takes its word back for what only a rule granted.
    let note = PrivateText { digest: Digest([9; 32]), size: 4 };
    let deny =
        |n, request| Fact { author: PublicKey([3; 32]), ..fact(n, FactBody::DenyAccess(DenyAccess { request, note })) };
    take(&mut book, &deny(24, id(3)), known(7), NOON + 2).unwrap();
    assert_eq!(book.request(&id(3)).unwrap().status(NOON + 2), Status::Denied);
}

#[test]
fn an_approval_in_advance_that_says_nothing_is_refused() {
    let mut book = Book::default();
    let mut refused = |fact: Fact| take(&mut book, &fact, known(0), NOON).unwrap_err().code();
    assert_eq!(refused(rule(1, |body| body.days = 0)), Code::BadRequest);
    assert_eq!(refused(rule(1, |body| body.days = crate::MOST_DAYS + 1)), Code::BadRequest);
    assert_eq!(refused(rule(1, |body| body.consumers.push("orders".parse().unwrap()))), Code::BadRequest);
    for n in 0..MOST_RULES as u64 {
        take(&mut book, &rule(100 + n, |_| {}), known(n), NOON).unwrap();
    }
    let full = take(&mut book, &rule(99, |_| {}), known(0), NOON).unwrap_err();
    assert_eq!(full.to_string(), "orders would have more than 64 approvals in advance for one major");
}

#[test]
fn an_issuer_counts_while_the_root_that_named_it_is_in_force_and_never_again_once_ended() {
    let mesh = MeshId([7; 32]);
    let issuer = Keypair::from_seed(&Zeroizing::new([9; 32]));
    let key = issuer.public_key();
    let named = |n, domain: &str| {
        let possession = access_issuer::prove(&issuer, &mesh, &domain.parse().unwrap(), None);
        fact(n, FactBody::GrantIssuer(GrantIssuer { key, epoch: None, possession }))
    };
    let mut book = Book::default();
    assert_eq!(take(&mut book, &named(1, "finance"), known(0), NOON).unwrap_err().code(), Code::NoPossession);
    let (one, two, three) = (PublicKey([1; 32]), PublicKey([2; 32]), PublicKey([3; 32]));
    book.take(&named(2, "orders"), &BTreeSet::from([one, two]), known(1), NOON).unwrap();
    let counts = |book: &Book, root: &[PublicKey], threshold| book.issuers().next().unwrap().counts(root, threshold, 7);
    assert!(counts(&book, &[one], 1) && counts(&book, &[one, two, three], 2));
    assert!(!counts(&book, &[one, two, three], 3) && !counts(&book, &[three], 1) && !counts(&book, &[], 0));
    assert!(!counts(&book, &[one, one], 2), "a key counts once");
    // The next root names it again.
    book.take(&named(3, "orders"), &BTreeSet::from([three]), known(2), NOON + 1).unwrap();
    assert!(counts(&book, &[three], 1) && !counts(&book, &[one], 1));
    let end = |n, key| fact(n, FactBody::EndIssuer(EndIssuer { key }));
    take(&mut book, &end(5, key), known(4), NOON + 2).unwrap();
    assert!(!counts(&book, &[three], 1));
    assert_eq!(take(&mut book, &end(7, key), known(4), NOON + 2).unwrap_err().code(), Code::BadRequest, "once");
    // A key that nobody named yet is ended for good, too.
    let mut empty = Book::default();
    take(&mut empty, &end(4, key), known(3), NOON).unwrap();
    empty.take(&named(8, "orders"), &BTreeSet::from([three]), known(5), NOON + 3).unwrap_err();
    assert!(!counts(&empty, &[three], 1));
    let again = book.take(&named(6, "orders"), &BTreeSet::from([three]), known(5), NOON + 3).unwrap_err();
    assert!(again.to_string().ends_with("what has ended never comes back"), "{again}");
    assert!(!counts(&book, &[three], 1));
}

#[test]
fn the_issuer_of_a_home_ends_when_the_domain_moves() {
    let (mesh, orders) = (MeshId([7; 32]), "orders".parse().unwrap());
    let issuer = access_issuer::issuer_keypair(&Keypair::from_seed(&Zeroizing::new([9; 32])), &mesh, &orders, 3);
    let possession = access_issuer::prove(&issuer, &mesh, &orders, Some(3));
    let named = |n, epoch| fact(n, FactBody::GrantIssuer(GrantIssuer { key: issuer.public_key(), epoch, possession }));
    let (mut book, root) = (Book::default(), PublicKey([1; 32]));
    // Nobody makes a key of a home one of the domain's own.
    assert_eq!(take(&mut book, &named(1, None), known(0), NOON).unwrap_err().code(), Code::NoPossession);
    take(&mut book, &named(2, Some(3)), known(1), NOON).unwrap();
    let counts = |epoch| book.issuers().next().unwrap().counts(&[root], 1, epoch);
    assert_eq!([2, 3, 4].map(counts), [false, true, false]);
}

#[test]
fn tokens_and_grants_that_count_no_more_are_listed_by_when() {
    let mut book = Book::default();
    take(&mut book, &rule(1, |_| {}), known(0), NOON).unwrap();
    take(&mut book, &ask_for(2, "finance", |_| {}), known(1), NOON).unwrap();
    take(&mut book, &ask_for(3, "sales", |_| {}), known(2), NOON).unwrap();
    let token = |id: &[u8]| TokenId::new(id.to_vec()).unwrap();
    let revoke = |n, request, id: &[u8]| fact(n, FactBody::RevokeToken(RevokeToken { request, token: token(id) }));
    assert_eq!(take(&mut book, &revoke(4, id(3), b"a"), known(3), NOON), Err(Refused::NoGrant(id(3))));
    assert_eq!(take(&mut book, &revoke(4, id(9), b"a"), known(3), NOON), Err(Refused::Unknown(id(9))));
    take(&mut book, &revoke(5, id(2), b"a"), known(4), NOON + 5).unwrap();
    take(&mut book, &revoke(6, id(2), b"b"), known(5), NOON + 6).unwrap();
    take(&mut book, &revoke(7, id(2), b"a"), known(6), NOON + 7).unwrap();
    let since = |at| book.revoked_since(at).map(|token| token.token.clone()).collect::<Vec<_>>();
    assert_eq!(since(NOON), [token(b"b"), token(b"a")]);
    assert_eq!((since(NOON + 6), since(NOON + 7)), (vec![token(b"b")], vec![]));
    assert!(book.is_revoked(&id(2), &token(b"a")) && !book.is_revoked(&id(2), &token(b"c")));
    assert!(!book.is_revoked(&id(3), &token(b"a")), "nobody takes back what was drawn for another grant");
    let standing = |book: &Book| book.granted().flat_map(|(_, grants)| grants.clone()).collect::<Vec<_>>();
    assert_eq!(standing(&book), [id(2)]);
    let cancel = |n, request| fact(n, FactBody::CancelAccess(CancelAccess { request }));
    take(&mut book, &cancel(8, id(3)), known(7), NOON + 8).unwrap();
    assert_eq!(ids(book.ended_since(NOON)), [], "nothing was granted");
    take(&mut book, &cancel(9, id(2)), known(8), NOON + 9).unwrap();
    assert_eq!(ids(book.ended_since(NOON + 9)), [id(2)]);
    assert_eq!(ids(book.ended_since(NOON + 10)), []);
    assert_eq!(standing(&book), []);
    // One by one only so many, and none once no token can be good any more.
    let names: Vec<Vec<u8>> = (0..MOST_TOKENS as u64).map(|n| n.to_be_bytes().to_vec()).collect();
    for (n, name) in (100..).zip(&names[2..]) {
        take(&mut book, &revoke(n, id(2), name), known(n), NOON + 10).unwrap();
    }
    let full = take(&mut book, &revoke(300, id(2), &names[0]), known(9), NOON + 11).unwrap_err();
    assert_eq!(full.code(), Code::BadRequest);
    let late = NOON + 9 + TOKEN_MEMORY_MS;
    take(&mut book, &revoke(301, id(2), &names[0]), known(10), late).unwrap();
    assert_eq!(take(&mut book, &revoke(302, id(2), &names[1]), known(11), late + 1), Err(Refused::NoGrant(id(2))));
}
