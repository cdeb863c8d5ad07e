//! Feeds that were signed in two histories: by the ledger's word, or by a proof that this node found and the ledger has not got yet.
//!
//! A proof is kept as a file in the form of `mesh-verify`, so that whoever gets it can check it without this node and bring it into the
//! ledger. It stands while its epoch is in force: whoever opened the next one said which history counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_event::{FeedForkProof, FeedId};
use mesh_governance::read;
use mesh_model::{Code, DomainName, MeshId};
use mesh_proto::status::MeshError;
use mesh_verify::FeedForkFile;
use tokio::sync::Notify;
use tracing::{error, info, warn};

use super::writers;
use crate::core::Core;

/// Where proofs lie in a data folder.
const FOLDER: &str = "feed-forks";
/// Largest file that is read, in bytes: two notes and 64 hashes need a quarter of it.
const FILE_BYTES: u64 = 16 << 10;

/// The proofs that were found here, by domain; one is enough to contain it.
pub struct Forks {
    mesh: MeshId,
    folder: PathBuf,
    standing: Mutex<BTreeMap<DomainName, FeedForkProof>>,
    found: Notify,
}

impl Forks {
    /// Reads the proofs in a data folder; what does not verify is passed over, and said.
    pub fn open(mesh: MeshId, data_dir: &Path) -> Self {
        let folder = data_dir.join(FOLDER);
        let mut standing: BTreeMap<DomainName, FeedForkProof> = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let fits = entry.metadata().is_ok_and(|metadata| metadata.len() <= FILE_BYTES);
            let bytes = if fits { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
            match FeedForkFile::parse(&bytes).and_then(|file| file.verify(Some(&mesh)).map(|_| file.proof)) {
                Ok(proof) => {
                    let known = standing.get(&proof.feed.domain);
                    if known.is_none_or(|known| known.feed.epoch < proof.feed.epoch) {
                        standing.insert(proof.feed.domain.clone(), proof);
                    }
                }
                Err(fault) => warn!(path = %path.display(), %fault, "a file beside the proofs of forks is none"),
            }
        }
        Self { mesh, folder, standing: Mutex::new(standing), found: Notify::new() }
    }

    fn standing(&self) -> MutexGuard<'_, BTreeMap<DomainName, FeedForkProof>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a proof that verifies. It stands whether or not its file can be written: then it is found again after a restart. For a
    /// thread that may block.
    pub fn take(&self, proof: FeedForkProof) {
        let (domain, epoch) = (proof.feed.domain.clone(), proof.feed.epoch);
        let mut standing = self.standing();
        if standing.get(&domain).is_some_and(|known| known.feed.epoch >= epoch) {
            return;
        }
        let file = FeedForkFile { mesh_id: self.mesh, proof: proof.clone() };
        standing.insert(domain.clone(), proof);
        drop(standing);
        let path = self.folder.join(format!("{domain}-{}.proof", file.digest().short()));
        match write(&path, &file.to_text()) {
            Ok(()) => error!(%domain, epoch, proof = %path.display(), "the feed was signed in two histories"),
            Err(error) => {
                error!(%domain, epoch, %error, "the feed was signed in two histories, and the proof was not written");
            }
        }
        self.found.notify_one();
    }

    /// Whether there is a proof of this feed's, or of a later epoch's.
    pub fn knows(&self, feed: &FeedId) -> bool {
        self.standing().get(&feed.domain).is_some_and(|proof| proof.feed.epoch >= feed.epoch)
    }

    /// All that stand, as far as is known here.
    pub fn all(&self) -> Vec<FeedForkProof> {
        self.standing().values().cloned().collect()
    }

    /// Resolves when a proof was found since the last call.
    pub async fn found(&self) {
        self.found.notified().await;
    }

    fn epoch(&self, domain: &DomainName) -> Option<u64> {
        self.standing().get(domain).map(|proof| proof.feed.epoch)
    }

    /// Forgets a proof of an epoch that is over; its file stays.
    fn resolved(&self, domain: &DomainName, epoch: u64) {
        let mut standing = self.standing();
        if standing.get(domain).is_some_and(|proof| proof.feed.epoch == epoch) {
            standing.remove(domain);
            info!(%domain, epoch, "a feed that was signed in two histories goes on");
        }
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&fresh, text)?;
    std::fs::File::open(&fresh)?.sync_all()?;
    std::fs::rename(&fresh, path)
}

/// The epoch of a domain's feed that was signed in two histories, while that is not resolved: nothing of it is served, fetched, appended or
/// proposed. Earlier epochs are what their successors continue, and not in doubt.
///
/// # Errors
/// When the state cannot be read.
pub fn forked(core: &Core, domain: &DomainName) -> Result<Option<u64>, MeshError> {
    let fail = |e| core.state_error(&e);
    if let Some(report) = read::containment(&core.state, domain).map_err(fail)? {
        return Ok(Some(report.epoch));
    }
    let forks = core.replicas.forks();
    let Some(epoch) = forks.epoch(domain) else { return Ok(None) };
    let record = read::domain(&core.state, domain).map_err(fail)?;
    let in_force = record.and_then(|record| record.delegation).map_or(0, |delegation| delegation.epoch);
    if in_force > epoch {
        forks.resolved(domain, epoch);
        return Ok(None);
    }
    Ok(Some(epoch))
}

/// Takes two signed heads of one size that gossip heard of, if they prove anything. For a thread that may block.
///
/// # Errors
/// When the state cannot be read.
pub fn hear(core: &Core, feed: FeedId, heads: [Vec<u8>; 2]) -> Result<(), MeshError> {
    let Some(writer) = writers::of(core, &feed)?.filter(|writer| writer.ended_at.is_none()) else { return Ok(()) };
    let proof = FeedForkProof { feed, node_key: writer.key, heads, bridge: None };
    if proof.verify(&core.mesh_id).is_ok() {
        core.replicas.forks().take(proof);
    }
    Ok(())
}

/// Whether nothing is appended to the domain's feed now.
///
/// # Errors
/// [`Code::FeedContained`] once the ledger says so, [`Code::FeedForked`] by a proof that was found here: nothing happened.
pub fn refuse(core: &Core, domain: &DomainName) -> Result<(), MeshError> {
    if let Some(report) = read::containment(&core.state, domain).map_err(|e| core.state_error(&e))? {
        let text = format!(
            "node {} signed two histories of the feed of {domain}, as ledger index {} shows; nothing happened",
            report.node_id, report.index
        );
        return Err(MeshError::new(Code::FeedContained, text));
    }
    if forked(core, domain)?.is_some() {
        let text = format!("the feed of {domain} was signed in two histories; nothing happened");
        return Err(MeshError::new(Code::FeedForked, text));
    }
    Ok(())
}

/// What people have to know: what the ledger says, and what this node found and the ledger has not got.
pub fn alarms(core: &Core) -> Vec<String> {
    let reported = read::containments(&core.state).unwrap_or_default();
    let mut alarms: Vec<String> = (reported.iter())
        .map(|report| {
            format!(
                "the feed of {} (epoch {}) was signed in two histories by node {}, as ledger index {} shows; newer entries are not served \
                 until its root says which one stands: `mesh domain resolve`",
                report.domain, report.epoch, report.node_id, report.index
            )
        })
        .collect();
    for proof in core.replicas.forks().all() {
        let domain = &proof.feed.domain;
        let is_reported = reported.iter().any(|report| report.domain == *domain);
        if !is_reported && forked(core, domain).is_ok_and(|epoch| epoch.is_some()) {
            alarms.push(format!(
                "the feed of {domain} (epoch {}) was signed in two histories by key {}; newer entries are not served; the proof is in {} and on \
                 its way to the ledger",
                proof.feed.epoch,
                proof.node_key.fingerprint(),
                core.replicas.forks().folder.display()
            ));
        }
    }
    alarms
}
