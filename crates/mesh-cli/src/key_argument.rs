//! Keys on the command line: a public key, or a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mesh_event::{Keypair, Signer};
use mesh_model::{Code, PublicKey, Role};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::{files, keyfile};

/// A key that somebody names. With its private part at hand it also signs, which proves that somebody holds it.
#[derive(Debug, Clone)]
pub(crate) enum KeyArgument {
    /// Only the public key is known.
    Public(PublicKey),
    /// A private key file.
    Private(Keypair),
}

impl KeyArgument {
    /// Takes `ed25519:…`, a private key file, or a file that starts with a public key. Relative paths are taken from
    /// `folder`.
    ///
    /// # Errors
    /// When it is none of these.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, Failure> {
        let public = |text: &str| PublicKey::parse(text).map_err(|error| Failure::new(Code::Usage, error.to_string()));
        if text.starts_with("ed25519:") {
            return public(text).map(Self::Public);
        }
        let path = folder.join(text);
        // It may hold a private key, so it is wiped.
        let content = Zeroizing::new(files::read_text(&path)?);
        match content.split_whitespace().next().filter(|word| word.starts_with("ed25519:")) {
            Some(word) => public(word).map(Self::Public),
            None => keyfile::read(&path).map(Self::Private),
        }
    }

    /// The public key.
    pub(crate) fn public(&self) -> PublicKey {
        match self {
            Self::Public(key) => *key,
            Self::Private(keypair) => keypair.public_key(),
        }
    }

    /// The private key, when it is at hand.
    pub(crate) fn private(self) -> Option<Keypair> {
        match self {
            Self::Public(_) => None,
            Self::Private(keypair) => Some(keypair),
        }
    }
}

/// `KEY=role`: a key and the role that it gets. Base64 may end in `=`, so the last one counts.
///
/// # Errors
/// When the form, the key or the role does not fit.
pub(crate) fn parse_grant(text: &str, folder: &Path) -> Result<(KeyArgument, Role), Failure> {
    let (key, role) = text
        .rsplit_once('=')
        .ok_or_else(|| Failure::new(Code::Usage, format!("'{text}' is no grant; expected KEY=role")))?;
    let role =
        role.parse().map_err(|error: mesh_model::role::UnknownWord| Failure::new(Code::Usage, error.to_string()))?;
    Ok((KeyArgument::parse(key, folder)?, role))
}

/// Private keys at hand for one command, each once, in the order they were named.
#[derive(Debug, Default)]
pub(crate) struct Signers {
    keys: Vec<Keypair>,
    /// Files that were read: nobody is asked for a passphrase twice.
    files: BTreeSet<PathBuf>,
}

impl Signers {
    /// Adds a key.
    pub(crate) fn add(&mut self, keypair: Keypair) {
        if !self.holds(&keypair.public_key()) {
            self.keys.push(keypair);
        }
    }
    /// Adds private key files.
    ///
    /// # Errors
    /// When a file holds no usable key.
    pub(crate) fn add_files(&mut self, paths: &[PathBuf]) -> Result<(), Failure> {
        for path in paths {
            if !self.files.contains(path) {
                self.add(keyfile::read(path)?);
                self.files.insert(path.clone());
            }
        }
        Ok(())
    }
    /// Adds the keys of another set, after those that are here.
    pub(crate) fn append(&mut self, other: Self) {
        for keypair in other.keys {
            self.add(keypair);
        }
        self.files.extend(other.files);
    }
    /// Whether the key is among them.
    pub(crate) fn holds(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|held| held.public_key() == *key)
    }
    /// The first, who is the author of what they sign.
    pub(crate) fn author(&self) -> Option<PublicKey> {
        self.keys.first().map(Signer::public_key)
    }
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
    /// As signers.
    pub(crate) fn as_dyn(&self) -> Vec<&dyn Signer> {
        self.keys.iter().map(|keypair| keypair as &dyn Signer).collect()
    }
    /// Their public keys.
    pub(crate) fn public(&self) -> BTreeSet<PublicKey> {
        self.keys.iter().map(Signer::public_key).collect()
    }
}
