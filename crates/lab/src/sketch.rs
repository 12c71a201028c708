//! A network as somebody would draw it: nodes, links, what links do, and what changes when.

use crate::conntrack::Personality;
use crate::scenario::changes::Change;
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
        let changes = changes.map(|(at, what)| (at, told(&scenario, what))).collect();
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

/// A change in words: `r1-r2 down`, `r1-r2 delay 40ms`.
fn told(scenario: &Scenario, what: &Change) -> String {
    match what {
        Change::Link { link, is_down: true, .. } => format!("{} down", scenario.links[*link].name),
        Change::Link { link, directions, .. } => {
            let [there, back] = &**directions;
            let name = &scenario.links[*link].name;
            let words = |traits: Vec<Trait>| {
                let words = traits.iter().map(|(key, value)| format!("{key} {value}"));
                let words: Vec<String> = words.collect();
                words.join(", ")
            };
            match there == back {
                true => format!("{name} up: {}", words(there.traits())),
                false => {
                    let [there, back] = [there, back].map(|it| words(it.traits()));
                    format!("{name} up: there {there}; back {back}")
                }
            }
        }
        Change::Node { node, routes, is_silent, personality } => {
            let name = &scenario.nodes[node.0 as usize].name;
            let routes = if routes.is_some() { ", other routes" } else { "" };
            let named = |it: &&(&str, Personality)| Some(it.1) == *personality;
            let named = Personality::ALL.iter().find(named);
            let translates = named.map(|(word, _)| format!(", translates as {word}"));
            let speaks = if *is_silent { "silent" } else { "speaks" };
            format!("{name} {speaks}{routes}{}", translates.unwrap_or_default())
        }
    }
}
