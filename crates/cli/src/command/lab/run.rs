//! `askway lab run FILE -- COMMAND`: a program in the place of a node.

use super::internet::Inside;
use super::tracked::{To, Tracking};
use super::{Action, load, node};
use crate::args::Common;
use crate::failure::{Exit, Failure};
use clap::{ArgMatches, Args, FromArgMatches};
use lab::{NodeId, World};
use net::cell::Cell;
use net::live;
use net::tun::Setup;
use std::ffi::OsString;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use wire::Family;

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

/// Everything lies behind the device.
pub const EVERYWHERE: [(IpAddr, u8); 2] =
    [(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0)];

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let (mut world, captured) = load(&options.file, common)?;
    let at = match &options.at {
        Some(name) => node(&world, &options.file, name)?,
        None => world.default_node(),
    };
    let epoch_ns = live::wall_clock_ns();
    let tracked = options.tracking.begin(&mut world, epoch_ns, To::Error, common)?;
    let setup = Setup { is_fast: options.fast, ..setup(&mut world, at, &EVERYWHERE) };
    let (mut cell, tun) = Cell::start(&options.command, &setup, Some(hosts(&world)))?;
    let mut inside = Inside::new(world, vec![at], tracked, captured);
    let code = live::run_around(&mut cell, tun, &mut inside)?;
    inside.end()?;
    Ok(Exit::Other(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// The least MTU with which Linux has IPv6 on a device.
const V6_MTU_MIN_BYTES: u32 = 1_280;

/// Takes a node's place: what the kernel needs to know of it.
pub fn setup(world: &mut World, at: NodeId, routes: &[(IpAddr, u8)]) -> Setup {
    let place = world.attach(at);
    let has_v6 = place.mtu_bytes >= V6_MTU_MIN_BYTES;
    let exists = |(address, _): &(IpAddr, u8)| has_v6 || address.is_ipv4();
    Setup {
        addresses: place.addresses.into_iter().filter(exists).collect(),
        mtu_bytes: place.mtu_bytes,
        routes: routes.iter().copied().filter(exists).collect(),
        is_fast: false,
    }
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
