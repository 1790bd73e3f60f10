//! What every placement reads of a node, in two cache lines.

use crate::model::HostPort;

/// The facts of one node that filters and scores read for every pod. 128 bytes.
///
/// `requested_*` and `pods` count the pods that are bound or assumed there; they stay right while the
/// node itself is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(128))]
pub struct Row {
    /// Allocatable CPU in thousandths of a core.
    pub allocatable_milli_cpu: i64,
    /// Allocatable memory in bytes.
    pub allocatable_memory: i64,
    /// Allocatable ephemeral storage in bytes.
    pub allocatable_ephemeral_storage: i64,
    /// How many pods the node takes.
    pub allocatable_pods: i64,
    /// CPU that its pods ask for, in thousandths of a core.
    pub requested_milli_cpu: i64,
    /// Memory that its pods ask for, in bytes.
    pub requested_memory: i64,
    /// Ephemeral storage that its pods ask for, in bytes.
    pub requested_ephemeral_storage: i64,
    /// `requested_milli_cpu` with a default for containers that ask for none.
    pub non_zero_milli_cpu: i64,
    /// `requested_memory` with a default for containers that ask for none.
    pub non_zero_memory: i64,
    /// Number of pods.
    pub pods: i64,
    /// Number of the set of its taints; 0 is the empty set.
    pub taints: u32,
    /// `FLAG_*` bits.
    pub flags: u32,
    /// The lowest priority of its pods; `i32::MAX` without pods.
    pub lowest_priority: i32,
}

const _: () = assert!(size_of::<Row>() == 128, "a row is two cache lines");

impl Row {
    /// The node exists (its pods may outlive it).
    pub const PRESENT: u32 = 1;
    /// `spec.unschedulable`.
    pub const UNSCHEDULABLE: u32 = 2;

    /// A row of a node that is not there and has no pods.
    #[must_use]
    pub fn vacant() -> Self {
        Self { lowest_priority: i32::MAX, ..Self::default() }
    }

    /// Whether the node exists.
    #[must_use]
    #[inline]
    pub fn is_present(&self) -> bool {
        self.flags & Self::PRESENT != 0
    }
}

/// An amount of one countable resource on one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScalarUse {
    /// The resource's name, interned.
    pub name: u32,
    /// What pods may use.
    pub allocatable: i64,
    /// What its pods ask for.
    pub requested: i64,
}

/// What one pod takes from its node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) milli_cpu: i64,
    pub(crate) memory: i64,
    pub(crate) ephemeral_storage: i64,
    pub(crate) non_zero_milli_cpu: i64,
    pub(crate) non_zero_memory: i64,
    /// Interned names and amounts.
    pub(crate) scalars: Box<[(u32, i64)]>,
}

/// Adds (`sign` 1) or takes away (-1) what a pod uses. Sums wrap as upstream's do; validation keeps them
/// far from that.
pub(crate) fn count_usage(row: &mut Row, scalars: &mut Vec<ScalarUse>, usage: &Usage, sign: i64) {
    let apply = |total: &mut i64, amount: i64| {
        *total = total.wrapping_add(amount.wrapping_mul(sign));
    };
    apply(&mut row.requested_milli_cpu, usage.milli_cpu);
    apply(&mut row.requested_memory, usage.memory);
    apply(&mut row.requested_ephemeral_storage, usage.ephemeral_storage);
    apply(&mut row.non_zero_milli_cpu, usage.non_zero_milli_cpu);
    apply(&mut row.non_zero_memory, usage.non_zero_memory);
    apply(&mut row.pods, 1);
    for &(name, amount) in &usage.scalars {
        let at = scalars.iter().position(|s| s.name == name).unwrap_or_else(|| {
            scalars.push(ScalarUse { name, ..ScalarUse::default() });
            scalars.len() - 1
        });
        apply(&mut scalars[at].requested, amount);
    }
    scalars.retain(|s| s.allocatable != 0 || s.requested != 0);
}

/// Adds (`sign` 1) or takes away (-1) the host ports of a pod.
pub(crate) fn count_ports(used: &mut Vec<(HostPort, u32)>, ports: &[HostPort], sign: i64) {
    for port in ports {
        let at = used.iter().position(|(other, _)| other == port);
        match (at, sign) {
            (Some(at), 1) => used[at].1 += 1,
            (None, 1) => used.push((port.clone(), 1)),
            (Some(at), _) if used[at].1 > 1 => used[at].1 -= 1,
            (Some(at), _) => drop(used.swap_remove(at)),
            (None, _) => {}
        }
    }
}
