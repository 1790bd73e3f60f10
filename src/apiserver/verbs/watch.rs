//! `watch`. Upstream: the semantics of resourceVersion and sendInitialEvents, v1.37.

use std::sync::Arc;
use std::time::Duration;

use crate::apiserver::failure::Failure;

use super::list::{invalid_option, reached, revision, selection, too_old};
use super::{Answer, Call, Watching};

/// How long a watch lasts that names no time. Upstream: 30 to 60 minutes, at random.
const TIMEOUT: Duration = Duration::from_mins(45);

/// Watches what the call selects.
pub fn watch(call: &Call<'_>) -> Result<Answer, Failure> {
    let params = call.params;
    check(call)?;
    let mut selection = selection(call)?;
    if !call.target.name.is_empty() {
        selection = selection.named(&call.target.name);
    }
    let (store, table) = (&call.api.store, call.kept().table);
    let from = revision(params).map_err(|failure| {
        // Upstream: a list takes it for a bad request, a watch for a failure of its own.
        let text = failure.message;
        Failure::untyped(text.strip_prefix("invalid resource version: ").unwrap_or(&text))
    })?;
    let initial = match (params.send_initial_events, from) {
        (Some(wanted), _) => wanted,
        // Upstream: "get state and start at most recent", "get state and start at any".
        (None, from) => from.is_none(),
    };
    let mut watching = Watching {
        initial: None,
        mark_initial_end: initial && params.send_initial_events.is_some() && params.bookmarks,
        queue: Arc::default(),
        bookmarks: params.bookmarks,
        timeout: params.timeout.unwrap_or(TIMEOUT),
        failure: None,
    };
    // Upstream: what is streamed from the start is to be as new as asked; a watch may begin in the future.
    if initial && let Err(failure) = reached(from, store.revision()) {
        watching.failure = Some(failure);
        return Ok(Answer::Watch(watching));
    }
    let begun = if initial {
        store.list_and_watch(table, selection).map(|(page, queue)| {
            watching.initial = Some(page);
            queue
        })
    } else {
        store.watch(table, selection, from.unwrap_or_else(|| store.revision()))
    };
    match begun {
        Ok(queue) => watching.queue = queue,
        // Upstream: once the request is understood, what goes wrong is an event.
        Err(expired) => watching.failure = Some(too_old(from.unwrap_or(0), expired)),
    }
    Ok(Answer::Watch(watching))
}

fn check(call: &Call<'_>) -> Result<(), Failure> {
    let params = call.params;
    let forbidden = |field: &str, why: &str| {
        Err(invalid_option(field, "FieldValueForbidden", format!("Forbidden: {why}")))
    };
    let how = params.resource_version_match.as_str();
    match params.send_initial_events {
        Some(_) if how != "NotOlderThan" => forbidden(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
        None if !how.is_empty() => forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        _ => Ok(()),
    }
}
