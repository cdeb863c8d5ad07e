//! Requests of one address that are under way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body::{Frame, SizeHint};
use mesh_model::Code;
use mesh_proto::status::MeshError;

use super::listener::ClientAddress;
use crate::http::Failure;
use crate::transport::one_address;

/// How many requests of each address are under way: from the first byte of a request to the last of its answer.
pub struct RequestBounds {
    per_address: usize,
    under_way: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One request that is under way.
struct Place {
    bounds: Arc<RequestBounds>,
    address: IpAddr,
}

impl RequestBounds {
    /// So many of each address.
    pub fn new(per_address: usize) -> Arc<Self> {
        Arc::new(Self { per_address, under_way: Mutex::default() })
    }

    fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, MeshError> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(address).or_default();
        if *count >= self.per_address {
            let limit = self.per_address;
            let text = format!("{limit} requests from this address are under way already; nothing happened");
            return Err(MeshError::new(Code::Throttled, text));
        }
        *count += 1;
        drop(under_way);
        Ok(Place { bounds: Arc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.bounds.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.address);
            }
        }
    }
}

/// Refuses what is over the bound, in the language of whoever asks.
pub async fn bound(
    State(bounds): State<Arc<RequestBounds>>,
    ConnectInfo(ClientAddress(address)): ConnectInfo<ClientAddress>,
    request: Request,
    next: Next,
) -> Response {
    match bounds.enter(one_address(address.ip())) {
        Ok(place) => next.run(request).await.map(|body| Body::new(Held { body, _place: place })),
        Err(error) => refusal(error, request.headers()),
    }
}

fn refusal(error: MeshError, asked: &HeaderMap) -> Response {
    let kind = asked.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/grpc")) {
        return tonic::Status::from(error).into_http();
    }
    Failure(error).into_response()
}

/// An answer that holds its request's place until it is sent.
struct Held {
    body: Body,
    _place: Place,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn counts_by_address_and_gives_places_back() {
        let bounds = RequestBounds::new(2);
        let address = |n: u8| IpAddr::from([10, 0, 0, n]);
        let first = bounds.enter(address(1)).unwrap();
        let _second = bounds.enter(address(1)).unwrap();
        let refused = bounds.enter(address(1)).err().unwrap();
        assert_eq!(refused.code, Code::Throttled);
        assert!(refused.message.ends_with("nothing happened"));
        let _other = bounds.enter(address(2)).unwrap();
        drop(first);
        bounds.enter(address(1)).unwrap();
    }
}
