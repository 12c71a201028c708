//! TCP without rights: each probe is a connection of its own, begun and never used. The kernel
//! writes the segment; which probe it stands for is known by the socket, so that what comes back is
//! told as if it were about the segment that the engine wrote.

use crate::control::Control;
use crate::drive::{arrival_stamp, receive};
use crate::quote::{Probe, Transport};
use crate::rights::host;
use crate::sys::{self, Address, Call, Crowd, Socket};
use crate::{Fault, Network, Stamps, Want};
use probe::{Engine, Stamp, StampedBy, Time, Transmit};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp;
use wire::ip::protocol;

/// The connections that are under way.
pub(crate) struct Dials {
    want: Want,
    crowd: Crowd,
    /// By number, which counts up with the sends.
    open: BTreeMap<u64, Dial>,
    next: u64,
    open_max: usize,
}

/// A connection that was begun.
struct Dial {
    socket: Socket,
    to: IpAddr,
    to_port: u16,
    ours: IpAddr,
    /// The lane's port, if the connection has it.
    port: Option<u16>,
    segment: Vec<u8>,
    ends: Time,
}

/// The kernel sends a segment again after one second, and nobody could say which one an answer is
/// to: so long is waited.
const PATIENCE: Duration = Duration::from_millis(990);

/// Connections under way at one time, at most.
const OPEN_MAX: usize = 1_024;

/// Connections looked at a call.
const CALLS: usize = 64;

/// The fixed part of a segment's header.
const SEGMENT_MIN_BYTES: usize = 20;

impl Dials {
    pub(crate) fn new(want: &Want) -> io::Result<Dials> {
        // Half of what is allowed: the program has other uses for descriptors.
        let open_max = (sys::descriptors_max() / 2).clamp(1, OPEN_MAX);
        Ok(Dials {
            want: want.clone(),
            crowd: Crowd::new()?,
            open: BTreeMap::new(),
            next: 0,
            open_max,
        })
    }

    pub(crate) fn fd(&self) -> i32 {
        self.crowd.fd()
    }

    /// Begins a connection for a segment; from the lane's port if that is free.
    fn begin(&mut self, transmit: &Transmit, segment: &[u8], begun: Time) -> io::Result<()> {
        let ports = segment.first_chunk().filter(|_| segment.len() >= SEGMENT_MIN_BYTES);
        let [p0, p1, t0, t1] = *ports.ok_or(io::Error::from_raw_os_error(libc::EINVAL))?;
        let (port, to_port) = (u16::from_be_bytes([p0, p1]), u16::from_be_bytes([t0, t1]));
        let is_busy = self
            .open
            .values()
            .any(|dial| (dial.to, dial.to_port, dial.port) == (transmit.to, to_port, Some(port)));
        let mut kept = (!is_busy).then_some(port);
        let label = transmit.header.flow_label.or(self.want.envelope.flow_label).unwrap_or(0);
        let to = Address::new(transmit.to, to_port, transmit.zone, label & 0x000f_ffff);
        let mut begin = self.connect(transmit, kept, &to);
        if kept.is_some() && begin.as_ref().is_err_and(is_taken) {
            kept = None;
            begin = self.connect(transmit, None, &to);
        }
        let socket = begin?;
        self.crowd.join(socket.fd(), self.next)?;
        let local = || socket.local_address().ok()?.ip();
        let ours = transmit.header.source.or_else(local);
        let dial = Dial {
            to: transmit.to,
            to_port,
            ours: ours.unwrap_or(sys::unspecified(Family::of(transmit.to))),
            port: kept,
            segment: segment.to_vec(),
            ends: begun + PATIENCE,
            socket,
        };
        self.open.insert(self.next, dial);
        self.next += 1;
        Ok(())
    }

    fn connect(&self, transmit: &Transmit, port: Option<u16>, to: &Address) -> io::Result<Socket> {
        let family = Family::of(transmit.to);
        let socket = Socket::tcp(family)?;
        dress(&socket, transmit.header.hop_limit, &self.want)?;
        if transmit.header.flow_label.is_some() {
            socket.send_flow_label()?;
        }
        let source = self.want.envelope.source.filter(|source| Family::of(*source) == family);
        if let Some(port) = port.or(source.map(|_| 0)) {
            let source = source.unwrap_or(sys::unspecified(family));
            socket.bind(&Address::new(source, port, transmit.zone, 0))?;
        }
        match socket.connect(to) {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket),
            done => done.map(|()| socket),
        }
    }
}

/// Which stamps a connection can have: those of sends are defined once it stands.
pub(crate) fn stamps(want: &Want) -> Stamps {
    if want.stamps == Stamps::None { Stamps::None } else { Stamps::Receive }
}

/// Whether another connection has the port.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EADDRINUSE | libc::EADDRNOTAVAIL))
}

/// Sets the options of a connection, which are those of its only segment.
pub(crate) fn dress(socket: &Socket, hop_limit: Option<u8>, want: &Want) -> io::Result<()> {
    let envelope = &want.envelope;
    socket.want_stamps(stamps(want))?;
    socket.want_control(false)?;
    socket.want_errors()?;
    // Older kernels do not tell where extensions begin.
    let _ = socket.want_extensions();
    socket.keep_to_family()?;
    socket.share_port()?;
    socket.forget_on_close()?;
    socket.try_once()?;
    if let Some(hop_limit) = hop_limit.or(envelope.hop_limit) {
        socket.set_unicast_hop_limit(hop_limit)?;
    }
    if envelope.traffic_class != 0 {
        socket.set_traffic_class(envelope.traffic_class)?;
    }
    socket.set_fragmentation(envelope.fragmentation)?;
    if !envelope.options.is_empty() {
        socket.set_ip_options(&envelope.options)?;
    }
    if envelope.flow_label.is_some() {
        socket.send_flow_label()?;
    }
    if let Some(name) = &want.interface {
        socket.bind_to_device(name)?;
    }
    if want.direct_only {
        socket.set_direct_only()?;
    }
    Ok(())
}

impl Network {
    /// Begins the connection that stands for the segment that the engine has just written.
    pub(crate) fn dial<E: Engine>(
        &mut self,
        engine: &mut E,
        known: Option<Time>,
        transmit: &Transmit,
    ) -> Result<(), Fault> {
        self.hang_up(engine, self.clock.now())?;
        let Some(dials) = &mut self.dials else { return Ok(()) };
        if dials.open.len() >= dials.open_max {
            dials.open.pop_first();
            engine.receive_dropped(1);
        }
        let segment = std::mem::take(self.outbox.buffer(self.queue.len()));
        let begun = known.unwrap_or_else(|| self.clock.now());
        let mut done = dials.begin(transmit, &segment, begun);
        let is_full =
            |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
        if done.as_ref().is_err_and(is_full) && dials.open.pop_first().is_some() {
            engine.receive_dropped(1);
            done = dials.begin(transmit, &segment, begun);
        }
        *self.outbox.buffer(self.queue.len()) = segment;
        match done {
            Ok(()) if known.is_none() => {
                engine.sent(transmit.ticket, Stamp { at: begun, by: StampedBy::Program });
            }
            Ok(()) => {}
            Err(error) => self.refuse(engine, transmit, error.raw_os_error().unwrap_or(0)),
        }
        self.habits.note_sent(1);
        Ok(())
    }

    /// Ends the connections that took too long.
    pub(crate) fn hang_up<E: Engine>(&mut self, engine: &mut E, now: Time) -> Result<(), Fault> {
        let Some(dials) = &self.dials else { return Ok(()) };
        if dials.open.first_key_value().is_some_and(|(_, dial)| dial.ends <= now) {
            self.read_dials(engine)?;
        }
        let Some(dials) = &mut self.dials else { return Ok(()) };
        while let Some(oldest) = dials.open.first_entry().filter(|o| o.get().ends <= now) {
            oldest.remove();
        }
        Ok(())
    }

    /// When the next connection has taken too long.
    pub(crate) fn hang_up_at(&self) -> Time {
        let oldest = self.dials.as_ref().and_then(|dials| dials.open.first_key_value());
        oldest.map_or(Time::NEVER, |(_, dial)| dial.ends)
    }

    /// Ends all connections.
    pub(crate) fn hang_up_all(&mut self) {
        if let Some(dials) = &mut self.dials {
            dials.open.clear();
        }
    }

    /// Hands over what came of the connections; of how many.
    pub(crate) fn read_dials<E: Engine>(&mut self, engine: &mut E) -> Result<usize, Fault> {
        if self.dials.is_none() {
            return Ok(0);
        }
        let mut settled = 0;
        let mut calls = [Call::NONE; CALLS];
        loop {
            let Some(dials) = &mut self.dials else { return Ok(settled) };
            let count = dials.crowd.calls(&mut calls).map_err(|e| host("watch connections", e))?;
            for call in &calls[..count] {
                let Some(dials) = &mut self.dials else { break };
                if let Some(dial) = dials.open.remove(&call.number()) {
                    self.settle(engine, &dial, call.is_connected())?;
                }
            }
            settled += count;
            if count < CALLS {
                return Ok(settled);
            }
        }
    }

    /// Hands over what came of one connection.
    fn settle<E: Engine>(
        &mut self,
        engine: &mut E,
        dial: &Dial,
        is_connected: bool,
    ) -> Result<(), Fault> {
        if dial.socket.has_sent_again() || self.read_dial_errors(engine, dial)? {
            return Ok(());
        }
        let refused = libc::ECONNREFUSED.cast_unsigned();
        let is_refused = !is_connected && dial.socket.take_error().is_ok_and(|e| e == refused);
        if !is_connected && !is_refused || self.read_dial_errors(engine, dial)? {
            return Ok(());
        }
        let now = self.clock.observe();
        let received = Stamp { at: now, by: StampedBy::Program };
        let Dial { to, ours, ref segment, .. } = *dial;
        if let Some(answer) = self.quoter.rebuild_tcp(to, ours, segment, is_connected) {
            let control = Control { destination: Some(ours), ..Control::default() };
            receive(engine, now, received, to, protocol::TCP, &control, answer);
        }
        Ok(())
    }

    /// Reads a connection's error queue; whether an ICMP error was there.
    fn read_dial_errors<E: Engine>(&mut self, engine: &mut E, dial: &Dial) -> Result<bool, Fault> {
        let count = match self.inbox.fill(&dial.socket, 1, true) {
            Ok(count) => count,
            Err(error) => return Err(host("read the error queue", error)),
        };
        if count == 0 {
            return Ok(false);
        }
        let now = self.clock.observe();
        let incoming = self.inbox.message(0);
        let control = Control::parse(incoming.control);
        let Some((error, offender)) = control.error.and_then(|e| Some((e, e.offender?))) else {
            return Ok(false);
        };
        let transport = Transport::Tcp(&dial.segment);
        let probe = Probe { to: dial.to, ours: Some(dial.ours), transport };
        let message = self.quoter.rebuild(&error, &probe, incoming.bytes);
        if let (true, Some(message)) = (error.is_icmp(), message) {
            let received = arrival_stamp(&self.clock, &control, now);
            let icmp = icmp::protocol(Family::of(dial.to));
            receive(engine, now, received, offender, icmp, &control, message);
            return Ok(true);
        }
        Ok(false)
    }
}
