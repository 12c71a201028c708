//! Many descriptors watched as one (epoll(7)), and how many a process may have.

use super::check;
use libc::c_int;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Descriptors that come and go, watched as one: its own is readable while one of them has anything
/// to say. A descriptor leaves when it is closed.
pub(crate) struct Crowd(OwnedFd);

/// One of them that has something to say.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Call(libc::epoll_event);

impl Call {
    /// Nobody's.
    pub(crate) const NONE: Call = Call(libc::epoll_event { events: 0, u64: 0 });

    /// The number under which it joined.
    pub(crate) fn number(&self) -> u64 {
        self.0.u64
    }

    /// Whether a connection stands: it can be written to, and is not closed.
    pub(crate) fn is_connected(&self) -> bool {
        const CLOSED: c_int = libc::EPOLLERR | libc::EPOLLHUP;
        self.0.events & (libc::EPOLLOUT | CLOSED) as u32 == libc::EPOLLOUT as u32
    }
}

impl Crowd {
    /// An empty one.
    pub(crate) fn new() -> io::Result<Crowd> {
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Crowd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn fd(&self) -> c_int {
        self.0.as_raw_fd()
    }

    /// Takes in a connection under a number.
    pub(crate) fn join(&self, fd: c_int, number: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLOUT as u32, u64: number };
        // SAFETY: the kernel reads the event during the call.
        check(unsafe { libc::epoll_ctl(self.fd(), libc::EPOLL_CTL_ADD, fd, &mut event) }).map(drop)
    }

    /// Those that have something to say now; how many of `calls` were written.
    pub(crate) fn calls(&self, calls: &mut [Call]) -> io::Result<usize> {
        let most = calls.len() as c_int;
        // SAFETY: `Call` is an epoll_event and nothing else, and the count is the slice's.
        let count = unsafe { libc::epoll_wait(self.fd(), calls.as_mut_ptr().cast(), most, 0) };
        match check(count) {
            Ok(count) => Ok(count as usize),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// How many descriptors this process may have open.
pub(crate) fn descriptors_max() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one structure.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}
