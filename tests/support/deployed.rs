//! The manifests and examples of `deploy/`: their documents, and a control plane that has taken them in:
//! [`Deployed`].
//!
//! There is no kubelet and no controller, so the Deployment never becomes a pod. berth runs outside, with a
//! token of the Deployment's service account and with its flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{self, Scope};
use kube::{Api, Client};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::berth::Berth;
use super::control_plane::{ControlPlane, Options};
use super::fail;
use super::rest::{Rest, pods_path};
use super::rights::Right;

/// The folder that is put to the test.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
/// How long the API server may take to take in a change of rights.
const RIGHTS_DEADLINE: Duration = Duration::from_secs(30);

/// The names of the YAML files in a folder of `deploy/`, sorted, with that folder's name.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(FOLDER).join(folder)).expect("the folder is there");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("the folder can be read").file_name();
        format!("{folder}/{}", name.to_string_lossy())
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// The documents of a YAML file of `deploy/`.
pub(crate) fn documents(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(Path::new(FOLDER).join(file)).expect("the file is there");
    let documents = serde_saphyr::from_multiple(&text);
    documents.unwrap_or_else(|error| fail(&format!("{file}: {error}")))
}

/// The documents of what `deploy/kustomization.yaml` lists.
pub(crate) fn manifests() -> Vec<Value> {
    let kustomization = documents("kustomization.yaml").remove(0);
    let listed = kustomization["resources"].as_array().expect("it lists resources").clone();
    listed.iter().flat_map(|file| documents(file.as_str().expect("a file's name"))).collect()
}

/// The documents of all examples.
pub(crate) fn examples() -> Vec<Value> {
    files("examples").iter().flat_map(|file| documents(file)).collect()
}

/// The only document of a kind.
pub(crate) fn only<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let mut found = documents.iter().filter(|document| document["kind"] == kind);
    let document = found.next().expect("there is a document of this kind");
    assert!(found.next().is_none(), "there is more than one {kind}");
    document
}

/// A control plane that has taken in the manifests, and what berth's pod would find.
pub(crate) struct Deployed {
    pub(crate) rest: Rest,
    client: Client,
    manifests: Vec<Value>,
    /// The files of the ConfigMap, and berth's kubeconfig.
    folder: TempDir,
    /// Kept alive.
    _plane: ControlPlane,
}

impl Deployed {
    /// Starts a control plane and applies the manifests; `None` where there is none for want of Go.
    pub(crate) async fn start(test: &str, options: &Options) -> Option<Self> {
        let plane = ControlPlane::start_with(test, options).await?;
        let client = plane.client().await;
        let folder = tempfile::Builder::new().prefix("berth-deployed-").tempdir();
        let folder = folder.expect("a folder for berth's files can be made");
        let admin = plane.kubeconfig();
        let rest = Rest(client.clone());
        let this = Self { rest, client, manifests: manifests(), folder, _plane: plane };
        for manifest in &this.manifests {
            this.apply(manifest).await;
        }
        this.try_pod().await;
        this.write_files(&admin).await;
        Some(this)
    }

    /// Applies a document as `kubectl apply --server-side` does; a field that is not known is an error.
    pub(crate) async fn apply(&self, document: &Value) {
        let object: DynamicObject = from(document.clone());
        let types = object.types.clone().expect("a document says what it is");
        let kind = GroupVersionKind::try_from(types).expect("a document's apiVersion is one");
        let found = discovery::pinned_kind(&self.client, &kind).await;
        let (resource, capabilities) =
            found.unwrap_or_else(|error| fail(&format!("{kind:?}: {error}")));
        let client = self.client.clone();
        let api: Api<DynamicObject> = match (capabilities.scope, &object.metadata.namespace) {
            (Scope::Cluster, _) => Api::all_with(client, &resource),
            (Scope::Namespaced, Some(name)) => Api::namespaced_with(client, name, &resource),
            (Scope::Namespaced, None) => Api::default_namespaced_with(client, &resource),
        };
        let name = object.metadata.name.as_deref().expect("a document has a name");
        let params = PatchParams::apply("berth-tests").force().validation_strict();
        let applied = api.patch(name, &params, &Patch::Apply(&object)).await;
        applied.unwrap_or_else(|error| fail(&format!("{} {name}: {error}", kind.kind)));
    }

    /// berth with the Deployment's flags.
    pub(crate) fn start_berth(&self, kubeconfig: &Path) -> Berth {
        let container = &self.pod_spec()["containers"][0];
        let mounted_at = text(&container["volumeMounts"][0]["mountPath"]);
        let folder = self.folder.path().display().to_string();
        let args = container["args"].as_array().expect("the container has args");
        let args = args.iter().map(|arg| text(arg).replace(mounted_at, &folder));
        let args: Vec<String> = args.collect();
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        assert_eq!(args.first(), Some(&"run"));
        // As in its pod: as the file says, and in the pod's namespace.
        let namespace = format!("--leader-elect-resource-namespace={}", self.namespace());
        args.extend(["--leader-elect=true", &namespace]);
        Berth::start(kubeconfig, "berth", &args[1..])
    }

    /// The path of a kubeconfig with a token of berth's service account.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// berth's ClusterRole.
    pub(crate) fn role(&self) -> &Value {
        only(&self.manifests, "ClusterRole")
    }

    /// berth's Role in its own namespace.
    pub(crate) fn role_of_lease(&self) -> &Value {
        only(&self.manifests, "Role")
    }

    /// berth's own namespace.
    pub(crate) fn namespace(&self) -> &str {
        text(&only(&self.manifests, "Deployment")["metadata"]["namespace"])
    }

    /// Waits until the API server has taken in that berth's service account has a right, or has it not.
    pub(crate) async fn wait_for_right(&self, right: &Right, wanted: bool) {
        self.wait_for_right_in("", right, wanted).await;
    }

    /// As [`Deployed::wait_for_right`], for what is in a namespace.
    pub(crate) async fn wait_for_right_in(&self, namespace: &str, right: &Right, wanted: bool) {
        let (resource, subresource) =
            right.resource.split_once('/').unwrap_or((&right.resource, ""));
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": self.user(), "resourceAttributes": {
                "group": right.group, "resource": resource, "subresource": subresource,
                "verb": right.verb, "namespace": namespace,
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let deadline = Instant::now() + RIGHTS_DEADLINE;
        while self.rest.create(path, &review).await["status"]["allowed"] != wanted {
            assert!(Instant::now() < deadline, "{right:?} is still not {wanted}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The user name of berth's service account.
    pub(crate) fn user(&self) -> String {
        user_of(&self.manifests)
    }

    /// Whether the Deployment's pod would be let in, also by the pod security standard of its namespace.
    async fn try_pod(&self) {
        let deployment = only(&self.manifests, "Deployment");
        let mut pod = deployment["spec"]["template"].clone();
        pod["metadata"]["name"] = json!("try");
        let path = pods_path(text(&deployment["metadata"]["namespace"]));
        self.rest.create(&format!("{path}?dryRun=All&fieldValidation=Strict"), &pod).await;
    }

    /// Writes the files of the ConfigMap, and a kubeconfig like that of the admin with another token.
    async fn write_files(&self, admin: &Path) {
        let write = |name: &str, text: &str| {
            fs::write(self.folder.path().join(name), text).expect("berth's files can be written");
        };
        let map = only(&self.manifests, "ConfigMap");
        for (name, content) in map["data"].as_object().expect("the ConfigMap has data") {
            write(name, text(content));
        }
        let account = only(&self.manifests, "ServiceAccount");
        let (namespace, name) =
            (text(&account["metadata"]["namespace"]), text(&account["metadata"]["name"]));
        assert_eq!(self.pod_spec()["serviceAccountName"], name);
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        });
        let answer = self.rest.create(&path, &request).await;
        let admin = fs::read(admin).expect("the admin has a kubeconfig");
        let mut kubeconfig: Value = serde_json::from_slice(&admin).expect("it is JSON");
        kubeconfig["users"][0]["user"] = json!({"token": answer["status"]["token"]});
        write("kubeconfig", &kubeconfig.to_string());
    }

    fn pod_spec(&self) -> &Value {
        &only(&self.manifests, "Deployment")["spec"]["template"]["spec"]
    }
}

/// The user name of the service account among `documents`.
pub(crate) fn user_of(documents: &[Value]) -> String {
    let account = &only(documents, "ServiceAccount")["metadata"];
    format!("system:serviceaccount:{}:{}", text(&account["namespace"]), text(&account["name"]))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is text")
}

fn from<T: serde::de::DeserializeOwned>(document: Value) -> T {
    serde_json::from_value(document).expect("the document has the fields of its type")
}
