//! `askway lab run FILE -- COMMAND`: a program in the place of a node.

use super::internet::Inside;
use super::tracked::{To, Tracking};
use super::{Action, load, node};
use crate::args::Common;
use crate::failure::{Exit, Failure};
use clap::{ArgMatches, Args, FromArgMatches};
use lab::{NodeId, Place, World};
use net::cell::Cell;
use net::live;
use net::tun::{Route, Setup};
use std::ffi::OsString;
use std::fmt::Write;
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
    let epoch_ns = live::wall_clock_ns();
    let tracked = options.tracking.begin(&mut world, epoch_ns, To::Error, common)?;
    let setup = Setup { is_fast: options.fast, ..setup(&mut world, at, None) };
    let (mut cell, tun) = Cell::start(&options.command, &setup, Some(hosts(&world)))?;
    let mut inside = Inside::new(world, vec![at], tracked, captured);
    let code = live::run_around(&mut cell, tun, &mut inside)?;
    inside.end()?;
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
