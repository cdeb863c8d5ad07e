//! `docs/insights.md`: every command of it as written, in order, on one mesh; and its worked example.

use crate::support::walk::Walk;
use crate::support::{http, page, until};
use serde_json::{Value, json};

const PAGE: &str = "docs/insights.md";

fn measure<'a>(document: &'a Value, name: &str) -> &'a Value {
    let measures = document["measures"].as_array().unwrap();
    measures.iter().find(|measure| measure["name"] == name).unwrap_or_else(|| panic!("{name}: {document}"))
}

#[test]
fn measures_come_of_the_history_as_the_page_says() {
    let mut walk = Walk::of(PAGE);
    let (shown, _) = walk.step("insights");
    for row in page::read(PAGE).lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = row.split('`').next().unwrap();
        assert!(shown.contains(name), "{name}: {shown}");
    }
    let (before, _) = walk.step("before");
    assert!(before.contains("as of 2020-01-01") || before.contains("as of 2020-01-02 00:00:00Z"), "{before}");
    let line = |text: &str, name: &str| text.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line(&before, "active_products").contains(" 0"), "{before}");

    let file = page::blocks(&page::read(PAGE)).into_iter().find(|block| block.language == "toml").unwrap();
    std::fs::write(walk.mesh.folder().join(file.attribute("file").unwrap()), &file.text).unwrap();
    // Somebody asks and is answered.
    walk.mesh.ok("mesh key new --out bo.pem\n\
         mesh member request --role domain-data-engineer --domain finance --key bo.pem --out bo.meshcmd\n\
         mesh sign bo.meshcmd --key .mesh/keys/finance-root.pem --yes\n\
         mesh submit bo.meshcmd");
    let id = walk.mesh.ok("mesh access request sales/orders --as finance --purpose x --days 9 --key bo.pem -o name");
    let sales = |document: &Value| {
        let domains = document["domains"].as_array().unwrap();
        domains.iter().find(|domain| domain["domain"] == "sales").unwrap().clone()
    };
    // The node that is asked may have a copy of the feed only, which comes a moment later.
    let soon = |waiting: u64, granted: u64| {
        until("the node knows of the request", || {
            let document = walk.mesh.json("mesh insights --weeks 0");
            let found = (&sales(&document)["requests_waiting"], &measure(&document, "time_to_access")["of"]);
            if found == (&json!(waiting), &json!(granted)) { Ok(()) } else { Err(document.to_string()) }
        });
    };
    soon(1, 0);
    walk.mesh.ok(&format!("mesh access approve {}", id.trim()));
    soon(0, 1);
    let (objectives, _) = walk.step("objectives");
    assert!(line(&objectives, "cross_domain_use from").contains("from 20 % to 35 % by 2027-12-31"), "{objectives}");
    assert!(line(&objectives, "time_to_access from").contains("from 4 d to 2 d by 2027-06-30"), "{objectives}");
    let (printed, _) = walk.step("json");
    walk.ends();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["weeks"].as_array().unwrap().len(), 5);
    assert_eq!(printed["weeks"][4]["measures"], printed["measures"]);
    let products = walk.mesh.json("mesh list --limit 1000");
    let active =
        products["products"].as_array().unwrap().iter().filter(|product| product["status"] != "retired").count();
    assert_eq!(measure(&printed, "active_products")["value"].as_str().unwrap(), active.to_string());
    assert_eq!(
        (&measure(&printed, "time_to_access")["of"], &sales(&printed)["requests_waiting"]),
        (&json!(1), &json!(0))
    );
    // Every node says the same, as far as it has the feeds.
    let moment = printed["at_unix_ms"].as_u64().unwrap();
    for url in walk.mesh.urls() {
        until(&format!("{url} says the same"), || {
            let (status, body) = http::get(&format!("{url}/api/v1/insights?at_unix_ms={moment}")).unwrap();
            assert_eq!(status, 200);
            let there: Value = serde_json::from_slice(&body).unwrap();
            let same = there["insights"][0]["measures"] == printed["measures"] || there["unreached"] != json!([]);
            if same { Ok(()) } else { Err(there.to_string()) }
        });
    }
    let rows = page::read("docs/json.md");
    let row = rows.lines().find(|line| line.starts_with("| `insights`")).unwrap();
    for part in [&printed, &printed["measures"][0], &printed["domains"][0]] {
        for key in part.as_object().unwrap().keys() {
            assert!(row.contains(&format!("`{key}`")) || row.contains(&format!("`{key}[]`")), "{key}");
        }
    }
    walk.refused(2, "mesh insights --as-of soon", "as-of");
    walk.refused(2, "mesh insights --weeks 500", "weeks");
    walk.refused(4, "mesh insights --objectives nowhere.toml", "nowhere.toml");
    let folder = walk.mesh.folder();
    let bad = "[[objective]]\nmeasure = \"happiness\"\nbaseline = 1\ntarget = 2\nby = \"2027-01-01\"\n";
    std::fs::write(folder.join("bad.toml"), bad).unwrap();
    walk.refused(3, "mesh insights --objectives bad.toml", "happiness is no measure");
    std::fs::write(folder.join("bad.toml"), "objective = 3").unwrap();
    walk.refused(3, "mesh insights --objectives bad.toml", "bad.toml");
}
