//! The kinds that are served: [`Resource`], one row each. Routing, discovery, storage and the verbs read
//! everything that differs between kinds from here.

mod fields;
mod table;

use std::sync::LazyLock;

pub use fields::Field;
pub(crate) use fields::NEW_EVENT_LABELS;

/// What makes `metadata.generation` grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The kind has none.
    None,
    /// It is 1 from the start and stays so.
    Constant,
    /// It is 1 from the start, and one more with every change of `spec`.
    Spec,
    /// It is 1 from the start, and one more with every change outside `metadata` and `status`.
    Content,
}

/// How the objects of a resource are kept and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// As they are.
    Own,
    /// Kept as core/v1 Events, shown as those of events.k8s.io/v1.
    NewEvents,
    /// Nothing is kept: what is posted is answered.
    Answered,
}

/// A part of an object with an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// The last part of its path, such as `status`.
    pub name: &'static str,
    /// Group, version and kind of its body, where they are not those of the resource.
    pub body: Option<(&'static str, &'static str, &'static str)>,
    /// The verbs that discovery names.
    pub verbs: &'static [&'static str],
}

/// One row of the table of kinds.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the kind")]
pub struct Resource {
    /// The group, empty for core.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The kind, such as `Pod`.
    pub kind: &'static str,
    /// The name in paths, such as `pods`.
    pub plural: &'static str,
    /// The name for one.
    pub singular: String,
    /// Short names for kubectl.
    pub short: &'static [&'static str],
    /// Whether `kubectl get all` shows it.
    pub all: bool,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Parts with addresses of their own.
    pub subresources: Vec<Subresource>,
    /// What makes `metadata.generation` grow.
    pub generation: Generation,
    /// Field selectors beyond `metadata.name` and `metadata.namespace`.
    pub fields: &'static [Field],
    /// How the objects are kept and shown.
    pub view: View,
    /// Whether a PUT makes an object that is not there.
    pub create_on_update: bool,
    /// Whether a PUT must name the resourceVersion that it replaces.
    pub conditional_update: bool,
    /// Whether parsed objects are kept beside the serialized ones, for kinds of few objects that are
    /// looked at with every pod.
    pub keep_parsed: bool,
    /// Where in the store its objects are.
    pub table: usize,
    /// `apiVersion` of its objects.
    pub api_version: String,
    /// The plural with the group behind a dot, as errors name it.
    pub qualified: String,
}

/// The verbs of a stored kind, in the order of discovery.
pub const STORED_VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// The verbs of a kind that is only answered.
pub const ANSWERED_VERBS: &[&str] = &["create"];
/// The verbs of the kinds of metrics.k8s.io.
///
/// Differs from upstream: metrics-server has `get` and `list` only; here the values are set by a client.
pub const METRICS_VERBS: &[&str] = STORED_VERBS;

/// Every resource, in the order of discovery.
static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(table::resources);

impl Resource {
    /// Every resource, in the order of discovery: grouped by group and version.
    #[must_use]
    pub fn all() -> &'static [Resource] {
        &RESOURCES
    }

    /// The resource at a path.
    #[must_use]
    pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
        RESOURCES
            .iter()
            .find(|row| row.plural == plural && row.group == group && row.version == version)
    }

    /// The stored resource of a qualified name, such as `pods` or `priorityclasses.scheduling.k8s.io`.
    #[must_use]
    pub fn by_qualified(name: &str) -> Option<&'static Resource> {
        RESOURCES.iter().find(|row| row.qualified == name)
    }

    /// The resource of an `apiVersion` and a `kind`.
    #[must_use]
    pub fn by_kind(api_version: &str, kind: &str) -> Option<&'static Resource> {
        RESOURCES.iter().find(|row| row.kind == kind && row.api_version == api_version)
    }

    /// The resource as which the objects are kept: itself, but for views of another.
    #[must_use]
    pub fn kept(&self) -> &'static Resource {
        &RESOURCES[self.table]
    }

    /// Number of tables that a store needs.
    #[must_use]
    pub fn tables() -> usize {
        RESOURCES.len()
    }

    /// The subresource of this name.
    #[must_use]
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|sub| sub.name == name)
    }

    /// Whether `status` can be written at its own address only.
    #[must_use]
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    /// The verbs that discovery names.
    #[must_use]
    pub fn verbs(&self) -> &'static [&'static str] {
        match self.view {
            View::Answered => ANSWERED_VERBS,
            _ if self.group == "metrics.k8s.io" => METRICS_VERBS,
            _ => STORED_VERBS,
        }
    }

    /// Where an object is in its table: `namespace/name`, or the name alone.
    #[must_use]
    pub fn key(&self, namespace: &str, name: &str) -> String {
        if self.namespaced { format!("{namespace}/{name}") } else { name.to_owned() }
    }

    /// Group and kind as errors name them: `Pod`, `Deployment.apps`.
    #[must_use]
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.to_owned()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_path_and_by_name() {
        let pods = Resource::find("", "v1", "pods").unwrap();
        assert_eq!((pods.kind, &*pods.qualified, pods.namespaced), ("Pod", "pods", true));
        assert!(Resource::find("apps", "v1", "pods").is_none());
        let classes = Resource::by_qualified("priorityclasses.scheduling.k8s.io").unwrap();
        assert_eq!(classes.group_kind(), "PriorityClass.scheduling.k8s.io");
    }

    #[test]
    fn both_events_are_in_one_table() {
        let old = Resource::find("", "v1", "events").unwrap();
        let new = Resource::find("events.k8s.io", "v1", "events").unwrap();
        assert_eq!(old.table, new.table);
    }

    #[test]
    fn groups_and_versions_stand_together() {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for row in Resource::all() {
            let version = (row.group, row.version);
            if seen.last() != Some(&version) {
                assert!(!seen.contains(&version), "{version:?} stands in two places");
                seen.push(version);
            }
        }
    }
}
