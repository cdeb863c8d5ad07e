//! Private keys under a passphrase: the PEM text as an age file, armored, with the one recipient type `scrypt`
//! (<https://c2sp.org/age>). Other people's tools open it: `age -d FILE`.

use std::io::Read as _;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, scrypt};
use zeroize::Zeroizing;

use crate::passphrase::Passphrase;

/// How an armored age file begins.
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// scrypt's N is 2 to this power: about a second and 256 MiB, as the tool `age` has it. Fixed, not measured: what a busy
/// machine measures would be weaker, and an idle one's could be too much for it.
const WORK: u8 = 18;
/// A file that asks for more work than this is refused: 16 times as much.
const MOST_WORK: u8 = 22;
/// More than any PEM text of a key; reserved at once, as text that grows leaves copies behind.
const LARGEST_PEM: usize = 4096;

/// Why a sealed key stays closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealedKeyError {
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    #[error("it is encrypted to something else than a passphrase")]
    NoPassphrase,
    #[error("opening it takes more work than a key's passphrase may: scrypt 2^{0}; at most 2^{MOST_WORK}")]
    TooMuchWork(u8),
    #[error("the encrypted file is damaged: {0}")]
    Damaged(String),
}

/// Whether a text is a sealed key.
pub(crate) fn is_sealed(text: &str) -> bool {
    text.trim_start().starts_with(BEGIN)
}

/// Seals a PEM text.
pub(crate) fn seal(pem: &str, passphrase: &Passphrase) -> String {
    seal_with(pem, passphrase, WORK)
}

fn seal_with(pem: &str, passphrase: &Passphrase, work: u8) -> String {
    let mut recipient = scrypt::Recipient::new(secret(passphrase));
    recipient.set_work_factor(work);
    age::encrypt_and_armor(&recipient, pem.as_bytes()).expect("one recipient, and memory to write to")
}

/// Opens a sealed key; returns the PEM text.
///
/// # Errors
/// [`SealedKeyError`] says why not.
pub(crate) fn open(text: &str, passphrase: &Passphrase) -> Result<Zeroizing<String>, SealedKeyError> {
    let damaged = |error: &dyn std::fmt::Display| SealedKeyError::Damaged(error.to_string());
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(text.trim_start().as_bytes()))
        .map_err(|error| damaged(&one_line(&error)))?;
    if !decryptor.is_scrypt() {
        return Err(SealedKeyError::NoPassphrase);
    }
    let mut identity = scrypt::Identity::new(secret(passphrase));
    identity.set_max_work_factor(MOST_WORK);
    let reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|error| match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            SealedKeyError::WrongPassphrase
        }
        DecryptError::ExcessiveWork { required, .. } => SealedKeyError::TooMuchWork(required),
        error => damaged(&one_line(&error)),
    })?;
    let mut pem = Zeroizing::new(Vec::with_capacity(LARGEST_PEM));
    reader.take(LARGEST_PEM as u64 - 1).read_to_end(&mut pem).map_err(|error| damaged(&error))?;
    let pem = std::str::from_utf8(&pem).map_err(|error| damaged(&error))?;
    Ok(Zeroizing::new(pem.to_owned()))
}

/// The library's own kind of secret, which is wiped, too.
fn secret(passphrase: &Passphrase) -> SecretString {
    SecretString::from(passphrase.as_str().to_owned())
}

/// The library writes for people and over several lines.
fn one_line(error: &DecryptError) -> String {
    match error {
        DecryptError::Io(error) => error.to_string(),
        DecryptError::InvalidHeader | DecryptError::UnknownFormat => "its header is no age header".to_owned(),
        DecryptError::InvalidMac => "its header was changed".to_owned(),
        _ => "it does not decrypt".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD as STANDARD;

    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nnot really\n-----END PRIVATE KEY-----\n";

    /// Enough for tests.
    const LITTLE: u8 = 4;

    fn passphrase(text: &str) -> Passphrase {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn opens_with_its_passphrase_and_with_no_other() {
        let sealed = seal_with(PEM, &passphrase("open sesame"), LITTLE);
        assert!(is_sealed(&sealed) && !is_sealed(PEM));
        assert!(!sealed.contains("not really"));
        assert_eq!(open(&sealed, &passphrase("open sesame")).unwrap().as_str(), PEM);
        assert!(matches!(open(&sealed, &passphrase("open barley")), Err(SealedKeyError::WrongPassphrase)));
        assert_ne!(sealed, seal_with(PEM, &passphrase("open sesame"), LITTLE));
    }

    #[test]
    fn refuses_what_was_damaged() {
        let sealed = seal_with(PEM, &passphrase("p"), LITTLE);
        let cut = sealed.lines().take(3).collect::<Vec<_>>().join("\n");
        assert!(matches!(open(&cut, &passphrase("p")), Err(SealedKeyError::Damaged(_))));
        assert!(matches!(open(BEGIN, &passphrase("p")), Err(SealedKeyError::Damaged(_))));
    }

    #[test]
    fn refuses_to_do_hours_of_work_for_a_file() {
        let sealed = seal_with(PEM, &passphrase("p"), LITTLE);
        let lines: Vec<&str> = sealed.lines().collect();
        let mut bytes = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
        // The stanza's last argument: `-> scrypt SALT 4`.
        let at = bytes.windows(3).position(|part| part == b" 4\n").unwrap();
        bytes.splice(at + 1..at + 2, *b"40");
        let encoded = STANDARD.encode(bytes);
        let body: Vec<&str> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let greedy = format!("{BEGIN}\n{}\n-----END AGE ENCRYPTED FILE-----\n", body.join("\n"));
        assert!(matches!(open(&greedy, &passphrase("p")), Err(SealedKeyError::TooMuchWork(40))));
    }
}
