//! The lab's node: what it is told, and what it sends, in virtual time.

use super::notation::address;
use super::script::{Act, Script, Step, Wire};
use super::shown::Seen;
use lab::{NodeId, SocketEvent, World};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an answer may take, neighbours included, before it counts as none.
const PATIENCE: Duration = Duration::from_millis(2);

/// A node of the lab, with somebody else in the place of each neighbour.
pub struct Ours {
    world: World,
    node: NodeId,
    /// Who is at which wire.
    neighbours: BTreeMap<NodeId, Wire>,
    seen: Seen,
    /// Events of each socket that were told.
    told: Vec<usize>,
}

impl Ours {
    pub fn new(script: &Script) -> Ours {
        let text = scenario(script);
        let mut world =
            World::load(&text, "script", None).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        let mut neighbours = BTreeMap::new();
        let mut attach = |name: &str, wire| {
            if let Some(node) = world.node(name) {
                world.attach(node);
                neighbours.insert(node, wire);
            }
        };
        attach("p", Wire::Left);
        attach("s", Wire::Right);
        for (index, (wire, _)) in script.peers.iter().enumerate() {
            attach(&format!("q{index}"), *wire);
        }
        let node = world.node("n").expect("it is there");
        Ours { world, node, neighbours, seen: Seen::default(), told: Vec::new() }
    }

    /// Does a step; what comes of it.
    pub fn act(&mut self, step: &Step) -> Vec<String> {
        let mut said = Vec::new();
        let now = self.world.now();
        let mut after = PATIENCE;
        match &step.act {
            Act::Packet { wire, is_to_many, bytes } => {
                self.seen.sent.push(bytes.clone());
                self.world.arrive(now, self.node, *wire as usize, bytes, *is_to_many);
            }
            Act::Wait { lab, .. } => after = *lab,
            Act::Open { to, is_connected } => {
                self.world.open_socket(self.node, *to, *is_connected);
                self.told.push(0);
            }
            Act::Send { socket, bytes } => {
                self.world.send_from(self.node, *socket, *bytes);
                said.push(match self.next_event(*socket) {
                    Some(SocketEvent::Refused(errno)) => format!("= {}", errno.name()),
                    _ => "= sent".into(),
                });
            }
            Act::List => panic!("nothing is tracked here"),
            Act::Receive { socket } => {
                said.push(match self.next_event(*socket) {
                    Some(SocketEvent::Failed { errno, .. }) => format!("= {}", errno.name()),
                    Some(SocketEvent::Received) => "= datagram".into(),
                    _ => "= nothing".into(),
                });
            }
        }
        self.world.advance(now + after);
        while let Some((node, bytes, _)) = self.world.take_outgoing() {
            let wire = self.neighbours[&node].name();
            said.push(format!("{wire} {}", self.seen.show(&bytes)));
        }
        // What goes to everybody reaches each neighbour.
        said.dedup();
        said
    }

    /// What has happened to a socket and was not told yet, but what it does not hear of.
    fn next_event(&mut self, socket: usize) -> Option<SocketEvent> {
        let events = &self.world.sockets().nth(socket).expect("it is open").events;
        let skipped = self.told[socket];
        let is_heard = |event: &SocketEvent| !matches!(event, SocketEvent::Deaf { .. });
        let next = events[skipped..].iter().position(|(_, event)| is_heard(event));
        self.told[socket] = next.map_or(events.len(), |index| skipped + index + 1);
        next.map(|index| events[skipped + index].1)
    }
}

/// The script's network as a scenario.
fn scenario(script: &Script) -> String {
    let addresses = |names: &[&str]| {
        let quoted: Vec<String> =
            names.iter().map(|name| format!("\"{}\"", address(name))).collect();
        format!("addresses = [{}]", quoted.join(", "))
    };
    let mut hosts = format!("p = {{ {} }}\n", addresses(&["p4", "p6"]));
    let mut ends = [vec!["n".to_string(), "p".to_string()], vec!["n".into(), "s".into()]];
    let mut known = vec![("p", address("p4")), ("p", address("p6"))];
    if script.is_router {
        hosts += &format!("s = {{ {} }}\n", addresses(&["s4", "s6"]));
        known.extend([("s", address("s4")), ("s", address("s6"))]);
    }
    for (index, (wire, [v4, v6])) in script.peers.iter().enumerate() {
        hosts += &format!("q{index} = {{ addresses = [\"{v4}\", \"{v6}\"] }}\n");
        ends[*wire as usize].push(format!("q{index}"));
    }
    let via = |to: &str| {
        // Link-local addresses end as the others do.
        let to = address(&to.replace("fe80:", "2001:db8:1:"));
        let peer = script.peers.iter().position(|(_, all)| all.contains(&to));
        let named = known.iter().find(|(_, known)| *known == to).map(|(name, _)| name.to_string());
        named.or(peer.map(|index| format!("q{index}"))).expect("a neighbour")
    };
    let routes = script.routes.iter().map(|(prefix, how)| match how.as_str() {
        // Linux says "no route" in IPv6.
        "unreachable" if prefix.contains(':') => {
            format!("{{ to = \"{prefix}\", reject = \"network\" }}")
        }
        "unreachable" => format!("{{ to = \"{prefix}\", reject = \"host\" }}"),
        "prohibit" => format!("{{ to = \"{prefix}\", reject = \"prohibited\" }}"),
        "blackhole" => format!("{{ to = \"{prefix}\", reject = \"silent\" }}"),
        how => {
            let hop = via(how.strip_prefix("via ").expect("via"));
            format!("{{ to = \"{prefix}\", via = \"{hop}\" }}")
        }
    });
    let routes = format!("routes = [{}]", routes.collect::<Vec<_>>().join(", "));
    let own: &[&str] = if script.is_router { &["h4", "h6", "r4", "r6"] } else { &["h4", "h6"] };
    let settings = [vec![addresses(own), routes], script.lab.clone()].concat().join(", ");
    let networks = [["192.0.2.0/24", "2001:db8:1::/64"], ["198.51.100.0/24", "2001:db8:2::/64"]];
    let role = if script.is_router { "[router]\n" } else { "" };
    let mut text = format!("from = \"n\"\n[host]\n{hosts}{role}n = {{ {settings} }}\n");
    let wires: &[Wire] = if script.is_router { &[Wire::Left, Wire::Right] } else { &[Wire::Left] };
    for wire in wires {
        text += &format!(
            "[[link]]\nends = {:?}\nname = \"{}\"\nnetworks = {:?}\nkind = \"{}\"\n",
            ends[*wire as usize],
            wire.name(),
            networks[*wire as usize],
            if script.links.iter().any(|(it, _)| it == wire) { "ethernet" } else { "plain" },
        );
        for (_, mtu) in script.mtus.iter().filter(|(it, _)| it == wire) {
            text += &format!("mtu = {mtu}\n");
        }
    }
    text
}
