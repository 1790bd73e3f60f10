//! What a client is warned of when it creates a pod or a template.
//!
//! Upstream: podutil.GetWarningsForPod, v1.37.
//! Differs from upstream: no warnings about addresses, volumes of drivers long gone, and overlapping
//! paths or ports.

use serde_json::Value;

use super::CONTAINER_LISTS;
use crate::apiserver::objects::json::{int, list, name, quantity, text};
use crate::apiserver::objects::names;

/// Labels of nodes that have new names.
const OLD_LABELS: [(&str, &str); 5] = [
    (
        "failure-domain.beta.kubernetes.io/zone",
        "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    ),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
    ),
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
];

/// The warnings for a new pod.
pub(in crate::apiserver::objects) fn of_pod(pod: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let wrong = names::dns_label(name(pod));
    if !wrong.is_empty() {
        warnings.push(format!(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising \
             behavior; a DNS label is recommended: [{}]",
            wrong.join(" ")
        ));
    }
    spec(&pod["spec"], "spec", &mut warnings);
    warnings
}

/// The warnings for a template whose spec is at `path`.
pub(in crate::apiserver::objects) fn of_template(template: &Value, path: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    spec(&template["spec"], &format!("{path}.spec"), &mut warnings);
    warnings
}

fn spec(spec: &Value, path: &str, warnings: &mut Vec<String>) {
    for (key, what) in OLD_LABELS {
        if !spec["nodeSelector"][key].is_null() {
            warnings.push(format!("{path}.nodeSelector[{key}]: {what}"));
        }
    }
    for (at, constraint) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        let path = format!("{path}.topologySpreadConstraints[{at}]");
        let key = text(constraint, "topologyKey");
        if let Some((_, what)) = OLD_LABELS.iter().find(|(old, _)| *old == key) {
            warnings.push(format!("{path}.topologyKey: {key} is {what}"));
        }
        if constraint["labelSelector"].is_null() {
            let what = "a null labelSelector results in matching no pod";
            warnings.push(format!("{path}.labelSelector: {what}"));
        }
    }
    fractional_bytes(&spec["overhead"], &format!("{path}.overhead"), warnings);
    for which in CONTAINER_LISTS {
        for (at, container) in list(spec, which).iter().enumerate() {
            for key in ["limits", "requests"] {
                let path = format!("{path}.{which}[{at}].resources.{key}");
                fractional_bytes(&container["resources"][key], &path, warnings);
            }
        }
    }
    if int(spec, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        let what = "must be >= 0; negative values are invalid and will be treated as 1";
        warnings.push(format!("{path}.terminationGracePeriodSeconds: {what}"));
    }
}

fn fractional_bytes(list: &Value, path: &str, warnings: &mut Vec<String>) {
    for name in ["memory", "ephemeral-storage"] {
        let Some(amount) = quantity(&list[name]) else { continue };
        if amount.amount().milli_value() % 1000 != 0 {
            let text = amount.to_string();
            let what = format!("fractional byte value {text:?} is invalid, must be an integer");
            warnings.push(format!("{path}[{name}]: {what}"));
        }
    }
}
