//! The clock engine: what time a host believes it is, by ICMP timestamps, daytime, the time
//! protocol or NTP, and how wrong the answer may be.
//!
//! Each answer bounds the offset from both sides, whatever the path: the clock was read after the
//! question left and before the answer arrived. The bounds of many answers together are narrower
//! than those of any; see [`estimate`].

use crate::token::Key;
use crate::trace::Destination;
use crate::{RttSource, SendFault, Time};
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::Meaning;

mod engine;
pub mod estimate;
pub mod habits;
pub mod record;
pub mod trend;
pub mod way;

pub use engine::Clock;
pub use estimate::Estimate;
pub use habits::Habits;
pub use record::Record;
pub use trend::Change;
pub use way::{Said, Way};

/// Nanoseconds of a second.
pub(crate) const SECOND_NS: i128 = 1_000_000_000;

/// Everything that is decided before the first question.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How the time is asked for.
    pub way: &'static dyn Way,
    /// Questions to each target; `None`: until the run is stopped.
    pub count: Option<u64>,
    /// From one question to a target to the next. Ways that answer in whole seconds choose the
    /// moment themselves, so that it lies where the next second is thought to begin.
    pub interval: Duration,
    /// The least time between any two questions.
    pub gap: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// Whether changes of the delay are followed: answers are reported as they come.
    pub watches: bool,
    /// Identifiers or source ports that the driver may use, one a lane. Ways whose answers bear no
    /// name need as many as questions may be unanswered.
    pub identifiers: Vec<u16>,
    /// The wall clock at [`Time::ZERO`], nanoseconds since 1970-01-01 UTC.
    pub epoch_ns: i128,
    /// The run's secret.
    pub key: Key,
}

/// Something that was found out about a target's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Index of the target.
    pub target: u32,
    /// What.
    pub event: Event,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An answer. Held back until enough are there to know how the responder writes its times.
    Sample(Sample),
    /// A question that no answer came to in time.
    Silent {
        /// Which, from 1.
        number: u64,
        /// When it was sent.
        sent_at: Time,
    },
    /// A question that an ICMP error came to.
    Refused {
        /// Which, from 1.
        number: u64,
        /// When it was sent.
        sent_at: Time,
        /// What came.
        refusal: Refusal,
    },
    /// A question that this host refused to send.
    Unsent {
        /// Which, from 1.
        number: u64,
        /// Why.
        fault: SendFault,
    },
    /// What all answers say together. The last report of a target.
    Verdict(Box<Verdict>),
}

/// An ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who sent it.
    pub from: IpAddr,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// What it means.
    pub meaning: Meaning,
}

/// A point of the run on two scales.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Which question it answers, from 1.
    pub number: u64,
    /// When the question was sent.
    pub sent_at: Time,
    /// When the answer arrived.
    pub received_at: Time,
    /// From the one to the other.
    pub rtt: Duration,
    /// How that was measured.
    pub rtt_source: RttSource,
    /// What it says.
    pub said: Said,
    /// What follows from it alone, or why nothing does.
    pub offset: Result<Offset, Doubt>,
    /// How the delays of both directions have changed; only of runs that watch.
    pub change: Option<Change>,
}

/// By how much a clock is ahead of this host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Its receive stamp less our send time: what it would be if the way there took no time.
    pub difference_ns: i64,
    /// The offset if both ways take as long: what is to be added to this host's clock.
    pub correction_ns: i64,
    /// Half of the round trip, without the time that the answer spent there as far as it says, and
    /// the granularity of its stamps.
    pub bound_ns: u64,
}

/// Why no offset follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A stamp has its high bit set: it counts in some way of its own (RFC 792).
    NonStandard,
    /// A stamp is more than a day has milliseconds.
    OutOfRange,
    /// The stamps are zero: not filled in.
    Unfilled,
    /// The stamps are copies of ours.
    Echoed,
    /// The originate stamp is not the one that was sent.
    OriginateChanged,
    /// It sent before it received, or spent more time than the whole round trip.
    Impossible,
    /// The clock stands still.
    Stopped,
    /// The text is no date and time that we can read.
    Unreadable,
    /// A kiss-o'-death: it wants not to be asked (RFC 5905 §7.4).
    Kiss([u8; 4]),
}

/// How the questions to a target ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// There are answers.
    Answered,
    /// There are none.
    Silent,
    /// There are none but this error.
    Refused(Refusal),
    /// None left this host.
    Unsendable(SendFault),
    /// Stopped before anything was known.
    Unknown,
}

/// What all answers say together.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How it ended.
    pub end: End,
    /// The offset; `None` if nothing follows from the answers, or they contradict one another.
    pub estimate: Option<Estimate>,
    /// Why nothing follows: what most answers without an offset have in common.
    pub doubt: Option<Doubt>,
    /// How the responder writes its times.
    pub habits: Habits,
    /// Questions sent.
    pub sent: u64,
    /// Questions answered.
    pub answered: u64,
    /// The shortest round trip of an answer.
    pub rtt: Option<(Duration, RttSource)>,
    /// The last answer.
    pub said: Option<Said>,
    /// How far the zone that a text without one seems to be written in is ahead of UTC.
    pub assumed_zone_s: Option<i32>,
    /// Packets from the target's port that were no answers: too short, or of another kind.
    pub malformed: u64,
    /// Answers from the target's port to questions that were not asked, or answered before.
    pub unproven: u64,
    /// How fast the clock drifts away from ours, parts per million; only of runs that watch, and
    /// once that is known.
    pub drift_ppm: Option<f64>,
}

/// Whom to ask: see [`Destination`].
pub type Asked = Destination;
