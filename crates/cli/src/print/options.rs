//! The IPv4 options of an answer, as lines and as lists.

use std::net::{IpAddr, Ipv4Addr};
use wire::ip::options::{Ipv4Option, Options};

/// The road that a record-route option tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Road {
    /// The routers on the way there; the target's own entry is the last, if it wrote one.
    pub outbound: Vec<Ipv4Addr>,
    /// The routers on the way back.
    pub back: Vec<Ipv4Addr>,
    /// Whether all nine slots are taken, so that there may be more.
    pub is_full: bool,
}

/// The recorded route, divided where the target itself wrote its address.
pub fn recorded_road(options: &[u8], target: IpAddr) -> Option<Road> {
    let route = Options::new(options).find_map(|option| match option {
        Ok(Ipv4Option::RecordRoute(route)) => Some(route),
        _ => None,
    })?;
    let mut outbound: Vec<Ipv4Addr> = route.recorded().collect();
    let turn = outbound.iter().position(|address| IpAddr::V4(*address) == target);
    let back = turn.map(|turn| outbound.split_off(turn + 1)).unwrap_or_default();
    Some(Road { outbound, back, is_full: route.ahead().next().is_none() })
}

/// One stamp of a timestamp option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopStamp {
    /// Who stamped, if the form says so.
    pub address: Option<Ipv4Addr>,
    /// Milliseconds since midnight UTC; with the high bit set, anything else.
    pub time: u32,
}

/// The stamps of a timestamp option, and how many hosts found no room.
pub fn stamps(options: &[u8]) -> Option<(Vec<HopStamp>, u8)> {
    let option = Options::new(options).find_map(|option| match option {
        Ok(Ipv4Option::Timestamp(stamps)) => Some(stamps),
        _ => None,
    })?;
    let stamps = option
        .entries()
        .filter(|entry| entry.stamped)
        .map(|entry| HopStamp { address: entry.address, time: entry.time })
        .collect();
    Some((stamps, option.overflow))
}

impl std::fmt::Display for HopStamp {
    /// `192.0.2.1 1234 ms`; a time that is not standard stands in angle brackets, its mark removed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(address) = self.address {
            write!(f, "{address} ")?;
        }
        f.write_str(&time_of_day(self.time))
    }
}

/// A 32-bit time of ICMP or of the timestamp option: `1234 ms`, or `<1234>` if its high bit says
/// that it is not milliseconds since midnight UTC (RFC 791 §3.1, RFC 792).
pub fn time_of_day(time: u32) -> String {
    match time & 0x8000_0000 {
        0 => format!("{time} ms"),
        _ => format!("<{}>", time & 0x7fff_ffff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_route(addresses: &[[u8; 4]]) -> Vec<u8> {
        let mut options = vec![1, 7, 39, 4 + 4 * addresses.len() as u8];
        options.extend(addresses.concat());
        options.resize(40, 0);
        options
    }

    #[test]
    fn the_road_turns_at_the_target() {
        let options = record_route(&[[192, 0, 2, 1], [192, 0, 2, 9], [192, 0, 2, 2]]);
        let road = recorded_road(&options, IpAddr::from([192, 0, 2, 9])).expect("there");
        assert_eq!(road.outbound, [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 9)]);
        assert_eq!(road.back, [Ipv4Addr::new(192, 0, 2, 2)]);
        assert!(!road.is_full);
    }

    #[test]
    fn a_full_road_says_so() {
        let road = recorded_road(&record_route(&[[192, 0, 2, 1]; 9]), IpAddr::from([192, 0, 2, 9]));
        let road = road.expect("there");
        assert!(road.is_full);
        assert_eq!((road.outbound.len(), road.back.len()), (9, 0));
    }

    #[test]
    fn malformed_options_tell_nothing() {
        assert_eq!(recorded_road(&[7], IpAddr::from([192, 0, 2, 9])), None);
        assert_eq!(recorded_road(&[7, 255, 4, 0], IpAddr::from([192, 0, 2, 9])), None);
        assert_eq!(stamps(&[68, 2, 5]), None);
    }

    #[test]
    fn stamps_beyond_the_standard_are_marked() {
        let options = [68, 12, 13, 0x31, 192, 0, 2, 1, 0x80, 0, 0, 5];
        let (stamps, overflow) = stamps(&options).expect("there");
        assert_eq!(overflow, 3);
        assert_eq!(stamps[0].to_string(), "192.0.2.1 <5>");
    }
}
