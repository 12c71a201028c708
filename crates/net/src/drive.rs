//! The loop: an engine over sockets and a clock. Sends what the engine has ready, reads what is
//! there, sleeps until the next of either; never spins.

use crate::clock::Clock;
use crate::control::{Control, ExtendedError};
use crate::quote::{self, Quoter, Transport};
use crate::rights::{Channel, host};
use crate::sys::{self, Address, Incoming, Signals, SystemClocks, Watch, Wrapper};
use crate::{Batch, Fault, Network, Stamps};
use probe::{
    Arrival, Engine, Observer, Output, Own, SendFault, SendFaultReason, Stamp, StampedBy, Time,
    Transmit,
};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp;
use wire::ip::Datagram;

/// A datagram that waits in the outbox, at the same index.
pub(crate) struct Queued {
    transmit: Transmit,
    channel: usize,
    /// The poll's time, if that is the send's: the engine was told it, and nothing came between.
    begun: Option<Time>,
}

/// What the loop knows from its last rounds.
pub(crate) struct Habits {
    /// Whether answers are there as soon as probes are sent, so that asking beats sleeping.
    is_eager: bool,
    /// When the first of what was last read had arrived.
    arrived_at: Time,
    /// Sends since the last sleep.
    sent: usize,
    /// Sends since the last look at what arrived.
    unread: usize,
    idle_at: Time,
    /// When the sockets were last looked at, and whether that was since the last poll.
    looked_at: Time,
    has_looked: bool,
    /// The last reading of the clock, if it will do for the next poll (reading it is a good part of
    /// what a probe in a flood costs), and whether it will do for a send, too.
    reading: Option<(Time, bool)>,
}

impl Habits {
    /// Nothing known: the first probe's answer is asked for at once.
    pub(crate) fn new() -> Habits {
        let never = Time::NEVER;
        Habits {
            is_eager: true,
            arrived_at: never,
            sent: 0,
            unread: 0,
            idle_at: Time::ZERO,
            looked_at: Time::ZERO,
            has_looked: false,
            reading: None,
        }
    }

    /// Notes sends whose answers have not been looked for.
    pub(crate) fn note_sent(&mut self, count: usize) {
        self.sent += count;
        self.unread += count;
    }
}

/// What a look at the error queue found.
#[derive(Default)]
struct Found {
    entries: usize,
    errors: usize,
    local: Option<ExtendedError>,
}

/// After so many sends without a sleep, stamps and answers are looked for.
const SENDS_UNREAD_MAX: usize = 64;
/// An engine that never waits is interrupted so often for the observer.
const IDLE_INTERVAL: Duration = Duration::from_millis(100);
/// What arrived so soon after a sleep began would have been found by asking.
const SLEEPLESS: Duration = Duration::from_micros(5);
/// What is judged overdue is judged by a look at the sockets that is no older.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// How long a full send queue is waited for.
const QUEUE_PATIENCE: Duration = Duration::from_secs(1);
/// How many times a socket is read before others get their turn.
const ROUNDS: usize = 4;
/// How many pending errors may eat one send.
const EATEN_MAX: usize = 8;

impl Network {
    /// See [`Network::drive`].
    pub(crate) fn run<E: Engine, O: Observer<E>>(
        &mut self,
        engine: &mut E,
        observer: &mut O,
    ) -> Result<(), Fault> {
        let signals = Signals::install().map_err(|error| host("listen for signals", error))?;
        sys::sharpen_timers();
        self.watches = self.channels.iter().map(|c| Watch::readable(c.socket.fd())).collect();
        self.watches.push(Watch::readable(Signals::bell_fd()));
        self.watches.push(Watch::readable(self.waker.fd()));
        self.watches.extend(self.dials.as_ref().map(|dials| Watch::readable(dials.fd())));
        while let Some(until) = self.poll(engine, observer, &signals)? {
            if self.habits.sent > 0 && self.habits.is_eager {
                self.habits.is_eager = self.read_all(engine)? > 0;
                if self.habits.is_eager {
                    self.habits.sent = 0;
                    continue;
                }
            }
            let now = self.clock.now();
            if until <= now {
                continue;
            }
            observer.idle(engine, now);
            self.habits.idle_at = now;
            self.sleep(engine, until.min(self.hang_up_at()))?;
            if self.dials.is_some() {
                self.hang_up(engine, self.clock.now())?;
            }
        }
        self.hang_up_all();
        for index in 0..self.channels.len() {
            self.ask_dropped(engine, index);
        }
        Ok(())
    }

    /// Polls the engine until it waits, and does what it asks for meanwhile. `None`: it is done.
    fn poll<E: Engine, O: Observer<E>>(
        &mut self,
        engine: &mut E,
        observer: &mut O,
        signals: &Signals,
    ) -> Result<Option<Time>, Fault> {
        loop {
            let (now, is_exact) =
                self.habits.reading.take().unwrap_or_else(|| (self.clock.now(), true));
            while let Some(signal) = signals.take() {
                observer.signal(engine, now, signal);
            }
            if self.waker.take() {
                observer.woken(engine, now);
            }
            if std::mem::take(&mut self.habits.has_looked) {
                self.habits.looked_at = now;
            } else if now.since(self.habits.looked_at) > LOOK_INTERVAL {
                self.look(engine)?;
                continue;
            }
            match engine.poll(now, self.outbox.buffer(self.queue.len())) {
                Output::Send(transmit) => {
                    self.queue_up(engine, now, is_exact, transmit)?;
                    if self.queue.len() == self.outbox.capacity() {
                        self.flush(engine)?;
                    }
                    if self.habits.unread >= SENDS_UNREAD_MAX {
                        self.read_all(engine)?;
                        if now.since(self.habits.idle_at) >= IDLE_INTERVAL {
                            self.habits.idle_at = now;
                            observer.idle(engine, now);
                        }
                    }
                }
                Output::Report(report) => observer.report(engine, report),
                Output::Wait { until, why } => {
                    if self.flush(engine)? || self.read_stamps(engine)? {
                        continue;
                    }
                    debug_assert!(until > now, "at {now} the engine waits until {until} for {why}");
                    return Ok(Some(until));
                }
                Output::Done => {
                    if !self.flush(engine)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn queue_up<E: Engine>(
        &mut self,
        engine: &mut E,
        now: Time,
        is_exact: bool,
        transmit: Transmit,
    ) -> Result<(), Fault> {
        let Some(channel) = self.channel_of(Family::of(transmit.to), transmit.lane) else {
            if self.dials.is_some() {
                return self.dial(engine, is_exact.then_some(now), &transmit);
            }
            let reason = SendFaultReason::NoRoute;
            let fault = SendFault { reason, os_error: libc::EAFNOSUPPORT };
            engine.send_failed(now, transmit.ticket, fault);
            return Ok(());
        };
        let to = if self.channels[channel].is_plain() && transmit.header == Own::default() {
            Address::new(transmit.to, 0, transmit.zone, self.flow_label)
        } else {
            let Some(to) = self.wrap(engine, channel, &transmit)? else { return Ok(()) };
            to
        };
        self.outbox.address(self.queue.len(), to);
        if let Some(wrapper) = &self.channels[channel].wrapper
            && !self.channels[channel].has_header
        {
            wrapper.wrap(self.outbox.buffer(self.queue.len()), transmit.to);
        }
        let begun = (is_exact && self.outbox.capacity() == 1).then_some(now);
        self.queue.push(Queued { transmit, channel, begun });
        Ok(())
    }

    /// The socket of a family and lane. A family's sockets stand together: one for all lanes, or
    /// one each.
    fn channel_of(&self, family: Family, lane: u16) -> Option<usize> {
        let first = self.channels.iter().position(|channel| channel.family == family)?;
        if self.channels[first].is_raw {
            return Some(first);
        }
        let index = first + usize::from(lane);
        self.channels.get(index).is_some_and(|channel| channel.family == family).then_some(index)
    }

    /// Sends what is queued; whether there was anything.
    pub(crate) fn flush<E: Engine>(&mut self, engine: &mut E) -> Result<bool, Fault> {
        let end = self.queue.len();
        let mut first = 0;
        let mut eaten = 0;
        while first < end {
            let error = match self.send_run(engine, first)? {
                Ok(count) => {
                    first += count;
                    eaten = 0;
                    continue;
                }
                Err(error) => error,
            };
            let failed = &mut self.queue[first];
            failed.begun = None;
            if self.stamps == Stamps::Both {
                self.channels[failed.channel].keys.mark_stale();
            }
            if eaten < EATEN_MAX && self.survives(engine, first, &error, eaten)? {
                eaten += 1;
            } else {
                self.fail(engine, first, &error);
                first += 1;
                eaten = 0;
            }
        }
        self.queue.clear();
        self.outbox.forget_controls();
        Ok(end > 0)
    }

    /// Hands a run of queued datagrams that go by the same socket to the kernel; how many it took.
    fn send_run<E: Engine>(
        &mut self,
        engine: &mut E,
        first: usize,
    ) -> Result<io::Result<usize>, Fault> {
        let index = self.queue[first].channel;
        let run = self.queue[first..].iter().take_while(|queued| queued.channel == index).count();
        if self.channels[index].keys.is_stale() {
            if self.channels[index].keys.is_waiting() {
                self.read_errors(engine, index)?;
            }
            self.channels[index]
                .socket
                .restart_stamp_keys()
                .map_err(|error| host("ask for kernel stamps", error))?;
            self.channels[index].keys.restart();
            self.queue[first].begun = None;
        }
        let known = self.queue[first].begun;
        let begun = known.unwrap_or_else(|| self.clock.now());
        let channel = &mut self.channels[index];
        let sent = match self.outbox.send(&channel.socket, first, first + run) {
            Ok(sent) => sent,
            Err(error) => return Ok(Err(error)),
        };
        for queued in &self.queue[first..first + sent] {
            let ticket = queued.transmit.ticket;
            if self.stamps == Stamps::Both {
                channel.keys.sent(ticket, begun);
                channel.stamps_due += 1;
            }
            if known.is_none() {
                engine.sent(ticket, Stamp { at: begun, by: StampedBy::Program });
            }
        }
        self.habits.reading = Some((begun, false));
        self.note_sent(index, sent);
        Ok(Ok(sent))
    }

    /// Notes sends where their answers will be.
    pub(crate) fn note_sent(&mut self, index: usize, sent: usize) {
        self.habits.note_sent(sent);
        let channel = &mut self.channels[index];
        if !channel.hears_elsewhere() {
            channel.unread += sent;
            return;
        }
        let family = channel.family;
        for channel in self.channels.iter_mut().filter(|c| c.family == family && c.is_plain()) {
            channel.unread += sent;
        }
    }

    /// Whether a failed send is worth another try, once what stood in its way is gone.
    fn survives<E: Engine>(
        &mut self,
        engine: &mut E,
        queued: usize,
        error: &io::Error,
        tries: usize,
    ) -> Result<bool, Fault> {
        let index = self.queue[queued].channel;
        match error.kind() {
            io::ErrorKind::Interrupted => return Ok(true),
            io::ErrorKind::WouldBlock => return self.wait_for_room(engine, index),
            _ => {}
        }
        let Transmit { to, header, .. } = self.queue[queued].transmit;
        let label = header.flow_label.unwrap_or(self.flow_label);
        if error.raw_os_error() == Some(libc::EINVAL) && label != 0 && tries == 0 {
            // Where somebody holds a label for himself alone, the kernel wants all of them leased.
            return Ok(self.channels[index].socket.lease_flow_label(to, label).is_ok());
        }
        if error.raw_os_error() == Some(libc::EMSGSIZE)
            && !self.channels[index].has_header
            && let Some(wrapper) = self.channels[index].wrapper.take()
        {
            // The kernel fragments only what it has written the header of.
            for (at, queued) in self.queue.iter().enumerate().skip(queued) {
                if queued.channel == index {
                    Wrapper::unwrap(self.outbox.buffer(at));
                }
            }
            return Ok(wrapper.retire(&self.channels[index].socket).is_ok());
        }
        if self.channels[index].is_raw {
            return Ok(false);
        }
        // An ICMP error that has come in meanwhile is reported by the next call, whatever that is.
        let found = self.read_errors(engine, index)?;
        self.local_error = found.local;
        Ok(found.local.is_none() && (found.errors > 0 || tries == 0))
    }

    /// Waits until a socket takes more; whether it does.
    fn wait_for_room<E: Engine>(&mut self, engine: &mut E, index: usize) -> Result<bool, Fault> {
        let limit = self.clock.now() + QUEUE_PATIENCE;
        self.watches[index].set_writable(true);
        let mut has_room = false;
        while !has_room {
            let left = limit.since(self.clock.now());
            if left.is_zero() {
                break;
            }
            sys::sleep(&mut self.watches, Some(left)).map_err(|error| host("wait", error))?;
            has_room = self.watches[index].is_writable();
            self.read_ready(engine)?;
            if self.watches[self.channels.len()].is_readable() {
                // The user signals: that comes before any datagram.
                break;
            }
        }
        self.watches[index].set_writable(false);
        Ok(has_room)
    }

    fn fail<E: Engine>(&mut self, engine: &mut E, queued: usize, error: &io::Error) {
        let transmit = self.queue[queued].transmit;
        self.refuse(engine, &transmit, error.raw_os_error().unwrap_or(0));
    }

    /// Tells the engine that a datagram did not leave.
    pub(crate) fn refuse<E: Engine>(&mut self, engine: &mut E, transmit: &Transmit, os_error: i32) {
        let reason = match os_error {
            libc::EMSGSIZE => {
                let told = self.local_error.take().map(|local| local.info);
                let asked =
                    || crate::path_mtu(transmit.to, transmit.zone, self.interface.as_deref());
                SendFaultReason::TooBig { mtu_bytes: told.or_else(asked) }
            }
            libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EHOSTDOWN => {
                SendFaultReason::NoRoute
            }
            libc::EPERM | libc::EACCES => SendFaultReason::Prohibited,
            libc::ENOBUFS | libc::ENOMEM | libc::EAGAIN => SendFaultReason::NoBuffers,
            _ => SendFaultReason::Other,
        };
        self.local_error = None;
        let now = self.clock.now();
        self.habits.reading = Some((now, true));
        engine.send_failed(now, transmit.ticket, SendFault { reason, os_error });
    }

    /// Asks once for the stamps of what was sent; whether anything came.
    fn read_stamps<E: Engine>(&mut self, engine: &mut E) -> Result<bool, Fault> {
        let mut got = false;
        for index in 0..self.channels.len() {
            if self.channels[index].stamps_due > 0 {
                got |= self.read_errors(engine, index)?.entries > 0;
            }
        }
        Ok(got)
    }

    /// Looks at the sockets before the engine is asked what is overdue: after a while without a
    /// look (somebody else had the processor) an answer may be there in time and only not be read.
    fn look<E: Engine>(&mut self, engine: &mut E) -> Result<(), Fault> {
        let no_time = Some(Duration::ZERO);
        sys::sleep(&mut self.watches, no_time).map_err(|error| host("look for answers", error))?;
        self.habits.has_looked = true;
        self.read_ready(engine)
    }

    /// Reads what has arrived where something was sent, stamps first; how many datagrams.
    fn read_all<E: Engine>(&mut self, engine: &mut E) -> Result<usize, Fault> {
        self.read_stamps(engine)?;
        self.habits.unread = 0;
        self.habits.has_looked = true;
        let mut count = self.read_dials(engine)?;
        for index in 0..self.channels.len() {
            let unread = std::mem::take(&mut self.channels[index].unread);
            self.channels[index].is_bursty |= unread > 1;
            if unread > 0 {
                count += self.read_arrivals(engine, index)?;
            }
        }
        Ok(count)
    }

    /// Sleeps until something arrives or the time has come, and reads what arrived.
    fn sleep<E: Engine>(&mut self, engine: &mut E, until: Time) -> Result<(), Fault> {
        let before = self.clock.now();
        let timeout = (until != Time::NEVER).then(|| until.since(before));
        sys::sleep(&mut self.watches, timeout).map_err(|error| host("wait", error))?;
        let sent = std::mem::take(&mut self.habits.sent);
        self.habits.has_looked = true;
        self.habits.arrived_at = Time::NEVER;
        self.read_ready(engine)?;
        if self.habits.arrived_at <= before + SLEEPLESS {
            self.habits.is_eager = sent > 0;
            for index in 0..self.channels.len() {
                // It was read before this sleep, and yet there was more.
                self.channels[index].is_bursty |= sent == 0 && self.watches[index].is_readable();
            }
        }
        Ok(())
    }

    /// Reads the sockets that the last sleep found ready: stamps and errors, then arrivals.
    fn read_ready<E: Engine>(&mut self, engine: &mut E) -> Result<(), Fault> {
        self.habits.unread = 0;
        let bells = self.channels.len();
        if self.watches[bells].is_readable() {
            Signals::hush();
        }
        if self.watches[bells + 1].is_readable() {
            self.waker.hush();
        }
        if self.watches.get(bells + 2).is_some_and(Watch::is_readable) {
            self.read_dials(engine)?;
        }
        for index in 0..bells {
            if self.watches[index].has_error() && self.read_errors(engine, index)?.entries == 0 {
                // An error without an entry would wake every sleep at once.
                let _ = self.channels[index].socket.take_error();
            }
        }
        for index in 0..bells {
            if self.watches[index].is_readable() {
                self.read_arrivals(engine, index)?;
            }
        }
        Ok(())
    }

    fn read_arrivals<E: Engine>(&mut self, engine: &mut E, index: usize) -> Result<usize, Fault> {
        let channel = &mut self.channels[index];
        channel.unread = 0;
        let many = channel.is_bursty || self.batch == Batch::Many;
        let limit = if many { self.inbox.capacity() } else { 1 };
        self.inbox.want_names(!sys::delivers_header(channel.family, channel.is_raw));
        let mut total = 0;
        for _ in 0..ROUNDS {
            let count = match self.inbox.fill(&channel.socket, limit, false) {
                Ok(count) => count,
                // A pending error, reported by whatever call comes next; its entry is still there.
                Err(error) if !is_fatal(&error) => 0,
                Err(error) => return Err(host("receive", error)),
            };
            if count == 0 {
                break;
            }
            let now = self.clock.observe();
            self.habits.reading = Some((now, true));
            for message in 0..count {
                let incoming = self.inbox.message(message);
                let quoter = &mut self.quoter;
                let stamp = deliver(engine, channel, quoter, &self.clock, now, &incoming);
                self.habits.arrived_at = self.habits.arrived_at.min(stamp.at);
            }
            total += count;
            if count < limit || !many {
                break;
            }
        }
        channel.is_bursty = many && total > 1;
        // A socket that is read one by one was not full.
        channel.streak = if many { channel.streak + total } else { 0 };
        if channel.streak >= channel.brim {
            self.ask_dropped(engine, index);
        }
        if total < limit {
            self.channels[index].streak = 0;
        }
        Ok(total)
    }

    /// Asks a socket that may have run full how much it threw away: datagrams tell only what was
    /// lost before them.
    fn ask_dropped<E: Engine>(&mut self, engine: &mut E, index: usize) {
        let channel = &mut self.channels[index];
        channel.streak = 0;
        if let Ok(dropped) = channel.socket.dropped() {
            note_dropped(engine, channel, dropped);
        }
    }

    /// Reads a socket's error queue to its end, or as far as stamps are due.
    fn read_errors<E: Engine>(&mut self, engine: &mut E, index: usize) -> Result<Found, Fault> {
        let channel = &mut self.channels[index];
        let due = std::mem::take(&mut channel.stamps_due);
        // Where errors come by this queue, too, more may be there.
        let limit = if due == 1 && channel.is_raw { 1 } else { self.inbox.capacity() };
        self.inbox.want_names(!sys::delivers_header(channel.family, channel.is_raw));
        let mut found = Found::default();
        // A receive buffer's worth of entries at most; then others get their turn.
        for _ in 0..SENDS_UNREAD_MAX {
            let count = match self.inbox.fill(&channel.socket, limit, true) {
                Ok(count) => count,
                Err(error) if !is_fatal(&error) => 0,
                Err(error) => return Err(host("read the error queue", error)),
            };
            let now = if count > 0 { self.clock.observe() } else { break };
            self.habits.reading = Some((now, true));
            for message in 0..count {
                let incoming = self.inbox.message(message);
                let control = Control::parse(incoming.control);
                let Some(error) = control.error else { continue };
                match error.origin {
                    libc::SO_EE_ORIGIN_TIMESTAMPING => {
                        note_stamp(engine, channel, &self.clock, now, &control, error.data);
                    }
                    libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6 => {
                        found.errors += 1;
                        let stamp = arrival_stamp(&self.clock, &control, now);
                        let quoter = &mut self.quoter;
                        deliver_error(engine, channel, quoter, now, stamp, &incoming, &control);
                    }
                    libc::SO_EE_ORIGIN_LOCAL => found.local = Some(error),
                    _ => {}
                }
            }
            found.entries += count;
            if count < limit || due == 1 {
                break;
            }
        }
        Ok(found)
    }
}

/// Errors that no pending ICMP error can be.
fn is_fatal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EBADF | libc::EFAULT | libc::EINVAL | libc::ENOTSOCK | libc::EOPNOTSUPP)
    )
}

pub(crate) fn arrival_stamp(
    clock: &Clock<SystemClocks>,
    control: &Control<'_>,
    now: Time,
) -> Stamp {
    match control.stamp_ns.and_then(|stamp_ns| clock.kernel(stamp_ns, now)) {
        Some(at) => Stamp { at, by: StampedBy::Kernel },
        None => Stamp { at: now, by: StampedBy::Program },
    }
}

/// Hands a received datagram to the engine; when it arrived.
fn deliver<E: Engine>(
    engine: &mut E,
    channel: &mut Channel,
    quoter: &mut Quoter,
    clock: &Clock<SystemClocks>,
    now: Time,
    incoming: &Incoming<'_>,
) -> Stamp {
    let control = Control::parse(incoming.control);
    if let Some(dropped) = control.dropped {
        note_dropped(engine, channel, dropped);
    }
    let received = arrival_stamp(clock, &control, now);
    if sys::delivers_header(channel.family, channel.is_raw) {
        // The kernel has checked the header.
        let Ok(datagram) = Datagram::parse_quoted(incoming.bytes) else { return received };
        let arrival = Arrival {
            received,
            source: datagram.source,
            destination: Some(datagram.destination),
            hop_limit: Some(datagram.hop_limit),
            traffic_class: Some(datagram.traffic_class),
            options: datagram.options,
            protocol: datagram.protocol,
            payload: datagram.payload,
        };
        engine.receive(now, &arrival);
    } else if let Some(source) = incoming.name {
        let message = match channel.port {
            None => Some(incoming.bytes),
            Some(port) => quoter.rebuild_udp(
                (source, incoming.port),
                (control.destination, port),
                incoming.bytes,
            ),
        };
        if let Some(message) = message {
            receive(engine, now, received, source, channel.protocol, &control, message);
        }
    }
    received
}

/// Hands an entry of the error queue to the engine, as the ICMP error that it was.
fn deliver_error<E: Engine>(
    engine: &mut E,
    channel: &Channel,
    quoter: &mut Quoter,
    now: Time,
    received: Stamp,
    incoming: &Incoming<'_>,
    control: &Control<'_>,
) {
    let (Some(error), Some(to)) = (control.error, incoming.name) else { return };
    let Some(offender) = error.offender else { return };
    let protocol = icmp::protocol(Family::of(to));
    let transport = match channel.port {
        None => Transport::Icmp,
        Some(port) => Transport::Udp {
            port,
            to_port: incoming.port,
            payload_max_bytes: channel.payload_max_bytes,
        },
    };
    let probe = quote::Probe { to, ours: control.destination, transport };
    if let Some(message) = quoter.rebuild(&error, &probe, incoming.bytes) {
        receive(engine, now, received, offender, protocol, control, message);
    }
}

pub(crate) fn receive<E: Engine>(
    engine: &mut E,
    now: Time,
    received: Stamp,
    source: IpAddr,
    protocol: u8,
    control: &Control<'_>,
    payload: &[u8],
) {
    let arrival = Arrival {
        received,
        source,
        destination: control.destination,
        hop_limit: control.hop_limit,
        traffic_class: control.traffic_class,
        options: control.options,
        protocol,
        payload,
    };
    engine.receive(now, &arrival);
}

fn note_stamp<E: Engine>(
    engine: &mut E,
    channel: &mut Channel,
    clock: &Clock<SystemClocks>,
    now: Time,
    control: &Control<'_>,
    key: u32,
) {
    let Some(at) = control.stamp_ns.and_then(|stamp_ns| clock.kernel(stamp_ns, now)) else {
        return;
    };
    if let Some(ticket) = channel.keys.take(key, at + clock.noise()) {
        engine.sent(ticket, Stamp { at, by: StampedBy::Kernel });
    }
}

fn note_dropped<E: Engine>(engine: &mut E, channel: &mut Channel, dropped: u32) {
    // Datagrams that waited tell an older count than a question asked meanwhile.
    let more = dropped.wrapping_sub(channel.dropped);
    if more != 0 && more < u32::MAX / 2 {
        channel.dropped = dropped;
        engine.receive_dropped(more);
    }
}
