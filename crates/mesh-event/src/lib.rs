//! What is said and signed: commands, feed events, ledger leaves, and the envelope around them.
//!
//! Row 1 of the workspace, pure. Between the model below, which knows no bytes, and governance above, which trusts only
//! what was verified here.
//!
//! **Exact bytes.** Prost is not canonical: two encoders may write one message differently. So a signed thing is kept,
//! hashed, stored and forwarded as the bytes that were received, and decoded after its signatures were checked:
//! [`Envelope::parse`] -> [`Envelope::verify`] -> [`SignedCommand`]. Nothing in the workspace verifies a re-encoding.
//!
//! | module | holds |
//! |---|---|
//! | [`signing`] | Ed25519 keys, the `Signer` trait, strict verification |
//! | [`envelope`] | DSSE envelopes over exact bytes |
//! | [`command`] | commands and their bodies as domain types |
//! | [`proposal`] | council matters as domain types |
//! | [`federation`] | commands of a mesh of many nodes, from protocol 2 on |
//! | [`feed_fork`] | proof that a node signed two histories of one feed |
//! | [`genesis`] | the founding document, council, nodes |
//! | [`event`] | feed events and signed feed heads |
//! | [`protocol`] | protocol versions, and which of them a build knows |
//! | [`ledger`] | entries that Raft orders, leaves that the ledger keeps |
//! | [`voters`], [`checkpoint`] | who vouches for the ledger, and the checkpoints that they sign and cosign |
//! | [`recovery`] | voters after a lost quorum, for whoever has checkpoints only |
//! | [`councils`] | what an audit says about councils and recoveries of voters |
//! | [`voter_change`] | how the voters became others, item by item |
//! | [`rules`] | a domain's own rules, which stay in its feed |
//! | [`fact`] | facts about products, which stay in their domain's feed |
//! | [`access_issuer`], [`token_request`] | who issues access tokens, and how one is asked for |
//! | [`signed`] | anything signed that is no command, checked |
//! | [`seal`] | a domain's root asks its home to stop, for a move |
//! | [`tls_key`] | a node's TLS key: derived, and certified by the node key |
//! | [`attachment`] | private attachments with their salt |
//! | [`codec`] | the one place where bincode is configured |
//! | [`proto`] | generated messages; converted here, used nowhere else but on the wire |

pub mod access_issuer;
pub mod attachment;
mod body_wire;
pub mod checkpoint;
pub mod codec;
pub mod command;
mod convert;
pub mod councils;
mod descriptor;
pub mod envelope;
pub mod event;
pub mod fact;
pub mod federation;
pub mod feed_fork;
pub mod genesis;
mod later_wire;
pub mod ledger;
pub mod proposal;
mod proposal_wire;
pub mod protocol;
pub mod recovery;
pub mod rules;
pub mod seal;
pub mod signed;
pub mod signing;
mod standard;
pub mod tls_key;
pub mod token_request;
pub mod voter_change;
pub mod voters;

/// Generated messages of `proto/datamesh/v1/{descriptor,command,ledger,rules,fact,token_request}.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/datamesh.v1.rs"));
}

pub use checkpoint::{Counted, LedgerCheckpoint, LedgerCheckpointError, Trust};
pub use command::{Body, Command, SignedCommand};
pub use convert::{Malformed, decimal, decimal_message};
pub use councils::Councils;
pub use descriptor::{decode_descriptor, descriptor_digest, encode_descriptor, encoded_len};
pub use envelope::{Envelope, EnvelopeError};
pub use event::{EventKind, FeedEvent, FeedHead, FeedId, HeadError};
pub use fact::{Fact, FactBody, SignedFact};
pub use feed_fork::{CheckedFeedFork, FeedBridge, FeedForkError, FeedForkProof};
pub use genesis::{Council, GenesisDocument, NodeRecord, Seat};
pub use ledger::{FeedBatch, LeafEntry, LedgerEntry, LedgerLeaf, Outcome};
pub use proposal::{ProposalBody, Propose};
pub use protocol::ProtocolRange;
pub use recovery::{VoterRecovery, VoterRecoveryError};
pub use rules::{DomainRules, SignedRules};
pub use seal::SealRequest;
pub use signed::{Payload, Signed};
pub use signing::{Keypair, KeypairError, Signer, verify};
pub use standard::{decode_standard, encode_standard, standard_digest};
pub use tls_key::{certify_tls_key, is_tls_key_of, tls_keypair};
pub use token_request::{SignedTokenRequest, TokenRequest};
pub use voter_change::{VoterChange, VoterChangeError};
pub use voters::{Voter, VoterSet};
