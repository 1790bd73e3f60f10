//! Facts of upstream's own unit tests that no pod can tell, since their features are made up for the test; the
//! other tables are `tests/data/upstream_tables`.

use crate::cluster::{Cluster, View};
use crate::framework::{Code, Prepared, Profile, ProfileSpec, Table, explain, prepare};
use crate::model::{Node, Pod};

use super::PLUGINS;

/// What one plugin gives each node, by name: the rejection or the raw and weighted score.
fn judged(plugin: &str, cluster: &Cluster, pod: &Pod) -> Vec<Result<(i64, i64), (Code, String)>> {
    let profile = Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
        .expect("the defaults fit");
    let view = View::new(cluster);
    let Prepared::Ready { evals, .. } = prepare(&profile, pod, view) else {
        panic!("the pod as a whole was rejected")
    };
    let table = Table::build(&evals, &view, None);
    let position = profile.plugins.iter().position(|entry| entry.name == plugin).unwrap();
    let mut reports = explain(&evals, &view, &table, None);
    reports.sort_by_key(|report| cluster.node_name(report.node).to_owned());
    let one = |report: &crate::framework::NodeReport| {
        if !report.verdict.is_pass() {
            let reasons = evals.reasons(&view, report.node, report.verdict);
            return Err((report.verdict.code, reasons.join(", ")));
        }
        let own = report.scores.iter().find(|(at, ..)| usize::from(*at) == position);
        Ok(own.map_or((0, 0), |(_, raw, points)| (*raw, *points)))
    };
    reports.iter().map(one).collect()
}

#[test]
fn node_declared_features_filter() {
    let mut cluster = Cluster::new(0);
    for (name, features) in [("a", vec!["A", "B"]), ("b", vec!["A"]), ("c", vec![])] {
        let declared_features = features.into_iter().map(Into::into).collect();
        let node =
            Node { name: name.into(), allocatable_pods: 32, declared_features, ..Node::default() };
        cluster.upsert_node(&node, 0);
    }
    let rejected = || {
        let reason = "node(s) didn't match Pod's required features".to_owned();
        Err((Code::UnschedulableAndUnresolvable, reason))
    };
    let rows = [
        (vec![], [Ok((0, 0)), Ok((0, 0)), Ok((0, 0))]),
        (vec!["A"], [Ok((0, 0)), Ok((0, 0)), rejected()]),
        (vec!["A", "B"], [Ok((0, 0)), rejected(), rejected()]),
        (vec!["A", "C"], [rejected(), rejected(), rejected()]),
    ];
    for (required_features, want) in rows {
        let pod = Pod { required_features, ..Pod::default() };
        assert_eq!(judged("NodeDeclaredFeatures", &cluster, &pod), want);
    }
}
