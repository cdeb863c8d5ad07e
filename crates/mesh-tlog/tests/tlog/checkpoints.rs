use mesh_tlog::{
    Checkpoint, CheckpointError, Cosignature, CosignatureError, Hash, MAX_COSIGNATURE_TIME, MAX_SIZE, Note,
    cosignature_message, empty_root, leaf_hash,
};
use proptest::prelude::*;

use crate::cases;

/// The example of C2SP tlog-checkpoint and tlog-cosignature.
const TEXT: &str = "\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
";
const SIGNATURES: &str = "
— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
";

#[test]
fn the_specifications_example_reads_and_writes() {
    let checkpoint: Checkpoint = TEXT.parse().unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert!(checkpoint.extensions().is_empty());
    assert_eq!(checkpoint.to_string(), TEXT);

    let note: Note = format!("{TEXT}{SIGNATURES}").parse().unwrap();
    assert_eq!(note.text().parse(), Ok(checkpoint.clone()));
    let line = &note.signatures()[1];
    assert_eq!(line.name(), "witness.example.com/w1");
    let cosignature = Cosignature::from_bytes(line.signature()).unwrap();
    assert_eq!(cosignature.time(), 1_679_315_147);
    assert_eq!(cosignature.to_bytes(), line.signature());
    let message = format!("cosignature/v1\ntime 1679315147\n{TEXT}");
    assert_eq!(cosignature.message(&checkpoint), message);
    assert_eq!(cosignature_message(1_679_315_147, &checkpoint), Ok(message));
}

#[test]
fn extension_lines_are_kept_and_cosigned() {
    let text = format!("{TEXT}first extension\nsecond\n");
    let checkpoint: Checkpoint = text.parse().unwrap();
    assert_eq!(checkpoint.extensions(), ["first extension", "second"]);
    assert_eq!(checkpoint.to_string(), text);
    let message = cosignature_message(0, &checkpoint).unwrap();
    assert_eq!(message, format!("cosignature/v1\ntime 0\n{text}"));
}

#[test]
fn the_empty_log_has_a_checkpoint() {
    let checkpoint = Checkpoint::new("mesh/ledger", 0, empty_root()).unwrap();
    assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
    let root = leaf_hash(b"leaf");
    let refused = Checkpoint::new("mesh/ledger", 0, root);
    assert_eq!(refused, Err(CheckpointError::EmptyTreeRoot { found: root }));
}

#[test]
fn rejects_every_other_text() {
    let lines: Vec<_> = TEXT.lines().collect();
    let (origin, size, root) = (lines[0], lines[1], lines[2]);
    let max = MAX_SIZE;
    assert!(format!("{origin}\n{max}\n{root}\n").parse::<Checkpoint>().is_ok());
    for wrong in [
        String::new(),
        "\n".to_owned(),
        "\n\n\n".to_owned(),
        format!("{origin}\n{size}\n"),
        format!("{origin}\n{size}\n{root}"),
        format!("\n{size}\n{root}\n"),
        format!("{origin}\n{size}\n{root}\n\n"),
        format!("{origin}\n{size}\n{root}\n\nextension\n"),
        format!("{origin}\n{size}\n{root}\nextension"),
        format!("{origin}\r\n{size}\r\n{root}\r\n"),
        format!("{origin}\t\n{size}\n{root}\n"),
        format!("{origin}\n0{size}\n{root}\n"),
        format!("{origin}\n+{size}\n{root}\n"),
        format!("{origin}\n-1\n{root}\n"),
        format!("{origin}\n {size}\n{root}\n"),
        format!("{origin}\n\n{root}\n"),
        format!("{origin}\n{}\n{root}\n", max + 1),
        format!("{origin}\n99999999999999999999\n{root}\n"),
        format!("{origin}\n0\n{root}\n"),
        format!("{origin}\n{size}\n{root} \n"),
        format!("{origin}\n{size}\n{}\n", root.trim_end_matches('=')),
        // The same 32 bytes with a stray bit behind them.
        format!("{origin}\n{size}\n{}\n", root.replace("2I=", "2J=")),
        format!("{origin}\n{size}\n{}\n", &root[4..]),
        format!("{origin}\n{size}\n{root}\nbell\u{7}\n"),
    ] {
        assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong:?}");
    }
}

#[test]
fn rejects_parts_that_would_read_back_as_others() {
    let root = leaf_hash(b"leaf");
    assert!(Checkpoint::new("", 1, root).is_err());
    assert!(Checkpoint::new("two\nlines", 1, root).is_err());
    assert!(Checkpoint::new("mesh", MAX_SIZE + 1, root).is_err());
    for extension in ["", "two\nlines", "tab\t"] {
        let extensions = vec!["fine".to_owned(), extension.to_owned()];
        let refused = Checkpoint::with_extensions("mesh", 1, root, extensions);
        assert_eq!(refused, Err(CheckpointError::Line { line: 5, found: extension.to_owned() }));
    }
}

#[test]
fn two_roots_of_one_size_contradict() {
    let checkpoint =
        |origin: &str, size, leaf: &str| Checkpoint::new(origin, size, leaf_hash(leaf.as_bytes())).unwrap();
    let one = checkpoint("mesh/ledger", 1, "one");
    assert!(one.contradicts(&checkpoint("mesh/ledger", 1, "other")));
    assert!(!one.contradicts(&one));
    assert!(!one.contradicts(&checkpoint("mesh/ledger", 2, "other")));
    assert!(!one.contradicts(&checkpoint("mesh/feed", 1, "other")));
}

#[test]
fn rejects_cosignatures_of_another_length_or_time() {
    let checkpoint: Checkpoint = TEXT.parse().unwrap();
    let cosignature = Cosignature::new(MAX_COSIGNATURE_TIME, [7; 64]).unwrap();
    let bytes = cosignature.to_bytes();
    assert_eq!(Cosignature::from_bytes(&bytes), Ok(cosignature));
    for found in [0, 7, 8, 71] {
        assert_eq!(Cosignature::from_bytes(&bytes[..found]), Err(CosignatureError::Length { found }));
    }
    assert_eq!(Cosignature::from_bytes(&[0; 73]), Err(CosignatureError::Length { found: 73 }));
    let time = MAX_COSIGNATURE_TIME + 1;
    let late = CosignatureError::TimeTooLarge { time };
    let mut bytes = bytes;
    bytes[..8].copy_from_slice(&time.to_be_bytes());
    assert_eq!(Cosignature::from_bytes(&bytes), Err(late));
    assert_eq!(cosignature_message(time, &checkpoint), Err(late));
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn checkpoints_read_back(
        origin in "[^\\x00-\\x1f]{1,30}",
        size in 1..=MAX_SIZE,
        root in any::<[u8; 32]>(),
        extensions in proptest::collection::vec("[^\\x00-\\x1f]{1,20}", 0..3),
    ) {
        let checkpoint = Checkpoint::with_extensions(origin, size, Hash::new(root), extensions)?;
        prop_assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
    }

    #[test]
    fn a_text_that_parses_is_the_one_that_is_written(
        text in "(\\PC{1,5}\n){0,2}[0-9]{1,3}\n(AAAA){10}[A-D]{3}=\n(\\PC{0,3}\n?){0,2}",
    ) {
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
