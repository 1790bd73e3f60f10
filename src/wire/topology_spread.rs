//! Topology spread constraints as they are written.

use serde::{Deserialize, Deserializer};

use crate::model::{self, WhenUnsatisfiable};

use super::json::{List, Text};
use super::selector::LabelSelector;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct SpreadConstraint {
    max_skew: Option<i32>,
    topology_key: Option<Box<str>>,
    #[serde(deserialize_with = "when_unsatisfiable")]
    when_unsatisfiable: WhenUnsatisfiable,
    label_selector: Option<LabelSelector>,
    min_domains: Option<i32>,
    /// Whether it is to be honoured, where the field is set.
    #[serde(deserialize_with = "honors")]
    node_affinity_policy: Option<bool>,
    #[serde(deserialize_with = "honors")]
    node_taints_policy: Option<bool>,
    match_label_keys: List<Box<str>>,
}

impl SpreadConstraint {
    /// Upstream: podtopologyspread.filterTopologySpreadConstraints, v1.37, with its defaults.
    pub(super) fn to_model(&self) -> model::SpreadConstraint {
        let (selector, selector_error) =
            match self.label_selector.as_ref().map(LabelSelector::compile) {
                None => (None, None),
                Some(Ok(selector)) => (Some(selector), None),
                Some(Err(error)) => (None, Some(error.into())),
            };
        model::SpreadConstraint {
            max_skew: self.max_skew.unwrap_or_default(),
            topology_key: self.topology_key.clone().unwrap_or_default(),
            when_unsatisfiable: self.when_unsatisfiable,
            selector,
            selector_error,
            min_domains: self.min_domains,
            honors_node_affinity: self.node_affinity_policy.unwrap_or(true),
            honors_taints: self.node_taints_policy.unwrap_or(false),
            match_label_keys: self.match_label_keys.to_vec(),
        }
    }
}

fn when_unsatisfiable<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<WhenUnsatisfiable, D::Error> {
    Ok(match &*Text::deserialize(deserializer)?.0 {
        "DoNotSchedule" => WhenUnsatisfiable::DoNotSchedule,
        "ScheduleAnyway" => WhenUnsatisfiable::ScheduleAnyway,
        _ => WhenUnsatisfiable::Unknown,
    })
}

/// Anything but `Honor` is not to honour it.
fn honors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let policy = Option::<Text<'_>>::deserialize(deserializer)?;
    Ok(policy.map(|policy| policy.0 == "Honor"))
}
