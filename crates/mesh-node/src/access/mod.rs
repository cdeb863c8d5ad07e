//! Access to products, as this node keeps it: facts in feeds, and a book of what they come to.
//!
//! ```text
//!  client -- StateFact --> any node --> the domain's home: AccessDesk: who may? what does it come to?
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
//! | [`Books`] | the books, each as far as the feeds that are here |
//! | [`AccessDesk`] | takes facts, and answers who asked for what and what is allowed |
//! | [`AccessQuery`] | which requests are asked for |
//! | [`Terms`] | what a domain approves in advance, who issues its tokens, which count no more |
//! | [`Issued`], [`Authorized`] | tokens for what was granted, made and checked |
//! | [`texts`] | purposes and notes: taken with their fact, read by the two domains |

mod books;
mod desk;
mod query;
mod terms;
pub mod texts;
mod tokens;

pub use books::{Books, Reach};
pub use desk::{AccessDesk, Checked, Listed, Stated};
pub use query::AccessQuery;
pub use terms::{HomeIssuer, Terms};
pub use tokens::{Authorized, Issued, Wanted};

use mesh_event::{Envelope, EventKind, FeedEvent, SignedFact};

/// The fact of an event that is on the disk: its signature was checked before it was kept.
pub fn fact_of(bytes: &[u8]) -> Option<(FeedEvent, SignedFact)> {
    let event = FeedEvent::decode(bytes).ok()?;
    let EventKind::Fact { envelope } = &event.kind else { return None };
    let signed = SignedFact::verified_before(Envelope::parse(envelope.clone()).ok()?).ok()?;
    Some((event, signed))
}
