//! Quantities as people and controllers write them, by what they are for. Drawn from by nodes, containers
//! and statuses.

pub(super) const CPU: &[&str] = &["100m", "250m", "0.5", "1", "1500m", "2", "50m", "3", "333m"];
pub(super) const MEMORY: &[&str] =
    &["64Mi", "128Mi", "500Mi", "1Gi", "1500M", "2Gi", "4Gi", "100000Ki", "1e9"];

/// CPU in every notation: parts below a milli are rounded up to one. None is above 4.
pub(super) const ODD_CPU: &[&str] = &[
    "100m",
    "250m",
    "0.5",
    "1",
    "1500m",
    "2",
    "3",
    "333m",
    "0",
    "250000u",
    "125000000n",
    "1n",
    "0.1",
    ".5",
    "1.",
    "+1",
    "1e0",
    "2E0",
    "15e-1",
    "0.0005",
    "0.001k",
    "001",
    "0.3333333",
    "4",
];
/// Memory in every notation, with parts of a byte. None is above 8Gi.
pub(super) const ODD_MEMORY: &[&str] = &[
    "64Mi",
    "500Mi",
    "1Gi",
    "1500M",
    "2Gi",
    "4Gi",
    "100000Ki",
    "1e9",
    "0",
    "0.5Gi",
    "1.5Gi",
    "129e6",
    "123456789",
    "1E8",
    "65536k",
    "1234567890123m",
    "0.0001Gi",
    "0.1Mi",
    "5E2",
    "0.001Ti",
    "0.002T",
    "1073741824000u",
    "100m",
    "3G",
    "0.000000000931322574615478515625Ei",
];
/// The same for pods with resources of their own, whose containers must stay below those.
pub(super) const SMALL_CPU: &[&str] = &["50m", "100m", "0.2", "1n", "0", "500m", "300000u"];
pub(super) const SMALL_MEMORY: &[&str] = &["64Mi", "128Mi", "1e8", "0", "512Mi", "0.25Gi"];

pub(super) const STORAGE: &[&str] = &["1Gi", "15Gi", "1e9", "0", "512M", "0.5Gi", "25Gi"];
/// Whole numbers, as extended resources need them.
pub(super) const COUNT: &[&str] = &["1", "1", "1", "2", "0", "1e0", "2000m", "0.001k", "3"];
/// Whole pages.
pub(super) const HUGE_2M: &[&str] = &["2Mi", "64Mi", "128Mi", "4194304", "0", "0.0625Gi"];

/// What a node has: CPU.
pub(super) const NODE_CPU: &[&str] =
    &["2", "4", "8", "3920m", "16", "7.91", "3920000u", "0.004k", "500m", "1e1", "4", "8"];
/// What a node has: memory.
pub(super) const NODE_MEMORY: &[&str] = &[
    "4Gi",
    "8Gi",
    "16Gi",
    "15842308Ki",
    "32Gi",
    "16e9",
    "1.5Gi",
    "8589934592",
    "17179869184500m",
    "0.015Ti",
    "16G",
    "12E9",
];
/// What a node has: how many pods, and the same number.
pub(super) const NODE_PODS: &[(&str, usize)] =
    &[("5", 5), ("8", 8), ("110", 110), ("1e1", 10), ("8000m", 8), ("0.11k", 110)];
