//! The API port: gRPC, and JSON over HTTP for everybody without it.
//!
//! The JSON side is a client of the node's own gRPC services, through the SDK: the same checks, the same answers, and the SDK's
//! keys. `openapi.json` describes it; a test walks every path of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{get, post};
use mesh_client::{Client, ClientOptions, LineageOf, ListQuery, Read, SearchQuery, TokenTarget};
use mesh_event::{Command, Envelope};
use mesh_lineage::Direction;
use mesh_model::{Class, Code, Digest, DomainName};
use mesh_proto::status::MeshError;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;
use tower::limit::GlobalConcurrencyLimitLayer;
use tracing::{debug, warn};

use crate::api_port::{self, ApiListener, ClientAddress, RequestBounds};
use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::{pipelines, services, tiles};

const OPENAPI: &str = include_str!("openapi.json");
/// How long requests that are under way may take when the node stops.
const DRAIN: Duration = Duration::from_secs(3);
/// Largest command over HTTP, in bytes.
const COMMAND_BYTES: usize = mesh_model::limits::ENVELOPE_BYTES;

#[derive(Clone)]
struct Gateway {
    core: Arc<Core>,
    client: Client,
}

type Answer = Result<Response, Failure>;

/// An error as JSON.
pub(crate) struct Failure(pub(crate) MeshError);

impl From<MeshError> for Failure {
    fn from(error: MeshError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = self.0;
        let status = match error.code.class() {
            Class::Done => StatusCode::OK,
            Class::Pending => StatusCode::ACCEPTED,
            _ if error.code == Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ if retry_after(error.code).is_some() => StatusCode::TOO_MANY_REQUESTS,
            Class::Usage | Class::Rejected => StatusCode::BAD_REQUEST,
            Class::NotFound => StatusCode::NOT_FOUND,
            Class::Conflict => StatusCode::CONFLICT,
            Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Class::NotAuthorised => StatusCode::FORBIDDEN,
            Class::Verification => StatusCode::UNPROCESSABLE_ENTITY,
            Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let fields: Vec<_> = (error.fields.iter())
            .map(|(field, message)| serde_json::json!({ "field": field, "message": message }))
            .collect();
        let body = serde_json::json!({ "error": {
            "code": error.code.to_string(),
            "name": error.code.slug(),
            "message": error.message,
            "hint": error.code.next_step(),
            "fields": fields,
        }});
        match retry_after(error.code) {
            Some(seconds) => (status, [(header::RETRY_AFTER, seconds)], Json(body)).into_response(),
            None => (status, Json(body)).into_response(),
        }
    }
}

/// In how many seconds there is room again, for what is refused because there was too much.
fn retry_after(code: Code) -> Option<u64> {
    match code {
        Code::Throttled | Code::QueueFull => Some(1),
        Code::QuotaUsedUp => Some(86_400 - now_unix_ms() / 1_000 % 86_400),
        _ => None,
    }
}

/// The query of a request; one that does not fit is answered like every other error.
struct Asked<T>(T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(bad(rejection.body_text())),
        }
    }
}

fn json(value: &impl Serialize) -> Response {
    Json(value).into_response()
}

fn bad(message: impl std::fmt::Display) -> Failure {
    Failure(MeshError::new(Code::BadArgument, message.to_string()))
}

/// Serves until the node stops, over TLS when there is a configuration for it.
pub async fn serve(core: Arc<Core>, listener: TcpListener, tls: Option<Arc<ServerConfig>>) {
    let limits = &core.config.limits;
    let routes = services::routes(&core);
    let mut options = ClientOptions::new(["this node"]).pinned(core.mesh_id);
    options.token = core.config.api.read_tokens.first().cloned();
    options.timeout = Duration::from_secs(30);
    let client = Client::over(api_port::channel(routes.clone(), core.stopping.clone(), &core.tasks), options);
    let opened = ApiListener::new(listener, tls, limits.connections_per_second, core.stopping.clone());
    let (client, listener) = match (client, opened) {
        (Ok(client), Ok(listener)) => (client, listener),
        (Err(error), _) => return warn!(%error, "the API port does not open"),
        (_, Err(error)) => return warn!(%error, "the API port does not open"),
    };
    let grpc = routes.into_axum_router();
    let gateway = Gateway { core: Arc::clone(&core), client };
    let per_address = RequestBounds::new(limits.requests_per_address);
    let app = grpc
        .merge(json_routes(gateway.clone()))
        .layer(GlobalConcurrencyLimitLayer::new(limits.requests))
        // Outermost: what is refused holds no place that others wait for.
        .layer(axum::middleware::from_fn_with_state(per_address, api_port::bound))
        .merge(plain_routes(gateway))
        .fallback(nothing_there)
        .method_not_allowed_fallback(wrong_method);
    let stopping = core.stopping.clone();
    let app = app.into_make_service_with_connect_info::<ClientAddress>();
    let served = axum::serve(listener, app).with_graceful_shutdown(async move { stopping.cancelled().await });
    let cut = async {
        core.stopping.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = served => if let Err(error) = served {
            warn!(%error, "the API port closed");
        },
        () = cut => debug!("connections that did not end were cut"),
    }
}

fn json_routes(gateway: Gateway) -> Router {
    let reads = Router::new()
        .route("/products", get(products))
        .route("/products/{domain}/{name}", get(product))
        .route("/products/{domain}/{name}/history", get(product_history))
        .route("/products/{domain}/{name}/lineage", get(product_lineage))
        .route("/products/{domain}/{name}/quality", get(product_quality))
        .route("/incidents", get(incidents))
        .route("/insights", get(insights))
        .route("/search", get(search))
        .route("/domains", get(domains))
        .route("/domains/{name}", get(domain))
        .route("/domains/{name}/history", get(domain_history))
        .route("/domains/{name}/access", get(access_terms))
        .route("/council", get(council))
        .route("/nodes", get(nodes))
        .route("/ledger/head", get(ledger_head))
        .route("/attachments/{digest}", get(attachment))
        .route("/status", get(status))
        .layer(axum::middleware::from_fn_with_state(gateway.clone(), check_token));
    // What is asked here proves itself: by signatures, or by a token of its own.
    let open = Router::new()
        .route("/mesh", get(mesh))
        .route("/commands", post(command))
        .route("/authz", get(authz))
        .route("/openapi.json", get(openapi));
    let ledger = Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .layer(axum::middleware::from_fn_with_state(gateway.clone(), check_token));
    let events = pipelines::http::routes(Arc::clone(&gateway.core));
    let api = reads.merge(open).with_state(gateway.clone()).merge(events);
    Router::new().nest("/api/v1", api).nest("/ledger", ledger.with_state(gateway))
}

/// What operators ask, whatever the load.
fn plain_routes(gateway: Gateway) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/", get(root))
        .with_state(gateway)
}

/// No such path: gRPC's own answer for its clients, JSON for everybody else.
async fn nothing_there(request: Request) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/grpc")) {
        return tonic::Status::unimplemented("this node has no such method").into_http();
    }
    let path = request.uri().path().chars().take(200).collect::<String>();
    Failure(MeshError::new(Code::NotFound, format!("nothing is at {path}; /api/v1/openapi.json lists the paths")))
        .into_response()
}

async fn wrong_method(request: Request) -> Response {
    let text = format!("{} is no method of this path", request.method());
    (StatusCode::METHOD_NOT_ALLOWED, Failure(MeshError::new(Code::BadArgument, text))).into_response()
}

async fn check_token(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match services::token_allows(&gateway.core, shown) {
        Ok(()) => next.run(request).await,
        Err(error) => (StatusCode::UNAUTHORIZED, Failure(error)).into_response(),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ProductsParameters {
    domain: Option<String>,
    status: Option<String>,
    limit: Option<usize>,
}

fn words(text: Option<&String>) -> Vec<String> {
    text.map_or_else(Vec::new, |text| text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

fn domain_name(text: &str) -> Result<DomainName, Failure> {
    DomainName::parse(text).map_err(bad)
}

async fn products(State(gateway): State<Gateway>, Asked(asked): Asked<ProductsParameters>) -> Answer {
    let query = ListQuery {
        domain: asked.domain.unwrap_or_default(),
        statuses: words(asked.status.as_ref()),
        limit: Some(asked.limit.unwrap_or(200).min(10_000)),
        ..ListQuery::default()
    };
    Ok(json(&gateway.client.products(&query).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ProductParameters {
    version: Option<String>,
    at_index: Option<u64>,
    at_least_index: Option<u64>,
}

async fn product(
    State(gateway): State<Gateway>,
    Path((domain, name)): Path<(String, String)>,
    Asked(asked): Asked<ProductParameters>,
) -> Answer {
    let id = match asked.version {
        Some(version) => format!("{domain}/{name}@{version}"),
        None => format!("{domain}/{name}"),
    };
    let read = Read { at_least_index: asked.at_least_index, as_of_index: asked.at_index, ..Read::default() };
    Ok(json(&gateway.client.product(&id, read).await?))
}

async fn product_history(State(gateway): State<Gateway>, Path((domain, name)): Path<(String, String)>) -> Answer {
    Ok(json(&gateway.client.history(&format!("{domain}/{name}")).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineageParameters {
    direction: Direction,
    major: Option<u32>,
    hops: Option<u32>,
    port: Option<String>,
    field: Option<String>,
}

async fn product_lineage(
    State(gateway): State<Gateway>,
    Path((domain, name)): Path<(String, String)>,
    Asked(asked): Asked<LineageParameters>,
) -> Answer {
    let part = match (asked.port, asked.field) {
        (Some(port), field) => Some((port.parse().map_err(bad)?, field)),
        (None, Some(_)) => return Err(bad("field: a field is one of a port")),
        (None, None) => None,
    };
    let product = format!("{domain}/{name}").parse().map_err(bad)?;
    let of = LineageOf::Product { product, major: asked.major, part };
    Ok(json(&gateway.client.lineage(&of, asked.direction, asked.hops.unwrap_or_default()).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct QualityParameters {
    runs: u32,
    as_of_unix_ms: Option<u64>,
}

async fn product_quality(
    State(gateway): State<Gateway>,
    Path((domain, name)): Path<(String, String)>,
    Asked(asked): Asked<QualityParameters>,
) -> Answer {
    let product = format!("{domain}/{name}").parse().map_err(bad)?;
    Ok(json(&gateway.client.quality(&product, asked.runs, asked.as_of_unix_ms).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct IncidentParameters {
    domain: Option<String>,
    ended: bool,
    limit: u32,
}

async fn incidents(State(gateway): State<Gateway>, Asked(asked): Asked<IncidentParameters>) -> Answer {
    let domain = asked.domain.as_deref().map(domain_name).transpose()?;
    Ok(json(&gateway.client.incidents(domain.as_ref(), asked.ended, asked.limit).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct InsightParameters {
    at_unix_ms: Option<u64>,
}

async fn insights(State(gateway): State<Gateway>, Asked(asked): Asked<InsightParameters>) -> Answer {
    let moments: Vec<u64> = asked.at_unix_ms.into_iter().collect();
    Ok(json(&gateway.client.insights(&moments).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SearchParameters {
    q: String,
    domain: Option<String>,
    tag: Option<String>,
    status: Option<String>,
    owner: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
    explain: bool,
}

async fn search(State(gateway): State<Gateway>, Asked(asked): Asked<SearchParameters>) -> Answer {
    let query = SearchQuery {
        query: asked.q,
        domains: words(asked.domain.as_ref()),
        tags: words(asked.tag.as_ref()),
        statuses: words(asked.status.as_ref()),
        owners: words(asked.owner.as_ref()),
        limit: asked.limit.unwrap_or(20),
        offset: asked.offset.unwrap_or(0),
        explain: asked.explain,
        ..SearchQuery::default()
    };
    Ok(json(&gateway.client.search(&query).await?))
}

async fn domains(State(gateway): State<Gateway>) -> Answer {
    Ok(json(&gateway.client.domains().await?))
}

async fn domain(State(gateway): State<Gateway>, Path(name): Path<String>) -> Answer {
    Ok(json(&gateway.client.domain(&domain_name(&name)?, None).await?))
}

async fn domain_history(State(gateway): State<Gateway>, Path(name): Path<String>) -> Answer {
    Ok(json(&gateway.client.history(domain_name(&name)?.as_str()).await?))
}

async fn access_terms(State(gateway): State<Gateway>, Path(name): Path<String>) -> Answer {
    Ok(json(&gateway.client.access_terms(&domain_name(&name)?).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthzParameters {
    product: String,
    port: String,
    field: Option<String>,
    major: u32,
}

/// Whether the access token of a request lets it read a port: for gateways that ask about each request, such as nginx with `auth_request`.
async fn authz(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Asked(asked): Asked<AuthzParameters>,
) -> Result<Response, Failure> {
    let target = TokenTarget {
        product: asked.product.parse().map_err(bad)?,
        major: asked.major,
        port: asked.port.parse().map_err(bad)?,
        field: asked.field.filter(|field| !field.is_empty()),
    };
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    // RFC 6750, section 3: nobody who shows no token is told more than that one is needed.
    let bearer =
        shown.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = bearer else {
        let error = MeshError::new(Code::TokenInvalid, "expected an access token: Authorization: Bearer TOKEN");
        return Ok(unauthorized("Bearer", error));
    };
    let found = match gateway.client.authorize_token(token, &target).await {
        Err(error) if matches!(error.code, Code::TokenInvalid | Code::TooLarge) => {
            return Ok(unauthorized("Bearer error=\"invalid_token\"", error));
        }
        found => found?,
    };
    let status = if found.allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
    let known = [
        ("x-datamesh-consumer", found.consumer.to_string()),
        ("x-datamesh-grant", found.request.to_string()),
        ("x-datamesh-from-copy", found.from_copy.to_string()),
    ];
    Ok((status, known, Json(found)).into_response())
}

/// Who asks has shown no token that counts (RFC 6750, section 3).
pub(crate) fn unauthorized(challenge: &'static str, error: MeshError) -> Response {
    let mut response = Failure(error).into_response();
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(challenge));
    response
}

async fn council(State(gateway): State<Gateway>) -> Answer {
    Ok(json(&gateway.client.council().await?))
}

async fn nodes(State(gateway): State<Gateway>) -> Answer {
    Ok(json(&gateway.client.known_nodes().await?))
}

async fn mesh(State(gateway): State<Gateway>) -> Response {
    let document = &gateway.core.genesis.document;
    json(&serde_json::json!({
        "mesh_id": gateway.core.mesh_id,
        "name": document.mesh_name,
        "protocol_version": document.protocol_version,
    }))
}

async fn ledger_head(State(gateway): State<Gateway>) -> Answer {
    Ok(json(&gateway.client.ledger_head(None).await?))
}

/// Not JSON, and not through the SDK: these bytes are for other people's tools.
async fn checkpoint(State(gateway): State<Gateway>) -> Answer {
    Ok(tiles::checkpoint(&gateway.core)?)
}

async fn tile(State(gateway): State<Gateway>, Path(path): Path<String>) -> Answer {
    let core = Arc::clone(&gateway.core);
    Ok(gateway.core.offload(move || tiles::tile(&core, &format!("tile/{path}"))).await?)
}

async fn status(State(gateway): State<Gateway>) -> Answer {
    Ok(json(&gateway.client.status().await?))
}

async fn attachment(State(gateway): State<Gateway>, Path(digest): Path<String>) -> Answer {
    let digest = Digest::parse(&digest).map_err(bad)?;
    let body = gateway.client.attachment(digest).await?;
    // Other people's bytes: never rendered by a browser in this origin.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, body).into_response())
}

/// A signed command, as its envelope's exact bytes: authenticates itself.
async fn command(State(gateway): State<Gateway>, headers: HeaderMap, body: axum::body::Body) -> Answer {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/vnd.datamesh.envelope") {
        return Err(bad("content-type: expected application/vnd.datamesh.envelope"));
    }
    let bytes = axum::body::to_bytes(body, COMMAND_BYTES).await.map_err(|_| {
        MeshError::new(Code::TooLarge, format!("the body is over {COMMAND_BYTES} bytes; nothing happened"))
    })?;
    let envelope = Envelope::parse(bytes.to_vec()).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
    let command =
        Command::decode(envelope.payload()).map_err(|error| MeshError::new(Code::Malformed, error.to_string()))?;
    if command.body.feed_domain().is_none() {
        return Ok(json(&gateway.client.submit(&envelope).await?));
    }
    let outgoing = mesh_client::Outgoing::new(envelope);
    Ok(json(&gateway.client.publish(&outgoing, mesh_client::WaitLevel::Sealed).await?))
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn metrics(State(gateway): State<Gateway>) -> Answer {
    let core = Arc::clone(&gateway.core);
    let rendered = move || services::status(&core).map(|status| core.metrics.render(&status));
    let text = gateway.core.offload(rendered).await?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

async fn healthz() -> &'static str {
    "alive\n"
}

async fn readyz(State(gateway): State<Gateway>) -> Response {
    match services::is_ready(&gateway.core) {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

/// Until the portal comes: where everything is.
async fn root(State(gateway): State<Gateway>) -> Html<String> {
    let name = gateway.core.genesis.document.mesh_name.replace('&', "&amp;").replace('<', "&lt;");
    let node = gateway.core.node_id();
    Html(format!(
        "<!doctype html><meta charset=utf-8><title>{name}</title><h1>{name}, node {node}</h1>\
         <ul><li><a href=/api/v1/products>products</a><li><a href=/api/v1/domains>domains</a>\
         <li><a href=/ledger/checkpoint>checkpoint</a>\
         <li><a href=/api/v1/status>status</a><li><a href=/api/v1/openapi.json>OpenAPI</a>\
         <li><a href=/metrics>metrics</a></ul>"
    ))
}
