//! Claims about the peer port: who gets in, who doesn't, and who goes again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::strangers::{
    self, Shown, chain, channels, claiming, connect, hello, of_node, self_made, until_end,
};
use crate::support::{Mesh, descriptor, keypair};
use mesh_event::proposal::{Propose, RevokeNode};
use mesh_event::{Body, NodeRecord, ProposalBody, Signer as _, tls_keypair};
use mesh_model::{Code, MeshId, NodeId};
use mesh_node::transport::{Dialer, PeerChannels, Whereabouts};
use mesh_proto::status::MeshError;
use mesh_proto::v1::federation_service_client::FederationServiceClient;
use mesh_proto::v1::greeting::Answer;
use mesh_proto::v1::home_service_client::HomeServiceClient;
use mesh_proto::v1::raft_service_client::RaftServiceClient;
use mesh_proto::v1::{
    CosignRequest, FetchCheckpointRequest, OfferCheckpointRequest, PublishRequest, RaftFrame, WaitLevel,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(5);

/// A ClientHello of TLS 1.2, as RFC 5246 has it, without the extension that says 1.3.
fn client_hello_of_tls_12() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 0x0a, 0, 4, 0, 2, 0, 0x1d, // supported groups: x25519
        0, 0x0d, 0, 6, 0, 4, 0x08, 0x07, 0x04, 0x03, // signatures: Ed25519, ECDSA
        0, 0x0b, 0, 2, 1, 0, // points: uncompressed
    ];
    let mut body = vec![0x03, 0x03];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut hello = vec![0x16, 0x03, 0x01];
    hello.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
    hello.extend([1, 0, length[0], length[1]]);
    hello.extend(body);
    hello
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_no_answer_and_cost_the_mesh_nothing() {
    let mesh = Mesh::start_with(|config| {
        config.peer.handshake_ms = 1_000;
        config.peer.handshakes_per_address = 12;
    })
    .await;
    mesh.admit_domains().await;
    let (address, id) = (mesh.node(1).peer_address(), mesh.genesis.mesh_id);
    let other = MeshId([9; 32]);
    let admitted = keypair("node-3").public_key();
    let shows: [(&str, Option<Shown>); 6] = [
        ("nothing", None),
        ("what anybody can make", Some(self_made())),
        ("the certificate of a key that nobody admitted", Some(of_node(&keypair("stranger"), &id))),
        ("a node's certificate of another mesh", Some(of_node(&keypair("node-3"), &other))),
        (
            "an admitted key that certified nothing",
            Some(claiming(&admitted, &keypair("tls"), &keypair("stranger"), &id)),
        ),
        ("a key that has another purpose in the ledger", Some(of_node(&keypair("engineer"), &id))),
    ];
    for (what, shown) in shows {
        let told = match connect(address, shown).await {
            Err(_) => Vec::new(),
            Ok(mut stream) => {
                // Whatever it says, it hears nothing.
                drop(stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await);
                until_end(&mut stream, SOON).await
            }
        };
        assert!(told.is_empty(), "somebody who shows {what} was told {told:?}");
    }

    // An old protocol is refused by name.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&client_hello_of_tls_12()).await.unwrap();
    let alert = until_end(&mut stream, SOON).await;
    assert_eq!((alert.first(), alert.last()), (Some(&0x15), Some(&70)), "expected protocol_version: {alert:?}");

    // Somebody who says nothing, or a byte now and then, is gone after its time.
    let began = Instant::now();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut slow = TcpStream::connect(address).await.unwrap();
    let drip = async {
        for byte in client_hello_of_tls_12().into_iter().take(50) {
            if slow.write_all(&[byte]).await.is_err() {
                return;
            }
            if matches!(tokio::time::timeout(Duration::from_millis(100), slow.read_u8()).await, Ok(Err(_))) {
                return;
            }
        }
        panic!("a connection that drips was kept");
    };
    tokio::join!(drip, async { drop(until_end(&mut silent, SOON).await) });
    assert!(began.elapsed() >= Duration::from_millis(800), "they were let go too soon for an honest slow line");

    // Garbage for ever ends at once, and not by the clock.
    let mut garbage = TcpStream::connect(address).await.unwrap();
    let for_ever = async { while garbage.write_all(&[0xa5; 4096]).await.is_ok() {} };
    tokio::time::timeout(SOON, for_ever).await.expect("garbage is not read for ever");

    // More connections than one address may have under way: the rest are gone at once.
    let mut many = Vec::new();
    for _ in 0..40 {
        many.push(TcpStream::connect(address).await.unwrap());
    }
    let mut gone = 0;
    for stream in &mut many {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut byte)).await;
        gone += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert!(gone >= 40 - 12, "only {gone} of 40 were refused");
    drop(many);

    mesh.publish(1, descriptor(2, "orders")).await;
    mesh.stop().await;
}

async fn greet(address: SocketAddr, shown: Shown, id: &MeshId, node: NodeId, protocols: (u32, u32)) -> Option<Answer> {
    let mut stream = connect(address, shown).await.unwrap();
    hello(&mut stream, id, node, protocols).await.unwrap().answer
}

fn refused(answer: Option<Answer>) -> String {
    match answer {
        Some(Answer::Refused(why)) => why,
        answer => panic!("expected a refusal, found {answer:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_speaks_for_another_node() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let (one, id) = (mesh.node(1).peer_address(), mesh.genesis.mesh_id);
    let as_three = || of_node(&keypair("node-3"), &id);

    // At the greeting.
    let newest = mesh_event::genesis::PROTOCOL_VERSION;
    assert!(
        matches!(greet(one, as_three(), &id, 3, (1, newest)).await, Some(Answer::Hello(hello)) if hello.node_id == 1)
    );
    let why = refused(greet(one, as_three(), &id, 2, (1, newest)).await);
    assert!(why.contains("expected node 3") && why.contains("found node 2"), "{why}");
    let why = refused(greet(one, as_three(), &MeshId([9; 32]), 3, (1, newest)).await);
    assert!(why.contains(&id.to_string()), "{why}");
    let why = refused(greet(one, as_three(), &id, 3, (newest + 1, newest + 4)).await);
    let (ours, theirs) = (format!("1 to {newest}"), format!("{} to {}", newest + 1, newest + 4));
    assert!(why.contains(&ours) && why.contains(&theirs), "{why}");

    // In a request.
    let channels = channels(&mesh.genesis, &keypair("node-3"), 3);
    let channel = channels.channel_at(1, &one.to_string()).unwrap();
    let mesh_id = id.0.to_vec();
    let mut federation = FederationServiceClient::new(channel.clone());
    let mut raft = RaftServiceClient::new(channel.clone());
    for (from_node_id, is_lie) in [(2, true), (3, false)] {
        let cosign = CosignRequest { mesh_id: mesh_id.clone(), from_node_id, checkpoint: "nonsense".into() };
        let offer = OfferCheckpointRequest {
            mesh_id: mesh_id.clone(),
            from_node_id,
            note: b"nonsense".to_vec(),
            fork_proof: Vec::new(),
            handovers: Vec::new(),
        };
        let frame = RaftFrame { mesh_id: mesh_id.clone(), from_node_id, frame: vec![0xff], group: Vec::new() };
        let answers = [
            federation.cosign(cosign).await.map(drop),
            federation.offer_checkpoint(offer).await.map(drop),
            raft.vote(frame.clone()).await.map(drop),
            raft.pre_vote(frame.clone()).await.map(drop),
            raft.transfer_leader(frame).await.map(drop),
        ];
        for answer in answers {
            let error = MeshError::from(answer.expect_err("nonsense is never taken"));
            assert_eq!(error.code == Code::UnknownNode, is_lie, "{error:?}");
            assert_eq!(error.message.contains("connection is node 3's"), is_lie, "{error:?}");
        }
    }

    // Whoever is called has to be who was called.
    let wrong = channels.channel_at(2, &one.to_string()).unwrap();
    let cosign = CosignRequest { mesh_id, from_node_id: 3, checkpoint: String::new() };
    let status = FederationServiceClient::new(wrong).cosign(cosign).await.unwrap_err();
    assert!(chain(&status).contains("expected node 2, found node 1"), "{}", chain(&status));

    // What a home does for other nodes is not passed on a second time, and is not there for clients.
    let outgoing = mesh.publish_command(descriptor(2, "orders"), None);
    let request = PublishRequest {
        envelope: outgoing.envelope.bytes().to_vec(),
        wait: WaitLevel::Sealed.into(),
        attachments: Vec::new(),
    };
    let error = HomeServiceClient::new(channel).publish(request.clone()).await.unwrap_err();
    assert_eq!(MeshError::from(error).code, Code::HomeUnreachable);
    let api = tonic::transport::Endpoint::from_shared(format!("http://{}", mesh.node(2).api_address())).unwrap();
    let error = HomeServiceClient::new(api.connect().await.unwrap()).publish(request).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unimplemented);
    mesh.stop().await;
}

/// Where a test says that nodes are.
struct These(Vec<SocketAddr>);

impl Whereabouts for These {
    fn places(&self, _node: NodeId) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_found_at_whichever_of_its_addresses_it_answers_itself() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let (one, two) = (mesh.node(1).peer_address(), mesh.node(2).peer_address());
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (deaf, closed) = (deaf.local_addr().map(|address| (deaf, address)).unwrap(), crate::support::free_address());
    let ask = async |places: Vec<SocketAddr>| {
        let transport = strangers::transport(&mesh.genesis, &keypair("node-3"), 3);
        let channels = PeerChannels::new(Dialer::finding(transport, std::sync::Arc::new(These(places))));
        let request = FetchCheckpointRequest { mesh_id: mesh.genesis.mesh_id.0.to_vec(), from_node_id: 3 };
        let answer = FederationServiceClient::new(channels.channel(2)).fetch_checkpoint(request).await;
        answer.map(drop).map_err(|status| chain(&status))
    };
    // Nobody, somebody who says nothing, and another node stand before it.
    assert_eq!(ask(vec![closed, deaf.1, one, two]).await, Ok(()));
    let why = ask(vec![closed, one]).await.unwrap_err();
    assert!(why.contains(&format!("{closed}: tcp connect error")), "{why}");
    assert!(why.contains("expected node 2, found node 1"), "{why}");
    let why = ask(Vec::new()).await.unwrap_err();
    assert!(why.contains("no address of node 2 is known"), "{why}");
    mesh.stop().await;
}

async fn decide(mesh: &Mesh, body: ProposalBody) -> u64 {
    let closes_unix_ms = mesh_client::command::now_unix_ms() + 3_600_000;
    let propose = Propose { body, closes_unix_ms, summary: "because".into(), council_version: 1 };
    let (one, two) = (keypair("seat-1"), keypair("seat-2"));
    let envelope = mesh.builder().sign(Body::Propose(propose), &[&one, &two]).unwrap();
    let index = mesh.client(1).submit(&envelope).await.unwrap().ledger_index.unwrap();
    for node in mesh.nodes.iter().flatten() {
        assert!(node.core().wait_applied(index, SOON).await);
    }
    index
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_node_loses_its_connections_at_once_and_gets_no_other() {
    let mesh = Mesh::start().await;
    let (address, id, key) = (mesh.node(1).peer_address(), mesh.genesis.mesh_id, keypair("node-9"));
    let newest = mesh_event::genesis::PROTOCOL_VERSION;
    // Before it is admitted it is a stranger.
    let mut stranger = connect(address, of_node(&key, &id)).await.unwrap();
    assert!(hello(&mut stranger, &id, 1_001, (1, newest)).await.is_err());

    let mut record = NodeRecord {
        node_id: 0,
        name: "node-9".into(),
        key: key.public_key(),
        log_key: None,
        cosigner_key: None,
        api_address: "127.0.0.1:1".into(),
        peer_address: "127.0.0.1:1".into(),
        possession: Vec::new(),
    };
    record.prove_possession(&[&key]);
    let node_id = decide(&mesh, ProposalBody::AdmitNode(record)).await + 1_000;
    let mut stream = connect(address, of_node(&key, &id)).await.unwrap();
    let greeting = hello(&mut stream, &id, node_id, (1, newest)).await.unwrap();
    assert!(matches!(greeting.answer, Some(Answer::Hello(_))), "{greeting:?}");
    let connections = mesh.node(1).core().transport.connections();
    assert_eq!(connections.with_node(node_id), 1);
    let others: usize = [2, 3].map(|node| connections.with_node(node)).iter().sum();
    assert!(others >= 2, "{others}");

    decide(&mesh, ProposalBody::RevokeNode(RevokeNode { node_id, reason: "stolen".into() })).await;
    let began = Instant::now();
    drop(until_end(&mut stream, SOON).await);
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    // It gets none again. The alert that says why can be overtaken by the end of the connection.
    let mut reasons = Vec::new();
    while !reasons.iter().any(|reason: &String| reason.contains("CertificateRevoked")) {
        assert!(reasons.len() < 20, "{reasons:?}");
        let mut again = connect(address, of_node(&key, &id)).await.unwrap();
        reasons.push(hello(&mut again, &id, node_id, (1, newest)).await.unwrap_err().to_string());
    }
    // Nobody else's went.
    let left: usize = [2, 3].map(|node| connections.with_node(node)).iter().sum();
    assert!(left >= 2 && connections.with_node(node_id) == 0, "{left}");
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tls_key_alone_or_a_resumed_session_is_no_way_in() {
    let mesh = Mesh::start().await;
    let (address, id) = (mesh.node(1).peer_address(), mesh.genesis.mesh_id);
    // The TLS key of node 3, claimed to be that of the holder's own node key, which nobody admitted.
    let tls = tls_keypair(&keypair("node-3"), &id);
    let stranger = keypair("stranger");
    let shown = claiming(&stranger.public_key(), &tls, &stranger, &id);
    let mut stream = connect(address, shown).await.unwrap();
    assert!(hello(&mut stream, &id, 3, (1, 9)).await.is_err());
    // A connection that is right gets no ticket to come back with.
    let mut stream = connect(address, strangers::of_node(&keypair("node-3"), &id)).await.unwrap();
    hello(&mut stream, &id, 3, (1, 9)).await.unwrap();
    assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
    mesh.stop().await;
}
