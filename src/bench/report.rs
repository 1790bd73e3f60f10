//! What was measured, for people and programs: [`Report`] as JSON and as a table. Filled by `run`, printed by
//! `cli`.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use super::figures::{Percentiles, median, millis};
use super::process::Memory;

/// Points of a curve at most.
const CURVE_POINTS_MAX: usize = 200;

/// Bytes in a megabyte, as the project's figures have it.
const MEGABYTE: f64 = 1_048_576.0;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The workload, with its size.
    pub workload: String,
    /// What it measures.
    pub about: String,
    /// The numbers of the size as they were used.
    pub size: std::collections::BTreeMap<String, usize>,
    /// Pods created a second, where that was asked for.
    pub rate: Option<f64>,
    /// Where: `embedded`, or the kubeconfig.
    pub server: String,
    /// What every scheduler did.
    pub schedulers: Vec<Contest>,
}

/// The runs of a scheduler.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contest {
    /// What it is called.
    pub name: String,
    /// What each run gave, in their order.
    pub runs: Vec<Figures>,
    /// The medians of all runs.
    pub median: Rows,
    /// The medians divided by those of the first scheduler.
    pub ratio: Rows,
}

/// What a run gave.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Pods that were placed.
    pub bound: usize,
    /// From the first creation to the last pod that was placed.
    pub seconds: f64,
    /// The figures by name.
    #[serde(flatten)]
    pub rows: Rows,
    /// How many pods were placed by when, in seconds.
    #[serde(skip)]
    pub curve: Vec<(f64, usize)>,
}

/// The figures that are compared; what could not be measured is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rows {
    /// Pods placed a second.
    pub pods_per_second: Option<f64>,
    /// From the request that creates a pod until a watch shows it bound, in milliseconds.
    pub created_to_bound_ms: Option<Percentiles>,
    /// From the bytes of a pod's watch event to the request of its Binding, in milliseconds: berth only.
    pub watch_to_bind_ms: Option<Percentiles>,
    /// CPU time of the scheduler by pod, in milliseconds.
    pub cpu_ms_per_pod: Option<f64>,
    /// CPU time of the API server in memory by pod, in milliseconds.
    pub server_cpu_ms_per_pod: Option<f64>,
    /// The most memory that the scheduler ever had.
    pub peak_mb: Option<f64>,
    /// The memory that it has afterwards.
    pub resident_mb: Option<f64>,
}

impl Figures {
    /// Of pods with the times at which they were created and bound, in nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people has fewer digits")]
    pub(super) fn new(
        start: u64,
        times: &[(u64, u64)],
        watch_to_bind_ms: Option<Percentiles>,
        cpu: Option<Duration>,
        server_cpu: Option<Duration>,
        memory: Option<Memory>,
    ) -> Self {
        let waits = times.iter().map(|(created, bound)| bound.saturating_sub(*created)).collect();
        let mut ends: Vec<_> = times.iter().map(|(_, bound)| bound.saturating_sub(start)).collect();
        ends.sort_unstable();
        let bound = ends.len();
        let seconds = millis(ends.last().copied().unwrap_or_default()) / 1_000.0;
        let per_pod =
            |cpu: Option<Duration>| Some(1_000.0 * cpu?.as_secs_f64() / (bound.max(1) as f64));
        let megabytes = |bytes: Option<u64>| Some(bytes? as f64 / MEGABYTE);
        let step = bound.div_ceil(CURVE_POINTS_MAX).max(1);
        let point = |(at, end): (usize, &u64)| (millis(*end) / 1_000.0, at + 1);
        let curve =
            ends.iter().enumerate().map(point).filter(|(_, n)| n % step == 0 || *n == bound);
        let rows = Rows {
            pods_per_second: (seconds > 0.0).then(|| bound as f64 / seconds),
            created_to_bound_ms: Percentiles::of_nanos(waits),
            watch_to_bind_ms,
            cpu_ms_per_pod: per_pod(cpu),
            server_cpu_ms_per_pod: per_pod(server_cpu),
            peak_mb: megabytes(memory.map(|memory| memory.peak)),
            resident_mb: megabytes(memory.map(|memory| memory.resident)),
        };
        Self { bound, seconds, rows, curve: curve.collect() }
    }

    /// What matters most of them, in a line.
    pub(super) fn line(&self) -> String {
        let mut line = format!("{} pods in {} s", self.bound, shown(Some(self.seconds)));
        if let Some(cpu) = self.rows.cpu_ms_per_pod {
            let _ = write!(line, ", {} CPU ms per pod", shown(Some(cpu)));
        }
        line
    }
}

/// A figure of a row, with its name for people.
type Row = (&'static str, fn(&Rows) -> Option<f64>);

/// The figures, in the order of a table.
const ROWS: [Row; 13] = [
    ("pods per second", |rows| rows.pods_per_second),
    ("creation to bound, p50 ms", |rows| Some(rows.created_to_bound_ms?.p50)),
    ("creation to bound, p90 ms", |rows| Some(rows.created_to_bound_ms?.p90)),
    ("creation to bound, p99 ms", |rows| Some(rows.created_to_bound_ms?.p99)),
    ("creation to bound, max ms", |rows| Some(rows.created_to_bound_ms?.max)),
    ("watch to bind, p50 ms", |rows| Some(rows.watch_to_bind_ms?.p50)),
    ("watch to bind, p90 ms", |rows| Some(rows.watch_to_bind_ms?.p90)),
    ("watch to bind, p99 ms", |rows| Some(rows.watch_to_bind_ms?.p99)),
    ("watch to bind, max ms", |rows| Some(rows.watch_to_bind_ms?.max)),
    ("CPU ms per pod", |rows| rows.cpu_ms_per_pod),
    ("CPU ms per pod, API server", |rows| rows.server_cpu_ms_per_pod),
    ("memory, peak MB", |rows| rows.peak_mb),
    ("memory, afterwards MB", |rows| rows.resident_mb),
];

impl Rows {
    /// Figure by figure, what `merge` makes of those of `all`.
    fn merged(all: &[&Self], merge: impl Fn(Vec<f64>) -> Option<f64>) -> Self {
        let one = |get: fn(&Self) -> Option<f64>| {
            merge(all.iter().filter_map(|rows| get(rows)).collect())
        };
        let four = |get: fn(&Self) -> Option<Percentiles>| {
            let part = |part: fn(&Percentiles) -> f64| {
                merge(all.iter().filter_map(|rows| get(rows)).map(|all| part(&all)).collect())
            };
            Some(Percentiles {
                p50: part(|all| all.p50)?,
                p90: part(|all| all.p90)?,
                p99: part(|all| all.p99)?,
                max: part(|all| all.max)?,
            })
        };
        Self {
            pods_per_second: one(|rows| rows.pods_per_second),
            created_to_bound_ms: four(|rows| rows.created_to_bound_ms),
            watch_to_bind_ms: four(|rows| rows.watch_to_bind_ms),
            cpu_ms_per_pod: one(|rows| rows.cpu_ms_per_pod),
            server_cpu_ms_per_pod: one(|rows| rows.server_cpu_ms_per_pod),
            peak_mb: one(|rows| rows.peak_mb),
            resident_mb: one(|rows| rows.resident_mb),
        }
    }
}

impl Contest {
    /// The runs of the scheduler of this name, compared with the `first` one's medians.
    pub(super) fn new(name: String, runs: Vec<Figures>, first: Option<&Rows>) -> Self {
        let all: Vec<_> = runs.iter().map(|run| &run.rows).collect();
        let median = Rows::merged(&all, median);
        let quotient = |pair: Vec<f64>| match pair[..] {
            [own, other] if other > 0.0 => Some(own / other),
            _ => None,
        };
        let ratio = Rows::merged(&[&median, first.unwrap_or(&median)], quotient);
        Self { name, runs, median, ratio }
    }
}

impl Report {
    /// The report as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// The report as a table, with what is to be said of it.
    #[must_use]
    pub fn table(&self) -> String {
        let numbers: Vec<_> = self.size.iter().map(|(name, n)| format!("{n} {name}")).collect();
        // A String takes all.
        let mut title = format!("{} ({}) on {}", self.workload, numbers.join(", "), self.server);
        if let Some(rate) = self.rate {
            let _ = write!(title, ", {rate} pods created a second");
        }
        let runs = self.schedulers.first().map_or(0, |contest| contest.runs.len());
        if runs > 1 {
            let _ = write!(title, ", medians of {runs} runs");
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let mut head = vec![String::new()];
        for (at, contest) in self.schedulers.iter().enumerate() {
            head.push(contest.name.clone());
            if at > 0 {
                head.push(format!("{} / {}", contest.name, self.schedulers[0].name));
            }
        }
        let columns = head.len();
        table.set_header(head);
        for (name, get) in ROWS {
            if self.schedulers.iter().all(|contest| get(&contest.median).is_none()) {
                continue;
            }
            let mut cells = vec![name.to_owned()];
            for (at, contest) in self.schedulers.iter().enumerate() {
                cells.push(shown(get(&contest.median)));
                if at > 0 {
                    cells.push(shown(get(&contest.ratio)));
                }
            }
            table.add_row(cells);
        }
        for column in 1..columns {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("{title}\n{table}\n");
        for note in self.notes() {
            let _ = writeln!(text, "{note}");
        }
        text
    }

    /// What is absent, and why.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let blank = |contest: &&Contest| contest.median.cpu_ms_per_pod.is_none();
        let unknown = self.schedulers.iter().filter(blank);
        unknown
            .map(|contest| {
                format!(
                    "{}: its process is not known, so no CPU time and memory; --pid names it",
                    contest.name
                )
            })
            .collect()
    }
}

/// A figure with three digits that count.
pub(super) fn shown(figure: Option<f64>) -> String {
    match figure {
        None => "-".to_owned(),
        Some(figure) if figure.abs() >= 100.0 => format!("{figure:.0}"),
        Some(figure) if figure.abs() >= 10.0 => format!("{figure:.1}"),
        Some(figure) if figure.abs() >= 1.0 => format!("{figure:.2}"),
        Some(figure) => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seconds: u64, cpu: Option<u64>) -> Figures {
        let end = seconds * 1_000_000_000;
        let times = vec![(1, end / 2), (1, end)];
        Figures::new(0, &times, None, cpu.map(Duration::from_millis), None, None)
    }

    #[test]
    fn medians_and_ratios_are_worked_out() {
        let first = Contest::new("a".into(), vec![run(1, Some(4)), run(3, Some(8))], None);
        let median = &first.median;
        assert_eq!((median.pods_per_second, median.cpu_ms_per_pod), (Some(4.0 / 3.0), Some(3.0)));
        let second = Contest::new("b".into(), vec![run(2, None)], Some(&first.median));
        assert_eq!((second.ratio.pods_per_second, second.ratio.cpu_ms_per_pod), (Some(0.75), None));
    }

    #[test]
    fn the_table_leaves_out_what_nobody_has_and_says_why() {
        let first = Contest::new("a".into(), vec![run(1, None)], None);
        let report = Report {
            workload: "basic".into(),
            about: String::new(),
            size: [("pods".to_owned(), 2)].into(),
            rate: Some(5.0),
            server: "embedded".into(),
            schedulers: vec![first],
        };
        let table = report.table();
        assert!(
            table.starts_with("basic (2 pods) on embedded, 5 pods created a second\n"),
            "{table}"
        );
        assert!(table.contains("pods per second") && !table.contains("CPU ms"), "{table}");
        assert!(table.contains("a: its process is not known"), "{table}");
        assert!(report.json().unwrap().contains("\"podsPerSecond\": 2.0"));
    }
}
