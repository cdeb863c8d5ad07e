//! Opening, filling, committing, counting.

use std::path::Path;

use crate::corpus::{Corpus, customer_profile, ids, product};
use mesh_catalog::{Directory, IndexOptions, Lifecycle, Query, SearchError, SearchIndex};
use mesh_model::{DomainName, ProductId, Version};
use proptest::prelude::*;
use tantivy::directory::RamDirectory;

fn reopen(directory: &RamDirectory) -> Result<Option<u64>, SearchError> {
    let directory: Box<dyn Directory> = Box::new(directory.clone());
    SearchIndex::open(directory, IndexOptions::default()).map(|opened| opened.position)
}

#[test]
fn an_empty_index_answers_everything_with_nothing() {
    let corpus = Corpus::new();
    for text in ["", "customer", "\"a b\"", "a/b"] {
        let found = corpus.ask(&Query::text(text));
        assert_eq!((found.total, found.hits.len(), found.position), (0, 0, None), "{text}");
    }
    assert_eq!((corpus.index.len(), corpus.index.position()), (0, None));
    assert!(corpus.index.is_empty() && corpus.index.suggest("a", 5).is_empty());
    corpus.index.verify().unwrap();
}

#[test]
fn nothing_is_seen_before_its_commit_nor_kept_without() {
    let mut corpus = Corpus::of(&[product("d/one")]);
    corpus.put(&product("d/two"), Lifecycle::Active);
    assert_eq!(corpus.find(""), ["d/one"]);
    let Corpus { index, directory, .. } = corpus;
    drop(index);
    let corpus = Corpus::open(directory);
    assert_eq!(corpus.find(""), ["d/one"]);
}

#[test]
fn reopening_keeps_products_and_position() {
    let corpus = Corpus::of(&[product("d/one"), product("d/two")]);
    corpus.index.commit(77).unwrap();
    assert!(matches!(reopen(&corpus.directory), Err(SearchError::Busy)), "one writer at a time");
    let Corpus { index, directory, .. } = corpus;
    drop(index);
    let corpus = Corpus::open(directory);
    assert_eq!(corpus.index.position(), Some(77));
    assert_eq!(corpus.index.len(), 2);
    let found = corpus.ask(&Query::text("one"));
    assert_eq!((found.position, ids(&found)), (Some(77), vec!["d/one".to_owned()]));
    assert_eq!(found.facets.domains, [("d".to_owned(), 1)]);
}

#[test]
fn damage_and_other_versions_are_told_apart_from_failures() {
    for (file, content) in [
        ("meta.json", b"{\"segments\":".as_slice()),
        ("meta.json", b""),
        ("meta.json", b"\xff\xfe garbage"),
        (".managed.json", b"nonsense"),
    ] {
        let Corpus { index, directory, .. } = Corpus::of(&[product("d/one")]);
        drop(index);
        directory.atomic_write(Path::new(file), content).unwrap();
        let error = reopen(&directory).unwrap_err();
        assert!(error.is_damaged(), "{file}: {error:?}");
    }

    let Corpus { index, directory, .. } = Corpus::of(&[product("d/one")]);
    drop(index);
    let meta = String::from_utf8(directory.atomic_read(Path::new("meta.json")).unwrap()).unwrap();
    let other = meta.replace(r#"\"schema\":1"#, r#"\"schema\":9999"#);
    assert_ne!(meta, other);
    directory.atomic_write(Path::new("meta.json"), other.as_bytes()).unwrap();
    let error = reopen(&directory).unwrap_err();
    assert!(error.is_damaged() && error.to_string().contains("found 9999"), "{error}");

    let other = meta.replace("\"prose\"", "\"poetry\"");
    assert_ne!(meta, other);
    directory.atomic_write(Path::new("meta.json"), other.as_bytes()).unwrap();
    assert!(reopen(&directory).unwrap_err().is_damaged());
}

#[test]
fn a_lost_segment_file_is_damage() {
    let Corpus { index, directory, .. } = Corpus::of(&[product("d/one")]);
    drop(index);
    let managed = String::from_utf8(directory.atomic_read(Path::new(".managed.json")).unwrap()).unwrap();
    let lost =
        managed.split('"').find(|name| Path::new(name).extension().is_some_and(|e| e == "idx")).unwrap().to_owned();
    directory.delete(Path::new(&lost)).unwrap();
    assert!(reopen(&directory).unwrap_err().is_damaged());
}

#[test]
fn putting_again_replaces_and_removing_removes() {
    let mut corpus = Corpus::of(&[product("d/one"), product("d/two")]);
    let mut next = product("d/one");
    next.version = Version::new(2, 0, 0);
    next.title = "Uno".into();
    next.description = "x".repeat(500);
    corpus.put(&next, Lifecycle::Active);
    corpus.commit();
    let found = corpus.ask(&Query::text("uno"));
    assert_eq!(found.total, 1);
    assert_eq!(found.hits[0].version, Version::new(2, 0, 0));
    assert_eq!(found.hits[0].description.len(), 200);
    assert_eq!(found.hits[0].ledger_index, 3);
    assert_eq!(corpus.index.len(), 2);

    corpus.index.remove(&ProductId::parse("d/one").unwrap()).unwrap();
    corpus.index.remove(&ProductId::parse("d/never_there").unwrap()).unwrap();
    corpus.commit();
    assert_eq!(corpus.find(""), ["d/two"]);
    assert!(corpus.find("uno").is_empty());
    assert_eq!(corpus.index.suggest("d/", 9).len(), 1);
    assert_eq!(corpus.ask(&Query::text("")).facets.domains, [("d".to_owned(), 1)]);
}

#[test]
fn put_then_remove_in_one_commit_leaves_nothing_and_the_other_way_round_leaves_it() {
    let mut corpus = Corpus::new();
    let id = ProductId::parse("d/one").unwrap();
    corpus.put(&product("d/one"), Lifecycle::Active);
    corpus.index.remove(&id).unwrap();
    corpus.commit();
    assert!(corpus.index.is_empty());
    corpus.index.remove(&id).unwrap();
    corpus.put(&product("d/one"), Lifecycle::Active);
    corpus.put(&product("d/one"), Lifecycle::Active);
    corpus.commit();
    assert_eq!(corpus.find("one"), ["d/one"]);
}

#[test]
fn retired_products_show_only_when_asked_for() {
    let mut corpus = Corpus::of(&[product("d/one"), product("d/two")]);
    corpus.put(&product("d/one"), Lifecycle::Retired);
    corpus.put(&product("d/two"), Lifecycle::Deprecated);
    corpus.commit();
    assert_eq!(corpus.find(""), ["d/two"]);
    assert!(corpus.find("one").is_empty());
    let of = |statuses: &[Lifecycle], text: &str| {
        ids(&corpus.ask(&Query { statuses: statuses.into(), ..Query::text(text) }))
    };
    assert_eq!(of(&[Lifecycle::Retired], ""), ["d/one"]);
    assert_eq!(of(&[Lifecycle::Retired], "one"), ["d/one"]);
    assert_eq!(of(&Lifecycle::ALL, ""), ["d/one", "d/two"]);
    assert_eq!(of(&[Lifecycle::Active], ""), [""; 0]);
    let everything = corpus.ask(&Query::text(""));
    assert_eq!((everything.total, everything.facets.statuses), (1, vec![("deprecated".to_owned(), 1)]));
}

fn sales() -> Corpus {
    let mut products = Vec::new();
    for n in 0..40_u8 {
        let domain = ["north", "south", "east"][usize::from(n) % 3];
        let mut p = product(&format!("{domain}/sales_{n:02}"));
        p.owner.team = format!("Team {}", n % 2);
        p.tags = vec!["PII".into(), format!("tag{n}"), "PII".into()];
        if n % 4 == 0 {
            p.tags.push("gold".into());
        }
        products.push(p);
    }
    Corpus::of(&products)
}

#[test]
fn facets_count_all_that_was_found_not_the_page() {
    let corpus = sales();
    for text in ["sales", ""] {
        let found = corpus.ask(&Query { limit: 1, ..Query::text(text) });
        assert_eq!((found.total, found.hits.len()), (40, 1));
        let count = |value: &str, n| (value.to_owned(), n);
        assert_eq!(found.facets.domains, [count("north", 14), count("east", 13), count("south", 13)]);
        assert_eq!(found.facets.owners, [count("Team 0", 20), count("Team 1", 20)]);
        assert_eq!(found.facets.statuses, [count("active", 40)]);
        assert_eq!(found.facets.tags.len(), 20);
        assert_eq!(found.facets.tags[..3], [count("PII", 40), count("gold", 10), count("tag0", 1)]);
    }
}

#[test]
fn filters_combine_and_ignore_case() {
    let corpus = sales();
    let domain = |name: &str| DomainName::parse(name).unwrap();
    for text in ["", "sales"] {
        let with = |query: Query| corpus.ask(&Query { text: text.into(), limit: 100, ..query }).total;
        assert_eq!(with(Query { domains: vec![domain("north"), domain("east")], ..Query::default() }), 27);
        assert_eq!(with(Query { tags: vec!["pii".into(), "GOLD".into()], ..Query::default() }), 10);
        assert_eq!(with(Query { owners: vec!["team 1".into()], ..Query::default() }), 20);
        assert_eq!(with(Query { owners: vec!["team 1".into()], tags: vec!["gold".into()], ..Query::default() }), 0);
        assert_eq!(with(Query { tags: vec!["unheard of".into()], ..Query::default() }), 0);
        assert_eq!(with(Query { domains: vec![domain("west")], ..Query::default() }), 0);
        let both = Query { domains: vec![domain("north")], tags: vec!["gold".into()], ..Query::default() };
        let found = corpus.ask(&Query { text: text.into(), limit: 100, ..both });
        assert!(found.hits.iter().all(|hit| hit.id.domain.as_str() == "north" && hit.tags.contains(&"gold".into())));
        assert_eq!((found.total, found.facets.domains.len()), (4, 1));
    }
}

#[test]
fn pages_join_to_the_whole_whatever_the_segments() {
    let mut corpus = Corpus::new();
    for n in 0..97_u32 {
        corpus.put(&product(&format!("d{}/sales_{:02}", n % 7, (n * 37) % 97)), Lifecycle::Active);
        if n % 10 == 0 {
            corpus.commit(); // a segment each
        }
    }
    corpus.put(&product("d0/sales_00"), Lifecycle::Active); // replaces one in another segment
    corpus.commit();
    for query in [
        Query::text("sales"),
        Query::text(""),
        Query { tags: vec![], statuses: Lifecycle::ALL.into(), ..Query::text("") },
    ] {
        let whole = corpus.ask(&Query { limit: 1000, ..query.clone() });
        assert_eq!((whole.total, whole.hits.len()), (97, 97));
        let mut pages = Vec::new();
        for offset in (0..120).step_by(13) {
            pages.extend(ids(&corpus.ask(&Query { limit: 13, offset, ..query.clone() })));
        }
        assert_eq!(pages, ids(&whole));
        let mut sorted = pages.clone();
        sorted.sort();
        assert_eq!(pages, sorted, "alike products come by id");
    }
}

#[test]
fn counts_stay_right_while_products_change_and_segments_merge() {
    let mut corpus = Corpus::new();
    for round in 0..30_u32 {
        for n in 0..5 {
            let mut p = product(&format!("d/p{}", char::from(b'a' + u8::try_from((round + n) % 10).unwrap())));
            p.tags = vec![format!("round{}", round % 3)];
            corpus.put(&p, if (round + n) % 4 == 0 { Lifecycle::Retired } else { Lifecycle::Active });
        }
        corpus.commit();
        let listed = corpus.ask(&Query { limit: 100, ..Query::text("") });
        let counted = corpus.ask(&Query {
            statuses: vec![Lifecycle::Active, Lifecycle::Draft, Lifecycle::Deprecated],
            limit: 100,
            ..Query::text("")
        });
        assert_eq!(listed, counted, "round {round}: kept counts and fresh ones agree");
        assert_eq!(listed.total, listed.hits.len());
    }
    corpus.index.verify().unwrap();
}

#[test]
fn limits_hold() {
    let corpus = sales();
    assert_eq!(corpus.ask(&Query { limit: 0, ..Query::text("sales") }).total, 40);
    assert!(corpus.ask(&Query { limit: 0, ..Query::text("sales") }).hits.is_empty());
    for (limit, offset) in [(usize::MAX, 0), (usize::MAX, usize::MAX), (1, usize::MAX), (5, 39)] {
        for text in ["", "sales"] {
            let found = corpus.ask(&Query { limit, offset, ..Query::text(text) });
            assert_eq!(found.hits.len(), 40_usize.saturating_sub(offset).min(limit), "{limit} {offset}");
        }
    }
}

#[test]
fn suggests_ids_then_names_then_what_was_meant() {
    let corpus = Corpus::of(&[customer_profile(), product("sales/customer_orders"), product("customer_care/calls")]);
    let suggest = |text: &str| corpus.index.suggest(text, 9).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(suggest("sal"), ["sales/customer_orders"]);
    assert_eq!(
        suggest("customer_"),
        ["customer_care/calls", "customer_experience/customer_profile", "sales/customer_orders"]
    );
    assert_eq!(suggest("custmer_profle")[0], "customer_experience/customer_profile");
    assert_eq!(suggest("Sales/CUSTOMER_or"), ["sales/customer_orders"]);
    assert_eq!(corpus.index.suggest("", 2).len(), 2);
    assert!(suggest("zzz").is_empty());
}

#[test]
fn json_keys_are_stable() {
    let corpus = Corpus::of(&[customer_profile()]);
    let found = corpus.ask(&Query { explain: true, ..Query::text("customer email") });
    let json = serde_json::to_value(&found).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&json), "total hits facets position");
    assert_eq!(keys(&json["hits"][0]), "id version title description status owner tags ledger_index score why");
    assert_eq!(keys(&json["hits"][0]["why"][0]), "field term matched weight how");
    assert_eq!(keys(&json["facets"]), "domains tags statuses owners");
    assert_eq!(json["hits"][0]["status"], "active");
    assert_eq!(json["hits"][0]["id"], "customer_experience/customer_profile");
}

#[test]
fn hostile_queries_are_just_words() {
    let corpus = sales();
    for text in [
        "\"",
        "\"\"\"",
        "sales\" OR \"",
        "(((((",
        "sales AND NOT",
        "name:sales^9~2 [a TO z} /re.*gex/",
        "*",
        "?",
        "\\",
        "-sales",
        "+sales",
        "\0\0sales",
        "\u{202e}selas",
        "%s%n",
        "'; DROP TABLE products; --",
        "=sales_01",
        "~sales",
        "\u{1}",
        "\n\t",
        "ﷺ",
        "🏳️‍🌈",
        "a\u{301}\u{301}\u{301}",
        "İstanbul ẞ ǅ ﬃ",
    ] {
        corpus.index.search(&Query { explain: true, ..Query::text(text) }).unwrap();
        corpus.index.suggest(text, 5);
    }
    for piece in ["a", "sales ", "\"", "ü", "\"a b\" ", "aB1", "顧"] {
        let text = piece.repeat(50_000);
        corpus.index.search(&Query { explain: true, ..Query::text(&text) }).unwrap();
        corpus.index.suggest(&text, 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_a_search_fail(text in "\\PC{0,60}", described in "\\PC{0,200}") {
        let mut d = product("d/one");
        d.description = described.clone();
        d.title.clone_from(&text);
        let corpus = Corpus::of(&[d]);
        corpus.index.search(&Query { explain: true, ..Query::text(&text) }).unwrap();
        corpus.index.suggest(&described, 5);
        // Whatever has words finds the product that is titled so.
        if corpus.find(&text).is_empty() {
            prop_assert!(!text.chars().any(|c| c.is_ascii_alphanumeric()), "{text:?}");
        }
    }
}
