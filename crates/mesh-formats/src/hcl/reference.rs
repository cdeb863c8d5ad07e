//! `docs/product-file.md`: the table, for people.

use std::fmt::Write as _;

use super::table::{Kind, Row, TABLE};

const HEAD: &str = "\
# The product file

Generated from the parser's own table; `cargo test -p mesh-formats` says when it is out of date.

A file holds one or more `resource \"data_product\" \"name\" { … }`. `examples/customer_profile.hcl` is the guide's, word for
word; `examples/customer_360.hcl` says more.

- Values are literals: variables, functions, conditionals and interpolation are errors. `$${` writes a literal `${`;
  a `%{` that begins no `if` or `for`, as in a regular expression, is plain text.
- Each attribute stands once. A name that is not listed here is kept in `extensions` under `hcl.<path>`, and a warning
  names it with the closest listed one.
- Numbers are decimals, never floats: `99.50` stays `99.50`.
- A target is a text such as `\"99.5%\"`, `\"< 500 ms\"`, `\"15 minutes\"`, or a block `target { comparison value unit }`. Without
  a comparison, a percentage is a lower bound, a time an upper one, and anything else is meant exactly.
- A block with a label may have it as `name = \"…\"` inside instead.
- People stand in `owner_person` and `people` only. They go to a private attachment, and the file does too; an
  unknown name that looks like one of theirs is an error, since extensions are public. Contacts
  (`documentation.support_contact`, `support`) are published as the product's and stay public.

";

/// The reference of product files, as Markdown.
pub fn reference_markdown() -> String {
    let mut out = HEAD.to_owned();
    section(&mut out, "The resource", "", "`resource \"data_product\" \"customer_profile\" { … }`");
    for row in TABLE {
        let holds_names = row.kind.is_block() && super::table::children(row.path).next().is_some();
        if holds_names {
            let title = format!("`{}`", row.path);
            section(&mut out, &title, row.path, &sentence(row));
        }
        // The five kinds of ports have the same names in them.
        if row.path == "output.file" {
            section(&mut out, "`output.*`", "output.*", "In each of `api`, `batch`, `stream`, `sql`, `file`.");
        }
    }
    out
}

fn sentence(row: &Row) -> String {
    let count = match row.kind {
        Kind::One => "At most one.",
        Kind::Group => "Groups what is in it.",
        Kind::Named => "Any number, each with a label.",
        _ => "Any number.",
    };
    format!("{}. {count}", capital(row.meaning))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn section(out: &mut String, title: &str, path: &str, text: &str) {
    let mut line = |line: String| writeln!(out, "{line}").expect("strings take all that is written");
    line(format!("## {title}\n\n{text}\n\n| name | takes | means | descriptor |\n|---|---|---|---|"));
    for row in super::table::children(path) {
        let name = super::table::last(row.path);
        let goes_to = if row.goes_to.is_empty() { String::new() } else { format!("`{}`", row.goes_to) };
        line(format!(
            "| `{name}` | {} | {} | {goes_to} |",
            takes(row).replace('|', "\\|"),
            row.meaning.replace('|', "\\|")
        ));
    }
    line(String::new());
}

fn takes(row: &Row) -> String {
    let example = |kind: &str| match row.example {
        "" => kind.to_owned(),
        example => format!("{kind}, such as `{example}`"),
    };
    match row.kind {
        Kind::Text => example("text"),
        Kind::Texts => example("list of texts"),
        Kind::Bool => "`true` or `false`".into(),
        Kind::Number => example("number"),
        Kind::Word(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Kind::Quantity => example("target"),
        Kind::Any => example("object"),
        Kind::One | Kind::Group | Kind::Many => "block".into(),
        Kind::Named => match row.example {
            "" => "block with label".into(),
            label if label.len() > 40 => "block with label".into(),
            label => format!("block with label, such as `{label}`"),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hcl::table::{children, last};
    use crate::{AttachmentBody, Context};
    use mesh_model::AttachmentPurpose;

    /// A product that uses every name of the table with its example, one name per line, but for the line of `without`.
    fn file(without: &str) -> String {
        let mut out = "resource \"data_product\" \"all\" {\n".to_owned();
        body(&mut out, "", without);
        out + "}\n"
    }

    fn body(out: &mut String, path: &str, without: &str) {
        for row in children(path).filter(|row| row.path != without && !row.path.starts_with("sealed")) {
            let name = last(row.path);
            if row.kind.is_block() {
                let label = if row.kind == Kind::Named { row.example } else { "" };
                writeln!(out, "{name} {label} {{").unwrap();
                let port = row.kind == Kind::Named && path == "output";
                body(out, if port { "output.*" } else { row.path }, without);
                out.push_str("}\n");
            } else if let Kind::Word([word, ..]) = row.kind {
                writeln!(out, "{name} = \"{word}\"").unwrap();
            } else if !row.example.is_empty() {
                writeln!(out, "{name} = {}", row.example).unwrap();
            }
        }
    }

    /// All that the file says, its original aside.
    fn said(text: &str) -> String {
        let mut ctx = Context {
            domain: Some(&mesh_model::DomainName::parse("d").unwrap()),
            salt: &mut || [0; 16],
            encoded_len: &|_| 0,
            file_name: "all.hcl",
            load: &|_| None,
        };
        let mut parsed = crate::parse(text.as_bytes(), &mut ctx).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(parsed.warnings, vec![], "{text}");
        let product = &mut parsed.products[0];
        product.descriptor.attachments.clear();
        let is_people = |body: &&AttachmentBody| body.attachment.purpose == AttachmentPurpose::People;
        let people = product.attachments.iter().find(is_people).map(|body| String::from_utf8(body.body.clone()));
        format!("{:?}{:?}{people:?}", product.descriptor, product.version_given)
    }

    #[test]
    fn every_name_of_the_table_is_read_and_makes_a_difference() {
        let whole = said(&file(""));
        // What must be there, and what says the same as another name.
        let needed = ["owner", "owner_team", "role.role", "input.source", "quality_rules.rule.check"];
        let exempt = |row: &&Row| {
            let required = needed.contains(&row.path) || row.path.ends_with(".enabled");
            required || row.path.starts_with("sealed") || (row.kind.is_attribute() && row.example.is_empty())
        };
        for row in TABLE.iter().filter(|row| !exempt(row)) {
            // The first words are often what is meant when nothing is said.
            if matches!(row.path, "status" | "quality_rules.rule.severity") {
                continue;
            }
            assert_ne!(said(&file(row.path)), whole, "{} says nothing", row.path);
        }
    }
}
