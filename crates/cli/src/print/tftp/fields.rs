//! What JSON and CSV call things about transfers. `docs/tftp.md` explains them; names and meanings
//! hold within one schema version.

use super::{Held, Summary, Transfer};
use crate::meaning;
use crate::print::fields::{self, Sink, Value};
use probe::SendFault;
use probe::tftp::{Agreed, Breach, End, IcmpError, OptionFault};
use std::net::IpAddr;

/// CSV's columns: every field of every object.
pub const COLUMNS: &[&str] = &[
    "type",
    "target",
    "address",
    "direction",
    "file",
    "port",
    "server_port",
    "local_port",
    "mode",
    "options",
    "block_bytes",
    "window",
    "timeout_s",
    "size_bytes",
    "from",
    "from_port",
    "ends",
    "icmp_type",
    "icmp_code",
    "meaning",
    "mtu_bytes",
    "source_port",
    "destination_port",
    "end",
    "error_code",
    "error_text",
    "option",
    "option_value",
    "why",
    "tries",
    "os_error",
    "path",
    "bytes",
    "payload_bytes",
    "blocks",
    "crc32",
    "duration_ns",
    "bytes_per_s",
    "rtt_ns",
    "sent",
    "resent",
    "timeouts",
    "duplicates",
    "out_of_order",
    "odd",
    "strangers",
    "icmp_errors",
    "reason",
    "resolver_code",
];

fn begin(kind: &'static str, transfer: &Transfer<'_>, sink: Sink<'_>) {
    sink("type", Value::Word(kind));
    fields::whom(transfer.whom, sink);
    sink("direction", Value::Word(transfer.verb));
    sink("file", text(transfer.file).into());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The server has answered.
pub fn transfer(transfer: &Transfer<'_>, port: u16, agreed: &Agreed, sink: Sink<'_>) {
    begin("transfer", transfer, sink);
    sink("port", u32::from(transfer.port).into());
    sink("server_port", u32::from(port).into());
    sink("local_port", u32::from(transfer.local_port).into());
    sink("mode", Value::Word(transfer.mode.name()));
    sink("options", agreed.is_by_options.into());
    sink("block_bytes", u32::from(agreed.block_bytes).into());
    sink("window", u32::from(agreed.window).into());
    sink("timeout_s", agreed.timeout_s.map(u32::from).into());
    sink("size_bytes", agreed.bytes.into());
}

/// Somebody else sent something.
pub fn stranger(transfer: &Transfer<'_>, from: IpAddr, port: u16, sink: Sink<'_>) {
    begin("stranger", transfer, sink);
    sink("from", from.to_string().into());
    sink("from_port", u32::from(port).into());
}

/// An ICMP error, and whether it ended the transfer.
pub fn icmp_error(transfer: &Transfer<'_>, error: &IcmpError, ends: bool, sink: Sink<'_>) {
    begin("icmp_error", transfer, sink);
    sink("from", error.from.to_string().into());
    sink("ends", ends.into());
    sink("icmp_type", error.kind.into());
    sink("icmp_code", error.code.into());
    sink("meaning", Value::Word(meaning::name(error.meaning)));
    sink("mtu_bytes", error.mtu_bytes.into());
    sink("source_port", u32::from(error.source_port).into());
    sink("destination_port", u32::from(error.destination_port).into());
}

/// The word for an end.
pub fn word(end: &End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::Refused { .. } => "refused",
        End::Unreachable(_) => "unreachable",
        End::Silence { .. } => "silence",
        End::Unsendable(_) => "unsendable",
        End::Breach(_) => "breach",
        End::TooLarge { .. } => "too_large",
        End::WrongSize { .. } => "wrong_size",
        End::GivenUp => "given_up",
        End::Late => "late",
        End::Interrupted => "interrupted",
    }
}

fn fault_word(why: OptionFault) -> &'static str {
    match why {
        OptionFault::NotAsked => "not_asked",
        OptionFault::Twice => "twice",
        OptionFault::Value => "value",
    }
}

/// How it ended.
pub fn summary(transfer: &Transfer<'_>, summary: &Summary<'_>, sink: Sink<'_>) {
    begin("summary", transfer, sink);
    sink("end", Value::Word(word(summary.end)));
    let (mut code, mut message, mut option, mut tries) = (None, None, None, None);
    let (mut why, mut size, mut fault): (_, _, Option<SendFault>) = (None, None, None);
    match summary.end {
        End::Refused { code: said, message: words } => {
            (code, message) = (Some(u32::from(*said)), Some(text(words)));
        }
        End::Silence { tries: sends, .. } => tries = Some(*sends),
        End::Unsendable(refused) => fault = Some(*refused),
        End::Breach(Breach::Option { name, value, why: wrong }) => {
            (option, why) = (Some((text(name), text(value))), Some(fault_word(*wrong)));
        }
        End::Breach(Breach::BlockTooLarge { .. }) => why = Some("block_too_large"),
        End::TooLarge { bytes, .. } => size = Some(*bytes),
        End::WrongSize { stated_bytes, .. } => size = Some(*stated_bytes),
        _ => {}
    }
    let (name, value) = option.unzip();
    sink("error_code", code.into());
    sink("error_text", message.into());
    sink("option", name.into());
    sink("option_value", value.into());
    sink("why", why.map_or(Value::Null, Value::Word));
    sink("tries", tries.into());
    sink("reason", fault.map_or(Value::Null, |it| Value::Word(fields::refusal(it).0)));
    sink("os_error", fault.map_or(Value::Null, |it| Value::Int(it.os_error.into())));
    sink("size_bytes", size.or(summary.engine.size()).into());
    sink("path", summary.path.map(str::to_owned).into());
    let counts = summary.engine.counts();
    sink("bytes", counts.file_bytes.into());
    sink("payload_bytes", counts.payload_bytes.into());
    sink("blocks", counts.blocks.into());
    sink("crc32", format!("{:08x}", summary.crc32).into());
    sink("duration_ns", summary.took.into());
    let seconds = summary.took.as_secs_f64();
    let rate = (seconds > 0.0).then(|| (counts.payload_bytes as f64 / seconds).round() as u64);
    sink("bytes_per_s", rate.into());
    sink("rtt_ns", summary.engine.rtt().into());
    sink("sent", counts.sent.into());
    sink("resent", counts.resent.into());
    sink("timeouts", counts.timeouts.into());
    sink("duplicates", counts.duplicates.into());
    sink("out_of_order", counts.out_of_order.into());
    sink("odd", counts.odd.into());
    sink("strangers", counts.strangers.into());
    sink("icmp_errors", counts.icmp_errors.into());
}

/// What a lab's server holds.
pub fn held(transfer: &Transfer<'_>, held: &Held, sink: Sink<'_>) {
    begin("held", transfer, sink);
    sink("bytes", held.bytes.into());
    sink("crc32", format!("{:08x}", held.crc32).into());
}
