//! `askway lab run FILE -- COMMAND`: a program in the place of a node.

use super::internet::Inside;
use super::tracked::{To, Tracking};
use super::{Action, load, node};
use crate::args::Common;
use crate::command::dropped::tell_dropped;
use crate::failure::{Exit, Failure};
use clap::{ArgMatches, Args, FromArgMatches};
use lab::{NodeId, Place, World};
use net::cell::Cell;
use net::live::{self, Beginning};
use net::tun::{Route, Setup};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use wire::Family;
use wire::prefix::Prefix;

pub const ACTION: Action = Action {
    name: "run",
    summary: ("run a program inside, in the place of a node", "在网络里运行一个程序，代替一个节点"),
    define: Options::augment_args,
    run,
};

#[derive(Debug, Args)]
struct Options {
    /// The scenario
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The node in whose place the command runs; else the scenario's `from`
    #[arg(long, value_name = "NODE")]
    at: Option<String>,
    /// Have the device take and give large packets that stand for many, as network cards do
    #[arg(long)]
    fast: bool,
    #[command(flatten)]
    tracking: Tracking,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<OsString>,
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let (mut world, captured) = load(&options.file, common)?;
    let at = match &options.at {
        Some(name) => node(&world, &options.file, name)?,
        None => world.default_node(),
    };
    let beginning = Beginning::now();
    world.begin_at(beginning.epoch_ns());
    let tracked = options.tracking.begin(&mut world, To::Error, common)?;
    let setup = Setup { is_fast: options.fast, ..setup(&mut world, at, None) };
    let (mut cell, tun) = Cell::start(&options.command, &setup, files(&world, at))?;
    let mut inside = Inside::new(world, vec![at], tracked, captured);
    let code = live::run_around(&beginning, &mut cell, &tun, &mut inside)?;
    inside.end()?;
    tell_dropped(std::slice::from_ref(&tun), common.language());
    Ok(Exit::Other(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Takes a node's place: what the kernel needs to know of it. `networks` are all that the device
/// leads to; else it leads everywhere.
pub fn setup(world: &mut World, at: NodeId, networks: Option<&[Prefix]>) -> Setup {
    let place = world.attach(at);
    let mut routes: Vec<Route> = Vec::new();
    if let Some(networks) = networks {
        let route = |to: &Prefix| Route { to: *to, source: place.source_towards(*to) };
        routes.extend(networks.iter().map(route));
        // Parts of them to which other links lead.
        let is_part = |to: &Prefix| {
            let holds = |all: &Prefix| all.length() < to.length() && all.contains(to.first());
            networks.iter().any(holds)
        };
        let parts = place.sources.iter().filter(|(to, _)| is_part(to));
        routes.extend(parts.map(|(to, _)| route(to)));
    } else {
        let route = |(to, source): &(Prefix, IpAddr)| Route { to: *to, source: Some(*source) };
        routes.extend(place.sources.iter().map(route));
    }
    let Place { addresses, mtu_bytes, .. } = place;
    Setup { addresses, mtu_bytes, routes, is_fast: false }
}

/// Files by which programs find names, in the place of the machine's.
fn files(world: &World, at: NodeId) -> Vec<(&'static str, String)> {
    let machine = fs::read_to_string(SWITCH).unwrap_or_default();
    vec![
        ("/etc/hosts", hosts(world)),
        ("/etc/resolv.conf", servers(world, at)),
        (SWITCH, switch(&machine)),
    ]
}

/// Where the C library is told whom to ask for names (nsswitch.conf(5)).
const SWITCH: &str = "/etc/nsswitch.conf";

/// The machine's, but that names of hosts come from the files and servers in here: others ask
/// services of the machine's, which know nothing of the lab.
fn switch(machine: &str) -> String {
    let is_of_hosts = |line: &&str| line.trim_start().starts_with("hosts:");
    let mut lines: Vec<&str> = machine.lines().filter(|line| !is_of_hosts(line)).collect();
    lines.push("hosts: files dns\n");
    lines.join("\n")
}

/// As many name servers as the C library asks (resolv.conf(5)).
const SERVERS_MAX: usize = 3;

/// The lab's name servers, of those that the node has a way to. If there is none, the C library
/// asks this host itself, where nobody listens: then it knows at once that there is none.
fn servers(world: &World, at: NodeId) -> String {
    let mut text = String::new();
    let nodes = world.name_servers().filter(|node| *node != at);
    let address = |node| {
        let all = Family::ALL.into_iter().flat_map(|family| world.addresses(node, family));
        all.into_iter().find(|address| world.source_towards(at, *address).is_some())
    };
    for address in nodes.filter_map(address).take(SERVERS_MAX) {
        let _ = writeln!(text, "nameserver {address}");
    }
    text
}

/// The names of all nodes, as /etc/hosts has them.
fn hosts(world: &World) -> String {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost\n");
    let count = u32::try_from(world.nodes()).unwrap_or(u32::MAX);
    for node in (0..count).map(NodeId) {
        let name = world.name(node);
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
            continue;
        }
        for family in Family::ALL {
            for address in world.addresses(node, family) {
                let _ = writeln!(text, "{address} {name}");
            }
        }
    }
    text
}
