//! The place of upstream's plugins that berth does not have yet: a pod that one of them would judge is
//! held with a message that says so, and never placed as if the rule were not there.

use crate::framework::{
    Action, ClusterEvent, Code, ExtensionPoint, Plugin, PluginEval, PluginInfo, PrepareCx, Resource,
};
use crate::model::{Pod, UnsupportedFeature};

/// What a start line says of scores that are missing and hold nothing.
pub const NOT_YET: &str = "not supported yet: default topology spreading and existing pods' affinity \
                           terms are not scored; status.nominatedNodeName is not read; pods with \
                           spread constraints, pod affinity or resource claims are held unschedulable";

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
    POD_TOPOLOGY_SPREAD,
    "PodTopologySpread",
    TopologySpread,
    2,
    [PreFilter, Filter, PreScore, Score],
    "topology spread constraints"
);
not_yet!(
    INTER_POD_AFFINITY,
    "InterPodAffinity",
    PodAffinity,
    2,
    [PreFilter, Filter, PreScore, Score],
    "pod affinity"
);

struct NotYet {
    feature: UnsupportedFeature,
    words: &'static str,
}

impl Plugin for NotYet {
    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let held = |reason| PluginEval::Reject(Code::UnschedulableAndUnresolvable, vec![reason]);
        if let Some(found) = pod.unsupported.iter().find(|found| found.feature == self.feature) {
            return held(format!("berth does not support {} yet ({})", self.words, found.path));
        }
        if self.feature == UnsupportedFeature::PodAffinity
            && cx.view.cluster.repelled_by_existing(pod)
        {
            return held(
                "berth does not support existing pods' required anti-affinity yet, and a term of \
                 one matches this pod"
                    .into(),
            );
        }
        PluginEval::Skip
    }

    fn events(&self) -> &'static [ClusterEvent] {
        if self.feature != UnsupportedFeature::PodAffinity {
            return &[];
        }
        const {
            &[
                ClusterEvent::new(Resource::AssignedPod, Action::DELETE),
                ClusterEvent::new(Resource::TargetPod, Action::UPDATE_POD_LABEL),
            ]
        }
    }
}
