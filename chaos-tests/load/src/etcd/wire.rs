//! The few messages of etcd's `rpc.proto` that are needed, by hand. Field numbers are etcd's.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

const CALL: Duration = Duration::from_secs(30);

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(uint64, tag = "2")]
    member_id: u64,
    #[prost(int64, tag = "3")]
    revision: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bool, tag = "7")]
    serializable: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RangeResponse {
    #[prost(int64, tag = "4")]
    count: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

/// A client with a connection of its own.
#[derive(Clone)]
pub(super) struct Kv {
    grpc: Grpc<Channel>,
}

impl Kv {
    /// Connects to a member's client port.
    ///
    /// # Errors
    /// When it does not listen.
    pub(super) async fn connect(port: u16) -> Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).context("an address")?;
        let endpoint = endpoint.tcp_nodelay(true).connect_timeout(CALL).timeout(CALL);
        Ok(Self { grpc: Grpc::new(endpoint.connect().await.context("etcd does not listen")?) })
    }

    /// Puts one key; durable on a quorum when this returns.
    ///
    /// # Errors
    /// When it is refused or lost.
    pub(super) async fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        let answer: PutResponse = self.call("/etcdserverpb.KV/Put", PutRequest { key, value }).await?;
        if answer.header.is_none_or(|header| header.revision == 0) {
            bail!("etcd answered a put without a revision");
        }
        Ok(())
    }

    /// Reads one key from this member's own state.
    ///
    /// # Errors
    /// When it is not there.
    pub(super) async fn get(&mut self, key: Vec<u8>) -> Result<()> {
        let answer: RangeResponse =
            self.call("/etcdserverpb.KV/Range", RangeRequest { key, serializable: true }).await?;
        if answer.count != 1 {
            bail!("etcd does not have the key");
        }
        Ok(())
    }

    /// Whether this member leads; `None` while nobody does.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn leads(&mut self) -> Result<Option<bool>> {
        let status: StatusResponse = self.call("/etcdserverpb.Maintenance/Status", StatusRequest {}).await?;
        let own = status.header.map_or(0, |header| header.member_id);
        Ok((status.leader != 0).then_some(status.leader == own))
    }

    async fn call<Q, A>(&mut self, path: &'static str, request: Q) -> Result<A>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        self.grpc.ready().await.context("etcd cannot be reached")?;
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        let request = tonic::Request::new(request);
        Ok(self.grpc.unary(request, PathAndQuery::from_static(path), codec).await?.into_inner())
    }
}
