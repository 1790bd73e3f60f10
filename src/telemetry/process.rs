//! What the kernel says of this process, under the names that every Prometheus client uses.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The metrics `process_*`, read at each scrape. What the kernel does not say is left out.
#[derive(Debug)]
pub(super) struct Process;

/// Clock ticks a second and bytes a page, as Linux gives them to programs on every common machine.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: i64 = 4096;

/// The fields of /proc/self/stat that are read, counted from the one after the name.
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
const START_TICKS: usize = 19;
const RESIDENT_PAGES: usize = 21;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(parse) {
            let help = "User and system CPU time in seconds";
            let cpu = ConstCounter::new(stat.cpu_seconds);
            let kind = MetricType::Counter;
            cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, kind)?)?;
            let help = "Memory that is resident, in bytes";
            gauge(&mut encoder, "process_resident_memory_bytes", help, stat.resident_bytes)?;
            if let Some(boot) = boot_seconds() {
                let help = "When the process started, in seconds since the Unix epoch";
                let start = ConstGauge::new(boot + stat.start_seconds);
                let kind = MetricType::Gauge;
                let name = "process_start_time_seconds";
                start.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
            }
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            let open = i64::try_from(files.count()).unwrap_or(i64::MAX);
            gauge(&mut encoder, "process_open_fds", "Open file descriptors", open)?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: i64,
) -> Result<(), fmt::Error> {
    let kind = MetricType::Gauge;
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, kind)?)
}

#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    start_seconds: f64,
    resident_bytes: i64,
}

/// Reads a line of /proc/PID/stat. The name in it may contain anything, also brackets.
fn parse(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(") ")?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    let pages = fields.get(RESIDENT_PAGES)?.parse::<i64>().ok()?;
    Some(Stat {
        cpu_seconds: (ticks(USER_TICKS)? + ticks(SYSTEM_TICKS)?) / TICKS_PER_SECOND,
        start_seconds: ticks(START_TICKS)? / TICKS_PER_SECOND,
        resident_bytes: pages.saturating_mul(PAGE_BYTES),
    })
}

/// When the machine started, in seconds since the Unix epoch.
fn boot_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_anything() {
        let line = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 3 0 1000 9999 12 0";
        let want = Stat { cpu_seconds: 4.0, start_seconds: 10.0, resident_bytes: 12 * 4096 };
        assert_eq!(parse(line), Some(want));
        assert_eq!(parse("7 (a"), None);
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let line = fs::read_to_string("/proc/self/stat").unwrap();
        assert!(parse(&line).unwrap().resident_bytes > 0);
    }
}
