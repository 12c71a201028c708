//! The TFTP engine against the lab's server: every byte over links that lose, double and reorder,
//! servers that lie, schedules in virtual time. In both families.

use lab::World;
use probe::targets::Target;
use probe::tftp::{
    Asks, Breach, Counts, End, Event, Mode, OptionFault, Plan, Report, Schedule, Task, Tftp,
};
use probe::{Arrival, Carrier, Engine, Envelope, Observer, Output, SendFault, Stamp, Ticket, Time};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::Meaning;

const PORT: u16 = 50_000;

/// A client with a file: gives what is asked for, keeps what comes.
struct Client {
    engine: Tftp,
    file: Vec<u8>,
    given: usize,
    got: Vec<u8>,
    events: Vec<Event>,
    sends: Vec<Time>,
}

impl Engine for Client {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        loop {
            let output = self.engine.poll(now, datagram);
            match &output {
                Output::Send(_) => self.sends.push(now),
                Output::Report(Report { event: Event::Wants(bytes), .. }) => {
                    let end = self.file.len().min(self.given + bytes);
                    let is_end = end == self.file.len();
                    self.engine.feed(&self.file[self.given..end], is_end);
                    self.given = end;
                    continue;
                }
                Output::Report(Report { event: Event::Bytes(bytes), .. }) => {
                    self.got.extend_from_slice(bytes);
                    continue;
                }
                Output::Report(Report { event, .. }) => self.events.push(event.clone()),
                _ => {}
            }
            return output;
        }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        self.engine.receive(now, arrival);
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        self.engine.sent(ticket, stamp);
    }

    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault) {
        self.engine.send_failed(now, ticket, fault);
    }

    fn receive_dropped(&mut self, count: u32) {
        self.engine.receive_dropped(count);
    }

    fn stop(&mut self, now: Time) {
        self.engine.stop(now);
    }
}

struct Nobody;

impl Observer<Client> for Nobody {
    fn report(&mut self, _engine: &Client, _report: Report) {}
}

/// What came of a run.
struct Ran {
    world: World,
    got: Vec<u8>,
    events: Vec<Event>,
    sends: Vec<Time>,
    counts: Counts,
    over: Time,
}

impl Ran {
    fn end(&self) -> &End {
        let ends: Vec<&End> = self
            .events
            .iter()
            .filter_map(|event| if let Event::End(end) = event { Some(end) } else { None })
            .collect();
        assert_eq!(ends.len(), 1, "{:?}", self.events);
        ends[0]
    }

    fn held(&self, name: &str) -> &[u8] {
        let node = self.world.node("b").expect("b");
        self.world.tftp_file(node, name.as_bytes()).unwrap_or_else(|| panic!("b has no {name}"))
    }
}

/// Two hosts and a router; `server` are the keys of b's `tftp`, `link` those of its link.
fn scenario(server: &str, link: &str) -> String {
    format!(
        "[host]\na = {{}}\nb = {{ tftp = {{ {server} }} }}\n[router]\nr = {{}}\n\
         [[link]]\nends = [\"a\", \"r\"]\ndelay = \"1ms\"\n\
         [[link]]\nends = [\"r\", \"b\"]\ndelay = \"2ms\"\n{link}\n"
    )
}

fn run(
    text: &str,
    seed: u64,
    family: Family,
    (task, file): (Task, &[u8]),
    change: impl FnOnce(&mut Plan),
) -> Ran {
    let mut world = World::load(text, "test", Some(seed)).unwrap_or_else(|fault| panic!("{fault}"));
    let address =
        |name: &str| -> IpAddr { world.addresses(world.node(name).expect("a node"), family)[0] };
    let server = Target { address: address("b"), zone: 0 };
    let mut plan = Plan::new(server, PORT, address("a"), task, b"file");
    plan.retries = 12;
    change(&mut plan);
    plan.check().expect("a request");
    let mut client = Client {
        engine: Tftp::new(plan),
        file: file.to_vec(),
        given: 0,
        got: Vec::new(),
        events: Vec::new(),
        sends: Vec::new(),
    };
    let at = world.node("a").expect("a");
    let envelope = Envelope::default();
    world.drive(at, Carrier::Udp, &envelope, &mut client, &mut Nobody, &mut || None);
    let Client { engine, got, events, sends, .. } = client;
    let (counts, over) = (*engine.counts(), world.now());
    Ran { world, got, events, sends, counts, over }
}

fn get(text: &str, seed: u64, family: Family, change: impl FnOnce(&mut Plan)) -> Ran {
    run(text, seed, family, (Task::Get, b""), change)
}

fn put(text: &str, seed: u64, family: Family, file: &[u8], change: impl FnOnce(&mut Plan)) -> Ran {
    run(text, seed, family, (Task::Put { bytes: Some(file.len() as u64) }, file), change)
}

/// A text with every byte, and lines.
fn sample(bytes: usize) -> Vec<u8> {
    let mix = |at: usize| (at.wrapping_mul(167) >> 3) as u8;
    (0..bytes).map(|at| if at % 61 == 60 { b"\r\n"[at & 1] } else { mix(at) }).collect()
}

/// A file of these bytes as TOML writes it.
fn random_file(bytes: usize, seed: u64) -> String {
    format!("files = {{ file = {{ bytes = {bytes}, seed = {seed} }} }}, writable = true")
}

const ALL: Asks = Asks {
    block_bytes: Some(1_428),
    window: Some(8),
    timeout_s: None,
    size: true,
    rolls_over_to_1: false,
};

#[test]
fn every_size_arrives_byte_for_byte_both_ways() {
    for family in Family::ALL {
        for bytes in [0, 1, 511, 512, 513, 1_024, 100_000] {
            for asks in [Asks::default(), ALL] {
                for mode in [Mode::Octet, Mode::Netascii] {
                    let text = scenario(&random_file(bytes, 7), "");
                    let size = asks.size && mode == Mode::Octet;
                    let change = |plan: &mut Plan| {
                        (plan.asks, plan.mode) = (Asks { size, ..asks }, mode);
                    };
                    let ran = get(&text, 1, family, change);
                    assert_eq!(ran.end(), &End::Complete, "{bytes} {asks:?}");
                    assert_eq!(ran.got.len(), bytes, "{asks:?} {mode:?}");
                    assert!(ran.got == ran.held("file"), "{bytes} {asks:?} {mode:?}");
                    assert_eq!((ran.counts.resent, ran.counts.odd), (0, 0));
                    let file = sample(bytes);
                    let ran = put(&text, 1, family, &file, change);
                    assert_eq!(ran.end(), &End::Complete, "{bytes} {asks:?}");
                    assert!(ran.held("file") == file, "{bytes} {asks:?} {mode:?}");
                    assert_eq!((ran.counts.resent, ran.counts.odd), (0, 0));
                }
            }
        }
    }
}

/// Whatever links lose, double or hold back, files arrive byte for byte, or the server is given up.
#[test]
fn bad_links_only_cost_time() {
    let seed = std::env::var("ASKWAY_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) * 7_919);
    println!("ASKWAY_SEED={seed}");
    for round in 0..60 {
        let seed = seed.wrapping_add(round);
        let pick = |n: u64, below: u64| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> n) % below;
        let trouble = format!(
            "loss = \"{}%\"\nduplicate = \"{}%\"\nreorder = \"{}%\"\nreorder_by = \"{}ms\"\n\
             corrupt = \"{}%\"\njitter = \"3ms\"\njitter_reorders = true",
            pick(3, 16),
            pick(9, 20),
            pick(15, 20),
            1 + pick(21, 30),
            pick(27, 3)
        );
        let bytes = pick(11, 40_000) as usize;
        let server = format!("{}, retries = 12", random_file(bytes, seed & 0xffff));
        let text = scenario(&server, &trouble);
        let asks = Asks {
            block_bytes: [None, Some(64 + pick(5, 1_300) as u16)][pick(7, 2) as usize],
            window: [None, Some(1), Some(4), Some(1 + pick(13, 40) as u16)][pick(17, 4) as usize],
            size: pick(19, 2) == 0,
            ..Asks::default()
        };
        let family = Family::ALL[pick(23, 2) as usize];
        let change = |plan: &mut Plan| plan.asks = asks;
        let ran = get(&text, seed, family, change);
        assert_eq!(ran.end(), &End::Complete, "seed {seed}: {asks:?} {trouble}");
        assert!(ran.got == ran.held("file"), "seed {seed}: {asks:?}\n{trouble}");
        let file = sample(bytes);
        let ran = put(&text, seed, family, &file, change);
        assert_eq!(ran.end(), &End::Complete, "seed {seed}: {asks:?} {trouble}");
        assert!(ran.held("file") == file, "seed {seed}: {asks:?}\n{trouble}");
    }
}

#[test]
fn block_numbers_go_round() {
    let family = Family::ALL[0];
    let bytes = 8 * 65_600 + 3;
    for rolls_over_to_1 in [false, true] {
        let text = scenario(&random_file(bytes, 3), "");
        let asks = Asks {
            block_bytes: Some(8),
            window: Some(64),
            size: true,
            rolls_over_to_1,
            ..Asks::default()
        };
        let ran = get(&text, 1, family, |plan| plan.asks = asks);
        assert_eq!((ran.end(), ran.counts.blocks), (&End::Complete, 65_601));
        assert!(ran.got == ran.held("file"));
        let file = sample(bytes);
        let ran = put(&text, 1, family, &file, |plan| plan.asks = asks);
        assert_eq!((ran.end(), ran.counts.blocks), (&End::Complete, 65_601));
        assert!(ran.held("file") == file);
    }
}

/// A server that sends everything twice, and one that answers repeated acknowledgments, make
/// nothing go twice from here on (RFC 1123 §4.2.3.1).
#[test]
fn the_sorcerers_apprentice_stays_away() {
    for family in Family::ALL {
        for (lies, asks) in [
            ("twice = true", Asks::default()),
            ("twice = true, sorcerer = true", Asks::default()),
            ("twice = true", ALL),
        ] {
            let server = format!("{}, lies = {{ {lies} }}", random_file(40_000, 1));
            let text = scenario(&server, "");
            let ran = put(&text, 1, family, &sample(40_000), |plan| plan.asks = asks);
            assert_eq!(ran.end(), &End::Complete);
            assert!(ran.held("file") == sample(40_000));
            // The request, and each block once.
            assert_eq!((ran.sends.len() as u64, ran.counts.resent), (ran.counts.blocks + 1, 0));
            let ran = get(&text, 1, family, |plan| plan.asks = asks);
            assert_eq!(ran.end(), &End::Complete);
            assert!(ran.got == ran.held("file"));
            // A block that comes again too soon to say that its acknowledgment is lost gets none.
            assert_eq!(ran.counts.resent, 0, "{lies}");
        }
    }
}

#[test]
fn strangers_are_told_so_and_disturb_nothing() {
    for family in Family::ALL {
        for lies in ["strays = true", "stranger = true, strays = true"] {
            let server = format!("{}, lies = {{ {lies} }}", random_file(5_000, 1));
            // The stranger speaks first, so the server's port must be known before.
            let text = scenario(&server, "");
            for asks in [Asks::default(), ALL] {
                let ran = put(&text, 1, family, &sample(5_000), |plan| plan.asks = asks);
                assert_eq!(ran.end(), &End::Complete, "{lies} {asks:?}");
                assert!(ran.held("file") == sample(5_000));
                assert_eq!(ran.counts.resent, 0);
                assert_eq!(ran.counts.strangers > 0, lies.contains("stranger"), "{lies}");
                let told = |event: &&Event| matches!(event, Event::Stranger { .. });
                assert_eq!(
                    ran.events.iter().filter(told).count(),
                    usize::from(lies.contains("stranger"))
                );
            }
        }
    }
}

#[test]
fn a_server_that_breaks_the_rules_is_left() {
    let option = |wrong| {
        move |end: &End| {
            let End::Breach(Breach::Option { why, .. }) = end else { return false };
            *why == wrong
        }
    };
    type Check = Box<dyn Fn(&End) -> bool>;
    let cases: Vec<(&str, Check)> = vec![
        ("options = \"larger\"", Box::new(option(OptionFault::Value))),
        ("options = \"unasked\"", Box::new(option(OptionFault::NotAsked))),
        (
            "oversize = true",
            Box::new(|end| {
                matches!(end, End::Breach(Breach::BlockTooLarge { bytes: 1_429, most: 1_428 }))
            }),
        ),
        (
            "size = 4999",
            Box::new(|end| matches!(end, End::WrongSize { stated_bytes: 4_999, bytes: 5_000 })),
        ),
        (
            "size = 5001",
            Box::new(|end| matches!(end, End::WrongSize { stated_bytes: 5_001, bytes: 5_000 })),
        ),
        (
            "size = 60000",
            Box::new(|end| matches!(end, End::TooLarge { bytes: 60_000, is_stated: true })),
        ),
        (
            "error = { code = 2, text = \"\\u001b[2J\" }",
            Box::new(
                |end| matches!(end, End::Refused { code: 2, message } if message == b"\x1b[2J"),
            ),
        ),
    ];
    for family in Family::ALL {
        for (lie, check) in &cases {
            let server = format!("{}, lies = {{ {lie} }}", random_file(5_000, 1));
            let ran = get(&scenario(&server, ""), 1, family, |plan| {
                (plan.asks, plan.max_bytes) = (ALL, 50_000);
            });
            assert!(check(ran.end()), "{lie}: {:?}", ran.end());
        }
    }
}

#[test]
fn a_file_that_never_ends_is_ended() {
    let server = format!("{}, lies = {{ endless = true }}", random_file(5_000, 1));
    let ran = get(&scenario(&server, ""), 1, Family::ALL[0], |plan| plan.max_bytes = 100_000);
    assert_eq!(ran.end(), &End::TooLarge { bytes: 100_352, is_stated: false });
    assert!(ran.got.len() <= 100_000);
}

#[test]
fn a_server_that_is_full_or_has_no_such_file_says_so() {
    let family = Family::ALL[0];
    let server = format!("{}, lies = {{ full = 2000 }}", random_file(5_000, 1));
    let ran = put(&scenario(&server, ""), 1, family, &sample(9_000), |plan| plan.asks = ALL);
    assert_eq!(ran.end(), &End::Refused { code: 3, message: b"disk full".to_vec() });
    let text = scenario("files = {}", "");
    let ran = get(&text, 1, family, |_| {});
    assert_eq!(ran.end(), &End::Refused { code: 1, message: b"no such file".to_vec() });
    let ran = put(&text, 1, family, b"x", |_| {});
    assert_eq!(ran.end(), &End::Refused { code: 2, message: b"not writable".to_vec() });
}

/// Seconds at which something was sent.
fn seconds(times: &[Time]) -> Vec<u64> {
    times.iter().map(|time| time.0 / 1_000_000_000).collect()
}

#[test]
fn where_nobody_listens_it_ends_at_once_or_after_25_s() {
    let text = "[host]\na = {}\nb = {}\n[[link]]\nends = [\"a\", \"b\"]\ndelay = \"1ms\"\n";
    for family in Family::ALL {
        let ran = get(text, 1, family, |_| {});
        let End::Unreachable(error) = ran.end() else { panic!("{:?}", ran.end()) };
        assert_eq!(error.meaning, Meaning::PortUnreachable);
        assert_eq!((error.source_port, error.destination_port), (PORT, 69));
        assert_eq!((ran.sends.len(), ran.over), (1, Time(2_000_000)));

        let five = Duration::from_secs(5);
        for (schedule, retries, sends, over) in [
            (Schedule::Fixed(five), 4, &[0, 5, 10, 15, 20][..], 25),
            (Schedule::Exponential(five), 3, &[0, 5, 15, 35], 75),
            (Schedule::Adaptive, 5, &[0, 1, 3, 7, 15, 31], 63),
        ] {
            let ran = get(text, 1, family, |plan| {
                (plan.schedule, plan.retries, plan.hears_errors) = (schedule, retries, false);
            });
            let tries = sends.len() as u32;
            assert_eq!(ran.end(), &End::Silence { tries, had_answered: false });
            assert_eq!((seconds(&ran.sends).as_slice(), seconds(&[ran.over])[0]), (sends, over));
            assert_eq!(ran.counts.icmp_errors, u64::from(tries));
        }
    }
}

#[test]
fn a_lost_last_acknowledgment_is_repaired() {
    // The client's third packet: request, acknowledgments of blocks 1 and 2.
    let text = scenario(&random_file(700, 1), "back = {}\nthere = { loss = [3] }");
    let ran = get(&text, 1, Family::ALL[0], |_| {});
    assert_eq!((ran.end(), ran.counts.duplicates, ran.counts.resent), (&End::Complete, 1, 1));
    assert!(ran.got == ran.held("file"));
    let ran = get(&text, 1, Family::ALL[0], |plan| plan.dally = Some(Duration::ZERO));
    assert_eq!((ran.end(), ran.counts.duplicates), (&End::Complete, 0));
}

#[test]
fn soft_errors_are_remarks_and_a_deadline_ends_it() {
    let text = "[host]\na = {}\nb = { tftp = { files = { file = \"x\" } } }\n\
                [router]\nr = { routes = [{ to = \"b\", reject = \"host\" }] }\n\
                [[link]]\nends = [\"a\", \"r\"]\n[[link]]\nends = [\"r\", \"b\"]\n";
    for family in Family::ALL {
        let ran = get(text, 1, family, |plan| plan.deadline = Some(Duration::from_secs(2)));
        assert_eq!((ran.end(), ran.over), (&End::Late, Time(2_000_000_000)));
        let remarks = ran.events.iter().filter(|event| matches!(event, Event::Remark(_))).count();
        assert_eq!((remarks, ran.counts.icmp_errors), (1, 2));
    }
}
