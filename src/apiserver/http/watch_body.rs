//! A watch as a stream: what is queued is written in one go, as far as it goes into a chunk.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde_json::Value;
use tokio::time::{Instant, Sleep, sleep_until};

use super::CHUNK_BYTES;
use super::shape::Shape;
use crate::apiserver::api::Api;
use crate::apiserver::store::{EventKind, Outcome, Queue, QueuedEvent, Stored};
use crate::apiserver::verbs::Watching;

/// How often a bookmark is sent. Upstream: about every minute.
const BOOKMARK_PERIOD: Duration = Duration::from_mins(1);
/// The last bookmark comes so long before the end, so that the next watch begins there. Upstream: 2 s.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

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
    /// When the next bookmark is due, where bookmarks are wanted.
    bookmark: Option<Pin<Box<Sleep>>>,
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
        let end = Instant::now() + timeout;
        let due = bookmarks.then(|| next_bookmark(end)).flatten();
        Self {
            api,
            shape,
            initial: initial.map(|page| page.objects).unwrap_or_default().into_iter(),
            initial_end: revision.filter(|_| mark_initial_end),
            queue,
            taken: Vec::new(),
            bookmark: due.map(|due| Box::pin(sleep_until(due))),
            deadline: Box::pin(sleep_until(end)),
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
            self.shape.no_headers = true;
            end(out);
        }
        let is_over = self.initial.len() == 0;
        if let Some(revision) = self.initial_end.take_if(|_| is_over) {
            self.write_bookmark(revision, true, out);
        }
    }

    fn write_bookmark(&mut self, revision: u64, initial_end: bool, out: &mut Vec<u8>) {
        begin("BOOKMARK", out);
        let bookmark = self.shape.bookmark(revision, initial_end);
        out.extend_from_slice(bookmark.to_string().as_bytes());
        self.shape.no_headers = true;
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
            self.shape.no_headers = true;
            end(out);
        }
    }

    /// A bookmark that is due, if nothing is queued that it would overtake.
    fn poll_bookmark(&mut self, cx: &mut Context<'_>) -> Option<u64> {
        let due = self.bookmark.as_mut()?;
        if due.as_mut().poll(cx).is_pending() {
            return None;
        }
        match next_bookmark(self.deadline.deadline()) {
            Some(next) => {
                due.as_mut().reset(next);
                // Polled again, it has a waker.
                let _ = due.as_mut().poll(cx);
            }
            None => self.bookmark = None,
        }
        // Read before the look at the queue: what is older than it has been queued by then.
        let revision = self.api.store.revision();
        self.queue.is_empty().then_some(revision)
    }
}

/// When the next bookmark of a watch that ends then is due, if there is to be another one.
fn next_bookmark(end: Instant) -> Option<Instant> {
    let now = Instant::now();
    let last = end.checked_sub(BOOKMARK_BEFORE_END)?;
    Some(last.min(now + BOOKMARK_PERIOD)).filter(|due| *due > now)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::http::Form;
    use crate::apiserver::kinds::Resource;
    use crate::apiserver::print::IncludeObject;
    use crate::apiserver::selection::Selection;
    use crate::apiserver::store::{Encoder, Limits};
    use http_body_util::BodyExt as _;
    use serde_json::json;

    /// A watch of all ConfigMaps that there will be.
    fn watch(api: &Arc<Api>, timeout: Duration) -> WatchBody {
        let resource = Resource::find("", "v1", "configmaps").unwrap();
        let shape =
            Shape { resource, form: Form::Plain, include: IncludeObject::None, no_headers: false };
        let now = api.store.revision();
        let watching = Watching {
            initial: None,
            mark_initial_end: false,
            queue: api.store.watch(resource.table, Selection::default(), now).unwrap(),
            bookmarks: true,
            timeout,
            failure: None,
        };
        WatchBody::new(Arc::clone(api), shape, watching)
    }

    fn add(api: &Api, name: &str) {
        let resource = Resource::find("", "v1", "configmaps").unwrap();
        let map = json!({"metadata": {"namespace": "default", "name": name}});
        api.store.create(resource.table, Encoder(resource).encode(&map)).unwrap();
    }

    /// The events of the next frame; nothing at the end.
    async fn next(body: &mut WatchBody) -> Vec<Value> {
        let Some(frame) = body.frame().await else { return Vec::new() };
        let data = frame.unwrap().into_data().unwrap();
        let lines = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_watch_gets_a_bookmark_every_minute_and_before_its_end() {
        let api = Arc::new(Api::new(Limits::default()));
        let mut body = watch(&api, Duration::from_secs(150));
        let begun = Instant::now();
        for second in [60, 120, 148] {
            let events = next(&mut body).await;
            assert_eq!(begun.elapsed().as_secs(), second);
            assert_eq!(events.len(), 1);
            assert_eq!(events[0]["type"], "BOOKMARK");
            let version = &events[0]["object"]["metadata"]["resourceVersion"];
            assert_eq!(*version, api.store.revision().to_string());
        }
        assert!(next(&mut body).await.is_empty());
        assert_eq!(begun.elapsed().as_secs(), 150);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_queued_is_written_in_one_frame() {
        let api = Arc::new(Api::new(Limits::default()));
        let mut body = watch(&api, Duration::from_secs(10));
        for name in ["a", "b", "c"] {
            add(&api, name);
        }
        let events = next(&mut body).await;
        let names = events.iter().map(|event| &event["object"]["metadata"]["name"]);
        assert_eq!(names.collect::<Vec<_>>(), ["a", "b", "c"]);
        api.store.end_watches();
        assert!(next(&mut body).await.is_empty());
    }
}
