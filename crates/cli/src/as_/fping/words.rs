//! ICMP errors in fping's words: one set for each family.

use super::lines::add;
use probe::ping::IcmpError;
use wire::Family;

/// The words of an ICMP error up to the name of the target.
pub fn say(error: &IcmpError, out: &mut String) {
    let (kind, code, from) = (error.kind, error.code, error.from);
    match Family::of(from) {
        Family::V4 => {
            match (kind, UNREACHABLE_V4.get(usize::from(code))) {
                (3, Some(words)) => add(out, format_args!("ICMP {words}")),
                (3, None) => out.push_str("ICMP Unreachable (Invalid Code)"),
                (4, _) => out.push_str("ICMP Source Quench"),
                (5, _) => out.push_str("ICMP Redirect"),
                (11, _) => out.push_str("ICMP Time Exceeded"),
                (12, _) => out.push_str("ICMP Parameter Problem"),
                _ => add(out, format_args!("ICMP {kind}")),
            }
            add(out, format_args!(" from {from} for ICMP Echo sent to "));
        }
        Family::V6 => {
            let (words, codes): (&str, &[&str]) = match kind {
                1 => ("Destination Unreachable", UNREACHABLE_V6),
                2 => ("Packet Too Big", &[]),
                3 => ("Time Exceeded", TIME_EXCEEDED_V6),
                4 => ("Parameter Problem", PARAMETER_PROBLEM_V6),
                _ => ("", &[]),
            };
            match (kind, codes.get(usize::from(code))) {
                (2, _) => add(out, format_args!("ICMPv6 {words}")),
                (1 | 3 | 4, Some(meaning)) => add(out, format_args!("ICMPv6 {words} ({meaning})")),
                (1 | 3 | 4, None) => add(out, format_args!("ICMPv6 {words} (Code {code})")),
                _ => add(out, format_args!("ICMPv6 Type {kind} Code {code}")),
            }
            add(out, format_args!(" from {from} for ICMPv6 Echo Request sent to "));
        }
    }
}

/// By code, as fping words them.
const UNREACHABLE_V4: &[&str] = &[
    "Network Unreachable",
    "Host Unreachable",
    "Protocol Unreachable",
    "Port Unreachable",
    "Unreachable (Fragmentation Needed)",
    "Unreachable (Source Route Failed)",
    "Unreachable (Destination Network Unknown)",
    "Unreachable (Destination Host Unknown)",
    "Unreachable (Source Host Isolated)",
    "Unreachable (Communication with Network Prohibited)",
    "Unreachable (Communication with Host Prohibited)",
    "Unreachable (Network Unreachable For Type Of Service)",
    "Unreachable (Host Unreachable For Type Of Service)",
    "Unreachable (Communication Administratively Prohibited)",
    "Unreachable (Host Precedence Violation)",
    "Unreachable (Precedence cutoff in effect)",
];
const UNREACHABLE_V6: &[&str] = &[
    "No route to destination",
    "Communication with destination administratively prohibited",
    "Beyond scope of source address",
    "Address unreachable",
    "Port unreachable",
    "Source address failed ingress/egress policy",
    "Reject route to destination",
    "Error in Source Routing Header",
    "Headers too long",
    "Error in P-Route",
];
const TIME_EXCEEDED_V6: &[&str] =
    &["Hop limit exceeded in transit", "Fragment reassembly time exceeded"];
const PARAMETER_PROBLEM_V6: &[&str] = &[
    "Erroneous header field encountered",
    "Unrecognized Next Header type encountered",
    "Unrecognized IPv6 option encountered",
    "IPv6 First Fragment has incomplete IPv6 Header Chain",
    "SR Upper-layer Header Error",
    "Unrecognized Next Header type encountered by intermediate node",
    "Extension header too big",
    "Extension header chain too long",
    "Too many extension headers",
    "Too many options in extension header",
    "Option too big",
];
