//! Which plugins stand at which extension point, as kube-scheduler v1.37.2 said it for the same files.

use super::*;
use crate::framework::ExtensionPoint;

/// The plugins at `point` in order, those that score with their weights.
fn at(profile: &ProfileSpec, point: ExtensionPoint) -> String {
    let plugins = profile.points.get(&point).map_or(&[][..], Vec::as_slice);
    let shown = plugins.iter().map(|plugin| match point {
        ExtensionPoint::Score => format!("{}:{}", plugin.name, plugin.weight),
        _ => plugin.name.to_string(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_defaults_are_upstreams() {
    let table = [
        (ExtensionPoint::Bind, "DefaultBinder"),
        (
            ExtensionPoint::Filter,
            "NodeName NodeUnschedulable TaintToleration NodeAffinity NodePorts \
         NodeResourcesFit VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone \
         PodTopologySpread InterPodAffinity DynamicResources NodeDeclaredFeatures",
        ),
        (ExtensionPoint::PostFilter, "DynamicResources DefaultPreemption"),
        (ExtensionPoint::PreBind, "VolumeBinding DynamicResources"),
        (ExtensionPoint::PreEnqueue, "SchedulingGates DynamicResources DefaultPreemption"),
        (
            ExtensionPoint::PreFilter,
            "NodeName NodeUnschedulable TaintToleration NodeAffinity NodePorts \
         NodeResourcesFit VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone \
         PodTopologySpread InterPodAffinity DynamicResources NodeDeclaredFeatures",
        ),
        (
            ExtensionPoint::PreScore,
            "TaintToleration NodeAffinity NodeResourcesFit VolumeBinding PodTopologySpread \
         InterPodAffinity NodeResourcesBalancedAllocation",
        ),
        (ExtensionPoint::QueueSort, "PrioritySort"),
        (ExtensionPoint::Reserve, "VolumeBinding DynamicResources"),
        (
            ExtensionPoint::Score,
            "TaintToleration:3 NodeAffinity:2 NodeResourcesFit:1 VolumeBinding:1 \
         PodTopologySpread:2 InterPodAffinity:2 DynamicResources:2 \
         NodeResourcesBalancedAllocation:1 ImageLocality:1",
        ),
    ];
    let read = right("");
    let empty = [ExtensionPoint::Permit, ExtensionPoint::PostBind].map(|point| (point, ""));
    for (point, expected) in table.into_iter().chain(empty) {
        assert_eq!(at(&read.profiles[0], point), expected, "{point:?}");
    }
}

/// `plugins` of a profile, and one extension point where the result differs from the defaults; the other
/// points are not listed.
const MERGED: [(&str, ExtensionPoint, &str); 42] = [
    (
        "multiPoint: {enabled: [{name: ImageLocality, weight: 3}]}",
        ExtensionPoint::Score,
        "TaintToleration:3 NodeAffinity:2 NodeResourcesFit:1 VolumeBinding:1 \
             PodTopologySpread:2 InterPodAffinity:2 DynamicResources:2 \
             NodeResourcesBalancedAllocation:1 ImageLocality:3",
    ),
    (
        "multiPoint: {enabled: [{name: NodeName}, {name: TaintToleration, weight: 9}]}",
        ExtensionPoint::Score,
        "TaintToleration:9 NodeAffinity:2 NodeResourcesFit:1 VolumeBinding:1 \
             PodTopologySpread:2 InterPodAffinity:2 DynamicResources:2 \
             NodeResourcesBalancedAllocation:1 ImageLocality:1",
    ),
    (
        "multiPoint: {enabled: [{name: TaintToleration, weight: 9}], disabled: [{name: \
             TaintToleration}]}",
        ExtensionPoint::Filter,
        "NodeName NodeUnschedulable NodeAffinity NodePorts NodeResourcesFit \
             VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread \
             InterPodAffinity DynamicResources NodeDeclaredFeatures TaintToleration",
    ),
    (
        "multiPoint: {enabled: [{name: TaintToleration, weight: 9}], disabled: [{name: \
             TaintToleration}]}",
        ExtensionPoint::PreFilter,
        "NodeName NodeUnschedulable NodeAffinity NodePorts NodeResourcesFit \
             VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread \
             InterPodAffinity DynamicResources NodeDeclaredFeatures TaintToleration",
    ),
    (
        "multiPoint: {enabled: [{name: TaintToleration, weight: 9}], disabled: [{name: \
             TaintToleration}]}",
        ExtensionPoint::PreScore,
        "NodeAffinity NodeResourcesFit VolumeBinding PodTopologySpread InterPodAffinity \
             NodeResourcesBalancedAllocation TaintToleration",
    ),
    (
        "multiPoint: {enabled: [{name: TaintToleration, weight: 9}], disabled: [{name: \
             TaintToleration}]}",
        ExtensionPoint::Score,
        "NodeAffinity:2 NodeResourcesFit:1 VolumeBinding:1 PodTopologySpread:2 \
             InterPodAffinity:2 DynamicResources:2 NodeResourcesBalancedAllocation:1 \
             ImageLocality:1 TaintToleration:9",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort},{name: \
             DefaultBinder}]}",
        ExtensionPoint::Filter,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort},{name: \
             DefaultBinder}]}",
        ExtensionPoint::PostFilter,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort},{name: \
             DefaultBinder}]}",
        ExtensionPoint::PreBind,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort},{name: \
             DefaultBinder}]}",
        ExtensionPoint::PreEnqueue,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort},{name: \
             DefaultBinder}]}",
        ExtensionPoint::PreFilter,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort},{name: \
             DefaultBinder}]}",
        ExtensionPoint::PreScore,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort},{name: \
             DefaultBinder}]}",
        ExtensionPoint::Reserve,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort},{name: \
             DefaultBinder}]}",
        ExtensionPoint::Score,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: DefaultBinder},{name: \
             NodeResourcesFit, weight: 7},{name: TaintToleration},{name: PrioritySort}]}",
        ExtensionPoint::Filter,
        "NodeResourcesFit TaintToleration",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: DefaultBinder},{name: \
             NodeResourcesFit, weight: 7},{name: TaintToleration},{name: PrioritySort}]}",
        ExtensionPoint::PostFilter,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: DefaultBinder},{name: \
             NodeResourcesFit, weight: 7},{name: TaintToleration},{name: PrioritySort}]}",
        ExtensionPoint::PreBind,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: DefaultBinder},{name: \
             NodeResourcesFit, weight: 7},{name: TaintToleration},{name: PrioritySort}]}",
        ExtensionPoint::PreEnqueue,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: DefaultBinder},{name: \
             NodeResourcesFit, weight: 7},{name: TaintToleration},{name: PrioritySort}]}",
        ExtensionPoint::PreFilter,
        "NodeResourcesFit TaintToleration",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: DefaultBinder},{name: \
             NodeResourcesFit, weight: 7},{name: TaintToleration},{name: PrioritySort}]}",
        ExtensionPoint::PreScore,
        "NodeResourcesFit TaintToleration",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: DefaultBinder},{name: \
             NodeResourcesFit, weight: 7},{name: TaintToleration},{name: PrioritySort}]}",
        ExtensionPoint::Reserve,
        "",
    ),
    (
        "multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: DefaultBinder},{name: \
             NodeResourcesFit, weight: 7},{name: TaintToleration},{name: PrioritySort}]}",
        ExtensionPoint::Score,
        "NodeResourcesFit:7 TaintToleration:1",
    ),
    (
        "filter: {enabled: [{name: NodeResourcesFit},{name: NodeName}]}",
        ExtensionPoint::Filter,
        "NodeResourcesFit NodeName NodeUnschedulable TaintToleration NodeAffinity \
             NodePorts VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone \
             PodTopologySpread InterPodAffinity DynamicResources NodeDeclaredFeatures",
    ),
    (
        "filter: {disabled: [{name: \"*\"}], enabled: [{name: NodeResourcesFit},{name: \
             NodeName}]}",
        ExtensionPoint::Filter,
        "NodeResourcesFit NodeName",
    ),
    ("filter: {disabled: [{name: \"*\"}]}", ExtensionPoint::Filter, ""),
    (
        "filter: {disabled: [{name: NodeName}], enabled: [{name: NodeName}]}",
        ExtensionPoint::Filter,
        "NodeUnschedulable TaintToleration NodeAffinity NodePorts NodeResourcesFit \
             VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread \
             InterPodAffinity DynamicResources NodeDeclaredFeatures NodeName",
    ),
    (
        "score: {disabled: [{name: TaintToleration}]}",
        ExtensionPoint::Score,
        "NodeAffinity:2 NodeResourcesFit:1 VolumeBinding:1 PodTopologySpread:2 \
             InterPodAffinity:2 DynamicResources:2 NodeResourcesBalancedAllocation:1 \
             ImageLocality:1",
    ),
    (
        "score: {enabled: [{name: ImageLocality}]}",
        ExtensionPoint::Score,
        "ImageLocality:1 TaintToleration:3 NodeAffinity:2 NodeResourcesFit:1 \
             VolumeBinding:1 PodTopologySpread:2 InterPodAffinity:2 DynamicResources:2 \
             NodeResourcesBalancedAllocation:1",
    ),
    (
        "score: {enabled: [{name: ImageLocality, weight: 0}, {name: TaintToleration, \
             weight: 5}]}",
        ExtensionPoint::Score,
        "ImageLocality:1 TaintToleration:5 NodeAffinity:2 NodeResourcesFit:1 \
             VolumeBinding:1 PodTopologySpread:2 InterPodAffinity:2 DynamicResources:2 \
             NodeResourcesBalancedAllocation:1",
    ),
    (
        "score: {enabled: [{name: NodeAffinity, weight: 2147483647}, {name: \
             ImageLocality, weight: 2147483647}]}",
        ExtensionPoint::Score,
        "NodeAffinity:2147483647 ImageLocality:2147483647 TaintToleration:3 \
             NodeResourcesFit:1 VolumeBinding:1 PodTopologySpread:2 InterPodAffinity:2 \
             DynamicResources:2 NodeResourcesBalancedAllocation:1",
    ),
    (
        "multiPoint: {enabled: [{name: ImageLocality, weight: 4}]}, score: {disabled: \
             [{name: \"*\"}], enabled: [{name: ImageLocality}, {name: NodeResourcesFit, \
             weight: 2}]}",
        ExtensionPoint::Score,
        "ImageLocality:1 NodeResourcesFit:2",
    ),
    (
        "multiPoint: {disabled: [{name: ImageLocality}]}, score: {enabled: [{name: \
             ImageLocality, weight: 2}]}",
        ExtensionPoint::Score,
        "TaintToleration:3 NodeAffinity:2 NodeResourcesFit:1 VolumeBinding:1 \
             PodTopologySpread:2 InterPodAffinity:2 DynamicResources:2 \
             NodeResourcesBalancedAllocation:1 ImageLocality:2",
    ),
    (
        "multiPoint: {disabled: [{name: ImageLocality},{name: \
             NodeResourcesBalancedAllocation}]}, score: {enabled: [{name: \
             NodeResourcesBalancedAllocation}, {name: InterPodAffinity}, {name: \
             ImageLocality, weight: 2}, {name: TaintToleration, weight: 1}]}",
        ExtensionPoint::PreScore,
        "TaintToleration NodeAffinity NodeResourcesFit VolumeBinding PodTopologySpread \
             InterPodAffinity",
    ),
    (
        "multiPoint: {disabled: [{name: ImageLocality},{name: \
             NodeResourcesBalancedAllocation}]}, score: {enabled: [{name: \
             NodeResourcesBalancedAllocation}, {name: InterPodAffinity}, {name: \
             ImageLocality, weight: 2}, {name: TaintToleration, weight: 1}]}",
        ExtensionPoint::Score,
        "InterPodAffinity:1 TaintToleration:1 NodeAffinity:2 NodeResourcesFit:1 \
             VolumeBinding:1 PodTopologySpread:2 DynamicResources:2 \
             NodeResourcesBalancedAllocation:1 ImageLocality:2",
    ),
    (
        "multiPoint: {disabled: [{name: NodeName}], enabled: [{name: NodeName}]}",
        ExtensionPoint::Filter,
        "NodeUnschedulable TaintToleration NodeAffinity NodePorts NodeResourcesFit \
             VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread \
             InterPodAffinity DynamicResources NodeDeclaredFeatures NodeName",
    ),
    (
        "multiPoint: {disabled: [{name: NodeName}], enabled: [{name: NodeName}]}",
        ExtensionPoint::PreFilter,
        "NodeUnschedulable TaintToleration NodeAffinity NodePorts NodeResourcesFit \
             VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread \
             InterPodAffinity DynamicResources NodeDeclaredFeatures NodeName",
    ),
    (
        "preEnqueue: {enabled: [{name: DefaultPreemption},{name: SchedulingGates}]}",
        ExtensionPoint::PreEnqueue,
        "DefaultPreemption SchedulingGates DynamicResources",
    ),
    (
        "preFilter: {disabled: [{name: NodeResourcesFit}]}, filter: {disabled: [{name: \
             NodeResourcesFit}]}, preScore: {disabled: [{name: \"*\"}]}",
        ExtensionPoint::Filter,
        "NodeName NodeUnschedulable TaintToleration NodeAffinity NodePorts \
             VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread \
             InterPodAffinity DynamicResources NodeDeclaredFeatures",
    ),
    (
        "preFilter: {disabled: [{name: NodeResourcesFit}]}, filter: {disabled: [{name: \
             NodeResourcesFit}]}, preScore: {disabled: [{name: \"*\"}]}",
        ExtensionPoint::PreFilter,
        "NodeName NodeUnschedulable TaintToleration NodeAffinity NodePorts \
             VolumeRestrictions NodeVolumeLimits VolumeBinding VolumeZone PodTopologySpread \
             InterPodAffinity DynamicResources NodeDeclaredFeatures",
    ),
    (
        "preFilter: {disabled: [{name: NodeResourcesFit}]}, filter: {disabled: [{name: \
             NodeResourcesFit}]}, preScore: {disabled: [{name: \"*\"}]}",
        ExtensionPoint::PreScore,
        "",
    ),
    (
        "reserve: {enabled: [{name: VolumeBinding}]}, preBind: {disabled: [{name: \
             DynamicResources}]}, postFilter: {enabled: [{name: DefaultPreemption}]}",
        ExtensionPoint::PostFilter,
        "DefaultPreemption DynamicResources",
    ),
    (
        "reserve: {enabled: [{name: VolumeBinding}]}, preBind: {disabled: [{name: \
             DynamicResources}]}, postFilter: {enabled: [{name: DefaultPreemption}]}",
        ExtensionPoint::PreBind,
        "VolumeBinding",
    ),
];

#[test]
fn lists_are_merged_and_spread_as_upstream_does() {
    for (plugins, point, expected) in MERGED {
        let read = right(&format!("profiles: [{{plugins: {{{plugins}}}}}]"));
        assert_eq!(at(&read.profiles[0], point), expected, "{plugins} {point:?}");
    }
}

#[test]
fn what_changes_nothing_changes_nothing() {
    let default = ProfileSpec::of_defaults("default-scheduler", PLUGINS);
    let table = [
        "",
        "multiPoint: {enabled: [{name: NodeName}, {name: TaintToleration, weight: 3}]}",
        "filter: {disabled: []}, podGroupPostFilter: {disabled: [{name: \"*\"}]}",
        "bind: {enabled: [{name: DefaultBinder}]}",
        "queueSort: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort}]}",
    ];
    for plugins in table {
        let read = right(&format!("profiles: [{{plugins: {{{plugins}}}}}]"));
        assert_eq!(read.profiles[0].points, default.points, "{plugins}");
    }
}
