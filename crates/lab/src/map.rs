//! Who is linked to whom, under which addresses, and which way leads where. Ways are shortest paths
//! in links, found when first asked for; static routes come before them if they are as specific.
//! Of several ways that are as good, whoever asks picks one.

mod chosen;
mod on_link;
mod reach;
mod table;

use crate::address::{self, AddressHasher, Pool, Prefix, is_for_all, is_for_routers};
use crate::ethernet::{self, FrameHeader, LinkAddress};
use crate::rules::{self, Both};
use crate::scenario::text::Source;
use crate::scenario::{LinkPlan, NodePlan, Reject, Role, RouteBy, RouteTo, Scenario, StaticRoute};
use crate::{EPOCH_NS, NodeId, ScenarioFault};
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::net::IpAddr;
use wire::Family;
use wire::ip::Datagram;
use wire::link::ether_type;

/// The network as a graph.
#[derive(Debug)]
pub(crate) struct Map {
    /// The wall clock at [`probe::Time::ZERO`], nanoseconds since 1970-01-01 UTC.
    pub(crate) epoch_ns: i128,
    places: Vec<Place>,
    links: Vec<Segment>,
    by_name: BTreeMap<String, NodeId>,
    by_address: HashMap<IpAddr, NodeId, BuildHasherDefault<AddressHasher>>,
    /// First address of each network, the network, and its link; networks do not overlap.
    by_network: BTreeMap<IpAddr, (Prefix, usize)>,
    /// Ways to each link from every node, once somebody asked.
    ways: Vec<OnceCell<Ways>>,
}

/// The shortest ways to a link.
#[derive(Debug)]
struct Ways {
    /// By node, the one found first.
    first: Vec<Option<Way>>,
    /// The others of nodes that have several.
    others: BTreeMap<NodeId, Vec<Way>>,
}

/// A node as the graph sees it.
#[derive(Debug)]
struct Place {
    name: String,
    forwards: bool,
    is_absent: bool,
    computes_routes: bool,
    /// Whether it uses all of several ways that are as short.
    balances: bool,
    interfaces: Vec<Interface>,
    routes: Vec<Route>,
}

/// A node's end of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) link: usize,
    /// Which end of the link this is, 0-based.
    pub(crate) end: usize,
    address: Both<IpAddr>,
    pub(crate) mtu_bytes: u32,
}

impl Interface {
    pub(crate) fn address(&self, family: Family) -> IpAddr {
        self.address.of(family)
    }

    pub(crate) fn mtu_bytes(&self, family: Family) -> u32 {
        self.mtu_bytes.max(rules::of(family).link_mtu_least_bytes)
    }

    /// Its Ethernet address, if the link is such a one.
    pub(crate) fn link_address(&self) -> LinkAddress {
        ethernet::of_end(self.link, self.end)
    }
}

/// A link as the graph sees it: nodes and the index of their interface, in the order of its ends.
#[derive(Debug)]
struct Segment {
    /// Whether no way leads over it.
    is_down: bool,
    /// Whether neighbours on it have to be found.
    is_ethernet: bool,
    networks: Both<Prefix>,
    ends: Vec<(NodeId, usize)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    to: Prefix,
    /// One way or more.
    by: Result<Vec<Way>, Reject>,
}

/// One step towards a destination: out of that interface, to that neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    interface: usize,
    neighbour: NodeId,
}

/// What a node does with a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is the node itself.
    Local,
    /// Out of that interface.
    Out { interface: usize, to: Recipient },
    /// A route says so.
    Reject(Reject),
    /// No route leads there.
    NoRoute,
}

/// Who on a link takes a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recipient {
    Node(NodeId),
    /// All other ends.
    Everyone,
    /// Whoever there has the address, of whom the map knows nothing.
    Address(IpAddr),
    /// All others, who are asked which of them has the address. Nobody else does anything with it.
    Asked(IpAddr),
    /// Nobody there has the link-layer address.
    Stranger(LinkAddress),
}

/// A node's interface as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The name of its link.
    pub link: String,
    /// Its addresses, one of each family.
    pub numbers: Vec<Number>,
}

/// An address of an interface, and of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The address.
    pub address: IpAddr,
    /// The mask of its network.
    pub mask: IpAddr,
    /// The broadcast address of its network, where it has one.
    pub broadcast: Option<IpAddr>,
}

impl Map {
    /// Assigns addresses and checks what needs the whole graph.
    pub(crate) fn build(scenario: &Scenario, source: Source<'_>) -> Result<Map, ScenarioFault> {
        let mut map = Map {
            epoch_ns: scenario.starts_ns.unwrap_or(EPOCH_NS),
            places: scenario.nodes.iter().map(Place::new).collect(),
            links: Vec::new(),
            by_name: BTreeMap::new(),
            by_address: HashMap::default(),
            by_network: BTreeMap::new(),
            ways: Vec::new(),
        };
        for (index, node) in scenario.nodes.iter().enumerate() {
            map.by_name.insert(node.name.clone(), crate::scenario::node_id(index));
        }
        let mut pool = Pool::default();
        for link in &scenario.links {
            if let Some(network) = link.networks.iter().find(|network| !pool.reserve(**network)) {
                let message = format!("the network {network} overlaps another");
                return Err(source.fault(link.at, message, None));
            }
        }
        for link in &scenario.links {
            map.connect(link, scenario, &mut pool, source)?;
        }
        for (index, node) in scenario.nodes.iter().enumerate() {
            map.find_lost(index, node, source)?;
        }
        for index in 0..scenario.nodes.len() {
            map.hold_pool(index, scenario, source)?;
        }
        for (index, node) in scenario.nodes.iter().enumerate() {
            let routes = map.static_routes(index, &node.routes, source)?;
            map.places[index].routes = routes;
        }
        Ok(map)
    }

    fn connect(
        &mut self,
        plan: &LinkPlan,
        scenario: &Scenario,
        pool: &mut Pool,
        source: Source<'_>,
    ) -> Result<(), ScenarioFault> {
        let link = self.links.len();
        let mut network = |family| {
            let chosen = plan.networks.iter().find(|network| network.family() == family);
            let network = chosen.copied().or_else(|| pool.network(family, plan.ends.len()));
            let message = format!("no {family} network is left for {} nodes", plan.ends.len());
            network.ok_or_else(|| source.fault(plan.at, message, None))
        };
        let networks = Both::try_of(&mut network)?;
        let mut addresses = [Vec::new(), Vec::new()];
        for (list, network) in addresses.iter_mut().zip(networks.all()) {
            *list = self.assign(plan, network, scenario, source)?;
        }
        let mut ends = Vec::with_capacity(plan.ends.len());
        for (end, node) in plan.ends.iter().enumerate() {
            let sends = if end == 0 { &plan.there } else { &plan.back };
            let interfaces = &mut self.places[node.0 as usize].interfaces;
            ends.push((*node, interfaces.len()));
            let address = Both::from([addresses[0][end], addresses[1][end]]);
            interfaces.push(Interface { link, end, address, mtu_bytes: sends.mtu_bytes });
        }
        for network in networks.all() {
            self.by_network.insert(network.first(), (network, link));
        }
        let is_ethernet = plan.is_ethernet;
        self.links.push(Segment { is_down: false, is_ethernet, networks, ends });
        self.ways.push(OnceCell::new());
        Ok(())
    }

    /// The addresses of a link's ends: chosen ones, then the network's others in order.
    fn assign(
        &mut self,
        plan: &LinkPlan,
        network: Prefix,
        scenario: &Scenario,
        source: Source<'_>,
    ) -> Result<Vec<IpAddr>, ScenarioFault> {
        for node in &plan.ends {
            self.hold_chosen(*node, network, scenario, source)?;
        }
        let mut index = 0;
        let mut addresses = Vec::with_capacity(plan.ends.len());
        for node in &plan.ends {
            let chosen = chosen::chosen(*node, network, scenario).map(|it| it.address);
            let address = chosen.or_else(|| {
                let mut free = (index..).map_while(|i| network.host(i).map(|host| (i, host)));
                let (i, host) = free.find(|(_, host)| !self.by_address.contains_key(host))?;
                index = i + 1;
                Some(host)
            });
            let Some(address) = address else {
                let message = format!("the network {} is too small", network.first());
                return Err(source.fault(plan.at, message, None));
            };
            self.by_address.insert(address, *node);
            addresses.push(address);
        }
        Ok(addresses)
    }

    /// The routes that a scenario states, as a node goes by them.
    pub(crate) fn static_routes(
        &self,
        index: usize,
        stated: &[StaticRoute],
        source: Source<'_>,
    ) -> Result<Vec<Route>, ScenarioFault> {
        let mut routes = Vec::new();
        for route in stated {
            let way = |neighbour: &NodeId| {
                self.way_to(index, *neighbour).ok_or_else(|| {
                    let names = [index, neighbour.0 as usize].map(|node| &self.places[node].name);
                    let message = format!("no link joins `{}` and `{}`", names[0], names[1]);
                    source.fault(route.at, message, None)
                })
            };
            let by = match &route.by {
                RouteBy::Reject(reject) => Err(*reject),
                RouteBy::Via(neighbours) => {
                    Ok(neighbours.iter().map(way).collect::<Result<_, _>>()?)
                }
            };
            let everything =
                ["0.0.0.0/0", "::/0"].map(|all| address::parse_prefix(all).expect("well-formed"));
            let prefixes = match &route.to {
                RouteTo::Default => everything.to_vec(),
                RouteTo::Network(prefix) => vec![*prefix],
                RouteTo::Node(node) => {
                    let both = Family::ALL.map(|family| self.addresses(*node, family));
                    both.concat().into_iter().map(Prefix::of_one).collect()
                }
            };
            routes.extend(prefixes.into_iter().map(|to| Route { to, by: by.clone() }));
        }
        // The most specific first; of two alike, the one that the scenario names first.
        routes.sort_by_key(|route| std::cmp::Reverse(route.to.length()));
        Ok(routes)
    }

    /// Gives a node other stated routes.
    pub(crate) fn set_routes(&mut self, node: NodeId, routes: Vec<Route>) {
        self.places[node.0 as usize].routes = routes;
    }

    /// Makes a link go up or down, and carry other sizes there and back. All ways are found anew.
    pub(crate) fn set_link(&mut self, link: usize, is_down: bool, mtus_bytes: [u32; 2]) {
        self.links[link].is_down = is_down;
        for (end, (node, interface)) in self.links[link].ends.iter().enumerate() {
            let interface = &mut self.places[node.0 as usize].interfaces[*interface];
            interface.mtu_bytes = mtus_bytes[end.min(1)];
        }
        self.ways.iter_mut().for_each(|ways| *ways = OnceCell::new());
    }

    /// The interface of a node that leads straight to a neighbour.
    fn way_to(&self, index: usize, neighbour: NodeId) -> Option<Way> {
        let reaches = |interface: &Interface| {
            self.links[interface.link].ends.iter().any(|(node, _)| *node == neighbour)
        };
        let interface = self.places[index].interfaces.iter().position(reaches)?;
        Some(Way { interface, neighbour })
    }

    pub(crate) fn node(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// The node of that name, in small letters or not.
    pub(crate) fn node_named_alike(&self, name: &str) -> Option<NodeId> {
        let alike = || self.by_name.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        self.node(name).or_else(|| alike().map(|(_, node)| *node))
    }

    pub(crate) fn holder(&self, address: IpAddr) -> Option<NodeId> {
        self.by_address.get(&address).copied()
    }

    pub(crate) fn name(&self, node: NodeId) -> &str {
        &self.places[node.0 as usize].name
    }

    pub(crate) fn nodes(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn addresses(&self, node: NodeId, family: Family) -> Vec<IpAddr> {
        let interfaces = &self.places[node.0 as usize].interfaces;
        interfaces.iter().map(|interface| interface.address(family)).collect()
    }

    pub(crate) fn interface(&self, node: NodeId, interface: usize) -> &Interface {
        &self.places[node.0 as usize].interfaces[interface]
    }

    /// The interfaces of a node, in the order of the scenario's links.
    pub(crate) fn interfaces(&self, node: NodeId) -> &[Interface] {
        &self.places[node.0 as usize].interfaces
    }

    /// The length of the prefix of an interface's network, in bits.
    pub(crate) fn prefix_bits(&self, interface: &Interface, family: Family) -> u8 {
        self.links[interface.link].networks.of(family).length()
    }

    /// Every network of a link.
    pub(crate) fn networks(&self) -> impl Iterator<Item = Prefix> {
        (0..self.links.len()).flat_map(|link| self.networks_of(link))
    }

    /// The networks of a link.
    pub(crate) fn networks_of(&self, link: usize) -> [Prefix; 2] {
        Family::ALL.map(|family| self.links[link].networks.of(family))
    }

    /// The network that an interface of a node is on.
    pub(crate) fn network(&self, node: NodeId, interface: usize, family: Family) -> Prefix {
        self.links[self.interface(node, interface).link].networks.of(family)
    }

    /// The interface of a node whose network holds an address.
    pub(crate) fn interface_near(&self, node: NodeId, address: IpAddr) -> Option<usize> {
        let family = Family::of(address);
        let count = self.places[node.0 as usize].interfaces.len();
        (0..count).find(|it| self.network(node, *it, family).contains(address))
    }

    /// The interface of a node that has an address.
    pub(crate) fn interface_with(&self, node: NodeId, address: IpAddr) -> Option<usize> {
        let interfaces = &self.places[node.0 as usize].interfaces;
        interfaces.iter().position(|it| it.address(Family::of(address)) == address)
    }

    /// The addresses of a node's interface.
    pub(crate) fn numbers(&self, node: NodeId, interface: usize) -> Vec<Number> {
        let number = |family| {
            let network = self.network(node, interface, family);
            let broadcast = Some(network.last()).filter(|last| network.is_broadcast(*last));
            let address = self.interface(node, interface).address(family);
            Number { address, mask: network.mask(), broadcast }
        };
        Family::ALL.map(number).to_vec()
    }

    /// The link of a node's interface, by index.
    pub(crate) fn links_of(&self, node: NodeId) -> impl Iterator<Item = usize> {
        self.places[node.0 as usize].interfaces.iter().map(|it| it.link)
    }

    /// The nodes at a link's ends, and the index of their interface.
    pub(crate) fn ends(&self, link: usize) -> &[(NodeId, usize)] {
        &self.links[link].ends
    }

    /// The interface by which a node is on a link, if it is.
    pub(crate) fn interface_on(&self, node: NodeId, link: usize) -> Option<usize> {
        let (interfaces, ends) = (&self.places[node.0 as usize].interfaces, self.ends(link));
        if interfaces.len() < ends.len() {
            return interfaces.iter().position(|interface| interface.link == link);
        }
        ends.iter().find(|(other, _)| *other == node).map(|(_, interface)| *interface)
    }

    /// The nodes of a link that take a packet which one of them sends to more than one, and the
    /// interface by which they do.
    pub(crate) fn takers(&self, link: usize, from: NodeId, to: Recipient) -> Vec<(NodeId, usize)> {
        let is_there = |node: NodeId| node != from && !self.places[node.0 as usize].is_absent;
        let asked = |address| self.holder_on(link, address).filter(|it| is_there(*it));
        let one = match to {
            Recipient::Everyone => {
                let ends = self.ends(link).iter().copied();
                return ends.filter(|(node, _)| is_there(*node)).collect();
            }
            Recipient::Node(node) => Some(node),
            Recipient::Asked(address) => asked(address),
            Recipient::Address(_) | Recipient::Stranger(_) => None,
        };
        let one = one.and_then(|node| Some((node, self.interface_on(node, link)?)));
        one.into_iter().collect()
    }

    /// Whether neighbours on a link have to be found.
    pub(crate) fn is_ethernet(&self, link: usize) -> bool {
        self.links[link].is_ethernet
    }

    pub(crate) fn is_down(&self, link: usize) -> bool {
        self.links[link].is_down
    }

    /// The node that has an address on a link, link-local ones included.
    pub(crate) fn holder_on(&self, link: usize, address: IpAddr) -> Option<NodeId> {
        let network = self.links[link].networks.of(Family::of(address));
        let holder = self.holder(address::in_network(address, network))?;
        let is_there = self.places[holder.0 as usize].interfaces.iter().any(|it| it.link == link);
        is_there.then_some(holder)
    }

    /// The node that has a link-layer address on a link.
    pub(crate) fn station(&self, link: usize, address: LinkAddress) -> Option<NodeId> {
        let end = ethernet::end_of(link, address)?;
        let (node, _) = self.links[link].ends.get(end)?;
        (!self.places[node.0 as usize].is_absent).then_some(*node)
    }

    /// The address by which the next hop to a destination is found on its link: the destination's
    /// own, or the router's.
    pub(crate) fn next_hop(
        &self,
        link: usize,
        to: Recipient,
        destination: IpAddr,
    ) -> Option<IpAddr> {
        let node = match to {
            Recipient::Node(node) => node,
            Recipient::Address(address) => return Some(address),
            Recipient::Everyone | Recipient::Asked(_) | Recipient::Stranger(_) => return None,
        };
        let family = Family::of(destination);
        let is_near = self.links[link].networks.of(family).contains(destination)
            && self.holder(destination) == Some(node);
        if is_near {
            return Some(destination);
        }
        let mut interfaces = self.places[node.0 as usize].interfaces.iter();
        let interface = interfaces.find(|interface| interface.link == link)?;
        Some(address::on_link(interface.address(family)))
    }

    /// The Ethernet header of what a node sends, on links that have such.
    pub(crate) fn frame_header(
        &self,
        from: &Interface,
        to: Recipient,
        is_arp: bool,
        bytes: &[u8],
    ) -> Option<FrameHeader> {
        let link = &self.links[from.link];
        if !link.is_ethernet {
            return None;
        }
        let destination = Datagram::parse_quoted(bytes).ok().map(|datagram| datagram.destination);
        let address = match to {
            Recipient::Node(node) => {
                let mut interfaces = self.places[node.0 as usize].interfaces.iter();
                interfaces.find(|it| it.link == from.link)?.link_address()
            }
            Recipient::Stranger(address) => address,
            _ if is_arp => ethernet::EVERYBODY,
            _ => ethernet::of_group(destination?),
        };
        let kind = match destination {
            _ if is_arp => ether_type::ARP,
            Some(IpAddr::V6(_)) => ether_type::IPV6,
            _ => ether_type::IPV4,
        };
        Some(ethernet::header(address, from.link_address(), kind))
    }

    /// Whether a node itself is meant by a destination: its own address, the loopback, or one that
    /// all hosts of a link of it listen to.
    pub(crate) fn is_for(&self, node: NodeId, destination: IpAddr) -> bool {
        // What one node holds is not for many.
        match self.holder(destination) {
            Some(holder) => holder == node,
            None => {
                destination.is_loopback()
                    || self.is_for_many(node, destination)
                    || self.is_own_on_link(node, destination)
            }
        }
    }

    /// Whether a destination is the broadcast address of a link of the node, or of all nodes.
    pub(crate) fn is_for_many(&self, node: NodeId, destination: IpAddr) -> bool {
        is_for_all(destination)
            || is_for_routers(destination) && self.places[node.0 as usize].forwards
            || self.broadcast_interface(node, destination).is_some()
    }

    fn broadcast_interface(&self, node: NodeId, destination: IpAddr) -> Option<usize> {
        let family = Family::of(destination);
        self.places[node.0 as usize].interfaces.iter().position(|interface| {
            self.links[interface.link].networks.of(family).is_broadcast(destination)
        })
    }

    /// Whether a destination is the broadcast address of any link.
    pub(crate) fn is_broadcast(&self, destination: IpAddr) -> bool {
        self.network_of(destination).is_some_and(|(network, _)| network.is_broadcast(destination))
    }

    fn network_of(&self, address: IpAddr) -> Option<(Prefix, usize)> {
        let (_, found) = self.by_network.range(..=address).next_back()?;
        found.0.contains(address).then_some(*found)
    }

    /// Whether an address is held by a node at the other end of one of this node's links.
    pub(crate) fn is_neighbour(&self, node: NodeId, address: IpAddr) -> bool {
        match self.route(node, address) {
            Next::Out { to: Recipient::Node(neighbour), .. } => {
                self.holder(address) == Some(neighbour)
            }
            _ => false,
        }
    }

    /// What a node does with a destination: the most specific of its own links, its static routes
    /// and the computed ways. Of several that are as good, the first.
    pub(crate) fn route(&self, node: NodeId, destination: IpAddr) -> Next {
        self.route_by(node, destination, &mut |_| 0)
    }

    /// Likewise; of so many ways, `pick` takes one by its index.
    pub(crate) fn route_by(
        &self,
        node: NodeId,
        destination: IpAddr,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> Next {
        let holder = self.holder(destination);
        if destination.is_loopback() || holder == Some(node) {
            return Next::Local;
        }
        let place = &self.places[node.0 as usize];
        // What one node holds is not for many.
        if holder.is_none() {
            if is_for_all(destination) || is_for_routers(destination) {
                return match place.interfaces.is_empty() {
                    true => Next::NoRoute,
                    false => Next::Out { interface: 0, to: Recipient::Everyone },
                };
            }
            if let Some(interface) = self.broadcast_interface(node, destination) {
                return Next::Out { interface, to: Recipient::Everyone };
            }
            if address::is_of_link(destination) {
                return self.route_on_link(node, destination);
            }
        }
        let network = self.network_of(destination);
        let least = network.map_or(0, |(network, _)| network.length());
        let stated = self.stated_route(place, destination);
        if let Some(route) = stated.filter(|route| network.is_none() || route.to.length() >= least)
        {
            return self.follow(place, route, destination, pick);
        }
        match network {
            Some((_, link)) => self.route_to_link(node, link, destination, pick),
            None => Next::NoRoute,
        }
    }

    /// The most specific of a node's stated routes that can be gone.
    fn stated_route<'a>(&'a self, place: &'a Place, destination: IpAddr) -> Option<&'a Route> {
        let can_be_gone = |route: &Route| match &route.by {
            Ok(ways) => ways.iter().any(|way| self.is_up(place, way)),
            Err(_) => true,
        };
        let leads = |route: &&Route| route.to.contains(destination) && can_be_gone(route);
        place.routes.iter().find(leads)
    }

    fn is_up(&self, place: &Place, way: &Way) -> bool {
        !self.links[place.interfaces[way.interface].link].is_down
    }

    fn follow(
        &self,
        place: &Place,
        route: &Route,
        destination: IpAddr,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> Next {
        let ways = match &route.by {
            Ok(ways) => ways.iter().filter(|way| self.is_up(place, way)),
            Err(reject) => return Next::Reject(*reject),
        };
        let count = ways.clone().count();
        let index = if count > 1 { pick(count) } else { 0 };
        ways.copied().nth(index).map_or(Next::NoRoute, |way| self.step(place, way, destination))
    }

    fn route_to_link(
        &self,
        node: NodeId,
        link: usize,
        destination: IpAddr,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> Next {
        let place = &self.places[node.0 as usize];
        let own = place.interfaces.iter().position(|interface| interface.link == link);
        if let Some(interface) = own {
            return match self.holder(destination) {
                _ if self.links[link].is_down => Next::NoRoute,
                Some(neighbour) => self.step(place, Way { interface, neighbour }, destination),
                None => Next::Out { interface, to: Recipient::Address(destination) },
            };
        }
        if !place.computes_routes {
            return match self.stated_route(place, destination) {
                Some(route) => self.follow(place, route, destination, pick),
                None => Next::NoRoute,
            };
        }
        let ways = self.ways[link].get_or_init(|| self.ways_to(link));
        let Some(first) = ways.first[node.0 as usize] else { return Next::NoRoute };
        match ways.others.get(&node).filter(|_| place.balances) {
            Some(others) => match pick(others.len() + 1) {
                0 => self.step(place, first, destination),
                index => self.step(place, others[index - 1], destination),
            },
            None => self.step(place, first, destination),
        }
    }

    fn step(&self, place: &Place, way: Way, destination: IpAddr) -> Next {
        let Way { interface, neighbour } = way;
        let node = Recipient::Node(neighbour);
        let to = match self.places[neighbour.0 as usize].is_absent {
            true => {
                let hop = self.next_hop(place.interfaces[interface].link, node, destination);
                Recipient::Address(hop.unwrap_or(destination))
            }
            false => node,
        };
        Next::Out { interface, to }
    }

    /// Shortest ways to a link from every node that is not on it. Hosts take no part in routing:
    /// where a link that is down leaves them no way, they send to the router that they knew.
    fn ways_to(&self, link: usize) -> Ways {
        let is_down = |link: usize| self.links[link].is_down;
        let mut ways = self.ways_over(link, &|link| !is_down(link));
        if (0..self.links.len()).any(is_down) {
            let known = self.ways_over(link, &|_| true);
            let places = self.places.iter().zip(known.first).zip(&mut ways.first);
            for ((place, known), way) in places.filter(|((place, _), _)| !place.forwards) {
                *way = way.or(known.filter(|way| self.is_up(place, way)));
            }
        }
        ways
    }

    /// Shortest ways over links that can be gone, breadth first, in the order of the scenario.
    fn ways_over(&self, link: usize, can_be_gone: &dyn Fn(usize) -> bool) -> Ways {
        let mut ways = Ways { first: vec![None; self.places.len()], others: BTreeMap::new() };
        let mut distances: Vec<Option<u32>> = vec![None; self.places.len()];
        let ends = self.links[link].ends.iter().filter(|_| can_be_gone(link));
        let mut queue: VecDeque<NodeId> = ends.map(|(node, _)| *node).collect();
        for node in &queue {
            distances[node.0 as usize] = Some(0);
        }
        while let Some(node) = queue.pop_front() {
            let place = &self.places[node.0 as usize];
            if !place.forwards || place.is_absent {
                continue;
            }
            let farther = distances[node.0 as usize].map(|distance| distance + 1);
            for interface in place.interfaces.iter().filter(|i| can_be_gone(i.link)) {
                for (other, back) in &self.links[interface.link].ends {
                    let way = Way { interface: *back, neighbour: node };
                    let known = &mut distances[other.0 as usize];
                    if known.is_none() {
                        *known = farther;
                        ways.first[other.0 as usize] = Some(way);
                        queue.push_back(*other);
                    } else if *known == farther {
                        ways.others.entry(*other).or_default().push(way);
                    }
                }
            }
        }
        ways
    }

    /// The address that a node sends from towards another; `None` without a route.
    pub(crate) fn source_towards(&self, node: NodeId, to: IpAddr) -> Option<IpAddr> {
        match self.route(node, to) {
            Next::Local => Some(to),
            Next::Out { interface, .. } => {
                Some(self.interface(node, interface).address(Family::of(to)))
            }
            Next::Reject(_) | Next::NoRoute => None,
        }
    }
}

impl Place {
    fn new(plan: &NodePlan) -> Place {
        Place {
            name: plan.name.clone(),
            forwards: plan.role == Role::Router,
            is_absent: plan.is_absent,
            computes_routes: plan.computes_routes,
            balances: plan.balance.is_some(),
            interfaces: Vec::new(),
            routes: Vec::new(),
        }
    }
}
