//! Questions to this host that need no open network: routes, interfaces, rights.

use crate::rights::{choose, host, index_of};
use crate::sys::{self, Address, Socket};
use crate::{Blame, Fault, Want};
use std::io;
use std::net::IpAddr;
use wire::Family;

/// What UDP sockets connect to when only the route is wanted; nothing is sent there.
const ANY_PORT: u16 = 1_025;

/// Which of this host's addresses would be the source towards `to`, and what stands in the way.
///
/// # Errors
/// If there is no route, or none from that source or interface.
pub fn source_towards(
    to: IpAddr,
    zone: u32,
    source: Option<IpAddr>,
    interface: Option<&str>,
    mark: Option<u32>,
) -> Result<IpAddr, Fault> {
    let doing = format!("find a route to {to}");
    let socket = Socket::udp(Family::of(to)).map_err(|error| host(&doing, error))?;
    let device = interface.map(index_of).transpose()?.unwrap_or(0);
    if let Some(name) = interface {
        socket
            .bind_to_device(name)
            .map_err(|error| host(&format!("bind to interface {name}"), error))?;
    }
    if let Some(mark) = mark {
        // Without the right to mark, the route that others take is told.
        let _ = socket.set_mark(mark);
    }
    if let Some(source) = source {
        let local = Address::new(source, 0, if zone == 0 { device } else { zone }, 0);
        socket.bind(&local).map_err(|error| source_fault(source, error))?;
    }
    socket.set_broadcast().map_err(|error| host(&doing, error))?;
    socket
        .connect(&Address::new(to, ANY_PORT, if zone == 0 { device } else { zone }, 0))
        .map_err(|error| route_fault(doing, to, error))?;
    let local = socket.local_address().map_err(|error| host("read a socket's address", error))?;
    local.ip().ok_or_else(|| host("read a socket's address", io::ErrorKind::InvalidData.into()))
}

fn source_fault(source: IpAddr, error: io::Error) -> Fault {
    let hint = (error.kind() == io::ErrorKind::AddrNotAvailable)
        .then(|| "name an address of this host; `ip address` lists them".into());
    let blame = if hint.is_some() { Blame::Usage } else { Blame::Host };
    Fault { doing: format!("send from {source}"), error, blame, hint }
}

fn route_fault(doing: String, to: IpAddr, error: io::Error) -> Fault {
    let hint = match error.raw_os_error() {
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH) => {
            Some("this host has no route there; `ip route` lists those it has".into())
        }
        Some(libc::EINVAL) if matches!(to, IpAddr::V6(_)) => {
            Some(format!("a link-local address needs its interface: {to}%INTERFACE"))
        }
        Some(libc::EACCES) => Some("a route or a firewall of this host forbids it".into()),
        _ => None,
    };
    Fault { doing, error, blame: Blame::Host, hint }
}

/// The path MTU that this host knows of towards an address.
pub(crate) fn path_mtu(to: IpAddr, zone: u32, interface: Option<&str>) -> Option<u32> {
    let socket = Socket::udp(Family::of(to)).ok()?;
    if let Some(name) = interface {
        socket.bind_to_device(name).ok()?;
    }
    socket.connect(&Address::new(to, ANY_PORT, zone, 0)).ok()?;
    socket.path_mtu().ok()
}

/// The index of a network interface; `None` if there is none of that name.
pub fn interface_index(name: &str) -> Option<u32> {
    sys::interface_index(name)
}

/// The name of a network interface.
pub fn interface_name(index: u32) -> Option<String> {
    sys::interface_name(index)
}

/// Whether an IPv4 address is a broadcast address of this host's networks.
pub fn is_broadcast(to: IpAddr) -> bool {
    let IpAddr::V4(address) = to else { return false };
    if address.is_broadcast() {
        return true;
    }
    // Only the routing table knows: the kernel refuses to connect there, until it is told that
    // broadcasts are meant.
    let Ok(socket) = Socket::udp(Family::of(to)) else { return false };
    let peer = Address::new(to, ANY_PORT, 0, 0);
    let refused =
        socket.connect(&peer).is_err_and(|error| error.raw_os_error() == Some(libc::EACCES));
    refused && socket.set_broadcast().is_ok() && socket.connect(&peer).is_ok()
}

/// This host's name as it calls itself, not safe for a terminal; empty if it has none.
pub fn host_name() -> String {
    sys::host_name()
}

/// Stops this process until somebody continues it, as ^Z does.
pub fn suspend() {
    sys::suspend();
}

/// Whether this process may do what is kept from ordinary users (effective user id 0).
pub fn is_superuser() -> bool {
    sys::is_superuser()
}

/// Whether the user who runs this process is the superuser (real user id 0), and not just the owner
/// of a set-user-id file.
pub fn is_run_by_superuser() -> bool {
    sys::is_run_by_superuser()
}

/// Makes a program that runs with the rights of its file's owner (set-user-id) read and write as
/// the user who runs it; sockets may still be opened. To be called first of all.
///
/// # Errors
/// If the system refuses.
pub fn lay_privileges_aside() -> io::Result<()> {
    sys::lay_privileges_aside()
}

/// Whether the sockets of a run would be raw, without opening it.
///
/// # Errors
/// As [`crate::Network::open`], if this process may open none.
pub fn would_be_raw(want: &Want) -> Result<bool, Fault> {
    choose(want)
}

/// Gives up every right of this thread, when others have opened what there is to open.
///
/// # Errors
/// If the system refuses.
pub fn give_up_rights() -> Result<(), Fault> {
    sys::drop_privileges().map_err(|error| host("give up privileges", error))
}

/// Whether this thread may open raw sockets.
pub fn may_raw() -> bool {
    sys::has_raw_capability()
}
