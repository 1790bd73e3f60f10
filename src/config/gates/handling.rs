//! What berth does about each gate that a scheduler's decisions, or the way it works, depend on. Read by
//! `gates`; a gate that is not here means nothing to kube-scheduler either.

/// What berth does about a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handling {
    /// It is honoured.
    Honoured,
    /// Upstream decides the same with it and without; so does berth, in one way.
    Same,
    /// Only the default is accepted, for this reason.
    Default(&'static str),
    /// No scheduler reads it.
    Foreign,
}

use Handling::{Default, Honoured, Same};

const CLAIMS: &str = "berth does not support resource claims";
const POD_GROUPS: &str = "berth does not support groups of pods";

/// The gates that kube-scheduler v1.37 reads, apart from those that are locked.
pub(super) const HANDLED: [(&str, Handling); 35] = [
    ("CompositePodGroup", Default(POD_GROUPS)),
    ("CoordinatedLeaderElection", Default("berth does not support coordinated leader election")),
    ("DRAConsumableCapacity", Default(CLAIMS)),
    ("DRADerivedAttributes", Default(CLAIMS)),
    ("DRADeviceBindingConditions", Default(CLAIMS)),
    ("DRADeviceCompatibilityGroups", Default(CLAIMS)),
    ("DRADeviceTaintRules", Default(CLAIMS)),
    ("DRADeviceTaints", Default(CLAIMS)),
    ("DRAFractionalCapacityRange", Default(CLAIMS)),
    ("DRAListTypeAttributes", Default(CLAIMS)),
    ("DRANodeAllocatableResources", Default(CLAIMS)),
    ("DRAOptionalNodeOperations", Default(CLAIMS)),
    ("DRAPartitionableDevices", Default(CLAIMS)),
    ("DRASchedulerFilterTimeout", Default(CLAIMS)),
    ("DRAWorkloadResourceClaims", Default(CLAIMS)),
    ("GenericWorkload", Default(POD_GROUPS)),
    (
        "InPlacePodLevelResourcesVerticalScaling",
        Default("berth always counts what a resize in place gave to a pod as a whole"),
    ),
    (
        "InPlacePodVerticalScalingSchedulerPreemption",
        Default("berth does not evict pods for a resize in place"),
    ),
    ("InterPodAffinityHostnameFastPath", Same),
    ("MatchLabelKeysInPodTopologySpread", Honoured),
    ("NominatedNodeNameForExpectation", Honoured),
    ("OpportunisticBatching", Same),
    ("PodGroupPreemptionPolicy", Default(POD_GROUPS)),
    ("PodLevelResources", Default("berth always counts what is asked for a pod as a whole")),
    ("SchedulerAsyncAPICalls", Same),
    ("SchedulerAsyncPreemption", Default("berth always evicts without waiting for the answers")),
    (
        "SchedulerPopFromBackoffQ",
        Default("berth always tries pods in backoff where no other pod is ready"),
    ),
    ("SchedulerPreQueueingHints", Same),
    ("StorageCapacityScoring", Honoured),
    ("TaintTolerationComparisonOperators", Honoured),
    ("TopologyAwareWorkloadScheduling", Default(POD_GROUPS)),
    ("VolumeLimitScaling", Honoured),
    // What these change is served, not decided.
    ("ClearingNominatedNodeNameAfterBinding", Same),
    ("ComponentFlagz", Same),
    ("ComponentStatusz", Same),
];

/// What is done about the gate `name`.
pub(super) fn handling(name: &str) -> Handling {
    let found = HANDLED.iter().find(|(known, _)| *known == name);
    found.map_or(Handling::Foreign, |(_, handling)| *handling)
}
