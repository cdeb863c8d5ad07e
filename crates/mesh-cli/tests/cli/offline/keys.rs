//! Private keys on disk.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::machine::{Machine, mode};
use mesh_event::{Keypair, Signer as _};

#[test]
fn a_new_key_is_for_its_owner_alone_and_never_overwrites_another() {
    let machine = Machine::new();
    let made = machine.ok(&["key", "new", "--out", "a.pem"]);
    assert_eq!(mode(&machine.path("a.pem")), 0o600);
    let pem = machine.read("a.pem");
    let public = Keypair::from_pem(&pem).unwrap().public_key();
    assert!(made.contains(&public.to_string()) && made.contains(&public.fingerprint()), "{made}");
    let refused = machine.refused(2, &["key", "new", "--out", "a.pem"]);
    assert!(refused.contains("a.pem"), "{refused}");
    assert_eq!(machine.read("a.pem"), pem);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let machine = Machine::new();
    machine.ok(&["key", "new", "--out", "a.pem"]);
    let shown = machine.ok(&["key", "show", "a.pem"]);
    assert!(shown.contains("ed25519:") && !shown.contains("PRIVATE"), "{shown}");
    std::fs::set_permissions(machine.path("a.pem"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = machine.refused(2, &["key", "show", "a.pem"]);
    assert!(refused.contains("0600") && refused.contains("MESH-0201"), "{refused}");
}

#[test]
fn named_keys_are_kept_and_listed() {
    let machine = Machine::new();
    machine.ok(&["key", "new", "ada"]);
    machine.ok(&["key", "new", "ben"]);
    let listed = machine.ok(&["key", "list"]);
    assert!(listed.contains("ada") && listed.contains("ben") && listed.contains("ed25519:"), "{listed}");
    machine.refused(2, &["key", "new", "ada"]);
    machine.refused(2, &["key", "new", "../ada"]);
}
