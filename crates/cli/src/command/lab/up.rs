//! `askway lab up FILE --tun NODE=NAME`: a network between devices of this host, until interrupted.

use super::internet::Inside;
use super::run::setup;
use super::tracked::{To, Tracking};
use super::{Action, load, node, wrong};
use crate::args::{BadValue, Common};
use crate::command::dropped::tell_dropped;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::lang::Language;
use clap::{ArgMatches, Args, FromArgMatches};
use net::live::{self, Beginning};
use net::tun::{Setup, Tun};
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use wire::prefix::Prefix;

pub const ACTION: Action = Action {
    name: "up",
    summary: ("keep it up between devices of this host", "在本机的设备之间运行网络，直到中断"),
    define: Options::augment_args,
    run,
};

#[derive(Debug, Args)]
struct Options {
    /// The scenario
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Make a TUN device of that name in the place of a node, here or in a named network
    /// namespace: NODE=NAME or NODE=NAME@NAMESPACE
    #[arg(long = "tun", value_name = "NODE=NAME", required = true)]
    tuns: Vec<Wire>,
    /// Have the devices take and give large packets that stand for many, as network cards do
    #[arg(long)]
    fast: bool,
    #[command(flatten)]
    tracking: Tracking,
}

/// A node, and the device in its place.
#[derive(Clone, Debug)]
struct Wire {
    node: String,
    device: String,
    namespace: Option<String>,
}

impl FromStr for Wire {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Wire, BadValue> {
        let bad = || BadValue {
            message: format!("`{}` is not NODE=NAME", escape(text)),
            hint: "such as --tun a=lab0, or --tun a=lab0@blue for the namespace blue",
        };
        let (node, device) = text.split_once('=').ok_or_else(bad)?;
        let (device, namespace) = match device.split_once('@') {
            Some((device, namespace)) => (device, Some(namespace.to_owned())),
            None => (device, None),
        };
        let is_name = |name: &str| !name.is_empty() && !name.contains('/');
        if !is_name(device) || !namespace.as_deref().is_none_or(is_name) {
            return Err(bad());
        }
        Ok(Wire { node: node.to_owned(), device: device.to_owned(), namespace })
    }
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let (mut world, captured) = load(&options.file, common)?;
    let beginning = Beginning::now();
    world.begin_at(beginning.epoch_ns());
    let tracked = options.tracking.begin(&mut world, To::Output, common)?;
    let (mut nodes, mut setups) = (Vec::new(), Vec::new());
    // The networks that lead somewhere already, as seen from here.
    let mut led: Vec<Prefix> = Vec::new();
    for wire in &options.tuns {
        let at = node(&world, &options.file, &wire.node)?;
        if nodes.contains(&at) {
            let message = format!("{} has a device already", wire.node);
            return Err(wrong(&message, "name each node once"));
        }
        nodes.push(at);
        let setup = match wire.namespace {
            Some(_) => setup(&mut world, at, None),
            None => {
                let own = world.networks_of(at);
                led.extend(own);
                let networks: Vec<_> = world.networks().filter(|it| !led.contains(it)).collect();
                led.extend(&networks);
                setup(&mut world, at, Some(&networks))
            }
        };
        setups.push(Setup { is_fast: options.fast, ..setup });
    }
    let tuns: Result<Vec<Tun>, _> = options
        .tuns
        .iter()
        .zip(&setups)
        .map(|(wire, setup)| Tun::open(&wire.device, wire.namespace.as_deref(), setup))
        .collect();
    let tuns = tuns?;
    let mut out = std::io::stdout().lock();
    for ((wire, setup), tun) in options.tuns.iter().zip(&setups).zip(&tuns) {
        // Nobody is left to tell if this fails.
        let _ = writeln!(out, "{}", line(wire, setup, tun, common.language()));
    }
    drop(out);
    let mut inside = Inside::new(world, nodes, tracked, captured);
    live::run(&beginning, &tuns, &mut inside)?;
    inside.end()?;
    tell_dropped(&tuns, common.language());
    Ok(Exit::Yes)
}

/// What a device is: `lab0 in blue is a: 192.0.2.1/30 2001:db8:0:1::1/64, MTU 1500`.
fn line(wire: &Wire, setup: &Setup, tun: &Tun, language: Language) -> String {
    let told = setup.addresses.iter().filter(|(address, _)| !is_link_local(*address));
    let addresses = told.map(|(address, bits)| format!("{address}/{bits}"));
    let addresses: Vec<String> = addresses.collect();
    let (device, node) = (escape(tun.name()), escape(&wire.node));
    let device = match &wire.namespace {
        Some(namespace) => language.pick(
            format!("{device} in {}", escape(namespace)),
            format!("{} 里的 {device}", escape(namespace)),
        ),
        None => device.to_string(),
    };
    let is = language.pick("is", "是");
    format!("{device} {is} {node}: {}, MTU {}", addresses.join(" "), setup.mtu_bytes)
}

/// Whether an address says nothing to anybody behind the link.
fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
