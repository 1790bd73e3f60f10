//! Which namespaces a term means.
//!
//! Upstream: TestRequiredAffinitySingleNode and mergeAffinityTermNamespacesIfNotEmpty, v1.37.

use super::Is::{Fine, NotNear, Repelled, TooNear};
use super::check_filter;

const NODE: &[(&str, &str)] = &[("node1", "region=r1 zone=z11")];

#[test]
fn of_the_pods_own_terms() {
    check_filter(&[
        (
            "a selector that matches",
            "near region service=scan @?team=team1",
            &[("node1", "ns subteam1.team1; has service=scan")],
            NODE,
            Some(&[Fine]),
        ),
        (
            "a selector that does not match",
            "near region service=scan @?team=team1",
            &[("node1", "ns subteam1.team2; has service=scan")],
            NODE,
            Some(&[NotNear]),
        ),
        (
            "anti-affinity, a selector that matches",
            "ns subteam1.team1; far zone service=scan @?team=team1",
            &[("node1", "ns subteam2.team1; has service=scan")],
            NODE,
            Some(&[TooNear]),
        ),
        (
            "anti-affinity, a selector of everything",
            "ns subteam1.team1; far zone service=scan @*",
            &[("node1", "ns subteam2.team1; has service=scan")],
            NODE,
            Some(&[TooNear]),
        ),
        (
            "anti-affinity, a selector that does not match",
            "ns subteam1.team1; far zone service=scan @?team=team1",
            &[("node1", "ns subteam1.team2; has service=scan")],
            NODE,
            Some(&[Fine]),
        ),
        (
            "a selector leaves the own namespace out",
            "ns subteam1.team2; far zone service=scan @?team=team1",
            &[("node1", "ns subteam1.team2; has service=scan")],
            NODE,
            Some(&[Fine]),
        ),
        (
            "names and a selector are joined by or",
            "far zone service=scan @subteam1.team2 @?team=team1",
            &[("node1", "ns subteam1.team2; has service=scan")],
            NODE,
            Some(&[TooNear]),
        ),
        (
            "a selector looks at namespaces that exist",
            "far zone service=scan @?!team",
            &[("node1", "ns unknown; has service=scan")],
            NODE,
            Some(&[Fine]),
        ),
        (
            "a selector of everything looks at none",
            "far zone service=scan @*",
            &[("node1", "ns unknown; has service=scan")],
            NODE,
            Some(&[TooNear]),
        ),
    ]);
}

#[test]
fn of_the_terms_of_others() {
    check_filter(&[
        (
            "the owner's own",
            "ns a; has service=scan",
            &[("node1", "ns b; far zone service=scan")],
            NODE,
            None,
        ),
        (
            "a selector that matches",
            "ns subteam1.team1; has service=scan",
            &[("node1", "ns b; far zone service=scan @?team=team1")],
            NODE,
            Some(&[Repelled]),
        ),
        (
            "a namespace that is not known has no labels",
            "ns unknown; has service=scan",
            &[("node1", "ns b; far zone service=scan @?!team")],
            NODE,
            Some(&[Repelled]),
        ),
        (
            "a selector of everything",
            "ns unknown; has service=scan",
            &[("node1", "ns b; far zone service=scan @*")],
            NODE,
            Some(&[Repelled]),
        ),
    ]);
}
