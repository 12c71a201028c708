//! ICMP for IPv6, with neighbour and listener discovery.

use super::ip::{right_sum, unknown};
use super::{Piece, Printer, hexadecimal, mac, put};
use crate::icmp::listener::{Query, Reports, addresses};
use crate::icmp::neighbour::{Discovery, Domains, Options};
use crate::icmp::router::{Advertisement, Offer};
use crate::icmp::{Error, Message, Quoted, Transport};
use crate::ip::{Datagram, protocol};
use crate::{Family, be16};
use std::fmt::Write;
use std::net::Ipv6Addr;

impl Printer {
    pub(super) fn icmp6(&mut self, datagram: &Datagram<'_>, piece: Piece<'_>, out: &mut String) {
        let is_detailed = self.view.detail > 0;
        let is_whole = datagram.fragment.is_none() && piece.bytes.len() >= piece.length;
        if is_detailed && is_whole {
            match super::icmp4::is_right(datagram, piece.bytes) {
                true => out.push_str("[icmp6 sum ok] "),
                false => {
                    let stated = be16(piece.bytes, 2).unwrap_or(0);
                    let right = right_sum(datagram, protocol::ICMPV6, piece.bytes, 2);
                    put!(out, "[bad icmp6 cksum 0x{stated:04x} -> 0x{right:04x}!] ");
                }
            }
        }
        let message = match Message::parse(Family::V6, piece.bytes) {
            Ok(message) => message,
            Err(_) => return out.push_str("ICMP6 [|icmp6]"),
        };
        out.push_str("ICMP6, ");
        let (kind, _) = message.numbers(Family::V6);
        let Some(name) = name(kind) else {
            put!(out, "unknown icmp6 type ({kind}), length {}", piece.length);
            if self.view.detail < 2 {
                unknown(piece.bytes, out);
            }
            return;
        };
        out.push_str(name);
        if is_detailed && matches!(kind, 133..=137) {
            put!(out, ", length {}", piece.length);
        }
        self.content(&message, out);
        if !is_detailed {
            put!(out, ", length {}", piece.length);
        }
        match message {
            // tcpdump leaves these out at any degree of detail.
            Message::Error(error) if self.view.quotes => self.error(&error, piece, 8, out),
            _ => {}
        }
    }

    fn content(&self, message: &Message<'_>, out: &mut String) {
        let is_detailed = self.view.detail > 0;
        match message {
            Message::EchoRequest(echo) | Message::EchoReply(echo) => {
                put!(out, ", id {}, seq {}", echo.identifier, echo.sequence);
            }
            Message::NeighbourSolicitation(solicitation) => {
                put!(out, ", who has {}", solicitation.target);
                discovery(solicitation.options, is_detailed, out);
            }
            Message::NeighbourAdvertisement(it) => {
                put!(out, ", tgt is {}", it.target);
                if is_detailed {
                    let flags = [
                        (it.is_router, "router"),
                        (it.solicited, "solicited"),
                        (it.overrides, "override"),
                    ];
                    put!(out, ", Flags [{}]", listed(&flags));
                }
                discovery(it.options, is_detailed, out);
            }
            Message::RouterSolicitation { options } => discovery(options, is_detailed, out),
            Message::RouterAdvertisement(it) if is_detailed => router(it, out),
            Message::ListenerQuery(asked) => query(asked, is_detailed, out),
            Message::ListenerReport(group) | Message::ListenerDone(group) => {
                put!(out, "max resp delay: 0 addr: {}", group.group);
            }
            Message::ListenerReports(listeners) => reports(listeners, self.view.detail, out),
            Message::Error(error) => about(error, is_detailed, out),
            _ => {}
        }
    }
}

fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "destination unreachable",
        2 => "packet too big",
        3 => "time exceeded in-transit",
        4 => "parameter problem",
        128 => "echo request",
        129 => "echo reply",
        130 => "multicast listener query",
        131 => "multicast listener report",
        132 => "multicast listener done",
        133 => "router solicitation",
        134 => "router advertisement",
        135 => "neighbor solicitation",
        136 => "neighbor advertisement",
        137 => "redirect",
        138 => "router renumbering",
        139 => "who-are-you request",
        140 => "who-are-you reply",
        143 => "multicast listener report v2",
        _ => return None,
    })
}

/// The names of flags that are set.
fn listed(flags: &[(bool, &str)]) -> String {
    let set: Vec<&str> =
        flags.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect();
    if set.is_empty() { "none".to_owned() } else { set.join(", ") }
}

fn about(error: &Error<'_>, is_detailed: bool, out: &mut String) {
    if error.kind == 137 {
        let address = |at: usize| -> Option<Ipv6Addr> {
            let bytes: [u8; 16] = error.body.get(at..)?.first_chunk().copied()?;
            Some(Ipv6Addr::from(bytes))
        };
        if let (Some(target), Some(destination)) = (address(0), address(16)) {
            put!(out, ", {destination} to {target}");
        }
        return discovery(error.body.get(32..).unwrap_or_default(), is_detailed, out);
    }
    let quoted = error.parse_quoted();
    let Ok(Quoted { datagram, transport, .. }) = &quoted else {
        return out.push_str(" [|icmp6]");
    };
    let to = datagram.destination;
    match (error.kind, error.code) {
        (1, 0) => put!(out, ", unreachable route {to}"),
        // Two spaces, as tcpdump has it.
        (1, 1) => put!(out, ",  unreachable prohibited {to}"),
        (1, 2) => put!(out, ", beyond scope {to}, source address {}", datagram.source),
        (1, 3) => put!(out, ", unreachable address {to}"),
        (1, 4) => {
            let port = match transport {
                Transport::Ports { destination, .. } => *destination,
                _ => 0,
            };
            out.push_str(", unreachable port, ");
            match datagram.protocol {
                protocol::TCP => put!(out, "{to} tcp port {port}"),
                protocol::UDP => put!(out, "{to} udp port {port}"),
                other => put!(out, "{to} protocol {other} port {port} unreachable"),
            }
        }
        (1, code) => put!(out, ", unknown unreach code ({code})"),
        (2, _) => put!(out, ", mtu {}", error.word),
        (3, 0) => put!(out, " for {to}"),
        (3, 1) => out.push_str(" (reassembly)"),
        (3, code) => put!(out, ", unknown code ({code})"),
        (4, 0) => put!(out, ", erroneous - octet {}", error.word),
        (4, 1) => put!(out, ", next header - octet {}", error.word),
        (4, 2) => put!(out, ", option - octet {}", error.word),
        (_, code) => put!(out, ", code-#{code}"),
    }
}

fn query(query: &Query<'_>, is_detailed: bool, out: &mut String) {
    let Some(v2) = query.v2 else {
        put!(out, "max resp delay: {} addr: {}", query.response_code, query.group);
        return;
    };
    out.push_str(" v2");
    if is_detailed {
        put!(out, " [max resp delay={}]", query.response_ms());
    }
    put!(out, " [gaddr {}", query.group);
    if is_detailed {
        out.push_str(if v2.flags & 8 != 0 { " sflag" } else { "" });
        put!(out, " robustness={} qqi={}", v2.flags & 7, interval_s(v2.interval_code));
    }
    if v2.source_count > 0 {
        out.push_str(" {");
        addresses(v2.sources).for_each(|source| put!(out, " {source}"));
        out.push_str(" }");
    }
    out.push(']');
}

/// A querier's interval, RFC 3810 §5.1.9.
fn interval_s(code: u8) -> u32 {
    let code = u32::from(code);
    if code < 128 { code } else { (code & 0x0f | 0x10) << ((code >> 4 & 7) + 3) }
}

fn reports(reports: &Reports<'_>, detail: u8, out: &mut String) {
    put!(out, ", {} group record(s)", reports.count);
    for record in reports.records().map_while(Result::ok).filter(|_| detail > 0) {
        let kinds = ["is_in", "is_ex", "to_in", "to_ex", "allow", "block"];
        let kind = usize::from(record.kind).checked_sub(1).and_then(|at| kinds.get(at));
        put!(out, " [gaddr {}", record.group);
        match kind {
            Some(kind) => put!(out, " {kind}"),
            None => put!(out, " [v2-report-#{}]", record.kind),
        }
        if detail == 1 {
            put!(out, ", {} source(s)]", record.sources.len() / 16);
            continue;
        }
        out.push_str(" {");
        addresses(record.sources).for_each(|source| put!(out, " {source}"));
        out.push_str(" }]");
    }
}

fn preference(flags: u8) -> &'static str {
    ["medium", "high", "reserved", "low"][usize::from(flags >> 3 & 3)]
}

fn router(advertisement: &Advertisement<'_>, out: &mut String) {
    let Offer::Sender { hop_limit, flags, reachable_ms, retransmit_ms, options } =
        advertisement.offer
    else {
        return;
    };
    let bits = [
        (flags & 0x80 != 0, "managed"),
        (flags & 0x40 != 0, "other stateful"),
        (flags & 0x20 != 0, "home agent"),
        (flags & 0x02 != 0, "SNAC router"),
        (flags & 0x04 != 0, "proxy"),
    ];
    put!(out, "\n\thop limit {hop_limit}, Flags [{}], pref {}", listed(&bits), preference(flags));
    put!(out, ", router lifetime {}s", advertisement.lifetime_s);
    put!(out, ", reachable time {reachable_ms}ms, retrans timer {retransmit_ms}ms");
    discovery(options, true, out);
}

fn lifetime(seconds: u32) -> impl std::fmt::Display {
    std::fmt::from_fn(move |f| match seconds {
        u32::MAX => f.write_str("infinity"),
        seconds => write!(f, "{seconds}s"),
    })
}

/// Neighbour discovery options, a line each.
fn discovery(options: &[u8], is_detailed: bool, out: &mut String) {
    if !is_detailed {
        return;
    }
    let mut rest = options;
    for option in Options::new(options).map_while(Result::ok) {
        let [kind, units, ..] = *rest else { return };
        let bytes = usize::from(units) * 8;
        let (this, after) = rest.split_at_checked(bytes).unwrap_or((rest, &[]));
        rest = after;
        let name = match kind {
            1 => "source link-address",
            2 => "destination link-address",
            3 => "prefix info",
            4 => "redirected header",
            5 => "mtu",
            14 => "nonce",
            24 => "route info",
            25 => "rdnss",
            31 => "dnssl",
            _ => "unknown",
        };
        put!(out, "\n\t  {name} option ({kind}), length {bytes} ({units}): ");
        match option {
            Discovery::SourceLink(address) | Discovery::TargetLink(address) => {
                put!(out, "{}", mac(address));
            }
            Discovery::Prefix { prefix_bits, flags, valid_s, preferred_s, prefix } => {
                let bits = [
                    (flags & 0x80 != 0, "onlink"),
                    (flags & 0x40 != 0, "auto"),
                    (flags & 0x20 != 0, "router"),
                ];
                put!(out, "{prefix}/{prefix_bits}, Flags [{}]", listed(&bits));
                put!(out, ", valid time {}", lifetime(valid_s));
                put!(out, ", pref. time {}", lifetime(preferred_s));
            }
            Discovery::Redirected(_) => hexadecimal(this, "\n\t    ", out),
            Discovery::Mtu(mtu) => put!(out, " {mtu}"),
            Discovery::Route { prefix_bits, flags, lifetime_s, prefix } => {
                let mut octets = [0; 16];
                let there = prefix.len().min(16);
                octets[..there].copy_from_slice(&prefix[..there]);
                put!(out, " {}/{prefix_bits}", Ipv6Addr::from(octets));
                put!(out, ", pref={}, lifetime={}", preference(flags), lifetime(lifetime_s));
            }
            Discovery::NameServers { lifetime_s, addresses: servers } => {
                put!(out, " lifetime {},", lifetime(lifetime_s));
                addresses(servers).for_each(|server| put!(out, " addr: {server}"));
            }
            Discovery::SearchList { lifetime_s, names } => {
                put!(out, " lifetime {}, domain(s):", lifetime(lifetime_s));
                for name in Domains::new(names).map_while(Result::ok) {
                    out.push(' ');
                    name.labels().for_each(|label| put!(out, "{}.", label.escape_ascii()));
                }
            }
            Discovery::Nonce(_)
            | Discovery::CaptivePortal(_)
            | Discovery::Nat64 { .. }
            | Discovery::Unknown { .. } => {
                hexadecimal(this, "\n\t    ", out);
            }
        }
    }
    if !rest.is_empty() {
        out.push_str("\n\t  [|icmp6]");
    }
}
