//! The founding ceremony: how people on separate machines make one genesis document.
//!
//! A **draft** is a file that travels between the members and the machines of the first voters. Everybody adds public
//! parts of their own, with a proof that the private key is theirs, and in the end the council signs:
//!
//! ```text
//! draft ──> join council (one per member) ──┐
//!       └─> join voter   (one per node)   ──┴─> sign (one per member; the first freezes the document) ──> seal
//! ```
//!
//! No step takes more than one person's private key. Drafts that grew apart are merged. Anybody can check a draft at
//! any time: each part is covered by a signature, so [`Draft::flaws`] names the part that was forged or altered.
//!
//! | file | holds |
//! |---|---|
//! | [`draft`] | the file: its form, and what each step adds |
//! | [`proof`] | the messages that members and nodes sign when they join |
//! | [`check`] | what is wrong with a draft, part by part |
//! | [`sealing`] | freezing, signing, sealing |
//! | [`show`] | a draft as people read it |

mod check;
mod draft;
mod proof;
mod sealing;
mod show;

pub(crate) use draft::{Draft, DraftError, VoterKeys, check_address};
