//! Whether a node takes a pod: what a kubelet checks before it runs one, against the pods that it has
//! taken already.
//!
//! Upstream: kubelet lifecycle.predicateAdmitHandler, v1.37. Differs from upstream: a critical pod evicts
//! nobody, and features of nodes (OS, supplemental groups) are not looked at.

use std::sync::Arc;

use crate::model::{Effect, HostPort, Labels, Node, NodeAffinity, Pod, Toleration};
use crate::units::{Resources, is_extended_resource};

use super::super::node_fit::{matches_node_affinity, tolerates};

/// What one pod takes of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Charge {
    amounts: Resources,
    ports: Box<[HostPort]>,
}

/// What of a pod its node judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) charge: Charge,
    selector: Labels,
    affinity: Option<Box<NodeAffinity>>,
    tolerations: Arc<[Toleration]>,
}

/// What the admitted pods of a node take.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    used: Resources,
    pods: i64,
    ports: Vec<HostPort>,
}

/// Why a pod is refused: `status.reason`, and the message without its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) message: String,
}

impl Refusal {
    fn predicate(name: &str, description: &str) -> Self {
        Self { reason: name.to_owned(), message: format!("Predicate {name} failed: {description}") }
    }

    /// Something that no predicate has a name for.
    pub(super) fn unexpected(message: impl Into<String>) -> Self {
        Self { reason: "UnexpectedAdmissionError".to_owned(), message: message.into() }
    }
}

impl Needs {
    pub(super) fn new(pod: Pod) -> Self {
        Self {
            charge: Charge { amounts: pod.requests.request, ports: pod.host_ports.into() },
            selector: pod.node_selector,
            affinity: pod.node_affinity.map(Box::new),
            tolerations: pod.tolerations,
        }
    }
}

impl Account {
    pub(super) fn add(&mut self, charge: &Charge) {
        self.pods += 1;
        let Resources { milli_cpu, memory, ephemeral_storage, scalars } = &charge.amounts;
        self.used.milli_cpu = self.used.milli_cpu.saturating_add(*milli_cpu);
        self.used.memory = self.used.memory.saturating_add(*memory);
        self.used.ephemeral_storage =
            self.used.ephemeral_storage.saturating_add(*ephemeral_storage);
        for (name, amount) in scalars {
            match self.used.scalars.binary_search_by(|(n, _)| n.cmp(name)) {
                Ok(at) => self.used.scalars[at].1 += amount,
                Err(at) => self.used.scalars.insert(at, (name.clone(), *amount)),
            }
        }
        self.ports.extend(charge.ports.iter().cloned());
    }

    pub(super) fn remove(&mut self, charge: &Charge) {
        self.pods -= 1;
        let Resources { milli_cpu, memory, ephemeral_storage, scalars } = &charge.amounts;
        self.used.milli_cpu = self.used.milli_cpu.saturating_sub(*milli_cpu);
        self.used.memory = self.used.memory.saturating_sub(*memory);
        self.used.ephemeral_storage =
            self.used.ephemeral_storage.saturating_sub(*ephemeral_storage);
        for (name, amount) in scalars {
            if let Ok(at) = self.used.scalars.binary_search_by(|(n, _)| n.cmp(name)) {
                self.used.scalars[at].1 -= amount;
            }
        }
        for port in &charge.ports {
            if let Some(at) = self.ports.iter().position(|used| used == port) {
                self.ports.swap_remove(at);
            }
        }
    }

    /// Whether `node`, with these pods on it, takes another one; the first reason why not.
    pub(super) fn admit(&self, node: &Node, pod: &Needs) -> Result<(), Refusal> {
        self.fits(node, &pod.charge.amounts)?;
        if !matches_node_affinity(&pod.selector, pod.affinity.as_deref(), node) {
            let text = "node(s) didn't match Pod's node affinity/selector";
            return Err(Refusal::predicate("NodeAffinity", text));
        }
        let taken = |port: &HostPort| self.ports.iter().any(|used| used.conflicts_with(port));
        if pod.charge.ports.iter().any(taken) {
            let text = "node(s) didn't have free ports for the requested pod ports";
            return Err(Refusal::predicate("NodePorts", text));
        }
        if !tolerates(&pod.tolerations, node, &[Effect::NoExecute]) {
            let text = "node(s) had taints that the pod didn't tolerate";
            return Err(Refusal::predicate("TaintToleration", text));
        }
        Ok(())
    }

    /// Upstream: noderesources.Fits, v1.37. Extended resources that the node does not know are not its
    /// business.
    fn fits(&self, node: &Node, request: &Resources) -> Result<(), Refusal> {
        let (has, used) = (&node.allocatable, &self.used);
        if self.pods + 1 > node.allocatable_pods {
            return Err(insufficient("pods", 1, self.pods, node.allocatable_pods));
        }
        let rows = [
            ("cpu", request.milli_cpu, used.milli_cpu, has.milli_cpu),
            ("memory", request.memory, used.memory, has.memory),
            (
                "ephemeral-storage",
                request.ephemeral_storage,
                used.ephemeral_storage,
                has.ephemeral_storage,
            ),
        ];
        let known = |name: &str| {
            !is_extended_resource(name) || has.scalars.iter().any(|(n, _)| **n == *name)
        };
        let scalars = request.scalars.iter().filter(|(name, _)| known(name));
        let scalars =
            scalars.map(|(name, amount)| (&**name, *amount, used.scalar(name), has.scalar(name)));
        for (name, requested, used, capacity) in rows.into_iter().chain(scalars) {
            if requested > 0 && requested > capacity.saturating_sub(used) {
                return Err(insufficient(name, requested, used, capacity));
            }
        }
        Ok(())
    }
}

/// Upstream: lifecycle.InsufficientResourceError, v1.37; CPU is in thousandths of a core.
fn insufficient(name: &str, requested: i64, used: i64, capacity: i64) -> Refusal {
    Refusal {
        reason: format!("OutOf{name}"),
        message: format!(
            "Node didn't have enough resource: {name}, requested: {requested}, used: {used}, \
             capacity: {capacity}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PodRequests, Taint};

    fn pod(milli_cpu: i64) -> Pod {
        let request = Resources { milli_cpu, ..Resources::default() };
        Pod { requests: PodRequests { request, ..PodRequests::default() }, ..Pod::default() }
    }

    fn node() -> Node {
        let scalars = vec![("example.com/gpu".into(), 1)];
        let allocatable =
            Resources { milli_cpu: 2000, memory: 1 << 30, scalars, ..Resources::default() };
        Node { name: "n".into(), allocatable, allocatable_pods: 3, ..Node::default() }
    }

    fn admit(account: &Account, pod: &Pod) -> Result<(), Refusal> {
        account.admit(&node(), &Needs::new(pod.clone()))
    }

    fn charge(pod: &Pod) -> Charge {
        Needs::new(pod.clone()).charge
    }

    fn refused(account: &Account, pod: &Pod) -> (String, String) {
        let refusal = admit(account, pod).unwrap_err();
        (refusal.reason, refusal.message)
    }

    #[test]
    fn overcommitment_is_refused_in_the_kubelets_words() {
        let mut account = Account::default();
        assert_eq!(admit(&account, &pod(1500)), Ok(()));
        let taken = charge(&pod(1500));
        account.add(&taken);
        let want =
            "Node didn't have enough resource: cpu, requested: 2000, used: 1500, capacity: 2000";
        assert_eq!(refused(&account, &pod(2000)), ("OutOfcpu".to_owned(), want.to_owned()));
        account.remove(&taken);
        assert_eq!(admit(&account, &pod(2000)), Ok(()));
        for _ in 0..3 {
            account.add(&charge(&pod(0)));
        }
        assert_eq!(refused(&account, &pod(0)).0, "OutOfpods");
    }

    #[test]
    fn extended_resources_count_where_the_node_has_them() {
        let mut gpu = pod(0);
        gpu.requests.request.scalars = vec![("example.com/gpu".into(), 1)];
        let mut account = Account::default();
        assert_eq!(admit(&account, &gpu), Ok(()));
        account.add(&charge(&gpu));
        assert_eq!(refused(&account, &gpu).0, "OutOfexample.com/gpu");
        let mut unknown = pod(0);
        unknown.requests.request.scalars = vec![("example.com/fpga".into(), 9)];
        assert_eq!(admit(&account, &unknown), Ok(()));
    }

    #[test]
    fn selectors_ports_and_taints() {
        let mut account = Account::default();
        let selecting = Pod { node_selector: Labels::from_iter([("a", "b")]), ..pod(0) };
        assert_eq!(refused(&account, &selecting).0, "NodeAffinity");
        let port = HostPort { protocol: "TCP".into(), ip: "0.0.0.0".into(), port: 80 };
        let mut serving = pod(0);
        serving.host_ports = vec![port];
        assert_eq!(admit(&account, &serving), Ok(()));
        let taken = charge(&serving);
        account.add(&taken);
        assert_eq!(refused(&account, &serving).0, "NodePorts");
        account.remove(&taken);
        assert_eq!(admit(&account, &serving), Ok(()));
        let taint = Taint { key: "k".into(), value: "".into(), effect: Effect::NoExecute };
        let tainted = Node { taints: vec![taint], ..node() };
        let refusal = account.admit(&tainted, &Needs::new(pod(0))).unwrap_err();
        assert_eq!(refusal.reason, "TaintToleration");
    }
}
