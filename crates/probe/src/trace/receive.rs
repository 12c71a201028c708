//! What arrives: which probe it belongs to, whether it proves so, and what it says.

use super::engine::Trace;
use super::flights::{Flight, State};
use super::quote::{self, Sent};
use super::{Answer, Naming, Says, identity};
use crate::method::{Proof, Trail};
use crate::{Arrival, Carrier, Time};
use wire::Family;
use wire::icmp::{self, Error, Message, Quoted};

/// So many of the newest probes are looked through for a token.
const PROVEN_MAX: usize = 256;

/// Which probe an arrival is about.
enum About {
    /// That one of that road; whether it says so itself.
    Probe { road: u32, number: u64, is_certain: bool },
    /// One of that road, nobody can tell which.
    AnyOf(u32),
}

impl Trace {
    pub(super) fn take_arrival(&mut self, now: Time, arrival: &Arrival<'_>) {
        if self.recognise(now, arrival).is_none() {
            self.foreign += 1;
        }
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
        let about = self.about_answer(arrival, &trail)?;
        self.settle(now, arrival, about, Says::Greeting(greeting), None)
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
        let about = self.about_quote(&quoted, &trail)?;
        let says = Says::Error {
            meaning: error.meaning,
            kind: error.kind,
            code: error.code,
            mtu_bytes: error.mtu_bytes(),
        };
        self.settle(now, arrival, about, says, Some((&quoted, &trail)))
    }

    /// The probe that a target's own answer is to.
    fn about_answer(&self, arrival: &Arrival<'_>, trail: &Trail) -> Option<About> {
        let lane = self.lane_of(trail.port)?;
        let known = self.by_address.get(&arrival.source).copied();
        let road = match known {
            Some(road) => road,
            // Somebody answers in the target's stead; without a proof that may be anybody.
            None if self.roads.len() == 1 && trail.proof != Proof::None => 0,
            None => return None,
        };
        let flights = &self.roads.get(road as usize)?.flights;
        if trail.to_port.is_some() && self.plan.is_steady() && trail.to_port != Some(self.plan.port)
        {
            return None;
        }
        let named = match (self.plan.naming, trail.to_port) {
            // From a port that no probe went to nobody answers.
            (Naming::CountingPort, Some(port)) => Some(self.number_of_port(road, port)?),
            _ => self.number_of_mark(road, trail),
        };
        match named {
            Some(number) => {
                let flight = flights.find(number)?;
                let fits = self.plan.lane_of(flight.flow) == lane;
                let is_ours = fits && self.proves(road, number, trail);
                is_ours.then_some(About::Probe { road, number, is_certain: true })
            }
            None if trail.mark.is_some() => None,
            None => {
                // Nothing names the probe: the nearest that can have got there.
                let heard = self.roads[road as usize].heard();
                let is_likely = |f: &Flight| self.plan.lane_of(f.flow) == lane && f.hop > heard;
                let open = flights.open().filter(|(_, flight)| is_likely(flight));
                let (number, _) = open.min_by_key(|(number, flight)| (flight.hop, *number))?;
                Some(About::Probe { road, number, is_certain: false })
            }
        }
    }

    /// The probe that an error quotes.
    fn about_quote(&self, quoted: &Quoted<'_>, trail: &Trail) -> Option<About> {
        let datagram = &quoted.datagram;
        let known = self.by_address.get(&datagram.destination).copied();
        let road = match known {
            Some(road) => road,
            None if self.roads.len() == 1 => 0,
            None => return None,
        };
        let lane = self.lane_of(trail.port);
        // A translator may have changed destination and ports; then the proof must be there.
        let is_plain = known.is_some() && lane.is_some() && self.fits_port(trail);
        let named = self.named_by(road, quoted, trail);
        let named = named.filter(|number| self.proves(road, *number, trail));
        let number = match named.or_else(|| self.proven_by(road, lane?, trail)) {
            Some(number) => number,
            // Whoever shows a token that is not ours names another's probe.
            None if is_plain
                && trail.proof == Proof::None
                && self.is_silent_about_names(quoted, trail) =>
            {
                return self.only_one(road, lane?);
            }
            None => return None,
        };
        let is_proven = matches!(trail.proof, Proof::Token(_) | Proof::Short(_));
        (is_plain || is_proven).then_some(About::Probe { road, number, is_certain: true })
    }

    /// The probe that a quote's two names lead to. Where they disagree, a translator has rewritten
    /// one, and the other leads to a probe that fits better.
    fn named_by(&self, road: u32, quoted: &Quoted<'_>, trail: &Trail) -> Option<u64> {
        let roads = self.roads.get(road as usize)?;
        let count = roads.flights.count();
        let by_transport = match self.plan.naming {
            Naming::Steady => self.number_of_mark(road, trail),
            Naming::CountingPort => trail.to_port.and_then(|port| self.number_of_port(road, port)),
        };
        let identification = quoted.datagram.identification as u16;
        let by_header = |identification: u16| {
            let is_there = quoted.datagram.fragment.is_none() && self.plan.sees_quoted_headers;
            let number = self.identity.number_of_identification(identification, count);
            number.filter(|_| is_there && self.is_v4_like(quoted))
        };
        let candidates = [
            by_transport,
            by_header(identification),
            // Some routers quote it with its bytes swapped.
            by_header(identification.swap_bytes()),
        ];
        let rank = |number: &u64| {
            let flight = roads.flights.find(*number)?;
            let votes = candidates.iter().flatten().filter(|other| *other == number).count();
            let is_open = flight.is_open();
            let proves = self.proves(road, *number, trail);
            Some((proves, is_open, votes))
        };
        let ranked =
            candidates.iter().flatten().filter_map(|number| Some((rank(number)?, *number)));
        // Of equals the last: what NAT leaves alone, the header's name, comes after.
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, number)| number)
    }

    /// The probe whose token a quote shows, where its names were not seen or are another's now.
    fn proven_by(&self, road: u32, lane: u16, trail: &Trail) -> Option<u64> {
        if !matches!(trail.proof, Proof::Token(_)) {
            return None;
        }
        let flights = &self.roads.get(road as usize)?.flights;
        let newest = (0..flights.count()).rev().take(PROVEN_MAX);
        let is_of_lane =
            |number: &u64| flights.find(*number).is_some_and(|f| self.plan.lane_of(f.flow) == lane);
        newest.filter(is_of_lane).find(|number| self.proves(road, *number, trail))
    }

    /// Whether a quote is too short to name its probe.
    fn is_silent_about_names(&self, quoted: &Quoted<'_>, trail: &Trail) -> bool {
        let has_name = trail.mark.is_some() && self.marks();
        let header = quoted.datagram.identification != 0 && self.plan.sees_quoted_headers;
        self.plan.is_steady() && !has_name && !header
    }

    /// The probe in the air, if there is just one.
    fn only_one(&self, road: u32, lane: u16) -> Option<About> {
        let flights = &self.roads.get(road as usize)?.flights;
        let is_one = |f: &Flight| self.plan.lane_of(f.flow) == lane && f.state == State::InFlight;
        let mut open = flights.open().filter(|(_, flight)| is_one(flight));
        match (open.next(), open.next()) {
            (Some((number, _)), None) => Some(About::Probe { road, number, is_certain: true }),
            (None, _) => None,
            _ => Some(About::AnyOf(road)),
        }
    }

    /// Whether probes bear their mark.
    fn marks(&self) -> bool {
        self.plan.is_steady() && self.plan.payload_bytes >= self.plan.method.mark_min_bytes()
    }

    /// Whether a quote's header has an identification of our choice.
    fn is_v4_like(&self, quoted: &Quoted<'_>) -> bool {
        quoted.datagram.destination.is_ipv4()
    }

    fn number_of_mark(&self, road: u32, trail: &Trail) -> Option<u64> {
        let count = self.roads.get(road as usize)?.flights.count();
        let mark = trail.mark.filter(|_| self.marks())?;
        self.identity.number_of_mark(mark, count)
    }

    fn number_of_port(&self, road: u32, port: u16) -> Option<u64> {
        let count = self.roads.get(road as usize)?.flights.count();
        let rest = u64::from(port.wrapping_sub(self.plan.port));
        identity::newest(rest, 1 << 16, count)
    }

    fn fits_port(&self, trail: &Trail) -> bool {
        !self.plan.is_steady() || trail.to_port.is_none_or(|port| port == self.plan.port)
    }

    fn lane_of(&self, port: u16) -> Option<u16> {
        let at = self.plan.identifiers.iter().position(|known| *known == port)?;
        u16::try_from(at).ok()
    }

    fn proves(&self, road: u32, number: u64, trail: &Trail) -> bool {
        let to = self.roads[road as usize].destination.target.address;
        trail.proof.agrees(self.identity.token(number, to))
    }

    fn settle(
        &mut self,
        now: Time,
        arrival: &Arrival<'_>,
        about: About,
        says: Says,
        quote: Option<(&Quoted<'_>, &Trail)>,
    ) -> Option<()> {
        let (index, number, is_certain) = match about {
            About::Probe { road, number, is_certain } => (road, number, is_certain),
            About::AnyOf(index) => {
                self.visit(index, now, |road, turn| road.cannot_tell(turn.plan, now));
                return Some(());
            }
        };
        let road = &self.roads[index as usize];
        let flight = road.flights.find(number).filter(|f| f.state != State::Forgotten)?;
        let (rtt, rtt_source) = flight.departure.round_trip(arrival.received);
        let shown = quote.map(|(quoted, trail)| {
            let sent = self.as_sent(index, number, flight);
            quote::compare(&sent, quoted, trail, self.plan.sees_quoted_headers)
        });
        let extensions = quote.map(|(quoted, _)| quote::extensions(quoted)).unwrap_or_default();
        let answer = Answer {
            from: arrival.source,
            says,
            rtt,
            rtt_source,
            at: arrival.received.at,
            hop_limit: arrival.hop_limit,
            traffic_class: arrival.traffic_class,
            is_late: false,
            is_duplicate: false,
            is_certain,
            quote: shown,
            extensions,
        };
        self.visit(index, now, |road, turn| road.take(turn, number, answer));
        Some(())
    }

    fn as_sent(&self, index: u32, number: u64, flight: &Flight) -> Sent {
        let destination = self.roads[index as usize].destination;
        let to = destination.target.address;
        Sent {
            source: destination.source,
            to,
            port: self.plan.identifiers[usize::from(self.plan.lane_of(flight.flow))],
            to_port: self.plan.method.usual_port().map(|_| flight.port),
            traffic_class: self.plan.traffic_class,
            identification: to.is_ipv4().then(|| self.identity.identification(number)),
            flow_label: self.plan.flow_label_of(flight.flow).filter(|_| to.is_ipv6()),
            checksum: flight.checksum,
            checksum_offset: self.plan.method.checksum_offset(),
        }
    }
}
