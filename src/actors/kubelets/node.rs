//! A node as its kubelet sees it: what it offers, whose addresses are taken, what is written about it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::model;
use crate::units::{Nanos, hash_bytes};

use super::super::clock::{self, micros_text, nanos, seconds_text};
use super::super::node_model::node_model;
use super::super::write::Write;
use super::admission::Account;

/// Addresses of pods that a node has: a /22.
const ADDRESSES: u32 = 1 << 10;
/// Nodes with a range of their own in 10.0.0.0/8. Those beyond share.
const RANGES: u32 = 1 << 14;
/// A node whose status was just written is not written again because of what a watch still shows.
const PATCH_AGAIN_AFTER: Nanos = Nanos::from_secs(10);
/// The Kubernetes version that the kubelets pretend to be.
const KUBELET_VERSION: &str = "v1.37.2";

/// A node and its pods' part of it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) uid: Box<str>,
    /// What it offers; `None` where that cannot be read, and then it takes no pod.
    pub(super) model: Option<model::Node>,
    pub(super) account: Account,
    pub(super) host_ip: Box<str>,
    /// Its place among the nodes, from which its addresses follow.
    index: u32,
    taken: Box<[u64]>,
    patched: Option<Nanos>,
    /// From when on its status is to be written again.
    pub(super) status_due: Nanos,
}

impl Node {
    pub(super) fn new(name: &str, index: u32) -> Self {
        let mut taken = vec![0; (ADDRESSES / u64::BITS) as usize].into_boxed_slice();
        // The network's own address.
        taken[0] = 1;
        Self {
            name: name.into(),
            uid: "".into(),
            model: None,
            account: Account::default(),
            host_ip: "".into(),
            index,
            taken,
            patched: None,
            status_due: Nanos(u64::MAX),
        }
    }

    /// Takes over what the watch shows, and when its status has to be written after that.
    pub(super) fn observe(&mut self, object: &DynamicObject, every: Duration, now: Nanos) {
        self.uid = object.metadata.uid.as_deref().unwrap_or_default().into();
        self.model = node_model(object);
        let status = &object.data["status"];
        self.host_ip = match address(status) {
            Some(address) => address.into(),
            None => self.own_address().into(),
        };
        let heartbeat = condition(status, "Ready")
            .filter(|ready| ready["status"] == "True")
            .and_then(|ready| clock::parse(ready["lastHeartbeatTime"].as_str()?));
        let complete = address(status).is_some()
            && status["nodeInfo"]["kubeletVersion"].as_str().is_some_and(|v| !v.is_empty())
            && condition(status, "MemoryPressure").is_some();
        let next = heartbeat.filter(|_| complete).map(|at| at + nanos(every));
        self.status_due = match next {
            Some(due) if due > now => due,
            // Now, or since it is known to be so, but not at once after the last time.
            _ => {
                let earliest = self.patched.map_or(Nanos::default(), |at| at + PATCH_AGAIN_AFTER);
                self.status_due.min(now).max(earliest)
            }
        };
    }

    /// The patch of its status.
    pub(super) fn status_patch(&mut self, every: Duration, now: Nanos) -> Write {
        self.patched = Some(now);
        self.status_due = now + nanos(every);
        let at = seconds_text(now);
        let condition = |name: &str, status: &str, reason: &str, message: &str| {
            json!({
                "type": name, "status": status, "reason": reason, "message": message,
                "lastHeartbeatTime": at,
            })
        };
        let conditions = [
            condition(
                "MemoryPressure",
                "False",
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
            condition(
                "DiskPressure",
                "False",
                "KubeletHasNoDiskPressure",
                "kubelet has no disk pressure",
            ),
            condition(
                "PIDPressure",
                "False",
                "KubeletHasSufficientPID",
                "kubelet has sufficient PID available",
            ),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ];
        let id = format!("{:016x}", hash_bytes(0, self.name.as_bytes()));
        let status = json!({
            "conditions": conditions,
            "addresses": [
                {"type": "InternalIP", "address": self.host_ip},
                {"type": "Hostname", "address": &*self.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux",
                "kubeletVersion": KUBELET_VERSION, "kubeProxyVersion": "",
                "containerRuntimeVersion": "pretend://1.0.0", "osImage": "pretend",
                "kernelVersion": "pretend", "machineID": id, "systemUUID": id, "bootID": id,
            },
        });
        Write::strategic(format!("/api/v1/nodes/{}/status", self.name), json!({"status": status}))
    }

    /// The renewal of its Lease.
    pub(super) fn renewal(&self, now: Nanos) -> Write {
        let path = format!("{LEASES}/{}", self.name);
        Write::merge(path, json!({"spec": {"renewTime": micros_text(now)}}))
    }

    /// Its Lease, where there is none.
    pub(super) fn lease(&self, every: Duration, now: Nanos) -> Write {
        let seconds = every.as_secs().saturating_mul(4).max(1);
        let owner =
            json!([{"apiVersion": "v1", "kind": "Node", "name": &*self.name, "uid": self.uid}]);
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {
                "name": &*self.name, "namespace": "kube-node-lease", "ownerReferences": owner,
            },
            "spec": {
                "holderIdentity": &*self.name, "leaseDurationSeconds": seconds,
                "renewTime": micros_text(now),
            },
        });
        Write::create(LEASES, lease)
    }

    /// Takes an address for a pod; 0 where all are taken.
    pub(super) fn take_address(&mut self) -> u16 {
        let Some(word) = self.taken.iter().position(|word| *word != u64::MAX) else { return 0 };
        let bit = self.taken[word].trailing_ones();
        self.taken[word] |= 1 << bit;
        u16::try_from(word * 64 + bit as usize).unwrap_or_default()
    }

    /// Takes the address that a pod has already, where it is one of this node's.
    pub(super) fn keep_address(&mut self, address: Ipv4Addr) -> u16 {
        let bits = address.to_bits();
        if bits & !(ADDRESSES - 1) != self.range() {
            return 0;
        }
        let number = bits & (ADDRESSES - 1);
        self.taken[(number / u64::BITS) as usize] |= 1 << (number % u64::BITS);
        u16::try_from(number).unwrap_or_default()
    }

    /// Gives an address back.
    pub(super) fn free_address(&mut self, number: u16) {
        if number != 0 {
            let number = u32::from(number);
            self.taken[(number / u64::BITS) as usize] &= !(1 << (number % u64::BITS));
        }
    }

    /// An address of a pod, as text.
    pub(super) fn pod_ip(&self, number: u16) -> String {
        Ipv4Addr::from_bits(self.range() | u32::from(number)).to_string()
    }

    fn range(&self) -> u32 {
        (10 << 24) | ((self.index % RANGES) << 10)
    }

    /// 172.16.0.1 and so on, for a node that has no address.
    fn own_address(&self) -> String {
        let first = u32::from_be_bytes([172, 16, 0, 1]);
        Ipv4Addr::from_bits(first + self.index % (1 << 20)).to_string()
    }
}

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

fn address(status: &Value) -> Option<&str> {
    let all = status["addresses"].as_array()?;
    let internal = all.iter().find(|address| address["type"] == "InternalIP")?;
    internal["address"].as_str()
}

fn condition<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == name)
}
