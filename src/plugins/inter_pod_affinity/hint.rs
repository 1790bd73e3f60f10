//! Which changes help a pod that was rejected for its terms or for those of others.
//!
//! Upstream: isSchedulableAfterAssignedPodChange and isSchedulableAfterNodeChange, v1.37. Differs from
//! upstream: there a namespace has no labels here, and a term with a namespaceSelector helps nobody.

use crate::cluster::Cluster;
use crate::framework::Hint;
use crate::model::{AffinityTerm, Node, Pod, PodAffinity};

/// Whether this term of `owner` means `other`.
fn means(term: &AffinityTerm, owner: &Pod, other: &Pod, cluster: &Cluster) -> bool {
    let namespace = &other.key.namespace;
    let of_namespace = cluster.find_namespace(namespace);
    term.means(&owner.key.namespace, namespace, of_namespace, &other.labels)
}

fn required(pod: &Pod) -> &[AffinityTerm] {
    pod.pod_affinity.as_deref().map_or(&[], |own| &own.required)
}

fn anti_required(pod: &Pod) -> &[AffinityTerm] {
    pod.pod_affinity.as_deref().map_or(&[], |own| &own.anti_required)
}

/// Upstream: podMatchesAllAffinityTerms, v1.37.
fn wants(pod: &Pod, other: &Pod, cluster: &Cluster) -> bool {
    let terms = required(pod);
    !terms.is_empty() && terms.iter().all(|term| means(term, pod, other, cluster))
}

/// Upstream: podMatchesAnyAffinityTerms, v1.37.
fn repels(pod: &Pod, other: &Pod, cluster: &Cluster) -> bool {
    anti_required(pod).iter().any(|term| means(term, pod, other, cluster))
}

/// Whether the terms of `pod` cannot be read.
pub(super) fn is_unreadable(pod: &Pod) -> bool {
    pod.pod_affinity.as_deref().is_some_and(|PodAffinity { error, .. }| error.is_some())
}

/// A pod came to a node, changed there, or left.
pub(super) fn after_pod(
    pod: &Pod,
    (old, new): (Option<&Pod>, Option<&Pod>),
    cluster: &Cluster,
) -> Hint {
    let wanted = |other| wants(pod, other, cluster);
    let repelled = |other| repels(pod, other, cluster);
    match (old, new) {
        (Some(old), Some(new)) => {
            Hint::queue_if((!wanted(old) && wanted(new)) || (repelled(old) && !repelled(new)))
        }
        (None, Some(new)) => Hint::queue_if(wanted(new)),
        (Some(old), None) => Hint::queue_if(repelled(old) || repels(old, pod, cluster)),
        (None, None) => Hint::Error,
    }
}

/// A node came, or its labels changed: it is in another domain of a term, or in one now, or in none any more.
pub(super) fn after_node(pod: &Pod, old: Option<&Node>, new: &Node) -> Hint {
    let value = |node: &Node, term: &AffinityTerm| -> Option<Box<str>> {
        node.labels.get(&term.topology_key).map(Into::into)
    };
    let joins = |term: &AffinityTerm| {
        let now = value(new, term);
        now.is_some() && old.is_none_or(|old| value(old, term) != now)
    };
    let leaves = |term: &AffinityTerm| {
        // Whom the new node's domain has, nobody asks.
        old.is_none_or(|old| {
            let was = value(old, term);
            was.is_some() && was != value(new, term)
        })
    };
    Hint::queue_if(required(pod).iter().any(joins) || anti_required(pod).iter().any(leaves))
}
