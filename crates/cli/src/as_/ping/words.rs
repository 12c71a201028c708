//! What iputils ping calls things: the usage text, ICMP errors, times.

use std::time::Duration;
use wire::Family;

/// The usage text: that of the release which Debian 12 has, with the options that came later.
pub const USAGE: &str = "
Usage
  ping [options] <destination>

Options:
  <destination>      dns name or ip address
  -3                 RTT precision (do not round up the result time)
  -a                 use audible ping
  -A                 use adaptive ping
  -B                 sticky source address
  -c <count>         stop after <count> replies
  -C                 call connect() syscall on socket creation
  -D                 print timestamps
  -d                 use SO_DEBUG socket option
  -e <identifier>    define identifier for ping session, default is random for
                     SOCK_RAW and kernel defined for SOCK_DGRAM
                     Imply using SOCK_RAW (for IPv4 only for identifier 0)
  -f                 flood ping
  -h                 print help and exit
  -H                 force reverse DNS name resolution (useful for numeric
                     destinations or for -f), override -n
  -I <interface>     either interface name or address
  -i <interval>      seconds between sending each packet
  -j                 JSON output
  -L                 suppress loopback of multicast packets
  -l <preload>       send <preload> number of packages while waiting replies
  -m <mark>          tag the packets going out
  -M <pmtud opt>     define mtu discovery, can be one of <do|dont|want|probe>
  -n                 no dns name resolution
  -O                 report outstanding replies
  -p <pattern>       contents of padding byte
  -q                 quiet output
  -Q <tclass>        use quality of service <tclass> bits
  -s <size>          use <size> as number of data bytes to be sent
  -S <size>          use <size> as SO_SNDBUF socket option value
  -t <ttl>           define time to live
  -U                 print user-to-user latency
  -v                 verbose output
  -V                 print version and exit
  -w <deadline>      reply wait <deadline> in seconds
  -W <timeout>       time to wait for response
  --lab <file>       run in a lab instead of the network
  --from <node>      at this node of the lab
  --seed <number>    with this seed

IPv4 options:
  -4                 use IPv4
  -b                 allow pinging broadcast
  -R                 record route
  -T <timestamp>     define timestamp, can be one of <tsonly|tsandaddr|tsprespec>

IPv6 options:
  -6                 use IPv6
  -F <flowlabel>     define flow label, default is random
  -N <nodeinfo opt>  use icmp6 node info query, try <help> as argument

For more details see ping(8).
";

/// The help on `-N`.
pub const NODE_INFORMATION_HELP: &str = "ping -6 -N <nodeinfo opt>
Help:
  help
Query:
  name
  ipv6
  ipv6-all
  ipv6-compatible
  ipv6-global
  ipv6-linklocal
  ipv6-sitelocal
  ipv4
  ipv4-all
Subject:
  subject-ipv6=addr
  subject-ipv4=addr
  subject-name=name
  subject-fqdn=name
";

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an ICMP error says. `word` is what its type puts behind the checksum; a redirect's gateway
/// is given by name, if it has one.
pub fn icmp_error(family: Family, kind: u8, code: u8, word: u32) -> String {
    match family {
        Family::V4 => icmp_v4(kind, code, word),
        Family::V6 => icmp_v6(kind, code, word),
    }
}

fn icmp_v4(kind: u8, code: u8, word: u32) -> String {
    let named = match (kind, code) {
        (3, 0) => "Destination Net Unreachable",
        (3, 1) => "Destination Host Unreachable",
        (3, 2) => "Destination Protocol Unreachable",
        (3, 3) => "Destination Port Unreachable",
        (3, 5) => "Source Route Failed",
        (3, 6) => "Destination Net Unknown",
        (3, 7) => "Destination Host Unknown",
        (3, 8) => "Source Host Isolated",
        (3, 9) => "Destination Net Prohibited",
        (3, 10) => "Destination Host Prohibited",
        (3, 11) => "Destination Net Unreachable for Type of Service",
        (3, 12) => "Destination Host Unreachable for Type of Service",
        (3, 13) => "Packet filtered",
        (3, 14) => "Precedence Violation",
        (3, 15) => "Precedence Cutoff",
        (4, _) => "Source Quench",
        (5, 0) => "Redirect Network",
        (5, 1) => "Redirect Host",
        (5, 2) => "Redirect Type of Service and Network",
        (5, 3) => "Redirect Type of Service and Host",
        (11, 0) => "Time to live exceeded",
        (11, 1) => "Frag reassembly time exceeded",
        _ => "",
    };
    match (kind, code) {
        _ if !named.is_empty() => named.to_owned(),
        (3, 4) => format!("Frag needed and DF set (mtu = {})", word & 0xffff),
        (3, _) => format!("Dest Unreachable, Bad Code: {code}"),
        (5, _) => format!("Redirect, Bad Code: {code}"),
        (11, _) => format!("Time exceeded, Bad Code: {code}"),
        (12, _) => format!("Parameter problem: pointer = {}", word >> 24),
        _ => format!("Bad ICMP type: {kind}"),
    }
}

fn icmp_v6(kind: u8, code: u8, word: u32) -> String {
    match kind {
        1 => {
            let why = match code {
                0 => "No route",
                1 => "Administratively prohibited",
                2 => "Beyond scope of source address",
                3 => "Address unreachable",
                4 => "Port unreachable",
                5 => "Source address failed ingress/egress policy",
                6 => "Reject route to destination",
                _ => return format!("Destination unreachable: Unknown code {code}"),
            };
            format!("Destination unreachable: {why}")
        }
        2 if code == 0 => format!("Packet too big: mtu={word}"),
        2 => format!("Packet too big: mtu={word}, code={code}"),
        3 => match code {
            0 => "Time exceeded: Hop limit".to_owned(),
            1 => "Time exceeded: Defragmentation failure".to_owned(),
            _ => format!("Time exceeded: code {code}"),
        },
        4 => {
            let what = match code {
                0 => "Wrong header field ",
                1 => "Unknown header ",
                2 => "Unknown option ",
                _ => return format!("Parameter problem: code {code} at {word}"),
            };
            format!("Parameter problem: {what}at {word}")
        }
        _ => format!("unknown icmp type: {kind}"),
    }
}

/// A round trip to the nearest microsecond.
pub fn microseconds(rtt: Duration) -> u64 {
    let part = u64::from(rtt.subsec_nanos() + 500) / 1000;
    rtt.as_secs().saturating_mul(1_000_000).saturating_add(part)
}

/// Milliseconds with three decimals.
pub fn milliseconds(us: u64) -> String {
    format!("{}.{:03}", us / 1000, us % 1000)
}

/// Milliseconds with about three digits in all.
pub fn rounded_milliseconds(us: u64) -> String {
    if us >= 100_000 - 50 {
        format!("{}", us.saturating_add(500) / 1000)
    } else if us >= 10_000 - 5 {
        format!("{}.{}", (us + 50) / 1000, (us + 50) % 1000 / 100)
    } else if us >= 1000 {
        format!("{}.{:02}", (us + 5) / 1000, (us + 5) % 1000 / 10)
    } else {
        milliseconds(us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lose_digits_as_they_grow() {
        for (us, text) in [
            (4, "0.004"),
            (999, "0.999"),
            (1000, "1.00"),
            (9_994, "9.99"),
            (9_995, "10.0"),
            (99_949, "99.9"),
            (99_950, "100"),
            (1_234_567, "1235"),
        ] {
            assert_eq!(rounded_milliseconds(us), text);
        }
        assert_eq!(milliseconds(1_234_567), "1234.567");
        assert_eq!(microseconds(Duration::from_nanos(3_600)), 4);
        assert_eq!(microseconds(Duration::MAX), u64::MAX);
        assert!(!rounded_milliseconds(u64::MAX).is_empty());
    }

    #[test]
    fn errors_are_named_in_both_families() {
        assert_eq!(icmp_error(Family::V4, 3, 4, 1280), "Frag needed and DF set (mtu = 1280)");
        assert_eq!(icmp_error(Family::V4, 12, 0, 0x1400_0000), "Parameter problem: pointer = 20");
        assert_eq!(icmp_error(Family::V4, 3, 99, 0), "Dest Unreachable, Bad Code: 99");
        assert_eq!(icmp_error(Family::V6, 2, 0, 1280), "Packet too big: mtu=1280");
        assert_eq!(icmp_error(Family::V6, 4, 1, 6), "Parameter problem: Unknown header at 6");
    }
}
