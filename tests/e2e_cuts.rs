//! A bad network between berth and the API server: connections that break in the middle, versions that
//! expire, requests for patience, answers that get lost, silence. No pod is lost, none is bound twice, no
//! node gets more than it has room for.
//!
//! Every test is a scene of its own with a `support/cutter.rs` in front of berth; they share a control
//! plane. Those that take a minute of silence run on the real API server alone.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use berth::engine::Kind;
use futures::{StreamExt, stream};
use tokio::time::sleep;

use support::control_plane::Server;
use support::cutter::{Asked, Cutter, Fate, Verb};
use support::generator::rng::Rng;
use support::on_both_servers;
use support::rest::{NODES, node_of};
use support::scene::Scene;

const PODS: &str = "/api/v1/pods";
/// How long the network says nothing.
const SILENCE: Duration = Duration::from_mins(1);
/// Objects created at the same time.
const CREATED_AT_ONCE: usize = 8;
/// By how much berth's memory may grow while everything goes wrong.
const GROWTH_MAX_KIB: u64 = 64 << 10;
/// After so many troubles in a row the same request goes through: pauses double, and there are several waves.
const IN_A_ROW_MAX: usize = 2;
/// How many lines berth may log while everything goes wrong, for hundreds of failures.
const STORM_LINES_MAX: usize = 100;

on_both_servers! {
    a_storm_of_everything_loses_nothing_and_doubles_nothing,
    an_expired_version_in_each_of_its_forms_leads_to_a_list,
    patience_is_had_by_everything_that_is_asked_for_it,
    a_change_in_a_line_that_cannot_be_read_is_not_lost,
    watches_that_break_off_each_time_are_no_storm,
}

async fn a_storm_of_everything_loses_nothing_and_doubles_nothing(server: Server) {
    const WAVES: usize = 4;
    const PODS_A_WAVE: usize = 30;
    let seed = "a storm of everything, 1";
    support::say(&format!("the storm's seed is {seed:?}"));
    let started = Scene::start_cut_on(server, "storm", Some(150), |_| Fate::Pass).await;
    let Some((scene, cutter)) = started else { return };
    scene.berth.wait_for_log("scheduling begins").await;
    let (memory, lines) = (scene.berth.peak_memory_kib(), scene.berth.log().lines().count());
    let mut rng = Rng::new(seed);
    let mut in_a_row = BTreeMap::new();
    cutter.plan(move |asked| {
        let troubles: &mut usize = in_a_row.entry((asked.verb, asked.path.clone())).or_default();
        if *troubles == IN_A_ROW_MAX {
            *troubles = 0;
            return Fate::Pass;
        }
        let fate = storm(asked, &mut rng);
        *troubles = if matches!(fate, Fate::Pass) { 0 } else { *troubles + 1 };
        fate
    });
    let mut names: Vec<String> = Vec::new();
    for wave in 0..WAVES {
        for i in 0..4 {
            scene.add_node(&format!("n{wave}-{i}"), "2").await;
        }
        let new: Vec<_> = (0..PODS_A_WAVE).map(|i| format!("p{wave}-{i}")).collect();
        let create = async |name: &String| scene.add_pod(name, "250m").await;
        stream::iter(&new).for_each_concurrent(CREATED_AT_ONCE, create).await;
        scene.add_pod(&format!("large-{wave}"), "3").await;
        names.extend(new);
        // Connections break while there is work, too.
        cutter.cut_watches();
        let watches = cutter.asked_for(Verb::Watch, PODS).len();
        let half = async || (places(&scene).await.len() >= names.len() / 2).then_some(());
        scene.berth.wait_for("half of the pods on nodes", half).await;
        // Every wave has to do with another watch, which is in trouble in its turn.
        asked(&scene, &cutter, Verb::Watch, watches + 1).await;
        for name in names.drain(..3).collect::<Vec<_>>() {
            scene.delete_pod(&name).await;
        }
    }
    cutter.calm();
    let all = async || (places(&scene).await.len() == names.len()).then_some(());
    scene.berth.wait_for("all pods on nodes", all).await;
    for wave in 0..WAVES {
        scene.unschedulable(&format!("large-{wave}")).await;
    }
    let grown = scene.berth.peak_memory_kib() - memory;
    let said = scene.berth.log().lines().count() - lines;
    let (all_asked, bound) = (cutter.asked().len(), cutter.accepted().len());
    support::say(&format!(
        "{all_asked} requests, {bound} pods bound; {grown} KiB more, {said} lines"
    ));
    assert!(grown <= GROWTH_MAX_KIB, "memory has grown by {grown} KiB");
    assert!(said <= STORM_LINES_MAX, "{said} lines:\n{}", scene.berth.log());
    none_bound_twice(&cutter);
    scene.end().await;
}

/// What becomes of a request in the storm.
fn storm(asked: &Asked, rng: &mut Rng) -> Fate {
    let trouble = [
        Fate::Refuse(429, Some(1)),
        Fate::Refuse(500, None),
        Fate::Refuse(503, None),
        Fate::Drop,
        Fate::LoseAnswer,
        Fate::Foreign(502, "<html>bad gateway</html>"),
    ];
    let reading = [
        Fate::Refuse(410, None),
        Fate::Cut(rng.below(3_000)),
        Fate::Cut(rng.below(60_000)),
        Fate::Garble(rng.below(10)),
    ];
    match asked.verb {
        Verb::List if rng.percent(10) => reading[rng.below(reading.len())].clone(),
        Verb::Watch if rng.percent(10) => Fate::ExpiredEvent,
        Verb::Watch if rng.percent(50) => reading[rng.below(reading.len())].clone(),
        Verb::Other => Fate::Pass,
        _ if rng.percent(20) => trouble[rng.below(trouble.len())].clone(),
        _ => Fate::Pass,
    }
}

/// What becomes of a request where a version expires in one of the ways in which it can.
type Expires = fn(&Asked) -> Option<Fate>;

async fn an_expired_version_in_each_of_its_forms_leads_to_a_list(server: Server) {
    let forms: [(&str, Expires); 3] = [
        ("the start of the watch", |asked| {
            asked.is(Verb::Watch, PODS).then_some(Fate::Refuse(410, None))
        }),
        ("an event in the watch", |asked| {
            asked.is(Verb::Watch, PODS).then_some(Fate::ExpiredEvent)
        }),
        ("the middle of a list", |asked| match asked.verb {
            Verb::Watch if asked.path == PODS => Some(Fate::Refuse(410, None)),
            Verb::List if asked.path == PODS && asked.query.contains("continue=") => {
                Some(Fate::Refuse(410, None))
            }
            _ => None,
        }),
    ];
    let Some((scene, cutter)) =
        Scene::start_cut_on(server, "expired", Some(5), |_| Fate::Pass).await
    else {
        return;
    };
    let node = scene.add_node("n1", "1").await;
    // More than a page.
    for i in 0..8 {
        scene.add_pod(&format!("large-{i}"), "2").await;
    }
    scene.add_pod("pod-0", "1").await;
    assert_eq!(scene.bound("pod-0").await, node);
    for (i, (form, expires)) in forms.into_iter().enumerate() {
        // While the watch is down, one pod goes and another one needs its room.
        cutter.plan(
            |asked| {
                if asked.is(Verb::Watch, PODS) { Fate::Refuse(503, None) } else { Fate::Pass }
            },
        );
        let before = cutter.asked_for(Verb::Watch, PODS).len();
        cutter.cut_watches();
        asked(&scene, &cutter, Verb::Watch, before + 1).await;
        scene.delete_pod(&format!("pod-{i}")).await;
        let next = format!("pod-{}", i + 1);
        scene.add_pod(&next, "1").await;
        let lists = cutter.asked_for(Verb::List, PODS).len();
        let mut done = [false; 2];
        cutter.plan(move |asked| {
            let done = &mut done[usize::from(asked.verb == Verb::List)];
            let fate = expires(asked).filter(|_| !*done);
            *done |= fate.is_some();
            fate.unwrap_or(Fate::Pass)
        });
        assert_eq!(scene.bound(&next).await, node, "{form}");
        let again = cutter.asked_for(Verb::List, PODS).split_off(lists);
        let whole = again.iter().filter(|list| !list.query.contains("continue=")).count();
        let want = if form == "the middle of a list" { 2 } else { 1 };
        assert_eq!(whole, want, "{form}: {again:?}");
        cutter.calm();
    }
    let warnings = scene.berth.warnings();
    assert!(!warnings.iter().any(|line| line.contains(" 410 ")), "{warnings:?}");
    none_bound_twice(&cutter);
    scene.end().await;
}

async fn patience_is_had_by_everything_that_is_asked_for_it(server: Server) {
    // What, how many seconds, and how often.
    const ROWS: [(Verb, &str, u16, u32); 5] = [
        (Verb::List, "/nodes", 429, 3),
        (Verb::Watch, "/pods", 503, 3),
        (Verb::Bind, "/ours/binding", 429, 3),
        (Verb::Event, "/events", 429, 3),
        (Verb::Condition, "/large/status", 429, 3),
    ];
    let plan = |asked: &Asked| {
        let row = ROWS.iter().find(|(verb, path, ..)| asked.is(*verb, path) && asked.nth == 1);
        row.map_or(Fate::Pass, |&(.., code, seconds)| Fate::Refuse(code, Some(seconds)))
    };
    let Some((scene, cutter)) = Scene::start_cut_on(server, "patience", None, plan).await else {
        return;
    };
    let node = scene.add_node("n1", "1").await;
    scene.add_pod("ours", "1").await;
    assert_eq!(scene.bound("ours").await, node);
    scene.reported("ours", &node).await;
    scene.add_pod("large", "2").await;
    scene.unschedulable("large").await;
    for (verb, path, _, seconds) in ROWS {
        asked_at(&scene, &cutter, verb, path, 2).await;
        let asked = cutter.asked_for(verb, path);
        // Other Events may come meanwhile; the same one is what matters, and it is alone here.
        let gap = asked[1].at - asked[0].at;
        assert!(gap >= Duration::from_secs(seconds.into()), "{verb:?} after {gap:?}: {asked:?}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_nothing_is_survived() {
    let Some((scene, cutter)) = Scene::start_cut("silence", None, |_| Fate::Pass).await else {
        return;
    };
    for i in 0..10 {
        scene.add_node(&format!("n{i}"), "1").await;
    }
    for i in 0..5 {
        scene.add_pod(&format!("before-{i}"), "500m").await;
        scene.bound(&format!("before-{i}")).await;
    }
    // Bindings are under way when it begins.
    for i in 0..5 {
        scene.add_pod(&format!("between-{i}"), "500m").await;
    }
    cutter.fall_silent();
    for i in 0..10 {
        scene.add_pod(&format!("during-{i}"), "500m").await;
    }
    scene.delete_pod("before-0").await;
    // Not a wait for a condition: the silence itself is what is tested.
    sleep(SILENCE).await;
    let began = cutter.asked().len();
    cutter.speak_again();
    let all = async || (places(&scene).await.len() == 19).then_some(());
    scene.berth.wait_for("all pods on nodes", all).await;
    // They have not waited on connections on which nothing comes.
    let again = cutter.asked().split_off(began);
    for path in Kind::all().map(|kind| format!("/{}", kind.plural())) {
        assert!(again.iter().any(|asked| asked.is(Verb::Watch, &path)), "{path}: {again:?}");
    }
    none_bound_twice(&cutter);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_and_a_list_that_say_nothing_for_ever_are_given_up() {
    // The first connection of each kind is dead, though it stays open.
    let plan = |asked: &Asked| match asked.verb {
        Verb::List if asked.path == NODES && asked.nth == 1 => Fate::Mute,
        Verb::Watch if asked.path == PODS && asked.nth == 1 => Fate::Mute,
        _ => Fate::Pass,
    };
    let Some((scene, cutter)) = Scene::start_cut("mute", None, plan).await else { return };
    let node = scene.add_node("n1", "1").await;
    asked(&scene, &cutter, Verb::Watch, 1).await;
    scene.add_pod("ours", "1").await;
    assert_eq!(scene.bound("ours").await, node);
    assert_eq!(scene.berth.log().matches("nothing came for 45 s").count(), 1);
    scene.end().await;
}

async fn a_change_in_a_line_that_cannot_be_read_is_not_lost(server: Server) {
    for (name, fate) in [("half-a-line", Fate::Garble(0)), ("in-mid-line", Fate::Cut(200))] {
        let plan = move |asked: &Asked| match asked.verb {
            Verb::Watch if asked.path == PODS && asked.nth == 1 => fate.clone(),
            _ => Fate::Pass,
        };
        let Some((scene, cutter)) = Scene::start_cut_on(server, name, None, plan).await else {
            return;
        };
        let node = scene.add_node("n1", "1").await;
        asked(&scene, &cutter, Verb::Watch, 1).await;
        scene.add_pod("ours", "1").await;
        assert_eq!(scene.bound("ours").await, node);
        scene.reported("ours", &node).await;
        none_bound_twice(&cutter);
        scene.end().await;
    }
}

async fn watches_that_break_off_each_time_are_no_storm(server: Server) {
    /// Starts of one watch within the time that the pods take; without pauses these are thousands.
    const STARTS_MAX: usize = 20;
    let plan = |asked: &Asked| match asked.verb {
        Verb::Watch if asked.path == NODES => Fate::Cut(0),
        _ => Fate::Pass,
    };
    let Some((scene, cutter)) = Scene::start_cut_on(server, "cut-at-once", None, plan).await else {
        return;
    };
    asked_at(&scene, &cutter, Verb::Watch, NODES, 4).await;
    let node = scene.add_node("n1", "1").await;
    scene.add_pod("ours", "1").await;
    scene.unschedulable("ours").await;
    let starts = cutter.asked_for(Verb::Watch, NODES);
    assert!(starts.len() <= STARTS_MAX, "{starts:?}");
    cutter.calm();
    assert_eq!(scene.bound("ours").await, node);
    scene.end().await;
}

/// Where the pods of a scene are that are on nodes.
async fn places(scene: &Scene) -> BTreeMap<String, String> {
    let pods = scene.pods().await;
    let place = |pod: &serde_json::Value| {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        Some((name, node_of(pod)?.to_owned()))
    };
    pods.iter().filter_map(place).collect()
}

/// Waits until berth has asked `times` times with this verb for all pods.
async fn asked(scene: &Scene, cutter: &Cutter, verb: Verb, times: usize) {
    asked_at(scene, cutter, verb, PODS, times).await;
}

/// Waits until berth has asked `times` times with this verb at paths that end so.
async fn asked_at(scene: &Scene, cutter: &Cutter, verb: Verb, path_end: &str, times: usize) {
    let enough = async || (cutter.asked_for(verb, path_end).len() >= times).then_some(());
    scene.berth.wait_for(&format!("{times} of {verb:?} {path_end}"), enough).await;
}

/// The API server has accepted at most one Binding of each pod.
fn none_bound_twice(cutter: &Cutter) {
    let mut accepted = cutter.accepted();
    accepted.retain(|_, times| *times > 1);
    assert_eq!(accepted, BTreeMap::new());
}
