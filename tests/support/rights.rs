//! Rights to do something with a kind of object: what a role grants ([`granted`]), and what somebody has
//! asked of the API server ([`Audit`]).

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

/// To do something with a kind of object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    /// The API group; empty for the oldest one.
    pub(crate) group: String,
    /// The kind's plural, with a subresource after a slash.
    pub(crate) resource: String,
    pub(crate) verb: String,
}

impl Right {
    pub(crate) fn new(group: &str, resource: &str, verb: &str) -> Self {
        Self { group: group.into(), resource: resource.into(), verb: verb.into() }
    }
}

/// All that a ClusterRole grants. Wildcards and names of objects are not understood.
pub(crate) fn granted(role: &Value) -> BTreeSet<Right> {
    let rules = role["rules"].as_array().expect("a role has rules");
    let mut rights = BTreeSet::new();
    for rule in rules {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let verbs = texts(&rule["verbs"]);
                rights.extend(verbs.map(|verb| Right::new(group, resource, verb)));
            }
        }
    }
    rights
}

/// The role with a rule for each of its rights but `missing`.
pub(crate) fn without(role: &Value, missing: &Right) -> Value {
    let mut rights = granted(role);
    assert!(rights.remove(missing), "{missing:?} is not granted anyway");
    let one_each = |right: &Right| {
        json!({
            "apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb],
        })
    };
    let mut role = role.clone();
    role["rules"] = rights.iter().map(one_each).collect();
    role
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// What the API server writes down of one user's requests.
pub(crate) struct Audit(TempDir);

impl Audit {
    /// To be started with [`Audit::flags`].
    pub(crate) fn of(user: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("berth-audit-").tempdir();
        let folder = folder.expect("a folder for the audit log can be made");
        let policy = json!({
            "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
            // A watch is in the log once it ends, and also once it has begun.
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata", "users": [user]}, {"level": "None"}],
        });
        fs::write(folder.path().join("policy.json"), policy.to_string())
            .expect("the audit policy can be written");
        Self(folder)
    }

    /// Flags for kube-apiserver.
    pub(crate) fn flags(&self) -> Vec<String> {
        let path = |name| self.0.path().join(name).display().to_string();
        vec![
            format!("--audit-policy-file={}", path("policy.json")),
            format!("--audit-log-path={}", path("log")),
        ]
    }

    /// The rights that it took to do all that was asked for.
    pub(crate) fn asked(&self) -> BTreeSet<Right> {
        self.entries().iter().map(right).collect()
    }

    /// The rights that were not there.
    pub(crate) fn refused(&self) -> BTreeSet<Right> {
        let mut entries = self.entries();
        entries.retain(|entry| entry["responseStatus"]["code"] == 403);
        entries.iter().map(right).collect()
    }

    fn entries(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.0.path().join("log")).unwrap_or_default();
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let parse = |line| serde_json::from_str(line).expect("the audit log is JSON");
        complete.lines().map(parse).collect()
    }
}

/// The right that a request took. One that is about no object has its path in place of a resource.
fn right(entry: &Value) -> Right {
    let object = &entry["objectRef"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let resource = match (object["resource"].as_str(), object["subresource"].as_str()) {
        (Some(resource), Some(subresource)) => format!("{resource}/{subresource}"),
        (Some(resource), None) => resource.to_owned(),
        (None, _) => text(&entry["requestURI"]),
    };
    Right { group: text(&object["apiGroup"]), resource, verb: text(&entry["verb"]) }
}
