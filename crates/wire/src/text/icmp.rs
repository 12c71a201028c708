//! ICMP messages on one line.

use super::{header, link, quoted_payload};
use crate::ext::{Content, Interface, Object, Role, Structure};
use crate::icmp::listener::{self, Query, Reports};
use crate::icmp::neighbour::{Discovery, Domains, Options};
use crate::icmp::router::{Advertisement, Offer};
use crate::icmp::{self, Error, Message, node};
use crate::ip::Datagram;
use crate::{Family, catalogue};
use std::fmt::{self, Formatter};

/// The ICMP message of a whole datagram.
pub(super) fn message(f: &mut Formatter<'_>, datagram: &Datagram<'_>) -> fmt::Result {
    let family = datagram.family();
    match Message::parse(family, datagram.payload) {
        Ok(message) => {
            let (kind, code) = message.numbers(family);
            name(f, family, kind, code)?;
            content(f, &message)?;
        }
        Err(malformed) => write!(f, "ICMP, {malformed}")?,
    }
    let is_right = icmp::verify(datagram.source, datagram.destination, datagram.payload);
    f.write_str(if is_right { "" } else { " (bad checksum)" })
}

/// The protocol, and the name of a type and code.
pub(super) fn name(f: &mut Formatter<'_>, family: Family, kind: u8, code: u8) -> fmt::Result {
    f.write_str(match family {
        Family::V4 => "ICMP ",
        Family::V6 => "ICMPv6 ",
    })?;
    match catalogue::entry_of(family, kind, code) {
        Some(entry) => f.write_str(entry.name),
        None => write!(f, "type {kind} code {code}"),
    }
}

/// What the message says behind its name.
fn content(f: &mut Formatter<'_>, message: &Message<'_>) -> fmt::Result {
    match message {
        Message::EchoRequest(echo)
        | Message::EchoReply(echo)
        | Message::InformationRequest(echo)
        | Message::InformationReply(echo) => {
            let bytes = echo.payload.len();
            write!(f, " id {} seq {}, {bytes} bytes", echo.identifier, echo.sequence)
        }
        Message::TimestampRequest(stamp) | Message::TimestampReply(stamp) => {
            let icmp::Timestamp { identifier, sequence, originate, receive, transmit } = stamp;
            write!(f, " id {identifier} seq {sequence}, originate {originate}")?;
            write!(f, " receive {receive} transmit {transmit}")
        }
        Message::MaskRequest(mask) | Message::MaskReply(mask) => {
            write!(f, " id {} seq {}, mask {}", mask.identifier, mask.sequence, mask.mask)
        }
        Message::RouterSolicitation { options } => discovery(f, options),
        Message::RouterAdvertisement(advertisement) => router(f, advertisement),
        Message::NeighbourSolicitation(solicitation) => {
            write!(f, " of {}", solicitation.target)?;
            discovery(f, solicitation.options)
        }
        Message::NeighbourAdvertisement(advertisement) => {
            write!(f, " of {}", advertisement.target)?;
            f.write_str(if advertisement.is_router { ", router" } else { "" })?;
            f.write_str(if advertisement.solicited { ", solicited" } else { "" })?;
            f.write_str(if advertisement.overrides { ", overrides" } else { "" })?;
            discovery(f, advertisement.options)
        }
        Message::ListenerQuery(asked) => query(f, asked),
        Message::ListenerReport(group) | Message::ListenerDone(group) => {
            write!(f, " of {}", group.group)
        }
        Message::ListenerReports(listeners) => reports(f, listeners),
        Message::NodeQuery(query) => {
            let node::Query { question, flags, subject, .. } = query;
            write!(f, " question {question} flags {flags:#04x}, {} bytes", subject.len())
        }
        Message::NodeReply(reply) => node_reply(f, reply),
        Message::ExtendedEchoRequest(request) => {
            write!(f, " id {} seq {}", request.identifier, request.sequence)?;
            f.write_str(if request.is_local { " local" } else { "" })?;
            structure(f, request.extension)
        }
        Message::ExtendedEchoReply(reply) => {
            write!(f, " id {} seq {}", reply.identifier, reply.sequence)?;
            write!(f, " state {}", reply.state)?;
            f.write_str(if reply.active { ", active" } else { "" })?;
            f.write_str(if reply.ipv4 { ", IPv4" } else { "" })?;
            f.write_str(if reply.ipv6 { ", IPv6" } else { "" })
        }
        Message::Error(problem) => error(f, problem),
        Message::Other { body, .. } => write!(f, ", {} bytes", body.len()),
    }
}

fn error(f: &mut Formatter<'_>, error: &Error<'_>) -> fmt::Result {
    if let Some(mtu_bytes) = error.mtu_bytes() {
        write!(f, ", MTU {mtu_bytes}")?;
    }
    if let Some(gateway) = error.gateway() {
        write!(f, " to {gateway}")?;
    }
    if let Some(pointer) = error.pointer() {
        write!(f, " at byte {pointer}")?;
    }
    let quoted = match error.parse_quoted() {
        Ok(quoted) => quoted,
        Err(malformed) => return write!(f, " {{{malformed}}}"),
    };
    f.write_str(" {")?;
    header(f, &quoted.datagram)?;
    f.write_str(": ")?;
    quoted_payload(f, &quoted.datagram)?;
    f.write_str("}")?;
    quoted.extension.map_or(Ok(()), |extension| structure(f, extension))
}

/// An extension structure, each object in square brackets.
fn structure(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let structure = match Structure::parse(bytes) {
        Ok(structure) => structure,
        Err(malformed) => return write!(f, " [{malformed}]"),
    };
    for found in structure.objects() {
        f.write_str(" [")?;
        match found.and_then(|found| Ok((found, found.content()?))) {
            Ok((found, content)) => object(f, &found, &content)?,
            Err(malformed) => write!(f, "{malformed}")?,
        }
        f.write_str("]")?;
    }
    Ok(())
}

fn object(f: &mut Formatter<'_>, object: &Object<'_>, content: &Content<'_>) -> fmt::Result {
    match content {
        Content::Mpls(labels) => {
            f.write_str("MPLS")?;
            labels.iter().try_for_each(|label| {
                write!(f, " {} class {}", label.label, label.traffic_class)?;
                write!(f, " hops {}", label.hop_limit)?;
                f.write_str(if label.is_bottom { " bottom" } else { "," })
            })
        }
        Content::Interface(shown) => interface(f, shown),
        Content::InterfaceName(name) => write!(f, "interface named {}", name.escape_ascii()),
        Content::InterfaceIndex(index) => write!(f, "interface number {index}"),
        Content::InterfaceAddress { family, address } => {
            write!(f, "interface with address of family {family} ")?;
            link(f, address)
        }
        Content::Unknown(body) => {
            write!(f, "class {} type {}, {} bytes", object.class, object.kind, body.len())
        }
    }
}

fn interface(f: &mut Formatter<'_>, interface: &Interface<'_>) -> fmt::Result {
    f.write_str(match interface.role {
        Role::Incoming => "incoming interface",
        Role::Component => "component of the incoming interface",
        Role::Outgoing => "outgoing interface",
        Role::NextHop => "next hop",
    })?;
    if let Some(index) = interface.index {
        write!(f, " number {index}")?;
    }
    if let Some(address) = interface.address {
        write!(f, " {address}")?;
    }
    if let Some(name) = interface.name {
        write!(f, " named {}", name.escape_ascii())?;
    }
    if let Some(mtu_bytes) = interface.mtu_bytes {
        write!(f, " MTU {mtu_bytes}")?;
    }
    Ok(())
}

fn router(f: &mut Formatter<'_>, advertisement: &Advertisement<'_>) -> fmt::Result {
    write!(f, " for {} s", advertisement.lifetime_s)?;
    match &advertisement.offer {
        Offer::Addresses(addresses) => addresses
            .iter()
            .try_for_each(|(address, preference)| write!(f, ", {address} preference {preference}")),
        Offer::Sender { hop_limit, flags, reachable_ms, retransmit_ms, options } => {
            write!(f, ", hops {hop_limit} flags {flags:#04x} reachable {reachable_ms} ms")?;
            write!(f, " retransmit {retransmit_ms} ms")?;
            discovery(f, options)
        }
    }
}

/// Neighbour discovery options, each behind a comma.
fn discovery(f: &mut Formatter<'_>, options: &[u8]) -> fmt::Result {
    for option in Options::new(options) {
        f.write_str(", ")?;
        match option {
            Ok(Discovery::SourceLink(address)) => {
                f.write_str("source link ")?;
                link(f, address)?;
            }
            Ok(Discovery::TargetLink(address)) => {
                f.write_str("target link ")?;
                link(f, address)?;
            }
            Ok(Discovery::Prefix { prefix_bits, flags, valid_s, preferred_s, prefix }) => {
                write!(f, "prefix {prefix}/{prefix_bits} flags {flags:#04x}")?;
                write!(f, " valid {valid_s} s preferred {preferred_s} s")?;
            }
            Ok(Discovery::Redirected(datagram)) => write!(f, "quote, {} bytes", datagram.len())?,
            Ok(Discovery::Mtu(bytes)) => write!(f, "MTU {bytes}")?,
            Ok(Discovery::Route { prefix_bits, flags, lifetime_s, .. }) => {
                write!(f, "route to /{prefix_bits} flags {flags:#04x} for {lifetime_s} s")?;
            }
            Ok(Discovery::NameServers { lifetime_s, addresses }) => {
                write!(f, "name servers for {lifetime_s} s")?;
                listener::addresses(addresses).try_for_each(|address| write!(f, " {address}"))?;
            }
            Ok(Discovery::Nonce(nonce)) => write!(f, "nonce, {} bytes", nonce.len())?,
            Ok(Discovery::SearchList { lifetime_s, names }) => {
                let count = Domains::new(names).filter(Result::is_ok).count();
                write!(f, "{count} search domains for {lifetime_s} s")?;
            }
            Ok(Discovery::CaptivePortal(uri)) => write!(f, "portal, {} bytes", uri.len())?,
            Ok(Discovery::Nat64 { lifetime_units, length_code, .. }) => {
                write!(f, "NAT64 prefix, length code {length_code}")?;
                write!(f, ", for {} s", u32::from(lifetime_units) * 8)?;
            }
            Ok(Discovery::Unknown { kind, body }) => {
                write!(f, "option {kind}, {} bytes", body.len())?;
            }
            Err(malformed) => write!(f, "{malformed}")?,
        }
    }
    Ok(())
}

fn query(f: &mut Formatter<'_>, query: &Query<'_>) -> fmt::Result {
    write!(f, " for {} within {} ms", query.group, query.response_ms())?;
    match query.v2 {
        Some(v2) => write!(f, ", version 2, {} sources", v2.source_count),
        None => Ok(()),
    }
}

fn reports(f: &mut Formatter<'_>, reports: &Reports<'_>) -> fmt::Result {
    for record in reports.records() {
        match record {
            Ok(record) => {
                write!(f, ", record {} of {}", record.kind, record.group)?;
                listener::addresses(record.sources).try_for_each(|from| write!(f, " {from}"))?;
            }
            Err(malformed) => write!(f, ", {malformed}")?,
        }
    }
    Ok(())
}

fn node_reply(f: &mut Formatter<'_>, reply: &node::Reply<'_>) -> fmt::Result {
    write!(f, " question {} flags {:#04x}", reply.question, reply.flags)?;
    write!(f, ", {} bytes", reply.answer.len())?;
    for name in reply.names() {
        f.write_str(" ")?;
        for label in name {
            write!(f, "{}.", label.escape_ascii())?;
        }
    }
    for (lifetime_s, address) in reply.addresses() {
        write!(f, " {address} for {lifetime_s} s")?;
    }
    Ok(())
}
