//! The flags that every component of Kubernetes has about its version and its metrics. Used by `args` and
//! `options`.
//!
//! Upstream: component-base/compatibility and component-base/metrics, v1.37.

use clap::Args;

use crate::telemetry::HIDDEN;

use super::options::OptionsError;
use super::upstream_args::split;

/// The minor version of Kubernetes 1 that berth is.
const MINOR: u32 = 37;
/// The least minor version that kube-scheduler v1.37 emulates or is compatible with.
const MINOR_MIN: u32 = 34;
/// The component whose versions these are.
const COMPONENT: &str = "kube";

/// What the command line says of the component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub struct ComponentArgs {
    /// The version to behave as: 1.37.
    #[arg(long, value_name = "VERSION")]
    pub emulated_version: Vec<String>,

    /// The least version of the other components of the cluster: 1.34 to 1.37. Nothing depends on it.
    #[arg(long, value_name = "VERSION")]
    pub min_compatibility_version: Vec<String>,

    /// The version whose hidden metrics are shown: 1.36. There is one, of how long preemptions take.
    #[arg(long, value_name = "VERSION")]
    pub show_hidden_metrics_for_version: Option<String>,

    /// Metrics that are left out, by their whole names.
    #[arg(long, value_name = "NAMES")]
    pub disabled_metrics: Vec<String>,
}

impl ComponentArgs {
    /// Refuses versions that are none, or that berth cannot be.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        for value in split(&self.emulated_version) {
            let message = match minor(&value) {
                Some(MINOR) => continue,
                Some(MINOR_MIN..MINOR) => "berth decides as v1.37 does, and as no other version",
                _ => "must be a version from 1.34 to 1.37, such as kube=1.37",
            };
            return refused("--emulated-version", value, message);
        }
        for value in split(&self.min_compatibility_version) {
            if !minor(&value).is_some_and(|minor| (MINOR_MIN..=MINOR).contains(&minor)) {
                let message = "must be a version from 1.34 to 1.37, such as kube=1.36";
                return refused("--min-compatibility-version", value, message);
            }
        }
        match self.show_hidden_metrics_for_version.as_deref() {
            None | Some("" | "1.36") => Ok(()),
            Some(value) => {
                let flag = "--show-hidden-metrics-for-version";
                refused(
                    flag,
                    value.to_owned(),
                    "must be omitted or have the value '1.36'. Only the \
                         previous minor version is allowed",
                )
            }
        }
    }

    /// The names of metrics that are left out: those that are disabled, and hidden ones if nobody asks for them.
    pub(super) fn disabled(&self) -> Vec<String> {
        let shown = self.show_hidden_metrics_for_version.as_deref().unwrap_or_default();
        let hidden = if shown.is_empty() { &HIDDEN[..] } else { &[] };
        let mut names = split(&self.disabled_metrics);
        names.extend(hidden.iter().map(ToString::to_string));
        names
    }
}

/// The minor version of `1.x` or `kube=1.x`.
fn minor(value: &str) -> Option<u32> {
    let version = match value.split_once('=') {
        Some((COMPONENT, version)) => version,
        Some(_) => return None,
        None => value,
    };
    version.trim_start_matches('v').strip_prefix("1.")?.parse().ok()
}

fn refused(flag: &str, value: String, message: &str) -> Result<(), OptionsError> {
    Err(OptionsError::Flag { flag: flag.to_owned(), value, message: message.to_owned() })
}
