//! The memory of a function's process, which Lambda limits to the function's `MemorySize`.
//!
//! What counts is the peak of the resident size that the kernel keeps for each process: whoever looks later still sees a peak
//! between two looks. Lambda's own limit is that of a small machine around the process. A limit of address space
//! (`RLIMIT_AS`, `RLIMIT_DATA`) would count what is reserved and never used, and fail an allocation where Lambda kills; a control
//! group needs rights that a developer has not. Processes that a function starts are not counted.

use std::time::Duration;

/// How often a process is looked at. At a gigabyte a second, which is what the kernel can zero, it is 100 MB over its limit when
/// it is ended.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A process whose peak is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    process: u32,
    limit_mb: u32,
}

impl Memory {
    pub(super) const fn of(process: u32, limit_mb: u32) -> Self {
        Self { process, limit_mb }
    }

    /// The peak in MiB, if it is over the limit.
    pub(super) fn excess_mb(self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process)).ok()?;
        let peak_kb = peak_kb(&status)?;
        (peak_kb > u64::from(self.limit_mb) * 1_024).then_some(peak_kb / 1_024)
    }
}

/// A process that has ended and was not waited for has no memory, and no such line.
fn peak_kb(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_peak_is_what_the_kernel_says() {
        for (status, peak) in [
            ("Name:\twork\nVmHWM:\t   20480 kB\nVmRSS:\t 10240 kB\n", Some(20_480)),
            ("Name:\twork\nState:\tZ (zombie)\n", None),
            ("VmHWM:\t many kB\n", None),
        ] {
            assert_eq!(peak_kb(status), peak, "{status}");
        }
        let this = std::process::id();
        assert!(
            Memory::of(this, 1).excess_mb().unwrap() >= 1,
            "no process has less than a megabyte"
        );
        assert_eq!(Memory::of(this, u32::MAX).excess_mb(), None);
    }
}
