//! How fast the lab's gateway tracks, beside Linux's own tracker. Ours is measured by a program of
//! its own, since nothing but the tracker is to be measured; the kernel's by packets that cross
//! three namespaces, with a masquerade in the middle and without.

use super::arena::Arena;
use super::figures::shown;
use super::rows::{Bar, Figures, Row, compare, limit};
use crate::tree;
use nix::sys::resource::{UsageWho, getrusage};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;
use testbed::Bed;

/// Connections in one table: half of what fills the kernel's as it comes.
const FEW: usize = 120_000;
const MANY: usize = 1_000_000;

/// Runs of each, in turn.
const RUNS: usize = 3;

/// Sockets of the sender: each sends to as many addresses as make up the connections.
const SOCKETS: usize = 40;

/// The network that is sent to; who owns it throws away what comes.
const BEYOND: [u8; 4] = [198, 18, 0, 0];

const MASQUERADE: &str = "table ip nat {
    chain out {
        type nat hook postrouting priority 100
        oifname \"right\" masquerade
    }
}";
const SINK: &str = "table ip raw {
    chain in {
        type filter hook prerouting priority -300
        udp dport 443 drop
    }
}";

/// Figures by their name.
struct Said(String);

impl Said {
    fn figure(&self, name: &str) -> Result<f64, String> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = line.and_then(|number| number.parse::<f64>().ok());
        number.ok_or_else(|| format!("no figure is called {name} in: {}", self.0))
    }
}

/// What Linux's tracker takes: nanoseconds for a new connection and for a packet of a known one,
/// beyond what the way takes without it, and bytes of a connection.
struct Kernel {
    new: f64,
    known: f64,
    entry: f64,
}

/// Measures all of them.
///
/// # Errors
/// If something cannot be built or run, or says something else.
pub fn measure(_: &Arena) -> Result<Vec<Row>, String> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(tracked(FEW)?);
        theirs.push(kernel()?);
    }
    let figures = |name: &str, of: fn(&Kernel) -> f64| -> Result<Figures, String> {
        let ours: Vec<f64> = ours.iter().map(|it| it.figure(name)).collect::<Result<_, _>>()?;
        Ok(Figures::new(&ours, &theirs.iter().map(of).collect::<Vec<f64>>()))
    };
    let few = shown(FEW as f64);
    let new = format!("new connection of {few}, tracked and translated");
    let known = format!("packet of one of {few} connections, in any order");
    let many = tracked(MANY)?;
    let entries: Vec<f64> = theirs.iter().map(|it| it.entry).collect();
    let entry = Figures::new(&[many.figure("entry")?; RUNS], &entries);
    let lookup = [many.figure("lookup")?; RUNS];
    let packets: Vec<f64> = theirs.iter().map(|it| it.known).collect();
    let what = "look-up among a million, in bursts of 8";
    let memory = "one access to as much memory in any order";
    let accesses = Figures::new(&lookup, &[many.figure("memory")?; RUNS]);
    // Linux's are of far fewer connections, which is in its favour.
    let beside = Figures::new(&lookup, &packets);
    Ok(vec![
        compare(&new, "ns", "Linux", &figures("new", |it| it.new)?, Bar::AtMost(0.83)),
        compare(&known, "ns", "Linux", &figures("known", |it| it.known)?, Bar::AtMost(1.0)),
        compare(what, "ns", "Linux, a packet of a known one", &beside, Bar::AtMost(0.19)),
        compare(what, "ns", memory, &accesses, Bar::None),
        limit("memory of a connection of a million", "bytes", "Linux", &entry, 300.0),
    ])
}

fn tracked(count: usize) -> Result<Said, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["run", "--release", "--quiet", "--package", "askway", "--example", "track"];
    let mut command = Command::new(cargo);
    command.args(arguments).args(["--", &count.to_string()]).current_dir(tree::root());
    let ran = command.output().map_err(|e| format!("cannot run cargo: {e}"))?;
    match ran.status.success() {
        true => Ok(Said(String::from_utf8_lossy(&ran.stdout).into_owned())),
        false => Err(String::from_utf8_lossy(&ran.stderr).into_owned()),
    }
}

fn kernel() -> Result<Kernel, String> {
    let mut bed = Bed::new();
    let chain = bed.chain(&["client", "gateway", "server"]);
    let [a, b, c, d] = BEYOND;
    let beyond = format!("{a}.{b}.{c}.{d}/15");
    chain[0].route(&beyond, chain.v4(1));
    chain[1].route(&beyond, chain.v4(2));
    chain[2].nft(SINK);
    let send = || -> Result<Said, String> {
        let ourselves = std::env::current_exe().map_err(|e| format!("who am I: {e}"))?;
        let ran = chain[0].launch(ourselves).args(&["send-flows"]).limit(TIME_MAX).run();
        match ran.code() {
            Some(0) => Ok(Said(ran.stdout())),
            _ => Err(format!("send-flows: {ran:?}")),
        }
    };
    let plain = send()?.figure("known")?;
    chain[1].nft(MASQUERADE);
    let before = slab_bytes()?;
    let said = send()?;
    let entry = (slab_bytes()? - before) / FEW as f64;
    Ok(Kernel { new: said.figure("new")? - plain, known: said.figure("known")? - plain, entry })
}

const TIME_MAX: Duration = Duration::from_secs(60);

/// What all slabs of the kernel take.
fn slab_bytes() -> Result<f64, String> {
    let text = std::fs::read_to_string("/proc/meminfo").map_err(|e| format!("meminfo: {e}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kibibytes.map(|kib| kib * 1024.0).ok_or_else(|| "no slabs in /proc/meminfo".into())
}

/// Sends a packet of each of many connections, and again in another order; prints how many
/// nanoseconds of processor time each took, `new` and `known`. On the way, Linux does in the
/// sender's time what routers do.
///
/// # Errors
/// If it cannot send.
pub fn send_flows() -> Result<(), String> {
    let fault = |e: std::io::Error| format!("cannot send: {e}");
    let bind = |_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(fault);
    let sockets: Vec<UdpSocket> = (0..SOCKETS).map(bind).collect::<Result<_, _>>()?;
    let hosts = FEW / SOCKETS;
    let send = |host: usize, socket: usize| {
        let to = Ipv4Addr::from(u32::from_be_bytes(BEYOND) + 1 + host as u32);
        sockets[socket].send_to(&[0; 18], (to, 443)).map_err(fault)
    };
    let started = processor_ns()?;
    for host in 0..hosts {
        for socket in 0..SOCKETS {
            send(host, socket)?;
        }
    }
    let new = processor_ns()? - started;
    let started = processor_ns()?;
    for number in 0..FEW {
        // A number without a common divisor takes every one once.
        let flow = number * 7_919 % FEW;
        send(flow / SOCKETS, flow % SOCKETS)?;
    }
    let known = processor_ns()? - started;
    for (name, span) in [("new", new), ("known", known)] {
        println!("{name} {:.1}", span / FEW as f64);
    }
    Ok(())
}

fn processor_ns() -> Result<f64, String> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|e| format!("getrusage: {e}"))?;
    let spans = [usage.user_time(), usage.system_time()];
    Ok(spans.iter().map(|span| span.tv_sec() as f64 * 1e9 + span.tv_usec() as f64 * 1e3).sum())
}
