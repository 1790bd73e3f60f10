//! Which change helps which pod, plugin by plugin: the cases of upstream's tests of its queueing hints, v1.37.

mod nodes;
mod pods;
mod volumes;

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::framework::{
    Action, Asks, Candidate, Change, Changed, ClusterEvent, Hint, Plugin, Resource,
};
use crate::model::{
    AffinityTerm, LabelOperator, LabelRequirement, LabelSelector, Labels, Node, Object, PluginArgs,
    Pod, PodKey, Toleration, TolerationOperator,
};

use super::PLUGINS;

use Hint::{Queue, Skip};

/// Plugin `name`, as a profile without args has it.
fn plugin(name: &str) -> Box<dyn Plugin> {
    plugin_with(name, &PluginArgs::default())
}

fn plugin_with(name: &str, args: &PluginArgs) -> Box<dyn Plugin> {
    let info = PLUGINS.iter().find(|info| info.name == name).expect("it is a plugin");
    (info.make)(args).expect("it takes these args")
}

fn pod() -> Pod {
    Pod {
        key: PodKey { namespace: "default".into(), name: "p".into() },
        uid: "p".into(),
        ..Pod::default()
    }
}

fn on_node(pod: Pod) -> Pod {
    Pod { node_name: Some("n".into()), ..pod }
}

fn labelled<const N: usize>(labels: [(&str, &str); N]) -> Pod {
    Pod { labels: Labels::from_iter(labels), ..pod() }
}

fn node<const N: usize>(labels: [(&str, &str); N]) -> Node {
    Node { name: "n".into(), labels: Labels::from_iter(labels), ..Node::default() }
}

/// A selector of pods whose label `key` is one of `values`, or that have it at all where there are none.
fn selector(key: &str, values: &[&str]) -> LabelSelector {
    let operator = if values.is_empty() { LabelOperator::Exists } else { LabelOperator::In };
    let values = values.iter().map(|value| (*value).into()).collect();
    LabelSelector { requirements: vec![LabelRequirement { key: key.into(), operator, values }] }
}

fn term(key: &str, values: &[&str], topology_key: &str) -> AffinityTerm {
    AffinityTerm {
        selector: Some(selector(key, values)),
        namespaces: Vec::new(),
        namespace_selector: None,
        topology_key: topology_key.into(),
    }
}

fn toleration(key: &str) -> Toleration {
    let (key, value, operator) = (key.into(), "".into(), TolerationOperator::Exists);
    Toleration { key, operator, value, effect: None }
}

fn node_change(action: Action, old: Option<&Node>, new: Option<&Node>) -> Change {
    let arc = |node: Option<&Node>| node.cloned().map(Arc::new);
    Change::new(ClusterEvent::new(Resource::Node, action), Changed::Node(arc(old), arc(new)))
}

/// A change of a pod on a node; which one follows from what was before and is now.
fn pod_change(old: Option<&Pod>, new: Option<&Pod>) -> Change {
    let action = match (old, new) {
        (None, _) => Action::ADD,
        (_, None) => Action::DELETE,
        _ => Action::UPDATE_POD_LABEL,
    };
    pod_event(Resource::AssignedPod, action, old, new)
}

fn pod_event(resource: Resource, action: Action, old: Option<&Pod>, new: Option<&Pod>) -> Change {
    let arc = |pod: Option<&Pod>| pod.cloned().map(Arc::new);
    Change::new(ClusterEvent::new(resource, action), Changed::Pod(arc(old), arc(new)))
}

fn object_change(resource: Resource, old: Option<Object>, new: Option<Object>) -> Change {
    let action = match (&old, &new) {
        (None, _) => Action::ADD,
        (_, None) => Action::DELETE,
        _ => Action::UPDATE,
    };
    let changed = Changed::Object(old.map(Arc::new), new.map(Arc::new));
    Change::new(ClusterEvent::new(resource, action), changed)
}

fn ask(plugin: &dyn Plugin, pod: &Pod, change: &Change) -> Hint {
    plugin.hint(change, Candidate::whole(pod), &Cluster::new(0))
}

#[test]
fn every_plugin_that_asks_cannot_tell_where_nothing_is_known() {
    let mut asked = 0;
    for info in PLUGINS {
        let plugin = (info.make)(&PluginArgs::default()).expect("it takes no args");
        for interest in plugin.events() {
            let change = Change::new(interest.event, Changed::Unknown);
            if interest.asks != Asks::Nothing && info.name != "DefaultPreemption" {
                assert_eq!(ask(&*plugin, &pod(), &change), Hint::Error, "{} {change:?}", info.name);
                asked += 1;
            }
        }
    }
    assert!(asked > 25, "{asked}");
}

/// What each plugin registers for, as upstream with its default gates.
#[test]
fn what_is_registered_for() {
    let table = [
        ("NodeName", 1),
        ("NodePorts", 2),
        ("NodeAffinity", 1),
        ("NodeUnschedulable", 2),
        ("TaintToleration", 2),
        ("NodeResourcesFit", 3),
        ("VolumeRestrictions", 3),
        ("NodeVolumeLimits", 5),
        ("VolumeBinding", 7),
        ("VolumeZone", 4),
        ("PodTopologySpread", 3),
        ("InterPodAffinity", 3),
        ("NodeDeclaredFeatures", 2),
        ("SchedulingGates", 1),
        ("DefaultPreemption", 1),
        ("DynamicResources", 0),
    ];
    for (name, events) in table {
        assert_eq!(plugin(name).events().len(), events, "{name}");
    }
}
