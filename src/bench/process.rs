//! What a process has used, by its id: CPU time and memory as Linux counts them. Read by `run` before and
//! after what is measured.

use std::fs;
use std::time::Duration;

/// A clock tick, as Linux gives them to programs on every common machine.
const TICK: Duration = Duration::from_millis(10);

/// The fields of /proc/PID/stat that are read, counted from the one after the name.
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// Memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Bytes that are resident.
    pub(super) resident: u64,
    /// The most that ever were.
    pub(super) peak: u64,
}

/// CPU time of a process, its threads included; `None` where there is no such process.
pub(super) fn cpu(pid: u32) -> Option<Duration> {
    ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|ticks| TICK * ticks)
}

/// Memory of a process; `None` where there is no such process.
pub(super) fn memory(pid: u32) -> Option<Memory> {
    of_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// The name in the line may contain anything, also brackets.
fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(ticks(USER_TICKS)?.saturating_add(ticks(SYSTEM_TICKS)?))
}

fn of_status(status: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(rest.split_whitespace().next()?.parse::<u64>().ok()?.saturating_mul(1024))
    };
    Some(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let line = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 3 0 1000 9999 12 0";
        assert_eq!(ticks(line), Some(400));
        assert_eq!(ticks("7 (a) S 1"), None);
        let status = "Name:\tx\nVmHWM:\t  200 kB\nVmRSS:\t  100 kB\n";
        assert_eq!(of_status(status), Some(Memory { resident: 102_400, peak: 204_800 }));
        assert_eq!(of_status("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_used_something() {
        let pid = std::process::id();
        assert!(cpu(pid).is_some());
        let memory = memory(pid).unwrap();
        assert!(memory.peak >= memory.resident && memory.resident > 0);
    }
}
