//! What somebody is told who speaks plain HTTP to a TLS port.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The first byte of a TLS handshake record (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;
const ADVICE: &str = "this port speaks TLS: use https://";

/// What a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    Tls,
    Http1,
    Http2,
}

/// Looks at the first bytes without taking them.
pub(super) async fn beginning(stream: &TcpStream) -> std::io::Result<Beginning> {
    let mut first = [0; 3];
    // HTTP/2's preface comes in one piece; a slow writer of its first bytes gets the answer for HTTP/1.1.
    let seen = stream.peek(&mut first).await?;
    Ok(match first.get(..seen).unwrap_or_default() {
        [HANDSHAKE, ..] => Beginning::Tls,
        b"PRI" => Beginning::Http2,
        _ => Beginning::Http1,
    })
}

/// Says so in the protocol that was spoken, and ends.
pub(super) async fn advise(mut stream: TcpStream, spoken: Beginning) -> std::io::Result<()> {
    let answer = match spoken {
        Beginning::Http2 => {
            until_request(&mut stream).await?;
            // RFC 9113: an empty SETTINGS, then GOAWAY with INADEQUATE_SECURITY (0x0c) and the advice as debug data.
            let length = u32::try_from(8 + ADVICE.len()).unwrap_or(8).to_be_bytes();
            let settings: &[u8] = &[0, 0, 0, 0x04, 0, 0, 0, 0, 0];
            let goaway: &[u8] = &[length[1], length[2], length[3], 0x07, 0, 0, 0, 0, 0];
            [settings, goaway, &[0; 4], &[0, 0, 0, 0x0c], ADVICE.as_bytes()].concat()
        }
        Beginning::Http1 | Beginning::Tls => format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{ADVICE}\n",
            ADVICE.len() + 1
        )
        .into_bytes(),
    };
    stream.write_all(&answer).await?;
    stream.shutdown().await?;
    // Closing over what was not read would take the answer back.
    let mut rest = [0; 1024];
    for _ in 0..64 {
        if stream.read(&mut rest).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Reads until the first request: before it, a client takes the end of the connection for one of those that just happen.
async fn until_request(stream: &mut TcpStream) -> std::io::Result<()> {
    const PREFACE: usize = 24;
    const HEADERS: u8 = 0x01;
    const LONGEST: u32 = 16_384; // RFC 9113, 4.2: the limit that holds unless a server allows more
    const FRAMES: usize = 16;
    let mut preface = [0; PREFACE];
    stream.read_exact(&mut preface).await?;
    for _ in 0..FRAMES {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        if head[3] == HEADERS || length > LONGEST {
            break;
        }
        let mut frame = (&mut *stream).take(length.into());
        tokio::io::copy(&mut frame, &mut tokio::io::sink()).await?;
    }
    Ok(())
}
