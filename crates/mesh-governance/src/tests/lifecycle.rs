//! DeprecateVersion and RetireProduct.

use mesh_event::Body;
use mesh_event::command::{DeprecateVersion, RetireProduct};
use mesh_model::{Code, ProductId, Version};

use super::{accepted, refused_in_feed};
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{Applied, Effect, Status, read};

fn id() -> ProductId {
    "sales/orders".parse().unwrap()
}

fn version(text: &str) -> Option<Version> {
    text.parse().ok()
}

/// Given sales/orders 1.0.0, 1.1.0 and 2.0.0 ...
fn three_versions() -> TestMesh {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    for (version, fields) in [("1.0.0", vec!["a"]), ("1.1.0", vec!["a", "b"]), ("2.0.0", vec!["c"])] {
        accepted(&mesh.publish(descriptor("sales/orders", version, &fields)));
    }
    mesh
}

fn deprecate_as(mesh: &mut TestMesh, by: &str, edit: impl FnOnce(&mut DeprecateVersion)) -> Applied {
    let mut body = DeprecateVersion {
        product: id(),
        version: None,
        sunset: "2027-01-31".into(),
        successor: "sales/orders@2.0.0".into(),
        reason: "old".into(),
    };
    edit(&mut body);
    let command = mesh.command(Body::DeprecateVersion(body), &[keypair(by)]);
    mesh.say("sales", &command)
}

fn deprecate(mesh: &mut TestMesh, version: Option<Version>) -> Applied {
    deprecate_as(mesh, "sales/owner", |body| body.version = version)
}

fn retire_as(mesh: &mut TestMesh, by: &str, product: ProductId, version: Option<Version>) -> Applied {
    let body = RetireProduct { product, version, reason: "done".into() };
    let command = mesh.command(Body::RetireProduct(body), &[keypair(by)]);
    mesh.say("sales", &command)
}

fn retire(mesh: &mut TestMesh, version: Option<Version>) -> Applied {
    retire_as(mesh, "sales/owner", id(), version)
}

/// The product's status, then those of its versions from the lowest.
fn statuses(mesh: &TestMesh) -> Vec<Status> {
    let product = read::product(&mesh.state, &id()).unwrap().unwrap();
    let versions = read::versions(&mesh.state, &id(), false, 10).unwrap();
    let versions: Vec<Status> = versions.iter().map(|version| version.status(&product)).collect();
    assert_eq!(product.active, versions.iter().filter(|s| **s == Status::Active).count() as u64);
    std::iter::once(product.status()).chain(versions).collect()
}

use Status::{Active as A, Deprecated as D, Retired as R};

#[test]
fn deprecates_one_version_then_all() {
    let mut mesh = three_versions();
    let applied = deprecate(&mut mesh, version("1.0.0"));
    accepted(&applied);
    assert_eq!(applied.effects, [Effect::Deprecated { product: id(), version: version("1.0.0") }]);
    assert_eq!(statuses(&mesh), [A, D, A, A]);
    accepted(&deprecate(&mut mesh, None));
    assert_eq!(statuses(&mesh), [D, D, D, D]);
    let product = read::product(&mesh.state, &id()).unwrap().unwrap();
    let sealed = read::versions(&mesh.state, &id(), true, 1).unwrap().remove(0);
    assert_eq!(sealed.notice(&product).unwrap().sunset, "2027-01-31");
    // A version that is sealed later is not under that notice.
    accepted(&mesh.publish(descriptor("sales/orders", "2.0.1", &["c"])));
    assert_eq!(statuses(&mesh), [A, D, D, D, A]);
    accepted(&deprecate(&mut mesh, None));
    assert_eq!(statuses(&mesh), [D, D, D, D, D]);
}

#[test]
fn a_product_is_deprecated_once_each_of_its_versions_is() {
    let mut mesh = three_versions();
    for text in ["1.0.0", "1.1.0", "2.0.0"] {
        assert_eq!(statuses(&mesh)[0], A);
        accepted(&deprecate_as(&mut mesh, "sales/owner", |body| {
            body.version = version(text);
            body.successor.clear();
        }));
    }
    assert_eq!(statuses(&mesh), [D, D, D, D]);
}

#[test]
fn says_when_it_is_so_already_and_takes_a_new_notice() {
    let mut mesh = three_versions();
    accepted(&deprecate(&mut mesh, version("1.0.0")));
    refused_in_feed(
        &deprecate(&mut mesh, version("1.0.0")),
        Code::AlreadySo,
        "sales/orders@1.0.0 was deprecated so at index 6",
    );
    accepted(&deprecate_as(&mut mesh, "sales/owner", |body| {
        body.version = version("1.0.0");
        body.sunset = "2027-06-30".into();
    }));
    accepted(&deprecate(&mut mesh, None));
    refused_in_feed(&deprecate(&mut mesh, None), Code::AlreadySo, "sales/orders was deprecated so at index 9");
    refused_in_feed(&deprecate(&mut mesh, version("1.1.0")), Code::AlreadySo, "at index 9");
    let product = read::product(&mesh.state, &id()).unwrap().unwrap();
    let lowest = read::versions(&mesh.state, &id(), false, 1).unwrap().remove(0);
    assert_eq!(lowest.notice(&product).unwrap().index, 9, "the later notice is in force");
}

#[test]
fn refuses_notices_that_do_not_fit() {
    let mut mesh = three_versions();
    let mut refuse = |by: &str, edit: &dyn Fn(&mut DeprecateVersion), code, detail: &str| {
        refused_in_feed(&deprecate_as(&mut mesh, by, edit), code, detail);
    };
    let owner = "sales/owner";
    refuse(owner, &|b| b.sunset = "soon".into(), Code::Malformed, "sunset is no date");
    refuse(owner, &|b| b.successor = "Orders".into(), Code::Malformed, "successor is no id");
    refuse(owner, &|b| b.successor = "sales/orders".into(), Code::Malformed, "cannot take its own place");
    refuse(owner, &|b| b.version = version("2.0.0"), Code::Malformed, "cannot take its own place");
    refuse(owner, &|b| b.successor = "finance/nothing".into(), Code::UnknownProduct, "finance/nothing");
    refuse(owner, &|b| b.successor = "sales/orders@9.0.0".into(), Code::UnknownVersion, "9.0.0");
    refuse(owner, &|b| b.product = "sales/other".parse().unwrap(), Code::UnknownProduct, "sales/other");
    refuse(owner, &|b| b.version = version("3.0.0"), Code::UnknownVersion, "its highest is 2.0.0");
    refuse(owner, &|b| b.product = "finance/x".parse().unwrap(), Code::WrongDomain, "for domain finance");
    refuse("finance/owner", &|_| (), Code::WrongDomain, "role in domain finance");
    refuse("sales/steward", &|_| (), Code::WrongRole, "does not allow deprecate");
    refuse("stranger", &|_| (), Code::UnknownKey, "no role");
    accepted(&deprecate_as(&mut mesh, "sales/engineer", |body| {
        body.sunset.clear();
        body.successor.clear();
    }));
}

#[test]
fn retires_one_version_then_the_product() {
    let mut mesh = three_versions();
    let applied = retire(&mut mesh, version("2.0.0"));
    accepted(&applied);
    assert_eq!(applied.effects, [Effect::Retired { product: id(), version: version("2.0.0") }]);
    assert_eq!(statuses(&mesh), [A, A, A, R]);
    accepted(&retire(&mut mesh, None));
    assert_eq!(statuses(&mesh), [R, R, R, R]);
    refused_in_feed(&retire(&mut mesh, None), Code::AlreadySo, "sales/orders was retired at index 7");
    refused_in_feed(&retire(&mut mesh, version("1.0.0")), Code::AlreadySo, "1.0.0 was retired at index 7");
    refused_in_feed(&deprecate(&mut mesh, None), Code::Retired, "sales/orders is retired");
    refused_in_feed(&deprecate(&mut mesh, version("1.0.0")), Code::Retired, "1.0.0 is retired");
    let more = mesh.publish(descriptor("sales/orders", "3.0.0", &["z"]));
    refused_in_feed(&more, Code::Retired, "sales/orders was retired at index 7");
}

#[test]
fn a_major_whose_every_version_is_retired_takes_no_more() {
    let mut mesh = three_versions();
    accepted(&deprecate(&mut mesh, version("1.0.0")));
    accepted(&retire(&mut mesh, version("1.0.0")));
    accepted(&mesh.publish(descriptor("sales/orders", "1.1.1", &["a", "b"])));
    accepted(&retire(&mut mesh, version("1.1.0")));
    accepted(&retire(&mut mesh, version("1.1.1")));
    let more = mesh.publish(descriptor("sales/orders", "1.2.0", &["a", "b"]));
    refused_in_feed(&more, Code::Retired, "every version of major 1 of sales/orders");
    accepted(&mesh.publish(descriptor("sales/orders", "2.0.1", &["c"])));
    assert_eq!(statuses(&mesh), [A, R, R, R, A, A]);
    for text in ["2.0.0", "2.0.1"] {
        accepted(&retire(&mut mesh, version(text)));
    }
    assert_eq!(statuses(&mesh)[0], R);
    accepted(&mesh.publish(descriptor("sales/orders", "3.0.0", &["d"])));
    assert_eq!(statuses(&mesh)[0], A);
}

#[test]
fn refuses_retirements_that_do_not_fit() {
    let mut mesh = three_versions();
    let other: ProductId = "sales/other".parse().unwrap();
    refused_in_feed(&retire_as(&mut mesh, "sales/owner", other, None), Code::UnknownProduct, "sales/other");
    refused_in_feed(&retire(&mut mesh, version("9.0.0")), Code::UnknownVersion, "9.0.0");
    let engineer = retire_as(&mut mesh, "sales/engineer", id(), None);
    refused_in_feed(&engineer, Code::WrongRole, "is domain-data-engineer in domain sales");
}
