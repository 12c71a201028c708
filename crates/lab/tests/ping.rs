//! The ping engine over small networks: every outcome from its cause, in both families.

use lab::World;
use probe::kind::{Detail, Kind, by_name};
use probe::ping::{Goal, Linger, Outcome, Pace, Pattern, Ping, Plan, Report};
use probe::targets::{Target, Targets};
use probe::token::Key;
use probe::{Carrier, Envelope, Fragmentation, Observer, SendFaultReason};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use wire::Family;
use wire::icmp::Meaning::{self, *};
use wire::ip::options::{Ipv4Option, Options};

const LINE: &str = r#"
[host]
a = {}
b = {}
[router]
r1 = {}
r2 = {}
[[link]]
ends = ["a", "r1"]
delay = "1ms"
[[link]]
ends = ["r1", "r2"]
delay = "2ms"
[[link]]
ends = ["r2", "b"]
delay = "3ms"
"#;

/// Keeps every report, and the count of what was foreign.
#[derive(Default)]
struct Log(Vec<Report>);

impl Observer<Ping> for Log {
    fn report(&mut self, _engine: &Ping, report: Report) {
        self.0.push(report);
    }
}

struct Run {
    reports: Vec<Report>,
    foreign: u64,
}

fn plan(kind: &'static dyn Kind, count: u64) -> Plan {
    Plan {
        kind,
        goal: Goal::Probes(Some(count)),
        pace: Pace::Schedule { preload: 0 },
        interval: Duration::from_secs(1),
        gap: Duration::ZERO,
        timeout: Duration::from_secs(1),
        linger: Linger::UntilTimeout,
        deadline: None,
        until: None,
        payload_bytes: 56,
        pattern: Pattern::Counting,
        first_sequence: 1,
        identifiers: vec![77],
        key: Key([1, 2]),
        report_sent: false,
        midnight_ms: 0,
        any_source: false,
    }
}

fn run_with(scenario: &str, to: &str, family: Family, plan: Plan, envelope: &Envelope) -> Run {
    let world = World::load(scenario, "test", None).expect("a scenario");
    let node = world.node(to).expect("a node");
    let address = world.addresses(node, family)[0];
    ping(world, address, plan, envelope)
}

fn ping(mut world: World, address: IpAddr, plan: Plan, envelope: &Envelope) -> Run {
    let mut targets = Targets::default();
    targets.push(Target { address, zone: 0 }).expect("one target");
    let mut engine = Ping::new(plan, targets, world.now());
    let mut log = Log::default();
    let at = world.default_node();
    world.drive(at, Carrier::Icmp, envelope, &mut engine, &mut log, &mut || None);
    Run { reports: log.0, foreign: engine.foreign() }
}

fn run(scenario: &str, to: &str, family: Family, count: u64) -> Run {
    run_with(
        scenario,
        to,
        family,
        plan(by_name("icmp").expect("echo"), count),
        &Envelope::default(),
    )
}

/// `count` probes from `a` to `b`, which are joined by one link of 1 ms with these rules.
fn pair(link: &str, b: &str, count: u64, family: Family) -> Run {
    run(&pair_text(link, b), "b", family, count)
}

fn pair_text(link: &str, b: &str) -> String {
    format!(
        "[host]\na = {{}}\nb = {{ {b} }}\n[[link]]\nends = [\"a\", \"b\"]\ndelay = \"1ms\"\n{link}"
    )
}

/// What became of the probes, a letter each: `.` reply, `<` one that was overtaken, `T` timeout,
/// `D` duplicate, `C` corrupted, `L` late, `S` wrong source, `E` ICMP error, `N` not sent, `I` in
/// flight.
fn letters(run: &Run) -> String {
    let letter = |report: &Report| match &report.outcome {
        Outcome::Reply(reply) if reply.reordered => "<",
        Outcome::Reply(_) => ".",
        Outcome::Timeout => "T",
        Outcome::Duplicate(_) => "D",
        Outcome::Corrupted { .. } => "C",
        Outcome::Late(_) => "L",
        Outcome::WrongSource(_) => "S",
        Outcome::IcmpError(_) => "E",
        Outcome::SendError(_) => "N",
        Outcome::InFlight => "I",
        Outcome::Sent | Outcome::LocalDrop => "?",
    };
    run.reports.iter().map(letter).collect()
}

fn errors(run: &Run) -> Vec<(Meaning, IpAddr, Option<u32>)> {
    let error = |report: &Report| match &report.outcome {
        Outcome::IcmpError(error) => Some((error.meaning, error.from, error.mtu_bytes)),
        _ => None,
    };
    run.reports.iter().filter_map(error).collect()
}

fn with_payload(bytes: usize) -> Plan {
    Plan { payload_bytes: bytes, ..plan(echo(), 3) }
}

fn echo() -> &'static dyn Kind {
    by_name("icmp").expect("echo")
}

fn envelope(fragmentation: Fragmentation) -> Envelope {
    Envelope { fragmentation, ..Envelope::default() }
}

#[test]
fn a_line_answers_in_twice_its_delay() {
    for family in Family::ALL {
        let run = run(LINE, "b", family, 20);
        assert_eq!(run.reports.len(), 20);
        for report in &run.reports {
            let Outcome::Reply(reply) = &report.outcome else { panic!("{report:?}") };
            assert_eq!(reply.rtt, Duration::from_millis(12));
            assert_eq!(reply.hop_limit, Some(62));
            assert!(!reply.bad_checksum);
        }
        assert!(run.foreign > 3, "the noise is always on");
    }
}

#[test]
fn every_impairment_shows_as_itself() {
    for family in Family::ALL {
        let cases = [
            ("there = { loss = [3] }", "..T..."),
            ("back = { loss = [2, 5] }", ".T..T."),
            ("there = { loss = \"100%\" }", "TTTTTT"),
            ("back = { duplicate = [2] }", "..D...."),
            ("back = { reorder = [2], reorder_by = \"1100ms\" }", ".T.L..."),
            ("there = { reorder = [2], reorder_by = \"990ms\" }", "......"),
        ];
        for (link, expected) in cases {
            assert_eq!(letters(&pair(link, "", 6, family)), expected, "{link} {family}");
        }
        let patient = Plan { timeout: Duration::from_secs(3), ..plan(echo(), 5) };
        let text = pair_text("back = { reorder = [2], reorder_by = \"1500ms\" }", "");
        let run = run_with(&text, "b", family, patient, &Envelope::default());
        assert_eq!(letters(&run), "..<..", "{family}");
    }
}

#[test]
fn liars_are_found_out() {
    for family in Family::ALL {
        let cases = [
            ("lies = { twice = true, on = [2] }", "..D."),
            ("lies = { damages = 20, on = [1] }", "C.."),
            ("lies = { cuts = 30, on = [3] }", "..C"),
            ("lies = { late = \"1500ms\", on = [1] }", "T.L."),
            ("lies = { identifier = true, on = [1] }", "T.."),
            ("silent = true", "TTT"),
        ];
        for (b, expected) in cases {
            assert_eq!(letters(&pair("", b, 3, family)), expected, "{b} {family}");
        }
    }
}

#[test]
fn a_hostile_payload_is_no_answer() {
    for family in Family::ALL {
        let run = pair("", r#"lies = { payload = "\u001b]0;owned\u0007" }"#, 2, family);
        assert!(!letters(&run).contains('.'), "{:?}", run.reports);
    }
}

#[test]
fn an_answer_from_elsewhere_is_called_that() {
    let text = r#"
        [host]
        a = {}
        b = { lies = { from = "c" } }
        c = {}
        [[link]]
        ends = ["a", "b", "c"]
    "#;
    for family in Family::ALL {
        let run = run(text, "b", family, 2);
        let c = World::load(text, "test", None).expect("a scenario");
        let c = c.addresses(c.node("c").expect("c"), family)[0];
        let sources = run.reports.iter().map(|report| match &report.outcome {
            Outcome::WrongSource(reply) => Some(reply.from),
            _ => None,
        });
        assert!(sources.filter(|source| *source == Some(c)).count() == 2, "{:?}", run.reports);
    }
}

#[test]
fn errors_come_from_whom_they_should() {
    let ways = |r2: &str, b: &str| {
        LINE.replace("r2 = {}", &format!("r2 = {{ {r2} }}"))
            .replace("b = {}", &format!("b = {{ {b} }}"))
    };
    for family in Family::ALL {
        let address = |name: &str, index: usize| {
            let world = World::load(LINE, "test", None).expect("a scenario");
            world.addresses(world.node(name).expect("a node"), family)[index]
        };
        let cases = [
            ("routes = [{ to = \"b\", reject = \"network\" }]", "", NetworkUnreachable, "r2"),
            ("routes = [{ to = \"b\", reject = \"host\" }]", "", HostUnreachable, "r2"),
            ("prohibits = true", "", CommunicationProhibited, "r2"),
            ("", "prohibits = true", CommunicationProhibited, "b"),
            ("", "absent = true", HostUnreachable, "r2"),
        ];
        for (r2, b, meaning, from) in cases {
            let plan = Plan { timeout: Duration::from_secs(5), ..plan(echo(), 2) };
            let run = run_with(&ways(r2, b), "b", family, plan, &Envelope::default());
            let expected = (meaning, address(from, 0), None);
            assert_eq!(errors(&run), [expected, expected], "{r2} {b}");
        }
        let silent = ways("silent = true, prohibits = true", "");
        assert_eq!(letters(&run(&silent, "b", family, 2)), "TT");
        let near = Envelope { hop_limit: Some(1), ..Envelope::default() };
        let run = run_with(LINE, "b", family, plan(echo(), 1), &near);
        assert_eq!(errors(&run), [(HopLimitExceeded, address("r1", 0), None)]);
        let near = Envelope { hop_limit: Some(2), ..Envelope::default() };
        let run = run_with(LINE, "b", family, plan(echo(), 1), &near);
        assert_eq!(errors(&run), [(HopLimitExceeded, address("r2", 0), None)]);
    }
}

#[test]
fn a_routing_loop_ends_by_hop_limit() {
    let text = LINE.replace("r2 = {}", "r2 = { routes = [{ to = \"b\", via = \"r1\" }] }");
    for family in Family::ALL {
        let run = run(&text, "b", family, 1);
        assert_eq!(errors(&run).first().map(|e| e.0), Some(HopLimitExceeded));
    }
}

#[test]
fn small_links_cut_or_refuse() {
    let text = LINE.replace("delay = \"2ms\"", "delay = \"2ms\"\nmtu = 1300");
    let forbidden = envelope(Fragmentation::Forbidden);
    let probing = envelope(Fragmentation::Probe);
    for family in Family::ALL {
        // Too big for the link between the routers; then known to be, and not sent.
        let run = run_with(&text, "b", family, with_payload(1_400), &forbidden);
        assert_eq!(letters(&run), "ENN");
        assert_eq!(errors(&run)[0].0, PacketTooBig);
        assert_eq!(errors(&run)[0].2, Some(1_300));
        let fault = |report: &Report| match report.outcome {
            Outcome::SendError(fault) => Some(fault.reason),
            _ => None,
        };
        let known = SendFaultReason::TooBig { mtu_bytes: Some(1_300) };
        assert_eq!(fault(&run.reports[1]), Some(known));
        // Who probes does not care what is known, only what leaves.
        let run = run_with(&text, "b", family, with_payload(1_400), &probing);
        assert_eq!(letters(&run), "EEE");
        let run = run_with(&text, "b", family, with_payload(1_500), &probing);
        assert_eq!(letters(&run), "NNN");
        // The usual way: an error, then fragments. In IPv6 the target has to learn it too.
        let run = run_with(&text, "b", family, with_payload(1_400), &Envelope::default());
        assert_eq!(letters(&run), if family == Family::V4 { "E.." } else { "ET." });
        let run = run_with(&text, "b", family, with_payload(1_200), &forbidden);
        assert_eq!(letters(&run), "...");
    }
    let run =
        run_with(&text, "b", Family::V4, with_payload(1_400), &envelope(Fragmentation::Allowed));
    assert_eq!(letters(&run), "...");
}

#[test]
fn the_largest_datagrams_arrive_whole() {
    for family in Family::ALL {
        for bytes in [4_000, 65_507] {
            let allowed = envelope(Fragmentation::Allowed);
            let run = run_with(LINE, "b", family, with_payload(bytes), &allowed);
            assert_eq!(letters(&run), "...", "{family} {bytes}");
        }
    }
}

#[test]
fn a_lost_fragment_is_a_lost_datagram_and_is_reported() {
    for family in Family::ALL {
        let text = pair_text("there = { loss = [2] }", "");
        let plan =
            Plan { timeout: Duration::from_secs(100), payload_bytes: 4_000, ..plan(echo(), 1) };
        let run = run_with(&text, "b", family, plan, &envelope(Fragmentation::Allowed));
        assert_eq!(errors(&run).first().map(|e| e.0), Some(ReassemblyTimeExceeded), "{family}");
    }
}

#[test]
fn limited_routers_answer_six_then_one_a_second() {
    let text = LINE.replace("r1 = {}", "r1 = { icmp_limit = \"linux\" }");
    let near = Envelope { hop_limit: Some(1), ..Envelope::default() };
    for family in Family::ALL {
        let plan = Plan { interval: Duration::from_millis(100), ..plan(echo(), 40) };
        let run = run_with(&text, "b", family, plan, &near);
        // Six at once, and one for each full second of the 3.9 that the run takes.
        assert_eq!(errors(&run).len(), 6 + 3, "{}", letters(&run));
    }
}

#[test]
fn routes_are_recorded_both_ways() {
    let v4 = Family::V4;
    let options = wire::ip::options::record_route(9).expect("nine fit");
    let envelope = Envelope { options, ..Envelope::default() };
    let run = run_with(LINE, "b", v4, plan(echo(), 1), &envelope);
    let world = World::load(LINE, "test", None).expect("a scenario");
    // As Linux does it: who is at an end writes as the datagram comes, and as it goes.
    let names = recorded(&run, &world);
    assert_eq!(names, ["a", "r1", "r2", "b", "b", "r2", "r1", "a"]);
}

/// Names of those who wrote themselves into the first answer.
fn recorded<'w>(run: &Run, world: &'w World) -> Vec<&'w str> {
    let Outcome::Reply(reply) = &run.reports[0].outcome else { panic!("{:?}", run.reports) };
    let options = Options::new(reply.options.as_deref().expect("options"));
    let recorded = options.map_while(Result::ok).find_map(|option| match option {
        Ipv4Option::RecordRoute(route) => Some(route.recorded().collect::<Vec<_>>()),
        _ => None,
    });
    let name = |address: Ipv4Addr| world.name_of(address.into()).expect("a node's address");
    recorded.expect("a route").into_iter().map(name).collect()
}

#[test]
fn a_source_route_is_followed_and_followed_back() {
    let text = r#"
        [host]
        a = {}
        b = {}
        [router]
        near = {}
        far = {}
        end = {}
        [[link]]
        ends = ["a", "near"]
        [[link]]
        ends = ["near", "end"]
        [[link]]
        ends = ["near", "far"]
        [[link]]
        ends = ["far", "end"]
        [[link]]
        ends = ["end", "b"]
    "#;
    let world = World::load(text, "test", None).expect("a scenario");
    let far = world.addresses(world.node("far").expect("far"), Family::V4)[0];
    let IpAddr::V4(far) = far else { panic!("{far}") };
    let mut options = wire::ip::options::loose_source_route(&[far]).expect("one fits");
    options.extend(wire::ip::options::record_route(7).expect("seven fit"));
    let envelope = Envelope { options, ..Envelope::default() };
    let run = run_with(text, "b", Family::V4, plan(echo(), 1), &envelope);
    let names = recorded(&run, &world);
    assert_eq!(names, ["a", "near", "far", "end", "b", "b", "end"]);
}

#[test]
fn clocks_answer_in_ipv4() {
    let kind = by_name("timestamp").expect("timestamps");
    let run = run_with(LINE, "b", Family::V4, plan(kind, 2), &Envelope::default());
    assert_eq!(letters(&run), "..");
    let Outcome::Reply(reply) = &run.reports[1].outcome else { panic!("{:?}", run.reports) };
    let Detail::Timestamps { receive, transmit, .. } = reply.detail else { panic!("{reply:?}") };
    assert_eq!((receive, transmit), (1_006, 1_006));
}

#[test]
fn broadcasts_are_answered_by_those_who_want() {
    let text = r#"
        [host]
        a = {}
        h = { count = 3, answers_broadcast = true }
        quiet = {}
        [[link]]
        ends = ["a", "h", "quiet"]
    "#;
    for (address, any_source) in [("192.0.2.7", true), ("224.0.0.1", false), ("ff02::1", false)] {
        let world = World::load(text, "test", None).expect("a scenario");
        let plan = Plan { any_source, ..plan(echo(), 2) };
        let run = ping(world, address.parse().expect("an address"), plan, &Envelope::default());
        assert_eq!(letters(&run), ".DD.", "{address}");
    }
}

#[test]
fn a_node_answers_itself() {
    for (family, loopback) in [(Family::V4, "127.0.0.1"), (Family::V6, "::1")] {
        let own = run(LINE, "a", family, 2);
        assert_eq!(letters(&own), "..");
        let world = World::load(LINE, "test", None).expect("a scenario");
        let address = loopback.parse().expect("an address");
        let run = ping(world, address, plan(echo(), 2), &Envelope::default());
        assert_eq!(letters(&run), "..", "{loopback}");
    }
}

#[test]
fn nowhere_is_no_route_from_here() {
    for address in ["203.0.113.99", "2001:db8:ffff::1"] {
        let world = World::load(LINE, "test", None).expect("a scenario");
        let address = address.parse().expect("an address");
        let run = ping(world, address, plan(echo(), 2), &Envelope::default());
        assert_eq!(letters(&run), "NN");
    }
}

#[test]
fn an_endless_run_is_interrupted() {
    let text = format!("duration = \"5500ms\"\n{LINE}");
    let endless = Plan { goal: Goal::Probes(None), ..plan(echo(), 1) };
    let run = run_with(&text, "b", Family::V4, endless, &Envelope::default());
    assert_eq!(letters(&run), "......");
}

#[test]
fn the_same_seed_makes_the_same_run() {
    let rough = "jitter = \"5ms\"\nloss = \"10%\"\nduplicate = \"10%\"\ncorrupt = \"10%\"";
    let text = |seed: u64| format!("seed = {seed}\n{}", pair_text(rough, ""));
    for family in Family::ALL {
        let story = |seed| {
            let run = run(&text(seed), "b", family, 200);
            format!("{:?} {}", run.reports, run.foreign)
        };
        assert_eq!(story(1), story(1));
        assert_ne!(story(1), story(2));
    }
}

#[test]
fn another_link_changes_nothing_elsewhere() {
    let before = pair_text("loss = \"30%\"", "");
    let more = "\n[[link]]\nends = [\"a\", \"b\"]\nname = \"spare\"\nloss = \"30%\"\n";
    let outcomes = |text: &str| letters(&run(text, "b", Family::V4, 100));
    assert_eq!(outcomes(&before), outcomes(&format!("{before}{more}")));
}
