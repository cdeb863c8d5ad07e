//! What was acknowledged, in a small file outside the database.

use std::collections::BTreeMap;

use mesh_tlog::Hash;

use crate::StoreError;
use crate::bytes::{Reader, put_bytes};
use crate::log_name::{FeedId, LogName};
use crate::marks::{Marks, RaftTail, RecordMark};

const MAGIC: &[u8; 8] = b"MESHHEAD";
const VERSION: u8 = 1;
const LEDGER: u8 = 1;
const FEED: u8 = 2;
const RECORD: u8 = 3;
const RAFT: u8 = 4;

/// The head of a log: how many leaves, and the root over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// The acknowledged heads of all logs, the guarded records and the end of the raft log.
///
/// # Bytes of the file
///
/// ```text
/// "MESHHEAD" | version: u8 = 1 | entry ... | crc32 of all before
/// entry, ledger:  0x01 | size: u64 | root: 32
/// entry, feed:    0x02 | length: u16, feed key (see FeedId) | size: u64 | root: 32
/// entry, record:  0x03 | length: u16, name | sequence: u64 | length: u16, bytes
/// entry, raft:    0x04 | truncations: u64 | index after the last entry: u64 | crc32 of the last entry: u32
/// ```
///
/// All integers big-endian. The file never runs ahead of durable data; it may trail it, and then it detects less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    pub(crate) logs: BTreeMap<LogName, Head>,
    pub(crate) records: BTreeMap<String, RecordMark>,
    pub(crate) raft: Option<RaftTail>,
}

impl Heads {
    /// The acknowledged head of a log.
    pub fn log(&self, log: &LogName) -> Option<Head> {
        self.logs.get(log).copied()
    }

    /// The acknowledged bytes of a guarded record.
    pub fn record(&self, name: &str) -> Option<&[u8]> {
        self.records.get(name).map(|mark| mark.bytes.as_slice())
    }

    /// Takes in what became durable. A log's head never goes down: what was acknowledged once stays claimed until the log has it again.
    pub(crate) fn merge(&mut self, marks: Marks) {
        for (log, frontier) in marks.logs {
            let size = frontier.size();
            if self.logs.get(&log).is_none_or(|head| head.size < size) {
                let root = frontier.root();
                self.logs.insert(log, Head { size, root });
            }
        }
        for (name, mark) in marks.records {
            if self.records.get(&name).is_none_or(|old| old.sequence < mark.sequence) {
                self.records.insert(name, mark);
            }
        }
        self.raft = marks.raft.or(self.raft);
    }

    /// The bytes of the file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        for (log, head) in &self.logs {
            match log {
                LogName::Ledger => bytes.push(LEDGER),
                LogName::Feed(feed) => {
                    bytes.push(FEED);
                    put_bytes(&mut bytes, &feed.to_key());
                }
            }
            bytes.extend_from_slice(&head.size.to_be_bytes());
            bytes.extend_from_slice(head.root.as_bytes());
        }
        for (name, mark) in &self.records {
            bytes.push(RECORD);
            put_bytes(&mut bytes, name.as_bytes());
            bytes.extend_from_slice(&mark.sequence.to_be_bytes());
            put_bytes(&mut bytes, &mark.bytes);
        }
        if let Some(tail) = self.raft {
            bytes.push(RAFT);
            bytes.extend_from_slice(&tail.truncations.to_be_bytes());
            bytes.extend_from_slice(&tail.next.to_be_bytes());
            bytes.extend_from_slice(&tail.crc.to_be_bytes());
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads what [`Heads::to_bytes`] writes, and nothing else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = || StoreError::corrupt("a HEAD file");
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
            return Err(damaged());
        }
        let body = body.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (&version, body) = body.split_first().ok_or_else(damaged)?;
        if version > VERSION {
            return Err(StoreError::NewerFormat { found: version.into(), supported: VERSION.into() });
        }
        Self::read_entries(body).ok_or_else(damaged)
    }

    fn read_entries(body: &[u8]) -> Option<Self> {
        let mut heads = Self::default();
        let mut body = Reader::new(body);
        while !body.is_empty() {
            match body.u8()? {
                LEDGER => {
                    heads.logs.insert(LogName::Ledger, read_head(&mut body)?);
                }
                FEED => {
                    let feed = FeedId::from_key(body.bytes()?)?;
                    heads.logs.insert(LogName::Feed(feed), read_head(&mut body)?);
                }
                RECORD => {
                    let name = String::from_utf8(body.bytes()?.to_vec()).ok()?;
                    let sequence = body.u64()?;
                    let bytes = body.bytes()?.to_vec();
                    heads.records.insert(name, RecordMark { sequence, bytes });
                }
                RAFT => {
                    heads.raft = Some(RaftTail { truncations: body.u64()?, next: body.u64()?, crc: body.u32()? });
                }
                _ => return None,
            }
        }
        Some(heads)
    }
}

fn read_head(body: &mut Reader<'_>) -> Option<Head> {
    Some(Head { size: body.u64()?, root: Hash::new(body.array()?) })
}
