//! What a client is warned of when it creates a pod or a template.
//!
//! Upstream: podutil.GetWarningsForPod, v1.37.
//! Differs from upstream: no warnings about odd addresses and overlapping paths.

use serde_json::Value;

use super::CONTAINER_LISTS;
use crate::apiserver::objects::json::{int, length, list, name, quantity, text};
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

/// Volumes of drivers that are gone: the field, the field as it is shown, since when.
const OLD_VOLUMES: [(&str, &str, &str); 9] = [
    ("photonPersistentDisk", "photonPersistentDisk", "v1.11, non-functional in v1.16+"),
    ("gitRepo", "gitRepo", "v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", "v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "v1.28, non-functional in v1.31+"),
];

/// The warnings for a new claim.
///
/// Upstream: pvcutil.GetWarningsForPersistentVolumeClaim, v1.37.
pub(in crate::apiserver::objects) fn of_claim(claim: &Value) -> Vec<String> {
    let size = quantity(&claim["spec"]["resources"]["requests"]["storage"]);
    let size = size.filter(|size| size.amount().milli_value() % 1000 != 0);
    let text = size.map(|size| size.to_string());
    let warning = text.map(|text| {
        let what = format!("fractional byte value {text:?} is invalid, must be an integer");
        format!("spec.resources.requests[storage]: {what}")
    });
    warning.into_iter().collect()
}

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
    volumes(spec, path, warnings);
    fractional_bytes(&spec["overhead"], &format!("{path}.overhead"), warnings);
    for which in CONTAINER_LISTS {
        for (at, container) in list(spec, which).iter().enumerate() {
            for key in ["limits", "requests"] {
                let path = format!("{path}.{which}[{at}].resources.{key}");
                fractional_bytes(&container["resources"][key], &path, warnings);
            }
        }
    }
    variables(spec, path, warnings);
    addresses(spec, path, warnings);
    ports(spec, path, warnings);
    if int(spec, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        let what = "must be >= 0; negative values are invalid and will be treated as 1";
        warnings.push(format!("{path}.terminationGracePeriodSeconds: {what}"));
    }
    for which in ["podAffinity", "podAntiAffinity"] {
        selectors(&spec["affinity"][which], &format!("{path}.affinity.{which}"), warnings);
    }
}

/// Terms without a selector, which select nothing.
fn selectors(affinity: &Value, path: &str, warnings: &mut Vec<String>) {
    let (required, preferred) = (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    );
    let what = "labelSelector: a null labelSelector results in matching no pod";
    for (at, term) in list(affinity, required).iter().enumerate() {
        if term["labelSelector"].is_null() {
            warnings.push(format!("{path}.{required}[{at}].{what}"));
        }
    }
    for (at, term) in list(affinity, preferred).iter().enumerate() {
        if term["podAffinityTerm"]["labelSelector"].is_null() {
            warnings.push(format!("{path}.{preferred}[{at}].podAffinityTerm.{what}"));
        }
    }
}

/// Volumes of drivers that are gone, and projections of nothing.
fn volumes(spec: &Value, path: &str, warnings: &mut Vec<String>) {
    for (at, volume) in list(spec, "volumes").iter().enumerate() {
        for (key, shown, what) in OLD_VOLUMES {
            if !volume[key].is_null() {
                warnings.push(format!("{path}.volumes[{at}].{shown}: deprecated in {what}"));
            }
        }
        let empty = |source: &&Value| length(source) == 0;
        for _ in list(&volume["projected"], "sources").iter().filter(empty) {
            let name = text(volume, "name");
            warnings.push(format!("volume {name:?} (Projected) has no sources provided"));
        }
    }
}

/// Variables that hide others of their name, unless they build on them.
fn variables(spec: &Value, path: &str, warnings: &mut Vec<String>) {
    for which in CONTAINER_LISTS {
        for (at, container) in list(spec, which).iter().enumerate() {
            let all = list(container, "env");
            for (index, variable) in all.iter().enumerate() {
                let (name, value) = (text(variable, "name"), text(variable, "value"));
                let itself = format!("$({name})");
                let builds =
                    variable["valueFrom"].is_null() && value != itself && value.contains(&itself);
                if !builds && all[..index].iter().any(|other| text(other, "name") == name) {
                    let what = "which may be dropped when using apply";
                    warnings.push(format!(
                        "{path}.{which}[{at}].env[{index}]: hides previous definition of {name:?}, {what}"
                    ));
                }
            }
        }
    }
}

/// Addresses and secrets that are named twice.
fn addresses(spec: &Value, path: &str, warnings: &mut Vec<String>) {
    for (which, key) in [("hostAliases", "ip"), ("imagePullSecrets", "name")] {
        let all = list(spec, which);
        for (at, item) in all.iter().enumerate() {
            let value = text(item, key);
            if all[..at].iter().any(|other| text(other, key) == value) {
                warnings.push(format!("{path}.{which}[{at}].{key}: duplicate {key} {value:?}"));
            }
            if which == "imagePullSecrets" && value.is_empty() {
                warnings.push(format!("{path}.{which}[{at}].name: invalid empty name {value:?}"));
            }
        }
    }
}

/// Ports that are there twice, or that may be the same on the node.
fn ports(spec: &Value, path: &str, warnings: &mut Vec<String>) {
    let mut seen: Vec<(String, &Value)> = Vec::new();
    for which in ["initContainers", "containers"] {
        for (at, container) in list(spec, which).iter().enumerate() {
            for (index, port) in list(container, "ports").iter().enumerate() {
                let own = format!("{path}.{which}[{at}].ports[{index}]");
                if !text(port, "hostIP").is_empty() && int(port, "hostPort").unwrap_or(0) == 0 {
                    warnings.push(format!(
                        "{own}: hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{} \
                         Protocol:{} HostIP:{}}}",
                        text(port, "name"),
                        int(port, "containerPort").unwrap_or(0),
                        text(port, "protocol"),
                        text(port, "hostIP"),
                    ));
                }
                for (other_path, other) in &seen {
                    if let Some(what) = overlap(port, other) {
                        warnings.push(format!("{own}: {what} port definition with {other_path}"));
                    }
                }
                seen.push((own, port));
            }
        }
    }
}

fn overlap(port: &Value, other: &Value) -> Option<&'static str> {
    let same = |key: &str| port[key] == other[key];
    if !same("containerPort") || !same("protocol") {
        return None;
    }
    let host = |port: &Value| int(port, "hostPort").unwrap_or(0);
    let any_address = |port: &Value| text(port, "hostIP").is_empty();
    if same("hostIP") && host(port) == host(other) {
        Some("duplicate")
    } else if host(port) == 0 || host(other) == 0 {
        Some("overlapping")
    } else if host(port) == host(other) && any_address(port) != any_address(other) {
        Some("dangerously ambiguous")
    } else {
        None
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
