//! What a node asks of a state.

use mesh_event::Signer as _;
use mesh_model::{Action, DomainName, ProductId, Version};

use super::accepted;
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{Damage, KeyPurpose, StateChange, keys, read};

fn filled() -> TestMesh {
    let mut mesh = TestMesh::with_domains(&["a", "a-b", "ab", "b"]);
    for id in ["a/x", "a/x-y", "a/xy", "a-b/x", "ab/x", "b/x"] {
        accepted(&mesh.publish(descriptor(id, "1.0.0", &["f"])));
    }
    mesh
}

#[test]
fn names_that_begin_alike_stay_apart() {
    let mesh = filled();
    let ids = |domain: Option<&str>, after: Option<&str>, limit| -> Vec<String> {
        let domain: Option<DomainName> = domain.map(|name| name.parse().unwrap());
        let after: Option<ProductId> = after.map(|id| id.parse().unwrap());
        let found = read::products(&mesh.state, domain.as_ref(), after.as_ref(), limit).unwrap();
        found.iter().map(|product| product.id.to_string()).collect()
    };
    assert_eq!(ids(Some("a"), None, 10), ["a/x", "a/x-y", "a/xy"]);
    assert_eq!(ids(Some("a"), Some("a/x"), 1), ["a/x-y"]);
    assert_eq!(ids(None, None, 10), ["a/x", "a/x-y", "a/xy", "a-b/x", "ab/x", "b/x"]);
    assert_eq!(ids(None, Some("a/xy"), 2), ["a-b/x", "ab/x"]);
    assert_eq!(ids(Some("b"), Some("a/xy"), 2), ["b/x"]);
    assert_eq!(ids(None, None, 0), Vec::<String>::new());
    assert_eq!(read::versions(&mesh.state, &"a/x".parse().unwrap(), true, 10).unwrap().len(), 1);
    assert_eq!(read::domains(&mesh.state, None, 10).unwrap().len(), 4);
}

#[test]
fn versions_come_in_either_order() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let max = u32::MAX;
    let versions = [Version::new(1, 0, 0), Version::new(2, 0, 0), Version::new(10, 0, 0), Version::new(max, max, max)];
    for version in versions {
        accepted(&mesh.publish(descriptor("sales/orders", &version.to_string(), &["f"])));
    }
    let id = "sales/orders".parse().unwrap();
    let listed = |descending, limit| -> Vec<Version> {
        let found = read::versions(&mesh.state, &id, descending, limit).unwrap();
        found.iter().map(|sealed| sealed.version).collect()
    };
    assert_eq!(listed(false, 10), versions);
    assert_eq!(listed(false, 2), versions[..2]);
    let mut falling = versions;
    falling.reverse();
    assert_eq!(listed(true, 10), falling);
    assert_eq!(listed(true, 3), falling[..3]);
}

#[test]
fn says_who_may() {
    let mesh = filled();
    let size = read::head(&mesh.state).unwrap().size;
    let may = |key: &str, action, domain: &str| {
        read::may(&mesh.state, &keypair(key).public_key(), action, &domain.parse().unwrap(), size).unwrap()
    };
    assert!(may("a/owner", Action::RetireProduct, "a") && !may("a/owner", Action::RetireProduct, "b"));
    assert!(may("a/engineer", Action::PublishVersion, "a") && !may("a/engineer", Action::RetireProduct, "a"));
    assert!(may("a/root", Action::GrantRole, "a") && !may("a/root", Action::GrantRole, "ab"));
    assert!(may("council-2", Action::AdmitDomain, "a") && !may("a/root", Action::AdmitDomain, "a"));
}

#[test]
fn a_key_has_its_places_and_its_purpose() {
    let mesh = filled();
    let key = keypair("a-b/owner").public_key();
    let entries = read::grants_of(&mesh.state, &key).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].domain, Some("a-b".parse().unwrap()));
    assert_eq!(read::key_purpose(&mesh.state, &key).unwrap(), Some(KeyPurpose::RoleHolder));
    assert_eq!(read::grants_of(&mesh.state, &keypair("nobody").public_key()).unwrap(), []);
    let roster = read::roster(&mesh.state, Some(&"a".parse().unwrap())).unwrap();
    assert_eq!(roster.len(), 3);
    assert!(roster.is_sorted_by(|a, b| a.key < b.key));
}

#[test]
fn damage_is_an_error_and_not_an_answer() {
    let mut mesh = filled();
    let id: ProductId = "a/x".parse().unwrap();
    mesh.state.apply_changes(&[StateChange { key: keys::product(&id), value: Some(vec![1, 2, 3]) }]);
    let error = read::product(&mesh.state, &id).unwrap_err();
    assert!(error.to_string().starts_with("the stored state is damaged: a product"), "{error}");
    let sealed = "b/x@1.0.0".parse().unwrap();
    mesh.state.put_leaf(10, b"noise".to_vec());
    assert!(matches!(read::descriptor_of(&mesh.state, &sealed), Err(Damage { .. })));
}
