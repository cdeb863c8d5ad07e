//! `docs/lineage.md`: every command of it as written, in order, on one mesh.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::walk::Walk;
use crate::support::{page, until};
use serde_json::{Value, json};

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
    let mut last = impact.lines().rev();
    assert_eq!(last.next().unwrap(), "no pipeline told this node of anything that is made of sales/orders#sql.total");
    assert!(last.next().unwrap().starts_with("to tell: "), "{impact}");
    assert!(said.contains("may not use this port or field"), "{said}");
    let (outside, _) = walk.step("outside");
    assert!(
        outside.contains("are made of postgres.pim.articles") && outside.contains("sales/orders (major 2)"),
        "{outside}"
    );
    let (printed, _) = walk.step("json");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&printed["from"]["product"], &printed["cut"]), (&json!("sales/orders"), &json!(false)));
    pipelines(&mut walk);
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

/// What pipelines told, and what is made of it.
fn pipelines(walk: &mut Walk) {
    let none = walk.mesh.ok("mesh lineage finance/revenue_report --observed");
    assert!(none.contains("no pipeline told this node anything yet"), "{none}");
    for secret in ["pipelines.token", "node-1/node.toml"] {
        let mode = std::fs::metadata(walk.mesh.folder().join(".mesh").join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let (told, _) = walk.step("tell");
    let told: Value = serde_json::from_str(&told).unwrap();
    let ports = |key: &str| -> Vec<(String, usize)> {
        let ports = |dataset: &Value| dataset["ports"].as_array().unwrap().len();
        let datasets = told[key].as_array().unwrap_or_else(|| panic!("{told}"));
        datasets.iter().map(|dataset| (dataset["dataset"].as_str().unwrap().to_owned(), ports(dataset))).collect()
    };
    let invoices = "postgres://warehouse:5432/warehouse.finance.invoices";
    let rates = "s3://data-products/finance/exchange-rates.csv";
    assert_eq!(ports("inputs"), [(invoices.into(), 1), (rates.into(), 1), ("file/srv/corrections.csv".into(), 0)]);
    assert_eq!(ports("outputs"), [("postgres://warehouse:5432/warehouse.finance.revenue".into(), 1)]);
    assert_eq!((&told["supplies"], &told["cut"]), (&json!(3), &json!(false)));

    let has_client = walk.mesh.run("python3 -c 'import openlineage.client'").status.success();
    if has_client {
        let (said, _) = walk.step("client");
        assert_eq!(said, "told\n");
    } else {
        walk.next("client");
        eprintln!("skipped: openlineage-python is not installed");
    }
    let (observed, _) = walk.step("observed");
    let line =
        |part: &str| observed.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}\n{observed}"));
    let runs = if has_client { "(2 runs, the last of " } else { "(1 run, the last of " };
    let supply = "  finance/invoices#sql (major 1) -> finance/revenue_report#sql (major 1)  ";
    assert!(line("invoices#sql").starts_with(&format!("{supply}{runs}")), "{observed}");
    assert!(
        line("corrections.csv").starts_with("  file/srv/corrections.csv -> finance/revenue_report#sql"),
        "{observed}"
    );
    assert_eq!(line("all of it"), "    all of it depends on currency");
    assert!(observed.contains("    net_revenue is made of rate\n"), "{observed}");
    let (column, _) = walk.step("column");
    assert!(
        column.contains(
            "made of finance/invoices#sql.net:\n  1  finance/revenue_report#sql (major 1): net_revenue, of net\n"
        ),
        "{column}"
    );
    let printed = walk.mesh.json("mesh impact finance/invoices#sql.net");
    let seen = walk.mesh.json("mesh lineage finance/revenue_report --observed");
    let rows = page::read("docs/json.md");
    let row = |command: &str| rows.lines().find(|line| line.starts_with(&format!("| `{command}`"))).unwrap().to_owned();
    let came_in = &seen["came_in"][0];
    for (command, part) in [
        ("impact", &printed),
        ("impact", &printed["columns"][0]),
        ("lineage --observed", &seen),
        ("lineage --observed", came_in),
        ("lineage --observed", &came_in["columns"][0]),
        ("lineage --observed", &came_in["to"]),
    ] {
        for key in part.as_object().unwrap().keys() {
            let row = row(command);
            assert!(row.contains(&format!("`{key}`")) || row.contains(&format!("`{key}[]`")), "{command}: {key}");
        }
    }
    // Whoever has no token, or tells nonsense.
    let tell = "curl -sS -w '%{http_code}' http://127.0.0.1:7080/api/v1/lineage --data-binary";
    let with = "-H \"authorization: Bearer $(cat .mesh/pipelines.token)\"";
    for (line, status, part) in [
        (format!("{tell} @examples/lineage/revenue.json"), "401", "MESH-0141"),
        (format!("{tell} @examples/lineage/revenue.json -H 'authorization: Bearer wrong'"), "401", "MESH-0141"),
        (format!("{tell} '{{}}' {with}"), "400", "/eventTime: is missing"),
        (format!("{tell} nonsense {with}"), "400", "not what was expected"),
    ] {
        let answer = walk.mesh.ok(&walk.here(&line));
        assert!(answer.ends_with(status) && answer.contains(part), "{line}: {answer}");
    }
    walk.refused(4, "mesh lineage sales/nothing --observed", "there is no product sales/nothing");
    walk.refused(2, "mesh lineage sales/orders --observed --up", "--up");
    let none = walk.mesh.ok("mesh impact sales/orders#sql.total");
    assert!(none.contains("no pipeline told this node of anything that is made of sales/orders#sql.total"), "{none}");
}
