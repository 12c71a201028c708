//! TUN devices.

use super::check;
use libc::{c_int, c_short, c_ulong};
use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// The descriptor of a TUN device; the device goes when it is closed.
#[derive(Debug)]
pub(crate) struct TunDevice(File);

impl TunDevice {
    /// Makes a device of that name in the network namespace of this thread, or of the next free one
    /// if the name is a pattern (`askway%d`); returns it with its name.
    ///
    /// A fast one has headers of its own in front of packets, and leaves checksums and cutting to
    /// us (linux/if_tun.h).
    pub(crate) fn make(name: &str, is_fast: bool) -> io::Result<(TunDevice, String)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")?;
        // SAFETY: all-zero bytes are a valid value of this structure.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        let room = request.ifr_name.len() - 1;
        if name.len() > room || name.contains('\0') {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        for (into, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *into = byte.cast_signed();
        }
        let headers = if is_fast { libc::IFF_VNET_HDR } else { 0 };
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI | headers) as c_short;
        // SAFETY: the kernel reads and writes one ifreq, which lives through the call.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })?;
        if is_fast {
            take_on(&file)?;
        }
        // SAFETY: the name was zeroed, and neither we nor the kernel fills its last byte.
        let name = unsafe { CStr::from_ptr(request.ifr_name.as_ptr()) };
        Ok((TunDevice(file), name.to_string_lossy().into_owned()))
    }

    /// The device behind a descriptor that another process has made.
    pub(crate) fn adopt(fd: OwnedFd) -> TunDevice {
        TunDevice(File::from(fd))
    }

    pub(crate) fn fd(&self) -> c_int {
        self.0.as_raw_fd()
    }

    /// The next packet; `None` if there is none now.
    pub(crate) fn receive(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.0).read(into) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands a packet to the namespace, behind its header if the device is fast.
    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write(packet).map(drop)
    }

    /// Likewise, of which the header stands elsewhere.
    pub(crate) fn send_with_header(&self, header: &[u8], packet: &[u8]) -> io::Result<()> {
        (&self.0).write_vectored(&[IoSlice::new(header), IoSlice::new(packet)]).map(drop)
    }
}

/// Offers to take checksums that are not computed and segments that are not cut: of TCP, and of UDP
/// where the kernel knows that (6.2).
fn take_on(file: &File) -> io::Result<()> {
    let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
    let udp = libc::TUN_F_USO4 | libc::TUN_F_USO6;
    let offer = |what: libc::c_uint| {
        // SAFETY: takes a number, no pointer.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETOFFLOAD, c_ulong::from(what)) })
    };
    offer(tcp | udp).or_else(|_| offer(tcp)).map(drop)
}
