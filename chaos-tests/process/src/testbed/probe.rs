//! `/readyz` without an HTTP library.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the node says that it is ready.
///
/// # Errors
/// Why not: the node's own words, or the connection's.
pub(super) async fn readyz(address: &str) -> Result<()> {
    let asked = tokio::time::timeout(PATIENCE, ask(address)).await;
    let answer = asked.context("/readyz did not answer in time")?.context("/readyz cannot be reached")?;
    if answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    let body = answer.split_once("\r\n\r\n").map_or(answer.as_str(), |(_, body)| body);
    bail!("{}", body.trim())
}

async fn ask(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
