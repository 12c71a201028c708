//! Everything that must hold, in one command: installs what is missing, runs every check, counts.
//!
//! A failed check does not stop the others. The last line counts the tests, and each check that
//! failed as one more failure.

use crate::{generate, tidy, tree};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Programs that tests call, and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("ss", "iproute2"),
    ("setpriv", "util-linux"),
    ("taskset", "util-linux"),
    ("ping", "iputils-ping"),
    ("fping", "fping"),
    ("traceroute", "traceroute"),
    ("tracepath", "iputils-tracepath"),
    ("mtr", "mtr-tiny"),
    ("nft", "nftables"),
    ("radvd", "radvd"),
    ("conntrack", "conntrack"),
    ("socat", "socat"),
    ("perl", "perl-base"),
    ("clockdiff", "iputils-clockdiff"),
    ("chronyd", "chrony"),
    ("inetd", "openbsd-inetd"),
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
    ("ethtool", "ethtool"),
    ("dnsmasq", "dnsmasq-base"),
    ("in.tftpd", "tftpd-hpa"),
    ("groff", "groff-base"),
    ("bash", "bash"),
    ("zsh", "zsh"),
    ("fish", "fish"),
    ("curl", "curl"),
    ("dig", "bind9-dnsutils"),
    ("iperf3", "iperf3"),
    ("dash", "dash"),
    ("script", "bsdutils"),
    ("turnserver", "coturn"),
    ("turnutils_natdiscovery", "coturn"),
];

/// What ran, and what came of it.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    checks: Vec<(&'static str, Result<(), String>, Duration)>,
}

/// Runs everything.
///
/// # Errors
/// If anything failed.
pub fn run() -> Result<(), String> {
    let mut tally = Tally::default();
    tally.check("install", || install(PROGRAMS));
    tally.check("format", || cargo(&["fmt", "--all", "--check"]));
    tally.check("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--keep-going",
            "--",
            "-D",
            "warnings",
        ])
    });
    tally.check("fuzz targets", fuzz_targets);
    tally.check("tidy", tidy::run);
    tally.tests();
    tally.check("docs", || cargo(&["doc", "--workspace", "--no-deps", "--quiet"]));
    tally.check("generated files", generate::check);
    tally.report()
}

/// Installs the packages of the programs that are missing, where this process may.
///
/// # Errors
/// If something is missing that cannot be installed.
pub fn install(programs: &[(&str, &str)]) -> Result<(), String> {
    let missing = |&&(program, _): &&(&str, &str)| !testbed::is_installed(program);
    let mut packages: Vec<&str> = programs.iter().filter(missing).map(|&(_, p)| p).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    println!("installing {list}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-y"]).args(arguments);
        command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    // An old package list may still serve, so only the installation decides.
    apt(&["update"]);
    apt(&[&["install", "--no-install-recommends"][..], &packages].concat());
    match programs.iter().find(missing) {
        None => Ok(()),
        Some((program, package)) => {
            Err(format!("{program} is missing\nhint: as root: apt-get install {package}"))
        }
    }
}

impl Tally {
    fn check(&mut self, name: &'static str, check: impl FnOnce() -> Result<(), String>) {
        println!("==> {name}");
        let started = Instant::now();
        let outcome = check();
        if let Err(fault) = &outcome {
            println!("{fault}");
        }
        self.checks.push((name, outcome, started.elapsed()));
    }

    /// Runs the tests of all crates and adds up what the harnesses say.
    fn tests(&mut self) {
        println!("==> tests");
        let started = Instant::now();
        let command = cargo_command(&["test", "--workspace", "--no-fail-fast", "--quiet"]);
        let outcome = watched(command);
        let outcome = outcome.and_then(|(said, succeeded)| {
            let counts = said.lines().filter_map(harness_counts);
            let (passed, failed) = counts.fold((0, 0), |sum, n| (sum.0 + n.0, sum.1 + n.1));
            self.passed += passed;
            self.failed += failed;
            self.skipped += said.matches(testbed::NOT_RUN).count() as u64;
            // A test that did nothing counts as passed for its harness, not for us.
            self.passed = self.passed.saturating_sub(self.skipped);
            match (succeeded, failed, passed) {
                (true, _, 0) => Err("no test ran".into()),
                (true, ..) => Ok(()),
                (false, 0, _) => Err("the tests do not build, or one of them died".into()),
                (false, ..) => Err(format!("{failed} failed")),
            }
        });
        self.checks.push(("tests", outcome, started.elapsed()));
    }

    fn report(mut self) -> Result<(), String> {
        println!();
        for (name, outcome, took) in &self.checks {
            let word = if outcome.is_ok() { "ok" } else { "FAILED" };
            println!("{name:16} {word:7} {:6.1} s", took.as_secs_f64());
        }
        let counted_already = |name: &str| name == "tests" && self.failed > 0;
        let broken = self.checks.iter().filter(|(name, r, _)| r.is_err() && !counted_already(name));
        let broken = broken.count() as u64;
        self.failed += broken;
        let skipped = match self.skipped {
            0 => String::new(),
            count => format!(", {count} skipped"),
        };
        println!("{} passed, {} failed{skipped}", self.passed, self.failed);
        if self.failed == 0 { Ok(()) } else { Err("not everything holds".into()) }
    }
}

/// Passed and failed from a harness's closing line: `test result: ok. 4 passed; 0 failed; ...`.
fn harness_counts(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.split_once("test result: ")?.1.split_once(". ")?;
    let mut numbers = counts.split("; ").map(|part| part.split(' ').next()?.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn cargo_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(tree::root()).stdin(Stdio::null());
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

/// Checks that the fuzz targets build, which are no part of the workspace; its tests replay their
/// corpora.
fn fuzz_targets() -> Result<(), String> {
    let manifest = ["--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"];
    let mut command = cargo_command(&["check", "--quiet", "--keep-going", "--locked"]);
    command.args(manifest).env("RUSTFLAGS", "--cfg fuzzing -D warnings");
    // Nothing is linked, so the library, which wants a C++ compiler, is not built.
    command.env("CUSTOM_LIBFUZZER_PATH", "none/libfuzzer.a");
    succeed(command, "the fuzz targets do not build")
}

/// Runs cargo with its output in plain sight.
///
/// # Errors
/// If it fails.
pub fn cargo(arguments: &[&str]) -> Result<(), String> {
    succeed(cargo_command(arguments), &format!("cargo {} failed", arguments.join(" ")))
}

fn succeed(mut command: Command, or: &str) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("cannot run cargo: {e}"))?;
    if status.success() { Ok(()) } else { Err(or.to_owned()) }
}

/// Runs a command, shows what it prints while it does, and returns that and whether it succeeded.
fn watched(mut command: Command) -> Result<(String, bool), String> {
    let fault = |e: std::io::Error| format!("cannot run cargo: {e}");
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(fault)?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    let stderr = std::thread::spawn(move || tee(stderr, &mut std::io::stderr()));
    let mut said = tee(stdout, &mut std::io::stdout());
    said += &stderr.join().expect("copying does not panic");
    Ok((said, child.wait().map_err(fault)?.success()))
}

/// Copies line by line, so that two streams do not mix within one.
fn tee(from: impl Read, to: &mut impl Write) -> String {
    let mut said = String::new();
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        // If our own output is gone there is nobody to tell.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        said += &String::from_utf8_lossy(&line);
        line.clear();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_harnesses_are_read() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(harness_counts(line), Some((3, 1)));
        assert_eq!(
            harness_counts("test result: ok. 12 passed; 0 failed; 0 ignored"),
            Some((12, 0))
        );
        assert_eq!(harness_counts("test tidy ... ok"), None);
    }
}
