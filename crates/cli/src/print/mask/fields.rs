//! What JSON and CSV call what is found out about address masks.

use super::{Tally, word};
use crate::meaning;
use crate::print::Whom;
use crate::print::fields::{self, Sink, Value};
use probe::gather::{Answer, Counts, Event};
use probe::mask::{Expectation, Found, prefix_bits, remarks as remarks_of};

/// Every field, in the order of CSV's columns.
pub const COLUMNS: &[&str] = &[
    "type",
    "target",
    "address",
    "from",
    "mask",
    "prefix_bits",
    "rtt_ns",
    "rtt_source",
    "hop_limit",
    "to",
    "number",
    "remarks",
    "own_mask",
    "icmp_type",
    "icmp_code",
    "meaning",
    "mtu_bytes",
    "reason",
    "os_error",
    "resolver_code",
    "asked",
    "answers",
    "masks",
    "what",
    "count",
];

/// Something was found out.
pub fn event(
    whom: Whom<'_>,
    event: &Event<Found>,
    expected: &Expectation,
    tally: &Tally,
    sink: Sink<'_>,
) {
    let kind = match event {
        Event::Answer(_) => "answer",
        Event::Error { .. } => "icmp_error",
        Event::Unsent(_) => "send_error",
        Event::Ended { .. } => "summary",
    };
    sink("type", Value::Word(kind));
    fields::whom(whom, sink);
    match event {
        Event::Answer(it) => answer(it, expected, sink),
        Event::Error { from, says } => {
            sink("from", from.to_string().into());
            sink("icmp_type", says.kind.into());
            sink("icmp_code", says.code.into());
            sink("meaning", Value::Word(meaning::name(says.meaning)));
        }
        Event::Unsent(fault) => {
            let (reason, mtu_bytes) = fields::refusal(*fault);
            sink("mtu_bytes", mtu_bytes.into());
            sink("reason", Value::Word(reason));
            sink("os_error", Value::Int(fault.os_error.into()));
        }
        Event::Ended { asked, .. } => {
            sink("asked", (*asked).into());
            sink("answers", tally.answers.into());
            let said = |(mask, count): (&std::net::Ipv4Addr, &u64)| {
                let mask = mask.to_string().into();
                Value::Object(vec![("mask", mask), ("answers", (*count).into())])
            };
            sink("masks", Value::Values(tally.masks.iter().map(said).collect()));
            sink("own_mask", expected.mask.map(|mask| mask.to_string()).into());
        }
    }
}

fn answer(answer: &Answer<Found>, expected: &Expectation, sink: Sink<'_>) {
    let mask = answer.finding.mask;
    sink("from", answer.from.to_string().into());
    sink("mask", mask.to_string().into());
    sink("prefix_bits", prefix_bits(mask).into());
    sink("rtt_ns", answer.rtt.map(|(rtt, _)| rtt).into());
    sink("rtt_source", answer.rtt.map(|(_, source)| source).into());
    sink("hop_limit", answer.hop_limit.into());
    sink("to", answer.to.map(|to| to.to_string()).into());
    sink("number", answer.number.into());
    let words = remarks_of(answer, expected).into_iter().map(|it| word(it).to_owned());
    sink("remarks", Value::List(words.collect()));
    sink("own_mask", expected.mask.map(|mask| mask.to_string()).into());
}

/// What arrived and was not told of, by name and count; nothing of what did not occur.
pub fn remarks(counts: &Counts) -> Vec<(&'static str, u64)> {
    let all =
        [("malformed", counts.malformed), ("untold", counts.untold), ("dropped", counts.dropped)];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// One of them.
pub fn remark(what: &'static str, count: u64, sink: Sink<'_>) {
    sink("type", Value::Word("remark"));
    sink("what", Value::Word(what));
    sink("count", count.into());
}
