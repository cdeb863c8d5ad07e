//! `$ref` within one document (JSON Schema 2020-12, 8.2.3.1; RFC 6901).

use serde_json::Value;

/// Follows references from a schema to one that is none. A reference out of the document is left as it is: two of them are alike when they
/// are spelt alike.
pub(super) fn resolve<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    // Definitions that refer to each other in a ring mean nothing.
    for _ in 0..super::DEEPEST {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let Some(target) = target(root, reference) else { return schema };
        schema = target;
    }
    schema
}

/// What a reference within the document leads to.
pub(super) fn target<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let pointer = reference.strip_prefix('#')?;
    if pointer.is_empty() || pointer.starts_with('/') {
        return root.pointer(&unescape(pointer)?);
    }
    // A name: `$anchor`, or `id: "#name"` before 2019.
    let named = |definitions: &'s Value| {
        let schemas = definitions.as_object()?.values();
        schemas.into_iter().find(|schema| {
            let says = |key: &str| schema.get(key).and_then(Value::as_str);
            says("$anchor") == Some(pointer) || says("id") == Some(reference) || says("$id") == Some(reference)
        })
    };
    ["$defs", "definitions"].iter().find_map(|key| root.get(key).and_then(named))
}

/// Percent escapes of a URI's fragment.
fn unescape(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(more.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    String::from_utf8(bytes).ok()
}
