//! Checkpoints of the ledger: signed by voters, compared by everybody.
//!
//! ```text
//!  leader: Round ---- Cosign ----> Cosigner of each voter: own applied tree, persisted, then signed
//!            |  <---- two lines ---
//!            v
//!          note ------ OfferCheckpoint ----> Keeper of every node: own root at that size?
//!                                              same, and it counts:    kept, served, receipts
//!                                              other, and it counts:   a fork; proof, alarm, nothing is accepted
//!                                              other, and too few:     whoever signed it is disqualified
//!                                              larger than the own:    compared when the ledger is there
//! ```
//!
//! The leader only asks. What a checkpoint is worth is for each node to see from its own ledger and the voters' signatures: a
//! leader that asks for nonsense gets no signature, and one that never asks makes the node's age grow. Who votes at a size is what the
//! own ledger says; handovers are for those who have none.
//!
//! | part | does |
//! |---|---|
//! | [`Keeper`] | judges what it hears, keeps the newest checkpoint that counts, handovers, evidence, a standing fork |
//! | [`Cosigner`] | a voter's hand: persists size and root, then signs |
//! | [`round`] | on the leader: asks the voters whenever the ledger grew, and at least every ten seconds |
//! | [`age`] | for how long the newest checkpoint has been so, asked of whoever the ledger comes from |
//! | `recovery` | voters after a lost quorum: followed by the own ledger, or by the council's word where its leaf comes next |
//! | [`peers`] | the other nodes, for both |

pub mod age;
mod ahead;
mod answer;
mod brief;
mod cosigner;
mod fork;
mod gate;
mod keeper;
mod kept;
pub mod peers;
mod recovery;
pub mod round;

pub use brief::Brief;
pub use cosigner::Cosigner;
pub use fork::Fork;
pub use keeper::{Heard, Keeper};
pub use recovery::HeardRecovery;
