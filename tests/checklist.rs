//! Upstream's integration tests of the scheduler, on the real kube-apiserver, with berth as the scheduler: each
//! entry of the checklist is done as upstream's test does it, and what becomes of its pods is what upstream's
//! scheduler made of them. `support::checklist` says what the data are; `tests/upstream/CHECKLIST.md` lists all.
//!
//! Every entry has a berth of its own, and begins with an empty cluster. A fixed part of them runs every time,
//! all with `BERTH_FULL=true` (`.ci/full`). `BERTH_CHECKLIST=words` runs those whose names have the words.

mod support;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use support::berth::Berth;
use support::checklist::{Kept, Outcome, Request, Script, Step, packages};
use support::control_plane::{ControlPlane, Options};
use support::rest::{Rest, node_of, scheduled_condition};

/// How long a step may take to come about.
const DEADLINE: Duration = Duration::from_secs(40);
/// How often it is looked for.
const POLL: Duration = Duration::from_millis(40);
/// Clusters that work at the same time.
const CLUSTERS: usize = 2;
/// The scheduler of pods that name none.
const SCHEDULER: &str = "default-scheduler";
/// Upstream's entries: 563 cases, and 34 functions without a table.
const ENTRIES: usize = 597;
/// How often a pod of this test's own is tried, to prove that others were not.
const FENCES: usize = 2;

/// What an entry may leave in the cluster, besides pods and claims; namespaces stay.
const LEFT_BEHIND: [&str; 8] = [
    "/api/v1/nodes",
    "/api/v1/persistentvolumes",
    "/apis/storage.k8s.io/v1/storageclasses",
    "/apis/storage.k8s.io/v1/csinodes",
    "/apis/storage.k8s.io/v1/csidrivers",
    "/apis/storage.k8s.io/v1/volumeattachments",
    "/apis/resource.k8s.io/v1/deviceclasses",
    "/apis/scheduling.k8s.io/v1/priorityclasses",
];
/// The same, in namespaces, which have to be deleted one by one.
const LEFT_IN_NAMESPACES: [&str; 4] = [
    "/api/v1/pods",
    "/api/v1/persistentvolumeclaims",
    "/apis/storage.k8s.io/v1/csistoragecapacities",
    "/apis/policy/v1/poddisruptionbudgets",
];

/// The result of a step; an error says what is not as it should be.
type Done<T = ()> = Result<T, String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_upstream_tests_holds_for_berth() {
    let full = std::env::var("BERTH_FULL").is_ok_and(|full| full == "true");
    let words = std::env::var("BERTH_CHECKLIST").ok();
    let chosen = |name: &str, script: &Script| match &words {
        Some(words) => name.contains(words.as_str()),
        None => full || script.core,
    };
    let mut queue = VecDeque::new();
    for package in packages().expect("the checklist can be read") {
        for entry in package.entries {
            let name = format!("{}: {}", package.name, entry.case);
            if let Kept::Steps(script) = entry.kept
                && chosen(&name, &script)
            {
                queue.push_back((name, script));
            }
        }
    }
    assert!(!queue.is_empty(), "no entry is chosen");
    let queue = Mutex::new(queue);
    let wrong = Mutex::new(String::new());
    let worker = async || work(&queue, &wrong).await;
    let workers = (0..CLUSTERS).map(|_| worker());
    futures::future::join_all(workers).await;
    let wrong = wrong.into_inner().expect("no worker panics");
    assert!(wrong.is_empty(), "{wrong}");
}

/// `CHECKLIST.md` says of each entry where it is tested, or why it is not; what it names is there.
#[test]
fn the_list_names_every_entry() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = package.join("tests/upstream/CHECKLIST.md");
    let list = fs::read_to_string(list).expect("the list is there");
    let lines: BTreeSet<&str> = list.lines().filter(|line| line.starts_with("- ")).collect();
    let mut wanted = BTreeSet::new();
    for entry in packages().expect("the checklist can be read").into_iter().flat_map(|p| p.entries)
    {
        let case = &entry.case;
        wanted.insert(match entry.kept {
            Kept::Steps(script) if script.core => format!("- **{case}**: `tests/checklist.rs`"),
            Kept::Steps(_) => format!("- {case}: `tests/checklist.rs`"),
            Kept::Test { test } => {
                let at = if test.starts_with("src/") { test } else { format!("tests/{test}") };
                let (file, name) = at.split_once(": ").expect("a file and a name");
                let source = fs::read_to_string(package.join(file)).expect("the file is there");
                assert!(source.contains(&format!("fn {name}(")), "{file} has no {name}");
                format!("- {case}: `{at}`")
            }
            Kept::LeftOut { left_out } => format!("- {case}: not tested: {left_out}"),
        });
    }
    assert_eq!(wanted.len(), ENTRIES);
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    let differences: Vec<_> = wanted.symmetric_difference(&lines).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Runs entries one after the other on a cluster of its own, until none is left.
async fn work(queue: &Mutex<VecDeque<(String, Script)>>, wrong: &Mutex<String>) {
    let options = Options {
        // As in upstream's tests. The first lets a pod say its priority, the second keeps claims that are deleted.
        apiserver_flags: [
            "--disable-admission-plugins=Priority,StorageObjectInUseProtection",
            "--feature-gates=TaintTolerationComparisonOperators=true",
        ]
        .map(ToOwned::to_owned)
        .into(),
        ..Options::default()
    };
    let Some(plane) = ControlPlane::start_with("checklist", &options).await else { return };
    let rest = Rest(plane.client().await);
    for number in 0.. {
        let next = queue.lock().expect("no worker panics").pop_front();
        let Some((name, script)) = next else { return };
        let (before, after) = script.steps.split_at(first_to_schedule(&script.steps));
        let own = Own { rest: rest.clone(), number };
        let (done, log) = match own.prepare(before).await {
            Ok(()) => {
                let run = Run::start(&plane, own, &script);
                let done = if run.berth.logged_or_ended("scheduling begins").await {
                    run.steps(after).await
                } else {
                    Err("berth does not start".to_owned())
                };
                let log = run.berth.log();
                run.berth.kill();
                run.berth.exit().await;
                (done, log)
            }
            Err(error) => (Err(error), String::new()),
        };
        let cleaned = clean(&rest).await;
        for error in [done, cleaned].into_iter().filter_map(Result::err) {
            let tail: Vec<_> = log.lines().rev().take(1).collect();
            let mut wrong = wrong.lock().expect("no worker panics");
            let _ = writeln!(wrong, "{name}: {error}\n    {}", tail.join("\n    "));
        }
    }
}

/// The first step that berth has to see happen, if the script does not say when it starts. What comes before it
/// is there when it starts, so that it knows of it when it decides about the first pod.
fn first_to_schedule(steps: &[Step]) -> usize {
    if let Some(start) = steps.iter().position(|step| matches!(step, Step::Start)) {
        return start;
    }
    let is_pod = |step: &Step| match step {
        Step::Send(Request { path, body: Some(body), .. }) => {
            path.ends_with("/pods") && node_of(body).is_none()
        }
        Step::Send(_) => false,
        _ => true,
    };
    steps.iter().position(is_pod).unwrap_or(steps.len())
}

/// What an entry's requests are sent with.
struct Own {
    rest: Rest,
    number: usize,
}

impl Own {
    async fn prepare(&self, steps: &[Step]) -> Done {
        for step in steps {
            if let Step::Send(request) = step {
                self.send(request).await?;
            }
        }
        Ok(())
    }

    /// A text with the names of this run's own namespaces.
    fn name(&self, text: &str) -> String {
        text.replace("@ns", &format!("run{}-ns", self.number))
    }

    async fn send(&self, request: &Request) -> Done {
        let Request { method, content_type, .. } = request;
        let path = self.name(&request.path);
        let text = request.body.as_ref().map(|body| self.name(&body.to_string()));
        let verb = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let parse = |text: String| serde_json::from_str(&text).expect("it is as it was");
        let mut body: Option<Value> = text.map(parse);
        if let Some(body) = &mut body
            && verb == Method::PUT
        {
            self.bring_up_to_date(&path, body).await;
        }
        let answer = self.rest.send(verb, &path, content_type, body.as_ref()).await;
        match (answer, request.refused) {
            (Ok(_), None) => Ok(()),
            (Ok(_), Some(code)) => Err(format!("{method} {path}: not refused with {code}")),
            (Err(kube::Error::Api(status)), Some(code)) if status.code == code => Ok(()),
            // Some namespaces are the same in several entries.
            (Err(kube::Error::Api(status)), None)
                if status.code == 409 && path.ends_with("/namespaces") =>
            {
                let meta = body.unwrap_or_default()["metadata"].take();
                let path = format!("{path}/{}", meta["name"].as_str().unwrap_or_default());
                self.rest.patch(&path, &json!({"metadata": {"labels": meta["labels"]}})).await;
                Ok(())
            }
            // A victim may be gone already.
            (Err(kube::Error::Api(status)), None) if status.code == 404 && method == "DELETE" => {
                Ok(())
            }
            (Err(error), _) => Err(format!("{method} {path}: {error}")),
        }
    }

    /// What is written is the object as it is now, but for what is recorded; a pod stays on the node that it is
    /// on, which is not always the recorded one.
    async fn bring_up_to_date(&self, path: &str, body: &mut Value) {
        let found = self.rest.get(path.trim_end_matches("/status")).await.unwrap_or_default();
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"].clone();
        if !path.contains("/pods/") {
            return;
        }
        let Some(spec) = body["spec"].as_object_mut() else { return };
        spec.remove("nodeName");
        if let Some(node) = found["spec"].get("nodeName") {
            spec.insert("nodeName".to_owned(), node.clone());
        }
    }
}

/// One entry at work.
struct Run {
    berth: Berth,
    own: Own,
    _folder: tempfile::TempDir,
}

impl Run {
    fn start(plane: &ControlPlane, own: Own, script: &Script) -> Self {
        let folder = tempfile::Builder::new().prefix("berth-checklist-").tempdir();
        let folder = folder.expect("a folder can be made");
        let file = write_config(folder.path(), script.config.as_ref());
        let mut flags = vec!["--config", file.as_str()];
        if !script.gates.is_empty() {
            flags.extend(["--feature-gates", &script.gates]);
        }
        let berth = Berth::start(&plane.kubeconfig(), SCHEDULER, &flags);
        Self { berth, own, _folder: folder }
    }

    async fn steps(&self, steps: &[Step]) -> Done {
        let mut tried = 0;
        for (at, step) in steps.iter().enumerate() {
            let done = match step {
                Step::Start => Ok(()),
                Step::Send(request) => self.own.send(request).await,
                Step::See(outcomes) => self.see(outcomes).await,
                Step::Tried(pods) => match self.tried(pods).await {
                    Ok(decisions) => {
                        tried = decisions;
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                Step::Retried { pods, not } => self.retried(tried, pods, not).await,
                Step::Spread { label, pods } => self.spread(label, *pods).await,
            };
            done.map_err(|error| format!("step {} of berth's: {error}", at + 1))?;
        }
        Ok(())
    }

    /// Waits until so many pods are on nodes, and counts them by the nodes' label.
    async fn spread(&self, label: &str, wanted: usize) -> Done {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let nodes = self.own.rest.list("/api/v1/nodes", "Node").await;
            let mut counts = BTreeMap::new();
            let mut placed = 0;
            for pod in self.own.rest.list("/api/v1/pods", "Pod").await {
                let here = |node: &&Value| node["metadata"]["name"].as_str() == node_of(&pod);
                if let Some(node) = nodes.iter().find(here) {
                    *counts.entry(node["metadata"]["labels"][label].to_string()).or_default() += 1;
                    placed += 1;
                }
            }
            if placed == wanted {
                let each: Vec<usize> = counts.values().copied().collect();
                let even = each.iter().all(|count| *count == each[0]);
                return if even { Ok(()) } else { Err(format!("{counts:?}")) };
            }
            if Instant::now() > deadline {
                return Err(format!("{placed} pods of {wanted} are on nodes"));
            }
            sleep(POLL).await;
        }
    }

    /// Waits until each pod is as it should be.
    async fn see(&self, outcomes: &BTreeMap<String, Outcome>) -> Done {
        let mut left: BTreeMap<String, &Outcome> =
            outcomes.iter().map(|(pod, outcome)| (self.own.name(pod), outcome)).collect();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let pods = self.own.rest.list("/api/v1/pods", "Pod").await;
            let found = |key: &str| pods.iter().find(|pod| key_of(pod) == key);
            left.retain(|key, outcome| !is_as(found(key), outcome));
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let is = |key: &String| match found(key) {
                    Some(pod) => format!("{} {}", pod["spec"]["nodeName"], pod["status"]),
                    None => "gone".to_owned(),
                };
                let is: Vec<_> = left.keys().map(is).collect();
                return Err(format!("wanted {left:?}, is {}", is.join("; ")));
            }
            sleep(POLL).await;
        }
    }

    /// How often berth has tried each pod, from a decision on.
    fn attempts(&self, since: usize) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in self.berth.decisions().into_iter().skip(since) {
            if line.get("forgotten").is_none() {
                *counts.entry(line["pod"].as_str().unwrap_or_default().to_owned()).or_default() +=
                    1;
            }
        }
        counts
    }

    async fn wait(
        &self,
        what: &str,
        since: usize,
        look: impl Fn(&BTreeMap<String, usize>) -> bool,
    ) -> Done {
        let deadline = Instant::now() + DEADLINE;
        while !look(&self.attempts(since)) {
            if Instant::now() > deadline {
                return Err(format!("{what}; tried are {:?}", self.attempts(since)));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until all were tried; the number of decisions by then.
    async fn tried(&self, pods: &[String]) -> Done<usize> {
        let pods: Vec<_> = pods.iter().map(|pod| self.own.name(pod)).collect();
        let all = |counts: &BTreeMap<_, _>| pods.iter().all(|pod| counts.contains_key(pod));
        self.wait("not all were tried", 0, all).await?;
        // What follows from the attempt is done when a later one is.
        self.fence("before").await?;
        Ok(self.berth.decisions().len())
    }

    /// Checks who is tried again, from the decision `since` on. A pod that is placed may be a reason to try others,
    /// which upstream's test does not come to, so what follows a placement does not count.
    async fn retried(&self, since: usize, pods: &[String], not: &[String]) -> Done {
        let names = |pods: &[String]| pods.iter().map(|pod| self.own.name(pod)).collect::<Vec<_>>();
        let (pods, not) = (names(pods), names(not));
        let all = |counts: &BTreeMap<_, _>| pods.iter().all(|pod| counts.contains_key(pod));
        self.wait("not all were tried again", since, all).await?;
        self.fence("after").await?;
        let decisions = self.berth.decisions();
        let news = decisions.iter().skip(since).take_while(|line| line.get("node").is_none());
        let tried = |line: &Value| not.iter().any(|pod| line["pod"] == **pod);
        let wrong: Vec<_> = news.filter(|line| tried(line)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("tried again: {wrong:?}")) }
    }

    /// Waits until pods that fit nowhere and are created now have been tried: what waited to be tried before
    /// them has been.
    async fn fence(&self, when: &str) -> Done {
        for number in 0..FENCES {
            let name = format!("fence-{when}-{number}");
            let pod = json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                "spec": {
                    "nodeSelector": {"fence": "nowhere"},
                    "containers": [{"name": "c", "image": "example.com/c:1"}],
                },
            });
            self.own.rest.create("/api/v1/namespaces/default/pods", &pod).await;
            let key = format!("default/{name}");
            let is_tried = |counts: &BTreeMap<_, _>| counts.contains_key(&key);
            self.wait("the pod that fits nowhere was not tried", 0, is_tried).await?;
        }
        Ok(())
    }
}

fn write_config(folder: &Path, config: Option<&Value>) -> String {
    let mut whole = config.cloned().unwrap_or_else(|| json!({}));
    whole["apiVersion"] = json!("kubescheduler.config.k8s.io/v1");
    whole["kind"] = json!("KubeSchedulerConfiguration");
    whole["leaderElection"] = json!({"leaderElect": false});
    whole["clientConnection"] = json!({"qps": 5000, "burst": 5000});
    let file = folder.join("config.json");
    fs::write(&file, whole.to_string()).expect("the configuration can be written");
    file.to_str().expect("a temporary path is text").to_owned()
}

fn key_of(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text("namespace"), text("name"))
}

fn is_as(pod: Option<&Value>, outcome: &Outcome) -> bool {
    let Some(pod) = pod else { return outcome.deleted };
    let node = node_of(pod);
    let placed = match &outcome.nodes {
        Some(nodes) => {
            node.is_some_and(|node| nodes.is_empty() || nodes.iter().any(|name| name == node))
        }
        None => true,
    };
    let condition = scheduled_condition(pod);
    let turned_down = outcome.reason.as_ref().is_none_or(|reason| {
        node.is_none() && condition["status"] == "False" && condition["reason"] == **reason
    });
    let nominated = outcome
        .nominated
        .as_ref()
        .is_none_or(|name| pod["status"]["nominatedNodeName"].as_str().unwrap_or_default() == name);
    let deleted = !outcome.deleted || !pod["metadata"]["deletionTimestamp"].is_null();
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let makes_way = conditions.iter().any(|condition| condition["type"] == "DisruptionTarget");
    let disrupted = outcome.disrupted.is_none_or(|disrupted| {
        let stays = pod["metadata"]["deletionTimestamp"].is_null();
        makes_way == disrupted && (disrupted || stays)
    });
    placed && turned_down && nominated && deleted && disrupted
}

/// Empties the cluster.
async fn clean(rest: &Rest) -> Done {
    let now = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
    for collection in LEFT_IN_NAMESPACES {
        for object in rest.list(collection, "").await {
            let (name, kind) =
                collection.rsplit_once('/').map_or(("", ""), |(at, kind)| (at, kind));
            let key = key_of(&object);
            let (namespace, object_name) = key.split_once('/').unwrap_or_default();
            let path = format!("{name}/namespaces/{namespace}/{kind}/{object_name}");
            if !object["metadata"]["finalizers"].is_null() {
                rest.patch(&path, &json!({"metadata": {"finalizers": null}})).await;
            }
            match rest.send(Method::DELETE, &path, "application/json", Some(&now)).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                done => drop(done.map_err(|error| format!("{path}: {error}"))?),
            }
        }
    }
    for collection in LEFT_BEHIND {
        let done = rest.send(Method::DELETE, collection, "application/json", Some(&now)).await;
        done.map_err(|error| format!("{collection}: {error}"))?;
    }
    Ok(())
}
