//! What extenders are sent and what they answer, as JSON. Pure. Names of fields are those of Go's structs,
//! which have no tags; in answers their case does not matter, as to Go.
//!
//! Upstream: k8s.io/kube-scheduler/extender/v1 and HTTPExtender, v1.37.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::engine::PodRef;
use crate::framework::{Answer, Code, NodeVictims};
use crate::units::{Map, Set};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NodesArgs<'a> {
    pod: &'a RawValue,
    nodes: Option<NodeList<'a>>,
    node_names: Option<&'a [Box<str>]>,
}

/// Metadata with nothing in it, as Go writes them.
#[derive(Serialize)]
struct NoFields {}

#[derive(Serialize)]
struct NodeList<'a> {
    metadata: NoFields,
    items: Vec<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BindArgs<'a> {
    pod_name: &'a str,
    pod_namespace: &'a str,
    #[serde(rename = "PodUID")]
    pod_uid: &'a str,
    node: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PreemptArgs<'a> {
    pod: &'a RawValue,
    node_name_to_victims: Option<BTreeMap<&'a str, Victims<&'a RawValue>>>,
    node_name_to_meta_victims: Option<BTreeMap<&'a str, Victims<MetaPod<'a>>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Victims<P> {
    pods: Vec<P>,
    #[serde(rename = "NumPDBViolations")]
    budget_violations: i64,
}

#[derive(Serialize)]
struct MetaPod<'a> {
    #[serde(rename = "UID")]
    uid: &'a str,
}

/// The nodes of a question.
pub(super) enum Nodes<'a> {
    /// Their names are enough.
    Names(&'a [Box<str>]),
    /// The whole objects.
    Whole(Vec<&'a RawValue>),
}

/// The body of a call about nodes.
pub(super) fn about_nodes(pod: &RawValue, nodes: Nodes<'_>) -> serde_json::Result<Vec<u8>> {
    let (nodes, node_names) = match nodes {
        Nodes::Names(names) => (None, Some(names)),
        Nodes::Whole(items) => (Some(NodeList { metadata: NoFields {}, items }), None),
    };
    serde_json::to_vec(&NodesArgs { pod, nodes, node_names })
}

/// The body of a call that binds.
pub(super) fn binding(pod: &PodRef, node: &str) -> serde_json::Result<Vec<u8>> {
    let (pod_name, pod_namespace) = (&*pod.key.name, &*pod.key.namespace);
    serde_json::to_vec(&BindArgs { pod_name, pod_namespace, pod_uid: &pod.uid, node })
}

/// The body of a call about victims, of whom UIDs are enough.
pub(super) fn preemption(pod: &RawValue, victims: &[NodeVictims]) -> serde_json::Result<Vec<u8>> {
    let mut on = BTreeMap::new();
    for it in victims {
        let pods = it.pods.iter().map(|uid| MetaPod { uid }).collect();
        on.insert(&*it.node, Victims { pods, budget_violations: it.budget_violations });
    }
    let (node_name_to_victims, node_name_to_meta_victims) = (None, Some(on));
    serde_json::to_vec(&PreemptArgs { pod, node_name_to_victims, node_name_to_meta_victims })
}

/// The same with whole victims, by their UIDs; without those that are gone.
pub(super) fn preemption_of_whole(
    pod: &RawValue,
    victims: &[NodeVictims],
    whole: &Map<&str, Arc<RawValue>>,
) -> serde_json::Result<Vec<u8>> {
    let mut on = BTreeMap::new();
    for it in victims {
        let pods = it.pods.iter().filter_map(|uid| whole.get(&**uid)).map(|pod| &**pod).collect();
        on.insert(&*it.node, Victims { pods, budget_violations: it.budget_violations });
    }
    let (node_name_to_victims, node_name_to_meta_victims) = (Some(on), None);
    serde_json::to_vec(&PreemptArgs { pod, node_name_to_victims, node_name_to_meta_victims })
}

/// An object of an answer, by its fields.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The fields of the first value in `text`, as Go's decoder reads it; `null` has none.
    fn read(text: &'a [u8]) -> Result<Self, String> {
        let fields: Option<BTreeMap<String, &RawValue>> = first(text)?;
        Ok(Self(fields.unwrap_or_default()))
    }

    /// A field, whatever the case of its name; `None` where it is missing or `null`.
    fn get<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, String> {
        let mut fields = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        // The exact name counts before others.
        let raw = self.0.get(name).or_else(|| fields.next_back().map(|(_, raw)| raw));
        let read = |raw: &&'a RawValue| serde_json::from_str(raw.get());
        let value = raw.map(read).transpose();
        Ok(value.map_err(|error| format!("the answer's {name}: {error}"))?.flatten())
    }

    /// The words of an extender that has failed.
    fn check_error(&self) -> Result<(), String> {
        match self.get::<String>("Error")? {
            Some(error) if !error.is_empty() => Err(error),
            _ => Ok(()),
        }
    }
}

fn first<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    T::deserialize(&mut reader).map_err(|error| format!("the answer cannot be read: {error}"))
}

/// Why nodes will not do.
type Reasons = BTreeMap<Box<str>, Option<String>>;

#[derive(Deserialize)]
struct Named {
    metadata: Name,
}

#[derive(Deserialize)]
struct Name {
    name: Box<str>,
}

#[derive(Deserialize)]
struct Items {
    items: Option<Vec<Named>>,
}

/// Reads what a filter answered that was asked about `sent`. `name` is the extender's.
///
/// Differs from upstream: a node that was not asked about is an error also where whole objects come back.
/// Upstream would go on with it.
pub(super) fn filtered(
    text: &[u8],
    sent: &[Box<str>],
    name: &str,
    node_cache_capable: bool,
) -> Result<Answer, String> {
    let fields = Fields::read(text)?;
    fields.check_error()?;
    let names = fields.get::<Vec<Box<str>>>("NodeNames")?.filter(|_| node_cache_capable);
    let nodes = if let Some(names) = names {
        names
    } else {
        let nodes = fields.get::<Items>("Nodes")?.and_then(|nodes| nodes.items);
        nodes.unwrap_or_default().into_iter().map(|node| node.metadata.name).collect()
    };
    let known: Set<&str> = sent.iter().map(|name| &**name).collect();
    if let Some(unknown) = nodes.iter().find(|node| !known.contains(&***node)) {
        return Err(format!(
            "extender {name:?} claims a filtered node {unknown:?} which is not found in the input \
             node list"
        ));
    }
    let for_good: Reasons = fields.get("FailedAndUnresolvableNodes")?.unwrap_or_default();
    let for_now: Reasons = fields.get("FailedNodes")?.unwrap_or_default();
    let for_now: Vec<_> =
        for_now.into_iter().filter(|(node, _)| !for_good.contains_key(node)).collect();
    let code =
        |code| move |(node, reason): (_, Option<_>)| (node, code, reason.unwrap_or_default());
    let failed = for_good.into_iter().map(code(Code::UnschedulableAndUnresolvable));
    let failed = failed.chain(for_now.into_iter().map(code(Code::Unschedulable)));
    Ok(Answer::Filtered { nodes, failed: failed.collect() })
}

/// Reads what was answered about how good nodes are.
pub(super) fn scored(text: &[u8]) -> Result<Answer, String> {
    let list: Option<Vec<&RawValue>> = first(text)?;
    let one = |raw: &RawValue| {
        let fields = Fields::read(raw.get().as_bytes())?;
        let host: Box<str> = fields.get("Host")?.unwrap_or_default();
        Ok((host, fields.get("Score")?.unwrap_or_default()))
    };
    let scores: Result<_, String> = list.unwrap_or_default().into_iter().map(one).collect();
    Ok(Answer::Scored(scores?))
}

/// Reads whether a pod was bound.
pub(super) fn bound(text: &[u8]) -> Result<Answer, String> {
    Fields::read(text)?.check_error()?;
    Ok(Answer::Bound)
}

/// Reads which victims may go.
pub(super) fn victims(text: &[u8]) -> Result<Answer, String> {
    let nodes: BTreeMap<Box<str>, Option<&RawValue>> =
        Fields::read(text)?.get("NodeNameToMetaVictims")?.unwrap_or_default();
    let one = |(node, raw): (Box<str>, Option<&RawValue>)| {
        let fields = Fields::read(raw.map_or("null", RawValue::get).as_bytes())?;
        let pods: Vec<&RawValue> = fields.get("Pods")?.unwrap_or_default();
        let uid = |raw: &RawValue| {
            Ok(Fields::read(raw.get().as_bytes())?.get("UID")?.unwrap_or_default())
        };
        let pods: Result<_, String> = pods.into_iter().map(uid).collect();
        let budget_violations = fields.get("NumPDBViolations")?.unwrap_or_default();
        Ok(NodeVictims { node, pods: pods?, budget_violations })
    };
    let victims: Result<_, String> = nodes.into_iter().map(one).collect();
    Ok(Answer::Victims(victims?))
}
