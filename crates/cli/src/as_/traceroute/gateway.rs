//! Routers that probes have to go by: source routes (RFC 791 §3.1), which most routers refuse.

use super::module::Way;
use super::options::{Options, Resolver, Stop, fail, stop};
use crate::as_::console::Console;
use net::Access;
use probe::Carrier;
use std::net::{IpAddr, Ipv4Addr};
use wire::Family;
use wire::ip::options as ip_options;

/// Where to go by.
pub enum Gateways {
    None,
    V4(Vec<Ipv4Addr>),
    /// So many; Linux takes no routing header whose end is not another's business (RFC 5095).
    V6(usize),
}

/// The most routers of an IPv4 source route, beside its end.
const V4_MAX: usize = 8;

/// The most of an IPv6 one, as an extension header counts them.
const V6_MAX: usize = 127;

/// Looks up the gateways of a command line.
///
/// # Errors
/// If there are too many, or one has no address: exit code 2.
pub fn find(
    options: &Options,
    resolver: Resolver<'_>,
    console: &mut Console,
) -> Result<Gateways, Stop> {
    let family = Family::of(options.target.address);
    let most = if family == Family::V4 { V4_MAX } else { V6_MAX };
    // The type of a routing header may come first.
    let is_type = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    let names: &[String] = match options.gateways.as_slice() {
        [first, rest @ ..] if family == Family::V6 && is_type(first) => rest,
        names => names,
    };
    if names.len() > most {
        return fail(console, &format!("Too many gateways specified. No more than {most}"));
    }
    let mut found = Vec::new();
    for name in names {
        match resolver(name, Some(family)).map(|targets| targets.first().copied()) {
            Ok(Some(target)) => found.push(target.address),
            Ok(None) => return fail(console, ""),
            Err(unresolved) => {
                stop(console, &format!("{name}: {}", unresolved.reason));
                return fail(console, "");
            }
        }
    }
    let v4 = |address: &IpAddr| match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    };
    Ok(match family {
        _ if found.is_empty() => Gateways::None,
        Family::V4 => Gateways::V4(found.iter().filter_map(v4).collect()),
        Family::V6 => Gateways::V6(found.len()),
    })
}

impl Gateways {
    /// What they add to the IP header: each a slot, one more for the target, and what names them.
    pub fn header_bytes(&self) -> usize {
        match self {
            Gateways::None => 0,
            Gateways::V4(gateways) => 4 * (gateways.len() + 2),
            Gateways::V6(count) => 8 + 16 * count,
        }
    }

    /// The way that can carry them: the system writes source routes where it writes headers.
    pub fn fit(&self, way: Way) -> Way {
        match self {
            Gateways::V4(_) if way.method.carrier() == Carrier::Udp => {
                Way { access: Access::Datagram, ..way }
            }
            _ => way,
        }
    }

    /// IP options.
    ///
    /// # Errors
    /// If nothing can carry them: what to say.
    pub fn options(&self, way: &Way) -> Result<Vec<u8>, &'static str> {
        // Elsewhere headers are ours; and TCP's sockets are opened when no right is left.
        let is_carried = match way.method.carrier() {
            Carrier::Icmp => true,
            Carrier::Udp => way.access == Access::Datagram,
            Carrier::Tcp | Carrier::Other(_) => false,
        };
        match self {
            Gateways::None => Ok(Vec::new()),
            Gateways::V4(_) if !is_carried => Err("setsockopt IP_OPTIONS: Operation not supported"),
            Gateways::V4(gateways) => ip_options::loose_source_route(gateways)
                .map_err(|_| "setsockopt IP_OPTIONS: Invalid argument"),
            Gateways::V6(_) => Err("setsockopt IPV6_RTHDR: Invalid argument"),
        }
    }
}
