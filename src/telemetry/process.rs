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
const VIRTUAL_BYTES: usize = 20;
const RESIDENT_PAGES: usize = 21;

/// The lines of /proc/self/limits that are read.
const FILES_MAX: &str = "Max open files";
const ADDRESS_SPACE_MAX: &str = "Max address space";

/// What stands there where there is no limit, as every Prometheus client shows it.
const UNLIMITED: f64 = 18_446_744_073_709_551_615.0;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(parse) {
            let help = "User and system CPU time in seconds";
            let cpu = ConstCounter::new(stat.cpu_seconds);
            let kind = MetricType::Counter;
            cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, kind)?)?;
            let help = "Memory that is resident, in bytes";
            gauge(&mut encoder, "process_resident_memory_bytes", help, stat.resident_bytes)?;
            let help = "Virtual memory, in bytes";
            gauge(&mut encoder, "process_virtual_memory_bytes", help, stat.virtual_bytes)?;
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
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let help = "Open file descriptors that are allowed";
        if let Some(files) = limit(&limits, FILES_MAX) {
            gauge(&mut encoder, "process_max_fds", help, files)?;
        }
        let help = "Virtual memory that is allowed, in bytes";
        if let Some(bytes) = limit(&limits, ADDRESS_SPACE_MAX) {
            gauge(&mut encoder, "process_virtual_memory_max_bytes", help, bytes)?;
        }
        let Some((received, sent)) = network() else { return Ok(()) };
        let help = "Bytes that came over the network, to any process here";
        counter(&mut encoder, "process_network_receive_bytes", help, received)?;
        let help = "Bytes that went over the network, from any process here";
        counter(&mut encoder, "process_network_transmit_bytes", help, sent)
    }
}

fn gauge<N>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: N,
) -> Result<(), fmt::Error>
where
    ConstGauge<N>: EncodeMetric,
{
    let kind = MetricType::Gauge;
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, kind)?)
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let kind = MetricType::Counter;
    ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, kind)?)
}

/// The soft limit of this name.
fn limit(limits: &str, name: &str) -> Option<f64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match rest.split_whitespace().next()? {
        "unlimited" => Some(UNLIMITED),
        number => number.parse().ok(),
    }
}

/// Bytes that came and went in the network namespace of this process.
fn network() -> Option<(u64, u64)> {
    in_and_out(&fs::read_to_string("/proc/self/net/netstat").ok()?)
}

/// Reads `IpExt` of a netstat, whose first line has the names and the second one the numbers.
fn in_and_out(netstat: &str) -> Option<(u64, u64)> {
    let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("IpExt:"));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let number = |wanted: &str| {
        let at = names.split_whitespace().position(|name| name == wanted)?;
        numbers.split_whitespace().nth(at)?.parse().ok()
    };
    Some((number("InOctets")?, number("OutOctets")?))
}

#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    start_seconds: f64,
    resident_bytes: i64,
    virtual_bytes: i64,
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
        virtual_bytes: fields.get(VIRTUAL_BYTES)?.parse().ok()?,
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
        let (resident_bytes, virtual_bytes) = (12 * 4096, 9999);
        let want = Stat { cpu_seconds: 4.0, start_seconds: 10.0, resident_bytes, virtual_bytes };
        assert_eq!(parse(line), Some(want));
        assert_eq!(parse("7 (a"), None);
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn limits_and_traffic_are_found_by_name() {
        let limits = "Limit   Soft Limit   Hard Limit   Units\n\
                      Max open files            1024   2048   files\n\
                      Max address space         unlimited   unlimited   bytes\n";
        assert_eq!(limit(limits, FILES_MAX), Some(1024.0));
        assert_eq!(limit(limits, ADDRESS_SPACE_MAX), Some(UNLIMITED));
        let netstat =
            "TcpExt: InOctets\nTcpExt: 5\nIpExt: A InOctets OutOctets B\nIpExt: 1 2 3 4\n";
        assert_eq!(in_and_out(netstat), Some((2, 3)));
        assert_eq!(in_and_out("IpExt: InOctets\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let line = fs::read_to_string("/proc/self/stat").unwrap();
        assert!(parse(&line).unwrap().resident_bytes > 0);
    }
}
