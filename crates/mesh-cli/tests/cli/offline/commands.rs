//! What works without a node: signing command files, scaffolding products, explaining, completing.

use crate::support::machine::Machine;
use crate::support::shell;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_event::command::{GrantRole, RoleGrant};
use mesh_event::{Body, Command, Envelope, Keypair, SignedCommand, Signer};
use mesh_formats::{Context, Parsed, Severity};
use mesh_model::{CommandId, MeshId, Role};

const MESH: MeshId = MeshId([7; 32]);

fn key(machine: &Machine, file: &str) -> Keypair {
    machine.ok(&["key", "new", "--out", file]);
    Keypair::from_pem(&machine.read(file)).unwrap()
}

/// A command file as the command line writes it, made by somebody else's program.
fn command_file(author: &Keypair, holder: &Keypair, mesh: MeshId, labelled: MeshId) -> String {
    let grant = RoleGrant { key: holder.public_key(), role: Role::DataProductOwner };
    let body = Body::GrantRole(GrantRole { domain: Some("orders".parse().unwrap()), grant, roster_version: 4 });
    let id = CommandId([9; 16]);
    let command = Command { mesh_id: mesh, id, author: author.public_key(), expires_unix_ms: 1_800_000_000_000, body };
    let envelope = command.sign(&[author]).unwrap();
    file_of(&envelope, labelled)
}

fn file_of(envelope: &Envelope, labelled: MeshId) -> String {
    serde_json::json!({
        "format": "datamesh-command-v1",
        "mesh_name": "acme",
        "mesh_id": labelled,
        "envelope": STANDARD.encode(envelope.bytes()),
    })
    .to_string()
}

fn envelope_of(text: &str) -> Envelope {
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    Envelope::parse(STANDARD.decode(file["envelope"].as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn signs_a_command_file_off_line_after_showing_what_it_says() {
    let machine = Machine::new();
    let (root, ada) = (key(&machine, "root.pem"), key(&machine, "ada.pem"));
    machine.write("grant.meshcmd", &command_file(&root, &ada, MESH, MESH));
    let before = envelope_of(&machine.read("grant.meshcmd"));
    let unasked = machine.refused(2, &["sign", "grant.meshcmd", "--key", "ada.pem"]);
    assert!(unasked.contains("MESH-0210"), "{unasked}");
    for shown in [MESH.to_string().as_str(), "GrantRole", "orders", "data-product-owner", "roster version  4", "digest"]
    {
        assert!(unasked.contains(shown), "{shown} in {unasked}");
    }
    assert!(unasked.contains(&format!("must sign too   {}", ada.public_key().fingerprint())), "{unasked}");
    let signed = machine.run(&["sign", "grant.meshcmd", "--key", "ada.pem", "--yes"]);
    assert!(signed.status.success(), "{signed:?}");
    let after = envelope_of(&machine.read("grant.meshcmd"));
    assert_eq!(after.payload(), before.payload());
    let command = SignedCommand::verify(after, &MESH).unwrap();
    assert!(command.signers().contains(&ada.public_key()) && command.signers().contains(&root.public_key()));
    let twice = machine.run(&["sign", "grant.meshcmd", "--key", "ada.pem", "--yes"]);
    assert!(String::from_utf8_lossy(&twice.stderr).contains("signed this already"), "{twice:?}");
}

#[test]
fn nobody_signs_a_command_file_that_lies() {
    let machine = Machine::new();
    let (root, ada) = (key(&machine, "root.pem"), key(&machine, "ada.pem"));
    let sign = |file: &str| machine.refused(8, &["sign", file, "--key", "ada.pem", "--yes"]);
    // Labelled for another mesh than the bytes are for.
    machine.write("labelled.meshcmd", &command_file(&root, &ada, MESH, MeshId([8; 32])));
    assert!(sign("labelled.meshcmd").contains("signed for mesh"));
    // A signature that does not verify.
    let honest = envelope_of(&command_file(&root, &ada, MESH, MESH));
    let mut bytes = honest.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    machine.write("spoilt.meshcmd", &file_of(&Envelope::parse(bytes).unwrap(), MESH));
    assert!(sign("spoilt.meshcmd").contains("does not verify"));
    // For a mesh that the signer does not pin.
    machine.write("other.meshcmd", &command_file(&root, &ada, MESH, MESH));
    let pinned = MeshId([1; 32]).to_string();
    let other = machine.refused(8, &["sign", "other.meshcmd", "--key", "ada.pem", "--yes", "--mesh-id", &pinned]);
    assert!(other.contains("your context pins"), "{other}");
}

/// Reads a scaffolded folder with the parser of product files.
fn parse(machine: &Machine, folder: &str) -> Parsed {
    let load = |file: &str| std::fs::read(machine.path(folder).join(file)).ok();
    let mut context = Context {
        domain: None,
        salt: &mut || [0; 16],
        encoded_len: &mesh_event::encoded_len,
        file_name: "product.hcl",
        load: &load,
    };
    let parsed = mesh_formats::parse(machine.read(&format!("{folder}/product.hcl")).as_bytes(), &mut context);
    parsed.unwrap_or_else(|problems| panic!("{folder}: {problems}"))
}

#[test]
fn every_template_validates_as_generated() {
    let machine = Machine::new();
    for template in ["batch", "stream", "api", "sql"] {
        let name = format!("orders_{template}");
        machine.ok(&["new", &name, "--domain", "sales", "--template", template]);
        let parsed = parse(&machine, &name);
        assert!(parsed.warnings.iter().all(|warning| warning.severity != Severity::Warning), "{:?}", parsed.warnings);
        let [product] = parsed.products.as_slice() else { panic!("{template}: one product") };
        assert_eq!(product.descriptor.check(), [], "{template}");
        assert_eq!(product.descriptor.version_id().to_string(), format!("sales/{name}@1.0.0"));
        assert_eq!(product.descriptor.outputs[0].kind.as_str(), template);
        assert!(product.descriptor.outputs[0].contract.as_ref().unwrap().digest.is_some(), "{template}");
        assert!(machine.read(&format!("{name}/README.md")).contains(&format!("sales/{name}")));
    }
}

#[test]
fn each_kind_of_product_comes_with_data_and_a_check_that_passes_as_generated() {
    let machine = Machine::new();
    let path = shell::path_with(&[&shell::programs()]);
    for (template, alignment) in
        [("batch", "source-aligned"), ("stream", "aggregate"), ("api", "consumer-aligned"), ("sql", "aggregate")]
    {
        let name = format!("orders_{template}");
        machine.ok(&["new", &name, "--domain", "sales", "--template", template, "--type", alignment]);
        let descriptor = parse(&machine, &name).products.remove(0).descriptor;
        assert_eq!(serde_json::to_value(descriptor.product_type).unwrap(), alignment);
        let output = shell::run(&machine.path(""), &path, &[], &format!("sh {name}/check.sh"));
        let text = shell::describe(&output);
        assert!(output.status.success() && text.contains("passed   id_present"), "{template}: {text}");
        // It is a check: data that breaks a promise fails it.
        machine.write(&format!("{name}/example.csv"), "id,updated_at\n,2026-11-01T08:00:00Z\n");
        let output = shell::run(&machine.path(""), &path, &[], &format!("sh {name}/check.sh"));
        assert_eq!(output.status.code(), Some(3), "{}", shell::describe(&output));
    }
}

#[test]
fn scaffolding_needs_a_domain_and_overwrites_nothing() {
    let machine = Machine::new();
    let refused = machine.refused(2, &["new", "orders"]);
    assert!(refused.contains("--domain"), "{refused}");
    machine.ok(&["new", "sales/orders", "--owner", "sales_team"]);
    machine.refused(2, &["new", "sales/orders"]);
    machine.write("README.md", "mine");
    machine.refused(2, &["init", "orders", "--domain", "sales"]);
    assert_eq!(machine.read("README.md"), "mine");
    assert!(!machine.path("product.hcl").exists());
    machine.refused(2, &["new", "sales/quoted", "--owner", "a\"b"]);
}

#[test]
fn explains_codes_and_fields() {
    let machine = Machine::new();
    for form in ["MESH-0012", "12", "wrong_role"] {
        let text = machine.ok(&["explain", form]);
        assert!(text.contains("wrong_role") && text.contains("exit code: 7"), "{text}");
    }
    let field = machine.ok(&["explain", "dataset.field.pii"]);
    assert!(field.contains("identifies a person"), "{field}");
    let port = machine.ok(&["explain", "output.api.rate_limit", "-o", "json"]);
    let port: serde_json::Value = serde_json::from_str(&port).unwrap();
    assert_eq!(port["fields"][0]["path"], "output.*.rate_limit");
    machine.refused(4, &["explain", "nonsense"]);
}

#[test]
fn completes_commands_without_a_node_and_prints_scripts_and_manual_pages() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(machine.ok(&["completion", shell]).contains("COMPLETE"), "{shell}");
    }
    let mut complete = machine.command(&["--", "mesh", "gen"]);
    let complete = complete.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "1").env("_CLAP_IFS", "\n");
    let output = complete.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("genesis"), "{output:?}");
    machine.ok(&["man", "pages"]);
    assert!(machine.read("pages/mesh-genesis-join-voter.1").contains("genesis"));
}

#[test]
fn contexts_are_kept_and_used_by_name() {
    let machine = Machine::new();
    let id = MESH.to_string();
    machine.ok(&["context", "add", "one", "--node", "http://127.0.0.1:1", "--mesh-id", &id]);
    machine.ok(&["context", "add", "two", "--node", "http://127.0.0.1:2", "--mesh-id", &id, "--key", "k.pem"]);
    assert!(machine.ok(&["context", "show"]).contains("http://127.0.0.1:1"));
    machine.ok(&["context", "use", "two"]);
    let shown = machine.ok(&["context", "show", "-o", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["nodes"][0], "http://127.0.0.1:2");
    assert!(std::path::Path::new(shown["key"].as_str().unwrap()).is_absolute());
    machine.ok(&["context", "remove", "two"]);
    assert_eq!(machine.ok(&["context", "list", "-o", "name"]), "one\n");
    machine.refused(2, &["context", "use", "two"]);
}

#[test]
fn a_node_is_prepared_from_the_founding_document() {
    let machine = Machine::new();
    machine.ok(&["key", "new", "--out", "member.pem"]);
    machine.ok(&["genesis", "draft", "--mesh", "acme", "--threshold", "1", "--out", "d.json"]);
    machine.ok(&["genesis", "join", "council", "--seat", "architecture", "--key", "member.pem", "d.json"]);
    let voter = ["genesis", "join", "voter", "--name", "node-1", "--api", "127.0.0.1:7080", "--peer", "127.0.0.1:7946"];
    machine.ok(&[&voter[..], &["--keys", "keys", "d.json"]].concat());
    machine.ok(&["genesis", "sign", "--key", "member.pem", "--yes", "d.json"]);
    machine.ok(&["genesis", "seal", "d.json", "--out", "genesis.bin"]);
    let init = ["node", "init", "--data", "data", "--genesis", "genesis.bin"];
    machine.ok(&[&init[..], &["--name", "node-1", "--keys", "keys"]].concat());
    let config: toml::Table = machine.read("node.toml").parse().unwrap();
    assert_eq!(config["api"]["listen"].as_str(), Some("127.0.0.1:7080"));
    assert_eq!(config["peer"]["listen"].as_str(), Some("127.0.0.1:7946"));
    machine.refused(2, &[&init[..], &["--name", "node-1", "--keys", "keys"]].concat());
    machine.refused(4, &[&init[..], &["--name", "node-2", "--keys", "keys", "--out", "b.toml"]].concat());
    let stranger =
        machine.refused(2, &[&init[..], &["--name", "node-1", "--keys", "other", "--out", "b.toml"]].concat());
    assert!(stranger.contains("founding document has"), "{stranger}");
}

#[test]
fn down_says_that_the_folder_is_missing() {
    let machine = Machine::new();
    let error = machine.refused(4, &["down", "--dir", "nonexist"]);
    assert!(error.contains("there is no folder nonexist"), "{error}");
}
