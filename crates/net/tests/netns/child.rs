//! The other half of each test: this test binary once more, in a namespace, running the ping engine
//! as an environment variable says and printing what it finds, a line each.
#![expect(clippy::disallowed_methods, reason = "a program that is held up has to be held up")]

use crate::tracer::{self, Trace};
use net::{Access, Batch, Network, Stamps, Waker, Want};
use probe::ping::{Goal, Outcome, Pace, Ping, Plan, Reply, Report};
use probe::targets::{Target, Targets};
use probe::token::Key;
use probe::{Engine, Envelope, Fragmentation, Observer, Signal, Time};
use std::str::FromStr;
use std::time::Duration;
use wire::Family;
use wire::ip::Datagram;

/// Holds what the child is to do: `key=value` pairs, separated by blanks.
pub const VARIABLE: &str = "ASKWAY_NET_TEST";

/// What the variable says.
pub struct Orders(String);

impl Orders {
    /// What to do; `None` if this is no child.
    pub fn read() -> Option<Orders> {
        std::env::var(VARIABLE).ok().map(Orders)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }

    fn value<T: FromStr>(&self, key: &str) -> Option<T> {
        let text = self.text(key)?;
        Some(text.parse().unwrap_or_else(|_| panic!("{key}={text}")))
    }

    fn is_set(&self, key: &str) -> bool {
        self.0.split(' ').any(|word| word == key)
    }

    fn number(&self, key: &str, otherwise: u64) -> u64 {
        self.value(key).unwrap_or(otherwise)
    }

    fn targets(&self) -> Vec<Target> {
        let zone = self.text("interface").and_then(net::interface_index).unwrap_or(0);
        let list = self.text("to").expect("to=ADDRESS,...").split(',');
        list.map(|to| Target { address: to.parse().expect("an address"), zone }).collect()
    }

    fn want(&self) -> Want {
        let mut families: Vec<Family> =
            self.targets().iter().map(|target| Family::of(target.address)).collect();
        families.dedup();
        let size = self.number("size", 56) as usize;
        Want {
            families,
            carrier: match (self.text("trace"), self.value("protocol")) {
                (Some(name), _) => tracer::method(name).carrier(),
                (None, Some(number)) => probe::Carrier::Other(number),
                (None, None) => probe::Carrier::Icmp,
            },
            access: match self.text("access") {
                Some("raw") => Access::Raw,
                Some("datagram") => Access::Datagram,
                _ => Access::Auto,
            },
            datagram_will_do: !self.is_set("raw_only"),
            envelope: Envelope {
                source: self.value("source"),
                hop_limit: self.value("hop_limit"),
                traffic_class: self.value("class").unwrap_or(0),
                flow_label: self.value("label"),
                fragmentation: match self.text("fragment") {
                    Some("never") => Fragmentation::Forbidden,
                    _ => Fragmentation::System,
                },
                options: if self.is_set("record_route") { record_route() } else { Vec::new() },
            },
            interface: self.text("interface").map(str::to_owned),
            mark: self.value("mark"),
            broadcast: false,
            direct_only: false,
            multicast_loop: true,
            debug: false,
            identifier: self.value("identifier"),
            lanes: self.value("lanes").unwrap_or(1),
            message_max_bytes: size + 8,
            burst: 1,
            send_buffer_bytes: None,
            stamps: match self.text("stamps") {
                Some("receive") => Stamps::Receive,
                Some("none") => Stamps::None,
                _ => Stamps::Both,
            },
            batch: if self.is_set("many") { Batch::Many } else { Batch::One },
        }
    }

    fn trace(&self) -> Option<Trace> {
        Some(Trace {
            method: tracer::method(self.text("trace")?),
            target: self.targets()[0],
            port: self.value("port").unwrap_or(33_434),
            hops: self.value("hops").expect("hops=COUNT"),
            queries: self.value("queries").unwrap_or(1),
            payload_bytes: self.number("size", 32) as usize,
            label: self.value("own_label"),
            source: self.value("assumed"),
            patience: Duration::from_millis(self.number("timeout_ms", 600)),
            gap: Duration::from_millis(self.number("gap_ms", 0)),
        })
    }

    fn plan(&self, identifiers: &[u16]) -> Plan {
        let mut plan = Plan::new(identifiers.to_vec(), Key([1, 2]));
        plan.goal = Goal::Probes(self.value("count"));
        plan.interval = Duration::from_millis(self.number("interval_ms", 5));
        plan.timeout = Duration::from_millis(self.number("timeout_ms", 400));
        plan.report_sent = self.is_set("paused");
        plan.payload_bytes = self.number("size", 56) as usize;
        plan.pace = match self.value("in_flight") {
            Some(in_flight) => Pace::Answered { in_flight },
            None => Pace::Schedule { preload: self.number("preload", 1) as u32 },
        };
        plan
    }
}

/// Room for four addresses, behind a padding byte.
fn record_route() -> Vec<u8> {
    let mut options = vec![1, 7, 19, 4];
    options.resize(20, 0);
    options
}

/// Runs what is ordered and prints what comes of it.
pub fn run(orders: &Orders) {
    if let Some(port) = orders.value("serve") {
        return tracer::serve(port);
    }
    if orders.is_set("routes") {
        return tell_routes(orders);
    }
    let mut network = match Network::open(&orders.want()) {
        Ok(network) => network,
        Err(fault) => {
            println!(
                "fault {:?} {fault} | {}",
                fault.blame,
                fault.hint.as_deref().unwrap_or_default()
            );
            return;
        }
    };
    println!("rights raw={}", net::may_raw());
    for target in orders.targets() {
        println!("open raw={}", network.is_raw(Family::of(target.address)));
    }
    if let Some(port) = orders.value("forge") {
        return tracer::forge(port, orders.targets()[0].address, network);
    }
    match orders.trace() {
        Some(trace) => tracer::run(trace, &orders.want(), &mut network),
        None => ping(orders, &mut network),
    }
}

fn ping(orders: &Orders, network: &mut Network) {
    let plan = orders.plan(network.identifiers());
    let mut targets = Targets::default();
    for target in orders.targets() {
        targets.push(target).expect("there is room");
    }
    let mut ping = Ping::new(plan, targets, network.now());
    let waker = orders.is_set("wake").then(|| network.waker());
    let pause = orders.is_set("paused").then(|| 2 * ping.plan().timeout);
    let is_stubborn = orders.is_set("stubborn");
    let mut printer = Printer { waker, woken: 0, is_stubborn, pause };
    network.drive(&mut ping, &mut printer).expect("the loop goes on");
    println!("end sent={} foreign={} woken={}", ping.probes_sent(), ping.foreign(), printer.woken);
}

struct Printer {
    waker: Option<Waker>,
    woken: u32,
    is_stubborn: bool,
    /// How long the program is held up behind each send, as by a busy machine.
    pause: Option<Duration>,
}

impl Observer<Ping> for Printer {
    fn report(&mut self, _ping: &Ping, report: Report) {
        if let (Some(pause), Outcome::Sent) = (self.pause, &report.outcome) {
            std::thread::sleep(pause);
            return;
        }
        println!("{} {}", report.sequence, tell(&report.outcome));
        if let Some(waker) = &self.waker {
            waker.wake();
            waker.wake();
        }
    }

    fn signal(&mut self, ping: &mut Ping, now: Time, signal: Signal) {
        println!("signal {signal:?}");
        if !self.is_stubborn && signal != Signal::Status {
            ping.stop(now);
        }
    }

    fn woken(&mut self, ping: &mut Ping, now: Time) {
        self.woken += 1;
        if self.woken == 3 {
            ping.stop(now);
        }
    }
}

fn tell(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reply(reply) => tell_reply(reply),
        Outcome::IcmpError(error) => {
            let quoted = Datagram::parse_quoted(&error.quoted).expect("a quoted datagram");
            format!(
                "error from={} {:?} {}/{} word={:#x} mtu={:?} hop_limit={:?} quoted_to={} \
                 quoted_from={} quoted_protocol={} quoted={:02x?} by={}",
                error.from,
                error.meaning,
                error.kind,
                error.code,
                error.word,
                error.mtu_bytes,
                error.hop_limit,
                quoted.destination,
                quoted.source,
                quoted.protocol,
                // Type, code and checksum of our probe; identifiers differ from run to run.
                &quoted.payload[..2],
                error.rtt_source.name(),
            )
        }
        Outcome::SendError(fault) => format!("send error {:?}", fault.reason),
        other => format!("{other:?}"),
    }
}

fn tell_reply(reply: &Reply) -> String {
    let rtt = if reply.rtt < Duration::from_secs(2) { "sane" } else { "absurd" };
    let options = reply.options.as_deref().map_or(0, <[u8]>::len);
    format!(
        "reply from={} to={:?} hop_limit={:?} class={:?} bytes={} rtt={rtt} options={options} \
         by={}",
        reply.from,
        reply.to,
        reply.hop_limit,
        reply.traffic_class,
        reply.bytes,
        reply.rtt_source.name(),
    )
}

fn tell_routes(orders: &Orders) {
    for target in orders.targets() {
        let source = orders.value("source");
        let route = net::source_towards(
            target.address,
            target.zone,
            source,
            orders.text("interface"),
            None,
        );
        match route {
            Ok(source) => println!("route from={source}"),
            Err(fault) => println!("fault {fault} | {}", fault.hint.as_deref().unwrap_or_default()),
        }
        println!("broadcast={}", net::is_broadcast(target.address));
    }
}
