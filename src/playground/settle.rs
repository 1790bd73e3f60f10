//! When a playground has settled: nothing is undecided, the controllers have seen every workload, and
//! nothing has happened to any pod for a while.

use std::time::Duration;

use http::Request;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;

/// How long no pod may have changed. Controllers and the scheduler answer within milliseconds; a machine
/// that is busy with other things may take longer.
pub(super) const QUIET: Duration = Duration::from_secs(1);

/// Workloads that controllers act on, and say so in their status.
const WORKLOADS: [&str; 5] = [
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/replicasets",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/jobs",
];

#[derive(Deserialize)]
struct List {
    items: Vec<Workload>,
}

/// What is read of a workload.
#[derive(Deserialize)]
struct Workload {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    generation: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    suspend: Option<bool>,
    /// Jobs have these, and no observedGeneration.
    parallelism: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    observed_generation: i64,
    start_time: Option<String>,
}

impl Workload {
    /// A controller has seen it as it is.
    fn is_seen(&self) -> bool {
        if self.spec.parallelism.is_some() {
            return self.spec.suspend == Some(true) || self.status.start_time.is_some();
        }
        self.status.observed_generation >= self.metadata.generation
    }
}

/// Whether the controllers have seen every workload as it is now.
pub(super) async fn controllers_are_done(client: &Client) -> anyhow::Result<bool> {
    for path in WORKLOADS {
        let request = Request::get(path).body(Body::empty())?;
        let body = client.send(request).await?.into_body().collect_bytes().await?;
        let list: List = serde_json::from_slice(&body)?;
        if !list.items.iter().all(Workload::is_seen) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_workload_is_seen_as_its_kind_says() {
        let rows = [
            (json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}), false),
            (json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2}}), true),
            (json!({"metadata": {"generation": 1}}), false),
            (json!({"metadata": {"generation": 1}, "spec": {"parallelism": 1}}), false),
            (json!({"metadata": {}, "spec": {"parallelism": 1, "suspend": true}}), true),
            (
                json!({"metadata": {}, "spec": {"parallelism": 1}, "status": {"startTime": "x"}}),
                true,
            ),
        ];
        for (workload, want) in rows {
            let read: Workload = serde_json::from_value(workload.clone()).unwrap();
            assert_eq!(read.is_seen(), want, "{workload}");
        }
    }
}
