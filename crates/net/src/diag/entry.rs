//! One socket of the kernel's answer: `struct inet_diag_msg` and its attributes.

use super::{State, Vitals};
use crate::netlink::{Attributes, array, u32_at, u64_at};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A TCP socket.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpSocket {
    /// Its state.
    pub state: State,
    /// Our end; the address is unspecified if it listens on all, the port 0 if it has none.
    pub local: Endpoint,
    /// The other end; unspecified without one.
    pub peer: Endpoint,
    /// The index of the interface that it is bound to; 0 without one.
    pub interface: u32,
    /// The kernel's number for it, never given twice.
    pub cookie: u64,
    /// What it waits for, if a timer runs.
    pub timer: Option<Timer>,
    /// Bytes that arrived and were not read; of a listener, connections not yet accepted. In
    /// CLOSE_WAIT and beyond, the peer's FIN counts as one.
    pub receive_queue: u32,
    /// Bytes that were not acknowledged or not sent; of a listener, how many connections may wait.
    pub send_queue: u32,
    /// The user who made it; 0 also of sockets that no process has any more.
    pub uid: u32,
    /// The inode by which processes hold it; 0 if none does.
    pub inode: u32,
    /// Which directions were shut down; `None` of what is no full socket (TIME_WAIT, SYN_RECV).
    pub shutdown: Option<Shutdown>,
    /// Firewall mark, which the kernel tells to network administrators only.
    pub mark: Option<u32>,
    /// The identifier of its control group (version 2).
    pub cgroup_id: Option<u64>,
    /// Of IPv6 sockets that are not connected: whether they leave out IPv4.
    pub is_ipv6_only: Option<bool>,
    /// The TOS byte that it sends with; in detail only, as is what follows.
    pub tos: Option<u8>,
    /// The traffic class that it sends with.
    pub traffic_class: Option<u8>,
    /// The congestion control's name: at most 16 bytes of the kernel's.
    pub congestion_control: Option<Name>,
    /// Its memory.
    pub memory: Option<Memory>,
    /// What BBR has found out, where it controls congestion.
    pub bbr: Option<Bbr>,
    /// What the kernel knows of the connection; not of TIME_WAIT and SYN_RECV.
    pub info: Option<Box<Vitals>>,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address; that of an IPv6 socket may be IPv4-mapped.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

/// A running timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What for.
    pub kind: TimerKind,
    /// How long it still runs.
    pub left: Duration,
    /// How often it ran out in a row: retransmissions, or probes that were not answered.
    pub tries: u8,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// Something is unacknowledged and will be sent again.
    Retransmit,
    /// Nothing happens on the connection and it will be probed.
    Keepalive,
    /// The end of TIME_WAIT, or of an orphan in FIN_WAIT2.
    TimeWait,
    /// The peer's window is closed and will be probed.
    Persist,
    /// One that this program does not know.
    Unknown(u8),
}

/// Which directions were shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Nothing more is read.
    pub receive: bool,
    /// Nothing more is sent.
    pub send: bool,
}

/// A name of at most 16 bytes, printable ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    bytes: [u8; 16],
    length: u8,
}

/// `INET_DIAG_SKMEMINFO`: bytes, as the kernel counts them, its own overhead included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Taken by what arrived.
    pub receive_bytes: u32,
    /// The receive buffer.
    pub receive_max_bytes: u32,
    /// Taken by what is on its way out.
    pub send_bytes: u32,
    /// The send buffer.
    pub send_max_bytes: u32,
    /// Waiting to be sent or acknowledged.
    pub queued_bytes: u32,
    /// Packets waiting for a reader to let go of the socket.
    pub backlog_bytes: u32,
    /// Packets that were dropped at this socket.
    pub drops: u32,
}

/// `struct tcp_bbr_info`: what BBR has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bbr {
    /// The bottleneck's bandwidth, in bytes a second.
    pub bandwidth: u64,
    /// The least round trip.
    pub rtt_us_min: u32,
    /// By which factor it paces faster than that, in 256ths.
    pub pacing_gain: u32,
    /// By which factor the window is larger than bandwidth and round trip need, in 256ths.
    pub cwnd_gain: u32,
}

/// Bytes of `struct inet_diag_msg`.
const MESSAGE_BYTES: usize = 72;

// Attributes of linux/inet_diag.h.
const INFO: u16 = 2;
const CONGESTION: u16 = 4;
const TOS: u16 = 5;
const TRAFFIC_CLASS: u16 = 6;
const MEMORY: u16 = 7;
const SHUTDOWN: u16 = 8;
const IPV6_ONLY: u16 = 11;
const MARK: u16 = 15;
const BBR: u16 = 16;
const CGROUP: u16 = 21;

impl TcpSocket {
    /// Reads a message; `None` if it is too short, or of a family or a state that is none.
    pub fn parse(body: &[u8]) -> Option<TcpSocket> {
        let [family, state, timer, tries] = array(body, 0)?;
        let endpoint = |port_at: usize, address_at: usize| {
            let address = match i32::from(family) {
                libc::AF_INET => IpAddr::from(Ipv4Addr::from(array::<4>(body, address_at)?)),
                libc::AF_INET6 => IpAddr::from(Ipv6Addr::from(array::<16>(body, address_at)?)),
                _ => return None,
            };
            Some(Endpoint { address, port: u16::from_be_bytes(array(body, port_at)?) })
        };
        let [cookie_low, cookie_high] = [u32_at(body, 44)?, u32_at(body, 48)?];
        let left = Duration::from_millis(u32_at(body, 52)?.into());
        let mut socket = TcpSocket {
            state: State::of(state)?,
            local: endpoint(4, 8)?,
            peer: endpoint(6, 24)?,
            interface: u32_at(body, 40)?,
            cookie: u64::from(cookie_high) << 32 | u64::from(cookie_low),
            timer: TimerKind::of(timer).map(|kind| Timer { kind, left, tries }),
            receive_queue: u32_at(body, 56)?,
            send_queue: u32_at(body, 60)?,
            uid: u32_at(body, 64)?,
            inode: u32_at(body, 68)?,
            shutdown: None,
            mark: None,
            cgroup_id: None,
            is_ipv6_only: None,
            tos: None,
            traffic_class: None,
            congestion_control: None,
            memory: None,
            bbr: None,
            info: None,
        };
        for attribute in Attributes::new(body.get(MESSAGE_BYTES..)?) {
            socket.take(attribute.kind, attribute.body);
        }
        Some(socket)
    }

    fn take(&mut self, kind: u16, body: &[u8]) {
        let byte = || body.first().copied();
        match kind {
            INFO => self.info = Vitals::parse(body).map(Box::new),
            CONGESTION => self.congestion_control = Name::parse(body),
            TOS => self.tos = byte(),
            TRAFFIC_CLASS => self.traffic_class = byte(),
            MEMORY => self.memory = Memory::parse(body),
            // RCV_SHUTDOWN is 1, SEND_SHUTDOWN is 2.
            SHUTDOWN => {
                self.shutdown =
                    byte().map(|bits| Shutdown { receive: bits & 1 != 0, send: bits & 2 != 0 });
            }
            IPV6_ONLY => self.is_ipv6_only = byte().map(|byte| byte != 0),
            MARK => self.mark = u32_at(body, 0),
            BBR => self.bbr = Bbr::parse(body),
            CGROUP => self.cgroup_id = u64_at(body, 0),
            _ => {}
        }
    }

    /// Whether it is an IPv6 socket that speaks IPv4.
    pub fn is_mapped(&self) -> bool {
        let is_mapped =
            |address: IpAddr| matches!(address, IpAddr::V6(it) if it.to_ipv4_mapped().is_some());
        is_mapped(self.local.address) || is_mapped(self.peer.address)
    }

    /// Whether no process holds it any more, but it is not over.
    pub fn is_orphan(&self) -> bool {
        let ends = [State::FinWait1, State::FinWait2, State::LastAck, State::Closing];
        self.inode == 0 && ends.contains(&self.state)
    }
}

impl TimerKind {
    fn of(number: u8) -> Option<TimerKind> {
        match number {
            0 => None,
            1 => Some(TimerKind::Retransmit),
            2 => Some(TimerKind::Keepalive),
            3 => Some(TimerKind::TimeWait),
            4 => Some(TimerKind::Persist),
            other => Some(TimerKind::Unknown(other)),
        }
    }
}

impl Name {
    /// Up to its zero byte; `None` if it is empty, too long or not printable.
    pub fn parse(bytes: &[u8]) -> Option<Name> {
        let text = bytes.split(|byte| *byte == 0).next()?;
        let is_name = !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
        let mut name = Name { bytes: [0; 16], length: u8::try_from(text.len()).ok()? };
        name.bytes.get_mut(..text.len())?.copy_from_slice(text);
        is_name.then_some(name)
    }

    /// As a text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Bbr {
    fn parse(body: &[u8]) -> Option<Bbr> {
        let [low, high] = [u32_at(body, 0)?, u32_at(body, 4)?];
        Some(Bbr {
            bandwidth: u64::from(high) << 32 | u64::from(low),
            rtt_us_min: u32_at(body, 8)?,
            pacing_gain: u32_at(body, 12)?,
            cwnd_gain: u32_at(body, 16)?,
        })
    }
}

impl Memory {
    fn parse(body: &[u8]) -> Option<Memory> {
        // SK_MEMINFO_*: receive, its limit, send, its limit, forward, queued, options, backlog,
        // drops; the last came with Linux 4.7.
        let word = |index: usize| u32_at(body, index * 4);
        Some(Memory {
            receive_bytes: word(0)?,
            receive_max_bytes: word(1)?,
            send_bytes: word(2)?,
            send_max_bytes: word(3)?,
            queued_bytes: word(5)?,
            backlog_bytes: word(7)?,
            drops: word(8).unwrap_or(0),
        })
    }
}
