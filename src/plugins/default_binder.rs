//! DefaultBinder: binds by a Binding object. The engine asks for it as an effect, `client` writes it.

use crate::framework::{ExtensionPoint, Plugin, PluginEval, PluginInfo, PrepareCx};
use crate::model::Pod;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "DefaultBinder",
    default_weight: 0,
    points: &[ExtensionPoint::Bind],
    summary: "binds by a Binding object",
    make: |_| Box::new(DefaultBinder),
};

struct DefaultBinder;

impl Plugin for DefaultBinder {
    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }
}
