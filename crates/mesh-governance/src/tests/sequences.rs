//! Generated histories of several domains, valid and not: the same prefix gives the same leaves and state however it is
//! grouped, and invariants 3, 4 and 5 hold over all of them.

use std::collections::BTreeMap;

use mesh_event::command::{
    DelegateNode, DeprecateVersion, GrantRole, PublishVersion, RetireProduct, RevokeKey, RoleGrant,
};
use mesh_event::ledger::EntryBody;
use mesh_event::{Body, Keypair, LedgerEntry, Signer as _, descriptor_digest};
use mesh_model::{Code, Digest, DomainName, Role};
use proptest::prelude::*;

use super::matters::{self, Answer, Matter, answer, matter, seats};
use super::witness::Witness;
use crate::testing::{TestJudge, TestMesh, descriptor, keypair};
use crate::{Applied, MemState, Overlay, StateChange, Strict, apply_with, next_state_digest, read};

const DOMAINS: [&str; 3] = ["sales", "finance", "people"];
const HOLDERS: [&str; 4] = ["owner", "engineer", "steward", "new"];

/// A domain command by one of the holders of any domain.
#[derive(Debug, Clone)]
struct Said {
    by: (usize, usize),
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Publish { product: u8, version: (u32, u32, u32), fields: u8, stale: bool },
    Deprecate { product: u8, version: Option<(u32, u32, u32)> },
    Retire { product: u8, version: Option<(u32, u32, u32)> },
    Garbage,
}

#[derive(Debug, Clone)]
enum Step {
    /// Consecutive commands of one feed, some leaves behind the ledger.
    Batch {
        domain: usize,
        behind: u64,
        said: Vec<Said>,
    },
    Grant {
        domain: usize,
        root: usize,
        holder: (usize, usize),
        role: usize,
        stale: bool,
    },
    Revoke {
        domain: usize,
        root: usize,
        holder: (usize, usize),
        stale: bool,
    },
    Delegate {
        domain: usize,
        root: usize,
        node: u64,
        ahead: u64,
    },
    Admit {
        name: u8,
        seats: u32,
    },
    /// A council matter by these seats, of which the first is the author.
    Propose {
        what: Matter,
        seats: Vec<usize>,
        stale: bool,
    },
    /// These seats answer one of the proposals so far.
    Answer {
        which: prop::sample::Index,
        answer: Answer,
        seats: Vec<usize>,
        wrong: bool,
    },
    /// Ledger time goes on by some hours.
    Wait(u64),
    /// An earlier entry again.
    Again(usize),
}

fn version() -> impl Strategy<Value = (u32, u32, u32)> {
    (0_u32..3, 0_u32..3, 0_u32..2)
}

fn said() -> impl Strategy<Value = Said> {
    let what = prop_oneof![
        6 => (0_u8..2, version(), 1_u8..8, prop::bool::weighted(0.1))
            .prop_map(|(product, version, fields, stale)| What::Publish { product, version, fields, stale }),
        1 => (0_u8..2, prop::option::of(version())).prop_map(|(product, version)| What::Deprecate { product, version }),
        1 => (0_u8..2, prop::option::weighted(0.9, version())).prop_map(|(product, version)| What::Retire { product, version }),
        1 => Just(What::Garbage),
    ];
    let by = (prop::option::weighted(0.1, 0_usize..3), prop_oneof![3 => Just(0_usize), 1 => 1_usize..4]);
    (by, what).prop_map(|((domain, holder), what)| Said { by: (domain.unwrap_or(usize::MAX), holder), what })
}

fn step() -> impl Strategy<Value = Step> {
    let holder = (0_usize..3, 0_usize..4);
    // Mostly its own root.
    let root = |domain: usize, other: Option<usize>| other.unwrap_or(domain);
    let other = || prop::option::weighted(0.1, 0_usize..3);
    prop_oneof![
        8 => (0_usize..3, 0_u64..4, proptest::collection::vec(said(), 1..5))
            .prop_map(|(domain, behind, said)| Step::Batch { domain, behind, said }),
        2 => (0_usize..3, other(), holder.clone(), 0_usize..5, prop::bool::weighted(0.1)).prop_map(
            move |(domain, by, holder, role, stale)| Step::Grant { domain, root: root(domain, by), holder, role, stale }),
        2 => (0_usize..3, other(), holder, prop::bool::weighted(0.1)).prop_map(
            move |(domain, by, holder, stale)| Step::Revoke { domain, root: root(domain, by), holder, stale }),
        1 => (0_usize..3, other(), 1_u64..5, 0_u64..3).prop_map(
            move |(domain, by, node, ahead)| Step::Delegate { domain, root: root(domain, by), node, ahead }),
        1 => (0_u8..3, 0_u32..4).prop_map(|(name, seats)| Step::Admit { name, seats }),
        3 => (matter(), seats(), prop::bool::weighted(0.1))
            .prop_map(|(what, seats, stale)| Step::Propose { what, seats, stale }),
        5 => (any::<prop::sample::Index>(), answer(), seats(), prop::bool::weighted(0.1))
            .prop_map(|(which, answer, seats, wrong)| Step::Answer { which, answer, seats, wrong }),
        1 => (0_u64..50).prop_map(Step::Wait),
        2 => any::<prop::sample::Index>().prop_map(|index| Step::Again(index.index(1000))),
    ]
}

fn holder((domain, holder): (usize, usize)) -> Keypair {
    keypair(&format!("{}/{}", DOMAINS[domain], HOLDERS[holder]))
}

pub(super) fn domain(n: usize) -> DomainName {
    DOMAINS[n].parse().unwrap()
}

/// A history: its entries, and each batch once more as batches of one event.
#[derive(Default)]
struct History {
    entries: Vec<LedgerEntry>,
    split: Vec<LedgerEntry>,
}

impl History {
    fn order(&mut self, mesh: &mut TestMesh, entry: LedgerEntry, split: Vec<LedgerEntry>) {
        mesh.apply(&entry);
        self.entries.push(entry);
        self.split.extend(split);
    }

    fn order_envelope(&mut self, mesh: &mut TestMesh, body: Body, signers: &[Keypair]) {
        let envelope = mesh.command(body, signers);
        let entry = mesh.entry(EntryBody::Envelope(envelope.into_bytes()));
        self.order(mesh, entry.clone(), vec![entry]);
    }
}

fn envelope(mesh: &mut TestMesh, home: usize, said: &Said) -> Vec<u8> {
    let by = holder((if said.by.0 == usize::MAX { home } else { said.by.0 }, said.by.1));
    let id = |product: u8| format!("{}/p{product}", DOMAINS[home]);
    let text = |(major, minor, patch): (u32, u32, u32)| format!("{major}.{minor}.{patch}");
    let body = match &said.what {
        What::Garbage => return b"garbage".to_vec(),
        What::Publish { product, version, fields, stale } => {
            let names = ["a", "b", "c"].into_iter().enumerate().filter(|(n, _)| fields & (1 << n) != 0);
            let names: Vec<&str> = names.map(|(_, name)| name).collect();
            let descriptor = descriptor(&id(*product), &text(*version), &names);
            let known = read::product(&mesh.state, &descriptor.id()).unwrap();
            let planned_against = if *stale { Some(Digest([1; 32])) } else { known.map(|p| p.last_sealed.digest) };
            Body::PublishVersion(PublishVersion { descriptor, planned_against, overflow_breaks: Vec::new() })
        }
        What::Deprecate { product, version } => Body::DeprecateVersion(DeprecateVersion {
            product: id(*product).parse().unwrap(),
            version: version.map(|version| text(version).parse().unwrap()),
            sunset: String::new(),
            successor: String::new(),
            reason: "old".into(),
        }),
        What::Retire { product, version } => Body::RetireProduct(RetireProduct {
            product: id(*product).parse().unwrap(),
            version: version.map(|version| text(version).parse().unwrap()),
            reason: "done".into(),
        }),
    };
    mesh.command(body, &[by]).into_bytes()
}

fn act(mesh: &mut TestMesh, history: &mut History, step: &Step) {
    let roster = |mesh: &TestMesh, n: usize, stale: bool| {
        read::domain(&mesh.state, &domain(n)).unwrap().unwrap().roster_version + u64::from(stale)
    };
    let root = |n: usize| keypair(&format!("{}/root", DOMAINS[n]));
    match step {
        Step::Batch { domain: n, behind, said } => {
            let size = read::head(&mesh.state).unwrap().size.saturating_sub(*behind);
            let envelopes: Vec<_> = said.iter().map(|said| envelope(mesh, *n, said)).collect();
            let feed = mesh.feeds.get_mut(&domain(*n)).unwrap();
            let (mut events, mut single) = (Vec::new(), Vec::new());
            for envelope in envelopes {
                events.push(feed.command(size, envelope));
                single.push(feed.batch(events[events.len() - 1..].to_vec()));
            }
            let batch = feed.batch(events);
            let entry = mesh.entry(EntryBody::Feed(batch));
            let stamp_unix_ms = entry.stamp_unix_ms;
            let split = single.into_iter().map(|batch| LedgerEntry { stamp_unix_ms, body: EntryBody::Feed(batch) });
            history.order(mesh, entry, split.collect());
        }
        Step::Grant { domain: n, root: by, holder: to, role, stale } => {
            let grant = RoleGrant { key: holder(*to).public_key(), role: Role::ALL[*role] };
            let roster_version = roster(mesh, *n, *stale);
            let body = GrantRole { domain: Some(domain(*n)), grant, roster_version };
            history.order_envelope(mesh, Body::GrantRole(body), &[root(*by), holder(*to)]);
        }
        Step::Revoke { domain: n, root: by, holder: from, stale } => {
            let (key, roster_version) = (holder(*from).public_key(), roster(mesh, *n, *stale));
            let body = RevokeKey { domain: Some(domain(*n)), key, reason: String::new(), roster_version };
            history.order_envelope(mesh, Body::RevokeKey(body), &[root(*by)]);
        }
        Step::Delegate { domain: n, root: by, node, ahead } => {
            let epoch = mesh.feeds[&domain(*n)].id.epoch + ahead;
            let body = DelegateNode { domain: domain(*n), node_id: *node, epoch, base_size: 0, base_root: None };
            history.order_envelope(mesh, Body::DelegateNode(body), &[root(*by)]);
            mesh.open_feed(&domain(*n));
        }
        Step::Admit { name, seats } => {
            let name = format!("new{name}");
            let holders = ["root", "owner", "engineer", "steward"].map(|holder| keypair(&format!("{name}/{holder}")));
            let seats = (0..*seats).map(|n| keypair(&format!("council-{n}")));
            let signers: Vec<_> = seats.chain(holders).collect();
            let domains = vec![TestMesh::admission(&name)];
            let body = mesh_event::command::AdmitDomains { domains, council_version: mesh.council_version() };
            history.order_envelope(mesh, Body::AdmitDomains(body), &signers);
        }
        Step::Propose { what, seats, stale } => {
            let (body, signers) = matters::proposal(mesh, what, seats, *stale);
            history.order_envelope(mesh, body, &signers);
        }
        Step::Answer { which, answer, seats, wrong } => {
            if let Some((body, signers)) = matters::answer_to(mesh, *which, *answer, seats, *wrong) {
                history.order_envelope(mesh, body, &signers);
            }
        }
        Step::Wait(hours) => mesh.now += hours * matters::HOUR,
        Step::Again(index) => {
            // Split entries have heads of their own; only those that are the same both ways are ordered again.
            let straight = history.entries.iter().filter(|entry| matches!(entry.body, EntryBody::Envelope(_)));
            let straight: Vec<_> = straight.cloned().collect();
            if !straight.is_empty() {
                let entry = straight[index % straight.len()].clone();
                history.order(mesh, entry.clone(), vec![entry]);
            }
        }
    }
}

fn run(steps: &[Step]) -> (TestMesh, History) {
    let mut mesh = TestMesh::founded();
    for name in DOMAINS {
        assert_eq!(mesh.admit(vec![TestMesh::admission(name)]).outcome().code, Code::Accepted);
    }
    let mut history = History::default();
    for step in steps {
        act(&mut mesh, &mut history, step);
    }
    (mesh, history)
}

/// Kinds of keys that tell where heads stand: of the ledger, whose digest covers those of feeds.
const HEAD: u8 = 0x01;
const LEDGER_HEAD: u8 = 0x18;

/// The committed state of a history's beginning.
fn beginning(mesh: &TestMesh) -> MemState {
    let mut state = MemState::new();
    mesh.history[..=DOMAINS.len()].iter().for_each(|applied| state.commit(applied));
    state
}

/// Applies groups of entries over one overlay each, and commits the merged changes.
fn grouped(mut state: MemState, entries: &[LedgerEntry], group: usize) -> (MemState, Vec<Applied>) {
    let mut all = Vec::new();
    for entries in entries.chunks(group) {
        let mut overlay = Overlay::new(&state);
        let mut leaves = Vec::new();
        for entry in entries {
            for applied in apply_with(&overlay, entry, &Strict, &TestJudge).unwrap() {
                overlay.push(&applied);
                leaves.push(applied);
            }
        }
        let changes: Vec<StateChange> = overlay.into_changes();
        state.apply_changes(&changes);
        for applied in &leaves {
            state.put_leaf(applied.leaf.index, applied.leaf_bytes.clone());
        }
        all.extend(leaves);
    }
    (state, all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_prefix_gives_the_same_leaves_and_state(steps in proptest::collection::vec(step(), 1..25), group in 1_usize..9) {
        let (mesh, history) = run(&steps);
        let expected = &mesh.history[DOMAINS.len() + 1..];
        let (state, all) = grouped(beginning(&mesh), &history.entries, group);
        prop_assert_eq!(&all[..], expected);
        prop_assert_eq!(&state, &mesh.state);
        // One event a batch: the same but for where heads stand.
        let (state, split) = grouped(beginning(&mesh), &history.split, group);
        let decided = |key: &[u8]| !matches!(key[0], HEAD | LEDGER_HEAD);
        let values = |state: &MemState| -> Vec<(Vec<u8>, Vec<u8>)> {
            state.values().iter().filter(|(key, _)| decided(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        prop_assert_eq!(values(&state), values(&mesh.state));
        prop_assert_eq!(split.len(), expected.len());
        for (one, other) in split.iter().zip(expected) {
            let changes = |applied: &Applied| -> Vec<StateChange> {
                applied.changes.iter().filter(|change| decided(&change.key)).cloned().collect()
            };
            let outcome = |applied: &Applied| {
                let found = applied.outcome().clone();
                (found.code, found.detail, found.verdict_digest)
            };
            prop_assert_eq!(outcome(one), outcome(other));
            prop_assert_eq!((changes(one), &one.effects), (changes(other), &other.effects));
        }
    }

    #[test]
    fn invariants_hold_over_every_history(steps in proptest::collection::vec(step(), 1..40)) {
        let (mesh, _) = run(&steps);
        let (mut witness, mut digest, mut stamp) = (Witness::default(), Digest::default(), 0);
        for (index, applied) in mesh.history.iter().enumerate() {
            prop_assert_eq!(applied.leaf.index, index as u64);
            prop_assert!(applied.leaf.stamp_unix_ms >= stamp);
            stamp = applied.leaf.stamp_unix_ms;
            digest = next_state_digest(&digest, &applied.changes);
            prop_assert_eq!(applied.outcome().state_digest, digest);
            witness.see(applied);
        }
        for (id, digest) in &witness.sealed {
            let sealed = read::version(&mesh.state, id).unwrap().unwrap();
            prop_assert_eq!(sealed.descriptor_digest, *digest);
            let descriptor = read::descriptor_of(&mesh.state, id).unwrap().unwrap();
            prop_assert_eq!(descriptor_digest(&descriptor), *digest);
        }
        for product in read::products(&mesh.state, None, None, 100).unwrap() {
            let versions = read::versions(&mesh.state, &product.id, false, 1000).unwrap();
            let active = versions.iter().filter(|version| version.status(&product) == crate::Status::Active).count();
            prop_assert_eq!((product.versions, product.active), (versions.len() as u64, active as u64));
            prop_assert_eq!(product.highest, versions.last().unwrap().version);
        }
    }
}

/// A generator whose every command is refused would prove nothing.
#[test]
fn histories_hold_both_sides_of_the_rules() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut codes: BTreeMap<Code, usize> = BTreeMap::new();
    let mut enacted = 0;
    for _ in 0..40 {
        let steps = proptest::collection::vec(step(), 40).new_tree(&mut runner).unwrap().current();
        for applied in run(&steps).0.history {
            *codes.entry(applied.outcome().code).or_default() += 1;
            enacted += applied.effects.iter().filter(|effect| matters::is_enactment(effect)).count();
        }
    }
    for code in [
        Code::Accepted,
        Code::Malformed,
        Code::UnknownKey,
        Code::RevokedKey,
        Code::Duplicate,
        Code::WrongDomain,
        Code::WrongRole,
        Code::VersionConflict,
        Code::StalePlan,
        Code::BreakingChange,
        Code::VersionTooLow,
        Code::DomainExists,
        Code::UnknownProduct,
        Code::UnknownVersion,
        Code::ThresholdNotMet,
        Code::StaleRoster,
        Code::Retired,
        Code::AlreadySo,
        Code::UnknownNode,
        Code::WrongLedgerSize,
        Code::UnknownStandard,
        Code::StaleStandard,
        Code::StandardViolated,
        Code::ProposalClosed,
        Code::WrongProposal,
        Code::NoSeat,
        Code::CouncilLockedOut,
        Code::DomainSuspended,
        Code::NodeVotes,
    ] {
        assert!(codes.contains_key(&code), "no history has {code:?}; they have {codes:?}");
    }
    assert!(codes[&Code::Accepted] > 300, "{codes:?}");
    assert!(enacted > 30, "{enacted} proposals took effect");
}

/// The encoding of records and the chain are part of the protocol: whoever changes this digest makes old ledgers differ.
#[test]
fn the_state_digest_of_a_fixed_history_stays_what_it_is() {
    for (protocol, digest) in [
        (1, "975b203c3bc2ca09e2237e27af6ce7fb36a10be2d433221d1e5b949e6bc2dbbd"),
        (2, "aa638e335cf7e3c1de7c80ccfe6794e92e8d441cb353374fd3a2fa49ea13317c"),
    ] {
        let mut mesh = TestMesh::with_domains_under(protocol, &["sales"]);
        mesh.publish(descriptor("sales/orders", "1.0.0", &["id"]));
        mesh.publish(descriptor("sales/orders", "1.1.0", &["id", "at"]));
        assert_eq!(read::head(&mesh.state).unwrap().state_digest.to_string(), digest, "protocol {protocol}");
    }
}
