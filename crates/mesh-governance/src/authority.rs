//! Thresholds, versions of rosters, purposes of keys; and what the ledger says of bytes that do not verify.

use std::collections::BTreeSet;

use mesh_event::signing;
use mesh_model::{Code, DomainName, PublicKey};

use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::read;
use crate::records::{Domain, DomainStatus, KeyPurpose, Mesh, Record as _};
use crate::state::StateRead;

/// The domain, if it is known and may act.
pub(crate) fn active_domain<S: StateRead>(state: &S, name: &DomainName) -> Decision<Domain, S> {
    match read::domain(state, name)? {
        Some(domain) if domain.status == DomainStatus::Active => Ok(domain),
        Some(domain) if domain.status == DomainStatus::Removed => {
            reject(Code::DomainRemoved, format!("domain {name} was removed"))
        }
        Some(_) => reject(Code::DomainSuspended, format!("domain {name} is suspended")),
        None => reject(Code::UnknownDomain, format!("there is no domain {name}")),
    }
}

/// Whether enough distinct seats signed.
pub(crate) fn council<S: StateRead>(mesh: &Mesh, signers: &BTreeSet<PublicKey>) -> Decision<(), S> {
    let (signed, needed) = (mesh.council.seats_signed(signers), mesh.council.threshold);
    if mesh.council.is_met(signers) {
        return Ok(());
    }
    reject(Code::ThresholdNotMet, format!("{signed} of {needed} council seats signed"))
}

/// Whether enough distinct root keys signed.
pub(crate) fn root<S: StateRead>(domain: &Domain, signers: &BTreeSet<PublicKey>) -> Decision<(), S> {
    let distinct: BTreeSet<_> = domain.root_keys.iter().filter(|key| signers.contains(key)).collect();
    if distinct.len() >= domain.root_threshold as usize {
        return Ok(());
    }
    let (signed, needed, name) = (distinct.len(), domain.root_threshold, &domain.name);
    reject(Code::ThresholdNotMet, format!("{signed} of {needed} root keys of domain {name} signed"))
}

/// Whether a command names the version that it changes.
pub(crate) fn version<S: StateRead>(what: &str, named: u64, in_force: u64) -> Decision<(), S> {
    if named == in_force {
        return Ok(());
    }
    reject(Code::StaleRoster, format!("it names version {named} of {what}; version {in_force} is in force"))
}

/// Makes the key serve this purpose, if it is sound, serves no other, and proved its possession by signing. A role holder
/// may become one again without: it proved possession when it first became one.
pub(crate) fn bind_key<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    key: &PublicKey,
    purpose: &KeyPurpose,
    signers: &BTreeSet<PublicKey>,
) -> Decision<(), S> {
    if !signing::is_sound(key) {
        return reject(Code::WeakKey, format!("key {} is weak or no point of the curve", key.fingerprint()));
    }
    match read::key_purpose(draft, key)? {
        Some(KeyPurpose::RoleHolder) if *purpose == KeyPurpose::RoleHolder => return Ok(()),
        Some(other) => {
            return reject(Code::KeyInUse, format!("key {} is {other}", key.fingerprint()));
        }
        None => {}
    }
    if !signers.contains(key) {
        return reject(Code::NoPossession, format!("key {} did not sign", key.fingerprint()));
    }
    draft.put(keys::purpose(key), purpose.encode());
    Ok(())
}

/// As [`bind_key`] for a place that a key may have had before: it may come back to it, and signs again.
pub(crate) fn join<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    key: &PublicKey,
    purpose: &KeyPurpose,
    signers: &BTreeSet<PublicKey>,
) -> Decision<(), S> {
    if read::key_purpose(draft, key)?.as_ref() != Some(purpose) {
        return bind_key(draft, key, purpose, signers);
    }
    if signers.contains(key) {
        return Ok(());
    }
    reject(Code::NoPossession, format!("key {} did not sign", key.fingerprint()))
}

/// What the ledger says of bytes that do not verify or decode. Texts are our own: a library's could differ between builds,
/// and leaves may not.
pub(crate) mod malformed {
    use mesh_event::command::CommandError;
    use mesh_event::genesis::GenesisError;
    use mesh_event::{EnvelopeError, HeadError, Malformed};
    use mesh_model::Code;

    use crate::decision::Rejection;

    /// Of an envelope.
    pub(crate) fn envelope(error: &EnvelopeError) -> Rejection {
        let detail = match error {
            EnvelopeError::Malformed(_) => "the bytes are no envelope".to_owned(),
            EnvelopeError::PayloadType { expected, .. } => {
                format!("the envelope holds something else than {expected}")
            }
            EnvelopeError::BadSignature(key) => {
                format!("the signature of key {key} does not verify")
            }
            EnvelopeError::Unsigned => "the envelope has no signature".to_owned(),
            EnvelopeError::TooLarge(bytes) => format!("the envelope has {bytes} bytes"),
        };
        Rejection::new(error.code(), detail)
    }

    /// Of a message's field.
    pub(crate) fn field(error: &Malformed) -> Rejection {
        Rejection::new(Code::Malformed, format!("{} does not decode", error.field))
    }

    /// Of a command.
    pub(crate) fn command(error: &CommandError) -> Rejection {
        match error {
            CommandError::Envelope(error) => envelope(error),
            CommandError::Malformed(error) => field(error),
            CommandError::AuthorDidNotSign(key) => {
                Rejection::new(error.code(), format!("the author {key} did not sign"))
            }
            CommandError::WrongMesh { expected, found } => {
                Rejection::new(error.code(), format!("signed for mesh {found}; this is mesh {expected}"))
            }
        }
    }

    /// Of a founding document.
    pub(crate) fn genesis(error: &GenesisError) -> Rejection {
        match error {
            GenesisError::Envelope(error) => envelope(error),
            GenesisError::Malformed(error) => field(error),
            GenesisError::Flawed(flaws) => Rejection::new(Code::Malformed, flaws.join("; ")),
            GenesisError::Threshold { signed, threshold } => {
                Rejection::new(Code::ThresholdNotMet, format!("{signed} of {threshold} council seats signed"))
            }
        }
    }

    /// Of a feed's head.
    pub(crate) fn head(error: &HeadError) -> Rejection {
        let detail = match error {
            HeadError::Malformed(_) => "the feed's head or an event under it does not decode".to_owned(),
            HeadError::Origin { .. } => "the head is another feed's".to_owned(),
            HeadError::Signature(key) => format!("the feed's head is not signed by node key {key}"),
            HeadError::Chain(at) => {
                format!("event {at} of the batch does not chain up to the signed head")
            }
        };
        Rejection::new(error.code(), detail)
    }
}
