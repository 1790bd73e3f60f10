//! Tables of configuration files: what is read from the good ones, what is said about the others.

mod good;
mod refused;

use super::{ConfigErrors, Configuration, ProfileConfig, parse};

const HEAD: &str = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

fn file(body: &str) -> Result<Configuration, ConfigErrors> {
    parse(&format!("{HEAD}{body}"), "f.yaml")
}

/// The lines about a file with this body.
fn complaints(body: &str) -> String {
    file(body).expect_err(body).to_string()
}

fn named(name: &str) -> Configuration {
    Configuration::with_profiles(vec![ProfileConfig { scheduler_name: name.to_owned() }])
}
