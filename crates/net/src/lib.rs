//! The only crate that touches the operating system's network: sockets, clocks, rights, the loop.
//!
//! [`Network::open`] chooses sockets by what this process may do, [`Network::drive`] runs an engine
//! over them. Everything platform-specific, and all `unsafe`, stands below `sys`.

use probe::{Engine, Envelope, Observer, Time};
use std::fmt;
use std::io;
use std::net::IpAddr;
use wire::Family;

pub mod local_time;
pub mod names;
mod sys;

/// What a run needs of the network.
#[derive(Clone, Debug)]
pub struct Want {
    /// The families to open sockets for; at least one.
    pub families: Vec<Family>,
    /// Raw or datagram sockets.
    pub access: Access,
    /// Whether a datagram ICMP socket can carry the probe type.
    pub datagram_will_do: bool,
    /// What every datagram is wrapped in.
    pub envelope: Envelope,
    /// Interface or VRF to bind to, by name.
    pub interface: Option<String>,
    /// Firewall mark.
    pub mark: Option<u32>,
    /// May the destination be a broadcast address?
    pub broadcast: bool,
    /// Only to directly attached networks (SO_DONTROUTE).
    pub direct_only: bool,
    /// Do we hear our own multicasts?
    pub multicast_loop: bool,
    /// Turn on socket debugging (SO_DEBUG).
    pub debug: bool,
    /// The identifier to use, if the user chose one (needs a raw socket, or a free "port").
    pub identifier: Option<u16>,
    /// How many identifiers: one for each 65,536 probes in flight, 1 to 256.
    pub lanes: u16,
    /// The largest message to expect, in bytes of ICMP.
    pub message_max_bytes: usize,
    /// How many answers may arrive before the program gets to read them; sizes the receive buffer.
    pub burst: u32,
    /// Send buffer in bytes, if the user chose one.
    pub send_buffer_bytes: Option<usize>,
    /// Which kernel stamps to ask for.
    pub stamps: Stamps,
    /// How datagrams are handed to the kernel.
    pub batch: Batch,
}

/// Raw or datagram ICMP sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Raw where allowed, datagram where not.
    #[default]
    Auto,
    /// Raw or nothing.
    Raw,
    /// Datagram or nothing.
    Datagram,
}

/// Which kernel stamps to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamps {
    /// Send and receive: the exact round trip.
    #[default]
    Both,
    /// Receive only: one system call a probe less, for floods and sweeps.
    Receive,
    /// None: user to user.
    None,
}

/// How datagrams are handed to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batch {
    /// One system call each, at its own time.
    #[default]
    One,
    /// Up to 64 a call, where an engine has that many ready.
    Many,
}

/// What went wrong with the operating system, and what helps.
#[derive(Debug)]
pub struct Fault {
    /// What was being done: `open a raw socket`.
    pub doing: String,
    /// The system's word.
    pub error: io::Error,
    /// Whose fault it is.
    pub blame: Blame,
    /// What would help.
    pub hint: Option<String>,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The user asked for something that does not exist.
    Usage,
    /// This process lacks a right.
    Rights,
    /// This host, for any other reason.
    Host,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.doing, self.error)
    }
}

impl std::error::Error for Fault {}

/// Open sockets and a clock: where an engine runs.
pub struct Network {}

impl Network {
    /// Opens sockets as wanted, and drops every privilege before the first packet is read.
    ///
    /// # Errors
    /// If a socket cannot be opened or an option not be set, with a hint where one helps.
    pub fn open(_want: &Want) -> Result<Network, Fault> {
        todo!()
    }

    /// The identifiers of this run, one a lane.
    pub fn identifiers(&self) -> &[u16] {
        todo!()
    }

    /// Whether the sockets are raw.
    pub fn is_raw(&self, _family: Family) -> bool {
        todo!()
    }

    /// Now, since the network was opened.
    pub fn now(&self) -> Time {
        todo!()
    }

    /// The wall clock at [`Time::ZERO`], nanoseconds since 1970-01-01 UTC. Follows steps of the wall
    /// clock, so that `epoch + now` is what the user's clock shows.
    pub fn epoch_ns(&self) -> i128 {
        todo!()
    }

    /// A handle with which another thread wakes the loop; see [`Observer::woken`].
    pub fn waker(&self) -> Waker {
        todo!()
    }

    /// Runs an engine to its end.
    ///
    /// # Errors
    /// If the operating system fails in a way that no probe can be blamed for.
    pub fn drive<E: Engine, O: Observer<E>>(
        &mut self,
        _engine: &mut E,
        _observer: &mut O,
    ) -> Result<(), Fault> {
        todo!()
    }
}

/// Wakes a network's loop from another thread.
#[derive(Clone, Debug)]
pub struct Waker {}

impl Waker {
    /// Wakes it; [`Observer::woken`] is called once for any number of wakes in between.
    pub fn wake(&self) {
        todo!()
    }
}

/// Which of this host's addresses would be the source towards `to`, and what stands in the way.
///
/// # Errors
/// If there is no route, or none from that source or interface.
pub fn source_towards(
    _to: IpAddr,
    _zone: u32,
    _source: Option<IpAddr>,
    _interface: Option<&str>,
    _mark: Option<u32>,
) -> Result<IpAddr, Fault> {
    todo!()
}

/// The index of a network interface; `None` if there is none of that name.
pub fn interface_index(_name: &str) -> Option<u32> {
    todo!()
}

/// The name of a network interface.
pub fn interface_name(_index: u32) -> Option<String> {
    todo!()
}

/// Whether an IPv4 address is a broadcast address of this host's networks.
pub fn is_broadcast(_to: IpAddr) -> bool {
    todo!()
}

/// Whether this process may do what is kept from ordinary users (effective user id 0).
pub fn is_superuser() -> bool {
    todo!()
}
