//! A mesh in memory: three council seats of which two decide, three voters, domains with their keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_event::command::{AdmitDomains, DelegateNode, DomainAdmission, PublishVersion, RoleGrant};
use mesh_event::genesis::PROTOCOL_VERSION;
use mesh_event::ledger::EntryBody;
use mesh_event::{
    Body, Command, Council, Envelope, FeedBatch, GenesisDocument, Keypair, LedgerEntry, NodeRecord, Seat, Signer,
    envelope,
};
use mesh_model::{CommandId, Descriptor, Digest, DomainName, MeshId, NodeId, Role, UnixMs};

use super::{TestFeed, TestJudge, keypair};
use crate::{Applied, Judge, MemState, PolicyJudge, Strict, apply_with, read};

/// A mesh and who acts in it.
#[derive(Debug, Clone)]
pub struct TestMesh {
    /// The committed state.
    pub state: MemState,
    /// The mesh's id.
    pub mesh_id: MeshId,
    /// The stamp of the next entry.
    pub now: UnixMs,
    /// The feed of each domain, as its home node has it.
    pub feeds: BTreeMap<DomainName, TestFeed>,
    /// Everything that was committed, in order.
    pub history: Vec<Applied>,
    commands: u64,
    /// The evaluator of a real mesh; without it, [`TestJudge`].
    policy: Option<Arc<PolicyJudge>>,
}

impl TestMesh {
    /// A founding document that is drafted and signed, and a ledger without a leaf.
    ///
    /// # Panics
    /// Never: the fixture's parts fit.
    pub fn unfounded() -> Self {
        Self::unfounded_under(PROTOCOL_VERSION)
    }

    /// The same, for a mesh of an older protocol.
    pub fn unfounded_under(protocol: u32) -> Self {
        let mesh_id = Digest::of(&Self::document_under(protocol).encode()).into();
        let (state, feeds) = (MemState::new(), BTreeMap::new());
        Self { state, mesh_id, now: 1_800_000_000_000, feeds, history: Vec::new(), commands: 0, policy: None }
    }

    /// The same mesh, with the evaluator of standards that real ones have.
    #[must_use]
    pub fn with_policy(mut self) -> Self {
        self.policy = Some(Arc::new(PolicyJudge::default()));
        self
    }

    /// A mesh of one leaf: Genesis.
    ///
    /// # Panics
    /// When Genesis is not accepted.
    pub fn founded() -> Self {
        Self::founded_under(PROTOCOL_VERSION)
    }

    /// The same, for a mesh of an older protocol.
    ///
    /// # Panics
    /// When Genesis is not accepted.
    pub fn founded_under(protocol: u32) -> Self {
        let mut mesh = Self::unfounded_under(protocol);
        let applied = mesh.submit(&Self::genesis_under(protocol));
        assert_eq!(applied.outcome().code, mesh_model::Code::Accepted, "{}", applied.outcome().detail);
        mesh
    }

    /// A founded mesh and, from leaf 1, one leaf for each of these domains. Domain `d` has the root key `d/root`, the owner
    /// `d/owner`, the engineer `d/engineer` and the steward `d/steward`; node 1 writes its feed.
    ///
    /// # Panics
    /// When a name is none, or stands there twice.
    pub fn with_domains(names: &[&str]) -> Self {
        Self::with_domains_under(PROTOCOL_VERSION, names)
    }

    /// The same, for a mesh of an older protocol.
    ///
    /// # Panics
    /// When a name is none, or stands there twice.
    pub fn with_domains_under(protocol: u32, names: &[&str]) -> Self {
        let mut mesh = Self::founded_under(protocol);
        for name in names {
            let applied = mesh.admit(vec![Self::admission(name)]);
            assert_eq!(applied.outcome().code, mesh_model::Code::Accepted, "{}", applied.outcome().detail);
        }
        mesh
    }

    /// The founding document.
    pub fn document() -> GenesisDocument {
        Self::document_under(PROTOCOL_VERSION)
    }

    /// The founding document of a mesh of an older protocol.
    pub fn document_under(protocol_version: u32) -> GenesisDocument {
        let seats = (0..3).map(|n| Seat { name: format!("seat-{n}"), key: council(n).public_key(), domain: None });
        GenesisDocument {
            mesh_name: "test mesh".into(),
            council: Council { threshold: 2, seats: seats.collect() },
            voters: (1..=3).map(voter).collect(),
            protocol_version,
            created_unix_ms: 0,
            nonce: [7; 16],
            recovery_keys: vec![keypair("recovery").public_key()],
            min_review_ms: 0,
        }
    }

    /// The sealed founding document.
    ///
    /// # Panics
    /// Never: it is small.
    pub fn genesis() -> Envelope {
        Self::genesis_under(PROTOCOL_VERSION)
    }

    /// The sealed founding document of a mesh of an older protocol.
    ///
    /// # Panics
    /// Never: it is small.
    pub fn genesis_under(protocol: u32) -> Envelope {
        let payload = Self::document_under(protocol).encode();
        Envelope::sign(envelope::GENESIS, payload, &[&council(0), &council(1)]).expect("it is small")
    }

    /// What [`TestMesh::with_domains`] admits.
    ///
    /// # Panics
    /// When the name is none.
    pub fn admission(name: &str) -> DomainAdmission {
        let key = |holder: &str| keypair(&format!("{name}/{holder}")).public_key();
        DomainAdmission {
            name: domain(name),
            title: String::new(),
            description: String::new(),
            responsibilities: Vec::new(),
            parent: None,
            root_keys: vec![key("root")],
            root_threshold: 1,
            roles: vec![
                RoleGrant { key: key("owner"), role: Role::DataProductOwner },
                RoleGrant { key: key("engineer"), role: Role::DomainDataEngineer },
                RoleGrant { key: key("steward"), role: Role::DataGovernanceSteward },
            ],
            delegate: Some(1),
        }
    }

    /// Admits domains by two council seats; the fixture's keys of each sign too. Feeds are opened for those that have a
    /// delegate.
    pub fn admit(&mut self, domains: Vec<DomainAdmission>) -> Applied {
        let holders = ["root", "owner", "engineer", "steward"];
        let names: Vec<_> = domains.iter().map(|admission| admission.name.clone()).collect();
        let mut signers = vec![council(0), council(1)];
        signers.extend(names.iter().flat_map(|name| holders.map(|holder| keypair(&format!("{name}/{holder}")))));
        let council_version = 1;
        let envelope = self.command(Body::AdmitDomains(AdmitDomains { domains, council_version }), &signers);
        let applied = self.submit(&envelope);
        for name in names {
            self.open_feed(&name);
        }
        applied
    }

    /// Delegates a domain's feed to a node by its root, from the newest head in the ledger, and opens the new feed.
    ///
    /// # Panics
    /// When the state is damaged.
    pub fn delegate(&mut self, name: &str, node_id: NodeId, epoch: u64) -> Applied {
        let known = read::domain(&self.state, &domain(name)).expect("memory reads");
        let in_force = known.and_then(|known| known.delegation).map_or(0, |delegation| delegation.epoch);
        let head = read::ledger_head(&self.state, &domain(name), in_force).expect("memory reads");
        let (base_size, base_root) = head.map_or((0, None), |head| (head.size, Some(head.root)));
        let body = DelegateNode { domain: domain(name), node_id, epoch, base_size, base_root };
        let envelope = self.command(Body::DelegateNode(body), &[keypair(&format!("{name}/root"))]);
        let applied = self.submit(&envelope);
        self.open_feed(&domain(name));
        applied
    }

    /// Opens the feed that the state says is in force, if there is no such one yet.
    ///
    /// # Panics
    /// When the state is damaged.
    pub fn open_feed(&mut self, name: &DomainName) {
        let known = read::domain(&self.state, name).expect("memory reads");
        let Some(delegation) = known.and_then(|domain| domain.delegation) else {
            return;
        };
        if self.feeds.get(name).is_none_or(|feed| feed.id.epoch != delegation.epoch) {
            let node = keypair(&format!("node-{}", delegation.node_id));
            self.feeds.insert(name.clone(), TestFeed::new(self.mesh_id, name, delegation.epoch, node));
        }
    }

    /// A new command id.
    pub fn next_id(&mut self) -> CommandId {
        self.commands += 1;
        CommandId(u128::from(self.commands).to_be_bytes())
    }

    /// A signed command of a new id: a day to live for root and council commands, none for domain commands. The first
    /// signer is its author.
    ///
    /// # Panics
    /// When nobody signs, or the envelope is over its limit.
    pub fn command(&mut self, body: Body, signers: &[Keypair]) -> Envelope {
        let expires_unix_ms = if body.feed_domain().is_some() { 0 } else { self.now + 24 * 60 * 60 * 1000 };
        let author = signers[0].public_key();
        let command = Command { mesh_id: self.mesh_id, id: self.next_id(), author, expires_unix_ms, body };
        let signers: Vec<&dyn Signer> = signers.iter().map(|signer| signer as &dyn Signer).collect();
        command.sign(&signers).expect("it fits an envelope")
    }

    /// An entry with this body, stamped now; the clock goes on by a second.
    pub fn entry(&mut self, body: EntryBody) -> LedgerEntry {
        self.now += 1000;
        LedgerEntry { stamp_unix_ms: self.now, body }
    }

    /// Applies an entry and commits what comes of it. Standards are judged by [`TestJudge`], or [`TestMesh::with_policy`].
    ///
    /// # Panics
    /// When the state is damaged.
    pub fn apply(&mut self, entry: &LedgerEntry) -> Vec<Applied> {
        let judge: &dyn Judge = match &self.policy {
            Some(policy) => &**policy,
            None => &TestJudge,
        };
        let all = apply_with(&self.state, entry, &Strict, judge).expect("memory reads");
        for applied in &all {
            self.state.commit(applied);
            self.history.push(applied.clone());
        }
        all
    }

    /// Orders an envelope by itself.
    ///
    /// # Panics
    /// When the state is damaged.
    pub fn submit(&mut self, envelope: &Envelope) -> Applied {
        let entry = self.entry(EntryBody::Envelope(envelope.bytes().to_vec()));
        self.apply(&entry).remove(0)
    }

    /// Orders a batch.
    ///
    /// # Panics
    /// When the state is damaged.
    pub fn submit_batch(&mut self, batch: FeedBatch) -> Vec<Applied> {
        let entry = self.entry(EntryBody::Feed(batch));
        self.apply(&entry)
    }

    /// Appends a domain command to the feed of a domain at the present ledger size, and orders it by itself.
    ///
    /// # Panics
    /// When the domain has no feed.
    pub fn say(&mut self, name: &str, envelope: &Envelope) -> Applied {
        let ledger_size = read::head(&self.state).expect("memory reads").size;
        let feed = self.feeds.get_mut(&domain(name)).expect("the domain has a feed");
        let event = feed.command(ledger_size, envelope.bytes().to_vec());
        let batch = feed.batch(vec![event]);
        self.submit_batch(batch).remove(0)
    }

    /// The publish of a descriptor as the domain's owner plans it now.
    pub fn publish_command(&mut self, descriptor: Descriptor) -> Envelope {
        let product = read::product(&self.state, &descriptor.id()).expect("memory reads");
        let planned_against = product.map(|product| product.last_sealed.digest);
        let owner = keypair(&format!("{}/owner", descriptor.domain));
        let body = PublishVersion { descriptor, planned_against, overflow_breaks: Vec::new() };
        self.command(Body::PublishVersion(body), &[owner])
    }

    /// Publishes a descriptor by the domain's owner, through the domain's feed.
    pub fn publish(&mut self, descriptor: Descriptor) -> Applied {
        let name = descriptor.domain.to_string();
        let envelope = self.publish_command(descriptor);
        self.say(&name, &envelope)
    }
}

/// The key of a council seat, 0 to 2.
fn council(n: u32) -> Keypair {
    keypair(&format!("council-{n}"))
}

fn domain(name: &str) -> DomainName {
    name.parse().expect("a domain's name")
}

/// A voter with its keys `node-N`, `node-N/log`, `node-N/cosigner`.
fn voter(node_id: NodeId) -> NodeRecord {
    let name = format!("node-{node_id}");
    let keys = [name.clone(), format!("{name}/log"), format!("{name}/cosigner")].map(|name| keypair(&name));
    let [key, log, cosigner] = &keys;
    let mut record = NodeRecord {
        node_id,
        name,
        key: key.public_key(),
        log_key: Some(log.public_key()),
        cosigner_key: Some(cosigner.public_key()),
        api_address: format!("127.0.0.1:{}", 7100 + node_id),
        peer_address: format!("127.0.0.1:{}", 7200 + node_id),
        possession: Vec::new(),
    };
    record.prove_possession(&[key, log, cosigner]);
    record
}
