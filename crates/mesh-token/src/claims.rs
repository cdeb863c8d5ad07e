//! What an issuer says in a token's first block.

use biscuit_auth::builder::{self, BiscuitBuilder, Term};
use biscuit_auth::{Authorizer, Biscuit};
use mesh_access::Scope;
use mesh_event::fact::PortScope;
use mesh_model::{Digest, DomainName, FactId, MeshId, Name, ProductId, UnixMs};
use serde::Serialize;

use crate::check::LIMITS;
use crate::error::TokenError;

/// What an issuer says in a token's first block: a grant, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The mesh.
    pub mesh_id: MeshId,
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// Who reads.
    pub consumer: DomainName,
    /// The request that was granted.
    pub request: FactId,
    /// What.
    pub scope: Scope,
    /// The first moment at which it does not count any more; in full seconds, rounded down.
    pub until_unix_ms: UnixMs,
}

pub(crate) fn seconds(at: UnixMs) -> u64 {
    at / 1_000
}

pub(crate) fn text(text: &(impl ToString + ?Sized)) -> Term {
    builder::string(&text.to_string())
}

impl Claims {
    pub(crate) fn to_block(&self) -> Result<BiscuitBuilder, TokenError> {
        let product = || vec![text(&self.product), builder::int(self.major.into())];
        let mut block = Biscuit::builder()
            .fact(builder::fact("mesh", &[text(&Digest(self.mesh_id.0))]))?
            .fact(builder::fact("request", &[text(&self.request)]))?
            .fact(builder::fact("consumer", &[text(&self.consumer)]))?
            .fact(builder::fact("expires", &[Term::Date(seconds(self.until_unix_ms))]))?;
        if self.scope.0.is_empty() {
            block = block.fact(builder::fact("may_read_product", &product()))?;
        }
        for PortScope { port, fields } in &self.scope.0 {
            let port = || [product(), vec![text(port)]].concat();
            if fields.is_empty() {
                block = block.fact(builder::fact("may_read_port", &port()))?;
            }
            for field in fields {
                block = block.fact(builder::fact("may_read_field", &[port(), vec![text(field)]].concat()))?;
            }
        }
        Ok(block.check(not_after(self.until_unix_ms)?)?)
    }

    /// Reads them from a token that an issuer signed.
    pub(crate) fn of(token: &Biscuit) -> Result<Self, TokenError> {
        let mut world = builder::AuthorizerBuilder::new().set_limits(LIMITS).build(token)?;
        let mesh: String = one(&mut world, "mesh", "data($x) <- mesh($x)")?;
        let request: String = one(&mut world, "request", "data($x) <- request($x)")?;
        let consumer: String = one(&mut world, "consumer", "data($x) <- consumer($x)")?;
        let until: std::time::SystemTime = one(&mut world, "expires", "data($x) <- expires($x)")?;
        let until = until.duration_since(std::time::UNIX_EPOCH).map_err(|_| TokenError::Claims("expires"))?;
        let whole: Vec<(String, i64)> = world.query("data($p, $m) <- may_read_product($p, $m)")?;
        let ports: Vec<(String, i64, String)> = world.query("data($p, $m, $x) <- may_read_port($p, $m, $x)")?;
        let fields: Vec<(String, i64, String, String)> =
            world.query("data($p, $m, $x, $f) <- may_read_field($p, $m, $x, $f)")?;
        let products = whole.iter().map(|(p, m)| (p, *m));
        let products = products.chain(ports.iter().map(|(p, m, _)| (p, *m)));
        let mut products = products.chain(fields.iter().map(|(p, m, ..)| (p, *m)));
        let first = products.next().ok_or(TokenError::Claims("product"))?;
        if products.any(|other| other != first) {
            return Err(TokenError::Claims("product"));
        }
        let (product, major) = (parse("product", first.0)?, first.1);
        Ok(Self {
            mesh_id: MeshId(parse::<Digest>("mesh", &mesh)?.0),
            product,
            major: u32::try_from(major).map_err(|_| TokenError::Claims("major"))?,
            consumer: parse("consumer", &consumer)?,
            request: parse("request", &request)?,
            scope: if whole.is_empty() { scope(ports, fields)? } else { Scope::ALL },
            until_unix_ms: u64::try_from(until.as_millis()).map_err(|_| TokenError::Claims("expires"))?,
        })
    }
}

/// Only before this moment.
pub(crate) fn not_after(until: UnixMs) -> Result<builder::Check, TokenError> {
    let mut check: builder::Check = "check if time($t), $t < {until}".parse()?;
    check.set("until", Term::Date(seconds(until)))?;
    Ok(check)
}

fn one<T>(world: &mut Authorizer, what: &'static str, query: &str) -> Result<T, TokenError>
where
    (T,): TryFrom<builder::Fact, Error = biscuit_auth::error::Token>,
{
    let mut found: Vec<(T,)> = world.query(query)?;
    match (found.pop(), found.is_empty()) {
        (Some((value,)), true) => Ok(value),
        _ => Err(TokenError::Claims(what)),
    }
}

fn parse<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, TokenError> {
    text.parse().map_err(|_| TokenError::Claims(what))
}

fn scope(ports: Vec<(String, i64, String)>, fields: Vec<(String, i64, String, String)>) -> Result<Scope, TokenError> {
    let mut parts: std::collections::BTreeMap<Name, Vec<String>> = std::collections::BTreeMap::new();
    for (_, _, port, field) in fields {
        parts.entry(parse("port", &port)?).or_default().push(field);
    }
    for (_, _, port) in ports {
        parts.insert(parse("port", &port)?, Vec::new());
    }
    let part = |(port, mut fields): (Name, Vec<String>)| {
        fields.sort();
        PortScope { port, fields }
    };
    Ok(Scope(parts.into_iter().map(part).collect()))
}
