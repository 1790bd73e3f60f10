//! When each pod came to its node, as a watch sees it: [`Seen`], and the watch that fills it. Used by `run`.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::client::Plain;
use crate::units::Map;

use super::list::List;
use super::plan::LABEL;
use super::workloads::Until;

/// How long nothing is asked after a watch that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// How often in a row a watch may fail.
const FAILURES_MAX: u32 = 20;

/// The times of pods, in nanoseconds since a base.
pub(super) struct Seen {
    base: Instant,
    until: Until,
    /// How the names of numbered pods begin.
    prefix: String,
    /// By number, for pods that are numbered: created and bound, zero where not yet.
    numbered: RefCell<Vec<(u64, u64)>>,
    /// By name, for a controller's pods: first seen and bound.
    named: RefCell<Option<Map<String, (u64, u64)>>>,
    /// How many are bound.
    bound: Cell<usize>,
    /// How many are awaited.
    wanted: usize,
    /// When something last got on.
    moved: Cell<u64>,
    /// Wakes who waits for all.
    all: Notify,
}

/// A line of a watch of pods, as far as it matters.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Spec<'a>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    node_name: Cow<'a, str>,
}

/// Of a pod; the status of an error is a word.
#[derive(Deserialize)]
#[serde(untagged)]
enum Status<'a> {
    Pod(#[serde(borrow)] PodStatus<'a>),
    #[expect(dead_code, reason = "the word itself does not matter")]
    Word(#[serde(borrow)] Cow<'a, str>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodStatus<'a> {
    #[serde(borrow)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

impl Seen {
    /// Awaits `wanted` pods: numbered ones, or whatever pods a controller makes.
    pub(super) fn new(wanted: usize, by_controller: bool, until: Until, prefix: &str) -> Self {
        Self {
            base: Instant::now(),
            until,
            prefix: prefix.to_owned(),
            numbered: RefCell::new(vec![(0, 0); if by_controller { 0 } else { wanted }]),
            named: RefCell::new(by_controller.then(Map::default)),
            bound: Cell::new(0),
            wanted,
            moved: Cell::new(0),
            all: Notify::new(),
        }
    }

    /// Now, in nanoseconds since the base.
    pub(super) fn now(&self) -> u64 {
        self.nanos(Instant::now())
    }

    /// Nanoseconds since the base; never zero.
    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from((at - self.base).as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// The request that creates this pod goes now.
    pub(super) fn created(&self, number: usize) {
        let now = self.now();
        self.moved.set(now);
        if let Some(pod) = self.numbered.borrow_mut().get_mut(number) {
            pod.0 = now;
        }
    }

    /// How many pods are bound.
    pub(super) fn bound(&self) -> usize {
        self.bound.get()
    }

    /// How many are awaited.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// How long nothing has got on.
    pub(super) fn quiet(&self) -> Duration {
        let now = self.now();
        Duration::from_nanos(now.saturating_sub(self.moved.get()))
    }

    /// Waits until all pods are bound.
    pub(super) async fn all(&self) {
        while self.bound.get() < self.wanted {
            self.all.notified().await;
        }
    }

    /// Created and bound, of each pod that is.
    pub(super) fn times(&self) -> Vec<(u64, u64)> {
        let (numbered, named) = (self.numbered.borrow(), self.named.borrow());
        let named = named.iter().flat_map(Map::values);
        numbered.iter().chain(named).copied().filter(|(_, bound)| *bound > 0).collect()
    }

    /// Takes in a line of a watch that came at a time; says from where to go on.
    fn take(&self, line: &[u8], at: Instant) -> anyhow::Result<Option<String>> {
        let line: Line<'_> = serde_json::from_slice(line).context("a line of a watch")?;
        let Object { metadata, spec, status, message } = line.object;
        anyhow::ensure!(line.kind != "ERROR", "the watch of pods ended: {message}");
        let judged = |status: &Status<'_>| match status {
            Status::Pod(status) => status.conditions.iter().any(|c| c.kind == "PodScheduled"),
            Status::Word(_) => false,
        };
        let done = !spec.node_name.is_empty()
            || self.until == Until::Attempted && status.as_ref().is_some_and(judged);
        if matches!(&*line.kind, "ADDED" | "MODIFIED") {
            self.pod(&metadata.name, done, self.nanos(at));
        }
        let version = metadata.resource_version;
        Ok((!version.is_empty()).then(|| version.into_owned()))
    }

    fn pod(&self, name: &str, done: bool, now: u64) {
        let mut named = self.named.borrow_mut();
        let mut numbered = self.numbered.borrow_mut();
        let pod = if let Some(named) = named.as_mut() {
            if !named.contains_key(name) {
                self.moved.set(now);
            }
            named.entry(name.to_owned()).or_insert((now, 0))
        } else {
            let number = name.strip_prefix(&*self.prefix).and_then(|number| number.parse().ok());
            let pod = number.and_then(|number: usize| numbered.get_mut(number));
            let Some(pod) = pod else { return };
            pod
        };
        if done && pod.1 == 0 {
            pod.1 = now;
            self.moved.set(now);
            self.bound.set(self.bound.get() + 1);
            if self.bound.get() == self.wanted {
                self.all.notify_one();
            }
        }
    }
}

/// The part of a path that selects what has this role.
pub(super) fn selector(role: &str) -> String {
    format!("labelSelector={}%3D{role}", LABEL.replace('/', "%2F"))
}

/// The version of pods now: a watch from there sees all that comes.
pub(super) async fn version(plain: &Plain) -> anyhow::Result<String> {
    let list: List<IgnoredAny> =
        plain.read("/api/v1/pods?limit=1").await.context("GET /api/v1/pods")?;
    Ok(list.metadata.resource_version)
}

/// Follows the pods of this role from a version on.
pub(super) async fn follow(
    plain: &Plain,
    seen: &Seen,
    role: &str,
    mut version: String,
) -> anyhow::Result<Infallible> {
    let mut path = format!("/api/v1/pods?{}", selector(role));
    if seen.until == Until::Bound && seen.named.borrow().is_none() {
        // Only what has a node is of interest, and is sent once it has.
        path.push_str("&fieldSelector=spec.nodeName%21%3D");
    }
    let mut failures = 0;
    loop {
        let mut lines = match plain.watch(&format!("{path}&resourceVersion={version}")).await {
            Ok(lines) => lines,
            Err(error) if error.transient && failures < FAILURES_MAX => {
                failures += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(error).context("the watch of pods"),
        };
        // A watch that breaks off goes on from where it was.
        while let Ok(Some((line, at))) = lines.next().await {
            failures = 0;
            if let Some(reached) = seen.take(line, at)? {
                version = reached;
            }
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, node: &str, condition: bool) -> String {
        let conditions = if condition { r#"[{"type":"PodScheduled"}]"# } else { "[]" };
        format!(
            r#"{{"type":"MODIFIED","object":{{"metadata":{{"name":"{name}","resourceVersion":"7"}},"spec":{{"nodeName":"{node}"}},"status":{{"conditions":{conditions}}}}}}}"#
        )
    }

    #[tokio::test]
    async fn pods_are_counted_once_they_have_a_node() {
        let seen = Seen::new(2, false, Until::Bound, "m-");
        seen.created(1);
        for (text, want) in [
            (line("m-1", "", true), 0),
            (line("m-1", "n", true), 1),
            (line("m-1", "n", true), 1),
            (line("x-0", "n", true), 1),
            (line("m-2", "n", true), 1),
            (line("m-0", "n", true), 2),
        ] {
            let version = seen.take(text.as_bytes(), Instant::now()).unwrap();
            assert_eq!((seen.bound(), version.as_deref()), (want, Some("7")), "{text}");
        }
        seen.all().await;
        assert_eq!(seen.times().len(), 2);
    }

    #[tokio::test]
    async fn one_may_be_judged_and_controllers_name_their_pods() {
        let seen = Seen::new(1, false, Until::Attempted, "m-");
        seen.take(line("m-0", "", true).as_bytes(), Instant::now()).unwrap();
        assert_eq!(seen.bound(), 1);
        let seen = Seen::new(1, true, Until::Bound, "");
        seen.take(line("web-abc", "", true).as_bytes(), Instant::now()).unwrap();
        seen.take(line("web-abc", "n", true).as_bytes(), Instant::now()).unwrap();
        assert_eq!(seen.bound(), 1);
        let error = br#"{"type":"ERROR","object":{"status":"Failure","message":"too old"}}"#;
        let error = seen.take(error, Instant::now()).unwrap_err();
        assert_eq!(error.to_string(), "the watch of pods ended: too old");
    }
}
