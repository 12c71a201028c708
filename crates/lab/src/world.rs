//! The world's clock and its events: what happens at one moment happens in the order in which it
//! was caused.

use crate::agenda::Agenda;
use crate::agent::Advert;
use crate::capture::{CapturePlan, Captures, Entering};
use crate::conntrack::{Listed, Tracker};
use crate::ethernet;
use crate::large::Large;
use crate::link::{Fate, Link, LinkCounts};
use crate::map::{Device, Map, Recipient, Route};
use crate::neighbour::Neighbour;
use crate::node::{Action, Frame, Later, Node, Turn};
use crate::noise::Noise;
use crate::scenario::Scenario;
use crate::scenario::changes::{Change, ChangePlan};
use crate::scenario::text::Source;
use crate::scenario::traffic::{Destination, TrafficPlan};
use crate::segments::{self, Packet};
use crate::socket::{Process, Socket};
use crate::{NodeId, ScenarioFault, scenario};
use probe::{Carrier, Time};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::ip::Header;

/// The most memory that events to come may take, unless a test says less. What a link is sent
/// beyond it is lost: links that double packets along a loop of routes would fill any memory.
const EVENTS_MAX_BYTES: usize = 1 << 30;

/// A network built from a scenario, at some point of its virtual time.
#[derive(Debug)]
pub struct World {
    pub(crate) now: Time,
    agenda: Agenda<Event>,
    /// Memory that the events take, and may take.
    events_bytes: usize,
    events_max_bytes: usize,
    pub(crate) map: Map,
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Vec<Link>,
    pub(crate) capture_plans: Vec<CapturePlan>,
    /// What is captured, if anything is.
    pub(crate) captures: Option<Captures>,
    from: NodeId,
    seed: u64,
    /// Whether the scenario says when it starts.
    is_dated: bool,
    /// When an endless run is interrupted, from its start.
    pub(crate) duration: Duration,
    pub(crate) noise: Noise,
    /// Where an instrument runs.
    pub(crate) watched: Option<Watch>,
    /// The only interface that the instrument hears, if it is bound to one.
    bound: Option<usize>,
    /// What has arrived for the instrument.
    pub(crate) inbox: VecDeque<Vec<u8>>,
    /// What has arrived for attached nodes.
    pub(crate) outgoing: VecDeque<(NodeId, Packet)>,
    /// Reused from turn to turn.
    actions: Vec<Action>,
}

/// An instrument at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) node: NodeId,
    /// What it hears besides ICMP.
    pub(crate) carrier: Carrier,
}

/// What happens at a moment.
#[derive(Debug)]
pub(crate) enum Event {
    /// A packet comes out of a link.
    Arrival {
        node: NodeId,
        frame: Frame,
        /// The link and the end that sent it, if this is the copy that is counted.
        counted: Option<(usize, usize)>,
    },
    /// Likewise one that is not as on a wire yet.
    LargeArrival { node: NodeId, large: Large, counted: (usize, usize) },
    /// A node comes back to something.
    Resumption { node: NodeId, what: Later },
    /// A datagram that has nothing to do with the run reaches the instrument.
    Noise(Vec<u8>),
    /// The network changes, as the scenario says.
    Change(Box<Turnabout>),
}

/// A change of the network.
#[derive(Debug)]
pub(crate) struct Turnabout {
    what: Change,
    /// A node's routes from now on, if they change.
    routes: Option<Vec<Route>>,
}

impl World {
    /// Builds the network that a scenario (TOML) describes. `seed` overrides the scenario's own.
    ///
    /// # Errors
    /// If the text is not TOML, or describes a network that cannot be.
    pub fn load(text: &str, origin: &str, seed: Option<u64>) -> Result<World, ScenarioFault> {
        let source = Source::new(text, origin);
        World::build(Scenario::read(source)?, source, seed)
    }

    /// Builds the network of a scenario.
    pub(crate) fn build(
        scenario: Scenario,
        source: Source<'_>,
        seed: Option<u64>,
    ) -> Result<World, ScenarioFault> {
        let map = Map::build(&scenario, source)?;
        let changes = turnabouts(&map, scenario.changes, source)?;
        let seed = seed.unwrap_or(scenario.seed);
        let link = |plan: &scenario::LinkPlan| {
            let names: Vec<&str> = plan.ends.iter().map(|node| map.name(*node)).collect();
            Link::new(plan, seed, &names)
        };
        let links = scenario.links.iter().map(link).collect();
        let nodes = scenario.nodes.into_iter().enumerate();
        let nodes = nodes
            .map(|(index, plan)| Node::new(scenario::node_id(index), plan, seed, &map))
            .collect();
        let mut world = World {
            now: Time::ZERO,
            agenda: Agenda::default(),
            events_bytes: 0,
            events_max_bytes: EVENTS_MAX_BYTES,
            map,
            nodes,
            links,
            capture_plans: scenario.captures,
            captures: None,
            from: scenario.from,
            seed,
            is_dated: scenario.starts_ns.is_some(),
            duration: scenario.duration,
            noise: Noise::new(seed),
            watched: None,
            bound: None,
            inbox: VecDeque::new(),
            outgoing: VecDeque::new(),
            actions: Vec::new(),
        };
        world.start(&scenario.traffic);
        for (at, change) in changes {
            world.schedule(at, Event::Change(Box::new(change)));
        }
        for (node, advert) in beacons(&world.nodes, &world.map) {
            let at = Time::ZERO + advert.again.unwrap_or_default();
            world.schedule(at, Event::Resumption { node, what: Later::Advertise(advert) });
        }
        Ok(world)
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.map.node(name)
    }

    /// The node to run at if the user names none: the scenario's `from`, else its first host.
    pub fn default_node(&self) -> NodeId {
        self.from
    }

    /// How many nodes there are; their ids count up from 0.
    pub fn nodes(&self) -> usize {
        self.map.nodes()
    }

    /// The addresses of a node, those of its first link first.
    pub fn addresses(&self, node: NodeId, family: Family) -> Vec<IpAddr> {
        self.map.addresses(node, family)
    }

    /// The interfaces of a node, in the order of the scenario's links.
    pub fn devices(&self, node: NodeId) -> Vec<Device> {
        let device = |(interface, link): (usize, usize)| Device {
            link: self.links[link].name.clone(),
            numbers: self.map.numbers(node, interface),
        };
        self.map.links_of(node).enumerate().map(device).collect()
    }

    /// Binds instruments to an interface of their node, by its index among the devices: they hear
    /// no ICMP message from others.
    pub fn bind(&mut self, interface: Option<usize>) {
        self.bound = interface;
    }

    /// The name of a node.
    pub fn name(&self, node: NodeId) -> &str {
        self.map.name(node)
    }

    /// The name of the node that holds an address: the lab's reverse DNS.
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.map.holder(address).map(|node| self.map.name(node))
    }

    /// The address that a node sends from towards another; `None` without a route.
    pub fn source_towards(&self, from: NodeId, to: IpAddr) -> Option<IpAddr> {
        self.map.source_towards(from, to)
    }

    /// What a file of a node's TFTP server holds, as it was or as somebody has sent it.
    pub fn tftp_file(&self, node: NodeId, name: &[u8]) -> Option<&[u8]> {
        self.nodes.get(node.0 as usize)?.tftp.as_ref()?.file(name)
    }

    /// The wall clock at [`probe::Time::ZERO`], nanoseconds since 1970-01-01 UTC: a date that the
    /// scenario fixes, so that runs are reproducible.
    pub fn epoch_ns(&self) -> i128 {
        self.map.epoch_ns
    }

    /// Has [`probe::Time::ZERO`] be at that wall clock, for a world that runs in real time, unless
    /// the scenario says when it starts.
    pub fn begin_at(&mut self, epoch_ns: i128) {
        if !self.is_dated {
            self.map.epoch_ns = epoch_ns;
        }
    }

    /// Whether errors show the IP header of a probe as it arrived at the hop: they always do here.
    pub fn sees_quoted_headers(&self) -> bool {
        true
    }

    /// Whether all probes of a lane share its port or identifier, as with raw sockets: they do.
    pub fn holds_flows(&self) -> bool {
        true
    }

    /// Now, in virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What all random numbers of the world come from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What each end of each link has sent: the link's name, the sender, the counts.
    pub fn link_counts(&self) -> impl Iterator<Item = (&str, NodeId, LinkCounts)> {
        self.links.iter().enumerate().flat_map(move |(index, link)| {
            let ends = self.map.ends(index).iter().enumerate();
            ends.map(move |(end, (node, _))| (link.name.as_str(), *node, link.counts(end)))
        })
    }

    /// The connections that a router tracks now, in the order of their ends; nothing of a node that
    /// tracks none.
    pub fn conntrack(&self, node: NodeId) -> Vec<Listed> {
        self.tracker(node).map(|tracker| tracker.list(self.now)).unwrap_or_default()
    }

    /// What tracks connections at a node, if anything does.
    pub fn tracker(&self, node: NodeId) -> Option<&Tracker> {
        let gate = self.nodes.get(node.0 as usize)?.gate.as_ref()?;
        Some(&gate.tracker)
    }

    /// Likewise, to watch it or to change how it behaves.
    pub fn tracker_mut(&mut self, node: NodeId) -> Option<&mut Tracker> {
        let gate = self.nodes.get_mut(node.0 as usize)?.gate.as_mut()?;
        Some(&mut gate.tracker)
    }

    /// The sockets of all processes that send, node by node, and what has happened to them.
    pub fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.nodes.iter().flat_map(|node| node.processes.iter().map(|process| &process.socket))
    }

    /// The neighbours that a node knows on Ethernet, in the order of interfaces and addresses.
    pub fn neighbours(&self, node: NodeId) -> Vec<Neighbour> {
        let node = self.nodes.get(node.0 as usize);
        node.map(|node| node.neighbours.list(self.now)).unwrap_or_default()
    }

    /// The destinations for which a node was told of a better first hop, and that hop.
    pub fn redirects(&self, node: NodeId) -> Vec<(IpAddr, IpAddr)> {
        let node = self.nodes.get(node.0 as usize);
        node.map(|node| node.redirects.list(self.now)).unwrap_or_default()
    }

    /// Packets that are under way on links.
    pub fn in_flight(&self) -> usize {
        let packets = |event: &Event| match event {
            Event::Arrival { counted: Some(_), .. } => 1,
            Event::LargeArrival { large, .. } => segments::amount(&large.packet).0 as usize,
            _ => 0,
        };
        self.agenda.iter().map(packets).sum()
    }

    /// When the next event is due.
    pub fn next_event(&self) -> Time {
        self.agenda.next().unwrap_or(Time::NEVER)
    }

    /// Lets something happen at a time, unless there is no memory for it.
    pub(crate) fn schedule(&mut self, at: Time, event: Event) {
        let events_bytes = self.events_bytes + event.bytes();
        if events_bytes > self.events_max_bytes && event.may_be_lost() {
            match event {
                Event::Arrival { counted: Some((link, end)), .. } => self.links[link].lost(end, 1),
                Event::LargeArrival { counted: (link, end), large, .. } => {
                    self.links[link].lost(end, segments::amount(&large.packet).0);
                }
                _ => {}
            }
            return;
        }
        self.events_bytes = events_bytes;
        self.agenda.push(at, event);
    }

    /// Starts the processes that send: one a family.
    fn start(&mut self, plans: &[TrafficPlan]) {
        for plan in plans {
            for family in &plan.families {
                let to = match plan.to {
                    Destination::Node(node) => self.map.addresses(node, *family).first().copied(),
                    Destination::Address(to) => Some(to).filter(|to| Family::of(*to) == *family),
                };
                let Some(to) = to else { continue };
                let processes = &mut self.nodes[plan.from.0 as usize].processes;
                let index = processes.len();
                processes.push(Process::new(plan.from, plan.clone(), to, index));
                let what = Later::Speak(index);
                let at = Time::ZERO + plan.start;
                self.schedule(at, Event::Resumption { node: plan.from, what });
            }
        }
    }

    /// Moves the clock to the next event and lets it happen.
    pub(crate) fn step(&mut self) {
        let Some((at, event)) = self.agenda.pop() else { return };
        self.events_bytes -= event.bytes();
        self.now = self.now.max(at);
        match event {
            Event::Arrival { node, frame, counted } => {
                if let Some((link, end)) = counted {
                    self.links[link].delivered(end, (1, frame.bytes.len() as u64));
                }
                self.turn(node, |node, turn| node.receive(turn, frame));
            }
            Event::LargeArrival { node, large, counted: (link, end) } => {
                self.links[link].delivered(end, segments::amount(&large.packet));
                self.turn(node, |node, turn| node.receive_large(turn, large));
            }
            Event::Resumption { node, what } => {
                self.turn(node, |node, turn| node.resume(turn, what));
            }
            Event::Noise(bytes) => self.inbox.push_back(bytes),
            Event::Change(change) => self.change(*change),
        }
    }

    fn change(&mut self, Turnabout { what, routes }: Turnabout) {
        match what {
            Change::Link { link, is_down, directions } => {
                let [there, back] = *directions;
                self.map.set_link(link, is_down, [there.mtu_bytes, back.mtu_bytes]);
                self.links[link].change(is_down, there, back);
                if is_down {
                    // Without a carrier nobody is sure who is there.
                    for (node, interface) in self.map.ends(link) {
                        self.nodes[node.0 as usize].neighbours.forget(*interface);
                    }
                }
            }
            Change::Node { node, is_silent, personality, .. } => {
                let changed = &mut self.nodes[node.0 as usize];
                changed.plan.is_silent = is_silent;
                if let (Some(gate), Some(personality)) = (&mut changed.gate, personality) {
                    gate.tracker.set_behaviour(personality.behaviour());
                }
                if let Some(routes) = routes {
                    self.map.set_routes(node, routes);
                }
            }
        }
    }

    /// Gives a node its turn, and does what it wants done.
    pub(crate) fn turn<R>(
        &mut self,
        id: NodeId,
        act: impl FnOnce(&mut Node, &mut Turn<'_>) -> R,
    ) -> R {
        let mut actions = std::mem::take(&mut self.actions);
        let mut turn = Turn {
            now: self.now,
            map: &self.map,
            watched: self.watched.filter(|watch| watch.node == id).map(|watch| watch.carrier),
            bound: self.bound,
            actions: &mut actions,
        };
        let result = act(&mut self.nodes[id.0 as usize], &mut turn);
        for action in actions.drain(..) {
            match action {
                Action::Send { interface, to, bytes } => {
                    self.carry(id, interface, to, false, bytes);
                }
                Action::SendLarge { interface, to, packet } => {
                    self.carry_large(id, interface, to, *packet);
                }
                Action::SendArp { interface, to, bytes } => {
                    self.carry(id, interface, to, true, bytes);
                }
                Action::Later { after, what } => {
                    self.schedule(self.now + after, Event::Resumption { node: id, what });
                }
                Action::Show(bytes) => self.inbox.push_back(bytes),
                Action::HandOut(packet) => self.outgoing.push_back((id, packet)),
            }
        }
        self.actions = actions;
        result
    }

    /// Puts a packet on a link: behind an Ethernet header, if the link has such.
    fn carry(
        &mut self,
        from: NodeId,
        interface: usize,
        to: Recipient,
        is_arp: bool,
        bytes: Vec<u8>,
    ) {
        let device = self.map.interface(from, interface);
        let (link, end) = (device.link, device.end);
        let ethernet = self.map.frame_header(device, to, is_arp, &bytes);
        let is_broadcast = match &ethernet {
            Some(header) => ethernet::is_to_many(header),
            None => to == Recipient::Everyone,
        };
        let crossing = self.links[link].cross(end, self.now, bytes);
        if let Some(captures) = &mut self.captures {
            let ethernet = ethernet.as_ref();
            let it = Entering { now: self.now, link, end, to, ethernet, crossing: &crossing };
            captures.note(&self.map, &self.links[link], &it);
        }
        let Fate::Arrives(at) = crossing.story.fate else { return };
        for bytes in std::iter::once(crossing.bytes).chain(crossing.twin) {
            let mut frame = Frame { bytes, is_broadcast, ethernet, came_by: None, road: None };
            let counted = Some((link, end));
            if let Recipient::Node(node) = to
                && let Some(came_by) = self.map.interface_on(node, link)
            {
                frame.came_by = Some(came_by);
                self.schedule(at, Event::Arrival { node, frame, counted });
                continue;
            }
            let takers = self.map.takers(link, from, to);
            if takers.is_empty() {
                // It comes out where nobody takes it.
                self.links[link].delivered(end, (1, frame.bytes.len() as u64));
            }
            let counts = std::iter::once(counted).chain(std::iter::repeat(None));
            for ((node, came_by), counted) in takers.into_iter().zip(counts) {
                let bytes = frame.bytes.clone();
                let frame =
                    Frame { bytes, is_broadcast, ethernet, came_by: Some(came_by), road: None };
                self.schedule(at, Event::Arrival { node, frame, counted });
            }
        }
    }

    /// Puts a packet that is not as on a wire yet on a link: whole, if nothing is done there that
    /// one packet of many would notice; else one by one what it stands for.
    // Apart, so that single packets pay nothing for it.
    #[inline(never)]
    fn carry_large(&mut self, from: NodeId, interface: usize, to: Recipient, packet: Packet) {
        let device = self.map.interface(from, interface);
        let (link, end) = (device.link, device.end);
        let is_captured = self.captures.as_ref().is_some_and(|it| it.has_link(link));
        let only_taker = match to {
            Recipient::Node(node) => self.map.interface_on(node, link).map(|by| (node, by)),
            _ => None,
        };
        let is_carried = !is_captured && self.links[link].carries_whole(end);
        let Some((node, came_by)) = only_taker.filter(|_| is_carried) else {
            return packet.each(|bytes| self.carry(from, interface, to, false, bytes));
        };
        let ethernet = self.map.frame_header(device, to, false, &packet.bytes);
        let amount = segments::amount(&packet);
        let Fate::Arrives(at) = self.links[link].pass_whole(end, self.now, amount) else { return };
        let large = Large { packet, ethernet, came_by };
        self.schedule(at, Event::LargeArrival { node, large, counted: (link, end) });
    }
}

/// The advertisements that come unasked.
fn beacons(nodes: &[Node], map: &Map) -> Vec<(NodeId, Advert)> {
    let mut due = Vec::new();
    for node in nodes {
        let Some(every) = node.plan.advert.as_ref().and_then(|plan| plan.every) else { continue };
        for (interface, _) in map.links_of(node.id).enumerate() {
            for family in Family::ALL {
                due.push((node.id, Advert { interface, family, to: None, again: Some(every) }));
            }
        }
    }
    due
}

/// The changes that a scenario plans, and when they come.
fn turnabouts(
    map: &Map,
    plans: Vec<ChangePlan>,
    source: Source<'_>,
) -> Result<Vec<(Time, Turnabout)>, ScenarioFault> {
    let turnabout = |plan: ChangePlan| {
        let routes = match &plan.what {
            Change::Node { node, routes: Some(routes), .. } => {
                Some(map.static_routes(node.0 as usize, routes, source)?)
            }
            _ => None,
        };
        Ok((plan.at, Turnabout { what: plan.what, routes }))
    };
    plans.into_iter().map(turnabout).collect()
}

impl Event {
    /// The memory that it takes.
    fn bytes(&self) -> usize {
        let held = match self {
            Event::Arrival { frame: Frame { bytes, .. }, .. } | Event::Noise(bytes) => bytes.len(),
            Event::LargeArrival { large, .. } => large.packet.bytes.capacity(),
            Event::Change(_) => size_of::<Turnabout>(),
            Event::Resumption { what, .. } => match what {
                Later::Looped(bytes) | Later::Unresolved(bytes) => bytes.len(),
                Later::Answer(_, message) => size_of::<Header>() + message.len(),
                Later::Abandon(_)
                | Later::Neighbour(_)
                | Later::Speak(_)
                | Later::AbandonPassing(_)
                | Later::Advertise(_)
                | Later::Release
                | Later::Tftp(_) => 0,
            },
        };
        // Its key, besides.
        size_of::<Option<Event>>() + 24 + held
    }

    /// Whether nobody waits for it: fragments must be given up, or no others are taken; transfers
    /// and what comes again and again must go on; and the network changes whatever is on it.
    fn may_be_lost(&self) -> bool {
        let is_promised = |what: &Later| {
            matches!(
                what,
                Later::Abandon(_)
                    | Later::AbandonPassing(_)
                    | Later::Neighbour(_)
                    | Later::Speak(_)
                    | Later::Advertise(Advert { again: Some(_), .. })
                    | Later::Release
                    | Later::Tftp(_)
            )
        };
        match self {
            Event::Resumption { what, .. } => !is_promised(what),
            Event::Change(_) => false,
            Event::Arrival { .. } | Event::LargeArrival { .. } | Event::Noise(_) => true,
        }
    }
}

#[cfg(test)]
mod tests;
