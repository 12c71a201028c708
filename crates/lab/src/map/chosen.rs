//! Addresses that a scenario chose: which of them nodes can hold.

use super::Map;
use crate::address::Prefix;
use crate::scenario::text::Source;
use crate::scenario::{NodePlan, Scenario, Stated, node_id};
use crate::{NodeId, ScenarioFault};
use std::net::IpAddr;
use wire::Family;

impl Map {
    /// Lets a node hold the address that the scenario chose for it in a network, if it chose one.
    pub(super) fn hold_chosen(
        &mut self,
        node: NodeId,
        network: Prefix,
        scenario: &Scenario,
        source: Source<'_>,
    ) -> Result<(), ScenarioFault> {
        let Some(stated) = chosen(node, network, scenario) else { return Ok(()) };
        may_be_held(stated, network, source)?;
        match self.by_address.insert(stated.address, node) {
            None => Ok(()),
            Some(other) => Err(self.two_hold(stated, [other, node], scenario, source)),
        }
    }

    /// Refuses chosen addresses that no link has given to their node.
    pub(super) fn find_lost(
        &self,
        index: usize,
        node: &NodePlan,
        source: Source<'_>,
    ) -> Result<(), ScenarioFault> {
        let networks = || {
            let links = self.places[index].interfaces.iter().map(|it| &self.links[it.link]);
            links.flat_map(|link| link.networks.all())
        };
        let is_lost = |it: &&Stated| self.by_address.get(&it.address) != Some(&node_id(index));
        let Some(lost) = node.addresses.iter().find(is_lost) else { return Ok(()) };
        let (name, address) = (&node.name, lost.address);
        let (message, hint) = match networks().find(|network| network.contains(address)) {
            Some(network) => (
                format!("`{name}` has an address in {network} already"),
                "a node has one address of each family on a link".to_string(),
            ),
            None => (
                format!("no link of `{name}` has a network with {address}"),
                "give the link `networks`".to_string(),
            ),
        };
        Err(source.fault(lost.at, message, Some(hint)))
    }

    /// Gives a translator the addresses that it gives out, and looks where its ports lead.
    pub(super) fn hold_pool(
        &mut self,
        index: usize,
        scenario: &Scenario,
        source: Source<'_>,
    ) -> Result<(), ScenarioFault> {
        let id = node_id(index);
        let node = &scenario.nodes[index];
        let Some(nat) = &node.nat else { return Ok(()) };
        let link = self.places[index].interfaces[nat.out].link;
        for stated in &nat.pool {
            let network = self.links[link].networks.of(Family::of(stated.address));
            if !network.contains(stated.address) {
                let message = format!("{} is not in the network of that link", stated.address);
                let hint = format!("the network of that link is {network}");
                return Err(source.fault(stated.at, message, Some(hint)));
            }
            may_be_held(*stated, network, source)?;
            let holder = *self.by_address.entry(stated.address).or_insert(id);
            if holder != id {
                return Err(self.two_hold(*stated, [holder, id], scenario, source));
            }
        }
        let own = nat.stated_targets().find(|it| self.by_address.get(&it.address) == Some(&id));
        own.map_or(Ok(()), |own| {
            let message = format!("{} is an address of `{}` itself", own.address, node.name);
            Err(source.fault(own.at, message, None))
        })
    }

    /// Two nodes hold one address: a fault of whichever says so later.
    fn two_hold(
        &self,
        stated: Stated,
        nodes: [NodeId; 2],
        scenario: &Scenario,
        source: Source<'_>,
    ) -> ScenarioFault {
        let address = stated.address;
        let all = nodes.map(|node| scenario.nodes[node.0 as usize].addresses.iter());
        let same = all.into_iter().flatten().filter(|it| it.address == address);
        let at = same.map(|it| it.at).fold(stated.at, usize::max);
        let [one, other] = nodes.map(|node| self.name(node));
        source.fault(at, format!("`{one}` and `{other}` both have {address}"), None)
    }
}

/// The address that a scenario chose for a node in a network.
pub(super) fn chosen(node: NodeId, network: Prefix, scenario: &Scenario) -> Option<Stated> {
    let addresses = &scenario.nodes[node.0 as usize].addresses;
    addresses.iter().copied().find(|it| network.contains(it.address))
}

/// Refuses the addresses of a network that mean all of it.
fn may_be_held(stated: Stated, network: Prefix, source: Source<'_>) -> Result<(), ScenarioFault> {
    let address: IpAddr = stated.address;
    if !network.is_broadcast(address) {
        return Ok(());
    }
    let what = match address == network.first() {
        true => "the network itself, in",
        false => "the broadcast address of",
    };
    let hint = "no node can have it: take one between the first and the last".to_string();
    Err(source.fault(stated.at, format!("{address} is {what} {network}"), Some(hint)))
}
