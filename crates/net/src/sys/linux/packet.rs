//! Sockets that see every packet of an interface (packet(7)).

use super::check;
use crate::control::Control;
use crate::filter::Instruction;
use libc::{c_int, socklen_t};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Room for a time and a tag.
const CONTROL_BYTES: usize = 256;

/// Every protocol, in network byte order where the kernel wants it so.
const EVERY_PROTOCOL: u16 = libc::ETH_P_ALL as u16;

/// A packet socket.
pub(crate) struct PacketSocket(OwnedFd);

/// What arrived at one, or left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// How much of it is in the buffer.
    pub(crate) kept: usize,
    /// How long it is.
    pub(crate) original: usize,
    pub(crate) interface: u32,
    /// What it carries: an Ethernet type.
    pub(crate) protocol: u16,
    /// What the interface is: ARPHRD_*.
    pub(crate) hardware: u16,
    /// Whom it is for: 0 us, 1 all, 2 a group, 3 somebody else, 4 it leaves.
    pub(crate) kind: u8,
    pub(crate) address_bytes: u8,
    pub(crate) address: [u8; 8],
    pub(crate) stamp_ns: Option<i64>,
    pub(crate) tag: Option<(u16, u16)>,
}

impl PacketSocket {
    /// Opens one that hears nothing yet; `cooked` leaves link headers out.
    pub(crate) fn open(cooked: bool) -> io::Result<PacketSocket> {
        let kind = if cooked { libc::SOCK_DGRAM } else { libc::SOCK_RAW };
        let kind = kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
        // SAFETY: the descriptor is new and nobody else's.
        let socket = PacketSocket(unsafe { OwnedFd::from_raw_fd(fd) });
        socket.set(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32.to_ne_bytes())?;
        socket.set(libc::SOL_PACKET, libc::PACKET_AUXDATA, &1_i32.to_ne_bytes())?;
        Ok(socket)
    }

    pub(crate) fn fd(&self) -> c_int {
        self.0.as_raw_fd()
    }

    fn set(&self, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
        let (pointer, length) = (value.as_ptr().cast(), value.len() as socklen_t);
        // SAFETY: the kernel reads that many bytes of the slice during the call.
        check(unsafe { libc::setsockopt(self.fd(), level, name, pointer, length) }).map(drop)
    }

    /// Room for what arrives before it is read; beyond the system's limit only with a right.
    pub(crate) fn set_buffer(&self, bytes: usize) -> io::Result<()> {
        let half = (c_int::try_from(bytes).unwrap_or(c_int::MAX) / 2).to_ne_bytes();
        self.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &half)
            .or_else(|_| self.set(libc::SOL_SOCKET, libc::SO_RCVBUF, &half))
    }

    /// Lets only what a program wants pass.
    pub(crate) fn attach(&self, program: &[Instruction]) -> io::Result<()> {
        let program = libc::sock_fprog {
            len: program.len() as u16,
            // The kernel only reads it; `Instruction` is laid out as `sock_filter`.
            filter: program.as_ptr().cast_mut().cast(),
        };
        let pointer = std::ptr::from_ref(&program).cast();
        let length = size_of::<libc::sock_fprog>() as socklen_t;
        // SAFETY: the structure and the program that it points to live through the call.
        let done = unsafe {
            let name = libc::SO_ATTACH_FILTER;
            libc::setsockopt(self.fd(), libc::SOL_SOCKET, name, pointer, length)
        };
        check(done).map(drop)
    }

    /// Begins to hear an interface, or all of them (0).
    pub(crate) fn bind(&self, interface: u32) -> io::Result<()> {
        // SAFETY: all-zero bytes are a valid value of this structure of integers.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = EVERY_PROTOCOL.to_be();
        address.sll_ifindex = interface.cast_signed();
        let length = size_of::<libc::sockaddr_ll>() as socklen_t;
        // SAFETY: the address is a whole structure, and its length is its own.
        let done = unsafe { libc::bind(self.fd(), std::ptr::from_ref(&address).cast(), length) };
        check(done).map(drop)
    }

    /// What the interface is that it is bound to: ARPHRD_*.
    pub(crate) fn hardware(&self) -> io::Result<u16> {
        // SAFETY: all-zero bytes are a valid value of this structure of integers.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::sockaddr_ll>() as socklen_t;
        let into = std::ptr::from_mut(&mut address).cast();
        // SAFETY: the kernel writes at most `length` bytes into a structure of that size.
        check(unsafe { libc::getsockname(self.fd(), into, &mut length) })?;
        Ok(address.sll_hatype)
    }

    /// Has an interface take what is for others, too, as long as the socket lives.
    pub(crate) fn be_promiscuous(&self, interface: u32) -> io::Result<()> {
        // SAFETY: all-zero bytes are a valid value of this structure of integers.
        let mut request: libc::packet_mreq = unsafe { std::mem::zeroed() };
        request.mr_ifindex = interface.cast_signed();
        request.mr_type = libc::PACKET_MR_PROMISC as u16;
        let pointer = std::ptr::from_ref(&request).cast();
        let length = size_of::<libc::packet_mreq>() as socklen_t;
        // SAFETY: the kernel reads one structure during the call.
        let done = unsafe {
            let name = libc::PACKET_ADD_MEMBERSHIP;
            libc::setsockopt(self.fd(), libc::SOL_PACKET, name, pointer, length)
        };
        check(done).map(drop)
    }

    /// Takes what has arrived, as much of it as the buffer holds; `None` if there is nothing.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Arrival>> {
        // SAFETY: all-zero bytes are a valid value of these structures of integers and pointers.
        let (mut address, mut header): (libc::sockaddr_ll, libc::msghdr) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let mut control = [0_u8; CONTROL_BYTES];
        let mut vector =
            libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = size_of::<libc::sockaddr_ll>() as socklen_t;
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = size_of_val(&control) as _;
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: the header points to a name, a vector and a control buffer that live through the
        // call, with their sizes.
        let got = unsafe { libc::recvmsg(self.fd(), &raw mut header, flags) };
        if got < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            };
        }
        let used = CONTROL_BYTES.min(header.msg_controllen as _);
        let said = Control::parse(&control[..used]);
        let original = got as usize;
        Ok(Some(Arrival {
            kept: original.min(buffer.len()),
            original,
            interface: address.sll_ifindex.cast_unsigned(),
            protocol: u16::from_be(address.sll_protocol),
            hardware: address.sll_hatype,
            kind: address.sll_pkttype,
            address_bytes: address.sll_halen.min(8),
            address: address.sll_addr,
            stamp_ns: said.stamp_ns,
            tag: said.tag,
        }))
    }

    /// How many packets passed the filter since it was last asked, and how many of them there was
    /// no room for.
    pub(crate) fn counts(&self) -> io::Result<(u32, u32)> {
        let mut words = [0_u32; 2];
        let mut length = size_of_val(&words) as socklen_t;
        let into = words.as_mut_ptr().cast();
        // SAFETY: the kernel writes at most `length` bytes into an array of that size.
        let done = unsafe {
            let name = libc::PACKET_STATISTICS;
            libc::getsockopt(self.fd(), libc::SOL_PACKET, name, into, &mut length)
        };
        check(done)?;
        Ok((words[0], words[1]))
    }
}
