//! Netlink sockets (netlink(7)): requests, and what the kernel answers.

use super::{check, numbers};
use libc::c_int;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use wire::Family;

/// The number of a family in the kernel's messages.
pub(crate) fn domain(family: Family) -> u8 {
    // AF_INET is 2, AF_INET6 is 10.
    numbers(family).domain as u8
}

/// A netlink socket.
#[derive(Debug)]
pub(crate) struct Netlink(OwnedFd);

impl Netlink {
    /// One that asks about sockets (sock_diag(7)). Needs no right.
    pub(crate) fn diagnostics() -> io::Result<Netlink> {
        Netlink::open(libc::NETLINK_SOCK_DIAG)
    }

    /// One that sets up devices (rtnetlink(7)) in the network namespace of this thread.
    pub(crate) fn routes() -> io::Result<Netlink> {
        Netlink::open(libc::NETLINK_ROUTE)
    }

    fn open(protocol: c_int) -> io::Result<Netlink> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::socket(libc::AF_NETLINK, kind, protocol) })?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Netlink(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// One that another process has opened.
    pub(crate) fn adopt(fd: OwnedFd) -> Netlink {
        Netlink(fd)
    }

    pub(super) fn fd(&self) -> c_int {
        self.0.as_raw_fd()
    }

    /// Asks the kernel.
    pub(crate) fn send(&self, request: &[u8]) -> io::Result<()> {
        // SAFETY: all-zero bytes are a valid address: the kernel's.
        let mut kernel: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        kernel.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        let length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        let to = std::ptr::from_ref(&kernel).cast();
        let bytes = request.as_ptr().cast();
        // SAFETY: both pointers live through the call, each with its length.
        let sent = unsafe { libc::sendto(self.fd(), bytes, request.len(), 0, to, length) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits for the kernel's next datagram; how many bytes it has. Those of others are passed
    /// over.
    ///
    /// # Errors
    /// If the system has one, or the datagram is larger than the buffer.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // SAFETY: all-zero bytes are a valid value of both structures.
            let (mut from, mut header) = unsafe {
                (std::mem::zeroed::<libc::sockaddr_nl>(), std::mem::zeroed::<libc::msghdr>())
            };
            let mut piece =
                libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            header.msg_name = std::ptr::from_mut(&mut from).cast();
            header.msg_namelen = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
            header.msg_iov = &raw mut piece;
            header.msg_iovlen = 1;
            // SAFETY: the header names one buffer and one address, both of their own lengths.
            let got = unsafe { libc::recvmsg(self.fd(), &mut header, 0) };
            if got < 0 {
                let error = io::Error::last_os_error();
                if error.kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                return Err(error);
            }
            if header.msg_flags & libc::MSG_TRUNC != 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer is too long"));
            }
            if from.nl_pid == 0 {
                return Ok(got as usize);
            }
        }
    }
}
