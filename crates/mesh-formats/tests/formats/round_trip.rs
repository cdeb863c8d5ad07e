//! A descriptor written as HCL reads back as the same descriptor.

use crate::common::descriptor::descriptor;
use crate::common::{errors, product, read};
use mesh_formats::{Format, WriteError, write};
use mesh_model::{AttachmentPurpose, Digest, JsonText};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_descriptor_reads_back_as_itself(before in descriptor()) {
        let text = write(&before, Format::Hcl).unwrap();
        let parsed = read(&text).map_err(|problems| TestCaseError::fail(format!("{problems}\n{text}")))?;
        prop_assert_eq!(&parsed.warnings, &vec![], "{}", text);
        prop_assert!(parsed.products[0].version_given);
        prop_assert_eq!(&parsed.products[0].descriptor, &before, "{}", text);
        // Equal decimals may differ in places, which would be another digest: the JSON shows them.
        prop_assert_eq!(serde_json::to_string(&parsed.products[0].descriptor).unwrap(), serde_json::to_string(&before).unwrap());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z\"{}\\[\\]$%#<=\\-\n \\\\ö0-9.]{0,200}") {
        for text in [text.clone(), format!("resource \"data_product\" \"x\" {{\n{text}\n}}\n")] {
            if let Err(problems) = read(&text) {
                prop_assert!(problems.0.iter().all(|problem| problem.line > 0), "{}", problems);
            }
        }
    }
}

const SMALL: &str = "resource \"data_product\" \"orders\" {\n  domain = \"sales\"\n  owner  = \"desk\"\n}\n";

#[test]
fn an_export_that_nobody_edited_keeps_its_original_and_an_edited_one_is_a_new_original() {
    let before = product(SMALL);
    let export = write(&before.descriptor, Format::Hcl).unwrap();
    let again = product(&export);
    assert_eq!(again.descriptor, before.descriptor);
    assert_eq!(again.attachments, vec![]);

    let edited = export.replace("\"desk\"", "\"front desk\"");
    let after = product(&edited);
    let originals: Vec<_> =
        after.descriptor.attachments.iter().filter(|a| a.purpose == AttachmentPurpose::Original).collect();
    assert_eq!(originals.len(), 1);
    assert_eq!(originals[0].digest, Digest::of(edited.as_bytes()));
}

#[test]
fn extensions_too_deep_to_read_back_are_not_written() {
    let mut descriptor = product(SMALL).descriptor;
    let nested = |depth: usize| JsonText::parse(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).unwrap();
    descriptor.extensions.insert("acme.deep".into(), nested(62));
    let text = write(&descriptor, Format::Hcl).unwrap();
    assert_eq!(product(&text).descriptor, descriptor);
    descriptor.extensions.insert("acme.deep".into(), nested(63));
    assert_eq!(write(&descriptor, Format::Hcl), Err(WriteError::Nesting { limit: 64 }));
}

#[test]
fn numbers_that_json_would_change_are_kept_as_text() {
    let text = SMALL.replace(
        "owner ",
        "extensions = { \"a.b\" = 1.50, \"a.c\" = 12345678901234567890123, \"a.d\" = 007 }\n  owner ",
    );
    let parsed = read(&text).unwrap();
    let extensions = &parsed.products[0].descriptor.extensions;
    let found: Vec<_> = extensions.values().map(JsonText::as_str).collect();
    assert_eq!(found, ["1.5", "\"12345678901234567890123\"", "7"]);
    assert_eq!(parsed.warnings.len(), 1);
    assert!(errors(&text.replace("1.50", "1 + 2"))[0].contains("an operation"));
}
