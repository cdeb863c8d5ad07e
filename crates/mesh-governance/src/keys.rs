//! The layout of the state's keys.
//!
//! One prefix byte per kind, then parts that sort as what they mean: numbers are big-endian, names end in `0x00` (no name
//! has one, so no name is taken for the beginning of another), versions are [`Version::sort_key`]. Mesh-wide stands where
//! a domain would as the empty name, which is none.
//!
//! ```text
//! 01                                          head: size, last stamp, state digest (never hashed)
//! 02                                          the mesh: id, council, versions of council and roster
//! 03                                          the council's terms, once it was amended
//! 04                                          the last fork that the council resolved
//! 05 size:8                                   the voters in force from this ledger size on
//! 06                                          who may let nodes in beside the council; from protocol 2 on, as all of 15 to 19
//! 07                                          the last recovery of the voters after a lost quorum
//! 10 domain 00                                a domain
//! 11 domain 00                                cursor of its feed in the epoch in force
//! 12 domain 00 epoch:8 n:8                    outbox number -> ledger index
//! 13 domain 00 key:32                         roster: the key has or had a role there
//! 14 domain 00                                root keys that take effect later
//! 15 domain 00                                the report of its forked feed, until it is resolved
//! 16 domain 00 epoch:8                        an epoch of its feed that is over
//! 17 domain 00 digest:32                      an attachment that was erased
//! 18 domain 00 epoch:8                        the newest head of the feed that is in the ledger
//! 19 domain 00                                nodes for which it vouched
//! 20 key:32 domain 00                         the key's grants there
//! 21 key:32                                   the one purpose of a key
//! 22 node:8                                   a node
//! 23 node:8                                   a node's revocation
//! 30 domain 00 product 00                     a product
//! 31 domain 00 product 00 major:4             counts of one major
//! 32 domain 00 product 00 version:12          a sealed version
//! 40 command:16                               a root or council command that has not expired
//! 41 expires:8 command:16                     the same in the order in which they are forgotten
//! 50 index:8                                  a proposal
//! 51 closes:8 index:8                         open proposals in the order in which they close -> author
//! 52 index:8                                  the body of an open proposal
//! 53 index:8 index:8                          a comment on a proposal, by its own leaf
//! 60 standard 00 version:12                   a version of a standard
//! 61 standard 00 version:12                   its text
//! 62 standard 00                              the version in force
//! 63 index:8                                  a waiver
//! 64 domain 00 index:8                        waivers that may still hold, by domain -> when they expire
//! ```

use mesh_model::{CommandId, Digest, DomainName, LedgerIndex, Name, NodeId, ProductId, PublicKey, UnixMs, Version};

const HEAD: u8 = 0x01;
const MESH: u8 = 0x02;
const DOMAIN: u8 = 0x10;
const FEED_CURSOR: u8 = 0x11;
const OUTBOX: u8 = 0x12;
const ROSTER: u8 = 0x13;
const GRANTS: u8 = 0x20;
const PURPOSE: u8 = 0x21;
const NODE: u8 = 0x22;
const PRODUCT: u8 = 0x30;
const MAJOR: u8 = 0x31;
const VERSION: u8 = 0x32;
const COMMAND: u8 = 0x40;
const EXPIRY: u8 = 0x41;
const TERMS: u8 = 0x03;
const RESOLVED_FORK: u8 = 0x04;
const VOTERS: u8 = 0x05;
const PENDING_ROOT: u8 = 0x14;
const NODE_REVOCATION: u8 = 0x23;
const ADMISSION_RULE: u8 = 0x06;
const RECOVERY: u8 = 0x07;
const CONTAINMENT: u8 = 0x15;
const ENDED_EPOCH: u8 = 0x16;
const ERASURE: u8 = 0x17;
const LEDGER_HEAD: u8 = 0x18;
const VOUCHED: u8 = 0x19;
const PROPOSAL: u8 = 0x50;
const OPEN_PROPOSAL: u8 = 0x51;
const PROPOSAL_BODY: u8 = 0x52;
const COMMENT: u8 = 0x53;
const STANDARD: u8 = 0x60;
const STANDARD_TEXT: u8 = 0x61;
const IN_FORCE: u8 = 0x62;
const WAIVER: u8 = 0x63;
const DOMAIN_WAIVER: u8 = 0x64;

fn named(kind: u8, names: &[&str], rest: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![kind];
    for name in names {
        key.extend_from_slice(name.as_bytes());
        key.push(0);
    }
    for part in rest {
        key.extend_from_slice(part);
    }
    key
}

fn place(domain: Option<&DomainName>) -> &str {
    domain.map_or("", DomainName::as_str)
}

/// The head.
pub fn head() -> Vec<u8> {
    vec![HEAD]
}
/// The mesh.
pub fn mesh() -> Vec<u8> {
    vec![MESH]
}
/// The last fork that the council resolved.
pub fn resolved_fork() -> Vec<u8> {
    vec![RESOLVED_FORK]
}
/// Who may let nodes in beside the council.
pub fn admission_rule() -> Vec<u8> {
    vec![ADMISSION_RULE]
}
/// The last recovery of the voters.
pub fn recovery() -> Vec<u8> {
    vec![RECOVERY]
}
/// The reports of all forked feeds that are not resolved.
pub fn containments() -> Vec<u8> {
    vec![CONTAINMENT]
}
/// The report of a domain's forked feed.
pub fn containment(domain: &DomainName) -> Vec<u8> {
    named(CONTAINMENT, &[domain.as_str()], &[])
}
/// All epochs of a domain's feed that are over.
pub fn ended_epochs(domain: &DomainName) -> Vec<u8> {
    named(ENDED_EPOCH, &[domain.as_str()], &[])
}
/// One of them.
pub fn ended_epoch(domain: &DomainName, epoch: u64) -> Vec<u8> {
    named(ENDED_EPOCH, &[domain.as_str()], &[&epoch.to_be_bytes()])
}
/// All erased attachments, or those of a domain.
pub fn erasures(domain: Option<&DomainName>) -> Vec<u8> {
    domain.map_or_else(|| vec![ERASURE], |domain| named(ERASURE, &[domain.as_str()], &[]))
}
/// An erased attachment of a domain.
pub fn erasure(domain: &DomainName, digest: &Digest) -> Vec<u8> {
    named(ERASURE, &[domain.as_str()], &[&digest.0])
}
/// The newest head of a feed that is in the ledger.
pub fn ledger_head(domain: &DomainName, epoch: u64) -> Vec<u8> {
    named(LEDGER_HEAD, &[domain.as_str()], &[&epoch.to_be_bytes()])
}
/// The nodes for which a domain vouched.
pub fn vouched(domain: &DomainName) -> Vec<u8> {
    named(VOUCHED, &[domain.as_str()], &[])
}
/// All voters that there ever were, by the ledger size from which on.
pub fn all_voters() -> Vec<u8> {
    vec![VOTERS]
}
/// The voters in force from a ledger size on.
pub fn voters_since(size: u64) -> Vec<u8> {
    named(VOTERS, &[], &[&size.to_be_bytes()])
}
/// The size in a key made by [`voters_since`].
pub(crate) fn size_of_voters(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.strip_prefix(&[VOTERS])?.try_into().ok()?))
}
/// All domains.
pub fn domains() -> Vec<u8> {
    vec![DOMAIN]
}
/// A domain.
pub fn domain(name: &DomainName) -> Vec<u8> {
    named(DOMAIN, &[name.as_str()], &[])
}
/// The cursor of a domain's feed.
pub fn feed_cursor(domain: &DomainName) -> Vec<u8> {
    named(FEED_CURSOR, &[domain.as_str()], &[])
}
/// Where an outbox number was decided.
pub fn outbox(domain: &DomainName, epoch: u64, n: u64) -> Vec<u8> {
    named(OUTBOX, &[domain.as_str()], &[&epoch.to_be_bytes(), &n.to_be_bytes()])
}
/// All keys that have or had a role in a domain, or mesh-wide.
pub fn roster(domain: Option<&DomainName>) -> Vec<u8> {
    named(ROSTER, &[place(domain)], &[])
}
/// One key of a roster.
pub fn roster_entry(domain: Option<&DomainName>, key: &PublicKey) -> Vec<u8> {
    named(ROSTER, &[place(domain)], &[&key.0])
}
/// All grants of a key.
pub fn grants(key: &PublicKey) -> Vec<u8> {
    named(GRANTS, &[], &[&key.0])
}
/// A key's grants in a domain, or mesh-wide.
pub fn grants_in(key: &PublicKey, domain: Option<&DomainName>) -> Vec<u8> {
    named(GRANTS, &[], &[&key.0, place(domain).as_bytes(), &[0]])
}
/// The name at the end of a key made by [`grants_in`]; empty for mesh-wide.
pub(crate) fn place_of_grants(key: &[u8]) -> Option<&str> {
    let name = key.strip_prefix(&[GRANTS])?.get(32..)?.strip_suffix(&[0])?;
    std::str::from_utf8(name).ok()
}
/// The purpose of a key.
pub fn purpose(key: &PublicKey) -> Vec<u8> {
    named(PURPOSE, &[], &[&key.0])
}
/// All nodes.
pub fn nodes() -> Vec<u8> {
    vec![NODE]
}
/// A node.
pub fn node(id: NodeId) -> Vec<u8> {
    named(NODE, &[], &[&id.to_be_bytes()])
}
/// All products, or those of one domain.
pub fn products(domain: Option<&DomainName>) -> Vec<u8> {
    match domain {
        None => vec![PRODUCT],
        Some(domain) => named(PRODUCT, &[domain.as_str()], &[]),
    }
}
/// A product.
pub fn product(id: &ProductId) -> Vec<u8> {
    named(PRODUCT, &[id.domain.as_str(), id.name.as_str()], &[])
}
/// One major of a product.
pub fn major(id: &ProductId, major: u32) -> Vec<u8> {
    named(MAJOR, &[id.domain.as_str(), id.name.as_str()], &[&major.to_be_bytes()])
}
/// All versions of a product.
pub fn versions(id: &ProductId) -> Vec<u8> {
    named(VERSION, &[id.domain.as_str(), id.name.as_str()], &[])
}
/// A version.
pub fn version(id: &ProductId, version: Version) -> Vec<u8> {
    named(VERSION, &[id.domain.as_str(), id.name.as_str()], &[&version.sort_key()])
}
/// A remembered command.
pub fn command(id: &CommandId) -> Vec<u8> {
    named(COMMAND, &[], &[&id.0])
}
/// All remembered commands in the order in which they expire.
pub fn expiries() -> Vec<u8> {
    vec![EXPIRY]
}
/// A remembered command in that order.
pub fn expiry(expires: UnixMs, id: &CommandId) -> Vec<u8> {
    named(EXPIRY, &[], &[&expires.to_be_bytes(), &id.0])
}
/// The parts of a key made by [`expiry`].
pub(crate) fn parts_of_expiry(key: &[u8]) -> Option<(UnixMs, CommandId)> {
    let (expires, id) = key.strip_prefix(&[EXPIRY])?.split_first_chunk()?;
    Some((u64::from_be_bytes(*expires), CommandId::from_slice(id)?))
}
/// The key of a roster entry made by [`roster_entry`].
pub(crate) fn key_of_roster(entry: &[u8]) -> Option<PublicKey> {
    entry.last_chunk().map(|bytes| PublicKey(*bytes))
}
/// The council's terms.
pub fn terms() -> Vec<u8> {
    vec![TERMS]
}
/// Root keys of a domain that take effect later.
pub fn pending_root(domain: &DomainName) -> Vec<u8> {
    named(PENDING_ROOT, &[domain.as_str()], &[])
}
/// A node's revocation.
pub fn node_revocation(id: NodeId) -> Vec<u8> {
    named(NODE_REVOCATION, &[], &[&id.to_be_bytes()])
}
/// All proposals.
pub fn proposals() -> Vec<u8> {
    vec![PROPOSAL]
}
/// A proposal.
pub fn proposal(index: LedgerIndex) -> Vec<u8> {
    named(PROPOSAL, &[], &[&index.to_be_bytes()])
}
/// All open proposals in the order in which they close.
pub fn open_proposals() -> Vec<u8> {
    vec![OPEN_PROPOSAL]
}
/// An open proposal in that order.
pub fn open_proposal(closes: UnixMs, index: LedgerIndex) -> Vec<u8> {
    named(OPEN_PROPOSAL, &[], &[&closes.to_be_bytes(), &index.to_be_bytes()])
}
/// The parts of a key made by [`open_proposal`].
pub(crate) fn parts_of_open_proposal(key: &[u8]) -> Option<(UnixMs, LedgerIndex)> {
    let (closes, index) = key.strip_prefix(&[OPEN_PROPOSAL])?.split_first_chunk()?;
    Some((u64::from_be_bytes(*closes), u64::from_be_bytes(index.try_into().ok()?)))
}
/// The body of an open proposal.
pub fn proposal_body(index: LedgerIndex) -> Vec<u8> {
    named(PROPOSAL_BODY, &[], &[&index.to_be_bytes()])
}
/// All comments on a proposal.
pub fn comments(proposal: LedgerIndex) -> Vec<u8> {
    named(COMMENT, &[], &[&proposal.to_be_bytes()])
}
/// A comment.
pub fn comment(proposal: LedgerIndex, index: LedgerIndex) -> Vec<u8> {
    named(COMMENT, &[], &[&proposal.to_be_bytes(), &index.to_be_bytes()])
}
/// All versions of all standards, or of one.
pub fn standards(id: Option<&Name>) -> Vec<u8> {
    match id {
        None => vec![STANDARD],
        Some(id) => named(STANDARD, &[id.as_str()], &[]),
    }
}
/// A version of a standard.
pub fn standard(id: &Name, version: Version) -> Vec<u8> {
    named(STANDARD, &[id.as_str()], &[&version.sort_key()])
}
/// Its text.
pub fn standard_text(id: &Name, version: Version) -> Vec<u8> {
    named(STANDARD_TEXT, &[id.as_str()], &[&version.sort_key()])
}
/// The versions in force of all standards.
pub fn all_in_force() -> Vec<u8> {
    vec![IN_FORCE]
}
/// The version in force of a standard.
pub fn in_force(id: &Name) -> Vec<u8> {
    named(IN_FORCE, &[id.as_str()], &[])
}
/// The standard's id in a key made by [`in_force`].
pub(crate) fn standard_of_in_force(key: &[u8]) -> Option<Name> {
    let name = key.strip_prefix(&[IN_FORCE])?.strip_suffix(&[0])?;
    Name::parse(std::str::from_utf8(name).ok()?).ok()
}
/// All waivers.
pub fn waivers() -> Vec<u8> {
    vec![WAIVER]
}
/// A waiver.
pub fn waiver(index: LedgerIndex) -> Vec<u8> {
    named(WAIVER, &[], &[&index.to_be_bytes()])
}
/// The waivers of a domain that may still hold.
pub fn domain_waivers(domain: &DomainName) -> Vec<u8> {
    named(DOMAIN_WAIVER, &[domain.as_str()], &[])
}
/// One of them.
pub fn domain_waiver(domain: &DomainName, index: LedgerIndex) -> Vec<u8> {
    named(DOMAIN_WAIVER, &[domain.as_str()], &[&index.to_be_bytes()])
}
/// The index at the end of a key made by [`waiver`] or [`domain_waiver`].
pub(crate) fn index_at_end(key: &[u8]) -> Option<LedgerIndex> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
