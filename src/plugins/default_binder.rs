//! DefaultBinder: binds by a Binding object. The engine asks for it as an effect, `client` writes it.

use crate::cluster::Facts;
use crate::framework::{Bind, ExtensionPoint, Placement, Plugin, PluginInfo};
use crate::model::Pod;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "DefaultBinder",
    default_weight: Some(0),
    points: &[ExtensionPoint::Bind],
    summary: "binds by a Binding object",
    make: |_| Ok(Box::new(DefaultBinder)),
};

struct DefaultBinder;

impl Plugin for DefaultBinder {
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn bind(&self, _at: &Placement<'_>) -> Bind {
        Bind::Api
    }
}
