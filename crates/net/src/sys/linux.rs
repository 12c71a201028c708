//! Linux: sockets and their options (raw(7), icmp(7), udp(7), ip(7), ipv6(7), socket(7)).

mod cell;
mod crowd;
mod headers;
mod host;
mod memory;
mod messages;
mod netlink;
mod packet;
mod process;
mod signals;
mod terminal;
mod tun;

pub(crate) use cell::*;
pub(crate) use crowd::*;
pub(crate) use headers::Wrapper;
pub(crate) use host::*;
pub use memory::Memory;
pub(crate) use messages::*;
pub(crate) use netlink::*;
pub(crate) use packet::*;
pub(crate) use process::*;
pub use signals::Signals;
pub(crate) use terminal::*;
pub(crate) use tun::*;

use crate::Stamps;
use crate::control::ExtendedError;
use crate::filter::Instruction;
use libc::{c_int, c_void, socklen_t};
use probe::Fragmentation;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use wire::Family;

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
    errors_extended: c_int,
    header_included: c_int,
    /// The control message that gives one datagram its hop limit.
    one_hop_limit: c_int,
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
    errors_extended: 26,
    header_included: libc::IP_HDRINCL,
    one_hop_limit: libc::IP_TTL,
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
    errors_extended: 31,
    header_included: libc::IPV6_HDRINCL,
    one_hop_limit: libc::IPV6_HOPLIMIT,
    control: &[libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVTCLASS, libc::IPV6_RECVPKTINFO],
};

fn numbers(family: Family) -> &'static Numbers {
    match family {
        Family::V4 => &V4,
        Family::V6 => &V6,
    }
}

// From linux/icmp.h, linux/icmpv6.h and asm-generic/socket.h; libc does not name them, nor
// IP_RECVERR_RFC4884 of linux/in.h and IPV6_RECVERR_RFC4884 of linux/in6.h above.
const ICMP_FILTER: c_int = 1;
const ICMPV6_FILTER: c_int = 1;
const SO_LOCK_FILTER: c_int = 44;

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

/// Pads a quote to at least `min_bytes` and to the unit of the length attribute, which it returns
/// where it stands in bytes 4 to 7 of an ICMP error (RFC 4884 §4). `None` if it cannot say so much.
pub(crate) fn extend(family: Family, min_bytes: usize, quote: &mut Vec<u8>) -> Option<u32> {
    let (unit_bytes, shift) = match family {
        Family::V4 => (4, 16),
        Family::V6 => (8, 24),
    };
    quote.resize(quote.len().max(min_bytes).next_multiple_of(unit_bytes), 0);
    let units = u8::try_from(quote.len() / unit_bytes).ok()?;
    Some(u32::from(units) << shift)
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

    /// The port, if this is an IP address.
    pub(crate) fn port(&self) -> u16 {
        // SAFETY: as in `ip`; both structures have the port at the same place.
        u16::from_be(unsafe { self.v4.sin_port })
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

    /// Opens a raw socket that receives a protocol.
    pub(crate) fn raw(family: Family, protocol: u8) -> io::Result<Socket> {
        Socket::open(family, libc::SOCK_RAW, protocol.into())
    }

    /// Opens a raw socket that receives nothing, and sends whole datagrams of any protocol.
    pub(crate) fn raw_sender(family: Family) -> io::Result<Socket> {
        Socket::open(family, libc::SOCK_RAW, libc::IPPROTO_RAW)
    }

    /// Opens a UDP socket.
    pub(crate) fn udp(family: Family) -> io::Result<Socket> {
        Socket::open(family, libc::SOCK_DGRAM, 0)
    }

    /// Opens a TCP socket.
    pub(crate) fn tcp(family: Family) -> io::Result<Socket> {
        Socket::open(family, libc::SOCK_STREAM, 0)
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

    /// The same as a stream, for reading.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.fd.into()
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
        self.set_unicast_hop_limit(hop_limit)?;
        self.set(n.level, n.multicast_hop_limit, hop_limit.into())
    }

    /// TTL or hop limit, to one.
    pub(crate) fn set_unicast_hop_limit(&self, hop_limit: u8) -> io::Result<()> {
        let n = numbers(self.family);
        self.set(n.level, n.hop_limit, hop_limit.into())
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

    /// Whether what is sent begins with the IP header; raw sockets only.
    pub(crate) fn include_header(&self, on: bool) -> io::Result<()> {
        let n = numbers(self.family);
        self.set(n.level, n.header_included, on.into())
    }

    /// Leaves the port to other sockets of the other family.
    pub(crate) fn keep_to_family(&self) -> io::Result<()> {
        match self.family {
            Family::V4 => Ok(()),
            Family::V6 => self.set(libc::SOL_IPV6, libc::IPV6_V6ONLY, 1),
        }
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

    /// Asks to be told where the extensions of ICMP errors begin (RFC 4884).
    pub(crate) fn want_extensions(&self) -> io::Result<()> {
        let n = numbers(self.family);
        self.set(n.level, n.errors_extended, 1)
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

    /// Makes a connection end at once and without ceremony when it is closed.
    pub(crate) fn forget_on_close(&self) -> io::Result<()> {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let value = std::ptr::from_ref(&linger).cast();
        self.set_raw(libc::SOL_SOCKET, libc::SO_LINGER, value, size_of_val(&linger))
    }

    /// Makes a connection give up as soon as the kernel lets it.
    pub(crate) fn try_once(&self) -> io::Result<()> {
        self.set(libc::SOL_TCP, libc::TCP_SYNCNT, 1)
    }

    /// Whether a connection had to send something twice.
    pub(crate) fn has_sent_again(&self) -> bool {
        // struct tcp_info of linux/tcp.h: eight bytes, then words; this is the 24th.
        const TOTAL_RETRANS: usize = 2 + 23;
        let words = self.read::<{ TOTAL_RETRANS + 1 }>(libc::SOL_TCP, libc::TCP_INFO);
        words.is_ok_and(|words| words[TOTAL_RETRANS] > 0)
    }

    /// Lets a socket of the other family have the same identifier, and a connection the port that a
    /// socket without one holds.
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
