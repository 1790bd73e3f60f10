//! Topology spread constraints of a pod, or of a profile for pods that have none.

use super::LabelSelector;

/// What a constraint does where it does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenUnsatisfiable {
    /// The pod waits.
    DoNotSchedule,
    /// The node only gets a lower score.
    ScheduleAnyway,
    /// Something that no scheduler knows; it does nothing.
    #[default]
    Unknown,
}

/// A constraint on how pods are spread.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpreadConstraint {
    /// How much fuller than the emptiest domain a domain may be.
    pub max_skew: i32,
    /// The node label whose equal values are one domain.
    pub topology_key: Box<str>,
    /// What it does where it does not hold.
    pub when_unsatisfiable: WhenUnsatisfiable,
    /// The pods that are counted; `None` matches none.
    pub selector: Option<LabelSelector>,
    /// There is a selector, and why it cannot be read, in upstream's words.
    pub selector_error: Option<Box<str>>,
    /// `minDomains`: with fewer domains the emptiest is taken for empty.
    pub min_domains: Option<i32>,
    /// `nodeAffinityPolicy: Honor`, the default: only nodes that the pod's node affinity allows count.
    pub honors_node_affinity: bool,
    /// `nodeTaintsPolicy: Honor`: only nodes whose taints the pod tolerates count. The default is not to.
    pub honors_taints: bool,
    /// Keys of the pod's own labels whose values are added to the selector.
    pub match_label_keys: Vec<Box<str>>,
}

impl Default for SpreadConstraint {
    /// All optional fields as upstream takes them where they are not set.
    fn default() -> Self {
        Self {
            max_skew: 0,
            topology_key: Box::default(),
            when_unsatisfiable: WhenUnsatisfiable::default(),
            selector: None,
            selector_error: None,
            min_domains: None,
            honors_node_affinity: true,
            honors_taints: false,
            match_label_keys: Vec::new(),
        }
    }
}
