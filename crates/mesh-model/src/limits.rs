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
/// Most seats of a council.
pub const COUNCIL_SEATS: usize = 32;
/// Most recovery keys of a mesh.
pub const RECOVERY_KEYS: usize = 16;
/// Most root keys of a domain that a rotation or a replacement may set.
pub const ROOT_KEYS: usize = 16;
/// Longest time that a proposal may be open, in milliseconds of ledger time (90 days).
pub const PROPOSAL_LIFE_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// Longest review time that a council may set for itself, in milliseconds of ledger time (30 days).
pub const REVIEW_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// How long a replacement of a domain's root, or of the council by recovery keys, may be answered, in milliseconds of ledger
/// time (72 hours).
pub const ANSWER_MS: u64 = 72 * 60 * 60 * 1000;
/// Most open proposals of one author.
pub const OPEN_PROPOSALS: usize = 32;
/// Most comments on one proposal.
pub const COMMENTS: u32 = 256;
/// Most nodes that a rule may let each domain vouch for.
pub const VOUCHED_NODES: u32 = 1000;
/// Longest summary of a proposal, in bytes.
pub const SUMMARY_BYTES: usize = 8 * 1024;
/// Longest comment or reason of a council command, in bytes.
pub const REASON_BYTES: usize = 2 * 1024;
/// Longest life of a waiver, in milliseconds of ledger time (366 days).
pub const WAIVER_LIFE_MS: u64 = 366 * 24 * 60 * 60 * 1000;
/// Most standards in force at once: each publish is judged by all of them.
pub const STANDARDS: usize = 256;
/// Most rules of one standard.
pub const RULES: usize = 64;
/// Longest rule or selector, in bytes.
pub const RULE_BYTES: usize = 2 * 1024;
/// Most test cases of one standard.
pub const TEST_CASES: usize = 64;
/// Longest title of a standard, in bytes.
pub const TITLE_BYTES: usize = 200;
/// Longest grace of a standard, in days.
pub const GRACE_DAYS: u16 = 730;
