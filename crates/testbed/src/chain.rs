//! Nodes in a row: client, routers, server.

use crate::{Bed, Node};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Index;

/// Nodes in a row, index 0 the client. Link `i` joins node `i` (interface `right`) and node `i + 1`
/// (interface `left`).
#[derive(Debug)]
pub struct Chain {
    nodes: Vec<Node>,
}

impl Chain {
    pub(crate) fn build(bed: &mut Bed, names: &[&str]) -> Chain {
        assert!((2..=17).contains(&names.len()), "a chain has 2 to 17 nodes");
        let nodes: Vec<Node> = names.iter().map(|name| bed.node(name)).collect();
        let last = nodes.len() - 1;
        for router in &nodes[1..last] {
            router.forward();
        }
        nodes[last].unlimited_errors();
        for link in 0..last {
            bed.link((&nodes[link], "right"), (&nodes[link + 1], "left"));
            for (side, node, interface) in [(1, link, "right"), (2, link + 1, "left")] {
                nodes[node].address(interface, &format!("{}/28", v4(link, side)));
                nodes[node].address(interface, &format!("{}/64", v6(link, side)));
            }
        }
        for (at, node) in nodes.iter().enumerate() {
            route_to_far_links(node, at, last);
        }
        Chain { nodes }
    }

    /// The IPv4 address that a node answers from: on the link towards the client; the client's own
    /// is on its only link.
    pub fn v4(&self, node: usize) -> IpAddr {
        let (link, side) = facing_client(node);
        v4(link, side).into()
    }

    /// As [`Chain::v4`], for IPv6.
    pub fn v6(&self, node: usize) -> IpAddr {
        let (link, side) = facing_client(node);
        v6(link, side).into()
    }

    /// Both addresses of a node, IPv4 first.
    pub fn both(&self, node: usize) -> [IpAddr; 2] {
        [self.v4(node), self.v6(node)]
    }

    /// Makes the last node hold a whole prefix, and routes it there from all the others.
    ///
    /// # Panics
    /// If `ip` fails.
    pub fn answers_for(&self, prefix: &str) {
        let last = self.nodes.len() - 1;
        self.nodes[last].hold(prefix);
        for at in 0..last {
            let next: IpAddr =
                if prefix.contains(':') { v6(at, 2).into() } else { v4(at, 2).into() };
            self.nodes[at].route(prefix, next);
        }
    }
}

impl Index<usize> for Chain {
    type Output = Node;

    fn index(&self, at: usize) -> &Node {
        &self.nodes[at]
    }
}

fn facing_client(node: usize) -> (usize, u8) {
    if node == 0 { (0, 1) } else { (node - 1, 2) }
}

fn v4(link: usize, side: u8) -> Ipv4Addr {
    let link = u8::try_from(link).expect("a chain has at most 16 links");
    Ipv4Addr::new(192, 0, 2, link * 16 + side)
}

fn v6(link: usize, side: u8) -> Ipv6Addr {
    let link = u16::try_from(link).expect("a chain has at most 16 links");
    Ipv6Addr::new(0x2001, 0xdb8, 0, link, 0, 0, 0, side.into())
}

fn route_to_far_links(node: &Node, at: usize, last: usize) {
    for link in 0..last {
        let (v4_next, v6_next) = if link > at {
            (v4(at, 2), v6(at, 2))
        } else if link + 1 < at {
            (v4(at - 1, 1), v6(at - 1, 1))
        } else {
            continue;
        };
        node.route(&format!("{}/28", v4(link, 0)), v4_next);
        node.route(&format!("{}/64", v6(link, 0)), v6_next);
    }
}
