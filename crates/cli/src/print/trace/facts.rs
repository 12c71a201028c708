//! What hops tell beside their round trips: who answered what, what was changed on the way and
//! where, how far the way back is.

use probe::trace::{Answer, Change, Extension, Hop, Outcome, Probe, Says};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// What systems start their hop limits at.
const INITIAL_HOP_LIMITS: [u8; 3] = [64, 128, 255];

/// A way back that differs by less from the way out is not worth a word.
const DETOUR_MIN: i16 = 2;

/// What is to be told of one hop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Who answered what, in the order of the first answers.
    pub responders: Vec<Responder>,
    /// What became of each probe.
    pub tries: Vec<Try>,
    /// What no hop before had shown.
    pub changes: Vec<Located>,
    /// The hop limit with which a probe that ran out arrived, where that was not 1.
    pub quoted_hop_limit: Option<u8>,
    /// How many hops the answers came back over, guessed from their hop limit.
    pub back_hops: Option<u8>,
    /// Whether that is noticeably more or less than the way out, other than at the hop before.
    pub is_detour_news: bool,
}

/// Somebody who answered, and what.
#[derive(Clone, Debug, PartialEq)]
pub struct Responder {
    /// Who.
    pub from: IpAddr,
    /// What.
    pub says: Says,
    /// Whether each answer names its probe.
    pub is_certain: bool,
    /// What extends the answers; each once.
    pub extensions: Vec<Extension>,
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// An answer: index of the responder, and the round trip.
    Answer(usize, Duration),
    /// None.
    Silent,
    /// This host lost it.
    LocalDrop,
    /// It did not leave.
    NotSent,
    /// The run was interrupted.
    InFlight,
}

/// A change, and where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// What changed.
    pub change: Change,
    /// The last hop before that showed the probe without the change; `None` if none did.
    pub after_hop: Option<u8>,
}

/// What is remembered of a road from hop to hop.
#[derive(Clone, Debug, Default)]
pub struct Track {
    known: BTreeSet<Known>,
    /// The last hop that showed what it got.
    shown_at: Option<u8>,
    /// Who answered so far.
    responders: BTreeSet<IpAddr>,
    /// By how much the way back exceeded the way out, as last told.
    detour: i16,
}

/// A change that was told; what differs from probe to probe by nature left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    Source(IpAddr),
    Destination(IpAddr),
    Port(u16),
    ToPort(u16),
    TrafficClass(u8),
    Swapped,
    Identification,
    FlowLabel(u32),
    Checksum(u16),
}

impl Known {
    fn of(change: Change) -> Known {
        match change {
            Change::Source(address) => Known::Source(address),
            Change::Destination(address) => Known::Destination(address),
            Change::Port { got, .. } => Known::Port(got),
            Change::ToPort { got, .. } => Known::ToPort(got),
            Change::TrafficClass { got, .. } => Known::TrafficClass(got),
            Change::Identification { sent, got } if sent.swap_bytes() == got => Known::Swapped,
            Change::Identification { .. } => Known::Identification,
            Change::FlowLabel { got, .. } => Known::FlowLabel(got),
            // Probes have checksums of their own, but what a translator adds is the same for all.
            Change::Checksum { sent, got } => Known::Checksum(difference(sent, got)),
        }
    }
}

/// `got` less `sent` in the arithmetic of checksums (RFC 1624), in which 0xffff is 0.
fn difference(sent: u16, got: u16) -> u16 {
    let sum = u32::from(got) + u32::from(!sent);
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded % 0xffff) as u16
}

impl Track {
    /// Takes the road's next hop.
    pub fn take(&mut self, hop: &Hop) -> Facts {
        let mut facts = Facts::default();
        for probe in &hop.probes {
            let fate = match &probe.outcome {
                Outcome::Answer(answer) => Try::Answer(facts.responder(answer), answer.rtt),
                Outcome::Silent | Outcome::Moot => Try::Silent,
                Outcome::SendError(_) => Try::NotSent,
                Outcome::LocalDrop => Try::LocalDrop,
                Outcome::InFlight => Try::InFlight,
            };
            facts.tries.push(fate);
        }
        let mut has_quote = false;
        for answer in hop.probes.iter().filter_map(answer_of) {
            let Some(quote) = &answer.quote else { continue };
            has_quote = true;
            for change in &quote.changes {
                if self.known.insert(Known::of(*change)) {
                    let after_hop = self.shown_at;
                    facts.changes.push(Located { change: *change, after_hop });
                }
            }
            if answer.says.is_expired() {
                let odd = quote.hop_limit.filter(|hop_limit| *hop_limit != 1);
                facts.quoted_hop_limit = facts.quoted_hop_limit.or(odd);
            }
        }
        if has_quote {
            self.shown_at = Some(hop.hop);
        }
        self.judge_way_back(hop, &mut facts);
        facts
    }

    fn judge_way_back(&mut self, hop: &Hop, facts: &mut Facts) {
        let mut hop_limits = hop.probes.iter().filter_map(answer_of).filter_map(|it| it.hop_limit);
        facts.back_hops = hop_limits.next().and_then(back_hops);
        // In a loop the way out grows and the way back does not.
        let first = facts.responders.first().filter(|it| !self.responders.contains(&it.from));
        let is_new = first.is_some();
        self.responders.extend(facts.responders.iter().map(|it| it.from));
        let Some(back) = facts.back_hops.filter(|_| is_new) else { return };
        let detour = i16::from(back) - i16::from(hop.hop);
        if (detour - self.detour).abs() >= DETOUR_MIN {
            self.detour = detour;
            facts.is_detour_news = true;
        }
    }
}

/// How many hops away whoever sent a packet is that arrived with this hop limit: as many as its
/// routers took off the nearest usual initial value, and one.
pub fn back_hops(hop_limit: u8) -> Option<u8> {
    let initial = INITIAL_HOP_LIMITS.into_iter().find(|initial| *initial >= hop_limit)?;
    (initial - hop_limit).checked_add(1)
}

fn answer_of(probe: &Probe) -> Option<&Answer> {
    match &probe.outcome {
        Outcome::Answer(answer) => Some(answer),
        _ => None,
    }
}

impl Facts {
    /// The index of whoever answered, who may be new.
    fn responder(&mut self, answer: &Answer) -> usize {
        let same = |it: &Responder| it.from == answer.from && it.says == answer.says;
        let at = self.responders.iter().position(same).unwrap_or_else(|| {
            self.responders.push(Responder {
                from: answer.from,
                says: answer.says,
                is_certain: true,
                extensions: Vec::new(),
            });
            self.responders.len() - 1
        });
        let responder = &mut self.responders[at];
        responder.is_certain &= answer.is_certain;
        for extension in &answer.extensions {
            if !responder.extensions.contains(extension) {
                responder.extensions.push(extension.clone());
            }
        }
        at
    }

    /// Whether nobody answered, and nothing else is to be told.
    pub fn is_silent(&self) -> bool {
        self.tries.iter().all(|fate| *fate == Try::Silent)
    }
}
