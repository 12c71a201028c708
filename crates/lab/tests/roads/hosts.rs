//! Hosts at the end of the road, and the drivers' duties.

use super::*;
use probe::method::by_name;
use wire::tcp::Segment;
use wire::{tcp, udp};

#[test]
fn every_hop_answers_once_and_in_time() {
    each(|method, family| {
        let ride = trip(method, family, 6).over(&line("", ""));
        assert_eq!(ride.names(), ["r1", "r2", "r3", "b", "b", "b"], "{method:?} {family}");
        let rtts = ride.prober.heard.iter().map(|heard| heard.rtt.as_millis());
        assert_eq!(rtts.collect::<Vec<_>>(), [2, 6, 12, 20, 20, 20]);
        assert_eq!(ride.prober.heard.len(), 6, "the noise is not counted");
    });
}

#[test]
fn quotes_show_what_each_datagram_had_of_its_own() {
    each(|method, family| {
        let ride = trip(method, family, 3).over(&line("", ""));
        for number in 0..3 {
            let quoted = ride.heard(number).quoted();
            let is_v4 = family == Family::V4;
            assert_eq!(quoted.datagram.hop_limit, 1);
            let identification = if is_v4 { number as u32 + 1 } else { 0 };
            assert_eq!(quoted.datagram.identification, identification);
            assert_eq!(quoted.datagram.flow_label, if is_v4 { 0 } else { 0x12345 });
            let mut whole = Vec::new();
            method.encode(&ride.prober.question(number), &mut whole);
            assert_eq!(quoted.datagram.payload, whole, "{method:?} {family}");
        }
    });
}

/// The TCP answer of `b` to a segment with these flags.
fn answer(family: Family, b: &str, flags: u16) -> Option<(u16, u32, u32)> {
    let mut world = World::load(&line("", b), "test", None).expect("a scenario");
    let [from, to] = ["a", "b"].map(|name| {
        let node = world.node(name).expect("a node");
        world.addresses(node, family)[0]
    });
    let segment = Segment {
        source_port: 41_000,
        destination_port: 80,
        sequence: 0xffff_ffff,
        acknowledgment: 77,
        flags,
        window: 1_000,
        urgent: 0,
        options: &[],
        payload: b"ab",
    };
    let mut message = Vec::new();
    segment.emit(from, to, &mut message).expect("no options");
    let mut one = One { to, message, heard: Vec::new(), is_sent: false };
    let at = world.default_node();
    world.drive(at, Carrier::Tcp, &Envelope::default(), &mut one, &mut Deaf, &mut || None);
    let heard = one.heard.iter().find(|(source, bytes)| {
        *source == to
            && Segment::parse(bytes).is_ok_and(|s| s.source_port == 80)
            && Segment::parse(bytes).is_ok_and(|s| s.destination_port == 41_000)
    });
    heard.map(|(_, bytes)| {
        assert!(tcp::verify(to, from, bytes));
        let segment = Segment::parse(bytes).expect("whole");
        (segment.flags, segment.sequence, segment.acknowledgment)
    })
}

/// Sends one message and keeps everything of the carrier's.
struct One {
    to: IpAddr,
    message: Vec<u8>,
    heard: Vec<(IpAddr, Vec<u8>)>,
    is_sent: bool,
}

impl Engine for One {
    type Report = ();

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<()> {
        if now >= Time(1_000_000_000) {
            return Output::Done;
        }
        if std::mem::replace(&mut self.is_sent, true) {
            return Output::Wait { until: Time(1_000_000_000), why: "listens" };
        }
        datagram.clone_from(&self.message);
        let header = Own::default();
        Output::Send(Transmit { to: self.to, zone: 0, lane: 0, ticket: 0, header })
    }

    fn receive(&mut self, _now: Time, arrival: &Arrival<'_>) {
        if arrival.protocol == Carrier::Tcp.protocol(Family::of(self.to)) {
            self.heard.push((arrival.source, arrival.payload.to_vec()));
        }
    }

    fn sent(&mut self, _ticket: Ticket, _stamp: Stamp) {}
    fn send_failed(&mut self, _now: Time, _ticket: Ticket, _fault: SendFault) {}
    fn receive_dropped(&mut self, _count: u32) {}
    fn stop(&mut self, _now: Time) {}
}

impl Observer<One> for Deaf {
    fn report(&mut self, _engine: &One, _report: ()) {}
}

#[test]
fn segments_are_answered_as_the_standard_says() {
    use tcp::flag::{ACK, FIN, RST, SYN};
    for family in Family::ALL {
        let open = |flags| answer(family, "tcp = [443, 80]", flags);
        let closed = |flags| answer(family, "", flags);
        // The sequence number is the last one, so the next is 0; two bytes of data follow.
        assert_eq!(closed(SYN), Some((RST | ACK, 0, 2)));
        assert_eq!(closed(FIN), Some((RST | ACK, 0, 2)));
        assert_eq!(closed(0), Some((RST | ACK, 0, 1)));
        assert_eq!(closed(ACK), Some((RST, 77, 0)));
        assert_eq!(closed(RST), None);
        let (flags, first, acknowledgment) = open(SYN).expect("an answer");
        assert_eq!((flags, acknowledgment), (SYN | ACK, 0));
        assert_eq!(open(SYN), Some((flags, first, 0)), "the same again");
        assert_eq!(open(ACK), Some((RST, 77, 0)));
        assert_eq!(open(0), None);
        assert_eq!(open(RST | ACK), None);
        // A filter speaks before TCP does.
        assert_eq!(answer(family, "tcp = [80], prohibits = true", SYN), None);
        assert_eq!(answer(family, "silent = true", SYN), Some((RST | ACK, 0, 2)));
    }
}

#[test]
fn targets_greet_by_method() {
    let greetings =
        [("udp", "udp = [33434]", Greeting::Datagram), ("icmp", "", Greeting::EchoReply)];
    let tcp = [("tcp", "tcp = [80]", Greeting::SynAck), ("tcp", "", Greeting::Reset)];
    for family in Family::ALL {
        for (name, b, greeting) in greetings.into_iter().chain(tcp) {
            let method = by_name(name).expect("a method");
            let mut trip = trip(method, family, 4);
            trip.asks.drain(..3);
            let ride = trip.over(&line("", b));
            let heard = ride.heard(0);
            assert_eq!(heard.greeting, Some(greeting), "{name} {family}");
            assert_eq!(heard.hop_limit, 61);
            if greeting == Greeting::Datagram {
                let answer = udp::Message::parse(&heard.message).expect("whole");
                let (from, to) = (ride.address("b", 0), ride.address("a", 0));
                assert!(udp::verify(from, to, &heard.message));
                let mut asked = Vec::new();
                method.encode(&ride.prober.question(0), &mut asked);
                assert_eq!(answer.payload, &asked[8..]);
            }
        }
        let closed = trip(by_name("udp").expect("udp"), family, 4).over(&line("", ""));
        assert_eq!(closed.heard(3).meaning(), Some(Meaning::PortUnreachable));
    }
}
