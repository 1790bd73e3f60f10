//! Volumes on the real kube-apiserver with the real kube-controller-manager, `berth kubelets` and a pretend
//! provisioner: claims that wait for their pod, and what can come in between.

mod support;

use serde_json::{Value, json};

use support::berth::Berth;
use support::claims::{
    BOUND_BY_CONTROLLER, CLAIMS, CLASSES, PROVISIONER, SELECTED_NODE, VOLUMES, bound, claim, class,
    create_both, create_cluster, disk, pod, read_pod, says,
};
use support::control_plane::ControlPlane;
use support::controllers::{controller_manager, kubelets};
use support::provisioner::{Order, Provisioner};
use support::rest::{NODES, Rest, pods_path, scheduled_condition};

const TEST: &str = "volumes_with_the_real_controller";
const CONTROLLERS: [&str; 1] = ["persistentvolume-binder-controller"];
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";

/// A cluster at work.
struct Bench {
    berth: Berth,
    provisioner: Provisioner,
    rest: Rest,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volumes_with_the_real_controller() {
    let Some(plane) = ControlPlane::start(TEST).await else { return };
    let kubeconfig = plane.kubeconfig();
    let Some(_manager) = controller_manager(TEST, &kubeconfig, &CONTROLLERS) else { return };
    let rest = Rest(plane.client().await);
    create_cluster(&rest, &["n1", "n2", "n3"]).await;
    let _kubelets = kubelets(&kubeconfig);
    let bench = Bench {
        berth: Berth::start(&kubeconfig, "berth", &[]),
        provisioner: Provisioner::start(rest.clone()),
        rest,
    };
    // They have nothing to do with each other, and each waits for others most of the time.
    tokio::join!(
        a_volume_is_made_near_the_node(&bench),
        a_disk_that_is_there_is_given_to_the_claim(&bench),
        a_pod_goes_where_its_volume_is(&bench),
        a_volume_that_cannot_be_made_is_asked_for_again(&bench),
        a_nomination_is_cleared_with_the_placement(&bench),
        a_claim_may_come_after_its_pod(&bench),
        a_class_may_be_gone_for_a_while(&bench),
    );
    bench.berth.stop().await;
}

impl Bench {
    async fn claim(&self, name: &str) -> Value {
        self.rest.get(&format!("{CLAIMS}/{name}")).await.expect("the claim is there")
    }

    /// The claim once it is bound, and its volume.
    async fn bound_claim(&self, name: &str) -> (Value, Value) {
        let claim = self.claim(name).await;
        let volume = claim["spec"]["volumeName"].as_str().expect("it is bound");
        let volume = self.rest.get(&format!("{VOLUMES}/{volume}")).await;
        let volume = volume.expect("so is its volume");
        assert_eq!(claim["metadata"]["annotations"][BIND_COMPLETED], "yes", "{claim}");
        assert_eq!(volume["spec"]["claimRef"]["uid"], claim["metadata"]["uid"]);
        (claim, volume)
    }

    /// Waits until the object of the pod names this node as its nomination.
    async fn nominated(&self, name: &str) -> String {
        let said = async || {
            let pod = read_pod(&self.rest, name).await?;
            Some(pod["status"]["nominatedNodeName"].as_str()?.to_owned())
        };
        self.berth.wait_for(&format!("{name} to be nominated"), said).await
    }

    /// Waits until the kubelet has started the pod.
    async fn runs(&self, name: &str) {
        let runs = async || {
            let pod = read_pod(&self.rest, name).await?;
            (pod["status"]["phase"] == "Running").then_some(())
        };
        self.berth.wait_for(&format!("{name} to run"), runs).await;
    }

    /// Waits until an Event about a failure of the pod has these words.
    async fn reported(&self, name: &str, words: &str) {
        let found = async || {
            let events = self.rest.events("default").await;
            let says = |event: &Value| {
                event["regarding"]["name"] == name
                    && event["reason"] == "FailedScheduling"
                    && event["note"].as_str().is_some_and(|note| note.contains(words))
            };
            events.iter().any(says).then_some(())
        };
        self.berth.wait_for(&format!("an Event of {name}: {words}"), found).await;
    }

    /// Adds a node for pods of [`Bench::create_pod_apart`] alone.
    async fn add_node_apart(&self, name: &str) {
        let resources = json!({"cpu": "4", "memory": "16Gi", "pods": "110"});
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "spec": {"taints": [{"key": "apart", "effect": "NoSchedule"}]},
            "status": {"capacity": resources, "allocatable": resources},
        });
        self.rest.create(NODES, &node).await;
    }

    async fn create_pod_apart(&self, mut pod: Value, node: &str) {
        pod["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": node});
        pod["spec"]["tolerations"] = json!([{"key": "apart", "operator": "Exists"}]);
        self.rest.create(&pods_path("default"), &pod).await;
    }
}

/// While the provisioner is at work the pod is nominated to its node; once it is bound it is not.
async fn a_volume_is_made_near_the_node(bench: &Bench) {
    bench.provisioner.order("made", Order::Hold);
    create_both(&bench.rest, "made", "made").await;
    let nominated = bench.nominated("made").await;
    let asked = async || {
        let claim = bench.claim("made").await;
        (claim["metadata"]["annotations"][SELECTED_NODE] == nominated.as_str()).then_some(())
    };
    bench.berth.wait_for("a volume asked for near the node of the pod", asked).await;
    let pod = read_pod(&bench.rest, "made").await.expect("it is there");
    assert_eq!(pod["spec"]["nodeName"], Value::Null, "its volume is not there");

    bench.provisioner.order("made", Order::Make);
    assert_eq!(bound(&bench.rest, &bench.berth, "made").await, nominated);
    let (claim, volume) = bench.bound_claim("made").await;
    assert_eq!(claim["metadata"]["annotations"][SELECTED_NODE], nominated.as_str());
    assert_eq!(volume["spec"]["csi"]["driver"], PROVISIONER);
    bench.runs("made").await;
    let pod = read_pod(&bench.rest, "made").await.expect("it is there");
    assert_eq!(pod["status"]["nominatedNodeName"], Value::Null, "{}", pod["status"]);
}

/// berth gives the disk to the claim, and kube-controller-manager gives the claim to the disk.
async fn a_disk_that_is_there_is_given_to_the_claim(bench: &Bench) {
    bench.rest.create(VOLUMES, &disk("disk", "2Gi", "n2")).await;
    create_both(&bench.rest, "there", "local").await;
    assert_eq!(bound(&bench.rest, &bench.berth, "there").await, "n2", "the disk is only there");
    let (claim, volume) = bench.bound_claim("there").await;
    assert_eq!(volume["metadata"]["name"], "disk");
    assert_eq!(volume["metadata"]["annotations"][BOUND_BY_CONTROLLER], "yes");
    assert_eq!(claim["metadata"]["annotations"][SELECTED_NODE], Value::Null);
    bench.runs("there").await;
}

/// The claim is bound before there is a pod.
async fn a_pod_goes_where_its_volume_is(bench: &Bench) {
    let mut at_once = class("at-once", "kubernetes.io/no-provisioner");
    at_once["volumeBindingMode"] = json!("Immediate");
    bench.rest.create(CLASSES, &at_once).await;
    let mut volume = disk("bound-before", "1Gi", "n3");
    volume["spec"]["storageClassName"] = json!("at-once");
    bench.rest.create(VOLUMES, &volume).await;
    bench.rest.create(CLAIMS, &claim("before", "at-once")).await;
    let is_bound = async || {
        let claim = bench.claim("before").await;
        (claim["status"]["phase"] == "Bound").then_some(())
    };
    bench.berth.wait_for("a claim that is bound", is_bound).await;
    bench.rest.create(&pods_path("default"), &pod("before")).await;
    assert_eq!(bound(&bench.rest, &bench.berth, "before").await, "n3");
}

async fn a_volume_that_cannot_be_made_is_asked_for_again(bench: &Bench) {
    bench.provisioner.order("fails-once", Order::FailOnce);
    create_both(&bench.rest, "fails-once", "made").await;
    let node = bound(&bench.rest, &bench.berth, "fails-once").await;
    let (claim, _) = bench.bound_claim("fails-once").await;
    assert_eq!(claim["metadata"]["annotations"][SELECTED_NODE], node.as_str());
    let failed =
        "running PreBind plugin \"VolumeBinding\": binding volumes: provisioning failed for PVC";
    bench.reported("fails-once", failed).await;
}

/// The volume cannot be made, and the only node that will do is cordoned meanwhile.
async fn a_nomination_is_cleared_with_the_placement(bench: &Bench) {
    bench.add_node_apart("apart").await;
    bench.provisioner.order("cleared", Order::Hold);
    bench.rest.create(CLAIMS, &claim("cleared", "made")).await;
    bench.create_pod_apart(pod("cleared"), "apart").await;
    assert_eq!(bench.nominated("cleared").await, "apart");

    let path = format!("{NODES}/apart");
    bench.rest.patch(&path, &json!({"spec": {"unschedulable": true}})).await;
    // Whoever has seen a node that came later has seen this.
    bench.add_node_apart("apart-later").await;
    let mut witness = pod("witness");
    witness["spec"]["volumes"] = json!([]);
    bench.create_pod_apart(witness, "apart-later").await;
    bound(&bench.rest, &bench.berth, "witness").await;
    bench.provisioner.order("cleared", Order::FailOnce);
    let cleared = async || {
        let pod = read_pod(&bench.rest, "cleared").await?;
        let failed = scheduled_condition(&pod)["status"] == "False";
        (failed && pod["status"]["nominatedNodeName"].is_null()).then_some(())
    };
    bench.berth.wait_for("a nomination that is cleared", cleared).await;
    bench.reported("cleared", "provisioning failed for PVC").await;
    says(&bench.rest, &bench.berth, "cleared", "1 node(s) were unschedulable").await;
    bench.rest.patch(&path, &json!({"spec": {"unschedulable": false}})).await;
    assert_eq!(bound(&bench.rest, &bench.berth, "cleared").await, "apart");
}

async fn a_claim_may_come_after_its_pod(bench: &Bench) {
    bench.rest.create(&pods_path("default"), &pod("late")).await;
    let missing = "persistentvolumeclaim \"late\" not found";
    says(&bench.rest, &bench.berth, "late", missing).await;
    bench.rest.create(CLAIMS, &claim("late", "made")).await;
    bound(&bench.rest, &bench.berth, "late").await;
    bench.bound_claim("late").await;
}

async fn a_class_may_be_gone_for_a_while(bench: &Bench) {
    bench.rest.create(CLASSES, &class("gone", PROVISIONER)).await;
    bench.rest.create(CLAIMS, &claim("of-gone", "gone")).await;
    bench.rest.delete(&format!("{CLASSES}/gone")).await;
    // Whoever has seen a class that came later has seen that this one went.
    bench.rest.create(CLASSES, &class("later", PROVISIONER)).await;
    create_both(&bench.rest, "of-later", "later").await;
    bound(&bench.rest, &bench.berth, "of-later").await;
    bench.rest.create(&pods_path("default"), &pod("of-gone")).await;
    let unbound = "pod has unbound immediate PersistentVolumeClaims";
    says(&bench.rest, &bench.berth, "of-gone", unbound).await;
    bench.rest.create(CLASSES, &class("gone", PROVISIONER)).await;
    bound(&bench.rest, &bench.berth, "of-gone").await;
    bench.bound_claim("of-gone").await;
}
