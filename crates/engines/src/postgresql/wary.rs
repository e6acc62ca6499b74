//! A stream that breaks off when the server asks for the password in clear.
//!
//! The driver would send it to whoever asks: a rogue server, or one that somebody put in between. What is read is
//! watched until the server says that we are in; then it passes untouched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Authentication messages begin with this.
const AUTHENTICATION: u8 = b'R';
/// We are in.
const AUTHENTICATED: u32 = 0;
/// "Send it in clear."
const CLEAR_PASSWORD: u32 = 3;
/// Type, length and, of authentication messages, what is asked.
const HEAD: usize = 9;

/// A stream that is watched.
pub(super) struct Wary<S> {
    stream: S,
    watch: Watch,
}

impl<S> Wary<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, watch: Watch::default() }
    }
}

/// How far the server's first messages have been read.
#[derive(Default)]
struct Watch {
    head: Vec<u8>,
    /// Bytes of the present message that don't matter.
    skip: usize,
    done: bool,
}

impl Watch {
    /// Takes what was read; an error if the password is asked for in clear.
    fn see(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            if self.done {
                return Ok(());
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.head.push(*byte);
            self.weigh()?;
        }
        Ok(())
    }

    fn weigh(&mut self) -> io::Result<()> {
        let number = |from: usize| {
            let bytes = self.head.get(from..from + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let (Some(kind), Some(length)) = (self.head.first(), number(1)) else { return Ok(()) };
        let body = (length as usize).saturating_sub(4);
        if *kind != AUTHENTICATION {
            self.skip = body;
        } else if let Some(asked) = number(5) {
            if asked == CLEAR_PASSWORD {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "it asks for the password in clear, which is never sent; let it ask by scram-sha-256",
                ));
            }
            self.done = asked == AUTHENTICATED;
            self.skip = (body + 5).saturating_sub(HEAD);
        } else {
            return Ok(());
        }
        self.head.clear();
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wary<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if !self.watch.done
            && let Err(error) = self.watch.see(buf.filled().get(before..).unwrap_or_default())
        {
            buf.set_filled(before);
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wary<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Wary<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// Opens encrypted streams that are watched on the inside.
pub(super) struct WaryTls<T>(pub(super) T);

impl<S, T> TlsConnect<S> for WaryTls<T>
where
    T: TlsConnect<S> + Send + 'static,
    T::Stream: Send,
    T::Future: Send,
    S: Send + 'static,
{
    type Stream = Wary<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { Ok(Wary::new(self.0.connect(stream).await?)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 3];
    const IN: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 0];
    const SCRAM: [u8; 24] = *b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
    const NOTICE: [u8; 8] = *b"N\0\0\0\x07abc";

    /// Whether these messages pass, read in pieces of one size.
    fn passes(messages: &[&[u8]], piece: usize) -> bool {
        let mut watch = Watch::default();
        messages.concat().chunks(piece).all(|bytes| watch.see(bytes).is_ok())
    }

    #[test]
    fn asking_for_the_password_in_clear_is_seen_however_it_is_cut() {
        for piece in 1..40 {
            assert!(!passes(&[&CLEAR], piece));
            assert!(!passes(&[&NOTICE, &SCRAM, &CLEAR], piece));
            assert!(passes(&[&NOTICE, &SCRAM, &IN], piece));
            assert!(passes(&[&IN, &CLEAR], piece), "what comes later is data");
        }
    }
}
