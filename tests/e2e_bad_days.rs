//! What can come between a decision and a bound pod, on both API servers: other schedulers, deletions,
//! conflicts, answers that say no and answers that never come. A proxy in between makes each of them
//! happen at the moment that matters.
//!
//! Every test is a scene of its own (`support/scene.rs`); they share a control plane. Where it matters
//! whether berth hears of a change from its watch or from the Binding's answer, both are tested.

mod support;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use support::control_plane::Server;
use support::on_both_servers;
use support::proxy::Action;
use support::rest::scheduled_condition;
use support::scene::Scene;

/// What tells berth first that something has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Watch,
    Answer,
}

on_both_servers! {
    a_node_that_another_scheduler_has_filled_is_left_alone,
    a_pod_deleted_while_it_is_assumed_leaves_its_room_to_another,
    bound_elsewhere_as_the_watch_says,
    bound_elsewhere_as_the_answer_says,
    bound_to_the_same_node_as_the_watch_says,
    bound_to_the_same_node_as_the_answer_says,
    another_pod_of_the_same_name_as_the_watch_says,
    another_pod_of_the_same_name_as_the_answer_says,
    an_answer_that_is_lost_makes_no_difference_when_the_watch_tells,
    an_answer_that_is_lost_makes_no_difference_when_the_next_one_tells,
    a_binding_that_is_lost_is_sent_to_the_same_node_again,
    a_server_in_trouble_is_asked_again_for_the_same_node,
    a_binding_that_is_refused_is_an_error_and_the_pod_is_tried_again,
    pods_wait_for_what_they_lack,
}

async fn a_node_that_another_scheduler_has_filled_is_left_alone(server: Server) {
    let Some(scene) = Scene::start_on(server, "foreign").await else { return };
    let node = scene.add_node("n1", "2").await;
    let mut theirs = scene.pod("theirs-1", "1");
    theirs["spec"]["schedulerName"] = json!("somebody-else");
    scene.create_pod(&theirs).await;
    scene.bind("theirs-1", &node).await;
    // This one comes with its node.
    theirs["metadata"]["name"] = json!("theirs-2");
    theirs["spec"]["nodeName"] = json!(node);
    scene.create_pod(&theirs).await;

    scene.add_pod("ours-1", "1").await;
    let message = scene.unschedulable("ours-1").await;
    assert!(message.contains("1 Insufficient cpu"), "{message}");
    scene.delete_pod("theirs-1").await;
    assert_eq!(scene.bound("ours-1").await, node);
    scene.add_pod("ours-2", "1").await;
    scene.unschedulable("ours-2").await;
    scene.delete_pod("theirs-2").await;
    assert_eq!(scene.bound("ours-2").await, node);
    scene.reported("ours-2", &node).await;
    scene.end().await;
}

async fn a_pod_deleted_while_it_is_assumed_leaves_its_room_to_another(server: Server) {
    let Some(scene) = Scene::start_on(server, "deleted").await else { return };
    let node = scene.add_node("n1", "1").await;
    hold(&scene, "first");
    scene.add_pod("first", "1").await;
    scene.asked("first", 1).await;
    scene.add_pod("second", "1").await;
    scene.unschedulable("second").await;
    scene.delete_pod("first").await;
    assert_eq!(scene.bound("second").await, node);
    scene.forgotten("first").await;
    // The Binding arrives at last, for nobody.
    scene.proxy.release("first");
    scene.add_pod("third", "1").await;
    scene.unschedulable("third").await;
    scene.end().await;
}

async fn bound_elsewhere_as_the_watch_says(server: Server) {
    bound_elsewhere(server, "elsewhere-watch", First::Watch).await;
}

async fn bound_elsewhere_as_the_answer_says(server: Server) {
    bound_elsewhere(server, "elsewhere-answer", First::Answer).await;
}

async fn bound_elsewhere(server: Server, name: &'static str, first: First) {
    let Some(scene) = Scene::start_on(server, name).await else { return };
    let node = scene.add_node("n1", "1").await;
    let cordoned = scene.add_cordoned_node("n2", "1").await;
    scene.proxy.decide(move |ask| match (&*ask.pod, ask.nth) {
        ("ours", _) => Action::Hold,
        ("waiting", 1) if first == First::Answer => Action::status(403, "not at first"),
        _ => Action::Pass,
    });
    scene.add_pod("ours", "1").await;
    assert_eq!(scene.asked("ours", 1).await, [&*node]);
    scene.add_pod("waiting", "1").await;
    scene.unschedulable("waiting").await;

    if first == First::Answer {
        scene.proxy.pause_watches();
    }
    scene.bind("ours", &cordoned).await;
    if first == First::Watch {
        scene.forgotten("ours").await;
    }
    let tries = scene.proxy.asked_for("ours").len();
    scene.proxy.release("ours");
    if first == First::Answer {
        // Its room is free before the watch has anything to say. The other pod is turned away once: by
        // the time that its backoff is over, this one's would be, too.
        assert_eq!(scene.asked("waiting", 2).await, [&*node; 2]);
        scene.proxy.resume_watches();
    }
    assert_eq!(scene.bound("waiting").await, node);

    // By then berth has heard of everything.
    scene.add_pod("last", "1").await;
    scene.unschedulable("last").await;
    assert_eq!(scene.proxy.asked_for("ours").len(), tries, "berth must let it be");
    let pod = scene.read_pod("ours").await.expect("nobody deletes it");
    assert_eq!(scheduled_condition(&pod)["status"], "True", "{pod}");
    assert_eq!(scene.notes("ours", "FailedScheduling").await, [""; 0]);
    assert_eq!(scene.notes("ours", "Scheduled").await, [""; 0], "it was not berth");
    scene.end().await;
}

async fn bound_to_the_same_node_as_the_watch_says(server: Server) {
    bound_to_the_same_node(server, "same-watch", First::Watch).await;
}

async fn bound_to_the_same_node_as_the_answer_says(server: Server) {
    bound_to_the_same_node(server, "same-answer", First::Answer).await;
}

async fn bound_to_the_same_node(server: Server, name: &'static str, first: First) {
    let Some(scene) = Scene::start_on(server, name).await else { return };
    let node = scene.add_node("n1", "1").await;
    hold(&scene, "ours");
    scene.add_pod("ours", "1").await;
    scene.asked("ours", 1).await;
    if first == First::Answer {
        scene.proxy.pause_watches();
        scene.bind("ours", &node).await;
        scene.proxy.release("ours");
        scene.reported("ours", &node).await;
        scene.proxy.resume_watches();
    } else {
        scene.bind("ours", &node).await;
        scene.reported("ours", &node).await;
        scene.proxy.release("ours");
    }
    scene.add_pod("no-room", "1").await;
    scene.unschedulable("no-room").await;
    assert_eq!(scene.berth.decisions_with(&scene.key("ours"), "forgotten").len(), 0);
    scene.end().await;
}

async fn another_pod_of_the_same_name_as_the_watch_says(server: Server) {
    another_pod_of_the_same_name(server, "again-watch", First::Watch).await;
}

async fn another_pod_of_the_same_name_as_the_answer_says(server: Server) {
    another_pod_of_the_same_name(server, "again-answer", First::Answer).await;
}

/// Round one: the pod is deleted and there again when its Binding arrives (409); round two: it is
/// deleted, and there again later (404).
async fn another_pod_of_the_same_name(server: Server, name: &'static str, first: First) {
    let Some(scene) = Scene::start_on(server, name).await else { return };
    let node = scene.add_node("n1", "1").await;
    for (pod, there_again_before) in [("conflict", true), ("gone", false)] {
        hold(&scene, pod);
        scene.add_pod(pod, "1").await;
        let old = scene.asked(pod, 1).await.len();
        if first == First::Answer {
            scene.proxy.pause_watches();
        }
        scene.delete_pod(pod).await;
        if there_again_before {
            scene.add_pod(pod, "1").await;
        }
        if first == First::Answer {
            scene.proxy.release(pod);
            scene.forgotten(pod).await;
            scene.proxy.resume_watches();
        } else {
            scene.forgotten(pod).await;
            scene.proxy.release(pod);
        }
        if !there_again_before {
            scene.add_pod(pod, "1").await;
        }
        assert_eq!(scene.bound(pod).await, node);
        scene.reported(pod, &node).await;
        let asked = scene.proxy.asked_for(pod);
        let uids: Vec<_> = asked.iter().map(|ask| &ask.uid).collect();
        assert_ne!(uids[old - 1], uids[uids.len() - 1], "{asked:?}");
        scene.delete_pod(pod).await;
    }
    scene.end().await;
}

async fn an_answer_that_is_lost_makes_no_difference_when_the_watch_tells(server: Server) {
    let Some(scene) = Scene::start_on(server, "lost-watch").await else { return };
    let node = scene.add_node("n1", "1").await;
    scene.proxy.decide(|_| Action::LoseAnswer);
    scene.add_pod("ours", "1").await;
    assert_eq!(scene.bound("ours").await, node);
    scene.reported("ours", &node).await;
    // It ends once berth no longer waits for that answer, so it would have tried again by then.
    scene.berth.stop().await;
    assert_eq!(scene.proxy.asked().len(), 1, "{:?}", scene.proxy.asked());
    scene.end().await;
}

async fn an_answer_that_is_lost_makes_no_difference_when_the_next_one_tells(server: Server) {
    let Some(scene) = Scene::start_on(server, "lost-answer").await else { return };
    scene.add_node("n1", "1").await;
    scene.add_node("n2", "1").await;
    let pause_watches = scene.proxy.watch_pauser();
    scene.proxy.decide(move |ask| {
        if ask.nth > 1 {
            return Action::Pass;
        }
        pause_watches();
        Action::LoseAnswer
    });
    scene.add_pod("ours", "1").await;
    let node = scene.bound("ours").await;
    scene.reported("ours", &node).await;
    scene.proxy.resume_watches();
    assert_eq!(scene.asked("ours", 2).await, [&*node; 2]);
    scene.end().await;
}

async fn a_binding_that_is_lost_is_sent_to_the_same_node_again(server: Server) {
    let Some(scene) = Scene::start_on(server, "lost-request").await else { return };
    for name in ["n1", "n2", "n3"] {
        scene.add_node(name, "1").await;
    }
    scene.proxy.decide(|ask| match (&*ask.pod, ask.nth) {
        ("ours", 1 | 2) => Action::LoseRequest,
        _ => Action::Pass,
    });
    scene.add_pod("ours", "1").await;
    let node = scene.asked("ours", 1).await.remove(0);
    // Its room is kept all the while.
    scene.add_pod("other-1", "1").await;
    scene.add_pod("other-2", "1").await;
    let others = [scene.bound("other-1").await, scene.bound("other-2").await];
    assert!(!others.contains(&node), "{others:?}");
    scene.add_pod("one-too-many", "1").await;
    scene.unschedulable("one-too-many").await;
    // Now there are better nodes, and it still goes where it may already be.
    scene.add_node("n4", "64").await;
    assert_eq!(scene.bound("ours").await, node);
    scene.reported("ours", &node).await;
    assert_eq!(scene.asked("ours", 3).await, [&*node; 3]);
    scene.end().await;
}

async fn a_server_in_trouble_is_asked_again_for_the_same_node(server: Server) {
    let Some(scene) = Scene::start_on(server, "trouble").await else { return };
    scene.add_node("n1", "1").await;
    scene.add_node("n2", "1").await;
    scene.proxy.decide(|ask| match ask.nth {
        1 => Action::status(500, "etcdserver: leader changed"),
        2 => {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from(1))]);
            Action::Answer(StatusCode::TOO_MANY_REQUESTS, headers, "slow down".into())
        }
        3 => {
            let page = "<html>upstream connect error</html>".into();
            Action::Answer(StatusCode::NOT_FOUND, HeaderMap::new(), page)
        }
        _ => Action::Pass,
    });
    scene.add_pod("ours", "1").await;
    let node = scene.bound("ours").await;
    scene.reported("ours", &node).await;
    assert_eq!(scene.asked("ours", 4).await, [&*node; 4]);
    assert_eq!(scene.notes("ours", "FailedScheduling").await, [""; 0]);
    scene.end().await;
}

async fn a_binding_that_is_refused_is_an_error_and_the_pod_is_tried_again(server: Server) {
    let Some(scene) = Scene::start_on(server, "refused").await else { return };
    let node = scene.add_node("n1", "1").await;
    scene.proxy.decide(|ask| {
        if ask.nth == 1 { Action::status(403, "berth may not") } else { Action::Hold }
    });
    scene.add_pod("ours", "1").await;
    let message = scene.condition_message("ours", "SchedulerError").await;
    assert_eq!(message, "running Bind plugin \"DefaultBinder\": berth may not");
    scene.proxy.release("ours");
    assert_eq!(scene.bound("ours").await, node);
    scene.reported("ours", &node).await;
    assert_eq!(scene.notes("ours", "FailedScheduling").await, [message]);
    scene.end().await;
}

async fn pods_wait_for_what_they_lack(server: Server) {
    let Some(scene) = Scene::start_on(server, "waiting").await else { return };
    scene.add_node("n1", "1").await;
    let mut gated = scene.pod("gated", "100m");
    gated["spec"]["schedulingGates"] =
        json!([{"name": "example.com/a"}, {"name": "example.com/b"}]);
    scene.create_pod(&gated).await;
    let mut picky = scene.pod("picky", "100m");
    picky["spec"]["topologySpreadConstraints"] = json!([{
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "picky"}}}]);
    scene.create_pod(&picky).await;
    scene.add_pod("large", "3").await;

    let message = scene.unschedulable("picky").await;
    let missing = "1 node(s) didn't match pod topology spread constraints (missing required label)";
    assert!(message.contains(missing), "{message}");
    let message = scene.unschedulable("large").await;
    assert!(message.contains("1 Insufficient cpu"), "{message}");
    scene
        .patch_pod("gated", &json!({"spec": {"schedulingGates": [{"name": "example.com/b"}]}}))
        .await;
    let node = scene.add_node("n2", "4").await;
    assert_eq!(scene.bound("large").await, node);
    let large = scene.read_pod("large").await.expect("nobody deletes it");
    assert_eq!(scheduled_condition(&large)["status"], "True", "{large}");
    assert_eq!(scene.asked("gated", 0).await, [""; 0], "one gate is left");
    scene.patch_pod("gated", &json!({"spec": {"schedulingGates": null}})).await;
    let node = scene.bound("gated").await;
    scene.reported("gated", &node).await;
    scene.unschedulable("picky").await;
    scene.end().await;
}

/// Holds the Bindings of `pod` until it is released.
fn hold(scene: &Scene, pod: &'static str) {
    scene.proxy.decide(move |ask| if ask.pod == pod { Action::Hold } else { Action::Pass });
}
