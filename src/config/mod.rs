//! `KubeSchedulerConfiguration` v1, read strictly: a file that says anything that berth does not do is
//! refused, each finding by its path. Called by `cli`; `client` and `runtime` take the result.
//!
//! The way of a file: `value` (the document as a tree) -> `v1` (its fields by name) -> `defaults` ->
//! `validate` -> `compile` in this file. Read so far: `clientConnection`, `leaderElection` that is
//! off, and one profile's `schedulerName`.

mod defaults;
mod duration;
mod error;
mod reader;
mod v1;
mod validate;
mod value;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::{ConfigError, ConfigErrors};

use crate::queue::{BACKOFF_INITIAL, BACKOFF_MAX};
use crate::units::Nanos;
use reader::Reader;
use value::Value;

/// The name that berth schedules for where nobody says another.
pub const DEFAULT_BERTH_NAME: &str = "berth";

/// Why an explicit wish for leader election is refused, in a file and on the command line.
pub const LEADER_ELECTION_UNSUPPORTED: &str =
    "leader election is not supported yet; it must be false";

/// What a scheduler is to do: checked, with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The profiles; at least one, for now exactly one.
    pub profiles: Vec<ProfileConfig>,
    /// How to talk to the API server.
    pub client: ClientConnection,
    /// The first wait of a pod that failed; doubles with each failure.
    pub pod_initial_backoff: Nanos,
    /// The longest wait of a pod that failed.
    pub pod_max_backoff: Nanos,
}

/// A profile: the pods that ask for this name are scheduled by these rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileConfig {
    /// The name in a pod's `spec.schedulerName`; never empty.
    pub scheduler_name: String,
}

/// How to talk to the API server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientConnection {
    /// The kubeconfig to use; `None` means from within the cluster.
    pub kubeconfig: Option<PathBuf>,
    /// `acceptContentTypes`, kept as given; berth asks for JSON whatever it says.
    pub accept_content_types: Option<String>,
    /// `contentType`, kept as given; berth sends JSON whatever it says.
    pub content_type: Option<String>,
    /// How fast to send requests.
    pub rate: RateLimit,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests a second, greater than zero; `None` is no limit, and the burst then means nothing.
    pub qps: Option<f64>,
    /// Requests at once; at least one.
    pub burst: u32,
}

impl RateLimit {
    /// Upstream's reading of the two numbers: zero or nothing is the default (50 a second, 100 at
    /// once), a negative rate is none at all.
    #[must_use]
    pub fn new(qps: Option<f64>, burst: Option<u32>) -> Self {
        let qps = match qps {
            Some(qps) if qps < 0.0 => None,
            Some(qps) if qps > 0.0 => Some(qps),
            _ => Some(defaults::QPS),
        };
        let burst = burst.filter(|burst| *burst > 0).unwrap_or(defaults::BURST);
        Self { qps, burst }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl Configuration {
    /// The configuration where no file is given: one profile named `berth`, upstream's defaults.
    #[must_use]
    pub fn default_berth() -> Self {
        Self::with_profiles(vec![ProfileConfig { scheduler_name: DEFAULT_BERTH_NAME.to_owned() }])
    }

    fn with_profiles(profiles: Vec<ProfileConfig>) -> Self {
        Self {
            profiles,
            client: ClientConnection::default(),
            pod_initial_backoff: BACKOFF_INITIAL,
            pod_max_backoff: BACKOFF_MAX,
        }
    }
}

/// Reads the file at `path`.
pub fn load(path: &Path) -> Result<Configuration, ConfigErrors> {
    let source_name = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| ConfigErrors::whole(&source_name, format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| ConfigErrors::whole(&source_name, "is not UTF-8 text".to_owned()))?;
    parse(&text, &source_name)
}

/// Reads a file's text, YAML or JSON; `source_name` begins every line of an error.
pub fn parse(text: &str, source_name: &str) -> Result<Configuration, ConfigErrors> {
    let root =
        Value::from_yaml(text).map_err(|message| ConfigErrors::whole(source_name, message))?;
    interpret(&root, source_name)
}

/// Reads a configuration that is part of another document, such as a scenario.
pub fn from_value(
    value: &serde_json::Value,
    source_name: &str,
) -> Result<Configuration, ConfigErrors> {
    interpret(&Value::from(value), source_name)
}

fn interpret(root: &Value, source_name: &str) -> Result<Configuration, ConfigErrors> {
    let mut reader = Reader::default();
    let mut file = v1::read(&mut reader, root);
    defaults::fill(&mut file);
    let mut errors = reader.into_errors();
    errors.extend(validate::check(&file));
    if errors.is_empty() {
        Ok(compile(file))
    } else {
        Err(ConfigErrors { source_name: source_name.to_owned(), errors })
    }
}

/// What a checked file means. Takes every field apart, so that none is read and then forgotten.
fn compile(file: v1::File) -> Configuration {
    let v1::File { client_connection, profiles } = file;
    let v1::ClientConnectionFields { kubeconfig, accept_content_types, content_type, qps, burst } =
        client_connection;
    let profiles = profiles.into_iter().map(|profile| {
        let v1::ProfileFields { scheduler_name } = profile;
        ProfileConfig { scheduler_name: scheduler_name.unwrap_or_default() }
    });
    let given = |text: &String| !text.is_empty();
    let client = ClientConnection {
        kubeconfig: kubeconfig.filter(given).map(PathBuf::from),
        accept_content_types: accept_content_types.filter(given),
        content_type: content_type.filter(given),
        rate: RateLimit::new(qps, burst.and_then(|burst| u32::try_from(burst).ok())),
    };
    Configuration { client, ..Configuration::with_profiles(profiles.collect()) }
}
