//! What plugins implement and how a profile runs them: extension points, verdicts, tables, diagnosis.
//! Driven by `engine`; implemented by `plugins`.

mod bins;
mod cell;
mod cluster_event;
mod diagnosis;
mod evals;
mod explain;
mod extender;
mod failed;
mod gated;
mod hint;
mod idle;
mod kept;
mod lifecycle;
mod nominated;
mod own;
mod plugin;
mod probe;
mod profile;
mod profile_spec;
mod table;
mod unprepared;
mod verdict;

pub use cluster_event::{Action, ClusterEvent, Resource};
pub use diagnosis::{Diagnosis, Histogram, NO_NODES_AVAILABLE};
pub use evals::{Evals, InvalidScore, PodRejection, Prepared, prepare, prepare_timed};
pub use explain::{NodeReport, explain};
pub use extender::{Answer, Extender, ExtenderVerb, NodeVictims, Question};
pub use failed::FailedNodes;
pub use hint::{Asks, Candidate, Change, Changed, Hint, Interest};
pub use idle::first_idle;
pub use lifecycle::{
    ApiOperation, Bind, PERMIT_WAIT_MAX, Permit, Placement, PluginCall, PreBind, PreBound, Refusal,
    WaitingPods,
};
pub use own::Own;
pub(crate) use plugin::default_normalise;
pub use plugin::{
    Cells, Eval, KeyOut, Parts, Plugin, PluginEval, PluginInfo, PostFilter, PrepareCx,
};
pub use probe::{
    AttemptResult, DryRunOutcome, LostBy, NoProbe, POD_POPPED, Probe, QueuePart, Run, Span,
    Stopwatch,
};
pub use profile::{
    EXTENDERS, EXTENDERS_NAME, PLUGINS_MAX, PluginMask, Profile, ProfileError, ProfilePlugin,
};
pub use profile_spec::{EnabledPlugin, ExtensionPoint, ProfileSpec};
pub use table::{BuildTimes, Slice, Table, start_position};
pub(crate) use unprepared::SaysOfAll;
pub use verdict::{Code, Verdict};

/// The highest score a plugin gives, before its weight.
pub const MAX_NODE_SCORE: i64 = 100;
