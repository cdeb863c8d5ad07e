//! Facts about products, as this node keeps them: events of feeds, and a book of what they come to.
//!
//! ```text
//!  client -- StateFact --> any node --> the domain's home: FactDesk: who may? what does it come to?
//!                                          |  an event of the feed, durable before it is acknowledged
//!                                          v
//!                                        feed -----> copies of the feed
//!                                          |            |
//!                                       Books         Books: the same book, made of the same events
//! ```
//!
//! A book is a function of the domain's feeds, in the order of epochs and events, each epoch as far as the next one continues it: nothing is
//! kept beside the feeds that could say something else than they do. It is made at the first question after a start and follows the feed from
//! there; a feed that was thrown away or cut begins it anew.
//!
//! | part | does |
//! |---|---|
//! | [`FactDesk`] | takes facts, and asks homes |
//! | [`DomainBook`] | what the facts of one domain come to: access (`mesh-access`), and what was measured (`mesh-measure`) |
//! | [`Books`] | the books, each as far as the feeds that are here |
//! | [`texts`] | private texts: taken with their fact, read by the domains that it concerns |
//!
//! What is asked of a book is in [`crate::access`] and [`crate::quality`].

mod book;
mod books;
mod desk;
pub mod texts;

pub use book::{DomainBook, Refused};
pub use books::{Books, Reach};
pub(crate) use desk::{ASKING, AtHome, from_command, is_from_copy};
pub use desk::{FactDesk, Stated};

use mesh_event::{Envelope, EventKind, FeedEvent, SignedFact};

/// The fact of an event that is on the disk: its signature was checked before it was kept.
pub fn fact_of(bytes: &[u8]) -> Option<(FeedEvent, SignedFact)> {
    let event = FeedEvent::decode(bytes).ok()?;
    let EventKind::Fact { envelope } = &event.kind else { return None };
    let signed = SignedFact::verified_before(Envelope::parse(envelope.clone()).ok()?).ok()?;
    Some((event, signed))
}
