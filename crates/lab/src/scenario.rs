//! A scenario as read: nodes, links, what they do to packets, and the output expected. The text is
//! TOML; `docs/lab.md` describes it.

pub(crate) mod agents;
pub(crate) mod changes;
pub(crate) mod errors;
pub(crate) mod forwarding;
pub(crate) mod impairments;
mod links;
pub(crate) mod nat;
mod nodes;
pub(crate) mod text;
pub(crate) mod tftp;
pub(crate) mod traffic;

use crate::address::Prefix;
use crate::capture::CapturePlan;
use crate::rules;
use crate::service::{ClockPlan, Service};
use crate::socket::disposition::Stack;
use crate::{NodeId, ScenarioFault};
use agents::{AdvertPlan, MaskPlan};
use changes::ChangePlan;
use errors::ErrorPlan;
use forwarding::{ForwardPlan, Refusal};
use impairments::Impairments;
use nat::{DnatPlan, NatPlan};
use probe::clock::way::daytime::Date;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;
use text::{Source, Table, Value};
use traffic::TrafficPlan;
use wire::Family;

/// A whole scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    /// The wall clock at the start, nanoseconds since 1970-01-01 UTC, if the scenario says so.
    pub(crate) starts_ns: Option<i128>,
    /// When an endless run is interrupted, from its start.
    pub(crate) duration: Duration,
    pub(crate) from: NodeId,
    pub(crate) nodes: Vec<NodePlan>,
    pub(crate) links: Vec<LinkPlan>,
    /// In the order in which they come.
    pub(crate) changes: Vec<ChangePlan>,
    pub(crate) captures: Vec<CapturePlan>,
    pub(crate) traffic: Vec<TrafficPlan>,
    pub(crate) expectations: Vec<Expectation>,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Keeps what is for it and drops the rest.
    Host,
    /// Forwards what is not for it.
    Router,
}

/// One node.
#[derive(Clone, Debug)]
pub(crate) struct NodePlan {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Hop limit of what it sends by itself.
    pub(crate) hop_limit: u8,
    /// Whose network code it runs.
    pub(crate) stack: Stack,
    /// Sends no ICMP message by itself.
    pub(crate) is_silent: bool,
    /// Has a name and addresses, but is not there.
    pub(crate) is_absent: bool,
    /// What it refuses: a host of what is for it, a router of what it would forward.
    pub(crate) refusal: Option<Refusal>,
    /// Answers echo requests to broadcast and multicast addresses.
    pub(crate) answers_broadcast: bool,
    pub(crate) limit: Option<LimitPlan>,
    /// Whether it knows the routes computed from the graph, or only its own links and `routes`.
    pub(crate) computes_routes: bool,
    pub(crate) routes: Vec<StaticRoute>,
    /// How it chooses among ways that are as good.
    pub(crate) balance: Option<Balance>,
    /// Addresses that the scenario chose; each lies in a network of one of its links.
    pub(crate) addresses: Vec<Stated>,
    pub(crate) lies: Option<Lies>,
    pub(crate) errors: ErrorPlan,
    pub(crate) forwarding: ForwardPlan,
    /// Believes redirects.
    pub(crate) accepts_redirects: bool,
    /// Tells of better first hops, if it routes.
    pub(crate) sends_redirects: bool,
    pub(crate) nat: Option<NatPlan>,
    pub(crate) dnat: Option<DnatPlan>,
    /// How it answers address mask requests, if it does.
    pub(crate) mask: Option<MaskPlan>,
    /// How it offers to route, if it does.
    pub(crate) advert: Option<AdvertPlan>,
    /// TCP ports on which somebody listens.
    pub(crate) tcp: Vec<u16>,
    /// UDP ports whose datagrams are sent back.
    pub(crate) udp: Vec<u16>,
    /// Services over UDP.
    pub(crate) services: Vec<Service>,
    pub(crate) clock: ClockPlan,
    pub(crate) tftp: Option<tftp::TftpPlan>,
    /// Where it stands in the text, for faults found later.
    pub(crate) at: usize,
}

/// An address that the scenario chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) address: IpAddr,
    /// Where it stands in the text.
    pub(crate) at: usize,
}

/// What decides which of several ways a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balance {
    /// Addresses, protocol, the first four bytes of the transport header, and the flow label.
    Flow,
    /// Source and destination.
    Destination,
    /// Chance, packet by packet.
    Packet,
}

/// How fast a node may send ICMP messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitPlan {
    pub(crate) rate: Rate,
    /// Whether each destination has an allowance of its own.
    pub(crate) per_destination: bool,
    /// Whether answers count too, not errors alone.
    pub(crate) answers_too: bool,
    /// An allowance of the whole node besides.
    pub(crate) overall: Option<Rate>,
}

/// How fast messages may follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// From one message to the next, once the burst is spent.
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
}

/// A route that the scenario gives.
#[derive(Clone, Debug)]
pub(crate) struct StaticRoute {
    pub(crate) to: RouteTo,
    pub(crate) by: RouteBy,
    /// Where it stands in the text, for faults found later.
    pub(crate) at: usize,
}

/// What a route leads to.
#[derive(Clone, Debug)]
pub(crate) enum RouteTo {
    /// Everything.
    Default,
    /// A network.
    Network(Prefix),
    /// Every address of a node.
    Node(NodeId),
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteBy {
    /// To that neighbour, or one of them.
    Via(Vec<NodeId>),
    /// Nowhere.
    Reject(Reject),
}

/// How a route leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reject {
    /// Network unreachable.
    Network,
    /// Host unreachable.
    Host,
    /// Communication prohibited.
    Prohibited,
    /// Without a word.
    Silent,
}

/// How a host's echo answers are wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lies {
    /// Which of its answers, by 1-based number; every one if empty.
    pub(crate) on: Vec<u64>,
    /// Answers twice.
    pub(crate) twice: bool,
    /// Answers from an address of that node.
    pub(crate) from: Option<NodeId>,
    /// Changes the payload byte at that offset.
    pub(crate) damages: Option<usize>,
    /// Answers that much later.
    pub(crate) late: Option<Duration>,
    /// Fills the payload with this.
    pub(crate) payload: Option<Vec<u8>>,
    /// Cuts the payload to that many bytes.
    pub(crate) cuts: Option<usize>,
    /// Answers with another identifier.
    pub(crate) identifier: bool,
}

/// One link: two nodes, or a segment of more.
#[derive(Clone, Debug)]
pub(crate) struct LinkPlan {
    pub(crate) name: String,
    pub(crate) ends: Vec<NodeId>,
    /// Whether it is Ethernet, on which neighbours have to be found.
    pub(crate) is_ethernet: bool,
    /// Networks that the scenario chose, at most one of each family.
    pub(crate) networks: Vec<Prefix>,
    /// What happens to packets that the first end sends.
    pub(crate) there: Impairments,
    /// What happens to packets that other ends send.
    pub(crate) back: Impairments,
    /// Where it stands in the text, for faults found later.
    pub(crate) at: usize,
}

/// What a command is expected to print when it runs over a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The arguments of the program, as a shell would split them: `ping -c 3 r3`.
    pub command: String,
    /// The families that it is run for.
    pub families: Vec<Family>,
    /// Whether every kind of probe sees the same.
    pub any_kind: bool,
    /// The exit code.
    pub exit: u8,
    /// What it prints; `None` if that is left open.
    pub stdout: Option<Said>,
    /// What it complains about; `None` for nothing.
    pub stderr: Option<Said>,
    /// Line of the text at which it stands, 1-based.
    pub line: usize,
}

/// An expected output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The text, addresses replaced by names.
    pub text: String,
    /// Bytes of the scenario that it takes, delimiters included.
    pub span: Range<usize>,
}

/// Names to nodes; a group's name to all of its nodes.
pub(crate) type Names = BTreeMap<String, Vec<NodeId>>;

impl Scenario {
    /// Reads a scenario. If its source gathers faults, those that reading went on after are missing
    /// from it: it is of no use then.
    pub(crate) fn read(source: Source<'_>) -> Result<Scenario, ScenarioFault> {
        let document = source.parse()?;
        let mut root = Table::new(source, document.get_ref(), 0);
        let seed = root.take("seed").map(|v| v.number(0, u64::MAX)).transpose()?.unwrap_or(1);
        let starts_ns = root.take("starts").map(|value| starts(&value)).transpose()?;
        let duration = root.take("duration").map(|v| v.duration()).transpose()?;
        let (mut nodes, names) = nodes::read(&mut root)?;
        let links = links::read(&mut root, &names, &nodes)?;
        let is_sound = source.gathered() == 0;
        let mut changes = Vec::new();
        let mut captures = Vec::new();
        // What names links cannot be judged without them.
        let (at, capture) = (root.take("at"), root.take("capture"));
        if is_sound {
            source.bear(nat::find_interfaces(&mut nodes, &links, source))?;
            changes = changes::read(at, &names, &nodes, &links)?;
            captures = read_captures(capture, &links)?;
        }
        let from = match root.take("from") {
            Some(value) => source.bear(node_named(&value, &names))?.unwrap_or(NodeId(0)),
            None => first_host(&root, &nodes)?,
        };
        let traffic = traffic::read(&mut root, &names)?;
        let expectations = expectations(source, &mut root)?;
        root.finish()?;
        let duration = duration.unwrap_or(Duration::from_secs(10));
        Ok(Scenario {
            seed,
            starts_ns,
            duration,
            from,
            nodes,
            links,
            changes,
            captures,
            traffic,
            expectations,
        })
    }
}

/// A point in time, as in RFC 3339.
fn starts(value: &Value<'_>) -> Result<i128, ScenarioFault> {
    let text = value.text()?;
    let date = Date::parse(text).filter(|date| date.zone_s.is_some());
    let hint = "as in \"2026-01-01T23:59:59Z\"".to_string();
    let date = date.ok_or_else(|| value.fault_with(format!("`{text}` is no time"), hint))?;
    Ok(i128::from(date.unix_s()) * 1_000_000_000)
}

fn first_host(root: &Table<'_>, nodes: &[NodePlan]) -> Result<NodeId, ScenarioFault> {
    let host = nodes.iter().position(|node| node.role == Role::Host && !node.is_absent);
    let index = host.or((!nodes.is_empty()).then_some(0));
    index.map(node_id).ok_or_else(|| root.fault("no host and no router".to_string()))
}

pub(crate) fn node_id(index: usize) -> NodeId {
    NodeId(u32::try_from(index).expect("a scenario holds at most NODES_MAX nodes"))
}

/// The one node that a value names.
pub(crate) fn node_named(value: &Value<'_>, names: &Names) -> Result<NodeId, ScenarioFault> {
    match nodes_named(value, names)?.as_slice() {
        [node] => Ok(*node),
        _ => Err(value.fault("this is a group; name one of it, with its number".to_string())),
    }
}

/// The nodes that a value names: one, or those of a group.
pub(crate) fn nodes_named(value: &Value<'_>, names: &Names) -> Result<Vec<NodeId>, ScenarioFault> {
    let name = value.text()?;
    names.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = names.keys().map(String::as_str).collect();
        let hint = match text::nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if nodes::may_be_named(name) && name.len() <= text::NAME_MAX => {
                format!("declare it: [host] {name} = {{}} or [router] {name} = {{}}")
            }
            None => "names of nodes are letters, digits, - and _".to_string(),
        };
        value.fault_with(format!("no node is named `{name}`"), hint)
    })
}

/// Captures of one scenario at most.
const CAPTURES_MAX: usize = 64;

/// The tables `[[capture]]`.
fn read_captures(
    value: Option<Value<'_>>,
    links: &[LinkPlan],
) -> Result<Vec<CapturePlan>, ScenarioFault> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let list = value.list()?;
    if list.len() > CAPTURES_MAX {
        return Err(value.fault(format!("more than {CAPTURES_MAX} captures")));
    }
    let mut captures = Vec::with_capacity(list.len());
    for item in &list {
        captures.extend(value.source().bear(capture(item, links))?);
    }
    Ok(captures)
}

fn capture(value: &Value<'_>, links: &[LinkPlan]) -> Result<CapturePlan, ScenarioFault> {
    let mut table = value.table()?;
    let file = table.need("file")?;
    let name = file.text()?;
    // Whoever runs a stranger's scenario has at most a capture of that name replaced, and in the
    // folder that they are in.
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let is_safe = name.chars().all(is_plain) && !name.starts_with(['.', '-']);
    if !is_safe || !name.ends_with(".pcapng") || name.len() > 255 {
        let hint = "a name without a path, such as \"uplink.pcapng\"".to_string();
        return Err(
            file.fault_with("a capture is written to a .pcapng file here".to_string(), hint)
        );
    }
    let link = match table.take("link") {
        Some(link) => Some(links[changes::link_named(&link, links)?].name.clone()),
        None => None,
    };
    table.finish()?;
    Ok(CapturePlan { link, file: name.to_string() })
}

fn expectations(
    source: Source<'_>,
    root: &mut Table<'_>,
) -> Result<Vec<Expectation>, ScenarioFault> {
    let list = root.take("expect").map(|value| value.list()).transpose()?.unwrap_or_default();
    let mut expectations = Vec::with_capacity(list.len());
    for value in &list {
        expectations.extend(source.bear(expectation(source, value))?);
    }
    Ok(expectations)
}

fn expectation(source: Source<'_>, value: &Value<'_>) -> Result<Expectation, ScenarioFault> {
    let mut table = value.table()?;
    let command = table.need("command")?.text()?.to_string();
    let families = match table.take("families") {
        Some(list) => {
            list.list()?.iter().map(|word| word.word(&rules::NAMES)).collect::<Result<_, _>>()?
        }
        None => Family::ALL.to_vec(),
    };
    let any_kind = table.take("any_kind").map(|v| v.boolean()).transpose()?.unwrap_or(false);
    let exit = table.take("exit").map(|v| v.number(0, 255)).transpose()?.unwrap_or(0);
    let mut said = |key| -> Result<Option<Said>, ScenarioFault> {
        let said = |v: Value<'_>| Ok(Said { text: v.text()?.to_string(), span: v.span() });
        table.take(key).map(said).transpose()
    };
    let (stdout, stderr) = (said("stdout")?, said("stderr")?);
    let expectation = Expectation {
        command,
        families,
        any_kind,
        exit: u8::try_from(exit).expect("number checked the bounds"),
        stdout,
        stderr,
        line: source.fault(value.span().start, String::new(), None).line,
    };
    table.finish()?;
    Ok(expectation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::World;

    const PAIR: &str = "[host]\na = {}\nb = {}\n[[link]]\nends = [\"a\", \"b\"]\n";

    /// Line, column, message and hint of what is wrong.
    fn fault(text: &str) -> (usize, usize, String, Option<String>) {
        let fault = World::load(text, "net.toml", None).expect_err("something is wrong");
        assert_eq!(fault.origin, "net.toml");
        (fault.line, fault.column, fault.message, fault.hint)
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        let cases = [
            ("dealy = \"1ms\"", 6, 1, "unknown key `dealy`", "did you mean `delay`?"),
            ("delay = 5", 6, 9, "`delay` wants a span of time", ""),
            ("delay = \"0s\"", 6, 9, "a delay is at least 1us", ""),
            ("delay = \"99999999999h\"", 6, 9, "`delay` is too long", "a hundred years"),
            ("delay = \"876001h\"", 6, 9, "`delay` is too long", "876000h"),
            ("loss = \"101%\"", 6, 8, "`loss` wants a percentage", ""),
            ("loss = [0]", 6, 9, "`loss` wants a whole number from 1", ""),
            ("mtu = 67", 6, 7, "`mtu` wants a whole number from 68", ""),
            ("there = { los = [1] }", 6, 11, "unknown key `los`", "did you mean `loss`?"),
            ("networks = [\"192.0.2.0/31\", \"192.0.2.8/31\"]", 6, 29, "a link has one", ""),
            ("networks = [\"192.0.2.0/32\"]", 4, 1, "the network 192.0.2.0 is too small", ""),
            ("[[link]]\nends = [\"a\", \"c\"]", 7, 14, "no node is named `c`", ""),
            ("[[link]]\nends = [\"a\", \"b\"]", 6, 1, "two links are named `a-b`", ""),
            ("[[link]]\nends = [\"a\"]", 7, 8, "a link needs two ends", ""),
            ("[[link]]\nends = [\"a\", \"a\"]", 7, 14, "`a` stands at two ends", ""),
            ("[router]\na = {}", 7, 1, "`a` is declared twice", ""),
            ("[router]\nr = { hop_limit = 0 }", 7, 19, "`hop_limit` wants", ""),
            ("[router]\nr = { routes = [{ to = \"a\" }] }", 7, 17, "a route needs either", ""),
            ("[router]\nr = { addresses = [\"192.0.2.9\"] }", 7, 20, "no link of `r`", "give"),
            ("[router]\nr = { mask_agent = { mask = \"::1\" } }", 7, 29, "IPv6 has no", "classful"),
            ("[router]\nr = { mask_agent = 1 }", 7, 20, "`mask_agent` wants a table", ""),
            ("[router]\nr = { advertises = { nat64 = \"a\" } }", 7, 30, "this is no IPv6", "as in"),
            ("[router]\nr = { advertises = { every = \"1us\" } }", 7, 30, "`every` is at", ""),
            ("[[expect]]\ncommand = 1", 7, 11, "`command` wants a text", ""),
            ("[[expect]]\ncomand = 1", 6, 1, "`command` is missing", ""),
        ];
        for (more, line, column, message, hint) in cases {
            let got = fault(&format!("{PAIR}{more}"));
            assert_eq!((got.0, got.1), (line, column), "{more}: {got:?}");
            assert!(got.2.starts_with(message), "{more}: {got:?}");
            assert!(got.3.unwrap_or_default().contains(hint), "{more}");
        }
        assert_eq!(fault("[host]\na = {").0, 2);
        assert_eq!(fault("").2, "no host and no router");
    }

    #[test]
    fn what_no_node_can_have_is_refused() {
        const FIXED: &str = "networks = [\"10.0.0.0/24\"]\n[router]\n";
        let cases = [
            (
                "networks = [\"224.0.0.0/24\"]",
                6,
                13,
                "no node can have addresses of 224.0.0.0/24: m",
            ),
            (
                "networks = [\"127.0.0.0/24\"]",
                6,
                13,
                "no node can have addresses of 127.0.0.0/24: l",
            ),
            ("networks = [\"ff02::/64\"]", 6, 13, "no node can have addresses of ff02::/64: m"),
            ("networks = [\"10.0.0.1/24\"]", 6, 13, "`10.0.0.1/24` has bits behind its prefix"),
            ("networks = [\"10.0.0.0/33\"]", 6, 13, "`10.0.0.0/33`: prefixes of IPv4 have 0 to 32"),
            ("networks = [\"fd00::/129\"]", 6, 13, "`fd00::/129`: prefixes of IPv6 have 0 to 128"),
            ("networks = [\"10.0.0.0/x\"]", 6, 13, "`10.0.0.0/x`: prefixes of IPv4"),
            ("networks = [\"a/8\"]", 6, 13, "`a/8` is no network"),
            (
                "FIXEDr = { routes = [{ to = \"10.0.0.1/8\", via = \"a\" }] }",
                8,
                24,
                "`10.0.0.1/8` has bits behind its prefix",
            ),
            (
                "FIXEDr = { routes = [{ to = \"10.0.0.0/33\", via = \"a\" }] }",
                8,
                24,
                "`10.0.0.0/33`: prefixes of IPv4 have 0 to 32 bits",
            ),
        ];
        for (more, line, column, message) in cases {
            let got = fault(&format!("{PAIR}{}", more.replace("FIXED", FIXED)));
            assert_eq!((got.0, got.1), (line, column), "{more}: {got:?}");
            assert!(got.2.starts_with(message), "{more}: {got:?}");
        }
        let chosen = |a: &str, b: &str| {
            let link = "[[link]]\nends = [\"a\", \"b\"]\nnetworks = [\"10.0.0.0/24\"]";
            fault(&format!("[host]\na = {{ addresses = {a} }}\nb = {{ addresses = {b} }}\n{link}"))
        };
        let cases = [
            ("[\"10.0.0.255\"]", "[]", 2, 20, "10.0.0.255 is the broadcast address of 10.0.0.0/24"),
            ("[\"10.0.0.0\"]", "[]", 2, 20, "10.0.0.0 is the network itself, in 10.0.0.0/24"),
            ("[\"10.0.0.1\"]", "[\"10.0.0.1\"]", 3, 20, "`a` and `b` both have 10.0.0.1"),
            ("[\"10.0.0.1\", \"10.0.0.1\"]", "[]", 2, 32, "10.0.0.1 stands here twice"),
            (
                "[\"10.0.0.1\", \"10.0.0.2\"]",
                "[]",
                2,
                32,
                "`a` has an address in 10.0.0.0/24 already",
            ),
        ];
        for (a, b, line, column, message) in cases {
            let got = chosen(a, b);
            assert_eq!((got.0, got.1, got.2.as_str()), (line, column, message));
        }
    }

    #[test]
    fn translators_are_checked() {
        let text = |nat: &str| {
            format!(
                "[host]\na = {{}}\nb = {{}}\n[router]\nr = {{ nat = {{ out = \"a-r\", {nat} }} }}\n\
                 [[link]]\nends = [\"a\", \"r\"]\nnetworks = [\"10.0.0.0/24\"]\n\
                 [[link]]\nends = [\"r\", \"b\"]\n"
            )
        };
        let port = |to: &str| format!("forward = [{{ port = 1, to = \"{to}\" }}]");
        for to in ["b", "b:2", "192.0.2.9", "192.0.2.9:2", "2001:db8::1", "[2001:db8::1]:2"] {
            let text = text(&port(to));
            let world = World::load(&text, "net.toml", None);
            assert!(world.is_ok(), "{to}: {world:?}");
        }
        let cases = [
            (port("r"), "`r` cannot forward to itself"),
            (port("10.0.0.2"), "10.0.0.2 is an address of `r` itself"),
            (port("127.0.0.1:2"), "nobody can have 127.0.0.1: loopback"),
            (port("[2001:db8::1]:2x"), "`2x` is no port"),
            (port("[2001:db8::1]2"), "no node is named `[2001:db8::1]2`"),
            (port("b:0"), "`0` is no port"),
            (port("[b"), "no node is named `[b`"),
            (
                "forward = [{ port = 1, to = \"b\" }, { proto = \"udp\", port = 1, to = \"b\" }]"
                    .into(),
                "udp port 1 is forwarded twice",
            ),
            ("families = []".into(), "this translates nothing"),
            (
                format!("families = [\"v4\"], {}", port("2001:db8::1")),
                "`families` leaves the family of `to` out",
            ),
            (
                "families = [\"v6\"], pool = [\"10.0.0.9\"]".into(),
                "`families` leaves this address's family out",
            ),
            (
                "pool = [\"10.0.0.255\"]".into(),
                "10.0.0.255 is the broadcast address of 10.0.0.0/24",
            ),
            ("pool = [\"10.0.0.1\"]".into(), "`a` and `r` both have 10.0.0.1"),
        ];
        for (nat, message) in cases {
            let got = World::load(&text(&nat), "net.toml", None).map(|_| ());
            let got = got.map_err(|fault| (fault.line, fault.message));
            assert_eq!(got, Err((5, message.to_string())), "{nat}");
        }
        // One port may lead elsewhere in each family.
        let each = "forward = [{ port = 1, to = \"192.0.2.9\" }, { port = 1, to = \"fd00::9\" }]";
        assert!(World::load(&text(each), "net.toml", None).is_ok());
    }

    #[test]
    fn addresses_are_chosen_or_given() {
        let text = r#"
            from = "b"
            [host]
            a = { addresses = ["192.0.2.77", "2001:db8:7::7"] }
            b = {}
            c = {}
            [[link]]
            ends = ["a", "b"]
            networks = ["192.0.2.64/26", "2001:db8:7::/64"]
            [[link]]
            ends = ["b", "c"]
        "#;
        let world = World::load(text, "test", None).expect("a scenario");
        assert_eq!(world.default_node(), world.node("b").expect("b"));
        let shown = |name: &str| {
            let node = world.node(name).expect("a node");
            let all = Family::ALL.map(|family| world.addresses(node, family)).concat();
            all.iter().map(IpAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown("a"), ["192.0.2.77", "2001:db8:7::7"]);
        let b = ["192.0.2.65", "192.0.2.1", "2001:db8:7::1", "2001:db8:0:1::1"];
        assert_eq!(shown("b"), b);
        assert_eq!(shown("c"), ["192.0.2.2", "2001:db8:0:1::2"]);
        let a = "2001:db8:7::7".parse().expect("an address");
        assert_eq!(world.name_of(a), Some("a"));
    }

    #[test]
    fn expectations_know_where_they_stand() {
        let text =
            format!("{PAIR}\n[[expect]]\ncommand = \"ping b\"\nexit = 1\nstdout = '''\nx'''\n");
        let expectations = crate::expectations(&text, "test").expect("a scenario");
        let [expectation] = expectations.as_slice() else { panic!("{expectations:?}") };
        assert_eq!((expectation.line, expectation.exit), (7, 1));
        let stdout = expectation.stdout.as_ref().expect("some");
        assert_eq!((stdout.text.as_str(), &text[stdout.span.clone()]), ("x", "'''\nx'''"));
        assert_eq!(expectation.stderr, None);
    }
}
