//! Names to addresses and back by the system's resolver. Blocks: call it from a thread of its own.

use crate::{nearby, sys};
use std::net::IpAddr;
use wire::Family;

/// What the resolver knows of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Addresses with their IPv6 zones (interface index, else 0), in the resolver's order; at least
    /// one, each once.
    pub addresses: Vec<(IpAddr, u32)>,
    /// The name that the resolver arrived at, where it says so. Not safe for a terminal.
    pub canonical: Option<String>,
}

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The resolver's code (EAI_*).
    pub code: i32,
    /// The resolver's words: `Name or service not known`.
    pub reason: String,
}

/// The addresses of a name or of a numeric address in any of `getaddrinfo`'s spellings.
///
/// # Errors
/// If there is none (of that family).
pub fn lookup(name: &str, family: Option<Family>) -> Result<Found, Unknown> {
    sys::names::lookup(name, family)
}

/// The name of an address as the resolver has it; `None` without one. It is what a stranger wrote
/// into the DNS: not safe for a terminal.
pub fn reverse(address: IpAddr, zone: u32) -> Option<String> {
    sys::names::reverse(address, zone)
}

/// The name that a machine of the local segment gives itself, by multicast DNS or NetBIOS; `None`
/// without an answer within a second, and for addresses that are neither private nor link-local.
/// Not safe for a terminal.
pub fn nearby(address: IpAddr, zone: u32) -> Option<String> {
    if nearby::is_local(address) { nearby::ask(address, zone) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numeric_address_needs_no_server() {
        let found = lookup("192.0.2.1", None).expect("numeric");
        assert_eq!(found.addresses, [(IpAddr::from([192, 0, 2, 1]), 0)]);
        let found = lookup("2001:db8::1", Some(Family::V6)).expect("numeric");
        assert_eq!(found.addresses.len(), 1);
    }

    #[test]
    fn an_address_of_the_other_family_is_unknown() {
        let unknown = lookup("192.0.2.1", Some(Family::V6)).expect_err("no such address");
        assert_ne!(unknown.code, 0);
        assert!(!unknown.reason.is_empty());
    }

    #[test]
    fn a_name_with_a_nul_byte_is_unknown() {
        let unknown = lookup("a\0b", None).expect_err("no C string");
        assert!(!unknown.reason.is_empty());
    }

    #[test]
    fn a_documentation_address_has_no_name_and_does_not_fail() {
        assert_eq!(reverse(IpAddr::from([192, 0, 2, 1]), 0).as_deref().unwrap_or(""), "");
    }
}
