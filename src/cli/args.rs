//! The command line as clap reads it: one struct a subcommand, values as they were given. What they
//! mean together is worked out in `options`.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use super::actors::{ControllersArgs, KubeletsArgs};
use super::bench::BenchArgs;
use super::component_args::ComponentArgs;
use super::go_flags::{normalize, parse_bool, parse_duration, parse_finite, parse_integer};
use super::leader_flags::LeaderElectionArgs;
use super::playground::PlaygroundArgs;
use super::secure_args::{AuthenticationArgs, AuthorizationArgs, SecureServingArgs};
use super::upstream_args::UpstreamArgs;
use super::version::VERSION;
use crate::config::{GateErrors, Gates};
use crate::telemetry::LogFormat;

/// What the value of a boolean is called in the help.
const BOOL: &str = "BOOL";

/// The whole command line.
#[derive(Clone, Debug, PartialEq, Parser)]
#[command(
    name = "berth",
    about = "A Kubernetes-compatible pod scheduler",
    version = VERSION,
    disable_version_flag = true,
    disable_help_subcommand = true,
    args_override_self = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print the version and the Kubernetes version whose decisions are made.
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// The subcommands.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Schedule the pods of a cluster that name this scheduler.
    Run(Box<RunArgs>),
    /// Run a whole cluster in this process: API server, kubelets and the scheduler.
    Playground(PlaygroundArgs),
    /// Serve the Kubernetes API from memory, until told to stop.
    Apiserver(ApiserverArgs),
    /// Judge every node for the pods of a scenario, read from standard input.
    Evaluate(EvaluateArgs),
    /// Print the configuration with its defaults, or check a file.
    Config(ConfigArgs),
    /// Pretend kubelets: keep nodes ready and make the pods on them run, in any cluster.
    Kubelets(KubeletsArgs),
    /// Measure how fast berth is.
    Bench(BenchArgs),
    /// Small controllers for an API server that has none.
    #[command(hide = true)]
    Controllers(ControllersArgs),
}

/// The flags of `berth run`, spelled as kube-scheduler's where it has them.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct RunArgs {
    /// The flags of kube-scheduler that have no field. First, since it looks at the others, too.
    #[command(flatten)]
    pub upstream: UpstreamArgs,

    /// Configuration to read (kubescheduler.config.k8s.io/v1, YAML or JSON).
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, value_parser = path())]
    pub config: Option<PathBuf>,

    /// Kubeconfig of the cluster, unless the --config file names one. Without either, berth takes the
    /// service account of the pod that it runs in.
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, value_parser = path())]
    pub kubeconfig: Option<PathBuf>,

    /// Schedule the pods with this spec.schedulerName [default: berth, or the name in the --config
    /// file].
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub scheduler_name: Option<String>,

    /// Seed of the choice among nodes that are equally good [default: from the time; the start line
    /// of the log has it].
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_integer::<u64>)]
    pub seed: Option<u64>,

    /// Write every decision into this file, one JSON object a line. A file that is there already is
    /// overwritten.
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, value_parser = path())]
    pub decision_log: Option<PathBuf>,

    /// Decide, log and compare with where the pods really go, but bind and write nothing.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = parse_bool
    )]
    pub dry_run: Option<bool>,

    /// Leader election.
    #[command(flatten)]
    pub leader_election: LeaderElectionArgs,

    /// Requests a second to the API server; negative is no limit. Ignored with --config [default: 50].
    #[arg(long, value_name = "QPS", allow_hyphen_values = true, value_parser = parse_finite)]
    pub kube_api_qps: Option<f64>,

    /// Requests at once to the API server. Ignored with --config [default: 100].
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_integer::<i32>)]
    pub kube_api_burst: Option<i32>,

    /// What lists and watches are asked for in: application/vnd.kubernetes.protobuf, or application/json.
    /// Ignored with --config [default: application/vnd.kubernetes.protobuf].
    #[arg(long, value_name = "TYPE")]
    pub kube_api_content_type: Option<String>,

    /// How long a pod may be unschedulable before it is tried again although nothing has happened that can
    /// help it [default: 5m].
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_duration)]
    pub pod_max_in_unschedulable_pods_duration: Option<Duration>,

    /// Serve health and metrics over plain HTTP, too, for instance at 127.0.0.1:10251, without asking who
    /// it is for. For a laptop, or behind a sidecar that speaks TLS.
    #[arg(long, value_name = "IP:PORT", allow_hyphen_values = true, value_parser = parse_address)]
    pub http_address: Option<SocketAddr>,

    /// Write the configuration with its defaults and the flags into this file, and quit.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub write_config_to: Option<PathBuf>,

    /// The address of the API server; overrides that of the kubeconfig.
    #[arg(long, value_name = "URL")]
    pub master: Option<String>,

    /// Serve /debug/flags/v, which changes how much is logged. Ignored with --config [default: true].
    #[arg(long, value_name = "BOOL", value_parser = parse_bool)]
    pub profiling: Option<bool>,

    /// The secure port.
    #[command(flatten)]
    pub secure: SecureServingArgs,

    /// Who asks there.
    #[command(flatten)]
    pub authentication: AuthenticationArgs,

    /// What they may ask for.
    #[command(flatten)]
    pub authorization: AuthorizationArgs,

    /// The versions and the metrics.
    #[command(flatten)]
    pub component: ComponentArgs,

    /// The feature gates.
    #[command(flatten)]
    pub gates: GateArgs,

    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The flags of `berth apiserver`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ApiserverArgs {
    /// Where to listen; with port 0 the system chooses one. Beyond loopback it takes a token and TLS.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    pub address: std::net::SocketAddr,

    /// What clients must show as their bearer token.
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,

    /// File with the token.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub token_file: Option<PathBuf>,

    /// Serve HTTPS, with a certificate made at the start.
    #[arg(long)]
    pub tls: bool,

    /// Serve HTTPS with this certificate, in PEM, those that lead to its authority behind it.
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file", value_parser = path())]
    pub tls_cert_file: Option<PathBuf>,

    /// The private key of the certificate.
    #[arg(long, value_name = "FILE", requires = "tls_cert_file", value_parser = path())]
    pub tls_private_key_file: Option<PathBuf>,

    /// Write a kubeconfig for clients into this file. A file that is there already is overwritten.
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub kubeconfig_out: Option<PathBuf>,

    /// Create this many nodes of 4 CPU and 16Gi at the start, node-1 and so on.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub nodes: usize,

    /// Pretend kubelets: nodes are ready, and the pods on them run.
    #[arg(long)]
    pub kubelets: bool,

    /// Small controllers: Deployments, Jobs and the like get their pods.
    #[arg(long)]
    pub controllers: bool,

    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// How to log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct LogArgs {
    /// How much to log: 0 what a person acts on, 2 details, 5 everything. `RUST_LOG` overrides it.
    #[arg(
        short = 'v',
        long = "v",
        value_name = "LEVEL",
        default_value = "0",
        allow_hyphen_values = true,
        value_parser = parse_integer::<i32>
    )]
    pub verbosity: i32,

    /// How log lines on standard error look.
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        allow_hyphen_values = true
    )]
    pub logging_format: LogFormat,
}

/// The feature gates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct GateArgs {
    /// Feature gates of Kubernetes v1.37, such as StorageCapacityScoring=false,AllAlpha=false. May be
    /// given several times.
    #[arg(long, value_name = "GATE=BOOL", allow_hyphen_values = true)]
    pub feature_gates: Vec<String>,
}

impl GateArgs {
    /// What they say.
    pub fn read(&self) -> Result<Gates, GateErrors> {
        Gates::parse(&self.feature_gates)
    }
}

/// The flags of `berth evaluate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct EvaluateArgs {
    /// How to print the answer.
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "json",
        allow_hyphen_values = true
    )]
    pub output: OutputFormat,

    /// Print for people why: one table a pod, with what every node got, plugin by plugin.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = parse_bool
    )]
    pub explain: Option<bool>,

    /// The feature gates.
    #[command(flatten)]
    pub gates: GateArgs,
}

/// The subcommands of `berth config`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What `berth config` does.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Print the configuration that `berth run` uses, with every default written out.
    Default {
        /// Print this file with its defaults.
        #[arg(long, value_name = "FILE", allow_hyphen_values = true, value_parser = path())]
        config: Option<PathBuf>,
        /// The feature gates.
        #[command(flatten)]
        gates: GateArgs,
    },
    /// Say what is wrong with a configuration file, one finding a line; exit code 2 if it is refused.
    Check {
        /// The file.
        #[arg(value_name = "FILE", value_parser = path())]
        file: PathBuf,
        /// The feature gates.
        #[command(flatten)]
        gates: GateArgs,
    },
}

/// How `berth evaluate` prints its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// JSON, for programs.
    #[default]
    Json,
    /// A table a pod, for people.
    Table,
}

/// Reads a command line, program name first. A question for help or the version is an error too, with
/// exit code 0.
pub fn try_parse_from(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Cli, clap::Error> {
    let arguments = arguments.into_iter().map(Into::into);
    let command = command();
    let matches = command.clone().try_get_matches_from(normalize(&command, arguments))?;
    Cli::from_arg_matches(&matches)
}

/// The command line, with what pflag does and clap does not for the flags of `berth run`: a boolean takes a
/// value only after an equals sign, and is true without one; other values may begin with a dash.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("run", |run| {
        run.mut_args(|arg| {
            if !arg.get_action().takes_values() {
                return arg;
            }
            let name = |name: &clap::builder::Str| name.as_str() == BOOL;
            if arg.get_value_names().is_some_and(|names| names.iter().any(name)) {
                return arg.num_args(0..=1).require_equals(true).default_missing_value("true");
            }
            arg.allow_hyphen_values(true)
        })
    })
}

pub(super) fn parse_ip(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "must be an IP address, such as 0.0.0.0 or ::")
}

fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:10251")
}

/// A path. One that is empty is read too, and means that none was given, as for kube-scheduler.
pub(super) fn path() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}
