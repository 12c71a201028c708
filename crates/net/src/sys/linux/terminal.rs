//! The terminal that this process and others share: whose turn it is (tcsetpgrp(3)).

use super::check;
use libc::{c_int, pid_t};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

/// The terminal that controls this process, if one does.
pub(super) struct Terminal(File);

impl Terminal {
    pub(super) fn open() -> io::Result<Terminal> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NOCTTY);
        options.open("/dev/tty").map(Terminal)
    }

    /// The group of processes whose turn it is.
    pub(super) fn group(&self) -> io::Result<pid_t> {
        // SAFETY: takes no pointers.
        check(unsafe { libc::tcgetpgrp(self.0.as_raw_fd()) })
    }

    /// Gives it to a group. Whoever does so while it is not their turn is not stopped for it.
    pub(super) fn give(&self, group: pid_t) -> io::Result<()> {
        let before = blocked(libc::SIGTTOU)?;
        // SAFETY: takes no pointers.
        let given = check(unsafe { libc::tcsetpgrp(self.0.as_raw_fd(), group) });
        // SAFETY: the set is whole; restoring what the kernel gave cannot fail.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
        given.map(drop)
    }
}

/// Blocks a signal besides those that are; which those were.
fn blocked(signal: c_int) -> io::Result<libc::sigset_t> {
    // SAFETY: all-zero bytes are a valid value of this structure of integers; the kernel and the
    // library write only into them.
    unsafe {
        let (mut more, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&raw mut more);
        libc::sigaddset(&raw mut more, signal);
        check(libc::sigprocmask(libc::SIG_BLOCK, &raw const more, &raw mut before))?;
        Ok(before)
    }
}

/// This process's group.
fn own_group() -> pid_t {
    // SAFETY: takes no pointers, and cannot fail.
    unsafe { libc::getpgrp() }
}

/// Whether input, output and errors are a terminal, and it is this process's turn there: a program
/// that it starts may then have it to itself. Where the output goes on to another program, that may
/// want the terminal too.
pub(crate) fn owns_terminal() -> bool {
    // SAFETY: takes no pointers.
    let is_terminal = |fd: c_int| unsafe { libc::isatty(fd) } == 1;
    let is_ours = || Terminal::open().and_then(|it| it.group()).is_ok_and(|it| it == own_group());
    (0..=2).all(is_terminal) && is_ours()
}

/// Stops this process's group, as the key for that does, until somebody continues it; whether the
/// terminal is ours to give then. Where nobody could continue it the kernel does not stop it, and
/// the terminal is whose it was.
pub(crate) fn stop() -> bool {
    let holder = || Terminal::open().and_then(|terminal| terminal.group()).ok();
    let before = holder();
    // SAFETY: takes no pointers.
    unsafe { libc::kill(0, libc::SIGTSTP) };
    let now = holder();
    now == Some(own_group()) || now == before
}

/// Takes the terminal back from a group that is no more.
pub(crate) fn take_terminal_back() {
    let Ok(terminal) = Terminal::open() else { return };
    let Ok(group) = terminal.group() else { return };
    // SAFETY: takes no pointers.
    let is_gone = group > 0
        && unsafe { libc::kill(-group, 0) } < 0
        && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
    if is_gone {
        // If this fails, whoever started us takes it.
        let _ = terminal.give(own_group());
    }
}
