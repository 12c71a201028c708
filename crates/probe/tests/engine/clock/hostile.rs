//! The clock engine and its decoders against a peer that sends what it likes; what is fuzzed, and
//! what the tests feed with the corpus: nothing panics, every wait lies ahead, every question ends
//! once, and nothing is remembered without bound.
//!
//! The input is a way, a shape, and a list of commands, each with what it needs behind it.

use crate::input::Input;
use probe::clock::way::{self, Said, Way, daytime, network_time, time};
use probe::clock::{Asked, Clock, Event, Plan};
use probe::targets::Target;
use probe::token::Key;
use probe::{Arrival, Engine, Output, SendFault, SendFaultReason, Stamp, StampedBy, Time};
use std::net::IpAddr;
use std::time::Duration;
use wire::ntp::Packet;
use wire::{Family, udp};

/// Enough to see everything, few enough to be fast.
const STEPS_MAX: usize = 2_000;

/// Plays one input.
pub fn check(bytes: &[u8]) {
    decode(bytes);
    let mut input = Input::new(bytes);
    let (Some(way), Some(shape)) = (input.byte(), input.byte()) else { return };
    let way = way::ALL[usize::from(way) % way::ALL.len()];
    play(way, shape, &mut input);
}

/// Everything that a datagram or a connection may bring, read.
fn decode(bytes: &[u8]) {
    if let Some(Said::Text(text)) = daytime::text(bytes) {
        // What is no UTF-8 becomes a character of three bytes.
        assert!(!text.is_empty() && text.len() <= 3 * daytime::TEXT_MAX_BYTES);
        if let Some(date) = daytime::Date::parse(&text) {
            assert!((-2_300_000_000..=7_300_000_000).contains(&date.unix_s()), "{text}");
            assert!(date.zone_s.is_none_or(|zone| zone.abs() < 15 * 3_600), "{text}");
        }
    }
    assert_eq!(time::seconds(bytes).is_some(), bytes.len() == 4);
    if let Ok(packet) = Packet::parse(bytes) {
        let mut out = Vec::new();
        packet.emit(&mut out);
        assert_eq!(out, bytes[..out.len()]);
        network_time::root_distance_ns(&packet);
    }
    for way in way::ALL {
        for family in Family::ALL {
            way.recognise(family, bytes);
        }
        way.recognise_quoted(bytes);
    }
}

fn play(way: &'static dyn Way, shape: u8, input: &mut Input<'_>) {
    let plan = Plan {
        way,
        count: (shape & 1 == 0).then_some(u64::from(shape >> 4)),
        interval: Duration::from_millis(100),
        gap: Duration::from_millis(1),
        timeout: Duration::from_millis(700),
        watches: shape & 2 != 0,
        identifiers: vec![7, 9],
        // Also before 1970, and when 32 bits of seconds are full.
        epoch_ns: [-5, 1_795_644_103_000_000_000, 2_085_978_490_000_000_000, i64::MAX.into()]
            [usize::from(shape >> 2 & 3)],
        key: Key([1, 2]),
    };
    let asked = |address: &str, source: &str| Asked {
        target: Target { address: address.parse().expect("an address"), zone: 0 },
        source: source.parse().expect("an address"),
    };
    let spoken = |it: &Asked| way.speaks(Family::of(it.target.address));
    let targets: Vec<Asked> =
        [asked("192.0.2.7", "192.0.2.1"), asked("2001:db8::7", "2001:db8::1")]
            .into_iter()
            .filter(spoken)
            .collect();
    let count = targets.len();
    let mut engine = Clock::new(plan, targets, Time(1));
    let mut ends = vec![(0, Vec::new()); count];
    let (mut now, mut datagram, mut last) = (Time(1), Vec::new(), None);
    for _ in 0..STEPS_MAX {
        match engine.poll(now, &mut datagram) {
            Output::Done => {
                assert!(ends.iter().all(|(verdicts, _)| *verdicts == 1), "{ends:?}");
                return;
            }
            Output::Report(report) => note(&report.event, &mut ends[report.target as usize]),
            Output::Send(sent) => last = Some((sent.ticket, sent.to, datagram.clone())),
            Output::Wait { until, why } => {
                assert!(until > now, "{why}");
                if happen(&mut engine, input, &mut now, until, last.as_ref()).is_none() {
                    // What is left of the run, with nobody there.
                    engine.stop(now);
                }
            }
        }
    }
}

/// Every question ends once, and the verdict is the last word.
fn note(event: &Event, (verdicts, numbers): &mut (u32, Vec<u64>)) {
    assert_eq!(*verdicts, 0, "{event:?}");
    let number = match event {
        Event::Sample(sample) => {
            if let Ok(offset) = sample.offset {
                assert!(offset.bound_ns < i64::MAX.unsigned_abs());
            }
            sample.number
        }
        Event::Silent { number, .. }
        | Event::Refused { number, .. }
        | Event::Unsent { number, .. } => *number,
        Event::Verdict(verdict) => {
            *verdicts += 1;
            assert!(verdict.answered <= verdict.sent, "{verdict:?}");
            if let Some(estimate) = verdict.estimate {
                assert!(estimate.agreeing * 2 > estimate.of, "{estimate:?}");
            }
            return;
        }
    };
    assert!(!numbers.contains(&number), "question {number} ends twice");
    numbers.push(number);
}

/// One thing happens, or time passes.
fn happen(
    engine: &mut Clock,
    input: &mut Input<'_>,
    now: &mut Time,
    until: Time,
    last: Option<&(u64, IpAddr, Vec<u8>)>,
) -> Option<()> {
    let command = input.byte()?;
    match (command & 7, last) {
        (0, _) if until != Time::NEVER => *now = until,
        (1, Some((ticket, ..))) => {
            let by = if command & 8 == 0 { StampedBy::Kernel } else { StampedBy::Program };
            engine.sent(ticket.wrapping_sub(u64::from(command >> 4)), Stamp { at: *now, by });
        }
        (2, Some((ticket, ..))) => {
            let fault = SendFault { reason: SendFaultReason::NoRoute, os_error: 1 };
            engine.send_failed(*now, *ticket, fault);
        }
        (3, _) => *now = *now + Duration::from_micros(u64::from(command)),
        (4, _) => engine.stop(*now),
        (5 | 6, Some((_, to, question))) => {
            let message = answer(question, *to, input)?;
            arrive(engine, *now, *to, command, &message);
        }
        (_, _) => {
            let source: IpAddr = match command & 8 {
                0 => IpAddr::from([192, 0, 2, 7]),
                _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7]),
            };
            arrive(engine, *now, source, command, input.bytes()?);
        }
    }
    Some(())
}

/// The question as a host turns it round, with some bytes changed: of UDP another payload between
/// the right ports, which for NTP repeats the nonce.
fn answer(question: &[u8], to: IpAddr, input: &mut Input<'_>) -> Option<Vec<u8>> {
    let changes = input.bytes()?;
    if question.first() == Some(&13) {
        let mut message = question.to_vec();
        message[0] = 14;
        for (byte, change) in message[12..].iter_mut().zip(changes) {
            *byte = *change;
        }
        message[2..4].fill(0);
        let sum = wire::checksum::Sum::new().bytes(&message).finish();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        return Some(message);
    }
    let asked = udp::Message::parse(question).ok()?;
    let mut payload = changes.to_vec();
    if let (Some(nonce), Some(origin)) = (asked.payload.get(40..48), payload.get_mut(24..32)) {
        origin.copy_from_slice(nonce);
    }
    let mut out = Vec::new();
    let message = udp::Message {
        source_port: asked.destination_port,
        destination_port: asked.source_port,
        has_checksum: false,
        payload: &payload,
    };
    message.emit(to, to, &mut out).ok()?;
    Some(out)
}

fn arrive(engine: &mut Clock, now: Time, source: IpAddr, command: u8, message: &[u8]) {
    let by = if command & 16 == 0 { StampedBy::Kernel } else { StampedBy::Program };
    let icmp = if source.is_ipv4() { 1 } else { 58 };
    let protocol = if command & 32 == 0 { 17 } else { icmp };
    for protocol in [protocol, icmp] {
        let arrival = Arrival {
            received: Stamp { at: now, by },
            source,
            destination: None,
            hop_limit: Some(command),
            traffic_class: None,
            options: &[],
            protocol,
            payload: message,
        };
        engine.receive(now, &arrival);
    }
}
