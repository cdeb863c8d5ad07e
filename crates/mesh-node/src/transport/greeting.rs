//! How every connection begins: mesh, node, protocol versions, build. No byte of HTTP before both agree.

use super::NO_NUMBER;
use super::verifier::reason;
use mesh_model::NodeId;
use mesh_proto::v1::greeting::Answer;
use mesh_proto::v1::{Greeting, HelloRequest, HelloResponse};
use mesh_raft::{Identity, Mismatch};
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longest greeting, in bytes.
const MOST_BYTES: usize = 1024;
/// Longest reason that is sent or shown, in characters.
const MOST_REASON: usize = 300;

/// Why a connection ended at its greeting.
#[derive(Debug, thiserror::Error)]
pub enum GreetingError {
    /// It broke, or TLS refused: the certificate of whoever calls is checked while it waits for the greeting.
    #[error("the connection broke: {}", reason(.0))]
    Broke(#[from] std::io::Error),
    /// What came is no greeting.
    #[error("what came is no greeting: {0}")]
    Malformed(String),
    /// The other side refuses.
    #[error("the peer refuses: {0}")]
    Refused(String),
    /// This side refuses.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> std::io::Result<()> {
    let body = message.encode_to_vec();
    let length = u16::try_from(body.len()).map_err(|_| std::io::Error::other("a greeting has at most 1,024 bytes"))?;
    // In one write: one TLS record.
    stream.write_all(&[length.to_be_bytes().as_slice(), &body].concat()).await?;
    stream.flush().await
}

async fn receive<M: Message + Default>(stream: &mut (impl AsyncRead + Unpin)) -> Result<M, GreetingError> {
    let length = usize::from(stream.read_u16().await?);
    if length > MOST_BYTES {
        return Err(GreetingError::Malformed(format!("it has {length} bytes; expected at most {MOST_BYTES}")));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    M::decode(body.as_slice()).map_err(|error| GreetingError::Malformed(error.to_string()))
}

/// Greets the node that was called.
///
/// # Errors
/// [`GreetingError`].
pub(crate) async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    me: &Identity,
    called: NodeId,
) -> Result<HelloResponse, GreetingError> {
    send(stream, &me.hello()).await?;
    let greeting: Greeting = receive(stream).await?;
    match greeting.answer {
        Some(Answer::Hello(hello)) => {
            // A node that joins calls whoever is at an address.
            let called = if called == NO_NUMBER { hello.node_id } else { called };
            me.check_greeting(called, &hello)?;
            Ok(hello)
        }
        Some(Answer::Refused(why)) => Err(GreetingError::Refused(why.chars().take(MOST_REASON).collect())),
        None => Err(GreetingError::Malformed("it says nothing".to_owned())),
    }
}

/// Takes a greeting and refuses, whatever it says.
///
/// # Errors
/// When the caller can't be told.
pub(crate) async fn refuse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), why: &str) -> Result<(), GreetingError> {
    // Read first: a connection that closes over unread bytes may lose the answer.
    let _hello: HelloRequest = receive(stream).await?;
    let answer = Answer::Refused(why.chars().take(MOST_REASON).collect());
    send(stream, &Greeting { answer: Some(answer) }).await?;
    Ok(stream.shutdown().await?)
}

/// Takes the greeting of a node that proved to be `caller`, and answers it.
///
/// # Errors
/// [`GreetingError`]; the caller was told.
pub(crate) async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    me: &Identity,
    caller: NodeId,
) -> Result<HelloRequest, GreetingError> {
    let hello: HelloRequest = receive(stream).await?;
    let checked = me.greet(&hello).and_then(|welcome| {
        let found = hello.node_id;
        // A node that was just admitted may not know its number.
        if found == caller || found == NO_NUMBER {
            Ok(welcome)
        } else {
            Err(Mismatch::Node { expected: caller, found })
        }
    });
    let answer = match &checked {
        Ok(welcome) => Answer::Hello(welcome.clone()),
        Err(mismatch) => Answer::Refused(mismatch.to_string().chars().take(MOST_REASON).collect()),
    };
    send(stream, &Greeting { answer: Some(answer) }).await?;
    match checked {
        Ok(_) => Ok(hello),
        Err(mismatch) => {
            stream.shutdown().await?;
            Err(mismatch.into())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_model::MeshId;

    fn identity(node_id: NodeId, mesh: u8, protocols: std::ops::RangeInclusive<u32>) -> Identity {
        Identity::new(node_id, MeshId([mesh; 32]), "test".into()).speaking(protocols)
    }

    async fn meet(
        caller: Identity,
        called: Identity,
        proven: NodeId,
    ) -> (Result<HelloResponse, GreetingError>, Result<HelloRequest, GreetingError>) {
        let (mut one, mut two) = tokio::io::duplex(4096);
        tokio::join!(greet(&mut one, &caller, 2), answer(&mut two, &called, proven))
    }

    #[tokio::test]
    async fn both_learn_both_protocol_ranges_when_there_is_none_in_common() {
        let (greeted, answered) = meet(identity(1, 7, 1..=1), identity(2, 7, 2..=3), 1).await;
        let expected = "expected a protocol version in 2 to 3, the peer speaks 1 to 1";
        assert_eq!(answered.unwrap_err().to_string(), expected);
        assert_eq!(greeted.unwrap_err().to_string(), format!("the peer refuses: {expected}"));
    }

    #[tokio::test]
    async fn a_common_version_is_enough_and_another_mesh_or_name_is_refused() {
        let (greeted, answered) = meet(identity(1, 7, 1..=2), identity(2, 7, 2..=3), 1).await;
        assert_eq!((greeted.unwrap().node_id, answered.unwrap().node_id), (2, 1));
        let (greeted, answered) = meet(identity(1, 8, 1..=2), identity(2, 7, 2..=3), 1).await;
        assert!(matches!(answered, Err(GreetingError::Mismatch(Mismatch::Mesh { .. }))));
        assert!(matches!(greeted, Err(GreetingError::Refused(_))));
        // It says that it is node 1, and its key is node 3's.
        let (_, answered) = meet(identity(1, 7, 1..=2), identity(2, 7, 2..=3), 3).await;
        assert!(matches!(answered, Err(GreetingError::Mismatch(Mismatch::Node { expected: 3, found: 1 }))));
        // Somebody else answers.
        let (greeted, _) = meet(identity(1, 7, 1..=2), identity(5, 7, 1..=2), 1).await;
        assert!(matches!(greeted, Err(GreetingError::Mismatch(Mismatch::Node { expected: 2, found: 5 }))));
    }

    #[tokio::test]
    async fn garbage_and_oversized_greetings_end_it() {
        for bytes in [vec![0xff; 4000], vec![0, 3, 0xff, 0xff, 0xff], vec![4, 1]] {
            let (mut one, mut two) = tokio::io::duplex(8192);
            one.write_all(&bytes).await.unwrap();
            one.shutdown().await.unwrap();
            answer(&mut two, &identity(2, 7, 1..=2), 1).await.unwrap_err();
        }
    }
}
