//! Preemption on the real kube-apiserver, with the budgets and the sets of pods that the real
//! kube-controller-manager keeps and with `berth kubelets`: whom a budget allows to go, goes; the place is
//! kept for the pod that they make way for.

mod support;

use serde_json::{Value, json};

use support::controllers::{controller_manager, kubelets};
use support::rest::{PRIORITY_CLASSES, node_of, priority_class, scheduled_condition};
use support::scene::Scene;

const KEPT: &str = "budgeted";
const CONTROLLERS: [&str; 2] = ["disruption-controller", "replicaset-controller"];

/// Two sets of pods fill the nodes. The budget of one allows no disruption, that of the other allows one; and
/// the pods of that one are the more important ones, so that it is the budgets that decide.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victims_are_those_that_their_budget_allows() {
    let Some(scene) = Scene::start(KEPT).await else { return };
    let kubeconfig = scene.admin_kubeconfig();
    let Some(_manager) = controller_manager(KEPT, &kubeconfig, &CONTROLLERS) else { return };
    let running = kubelets(&kubeconfig);
    scene.rest.create(PRIORITY_CLASSES, &priority_class("budgeted-urgent", 1000)).await;
    let mut spare = priority_class("budgeted-spare", 10);
    // The one that comes again is to wait.
    spare["preemptionPolicy"] = json!("Never");
    scene.rest.create(PRIORITY_CLASSES, &spare).await;
    for name in ["a", "b", "c", "d"] {
        scene.add_node(name, "1").await;
    }
    for (app, key, value, allowed) in
        [("guarded", "minAvailable", 2, 0), ("spare", "maxUnavailable", 1, 1)]
    {
        scene
            .rest
            .create(&kept("policy/v1", "poddisruptionbudgets"), &{
                let selector = json!({"matchLabels": {"app": app}});
                json!({
                    "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                    "metadata": {"name": app}, "spec": {key: value, "selector": selector},
                })
            })
            .await;
        scene.rest.create(&kept("apps/v1", "replicasets"), &set_of_two(&scene, app)).await;
        let path = format!("{}/{app}", kept("policy/v1", "poddisruptionbudgets"));
        let counted = async || {
            let status = scene.rest.get(&path).await?["status"].clone();
            (status["currentHealthy"] == 2 && status["disruptionsAllowed"] == allowed).then_some(())
        };
        scene.berth.wait_for(&format!("two healthy pods of {app}"), counted).await;
    }
    // Nobody ends the victim before it is looked at.
    drop(running);

    let mut urgent = scene.patient_pod("urgent");
    urgent["spec"]["priorityClassName"] = json!("budgeted-urgent");
    scene.create_pod(&urgent).await;
    let chosen = async || {
        let node =
            scene.read_pod("urgent").await?["status"]["nominatedNodeName"].as_str()?.to_owned();
        let pods = scene.pods().await;
        let going = |pod: &&Value| !pod["metadata"]["deletionTimestamp"].is_null();
        let victims: Vec<Value> = pods.iter().filter(going).cloned().collect();
        (!victims.is_empty()).then_some((node, victims))
    };
    let (node, victims) = scene.berth.wait_for("a nomination and a victim", chosen).await;
    let [victim] = &victims[..] else { unreachable!("{} victims", victims.len()) };
    assert_eq!(victim["metadata"]["labels"]["app"], "spare", "{victim}");
    assert_eq!(node_of(victim), Some(&*node));

    // What is left of the node beside the victim is kept as well; the rest of the set comes again and waits.
    let mut small = scene.pod("small", "400m");
    let here = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    small["spec"]["affinity"]["nodeAffinity"] = json!({"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchFields": [here]}]}});
    scene.create_pod(&small).await;
    let message = scene.unschedulable("small").await;
    assert!(message.contains("1 Insufficient cpu"), "{message}");
    let _kubelets = kubelets(&kubeconfig);
    assert_eq!(scene.bound("urgent").await, node);
    assert_eq!(scene.bound("small").await, node, "there was room for both");
    let again = async || {
        let pods = scene.pods().await;
        let waits = |pod: &&Value| {
            pod["metadata"]["labels"]["app"] == "spare"
                && node_of(pod).is_none()
                && scheduled_condition(pod)["reason"] == "Unschedulable"
        };
        pods.iter().find(waits).map(|_| ())
    };
    scene.berth.wait_for("the one that comes again to wait", again).await;
    let guarded = scene.pods().await;
    let guarded = guarded.iter().filter(|pod| pod["metadata"]["labels"]["app"] == "guarded");
    assert_eq!(guarded.filter(|pod| node_of(pod).is_some()).count(), 2, "they are spared");
    scene.end().await;
}

/// Where objects of this scene are.
fn kept(version: &str, plural: &str) -> String {
    format!("/apis/{version}/namespaces/{KEPT}/{plural}")
}

/// Two pods that are not gone at once.
fn set_of_two(scene: &Scene, app: &str) -> Value {
    let mut pod = scene.patient_pod(app);
    if app == "spare" {
        pod["spec"]["priorityClassName"] = json!("budgeted-spare");
    }
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": app},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": app}},
            "template": {"metadata": {"labels": {"app": app}}, "spec": pod["spec"]},
        },
    })
}
