//! What holds for every list of targets, whatever stands in it. For tests and the fuzzer.

use crate::spec::{Entry, List, MOST, Rules};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads bytes as a list: it is refused in one plain line, or written out and read again it is the
/// same list.
pub fn of(bytes: &[u8]) {
    for whole_prefixes in [false, true] {
        let mut list = List::new(Rules { family: None, whole_prefixes });
        match list.read("list", &mut &bytes[..]) {
            Ok(()) => survives(&list),
            Err(failure) => {
                let said = format!("{failure}");
                assert!(said.lines().count() <= 2, "{said}");
                assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
            }
        }
    }
}

fn survives(list: &List) {
    assert!(list.addresses().len() <= MOST);
    let mut text = String::new();
    let mut count = 0;
    for entry in list.entries() {
        match entry {
            Entry::Name(name) => {
                count += 1;
                writeln!(text, "{name}").expect("memory takes it");
            }
            Entry::Addresses(first, addresses) => {
                assert!(addresses > 0);
                count += addresses as usize;
                let last = last(first.address, addresses);
                let zone = match first.zone {
                    0 => String::new(),
                    zone => format!("%{zone}"),
                };
                writeln!(text, "{}{zone}-{last}", first.address).expect("memory takes it");
            }
        }
    }
    assert_eq!(count, list.len());
    let mut again = List::new(Rules::default());
    again.read("again", &mut text.as_bytes()).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(list.names().eq(again.names()));
    assert!(list.addresses().runs().eq(again.addresses().runs()));
    assert!(list.entries().eq(again.entries()));
}

fn last(first: IpAddr, count: u32) -> IpAddr {
    match first {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() + (count - 1)).into(),
        IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() + u128::from(count - 1)).into(),
    }
}
