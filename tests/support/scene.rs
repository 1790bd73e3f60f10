//! A small cluster of a test's own on a control plane that several tests share: [`Scene`].
//!
//! Every scene has a name, and with it a namespace, a scheduler name, a taint on its nodes that only its
//! pods tolerate, a berth and a proxy in front of it. Tests that run at the same time share the control
//! plane, which ends with the last of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use kube::Client;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::accounts;
use super::berth::Berth;
use super::control_plane::{ControlPlane, Server};
use super::cutter::{Asked, Cutter, Fate};
use super::proxy::Proxy;
use super::rest::{NODES, Rest, node_of, pods_path, scheduled_condition};

/// The control planes that the scenes of this process share, one of each kind.
static UPSTREAM: Mutex<Weak<ControlPlane>> = Mutex::const_new(Weak::new());
static EMBEDDED: Mutex<Weak<ControlPlane>> = Mutex::const_new(Weak::new());

/// A cluster with berth at work. Its parts end in the order of these fields.
pub(crate) struct Scene {
    pub(crate) berth: Berth,
    pub(crate) proxy: Proxy,
    pub(crate) rest: Rest,
    name: &'static str,
    /// Where its berth connects to.
    kubeconfig: PathBuf,
    plane: Arc<ControlPlane>,
}

impl Scene {
    /// A cluster on kube-apiserver; see [`Scene::start_on`].
    pub(crate) async fn start(name: &'static str) -> Option<Self> {
        Self::start_on(Server::Upstream, name).await
    }

    /// A cluster without nodes, and berth; `None` where there is no control plane for want of Go.
    /// `name` is part of the names of objects, so it must be a DNS label.
    pub(crate) async fn start_on(server: Server, name: &'static str) -> Option<Self> {
        let (plane, client) = prepare(server, name).await?;
        let proxy = Proxy::start(client.clone()).await;
        let kubeconfig = proxy.kubeconfig();
        Some(Self::with_berth(name, plane, client, proxy, kubeconfig))
    }

    /// A cluster on kube-apiserver; see [`Scene::start_cut_on`].
    pub(crate) async fn start_cut(
        name: &'static str,
        page_objects: Option<usize>,
        plan: impl FnMut(&Asked) -> Fate + Send + 'static,
    ) -> Option<(Self, Cutter)> {
        Self::start_cut_on(Server::Upstream, name, page_objects, plan).await
    }

    /// As [`Scene::start_on`], with a [`Cutter`] in front of berth, which does as `plan` says from the first
    /// request on. The scene's proxy stands aside.
    pub(crate) async fn start_cut_on(
        server: Server,
        name: &'static str,
        page_objects: Option<usize>,
        plan: impl FnMut(&Asked) -> Fate + Send + 'static,
    ) -> Option<(Self, Cutter)> {
        let (plane, client) = prepare(server, name).await?;
        let cutter = Cutter::start(client.clone(), page_objects).await;
        cutter.plan(plan);
        let proxy = Proxy::start(client.clone()).await;
        let kubeconfig = cutter.kubeconfig();
        Some((Self::with_berth(name, plane, client, proxy, kubeconfig), cutter))
    }

    fn with_berth(
        name: &'static str,
        plane: Arc<ControlPlane>,
        client: Client,
        proxy: Proxy,
        kubeconfig: PathBuf,
    ) -> Self {
        let berth = start_berth(&kubeconfig, name);
        Self { berth, proxy, rest: Rest(client), name, kubeconfig, plane }
    }

    /// Another berth for the same pods, in place of one that has ended.
    pub(crate) fn start_another_berth(&mut self) {
        self.berth = start_berth(&self.kubeconfig, self.name);
    }

    /// The admin's kubeconfig file, for what runs beside berth.
    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig()
    }

    /// `namespace/name` of a pod, as logs have it.
    pub(crate) fn key(&self, pod: &str) -> String {
        format!("{}/{pod}", self.name)
    }

    /// Adds a node for the pods of this scene; returns its whole name.
    pub(crate) async fn add_node(&self, name: &str, cpu: &str) -> String {
        self.add_node_with(name, cpu, &json!({})).await
    }

    /// Adds a node that berth gives no pods.
    pub(crate) async fn add_cordoned_node(&self, name: &str, cpu: &str) -> String {
        self.add_node_with(name, cpu, &json!({"unschedulable": true})).await
    }

    async fn add_node_with(&self, name: &str, cpu: &str, spec: &Value) -> String {
        let mut node = self.node(name, &json!({"cpu": cpu, "memory": "32Gi", "pods": "110"}));
        for (key, value) in spec.as_object().into_iter().flatten() {
            node["spec"][key] = value.clone();
        }
        self.rest.create(NODES, &node).await;
        format!("{}-{name}", self.name)
    }

    /// A node for the pods of this scene, which is not created yet.
    pub(crate) fn node(&self, name: &str, resources: &Value) -> Value {
        let taint = json!({"key": "scene", "value": self.name, "effect": "NoSchedule"});
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("{}-{name}", self.name)},
            "spec": {"taints": [taint]},
            "status": {"capacity": resources, "allocatable": resources},
        })
    }

    /// A pod for this scene's berth.
    pub(crate) fn pod(&self, name: &str, cpu: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": self.name},
            "spec": {
                "schedulerName": scheduler_name(self.name),
                "terminationGracePeriodSeconds": 0,
                "tolerations": [{"key": "scene", "value": self.name, "effect": "NoSchedule"}],
                "containers": [{
                    "name": "c", "image": "example.com/c:1", "resources": {"requests": {"cpu": cpu}},
                }],
            },
        })
    }

    /// A pod that needs more than half a node of one core and is not gone at once when it is deleted.
    pub(crate) fn patient_pod(&self, name: &str) -> Value {
        let mut pod = self.pod(name, "600m");
        pod["metadata"]["labels"] = json!({"app": name});
        pod["spec"]["terminationGracePeriodSeconds"] = json!(30);
        pod
    }

    /// Creates a pod for this scene's berth.
    pub(crate) async fn add_pod(&self, name: &str, cpu: &str) {
        self.create_pod(&self.pod(name, cpu)).await;
    }

    /// Creates a pod.
    pub(crate) async fn create_pod(&self, pod: &Value) {
        self.rest.create(&pods_path(self.name), pod).await;
    }

    /// Deletes a pod; it is gone at once.
    pub(crate) async fn delete_pod(&self, name: &str) {
        self.rest.delete(&self.path_of(name)).await;
    }

    /// Merges `change` into a pod.
    pub(crate) async fn patch_pod(&self, name: &str, change: &Value) {
        self.rest.patch(&self.path_of(name), change).await;
    }

    /// Binds a pod by hand.
    pub(crate) async fn bind(&self, pod: &str, node: &str) {
        self.rest.bind(self.name, pod, node).await;
    }

    /// A pod as it is now.
    pub(crate) async fn read_pod(&self, name: &str) -> Option<Value> {
        self.rest.get(&self.path_of(name)).await
    }

    /// All pods of this scene as they are now.
    pub(crate) async fn pods(&self) -> Vec<Value> {
        self.rest.list(&pods_path(self.name), "Pod").await
    }

    /// Waits until a pod is on a node, and says on which.
    pub(crate) async fn bound(&self, pod: &str) -> String {
        let look = async || node_of(&self.read_pod(pod).await?).map(ToOwned::to_owned);
        self.berth.wait_for(&format!("{} on a node", self.key(pod)), look).await
    }

    /// Waits until a pod's condition says that it fits nowhere, and returns the message.
    pub(crate) async fn unschedulable(&self, pod: &str) -> String {
        self.condition_message(pod, "Unschedulable").await
    }

    /// Waits until the condition `PodScheduled` of a pod is False for `reason`; returns the message.
    pub(crate) async fn condition_message(&self, pod: &str, reason: &str) -> String {
        let look = async || {
            let pod = self.read_pod(pod).await?;
            let condition = scheduled_condition(&pod);
            let is = condition["status"] == "False" && condition["reason"] == reason;
            is.then(|| condition["message"].as_str().unwrap_or_default().to_owned())
        };
        self.berth.wait_for(&format!("{} with {reason}", self.key(pod)), look).await
    }

    /// Waits until berth has asked `times` times for the Binding of a pod; returns the nodes.
    pub(crate) async fn asked(&self, pod: &str, times: usize) -> Vec<String> {
        let look = async || {
            let nodes: Vec<_> = self.proxy.asked_for(pod).into_iter().map(|ask| ask.node).collect();
            (nodes.len() >= times).then_some(nodes)
        };
        self.berth.wait_for(&format!("{times} Bindings of {}", self.key(pod)), look).await
    }

    /// Waits until berth has taken back what it decided about a pod.
    pub(crate) async fn forgotten(&self, pod: &str) {
        let key = self.key(pod);
        let look =
            async || (!self.berth.decisions_with(&key, "forgotten").is_empty()).then_some(());
        self.berth.wait_for(&format!("{key} to be forgotten"), look).await;
    }

    /// The notes of the Events of `reason` about pods of this name.
    pub(crate) async fn notes(&self, pod: &str, reason: &str) -> Vec<String> {
        let mut events = self.rest.events(self.name).await;
        events.retain(|event| event["regarding"]["name"] == pod && event["reason"] == reason);
        let note = |event: &Value| event["note"].as_str().unwrap_or_default().to_owned();
        events.iter().map(note).collect()
    }

    /// Waits until an Event says that a pod was put onto `node`.
    pub(crate) async fn reported(&self, pod: &str, node: &str) {
        let text = format!("Successfully assigned {} to {node}", self.key(pod));
        let look = async || self.notes(pod, "Scheduled").await.contains(&text).then_some(());
        self.berth.wait_for(&format!("the Event {text:?}"), look).await;
    }

    /// Ends berth in order and checks what must hold whatever has happened: no node has more pods than
    /// it has room for, and no pod was reported as scheduled twice.
    pub(crate) async fn end(self) {
        self.berth.stop().await;
        let nodes = self.rest.list(NODES, "Node").await;
        let pods = self.pods().await;
        assert_eq!(accounts::overfull(&nodes, &pods), Vec::<String>::new());
        let mut uids: Vec<_> = self.rest.events(self.name).await;
        uids.retain(|event| event["reason"] == "Scheduled");
        let mut uids: Vec<_> =
            uids.iter().map(|event| event["regarding"]["uid"].to_string()).collect();
        uids.sort_unstable();
        let all = uids.len();
        uids.dedup();
        assert_eq!(uids.len(), all, "a pod was reported twice as scheduled");
    }

    fn path_of(&self, pod: &str) -> String {
        format!("{}/{pod}", pods_path(self.name))
    }
}

fn scheduler_name(scene: &str) -> String {
    format!("berth-{scene}")
}

fn start_berth(kubeconfig: &Path, scene: &str) -> Berth {
    Berth::start(kubeconfig, &scheduler_name(scene), &[])
}

/// The control plane with the namespace of a scene.
async fn prepare(server: Server, name: &str) -> Option<(Arc<ControlPlane>, Client)> {
    let plane = shared_plane(server, name).await?;
    let client = plane.client().await;
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
    });
    Rest(client.clone()).create("/api/v1/namespaces", &namespace).await;
    Some((plane, client))
}

async fn shared_plane(server: Server, test: &str) -> Option<Arc<ControlPlane>> {
    let mut shared = match server {
        Server::Upstream => UPSTREAM.lock().await,
        Server::Embedded => EMBEDDED.lock().await,
    };
    if let Some(plane) = shared.upgrade() {
        return Some(plane);
    }
    let plane = Arc::new(ControlPlane::start_on(server, test).await?);
    *shared = Arc::downgrade(&plane);
    Some(plane)
}
