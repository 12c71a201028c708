//! The ping engine over small networks: every outcome from its cause, in both families.

use lab::World;
use probe::kind::{Kind, by_name};
use probe::ping::{Goal, Linger, Outcome, Pace, Pattern, Ping, Plan, Report};
use probe::targets::{Target, Targets};
use probe::token::Key;
use probe::{Envelope, Observer};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

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
    world.drive(at, envelope, &mut engine, &mut log, &mut || None);
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

#[test]
fn a_line_answers_in_twice_its_delay() {
    for family in Family::ALL {
        let run = run(LINE, "b", family, 20);
        assert_eq!(run.reports.len(), 20);
        for report in &run.reports {
            let Outcome::Reply(reply) = &report.outcome else { panic!("{report:?}") };
            assert_eq!(reply.rtt, Duration::from_millis(12));
            assert_eq!(reply.hop_limit, Some(62));
        }
        assert!(run.foreign > 3, "the noise is always on");
    }
}
