//! Probing without input or output: engines decide what to send, when, and what an answer means.
//!
//! An engine is driven by whoever owns a clock and a wire: `net` the real ones, `lab` simulated
//! ones. The contract is [`Engine`]; the driver's duties stand there. No socket, clock, file or
//! printer is known here, so a run is a pure function of plan, seed and arrivals.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp;
use wire::ip::protocol;

pub mod clock;
pub mod clockdiff;
pub mod gather;
pub mod kind;
pub mod mask;
pub mod method;
pub mod mtu;
pub mod ping;
pub mod routers;
pub mod stats;
pub mod targets;
pub mod tftp;
pub mod token;
pub mod trace;
pub mod walk;

mod departure;
mod flight;
mod pace;
mod random;

/// Nanoseconds since the run began, on a clock that never steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The start of the run.
    pub const ZERO: Time = Time(0);
    /// Later than anything.
    pub const NEVER: Time = Time(u64::MAX);

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;

    /// Saturates at [`Time::NEVER`].
    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Who read the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampedBy {
    /// The kernel (or the lab's wire), as the packet passed.
    Kernel,
    /// This program, before the send call or after the receive call.
    Program,
}

/// A point in time and who took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub at: Time,
    /// By whom.
    pub by: StampedBy,
}

/// Which clocks a round-trip time was measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RttSource {
    /// Kernel send stamp to kernel receive stamp.
    Kernel,
    /// This program's clock before the send, to the kernel's receive stamp.
    KernelReceive,
    /// This program's clock on both ends.
    User,
}

impl RttSource {
    /// The name in JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            RttSource::Kernel => "kernel",
            RttSource::KernelReceive => "kernel_receive",
            RttSource::User => "user",
        }
    }
}

/// A datagram that arrived, headers taken apart. Errors of an unprivileged socket's error queue are
/// rebuilt into the ICMP message that a raw socket would have seen.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// When it arrived.
    pub received: Stamp,
    /// Who sent it.
    pub source: IpAddr,
    /// Our address that it was sent to, where known.
    pub destination: Option<IpAddr>,
    /// TTL or hop limit as received, where known.
    pub hop_limit: Option<u8>,
    /// TOS or traffic class as received, where known.
    pub traffic_class: Option<u8>,
    /// IPv4 options as received, padding included.
    pub options: &'a [u8],
    /// IP protocol number of `payload`.
    pub protocol: u8,
    /// The transport message, from its first byte.
    pub payload: &'a [u8],
}

/// Names one datagram that an engine sent, until the run ends.
pub type Ticket = u64;

/// Where and how one datagram goes; its bytes stand in the buffer that was given to
/// [`Engine::poll`]. Everything that is equal for all datagrams of a run stands in [`Envelope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The destination.
    pub to: IpAddr,
    /// IPv6 zone (interface index) of a link-local destination, else 0.
    pub zone: u32,
    /// Which of the run's identifiers or source ports it carries: an index into those that the
    /// driver gave.
    pub lane: u16,
    /// The engine's name for it.
    pub ticket: Ticket,
    /// What its IP header has of its own.
    pub header: Own,
}

/// What the IP header of one datagram has of its own; where it has nothing, the [`Envelope`] or the
/// system decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The source address that the engine reckoned with in its checksums.
    pub source: Option<IpAddr>,
    /// TTL or hop limit.
    pub hop_limit: Option<u8>,
    /// IPv4 identification, not 0. Sockets without privilege cannot set it.
    pub identification: Option<u16>,
    /// IPv6 flow label, 20 bits.
    pub flow_label: Option<u32>,
}

/// What carries the datagrams of a run: decides which sockets a driver opens, and what the lanes
/// are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// ICMP messages; a lane is an identifier.
    #[default]
    Icmp,
    /// UDP; a lane is a source port.
    Udp,
    /// TCP segments of a handshake; a lane is a source port.
    Tcp,
    /// Any other IP protocol; if it has ports, a lane is a source port.
    Other(u8),
}

impl Carrier {
    /// Its IP protocol number.
    pub fn protocol(self, family: Family) -> u8 {
        match self {
            Carrier::Icmp => icmp::protocol(family),
            Carrier::Udp => protocol::UDP,
            Carrier::Tcp => protocol::TCP,
            Carrier::Other(number) => number,
        }
    }
}

/// Why a datagram could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendFault {
    /// What it means.
    pub reason: SendFaultReason,
    /// The system's error number; 0 in the lab.
    pub os_error: i32,
}

/// What a failed send means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFaultReason {
    /// Larger than the path takes and not to be fragmented.
    TooBig {
        /// The path MTU that this host knows of.
        mtu_bytes: Option<u32>,
    },
    /// No route from here.
    NoRoute,
    /// A local filter or a missing right forbids it.
    Prohibited,
    /// This host's own queue is full: the probe never left.
    NoBuffers,
    /// Anything else: see the system's error number.
    Other,
}

/// What an engine asks of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<R> {
    /// Send the datagram that stands in the buffer.
    Send(Transmit),
    /// Show or store this.
    Report(R),
    /// Nothing to do until then, unless something arrives. Always after the `now` of the poll.
    Wait {
        /// When to poll again at the latest.
        until: Time,
        /// Names the timer.
        why: &'static str,
    },
    /// The run is over.
    Done,
}

/// The contract between an engine and its driver.
///
/// The driver (1) calls `poll` until it says `Wait` or `Done`, after every input; (2) never lets
/// `now` go backwards; (3) gives every arrival to `receive`, and send stamps to `sent` before the
/// arrivals that were read with them; (4) reports each failed send once, by `send_failed`.
pub trait Engine {
    /// What the engine finds out.
    type Report;

    /// The next thing to do. With [`Output::Send`] the transport message replaces what was in
    /// `datagram`; its ICMPv6 checksum is left to the driver, who knows the source address.
    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Self::Report>;

    /// Takes a datagram that arrived; anything may be in it.
    fn receive(&mut self, now: Time, arrival: &Arrival<'_>);

    /// Takes a better send time than the `now` of the poll that sent the datagram.
    fn sent(&mut self, ticket: Ticket, stamp: Stamp);

    /// Takes the news that a datagram did not leave.
    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault);

    /// Takes the news that this host threw away that many received datagrams for want of buffer
    /// since the last call, so that missing answers are not blamed on the network.
    fn receive_dropped(&mut self, count: u32);

    /// Sends nothing more and ends at the next poll; what is in flight is reported as such.
    fn stop(&mut self, now: Time);

    /// Whether the run may go on for ever unless somebody stops it. A driver in virtual time asks
    /// before the first poll, since nobody would live to see the end.
    fn is_endless(&self) -> bool {
        false
    }
}

/// What the user may signal while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// End with the summary (SIGINT).
    Interrupt,
    /// End now, by SIGTERM or SIGHUP.
    Terminate,
    /// Show where things stand and go on (SIGQUIT).
    Status,
}

/// Who listens to a run: printers and collectors.
pub trait Observer<E: Engine> {
    /// Takes one report.
    fn report(&mut self, engine: &E, report: E::Report);

    /// Called before the driver sleeps: time to flush what was printed and draw progress.
    fn idle(&mut self, _engine: &E, _now: Time) {}

    /// Takes a signal of the user's. By default anything but a status request stops the engine.
    fn signal(&mut self, engine: &mut E, now: Time, signal: Signal) {
        if signal != Signal::Status {
            engine.stop(now);
        }
    }

    /// Called when somebody woke the driver from another thread (a name has been resolved).
    fn woken(&mut self, _engine: &mut E, _now: Time) {}
}

/// Whether routers may fragment, and whether this host listens to what it knows of the path MTU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fragmentation {
    /// The system's default.
    #[default]
    System,
    /// Never set DF; fragment here if need be (`-M dont`).
    Allowed,
    /// Discover the path MTU, fragment here to fit it (`-M want`).
    Want,
    /// Always set DF and refuse what the known path MTU does not take (`-M do`).
    Forbidden,
    /// Set DF and ignore the known path MTU (`-M probe`).
    Probe,
}

/// What every datagram of a run is wrapped in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Source address; `None` for the system's choice.
    pub source: Option<IpAddr>,
    /// TTL or hop limit; `None` for the system's default.
    pub hop_limit: Option<u8>,
    /// TOS or traffic class.
    pub traffic_class: u8,
    /// IPv6 flow label, 20 bits; `None` for the system's choice.
    pub flow_label: Option<u32>,
    /// May it be fragmented?
    pub fragmentation: Fragmentation,
    /// IPv4 options, padded to a multiple of 4, at most 40 bytes.
    pub options: Vec<u8>,
}

impl fmt::Display for Time {
    /// Seconds with nanoseconds: `1.000000250`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}
