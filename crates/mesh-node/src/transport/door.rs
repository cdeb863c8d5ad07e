//! The accepting side's bounds: what a stranger can cost before it proved anything.
//!
//! One loop takes connections; each is made ready (TLS, greeting) in a task of its own, within a time. Bounds hold in all and per
//! address, so that one address can't take the places of all others. An IPv6 address counts as its /64: whoever has one has them all.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::limits::RateTable;
use crate::network::Accept;

/// Addresses whose rate is remembered; the one that was seen longest ago is forgotten for the next.
const REMEMBERED: usize = 4096;
/// Pause after the system has no descriptor or memory for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// What may be under way at a port before anything is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorLimits {
    /// How long a connection may take to become ready.
    pub within: Duration,
    /// Connections that are becoming ready, in all.
    pub at_once: usize,
    /// From one address.
    pub at_once_per_address: usize,
    /// New connections of one address each second, once it used up a burst of four times as many.
    pub per_second: u32,
}

/// One port's accepting side.
pub struct Door {
    limits: DoorLimits,
    rate: Mutex<RateTable<IpAddr>>,
    under_way: Mutex<BTreeMap<IpAddr, usize>>,
    places: Arc<Semaphore>,
}

/// One connection that is becoming ready.
struct Place {
    door: Arc<Door>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.door.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.address);
            }
        }
    }
}

/// What counts as one address.
pub(crate) fn one_address(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let mut octets = ip.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

impl Door {
    /// With these bounds.
    pub fn new(limits: DoorLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            rate: Mutex::new(RateTable::new(limits.per_second, limits.per_second.saturating_mul(4), REMEMBERED)),
            under_way: Mutex::default(),
            places: Arc::new(Semaphore::new(limits.at_once)),
        })
    }

    fn place(self: &Arc<Self>, address: IpAddr) -> Result<Place, &'static str> {
        if self.rate.lock().unwrap_or_else(PoisonError::into_inner).take(address, Instant::now()).is_err() {
            return Err("its address opens connections too fast");
        }
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(address).or_default();
        if *count >= self.limits.at_once_per_address {
            return Err("its address has too many connections that are not ready");
        }
        *count += 1;
        drop(under_way);
        Ok(Place { door: Arc::clone(self), address })
    }

    /// Takes connections until the node stops, and sends on what `ready` makes of each. What takes too long, and what has no room, is
    /// dropped.
    pub async fn run<A, T, F>(
        self: Arc<Self>,
        mut listener: A,
        stopping: CancellationToken,
        sender: mpsc::Sender<T>,
        ready: impl Fn(A::Stream, SocketAddr) -> F,
    ) where
        A: Accept,
        T: Send + 'static,
        F: Future<Output = Option<T>> + Send + 'static,
    {
        loop {
            // While all places are taken, what comes waits in the system's queue.
            let permit = tokio::select! {
                permit = Arc::clone(&self.places).acquire_owned() => permit,
                () = stopping.cancelled() => return,
            };
            let Ok(permit) = permit else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopping.cancelled() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // The other side gave up, or the system is out of descriptors: neither closes the port.
                    if error.kind() != std::io::ErrorKind::ConnectionAborted {
                        warn!(%error, "a connection was not taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                    continue;
                }
            };
            let place = match self.place(one_address(address.ip())) {
                Ok(place) => place,
                Err(why) => {
                    debug!(%address, why, "a connection was dropped");
                    continue;
                }
            };
            let (within, sender, stopping) = (self.limits.within, sender.clone(), stopping.clone());
            let becoming = ready(stream, address);
            tokio::spawn(async move {
                let made = tokio::select! {
                    made = tokio::time::timeout(within, becoming) => made,
                    () = stopping.cancelled() => return,
                };
                drop((place, permit));
                match made {
                    Ok(Some(made)) => drop(sender.send(made).await),
                    Ok(None) => {}
                    Err(_) => debug!(%address, "a connection did not become ready in time"),
                }
            });
        }
    }
}
