//! What a gateway asks of a token.

use std::time::Duration;

use biscuit_auth::builder::{self, AuthorizerBuilder, Term};
use biscuit_auth::{AuthorizerLimits, error};
use mesh_model::{Digest, MeshId, Name, ProductId, UnixMs};

use crate::claims::{seconds, text};
use crate::latest_end;
use crate::token::VerifiedToken;

/// What one evaluation may take. The library looks at it between two rounds only: what bounds a round is [`crate::bounds`].
pub(crate) const LIMITS: AuthorizerLimits =
    AuthorizerLimits { max_facts: 5_000, max_iterations: 100, max_time: Duration::from_millis(200) };

/// The policies of a gateway, in Biscuit's language: the same wherever a token is checked. `docs/access.md` has them for other libraries.
pub const POLICY: &str = "\
allow if ask($p, $m, $x), may_read_product($p, $m);
allow if ask($p, $m, $x), may_read_port($p, $m, $x);
allow if ask($p, $m, $x), ask_field($f), may_read_field($p, $m, $x, $f);
deny if true;";

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask<'a> {
    /// In which mesh.
    pub mesh_id: &'a MeshId,
    /// Of which product.
    pub product: &'a ProductId,
    /// Of which major.
    pub major: u32,
    /// At which port.
    pub port: &'a Name,
    /// One field; without it, the whole port.
    pub field: Option<&'a str>,
}

/// Why a token that an issuer signed does not allow something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Its time is over.
    #[error("the token's time is over")]
    Expired,
    /// It says that it is good for longer than any token is.
    #[error("the token is for longer than a day")]
    TooLong,
    /// It is of another mesh.
    #[error("the token is of another mesh")]
    OtherMesh,
    /// It was issued for something else.
    #[error("the token does not cover it")]
    NotCovered,
    /// A block that was added since keeps it from it.
    #[error("the token was narrowed: {0}")]
    Narrowed(String),
    /// It takes too long to find out.
    #[error("the token takes too long to check")]
    TooMuch,
    /// The library says what else.
    #[error("the token cannot be evaluated: {0}")]
    Other(String),
}

/// What a check says.
pub type Checked = Result<(), Denied>;

impl VerifiedToken {
    /// Whether it allows to read something at a moment. Whether it or its grant was revoked is not in the token: that is for whoever
    /// keeps the lists.
    ///
    /// # Errors
    /// [`Denied`] says why not.
    pub fn check(&self, ask: &Ask<'_>, now: UnixMs) -> Checked {
        let claims = self.claims();
        if claims.mesh_id != *ask.mesh_id {
            return Err(Denied::OtherMesh);
        }
        if now >= claims.until_unix_ms {
            return Err(Denied::Expired);
        }
        // What was revoked is not listed for longer.
        if claims.until_unix_ms > latest_end(now) {
            return Err(Denied::TooLong);
        }
        let mut world = world(ask, now).and_then(|world| world.build(self.biscuit())).map_err(|e| other(&e))?;
        world.authorize().map(|_| ()).map_err(|error| denied(&error))
    }
}

fn world(ask: &Ask<'_>, now: UnixMs) -> Result<AuthorizerBuilder, error::Token> {
    let asked = [text(ask.product), builder::int(ask.major.into()), text(ask.port)];
    let world = AuthorizerBuilder::new()
        .set_limits(LIMITS)
        .fact(builder::fact("time", &[Term::Date(seconds(now))]))?
        .fact(builder::fact("ask", &asked))?;
    let world = match ask.field {
        Some(field) => world.fact(builder::fact("ask_field", &[text(field)]))?,
        None => world.fact(builder::fact("ask_whole", &[builder::boolean(true)]))?,
    };
    let mut mesh: builder::Check = "check if mesh({mesh})".parse()?;
    mesh.set("mesh", text(&Digest(ask.mesh_id.0)))?;
    world.check(mesh)?.code(POLICY)
}

fn other(error: &error::Token) -> Denied {
    Denied::Other(error.to_string().chars().take(200).collect())
}

fn denied(error: &error::Token) -> Denied {
    use error::{FailedCheck, Logic, MatchedPolicy, Token};
    match error {
        Token::FailedLogic(
            Logic::Unauthorized { policy: MatchedPolicy::Deny(_), .. } | Logic::NoMatchingPolicy { .. },
        ) => Denied::NotCovered,
        Token::FailedLogic(Logic::Unauthorized { checks, .. }) => {
            let failed = checks.iter().find_map(|check| match check {
                FailedCheck::Block(check) => Some(check.rule.chars().take(300).collect()),
                FailedCheck::Authorizer(_) => None,
            });
            failed.map_or(Denied::NotCovered, Denied::Narrowed)
        }
        Token::RunLimit(_) => Denied::TooMuch,
        error => other(error),
    }
}
