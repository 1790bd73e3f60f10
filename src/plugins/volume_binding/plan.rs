//! What a pod's claims ask of a node, worked out once: which volumes each could have and where those can be
//! used, and where a volume could be made for it.

use crate::cluster::{Cluster, View};
use crate::model::{
    ClaimSelector, LabelSelector, NodeSelectorTerm, PersistentVolume, PersistentVolumeClaim,
    VolumeGroup,
};
use crate::plugins::csi_translation::migrated_affinity;
use crate::plugins::node_selector::Term;
use crate::units::{Map, Quantity};

use super::claims::PodClaims;

/// Nobody makes volumes of a class with this provisioner.
///
/// Upstream: NotSupportedProvisioner, v1.37.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// Number of a selector of nodes in [`Plan::selectors`]; `None` where all nodes will do.
pub(super) type Selector = Option<usize>;

/// What a pod's claims ask of a node.
#[derive(Default)]
pub(super) struct Plan {
    /// The volumes of the claims that are bound, in order.
    pub(super) bound: Vec<Bound>,
    /// The claims that wait, those for which a node was chosen already first, then the others, the
    /// smallest first.
    pub(super) waiting: Vec<Waiting>,
    /// What it asks for, in words that do not depend on how the cluster is numbered.
    asks: Asks,
    /// Something of it depends on volumes that may come or go at any time: those that nobody has.
    waits_for_volumes: bool,
    /// One of the terms matches.
    pub(super) selectors: Vec<Vec<Term>>,
    /// Numbers of the selectors that stand for a volume's node affinity.
    affinities: Map<Vec<NodeSelectorTerm>, usize>,
}

/// What a pod's claims ask of a node where no volume without a claim comes into question: plans with equal ones find
/// the same on every node.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Asks {
    /// The volumes of the claims that are bound, in order; `None` where there is no such volume.
    bound: Vec<Option<AskedOfBound>>,
    /// What is asked by the claims that wait.
    waiting: Vec<AskedOfWaiting>,
    /// Where any claim waits, the epochs of classes and of what storage is left.
    storage: Option<(u64, u64)>,
}

/// Class, bytes, and the node that was chosen.
type AskedOfWaiting = (Box<str>, Option<i64>, Option<Box<str>>);

/// A volume's affinity, and the one where a CSI driver takes the place of the in-tree plugin of this name.
type AskedOfBound = (Affinity, Option<(&'static str, Result<Affinity, String>)>);

/// One of these terms must match the node, if there are any.
type Affinity = Option<Vec<NodeSelectorTerm>>;

/// The volume of a claim that is bound.
pub(super) enum Bound {
    /// There is no such volume.
    Missing,
    /// It can be used from these nodes.
    There {
        nodes: Selector,
        /// Where a CSI driver took the place of the volume's in-tree plugin of this name: from these, or
        /// why it cannot be told.
        migrated: Option<(&'static str, Result<Selector, String>)>,
    },
}

/// A claim that waits for a volume.
pub(super) struct Waiting {
    /// The claim.
    pub(super) claim: PersistentVolumeClaim,
    /// The volumes that it could have: the one that is kept for it first, then the smallest. Those that only
    /// one host can use are not among them.
    pub(super) candidates: Vec<Candidate>,
    /// Why its volumes cannot be told.
    pub(super) error: Option<String>,
    /// Where a volume can be made for it; `None` where nowhere.
    pub(super) provision: Option<Provision>,
}

/// A volume that a claim could have.
pub(super) struct Candidate {
    pub(super) name: Box<str>,
    pub(super) capacity: Quantity,
    pub(super) nodes: Selector,
    /// It is kept for the claim: it or nothing.
    pub(super) kept: bool,
}

/// Where a volume can be made.
pub(super) struct Provision {
    /// The class allows these nodes.
    pub(super) nodes: Selector,
    /// The storage that is left where there is enough of it, and the nodes that reach it; `None` where
    /// nobody says.
    pub(super) storage: Option<Vec<(Selector, Option<i64>)>>,
}

impl Plan {
    /// Works out what `claims` ask for in the cluster of `view`.
    pub(super) fn new(view: &View<'_>, claims: &PodClaims<'_>) -> Self {
        let mut plan = Self::default();
        for claim in &claims.bound {
            let bound = plan.bound(view, &claim.volume_name);
            plan.bound.push(bound);
        }
        let selected = claims.waiting.iter().filter(|claim| claim.selected_node.is_some());
        let mut free: Vec<_> =
            claims.waiting.iter().filter(|claim| claim.selected_node.is_none()).collect();
        free.sort_by_key(|claim| claim.request.unwrap_or(Quantity::ZERO));
        for claim in selected.chain(free) {
            let waiting = plan.waiting(view, claim);
            plan.waits_for_volumes |= waiting.waits_for_volumes(view.cluster);
            let (class, node) = (claim.class.clone(), claim.selected_node.clone());
            plan.asks.waiting.push((class, claim.request.map(Quantity::value), node));
            plan.waiting.push(waiting);
        }
        if !plan.waiting.is_empty() {
            let objects = view.cluster.objects();
            plan.asks.storage = Some((objects.classes_epoch(), objects.capacities.epoch()));
        }
        plan
    }

    /// Whether it follows from the claims alone what is found on a node, until that node changes.
    pub(super) fn is_local(&self) -> bool {
        !self.waits_for_volumes
    }

    /// What it asks for, where it [is local](Plan::is_local).
    pub(super) fn asks(&self) -> &Asks {
        &self.asks
    }

    /// Upstream: volumeBinder.checkBoundClaims and tryTranslatePVToCSI, v1.37.
    fn bound(&mut self, view: &View<'_>, name: &str) -> Bound {
        let Some(volume) = view.cluster.objects().assumed_volume(name) else {
            self.asks.bound.push(None);
            return Bound::Missing;
        };
        let nodes = self.affinity(view, volume.node_affinity.as_ref());
        let migrated = migrated_affinity(volume);
        self.asks.bound.push(Some((volume.node_affinity.clone(), migrated.clone())));
        let migrated = migrated.map(|(plugin, affinity)| {
            (plugin, affinity.map(|affinity| self.affinity(view, affinity.as_ref())))
        });
        Bound::There { nodes, migrated }
    }

    fn waiting(&mut self, view: &View<'_>, claim: &PersistentVolumeClaim) -> Waiting {
        let free = claim.selected_node.is_none();
        let invalid = free && claim.selector == ClaimSelector::Invalid;
        let error = invalid.then(|| {
            let key = (&claim.namespace, &claim.name);
            format!("error creating internal label selector for claim: {}/{}", key.0, key.1)
        });
        let candidates = if free { self.candidates(view, claim) } else { Vec::new() };
        Waiting { claim: claim.clone(), candidates, error, provision: self.provision(view, claim) }
    }

    /// The volumes that `claim` could have as far as the node does not matter.
    ///
    /// Upstream: volume.FindMatchingVolume of component-helpers, v1.37. Of two volumes of one size upstream
    /// takes either; here it is the first by name.
    fn candidates(&mut self, view: &View<'_>, claim: &PersistentVolumeClaim) -> Vec<Candidate> {
        let (objects, class) = (view.cluster.objects(), &claim.class);
        let own = VolumeGroup::Of(&claim.namespace, &claim.name);
        let mut text = String::new();
        let kept = objects.assumed_volumes_in(class, own, &mut text);
        let kept = kept.chain(objects.volumes_only_assumed(class));
        let kept = kept.filter(|volume| is_like(volume, claim) && is_kept_for(volume, claim));
        let free = objects.assumed_volumes_in(class, VolumeGroup::Free, &mut text);
        let free = free.filter(|volume| is_like(volume, claim) && is_free_for(volume, claim));
        let mut found: Vec<_> =
            kept.map(|volume| (volume, true)).chain(free.map(|volume| (volume, false))).collect();
        found.sort_by_key(|(volume, kept)| (!kept, volume.capacity, &*volume.name));
        // What was kept before and is assumed now was found twice.
        found.dedup_by_key(|(volume, _)| &*volume.name);
        let candidate = |(volume, kept): (&PersistentVolume, bool)| Candidate {
            name: volume.name.clone(),
            capacity: volume.capacity,
            nodes: self.affinity(view, volume.node_affinity.as_ref()),
            kept,
        };
        found.into_iter().map(candidate).collect()
    }

    /// Where a volume can be made for `claim`.
    ///
    /// Upstream: volumeBinder.checkVolumeProvisions and hasEnoughCapacity, v1.37.
    fn provision(&mut self, view: &View<'_>, claim: &PersistentVolumeClaim) -> Option<Provision> {
        let class = view.cluster.objects().classes.named(&claim.class)?;
        if class.provisioner.is_empty() || &*class.provisioner == NO_PROVISIONER {
            return None;
        }
        let nodes = class.allowed_topologies.as_ref();
        let nodes = nodes.map(|topologies| self.labels(view, topologies));
        let storage = self.storage(view, claim, &class.provisioner);
        Some(Provision { nodes, storage })
    }

    fn storage(
        &mut self,
        view: &View<'_>,
        claim: &PersistentVolumeClaim,
        provisioner: &str,
    ) -> Option<Vec<(Selector, Option<i64>)>> {
        let request = claim.request?.value();
        let objects = view.cluster.objects();
        if !objects.csi_drivers.named(provisioner)?.storage_capacity {
            return None;
        }
        let enough = objects.capacities_of_class(&claim.class).filter(|capacity| {
            capacity.volume_limit().is_some_and(|limit| limit.value() >= request)
        });
        let reached = enough.filter_map(|capacity| {
            let nodes = capacity.nodes.as_ref()?;
            let nodes = self.labels(view, std::slice::from_ref(nodes));
            Some((Some(nodes), capacity.capacity.map(Quantity::value)))
        });
        Some(reached.collect())
    }

    /// The number of the selector that one of `terms` matches.
    fn affinity(&mut self, view: &View<'_>, terms: Option<&Vec<NodeSelectorTerm>>) -> Selector {
        let terms = terms?;
        if let Some(number) = self.affinities.get(terms) {
            return Some(*number);
        }
        let number = self.selectors.len();
        self.selectors.push(terms.iter().map(|term| Term::of_volume(view, term)).collect());
        self.affinities.insert(terms.clone(), number);
        Some(number)
    }

    fn labels(&mut self, view: &View<'_>, selectors: &[LabelSelector]) -> usize {
        let terms = selectors.iter().map(|selector| Term::of_selector(view, selector));
        self.selectors.push(terms.collect());
        self.selectors.len() - 1
    }
}

impl Waiting {
    /// Whether a volume that nobody has may do for it on some node, or one is kept for it.
    fn waits_for_volumes(&self, cluster: &Cluster) -> bool {
        let Self { claim, candidates, error, .. } = self;
        let takes_any = claim.selected_node.is_none();
        takes_any
            && (error.is_some()
                || !candidates.is_empty()
                || cluster.objects().has_volumes_on_hosts(&claim.class))
    }

    /// What it asks for, in bytes.
    pub(super) fn request(&self) -> i64 {
        self.claim.request.unwrap_or(Quantity::ZERO).value()
    }

    /// The best of the volumes that only the host called `host` can use, besides the `taken` ones.
    pub(super) fn on_host<'a>(
        &self,
        cluster: &'a Cluster,
        host: &str,
        text: &mut String,
        taken: impl Fn(&str) -> bool,
    ) -> Option<&'a PersistentVolume> {
        let claim = &self.claim;
        let there =
            cluster.objects().assumed_volumes_in(&claim.class, VolumeGroup::OnHost(host), text);
        let fit = there.filter(|volume| {
            is_like(volume, claim) && is_free_for(volume, claim) && !taken(&volume.name)
        });
        // Of equal ones the first, which is the first by name.
        fit.min_by_key(|volume| volume.capacity)
    }
}

/// Whether a volume is what a claim asks for, whoever has it.
fn is_like(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    volume.capacity >= claim.request.unwrap_or(Quantity::ZERO)
        && volume.volume_mode == claim.volume_mode
        && volume.attributes_class == claim.attributes_class
        && !volume.terminating
}

/// Whether a volume is bound to a claim or kept for it.
///
/// Upstream: volume.IsVolumeBoundToClaim of component-helpers, v1.37.
pub(super) fn is_kept_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    volume.claim.as_ref().is_some_and(|kept| {
        kept.name == claim.name
            && kept.namespace == claim.namespace
            && (kept.uid.is_empty() || kept.uid == claim.uid)
    })
}

/// Whether a claim may take a volume that nobody has.
fn is_free_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let selected = match &claim.selector {
        ClaimSelector::Any => true,
        ClaimSelector::Labels(selector) => selector.matches(&volume.labels),
        ClaimSelector::Invalid => false,
    };
    volume.claim.is_none()
        && volume.available
        && selected
        && volume.access_modes.contains(claim.access_modes)
}

/// Whether `volume` can be used from `node`; an error says why that cannot be told, or the mismatch.
pub(super) fn check_affinity(
    view: &View<'_>,
    volume: &PersistentVolume,
    node: crate::units::NodeId,
) -> Result<bool, String> {
    let name = view.cluster.node_name(node);
    let migrated =
        migrated_affinity(volume).filter(|(plugin, _)| has_migrated(view.cluster, name, plugin));
    let affinity = match migrated {
        Some((_, affinity)) => affinity?,
        None => volume.node_affinity.clone(),
    };
    let Some(terms) = affinity else { return Ok(true) };
    Ok(terms.iter().any(|term| {
        let mut matched = [true];
        Term::of_volume(view, term).narrow(view, &[node], &mut matched);
        matched[0]
    }))
}

/// Whether CSI drivers serve the volumes of the in-tree plugin on the node of this name.
pub(super) fn has_migrated(cluster: &Cluster, node: &str, plugin: &str) -> bool {
    cluster.objects().csi_nodes.named(node).is_some_and(|csi| csi.has_migrated(plugin))
}
