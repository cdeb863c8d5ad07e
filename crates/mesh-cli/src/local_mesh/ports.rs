//! Free ports on the loopback address.

use std::net::{Ipv4Addr, TcpListener};

/// How many ports above the usual one are tried before the system chooses.
const TRIES: u16 = 100;

/// Whether nobody listens on the port now. Somebody may by the time it is used; then starting says so.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The usual port, or the next free one above it, or any; held until the listener is dropped, so that two meshes that are
/// founded at once don't choose the same.
///
/// # Errors
/// When the system has no port left.
pub(crate) fn reserve(usual: u16) -> std::io::Result<TcpListener> {
    let above = usual..=usual.saturating_add(TRIES);
    let mut free = above.filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    free.next().map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), Ok)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn goes_past_ports_that_are_busy_or_reserved() {
        let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let usual = busy.local_addr().unwrap().port();
        assert!(!is_free(usual));
        let first = reserve(usual).unwrap();
        let second = reserve(usual).unwrap();
        let ports = [&busy, &first, &second].map(|listener| listener.local_addr().unwrap().port());
        assert!(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2], "{ports:?}");
    }
}
