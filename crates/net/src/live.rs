//! A simulated network in real time: packets come from TUN devices, cross it, and go to others when
//! their time has come. One thread; nothing sleeps while a packet is under way.

use crate::cell::Cell;
use crate::clock::Clock;
use crate::sys::{self, Signals, SystemClocks, Watch};
use crate::tun::Tun;
use crate::{Fault, rights};
use probe::{Signal, Time};

/// A network that lives in this process. Time is counted from the start of [`run`].
pub trait Internet {
    /// Takes a packet that a device's namespace sent. `device` is the device's index.
    fn receive(&mut self, now: Time, device: usize, packet: &[u8]);

    /// Lets everything happen that is due by now.
    fn advance(&mut self, now: Time);

    /// When something is due next.
    fn due(&self) -> Time;

    /// The next packet for a device's namespace, if one has arrived; its bytes replace what was in
    /// `packet`. Returns the device's index.
    fn take(&mut self, packet: &mut Vec<u8>) -> Option<usize>;

    /// Takes a request to say how things stand (SIGQUIT).
    fn show(&mut self, _now: Time) {}

    /// Called before a sleep: time to write down what happened.
    fn idle(&mut self, _now: Time) {}
}

/// Packets that are read of one device before the others get their turn.
const TURN_PACKETS: usize = 64;

/// The largest packet.
const PACKET_MAX_BYTES: usize = 65_535;

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

/// The loop. `is_over` is asked after each sleep and each signal; `watches` end a sleep early.
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
    sys::sharpen_timers();
    let mut packet = vec![0; PACKET_MAX_BYTES];
    let mut outgoing = Vec::new();
    loop {
        let mut is_busy = false;
        for (device, tun) in tuns.iter().enumerate() {
            for _ in 0..TURN_PACKETS {
                let received = tun.device().receive(&mut packet);
                let received =
                    received.map_err(|error| rights::host("read from the TUN device", error))?;
                let Some(length) = received else { break };
                internet.receive(clock.now(), device, &packet[..length]);
                is_busy = true;
            }
        }
        internet.advance(clock.now());
        while let Some(device) = internet.take(&mut outgoing) {
            match tuns[device].device().send(&outgoing) {
                // What a namespace refuses is its loss.
                Ok(()) | Err(_) => is_busy = true,
            }
        }
        let signal = signals.take();
        if signal == Some(Signal::Status) {
            internet.show(clock.now());
        }
        let wait = internet.due().since(clock.now());
        let is_due = internet.due() != Time::NEVER && wait.is_zero();
        let sleeps = !is_busy && !is_due && signal.is_none();
        if sleeps {
            internet.idle(clock.now());
            let timeout = (internet.due() != Time::NEVER).then_some(wait);
            sys::sleep(&mut watches, timeout).map_err(|error| rights::host("wait", error))?;
            Signals::hush();
        }
        if (sleeps || signal.is_some())
            && let Some(result) = is_over(signal)?
        {
            return Ok(result);
        }
    }
}
