//! Answers that come bit by bit: [`Lines`] of a watch, in JSON or protobuf, and the [`whole`] page of a list.
//! Either ends where nothing comes for a while: a connection whose other end is gone says nothing, for ever.

use std::error::Error;
use std::ops::Range;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::{Instant, timeout};

use super::api::chain;

/// How long an API server may say nothing at all in an answer. Upstream's HTTP/2 pings find a dead
/// connection after the same time.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(45);

/// How long a watch is asked to last. The API server ends it with a bookmark, so one that is alive is
/// never silent for [`SILENCE_MAX`].
pub(super) const WATCH_SECONDS: u64 = 40;

/// The longest line or frame of a watch. etcd keeps objects below 1.5 MB.
pub(super) const LINE_BYTES_MAX: usize = 16 << 20;

/// The most bytes of a page of a list: its objects at the largest that etcd keeps.
pub(super) const PAGE_BYTES_MAX: usize = 768 << 20;

/// Why there is no next line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The connection broke off, with these words.
    Broken(String),
    /// Nothing came for [`SILENCE_MAX`].
    Silent,
    /// A line or a frame is longer than [`LINE_BYTES_MAX`], or a page than [`PAGE_BYTES_MAX`].
    TooLong,
}

/// How the changes of a watch, or a list, are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON, one line a change.
    Json,
    /// Protobuf, one frame a change: its length in four bytes, the first one the highest, and as many bytes.
    Protobuf,
}

/// Bytes of the length of a frame.
const LENGTH_BYTES: usize = 4;

/// The lines of a body, or its frames.
pub(super) struct Lines<B> {
    body: B,
    format: Format,
    buffer: BytesMut,
    /// Bytes of the buffer that have no end of a line in them.
    scanned: usize,
    /// Bytes of the line that was given last, with its end.
    given: usize,
    /// When bytes came last.
    arrived: Instant,
}

impl<B> Lines<B>
where
    B: Body<Data = Bytes, Error: Error + 'static> + Unpin,
{
    pub(super) fn new(format: Format, body: B) -> Self {
        let (buffer, arrived) = (BytesMut::new(), Instant::now());
        Self { body, format, buffer, scanned: 0, given: 0, arrived }
    }

    /// The next line that is complete, without its end, or the next frame, without its length, and when the
    /// last bytes came; `None` at the end of the body.
    pub(super) async fn next(&mut self) -> Result<Option<(&[u8], Instant)>, Cut> {
        self.buffer.advance(self.given);
        self.given = 0;
        self.scanned = 0;
        loop {
            let found = match self.format {
                Format::Json => self.line()?,
                Format::Protobuf => self.frame()?,
            };
            if let Some(found) = found {
                return Ok(Some((&self.buffer[found], self.arrived)));
            }
            match piece(&mut self.body).await? {
                Some(bytes) => {
                    self.arrived = Instant::now();
                    self.buffer.extend_from_slice(&bytes);
                }
                None => return Ok(None),
            }
        }
    }

    /// Where the first line is, if all of it is there.
    fn line(&mut self) -> Result<Option<Range<usize>>, Cut> {
        let fresh = &self.buffer[self.scanned..];
        if let Some(at) = fresh.iter().position(|&byte| byte == b'\n') {
            let end = self.scanned + at;
            self.given = end + 1;
            return Ok(Some(0..end));
        }
        self.scanned = self.buffer.len();
        if self.scanned > LINE_BYTES_MAX { Err(Cut::TooLong) } else { Ok(None) }
    }

    /// Where the first frame is, if all of it is there.
    fn frame(&mut self) -> Result<Option<Range<usize>>, Cut> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > LINE_BYTES_MAX {
            return Err(Cut::TooLong);
        }
        let end = LENGTH_BYTES + length;
        if self.buffer.len() < end {
            return Ok(None);
        }
        self.given = end;
        Ok(Some(LENGTH_BYTES..end))
    }
}

/// All of a body.
pub(super) async fn whole<B>(mut body: B) -> Result<Vec<u8>, Cut>
where
    B: Body<Data = Bytes, Error: Error + 'static> + Unpin,
{
    let mut all = Vec::new();
    while let Some(bytes) = piece(&mut body).await? {
        if all.len() + bytes.len() > PAGE_BYTES_MAX {
            return Err(Cut::TooLong);
        }
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

async fn piece<B>(body: &mut B) -> Result<Option<Bytes>, Cut>
where
    B: Body<Data = Bytes, Error: Error + 'static> + Unpin,
{
    loop {
        let frame = timeout(SILENCE_MAX, body.frame()).await.map_err(|_| Cut::Silent)?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(Cut::Broken(chain(&error))),
            Some(Ok(frame)) => {
                // Trailers are of no interest.
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};
    use http_body_util::combinators::UnsyncBoxBody;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use std::convert::Infallible;

    type TestBody = UnsyncBoxBody<Bytes, Infallible>;

    fn body(pieces: &[&str], then_silence: bool) -> TestBody {
        let pieces: Vec<_> = pieces.iter().map(|piece| Bytes::from(piece.to_string())).collect();
        let frames = stream::iter(pieces).map(|piece| Ok(Frame::data(piece)));
        if then_silence {
            StreamBody::new(frames.chain(stream::pending())).boxed_unsync()
        } else {
            StreamBody::new(frames).boxed_unsync()
        }
    }

    async fn read(body: TestBody) -> (Vec<String>, Option<Cut>) {
        read_as(Format::Json, body).await
    }

    async fn read_as(format: Format, body: TestBody) -> (Vec<String>, Option<Cut>) {
        let mut lines = Lines::new(format, body);
        let mut out = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some((line, _))) => out.push(String::from_utf8(line.to_vec()).unwrap()),
                Ok(None) => return (out, None),
                Err(cut) => return (out, Some(cut)),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_cut_at_their_ends_whatever_the_pieces() {
        let rows: [(&[&str], &[&str]); 6] = [
            (&["a\nb\n"], &["a", "b"]),
            (&["a", "b", "\n", "c\n"], &["ab", "c"]),
            (&["\n\na\n"], &["", "", "a"]),
            (&["a\nhalf"], &["a"]),
            (&["a\nha", "lf"], &["a"]),
            (&[], &[]),
        ];
        for (pieces, want) in rows {
            let (lines, cut) = read(body(pieces, false)).await;
            assert_eq!((lines, cut), (want.iter().map(ToString::to_string).collect(), None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_cut_at_their_ends_whatever_the_pieces() {
        let text = "\0\0\0\u{1}a\0\0\0\0\0\0\0\u{3}b\nc\0\0\0\u{2}d";
        for at in 0..text.len() {
            for second in at..text.len() {
                let pieces = [&text[..at], &text[at..second], &text[second..]];
                let (frames, cut) = read_as(Format::Protobuf, body(&pieces, false)).await;
                assert_eq!((frames, cut), (["a", "", "b\nc"].map(str::to_owned).to_vec(), None));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_length_of_a_frame_is_bounded() {
        for length in [u32::MAX, u32::try_from(LINE_BYTES_MAX + 1).unwrap()] {
            let head = Full::new(Bytes::copy_from_slice(&length.to_be_bytes()));
            let frames = read_as(Format::Protobuf, BodyExt::boxed_unsync(head)).await;
            assert_eq!(frames, (Vec::new(), Some(Cut::TooLong)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it() {
        let (lines, cut) = read(body(&["a\nhal"], true)).await;
        assert_eq!((lines, cut), (vec!["a".to_owned()], Some(Cut::Silent)));
        assert_eq!(whole(body(&["a"], true)).await, Err(Cut::Silent));
        assert_eq!(whole(body(&["a", "b"], false)).await.unwrap(), b"ab");
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_without_an_end_takes_bounded_memory() {
        let mebibyte = "x".repeat(1 << 20);
        let (lines, cut) = read(body(&vec![&*mebibyte; (LINE_BYTES_MAX >> 20) + 2], true)).await;
        assert_eq!((lines.len(), cut), (0, Some(Cut::TooLong)));
    }
}
