//! What may be wrong with the sockets of a machine. Rules are pure functions of what was collected;
//! each tells its evidence and what helps today. Their words stand in `print/sockets/words.rs`.

mod closing;
mod moving;
mod opening;

use net::diag::{Endpoint, State, TcpSocket};
use net::tcp_settings::{Counters, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Everything that rules know.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// How the kernel's TCP is set.
    pub settings: Settings,
    /// What the kernel has counted.
    pub counters: Counters,
    /// The sockets that are looked at.
    pub sockets: Vec<TcpSocket>,
    /// Where this machine listens, also if these sockets are not looked at.
    pub listeners: BTreeSet<Endpoint>,
}

/// Something that may be wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub rule: Rule,
    /// Our end of it.
    pub local: Spot,
    /// The other end of it.
    pub peer: Spot,
    /// The evidence, by name.
    pub figures: Vec<(&'static str, u64)>,
    /// The sockets that it is about, as indices.
    pub sockets: Vec<usize>,
    /// What helps, the best first.
    pub remedies: Vec<Remedy>,
}

/// What all sockets of a finding have in common at one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The address.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: Option<u16>,
}

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Connections in TIME_WAIT take the ports towards one destination.
    TimeWaitPorts,
    /// Very many connections of a service are in TIME_WAIT.
    TimeWaitMany,
    /// Few ports are left towards one destination.
    PortsLow,
    /// A listener has many half-open connections.
    SynBacklog,
    /// A listener's program does not accept.
    AcceptQueue,
    /// Nobody answers our SYN.
    SynUnanswered,
    /// A peer does not acknowledge.
    Unacknowledged,
    /// Much is sent again.
    Lossy,
    /// A peer's window is closed.
    ZeroWindow,
    /// A program of ours does not read.
    NotReading,
    /// A program of ours does not close.
    CloseWait,
    /// Peers do not close.
    FinWait2,
    /// Many connections have no program any more.
    Orphans,
    /// Peers do not acknowledge the last FIN.
    LastAck,
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Keep connections open and use them again.
    ReuseConnections,
    /// Let the peer close first.
    PeerCloses,
    /// `tcp_tw_reuse`, with timestamps.
    TimeWaitReuse,
    /// Timestamps are off, and `tcp_tw_reuse` needs them.
    TurnTimestampsOn,
    /// More ports in `ip_local_port_range`.
    WidenPorts,
    /// Another source or destination address brings as many ports again.
    MoreAddresses,
    /// `tcp_tw_recycle` is gone and was harmful.
    NoRecycle,
    /// SO_LINGER with 0 sends a reset and discards data.
    NoLinger,
    /// TIME_WAIT at a server costs memory, not ports.
    TimeWaitIsCheap,
    /// More accepting, faster.
    AcceptFaster,
    /// A larger backlog in listen(2).
    RaiseBacklog,
    /// `somaxconn` caps it.
    RaiseSomaxconn,
    /// `tcp_max_syn_backlog` caps it.
    RaiseSynBacklog,
    /// SYN cookies are off.
    TurnCookiesOn,
    /// SYN cookies are at work.
    CookiesWork,
    /// Who asks and does not answer.
    LookAtSources,
    /// Is the host there, and is the port filtered?
    TracePort,
    /// Give up earlier.
    UserTimeout,
    /// Where is it lost, and is the path narrower than thought?
    FindLoss,
    /// The peer's program has to read.
    PeerReads,
    /// Our program has to read.
    ReadFaster,
    /// Our program has to close what the peer has closed.
    CloseSockets,
    /// Peers have to close, or we may give up.
    GiveUpHalfClosed,
    /// Shorten `tcp_fin_timeout`.
    ShortenFinTimeout,
}

type Check = fn(&Situation, &mut Vec<Finding>);

/// Every rule, in the order in which findings are told.
const RULES: &[Check] = &[
    opening::accept_queue,
    opening::syn_backlog,
    closing::ports_low,
    closing::time_wait,
    opening::syn_unanswered,
    moving::unacknowledged,
    moving::zero_window,
    moving::not_reading,
    moving::lossy,
    closing::close_wait,
    closing::fin_wait_2,
    closing::last_ack,
    closing::orphans,
];

/// What may be wrong there; empty if nothing stands out.
pub fn find(situation: &Situation) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        rule(situation, &mut findings);
    }
    findings
}

impl Remedy {
    /// How many there are.
    pub const COUNT: usize = Remedy::ShortenFinTimeout as usize + 1;
}

impl Rule {
    /// How many there are.
    pub const COUNT: usize = Rule::LastAck as usize + 1;

    /// The rule's name for machines.
    pub fn name(self) -> &'static str {
        match self {
            Rule::TimeWaitPorts => "time_wait_ports",
            Rule::TimeWaitMany => "time_wait_many",
            Rule::PortsLow => "ports_low",
            Rule::SynBacklog => "syn_backlog",
            Rule::AcceptQueue => "accept_queue",
            Rule::SynUnanswered => "syn_unanswered",
            Rule::Unacknowledged => "unacknowledged",
            Rule::Lossy => "lossy",
            Rule::ZeroWindow => "zero_window",
            Rule::NotReading => "not_reading",
            Rule::CloseWait => "close_wait",
            Rule::FinWait2 => "fin_wait_2",
            Rule::Orphans => "orphans",
            Rule::LastAck => "last_ack",
        }
    }
}

impl Finding {
    /// A figure by its name.
    pub fn figure(&self, name: &str) -> Option<u64> {
        self.figures.iter().find(|(known, _)| *known == name).map(|(_, figure)| *figure)
    }
}

impl Spot {
    /// An address alone.
    fn address(address: IpAddr) -> Spot {
        Spot { address: Some(address), port: None }
    }

    /// A port alone.
    fn port(port: u16) -> Spot {
        Spot { address: None, port: Some(port) }
    }

    /// Both.
    fn endpoint(endpoint: Endpoint) -> Spot {
        Spot { address: Some(endpoint.address), port: Some(endpoint.port) }
    }
}

impl Situation {
    /// Whether a connection came to this machine: somebody listens, or listened, at its port here.
    fn is_served(&self, socket: &TcpSocket) -> bool {
        let Endpoint { address, port } = socket.local;
        let mut places = [address, Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
            .into_iter()
            .map(|address| Endpoint { address, port });
        places.any(|place| self.listeners.contains(&place)) || !self.settings.gives(port)
    }

    /// Sockets that are meant, gathered by what they have in common.
    fn group<K: Ord>(
        &self,
        is_meant: impl Fn(&TcpSocket) -> bool,
        key: impl Fn(&TcpSocket) -> K,
    ) -> BTreeMap<K, Vec<usize>> {
        let mut groups: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for (index, socket) in self.sockets.iter().enumerate() {
            if is_meant(socket) {
                groups.entry(key(socket)).or_default().push(index);
            }
        }
        groups
    }

    fn all(&self, is_meant: impl Fn(&TcpSocket) -> bool) -> Vec<usize> {
        (0..self.sockets.len()).filter(|index| is_meant(&self.sockets[*index])).collect()
    }

    fn of(&self, sockets: &[usize]) -> impl Iterator<Item = &TcpSocket> {
        sockets.iter().map(|index| &self.sockets[*index])
    }

    fn count(&self, sockets: &[usize], is_meant: impl Fn(&TcpSocket) -> bool) -> u64 {
        self.of(sockets).filter(|socket| is_meant(socket)).count() as u64
    }

    fn most(&self, sockets: &[usize], figure: impl Fn(&TcpSocket) -> u64) -> u64 {
        self.of(sockets).map(figure).max().unwrap_or(0)
    }

    fn sum(&self, sockets: &[usize], figure: impl Fn(&TcpSocket) -> u64) -> u64 {
        self.of(sockets).map(figure).fold(0, u64::saturating_add)
    }
}

/// Whether a part of a whole is at least so many percent of it.
fn is_share(part: u64, whole: u64, percent: u64) -> bool {
    whole > 0 && u128::from(part) * 100 >= u128::from(whole) * u128::from(percent)
}

/// The tries of the timer that runs.
fn tries(socket: &TcpSocket) -> u64 {
    socket.timer.map_or(0, |timer| timer.tries.into())
}

fn is_connection(socket: &TcpSocket) -> bool {
    !matches!(socket.state, State::Listen | State::Closed)
}

#[cfg(test)]
mod tests;
