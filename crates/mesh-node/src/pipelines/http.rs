//! Where pipelines' events come in: the paths and answers of OpenLineage's own description (spec 2-0-2, `OpenLineage.yml`).

use std::fmt;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::post;
use flate2::read::MultiGzDecoder;
use mesh_lineage::openlineage::limits::EVENT_BYTES;
use mesh_model::{Class, Code};
use mesh_proto::status::MeshError;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Matched, Taken, take};
use crate::core::Core;
use crate::http::{Failure, unauthorized};
use crate::services;

/// Largest batch, in bytes of JSON, and most events of one.
const BATCH_BYTES: usize = 16 << 20;
const BATCH_EVENTS: usize = 1_000;

/// How long a body may take to come.
const UPLOAD: Duration = Duration::from_mins(1);

type Answer = Result<Response, Failure>;

/// `/lineage` and `/lineage/batch`.
pub(crate) fn routes(core: Arc<Core>) -> Router {
    Router::new().route("/lineage", post(one)).route("/lineage/batch", post(batch)).with_state(core)
}

/// One event.
async fn one(State(core): State<Arc<Core>>, headers: HeaderMap, body: Body) -> Answer {
    if let Some(refused) = refused(&core, &headers) {
        return Ok(refused);
    }
    let body = read(&headers, body, EVENT_BYTES).await?;
    alone(Arc::clone(&core), async move { take_one(&core, body).await }).await
}

/// Runs to its end, also when the client goes away, at most so many at once.
async fn alone(core: Arc<Core>, work: impl Future<Output = Answer> + Send + 'static) -> Answer {
    let entering = Arc::clone(&core.pipelines.entering);
    let work = async move {
        let _place = entering.acquire_owned().await;
        work.await
    };
    let done = core.tasks.spawn(work).await;
    done.map_err(|error| MeshError::new(Code::Internal, error.to_string()))?
}

async fn take_one(core: &Arc<Core>, body: Packed) -> Answer {
    let bytes = body.unpack(core, EVENT_BYTES).await?;
    let event = core.offload(move || serde_json::from_slice::<Box<RawValue>>(&bytes).map_err(|error| no_json(&error)));
    let taken = take(core, vec![event.await?]).await?.remove(0)?;
    let Taken { inputs, outputs, supplies, cut } = taken;
    let told = |datasets: &[Matched]| datasets.iter().map(matched).collect::<Vec<_>>();
    let answer = json!({ "inputs": told(&inputs), "outputs": told(&outputs), "supplies": supplies, "cut": cut });
    Ok(Json(answer).into_response())
}

/// Many of them: each is taken or refused by itself.
async fn batch(State(core): State<Arc<Core>>, headers: HeaderMap, body: Body) -> Answer {
    if let Some(refused) = refused(&core, &headers) {
        return Ok(refused);
    }
    let body = read(&headers, body, BATCH_BYTES).await?;
    alone(Arc::clone(&core), async move { take_many(&core, body).await }).await
}

async fn take_many(core: &Arc<Core>, body: Packed) -> Answer {
    let bytes = body.unpack(core, BATCH_BYTES).await?;
    let events = core.offload(move || serde_json::from_slice::<Many>(&bytes).map_err(|error| no_json(&error)));
    let Many { events, cut } = events.await?;
    if cut {
        let text = format!("over the limit of {BATCH_EVENTS} events; nothing happened");
        return Err(Failure(MeshError::new(Code::TooLarge, text)));
    }
    let received = events.len();
    let results = take(core, events).await?;
    let cut = results.iter().flatten().any(|taken| taken.cut);
    let failed: Vec<Value> = (results.into_iter().enumerate())
        .filter_map(|(index, result)| Some((index, result.err()?)))
        .map(|(index, error)| {
            let retriable = matches!(error.code.class(), Class::Unavailable | Class::Internal);
            json!({ "index": index, "reason": format!("{} ({})", error.message, error.code), "retriable": retriable })
        })
        .collect();
    let status = if failed.is_empty() { "success" } else { "partial_success" };
    let retriable = failed.iter().filter(|failed| failed["retriable"] == true).count();
    let summary = json!({
        "received": received,
        "successful": received - failed.len(),
        "failed": failed.len(),
        "retriable": retriable,
        "non_retriable": failed.len() - retriable,
    });
    let answer = json!({ "status": status, "summary": summary, "failed_events": failed, "cut": cut });
    Ok(Json(answer).into_response())
}

fn matched(dataset: &Matched) -> Value {
    json!({ "dataset": dataset.dataset, "ports": dataset.ports })
}

fn no_json(error: &serde_json::Error) -> MeshError {
    MeshError::new(Code::Malformed, format!("the body is not what was expected: {error}; nothing happened"))
}

/// A list of events, no longer than is taken: the rest of a longer one is not kept.
struct Many {
    events: Vec<Box<RawValue>>,
    cut: bool,
}

impl<'de> Deserialize<'de> for Many {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counting)
    }
}

struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = Many;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Many, A::Error> {
        let mut many = Many { events: Vec::new(), cut: false };
        while many.events.len() < BATCH_EVENTS {
            let Some(event) = list.next_element()? else { return Ok(many) };
            many.events.push(event);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            many.cut = true;
        }
        Ok(many)
    }
}

/// The answer for whoever may not tell anything.
fn refused(core: &Core, headers: &HeaderMap) -> Option<Response> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let error = services::takes_events(core, shown).err()?;
    Some(unauthorized("Bearer", error))
}

/// A body as it came.
struct Packed {
    bytes: Bytes,
    is_gzip: bool,
}

fn too_large(most: usize) -> MeshError {
    MeshError::new(Code::TooLarge, format!("the body is over {most} bytes; nothing happened"))
}

/// Reads a body of at most so many bytes.
async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Packed, MeshError> {
    let packed = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("of no name"));
    let is_gzip = match packed {
        None | Some("identity") => false,
        Some(name) if name.eq_ignore_ascii_case("gzip") => true,
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            return Err(MeshError::new(Code::BadArgument, format!("content-encoding: {other}; expected gzip or none")));
        }
    };
    let reading = tokio::time::timeout(UPLOAD, axum::body::to_bytes(body, most)).await;
    let bytes =
        reading.map_err(|_| MeshError::new(Code::Throttled, "the body took too long to come; nothing happened"))?;
    Ok(Packed { bytes: bytes.map_err(|_| too_large(most))?, is_gzip })
}

impl Packed {
    /// Unpacks it, where it is packed, to at most so many bytes.
    async fn unpack(self, core: &Core, most: usize) -> Result<Bytes, MeshError> {
        let Self { bytes, is_gzip } = self;
        if !is_gzip {
            return Ok(bytes);
        }
        core.offload(move || {
            let mut unpacked = Vec::new();
            let mut reader = MultiGzDecoder::new(&*bytes).take(most as u64 + 1);
            reader.read_to_end(&mut unpacked).map_err(|error| {
                MeshError::new(Code::Malformed, format!("the body is no gzip: {error}; nothing happened"))
            })?;
            if unpacked.len() > most { Err(too_large(most)) } else { Ok(unpacked.into()) }
        })
        .await
    }
}
