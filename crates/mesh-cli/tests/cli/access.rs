//! `docs/access.md`: every command of it as written, in order, on one mesh; and what the page says of them.

use crate::support::page;
use crate::support::walk::Walk;
use serde_json::{Value, json};

const PAGE: &str = "docs/access.md";

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_team_asks_gets_and_loses_access_as_the_page_says() {
    let mut walk = Walk::of(PAGE);
    walk.step("key");
    let (printed, said) = walk.step("request");
    assert!(printed.starts_with("request ") && said.contains("sql (order_id, placed_at, total, currency)"), "{said}");

    // Bad input, each told in a sentence; none of it leaves anything behind.
    let ask = "mesh access request sales/orders --as finance --purpose x --key bo.pem";
    walk.refused(3, &format!("{ask} --port nowhere"), "no output port nowhere");
    walk.refused(3, &format!("{ask} --port sql:iban"), "no field iban at port sql");
    walk.refused(3, &format!("{ask} --port sql --port sql"), "twice");
    walk.refused(2, &format!("{ask} --port sql:"), "PORT:FIELD");
    walk.refused(2, &format!("{ask} --days 0"), "days");
    walk.refused(4, &format!("{ask} --major 9"), "no version of major 9");
    walk.refused(4, "mesh access request sales/nothing --as finance --purpose x --key bo.pem", "sales/nothing");
    walk.refused(7, "mesh access request sales/orders --as marketing --purpose x --key bo.pem", "finance");
    walk.refused(3, "mesh access request sales/orders --as sales --purpose x", "owns the product");
    walk.refused(4, "mesh access show 00000000000000000000000000000000", "no request for access");
    walk.refused(2, "mesh access show 12", "fact id");

    let (waiting, _) = walk.step("waiting");
    assert!(waiting.contains("waiting") && waiting.contains("the monthly close"), "{waiting}");
    let id = walk.mesh.ok("mesh access list --waiting-for-me -o name");
    walk.refused(7, &format!("mesh access deny {} --note no --key bo.pem", id.trim()), "finance");
    let more = format!("mesh access approve {} --port batch", id.trim());
    walk.refused(3, &more, "batch was not asked for");
    walk.refused(3, &format!("mesh access approve {} --days 61", id.trim()), "at most the 60 days");
    // Nobody else reads what it is for.
    let others = walk.mesh.json(&format!("mesh access show {} --key .mesh/keys/logistics-root.pem", id.trim()));
    assert_eq!((&others["purpose_text"], &others["status"]), (&Value::Null, &json!("waiting")));

    let (_, said) = walk.step("approve");
    assert!(said.contains("sql (order_id, placed_at, total)") && said.contains("30 days"), "{said}");
    let (mine, _) = walk.step("mine");
    assert!(mine.contains("granted") && mine.contains("currency is always EUR"), "{mine}");
    assert!(walk.step("check").0.starts_with("yes: the grant "));
    assert!(walk.step("refused").0.starts_with("no: what finance was granted does not cover it"));
    let checked = walk.mesh.json("mesh access check sales/orders sql total --as finance");
    assert_eq!((&checked["allowed"], &checked["from_copy"]), (&json!(true), &json!(false)));
    for url in walk.mesh.urls() {
        let listed = walk.mesh.json(&format!("mesh access list --node {url}"));
        assert_eq!(listed["requests"][0]["status"], "granted");
        assert_eq!((&listed["unreached"], &listed["from_copies"]), (&json!([]), &json!([])));
    }

    let (_, said) = walk.step("revoke");
    assert!(said.contains("finance has no access to sales/orders (major 2) any more"), "{said}");
    assert!(walk.step("gone").0.contains("the latest request of finance is revoked"));
    assert!(walk.step("history").0.contains("revoked"));

    let (terms, _) = walk.step("rule");
    let rule = terms.lines().find(|line| line.contains("for finance, marketing: sql (order_id, placed_at)")).unwrap();
    let rule = rule.split_whitespace().next().unwrap().to_owned();
    let (printed, said) = walk.step("advance");
    assert!(said.contains("granted in advance"), "{said}");
    let shown = walk.mesh.ok(&format!("mesh access show {}", printed.trim().trim_start_matches("request ")));
    assert!(shown.contains(&format!("in advance, by {rule}")), "{shown}");
    walk.ends();
    walk.refused(7, "mesh access rule add sales/orders --for finance --key bo.pem", "finance");
    walk.refused(2, "mesh access rule add sales/orders", "--for");
    walk.refused(3, "mesh access rule add sales/orders --for sales", "owns the product");
    walk.refused(4, "mesh access rule add sales/orders --for nobody", "no domain nobody");
    walk.refused(4, "mesh access rule end sales 00000000000000000000000000000000", "no approval in advance");
    walk.mesh.ok(&format!("mesh access rule end sales {rule}"));
    walk.refused(4, &format!("mesh access rule end sales {rule}"), "no approval in advance");
    walk.refused(5, &format!("mesh access cancel {} --key bo.pem", id.trim()), "is revoked");

    // The page on JSON names what these print.
    let json = page::read("docs/json.md");
    let row = |command: &str| json.lines().find(|line| line.starts_with(&format!("| `{command}`"))).unwrap().to_owned();
    let listed = walk.mesh.json("mesh access list");
    let shown = walk.mesh.json(&format!("mesh access show {}", id.trim()));
    let terms = walk.mesh.json("mesh access terms sales");
    for (command, printed) in [
        ("access list", &listed),
        ("access list", &listed["requests"][0]),
        ("access check", &checked),
        ("access terms", &terms),
    ] {
        for key in keys(printed) {
            let row = row(command);
            assert!(row.contains(&format!("`{key}`")) || row.contains(&format!("`{key}[]`")), "{command}: {key}");
        }
    }
    for key in keys(&shown) {
        let rows = [row("access list"), row("access show")].concat();
        assert!(rows.contains(&format!("`{key}`")) || rows.contains(&format!("`{key}[]`")), "access show: {key}");
    }
}
