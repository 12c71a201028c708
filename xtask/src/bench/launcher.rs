//! Runs commands and writes down what they cost. A process of its own, so that the peak memory
//! that the kernel gives for a process's children is that of the command.

use nix::sys::resource::{UsageWho, getrusage};
use std::process::{Command, Stdio};
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
/// If it cannot be run.
pub fn measure(report: &str, command: &[&str]) -> Result<(), String> {
    let (cost, code) = cost_of(command, Stdio::inherit)?;
    write(report, &line(&cost, code))
}

/// Runs several commands in turn, that many times, without their output; writes the cost of each
/// run to the file `report`. The commands stand behind each other, with `--` between.
///
/// # Errors
/// If one cannot be run.
pub fn alternate(report: &str, times: &str, commands: &[&str]) -> Result<(), String> {
    let times: usize = times.parse().map_err(|_| format!("not a number: {times}"))?;
    let mut text = String::new();
    for _ in 0..times {
        for command in commands.split(|word| *word == "--") {
            let (cost, code) = cost_of(command, Stdio::null)?;
            text += &line(&cost, code);
        }
    }
    write(report, &text)
}

/// Reads one line of a report: the cost and the exit code.
pub fn read(line: &str) -> Option<(Cost, i32)> {
    let mut fields = line.split_whitespace();
    let wall = Duration::from_nanos(fields.next()?.parse().ok()?);
    let cpu = Duration::from_micros(fields.next()?.parse().ok()?);
    let memory_bytes = fields.next()?.parse().ok()?;
    Some((Cost { wall, cpu, memory_bytes }, fields.next()?.parse().ok()?))
}

fn line(cost: &Cost, code: i32) -> String {
    let (wall, cpu) = (cost.wall.as_nanos(), cost.cpu.as_micros());
    format!("{wall} {cpu} {} {code}\n", cost.memory_bytes)
}

fn write(report: &str, text: &str) -> Result<(), String> {
    std::fs::write(report, text).map_err(|e| format!("cannot write {report}: {e}"))
}

fn cost_of(command: &[&str], output: fn() -> Stdio) -> Result<(Cost, i32), String> {
    let (program, arguments) = command.split_first().ok_or("no command to measure")?;
    let mut command = Command::new(program);
    command.args(arguments).stdout(output()).stderr(output());
    let (cpu_before, _) = children()?;
    let started = Instant::now();
    let status = command.status();
    let wall = started.elapsed();
    let status = status.map_err(|e| format!("cannot run {program}: {e}"))?;
    let (cpu_after, memory_bytes) = children()?;
    let cpu = cpu_after.saturating_sub(cpu_before);
    Ok((Cost { wall, cpu, memory_bytes }, status.code().unwrap_or(-1)))
}

/// The processor time of all children that have ended, and the largest peak memory among them.
fn children() -> Result<(Duration, u64), String> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("getrusage: {e}"))?;
    let spans = [usage.user_time(), usage.system_time()];
    let us: i64 = spans.iter().map(|span| span.tv_sec() * 1_000_000 + span.tv_usec()).sum();
    // Linux counts peak memory in KiB.
    let memory_bytes = u64::try_from(usage.max_rss()).unwrap_or(0) * 1_024;
    Ok((Duration::from_micros(us.unsigned_abs()), memory_bytes))
}
