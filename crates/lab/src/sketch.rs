//! A network as somebody would draw it: nodes, links, what links do, and what changes when.

use crate::conntrack::Personality;
use crate::scenario::changes::Change;
use crate::scenario::impairments::Impairments;
use crate::scenario::nat::NatPlan;
use crate::scenario::text::Source;
use crate::scenario::{NodePlan, Role, Scenario};
use crate::world::World;
use crate::{NodeId, ScenarioFault};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

/// A network as drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// Where instruments run.
    pub from: NodeId,
    /// By their ids.
    pub nodes: Vec<SketchNode>,
    /// In the order of the scenario.
    pub links: Vec<SketchLink>,
    /// What changes, and when, in that order.
    pub changes: Vec<(Duration, String)>,
    /// Commands that the scenario expects something of: things to try.
    pub commands: Vec<String>,
}

/// A node as drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SketchNode {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// `host`, `router` or `gateway`, which translates addresses.
    pub kind: &'static str,
    /// What is special about it.
    pub notes: Vec<&'static str>,
    /// Its addresses, the length of their networks' prefixes, and the index of the link.
    pub addresses: Vec<(IpAddr, u8, usize)>,
}

/// A key of a scenario and its value, as text.
pub type Trait = (&'static str, String);

/// A link as drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SketchLink {
    /// Its name, not safe for a terminal.
    pub name: String,
    /// Two nodes or more.
    pub ends: Vec<NodeId>,
    /// Its networks.
    pub networks: Vec<(IpAddr, u8)>,
    /// What it does to what the first end sends: the delay, and what is not usual.
    pub there: Vec<Trait>,
    /// To what the others send.
    pub back: Vec<Trait>,
}

impl Sketch {
    /// Draws a scenario.
    ///
    /// # Errors
    /// As [`World::load`].
    pub fn load(text: &str, origin: &str) -> Result<Sketch, ScenarioFault> {
        let source = Source::new(text, origin);
        let scenario = Scenario::read(source)?;
        let changes = scenario.changes.iter().map(|it| (it.at.since(probe::Time::ZERO), &it.what));
        let mut standing = Standing::of(&scenario);
        let changes = changes.map(|(at, what)| (at, standing.told(what))).collect();
        let commands = scenario.expectations.iter().map(|it| it.command.clone()).collect();
        let links: Vec<_> = scenario.links.iter().map(|it| (it.name.clone(), it.clone())).collect();
        let nodes = scenario.nodes.clone();
        let world = World::build(scenario, source, None)?;
        let links = links.into_iter().enumerate().map(|(index, (name, plan))| SketchLink {
            name,
            ends: plan.ends,
            networks: world.map.networks_of(index).map(|it| (it.first(), it.length())).to_vec(),
            there: plan.there.traits(),
            back: plan.back.traits(),
        });
        Ok(Sketch {
            from: world.default_node(),
            links: links.collect(),
            nodes: nodes.iter().zip(0..).map(|(it, id)| node(&world, it, NodeId(id))).collect(),
            changes,
            commands,
        })
    }
}

fn node(world: &World, plan: &NodePlan, id: NodeId) -> SketchNode {
    let kind = match plan.role {
        Role::Host => "host",
        Role::Router if plan.nat.is_some() || plan.dnat.is_some() => "gateway",
        Role::Router => "router",
    };
    let notes = [
        ("absent", plan.is_absent),
        ("silent", plan.is_silent),
        ("refuses", plan.refusal.is_some()),
        ("limits ICMP", plan.limit.is_some()),
        ("balances", plan.balance.is_some()),
        ("lies", plan.lies.is_some()),
        ("hides", plan.forwarding.is_hidden),
        ("MTU black hole", plan.errors.is_mtu_silent),
        ("own routes", !plan.routes.is_empty()),
        ("spares a family", plan.nat.as_ref().is_some_and(NatPlan::spares_a_family)),
    ];
    let interfaces = world.map.interfaces(id).iter();
    let addresses = interfaces.flat_map(|it| {
        Family::ALL.map(|family| (it.address(family), world.map.prefix_bits(it, family), it.link))
    });
    SketchNode {
        name: plan.name.clone(),
        kind,
        notes: notes.into_iter().filter(|(_, is_so)| *is_so).map(|(note, _)| note).collect(),
        addresses: addresses.collect(),
    }
}

/// How things stand after the changes told so far.
struct Standing<'a> {
    scenario: &'a Scenario,
    links: Vec<(bool, [&'a Impairments; 2])>,
    silent: Vec<bool>,
}

impl<'a> Standing<'a> {
    fn of(scenario: &'a Scenario) -> Standing<'a> {
        let links = scenario.links.iter().map(|it| (false, [&it.there, &it.back])).collect();
        let silent = scenario.nodes.iter().map(|it| it.is_silent).collect();
        Standing { scenario, links, silent }
    }

    /// What a change changes, in words: `r1-r2: down`, `r1-r2: delay 40ms`, `r1: other routes`.
    fn told(&mut self, what: &'a Change) -> String {
        let (name, words) = match what {
            Change::Link { link, is_down, directions } => {
                let [there, back] = &**directions;
                let after = (*is_down, [there, back]);
                let before = std::mem::replace(&mut self.links[*link], after);
                (&self.scenario.links[*link].name, link_words(before, after))
            }
            Change::Node { node, routes, is_silent, personality } => {
                let index = node.0 as usize;
                let was_silent = std::mem::replace(&mut self.silent[index], *is_silent);
                let mut words = Vec::new();
                if was_silent != *is_silent {
                    words.push(if *is_silent { "silent" } else { "speaks again" }.to_string());
                }
                if routes.is_some() {
                    words.push("other routes".to_string());
                }
                let named = |it: &&(&str, Personality)| Some(it.1) == *personality;
                let named = Personality::ALL.iter().find(named);
                words.extend(named.map(|(word, _)| format!("translates as {word}")));
                (&self.scenario.nodes[index].name, words)
            }
        };
        match words.is_empty() {
            true => format!("{name}: as before"),
            false => format!("{name}: {}", words.join(", ")),
        }
    }
}

/// What is otherwise with a link, by whether it is down and what it does there and back.
fn link_words(
    (was_down, before): (bool, [&Impairments; 2]),
    (is_down, after): (bool, [&Impairments; 2]),
) -> Vec<String> {
    let mut words = Vec::new();
    if was_down != is_down {
        words.push(if is_down { "down" } else { "up" }.to_string());
    }
    let [there, back] = [0, 1].map(|way| after[way].differs_from(before[way]));
    let shown = |traits: &[Trait]| {
        let words = traits.iter().map(|(key, value)| format!("{key} {value}"));
        words.collect::<Vec<_>>().join(", ")
    };
    if there == back {
        words.extend(Some(shown(&there)).filter(|it| !it.is_empty()));
        return words;
    }
    let ways = [("there", there), ("back", back)].into_iter();
    let ways = ways.filter(|(_, traits)| !traits.is_empty());
    let ways: Vec<_> = ways.map(|(way, traits)| format!("{way} {}", shown(&traits))).collect();
    words.extend(Some(ways.join("; ")).filter(|it| !it.is_empty()));
    words
}
