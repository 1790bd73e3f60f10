//! A list as a stream: the page holds references, and one chunk at a time is written out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde_json::json;

use super::CHUNK_BYTES;
use super::accept::Form;
use super::shape::Shape;
use crate::apiserver::store::{Page, Stored};

/// See the module.
#[derive(Debug)]
pub(super) struct ListBody {
    shape: Shape,
    objects: std::vec::IntoIter<Arc<Stored>>,
    /// What stands before the next object: the beginning of the list, later a comma.
    before: Option<Vec<u8>>,
}

impl ListBody {
    /// A page as a list in this shape.
    #[must_use]
    pub(super) fn new(shape: Shape, page: Page, continue_token: &str) -> Self {
        let mut metadata = json!({"resourceVersion": page.revision.to_string()});
        if !continue_token.is_empty() {
            metadata["continue"] = continue_token.into();
        }
        if let Some(remaining) = page.remaining.filter(|remaining| *remaining > 0) {
            metadata["remainingItemCount"] = remaining.into();
        }
        if shape.form == Form::Table {
            let objects: Vec<_> = page.objects.iter().map(|object| shape.value(object)).collect();
            let mut table = shape.table(&objects);
            table["metadata"] = metadata;
            let text = table.to_string().into_bytes();
            return Self { shape, objects: Vec::new().into_iter(), before: Some(text) };
        }
        let (api_version, kind) = shape.list_kind();
        let head = format!(
            r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{metadata},"items":["#
        );
        Self { shape, objects: page.objects.into_iter(), before: Some(head.into_bytes()) }
    }
}

impl Body for ListBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(mut chunk) = self.before.take() else { return Poll::Ready(None) };
        if self.shape.form == Form::Table {
            return Poll::Ready(Some(Ok(Frame::data(chunk.into()))));
        }
        let shape = self.shape;
        while chunk.len() < CHUNK_BYTES {
            let Some(object) = self.objects.next() else { break };
            shape.write_item(&object, &mut chunk);
            chunk.push(b',');
        }
        if self.objects.len() == 0 {
            // The comma belongs to a next object.
            if chunk.last() == Some(&b',') {
                chunk.pop();
            }
            chunk.extend_from_slice(b"]}\n");
        } else {
            self.before = Some(Vec::with_capacity(CHUNK_BYTES));
        }
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.before.is_none()
    }
}
