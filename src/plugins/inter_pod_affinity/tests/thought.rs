//! Pods added and removed in thought.
//!
//! Upstream: TestPreFilterStateAddRemovePod, v1.37: the state after a change is the one that would have been
//! worked out with the change.

use proptest::prelude::*;

use super::Is::{Fine, NotNear, Repelled};
use super::{Is, add, cluster, judged, pod, prepared};
use crate::cluster::{Overlay, View};

const NODES: &[(&str, &str)] = &[
    ("a", "region=r1 zone=z11"),
    ("b", "region=r1 zone=z12"),
    ("c", "region=r2 zone=z21"),
    ("d", ""),
];

const INCOMING: [&str; 6] = [
    "has foo=bar",
    "has foo=bar; near zone foo=bar",
    "has foo=bar; near zone foo=bar; near region foo",
    "has foo=bar; far zone foo=bar,buzz; far region service!=bar,test",
    "near region service=x; far zone foo=buzz",
    "has foo=bar; near zone foo=bar; far region foo=buzz; near 3 zone foo",
];

const OTHERS: [&str; 7] = [
    "has foo=bar",
    "has foo=buzz service=x",
    "has foo=bar; far region foo=bar",
    "has service=x; far zone foo=bar,buzz; far region service!=bar,test",
    "has foo=bar service=x; near zone foo=bar",
    "ns other; has foo=bar; far zone foo=bar @*",
    "has foo=buzz; far rack foo=bar",
];

proptest! {
    #[test]
    fn a_change_in_thought_is_the_change_itself(
        incoming in 0..INCOMING.len(),
        bound in prop::collection::vec((0..NODES.len(), 0..OTHERS.len()), 0..8),
        more in prop::collection::vec(0..OTHERS.len(), 0..3),
        changed in 0..NODES.len(),
        leaves in prop::collection::vec(any::<bool>(), 8),
    ) {
        let pod = pod(INCOMING[incoming]);
        let on = |(node, other): &(usize, usize)| (NODES[*node].0, OTHERS[*other]);
        let leaves = |at: usize| bound[at].0 == changed && leaves[at];
        let before: Vec<_> = bound.iter().map(on).collect();
        let mut really: Vec<_> = (0..bound.len()).filter(|at| !leaves(*at)).collect::<Vec<_>>()
            .into_iter().map(|at| before[at]).collect();
        really.extend(more.iter().map(|other| (NODES[changed].0, OTHERS[*other])));
        let really = cluster(NODES, &really);

        let mut cluster = cluster(NODES, &[]);
        let ids: Vec<_> = before.iter().enumerate()
            .map(|(at, (node, text))| add(&mut cluster, at, Some(node), text)).collect();
        let waiting: Vec<_> = more.iter().enumerate()
            .map(|(at, other)| add(&mut cluster, 100 + at, None, OTHERS[*other])).collect();
        let node = cluster.find_node(NODES[changed].0).expect("it is there");
        let mut overlay = Overlay::new(&cluster, node);
        for (at, id) in ids.iter().enumerate().filter(|(at, _)| leaves(*at)) {
            overlay.remove(&cluster, *id);
            // Taken away, given back and taken away again, as preemption does.
            if at % 2 == 0 {
                overlay.add(&cluster, *id);
                overlay.remove(&cluster, *id);
            }
        }
        for id in &waiting {
            overlay.add(&cluster, *id);
        }

        let view = View::new(&cluster);
        let eval = prepared(&pod, view);
        if let Some(got) = judged(&eval, &view.with(&overlay)) {
            let view = View::new(&really);
            let want = judged(&prepared(&pod, view), &view);
            prop_assert_eq!(got, want.unwrap_or(vec![Fine; NODES.len()]));
        }
    }
}

#[test]
fn a_pod_that_leaves_takes_its_count_along() {
    let mut cluster = cluster(NODES, &[]);
    let other = add(&mut cluster, 0, Some("a"), "has foo=bar");
    let repels = add(&mut cluster, 1, Some("a"), "far zone foo=bar");
    let view = View::new(&cluster);
    let node = cluster.find_node("a").unwrap();
    let judge = |text: &str, removed: &[_]| -> Option<Vec<Is>> {
        let overlay = Overlay::without(&cluster, node, removed.iter().copied());
        judged(&prepared(&pod(text), view), &view.with(&overlay))
    };
    let near = "has foo=bar; near zone foo=bar";
    assert_eq!(judge(near, &[]), Some(vec![Repelled, NotNear, NotNear, NotNear]));
    assert_eq!(judge(near, &[repels]), Some(vec![Fine, NotNear, NotNear, NotNear]));
    // Nobody matches any more: the pod starts a group of its own.
    assert_eq!(judge(near, &[repels, other]), Some(vec![Fine, Fine, Fine, NotNear]));
}

#[test]
fn a_pod_whose_filter_is_skipped_is_not_judged_by_pods_in_thought() {
    let mut cluster = cluster(NODES, &[("a", "far rack foo=bar")]);
    let waiting = add(&mut cluster, 7, None, "far zone foo=bar");
    let mut overlay = Overlay::new(&cluster, cluster.find_node("a").unwrap());
    overlay.add(&cluster, waiting);
    let view = View::new(&cluster);
    assert_eq!(judged(&prepared(&pod("has foo=bar"), view), &view.with(&overlay)), None);
    let got = judged(&prepared(&pod("has foo=bar; far rack x"), view), &view.with(&overlay));
    assert_eq!(got, Some(vec![Repelled, Fine, Fine, Fine]));
}
