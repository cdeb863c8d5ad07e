use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use mesh_tlog::{
    Checkpoint, Cosignature, MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, NoteSignature, NoteSigner, NoteVerifier,
    SignatureType, VerifierKey, VerifierKeyError, cosignature_message, leaf_hash,
};
use proptest::prelude::*;

use crate::cases;

/// A key for texts, as the crate that has the signature algorithm would write it.
struct TextKey(String, SigningKey);

impl TextKey {
    fn new(name: &str, seed: u8) -> Self {
        Self(name.to_owned(), SigningKey::from_bytes(&[seed; 32]))
    }

    fn verifier(&self) -> Ed25519Verifier {
        let public = self.1.verifying_key().to_bytes();
        Ed25519Verifier(VerifierKey::new(&self.0, SignatureType::Ed25519, public).unwrap())
    }
}

impl NoteSigner for TextKey {
    fn name(&self) -> &str {
        &self.0
    }

    fn key_hash(&self) -> u32 {
        self.verifier().key_hash()
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        self.1.sign(text.as_bytes()).to_vec()
    }
}

/// Verifies both types.
struct Ed25519Verifier(VerifierKey);

impl NoteVerifier for Ed25519Verifier {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn key_hash(&self) -> u32 {
        self.0.key_hash()
    }

    fn verify(&self, text: &str, signature: &[u8]) -> bool {
        let (message, signature) = match self.0.signature_type() {
            SignatureType::CosignatureV1 => {
                let (Ok(checkpoint), Ok(cosignature)) =
                    (text.parse::<Checkpoint>(), Cosignature::from_bytes(signature))
                else {
                    return false;
                };
                (cosignature.message(&checkpoint), cosignature.signature().to_vec())
            }
            _ => (text.to_owned(), signature.to_vec()),
        };
        let key = VerifyingKey::from_bytes(self.0.public_key()).unwrap();
        Signature::from_slice(&signature)
            .is_ok_and(|signature| key.verify_strict(message.as_bytes(), &signature).is_ok())
    }
}

const TEXT: &str = "a text\n\nwith an empty line\n";

#[test]
fn verifies_the_specifications_example() {
    // C2SP signed-note, "Verifier keys".
    let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let bytes = "This is an example message.\n\n\
        — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let verifier = Ed25519Verifier(key.parse().unwrap());
    assert_eq!(verifier.0.to_string(), key);
    assert_eq!(verifier.key_hash(), 0x530d_903a);
    let note: Note = bytes.parse().unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), bytes);
    assert_eq!(note.verify(&[&verifier]).unwrap(), note.signatures().iter().collect::<Vec<_>>());

    let forged: Note = bytes.replace("an example", "no example").parse().unwrap();
    let invalid = NoteError::InvalidSignature { name: "example.com/foo".to_owned(), key_hash: 0x530d_903a };
    assert_eq!(forged.verify(&[&verifier]), Err(invalid));
}

#[test]
fn a_signed_note_reads_back_and_verifies_for_the_known_keys() {
    let (one, two, stranger) =
        (TextKey::new("mesh/one", 1), TextKey::new("mesh/two", 2), TextKey::new("mesh/stranger", 3));
    let note = Note::sign(TEXT, &[&one, &stranger, &two]).unwrap();
    let read: Note = note.to_string().parse().unwrap();
    assert_eq!(read, note);
    assert_eq!(read.text(), TEXT);
    let verified = read.verify(&[&two.verifier(), &one.verifier()]).unwrap();
    let names: Vec<_> = verified.iter().map(|line| line.name()).collect();
    assert_eq!(names, ["mesh/one", "mesh/two"]);
}

#[test]
fn a_cosignature_verifies_only_under_its_checkpoint_and_time() {
    let key = SigningKey::from_bytes(&[4; 32]);
    let public = key.verifying_key().to_bytes();
    let vkey = VerifierKey::new("mesh/voter", SignatureType::CosignatureV1, public).unwrap();
    let checkpoint = Checkpoint::new("mesh/ledger", 7, leaf_hash(b"root")).unwrap();
    let message = cosignature_message(1_700_000_000, &checkpoint).unwrap();
    let signature = key.sign(message.as_bytes()).to_bytes();
    let line = |time| {
        let cosignature = Cosignature::new(time, signature).unwrap();
        let bytes = cosignature.to_bytes().to_vec();
        NoteSignature::new("mesh/voter", vkey.key_hash(), bytes).unwrap()
    };
    let note = |text: &str, time| Note::new(text, vec![line(time)]).unwrap();
    let text = checkpoint.to_string();
    let verifier = Ed25519Verifier(vkey.clone());
    assert!(note(&text, 1_700_000_000).verify(&[&verifier]).is_ok());
    assert!(note(&text, 1_700_000_001).verify(&[&verifier]).is_err());
    let other = text.replace("\n7\n", "\n8\n");
    assert!(note(&other, 1_700_000_000).verify(&[&verifier]).is_err());
    assert!(note("no checkpoint\n", 1_700_000_000).verify(&[&verifier]).is_err());
}

#[test]
fn one_key_has_another_id_for_each_name_and_type() {
    let key = |name: &str, signature_type| VerifierKey::new(name, signature_type, [9; 32]).unwrap().key_hash();
    let hash = key("mesh/one", SignatureType::Ed25519);
    assert_ne!(hash, key("mesh/two", SignatureType::Ed25519));
    assert_ne!(hash, key("mesh/one", SignatureType::CosignatureV1));
}

#[test]
fn passes_over_keys_that_share_only_name_or_id_with_a_known_one() {
    let known = TextKey::new("mesh/one", 1);
    let hash = known.key_hash();
    let noise = |name: &str, hash| NoteSignature::new(name, hash, vec![0; 64]).unwrap();
    let mut note = Note::new(TEXT, vec![noise("mesh/one", hash ^ 1), noise("mesh/other", hash)]).unwrap();
    let verifier = known.verifier();
    assert_eq!(note.verify(&[&verifier]), Err(NoteError::NoKnownKey));
    assert_eq!(note.verify(&[]), Err(NoteError::NoKnownKey));

    let right = NoteSignature::new("mesh/one", hash, known.sign(TEXT)).unwrap();
    note.add_signature(right.clone()).unwrap();
    assert_eq!(note.verify(&[&verifier]), Ok(vec![&right]));
}

#[test]
fn one_wrong_signature_of_a_known_key_spoils_the_note() {
    let (one, two) = (TextKey::new("mesh/one", 1), TextKey::new("mesh/two", 2));
    let mut note = Note::sign(TEXT, &[&one]).unwrap();
    let wrong = NoteSignature::new("mesh/two", two.key_hash(), vec![0; 64]).unwrap();
    note.add_signature(wrong).unwrap();
    assert!(matches!(note.verify(&[&one.verifier(), &two.verifier()]), Err(NoteError::InvalidSignature { .. })));
    assert_eq!(note.verify(&[&one.verifier()]).unwrap().len(), 1);
    assert!(matches!(note.verify(&[&one.verifier(), &one.verifier()]), Err(NoteError::AmbiguousVerifier { .. })));
}

#[test]
fn no_key_signs_twice() {
    let one = TextKey::new("mesh/one", 1);
    let duplicate = NoteError::DuplicateSignature { name: "mesh/one".to_owned(), key_hash: one.key_hash() };
    assert_eq!(Note::sign(TEXT, &[&one, &one]), Err(duplicate.clone()));
    let mut note = Note::sign(TEXT, &[&one]).unwrap();
    let before = note.clone();
    let again = NoteSignature::new("mesh/one", one.key_hash(), vec![1]).unwrap();
    assert_eq!(note.add_signature(again.clone()), Err(duplicate.clone()));
    assert_eq!(note, before);
    let bytes = format!("{note}{again}\n");
    assert_eq!(bytes.parse::<Note>(), Err(duplicate));
}

#[test]
fn rejects_every_other_form() {
    let note = "text\n\n— name AAAAAAA=\n";
    assert!(note.parse::<Note>().is_ok());
    for wrong in [
        "",
        "\n",
        "text\n",
        "text\n\n",
        "text\n— name AAAAAAA=\n",
        "— name AAAAAAA=\n",
        "\n— name AAAAAAA=\n",
        "text\n\n— name AAAAAAA=",
        "text\n\n— name AAAAAAA=\n\n",
        "text\n\n— name AAAAAAA=\nmore\n",
        "text\n\n- name AAAAAAA=\n",
        "text\n\n—name AAAAAAA=\n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n—  name AAAAAAA=\n",
        "text\n\n— name  AAAAAAA=\n",
        "text\n\n— name AAAAAAA= \n",
        "text\n\n— name AAAAAAA=\r\n",
        "text\n\n— na+me AAAAAAA=\n",
        "text\n\n— na\u{a0}me AAAAAAA=\n",
        "text\n\n— na\u{1}me AAAAAAA=\n",
        "text\n\n— name\n",
        "text\n\n— name \n",
        "text\n\n— name AAAAAA==\n",
        "text\n\n— name AAAA\n",
        "text\n\n— name AAAAAAA\n",
        "text\n\n— name AAAAAAB=\n",
        "text\n\n— name AAAA-AA=\n",
        "te\txt\n\n— name AAAAAAA=\n",
        "te\rxt\n\n— name AAAAAAA=\n",
        "te\0xt\n\n— name AAAAAAA=\n",
    ] {
        assert!(wrong.parse::<Note>().is_err(), "{wrong:?}");
    }
    assert_eq!(Note::parse(b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAA=\n"), Err(NoteError::Character { position: 2 }));
    let line = NoteSignature::new("name", 0, vec![0]).unwrap();
    assert_eq!(Note::new("text", vec![line]), Err(NoteError::NoFinalNewline));
    assert_eq!(Note::new("text\n", vec![]), Err(NoteError::NoSignatures));
}

#[test]
fn takes_a_hundred_signatures_and_no_more() {
    let line = |i: usize| NoteSignature::new(format!("key{i}"), 0, vec![0]).unwrap();
    let mut note = Note::new(TEXT, (0..MAX_SIGNATURES).map(line).collect()).unwrap();
    assert_eq!(note.to_string().parse(), Ok(note.clone()));
    let more = line(MAX_SIGNATURES);
    let too_many = NoteError::TooManySignatures { found: MAX_SIGNATURES + 1 };
    assert_eq!(format!("{note}{more}\n").parse::<Note>(), Err(too_many.clone()));
    assert_eq!(note.add_signature(more), Err(too_many));
}

#[test]
fn takes_64_kib_and_no_more() {
    let line = NoteSignature::new("name", 0, vec![0]).unwrap();
    let around = Note::new("\n", vec![line.clone()]).unwrap().to_string().len();
    let text = |len| "x".repeat(len) + "\n";
    let largest = Note::new(text(MAX_NOTE_BYTES - around), vec![line.clone()]).unwrap();
    assert_eq!(largest.to_string().len(), MAX_NOTE_BYTES);
    assert_eq!(largest.to_string().parse(), Ok(largest));
    let found = MAX_NOTE_BYTES + 1;
    let refused = Note::new(text(found - around), vec![line]);
    assert_eq!(refused, Err(NoteError::TooLarge { found }));
    let refused = Note::parse(&vec![b'x'; found]);
    assert_eq!(refused, Err(NoteError::TooLarge { found }));
}

#[test]
fn rejects_verifier_keys_in_any_other_form() {
    let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    for wrong in [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        &key.replace("foo", "f o"),
        &key.replace("foo", "bar"),
        &key.replace("530d903a", "530D903A"),
        &key.replace("530d903a", "530d903b"),
        &key.replace("530d903a", "0530d903a"),
        &key[..key.len() - 4],
        &format!("{key}AAAA"),
        &format!("{key}\n"),
    ] {
        assert!(wrong.parse::<VerifierKey>().is_err(), "{wrong:?}");
    }
    let ecdsa = key.replace("+Aeky", "+Auky");
    assert_eq!(ecdsa.parse::<VerifierKey>(), Err(VerifierKeyError::Type { found: 0x02 }));
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn notes_read_back(
        text in "([^\\x00-\\x09\\x0b-\\x1f]{0,20}\n){1,4}",
        keys in proptest::collection::btree_map("[a-z/.é]{1,12}", any::<u32>(), 1..5),
        signature in proptest::collection::vec(any::<u8>(), 1..80),
    ) {
        let lines = keys.into_iter().map(|(name, hash)| NoteSignature::new(name, hash, signature.clone()));
        let note = Note::new(text, lines.collect::<Result<_, _>>()?)?;
        prop_assert_eq!(note.to_string().parse(), Ok(note));
    }

    #[test]
    fn bytes_that_parse_are_the_bytes_that_are_written(bytes in "[a\n]{0,4}(\n— [a+ ]{1,2} [A-D]{5,8}={0,2}\n?){0,2}[\na]?") {
        if let Ok(note) = bytes.parse::<Note>() {
            prop_assert_eq!(note.to_string(), bytes);
        }
    }

    #[test]
    fn parsing_whatever_was_sent_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Note::parse(&bytes).is_err());
    }
}
