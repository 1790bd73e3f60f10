//! A scenario of `berth evaluate`, read and checked: what is wrong with one is said with its path.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::config::{self, Configuration};
use crate::engine::Event;
use crate::model::{FeatureGates, Labels, Namespace, Pod};
use crate::wire;

use super::evaluate::event;
use super::registry;

/// One scenario.
pub(super) struct Scenario {
    /// Its configuration; upstream's default profile where it has none.
    pub(super) configuration: Configuration,
    /// What builds its cluster.
    pub(super) events: Vec<Event>,
    /// Pods of its cluster that wait and are nominated to a node.
    pub(super) nominated: Vec<Pod>,
    /// The pods that are asked about.
    pub(super) pods: Vec<Pod>,
    /// Of a replay: the node of each pod that was placed, by `namespace/name`.
    pub(super) replay: Option<BTreeMap<String, Box<str>>>,
    /// Answers in brief.
    pub(super) brief: bool,
}

const FIELDS: [&str; 7] = ["name", "mode", "config", "objects", "pods", "placements", "brief"];

impl Scenario {
    /// Reads a scenario; an error begins with the path of what is wrong.
    pub(super) fn read(value: &Value, gates: FeatureGates) -> Result<Self, String> {
        let fields = value.as_object().ok_or("a scenario is a JSON object")?;
        if let Some(unknown) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(format!("{unknown}: unknown field; known are {}", FIELDS.join(", ")));
        }
        let placements = placements(value)?;
        let replay = match field(value, "mode").map(|mode| mode.as_str()) {
            None | Some(Some("evaluate" | "")) => None,
            Some(Some("replay")) => Some(placements),
            _ => {
                let mode = short(&value["mode"]);
                return Err(format!("mode: {mode}: neither \"evaluate\" nor \"replay\""));
            }
        };
        if field(value, "name").is_some_and(|name| !name.is_string()) {
            return Err(format!("name: {}: not a string", value["name"]));
        }
        let brief = match field(value, "brief") {
            None => false,
            Some(brief) => brief.as_bool().ok_or(format!("brief: {brief}: not true or false"))?,
        };
        let configuration = match field(value, "config") {
            None => Configuration::default_berth(registry(), gates),
            Some(config) => config::from_value(config, "config", registry(), gates)
                .map_err(|errors| errors.to_string())?,
        };
        let mut events = Vec::new();
        let mut nominated = Vec::new();
        for object in objects(value, "objects")? {
            match object?.1 {
                wire::Object::Pod(pod) if waits_nominated(&pod) => nominated.push(*pod),
                object => events.extend(event(object)),
            }
        }
        let mut pods = Vec::new();
        for object in objects(value, "pods")? {
            match object? {
                (_, wire::Object::Pod(pod)) => pods.push(*pod),
                (path, _) => return Err(format!("{path}.kind: not a Pod")),
            }
        }
        let namespaces = unnamed_namespaces(&events, &pods);
        events.extend(namespaces.map(|space| Event::NamespaceUpsert(Box::new(space))));
        Ok(Self { configuration, events, nominated, pods, replay, brief })
    }
}

/// The namespaces that a scenario leaves out although pods are in them, as an API server would have made
/// them; and `default`.
fn unnamed_namespaces(events: &[Event], pods: &[Pod]) -> impl Iterator<Item = Namespace> + use<> {
    const NAME_LABEL: &str = "kubernetes.io/metadata.name";
    let mut unnamed = BTreeSet::from([Box::from("default")]);
    unnamed.extend(pods.iter().map(|pod| pod.key.namespace.clone()));
    for event in events {
        if let Event::PodUpsert(pod) = event {
            unnamed.insert(pod.key.namespace.clone());
        }
    }
    for event in events {
        if let Event::NamespaceUpsert(space) = event {
            unnamed.remove(&space.name);
        }
    }
    unnamed.into_iter().map(|name| {
        let labels = Labels::from_iter([(NAME_LABEL, name.clone())]);
        Namespace { name, labels }
    })
}

fn waits_nominated(pod: &Pod) -> bool {
    pod.node_name.is_none() && pod.nominated_node.is_some()
}

/// A field that is there and not null.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|field| !field.is_null())
}

/// The objects of a list, each with its path.
fn objects<'a>(
    value: &'a Value,
    name: &'a str,
) -> Result<impl Iterator<Item = Result<(String, wire::Object), String>> + 'a, String> {
    let list = match field(value, name) {
        None => &[][..],
        Some(list) => {
            list.as_array().ok_or(format!("{name}: {}: not a list", short(list)))?.as_slice()
        }
    };
    Ok(list.iter().enumerate().map(move |(at, object)| {
        let path = format!("{name}[{at}]");
        match wire::decode(object) {
            Ok(object) => Ok((path, object)),
            Err(error) => Err(format!("{path}: {error}")),
        }
    }))
}

/// Where the pods went; an empty name is a pod that was not placed. A pod that nobody asks about is
/// allowed: a record of a whole run may be handed in with some of its pods.
fn placements(value: &Value) -> Result<BTreeMap<String, Box<str>>, String> {
    let Some(placements) = field(value, "placements") else { return Ok(BTreeMap::new()) };
    let not_a_map = || format!("placements: {}: not a JSON object", short(placements));
    let mut read = BTreeMap::new();
    for (pod, node) in placements.as_object().ok_or_else(not_a_map)? {
        match node {
            Value::Null => {}
            Value::String(node) if node.is_empty() => {}
            Value::String(node) => drop(read.insert(pod.clone(), node.as_str().into())),
            _ => return Err(format!("placements.{pod}: {}: not the name of a node", short(node))),
        }
    }
    Ok(read)
}

/// A value as text that fits a line.
fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}
