//! The small services of a host over UDP: echo (RFC 862), discard (RFC 863), daytime (RFC 867),
//! time (RFC 868), NTP (RFC 5905), names in `dns`; and the clock that they and ICMP timestamps
//! show. A scenario may let each of them answer wrongly.

mod dns;
mod plan;

pub(crate) use plan::{ClockPlan, NtpLie, Service, StampLie, TextLie, read_clock, read_services};

use crate::node::{Action, Later, Node, Turn};
use probe::Time;
use std::time::Duration;
use wire::icmp::Timestamp;
use wire::ip::{Datagram, Header};
use wire::ntp::{self, Packet, mode};
use wire::udp;

/// What a kiss-o'-death asks for here: to be asked less often (RFC 5905 §7.4).
const KISS: [u8; 4] = *b"RATE";

/// The precision of a lab's clocks: about a microsecond, log2 of seconds.
const PRECISION: i8 = -20;

/// By how much a lab's NTP server says that its clock may be off: a millisecond, in 1/65536 s.
const ROOT_DISPERSION: u32 = 65;

/// A time that no clock shows: the year 2104, if it is one of era 0.
const ABSURD: u64 = 0xf000_0000_0000_0000;

const DAY_S: i128 = 86_400;

impl Node {
    /// What this node's clock shows, nanoseconds since 1970-01-01 UTC.
    pub(crate) fn clock_ns(&self, epoch_ns: i128, now: Time) -> i128 {
        let ClockPlan { ahead_ns, drift_ppb, .. } = self.plan.clock;
        let drifted = i128::from(now.0) * i128::from(drift_ppb) / 1_000_000_000;
        epoch_ns + i128::from(now.0) + i128::from(ahead_ns) + drifted
    }

    /// The stamps of an answer to an ICMP timestamp request, and how long the node takes for it.
    pub(crate) fn stamped(&self, turn: &Turn<'_>, asked: Timestamp) -> (Timestamp, Duration) {
        let clock = &self.plan.clock;
        let takes = clock.takes;
        let receive = midnight_ms(self.clock_ns(turn.map.epoch_ns, turn.now));
        let transmit = midnight_ms(self.clock_ns(turn.map.epoch_ns, turn.now + takes));
        let each = |write: fn(u32) -> u32| (write(receive), write(transmit));
        let (receive, transmit) = match clock.stamps {
            StampLie::None => (receive, transmit),
            StampLie::ByteSwapped => each(u32::swap_bytes),
            StampLie::TenMs => each(|ms| ms / 10 * 10),
            StampLie::Seconds => each(|ms| ms / 1_000 * 1_000),
            StampLie::Copies => (receive, receive),
            StampLie::NonStandard => each(|ms| ms | 1 << 31),
            StampLie::Zero => (0, 0),
            StampLie::NoTransmit => (receive, 0),
            StampLie::Echoes => (asked.originate, asked.originate),
            StampLie::Stopped => (36_000_007, 36_000_007),
            StampLie::Absurd => (0x7fff_ffff, 0x7fff_fffe),
            StampLie::Backwards => (receive, receive.saturating_sub(5)),
        };
        let originate = asked.originate ^ u32::from(clock.changes_originate);
        (Timestamp { originate, receive, transmit, ..asked }, takes)
    }

    /// Answers a datagram to a service's port.
    pub(crate) fn serve(
        &mut self,
        turn: &mut Turn<'_>,
        datagram: &Datagram<'_>,
        asked: &udp::Message<'_>,
        service: Service,
    ) {
        let takes = self.plan.clock.takes;
        let now_ns = self.clock_ns(turn.map.epoch_ns, turn.now);
        let payload = match service {
            Service::Echo => asked.payload.to_vec(),
            Service::Discard => return,
            Service::Daytime => self.daytime(now_ns),
            Service::Time => self.time(now_ns),
            Service::Dns => match dns::answer(turn.map, asked.payload) {
                Some(payload) => payload,
                None => return,
            },
            Service::Ntp => {
                let later_ns = self.clock_ns(turn.map.epoch_ns, turn.now + takes);
                match self.ntp(asked.payload, now_ns, later_ns) {
                    Some(payload) => payload,
                    None => return,
                }
            }
        };
        let Some(header) = self.transport_header(turn, datagram) else { return };
        let answer = udp::Message {
            source_port: asked.destination_port,
            destination_port: asked.source_port,
            has_checksum: true,
            payload: &payload,
        };
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        if answer.emit(header.source, header.destination, &mut bytes).is_ok() {
            self.answer_after(turn, header, bytes, takes);
        }
    }

    /// Sends an answer after a while.
    pub(crate) fn answer_after(
        &mut self,
        turn: &mut Turn<'_>,
        header: Header,
        message: Vec<u8>,
        after: Duration,
    ) {
        if after.is_zero() {
            return self.answer(turn, header, &message);
        }
        let what = Later::Answer(Box::new(header), message);
        turn.actions.push(Action::Later { after, what });
    }

    fn daytime(&self, now_ns: i128) -> Vec<u8> {
        let clock = &self.plan.clock;
        match &clock.daytime {
            Some(text) => text.clone(),
            None => format!("{}\r\n", ctime(now_ns + i128::from(clock.zone_s) * 1_000_000_000))
                .into_bytes(),
        }
    }

    fn time(&self, now_ns: i128) -> Vec<u8> {
        let seconds = (ntp::of_unix_ns(now_ns) >> 32) as u32;
        let bytes = seconds.to_be_bytes();
        match self.plan.clock.time {
            TextLie::None => bytes.to_vec(),
            TextLie::Short => bytes[..2].to_vec(),
            TextLie::Long => [bytes, bytes].concat(),
            TextLie::Zero => vec![0; 4],
            TextLie::ByteSwapped => seconds.to_le_bytes().to_vec(),
        }
    }

    fn ntp(&self, question: &[u8], receive_ns: i128, transmit_ns: i128) -> Option<Vec<u8>> {
        let question = Packet::parse(question).ok().filter(|it| it.mode == mode::CLIENT)?;
        let mut answer = Packet {
            leap: 0,
            version: question.version,
            mode: mode::SERVER,
            stratum: 1,
            poll: question.poll,
            precision: PRECISION,
            root_delay: 0,
            root_dispersion: ROOT_DISPERSION,
            reference_id: *b"LAB\0",
            reference: ntp::of_unix_ns(receive_ns) & !0xffff_ffff,
            origin: question.transmit,
            receive: ntp::of_unix_ns(receive_ns),
            transmit: ntp::of_unix_ns(transmit_ns),
        };
        let lie = self.plan.clock.ntp;
        match lie {
            NtpLie::Kiss => {
                answer = Packet { leap: 3, stratum: 0, reference_id: KISS, ..answer };
            }
            NtpLie::Unsynchronised => {
                answer = Packet { leap: 3, stratum: 16, reference_id: [0; 4], ..answer };
            }
            NtpLie::WrongOrigin => answer.origin ^= 1,
            NtpLie::Absurd => (answer.receive, answer.transmit) = (ABSURD, ABSURD >> 1),
            NtpLie::LongStay => answer.receive = answer.receive.wrapping_sub(5 << 32),
            NtpLie::Zero => (answer.receive, answer.transmit) = (0, 0),
            NtpLie::Client => answer.mode = mode::CLIENT,
            NtpLie::None | NtpLie::Short | NtpLie::Long => {}
        }
        let mut bytes = Vec::new();
        answer.emit(&mut bytes);
        match lie {
            NtpLie::Short => bytes.truncate(ntp::HEADER_BYTES - 1),
            NtpLie::Long => bytes.resize(1_000, 0xff),
            _ => {}
        }
        Some(bytes)
    }
}

/// Milliseconds since midnight UTC.
pub(crate) fn midnight_ms(unix_ns: i128) -> u32 {
    let ms = unix_ns.div_euclid(1_000_000).rem_euclid(DAY_S * 1_000);
    u32::try_from(ms).expect("a day has fewer than 2^32 milliseconds")
}

/// A time as inetd writes it: `Wed Nov 25 22:01:43 2026`.
fn ctime(unix_ns: i128) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let second = unix_ns.div_euclid(1_000_000_000);
    let (mut day, second) = (second.div_euclid(DAY_S), second.rem_euclid(DAY_S));
    let weekday = WEEKDAYS[day.rem_euclid(7) as usize];
    // 400 years have a whole number of weeks, and leap days repeat with them.
    let cycles = day.div_euclid(146_097);
    day = day.rem_euclid(146_097);
    let mut year = 1970;
    let is_leap = |year: i128| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while day >= 365 + i128::from(is_leap(year)) {
        day -= 365 + i128::from(is_leap(year));
        year += 1;
    }
    let mut month = 0;
    let lengths = [31, 28 + i128::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let (month, day, year) = (MONTHS[month], day + 1, year + cycles * 400);
    format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_like_those_of_inetd() {
        let at = |unix_s: i128| ctime(unix_s * 1_000_000_000);
        assert_eq!(at(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(at(1_795_644_103), "Wed Nov 25 22:01:43 2026");
        assert_eq!(at(951_782_400), "Tue Feb 29 00:00:00 2000");
        assert_eq!(at(-1), "Wed Dec 31 23:59:59 1969");
        assert_eq!(at(4_107_542_399), "Sun Feb 28 23:59:59 2100");
    }
}
