//! The TFTP engine against a server that sends what it likes; what is fuzzed, and what the tests
//! feed with the corpus: nothing panics, every wait lies in the future, it ends once, and no more
//! is kept than a window. The input is a list of commands.

use crate::input::Input;
use probe::targets::Target;
use probe::tftp::{Asks, Event, Mode, Plan, Report, Schedule, Task, Tftp, WINDOW_MAX_BYTES};
use probe::{Arrival, Engine, Output, SendFault, SendFaultReason, Stamp, StampedBy, Time};
use std::net::IpAddr;
use std::time::Duration;
use wire::udp;

/// Enough to see everything, few enough to be fast.
const STEPS_MAX: usize = 4_000;

const PORT: u16 = 50_000;
const MAX_BYTES: u64 = 20_000;

/// Plays one input.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (Some(shape), Some(asks)) = (input.byte(), input.byte()) else { return };
    let plan = plan(shape, asks);
    if plan.check().is_err() {
        return;
    }
    let mut run = Run { tftp: Tftp::new(plan), now: Time(1), got: 0, fed: 0, ends: 0, dry: 0 };
    for _ in 0..STEPS_MAX {
        if run.step(&mut input).is_none() {
            break;
        }
    }
    assert!(run.got <= MAX_BYTES);
    assert!(run.ends <= 1);
}

fn plan(shape: u8, asks: u8) -> Plan {
    let server = Target { address: server(shape & 1 != 0), zone: 0 };
    let task = match shape & 2 {
        0 => Task::Get,
        _ => Task::Put { bytes: (shape & 4 != 0).then_some(3_000) },
    };
    Plan {
        mode: if shape & 8 == 0 { Mode::Octet } else { Mode::Netascii },
        schedule: match shape >> 4 & 3 {
            0 => Schedule::Fixed(Duration::from_secs(u64::from(asks & 3))),
            1 => Schedule::Exponential(Duration::from_secs(1)),
            _ => Schedule::Adaptive,
        },
        hears_errors: shape & 64 == 0,
        deadline: (shape & 128 != 0).then_some(Duration::from_secs(30)),
        asks: Asks {
            block_bytes: (asks & 1 != 0).then_some(8 + u16::from(asks)),
            window: (asks & 2 != 0).then_some(1 + u16::from(asks >> 4)),
            timeout_s: (asks & 4 != 0).then_some(2),
            size: asks & 8 != 0,
            rolls_over_to_1: asks & 16 != 0,
        },
        max_bytes: MAX_BYTES,
        ..Plan::new(server, PORT, ours(shape & 1 != 0), task, b"file")
    }
}

fn server(is_v6: bool) -> IpAddr {
    if is_v6 { [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into() } else { [192, 0, 2, 1].into() }
}

fn ours(is_v6: bool) -> IpAddr {
    if is_v6 { [0x2001, 0xdb8, 0, 0, 0, 0, 0, 2].into() } else { [192, 0, 2, 2].into() }
}

struct Run {
    tftp: Tftp,
    now: Time,
    got: u64,
    fed: u64,
    ends: u32,
    /// Steps since the input ended.
    dry: u32,
}

impl Run {
    fn step(&mut self, input: &mut Input<'_>) -> Option<()> {
        let mut datagram = Vec::new();
        match self.tftp.poll(self.now, &mut datagram) {
            Output::Done => {
                assert_eq!(self.ends, 1, "it is over without an end");
                None
            }
            Output::Send(_) => {
                assert!(udp::Message::parse(&datagram).is_ok());
                Some(())
            }
            Output::Report(Report { event, .. }) => {
                match event {
                    Event::Bytes(bytes) => self.got += bytes.len() as u64,
                    Event::Wants(bytes) => {
                        assert!(bytes > 0 && bytes as u64 <= WINDOW_MAX_BYTES);
                        let left = 3_000_u64.saturating_sub(self.fed);
                        let given = left.min(bytes as u64);
                        self.fed += given;
                        self.tftp.feed(&vec![b'\n'; given as usize], self.fed == 3_000);
                    }
                    Event::End(_) => self.ends += 1,
                    _ => {}
                }
                Some(())
            }
            Output::Wait { until, why } => {
                assert!(until > self.now, "{why}");
                if self.happen(input, until).is_none() {
                    // Without any more answers it must come to an end by itself.
                    self.dry += 1;
                    assert!(until != Time::NEVER, "it waits for ever");
                    assert!(self.dry < 1_000, "it does not end");
                    self.now = until;
                }
                Some(())
            }
        }
    }

    /// One thing happens, or time passes.
    fn happen(&mut self, input: &mut Input<'_>, until: Time) -> Option<()> {
        let command = input.byte()?;
        let server = self.tftp.plan().server.address;
        match command & 7 {
            0 if until != Time::NEVER => self.now = until,
            1 => self.now = (self.now + Duration::from_millis(u64::from(command))).min(until),
            2 => {
                let reason = match command & 8 {
                    0 => SendFaultReason::NoBuffers,
                    _ => SendFaultReason::NoRoute,
                };
                let fault = SendFault { reason, os_error: 1 };
                self.tftp.send_failed(self.now, u64::from(command >> 4), fault);
            }
            3 if command == 3 => self.tftp.stop(self.now),
            3 if command == 11 => self.tftp.give_up(self.now, 3, "full"),
            3 => {
                // An ICMP message, whose quote may be ours.
                let protocol = if server.is_ipv4() { 1 } else { 58 };
                self.arrive(server, protocol, input.bytes()?);
            }
            4 => {
                // The block or acknowledgment of a number near those that go on.
                let payload = vec![b'\r'; usize::from(input.byte()?)];
                let block = [0, command >> 3 & 15];
                let head = if command & 128 == 0 { [0, 3] } else { [0, 4] };
                self.say(server, 49_152, &[&head, &block, &payload[..]].concat());
            }
            5 => self.say(server, 49_153, input.bytes()?),
            6 => self.say(ours(server.is_ipv6()), 49_152, input.bytes()?),
            _ => self.say(server, 49_152, input.bytes()?),
        }
        Some(())
    }

    /// A packet arrives from a port.
    fn say(&mut self, from: IpAddr, port: u16, packet: &[u8]) {
        let message = udp::Message {
            source_port: port,
            destination_port: PORT,
            has_checksum: false,
            payload: packet,
        };
        let mut bytes = Vec::new();
        message.emit(from, from, &mut bytes).expect("it fits");
        self.arrive(from, 17, &bytes);
    }

    fn arrive(&mut self, source: IpAddr, protocol: u8, payload: &[u8]) {
        let received = Stamp { at: self.now, by: StampedBy::Program };
        self.tftp.receive(
            self.now,
            &Arrival {
                received,
                source,
                destination: None,
                hop_limit: None,
                traffic_class: None,
                options: &[],
                protocol,
                payload,
            },
        );
    }
}
