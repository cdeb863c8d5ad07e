//! Free ports on the loopback address.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

/// How many ports above the usual one are tried before the system chooses.
const TRIES: u16 = 100;

/// Whether nobody listens on the port now. Somebody may by the time it is used; then starting says so.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The usual port, or the next free one above it, or any; never one of `taken`, to which it is added.
///
/// # Errors
/// When the system has no port left.
pub(crate) fn choose(usual: u16, taken: &mut BTreeSet<u16>) -> std::io::Result<u16> {
    let above = (usual..=usual.saturating_add(TRIES)).find(|port| !taken.contains(port) && is_free(*port));
    let port = match above {
        Some(port) => port,
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port(),
    };
    taken.insert(port);
    Ok(port)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn goes_past_ports_that_are_busy_or_taken() {
        let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let usual = busy.local_addr().unwrap().port();
        assert!(!is_free(usual));
        let mut taken = BTreeSet::new();
        let first = choose(usual, &mut taken).unwrap();
        let second = choose(usual, &mut taken).unwrap();
        assert!(first != usual && second != usual && first != second);
    }
}
