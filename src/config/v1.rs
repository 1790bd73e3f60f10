//! What a file of `kubescheduler.config.k8s.io/v1` says, before defaults: the fields by name, strictly.
//! Called by `config::from_value` and `config::parse`; the next steps are `defaults` and `validate`.

use super::LEADER_ELECTION_UNSUPPORTED;
use super::reader::Reader;
use super::value::Value;

/// The only apiVersion that is read.
pub(super) const API_VERSION: &str = "kubescheduler.config.k8s.io/v1";
/// The only kind that is read.
pub(super) const KIND: &str = "KubeSchedulerConfiguration";

/// The fields of a file; `None` is a field that was not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct File {
    pub(super) client_connection: ClientConnectionFields,
    pub(super) profiles: Vec<ProfileFields>,
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

/// One of `profiles`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ProfileFields {
    pub(super) scheduler_name: Option<String>,
}

/// Reads a whole document. Where the apiVersion or the kind is another one, nothing else is looked at.
pub(super) fn read(reader: &mut Reader, root: &Value) -> File {
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
    reader.fields(root, |reader, key, value| match key {
        "apiVersion" | "kind" => {}
        "clientConnection" => file.client_connection = read_client_connection(reader, value),
        "leaderElection" => read_leader_election(reader, value),
        "profiles" => file.profiles = read_profiles(reader, value),
        "delayCacheUntilActive"
        | "enableContentionProfiling"
        | "enableProfiling"
        | "extenders"
        | "parallelism"
        | "percentageOfNodesToScore"
        | "podInitialBackoffSeconds"
        | "podMaxBackoffSeconds" => reader.unsupported(value),
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

/// Leader election is not there yet: a block may say that it is off, and only then more. That must be
/// of the right type and has no effect, as it has none upstream with `leaderElect: false`.
fn read_leader_election(reader: &mut Reader, value: &Value) {
    const UNDECIDED: &str = "is accepted only together with leaderElect: false";
    let undecided = value.all("leaderElect").all(|value| matches!(value, Value::Null));
    reader.fields(value, |reader, key, value| match key {
        "leaderElect" => {
            if reader.bool(value) == Some(true) {
                reader.refuse(value, LEADER_ELECTION_UNSUPPORTED);
            }
        }
        "leaseDuration" | "renewDeadline" | "retryPeriod" => {
            if reader.duration_nanos(value).is_some() && undecided {
                reader.refuse(value, UNDECIDED);
            }
        }
        "resourceLock" | "resourceName" | "resourceNamespace" => {
            if reader.string(value).is_some() && undecided {
                reader.refuse(value, UNDECIDED);
            }
        }
        _ => reader.unknown(),
    });
}

fn read_profiles(reader: &mut Reader, value: &Value) -> Vec<ProfileFields> {
    let mut profiles = Vec::new();
    reader.items(value, |reader, index, value| {
        if index > 0 {
            reader.missing("not supported yet: more than one profile");
        }
        profiles.push(read_profile(reader, value));
    });
    profiles
}

fn read_profile(reader: &mut Reader, value: &Value) -> ProfileFields {
    let mut fields = ProfileFields::default();
    reader.fields(value, |reader, key, value| match key {
        "schedulerName" => fields.scheduler_name = reader.string(value),
        "plugins" => read_plugins(reader, value),
        "percentageOfNodesToScore" | "pluginConfig" => reader.unsupported(value),
        _ => reader.unknown(),
    });
    fields
}

fn read_plugins(reader: &mut Reader, value: &Value) {
    reader.fields(value, |reader, key, value| match key {
        "bind" | "filter" | "multiPoint" | "permit" | "placementGenerate" | "placementScore"
        | "podGroupPostFilter" | "postBind" | "postFilter" | "preBind" | "preEnqueue"
        | "preFilter" | "preScore" | "queueSort" | "reserve" | "score" => reader.unsupported(value),
        _ => reader.unknown(),
    });
}
