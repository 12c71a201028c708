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
    pub steps: &'static [Step],
    /// Both streams go into one, so that their order is compared too.
    pub merged: bool,
    /// What must be the same.
    pub same: Same,
    /// Hides from each line what else may differ, identifiers or whole milliseconds; or the line.
    pub hide: fn(String) -> Option<String>,
    /// Run without any right.
    pub nobody: bool,
    /// An environment variable and its value.
    pub env: Option<(&'static str, &'static str)>,
}

/// A signal to a running command: which, as soon as this is on that stream.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Once standard output has the text.
    Out(&'static str, &'static str),
    /// Once standard error has the text.
    Err(&'static str, &'static str),
}

/// What must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// Everything but measured times, and which target's line comes first on standard output: that
    /// is for the network and the scheduler to decide.
    All,
    /// Everything but measured times.
    Order,
    /// Which lines there are, but for all numbers: how many depends on when a signal comes.
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
        Case {
            tool,
            line,
            stdin,
            steps: &[],
            merged: false,
            same: Same::All,
            hide: Some,
            nobody: false,
            env: None,
        }
    }
}

/// Runs all cases and says everything that differs.
pub fn check(node: &Node, ours: &Path, cases: &[Case]) {
    check_apart([node, node], ours, cases);
}

/// As [`check`], with the real tool in the first node and ours in the second, which must stand in
/// networks of the same kind: for tools that take each other's answers for their own.
pub fn check_apart(nodes: [&Node; 2], ours: &Path, cases: &[Case]) {
    let next = AtomicUsize::new(0);
    let complaints = Mutex::new(Vec::new());
    let hung = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match check_one(nodes, ours, case) {
                        Verdict::Same => {}
                        Verdict::Hung => {
                            hung.lock().expect("nobody panics with it").push(&case.line);
                        }
                        Verdict::Differs(complaint) => {
                            complaints.lock().expect("nobody panics with it").push(complaint);
                        }
                    }
                }
            });
        }
    });
    let hung = hung.into_inner().expect("nobody panics with it");
    if !hung.is_empty() {
        println!("the installed tool hung, so that nothing was compared: {hung:?}");
    }
    assert!(hung.len() <= HUNG_MAX, "the installed tool hung in {hung:?}");
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

/// What a comparison showed.
enum Verdict {
    Same,
    Differs(String),
    /// The installed tool did not end and was killed, but ours did. The ping of iputils now and
    /// then waits ten seconds for an answer or error that it missed; that says nothing about ours.
    Hung,
}

/// Of one table, no more of these can be the installed tool's whim.
const HUNG_MAX: usize = 2;

fn check_one([theirs_in, ours_in]: [&Node; 2], ours: &Path, case: &Case) -> Verdict {
    let (theirs, ours_at) = (PathBuf::from(case.tool), ours.join(case.tool));
    // With one identifier for both, iputils takes our answers for its own.
    let share_identifier = case.line.contains("-e ");
    let (real, own) = if case.steps.is_empty() && !share_identifier {
        let (real, own) = (start(theirs_in, &theirs, case), start(ours_in, &ours_at, case));
        (real.finish(), own.finish())
    } else {
        // Whoever waits for one would come too late for the other.
        let real = walk(start(theirs_in, &theirs, case), case.steps);
        (real, walk(start(ours_in, &ours_at, case), case.steps))
    };
    let is_expected = matches!(case.same, Same::No { .. });
    if real.was_killed && !own.was_killed && !is_expected {
        return Verdict::Hung;
    }
    let (real_seen, own_seen) = (seen(&real, case), seen(&own, case));
    let heading = format!("{} {}", case.tool, case.line);
    match case.same {
        Same::No { ours, why } => {
            if real_seen == own_seen {
                Verdict::Differs(format!("{heading}\n  no longer differs: {why}\n{own_seen}"))
            } else if !own_seen.contains(ours) || real_seen.contains(ours) {
                let not_alone = format!("{ours:?} is not ours alone");
                Verdict::Differs(format!("{heading}\n  {not_alone}\n{real_seen}{own_seen}"))
            } else {
                Verdict::Same
            }
        }
        _ if real_seen == own_seen => Verdict::Same,
        _ => Verdict::Differs(format!("{heading}\n{}", differences(&real_seen, &own_seen))),
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
    let launch = launch.env("TZ", "UTC").stdin(case.stdin.clone());
    let launch = case.env.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
    if case.nobody { launch.as_nobody().start() } else { launch.start() }
}

fn walk(mut running: Running, steps: &[Step]) -> Ran {
    for step in steps {
        match *step {
            Step::Out(text, signal) => {
                running.wait_for_stdout(text);
                running.signal(signal);
            }
            Step::Err(text, signal) => {
                running.wait_for_stderr(text);
                running.signal(signal);
            }
        }
    }
    running.finish()
}

/// Everything that a script sees, times masked.
fn seen(ran: &Ran, case: &Case) -> String {
    let mut text = String::new();
    for (name, stream) in [("out", ran.stdout()), ("err", ran.stderr())] {
        let mut lines: Vec<String> =
            without_usage(&stream).lines().map(mask_times).filter_map(case.hide).collect();
        match case.same {
            Same::Order => {}
            Same::Shape => {
                lines = lines.iter().map(|line| mask_counts(line)).collect();
                lines.sort();
                lines.dedup();
            }
            _ if name == "out" => group_by_target(&mut lines),
            _ => {}
        }
        for line in lines {
            writeln!(text, "{name} | {line}").expect("a string takes everything");
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

/// Brings the lines of each target together, in their order. A line without a target stays behind
/// the one before it.
fn group_by_target(lines: &mut [String]) {
    let mut target = String::new();
    lines.sort_by_cached_key(|line| {
        if let Some(word) = line.split_whitespace().find(|word| !word.starts_with('[')) {
            target = word.to_owned();
        }
        target.clone()
    });
}

/// Usage texts are everybody's own, but for their first line.
fn without_usage(stream: &str) -> &str {
    match (stream.starts_with("Usage: "), stream.find('\n')) {
        (true, Some(end)) => &stream[..end],
        _ => stream,
    }
}

/// Replaces numbers with one point (round trips, seconds) and clock times by `#`; addresses stay,
/// but for link-local ones, which are made by chance.
fn mask_times(line: &str) -> String {
    if let Some((before, rest)) = line.split_once("fe80::") {
        let is_part = |c: char| c.is_ascii_hexdigit() || c == ':';
        let rest = rest.trim_start_matches(is_part);
        return format!("{}fe80::#{}", mask_times(before), mask_times(rest));
    }
    // netdata gets its round trips in nanoseconds.
    if let Some(name) =
        ["SET min", "SET avg", "SET max"].iter().find(|name| line.starts_with(*name))
    {
        return format!("{name} = #");
    }
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
fn targets_come_together() {
    let mut lines = ["b 1", "[0] a 1", "b 2", "", "a 2"].map(String::from);
    group_by_target(&mut lines);
    assert_eq!(lines, ["[0] a 1", "a 2", "b 1", "b 2", ""]);
}

#[test]
fn times_are_masked_and_addresses_are_not() {
    assert_eq!(
        mask_times("10.77.0.1 : [0], 64 bytes, 0.031 ms"),
        "10.77.0.1 : [0], 64 bytes, # ms"
    );
    assert_eq!(mask_times("[12:34:56]"), "[#]");
    assert_eq!(mask_times("[1767225600.12346] h : 1.5/20.3"), "[#] h : #/#");
    assert_eq!(mask_times(" [<- fe80::b4:e0ff%x] 1.5"), " [<- fe80::#%x] #");
    assert_eq!(mask_times("2001:db8::1 is alive"), "2001:db8::1 is alive");
    assert_eq!(mask_counts("h1 : 3/2/33%, [7]"), "h1 : #/#/#%, [#]");
    assert_eq!(mask_counts("10.77.0.1 2001:db8:0:1::2"), "10.77.0.1 2001:db8:0:1::2");
}
