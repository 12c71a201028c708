//! This process: its clocks, its sleep, its privileges, and a random number.

use super::check;
use crate::clock::Readings;
use libc::{c_int, c_long, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// The system's clocks.
pub(crate) struct SystemClocks;

impl Readings for SystemClocks {
    fn monotonic_ns(&self) -> u64 {
        let time = read_clock(libc::CLOCK_MONOTONIC);
        (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
    }

    fn wall_ns(&self) -> i64 {
        let time = read_clock(libc::CLOCK_REALTIME);
        time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
    }
}

pub(super) fn read_clock(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec. Both clocks exist on every Linux, so it cannot fail.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time
}

/// Lets timers of this thread end when they should: the default slack is 50 µs.
pub(crate) fn sharpen_timers() {
    // SAFETY: takes no pointers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as c_ulong, 0, 0, 0) };
}

/// What a descriptor is watched for, and what was seen.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Watch(libc::pollfd);

impl Watch {
    /// Watches for something to read.
    pub(crate) fn readable(fd: c_int) -> Watch {
        Watch(libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
    }

    /// Watches for room to write, too.
    pub(crate) fn set_writable(&mut self, on: bool) {
        self.0.events = libc::POLLIN | if on { libc::POLLOUT } else { 0 };
    }

    /// Whether there is anything to be read, an error included.
    pub(crate) fn has_news(&self) -> bool {
        self.0.revents != 0
    }

    /// Whether something can be read.
    pub(crate) fn is_readable(&self) -> bool {
        self.0.revents & libc::POLLIN != 0
    }

    /// Whether anything was seen.
    pub(crate) fn has_any(&self) -> bool {
        self.0.revents != 0
    }

    /// Whether there is an error, or an entry on the error queue.
    pub(crate) fn has_error(&self) -> bool {
        self.0.revents & libc::POLLERR != 0
    }

    /// Whether there is room to write.
    pub(crate) fn is_writable(&self) -> bool {
        self.0.revents & libc::POLLOUT != 0
    }
}

/// Sleeps until something is ready or the time is up (`None`: never); a signal ends it early.
pub(crate) fn sleep(watches: &mut [Watch], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(|span| libc::timespec {
        tv_sec: libc::time_t::try_from(span.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: span.subsec_nanos() as _,
    });
    let limit = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let count = watches.len() as libc::nfds_t;
    // SAFETY: `Watch` is a pollfd and nothing else, the count is the slice's, and the timeout lives
    // through the call.
    let ready = unsafe { libc::ppoll(watches.as_mut_ptr().cast(), count, limit, std::ptr::null()) };
    match check(ready) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            watches.iter_mut().for_each(|watch| watch.0.revents = 0);
            Ok(())
        }
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

/// A descriptor that another thread, or a signal, makes readable.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    /// A silent one.
    pub(crate) fn new() -> io::Result<Bell> {
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Bell(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn fd(&self) -> c_int {
        self.0.as_raw_fd()
    }

    /// Makes it readable; a bell that rings already rings on.
    pub(crate) fn ring(&self) {
        ring(self.fd());
    }

    /// Makes it silent.
    pub(crate) fn hush(&self) {
        let mut count = 0u64;
        let into = std::ptr::from_mut(&mut count).cast();
        // SAFETY: an eventfd writes 8 bytes, and there is room for them.
        unsafe { libc::read(self.fd(), into, size_of::<u64>()) };
    }
}

/// Rings by descriptor: all that a signal may do.
pub(super) fn ring(fd: c_int) {
    let one = 1u64;
    // SAFETY: an eventfd reads 8 bytes, and there are 8. It fails only when the count is full, and
    // then it is readable anyway.
    unsafe { libc::write(fd, std::ptr::from_ref(&one).cast(), size_of::<u64>()) };
}

/// A random number.
///
/// # Errors
/// If the system has none to give.
pub(crate) fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    // SAFETY: the kernel writes at most the 8 bytes that are there.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if got != bytes.len() as isize {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from_ne_bytes(bytes))
}

// From linux/capability.h; libc does not name them.
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
const CAP_NET_ADMIN: u32 = 12;
const CAP_NET_RAW: u32 = 13;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct CapabilitySet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn capabilities() -> io::Result<[CapabilitySet; 2]> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut sets = [CapabilitySet::default(); 2];
    // SAFETY: version 3 has the kernel write two sets of three words (capget(2)).
    let done = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    check_long(done)?;
    Ok(sets)
}

fn set_capabilities(sets: &[CapabilitySet; 2]) -> io::Result<()> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    // SAFETY: version 3 has the kernel read two sets of three words (capset(2)).
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) };
    check_long(done)
}

pub(super) fn check_long(answer: c_long) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether this thread may open raw sockets.
pub(crate) fn has_raw_capability() -> bool {
    capabilities().is_ok_and(|sets| (sets[0].permitted | sets[0].effective) & 1 << CAP_NET_RAW != 0)
}

/// Puts into effect what sockets need and is permitted: a file capability may come without, and
/// [`lay_privileges_aside`] leaves it so.
pub(crate) fn raise_privileges() -> io::Result<()> {
    let mut sets = capabilities()?;
    let wanted = sets[0].permitted & (1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW);
    if sets[0].effective & wanted != wanted {
        sets[0].effective |= wanted;
        set_capabilities(&sets)?;
    }
    Ok(())
}

/// Takes on the user and group who run this process, in place of the owner of a set-user-id or
/// set-group-id file, whose rights stay permitted for [`raise_privileges`].
pub(crate) fn lay_privileges_aside() -> io::Result<()> {
    const AS_IT_IS: u32 = u32::MAX;
    // SAFETY: none of these takes a pointer.
    unsafe {
        let (user, group) = (libc::getuid(), libc::getgid());
        if libc::getegid() != group {
            check(libc::setresgid(AS_IT_IS, group, AS_IT_IS))?;
        }
        if libc::geteuid() != user {
            check(libc::setresuid(AS_IT_IS, user, AS_IT_IS))?;
        }
    }
    Ok(())
}

/// Gives up every privilege of this thread for good: the owner's of a set-user-id file, all
/// capabilities, and gaining any by running another program.
pub(crate) fn drop_privileges() -> io::Result<()> {
    let [mut user, mut group] = [[0; 3]; 2];
    let [real, effective, saved] = &mut user;
    // SAFETY: each pointer is to a number of its own.
    check(unsafe { libc::getresuid(real, effective, saved) })?;
    let [real, effective, saved] = &mut group;
    // SAFETY: as above.
    check(unsafe { libc::getresgid(real, effective, saved) })?;
    // Only where there is something to give up: a filter of system calls may forbid the rest.
    if group != [group[0]; 3] {
        // SAFETY: takes no pointers.
        check(unsafe { libc::setresgid(group[0], group[0], group[0]) })?;
    }
    if user != [user[0]; 3] {
        // SAFETY: takes no pointers.
        check(unsafe { libc::setresuid(user[0], user[0], user[0]) })?;
    }
    set_capabilities(&[CapabilitySet::default(); 2])?;
    // SAFETY: takes no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1 as c_ulong, 0, 0, 0) }).map(drop)
}

/// Whether the user who runs this process is the superuser, whoever owns the program's file.
pub(crate) fn is_run_by_superuser() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getuid() == 0 }
}

/// Whether the effective user is the superuser.
pub(crate) fn is_superuser() -> bool {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Stops this process until somebody continues it, as ^Z does.
pub(crate) fn suspend() {
    // To this thread: the process has stopped before the call returns, which nobody promises of a
    // signal to the process.
    // SAFETY: takes no pointers.
    unsafe { libc::raise(libc::SIGTSTP) };
}
