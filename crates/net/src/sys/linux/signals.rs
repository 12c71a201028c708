//! The user's signals, noted by a handler and taken in turn.

use super::process::{Bell, read_clock, ring};
use libc::c_int;
use probe::Signal;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// While one of these lives, SIGINT, SIGTERM, SIGHUP and SIGQUIT are noted instead of ending the
/// process; a second one that comes half a second or more after the first ends it nevertheless
/// (but SIGQUIT never does). Dropping restores what was before.
pub struct Signals {
    before: Vec<(c_int, libc::sigaction)>,
}

/// Signals that were noted and not yet taken, a bit each.
static PENDING: AtomicU32 = AtomicU32::new(0);
/// How many [`Signals`] live.
static INSTALLED: AtomicU32 = AtomicU32::new(0);
/// The milliseconds, plus one, at which the first signal to end came; 0 for never.
static FIRST_AT_MS: AtomicU64 = AtomicU64::new(0);
/// The last of SIGTERM and SIGHUP that came.
static ASKED_BY: AtomicI32 = AtomicI32::new(libc::SIGTERM);
/// The descriptor that [`on_signal`] rings.
static BELL_FD: AtomicI32 = AtomicI32::new(-1);
static BELL: OnceLock<Bell> = OnceLock::new();

/// `timeout -s INT` sends its signal twice, to the process and to its group.
const SECOND_AFTER_MS: u64 = 500;

impl Signals {
    /// Starts to note signals. SIGHUP stays ignored if it was, so that `nohup` works.
    ///
    /// # Errors
    /// If the system has no descriptor left.
    pub fn install() -> io::Result<Signals> {
        if BELL.get().is_none() {
            let bell = Bell::new()?;
            let _ = BELL.set(bell);
        }
        let bell = BELL.get().expect("it was just set");
        BELL_FD.store(bell.fd(), Ordering::SeqCst);
        FIRST_AT_MS.store(0, Ordering::SeqCst);
        if INSTALLED.fetch_add(1, Ordering::SeqCst) == 0 {
            PENDING.store(0, Ordering::SeqCst);
        }
        let mut signals = Signals { before: Vec::with_capacity(4) };
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            let before = exchange(signal, None)?;
            if signal == libc::SIGHUP && before.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            signals.before.push((signal, before));
            exchange(signal, Some(&noting()))?;
        }
        Ok(signals)
    }

    /// The next signal that was noted, if any.
    pub fn take(&self) -> Option<Signal> {
        if PENDING.load(Ordering::Relaxed) == 0 {
            return None;
        }
        [Signal::Interrupt, Signal::Terminate, Signal::Status].into_iter().find(|signal| {
            let bit = bit(*signal);
            PENDING.fetch_and(!bit, Ordering::SeqCst) & bit != 0
        })
    }

    /// The signal behind the last [`Signal::Terminate`].
    pub(crate) fn asked_by() -> c_int {
        ASKED_BY.load(Ordering::SeqCst)
    }

    /// The descriptor that becomes readable when a signal is noted; -1 before the first one lived.
    pub(crate) fn bell_fd() -> c_int {
        BELL_FD.load(Ordering::Relaxed)
    }

    /// Makes the descriptor unreadable.
    pub(crate) fn hush() {
        if let Some(bell) = BELL.get() {
            bell.hush();
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // Restoring what the kernel gave cannot fail.
            let _ = exchange(*signal, Some(before));
        }
        INSTALLED.fetch_sub(1, Ordering::SeqCst);
    }
}

fn bit(signal: Signal) -> u32 {
    match signal {
        Signal::Interrupt => 1,
        Signal::Terminate => 2,
        Signal::Status => 4,
    }
}

/// Sets what a signal does, if told to; returns what it did.
fn exchange(signal: c_int, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    // SAFETY: all-zero bytes are a valid value of this structure.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both pointers are null or to whole structures; the handler that we set does only what
    // a handler may.
    super::check(unsafe { libc::sigaction(signal, new, &mut old) })?;
    Ok(old)
}

fn noting() -> libc::sigaction {
    // SAFETY: all-zero bytes are a valid value of this structure: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_signal as extern "C" fn(c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    action
}

/// Does only what is safe here: atomics, clock_gettime, write, signal, raise; errno is kept.
extern "C" fn on_signal(signal: c_int) {
    // SAFETY: errno is this thread's own.
    let errno = unsafe { *libc::__errno_location() };
    let noted = match signal {
        libc::SIGINT => Signal::Interrupt,
        libc::SIGQUIT => Signal::Status,
        _ => {
            ASKED_BY.store(signal, Ordering::SeqCst);
            Signal::Terminate
        }
    };
    PENDING.fetch_or(bit(noted), Ordering::SeqCst);
    if noted != Signal::Status {
        let time = read_clock(libc::CLOCK_MONOTONIC);
        let now_ms = time.tv_sec as u64 * 1_000 + time.tv_nsec as u64 / 1_000_000 + 1;
        let first = FIRST_AT_MS.compare_exchange(0, now_ms, Ordering::SeqCst, Ordering::SeqCst);
        if first.is_err_and(|first_ms| now_ms.saturating_sub(first_ms) >= SECOND_AFTER_MS) {
            // SAFETY: neither takes a pointer to be read. The raised signal strikes on return.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
            }
        }
    }
    ring(BELL_FD.load(Ordering::SeqCst));
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}
