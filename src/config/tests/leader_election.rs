//! The block `leaderElection`: what it means, what is refused and what is warned about.

use std::time::Duration;

use super::super::LeaderElection;
use super::*;

const SECOND: i64 = 1_000_000_000;

#[test]
fn the_defaults_are_upstreams_but_for_the_lease() {
    let expected = LeaderElection {
        leader_elect: true,
        lease_nanos: 15 * SECOND,
        renew_nanos: 10 * SECOND,
        retry_nanos: 2 * SECOND,
        resource_lock: "leases".to_owned(),
        resource_name: "berth".to_owned(),
        resource_namespace: String::new(),
    };
    for body in ["", "leaderElection:", "leaderElection: {}", "leaderElection: {retryPeriod: 0s}"] {
        assert_eq!(right(body).leader_election, expected, "{body}");
    }
    assert_eq!(LeaderElection::default(), expected);
}

#[test]
fn what_is_given_is_taken() {
    let read = right(
        "leaderElection: {leaderElect: no, leaseDuration: 15s, renewDeadline: 1m30s, retryPeriod: -1s, \
         resourceLock: leases, resourceName: a, resourceNamespace: b}",
    );
    let expected = LeaderElection {
        leader_elect: false,
        lease_nanos: 15 * SECOND,
        renew_nanos: 90 * SECOND,
        retry_nanos: -SECOND,
        resource_lock: "leases".to_owned(),
        resource_name: "a".to_owned(),
        resource_namespace: "b".to_owned(),
    };
    assert_eq!((read.leader_election, read.warnings), (expected, Vec::new()));
}

#[test]
fn the_lease_of_the_clusters_own_scheduler_is_warned_about() {
    let warned = "leaderElection.resourceName: \"kube-scheduler\": is the lease of the cluster's own scheduler: of \
                  the two only one works at a time, and pods of the other's schedulerName wait; take another \
                  name";
    let body = "leaderElection: {resourceName: kube-scheduler}";
    assert_eq!(right(body).warnings, [warned]);
    let body = "leaderElection: {leaderElect: false, resourceName: kube-scheduler}";
    assert_eq!(right(body).warnings, Vec::<String>::new());
}

#[test]
fn a_leaders_last_write_ends_before_another_one_leads() {
    let table = [(15_000, 10_000, 4_500), (15_900, 10_000, 4_500), (3_000, 2_000, 900)];
    for (lease_ms, renew_ms, write_ms) in table {
        let election = LeaderElection {
            lease_nanos: lease_ms * SECOND / 1_000,
            renew_nanos: renew_ms * SECOND / 1_000,
            retry_nanos: SECOND / 2,
            ..LeaderElection::default()
        };
        assert_eq!(election.problems(), Vec::new(), "{lease_ms} {renew_ms}");
        assert_eq!(election.write_time(), Duration::from_millis(write_ms), "{lease_ms} {renew_ms}");
    }
}

#[test]
fn leader_election_is_checked_unless_it_is_off() {
    let table = [
        ("leaderElect: 1", "leaderElect: 1: must be true or false"),
        ("leaseDuration: 15", "leaseDuration: 15: must be a string"),
        (
            "leaderElect: false, leaseDuration: \"15\"",
            "leaseDuration: \"15\": must be a duration with a unit, such as \"15s\" or \"1m30s\"",
        ),
        (
            "renewDeadline: null",
            "renewDeadline: null: must be a duration with a unit, such as \"15s\"",
        ),
        ("retryPeriod: -2s", "retryPeriod: \"-2s\": must be greater than zero"),
        ("renewDeadline: -2s", "renewDeadline: \"-2s\": must be greater than zero"),
        (
            "renewDeadline: 2s",
            "renewDeadline: \"2s\": renewDeadline must be greater than retryPeriod*JitterFactor",
        ),
        (
            "leaseDuration: 10500ms",
            "leaseDuration: \"10.5s\": must be greater than renewDeadline by 0.6s or more, in whole seconds: a \
             leader's last write must have ended before another one leads",
        ),
        ("resourceName: a/b", "resourceName: \"a/b\": must be the name of an object"),
        ("resourceNamespace: A", "resourceNamespace: \"A\": must be the name of an object"),
        ("leaseDuration: 10s", "leaseDuration: \"10s\": must be greater than `RenewDeadline`"),
        ("renewDeadline: 15s", "leaseDuration: \"15s\": must be greater than `RenewDeadline`"),
        (
            "leaderElect: true, resourceLock: endpoints",
            "resourceLock: \"endpoints\": resourceLock value must be \"leases\"",
        ),
    ];
    for (fields, expected) in table {
        let expected = format!("f.yaml: leaderElection.{expected}");
        assert_eq!(complaints(&format!("leaderElection: {{{fields}}}")), expected, "{fields}");
    }
}
