//! Which fields a field selector may name, kind by kind, and how their values are read.
//! Upstream: the label conversions and `GetAttrs` of each kind, v1.37.

use serde_json::Value;

/// A field that a selector may name.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// How the selector names it.
    pub label: &'static str,
    /// Where it is.
    path: &'static [&'static str],
    /// Where else it is, when the first place is empty.
    or: &'static [&'static str],
    /// What it is where it is absent.
    default: &'static str,
}

const fn at(label: &'static str, path: &'static [&'static str]) -> Field {
    Field { label, path, or: &[], default: "" }
}

const fn truth(label: &'static str, path: &'static [&'static str]) -> Field {
    Field { label, path, or: &[], default: "false" }
}

impl Field {
    /// The value that selectors are compared with.
    #[must_use]
    pub fn value(&self, object: &Value) -> Box<str> {
        let text = text(object, self.path)
            .or_else(|| if self.or.is_empty() { None } else { text(object, self.or) });
        text.unwrap_or_else(|| self.default.into())
    }
}

fn text(object: &Value, path: &[&str]) -> Option<Box<str>> {
    let mut at = object;
    for step in path {
        at = at.get(step)?;
    }
    match at {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.as_str().into()),
        Value::Bool(truth) => Some(if *truth { "true" } else { "false" }.into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

pub(super) const POD_FIELDS: &[Field] = &[
    at("spec.nodeName", &["spec", "nodeName"]),
    at("spec.restartPolicy", &["spec", "restartPolicy"]),
    at("spec.schedulerName", &["spec", "schedulerName"]),
    at("spec.serviceAccountName", &["spec", "serviceAccountName"]),
    truth("spec.hostNetwork", &["spec", "hostNetwork"]),
    at("status.phase", &["status", "phase"]),
    at("status.podIP", &["status", "podIP"]),
    at("status.nominatedNodeName", &["status", "nominatedNodeName"]),
];

pub(super) const NODE_FIELDS: &[Field] = &[truth("spec.unschedulable", &["spec", "unschedulable"])];

pub(super) const NAMESPACE_FIELDS: &[Field] = &[
    at("status.phase", &["status", "phase"]),
    // Upstream takes `name` for `metadata.name` here.
    at("name", &["metadata", "name"]),
];

pub(super) const SECRET_FIELDS: &[Field] = &[at("type", &["type"])];

pub(super) const REPLICAS_FIELDS: &[Field] =
    &[Field { label: "status.replicas", path: &["status", "replicas"], or: &[], default: "0" }];

pub(super) const JOB_FIELDS: &[Field] =
    &[Field { label: "status.successful", path: &["status", "succeeded"], or: &[], default: "0" }];

pub(super) const SERVICE_FIELDS: &[Field] =
    &[at("spec.clusterIP", &["spec", "clusterIP"]), at("spec.type", &["spec", "type"])];

pub(super) const RESOURCE_SLICE_FIELDS: &[Field] =
    &[at("spec.nodeName", &["spec", "nodeName"]), at("spec.driver", &["spec", "driver"])];

/// Fields of core/v1 Events, which those of events.k8s.io/v1 are kept as.
pub(super) const EVENT_FIELDS: &[Field] = &[
    at("involvedObject.kind", &["involvedObject", "kind"]),
    at("involvedObject.namespace", &["involvedObject", "namespace"]),
    at("involvedObject.name", &["involvedObject", "name"]),
    at("involvedObject.uid", &["involvedObject", "uid"]),
    at("involvedObject.apiVersion", &["involvedObject", "apiVersion"]),
    at("involvedObject.resourceVersion", &["involvedObject", "resourceVersion"]),
    at("involvedObject.fieldPath", &["involvedObject", "fieldPath"]),
    at("reason", &["reason"]),
    at("reportingComponent", &["reportingComponent"]),
    Field {
        label: "source",
        path: &["source", "component"],
        or: &["reportingComponent"],
        default: "",
    },
    at("type", &["type"]),
];

/// What events.k8s.io/v1 calls the fields of [`EVENT_FIELDS`] that it names otherwise.
pub(crate) const NEW_EVENT_LABELS: &[(&str, &str)] =
    &[("regarding.", "involvedObject."), ("reportingController", "reportingComponent")];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(fields: &[Field], label: &str, object: &Value) -> String {
        fields.iter().find(|field| field.label == label).unwrap().value(object).into()
    }

    #[test]
    fn values_have_the_defaults_of_upstream() {
        let pod = json!({"spec": {"nodeName": "n1"}});
        assert_eq!(value(POD_FIELDS, "spec.nodeName", &pod), "n1");
        assert_eq!(value(POD_FIELDS, "spec.hostNetwork", &pod), "false");
        assert_eq!(value(POD_FIELDS, "status.phase", &pod), "");
        let node = json!({"spec": {"unschedulable": true}});
        assert_eq!(value(NODE_FIELDS, "spec.unschedulable", &node), "true");
    }

    #[test]
    fn the_source_of_an_event_is_one_of_two() {
        let old = json!({"source": {"component": "kubelet"}});
        let new = json!({"source": {}, "reportingComponent": "berth"});
        assert_eq!(value(EVENT_FIELDS, "source", &old), "kubelet");
        assert_eq!(value(EVENT_FIELDS, "source", &new), "berth");
    }
}
