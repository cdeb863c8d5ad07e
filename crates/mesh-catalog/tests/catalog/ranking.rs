//! What is found, and in which order.

use crate::corpus::{Corpus, customer_profile, dataset, field, port, product, rule};
use mesh_catalog::{How, Lifecycle, Query};
use mesh_model::{InputPort, Name, PortKind, Source, SourceFile};

#[test]
fn each_tier_comes_before_the_next() {
    let mut title = product("d/c_title");
    title.title = "Shipment overview".into();
    let mut tag = product("d/c_tag");
    tag.tags = vec!["shipment".into()];
    let mut structure = product("d/b_structure");
    structure.datasets = vec![dataset("main", vec![field("shipment", "")])];
    let mut prose = product("d/a_prose");
    prose.description = "What we know of shipments, and of every shipment.".into();
    let corpus = Corpus::of(&[
        prose,
        structure,
        tag,
        title,
        product("d/d_shipmant"),
        product("d/shipment_daily"),
        product("z/shipment"),
    ]);
    assert_eq!(
        corpus.find("shipment"),
        [
            "z/shipment",
            "d/shipment_daily",
            "d/d_shipmant",
            "d/c_title", // title and its stem in prose
            "d/c_tag",
            "d/b_structure",
            "d/a_prose",
        ]
    );
}

#[test]
fn a_tier_never_loses_however_often_lower_ones_match() {
    let mut loud = product("d/loud");
    loud.title = "Orders orders".into();
    loud.tags = vec!["orders".into()];
    loud.description = "orders ".repeat(500);
    loud.datasets = vec![dataset("orders", vec![field("orders", "orders")])];
    loud.quality_rules = vec![rule("orders", "orders > 0")];
    let corpus = Corpus::of(&[loud, product("d/zz_orders_of_a_very_long_name_indeed"), product("d/ordres")]);
    assert_eq!(corpus.find("orders"), ["d/zz_orders_of_a_very_long_name_indeed", "d/ordres", "d/loud"]);
}

#[test]
fn id_and_name_come_first_as_typed_then_however_they_are_joined() {
    let corpus = Corpus::of(&[
        product("a/customer_profile_customer_profile"),
        product("b/customer-profile"),
        product("c/customer_profile"),
        product("c/customerprofile"),
    ]);
    assert_eq!(corpus.find("customer_profile")[0], "c/customer_profile");
    assert_eq!(corpus.find("Customer Profile")[..3], ["b/customer-profile", "c/customer_profile", "c/customerprofile"]);
    assert_eq!(corpus.find("customer-profile")[0], "b/customer-profile");
    assert_eq!(corpus.find("c/customerprofile")[0], "c/customerprofile");
    assert_eq!(corpus.find("c/customerprofile@1.0.0")[0], "c/customerprofile");
    assert_eq!(corpus.find("customerprofile")[0], "c/customerprofile");
}

#[test]
fn finds_the_guides_product_by_its_rule_column_and_contact() {
    let mut other = product("sales/customer_orders");
    other.description = "Orders by customer".into();
    let mut mailing = product("marketing/mailing");
    mailing.description = "Every email we sent".into();
    let corpus = Corpus::of(&[mailing, other, customer_profile()]);
    for query in
        ["customer email", "email customer", "email", "email_valid", "first_name", "customer-data-owners@company.com"]
    {
        assert_eq!(corpus.find(query)[0], "customer_experience/customer_profile", "{query}");
    }
    assert_eq!(corpus.find("customer email").len(), 3, "those with one of the words follow");
}

#[test]
fn all_words_in_any_place_beat_some_in_the_best() {
    let mut all = product("d/z_feed");
    all.description = "Weather satellite imagery".into();
    let corpus = Corpus::of(&[product("d/weather"), product("d/weather_weather"), all]);
    assert_eq!(corpus.find("weather satellite")[0], "d/z_feed");
}

#[test]
fn the_word_found_worst_decides_the_tier_whichever_stands_first() {
    let mut structure = product("a/customer");
    structure.datasets = vec![dataset("main", vec![field("email", "")])];
    let mut title = product("z/mailing");
    title.title = "Customer email".into();
    let corpus = Corpus::of(&[structure, title]);
    for query in ["customer email", "email customer"] {
        assert_eq!(corpus.find(query), ["z/mailing", "a/customer"], "{query}");
    }
}

#[test]
fn noaa_goes_leads_with_products_of_that_name() {
    let mut nexrad = product("registry/noaa-nexrad");
    nexrad.description = "NOAA radar; see also GOES".into();
    let mut goes_title = product("registry/satellites");
    goes_title.title = "NOAA GOES imagery".into();
    let corpus = Corpus::of(&[
        nexrad,
        goes_title,
        product("registry/noaa-goes16"),
        product("registry/noaa-goes"),
        product("registry/noaa-hrrr"),
    ]);
    assert_eq!(
        corpus.find("noaa goes"),
        [
            "registry/noaa-goes",
            "registry/noaa-goes16",
            "registry/satellites",
            "registry/noaa-nexrad",
            "registry/noaa-hrrr"
        ]
    );
    assert_eq!(corpus.find("goes16")[0], "registry/noaa-goes16");
    assert_eq!(corpus.find("GOES-16")[0], "registry/noaa-goes16");
    assert_eq!(corpus.find("noaa-goes16"), ["registry/noaa-goes16"], "nobody who types a name looks for its parts");
}

#[test]
fn forgives_typing_errors_by_length_in_names_only() {
    let mut prose = product("d/prose");
    prose.description = "warehouse".into();
    let corpus =
        Corpus::of(&[prose, product("d/cat"), product("d/fleet"), product("d/inventory"), product("d/year_2018")]);
    for (typo, expected) in [
        ("cut", vec![]),            // three letters: none
        ("flet", vec!["d/fleet"]),  // one
        ("felet", vec!["d/fleet"]), // neighbours swapped count as one
        ("flt", vec![]),
        ("invntroy", vec!["d/inventory"]), // two
        ("inventroyy", vec!["d/inventory"]),
        ("warehuose", vec![]), // prose
        ("2019", vec![]),      // numbers have no typing errors
    ] {
        assert_eq!(corpus.find(typo), expected, "{typo}");
    }
}

#[test]
fn finds_by_the_beginning_of_a_names_word() {
    let corpus = Corpus::of(&[product("d/inventory"), product("d/invoice")]);
    assert_eq!(
        corpus.find("inv"),
        ["d/invoice", "d/inventory"].map(String::from).into_iter().rev().collect::<Vec<_>>()
    );
    assert_eq!(corpus.find("inven"), ["d/inventory"]);
    assert_eq!(corpus.find("in"), [""; 0]);
}

#[test]
fn every_place_of_a_product_is_searched() {
    let mut d = product("some_domain/some_product");
    d.title = "Word01".into();
    d.tags = vec!["Word02".into()];
    d.description = "word03".into();
    d.owner.team = "word04".into();
    d.license = Some("word05".into());
    d.datasets = vec![dataset("word06", vec![field("word07", "word08")])];
    d.datasets[0].description = "word09".into();
    d.datasets[0].fields[0].term = Some("word10".into());
    d.datasets[0].fields[0].tags = vec!["word11".into()];
    d.quality_rules = vec![rule("word12", "t.word13 > 'word99'")];
    let mut p = port("word14", PortKind::Sql);
    p.format = Some("word15".into());
    p.location = Some("s3://word16/x".into());
    p.topic = Some("word17".into());
    p.description = "word18".into();
    d.outputs = vec![p];
    d.inputs = vec![InputPort {
        name: Name::parse("word19").unwrap(),
        source: Source::parse("postgres.word20.t").unwrap(),
        frequency: None,
        required: true,
        description: "word21".into(),
    }];
    d.documentation.support_contact = Some("word22@x.org".into());
    d.documentation.links = vec![mesh_model::Link { title: "word23".into(), url: String::new() }];
    d.owner.support = vec![mesh_model::SupportChannel { address: "#word24".into(), ..Default::default() }];
    d.compliance.regulations = vec!["word25".into()];
    d.source = Some(SourceFile { format: "hcl".into(), id: Some("word26".into()) });
    d.extensions = [("odps.x".to_owned(), mesh_model::JsonText::parse(r#"{"a":["word27"]}"#).unwrap())].into();
    let corpus = Corpus::of(&[d]);
    for n in 1..=27 {
        let word = format!("word{n:02}");
        let found = corpus.ask(&Query { explain: true, ..Query::text(format!("\"{word}\"")) });
        assert_eq!(found.total, 1, "{word}");
        assert!(!found.hits[0].why.is_empty(), "{word}");
    }
    assert!(corpus.find("\"word99\"").is_empty(), "literals are no columns");
    assert_eq!(corpus.find("some_domain sql").len(), 1);
}

#[test]
fn stems_prose_and_never_names() {
    let mut d = product("d/metrics");
    d.description = "Published daily for forecasting".into();
    let mut e = product("d/x");
    e.datasets = vec![dataset("publishing", vec![])];
    let corpus = Corpus::of(&[d, e]);
    assert_eq!(corpus.find("publishes forecast"), ["d/metrics"]);
    assert_eq!(corpus.find("publishes"), ["d/metrics"]);
}

#[test]
fn words_are_split_as_people_read_them() {
    let mut d = product("d/x");
    d.datasets = vec![dataset("CustomerOrders", vec![field("shipToAddress", ""), field("order_id", "")])];
    d.description = "See our GitHub in Zürich".into();
    let corpus = Corpus::of(&[d]);
    for query in
        ["customer", "customerorders", "ship address", "shiptoaddress", "shipToAddress", "orderid", "github", "zurich"]
    {
        assert_eq!(corpus.find(query), ["d/x"], "{query}");
    }
}

#[test]
fn finds_words_of_any_script() {
    let mut d = product("d/x");
    d.title = "顧客データ".into();
    d.description = "Данные клиентов, Größe, Zu\u{308}rich, naïve 🚀".into();
    let corpus = Corpus::of(&[d]);
    for query in
        ["顧客", "データ", "\"顧客\"", "клиентов", "КЛИЕНТОВ", "grosse", "GRÖSSE", "größe", "Zürich", "naive 🚀"]
    {
        assert_eq!(corpus.find(query), ["d/x"], "{query}");
    }
    assert!(corpus.find("🚀").is_empty());
}

#[test]
fn phrases_are_taken_as_they_stand() {
    let mut right = product("d/a");
    right.description = "The point of sale system".into();
    let mut wrong = product("d/b");
    wrong.description = "Sale points: a point, a sale of things".into();
    let mut fields = product("d/c");
    fields.datasets = vec![dataset("x", vec![field("point", ""), field("of", ""), field("sale", "")])];
    let corpus = Corpus::of(&[right, wrong, fields]);
    assert_eq!(corpus.find("\"point of sale\""), ["d/a"]);
    assert_eq!(corpus.find("\"point of sale\" system"), ["d/a"]);
    assert_eq!(corpus.find("point of sale").len(), 3);
    assert_eq!(corpus.find("\"sistem\""), [""; 0]);
}

#[test]
fn names_with_capitals_are_found_in_phrases_and_however_many_parts_they_have() {
    let mut phrase = product("d/a");
    phrase.title = "Commits from GitHub".into();
    let mut long = product("d/b");
    long.datasets = vec![dataset("x", vec![field("isActiveCustomerInLastThirtyDays", "")])];
    let corpus = Corpus::of(&[phrase, long]);
    for query in ["\"from GitHub\"", "\"GitHub\"", "\"github\"", "GitHub"] {
        assert_eq!(corpus.find(query), ["d/a"], "{query}");
    }
    assert_eq!(corpus.find("isActiveCustomerInLastThirtyDays"), ["d/b"]);
    assert_eq!(corpus.find("\"from GitLab\""), [""; 0]);

    // A letter without case before a capital: a text that a search for random ones came upon.
    let mut quoted = product("d/c");
    quoted.title = "\"ￒ{𐴀A\"".into();
    assert_eq!(Corpus::of(&[quoted]).find("\"ￒ{𐴀A\""), ["d/c"]);

    let found = corpus.ask(&Query { explain: true, ..Query::text("\"from GitHub\"") });
    assert!(found.hits[0].why.iter().any(|why| why.field == "title" && why.matched == "from GitHub"), "{found:?}");
}

#[test]
fn overflowed_text_is_searched() {
    let mut corpus = Corpus::new();
    let long = format!("{} needle {}", "hay stack ".repeat(15_000), "more straw ".repeat(15_000));
    assert!(long.len() > 300 * 1024);
    corpus.put_with(&product("d/long"), Lifecycle::Active, &["first".into(), long]);
    corpus.commit();
    let found = corpus.ask(&Query { explain: true, ..Query::text("needles straw") });
    assert_eq!(found.total, 1);
    let why = &found.hits[0].why;
    assert_eq!(why.iter().map(|reason| reason.field).collect::<Vec<_>>(), ["overflow", "overflow"]);
}

#[test]
fn explanations_name_the_field_and_what_stands_there() {
    let corpus = Corpus::of(&[customer_profile()]);
    let why = |text: &str| corpus.ask(&Query { explain: true, ..Query::text(text) }).hits.remove(0).why;
    let has = |text: &str, field: &str, term: &str, matched: &str, how: How| {
        let why = why(text);
        let found = why.iter().any(|r| r.field == field && r.term == term && r.matched == matched && r.how == how);
        assert!(found, "{text}: {why:?}");
        assert!(why.is_sorted_by(|a, b| a.weight >= b.weight));
    };
    has("customer email", "name", "customer", "customer_profile", How::Exact);
    has("customer email", "rule_column", "email", "email", How::Exact);
    has("customer email", "rule", "email", "email_valid", How::Exact);
    has("owners", "contact", "owners", "customer-data-owners@company.com", How::Exact);
    has("custmer", "name", "custmer", "customer_profile", How::Close);
    has("cust", "name", "cust", "customer_profile", How::Prefix);
    has("demographics", "description", "demographics", "demographic", How::Exact);
    has("\"preference data\"", "description", "preference data", "preference data", How::Exact);
    has("customer_profile", "name", "customer_profile", "customer_profile", How::Exact);
    has("parquet", "port_format", "parquet", "parquet", How::Exact);
    assert!(corpus.ask(&Query::text("customer")).hits[0].why.is_empty(), "only when asked for");
}

#[test]
fn scores_fall_and_ties_go_by_id() {
    let mut products: Vec<_> =
        (0..30).rev().map(|n| product(&format!("d/sales_{}", char::from(b'a' + n % 26)))).collect();
    products.push(product("d/a_sales_report"));
    let mut tagged = product("d/x");
    tagged.tags = vec!["sales".into()];
    products.push(tagged);
    let corpus = Corpus::of(&products);
    let found = corpus.ask(&Query { limit: 100, ..Query::text("sales report") });
    assert!(found.hits.is_sorted_by(|a, b| a.score >= b.score), "{:?}", found.hits);
    assert_eq!(found.hits[0].id.to_string(), "d/a_sales_report");
    let names: Vec<_> = found.hits[1..27].iter().map(|hit| hit.id.to_string()).collect();
    assert!(names.is_sorted() && names[0] == "d/sales_a", "{names:?}");
}

#[test]
fn rare_words_lead_to_the_same_products_as_reading_every_list() {
    // More documents than a window has, and words that are in all, in every second, in few.
    let mut corpus = Corpus::new();
    let mut expected = Vec::new();
    for n in 0..40_000_u32 {
        let name = format!(
            "d/p{n:05}_all{}{}",
            if n % 2 == 0 { "_even" } else { "" },
            if n % 9973 == 0 { "_rare" } else { "" }
        );
        if n % 9973 == 0 && n % 2 == 0 {
            expected.push(name.clone());
        }
        corpus.put(&product(&name), Lifecycle::Active);
    }
    corpus.commit();
    for query in ["all even rare", "rare even all", "even rare"] {
        let mut found = corpus.find(query);
        found.truncate(expected.len());
        assert_eq!(found, expected, "{query}");
    }
    assert_eq!(corpus.ask(&Query::text("all even")).total, 20_000);
    assert_eq!(corpus.ask(&Query::text("\"all\" \"rare\" nowhere")).total, 40_000);
}
