//! ODPS and ODCS: what the official examples become, what comes back, and what is said about broken files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mesh_formats::{Context, Format, Parsed, Problems, parse, write};
use mesh_model::{AttachmentPurpose, Descriptor, Digest, DomainName, PortKind, ProductStatus, Version};
use proptest::prelude::*;

fn read_with(name: &str, text: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Parsed, Problems> {
    let domain = DomainName::parse("fallback").unwrap();
    let mut salts = 0_u8;
    let mut salt = || {
        salts += 1;
        [salts; 16]
    };
    let mut ctx = Context {
        domain: Some(&domain),
        salt: &mut salt,
        encoded_len: &|_| 0,
        file_name: name,
        load: &|name| files.get(name).cloned(),
    };
    parse(text.as_bytes(), &mut ctx)
}

fn read(name: &str, text: &str) -> Result<Parsed, Problems> {
    read_with(name, text, &BTreeMap::new())
}

fn one(name: &str, text: &str) -> Descriptor {
    let mut products = read(name, text).unwrap_or_else(|problems| panic!("{name}: {problems}\n{text}")).products;
    assert_eq!(products.len(), 1);
    products.pop().unwrap().descriptor
}

/// The descriptor without what does not travel in a written document: attachments, and digests of them.
fn travels(mut descriptor: Descriptor) -> Descriptor {
    descriptor.owner.people = None;
    descriptor.attachments.clear();
    descriptor.overflow.clear();
    for contract in descriptor.outputs.iter_mut().filter_map(|port| port.contract.as_mut()) {
        contract.digest = None;
    }
    descriptor
}

/// The files of a folder of the shared data; none, with a message, where it is absent.
fn shared(folder: &str, ending: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    if !root.is_dir() {
        eprintln!("skipped: {folder} is not beside the repository");
        return Vec::new();
    }
    let mut paths = Vec::new();
    walk(&root, ending, &mut paths);
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_official_example_goes_in_and_comes_back() {
    // All are whole documents: none is a template or a fragment.
    for (folder, ending, format, count) in
        [("bitol-odps", ".odps.yaml", Format::Odps, 2), ("bitol-odcs", ".odcs.yaml", Format::Odcs, 15)]
    {
        let files = shared(folder, ending);
        assert!(files.is_empty() || files.len() >= count, "{} files in {folder}", files.len());
        for (name, text) in files {
            let first = one(&name, &text);
            let written = write(&first, format).unwrap();
            let second = one(&name, &written);
            assert_eq!(travels(first), travels(second), "{name}:\n{written}");
        }
    }
}

#[test]
fn every_official_example_comes_back_from_the_original_byte_for_byte() {
    let files = shared("bitol-odps", ".odps.yaml").into_iter().chain(shared("bitol-odcs", ".odcs.yaml"));
    for (name, text) in files {
        let product = read(&name, &text).unwrap().products.pop().unwrap();
        let original =
            product.attachments.iter().find(|a| a.attachment.purpose == AttachmentPurpose::Original).unwrap();
        assert_eq!(original.body, text.as_bytes(), "{name}");
        assert_eq!(original.attachment.private, product.descriptor.owner.people.is_some(), "{name}");
        assert!(product.descriptor.check().iter().all(|flaw| flaw.path == "status"), "{name}");
    }
}

#[test]
fn people_of_the_examples_are_in_no_descriptor() {
    let names = [
        "john.doe",
        "John Doe",
        "jane.smith",
        "ceastwood",
        "mhopper",
        "daustin",
        "jwayne",
        "bkid",
        "mandolorian",
        "dathvador",
        "mickey",
    ];
    let files = shared("bitol-odps", ".odps.yaml").into_iter().chain(shared("bitol-odcs", ".odcs.yaml"));
    for (file, text) in files {
        let product = read(&file, &text).unwrap().products.pop().unwrap();
        let json = serde_json::to_string(&product.descriptor).unwrap();
        for name in names {
            assert!(!json.contains(name), "{file}: {name}");
        }
        for public in product.attachments.iter().filter(|a| !a.attachment.private) {
            let body = String::from_utf8_lossy(&public.body);
            assert!(names.iter().all(|name| !body.contains(name)), "{file}: {}", public.attachment.name);
        }
    }
}

const PRODUCT: &str = "
apiVersion: v1.0.0
kind: DataProduct
id: p-1
name: Customer 360
domain: Customer Experience
version: v1.2.0
status: active
description: {purpose: all about customers, usage: ask first}
tags: [customer]
inputPorts:
- {name: payments, version: 1.0.0, contractId: c-in}
- {name: payments, version: 2.0.0, contractId: c-in-2}
outputPorts:
- {name: profiles, version: 2.1.0, contractId: c-1, type: tables, description: one row each}
- {name: events, version: 1.0.0, type: topic, sbom: [{url: 'https://sbom'}]}
support:
- {channel: Help, url: 'mailto:team@example.com', tool: email}
team:
  name: customers
  members:
  - {username: jo@example.com, name: Jo Doe, role: owner, dateIn: '2024-01-01'}
";

#[test]
fn a_product_says_what_its_file_says() {
    let product = read("x.odps.yaml", PRODUCT).unwrap();
    let descriptor = &product.products[0].descriptor;
    assert_eq!(descriptor.version_id().to_string(), "customer-experience/customer-360@1.2.0");
    assert_eq!((descriptor.title.as_str(), descriptor.status), ("Customer 360", ProductStatus::Active));
    assert_eq!(descriptor.description, "all about customers");
    assert_eq!(descriptor.owner.team, "customers");
    assert_eq!(descriptor.owner.support[0].address, "team@example.com");
    let inputs: Vec<_> = descriptor.inputs.iter().map(|port| (port.name.as_str(), port.source.to_string())).collect();
    assert_eq!(inputs, [("payments", "c-in".into()), ("payments-v2-0-0", "c-in-2".into())]);
    assert_eq!(descriptor.outputs[0].kind, PortKind::Sql);
    assert_eq!(descriptor.outputs[0].contract.as_ref().unwrap().version, "2.1.0");
    assert_eq!(descriptor.outputs[1].kind, PortKind::Stream);
    assert_eq!(
        descriptor.extensions["odps.outputPorts"].as_str(),
        r#"[{"type":"tables"},{"version":"1.0.0","type":"topic","sbom":[{"url":"https://sbom"}]}]"#
    );
    assert_eq!(descriptor.extensions["odps.description"].as_str(), r#"{"usage":"ask first"}"#);
    assert_eq!(product.warnings.len(), 1, "{:?}", product.warnings);
    assert!(product.warnings[0].to_string().contains("found 'v1.2.0', read as 1.2.0"));

    let people = descriptor.owner.people.unwrap();
    let people = product.products[0].attachments.iter().find(|a| a.attachment.digest == people).unwrap();
    let people = mesh_formats::People::parse(&people.body).unwrap().people;
    assert_eq!((people[0].name.as_str(), people[0].email.as_deref()), ("Jo Doe", Some("jo@example.com")));
    assert_eq!(people[0].details["dateIn"], "2024-01-01");
}

const CONTRACT: &str = "
apiVersion: v3.1.0
kind: DataContract
id: c-1
version: 2.1.0
status: active
name: profiles
servers:
- {server: prod, type: postgres, host: db, port: 5432, database: crm, schema: public}
schema:
- name: customer
  physicalType: table
  properties:
  - {name: id, logicalType: string, required: true, primaryKey: true}
  - {name: email, logicalType: string, classification: restricted, tags: [pii], physicalType: varchar(80)}
  - name: address
    logicalType: object
    properties:
    - {name: street, logicalType: string, partitioned: true}
  quality:
  - {type: sql, query: SELECT COUNT(*) FROM customer, mustBeGreaterThan: 0}
slaProperties:
- {property: retention, value: 3, unit: y}
team:
  members: [{username: jo}]
";

#[test]
fn a_contract_beside_a_product_fills_its_port() {
    let files = BTreeMap::from([("c-1.odcs.yaml".to_owned(), CONTRACT.as_bytes().to_vec())]);
    let parsed = read_with("x.odps.yaml", PRODUCT, &files).unwrap();
    let product = &parsed.products[0];
    let fields: Vec<_> = product.descriptor.fields().map(|(_, field)| field).collect();
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["id", "email", "address", "address.street"]);
    assert!(fields[0].unique && !fields[0].nullable && fields[1].pii && fields[1].nullable);
    let port = &product.descriptor.outputs[0];
    assert_eq!(port.location.as_deref(), Some("db:5432/crm/public"));
    assert_eq!(
        (port.datasets.as_slice(), port.partition_by.as_slice()),
        (&["customer".to_owned()][..], &["address.street".to_owned()][..])
    );
    let contract = port.contract.as_ref().unwrap().digest.unwrap();
    let attached: Vec<_> = product
        .attachments
        .iter()
        .filter(|a| a.attachment.purpose == AttachmentPurpose::Contract)
        .map(|a| {
            (a.attachment.private, a.attachment.digest == contract, String::from_utf8_lossy(&a.body).contains("jo"))
        })
        .collect();
    assert_eq!(attached, [(true, false, true), (false, true, false)]);
    assert_eq!(product.descriptor.quality_rules[0].check, "(SELECT COUNT(*) FROM customer) > 0");

    let broken = BTreeMap::from([("c-1.odcs.yaml".to_owned(), b"apiVersion: v3.1.0\nkind: DataContract\n".to_vec())]);
    let problems = read_with("x.odps.yaml", PRODUCT, &broken).unwrap_err().to_string();
    assert!(
        problems.contains("outputPorts[0].contractId (c-1.odcs.yaml):1: id: expected a text, found no such field"),
        "{problems}"
    );
}

#[test]
fn a_contract_that_stands_alone_is_a_product() {
    let product = read("c.odcs.yaml", CONTRACT).unwrap().products.pop().unwrap();
    let descriptor = &product.descriptor;
    assert_eq!(descriptor.version_id().to_string(), "fallback/profiles@2.1.0");
    assert_eq!(descriptor.retention_period.as_deref(), Some("3 years"));
    assert_eq!(descriptor.outputs[0].name.as_str(), "prod");
    let contract = descriptor.outputs[0].contract.as_ref().unwrap();
    assert_eq!((contract.id.as_str(), contract.version.as_str()), ("c-1", "2.1.0"));
    // Everybody can read what the digest names.
    let named = product.attachments.iter().find(|a| Some(a.attachment.digest) == contract.digest).unwrap();
    assert!(!named.attachment.private);

    let nobody = CONTRACT.replace("team:\n  members: [{username: jo}]\n", "");
    let product = read("c.odcs.yaml", &nobody).unwrap().products.pop().unwrap();
    let contract = product.descriptor.outputs[0].contract.as_ref().unwrap();
    assert_eq!(contract.digest, Some(Digest::of(nobody.as_bytes())));
    assert_eq!(product.attachments.len(), 1);
}

#[test]
fn all_errors_of_a_file_are_named_with_their_place() {
    let text = "apiVersion: v1.0.0\nkind: DataProdukt\nid: 7\ndomain: d\noutputPorts:\n- version: 1.0.0\n- name: x\n  version: 1.0\n";
    let problems = read("x.odps.yaml", text).unwrap_err();
    let problems: Vec<_> = problems.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "1:1: status: expected a text, found no such field",
            "2:7: kind: expected one of DataProduct, found 'DataProdukt'",
            "3:5: id: expected a text, found the number 7 (quotes make it a text)",
            "6:3: outputPorts[0].name: expected a text, found no such field",
            "8:12: outputPorts[1].version: expected a text, found the number 1.0 (quotes make it a text)",
        ]
    );
}

#[test]
fn the_declared_version_decides_what_is_valid() {
    let status = "apiVersion: @\nkind: DataProduct\nid: a\ndomain: d\n";
    assert!(read("x.odps.yaml", &status.replace('@', "v1.1.0")).is_ok());
    assert!(read("x.odps.yaml", &status.replace('@', "v1.0.0")).is_err());
    let unknown = read("x.odps.yaml", &status.replace('@', "v2.0.0")).unwrap_err().to_string();
    assert_eq!(unknown, "1:13: apiVersion: expected one of v0.9.0, v1.0.0, v1.1.0, found 'v2.0.0'");

    let contract =
        "apiVersion: @\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\ndomain: d\ncontext: ask\n";
    assert!(read("x.odcs.yaml", &contract.replace('@', "v3.2.0")).unwrap().warnings.is_empty());
    let older = read("x.odcs.yaml", &contract.replace('@', "v3.0.1")).unwrap();
    assert!(older.warnings[0].to_string().contains("expected a field of v3.0.1; this one came later"));
    let unknown = read("x.odcs.yaml", &contract.replace('@', "v2.2.2")).unwrap_err().to_string();
    assert!(unknown.contains("one of v3.0.0, v3.0.1, v3.0.2, v3.1.0, v3.2.0, found 'v2.2.2'"), "{unknown}");
}

#[test]
fn unknown_fields_are_kept_and_named_and_come_back() {
    let text = PRODUCT
        .replace("tags:", "colour: {of: red}\n\"a.b\": 1\ntags:")
        .replace("tool: email", "tool: email, hours: 9-5");
    let parsed = read("x.odps.yaml", &text).unwrap();
    let warnings: Vec<_> = parsed.warnings.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(warnings, ["version", "colour", "[\"a.b\"]", "support[0].hours"]);
    let first = travels(parsed.products[0].descriptor.clone());
    assert_eq!(first.extensions["odps.colour"].as_str(), r#"{"of":"red"}"#);
    assert_eq!(first.extensions["odps[\"a.b\"]"].as_str(), "1");
    let written = write(&first, Format::Odps).unwrap();
    assert!(written.contains("hours: \"9-5\""), "{written}");
    assert_eq!(travels(one("x.odps.yaml", &written)), first);
}

#[test]
fn a_file_without_a_domain_says_how_to_give_one() {
    let mut salt = || [0; 16];
    let mut ctx =
        Context { domain: None, salt: &mut salt, encoded_len: &|_| 0, file_name: "x.odps.yaml", load: &|_| None };
    let text = "apiVersion: v1.1.0\nkind: DataProduct\nid: a\n";
    let problems = parse(text.as_bytes(), &mut ctx).unwrap_err().to_string();
    assert_eq!(problems, "1:1: domain: expected the owning domain, here or as --domain NAME, found no such field");
}

#[test]
fn fields_beyond_the_room_of_a_descriptor_stay_in_the_original() {
    let columns: String = (0..400)
        .map(|n| {
            format!(
                "  - {{name: c{n}, logicalType: string, physicalType: varchar({n}), businessName: column number {n}}}\n"
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let text = format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n- name: t\n  properties:\n{columns}"
    );
    let parsed = read("x.odcs.yaml", &text).unwrap();
    assert!(parsed.warnings[0].to_string().contains("which only the attached original keeps"));
    let descriptor = &parsed.products[0].descriptor;
    assert_eq!(descriptor.fields().count(), 400);
    assert!(!descriptor.extensions.contains_key("odcs.schema"));
}

#[test]
fn versions_that_are_none_are_errors() {
    let text = "apiVersion: v1.1.0\nkind: DataProduct\nid: a\nversion: latest\n";
    let problems = read("x.odps.yaml", text).unwrap_err().to_string();
    assert_eq!(problems, "4:10: version: expected a version such as 1.4.0, found 'latest'");
    let none = read("x.odps.yaml", "apiVersion: v1.1.0\nkind: DataProduct\nid: a\n").unwrap();
    assert_eq!((none.products[0].version_given, none.products[0].descriptor.version), (false, Version::FIRST));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_descriptor_comes_back_from_either_standard(descriptor in crate::common::descriptor::descriptor()) {
        for (name, format) in [("x.odps.yaml", Format::Odps), ("x.odcs.yaml", Format::Odcs)] {
            let written = write(&descriptor, format).unwrap();
            let parsed = read(name, &written);
            prop_assert!(parsed.is_ok(), "{}\n{written}", parsed.unwrap_err());
            let mut read = travels(parsed.unwrap().products.remove(0).descriptor);
            let mut wanted = travels(descriptor.clone());
            // The source is the file that was read.
            read.source = None;
            wanted.source = None;
            prop_assert_eq!(read, wanted, "{}", written);
        }
    }

    #[test]
    fn no_text_is_a_panic(
        start in proptest::sample::select(vec!["", PRODUCT, CONTRACT]),
        at in 0_usize..2000,
        cut in 0_usize..40,
        text in "[ -~\n\t]{0,20}|[\\[\\]{}:,&*!?|>'\"%@#\n -]{0,30}|\\PC{0,10}",
    ) {
        let at = at.min(start.len());
        let mut broken = start.to_owned();
        broken.replace_range(at..(at + cut).min(start.len()), &text);
        for name in ["x.odps.yaml", "x.odcs.yaml", "x.yaml"] {
            drop(read(name, &broken));
        }
    }
}
