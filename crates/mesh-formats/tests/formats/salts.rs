//! Private attachments of the same people keep their digests.

use crate::common::product;

#[test]
fn a_file_whose_people_are_the_same_is_unchanged() {
    let text = "resource \"data_product\" \"orders\" {\n owner = \"desk\"\n owner_person {\n name = \"Ada\"\n }\n}\n";
    let sealed = product(text);
    let salts: Vec<_> = sealed.attachments.iter().map(|a| (a.attachment.digest, a.salt.unwrap())).collect();
    // Read again, at another time, with other salts.
    let mut again = crate::common::with_context("product.hcl", |ctx| {
        (ctx.salt)();
        (ctx.salt)();
        mesh_formats::parse(text.as_bytes(), ctx).unwrap().products.remove(0)
    });
    assert!(!mesh_model::compare(&sealed.descriptor, &again.descriptor).is_empty());
    again.keep_salts(&salts);
    assert_eq!(again, sealed);
}
