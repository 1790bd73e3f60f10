//! What pods need and use. The numbers are what resource.PodRequests and framework.PodInfo say, v1.37,
//! after the API server's defaults.

use serde_json::{Value, json};

use crate::model::PodRequests;
use crate::units::Resources;

use super::super::{Object, decode};
use super::pod_json;

const MI: i64 = 1 << 20;
const GI: i64 = 1 << 30;

/// CPU in thousandths of a core, memory in bytes.
type Pair = (i64, i64);

struct Row {
    what: &'static str,
    spec: Value,
    status: Value,
    request: Pair,
    scored: Pair,
    usage: Pair,
    non_zero: Pair,
}

fn requests(what: &str, spec: Value, status: &Value) -> PodRequests {
    match decode(&pod_json(spec, status)) {
        Ok(Object::Pod(pod)) => pod.requests,
        other => panic!("{what}: {other:?}"),
    }
}

fn check(rows: Vec<Row>) {
    for row in rows {
        let got = requests(row.what, row.spec, &row.status);
        let pair = |resources: &Resources| (resources.milli_cpu, resources.memory);
        let pairs = [
            pair(&got.request),
            pair(&got.scored),
            pair(&got.usage),
            (got.non_zero_milli_cpu, got.non_zero_memory),
        ];
        assert_eq!(pairs, [row.request, row.scored, row.usage, row.non_zero], "{}", row.what);
    }
}

#[test]
fn limits_fill_in_for_requests() {
    check(vec![
        Row {
            what: "where there is none",
            spec: json!({"containers": [{"name": "a", "resources": {
                "limits": {"cpu": "2", "memory": "1Gi", "example.com/gpu": 1},
                "requests": {"cpu": "500m"}}}]}),
            status: Value::Null,
            request: (500, GI),
            scored: (500, GI),
            usage: (500, GI),
            non_zero: (500, GI),
        },
        Row {
            what: "in init containers too",
            spec: json!({
                "initContainers": [{"name": "i", "resources": {"limits": {"memory": "3Gi"}}}],
                "containers": [{"name": "a", "resources": {"requests": {"cpu": "100m"}}}]}),
            status: Value::Null,
            request: (100, 3 * GI),
            scored: (100, 3 * GI),
            usage: (100, 3 * GI),
            non_zero: (100, 3 * GI),
        },
        Row {
            what: "each amount is rounded up to thousandths before the sum",
            spec: json!({"containers": [
                {"name": "a", "resources": {"requests": {"cpu": "100u", "memory": 0.5}}},
                {"name": "b", "resources": {"requests": {"cpu": "1u", "memory": "100u"}}}]}),
            status: Value::Null,
            request: (2, 1),
            scored: (2, 1),
            usage: (2, 1),
            non_zero: (2, 1),
        },
        Row {
            what: "a sidecar counts with the containers and under later init containers",
            spec: json!({
                "initContainers": [
                    {"name": "i", "resources": {"requests": {"cpu": "4"}}},
                    {"name": "s", "restartPolicy": "Always",
                     "resources": {"requests": {"cpu": "1"}}},
                    {"name": "j", "resources": {"requests": {"cpu": "3500m"}}}],
                "containers": [{"name": "a", "resources": {"requests": {"cpu": "2"}}}]}),
            status: Value::Null,
            request: (4500, 0),
            scored: (4500, 400 * MI),
            usage: (4500, 0),
            non_zero: (4500, 400 * MI),
        },
    ]);
}

#[test]
fn a_pod_can_ask_as_a_whole() {
    check(vec![
        Row {
            what: "overhead comes on top",
            spec: json!({
                "containers": [
                    {"name": "a", "resources": {"requests": {"cpu": "1"}}}, {"name": "b"}],
                "overhead": {"cpu": "250m", "memory": "120Mi"},
                "resources": {"requests": {"cpu": "3"}}}),
            status: Value::Null,
            request: (3250, 120 * MI),
            scored: (1350, 520 * MI),
            usage: (3250, 120 * MI),
            non_zero: (3250, 120 * MI),
        },
        Row {
            what: "its requests follow its status while it is resized",
            spec: json!({
                "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}}}],
                "resources": {"requests": {"cpu": "2"}}}),
            status: json!({
                "allocatedResources": {"cpu": "3"},
                "resources": {"requests": {"cpu": "2500m", "memory": "30"}}}),
            request: (2000, 0),
            scored: (1000, 200 * MI),
            usage: (3000, 30),
            non_zero: (3000, 30),
        },
        Row {
            what: "and so do they with the default for memory",
            spec: json!({
                "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}}}],
                "resources": {"requests": {"cpu": "2"}}}),
            status: json!({"allocatedResources": {"cpu": "3"}, "resources": {}}),
            request: (2000, 0),
            scored: (1000, 200 * MI),
            usage: (3000, 0),
            non_zero: (3000, 200 * MI),
        },
    ]);
}

#[test]
fn a_pods_own_limits_are_not_its_requests() {
    let spec = json!({
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}}}],
        "resources": {"limits": {"cpu": "3", "memory": "2Gi"}}});
    let got = requests("limits alone", spec, &Value::Null);
    assert_eq!((got.request.milli_cpu, got.request.memory), (1000, 0));
}

#[test]
fn resizes_count_by_status() {
    check(vec![
        Row {
            what: "by the largest state",
            spec: json!({"containers": [
                {"name": "a", "resources": {"requests": {"cpu": "900m", "memory": "4"}}}]}),
            status: json!({"containerStatuses": [{
                "name": "a", "allocatedResources": {"cpu": "700m", "memory": "1"},
                "resources": {"requests": {"cpu": "500m", "memory": "9"}}}]}),
            request: (900, 4),
            scored: (900, 4),
            usage: (900, 9),
            non_zero: (900, 9),
        },
        Row {
            what: "an infeasible one not by the spec",
            spec: json!({"containers": [
                {"name": "a", "resources": {"requests": {"cpu": "900m", "memory": "4"}}},
                {"name": "b", "resources": {"requests": {"cpu": "1"}}}]}),
            status: json!({
                "conditions": [
                    {"type": "PodResizePending", "status": "True", "reason": "Infeasible"},
                    {"type": "PodResizePending", "status": "True", "reason": "Deferred"}],
                "containerStatuses": [
                    {"name": "a", "allocatedResources": {"cpu": "700m", "memory": "1"}}]}),
            request: (1900, 4),
            scored: (1900, 200 * MI + 4),
            usage: (700, 1),
            non_zero: (800, 200 * MI + 1),
        },
        Row {
            what: "the pod's own status replaces the containers'",
            spec: json!({"containers": [
                {"name": "a", "resources": {"requests": {"cpu": "900m"}}}]}),
            status: json!({
                "allocatedResources": {"cpu": "2", "memory": "10"},
                "resources": {"requests": {"cpu": "1", "memory": "20"}},
                "containerStatuses": [{"name": "a", "allocatedResources": {"cpu": "5"}}]}),
            request: (900, 0),
            scored: (900, 200 * MI),
            usage: (2000, 20),
            non_zero: (2000, 200 * MI),
        },
        Row {
            what: "an init container's status is found by its name",
            spec: json!({
                "initContainers": [{"name": "s", "restartPolicy": "Always",
                    "resources": {"requests": {"cpu": "1"}}}],
                "containers": [{"name": "a"}]}),
            status: json!({"initContainerStatuses": [
                {"name": "s", "allocatedResources": {"cpu": "2"}}]}),
            request: (1000, 0),
            scored: (1100, 400 * MI),
            usage: (2000, 0),
            non_zero: (2100, 400 * MI),
        },
    ]);
}
