//! What a file of `kubescheduler.config.k8s.io/v1` says, before defaults: the fields by name, strictly.
//! Called by `config`; the next steps are `defaults` and `validate`.

use super::extenders::{self, ExtenderFields};
use super::leader_election::{self, LeaderElectionFields};
use super::profile::{self, ProfileFields};
use super::reader::Reader;
use super::value::Value;
use crate::framework::PluginInfo;

/// The only apiVersion that is read.
pub(super) const API_VERSION: &str = "kubescheduler.config.k8s.io/v1";
/// The only kind that is read.
pub(super) const KIND: &str = "KubeSchedulerConfiguration";

/// The fields of a file; `None` is a field that was not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct File {
    /// The apiVersion and the kind are ours; nothing else was read otherwise.
    pub(super) is_ours: bool,
    pub(super) parallelism: Option<i32>,
    pub(super) leader_election: LeaderElectionFields,
    pub(super) client_connection: ClientConnectionFields,
    pub(super) enable_profiling: Option<bool>,
    pub(super) enable_contention_profiling: Option<bool>,
    pub(super) percentage_of_nodes_to_score: Option<i32>,
    pub(super) pod_initial_backoff_seconds: Option<i64>,
    pub(super) pod_max_backoff_seconds: Option<i64>,
    pub(super) profiles: Vec<ProfileFields>,
    pub(super) extenders: Vec<ExtenderFields>,
    pub(super) delay_cache_until_active: bool,
}

/// `clientConnection`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ClientConnectionFields {
    pub(super) kubeconfig: Option<String>,
    pub(super) accept_content_types: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) qps: Option<f64>,
    pub(super) burst: Option<i32>,
}

/// Reads a whole document. Where the apiVersion or the kind is another one, nothing else is looked at.
pub(super) fn read(reader: &mut Reader, root: &Value, registry: &[PluginInfo]) -> File {
    let mut file = File::default();
    if !matches!(root, Value::Map(_) | Value::Null) {
        reader.refuse(root, "must be a mapping");
        return file;
    }
    read_type(reader, root, "apiVersion", API_VERSION);
    read_type(reader, root, "kind", KIND);
    if !reader.is_clean() {
        return file;
    }
    file.is_ours = true;
    reader.fields(root, |reader, key, value| match key {
        "apiVersion" | "kind" => {}
        "clientConnection" => file.client_connection = read_client_connection(reader, value),
        "delayCacheUntilActive" => {
            file.delay_cache_until_active = reader.bool(value).unwrap_or_default();
        }
        "enableContentionProfiling" => file.enable_contention_profiling = reader.bool(value),
        "enableProfiling" => file.enable_profiling = reader.bool(value),
        "extenders" => reader.items(value, |reader, _, value| {
            file.extenders.push(extenders::read(reader, value));
        }),
        "leaderElection" => file.leader_election = leader_election::read(reader, value),
        "parallelism" => file.parallelism = reader.int32(value),
        "percentageOfNodesToScore" => file.percentage_of_nodes_to_score = reader.int32(value),
        "podInitialBackoffSeconds" => file.pod_initial_backoff_seconds = reader.int64(value),
        "podMaxBackoffSeconds" => file.pod_max_backoff_seconds = reader.int64(value),
        "profiles" => reader.items(value, |reader, _, value| {
            file.profiles.push(profile::read(reader, value, registry));
        }),
        _ => reader.unknown(),
    });
    file
}

/// Checks that `key` is given as `expected`; one given twice is named later, with the other fields.
fn read_type(reader: &mut Reader, root: &Value, key: &str, expected: &str) {
    let found = root.all(key).find(|value| !matches!(value, Value::Null));
    reader.field(key, |reader| match found {
        None => reader.missing(&format!("must be given, as {expected}")),
        Some(Value::String(text)) if text == expected => {}
        Some(value) => reader.refuse(value, &format!("must be {expected}")),
    });
}

fn read_client_connection(reader: &mut Reader, value: &Value) -> ClientConnectionFields {
    let mut fields = ClientConnectionFields::default();
    reader.fields(value, |reader, key, value| match key {
        "kubeconfig" => fields.kubeconfig = reader.string(value),
        "acceptContentTypes" => fields.accept_content_types = reader.string(value),
        "contentType" => fields.content_type = reader.string(value),
        "qps" => fields.qps = reader.float32(value),
        "burst" => fields.burst = reader.int32(value),
        _ => reader.unknown(),
    });
    fields
}
