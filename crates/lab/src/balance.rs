//! Which of several ways that are as good a packet goes (ECMP, RFC 2992): by a hash of its flow, as
//! routers do, under a salt of the node's own; or by chance.

use crate::NodeId;
use crate::map::{Map, Next};
use crate::random::{Random, fnv1a};
use crate::scenario::Balance;
use std::net::IpAddr;
use wire::ip::{Datagram, Header};

/// A node's choice among ways.
#[derive(Debug)]
pub(crate) struct Balancer {
    how: Balance,
    salt: u64,
    random: Random,
}

/// What a router looks at to tell flows apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    flow_label: u32,
    /// The first four bytes behind the IP header: ports, or type, code and checksum of ICMP. Not
    /// there in fragments, all of which go one way.
    start: &'a [u8],
}

impl<'a> Flow<'a> {
    pub(crate) fn of(datagram: &Datagram<'a>) -> Flow<'a> {
        let start = if datagram.fragment.is_some() { &[] } else { datagram.payload };
        Flow {
            source: datagram.source,
            destination: datagram.destination,
            protocol: datagram.protocol,
            flow_label: datagram.flow_label,
            start: &start[..start.len().min(4)],
        }
    }

    /// The flow of a message that a node sends by itself.
    pub(crate) fn of_message(header: &Header, message: &'a [u8]) -> Flow<'a> {
        Flow {
            source: header.source,
            destination: header.destination,
            protocol: header.protocol,
            flow_label: header.flow_label,
            start: &message[..message.len().min(4)],
        }
    }
}

impl Balancer {
    pub(crate) fn new(how: Option<Balance>, seed: u64, node: &str) -> Balancer {
        let mut random = Random::named(seed, &format!("balance of {node}"));
        Balancer { how: how.unwrap_or(Balance::Flow), salt: random.next(), random }
    }

    /// What a node does with a flow's packet.
    pub(crate) fn next(&mut self, map: &Map, node: NodeId, flow: Flow<'_>) -> Next {
        map.route_by(node, flow.destination, &mut |ways| self.pick(flow, ways))
    }

    fn pick(&mut self, flow: Flow<'_>, ways: usize) -> usize {
        let Flow { source, destination, protocol, flow_label, start } = flow;
        let seen = match self.how {
            Balance::Packet => return self.random.below(ways as u64) as usize,
            Balance::Destination => format!("{source} {destination}"),
            Balance::Flow => format!("{source} {destination} {protocol} {flow_label} {start:?}"),
        };
        Random::seeded(self.salt ^ fnv1a(seen.as_bytes())).below(ways as u64) as usize
    }
}
