//! What the child does when it is to trace: a small engine that sends a probe to each hop at once
//! and prints what comes of it, and servers for it to find.

use net::{Network, Want};
use probe::method::{self, Greeting, Method, Proof, Question};
use probe::targets::Target;
use probe::{Arrival, Engine, Observer, Output, Own, SendFault, Stamp, StampedBy, Time, Transmit};
use std::collections::VecDeque;
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, TcpListener, UdpSocket};
use std::time::Duration;
use wire::ext::{self, Label, Object, Structure};
use wire::icmp::{self, Meaning, Message};
use wire::ip::{Header, protocol};
use wire::{Family, udp};

/// What is sent.
pub struct Trace {
    pub method: &'static dyn Method,
    pub target: Target,
    pub port: u16,
    /// The last hop to ask, and how many probes each hop gets.
    pub hops: u8,
    pub queries: u8,
    pub payload_bytes: usize,
    pub label: Option<u32>,
    /// Our address, where the system is not to be asked.
    pub source: Option<IpAddr>,
    /// How long answers are waited for.
    pub patience: Duration,
    /// From one probe to the next.
    pub gap: Duration,
}

/// Traces and prints.
pub fn run(trace: Trace, want: &Want, network: &mut Network) {
    let Target { address, zone } = trace.target;
    let family = Family::of(address);
    let interface = want.interface.as_deref();
    let found = || net::source_towards(address, zone, want.envelope.source, interface, None);
    let source = trace.source.unwrap_or_else(|| found().expect("there is a route"));
    println!(
        "sees headers={} flows={}",
        network.sees_quoted_headers(family),
        network.holds_flows(family)
    );
    let mut engine = Tracer {
        source,
        ports: network.identifiers().to_vec(),
        sent: Vec::new(),
        next_at: network.now(),
        lines: VecDeque::new(),
        open: 0,
        strangers: 0,
        end: Time::NEVER,
        trace,
    };
    network.drive(&mut engine, &mut Printer).expect("the loop goes on");
    println!("end sent={} strangers={}", engine.sent.len(), engine.strangers);
}

struct Printer;

impl<E: Engine<Report = String>> Observer<E> for Printer {
    fn report(&mut self, _engine: &E, line: String) {
        println!("{line}");
    }
}

struct Tracer {
    trace: Trace,
    source: IpAddr,
    ports: Vec<u16>,
    sent: Vec<Stamp>,
    next_at: Time,
    lines: VecDeque<String>,
    open: usize,
    strangers: u32,
    end: Time,
}

/// The upper bytes of every token.
const TOKEN: u64 = 0x5eed_0bad_cafe_0000;

impl Tracer {
    fn probes(&self) -> usize {
        usize::from(self.trace.hops) * usize::from(self.trace.queries)
    }

    fn send(&mut self, now: Time, datagram: &mut Vec<u8>) -> Transmit {
        let ticket = self.sent.len() as u64;
        let lane = (ticket % self.ports.len() as u64) as u16;
        let question = Question {
            source: self.source,
            to: self.trace.target.address,
            port: self.ports[usize::from(lane)],
            to_port: self.trace.port,
            flow: 0x4321,
            mark: 1 + ticket as u16,
            token: TOKEN | ticket,
            payload_bytes: self.trace.payload_bytes,
            is_steady: true,
        };
        datagram.clear();
        self.trace.method.encode(&question, datagram);
        self.sent.push(Stamp { at: now, by: StampedBy::Program });
        self.next_at = now + self.trace.gap;
        self.open += 1;
        self.end = now + self.trace.patience;
        let header = Own {
            source: Some(self.source),
            hop_limit: Some(1 + (ticket % u64::from(self.trace.hops)) as u8),
            identification: Some(0x7000 | ticket as u16),
            flow_label: self.trace.label,
        };
        Transmit { to: question.to, zone: self.trace.target.zone, lane, ticket, header }
    }

    /// The ticket that a mark, or else a proof, names.
    fn ticket(&self, mark: Option<u16>, proof: Proof) -> Option<usize> {
        let ticket = match (mark, proof) {
            (Some(mark), _) => usize::from(mark).checked_sub(1)?,
            (None, Proof::Token(token)) if token & !0xffff == TOKEN => (token & 0xffff) as usize,
            _ => return None,
        };
        let agrees = proof.agrees(TOKEN | ticket as u64);
        (ticket < self.sent.len() && agrees).then_some(ticket)
    }

    fn read(&self, arrival: &Arrival<'_>) -> Option<(usize, String)> {
        let family = Family::of(arrival.source);
        let method = self.trace.method;
        if arrival.protocol == icmp::protocol(family)
            && let Ok(Message::Error(error)) = Message::parse(family, arrival.payload)
        {
            let quoted = error.parse_quoted().ok()?;
            let datagram = &quoted.datagram;
            let trail = method.recognise_quoted(datagram.payload)?;
            let ticket = self.ticket(trail.mark, trail.proof)?;
            let summed = self.trace.method.name() == "icmp" || arrival.destination.is_some();
            return Some((
                ticket,
                format!(
                    "error {:?} to={} lane={:?} ttl={} id={:#x} label={:#x} port={:?} sum={} \
                     bytes={} extension={:02x?}",
                    error.meaning,
                    datagram.destination,
                    self.ports.iter().position(|port| *port == trail.port),
                    datagram.hop_limit,
                    datagram.identification,
                    datagram.flow_label,
                    trail.to_port,
                    summed && self.is_summed(arrival),
                    datagram.payload.len(),
                    quoted.extension.unwrap_or_default(),
                ),
            ));
        }
        if arrival.protocol != method.carrier().protocol(family) {
            return None;
        }
        let (trail, greeting) = method.recognise_answer(arrival.payload)?;
        let lane = self.ports.iter().position(|port| *port == trail.port)?;
        let proof = match greeting {
            Greeting::Datagram => {
                Proof::Token(u64::from_be_bytes(*arrival.payload.get(8..)?.first_chunk()?))
            }
            _ => trail.proof,
        };
        let ticket = self.ticket(trail.mark, proof)?;
        Some((ticket, format!("answer {greeting:?} lane={lane} sum={}", self.is_summed(arrival))))
    }

    /// Whether the checksum of an ICMP message is right.
    fn is_summed(&self, arrival: &Arrival<'_>) -> bool {
        let is_icmp = arrival.protocol == icmp::protocol(Family::of(arrival.source));
        !is_icmp || icmp::verify(arrival.source, self.source, arrival.payload)
    }
}

impl Engine for Tracer {
    type Report = String;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<String> {
        if let Some(line) = self.lines.pop_front() {
            return Output::Report(line);
        }
        let is_complete = self.sent.len() == self.probes();
        if !is_complete && now >= self.next_at {
            return Output::Send(self.send(now, datagram));
        }
        if is_complete && (self.open == 0 || now >= self.end) {
            return Output::Done;
        }
        Output::Wait { until: if is_complete { self.end } else { self.next_at }, why: "answers" }
    }

    fn receive(&mut self, _now: Time, arrival: &Arrival<'_>) {
        let Some((ticket, what)) = self.read(arrival) else {
            self.strangers += 1;
            return;
        };
        self.open = self.open.saturating_sub(1);
        let sent = self.sent[ticket];
        let rtt = arrival.received.at.since(sent.at);
        let is_sane = arrival.received.at > sent.at && rtt < Duration::from_secs(2);
        self.lines.push_back(format!(
            "{ticket} {what} from={} hop_limit={:?} rtt={} sent_by={:?} received_by={:?}",
            arrival.source,
            arrival.hop_limit,
            if is_sane { "sane" } else { "absurd" },
            sent.by,
            arrival.received.by,
        ));
    }

    fn sent(&mut self, ticket: u64, stamp: Stamp) {
        self.sent[ticket as usize] = stamp;
    }

    fn send_failed(&mut self, _now: Time, ticket: u64, fault: SendFault) {
        self.open = self.open.saturating_sub(1);
        self.lines.push_back(format!("{ticket} send error {:?}", fault.reason));
    }

    fn receive_dropped(&mut self, count: u32) {
        self.lines.push_back(format!("dropped {count}"));
    }

    fn stop(&mut self, _now: Time) {
        self.end = Time::ZERO;
    }
}

/// The method of that name.
pub fn method(name: &str) -> &'static dyn Method {
    method::by_name(name).unwrap_or_else(|| panic!("no method {name}"))
}

/// Sends back what comes by UDP to a port, and listens for TCP there, until killed.
pub fn serve(port: u16) {
    let any = (Ipv6Addr::UNSPECIFIED, port);
    let udp = UdpSocket::bind(any).expect("the port is free");
    let _tcp = TcpListener::bind(any).expect("the port is free");
    println!("serving");
    std::io::stdout().flush().expect("stdout is open");
    let mut buffer = [0; 2_048];
    while let Ok((length, from)) = udp.recv_from(&mut buffer) {
        udp.send_to(&buffer[..length], from).expect("there is a way back");
    }
}

/// Answers a UDP datagram as a router would that knows its labels: time exceeded, with an extension
/// behind a padded quote.
pub fn forge(port: u16, ours: IpAddr, mut network: Network) {
    let udp = UdpSocket::bind((ours, port)).expect("the port is free");
    println!("forging");
    std::io::stdout().flush().expect("stdout is open");
    let mut buffer = [0; 2_048];
    let (length, from) = udp.recv_from(&mut buffer).expect("something comes");
    let probe = udp::Message {
        source_port: from.port(),
        destination_port: port,
        has_checksum: true,
        payload: &buffer[..length],
    };
    let [mut message, mut quote] = [Vec::new(), Vec::new()];
    probe.emit(from.ip(), ours, &mut message).expect("it fits");
    let header = Header::new(from.ip(), ours, protocol::UDP);
    header.emit(&message, &mut quote).expect("it fits");
    let label = Label { label: 77, traffic_class: 0, is_bottom: true, hop_limit: 1 };
    let mut objects = Vec::new();
    let stack = Object { class: 1, kind: 1, body: &label.bytes() };
    stack.emit(&mut objects).expect("it is short");
    let structure = Structure { has_checksum: true, bytes: &objects };
    let family = Family::of(ours);
    let (unit_bytes, shift) = if ours.is_ipv4() { (4, 16) } else { (8, 24) };
    let (units, body) = ext::extend(&quote, &structure, unit_bytes).expect("it fits");
    let meaning = Meaning::HopLimitExceeded;
    let (kind, code) = meaning.numbers(family).expect("both families have it");
    let word = u32::from(units) << shift;
    let error = icmp::Error { meaning, kind, code, word, body: &body };
    let mut bytes = Vec::new();
    Message::Error(error).emit(family, &mut bytes);
    network.drive(&mut Once(Some((from.ip(), bytes))), &mut Printer).expect("it leaves");
}

/// Sends one message.
struct Once(Option<(IpAddr, Vec<u8>)>);

impl Engine for Once {
    type Report = String;

    fn poll(&mut self, _now: Time, datagram: &mut Vec<u8>) -> Output<String> {
        let Some((to, bytes)) = self.0.take() else { return Output::Done };
        *datagram = bytes;
        Output::Send(Transmit { to, zone: 0, lane: 0, ticket: 0, header: Own::default() })
    }

    fn receive(&mut self, _now: Time, _arrival: &Arrival<'_>) {}

    fn sent(&mut self, _ticket: u64, _stamp: Stamp) {}

    fn send_failed(&mut self, _now: Time, _ticket: u64, fault: SendFault) {
        println!("send error {:?}", fault.reason);
    }

    fn receive_dropped(&mut self, _count: u32) {}

    fn stop(&mut self, _now: Time) {}
}
