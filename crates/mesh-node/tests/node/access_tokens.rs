//! Tokens for granted access on three nodes: issued by the owner's home, checked anywhere, with a node or without one.

use std::net::SocketAddr;

use crate::support::{Mesh, descriptor, domain_of, holds, keypair};
use mesh_access::{Scope, Status};
use mesh_client::access::AccessQuery;
use mesh_client::tokens::{AccessTerms, TokenDrawn, TokenTarget, TokenWanted};
use mesh_event::fact::{
    EndAccessRule, EndIssuer, FactBody, GrantIssuer, PortScope, PrivateText, RequestAccess, RevokeAccess, RevokeToken,
    SetAccessRule,
};
use mesh_event::{FeedId, Keypair, Signer as _, TokenRequest, access_issuer};
use mesh_model::{Code, FactId, Name, OutputPort, PortKind, ProductId, UnixMs};
use mesh_node::clock::now_unix_ms;
use mesh_node::replicas::heads;
use mesh_proto::status::MeshError;
use mesh_token::{Ask, Denied, Token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// domain_1's product has two ports; domain_3 is granted one of them in advance.
async fn mesh() -> Mesh {
    let mesh = Mesh::start_with(|config| config.feeds.pull_ms = 100).await;
    mesh.admit_domains().await;
    let mut product = descriptor(1, "orders");
    product.outputs.push(OutputPort::new(Name::parse("files").unwrap(), PortKind::Batch));
    mesh.publish(1, product).await;
    mesh
}

fn orders() -> ProductId {
    "domain_1/orders".parse().unwrap()
}

fn ports(ports: &[&str]) -> Vec<PortScope> {
    ports.iter().map(|port| PortScope { port: port.parse().unwrap(), fields: Vec::new() }).collect()
}

/// States a fact about domain_1's product, through a node.
async fn state(mesh: &Mesh, through: u64, signer: &str, body: FactBody) -> Result<FactId, MeshError> {
    let stated = mesh.client(through).state_fact(&domain_of(1), None, |_| body, &[&keypair(signer)]).await;
    stated.map(|stated| stated.id)
}

/// The owner approves in advance.
async fn approve_in_advance(mesh: &Mesh, scope: &[&str]) -> FactId {
    let body =
        SetAccessRule { product: orders(), major: 1, consumers: vec![domain_of(3)], scope: ports(scope), days: 30 };
    state(mesh, 2, "owner", FactBody::SetAccessRule(body)).await.unwrap()
}

async fn ask(mesh: &Mesh, scope: &[&str]) -> FactId {
    let scope = ports(scope);
    let body = |purpose: Option<PrivateText>| {
        let (product, consumer, purpose) = (orders(), domain_of(3), purpose.unwrap());
        FactBody::RequestAccess(RequestAccess { product, major: 1, scope, consumer, purpose, days: 30 })
    };
    mesh.client(3).state_fact(&domain_of(1), Some("the close"), body, &[&keypair("engineer")]).await.unwrap().id
}

async fn terms(mesh: &Mesh, through: u64) -> AccessTerms {
    mesh.client(through).access_terms(&domain_of(1)).await.unwrap()
}

/// The root names the home's issuer, whose key it asks another node for.
async fn name_issuer(mesh: &Mesh) {
    let terms = terms(mesh, 3).await;
    let (key, possession) = (terms.home_issuer.unwrap(), terms.home_possession.unwrap());
    state(mesh, 2, "root-1", FactBody::GrantIssuer(GrantIssuer { key, epoch: Some(terms.home_epoch), possession }))
        .await
        .unwrap();
}

async fn draw(mesh: &Mesh, through: u64, signer: &str, seconds: u32) -> Result<TokenDrawn, MeshError> {
    let (product, consumer) = (orders(), domain_of(3));
    let wanted = TokenWanted { product, major: 1, consumer, scope: Scope::ALL, seconds };
    mesh.client(through).draw_token(&wanted, &keypair(signer)).await
}

fn target(port: &str) -> TokenTarget {
    TokenTarget { product: orders(), major: 1, port: port.parse().unwrap(), field: None }
}

/// Why a token does not count for a port at a node; `None` when it does.
async fn refused(mesh: &Mesh, through: u64, token: &str, port: &str) -> Option<String> {
    let check = mesh.client(through).authorize_token(token, &target(port)).await.unwrap();
    (!check.allowed).then_some(check.why)
}

/// The same without a node, by what a gateway keeps.
fn refused_offline(terms: &AccessTerms, token: &str, port: &str, now: UnixMs) -> Result<(), Denied> {
    let token = token.parse::<Token>().unwrap().verify(terms.counting()).unwrap();
    let (product, port) = (orders(), port.parse().unwrap());
    token.check(&Ask { mesh_id: &terms.mesh_id, product: &product, major: 1, port: &port, field: None }, now)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_counts_on_every_node_and_without_one_until_it_is_taken_back() {
    let mut mesh = mesh().await;
    approve_in_advance(&mesh, &["files"]).await;
    let request = ask(&mesh, &["files"]).await;
    let record = mesh.client(2).access_request(request).await.unwrap();
    assert_eq!(record.status, Status::Granted, "as it was made");
    assert_eq!(draw(&mesh, 3, "engineer", 600).await.unwrap_err().code, Code::NoIssuer);
    name_issuer(&mesh).await;
    let before = now_unix_ms();
    let drawn = draw(&mesh, 3, "engineer", 600).await.unwrap();
    assert_eq!((drawn.request, &drawn.scope.0), (request, &ports(&["files"])));
    assert!((before + 599_000..=now_unix_ms() + 600_000).contains(&drawn.until_unix_ms), "{}", drawn.until_unix_ms);
    let kept = terms(&mesh, 2).await;
    assert_eq!(kept.counting().count(), 1);
    for node in 1..=3 {
        assert_eq!(refused(&mesh, node, &drawn.token, "files").await, None, "node {node}");
        let other = refused(&mesh, node, &drawn.token, "api").await.unwrap();
        assert!(other.contains("does not cover"), "{other}");
    }
    assert_eq!(refused_offline(&kept, &drawn.token, "files", now_unix_ms()), Ok(()));
    assert_eq!(refused_offline(&kept, &drawn.token, "api", now_unix_ms()), Err(Denied::NotCovered));
    assert_eq!(refused_offline(&kept, &drawn.token, "files", drawn.until_unix_ms), Err(Denied::Expired));

    // Its holder narrows it away, with nobody's help.
    let token: Token = drawn.token.parse().unwrap();
    let api = Scope(ports(&["api"]));
    let narrowed = token.narrow(&api, None, &Zeroizing::new([5; 32])).unwrap();
    let why = refused(&mesh, 2, narrowed.as_str(), "files").await.unwrap();
    assert!(why.contains("narrowed"), "{why}");

    // While the owner's home is away, a copy answers, and issues nothing.
    let feed = FeedId { domain: domain_of(1), epoch: 1 };
    let events = heads::of_feed(mesh.node(1).core(), &feed).unwrap().unwrap().goal.size;
    holds(&mesh, 2, &feed, events).await;
    mesh.stop_node(1).await;
    let check = mesh.client(2).authorize_token(&drawn.token, &target("files")).await.unwrap();
    assert!(check.allowed && check.from_copy);
    assert_eq!(draw(&mesh, 2, "engineer", 600).await.unwrap_err().code, Code::HomeUnreachable);
    let copy = terms(&mesh, 2).await;
    assert!(copy.from_copy && copy.home_issuer.is_none() && copy.counting().count() == 1);
    mesh.start_node(1).await;
    assert_eq!(refused(&mesh, 3, &drawn.token, "files").await, None);

    // One token is taken back, by whoever drew it; then the grant, and with it all others.
    let other = draw(&mesh, 1, "engineer", 600).await.unwrap();
    let id = token.ids().remove(0);
    state(&mesh, 2, "engineer", FactBody::RevokeToken(RevokeToken { request, token: id.clone() })).await.unwrap();
    for node in 1..=3 {
        assert_eq!(refused(&mesh, node, &drawn.token, "files").await.unwrap(), "the token was revoked");
        assert_eq!(refused(&mesh, node, &other.token, "files").await, None);
        let revoked = terms(&mesh, node).await.revoked_tokens;
        assert_eq!(revoked.iter().map(|token| (&token.token, token.request)).collect::<Vec<_>>(), [(&id, request)]);
    }
    let narrowed_before = token.narrow(&Scope(ports(&["files"])), None, &Zeroizing::new([6; 32])).unwrap();
    assert_eq!(refused(&mesh, 1, narrowed_before.as_str(), "files").await.unwrap(), "the token was revoked");
    let revoke = |note: Option<PrivateText>| FactBody::RevokeAccess(RevokeAccess { request, note: note.unwrap() });
    let owner = keypair("owner");
    mesh.client(3).state_fact(&domain_of(1), Some("over"), revoke, &[&owner]).await.unwrap();
    for node in 1..=3 {
        assert!(refused(&mesh, node, &other.token, "files").await.unwrap().ends_with("is revoked"));
        assert_eq!(terms(&mesh, node).await.ended_requests, [request]);
    }
    assert_eq!(draw(&mesh, 3, "engineer", 600).await.unwrap_err().code, Code::NotGranted);

    // An issuer that was ended issues no more, and what it issued is worth nothing.
    let key = kept.home_issuer.unwrap();
    state(&mesh, 3, "owner", FactBody::EndIssuer(EndIssuer { key })).await.unwrap();
    let invalid = mesh.client(2).authorize_token(&other.token, &target("files")).await.unwrap_err();
    assert_eq!(invalid.code, Code::TokenInvalid);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_gets_no_token_and_names_no_issuer() {
    let mesh = mesh().await;
    let rule = approve_in_advance(&mesh, &["files"]).await;
    ask(&mesh, &["files"]).await;
    // Only the root names an issuer, and only one whose key agreed.
    let terms = terms(&mesh, 2).await;
    let (key, possession) = (terms.home_issuer.unwrap(), terms.home_possession.unwrap());
    let of_epoch = |key, epoch, possession| FactBody::GrantIssuer(GrantIssuer { key, epoch, possession });
    let grant = |key, possession| of_epoch(key, Some(terms.home_epoch), possession);
    macro_rules! code {
        ($signer:expr, $body:expr) => {
            state(&mesh, 2, $signer, $body).await.unwrap_err().code
        };
    }
    assert_eq!(code!("owner", grant(key, possession)), Code::ThresholdNotMet);
    assert_eq!(code!("root-2", grant(key, possession)), Code::ThresholdNotMet);
    assert_eq!(code!("root-1", grant(key, [0; 64])), Code::NoPossession);
    let gateway = Keypair::from_seed(&Zeroizing::new([8; 32]));
    let elsewhere = access_issuer::prove(&gateway, &terms.mesh_id, &domain_of(2), None);
    assert_eq!(code!("root-1", of_epoch(gateway.public_key(), None, elsewhere)), Code::NoPossession);
    let engineer = keypair("engineer");
    let proven = access_issuer::prove(&engineer, &terms.mesh_id, &domain_of(1), None);
    assert_eq!(code!("root-1", of_epoch(engineer.public_key(), None, proven)), Code::KeyInUse);
    // Nor does a home outlive its time: an epoch that there is not, or not yet, is refused.
    let home = access_issuer::issuer_keypair(&mesh.node(1).core().keypair, &terms.mesh_id, &domain_of(1), 1);
    let later = access_issuer::prove(&home, &terms.mesh_id, &domain_of(1), Some(2));
    assert_eq!(code!("root-1", of_epoch(key, Some(2), later)), Code::OldEpoch);
    assert_eq!(code!("root-1", of_epoch(key, None, possession)), Code::NoPossession);
    name_issuer(&mesh).await;

    // Only a key of the consumer's draws one, for what was granted, for a day at most, soon after it signed.
    assert_eq!(draw(&mesh, 2, "root-3", 60).await.unwrap_err().code, Code::ReadDenied);
    assert_eq!(draw(&mesh, 2, "engineer", 0).await.unwrap_err().code, Code::BadRequest);
    assert_eq!(draw(&mesh, 2, "engineer", 86_401).await.unwrap_err().code, Code::BadRequest);
    let wanted = |scope: &[&str], consumer: u64, major: u32| {
        let (product, consumer, scope) = (orders(), domain_of(consumer), Scope(ports(scope)));
        TokenWanted { product, major, consumer, scope, seconds: 60 }
    };
    let code = async |wanted: TokenWanted, signer: &str| {
        mesh.client(3).draw_token(&wanted, &keypair(signer)).await.unwrap_err().code
    };
    assert_eq!(code(wanted(&["api"], 3, 1), "engineer").await, Code::NotGranted);
    assert_eq!(code(wanted(&["files"], 3, 2), "engineer").await, Code::UnknownVersion);
    assert_eq!(code(wanted(&[], 1, 1), "owner").await, Code::BadRequest, "the owner needs none");
    let old = TokenRequest {
        mesh_id: terms.mesh_id,
        product: orders(),
        major: 1,
        consumer: domain_of(3),
        scope: Vec::new(),
        seconds: 60,
        author: engineer.public_key(),
        at_unix_ms: now_unix_ms() - 301_000,
    };
    let envelope = old.sign(&engineer).unwrap().into_bytes();
    let desk = mesh_node::access::AccessDesk::new(std::sync::Arc::clone(mesh.node(1).core()));
    let within = std::time::Duration::from_secs(5);
    assert_eq!(desk.issue_token(envelope, within).await.unwrap_err().code, Code::ReadDenied);
    assert_eq!(desk.issue_token(vec![1, 2, 3], within).await.unwrap_err().code, Code::Malformed);

    // What no issuer of this domain signed is no token; an issuer's word is not enough without a grant.
    let bad = mesh.client(2).authorize_token("nonsense", &target("files")).await.unwrap_err();
    assert_eq!(bad.code, Code::TokenInvalid);
    let claims = mesh_token::Claims {
        mesh_id: terms.mesh_id,
        product: orders(),
        major: 1,
        consumer: domain_of(2),
        request: FactId([9; 16]),
        scope: Scope::ALL,
        until_unix_ms: now_unix_ms() + 60_000,
    };
    let forged = Token::issue(&claims, now_unix_ms(), &gateway, &Zeroizing::new([3; 32])).unwrap();
    let unknown = mesh.client(2).authorize_token(forged.as_str(), &target("files")).await.unwrap_err();
    assert_eq!(unknown.code, Code::TokenInvalid);
    let proven = access_issuer::prove(&gateway, &terms.mesh_id, &domain_of(1), None);
    state(&mesh, 1, "root-1", of_epoch(gateway.public_key(), None, proven)).await.unwrap();
    assert_eq!(refused(&mesh, 2, forged.as_str(), "files").await.unwrap(), "nobody granted what the token says");

    // Nobody in domain_3 answers for domain_1, in advance either.
    let set = SetAccessRule { product: orders(), major: 1, consumers: Vec::new(), scope: Vec::new(), days: 1 };
    assert_eq!(code!("engineer", FactBody::SetAccessRule(set)), Code::WrongRole);
    assert_eq!(code!("engineer", FactBody::EndAccessRule(EndAccessRule { rule })), Code::WrongRole);
    state(&mesh, 3, "owner", FactBody::EndAccessRule(EndAccessRule { rule })).await.unwrap();
    assert_eq!(code!("owner", FactBody::EndAccessRule(EndAccessRule { rule })), Code::UnknownRule);
    let waits = ask(&mesh, &["files"]).await;
    assert_eq!(mesh.client(1).access_request(waits).await.unwrap().status, Status::Waiting);
    let waiting = AccessQuery { statuses: vec![Status::Waiting], ..AccessQuery::default() };
    assert_eq!(mesh.client(2).access(&waiting).await.unwrap().requests.len(), 1);
    mesh.stop().await;
}

/// Status and head of the answer to a gateway's question.
async fn gateway(address: SocketAddr, query: &str, authorization: Option<&str>) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let shown = authorization.map_or_else(String::new, |value| format!("authorization: {value}\r\n"));
    let request = format!("GET /api/v1/authz?{query} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n{shown}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
    (status, answer.to_lowercase())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_asks_over_http_about_each_request() {
    // Who has a token needs none of the node's own.
    let mesh = Mesh::start_with(|config| config.api.read_tokens = vec!["secret".into()]).await;
    mesh.admit_domains().await;
    mesh.publish(1, descriptor(1, "orders")).await;
    let terms = {
        let desk = mesh_node::access::AccessDesk::new(std::sync::Arc::clone(mesh.node(1).core()));
        desk.terms(&domain_of(1)).await.unwrap()
    };
    let key = mesh_model::PublicKey::from_slice(&terms.home_issuer).unwrap();
    let possession = terms.home_possession.try_into().unwrap();
    state(&mesh, 1, "root-1", FactBody::GrantIssuer(GrantIssuer { key, epoch: Some(terms.home_epoch), possession }))
        .await
        .unwrap();
    let set = SetAccessRule { product: orders(), major: 1, consumers: Vec::new(), scope: Vec::new(), days: 30 };
    state(&mesh, 1, "owner", FactBody::SetAccessRule(set)).await.unwrap();
    let request = ask(&mesh, &[]).await;
    let token = draw(&mesh, 3, "engineer", 60).await.unwrap().token;
    let bearer = format!("bearer {token}");
    let port = "product=domain_1/orders&major=1&port=files";
    for node in 1..=3 {
        let address = mesh.node(node).api_address();
        let (status, answer) = gateway(address, port, Some(&bearer)).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("x-datamesh-consumer: domain_3\r\n"), "{answer}");
        assert!(answer.contains("x-datamesh-from-copy: false\r\n"), "{answer}");
        assert!(answer.contains(&format!("x-datamesh-grant: {request}\r\n")), "{answer}");
    }
    let address = mesh.node(2).api_address();
    for (query, shown, expected, part) in [
        (port, None, 401, "www-authenticate: bearer\r\n"),
        (port, Some("Basic eDp5"), 401, "www-authenticate: bearer\r\n"),
        (port, Some("Bearer nonsense"), 401, "www-authenticate: bearer error=\"invalid_token\""),
        ("product=domain_1/orders&major=1", Some(bearer.as_str()), 400, "port"),
        ("product=domain_1/orders&port=files", Some(&bearer), 400, "major"),
        ("product=orders&major=1&port=files", Some(&bearer), 400, "mesh-"),
        ("product=domain_1/orders&port=files&major=2", Some(&bearer), 403, "no version of major 2"),
        ("product=domain_2/other&major=1&port=files", Some(&bearer), 401, "no issuer"),
        ("product=nowhere/other&major=1&port=files", Some(&bearer), 404, "mesh-"),
    ] {
        let (status, answer) = gateway(address, query, shown).await;
        assert_eq!(status, expected, "{query} {shown:?}: {answer}");
        assert!(answer.contains(part), "{query} {shown:?}: {answer}");
    }
    let narrowed =
        token.parse::<Token>().unwrap().narrow(&Scope(ports(&["api"])), None, &Zeroizing::new([5; 32])).unwrap();
    let (status, answer) = gateway(address, port, Some(&format!("Bearer {}", narrowed.as_str()))).await;
    assert_eq!(status, 403, "{answer}");
    let (status, _) =
        gateway(address, port, Some(&format!("Bearer {}", "A".repeat(mesh_token::TOKEN_BYTES + 1)))).await;
    assert!(status == 401 || status == 431, "{status}");
    mesh.stop().await;
}
