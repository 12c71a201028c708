//! Runs one command and writes down what it cost. A process of its own, so that the peak memory
//! that the kernel gives for a process's children is this one child's.

use nix::sys::resource::{UsageWho, getrusage};
use std::process::Command;
use std::time::{Duration, Instant};

/// What one run cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From the start of the process to its end.
    pub wall: Duration,
    /// User and system time.
    pub cpu: Duration,
    /// Peak resident memory, in bytes.
    pub memory_bytes: u64,
}

/// Runs the command and writes its cost to the file `report`.
///
/// # Errors
/// If it cannot be run, or ends with another code than 0 or 1.
pub fn measure(report: &str, command: &[&str]) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("no command to measure")?;
    let started = Instant::now();
    let status = Command::new(program).args(arguments).status();
    let wall = started.elapsed();
    let status = status.map_err(|e| format!("cannot run {program}: {e}"))?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("getrusage: {e}"))?;
    let cpu_us = [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec())
        .sum::<i64>();
    let code = status.code().unwrap_or(-1);
    // Linux counts peak memory in KiB.
    let memory_bytes = usage.max_rss() * 1_024;
    let text = format!("{} {cpu_us} {memory_bytes} {code}\n", wall.as_nanos());
    std::fs::write(report, text).map_err(|e| format!("cannot write {report}: {e}"))
}

/// Reads what [`measure`] wrote: the cost and the exit code.
pub fn read(report: &str) -> Option<(Cost, i32)> {
    let mut fields = report.split_whitespace();
    let wall = Duration::from_nanos(fields.next()?.parse().ok()?);
    let cpu = Duration::from_micros(fields.next()?.parse().ok()?);
    let memory_bytes = fields.next()?.parse().ok()?;
    Some((Cost { wall, cpu, memory_bytes }, fields.next()?.parse().ok()?))
}
