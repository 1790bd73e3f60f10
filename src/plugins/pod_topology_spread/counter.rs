//! Counts pods by domain for all constraints of one kind: once for a pod, or followed from pod to pod, where
//! what a changed node has added is taken out and what it adds now is put in.

use crate::cluster::{LabelColumn, NodeNews, View};
use crate::model::Pod;
use crate::units::NodeId;

use super::constraint::Constraint;
use super::counting::{Classes, Inclusion};
use super::domains::{At, Domains, Share, Shares};

/// The constraints of one kind, counted.
pub(super) struct Counter {
    namespace: Box<str>,
    constraints: Vec<Constraint>,
    /// The classes that each constraint means, once a selector, with the first constraint that has it.
    classes: Vec<(usize, Classes)>,
    /// By constraint: index in `classes`.
    classes_of: Vec<usize>,
    inclusion: Inclusion,
    scope: Scope,
    /// By constraint; `None` where nodes are looked at one by one.
    domains: Vec<Option<Domains>>,
    /// While it follows: what each node adds, one entry for each of `domains` that there is.
    shares: Option<Shares>,
}

/// What is counted, and where.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// Only nodes that have the labels of all constraints count.
    pub(super) all_keys: bool,
    /// Whether the pods of a constraint are counted by domain.
    pub(super) by_domain: fn(&Constraint) -> bool,
    /// Which domain is the emptiest will be asked.
    pub(super) asks_lows: bool,
}

impl Counter {
    /// Counts for `pod`.
    pub(super) fn new(
        constraints: Vec<Constraint>,
        scope: Scope,
        pod: &Pod,
        view: &View<'_>,
    ) -> Self {
        let namespace = pod.key.namespace.clone();
        let (mut classes, mut classes_of) = (Vec::<(usize, Classes)>::new(), Vec::new());
        for (at, constraint) in constraints.iter().enumerate() {
            let same = |(of, _): &(usize, _)| constraints[*of].selector == constraint.selector;
            classes_of.push(classes.iter().position(same).unwrap_or(classes.len()));
            if classes_of[at] == classes.len() {
                classes.push((at, Classes::of(constraint, &namespace, view.cluster)));
            }
        }
        let mut counter = Self {
            inclusion: Inclusion::new(&constraints, pod, view),
            domains: vec![None; constraints.len()],
            namespace,
            constraints,
            classes,
            classes_of,
            scope,
            shares: None,
        };
        counter.count(view);
        counter
    }

    /// Counts on all nodes.
    fn count(&mut self, view: &View<'_>) {
        let columns = self.columns(view);
        let present = view.cluster.nodes();
        let nodes: Vec<NodeId> = present.filter(|node| self.is_in_scope(&columns, *node)).collect();
        let allowed = self.inclusion.allowed(view, &nodes);
        for (at, constraint) in self.constraints.iter().enumerate() {
            if !(self.scope.by_domain)(constraint) {
                continue;
            }
            let mut domains = Domains::new(false);
            for (index, node) in nodes.iter().enumerate() {
                let allowed = allowed.as_ref().is_none_or(|allowed| allowed[index]);
                if self.inclusion.includes(view, constraint, *node, allowed) {
                    domains.add(share(columns[at], *node, self.pods_on(at, view, *node)));
                }
            }
            self.domains[at] = Some(domains);
        }
    }

    /// Keeps what each node adds from now on.
    pub(super) fn follow(&mut self, view: &View<'_>) {
        for (domains, constraint) in self.domains.iter_mut().zip(&self.constraints) {
            let by_domain = (self.scope.by_domain)(constraint);
            *domains = by_domain.then(|| Domains::new(self.scope.asks_lows));
        }
        self.shares = Some(Shares::default());
        let nodes: Vec<NodeId> = view.cluster.nodes().collect();
        self.catch_up(view, &nodes);
    }

    /// Counts what `nodes` add now in place of what they have added. False: it cannot.
    pub(super) fn catch_up(&mut self, view: &View<'_>, nodes: &[NodeId]) -> bool {
        let Some(mut shares) = self.shares.take() else { return false };
        let stride = self.domains.iter().flatten().count();
        shares.grow(view.cluster.nodes_bound() * stride);
        let mut counted = vec![0; self.classes.len()];
        let columns = self.columns(view);
        let allowed = self.inclusion.allowed(view, nodes);
        for (index, node) in nodes.iter().enumerate() {
            if !self.inclusion.knows(view, *node) {
                return false;
            }
            for ((of, classes), counted) in self.classes.iter_mut().zip(&mut counted) {
                let constraint = &self.constraints[*of];
                *counted = classes.learn(constraint, &self.namespace, view.cluster, *node);
            }
            let counts = view.row(*node).is_present() && self.is_in_scope(&columns, *node);
            let allowed = allowed.as_ref().is_none_or(|allowed| allowed[index]);
            let mut entries = node.0 as usize * stride..;
            for (at, domains) in self.domains.iter_mut().enumerate() {
                let Some(domains) = domains else { continue };
                let Some(entry) = entries.next() else { continue };
                let constraint = &self.constraints[at];
                let new = if counts && self.inclusion.includes(view, constraint, *node, allowed) {
                    share(columns[at], *node, counted[self.classes_of[at]])
                } else {
                    Share::default()
                };
                let old = shares.replace(entry, new);
                if old != new {
                    domains.replace(old, new);
                }
            }
        }
        self.shares = Some(shares);
        true
    }

    /// Whether a change can alter what a node adds.
    #[inline]
    pub(super) fn concerns(&self, change: &NodeNews) -> bool {
        let NodeNews { class, stamp, .. } = *change;
        stamp == 0 || !self.classes.iter().all(|(_, classes)| classes.leave_out(class, stamp))
    }

    /// The label columns of all constraints.
    fn columns<'a>(&self, view: &View<'a>) -> Vec<Option<LabelColumn<'a>>> {
        let keys = self.constraints.iter().map(|constraint| &constraint.topology_key);
        keys.map(|key| view.cluster.label_column(key)).collect()
    }

    /// Whether `node` has the labels that it needs to count.
    fn is_in_scope(&self, columns: &[Option<LabelColumn<'_>>], node: NodeId) -> bool {
        let has =
            |column: &Option<LabelColumn<'_>>| column.is_some_and(|c| c.number(node).is_some());
        !self.scope.all_keys || columns.iter().all(has)
    }

    /// The constraints.
    pub(super) fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// The domains of constraint `at`; `None` where nodes are looked at one by one.
    pub(super) fn domains(&self, at: usize) -> Option<&Domains> {
        self.domains[at].as_ref()
    }

    /// How many pods constraint `at` counts on `node`.
    pub(super) fn pods_on(&self, at: usize, view: &View<'_>, node: NodeId) -> u32 {
        self.classes[self.classes_of[at]].1.on(view.cluster, node)
    }

    /// The domain of constraint `at` in which there are pods more or fewer in thought, and how many.
    ///
    /// Upstream: updateWithPod, v1.37.
    pub(super) fn moved(&self, at: usize, view: &View<'_>) -> Option<(u32, i64)> {
        let node = view.overlay()?.node();
        let constraint = &self.constraints[at];
        let classes = &self.classes[self.classes_of[at]].1;
        let pods = classes.change(constraint, &self.namespace, view);
        let domain = |key: &str| view.cluster.label_column(key)?.number(node);
        let counts = pods != 0
            && self.constraints.iter().all(|other| domain(&other.topology_key).is_some())
            && self.inclusion.includes_one(view, constraint, node);
        counts.then_some((domain(&constraint.topology_key)?, pods))
    }

    /// What it keeps, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let shares = self.shares.as_ref().map_or(0, Shares::bytes);
        let classes: usize = self.classes.iter().map(|(_, classes)| classes.bytes()).sum();
        let domains: usize = self.domains.iter().flatten().map(Domains::bytes).sum();
        shares + classes + domains
    }
}

/// What `node` adds, on which so many pods are counted.
fn share(column: Option<LabelColumn<'_>>, node: NodeId, pods: u32) -> Share {
    let number = column.and_then(|column| column.number(node));
    Share::new(number.map_or(At::Without, At::Domain), pods)
}
