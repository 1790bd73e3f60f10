//! Claims that wait for their pod, on both API servers: volumes that are made near the node and volumes
//! that are there, bound before the pod is; and a claim that nobody provides for, which is given up and
//! comes right later.

mod support;

use std::fs;

use berth::actors::controllers::{self, ControllerOptions};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use support::berth::Berth;
use support::claims::{
    BOUND_BY_CONTROLLER, CLAIMS, SELECTED_NODE, VOLUMES, bound, claim, create_cluster, disk, pod,
    says,
};
use support::control_plane::{ControlPlane, Server};
use support::on_both_servers;
use support::rest::{NODES, Rest, pods_path};

on_both_servers! {
    claims_are_bound_before_their_pods,
    a_claim_that_nobody_provides_for_is_given_up,
}

async fn claims_are_bound_before_their_pods(server: Server) {
    let test = "claims_are_bound_before_their_pods";
    let Some(plane) = ControlPlane::start_on(server, test).await else { return };
    let rest = Rest(plane.client().await);
    let mut actors = JoinSet::new();
    let never = std::future::pending::<()>();
    actors.spawn(controllers::run(plane.client().await, ControllerOptions::default(), never));
    create_cluster(&rest, &["n1", "n2"]).await;
    let berth = Berth::start(&plane.kubeconfig(), "berth", &[]);
    rest.create(VOLUMES, &disk("small", "1Gi", "n2")).await;
    rest.create(VOLUMES, &disk("large", "9Gi", "n2")).await;
    for name in ["small", "large"] {
        let path = format!("{VOLUMES}/{name}");
        let available = async || {
            let volume = rest.get(&path).await?;
            (volume["status"]["phase"] == "Available").then_some(())
        };
        berth.wait_for("a volume that is available", available).await;
    }

    for (name, class) in [("made", "made"), ("there", "local"), ("more", "local")] {
        rest.create(CLAIMS, &claim(name, class)).await;
        rest.create(&pods_path("default"), &pod(name)).await;
    }
    for name in ["made", "there", "more"] {
        let node = bound(&rest, &berth, name).await;
        let claim = rest.get(&format!("{CLAIMS}/{name}")).await.expect("the claim is there");
        let volume = claim["spec"]["volumeName"].as_str().expect("it is bound");
        let volume = rest.get(&format!("{VOLUMES}/{volume}")).await.expect("so is its volume");
        let reference = &volume["spec"]["claimRef"];
        assert_eq!(reference["uid"], claim["metadata"]["uid"]);
        if name == "made" {
            assert_eq!(claim["metadata"]["annotations"][SELECTED_NODE], node.as_str());
        } else {
            assert_eq!(node, "n2", "its volume is only there");
            assert_eq!(volume["metadata"]["annotations"][BOUND_BY_CONTROLLER], "yes");
            assert_eq!(claim["metadata"]["annotations"][SELECTED_NODE], Value::Null);
        }
    }
    // No volume is left for another one.
    rest.create(CLAIMS, &claim("late", "local")).await;
    rest.create(&pods_path("default"), &pod("late")).await;
    says(&rest, &berth, "late", "node(s) didn't find available persistent volumes to bind").await;
    rest.create(VOLUMES, &disk("another", "2Gi", "n2")).await;
    assert_eq!(bound(&rest, &berth, "late").await, "n2");
    berth.stop().await;
}

async fn a_claim_that_nobody_provides_for_is_given_up(server: Server) {
    let test = "a_claim_that_nobody_provides_for_is_given_up";
    let Some(plane) = ControlPlane::start_on(server, test).await else { return };
    let rest = Rest(plane.client().await);
    create_cluster(&rest, &["n1", "n2"]).await;
    let folder = tempfile::tempdir().expect("a folder for the configuration can be made");
    let path = folder.path().join("config.yaml");
    let body = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "profiles": [{"schedulerName": "berth", "pluginConfig": [{
            "name": "VolumeBinding", "args": {"bindTimeoutSeconds": 2},
        }]}],
    });
    fs::write(&path, body.to_string()).expect("the configuration can be written");
    let path = path.to_str().expect("its path is text");
    let berth = Berth::start(&plane.kubeconfig(), "berth", &["--config", path]);
    rest.create(CLAIMS, &claim("c", "made")).await;
    rest.create(&pods_path("default"), &pod("c")).await;
    let failed = "running PreBind plugin \"VolumeBinding\": binding volumes:";
    says(&rest, &berth, "c", &format!("{failed} context deadline exceeded")).await;
    let path = format!("{CLAIMS}/c");
    let before = rest.get(&path).await.expect("the claim is there");
    let node =
        before["metadata"]["annotations"][SELECTED_NODE].as_str().expect("one was asked for");

    // The provisioner cannot make it there, and makes it elsewhere in the end.
    let other = if node == "n1" { "n2" } else { "n1" };
    let cordoned = json!({"spec": {"unschedulable": true}});
    rest.patch(&format!("{NODES}/{node}"), &cordoned).await;
    let taken_back = json!({"metadata": {"annotations": {SELECTED_NODE: null}}});
    rest.patch(&path, &taken_back).await;
    let moved = async || {
        let claim = rest.get(&path).await?;
        (claim["metadata"]["annotations"][SELECTED_NODE] == other).then_some(())
    };
    berth.wait_for("a volume asked for near the other node", moved).await;
    let mut volume = disk("v", "1Gi", "n2");
    volume["spec"]["storageClassName"] = json!("made");
    volume["spec"]["nodeAffinity"] = Value::Null;
    volume["spec"]["claimRef"] = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "default", "name": "c",
        "uid": before["metadata"]["uid"],
    });
    rest.create(VOLUMES, &volume).await;
    let completed = json!({
        "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"volumeName": "v"},
    });
    rest.patch(&path, &completed).await;
    assert_eq!(bound(&rest, &berth, "c").await, other);
    berth.stop().await;
}
