//! Kept tables of pods with volumes: claims, volumes, classes and what is said of nodes' storage come, change
//! and go, and decisions are the same without tables.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use crate::engine::{BindOutcome, Effect, Event};
use crate::framework::{ApiOperation, Refusal};
use crate::model::{
    AccessModes, BindingMode, ClaimRef, CsiDriver, CsiNode, CsiNodeDriver, CsiStorageCapacity,
    LabelOperator, LabelRequirement, LabelSelector, NodeOperator, NodeRequirement,
    NodeSelectorTerm, Object, ObjectKey, ObjectKind, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeSource, Pod, PodVolume, StorageClass, VolumeAttachment, VolumeSource,
};
use crate::units::{Nanos, Quantity};

use super::kit::{Kit, TestNode, TestPod, node, pod};

const ZONE: &str = "topology.kubernetes.io/zone";
const DRIVER: &str = "csi.example.com";
const NAMESPACE: &str = "default";
/// Number of claims and of volumes that are there by themselves.
const CLAIMS: u8 = 5;
/// The template of pods with an ephemeral volume.
pub(super) const EPHEMERAL: u8 = 3;
/// The template of pods with a claim of their own, as a StatefulSet's are.
pub(super) const OWN: u8 = 4;
/// The template of the pods that use the claim `c0`, which is followed by those of the other claims.
pub(super) const SHARED: u8 = 5;
/// Number of templates.
const TEMPLATES: u8 = SHARED + CLAIMS;
/// What drivers call volumes, of which there are so many.
const HANDLES: u8 = 3;
/// A driver that takes the place of an in-tree plugin.
const DISKS: &str = "ebs.csi.aws.com";

/// Something that happens to an engine.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Node {
        which: u8,
        cpu: u16,
    },
    NodeGoes(u8),
    Pod {
        which: u8,
        template: u8,
        /// Of its claim, where it has one of its own.
        traits: u8,
    },
    /// A pod that another one put on a node.
    Foreign {
        which: u8,
        node: u8,
        template: u8,
    },
    /// A gated pod that is nominated to a node, where it counts for others.
    Nominated {
        which: u8,
        node: u8,
        template: u8,
    },
    PodGoes(u8),
    Claim {
        which: u8,
        traits: u8,
    },
    /// The claim of a pod with one of its own.
    OwnClaim {
        which: u8,
        traits: u8,
    },
    Volume {
        which: u8,
        traits: u8,
    },
    Class(u8),
    /// The drivers of a node.
    CsiNode {
        node: u8,
        max: i32,
    },
    Driver(u8),
    Capacity {
        zone: u8,
        bytes: i64,
    },
    Attachment {
        which: u8,
        node: u8,
        volume: u8,
    },
    /// An object of a kind goes.
    Goes {
        kind: u8,
        which: u8,
    },
    /// Attempts; what is to be written before the pod is bound fails.
    Attempts {
        count: u8,
        fails: bool,
    },
    Wait(u16),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{
        Attachment, Attempts, Capacity, Claim, Class, CsiNode, Driver, Foreign, Goes, Node,
        NodeGoes, Nominated, OwnClaim, Pod, PodGoes, Volume, Wait,
    };
    prop_oneof![
        4 => (0u8..6, 500u16..4000).prop_map(|(which, cpu)| Node { which, cpu }),
        1 => (0u8..6).prop_map(NodeGoes),
        6 => (0u8..24, 0..TEMPLATES, any::<u8>())
            .prop_map(|(which, template, traits)| Pod { which, template, traits }),
        8 => (0u8..24, EPHEMERAL..SHARED, any::<u8>())
            .prop_map(|(which, template, traits)| Pod { which, template, traits }),
        1 => (0u8..24, any::<u8>()).prop_map(|(which, traits)| OwnClaim { which, traits }),
        2 => (0u8..6, 0u8..7, 0..TEMPLATES)
            .prop_map(|(which, node, template)| Foreign { which, node, template }),
        1 => (0u8..4, 0u8..6, EPHEMERAL..TEMPLATES)
            .prop_map(|(which, node, template)| Nominated { which, node, template }),
        2 => (0u8..34).prop_map(PodGoes),
        4 => (0..CLAIMS, any::<u8>()).prop_map(|(which, traits)| Claim { which, traits }),
        3 => (0..CLAIMS, any::<u8>()).prop_map(|(which, traits)| Volume { which, traits }),
        2 => any::<u8>().prop_map(Class),
        2 => (0u8..6, 0i32..4).prop_map(|(node, max)| CsiNode { node, max }),
        1 => any::<u8>().prop_map(Driver),
        1 => (0u8..3, 0i64..4).prop_map(|(zone, bytes)| Capacity { zone, bytes }),
        1 => (0u8..4, 0u8..6, 0..CLAIMS)
            .prop_map(|(which, node, volume)| Attachment { which, node, volume }),
        1 => (0u8..7, 0u8..6).prop_map(|(kind, which)| Goes { kind, which }),
        10 => (1u8..6, prop::bool::weighted(0.1))
            .prop_map(|(count, fails)| Attempts { count, fails }),
        3 => (0u16..20_000).prop_map(Wait),
    ]
}

fn has(traits: u8, bit: u8) -> bool {
    traits >> bit & 1 == 1
}

pub(super) fn test_node(which: u8, cpu: u16) -> TestNode {
    let name = format!("n{which}");
    let test = node(&name).cpu(i64::from(cpu)).label("kubernetes.io/hostname", &name);
    if cpu.is_multiple_of(7) { test } else { test.label(ZONE, &format!("z{}", cpu % 3)) }
}

/// The claim of a pod of a template that has one of its own.
fn own_claim(pod: &str, template: u8) -> String {
    if template == EPHEMERAL { format!("{pod}-v") } else { format!("own-{pod}") }
}

pub(super) fn templated(name: &str, template: u8) -> TestPod {
    let mut test = pod(name).cpu(100 + 50 * i64::from(template));
    let source = match template {
        0 => VolumeSource::GcePersistentDisk { pd_name: "d".into(), read_only: true },
        1 => VolumeSource::GcePersistentDisk { pd_name: "d".into(), read_only: false },
        2 => VolumeSource::AwsElasticBlockStore { volume_id: "vol-0".into() },
        EPHEMERAL => VolumeSource::Ephemeral,
        OWN => VolumeSource::Claim { name: own_claim(name, OWN).into() },
        _ => VolumeSource::Claim { name: format!("c{}", template - SHARED).into() },
    };
    test.0.volumes.push(PodVolume { name: "v".into(), source });
    test
}

fn in_zone(zone: u8) -> LabelSelector {
    let values = vec![format!("z{zone}").into()];
    let requirement = LabelRequirement { key: ZONE.into(), operator: LabelOperator::In, values };
    LabelSelector { requirements: vec![requirement] }
}

pub(super) fn volume(which: u8, traits: u8) -> PersistentVolume {
    let mut volume = PersistentVolume {
        name: format!("v{which}").into(),
        class: if has(traits, 0) { "made" } else { "local" }.into(),
        capacity: Quantity::from_units(1 + i64::from(traits % 3)),
        available: true,
        ..PersistentVolume::default()
    };
    if has(traits, 1) {
        volume.labels = [(ZONE, "z1")].into_iter().collect();
    }
    let name = format!("vol-{}", which % HANDLES);
    let disk =
        |name: String| PersistentVolumeSource::AwsElasticBlockStore { volume_id: name.into() };
    volume.source = match traits >> 5 {
        0 => PersistentVolumeSource::Other,
        1 if has(traits, 2) => disk(format!("aws://z1/%76ol-{}", which % HANDLES)),
        1 => disk(format!("aws://z1/{name}")),
        2 => disk(name),
        3 => PersistentVolumeSource::Csi { driver: DISKS.into(), handle: name.into() },
        _ => PersistentVolumeSource::Csi { driver: DRIVER.into(), handle: name.into() },
    };
    if has(traits, 3) {
        let at = |key: &str, value: String| NodeRequirement {
            key: key.into(),
            operator: Some(NodeOperator::In),
            values: vec![value.into()],
        };
        let only = if has(traits, 4) {
            at("kubernetes.io/hostname", format!("n{}", traits % 6))
        } else {
            at(ZONE, format!("z{}", traits % 3))
        };
        let term = NodeSelectorTerm { expressions: vec![only], ..NodeSelectorTerm::default() };
        volume.node_affinity = Some(vec![term]);
    }
    volume
}

pub(super) fn claim(which: u8, traits: u8) -> PersistentVolumeClaim {
    let mut claim = PersistentVolumeClaim {
        namespace: NAMESPACE.into(),
        name: format!("c{which}").into(),
        uid: format!("uid-c{which}").into(),
        class: if has(traits, 0) { "made" } else { "local" }.into(),
        request: Some(Quantity::from_units(1 + i64::from(traits % 2))),
        ..PersistentVolumeClaim::default()
    };
    if has(traits, 1) && has(traits, 2) {
        claim.access_modes = AccessModes::READ_WRITE_ONCE_POD;
    }
    if has(traits, 3) {
        claim.volume_name = format!("v{which}").into();
        claim.bind_completed = true;
    }
    claim.terminating = has(traits, 4) && has(traits, 5) && has(traits, 6);
    claim
}

pub(super) struct World {
    pub(super) kit: Kit,
    pub(super) pods: BTreeMap<String, Pod>,
    /// The version that the next object gets.
    version: u32,
}

impl World {
    pub(super) fn new(mut kit: Kit) -> Self {
        kit.sync();
        let mut world = Self { kit, pods: BTreeMap::new(), version: 0 };
        world.object(class("made", DRIVER, BindingMode::WaitForFirstConsumer, None));
        let local = "kubernetes.io/no-provisioner";
        world.object(class("local", local, BindingMode::WaitForFirstConsumer, None));
        world
    }

    pub(super) fn put(&mut self, pod: TestPod) -> Vec<Effect> {
        let name = pod.0.key.name.to_string();
        if self.pods.contains_key(&name) {
            return Vec::new();
        }
        self.pods.insert(name, pod.0.clone());
        self.kit.put(pod)
    }

    /// As [`World::put`], with the claim that the pod has for itself.
    pub(super) fn put_with_claim(&mut self, name: &str, template: u8, traits: u8) -> Vec<Effect> {
        let mut effects = Vec::new();
        if matches!(template, EPHEMERAL | OWN) && !self.pods.contains_key(name) {
            effects = self.own_claim(name, template, traits);
        }
        effects.extend(self.put(templated(name, template)));
        effects
    }

    fn own_claim(&mut self, pod: &str, template: u8, traits: u8) -> Vec<Effect> {
        // Volumes are kept for nobody: several claims may name the same one.
        let mut own = claim(traits >> 4 & 3, traits);
        own.name = own_claim(pod, template).into();
        own.uid = format!("uid-{}", own.name).into();
        let uid = templated(pod, template).0.uid;
        own.controller_uid = (template == EPHEMERAL).then_some(uid);
        self.object(own)
    }

    pub(super) fn object(&mut self, object: impl Into<Object>) -> Vec<Effect> {
        let effects = self.show(object.into());
        self.follow(effects, false)
    }

    /// The watch shows the object, in a version of its own.
    fn show(&mut self, mut object: Object) -> Vec<Effect> {
        self.version += 1;
        let version = self.version.to_string().into();
        match &mut object {
            Object::PersistentVolume(volume) => volume.resource_version = version,
            Object::PersistentVolumeClaim(claim) => claim.resource_version = version,
            _ => {}
        }
        self.kit.step(Event::ObjectUpsert(Box::new(object)))
    }

    fn happen(&mut self, happening: &Happening) -> Vec<Effect> {
        match *happening {
            Happening::Node { which, cpu } => self.kit.put_node(&test_node(which, cpu)),
            Happening::NodeGoes(which) => {
                self.kit.step(Event::NodeDelete(format!("n{which}").into()))
            }
            Happening::Pod { which, template, traits } => {
                self.put_with_claim(&format!("p{which}"), template, traits)
            }
            Happening::OwnClaim { which, traits } => {
                let template = if has(traits, 7) { EPHEMERAL } else { OWN };
                self.own_claim(&format!("p{which}"), template, traits)
            }
            Happening::Foreign { which, node, template } => {
                let test = templated(&format!("f{which}"), template).scheduler("x");
                self.put(test.on(&format!("n{node}")))
            }
            Happening::Nominated { which, node, template } => {
                let mut test = templated(&format!("q{which}"), template).gate("wait");
                test.0.nominated_node = Some(format!("n{node}").into());
                self.put(test)
            }
            Happening::PodGoes(which) => {
                let name = match which {
                    0..24 => format!("p{which}"),
                    24..30 => format!("f{}", which - 24),
                    _ => format!("q{}", which - 30),
                };
                let gone = self.pods.remove(&name).is_some();
                if gone { self.kit.delete(&name) } else { Vec::new() }
            }
            Happening::Goes { kind, which } => self.goes(kind, which),
            Happening::Attempts { count, fails } => {
                (0..count).flat_map(|_| self.attempt(fails)).collect()
            }
            Happening::Wait(millis) => {
                let effects = self.kit.wait(Nanos(u64::from(millis) * Nanos::MILLISECOND.0));
                self.follow(effects, false)
            }
            _ => self.object(said(happening)),
        }
    }

    fn goes(&mut self, kind: u8, which: u8) -> Vec<Effect> {
        let (kind, name) = match kind {
            0 => (ObjectKind::PersistentVolumeClaim, format!("c{which}")),
            1 => (ObjectKind::PersistentVolume, format!("v{which}")),
            2 => (ObjectKind::StorageClass, "made".into()),
            3 => (ObjectKind::CsiNode, format!("n{which}")),
            4 => (ObjectKind::CsiDriver, DRIVER.into()),
            5 => (ObjectKind::CsiStorageCapacity, format!("z{which}")),
            _ => (ObjectKind::VolumeAttachment, format!("a{which}")),
        };
        let namespaced =
            matches!(kind, ObjectKind::PersistentVolumeClaim | ObjectKind::CsiStorageCapacity);
        let namespace = if namespaced { NAMESPACE } else { "" }.into();
        self.kit.step(Event::ObjectDelete(kind, ObjectKey { namespace, name: name.into() }))
    }

    pub(super) fn attempt(&mut self, fails: bool) -> Vec<Effect> {
        let effects = self.kit.step(Event::Attempt);
        self.follow(effects, fails)
    }

    /// What is to be written is written, or fails, and the watch shows it.
    fn follow(&mut self, effects: Vec<Effect>, fails: bool) -> Vec<Effect> {
        let (mut all, mut waiting) = (Vec::new(), VecDeque::from(effects));
        while let Some(effect) = waiting.pop_front() {
            match &effect {
                Effect::PreBind { attempt, operations } => {
                    let (attempt, refused) = (*attempt, Refusal::Fail("no".into()));
                    let outcome = if fails { Err(refused) } else { Ok(()) };
                    waiting.extend(self.kit.step(Event::PreBindResult { attempt, outcome }));
                    if !fails {
                        for operation in operations {
                            self.write(operation, &mut waiting);
                        }
                    }
                }
                Effect::Bind { attempt, pod, node } => {
                    let known = self.pods.get_mut(&*pod.key.name);
                    let bound = known.is_some();
                    let outcome = if bound { BindOutcome::Bound } else { BindOutcome::Gone };
                    let shown = known.map(|pod| {
                        pod.node_name = Some((&**node).into());
                        TestPod(pod.clone())
                    });
                    waiting.extend(self.kit.answer(*attempt, outcome));
                    waiting.extend(shown.into_iter().flat_map(|pod| self.kit.put(pod)));
                }
                _ => {}
            }
            all.push(effect);
        }
        all
    }

    /// As the API server and the controllers of volumes would.
    fn write(&mut self, operation: &ApiOperation, out: &mut VecDeque<Effect>) {
        let (claim, node, volume) = match operation {
            ApiOperation::SelectNode { claim, node, .. } => (claim, Some(node.clone()), None),
            ApiOperation::BindVolume { claim, volume, .. } => (claim, None, Some(volume)),
        };
        let objects = self.kit.engine.cluster().objects();
        let Some(now) = objects.claims.get(NAMESPACE, &claim.name).cloned() else { return };
        let made = PersistentVolume {
            name: format!("made-{}", claim.name).into(),
            class: now.class.clone(),
            ..PersistentVolume::default()
        };
        let volume = volume.map_or(Some(made), |name| objects.volumes.named(name).cloned());
        let Some(volume) = volume else { return };
        let kept = ClaimRef {
            namespace: NAMESPACE.into(),
            name: claim.name.clone(),
            uid: now.uid.clone(),
        };
        let bound = PersistentVolumeClaim {
            selected_node: node.or(now.selected_node.clone()),
            volume_name: volume.name.clone(),
            bind_completed: true,
            ..now
        };
        let taken = PersistentVolume { claim: Some(kept), available: false, ..volume };
        for object in [Object::from(taken), Object::from(bound)] {
            out.extend(self.show(object));
        }
    }
}

fn class(
    name: &str,
    provisioner: &str,
    binding_mode: BindingMode,
    zone: Option<u8>,
) -> StorageClass {
    StorageClass {
        name: name.into(),
        provisioner: provisioner.into(),
        binding_mode,
        allowed_topologies: zone.map(|zone| vec![in_zone(zone)]),
    }
}

/// The object that a happening is about.
pub(super) fn said(happening: &Happening) -> Object {
    match *happening {
        Happening::Claim { which, traits } => claim(which, traits).into(),
        Happening::Volume { which, traits } => volume(which, traits).into(),
        Happening::Class(traits) => {
            let immediate = has(traits, 0) && has(traits, 1) && has(traits, 2);
            let mode =
                if immediate { BindingMode::Immediate } else { BindingMode::WaitForFirstConsumer };
            class("made", DRIVER, mode, has(traits, 3).then_some(traits % 3)).into()
        }
        Happening::CsiNode { node, max } => {
            let driver = CsiNodeDriver {
                name: DRIVER.into(),
                volumes_max: Some(max),
                ..CsiNodeDriver::default()
            };
            let disks = CsiNodeDriver {
                name: "pd.csi.storage.gke.io".into(),
                volumes_max: Some(max),
                ..CsiNodeDriver::default()
            };
            let also = CsiNodeDriver { name: DISKS.into(), ..disks.clone() };
            let name = format!("n{node}").into();
            CsiNode { name, drivers: vec![driver, disks, also], ..CsiNode::default() }.into()
        }
        Happening::Driver(traits) => CsiDriver {
            name: DRIVER.into(),
            storage_capacity: has(traits, 0),
            prevents_if_missing: has(traits, 1),
        }
        .into(),
        Happening::Capacity { zone, bytes } => CsiStorageCapacity {
            namespace: NAMESPACE.into(),
            name: format!("z{zone}").into(),
            class: "made".into(),
            capacity: Some(Quantity::from_units(bytes)),
            volume_size_max: None,
            nodes: Some(in_zone(zone)),
        }
        .into(),
        Happening::Attachment { which, node, volume } => VolumeAttachment {
            name: format!("a{which}").into(),
            attacher: DRIVER.into(),
            node_name: format!("n{node}").into(),
            volume_name: Some(format!("v{volume}").into()),
        }
        .into(),
        _ => panic!("not about an object: {happening:?}"),
    }
}

proptest! {
    #[test]
    fn decisions_are_the_same_without_tables(
        happenings in prop::collection::vec(happening(), 1..100),
        traits in prop::array::uniform5(any::<u8>()),
        seed in 0u64..4,
    ) {
        let mut with = World::new(Kit::seeded(seed));
        let mut without = Kit::seeded(seed);
        without.engine = without.engine.without_tables();
        let mut without = World::new(without);
        // Where drivers call volumes, and take so many on a node.
        let volumes = (0..CLAIMS).map(|which| Happening::Volume { which, traits: traits[usize::from(which)] });
        let nodes = (0u8..6).map(|node| Happening::CsiNode { node, max: 1 + i32::from(node % 2) });
        for happening in volumes.chain(nodes) {
            let (one, other) = (with.happen(&happening), without.happen(&happening));
            prop_assert_eq!(one, other, "{:?}", happening);
        }
        for happening in &happenings {
            let (one, other) = (with.happen(happening), without.happen(happening));
            prop_assert_eq!(one, other, "{:?}", happening);
        }
        prop_assert_eq!(without.kit.engine.tables.found(), 0);
    }
}
