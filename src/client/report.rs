//! The text of Events about pods (events.k8s.io/v1): names, notes, bodies. Used by `series`, which
//! decides what is written, and by `writer`, which sends it.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;

use crate::engine::{PodRef, Report};
use crate::units::Nanos;

use super::api::{Api, JSON, Problem, STRATEGIC_MERGE};
use super::json::{field, micro_time, quote};
use super::printf::without_arguments;

/// Bytes of an Event's note. Upstream: validation.NoteLengthLimit, v1.37.
pub(super) const NOTE_BYTES_MAX: usize = 1_024;

/// What the end of a note that was cut looks like.
const CUT: &str = " ...";

/// Bytes of an object's name.
const NAME_BYTES_MAX: usize = 253;

/// Bytes of `reportingInstance`. Upstream: validation.ReportingInstanceLengthLimit, v1.37.
const INSTANCE_BYTES_MAX: usize = 128;

/// An Event that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) pod: Arc<PodRef>,
    pub(super) profile: Arc<str>,
    pub(super) report: Report,
    /// When it happened.
    pub(super) at: Nanos,
}

impl Job {
    /// A note that is too long is cut here, so that a full queue has a known size.
    pub(super) fn new(pod: Arc<PodRef>, profile: Arc<str>, mut report: Report, at: Nanos) -> Self {
        if let Report::FailedScheduling { message } = &mut report
            && message.len() > NOTE_BYTES_MAX
        {
            *message = cut(message).into();
        }
        Self { pod, profile, report, at }
    }
}

/// How often and until when something was seen that happens again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sightings {
    pub(super) count: u32,
    pub(super) last: Nanos,
}

/// A request that writes an Event.
#[derive(Debug)]
pub(super) struct EventRequest {
    /// The entry in the memory of series that it belongs to, if it belongs to one.
    pub(super) entry: Option<u64>,
    /// The count that is written by it.
    pub(super) count: u32,
    pub(super) create: bool,
    pub(super) path: String,
    pub(super) body: String,
    /// Tries so far.
    pub(super) tries: u32,
}

/// What came of such a request.
#[derive(Debug)]
pub(super) enum EventOutcome {
    Written,
    /// A series was to be added to an Event that is not there (any more).
    Missing,
    /// The same request would be refused again.
    Refused(String),
    /// It may go through later.
    Again(Problem),
}

/// Sends `request` once.
pub(super) async fn send(api: &Api, request: &EventRequest) -> EventOutcome {
    let (method, content_type) =
        if request.create { (Method::POST, JSON) } else { (Method::PATCH, STRATEGIC_MERGE) };
    let problem = match api.write(method, &request.path, content_type, request.body.clone()).await {
        Ok(()) => return EventOutcome::Written,
        Err(problem) => problem,
    };
    if problem.is_transient() {
        EventOutcome::Again(problem)
    } else if request.create && problem.status() == 409 {
        // It exists: an earlier try was accepted and its answer lost.
        EventOutcome::Written
    } else if !request.create && problem.is_not_found() {
        EventOutcome::Missing
    } else if !request.create && problem.status() == 409 {
        EventOutcome::Again(problem)
    } else {
        EventOutcome::Refused(problem.to_string())
    }
}

/// Makes requests; knows who reports.
#[derive(Debug)]
pub(super) struct Reporter {
    hostname: String,
    /// The last stamp given, so that no two Events have the same name.
    stamp_last: u64,
}

impl Reporter {
    pub(super) fn new(hostname: String) -> Self {
        Self { hostname, stamp_last: 0 }
    }

    /// A name for a new Event about `pod`: `<pod>.<time in hex>`.
    ///
    /// Differs from upstream: where that is too long the pod's name is cut; upstream takes a random
    /// UUID. Names stay unique within a process either way.
    pub(super) fn name(&mut self, pod: &str, at: Nanos) -> String {
        self.stamp_last = at.0.max(self.stamp_last + 1);
        let stamp = format!(".{:x}", self.stamp_last);
        let kept = &pod[..pod.floor_char_boundary(NAME_BYTES_MAX - stamp.len())];
        format!("{}{stamp}", kept.trim_end_matches(['.', '-']))
    }

    /// A request that writes the new Event `name`.
    pub(super) fn create(&self, job: &Job, name: &str, seen: Option<Sightings>) -> EventRequest {
        EventRequest {
            entry: None,
            count: seen.map_or(1, |seen| seen.count),
            create: true,
            path: collection(&job.pod.key.namespace),
            body: self.body(job, name, seen),
            tries: 0,
        }
    }

    fn body(&self, job: &Job, name: &str, seen: Option<Sightings>) -> String {
        let (kind, reason, action, note) = words(job);
        let (pod, key) = (&job.pod, &job.pod.key);
        let mut instance = format!("{}-{}", job.profile, self.hostname);
        instance.truncate(instance.floor_char_boundary(INSTANCE_BYTES_MAX));

        let mut out = String::with_capacity(640 + note.len());
        out.push_str(r#"{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"#);
        quote(&mut out, name);
        field(&mut out, "namespace", &key.namespace);
        out.push('}');
        field(&mut out, "eventTime", &micro_time(job.at));
        if let Some(seen) = seen {
            out.push(',');
            series(&mut out, seen);
        }
        field(&mut out, "reportingController", &job.profile);
        field(&mut out, "reportingInstance", &instance);
        field(&mut out, "action", action);
        field(&mut out, "reason", reason);
        out.push_str(r#","regarding":{"kind":"Pod""#);
        field(&mut out, "namespace", &key.namespace);
        field(&mut out, "name", &key.name);
        field(&mut out, "uid", &pod.uid);
        field(&mut out, "apiVersion", "v1");
        field(&mut out, "resourceVersion", &pod.resource_version);
        out.push('}');
        field(&mut out, "note", &note);
        field(&mut out, "type", kind);
        out.push('}');
        out
    }
}

/// A request that notes on the Event `name` how often it was seen.
pub(super) fn update(namespace: &str, name: &str, seen: Sightings) -> EventRequest {
    let mut body = String::from("{");
    series(&mut body, seen);
    body.push('}');
    let path = format!("{}/{name}", collection(namespace));
    EventRequest { entry: None, count: seen.count, create: false, path, body, tries: 0 }
}

fn collection(namespace: &str) -> String {
    format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events")
}

fn series(out: &mut String, seen: Sightings) {
    out.push_str(r#""series":{"count":"#);
    out.push_str(&seen.count.to_string());
    field(out, "lastObservedTime", &micro_time(seen.last));
    out.push('}');
}

/// Type, reason, action and note.
fn words(job: &Job) -> (&'static str, &'static str, &'static str, Cow<'_, str>) {
    match &job.report {
        Report::Scheduled { node } => {
            let note = format!("Successfully assigned {} to {node}", job.pod.key);
            ("Normal", "Scheduled", "Binding", Cow::Owned(note))
        }
        // By UID, as upstream.
        Report::Preempted { by, node, in_memory } => {
            let memory = if *in_memory { " (in kube-scheduler memory)." } else { "" };
            let note = format!("Preempted by pod {by} on node {node}{memory}");
            ("Normal", "Preempted", "Preempting", Cow::Owned(note))
        }
        Report::FailedScheduling { message } => {
            ("Warning", "FailedScheduling", "Scheduling", formatted(message))
        }
    }
}

/// A text as upstream writes it, which hands it to a formatter without arguments.
///
/// Differs from upstream: what becomes too long by that is cut, where the API server refuses upstream's Event.
fn formatted(message: &str) -> Cow<'_, str> {
    let text = without_arguments(message);
    if text.len() > NOTE_BYTES_MAX { Cow::Owned(cut(&text)) } else { text }
}

/// A note that is too long, cut to what the API takes.
///
/// Upstream: `truncateMessage` in `schedule_one.go`, v1.37, which may cut a character in two.
fn cut(note: &str) -> String {
    let kept = &note[..note.floor_char_boundary(NOTE_BYTES_MAX - CUT.len())];
    format!("{kept}{CUT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_cut_on_a_character() {
        let note = |message: String| {
            let report = Report::FailedScheduling { message: message.into() };
            let pod = Arc::new(PodRef {
                key: crate::model::PodKey::default(),
                uid: "u".into(),
                resource_version: "1".into(),
            });
            words(&Job::new(pod, "p".into(), report, Nanos(0))).3.into_owned()
        };
        assert_eq!(note("x".repeat(1_024)), "x".repeat(1_024));
        assert_eq!(note("x".repeat(1_025)), format!("{} ...", "x".repeat(1_020)));
        // The 1020th byte is in the middle of an "ü".
        assert_eq!(note(format!("a{}", "ü".repeat(600))), format!("a{} ...", "ü".repeat(509)));
        assert_eq!(note("100 % of %d".into()), "100 %!o(MISSING)f %!d(MISSING)");
        let long = note("%d".repeat(500));
        assert!(long.len() == 1_024 && long.ends_with(" ..."), "{long}");
    }

    #[test]
    fn names_fit_and_differ() {
        let mut reporter = Reporter::new("host".into());
        let at = Nanos(0x18ab_cdef_0123_4567);
        assert_eq!(reporter.name("web-0", at), "web-0.18abcdef01234567");
        assert_eq!(reporter.name("web-0", at), "web-0.18abcdef01234568");
        // Position 236 would leave a dash at the end, which no name may have before a dot.
        let long = format!("{}-{}", "a".repeat(235), "b".repeat(17));
        let name = reporter.name(&long, at);
        assert_eq!(name, format!("{}.18abcdef01234569", "a".repeat(235)));
        assert!(reporter.name(&"a".repeat(253), at).len() == 253);
    }
}
