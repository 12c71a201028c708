//! The only crate that touches the operating system's network: sockets, clocks, rights, the loop.
//!
//! [`Network::open`] chooses sockets by what this process may do, [`Network::drive`] runs an engine
//! over them. Everything platform-specific, and all `unsafe`, stands below `sys`.

pub mod capture;
pub mod cell;
mod clock;
pub mod control;
pub mod diag;
mod dial;
pub mod dns;
mod drive;
mod filter;
mod interfaces;
mod listen;
pub mod live;
pub mod local_time;
pub mod names;
mod nearby;
pub mod netlink;
pub mod owners;
pub mod quote;
mod rights;
mod routes;
mod rtnetlink;
mod stamps;
mod sys;
pub mod tcp_settings;
pub mod tun;
mod wrap;

pub use clock::WallClock;
pub use interfaces::{Interface, Number, interfaces};
pub use listen::{Heard, Listen};
pub use routes::{
    give_up_rights, host_name, interface_index, interface_name, is_broadcast, is_run_by_superuser,
    is_superuser, lay_privileges_aside, may_raw, source_towards, suspend, would_be_raw,
};
pub use sys::{Memory, Signals};

use clock::Clock;
use control::ExtendedError;
use dial::Dials;
use drive::{Habits, Queued};
use probe::{Carrier, Engine, Envelope, Observer, Time};
use quote::Quoter;
use rights::Channel;
use routes::path_mtu;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use sys::{Bell, Inbox, Outbox, Socket, SystemClocks, Watch};
use wire::Family;
use wrap::Wrapping;

/// What a run needs of the network.
#[derive(Clone, Debug)]
pub struct Want {
    /// The families to open sockets for; at least one.
    pub families: Vec<Family>,
    /// What carries the datagrams.
    pub carrier: Carrier,
    /// Raw sockets, or such as need no right.
    pub access: Access,
    /// Whether sockets that need no right can carry the probe type.
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
    /// The identifier or first source port to use, if the user chose one (an identifier needs a raw
    /// socket, or a free "port").
    pub identifier: Option<u16>,
    /// How many identifiers or source ports: in a ping one for each 65,536 probes in flight, in a
    /// trace one a flow; 1 to 256.
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

/// What raw ICMP sockets hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hears {
    /// What bears an identifier of the run, and errors that quote one.
    #[default]
    Answers,
    /// Router advertisements, which bear none.
    Advertisements,
}

impl Want {
    /// What most runs need: whatever sockets may be had, nothing chosen, one lane, 64 answers of an
    /// Ethernet frame's size, a kernel's stamps, one datagram a call.
    pub fn new(families: Vec<Family>, carrier: Carrier) -> Want {
        Want {
            families,
            carrier,
            access: Access::Auto,
            datagram_will_do: true,
            envelope: Envelope::default(),
            interface: None,
            mark: None,
            broadcast: false,
            direct_only: false,
            multicast_loop: true,
            debug: false,
            identifier: None,
            lanes: 1,
            message_max_bytes: 1_500,
            burst: 64,
            send_buffer_bytes: None,
            stamps: Stamps::Both,
            batch: Batch::One,
        }
    }
}

/// Raw sockets, or such as need no right: datagram sockets for ICMP and UDP, connections for TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Raw where allowed, the others where not.
    #[default]
    Auto,
    /// Raw or nothing.
    Raw,
    /// The others or nothing.
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

impl Fault {
    pub(crate) fn blaming(self, blame: Blame) -> Fault {
        Fault { blame, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.doing, self.error)
    }
}

impl std::error::Error for Fault {}

/// Open sockets and a clock: where an engine runs.
pub struct Network {
    channels: Vec<Channel>,
    identifiers: Vec<u16>,
    clock: Clock<SystemClocks>,
    waker: Waker,
    stamps: Stamps,
    batch: Batch,
    flow_label: u32,
    interface: Option<String>,
    wrapping: Wrapping,
    dials: Option<Dials>,
    /// Keep ports from others.
    _held: Vec<Socket>,
    inbox: Inbox,
    outbox: Outbox,
    queue: Vec<Queued>,
    watches: Vec<Watch>,
    quoter: Quoter,
    habits: Habits,
    /// What the error queue says of a send that this host refused.
    local_error: Option<ExtendedError>,
}

/// Datagrams a system call, at most.
const BATCH_MAX: usize = 64;

/// Buffers for receiving take no more.
const INBOX_MAX_BYTES: usize = 512 << 10;

/// What an ICMP error may quote beside its own header: up to the IPv6 minimum MTU (RFC 4443 §2.4).
const ERROR_MAX_BYTES: usize = 1_288;

/// The longest IPv4 header, which raw sockets deliver too.
const HEADER_MAX_BYTES: usize = 60;

impl Network {
    /// Opens sockets as wanted, and drops every privilege before the first packet is read. Rights
    /// are this thread's and those of threads that it starts later, so it is best called first.
    ///
    /// # Errors
    /// If a socket cannot be opened or an option not be set, with a hint where one helps.
    pub fn open(want: &Want) -> Result<Network, Fault> {
        Network::open_to_hear(want, Hears::Answers)
    }

    /// Likewise; what raw ICMP sockets hear is for the caller to say.
    ///
    /// # Errors
    /// As [`Network::open`].
    pub fn open_to_hear(want: &Want, hears: Hears) -> Result<Network, Fault> {
        let clock = Clock::start(SystemClocks);
        let bell = Bell::new().map_err(|error| rights::host("make a waker", error))?;
        let (opened, identifiers) = rights::open(want, hears)?;
        let dials = opened.connects.then(|| Dials::new(want)).transpose();
        let dials = dials.map_err(|error| rights::host("watch connections", error))?;
        let each_bytes = want.message_max_bytes.max(ERROR_MAX_BYTES) + HEADER_MAX_BYTES;
        let inbox = (INBOX_MAX_BYTES / each_bytes).clamp(2, BATCH_MAX);
        let outbox = if want.batch == Batch::Many { BATCH_MAX } else { 1 };
        Ok(Network {
            channels: opened.channels,
            identifiers,
            clock,
            waker: Waker(Arc::new(Wake { bell, is_awake: AtomicBool::new(false) })),
            stamps: want.stamps,
            batch: want.batch,
            flow_label: want.envelope.flow_label.unwrap_or(0) & 0x000f_ffff,
            interface: want.interface.clone(),
            wrapping: Wrapping::new(&want.envelope, want.carrier, want.interface.clone()),
            dials,
            _held: opened.held,
            inbox: Inbox::new(inbox, each_bytes),
            outbox: Outbox::new(outbox),
            queue: Vec::with_capacity(outbox),
            watches: Vec::new(),
            quoter: Quoter::default(),
            habits: Habits::new(),
            local_error: None,
        })
    }

    /// The identifiers of this run, one a lane.
    pub fn identifiers(&self) -> &[u16] {
        &self.identifiers
    }

    /// Whether the sockets are raw; false for a family without one.
    pub fn is_raw(&self, family: Family) -> bool {
        self.channels.iter().any(|channel| channel.family == family && channel.is_raw)
    }

    /// Whether ICMP errors show the IP header of the probe as it was where the error arose, and all
    /// that came back of it. Otherwise addresses, ports and what follows the transport header are
    /// told, and hop limit, identification, traffic class, flow label and checksum are 0. False as
    /// well for raw ICMP sockets with IP options, where the kernel chooses the identification.
    pub fn sees_quoted_headers(&self, family: Family) -> bool {
        self.is_raw(family) && self.wrapping.writes_headers()
    }

    /// Whether all probes of a lane leave from its port, so that they may take one way. False for
    /// TCP without rights: each probe is a connection, and no two to one address and port can begin
    /// from one port. What arrives names the lane's port all the same.
    pub fn holds_flows(&self, family: Family) -> bool {
        self.wrapping.carrier != Carrier::Tcp || self.is_raw(family)
    }

    /// Now, since the network was opened.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The wall clock at [`Time::ZERO`], nanoseconds since 1970-01-01 UTC. Follows steps of the
    /// wall clock, so that `epoch + now` is what the user's clock shows.
    pub fn epoch_ns(&self) -> i128 {
        self.clock.wall().epoch_ns()
    }

    /// The same for an observer, who needs it while the loop has the network.
    pub fn wall_clock(&self) -> WallClock {
        self.clock.wall().clone()
    }

    /// A handle with which another thread wakes the loop; see [`Observer::woken`].
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Runs an engine to its end.
    ///
    /// # Errors
    /// If the operating system fails in a way that no probe can be blamed for.
    pub fn drive<E: Engine, O: Observer<E>>(
        &mut self,
        engine: &mut E,
        observer: &mut O,
    ) -> Result<(), Fault> {
        self.run(engine, observer)
    }
}

/// Wakes a network's loop from another thread.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Wake>);

#[derive(Debug)]
struct Wake {
    bell: Bell,
    is_awake: AtomicBool,
}

impl Waker {
    /// Wakes it; [`Observer::woken`] is called once for any number of wakes in between.
    pub fn wake(&self) {
        if !self.0.is_awake.swap(true, Ordering::Release) {
            self.0.bell.ring();
        }
    }

    /// Whether somebody has called since the last time.
    fn take(&self) -> bool {
        self.0.is_awake.load(Ordering::Relaxed) && self.0.is_awake.swap(false, Ordering::Acquire)
    }

    fn hush(&self) {
        self.0.bell.hush();
    }

    fn fd(&self) -> i32 {
        self.0.bell.fd()
    }
}
