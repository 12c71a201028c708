//! The keys `nat` and `dnat` of a node, and the plan of the tracker that they make.

use super::text::{Source, Table, Value};
use super::{LinkPlan, Names, NodePlan, Role, Stated, node_named};
use crate::address::Prefix;
use crate::conntrack::{
    Behaviour, Filtering, Forward, Hairpinning, Mapping, Personality, Plan, Pooling, Ports, Quotes,
};
use crate::map::Map;
use crate::nat::served;
use crate::{NodeId, ScenarioFault, rules};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use wire::Family;
use wire::ip::protocol;

/// Source translation: what leaves by a link seems to come from this router.
#[derive(Clone, Debug)]
pub(crate) struct NatPlan {
    /// The name of the link, and where it stands in the text.
    link: String,
    at: usize,
    /// The router's interface there.
    pub(crate) out: usize,
    behaviour: Behaviour,
    quotes: Quotes,
    ports: Option<RangeInclusive<u16>>,
    /// Outer addresses besides the router's own; if there are any, the only ones.
    pub(crate) pool: Vec<Stated>,
    /// The families that are translated; the others are tracked.
    pub(crate) families: Vec<Family>,
    /// Whether unasked packets for what is inside are dropped; the personality's way if `None`.
    drops_unasked: Option<bool>,
    forwards: Vec<ForwardPlan>,
    limit: Option<usize>,
}

/// A port that is forwarded.
#[derive(Clone, Debug)]
struct ForwardPlan {
    protocols: Vec<u8>,
    port: u16,
    to: Target,
    to_port: Option<u16>,
}

/// Who answers at a port that is forwarded.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// That node, by the address at which the translator reaches it.
    Node(NodeId),
    /// Whoever has that address.
    Address(Stated),
}

impl Target {
    /// The families in which it can be reached.
    fn families(self) -> Vec<Family> {
        match self {
            Target::Node(_) => Family::ALL.to_vec(),
            Target::Address(stated) => vec![Family::of(stated.address)],
        }
    }
}

/// Destination translation: one host stands in for another.
#[derive(Clone, Debug)]
pub(crate) struct DnatPlan {
    /// Who is asked.
    pub(crate) to: NodeId,
    /// Who answers.
    pub(crate) host: NodeId,
    quotes: Quotes,
    /// Whether routers behind the translator seem to be who is asked, as behind Linux.
    hides: bool,
}

const QUOTES: &[(&str, Quotes)] =
    &[("whole", Quotes::Whole), ("address", Quotes::Address), ("untouched", Quotes::Untouched)];

const FILTERING: &[(&str, Filtering)] = &[
    ("endpoint-independent", Filtering::EndpointIndependent),
    ("address-dependent", Filtering::AddressDependent),
    ("address-and-port-dependent", Filtering::AddressAndPortDependent),
];

const MAPPING: &[(&str, Mapping)] = &[
    ("per-connection", Mapping::PerConnection),
    ("endpoint-independent", Mapping::EndpointIndependent),
    ("address-dependent", Mapping::AddressDependent),
    ("address-and-port-dependent", Mapping::AddressAndPortDependent),
];

const PROTOCOLS: &[(&str, u8)] = &[
    ("tcp", protocol::TCP),
    ("udp", protocol::UDP),
    ("sctp", protocol::SCTP),
    ("dccp", protocol::DCCP),
    ("udplite", protocol::UDP_LITE),
];

/// The first of the new ports that `ports = "new"` gives out.
const FIRST_NEW: u16 = 50_000;

impl NatPlan {
    fn new(out: &Value<'_>) -> Result<NatPlan, ScenarioFault> {
        Ok(NatPlan {
            link: out.text()?.to_string(),
            at: out.at(),
            out: 0,
            behaviour: Personality::Linux.behaviour(),
            quotes: Quotes::Whole,
            ports: None,
            pool: Vec::new(),
            families: Family::ALL.to_vec(),
            drops_unasked: None,
            forwards: Vec::new(),
            limit: None,
        })
    }

    /// The addresses to which ports are forwarded by address.
    pub(crate) fn stated_targets(&self) -> impl Iterator<Item = Stated> + '_ {
        self.forwards.iter().filter_map(|rule| match rule.to {
            Target::Address(stated) => Some(stated),
            Target::Node(_) => None,
        })
    }

    fn translates(&self, address: IpAddr) -> bool {
        self.families.contains(&Family::of(address))
    }

    /// Whether some family is not translated.
    pub(crate) fn spares_a_family(&self) -> bool {
        self.families.len() < Family::ALL.len()
    }
}

/// Reads `nat`: a link's name, or a table.
pub(super) fn read_nat(
    table: &mut Table<'_>,
    names: &Names,
) -> Result<Option<NatPlan>, ScenarioFault> {
    let Some(value) = table.take("nat") else { return Ok(None) };
    if value.is_text() {
        return NatPlan::new(&value).map(Some);
    }
    let mut table = value.table()?;
    let mut plan = NatPlan::new(&table.need("out")?)?;
    if let Some(value) = table.take("personality") {
        plan.behaviour = value.word(Personality::ALL)?.behaviour();
    }
    read_behaviour(&mut table, &mut plan.behaviour)?;
    if let Some(value) = table.take("families") {
        plan.families = read_families(&value)?;
    }
    if let Some(value) = table.take("unasked") {
        plan.drops_unasked = Some(value.word(&[("dropped", true), ("passed", false)])?);
    }
    if let Some(value) = table.take("quotes") {
        plan.quotes = value.word(QUOTES)?;
    }
    if let Some(value) = table.take("ports") {
        read_ports(&value, &mut plan)?;
    }
    if let Some(list) = table.take("pool") {
        plan.pool = super::nodes::read_addresses(&list)?;
        let spared = plan.pool.iter().position(|it| !plan.translates(it.address));
        if let Some(index) = spared {
            let message = "`families` leaves this address's family out".to_string();
            return Err(list.list()?[index].fault(message));
        }
    }
    if let Some(list) = table.take("forward") {
        plan.forwards = read_forwards(&list, &plan, names)?;
    }
    let limit = table.take("limit").map(|value| value.number(1, 16_777_216)).transpose()?;
    plan.limit = limit.map(|limit| limit as usize);
    table.finish()?;
    Ok(Some(plan))
}

/// Reads what differs from the personality.
fn read_behaviour(table: &mut Table<'_>, behaviour: &mut Behaviour) -> Result<(), ScenarioFault> {
    if let Some(value) = table.take("mapping") {
        behaviour.mapping = value.word(MAPPING)?;
    }
    if let Some(value) = table.take("filtering") {
        behaviour.filtering = value.word(FILTERING)?;
    }
    if let Some(value) = table.take("pooling") {
        let words = [("paired", Pooling::Paired), ("arbitrary", Pooling::Arbitrary)];
        behaviour.pooling = value.word(&words)?;
    }
    if let Some(value) = table.take("hairpin") {
        behaviour.hairpinning = match value.boolean()? {
            true => Hairpinning::ExternalSource,
            false => Hairpinning::None,
        };
    }
    if let Some(value) = table.take("loose") {
        behaviour.is_loose = value.boolean()?;
    }
    if let Some(value) = table.take("per_subscriber") {
        behaviour.per_subscriber = Some(value.number(1, 65_536)? as u32);
    }
    if let Some(value) = table.take("udp_timeout") {
        let seconds = value.duration()?.as_secs().clamp(1, u64::from(u32::MAX)) as u32;
        (behaviour.timers.udp, behaviour.timers.udp_stream) = (seconds, seconds);
    }
    Ok(())
}

/// `"kept"`, `"new"`, or a range: `"1024-65535"`.
fn read_ports(value: &Value<'_>, plan: &mut NatPlan) -> Result<(), ScenarioFault> {
    match value.text()? {
        "kept" => plan.behaviour.ports = Ports::Preserved,
        "random" => plan.behaviour.ports = Ports::Random,
        "new" => {
            plan.behaviour.ports = Ports::Sequential(FIRST_NEW);
            plan.behaviour.keeps_parity = false;
        }
        text => {
            let bounds = text.split_once('-');
            let bounds = bounds.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            let range = bounds.map(|(first, last): (u16, u16)| first..=last);
            let range = range.filter(|range| !range.is_empty());
            let hint = "\"kept\", \"new\", \"random\", or a range as in \"1024-65535\"".to_string();
            let fault = || value.fault_with(format!("`{text}` are no ports"), hint);
            plan.ports = Some(range.ok_or_else(fault)?);
        }
    }
    Ok(())
}

/// `["v4"]`, or both.
fn read_families(value: &Value<'_>) -> Result<Vec<Family>, ScenarioFault> {
    let list = value.list()?;
    let families: BTreeSet<Family> =
        list.iter().map(|word| word.word(&rules::NAMES)).collect::<Result<_, _>>()?;
    match families.is_empty() {
        true => Err(value.fault_with(
            "this translates nothing".to_string(),
            "one of [\"v4\"], [\"v6\"], [\"v4\", \"v6\"]; or leave out `nat`".to_string(),
        )),
        false => Ok(families.into_iter().collect()),
    }
}

/// Reads `forward`.
fn read_forwards(
    list: &Value<'_>,
    plan: &NatPlan,
    names: &Names,
) -> Result<Vec<ForwardPlan>, ScenarioFault> {
    let mut taken = BTreeSet::new();
    let mut forwards = Vec::new();
    for value in list.list()? {
        let rule = read_forward(&value, names)?;
        if let Target::Address(stated) = rule.to
            && !plan.translates(stated.address)
        {
            let message = "`families` leaves the family of `to` out".to_string();
            return Err(value.fault(message));
        }
        for family in rule.to.families() {
            for protocol in &rule.protocols {
                if !taken.insert((*protocol, rule.port, family)) {
                    let name = PROTOCOLS.iter().find(|(_, number)| number == protocol);
                    let name = name.map_or("", |(name, _)| *name);
                    let message = format!("{name} port {} is forwarded twice", rule.port);
                    return Err(value.fault(message));
                }
            }
        }
        forwards.push(rule);
    }
    Ok(forwards)
}

/// Reads one rule of `forward`.
fn read_forward(value: &Value<'_>, names: &Names) -> Result<ForwardPlan, ScenarioFault> {
    let mut table = value.table()?;
    let protocols = match table.take("proto") {
        Some(value) => vec![value.word(PROTOCOLS)?],
        None => vec![protocol::TCP, protocol::UDP],
    };
    let port = table.need("port")?.number(1, 65_535)? as u16;
    let (to, to_port) = read_target(&table.need("to")?, names)?;
    table.finish()?;
    Ok(ForwardPlan { protocols, port, to, to_port })
}

/// `"web"`, `"web:80"`, `"192.0.2.1:80"`, `"[2001:db8::1]:80"`, or an address alone.
fn read_target(value: &Value<'_>, names: &Names) -> Result<(Target, Option<u16>), ScenarioFault> {
    const HINT: &str =
        "a node or an address, with a port or without: \"web:80\", \"[2001:db8::1]:80\"";
    let text = value.text()?;
    let of_address = |address: IpAddr| match wire::prefix::unusable(&Prefix::of_one(address)) {
        Some(what) => Err(value.fault(format!("nobody can have {address}: {what}"))),
        None => Ok(Target::Address(Stated { address, at: value.at() })),
    };
    if let Ok(address) = text.parse() {
        return Ok((of_address(address)?, None));
    }
    let (name, behind) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once("]:") {
            Some((address, port)) => (address, Some(port)),
            None => (rest.strip_suffix(']').unwrap_or(text), None),
        },
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let port = match behind {
        Some(port) => {
            Some(port.parse().ok().filter(|port: &u16| *port > 0).ok_or_else(|| {
                value.fault_with(format!("`{port}` is no port"), HINT.to_string())
            })?)
        }
        None => None,
    };
    if let Ok(address) = name.parse() {
        return Ok((of_address(address)?, port));
    }
    match names.get(name).map(Vec::as_slice) {
        Some(&[node]) => Ok((Target::Node(node), port)),
        Some(_) => Err(value.fault("this is a group; name one of it, with its number".to_string())),
        None => Err(value.fault_with(format!("no node is named `{name}`"), HINT.to_string())),
    }
}

/// Reads `dnat`.
pub(super) fn read_dnat(
    table: &mut Table<'_>,
    names: &Names,
) -> Result<Option<DnatPlan>, ScenarioFault> {
    let Some(value) = table.take("dnat") else { return Ok(None) };
    let mut table = value.table()?;
    let to = node_named(&table.need("to")?, names)?;
    let host = node_named(&table.need("host")?, names)?;
    let quotes = table.take("quotes").map_or(Ok(Quotes::Whole), |value| value.word(QUOTES))?;
    let hides = table.take("hides").map_or(Ok(false), |value| value.boolean())?;
    table.finish()?;
    if to == host {
        return Err(value.fault("`to` and `host` are the same".to_string()));
    }
    Ok(Some(DnatPlan { to, host, quotes, hides }))
}

/// Finds the interfaces by which translators send, once links are known, and checks the rest.
pub(super) fn find_interfaces(
    nodes: &mut [NodePlan],
    links: &[LinkPlan],
    source: Source<'_>,
) -> Result<(), ScenarioFault> {
    let mut links_of = vec![Vec::new(); nodes.len()];
    for link in links {
        link.ends.iter().for_each(|node| links_of[node.0 as usize].push(link.name.as_str()));
    }
    for (index, node) in nodes.iter_mut().enumerate() {
        if node.role == Role::Host && (node.nat.is_some() || node.dnat.is_some()) {
            return Err(source.fault(node.at, "only routers translate".to_string(), None));
        }
        let id = super::node_id(index);
        if node.dnat.as_ref().is_some_and(|plan| plan.host == id) {
            let message = format!("`{}` cannot stand in for another itself", node.name);
            return Err(source.fault(node.at, message, None));
        }
        let Some(plan) = &mut node.nat else { continue };
        if plan.forwards.iter().any(|rule| matches!(rule.to, Target::Node(to) if to == id)) {
            let message = format!("`{}` cannot forward to itself", node.name);
            return Err(source.fault(plan.at, message, None));
        }
        let names = &links_of[index];
        plan.out = names.iter().position(|name| *name == plan.link).ok_or_else(|| {
            let message = format!("`{}` has no link named `{}`", node.name, plan.link);
            source.fault(plan.at, message, Some(format!("it has: {}", names.join(", "))))
        })?;
    }
    Ok(())
}

/// The plan of the tracker of a node that has `nat`, `dnat` or both.
pub(crate) fn tracker_plan(id: NodeId, node: &NodePlan, map: &Map) -> Plan {
    let behaviour = match &node.nat {
        Some(nat) => nat.behaviour,
        None => Personality::Linux.behaviour(),
    };
    let mut plan = Plan { masquerades: node.nat.is_some(), ..Plan::new(behaviour) };
    plan.served = served(node);
    if let Some(nat) = &node.nat {
        let device = map.interface(id, nat.out);
        // A family of which the pool has none has the router's own address.
        for family in nat.families.iter().copied() {
            let given = nat.pool.iter().map(|it| it.address);
            let before = plan.pool.len();
            plan.pool.extend(given.filter(|address| Family::of(*address) == family));
            if plan.pool.len() == before {
                plan.pool.push(device.address(family));
            }
        }
        plan.families = nat.families.clone();
        plan.drops_unasked = nat.drops_unasked;
        plan.quotes = nat.quotes;
        plan.ports = nat.ports.clone();
        plan.limit = nat.limit.unwrap_or(plan.limit);
        plan.forwards = nat.forwards.iter().flat_map(|rule| forwards(id, nat, rule, map)).collect();
    }
    if let Some(dnat) = &node.dnat {
        let both = Family::ALL.into_iter().flat_map(|family| stand_ins(dnat, family, map));
        plan.forwards.extend(both);
        plan.forward_quotes = dnat.quotes;
        plan.hides_routers = dnat.hides;
    }
    plan
}

/// A rule in each family that is translated, for each of its protocols.
fn forwards(id: NodeId, nat: &NatPlan, rule: &ForwardPlan, map: &Map) -> Vec<Forward> {
    let addresses: Vec<IpAddr> = match rule.to {
        Target::Address(stated) => vec![stated.address],
        Target::Node(to) => {
            let families = nat.families.iter();
            families.filter_map(|family| map.address_from(id, nat.out, to, *family)).collect()
        }
    };
    let each = addresses.into_iter().flat_map(|to| {
        rule.protocols.iter().map(move |number| Forward {
            protocol: Some(*number),
            address: None,
            port: Some(rule.port),
            to,
            to_port: rule.to_port,
            is_anywhere: false,
        })
    });
    each.collect()
}

/// Rules that let one host answer for every address of another.
fn stand_ins(dnat: &DnatPlan, family: Family, map: &Map) -> Vec<Forward> {
    let Some(to) = map.addresses(dnat.host, family).first().copied() else { return Vec::new() };
    let asked = map.addresses(dnat.to, family).into_iter();
    let rule = |address| Forward {
        protocol: None,
        address: Some(address),
        port: None,
        to,
        to_port: None,
        is_anywhere: true,
    };
    asked.map(rule).collect()
}
