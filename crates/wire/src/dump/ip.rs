//! IP of both versions, and UDP.

use super::{Piece, Printer, hexadecimal, put};
use crate::ip::extensions::{Content, Ipv6Option};
use crate::ip::options::{Ipv4Option, Options, Route, TimestampForm, Timestamps};
use crate::ip::{Datagram, protocol};
use crate::{Malformed, be16, checksum, tcp, udp};
use std::fmt::Write;

impl Printer {
    pub(super) fn datagram(&mut self, piece: Piece<'_>, out: &mut String) {
        let version = piece.bytes.first().map_or(4, |first| first >> 4);
        let (name, header) = if version == 6 { ("IP6", 40) } else { ("IP", 20) };
        if !matches!(version, 4 | 6) {
            put!(out, "IP{version} (invalid)");
            return;
        }
        if !self.view.link_header {
            put!(out, "{name} ");
        }
        if piece.bytes.len() < header {
            put!(out, " [|{}]", name.to_ascii_lowercase());
            return;
        }
        match Datagram::parse_quoted(piece.bytes) {
            Ok(datagram) => {
                if let Some(missing) = datagram.total_bytes.checked_sub(piece.length + 1) {
                    let what = name.to_ascii_lowercase();
                    put!(out, "truncated-{what} - {} bytes missing!", missing + 1);
                    out.push_str(if version == 4 { " " } else { "" });
                }
                if version == 4 { self.v4(&datagram, piece, out) } else { self.v6(&datagram, out) }
            }
            Err(Malformed::HeaderLength(bytes)) => put!(out, "bad-hlen {bytes}"),
            Err(Malformed::TotalLength(bytes)) => put!(out, "bad-len {bytes}"),
            Err(_) => put!(out, " [|{}]", name.to_ascii_lowercase()),
        }
    }

    fn v4(&mut self, datagram: &Datagram<'_>, piece: Piece<'_>, out: &mut String) {
        if self.view.detail > 0 {
            v4_detail(datagram, piece.bytes, out);
        }
        let Datagram { source, destination, .. } = datagram;
        if datagram.is_later_fragment() {
            put!(out, "{source} > {destination}: ip-proto-{}", datagram.protocol);
            return;
        }
        let header_bytes = 20 + datagram.options.len();
        let length = datagram.total_bytes - header_bytes;
        self.upper(datagram, Piece { bytes: datagram.payload, length }, false, out);
    }

    fn v6(&mut self, datagram: &Datagram<'_>, out: &mut String) {
        if self.view.detail > 0 {
            v6_detail(datagram, out);
        }
        let has_extensions = !datagram.extensions.is_empty();
        if has_extensions {
            put!(out, "{} > {}: ", datagram.source, datagram.destination);
            self.extensions(datagram, out);
            if datagram.is_later_fragment() {
                while out.ends_with(' ') {
                    out.pop();
                }
                return;
            }
        }
        let length = datagram.total_bytes - 40 - datagram.extensions.len();
        self.upper(datagram, Piece { bytes: datagram.payload, length }, has_extensions, out);
    }

    /// The upper layer; `has_addresses` if they stand there already.
    fn upper(
        &mut self,
        datagram: &Datagram<'_>,
        piece: Piece<'_>,
        has_addresses: bool,
        out: &mut String,
    ) {
        match datagram.protocol {
            protocol::TCP => return self.tcp(datagram, piece, has_addresses, out),
            protocol::UDP => return self.udp(datagram, piece, has_addresses, out),
            _ if has_addresses => {}
            _ => put!(out, "{} > {}: ", datagram.source, datagram.destination),
        }
        match datagram.protocol {
            protocol::ICMP if datagram.source.is_ipv4() => self.icmp4(datagram, piece, out),
            protocol::ICMPV6 if datagram.source.is_ipv6() => self.icmp6(datagram, piece, out),
            2 => super::igmp::message(piece, out),
            protocol::NO_NEXT_HEADER => out.push_str("no next header"),
            other => put!(out, " ip-proto-{other} {}", piece.length),
        }
    }

    fn udp(
        &self,
        datagram: &Datagram<'_>,
        piece: Piece<'_>,
        has_addresses: bool,
        out: &mut String,
    ) {
        ports(datagram, piece.bytes, has_addresses, out);
        let (Ok(length), Ok(sum)) = (be16(piece.bytes, 4), be16(piece.bytes, 6)) else {
            return out.push_str(" [|udp]");
        };
        let length = usize::from(length);
        let Some(payload) = length.checked_sub(8) else {
            put!(out, "truncated-udplength {length}");
            return;
        };
        let is_whole = datagram.fragment.is_none() && piece.bytes.len() >= length;
        // Over IPv4 tcpdump looks at the checksum from the second degree of detail on.
        let wanted = if datagram.source.is_ipv4() { 2 } else { 1 };
        if self.view.detail >= wanted && datagram.fragment.is_none() && sum == 0 {
            out.push_str("[no cksum] ");
        } else if self.view.detail >= wanted && is_whole {
            let bytes = &piece.bytes[..length];
            let (source, destination) = (datagram.source, datagram.destination);
            match udp::verify(source, destination, bytes) {
                true => out.push_str("[udp sum ok] "),
                false => {
                    let right = right_sum(datagram, protocol::UDP, bytes, 6);
                    put!(out, "[bad udp cksum 0x{sum:04x} -> 0x{right:04x}!] ");
                }
            }
        }
        put!(out, "UDP, length {payload}");
    }

    fn extensions(&self, datagram: &Datagram<'_>, out: &mut String) {
        let is_detailed = self.view.detail > 0;
        for header in datagram.extension_headers().map_while(Result::ok) {
            match header.content() {
                Ok(Content::HopByHop(options)) => {
                    out.push_str("HBH ");
                    v6_options(options, is_detailed, out);
                }
                Ok(Content::Destination(options)) => {
                    out.push_str("DSTOPT ");
                    v6_options(options, is_detailed, out);
                }
                Ok(Content::Routing { kind, segments_left, .. }) => {
                    let units = header.bytes.get(1).copied().unwrap_or(0);
                    put!(out, "RT6 (len={units}, type={kind}, segleft={segments_left}) ");
                }
                Ok(Content::Authentication { spi, sequence, check }) => {
                    put!(out, "AH(spi=0x{spi:08x},seq=0x{sequence:x},icv=0x");
                    check.iter().for_each(|byte| put!(out, "{byte:02x}"));
                    out.push_str("): ");
                }
                Ok(Content::Fragment(fragment)) => {
                    out.push_str("frag (");
                    if is_detailed {
                        put!(out, "0x{:08x}:", fragment.identification);
                    }
                    let behind = datagram.extensions.len();
                    let length = datagram.total_bytes - 40 - behind;
                    put!(out, "{}|{length}) ", fragment.offset_bytes);
                }
                Err(_) => out.push_str("[|ext] "),
            }
        }
    }
}

/// The checksum that would be right: `at` is where the message has its own.
pub(super) fn right_sum(datagram: &Datagram<'_>, protocol: u8, bytes: &[u8], at: usize) -> u16 {
    let Datagram { source, destination, .. } = *datagram;
    let (before, after) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    checksum::Sum::new()
        .pseudo_header(source, destination, protocol, bytes.len())
        .bytes(before)
        .bytes(after.get(2..).unwrap_or_default())
        .finish()
}

/// The ends of a segment or datagram with ports, as far as they are there.
pub(super) fn ports(datagram: &Datagram<'_>, bytes: &[u8], has_addresses: bool, out: &mut String) {
    let Datagram { source, destination, .. } = datagram;
    match (be16(bytes, 0), be16(bytes, 2), has_addresses) {
        (Ok(from), Ok(to), false) => put!(out, "{source}.{from} > {destination}.{to}: "),
        (Ok(from), Ok(to), true) => put!(out, "{from} > {to}: "),
        (_, _, false) => put!(out, "{source} > {destination}: "),
        _ => {}
    }
}

fn v4_detail(datagram: &Datagram<'_>, bytes: &[u8], out: &mut String) {
    let Datagram { traffic_class, hop_limit, identification, .. } = datagram;
    put!(out, "(tos 0x{traffic_class:x}");
    out.push_str(["", ",ECT(1)", ",ECT(0)", ",CE"][usize::from(traffic_class & 3)]);
    if *hop_limit >= 1 {
        put!(out, ", ttl {hop_limit}");
    }
    let offset = datagram.fragment.map_or(0, |fragment| fragment.offset_bytes);
    let is_more = datagram.fragment.is_some_and(|fragment| fragment.more);
    put!(out, ", id {identification}, offset {offset}, flags [");
    let is_reserved = bytes.get(6).is_some_and(|byte| byte & 0x80 != 0);
    let flags = [(is_more, "+"), (datagram.dont_fragment, "DF"), (is_reserved, "rsvd")];
    let mut lead = "";
    for (_, name) in flags.iter().filter(|(is_set, _)| *is_set) {
        put!(out, "{}{name}", std::mem::replace(&mut lead, ", "));
    }
    out.push_str(if lead.is_empty() { "none" } else { "" });
    let number = datagram.protocol;
    put!(out, "], proto {} ({number}), length {}", name(number), datagram.total_bytes);
    if !datagram.options.is_empty() {
        out.push_str(", options (");
        v4_options(datagram.ipv4_options(), out);
        out.push(')');
    }
    let header = bytes.get(..20 + datagram.options.len()).unwrap_or_default();
    if !header.is_empty() && checksum::of(header) != 0 {
        let stated = be16(header, 10).unwrap_or(0);
        let sum = checksum::Sum::new().bytes(&header[..10]).bytes(&header[12..]);
        put!(out, ", bad cksum {stated:x} (->{:x})!", sum.finish());
    }
    out.push_str(")\n    ");
}

fn v6_detail(datagram: &Datagram<'_>, out: &mut String) {
    out.push('(');
    if datagram.traffic_class != 0 {
        put!(out, "class 0x{:02x}, ", datagram.traffic_class);
    }
    if datagram.flow_label != 0 {
        put!(out, "flowlabel 0x{:05x}, ", datagram.flow_label);
    }
    let next = datagram.next_header;
    put!(out, "hlim {}, next-header {} ({next})", datagram.hop_limit, name(next));
    put!(out, " payload length: {}) ", datagram.total_bytes - 40);
}

fn v4_options(options: Options<'_>, out: &mut String) {
    let mut lead = "";
    for option in options {
        out.push_str(std::mem::replace(&mut lead, ","));
        match option {
            Ok(Ipv4Option::End) => out.push_str("EOL"),
            Ok(Ipv4Option::NoOperation) => out.push_str("NOP"),
            Ok(Ipv4Option::RecordRoute(way)) => route("RR", way, out),
            Ok(Ipv4Option::LooseSourceRoute(way)) => route("LSRR", way, out),
            Ok(Ipv4Option::StrictSourceRoute(way)) => route("SSRR", way, out),
            Ok(Ipv4Option::Timestamp(stamps)) => timestamps(stamps, out),
            Ok(Ipv4Option::RouterAlert(0)) => out.push_str("RA"),
            Ok(Ipv4Option::RouterAlert(value)) => put!(out, "RA value {value}"),
            Ok(Ipv4Option::Unknown { kind, .. }) => put!(out, "unknown {kind}"),
            Err(_) => out.push_str("[bad length]"),
        }
    }
}

fn route(name: &str, route: Route<'_>, out: &mut String) {
    out.push_str(name);
    if route.pointer < 4 || !route.pointer.is_multiple_of(4) {
        put!(out, " [bad ptr {}]", route.pointer);
    }
    let passed = usize::from(route.pointer).saturating_sub(1);
    for (index, address) in route.addresses().enumerate() {
        put!(out, " {address}");
        // A comma behind those that were visited.
        out.push_str(if passed > 3 + index * 4 { "," } else { "" });
    }
}

fn timestamps(stamps: Timestamps<'_>, out: &mut String) {
    out.push_str("timestamp TS{");
    match stamps.form {
        TimestampForm::TimeOnly => out.push_str("TSONLY"),
        TimestampForm::WithAddress => out.push_str("TS+ADDR"),
        TimestampForm::Prespecified => out.push_str("PRESPEC"),
        TimestampForm::Unknown(flag) => {
            put!(out, "[bad ts type {flag}]}}");
            return;
        }
    }
    let step = stamps.form.entry_bytes();
    let here = usize::from(stamps.pointer).saturating_sub(5);
    let mut at = 0;
    for entry in stamps.entries() {
        out.push_str(if at == here { " ^ " } else { " " });
        put!(out, "{}@", entry.time);
        if let Some(address) = entry.address {
            put!(out, "{address}");
        }
        at += step;
    }
    out.push_str(if at == here { " ^ " } else { "" });
    match stamps.overflow {
        0 => out.push('}'),
        count => put!(out, " [{count} hops not recorded]}} "),
    }
}

fn v6_options(options: crate::ip::extensions::Options<'_>, is_detailed: bool, out: &mut String) {
    if !is_detailed {
        return;
    }
    for option in options {
        match option {
            Ok(Ipv6Option::Pad1) => out.push_str("(pad1)"),
            Ok(Ipv6Option::PadN(_)) => out.push_str("(padn)"),
            Ok(Ipv6Option::RouterAlert(value)) => put!(out, "(rtalert: 0x{value:04x}) "),
            Ok(Ipv6Option::Jumbo(bytes)) => put!(out, "(jumbo: {bytes}) "),
            Ok(Ipv6Option::Unknown { kind, body }) => {
                put!(out, "(opt_type 0x{kind:02x}: len={}) ", body.len());
            }
            Err(_) => out.push_str("[|opt] "),
        }
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
}

/// A protocol's name in detail.
fn name(number: u8) -> &'static str {
    match number {
        0 => "Options",
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPIP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        41 => "IPv6",
        43 => "Routing",
        44 => "Fragment",
        46 => "RSVP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        132 => "SCTP",
        _ => "unknown",
    }
}

/// Bytes of a message that is not known.
pub(super) fn unknown(bytes: &[u8], out: &mut String) {
    hexadecimal(bytes, "\n\t", out);
}

/// Whether the TCP checksum of a whole segment is right, and what it would have to be.
pub(super) fn tcp_sum(datagram: &Datagram<'_>, bytes: &[u8]) -> (bool, u16) {
    let is_right = tcp::verify(datagram.source, datagram.destination, bytes);
    (is_right, right_sum(datagram, protocol::TCP, bytes, 16))
}
