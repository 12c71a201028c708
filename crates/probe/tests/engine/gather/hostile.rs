//! The gathering engines against hosts and routers that send what they like; what is fuzzed, and
//! what the tests feed with the corpus: nothing panics, every wait lies ahead, every place ends
//! once, what is told is bounded, and what is believed keeps the rules.
//!
//! The input is what is asked and how, then a list of commands: a byte that says what happens, and
//! what it needs behind it.

use crate::input::Input;
use probe::gather::{ANSWERS_MAX, Event, Gather, Place, Plan, Report, Subject};
use probe::mask::{Expectation, Question, remarks};
use probe::routers::Discoverer;
use probe::{Arrival, Engine, Output, Own, SendFault, SendFaultReason, Stamp, StampedBy, Time};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

/// Enough to see everything, few enough to be fast.
const STEPS_MAX: usize = 2_000;

/// Plays one input.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (Some(what), Some(how)) = (input.byte(), input.byte()) else { return };
    if what & 1 == 0 {
        let question = Question { identifier: 0x4157, first_sequence: 0xfffe };
        let places = [("192.0.2.7", false), ("192.0.2.127", true), ("192.0.2.8", false)];
        let expected = Expectation {
            own: vec![[192, 0, 2, 1].into()],
            mask: Some([255, 255, 255, 128].into()),
            broadcast: Some([192, 0, 2, 127].into()),
            asks_from_nowhere: what & 2 != 0,
        };
        play(question, plan(how, &places), &mut input, |report| {
            if let Event::Answer(answer) = &report.event {
                let all = remarks(answer, &expected);
                assert!(answer.number == 1 || !all.is_empty(), "a duplicate is named");
            }
        });
    } else {
        let places = [("224.0.0.2", true), ("ff02::2", true)];
        play(Discoverer::default(), plan(how, &places), &mut input, |report| {
            let Event::Answer(answer) = &report.event else { return };
            let family = Family::of(answer.from);
            let is_link_local = match answer.from {
                IpAddr::V4(_) => true,
                IpAddr::V6(from) => from.is_unicast_link_local() && answer.hop_limit == Some(255),
            };
            let parsed = answer.finding.parse(family);
            if answer.finding.is_believed() {
                assert!(is_link_local && parsed.is_some(), "{answer:?}");
            }
            assert!(answer.finding.is_believed() || !answer.finding.offers(family));
        });
    }
}

fn plan(how: u8, places: &[(&str, bool)]) -> Plan {
    let place = |(to, is_for_many): &(&str, bool)| Place {
        to: to.parse().expect("an address"),
        zone: 0,
        is_for_many: *is_for_many,
        header: Own::default(),
    };
    Plan {
        places: places.iter().map(place).collect(),
        wait: Duration::from_millis(u64::from(how & 7)),
        retries: u32::from(how >> 3 & 3),
        gap: Duration::from_millis(u64::from(how >> 5 & 1)),
        deadline: (how & 64 != 0).then(|| Duration::from_millis(9)),
        only_listens: how & 128 != 0,
    }
}

fn play<S: Subject>(
    subject: S,
    plan: Plan,
    input: &mut Input<'_>,
    mut judge: impl FnMut(&Report<S::Finding>),
) {
    let (places, retries, listens) = (plan.places.len(), plan.retries, plan.only_listens);
    let mut engine = Gather::new(subject, plan, Time(1));
    let (mut now, mut told, mut sent) = (Time(1), 0, 0);
    let mut ends = vec![0; places];
    let mut datagram = Vec::new();
    let mut is_done = false;
    for _ in 0..STEPS_MAX {
        match engine.poll(now, &mut datagram) {
            Output::Report(report) => {
                match report.event {
                    Event::Ended { .. } => ends[report.place as usize] += 1,
                    _ => told += 1,
                }
                judge(&report);
            }
            Output::Send(_) => sent += 1,
            Output::Done => {
                is_done = true;
                break;
            }
            Output::Wait { until, why } => {
                assert!(until > now, "{why}");
                let Some(()) = happen(&mut engine, input, &mut now, until, &datagram) else {
                    break;
                };
            }
        }
    }
    // Besides answers, each question may fail to leave, more than once if the driver says so.
    assert!(listens || told <= ANSWERS_MAX as usize + STEPS_MAX);
    assert!(sent <= places * (retries as usize + 1), "{sent} questions");
    let most = if listens { 0 } else { 1 };
    assert!(ends.iter().all(|count| *count <= most), "{ends:?}");
    assert!(!is_done || ends.iter().all(|count| *count == most), "{ends:?}");
}

/// One thing happens, or time passes.
fn happen<S: Subject>(
    engine: &mut Gather<S>,
    input: &mut Input<'_>,
    now: &mut Time,
    until: Time,
    last: &[u8],
) -> Option<()> {
    let command = input.byte()?;
    let ticket = u64::from(command >> 4);
    match command & 7 {
        0 if until != Time::NEVER => *now = until,
        1 => {
            let by = if command & 8 == 0 { StampedBy::Kernel } else { StampedBy::Program };
            engine.sent(ticket, Stamp { at: Time(input.number()?), by });
        }
        2 => {
            let fault = SendFault { reason: SendFaultReason::NoRoute, os_error: 1 };
            engine.send_failed(*now, ticket, fault);
        }
        3 => engine.receive_dropped(u32::MAX),
        4 => engine.stop(*now),
        5 => {
            // The question itself with a few bytes changed.
            let mut message = last.to_vec();
            for change in input.bytes()?.chunks_exact(2) {
                if let Some(byte) = message.get_mut(usize::from(change[0])) {
                    *byte = change[1];
                }
            }
            arrive(engine, *now, command, &mut message);
        }
        _ => arrive(engine, *now, command, &mut input.bytes()?.to_vec()),
    }
    Some(())
}

fn arrive<S: Subject>(engine: &mut Gather<S>, now: Time, command: u8, message: &mut [u8]) {
    let source: IpAddr = match command >> 4 & 3 {
        0 => [192, 0, 2, 7].into(),
        1 => [192, 0, 2, 1].into(),
        2 => [0xfe80, 0, 0, 0, 0, 0, 0, 7].into(),
        _ => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 7].into(),
    };
    let destination: IpAddr = match source {
        IpAddr::V4(_) => [192, 0, 2, 127].into(),
        IpAddr::V6(_) => [0xff02, 0, 0, 0, 0, 0, 0, 1].into(),
    };
    if command & 8 != 0 {
        wire::icmp::fill_checksum(source, destination, message);
    }
    engine.receive(
        now,
        &Arrival {
            received: Stamp { at: now, by: StampedBy::Kernel },
            source,
            destination: Some(destination),
            hop_limit: Some(if command & 64 == 0 { 255 } else { 64 }),
            traffic_class: None,
            options: &[],
            protocol: if source.is_ipv4() { 1 } else { 58 },
            payload: message,
        },
    );
}
