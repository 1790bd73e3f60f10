//! VolumeZone: the node is in a zone and region of each volume that the pod's claims are bound to.

use std::any::Any;
use std::collections::BTreeSet;
use std::hash::BuildHasher;

use crate::cluster::{Cluster, Facts, LabelColumn, View};
use crate::framework::{
    Action, Candidate, Change, Code, Eval, ExtensionPoint, Hint, Interest, Parts, Plugin,
    PluginEval, PluginInfo, PrepareCx, Resource, SaysOfAll, Verdict,
};
use crate::model::{
    BindingMode, PersistentVolume, PersistentVolumeClaim, Pod, PodVolume, StorageClass,
    VolumeSource,
};
use crate::units::{NodeId, Set};

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "VolumeZone",
    default_weight: Some(0),
    points: &[ExtensionPoint::PreFilter, ExtensionPoint::Filter],
    summary: "the node is in the zones of the pod's volumes",
    make: |_| Ok(Box::new(VolumeZone)),
};

const REASON: &str = "node(s) had no available volume zone";

/// Stands between the values of a label of a volume that is in several zones.
///
/// Upstream: cloud-provider volume `LabelMultiZoneDelimiter`, v1.37.
const DELIMITER: &str = "__";

/// The labels that say where a volume or a node is, in upstream's order, each with the label of a node
/// that counts where the node has not the label itself.
const LABELS: [(&str, &str); 4] = [
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "topology.kubernetes.io/region"),
];

struct VolumeZone;

impl Plugin for VolumeZone {
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        Some(Facts::NONE)
    }

    fn prepares_each(&self, pod: &Pod) -> bool {
        let is_claim = |volume: &PodVolume| matches!(volume.source, VolumeSource::Claim { .. });
        pod.volumes.iter().any(is_claim)
    }

    fn prepare(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let mut places = Vec::new();
        for volume in &pod.volumes {
            let VolumeSource::Claim { name } = &volume.source else { continue };
            match bound_volume(cx.view.cluster, &pod.key.namespace, name) {
                Ok(volume) => places.extend(
                    volume.into_iter().flat_map(|volume| places_of(cx.view.cluster, volume)),
                ),
                Err(reason) => {
                    let code = Code::UnschedulableAndUnresolvable;
                    return PluginEval::Reject(code, vec![reason]);
                }
            }
        }
        if places.is_empty() {
            return PluginEval::Skip;
        }
        PluginEval::Run(Box::new(VolumeZoneEval { position: cx.position, places }))
    }

    /// Filter finds out for itself what PreFilter would have.
    fn unprepared(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        match self.prepare(pod, cx) {
            PluginEval::Reject(code, reasons) => {
                PluginEval::Run(Box::new(SaysOfAll { position: cx.position, code, reasons }))
            }
            other => other,
        }
    }

    fn events(&self) -> &'static [Interest] {
        const {
            let node = Action::ADD.or(Action::UPDATE_NODE_LABEL);
            let object = Action::ADD.or(Action::UPDATE);
            &[
                Interest::asks(Resource::StorageClass, Action::ADD),
                Interest::always(Resource::Node, node),
                Interest::asks(Resource::PersistentVolumeClaim, object),
                Interest::asks(Resource::PersistentVolume, object),
            ]
        }
    }

    /// A class helps that waits for the first consumer; a claim, if it is one of the pod's; a volume that is
    /// new, or somewhere else than before.
    ///
    /// Upstream: isSchedulableAfterStorageClassAdded, isSchedulableAfterPersistentVolumeClaimChange and
    /// isSchedulableAfterPersistentVolumeChange, v1.37.
    fn hint(&self, change: &Change, pod: Candidate<'_>, _: &Cluster) -> Hint {
        if let (_, Some(class)) = change.object::<StorageClass>() {
            return Hint::queue_if(class.binding_mode == BindingMode::WaitForFirstConsumer);
        }
        if let (_, Some(claim)) = change.object::<PersistentVolumeClaim>() {
            let is_it = |volume: &PodVolume| matches!(&volume.source, VolumeSource::Claim { name } if *name == claim.name);
            let own = pod.pod.key.namespace == claim.namespace;
            return Hint::queue_if(own && pod.pod.volumes.iter().any(is_it));
        }
        match change.object::<PersistentVolume>() {
            (old, Some(new)) => {
                Hint::queue_if(old.is_none_or(|old| topologies(old) != topologies(new)))
            }
            _ => Hint::Error,
        }
    }
}

/// The volume that the claim is bound to, or none where it waits for its first consumer; else why the pod
/// cannot be placed.
///
/// Upstream: getPVbyPod, v1.37.
fn bound_volume<'a>(
    cluster: &'a Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<&'a PersistentVolume>, String> {
    if name.is_empty() {
        return Err("PersistentVolumeClaim had no name".into());
    }
    let claim = cluster.objects().claims.get(namespace, name);
    let claim = claim.ok_or_else(|| format!("persistentvolumeclaim {name:?} not found"))?;
    if claim.volume_name.is_empty() {
        return waits(cluster, claim).map(|()| None);
    }
    let volume = cluster.objects().volumes.named(&claim.volume_name);
    let missing = || format!("persistentvolume {:?} not found", claim.volume_name);
    volume.map(Some).ok_or_else(missing)
}

/// Whether a claim without a volume waits for its first consumer; else why the pod cannot be placed.
fn waits(cluster: &Cluster, claim: &PersistentVolumeClaim) -> Result<(), String> {
    if claim.class.is_empty() {
        return Err("PersistentVolumeClaim had no pv name and storageClass name".into());
    }
    let class = cluster.objects().classes.named(&claim.class);
    let missing = || format!("storageclass.storage.k8s.io {:?} not found", claim.class);
    match class.ok_or_else(missing)?.binding_mode {
        BindingMode::WaitForFirstConsumer => Ok(()),
        BindingMode::Immediate => Err("PersistentVolume had no name".into()),
    }
}

/// A label of a volume.
struct Place {
    /// Its position in [`LABELS`].
    label: usize,
    /// Its values.
    names: Vec<Box<str>>,
    /// The numbers of those that nodes have.
    values: Vec<u32>,
}

impl Place {
    /// What it says.
    fn said(&self) -> (usize, &[Box<str>]) {
        (self.label, &self.names)
    }
}

/// What the labels of `volume` say; a label with an empty value in it says nothing.
///
/// Upstream: getPVTopologies and `LabelZonesToSet`, v1.37.
fn places_of(cluster: &Cluster, volume: &PersistentVolume) -> impl Iterator<Item = Place> {
    let place = move |(label, (key, _)): (usize, (&str, &str))| {
        let names = volume.labels.get(key)?.split(DELIMITER).map(str::trim);
        let names = names.map(|name| (!name.is_empty()).then(|| name.into()));
        let names: Vec<Box<str>> = names.collect::<Option<_>>()?;
        let values = names.iter().filter_map(|name| cluster.label_value(name)).collect();
        Some(Place { label, names, values })
    };
    LABELS.into_iter().enumerate().filter_map(place)
}

/// The values that each of [`LABELS`] says, where it says any.
///
/// Upstream: getPVTopologies, v1.37.
fn topologies(volume: &PersistentVolume) -> [Option<BTreeSet<&str>>; LABELS.len()] {
    LABELS.map(|(key, _)| {
        let values = volume.labels.get(key)?.split(DELIMITER).map(str::trim);
        values.map(|value| (!value.is_empty()).then_some(value)).collect()
    })
}

struct VolumeZoneEval {
    position: u16,
    places: Vec<Place>,
}

impl VolumeZoneEval {
    /// What its places say.
    fn said(&self) -> impl Iterator<Item = (usize, &[Box<str>])> {
        self.places.iter().map(Place::said)
    }

    /// Whether the node, whose labels these are in the order of [`LABELS`], is in all places.
    fn is_there(&self, own: [Option<u32>; LABELS.len()], or: [Option<u32>; LABELS.len()]) -> bool {
        if own.iter().all(Option::is_none) {
            return true;
        }
        self.places.iter().all(|place| {
            let number = own[place.label].or(or[place.label]);
            number.is_some_and(|number| place.values.contains(&number))
        })
    }
}

impl Eval for VolumeZoneEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        Some(0)
    }

    fn is_like(&self, other: &dyn Eval, _view: &View<'_>, _unlike: &mut Vec<NodeId>) -> bool {
        let other = (other as &dyn Any).downcast_ref::<Self>();
        other.is_some_and(|other| self.said().eq(other.said()))
    }

    fn shape(&self, _view: &View<'_>) -> u64 {
        Set::<()>::default().hasher().hash_one(self.said().collect::<Vec<_>>())
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let code = Code::UnschedulableAndUnresolvable;
        let column = |key: &str| view.cluster.label_column(key);
        let own = LABELS.map(|(key, _)| column(key));
        let or = LABELS.map(|(_, key)| column(key));
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            let number = |column: Option<LabelColumn<'_>>| column.and_then(|c| c.number(*node));
            if !self.is_there(own.map(number), or.map(number)) {
                *verdict = Verdict::reject(self.position, code, 0);
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        vec![REASON.into()]
    }
}
