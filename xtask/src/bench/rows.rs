//! What is measured: one function a group, and the bar that each row has to reach.

use super::arena::{Arena, Sample};
use super::figures::{
    fping_times_us, json_number, median, number_before, ping_times_us, quantile, shown,
};
use super::launcher::Cost;
use super::{gateway, lab, live, sockets, traces, track};
use std::time::Duration;

/// Rows that are measured together.
pub struct Group {
    /// How to ask for them on the command line.
    pub name: &'static str,
    /// Measures them.
    pub measure: fn(&Arena) -> Result<Vec<Row>, String>,
}

/// Every group, in the order of the page.
pub const ALL: &[Group] = &[
    Group { name: "rtt", measure: rtt },
    Group { name: "load", measure: load },
    Group { name: "calls", measure: calls },
    Group { name: "cpu", measure: cpu },
    Group { name: "flood", measure: flood },
    Group { name: "many", measure: many },
    Group { name: "beyond", measure: beyond },
    Group { name: "up", measure: up },
    Group { name: "once", measure: once },
    Group { name: "trace", measure: traces::measure },
    Group { name: "sockets", measure: sockets::measure },
    Group { name: "lab", measure: lab::measure },
    Group { name: "size", measure: size },
    Group { name: "track", measure: track::measure },
    Group { name: "gateway", measure: gateway::measure },
    Group { name: "live", measure: live::measure },
];

/// One line of the table.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Beside whom.
    pub peer: &'static str,
    /// The peer's figure.
    pub theirs: String,
    /// Ours.
    pub ours: String,
    /// Ours by the peer's.
    pub ratio: String,
    /// What ours should be.
    pub bar: String,
    /// Whether it is.
    pub is_met: bool,
}

impl Row {
    /// Stands for a group that could not be measured.
    pub fn failed(group: &str) -> Row {
        let none = String::new;
        Row {
            what: format!("{group}: could not be measured"),
            peer: "",
            theirs: none(),
            ours: none(),
            ratio: none(),
            bar: none(),
            is_met: false,
        }
    }
}

/// The addresses that are asked, IPv4 first.
pub const TARGETS: [(&str, &str); 2] = [("IPv4", "10.1.2.3"), ("IPv6", "2001:db8:8000::2")];

/// What a ratio has to be.
#[derive(Clone, Copy)]
pub enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// Whatever it likes: the peer's figure is for the record.
    None,
}

/// A figure of ours beside the peer's.
pub struct Figures {
    /// The median.
    pub ours: f64,
    /// The median.
    pub theirs: f64,
    /// The median of the ratios of runs that followed each other: what else the machine does in a
    /// minute falls on all runs of that minute.
    ratio: f64,
}

impl Figures {
    /// Of runs that were taken in turn.
    pub fn new(ours: &[f64], theirs: &[f64]) -> Figures {
        let ratios: Vec<f64> =
            ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        Figures { ours: median(ours), theirs: median(theirs), ratio: median(&ratios) }
    }

    /// The same figure of samples that were taken in turn.
    pub fn of(ours: &[Sample], theirs: &[Sample], figure: impl Fn(&Sample) -> f64) -> Figures {
        Figures::new(&each(ours, &figure), &each(theirs, &figure))
    }
}

/// A row that compares two figures of one unit.
pub fn compare(what: &str, unit: &str, peer: &'static str, figures: &Figures, bar: Bar) -> Row {
    let &Figures { ours, theirs, ratio } = figures;
    let (bar, is_met) = match bar {
        Bar::AtMost(most) => (format!("at most {most}"), ratio <= most),
        Bar::AtLeast(least) => (format!("at least {least}"), ratio >= least),
        Bar::None => ("for the record".into(), true),
    };
    Row {
        what: format!("{what}, {unit}"),
        peer,
        theirs: shown(theirs),
        ours: shown(ours),
        ratio: format!("{ratio:.2}"),
        bar,
        is_met,
    }
}

/// A row whose bar is a figure of its own.
pub fn limit(what: &str, unit: &str, peer: &'static str, figures: &Figures, most: f64) -> Row {
    let row = compare(what, unit, peer, figures, Bar::AtMost(1.0));
    Row { bar: format!("at most {} {unit}", shown(most)), is_met: figures.ours <= most, ..row }
}

/// Runs of several commands, in turn: the samples of each. The order turns round every time. All of
/// them have to succeed.
///
/// # Errors
/// If one cannot be run, or fails.
pub fn in_turn(
    times: usize,
    run: impl Fn(&[&str]) -> Result<Sample, String>,
    commands: &[&[&str]],
) -> Result<Vec<Vec<Sample>>, String> {
    let mut samples: Vec<Vec<Sample>> = commands.iter().map(|_| Vec::new()).collect();
    for turn in 0..times {
        for at in 0..commands.len() {
            let at = if turn % 2 == 0 { at } else { commands.len() - 1 - at };
            let sample = run(commands[at])?;
            if sample.code != 0 {
                let line = commands[at].join(" ");
                return Err(format!("{line}: exit code {}\n{}", sample.code, sample.said));
            }
            samples[at].push(sample);
        }
    }
    Ok(samples)
}

/// A figure of each sample.
pub fn each(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Vec<f64> {
    samples.iter().map(figure).collect()
}

/// From start to end, in seconds.
pub fn wall_s(sample: &Sample) -> f64 {
    sample.cost.wall.as_secs_f64()
}

/// Processor time, in milliseconds.
pub fn cpu_ms(sample: &Sample) -> f64 {
    sample.cost.cpu.as_secs_f64() * 1e3
}

/// The quantile of the round trips that a sample reports, in microseconds; not a number if it
/// reports none, which no bar lets pass.
fn ping_us(share: f64) -> impl Fn(&Sample) -> f64 {
    move |sample| some_quantile(&ping_times_us(&sample.said), share)
}

fn fping_us(share: f64) -> impl Fn(&Sample) -> f64 {
    move |sample| some_quantile(&fping_times_us(&sample.said), share)
}

fn some_quantile(figures: &[f64], share: f64) -> f64 {
    if figures.is_empty() { f64::NAN } else { quantile(figures, share) }
}

fn askway_us(name: &str) -> impl Fn(&Sample) -> f64 {
    move |sample| json_number(&sample.said, name).map_or(f64::NAN, |ns| ns / 1e3)
}

/// What a link-speed round trip looks like, and how long 200 of them at 10 ms take.
fn rtt(arena: &Arena) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (family, target) in TARGETS {
        let commands: [&[&str]; 3] = [
            &["askway", "ping", "-n", "--json", "-c", "200", "-i", "10ms", target],
            &["ping", "-n", "-c", "200", "-i", "0.01", target],
            &["fping", "-q", "-C", "200", "-p", "10", target],
        ];
        let samples = in_turn(9, |command| arena.run(command), &commands)?;
        let [askway, ping, fping] = &samples[..] else { unreachable!("three commands") };
        let ours = each(askway, askway_us("rtt_ns_median"));
        let what = format!("median round trip reported at 10 ms, {family}");
        let beside_ping = Figures::new(&ours, &each(ping, ping_us(0.5)));
        let beside_fping = Figures::new(&ours, &each(fping, fping_us(0.5)));
        rows.push(compare(&what, "µs", "ping", &beside_ping, Bar::AtMost(0.5)));
        rows.push(compare(&what, "µs", "fping", &beside_fping, Bar::AtMost(0.7)));
        let what = format!("200 probes at 10 ms, wall time, {family}");
        let wall = Figures::of(askway, ping, wall_s);
        let is_met = (1.97..=2.01).contains(&wall.ours);
        let row = compare(&what, "s", "ping", &wall, Bar::AtMost(1.0));
        rows.push(Row { bar: "1.97 to 2.01 s".into(), is_met, ..row });
    }
    Ok(rows)
}

/// The same with both cores busy and everybody at the usual priority.
fn load(arena: &Arena) -> Result<Vec<Row>, String> {
    let (_, target) = TARGETS[0];
    let commands: [&[&str]; 2] = [
        &["askway", "ping", "-n", "--json", "-c", "500", "-i", "10ms", target],
        &["ping", "-n", "-c", "500", "-i", "0.01", target],
    ];
    let spinners = arena.load();
    let samples = in_turn(5, |command| arena.run_plain(command), &commands)?;
    drop(spinners);
    let [askway, ping] = &samples[..] else { unreachable!("two commands") };
    let what = "99th percentile of the round trips with both cores busy";
    let ours = each(askway, askway_us("rtt_ns_p99"));
    let figures = Figures::new(&ours, &each(ping, ping_us(0.99)));
    Ok(vec![compare(what, "µs", "ping", &figures, Bar::AtMost(0.5))])
}

/// System calls a probe: the difference between 400 probes and 200, so that the start does not
/// count.
fn calls(arena: &Arena) -> Result<Vec<Row>, String> {
    let (_, target) = TARGETS[0];
    let per_probe = |command: &[&str]| -> Result<f64, String> {
        let [few, many] = ["200", "400"].map(|count| {
            let command: Vec<&str> =
                command.iter().map(|&word| if word == "COUNT" { count } else { word }).collect();
            arena.system_calls(&command)
        });
        Ok((many? - few?) / 200.0)
    };
    let ours = per_probe(&["askway", "ping", "-n", "-q", "-c", "COUNT", "-i", "10ms", target])?;
    let ping = per_probe(&["ping", "-n", "-q", "-c", "COUNT", "-i", "0.01", target])?;
    let fping = per_probe(&["fping", "-q", "-c", "COUNT", "-p", "10", target])?;
    let what = "system calls a probe at 10 ms";
    Ok(vec![
        limit(what, "calls", "ping", &Figures::new(&[ours], &[ping]), 6.0),
        limit(what, "calls", "fping", &Figures::new(&[ours], &[fping]), 6.0),
    ])
}

/// What waiting costs. fping holds its own 10 ms between probes unless `-i` says otherwise.
fn cpu(arena: &Arena) -> Result<Vec<Row>, String> {
    let (_, target) = TARGETS[0];
    let commands: [&[&str]; 3] = [
        &["askway", "ping", "-n", "-q", "-c", "500", "-i", "2ms", target],
        &["fping", "-q", "-c", "500", "-p", "2", "-i", "1", target],
        &["ping", "-n", "-q", "-c", "500", "-i", "0.002", target],
    ];
    let samples = in_turn(7, |command| arena.run(command), &commands)?;
    let [askway, fping, ping] = &samples[..] else { unreachable!("three commands") };
    let what = "processor time of 500 probes at 2 ms";
    let figures = |theirs: &[Sample]| Figures::of(askway, theirs, cpu_ms);
    Ok(vec![
        compare(what, "ms", "fping", &figures(fping), Bar::AtMost(1.5)),
        compare(what, "ms", "ping", &figures(ping), Bar::AtMost(1.0)),
    ])
}

/// As fast as answers come, one probe in flight or many.
fn flood(arena: &Arena) -> Result<Vec<Row>, String> {
    let (_, target) = TARGETS[0];
    let commands: [&[&str]; 3] = [
        &["askway", "ping", "-n", "-q", "--flood", "-c", "100000", target],
        &["askway", "ping", "-n", "-q", "--flood", "--batch", "-l", "64", "-c", "100000", target],
        &["ping", "-n", "-q", "-f", "-c", "100000", target],
    ];
    let samples = in_turn(21, |command| arena.run(command), &commands)?;
    let [lockstep, batched, ping] = &samples[..] else { unreachable!("three commands") };
    let row = |what, ours: &[Sample], least| {
        let rate = Figures::of(ours, ping, |sample| 100_000.0 / wall_s(sample));
        compare(what, "probes/s", "ping -f", &rate, Bar::AtLeast(least))
    };
    Ok(vec![row("flood in lockstep", lockstep, 1.0), row("flood with 64 in flight", batched, 1.2)])
}

/// Addresses that fping -g makes of a /16.
const HOSTS_16: f64 = 65_534.0;

/// All of a /16, every one of them there.
fn many(arena: &Arena) -> Result<Vec<Row>, String> {
    let sweep = ["-q", "-s", "-i", "0", "-r", "0", "-t", "200", "-g", "10.3.0.0/16"];
    let ours = [&["askway", "as", "fping"][..], &sweep].concat();
    let theirs = [&["fping"][..], &sweep].concat();
    let samples = in_turn(15, |command| arena.run(command), &[&ours, &theirs])?;
    let [ours, theirs] = &samples[..] else { unreachable!("two commands") };
    for sample in ours.iter().chain(theirs) {
        if number_before(&sample.said, "alive") != Some(HOSTS_16) {
            return Err(format!("not all of the /16 answered:\n{}", sample.said));
        }
    }
    let both = |figure: fn(&Sample) -> f64| Figures::of(ours, theirs, figure);
    let rate = both(|sample| HOSTS_16 / wall_s(sample));
    let cpu = both(|sample| cpu_ms(sample) * 1e3 / HOSTS_16);
    let memory = both(|sample| sample.cost.memory_bytes as f64 / HOSTS_16);
    let what = |figure: &str| format!("a /16, all alive, as fping: {figure}");
    Ok(vec![
        compare(&what("rate"), "targets/s", "fping", &rate, Bar::AtLeast(1.25)),
        compare(&what("processor time a target"), "µs", "fping", &cpu, Bar::AtMost(1.0)),
        limit(&what("memory a target"), "bytes", "fping", &memory, 150.0),
    ])
}

/// More targets than there are sequence numbers.
fn beyond(arena: &Arena) -> Result<Vec<Row>, String> {
    const COUNT: u32 = 200_000;
    let first = u32::from_be_bytes([10, 16, 0, 0]);
    let addresses = (first..first + COUNT).map(|n| std::net::Ipv4Addr::from(n).to_string() + "\n");
    let file = arena.file("targets", &addresses.collect::<String>())?;
    let arguments = ["-q", "-s", "-i", "0", "-r", "0", "-t", "200", "-f", &file];
    let ours = arena.run(&[&["askway", "as", "fping"][..], &arguments].concat())?;
    let theirs = arena.run(&[&["fping"][..], &arguments].concat())?;
    let shown = |sample: &Sample| {
        let alive = number_before(&sample.said, "alive").map_or("none".into(), shown);
        format!("{alive} alive, exit {}", sample.code)
    };
    Ok(vec![Row {
        what: "200,000 targets from a file, all alive".into(),
        peer: "fping",
        theirs: shown(&theirs),
        ours: shown(&ours),
        ratio: String::new(),
        bar: "all alive, exit 0".into(),
        is_met: shown(&ours) == "200,000 alive, exit 0",
    }])
}

/// Which hosts of a /16 are up: to two files.
fn up(arena: &Arena) -> Result<Vec<Row>, String> {
    let [alive, silent] = [arena.file("ok", "")?, arena.file("no", "")?];
    let ours = ["askway", "up", "--rate", "max", "--ok", &alive, "--no", &silent, "10.3.0.0/16"];
    let theirs = ["fping", "-q", "-s", "-i", "0", "-r", "0", "-t", "200", "-g", "10.3.0.0/16"];
    let samples = in_turn(15, |command| arena.run(command), &[&ours, &theirs])?;
    let [ours, theirs] = &samples[..] else { unreachable!("two commands") };
    let lines = std::fs::read_to_string(&alive).unwrap_or_default().lines().count();
    if (lines as f64) < HOSTS_16 {
        return Err(format!("up found {lines} of the /16:\n{}", ours[0].said));
    }
    let both = |figure: fn(&Sample) -> f64| Figures::of(ours, theirs, figure);
    let wall = both(wall_s);
    let memory = both(|sample| sample.cost.memory_bytes as f64 / 1e6);
    // 0.25 s where fping takes 0.29 s.
    Ok(vec![
        compare("`up` on a /16, wall time", "s", "fping", &wall, Bar::AtMost(0.86)),
        limit("`up` on a /16, peak memory", "MB", "fping", &memory, 10.0),
    ])
}

/// The whole process, for one answer.
fn once(arena: &Arena) -> Result<Vec<Row>, String> {
    let ours = ["askway", "ping", "-n", "-c", "1", "127.0.0.1"];
    let theirs = ["ping", "-n", "-c", "1", "127.0.0.1"];
    let costs = arena.alternate(500, [&ours, &theirs])?;
    let both = |figure: fn(&Cost) -> Duration| {
        let [ours, theirs] = [0, 1].map(|at| {
            costs.iter().map(|pair| figure(&pair[at]).as_secs_f64() * 1e3).collect::<Vec<f64>>()
        });
        Figures::new(&ours, &theirs)
    };
    let what = "one ping of loopback, the whole process";
    let row = |figure: &str, figures: &Figures| {
        compare(&format!("{what}: {figure}"), "ms", "ping", figures, Bar::AtMost(1.3))
    };
    Ok(vec![
        row("wall time", &both(|cost| cost.wall)),
        row("processor time", &both(|cost| cost.cpu)),
    ])
}

/// The stripped binary.
fn size(arena: &Arena) -> Result<Vec<Row>, String> {
    let bytes = std::fs::metadata(arena.askway()).map_err(|e| format!("the binary: {e}"))?.len();
    let megabytes = bytes as f64 / 1e6;
    Ok(vec![Row {
        what: "stripped binary, MB".into(),
        peer: "",
        theirs: String::new(),
        ours: shown(megabytes),
        ratio: String::new(),
        bar: "under 10 MB".into(),
        is_met: megabytes < 10.0,
    }])
}
