//! How exact a lab is in real time: delays of a link beside what its file says, and what a round
//! trip through it takes more than through a cable. And what it carries, beside the gateway.

use super::arena::Arena;
use super::figures::{json_number, median, ping_times_us, quantile, shown};
use super::rows::{Bar, Figures, Row, compare};
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use testbed::{Bed, Node, Running};

/// Runs of each.
const RUNS: usize = 3;

/// Packets a second, and how many in all.
const RATE: u32 = 10_000;
const COUNT: u32 = 30_000;

const PORT: u16 = 9_000;

/// A link with that delay between two hosts.
fn scenario(delay: &str) -> String {
    format!("[host]\na = {{}}\nb = {{}}\n\n[[link]]\nends = [\"a\", \"b\"]\ndelay = \"{delay}\"\n")
}

/// Measures all of it.
///
/// # Errors
/// If something cannot be run.
pub fn measure(arena: &Arena) -> Result<Vec<Row>, String> {
    let (mut late, mut added) = ([const { Vec::new() }; 4], Vec::new());
    let mut direct = Vec::new();
    for _ in 0..RUNS {
        for (way, errors) in delays(arena)?.iter().enumerate() {
            late[2 * way].push(quantile(errors, 0.99));
            late[2 * way + 1].push(median(errors));
        }
        let (through, cable) = round_trips(arena)?;
        added.push(through - cable);
        direct.push(cable);
    }
    let [p99, middle, p99_direct, middle_direct] = late.map(|all| median(&all));
    let row = |what: &str, theirs: f64, ours: f64, most: f64| Row {
        what: what.to_owned(),
        peer: "a cable",
        theirs: shown(theirs),
        ours: shown(ours),
        ratio: String::new(),
        bar: format!("at most {most} us"),
        is_met: ours <= most,
    };
    let mut rows = vec![
        row("5 ms link, 10,000 packets/s: how late they come, p99, us", p99_direct, p99, 200.0),
        row("the same, median, us", middle_direct, middle, 200.0),
        row(
            "link of 1 us: round trip more than by veth, us",
            median(&direct),
            median(&added),
            100.0,
        ),
    ];
    rows.extend(streams(arena)?);
    Ok(rows)
}

/// What a stream gets through a lab with a router, whose devices are fast, beside a gateway.
fn streams(arena: &Arena) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    // Over the longer one, TCP's own buffers are what limits it.
    for (delay, bar) in [("1us", Bar::AtLeast(0.75)), ("1ms", Bar::None)] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(stream(arena, Some(delay))?);
            theirs.push(stream(arena, None)?);
        }
        let what = format!("one TCP stream with `--fast`, two links of {delay}");
        let figures = Figures::new(&ours, &theirs);
        let peer = "askway gateway --fast";
        rows.push(compare(&what, "Gbit/s", peer, &figures, bar));
    }
    Ok(rows)
}

/// One run of iperf3 between two namespaces, in Gbit/s: through a lab whose links take so long, or
/// through a gateway.
fn stream(arena: &Arena, delay: Option<&str>) -> Result<f64, String> {
    let mut bed = Bed::new();
    let nodes = ["a", "b"].map(|name| bed.node(name));
    let at = |end: usize, device: &str| format!("{device}@{}", nodes[end].namespace());
    let launch = nodes[0].launch("nice").args(&["-n", "-19"]).args(&[arena.askway()]);
    let (launch, to) = match delay {
        Some(delay) => {
            let link = |ends: &str| format!("[[link]]\nends = [{ends}]\ndelay = \"{delay}\"\n");
            let links = [link("\"a\", \"r\""), link("\"r\", \"b\"")].concat();
            let text = format!("[host]\na = {{}}\nb = {{}}\n[router]\nr = {{}}\n{links}");
            let file = arena.file("streams.toml", &text)?;
            let tuns = ["a", "b"].map(|name| at(usize::from(name == "b"), "lab0"));
            let launch = launch.args(&["lab", "up", &file, "--fast"]);
            let launch = launch.args(&["--tun", &format!("a={}", tuns[0])]);
            (launch.args(&["--tun", &format!("b={}", tuns[1])]), "192.0.2.6")
        }
        None => {
            let inside = format!("{}=10.0.0.1/24", at(0, "lan0"));
            let outside = format!("{}=203.0.113.1/24", at(1, "wan0"));
            let launch = launch.args(&["gateway", "--fast", "--inside", &inside]);
            (launch.args(&["--outside", &outside]), "203.0.113.2")
        }
    };
    let mut middle = launch.limit(Duration::from_secs(60)).start();
    middle.wait_for_stdout(if delay.is_some() { "is b" } else { "wan0" });
    let iperf = |node: &Node, arguments: &[&str]| {
        let launch = node.launch("nice").args(&["-n", "-19", "iperf3"]).args(arguments);
        launch.limit(Duration::from_secs(30))
    };
    let server = iperf(&nodes[1], &["-s", "-1"]).start();
    testbed::poll_until("iperf3 listens", || {
        nodes[1].run("ss", &["-Hltn"]).stdout().contains(":5201")
    });
    let ran = iperf(&nodes[0], &["-c", to, "-t", "3", "-J"]).run();
    drop(server.finish());
    middle.signal("INT");
    drop(middle.finish());
    let said = ran.stdout();
    let received = said.rsplit_once("\"sum_received\"").map(|(_, received)| received);
    let bits = received.and_then(|it| json_number(it, "bits_per_second"));
    bits.map(|bits| bits / 1e9).ok_or_else(|| format!("iperf3: {ran:?}"))
}

/// A lab between two namespaces.
fn up(arena: &Arena, nodes: [&Node; 2], delay: &str) -> Result<Running, String> {
    let file = arena.file("live.toml", &scenario(delay))?;
    let [a, b] = [("a", nodes[0]), ("b", nodes[1])]
        .map(|(name, node)| format!("{name}=lab0@{}", node.namespace()));
    let launch = nodes[0].launch("chrt").args(&["-f", "20"]).args(&[arena.askway()]);
    let launch = launch.args(&["lab", "up", &file, "--tun", &a, "--tun", &b]);
    let mut lab = launch.limit(Duration::from_secs(60)).start();
    lab.wait_for_stdout("MTU");
    Ok(lab)
}

/// By how much packets came later than they should have, in microseconds: through a lab with a link
/// of 5 ms, and by a cable.
fn delays(arena: &Arena) -> Result<[Vec<f64>; 2], String> {
    let mut bed = Bed::new();
    let nodes = ["a", "b"].map(|name| bed.node(name));
    cable(&bed, [&nodes[0], &nodes[1]]);
    let lab = up(arena, [&nodes[0], &nodes[1]], "5ms")?;
    let through = late([&nodes[0], &nodes[1]], "192.0.2.2", 5_000.0)?;
    lab.signal("INT");
    drop(lab.finish());
    Ok([through, late([&nodes[0], &nodes[1]], "10.9.0.2", 0.0)?])
}

fn late(nodes: [&Node; 2], to: &str, delay_us: f64) -> Result<Vec<f64>, String> {
    let ourselves = std::env::current_exe().map_err(|e| format!("who am I: {e}"))?;
    let urgent = |node: &Node, chore: &[&str]| {
        let launch = node.launch("nice").args(&["-n", "-19"]).args(&[&ourselves]).args(chore);
        launch.limit(Duration::from_secs(60))
    };
    let mut receiver = urgent(nodes[1], &["receive-stamps"]).start();
    receiver.wait_for_stdout("ready");
    let sent = urgent(nodes[0], &["send-stamps", to]).run();
    let received = receiver.finish();
    let said = received.stdout();
    let errors = said.lines().filter_map(|line| line.parse::<f64>().ok());
    let errors: Vec<f64> = errors.map(|error| error - delay_us).collect();
    if errors.len() < COUNT as usize / 2 {
        return Err(format!("{} of {COUNT} came: {sent:?} {}", errors.len(), received.stderr()));
    }
    Ok(errors)
}

/// Joins two namespaces without a lab.
fn cable(bed: &Bed, nodes: [&Node; 2]) {
    bed.link((nodes[0], "veth0"), (nodes[1], "veth0"));
    nodes[0].address("veth0", "10.9.0.1/24");
    nodes[1].address("veth0", "10.9.0.2/24");
}

/// Median round trips in microseconds: through a lab whose link takes 1 us, and by a cable.
fn round_trips(arena: &Arena) -> Result<(f64, f64), String> {
    let mut bed = Bed::new();
    let nodes = ["a", "b"].map(|name| bed.node(name));
    let lab = up(arena, [&nodes[0], &nodes[1]], "1us")?;
    cable(&bed, [&nodes[0], &nodes[1]]);
    let ping = |to: &str| {
        let command = ["-n", "-19", "ping", "-n", "-c", "300", "-i", "0.005", to];
        let ran = nodes[0].launch("nice").args(&command).limit(Duration::from_secs(30)).run();
        let times = ping_times_us(&ran.stdout());
        if times.is_empty() { Err(format!("ping {to}: {ran:?}")) } else { Ok(median(&times)) }
    };
    let both = (ping("192.0.2.2")?, ping("10.9.0.2")?);
    lab.signal("INT");
    drop(lab.finish());
    Ok(both)
}

/// Nanoseconds on the wall clock, which both processes share.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64
}

/// Sends packets that say when they were sent, at the rate of the benchmark.
///
/// # Errors
/// If there is no way.
pub fn send_stamps(to: &str) -> Result<(), String> {
    let fault = |e: std::io::Error| format!("cannot send: {e}");
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(fault)?;
    socket.connect((to, PORT)).map_err(fault)?;
    let start = Instant::now();
    for number in 0..COUNT {
        let due = start + Duration::from_secs(1) / RATE * number;
        // Not more exactly, but without taking a processor from those that are measured.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        socket.send(&now_ns().to_be_bytes()).map_err(fault)?;
    }
    // The last one: nothing follows.
    std::thread::sleep(Duration::from_millis(200));
    socket.send(&0_u64.to_be_bytes()).map(drop).map_err(fault)
}

/// Receives them, and prints how many microseconds each took.
///
/// # Errors
/// If nothing can be received.
pub fn receive_stamps() -> Result<(), String> {
    let fault = |e: std::io::Error| format!("cannot receive: {e}");
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).map_err(fault)?;
    socket.set_read_timeout(Some(Duration::from_secs(20))).map_err(fault)?;
    println!("ready");
    let mut errors = Vec::with_capacity(COUNT as usize);
    let mut stamp = [0; 8];
    loop {
        socket.recv(&mut stamp).map_err(fault)?;
        let (now, sent) = (now_ns(), u64::from_be_bytes(stamp));
        if sent == 0 {
            break;
        }
        errors.push((now as f64 - sent as f64) / 1e3);
    }
    let lines: Vec<String> = errors.iter().map(|error| format!("{error:.1}")).collect();
    println!("{}", lines.join("\n"));
    Ok(())
}
