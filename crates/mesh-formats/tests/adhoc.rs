#![allow(missing_docs, clippy::all, clippy::pedantic)]
mod common;
#[test]
fn times() {
    let n = 4_000_000;
    let wrap = |s: String| format!("resource \"data_product\" \"x\" {{\n owner = \"d\"\n{s}\n}}\n");
    let fill = |unit: &str| unit.repeat(n / unit.len());
    let cases = [
        ("list", wrap(format!("tags = [{}1]", fill("1,")))),
        ("objs", wrap(format!("extensions = {{ a = [{}1] }}", fill("{a=1},")))),
        ("interp", wrap(format!("title = \"{}\"", fill("${x}")))),
        ("interp-open", wrap(format!("title = \"{}\"", fill("${")))),
        ("markers", wrap(format!("title = \"{}\"", fill("%{2}")))),
        ("dups", wrap(fill("a = 1\n"))),
        ("blocks", wrap(fill("a {\n}\n"))),
        ("datasets", wrap(fill("dataset \"a\" {\n}\n"))),
        ("ports", wrap(format!("output {{\n{}\n}}", fill("api {\n}\n")))),
        (
            "objects4k",
            wrap(format!(
                "extensions = {{ z = [{}] }}",
                (0..100)
                    .map(|_| format!("{{{}}}", (0..4000).map(|i| format!("k{i}=1,")).collect::<String>()))
                    .collect::<Vec<_>>()
                    .join(",")
            )),
        ),
        ("quotes", fill("\"")),
        ("heredocs", wrap(fill("a = <<E\nE\n"))),
        ("comment", fill("/*")),
        ("minus", wrap(format!("a = {}", fill("-")))),
        ("parens", wrap(format!("a = {}1{}", "(".repeat(50), ")".repeat(50)))),
        ("labels", format!("a {}", fill("\"a\" "))),
        ("errs", wrap(fill("dataset \"a\" {\n field \"a\" {\n type = 1\n }\n}\n"))),
        ("nestinterp", wrap(format!("title = {}", "\"${".repeat(60) + &"}\"".repeat(60)))),
        ("cond", wrap(format!("title = {}1", "a ? ".repeat(60)))),
        ("obj", wrap(format!("title = {}1", "{ a = ".repeat(60)))),
        ("for", wrap(format!("title = {}1", "[for x in ".repeat(60)))),
        ("arr", wrap(format!("title = {}1", "[".repeat(60)))),
        ("arrc", wrap(format!("extensions = {{ a = {}1{} }}", "[".repeat(60), "]".repeat(60)))),
        ("objc", wrap(format!("extensions = {}1{}", "{ a = ".repeat(60), "}".repeat(60)))),
        ("parobj", wrap(format!("extensions = {}1{}", "{ (".repeat(31), ") = 1 }".repeat(31)))),
        ("mix", wrap(format!("extensions = {}1{}", "{ \"a\" = [".repeat(31), "]}".repeat(31)))),
    ];
    for (name, text) in cases {
        let t = std::time::Instant::now();
        let r = common::read(&text);
        println!(
            "{name} {} bytes {:?} {}",
            text.len(),
            t.elapsed(),
            match &r {
                Ok(p) => format!("ok {} warnings", p.warnings.len()),
                Err(e) => format!("{} errors: {}", e.0.len(), e.0[0]).chars().take(150).collect(),
            }
        );
    }
}
