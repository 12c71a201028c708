//! The options of `askway sockets`: which sockets, how they are shown.

use crate::args::BadValue;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::values::{bad, identifier};
use net::diag::{End, Match, Place, Query, State, States};
use std::net::IpAddr;
use wire::Family;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only IPv4 sockets
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    pub v4: bool,
    /// Only IPv6 sockets, also those that speak IPv4
    #[arg(short = '6', long = "ipv6")]
    pub v6: bool,
    /// Sockets in every state [default: connections, without time-wait and syn-recv]
    #[arg(short, long, conflicts_with = "state")]
    pub all: bool,
    /// Only listening sockets; with --all every socket
    #[arg(short, long, conflicts_with = "state")]
    pub listening: bool,
    /// States, with commas: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait,
    /// closed, close-wait, last-ack, listen, closing; all, connected, synchronized
    #[arg(long, value_name = "STATE", value_parser = states)]
    pub state: Vec<States>,
    #[allow(rustdoc::broken_intra_doc_links, reason = "the help shows the brackets")]
    /// Our end: an address or a prefix, :PORT, or both: 192.0.2.0/24:80, [2001:db8::1]:80
    #[arg(long, value_name = "PLACE", value_parser = place)]
    pub local: Option<Place>,
    /// The other end, likewise
    #[arg(long, value_name = "PLACE", value_parser = place)]
    pub peer: Option<Place>,
    /// A port at either end
    #[arg(long, value_name = "PORT", value_parser = identifier)]
    pub port: Option<u16>,
    /// TCP sockets; there are no others here
    #[arg(short, long)]
    pub tcp: bool,

    /// What may be wrong, and what helps, instead of the list
    #[arg(long, conflicts_with_all = ["totals", "all", "listening", "state"],
        help_heading = "Output")]
    pub advice: bool,
    /// How many there are in each state, instead of the list
    #[arg(long, conflicts_with_all = ["listening", "state"], help_heading = "Output")]
    pub totals: bool,
    /// A second line for each: windows, round trips, retransmissions, rates
    #[arg(short, long, help_heading = "Output")]
    pub info: bool,
    /// Also the user and the inode of each
    #[arg(short, long, help_heading = "Output")]
    pub extended: bool,
    /// The processes that hold each, as far as they can be seen
    #[arg(short, long, help_heading = "Output")]
    pub processes: bool,
    /// The largest first: rtt, retrans, recv-q, send-q, cwnd
    #[arg(long, value_name = "BY", hide_possible_values = true, help_heading = "Output")]
    pub sort: Option<Order>,
    /// Addresses and ports as numbers; there are no names here
    #[arg(short, long, help_heading = "Output")]
    pub numeric: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("v4", "只看 IPv4 套接字"),
    ("v6", "只看 IPv6 套接字，包括其中使用 IPv4 的"),
    ("all", "所有状态的套接字 [默认：连接，不含 time-wait 和 syn-recv]"),
    ("listening", "只看监听的套接字；与 --all 同用时为全部"),
    (
        "state",
        "状态，用逗号分隔：established、syn-sent、syn-recv、fin-wait-1、fin-wait-2、time-wait、\
         closed、close-wait、last-ack、listen、closing；all、connected、synchronized",
    ),
    ("local", "本端：地址或前缀、:端口，或两者：192.0.2.0/24:80、[2001:db8::1]:80"),
    ("peer", "对端，写法相同"),
    ("port", "任一端的端口"),
    ("tcp", "TCP 套接字；这里没有别的"),
    ("advice", "不列出，而说可能有什么问题、怎样解决"),
    ("totals", "不列出，而说每种状态有多少个"),
    ("info", "每个套接字的第二行：窗口、往返时间、重传、速率"),
    ("extended", "也显示每个套接字的用户和 inode"),
    ("processes", "持有每个套接字的进程，能看到的都显示"),
    ("sort", "最大的在前：rtt、retrans、recv-q、send-q、cwnd"),
    ("numeric", "地址和端口用数字；这里没有名字"),
];

/// What sockets are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Order {
    /// The smoothed round trip.
    Rtt,
    /// Segments that were sent again.
    Retrans,
    /// What waits to be read, or to be accepted.
    RecvQ,
    /// What waits to be sent or acknowledged.
    SendQ,
    /// The congestion window.
    Cwnd,
}

/// The states by the names that people give them.
const STATES: &[(&str, State)] = &[
    ("established", State::Established),
    ("estab", State::Established),
    ("syn-sent", State::SynSent),
    ("syn-recv", State::SynReceived),
    ("syn-received", State::SynReceived),
    ("fin-wait-1", State::FinWait1),
    ("fin-wait-2", State::FinWait2),
    ("time-wait", State::TimeWait),
    ("closed", State::Closed),
    ("close-wait", State::CloseWait),
    ("last-ack", State::LastAck),
    ("listen", State::Listen),
    ("listening", State::Listen),
    ("closing", State::Closing),
];

/// What [`States`] there are of each name for several.
fn group(name: &str) -> Option<States> {
    let connected = States::ALL.without(States::of(&[State::Listen, State::Closed]));
    Some(match name {
        "all" => States::ALL,
        "connected" => connected,
        "synchronized" => connected.without(States::of(&[State::SynSent])),
        _ => return None,
    })
}

fn states(text: &str) -> Result<States, BadValue> {
    let mut states = States::default();
    for name in text.to_ascii_lowercase().replace('_', "-").split(',') {
        let single = STATES.iter().find(|(known, _)| *known == name);
        let found = single.map(|(_, state)| States::of(&[*state])).or_else(|| group(name));
        states = states.with(found.ok_or_else(|| {
            bad(
                "no such state",
                "established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, closed, \
                 close-wait, last-ack, listen, closing; all, connected, synchronized",
            )
        })?);
    }
    Ok(states)
}

/// `192.0.2.1`, `192.0.2.0/24:80`, `:80`, `2001:db8::/32`, `[2001:db8::1]:80`, `*:80`.
fn place(text: &str) -> Result<Place, BadValue> {
    let wrong = || {
        bad(
            "not an address, a prefix or a :PORT",
            "192.0.2.1, 192.0.2.0/24:80, :80, 2001:db8::/32, [2001:db8::1]:80",
        )
    };
    let (address, port) = split(text).ok_or_else(wrong)?;
    let port = port.map(identifier).transpose().map_err(|_| wrong())?;
    let prefix = match address {
        "" | "*" => None,
        address => Some(prefix(address).ok_or_else(wrong)?),
    };
    if prefix.is_none() && port.is_none() {
        return Err(wrong());
    }
    Ok(Place { prefix, port })
}

/// The address, and the port if there is one. An IPv6 address without brackets has none.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        // The prefix length may stand behind the bracket, too.
        return match rest.strip_prefix(':') {
            Some(port) => Some((address, Some(port))),
            None if rest.is_empty() => Some((address, None)),
            None => None,
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Some((text, None)),
        Some((address, port)) => Some((address, Some(port))),
        None => Some((text, None)),
    }
}

fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let length = match length {
        Some(digits) if digits.bytes().all(|it| it.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
        None => most,
    };
    (length <= most).then_some((address, length))
}

impl Options {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// If there is something of that kind.
    pub fn check(&self) -> Result<(), Failure> {
        let is_summary = self.advice || self.totals;
        if is_summary && (self.sort.is_some() || self.info || self.extended) {
            let instead = if self.advice { "--advice" } else { "--totals" };
            return Err(Failure {
                message: format!("{instead} shows no list that could be sorted or extended"),
                hint: Some(format!("leave out {instead}, or --sort, --info and --extended")),
                exit: Exit::Usage,
            });
        }
        Ok(())
    }

    /// What to ask the kernel; in detail if a machine reads it.
    pub fn query(&self, is_for_machines: bool) -> Query {
        let [v4, v6] = Family::ALL;
        let ends = [(End::Local, self.local), (End::Peer, self.peer)];
        let places = ends.into_iter().filter_map(|(end, place)| Some(Match::At(end, place?)));
        let sorts_in_detail = matches!(self.sort, Some(Order::Rtt | Order::Retrans | Order::Cwnd));
        Query {
            family: match (self.v4, self.v6) {
                (true, _) => Some(v4),
                (_, true) => Some(v6),
                _ => None,
            },
            states: self.states(),
            matches: places.chain(self.port.map(Match::Port)).collect(),
            in_detail: self.advice
                || !self.totals && (self.info || sorts_in_detail || is_for_machines),
        }
    }

    fn states(&self) -> States {
        // What ss shows without an option.
        let usual = States::ALL.without(States::of(&[
            State::Listen,
            State::Closed,
            State::TimeWait,
            State::SynReceived,
        ]));
        if self.all || self.advice || self.totals {
            States::ALL
        } else if self.listening {
            States::of(&[State::Listen])
        } else if self.state.is_empty() {
            usual
        } else {
            self.state.iter().fold(States::default(), |set, more| set.with(*more))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_addresses_prefixes_and_ports() {
        let at = |text: &str, length: u8, port: Option<u16>| Place {
            prefix: Some((text.parse().expect("an address"), length)),
            port,
        };
        for (text, wanted) in [
            ("192.0.2.1", at("192.0.2.1", 32, None)),
            ("192.0.2.0/24:80", at("192.0.2.0", 24, Some(80))),
            ("2001:db8::1", at("2001:db8::1", 128, None)),
            ("2001:db8::/32", at("2001:db8::", 32, None)),
            ("[2001:db8::1]:80", at("2001:db8::1", 128, Some(80))),
            ("[2001:db8::/32]:80", at("2001:db8::", 32, Some(80))),
            ("[::1]", at("::1", 128, None)),
            (":80", Place { prefix: None, port: Some(80) }),
            ("*:80", Place { prefix: None, port: Some(80) }),
        ] {
            assert_eq!(place(text), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "*",
            ":",
            "80",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.0/33",
            "[::1",
            "[::1]80",
            "::1/129",
            "192.0.2.0/-1",
            "192.0.2.0/+1",
            "host:80",
            "[::1]:x",
        ] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn states_have_names_and_groups() {
        let connected = states("connected").expect("a group");
        assert!(connected.has(State::TimeWait) && !connected.has(State::Listen));
        let two = states("ESTAB,time_wait").expect("two states");
        assert_eq!(two, States::of(&[State::Established, State::TimeWait]));
        assert!(states("estab,").is_err() && states("open").is_err());
    }
}
