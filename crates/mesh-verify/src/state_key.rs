//! Keys of the state as people read them, and their values as JSON. `mesh_governance::keys` draws the layout.

use mesh_event::federation::AdmissionRule;
use mesh_governance::Damage;
use mesh_governance::records::{
    Containment, Domain, EnactedStandard, EndedEpoch, Erasure, FeedCursor, GrantedWaiver, Grants, Head, KeyPurpose,
    KnownNode, LedgerHead, Major, Mesh, NodeRevocation, PendingRoot, Product, Proposal, Record, Recovery, Remark,
    RememberedCommand, ResolvedFork, SealedVersion, Terms, VotersInForce, Vouched,
};
use mesh_model::{CommandId, Digest, PublicKey, Version};
use serde_json::Value;

/// One key of the state, read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateKey {
    /// What kind of thing it is: `product`, `version`, `domain`, `standard`, `proposal`, `waiver`, `node`, ...
    pub kind: &'static str,
    /// Which one, such as `sales/orders@1.0.0`; empty where there is only one.
    pub name: String,
    /// Whether it only serves the rules: an order, a counter, a copy. Listings leave it out.
    pub is_internal: bool,
}

impl std::fmt::Display for StateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, " {}", self.name) }
    }
}

/// The parts of a key, from its left.
struct Parts<'a>(&'a [u8]);

impl Parts<'_> {
    fn name(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (name, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        String::from_utf8(name.to_vec()).ok()
    }
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }
    fn number(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_be_bytes)
    }
    fn version(&mut self) -> Option<String> {
        let mut number = || self.bytes().map(u32::from_be_bytes);
        Some(Version::new(number()?, number()?, number()?).to_string())
    }
    fn key(&mut self) -> Option<String> {
        Some(PublicKey(self.bytes()?).fingerprint())
    }
    fn place(&mut self) -> Option<String> {
        self.name().map(|name| if name.is_empty() { "the mesh".to_owned() } else { name })
    }
    fn product(&mut self) -> Option<String> {
        Some(format!("{}/{}", self.name()?, self.name()?))
    }
}

/// What a value is.
type Decode = fn(&[u8]) -> Result<Value, Damage>;

fn json<R: Record>(bytes: &[u8]) -> Result<Value, Damage> {
    let value = serde_json::to_value(R::decode(bytes)?);
    value.map_err(|error| Damage { what: R::KIND.to_owned(), why: error.to_string(), needs_protocol: None })
}

/// A text of the ledger: the digest says which, its leaf says what.
#[expect(clippy::unnecessary_wraps, reason = "it stands where records are decoded, which can fail")]
fn text(bytes: &[u8]) -> Result<Value, Damage> {
    Ok(Value::String(format!("{} bytes with SHA-256 {}", bytes.len(), Digest::of(bytes))))
}

/// Kind, name, whether it only serves the rules, and what its value is.
fn read(key: &[u8]) -> Option<(&'static str, String, bool, Decode)> {
    let (prefix, rest) = key.split_first()?;
    let mut parts = Parts(rest);
    let p = &mut parts;
    let found: (_, _, _, Decode) = match prefix {
        0x01 => ("head", String::new(), true, json::<Head>),
        0x02 => ("mesh", String::new(), false, json::<Mesh>),
        0x03 => ("council terms", String::new(), false, json::<Terms>),
        0x04 => ("refused checkpoint", format!("{} {}", p.number()?, Digest(p.bytes()?)), false, json::<ResolvedFork>),
        0x05 => ("voters", format!("from {} leaves on", p.number()?), false, json::<VotersInForce>),
        0x06 => ("rule of admission", String::new(), false, json::<AdmissionRule>),
        0x07 => ("recovery of voters", String::new(), false, json::<Recovery>),
        0x10 => ("domain", p.name()?, false, json::<Domain>),
        0x11 => ("feed cursor", p.name()?, true, json::<FeedCursor>),
        0x12 => ("outbox number", format!("{}/{} {}", p.name()?, p.number()?, p.number()?), true, json::<u64>),
        0x13 => ("roster entry", format!("{} {}", p.place()?, p.key()?), true, text),
        0x14 => ("pending root", p.name()?, false, json::<PendingRoot>),
        0x15 => ("forked feed", p.name()?, false, json::<Containment>),
        0x16 => ("ended epoch", format!("{}/{}", p.name()?, p.number()?), false, json::<EndedEpoch>),
        0x17 => {
            let (domain, digest) = (p.name()?, Digest(p.bytes()?));
            ("erased attachment", format!("{domain} {digest}"), false, json::<Erasure>)
        }
        0x18 => ("feed head", format!("{}/{}", p.name()?, p.number()?), true, json::<LedgerHead>),
        0x19 => ("vouched nodes", p.name()?, false, json::<Vouched>),
        0x20 => {
            let (key, place) = (p.key()?, p.place()?);
            ("grants", format!("{key} in {place}"), false, json::<Grants>)
        }
        0x21 => ("key", p.key()?, false, json::<KeyPurpose>),
        0x22 => ("node", p.number()?.to_string(), false, json::<KnownNode>),
        0x23 => ("node revocation", p.number()?.to_string(), false, json::<NodeRevocation>),
        0x30 => ("product", p.product()?, false, json::<Product>),
        0x31 => {
            let (product, major) = (p.product()?, u32::from_be_bytes(p.bytes()?));
            ("major", format!("{product} {major}"), true, json::<Major>)
        }
        0x32 => ("version", format!("{}@{}", p.product()?, p.version()?), false, json::<SealedVersion>),
        0x40 => ("command", CommandId(p.bytes()?).to_string(), true, json::<RememberedCommand>),
        0x41 => ("expiry", format!("{} {}", p.number()?, CommandId(p.bytes()?)), true, text),
        0x50 => ("proposal", p.number()?.to_string(), false, json::<Proposal>),
        0x51 => ("open proposal", format!("{} {}", p.number()?, p.number()?), true, text),
        0x52 => ("proposal body", p.number()?.to_string(), true, text),
        0x53 => {
            let (proposal, index) = (p.number()?, p.number()?);
            ("comment", format!("{index} on proposal {proposal}"), false, json::<Remark>)
        }
        0x60 => ("standard", format!("{}@{}", p.name()?, p.version()?), false, json::<EnactedStandard>),
        0x61 => ("standard text", format!("{}@{}", p.name()?, p.version()?), true, text),
        0x62 => ("standard in force", p.name()?, false, json::<Version>),
        0x63 => ("waiver", p.number()?.to_string(), false, json::<GrantedWaiver>),
        0x64 => ("domain waiver", format!("{} {}", p.name()?, p.number()?), true, text),
        _ => return None,
    };
    parts.0.is_empty().then_some(found)
}

impl StateKey {
    /// Reads a key. One of a layout that this build does not know is shown as hexadecimal digits.
    pub fn of(key: &[u8]) -> Self {
        if let Some((kind, name, is_internal, _)) = read(key) {
            return Self { kind, name, is_internal };
        }
        let digits: Vec<String> = key.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { kind: "unknown", name: digits.concat(), is_internal: true }
    }
}

/// The value of a key as JSON.
///
/// # Errors
/// [`Damage`] for a value that is not what its key says.
pub fn value(key: &[u8], bytes: &[u8]) -> Result<Value, Damage> {
    read(key).map_or(text as Decode, |(.., decode)| decode)(bytes)
}
