//! `askway gateway --inside DEVICE=ADDRESS --outside DEVICE=ADDRESS`: a road for a network
//! namespace to another through one address.

mod options;
mod passing;
mod screen;

use super::dropped::tell_dropped;
use super::{Command, Without};
use crate::args::{Common, Format};
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::lang::Language;
use crate::print::conntrack::Ledger;
use clap::{ArgMatches, Args, FromArgMatches};
use lab::gateway::{Gateway, Interface, Plan, Side};
use net::live::{self, Beginning};
use net::tun::{Route, Setup, Tun};
use options::{End, Options};
use passing::Passing;
use screen::Screen;
use serde_json::json;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use wire::Family;
use wire::prefix::Prefix;

/// The command.
pub const COMMAND: Command = Command {
    name: "gateway",
    summary: (
        "translate addresses between two network namespaces",
        "在两个网络命名空间之间转换地址（NAT 网关）",
    ),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[
        Without {
            options: &["lab", "from", "capture"],
            hint: "a lab has gateways of its own: routers with `nat`, see docs/lab.md",
        },
        Without {
            options: &["csv"],
            hint: "connections are no table of one shape: --json has every field",
        },
    ],
    run,
};

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    options.check()?;
    let format = common.format();
    let beginning = Beginning::now();
    let epoch_ns = beginning.epoch_ns();
    let ledger = Ledger { format, has_events: options.events, has_roads: options.why, epoch_ns };
    let mut gateway = Gateway::new(plan(&options, common, epoch_ns));
    ledger.begin(gateway.tracker_mut());
    let tuns = open(&options)?;
    let is_watched = io::stdout().is_terminal() && format == Format::Human;
    let screen = (is_watched && !options.events && !options.why && !options.table)
        .then(|| Screen::new(&options, common.language()));
    if screen.is_none() {
        announce(&options, &tuns, common)?;
    }
    let mut passing = Passing::new(gateway, ledger, screen, options.table, options.stats);
    let ran = live::run(&beginning, &tuns, &mut passing);
    passing.end();
    ran?;
    tell_dropped(&tuns, common.language());
    Ok(Exit::Yes)
}

fn plan(options: &Options, common: &Common, epoch_ns: i128) -> Plan {
    let interface =
        |end: &End| Interface { addresses: end.addresses.clone(), mtu_bytes: options.mtu_bytes };
    Plan {
        interfaces: [interface(&options.inside), interface(&options.outside)],
        tracking: options.tracking(),
        epoch_ns,
        // The standard library seeds its hash maps from the system's random source.
        seed: common.seed.unwrap_or_else(|| RandomState::new().hash_one(0_u64)),
    }
}

/// Makes the devices, in the order of the sides.
fn open(options: &Options) -> Result<Vec<Tun>, Failure> {
    let mut tuns = Vec::new();
    for side in Side::BOTH {
        let end = options.end(side);
        // Everything lies behind the inner device; of the outer one, the namespace knows the way
        // already.
        let everything = Family::ALL.into_iter().filter_map(|family| {
            let own = end.addresses.iter().find(|(own, _)| Family::of(*own) == family)?;
            Some(Route { to: Prefix::of(own.0, 0), source: None })
        });
        let routes = match (side, &end.namespace) {
            (Side::Inside, Some(_)) => everything.collect(),
            _ => Vec::new(),
        };
        let setup = Setup {
            addresses: end.neighbours.clone(),
            mtu_bytes: options.mtu_bytes,
            routes,
            is_fast: options.fast,
        };
        tuns.push(Tun::open(&end.device, end.namespace.as_deref(), &setup)?);
    }
    Ok(tuns)
}

/// Says what stands, a line a device, as soon as it does.
fn announce(options: &Options, tuns: &[Tun], common: &Common) -> Result<(), Failure> {
    let mut text = String::new();
    for (side, tun) in Side::BOTH.into_iter().zip(tuns) {
        let end = options.end(side);
        let line = match common.format() {
            Format::Json => device_object(side, end, tun, options.mtu_bytes),
            _ => device_line(side, end, tun, common.language()),
        };
        text.push_str(&line);
        text.push('\n');
    }
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure {
            message: format!("cannot write to standard output: {error}"),
            hint: None,
            exit: Exit::Failed,
        }),
        _ => Ok(()),
    }
}

/// `inside: lan0 in blue has 10.0.0.2/24, its gateway is 10.0.0.1`.
fn device_line(side: Side, end: &End, tun: &Tun, language: Language) -> String {
    let side = match side {
        Side::Inside => language.pick("inside", "内侧"),
        Side::Outside => language.pick("outside", "外侧"),
    };
    let device = escape(tun.name());
    let device = match &end.namespace {
        Some(namespace) => language.pick(
            format!("{device} in {}", escape(namespace)),
            format!("{} 里的 {device}", escape(namespace)),
        ),
        None => device,
    };
    let addresses: Vec<String> =
        end.neighbours.iter().map(|(address, bits)| format!("{address}/{bits}")).collect();
    let gateways: Vec<String> = end.addresses.iter().map(|(own, _)| own.to_string()).collect();
    let (addresses, gateways) = (addresses.join(" "), gateways.join(" "));
    language.pick(
        format!("{side}: {device} has {addresses}, its gateway is {gateways}"),
        format!("{side}：{device} 的地址是 {addresses}，网关是 {gateways}"),
    )
}

fn device_object(side: Side, end: &End, tun: &Tun, mtu_bytes: u32) -> String {
    let texts = |all: &[(IpAddr, u8)]| -> Vec<String> {
        all.iter().map(|(address, bits)| format!("{address}/{bits}")).collect()
    };
    let side = if side == Side::Inside { "inside" } else { "outside" };
    let object = json!({
        "v": 1,
        "type": "device",
        "side": side,
        "device": tun.name(),
        "namespace": end.namespace,
        "addresses": texts(&end.neighbours),
        "gateway": texts(&end.addresses),
        "mtu_bytes": mtu_bytes,
    });
    object.to_string()
}
