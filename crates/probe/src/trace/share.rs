//! What roads of one run know of each other, so that a router that limits its replies is not asked
//! by each of a thousand traces (after Doubletree: Donnet, Raoult, Friedman and Crovella, 2005).
//!
//! The first road of a network (IPv4 /24, IPv6 /64) leads; the others wait for it, then ask where
//! it ended, and are taken to come by the same routers if the answer has come the same distance
//! back. The leader of another network begins at the last router of its nearest neighbour's road,
//! and shares what comes before only if that router answers it.

use super::Plan;
use super::road::Road;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use wire::prefix::Prefix;

/// What a finished road teaches others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Model {
    /// Its index.
    pub target: u32,
    /// Who answered, by hop from the plan's first on, the target left out.
    pub routers: Vec<Option<IpAddr>>,
    /// The hop limit with which the target's answers arrived, if it was reached.
    pub hop_limit: Option<u8>,
}

/// A model, and how much it is to be trusted.
#[derive(Clone, Debug)]
pub(super) struct Lead {
    pub model: Arc<Model>,
    /// Whether it is of the same network.
    pub is_near: bool,
}

/// Which roads may begin, and what they may go by.
#[derive(Debug, Default)]
pub(super) struct Leads {
    networks: BTreeMap<IpAddr, Network>,
    /// Roads that waited and may begin.
    free: VecDeque<u32>,
}

#[derive(Debug)]
enum Network {
    /// Its first road is under way; these wait.
    Led(Vec<u32>),
    Known(Arc<Model>),
}

impl Leads {
    /// A road that waited and may begin now.
    pub fn next_free(&mut self) -> Option<u32> {
        self.free.pop_front()
    }

    /// Whether a road may begin; if not it waits.
    pub fn may_begin(&mut self, index: u32, to: IpAddr) -> bool {
        match self.networks.get_mut(&network(to)) {
            Some(Network::Known(_)) => true,
            Some(Network::Led(waiting)) => {
                waiting.push(index);
                false
            }
            None => {
                self.networks.insert(network(to), Network::Led(Vec::new()));
                true
            }
        }
    }

    /// What a road that begins may go by.
    pub fn lead(&self, to: IpAddr) -> Option<Lead> {
        let own = network(to);
        if let Some(Network::Known(model)) = self.networks.get(&own) {
            return Some(Lead { model: model.clone(), is_near: true });
        }
        let known = |(_, network): (&IpAddr, &Network)| match network {
            Network::Known(model) => Some(model.clone()),
            Network::Led(_) => None,
        };
        let before = self.networks.range(..own).rev().find_map(known);
        let model = before.or_else(|| self.networks.range(own..).find_map(known))?;
        Some(Lead { model, is_near: false })
    }

    /// A road is over: whoever waits for it may begin, with what it teaches.
    pub fn finish(&mut self, index: u32, road: &Road) {
        let network = network(road.destination.target.address);
        let Some(state) = self.networks.get_mut(&network) else { return };
        let Network::Led(waiting) = state else { return };
        let mut waiting = std::mem::take(waiting);
        match road.model(index) {
            Some(model) => *state = Network::Known(Arc::new(model)),
            // It teaches nothing; the next one leads.
            None if waiting.is_empty() => {
                self.networks.remove(&network);
            }
            None => {
                let next = waiting.remove(0);
                self.free.push_back(next);
                *state = Network::Led(waiting);
                return;
            }
        }
        self.free.extend(waiting);
    }
}

/// The network of an address.
fn network(address: IpAddr) -> IpAddr {
    Prefix::of(address, if address.is_ipv4() { 24 } else { 64 }).first()
}

impl Lead {
    /// The hop at which a road that goes by it begins: the model's end if that was the target of
    /// the same network, else its last router.
    pub fn first_hop(&self, plan: &Plan) -> Option<u8> {
        let last = self.model.routers.iter().rposition(Option::is_some)?;
        let last = plan.first_hop + u8::try_from(last).ok()?;
        match (self.is_near, self.model.hop_limit) {
            (true, Some(_)) => Some(plan.first_hop + u8::try_from(self.model.routers.len()).ok()?),
            _ => Some(last),
        }
    }

    /// Who answered for a hop.
    pub fn router(&self, plan: &Plan, hop: u8) -> Option<IpAddr> {
        *self.model.routers.get(usize::from(hop - plan.first_hop))?
    }
}
