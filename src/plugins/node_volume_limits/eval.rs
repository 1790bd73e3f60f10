//! Judges nodes by how many volumes of each CSI driver they take.

use std::any::Any;
use std::hash::BuildHasher;

use crate::cluster::View;
use crate::framework::{Code, Eval, Parts, Verdict};
use crate::model::CsiNode;
use crate::units::{NodeId, Set};

use super::attached::{
    CsiVolume, Unknown, add_nodes_with, attached_volumes, is_traceable, volumes_in_use,
};

const TOO_MANY: &str = "node(s) exceed max volume count";

/// What is known of the volumes of the pod.
type NewVolumes = Result<Vec<CsiVolume<'static>>, Unknown>;

pub(super) struct NodeVolumeLimitsEval {
    pub(super) position: u16,
    /// A driver that says so must be on the node.
    pub(super) requires_drivers: bool,
    /// The volumes of the pod on a node with a `CSINode`, where drivers serve in-tree volumes too.
    pub(super) with_csi_node: NewVolumes,
    /// On a node without.
    pub(super) without: NewVolumes,
    /// The epoch of the classes that they are from; `None` where something of them cannot be told.
    pub(super) lasting: Option<u64>,
}

/// Why a node will not do.
enum Rejection<'a> {
    /// The volumes of the pod cannot be told.
    New(&'a Unknown),
    /// The driver of the pod's volume of this number is not on the node.
    NoDriver { driver: &'a str, number: u32, has_csi_node: bool },
    /// The volumes of the pods on the node cannot be told.
    InUse(Unknown),
    /// It takes no more volumes.
    TooMany,
}

impl Rejection<'_> {
    fn code(&self) -> Code {
        match self {
            Self::New(unknown) => unknown.code,
            Self::InUse(unknown) => unknown.code,
            Self::NoDriver { .. } | Self::TooMany => Code::Unschedulable,
        }
    }

    /// [`Verdict::detail`]: nodes with equal codes and details are rejected in the same words. Of a
    /// [`Code::Error`] it is the node's number.
    fn detail(&self) -> u32 {
        const KINDS: u32 = 3;
        match self {
            Self::New(_) => 0,
            Self::InUse(_) => 1,
            Self::TooMany => 2,
            Self::NoDriver { number, has_csi_node, .. } => {
                number.saturating_mul(2).saturating_add(KINDS + u32::from(*has_csi_node))
            }
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::New(unknown) => unknown.reason.clone(),
            Self::InUse(unknown) => unknown.reason.clone(),
            Self::NoDriver { driver, .. } => {
                format!("{driver} CSI driver is not installed on the node")
            }
            Self::TooMany => TOO_MANY.into(),
        }
    }
}

impl NodeVolumeLimitsEval {
    /// The volumes of the pod on nodes with and without a `CSINode`, as far as they are known.
    fn lists(&self) -> impl Iterator<Item = &[CsiVolume<'static>]> {
        [&self.with_csi_node, &self.without].into_iter().map(|list| list.as_deref().unwrap_or(&[]))
    }

    /// Why `node` will not do, if so.
    ///
    /// Upstream: CSILimits.Filter, v1.37.
    fn judge(&self, view: &View<'_>, node: NodeId) -> Result<(), Rejection<'_>> {
        let name = view.cluster.node_name(node);
        let csi_node = view.cluster.objects().csi_nodes.named(name);
        let new = if csi_node.is_some() { &self.with_csi_node } else { &self.without };
        let new = new.as_ref().map_err(Rejection::New)?;
        if new.is_empty() {
            return Ok(());
        }
        if self.requires_drivers
            && let Some((number, driver)) = missing_driver(view, csi_node, new)
        {
            let has_csi_node = csi_node.is_some();
            return Err(Rejection::NoDriver { driver, number, has_csi_node });
        }
        let Some(csi_node) = csi_node.filter(|csi_node| has_limits(csi_node)) else {
            return Ok(());
        };
        let in_use = volumes_in_use(view, node).map_err(Rejection::InUse)?;
        let is_in_use = |volume: &CsiVolume<'_>| in_use.binary_search(volume).is_ok();
        let new: Vec<_> = new.iter().filter(|volume| !is_in_use(volume)).collect();
        let attached = attached_volumes(view.cluster, name);
        let attached: Vec<_> = attached.iter().filter(|volume| !is_in_use(volume)).collect();
        for driver in new.iter().map(|volume| &volume.driver) {
            let Some(max) = limit(csi_node, driver) else { continue };
            let of_driver = |volume: &CsiVolume<'_>| volume.driver == *driver;
            let count = new.iter().filter(|volume| of_driver(volume)).count()
                + attached.iter().filter(|volume| of_driver(volume)).count()
                + in_use.iter().filter(|volume| of_driver(volume)).count();
            if i64::try_from(count).is_ok_and(|count| count > i64::from(max)) {
                return Err(Rejection::TooMany);
            }
        }
        Ok(())
    }
}

fn has_limits(csi_node: &CsiNode) -> bool {
    csi_node.drivers.iter().any(|driver| driver.volumes_max.is_some())
}

/// How many volumes of `driver` the node takes, where it says so.
fn limit(csi_node: &CsiNode, driver: &str) -> Option<i32> {
    let mut named = csi_node.drivers.iter().rev().filter(|other| *other.name == *driver);
    named.find_map(|driver| driver.volumes_max)
}

/// The first driver of the volumes that must be on the node and is not, and the number of its volume.
///
/// Upstream: checkCSIDriverOnNode, v1.37.
fn missing_driver<'a>(
    view: &View<'_>,
    csi_node: Option<&CsiNode>,
    volumes: &'a [CsiVolume<'_>],
) -> Option<(u32, &'a str)> {
    let is_needed = |driver: &str| {
        let driver = view.cluster.objects().csi_drivers.named(driver);
        driver.is_some_and(|driver| driver.prevents_if_missing)
    };
    let is_there = |name: &str| {
        csi_node.is_some_and(|node| node.drivers.iter().any(|driver| *driver.name == *name))
    };
    let mut drivers = (0..).zip(volumes.iter().map(|volume| &*volume.driver));
    drivers.find(|(_, driver)| is_needed(driver) && !is_there(driver))
}

impl Eval for NodeVolumeLimitsEval {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn lasting(&self) -> Option<u64> {
        self.lasting
    }

    /// As many volumes of the same drivers are as good as others on nodes that have none of them.
    fn is_like(&self, other: &dyn Eval, view: &View<'_>, unlike: &mut Vec<NodeId>) -> bool {
        let Some(other) = (other as &dyn Any).downcast_ref::<Self>() else { return false };
        self.lists().zip(other.lists()).all(|(own, others)| {
            own.len() == others.len()
                && own.iter().zip(others).all(|(one, other)| {
                    one == other
                        || one.driver == other.driver
                            && add_nodes_with(one, view.cluster, unlike)
                            && add_nodes_with(other, view.cluster, unlike)
                })
        })
    }

    fn shape(&self, view: &View<'_>) -> u64 {
        let alike = |volume: &CsiVolume<'static>| {
            let handle = (!is_traceable(volume, view.cluster)).then(|| volume.handle.clone());
            (volume.driver.clone(), handle)
        };
        let lists: Vec<Vec<_>> =
            self.lists().map(|list| list.iter().map(alike).collect()).collect();
        Set::<()>::default().hasher().hash_one(lists)
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            if let Err(rejection) = self.judge(view, *node) {
                let code = rejection.code();
                // The text may be about a pod of this node.
                let detail = if code == Code::Error { node.0 } else { rejection.detail() };
                *verdict = Verdict::reject(self.position, code, detail);
            }
        }
    }

    fn reasons(&self, view: &View<'_>, node: NodeId, _verdict: Verdict) -> Vec<String> {
        self.judge(view, node).err().iter().map(Rejection::reason).collect()
    }
}
