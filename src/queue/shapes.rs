//! Shapes: what pods of one template have in common, kept once. A hint that does not read a pod's own facts
//! is asked once a shape, and 50,000 pods of ten templates cost ten pods and their own facts.

use crate::model::{Pod, PodKey, ScheduledCondition};
use crate::units::{Map, hash_bytes};

/// Number of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ShapeId(pub(super) u32);

impl ShapeId {
    pub(super) const MIN: Self = Self(0);
    pub(super) const MAX: Self = Self(u32::MAX);
}

/// What is a pod's own, whatever it looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnFacts {
    pub(super) name: Box<str>,
    pub(super) uid: Box<str>,
    resource_version: Box<str>,
    generation: i64,
    pub(super) nominated_node: Option<Box<str>>,
    start_time: Option<i64>,
    scheduled_condition: Option<Box<ScheduledCondition>>,
}

/// All shapes that a waiting pod has.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    slots: Vec<Option<Shape>>,
    free: Vec<ShapeId>,
    by_hash: Map<u64, Vec<ShapeId>>,
}

#[derive(Debug)]
struct Shape {
    /// The pod, without what is its own.
    pod: Box<Pod>,
    hash: u64,
    pods: u32,
}

/// Parts a pod into what is its own and what others may have, too.
fn part(mut pod: Box<Pod>) -> (OwnFacts, Box<Pod>) {
    let own = OwnFacts {
        name: std::mem::take(&mut pod.key.name),
        uid: std::mem::take(&mut pod.uid),
        resource_version: std::mem::take(&mut pod.resource_version),
        generation: std::mem::take(&mut pod.generation),
        nominated_node: pod.nominated_node.take(),
        start_time: pod.start_time.take(),
        scheduled_condition: pod.scheduled_condition.take().map(Box::new),
    };
    (own, pod)
}

/// A number that pods which look alike have in common, from what most often tells templates apart.
fn hash(pod: &Pod) -> u64 {
    let mut hash = hash_bytes(0, pod.key.namespace.as_bytes());
    let mut mix = |bytes: &[u8]| hash = hash_bytes(hash, bytes);
    mix(pod.scheduler_name.as_bytes());
    mix(&pod.priority.to_le_bytes());
    for (key, value) in pod.labels.iter().chain(pod.node_selector.iter()) {
        mix(key.as_bytes());
        mix(value.as_bytes());
    }
    let usage = &pod.requests.usage;
    for amount in [usage.milli_cpu, usage.memory, usage.ephemeral_storage] {
        mix(&amount.to_le_bytes());
    }
    for (name, amount) in &usage.scalars {
        mix(name.as_bytes());
        mix(&amount.to_le_bytes());
    }
    for volume in &pod.volumes {
        mix(volume.claim_name("").unwrap_or_default().as_bytes());
    }
    if let Some(owner) = &pod.owner {
        mix(owner.uid.as_bytes());
    }
    let affinity = pod.node_affinity.iter().flat_map(|affinity| &affinity.required);
    for requirement in affinity.flatten().flat_map(|term| &term.fields) {
        requirement.values.iter().for_each(|value| mix(value.as_bytes()));
    }
    hash
}

impl Shapes {
    /// Takes a pod apart; its shape is kept until [`Shapes::whole`] or [`Shapes::release`].
    pub(super) fn share(&mut self, pod: Box<Pod>) -> (OwnFacts, ShapeId) {
        let (own, pod) = part(pod);
        let hash = hash(&pod);
        for id in self.by_hash.get(&hash).into_iter().flatten() {
            if let Some(Some(shape)) = self.slots.get_mut(id.0 as usize)
                && shape.pod == pod
            {
                shape.pods += 1;
                return (own, *id);
            }
        }
        let shape = Some(Shape { pod, hash, pods: 1 });
        let id = if let Some(id) = self.free.pop() {
            self.slots[id.0 as usize] = shape;
            id
        } else {
            self.slots.push(shape);
            ShapeId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        };
        self.by_hash.entry(hash).or_default().push(id);
        (own, id)
    }

    /// The pod of this shape and these facts.
    pub(super) fn whole(&self, own: &OwnFacts, id: ShapeId) -> Box<Pod> {
        let own = own.clone();
        let shape = self.get(id);
        let namespace = shape.map(|pod| pod.key.namespace.clone()).unwrap_or_default();
        Box::new(Pod {
            key: PodKey { namespace, name: own.name },
            uid: own.uid,
            resource_version: own.resource_version,
            generation: own.generation,
            nominated_node: own.nominated_node,
            start_time: own.start_time,
            scheduled_condition: own.scheduled_condition.map(|condition| *condition),
            ..shape.cloned().unwrap_or_default()
        })
    }

    /// A pod has this shape no more.
    pub(super) fn release(&mut self, id: ShapeId) {
        let Some(slot) = self.slots.get_mut(id.0 as usize) else { return };
        let Some(shape) = slot else { return };
        shape.pods -= 1;
        if shape.pods > 0 {
            return;
        }
        let hash = shape.hash;
        *slot = None;
        self.free.push(id);
        if let Some(ids) = self.by_hash.get_mut(&hash) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_hash.remove(&hash);
            }
        }
    }

    /// What pods of this shape look like; their own facts are empty.
    pub(super) fn get(&self, id: ShapeId) -> Option<&Pod> {
        Some(&self.slots.get(id.0 as usize)?.as_ref()?.pod)
    }

    /// How many shapes there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    fn pod(name: &str, app: &str) -> Box<Pod> {
        let mut pod = Pod {
            key: PodKey { namespace: "default".into(), name: name.into() },
            uid: format!("uid-{name}").into(),
            resource_version: name.into(),
            generation: 3,
            nominated_node: Some(name.into()),
            start_time: Some(7),
            labels: Labels::from_iter([("app", app)]),
            ..Pod::default()
        };
        pod.scheduled_condition =
            Some(ScheduledCondition { message: name.into(), ..ScheduledCondition::default() });
        Box::new(pod)
    }

    #[test]
    fn pods_come_back_as_they_were_and_look_alike_meanwhile() {
        let mut shapes = Shapes::default();
        let pods = [pod("a", "x"), pod("b", "x"), pod("c", "y")];
        let parts: Vec<_> = pods.iter().map(|pod| shapes.share(pod.clone())).collect();
        assert_eq!(shapes.len(), 2);
        assert_eq!(parts[0].1, parts[1].1);
        for (pod, (own, id)) in pods.iter().zip(&parts) {
            assert_eq!(&shapes.whole(own, *id), pod);
        }
        for (_, id) in parts {
            shapes.release(id);
        }
        assert_eq!((shapes.len(), shapes.by_hash.len()), (0, 0));
        let (_, again) = shapes.share(pod("d", "z"));
        assert!(shapes.get(again).is_some_and(|pod| pod.uid.is_empty()));
    }
}
