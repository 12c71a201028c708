//! Which servers are asked, and for how long: what `resolv.conf` says.

use crate::routes::interface_index;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// Where systems name their servers.
const FILE: &str = "/etc/resolv.conf";

/// The port of DNS servers.
const PORT: u16 = 53;

/// More servers are left out, as resolv.conf(5) says.
const SERVERS_MAX: usize = 3;

/// The most that the file can ask for, likewise.
const TIMEOUT_MAX_S: u64 = 30;
const ATTEMPTS_MAX: u32 = 5;

/// DNS servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// Their addresses, at least one, the first to ask first.
    pub addresses: Vec<SocketAddr>,
    /// How long one is waited for.
    pub timeout: Duration,
    /// How often each is asked.
    pub attempts: u32,
}

impl Servers {
    /// One server, and nobody else. Port 53 unless another is given.
    pub fn only(address: SocketAddr) -> Servers {
        let port = if address.port() == 0 { PORT } else { address.port() };
        let mut address = address;
        address.set_port(port);
        Servers { addresses: vec![address], ..Servers::parse("") }
    }

    /// Those of this system. Without a file it is the one of this host, as resolv.conf(5) says.
    pub fn of_system() -> Servers {
        Servers::parse(&fs::read_to_string(FILE).unwrap_or_default())
    }

    /// What a file of the form of resolv.conf(5) says. What it says wrongly is left out.
    pub fn parse(text: &str) -> Servers {
        let mut servers =
            Servers { addresses: Vec::new(), timeout: Duration::from_secs(5), attempts: 2 };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(address);
                    let room = SERVERS_MAX - servers.addresses.len();
                    servers.addresses.extend(address.into_iter().take(room));
                }
                Some("options") => words.for_each(|word| servers.set(word)),
                _ => {}
            }
        }
        if servers.addresses.is_empty() {
            servers.addresses.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        servers
    }

    fn set(&mut self, option: &str) {
        let Some((name, value)) = option.split_once(':') else { return };
        let Ok(value) = value.parse::<u32>() else { return };
        match name {
            "timeout" => {
                self.timeout = Duration::from_secs(u64::from(value).clamp(1, TIMEOUT_MAX_S));
            }
            "attempts" => self.attempts = value.clamp(1, ATTEMPTS_MAX),
            _ => {}
        }
    }
}

/// An address, of IPv6 perhaps with its zone: `fe80::1%eth0`.
fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address, PORT).into());
    }
    let (address, zone) = text.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let zone = zone.parse().ok().or_else(|| interface_index(zone))?;
    Some(SocketAddrV6::new(address, PORT, 0, zone).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        Servers::parse(text).addresses.iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn the_file_names_up_to_three_servers() {
        let text = "# nameserver 192.0.2.9\nsearch example\nnameserver 192.0.2.1\n\
            nameserver\nnameserver x\n  nameserver\t2001:db8::1 # ours\nnameserver fe80::1%7\n\
            nameserver 192.0.2.4\n";
        assert_eq!(shown(text), ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%7]:53"]);
        let SocketAddr::V6(local) = Servers::parse("nameserver fe80::1%lo").addresses[0] else {
            panic!("not IPv6")
        };
        assert_eq!(Some(local.scope_id()), interface_index("lo"));
    }

    #[test]
    fn without_a_server_it_is_the_one_of_this_host() {
        assert_eq!(shown(""), ["127.0.0.1:53"]);
        assert_eq!(shown("nameserver fe80::1%no-such-link\n"), ["127.0.0.1:53"]);
    }

    #[test]
    fn times_and_tries_are_within_bounds() {
        let servers = Servers::parse("options rotate timeout:2 attempts:3\n");
        assert_eq!((servers.timeout, servers.attempts), (Duration::from_secs(2), 3));
        let servers = Servers::parse("options timeout:0 attempts:4294967295 timeout:x ndots:\n");
        assert_eq!((servers.timeout, servers.attempts), (Duration::from_secs(1), 5));
        let servers = Servers::parse("options timeout:4000000000 attempts:0\n");
        assert_eq!((servers.timeout, servers.attempts), (Duration::from_secs(30), 1));
    }

    #[test]
    fn the_port_is_the_usual_one_unless_given() {
        let only = |text: &str| Servers::only(text.parse().expect("an address")).addresses;
        assert_eq!(only("192.0.2.1:0")[0].to_string(), "192.0.2.1:53");
        assert_eq!(only("[2001:db8::1]:5353")[0].to_string(), "[2001:db8::1]:5353");
    }
}
