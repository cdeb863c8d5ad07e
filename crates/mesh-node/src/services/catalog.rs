//! `CatalogService`.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use mesh_catalog::{Lifecycle, Query};
use mesh_event::LedgerLeaf;
use mesh_governance::read;
use mesh_model::{Code, Digest, DomainName, ProductId, VersionId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::catalog_service_server::CatalogService;
use mesh_proto::v1::{
    CompleteRequest, CompleteResponse, Facet, FacetValue, GetAttachmentRequest, GetAttachmentResponse,
    GetProductRequest, GetProductResponse, HistoryRequest, HistoryResponse, ListProductsRequest, ListProductsResponse,
    ProductSummary, ProductVersion, Reason, SearchHit, SearchRequest, SearchResponse, VersionSummary, WatchRequest,
    WatchResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::view;
use crate::attachments;
use crate::core::{Core, storage_error};
use crate::pending::PendingVersion;
use crate::reads::{AsOf, Subject, tell};

const PAGE: usize = 200;
const LARGEST_PAGE: usize = 1_000;
const HITS: usize = 20;
const WATCHED: usize = 256;

pub(super) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

fn bad(field: &str, error: impl std::fmt::Display) -> MeshError {
    let why = error.to_string();
    MeshError { code: Code::BadArgument, message: format!("{field}: {why}"), fields: vec![(field.to_owned(), why)] }
}

fn page_size(asked: u32) -> usize {
    if asked == 0 { PAGE } else { (asked as usize).min(LARGEST_PAGE) }
}

fn parse_all<T: std::str::FromStr>(field: &str, texts: &[String]) -> Result<Vec<T>, MeshError>
where
    T::Err: std::fmt::Display,
{
    texts.iter().map(|text| text.parse().map_err(|error| bad(field, error))).collect()
}

/// `domain/name` or `domain/name@version`.
fn product_or_version(id: &str) -> Result<(ProductId, Option<mesh_model::Version>), MeshError> {
    if id.contains('@') {
        let id = VersionId::parse(id).map_err(|error| bad("id", error))?;
        return Ok((id.product, Some(id.version)));
    }
    Ok((ProductId::parse(id).map_err(|error| bad("id", error))?, None))
}

impl Service {
    /// What is not sealed is shown beside what is, and in its place only where nothing is.
    fn product_and_versions(
        &self,
        id: &ProductId,
        version: Option<mesh_model::Version>,
        as_of: AsOf,
    ) -> Result<(ProductVersion, Vec<VersionSummary>), MeshError> {
        let core = &self.core;
        let sealed = core.reads.product(core, id, version, as_of);
        let is_now = matches!(as_of, AsOf::Now);
        match sealed {
            Ok(found) => {
                let mut pending = if is_now { core.pending.of_product(core, id, false)? } else { Vec::new() };
                pending.retain(|one| found.versions.iter().all(|row| row.version != one.descriptor.version));
                let mut versions = view::pending_versions(&pending);
                versions.extend(view::versions(&found));
                Ok((view::product(&found), versions))
            }
            Err(error) if is_now && matches!(error.code, Code::UnknownProduct | Code::UnknownVersion) => {
                let pending = core.pending.of_product(core, id, true)?;
                let wanted = |one: &&PendingVersion| version.is_none_or(|version| one.descriptor.version == version);
                let Some(found) = pending.iter().rev().find(wanted) else { return Err(error) };
                let mut versions = view::pending_versions(&pending);
                if let Ok(sealed) = core.reads.product(core, id, None, as_of) {
                    versions.extend(view::versions(&sealed));
                }
                Ok((view::pending(found), versions))
            }
            Err(error) => Err(error),
        }
    }
}

/// A page of products by their ids, and after which one the next begins: sealed ones, and among them those that only wait for the ledger,
/// unless certain states are asked for.
fn list(
    core: &Core,
    domain: Option<&DomainName>,
    statuses: &[Lifecycle],
    after: Option<&ProductId>,
    limit: usize,
) -> Result<(Vec<ProductSummary>, Option<ProductId>), MeshError> {
    let (views, next) = core.reads.list(core, domain, statuses, after.cloned(), limit)?;
    let mut rows: BTreeMap<ProductId, ProductSummary> =
        views.iter().map(|found| (found.descriptor.id(), view::summary(found))).collect();
    if statuses.is_empty() {
        for (id, one) in core.pending.unsealed(core, domain, after, next.as_ref())? {
            rows.entry(id).or_insert_with(|| view::pending_summary(&one));
        }
    }
    let is_cut = rows.len() > limit;
    let next = if is_cut { rows.keys().nth(limit - 1).cloned() } else { next };
    Ok((rows.into_values().take(limit).collect(), next))
}

#[tonic::async_trait]
impl CatalogService for Service {
    async fn get_product(&self, request: Request<GetProductRequest>) -> Result<Response<GetProductResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let within = super::deadline(&self.core, &request);
        let request = request.into_inner();
        let (id, version) = product_or_version(&request.id)?;
        super::at_least(&self.core, request.at_least_index, within).await?;
        let as_of = match (request.as_of_index, request.as_of_unix_ms) {
            (Some(index), _) if index >= self.core.ledger_size() => {
                let size = self.core.ledger_size();
                let text = format!("as_of_index: this node has applied {size} leaves; expected a leaf before that");
                return Err(MeshError::new(Code::NotCaughtUp, text).into());
            }
            (Some(index), _) => AsOf::Index(index),
            (None, Some(time)) if time > crate::clock::now_unix_ms() => {
                return Err(bad("as_of_unix_ms", "expected a time that has passed").into());
            }
            (None, Some(time)) => AsOf::Index(self.core.reads.index_at(&self.core, time)?),
            (None, None) => AsOf::Now,
        };
        let (product, versions) = self.product_and_versions(&id, version, as_of)?;
        Ok(Response::new(GetProductResponse {
            product: Some(product),
            versions,
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let within = super::deadline(&self.core, &request);
        let request = request.into_inner();
        let domain = match request.domain.as_str() {
            "" => None,
            name => Some(DomainName::parse(name).map_err(|error| bad("domain", error))?),
        };
        let statuses: Vec<Lifecycle> = parse_all("statuses", &request.statuses)?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(ProductId::parse(token).map_err(|error| bad("page_token", error))?),
        };
        super::at_least(&self.core, request.at_least_index, within).await?;
        let limit = page_size(request.page_size);
        let core = Arc::clone(&self.core);
        let listed = move || list(&core, domain.as_ref(), &statuses, after.as_ref(), limit);
        let (products, next) = self.core.offload(listed).await?;
        Ok(Response::new(ListProductsResponse {
            products,
            next_page_token: next.map_or_else(String::new, |id| id.to_string()),
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let within = super::deadline(&self.core, &request);
        let request = request.into_inner();
        if let Some(index) = request.at_least_index
            && !self.core.wait_indexed(index, within).await
        {
            let text = format!("this node has indexed {} leaves; expected leaf {index}", self.core.indexed_size());
            return Err(MeshError::new(Code::NotCaughtUp, text).into());
        }
        let query = Query {
            text: request.query,
            domains: parse_all("domains", &request.domains)?,
            tags: request.tags,
            statuses: parse_all("statuses", &request.statuses)?,
            owners: request.owners,
            limit: if request.limit == 0 { HITS } else { (request.limit as usize).min(LARGEST_PAGE) },
            offset: request.offset as usize,
            explain: request.explain,
        };
        let core = Arc::clone(&self.core);
        let (limit, offset) = (query.limit, query.offset);
        let searched = move || {
            let found = core.search.search(&query).map_err(|error| MeshError::new(Code::Damaged, error.to_string()))?;
            // Sealed products are found as what they are sealed as.
            let mut pending = core.pending.search(&core, &query)?;
            let fail = |e| core.state_error(&e);
            let mut unsealed = Vec::new();
            for one in pending.drain(..) {
                if read::product(&core.state, &one.descriptor.id()).map_err(fail)?.is_none() {
                    unsealed.push(one);
                }
            }
            Ok((found, unsealed))
        };
        let (found, pending) = self.core.offload(searched).await?;
        let facet = |name: &str, values: Vec<(String, u64)>| Facet {
            name: name.to_owned(),
            values: values.into_iter().map(|(value, count)| FacetValue { value, count }).collect(),
        };
        let facets = vec![
            facet("domain", found.facets.domains),
            facet("tag", found.facets.tags),
            facet("status", found.facets.statuses),
            facet("owner", found.facets.owners),
        ];
        let hits = found.hits.into_iter().map(|hit| SearchHit {
            product: Some(ProductSummary {
                id: hit.id.to_string(),
                version: hit.version.to_string(),
                status: hit.status.to_string(),
                title: hit.title,
                description: hit.description,
                owner: hit.owner,
                tags: hit.tags,
                ledger_index: hit.ledger_index,
                pending: false,
            }),
            score: hit.score,
            why: (hit.why.into_iter())
                .map(|why| Reason {
                    field: why.field.to_owned(),
                    term: why.term,
                    matched: why.matched,
                    how: format!("{:?}", why.how).to_lowercase(),
                    weight: why.weight,
                })
                .collect(),
        });
        let mut hits: Vec<SearchHit> = hits.collect();
        // After everything that is sealed, as if they were the last hits.
        let skipped = offset.saturating_sub(found.total);
        let room = limit.saturating_sub(hits.len());
        let hit = |one| SearchHit { product: Some(view::pending_summary(one)), score: 0.0, why: Vec::new() };
        hits.extend(pending.iter().skip(skipped).take(room).map(hit));
        Ok(Response::new(SearchResponse {
            hits,
            total: (found.total + pending.len()) as u64,
            facets,
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn history(&self, request: Request<HistoryRequest>) -> Result<Response<HistoryResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let request = request.into_inner();
        let subject = if request.id.contains('/') {
            let (id, _) = product_or_version(&request.id)?;
            self.core.reads.product(&self.core, &id, None, AsOf::Now)?;
            Subject::Product(id)
        } else {
            let name = DomainName::parse(&request.id).map_err(|error| bad("id", error))?;
            let known = read::domain(&self.core.state, &name).map_err(|e| self.core.state_error(&e))?;
            if known.is_none() {
                return Err(MeshError::new(Code::UnknownDomain, format!("no domain is called {name}")).into());
            }
            Subject::Domain(name)
        };
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(token.parse().map_err(|error| bad("page_token", error))?),
        };
        let limit = page_size(request.page_size);
        self.core.catch_up().await;
        let (items, next) = self.core.reads.history(&self.core, &subject, after, limit)?;
        Ok(Response::new(HistoryResponse {
            items: items.into_iter().map(view::history).collect(),
            next_page_token: next.map_or_else(String::new, |index| index.to_string()),
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        super::check_token(&self.core, &request)?;
        let request = request.into_inner();
        let domains: Vec<DomainName> = parse_all("domains", &request.domains)?;
        let next = request.from_index.unwrap_or_else(|| self.core.ledger_size());
        let (send, receive) = mpsc::channel(WATCHED);
        let core = Arc::clone(&self.core);
        self.core.tasks.spawn(async move {
            if let Err(status) = watch(&core, next, &domains, &send).await {
                // The client may be gone; then nobody needs the reason.
                drop(send.send(Err(status)).await);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }

    async fn get_attachment(
        &self,
        request: Request<GetAttachmentRequest>,
    ) -> Result<Response<GetAttachmentResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let request = request.into_inner();
        let digest = Digest::from_slice(&request.digest).ok_or_else(|| bad("digest", "expected 32 bytes"))?;
        let attachment = if request.domain.is_empty() {
            attachments::serve(&self.core, digest, request.read_request).await?
        } else {
            let domain = DomainName::parse(&request.domain).map_err(|error| bad("domain", error))?;
            attachments::serve_text(&self.core, &domain, digest, request.read_request, true).await?
        };
        Ok(Response::new(GetAttachmentResponse { attachment: Some(attachment) }))
    }

    async fn complete(&self, request: Request<CompleteRequest>) -> Result<Response<CompleteResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let request = request.into_inner();
        let limit = page_size(request.limit);
        let ids = self.core.search.suggest(&request.prefix, limit);
        Ok(Response::new(CompleteResponse { ids: ids.iter().map(ToString::to_string).collect() }))
    }
}

/// Sends what leaves say, from `next` on, until the client or the node goes away.
async fn watch(
    core: &Core,
    mut next: u64,
    domains: &[DomainName],
    send: &mpsc::Sender<Result<WatchResponse, Status>>,
) -> Result<(), Status> {
    let mut end = core.follow();
    loop {
        let size = end.borrow_and_update().size;
        while next < size {
            let leaves = core.store.ledger().leaves(next..size, WATCHED).map_err(|e| storage_error(&e))?;
            let Some((last, _)) = leaves.last() else { break };
            next = last + 1;
            for (index, bytes) in leaves {
                let leaf = LedgerLeaf::decode(&bytes)
                    .map_err(|error| MeshError::new(Code::Damaged, format!("leaf {index}: {error}")))?;
                let item = tell(&leaf);
                if !domains.is_empty() && !item.domain.as_ref().is_some_and(|domain| domains.contains(domain)) {
                    continue;
                }
                let response = WatchResponse {
                    ledger_index: item.ledger_index,
                    at_unix_ms: item.at_unix_ms,
                    kind: item.kind.to_owned(),
                    subject: item.subject,
                    version: item.version,
                    code: item.code.number(),
                    detail: item.detail,
                };
                if send.send(Ok(response)).await.is_err() {
                    return Ok(());
                }
            }
        }
        tokio::select! {
            changed = end.changed() => if changed.is_err() { return Ok(()) },
            () = send.closed() => return Ok(()),
            () = core.stopping.cancelled() => return Err(MeshError::new(Code::Unavailable, "the node stops; watch again elsewhere").into()),
        }
    }
}
