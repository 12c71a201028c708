//! Runs a command line twice, with the real tool and with ours, and compares what a script sees.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use testbed::{Launch, Node, Ran, Running};

/// How many command lines run at one time: most of the time they wait.
const WORKERS: usize = 8;

/// One command line.
#[derive(Clone, Debug)]
pub struct Case {
    /// The tool's name.
    pub tool: &'static str,
    /// Its arguments, split at spaces.
    pub line: String,
    /// What it reads.
    pub stdin: String,
    /// What is sent to it, and when.
    pub act: Act,
    /// Both streams go into one, so that their order is compared too.
    pub merged: bool,
    /// What must be the same.
    pub same: Same,
}

/// What is sent to a running command.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// These signals, one after the other, each as soon as this is on standard output.
    OnStdout(&'static str, &'static [&'static str]),
    /// As soon as this is on standard error.
    OnStderr(&'static str, &'static [&'static str]),
}

/// What must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// Everything but measured times.
    All,
    /// Counts may differ too, and how often a line is repeated: it depends on when a signal comes.
    Shape,
    /// A known difference: what ours must contain and the real one's must not, and why.
    No {
        /// On either stream of ours, masked; the exit code as `exit 1`.
        ours: &'static str,
        /// As the documentation lists it.
        why: &'static str,
    },
}

impl Case {
    /// A command line that both must answer alike.
    pub fn new(tool: &'static str, line: impl Into<String>) -> Case {
        let (line, stdin) = (line.into(), String::new());
        Case { tool, line, stdin, act: Act::Nothing, merged: false, same: Same::All }
    }
}

/// Runs all cases and says everything that differs.
pub fn check(node: &Node, ours: &Path, cases: &[Case]) {
    let next = AtomicUsize::new(0);
    let complaints = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(complaint) = check_one(node, ours, case) {
                        complaints.lock().expect("nobody panics with it").push(complaint);
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().expect("nobody panics with it");
    let count = complaints.len();
    assert!(count == 0, "{count} of {} differ\n\n{}", cases.len(), complaints.join("\n"));
}

/// A directory with the program under the names of tools.
pub fn install(directory: &Path, tools: &[&str]) -> PathBuf {
    let path = directory.join("as");
    std::fs::create_dir(&path).expect("a fresh directory");
    for tool in tools {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_askway"), path.join(tool)).expect("links");
    }
    path
}

fn check_one(node: &Node, ours: &Path, case: &Case) -> Result<(), String> {
    let (mut real, mut own) =
        (start(node, Path::new(case.tool), case), start(node, &ours.join(case.tool), case));
    act(&mut real, case.act);
    act(&mut own, case.act);
    let (real, own) = (real.finish(), own.finish());
    let (real_seen, own_seen) = (seen(&real, case.same), seen(&own, case.same));
    let heading = format!("{} {}", case.tool, case.line);
    match case.same {
        Same::No { ours, why } => {
            if real_seen == own_seen {
                Err(format!("{heading}\n  no longer differs: {why}\n{own_seen}"))
            } else if !own_seen.contains(ours) || real_seen.contains(ours) {
                Err(format!("{heading}\n  {ours:?} is not ours alone\n{real_seen}{own_seen}"))
            } else {
                Ok(())
            }
        }
        _ if real_seen == own_seen => Ok(()),
        _ => Err(format!("{heading}\n{}", differences(&real_seen, &own_seen))),
    }
}

fn start(node: &Node, program: &Path, case: &Case) -> Running {
    let arguments: Vec<&str> = case.line.split_whitespace().collect();
    let launch: Launch = if case.merged {
        let script = "exec \"$0\" \"$@\" 2>&1";
        node.launch("sh").args(&["-c", script]).args(&[program]).args(&arguments)
    } else {
        node.launch(program).args(&arguments)
    };
    launch.env("TZ", "UTC").stdin(case.stdin.clone()).start()
}

fn act(running: &mut Running, act: Act) {
    let signals = match act {
        Act::Nothing => return,
        Act::OnStdout(text, signals) => {
            running.wait_for_stdout(text);
            signals
        }
        Act::OnStderr(text, signals) => {
            running.wait_for_stderr(text);
            signals
        }
    };
    for signal in signals {
        running.signal(signal);
    }
}

/// Everything that a script sees, times masked.
fn seen(ran: &Ran, same: Same) -> String {
    let mut text = String::new();
    for (name, stream) in [("out", ran.stdout()), ("err", ran.stderr())] {
        let mut last = String::new();
        for line in without_usage(&stream).lines() {
            let mut line = format!("{name} | {}\n", mask_times(line));
            if same == Same::Shape {
                line = mask_counts(&line);
                if line == last {
                    continue;
                }
            }
            text.push_str(&line);
            last = line;
        }
    }
    match (ran.was_killed, ran.code()) {
        (true, _) => text.push_str("did not end\n"),
        (_, Some(code)) => writeln!(text, "exit {code}").expect("a string takes everything"),
        (_, None) => {
            writeln!(text, "signal {:?}", ran.ended_by()).expect("a string takes everything");
        }
    }
    text
}

/// Usage texts are everybody's own, but for their first line.
fn without_usage(stream: &str) -> &str {
    match (stream.starts_with("Usage: "), stream.find('\n')) {
        (true, Some(end)) => &stream[..end],
        _ => stream,
    }
}

/// Replaces numbers with one point (round trips, seconds) and clock times by `#`; addresses stay.
fn mask_times(line: &str) -> String {
    mask(line, |run| {
        let (points, colons) = (run.matches('.').count(), run.matches(':').count());
        let is_decimal = points == 1 && colons == 0 && !run.starts_with('.') && !run.ends_with('.');
        let is_clock = points == 0 && colons == 2 && run.len() == "12:34:56".len();
        is_decimal || is_clock
    })
}

/// Replaces whole numbers by `#` too; addresses stay.
fn mask_counts(line: &str) -> String {
    mask(line, |run| run.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Replaces runs of digits, points and colons that are picked, unless letters touch them.
fn mask(line: &str, is_picked: impl Fn(&str) -> bool) -> String {
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == ':';
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..start]);
        let tail = &rest[start..];
        let end = tail.find(|c| !is_part(c)).unwrap_or(tail.len());
        let run = &tail[..end];
        let touches = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == ':');
        let is_word = touches(out.chars().next_back()) || touches(tail[end..].chars().next());
        out.push_str(if !is_word && is_picked(run) { "#" } else { run });
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

/// Both texts line by line, those that differ marked.
fn differences(real: &str, ours: &str) -> String {
    let (real, ours): (Vec<&str>, Vec<&str>) = (real.lines().collect(), ours.lines().collect());
    let mut text = String::new();
    for (name, lines, others) in [("real", &real, &ours), ("ours", &ours, &real)] {
        for (at, line) in lines.iter().enumerate() {
            let mark = if others.get(at) == Some(line) { ' ' } else { '*' };
            writeln!(text, "{mark} {name} {line}").expect("a string takes everything");
        }
    }
    text
}

#[test]
fn times_are_masked_and_addresses_are_not() {
    assert_eq!(
        mask_times("10.77.0.1 : [0], 64 bytes, 0.031 ms"),
        "10.77.0.1 : [0], 64 bytes, # ms"
    );
    assert_eq!(mask_times("[12:34:56]"), "[#]");
    assert_eq!(mask_times("[1767225600.12346] h : 1.5/20.3"), "[#] h : #/#");
    assert_eq!(mask_times("2001:db8::1 is alive"), "2001:db8::1 is alive");
    assert_eq!(mask_counts("h1 : 3/2/33%, [7]"), "h1 : #/#/#%, [#]");
    assert_eq!(mask_counts("10.77.0.1 2001:db8:0:1::2"), "10.77.0.1 2001:db8:0:1::2");
}
