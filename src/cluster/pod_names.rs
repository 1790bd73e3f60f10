//! Which pod has which namespace and name. The names themselves stand with the pods: only their hashes are here.
//! Kept by `pods`.

use std::hash::BuildHasher;

use crate::model::PodKey;
use crate::units::{Map, PodId, Set};

/// Pods by the hashes of their names.
#[derive(Clone, Debug, Default)]
pub(super) struct PodNames {
    by_hash: Map<u64, PodId>,
    /// The pods whose hash another one had before them: hardly ever one.
    others: Map<PodKey, PodId>,
}

impl PodNames {
    /// The pod called `key`; `is_it` says whether that is the name of a pod.
    pub(super) fn find(&self, key: &PodKey, is_it: impl Fn(PodId) -> bool) -> Option<PodId> {
        self.find_by(hash(key), key, is_it)
    }

    /// Notes a pod whose name nobody has.
    pub(super) fn insert(&mut self, key: &PodKey, id: PodId) {
        self.insert_by(hash(key), key, id);
    }

    /// Forgets a pod.
    pub(super) fn remove(&mut self, key: &PodKey, id: PodId) {
        self.remove_by(hash(key), key, id);
    }

    fn find_by(&self, hash: u64, key: &PodKey, is_it: impl Fn(PodId) -> bool) -> Option<PodId> {
        let found = self.by_hash.get(&hash).copied().filter(|id| is_it(*id));
        if found.is_none() && !self.others.is_empty() {
            return self.others.get(key).copied();
        }
        found
    }

    fn insert_by(&mut self, hash: u64, key: &PodKey, id: PodId) {
        if *self.by_hash.entry(hash).or_insert(id) != id {
            self.others.insert(key.clone(), id);
        }
    }

    fn remove_by(&mut self, hash: u64, key: &PodKey, id: PodId) {
        if self.by_hash.get(&hash) == Some(&id) {
            self.by_hash.remove(&hash);
        } else {
            self.others.remove(key);
        }
    }
}

fn hash(key: &PodKey) -> u64 {
    Set::<()>::default().hasher().hash_one(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_whose_hashes_are_the_same_are_told_apart() {
        let key = |name: &str| PodKey { namespace: "n".into(), name: name.into() };
        let keys = ["a", "b", "c"].map(key);
        let mut names = PodNames::default();
        let find = |names: &PodNames, at: usize| {
            names.find_by(7, &keys[at], |id| keys[id.0 as usize] == keys[at])
        };
        names.insert_by(7, &keys[0], PodId(0));
        names.insert_by(7, &keys[1], PodId(1));
        assert_eq!([0, 1, 2].map(|at| find(&names, at)), [Some(PodId(0)), Some(PodId(1)), None]);
        names.remove_by(7, &keys[0], PodId(0));
        assert_eq!([0, 1, 2].map(|at| find(&names, at)), [None, Some(PodId(1)), None]);
        names.insert_by(7, &keys[2], PodId(2));
        assert_eq!([0, 1, 2].map(|at| find(&names, at)), [None, Some(PodId(1)), Some(PodId(2))]);
        names.remove_by(7, &keys[1], PodId(1));
        assert_eq!([0, 1, 2].map(|at| find(&names, at)), [None, None, Some(PodId(2))]);
        names.remove_by(7, &keys[2], PodId(2));
        assert!(names.by_hash.is_empty() && names.others.is_empty());
    }
}
