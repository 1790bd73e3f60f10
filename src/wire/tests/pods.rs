//! A whole pod as the API server sends it, what a bare one becomes, and other pods' anti-affinity.

use kube::Resource;
use kube::core::WatchEvent;
use serde_json::{Value, json};

use crate::model::{
    Effect, LabelOperator, LabelRequirement, LabelSelector, PodKey, ScheduledCondition, Toleration,
    TolerationOperator,
};

use super::super::Pod;
use super::pod;

const FULL: &str = include_str!("pod.json");

fn full() -> Pod {
    serde_json::from_str(FULL).unwrap()
}

#[test]
fn metadata_is_trimmed() {
    let pod = full();
    let metadata = pod.meta();
    assert_eq!(metadata.name.as_deref(), Some("web-5d59d67564-abcde"));
    assert_eq!(metadata.namespace.as_deref(), Some("shop"));
    assert_eq!(metadata.uid.as_deref(), Some("0f7c6a2e-8a5a-4b55-9c49-0d5a9d8a6f10"));
    assert_eq!(metadata.resource_version.as_deref(), Some("123456789"));
    assert_eq!(metadata.generation, Some(2));
    assert_eq!(metadata.labels.as_ref().map(std::collections::BTreeMap::len), Some(5));
    assert!(metadata.deletion_timestamp.is_some());
    assert!(metadata.managed_fields.is_none() && metadata.annotations.is_none());
    assert!(metadata.creation_timestamp.is_none());
    let owners: Vec<_> = metadata.owner_references.iter().flatten().map(|o| &*o.kind).collect();
    assert_eq!(owners, ["ReplicaSet"], "the controller");
}

#[test]
fn a_line_of_a_watch_can_be_read() {
    let compact = serde_json::from_str::<Value>(FULL).unwrap().to_string();
    for line in [
        format!(r#"{{"type":"MODIFIED","object":{compact}}}"#),
        format!(r#"{{"object":{compact},"type":"MODIFIED"}}"#),
    ] {
        match serde_json::from_str(&line).unwrap() {
            WatchEvent::Modified(pod) => {
                let pod: Pod = pod;
                assert_eq!(pod.to_model(), full().to_model());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_field_arrives() {
    let pod = full().to_model().unwrap();
    assert_eq!(pod.key.to_string(), "shop/web-5d59d67564-abcde");
    assert_eq!(&*pod.uid, "0f7c6a2e-8a5a-4b55-9c49-0d5a9d8a6f10");
    assert_eq!((&*pod.resource_version, pod.generation), ("123456789", 2));
    assert_eq!(pod.labels.get("team"), Some("shop"));
    assert!(pod.terminating && !pod.finished && pod.never_preempts);
    assert_eq!((&*pod.scheduler_name, pod.priority), ("berth", -7));
    assert_eq!(pod.node_name.as_deref(), Some("node-17"));
    assert_eq!(pod.scheduling_gates, ["example.com/quota".into()]);
    assert_eq!((pod.requests.usage.milli_cpu, pod.requests.usage.memory), (250, 256 << 20));
    let images: Vec<_> = pod.images.iter().map(|image| &**image).collect();
    let want = [
        "registry.example/setup:1",
        "registry.example:5000/web:latest",
        "registry.example/model@sha256:12",
    ];
    assert_eq!(images, want);
    let condition = ScheduledCondition {
        status: "True".into(),
        reason: "Scheduled".into(),
        message: "it \"fits\"\nhere".into(),
        probed: false,
        last_transition_time: Some("2026-01-01T00:00:00Z".into()),
    };
    assert_eq!(pod.scheduled_condition, Some(condition));
}

#[test]
fn tolerations() {
    let toleration = |key: &str, operator, value: &str, effect| Toleration {
        key: key.into(),
        operator,
        value: value.into(),
        effect,
    };
    let want = [
        toleration(
            "node.kubernetes.io/not-ready",
            TolerationOperator::Exists,
            "",
            Some(Effect::NoExecute),
        ),
        toleration("dedicated", TolerationOperator::Equal, "web", None),
        toleration("load", TolerationOperator::Lt, "5", None),
    ];
    assert_eq!(*full().to_model().unwrap().tolerations, want);
    let odd = pod(json!({"tolerations": [{"operator": "Equal", "effect": "Evict"}]}));
    assert_eq!(
        *odd.tolerations,
        [toleration("", TolerationOperator::Equal, "", Some(Effect::Unknown))]
    );
}

#[test]
fn a_bare_pod_gets_its_defaults() {
    let pod = pod(json!({"nodeName": "", "schedulerName": null, "priority": null}));
    assert_eq!(pod.key, PodKey { namespace: "default".into(), name: "p".into() });
    assert_eq!((&*pod.uid, &*pod.scheduler_name), ("default/p", "default-scheduler"));
    assert_eq!((pod.priority, pod.never_preempts, pod.node_name), (0, false, None));
    assert_eq!((pod.terminating, pod.finished, pod.scheduled_condition), (false, false, None));
}

#[test]
fn phases_that_end_a_pod() {
    for (phase, finished) in
        [("Pending", false), ("Running", false), ("Succeeded", true), ("Failed", true)]
    {
        let pod = json!({"metadata": {"name": "p"}, "status": {"phase": phase}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        assert_eq!(pod.to_model().unwrap().finished, finished, "{phase}");
    }
}

#[test]
fn required_anti_affinity_is_compiled() {
    let requirement = |key: &str, operator, values: &[&str]| LabelRequirement {
        key: key.into(),
        operator,
        values: values.iter().map(|value| (*value).into()).collect(),
    };
    let pod = full().to_model().unwrap();
    let [term] = &*pod.pod_affinity.unwrap().anti_required else { panic!("one term") };
    let selector = LabelSelector {
        requirements: vec![
            requirement("app", LabelOperator::NotIn, &["a", "b"]),
            requirement("pod-template-hash", LabelOperator::In, &["5d59d67564"]),
        ],
    };
    assert_eq!(term.selector, Some(selector));
    assert_eq!(term.namespaces, ["shop".into()]);
    assert_eq!(term.namespace_selector, Some(LabelSelector::default()));
    assert_eq!(&*term.topology_key, "kubernetes.io/hostname");
}

#[test]
fn one_wrong_selector_drops_all_terms_and_keeps_the_pod() {
    let right = json!({"matchLabels": {"app": "web", "example.com/tier": ""}});
    let expression = |operator: &str, values: &[&str]| {
        let expression = json!({"key": "app", "operator": operator, "values": values});
        json!({"matchExpressions": [expression]})
    };
    let rows = [
        (Value::Null, 2),
        (json!({}), 2),
        (right.clone(), 2),
        (expression("In", &["a", ""]), 2),
        (expression("Exists", &[]), 2),
        (expression("Gt", &["1"]), 0),
        (expression("In", &[]), 0),
        (expression("Exists", &["a"]), 0),
        (json!({"matchExpressions": [{"key": "app"}]}), 0),
        (json!({"matchLabels": {"": "x"}}), 0),
        (json!({"matchLabels": {"-app": "x"}}), 0),
        (json!({"matchLabels": {"Example.com/app": "x"}}), 0),
        (json!({"matchLabels": {"example.com/a/b": "x"}}), 0),
        (json!({"matchLabels": {"app": "not a value"}}), 0),
        (json!({"matchLabels": {"app": "x".repeat(64)}}), 0),
    ];
    for (selector, want) in rows {
        let terms = json!([
            {"labelSelector": right, "topologyKey": "zone"},
            {"labelSelector": selector, "topologyKey": "zone"}]);
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        let pod = pod(json!({"affinity": {"podAntiAffinity": {required: terms}}}));
        let affinity = pod.pod_affinity.unwrap();
        assert_eq!(affinity.anti_required.len(), want, "{selector}");
        assert_eq!(affinity.error.is_some(), want == 0, "{selector}");
    }
}
