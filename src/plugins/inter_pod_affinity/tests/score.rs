//! Points by the weights of both sides' terms.
//!
//! Upstream: TestPreferredAffinity and TestPreferredAffinityWithHardPodAffinitySymmetricWeight, v1.37.

use super::{cluster, pod, points};
use crate::model::InterPodAffinityArgs;

const CHINA: &str = "region=China";
const INDIA: &str = "region=India";
const AZ1: &str = "az=az1";
const AZ2: &str = "az=az2";
const S1: &str = "has security=S1";
const S2: &str = "has security=S2";
const WITH_S1: &str = "near 5 region security=S1";
const WITH_S2: &str = "near 6 region security=S2";
const FROM_S1: &str = "far 5 az security=S1";
const FROM_S2: &str = "far 5 az security=S2";
const WITH_S1_FROM_S2: &str = "near 8 region security=S1; far 5 az security=S2";
const NEAR_TEAM: &str = "near 5 region security=S1 @subteam2.team2 @?team=team1";
const FAR_TEAM: &str = "far 5 region security=S1 @subteam2.team2 @?team=team1";

/// Name of the row, the pod in two parts, the pods that are there with the number of their node, the labels
/// of the nodes, the points.
type Row<'a> = (&'a str, [&'a str; 2], &'a [(usize, &'a str, &'a str)], &'a [&'a str], &'a [i64]);

fn check(rows: &[Row<'_>], args: InterPodAffinityArgs) {
    const NAMES: [&str; 5] = ["node1", "node2", "node3", "node4", "node5"];
    for (name, parts, pods, nodes, want) in rows {
        let nodes: Vec<_> = NAMES.iter().zip(*nodes).map(|(name, text)| (*name, *text)).collect();
        let texts: Vec<_> =
            pods.iter().map(|(node, a, b)| (NAMES[node - 1], format!("{a}; {b}"))).collect();
        let pods: Vec<_> = texts.iter().map(|(node, text)| (*node, text.as_str())).collect();
        let cluster = cluster(&nodes, &pods);
        assert_eq!(points(&cluster, &pod(&parts.join("; ")), args), *want, "{name}");
    }
}

#[test]
fn own_preferred_terms() {
    let both = [S1, "near 8 region security!=S1 security=S2; near 2 region security !wrongkey"];
    let rows: &[Row<'_>] = &[
        ("no affinity", [S1, ""], &[], &[CHINA, INDIA, AZ1], &[0, 0, 0]),
        (
            "key and pod match",
            [S1, WITH_S1],
            &[(1, S1, ""), (2, S2, ""), (3, S1, "")],
            &[CHINA, INDIA, AZ1],
            &[100, 0, 0],
        ),
        (
            "the same place",
            ["", WITH_S1],
            &[(1, S1, "")],
            &[CHINA, "region=China az=az1", INDIA],
            &[100, 100, 0],
        ),
        (
            "more pods there",
            [S1, WITH_S2],
            &[(1, S2, ""), (1, S2, ""), (2, S2, ""), (3, S2, ""), (4, S2, ""), (5, S2, "")],
            &[CHINA, INDIA, CHINA, CHINA, INDIA],
            &[100, 0, 100, 100, 0],
        ),
        (
            "different operators",
            both,
            &[(1, S1, ""), (2, S2, ""), (3, S1, "")],
            &[CHINA, INDIA, AZ1],
            &[20, 100, 0],
        ),
        ("away", [S1, FROM_S1], &[(1, S1, ""), (2, S2, "")], &[AZ1, CHINA], &[0, 100]),
        ("away, no key", [S1, FROM_S1], &[(1, S1, ""), (2, S1, "")], &[AZ1, CHINA], &[0, 100]),
        (
            "away, more pods",
            [S1, FROM_S1],
            &[(1, S1, ""), (1, S1, ""), (2, S2, "")],
            &[AZ1, INDIA],
            &[0, 100],
        ),
        (
            "near and away",
            [S1, WITH_S1_FROM_S2],
            &[(1, S1, ""), (2, S1, "")],
            &[CHINA, AZ1],
            &[100, 0],
        ),
        (
            "near and away, the same labels",
            [S1, WITH_S1_FROM_S2],
            &[
                (1, S1, ""),
                (1, S1, ""),
                (2, S1, ""),
                (3, S1, ""),
                (3, S1, ""),
                (4, S1, ""),
                (5, S1, ""),
            ],
            &["region=China az=az1", INDIA, CHINA, CHINA, INDIA],
            &[100, 0, 100, 100, 0],
        ),
    ];
    check(rows, InterPodAffinityArgs::default());
}

#[test]
fn terms_of_others() {
    let hard = "near region security=S1,value2; near region security !wrongkey";
    let team1 = "ns subteam1.team1; has security=S1";
    let rows: &[Row<'_>] = &[
        (
            "preferred affinity",
            [S2, ""],
            &[(1, S1, WITH_S1), (2, S2, WITH_S2)],
            &[CHINA, INDIA, AZ1],
            &[0, 100, 0],
        ),
        (
            "affinity with a namespace selector",
            [team1, ""],
            &[(1, S1, NEAR_TEAM), (2, S2, WITH_S2)],
            &[CHINA, INDIA, AZ1],
            &[100, 0, 0],
        ),
        (
            "anti-affinity with a namespace selector",
            [team1, ""],
            &[(1, S1, FAR_TEAM), (2, S2, WITH_S2)],
            &[CHINA, INDIA, AZ1],
            &[0, 100, 100],
        ),
        (
            "required affinity",
            [S1, ""],
            &[(1, S1, hard), (2, S2, hard)],
            &[CHINA, INDIA, AZ1],
            &[100, 100, 0],
        ),
        (
            "preferred anti-affinity",
            [S2, ""],
            &[(1, S1, FROM_S2), (2, S2, FROM_S1)],
            &[AZ1, AZ2],
            &[0, 100],
        ),
        (
            "all at once",
            [S1, WITH_S1_FROM_S2],
            &[(1, S1, ""), (2, S2, ""), (3, "", WITH_S1_FROM_S2), (4, "", FROM_S1)],
            &[CHINA, AZ1, INDIA, AZ2],
            &[100, 0, 100, 0],
        ),
        (
            "not all nodes of a place have pods with affinity",
            [S1, ""],
            &[(1, S1, ""), (2, "", WITH_S1_FROM_S2)],
            &[CHINA, CHINA],
            &[0, 0],
        ),
        (
            "preferred terms of others count",
            [S2, ""],
            &[(1, S1, WITH_S1_FROM_S2), (2, S2, WITH_S2)],
            &[CHINA, INDIA],
            &[0, 100],
        ),
    ];
    check(rows, InterPodAffinityArgs::default());
}

#[test]
fn namespaces_of_own_terms() {
    const TEAM1: &str = "ns subteam1.team1; has security=S1";
    const OTHER1: &str = "ns subteam2.team1; has security=S1";
    const TEAM2: &str = "ns subteam1.team2; has security=S1";
    const NAMED: &str = "ns subteam2.team2; has security=S1";
    let selected: &[_] = &[(1, TEAM1, ""), (1, TEAM1, ""), (1, TEAM2, ""), (2, OTHER1, "")];
    let named: &[_] = &[(1, TEAM1, ""), (1, TEAM1, ""), (1, NAMED, ""), (2, OTHER1, "")];
    let negative: &[_] = &[(1, TEAM1, ""), (1, TEAM1, ""), (2, TEAM2, "")];
    let not_near = [TEAM1, "near 5 region security=S1 @?team!=team1"];
    let not_far = [TEAM1, "far 5 region security=S1 @?team!=team1"];
    let nodes: &[_] = &[CHINA, INDIA];
    let rows: &[Row<'_>] = &[
        ("selector", [TEAM1, NEAR_TEAM], selected, nodes, &[100, 0]),
        ("selector and names", [TEAM1, NEAR_TEAM], named, nodes, &[100, 0]),
        ("away, selector", [TEAM1, FAR_TEAM], selected, nodes, &[0, 100]),
        ("away, selector and names", [TEAM1, FAR_TEAM], named, nodes, &[0, 100]),
        ("negative selector", not_near, negative, nodes, &[0, 100]),
        ("away, negative selector", not_far, negative, nodes, &[100, 0]),
    ];
    check(rows, InterPodAffinityArgs::default());
}

#[test]
fn preferred_terms_of_others_are_ignored_on_demand() {
    let ignore = InterPodAffinityArgs {
        ignore_preferred_terms_of_existing_pods: true,
        ..InterPodAffinityArgs::default()
    };
    let rows: &[Row<'_>] = &[
        (
            "a pod without preferred terms",
            [S2, ""],
            &[(1, S1, WITH_S1_FROM_S2), (2, S2, WITH_S2)],
            &[CHINA, INDIA],
            &[0, 0],
        ),
        (
            "a pod with preferred terms takes the others' into account",
            [S2, "near 1 az security=S3"],
            &[(1, S1, WITH_S1_FROM_S2), (2, S2, WITH_S2)],
            &[CHINA, INDIA],
            &[0, 100],
        ),
    ];
    check(rows, ignore);
}

#[test]
fn weight_of_required_affinity_of_others() {
    let hard = "near region service=S1 @,subteam2.team2 @?team=team1";
    let pods: &[_] = &[(1, "", hard), (2, "", hard)];
    let of = |namespace: &str| format!("ns {namespace}; has service=S1");
    let rows = [
        ("the default", 1, "has service=S1".to_owned(), [100, 100, 0]),
        ("zero", 0, "has service=S1".to_owned(), [0, 0, 0]),
        ("no namespace matches", 1, of("subteam1.team2"), [0, 0, 0]),
        ("the selector matches", 1, of("subteam1.team1"), [100, 100, 0]),
        ("a name matches", 1, of("subteam2.team2"), [100, 100, 0]),
    ];
    for (name, hard_pod_affinity_weight, text, want) in rows {
        let args =
            InterPodAffinityArgs { hard_pod_affinity_weight, ..InterPodAffinityArgs::default() };
        check(&[(name, [&text, ""], pods, &[CHINA, INDIA, AZ1], &want)], args);
    }
}
