//! Required anti-affinity of the pods that are there.
//!
//! Upstream: TestRequiredAffinitySingleNode and TestRequiredAffinityMultipleNodes, v1.37.

use super::Is::{Fine, Repelled, TooNear};
use super::check_filter;

const NODE: &[(&str, &str)] = &[("node1", "region=r1 zone=z11")];
const TWO: &[(&str, &str)] =
    &[("a", "region=r1 zone=z1 hostname=a"), ("b", "region=r1 zone=z2 hostname=b")];

#[test]
fn on_one_node() {
    check_filter(&[
        (
            "repelled without rules of its own",
            "has service=securityscan",
            &[("node1", "has service=securityscan; far zone service=securityscan,value2")],
            NODE,
            Some(&[Repelled]),
        ),
        (
            "not repelled: skipped",
            "has service=securityscan",
            &[("node1", "has service=securityscan; far zone service!=securityscan,value2")],
            NODE,
            None,
        ),
        (
            "its own anti-affinity comes first",
            "has service=securityscan; far region service; far region security",
            &[("node1", "has security=S1; far zone security")],
            NODE,
            Some(&[TooNear]),
        ),
        (
            "a1: they match in part",
            "has service=securityscan; far zone service; far zone security",
            &[("node1", "has security=S1; far zone security")],
            NODE,
            Some(&[TooNear]),
        ),
        (
            "a2: they match in part",
            "has security=S1; far zone security",
            &[("node1", "has service=securityscan; far zone service; far zone security")],
            NODE,
            Some(&[Repelled]),
        ),
        (
            "b1: they match in part",
            "has abc= xyz=; far zone abc; far zone def",
            &[("node1", "has def= xyz=; far zone abc; far zone def")],
            NODE,
            Some(&[TooNear]),
        ),
        (
            "b2: they match in part",
            "has def= xyz=; far zone abc; far zone def",
            &[("node1", "has abc= xyz=; far zone abc; far zone def")],
            NODE,
            Some(&[TooNear]),
        ),
    ]);
}

#[test]
fn on_several_nodes() {
    check_filter(&[
        ("no node has the key: skipped", "has foo=", &[("a", "far rack foo")], TWO, None),
        (
            "a term each for all nodes",
            "has foo= bar=",
            &[("a", "far zone foo"), ("a", "far region bar")],
            TWO,
            Some(&[Repelled, Repelled]),
        ),
        (
            "one of the keys is nowhere",
            "has foo= bar=",
            &[("a", "far rack foo; far zone bar")],
            TWO,
            Some(&[Repelled, Fine]),
        ),
        (
            "both keys are there",
            "has foo= bar=",
            &[("a", "far region foo; far zone bar")],
            TWO,
            Some(&[Repelled, Repelled]),
        ),
        (
            "one term of each matches",
            "has foo= bar=",
            &[("a", "far zone foo; far zone labelA"), ("b", "far zone bar; far zone labelB")],
            &[("a", "region=r1 zone=z1"), ("b", "region=r1 zone=z2"), ("c", "region=r1 zone=z3")],
            Some(&[Repelled, Repelled, Fine]),
        ),
        (
            "affinity alone repels nobody",
            "has foo=",
            &[("a", "near zone foo; near 5 zone foo; far 5 zone foo")],
            TWO,
            None,
        ),
    ]);
}
