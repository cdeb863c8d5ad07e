//! Facts about products as they are signed: what a domain's feed says of its products beside their versions.
//!
//! They are events of the feed of the domain that owns the product, and never leaves of the ledger: nothing has to be decided the same way by
//! everybody at once. So they have a payload type of their own, and nothing that reads commands takes them for one. Who may state
//! them is judged by their domain's home, at the ledger size that the event names.

use std::collections::BTreeSet;

use mesh_model::{Digest, DomainName, FactId, MeshId, Name, ProductId, PublicKey};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::command::CommandError;
use crate::convert::{Malformed, digest, key, length, text};
use crate::envelope::{self, Envelope, EnvelopeError};
use crate::proto;
use crate::signing::Signer;

/// Most ports, and fields of a port, that a scope names.
pub const SCOPE_ITEMS: usize = 64;
/// Longest name of a field, in bytes.
pub const FIELD_BYTES: usize = 255;

/// A statement about a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The mesh.
    pub mesh_id: MeshId,
    /// Whose feed it belongs to: the domain that owns the product.
    pub domain: DomainName,
    /// Chosen by the author: sent again, it is the same fact.
    pub id: FactId,
    /// The first signer.
    pub author: PublicKey,
    /// What is stated.
    pub body: FactBody,
}

/// What is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactBody {
    /// A domain asks for access; the fact's id is the request's.
    RequestAccess(RequestAccess),
    /// The owner grants what was asked, or a part of it.
    ApproveAccess(ApproveAccess),
    /// The owner does not.
    DenyAccess(DenyAccess),
    /// The consumer takes its request back, or gives its grant back.
    CancelAccess(CancelAccess),
    /// The owner ends a grant.
    RevokeAccess(RevokeAccess),
}

/// A text that names people or their reasons: a private attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateText {
    /// SHA-256 of salt and text.
    pub digest: Digest,
    /// Bytes of the text, without the salt.
    pub size: u64,
}

/// A port, or some of its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortScope {
    /// The output port.
    pub port: Name,
    /// Its fields as the source names them; empty for all, also those that come later.
    pub fields: Vec<String>,
}

/// A domain asks for access to a major version of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestAccess {
    /// The product.
    pub product: ProductId,
    /// Which major: a grant holds for all its versions.
    pub major: u32,
    /// Empty for all ports, also those that come later.
    pub scope: Vec<PortScope>,
    /// The domain that asks.
    pub consumer: DomainName,
    /// What for.
    pub purpose: PrivateText,
    /// For how many days, from the approval on.
    pub days: u32,
}

/// The owner grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveAccess {
    /// The request.
    pub request: FactId,
    /// The product, as in the request.
    pub product: ProductId,
    /// The major, as in the request.
    pub major: u32,
    /// Who asked, as in the request.
    pub consumer: DomainName,
    /// What was asked or a part of it; empty for all ports, also those that come later.
    pub scope: Vec<PortScope>,
    /// At most what was asked.
    pub days: u32,
    /// A word to the consumer.
    pub note: Option<PrivateText>,
}

/// The owner refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyAccess {
    /// The request.
    pub request: FactId,
    /// Why.
    pub note: PrivateText,
}

/// The consumer steps back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelAccess {
    /// The request.
    pub request: FactId,
}

/// The owner ends a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeAccess {
    /// The request that was granted.
    pub request: FactId,
    /// Why.
    pub note: PrivateText,
}

impl FactBody {
    /// Its name in texts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RequestAccess(_) => "a request for access",
            Self::ApproveAccess(_) => "an approval of access",
            Self::DenyAccess(_) => "a denial of access",
            Self::CancelAccess(_) => "a cancellation of access",
            Self::RevokeAccess(_) => "a revocation of access",
        }
    }

    /// The private text that comes with it.
    pub fn private_text(&self) -> Option<&PrivateText> {
        match self {
            Self::RequestAccess(body) => Some(&body.purpose),
            Self::ApproveAccess(body) => body.note.as_ref(),
            Self::DenyAccess(body) => Some(&body.note),
            Self::CancelAccess(_) => None,
            Self::RevokeAccess(body) => Some(&body.note),
        }
    }

    fn to_message(&self) -> proto::fact::Body {
        use proto::fact::Body as M;
        match self {
            Self::RequestAccess(body) => M::AccessRequest(proto::AccessRequest {
                product: body.product.to_string(),
                major: body.major,
                scope: scope_message(&body.scope),
                consumer: body.consumer.to_string(),
                purpose: Some(body.purpose.to_message()),
                days: body.days,
            }),
            Self::ApproveAccess(body) => M::AccessApproval(proto::AccessApproval {
                request: body.request.0.to_vec(),
                product: body.product.to_string(),
                major: body.major,
                consumer: body.consumer.to_string(),
                scope: scope_message(&body.scope),
                days: body.days,
                note: body.note.map(PrivateText::to_message),
            }),
            Self::DenyAccess(body) => M::AccessDenial(proto::AccessDenial {
                request: body.request.0.to_vec(),
                note: Some(body.note.to_message()),
            }),
            Self::CancelAccess(body) => {
                M::AccessCancellation(proto::AccessCancellation { request: body.request.0.to_vec() })
            }
            Self::RevokeAccess(body) => M::AccessRevocation(proto::AccessRevocation {
                request: body.request.0.to_vec(),
                note: Some(body.note.to_message()),
            }),
        }
    }

    fn from_message(message: proto::fact::Body) -> Result<Self, Malformed> {
        use proto::fact::Body as M;
        Ok(match message {
            M::AccessRequest(m) => Self::RequestAccess(RequestAccess {
                product: text("product", &m.product)?,
                major: m.major,
                scope: scope(m.scope)?,
                consumer: text("consumer", &m.consumer)?,
                purpose: PrivateText::required("purpose", m.purpose)?,
                days: m.days,
            }),
            M::AccessApproval(m) => Self::ApproveAccess(ApproveAccess {
                request: fact_id("request", &m.request)?,
                product: text("product", &m.product)?,
                major: m.major,
                consumer: text("consumer", &m.consumer)?,
                scope: scope(m.scope)?,
                days: m.days,
                note: m.note.map(|note| PrivateText::from_message("note", &note)).transpose()?,
            }),
            M::AccessDenial(m) => Self::DenyAccess(DenyAccess {
                request: fact_id("request", &m.request)?,
                note: PrivateText::required("note", m.note)?,
            }),
            M::AccessCancellation(m) => Self::CancelAccess(CancelAccess { request: fact_id("request", &m.request)? }),
            M::AccessRevocation(m) => Self::RevokeAccess(RevokeAccess {
                request: fact_id("request", &m.request)?,
                note: PrivateText::required("note", m.note)?,
            }),
        })
    }
}

/// The bytes of a private text without their salt: which fact they belong to, and the text. So whoever names somebody else's digest in
/// a fact of their own gets nothing by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactText {
    /// Whose feed has the fact.
    pub domain: DomainName,
    /// Which fact.
    pub fact: FactId,
    /// What people read.
    pub text: String,
}

impl FactText {
    const BEGINNING: &'static [u8] = b"datamesh fact text 1\0";

    /// The bytes that are salted.
    pub fn encode(&self) -> Vec<u8> {
        [Self::BEGINNING, self.domain.as_str().as_bytes(), &[0], &self.fact.0, self.text.as_bytes()].concat()
    }

    /// Reads them; `None` for bytes that are no text of a fact.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(Self::BEGINNING)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let domain = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        let (fact, text) = rest[end + 1..].split_first_chunk()?;
        Some(Self { domain, fact: FactId(*fact), text: std::str::from_utf8(text).ok()?.to_owned() })
    }
}

impl PrivateText {
    fn to_message(self) -> proto::PrivateText {
        proto::PrivateText { digest: self.digest.0.to_vec(), size: self.size }
    }

    fn from_message(field: &str, message: &proto::PrivateText) -> Result<Self, Malformed> {
        let digest = digest("digest", &message.digest).map_err(|error| error.within(field))?;
        Ok(Self { digest, size: message.size })
    }

    fn required(field: &str, message: Option<proto::PrivateText>) -> Result<Self, Malformed> {
        Self::from_message(field, &message.ok_or_else(|| Malformed::missing(field))?)
    }
}

fn fact_id(field: &str, bytes: &[u8]) -> Result<FactId, Malformed> {
    FactId::from_slice(bytes).ok_or_else(|| length(field, 16, bytes.len()))
}

fn scope_message(scope: &[PortScope]) -> Vec<proto::PortScope> {
    let one = |scope: &PortScope| proto::PortScope { port: scope.port.to_string(), fields: scope.fields.clone() };
    scope.iter().map(one).collect()
}

/// Each port once, each field of it once: what is wider than another reading of the same bytes would be a trap.
fn scope(items: Vec<proto::PortScope>) -> Result<Vec<PortScope>, Malformed> {
    let many = |what: &str, found: usize| {
        let text = format!("expected at most {SCOPE_ITEMS} {what}; found {found}");
        (found > SCOPE_ITEMS).then(|| Malformed::new("scope", text)).map_or(Ok(()), Err)
    };
    many("ports", items.len())?;
    let mut ports = BTreeSet::new();
    let mut scope = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        many("fields", item.fields.len())?;
        let port: Name = text("port", &item.port).map_err(|error| error.within(format!("scope[{at}]")))?;
        let fields: BTreeSet<&str> = item.fields.iter().map(String::as_str).collect();
        let is_odd = |field: &&str| field.is_empty() || field.len() > FIELD_BYTES;
        if fields.len() != item.fields.len() || fields.iter().any(is_odd) {
            let text = format!("expected different fields of 1 to {FIELD_BYTES} bytes");
            return Err(Malformed::new(format!("scope[{at}].fields"), text));
        }
        if !ports.insert(port.clone()) {
            return Err(Malformed::new(format!("scope[{at}].port"), format!("{port} stands there twice")));
        }
        scope.push(PortScope { port, fields: item.fields });
    }
    Ok(scope)
}

impl Fact {
    /// The payload bytes to sign.
    pub fn encode(&self) -> Vec<u8> {
        proto::Fact {
            mesh_id: self.mesh_id.0.to_vec(),
            domain: self.domain.to_string(),
            id: self.id.0.to_vec(),
            author: self.author.0.to_vec(),
            body: Some(self.body.to_message()),
        }
        .encode_to_vec()
    }

    /// Decodes payload bytes.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let m = proto::Fact::decode(payload).map_err(|error| Malformed::new("fact", error))?;
        let body = m.body.ok_or_else(|| Malformed::new("body", "is missing or unknown to this build"))?;
        let fact = Self {
            mesh_id: digest("mesh_id", &m.mesh_id)?.into(),
            domain: text("domain", &m.domain)?,
            id: fact_id("id", &m.id)?,
            author: key("author", &m.author)?,
            body: FactBody::from_message(body)?,
        };
        let product = match &fact.body {
            FactBody::RequestAccess(body) => Some(&body.product),
            FactBody::ApproveAccess(body) => Some(&body.product),
            _ => None,
        };
        match product.filter(|product| product.domain != fact.domain) {
            Some(product) => {
                let text = format!("{product} belongs to another domain than {}", fact.domain);
                Err(Malformed::new("product", text))
            }
            None => Ok(fact),
        }
    }

    /// Signs the fact; its author has to be the first signer.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`].
    ///
    /// # Panics
    /// When the first signer is not the author.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Envelope, EnvelopeError> {
        assert_eq!(signers.first().map(|s| s.public_key()), Some(self.author), "the author signs first");
        Envelope::sign(envelope::FACT, self.encode(), signers)
    }
}

/// A fact whose signatures were checked over its exact bytes. The only way to one is [`SignedFact::verify`].
#[derive(Debug, Clone)]
pub struct SignedFact {
    envelope: Envelope,
    fact: Fact,
}

impl SignedFact {
    /// Checks every signature, then decodes.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verify(envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandError> {
        let signers = envelope.verify(envelope::FACT)?;
        let fact = Fact::decode(envelope.payload())?;
        if fact.mesh_id != *mesh {
            return Err(CommandError::WrongMesh { expected: mesh.short(), found: fact.mesh_id.short() });
        }
        if !signers.contains(&fact.author) {
            return Err(CommandError::AuthorDidNotSign(fact.author.fingerprint()));
        }
        Ok(Self { envelope, fact })
    }

    /// A fact whose signatures were checked before it was kept.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn verified_before(envelope: Envelope) -> Result<Self, Malformed> {
        let fact = Fact::decode(envelope.payload())?;
        Ok(Self { envelope, fact })
    }

    /// What it says.
    pub fn fact(&self) -> &Fact {
        &self.fact
    }

    /// The exact bytes.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::{EventKind, FeedEvent, FeedId, NO_LEAF};
    use crate::signing::Keypair;
    use mesh_model::Code;
    use zeroize::Zeroizing;

    const MESH: MeshId = MeshId([7; 32]);
    const TEXT: PrivateText = PrivateText { digest: Digest([9; 32]), size: 11 };

    fn keypair(n: u8) -> Keypair {
        Keypair::from_seed(&Zeroizing::new([n; 32]))
    }

    fn ports(ports: &[(&str, &[&str])]) -> Vec<PortScope> {
        let one = |(port, fields): &(&str, &[&str])| PortScope {
            port: port.parse().unwrap(),
            fields: fields.iter().map(ToString::to_string).collect(),
        };
        ports.iter().map(one).collect()
    }

    fn request() -> RequestAccess {
        RequestAccess {
            product: "orders/returns".parse().unwrap(),
            major: 2,
            scope: ports(&[("daily", &["id", "reason"]), ("stream", &[])]),
            consumer: "finance".parse().unwrap(),
            purpose: TEXT,
            days: 90,
        }
    }

    fn fact(body: FactBody) -> Fact {
        let (domain, id) = ("orders".parse().unwrap(), FactId([3; 16]));
        Fact { mesh_id: MESH, domain, id, author: keypair(1).public_key(), body }
    }

    fn approval(scope: Vec<PortScope>, note: Option<PrivateText>) -> FactBody {
        let RequestAccess { product, major, consumer, .. } = request();
        let request = FactId([4; 16]);
        FactBody::ApproveAccess(ApproveAccess { request, product, major, consumer, scope, days: 30, note })
    }

    #[test]
    fn a_text_says_which_fact_it_belongs_to() {
        let text = FactText { domain: "orders".parse().unwrap(), fact: FactId([0; 16]), text: "für Jane\0".into() };
        assert_eq!(FactText::parse(&text.encode()), Some(text.clone()));
        let encoded = text.encode();
        for cut in 0..encoded.len() - text.text.len() {
            assert_eq!(FactText::parse(&encoded[..cut]), None, "{cut}");
        }
        assert_eq!(FactText::parse(b"people.json"), None);
    }

    #[test]
    fn each_fact_comes_back_as_it_was_signed() {
        let request_id = FactId([4; 16]);
        let (note, scope) = (TEXT, ports(&[("daily", &[])]));
        for body in [
            FactBody::RequestAccess(request()),
            approval(scope, Some(note)),
            approval(Vec::new(), None),
            FactBody::DenyAccess(DenyAccess { request: request_id, note }),
            FactBody::CancelAccess(CancelAccess { request: request_id }),
            FactBody::RevokeAccess(RevokeAccess { request: request_id, note }),
        ] {
            let fact = fact(body);
            let signed = SignedFact::verify(fact.sign(&[&keypair(1)]).unwrap(), &MESH).unwrap();
            assert_eq!(*signed.fact(), fact);
        }
    }

    #[test]
    fn a_fact_of_another_mesh_of_another_author_or_signed_as_something_else_is_refused() {
        let fact = fact(FactBody::RequestAccess(request()));
        let code = |envelope: Envelope| SignedFact::verify(envelope, &MESH).unwrap_err().code();
        let foreign = Fact { mesh_id: MeshId([8; 32]), ..fact.clone() };
        assert_eq!(code(foreign.sign(&[&keypair(1)]).unwrap()), Code::WrongMesh);
        let unsigned = Envelope::sign(envelope::FACT, fact.encode(), &[&keypair(2)]).unwrap();
        assert_eq!(code(unsigned), Code::BadSignature);
        let rules = Envelope::sign(envelope::RULES, fact.encode(), &[&keypair(1)]).unwrap();
        assert_eq!(code(rules), Code::Malformed);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_malformed() {
        let field = |change: &dyn Fn(&mut RequestAccess)| {
            let mut body = request();
            change(&mut body);
            Fact::decode(&fact(FactBody::RequestAccess(body)).encode()).unwrap_err().field
        };
        assert_eq!(field(&|body| body.product = "finance/returns".parse().unwrap()), "product");
        let FactBody::ApproveAccess(approval) = approval(Vec::new(), None) else { unreachable!() };
        let elsewhere = ApproveAccess { product: "finance/returns".parse().unwrap(), ..approval };
        assert_eq!(Fact::decode(&fact(FactBody::ApproveAccess(elsewhere)).encode()).unwrap_err().field, "product");
        assert_eq!(field(&|body| body.scope = ports(&[("daily", &["id"]), ("daily", &[])])), "scope[1].port");
        assert_eq!(field(&|body| body.scope = ports(&[("daily", &["id", "id"])])), "scope[0].fields");
        assert_eq!(field(&|body| body.scope = ports(&[("daily", &[""])])), "scope[0].fields");
        assert_eq!(
            field(&|body| body.scope = vec![PortScope { port: "a".parse().unwrap(), fields: vec!["x".repeat(256)] }]),
            "scope[0].fields"
        );
    }

    #[test]
    fn its_event_stays_in_the_feed_and_within_its_limit() {
        let event = |envelope: Vec<u8>| FeedEvent {
            mesh_id: MESH,
            feed: FeedId { domain: "orders".parse().unwrap(), epoch: 2 },
            seq: 0,
            previous_leaf: NO_LEAF,
            ledger_size: 4,
            at_unix_ms: 1,
            kind: EventKind::Fact { envelope },
        };
        let envelope = fact(FactBody::RequestAccess(request())).sign(&[&keypair(1)]).unwrap();
        let small = event(envelope.into_bytes());
        assert_eq!(FeedEvent::decode(&small.encode()).unwrap(), small);
        assert_eq!(FeedEvent::decode_proposed(&small.encode()).unwrap_err().field, "kind");
        let large = event(vec![0; mesh_model::limits::EVENT_BYTES]);
        assert_eq!(FeedEvent::decode(&large.encode()).unwrap_err().field, "event");
    }
}
