//! Real kernels to test against: network namespaces joined by veth, made with the `ip` command.
//!
//! [`Bed`] owns the namespaces and removes them when it goes, also in a panic; [`Node`] is one of
//! them; [`Launch`] runs a command there under a time limit. For tests and benchmarks only: every
//! failure panics with what was asked and what the system said. What tests of several crates need
//! besides is here too: chance under a seed, and the corpora of the fuzz targets.
#![expect(clippy::disallowed_methods, reason = "tests drive real processes, which take real time")]

mod chain;
mod chance;
mod corpus;
mod launch;
mod node;

pub use chain::Chain;
pub use chance::{Dice, noise};
pub use corpus::replay;
pub use launch::{Launch, Ran, Running};
pub use node::Node;

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::BuildHasher;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Set to `1`, it lets a machine without namespaces pass: tests that need them say so and do
/// nothing.
pub const SKIP_VARIABLE: &str = "ASKWAY_NO_NETNS";

/// What the line begins with that says what did not run.
pub const NOT_RUN: &str = "NOT RUN";

/// What every bed's namespaces begin with; the number of the process that made them follows.
const MARK: &str = "askway-bed-";

/// A set of network namespaces of its own, with names that no other bed has.
#[derive(Debug)]
pub struct Bed {
    prefix: String,
    scratch: PathBuf,
    nodes: Vec<Node>,
}

impl Bed {
    /// A bed for a test that also needs these programs. Without the rights or the programs it fails
    /// the test, unless [`SKIP_VARIABLE`] is `1`: then it says aloud what does not run, and the
    /// test returns.
    ///
    /// # Panics
    /// If something is missing and the variable does not excuse it.
    #[track_caller]
    pub fn open(programs: &[&str]) -> Option<Bed> {
        let missing = missing(programs);
        if missing.is_empty() {
            return Some(Bed::new());
        }
        if std::env::var(SKIP_VARIABLE).is_ok_and(|value| value == "1") {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test");
            // Not `eprintln`: the test harness would hide it.
            let _ = writeln!(std::io::stderr(), "{NOT_RUN} ({SKIP_VARIABLE}=1): {test}: {missing}");
            return None;
        }
        panic!("{missing}\nhint: {SKIP_VARIABLE}=1 leaves out the tests that need namespaces");
    }

    /// An empty bed.
    ///
    /// # Panics
    /// If this process may not make network namespaces.
    pub fn new() -> Bed {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        require(&[]);
        sweep_abandoned();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let salt = RandomState::new().hash_one(count) & 0xff_ffff;
        let prefix = format!("{MARK}{}-{count}-{salt:06x}-", std::process::id());
        let scratch = std::env::temp_dir().join(prefix.trim_end_matches('-'));
        std::fs::create_dir(&scratch)
            .unwrap_or_else(|e| panic!("cannot create {}: {e}", scratch.display()));
        Bed { prefix, scratch, nodes: Vec::new() }
    }

    /// Adds a node: a network namespace with its loopback up, without duplicate address detection.
    ///
    /// # Panics
    /// If the name is taken or the system refuses.
    pub fn node(&mut self, name: &str) -> Node {
        let node = Node { name: format!("{}{name}", self.prefix), scratch: self.scratch.clone() };
        ip(&["netns", "add", &node.name]);
        self.nodes.push(node.clone());
        node.sysctls(&[
            ("net/ipv6/conf/all/accept_dad", "0"),
            ("net/ipv6/conf/default/accept_dad", "0"),
            ("net/ipv6/conf/default/dad_transmits", "0"),
            ("net/ipv6/conf/default/router_solicitations", "0"),
        ]);
        node.ip(&["link", "set", "lo", "up"]);
        node
    }

    /// Joins two nodes by a cable, both ends up and ready. Each end is a node and the name of the
    /// interface there, at most 15 bytes.
    ///
    /// # Panics
    /// If a name is taken, or the ends are not up within five seconds.
    pub fn link(&self, left: (&Node, &str), right: (&Node, &str)) {
        let far = ["peer", "name", right.1, "netns", &right.0.name];
        left.0.ip(&[&["link", "add", left.1, "type", "veth"][..], &far].concat());
        left.0.ip(&["link", "set", left.1, "up"]);
        right.0.ip(&["link", "set", right.1, "up"]);
        for (node, interface) in [left, right] {
            poll_until(&format!("{interface} of {} is up", node.name), || {
                let shown = node.ip(&["-o", "link", "show", "dev", interface]);
                let addressed = node.ip(&["-o", "-6", "address", "show", "dev", interface]);
                shown.contains("LOWER_UP")
                    && shown.contains("state UP")
                    && addressed.contains("fe80:")
                    && !addressed.contains("tentative")
            });
        }
    }

    /// Joins nodes of these names in a row, with addresses and routes of both families. All but
    /// the first and the last forward.
    ///
    /// # Panics
    /// If there are fewer than 2 names or more than 17, or the system refuses.
    pub fn chain(&mut self, names: &[&str]) -> Chain {
        Chain::build(self, names)
    }

    /// A directory of this bed, removed with it; anybody may read it.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }
}

impl Default for Bed {
    fn default() -> Bed {
        Bed::new()
    }
}

impl Drop for Bed {
    /// Ends what still runs in the namespaces and deletes them.
    fn drop(&mut self) {
        for node in &self.nodes {
            delete_namespace(&node.name);
        }
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

/// Fails unless namespaces can be made and these programs are installed.
///
/// # Panics
/// With one line that names everything that is missing.
#[track_caller]
pub fn require(programs: &[&str]) {
    let missing = missing(programs);
    assert!(missing.is_empty(), "{missing}");
}

/// Whether a program of that name is on the path, or in the directories of system programs.
pub fn is_installed(program: &str) -> bool {
    find_program(OsStr::new(program)).is_some()
}

/// The file that a program's name or path stands for.
pub(crate) fn find_program(program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return path.is_file().then(|| path.to_owned());
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

/// What stands in the way of a bed with these programs, in one line; empty if nothing does.
fn missing(programs: &[&str]) -> String {
    let mut faults = Vec::new();
    let absent: Vec<&str> =
        ["ip", "setpriv"].iter().chain(programs).copied().filter(|p| !is_installed(p)).collect();
    if !absent.is_empty() {
        faults.push(format!("not installed: {}", absent.join(", ")));
    }
    if let Err(fault) = may_make_namespaces() {
        faults.push(fault);
    }
    faults.join("; ")
}

/// Tries it once a process: being root is not enough inside some containers.
fn may_make_namespaces() -> Result<(), String> {
    static TRIED: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();
    let attempt = || {
        let name = format!("{MARK}{}-trial", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).output();
        let made = made.map_err(|e| format!("cannot run ip: {e}"))?;
        delete_namespace(&name);
        if made.status.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&made.stderr);
        Err(format!("cannot make network namespaces (root can): {}", why.trim()))
    };
    TRIED.get_or_init(attempt).clone()
}

/// Deletes the namespaces and scratch directories of processes that were killed before they could.
fn sweep_abandoned() {
    let listed = Command::new("ip").args(["netns", "list"]).output();
    let listed = listed.map(|out| out.stdout).unwrap_or_default();
    for line in String::from_utf8_lossy(&listed).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if is_abandoned(name) {
            delete_namespace(name);
        }
    }
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        if is_abandoned(&entry.file_name().to_string_lossy()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether the process that a bed's name tells of is gone.
fn is_abandoned(name: &str) -> bool {
    let maker = name.strip_prefix(MARK).and_then(|rest| rest.split('-').next());
    let maker = maker.and_then(|number| number.parse::<u32>().ok());
    maker.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

/// Ends what runs in a namespace and deletes it; silent where there is nothing to do.
fn delete_namespace(name: &str) {
    let quiet = |arguments: &[&str]| {
        Command::new("ip").args(arguments).stderr(Stdio::null()).output().map(|out| out.stdout)
    };
    let pids = quiet(&["netns", "pids", name]).unwrap_or_default();
    for pid in String::from_utf8_lossy(&pids).split_whitespace().flat_map(str::parse) {
        send_signal("KILL", pid);
    }
    let _ = quiet(&["netns", "delete", name]);
}

/// Whether the process was there to take the signal. The shell has `kill` built in; the program of
/// that name is not installed everywhere.
pub(crate) fn send_signal(name: &str, pid: u32) -> bool {
    let script = format!("kill -{name} {pid}");
    let shell = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
    shell.is_ok_and(|status| status.success())
}

/// Runs `ip` and returns what it printed.
#[track_caller]
pub(crate) fn ip(arguments: &[&str]) -> String {
    let out = Command::new("ip").args(arguments).stdin(Stdio::null()).output();
    let out = out.unwrap_or_else(|e| panic!("cannot run ip: {e}"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "ip {}: {}", arguments.join(" "), said.trim());
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Waits until something holds, looking every millisecond.
///
/// # Panics
/// If it does not within five seconds.
#[track_caller]
pub fn poll_until(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < limit, "waited five seconds in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_forwards_both_families_and_goes_when_dropped() {
        let Some(mut bed) = Bed::open(&["ping"]) else { return };
        let chain = bed.chain(&["client", "r1", "r2", "server"]);
        for address in [chain.v4(3), chain.v6(3), chain.v4(1), chain.v6(2)] {
            let ran = chain[0].run("ping", &["-n", "-c", "1", "-W", "2", &address.to_string()]);
            assert_eq!(ran.code(), Some(0), "{ran:?}");
        }
        for (family, address) in [("-4", chain.v4(3)), ("-6", chain.v6(3))] {
            let arguments = [family, "-n", "-c", "1", "-t", "2", &address.to_string()];
            let ran = chain[0].run("ping", &arguments);
            assert!(ran.stdout().contains("ime"), "no time exceeded: {ran:?}");
            assert_eq!(ran.code(), Some(1), "{ran:?}");
        }
        let prefix = bed.prefix.clone();
        assert!(ip(&["netns", "list"]).contains(&prefix));
        drop(bed);
        assert!(!ip(&["netns", "list"]).contains(&prefix));
    }

    #[test]
    fn a_prefix_answers_whole_and_nobody_has_no_rights() {
        let Some(mut bed) = Bed::open(&["ping"]) else { return };
        let chain = bed.chain(&["client", "server"]);
        chain.answers_for("10.0.0.0/8");
        chain.answers_for("2001:db8:8000::/33");
        chain[0].ping_group_range(0, 65_535);
        for address in ["10.77.1.2", "10.255.255.255", "2001:db8:ffff::7"] {
            let launch = chain[0].launch("ping").args(&["-n", "-c", "1", "-W", "2", address]);
            let ran = launch.as_nobody().run();
            assert_eq!(ran.code(), Some(0), "{ran:?}");
        }
        let ran = chain[0].launch("grep").args(&["CapEff", "/proc/self/status"]).as_nobody().run();
        assert!(ran.stdout().contains("0000000000000000"), "{ran:?}");
        chain[0].ping_group_range(1, 0);
        let arguments = ["-n", "-c", "1", "10.77.1.2"];
        let ran = chain[0].launch("ping").args(&arguments).as_nobody().run();
        assert_eq!(ran.code(), Some(2), "{ran:?}");
    }

    #[test]
    fn a_signal_ends_a_command_with_its_summary_and_the_limit_ends_any() {
        let Some(mut bed) = Bed::open(&["ping"]) else { return };
        let node = bed.node("alone");
        let mut running = node.launch("ping").args(&["-n", "127.0.0.1"]).start();
        running.wait_for_stdout("icmp_seq=1");
        running.signal("INT");
        let ran = running.finish();
        assert!(ran.stdout().contains("ping statistics"), "{ran:?}");
        let ran = node.launch("sleep").args(&["60"]).limit(Duration::from_millis(50)).run();
        assert!(ran.was_killed && ran.code().is_none(), "{ran:?}");
    }

    #[test]
    fn rules_drop_and_routes_refuse() {
        let Some(mut bed) = Bed::open(&["ping", "nft"]) else { return };
        let chain = bed.chain(&["client", "r1", "server"]);
        let server = chain.v4(2).to_string();
        let arguments = ["-n", "-c", "1", "-W", "0.1", &server];
        let drop = "type filter hook input priority 0; icmp type echo-request drop;";
        chain[2].nft(&format!("table inet t {{ chain c {{ {drop} }}; }}"));
        assert!(chain[0].run("ping", &arguments).stdout().contains("100% packet loss"));
        chain[2].nft("flush ruleset");
        assert_eq!(chain[0].run("ping", &arguments).code(), Some(0));
        chain[1].refuse("unreachable", "203.0.113.0/24");
        chain[0].ip(&["route", "add", "203.0.113.0/24", "via", &chain.v4(1).to_string()]);
        let ran = chain[0].run("ping", &["-n", "-c", "1", "-W", "1", "203.0.113.9"]);
        assert!(ran.stdout().contains("Unreachable"), "{ran:?}");
    }
}
