//! The sockets of a machine with many: ours and ss in turn over the same 10,000 connections.

use super::arena::Arena;
use super::rows::{Bar, Figures, Row, compare};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use testbed::Running;

/// Connections of a process, which may not have descriptors without end; each has two ends here.
const CONNECTIONS: usize = 2_000;

/// The ports of as many processes: 10,000 connections, 20,000 sockets.
const PORTS: [&str; 5] = ["7001", "7002", "7003", "7004", "7005"];

/// Printed when they stand.
const READY: &str = "the connections stand";

/// How often each command runs.
const TIMES: usize = 15;

/// Measures listings of every kind.
///
/// # Errors
/// If the sockets cannot be made, or something cannot be run.
pub fn measure(arena: &Arena) -> Result<Vec<Row>, String> {
    let holders: Result<Vec<Running>, String> =
        PORTS.iter().map(|port| hold(arena, port)).collect();
    let _holders = holders?;
    let details: &[&str] = &["ss", "-tinoea"];
    let plain: &[&str] = &["ss", "-tan"];
    let mut rows = Vec::new();
    for (what, ours, peer, theirs, bar) in [
        ("with details", &["askway", "sockets", "-aei"][..], "ss -tinoea", details, 1.0),
        ("as a plain list", &["askway", "sockets", "-a"], "ss -tan", plain, 1.0),
        ("as JSON", &["askway", "sockets", "-a", "--json"], "ss -tinoea", details, 2.0),
        ("totals", &["askway", "sockets", "--totals"], "ss -tan", plain, 1.0),
    ] {
        let costs = arena.alternate(TIMES, [ours, theirs])?;
        let cpu = |at: usize| -> Vec<f64> {
            costs.iter().map(|pair| pair[at].cpu.as_secs_f64() * 1e3).collect()
        };
        let figures = Figures::new(&cpu(0), &cpu(1));
        let what = format!("20,000 sockets {what}: processor time");
        rows.push(compare(&what, "ms", peer, &figures, Bar::AtMost(bar)));
    }
    Ok(rows)
}

/// This program once more, at the client, holding connections.
fn hold(arena: &Arena, port: &str) -> Result<Running, String> {
    let ourselves = std::env::current_exe().map_err(|e| format!("who am I: {e}"))?;
    let shell = "ulimit -n 4100 && exec \"$0\" hold-connections \"$1\"";
    let launch = arena.chain()[0].launch("sh").args(&["-c", shell]).args(&[ourselves]);
    let launch = launch.args(&[port]);
    let mut running = launch.limit(super::arena::TIME_MAX).start();
    running.wait_for_stdout(READY);
    Ok(running)
}

/// Holds connections to a port over loopback until killed.
///
/// # Errors
/// If they cannot be made.
pub fn hold_connections(port: &str) -> Result<(), String> {
    let port = port.parse().map_err(|_| format!("not a port: {port}"))?;
    let fault = |e: std::io::Error| format!("cannot make connections: {e}");
    let mut held = Vec::with_capacity(CONNECTIONS * 2);
    let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let listener = TcpListener::bind(to).map_err(fault)?;
    for _ in 0..CONNECTIONS {
        held.push(TcpStream::connect(to).map_err(fault)?);
        held.push(listener.accept().map_err(fault)?.0);
    }
    println!("{READY}");
    loop {
        std::thread::park();
    }
}
