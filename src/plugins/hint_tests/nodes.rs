//! Plugins that look at single nodes: resources, affinity, taints, ports, features.

use crate::framework::{Action, Resource};
use crate::model::{
    Effect, HostPort, NodeAffinity, NodeOperator, NodeRequirement, NodeSelectorTerm, PluginArgs,
    Taint,
};
use crate::units::Resources;

use super::*;

fn asking(milli_cpu: i64, memory: i64, scalars: &[(&str, i64)]) -> Pod {
    let resources = resources(milli_cpu, memory, scalars);
    let mut pod = pod();
    pod.requests.request = resources.clone();
    pod.requests.usage = resources;
    pod
}

fn resources(milli_cpu: i64, memory: i64, scalars: &[(&str, i64)]) -> Resources {
    let scalars = scalars.iter().map(|(name, amount)| ((*name).into(), *amount)).collect();
    Resources { milli_cpu, memory, ephemeral_storage: 0, scalars }
}

fn with_room(memory: i64, scalars: &[(&str, i64)]) -> Node {
    Node { allocatable: resources(0, memory, scalars), allocatable_pods: 32, ..node([]) }
}

#[test]
fn resources_after_a_node() {
    let (a, b) = ("example.com/aaa", "example.com/bbb");
    let both = asking(0, 2, &[(a, 1)]);
    let rows = [
        ("too small", asking(0, 2, &[]), None, with_room(1, &[]), Skip),
        ("without a resource", asking(0, 0, &[(a, 1)]), None, with_room(0, &[(b, 1)]), Skip),
        ("new and large enough", both.clone(), None, with_room(4, &[(a, 2)]), Queue),
        (
            "more of something else",
            both.clone(),
            Some(with_room(2, &[(a, 2)])),
            with_room(2, &[(a, 1), (b, 2)]),
            Skip,
        ),
        (
            "more of what is asked for",
            both.clone(),
            Some(with_room(2, &[(a, 1)])),
            with_room(2, &[(a, 2)]),
            Queue,
        ),
        (
            "not enough any more",
            both.clone(),
            Some(with_room(4, &[(a, 2)])),
            with_room(1, &[(a, 2)]),
            Skip,
        ),
        ("enough now", both, Some(with_room(1, &[(a, 2)])), with_room(4, &[(a, 2)]), Queue),
        ("a pod that asks for nothing", pod(), Some(with_room(1, &[])), with_room(2, &[]), Skip),
        (
            "more pods",
            pod(),
            Some(Node { allocatable_pods: 1, ..with_room(1, &[]) }),
            with_room(1, &[]),
            Queue,
        ),
        ("no pods", pod(), None, Node { allocatable_pods: 0, ..with_room(1, &[]) }, Skip),
    ];
    for (name, pod, old, new, want) in rows {
        let action = if old.is_some() { Action::UPDATE_NODE_ALLOCATABLE } else { Action::ADD };
        let change = node_change(action, old.as_ref(), Some(&new));
        assert_eq!(ask(&*plugin("NodeResourcesFit"), &pod, &change), want, "{name}");
    }
}

#[test]
fn resources_that_are_ignored_are_not_asked_of_a_node() {
    let mut args = PluginArgs::default();
    args.node_resources_fit.ignored_resources = vec!["example.com/gpu".into()];
    let change = node_change(Action::ADD, None, Some(&with_room(4, &[])));
    let pod = asking(0, 2, &[("example.com/gpu", 1)]);
    assert_eq!(ask(&*plugin_with("NodeResourcesFit", &args), &pod, &change), Queue);
    assert_eq!(ask(&*plugin("NodeResourcesFit"), &pod, &change), Skip);
}

#[test]
fn resources_after_a_pod() {
    let (cpu_1, cpu_2) = (asking(1000, 0, &[]), asking(2000, 0, &[]));
    let (memory_1, memory_2) = (asking(0, 1, &[]), asking(0, 2, &[]));
    let nominated = Pod { nominated_node: Some("n".into()), ..cpu_2.clone() };
    let (there_1, there_2) = (on_node(cpu_1.clone()), on_node(cpu_2.clone()));
    let gone = |pod: &Pod| pod_change(Some(pod), None);
    let less = |old: &Pod, new: &Pod| {
        pod_event(Resource::AssignedPod, Action::UPDATE_POD_SCALE_DOWN, Some(old), Some(new))
    };
    let rows = [
        ("one on a node goes", gone(&there_1), Queue),
        ("one that waits goes", gone(&pod()), Skip),
        ("a nominated one goes", gone(&nominated), Queue),
        ("one that waits asks for less", less(&cpu_2, &cpu_1), Skip),
        ("less of something else", less(&on_node(memory_2), &on_node(memory_1)), Skip),
        ("less of what is asked for", less(&there_2, &there_1), Queue),
    ];
    for (name, change, want) in rows {
        assert_eq!(ask(&*plugin("NodeResourcesFit"), &cpu_1, &change), want, "{name}");
    }
}

fn foo_is_bar() -> NodeAffinity {
    let (key, operator) = ("foo".into(), Some(NodeOperator::In));
    let requirement = NodeRequirement { key, operator, values: vec!["bar".into()] };
    let term = NodeSelectorTerm { expressions: vec![requirement], fields: Vec::new() };
    NodeAffinity { required: Some(vec![term]), ..NodeAffinity::default() }
}

#[test]
fn affinity_after_a_node() {
    let plain = PluginArgs::default();
    let enforced = PluginArgs { added_affinity: Some(foo_is_bar()), ..PluginArgs::default() };
    let own = Pod { node_affinity: Some(foo_is_bar()), ..pod() };
    let selecting = Pod { node_selector: Labels::from_iter([("foo", "bar")]), ..pod() };
    let (match_, other, none) = (node([("foo", "bar")]), node([("k", "v")]), node([]));
    let rows = [
        ("a node comes that does not match", &plain, &own, None, &none, Skip),
        ("a node comes that matches", &plain, &own, None, &match_, Queue),
        ("a node comes that is selected", &plain, &selecting, None, &match_, Queue),
        ("a node changes in something else", &plain, &own, Some(&none), &none, Skip),
        ("another label", &plain, &own, Some(&none), &other, Skip),
        ("it matches no more", &plain, &own, Some(&match_), &other, Skip),
        ("it matches now", &plain, &own, Some(&none), &match_, Queue),
        ("it is selected now", &plain, &selecting, Some(&none), &match_, Queue),
        ("it matches as before", &plain, &own, Some(&match_), &match_, Skip),
        ("the profile does not let it", &enforced, &own, None, &none, Skip),
        ("the profile lets it", &enforced, &own, None, &match_, Queue),
    ];
    for (name, args, pod, old, new, want) in rows {
        let action = if old.is_some() { Action::UPDATE_NODE_LABEL } else { Action::ADD };
        let change = node_change(action, old, Some(new));
        assert_eq!(ask(&*plugin_with("NodeAffinity", args), pod, &change), want, "{name}");
    }
}

#[test]
fn terms_on_plain_nodes() {
    use NodeOperator::{DoesNotExist, Exists, Gt, In, Lt, NotIn};
    let requirement = |key: &str, operator, values: &[&str]| NodeRequirement {
        key: key.into(),
        operator: Some(operator),
        values: values.iter().map(|value| (*value).into()).collect(),
    };
    let on_label = |operator, values: &[&str]| NodeSelectorTerm {
        expressions: vec![requirement("zone", operator, values)],
        fields: Vec::new(),
    };
    let on_name = |operator, values: &[&str]| NodeSelectorTerm {
        expressions: Vec::new(),
        fields: vec![requirement("metadata.name", operator, values)],
    };
    let rows = [
        (on_label(In, &["7"]), true),
        (on_label(In, &[]), false),
        (on_label(NotIn, &["7"]), false),
        (on_label(NotIn, &["8"]), true),
        (on_label(Exists, &[]), true),
        (on_label(Exists, &["7"]), false),
        (on_label(DoesNotExist, &[]), false),
        (on_label(Gt, &["6"]), true),
        (on_label(Gt, &["7"]), false),
        (on_label(Lt, &["8"]), true),
        (on_label(Lt, &["x"]), false),
        (on_name(In, &["n"]), true),
        (on_name(NotIn, &["n"]), false),
        (on_name(Exists, &["n"]), false),
        (NodeSelectorTerm::default(), false),
    ];
    for (term, want) in rows {
        assert_eq!(term.matches("n", &Labels::from_iter([("zone", "7")])), want, "{term:?}");
    }
}

fn tainted(keys: &[&str], effect: Effect) -> Node {
    let taint = |key: &&str| Taint { key: (*key).into(), value: "".into(), effect };
    Node { taints: keys.iter().map(taint).collect(), ..node([]) }
}

#[test]
fn taints_after_a_node() {
    let tolerant = Pod { tolerations: [toleration("a")].into(), ..pod() };
    let (free, a) = (node([]), tainted(&["a"], Effect::NoSchedule));
    let (b, both) = (tainted(&["b"], Effect::NoExecute), tainted(&["a", "b"], Effect::NoSchedule));
    let soft = tainted(&["b"], Effect::PreferNoSchedule);
    let rows = [
        ("a node comes without taints", &pod(), None, &free, Queue),
        ("a node comes with a taint", &pod(), None, &a, Skip),
        ("a node comes whose taint is tolerated", &tolerant, None, &a, Queue),
        ("a node comes with another taint", &tolerant, None, &b, Skip),
        ("a node comes with a soft taint", &pod(), None, &soft, Queue),
        ("a taint goes", &pod(), Some(&a), &free, Queue),
        ("a tolerated taint goes", &tolerant, Some(&a), &free, Skip),
        ("the taint that kept it away goes", &tolerant, Some(&both), &a, Queue),
        ("a taint goes and one stays", &pod(), Some(&both), &a, Skip),
        ("a taint comes", &pod(), Some(&free), &a, Skip),
    ];
    for (name, pod, old, new, want) in rows {
        let action = if old.is_some() { Action::UPDATE_NODE_TAINT } else { Action::ADD };
        let change = node_change(action, old, Some(new));
        assert_eq!(ask(&*plugin("TaintToleration"), pod, &change), want, "{name}");
    }
}

#[test]
fn cordons_after_a_node_or_an_update_of_the_pod() {
    let (open, closed) = (node([]), Node { unschedulable: true, ..node([]) });
    let rows = [
        ("a node comes", None, &open, Queue),
        ("a cordoned node comes", None, &closed, Skip),
        ("it is uncordoned", Some(&closed), &open, Queue),
        ("it is cordoned", Some(&open), &closed, Skip),
        ("it stays open", Some(&open), &open, Skip),
        ("it stays cordoned", Some(&closed), &closed, Skip),
    ];
    for (name, old, new, want) in rows {
        let action = if old.is_some() { Action::UPDATE_NODE_TAINT } else { Action::ADD };
        let change = node_change(action, old, Some(new));
        assert_eq!(ask(&*plugin("NodeUnschedulable"), &pod(), &change), want, "{name}");
    }
    let now_tolerating = |key| Pod { tolerations: [toleration(key)].into(), ..pod() };
    for (key, want) in [("node.kubernetes.io/unschedulable", Queue), ("other", Skip)] {
        let new = now_tolerating(key);
        let change =
            pod_event(Resource::TargetPod, Action::UPDATE_POD_TOLERATION, Some(&pod()), Some(&new));
        assert_eq!(ask(&*plugin("NodeUnschedulable"), &new, &change), want, "{key}");
    }
}

#[test]
fn ports_after_a_pod() {
    let port = |port| {
        let (protocol, ip) = ("TCP".into(), "0.0.0.0".into());
        Pod { host_ports: vec![HostPort { protocol, ip, port }], ..pod() }
    };
    let rows = [
        ("one that waits", port(8080), Skip),
        ("one without ports", on_node(pod()), Skip),
        ("one with another port", on_node(port(8081)), Skip),
        ("one with the port", on_node(port(8080)), Queue),
        (
            "a nominated one with the port",
            Pod { nominated_node: Some("n".into()), ..port(8080) },
            Queue,
        ),
    ];
    for (name, gone, want) in rows {
        let change = pod_change(Some(&gone), None);
        assert_eq!(ask(&*plugin("NodePorts"), &port(8080), &change), want, "{name}");
    }
}

#[test]
fn features_after_a_node_or_an_update_of_the_pod() {
    let declaring = |features: &[&str]| Node {
        declared_features: features.iter().map(|feature| (*feature).into()).collect(),
        ..node([])
    };
    let (old, new) = (declaring(&["a"]), declaring(&["a", "b"]));
    let rows = [
        ("a node comes", None, &old, Queue),
        ("it declares as before", Some(&old), &old, Skip),
        ("it declares more", Some(&old), &new, Queue),
        ("it declares less", Some(&new), &old, Queue),
    ];
    for (name, old, new, want) in rows {
        let change = node_change(Action::UPDATE_NODE_DECLARED_FEATURE, old, Some(new));
        assert_eq!(ask(&*plugin("NodeDeclaredFeatures"), &pod(), &change), want, "{name}");
    }
    let needing = Pod { required_features: vec!["a"], ..pod() };
    for (old, new, want) in [(&needing, &needing, Skip), (&needing, &pod(), Queue)] {
        let change = pod_event(Resource::TargetPod, Action::UPDATE, Some(old), Some(new));
        assert_eq!(ask(&*plugin("NodeDeclaredFeatures"), new, &change), want);
    }
}
