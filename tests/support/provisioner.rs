//! A pretend provisioner of volumes: [`Provisioner`]. It does what external-provisioner does with claims that
//! wait for a pod, and what a test tells it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::claims::{CLAIMS, PROVISIONER, SELECTED_NODE, VOLUMES};
use super::rest::Rest;

/// How often it looks.
const POLL: Duration = Duration::from_millis(50);
/// What kube-controller-manager puts onto a claim that an outside provisioner is to serve.
const ASKED: &str = "volume.kubernetes.io/storage-provisioner";

/// What becomes of a claim that asks for a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It gets one.
    Make,
    /// It waits.
    Hold,
    /// It cannot be made on that node: the node is taken off the claim, once.
    FailOnce,
}

type Orders = Arc<Mutex<BTreeMap<String, Order>>>;

/// A provisioner at work. Dropping it ends it.
pub(crate) struct Provisioner {
    orders: Orders,
    task: JoinHandle<()>,
}

impl Provisioner {
    /// Starts it for the claims of the namespace `default`.
    pub(crate) fn start(rest: Rest) -> Self {
        let orders = Orders::default();
        let task = tokio::spawn(run(rest, Arc::clone(&orders)));
        Self { orders, task }
    }

    /// Says what is to become of the claim from now on; of others volumes are made.
    pub(crate) fn order(&self, claim: &str, order: Order) {
        lock(&self.orders).insert(claim.to_owned(), order);
    }
}

impl Drop for Provisioner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(orders: &Orders) -> MutexGuard<'_, BTreeMap<String, Order>> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(rest: Rest, orders: Orders) {
    loop {
        for claim in rest.list(CLAIMS, "PersistentVolumeClaim").await {
            if asks(&claim) {
                serve(&rest, &orders, &claim).await;
            }
        }
        sleep(POLL).await;
    }
}

/// Whether a claim has no volume yet and is to get one from here.
fn asks(claim: &Value) -> bool {
    let annotations = &claim["metadata"]["annotations"];
    annotations[ASKED] == PROVISIONER
        && annotations[SELECTED_NODE].is_string()
        && claim["spec"]["volumeName"].is_null()
}

async fn serve(rest: &Rest, orders: &Orders, claim: &Value) {
    let name = claim["metadata"]["name"].as_str().expect("it has one").to_owned();
    let order = lock(orders).get(&name).copied().unwrap_or(Order::Make);
    match order {
        Order::Hold => {}
        Order::FailOnce => {
            let elsewhere = json!({"metadata": {"annotations": {SELECTED_NODE: null}}});
            rest.patch(&format!("{CLAIMS}/{name}"), &elsewhere).await;
            lock(orders).insert(name, Order::Make);
        }
        Order::Make => {
            let uid = claim["metadata"]["uid"].as_str().expect("it has one");
            let volume = format!("pvc-{uid}");
            // kube-controller-manager has not told the claim yet.
            if rest.get(&format!("{VOLUMES}/{volume}")).await.is_none() {
                rest.create(VOLUMES, &made(&volume, claim)).await;
            }
        }
    }
}

/// A volume near the node of the claim, and for nobody else.
fn made(name: &str, claim: &Value) -> Value {
    let node = &claim["metadata"]["annotations"][SELECTED_NODE];
    let is_there = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node]});
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {
            "name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "storageClassName": claim["spec"]["storageClassName"],
            "accessModes": claim["spec"]["accessModes"],
            "capacity": claim["spec"]["resources"]["requests"],
            "csi": {"driver": PROVISIONER, "volumeHandle": name},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [is_there]}]}},
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "default",
                "name": claim["metadata"]["name"], "uid": claim["metadata"]["uid"],
            },
        },
    })
}
