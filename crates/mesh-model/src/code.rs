//! Every stable code: what the ledger records, what the wire carries, what the command line exits with.
//!
//! A number, once given, keeps its meaning for ever; a code that is no longer used stays in the table. Numbers below
//! 100 are outcomes that `apply` decides and the ledger keeps; 100 to 199 are a node's own answers; 200 and above
//! belong to the command line.

use std::fmt;

/// What kind of answer a code is; decides the exit code and the gRPC status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Accepted.
    Done,
    /// A defect or damage on our side.
    Internal,
    /// The command line was wrong.
    Usage,
    /// The content is wrong, or violates a standard.
    Rejected,
    /// What was named is not there.
    NotFound,
    /// Somebody else was first, or the content differs from what is sealed.
    Conflict,
    /// Not now; the text says whether nothing happened or the outcome is unknown.
    Unavailable,
    /// A key that may not do this.
    NotAuthorised,
    /// Bytes that do not verify.
    Verification,
    /// Accepted, not sealed yet.
    Pending,
}

impl Class {
    /// The exit code of `mesh` (`interfaces.md`).
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Rejected => 3,
            Self::NotFound => 4,
            Self::Conflict => 5,
            Self::Unavailable => 6,
            Self::NotAuthorised => 7,
            Self::Verification => 8,
            Self::Pending => 9,
        }
    }
}

macro_rules! codes {
    ($($number:literal $name:ident $slug:literal $class:ident $what:literal $next:literal;)*) => {
        /// A stable code. Displays as `MESH-0012`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $what] $name = $number,)*
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code of a number.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
            /// The reason of `google.rpc.ErrorInfo` and the name in JSON.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }
            /// Its class.
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }
            /// What it means, one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }
            /// What to do next, one sentence.
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$name => $next,)* }
            }
        }
    };
}

codes! {
    0 Accepted "accepted" Done "the command took effect" "nothing";
    1 Malformed "malformed" Rejected "the bytes are not what their type says" "send what the client library encodes; nothing was changed";
    2 TooLarge "too_large" Rejected "a size or count is over its limit" "the text names the limit; make that part smaller";
    3 WrongMesh "wrong_mesh" Rejected "the command was signed for another mesh" "check the mesh id that your context pins with `mesh whoami`";
    4 BadSignature "bad_signature" Verification "a signature does not verify over the exact bytes" "sign again; if it persists the bytes were altered on the way";
    5 UnknownKey "unknown_key" NotAuthorised "the key holds no right in this mesh" "ask the domain's root to grant a role to it: `mesh role grant`";
    6 RevokedKey "revoked_key" NotAuthorised "the key was revoked" "use another key; `mesh role list` shows which are in force";
    7 Expired "expired" Rejected "the command's life ended before it reached the ledger" "sign it again";
    8 Duplicate "duplicate" Conflict "this command id or outbox number is in the ledger already" "nothing; the first outcome stands at the index that the text names";
    9 Gap "gap" Conflict "an outbox number was skipped" "the home node proposes from the number that the ledger expects; it repairs this by itself";
    10 OldEpoch "old_epoch" Conflict "the feed's epoch is not the one in force" "the domain was delegated to another node; publish there";
    11 WrongDomain "wrong_domain" NotAuthorised "the key has its role in another domain" "use a key of the domain that owns the product";
    12 WrongRole "wrong_role" NotAuthorised "the key's roles do not allow this" "`mesh can ACTION ID` says who may; docs/roles.md has the table";
    13 VersionConflict "version_conflict" Conflict "this version is sealed with other content" "raise the version: `mesh plan` proposes the next one";
    14 StalePlan "stale_plan" Conflict "another version came in between" "run `mesh plan` again and look at the difference";
    15 BreakingChange "breaking_change" Rejected "the change breaks consumers of the last version" "publish it as a new major with --major, or keep what was promised";
    16 VersionTooLow "version_too_low" Rejected "the version does not stand for the change it carries" "use the version that `mesh plan` proposes";
    17 InvalidProduct "invalid_product" Rejected "the descriptor breaks a rule of the model" "every violated rule is listed; `mesh validate FILE` shows them without publishing";
    18 UnknownDomain "unknown_domain" NotFound "no such domain in this mesh" "`mesh domain list` shows them; the council admits new ones";
    19 DomainExists "domain_exists" Conflict "a domain of this name was admitted before; names are never reused" "choose another name";
    20 UnknownProduct "unknown_product" NotFound "no such product in this mesh" "`mesh search` finds close names";
    21 UnknownVersion "unknown_version" NotFound "the product has no such version" "`mesh history ID` lists its versions";
    22 ThresholdNotMet "threshold_not_met" NotAuthorised "too few valid signatures of distinct keys" "collect the missing signatures on the same file: `mesh sign`";
    23 NotDelegated "not_delegated" NotAuthorised "the node does not write this domain's feed" "the domain's root delegates a node: `mesh domain delegate`";
    24 StaleRoster "stale_roster" Conflict "the council or the roster changed since this was signed" "read the present version and sign again";
    25 Retired "retired" Conflict "the product or version is retired" "nothing new can happen to it; publish under another name";
    26 AlreadySo "already_so" Done "it is so already" "nothing to do";
    27 UnknownNode "unknown_node" NotFound "no such node in this mesh" "`mesh node list` shows them";
    28 WrongLedgerSize "wrong_ledger_size" Conflict "the event names a ledger size that went back or is ahead" "the home node repairs this by itself; if not, its disk was set back";
    29 KeyInUse "key_in_use" Conflict "the key serves another purpose in this mesh" "one key, one purpose: make another with `mesh key new`";
    30 NoPossession "no_possession" Verification "a key that is to be added did not sign" "whoever adds a key also signs once with it";
    31 GenesisFirst "genesis_first" Conflict "the ledger has its genesis already, or not yet" "a mesh is founded once; check the mesh id";
    32 WeakKey "weak_key" Rejected "the public key is weak or no point of the curve" "make another with `mesh key new`";
    33 DomainSuspended "domain_suspended" NotAuthorised "the domain is suspended or removed" "ask the council";
    34 LastRoot "last_root" Rejected "this would leave a domain without anybody who may act for it" "grant the role to another key first";
    35 UnsupportedCommand "unsupported_command" Rejected "this protocol version has no such command" "update the node or the client, whichever is older";
    36 UnknownProposal "unknown_proposal" NotFound "no such proposal in this mesh" "`mesh proposal list` shows them";
    37 ProposalClosed "proposal_closed" Conflict "the proposal is not open any more" "open it again if it is still wanted: `mesh proposal open`";
    38 WrongProposal "wrong_proposal" Verification "the signature is for other bytes than the proposal's" "read the proposal again with `mesh proposal show` and sign what it says";
    39 UnderReview "under_review" Unavailable "the proposal's review time is not over; nothing was changed" "approve again after the time that the text names";
    40 NoSeat "no_seat" NotAuthorised "the key has no seat in the council" "`mesh council show` lists the seats; a new one needs `mesh council amend`";
    41 BadClosingDate "bad_closing_date" Rejected "a proposal or waiver ends too soon or too late" "the text names the earliest and the latest time";
    42 CouncilLockedOut "council_locked_out" Rejected "this council could not decide anything, or not by its own members" "the text says what does not fit: threshold, seats or keys";
    43 StandardViolated "standard_violated" Rejected "the version violates a standard in force" "every violated rule is listed with its standard; mend the product or ask the council for a waiver";
    44 BadStandard "bad_standard" Rejected "the standard does not hold what a standard must, or fails its own test cases" "every flaw is listed; `mesh standard test FILE` shows them without proposing";
    45 UnknownStandard "unknown_standard" NotFound "no such standard is in force" "`mesh standard list` shows them";
    46 StaleStandard "stale_standard" Conflict "another version of the standard is in force than this changes" "read the version in force and propose again";
    47 UnknownWaiver "unknown_waiver" NotFound "no such waiver is in force" "`mesh standard show ID` lists its waivers";
    48 DomainRemoved "domain_removed" NotAuthorised "the domain was removed" "nothing new can happen in it; its products stay readable";
    49 NoReplacement "no_replacement" NotFound "no replacement of the domain's root is waiting" "`mesh domain show` says whether one is";
    50 NodeRevoked "node_revoked" NotAuthorised "the node was revoked" "the domain's root delegates another node: `mesh domain delegate`";
    51 NodeVotes "node_votes" Conflict "the node is a voter" "the council sets other voters first";
    52 BadVoters "bad_voters" Rejected "these nodes cannot be the voters" "voters are 1, 3, 5 or 7 nodes with a log and a cosigner key, none of them revoked";
    53 UndefinedTerm "undefined_term" Done "a field names a term, identifier scheme or time convention that no standard in force defines" "`mesh term list` shows what is defined; this is never refused";
    54 BadResolution "bad_resolution" Rejected "it names no history that could stay" "`mesh ledger verify PROOF` shows both checkpoints; ask a node that has the history which is to stay";
    55 FeedContained "feed_contained" Conflict "the domain's node signed two histories of its feed; nothing newer of it is taken" "`mesh domain show` names the report; the domain's root says which history stands: `mesh domain resolve`";
    56 BadAnchor "bad_anchor" Conflict "the feed's head goes back or contradicts one that is in the ledger" "the home node repairs this by itself; if not, its disk was set back: delegate another epoch";
    57 NoFork "no_fork" Verification "the heads do not contradict each other" "`mesh ledger verify PROOF` shows both; two heads of one feed with a consistency proof between them are no fork";
    58 UnknownReport "unknown_report" NotFound "no such report of a forked feed waits for the domain's root" "`mesh domain show` names the report, where there is one";
    59 BadBase "bad_base" Conflict "the new epoch would not continue what the ledger has of the feed" "the text names what is in the ledger; name a base that covers it";
    60 Erased "erased" NotFound "the attachment was erased" "nothing; its digest stays where it is signed, its content is gone for good";
    61 NodeNotVouched "node_not_vouched" NotAuthorised "no rule in force lets this domain admit the node" "`mesh council show` tells the rule; the council admits nodes by proposal: `mesh node admit`";
    62 BadRecovery "bad_recovery" Rejected "the ledger cannot go on from there" "name the largest checkpoint that counts, and refound on exactly its leaves";


    100 Unavailable "unavailable" Unavailable "the node cannot take this now; nothing happened" "try again; clients back off by themselves";
    101 OutcomeUnknown "outcome_unknown" Unavailable "the answer did not come in time; it may still take effect" "run the same command again: it is safe and reports the first outcome";
    102 QueueFull "queue_full" Unavailable "a bounded queue is full; nothing happened" "slow down or try again";
    103 HomeUnreachable "home_unreachable" Unavailable "the domain's home node does not answer; nothing happened" "publish at the home node itself, or wait for it";
    104 NotCaughtUp "not_caught_up" Unavailable "this node has not reached the index you asked for" "wait, or read without `at_least_index`";
    105 OutboxFull "outbox_full" Unavailable "too much waits for the ledger already; nothing happened" "wait until a quorum answers again; `mesh status` shows the outbox";
    106 Sealing "sealing" Pending "safe on the home node, not ordered by the ledger yet" "nothing; it is sealed as soon as a quorum answers. Running the command again is safe";
    107 StorageFailed "storage_failed" Internal "the disk refused a write, so the node stopped writing" "free or replace the disk and restart the node";
    108 Damaged "damaged" Internal "stored bytes are damaged and are not served" "the trace says which; fetch them back from another node";
    109 ReadDenied "read_denied" NotAuthorised "this may be read by named keys only" "sign the read with a key of the domain";
    110 AttachmentMissing "attachment_missing" NotFound "this node does not have the attachment" "ask the product's home node";
    111 NotPublishedHere "not_published_here" Rejected "an attachment that the descriptor names was not sent" "send every attachment with the publish";
    112 ReadOnly "read_only" Unavailable "this node only reads" "`mesh status` says why; publish at another node";
    113 NotFound "not_found" NotFound "there is no such thing on this node" "check the id";
    114 BadArgument "bad_argument" Rejected "a request field is not what it should be" "the text names the field";
    115 Internal "internal" Internal "a defect in the node" "the trace has the details; please report it";
    116 Forked "forked" Unavailable "two checkpoints with a majority contradict each other; this node accepts nothing; nothing happened" "`mesh status` names the proof; the council decides with `mesh ledger resolve-fork PROOF`";
    117 NoReceipt "no_receipt" Unavailable "no checkpoint with a majority covers the leaf yet" "try again; `mesh status` shows the last checkpoint and its age";
    118 TooFewCosigned "too_few_cosigned" Verification "too few of the voters in force vouch for the checkpoint" "ask another node; `mesh status` shows the last checkpoint and its age";
    119 NotAdmitted "not_admitted" NotAuthorised "the mesh does not know this node's key" "a council member runs `mesh proposal open admit-node FILE` with the node's record; the node joins by itself then";
    120 BadRules "bad_rules" Rejected "the domain's own rules do not hold what rules must, or fail their own test cases" "every flaw is listed; `mesh standard test FILE` shows most of them without a node";
    121 StaleRules "stale_rules" Conflict "the domain's own rules changed in between; nothing happened" "`mesh domain rules show DOMAIN` shows those in force; then set them again";
    122 OwnRuleViolated "own_rule_violated" Rejected "the version violates a rule that its own domain set" "every violated rule is listed; mend the product, or have the domain's steward change the rules: `mesh domain rules`";
    123 FeedForked "feed_forked" Conflict "the writer of the domain's feed signed two histories of it" "`mesh status` names the proof; newer entries are not served until the domain's root resolves it";
    124 FeedMissing "feed_missing" Unavailable "this node has not fetched the feed that it goes on with; nothing happened" "try again; `mesh status` shows how far its copy is";
    126 OtherVoters "other_voters" Conflict "the council recovered the voters after a lost quorum, and this one is not among them" "nothing, if it was lost; `mesh status` shows who votes. It comes back as a new node: meshd --recover";
    127 VotersHoldBack "voters_hold_back" Conflict "a voter does not know the protocol version, or is not heard; nothing happened" "update or start the voters that the text names, then run the same command again";
    128 ProtocolTooNew "protocol_too_new" Unavailable "the protocol in force is newer than this node knows; it applies nothing more" "install a newer meshd on it, or raise node.protocol_max; what it has stays as it is";
    130 Throttled "throttled" Unavailable "too much comes too fast from one key or address; nothing happened" "slow down; the text says when there is room again";
    131 QuotaUsedUp "quota_used_up" Unavailable "the domain used up what it may seal in a day; nothing happened" "go on after midnight UTC, or have the operator of the domain's node raise limits.domain_commands_day or limits.domain_mib_day";
    132 UnknownRequest "unknown_request" NotFound "no such request for access in this mesh, or its domain's home does not know it" "`mesh access list` shows requests; give the id in full";
    133 RequestOver "request_over" Conflict "the request for access was decided, or is over" "`mesh access show ID` says how; ask again with `mesh access request`";
    134 OwnRequest "own_request" NotAuthorised "a request is decided by somebody else than who made it" "have another product owner of the domain decide";
    135 BadRequest "bad_request" Rejected "what is asked for cannot be granted" "the text says why; `mesh show ID` names the product's ports and fields";
    136 UnknownRule "unknown_rule" NotFound "no such approval in advance, or it was ended" "`mesh access terms DOMAIN` shows those in force; give the id in full";
    137 NoIssuer "no_issuer" Conflict "the domain's root named no key of its home that may issue tokens, or another one" "have a holder of the root keys run `mesh access issuer grant DOMAIN`";
    138 TokenInvalid "token_invalid" Verification "the token was altered, is no token, or no issuer of the domain signed it" "draw a new one with `mesh access token`; `mesh access terms DOMAIN` shows who may sign";
    139 NotGranted "not_granted" NotAuthorised "no grant covers what was asked for" "`mesh access list --by DOMAIN` shows what was granted; ask with `mesh access request`";
    140 StaleTerms "stale_terms" Verification "what a gateway keeps of a domain is too old to tell which tokens count" "fetch it again with `mesh access terms DOMAIN -o json`";
    141 EventsDenied "events_denied" NotAuthorised "events of pipelines need one of the tokens that the node's operator gave out" "ask the operator for a token of pipelines.tokens in the node's configuration";
    142 BadRun "bad_run" Rejected "a quality run is not of a version that stands as it was sealed, or not of about now" "the text says why; measure again with `mesh quality run`";

    200 Usage "usage" Usage "the command line does not fit" "see --help";
    201 KeyFile "key_file" Usage "the key file cannot be used" "the text says why: permissions 0600, PKCS#8 v1 PEM, one Ed25519 key";
    202 Config "config" Usage "the configuration does not fit" "the text names file, key and what was expected";
    203 NoContext "no_context" Usage "no node, mesh or key to work with" "`mesh context add`, or set MESH_NODE, MESH_ID and MESH_KEY_FILE";
    204 AddressInUse "address_in_use" Usage "another program listens on the address" "choose another port in the config, or stop that program";
    205 InvalidFile "invalid_file" Rejected "the file has errors; all of them are listed" "mend the fields that are listed";
    206 Unreachable "unreachable" Unavailable "the node does not answer; nothing happened" "check --node, and that meshd runs";
    207 StoreInUse "store_in_use" Usage "another process has the store open" "one process per store: stop the other first";
    208 StoreTooNew "store_too_new" Internal "the store was written by a newer version" "update this program; the store was left untouched";
    209 Changes "changes" Done "the plan has changes" "`mesh apply` carries them out";
    210 NotConfirmed "not_confirmed" Usage "this cannot be undone and nobody confirmed it" "add --yes";
    211 BadExport "bad_export" Verification "the export of the ledger does not hold" "get it again, from another node; the text names the leaf, checkpoint or line";
    212 BadProof "bad_proof" Verification "a checkpoint, receipt or proof does not hold" "get it again, from another node; `mesh ledger compare` shows it to others";
    213 PromiseBroken "promise_broken" Rejected "the data breaks a rule of severity error, or misses a target" "`mesh quality show ID --run RUN` has the reasons and some rows; mend the data and measure again";
    214 NoMeasurer "no_measurer" Usage "the program that reads data, mesh-quality, is not there or is another version" "install it beside `mesh`, or build it: cargo build --release --bin mesh-quality";
    215 DataUnreadable "data_unreadable" Unavailable "the data of a port cannot be read, so nothing was measured" "the text says why; --data PORT=PATH names another place";
}

impl Code {
    /// The number, as stored in the ledger.
    pub const fn number(self) -> u32 {
        self as u32
    }
    /// Finds a code by `MESH-0012`, `12` or its slug, as `mesh explain` takes it.
    pub fn find(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix("MESH-").or_else(|| text.strip_prefix("mesh-")).unwrap_or(text);
        match digits.parse() {
            Ok(number) => Self::from_number(number),
            Err(_) => Self::ALL.iter().copied().find(|code| code.slug().eq_ignore_ascii_case(text)),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MESH-{:04}", self.number())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_code_is_found_by_number_name_and_slug() {
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
            assert_eq!(Code::find(&code.to_string()), Some(*code));
            assert_eq!(Code::find(code.slug()), Some(*code));
            assert!(!code.meaning().is_empty() && !code.next_step().is_empty());
        }
        assert_eq!(Code::find("MESH-9999"), None);
    }
}
