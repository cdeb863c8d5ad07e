//! The README's first minute, on a mesh of `mesh up --sample`, and what such a mesh has to show.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::support::local_mesh::LocalMesh;
use crate::support::{http, page, shell, until};
use serde_json::{Value, json};

const UP: &str = "cargo run --release --bin mesh -- up --sample";
const PROFILE: &str = "customer_experience/customer_profile";

/// One mesh for the tests that only add to it or read; gone with the last of them.
fn shared() -> Arc<LocalMesh> {
    static SHARED: Mutex<Weak<LocalMesh>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let mesh = Arc::new(LocalMesh::with_sample());
        *shared = Arc::downgrade(&mesh);
        mesh
    })
}

/// The command lines of the README's first minute.
fn first_minute() -> Vec<String> {
    let readme = page::read("README.md");
    let blocks = page::blocks(&readme).into_iter().filter(|block| block.language == "console");
    let lines: Vec<String> =
        blocks.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert_eq!(lines[0], UP);
    lines.into_iter().skip(1).take_while(|line| line.starts_with("mesh ")).collect()
}

#[test]
fn the_first_minute_publishes_finds_and_shows_the_guides_product_on_every_node() {
    let mesh = LocalMesh::with_sample();
    let lines = first_minute();
    let [apply, search, show] = lines.as_slice() else { panic!("{lines:?}") };

    let applied = mesh.ok(apply);
    assert!(applied.contains(&format!("created {PROFILE}@1.0.0: ledger index ")), "{applied}");
    until(search, || {
        mesh.ok(search);
        let found = mesh.ok(&format!("{search} -o name"));
        if found.lines().take(3).any(|id| id == PROFILE) { Ok(()) } else { Err(found) }
    });
    let shown = mesh.ok(show);
    assert!(shown.contains("email_valid") && shown.contains("customer-profile-changes"), "{shown}");

    let urls = mesh.urls();
    assert_eq!(urls.len(), 3);
    for url in urls {
        let product = mesh.json_soon(&format!("{show} --node {url}"));
        let rules: Vec<_> =
            list(&product, "/quality_rules").iter().map(|rule| (&rule["name"], &rule["severity"])).collect();
        assert_eq!(rules, [(&json!("email_valid"), &json!("error")), (&json!("name_present"), &json!("warning"))]);
        let outputs: Vec<_> = list(&product, "/outputs").iter().map(|port| &port["kind"]).collect();
        assert_eq!(outputs, ["api", "batch", "stream"]);
        assert_eq!(product.pointer("/outputs/0/rate_limit"), Some(&json!("1000")));
        assert_eq!(product.pointer("/outputs/1/partition_by"), Some(&json!(["country", "date"])));
        assert_eq!(product.pointer("/outputs/2/topic"), Some(&json!("customer-profile-changes")));
        let documentation = &product["documentation"];
        assert_eq!(documentation["fields_url"], "https://docs.internal/customer-profile-schema");
        assert_eq!(documentation["examples_url"], "https://docs.internal/customer-profile-examples");
        assert_eq!(documentation["support_contact"], "customer-data-owners@company.com");
        assert_eq!(product["inputs"][0]["source"], "postgres.customers.profiles");
    }

    let again = mesh.ok(apply);
    assert!(again.contains(&format!("unchanged {PROFILE}@1.0.0")), "{again}");
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value.pointer(pointer).unwrap().as_array().unwrap()
}

/// Each line of the guide's template, and where `mesh show -o json` has what it says.
fn template_lines() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let at_least = |value: &str| json!({ "comparison": ">=", "value": value, "unit": "%" });
    vec![
        ("Product Name: Customer 360 Data Product", vec![("/title", json!("Customer 360 Data Product"))]),
        (
            "Domain: Customer Experience",
            vec![("/domain", json!("customer_experience")), ("/owner/team", json!("Customer Experience"))],
        ),
        (
            "Owner: Jane Smith (jane.smith@company.com)",
            vec![("/people/0/name", json!("Jane Smith")), ("/people/0/email", json!("jane.smith@company.com"))],
        ),
        (
            "Customer Profile (identity, preferences, segments)",
            vec![
                ("/datasets/0/name", json!("Customer Profile")),
                ("/datasets/0/description", json!("identity, preferences, segments")),
            ],
        ),
        (
            "Customer Interactions (support tickets, calls, emails)",
            vec![
                ("/datasets/1/name", json!("Customer Interactions")),
                ("/datasets/1/description", json!("support tickets, calls, emails")),
            ],
        ),
        (
            "Customer Feedback (NPS scores, surveys, reviews)",
            vec![
                ("/datasets/2/name", json!("Customer Feedback")),
                ("/datasets/2/description", json!("NPS scores, surveys, reviews")),
            ],
        ),
        (
            "REST API for real-time access",
            vec![("/outputs/0/kind", json!("api")), ("/outputs/0/description", json!("REST API for real-time access"))],
        ),
        (
            "Daily snapshots via S3 for batch processing",
            vec![
                ("/outputs/1/kind", json!("batch")),
                ("/outputs/1/description", json!("Daily snapshots via S3 for batch processing")),
                ("/outputs/1/frequency", json!("daily")),
            ],
        ),
        (
            "Change data capture stream via Kafka",
            vec![
                ("/outputs/2/kind", json!("stream")),
                ("/outputs/2/description", json!("Change data capture stream via Kafka")),
                ("/outputs/2/protocol", json!("kafka")),
            ],
        ),
        (
            "Completeness: 99.5% for required fields",
            vec![
                ("/quality/0/name", json!("Completeness")),
                ("/quality/0/target", at_least("99.5")),
                ("/quality/0/scope", json!("required fields")),
            ],
        ),
        (
            "Accuracy: 98% verified email addresses",
            vec![
                ("/quality/1/name", json!("Accuracy")),
                ("/quality/1/target", at_least("98")),
                ("/quality/1/scope", json!("verified email addresses")),
            ],
        ),
        (
            "Timeliness: Updated within 15 minutes of source changes",
            vec![
                ("/quality/2/name", json!("Timeliness")),
                ("/quality/2/target", json!({ "comparison": "<=", "value": "15", "unit": "minutes" })),
                ("/quality/2/description", json!("Updated within 15 minutes of source changes")),
            ],
        ),
        (
            "PII handling compliant with GDPR",
            vec![
                ("/compliance/statements/0", json!("PII handling compliant with GDPR")),
                ("/compliance/regulations/0", json!("GDPR")),
            ],
        ),
        (
            "Access controls enforced via IAM",
            vec![
                ("/compliance/statements/1", json!("Access controls enforced via IAM")),
                ("/access/mode", json!("iam")),
            ],
        ),
        (
            "Full audit trail of data changes",
            vec![
                ("/compliance/statements/2", json!("Full audit trail of data changes")),
                ("/access/audit_logging/enabled", json!(true)),
            ],
        ),
        (
            "API Availability: 99.9%",
            vec![("/sla/0/description", json!("API Availability")), ("/sla/0/target", at_least("99.9"))],
        ),
        (
            "Query Performance: p95 < 500ms",
            vec![
                ("/sla/1/target", json!({ "comparison": "<", "value": "500", "unit": "ms" })),
                ("/sla/1/percentile", json!("95")),
            ],
        ),
        (
            "Support Response: Same business day",
            vec![
                ("/sla/2/name", json!("support_response")),
                ("/owner/support/0/response_time", json!("Same business day")),
            ],
        ),
    ]
}

#[test]
fn the_guides_template_is_published_line_by_line_and_the_person_stays_private() {
    let template = page::repository().join("../shared/seed/data_product_template.txt");
    let Ok(template) = std::fs::read_to_string(&template) else {
        eprintln!("skipped: {} is not there", template.display());
        return;
    };
    let mesh = shared();
    mesh.ok("mesh apply examples/customer_360.hcl");
    let show = "mesh show customer_experience/customer_360";
    let product = mesh.json_soon(show);
    let expected = template_lines();
    let said = template.lines().map(|line| line.trim().trim_start_matches("- "));
    let mut checked = 0;
    for line in said.filter(|line| !line.is_empty() && !line.starts_with('#') && !line.ends_with(':')) {
        let (_, values) =
            expected.iter().find(|(known, _)| *known == line).unwrap_or_else(|| panic!("no value for: {line}"));
        for (pointer, value) in values {
            assert_eq!(product.pointer(pointer), Some(value), "{line}: {pointer}");
        }
        checked += 1;
    }
    assert_eq!(checked, expected.len());

    // Somebody without a role sees the product, and nobody's name.
    mesh.ok("mesh key new --out stranger.pem -q");
    for url in mesh.urls() {
        let public = mesh.json_soon(&format!("{show} --key stranger.pem --node {url}"));
        assert_eq!((&public["title"], &public["people"]), (&product["title"], &Value::Null));
        let text = public.to_string();
        assert!(!text.contains("Jane") && !text.contains("jane.smith"), "{text}");
    }
}

/// What no sample product shows yet; the test fails when one does, so that the line goes.
const NOT_SHOWN: [&str; 0] = [];

#[test]
fn every_field_of_a_product_file_is_used_by_a_sample_product() {
    let mesh = shared();
    let listed = mesh.json("mesh list");
    let ids = list(&listed, "/products").iter().map(|product| product["id"].as_str().unwrap());
    // What other tests publish here does not count.
    let examples = [PROFILE, "customer_experience/customer_360"];
    let ids: Vec<&str> = ids.filter(|id| !examples.iter().any(|example| id.starts_with(example))).collect();
    assert!(ids.len() >= 20, "{ids:?}");
    let products: Vec<Value> = ids.iter().map(|id| mesh.json(&format!("mesh show {id}"))).collect();

    let unused: Vec<String> = descriptor_paths()
        .into_iter()
        .filter(|path| {
            let steps: Vec<&str> = path.split('.').collect();
            !products.iter().any(|product| says_something(product, &steps))
        })
        .collect();
    assert_eq!(unused, NOT_SHOWN, "fields that no sample product uses");
}

/// The descriptor's paths, from the table that is generated from the parser's own. What only an export writes is left out.
fn descriptor_paths() -> BTreeSet<String> {
    let text = page::read("docs/product-file.md");
    let sections = text.split("\n## ").filter(|section| !section.starts_with("`sealed"));
    let rows = sections.flat_map(|section| section.lines().filter(|line| line.starts_with("| `")));
    let last = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let paths: BTreeSet<String> =
        last.filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`')).map(str::to_owned).collect();
    assert!(paths.len() > 80 && paths.contains("datasets.fields.pii"), "{paths:?}");
    paths
}

/// Whether something stands at the path: not nothing, not empty, not `false`.
fn says_something(value: &Value, path: &[&str]) -> bool {
    match (value, path) {
        (Value::Array(items), _) => items.iter().any(|item| says_something(item, path)),
        (_, [first, rest @ ..]) => value.get(first).is_some_and(|inner| says_something(inner, rest)),
        (Value::Null | Value::Bool(false), []) => false,
        (Value::String(text), []) => !text.is_empty(),
        (Value::Object(fields), []) => !fields.is_empty(),
        (_, []) => true,
    }
}

#[test]
fn a_contract_that_promises_less_needs_a_major_and_every_break_is_named() {
    let mesh = shared();
    let write = |version: &str, longest: u32| {
        let contract = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: tickets\nname: tickets\nversion: {version}\nstatus: active\n\
             domain: customer_experience\ndescription: {{purpose: What customers ask.}}\nteam: {{name: support}}\nschema:\n\
             - name: tickets\n  properties:\n  - name: subject\n    logicalType: string\n    logicalTypeOptions: {{maxLength: {longest}}}\n"
        );
        std::fs::write(mesh.folder().join("tickets.odcs.yaml"), contract).unwrap();
    };
    let bound = "contracts.tickets.schema.tickets.properties.subject.logicalTypeOptions.maxLength";
    write("1.0.0", 80);
    mesh.ok("mesh apply tickets.odcs.yaml");
    write("1.1.0", 200);
    let refused = mesh.run("mesh apply tickets.odcs.yaml");
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains(bound), "{error}");
    let diff = "mesh diff tickets.odcs.yaml";
    assert!(page::read("docs/contracts.md").contains(diff));
    let changes = mesh.json(diff);
    let change = list(&changes, "/changes").iter().find(|change| change["path"] == bound).unwrap();
    assert_eq!((&change["before"], &change["after"]), (&json!(80), &json!(200)), "{change}");
    assert_eq!(change["breaks"], "values may come that were ruled out");
    // More is promised: that breaks nobody.
    write("1.1.0", 60);
    mesh.ok("mesh apply tickets.odcs.yaml");
    write("2.0.0", 200);
    mesh.ok("mesh apply tickets.odcs.yaml");
}

#[test]
fn every_get_of_the_openapi_document_answers_on_every_node() {
    let mesh = shared();
    let invoices = mesh.json("mesh show finance/invoices");
    let public = list(&invoices, "/attachments").iter().find(|attachment| attachment["private"] == false).unwrap();
    let digest = public["digest"].as_str().unwrap();
    for url in mesh.urls() {
        let (status, body) = http::get(&format!("{url}/api/v1/openapi.json")).unwrap();
        assert_eq!(status, 200);
        let document: Value = serde_json::from_slice(&body).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let gets: Vec<&String> =
            paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path).collect();
        assert!(gets.len() >= 10, "{gets:?}");
        for path in gets {
            let product = path.replace("{domain}/{name}", "finance/invoices");
            let filled = product.replace("/domains/{name}", "/domains/finance").replace("{digest}", digest);
            let filled = filled.replace("{path}", "0/000.p/1");
            // What has to be asked along; and a gateway's question without a token is answered with that.
            let (asked, expected) = match path.as_str() {
                "/api/v1/products/{domain}/{name}/lineage" => ("?direction=down", 200),
                "/api/v1/authz" => ("?product=finance/invoices&major=1&port=api", 401),
                _ => ("", 200),
            };
            let filled = format!("{filled}{asked}");
            assert!(!filled.contains('{'), "{path} has a parameter that this test does not know");
            until(&filled, || match http::get(&format!("{url}{filled}")) {
                Ok((status, _)) if status == expected => Ok(()),
                Ok((status, body)) => Err(format!("{status} {}", String::from_utf8_lossy(&body))),
                Err(error) => Err(error.to_string()),
            });
        }
    }
}

#[test]
fn what_was_published_outlives_kill_9() {
    let mut mesh = LocalMesh::with_sample();
    mesh.ok("mesh apply examples/customer_profile.hcl");
    let before = everything(&mesh);
    mesh.kill_and_start_again();
    assert_eq!(everything(&mesh), before);
    assert!(mesh.ok("mesh apply examples/customer_profile.hcl").contains("unchanged"));
    // And it goes on: keys, roles and the feed's numbers are there, too.
    let more =
        "sed s/customer_profile/customer_letters/ examples/customer_profile.hcl > letters.hcl; mesh apply letters.hcl";
    assert!(mesh.ok(more).contains("created customer_experience/customer_letters@1.0.0"));
}

/// Every leaf of the ledger, every product and a search, as each node has them.
fn everything(mesh: &LocalMesh) -> Vec<Value> {
    let nodes = until("all nodes at the same place", || {
        let status = mesh.json("mesh status");
        let sizes: BTreeSet<String> = list(&status, "/nodes").iter().flat_map(sizes).collect();
        if sizes.len() == 1 { Ok(mesh.urls()) } else { Err(format!("{sizes:?}")) }
    });
    assert_eq!(nodes.len(), 3);
    let read = |url: &String| {
        let ledger = mesh.json(&format!("mesh ledger tail --from 0 --node {url}"))["entries"].clone();
        let products = mesh.json(&format!("mesh list --node {url}"))["products"].clone();
        let product = mesh.json(&format!("mesh show {PROFILE} --node {url}"))["digest"].clone();
        let found = mesh.ok(&format!("mesh search 'customer email' --node {url} -o name"));
        assert!(found.contains(PROFILE), "{found}");
        json!([ledger, products, product, found])
    };
    nodes.iter().map(read).collect()
}

fn sizes(node: &Value) -> [String; 2] {
    let ledger = node.pointer("/status/ledger").unwrap_or(&Value::Null);
    [ledger["size"].to_string(), ledger["indexed_size"].to_string()]
}

#[test]
fn the_page_on_json_names_every_key_that_commands_print() {
    let mesh = shared();
    let page = page::read("docs/json.md");
    for line in [
        "domain list",
        "domain show customer_experience",
        "role list",
        "council show",
        "proposal list --all",
        "standard list",
        "standard compliance",
        "standard preview config/standards/retention.yaml",
        "waiver list",
        "term list",
        "ledger tail",
        "node list",
        "status",
        "whoami",
        "can publish customer_experience/customer_profile",
        "list",
        "search customer",
        "explain MESH-0012",
    ] {
        let printed = mesh.json(&format!("mesh {line}"));
        let row = |row: &&str| {
            let named = row.split('`').nth(1).unwrap_or_default();
            row.starts_with("| `") && (line == named || line.starts_with(&format!("{named} ")))
        };
        let row = page.lines().find(row).unwrap_or_else(|| panic!("docs/json.md has no row for {line}"));
        for key in printed.as_object().unwrap().keys() {
            assert!(row.contains(&format!("`{key}`")) || row.contains(&format!("`{key}[]`")), "{line}: {key}");
        }
    }
}

#[test]
fn links_of_the_readme_and_the_pages_lead_somewhere() {
    for page in ["README.md", "docs/install.md", "docs/ci.md", "packaging/README.md", "CONTRIBUTING.md"] {
        assert_eq!(page::broken_links(page), Vec::<String>::new(), "{page}");
    }
    assert!(shell::programs().join("mesh").exists());
}

#[test]
fn a_schema_is_compared_with_those_before_in_the_mode_that_is_asked_for() {
    let mesh = shared();
    let command = "mesh schema check order-2.json --against order-1.json --mode full";
    assert!(page::read("docs/contracts.md").contains(command));
    let write = |name: &str, text: &str| std::fs::write(mesh.folder().join(name), text).unwrap();
    let order = |most: u32, more: &str| {
        format!(
            r#"{{"type": "object", "additionalProperties": false, "properties": {{"id": {{"type": "string", "maxLength": {most}}}{more}}}}}"#
        )
    };
    write("order-1.json", &order(9, ""));
    write("order-2.json", &order(9, r#", "note": {"type": "string"}"#));
    // Data of before has no note, and readers of before know none.
    assert!(mesh.ok(&command.replace("full", "backward")).contains("#/properties/note"));
    let refused = mesh.run(command);
    assert_eq!(refused.status.code(), Some(3), "{}", shell::describe(&refused));
    assert!(shell::describe(&refused).contains("MESH-0015"), "{}", shell::describe(&refused));
    let found = mesh.json(&command.replace("full", "none"));
    assert_eq!(found["compatible"], true);
    let change = &found["differences"][0];
    assert_eq!(
        (&change["path"], &change["breaks_forward"], &change["refused"]),
        (&json!("#/properties/note"), &json!(true), &json!(false))
    );
    // Of versions that lie further back only the transitive modes speak.
    write("order-0.json", &order(99, ""));
    let back = "mesh schema check order-2.json --against order-0.json --against order-1.json --mode backward";
    mesh.ok(back);
    assert!(!mesh.run(&format!("{back}-transitive")).status.success());
    // Whoever is no schema is named.
    write("order-3.json", "{\"type\": \"text\"}");
    let wrong = mesh.run("mesh schema check order-2.json --against order-3.json");
    let said = shell::describe(&wrong);
    assert!(wrong.status.code() == Some(3) && said.contains("order-3.json") && said.contains("#/type"), "{said}");
    let mode = mesh.run("mesh schema check order-2.json --against order-1.json --mode sideways");
    assert!(
        mode.status.code() == Some(2) && shell::describe(&mode).contains("full-transitive"),
        "{}",
        shell::describe(&mode)
    );
}
