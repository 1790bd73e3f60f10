//! `--feature-gates`: read and refused as by kube-scheduler v1.37, and what each gate means to berth. Called
//! by `cli`; the result goes to `config`'s readers and, with the args of a profile, to `plugins`.

mod handling;
mod known;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::FeatureGates;
use handling::{Handling, handling};
use known::KNOWN;

/// The component whose gates these are; a name in front of a gate has to be this one.
const COMPONENT: &str = "kube";
/// Gates that stand for all of a stage.
const GROUPS: [(&str, Stage); 2] = [("AllAlpha", Stage::Alpha), ("AllBeta", Stage::Beta)];

/// How far a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Alpha,
    Beta,
    Ga,
    Deprecated,
}

impl Stage {
    /// Upstream: featuregate's prerelease, v1.37.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Alpha => "ALPHA",
            Self::Beta => "BETA",
            Self::Ga => "",
            Self::Deprecated => "DEPRECATED",
        }
    }
}

/// Whether a gate may be set to what is not its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    Free,
    Locked,
}

/// A feature gate of v1.37.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gate {
    name: &'static str,
    stage: Stage,
    default: bool,
    lock: Lock,
}

/// Gates that need others to be on.
///
/// Upstream: defaultKubernetesFeatureGateDependencies, v1.37, without those that cannot be off.
const NEEDS: [(&str, &[&str]); 18] = [
    ("ClusterTrustBundleProjection", &["ClusterTrustBundle"]),
    ("CompositePodGroup", &["GenericWorkload", "TopologyAwareWorkloadScheduling"]),
    ("DRADeviceCompatibilityGroups", &["DRAPartitionableDevices"]),
    ("DRADeviceTaintRules", &["DRADeviceTaints"]),
    ("DRAFractionalCapacityRange", &["DRAConsumableCapacity"]),
    ("DRAPartitionableDevicesType", &["DRAPartitionableDevices", "DRAResourcePoolStatus"]),
    ("DRAWorkloadResourceClaims", &["GenericWorkload"]),
    ("GracefulNodeShutdownBasedOnPodPriority", &["GracefulNodeShutdown"]),
    ("InPlacePodLevelResourcesVerticalScaling", &["PodLevelResources"]),
    ("MatchLabelKeysInPodTopologySpreadSelectorMerge", &["MatchLabelKeysInPodTopologySpread"]),
    ("PodGroupPreemptionPolicy", &["GenericWorkload"]),
    ("PodLevelResourceManagers", &["PodLevelResources"]),
    ("PodLevelResourcesFixDefaulting", &["PodLevelResources"]),
    ("PodLevelResourcesFixKubeletQOSClass", &["PodLevelResources"]),
    ("ResourceHealthStatusMessage", &["ResourceHealthStatus"]),
    ("RestartAllContainersOnContainerExits", &["ContainerRestartRules"]),
    ("TopologyAwareWorkloadScheduling", &["GenericWorkload"]),
    ("WindowsGracefulNodeShutdown", &["GracefulNodeShutdown"]),
];

/// A feature gate as metrics show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureState {
    /// Its name.
    pub name: &'static str,
    /// `ALPHA`, `BETA` or `DEPRECATED`; empty for general availability.
    pub stage: &'static str,
    /// Whether it is on.
    pub enabled: bool,
}

/// What `--feature-gates` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// The gates that berth reads.
    pub features: FeatureGates,
    /// Lines to be logged.
    pub warnings: Vec<String>,
    values: Values,
}

/// What is wrong with `--feature-gates`, one line a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateErrors(Vec<String>);

impl fmt::Display for GateErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let newline = if index > 0 { "\n" } else { "" };
            write!(f, "{newline}--feature-gates: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for GateErrors {}

impl Gates {
    /// Reads the values of all `--feature-gates` on a command line: `A=true,kube:B=false`.
    pub fn parse<S: AsRef<str>>(flags: &[S]) -> Result<Self, GateErrors> {
        let given = split(flags).map_err(|error| GateErrors(vec![error]))?;
        let gates = Values { given };
        gates.check()?;
        Ok(Self { features: gates.features(), warnings: gates.warnings(), values: gates })
    }

    /// Every gate that kube-scheduler knows.
    #[must_use]
    pub fn states(&self) -> Vec<FeatureState> {
        let state = |gate: &Gate| FeatureState {
            name: gate.name,
            stage: gate.stage.as_str(),
            enabled: self.values.is_on(gate),
        };
        KNOWN.iter().map(state).collect()
    }
}

/// The pairs, the last one of each name.
fn split<S: AsRef<str>>(flags: &[S]) -> Result<BTreeMap<String, bool>, String> {
    let pieces = flags.iter().flat_map(|flag| flag.as_ref().split(','));
    let mut components = BTreeSet::new();
    let mut pairs = Vec::new();
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let (component, pair) = match piece.split_once(':') {
            Some((component, pair)) => (component.trim(), pair),
            None => ("", piece),
        };
        components.insert(component);
        pairs.push(pair.trim());
    }
    if components.contains("") && components.contains(COMPONENT) {
        let message = "set kube feature gates with default empty prefix or kube: prefix consistently, \
                       do not mix use";
        return Err(message.to_owned());
    }
    if let Some(other) = components.iter().find(|name| !["", COMPONENT].contains(name)) {
        return Err(format!("component not registered: {other}"));
    }
    let mut given = BTreeMap::new();
    for pair in pairs.into_iter().filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(format!("missing bool value for {pair}"));
        };
        let (name, value) = (name.trim(), value.trim());
        let value = parse_bool(value).ok_or_else(|| {
            format!("invalid value of {name}={value}, err: must be true or false")
        })?;
        given.insert(name.to_owned(), value);
    }
    Ok(given)
}

/// Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// What was given, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Values {
    given: BTreeMap<String, bool>,
}

impl Values {
    /// Whether a gate is on: as given, else as its stage is given, else by default.
    fn is_on(&self, gate: &Gate) -> bool {
        let of_stage = |(name, stage): &(&str, Stage)| {
            (gate.stage == *stage).then(|| self.given.get(*name)).flatten()
        };
        let of_stage = || GROUPS.iter().find_map(of_stage).filter(|_| !is_group(gate.name));
        *self.given.get(gate.name).or_else(of_stage).unwrap_or(&gate.default)
    }

    /// What upstream refuses, then what berth does.
    fn check(&self) -> Result<(), GateErrors> {
        for refused in [Self::unknown, Self::locked, Self::lacking, Self::not_supported] {
            let errors = refused(self);
            if !errors.is_empty() {
                return Err(GateErrors(errors));
            }
        }
        Ok(())
    }

    fn unknown(&self) -> Vec<String> {
        let unknown = self.given.keys().filter(|name| find(name).is_none());
        unknown.map(|name| format!("unrecognized feature gate: {name}")).collect()
    }

    fn locked(&self) -> Vec<String> {
        let all = self.given.iter().filter_map(|(name, value)| Some((find(name)?, *value)));
        let locked =
            all.filter(|(gate, value)| gate.lock == Lock::Locked && gate.default != *value);
        let said = |(gate, value): (&Gate, bool)| {
            let Gate { name, default, .. } = gate;
            format!("cannot set feature gate {name} to {value}, feature is locked to {default}")
        };
        locked.map(said).collect()
    }

    fn lacking(&self) -> Vec<String> {
        let is_on = |name: &str| find(name).is_some_and(|gate| self.is_on(gate));
        let mut errors = Vec::new();
        for (name, needs) in NEEDS.iter().filter(|(name, _)| is_on(name)) {
            let off: Vec<&str> = needs.iter().copied().filter(|need| !is_on(need)).collect();
            if !off.is_empty() {
                let off = off.join(" ");
                errors.push(format!(
                    "{name} is enabled, but depends on features that are disabled: [{off}]"
                ));
            }
        }
        errors
    }

    /// Gates whose value berth does not act on, though a scheduler would.
    fn not_supported(&self) -> Vec<String> {
        let changed = KNOWN.iter().filter(|gate| self.is_on(gate) != gate.default);
        let refused = changed.filter_map(|gate| match handling(gate.name) {
            Handling::Default(reason) => Some((gate, reason)),
            Handling::Honoured | Handling::Same | Handling::Foreign => None,
        });
        let said = |(gate, reason): (&Gate, &str)| {
            let (name, value) = (gate.name, self.is_on(gate));
            format!("cannot set feature gate {name} to {value}: {reason}")
        };
        refused.map(said).collect()
    }

    fn features(&self) -> FeatureGates {
        let is_on = |name: &str| find(name).is_some_and(|gate| self.is_on(gate));
        FeatureGates {
            match_label_keys_in_pod_topology_spread: is_on("MatchLabelKeysInPodTopologySpread"),
            nominated_node_name_for_expectation: is_on("NominatedNodeNameForExpectation"),
            storage_capacity_scoring: is_on("StorageCapacityScoring"),
            taint_toleration_comparison_operators: is_on("TaintTolerationComparisonOperators"),
            volume_limit_scaling: is_on("VolumeLimitScaling"),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, value) in &self.given {
            let going = match find(name).map(|gate| gate.stage) {
                Some(Stage::Ga) => "GA",
                Some(Stage::Deprecated) => "deprecated",
                Some(Stage::Alpha | Stage::Beta) | None => continue,
            };
            warnings.push(format!(
                "--feature-gates: {name}={value}: setting {going} feature gate, which will be removed in \
                 a future release"
            ));
        }
        let alpha = KNOWN.iter().filter(|gate| gate.stage == Stage::Alpha && self.is_on(gate));
        let alpha: Vec<&str> = alpha.map(|gate| gate.name).filter(|name| !is_group(name)).collect();
        if !alpha.is_empty() {
            let alpha = alpha.join(", ");
            warnings.push(format!("--feature-gates: alpha features are enabled: {alpha}"));
        }
        warnings
    }
}

fn find(name: &str) -> Option<&'static Gate> {
    KNOWN.iter().find(|gate| gate.name == name)
}

fn is_group(name: &str) -> bool {
    GROUPS.iter().any(|(group, _)| *group == name)
}
