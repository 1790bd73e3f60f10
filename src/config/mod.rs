//! `KubeSchedulerConfiguration` v1, read strictly: what berth does not know is refused, what it does not
//! do yet is refused where that would change a decision, else warned about; each finding by its path.
//! Called by `cli`; `client` and `runtime` take the result.
//!
//! The way of a file: `value` (the document as a tree) -> `v1`, `profile`, `args` (its fields by name;
//! args with their rules, plugins merged by `merge`) -> `defaults` -> `validate` -> `compile` in this file,
//! or `render` to print it. Which plugins there are is said by the registry that the caller hands in.

mod args;
mod args_affinity;
mod args_pods;
mod args_resources;
mod args_volumes;
mod defaults;
mod duration;
mod error;
mod extenders;
mod gates;
mod leader_election;
mod merge;
mod names;
mod overrides;
mod own_args;
mod profile;
mod reader;
mod render;
mod v1;
mod validate;
mod value;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use duration::{go_duration, parse_duration, parse_go_duration};
pub use error::{ConfigError, ConfigErrors};
pub use extenders::{Extender, ExtenderTls, ManagedResource, Pem};
pub use gates::{FeatureState, GateErrors, Gates};
pub use leader_election::{ElectionField, ElectionProblem, LEASE_NAME, LeaderElection};
pub use overrides::{LeaderElectionOverrides, Overrides};

use crate::framework::{PluginInfo, ProfileSpec};
use crate::model::FeatureGates;
use crate::queue::{BACKOFF_INITIAL, BACKOFF_MAX};
use crate::units::Nanos;
use crate::wire::protobuf;
use args::Meaning;
use error::Findings;
use overrides::NO_FLAGS;
use reader::Reader;
use v1::File;
use value::Value;

/// The name that berth schedules for where nobody says another.
pub const DEFAULT_BERTH_NAME: &str = "berth";

/// What a scheduler is to do: checked, with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The profiles; at least one, each with a name of its own.
    pub profiles: Vec<ProfileSpec>,
    /// Who else is asked about pods, in the order of asking.
    pub extenders: Vec<Extender>,
    /// How to talk to the API server.
    pub client: ClientConnection,
    /// The first wait of a pod that failed; doubles with each failure.
    pub pod_initial_backoff: Nanos,
    /// The longest wait of a pod that failed.
    pub pod_max_backoff: Nanos,
    /// Whether and how one of several berths is chosen.
    pub leader_election: LeaderElection,
    /// What the file says without effect, each with its path.
    pub warnings: Vec<String>,
}

/// How to talk to the API server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientConnection {
    /// The kubeconfig to use; `None` means from within the cluster.
    pub kubeconfig: Option<PathBuf>,
    /// `acceptContentTypes`, as given.
    pub accept_content_types: Option<String>,
    /// `contentType`, as given; berth sends JSON whatever it says.
    pub content_type: Option<String>,
    /// How fast to send requests.
    pub rate: RateLimit,
}

impl ClientConnection {
    /// Whether protobuf is what is asked for first; it is where nothing is said.
    ///
    /// Upstream: client-go/rest, v0.37. Differs from upstream: a type that is neither of the two is JSON.
    #[must_use]
    pub fn wants_protobuf(&self) -> bool {
        let said = self.accept_content_types.as_ref().or(self.content_type.as_ref());
        said.is_none_or(|said| said.trim_start().starts_with(protobuf::MEDIA_TYPE))
    }
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
    pub fn default_berth(registry: &[PluginInfo], gates: FeatureGates) -> Self {
        let mut profile = ProfileSpec::of_defaults(DEFAULT_BERTH_NAME, registry);
        profile.args.gates = gates;
        Self {
            profiles: vec![profile],
            extenders: Vec::new(),
            client: ClientConnection::default(),
            pod_initial_backoff: BACKOFF_INITIAL,
            pod_max_backoff: BACKOFF_MAX,
            leader_election: LeaderElection::default(),
            warnings: Vec::new(),
        }
    }
}

/// Reads the file at `path`. `registry` is every plugin there is, in upstream's default order.
pub fn load(
    path: &Path,
    registry: &[PluginInfo],
    gates: FeatureGates,
) -> Result<Configuration, ConfigErrors> {
    load_with(path, &NO_FLAGS, registry, gates)
}

/// [`load`] where `flags` take the place of what the file says of the election: what they mend of it is not
/// refused. The answer still has what the file says.
pub fn load_with(
    path: &Path,
    flags: &LeaderElectionOverrides,
    registry: &[PluginInfo],
    gates: FeatureGates,
) -> Result<Configuration, ConfigErrors> {
    let (text, source_name) = read_file(path)?;
    let root = to_value(&text, &source_name)?;
    interpret(&root, &source_name, flags, registry, gates).map(Checked::compile)
}

/// Reads a file's text, YAML or JSON; `source_name` begins every line of an error.
pub fn parse(
    text: &str,
    source_name: &str,
    registry: &[PluginInfo],
    gates: FeatureGates,
) -> Result<Configuration, ConfigErrors> {
    let root = to_value(text, source_name)?;
    interpret(&root, source_name, &NO_FLAGS, registry, gates).map(Checked::compile)
}

/// Reads a configuration that is part of another document, such as a scenario.
pub fn from_value(
    value: &serde_json::Value,
    source_name: &str,
    registry: &[PluginInfo],
    gates: FeatureGates,
) -> Result<Configuration, ConfigErrors> {
    interpret(&Value::from(value), source_name, &NO_FLAGS, registry, gates).map(Checked::compile)
}

/// The configuration where no file is given, as YAML with every default written out.
#[must_use]
pub fn render_default(registry: &[PluginInfo], gates: FeatureGates) -> String {
    let mut file = File::default();
    defaults::fill(&mut file, registry, gates);
    for profile in &mut file.profiles {
        profile.scheduler_name = Some(DEFAULT_BERTH_NAME.to_owned());
    }
    render::render(&file, registry)
}

/// The file at `path` as YAML with every default written out.
pub fn render_file(
    path: &Path,
    registry: &[PluginInfo],
    gates: FeatureGates,
) -> Result<String, ConfigErrors> {
    let (text, source_name) = read_file(path)?;
    let root = to_value(&text, &source_name)?;
    let checked = interpret(&root, &source_name, &NO_FLAGS, registry, gates)?;
    Ok(render::render(&checked.file, registry))
}

/// The file at `path`, or what is used without one, as YAML with every default written out and changed by
/// the flags.
pub fn render_with(
    path: Option<&Path>,
    overrides: &Overrides,
    registry: &[PluginInfo],
    gates: FeatureGates,
) -> Result<String, ConfigErrors> {
    let mut file = File::default();
    if let Some(path) = path {
        let (text, source_name) = read_file(path)?;
        let (root, flags) = (to_value(&text, &source_name)?, &overrides.leader_election);
        file = interpret(&root, &source_name, flags, registry, gates)?.file;
    } else {
        defaults::fill(&mut file, registry, gates);
    }
    overrides.apply(&mut file);
    Ok(render::render(&file, registry))
}

fn read_file(path: &Path) -> Result<(String, String), ConfigErrors> {
    let source_name = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| ConfigErrors::whole(&source_name, format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| ConfigErrors::whole(&source_name, "is not UTF-8 text".to_owned()))?;
    Ok((text, source_name))
}

fn to_value(text: &str, source_name: &str) -> Result<Value, ConfigErrors> {
    Value::from_yaml(text).map_err(|message| ConfigErrors::whole(source_name, message))
}

/// A file that breaks no rule, with its defaults.
struct Checked {
    file: File,
    gates: FeatureGates,
    /// Its profiles, still without args.
    profiles: Vec<ProfileSpec>,
    warnings: Vec<ConfigError>,
}

fn interpret(
    root: &Value,
    source_name: &str,
    flags: &LeaderElectionOverrides,
    registry: &[PluginInfo],
    gates: FeatureGates,
) -> Result<Checked, ConfigErrors> {
    let mut reader = Reader::new(gates);
    let mut file = v1::read(&mut reader, root, registry);
    let is_ours = file.is_ours;
    defaults::fill(&mut file, registry, gates);
    let mut findings = reader.into_findings();
    let mut profiles = Vec::new();
    if is_ours {
        validate::check(&file, flags, &mut findings);
        profiles = validate::check_profiles(&file.profiles, registry, &mut findings);
        own_args::fill(&mut profiles, &file.profiles, registry, &mut findings);
    }
    let Findings { errors, warnings } = findings;
    if errors.is_empty() {
        Ok(Checked { file, gates, profiles, warnings })
    } else {
        Err(ConfigErrors { source_name: source_name.to_owned(), errors, warnings })
    }
}

impl Checked {
    /// What the file means. Takes the fields that mean something apart, so that none is forgotten.
    fn compile(self) -> Configuration {
        let Self { file, gates, mut profiles, warnings } = self;
        let ignored = extenders::ignored_resources(&file.extenders);
        for (spec, profile) in profiles.iter_mut().zip(file.profiles) {
            spec.args.gates = gates;
            let percentage =
                profile.percentage_of_nodes_to_score.or(file.percentage_of_nodes_to_score);
            let percentage = percentage.and_then(|percentage| u8::try_from(percentage).ok());
            spec.percentage_of_nodes_to_score = percentage.filter(|percentage| *percentage > 0);
            for config in profile.plugin_config {
                match config.args.map_or(Meaning::None, |args| args.meaning) {
                    Meaning::None => {}
                    Meaning::Fit(args) => spec.args.node_resources_fit = args,
                    Meaning::Balanced(resources) => spec.args.balanced_resources = resources,
                    Meaning::Affinity(affinity) => spec.args.added_affinity = affinity,
                    Meaning::Preemption(args) => spec.args.default_preemption = args,
                    Meaning::PodAffinity(args) => spec.args.inter_pod_affinity = args,
                    Meaning::Spread(spread) => spec.args.default_spread = spread,
                    Meaning::Volumes(args) => spec.args.volume_binding = args,
                }
            }
            if let Some(ignored) = &ignored {
                spec.args.node_resources_fit.ignored_resources.clone_from(ignored);
            }
        }
        let seconds = |seconds: Option<i64>| {
            Nanos::from_secs(seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0))
        };
        Configuration {
            profiles,
            extenders: extenders::compile(file.extenders),
            client: compile_client(file.client_connection),
            pod_initial_backoff: seconds(file.pod_initial_backoff_seconds),
            pod_max_backoff: seconds(file.pod_max_backoff_seconds),
            leader_election: file.leader_election.compile(),
            warnings: warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

fn compile_client(fields: v1::ClientConnectionFields) -> ClientConnection {
    let v1::ClientConnectionFields { kubeconfig, accept_content_types, content_type, qps, burst } =
        fields;
    let given = |text: &String| !text.is_empty();
    ClientConnection {
        kubeconfig: kubeconfig.filter(given).map(PathBuf::from),
        accept_content_types: accept_content_types.filter(given),
        content_type: content_type.filter(given),
        rate: RateLimit::new(qps, burst.and_then(|burst| u32::try_from(burst).ok())),
    }
}
