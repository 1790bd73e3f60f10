//! That the pods that are measured are placed, confirmed and deleted.

use super::*;
use clap::ValueEnum as _;

fn options(workload: Workload) -> Options {
    Options {
        nodes: 60,
        pods: 100,
        templates: 1,
        workload,
        standing: None,
        tables: true,
        metrics: false,
        seed: 7,
    }
}

#[test]
fn every_workload_is_placed_and_steady() {
    for workload in Workload::value_variants() {
        for templates in [1, 6] {
            let options = Options { templates, ..options(*workload) };
            let report = run(&options).unwrap();
            let most =
                if *workload == Workload::AntiAffinity { 60 * templates * 3 / 4 } else { 480 };
            assert_eq!(report.standing, 120.min(most - ROUND_PODS), "{workload:?}");
            assert!(report.pods_per_second_with_builds > 0.0, "{workload:?}");
            assert!(report.memory.peak.is_none_or(|peak| peak > 0));
        }
    }
}

#[test]
fn a_round_leaves_as_many_pods_as_there_were() {
    let options = Options { templates: 3, ..options(Workload::DefaultSpread) };
    let maker = Maker::new(options.workload, options.templates, options.seed).unwrap();
    let mut driver = Driver::new(&options, maker).unwrap();
    let mut tally = Tally::default();
    driver.fill(20, &mut tally).unwrap();
    driver.check(20).unwrap();
    assert_eq!((tally.pods, tally.decided + tally.decided_building), (20, 20));
    driver.replace(37, &mut tally).unwrap();
    driver.check(20).unwrap();
    assert_eq!((tally.pods, tally.builds), (57, driver.engine().tables_built()));
    let there = |at: usize| {
        let key = PodKey { namespace: "default".into(), name: format!("pod-{at:07}").into() };
        driver.engine().cluster().find_pod(&key).is_some()
    };
    assert!((0..37).all(|at| !there(at)) && (37..57).all(there));
    let wrong = BenchError::Unsteady { found: 20, assumed: 0, expected: 21 };
    assert_eq!(driver.check(21), Err(wrong));
}

#[test]
fn tables_are_built_before_the_measurement_or_not_at_all() {
    let wide = Options { nodes: 600, standing: Some(100), ..options(Workload::Basic) };
    let report = run(&wide).unwrap();
    assert_eq!((report.builds.before, report.builds.measured), (1, 0));
    assert_eq!(report.tables.count, 1);
    let report = run(&Options { tables: false, ..options(Workload::Basic) }).unwrap();
    assert_eq!((report.builds.before, report.tables.count), (0, 0));
    assert!(report.pods_per_second.is_some());
}

#[test]
fn what_does_not_fit_is_refused_or_told() {
    let anti = options(Workload::AntiAffinity);
    let error = run(&Options { standing: Some(60), ..anti.clone() }).unwrap_err();
    let text = "--standing 60: antiaffinity with --nodes 60 and --templates 1 has room for 29";
    assert_eq!((error.to_string().as_str(), error.is_usage()), (text, true));
    let error = run(&Options { nodes: 4, ..anti.clone() }).unwrap_err();
    let text = "--nodes 4: too few for --workload antiaffinity with --templates 1";
    assert_eq!((error.to_string().as_str(), error.is_usage()), (text, true));
    let maker = Maker::new(anti.workload, 1, 1).unwrap();
    let mut driver = Driver::new(&anti, maker).unwrap();
    let error = driver.fill(61, &mut Tally::default()).unwrap_err();
    let text = "pod default/pod-0000060 was not placed: 0/60 nodes are available: ";
    assert!(error.to_string().starts_with(text) && !error.is_usage(), "{error}");
}

#[test]
fn a_third_each() {
    let app = |maker: &mut Maker| maker.pod().pod.labels.get("app").unwrap().to_owned();
    let mut maker = Maker::new(Workload::Mixed, 6, 1).unwrap();
    let apps: Vec<_> = (0..7).map(|_| app(&mut maker)).collect();
    let want =
        ["basic-0", "spread-1", "affinity-2", "basic-3", "spread-4", "antiaffinity-5", "basic-0"];
    assert_eq!(apps, want);
}
