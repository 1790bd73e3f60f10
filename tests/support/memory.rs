//! What a process has in memory, as the kernel says it, in KiB.

use std::fs;

/// What is resident now.
pub(crate) fn resident_kib(id: u32) -> u64 {
    figure(id, "VmRSS:")
}

/// The most that was resident so far.
pub(crate) fn peak_kib(id: u32) -> u64 {
    figure(id, "VmHWM:")
}

fn figure(id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let line = line.expect("the kernel says so");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}
