//! The real API server and the module side by side: [`Both`] sends the same to each and compares.

use berth::apiserver::objects::{Lookup as _, Refusal};
use http::{Method, Request, header};
use kube::client::Body;
use kube::core::Status;
use kube::core::response::StatusCause;
use serde_json::{Map, Value, json};

use super::memory::{Memory, NOW};
use super::support::rest::Rest;

/// What one side answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// The object that is stored.
    Stored(Value),
    /// The code, the message, and the causes: field, reason, message.
    Refused(u16, String, Vec<(String, String, String)>),
}

impl Answer {
    /// What this answer says that `other` does not.
    fn without(&self, other: &Self) -> String {
        let Self::Refused(code, message, causes) = self else { return "stored it".to_owned() };
        let known = match other {
            Self::Refused(_, _, known) => &known[..],
            Self::Stored(_) => &[],
        };
        let own = causes.iter().filter(|cause| !known.contains(cause));
        let lines: Vec<String> =
            own.map(|(field, reason, text)| format!("{field} {reason}: {text}")).collect();
        format!("{code} {message} {lines:#?}")
    }
}

/// Both sides, and how they differ so far.
pub(crate) struct Both {
    pub(crate) rest: Rest,
    pub(crate) memory: Memory,
    pub(crate) differences: Vec<String>,
    pub(crate) compared: usize,
    /// How many of them the real API server refused.
    pub(crate) refused: usize,
}

impl Both {
    /// Creates the object on both sides.
    pub(crate) async fn create(&mut self, case: &str, namespace: &str, object: &Value) {
        let kind = kind_of(object);
        let path = collection(&kind, namespace);
        let (real, warnings) = self.post(&path, object).await;
        let namespace = if kind.namespaced { namespace } else { "" };
        let (ours, own) = match self.memory.create(kind.resource, namespace, object) {
            Ok((stored, mut own)) => {
                own.sort();
                (Ok(stored), own)
            }
            Err(refusal) => (Err(refusal), Vec::new()),
        };
        if real.is_ok() && ours.is_ok() && warnings != own {
            self.differences.push(format!("{case}: warnings {warnings:#?}\n  ours {own:#?}"));
        }
        self.compare(case, &kind, name_of(object), &answer(real), ours);
    }

    /// Creates the object on the real side; returns what the client is warned of, too.
    async fn post(&self, path: &str, object: &Value) -> (kube::Result<Value>, Vec<String>) {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(object.to_string().into_bytes()))
            .expect("a test writes paths that are paths");
        let response = self.rest.0.send(request).await.expect("the API server answers");
        let texts = response.headers().get_all(header::WARNING).iter();
        let texts = texts.filter_map(|value| value.to_str().ok()?.strip_prefix("299 - "));
        // The texts are quoted as JSON quotes them.
        let texts = texts.filter_map(|text| serde_json::from_str::<String>(text).ok());
        // Whether a certificate can be read is not looked at by the module.
        let mut warnings: Vec<String> = texts.filter(|text| !text.starts_with("tls: ")).collect();
        warnings.sort();
        let taken = response.status().is_success();
        let bytes = response.into_body().collect_bytes().await.expect("the answer has an end");
        let answer: Value = serde_json::from_slice(&bytes).expect("the answer is JSON");
        if taken {
            return (Ok(answer), warnings);
        }
        let status: Status = serde_json::from_value(answer).expect("a refusal is a Status");
        (Err(kube::Error::Api(Box::new(status))), warnings)
    }

    /// Whether the object has been created.
    pub(crate) fn knows(&self, object: &Value) -> bool {
        let kind = kind_of(object);
        let space = if kind.namespaced { "default" } else { "" };
        self.memory.get(kind.resource, space, name_of(object)).is_some()
    }

    /// Merges `change` into the object on both sides, and puts it in its place.
    pub(crate) async fn update(
        &mut self,
        case: &str,
        object: &Value,
        subresource: Option<&str>,
        change: &Value,
    ) {
        let kind = kind_of(object);
        let (name, space) = (name_of(object), if kind.namespaced { "default" } else { "" });
        let path = format!("{}/{name}", collection(&kind, "default"));
        let mut real = self.rest.get(&path).await.expect("it was created");
        json_patch::merge(&mut real, change);
        let at = subresource.map_or(path.clone(), |part| format!("{path}/{part}"));
        let real = self.rest.send(Method::PUT, &at, "application/json", Some(&real)).await;
        let own = self.memory.get(kind.resource, space, name).expect("it was created");
        let mut own = (*own).clone();
        json_patch::merge(&mut own, change);
        let ours = self.memory.update(kind.resource, subresource, &own);
        self.compare(case, &kind, name, &answer(real), ours);
    }

    /// Deletes a pod that a finalizer keeps.
    pub(crate) async fn delete(&mut self, pod: &str) {
        let path = format!("/api/v1/namespaces/default/pods/{pod}");
        self.rest.delete(&path).await;
        let mut own = (*self.memory.get("pods", "default", pod).expect("it is there")).clone();
        own["metadata"]["deletionTimestamp"] = json!(NOW);
        self.memory.put("pods", &own);
    }

    /// Binds a pod of the namespace `default` on both sides, and compares the pod.
    pub(crate) async fn bind(&mut self, case: &str, pod: &str, binding: &Value) {
        let kind = kind_of(&json!({"kind": "Pod"}));
        let path = format!("{}/{pod}", collection(&kind, "default"));
        let at = format!("{path}/binding");
        let done = self.rest.send(Method::POST, &at, "application/json", Some(binding)).await;
        let real = match done {
            Ok(_) => Ok(self.rest.get(&path).await.expect("it is there")),
            Err(error) => Err(error),
        };
        let ours = self.memory.bind(pod, binding);
        self.compare(case, &kind, pod, &answer(real), ours);
    }

    fn compare(
        &mut self,
        case: &str,
        kind: &Kind,
        name: &str,
        real: &Answer,
        ours: Result<Value, Refusal>,
    ) {
        self.compared += 1;
        let is_refused = matches!(real, Answer::Refused(..));
        self.refused += usize::from(is_refused);
        for (word, unexpected) in [("taken", is_refused), ("refused", !is_refused)] {
            if case.starts_with(word) && unexpected {
                self.differences.push(format!("{case}: is not {word}: {real:?}"));
            }
        }
        let ours = match ours {
            Ok(object) => Answer::Stored(blank(object)),
            Err(refusal) => refused(&refusal, kind, name),
        };
        if *real == ours {
            return;
        }
        let text = match (real, &ours) {
            (Answer::Stored(real), Answer::Stored(ours)) => {
                let mut lines = Vec::new();
                differ("", real, ours, &mut lines);
                lines.join("\n  ")
            }
            (real, ours) => format!("real {}\n  ours {}", real.without(ours), ours.without(real)),
        };
        self.differences.push(format!("{case}:\n  {text}"));
    }
}

/// Where a kind is found.
pub(crate) struct Kind {
    resource: &'static str,
    group: &'static str,
    name: &'static str,
    namespaced: bool,
}

const KINDS: [Kind; 27] = [
    kind("Pod", "pods", "v1", true),
    kind("Node", "nodes", "v1", false),
    kind("Namespace", "namespaces", "v1", false),
    kind("Service", "services", "v1", true),
    kind("ConfigMap", "configmaps", "v1", true),
    kind("Secret", "secrets", "v1", true),
    kind("ServiceAccount", "serviceaccounts", "v1", true),
    kind("LimitRange", "limitranges", "v1", true),
    kind("Event", "events", "v1", true),
    kind("PersistentVolume", "persistentvolumes", "v1", false),
    kind("PersistentVolumeClaim", "persistentvolumeclaims", "v1", true),
    kind("ReplicationController", "replicationcontrollers", "v1", true),
    kind("Deployment", "deployments.apps", "apps/v1", true),
    kind("ReplicaSet", "replicasets.apps", "apps/v1", true),
    kind("StatefulSet", "statefulsets.apps", "apps/v1", true),
    kind("DaemonSet", "daemonsets.apps", "apps/v1", true),
    kind("Job", "jobs.batch", "batch/v1", true),
    kind("CronJob", "cronjobs.batch", "batch/v1", true),
    kind("PodDisruptionBudget", "poddisruptionbudgets.policy", "policy/v1", true),
    kind("PriorityClass", "priorityclasses.scheduling.k8s.io", "scheduling.k8s.io/v1", false),
    kind("StorageClass", "storageclasses.storage.k8s.io", "storage.k8s.io/v1", false),
    kind("CSINode", "csinodes.storage.k8s.io", "storage.k8s.io/v1", false),
    kind("CSIDriver", "csidrivers.storage.k8s.io", "storage.k8s.io/v1", false),
    kind("Lease", "leases.coordination.k8s.io", "coordination.k8s.io/v1", true),
    kind("EndpointSlice", "endpointslices.discovery.k8s.io", "discovery.k8s.io/v1", true),
    kind("ResourceClaim", "resourceclaims.resource.k8s.io", "resource.k8s.io/v1", true),
    kind("VolumeAttachment", "volumeattachments.storage.k8s.io", "storage.k8s.io/v1", false),
];

const fn kind(
    name: &'static str,
    resource: &'static str,
    group: &'static str,
    namespaced: bool,
) -> Kind {
    Kind { resource, group, name, namespaced }
}

fn kind_of(object: &Value) -> Kind {
    let name = object["kind"].as_str().unwrap_or("Pod");
    KINDS.into_iter().find(|kind| kind.name == name).expect("a kind that the test knows")
}

fn collection(kind: &Kind, namespace: &str) -> String {
    let root = if kind.group.contains('/') { "/apis" } else { "/api" };
    let plural = kind.resource.split('.').next().unwrap_or_default();
    if kind.namespaced {
        format!("{root}/{}/namespaces/{namespace}/{plural}", kind.group)
    } else {
        format!("{root}/{}/{plural}", kind.group)
    }
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn answer(sent: kube::Result<Value>) -> Answer {
    match sent {
        Ok(object) => Answer::Stored(blank(object)),
        Err(kube::Error::Api(status)) => {
            let causes = status.details.map(|details| details.causes).unwrap_or_default();
            let cause = |cause: StatusCause| (cause.field, cause.reason, cut(&cause.message));
            let mut causes: Vec<_> = causes.into_iter().map(cause).collect();
            causes.sort();
            let message =
                if causes.is_empty() { without_own(&status.message) } else { String::new() };
            Answer::Refused(status.code, message, causes)
        }
        Err(error) => Answer::Refused(0, error.to_string(), Vec::new()),
    }
}

fn refused(refusal: &Refusal, kind: &Kind, name: &str) -> Answer {
    let (code, causes) = match refusal {
        Refusal::Invalid { causes } => (422, &causes[..]),
        Refusal::Forbidden(_) => (403, &[][..]),
        Refusal::BadRequest(_) => (400, &[][..]),
        Refusal::Conflict(_) => (409, &[][..]),
        Refusal::NotFound(_) => (404, &[][..]),
        Refusal::Internal(_) => (500, &[][..]),
    };
    let mut list: Vec<_> = causes
        .iter()
        .map(|cause| (cause.field.clone(), cause.reason.to_owned(), cut(&cause.message)))
        .collect();
    list.sort();
    let group =
        kind.resource.split_once('.').map_or(String::new(), |(_, group)| format!(".{group}"));
    let message = refusal.message(&format!("{}{group}", kind.name), name);
    let message = if list.is_empty() { without_own(&message) } else { String::new() };
    Answer::Refused(code, message, list)
}

/// A message without what upstream writes from its own structs: values in JSON, differences.
fn cut(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    // An empty map is null on one side and an empty one on the other.
    let first = &first.replace("value: null", "value: {}");
    for mark in ["value: {", "value: ["] {
        if let Some((start, rest)) = first.split_once(mark) {
            let end = rest.rfind(['}', ']']).map_or("", |at| &rest[at + 1..]);
            return format!("{start}{mark}…{end}");
        }
    }
    first.to_owned()
}

/// A message without what the object is at one server: its UID, its version.
fn without_own(message: &str) -> String {
    match message.split_once(" in object meta: ") {
        Some((start, _)) => format!("{start} in object meta: …"),
        None => message.to_owned(),
    }
}

/// The object without what always differs.
fn blank(mut object: Value) -> Value {
    let uid = object["metadata"]["uid"].as_str().unwrap_or("no uid").to_owned();
    if let Some(meta) = object["metadata"].as_object_mut() {
        for key in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            meta.remove(key);
        }
    }
    let spec = &mut object["spec"];
    if spec["clusterIP"].is_string() && spec["clusterIP"] != "None" {
        spec["clusterIP"] = json!("10.0.0.x");
        spec["clusterIPs"] = json!(["10.0.0.x"]);
    }
    for port in spec.pointer_mut("/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if port["nodePort"].is_number() {
            port["nodePort"] = json!(30000);
        }
    }
    if object["spec"].is_null()
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("spec");
    }
    blank_values(&mut object, &uid);
    object
}

fn blank_values(value: &mut Value, uid: &str) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                let is_time = ["lastTransitionTime", "lastPhaseTransitionTime", "timeAdded"];
                if is_time.contains(&key.as_str()) && field.is_string() {
                    *field = json!("a time");
                }
                blank_values(field, uid);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| blank_values(item, uid)),
        Value::String(text) if text == uid => "the uid".clone_into(text),
        _ => {}
    }
}

/// The fields in which two values differ, one line each.
fn differ(path: &str, real: &Value, ours: &Value, lines: &mut Vec<String>) {
    match (real, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let empty = Map::new();
            let extra = if a.len() < b.len() { b } else { &empty };
            let keys = a.keys().chain(extra.keys().filter(|key| !a.contains_key(*key)));
            let mut keys: Vec<&String> = keys.chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                match (a.get(key), b.get(key)) {
                    (Some(x), Some(y)) => differ(&format!("{path}.{key}"), x, y, lines),
                    (x, y) => {
                        let text =
                            |v: Option<&Value>| v.map_or("nothing".to_owned(), ToString::to_string);
                        lines.push(format!("{path}.{key}: real {} ours {}", text(x), text(y)));
                    }
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (x, y)) in a.iter().zip(b).enumerate() {
                differ(&format!("{path}[{at}]"), x, y, lines);
            }
        }
        _ if real != ours => lines.push(format!("{path}: real {real} ours {ours}")),
        _ => {}
    }
}
