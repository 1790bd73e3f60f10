//! A plugin with work of its own before a pod is bound, which takes as long as it is let: until a file is there.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use berth::framework::{ExtensionPoint, Placement, Plugin, PluginInfo, PreBind, Refusal};
use berth::{cluster::Cluster, model::Pod};
use serde::Deserialize;

/// The file in its folder that says that it is at work.
pub(crate) const BEGAN: &str = "began";
/// The file in its folder that lets it end.
pub(crate) const MAY_END: &str = "may-end";

pub(crate) const SLOW: PluginInfo = PluginInfo {
    name: "Slow",
    default_weight: None,
    points: &[ExtensionPoint::PreBind],
    summary: "has pods wait for a file before they are bound",
    make: |args| {
        let slow: Slow = serde_json::from_str(args.own("Slow")).map_err(|e| e.to_string())?;
        Ok(Box::new(slow))
    },
};

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Slow {
    folder: PathBuf,
}

impl Plugin for Slow {
    fn pre_bind(&self, _at: &Placement<'_>, _cluster: &Cluster) -> PreBind {
        PreBind::Call
    }

    fn pre_bind_call(&self, _pod: &Pod, _node: &str) -> Result<(), Refusal> {
        let wrong = |error: std::io::Error| Refusal::Fail(error.to_string());
        std::fs::write(self.folder.join(BEGAN), "").map_err(wrong)?;
        while !self.folder.join(MAY_END).exists() {
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}
