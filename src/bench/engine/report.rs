//! What was measured, as JSON and as a table.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::Options;

/// What some pods took, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) pods: u64,
    /// Taking the waiting pods in.
    pub(super) upserts: u64,
    /// Decisions that built no table to keep, and their number.
    pub(super) decisions: u64,
    pub(super) decided: u64,
    /// The others, their number, the longest, and the tables built.
    pub(super) building: u64,
    pub(super) decided_building: u64,
    pub(super) building_max: u64,
    pub(super) builds: u64,
    /// Answers to Bindings, and the pods on their nodes.
    pub(super) bound: u64,
    /// Taking in that pods are gone.
    pub(super) deletes: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.pods += other.pods;
        self.upserts += other.upserts;
        self.decisions += other.decisions;
        self.decided += other.decided;
        self.building += other.building;
        self.decided_building += other.decided_building;
        self.building_max = self.building_max.max(other.building_max);
        self.builds += other.builds;
        self.bound += other.bound;
        self.deletes += other.deletes;
    }

    fn ns_with_builds(&self) -> f64 {
        let all = self.upserts + self.decisions + self.building + self.bound + self.deletes;
        ratio(all, self.pods)
    }

    /// `None` where every decision built a table.
    fn ns(&self) -> Option<f64> {
        let decision = (self.decided > 0).then(|| ratio(self.decisions, self.decided))?;
        Some(decision + ratio(self.upserts + self.bound + self.deletes, self.pods))
    }
}

/// Tables that are kept, and their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tables {
    /// How many.
    pub count: usize,
    /// What they take.
    pub bytes: usize,
}

/// Nanoseconds a pod, by what they were spent on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Parts {
    /// The pod is shown for the first time.
    pub upsert: f64,
    /// It is decided, without building a table; `None` where every decision built one.
    pub decision: Option<f64>,
    /// Its Binding is answered, and it is shown on its node.
    pub bound: f64,
    /// It is gone.
    pub delete: f64,
}

/// Tables that were built to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Builds {
    /// While measuring.
    pub measured: u64,
    /// Before.
    pub before: u64,
    /// Of the decisions that built one, the mean time in nanoseconds; `None` where there was none.
    pub mean_ns: Option<f64>,
    /// The longest of them.
    pub max_ns: u64,
}

/// Memory of the process in bytes, where the system says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Now.
    pub resident: Option<u64>,
    /// The most so far.
    pub peak: Option<u64>,
}

/// What came of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What the pods were like.
    pub workload: &'static str,
    /// Nodes.
    pub nodes: usize,
    /// Pods measured.
    pub pods: usize,
    /// Templates that took turns.
    pub templates: usize,
    /// Pods in the steady state.
    pub standing: usize,
    /// The seed.
    pub seed: u64,
    /// Tables were kept.
    pub with_tables: bool,
    /// Metrics were written.
    pub with_metrics: bool,
    /// Pods a second, builds of tables apart; `None` where every decision built one.
    pub pods_per_second: Option<f64>,
    /// The same, builds included.
    pub pods_per_second_with_builds: f64,
    /// Nanoseconds a pod, builds apart: the median of 50 slices.
    pub ns_per_pod_median: Option<f64>,
    /// The mean.
    pub ns_per_pod_mean: Option<f64>,
    /// What the mean is made of.
    pub ns_per_pod: Parts,
    /// Tables built to be kept.
    pub builds: Builds,
    /// Tables kept in the end.
    pub tables: Tables,
    /// Memory once the nodes are listed.
    pub memory_with_nodes: Memory,
    /// Memory in the end.
    pub memory: Memory,
    /// What came before the measurement took, in seconds.
    pub warm_up_seconds: f64,
}

impl Report {
    pub(super) fn new(
        options: &Options,
        standing: usize,
        (warm_up, warm_up_took): (&Tally, Duration),
        slices: &[Tally],
        tables: Tables,
        memory_with_nodes: Memory,
    ) -> Self {
        let mut all = Tally::default();
        for slice in slices {
            all.add(slice);
        }
        let mut built = *warm_up;
        built.add(&all);
        let some = built.decided_building > 0;
        Self {
            workload: options.workload.name(),
            nodes: options.nodes,
            pods: options.pods,
            templates: options.templates,
            standing,
            seed: options.seed,
            with_tables: options.tables,
            with_metrics: options.metrics,
            pods_per_second: all.ns().map(|ns| NANOS_PER_SECOND / ns),
            pods_per_second_with_builds: NANOS_PER_SECOND / all.ns_with_builds(),
            ns_per_pod_median: median(slices.iter().filter_map(Tally::ns).collect()),
            ns_per_pod_mean: all.ns(),
            ns_per_pod: Parts {
                upsert: ratio(all.upserts, all.pods),
                decision: (all.decided > 0).then(|| ratio(all.decisions, all.decided)),
                bound: ratio(all.bound, all.pods),
                delete: ratio(all.deletes, all.pods),
            },
            builds: Builds {
                measured: all.builds,
                before: warm_up.builds,
                mean_ns: some.then(|| ratio(built.building, built.decided_building)),
                max_ns: built.building_max,
            },
            tables,
            memory_with_nodes,
            memory: memory(),
            warm_up_seconds: warm_up_took.as_secs_f64(),
        }
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let tables = if self.with_tables { "" } else { ", without tables" };
        let mut text = format!(
            "{}: {} nodes, {} templates, {} pods in the steady state{tables}\n",
            self.workload, self.nodes, self.templates, self.standing
        );
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "  {name:<26} {value:>14}");
        };
        let some = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.0}"));
        let mebibytes = |bytes: Option<u64>| {
            bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{} MiB", bytes >> 20))
        };
        row("pods/s", some(self.pods_per_second));
        row("pods/s, with builds", format!("{:.0}", self.pods_per_second_with_builds));
        row("ns/pod, median", some(self.ns_per_pod_median));
        row("ns/pod, mean", some(self.ns_per_pod_mean));
        row("  upsert", format!("{:.0}", self.ns_per_pod.upsert));
        row("  decision", some(self.ns_per_pod.decision));
        row("  bind result and echo", format!("{:.0}", self.ns_per_pod.bound));
        row("  delete", format!("{:.0}", self.ns_per_pod.delete));
        row("builds, measured", self.builds.measured.to_string());
        row("builds, before", self.builds.before.to_string());
        row("build, mean us", some(self.builds.mean_ns.map(|ns| ns / 1e3)));
        row("build, max us", format!("{}", self.builds.max_ns / 1000));
        row("tables", self.tables.count.to_string());
        row("tables, KiB", (self.tables.bytes >> 10).to_string());
        row("memory with nodes", mebibytes(self.memory_with_nodes.resident));
        row("memory, peak", mebibytes(self.memory.peak));
        text
    }
}

const NANOS_PER_SECOND: f64 = 1e9;

/// Nanoseconds that a clock of this process can count.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a mean of times needs no more than 52 bits")]
fn ratio(sum: u64, count: u64) -> f64 {
    sum as f64 / count as f64
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What the kernel says of this process.
pub(super) fn memory() -> Memory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    Memory { resident: field(&status, "VmRSS:"), peak: field(&status, "VmHWM:") }
}

/// A field in kibibytes, as bytes.
fn field(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_taken_out() {
        let tally = Tally {
            pods: 4,
            upserts: 40,
            decisions: 300,
            decided: 3,
            building: 1000,
            decided_building: 1,
            building_max: 1000,
            builds: 1,
            bound: 80,
            deletes: 20,
        };
        assert_eq!(tally.ns(), Some(100.0 + 35.0));
        assert!((tally.ns_with_builds() - 360.0).abs() < 1e-9);
        let every = Tally { decided: 0, decisions: 0, ..tally };
        assert_eq!(every.ns(), None);
    }

    #[test]
    fn the_kernel_is_read() {
        let status = "Name:\tberth\nVmHWM:\t   2048 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!(field(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(field(status, "VmRSS:"), Some(1 << 20));
        assert_eq!(field(status, "VmData:"), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
