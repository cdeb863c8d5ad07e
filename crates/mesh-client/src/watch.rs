//! Ledger facts as they happen, across broken connections.

use std::collections::VecDeque;

use futures::Stream;
use mesh_model::{Code, LedgerIndex, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::client::Client;
use crate::convert::code;
use crate::retry::{Failed, ROUNDS, Repeat, pause};

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchItem {
    /// The leaf.
    pub ledger_index: LedgerIndex,
    /// Ledger time.
    pub at_unix_ms: UnixMs,
    /// `PublishVersion`, `AdmitDomain`, …
    pub kind: String,
    /// The product or domain that it is about.
    pub subject: String,
    /// The version; empty when it is about none.
    pub version: String,
    /// Accepted, or why not.
    #[serde(serialize_with = "crate::convert::code_slug::serialize")]
    pub code: Code,
    /// What the code is about.
    pub detail: String,
}

struct Watching {
    client: Client,
    next_index: Option<LedgerIndex>,
    domains: Vec<String>,
    open: Option<tonic::Streaming<v1::WatchResponse>>,
    failures: u32,
    ended: bool,
}

impl Client {
    /// Ledger facts from an index on, or from the present on. A broken connection is taken up again where it broke; an
    /// error ends the stream.
    ///
    /// Without `from_index`, facts that are sealed while the very first connection is being made again may be missed:
    /// name an index to miss nothing.
    pub fn watch(
        &self,
        from_index: Option<LedgerIndex>,
        domains: Vec<String>,
    ) -> impl Stream<Item = Result<WatchItem, MeshError>> + Send + use<> {
        let start =
            Watching { client: self.clone(), next_index: from_index, domains, open: None, failures: 0, ended: false };
        futures::stream::unfold(start, |mut watching| async move {
            let item = watching.next().await?;
            Some((item, watching))
        })
    }
}

impl Watching {
    async fn next(&mut self) -> Option<Result<WatchItem, MeshError>> {
        loop {
            if self.ended {
                return None;
            }
            let error = match self.step().await {
                Ok(item) => {
                    self.failures = 0;
                    self.next_index = Some(item.ledger_index + 1);
                    return Some(Ok(item));
                }
                Err(error) => error,
            };
            self.open = None;
            self.failures += 1;
            let may_pass = matches!(error.code.class(), mesh_model::Class::Unavailable);
            if !may_pass || self.failures >= ROUNDS {
                self.ended = true;
                return Some(Err(error));
            }
            tokio::time::sleep(pause(self.failures)).await;
        }
    }

    async fn step(&mut self) -> Result<WatchItem, MeshError> {
        if self.open.is_none() {
            let message = v1::WatchRequest { from_index: self.next_index, domains: self.domains.clone() };
            let opened = self
                .client
                .call(Repeat::Read, async |attempt| {
                    let answer = attempt.catalog().watch(attempt.unbounded(message.clone())).await;
                    answer.map_err(|status| Failed::of(status, &attempt.url))
                })
                .await?;
            self.open = Some(opened.into_inner());
        }
        let open = self.open.as_mut().expect("opened above");
        match open.message().await {
            Ok(Some(m)) => Ok(WatchItem {
                ledger_index: m.ledger_index,
                at_unix_ms: m.at_unix_ms,
                kind: m.kind,
                subject: m.subject,
                version: m.version,
                code: code("code", m.code)?,
                detail: m.detail,
            }),
            Ok(None) => Err(MeshError::new(Code::Unavailable, "the node ended the watch")),
            Err(status) => Err(Failed::of(status, "the node").error),
        }
    }
}

struct Following {
    client: Client,
    next_index: LedgerIndex,
    left: Option<u64>,
    follow: bool,
    open: Option<tonic::Streaming<v1::StreamEntriesResponse>>,
    ready: VecDeque<Vec<u8>>,
    failures: u32,
    ended: bool,
}

impl Client {
    /// Exact leaf bytes with their index, from an index on: at most `limit`, and for ever with `follow`. A broken
    /// connection is taken up again where it broke; an error ends the stream.
    pub fn ledger_entries(
        &self,
        from_index: LedgerIndex,
        limit: Option<u64>,
        follow: bool,
    ) -> impl Stream<Item = Result<(LedgerIndex, Vec<u8>), MeshError>> + Send + use<> {
        let start = Following {
            client: self.clone(),
            next_index: from_index,
            left: limit,
            follow,
            open: None,
            ready: VecDeque::new(),
            failures: 0,
            ended: limit == Some(0),
        };
        futures::stream::unfold(start, |mut following| async move {
            let item = following.next().await?;
            Some((item, following))
        })
    }
}

impl Following {
    async fn next(&mut self) -> Option<Result<(LedgerIndex, Vec<u8>), MeshError>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                let index = self.next_index;
                self.next_index += 1;
                if let Some(left) = &mut self.left {
                    *left -= 1;
                    self.ended = *left == 0;
                }
                if self.ended {
                    self.ready.clear();
                }
                return Some(Ok((index, bytes)));
            }
            if self.ended {
                return None;
            }
            match self.step().await {
                Ok(()) => self.failures = 0,
                Err(error) => {
                    self.open = None;
                    self.failures += 1;
                    let may_pass = matches!(error.code.class(), mesh_model::Class::Unavailable);
                    if !may_pass || self.failures >= ROUNDS {
                        self.ended = true;
                        return Some(Err(error));
                    }
                    tokio::time::sleep(pause(self.failures)).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<(), MeshError> {
        if self.open.is_none() {
            let message = v1::StreamEntriesRequest {
                from_index: self.next_index,
                limit: self.left.unwrap_or(0),
                follow: self.follow,
            };
            let opened = self
                .client
                .call(Repeat::Read, async |attempt| {
                    let answer = attempt.ledger().stream_entries(attempt.unbounded(message)).await;
                    answer.map_err(|status| Failed::of(status, &attempt.url))
                })
                .await?;
            self.open = Some(opened.into_inner());
        }
        let open = self.open.as_mut().expect("opened above");
        match open.message().await {
            Ok(Some(page)) if page.leaves.is_empty() => Ok(()),
            Ok(Some(page)) if page.first_index != self.next_index => {
                let (expected, found) = (self.next_index, page.first_index);
                Err(crate::convert::odd("first_index", format!("expected {expected}; found {found}")))
            }
            Ok(Some(page)) => {
                self.ready = page.leaves.into();
                Ok(())
            }
            Ok(None) if self.follow => Err(MeshError::new(Code::Unavailable, "the node ended the stream")),
            Ok(None) => {
                self.ended = true;
                Ok(())
            }
            Err(status) => Err(Failed::of(status, "the node").error),
        }
    }
}
