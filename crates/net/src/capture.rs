//! Seeing the packets of an interface, or of all: what arrives and what leaves, as it is on the
//! link, with the kernel's stamps. The kernel filters; every right is given up before the first
//! packet is read.

use crate::clock::Readings;
use crate::rights::{capability_remedy, host, index_of};
use crate::sys::{self, Arrival, PacketSocket, Signals, Watch};
use crate::{Blame, Fault};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use wire::bpf::Instruction;
use wire::filter::Place;
use wire::pcapng::{Direction, SNAPLEN_MAX, link};

/// What is to be seen.
#[derive(Clone, Debug)]
pub struct Want {
    /// The interface, by name; `None` for all.
    pub interface: Option<String>,
    /// Whether the interface takes what is for others, too.
    pub is_promiscuous: bool,
    /// How many bytes of a packet are kept; at most [`SNAPLEN_MAX`].
    pub snaplen: u32,
    /// How much may wait to be read.
    pub buffer_bytes: usize,
}

/// A packet as it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The interface's number in the system.
    pub interface: u32,
    /// When, in nanoseconds since 1970-01-01 UTC.
    pub time_ns: i128,
    /// Which way.
    pub direction: Direction,
    /// Its length on the link.
    pub original_bytes: u32,
    /// What was kept.
    pub bytes: &'a [u8],
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that passed the filter.
    pub received: u64,
    /// Those of them that the kernel had no room for.
    pub dropped: u64,
}

/// An open capture.
pub struct Capture {
    socket: PacketSocket,
    want: Want,
    interface: u32,
    is_cooked: bool,
    signals: Signals,
    buffer: Box<[u8]>,
    counts: Counts,
    names: BTreeMap<u32, String>,
    is_ended: bool,
    /// How many packets may still be taken once it is.
    grace: u32,
    seen: Option<Shape>,
}

/// What waited to be read when the user ended it is still taken, but not for ever: more may come.
const GRACE: u32 = 4_096;

/// What [`Seen`] says, without the bytes.
#[derive(Clone, Copy)]
struct Shape {
    interface: u32,
    time_ns: i128,
    direction: Direction,
    original_bytes: u32,
    length: usize,
}

/// Bytes of the header that stands for a link header where interfaces are mixed (LINUX_SLL2).
const COOKED_BYTES: usize = 20;

/// Two addresses, behind which a tag belongs.
const TAG_AT: usize = 12;

/// Interfaces whose frames begin as Ethernet's do: Ethernet itself and loopback.
const LIKE_ETHERNET: [u16; 2] = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK];

impl Capture {
    /// Opens a socket that sees nothing before [`Capture::start`].
    ///
    /// # Errors
    /// If this process may not, or there is no such interface.
    pub fn open(want: Want) -> Result<Capture, Fault> {
        let interface = want.interface.as_deref().map(index_of).transpose()?.unwrap_or(0);
        let signals = Signals::install().map_err(|error| host("listen for signals", error))?;
        // Without the right to raise them, what is in effect must do.
        let _ = sys::raise_privileges();
        let is_cooked = interface == 0 || !is_like_ethernet(interface)?;
        let socket = PacketSocket::open(is_cooked).map_err(fault)?;
        let doing = "set the size of the buffer";
        socket.set_buffer(want.buffer_bytes).map_err(|error| host(doing, error))?;
        if want.is_promiscuous && interface != 0 {
            let doing = "have the interface take what is for others";
            socket.be_promiscuous(interface).map_err(|error| host(doing, error))?;
        }
        let kept = want.snaplen.clamp(1, SNAPLEN_MAX) as usize;
        Ok(Capture {
            socket,
            want,
            interface,
            is_cooked,
            signals,
            buffer: vec![0; COOKED_BYTES + kept].into_boxed_slice(),
            counts: Counts::default(),
            names: BTreeMap::new(),
            is_ended: false,
            grace: GRACE,
            seen: None,
        })
    }

    /// Where a filter runs.
    pub fn place(&self) -> Place {
        if self.is_cooked { Place::Cooked } else { Place::Link(link::ETHERNET) }
    }

    /// What its packets begin with: see [`link`].
    pub fn link(&self) -> u16 {
        if self.is_cooked { link::LINUX_SLL2 } else { link::ETHERNET }
    }

    /// Begins to see what passes the program, and gives up every right.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn start(&mut self, program: &[Instruction]) -> Result<(), Fault> {
        let doing = "set the filter";
        self.socket.attach(program).map_err(|error| host(doing, error))?;
        let name = self.want.interface.as_deref().unwrap_or("every interface");
        let doing = format!("listen on {name}");
        self.socket.bind(self.interface).map_err(|error| host(&doing, error))?;
        sys::drop_privileges().map_err(|error| host("give up privileges", error))
    }

    /// Waits for the next packet, which is then [`Capture::seen`]; whether one came in that time
    /// (`None`: any) and before the user ended it.
    ///
    /// # Errors
    /// If the system fails, or the interface is gone.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Fault> {
        let mut timeout = timeout;
        self.seen = None;
        loop {
            self.heed_signals();
            if self.is_ended {
                self.grace = self.grace.saturating_sub(1);
            }
            if self.grace == 0 {
                return Ok(false);
            }
            if let Some(arrival) = self.receive()? {
                // A packet on loopback is seen as it leaves and as it arrives.
                const LOOPBACK: u16 = libc::ARPHRD_LOOPBACK;
                if (arrival.kind, arrival.hardware) != (libc::PACKET_OUTGOING, LOOPBACK) {
                    self.seen = Some(self.put_right(&arrival));
                    return Ok(true);
                }
                continue;
            }
            if timeout == Some(Duration::ZERO) || self.is_ended {
                return Ok(false);
            }
            let bell = Watch::readable(Signals::bell_fd());
            let mut watches = [Watch::readable(self.socket.fd()), bell];
            sys::sleep(&mut watches, timeout).map_err(|error| host("wait", error))?;
            // Whatever woke it, one more look is enough.
            timeout = timeout.map(|_| Duration::ZERO);
        }
    }

    /// The packet that was last waited for.
    pub fn seen(&self) -> Option<Seen<'_>> {
        let Shape { interface, time_ns, direction, original_bytes, length } = self.seen?;
        let bytes = &self.buffer[..length];
        Some(Seen { interface, time_ns, direction, original_bytes, bytes })
    }

    /// Whether the user wants it to end.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    fn heed_signals(&mut self) {
        while let Some(signal) = self.signals.take() {
            self.is_ended |= signal != probe::Signal::Status;
            Signals::hush();
        }
    }

    /// What was counted so far.
    pub fn counts(&mut self) -> Counts {
        // The kernel forgets what it has told.
        let (received, dropped) = self.socket.counts().unwrap_or_default();
        self.counts.received += u64::from(received);
        self.counts.dropped += u64::from(dropped);
        self.counts
    }

    /// What the wall clock shows: nanoseconds since 1970-01-01 UTC.
    pub fn wall_ns(&self) -> i128 {
        sys::SystemClocks.wall_ns().into()
    }

    /// The name of an interface, as it was when first asked; not safe for a terminal.
    pub fn name(&mut self, interface: u32) -> &str {
        self.names.entry(interface).or_insert_with(|| {
            sys::interface_name(interface).unwrap_or_else(|| format!("#{interface}"))
        })
    }

    fn receive(&mut self) -> Result<Option<Arrival>, Fault> {
        let start = if self.is_cooked { COOKED_BYTES } else { 0 };
        match self.socket.receive(&mut self.buffer[start..]) {
            Ok(arrival) => Ok(arrival),
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {
                let name = self.want.interface.as_deref().unwrap_or("an interface");
                Err(host(&format!("see more of {name}"), error))
            }
            Err(error) => Err(host("read packets", error)),
        }
    }

    /// Makes of what arrived what was on the link.
    fn put_right(&mut self, arrival: &Arrival) -> Shape {
        let (mut length, mut original) = (arrival.kept, arrival.original);
        let most = self.want.snaplen.clamp(1, SNAPLEN_MAX) as usize;
        if self.is_cooked {
            length += COOKED_BYTES;
            original += COOKED_BYTES;
            cook(arrival, &mut self.buffer[..COOKED_BYTES]);
        } else if let Some((kind, content)) = arrival.tag
            && length >= TAG_AT
        {
            // The kernel took the tag out; there is room for it again behind what was kept.
            let end = (length + 4).min(self.buffer.len());
            self.buffer.copy_within(TAG_AT..end - 4, TAG_AT + 4);
            self.buffer[TAG_AT..TAG_AT + 2].copy_from_slice(&kind.to_be_bytes());
            self.buffer[TAG_AT + 2..TAG_AT + 4].copy_from_slice(&content.to_be_bytes());
            (length, original) = (end, original + 4);
        }
        let length = length.min(most);
        Shape {
            interface: arrival.interface,
            time_ns: arrival.stamp_ns.unwrap_or(0).into(),
            direction: match arrival.kind {
                libc::PACKET_OUTGOING => Direction::Outbound,
                _ => Direction::Inbound,
            },
            original_bytes: u32::try_from(original).unwrap_or(u32::MAX),
            length,
        }
    }
}

/// Whether an interface's frames begin as Ethernet's do.
fn is_like_ethernet(interface: u32) -> Result<bool, Fault> {
    // A socket of its own, so that the one that captures hears nothing before its filter.
    let socket = PacketSocket::open(true).map_err(fault)?;
    const NOTHING: [Instruction; 1] =
        [Instruction { code: wire::bpf::code::RETURN, jump_true: 0, jump_false: 0, k: 0 }];
    let doing = "ask what the interface is";
    let hardware = socket
        .attach(&NOTHING)
        .and_then(|()| socket.bind(interface))
        .and_then(|()| socket.hardware())
        .map_err(|error| host(doing, error))?;
    Ok(LIKE_ETHERNET.contains(&hardware))
}

/// Writes the header that stands for a link header.
fn cook(arrival: &Arrival, out: &mut [u8]) {
    out[0..2].copy_from_slice(&arrival.protocol.to_be_bytes());
    out[2..4].fill(0);
    out[4..8].copy_from_slice(&arrival.interface.to_be_bytes());
    out[8..10].copy_from_slice(&arrival.hardware.to_be_bytes());
    out[10] = arrival.kind;
    out[11] = arrival.address_bytes;
    out[12..20].copy_from_slice(&arrival.address);
}

fn fault(error: io::Error) -> Fault {
    let is_right = matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES));
    Fault {
        doing: "open a packet socket".to_owned(),
        error,
        blame: if is_right { Blame::Rights } else { Blame::Host },
        hint: is_right.then(capability_remedy),
    }
}
