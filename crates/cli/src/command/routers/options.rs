//! The options of `askway routers`, and the plans that come of them.

use crate::command::mask::{find, retries};
use crate::command::trace::options::some_time;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use net::{Access, Batch, Interface, Stamps, Want};
use probe::gather::{Place, Plan};
use probe::routers::{ALL_ROUTERS_V4, ALL_ROUTERS_V6, HOP_LIMIT_V6};
use probe::{Carrier, Envelope, Own};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use wire::Family;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only IPv4 routers
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    pub v4: bool,
    /// Only IPv6 routers
    #[arg(short = '6', long = "ipv6")]
    pub v6: bool,
    /// Ask nothing, only listen, until interrupted or until --deadline
    #[arg(short, long, help_heading = "What")]
    pub listen: bool,
    /// Ask IPv4 routers at 255.255.255.255, not at 224.0.0.2
    #[arg(short, long, conflicts_with = "listen", help_heading = "What")]
    pub broadcast: bool,

    // IPv4 routers answer up to 2 s late (RFC 1256 §6); IPv6 routers advertise to everybody at most
    // every 3 s, and up to half a second later (RFC 4861 §6.2.6).
    /// How long advertisements are waited for after each solicitation
    #[arg(short = 'W', long = "timeout", value_name = "TIME", value_parser = some_time,
        default_value = "4s", help_heading = "When")]
    pub wait: Duration,
    /// How often an interface is asked again where no router has answered
    #[arg(long, value_name = "N", value_parser = retries, default_value = "1",
        help_heading = "When")]
    pub retries: u32,
    /// End by then, whatever is missing
    #[arg(short = 'w', long, value_name = "TIME", value_parser = some_time, help_heading = "When")]
    pub deadline: Option<Duration>,

    /// Look on this interface; may come several times [default: every one that is up and multicast]
    #[arg(short = 'I', long = "interface", value_name = "INTERFACE", help_heading = "Where from")]
    pub interfaces: Vec<String>,

    /// Only the summary of each interface
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("interfaces", "在这个接口上找；可以多次给出 [默认：每个启用的多播接口]"),
    ("v4", "只找 IPv4 路由器"),
    ("v6", "只找 IPv6 路由器"),
    ("wait", "每次提问后等通告多久"),
    ("retries", "没有路由器应答的接口再问几次"),
    ("listen", "什么也不问，只听，直到被中断或到 --deadline"),
    ("broadcast", "向 255.255.255.255 询问 IPv4 路由器，而不是 224.0.0.2"),
    ("quiet", "每个接口只要总结"),
];

/// How many advertisements may queue up.
const BURST: u32 = 64;

/// The largest advertisement to expect: what the links of most networks carry.
const MESSAGE_MAX_BYTES: usize = 9_000;

impl Options {
    /// The families to look for.
    pub fn families(&self) -> Vec<Family> {
        let [v4, v6] = Family::ALL;
        match (self.v4, self.v6) {
            (true, _) => vec![v4],
            (_, true) => vec![v6],
            _ => Family::ALL.to_vec(),
        }
    }

    /// The interfaces to look on.
    ///
    /// # Errors
    /// If there is none of a name.
    pub fn choose(&self, all: Vec<Interface>) -> Result<Vec<Interface>, Failure> {
        if self.interfaces.is_empty() {
            let leads = |it: &Interface| it.is_up && it.is_multicast && !it.is_loopback;
            return Ok(all.into_iter().filter(leads).collect());
        }
        let mut chosen: Vec<Interface> = Vec::new();
        for name in &self.interfaces {
            let found = find(&all, name)?;
            if !found.is_up {
                return Err(Failure {
                    message: format!("the interface {name} is down"),
                    hint: Some(format!("ip link set {name} up")),
                    exit: Exit::Failed,
                });
            }
            if !chosen.contains(&found) {
                chosen.push(found);
            }
        }
        Ok(chosen)
    }

    /// Where to ask on an interface: of each family that it has an address of. Who only listens
    /// needs none.
    pub fn places(&self, interface: &Interface, is_lab: bool) -> Vec<Place> {
        let place = |family: Family| {
            let mut addresses = interface.numbers.iter().map(|it| it.address);
            let own = addresses.find(|it| Family::of(*it) == family);
            if own.is_none() && !self.listen {
                return None;
            }
            let [v4, _] = Family::ALL;
            let to: IpAddr = match family == v4 {
                true if self.broadcast => Ipv4Addr::BROADCAST.into(),
                true => ALL_ROUTERS_V4.into(),
                false => ALL_ROUTERS_V6.into(),
            };
            let header = Own {
                // The system chooses what suits the interface; a lab goes by the address.
                source: own.filter(|_| is_lab),
                hop_limit: to.is_ipv6().then_some(HOP_LIMIT_V6),
                ..Own::default()
            };
            let zone = if to.is_ipv6() && !is_lab { interface.index } else { 0 };
            Some(Place { to, zone, is_for_many: true, header })
        };
        self.families().into_iter().filter_map(place).collect()
    }

    /// What a run on an interface needs of the network.
    pub fn want(&self, families: Vec<Family>, interface: Option<String>) -> Want {
        Want {
            families,
            carrier: Carrier::Icmp,
            access: Access::Raw,
            datagram_will_do: false,
            envelope: Envelope::default(),
            interface,
            mark: None,
            broadcast: true,
            direct_only: false,
            multicast_loop: false,
            debug: false,
            identifier: None,
            lanes: 1,
            message_max_bytes: MESSAGE_MAX_BYTES,
            burst: BURST,
            send_buffer_bytes: None,
            stamps: Stamps::Both,
            batch: Batch::One,
        }
    }

    /// The engine's plan.
    pub fn plan(&self, places: Vec<Place>) -> Plan {
        Plan {
            places,
            wait: self.wait,
            retries: self.retries,
            gap: Duration::ZERO,
            deadline: self.deadline,
            only_listens: self.listen,
        }
    }
}
