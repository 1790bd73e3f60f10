//! A workload of a certain size as requests: which bodies go where. Made by `run`, carried out by `load`.

use serde_json::{Value, json};

use super::kinds::Kind;
use super::template::Template;
use super::workloads::{Group, Meanwhile, Size, Until, Workload, Workloads};

/// The label that everything that is made has; its value says what for.
pub(super) const LABEL: &str = "berth.dev/bench";

/// The first namespace.
pub(super) const NAMESPACE: &str = "berth-bench";

/// The value of the label on what is measured.
pub(super) const MEASURED: &str = "measured";

/// The value of the label on a controller's pods before its object is changed.
pub(super) const OLD: &str = "old";

/// How the names of measured pods begin.
const MEASURED_NAME: &str = "m-";

/// Objects that are made alike.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The value of the label.
    pub(super) role: String,
    /// How many.
    pub(super) count: usize,
    /// What is waited for.
    pub(super) until: Until,
    /// Whether they are pods that need a scheduler.
    pub(super) pending: bool,
    /// One a template; object i is of template i modulo their number.
    forms: Vec<Form>,
}

/// The requests for objects of one template.
#[derive(Clone, Debug)]
struct Form {
    collection: Template,
    name: Template,
    body: Template,
}

/// Everything that a run creates.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) namespaces: Vec<Batch>,
    pub(super) nodes: Vec<Batch>,
    pub(super) before: Vec<Batch>,
    pub(super) measured: Batch,
    /// How many pods are to come, where a controller makes them.
    pub(super) pods: usize,
    /// What a controller's object is changed by, where that is what is measured.
    pub(super) patch: Option<String>,
    /// Whether the pods are made by a controller.
    pub(super) by_controller: bool,
    /// Whether it takes controllers.
    pub(super) controllers: bool,
    pub(super) meanwhile: Vec<(Meanwhile, Batch)>,
    /// A pod that shows whether the scheduler is there.
    pub(super) probe: Batch,
}

/// What all objects of a run have in common.
struct Maker<'a> {
    templates: &'a Workloads,
    size: &'a Size,
    scheduler: &'a str,
    nodes: usize,
    pods: usize,
    /// What is measured begins with a change of the controller's object.
    patched: bool,
    /// Nodes are the cluster's own, so that pods may not be created on some of certain names.
    own_nodes: bool,
}

impl Plan {
    /// The requests of `workload`, for the scheduler of this name. The error names the template.
    pub(super) fn new(
        workloads: &Workloads,
        workload: &Workload,
        size: &Size,
        scheduler: &str,
        own_nodes: bool,
    ) -> anyhow::Result<Self> {
        let nodes = workload.nodes.iter().map(|group| size.number(&group.count)).sum();
        let pods = size.number(&workload.measured.count);
        let patched = workload.measured.patch.is_some();
        let maker =
            Maker { templates: workloads, size, scheduler, nodes, pods, patched, own_nodes };
        let first =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        let mut namespaces = vec![maker.batch_of("namespace", 1, &[first])?];
        for group in &workload.namespaces {
            namespaces.push(maker.group("namespace", group, 0)?);
        }
        let (mut made, mut first_of_group) = (Vec::new(), 0);
        for group in workload.nodes.iter().filter(|_| !own_nodes) {
            made.push(maker.group("node", group, first_of_group)?);
            first_of_group += size.number(&group.count);
        }
        let mut before = Vec::new();
        for (at, group) in workload.before.iter().enumerate() {
            before.push(maker.group(&format!("before-{at}"), group, 0)?);
        }
        let measured = &workload.measured;
        let by_controller = measured.controller;
        let count = if by_controller { measured.template.names().len() } else { pods };
        let objects = maker.templates(measured.template.names());
        let mut batch = maker.batch_of(MEASURED, count, &objects)?;
        batch.until = measured.until;
        let mut meanwhile = Vec::new();
        for (at, what) in workload.meanwhile.iter().enumerate() {
            let objects = maker.templates(what.templates());
            let batch = maker.batch_of(&format!("meanwhile-{at}"), 0, &objects)?;
            meanwhile.push((what.clone(), batch));
        }
        let probe = json!({
            "apiVersion": "v1", "kind": "Pod",
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]},
        });
        Ok(Self {
            namespaces,
            nodes: made,
            before,
            measured: batch,
            pods,
            patch: measured.patch.as_ref().map(patch),
            by_controller,
            controllers: workload.controllers,
            meanwhile,
            probe: maker.batch_of("probe", 1, &[probe])?,
        })
    }
}

impl Maker<'_> {
    fn templates(&self, names: &[String]) -> Vec<Value> {
        names.iter().filter_map(|name| self.templates.templates.get(name)).cloned().collect()
    }

    fn group(&self, role: &str, group: &Group, first: usize) -> anyhow::Result<Batch> {
        let mut objects = self.templates(group.template.names());
        for object in &mut objects {
            if role == "node" {
                name(object, &format!("node-{{i+{first}}}"));
            }
            if group.bound && !self.own_nodes {
                set(object, &["spec", "nodeName"], json!("{node}"));
            }
        }
        let mut batch = self.batch_of(role, self.size.number(&group.count), &objects)?;
        batch.until = group.until;
        Ok(batch)
    }

    fn batch_of(&self, role: &str, count: usize, objects: &[Value]) -> anyhow::Result<Batch> {
        let forms: anyhow::Result<Vec<_>> =
            objects.iter().map(|object| self.form(role, object.clone())).collect();
        let pending = |object: &Value| is_pod(object) && object.pointer("/spec/nodeName").is_none();
        let pending = objects.iter().any(pending);
        Ok(Batch { role: role.to_owned(), count, until: Until::Bound, pending, forms: forms? })
    }

    fn form(&self, role: &str, mut object: Value) -> anyhow::Result<Form> {
        let Some(kind) = Kind::of(&object) else {
            let field = |name: &str| object.get(name).cloned().unwrap_or_default();
            anyhow::bail!(
                "a template has apiVersion {} and kind {}, which a workload cannot have",
                field("apiVersion"),
                field("kind")
            );
        };
        let prefix = if role == MEASURED { MEASURED_NAME } else { &format!("{role}-") };
        let default_name = format!("{prefix}{{i}}");
        name(&mut object, &default_name);
        label(&mut object, role);
        let mut namespace = String::new();
        if kind.namespaced {
            let given = object.pointer("/metadata/namespace").and_then(Value::as_str);
            given.unwrap_or(NAMESPACE).clone_into(&mut namespace);
            set(&mut object, &["metadata", "namespace"], json!(namespace));
        }
        if is_pod(&object) {
            set(&mut object, &["spec", "schedulerName"], json!(self.scheduler));
        } else if object.pointer("/spec/template").is_some() {
            set(&mut object, &["spec", "template", "spec", "schedulerName"], json!(self.scheduler));
            let of_pods = if self.patched { OLD } else { role };
            set(&mut object, &["spec", "template", "metadata", "labels", LABEL], json!(of_pods));
        }
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let name = self.filled(name, "");
        Ok(Form {
            collection: Template::new(&self.filled(&kind.path(&namespace), &name)),
            body: Template::new(&self.filled(&object.to_string(), &name)),
            name: Template::new(&name),
        })
    }

    /// `text` with everything put in but numbers of objects.
    fn filled(&self, text: &str, name: &str) -> String {
        let nodes = self.nodes.max(1).to_string();
        let text = text.replace("{node}", "node-{i%{nodes}}").replace("{name}", name);
        let pods = self.pods.to_string();
        text.replace("{nodes}", &nodes).replace("\"{pods}\"", &pods)
    }
}

impl Batch {
    /// How the names of its objects begin, where their templates give no names.
    pub(super) fn prefix(&self) -> String {
        match &*self.role {
            MEASURED => MEASURED_NAME.to_owned(),
            role => format!("{role}-"),
        }
    }

    /// Where object `number` is created.
    pub(super) fn collection(&self, number: usize) -> String {
        self.form(number).collection.text(number)
    }

    /// Where object `number` is.
    pub(super) fn path(&self, number: usize) -> String {
        let form = self.form(number);
        format!("{}/{}", form.collection.text(number), form.name.text(number))
    }

    /// The JSON of object `number`.
    pub(super) fn body(&self, number: usize) -> String {
        self.form(number).body.text(number)
    }

    /// How many templates take turns.
    pub(super) fn forms(&self) -> usize {
        self.forms.len()
    }

    fn form(&self, number: usize) -> &Form {
        &self.forms[number % self.forms.len()]
    }
}

/// A merge patch that makes a controller's new pods those that are measured.
fn patch(given: &Value) -> String {
    let mut patch = given.clone();
    set(&mut patch, &["spec", "template", "metadata", "labels", LABEL], json!(MEASURED));
    patch.to_string()
}

fn is_pod(object: &Value) -> bool {
    Kind::of(object).is_some_and(|kind| kind.name() == "Pod")
}

/// Names an object that has no name.
fn name(object: &mut Value, name: &str) {
    if object.pointer("/metadata/name").is_none() {
        set(object, &["metadata", "name"], json!(name));
    }
}

fn label(object: &mut Value, role: &str) {
    set(object, &["metadata", "labels", LABEL], json!(role));
}

/// Sets a field, with the mappings that lead there.
fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut here = object;
    for key in path {
        if !here.is_object() {
            *here = json!({});
        }
        here = &mut here[*key];
    }
    *here = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_get_names_labels_and_places() {
        let all = Workloads::built_in().unwrap();
        let (workload, size) = all.find("basic").unwrap();
        let mut size = size.clone();
        size.numbers.insert("nodes".to_owned(), 3);
        let plan = Plan::new(&all, workload, &size, "s", false).unwrap();
        let node: Value = serde_json::from_str(&plan.nodes[0].body(4)).unwrap();
        assert_eq!(node["metadata"]["name"], "node-4");
        assert_eq!(node["metadata"]["labels"]["kubernetes.io/hostname"], "node-4");
        assert_eq!(node["metadata"]["labels"]["topology.kubernetes.io/zone"], "zone-1");
        let before: Value = serde_json::from_str(&plan.before[0].body(4)).unwrap();
        assert_eq!(
            (&before["spec"]["nodeName"], plan.before[0].pending),
            (&json!("node-1"), false)
        );
        let pod: Value = serde_json::from_str(&plan.measured.body(7)).unwrap();
        assert_eq!(pod["metadata"]["name"], "m-7");
        assert_eq!(pod["metadata"]["labels"][LABEL], "measured");
        assert_eq!(pod["spec"]["schedulerName"], "s");
        assert_eq!(plan.measured.path(7), "/api/v1/namespaces/berth-bench/pods/m-7");
        assert_eq!(plan.measured.collection(7), "/api/v1/namespaces/berth-bench/pods");
        assert!(plan.measured.pending);
    }

    #[test]
    fn every_built_in_workload_can_be_planned() {
        let all = Workloads::built_in().unwrap();
        for workload in &all.workloads {
            for size in &workload.sizes {
                let plan = Plan::new(&all, workload, size, "s", false);
                let plan = plan.unwrap_or_else(|error| panic!("{}: {error}", workload.name));
                let batches = plan.nodes.iter().chain(&plan.before).chain([&plan.measured]);
                for batch in batches {
                    let body: Value = serde_json::from_str(&batch.body(1)).unwrap();
                    assert!(!body.to_string().contains("{i"), "{}: {body}", workload.name);
                }
            }
        }
    }
}
