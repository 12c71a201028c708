//! Names of the addresses that answer, each looked up once.

use crate::resolve;
use std::collections::HashMap;
use std::net::IpAddr;

/// The most addresses whose text is remembered.
const REMEMBERED_MAX: usize = 4096;

/// How addresses are shown.
pub struct Names {
    look_up: bool,
    /// IPv6 zone of link-local addresses; 0 if none is known.
    zone: u32,
    zone_name: String,
    known: HashMap<IpAddr, String>,
}

impl Names {
    /// Shows numbers only. Link-local addresses stand in the zone of that index.
    pub fn numeric(zone: u32) -> Names {
        let zone_name = match zone {
            0 => String::new(),
            _ => resolve::zone(zone),
        };
        Names { look_up: false, zone, zone_name, known: HashMap::new() }
    }

    /// Shows names with the numbers in brackets.
    pub fn looked_up(zone: u32) -> Names {
        Names { look_up: true, ..Names::numeric(zone) }
    }

    /// Looks nothing up any more: the run is ending.
    pub fn stop(&mut self) {
        self.look_up = false;
    }

    /// Shows an address.
    pub fn of(&mut self, address: IpAddr) -> String {
        if let Some(text) = self.known.get(&address) {
            return text.clone();
        }
        let number = self.number(address);
        let name = self.look_up.then(|| resolve::reverse(address)).flatten();
        let text = match name {
            Some(name) if name != number => format!("{name} ({number})"),
            _ => number,
        };
        if self.known.len() < REMEMBERED_MAX {
            self.known.insert(address, text.clone());
        }
        text
    }

    /// Shows an address as a number, its zone included.
    pub fn number(&self, address: IpAddr) -> String {
        let is_local = match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.octets()[..2] == [0xff, 0x02],
        };
        if is_local && self.zone != 0 {
            format!("{address}%{}", self.zone_name)
        } else {
            address.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers_and_local_ones_have_a_zone() {
        let mut names = Names { zone_name: "eth0".to_owned(), zone: 2, ..Names::numeric(0) };
        let mut shown = |text: &str| names.of(text.parse().expect("an address"));
        assert_eq!(shown("192.0.2.1"), "192.0.2.1");
        assert_eq!(shown("2001:db8::1"), "2001:db8::1");
        assert_eq!(shown("fe80::1"), "fe80::1%eth0");
        assert_eq!(shown("ff02::1"), "ff02::1%eth0");
        assert_eq!(shown("fe80::1"), "fe80::1%eth0");
    }
}
