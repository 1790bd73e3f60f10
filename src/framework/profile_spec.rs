//! What a profile is made from: which plugins stand at which extension point, in which order, with which
//! weight. Made by `config` (or [`ProfileSpec::of_defaults`]), compiled by [`super::Profile::compile`].

use std::collections::BTreeMap;

use crate::model::PluginArgs;

use super::PluginInfo;

/// An extension point that a configuration can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtensionPoint {
    /// May the pod wait its turn.
    PreEnqueue,
    /// Whose turn it is.
    QueueSort,
    /// What can be said of the pod alone.
    PreFilter,
    /// Which nodes will do.
    Filter,
    /// What to do where none will.
    PostFilter,
    /// What scoring needs of the pod.
    PreScore,
    /// Which nodes are better.
    Score,
    /// Keep what the pod will use.
    Reserve,
    /// Wait before binding.
    Permit,
    /// Work before binding.
    PreBind,
    /// Bind.
    Bind,
    /// After binding.
    PostBind,
}

impl ExtensionPoint {
    /// All of them, in the order of a cycle, with the name of their configuration field.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::PreEnqueue, "preEnqueue"),
        (Self::QueueSort, "queueSort"),
        (Self::PreFilter, "preFilter"),
        (Self::Filter, "filter"),
        (Self::PostFilter, "postFilter"),
        (Self::PreScore, "preScore"),
        (Self::Score, "score"),
        (Self::Reserve, "reserve"),
        (Self::Permit, "permit"),
        (Self::PreBind, "preBind"),
        (Self::Bind, "bind"),
        (Self::PostBind, "postBind"),
    ];

    /// Upstream's name for it, as the label of metrics has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreEnqueue => "PreEnqueue",
            Self::QueueSort => "QueueSort",
            Self::PreFilter => "PreFilter",
            Self::Filter => "Filter",
            Self::PostFilter => "PostFilter",
            Self::PreScore => "PreScore",
            Self::Score => "Score",
            Self::Reserve => "Reserve",
            Self::Permit => "Permit",
            Self::PreBind => "PreBind",
            Self::Bind => "Bind",
            Self::PostBind => "PostBind",
        }
    }
}

/// A plugin at an extension point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnabledPlugin {
    /// Its name.
    pub name: Box<str>,
    /// What its score counts for; 1 where nothing is said.
    pub weight: i64,
}

/// Everything that a profile is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileSpec {
    /// The `schedulerName` of its pods.
    pub scheduler_name: Box<str>,
    /// `percentageOfNodesToScore`; `None`, 0 and 100 mean all nodes.
    pub percentage_of_nodes_to_score: Option<u8>,
    /// The plugins of each extension point, in order.
    pub points: BTreeMap<ExtensionPoint, Vec<EnabledPlugin>>,
    /// What the plugins are told.
    pub args: PluginArgs,
}

impl ProfileSpec {
    /// The default profile: every plugin of `registry` that is in it, in its order, at every point it has.
    #[must_use]
    pub fn of_defaults(scheduler_name: &str, registry: &[PluginInfo]) -> Self {
        let at = |point: ExtensionPoint| {
            let here = registry.iter().filter(|info| info.points.contains(&point));
            let enabled = |info: &PluginInfo| {
                let weight = info.default_weight?.max(1);
                Some(EnabledPlugin { name: info.name.into(), weight })
            };
            (point, here.filter_map(enabled).collect())
        };
        Self {
            scheduler_name: scheduler_name.into(),
            points: ExtensionPoint::ALL.iter().map(|(point, _)| at(*point)).collect(),
            ..Self::default()
        }
    }
}
