//! The shell around `mesh-gossip`: one datagram socket on the peer port's number, its timers, the ledger as its directory.
//!
//! ```text
//!  feed writers -- announcer --\                                   /-- view ----> status, metrics, alarms
//!  Keeper ------- checkpoints --> Ask --> Shell (owns the machine) --- heard ---> heads by domain
//!  peer port ---- services -----/         |         \               \-- addresses
//!                                     datagrams    pulls over the peer channel
//! ```
//!
//! | part | does |
//! |---|---|
//! | [`shell`] | the task that owns the machine: reads what has come, then runs what is due |
//! | [`handle`] | what the other parts of the node ask and see |
//! | [`announcer`] | step 7 of a publish: tells of a feed's new durable head |
//! | [`checkpoints`] | tells of checkpoints that were judged good, fetches those hinted at |
//! | [`section`] | what the configuration says about it |
//! | [`directory`] | the applied ledger's answers, and the founding document's before there is one |
//! | [`address_book`] | where nodes listen, kept over restarts |
//! | [`wire`] | heads and comparisons as messages of the peer port |
//!
//! What gossip says of a node changes no authority: down is not removed.

pub mod address_book;
pub mod announcer;
pub mod checkpoints;
pub mod directory;
mod figures;
pub mod handle;
pub mod section;
pub mod shell;
pub mod view;
pub mod wire;

pub use address_book::AddressBook;
pub use figures::GossipFigures;
pub use handle::{Ask, GossipHandle};
pub use view::{GossipView, PeerView};
