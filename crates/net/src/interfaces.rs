//! This host's interfaces and their addresses.

use crate::rights::host;
use crate::{Fault, sys};
use std::net::IpAddr;

/// An interface of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, not safe for a terminal.
    pub name: String,
    /// Its index: the zone of its link-local addresses.
    pub index: u32,
    /// Whether it is up, and its link too.
    pub is_up: bool,
    /// Whether it is the loopback.
    pub is_loopback: bool,
    /// Whether it takes multicasts.
    pub is_multicast: bool,
    /// Its addresses.
    pub numbers: Vec<Number>,
}

/// An address of an interface, and of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The address.
    pub address: IpAddr,
    /// The mask of its network.
    pub mask: Option<IpAddr>,
    /// The broadcast address of its network; IPv6 has none, nor have point-to-point links.
    pub broadcast: Option<IpAddr>,
}

/// This host's interfaces, by index.
///
/// # Errors
/// If the system does not tell.
pub fn interfaces() -> Result<Vec<Interface>, Fault> {
    sys::interfaces().map_err(|error| host("list the interfaces", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_loopback_is_among_them() {
        let all = interfaces().expect("a list");
        let loopback = all.iter().find(|it| it.is_loopback).expect("every host has it");
        assert_eq!(sys::interface_index(&loopback.name), Some(loopback.index));
        let number = loopback.numbers.iter().find(|it| it.address == Ipv4Addr::LOCALHOST);
        let mask = number.expect("it has its address").mask;
        assert_eq!(mask, Some(Ipv4Addr::new(255, 0, 0, 0).into()));
    }
}
