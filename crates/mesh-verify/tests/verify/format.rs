//! One ledger has one export: every other text is refused, and the refusal names a place.

use crate::support::Mesh;
use mesh_verify::{Fault, Options, Place, VerifyError, check};

fn options() -> Options {
    Options { mesh_id: None, threads: 1 }
}

fn fault(export: &[u8]) -> Fault {
    match check(export, &options(), &mut ()) {
        Err(VerifyError::Fault(fault)) => fault,
        Err(VerifyError::Read(error)) => panic!("{error}"),
        Ok(_) => panic!("it was taken"),
    }
}

fn small() -> Vec<u8> {
    let mut mesh = Mesh::with_domains(&["sales"]);
    mesh.publish(&[("sales/orders", "1.0.0", &["id"])]);
    mesh.export(&[mesh.checkpoint(2, &[1, 2]), mesh.checkpoint(3, &[1, 2, 3])])
}

#[test]
fn finds_every_changed_byte() {
    let export = small();
    check(export.as_slice(), &options(), &mut ()).unwrap();
    std::thread::scope(|scope| {
        for part in 0..2 {
            let export = &export;
            scope.spawn(move || {
                for at in (part..export.len()).step_by(2) {
                    let byte = export[at];
                    for other in [byte ^ 1, byte ^ 0x20, byte ^ 0x80, b'\n', b'\r', b'A'] {
                        if other == byte {
                            continue;
                        }
                        let mut changed = export.clone();
                        changed[at] = other;
                        let line = export[..at].split(|byte| *byte == b'\n').count() as u64;
                        let found = fault(&changed);
                        // A line that was cut shows in itself or in what is left of it; a smaller size in the root; a line of
                        // the header or a checkpoint that still reads well, in the digest of its section.
                        let (Place::Line(said) | Place::Manifest(said)) = found.place else {
                            panic!("byte {at} to {other}: {found}");
                        };
                        let section = found.why.strip_prefix("the file gives 'section ").map(|rest| {
                            let numbers: Vec<u64> =
                                rest.split(' ').skip(1).take(2).map(|n| n.parse().unwrap()).collect();
                            numbers[0]..=numbers[1]
                        });
                        let is_near = said == line
                            || section.is_some_and(|lines| lines.contains(&line))
                            || (other == b'\n' && said == line + 1)
                            || (line, said) == (3, 4);
                        assert!(is_near, "byte {at} in line {line} to {other}: {found}");
                    }
                }
            });
        }
    });
}

#[test]
fn finds_every_missing_and_every_doubled_line_and_byte() {
    let export = small();
    let text = String::from_utf8(export.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for at in 0..lines.len() {
        let without: String = lines.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, line)| *line).collect();
        fault(without.as_bytes());
        let doubled: String =
            lines.iter().enumerate().flat_map(|(n, line)| vec![*line; 1 + usize::from(n == at)]).collect();
        fault(doubled.as_bytes());
        for other in at + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, other);
            fault(swapped.concat().as_bytes());
        }
    }
    for end in 0..export.len() {
        fault(&export[..end]);
    }
    for more in ["\n", "x", "x\n", "\r\n", "leaf 3 \n", "\0"] {
        fault(format!("{text}{more}").as_bytes());
    }
    fault(text.replace('\n', "\r\n").as_bytes());
    fault(format!("\u{feff}{text}").as_bytes());
    assert_eq!(fault(b"").to_string(), "line 1: expected a line of the header; found the end of the file");
}

#[test]
fn refuses_loose_base64_even_where_every_digest_fits() {
    // A leaf line is compared with its one spelling before any digest is.
    let text = String::from_utf8(small()).unwrap();
    let line = text.lines().find(|line| line.starts_with("leaf") && line.ends_with('=')).unwrap();
    let number = text.lines().position(|other| other == line).unwrap() as u64 + 1;
    let bare = line.trim_end_matches('=');
    let last = bare.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let padding = &line[bare.len()..];
    let trailing_bits = format!("{}{next}{padding}", &bare[..bare.len() - 1]);
    for loose in [bare.to_owned(), format!("{line}="), trailing_bits, format!("{line} "), format!("{line}\t")] {
        let found = fault(text.replace(line, &loose).as_bytes());
        assert_eq!(found.place, Place::Line(number), "{found}");
    }
}

#[test]
fn no_line_is_kept_beyond_its_limit() {
    let found = fault(&vec![b'a'; 10 * mesh_verify::export::MAX_LINE_BYTES]);
    assert_eq!(found.to_string(), "line 1: is longer than 98304 bytes");
}
