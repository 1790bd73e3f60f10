//! The place of upstream's plugins that berth does not have yet: a pod that one of them would judge is
//! held with a message that says so, and never placed as if the rule were not there.

use crate::framework::{Code, ExtensionPoint, Plugin, PluginEval, PluginInfo, PrepareCx};
use crate::model::{Pod, UnsupportedFeature};

/// What a start line says of scores that are missing and hold nothing.
pub const NOT_YET: &str = "not supported yet: status.nominatedNodeName is not read; pods with claims of \
                           storage or resource claims are held unschedulable";

macro_rules! not_yet {
    ($constant:ident, $name:literal, $feature:ident, $weight:literal, [$($point:ident),*],
     $words:literal) => {
        pub(super) const $constant: PluginInfo = PluginInfo {
            name: $name,
            default_weight: $weight,
            points: &[$(ExtensionPoint::$point),*],
            summary: concat!("not supported yet: holds pods with ", $words),
            make: |_| Box::new(NotYet { feature: UnsupportedFeature::$feature, words: $words }),
        };
    };
}

not_yet!(
    VOLUME_BINDING,
    "VolumeBinding",
    Volumes,
    1,
    [PreFilter, Filter, PreScore, Score, Reserve, PreBind],
    "claims of storage"
);
struct NotYet {
    feature: UnsupportedFeature,
    words: &'static str,
}

impl Plugin for NotYet {
    fn prepare(&self, pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        let held = |reason| PluginEval::Reject(Code::UnschedulableAndUnresolvable, vec![reason]);
        if let Some(found) = pod.unsupported.iter().find(|found| found.feature == self.feature) {
            return held(format!("berth does not support {} yet ({})", self.words, found.path));
        }
        PluginEval::Skip
    }
}
