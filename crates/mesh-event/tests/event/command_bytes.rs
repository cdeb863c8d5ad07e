//! What was signed once has to decode for ever, and to the same: the bytes of every command of the first release.
//!
//! `fixtures/commands-1.txt` was written by the build before council matters were added. It is never edited; later commands get
//! a file of their own.

use std::fmt::Write as _;

use mesh_event::command::{
    AdmitDomains, DelegateNode, DeprecateVersion, DomainAdmission, GrantRole, PublishVersion, RetireProduct, RevokeKey,
    RoleGrant,
};
use mesh_event::{Body, Command, Council, GenesisDocument, NodeRecord, Seat};
use mesh_model::{CommandId, Dataset, Descriptor, Digest, Field, MeshId, PublicKey, Role};

fn key(n: u8) -> PublicKey {
    PublicKey([n; 32])
}

fn bodies() -> Vec<Body> {
    let mut descriptor = Descriptor::new("sales".parse().unwrap(), "orders".parse().unwrap());
    descriptor.version = "1.2.3".parse().unwrap();
    descriptor.owner.team = "team".into();
    let field = Field { name: "id".into(), logical_type: "string".into(), ..Field::default() };
    descriptor.datasets = vec![Dataset { name: "main".into(), fields: vec![field], ..Dataset::default() }];
    let grant = RoleGrant { key: key(5), role: Role::DataGovernanceSteward };
    vec![
        Body::PublishVersion(PublishVersion {
            descriptor,
            planned_against: Some(Digest([6; 32])),
            overflow_breaks: vec!["a.b".into()],
        }),
        Body::DeprecateVersion(DeprecateVersion {
            product: "sales/orders".parse().unwrap(),
            version: Some("1.2.3".parse().unwrap()),
            sunset: "2027-01-31".into(),
            successor: "sales/orders@2.0.0".into(),
            reason: "old".into(),
        }),
        Body::RetireProduct(RetireProduct {
            product: "sales/orders".parse().unwrap(),
            version: None,
            reason: "done".into(),
        }),
        Body::AdmitDomains(AdmitDomains {
            domains: vec![DomainAdmission {
                name: "sales".parse().unwrap(),
                title: "Sales".into(),
                description: "sells".into(),
                responsibilities: vec!["orders".into()],
                parent: Some("company".parse().unwrap()),
                root_keys: vec![key(3), key(4)],
                root_threshold: 2,
                roles: vec![grant],
                delegate: Some(1),
            }],
            council_version: 1,
        }),
        Body::GrantRole(GrantRole { domain: Some("sales".parse().unwrap()), grant, roster_version: 7 }),
        Body::RevokeKey(RevokeKey { domain: None, key: key(5), reason: "left".into(), roster_version: 8 }),
        Body::DelegateNode(DelegateNode {
            domain: "sales".parse().unwrap(),
            node_id: 1001,
            epoch: 2,
            base_size: 9,
            base_root: Some(Digest([7; 32])),
        }),
    ]
}

fn command(body: Body) -> Command {
    let (mesh_id, id, author) = (MeshId([1; 32]), CommandId([2; 16]), key(3));
    Command { mesh_id, id, author, expires_unix_ms: 1_800_000_000_000, body }
}

fn genesis() -> GenesisDocument {
    let seat =
        |n: u8| Seat { name: format!("seat-{n}"), key: key(n), domain: (n == 2).then(|| "sales".parse().unwrap()) };
    GenesisDocument {
        mesh_name: "mesh".into(),
        council: Council { threshold: 2, seats: vec![seat(1), seat(2)] },
        voters: vec![NodeRecord {
            node_id: 1,
            name: "node-1".into(),
            key: key(8),
            log_key: Some(key(9)),
            cosigner_key: Some(key(10)),
            api_address: "127.0.0.1:7080".into(),
            peer_address: "127.0.0.1:7946".into(),
            possession: vec![vec![1; 64]],
        }],
        protocol_version: 1,
        created_unix_ms: 5,
        nonce: [7; 16],
        recovery_keys: vec![key(11)],
        min_review_ms: 0,
    }
}

#[test]
fn a_document_without_a_review_time_has_the_bytes_of_one_that_knew_none() {
    let without = genesis();
    let with = GenesisDocument { min_review_ms: 3_600_000, ..genesis() };
    let (old, new) = (without.encode(), with.encode());
    // Field 8, a varint, behind everything that there was.
    assert_eq!(new, [old.as_slice(), &[0x40, 0x80, 0xdd, 0xdb, 0x01]].concat());
    assert_eq!(GenesisDocument::decode(&old).unwrap(), without);
    assert_eq!(GenesisDocument::decode(&new).unwrap(), with);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_bytes_of_the_first_release_stay_what_they_are() {
    let mut lines = format!("Genesis {}\n", hex(&genesis().encode()));
    for body in bodies() {
        writeln!(lines, "{} {}", body.kind(), hex(&command(body.clone()).encode())).unwrap();
    }
    let file = include_str!("../fixtures/commands-1.txt");
    assert_eq!(lines, file);
    for (line, body) in file.lines().skip(1).zip(bodies()) {
        let bytes = unhex(line.split_once(' ').unwrap().1);
        assert_eq!(Command::decode(&bytes).unwrap(), command(body));
    }
    let bytes = unhex(file.lines().next().unwrap().split_once(' ').unwrap().1);
    assert_eq!(GenesisDocument::decode(&bytes).unwrap(), genesis());
}
