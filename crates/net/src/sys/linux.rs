//! Linux: ICMP sockets and their options (raw(7), icmp(7), ip(7), ipv6(7), socket(7)).

mod headers;
mod host;
mod messages;
mod process;
mod signals;

pub(crate) use headers::Wrapper;
pub(crate) use host::*;
pub(crate) use messages::*;
pub(crate) use process::*;
pub use signals::Signals;

use crate::Stamps;
use crate::control::ExtendedError;
use crate::filter::Instruction;
use libc::{c_int, c_void, socklen_t};
use probe::Fragmentation;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use wire::Family;
use wire::ip::protocol;

/// What differs between the families: the numbers of options that mean the same.
struct Numbers {
    domain: c_int,
    protocol: c_int,
    level: c_int,
    hop_limit: c_int,
    multicast_hop_limit: c_int,
    multicast_loop: c_int,
    traffic_class: c_int,
    mtu_discover: c_int,
    mtu: c_int,
    errors: c_int,
    /// What is to come with each datagram: hop limit, traffic class, destination, options.
    control: &'static [c_int],
}

const V4: Numbers = Numbers {
    domain: libc::AF_INET,
    protocol: libc::IPPROTO_ICMP,
    level: libc::SOL_IP,
    hop_limit: libc::IP_TTL,
    multicast_hop_limit: libc::IP_MULTICAST_TTL,
    multicast_loop: libc::IP_MULTICAST_LOOP,
    traffic_class: libc::IP_TOS,
    mtu_discover: libc::IP_MTU_DISCOVER,
    mtu: libc::IP_MTU,
    errors: libc::IP_RECVERR,
    control: &[libc::IP_RECVTTL, libc::IP_RECVTOS, libc::IP_PKTINFO, libc::IP_RECVOPTS],
};

const V6: Numbers = Numbers {
    domain: libc::AF_INET6,
    protocol: libc::IPPROTO_ICMPV6,
    level: libc::SOL_IPV6,
    hop_limit: libc::IPV6_UNICAST_HOPS,
    multicast_hop_limit: libc::IPV6_MULTICAST_HOPS,
    multicast_loop: libc::IPV6_MULTICAST_LOOP,
    traffic_class: libc::IPV6_TCLASS,
    mtu_discover: libc::IPV6_MTU_DISCOVER,
    mtu: libc::IPV6_MTU,
    errors: libc::IPV6_RECVERR,
    control: &[libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVTCLASS, libc::IPV6_RECVPKTINFO],
};

fn numbers(family: Family) -> &'static Numbers {
    match family {
        Family::V4 => &V4,
        Family::V6 => &V6,
    }
}

// From linux/icmp.h, linux/icmpv6.h and asm-generic/socket.h; libc does not name them.
const ICMP_FILTER: c_int = 1;
const ICMPV6_FILTER: c_int = 1;
const SO_LOCK_FILTER: c_int = 44;

/// The protocol number of ICMP.
pub(crate) fn icmp_protocol(family: Family) -> u8 {
    match family {
        Family::V4 => protocol::ICMP,
        Family::V6 => protocol::ICMPV6,
    }
}

/// The address that is none.
pub(crate) fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Bytes 4 to 7 of an ICMP error that the kernel describes. An IPv4 pointer comes as a number; on
/// the wire it is the first byte (RFC 792).
pub(crate) fn error_word(family: Family, error: &ExtendedError) -> u32 {
    match (family, error.kind, error.code) {
        (Family::V4, 12, _) => error.info << 24,
        // MTU; gateway; MTU; pointer.
        (Family::V4, 3, 4) | (Family::V4, 5, _) | (Family::V6, 2 | 4, _) => error.info,
        _ => 0,
    }
}

/// Whether what is received begins with the IP header, and not with the ICMP header.
pub(crate) fn delivers_header(family: Family, is_raw: bool) -> bool {
    is_raw && family == Family::V4
}

/// A socket address of either family.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union Address {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Address {
    /// Address, port (in ICMP: identifier), IPv6 zone and IPv6 flow label.
    pub(crate) fn new(ip: IpAddr, port: u16, zone: u32, flow_label: u32) -> Address {
        let mut address = Address::unspecified();
        match ip {
            IpAddr::V4(ip) => {
                address.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: port.to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                    sin_zero: [0; 8],
                }
            }
            IpAddr::V6(ip) => {
                address.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: port.to_be(),
                    sin6_flowinfo: flow_label.to_be(),
                    sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    sin6_scope_id: zone,
                }
            }
        }
        address
    }

    /// No address at all; room for one to be written.
    pub(crate) fn unspecified() -> Address {
        // SAFETY: all-zero bytes are a valid value of every field of both structures.
        unsafe { std::mem::zeroed() }
    }

    /// The address of all addresses of a family, for binding.
    pub(crate) fn any(family: Family, port: u16) -> Address {
        Address::new(unspecified(family), port, 0, 0)
    }

    /// The IP address, if this is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        // SAFETY: the structure is all integers and was zeroed or written whole, so each of its
        // bytes is initialised and any bytes are a valid value.
        unsafe {
            match c_int::from(self.v4.sin_family) {
                libc::AF_INET => Some(Ipv4Addr::from(self.v4.sin_addr.s_addr.to_ne_bytes()).into()),
                libc::AF_INET6 => Some(Ipv6Addr::from(self.v6.sin6_addr.s6_addr).into()),
                _ => None,
            }
        }
    }

    fn length(&self) -> socklen_t {
        // SAFETY: as in `ip`.
        let length = match c_int::from(unsafe { self.v4.sin_family }) {
            libc::AF_INET => size_of::<libc::sockaddr_in>(),
            _ => size_of::<libc::sockaddr_in6>(),
        };
        length as socklen_t
    }
}

/// A socket of one family.
pub(crate) struct Socket {
    fd: OwnedFd,
    family: Family,
}

impl Socket {
    /// Opens an ICMP socket, raw or datagram.
    pub(crate) fn icmp(family: Family, is_raw: bool) -> io::Result<Socket> {
        let kind = if is_raw { libc::SOCK_RAW } else { libc::SOCK_DGRAM };
        Socket::open(family, kind, numbers(family).protocol)
    }

    /// Opens a UDP socket, to ask the kernel about routes.
    pub(crate) fn udp(family: Family) -> io::Result<Socket> {
        Socket::open(family, libc::SOCK_DGRAM, 0)
    }

    fn open(family: Family, kind: c_int, protocol: c_int) -> io::Result<Socket> {
        let kind = kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::socket(numbers(family).domain, kind, protocol) })?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Socket { fd: unsafe { OwnedFd::from_raw_fd(fd) }, family })
    }

    pub(crate) fn fd(&self) -> c_int {
        self.fd.as_raw_fd()
    }

    /// Binds to a local address and port.
    pub(crate) fn bind(&self, to: &Address) -> io::Result<()> {
        // SAFETY: the address is a whole structure, and its length is its own.
        let done = unsafe { libc::bind(self.fd(), std::ptr::from_ref(to).cast(), to.length()) };
        check(done).map(drop)
    }

    /// Fixes the peer, which makes the kernel choose a route.
    pub(crate) fn connect(&self, to: &Address) -> io::Result<()> {
        // SAFETY: as in `bind`.
        let done = unsafe { libc::connect(self.fd(), std::ptr::from_ref(to).cast(), to.length()) };
        check(done).map(drop)
    }

    /// The local address and port.
    pub(crate) fn local_address(&self) -> io::Result<Address> {
        let mut address = Address::unspecified();
        let mut length = size_of::<Address>() as socklen_t;
        let into = std::ptr::from_mut(&mut address).cast();
        // SAFETY: the kernel writes at most `length` bytes into a structure of that size.
        check(unsafe { libc::getsockname(self.fd(), into, &mut length) })?;
        Ok(address)
    }

    fn set_bytes(&self, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
        self.set_raw(level, name, value.as_ptr().cast(), value.len())
    }

    fn set(&self, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
        self.set_bytes(level, name, &value.to_ne_bytes())
    }

    fn set_raw(
        &self,
        level: c_int,
        name: c_int,
        value: *const c_void,
        length: usize,
    ) -> io::Result<()> {
        // SAFETY: callers pass a value that lives through the call, and its size.
        let done = unsafe { libc::setsockopt(self.fd(), level, name, value, length as socklen_t) };
        check(done).map(drop)
    }

    fn read<const N: usize>(&self, level: c_int, name: c_int) -> io::Result<[u32; N]> {
        let mut words = [0u32; N];
        let mut length = size_of::<[u32; N]>() as socklen_t;
        let into = words.as_mut_ptr().cast();
        // SAFETY: the kernel writes at most `length` bytes into an array of that size.
        check(unsafe { libc::getsockopt(self.fd(), level, name, into, &mut length) })?;
        Ok(words)
    }

    /// TTL or hop limit, to one and to many.
    pub(crate) fn set_hop_limit(&self, hop_limit: u8) -> io::Result<()> {
        let n = numbers(self.family);
        self.set(n.level, n.hop_limit, hop_limit.into())?;
        self.set(n.level, n.multicast_hop_limit, hop_limit.into())
    }

    /// TOS or traffic class.
    pub(crate) fn set_traffic_class(&self, class: u8) -> io::Result<()> {
        let n = numbers(self.family);
        self.set(n.level, n.traffic_class, class.into())
    }

    /// Whether to fragment, and whether to heed the known path MTU.
    pub(crate) fn set_fragmentation(&self, fragmentation: Fragmentation) -> io::Result<()> {
        // The modes have the same numbers in both families.
        let mode = match fragmentation {
            Fragmentation::System => return Ok(()),
            Fragmentation::Allowed => libc::IP_PMTUDISC_DONT,
            Fragmentation::Want => libc::IP_PMTUDISC_WANT,
            Fragmentation::Forbidden => libc::IP_PMTUDISC_DO,
            Fragmentation::Probe => libc::IP_PMTUDISC_PROBE,
        };
        let n = numbers(self.family);
        self.set(n.level, n.mtu_discover, mode)
    }

    /// IPv4 options for every datagram; nothing to IPv6.
    pub(crate) fn set_ip_options(&self, options: &[u8]) -> io::Result<()> {
        if self.family == Family::V6 {
            return Ok(());
        }
        self.set_bytes(libc::SOL_IP, libc::IP_OPTIONS, options)
    }

    /// Lets [`Address`]es carry a flow label; nothing to IPv4.
    pub(crate) fn send_flow_label(&self) -> io::Result<()> {
        if self.family == Family::V4 {
            return Ok(());
        }
        self.set(libc::SOL_IPV6, libc::IPV6_FLOWINFO_SEND, 1)
    }

    /// Takes a share in a flow label towards an address, for a minute beyond its use.
    pub(crate) fn lease_flow_label(&self, to: IpAddr, label: u32) -> io::Result<()> {
        let IpAddr::V6(to) = to else { return Ok(()) };
        // struct in6_flowlabel_req of linux/in6.h: address, label, action GET, share ANY, flags
        // CREATE, seconds to expire and to linger, padding.
        let mut request = [0; 32];
        request[..16].copy_from_slice(&to.octets());
        request[16..20].copy_from_slice(&label.to_be_bytes());
        request[21] = 255;
        request[22..24].copy_from_slice(&1u16.to_ne_bytes());
        request[24..26].copy_from_slice(&60u16.to_ne_bytes());
        request[26..28].copy_from_slice(&60u16.to_ne_bytes());
        self.set_bytes(libc::SOL_IPV6, libc::IPV6_FLOWLABEL_MGR, &request)
    }

    /// Do we hear our own multicasts?
    pub(crate) fn set_multicast_loop(&self, on: bool) -> io::Result<()> {
        let n = numbers(self.family);
        self.set(n.level, n.multicast_loop, on.into())
    }

    /// Asks for hop limit, traffic class, destination and options with each datagram, unless its
    /// header comes with it.
    pub(crate) fn want_control(&self, is_raw: bool) -> io::Result<()> {
        if delivers_header(self.family, is_raw) {
            return Ok(());
        }
        let n = numbers(self.family);
        n.control.iter().try_for_each(|name| self.set(n.level, *name, 1))
    }

    /// Asks for ICMP errors on the error queue.
    pub(crate) fn want_errors(&self) -> io::Result<()> {
        let n = numbers(self.family);
        self.set(n.level, n.errors, 1)
    }

    /// Asks for kernel stamps; those of sends bear a number that counts from 0.
    pub(crate) fn want_stamps(&self, stamps: Stamps) -> io::Result<()> {
        let receive = libc::SOF_TIMESTAMPING_SOFTWARE | libc::SOF_TIMESTAMPING_RX_SOFTWARE;
        let send = libc::SOF_TIMESTAMPING_TX_SOFTWARE
            | libc::SOF_TIMESTAMPING_OPT_ID
            | libc::SOF_TIMESTAMPING_OPT_TSONLY;
        let flags = match stamps {
            Stamps::None => return Ok(()),
            Stamps::Receive => receive,
            Stamps::Both => receive | send,
        };
        self.set(libc::SOL_SOCKET, libc::SO_TIMESTAMPING, flags as c_int)
    }

    /// Makes the numbers of send stamps count from 0 again.
    pub(crate) fn restart_stamp_keys(&self) -> io::Result<()> {
        // The kernel starts anew whenever the option goes from off to on.
        self.want_stamps(Stamps::Receive)?;
        self.want_stamps(Stamps::Both)
    }

    /// Asks to be told how many datagrams were thrown away for want of buffer.
    pub(crate) fn count_overflow(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1)
    }

    /// How many datagrams were thrown away so far.
    pub(crate) fn dropped(&self) -> io::Result<u32> {
        const DROPS: usize = libc::SK_MEMINFO_DROPS as usize;
        let words = self.read::<{ DROPS + 1 }>(libc::SOL_SOCKET, libc::SO_MEMINFO)?;
        Ok(words[DROPS])
    }

    /// Makes room for at least `bytes` of what arrives, as the kernel counts it: headers of its own
    /// included. Asks for less if this process may not have so much.
    pub(crate) fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        self.grow(libc::SO_RCVBUF, libc::SO_RCVBUFFORCE, bytes)
    }

    /// Makes room for at least `bytes` of what leaves; as [`Socket::set_receive_buffer`].
    pub(crate) fn set_send_buffer_at_least(&self, bytes: usize) -> io::Result<()> {
        self.grow(libc::SO_SNDBUF, libc::SO_SNDBUFFORCE, bytes)
    }

    /// The send buffer's size, as the user said it.
    pub(crate) fn set_send_buffer(&self, bytes: usize) -> io::Result<()> {
        let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX);
        self.set(libc::SOL_SOCKET, libc::SO_SNDBUF, bytes)
    }

    fn grow(&self, name: c_int, forced: c_int, bytes: usize) -> io::Result<()> {
        let [now] = self.read(libc::SOL_SOCKET, name)?;
        if now as usize >= bytes {
            return Ok(());
        }
        // The kernel doubles what it is given (socket(7)).
        let half = c_int::try_from(bytes.div_ceil(2)).unwrap_or(c_int::MAX / 2);
        self.set(libc::SOL_SOCKET, forced, half).or_else(|_| self.set(libc::SOL_SOCKET, name, half))
    }

    /// How much room there is for what arrives.
    pub(crate) fn receive_buffer(&self) -> io::Result<usize> {
        let [bytes] = self.read(libc::SOL_SOCKET, libc::SO_RCVBUF)?;
        Ok(bytes as usize)
    }

    /// Sends and receives only by this interface or VRF.
    pub(crate) fn bind_to_device(&self, name: &str) -> io::Result<()> {
        self.set_bytes(libc::SOL_SOCKET, libc::SO_BINDTODEVICE, name.as_bytes())
    }

    /// Firewall mark.
    pub(crate) fn set_mark(&self, mark: u32) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_MARK, mark.cast_signed())
    }

    /// May it send to broadcast addresses?
    pub(crate) fn set_broadcast(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_BROADCAST, 1)
    }

    /// Only to directly attached networks.
    pub(crate) fn set_direct_only(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_DONTROUTE, 1)
    }

    /// Socket debugging.
    pub(crate) fn set_debug(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_DEBUG, 1)
    }

    /// Lets a socket of the other family have the same identifier.
    pub(crate) fn share_port(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)
    }

    /// Lets only these ICMP types pass; raw sockets only.
    pub(crate) fn set_type_filter(&self, types: &[u8]) -> io::Result<()> {
        // Set bits are types that do not pass, in words of the host's order.
        let mut blocked = [u32::MAX; 8];
        for kind in types {
            blocked[usize::from(kind >> 5)] &= !(1 << (kind & 31));
        }
        let bytes: Vec<u8> = blocked.iter().flat_map(|word| word.to_ne_bytes()).collect();
        match self.family {
            Family::V4 => self.set_bytes(libc::SOL_RAW, ICMP_FILTER, &bytes[..4]),
            Family::V6 => self.set_bytes(libc::SOL_ICMPV6, ICMPV6_FILTER, &bytes),
        }
    }

    /// Attaches a socket filter for good.
    pub(crate) fn attach_filter(&self, program: &[Instruction]) -> io::Result<()> {
        let program = libc::sock_fprog {
            len: program.len() as u16,
            // The kernel only reads it; `Instruction` is laid out as `sock_filter`.
            filter: program.as_ptr().cast_mut().cast(),
        };
        let value = std::ptr::from_ref(&program).cast();
        self.set_raw(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, value, size_of_val(&program))?;
        self.set(libc::SOL_SOCKET, SO_LOCK_FILTER, 1)
    }

    /// Reads and clears the pending error.
    pub(crate) fn take_error(&self) -> io::Result<u32> {
        let [error] = self.read(libc::SOL_SOCKET, libc::SO_ERROR)?;
        Ok(error)
    }

    /// The path MTU towards the peer of a connected socket.
    pub(crate) fn path_mtu(&self) -> io::Result<u32> {
        let n = numbers(self.family);
        let [mtu] = self.read(n.level, n.mtu)?;
        Ok(mtu)
    }

    /// Throws away what has arrived; returns how many datagrams.
    pub(crate) fn discard(&self) -> usize {
        // More than any receive buffer holds.
        const MOST: usize = 1_000_000;
        for count in 0..MOST {
            let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
            // SAFETY: a length of 0 has the kernel write nothing.
            let got = unsafe { libc::recv(self.fd(), std::ptr::null_mut(), 0, flags) };
            if got < 0 {
                return count;
            }
        }
        MOST
    }
}

/// A system call's answer, with the error if it is one.
fn check(answer: c_int) -> io::Result<c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
