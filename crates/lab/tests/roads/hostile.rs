//! Any text as a scenario; what is fuzzed, and what the tests feed with the corpus: a text is
//! refused with a place in it and a reason, or makes a network that an instrument can run over for
//! as long as it likes.

use lab::World;
use probe::method::{self, Method};
use probe::targets::Target;
use probe::token::Key;
use probe::trace::{Course, Destination, Plan, Report, Trace};
use probe::{Envelope, Observer, Signal};
use std::time::Duration;
use wire::Family;

/// Larger networks show nothing that smaller ones do not.
const NODES_MAX: usize = 100;

/// The user interrupts when asked that often, which is after some hundred thousand events at most.
const PATIENCE: u32 = 100;

struct Nobody;

impl Observer<Trace> for Nobody {
    fn report(&mut self, _: &Trace, _: Report) {}
}

/// Plays one input.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match World::load(text, "input", None) {
        Ok(world) if world.nodes() > NODES_MAX => {}
        Ok(mut world) => run_over(&mut world),
        Err(fault) => {
            assert!(fault.line >= 1 && fault.column >= 1, "{fault}");
            assert!(fault.line <= text.split('\n').count(), "{fault}");
            assert!(!fault.message.is_empty());
        }
    }
    // What a scenario expects is read for its own sake, too.
    let _ = lab::expectations(text, "input");
}

/// Traces from the first node to the last.
fn run_over(world: &mut World) {
    let last = (0..world.nodes() as u32).map(lab::NodeId).next_back().expect("a world has nodes");
    let from = world.default_node();
    let rounds = Course::Rounds { interval: Duration::from_millis(100), count: None };
    let courses = [Course::Once { queries: 2 }, rounds, Course::Paths { risk: 0.05 }];
    let [v4, v6] = Family::ALL;
    let trips =
        [(v4, &method::UDP as &'static dyn Method), (v6, &method::ICMP), (v4, &method::TCP)];
    for ((family, method), course) in trips.into_iter().zip(courses) {
        let Some(address) = world.addresses(last, family).first().copied() else { continue };
        let Some(source) = world.source_towards(from, address) else { continue };
        let destination = Destination { target: Target { address, zone: 0 }, source };
        let plan = Plan { course, hops_max: 8, ..Plan::new(method, vec![40_000], Key([1, 2])) };
        let mut trace = Trace::new(plan, vec![destination], world.now());
        let mut asked = 0;
        let mut signals = || {
            asked += 1;
            (asked >= PATIENCE).then_some(Signal::Interrupt)
        };
        let carrier = method.carrier();
        world.drive(from, carrier, &Envelope::default(), &mut trace, &mut Nobody, &mut signals);
        assert_eq!(trace.done(), 1, "{family} {method:?} {course:?}");
    }
}
