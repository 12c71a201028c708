//! Packets as JSON and as CSV (`docs/dump.md`).

use super::options::Options;
use super::source::Ended;
use super::{Record, Sink};
use crate::escape::escape;
use crate::failure::Failure;
use crate::meaning;
use crate::print::Out;
use crate::print::csv::{header, row};
use crate::print::fields::{Sink as Fields, Value};
use crate::print::json::object;
use crate::wall;
use wire::dump::{Captured, Printer, View, flags};
use wire::icmp::{self, Message};
use wire::ip::protocol;
use wire::link::Header;
use wire::pcapng::Direction;
use wire::sight::{Content, Flow, Sight};

/// Every field, in the order of CSV's columns.
const COLUMNS: &[&str] = &[
    "type",
    "number",
    "time",
    "interface",
    "direction",
    "link",
    "length_bytes",
    "captured_bytes",
    "source_link",
    "destination_link",
    "source",
    "source_port",
    "destination",
    "destination_port",
    "protocol",
    "hop_limit",
    "traffic_class",
    "payload_bytes",
    "flags",
    "seq",
    "ack",
    "window",
    "icmp_type",
    "icmp_code",
    "meaning",
    "mtu_bytes",
    "identifier",
    "quoted_protocol",
    "quoted_source",
    "quoted_source_port",
    "quoted_destination",
    "quoted_destination_port",
    "comment",
    "text",
    "packets",
    "received",
    "dropped",
];

/// Prints objects or rows.
pub struct Machine {
    printer: Printer,
    is_json: bool,
    has_begun: bool,
}

impl Machine {
    /// Prints JSON.
    pub fn json(options: &Options) -> Machine {
        Machine { printer: printer(options), is_json: true, has_begun: false }
    }

    /// Prints CSV.
    pub fn csv(options: &Options) -> Machine {
        Machine { printer: printer(options), is_json: false, has_begun: false }
    }

    fn put(&mut self, out: &mut Out, fill: impl FnOnce(Fields<'_>)) {
        if self.is_json {
            return object(&mut out.text, fill);
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            header(COLUMNS, &mut out.text);
        }
        row(COLUMNS, &mut out.text, fill);
    }
}

/// The text in an object is one line.
fn printer(options: &Options) -> Printer {
    let view = View { detail: 0, quotes: false, link_header: false, ..options.view() };
    Printer::new(view)
}

impl Sink for Machine {
    fn packet(&mut self, record: &Record<'_>, out: &mut Out) -> Result<(), Failure> {
        let captured = Captured {
            link: record.link,
            bytes: record.packet.bytes,
            original_bytes: record.packet.original_bytes as usize,
            interface: record.interface,
        };
        let mut text = String::new();
        self.printer.packet(&captured, &mut text);
        // Bytes of what is not known stand on lines of their own.
        text.truncate(text.find('\n').unwrap_or(text.len()));
        self.put(out, |sink| packet(record, text, sink));
        Ok(())
    }

    fn finish(&mut self, ended: &Ended, out: &mut Out) -> Result<(), Failure> {
        self.put(out, |sink| {
            sink("type", Value::Word("summary"));
            sink("packets", ended.packets.into());
            sink("received", ended.counts.map(|counts| counts.received).into());
            sink("dropped", ended.counts.map(|counts| counts.dropped).into());
        });
        Ok(())
    }
}

fn packet(record: &Record<'_>, text: String, sink: Fields<'_>) {
    let it = record.packet;
    sink("type", Value::Word("packet"));
    sink("number", record.number.into());
    sink("time", it.time_ns.map(wall::rfc3339).into());
    sink("interface", record.interface.map(str::to_owned).into());
    sink(
        "direction",
        match it.direction {
            Direction::Unknown => Value::Null,
            Direction::Inbound => Value::Word("in"),
            Direction::Outbound => Value::Word("out"),
        },
    );
    sink("link", u64::from(record.link).into());
    sink("length_bytes", u64::from(it.original_bytes).into());
    sink("captured_bytes", (it.bytes.len() as u64).into());
    let sight = Sight::of(record.link, it.bytes);
    link(sight.as_ref(), sink);
    ends(sight.as_ref(), sink);
    content(sight.as_ref(), sink);
    quoted(sight.and_then(|sight| sight.quoted_flow()), sink);
    let comment = it.comment.map(|comment| escape(&String::from_utf8_lossy(comment)));
    sink("comment", comment.into());
    sink("text", text.into());
}

fn link(sight: Option<&Sight<'_>>, sink: Fields<'_>) {
    let (from, to) = match sight.map(|sight| sight.frame.header) {
        Some(Header::Ethernet { destination, source, .. }) => {
            (Some(mac(&source)), Some(mac(&destination)))
        }
        Some(Header::Cooked { source, .. }) if !source.is_empty() => (Some(mac(source)), None),
        _ => (None, None),
    };
    sink("source_link", from.into());
    sink("destination_link", to.into());
}

fn mac(address: &[u8]) -> String {
    let pairs: Vec<String> = address.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

fn ends(sight: Option<&Sight<'_>>, sink: Fields<'_>) {
    let datagram = sight.and_then(|sight| sight.datagram);
    let arp = match sight.map(|sight| sight.content) {
        Some(Content::Arp(packet)) => Some(packet),
        _ => None,
    };
    let ports = sight.and_then(Sight::flow).filter(|flow| has_ports(flow.protocol));
    let source = datagram.map(|it| it.source.to_string());
    let destination = datagram.map(|it| it.destination.to_string());
    sink("source", source.or(arp.map(|it| it.sender.to_string())).into());
    sink("source_port", ports.map(|flow| flow.from.port).map(u64::from).into());
    sink("destination", destination.or(arp.map(|it| it.target.to_string())).into());
    sink("destination_port", ports.map(|flow| flow.to.port).map(u64::from).into());
    let protocol = datagram.map(|it| protocol_name(it.protocol));
    sink("protocol", protocol.or(arp.map(|_| "arp".to_owned())).into());
    sink("hop_limit", datagram.map(|it| it.hop_limit).into());
    sink("traffic_class", datagram.map(|it| it.traffic_class).into());
}

fn has_ports(number: u8) -> bool {
    matches!(number, protocol::TCP | protocol::UDP)
}

fn protocol_name(number: u8) -> String {
    match number {
        protocol::ICMP => "icmp".to_owned(),
        protocol::ICMPV6 => "icmp6".to_owned(),
        protocol::TCP => "tcp".to_owned(),
        protocol::UDP => "udp".to_owned(),
        other => other.to_string(),
    }
}

fn content(sight: Option<&Sight<'_>>, sink: Fields<'_>) {
    let content = sight.map(|sight| sight.content);
    let (segment, data) = match content {
        Some(Content::Tcp { segment, data_bytes }) => (Some(segment), Some(data_bytes)),
        Some(Content::Udp { data_bytes, .. }) => (None, Some(data_bytes)),
        _ => (None, None),
    };
    sink("payload_bytes", data.map(|bytes| bytes as u64).into());
    sink("flags", segment.map(|it| flags(it.flags).to_string()).into());
    sink("seq", segment.map(|it| it.sequence).into());
    let acknowledges = segment.filter(|it| it.flags & wire::tcp::flag::ACK != 0);
    sink("ack", acknowledges.map(|it| it.acknowledgment).into());
    sink("window", segment.map(|it| u32::from(it.window)).into());
    let message = match content {
        Some(Content::Icmp(message)) => Some(message),
        _ => None,
    };
    let family = sight.and_then(|sight| sight.datagram).map(|datagram| datagram.family());
    let numbers = message.zip(family).map(|(message, family)| message.numbers(family));
    sink("icmp_type", numbers.map(|numbers| numbers.0).into());
    sink("icmp_code", numbers.map(|numbers| numbers.1).into());
    let error: Option<icmp::Error<'_>> = match message {
        Some(Message::Error(error)) => Some(error),
        _ => None,
    };
    sink("meaning", error.map_or(Value::Null, |it| Value::Word(meaning::name(it.meaning))));
    sink("mtu_bytes", error.and_then(|error| error.mtu_bytes()).into());
    let identifier = sight.and_then(Sight::flow).filter(|flow| flow.identifier != 0);
    sink("identifier", identifier.map(|flow| u64::from(flow.identifier)).into());
}

fn quoted(flow: Option<Flow>, sink: Fields<'_>) {
    let ports = flow.filter(|flow| has_ports(flow.protocol));
    sink("quoted_protocol", flow.map(|flow| protocol_name(flow.protocol)).into());
    sink("quoted_source", flow.map(|flow| flow.from.address.to_string()).into());
    sink("quoted_source_port", ports.map(|flow| u64::from(flow.from.port)).into());
    sink("quoted_destination", flow.map(|flow| flow.to.address.to_string()).into());
    sink("quoted_destination_port", ports.map(|flow| u64::from(flow.to.port)).into());
}
