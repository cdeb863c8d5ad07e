//! Ports that stay free while a node is down.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Below what any system gives to outgoing connections by default.
const FIRST: u16 = 15_000;
const LAST: u16 = 32_000;

/// Loopback ports that nobody listens on, all below the range that outgoing connections draw from: otherwise a client's
/// connection could take the port of a node that is about to be restarted.
///
/// # Errors
/// When there are not so many.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    let end = ephemeral_start().unwrap_or(LAST).clamp(FIRST + 1, LAST);
    let span = u32::from(end - FIRST);
    // Two programs at a time begin at different places.
    let begin = std::process::id().wrapping_mul(61) % span;
    let mut ports = Vec::new();
    let mut held = Vec::new();
    for step in 0..span {
        if ports.len() == count {
            return Ok(ports);
        }
        let port = FIRST + u16::try_from((begin + step) % span).expect("less than the span");
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push(listener);
            ports.push(port);
        }
    }
    bail!("expected {count} free ports from {FIRST} to {end}; found {}", ports.len())
}

/// Where the kernel's range for outgoing connections begins.
fn ephemeral_start() -> Option<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
