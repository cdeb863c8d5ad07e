//! A server on a loopback socket that speaks the services' protocol and answers by a script. It stands for a network
//! and a node that misbehave on purpose, which no real node does on request.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt as _};
use mesh_client::Outgoing;
use mesh_event::{Command, Council, Envelope, GenesisDocument, Keypair, NodeRecord, Seat, Signer};
use mesh_model::{Code, MeshId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::governance_service_server::{GovernanceService, GovernanceServiceServer};
use mesh_proto::v1::publish_service_server::{PublishService, PublishServiceServer};
use mesh_proto::v1::*;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

/// A founded mesh.
#[derive(Clone)]
pub(crate) struct Founded {
    pub(crate) genesis: Vec<u8>,
    pub(crate) id: MeshId,
}

impl Founded {
    pub(crate) fn new(name: &str) -> Self {
        let [council, node, log, cosigner]: [Keypair; 4] =
            std::array::from_fn(|_| mesh_client::command::random_keypair());
        let mut record = NodeRecord {
            node_id: 1,
            name: "one".into(),
            key: node.public_key(),
            log_key: Some(log.public_key()),
            cosigner_key: Some(cosigner.public_key()),
            api_address: "127.0.0.1:7080".into(),
            peer_address: "127.0.0.1:7946".into(),
            possession: Vec::new(),
        };
        record.prove_possession(&[&node, &log, &cosigner]);
        let document = GenesisDocument {
            mesh_name: name.into(),
            council: Council {
                threshold: 1,
                seats: vec![Seat { name: "one".into(), key: council.public_key(), domain: None }],
            },
            voters: vec![record],
            protocol_version: 1,
            created_unix_ms: 0,
            nonce: mesh_client::command::random_salt(),
            recovery_keys: Vec::new(),
            min_review_ms: 0,
        };
        let envelope = Envelope::sign(mesh_event::envelope::GENESIS, document.encode(), &[&council]).unwrap();
        let id = mesh_event::genesis::SealedGenesis::parse(envelope.bytes().to_vec()).unwrap().mesh_id;
        Self { genesis: envelope.into_bytes(), id }
    }
}

/// How the server misbehaves.
#[derive(Clone, Default)]
pub(crate) struct Script {
    /// So many commands are refused first.
    pub(crate) refuse_first: usize,
    /// With this code.
    pub(crate) refuse_with: Option<Code>,
    /// Commands are taken and never answered.
    pub(crate) silent: bool,
    /// A stream ends after so many acknowledgements.
    pub(crate) break_after: Option<u64>,
    /// Acknowledgements wait until so many commands are there, or no more can come.
    pub(crate) hold: usize,
    /// The event that a home shows for every domain's own rules.
    pub(crate) rules: Vec<u8>,
}

#[derive(Default)]
struct Seen {
    received: Vec<Vec<u8>>,
    connections: usize,
    most_in_flight: usize,
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(founded: Founded, script: Script) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let service = Service { founded, script, seen: Arc::clone(&seen) };
        let router = tonic::transport::Server::builder()
            .add_service(GovernanceServiceServer::new(service.clone()))
            .add_service(PublishServiceServer::new(service));
        let task =
            tokio::spawn(async move { router.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
        Self { url, seen, task }
    }

    pub(crate) fn received(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().received.clone()
    }
    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }
    pub(crate) fn most_in_flight(&self) -> usize {
        self.seen.lock().unwrap().most_in_flight
    }
}

#[derive(Clone)]
struct Service {
    founded: Founded,
    script: Script,
    seen: Arc<Mutex<Seen>>,
}

pub(crate) fn command_id(outgoing: &Outgoing) -> String {
    Command::decode(outgoing.envelope.payload()).unwrap().id.to_string()
}

fn acknowledge(envelope: Vec<u8>) -> Acknowledgement {
    let envelope = Envelope::parse(envelope).unwrap();
    Acknowledgement {
        command_id: Command::decode(envelope.payload()).unwrap().id.0.to_vec(),
        reached: WaitLevel::Sealed.into(),
        feed: None,
        ledger_index: Some(1),
        code: Some(0),
        detail: String::new(),
        version_id: String::new(),
    }
}

impl Service {
    async fn take(&self, envelope: Vec<u8>) -> Result<Acknowledgement, Status> {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.received.push(envelope.clone());
            seen.received.len()
        };
        if self.script.silent {
            std::future::pending::<()>().await;
        }
        match self.script.refuse_with {
            Some(code) if number <= self.script.refuse_first => Err(MeshError::new(code, "as the script says").into()),
            _ => Ok(acknowledge(envelope)),
        }
    }
}

#[tonic::async_trait]
impl PublishService for Service {
    async fn plan(&self, _: Request<PlanRequest>) -> Result<Response<PlanResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let acknowledgement = self.take(request.into_inner().envelope).await?;
        Ok(Response::new(PublishResponse { acknowledgement: Some(acknowledgement) }))
    }

    type PublishStreamStream = Pin<Box<dyn Stream<Item = Result<PublishStreamResponse, Status>> + Send>>;

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        self.seen.lock().unwrap().connections += 1;
        let (script, seen) = (self.script.clone(), Arc::clone(&self.seen));
        let mut requests = request.into_inner();
        let (sender, answers) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            let mut waiting = std::collections::VecDeque::new();
            let mut number = 0;
            loop {
                let ended = match requests.next().await {
                    Some(Ok(request)) => {
                        waiting.push_back(request.envelope);
                        let mut seen = seen.lock().unwrap();
                        seen.most_in_flight = seen.most_in_flight.max(waiting.len());
                        false
                    }
                    Some(Err(_)) => return,
                    None => true,
                };
                if script.silent {
                    std::future::pending::<()>().await;
                }
                while !waiting.is_empty() && (ended || waiting.len() > script.hold) {
                    if script.break_after.is_some_and(|most| number >= most) {
                        let broken = Status::unavailable("the connection was cut");
                        drop(sender.send(Err(broken)).await);
                        return;
                    }
                    let acknowledgement = acknowledge(waiting.pop_front().unwrap());
                    let result = publish_stream_response::Result::Acknowledgement(acknowledgement);
                    let answer = PublishStreamResponse { number, result: Some(result) };
                    number += 1;
                    if sender.send(Ok(answer)).await.is_err() {
                        return;
                    }
                }
                if ended {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(tokio_stream::wrappers::ReceiverStream::new(answers))))
    }
}

#[tonic::async_trait]
impl GovernanceService for Service {
    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let acknowledgement = self.take(request.into_inner().envelope).await?;
        Ok(Response::new(SubmitResponse { acknowledgement: Some(acknowledgement) }))
    }
    async fn get_mesh(&self, _: Request<GetMeshRequest>) -> Result<Response<GetMeshResponse>, Status> {
        Ok(Response::new(GetMeshResponse {
            mesh_id: self.founded.id.0.to_vec(),
            name: "acme".into(),
            protocol_version: 1,
            genesis: self.founded.genesis.clone(),
            freshness: None,
        }))
    }
    async fn get_council(&self, _: Request<GetCouncilRequest>) -> Result<Response<GetCouncilResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn get_domain(&self, _: Request<GetDomainRequest>) -> Result<Response<GetDomainResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn list_domains(&self, _: Request<ListDomainsRequest>) -> Result<Response<ListDomainsResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn seal_feed(
        &self,
        _: Request<mesh_proto::v1::SealFeedRequest>,
    ) -> Result<Response<mesh_proto::v1::FeedHeadResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn get_feed_head(
        &self,
        _: Request<mesh_proto::v1::GetFeedHeadRequest>,
    ) -> Result<Response<mesh_proto::v1::FeedHeadResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn set_domain_rules(
        &self,
        _: Request<SetDomainRulesRequest>,
    ) -> Result<Response<SetDomainRulesResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn get_domain_rules(
        &self,
        _: Request<GetDomainRulesRequest>,
    ) -> Result<Response<GetDomainRulesResponse>, Status> {
        let event = self.script.rules.clone();
        let since_unix_ms = Vec::new();
        Ok(Response::new(GetDomainRulesResponse { event, epoch: 1, home_node_id: 1, freshness: None, since_unix_ms }))
    }
    async fn list_nodes(&self, _: Request<ListNodesRequest>) -> Result<Response<ListNodesResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn who_am_i(&self, _: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn list_proposals(
        &self,
        _: Request<ListProposalsRequest>,
    ) -> Result<Response<ListProposalsResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn get_proposal(&self, _: Request<GetProposalRequest>) -> Result<Response<GetProposalResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn list_standards(
        &self,
        _: Request<ListStandardsRequest>,
    ) -> Result<Response<ListStandardsResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn preview_standard(
        &self,
        _: Request<PreviewStandardRequest>,
    ) -> Result<Response<PreviewStandardResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn get_compliance(
        &self,
        _: Request<GetComplianceRequest>,
    ) -> Result<Response<GetComplianceResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn list_waivers(&self, _: Request<ListWaiversRequest>) -> Result<Response<ListWaiversResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
    async fn list_terms(&self, _: Request<ListTermsRequest>) -> Result<Response<ListTermsResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
}
