//! Merkle log mathematics: leaf, tile, checkpoint, signed note, proofs; no storage.
//!
//! A *log* is an ordered list of byte strings (leaves) with one SHA-256 hash over all of it, the
//! *root*, such that three claims can be checked by somebody who does not have the list: this leaf
//! is number `i` (inclusion), this tree only grew (consistency), and this key vouches for this root
//! (checkpoint). The ledger and every feed are such logs. This crate is the mathematics of those
//! claims; it has no disk, socket, clock, random source or signature algorithm.
//!
//! # Place on the path of a publish
//!
//! Row 0: it depends on no other crate of the project. The store appends leaf hashes with
//! [`Frontier::append`] and keeps the nodes that come back; the node proves with
//! [`prove_inclusion`] and [`prove_consistency`] from what the store kept ([`HashReader`]), and
//! whoever receives a proof checks it with [`check_inclusion`] and [`check_consistency`]. Voters
//! sign [`Checkpoint`]s, which travel as signed [`Note`]s.
//!
//! # The tree
//!
//! RFC 6962, section 2.1: a leaf hashes to `SHA-256(0x00 || data)`, an inner node to `SHA-256(0x01
//! || left || right)`, and a tree of `n > 1` leaves splits after the largest power of two smaller
//! than `n`.
//!
//! ```text
//!  level 3                                                root of 7 leaves:
//!  level 2           (2,0)                 .              node((2,0), node((1,2), (0,6)))
//!                 /         \             / \
//!  level 1     (1,0)       (1,1)       (1,2)  \           the frontier of 7 is
//!              /   \       /   \       /   \   \          [(2,0), (1,2), (0,6)]
//!  level 0  (0,0) (0,1) (0,2) (0,3) (0,4) (0,5) (0,6)
//! ```
//!
//! Only *complete* subtrees are stored, addressed by `(level, index)`: node `(l, i)` covers the
//! leaves `i * 2^l .. (i + 1) * 2^l` and, once written, never changes. So what is stored only
//! grows, roots and proofs of *every* earlier size can be had from it, and a tree of `n` leaves
//! stores fewer than `2n` nodes. The hashes on the ragged right edge are computed when they are
//! needed.
//!
//! # Modules
//!
//! | what | types | source |
//! |---|---|---|
//! | hash | [`Hash`](struct@Hash), [`leaf_hash`], [`node_hash`], [`empty_root`] | RFC 6962, 2.1 |
//! | growing | [`Frontier`], [`HashReader`], [`root_at`] | RFC 6962, 2.1 |
//! | inclusion | [`prove_inclusion`], [`check_inclusion`] | RFC 6962, 2.1.1; RFC 9162, 2.1.3 |
//! | consistency | [`prove_consistency`], [`check_consistency`] | RFC 6962, 2.1.2; RFC 9162, 2.1.4 |
//! | tiles | [`Tile`], [`TilePath`], [`tiles_at`], [`new_tiles`], [`read_tile`], [`encode_bundle`] | C2SP tlog-tiles |
//! | checkpoint | [`Checkpoint`] | C2SP tlog-checkpoint |
//! | note | [`Note`], [`NoteSigner`], [`NoteVerifier`], [`VerifierKey`], [`key_hash`] | C2SP signed-note |
//! | cosignature | [`Cosignature`], [`cosignature_message`] | C2SP tlog-cosignature |
//!
//! # Invariants
//!
//! - A value that exists is valid: [`Tile`], [`Checkpoint`], [`Note`], [`Frontier`] are parsed,
//!   never filled in.
//! - Every text and byte form has exactly one encoding. What parses encodes to the same bytes again;
//!   anything else (leading zero, loose base64, trailing byte) is an error.
//! - A proof has exactly the length that the sizes ask for. A longer or shorter one is an error even when the
//!   hashes at hand would give the right root.
//! - No tree is larger than [`MAX_SIZE`]. Sizes from outside are compared with it before any arithmetic, so
//!   input can't overflow or panic; a broken contract of the caller does panic, which the function's
//!   own page says.
//! - Checking allocates nothing and costs at most 64 pairs of hashes, whatever the sender claims.
//!
//! # Example
//!
//! ```
//! use std::collections::BTreeMap;
//! use mesh_tlog::{Frontier, check_inclusion, leaf_hash, prove_inclusion};
//!
//! let mut stored = BTreeMap::new(); // any `HashReader` will do
//! let mut frontier = Frontier::new();
//! for leaf in ["genesis", "admit domain", "publish orders"] {
//!     for (level, index, hash) in frontier.append(leaf_hash(leaf.as_bytes())) {
//!         stored.insert((level, index), hash);
//!     }
//! }
//! let proof = prove_inclusion(&stored, frontier.size(), 1)?;
//! check_inclusion(&proof, frontier.size(), frontier.root(), 1, leaf_hash(b"admit domain"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod checkpoint;
mod consistency;
mod cosignature;
mod decimal;
mod excerpt;
mod frontier;
mod hash;
mod inclusion;
mod note;
mod path;
mod proof;
mod range;
mod reader;
mod signature;
mod tile;
mod tile_path;
mod verifier_key;

pub use bundle::{BundleError, MAX_ENTRY_BYTES, decode_bundle, encode_bundle};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use consistency::{check_consistency, prove_consistency};
pub use cosignature::{COSIGNATURE_BYTES, Cosignature, CosignatureError, MAX_COSIGNATURE_TIME, cosignature_message};
pub use frontier::{Frontier, FrontierError};
pub use hash::{HASH_BYTES, Hash, HashParseError, empty_root, leaf_hash, node_hash};
pub use inclusion::{check_inclusion, prove_inclusion};
pub use note::{MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, NoteSigner, NoteVerifier};
pub use proof::{CheckError, ProveError};
pub use reader::{HashReader, MissingHash, NodeAddress, StoredHash, root_at};
pub use signature::{NoteSignature, SignatureError, SignatureType, key_hash};
pub use tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileError, new_tiles, read_tile, tiles_at};
pub use tile_path::TilePath;
pub use verifier_key::{VerifierKey, VerifierKeyError};

/// The largest number of leaves of a tree: 2^63 - 1.
///
/// It is what a signed 64-bit integer holds, so that tools in languages without an unsigned one can
/// follow, and it leaves the bit of room that the arithmetic on ranges needs.
pub const MAX_SIZE: u64 = (1 << 63) - 1;
