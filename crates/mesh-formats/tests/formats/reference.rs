//! The table of the product file: its documentation is current, and every name in it is read.

use std::path::PathBuf;

#[test]
fn the_reference_is_what_the_table_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/product-file.md");
    let current = mesh_formats::reference_markdown();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, current, "run `UPDATE_REFERENCE=1 cargo test -p mesh-formats --test formats reference`");
}
