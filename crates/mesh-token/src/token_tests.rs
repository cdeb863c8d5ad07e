#![allow(clippy::unwrap_used)]

use mesh_event::Signer as _;
use mesh_event::fact::PortScope;
use mesh_model::{Code, FactId, MeshId, Name, ProductId};
use proptest::prelude::*;

use super::*;
use crate::check::{Ask, Denied};

const NOON: UnixMs = 1_800_000_000_000;
const HOUR: UnixMs = 3_600_000;

fn seed(n: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([n; 32])
}

fn issuer() -> Keypair {
    Keypair::from_seed(&seed(1))
}

fn scope(parts: &[(&str, &[&str])]) -> Scope {
    let part = |(port, fields): &(&str, &[&str])| PortScope {
        port: port.parse().unwrap(),
        fields: fields.iter().map(ToString::to_string).collect(),
    };
    Scope(parts.iter().map(part).collect())
}

fn claims(scope: Scope) -> Claims {
    Claims {
        mesh_id: MeshId([7; 32]),
        product: "sales/orders".parse().unwrap(),
        major: 2,
        consumer: "finance".parse().unwrap(),
        request: FactId([4; 16]),
        scope,
        until_unix_ms: NOON + HOUR,
    }
}

fn token(scope: Scope) -> Token {
    Token::issue(&claims(scope), NOON, &issuer(), &seed(2)).unwrap()
}

/// Whether a token lets somebody read, and why not.
fn read_at(token: &Token, port: &str, field: Option<&str>, now: UnixMs) -> Result<(), Denied> {
    let (product, port): (ProductId, Name) = ("sales/orders".parse().unwrap(), port.parse().unwrap());
    let ask = Ask { mesh_id: &MeshId([7; 32]), product: &product, major: 2, port: &port, field };
    token.verify([&issuer().public_key()]).unwrap().check(&ask, now)
}

fn read(token: &Token, port: &str, field: Option<&str>) -> Result<(), Denied> {
    read_at(token, port, field, NOON)
}

#[test]
fn a_token_allows_what_was_granted_until_it_ends_and_says_so() {
    let granted = scope(&[("files", &[]), ("sql", &["id", "total"])]);
    let token = token(granted.clone());
    assert_eq!(*token.verify([&issuer().public_key()]).unwrap().claims(), claims(granted));
    assert_eq!((read(&token, "files", None), read(&token, "files", Some("any"))), (Ok(()), Ok(())));
    assert_eq!((read(&token, "sql", Some("id")), read(&token, "sql", Some("total"))), (Ok(()), Ok(())));
    for (port, field) in [("sql", None), ("sql", Some("iban")), ("stream", None), ("stream", Some("id"))] {
        assert_eq!(read(&token, port, field), Err(Denied::NotCovered), "{port} {field:?}");
    }
    assert_eq!(read_at(&token, "files", None, NOON + HOUR - 1_000), Ok(()));
    assert_eq!(read_at(&token, "files", None, NOON + HOUR), Err(Denied::Expired));
    let all = Token::issue(&claims(Scope::ALL), NOON, &issuer(), &seed(2)).unwrap();
    assert_eq!((read(&all, "later", None), read(&all, "sql", Some("iban"))), (Ok(()), Ok(())));
}

#[test]
fn a_token_is_for_one_mesh_one_product_and_one_major() {
    let verified = token(Scope::ALL).verify([&issuer().public_key()]).unwrap();
    let (mesh, other_mesh) = (MeshId([7; 32]), MeshId([8; 32]));
    let (orders, returns): (ProductId, ProductId) = ("sales/orders".parse().unwrap(), "sales/returns".parse().unwrap());
    let port = "sql".parse().unwrap();
    let check =
        |mesh_id, product, major| verified.check(&Ask { mesh_id, product, major, port: &port, field: None }, NOON);
    assert_eq!(check(&mesh, &orders, 2), Ok(()));
    assert_eq!(check(&other_mesh, &orders, 2), Err(Denied::OtherMesh));
    assert_eq!(check(&mesh, &returns, 2), Err(Denied::NotCovered));
    assert_eq!(check(&mesh, &orders, 3), Err(Denied::NotCovered));
}

#[test]
fn whoever_holds_a_token_narrows_it_and_nobody_widens_it() {
    let token = token(scope(&[("files", &[]), ("sql", &["id", "total"])]));
    let narrow = token.narrow(&scope(&[("sql", &["id"]), ("files", &[])]), Some(NOON + 60_000), &seed(3)).unwrap();
    assert_eq!((read(&narrow, "sql", Some("id")), read(&narrow, "files", None)), (Ok(()), Ok(())));
    assert!(matches!(read(&narrow, "sql", Some("total")), Err(Denied::Narrowed(_))));
    assert!(matches!(read_at(&narrow, "sql", Some("id"), NOON + 60_000), Err(Denied::Narrowed(_))));
    // A narrowing that names more than there was gives nothing.
    let wider =
        narrow.narrow(&scope(&[("sql", &["id", "iban"]), ("stream", &[])]), Some(NOON + 9 * HOUR), &seed(4)).unwrap();
    assert_eq!(read(&wider, "sql", Some("id")), Ok(()));
    assert_eq!(read(&wider, "sql", Some("iban")), Err(Denied::NotCovered));
    assert_eq!(read(&wider, "stream", None), Err(Denied::NotCovered));
    assert!(matches!(read(&wider, "files", None), Err(Denied::Narrowed(_))));
    assert!(matches!(read_at(&wider, "sql", Some("id"), NOON + HOUR - 1_000), Err(Denied::Narrowed(_))));
    // One id for each block, and those of before among them.
    assert_eq!((wider.ids().len(), &wider.ids()[..2]), (3, narrow.ids().as_slice()));
    assert_eq!(narrow.ids()[..1], token.ids()[..]);
}

/// A token with a block of a holder's own making.
fn with_block(token: &Token, source: &str) -> Result<Token, TokenError> {
    let block = biscuit_auth::builder::BlockBuilder::new().code(source).unwrap();
    Token::of(token.biscuit.append(block).unwrap().to_base64().unwrap())
}

/// The library would not take them for the issuer's word; here they are not even looked at.
#[test]
fn a_holder_adds_checks_of_what_is_asked_and_nothing_else() {
    let token = token(scope(&[("sql", &["id"])]));
    for source in [
        "may_read_product(\"sales/orders\", 2);",
        "may_read_product($p, $m) <- ask($p, $m, $x);",
        "consumer(\"sales\"); request(\"00\");",
        "time(2020-01-01T00:00:00Z); ask_field(\"id\");",
        "check if may_read_field($p, $m, $x, $f);",
        "check if resource($r);",
        "check all time($t), $t < 2100-01-01T00:00:00Z;",
        "reject if time($t);",
        "check if ask_field($f), $f.matches(\"(a*)*b\");",
        "check if ask_field($f), [\"a\", \"b\"].any($x -> $x == $f);",
        "check if time($a), time($b), time($c), time($d), time($e);",
        "check if ask_field($f) trusting previous;",
    ] {
        let refused = with_block(&token, source).unwrap_err();
        assert!(matches!(refused, TokenError::Block(_)), "{source}: {refused}");
    }
    for source in [
        "check if ask($p, $m, \"sql\"), $p == \"sales/orders\", $m == 2;",
        "check if ask_field(\"id\") or ask_whole(true);",
        "check if ask_field($f), $f.starts_with(\"i\"), !$f.ends_with(\"x\");",
        "check if consumer(\"finance\"), time($t), $t < 2100-01-01T00:00:00Z;",
    ] {
        assert_eq!(read(&with_block(&token, source).unwrap(), "sql", Some("id")), Ok(()), "{source}");
    }
    let many = "check if time($t);".repeat(65);
    assert!(matches!(with_block(&token, &many), Err(TokenError::Block(_))));
}

/// What took for ever before anything was bounded: eight facts out of hundreds, and never one that is new.
#[test]
fn a_token_that_is_made_to_be_slow_is_refused_at_once() {
    let facts = (0..200).map(|n| format!("n({n});")).collect::<Vec<_>>().concat();
    let join = "x($a) <- n($a), n($b), n($c), n($d), n($e), n($f), n($g), n($h), $a < 0;";
    assert!(matches!(with_block(&token(Scope::ALL), &format!("{facts}{join}")), Err(TokenError::Block(_))));
    let fields: Vec<String> = (0..64).map(|n| format!("f{n}")).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let wide = token(scope(&[("sql", &fields)]));
    let join =
        "check if may_read_field($a, $b, $c, $d), may_read_field($e, $f, $g, $h), may_read_field($i, $j, $k, $l);";
    assert!(matches!(with_block(&wide, join), Err(TokenError::Block(_))));
}

#[test]
fn a_token_for_longer_than_a_day_is_none_whoever_signed_it() {
    let day = u64::try_from(crate::LONGEST.as_millis()).unwrap();
    let long = Claims { until_unix_ms: NOON + day + 2 * HOUR, ..claims(Scope::ALL) };
    assert_eq!(Token::issue(&long, NOON, &issuer(), &seed(2)).unwrap_err(), TokenError::TooLong);
    // Somebody's own program signs what it likes.
    let elsewhere = Token::issue(&long, NOON + 2 * HOUR, &issuer(), &seed(2)).unwrap();
    assert_eq!(read(&elsewhere, "sql", None), Err(Denied::TooLong));
    assert_eq!(read_at(&elsewhere, "sql", None, NOON + 2 * HOUR), Ok(()));
}

#[test]
fn a_token_that_was_altered_or_that_nobody_issued_is_none() {
    let token = token(Scope::ALL);
    let (other, own) = (Keypair::from_seed(&seed(9)).public_key(), issuer().public_key());
    assert_eq!(token.verify([&other]).unwrap_err(), TokenError::Signature);
    assert_eq!(token.verify([]).unwrap_err().code(), Code::TokenInvalid);
    assert_eq!(*token.verify([&other, &own]).unwrap().issuer(), own);
    let bytes = token.biscuit.to_vec().unwrap();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let Ok(altered) = UnverifiedBiscuit::from(&altered) else { continue };
        let Ok(altered) = Token::of(altered.to_base64().unwrap()) else { continue };
        if let Ok(verified) = altered.verify([&own]) {
            // The last bytes are the holder's own key, by which it would be narrowed: it may break that, and nothing else.
            assert_eq!(*verified.claims(), claims(Scope::ALL), "byte {at}");
        }
    }
    // A block that was taken away is missed: the key of the next one is signed.
    let narrow = token.narrow(&scope(&[("sql", &[])]), None, &seed(3)).unwrap();
    let text = narrow.as_str().trim_end_matches('=');
    for cut in 0..text.len() {
        let verified = text[..cut].parse::<Token>().and_then(|token| token.verify([&own]));
        assert!(verified.is_err(), "{cut}");
    }
}

#[test]
fn what_is_too_large_is_not_looked_at() {
    let code = |text: &str| text.parse::<Token>().unwrap_err().code();
    assert_eq!(code(&"A".repeat(crate::TOKEN_BYTES + 1)), Code::TooLarge);
    assert_eq!((code(""), code("nonsense"), code("{}")), (Code::TokenInvalid, Code::TokenInvalid, Code::TokenInvalid));
    let mut narrow = token(Scope::ALL);
    for n in 1..crate::BLOCKS {
        narrow = narrow.narrow(&Scope::ALL, Some(NOON), &seed(u8::try_from(n).unwrap())).unwrap();
    }
    let most = narrow.narrow(&Scope::ALL, Some(NOON), &seed(99)).unwrap_err();
    assert_eq!(most, TokenError::TooLarge { what: "blocks", found: crate::BLOCKS + 1, most: crate::BLOCKS });
    let fields: Vec<String> = (0..64).map(|n| format!("{n}{}", "x".repeat(250))).collect();
    let wide = Scope(vec![PortScope { port: "sql".parse().unwrap(), fields }]);
    assert_eq!(Token::issue(&claims(wide), NOON, &issuer(), &seed(2)).unwrap_err().code(), Code::TooLarge);
}

#[test]
fn what_was_revoked_is_remembered_for_longer_than_a_token_counts() {
    assert!(crate::latest_end(NOON) <= NOON + mesh_access::TOKEN_MEMORY_MS);
}

#[test]
fn padding_and_white_space_around_a_token_do_not_matter() {
    let token = token(Scope::ALL);
    let bare = format!(" {}\n", token.as_str().trim_end_matches('='));
    assert_eq!(bare.parse::<Token>().unwrap().as_str(), token.as_str());
}

#[test]
fn a_sealed_token_is_not_narrowed() {
    let sealed = token(Scope::ALL).biscuit.seal().unwrap().to_base64().unwrap().parse::<Token>().unwrap();
    assert_eq!(read(&sealed, "sql", None), Ok(()));
    assert_eq!(sealed.narrow(&Scope::ALL, Some(NOON), &seed(3)).unwrap_err(), TokenError::Sealed);
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let fields = proptest::collection::btree_set(prop_oneof!["x", "y", "z"], 0..3);
    let parts = proptest::collection::btree_map(prop_oneof!["a", "b", "c"], fields, 0..3);
    parts.prop_map(|parts| {
        let part = |(port, fields): (String, std::collections::BTreeSet<String>)| PortScope {
            port: port.parse().unwrap(),
            fields: fields.into_iter().collect(),
        };
        Scope(parts.into_iter().map(part).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A token says what its grant says; a narrowed one allows what both say, and nothing else.
    #[test]
    fn a_token_allows_what_all_of_its_blocks_allow(granted in any_scope(), narrowed in any_scope()) {
        let token = token(granted.clone());
        let narrow = token.narrow(&narrowed, None, &seed(3)).unwrap();
        for port in ["a", "b", "c", "later"] {
            let name: Name = port.parse().unwrap();
            for field in [None, Some("x"), Some("y"), Some("later")] {
                prop_assert_eq!(read(&token, port, field).is_ok(), granted.covers(&name, field), "{} {:?}", port, field);
                let both = granted.covers(&name, field) && narrowed.covers(&name, field);
                prop_assert_eq!(read(&narrow, port, field).is_ok(), both, "{} / {}: {} {:?}", granted, narrowed, port, field);
            }
        }
    }
}
