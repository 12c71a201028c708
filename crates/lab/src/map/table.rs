//! A node's routing table as a kernel would hold it: networks, and by which interface they are
//! reached, so that the most specific one that holds a destination says what [`Map::route`] would.

use super::{Map, Next};
use crate::NodeId;
use crate::address::Prefix;
use std::collections::BTreeSet;

impl Map {
    /// The networks that a node has a way to, and the interface that is the first choice for each;
    /// none twice. What a route refuses is not among them.
    pub(crate) fn table(&self, node: NodeId) -> Vec<(Prefix, usize)> {
        let place = &self.places[node.0 as usize];
        let stated = place.routes.iter().filter_map(|route| {
            let way = route.by.as_ref().ok()?.iter().find(|way| self.is_up(place, way))?;
            Some((route.to, way.interface))
        });
        let computed = self.by_network.values().filter_map(|(network, link)| {
            match self.route_to_link(node, *link, network.first(), &mut |_| 0) {
                Next::Out { interface, .. } => Some((*network, interface)),
                _ => None,
            }
        });
        // Of equally specific ones, a stated one counts, and of those the first.
        let mut seen = BTreeSet::new();
        stated.chain(computed).filter(|(to, _)| seen.insert(*to)).collect()
    }
}
