//! Files that are wrong: each mistake is named with its place, all of them at once, and none does harm.

use crate::common::{errors, product, read, with_context, with_files};
use mesh_formats::{Format, Severity, write};
use mesh_model::{AttachmentPurpose, limits};

fn body(lines: &str) -> String {
    format!("resource \"data_product\" \"orders\" {{\n  owner = \"desk\"\n{lines}\n}}\n")
}

/// Given this line in a product, then this error.
#[test]
fn each_mistake_is_named_with_its_place() {
    let digits = "1".repeat(30);
    let too_long = format!("output {{\n api {{\n rate_limit = {digits}\n }}\n }}");
    let table: &[(&str, &str)] = &[
        ("title = 5", "3:9: title: expected a string, found the number 5"),
        ("tags = \"a\"", "3:8: tags: expected a list of strings, found the string \"a\""),
        ("tags = [\"a\", 1]", "3:14: tags: expected a list of strings, found the number 1"),
        (
            "version = \"1.0\"",
            "3:11: version: expected '1.0' is no version; expected MAJOR.MINOR.PATCH, such as 1.4.0, found \"1.0\"",
        ),
        ("type = \"raw\"", "3:8: type: expected one of source-aligned, aggregate, consumer-aligned, found \"raw\""),
        (
            "domain = \"Big Domain\"",
            "3:10: domain: expected a name of the form [a-z][a-z0-9_-]{0,62}, found \"Big Domain\"",
        ),
        ("storage = true", "3:1: storage: expected a block `storage { … }`, found `storage = …`"),
        ("title {\n}", "3:1: title: expected `title = …`, found a block `title { … }`"),
        ("storage {\n}\nstorage {\n}", "5:1: storage: expected one such block, found a second one"),
        ("storage {\n encryption {\n }\n}", "4:2: storage.encryption.enabled: expected true or false, found nothing"),
        ("storage \"x\" {\n}", "3:9: storage: expected no label, found the label \"x\""),
        (
            "title = var.name",
            "3:9: title: expected a literal value, since product files have no variables, functions or expressions, found a reference",
        ),
        (
            "title = name",
            "3:9: title: expected a literal value, since product files have no variables, functions or expressions, found the variable 'name'",
        ),
        (
            "title = upper(\"a\")",
            "3:9: title: expected a literal value, since product files have no variables, functions or expressions, found the function 'upper'",
        ),
        (
            "title = true ? \"a\" : \"b\"",
            "3:9: title: expected a literal value, since product files have no variables, functions or expressions, found a conditional",
        ),
        (
            "title = \"a ${b} c\"",
            "3:12: expected plain text, since product files have no interpolation ('$${' writes a literal '${'), found '${'",
        ),
        (
            "title = \"%{ if x }a\"",
            "3:10: expected plain text, since product files have no directives ('%%{' writes a literal '%{'), found a '%{ }' directive",
        ),
        ("title = \"a\"\ntitle = \"b\"", "4:1: expected the attribute 'title' once, found 'title' again"),
        (
            "metric \"m\" {\n target = \"soon\"\n}",
            "4:11: metric[0].target: expected a target such as \"99.5%\", \"< 500ms\" or \"15 minutes\", found the string \"soon\"",
        ),
        (
            &too_long,
            "5:15: output.api[0].rate_limit: expected a number of at most 18 digits and 28 decimal places, found the number 111111111111111111111111111111",
        ),
        (
            "dataset \"a\" {\n}\ndataset \"a\" {\n}",
            "5:9: datasets[1].name: expected each name once, and only names that exist, found 'a' stands there twice",
        ),
        (
            "dataset \"a\" {\n name = \"b\"\n}",
            "4:9: dataset[0].name: expected the label's \"a\" or no name, found \"b\"",
        ),
        (
            "quality_rules {\n rule \"r\" {\n }\n}",
            "4:2: quality_rules[0].check: expected a SQL expression, found nothing",
        ),
        ("input {\n}", "3:1: input[0].source: expected a product of this mesh or a system outside, found nothing"),
        (
            "output {\n api {\n contract {\n file = \"no.yaml\"\n }\n }\n}",
            "6:9: output.api[0].contract.file: expected a contract's file beside this one, found no file \"no.yaml\"",
        ),
    ];
    for (line, error) in table {
        assert_eq!(errors(&body(line)), [*error], "{line}");
    }
}

#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let text = body("title = 5\ntitle = \"${x}\"\nstatus = \"retired\"\nversion = true\ntags = upper(x)\ntags = []");
    let lines: Vec<_> = errors(&text).iter().map(|error| error.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["3", "4", "4", "5", "6", "7", "8"]);
}

#[test]
fn unknown_names_are_kept_and_named_with_the_closest_known_one() {
    let text =
        body("descripton = \"x\"\nzz {\n a = 1\n}\nzz \"l\" {\n}\noutput {\n api {\n rate_limt = 5\n }\n ftp {\n }\n}");
    let parsed = read(&text).unwrap();
    let extensions = &parsed.products[0].descriptor.extensions;
    let found: Vec<_> = extensions.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(
        found,
        [
            "hcl.descripton=\"x\"",
            "hcl.output.api[0].rate_limt=5",
            "hcl.output.ftp=[{}]",
            "hcl.zz=[{\"a\":1},{\"_labels\":[\"l\"]}]",
        ]
    );
    let warnings: Vec<_> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings[0],
        "3:1: descripton: expected a known name ('description' is the closest), found 'descripton', kept in extensions as 'hcl.descripton'"
    );
    assert!(warnings.iter().any(|warning| warning.contains("'rate_limit' is the closest")), "{warnings:?}");
    assert!(parsed.warnings.iter().all(|warning| warning.severity == Severity::Warning));
    // They come back out, and in again, without a warning.
    let again = product(&write(&parsed.products[0].descriptor, Format::Hcl).unwrap());
    assert_eq!(&again.descriptor.extensions, extensions);
}

#[test]
fn a_person_under_an_unknown_name_is_never_published() {
    let told = "expected `owner_person { … }` or `people { person { … } }`, which are kept private";
    for lines in [
        "owner_persn {\n name = \"Ada\"\n}",
        "person {\n name = \"Ada\"\n}",
        "people {\n persn {\n }\n}",
        "contact_person = \"Ada\"",
    ] {
        let errors = errors(&body(lines));
        assert!(errors.len() == 1 && errors[0].contains(told), "{errors:?}");
    }
    // What else is said of a person stays with the person.
    let parsed =
        read(&body("owner_person {\n name = \"Ada\"\n phone = \"555\"\n}\npeople {\n person {\n nick = \"A\"\n }\n}"))
            .unwrap();
    let product = &parsed.products[0];
    assert_eq!(product.descriptor.extensions.len(), 0);
    let people = product.attachments.iter().find(|a| a.attachment.purpose == AttachmentPurpose::People).unwrap();
    let people = mesh_formats::People::parse(&people.body).unwrap().people;
    assert_eq!((people[0].details["phone"].as_str(), people[1].details["nick"].as_str()), (Some("555"), Some("A")));
    assert!(parsed.warnings[0].to_string().ends_with("found 'phone', kept with the person"), "{:?}", parsed.warnings);
}

#[test]
fn a_percent_brace_of_a_regular_expression_is_plain_text() {
    let d = product(&body("title = \"[%]%{2,} \\u0080 %%{2} $${x}\"\ndescription = <<EOT\na %{2,}\nEOT")).descriptor;
    assert_eq!((d.title.as_str(), d.description.as_str()), ("[%]%{2,} \u{80} %{2} ${x}", "a %{2,}\n"));
}

#[test]
fn what_is_no_product_is_said_so() {
    let table = [
        ("", "1:1: expected resource \"data_product\" \"name\" { … }, found no data product"),
        (
            "variable \"x\" {\n}\nresource \"data_product\" \"x\" {\n  owner = \"o\"\n}\n",
            "1:1: expected resource \"data_product\" \"name\" { … }, found `variable`: product files have no variables, functions or modules",
        ),
        (
            "resource \"data_product\" \"x\" {\n",
            "1:30: expected `}`, newline or identifier (block body), found the end of the file",
        ),
        ("resource \"data_product\" \"x\" {\n}\n", "1:1: owner.team: expected the owning team, found nothing"),
    ];
    for (text, error) in table {
        assert_eq!(errors(text), [error], "{text}");
    }
    let parsed = read(&format!("resource \"bucket\" \"b\" {{\n}}\n{}", body(""))).unwrap();
    assert_eq!(parsed.warnings.len(), 1);
}

#[test]
fn every_truncation_of_a_good_file_is_an_error_or_a_product() {
    let text = write(
        &product(&body("title = \"ö\"\ndescription = <<EOT\na\nEOT\nmetric \"m\" {\n target = \"1%\"\n}")).descriptor,
        Format::Hcl,
    )
    .unwrap();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        if let Err(problems) = read(&text[..end]) {
            assert!(problems.0.iter().all(|problem| problem.line > 0), "{problems}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_at_their_place() {
    let error = with_context("a.hcl", |ctx| mesh_formats::parse(b"a = 1\nb = \"\xff\"", ctx)).unwrap_err();
    assert_eq!(error.to_string(), "2:6: expected UTF-8 text, found the byte 0xff");
}

#[test]
fn files_over_the_limit_are_refused_before_they_are_read() {
    let bytes = vec![b' '; limits::PRODUCT_FILE_BYTES + 1];
    let error = with_context("a.hcl", |ctx| mesh_formats::parse(&bytes, ctx)).unwrap_err();
    assert_eq!(error.to_string(), "expected a file of at most 4194304 bytes, found 4194305 bytes");
}

#[test]
fn nesting_of_twenty_thousand_does_not_overflow_the_stack() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    for text in [
        body(&format!("extensions = {{ a = {} }}", deep("[", "]"))),
        body(&format!("extensions = {}", deep("{ a = ", "}"))),
        body(&format!("title = {}1{}", "(".repeat(20_000), ")".repeat(20_000))),
        body(&format!("title = {}1", "-".repeat(20_000))),
        body(&format!("title = {}1", "!".repeat(20_000))),
        body(&format!("title = 1{}", " + 1".repeat(20_000))),
        body(&format!("title = 1{}", " ? 1 : 1".repeat(20_000))),
        body(&format!("title = a{}", ".b".repeat(20_000))),
        body(&format!("title = {}", deep("\"${", "}\""))),
        deep("a {\n", "}\n"),
    ] {
        assert!(read(&text).is_err());
    }
}

#[test]
fn large_files_of_mistakes_are_read_in_reasonable_time() {
    let many = (0..20_000).map(|at| format!("u{at} = {at}")).collect::<Vec<_>>().join("\n");
    let parsed = read(&body(&format!("zz {{\n}}\n{}", "yy {\n}\n".repeat(10_000)))).unwrap();
    assert_eq!(parsed.warnings.len(), 2);
    assert!(errors(&body(&many))[0].contains("at most 4096 names"));
    // One line each, so that finding the column of every mistake would take the square of its length.
    for text in [format!("tags = [{}1]", "1,".repeat(200_000)), format!("title = \"{}\"", "${".repeat(200_000))] {
        let errors = errors(&body(&text));
        assert_eq!(errors.len(), 1001);
        assert!(errors[1000].ends_with("expected fewer errors, found more, which are not listed"), "{}", errors[1000]);
    }
}

#[test]
fn several_products_share_one_original_and_a_mark_before_the_text_is_no_content() {
    let text = format!("\u{feff}{}{}", body(""), body("").replace("orders", "returns"));
    let parsed = read(&text).unwrap();
    let names: Vec<_> = parsed.products.iter().map(|p| p.descriptor.id().to_string()).collect();
    assert_eq!(names, ["sales/orders", "sales/returns"]);
    assert_eq!(parsed.products[0].attachments, parsed.products[1].attachments);
    assert_eq!(parsed.products[0].attachments[0].body, text.as_bytes());
}

#[test]
fn a_contract_beside_the_file_is_attached_and_privately_when_it_names_people() {
    let load = |name: &str| match name {
        "open.yaml" => Some(b"id: c-1\nversion: 1.2.0\n".to_vec()),
        "team.yaml" => Some(b"id: c-2\nversion: 3.0.0\nteam:\n  - username: ada\n".to_vec()),
        _ => None,
    };
    let text = body(
        "output {\n api {\n contract {\n file = \"open.yaml\"\n }\n }\n sql {\n contract {\n file = \"team.yaml\"\n }\n }\n}",
    );
    let parsed = with_files("a.hcl", &load, |ctx| mesh_formats::parse(text.as_bytes(), ctx)).unwrap();
    let product = &parsed.products[0];
    let contracts: Vec<_> = product.descriptor.outputs.iter().map(|port| port.contract.clone().unwrap()).collect();
    assert_eq!((contracts[0].id.as_str(), contracts[0].version.as_str()), ("c-1", "1.2.0"));
    for (contract, private) in contracts.iter().zip([false, true]) {
        let body = product.attachments.iter().find(|a| Some(a.attachment.digest) == contract.digest).unwrap();
        assert_eq!((body.attachment.purpose, body.attachment.private), (AttachmentPurpose::Contract, private));
    }
}
