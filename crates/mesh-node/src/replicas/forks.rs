//! The forks of feeds that this node has proofs of: kept as files, shown as alarms, and a reason to serve nothing newer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use mesh_model::{DomainName, MeshId};
use tracing::{error, warn};

use super::fork::{FeedFork, PROOF_BYTES};

/// Proofs of one domain that are kept: one is enough to contain it.
const FOLDER: &str = "feed-forks";

/// The forks, by domain.
pub struct Forks {
    mesh: MeshId,
    folder: PathBuf,
    standing: Mutex<BTreeMap<DomainName, FeedFork>>,
}

impl Forks {
    /// Reads the proofs in a data folder; what does not verify is passed over, and said.
    pub fn open(mesh: MeshId, data_dir: &std::path::Path) -> Self {
        let folder = data_dir.join(FOLDER);
        let mut standing = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let fits = entry.metadata().is_ok_and(|metadata| metadata.len() <= PROOF_BYTES as u64);
            let text = if fits { std::fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
            let read = FeedFork::parse(&text, &mesh).and_then(|fork| fork.verify(&mesh).map(|()| fork));
            match read {
                Ok(fork) => {
                    standing.insert(fork.feed.domain.clone(), fork);
                }
                Err(error) => warn!(path = %path.display(), %error, "a file beside the proofs of forks is none"),
            }
        }
        Self { mesh, folder, standing: Mutex::new(standing) }
    }

    /// Whether newer entries of the domain are not to be served.
    pub fn is_forked(&self, domain: &DomainName) -> bool {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).contains_key(domain)
    }

    /// Takes a proof that verifies. It stands whether or not its file can be written: then it is found again after a restart.
    pub fn take(&self, fork: FeedFork) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.contains_key(&fork.feed.domain) {
            return;
        }
        let path = self.folder.join(format!("{}-{}.proof", fork.feed.domain, fork.digest(&self.mesh).short()));
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(path.with_extension("new"), fork.to_text(&self.mesh)))
            .and_then(|()| std::fs::File::open(path.with_extension("new"))?.sync_all())
            .and_then(|()| std::fs::rename(path.with_extension("new"), &path));
        let (domain, epoch) = (&fork.feed.domain, fork.feed.epoch);
        match written {
            Ok(()) => error!(%domain, epoch, proof = %path.display(), "the feed was signed in two histories"),
            Err(error) => {
                error!(%domain, epoch, %error, "the feed was signed in two histories, and the proof was not written");
            }
        }
        standing.insert(domain.clone(), fork);
    }

    /// Forgets the proof of a fork that was resolved; its file stays.
    pub fn resolved(&self, domain: &DomainName) {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).remove(domain);
    }

    /// All that stand.
    pub fn all(&self) -> Vec<FeedFork> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What people have to know.
    pub fn alarms(&self) -> Vec<String> {
        let line = |fork: FeedFork| {
            let (domain, epoch) = (&fork.feed.domain, fork.feed.epoch);
            let folder = self.folder.display();
            format!(
                "the feed of {domain} (epoch {epoch}) was signed in two histories by key {}; newer entries are not served; the proof is in {folder}",
                fork.key.fingerprint()
            )
        };
        self.all().into_iter().map(line).collect()
    }
}
