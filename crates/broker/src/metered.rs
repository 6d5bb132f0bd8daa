//! A connection that knows how much it may still receive, and whether anything was sent.
//!
//! A hostile server can announce messages of gigabytes; whoever assembles them stops when this stops. Whether a request
//! can have reached the target decides between Failed and Unknown, so it is read off the bytes, not off an error's name.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Any connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What became of a connection, readable while somebody else owns it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    sent: Arc<AtomicBool>,
    exceeded: Arc<AtomicBool>,
}

impl Meter {
    /// Whether at least one byte was given to the operating system or to TLS.
    pub(crate) fn sent(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    /// Whether the other side sent more than the budget.
    pub(crate) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::SeqCst)
    }
}

/// A connection with a budget.
pub(crate) struct Metered {
    inner: Box<dyn Duplex>,
    bytes_left: usize,
    meter: Meter,
}

impl Metered {
    /// At most `budget` bytes are received.
    pub(crate) fn new(inner: impl Duplex + 'static, budget: usize) -> (Self, Meter) {
        let meter = Meter::default();
        let metered = Self {
            inner: Box::new(inner),
            bytes_left: budget,
            meter: meter.clone(),
        };
        (metered, meter)
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let received = buffer.filled().len().saturating_sub(before);
        match self.bytes_left.checked_sub(received) {
            Some(left) => {
                self.bytes_left = left;
                poll
            }
            None => {
                self.bytes_left = 0;
                self.meter.exceeded.store(true, Ordering::SeqCst);
                Poll::Ready(Err(io::Error::other(
                    "the target sent more than its budget",
                )))
            }
        }
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if matches!(poll, Poll::Ready(Ok(count)) if count > 0) {
            self.meter.sent.store(true, Ordering::SeqCst);
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn stops_at_the_budget_and_knows_what_was_sent() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (mut metered, meter) = Metered::new(ours, 10);
        theirs.write_all(b"0123456789").await.unwrap();
        let mut bytes = [0; 10];
        metered.read_exact(&mut bytes).await.unwrap();
        assert!(!meter.exceeded() && !meter.sent());
        theirs.write_all(b"!").await.unwrap();
        assert!(metered.read_u8().await.is_err());
        assert!(meter.exceeded());
        metered.write_all(b"x").await.unwrap();
        assert!(meter.sent());
    }
}
