//! What probes meet on their road, by every method and in both families. The engine here sends what
//! it is told and tells its probes from the noise by their marks, as a trace does.

use lab::World;
use probe::method::{self, Greeting, Method, Proof, Question};
use probe::{
    Arrival, Carrier, Engine, Envelope, Fragmentation, Observer, Output, Own, SendFault, Stamp,
    Ticket, Time, Transmit,
};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::{Error, Meaning, Message, Quoted};

mod balance;
mod errors;
mod gateway;
mod hostile;
mod hosts;
mod nat;
mod noise;
mod shown;
mod ways;

/// A probe that is to be sent.
#[derive(Clone, Copy, Debug)]
struct Ask {
    at: Time,
    hop: u8,
    port: u16,
    to_port: u16,
    flow: u16,
    payload_bytes: usize,
}

/// An answer to a probe.
#[derive(Clone, Debug)]
struct Heard {
    /// Which probe, 0-based.
    probe: usize,
    from: IpAddr,
    rtt: Duration,
    hop_limit: u8,
    /// The transport message.
    message: Vec<u8>,
    greeting: Option<Greeting>,
}

impl Heard {
    fn family(&self) -> Family {
        Family::of(self.from)
    }

    fn error(&self) -> Error<'_> {
        match Message::parse(self.family(), &self.message) {
            Ok(Message::Error(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn meaning(&self) -> Option<Meaning> {
        self.greeting.is_none().then(|| self.error().meaning)
    }

    fn quoted(&self) -> Quoted<'_> {
        let error = self.error();
        error.parse_quoted().expect("a quote")
    }
}

/// Sends probes and keeps what answers them.
struct Prober {
    method: &'static dyn Method,
    source: IpAddr,
    to: IpAddr,
    asks: VecDeque<Ask>,
    sent: Vec<Ask>,
    faults: Vec<(usize, SendFault)>,
    heard: Vec<Heard>,
    /// What was not recognised: source and transport message.
    strange: Vec<(IpAddr, Vec<u8>)>,
    end: Time,
    is_stopped: bool,
}

/// How long after its last probe a prober listens.
const LISTENS: Duration = Duration::from_secs(5);

impl Prober {
    fn question(&self, number: usize) -> Question {
        let ask = self.sent[number];
        Question {
            source: self.source,
            to: self.to,
            port: ask.port,
            to_port: ask.to_port,
            flow: ask.flow,
            mark: number as u16 + 1,
            token: 0x1122_3344_5566_0000 | (number as u64 + 0x77),
            payload_bytes: if self.method.carries_payload() { ask.payload_bytes } else { 0 },
            is_steady: true,
        }
    }

    /// Which probe a message is about, and the greeting if it answers it.
    fn recognise(&self, arrival: &Arrival<'_>) -> Option<(usize, Option<Greeting>)> {
        let family = Family::of(arrival.source);
        let is_icmp = arrival.protocol == Carrier::Icmp.protocol(family);
        if is_icmp && let Ok(Message::Error(error)) = Message::parse(family, arrival.payload) {
            let datagram = error.parse_quoted().ok()?.datagram;
            let is_ours = datagram.protocol == self.method.carrier().protocol(family);
            let trail = is_ours.then(|| self.method.recognise_quoted(datagram.payload))??;
            let number = usize::from(trail.mark?).checked_sub(1)?;
            let is_known = self.sent.get(number).is_some_and(|ask| ask.port == trail.port);
            let token = is_known.then(|| self.question(number).token)?;
            // Padding in front of extensions is no token.
            let is_ours = trail.proof == Proof::Token(0) || trail.proof.agrees(token);
            return is_ours.then_some((number, None));
        }
        if arrival.protocol != self.method.carrier().protocol(family) {
            return None;
        }
        let (trail, greeting) = self.method.recognise_answer(arrival.payload)?;
        let number = match trail.mark {
            Some(mark) => usize::from(mark).checked_sub(1)?,
            None => self.sent.iter().position(|ask| ask.port == trail.port)?,
        };
        let ask = self.sent.get(number)?;
        let is_ours = ask.port == trail.port
            && trail.to_port.is_none_or(|port| port == ask.to_port)
            && trail.proof.agrees(self.question(number).token);
        is_ours.then_some((number, Some(greeting)))
    }
}

impl Engine for Prober {
    type Report = ();

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<()> {
        if self.is_stopped || self.asks.is_empty() && now >= self.end {
            return Output::Done;
        }
        match self.asks.front().copied() {
            None => Output::Wait { until: self.end, why: "listens" },
            Some(ask) if ask.at > now => Output::Wait { until: ask.at, why: "next" },
            Some(ask) => {
                self.asks.pop_front();
                self.sent.push(Ask { at: now, ..ask });
                self.end = now + LISTENS;
                let number = self.sent.len() - 1;
                let question = self.question(number);
                datagram.clear();
                self.method.encode(&question, datagram);
                let header = Own {
                    source: Some(self.source),
                    hop_limit: Some(ask.hop),
                    identification: Some(question.mark),
                    flow_label: Some(0x12345),
                };
                let ticket = number as Ticket;
                Output::Send(Transmit { to: self.to, zone: 0, lane: 0, ticket, header })
            }
        }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        let Some((probe, greeting)) = self.recognise(arrival) else {
            self.strange.push((arrival.source, arrival.payload.to_vec()));
            return;
        };
        self.heard.push(Heard {
            probe,
            from: arrival.source,
            rtt: now.since(self.sent[probe].at),
            hop_limit: arrival.hop_limit.expect("seen here"),
            message: arrival.payload.to_vec(),
            greeting,
        });
    }

    fn sent(&mut self, _ticket: Ticket, _stamp: Stamp) {}

    fn send_failed(&mut self, _now: Time, ticket: Ticket, fault: SendFault) {
        self.faults.push((ticket as usize, fault));
    }

    fn receive_dropped(&mut self, _count: u32) {}

    fn stop(&mut self, _now: Time) {
        self.is_stopped = true;
    }
}

struct Deaf;

impl Observer<Prober> for Deaf {
    fn report(&mut self, _engine: &Prober, _report: ()) {}
}

/// A way to ask: everything that tests vary.
#[derive(Clone)]
struct Trip {
    method: &'static dyn Method,
    family: Family,
    to: &'static str,
    asks: Vec<Ask>,
    envelope: Envelope,
}

/// One probe to each hop from 1 on, to `b`, 10 ms apart.
fn trip(method: &'static dyn Method, family: Family, hops: u8) -> Trip {
    let ask = |hop: u8| Ask {
        at: Time(u64::from(hop) * 10_000_000),
        hop,
        port: 41_000,
        to_port: method.usual_port().unwrap_or(0),
        flow: 0x1234,
        payload_bytes: 32,
    };
    let envelope = Envelope { fragmentation: Fragmentation::Probe, ..Envelope::default() };
    Trip { method, family, to: "b", asks: (1..=hops).map(ask).collect(), envelope }
}

impl Trip {
    /// Asks as often as `count`, all the same hop, `gap` apart.
    fn repeated(mut self, hop: u8, count: u32, gap: Duration) -> Trip {
        let first = Ask { hop, ..self.asks[0] };
        let at = |n: u32| Time::ZERO + gap * n;
        self.asks = (0..count).map(|n| Ask { at: at(n), ..first }).collect();
        self
    }

    fn prober(&self, source: IpAddr, to: IpAddr) -> Prober {
        Prober {
            method: self.method,
            source,
            to,
            asks: self.asks.iter().copied().collect(),
            sent: Vec::new(),
            faults: Vec::new(),
            heard: Vec::new(),
            strange: Vec::new(),
            end: Time::ZERO,
            is_stopped: false,
        }
    }

    fn over(&self, text: &str) -> Ride {
        let mut world = World::load(text, "test", None).expect("a scenario");
        let at = world.default_node();
        let node = world.node(self.to).expect("a node");
        let to = world.addresses(node, self.family)[0];
        let source = world.source_towards(at, to).expect("a way");
        let mut prober = self.prober(source, to);
        let carrier = self.method.carrier();
        world.drive(at, carrier, &self.envelope, &mut prober, &mut Deaf, &mut || None);
        Ride { world, prober }
    }
}

/// What came of it.
struct Ride {
    world: World,
    prober: Prober,
}

impl Ride {
    /// Who answered each probe, by name; `*` if nobody, `?` if an address of nobody's.
    fn names(&self) -> Vec<String> {
        (0..self.prober.sent.len()).map(|number| self.name(number)).collect()
    }

    fn name(&self, number: usize) -> String {
        let from = |heard: &&Heard| heard.probe == number;
        let name = |heard: &Heard| self.world.name_of(heard.from).unwrap_or("?").to_string();
        self.prober.heard.iter().find(from).map_or("*".to_string(), name)
    }

    fn heard(&self, number: usize) -> &Heard {
        let heard = self.prober.heard.iter().find(|heard| heard.probe == number);
        heard.expect("an answer")
    }

    fn address(&self, name: &str, index: usize) -> IpAddr {
        let node = self.world.node(name).expect("a node");
        self.world.addresses(node, Family::of(self.prober.to))[index]
    }
}

/// Every method in both families.
fn each(mut check: impl FnMut(&'static dyn Method, Family)) {
    for method in method::ALL {
        for family in Family::ALL {
            check(*method, family);
        }
    }
}

/// A host, three routers in a row and a host; what the second router and the last host are.
fn line(r2: &str, b: &str) -> String {
    format!(
        r#"
        [host]
        a = {{}}
        b = {{ {b} }}
        [router]
        r1 = {{}}
        r2 = {{ {r2} }}
        r3 = {{}}
        [[link]]
        ends = ["a", "r1"]
        delay = "1ms"
        [[link]]
        ends = ["r1", "r2"]
        delay = "2ms"
        [[link]]
        ends = ["r2", "r3"]
        delay = "3ms"
        [[link]]
        ends = ["r3", "b"]
        delay = "4ms"
        "#
    )
}
