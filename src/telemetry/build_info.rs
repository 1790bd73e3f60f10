//! What this program is, as metrics: its own version, and the Kubernetes version whose decisions it makes.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// The metrics `berth_build_info` and, with upstream's labels, `kubernetes_build_info` and `version_info`.
#[derive(Debug)]
pub(super) struct BuildInfo;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const COMPILER: &str = "rustc";

impl Collector for BuildInfo {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
        let git_version = format!("v1.37.2+berth.{VERSION}");
        let kubernetes = [
            ("build_date", ""),
            ("compiler", COMPILER),
            ("git_commit", ""),
            ("git_tree_state", ""),
            ("git_version", &*git_version),
            ("go_version", ""),
            ("major", "1"),
            ("minor", "37"),
            ("platform", &*platform),
        ];
        one(
            &mut encoder,
            "kubernetes_build_info",
            "[BETA] The Kubernetes version whose scheduling decisions are made",
            &kubernetes,
        )?;
        let compatible = [
            ("binary", "1.37.2"),
            ("component", "kube"),
            ("emulation", "1.37"),
            ("min_compat", "1.36"),
        ];
        one(
            &mut encoder,
            "version_info",
            "[ALPHA] Provides the compatibility version info of the component.",
            &compatible,
        )?;
        one(&mut encoder, "berth_build_info", "The version of berth", &[("version", VERSION)])
    }
}

/// A gauge that is 1 and says all in its labels.
fn one(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    labels: &[(&str, &str)],
) -> Result<(), fmt::Error> {
    let labels = labels.to_vec();
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(1i64).encode(metric.encode_family(&labels)?)
}
