//! Control messages that the kernel lays beside a received datagram (ip(7), ipv6(7)).
//!
//! Read from plain bytes, so that a damaged or truncated list can at worst say less.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the control messages of one datagram say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control<'a> {
    /// The kernel's software stamp, nanoseconds since 1970-01-01 UTC on the wall clock.
    pub stamp_ns: Option<i64>,
    /// TTL or hop limit.
    pub hop_limit: Option<u8>,
    /// TOS or traffic class.
    pub traffic_class: Option<u8>,
    /// The address that the datagram was sent to.
    pub destination: Option<IpAddr>,
    /// IPv4 options as received, padding included.
    pub options: &'a [u8],
    /// Datagrams that this socket has thrown away so far, for want of buffer.
    pub dropped: Option<u32>,
    /// What an entry of the error queue is about.
    pub error: Option<ExtendedError>,
    /// The VLAN tag that the kernel took out of a captured frame: its type and its content.
    pub tag: Option<(u16, u16)>,
}

/// An entry of the error queue: `sock_extended_err` and the offender behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// The system's error number.
    pub errno: u32,
    /// Where it comes from: `SO_EE_ORIGIN_*`.
    pub origin: u8,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// MTU, pointer or gateway; of a stamp, which one it is.
    pub info: u32,
    /// Of a stamp, the key of the datagram that it belongs to; of an ICMP error, where its
    /// extensions (RFC 4884) begin.
    pub data: u32,
    /// Who sent the ICMP error.
    pub offender: Option<IpAddr>,
}

impl ExtendedError {
    /// Where in what came back of a probe its extensions begin, if the kernel found any. Whether
    /// they are well formed it says, too, but that is left to whoever reads them.
    pub fn extension_at(&self) -> Option<usize> {
        // struct sock_ee_data_rfc4884: a length of 16 bits, flags, padding.
        let [low, high, _, _] = self.data.to_ne_bytes();
        let at = usize::from(u16::from_ne_bytes([low, high]));
        (self.is_icmp() && at != 0).then_some(at)
    }

    /// Whether it is an ICMP error.
    pub fn is_icmp(&self) -> bool {
        matches!(self.origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6)
    }
}

impl<'a> Control<'a> {
    /// Reads the control messages of one datagram; what is cut or unknown is left out.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Control<'a> {
        let mut control = Control::default();
        for (level, kind, body) in (Messages { rest: bytes }) {
            control.take(level, kind, body);
        }
        control
    }

    fn take(&mut self, level: i32, kind: i32, body: &'a [u8]) {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => {
                self.stamp_ns = software_stamp(body).or(self.stamp_ns);
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                self.stamp_ns = software_stamp(body).or(self.stamp_ns);
            }
            (libc::SOL_PACKET, libc::PACKET_AUXDATA) => self.tag = tag(body),
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => self.dropped = native(body, 0),
            (libc::SOL_IP, libc::IP_TTL) | (libc::SOL_IPV6, libc::IPV6_HOPLIMIT) => {
                self.hop_limit = native(body, 0).and_then(|ttl| u8::try_from(ttl).ok());
            }
            // The one is a byte, the other an int.
            (libc::SOL_IP, libc::IP_TOS) => self.traffic_class = body.first().copied(),
            (libc::SOL_IPV6, libc::IPV6_TCLASS) => {
                self.traffic_class = native(body, 0).and_then(|class| u8::try_from(class).ok());
            }
            // struct in_pktinfo: index, the local address, the address in the header.
            (libc::SOL_IP, libc::IP_PKTINFO) => {
                self.destination = array::<4>(body, 8).map(|octets| Ipv4Addr::from(octets).into());
            }
            (libc::SOL_IPV6, libc::IPV6_PKTINFO) => {
                self.destination = array::<16>(body, 0).map(|octets| Ipv6Addr::from(octets).into());
            }
            (libc::SOL_IP, libc::IP_RECVOPTS) => self.options = body,
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => {
                self.error = extended_error(body);
            }
            _ => {}
        }
    }
}

/// The messages of a control buffer: level, type, body.
struct Messages<'a> {
    rest: &'a [u8],
}

/// `struct cmsghdr`: a `size_t` length, header included, then level and type.
const WORD_BYTES: usize = size_of::<usize>();
const HEADER_BYTES: usize = (WORD_BYTES + 8).next_multiple_of(WORD_BYTES);

impl<'a> Iterator for Messages<'a> {
    type Item = (i32, i32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from_ne_bytes(array(self.rest, 0)?);
        let level = i32::from_ne_bytes(array(self.rest, WORD_BYTES)?);
        let kind = i32::from_ne_bytes(array(self.rest, WORD_BYTES + 4)?);
        let body = self.rest.get(HEADER_BYTES..length)?;
        let next = length.checked_next_multiple_of(WORD_BYTES)?;
        self.rest = self.rest.get(next..).unwrap_or(&[]);
        Some((level, kind, body))
    }
}

/// The first of the three times of `struct scm_timestamping`; the other two are hardware's. Zero
/// stands for none.
fn software_stamp(body: &[u8]) -> Option<i64> {
    let (seconds, nanos) = match size_of::<libc::timespec>() {
        16 => (i64::from_ne_bytes(array(body, 0)?), i64::from_ne_bytes(array(body, 8)?)),
        _ => {
            let seconds = i32::from_ne_bytes(array(body, 0)?);
            (i64::from(seconds), i64::from(i32::from_ne_bytes(array(body, 4)?)))
        }
    };
    let stamp = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    (stamp > 0).then_some(stamp)
}

/// The tag in `struct tpacket_auxdata` (packet(7)): three words, two offsets, content and type.
fn tag(body: &[u8]) -> Option<(u16, u16)> {
    const IS_THERE: u32 = 1 << 4;
    const HAS_TYPE: u32 = 1 << 6;
    const VLAN: u16 = 0x8100;
    let status = native(body, 0)?;
    let content = u16::from_ne_bytes(array(body, 16)?);
    let kind = u16::from_ne_bytes(array(body, 18)?);
    let kind = if status & HAS_TYPE != 0 { kind } else { VLAN };
    (status & IS_THERE != 0).then_some((kind, content))
}

fn extended_error(body: &[u8]) -> Option<ExtendedError> {
    let [origin, kind, code, _pad] = array(body, 4)?;
    Some(ExtendedError {
        errno: native(body, 0)?,
        origin,
        kind,
        code,
        info: native(body, 8)?,
        data: native(body, 12)?,
        offender: socket_address(body.get(16..)?),
    })
}

/// The IP address of a `struct sockaddr`, if it is one of IP.
fn socket_address(bytes: &[u8]) -> Option<IpAddr> {
    match i32::from(u16::from_ne_bytes(array(bytes, 0)?)) {
        libc::AF_INET => array::<4>(bytes, 4).map(|octets| Ipv4Addr::from(octets).into()),
        libc::AF_INET6 => array::<16>(bytes, 8).map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn native(bytes: &[u8], offset: usize) -> Option<u32> {
    array(bytes, offset).map(u32::from_ne_bytes)
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: i32, kind: i32, body: &[u8]) -> Vec<u8> {
        let mut out = (HEADER_BYTES + body.len()).to_ne_bytes().to_vec();
        out.extend_from_slice(&level.to_ne_bytes());
        out.extend_from_slice(&kind.to_ne_bytes());
        out.resize(HEADER_BYTES, 0);
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(WORD_BYTES), 0);
        out
    }

    fn stamp(seconds: i64, nanos: i64) -> Vec<u8> {
        let mut body = [seconds.to_ne_bytes(), nanos.to_ne_bytes()].concat();
        body.resize(48, 0);
        message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &body)
    }

    #[test]
    fn reads_what_a_ping_socket_delivers() {
        let bytes = [
            stamp(1_700_000_000, 5),
            message(libc::SOL_IP, libc::IP_TTL, &57i32.to_ne_bytes()),
            message(libc::SOL_IP, libc::IP_TOS, &[0xb8]),
            message(libc::SOL_IP, libc::IP_PKTINFO, &[1, 0, 0, 0, 9, 9, 9, 9, 192, 0, 2, 7]),
            message(libc::SOL_IP, libc::IP_RECVOPTS, &[7, 7, 4, 192, 0, 2, 1, 0]),
            message(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &3u32.to_ne_bytes()),
        ]
        .concat();
        let control = Control::parse(&bytes);
        assert_eq!(control.stamp_ns, Some(1_700_000_000_000_000_005));
        assert_eq!(control.hop_limit, Some(57));
        assert_eq!(control.traffic_class, Some(0xb8));
        assert_eq!(control.destination, Some("192.0.2.7".parse().expect("an address")));
        assert_eq!(control.options, [7, 7, 4, 192, 0, 2, 1, 0]);
        assert_eq!(control.dropped, Some(3));
        assert_eq!(control.error, None);
    }

    #[test]
    fn reads_an_entry_of_the_error_queue() {
        let mut body = Vec::new();
        body.extend_from_slice(&90u32.to_ne_bytes());
        body.extend_from_slice(&[libc::SO_EE_ORIGIN_ICMP, 3, 4, 0]);
        body.extend_from_slice(&1_280u32.to_ne_bytes());
        body.extend_from_slice(&0u32.to_ne_bytes());
        body.extend_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        body.extend_from_slice(&[0, 0, 198, 51, 100, 1]);
        let bytes = message(libc::SOL_IP, libc::IP_RECVERR, &body);
        let error = Control::parse(&bytes).error.expect("an error");
        assert_eq!((error.errno, error.kind, error.code, error.info), (90, 3, 4, 1_280));
        assert_eq!(error.offender, Some("198.51.100.1".parse().expect("an address")));
    }

    #[test]
    fn hostile_lengths_end_the_list() {
        let good = message(libc::SOL_IP, libc::IP_TTL, &9i32.to_ne_bytes());
        for length in [0, 1, HEADER_BYTES - 1, good.len() + 1, usize::MAX, usize::MAX - 6] {
            let mut bytes = good.clone();
            bytes[..WORD_BYTES].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(Control::parse(&bytes), Control::default(), "{length}");
        }
        for end in 0..good.len() - 4 {
            assert_eq!(Control::parse(&good[..end]).hop_limit, None, "{end}");
        }
    }

    #[test]
    fn reads_what_a_packet_socket_delivers() {
        let time = [1_700_000_000_i64.to_ne_bytes(), 5_i64.to_ne_bytes()].concat();
        let mut auxiliary = [0_u8; 20];
        auxiliary[..4].copy_from_slice(&(1_u32 << 4).to_ne_bytes());
        auxiliary[16..18].copy_from_slice(&10_u16.to_ne_bytes());
        let bytes = [
            message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &time),
            message(libc::SOL_PACKET, libc::PACKET_AUXDATA, &auxiliary),
        ]
        .concat();
        let control = Control::parse(&bytes);
        assert_eq!(control.stamp_ns, Some(1_700_000_000_000_000_005));
        assert_eq!(control.tag, Some((0x8100, 10)));
        auxiliary[0] = 0;
        let bytes = message(libc::SOL_PACKET, libc::PACKET_AUXDATA, &auxiliary);
        assert_eq!(Control::parse(&bytes).tag, None);
    }

    #[test]
    fn an_impossible_stamp_is_none() {
        assert_eq!(Control::parse(&stamp(0, 0)).stamp_ns, None);
        assert_eq!(Control::parse(&stamp(-5, 0)).stamp_ns, None);
        assert_eq!(Control::parse(&stamp(i64::MAX, i64::MAX)).stamp_ns, None);
    }
}
