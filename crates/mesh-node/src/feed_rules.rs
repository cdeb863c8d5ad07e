//! A domain's own rules as its feed holds them.

use mesh_event::{Envelope, EventKind, FeedEvent, SignedRules};
use mesh_governance::OwnRules;
use mesh_model::{Code, MeshId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_store::Feed;

/// The feed's named value with the number of the event that sets the domain's own rules in force, and for each rule since when it
/// holds in milliseconds, all big-endian; absent for none.
pub(crate) const RULES: &str = "rules";

/// The rules in force in a feed, and the event that set them.
#[derive(Debug)]
pub struct FeedRules {
    /// The event.
    pub event: FeedEvent,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// What its author signed.
    pub signed: SignedRules,
    /// The rules, ready to be asked.
    pub own: OwnRules,
}

impl FeedRules {
    /// Reads an event that sets rules; its author's signature is checked again. `since` is for each rule since when it holds.
    ///
    /// # Errors
    /// [`Code::Damaged`] when it is no such event, or not of this mesh.
    pub fn read(bytes: Vec<u8>, mesh: &MeshId, since: &[UnixMs]) -> Result<Self, MeshError> {
        let damaged = |text: String| MeshError::new(Code::Damaged, format!("an event with rules: {text}"));
        let event = FeedEvent::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
        let EventKind::Rules { envelope } = &event.kind else {
            return Err(damaged(format!("event {} of the feed sets none", event.seq)));
        };
        let envelope = Envelope::parse(envelope.clone()).map_err(|error| damaged(error.to_string()))?;
        let signed = SignedRules::verify(envelope, mesh).map_err(|error| damaged(error.to_string()))?;
        let set = signed.rules();
        if (&set.domain, set.epoch) != (&event.feed.domain, event.feed.epoch) {
            return Err(damaged(format!("they were signed for {}/{}", set.domain, set.epoch)));
        }
        let own = OwnRules::of(&signed, event.ledger_size, since);
        let own = own.ok_or_else(|| damaged(format!("{} rules with {} times", set.rules.len(), since.len())))?;
        Ok(Self { event, bytes, signed, own })
    }

    /// The set's number in its epoch.
    pub fn number(&self) -> u64 {
        self.signed.rules().number
    }

    /// What the feed's named value says of them.
    pub(crate) fn place(&self) -> Vec<u8> {
        std::iter::once(self.event.seq).chain(self.own.since()).flat_map(u64::to_be_bytes).collect()
    }

    /// The rules in force in a feed as they lie on the disk; `None` when none were ever set in it.
    ///
    /// # Errors
    /// [`Code::Damaged`] when they cannot be read.
    pub fn stored(feed: &Feed, mesh: &MeshId) -> Result<Option<Self>, MeshError> {
        let damaged = |text: String| MeshError::new(Code::Damaged, text);
        let Some(stored) = feed.value(RULES).map_err(|e| damaged(e.to_string()))? else { return Ok(None) };
        let (numbers, rest) = stored.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
        let (Some((seq, since)), []) = (numbers.split_first(), rest) else {
            return Err(damaged("the place of the domain's own rules in its feed is damaged".to_owned()));
        };
        let leaf = feed.log().leaf(*seq).map_err(|e| damaged(e.to_string()))?;
        let missing = || damaged(format!("event {seq} of the feed, with the domain's own rules, is not there"));
        Self::read(leaf.ok_or_else(missing)?, mesh, since).map(Some)
    }
}
