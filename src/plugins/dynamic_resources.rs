//! DynamicResources for pods without resource claims, about which it says nothing; a pod with claims is held,
//! and never placed as if it had none.
//!
//! Differs from upstream: there the score of a pod without claims is said to be zero on every node.

use crate::cluster::Facts;
use crate::framework::{Code, ExtensionPoint, Interest, Plugin, PluginEval, PluginInfo, PrepareCx};
use crate::model::{Pod, UnsupportedFeature};

/// What a start line says is missing.
pub const NOT_YET: &str = "not supported yet: pods with resource claims are held unschedulable";

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "DynamicResources",
    default_weight: Some(2),
    points: &[
        ExtensionPoint::PreEnqueue,
        ExtensionPoint::PreFilter,
        ExtensionPoint::Filter,
        ExtensionPoint::PostFilter,
        ExtensionPoint::Score,
        ExtensionPoint::Reserve,
        ExtensionPoint::PreBind,
    ],
    summary: "holds pods with resource claims, which are not supported yet",
    make: |_| Ok(Box::new(DynamicResources)),
};

struct DynamicResources;

impl Plugin for DynamicResources {
    fn lacks(&self, missing: ExtensionPoint, at: ExtensionPoint) -> Option<&'static str> {
        use ExtensionPoint::{Filter, PreBind, PreFilter, Reserve, Score};
        match (missing, at) {
            (PreFilter, Filter | Score | Reserve | PreBind) => Some("not found"),
            _ => None,
        }
    }

    /// Nothing helps a pod that is held.
    fn events(&self) -> &'static [Interest] {
        &[]
    }

    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepare(&self, pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        let mut claims = pod.unsupported.iter();
        let Some(claim) = claims.find(|found| found.feature == UnsupportedFeature::ResourceClaims)
        else {
            return PluginEval::Skip;
        };
        let reason = format!("berth does not support resource claims yet ({})", claim.path);
        PluginEval::Reject(Code::UnschedulableAndUnresolvable, vec![reason])
    }
}
