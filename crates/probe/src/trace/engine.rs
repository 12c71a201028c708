//! The engine: many roads, one pace, and what is due next.

use super::identity::Identity;
use super::road::{Road, Turn};
use super::share::Leads;
use super::{Course, Destination, Plan, Report};
use crate::method::Question;
use crate::{Arrival, Engine, Output, Own, SendFault, Stamp, Ticket, Time, Transmit};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::IpAddr;

/// The trace engine.
///
/// A probe is believed to be answered if address, ports and mark fit, and the token where it came
/// back; everything else is counted as foreign and has no other effect.
#[derive(Debug)]
pub struct Trace {
    pub(super) plan: Plan,
    pub(super) identity: Identity,
    pub(super) roads: Vec<Road>,
    /// Which road leads to an address.
    pub(super) by_address: BTreeMap<IpAddr, u32>,
    /// Roads that are to be looked at again, by time.
    timers: BinaryHeap<Reverse<(Time, u32)>>,
    /// Roads that something happened to.
    touched: VecDeque<u32>,
    /// Roads that want to send.
    ready: VecDeque<u32>,
    /// The next road of the list to begin, how many are under way, and how many are over.
    next_road: u32,
    under_way: u32,
    done: u32,
    leads: Leads,
    pub(super) reports: VecDeque<Report>,
    last_send: Option<Time>,
    pub(super) foreign: u64,
    pub(super) dropped: u64,
}

/// A ticket is the road's index, then the probe's number on the road.
const NUMBER_BITS: u32 = 40;

impl Trace {
    /// Starts a run at `now`. Each address should stand in the list once: answers are put down to
    /// the first road that leads there.
    ///
    /// # Panics
    /// If the plan names no identifier, or its last hop is before its first: whoever builds plans
    /// checks them.
    pub fn new(plan: Plan, destinations: Vec<Destination>, now: Time) -> Trace {
        assert!(!plan.identifiers.is_empty(), "a plan names at least one identifier");
        assert!((1..=plan.hops_max).contains(&plan.first_hop), "a plan has a first and a last hop");
        let mut by_address = BTreeMap::new();
        for (destination, index) in destinations.iter().zip(0..) {
            by_address.entry(destination.target.address).or_insert(index);
        }
        let roads = destinations.into_iter().map(|to| Road::waiting(to, &plan, now)).collect();
        Trace {
            identity: Identity::new(plan.key),
            plan,
            roads,
            by_address,
            timers: BinaryHeap::new(),
            touched: VecDeque::new(),
            ready: VecDeque::new(),
            next_road: 0,
            under_way: 0,
            done: 0,
            leads: Leads::default(),
            reports: VecDeque::new(),
            last_send: None,
            foreign: 0,
            dropped: 0,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The addresses that are traced, by index.
    pub fn destination(&self, target: u32) -> Destination {
        self.roads[target as usize].destination
    }

    /// How many roads are known to their end, for progress.
    pub fn done(&self) -> u32 {
        self.done
    }

    /// How many addresses there are.
    pub fn targets(&self) -> u32 {
        self.roads.len() as u32
    }

    /// Datagrams that arrived and had nothing to do with this run.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Lets something happen to a road, and sees to it afterwards.
    pub(super) fn visit(
        &mut self,
        index: u32,
        now: Time,
        act: impl FnOnce(&mut Road, &mut Turn<'_>),
    ) {
        self.give_turn(index, now, act);
        self.touched.push_back(index);
    }

    fn give_turn(&mut self, index: u32, now: Time, act: impl FnOnce(&mut Road, &mut Turn<'_>)) {
        let road = &mut self.roads[index as usize];
        let was_done = road.is_done;
        let mut turn = Turn {
            now,
            plan: &self.plan,
            target: index,
            reports: &mut self.reports,
            dropped: &mut self.dropped,
        };
        act(road, &mut turn);
        if road.is_done && !was_done {
            // Those that never began do not count.
            self.under_way = self.under_way.saturating_sub(1);
            self.done += 1;
            self.leads.finish(index, road);
            road.rest();
        }
    }

    /// Brings up to date whatever something happened to, or whose time has come.
    fn catch_up(&mut self, now: Time) {
        while let Some(&Reverse((at, index))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            // Roads whose time has moved have another entry.
            if self.roads[index as usize].due == at {
                self.touched.push_back(index);
            }
        }
        while let Some(index) = self.touched.pop_front() {
            let before = self.roads[index as usize].due;
            self.give_turn(index, now, Road::advance);
            let road = &mut self.roads[index as usize];
            if road.due != Time::NEVER && (road.due != before || before <= now) {
                self.timers.push(Reverse((road.due, index)));
            }
            if !road.is_done && !std::mem::replace(&mut road.is_queued, true) {
                self.ready.push_back(index);
            }
        }
    }

    /// Begins roads while there is room for them.
    fn begin(&mut self, now: Time) {
        while self.under_way < self.plan.roads_max {
            let Some(index) = self.next_to_begin() else { return };
            self.under_way += 1;
            let road = &mut self.roads[index as usize];
            let lead = self.leads.lead(road.destination.target.address);
            road.begin(lead, &self.plan, now);
            self.touched.push_back(index);
            self.catch_up(now);
        }
    }

    /// The next road that need not wait for another.
    fn next_to_begin(&mut self) -> Option<u32> {
        while let Some(index) = self.leads.next_free() {
            if !self.roads[index as usize].is_done {
                return Some(index);
            }
        }
        while self.next_road < self.targets() {
            let index = self.next_road;
            self.next_road += 1;
            let to = self.roads[index as usize].destination.target.address;
            if !self.plan.shares_hops || self.leads.may_begin(index, to) {
                return Some(index);
            }
        }
        None
    }

    /// The road whose turn it is to send.
    fn next_sender(&mut self, now: Time) -> Option<u32> {
        while let Some(&index) = self.ready.front() {
            if self.roads[index as usize].wants(&self.plan, now) {
                return Some(index);
            }
            self.ready.pop_front();
            self.roads[index as usize].is_queued = false;
        }
        None
    }

    fn launch(&mut self, index: u32, now: Time, datagram: &mut Vec<u8>) -> Option<Transmit> {
        let road = &mut self.roads[index as usize];
        let Destination { target, source } = road.destination;
        let number = road.launch(&self.plan, now)?;
        let flight = *road.flights.find(number)?;
        let (flow, lane) = (flight.flow, self.plan.lane_of(flight.flow));
        let question = Question {
            source,
            to: target.address,
            port: self.plan.identifiers[usize::from(lane)],
            to_port: flight.port,
            flow: self.identity.flow(flow),
            mark: self.identity.mark(number),
            token: self.identity.token(number, target.address),
            payload_bytes: self.plan.payload_bytes,
            is_steady: self.plan.is_steady(),
        };
        datagram.clear();
        self.plan.method.encode(&question, datagram);
        let at = self.plan.method.checksum_offset();
        let checksum = datagram.get(at..at + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]));
        if let Some(flight) = road.flights.find_mut(number) {
            flight.checksum = checksum;
        }
        self.last_send = Some(now);
        self.touched.push_back(index);
        Some(Transmit {
            to: target.address,
            zone: target.zone,
            lane,
            ticket: u64::from(index) << NUMBER_BITS | number,
            header: Own {
                source: Some(source),
                hop_limit: Some(flight.hop),
                identification: Some(self.identity.identification(number)),
                flow_label: self.plan.flow_label_of(flow),
            },
        })
    }
}

/// The road and the number of a ticket.
fn of_ticket(ticket: Ticket) -> (u32, u64) {
    ((ticket >> NUMBER_BITS) as u32, ticket & ((1 << NUMBER_BITS) - 1))
}

impl Engine for Trace {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        self.catch_up(now);
        self.begin(now);
        if let Some(report) = self.reports.pop_front() {
            return Output::Report(report);
        }
        let may_send_at = self.last_send.map_or(now, |last| last + self.plan.gap);
        if let Some(index) = self.next_sender(now) {
            if may_send_at > now {
                let due = self.timers.peek().map_or(Time::NEVER, |Reverse((at, _))| *at);
                return Output::Wait { until: may_send_at.min(due), why: "gap between probes" };
            }
            // Roads take turns, so that none of them has to bear all at once.
            self.ready.rotate_left(1);
            if let Some(transmit) = self.launch(index, now, datagram) {
                return Output::Send(transmit);
            }
        }
        if self.done == self.targets() {
            return Output::Done;
        }
        let until = self.timers.peek().map_or(Time::NEVER, |Reverse((at, _))| *at);
        Output::Wait { until, why: "answers" }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        self.take_arrival(now, arrival);
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        let (index, number) = of_ticket(ticket);
        if let Some(road) = self.roads.get_mut(index as usize) {
            road.flights.stamp(number, stamp);
        }
    }

    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault) {
        let (index, number) = of_ticket(ticket);
        if (index as usize) < self.roads.len() {
            self.visit(index, now, |road, turn| road.fail(turn, number, fault));
        }
    }

    fn receive_dropped(&mut self, count: u32) {
        self.dropped += u64::from(count);
    }

    fn stop(&mut self, now: Time) {
        for index in 0..self.targets() {
            if !self.roads[index as usize].is_done {
                self.visit(index, now, |road, turn| road.stop(turn));
            }
        }
        self.next_road = self.targets();
    }

    fn is_endless(&self) -> bool {
        matches!(self.plan.course, Course::Rounds { count: None, .. })
    }
}
