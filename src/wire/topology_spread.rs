//! Topology spread constraints as they are written.

use serde::{Deserialize, Deserializer};

use crate::model;

use super::json::{List, Text};
use super::selector::LabelSelector;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct SpreadConstraint {
    max_skew: Option<i32>,
    topology_key: Option<Box<str>>,
    #[serde(rename = "whenUnsatisfiable", deserialize_with = "is_soft")]
    soft: bool,
    label_selector: Option<LabelSelector>,
    min_domains: Option<i32>,
    #[serde(rename = "nodeAffinityPolicy", deserialize_with = "is_ignore")]
    ignores_node_affinity: bool,
    #[serde(rename = "nodeTaintsPolicy", deserialize_with = "is_honor")]
    honors_taints: bool,
    match_label_keys: List<Box<str>>,
}

impl SpreadConstraint {
    /// Upstream: podtopologyspread.filterTopologySpreadConstraints, v1.37, with its defaults.
    pub(super) fn to_model(&self) -> model::SpreadConstraint {
        let selector = self.label_selector.as_ref().map(LabelSelector::to_model);
        model::SpreadConstraint {
            max_skew: self.max_skew.unwrap_or_default(),
            topology_key: self.topology_key.clone().unwrap_or_default(),
            is_hard: !self.soft,
            unreadable_selector: selector.as_ref().is_some_and(Option::is_none),
            selector: selector.flatten(),
            min_domains: self.min_domains,
            honors_node_affinity: !self.ignores_node_affinity,
            honors_taints: self.honors_taints,
            match_label_keys: self.match_label_keys.to_vec(),
        }
    }
}

fn is<'de, D: Deserializer<'de>>(deserializer: D, text: &str) -> Result<bool, D::Error> {
    Ok(Text::deserialize(deserializer)?.0 == text)
}

fn is_soft<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    is(deserializer, "ScheduleAnyway")
}

fn is_ignore<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    is(deserializer, "Ignore")
}

fn is_honor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    is(deserializer, "Honor")
}
