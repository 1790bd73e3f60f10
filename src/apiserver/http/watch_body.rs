//! A watch as a stream: what is queued is written in one go, as far as it goes into a chunk.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep};

use super::CHUNK_BYTES;
use super::shape::Shape;
use crate::apiserver::api::Api;
use crate::apiserver::store::{EventKind, Outcome, Queue, QueuedEvent, Stored};
use crate::apiserver::verbs::Watching;

/// How often a bookmark is sent. Upstream: about every minute.
const BOOKMARK_PERIOD: Duration = Duration::from_mins(1);

/// See the module.
pub(super) struct WatchBody {
    api: Arc<Api>,
    shape: Shape,
    /// What there was at the start and is not written yet.
    initial: std::vec::IntoIter<Arc<Stored>>,
    /// The bookmark behind it.
    initial_end: Option<u64>,
    queue: Arc<Queue>,
    taken: Vec<QueuedEvent>,
    bookmarks: Option<Pin<Box<Interval>>>,
    deadline: Pin<Box<Sleep>>,
    failure: Option<Value>,
    over: bool,
}

impl WatchBody {
    /// A watch that has begun, in this shape.
    #[must_use]
    pub(super) fn new(api: Arc<Api>, shape: Shape, watching: Watching) -> Self {
        let Watching { initial, mark_initial_end, queue, bookmarks, timeout, failure } = watching;
        let revision = initial.as_ref().map(|page| page.revision);
        let bookmarks = bookmarks.then(|| {
            let mut ticks = interval_at(Instant::now() + BOOKMARK_PERIOD, BOOKMARK_PERIOD);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Box::pin(ticks)
        });
        Self {
            api,
            shape,
            initial: initial.map(|page| page.objects).unwrap_or_default().into_iter(),
            initial_end: revision.filter(|_| mark_initial_end),
            queue,
            taken: Vec::new(),
            bookmarks,
            deadline: Box::pin(sleep(timeout)),
            failure: failure.map(|failure| failure.to_value()),
            over: false,
        }
    }

    /// What there was at the start, as far as it goes into one chunk.
    fn write_initial(&mut self, out: &mut Vec<u8>) {
        while out.len() < CHUNK_BYTES {
            let Some(object) = self.initial.next() else { break };
            begin("ADDED", out);
            self.shape.write(&object, None, out);
            end(out);
        }
        let is_over = self.initial.len() == 0;
        if let Some(revision) = self.initial_end.take_if(|_| is_over) {
            self.write_bookmark(revision, true, out);
        }
    }

    fn write_bookmark(&self, revision: u64, initial_end: bool, out: &mut Vec<u8>) {
        begin("BOOKMARK", out);
        let bookmark = self.shape.bookmark(revision, initial_end);
        out.extend_from_slice(bookmark.to_string().as_bytes());
        end(out);
    }

    fn write_taken(&mut self, out: &mut Vec<u8>) {
        for event in self.taken.drain(..) {
            let (name, object, revision) = match event.kind {
                EventKind::Added => ("ADDED", &event.change.new, None),
                EventKind::Modified => ("MODIFIED", &event.change.new, None),
                // The last state, with the revision at which it ended.
                EventKind::Deleted => ("DELETED", &event.change.old, Some(event.change.revision)),
            };
            let Some(object) = object else { continue };
            begin(name, out);
            self.shape.write(object, revision, out);
            end(out);
        }
    }

    /// A bookmark that is due, if nothing is queued that it would overtake.
    fn poll_bookmark(&mut self, cx: &mut Context<'_>) -> Option<u64> {
        let ticks = self.bookmarks.as_mut()?;
        if ticks.as_mut().poll_tick(cx).is_pending() {
            return None;
        }
        // Polled again, the next tick has a waker.
        let _ = ticks.as_mut().poll_tick(cx);
        // Read before the look at the queue: what is older than it has been queued by then.
        let revision = self.api.store.revision();
        self.queue.is_empty().then_some(revision)
    }
}

fn begin(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"","object":"#);
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}\n");
}

impl Body for WatchBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        let mut out = Vec::new();
        if let Some(failure) = this.failure.take() {
            this.over = true;
            begin("ERROR", &mut out);
            out.extend_from_slice(failure.to_string().as_bytes());
            end(&mut out);
            return Poll::Ready(Some(Ok(Frame::data(out.into()))));
        }
        this.write_initial(&mut out);
        if out.is_empty() {
            match this.queue.poll_take(cx, CHUNK_BYTES, &mut this.taken) {
                Poll::Ready(Outcome::Events) => this.write_taken(&mut out),
                Poll::Ready(Outcome::Ended) => this.over = true,
                Poll::Pending => {
                    if let Some(revision) = this.poll_bookmark(cx) {
                        this.write_bookmark(revision, false, &mut out);
                    } else if this.deadline.as_mut().poll(cx).is_ready() {
                        this.over = true;
                    } else {
                        return Poll::Pending;
                    }
                }
            }
        }
        if out.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(out.into()))))
    }
}

impl Drop for WatchBody {
    fn drop(&mut self) {
        // The store lets go of it with the next change.
        self.queue.end();
    }
}
