//! A simulated network in real time: packets come from TUN devices, cross it, and go to others when
//! their time has come. One thread; nothing sleeps while a packet is under way.

use crate::cell::Cell;
use crate::clock::{Clock, Readings};
use crate::sys::{self, Signals, SystemClocks, Watch};
use crate::tun::{Frame, Rooms, Tun};
use crate::{Fault, rights};
use probe::{Signal, Time};
use std::time::Duration;
use wire::offload::Shape;

/// A network that lives in this process. Time is counted from the start of [`run`].
pub trait Internet {
    /// Looks at packets that have come together, before [`Internet::receive`] takes each of them.
    fn foresee(&mut self, _frames: &[Frame]) {}

    /// Takes a packet that a device's namespace sent. `device` is the device's index. If it is to
    /// leave at once, as it stands there then, the index of the device by which it leaves.
    fn receive(&mut self, now: Time, device: usize, frame: &mut Frame) -> Option<usize>;

    /// Lets everything happen that is due by now.
    fn advance(&mut self, now: Time);

    /// When something is due next.
    fn due(&self) -> Time;

    /// The next packet for a device's namespace, if one has arrived; its bytes replace what was in
    /// `packet`. Returns the device's index, and what the device is told, if it is a fast one.
    fn take(&mut self, packet: &mut Vec<u8>) -> Option<(usize, Shape)>;

    /// Takes a request to say how things stand (SIGQUIT).
    fn show(&mut self, _now: Time) {}

    /// Called before a sleep, and now and then: time to write down what happened.
    fn idle(&mut self, _now: Time) {}
}

/// The wall clock where the time of a network begins that is about to run: nanoseconds since
/// 1970-01-01 UTC.
pub fn wall_clock_ns() -> i128 {
    SystemClocks.wall_ns().into()
}

/// Packets that are read of one device before the others get their turn.
const TURN_PACKETS: usize = 64;

/// Packets that are read at most before the first of them is passed on; the clock is read once.
const BURST_PACKETS: usize = 8;

/// As many bytes end a burst: more would not stay near the processor until they are passed on.
const BURST_BYTES: usize = 1 << 14;

/// Sleeps end about so much late, where a processor has slept meanwhile: so much earlier they are
/// to end, and the rest is spent looking at the devices again and again.
const WAKING: Duration = Duration::from_micros(40);

/// While there is no time for a sleep, what happened is written down this often.
const IDLE_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a network between devices until somebody interrupts it.
///
/// # Errors
/// If a device fails.
pub fn run(tuns: &[Tun], internet: &mut impl Internet) -> Result<(), Fault> {
    let is_over =
        |signal| Ok(matches!(signal, Some(Signal::Interrupt | Signal::Terminate)).then_some(()));
    turn_after_turn(tuns, &[], internet, is_over)
}

/// Runs a network around a command until the command has ended; how it ended.
///
/// # Errors
/// If the device fails.
pub fn run_around(cell: &mut Cell, tun: Tun, internet: &mut impl Internet) -> Result<i32, Fault> {
    let watches = [Watch::readable(cell.ended_fd())];
    turn_after_turn(&[tun], &watches, internet, |signal| {
        // What comes from a terminal the command hears itself.
        if signal == Some(Signal::Terminate) {
            cell.ask_to_end();
        }
        cell.ended().map_err(|error| rights::host("wait for the command", error))
    })
}

/// The loop. `is_over` is asked after each signal and when one of `watches` can be read.
fn turn_after_turn<R>(
    tuns: &[Tun],
    watches: &[Watch],
    internet: &mut impl Internet,
    mut is_over: impl FnMut(Option<Signal>) -> Result<Option<R>, Fault>,
) -> Result<R, Fault> {
    let clock = Clock::start(SystemClocks);
    let signals = Signals::install().map_err(|error| rights::host("listen for signals", error))?;
    let devices = tuns.iter().map(|tun| Watch::readable(tun.device().fd()));
    let mut watches: Vec<Watch> = devices.chain(watches.iter().copied()).collect();
    watches.push(Watch::readable(Signals::bell_fd()));
    let bell = watches.len() - 1;
    sys::sharpen_timers();
    let mut burst = Burst::new();
    let mut outgoing = Vec::new();
    let mut has_packets = vec![true; tuns.len()];
    let mut next_idle = Time::ZERO;
    loop {
        for (device, has_packets) in has_packets.iter_mut().enumerate().filter(|(_, has)| **has) {
            *has_packets = drain(tuns, device, &clock, &mut burst, internet)?;
        }
        let now = clock.now();
        internet.advance(now);
        while let Some((device, shape)) = internet.take(&mut outgoing) {
            // What a namespace refuses is its loss.
            let _ = tuns[device].send(&outgoing, shape);
            burst.rooms.put_back(std::mem::take(&mut outgoing));
        }
        let signal = signals.take();
        if signal == Some(Signal::Status) {
            internet.show(now);
        }
        let mut may_be_over = signal.is_some();
        let due = internet.due();
        let wait = due.since(clock.now()).saturating_sub(WAKING);
        if wait.is_zero() {
            has_packets.fill(true);
        }
        if !has_packets.contains(&true) {
            internet.idle(now);
            let timeout = (due != Time::NEVER).then_some(wait);
            let timeout = if signal.is_some() { Some(Duration::ZERO) } else { timeout };
            sys::sleep(&mut watches, timeout).map_err(|error| rights::host("wait", error))?;
            for (has_packets, watch) in has_packets.iter_mut().zip(&watches) {
                *has_packets = watch.has_news();
            }
            may_be_over |= watches[tuns.len()..].iter().any(Watch::is_readable);
            if watches[bell].is_readable() {
                Signals::hush();
            }
        } else if now >= next_idle {
            internet.idle(now);
            next_idle = now + IDLE_INTERVAL;
        }
        if may_be_over && let Some(result) = is_over(signal)? {
            return Ok(result);
        }
    }
}

/// Packets that are read one after the other.
struct Burst {
    frames: Vec<Frame>,
    rooms: Rooms,
}

impl Burst {
    fn new() -> Burst {
        let frames = (0..BURST_PACKETS).map(|_| Frame::new()).collect();
        Burst { frames, rooms: Rooms::default() }
    }

    /// Reads what a device has; whether there may be more.
    fn receive(&mut self, from: &Tun) -> Result<(&mut [Frame], bool), Fault> {
        let (mut count, mut bytes) = (0, 0);
        while count < BURST_PACKETS && bytes < BURST_BYTES {
            let frame = &mut self.frames[count];
            let received = frame.receive(from, &mut self.rooms);
            if !received.map_err(|error| rights::host("read from the TUN device", error))? {
                return Ok((&mut self.frames[..count], false));
            }
            bytes += frame.bytes().len();
            count += 1;
        }
        Ok((&mut self.frames[..count], true))
    }
}

/// Takes a turn's packets of a device; whether there may be more.
fn drain(
    tuns: &[Tun],
    device: usize,
    clock: &Clock<SystemClocks>,
    burst: &mut Burst,
    internet: &mut impl Internet,
) -> Result<bool, Fault> {
    let mut count = 0;
    while count < TURN_PACKETS {
        let now = clock.now();
        let (frames, has_more) = burst.receive(&tuns[device])?;
        internet.foresee(frames);
        count += frames.len();
        for frame in frames {
            if let Some(out) = internet.receive(now, device, frame) {
                // As above.
                let _ = frame.send(&tuns[out]);
            }
        }
        if !has_more {
            return Ok(false);
        }
    }
    Ok(true)
}
