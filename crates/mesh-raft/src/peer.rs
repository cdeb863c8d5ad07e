//! One other node, and the connection to it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_event::ProtocolRange;
use mesh_model::{NodeId, UnixMs};
use mesh_proto::v1::HelloResponse;
use mesh_proto::v1::raft_service_client::RaftServiceClient;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::transport::{Channel, Endpoint};

use crate::dial::Dial;
use crate::frame::MESSAGE_BYTES;
use crate::identity::{Identity, Mismatch};

/// How long one attempt to connect and greet may take.
const CONNECT: Duration = Duration::from_secs(3);
/// Pause after the first failed attempt; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// HTTP/2 windows: a batch of entries or a snapshot chunk shall not wait for window updates.
const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;

/// Calls to one peer.
pub(crate) type Client = RaftServiceClient<Channel>;

/// Why there is no connection. Nothing was sent to the peer but a greeting.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("node {peer} at {address} can't be reached: {why}")]
    Unreachable { peer: NodeId, address: String, why: String },
    #[error("node {peer} at {address} is not one to speak with: {why}")]
    Refused { peer: NodeId, address: String, why: String },
    #[error("node {peer} was not reached within {} ms", within.as_millis())]
    Late { peer: NodeId, within: Duration },
}

/// A peer with one long-lived connection, made when it is first needed and again after it broke. Each begins with a greeting.
pub(crate) struct Peer {
    me: Arc<Identity>,
    dial: Arc<dyn Dial>,
    id: NodeId,
    address: Mutex<String>,
    link: watch::Sender<Link>,
    /// Held while a snapshot is on its way that the peer asked for.
    snapshot: Arc<Semaphore>,
}

#[derive(Clone)]
enum Link {
    Down { until: Option<Instant>, pause: Duration, why: Option<PeerError> },
    Connecting,
    Up { client: Client, number: u64, advertised: Advertised },
}

/// What a node said of its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) protocols: ProtocolRange,
    pub(crate) build: Arc<str>,
    /// What its clock showed then: later by what the answer took on its way.
    pub(crate) clock_unix_ms: Option<UnixMs>,
}

impl Advertised {
    fn of(greeting: HelloResponse) -> Self {
        let protocols = ProtocolRange { min: greeting.protocol_min, max: greeting.protocol_max };
        Self { protocols, build: greeting.build.into(), clock_unix_ms: greeting.clock_unix_ms }
    }
}

/// A client and the number of its connection.
pub(crate) struct Connected {
    pub(crate) client: Client,
    number: u64,
}

impl Peer {
    pub(crate) fn new(me: Arc<Identity>, dial: Arc<dyn Dial>, id: NodeId, address: String) -> Self {
        let link = watch::Sender::new(Link::Down { until: None, pause: PAUSE_MIN, why: None });
        Self { me, dial, id, address: Mutex::new(address), link, snapshot: Arc::new(Semaphore::new(1)) }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) fn address(&self) -> String {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The right to send a snapshot; `None` while one is on its way.
    pub(crate) fn begin_snapshot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.snapshot).try_acquire_owned().ok()
    }

    /// Where the peer is from the next connection on.
    pub(crate) fn move_to(&self, address: &str) {
        let mut known = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != address {
            address.clone_into(&mut known);
        }
    }

    /// The connection, within some time. An attempt that takes longer goes on for those who ask next.
    pub(crate) async fn connected(self: &Arc<Self>, within: Duration) -> Result<Connected, PeerError> {
        let mut link = self.link.subscribe();
        let wait = async {
            loop {
                let seen = link.borrow_and_update().clone();
                match seen {
                    Link::Up { client, number, .. } => return Ok(Connected { client, number }),
                    Link::Down { until: Some(until), why: Some(why), .. } if until > Instant::now() => return Err(why),
                    Link::Down { .. } => self.begin(),
                    Link::Connecting => {
                        link.changed().await.expect("the sender lives in self");
                    }
                }
            }
        };
        tokio::time::timeout(within, wait).await.unwrap_or(Err(PeerError::Late { peer: self.id, within }))
    }

    /// Asks the node anew what its program knows: a channel makes its next connection by itself, and another program may be behind that.
    pub(crate) async fn greet(self: &Arc<Self>, within: Duration) -> Option<Advertised> {
        let greeting = async {
            let Connected { mut client, number } = self.connected(within).await.ok()?;
            let greeting = client.hello(self.me.hello()).await.ok().map(tonic::Response::into_inner);
            let heard = greeting.filter(|greeting| self.me.check_greeting(self.id, greeting).is_ok());
            let Some(heard) = heard else {
                self.broke(number);
                return None;
            };
            let heard = Advertised::of(heard);
            self.link.send_if_modified(|link| {
                if let Link::Up { number: current, advertised, .. } = link
                    && *current == number
                {
                    *advertised = heard.clone();
                }
                false
            });
            Some(heard)
        };
        tokio::time::timeout(within, greeting).await.ok().flatten()
    }

    /// What the node said of its program when it was greeted last; `None` while no connection to it stands.
    pub(crate) fn advertised(&self) -> Option<Advertised> {
        match &*self.link.borrow() {
            Link::Up { advertised, .. } => Some(advertised.clone()),
            Link::Down { .. } | Link::Connecting => None,
        }
    }

    /// The connection failed a call: the next call makes another.
    pub(crate) fn broke(&self, connection: u64) {
        self.link.send_if_modified(|link| {
            let ours = matches!(link, Link::Up { number, .. } if *number == connection);
            if ours {
                *link = Link::Down { until: None, pause: PAUSE_MIN, why: None };
            }
            ours
        });
    }

    /// Starts an attempt unless one is under way.
    fn begin(self: &Arc<Self>) {
        let mut pause = None;
        self.link.send_if_modified(|link| {
            if let Link::Down { pause: next, .. } = link {
                pause = Some(*next);
                *link = Link::Connecting;
            }
            pause.is_some()
        });
        let Some(pause) = pause else {
            return;
        };
        let peer = Arc::clone(self);
        tokio::spawn(async move {
            let connected = tokio::time::timeout(CONNECT, peer.connect()).await;
            let link = match connected.unwrap_or(Err(PeerError::Late { peer: peer.id, within: CONNECT })) {
                Ok((client, advertised)) => {
                    tracing::debug!(peer = peer.id, "connected");
                    Link::Up { client, number: next_number(), advertised }
                }
                Err(why) => {
                    tracing::debug!(peer = peer.id, %why, "not connected");
                    let until = Some(Instant::now() + pause);
                    Link::Down { until, pause: (pause * 2).min(PAUSE_MAX), why: Some(why) }
                }
            };
            peer.link.send_replace(link);
        });
    }

    async fn connect(&self) -> Result<(Client, Advertised), PeerError> {
        let address = self.address();
        let unreachable = |why: String| PeerError::Unreachable { peer: self.id, address: address.clone(), why };
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| unreachable(error.to_string()))?
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5))
            .connect_timeout(CONNECT);
        let channel = self.dial.dial(self.id, endpoint).await.map_err(|error| unreachable(chain(&error)))?;
        let mut client = RaftServiceClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        let refused = |why: String| PeerError::Refused { peer: self.id, address: address.clone(), why };
        let greeting = client.hello(self.me.hello()).await.map_err(|status| match status.code() {
            tonic::Code::FailedPrecondition => refused(status.message().to_owned()),
            _ => unreachable(status.message().to_owned()),
        })?;
        let checked: Result<(), Mismatch> = self.me.check_greeting(self.id, greeting.get_ref());
        checked.map_err(|mismatch| refused(mismatch.to_string()))?;
        Ok((client, Advertised::of(greeting.into_inner())))
    }
}

impl Connected {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

/// Connections are numbered per process, so that a late failure of an old one doesn't end its successor.
fn next_number() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
