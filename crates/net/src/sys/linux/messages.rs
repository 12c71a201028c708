//! Buffers in which datagrams come and go, many a system call, none allocated on the way.

use super::{Address, Socket, numbers};
use libc::{c_int, c_uint, iovec, mmsghdr};
use std::io;
use std::net::IpAddr;
use wire::Family;

/// Room for the control messages of one datagram.
const CONTROL_WORDS: usize = 64;

/// Where received datagrams land.
pub(crate) struct Inbox {
    each_bytes: usize,
    bytes: Box<[u8]>,
    control: Box<[[u64; CONTROL_WORDS]]>,
    names: Box<[Address]>,
    // The headers point to the vectors, and both into the boxes above, which never move.
    _vectors: Box<[iovec]>,
    headers: Box<[mmsghdr]>,
    used: usize,
    is_named: bool,
}

/// One received datagram.
pub(crate) struct Incoming<'a> {
    /// What was received: on a raw IPv4 socket from the IP header on, else from the ICMP header.
    pub(crate) bytes: &'a [u8],
    /// The control messages.
    pub(crate) control: &'a [u8],
    /// The sender, or on the error queue the destination of what failed.
    pub(crate) name: Option<IpAddr>,
    /// The port beside it, where the protocol has ports.
    pub(crate) port: u16,
}

impl Inbox {
    /// Room for `count` datagrams of at most `each_bytes`; longer ones are cut.
    pub(crate) fn new(count: usize, each_bytes: usize) -> Inbox {
        let mut bytes = vec![0; count * each_bytes].into_boxed_slice();
        let mut control = vec![[0; CONTROL_WORDS]; count].into_boxed_slice();
        let names = vec![Address::unspecified(); count].into_boxed_slice();
        let mut vectors: Box<[iovec]> = bytes
            .chunks_exact_mut(each_bytes)
            .map(|chunk| iovec { iov_base: chunk.as_mut_ptr().cast(), iov_len: chunk.len() })
            .collect();
        let headers = (0..count)
            .map(|i| {
                // SAFETY: all-zero bytes are a valid value of this structure of integers and
                // pointers.
                let mut header: mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_iov = &raw mut vectors[i];
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_control = control[i].as_mut_ptr().cast();
                header
            })
            .collect();
        Inbox {
            each_bytes,
            bytes,
            control,
            names,
            _vectors: vectors,
            headers,
            used: count,
            is_named: true,
        }
    }

    /// How many datagrams it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.headers.len()
    }

    /// Says whether names are to come with what is received: filling them in is a good part of a
    /// receive.
    pub(crate) fn want_names(&mut self, on: bool) {
        if self.is_named != on {
            self.is_named = on;
            self.used = self.capacity();
        }
    }

    /// Receives up to `limit` datagrams that are there, or entries of the error queue; 0 if there
    /// are none.
    pub(crate) fn fill(
        &mut self,
        socket: &Socket,
        limit: usize,
        from_errors: bool,
    ) -> io::Result<usize> {
        let name_bytes = if self.is_named { size_of::<Address>() } else { 0 };
        for (header, name) in self.headers[..self.used].iter_mut().zip(&mut self.names) {
            let name = if self.is_named { std::ptr::from_mut(name) } else { std::ptr::null_mut() };
            header.msg_hdr.msg_name = name.cast();
            header.msg_hdr.msg_namelen = name_bytes as libc::socklen_t;
            header.msg_hdr.msg_controllen = size_of::<[u64; CONTROL_WORDS]>() as _;
            header.msg_hdr.msg_flags = 0;
        }
        self.used = 0;
        let limit = limit.min(self.capacity());
        let flags = libc::MSG_DONTWAIT | if from_errors { libc::MSG_ERRQUEUE } else { 0 };
        let first = self.headers.as_mut_ptr();
        // SAFETY: the first `limit` headers are initialised, and each points to a name, a vector
        // and a control buffer that this struct owns, with their sizes.
        let got = unsafe {
            if limit == 1 {
                let got = libc::recvmsg(socket.fd(), &raw mut (*first).msg_hdr, flags);
                (*first).msg_len = c_uint::try_from(got).unwrap_or(0);
                c_int::from(got >= 0) - c_int::from(got < 0)
            } else {
                libc::recvmmsg(
                    socket.fd(),
                    first,
                    limit as c_uint,
                    flags as _,
                    std::ptr::null_mut(),
                )
            }
        };
        match usize::try_from(got) {
            Ok(count) => {
                self.used = count;
                Ok(count)
            }
            Err(_) => {
                self.used = 1;
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                    _ => Err(error),
                }
            }
        }
    }

    /// One of the datagrams of the last [`Inbox::fill`].
    pub(crate) fn message(&self, index: usize) -> Incoming<'_> {
        let header = &self.headers[index];
        let start = index * self.each_bytes;
        let length = (header.msg_len as usize).min(self.each_bytes);
        let control = self.control[index].as_ptr().cast::<u8>();
        let control_bytes = header.msg_hdr.msg_controllen.min(size_of::<[u64; CONTROL_WORDS]>());
        Incoming {
            bytes: &self.bytes[start..start + length],
            // SAFETY: the bytes lie within the control buffer of that index, which was initialised
            // whole and is borrowed as long as `self`.
            control: unsafe { std::slice::from_raw_parts(control, control_bytes) },
            name: (header.msg_hdr.msg_namelen > 0).then(|| self.names[index].ip()).flatten(),
            port: self.names[index].port(),
        }
    }
}

/// Where datagrams wait to be sent.
pub(crate) struct Outbox {
    buffers: Box<[Vec<u8>]>,
    names: Box<[Address]>,
    vectors: Box<[iovec]>,
    headers: Box<[mmsghdr]>,
    controls: Box<[SendControl]>,
    has_controls: bool,
}

/// Room for a control message that holds one number; `None` says nothing.
type SendControl = Option<[u64; 3]>;

/// What `struct cmsghdr` states as its length, with a number behind it.
const CONTROL_BYTES: usize = size_of::<libc::cmsghdr>() + size_of::<c_int>();

impl Outbox {
    /// Room for `count` datagrams.
    pub(crate) fn new(count: usize) -> Outbox {
        let nowhere = iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let headers = (0..count)
            // SAFETY: all-zero bytes are a valid value of this structure of integers and pointers.
            .map(|_| unsafe { std::mem::zeroed() })
            .collect();
        Outbox {
            buffers: vec![Vec::new(); count].into_boxed_slice(),
            names: vec![Address::unspecified(); count].into_boxed_slice(),
            vectors: vec![nowhere; count].into_boxed_slice(),
            headers,
            controls: vec![None; count].into_boxed_slice(),
            has_controls: false,
        }
    }

    /// How many datagrams it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.buffers.len()
    }

    /// The buffer of one datagram.
    pub(crate) fn buffer(&mut self, index: usize) -> &mut Vec<u8> {
        &mut self.buffers[index]
    }

    /// Where one datagram goes.
    pub(crate) fn address(&mut self, index: usize, to: Address) {
        self.names[index] = to;
    }

    /// Gives one datagram a hop limit of its own, until [`Outbox::forget_controls`].
    pub(crate) fn hop_limit(&mut self, index: usize, family: Family, hop_limit: u8) {
        let n = numbers(family);
        let mut bytes = [0; size_of::<[u64; 3]>()];
        let at = size_of::<libc::cmsghdr>();
        bytes[..size_of::<usize>()].copy_from_slice(&CONTROL_BYTES.to_ne_bytes());
        bytes[at - 8..at - 4].copy_from_slice(&n.level.to_ne_bytes());
        bytes[at - 4..at].copy_from_slice(&n.one_hop_limit.to_ne_bytes());
        bytes[at..at + 4].copy_from_slice(&c_int::from(hop_limit).to_ne_bytes());
        let words = bytes.as_chunks().0;
        self.controls[index] = Some(std::array::from_fn(|i| u64::from_ne_bytes(words[i])));
        self.has_controls = true;
    }

    /// Takes back what single datagrams were given.
    pub(crate) fn forget_controls(&mut self) {
        if std::mem::take(&mut self.has_controls) {
            self.controls.fill(None);
        }
    }

    /// Sends the datagrams from index `first` up to `end`; returns how many were sent before one
    /// failed.
    pub(crate) fn send(&mut self, socket: &Socket, first: usize, end: usize) -> io::Result<usize> {
        if end - first == 1 && !self.has_controls {
            return self.send_one(socket, first);
        }
        for index in first..end {
            let (buffer, name) = (&mut self.buffers[index], &mut self.names[index]);
            self.vectors[index] =
                iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_namelen = name.length();
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_iov = &raw mut self.vectors[index];
            header.msg_iovlen = 1;
            let control = self.controls[index].as_mut();
            header.msg_controllen = control.as_ref().map_or(0, |_| CONTROL_BYTES) as _;
            header.msg_control = control.map_or(std::ptr::null_mut(), |c| c.as_mut_ptr().cast());
        }
        let count = (end - first) as c_uint;
        // SAFETY: the headers of this range were just pointed at names, vectors, buffers and
        // control messages of the same range, none of which changes before the call returns.
        let sent = unsafe {
            libc::sendmmsg(
                socket.fd(),
                &raw mut self.headers[first],
                count,
                libc::MSG_DONTWAIT as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    fn send_one(&mut self, socket: &Socket, index: usize) -> io::Result<usize> {
        let (buffer, name) = (&self.buffers[index], &self.names[index]);
        // SAFETY: buffer and name live through the call and are passed with their own lengths.
        let sent = unsafe {
            libc::sendto(
                socket.fd(),
                buffer.as_ptr().cast(),
                buffer.len(),
                libc::MSG_DONTWAIT,
                std::ptr::from_ref(name).cast(),
                name.length(),
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(1) }
    }
}
