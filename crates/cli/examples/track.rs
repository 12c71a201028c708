//! Measures the tracker: so many connections through a masquerade, and packets of them in any
//! order. Prints figures by name, medians of five runs; `cargo xtask bench track` reads them. Time
//! is the processor's, so that what else the machine does counts less.
//!
//! `track COUNT [PERSONALITY]`

use lab::conntrack::{Behaviour, Personality, Plan, Realm, Tracker, Verdict};
use probe::Time;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use testbed::Dice;
use wire::ip::{Header, protocol};
use wire::udp::Message;

/// As in the program.
#[global_allocator]
static MEMORY: net::Memory = net::Memory;

/// Bytes of a packet, and of its payload.
const BYTES: usize = 46;
const PAYLOAD: [u8; 18] = [0; 18];

/// Packets that come together: as many as a gateway reads at most before it passes them on.
const BURST: usize = 8;

const RUNS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse().ok()).expect("a count");
    let name = arguments.next().unwrap_or_else(|| "linux".to_owned());
    let known = Personality::ALL.iter().find(|(word, _)| *word == name);
    let behaviour = known.expect("a personality").1.behaviour();
    let packets = packets(count);
    let mut figures = [const { Vec::new() }; 5];
    for _ in 0..RUNS {
        let run = measure(behaviour, &packets);
        figures.iter_mut().zip(run).for_each(|(all, figure)| all.push(figure));
    }
    let names = ["new", "known", "lookup", "entry", "memory"];
    for (name, all) in names.iter().zip(&mut figures) {
        all.sort_by(f64::total_cmp);
        println!("{name} {:.1}", all[RUNS / 2]);
    }
}

/// First packets of many hosts to many servers, one behind the other.
fn packets(count: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(count * BYTES);
    for number in 0..count as u32 {
        let inner = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number % 10_000));
        let server = IpAddr::V4(Ipv4Addr::from(0xc633_6400 + number / 10_000 % 100));
        let port = 1_024 + (number.wrapping_mul(2_654_435_761) >> 17) as u16;
        let mut bytes = Vec::with_capacity(8 + PAYLOAD.len());
        let message = Message {
            source_port: port,
            destination_port: 443,
            has_checksum: true,
            payload: &PAYLOAD,
        };
        message.emit(inner, server, &mut bytes).expect("it fits");
        Header::new(inner, server, protocol::UDP).emit(&bytes, &mut all).expect("it fits");
    }
    all
}

/// Processor time of this process so far, in nanoseconds; the kernel counts hundredths of a second.
fn processor_ns() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse().unwrap_or(0)).sum();
    ticks as f64 * 1e7
}

/// One access to as much memory as the table takes, each depending on the one before.
fn memory(order: &[usize]) -> f64 {
    const LINE: usize = 32;
    let mut next = vec![0_u64; order.len() * LINE];
    for pair in order.windows(2) {
        next[pair[0] * LINE] = (pair[1] * LINE) as u64;
    }
    let started = processor_ns();
    let mut at = order[0] * LINE;
    for _ in 1..order.len() {
        at = next[at] as usize;
    }
    black_box(at);
    (processor_ns() - started) / order.len() as f64
}

/// Nanoseconds of a new connection, of a packet of a known one, of a look-up; bytes of an entry;
/// nanoseconds of an access to memory.
fn measure(behaviour: Behaviour, packets: &[u8]) -> [f64; 5] {
    let count = packets.len() / BYTES;
    // As many outer addresses as carry the connections to one server.
    let pool = (0..32).map(|last| IpAddr::from([203, 0, 113, last])).collect();
    let plan = Plan { pool, limit: 2 * count, ..Plan::new(behaviour) };
    let mut tracker = Tracker::new(plan, 1);
    let now = Time(1_000_000_000);
    let mut buffer = packets.to_vec();
    let started = processor_ns();
    let mut refused = 0;
    for burst in buffer.chunks_mut(BURST * BYTES) {
        tracker.foresee(burst.chunks_exact(BYTES));
        for packet in burst.chunks_exact_mut(BYTES) {
            let verdict = tracker.through(now, packet, Realm::Inside, Realm::Outside);
            refused += usize::from(verdict != Verdict::Accept);
        }
    }
    let new = processor_ns() - started;
    assert!(refused < count / 100, "{refused} refused");
    let entry = tracker.memory_bytes() as f64 / tracker.len() as f64;
    // In an order that no cache foresees.
    let mut order: Vec<usize> = (0..count).collect();
    let mut dice = Dice::seeded(0x9e37_79b9_7f4a_7c15);
    for index in (1..count).rev() {
        order.swap(index, dice.below(index as u64 + 1) as usize);
    }
    let shuffled: Vec<u8> =
        order.iter().flat_map(|at| &packets[at * BYTES..(at + 1) * BYTES]).copied().collect();
    let started = processor_ns();
    for burst in shuffled.chunks(BURST * BYTES) {
        tracker.foresee(burst.chunks_exact(BYTES));
        for packet in burst.chunks_exact(BYTES) {
            black_box(tracker.knows(now, packet));
        }
    }
    let lookup = processor_ns() - started;
    let mut buffer = shuffled;
    let started = processor_ns();
    for burst in buffer.chunks_mut(BURST * BYTES) {
        tracker.foresee(burst.chunks_exact(BYTES));
        for packet in burst.chunks_exact_mut(BYTES) {
            black_box(tracker.through(now, packet, Realm::Inside, Realm::Outside));
        }
    }
    let known = processor_ns() - started;
    let each = |span: f64| span / count as f64;
    drop(tracker);
    [each(new), each(known), each(lookup), entry, memory(&order)]
}
