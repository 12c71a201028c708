//! The engine: several roads, one pace.

use super::road::{Road, Turn};
use super::table::TARGET;
use super::{BYTES_MAX, BYTES_MIN, Destination, Expectation, Plan, Report};
use crate::method::Question;
use crate::trace::identity::Identity;
use crate::{Arrival, Engine, Output, Own, SendFault, Stamp, Ticket, Time, Transmit};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use wire::ip::Header;

/// The path MTU engine.
///
/// A probe is believed to be answered if address, ports and mark fit, and the token where it came
/// back; everything else is counted as foreign and has no other effect.
#[derive(Debug)]
pub struct Mtu {
    pub(super) plan: Plan,
    pub(super) identity: Identity,
    pub(super) roads: Vec<Road>,
    /// Which road leads to an address.
    pub(super) by_address: BTreeMap<IpAddr, u32>,
    /// Roads that are under way; those that want to send take turns.
    active: VecDeque<u32>,
    next_road: u32,
    reports: VecDeque<Report>,
    last_send: Option<Time>,
    foreign: u64,
}

/// A ticket is the road's index, then the probe's number on the road.
const NUMBER_BITS: u32 = 32;

impl Mtu {
    /// Starts a run at `now`. Each address should stand in the list once: answers are put down to
    /// the first road that leads there.
    ///
    /// # Panics
    /// If the plan names no identifier, its method carries no payload, or its sizes are out of
    /// bounds: whoever builds plans checks them.
    pub fn new(plan: Plan, destinations: Vec<Destination>, now: Time) -> Mtu {
        assert!(!plan.identifiers.is_empty(), "a plan names at least one identifier");
        assert!(plan.method.carries_payload(), "probes have any size");
        assert!((BYTES_MIN..=BYTES_MAX).contains(&plan.max_bytes), "IP has its bounds");
        let mut by_address = BTreeMap::new();
        for (destination, index) in destinations.iter().zip(0..) {
            by_address.entry(destination.target.address).or_insert(index);
        }
        let roads = destinations.into_iter().map(|to| Road::new(to, &plan, now)).collect();
        Mtu {
            identity: Identity::new(plan.key),
            plan,
            roads,
            by_address,
            active: VecDeque::new(),
            next_road: 0,
            reports: VecDeque::new(),
            last_send: None,
            foreign: 0,
        }
    }

    /// Tells what an earlier run found of a road, before the first poll.
    pub fn expect(&mut self, target: u32, expectation: Expectation) {
        if let Some(road) = self.roads.get_mut(target as usize) {
            road.expectation = Some(expectation);
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The addresses that are asked, by index.
    pub fn destination(&self, target: u32) -> Destination {
        self.roads[target as usize].destination
    }

    /// How many addresses there are.
    pub fn targets(&self) -> u32 {
        self.roads.len() as u32
    }

    /// Datagrams that arrived and had nothing to do with this run.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Lets something happen to a road, which is looked at again at the next poll.
    pub(super) fn visit(
        &mut self,
        index: u32,
        now: Time,
        act: impl FnOnce(&mut Road, &mut Turn<'_>),
    ) {
        let road = &mut self.roads[index as usize];
        let reports = &mut self.reports;
        act(road, &mut Turn { now, plan: &self.plan, target: index, reports });
        road.look_at(now);
    }

    /// Begins roads while there is room, and brings up to date those whose time has come.
    fn catch_up(&mut self, now: Time) {
        while self.next_road < self.targets() && (self.active.len() as u32) < self.plan.roads_max {
            self.roads[self.next_road as usize].begin(now);
            self.active.push_back(self.next_road);
            self.next_road += 1;
        }
        for index in &self.active {
            let road = &mut self.roads[*index as usize];
            if road.due <= now {
                let reports = &mut self.reports;
                road.advance(&mut Turn { now, plan: &self.plan, target: *index, reports });
            }
        }
        self.active.retain(|index| !self.roads[*index as usize].is_done);
    }

    fn launch(&mut self, index: u32, now: Time, datagram: &mut Vec<u8>) -> Option<Transmit> {
        let road = &mut self.roads[index as usize];
        let Destination { target, source } = road.destination;
        let (number, hop, bytes) = road.launch(now)?;
        road.look_at(now);
        let protocol = self.plan.method.carrier().protocol(wire::Family::of(source));
        let header_bytes = Header::new(source, target.address, protocol).bytes();
        let question = Question {
            source,
            to: target.address,
            port: self.plan.identifiers[0],
            to_port: self.plan.port,
            flow: self.identity.flow(0),
            mark: self.identity.mark(number),
            token: self.identity.token(number, target.address),
            payload_bytes: bytes as usize - header_bytes - self.plan.method.overhead_bytes(),
            is_steady: true,
        };
        datagram.clear();
        self.plan.method.encode(&question, datagram);
        self.last_send = Some(now);
        Some(Transmit {
            to: target.address,
            zone: target.zone,
            lane: 0,
            ticket: u64::from(index) << NUMBER_BITS | number,
            header: Own {
                source: Some(source),
                hop_limit: Some(if hop == TARGET { self.plan.hop_limit } else { hop }),
                identification: Some(self.identity.identification(number)),
                flow_label: self.plan.flow_label,
            },
        })
    }
}

/// The road and the number of a ticket.
fn of_ticket(ticket: Ticket) -> (u32, u64) {
    ((ticket >> NUMBER_BITS) as u32, ticket & ((1 << NUMBER_BITS) - 1))
}

impl Engine for Mtu {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        self.catch_up(now);
        if let Some(report) = self.reports.pop_front() {
            return Output::Report(report);
        }
        if self.active.is_empty() {
            return match self.next_road == self.targets() {
                true => Output::Done,
                // Those that ended made room for others.
                false => self.poll(now, datagram),
            };
        }
        let due = self.active.iter().map(|index| self.roads[*index as usize].due).min();
        let until = due.unwrap_or(Time::NEVER);
        let wants =
            |index: &u32| self.roads[*index as usize].next_wanted(&self.plan, now).is_some();
        if let Some(at) = self.active.iter().position(wants) {
            let may_send_at = self.last_send.map_or(now, |last| last + self.plan.gap);
            if may_send_at > now {
                return Output::Wait { until: until.min(may_send_at), why: "gap between probes" };
            }
            let index = self.active[at];
            // Roads take turns, so that none of them has to bear all at once.
            self.active.rotate_left(at + 1);
            if let Some(transmit) = self.launch(index, now, datagram) {
                return Output::Send(transmit);
            }
        }
        Output::Wait { until, why: "answers" }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        if self.take(now, arrival).is_none() {
            self.foreign += 1;
        }
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        let (index, number) = of_ticket(ticket);
        if let Some(road) = self.roads.get_mut(index as usize) {
            road.table.stamp(number, stamp);
        }
    }

    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault) {
        let (index, number) = of_ticket(ticket);
        if (index as usize) < self.roads.len() {
            self.visit(index, now, |road, turn| road.fail(turn, number, fault));
        }
    }

    fn receive_dropped(&mut self, _count: u32) {
        // What this host lost is asked again, as what the network lost.
    }

    fn stop(&mut self, now: Time) {
        for index in 0..self.targets() {
            self.visit(index, now, |road, turn| road.stop(turn));
        }
        self.next_road = self.targets();
        self.active.clear();
    }
}
