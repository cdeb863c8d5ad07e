//! `docs/lineage.md`: every command of it as written, in order, on one mesh.

use serde_json::{Value, json};
use crate::support::walk::Walk;
use crate::support::{page, until};

const PAGE: &str = "docs/lineage.md";

#[test]
fn what_is_made_of_what_is_shown_as_the_page_says() {
    let mut walk = Walk::of(PAGE);
    let (tree, _) = walk.step("lineage");
    let lines: Vec<&str> = tree.lines().collect();
    assert_eq!((lines[0], lines[1]), ("finance/revenue_report (major 1)", "is made of"));
    let line = |part: &str| *lines.iter().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}\n{tree}"));
    assert!(line("finance/invoices").starts_with("  finance/invoices (major 1) (at invoices"), "{tree}");
    assert!(line("sales/orders (major 2)").starts_with("    sales/orders"), "{tree}");
    assert!(line("postgres.pim.articles").ends_with("(at pim)"), "{tree}");
    assert!(tree.ends_with("supplies\n  nothing that is known here\n"), "{tree}");

    let (impact, said) = walk.step("impact");
    assert!(impact.contains(" are made of sales/orders (major 2)\n"), "{impact}");
    assert!(
        impact.contains("  1  logistics/shipments (major 1)") && impact.contains("  2  people_operations/shift_plan"),
        "{impact}"
    );
    assert!(impact.lines().last().unwrap().starts_with("to tell: "), "{impact}");
    assert!(said.contains("may not use this port or field"), "{said}");
    let (outside, _) = walk.step("outside");
    assert!(
        outside.contains("are made of postgres.pim.articles") && outside.contains("sales/orders (major 2)"),
        "{outside}"
    );
    let (printed, _) = walk.step("json");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&printed["from"]["product"], &printed["cut"]), (&json!("sales/orders"), &json!(false)));
    walk.ends();
    let mesh = &walk.mesh;
    let rows = page::read("docs/json.md");
    let row = |command: &str| rows.lines().find(|line| line.starts_with(&format!("| `{command}`"))).unwrap().to_owned();
    for part in [&printed, &printed["steps"][0], &printed["reached"][0]] {
        for key in part.as_object().unwrap().keys() {
            let row = row("impact");
            assert!(row.contains(&format!("`{key}`")) || row.contains(&format!("`{key}[]`")), "impact: {key}");
        }
    }
    // Everybody says the same.
    for url in mesh.urls() {
        until(&format!("{url} says the same"), || {
            let there = mesh.json(&format!("mesh impact sales/orders --node {url}"));
            let same = (&there["reached"], &there["steps"]) == (&printed["reached"], &printed["steps"]);
            same.then_some(()).ok_or_else(|| there.to_string())
        });
    }

    walk.refused(4, "mesh impact sales/nothing", "there is no product sales/nothing");
    walk.refused(4, "mesh impact sales/orders --major 9", "no major 9");
    walk.refused(4, "mesh impact sales/orders#nowhere", "no output port nowhere");
    walk.refused(4, "mesh impact sales/orders#sql.iban", "no field iban at port sql");
    walk.refused(2, "mesh impact sales/orders#sql.", "PORT.FIELD");
    walk.refused(2, "mesh impact orders", "orders");
    walk.refused(2, "mesh impact", "ID");
    walk.refused(4, "mesh impact --outside nowhere", "no input port of this mesh names nowhere");
    walk.refused(2, "mesh lineage sales/orders --hops 0", "hops");
    let near = mesh.json("mesh lineage sales/orders --down --hops 1");
    assert_eq!((&near["down"]["cut"], near.get("up")), (&json!(true), None));
}
