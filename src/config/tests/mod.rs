//! Tables of configuration files: what is read from the good ones, what is said about the others.

mod args;
mod extenders;
mod good;
mod leader_election;
mod lists;
mod printed;
mod profiles;
mod refused;

use super::{ConfigErrors, Configuration, parse};
use crate::framework::ProfileSpec;
use crate::model::FeatureGates;
use crate::plugins::PLUGINS;

const HEAD: &str = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

fn file(body: &str) -> Result<Configuration, ConfigErrors> {
    parse(&format!("{HEAD}{body}"), "f.yaml", PLUGINS, FeatureGates::default())
}

/// A file with this body, which is right.
fn right(body: &str) -> Configuration {
    file(body).unwrap_or_else(|errors| panic!("{body}\n{errors}"))
}

/// The lines about a file with this body.
fn complaints(body: &str) -> String {
    file(body).expect_err(body).to_string()
}

/// All defaults, with a profile of this name.
fn named(name: &str) -> Configuration {
    let mut configuration = Configuration::default_berth(PLUGINS, FeatureGates::default());
    configuration.profiles = vec![ProfileSpec::of_defaults(name, PLUGINS)];
    configuration
}
