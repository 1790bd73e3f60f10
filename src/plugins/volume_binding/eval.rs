//! The judging of nodes: whether a pod's claims find volumes there, and how full its storage would be.

use std::any::Any;
use std::hash::BuildHasher;

use crate::cluster::View;
use crate::framework::{Code, Eval, Parts, Verdict};
use crate::plugins::resource_scores::by_shape;
use crate::units::{NodeId, Set};

use super::find::{BIND_CONFLICT, Found, NO_VOLUME, NODE_CONFLICT, NOT_ENOUGH_SPACE, Slice};
use super::plan::Plan;

/// The reasons in upstream's order.
const REASONS: [(u32, &str); 4] = [
    (NODE_CONFLICT, "node(s) didn't match PersistentVolume's node affinity"),
    (BIND_CONFLICT, "node(s) didn't find available persistent volumes to bind"),
    (NOT_ENOUGH_SPACE, "node(s) did not have enough free storage"),
    (NO_VOLUME, "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"),
];

pub(super) struct VolumeBindingEval {
    pub(super) position: u16,
    pub(super) plan: Plan,
    /// Utilization in percent and score from 0 to 100; empty where nodes are not scored.
    pub(super) shape: Vec<(i64, i64)>,
}

impl Eval for VolumeBindingEval {
    fn parts(&self) -> Parts {
        let score = !self.shape.is_empty() && !self.plan.waiting.is_empty();
        Parts { filter: true, score, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        self.plan.is_local().then_some(0)
    }

    fn is_like(&self, other: &dyn Eval, _view: &View<'_>, _unlike: &mut Vec<NodeId>) -> bool {
        let other = (other as &dyn Any).downcast_ref::<Self>();
        other.is_some_and(|other| self.plan.asks() == other.plan.asks())
    }

    fn shape(&self, _view: &View<'_>) -> u64 {
        Set::<()>::default().hasher().hash_one(self.plan.asks())
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let slice = Slice::new(&self.plan, view, nodes);
        for (at, verdict) in out.iter_mut().enumerate().filter(|(_, verdict)| verdict.is_pass()) {
            match slice.find(at).map(|found| found.reasons) {
                Ok(0) => {}
                Ok(reasons) => {
                    let code = Code::UnschedulableAndUnresolvable;
                    *verdict = Verdict::reject(self.position, code, reasons);
                }
                Err(trouble) => {
                    *verdict = Verdict::reject(self.position, Code::Error, trouble.claim);
                }
            }
        }
    }

    fn reasons(&self, view: &View<'_>, node: NodeId, verdict: Verdict) -> Vec<String> {
        if verdict.code == Code::Error {
            let trouble = Slice::new(&self.plan, view, &[node]).find(0).err();
            return trouble.into_iter().map(|trouble| trouble.text).collect();
        }
        let given = REASONS.into_iter().filter(|(bit, _)| verdict.detail & bit != 0);
        given.map(|(_, text)| text.to_owned()).collect()
    }

    fn score(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [i64]) {
        let slice = Slice::new(&self.plan, view, nodes);
        for (at, points) in out.iter_mut().enumerate() {
            let found = slice.find(at).unwrap_or_default();
            *points = score(&used(&found), &self.shape);
        }
    }
}

/// A class, what is asked of its storage on a node, and what is there.
type Used<'a> = (&'a str, i64, i64);

/// What the pod uses of each class: of the volumes that are there, or of the storage where they are made.
///
/// Upstream: VolumeBinding.Score, v1.37. Differs from upstream: storage of which only the largest volume is
/// known does not count; upstream panics there.
fn used<'a>(found: &Found<'a>) -> Vec<Used<'a>> {
    let mut classes: Vec<Used<'a>> = Vec::new();
    let find = |classes: &mut Vec<Used<'a>>, class: &'a str| {
        classes.iter().position(|(name, ..)| *name == class).unwrap_or_else(|| {
            classes.push((class, 0, 0));
            classes.len() - 1
        })
    };
    if found.volumes.is_empty() {
        for (waiting, left) in &found.made {
            let Some(left) = left else { continue };
            let at = find(&mut classes, &waiting.claim.class);
            classes[at].1 = classes[at].1.wrapping_add(waiting.request());
            // Not a sum: the claims of a class share it.
            classes[at].2 = *left;
        }
    } else {
        for (waiting, volume) in &found.volumes {
            let at = find(&mut classes, &waiting.claim.class);
            classes[at].1 = classes[at].1.wrapping_add(waiting.request());
            classes[at].2 = classes[at].2.wrapping_add(volume.capacity.value());
        }
    }
    classes
}

/// The mean of the scores of all classes, rounded; zero where there is none.
///
/// Upstream: volumebinding.buildScorerFunction, v1.37.
fn score(classes: &[Used<'_>], shape: &[(i64, i64)]) -> i64 {
    let Ok(count @ 1..) = i64::try_from(classes.len()) else { return 0 };
    let points = |(_, asked, there): &Used<'_>| {
        if *there == 0 { by_shape(shape, 1, 0) } else { by_shape(shape, *asked, *there) }
    };
    let sum: i64 = classes.iter().map(points).sum();
    // Points are never negative, so this is half away from zero.
    (2 * sum + count) / (2 * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is special, classes, shape, score.
    type Row<'a> = (&'a str, &'a [Used<'a>], &'a [(i64, i64)], i64);

    /// Upstream: TestScore of volumebinding, v1.37, for its default shape turned around and its own.
    #[test]
    fn scores_as_upstream() {
        const G: i64 = 1 << 30;
        let fuller: &[(i64, i64)] = &[(0, 0), (100, 100)];
        let own: &[(i64, i64)] = &[(0, 0), (50, 80), (100, 100)];
        let rows: [Row<'_>; 10] = [
            ("none", &[], fuller, 0),
            ("default", &[("hdd", 10 * G, 50 * G)], fuller, 20),
            ("none asked", &[("hdd", 0, 50 * G)], fuller, 0),
            ("half", &[("hdd", 25 * G, 50 * G)], fuller, 50),
            ("two alike", &[("hdd", 10 * G, 50 * G), ("ssd", 10 * G, 50 * G)], fuller, 20),
            ("two", &[("hdd", 10 * G, 50 * G), ("ssd", 25 * G, 50 * G)], fuller, 35),
            ("own shape", &[("hdd", 25 * G, 50 * G)], own, 80),
            ("rounded up", &[("hdd", 1, 100), ("ssd", 2, 100)], fuller, 2),
            ("no capacity", &[("hdd", 0, 0)], fuller, 100),
            ("too much", &[("hdd", 60 * G, 50 * G)], fuller, 100),
        ];
        for (what, classes, shape, want) in rows {
            assert_eq!(score(classes, shape), want, "{what}");
        }
    }
}
