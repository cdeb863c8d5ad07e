//! One end of a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, End, Net, Segment, Stream};

/// Bytes on the way after which a writer waits.
const WINDOW: usize = 256 << 10;

/// What a program reads and writes.
pub(super) struct Ending {
    net: Net,
    id: Connection,
    /// Which of the two streams it writes to.
    side: usize,
}

impl Ending {
    pub(super) fn new(net: Net, id: Connection, side: usize) -> Self {
        Self { net, id, side }
    }

    fn finish(&self, end: End) {
        let mut state = self.net.lock();
        let Some(streams) = state.connections.get_mut(&self.id) else { return };
        if !std::mem::replace(&mut streams[self.side].finished, true) {
            state.send(self.id, self.side, Segment::End(end));
        }
    }
}

impl AsyncRead for Ending {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.net.lock();
        let Some(streams) = state.connections.get_mut(&self.id) else { return Poll::Ready(Err(reset())) };
        let stream = &mut streams[1 - self.side];
        if stream.here.is_empty() {
            return match stream.ended {
                Some(End::Finished) => Poll::Ready(Ok(())),
                Some(End::Reset) => Poll::Ready(Err(reset())),
                None => {
                    stream.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            };
        }
        let count = stream.here.len().min(buffer.remaining());
        let (front, _) = stream.here.as_slices();
        let count = count.min(front.len());
        buffer.put_slice(&front[..count]);
        stream.here.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ending {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.net.lock();
        let Some(streams) = state.connections.get_mut(&self.id) else { return Poll::Ready(Err(reset())) };
        if streams[1 - self.side].ended == Some(End::Reset) || streams[self.side].finished {
            return Poll::Ready(Err(reset()));
        }
        let stream = &mut streams[self.side];
        if stream.in_flight >= WINDOW {
            stream.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.send(self.id, self.side, Segment::Bytes(bytes.to_vec()));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish(End::Finished);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.finish(End::Finished);
        let mut state = self.net.lock();
        let Some(streams) = state.connections.get_mut(&self.id) else { return };
        // Nobody reads here any more: what still comes is of no use, and whoever writes it learns that.
        streams[1 - self.side].here.clear();
        let over = streams[1 - self.side].finished;
        let gone = |stream: &Stream| stream.under_way.is_empty() && stream.ended.is_some();
        if over && gone(&streams[0]) && gone(&streams[1]) {
            state.connections.remove(&self.id);
        }
    }
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the other end is gone")
}
