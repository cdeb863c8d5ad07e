//! Reading products: one, lists, search, history, attachments.

use mesh_event::Signer;
use mesh_event::attachment::PrivateAttachment;
use mesh_model::{Code, Digest, DomainName, LedgerIndex, PublicKey, UnixMs, Version};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::command::read_request;
use crate::convert::{code, key, missing, odd, optional};
use crate::product::{Facet, ProductSummary, ProductView, SearchHit};
use crate::retry::{Failed, Repeat};

/// Which state of the ledger a read is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Read {
    /// Waits until the node has applied this leaf: read your writes.
    pub at_least_index: Option<LedgerIndex>,
    /// Shows things as they were after this leaf.
    pub as_of_index: Option<LedgerIndex>,
    /// Shows things as they were at this ledger time.
    pub as_of_unix_ms: Option<UnixMs>,
}

impl Read {
    /// Not older than this leaf.
    pub fn at_least(index: LedgerIndex) -> Self {
        Self { at_least_index: Some(index), ..Self::default() }
    }
}

/// Which products to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// Of this domain; of all when empty.
    pub domain: String,
    /// In these states; all but retired when empty.
    pub statuses: Vec<String>,
    /// At most so many; all when `None`.
    pub limit: Option<usize>,
    /// Not older than this leaf.
    pub at_least_index: Option<LedgerIndex>,
}

/// A list, and whether it is the whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Whether there is more than was asked for.
    pub cut: bool,
    /// How old the answer may be: of its last page.
    pub freshness: Freshness,
}

/// What to search for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchQuery {
    /// Words.
    pub query: String,
    /// Only of these domains.
    pub domains: Vec<String>,
    /// Only with all of these tags.
    pub tags: Vec<String>,
    /// Only in these states.
    pub statuses: Vec<String>,
    /// Only of these owners.
    pub owners: Vec<String>,
    /// At most so many; 20 when 0, never more than 1,000.
    pub limit: u32,
    /// So many from the top are left out.
    pub offset: u32,
    /// Whether to say why.
    pub explain: bool,
    /// Not older than this leaf.
    pub at_least_index: Option<LedgerIndex>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchPage {
    /// The best first.
    pub hits: Vec<SearchHit>,
    /// How many there are in all.
    pub total: u64,
    /// Counts over all hits.
    pub facets: Vec<Facet>,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// Something that the ledger decided about a product or a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryItem {
    /// The leaf.
    pub ledger_index: LedgerIndex,
    /// Ledger time.
    pub at_unix_ms: UnixMs,
    /// `PublishVersion`, `DeprecateVersion`, …
    pub kind: String,
    /// The version that it is about; `None` for all.
    pub version: Option<Version>,
    /// Who signed.
    pub author: Option<PublicKey>,
    /// Accepted, or why not.
    #[serde(serialize_with = "crate::convert::code_slug::serialize")]
    pub code: Code,
    /// What the code is about.
    pub detail: String,
    /// The author's reason.
    pub reason: String,
}

/// Most items of one page.
const PAGE: u32 = 1000;

impl Client {
    /// One version of a product: `domain/name` (the newest) or `domain/name@version`.
    ///
    /// # Errors
    /// [`Code::UnknownProduct`], [`Code::UnknownVersion`], [`Code::NotCaughtUp`], or the transport's.
    pub async fn product(&self, id: &str, read: Read) -> Result<ProductView, MeshError> {
        let message = v1::GetProductRequest {
            id: id.to_owned(),
            at_least_index: read.at_least_index,
            as_of_index: read.as_of_index,
            as_of_unix_ms: read.as_of_unix_ms,
        };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.catalog().get_product(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        ProductView::of(answer.into_inner())
    }

    /// All products that fit, page after page.
    ///
    /// # Errors
    /// The transport's.
    pub async fn products(&self, query: &ListQuery) -> Result<Listing<ProductSummary>, MeshError> {
        let mut items = Vec::new();
        let mut page_token = String::new();
        loop {
            let wanted =
                query.limit.map_or(PAGE, |limit| u32::try_from(limit - items.len()).unwrap_or(PAGE).clamp(1, PAGE));
            let message = v1::ListProductsRequest {
                domain: query.domain.clone(),
                statuses: query.statuses.clone(),
                page_size: wanted,
                page_token: std::mem::take(&mut page_token),
                at_least_index: query.at_least_index,
            };
            let answer = self
                .call(Repeat::Read, async |attempt| {
                    let answer = attempt.catalog().list_products(attempt.request(message.clone())).await;
                    answer.map_err(|status| Failed::of(status, &attempt.url))
                })
                .await?
                .into_inner();
            items.extend(answer.products.into_iter().map(ProductSummary::from));
            let full = query.limit.is_some_and(|limit| items.len() >= limit);
            if answer.next_page_token.is_empty() || full {
                let mut cut = !answer.next_page_token.is_empty();
                if let Some(limit) = query.limit
                    && items.len() > limit
                {
                    items.truncate(limit);
                    cut = true;
                }
                return Ok(Listing { items, cut, freshness: Freshness::of(answer.freshness) });
            }
            page_token = answer.next_page_token;
        }
    }

    /// Searches.
    ///
    /// # Errors
    /// The transport's.
    pub async fn search(&self, query: &SearchQuery) -> Result<SearchPage, MeshError> {
        let message = v1::SearchRequest {
            query: query.query.clone(),
            domains: query.domains.clone(),
            tags: query.tags.clone(),
            statuses: query.statuses.clone(),
            owners: query.owners.clone(),
            limit: query.limit,
            offset: query.offset,
            explain: query.explain,
            at_least_index: query.at_least_index,
        };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.catalog().search(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        Ok(SearchPage {
            hits: answer.hits.into_iter().map(SearchHit::from).collect(),
            total: answer.total,
            facets: answer.facets.into_iter().map(Facet::from).collect(),
            freshness: Freshness::of(answer.freshness),
        })
    }

    /// Everything that the ledger decided about a product or a domain, oldest first.
    ///
    /// # Errors
    /// [`Code::UnknownProduct`], [`Code::UnknownDomain`], or the transport's.
    pub async fn history(&self, id: &str) -> Result<Listing<HistoryItem>, MeshError> {
        let mut items = Vec::new();
        let mut page_token = String::new();
        loop {
            let message = v1::HistoryRequest { id: id.to_owned(), page_size: PAGE, page_token };
            let answer = self
                .call(Repeat::Read, async |attempt| {
                    let answer = attempt.catalog().history(attempt.request(message.clone())).await;
                    answer.map_err(|status| Failed::of(status, &attempt.url))
                })
                .await?
                .into_inner();
            for item in answer.items {
                items.push(history_item(item)?);
            }
            if answer.next_page_token.is_empty() {
                return Ok(Listing { items, cut: false, freshness: Freshness::of(answer.freshness) });
            }
            page_token = answer.next_page_token;
        }
    }

    /// Ids and domains that start with a text, for completion.
    ///
    /// # Errors
    /// The transport's.
    pub async fn complete(&self, prefix: &str, limit: u32) -> Result<Vec<String>, MeshError> {
        let message = v1::CompleteRequest { prefix: prefix.to_owned(), limit };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.catalog().complete(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        Ok(answer.into_inner().ids)
    }

    /// The bytes of an attachment that everybody may read, checked against its digest.
    ///
    /// # Errors
    /// [`Code::AttachmentMissing`], [`Code::ReadDenied`] for a private one, [`Code::Damaged`] when the bytes are others.
    pub async fn attachment(&self, digest: Digest) -> Result<Vec<u8>, MeshError> {
        let body = self.attachment_bytes(digest, None, None).await?;
        if Digest::of(&body.body) != digest {
            return Err(damaged(digest));
        }
        Ok(body.body)
    }

    /// The bytes of a private attachment; the signer's key has to be one that may read it.
    ///
    /// # Errors
    /// [`Code::AttachmentMissing`], [`Code::ReadDenied`], [`Code::Damaged`] when the bytes are others.
    pub async fn private_attachment(
        &self,
        digest: Digest,
        signer: &dyn Signer,
    ) -> Result<PrivateAttachment, MeshError> {
        self.private_attachment_in(digest, None, signer).await
    }

    /// The same of the text of a fact in a domain's feed.
    pub(crate) async fn private_attachment_in(
        &self,
        digest: Digest,
        fact_in: Option<&DomainName>,
        signer: &dyn Signer,
    ) -> Result<PrivateAttachment, MeshError> {
        let mesh = self.mesh().await?;
        let request = read_request(mesh.id, digest, signer)?;
        let body = self.attachment_bytes(digest, Some(request), fact_in).await?;
        let attachment = PrivateAttachment::parse(&body.body).map_err(|error| odd("attachment", error))?;
        if attachment.digest() != digest {
            return Err(damaged(digest));
        }
        Ok(attachment)
    }

    async fn attachment_bytes(
        &self,
        digest: Digest,
        read: Option<Vec<u8>>,
        fact_in: Option<&DomainName>,
    ) -> Result<v1::AttachmentBody, MeshError> {
        let message = v1::GetAttachmentRequest {
            digest: digest.0.to_vec(),
            read_request: read.unwrap_or_default(),
            domain: fact_in.map_or_else(String::new, ToString::to_string),
        };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.catalog().get_attachment(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        answer.into_inner().attachment.ok_or_else(|| missing("attachment"))
    }
}

fn damaged(digest: Digest) -> MeshError {
    MeshError::new(Code::Damaged, format!("the node sent other bytes than the attachment {} has", digest.short()))
}

fn history_item(m: v1::HistoryItem) -> Result<HistoryItem, MeshError> {
    Ok(HistoryItem {
        ledger_index: m.ledger_index,
        at_unix_ms: m.at_unix_ms,
        kind: m.kind,
        version: optional("items.version", &m.version)?,
        author: if m.author.is_empty() { None } else { Some(key("items.author", &m.author)?) },
        code: code("items.code", m.code)?,
        detail: m.detail,
        reason: m.reason,
    })
}
