//! Roads: seven routers between client and server, without reply limits unless a row says so.

use super::arena::{Arena, Sample};
use super::figures::{json_number, shown};
use super::rows::{Bar, Figures, Row, compare, cpu_ms, in_turn, limit, wall_s};
use crate::tree;
use std::fmt::Write;

/// How many hops it is to the server.
const HOPS: usize = 8;

/// For runs to many.
const TARGETS: f64 = 1_000.0;

type Part = fn(&Arena) -> Result<Vec<Row>, String>;

/// Rows that are measured together, and what to call them if they cannot be.
const PARTS: &[(&str, Part)] = &[
    ("a responsive road", responsive),
    ("30 hops", far),
    ("a silent road", silent),
    ("a watched road", watched),
    ("balanced paths", paths),
    ("an MTU black hole", black_hole),
    ("1,000 roads", many),
    ("1,000 roads with reply limits", many_limited),
];

/// Measures everything about roads.
///
/// # Errors
/// Never: what cannot be measured has a row that says so.
pub fn measure(arena: &Arena) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (name, part) in PARTS {
        rows.extend(part(arena).unwrap_or_else(|fault| {
            eprintln!("{name}: {fault}");
            vec![Row::failed(name)]
        }));
    }
    Ok(rows)
}

/// A row of figures that no ratio says anything about.
fn single(what: &str, peer: &'static str, [theirs, ours]: [String; 2], bar: &str) -> Row {
    let (what, bar, ratio) = (what.to_owned(), bar.to_owned(), String::new());
    Row { what, peer, theirs, ours, ratio, bar, is_met: false }
}

/// Eight hops that answer.
fn responsive(arena: &Arena) -> Result<Vec<Row>, String> {
    let road = arena.road();
    let mut rows = Vec::new();
    for (family, to) in ["IPv4", "IPv6"].into_iter().zip(road.chain().both(HOPS)) {
        let to = to.to_string();
        let ours = ["askway", "trace", "-n", &to];
        let traceroute = ["traceroute", "-n", &to];
        let run = |command: &[&str]| road.run(command);
        let samples = in_turn(25, run, &[&ours, &traceroute])?;
        let [askway, traceroute] = &samples[..] else { unreachable!("two commands") };
        let what = |figure: &str| format!("8 hops, {family}: {figure}");
        let both = |figure: fn(&Sample) -> f64| Figures::of(askway, traceroute, figure);
        let [wall, cpu, memory] = [wall_ms, cpu_ms, memory_mb].map(both);
        rows.push(compare(&what("wall time"), "ms", "traceroute", &wall, Bar::AtMost(1.5)));
        rows.push(limit(&what("processor time"), "ms", "traceroute", &cpu, 2.0));
        rows.push(limit(&what("peak memory"), "MB", "traceroute", &memory, 6.0));
        let mtr = ["mtr", "-n", "-r", "-c", "1", &to];
        let tracepath = ["tracepath", "-n", &to];
        let samples = in_turn(5, run, &[&ours, &mtr, &tracepath])?;
        let [askway, mtr, tracepath] = &samples[..] else { unreachable!("three commands") };
        for (peer, theirs) in [("mtr -c 1", mtr), ("tracepath", tracepath)] {
            let wall = Figures::of(askway, theirs, wall_ms);
            rows.push(compare(&what("wall time"), "ms", peer, &wall, Bar::None));
            let cpu = Figures::of(askway, theirs, cpu_ms);
            rows.push(compare(&what("processor time"), "ms", peer, &cpu, Bar::None));
        }
    }
    Ok(rows)
}

fn wall_ms(sample: &Sample) -> f64 {
    wall_s(sample) * 1e3
}

fn memory_mb(sample: &Sample) -> f64 {
    sample.cost.memory_bytes as f64 / 1e6
}

/// A scenario that is shipped.
fn scenario(name: &str) -> String {
    tree::root().join("crates/lab/scenarios").join(name).to_string_lossy().into_owned()
}

/// Thirty hops and 100 ms there and back, in virtual time.
fn far(arena: &Arena) -> Result<Vec<Row>, String> {
    let file = scenario("long-30-hops.toml");
    let sample = arena.run(&["askway", "trace", "-n", "--json", "--lab", &file, "b"])?;
    let took = json_number(&sample.said, "duration_ns").map_or(f64::NAN, |ns| ns / 1e9);
    let what = "30 hops, 100 ms away, in the lab: virtual time, s";
    let row = single(what, "", [String::new(), shown(took)], "at most 0.3 s");
    Ok(vec![Row { is_met: took <= 0.3, ..row }])
}

/// Everything behind the third hop is silent.
fn silent(arena: &Arena) -> Result<Vec<Row>, String> {
    let road = arena.road();
    for node in 4..=HOPS {
        road.chain()[node].nft(
            "table inet silence { chain output { type filter hook output priority 0
                icmp type { destination-unreachable, time-exceeded, echo-reply } drop
                icmpv6 type { destination-unreachable, time-exceeded, echo-reply } drop
            }
            }",
        );
    }
    let to = road.chain().v4(HOPS).to_string();
    let ours = road.run(&["askway", "trace", "-n", &to])?;
    let theirs = road.run(&["traceroute", "-n", &to])?;
    if !ours.said.contains("silent") {
        return Err(format!("no verdict:\n{}", ours.said));
    }
    let figures = Figures::new(&[wall_s(&ours)], &[wall_s(&theirs)]);
    let what = "silence from hop 4 on: time to the verdict";
    Ok(vec![limit(what, "s", "traceroute", &figures, 2.0)])
}

/// Gives all routers the limits that Linux has by itself.
fn limit_replies(road: &Arena) {
    for node in 1..=HOPS {
        road.chain()[node].sysctls(&[
            ("net/ipv4/icmp_ratelimit", "1000"),
            ("net/ipv4/icmp_ratemask", "6168"),
            ("net/ipv6/icmp/ratelimit", "1000"),
            ("net/ipv6/icmp/ratemask", "0-1,3-127"),
        ]);
    }
}

/// Ten rounds a second over routers that answer once a second.
fn watched(arena: &Arena) -> Result<Vec<Row>, String> {
    let road = arena.road();
    limit_replies(&road);
    let to = road.chain().v4(HOPS).to_string();
    let ours = road.run(&["askway", "watch", "--report", "-n", "-c", "30", "-i", "100ms", &to])?;
    let theirs = road.run(&["mtr", "-n", "-r", "-c", "30", "-i", "0.1", &to])?;
    let [loss, false_loss] = [&ours, &theirs].map(|sample| worst_loss(&sample.said));
    let named = ours.said.lines().filter(|line| line.contains("limit")).count();
    let what = "10 probes/s over routers with the usual reply limits: worst loss";
    let figures =
        [format!("{} %", shown(false_loss)), format!("{} %, {named} limits named", shown(loss))];
    let row = single(what, "mtr", figures, "0 %, 7 limits named");
    Ok(vec![Row { is_met: loss == 0.0 && named == HOPS - 1, ..row }])
}

/// The largest percentage in the lines of a report about hops; not a number without any.
fn worst_loss(said: &str) -> f64 {
    let hops = said.lines().filter(|line| line.contains(".|--"));
    let loss = |line: &str| -> Option<f64> {
        let mut words = line.split_whitespace();
        words.find_map(|word| word.strip_suffix('%')?.parse().ok())
    };
    hops.filter_map(loss).fold(f64::NAN, f64::max)
}

/// Four ways that are as long, in the lab.
fn paths(arena: &Arena) -> Result<Vec<Row>, String> {
    let file = scenario("diamond.toml");
    let sample = arena.run(&["askway", "trace", "-n", "--json", "--paths", "--lab", &file, "b"])?;
    let verdict = sample.said.lines().find(|line| line.contains("\"type\":\"verdict\""));
    let verdict = verdict.ok_or_else(|| format!("no verdict:\n{}", sample.said))?;
    let [sent, ns] = ["sent", "duration_ns"].map(|name| json_number(verdict, name));
    let (sent, ms) = (sent.unwrap_or(f64::NAN), ns.unwrap_or(f64::NAN) / 1e6);
    let found = sample.said.matches("\"type\":\"path\"").count();
    let ours = format!("{found} paths, {} probes, {} ms", shown(sent), shown(ms));
    let what = "4-way diamond, round trips of 8 ms, in the lab";
    let row = single(what, "", [String::new(), ours], "4 paths, 40 probes, 80 ms");
    Ok(vec![Row { is_met: found == 4 && sent <= 40.0 && ms <= 80.0, ..row }])
}

/// Links that are narrow and routers that do not say so.
fn black_hole(arena: &Arena) -> Result<Vec<Row>, String> {
    let road = arena.road();
    let chain = road.chain();
    for (link, mtu_bytes) in [(3, 1_400), (6, 1_300)] {
        chain[link].mtu("right", mtu_bytes);
        chain[link + 1].mtu("left", mtu_bytes);
        chain[link].nft(
            "table inet silence { chain output { type filter hook output priority 0
                icmp type destination-unreachable icmp code frag-needed drop
                icmpv6 type packet-too-big drop
            }
            }",
        );
    }
    let to = chain.v4(HOPS).to_string();
    let ours = road.run(&["askway", "mtu", "-n", "--json", &to])?;
    let mut rows = Vec::new();
    for (peer, command) in [
        ("tracepath", &["tracepath", "-n", &to][..]),
        ("traceroute --mtu -q 1 -w 1", &["traceroute", "-n", "--mtu", "-q", "1", "-w", "1", &to]),
    ] {
        let theirs = road.run(command)?;
        let knows = |said: &str| said.contains("1300");
        let answer = |sample: &Sample| {
            let found = if knows(&sample.said) { "1300" } else { "no answer" };
            format!("{found} in {} s", shown(wall_s(sample)))
        };
        let what = "links of 1400 and 1300 bytes, nobody says so: path MTU";
        let row = single(what, peer, [answer(&theirs), answer(&ours)], "1300 in at most 5 s");
        rows.push(Row { is_met: knows(&ours.said) && wall_s(&ours) <= 5.0, ..row });
    }
    Ok(rows)
}

/// A file with many addresses of the server, of four networks.
fn targets(road: &Arena) -> Result<String, String> {
    let mut text = String::new();
    for index in 0..TARGETS as u32 {
        let _ = writeln!(text, "10.1.{}.{}", index / 250, 1 + index % 250);
    }
    road.file("targets", &text)
}

/// As many roads as can be, none of them with a reply limit.
fn many(arena: &Arena) -> Result<Vec<Row>, String> {
    let road = arena.road();
    let file = targets(&road)?;
    let ours = ["askway", "trace", "-n", "-q", "1", "-z", "0", "--json", "--file", &file];
    let theirs = ["scamper", "-p", "10000", "-c", "trace -P udp-paris -q 1", "-f", &file];
    let samples = in_turn(5, |command| road.run(command), &[&ours, &theirs])?;
    let [ours, theirs] = &samples[..] else { unreachable!("two commands") };
    for sample in ours {
        let reached = json_number(&sample.said, "reached").unwrap_or(0.0);
        if reached != TARGETS {
            return Err(format!("only {reached} of the targets were reached"));
        }
    }
    let rate = Figures::of(ours, theirs, |sample| TARGETS / wall_s(sample));
    let what = "1,000 roads of 8 hops: traces a second";
    let row = compare(what, "traces/s", "scamper -p 10000", &rate, Bar::AtLeast(1.0));
    Ok(vec![Row { bar: "at least 2,500".into(), is_met: rate.ours >= 2_500.0, ..row }])
}

/// The same over routers that answer one of 1,000 probes.
fn many_limited(arena: &Arena) -> Result<Vec<Row>, String> {
    let road = arena.road();
    let file = targets(&road)?;
    limit_replies(&road);
    let ours = road.run(&["askway", "trace", "-n", "-q", "1", "--json", "--file", &file])?;
    let slow = ["scamper", "-p", "10000", "-c", "trace -P udp-paris -q 2 -w 1 -g 8", "-f", &file];
    let theirs = road.run(&slow)?;
    let routers = TARGETS * (HOPS - 1) as f64;
    let is_known = |line: &&str| line.contains("\"type\":\"hop\"") && line.contains("\"from\":\"");
    let is_end = |line: &&str| line.contains("\"is_end\":true");
    let known = ours.said.lines().filter(is_known).filter(|line| !is_end(line)).count() as f64;
    // Numbered lines; the last hop is the target's.
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let hop: usize = words.next()?.parse().ok()?;
        (hop < HOPS && words.next()? != "*").then_some(())
    };
    let theirs_known = theirs.said.lines().filter_map(line).count() as f64;
    let share = |known: f64| format!("{} %", shown(known / routers * 100.0));
    let what = "1,000 roads over routers with the usual reply limits: routers known";
    let figures = [share(theirs_known), share(known)];
    let row = single(what, "scamper -p 10000", figures, "100 %");
    Ok(vec![Row { is_met: known == routers, ..row }])
}
