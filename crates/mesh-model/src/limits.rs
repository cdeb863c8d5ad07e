//! Sizes and counts that both sides of the wire agree on. Changing one changes what old nodes accept.

/// Longest name, in bytes (names are ASCII).
pub const NAME_BYTES: usize = 63;
/// Largest encoded descriptor, in bytes; what does not fit overflows into attachments.
pub const DESCRIPTOR_BYTES: usize = 48 * 1024;
/// Largest envelope, in bytes, signatures included.
pub const ENVELOPE_BYTES: usize = 60 * 1024;
/// Largest feed event that carries no command, in bytes.
pub const EVENT_BYTES: usize = 16 * 1024;
/// Largest attachment, in bytes.
pub const ATTACHMENT_BYTES: usize = 4 * 1024 * 1024;
/// Most attachments of one version.
pub const ATTACHMENTS: usize = 64;
/// Largest product file that is read at all, in bytes: an original has to fit an attachment.
pub const PRODUCT_FILE_BYTES: usize = ATTACHMENT_BYTES;
/// Deepest nesting of a product file.
pub const NESTING: usize = 64;
/// Longest life of a root or council command, in milliseconds of ledger time (30 days).
pub const COMMAND_LIFE_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Most domains that one `AdmitDomain` may list; an envelope's size bounds it further.
pub const ADMIT_LIST: usize = 64;
/// Most commands in one batch of a domain's outbox.
pub const FEED_BATCH: usize = 256;
/// Most bytes of commands in one batch of a domain's outbox.
pub const FEED_BATCH_BYTES: usize = 1024 * 1024;
/// Most signatures on one envelope.
pub const SIGNATURES: usize = 64;
/// How far ahead of a voter's clock a leader's stamp may be, in milliseconds.
pub const STAMP_AHEAD_MS: u64 = 30_000;
