//! Workloads as data: what a file of them says, and what is wrong with it. The built-in ones are in
//! `workloads.yaml`, which says what each field means. Read by `cli`, made into requests by `plan`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// The built-in workloads.
const BUILT_IN: &str = include_str!("workloads.yaml");

/// How the built-in file is called in messages.
const BUILT_IN_NAME: &str = "workloads.yaml of berth";

/// Bytes of a file of workloads.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// How often a template may extend another that extends another.
const EXTENDS_MAX: usize = 8;

/// Objects of one kind in a workload: more would not fit beside the scheduler that is measured.
pub const COUNT_MAX: usize = 5_000_000;

/// Why workloads cannot be used: the file, the field, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {field}: {reason}")]
pub struct WorkloadError {
    /// The file.
    pub file: String,
    /// Where in it.
    pub field: String,
    /// What is wrong, with the value.
    pub reason: String,
}

/// The workloads of a file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workloads {
    /// Objects by name, each `extends` merged in.
    #[serde(default)]
    pub(super) templates: BTreeMap<String, Value>,
    /// The workloads, in the order of the file.
    pub workloads: Vec<Workload>,
}

/// A workload.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// What it measures, in a line.
    pub about: String,
    /// How large it is; the first is the one that is meant where none is named.
    pub sizes: Vec<Size>,
    /// Namespaces beside the first one; their template's name is `namespace`.
    #[serde(default)]
    pub(super) namespaces: Vec<Group>,
    /// The nodes.
    pub(super) nodes: Vec<Group>,
    /// What is there before, in this order.
    #[serde(default)]
    pub(super) before: Vec<Group>,
    /// What is measured.
    pub(super) measured: Measured,
    /// What happens meanwhile.
    #[serde(default)]
    pub(super) meanwhile: Vec<Meanwhile>,
    /// Whether it takes controllers, which a bare API server has not.
    #[serde(default)]
    pub(super) controllers: bool,
}

/// A size: named numbers. `nodes`, `init` and `pods` can be set on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Size {
    /// Its name.
    pub name: String,
    /// The numbers.
    #[serde(flatten)]
    pub numbers: BTreeMap<String, usize>,
}

/// Objects of one or several templates.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    /// The templates; several take turns.
    pub(super) template: OneOrMore,
    /// How many objects.
    #[serde(default)]
    pub(super) count: Count,
    /// Pods are created on nodes, which take turns.
    #[serde(default)]
    pub(super) bound: bool,
    /// What is waited for.
    #[serde(default)]
    pub(super) until: Until,
}

/// What is measured.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measured {
    /// The templates; several take turns. Of a controller's object there is one.
    pub(super) template: OneOrMore,
    /// How many pods.
    pub(super) count: Count,
    /// Until what of each pod.
    #[serde(default)]
    pub(super) until: Until,
    /// The objects are a controller's, which makes the pods.
    #[serde(default)]
    pub(super) controller: bool,
    /// The object is there before, with its pods; what is measured begins with this merge patch.
    #[serde(default)]
    pub(super) patch: Option<Value>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Until {
    /// The pods have a node.
    #[default]
    Bound,
    /// The pods have a node or are said not to find one.
    Attempted,
    /// Nothing but that they are created.
    Created,
}

/// What happens while pods are measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Meanwhile {
    /// Objects are created, each round anew.
    #[serde(rename_all = "camelCase")]
    Churn {
        /// One of each in a round.
        template: OneOrMore,
        /// From one round to the next.
        every_milliseconds: u64,
        /// How many of each there are; then the oldest one goes first. Without it they stay.
        #[serde(default)]
        keep: Option<usize>,
    },
    /// Objects that were there before are deleted.
    #[serde(rename_all = "camelCase")]
    Delete {
        /// Which of `before`, counted from 0.
        before: usize,
        /// How many a second.
        per_second: u32,
    },
}

/// A number, or the name of one of the size's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Count {
    Number(usize),
    Named(String),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(1)
    }
}

/// A name, or a list of some.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::More(names) => names,
        }
    }
}

impl Meanwhile {
    pub(super) fn templates(&self) -> &[String] {
        match self {
            Self::Churn { template, .. } => template.names(),
            Self::Delete { .. } => &[],
        }
    }

    /// From one round to the next.
    pub(super) fn every(&self) -> Duration {
        match self {
            Self::Churn { every_milliseconds, .. } => Duration::from_millis(*every_milliseconds),
            Self::Delete { per_second, .. } => Duration::from_secs(1) / (*per_second).max(1),
        }
    }
}

impl Size {
    pub(super) fn number(&self, count: &Count) -> usize {
        match count {
            Count::Number(number) => *number,
            Count::Named(name) => self.numbers.get(name).copied().unwrap_or_default(),
        }
    }
}

impl Workloads {
    /// Those that berth brings.
    pub fn built_in() -> Result<Self, WorkloadError> {
        Self::parse(BUILT_IN_NAME, BUILT_IN)
    }

    /// Those of `file`, and those that berth brings; of two with one name the file's is meant. Its templates may
    /// extend berth's.
    pub fn with_built_in(file: &str, text: &str) -> Result<Self, WorkloadError> {
        let mut all = Self::built_in()?;
        let own = Self::read(file, text, &all.templates)?;
        all.workloads.retain(|known| !own.workloads.iter().any(|new| new.name == known.name));
        all.workloads.splice(0..0, own.workloads);
        all.templates.extend(own.templates);
        Ok(all)
    }

    /// Reads the YAML of `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, WorkloadError> {
        Self::read(file, text, &BTreeMap::new())
    }

    fn read(
        file: &str,
        text: &str,
        templates: &BTreeMap<String, Value>,
    ) -> Result<Self, WorkloadError> {
        let error = |field: &str, reason: String| WorkloadError {
            file: file.to_owned(),
            field: field.to_owned(),
            reason,
        };
        let value: Value = serde_saphyr::from_str(text).map_err(|e| {
            error("YAML", e.to_string().lines().next().unwrap_or_default().to_owned())
        })?;
        let mut workloads: Self = serde_path_to_error::deserialize(value)
            .map_err(|e| error(&e.path().to_string(), e.inner().to_string()))?;
        for (name, template) in templates {
            workloads.templates.entry(name.clone()).or_insert_with(|| template.clone());
        }
        workloads.extend().map_err(|(field, reason)| error(&field, reason))?;
        workloads.check().map_err(|(field, reason)| error(&field, reason))?;
        Ok(workloads)
    }

    /// The workload of this name with one of its sizes, given as `name` or `name/size`; or what there is.
    pub fn find(&self, wanted: &str) -> Result<(&Workload, &Size), String> {
        let (name, size) = wanted.split_once('/').unwrap_or((wanted, ""));
        let Some(workload) = self.workloads.iter().find(|workload| workload.name == name) else {
            return Err(format!("{name:?} is no workload; --list names them"));
        };
        let is_it = |known: &&Size| size.is_empty() || known.name == size;
        let Some(found) = workload.sizes.iter().find(is_it) else {
            let names: Vec<_> = workload.sizes.iter().map(|size| &*size.name).collect();
            return Err(format!("{size:?} is no size of {name}; it has {}", names.join(", ")));
        };
        Ok((workload, found))
    }

    /// Merges each template into what it extends.
    fn extend(&mut self) -> Result<(), (String, String)> {
        let given = std::mem::take(&mut self.templates);
        for name in given.keys() {
            self.templates.insert(name.clone(), whole(&given, name, 0)?);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), (String, String)> {
        for (at, workload) in self.workloads.iter().enumerate() {
            let field = format!("workloads[{at}] ({})", workload.name);
            self.check_one(workload).map_err(|(at, reason)| (format!("{field}.{at}"), reason))?;
            let same = |other: &&Workload| other.name == workload.name;
            if self.workloads.iter().filter(same).count() > 1 {
                return Err((format!("{field}.name"), "is there twice".to_owned()));
            }
        }
        Ok(())
    }

    fn check_one(&self, workload: &Workload) -> Result<(), (String, String)> {
        let wrong = |field: &str, reason: String| Err((field.to_owned(), reason));
        if workload.name.is_empty() || workload.name.contains('/') {
            return wrong("name", format!("{:?} must be a word without a slash", workload.name));
        }
        if workload.sizes.is_empty() {
            return wrong("sizes", "there must be one at least".to_owned());
        }
        for (at, size) in workload.sizes.iter().enumerate() {
            if let Some((name, number)) = size.numbers.iter().find(|(_, n)| **n > COUNT_MAX) {
                let field = format!("sizes[{at}].{name}");
                return wrong(&field, format!("{number} is more than {COUNT_MAX}"));
            }
        }
        let (measured, before) = (&workload.measured, &workload.before);
        let groups = |name: &'static str, groups: &[Group]| -> Vec<_> {
            let group = |(at, group): (usize, &Group)| {
                (format!("{name}[{at}]"), group.template.clone(), group.count.clone())
            };
            groups.iter().enumerate().map(group).collect()
        };
        let mut all = groups("namespaces", &workload.namespaces);
        all.extend(groups("nodes", &workload.nodes));
        all.extend(groups("before", before));
        all.push(("measured".to_owned(), measured.template.clone(), measured.count.clone()));
        for (at, meanwhile) in workload.meanwhile.iter().enumerate() {
            let field = format!("meanwhile[{at}]");
            match meanwhile {
                Meanwhile::Churn { template, every_milliseconds, .. } => {
                    if *every_milliseconds == 0 {
                        return wrong(&field, "everyMilliseconds: 0 must be positive".to_owned());
                    }
                    all.push((field, template.clone(), Count::default()));
                }
                Meanwhile::Delete { before: group, .. } if *group >= before.len() => {
                    return wrong(&field, format!("delete.before: {group} is none of `before`"));
                }
                Meanwhile::Delete { .. } => {}
            }
        }
        for (field, templates, count) in all {
            if templates.names().is_empty() {
                return wrong(&format!("{field}.template"), "must name one".to_owned());
            }
            if let Some(name) = templates.names().iter().find(|n| !self.templates.contains_key(*n))
            {
                return wrong(&format!("{field}.template"), format!("{name:?} is no template"));
            }
            let Count::Named(name) = &count else { continue };
            if let Some(size) = workload.sizes.iter().find(|s| !s.numbers.contains_key(name)) {
                let reason = format!("{name:?} is no number of the size {:?}", size.name);
                return wrong(&format!("{field}.count"), reason);
            }
        }
        Ok(())
    }
}

/// A template with all that it extends, `depth` of them above it.
fn whole(
    given: &BTreeMap<String, Value>,
    name: &str,
    depth: usize,
) -> Result<Value, (String, String)> {
    let mut own = given.get(name).cloned().unwrap_or_default();
    let Some(object) = own.as_object_mut() else {
        return Err((format!("templates.{name}"), "must be a mapping".to_owned()));
    };
    let Some(base) = object.remove("extends") else { return Ok(own) };
    let field = format!("templates.{name}.extends");
    let Some(known) = base.as_str().filter(|base| given.contains_key(*base)) else {
        return Err((field, format!("{base} is no template")));
    };
    if depth == EXTENDS_MAX {
        return Err((field, format!("{base} is one of more than {EXTENDS_MAX}")));
    }
    let mut merged = whole(given, known, depth + 1)?;
    json_patch::merge(&mut merged, &own);
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "
templates:
  node: {apiVersion: v1, kind: Node}
  pod: {apiVersion: v1, kind: Pod, spec: {a: 1, b: 2}}
  other: {extends: pod, spec: {a: 3}}
workloads:
- name: small
  about: nothing
  sizes: [{name: s, nodes: 1, pods: 2}, {name: t, nodes: 3, pods: 4}]
  nodes: [{template: node, count: nodes}]
  measured: {template: other, count: pods}
";

    #[test]
    fn the_built_in_ones_are_right() {
        let all = Workloads::built_in().unwrap();
        for name in ["basic", "SchedulingBasic/5000Nodes_10000Pods"] {
            assert!(all.find(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_template_may_extend_another_and_a_size_is_chosen_by_name() {
        let all = Workloads::parse("f", SMALL).unwrap();
        assert_eq!(all.templates["other"]["spec"], serde_json::json!({"a": 3, "b": 2}));
        assert_eq!(all.find("small").unwrap().1.numbers["pods"], 2);
        assert_eq!(all.find("small/t").unwrap().1.numbers["pods"], 4);
        let error = all.find("small/u").unwrap_err();
        assert_eq!(error, "\"u\" is no size of small; it has s, t");
        assert!(all.find("large").unwrap_err().contains("\"large\" is no workload"));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let rows = [
            (
                "count: pods",
                "count: many",
                "f: workloads[0] (small).measured.count: \"many\" is no",
            ),
            ("template: other", "template: none", "measured.template: \"none\" is no template"),
            ("extends: pod", "extends: pot", "templates.other.extends: \"pot\" is no template"),
            ("extends: pod", "extends: other", "templates.other.extends: \"other\" is one of more"),
            ("about: nothing", "abut: nothing", "f: workloads[0].abut: unknown field `abut`"),
            ("nodes: 1", "nodes: -1", "f: workloads[0].sizes[0]: invalid value: integer `-1`"),
            ("nodes: 1", "nodes: 6000000", "sizes[0].nodes: 6000000 is more than 5000000"),
            ("name: small", "name: a/b", "name: \"a/b\" must be a word without a slash"),
            ("workloads:", "workloads: [", "f: YAML: "),
        ];
        for (from, to, want) in rows {
            let text = SMALL.replace(from, to);
            let error = Workloads::parse("f", &text).unwrap_err().to_string();
            assert!(error.contains(want), "{to}: {error}");
        }
    }
}
