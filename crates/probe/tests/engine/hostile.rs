//! The engine against a peer that sends what it likes; what is fuzzed, and what the tests feed with
//! the corpus: nothing panics, every wait lies in the future, and the books balance.
//!
//! The input is a list of commands: a byte that says what happens, and what it needs behind it.

use crate::input::Input;
use probe::ping::{Goal, Linger, Pace, Ping, Plan, Until};
use probe::targets::{Target, Targets};
use probe::token::Key;
use probe::{Arrival, Engine, Output, SendFault, SendFaultReason, Stamp, StampedBy, Time};
use std::net::IpAddr;
use std::time::Duration;

/// Enough to see everything, few enough to be fast.
const STEPS_MAX: usize = 2_000;

/// Plays one input.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (Some(goal), Some(pace), Some(shape)) = (input.byte(), input.byte(), input.byte()) else {
        return;
    };
    let mut ping = Ping::new(plan(goal, pace, shape), targets(), Time(1));
    run(&mut ping, &mut input);
    for target in 0..ping.targets().len() {
        let summary = ping.summary(target);
        assert_eq!(summary.sent, summary.received + summary.lost + summary.in_flight);
    }
}

fn plan(goal: u8, pace: u8, shape: u8) -> Plan {
    let count = u64::from(goal >> 2);
    Plan {
        kind: probe::kind::ALL[usize::from(shape) % probe::kind::ALL.len()],
        goal: match goal & 3 {
            0 => Goal::Probes(Some(count)),
            1 => Goal::Probes(None),
            2 => Goal::Answers(count),
            _ => Goal::FirstReply { retries: count as u32 & 7, backoff: 1.5 },
        },
        pace: match pace & 1 {
            0 => Pace::Schedule { preload: u32::from(pace >> 4) },
            _ => Pace::Answered { in_flight: u32::from(pace >> 4) },
        },
        linger: match pace & 2 {
            0 => Linger::UntilTimeout,
            _ => Linger::TwiceLongest(Duration::from_secs(1)),
        },
        until: match pace & 12 {
            4 => Some(Until::Up(2)),
            8 => Some(Until::Down(2)),
            _ => None,
        },
        interval: Duration::from_millis(100),
        payload_bytes: usize::from(shape >> 3),
        first_sequence: 65_530,
        report_sent: shape & 4 != 0,
        ..Plan::new(vec![7, 9], Key([1, 2]))
    }
}

fn targets() -> Targets {
    let mut targets = Targets::default();
    for text in ["192.0.2.7", "2001:db8::7", "224.0.0.1"] {
        let address = text.parse().expect("an address");
        targets.push(Target { address, zone: 0 }).expect("few");
    }
    targets
}

fn run(ping: &mut Ping, input: &mut Input<'_>) {
    let mut now = Time(1);
    let mut datagram = Vec::new();
    let mut last: Option<(u64, IpAddr, Vec<u8>)> = None;
    for _ in 0..STEPS_MAX {
        match ping.poll(now, &mut datagram) {
            Output::Report(_) => {}
            Output::Done => return,
            Output::Send(sent) => last = Some((sent.ticket, sent.to, datagram.clone())),
            Output::Wait { until, why } => {
                assert!(until > now, "{why}");
                let Some(()) = happen(ping, input, &mut now, until, last.as_ref()) else { return };
            }
        }
    }
}

/// One thing happens, or time passes.
fn happen(
    ping: &mut Ping,
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
            ping.sent(ticket.wrapping_sub(u64::from(command >> 4)), Stamp { at: *now, by });
        }
        (2, Some((ticket, ..))) => {
            let reason = match command & 8 {
                0 => SendFaultReason::NoBuffers,
                _ => SendFaultReason::NoRoute,
            };
            ping.send_failed(*now, *ticket, SendFault { reason, os_error: 1 });
        }
        (3, _) => ping.receive_dropped(u32::from(command >> 3)),
        (4, _) => ping.stop(*now),
        (5, Some((_, to, message))) => {
            // The probe itself with a few bytes changed: an answer if the type becomes a reply's.
            let mut message = message.clone();
            for change in input.bytes()?.chunks_exact(2) {
                if let Some(byte) = message.get_mut(usize::from(change[0])) {
                    *byte = change[1];
                }
            }
            arrive(ping, *now, *to, command, &message, Time(input.number().unwrap_or(now.0)));
        }
        (_, _) => {
            let source: IpAddr = match command & 8 {
                0 => IpAddr::from([192, 0, 2, 7]),
                _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7]),
            };
            arrive(ping, *now, source, command, input.bytes()?, *now);
        }
    }
    Some(())
}

fn arrive(ping: &mut Ping, now: Time, source: IpAddr, command: u8, message: &[u8], at: Time) {
    let by = if command & 16 == 0 { StampedBy::Kernel } else { StampedBy::Program };
    ping.receive(
        now,
        &Arrival {
            received: Stamp { at, by },
            source,
            destination: None,
            hop_limit: Some(command),
            traffic_class: None,
            options: &message[..message.len().min(4)],
            protocol: if source.is_ipv4() { 1 } else { 58 },
            payload: message,
        },
    );
}
