//! Which version a file becomes.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::product;
use mesh_formats::{Plan, PlanError, Product, plan};
use mesh_model::{Descriptor, Version};

/// A product with these lines.
fn file(lines: &str) -> Product {
    product(&format!("resource \"data_product\" \"orders\" {{\n  owner = \"desk\"\n{lines}\n}}\n"))
}

fn sealed(lines: &str, version: Version) -> Descriptor {
    let mut d = file(lines).descriptor;
    d.version = version;
    d
}

const ONE: &str = "dataset \"t\" {\n field \"a\" {\n }\n}";
const TWO: &str = "dataset \"t\" {\n field \"a\" {\n }\n field \"b\" {\n }\n}";

/// What, what is sealed, the file's lines, whether a major step is allowed, the version.
type Row<'a> = (&'a str, &'a [(&'a str, Version)], &'a str, bool, Result<Version, &'a str>);

/// Given what is sealed, when this file is planned, then this is the version.
#[test]
fn plans_the_version_that_the_changes_ask_for() {
    let v = Version::new;
    let table: &[Row<'_>] = &[
        ("first", &[], ONE, false, Ok(v(1, 0, 0))),
        ("first, named", &[], "version = \"0.3.0\"", false, Ok(v(0, 3, 0))),
        ("unchanged", &[(ONE, v(1, 4, 0))], ONE, false, Ok(v(1, 4, 0))),
        ("text", &[(ONE, v(1, 4, 0))], "title = \"x\"\ndataset \"t\" {\n field \"a\" {\n }\n}", false, Ok(v(1, 4, 1))),
        ("added", &[(ONE, v(1, 4, 0))], TWO, false, Ok(v(1, 5, 0))),
        ("removed", &[(TWO, v(1, 4, 0))], ONE, false, Err("2.0.0")),
        ("removed, allowed", &[(TWO, v(1, 4, 0))], ONE, true, Ok(v(2, 0, 0))),
        (
            "removed, named",
            &[(TWO, v(1, 4, 0))],
            "version = \"2.0.0\"\ndataset \"t\" {\n field \"a\" {\n }\n}",
            false,
            Ok(v(2, 0, 0)),
        ),
        (
            "removed, named too small",
            &[(TWO, v(1, 4, 0))],
            "version = \"1.5.0\"\ndataset \"t\" {\n field \"a\" {\n }\n}",
            true,
            Err("2.0.0"),
        ),
        (
            "patch of an older major",
            &[(ONE, v(1, 4, 0)), (TWO, v(2, 0, 0))],
            "version = \"1.4.1\"\ntitle = \"x\"\ndataset \"t\" {\n field \"a\" {\n }\n}",
            false,
            Ok(v(1, 4, 1)),
        ),
        ("the highest is the base", &[(TWO, v(2, 0, 0)), (ONE, v(1, 4, 0))], TWO, false, Ok(v(2, 0, 0))),
        ("sealed with other content", &[(TWO, v(1, 4, 0))], "version = \"1.4.0\"", false, Err("conflict")),
    ];
    for (what, known, lines, major, expected) in table {
        let known: Vec<_> = known.iter().map(|(lines, version)| sealed(lines, *version)).collect();
        let planned = match plan(&file(lines), &known, *major) {
            Ok(plan) => Ok(plan.version()),
            Err(PlanError::Conflict { .. }) => Err("conflict".to_owned()),
            Err(PlanError::TooSmall { needed, changes, .. }) => {
                assert!(changes.iter().any(|change| change.breaks.is_some()), "{what}");
                Err(needed.to_string())
            }
            Err(other) => panic!("{other}"),
        };
        assert_eq!(planned, expected.map_err(ToOwned::to_owned), "{what}");
    }
}

#[test]
fn a_file_whose_people_are_the_same_is_unchanged() {
    let text = "resource \"data_product\" \"orders\" {\n owner = \"desk\"\n owner_person {\n name = \"Ada\"\n }\n}\n";
    let sealed = product(text);
    let salts: Vec<_> = sealed.attachments.iter().map(|a| (a.attachment.digest, a.salt.unwrap())).collect();
    // Read again, at another time, with other salts.
    let mut again = common::with_context("product.hcl", |ctx| {
        (ctx.salt)();
        (ctx.salt)();
        mesh_formats::parse(text.as_bytes(), ctx).unwrap().products.remove(0)
    });
    assert!(matches!(plan(&again, std::slice::from_ref(&sealed.descriptor), false).unwrap(), Plan::Next { .. }));
    again.keep_salts(&salts);
    assert_eq!(again, sealed);
    assert!(matches!(plan(&again, &[sealed.descriptor], false).unwrap(), Plan::Unchanged { .. }));
}
