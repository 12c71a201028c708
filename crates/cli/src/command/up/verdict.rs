//! What is known about each target, in eight bytes a target, so that a million of them fit.

use probe::RttSource;
use probe::SendFault;
use probe::ping::{IcmpError, Outcome, Reply, Report};
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::Meaning;

/// What became of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answered.
    Alive(Answer),
    /// It did not, and nobody said why.
    Silent,
    /// It did not, and somebody said why.
    Refused(Reason),
    /// This host lost the probes or their answers, so nothing is known.
    Dropped,
    /// The run ended before that was known.
    Undecided,
}

/// The three lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Answered.
    Alive,
    /// Did not answer.
    No,
    /// Not known.
    Unknown,
}

/// How a target answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The round-trip time, at most three days.
    pub rtt_ns: u64,
    /// How it was measured.
    pub rtt_source: RttSource,
    /// TTL or hop limit as received, where known.
    pub hop_limit: Option<u8>,
}

/// Why a target did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An ICMP error.
    Icmp {
        /// Who sent it.
        from: IpAddr,
        /// What it says.
        meaning: Meaning,
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// The next-hop MTU, if it names one.
        mtu_bytes: Option<u32>,
    },
    /// The system refused to send.
    Send(SendFault),
    /// The answer came from another address.
    WrongSource(IpAddr),
}

impl Verdict {
    /// Which list it goes to.
    pub fn class(self) -> Class {
        match self {
            Verdict::Alive(_) => Class::Alive,
            Verdict::Silent | Verdict::Refused(_) => Class::No,
            Verdict::Dropped | Verdict::Undecided => Class::Unknown,
        }
    }
}

/// What is known, by index of the target.
#[derive(Debug)]
pub struct Table {
    cells: Vec<Cell>,
    reasons: Vec<Reason>,
    /// Number of a target's last probe, 0-based.
    last_probe: u64,
    /// How long the last probe waits for its answer.
    last_patience: Duration,
    alive: u32,
}

/// How many of the newest reasons are searched for an equal one. A network has few ways to say no
/// at one time; one that invents more only costs room.
const REASONS_SEARCHED: usize = 8;

impl Table {
    /// Nothing is known of `targets` targets, each of which is asked `retries` times more, the last
    /// time with `last_patience`.
    pub fn new(targets: u32, retries: u32, last_patience: Duration) -> Table {
        Table {
            cells: vec![Cell::UNASKED; targets as usize],
            reasons: Vec::new(),
            last_probe: retries.into(),
            last_patience,
            alive: 0,
        }
    }

    /// Takes a report of a plan whose sequence numbers start at 0; the answer, if the target was
    /// not known to be alive.
    pub fn take(&mut self, report: &Report) -> Option<Answer> {
        let was = self.cells[report.target as usize];
        if was.tag() == Tag::Alive {
            return None;
        }
        let mut is_decided = was.is_decided() || report.sequence >= self.last_probe;
        let cell = match &report.outcome {
            Outcome::Reply(reply)
            | Outcome::Late(reply)
            | Outcome::Duplicate(reply)
            | Outcome::Corrupted { reply, .. } => {
                let answer = answer(reply);
                self.cells[report.target as usize] = Cell::alive(answer);
                self.alive += 1;
                return Some(answer);
            }
            Outcome::WrongSource(reply) => {
                // This, and a refusal to send, end a target.
                is_decided = true;
                self.refused(Reason::WrongSource(reply.from))
            }
            // It decides nothing, and there is no end of it if a router means ill.
            Outcome::IcmpError(error) if error.meaning.is_advice() => return None,
            Outcome::IcmpError(error) => self.refused(reason(error)),
            Outcome::SendError(fault) => {
                is_decided = true;
                self.refused(Reason::Send(*fault))
            }
            Outcome::Timeout => {
                // A run that is cut short writes probes off before their time.
                let is_early = report.at.since(report.sent_at) < self.last_patience;
                is_decided &= !is_early || was.is_decided();
                // Silence says less than a reason given before.
                if was.tag() == Tag::Refused { was } else { Cell::plain(Tag::Silent) }
            }
            Outcome::LocalDrop if was.tag() != Tag::Undecided => was,
            Outcome::LocalDrop => Cell::plain(Tag::Dropped),
            Outcome::Sent | Outcome::InFlight => return None,
        };
        self.cells[report.target as usize] = cell.decided(is_decided);
        None
    }

    /// Ends the run. If it was cut short, targets whose last probe had not ended are undecided.
    pub fn close(&mut self, is_complete: bool) {
        for cell in &mut self.cells {
            if !is_complete && cell.tag() != Tag::Alive && !cell.is_decided() {
                *cell = Cell::UNASKED;
            }
        }
    }

    /// What is known about a target.
    pub fn at(&self, target: u32) -> Verdict {
        let cell = self.cells[target as usize];
        match cell.tag() {
            Tag::Undecided => Verdict::Undecided,
            Tag::Alive => Verdict::Alive(cell.answer()),
            Tag::Silent => Verdict::Silent,
            Tag::Refused => Verdict::Refused(self.reasons[cell.value() as usize]),
            Tag::Dropped => Verdict::Dropped,
        }
    }

    /// How many targets are alive.
    pub fn alive(&self) -> u32 {
        self.alive
    }

    /// How many targets are in a class.
    pub fn count(&self, class: Class) -> u32 {
        let count = self.cells.iter().filter(|cell| cell.tag().class() == class).count();
        u32::try_from(count).expect("targets are counted in 32 bits")
    }

    /// The answers of all that are alive.
    pub fn answers(&self) -> impl Iterator<Item = Answer> + '_ {
        self.cells.iter().filter(|cell| cell.tag() == Tag::Alive).map(|cell| cell.answer())
    }

    fn refused(&mut self, reason: Reason) -> Cell {
        let known = self.reasons.iter().rev().take(REASONS_SEARCHED).position(|is| *is == reason);
        let index = match known {
            Some(back) => self.reasons.len() - 1 - back,
            None => {
                self.reasons.push(reason);
                self.reasons.len() - 1
            }
        };
        Cell::with_value(Tag::Refused, index as u64)
    }
}

fn answer(reply: &Reply) -> Answer {
    Answer {
        rtt_ns: u64::try_from(reply.rtt.as_nanos()).unwrap_or(u64::MAX).min(Cell::VALUE_MAX),
        rtt_source: reply.rtt_source,
        hop_limit: reply.hop_limit,
    }
}

fn reason(error: &IcmpError) -> Reason {
    Reason::Icmp {
        from: error.from,
        meaning: error.meaning,
        kind: error.kind,
        code: error.code,
        mtu_bytes: error.mtu_bytes,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Undecided,
    Alive,
    Silent,
    Refused,
    Dropped,
}

impl Tag {
    const ALL: [Tag; 5] = [Tag::Undecided, Tag::Alive, Tag::Silent, Tag::Refused, Tag::Dropped];

    fn class(self) -> Class {
        match self {
            Tag::Alive => Class::Alive,
            Tag::Silent | Tag::Refused => Class::No,
            Tag::Dropped | Tag::Undecided => Class::Unknown,
        }
    }
}

/// One target, from the low bit up: tag (3), whether its last probe has ended (1), source of the
/// round-trip time (2), whether the hop limit is known (1), a spare one, hop limit (8), value (48):
/// the round-trip time in nanoseconds, or the index of the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell(u64);

impl Cell {
    const UNASKED: Cell = Cell(0);
    const VALUE_MAX: u64 = (1 << 48) - 1;
    const DECIDED: u64 = 1 << 3;
    const SOURCES: [RttSource; 3] = [RttSource::Kernel, RttSource::KernelReceive, RttSource::User];

    fn plain(tag: Tag) -> Cell {
        Cell(tag as u64)
    }

    fn with_value(tag: Tag, value: u64) -> Cell {
        Cell(tag as u64 | value.min(Cell::VALUE_MAX) << 16)
    }

    fn alive(answer: Answer) -> Cell {
        let source = Cell::SOURCES.iter().position(|source| *source == answer.rtt_source);
        let source = source.expect("all sources are listed") as u64;
        let hop_limit = answer.hop_limit.map_or(0, |limit| 1 << 6 | u64::from(limit) << 8);
        Cell(Cell::with_value(Tag::Alive, answer.rtt_ns).0 | source << 4 | hop_limit)
    }

    fn decided(self, is_decided: bool) -> Cell {
        Cell(self.0 & !Cell::DECIDED | if is_decided { Cell::DECIDED } else { 0 })
    }

    fn tag(self) -> Tag {
        Tag::ALL[(self.0 & 7) as usize]
    }

    fn is_decided(self) -> bool {
        self.0 & Cell::DECIDED != 0
    }

    fn value(self) -> u64 {
        self.0 >> 16
    }

    fn answer(self) -> Answer {
        Answer {
            rtt_ns: self.value(),
            rtt_source: Cell::SOURCES[(self.0 >> 4 & 3) as usize],
            hop_limit: (self.0 & 1 << 6 != 0).then_some((self.0 >> 8) as u8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{SendFaultReason, Time};

    const PATIENCE: Duration = Duration::from_millis(500);

    fn reply(rtt_ns: u64, rtt_source: RttSource, hop_limit: Option<u8>) -> Reply {
        Reply {
            from: [192, 0, 2, 1].into(),
            to: None,
            bytes: 64,
            hop_limit,
            traffic_class: None,
            rtt: Duration::from_nanos(rtt_ns),
            rtt_source,
            reordered: false,
            bad_checksum: false,
            options: None,
            detail: probe::kind::Detail::None,
        }
    }

    fn report(target: u32, sequence: u64, outcome: Outcome) -> Report {
        Report { target, sequence, sent_at: Time::ZERO, at: Time::ZERO + PATIENCE, outcome }
    }

    #[test]
    fn every_answer_survives_its_eight_bytes() {
        for rtt_source in Cell::SOURCES {
            for hop_limit in [None, Some(0), Some(64), Some(255)] {
                for rtt_ns in [0, 1, 231_000, Cell::VALUE_MAX] {
                    let answer = Answer { rtt_ns, rtt_source, hop_limit };
                    let cell = Cell::alive(answer);
                    assert_eq!(cell.tag(), Tag::Alive);
                    assert_eq!(cell.answer(), answer);
                }
            }
        }
    }

    #[test]
    fn the_first_answer_stays_whatever_follows() {
        let mut table = Table::new(1, 1, PATIENCE);
        assert_eq!(table.take(&report(0, 0, Outcome::Timeout)), None);
        let late = reply(7, RttSource::Kernel, Some(64));
        let first = table.take(&report(0, 0, Outcome::Late(late)));
        assert_eq!(first.map(|answer| answer.rtt_ns), Some(7));
        let other = reply(9, RttSource::User, None);
        assert_eq!(table.take(&report(0, 1, Outcome::Reply(other))), None);
        assert_eq!(table.take(&report(0, 1, Outcome::Timeout)), None);
        table.close(false);
        assert_eq!(table.at(0), Verdict::Alive(first.expect("it was alive")));
        assert_eq!((table.alive(), table.count(Class::Alive)), (1, 1));
    }

    #[test]
    fn a_run_cut_short_leaves_open_what_was_still_to_be_asked() {
        let mut table = Table::new(4, 1, PATIENCE);
        table.take(&report(0, 0, Outcome::Timeout));
        table.take(&report(0, 1, Outcome::Timeout));
        table.take(&report(1, 0, Outcome::Timeout));
        table.take(&report(1, 1, Outcome::InFlight));
        table.take(&report(2, 0, Outcome::Timeout));
        let early =
            Report { at: Time(PATIENCE.as_nanos() as u64 - 1), ..report(2, 1, Outcome::Timeout) };
        table.take(&early);
        table.close(false);
        let verdicts: Vec<Verdict> = (0..4).map(|target| table.at(target)).collect();
        let open = Verdict::Undecided;
        assert_eq!(verdicts, [Verdict::Silent, open, open, open]);
        assert_eq!((table.count(Class::No), table.count(Class::Unknown)), (1, 3));
    }

    #[test]
    fn advice_refuses_nothing_and_fills_no_memory() {
        let mut table = Table::new(1, 0, PATIENCE);
        for last in 0..100 {
            let error = IcmpError {
                from: [192, 0, 2, last].into(),
                meaning: Meaning::RedirectHost,
                kind: 5,
                code: 1,
                word: 0,
                mtu_bytes: None,
                hop_limit: None,
                rtt: Duration::ZERO,
                rtt_source: RttSource::Kernel,
                quoted: [].into(),
            };
            table.take(&report(0, 0, Outcome::IcmpError(Box::new(error))));
        }
        assert!(table.reasons.is_empty());
        assert_eq!(table.at(0), Verdict::Undecided);
    }

    #[test]
    fn a_reason_outweighs_silence_and_a_loss_of_our_own_decides_nothing() {
        let fault = SendFault { reason: SendFaultReason::NoRoute, os_error: 101 };
        let mut table = Table::new(3, 1, PATIENCE);
        table.take(&report(0, 0, Outcome::SendError(fault)));
        table.take(&report(0, 1, Outcome::Timeout));
        table.take(&report(1, 0, Outcome::LocalDrop));
        table.take(&report(1, 1, Outcome::LocalDrop));
        table.take(&report(2, 0, Outcome::LocalDrop));
        table.take(&report(2, 1, Outcome::Timeout));
        table.close(true);
        assert_eq!(table.at(0), Verdict::Refused(Reason::Send(fault)));
        assert_eq!(table.at(1), Verdict::Dropped);
        assert_eq!(table.at(2), Verdict::Silent);
    }

    #[test]
    fn equal_reasons_share_their_room() {
        let mut table = Table::new(1_000, 0, PATIENCE);
        for target in 0..1_000_u32 {
            let from = IpAddr::from([198, 51, 100, (target % 3) as u8]);
            let stray = Reply { from, ..reply(1, RttSource::User, None) };
            table.take(&report(target, 0, Outcome::WrongSource(stray)));
        }
        assert_eq!(table.reasons.len(), 3);
        let from = IpAddr::from([198, 51, 100, 1]);
        assert_eq!(table.at(1), Verdict::Refused(Reason::WrongSource(from)));
    }
}
