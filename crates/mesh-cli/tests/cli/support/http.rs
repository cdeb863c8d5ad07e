//! One HTTP GET, without a client library.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// The status and body of `http://host:port/path`.
pub(crate) fn get(url: &str) -> std::io::Result<(u16, Vec<u8>)> {
    get_with(url, None)
}

/// The same with an `Authorization` header.
pub(crate) fn get_with(url: &str, authorization: Option<&str>) -> std::io::Result<(u16, Vec<u8>)> {
    let shown = authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{shown}\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let invalid = || std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is no HTTP");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(invalid)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).ok_or_else(invalid)?;
    Ok((status, answer.split_off(end + 4)))
}
