//! Reading: products, lists and history as of the applied ledger. The state and the leaves are the truth; nothing here decides.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use mesh_catalog::Lifecycle;
use mesh_event::ledger::LedgerLeaf;
use mesh_event::{Body, Command};
use mesh_governance::{Product, SealedVersion, Status, read};
use mesh_model::{Code, Descriptor, Digest, DomainName, LedgerIndex, ProductId, PublicKey, UnixMs, Version, VersionId};
use mesh_proto::status::MeshError;
use mesh_store::{KeyRange, Page};

use crate::core::{Core, storage_error};

/// Where in the store's index space histories lie: `p<product>\0<index>` and `d<domain>\0<index>`.
pub const HISTORY: u8 = 3;
/// Decoded descriptors that are kept.
const CACHED: NonZeroUsize = NonZeroUsize::new(2_048).expect("not zero");
/// Most versions that one view lists.
const VERSIONS: usize = 1_000;

/// The reading side of a node.
pub struct Reads {
    descriptors: Mutex<LruCache<LedgerIndex, Arc<Descriptor>>>,
}

/// A product with one of its versions, as a reader sees it.
#[derive(Debug, Clone)]
pub struct ProductView {
    /// What the version says.
    pub descriptor: Arc<Descriptor>,
    /// Where it stands.
    pub status: Lifecycle,
    /// From deprecation: the day after which nobody should rely on it.
    pub sunset: String,
    /// From deprecation: what takes its place.
    pub successor: String,
    /// Why it was deprecated or retired.
    pub reason: String,
    /// Where it was sealed.
    pub ledger_index: LedgerIndex,
    /// When, in ledger time.
    pub sealed_unix_ms: UnixMs,
    /// Who signed it.
    pub author: PublicKey,
    /// What names its content.
    pub digest: Digest,
    /// All versions, highest first.
    pub versions: Vec<VersionRow>,
}

/// A version in a list.
#[derive(Debug, Clone)]
pub struct VersionRow {
    /// Which.
    pub version: Version,
    /// Where it stands.
    pub status: Lifecycle,
    /// Where it was sealed.
    pub ledger_index: LedgerIndex,
    /// When, in ledger time.
    pub sealed_unix_ms: UnixMs,
}

/// What the ledger decided, told for people.
#[derive(Debug, Clone)]
pub struct HistoryItem {
    /// Where.
    pub ledger_index: LedgerIndex,
    /// When, in ledger time.
    pub at_unix_ms: UnixMs,
    /// What was asked, such as `PublishVersion`.
    pub kind: &'static str,
    /// The product or domain.
    pub subject: String,
    /// The version; empty when it is about the whole.
    pub version: String,
    /// Who asked.
    pub author: Option<PublicKey>,
    /// The outcome.
    pub code: Code,
    /// What the outcome is about.
    pub detail: String,
    /// The author's reason.
    pub reason: String,
    /// The domain.
    pub domain: Option<DomainName>,
}

/// As of which leaf a view is made.
#[derive(Debug, Clone, Copy)]
pub enum AsOf {
    /// Everything that is applied.
    Now,
    /// As it was after this leaf.
    Index(LedgerIndex),
}

impl AsOf {
    fn covers(self, index: LedgerIndex) -> bool {
        match self {
            Self::Now => true,
            Self::Index(last) => index <= last,
        }
    }
}

impl Default for Reads {
    fn default() -> Self {
        Self { descriptors: Mutex::new(LruCache::new(CACHED)) }
    }
}

/// The catalog's word for the ledger's.
pub fn lifecycle(status: Status) -> Lifecycle {
    match status {
        Status::Active => Lifecycle::Active,
        Status::Deprecated => Lifecycle::Deprecated,
        Status::Retired => Lifecycle::Retired,
    }
}

fn status_as_of(version: &SealedVersion, product: &Product, as_of: AsOf) -> Lifecycle {
    let ended = version.ending(product).is_some_and(|ending| as_of.covers(ending.index));
    let noted = version.notice(product).is_some_and(|notice| as_of.covers(notice.index));
    match (ended, noted) {
        (true, _) => Lifecycle::Retired,
        (_, true) => Lifecycle::Deprecated,
        _ => Lifecycle::Active,
    }
}

impl Reads {
    /// The descriptor that a leaf sealed.
    ///
    /// # Errors
    /// [`Code::Damaged`] when the leaf is not there or holds none.
    pub fn descriptor(&self, core: &Core, index: LedgerIndex) -> Result<Arc<Descriptor>, MeshError> {
        let cached = self.descriptors.lock().unwrap_or_else(PoisonError::into_inner).get(&index).cloned();
        if let Some(descriptor) = cached {
            return Ok(descriptor);
        }
        let damaged = || MeshError::new(Code::Damaged, format!("leaf {index} of the ledger holds no descriptor"));
        let leaf = read::leaf(&core.state, index).map_err(|e| core.state_error(&e))?.ok_or_else(damaged)?;
        let command = command_of(&leaf).ok_or_else(damaged)?;
        let Body::PublishVersion(body) = command.body else { return Err(damaged()) };
        let descriptor = Arc::new(body.descriptor);
        self.descriptors.lock().unwrap_or_else(PoisonError::into_inner).put(index, Arc::clone(&descriptor));
        Ok(descriptor)
    }

    /// Keeps a descriptor that somebody decoded anyway, for whoever reads it next.
    pub fn keep(&self, index: LedgerIndex, descriptor: Descriptor) {
        self.descriptors.lock().unwrap_or_else(PoisonError::into_inner).put(index, Arc::new(descriptor));
    }

    /// A product, or one version of it. Without a version, the one to show: the highest active one, else the highest that is
    /// not retired, else the highest.
    ///
    /// # Errors
    /// [`Code::UnknownProduct`], [`Code::UnknownVersion`], [`Code::Damaged`].
    pub fn product(
        &self,
        core: &Core,
        id: &ProductId,
        version: Option<Version>,
        as_of: AsOf,
    ) -> Result<ProductView, MeshError> {
        let unknown = || MeshError::new(Code::UnknownProduct, format!("no product is called {id}"));
        let product = read::product(&core.state, id).map_err(|e| core.state_error(&e))?.ok_or_else(unknown)?;
        let mut sealed = read::versions(&core.state, id, true, VERSIONS).map_err(|e| core.state_error(&e))?;
        sealed.retain(|version| as_of.covers(version.ledger_index));
        let rank = |row: &SealedVersion| status_as_of(row, &product, as_of);
        let shown = if let Some(wanted) = version {
            let listed = sealed.iter().find(|row| row.version == wanted).cloned();
            let found = match listed {
                Some(found) => Some(found),
                // Beyond the versions that one view lists.
                None => read::version(&core.state, &VersionId { product: id.clone(), version: wanted })
                    .map_err(|e| core.state_error(&e))?
                    .filter(|row| as_of.covers(row.ledger_index)),
            };
            found.ok_or_else(|| MeshError::new(Code::UnknownVersion, format!("{id} has no version {wanted}")))?
        } else {
            let best = sealed.iter().min_by_key(|row| (rank(row), std::cmp::Reverse(row.version)));
            best.cloned().ok_or_else(unknown)?
        };
        let status = rank(&shown);
        let notice = shown.notice(&product).filter(|notice| as_of.covers(notice.index));
        let ending = shown.ending(&product).filter(|ending| as_of.covers(ending.index));
        let reason = ending.map(|e| e.reason.clone()).or_else(|| notice.map(|n| n.reason.clone()));
        Ok(ProductView {
            descriptor: self.descriptor(core, shown.ledger_index)?,
            status,
            sunset: notice.map_or_else(String::new, |notice| notice.sunset.clone()),
            successor: notice.map_or_else(String::new, |notice| notice.successor.clone()),
            reason: reason.unwrap_or_default(),
            ledger_index: shown.ledger_index,
            sealed_unix_ms: shown.stamp_unix_ms,
            author: shown.author,
            digest: shown.descriptor_digest,
            versions: (sealed.iter())
                .map(|row| VersionRow {
                    version: row.version,
                    status: rank(row),
                    ledger_index: row.ledger_index,
                    sealed_unix_ms: row.stamp_unix_ms,
                })
                .collect(),
        })
    }

    /// A page of products by id, and the id to go on after.
    ///
    /// # Errors
    /// [`Code::Damaged`].
    pub fn list(
        &self,
        core: &Core,
        domain: Option<&DomainName>,
        statuses: &[Lifecycle],
        after: Option<ProductId>,
        limit: usize,
    ) -> Result<(Vec<ProductView>, Option<ProductId>), MeshError> {
        let wanted = |status: Lifecycle| match statuses {
            [] => status != Lifecycle::Retired,
            some => some.contains(&status),
        };
        let mut views = Vec::new();
        let mut after = after;
        loop {
            let page = read::products(&core.state, domain, after.as_ref(), limit).map_err(|e| core.state_error(&e))?;
            let whole = page.len() == limit;
            for product in page {
                if views.len() == limit {
                    return Ok((views, after));
                }
                if wanted(lifecycle(product.status())) {
                    views.push(self.product(core, &product.id, None, AsOf::Now)?);
                }
                after = Some(product.id);
            }
            if !whole {
                return Ok((views, None));
            }
            if views.len() == limit {
                return Ok((views, after));
            }
        }
    }

    /// What the ledger decided about a product or a domain, oldest first, and the index to go on after.
    ///
    /// # Errors
    /// [`Code::Damaged`].
    pub fn history(
        &self,
        core: &Core,
        subject: &Subject,
        after: Option<LedgerIndex>,
        limit: usize,
    ) -> Result<(Vec<HistoryItem>, Option<LedgerIndex>), MeshError> {
        let prefix = subject.prefix();
        let mut range = KeyRange::prefix(prefix.clone());
        if let Some(after) = after {
            range = range.after(&history_key(&prefix, after));
        }
        let index = core.store.index(HISTORY);
        let entries = index.range(&range, Page::first(limit)).map_err(|e| storage_error(&e))?;
        let mut items = Vec::with_capacity(entries.len());
        let mut last = None;
        for (key, _) in &entries {
            let at = key.get(key.len().saturating_sub(8)..).and_then(|bytes| bytes.try_into().ok());
            let at = at
                .map(u64::from_be_bytes)
                .ok_or_else(|| MeshError::new(Code::Damaged, "the history index is damaged"))?;
            last = Some(at);
            if let Some(leaf) = read::leaf(&core.state, at).map_err(|e| core.state_error(&e))? {
                items.push(tell(&leaf));
            }
        }
        Ok((items, last.filter(|_| entries.len() == limit)))
    }

    /// The last leaf whose stamp is not after this time.
    ///
    /// # Errors
    /// [`Code::NotFound`] when the ledger is younger.
    pub fn index_at(&self, core: &Core, time: UnixMs) -> Result<LedgerIndex, MeshError> {
        let stamp = |index| -> Result<UnixMs, MeshError> {
            let leaf = read::leaf(&core.state, index).map_err(|e| core.state_error(&e))?;
            leaf.map(|leaf| leaf.stamp_unix_ms)
                .ok_or_else(|| MeshError::new(Code::Damaged, format!("leaf {index} is not there")))
        };
        // Stamps never go back, so the first leaf after the time is found by halving.
        let (mut low, mut high) = (0, core.ledger_size());
        while low < high {
            let middle = low + (high - low) / 2;
            if stamp(middle)? <= time { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1).ok_or_else(|| MeshError::new(Code::NotFound, "the ledger began after that time"))
    }
}

/// What a history is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One product.
    Product(ProductId),
    /// One domain, with its products.
    Domain(DomainName),
}

impl Subject {
    /// The prefix of its keys in [`HISTORY`].
    pub fn prefix(&self) -> Vec<u8> {
        match self {
            Self::Product(id) => format!("p{id}\0").into_bytes(),
            Self::Domain(name) => format!("d{name}\0").into_bytes(),
        }
    }
}

/// A key of [`HISTORY`].
pub fn history_key(prefix: &[u8], index: LedgerIndex) -> Vec<u8> {
    [prefix, &index.to_be_bytes()].concat()
}

/// The command that a leaf decided on; `None` for genesis and for bytes that are no command.
pub fn command_of(leaf: &LedgerLeaf) -> Option<Command> {
    read::envelope_of(leaf).and_then(|envelope| Command::decode(envelope.payload()).ok())
}

/// Tells a leaf for people.
pub fn tell(leaf: &LedgerLeaf) -> HistoryItem {
    tell_with(leaf, command_of(leaf).as_ref())
}

/// [`tell`] for somebody who has decoded the leaf's command already.
pub fn tell_with(leaf: &LedgerLeaf, command: Option<&Command>) -> HistoryItem {
    let mut item = HistoryItem {
        ledger_index: leaf.index,
        at_unix_ms: leaf.stamp_unix_ms,
        kind: if leaf.index == 0 { "Genesis" } else { "Unreadable" },
        subject: String::new(),
        version: String::new(),
        author: command.map(|command| command.author),
        code: leaf.outcome.code,
        detail: leaf.outcome.detail.clone(),
        reason: String::new(),
        domain: None,
    };
    let Some(command) = command else { return item };
    item.kind = command.body.kind();
    let text = |version: Option<Version>| version.map_or_else(String::new, |version| version.to_string());
    match &command.body {
        Body::PublishVersion(body) => {
            item.subject = body.descriptor.id().to_string();
            item.version = body.descriptor.version.to_string();
            item.domain = Some(body.descriptor.domain.clone());
        }
        Body::DeprecateVersion(body) => {
            item.subject = body.product.to_string();
            item.version = text(body.version);
            item.reason.clone_from(&body.reason);
            item.domain = Some(body.product.domain.clone());
        }
        Body::RetireProduct(body) => {
            item.subject = body.product.to_string();
            item.version = text(body.version);
            item.reason.clone_from(&body.reason);
            item.domain = Some(body.product.domain.clone());
        }
        Body::AdmitDomains(body) => {
            item.subject = body.domains.iter().map(|d| d.name.as_str()).collect::<Vec<_>>().join(", ");
        }
        Body::GrantRole(body) => {
            item.subject = body.domain.as_ref().map_or_else(String::new, ToString::to_string);
            item.reason = format!("{} to {}", body.grant.role, body.grant.key.fingerprint());
            item.domain.clone_from(&body.domain);
        }
        Body::RevokeKey(body) => {
            item.subject = body.domain.as_ref().map_or_else(String::new, ToString::to_string);
            item.reason.clone_from(&body.reason);
            item.domain.clone_from(&body.domain);
        }
        Body::DelegateNode(body) => {
            item.subject = body.domain.to_string();
            item.reason = format!("node {}, epoch {}", body.node_id, body.epoch);
            item.domain = Some(body.domain.clone());
        }
        Body::RotateDomainKeys(body) => {
            item.subject = body.domain.to_string();
            item.domain = Some(body.domain.clone());
        }
        Body::VetoRootReplacement(body) => {
            item.subject = body.domain.to_string();
            item.reason.clone_from(&body.reason);
            item.domain = Some(body.domain.clone());
        }
        Body::OffboardMember(body) => {
            item.subject = body.key.fingerprint();
            item.reason.clone_from(&body.reason);
            item.domain.clone_from(&body.domain);
        }
        Body::Propose(body) => {
            item.subject = format!("{} {}", body.body.kind(), body.body.subject());
            item.reason.clone_from(&body.summary);
        }
        Body::Approve(body) => item.subject = format!("proposal {}", body.proposal),
        Body::Reject(body) => {
            item.subject = format!("proposal {}", body.proposal);
            item.reason.clone_from(&body.reason);
        }
        Body::Withdraw(body) => {
            item.subject = format!("proposal {}", body.proposal);
            item.reason.clone_from(&body.reason);
        }
        Body::Comment(body) => {
            item.subject = format!("proposal {}", body.proposal);
            item.reason.clone_from(&body.text);
        }
        Body::AdmitVouchedNode(body) => {
            item.subject.clone_from(&body.node.name);
            item.reason = format!("vouched for by {}", body.domain);
            item.domain = Some(body.domain.clone());
        }
        Body::RecoverVoters(body) => {
            item.subject = format!("from {} leaves on", body.size);
            item.reason.clone_from(&body.reason);
        }
        Body::FeedAnchor(body) => {
            item.subject = body.domain.to_string();
            item.reason = format!("feed of epoch {}", body.epoch);
            item.domain = Some(body.domain.clone());
        }
        Body::ReportEquivocation(body) => {
            item.subject = body.proof.feed.domain.to_string();
            item.reason = format!("two histories of epoch {}", body.proof.feed.epoch);
            item.domain = Some(body.proof.feed.domain.clone());
        }
        Body::ResolveEquivocation(body) => {
            item.subject = body.domain.to_string();
            item.reason.clone_from(&body.reason);
            item.domain = Some(body.domain.clone());
        }
        Body::Erase(body) => {
            item.subject = body.digest.to_string();
            item.reason.clone_from(&body.reason);
            item.domain = Some(body.domain.clone());
        }
    }
    item
}
