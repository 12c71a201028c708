//! What happened to a packet on a link, and the telling of it.

use super::Link;
use super::chance::Hit;
use probe::Time;
use std::fmt::Write;
use std::time::Duration;

/// What happened to a packet, in the order in which it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Story {
    /// When it entered the link.
    pub(crate) enters: Time,
    /// When its first bit was sent, and its last.
    pub(crate) starts: Time,
    pub(crate) ends: Time,
    /// How long it is under way, and how long packets are without jitter.
    pub(crate) delay: Duration,
    pub(crate) usual: Duration,
    /// How long it waits for those that it may not overtake.
    pub(crate) kept: Duration,
    /// How long it is held back so that others overtake it.
    pub(crate) held: Duration,
    /// Which bit was flipped, from the first byte's lowest on.
    pub(crate) flipped: Option<u64>,
    pub(crate) fate: Fate,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It comes out then.
    Arrives(Time),
    /// It does not.
    Lost(Loss),
}

/// Why a packet is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The link is down.
    Down,
    /// The queue is full.
    Queue,
    /// A rule says so.
    Rule(Hit),
}

impl Story {
    pub(super) fn new(now: Time) -> Story {
        Story {
            enters: now,
            starts: now,
            ends: now,
            delay: Duration::ZERO,
            usual: Duration::ZERO,
            kept: Duration::ZERO,
            held: Duration::ZERO,
            flipped: None,
            fate: Fate::Lost(Loss::Down),
        }
    }

    /// Tells it, of a packet that an end of that link sent: `arrives after 12.3 ms: queue 8.1 ms,
    /// sending 1.2 ms, delay 3 ms`.
    pub(crate) fn tell(&self, link: &Link, end: usize, out: &mut String) {
        match self.fate {
            Fate::Lost(Loss::Down) => out.push_str("lost: the link is down"),
            Fate::Lost(Loss::Queue) => out.push_str("dropped: the queue is full"),
            Fate::Lost(Loss::Rule(hit)) => tell_hit(link, end, hit, out),
            Fate::Arrives(at) => self.tell_arrival(at, out),
        }
    }

    fn tell_arrival(&self, at: Time, out: &mut String) {
        out.push_str("arrives after ");
        push_ms(at.since(self.enters), out);
        let parts = [
            ("queue ", self.starts.since(self.enters)),
            ("sending ", self.ends.since(self.starts)),
            ("delay ", self.usual),
            ("jitter +", self.delay.saturating_sub(self.usual)),
            ("jitter -", self.usual.saturating_sub(self.delay)),
            ("kept in order ", self.kept),
            ("held back ", self.held),
        ];
        let told = parts.iter().filter(|(_, span)| !span.is_zero());
        // One part alone is the whole.
        if told.clone().nth(1).is_some() {
            for (index, (what, span)) in told.enumerate() {
                out.push_str(if index == 0 { ": " } else { ", " });
                out.push_str(what);
                push_ms(*span, out);
            }
        }
        if let Some(bit) = self.flipped {
            let _ = write!(out, "; bit {bit} flipped");
        }
    }
}

/// `lost (2nd of a burst)`, `lost (tcp-data #3)`, `lost`.
fn tell_hit(link: &Link, end: usize, hit: Hit, out: &mut String) {
    out.push_str("lost");
    let Some(rule) = link.rules(end).loss.0.get(hit.rule) else { return };
    let is_numbered = matches!(rule.chance, crate::scenario::impairments::Chance::Numbers(_));
    let _ = match (hit.run, rule.of) {
        (Some(run), _) => write!(out, " ({} of a burst)", ordinal(run)),
        (None, Some(of)) => write!(out, " ({} #{})", of.name(), hit.number),
        (None, None) if is_numbered => write!(out, " (#{})", hit.number),
        (None, None) => Ok(()),
    };
}

/// `1st`, `2nd`, `11th`.
fn ordinal(number: u64) -> String {
    let ending = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Milliseconds without needless zeros: `12.3 ms`. Done by hand: a capture has one for each packet.
fn push_ms(span: Duration, out: &mut String) {
    let ns = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let (ms, mut rest) = (ns / 1_000_000, ns % 1_000_000);
    push_digits(ms, 1, out);
    if rest > 0 {
        let mut digits = 6;
        while rest % 10 == 0 {
            rest /= 10;
            digits -= 1;
        }
        out.push('.');
        push_digits(rest, digits, out);
    }
    out.push_str(" ms");
}

/// A number in decimal, with zeros before it up to so many digits.
fn push_digits(mut number: u64, digits: usize, out: &mut String) {
    let mut reversed = ['0'; 20];
    let mut count = 0;
    while number > 0 || count < digits {
        reversed[count] = char::from(b'0' + (number % 10) as u8);
        number /= 10;
        count += 1;
    }
    out.extend(reversed[..count].iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let ordinals = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).join(" ");
        assert_eq!(ordinals, "1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 111th");
        let ms = |ns| {
            let mut out = String::new();
            push_ms(Duration::from_nanos(ns), &mut out);
            out
        };
        assert_eq!(
            [0, 1, 100_000, 12_300_000].map(ms).join(", "),
            "0 ms, 0.000001 ms, 0.1 ms, 12.3 ms"
        );
    }
}
