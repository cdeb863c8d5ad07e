//! `docs/governance.md`: every command of it as written, in order, on one mesh; and what the page says of them.

use std::time::Instant;

use crate::support::local_mesh::LocalMesh;
use crate::support::{page, shell, until};
use serde_json::{Value, json};

const PAGE: &str = "docs/governance.md";
const UP: &str = "mesh up --sample";

/// A command line of the page, with the exit code that it says.
struct Line {
    text: String,
    exit: i32,
}

fn lines() -> Vec<Line> {
    let page = page::read(PAGE);
    let blocks = page::blocks(&page).into_iter().filter(|block| block.language == "console");
    let lines = blocks.flat_map(|block| {
        let exit = block.attribute("exit").map_or(0, |exit| exit.parse().unwrap());
        block.text.lines().map(|text| Line { text: text.to_owned(), exit }).collect::<Vec<_>>()
    });
    lines.collect()
}

/// Runs the page's lines up to the one that begins so, and returns that one's stdout and stderr.
struct Walk<'a> {
    mesh: &'a LocalMesh,
    lines: std::vec::IntoIter<Line>,
}

impl Walk<'_> {
    fn to(&mut self, beginning: &str) -> (String, String) {
        for line in self.lines.by_ref() {
            let output = self.mesh.run(&line.text);
            assert_eq!(output.status.code(), Some(line.exit), "{}\n{}", line.text, shell::describe(&output));
            if line.text.starts_with(beginning) {
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                return (text(output.stdout), text(output.stderr));
            }
        }
        panic!("{PAGE} has no further line that begins with {beginning}");
    }
}

fn standings(mesh: &LocalMesh, product: &str) -> Vec<String> {
    let report = mesh.json("mesh standard compliance");
    let rows = report["compliance"].as_array().unwrap().iter();
    let of = rows.filter(|row| row["product"].as_str().unwrap().starts_with(product));
    of.map(|row| row["state"].as_str().unwrap().to_owned()).collect()
}

/// Waits until every node's Raft has these voters and no others, as the ledger says.
fn votes(mesh: &LocalMesh, voters: &[u64]) {
    until("the votes moved", || {
        let status = mesh.json("mesh status");
        let raft = |node: &Value| node["status"]["raft"].clone();
        let moved = status["nodes"].as_array().unwrap().iter().map(raft).all(|raft| {
            raft["voters"] == json!(voters) && raft["ledger_voters"] == json!(voters) && raft["joint"] == false
        });
        if moved { Ok(()) } else { Err(status.to_string()) }
    });
}

fn violated(error: &str) -> usize {
    ["encrypted-at-rest", "pii-tagged", "access-logged", "retention-defined"]
        .iter()
        .filter(|rule| error.contains(*rule))
        .count()
}

#[test]
fn a_council_of_three_governs_as_the_page_says() {
    let mesh = LocalMesh::with_sample();
    let mut walk = Walk { mesh: &mesh, lines: lines().into_iter() };
    assert_eq!(walk.lines.next().unwrap().text, UP);
    assert!(walk.to("mesh council show").0.contains("2 of 3 seats decide"));
    assert!(walk.to("mesh standard test").0.contains("4 of 4"));

    // The impact goes along, and the proposal waits for others only.
    let (_, said) = walk.to("mesh standard preview");
    assert!(said.contains("products would violate it"), "{said}");
    let (_, said) = walk.to("mesh standard propose");
    assert!(said.contains("1 of the 2 signatures of the council"), "{said}");
    let waiting = mesh.json("mesh proposal list --key .mesh/keys/council-1.pem");
    assert_eq!(waiting["proposals"], Value::Array(Vec::new()));
    assert!(walk.to("mesh proposal list").0.contains("pii-handling@1.0.0"));
    let (shown, _) = walk.to("mesh proposal show");
    for part in ["retention_period != null", "all(field in fields where field.pii == true", "90 days", "impact"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let (_, said) = walk.to("mesh proposal approve");
    assert!(said.contains("digest") && said.contains("it was enacted at index"), "{said}");
    // Once is enough: there is nothing left to approve.
    assert_eq!(mesh.json("mesh proposal list --open")["proposals"], Value::Array(Vec::new()));
    walk.to("mesh standard show");
    for url in mesh.urls() {
        let listed = until("the standard on every node", || {
            let listed = mesh.json(&format!("mesh standard list --node {url}"));
            if listed["standards"].as_array().unwrap().is_empty() { Err("none".into()) } else { Ok(listed) }
        });
        assert_eq!(listed["standards"][0]["standard"]["id"], "pii-handling");
    }

    // Refused with all four at once, in the ledger's words and in those of the command without a mesh; nothing was published.
    let (_, refused) = walk.to("mesh apply examples/customer_profile.hcl");
    assert_eq!(violated(&refused), 4, "{refused}");
    assert_eq!(mesh.run("mesh show customer_experience/customer_profile").status.code(), Some(4));
    assert_eq!(violated(&walk.to("mesh policy check").0), 4);
    walk.to("mesh policy check");

    // Let off, published, told so; mended, and the task is closed.
    walk.to("mesh waiver list");
    let (_, warned) = walk.to("mesh apply examples/customer_profile.hcl");
    assert_eq!(violated(&warned), 4, "{warned}");
    assert_eq!(standings(&mesh, "customer_experience/customer_profile"), ["waived"]);
    let report = mesh.json("mesh standard compliance --open");
    let rows = report["compliance"].as_array().unwrap();
    let enacted = mesh.json("mesh standard show pii-handling")["enacted_unix_ms"].as_u64().unwrap();
    for row in rows {
        let since = row["since_unix_ms"].as_u64().unwrap();
        if row["state"] == "waived" {
            let granted = row["waived_since_unix_ms"].as_u64().unwrap();
            assert!(enacted <= granted && granted <= since && since < row["due_unix_ms"].as_u64().unwrap(), "{row}");
        } else {
            assert_eq!((since, &row["waived_since_unix_ms"]), (enacted, &Value::Null), "the sample was there before");
        }
    }
    assert!(mesh.ok("mesh standard compliance --open -o wide").to_lowercase().contains("waived since"));
    assert!(walk.to("mesh standard compliance --open").0.contains("in grace"));
    let (_, warned) = walk.to("mesh apply examples/customer_profile_governed.hcl");
    assert!(
        warned.contains("customer_id stands for \"customer-id\"") && warned.contains("none is defined yet"),
        "{warned}"
    );
    assert_eq!(standings(&mesh, "customer_experience/customer_profile"), ["compliant"]);
    walk.to("mesh standard compliance");

    // Signed on another machine: what changes stands there, and that nobody vouches for the version before.
    let (_, read) = walk.to("mesh sign next.meshcmd");
    let digest = mesh.json("mesh standard show pii-handling@1.0.0")["digest"].as_str().unwrap().to_owned();
    for part in ["as this file says", &digest, "retention_period != null", "products would violate it"] {
        assert!(read.contains(part), "{part} in {read}");
    }
    let changed = |text: &str, sign: char, part: &str| {
        text.lines().any(|line| line.starts_with(sign) && line.contains("grace") && line.contains(part))
    };
    assert!(changed(&read, '-', "90 days") && changed(&read, '+', "30 days"), "{read}");
    walk.to("mesh submit");
    let (shown, _) = walk.to("mesh proposal show");
    assert!(shown.contains("with pii-handling@1.0.0 as this node has it"), "{shown}");
    assert!(changed(&shown, '-', "90 days") && changed(&shown, '+', "30 days"), "{shown}");
    assert!(mesh.json("mesh proposal show $(mesh proposal list --all -o name | head -n 1)")["changes"].is_string());
    // The domain's own rules: named, enforced with rule, field and remedy, and gone when they are cleared.
    let (_, said) = walk.to("mesh domain rules set");
    assert!(said.contains("access-patterns@1.0.0, quality-rules@1.0.0, update-frequencies@1.0.0 (set 1"), "{said}");
    assert!(said.contains("update-frequencies@1.0.0 is not kept by"), "{said}");
    let (shown, _) = walk.to("mesh domain rules show");
    for part in ["3 sets of rules", "what we agreed on in spring", "port.frequency != null", "30 days of grace"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    for command in ["mesh plan hasty.hcl", "mesh apply hasty.hcl"] {
        let (_, refused) = walk.to(command);
        for part in ["customer_experience's own update-frequencies@1.0.0", "outputs[", "such as \"daily\"", "MESH-0122"]
        {
            assert!(refused.contains(part), "{part} in {refused}");
        }
    }
    walk.to("mesh apply examples/customer_360.hcl");
    let (_, said) = walk.to("mesh domain rules clear");
    assert!(said.contains("no rules of its own any more (set 2"), "{said}");
    mesh.ok("mesh plan hasty.hcl");

    // A removed member decides nothing, and a lost key costs nothing.
    walk.to("mesh council amend");
    assert!(walk.to("mesh council show").0.contains("dana"));
    walk.to("mesh standard retire");
    walk.to("mesh council amend");
    assert!(walk.to("mesh council show").0.contains("council version 3"));
    walk.to("mesh domain replace-root");

    // A node comes, as an observer, and goes; the votes move to one node and back while the mesh works.
    let standing = || {
        let nodes = mesh.json("mesh node list");
        let node = nodes["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "node-4").cloned();
        node.map(|node| (node["node_id"].as_u64().unwrap(), node["standing"].as_str().unwrap().to_owned()))
    };
    assert_eq!(standing(), None);
    walk.to("mesh node list");
    let (id, observer) = standing().unwrap();
    assert_eq!((id > 1000, observer.as_str()), (true, "observer"));
    walk.to("mesh proposal open revoke-node");
    assert_eq!(standing(), Some((id, "revoked".to_owned())));
    walk.to("mesh proposal open voters 2");
    votes(&mesh, &[2]);
    walk.to("mesh proposal open voters 1 2 3");
    votes(&mesh, &[1, 2, 3]);
    // A domain lets a node in by itself; what was erased is not shown.
    let (_, said) = walk.to("mesh node admit");
    assert!(said.contains("node edge-1 is admitted by logistics"), "{said}");
    let (_, said) = walk.to("mesh erase");
    assert!(said.contains("is erased at ledger index"), "{said}");
    let (shown, _) = walk.to("mesh show customer_experience/customer_360");
    assert!(shown.contains("erased"), "{shown}");
    walk.to("mesh ledger tail");
    assert!(walk.to("mesh ledger verify").0.contains("the export holds"));
    // Which councils there were, for whoever has checkpoints only.
    mesh.ok("mesh ledger verify acme.meshexport --councils-to councils.json");
    mesh.ok("mesh --councils councils.json ledger checkpoint");
    let refused = mesh.run("mesh ledger verify acme.meshexport --councils-to councils.json");
    assert!(!refused.status.success(), "it is there already: {}", shell::describe(&refused));
    let councils = mesh.folder().join("councils.json");
    let text = std::fs::read_to_string(&councils).unwrap();
    let mesh_id = mesh.json("mesh ledger verify acme.meshexport")["mesh_id"].as_str().unwrap().to_owned();
    std::fs::write(&councils, text.replace(&mesh_id, &"0".repeat(64))).unwrap();
    let refused = mesh.run("mesh --councils councils.json ledger checkpoint");
    assert_eq!(refused.status.code(), Some(2), "{}", shell::describe(&refused));
    assert!(shell::describe(&refused).contains("the councils are of mesh 0000"), "{}", shell::describe(&refused));
    assert!(walk.to("mesh ledger report").0.contains("pii-handling@1.0.0"));
    assert!(walk.lines.next().is_none());
    // A changed byte is found, with its place.
    let export = mesh.folder().join("acme.meshexport");
    let text = std::fs::read_to_string(&export).unwrap();
    let at = text.find("\nleaf 5 ").unwrap() + 90;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(&export, format!("{}{other}{}", &text[..at], &text[at + 1..])).unwrap();
    let refused = mesh.run("mesh ledger verify acme.meshexport");
    assert_eq!(refused.status.code(), Some(8), "{}", shell::describe(&refused));
    assert!(shell::describe(&refused).contains("line"), "{}", shell::describe(&refused));
}

#[test]
fn own_rules_and_standards_refuse_together_and_outlive_a_kill() {
    let mut mesh = LocalMesh::with_sample();
    let both = "--council-key .mesh/keys/council-1.pem --council-key .mesh/keys/council-2.pem";
    let root = "--root-key .mesh/keys/customer_experience-root.pem";
    mesh.ok(&format!("mesh standard propose config/standards/pii-handling.yaml {both}"));
    mesh.ok(&format!("mesh domain rules set customer_experience config/rules {root}"));
    mesh.kill_and_start_again();

    // All of the standard's and the domain's at once, from the plan of `apply` and from the node that is sent it unplanned.
    let refused = mesh.run("mesh apply examples/customer_profile.hcl");
    let said = shell::describe(&refused);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert_eq!(violated(&said), 4, "{said}");
    assert!(said.contains("customer_experience's own update-frequencies@1.0.0 batch-says-how-often"), "{said}");
    let shown = mesh.json("mesh domain rules show customer_experience");
    assert_eq!((&shown["number"], shown["rules"].as_array().unwrap().len()), (&Value::from(1), 3));
    assert_eq!(shown["set"]["signers"].as_array().unwrap().len(), 1);
    // What only warns passes and is said; other domains are not asked.
    let with_api = std::fs::read_to_string(mesh.folder().join("examples/customer_360.hcl")).unwrap();
    std::fs::write(mesh.folder().join("unlimited.hcl"), with_api.replace("rate_limit  = 1000", "")).unwrap();
    let warned = mesh.run("mesh apply unlimited.hcl");
    assert_eq!(warned.status.code(), Some(0), "{}", shell::describe(&warned));
    assert!(
        shell::describe(&warned).contains("access-patterns@1.0.0 api-has-rate-limit"),
        "{}",
        shell::describe(&warned)
    );

    // Who may not, what is not fit, and a set that somebody else prepared earlier.
    let refused = |line: &str, exit: i32, part: &str| {
        let output = mesh.run(line);
        let said = shell::describe(&output);
        assert_eq!(output.status.code(), Some(exit), "{line}\n{said}");
        assert!(said.contains(part), "{line}: {part}\n{said}");
    };
    let set = "mesh domain rules set customer_experience";
    refused(&format!("{set} config/rules/quality-rules.yaml"), 7, "set-rules");
    refused(&format!("{set} config/rules/quality-rules.yaml --root-key .mesh/keys/sales-root.pem"), 7, "MESH-");
    refused(&format!("{set} config/standards/pii-handling.yaml {root}"), 3, "a standard of the mesh has this id");
    refused(&format!("{set} config/standards/customer-id.yaml {root}"), 3, "the council enacts them");
    let rule = page::read("config/rules/quality-rules.yaml");
    std::fs::write(mesh.folder().join("failing.yaml"), rule.replace("expect: fail", "expect: pass")).unwrap();
    refused(&format!("{set} failing.yaml {root}"), 3, "test cases");
    refused("mesh domain rules show nobody", 4, "nobody");
    assert_eq!(mesh.json("mesh domain rules show customer_experience")["number"], 1);
    assert!(
        mesh.ok("mesh can set-rules customer_experience --key .mesh/keys/customer_experience-root.pem").contains("yes")
    );

    // Set again as they are: nothing happens. They go along to another home.
    let again = mesh.run(&format!("{set} config/rules {root}"));
    assert!(shell::describe(&again).contains("has these rules already (set 1)"), "{}", shell::describe(&again));
    let home = mesh.json("mesh domain show customer_experience")["home_node_id"].as_u64().unwrap();
    let move_to =
        |node: u64| shell::describe(&mesh.run(&format!("mesh domain delegate customer_experience --to {node} {root}")));
    let said = move_to(home % 3 + 1);
    assert!(said.contains("its own rules went along (set 1, event 0 of its feed)"), "{said}");
    let shown = mesh.json_soon("mesh domain rules show customer_experience");
    assert_eq!(
        (&shown["number"], &shown["epoch"], shown["rules"].as_array().unwrap().len()),
        (&1.into(), &2.into(), 3)
    );
    std::fs::write(
        mesh.folder().join("other.hcl"),
        with_api.replace("customer_360\"", "other\"").replace("frequency   = \"daily\"", ""),
    )
    .unwrap();
    refused("mesh plan other.hcl", 3, "update-frequencies@1.0.0");
    // Not those of a steward who left: the root would sign unread what somebody else is answerable for.
    mesh.ok("mesh key new --out steward.pem");
    let role = format!("--domain customer_experience {root}");
    mesh.ok(&format!("mesh role grant steward.pem data-governance-steward {role}"));
    mesh.ok(&format!("{set} config/rules/quality-rules.yaml --key steward.pem"));
    mesh.ok(&format!("mesh role revoke steward.pem {role} --yes"));
    let said = move_to(home);
    assert!(said.contains("did not go along") && said.contains("may not any more"), "{said}");
    let shown = mesh.json_soon("mesh domain rules show customer_experience");
    assert_eq!((&shown["number"], &shown["set"], &shown["epoch"]), (&0.into(), &Value::Null, &3.into()));
}

#[test]
fn bad_proposals_are_refused_and_change_nothing() {
    let mesh = LocalMesh::with_sample();
    let file = |name: &str, text: &str| std::fs::write(mesh.folder().join(name), text).unwrap();
    let refused = |line: &str, exit: i32, part: &str| {
        let output = mesh.run(line);
        let said = shell::describe(&output);
        assert_eq!(output.status.code(), Some(exit), "{line}\n{said}");
        assert!(said.contains(part), "{line}: {part}\n{said}");
    };
    let size = || mesh.json("mesh ledger tail --from 0")["entries"].as_array().unwrap().len();
    let before = size();
    let worked = page::read("config/standards/pii-handling.yaml");
    let one = "--council-key .mesh/keys/council-1.pem";

    // Its own tests fail; a rule that doesn't parse, names unknown fields, nests too deep: each with its line.
    file("failing.yaml", &worked.replace("expect: fail", "expect: pass"));
    refused(&format!("mesh standard propose failing.yaml {one}"), 3, "test case");
    file("syntax.yaml", &worked.replace("retention_period != null", "retention_period != = null"));
    refused(&format!("mesh standard propose syntax.yaml {one}"), 3, "syntax.yaml:");
    file("unknown.yaml", &worked.replace("retention_period != null", "retention != null"));
    refused("mesh standard test unknown.yaml", 3, "retention");
    file(
        "deep.yaml",
        &worked.replace("retention_period != null", &format!("{}true{}", "(".repeat(40), ")".repeat(40))),
    );
    refused("mesh standard test deep.yaml", 3, "deep.yaml:");
    assert_eq!(size(), before);

    // Strangers, twice by one key, another digest, thresholds that lock out.
    mesh.ok("mesh key new --out stranger.pem");
    refused("mesh standard propose config/standards/retention.yaml --council-key stranger.pem", 7, "MESH-");
    mesh.ok(&format!("mesh standard propose config/standards/retention.yaml {one}"));
    refused("mesh proposal approve $(mesh proposal list --open -o name) --key stranger.pem --yes", 7, "MESH-");
    let twice = mesh.run(&format!("mesh proposal approve $(mesh proposal list --open -o name) {one} --yes"));
    assert!(shell::describe(&twice).contains("before"), "{}", shell::describe(&twice));
    let open = mesh.json("mesh proposal list --open");
    assert_eq!(open["proposals"][0]["approvals"].as_array().unwrap().len(), 1);
    let amend = "mesh council amend --council-key .mesh/keys/council-1.pem --council-key .mesh/keys/council-2.pem";
    refused(&format!("{amend} --threshold 0"), 3, "MESH-");
    refused(&format!("{amend} --threshold 4"), 3, "MESH-");
    refused(&format!("{amend} --remove member-3 --threshold 3"), 3, "MESH-");

    // Voters that are none, nodes that don't exist or vote, a record that was altered, a version that does not follow: each with its
    // code, and what cannot be undone is not done unasked.
    let both = "--council-key .mesh/keys/council-1.pem --council-key .mesh/keys/council-2.pem";
    let open = "mesh proposal open";
    refused(&format!("{open} voters 1 2 {both}"), 3, "MESH-0052");
    refused(&format!("{open} voters 1 2 99 {both}"), 4, "MESH-0027");
    refused(&format!("{open} voters 1 1 2 {both}"), 2, "twice");
    refused(&format!("{open} revoke-node 99 --reason gone {both} --yes"), 4, "MESH-0027");
    refused(&format!("{open} revoke-node 3 --reason gone {both} --yes"), 5, "MESH-0051");
    refused(&format!("{open} revoke-node 3 --reason gone {both}"), 2, "MESH-0210");
    refused(&format!("{open} protocol 2 {both}"), 2, "MESH-0210");
    refused(&format!("{open} protocol 1 {both} --yes"), 5, "MESH-0024");
    refused(&format!("{open} protocol 3 {both} --yes"), 2, "knows versions up to 2");
    refused(&format!("{open} admission-rule 5000 {both}"), 3, "MESH-0002");
    mesh.ok("mesh node record --name node-9 --api a.acme:1 --peer a.acme:2 --keys nine --out nine.json");
    let record = std::fs::read_to_string(mesh.folder().join("nine.json")).unwrap();
    file("other.json", &record.replace("node-9", "node-8"));
    refused(&format!("{open} admit-node other.json {both}"), 8, "MESH-0030");
    file("form.json", "{}");
    refused(&format!("{open} admit-node form.json {both}"), 3, "MESH-0205");
    mesh.ok(&format!("{open} admit-node nine.json {both}"));
    refused(&format!("{open} admit-node nine.json {both}"), 5, "MESH-");
    refused("mesh node record --name node-9 --api nonsense --peer a.acme:2 --keys nine --out n.json", 2, "host:port");
}

#[test]
fn domains_share_words_and_identifiers() {
    let mesh = LocalMesh::with_sample();
    let both = "--council-key .mesh/keys/council-1.pem --council-key .mesh/keys/council-2.pem";
    mesh.ok(&format!("mesh standard propose config/standards/customer-id.yaml {both}"));
    // Two domains join on one identifier.
    let term = mesh.json("mesh term show customer-id");
    assert_eq!(term["standard"]["detail"]["identifier"]["checksum"], "luhn");
    let fields = term["fields"].as_array().unwrap().iter();
    let products: Vec<&str> = fields.map(|field| field["product"].as_str().unwrap()).collect();
    assert!(products.iter().any(|product| product.starts_with("sales/")), "{products:?}");
    assert!(products.iter().any(|product| product.starts_with("customer_experience/")), "{products:?}");
    assert!(mesh.ok("mesh term list").contains("not defined"), "words that fields use and nobody defined");
    assert_eq!(mesh.run("mesh term show nonsense").status.code(), Some(4));

    // A word that nobody defined is told, with the nearest that somebody did, and never refused.
    let product = page::read("examples/customer_profile_governed.hcl").replace("\"customer-id\"", "\"custmer-id\"");
    std::fs::write(mesh.folder().join("typo.hcl"), product).unwrap();
    let plan = mesh.json("mesh plan typo.hcl");
    let warnings = plan["plans"][0]["warnings"].as_array().unwrap();
    let told = warnings.iter().find(|warning| warning["code"] == "undefined_term").unwrap();
    let message = told["message"].as_str().unwrap();
    assert!(
        message.contains("custmer-id") && message.ends_with("the nearest that is defined is customer-id"),
        "{message}"
    );
    assert!(told["path"].as_str().unwrap().ends_with("].term") && told["due_unix_ms"].is_null(), "{told}");
    assert!(shell::describe(&mesh.run("mesh apply typo.hcl")).contains("custmer-id"));

    // What follows a time convention has its type; this one only warns.
    mesh.ok(&format!("mesh standard propose config/standards/utc-event-time.yaml {both}"));
    let product = page::read("examples/customer_profile_governed.hcl").replace("\"customer-id\"", "\"utc-event-time\"");
    std::fs::write(mesh.folder().join("time.hcl"), product).unwrap();
    let said = shell::describe(&mesh.run("mesh apply time.hcl"));
    assert!(said.contains("in steps of PT0.001S, has the type timestamp(3)"), "{said}");
    let terms = mesh.json("mesh term show utc-event-time");
    assert_eq!(terms["fields"].as_array().unwrap().len(), 1);

    // Search knows other words for what a field means, once the council says so.
    let search = "mesh search 'purchase reference' -o name";
    assert!(!mesh.ok(search).contains("sales/orders"));
    let glossary = "id: order-id\nversion: 1.0.0\ntitle: Order number\nkind: glossary-term\ntext: One order.\n\
        enforcement: advise\ndetail:\n  glossary-term:\n    definition: The number of one order.\n    \
        synonyms: [purchase reference]\n    owner: sales\n    data_type: string\n";
    std::fs::write(mesh.folder().join("order-id.yaml"), glossary).unwrap();
    mesh.ok(&format!("mesh standard propose order-id.yaml {both}"));
    until("the synonym", || {
        let found = mesh.ok(search);
        if found.contains("sales/orders") && found.contains("finance/invoices") { Ok(()) } else { Err(found) }
    });
}

#[test]
fn a_thousand_products_are_previewed_and_reported_at_once() {
    let records = page::repository().join("../shared/data/open-data-registry");
    if !records.is_dir() {
        eprintln!("skipped: {} is not there", records.display());
        return;
    }
    let mesh = LocalMesh::empty();
    mesh.ok(&format!("mesh import open-data-registry {}", records.display()));
    let begun = Instant::now();
    let preview = mesh.json("mesh standard preview config/standards/retention.yaml");
    let previewed = begun.elapsed();
    assert_eq!(preview["products"], 1039);
    mesh.ok("mesh standard propose config/standards/retention.yaml --council-key .mesh/keys/council-1.pem --council-key .mesh/keys/council-2.pem");
    let begun = Instant::now();
    let report = mesh.json("mesh standard compliance");
    eprintln!("preview {previewed:?}, compliance {:?}, debug build", begun.elapsed());
    assert_eq!(report["compliance"].as_array().unwrap().len(), 1039);
}

/// Every file below a folder that holds these bytes.
fn holding(folder: &std::path::Path, needle: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|part| part == needle)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn an_erased_attachment_is_in_no_folder_and_no_export() {
    const PERSON: &[u8] = b"jane.smith@company.com";
    let mesh = LocalMesh::with_sample();
    let id = "customer_experience/customer_360";
    let folder = mesh.folder().join(".mesh");
    mesh.ok("mesh apply examples/customer_360.hcl");
    assert!(!holding(&folder, PERSON).is_empty(), "the product names a person");
    let attachments = mesh.json(&format!("mesh show {id}"))["attachments"].clone();
    let private = |at: &&Value| at["private"] == true;
    let digests: Vec<String> = (attachments.as_array().unwrap().iter().filter(private))
        .map(|at| at["digest"].as_str().unwrap().to_owned())
        .collect();
    assert!(digests.len() > 1, "the people and the original: {attachments}");
    let root = "--root-key .mesh/keys/customer_experience-root.pem";
    let erase =
        |digest: &str, rest: &str| format!("mesh erase {digest} --domain customer_experience --reason asked {rest}");

    // Asked before, and only who may.
    let unasked = mesh.run(&erase(&digests[0], root));
    assert_eq!(unasked.status.code(), Some(2), "{}", shell::describe(&unasked));
    let other = mesh.run(&erase(&digests[0], "--root-key .mesh/keys/logistics-root.pem --yes"));
    assert_eq!(other.status.code(), Some(7), "{}", shell::describe(&other));
    for digest in &digests {
        mesh.ok(&erase(digest, &format!("{root} --yes")));
    }
    let again = mesh.run(&erase(&digests[0], &format!("{root} --yes")));
    assert!(shell::describe(&again).contains("was erased at index"), "{}", shell::describe(&again));
    until("the text is gone from every folder", || {
        let left = holding(&folder, PERSON);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    mesh.ok("mesh ledger export after.meshexport");
    assert!(holding(mesh.folder(), PERSON).iter().all(|path| path.starts_with(mesh.folder().join("examples"))));
    assert!(mesh.ok("mesh ledger verify after.meshexport").contains("the export holds"));
    // Bodies that were erased are not sent again.
    let again = mesh.run("mesh apply examples/customer_360.hcl");
    assert!(again.status.success() || shell::describe(&again).contains("MESH-0060"), "{}", shell::describe(&again));
}
