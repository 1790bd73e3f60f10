//! A berth with scripted plugins, its nodes and its pods: [`Stage`]. A test writes a [`Setting`], starts it, and
//! waits for what becomes of pods and for calls of plugins.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::berth::Berth;
use crate::support::control_plane::{ControlPlane, Options};
pub(crate) use crate::support::rest::NODES;
use crate::support::rest::{Rest, node_of, pods_path, scheduled_condition};

/// The namespace of all pods.
pub(crate) const NAMESPACE: &str = "default";
/// What berth logs when it knows the cluster.
const LISTED: &str = "all objects are listed";

/// The API server of all tests.
pub(crate) struct Cluster {
    pub(crate) rest: Rest,
    pub(crate) kubeconfig: PathBuf,
}

impl Cluster {
    /// Starts one where pods may say their priority without a class, as in upstream's tests.
    pub(crate) async fn start() -> Option<(Self, ControlPlane)> {
        let apiserver_flags = vec!["--disable-admission-plugins=Priority".to_owned()];
        let options = Options { apiserver_flags, ..Options::default() };
        let plane = ControlPlane::start_with("plugin_points", &options).await?;
        Some((Self::of(&plane).await, plane))
    }

    async fn of(plane: &ControlPlane) -> Self {
        Self { rest: Rest(plane.client().await), kubeconfig: plane.kubeconfig() }
    }

    /// Removes all pods and nodes.
    pub(crate) async fn clean(&self) {
        let now = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
        for collection in [&*pods_path(NAMESPACE), NODES] {
            let done = self.rest.send(Method::DELETE, collection, "application/json", Some(&now));
            done.await.expect("a collection can be deleted");
        }
    }
}

/// A profile with scripted plugins.
#[derive(Clone)]
pub(crate) struct Profile {
    name: String,
    plugins: BTreeMap<String, Value>,
    scripts: BTreeMap<String, Value>,
    args: BTreeMap<String, Value>,
}

impl Profile {
    /// The profile of pods that name no scheduler, as it is without plugins of one's own.
    pub(crate) fn usual() -> Self {
        Self::named("default-scheduler")
    }

    /// The profile of the pods of this scheduler, as it is without plugins of one's own.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            plugins: BTreeMap::new(),
            scripts: BTreeMap::new(),
            args: BTreeMap::new(),
        }
    }

    /// Enables plugins at an extension point, as the configuration names it.
    pub(crate) fn at(self, point: &str, plugins: &[&str]) -> Self {
        self.set(point, "enabled", plugins)
    }

    /// Disables plugins at an extension point.
    pub(crate) fn without(self, point: &str, plugins: &[&str]) -> Self {
        self.set(point, "disabled", plugins)
    }

    fn set(mut self, point: &str, what: &str, plugins: &[&str]) -> Self {
        let names: Vec<_> = plugins.iter().map(|name| json!({"name": name})).collect();
        self.plugins.entry(point.to_owned()).or_insert_with(|| json!({}))[what] = json!(names);
        self
    }

    /// Gives a plugin a script of these rules.
    pub(crate) fn rules(self, plugin: &str, rules: &Value) -> Self {
        self.script(plugin, json!({"rules": rules}))
    }

    /// Gives a plugin its script.
    pub(crate) fn script(mut self, plugin: &str, script: Value) -> Self {
        self.scripts.insert(plugin.to_owned(), script);
        self
    }

    /// Gives a plugin that is not scripted its args.
    pub(crate) fn args(mut self, plugin: &str, args: Value) -> Self {
        self.args.insert(plugin.to_owned(), args);
        self
    }

    fn to_json(&self, log: &str) -> Value {
        let args = self.scripts.iter().map(|(name, script)| {
            let mut args = script.clone();
            args["log"] = json!(log);
            json!({"name": name, "args": args})
        });
        let others = self.args.iter().map(|(name, args)| json!({"name": name, "args": args}));
        json!({
            "schedulerName": self.name, "plugins": self.plugins,
            "pluginConfig": args.chain(others).collect::<Vec<_>>(),
        })
    }
}

/// A berth that is yet to be started.
pub(crate) struct Setting {
    folder: TempDir,
    profiles: Vec<Profile>,
    flags: Vec<String>,
    nodes: Vec<Value>,
}

impl Setting {
    /// No profile and no node.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("berth-plugin-points-").tempdir();
        let folder = folder.expect("a folder can be made");
        Self { folder, profiles: Vec::new(), flags: Vec::new(), nodes: Vec::new() }
    }

    /// The path of a file of this setting, for rules that wait for one.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a temporary path is text").to_owned()
    }

    /// Adds a profile.
    pub(crate) fn profile(mut self, profile: Profile) -> Self {
        self.profiles.push(profile);
        self
    }

    /// Adds a flag.
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Adds the nodes `test-node-0`, ... with room for anything.
    pub(crate) fn nodes(mut self, count: usize) -> Self {
        let room = json!({"cpu": "32", "memory": "64Gi", "pods": "110"});
        self.nodes.extend((0..count).map(|at| node(&format!("test-node-{at}"), &room)));
        self
    }

    /// Adds a node.
    pub(crate) fn node(mut self, node: Value) -> Self {
        self.nodes.push(node);
        self
    }

    /// Makes the nodes, starts this program as berth, and waits until it knows them.
    pub(crate) async fn start(self, cluster: &Cluster) -> Stage {
        for node in &self.nodes {
            cluster.rest.create(NODES, node).await;
        }
        let log = self.file("calls");
        let profiles: Vec<_> = self.profiles.iter().map(|profile| profile.to_json(&log)).collect();
        let config = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
            "leaderElection": {"leaderElect": false},
            "clientConnection": {"qps": 5000, "burst": 5000},
            "profiles": profiles,
        });
        let file = self.file("config.json");
        fs::write(&file, config.to_string()).expect("the configuration can be written");
        let program = env::current_exe().expect("this program has a path");
        let mut flags = vec!["--config", &file];
        flags.extend(self.flags.iter().map(String::as_str));
        let berth = Berth::start_program(&program, &cluster.kubeconfig, &flags, &[]);
        let stage = Stage { rest: cluster.rest.clone(), berth, folder: self.folder };
        stage.berth.wait_for_log(LISTED).await;
        stage
    }
}

/// A node with this room.
pub(crate) fn node(name: &str, room: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "capacity": room, "allocatable": room,
            "conditions": [{"type": "Ready", "status": "True", "reason": "", "message": ""}],
        },
    })
}

/// Creates a pod with these labels and fields of its spec.
pub(crate) async fn create_pod(rest: &Rest, name: &str, labels: &Value, spec: &Value) {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "example.com/pause:1"}]},
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][field] = value.clone();
    }
    rest.create(&pods_path(NAMESPACE), &pod).await;
}

/// A berth at work.
pub(crate) struct Stage {
    pub(crate) rest: Rest,
    pub(crate) berth: Berth,
    folder: TempDir,
}

impl Stage {
    /// Creates a pod.
    pub(crate) async fn pod(&self, name: &str) {
        self.pod_with(name, &json!({})).await;
    }

    /// Creates a pod with these fields of its spec.
    pub(crate) async fn pod_with(&self, name: &str, spec: &Value) {
        self.labelled_pod(name, &json!({}), spec).await;
    }

    /// Creates a pod with these labels and fields of its spec.
    pub(crate) async fn labelled_pod(&self, name: &str, labels: &Value, spec: &Value) {
        create_pod(&self.rest, name, labels, spec).await;
    }

    /// The path of a pod.
    pub(crate) fn path(name: &str) -> String {
        format!("{}/{name}", pods_path(NAMESPACE))
    }

    /// A pod as it is.
    pub(crate) async fn get(&self, name: &str) -> Option<Value> {
        self.rest.get(&Self::path(name)).await
    }

    /// Waits until a pod is on a node; which.
    pub(crate) async fn scheduled(&self, name: &str) -> String {
        let look = async || node_of(&self.get(name).await?).map(str::to_owned);
        self.berth.wait_for(&format!("{name} is on a node"), look).await
    }

    /// Waits until a pod is on no node for this reason; the message.
    pub(crate) async fn turned_down(&self, name: &str, reason: &str) -> String {
        let look = async || {
            let pod = self.get(name).await?;
            assert!(node_of(&pod).is_none(), "{name} is on a node, it should be {reason}");
            let condition = scheduled_condition(&pod);
            let is = condition["status"] == "False" && condition["reason"] == *reason;
            is.then(|| condition["message"].as_str().unwrap_or_default().to_owned())
        };
        self.berth.wait_for(&format!("{name} is {reason}"), look).await
    }

    /// The calls of a plugin at a point for a pod so far: what each was about.
    pub(crate) fn calls(&self, plugin: &str, point: &str, pod: &str) -> Vec<String> {
        let begin = format!("{plugin} {point} {NAMESPACE}/{pod}");
        let after = |line: &str| {
            let rest = line.strip_prefix(&begin)?;
            (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start().to_owned())
        };
        self.log().iter().filter_map(|line| after(line)).collect()
    }

    /// The calls of all plugins at these points for a pod so far, in their order: `plugin point`.
    pub(crate) fn order(&self, points: &[&str], pod: &str) -> Vec<String> {
        let about = format!("{NAMESPACE}/{pod}");
        let call = |line: &String| {
            let mut words = line.split(' ');
            let (plugin, point) = (words.next()?, words.next()?);
            let wanted = points.contains(&point) && words.next() == Some(&about);
            wanted.then(|| format!("{plugin} {point}"))
        };
        self.log().iter().filter_map(call).collect()
    }

    /// Waits until the calls at these points for a pod begin with these, and are no fewer.
    pub(crate) async fn called_in_order(&self, points: &[&str], pod: &str, wanted: &[&str]) {
        let what = format!("{pod}: {wanted:?}");
        let look = async || {
            let mut calls = self.order(points, pod);
            calls.truncate(wanted.len());
            (calls.len() == wanted.len()).then_some(calls)
        };
        assert_eq!(self.berth.wait_for(&what, look).await, wanted, "{pod}");
    }

    /// All calls so far, as the log has them.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        complete.lines().map(str::to_owned).collect()
    }

    /// Waits until a plugin has been called so often at a point for a pod, or more often; the calls.
    pub(crate) async fn called(
        &self,
        plugin: &str,
        point: &str,
        pod: &str,
        times: usize,
    ) -> Vec<String> {
        let what = format!("{plugin} is called {times} times at {point} for {pod}");
        let look = async || {
            let calls = self.calls(plugin, point, pod);
            (calls.len() >= times).then_some(calls)
        };
        self.berth.wait_for(&what, look).await
    }

    /// Makes the file that a rule waits for.
    pub(crate) fn make_file(&self, name: &str) {
        fs::write(self.folder.path().join(name), "").expect("a file can be made");
    }

    /// Ends berth in order.
    pub(crate) async fn end(self) {
        self.berth.stop().await;
    }
}
