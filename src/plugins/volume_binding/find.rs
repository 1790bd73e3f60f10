//! Where the claims of a pod find volumes on one node: the volumes they have, the smallest that they could
//! have, or room to make new ones.

use std::cell::{OnceCell, RefCell};

use crate::cluster::{LabelColumn, View};
use crate::model::HOSTNAME;
use crate::units::{NodeId, Quantity};

use super::plan::{Bound, Plan, Selector, Waiting, has_migrated};

/// Why a node will not do; bits in upstream's order.
pub(super) const NODE_CONFLICT: u32 = 1;
/// See [`NODE_CONFLICT`].
pub(super) const BIND_CONFLICT: u32 = 1 << 1;
/// See [`NODE_CONFLICT`].
pub(super) const NOT_ENOUGH_SPACE: u32 = 1 << 2;
/// See [`NODE_CONFLICT`].
pub(super) const NO_VOLUME: u32 = 1 << 3;

/// What the claims that wait can have on a node.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// Why the node will not do; zero where it does.
    pub(super) reasons: u32,
    /// Claims and the volumes for them.
    pub(super) volumes: Vec<(&'a Waiting, Volume<'a>)>,
    /// Claims for which a volume is made, and the storage that is left for it where somebody says.
    pub(super) made: Vec<(&'a Waiting, Option<i64>)>,
}

/// A volume that a claim can have.
#[derive(Clone, Copy)]
pub(super) struct Volume<'a> {
    pub(super) name: &'a str,
    pub(super) capacity: Quantity,
}

/// Why nothing can be said of a node.
pub(super) struct Trouble {
    /// Number of the claim, so that nodes with the same trouble look alike.
    pub(super) claim: u32,
    pub(super) text: String,
}

impl Trouble {
    fn new(claim: usize, text: &str) -> Self {
        Self { claim: u32::try_from(claim).unwrap_or(u32::MAX), text: text.to_owned() }
    }
}

/// A slice of nodes, and what is known of which selectors match them.
pub(super) struct Slice<'a> {
    plan: &'a Plan,
    view: &'a View<'a>,
    nodes: &'a [NodeId],
    matched: Vec<OnceCell<Vec<bool>>>,
    /// The name of the host that a node is.
    hosts: Option<LabelColumn<'a>>,
    /// Memory for the name of a group of volumes.
    text: RefCell<String>,
}

impl<'a> Slice<'a> {
    pub(super) fn new(plan: &'a Plan, view: &'a View<'a>, nodes: &'a [NodeId]) -> Self {
        let matched = vec![OnceCell::new(); plan.selectors.len()];
        let hosts = view.cluster.label_column(HOSTNAME);
        Self { plan, view, nodes, matched, hosts, text: RefCell::default() }
    }

    fn matches(&self, selector: Selector, at: usize) -> bool {
        let Some(number) = selector else { return true };
        self.matched[number].get_or_init(|| {
            let mut any = vec![false; self.nodes.len()];
            for term in &self.plan.selectors[number] {
                let mut matched = vec![true; self.nodes.len()];
                term.narrow(self.view, self.nodes, &mut matched);
                any.iter_mut().zip(matched).for_each(|(any, matched)| *any |= matched);
            }
            any
        })[at]
    }

    /// What the claims find on the `at`th node; the error where nothing can be said.
    ///
    /// Upstream: volumeBinder.FindPodVolumes, v1.37.
    pub(super) fn find(&self, at: usize) -> Result<Found<'a>, Trouble> {
        let mut found = Found { reasons: self.check_bound(at)?, ..Found::default() };
        let node = self.view.cluster.node_name(self.nodes[at]);
        let selected = |waiting: &&Waiting| waiting.claim.selected_node.is_some();
        let mut elsewhere =
            self.plan.waiting.iter().filter_map(|waiting| waiting.claim.selected_node.as_deref());
        if elsewhere.any(|selected| selected != node) {
            found.reasons |= BIND_CONFLICT;
            return Ok(found);
        }
        let mut make: Vec<&Waiting> = self.plan.waiting.iter().filter(selected).collect();
        for claim in self.plan.waiting.iter().filter(|claim| !selected(claim)) {
            if let Some(error) = &claim.error {
                return Err(Trouble::new(self.plan.bound.len(), error));
            }
            match self.volume(claim, at, &found.volumes) {
                Some(volume) => found.volumes.push((claim, volume)),
                None => make.push(claim),
            }
        }
        self.make(&make, at, &mut found);
        Ok(found)
    }

    /// Whether the volumes of the claims that are bound can be used from the node; the first that cannot
    /// decides.
    fn check_bound(&self, at: usize) -> Result<u32, Trouble> {
        for (number, bound) in self.plan.bound.iter().enumerate() {
            let Bound::There { nodes, migrated } = bound else { return Ok(NO_VOLUME) };
            let name = self.view.cluster.node_name(self.nodes[at]);
            let migrated = migrated.as_ref();
            let selector = match migrated
                .filter(|(plugin, _)| has_migrated(self.view.cluster, name, plugin))
            {
                Some((_, Ok(translated))) => *translated,
                Some((_, Err(error))) => return Err(Trouble::new(number, error)),
                None => *nodes,
            };
            if !self.matches(selector, at) {
                return Ok(NODE_CONFLICT);
            }
        }
        Ok(0)
    }

    /// The volume for a claim beside those that are taken: the one kept for it, or the smallest; of equal
    /// ones the first by name.
    fn volume(
        &self,
        waiting: &'a Waiting,
        at: usize,
        taken: &[(&Waiting, Volume<'_>)],
    ) -> Option<Volume<'a>> {
        let is_taken = |name: &str| taken.iter().any(|(_, other)| *other.name == *name);
        let mut smallest = None;
        for volume in waiting.candidates.iter().filter(|volume| !is_taken(&volume.name)) {
            let here = self.matches(volume.nodes, at);
            if here {
                smallest = Some(Volume { name: &volume.name, capacity: volume.capacity });
            }
            if volume.kept {
                return smallest;
            }
            if here {
                break;
            }
        }
        let host = self.hosts.and_then(|hosts| hosts.value(self.nodes[at]));
        let on_host = host.and_then(|host| {
            waiting.on_host(self.view.cluster, host, &mut self.text.borrow_mut(), is_taken)
        });
        let on_host = on_host.map(|v| Volume { name: &v.name, capacity: v.capacity });
        smallest.into_iter().chain(on_host).min_by_key(|volume| (volume.capacity, volume.name))
    }

    /// Finds room for the volumes that must be made; the first for which there is none decides.
    fn make(&self, claims: &[&'a Waiting], at: usize, found: &mut Found<'a>) {
        for claim in claims {
            let provision = claim.provision.as_ref();
            let Some(provision) = provision.filter(|provision| self.matches(provision.nodes, at))
            else {
                found.reasons |= BIND_CONFLICT;
                return;
            };
            let left = match &provision.storage {
                None => None,
                Some(storage) => {
                    let reached = storage.iter().find(|(nodes, _)| self.matches(*nodes, at));
                    let Some((_, left)) = reached else {
                        found.reasons |= NOT_ENOUGH_SPACE;
                        return;
                    };
                    *left
                }
            };
            found.made.push((claim, left));
        }
    }
}
