//! What the clients sent and what they were told: the only thing that the mesh is measured by.
//!
//! A time-out says nothing: what it is about may be in the ledger or not, now or later. Everything else that a client was
//! told is a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use mesh_client::{Acknowledgement, FeedPosition, MeshError, WaitLevel};
use mesh_model::{Code, CommandId, Digest, DomainName};

/// One thing that a client was told about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Sealed at this index with this code.
    Sealed { index: u64, code: Code, feed: Option<FeedPosition> },
    /// Durable in the home node's feed.
    Local { feed: Option<FeedPosition> },
    /// Refused, at the door or by the ledger.
    Refused { code: Code, why: String },
    /// The very content is sealed: what a home says of a command that was sealed under another one.
    AlreadySo,
    /// It did not take effect and never will.
    NothingHappened { code: Code },
    /// No answer in time, or the connection broke.
    Unknown,
}

impl Said {
    pub(crate) fn of(answer: &Result<Acknowledgement, MeshError>) -> Self {
        match answer {
            Ok(ack) => match (ack.reached, ack.ledger_index) {
                (WaitLevel::Local, _) | (_, None) => Self::Local { feed: ack.feed.clone() },
                (_, Some(index)) => {
                    Self::Sealed { index, code: ack.code.unwrap_or(Code::Accepted), feed: ack.feed.clone() }
                }
            },
            Err(error) => match error.code {
                // A disk that refuses may have taken part of it.
                Code::OutcomeUnknown | Code::StorageFailed => Self::Unknown,
                Code::Unreachable
                | Code::Unavailable
                | Code::QueueFull
                | Code::HomeUnreachable
                | Code::OutboxFull
                | Code::ReadOnly
                // While a domain moves: its homes, old and new.
                | Code::OldEpoch
                | Code::NotDelegated
                | Code::NodeRevoked
                | Code::NotCaughtUp
                | Code::FeedMissing => Self::NothingHappened { code: error.code },
                Code::AlreadySo => Self::AlreadySo,
                code => Self::Refused { code, why: error.message.clone() },
            },
        }
    }

    /// In one or two words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sealed { .. } => "sealed",
            Self::Local { .. } => "local",
            Self::Refused { .. } => "refused",
            Self::AlreadySo => "already so",
            Self::NothingHappened { .. } => "nothing happened",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is said to be sealed there, with that code.
    pub(crate) fn is_sealed_at(&self, at: u64, as_code: Code) -> bool {
        matches!(self, Self::Sealed { index, code, .. } if (*index, *code) == (at, as_code))
    }

    /// Whether nothing more is to be learned by asking again.
    pub(crate) fn is_final(&self, wanted: WaitLevel) -> bool {
        match self {
            Self::Sealed { .. } | Self::Refused { .. } | Self::AlreadySo => true,
            Self::Local { .. } => wanted == WaitLevel::Local,
            Self::NothingHappened { .. } | Self::Unknown => false,
        }
    }
}

/// A command that was sent at least once.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// `domain/name@version`.
    pub(crate) version_id: String,
    /// Of the exact envelope.
    pub(crate) envelope: Digest,
    /// Of the descriptor.
    pub(crate) content: Digest,
    /// Whether other clients publish the same version, so that a refusal is in order.
    pub(crate) contested: bool,
    /// Everything that was said about it, in order.
    pub(crate) said: Vec<Said>,
}

impl Record {
    /// The index, if some client was told that it is sealed.
    pub(crate) fn sealed_at(&self) -> Option<u64> {
        self.said.iter().find_map(|said| match said {
            Said::Sealed { index, .. } => Some(*index),
            _ => None,
        })
    }

    /// How the publish ended, from the clients' side.
    pub(crate) fn outcome(&self) -> &'static str {
        let any = |what: fn(&Said) -> bool| self.said.iter().any(what);
        if self.sealed_at().is_some() {
            "sealed"
        } else if any(|said| *said == Said::AlreadySo) {
            "already so"
        } else if any(|said| matches!(said, Said::Refused { .. })) {
            "refused"
        } else if any(|said| matches!(said, Said::Local { .. })) {
            "local"
        } else if any(|said| *said == Said::Unknown) {
            "unknown"
        } else {
            "nothing happened"
        }
    }
}

/// Everything that was sent and said.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    records: Mutex<BTreeMap<CommandId, Record>>,
    /// When somebody was told of which leaf, in the order of time.
    sealed: Mutex<Vec<(Instant, u64)>>,
    calls: AtomicUsize,
    /// Reads of what had been acknowledged, and those that did not show it.
    reads: AtomicUsize,
    wrong_reads: Mutex<Vec<String>>,
    /// Domains whose former home may not know yet that it is one.
    in_doubt: Mutex<BTreeSet<DomainName>>,
}

impl Oracle {
    /// Notes a command before it is sent for the first time.
    pub(crate) fn sends(&self, id: CommandId, record: Record) {
        self.lock().insert(id, record);
    }

    /// Notes what was said.
    pub(crate) fn heard(&self, id: &CommandId, said: Said) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Said::Sealed { index, .. } = &said {
            let mut sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
            sealed.push((Instant::now(), *index));
        }
        if let Some(record) = self.lock().get_mut(id) {
            record.said.push(said);
        }
    }

    /// How many calls ended, however.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// A domain's home may have become a former one without knowing; or it knows.
    pub(crate) fn doubt(&self, domain: &DomainName, is_in_doubt: bool) {
        let mut domains = self.in_doubt.lock().unwrap_or_else(PoisonError::into_inner);
        if is_in_doubt {
            domains.insert(domain.clone());
        } else {
            domains.remove(domain);
        }
    }

    /// Whether a former home of the domain may judge by what it knew when it was one.
    pub(crate) fn is_in_doubt(&self, domain: &DomainName) -> bool {
        self.in_doubt.lock().unwrap_or_else(PoisonError::into_inner).contains(domain)
    }

    /// Notes what a read showed that named the leaf of an acknowledged write.
    pub(crate) fn read(&self, wrong: Option<String>) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.wrong_reads.lock().unwrap_or_else(PoisonError::into_inner).extend(wrong);
    }

    /// How many such reads were answered.
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// Those that did not show what they had to.
    pub(crate) fn wrong_reads(&self) -> Vec<String> {
        self.wrong_reads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The highest leaf that somebody had been told of at that time.
    pub(crate) fn known_at(&self, time: Instant) -> Option<u64> {
        let sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        sealed.iter().take_while(|(told, _)| *told <= time).map(|(_, index)| *index).max()
    }

    /// How many commands some client was told are sealed and accepted.
    pub(crate) fn sealed(&self) -> usize {
        self.lock().values().filter(|record| record.sealed_at().is_some()).count()
    }

    /// Everything.
    pub(crate) fn records(&self) -> BTreeMap<CommandId, Record> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<CommandId, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
