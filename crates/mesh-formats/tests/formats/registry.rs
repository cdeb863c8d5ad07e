//! The Registry of Open Data, whole: every record is a product.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mesh_formats::{Context, NameMap, People, RegistryRecord, fit, parse, read_record};
use mesh_model::{AttachmentPurpose, DomainName, Name, PortKind, limits};

const RECORD: &str = r"
Name: Ocean Data
Description: |
  All about the sea; write to sea@example.org.
Documentation: See https://docs.example.org/sea for more
Contact: Jo Doe <jo@example.org> or https://example.org/help
ManagedBy: '[The Sea Institute, Inc.](https://sea.example.org) (jo@example.org)'
UpdateFrequency: Daily
Tags: [ocean, aws-pds, ocean]
License: CC0
Deprecated: True
DeprecatedNotice: Gone; ask jo@example.org
Resources:
  - {Description: Files, ARN: 'arn:aws:s3:::sea-data/v1/', Region: eu-west-1, Type: S3 Bucket, RequesterPays: False}
  - {Description: News, ARN: 'arn:aws:sns:eu-west-1:1234:NewSea', Region: eu-west-1, Type: SNS Topic}
  - {Description: Pages, Host: d1.cloudfront.net, Region: us-east-1, Type: CloudFront Distribution}
DataAtWork:
  Tutorials:
    - {Title: How to swim, URL: 'https://t.example.org', AuthorName: Ann Author, AuthorURL: 'https://ann.example.org'}
  Publications:
    - ~
";

fn read(name: &str, text: &str, domain: Option<&DomainName>) -> Result<RegistryRecord, String> {
    let mut salt = || [7; 16];
    let mut ctx = Context { domain, salt: &mut salt, encoded_len: &|_| 0, file_name: name, load: &|_| None };
    let mut problems = Vec::new();
    read_record(text, &mut ctx, &mut problems)
        .ok_or_else(|| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_record_says_what_its_file_says() {
    let record = read("1-ocean.yaml", RECORD, None).unwrap();
    let descriptor = &record.product.descriptor;
    assert_eq!(descriptor.id().to_string(), "sea-institute/n1-ocean");
    assert_eq!(descriptor.source.as_ref().unwrap().id.as_deref(), Some("1-ocean"));
    assert_eq!(descriptor.title, "Ocean Data");
    assert_eq!(descriptor.tags, ["ocean", "aws-pds"]);
    assert_eq!(descriptor.storage.residency, ["eu-west-1", "us-east-1"]);
    let ports: Vec<_> = descriptor
        .outputs
        .iter()
        .map(|port| {
            (port.name.as_str(), port.kind, port.protocol.as_deref().unwrap(), port.location.as_deref().unwrap())
        })
        .collect();
    assert_eq!(
        ports,
        [
            ("sea-data-v1", PortKind::File, "s3", "arn:aws:s3:::sea-data/v1/"),
            ("newsea", PortKind::Stream, "sns", "arn:aws:sns:eu-west-1:1234:NewSea"),
            ("d1-cloudfront-net", PortKind::File, "https", "d1.cloudfront.net"),
        ]
    );
    assert_eq!(descriptor.outputs[1].topic.as_deref(), Some("NewSea"));
    assert_eq!(descriptor.sla[0].description, "Daily");
    let links: Vec<_> =
        descriptor.documentation.links.iter().map(|link| (link.title.as_str(), link.url.as_str())).collect();
    assert_eq!(
        links,
        [
            ("Documentation", "https://docs.example.org/sea"),
            ("Tutorial: How to swim", "https://t.example.org"),
            ("Sea Institute", "https://sea.example.org"),
        ]
    );
    assert_eq!(record.deprecated.as_deref(), Some("Gone; ask [address withheld]"));
    assert_eq!(record.manager_url.as_deref(), Some("https://sea.example.org"));
    assert_eq!(descriptor.owner.support[0].address, "https://example.org/help");
}

#[test]
fn people_of_a_record_are_private() {
    let record = read("ocean.yaml", RECORD, None).unwrap();
    let json = serde_json::to_string(&record.product.descriptor).unwrap();
    for name in ["jo@", "Jo Doe", "sea@", "Ann Author", "ann.example"] {
        assert!(!json.contains(name), "{name}");
    }
    let people = record.product.attachments.iter().find(|a| a.attachment.purpose == AttachmentPurpose::People).unwrap();
    let people = People::parse(&people.body).unwrap().people;
    assert!(people.iter().any(|person| person.name == "Ann Author"));
    assert!(
        people
            .iter()
            .any(|person| person.details.get("contact").is_some_and(|c| c.as_str().unwrap().contains("Jo Doe")))
    );
}

#[test]
fn a_given_domain_wins_and_missing_fields_are_named() {
    let domain = DomainName::parse("imports").unwrap();
    let record = read("ocean.yaml", RECORD, Some(&domain)).unwrap();
    assert_eq!(record.product.descriptor.domain, domain);
    assert_eq!(record.product.descriptor.owner.team, "Sea Institute");
    let problems = read("x.yaml", "Name: x\nManagedBy: y\nResources: [{}]\n", None).unwrap_err();
    for field in ["Description", "Contact", "Tags", "Resources[0].Region"] {
        assert!(problems.contains(&format!("{field}: expected")), "{field}: {problems}");
    }
}

/// The registry's records, by file name; none, with a message, where the folder is absent.
fn registry() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/open-data-registry/datasets");
    if !folder.is_dir() {
        eprintln!("skipped: the Open Data Registry is not beside the repository");
        return BTreeMap::new();
    }
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn the_whole_registry_goes_in() {
    let files = registry();
    if files.is_empty() {
        return;
    }
    assert_eq!(files.len(), 1039);
    let (mut ids, mut managers, mut teams) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut deprecated, mut foreign_names, mut long, mut most_ports, mut overflowed) = (0, 0, 0, 0, 0);
    for (name, text) in &files {
        let record = read(name, text, None).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let descriptor = &record.product.descriptor;
        assert!(ids.insert(descriptor.id()), "{name}: {} is there twice", descriptor.id());
        assert_eq!(descriptor.check(), [], "{name}");
        deprecated += usize::from(record.deprecated.is_some());
        foreign_names += usize::from(Name::parse(name.strip_suffix(".yaml").unwrap()).is_err());
        long += usize::from(descriptor.description.len() > limits::DESCRIPTOR_BYTES);
        most_ports = most_ports.max(descriptor.outputs.len());
        managers.insert(record.managed_by.trim().to_owned());
        teams.insert(descriptor.domain.clone());

        // The JSON form is larger than the signed one: what fits in it fits in that.
        let len = |descriptor: &mesh_model::Descriptor| serde_json::to_vec(descriptor).unwrap().len();
        let mut salt = || [7; 16];
        let mut ctx = Context { domain: None, salt: &mut salt, encoded_len: &len, file_name: name, load: &|_| None };
        let mut product = parse(text.as_bytes(), &mut ctx).unwrap_or_else(|p| panic!("{name}: {p}")).products.remove(0);
        fit(&mut product, &mut ctx).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        overflowed += usize::from(!product.descriptor.overflow.is_empty());
    }
    assert_eq!(deprecated, 19);
    assert_eq!(foreign_names, 13);
    assert_eq!(long, 33);
    assert_eq!(most_ports, 315);
    assert_eq!((managers.len(), teams.len()), (403, 377));
    // 33 for their description alone, the others for what comes together.
    assert!(overflowed >= long, "{overflowed}");
}

#[test]
fn spellings_of_managers_merge_into_domains() {
    let files = registry();
    if files.is_empty() {
        return;
    }
    let managers: BTreeSet<String> =
        files.iter().map(|(name, text)| read(name, text, None).unwrap().managed_by).collect();
    let map = NameMap::merged(managers.iter().map(String::as_str));
    let domains: BTreeSet<_> = map.iter().map(|(_, name)| name).collect();
    assert_eq!((managers.len(), domains.len()), (403, 377));
    assert_eq!(map.merges().count(), 18);
    let noaa = map.merges().find(|(name, _)| name.as_str() == "noaa").unwrap().1;
    assert!(noaa.len() >= 4, "{noaa:?}");
}
