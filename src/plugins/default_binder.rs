//! DefaultBinder: binds by a Binding object. The engine asks for it as an effect, `client` writes it.

use crate::framework::{Bind, ExtensionPoint, Placement, Plugin, PluginInfo};

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "DefaultBinder",
    default_weight: Some(0),
    points: &[ExtensionPoint::Bind],
    summary: "binds by a Binding object",
    make: |_| Ok(Box::new(DefaultBinder)),
};

struct DefaultBinder;

impl Plugin for DefaultBinder {
    fn bind(&self, _at: &Placement<'_>) -> Bind {
        Bind::Api
    }
}
