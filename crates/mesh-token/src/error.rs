//! Why bytes are no token that counts, or none can be made.

use mesh_model::Code;

use crate::{BLOCKS, TOKEN_BYTES};

/// Why bytes are no token that counts, or none can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Over a limit.
    #[error("the token has {found} {what}; at most {most} are taken")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many at most.
        most: usize,
    },
    /// Not one, or altered.
    #[error("not an access token: {0}")]
    Malformed(String),
    /// No key that may issue signed it, or it was altered.
    #[error("no issuer of the domain signed the token")]
    Signature,
    /// An issuer signed it, but it does not say what a token says.
    #[error("the token says no {0}, or more than one")]
    Claims(&'static str),
    /// A block that a holder added is none that narrows.
    #[error("a block of the token {0}; expected checks of what is asked, and nothing else")]
    Block(&'static str),
    /// It would be good for too long.
    #[error("a token is good for a day at most")]
    TooLong,
    /// Nobody can add to it any more.
    #[error("the token is sealed: it cannot be narrowed")]
    Sealed,
}

impl TokenError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::TooLarge,
            Self::TooLong => Code::BadRequest,
            Self::Malformed(_) | Self::Signature | Self::Claims(_) | Self::Block(_) | Self::Sealed => {
                Code::TokenInvalid
            }
        }
    }

    pub(crate) fn check_bytes(found: usize) -> Result<(), Self> {
        Self::check("bytes", found, TOKEN_BYTES)
    }

    pub(crate) fn check_blocks(found: usize) -> Result<(), Self> {
        Self::check("blocks", found, BLOCKS)
    }

    fn check(what: &'static str, found: usize, most: usize) -> Result<(), Self> {
        if found <= most { Ok(()) } else { Err(Self::TooLarge { what, found, most }) }
    }
}

impl From<biscuit_auth::error::Token> for TokenError {
    fn from(error: biscuit_auth::error::Token) -> Self {
        use biscuit_auth::error::Token;
        match error {
            Token::AppendOnSealed | Token::AlreadySealed => Self::Sealed,
            Token::Format(error) => error.into(),
            error => Self::Malformed(error.to_string()),
        }
        .shortened()
    }
}

impl From<biscuit_auth::error::Format> for TokenError {
    fn from(error: biscuit_auth::error::Format) -> Self {
        use biscuit_auth::error::Format;
        match error {
            Format::Signature(_) | Format::SealedSignature | Format::UnknownPublicKey => Self::Signature,
            error => Self::Malformed(error.to_string()).shortened(),
        }
    }
}

impl TokenError {
    /// The library's words may repeat what the token says.
    fn shortened(self) -> Self {
        match self {
            Self::Malformed(text) if text.chars().count() > 200 => Self::Malformed(text.chars().take(200).collect()),
            error => error,
        }
    }
}
