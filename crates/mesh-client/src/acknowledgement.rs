//! What a publish answers, and how old a read is.

use mesh_model::{Code, CommandId, DomainName, LedgerIndex, NodeId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::{Deserialize, Serialize};

use crate::convert::{code, missing, odd, parse};

/// How far to wait, and how far was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitLevel {
    /// Durable in the domain's feed on its home node.
    Local,
    /// Ordered and decided by the ledger.
    Sealed,
    /// Covered by a counting checkpoint.
    Receipt,
}

impl WaitLevel {
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Local => v1::WaitLevel::Local as i32,
            Self::Sealed => v1::WaitLevel::Sealed as i32,
            Self::Receipt => v1::WaitLevel::Receipt as i32,
        }
    }
}

/// Where a command lies in its domain's feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedPosition {
    /// Whose feed.
    pub domain: DomainName,
    /// Which epoch of it.
    pub epoch: u64,
    /// The event's number in the feed, from 0.
    pub seq: u64,
    /// The command's number in the epoch's outbox, from 1.
    pub outbox: u64,
}

/// What was reached, and what the ledger said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acknowledgement {
    /// The command.
    pub command_id: CommandId,
    /// How far it got.
    pub reached: WaitLevel,
    /// Where it lies in the domain's feed; `None` for root and council commands.
    pub feed: Option<FeedPosition>,
    /// Its leaf; set from sealed on.
    pub ledger_index: Option<LedgerIndex>,
    /// What the ledger decided; set from sealed on.
    #[serde(serialize_with = "crate::convert::optional_code_slug::serialize")]
    pub code: Option<Code>,
    /// What the code is about.
    pub detail: String,
    /// `domain/name@version` of a publish; empty otherwise.
    pub version_id: String,
}

impl Acknowledgement {
    pub(crate) fn of(message: v1::Acknowledgement) -> Result<Self, MeshError> {
        let reached = match v1::WaitLevel::try_from(message.reached) {
            Ok(v1::WaitLevel::Local) => WaitLevel::Local,
            Ok(v1::WaitLevel::Sealed) => WaitLevel::Sealed,
            Ok(v1::WaitLevel::Receipt) => WaitLevel::Receipt,
            _ => return Err(odd("reached", format!("{} is no wait level", message.reached))),
        };
        let feed = match message.feed {
            None => None,
            Some(at) => Some(FeedPosition {
                domain: parse("feed.domain", &at.domain)?,
                epoch: at.epoch,
                seq: at.seq,
                outbox: at.outbox,
            }),
        };
        Ok(Self {
            command_id: CommandId::from_slice(&message.command_id)
                .ok_or_else(|| odd("command_id", format!("expected 16 bytes; found {}", message.command_id.len())))?,
            reached,
            feed,
            ledger_index: message.ledger_index,
            code: message.code.map(|number| code("code", number)).transpose()?,
            detail: message.detail,
            version_id: message.version_id,
        })
    }

    pub(crate) fn of_optional(message: Option<v1::Acknowledgement>) -> Result<Self, MeshError> {
        Self::of(message.ok_or_else(|| missing("acknowledgement"))?)
    }

    /// The acknowledgement, unless the ledger refused the command.
    ///
    /// # Errors
    /// The ledger's code and detail; the refusal stands at `ledger_index` and changed nothing else.
    pub fn accepted(self) -> Result<Self, MeshError> {
        match self.code {
            Some(code) if !matches!(code.class(), mesh_model::Class::Done | mesh_model::Class::Pending) => {
                let at = self.ledger_index.map_or_else(String::new, |index| format!(" (ledger index {index})"));
                let what = if self.detail.is_empty() { code.meaning() } else { self.detail.as_str() };
                Err(MeshError::new(code, format!("{what}{at}")))
            }
            _ => Ok(self),
        }
    }
}

/// How old what a read shows may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Freshness {
    /// How many ledger leaves the node had applied.
    pub ledger_size: u64,
    /// The ledger time of the last of them.
    pub last_stamp_unix_ms: UnixMs,
    /// How many leaves the search index had taken in.
    pub indexed_size: u64,
    /// Milliseconds since a majority of voters last cosigned a checkpoint that the node's ledger agrees with; `None` before the
    /// first, and after a start of the node until it hears of a newer one than it had kept.
    pub age_ms: Option<u64>,
    /// How many leaves that checkpoint covers; 0 before the first.
    pub checkpoint_size: u64,
    /// Whether the node takes itself for current: its age is at most a minute, and no fork stands.
    pub is_current: bool,
    /// When a majority of voters had cosigned that checkpoint, by their clocks, in seconds since 1970; `None` before the first.
    pub cosigned_unix_s: Option<u64>,
    /// The node that answered.
    pub node_id: NodeId,
}

impl Freshness {
    pub(crate) fn of(message: Option<v1::Freshness>) -> Self {
        message.map_or_else(Self::default, |m| Self {
            ledger_size: m.ledger_size,
            last_stamp_unix_ms: m.last_stamp_unix_ms,
            indexed_size: m.indexed_size,
            age_ms: m.age_ms,
            checkpoint_size: m.checkpoint_size,
            is_current: m.is_current,
            cosigned_unix_s: m.cosigned_unix_s,
            node_id: m.node_id,
        })
    }
}
