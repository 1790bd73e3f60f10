//! Hard constraints: how full each domain is, and which nodes that keeps a pod away from.

use crate::cluster::View;
use crate::framework::{Code, Verdict};
use crate::model::Pod;
use crate::units::NodeId;

use super::constraint::Constraint;
use super::counting::{Classes, Domains, Inclusion, count_domains, nodes_with_all_keys};

/// Detail of a rejection because of a domain that is too full.
const TOO_FULL: u32 = 0;
/// Detail of a rejection because of a missing label.
const NO_LABEL: u32 = 1;
/// The lowest number of pods where there is no domain.
///
/// Upstream: newCriticalPaths, v1.37.
const NO_DOMAIN: i64 = i32::MAX as i64;

/// The words of a rejection with this detail.
pub(super) fn reason(detail: u32) -> &'static str {
    match detail {
        NO_LABEL => "node(s) didn't match pod topology spread constraints (missing required label)",
        _ => "node(s) didn't match pod topology spread constraints",
    }
}

/// The hard constraints of a pod, counted.
pub(super) struct Hard {
    constraints: Vec<Constraint>,
    counted: Vec<Counted>,
    inclusion: Inclusion,
}

/// What was counted for one constraint.
struct Counted {
    classes: Classes,
    domains: Domains,
    /// Number of domains.
    number: i64,
    /// The domain with the fewest pods, and how many.
    emptiest: (Option<u32>, i64),
    /// The fewest pods of any other domain.
    next: i64,
    /// The pod itself is meant: 1.
    own: i64,
}

/// A domain with pods more or fewer in thought.
#[derive(Clone, Copy)]
struct Moved {
    domain: u32,
    pods: i64,
}

impl Hard {
    /// Counts for `pod`. Only nodes that have the labels of all constraints count for any of them.
    ///
    /// Upstream: calPreFilterState, v1.37.
    pub(super) fn new(constraints: Vec<Constraint>, pod: &Pod, view: &View<'_>) -> Self {
        let inclusion = Inclusion::new(&constraints, pod, view);
        let nodes = nodes_with_all_keys(&constraints, view);
        let allowed = inclusion.allowed(view, &nodes);
        let counted = constraints.iter().map(|constraint| {
            let classes = Classes::of(constraint, pod, view.cluster);
            let nodes = (&nodes[..], allowed.as_deref());
            let domains = count_domains(constraint, &classes, &inclusion, nodes, view);
            Counted::new(classes, domains, constraint.selects(&pod.labels))
        });
        let counted = counted.collect();
        Self { constraints, counted, inclusion }
    }

    /// Rejects nodes whose domain would be fuller than the emptiest by more than the skew.
    pub(super) fn filter(
        &self,
        position: u16,
        view: &View<'_>,
        nodes: &[NodeId],
        out: &mut [Verdict],
    ) {
        let no_label = Verdict::reject(position, Code::UnschedulableAndUnresolvable, NO_LABEL);
        let too_full = Verdict::reject(position, Code::Unschedulable, TOO_FULL);
        for (constraint, counted) in self.constraints.iter().zip(&self.counted) {
            let column = view.cluster.label_column(&constraint.topology_key);
            let moved = self.moved(constraint, counted, view);
            let most = counted.most(constraint, moved);
            for (node, verdict) in nodes.iter().zip(&mut *out) {
                if !verdict.is_pass() {
                    continue;
                }
                match column.and_then(|column| column.number(*node)) {
                    None => *verdict = no_label,
                    Some(domain) if counted.pods(domain, moved) > most => *verdict = too_full,
                    Some(_) => {}
                }
            }
        }
    }

    /// What the node that is changed in thought does to its domain.
    ///
    /// Upstream: updateWithPod, v1.37.
    fn moved(&self, constraint: &Constraint, counted: &Counted, view: &View<'_>) -> Option<Moved> {
        let node = view.overlay()?.node();
        let pods = counted.classes.change(view);
        let domain = |key: &str| view.cluster.label_column(key)?.number(node);
        let counts = pods != 0
            && self.constraints.iter().all(|other| domain(&other.topology_key).is_some())
            && self.inclusion.includes_one(view, constraint, node);
        counts.then_some(Moved { domain: domain(&constraint.topology_key)?, pods })
    }
}

impl Counted {
    fn new(classes: Classes, domains: Domains, selects_itself: bool) -> Self {
        let (mut emptiest, mut next, mut number) = ((None, NO_DOMAIN), NO_DOMAIN, 0);
        for (domain, pods) in domains.iter() {
            let pods = i64::from(pods);
            number += 1;
            if pods < emptiest.1 {
                next = emptiest.1;
                emptiest = (Some(domain), pods);
            } else {
                next = next.min(pods);
            }
        }
        Self { classes, domains, number, emptiest, next, own: i64::from(selects_itself) }
    }

    fn pods(&self, domain: u32, moved: Option<Moved>) -> i64 {
        let change = moved.filter(|moved| moved.domain == domain).map_or(0, |moved| moved.pods);
        i64::from(self.domains.pods(domain)) + change
    }

    /// The most pods that a domain may have before this one comes.
    ///
    /// Upstream: minMatchNum and Filter, v1.37.
    fn most(&self, constraint: &Constraint, moved: Option<Moved>) -> i64 {
        let fewest = match moved {
            _ if self.number < i64::from(constraint.min_domains) => 0,
            None => self.emptiest.1,
            Some(moved) => {
                let is_emptiest = self.emptiest.0 == Some(moved.domain);
                let others = if is_emptiest { self.next } else { self.emptiest.1 };
                others.min(self.pods(moved.domain, Some(moved)))
            }
        };
        i64::from(constraint.max_skew) + fewest - self.own
    }
}
