//! A mesh with everything that an audit meets, judged by the evaluator of the nodes.

use mesh_event::checkpoint::vouch;
use mesh_event::command::{GrantRole, RoleGrant};
use mesh_event::federation::RecoverVoters;
use mesh_event::ledger::EntryBody;
use mesh_event::proposal::{EnactStandard, Waive, WaiverScope};
use mesh_event::{Body, Envelope, FeedBatch, Keypair, LedgerEntry, ProposalBody, Signer as _};
use mesh_governance::testing::{TestMesh, descriptor, keypair, standard};
use mesh_governance::{Applied, PolicyJudge, Strict, apply_with, read};
use mesh_model::{Code, DomainName, Expectation, JsonText, Name, Role, Standard, TestCase};
use mesh_tlog::{Checkpoint, Frontier, Note, NoteSignature, leaf_hash};
use mesh_verify::write_export;

/// The fixture, with every entry decided by [`PolicyJudge`].
pub(crate) struct Mesh {
    pub(crate) fixture: TestMesh,
    pub(crate) entries: Vec<LedgerEntry>,
    pub(crate) leaves: Vec<Vec<u8>>,
    judge: PolicyJudge,
}

impl Mesh {
    /// A mesh with these domains.
    pub(crate) fn with_domains(names: &[&str]) -> Self {
        let fixture = TestMesh::with_domains(names);
        let leaves = fixture.history.iter().map(|applied| applied.leaf_bytes.clone()).collect();
        Self { fixture, entries: Vec::new(), leaves, judge: PolicyJudge::default() }
    }

    pub(crate) fn order(&mut self, body: EntryBody) -> Vec<Applied> {
        let entry = self.fixture.entry(body);
        self.order_entry(entry)
    }

    pub(crate) fn order_entry(&mut self, entry: LedgerEntry) -> Vec<Applied> {
        let all = apply_with(&self.fixture.state, &entry, &Strict, &self.judge).unwrap();
        for applied in &all {
            self.fixture.state.commit(applied);
            self.leaves.push(applied.leaf_bytes.clone());
        }
        self.entries.push(entry);
        all
    }

    pub(crate) fn submit(&mut self, envelope: &Envelope) -> Applied {
        self.order(EntryBody::Envelope(envelope.bytes().to_vec())).remove(0)
    }

    pub(crate) fn direct(&mut self, body: Body, signers: &[&str]) -> Applied {
        let keys: Vec<Keypair> = signers.iter().map(|name| keypair(name)).collect();
        let envelope = self.fixture.command(body, &keys);
        self.submit(&envelope)
    }

    pub(crate) fn propose(&mut self, body: ProposalBody, signers: &[&str]) -> Applied {
        let envelope = self.fixture.proposal_command(body, signers);
        self.submit(&envelope)
    }

    /// These seats say that the ledger goes on here, with this node as its only voter; gives the leaf that says so.
    pub(crate) fn recover_voters(&mut self, voter: u64, seats: &[&str]) -> u64 {
        let mut tree = Frontier::new();
        for leaf in &self.leaves {
            tree.append(leaf_hash(leaf));
        }
        let body = RecoverVoters {
            voters: vec![read::node(&self.fixture.state, voter).unwrap().unwrap().record],
            size: tree.size(),
            root: tree.root(),
            reason: "two disks are gone".into(),
        };
        let applied = self.direct(Body::RecoverVoters(body), seats);
        assert_eq!(applied.leaf.outcome.code, Code::Accepted, "{}", applied.leaf.outcome.detail);
        applied.leaf.index
    }

    /// A batch of these envelopes in the feed of a domain.
    pub(crate) fn batch(&mut self, domain: &str, envelopes: &[Vec<u8>]) -> FeedBatch {
        let size = self.leaves.len() as u64;
        let feed = self.fixture.feeds.get_mut(&domain.parse::<DomainName>().unwrap()).unwrap();
        let events = envelopes.iter().map(|envelope| feed.command(size, envelope.clone())).collect();
        feed.batch(events)
    }

    pub(crate) fn publish(&mut self, ids: &[(&str, &str, &[&str])]) -> Vec<Applied> {
        let domain = ids[0].0.split('/').next().unwrap();
        let envelopes: Vec<Vec<u8>> = (ids.iter())
            .map(|(id, version, fields)| self.fixture.publish_command(descriptor(id, version, fields)).bytes().to_vec())
            .collect();
        let batch = self.batch(domain, &envelopes);
        self.order(EntryBody::Feed(batch))
    }

    pub(crate) fn export(&self, checkpoints: &[Vec<u8>]) -> Vec<u8> {
        write_export(Vec::new(), self.fixture.mesh_id, &self.leaves, checkpoints).unwrap()
    }

    /// A checkpoint of the first leaves, cosigned by these voters.
    pub(crate) fn checkpoint(&self, size: usize, voters: &[u64]) -> Vec<u8> {
        let mut tree = Frontier::new();
        for leaf in &self.leaves[..size] {
            tree.append(leaf_hash(leaf));
        }
        let origin = format!("{}/ledger", self.fixture.mesh_id);
        let checkpoint = Checkpoint::new(origin, tree.size(), tree.root()).unwrap();
        let signatures = voters.iter().map(|voter| cosigned(&checkpoint, *voter)).collect();
        Note::new(checkpoint.to_string(), signatures).unwrap().to_string().into_bytes()
    }
}

pub(crate) fn cosigned(checkpoint: &Checkpoint, voter: u64) -> NoteSignature {
    let mesh = checkpoint.origin().strip_suffix("/ledger").unwrap().parse().unwrap();
    let keys = ["log", "cosigner"].map(|kind| keypair(&format!("node-{voter}/{kind}")));
    let [_, cosignature] = vouch(&mesh, voter, checkpoint, 1_800_000_000 + voter, &keys[0], &keys[1]).unwrap();
    cosignature
}

/// A standard with a real rule: no field is called `ssn`.
pub(crate) fn no_ssn(version: &str) -> Standard {
    let mut standard = standard("no-ssn", version, "ssn");
    standard.rules[0].expression = "fields == null || fields.all(f, f.name != 'ssn')".into();
    standard.text = "social security numbers stay out of products".into();
    standard.tests = vec![TestCase {
        name: "clean".into(),
        expect: Expectation::Pass,
        product: JsonText::parse("{\"fields\": [{\"name\": \"id\"}]}").unwrap(),
    }];
    standard
}

/// Domains, publishes, batches with refused parts, a standard, a proposal with its votes, a waiver, checkpoints.
pub(crate) fn rich() -> Mesh {
    let mut mesh = Mesh::with_domains(&["sales", "finance"]);
    let code = |applied: &Applied| applied.leaf.outcome.code;
    let all = mesh.publish(&[
        ("sales/orders", "1.0.0", &["id", "amount"]),
        ("sales/orders", "1.0.0", &["id"]),
        ("sales/people", "1.0.0", &["ssn"]),
    ]);
    assert_eq!(all.iter().map(code).collect::<Vec<_>>(), [Code::Accepted, Code::VersionConflict, Code::Accepted]);
    let body = EnactStandard { standard: no_ssn("1.0.0"), supersedes: None };
    let opened = mesh.propose(ProposalBody::EnactStandard(body), &["council-0"]);
    assert_eq!(code(&opened), Code::Accepted, "{}", opened.leaf.outcome.detail);
    let index = opened.leaf.index;
    let approve = mesh.fixture.approval(index);
    mesh.direct(Body::Comment(mesh_event::proposal::Comment { proposal: index, text: "fine".into() }), &["council-2"]);
    let enacted = mesh.direct(Body::Approve(approve), &["council-1"]);
    assert_eq!(code(&enacted), Code::Accepted, "{}", enacted.leaf.outcome.detail);
    let all = mesh.publish(&[("sales/cards", "1.0.0", &["ssn"]), ("sales/cards", "1.0.0", &["id"])]);
    assert_eq!(all.iter().map(code).collect::<Vec<_>>(), [Code::StandardViolated, Code::Accepted]);
    let waive = Waive {
        standard: Name::parse("no-ssn").unwrap(),
        scope: WaiverScope::Product("sales/people".parse().unwrap()),
        reason: "migration".into(),
        expires_unix_ms: mesh.fixture.now + 60 * 60 * 1000,
    };
    let waived = mesh.propose(ProposalBody::Waive(waive), &["council-0", "council-1"]);
    assert_eq!(code(&waived), Code::Accepted, "{}", waived.leaf.outcome.detail);
    let all = mesh.publish(&[("sales/people", "1.1.0", &["ssn", "id"])]);
    assert_eq!(code(&all[0]), Code::Accepted, "{}", all[0].leaf.outcome.detail);
    // Root commands, one of them by the wrong root.
    let roster_version = read::domain(&mesh.fixture.state, &"sales".parse().unwrap()).unwrap().unwrap().roster_version;
    let grant = RoleGrant { key: keypair("sales/new").public_key(), role: Role::DomainDataEngineer };
    let grant = GrantRole { domain: Some("sales".parse().unwrap()), grant, roster_version };
    let refused = mesh.direct(Body::GrantRole(grant.clone()), &["finance/root", "sales/new"]);
    assert_ne!(code(&refused), Code::Accepted);
    let granted = mesh.direct(Body::GrantRole(grant), &["sales/root", "sales/new"]);
    assert_eq!(code(&granted), Code::Accepted, "{}", granted.leaf.outcome.detail);
    mesh.order(EntryBody::Envelope(b"garbage".to_vec()));
    mesh
}
