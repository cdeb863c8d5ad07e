//! Audits an export of the ledger off-line: nobody is asked, nothing is believed.
//!
//! Row 3 of the workspace, over rows 0 to 2 alone: it reads its input and is pure else. [`ExportWriter`] writes a whole ledger as one
//! text, [`ExportReader`] takes it apart, and [`check()`] runs the ledger again through `mesh_governance::apply_with`, as every node
//! did. [`Replay`] and [`Report`] watch while it does so. The program `mesh-verify` is these on a file.
//!
//! ```text
//!   file --> ExportReader --> check: signatures (threads) --> apply_with --> compare --> Verified
//!            form, digests                                       |
//!                                                     Watch: Replay, Report, progress
//! ```
//!
//! # The format, version 1
//!
//! UTF-8 lines, each ended by one newline, the last one too. Fields are separated by one space. Digests are 64 lower-case hex digits,
//! numbers are decimals without leading zeros, bytes are standard base64 with padding (RFC 4648, section 4).
//!
//! ```text
//! datamesh-ledger-export 1
//! mesh <mesh id>
//! size <number of leaves, at least 1>
//! root <RFC 6962 root of all leaves>
//! state <state digest of the last leaf>
//! genesis <exact bytes of the genesis envelope>
//! leaf <index> <RFC 6962 leaf hash> <exact bytes of the leaf>          once per leaf, ascending from 0
//! checkpoint <exact bytes of a signed note>                            any number, sizes ascending, each once
//! section header 1 6 <SHA-256 of these lines>                          the manifest
//! section leaves <first line> <last line> <SHA-256 of these lines>     for each 256 leaf lines
//! section checkpoints <first line> <last line> <SHA-256>               where there are any
//! end <number of lines before this one> <SHA-256 of all bytes before this line>
//! ```
//!
//! An export ends where an entry ended: with all leaves of a batch, never within one.
//!
//! A ledger with its checkpoints has exactly one such text: whatever else a file holds (a carriage return, a space, a line more or
//! less or in another place, loose base64, bytes behind the end) is a [`Fault`] that names the line. The leaf hashes say which leaf line
//! was damaged; the sections do so for a line that was damaged together with its hash. None of these digests says that the ledger is
//! *right*: who changes a leaf can make new ones. That is what the second half of [`check()`] is for.
//!
//! # What is proved
//!
//! - The founding document is signed by its own council, and its digest is the mesh id. That it is the mesh which was meant is
//!   proved only with [`Options::mesh_id`]: pin it.
//! - Every leaf is, byte for byte, what the rules give for the command in it after the leaves before it: signatures, thresholds,
//!   roles, fences, standards, code, detail, verdict digest, state digest. Stamps never go back.
//! - The tree of the leaves has the root, and the state the digest, that the header names.
//! - Every checkpoint in the file has the root of its size and no signature but of voters, and more than half of those that the
//!   ledger has in force at that size cosigned it. The first one over a change of voters names them, and was cosigned by a majority
//!   of those before, too: whoever has the checkpoints without the ledger comes to the same voters. After a recovery of voters the
//!   council's leaf stands in the place of that majority, and the leaves before it have the root that it names.
//!
//! # What is not
//!
//! - That the ledger has not grown since, or that this is the ledger which others see: only a checkpoint with a majority of voters, or
//!   a comparison with another node's root, says that. [`Verified::checkpoints`] tells whether there was one.
//! - That a stamp was the time, beyond that stamps never go back.
//! - What was in a command that is over its size limit: its leaf keeps only length and digest. That it was refused for its length is
//!   proved; its digest is taken on trust.
//! - Root and size of a *feed*: the signed head of a batch or an anchor is checked, with the chain of the batch's events up to it, but
//!   the feed's other events are not in the ledger.
//! - Into how many batches refused events without a usable head were grouped when they were ordered. Leaves of one batch share a stamp
//!   and end in the leaf with the signed head, so batches are found again exactly. Only a batch whose head is missing or over its
//!   limit leaves no such mark; all of it is refused. A grouping that gives exactly these leaves is searched ([`regroup`]), and that
//!   there is one is what is proved.
//!
//! | module | holds |
//! |---|---|
//! | [`export`] | the format: header, lines, manifest, writer, reader |
//! | [`fault`] | what is wrong, and where |
//! | [`mod@check`] | the audit |
//! | [`regroup`] | leaves of a feed back into the batches that were ordered |
//! | [`signatures`] | signature checks ahead, on all cores |
//! | `checkpoints` | signed notes of voters |
//! | [`state_key`] | keys of the state as people read them |
//! | [`receipt`] | one leaf with what proves it, in a file of its own |
//! | [`fork_proof`] | two checkpoints that can't both be true, in a file of its own |
//! | [`feed_fork_file`] | two heads of a feed that can't both be true, in a file of its own |
//! | [`councils_file`] | which councils there were, for whoever has checkpoints and receipts only |
//! | `lines_file` | what these files have in common |
//! | [`replay`] | the state at a leaf, and what each leaf changed |
//! | [`report`] | who did what when, under which council and standards, with which outcome |
//!
//! # Invariants
//!
//! - Nothing that a file holds makes this panic, and no line makes it keep more than [`export::MAX_LINE_BYTES`].
//! - The number of threads changes how long it takes, never what it says.

pub mod check;
mod checkpoints;
pub mod councils_file;
pub mod export;
pub mod fault;
pub mod feed_fork_file;
pub mod fork_proof;
mod lines_file;
pub mod receipt;
pub mod regroup;
pub mod replay;
pub mod report;
pub mod signatures;
pub mod state_key;

pub use check::{Options, Verified, Watch, check};
pub use checkpoints::CheckedCheckpoint;
pub use councils_file::CouncilsFile;
pub use export::{ExportReader, ExportWriter, Header, WriteError, write_export};
pub use fault::{Fault, Place, VerifyError};
pub use feed_fork_file::FeedForkFile;
pub use fork_proof::{Bridge, CheckedFork, ForkProof};
pub use receipt::{CheckedReceipt, Decided, Receipt};
pub use regroup::{Found, Groups, Rules};
pub use replay::{Replay, ReplayDocument};
pub use report::{Format, Report, Row};
pub use signatures::Checked;
