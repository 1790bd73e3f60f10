//! Kubeconfig files of every kind for one control plane, and one node and pods to try them with: [`Access`].

use std::fs;
use std::path::{Path, PathBuf};

use http::{Method, StatusCode};
use kube::client::Body;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::berth::Berth;
use super::control_plane::{ControlPlane, Options};
use super::rest::{NODES, Rest, node_of, pods_path};

const ROLE_BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";

/// A control plane with one node, and a folder for what a test writes.
pub(crate) struct Access {
    pub(crate) plane: ControlPlane,
    pub(crate) rest: Rest,
    folder: TempDir,
}

impl Access {
    /// `None` where there is no control plane for want of Go.
    pub(crate) async fn start(test: &str, options: &Options) -> Option<Self> {
        let plane = ControlPlane::start_with(test, options).await?;
        let rest = Rest(plane.client().await);
        let resources = json!({"cpu": "4", "memory": "32Gi", "pods": "110"});
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"},
            "status": {"capacity": resources, "allocatable": resources},
        });
        rest.create(NODES, &node).await;
        let folder = tempfile::Builder::new().prefix("berth-access-").tempdir();
        Some(Self { plane, rest, folder: folder.expect("a folder can be made") })
    }

    /// Where a file of this test is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file whole: nobody sees a part of it.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let (new, path) = (self.path(&format!("{name}.new")), self.path(name));
        fs::write(&new, content).expect("a test can write its files");
        fs::rename(&new, &path).expect("a test can move its files");
        path
    }

    /// A script that can be run.
    pub(crate) fn script(&self, name: &str, lines: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, &format!("#!/bin/sh\n{lines}\n"));
        let executable = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&path, executable).expect("a test may change its files");
        path
    }

    /// The cluster as the harness's own kubeconfig files have it.
    pub(crate) fn cluster(&self) -> Value {
        let text = fs::read_to_string(self.plane.kubeconfig()).expect("the harness writes it");
        let kubeconfig: Value = serde_json::from_str(&text).expect("it is JSON");
        kubeconfig["clusters"][0]["cluster"].clone()
    }

    /// The token of the harness's admin.
    pub(crate) fn admin_token(&self) -> String {
        let text = fs::read_to_string(self.plane.kubeconfig()).expect("the harness writes it");
        let kubeconfig: Value = serde_json::from_str(&text).expect("it is JSON");
        kubeconfig["users"][0]["user"]["token"].as_str().expect("it has a token").to_owned()
    }

    /// Writes a kubeconfig of `user`, whose name is `tester`.
    pub(crate) fn kubeconfig(&self, name: &str, cluster: &Value, user: &Value) -> PathBuf {
        self.write(name, &kubeconfig(cluster, user).to_string())
    }

    /// Gives a user every right.
    pub(crate) async fn allow(&self, name: &str, subject: &Value) {
        let group = "rbac.authorization.k8s.io";
        let binding = json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [subject],
        });
        self.rest.create(ROLE_BINDINGS, &binding).await;
    }

    /// Takes the rights away again.
    pub(crate) async fn forbid(&self, name: &str) {
        self.rest.delete(&format!("{ROLE_BINDINGS}/{name}")).await;
    }

    /// Creates a pod and waits until `berth` has put it on the node.
    pub(crate) async fn bind(&self, berth: &Berth, name: &str) {
        self.create_pod(name).await;
        self.bound(berth, name).await;
    }

    /// Creates a pod.
    pub(crate) async fn create_pod(&self, name: &str) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"schedulerName": "berth", "containers": [{"name": "c", "image": "i"}]},
        });
        self.rest.create(&pods_path("default"), &pod).await;
    }

    /// Waits until a pod is on the node.
    pub(crate) async fn bound(&self, berth: &Berth, name: &str) {
        let path = format!("{}/{name}", pods_path("default"));
        let on = async || node_of(&self.rest.get(&path).await?).map(str::to_owned);
        assert_eq!(berth.wait_for(&format!("{name} on a node"), on).await, "n1");
    }

    /// A service account `berth` with every right, whose tokens end with their secret.
    pub(crate) async fn create_service_account(&self) {
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "berth"}});
        self.rest.create("/api/v1/namespaces/default/serviceaccounts", &account).await;
        let subject = json!({"kind": "ServiceAccount", "name": "berth", "namespace": "default"});
        self.allow("service-account", &subject).await;
    }

    /// A token of the service account, good for as long as the secret `secret` is there.
    pub(crate) async fn token(&self, secret: &str) -> String {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}});
        self.rest.create("/api/v1/namespaces/default/secrets", &object).await;
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {
                "audiences": [], "expirationSeconds": 3600,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": secret},
            },
        });
        let path = "/api/v1/namespaces/default/serviceaccounts/berth/token";
        let answer = self.rest.create(path, &request).await;
        answer["status"]["token"].as_str().expect("a token is asked for").to_owned()
    }

    /// Ends a token, and waits until the API server does not take it any more.
    pub(crate) async fn end_token(&self, berth: &Berth, secret: &str, token: &str) {
        self.rest.delete(&format!("/api/v1/namespaces/default/secrets/{secret}")).await;
        let client = self.client_with(token).await;
        let refused = async || {
            let request = http::Request::builder().method(Method::GET).uri("/api/v1/nodes");
            let request = request.body(Body::empty()).expect("it is a request");
            let answer = client.send(request).await.ok()?;
            (answer.status() == StatusCode::UNAUTHORIZED).then_some(())
        };
        berth.wait_for("the end of the token", refused).await;
    }

    async fn client_with(&self, token: &str) -> Client {
        let kubeconfig = kubeconfig(&self.cluster(), &json!({"token": token}));
        let kubeconfig = serde_json::from_value(kubeconfig).expect("it is a kubeconfig");
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let mut config = config.expect("it has all it needs");
        config.proxy_url = None;
        Client::try_from(config).expect("a token is all it takes")
    }
}

/// A kubeconfig of one cluster and the user `tester`.
fn kubeconfig(cluster: &Value, user: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "tester", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "tester"}}],
    })
}

/// An ExecCredential of `status`, as a plugin prints it.
pub(crate) fn exec_credential(status: &Value) -> String {
    let version = "client.authentication.k8s.io/v1";
    json!({"apiVersion": version, "kind": "ExecCredential", "status": status}).to_string()
}

/// A user whose credentials the program `command` gives.
pub(crate) fn exec_user(command: &Path) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "IfAvailable",
    }})
}
