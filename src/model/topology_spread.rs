//! Topology spread constraints of a pod.

use super::LabelSelector;

/// A constraint on how pods are spread.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct SpreadConstraint {
    /// How much fuller than the emptiest domain a domain may be.
    pub max_skew: i32,
    /// The node label whose equal values are one domain.
    pub topology_key: Box<str>,
    /// Whether a pod waits rather than breaks it (`DoNotSchedule`); else it only scores.
    pub is_hard: bool,
    /// The pods that are counted; `None` matches none.
    pub selector: Option<LabelSelector>,
    /// There is a selector, and it cannot be read.
    pub unreadable_selector: bool,
    /// `minDomains`: with fewer domains the emptiest is taken for empty.
    pub min_domains: Option<i32>,
    /// `nodeAffinityPolicy: Honor`, the default: only nodes that the pod's node affinity allows count.
    pub honors_node_affinity: bool,
    /// `nodeTaintsPolicy: Honor`: only nodes whose taints the pod tolerates count. The default is not to.
    pub honors_taints: bool,
    /// Keys of the pod's own labels whose values are added to the selector.
    pub match_label_keys: Vec<Box<str>>,
}
