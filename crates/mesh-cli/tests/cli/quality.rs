//! `docs/quality.md`: every command of it as written, in order, on one mesh; and what the page says of them.

use crate::support::walk::Walk;
use crate::support::{page, until};
use serde_json::{Value, json};

const PAGE: &str = "docs/quality.md";
const REVIEWS: &str = "customer_experience/reviews";
const RUN: &str = "mesh quality run customer_experience/reviews --data batch=";

fn check<'a>(ports: &'a Value, name: &str) -> &'a Value {
    let checks = ports[0]["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {ports}"))
}

#[test]
fn a_bad_row_burns_the_budget_and_the_fix_closes_the_incident_as_the_page_says() {
    let mut walk = Walk::of(PAGE);
    let (before, said) = walk.step("before");
    assert!(before.contains("passed   email_valid") && before.contains("completeness  100 %"), "{before}");
    assert!(said.contains("not stated: only of what is sealed"), "{said}");
    walk.step("apply");
    let (_, said) = walk.step("run");
    assert!(said.contains("mesh quality show customer_experience/reviews"), "{said}");

    let (bad, said) = walk.step("bad");
    assert!(bad.contains("failed   email_valid  1 of 40 rows failed"), "{bad}");
    // The row is there, and whose it is is not.
    assert!(bad.contains("failed email_valid: {") && !bad.contains("barbara"), "{bad}");
    assert!(said.contains("a promise is broken at port batch") && said.contains("[MESH-0213]"), "{said}");

    let (shown, _) = walk.step("show");
    assert!(shown.contains("at risk  email_valid") && shown.contains("healthy  stars_in_range"), "{shown}");
    assert!(shown.contains("open    email_valid at port batch of major 1"), "{shown}");
    // The node that is asked may have a copy of the feed only, which comes a moment later.
    let soon = |walk: &Walk, arguments: &str, fits: &dyn Fn(&Value) -> bool| {
        until(arguments, || {
            let listed = walk.mesh.json(&format!("mesh quality incidents {arguments}"));
            if fits(&listed["incidents"]) { Ok(listed) } else { Err(listed.to_string()) }
        })
    };
    soon(&walk, "--domain customer_experience", &|listed| listed[0]["check"] == "email_valid");
    let (incidents, _) = walk.step("incidents");
    assert!(incidents.contains(REVIEWS) && incidents.contains("open"), "{incidents}");

    let details = walk.next("details");
    let view = walk.mesh.json(&format!("mesh quality show {REVIEWS}"));
    let run = view["incidents"][0]["run"].as_str().unwrap().to_owned();
    let told = walk.mesh.ok(&details.text.replace("RUN", &run));
    assert!(told.contains("failed   email_valid  1 of 40 rows") && told.contains("failed email_valid: {"), "{told}");
    // Others see that it failed, and not in what.
    let line = format!("mesh quality show {REVIEWS} --run {run} --key .mesh/keys/logistics-root.pem -o json");
    let others: Value = serde_json::from_str(&walk.mesh.ok(&line)).unwrap();
    assert_eq!((&others["checks"], others.get("rows_that_failed")), (&view["runs"][0]["checks"], None));
    keys("quality show --run", &walk.mesh.json(&format!("mesh quality show {REVIEWS} --run {run}")));

    walk.step("fixed");
    let (after, _) = walk.step("after");
    let after: Value = serde_json::from_str(&after).unwrap();
    let incident = &after["incidents"][0];
    assert_eq!((&incident["run"], &incident["end"]["how"]), (&json!(run), &json!("fixed")));
    let promises = after["places"][0]["promises"].as_array().unwrap();
    let email = promises.iter().find(|promise| promise["name"] == "email_valid").unwrap();
    assert!(email["broken_ms"].as_u64().unwrap() > 0, "what was spent stays spent: {email}");
    for url in walk.mesh.urls() {
        let there = walk.mesh.json(&format!("mesh quality show {REVIEWS} --node {url}"));
        assert_eq!((&there["incidents"], &there["runs"]), (&after["incidents"], &after["runs"]));
    }
    let (_, said) = walk.step("watch");
    assert!(said.contains("no promise of severity error is broken"), "{said}");
    walk.step("report");
    let all = walk.mesh.json(&format!("mesh quality show {REVIEWS}"));
    let tools: Vec<&Value> = all["places"].as_array().unwrap().iter().map(|place| &place["tool"]).collect();
    assert_eq!(tools, ["mesh-quality", "soda"]);
    assert_eq!(all["incidents"][0]["check"], "no duplicates");
    walk.ends();

    keys("quality show", &all);
    keys("quality show", &all["places"][0]);
    keys("quality show", &all["places"][0]["promises"][0]);
    keys("quality show", &all["runs"][0]);
    let listed =
        soon(&walk, "--ended", &|listed| listed[0]["check"] == "no duplicates" && listed[1]["end"]["how"] == "fixed");
    keys("quality incidents", &listed);
    keys("quality incidents", &listed["incidents"][0]);
    keys("quality incidents", &listed["incidents"][1]["end"]);
    bad_input(&walk);
}

/// Every key of a document stands in its row of docs/json.md.
fn keys(command: &str, document: &Value) {
    let rows = page::read("docs/json.md");
    let row = rows.lines().find(|line| line.starts_with(&format!("| `{command}`"))).unwrap();
    let others = rows.lines().filter(|line| line.starts_with("| `quality ")).collect::<String>();
    for key in document.as_object().unwrap().keys() {
        let told = |text: &str| text.contains(&format!("`{key}`")) || text.contains(&format!("`{key}[]`"));
        assert!(told(row) || told(&others), "{command}: {key}");
    }
}

fn bad_input(walk: &Walk) {
    let folder = walk.mesh.folder();
    let count = || walk.mesh.json(&format!("mesh quality show {REVIEWS} --runs 200"))["runs"].as_array().unwrap().len();
    let before = count();
    std::fs::write(folder.join("empty.csv"), "").unwrap();
    std::fs::write(folder.join("torn.parquet"), "PAR1 and no more").unwrap();
    std::fs::write(folder.join("other.csv"), "a,b\n1,2\n").unwrap();
    let run = |data: &str| format!("{RUN}{data} --no-report");
    walk.refused(6, &run("nowhere.csv"), "nowhere.csv");
    walk.refused(6, &run("empty.csv"), "empty");
    walk.refused(6, &run("torn.parquet"), "torn.parquet");
    walk.refused(2, "mesh quality run examples/customer_profile.hcl --port api", "no port of");
    let other = walk.mesh.run(&format!("{} -o json", run("other.csv")));
    assert_eq!(other.status.code(), Some(3));
    let other: Value = serde_json::from_slice(&other.stdout).unwrap();
    let rule = check(&other["ports"], "email_valid");
    assert_eq!(rule["verdict"], "error", "{rule}");
    assert!(rule["why"].as_str().unwrap().contains("email"), "{rule}");
    walk.refused(2, "mesh quality run customer_experience/reviews --data nowhere=x.csv", "no port nowhere");
    walk.refused(2, "mesh quality run customer_experience/reviews --data batch", "PORT=PATH");
    walk.refused(2, "mesh quality run customer_experience/reviews --memory 1", "memory");
    walk.refused(4, "mesh quality run customer_experience/none --data batch=other.csv", "customer_experience/none");
    walk.refused(4, "mesh quality show customer_experience/none", "customer_experience/none");
    walk.refused(4, &format!("mesh quality show {REVIEWS} --run 00000000000000000000000000000000"), "no run");
    // Who has no role there states nothing.
    let line = format!("{RUN}examples/quality/reviews.csv --key .mesh/keys/logistics-root.pem");
    walk.refused(7, &line, "key");
    std::fs::write(folder.join("report.json"), r#"{"product":"customer_experience/reviews"}"#).unwrap();
    walk.refused(3, "mesh quality report report.json", "missing field");
    std::fs::write(folder.join("report.json"), "[").unwrap();
    walk.refused(3, "mesh quality report report.json", "report.json");
    let old = r#"sed "s/BEGAN/2020-01-01T00:00:00Z/; s/ENDED/2020-01-01T00:00:00Z/" examples/quality/soda.json | mesh quality report -"#;
    walk.refused(3, old, "was stated before");
    assert_eq!(count(), before, "nothing of it was stated");
}
