//! The read model: finding data products, and putting together what is shown of one.
//!
//! Row 2 of the workspace, and pure: no files, clock or network of its own. The index's files are handed in as a
//! [`tantivy::directory::Directory`]; the only threads are those of tantivy's writer. It decides nothing: which
//! versions exist and what state they are in is governance state, and everything here can be rebuilt from it.
//!
//! # Search
//!
//! A [`SearchIndex`] holds one document per product: its version to show, as an [`Entry`]. `put` and `remove` are
//! buffered; [`SearchIndex::commit`] makes them durable and visible together with the ledger position that they
//! reach. After a restart the caller goes on from [`Opened::position`]; a damaged index is thrown away and refilled.
//!
//! A product's texts are split into words (`words.rs`) and kept on four shelves, one per kind of place: name, labels
//! (title, tags, domain, source id), structure (fields, datasets, rules and the columns that they check, ports,
//! contacts, inputs, …) and prose. A query's word may be found on each of them, or be close to or the beginning of a
//! word of the name. That is its level. Products rank by
//!
//! 1. how many of the query's words they have: all before some;
//! 2. the tier: the query is the id or name itself, else the worst level among the words;
//! 3. points: every level at which a word is found gives some, rare words give more;
//! 4. how short the name is (where the name was matched), then the id.
//!
//! So a tier never loses to a lower one, and two nodes with the same products show the same order but for the rarity
//! of words in point 3, which counts replaced versions until they are merged away. When fewer than 50 products have
//! all words, those that lack one follow, then those that lack two, until there are 50; not where the query is an id
//! or name as it stands.
//!
//! ```text
//! query.rs    text -> wanted words and phrases          entry.rs/parts.rs  product -> texts with their level
//! sources.rs  wanted word -> posting lists of a segment document.rs        texts -> tantivy document
//! tally.rs    posting lists -> points per product       snapshot.rs        what a search sees: segments, position
//! ranking.rs  points -> the best k                      explain.rs         why a hit ranks where it does
//! ```
//!
//! Invariants: a search sees exactly the products of one commit, and names that commit's position; counts (total and
//! facets) are exact over all products found, not over the page; a query is never an error.

mod browse;
mod document;
mod entry;
mod error;
mod explain;
mod facets;
mod filter;
mod found;
mod index;
mod level;
mod lifecycle;
mod page;
mod parts;
mod query;
mod ranking;
mod schema;
mod search;
mod segment;
mod snapshot;
mod sources;
mod sql;
mod stem;
mod suggest;
mod tally;
mod whole;
mod words;

pub use entry::Entry;
pub use error::SearchError;
pub use found::{Facets, Found, Hit, How, Reason};
pub use index::{IndexOptions, Opened, SearchIndex};
pub use lifecycle::{Lifecycle, UnknownLifecycle};
pub use query::Query;
pub use tantivy::directory::Directory;
