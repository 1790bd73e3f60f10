//! The pod's own required terms.
//!
//! Upstream: TestRequiredAffinitySingleNode, TestRequiredAffinityMultipleNodes and
//! TestMultipleAffinityTermsRequireSingleMatchingPod, v1.37.

use super::Is::{Fine, NotNear, Repelled, TooNear};
use super::check_filter;

const NODE: &[(&str, &str)] = &[("node1", "region=r1 zone=z11")];
const SCAN: &[(&str, &str)] = &[("node1", "has service=securityscan")];
const TWO: &[(&str, &str)] =
    &[("a", "region=r1 zone=z1 hostname=a"), ("b", "region=r1 zone=z2 hostname=b")];
const HOSTS: &[(&str, &str)] =
    &[("a", "kubernetes.io/hostname=a"), ("b", "kubernetes.io/hostname=b")];
const REGIONS: &[(&str, &str)] =
    &[("a", "region=China"), ("b", "region=China az=az1"), ("c", "region=India")];

#[test]
fn one_node() {
    check_filter(&[
        ("a pod without rules, no pods", "", &[], NODE, None),
        ("In", "near region service=securityscan,value2", SCAN, NODE, Some(&[Fine])),
        ("NotIn", "near region service!=securityscan3,value3", SCAN, NODE, Some(&[Fine])),
        (
            "another namespace",
            "near region service=securityscan,value2 @DiffNameSpace",
            &[("node1", "ns ns; has service=securityscan")],
            NODE,
            Some(&[NotNear]),
        ),
        (
            "a selector that does not match",
            "has service=securityscan; near region service=antivirusscan,value2",
            SCAN,
            NODE,
            Some(&[NotNear]),
        ),
        (
            "different operators in several terms",
            "near region service !wrongkey; near region service=securityscan service!=WrongValue",
            SCAN,
            NODE,
            Some(&[Fine]),
        ),
        (
            "requirements are joined by and",
            "near region service !wrongkey; near region service=securityscan2 service!=WrongValue",
            SCAN,
            NODE,
            Some(&[NotNear]),
        ),
        (
            "affinity and anti-affinity",
            "near region service=securityscan; far node service=antivirusscan",
            SCAN,
            NODE,
            Some(&[Fine]),
        ),
        (
            "affinity, but not anti-affinity",
            "near region service=securityscan; far zone service=securityscan",
            SCAN,
            NODE,
            Some(&[TooNear]),
        ),
        (
            "affinity and anti-affinity, but not the other's",
            "has service=securityscan; near region service=securityscan; far node service=virus",
            &[("node1", "has service=securityscan; far zone service=securityscan,value2")],
            NODE,
            Some(&[Repelled]),
        ),
        (
            "a pod on a node that is not there",
            "has service=securityscan; near region service!=securityscan,value2",
            &[("node2", "has service=securityscan")],
            NODE,
            Some(&[NotNear]),
        ),
    ]);
}

#[test]
fn affinity_on_several_nodes() {
    check_filter(&[
        (
            "all nodes with the key's value",
            "near region foo=bar",
            &[("a", "has foo=bar")],
            REGIONS,
            Some(&[Fine, Fine, NotNear]),
        ),
        (
            "the first pod of a collection",
            "has foo=bar service=scan; near zone foo=bar; near zone service=scan",
            &[("a", "has foo=bar")],
            TWO,
            Some(&[Fine, Fine]),
        ),
        (
            "the first pod of a collection needs the keys all the same",
            "has foo=bar service=scan; near zone foo=bar; near region service=scan",
            &[("a", "has foo=bar")],
            &[("a", "zone=az1"), ("b", "zone=az2 region=r"), ("c", "region=r"), ("d", "")],
            Some(&[NotNear, Fine, NotNear, NotNear]),
        ),
        (
            "a matching pod on a node without the keys leaves the pod the first",
            "has foo=bar; near zone foo=bar",
            &[("c", "has foo=bar")],
            &[("a", "zone=z1"), ("b", "zone=z2"), ("c", "region=r1")],
            Some(&[Fine, Fine, NotNear]),
        ),
        (
            "a matching pod elsewhere: it is not the first",
            "has foo=bar; near zone foo=bar",
            &[("b", "has foo=bar")],
            TWO,
            Some(&[NotNear, Fine]),
        ),
        (
            "all terms and then all keys",
            "near region foo; near zone bar",
            &[("a", "has foo= bar=")],
            &[("a", "region=r1 zone=z1"), ("b", "region=r1 zone=z1")],
            Some(&[Fine, Fine]),
        ),
        (
            "all terms have to mean the same pod",
            "near region foo; near zone bar",
            &[("a", "has foo="), ("b", "has bar=")],
            TWO,
            Some(&[NotNear, NotNear]),
        ),
        (
            "host",
            "near kubernetes.io/hostname foo",
            &[("a", "has foo=")],
            HOSTS,
            Some(&[Fine, NotNear]),
        ),
        (
            "a pod that is only in one of the places",
            "near region foo; near zone foo",
            &[("a", "has foo=")],
            TWO,
            Some(&[Fine, NotNear]),
        ),
    ]);
}

#[test]
fn anti_affinity_on_several_nodes() {
    check_filter(&[
        (
            "the same place",
            "far region foo=abc",
            &[("a", "has foo=abc")],
            TWO,
            Some(&[TooNear, TooNear]),
        ),
        (
            "any term",
            "far region foo=abc; far zone service=securityscan",
            &[("a", "has foo=abc service=securityscan")],
            TWO,
            Some(&[TooNear, TooNear]),
        ),
        (
            "another place",
            "far region foo=abc",
            &[("a", "has foo=abc")],
            REGIONS,
            Some(&[TooNear, TooNear, Fine]),
        ),
        (
            "others' terms of another namespace",
            "ns NS1; has foo=123; far region foo=bar",
            &[("a", "ns NS1; has foo=bar"), ("c", "ns NS2; far region foo=123")],
            REGIONS,
            Some(&[TooNear, TooNear, Fine]),
        ),
        ("no node has the key", "far rack foo", &[("a", "has foo=")], TWO, Some(&[Fine, Fine])),
        (
            "each node violates one term",
            "far zone foo; far region bar",
            &[("a", "has foo="), ("b", "has bar=")],
            TWO,
            Some(&[TooNear, TooNear]),
        ),
        (
            "only a term whose key is there counts",
            "far rack foo; far zone bar",
            &[("a", "has foo= bar=")],
            TWO,
            Some(&[TooNear, Fine]),
        ),
        (
            "both keys are there",
            "far region foo; far zone bar",
            &[("a", "has foo= bar=")],
            TWO,
            Some(&[TooNear, TooNear]),
        ),
        (
            "host",
            "far kubernetes.io/hostname foo",
            &[("a", "has foo=")],
            HOSTS,
            Some(&[TooNear, Fine]),
        ),
    ]);
}
