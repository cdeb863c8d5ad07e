//! A token: made by an issuer, narrowed by whoever has it, verified by whoever knows the issuer.

use std::fmt;
use std::str::FromStr;

use biscuit_auth::{Algorithm, Biscuit, KeyPair, PrivateKey, UnverifiedBiscuit};
use mesh_access::Scope;
use mesh_event::Keypair;
use mesh_model::{PublicKey, TokenId, UnixMs};
use zeroize::Zeroizing;

use crate::claims::Claims;
use crate::error::TokenError;
use crate::{bounds, latest_end, narrow};

/// A token as it travels: URL-safe base64. Nobody has said yet that it counts.
#[derive(Clone)]
pub struct Token {
    text: Zeroizing<String>,
    biscuit: UnverifiedBiscuit,
}

impl fmt::Debug for Token {
    /// Whoever reads it could use it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} blocks)", self.biscuit.block_count())
    }
}

fn key_of(seed: &Zeroizing<[u8; 32]>) -> Result<KeyPair, TokenError> {
    Ok(KeyPair::from(&PrivateKey::from_bytes(seed.as_slice(), Algorithm::Ed25519)?))
}

impl Token {
    /// Issues a token at a moment. `next`: 32 random bytes, used once: the key by which its holder narrows it.
    ///
    /// # Errors
    /// [`TokenError::TooLarge`] when so many fields do not fit; [`TokenError::TooLong`].
    pub fn issue(
        claims: &Claims,
        now: UnixMs,
        issuer: &Keypair,
        next: &Zeroizing<[u8; 32]>,
    ) -> Result<Self, TokenError> {
        if claims.until_unix_ms > latest_end(now) {
            return Err(TokenError::TooLong);
        }
        let root = key_of(&issuer.seed())?;
        let symbols = biscuit_auth::datalog::SymbolTable::default();
        Self::of(claims.to_block()?.build_with_key_pair(&root, symbols, &key_of(next)?)?.to_base64()?)
    }

    /// The token that allows only what a scope covers, too, and only before a moment. `next`: 32 random bytes, used once.
    ///
    /// # Errors
    /// [`TokenError::Sealed`], [`TokenError::TooLarge`].
    pub fn narrow(&self, scope: &Scope, until: Option<UnixMs>, next: &Zeroizing<[u8; 32]>) -> Result<Self, TokenError> {
        let narrowed = self.biscuit.append_with_keypair(&key_of(next)?, narrow::block(scope, until)?)?;
        Self::of(narrowed.to_base64()?)
    }

    fn of(text: String) -> Result<Self, TokenError> {
        let text = Zeroizing::new(text);
        TokenError::check_bytes(text.len())?;
        let biscuit = UnverifiedBiscuit::from_base64(text.as_bytes())?;
        TokenError::check_blocks(biscuit.block_count())?;
        bounds::check(&biscuit.to_vec()?)?;
        let token = Self { text, biscuit };
        // Each block has an id that can be revoked: a signature that is longer than any would have none.
        if token.ids().len() == token.biscuit.block_count() {
            return Ok(token);
        }
        Err(TokenError::Malformed("a block's signature is of no known length".to_owned()))
    }

    /// What to send: URL-safe base64 with padding.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its revocation ids, one for each block: whoever has the first one on a list refuses all that was made of the token.
    pub fn ids(&self) -> Vec<TokenId> {
        self.biscuit.revocation_identifiers().into_iter().filter_map(TokenId::new).collect()
    }

    /// Whether one of these keys issued it, and nobody altered it since.
    ///
    /// # Errors
    /// [`TokenError::Signature`], [`TokenError::Claims`].
    pub fn verify<'a>(&self, issuers: impl IntoIterator<Item = &'a PublicKey>) -> Result<VerifiedToken, TokenError> {
        for issuer in issuers {
            let key = biscuit_auth::PublicKey::from_bytes(&issuer.0, Algorithm::Ed25519)?;
            if let Ok(biscuit) = self.biscuit.clone().verify(key) {
                let claims = Claims::of(&biscuit)?;
                return Ok(VerifiedToken { biscuit, claims, ids: self.ids(), issuer: *issuer });
            }
        }
        Err(TokenError::Signature)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    /// Reads a token, with or without padding.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim().trim_end_matches('=');
        TokenError::check_bytes(text.len())?;
        let padding = "=".repeat(text.len().wrapping_neg() % 4);
        Self::of(format!("{text}{padding}"))
    }
}

/// A token that an issuer signed, with all of its blocks in place. What it allows, [`VerifiedToken::check`] says.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    biscuit: Biscuit,
    claims: Claims,
    ids: Vec<TokenId>,
    issuer: PublicKey,
}

impl VerifiedToken {
    pub(crate) fn biscuit(&self) -> &Biscuit {
        &self.biscuit
    }
    /// What its issuer says. It may have been narrowed since.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
    /// Its revocation ids, one for each block.
    pub fn ids(&self) -> &[TokenId] {
        &self.ids
    }
    /// Who issued it.
    pub fn issuer(&self) -> &PublicKey {
        &self.issuer
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
