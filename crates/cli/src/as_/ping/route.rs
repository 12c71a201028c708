//! IPv4 options of answers, as iputils ping prints them behind a line.

use super::json::Object;
use super::names::Names;
use std::net::Ipv4Addr;
use wire::ip::options::{Ipv4Option, Options, Route, TimestampForm, Timestamps};

/// The recorded route of the last answer, so that an equal one is not printed again.
#[derive(Default)]
pub struct LastRoute(Vec<Ipv4Addr>);

/// The lines that options make, each with its line's end in front.
pub fn lines(options: &[u8], last: &mut LastRoute, names: &mut Names) -> String {
    let mut text = String::new();
    for option in Options::new(options) {
        match option {
            Ok(Ipv4Option::End) | Err(_) => break,
            Ok(Ipv4Option::NoOperation) => text.push_str("\nNOP"),
            Ok(Ipv4Option::RecordRoute(route)) => recorded(&route, last, names, &mut text),
            Ok(Ipv4Option::LooseSourceRoute(route)) => source('L', &route, names, &mut text),
            Ok(Ipv4Option::StrictSourceRoute(route)) => source('S', &route, names, &mut text),
            Ok(Ipv4Option::Timestamp(stamps)) => timestamps(&stamps, names, &mut text),
            Ok(Ipv4Option::RouterAlert(_)) => text.push_str("\nunknown option 94"),
            Ok(Ipv4Option::Unknown { kind, .. }) => {
                text.push_str(&format!("\nunknown option {kind:x}"));
            }
        }
    }
    text
}

/// Adds what options recorded to an answer's object: the route, the times at hops.
pub fn fields(options: &[u8], names: &mut Names, mut object: Object) -> Object {
    for option in Options::new(options).map_while(Result::ok) {
        match option {
            Ipv4Option::RecordRoute(route) => {
                let hops: Vec<String> = route.recorded().map(|to| hop(to, names)).collect();
                object = object.texts("record_route", &hops);
            }
            Ipv4Option::Timestamp(stamps) => {
                let stamped = stamps.entries().filter(|entry| entry.stamped);
                let times: Vec<String> = stamped
                    .map(|entry| match entry.address {
                        Some(address) => format!("{} {}", hop(address, names), entry.time),
                        None => entry.time.to_string(),
                    })
                    .collect();
                object = object.texts("timestamps_ms", &times);
                object = object.number("unrecorded_hops", stamps.overflow.into());
            }
            _ => {}
        }
    }
    object
}

fn recorded(route: &Route<'_>, last: &mut LastRoute, names: &mut Names, text: &mut String) {
    let addresses: Vec<Ipv4Addr> = route.recorded().collect();
    if addresses.is_empty() {
        return;
    }
    if addresses == last.0 {
        text.push_str("\t(same route)");
        return;
    }
    text.push_str("\nRR: ");
    list(addresses.iter().copied(), names, text);
    last.0 = addresses;
}

fn source(kind: char, route: &Route<'_>, names: &mut Names, text: &mut String) {
    text.push_str(&format!("\n{kind}SRR: "));
    list(route.addresses(), names, text);
}

fn list(addresses: impl Iterator<Item = Ipv4Addr>, names: &mut Names, text: &mut String) {
    for address in addresses {
        text.push_str(&format!("\t{}\n", hop(address, names)));
    }
}

fn timestamps(stamps: &Timestamps<'_>, names: &mut Names, text: &mut String) {
    let entries: Vec<_> = stamps.entries().filter(|entry| entry.stamped).collect();
    if entries.is_empty() {
        return;
    }
    text.push_str("\nTS: ");
    let (mut standard, mut other) = (0, 0);
    for entry in entries {
        if let Some(address) = entry.address
            && stamps.form != TimestampForm::TimeOnly
        {
            text.push_str(&format!("\t{}", hop(address, names)));
        }
        let is_standard = entry.time & 0x8000_0000 == 0;
        let time = i64::from(entry.time & 0x7fff_ffff);
        let (before, suffix) =
            if is_standard { (&mut standard, "") } else { (&mut other, " not-standard") };
        if *before == 0 {
            text.push_str(&format!("\t{time} absolute{suffix}\n"));
        } else {
            text.push_str(&format!("\t{}{suffix}\n", time - *before));
        }
        *before = time;
    }
    if stamps.overflow > 0 {
        text.push_str(&format!("Unrecorded hops: {}\n", stamps.overflow));
    }
}

fn hop(address: Ipv4Addr, names: &mut Names) -> String {
    if address.is_unspecified() { "0.0.0.0".to_owned() } else { names.of(address.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(options: &[u8], last: &mut LastRoute) -> String {
        lines(options, last, &mut Names::numeric(0))
    }

    #[test]
    fn a_route_is_printed_once() {
        let mut options = vec![1, 7, 15, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 0, 0];
        let mut last = LastRoute::default();
        assert_eq!(printed(&options, &mut last), "\nNOP\nRR: \t192.0.2.1\n\t192.0.2.2\n");
        assert_eq!(printed(&options, &mut last), "\nNOP\t(same route)");
        options[11] = 9;
        assert_eq!(printed(&options, &mut last), "\nNOP\nRR: \t192.0.2.1\n\t192.0.2.9\n");
        options[3] = 4;
        assert_eq!(printed(&options, &mut last), "\nNOP");
    }

    #[test]
    fn timestamps_are_printed_as_differences() {
        let times = [68, 16, 17, 0x20, 0, 0, 0, 9, 0, 0, 0, 12, 0x80, 0, 0, 1];
        let mut last = LastRoute::default();
        assert_eq!(
            printed(&times, &mut last),
            "\nTS: \t9 absolute\n\t3\n\t1 absolute not-standard\nUnrecorded hops: 2\n"
        );
        let with_address = [68, 12, 13, 1, 192, 0, 2, 1, 0, 0, 0, 9];
        assert_eq!(printed(&with_address, &mut last), "\nTS: \t192.0.2.1\t9 absolute\n");
    }

    #[test]
    fn nonsense_ends_the_list() {
        let mut last = LastRoute::default();
        assert_eq!(printed(&[1, 7, 1, 4], &mut last), "\nNOP");
        assert_eq!(printed(&[200, 4, 0, 0, 0, 1], &mut last), "\nunknown option c8");
    }
}
