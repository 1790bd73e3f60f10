//! Tables of `--feature-gates`. What upstream refuses was asked of kube-scheduler v1.37.2.

use super::handling::HANDLED;
use super::*;

fn refused(flag: &str) -> String {
    Gates::parse(&[flag]).expect_err(flag).to_string().replace("--feature-gates: ", "")
}

fn read(flag: &str) -> Gates {
    Gates::parse(&[flag]).unwrap_or_else(|errors| panic!("{flag}: {errors}"))
}

#[test]
fn what_upstream_refuses() {
    let rows = [
        ("Nope=true", "unrecognized feature gate: Nope"),
        ("=true", "unrecognized feature gate: "),
        ("storagecapacityscoring=true", "unrecognized feature gate: storagecapacityscoring"),
        ("StorageCapacityScoring", "missing bool value for StorageCapacityScoring"),
        (
            "StorageCapacityScoring=maybe",
            "invalid value of StorageCapacityScoring=maybe, err: must be true or false",
        ),
        (
            "DynamicResourceAllocation=false",
            "cannot set feature gate DynamicResourceAllocation to false, feature is locked to true",
        ),
        (
            "NodeDeclaredFeatures=false,GitRepoVolumeDriver=true",
            "cannot set feature gate GitRepoVolumeDriver to true, feature is locked to false\n\
             cannot set feature gate NodeDeclaredFeatures to false, feature is locked to true",
        ),
        (
            "DRADeviceTaints=false",
            "DRADeviceTaintRules is enabled, but depends on features that are disabled: \
             [DRADeviceTaints]",
        ),
        (
            "TopologyAwareWorkloadScheduling=true",
            "TopologyAwareWorkloadScheduling is enabled, but depends on features that are disabled: \
             [GenericWorkload]",
        ),
        ("wardle:X=true", "component not registered: wardle"),
        (
            "kube:VolumeLimitScaling=true,StorageCapacityScoring=true",
            "set kube feature gates with default empty prefix or kube: prefix consistently, do not \
             mix use",
        ),
    ];
    for (flag, said) in rows {
        assert_eq!(refused(flag), said, "{flag}");
    }
    assert!(refused("AllAlpha=true").contains("CompositePodGroup is enabled, but depends on"));
}

#[test]
fn what_berth_refuses() {
    let rows = [
        (
            "GenericWorkload=true",
            "cannot set feature gate GenericWorkload to true: berth does not support groups of pods",
        ),
        (
            "DRADerivedAttributes=true,SchedulerPopFromBackoffQ=false",
            "cannot set feature gate DRADerivedAttributes to true: berth does not support resource \
             claims\n\
             cannot set feature gate SchedulerPopFromBackoffQ to false: berth always tries pods in \
             backoff where no other pod is ready",
        ),
    ];
    for (flag, said) in rows {
        assert_eq!(refused(flag), said, "{flag}");
    }
    for flag in
        ["AllBeta=true", "AllBeta=false,VolumeLimitScaling=true", "AllAlpha=true,AllBeta=true"]
    {
        assert!(refused(flag).contains(": berth "), "{flag}: {}", refused(flag));
    }
    // A gate that is named keeps its value whatever is said of its stage.
    assert!(!refused("AllBeta=false,PodLevelResources=true").contains("gate PodLevelResources to"));
}

#[test]
fn what_is_read() {
    let features = |flag: &str| read(flag).features;
    let default = FeatureGates::default();
    assert_eq!(Gates::parse::<&str>(&[]), Ok(Gates::default()));
    for flag in
        ["", ",", "SchedulerPopFromBackoffQ=true", "SchedulerPreQueueingHints=true", "AllAlpha=0"]
    {
        assert_eq!(features(flag), default, "{flag}");
    }
    let off =
        FeatureGates { storage_capacity_scoring: false, volume_limit_scaling: false, ..default };
    for flag in [
        "StorageCapacityScoring=false,VolumeLimitScaling=F",
        ", kube: StorageCapacityScoring = 0 ,kube:VolumeLimitScaling=false,",
        "StorageCapacityScoring=true,VolumeLimitScaling=false,StorageCapacityScoring=false",
    ] {
        assert_eq!(features(flag), off, "{flag}");
    }
    let several = Gates::parse(&["StorageCapacityScoring=false", "VolumeLimitScaling=false"]);
    assert_eq!(several.unwrap().features, off);
    let compare = FeatureGates { taint_toleration_comparison_operators: true, ..default };
    assert_eq!(features("TaintTolerationComparisonOperators=true"), compare);
    let keys = FeatureGates { match_label_keys_in_pod_topology_spread: false, ..default };
    let flag = "MatchLabelKeysInPodTopologySpread=false,\
                MatchLabelKeysInPodTopologySpreadSelectorMerge=false";
    assert_eq!(features(flag), keys);
}

#[test]
fn what_is_warned_about() {
    assert_eq!(
        read("VolumeAttributesClass=true,KMSv1=true,QOSReserved=true,StorageCapacityScoring=true")
            .warnings,
        [
            "--feature-gates: KMSv1=true: setting deprecated feature gate, which will be removed in a \
             future release",
            "--feature-gates: VolumeAttributesClass=true: setting GA feature gate, which will be \
             removed in a future release",
            "--feature-gates: alpha features are enabled: QOSReserved",
        ]
    );
}

/// What tests/upstream/config prints with `-gates`.
const UPSTREAM: &str = include_str!("../../../tests/data/gates.txt");

#[test]
fn the_gates_are_those_of_upstream() {
    let shown = |gate: &Gate| {
        let stage = format!("{:?}", gate.stage).to_lowercase();
        let lock = format!("{:?}", gate.lock).to_lowercase();
        format!("{} {stage} {} {lock}", gate.name, gate.default)
    };
    let own: Vec<String> = KNOWN.iter().map(shown).collect();
    assert_eq!(own, UPSTREAM.lines().collect::<Vec<_>>());
}

#[test]
fn the_tables_agree() {
    assert!(KNOWN.is_sorted_by(|a, b| a.name < b.name));
    for (name, handling) in HANDLED {
        let gate = find(name).unwrap_or_else(|| panic!("{name} is no gate"));
        assert_eq!(gate.lock, Lock::Free, "{name}");
        assert_ne!(handling, Handling::Foreign, "{name}");
    }
    let needed = NEEDS.iter().flat_map(|(name, needs)| needs.iter().chain([name]));
    for name in needed {
        assert!(find(name).is_some_and(|gate| gate.lock == Lock::Free), "{name}");
    }
    let count =
        |wanted: Handling| HANDLED.iter().filter(|(_, handling)| *handling == wanted).count();
    assert_eq!(count(Handling::Honoured), 5);
}
