//! The walking engine: the way to one target hop by hop, by one probe at a time that is not to be
//! fragmented and is as long as all links so far take. What tracepath does, and traceroute where it
//! looks for MTUs.

use crate::departure::Departure;
use crate::method::{Method, Proof, Question, Trail};
use crate::token::Key;
use crate::trace::identity::{Identity, newest};
use crate::trace::{Answer, Destination, Naming, Says, quote};
use crate::{Arrival, Carrier, Engine, Output, Own, SendFault, SendFaultReason};
use crate::{Stamp, Ticket, Time, Transmit};
use std::collections::VecDeque;
use std::time::Duration;
use wire::Family;
use wire::icmp::{self, Error, Meaning, Message, Quoted};

/// Everything that is decided before the first probe.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How hops are asked; a method that carries a payload, or probes are as long as they are.
    pub method: &'static dyn Method,
    /// The target's port; without meaning to methods without ports.
    pub port: u16,
    /// What tells probes apart.
    pub naming: Naming,
    /// The first hop to ask, at least 1.
    pub first_hop: u8,
    /// The last hop to ask; none is asked if that is before the first.
    pub hops_max: u8,
    /// How often a hop is asked.
    pub tries: Tries,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// How many times what the hop's first answer took its others are waited for; 0 for no such
    /// limit.
    pub here: f64,
    /// The least time between two probes.
    pub gap: Duration,
    /// How long the first probe is, IP header included.
    pub packet_bytes: usize,
    /// The IP header's part of that.
    pub header_bytes: usize,
    /// The identifier or source port that the driver gave.
    pub identifier: u16,
    /// Whether errors show the IP header of the probe as it arrived at the hop.
    pub sees_quoted_headers: bool,
    /// The run's secret.
    pub key: Key,
}

/// How often a hop is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// So often.
    All(u8),
    /// Until it answers, but not more often; and anew if probes became shorter meanwhile, even
    /// after an answer.
    UntilAnswered(u8),
}

/// Something that was found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When.
    pub at: Time,
    /// The hop that was being asked then.
    pub hop: u8,
    /// What.
    pub event: Event,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Probes are shorter from now on.
    Narrow {
        /// What they may be long.
        mtu_bytes: u32,
        /// How long after the send that was known.
        took: Duration,
        /// Who says so, and which hop was asked; `None` for this host.
        by: Option<(u8, Box<Answer>)>,
    },
    /// Somebody answered.
    Answer {
        /// The hop that was asked by the probe that is answered.
        asked: u8,
        /// The answer.
        answer: Box<Answer>,
    },
    /// A probe was not answered in time.
    Silent {
        /// Whether it was the hop's last.
        is_last: bool,
    },
    /// This host does not send: the walk is over.
    Refused {
        /// Why.
        fault: SendFault,
        /// How long after the send that was known.
        took: Duration,
    },
    /// The last hop was asked, and the target was not among those that answered.
    Exhausted,
}

/// The walking engine.
#[derive(Debug)]
pub struct Walk {
    plan: Plan,
    destination: Destination,
    identity: Identity,
    sent: Vec<Sent>,
    hop: u8,
    /// How long probes are.
    bytes: usize,
    /// Probes of this hop that are decided.
    tries: u8,
    /// What the first answer of this hop took.
    first_rtt: Option<Duration>,
    /// Whether probes became shorter during this try.
    is_narrower: bool,
    /// Whether the end was heard of at this hop.
    is_end: bool,
    step: Step,
    reports: VecDeque<Report>,
    last_send: Option<Time>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Send,
    /// Until then.
    Wait(Time),
    Done,
}

/// A probe.
#[derive(Clone, Copy, Debug)]
struct Sent {
    hop: u8,
    departure: Departure,
    is_answered: bool,
}

/// No IP datagram is longer, without jumbograms.
const DATAGRAM_MAX_BYTES: usize = 65_535;

/// Answers are measured in steps of the clock, of which none is too short to be waited for.
const WAIT_STEP: Duration = Duration::from_millis(1);

impl Walk {
    /// Starts a run at `now`.
    pub fn new(plan: Plan, destination: Destination, now: Time) -> Walk {
        let is_empty = plan.first_hop > plan.hops_max;
        let mut walk = Walk {
            identity: Identity::new(plan.key),
            destination,
            sent: Vec::new(),
            hop: plan.first_hop,
            bytes: plan.packet_bytes,
            tries: 0,
            first_rtt: None,
            is_narrower: false,
            is_end: false,
            step: if is_empty { Step::Done } else { Step::Send },
            reports: VecDeque::new(),
            last_send: None,
            plan,
        };
        if is_empty {
            walk.report(now, Event::Exhausted);
        }
        walk
    }

    /// How long probes are now, IP header included.
    pub fn packet_bytes(&self) -> usize {
        self.bytes
    }

    fn report(&mut self, at: Time, event: Event) {
        self.reports.push_back(Report { at, hop: self.hop, event });
    }

    fn payload_bytes(&self) -> usize {
        let overhead = self.plan.method.overhead_bytes();
        let most = DATAGRAM_MAX_BYTES - overhead;
        self.bytes.saturating_sub(self.plan.header_bytes + overhead).min(most)
    }

    fn launch(&mut self, now: Time, datagram: &mut Vec<u8>) -> Transmit {
        let Destination { target, source } = self.destination;
        let number = self.sent.len() as u64;
        let to_port = match self.plan.naming {
            Naming::Steady => self.plan.port,
            Naming::CountingPort => self.plan.port.wrapping_add(number as u16),
        };
        let question = Question {
            source,
            to: target.address,
            port: self.plan.identifier,
            to_port,
            flow: self.identity.flow(0),
            mark: self.identity.mark(number),
            token: self.identity.token(number, target.address),
            payload_bytes: self.payload_bytes(),
            is_steady: self.plan.naming == Naming::Steady,
        };
        datagram.clear();
        self.plan.method.encode(&question, datagram);
        let hop = self.hop;
        self.sent.push(Sent { hop, departure: Departure::at(now), is_answered: false });
        self.last_send = Some(now);
        self.step = Step::Wait(now + self.wait());
        Transmit {
            to: target.address,
            zone: target.zone,
            lane: 0,
            ticket: number,
            header: Own {
                source: Some(source),
                hop_limit: Some(hop),
                identification: Some(self.identity.identification(number)),
                flow_label: None,
            },
        }
    }

    fn wait(&self) -> Duration {
        match self.first_rtt.filter(|_| self.plan.here > 0.0) {
            Some(rtt) => {
                let wait = (rtt + WAIT_STEP).as_secs_f64() * self.plan.here;
                Duration::try_from_secs_f64(wait)
                    .map_or(self.plan.timeout, |wait| wait.min(self.plan.timeout))
            }
            None => self.plan.timeout,
        }
    }

    /// A try is over, answered or not: what comes next.
    fn go_on(&mut self, now: Time, is_answered: bool) {
        self.tries += 1;
        let (is_asked, most) = match self.plan.tries {
            Tries::All(count) => (self.tries >= count, count),
            Tries::UntilAnswered(count) => (is_answered || self.tries >= count, count),
        };
        if !is_answered {
            self.report(now, Event::Silent { is_last: self.tries >= most });
        }
        let repeats = matches!(self.plan.tries, Tries::UntilAnswered(_));
        if std::mem::take(&mut self.is_narrower) && repeats {
            self.tries = 0;
            self.is_end = false;
            self.step = Step::Send;
            return;
        }
        if !is_asked {
            self.step = Step::Send;
        } else if self.is_end {
            self.step = Step::Done;
        } else if self.hop == self.plan.hops_max {
            self.report(now, Event::Exhausted);
            self.step = Step::Done;
        } else {
            self.hop += 1;
            self.tries = 0;
            self.first_rtt = None;
            self.step = Step::Send;
        }
    }

    /// Probes are to be shorter. The probe that showed it is sent once more.
    fn shorten(
        &mut self,
        now: Time,
        mtu_bytes: u32,
        by: Option<(u8, Box<Answer>)>,
        took: Duration,
    ) {
        self.bytes = mtu_bytes as usize;
        let is_ours = by.is_none();
        self.report(now, Event::Narrow { mtu_bytes, took, by });
        self.is_narrower = true;
        if is_ours || matches!(self.plan.tries, Tries::All(_)) {
            self.step = Step::Send;
        } else {
            self.end_try(now);
        }
    }

    /// Whether probes can be shortened to that.
    fn is_shorter(&self, mtu_bytes: u32) -> bool {
        let least = self.plan.header_bytes + self.plan.method.overhead_bytes();
        (least..self.bytes).contains(&(mtu_bytes as usize))
    }

    fn recognise(&mut self, now: Time, arrival: &Arrival<'_>) -> Option<()> {
        let family = Family::of(arrival.source);
        let carrier = self.plan.method.carrier();
        if arrival.protocol == icmp::protocol(family) {
            match Message::parse(family, arrival.payload).ok()? {
                Message::Error(error) if error.meaning.is_advice() => return None,
                Message::Error(error) => return self.receive_error(now, arrival, &error),
                _ if carrier != Carrier::Icmp => return None,
                _ => {}
            }
        } else if arrival.protocol != carrier.protocol(family) {
            return None;
        }
        let (trail, greeting) = self.plan.method.recognise_answer(arrival.payload)?;
        let is_target = arrival.source == self.destination.target.address;
        if !is_target && trail.proof == Proof::None {
            return None;
        }
        let number = self.number_of(&trail, None)?;
        self.take(now, arrival, number, Says::Greeting(greeting), None)
    }

    fn receive_error(&mut self, now: Time, arrival: &Arrival<'_>, error: &Error<'_>) -> Option<()> {
        let quoted = error.parse_quoted().ok()?;
        let datagram = &quoted.datagram;
        let carrier = self.plan.method.carrier();
        if datagram.protocol != carrier.protocol(datagram.family()) || datagram.is_later_fragment()
        {
            return None;
        }
        let trail = self.plan.method.recognise_quoted(datagram.payload)?;
        let is_plain = datagram.destination == self.destination.target.address;
        if !is_plain && trail.proof == Proof::None {
            return None;
        }
        let identification = datagram.identification as u16;
        let is_seen = self.plan.sees_quoted_headers && datagram.destination.is_ipv4();
        let number = self.number_of(&trail, is_seen.then_some(identification))?;
        let says = Says::Error {
            meaning: error.meaning,
            kind: error.kind,
            code: error.code,
            mtu_bytes: error.mtu_bytes(),
        };
        self.take(now, arrival, number, says, Some(&quoted))
    }

    /// The probe that an answer is to: named by port or mark, or else by the IPv4 header, or, if it
    /// bears no name, the one in the air.
    fn number_of(&self, trail: &Trail, identification: Option<u16>) -> Option<usize> {
        if trail.port != self.plan.identifier {
            return None;
        }
        let count = self.sent.len() as u64;
        let bears_mark = self.payload_bytes() >= self.plan.method.mark_min_bytes();
        let is_steady = self.plan.naming == Naming::Steady;
        let mark = trail.mark.filter(|_| is_steady && bears_mark);
        let by_transport = match trail.to_port {
            Some(port) if !is_steady => {
                let rest = u64::from(port.wrapping_sub(self.plan.port));
                Some(newest(rest, 1 << 16, count)?)
            }
            Some(port) if port != self.plan.port => return None,
            _ => mark.and_then(|mark| self.identity.number_of_mark(mark, count)),
        };
        let by_header =
            identification.and_then(|name| self.identity.number_of_identification(name, count));
        let in_the_air = count.checked_sub(1).filter(|_| mark.is_none());
        let number = by_transport.or(by_header).or(in_the_air)?;
        let target = self.destination.target.address;
        let is_ours = trail.proof.agrees(self.identity.token(number, target));
        usize::try_from(number).ok().filter(|_| is_ours)
    }

    fn take(
        &mut self,
        now: Time,
        arrival: &Arrival<'_>,
        number: usize,
        says: Says,
        quoted: Option<&Quoted<'_>>,
    ) -> Option<()> {
        let is_current = number + 1 == self.sent.len();
        let sent = self.sent.get_mut(number).filter(|sent| !sent.is_answered)?;
        sent.is_answered = true;
        let sent = *sent;
        let (rtt, rtt_source) = sent.departure.round_trip(arrival.received);
        let answer = Box::new(Answer {
            from: arrival.source,
            says,
            rtt,
            rtt_source,
            at: arrival.received.at,
            hop_limit: arrival.hop_limit,
            traffic_class: arrival.traffic_class,
            is_late: !is_current,
            is_duplicate: false,
            is_certain: true,
            quote: None,
            extensions: quoted.map(quote::extensions).unwrap_or_default(),
        });
        // With several tries each has a place of its own; a late answer has lost it.
        if self.step == Step::Done || !is_current && matches!(self.plan.tries, Tries::All(_)) {
            return Some(());
        }
        if let Says::Error { meaning: Meaning::PacketTooBig, mtu_bytes: Some(mtu_bytes), .. } = says
            && self.is_shorter(mtu_bytes)
        {
            self.shorten(now, mtu_bytes, Some((sent.hop, answer)), rtt);
            return Some(());
        }
        self.is_end |= !says.is_expired();
        if is_current {
            self.first_rtt = self.first_rtt.or(Some(rtt));
        }
        self.report(now, Event::Answer { asked: sent.hop, answer });
        self.end_try(now);
        Some(())
    }

    /// Something was heard. What was read together ends one try together.
    fn end_try(&mut self, now: Time) {
        if matches!(self.step, Step::Wait(_)) {
            self.go_on(now, true);
        } else if self.is_end && !self.is_narrower {
            self.step = Step::Done;
        }
    }
}

impl Engine for Walk {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        if let Step::Wait(until) = self.step
            && until <= now
        {
            self.go_on(now, false);
        }
        if let Some(report) = self.reports.pop_front() {
            return Output::Report(report);
        }
        match self.step {
            Step::Send => match self.last_send.map(|last| last + self.plan.gap) {
                Some(until) if until > now => Output::Wait { until, why: "gap between probes" },
                _ => Output::Send(self.launch(now, datagram)),
            },
            Step::Wait(until) => Output::Wait { until, why: "an answer" },
            Step::Done => Output::Done,
        }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        let _ = self.recognise(now, arrival);
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        let sent = usize::try_from(ticket).ok().and_then(|number| self.sent.get_mut(number));
        if let Some(sent) = sent {
            sent.departure.stamp_with(stamp);
        }
    }

    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault) {
        if self.step == Step::Done || ticket + 1 != self.sent.len() as u64 {
            return;
        }
        let took = self.last_send.map_or(Duration::ZERO, |last| now.since(last));
        match fault.reason {
            SendFaultReason::TooBig { mtu_bytes: Some(mtu_bytes) }
                if self.is_shorter(mtu_bytes) =>
            {
                self.shorten(now, mtu_bytes, None, took);
            }
            _ => {
                self.report(now, Event::Refused { fault, took });
                self.step = Step::Done;
            }
        }
    }

    fn receive_dropped(&mut self, _: u32) {}

    fn stop(&mut self, _: Time) {
        self.step = Step::Done;
    }
}
