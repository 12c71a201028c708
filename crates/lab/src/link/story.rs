//! What happened to a packet on a link, and the telling of it.

use super::Link;
use super::chance::Hit;
use probe::Time;
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
    pub(crate) fn new(now: Time) -> Story {
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

    /// Whether both are of packets that arrived, and told in the same words.
    pub(crate) fn is_told_like(&self, other: &Story) -> bool {
        let (Fate::Arrives(one), Fate::Arrives(another)) = (self.fate, other.fate) else {
            return false;
        };
        let spans = |it: &Story, at: Time| {
            [it.starts, it.ends, at].map(|time| time.0.saturating_sub(it.enters.0))
        };
        let rest = |it: &Story| (it.delay, it.usual, it.kept, it.held, it.flipped);
        spans(self, one) == spans(other, another) && rest(self) == rest(other)
    }

    /// Tells it, of a packet that an end of that link sent: `arrives after 12.3 ms: queue 8.1 ms,
    /// sending 1.2 ms, delay 3 ms`.
    pub(crate) fn tell(&self, link: &Link, end: usize, out: &mut Vec<u8>) {
        match self.fate {
            Fate::Lost(Loss::Down) => out.extend_from_slice(b"lost: the link is down"),
            Fate::Lost(Loss::Queue) => out.extend_from_slice(b"dropped: the queue is full"),
            Fate::Lost(Loss::Rule(hit)) => tell_hit(link, end, hit, out),
            Fate::Arrives(at) => self.tell_arrival(at, out),
        }
    }

    fn tell_arrival(&self, at: Time, out: &mut Vec<u8>) {
        out.extend_from_slice(b"arrives after ");
        push_ms(at.0.saturating_sub(self.enters.0), out);
        let (usual, delay) = (ns(self.usual), ns(self.delay));
        let parts = [
            ("queue ", self.starts.0.saturating_sub(self.enters.0)),
            ("sending ", self.ends.0.saturating_sub(self.starts.0)),
            ("delay ", usual),
            ("jitter +", delay.saturating_sub(usual)),
            ("jitter -", usual.saturating_sub(delay)),
            ("kept in order ", ns(self.kept)),
            ("held back ", ns(self.held)),
        ];
        let told = parts.iter().filter(|(_, span_ns)| *span_ns > 0);
        // One part alone is the whole.
        if told.clone().count() > 1 {
            for (index, (what, span_ns)) in told.enumerate() {
                out.extend_from_slice(if index == 0 { b": " } else { b", " });
                out.extend_from_slice(what.as_bytes());
                push_ms(*span_ns, out);
            }
        }
        if let Some(bit) = self.flipped {
            out.extend_from_slice(b"; bit ");
            push_number(bit, out);
            out.extend_from_slice(b" flipped");
        }
    }
}

/// `lost (2nd of a burst)`, `lost (tcp-data #3)`, `lost`.
fn tell_hit(link: &Link, end: usize, hit: Hit, out: &mut Vec<u8>) {
    out.extend_from_slice(b"lost");
    let Some(rule) = link.rules(end).loss.0.get(hit.rule) else { return };
    let is_numbered = matches!(rule.chance, crate::scenario::impairments::Chance::Numbers(_));
    match (hit.run, rule.of) {
        (Some(run), _) => {
            out.extend_from_slice(b" (");
            push_ordinal(run, out);
            out.extend_from_slice(b" of a burst)");
        }
        (None, None) if !is_numbered => {}
        (None, of) => {
            out.extend_from_slice(b" (");
            if let Some(of) = of {
                out.extend_from_slice(of.name().as_bytes());
                out.push(b' ');
            }
            out.push(b'#');
            push_number(hit.number, out);
            out.push(b')');
        }
    }
}

/// `1st`, `2nd`, `11th`.
fn push_ordinal(number: u64, out: &mut Vec<u8>) {
    push_number(number, out);
    out.extend_from_slice(match (number % 10, number % 100) {
        (1, tens) if tens != 11 => b"st",
        (2, tens) if tens != 12 => b"nd",
        (3, tens) if tens != 13 => b"rd",
        _ => b"th",
    });
}

/// Milliseconds without needless zeros: `12.3 ms`. Done by hand: a capture has many.
fn push_ms(ns: u64, out: &mut Vec<u8>) {
    push_number(ns / 1_000_000, out);
    let rest = (ns % 1_000_000) as u32;
    if rest > 0 {
        let digit = |unit: u32| b'0' + (rest / unit % 10) as u8;
        let digits = [100_000, 10_000, 1_000, 100, 10, 1].map(digit);
        out.push(b'.');
        out.extend_from_slice(&digits);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.extend_from_slice(b" ms");
}

fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[start..]);
        }
    }
}

fn ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let text = |push: fn(u64, &mut Vec<u8>), number| {
            let mut out = Vec::new();
            push(number, &mut out);
            String::from_utf8(out).expect("numbers are ASCII")
        };
        let ordinals = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(|it| text(push_ordinal, it));
        assert_eq!(ordinals.join(" "), "1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 111th");
        let ms = |ns| text(push_ms, ns);
        assert_eq!(
            [0, 1, 100_000, 12_300_000, 20_000_000, 1_020_304_050, u64::MAX].map(ms).join(", "),
            "0 ms, 0.000001 ms, 0.1 ms, 12.3 ms, 20 ms, 1020.30405 ms, 18446744073709.551615 ms"
        );
    }
}
