//! IP datagrams of both versions (RFC 791, RFC 8200): one parse, one emit each.

use crate::{Family, Malformed, array, be16, be32, checksum};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IP protocol numbers that this project speaks (IANA "Assigned Internet Protocol Numbers").
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
}

/// The most bytes of options that an IPv4 header can hold: IHL 15 less the fixed 20 (RFC 791 §3.1).
pub const OPTIONS_MAX_BYTES: usize = 40;

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub identification: u32,
    /// Offset of this fragment's first byte in the original payload; a multiple of 8.
    pub offset_bytes: u16,
    /// Whether more fragments follow.
    pub more: bool,
}

/// A datagram as parsed; borrows everything of variable length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// TTL or hop limit as received.
    pub hop_limit: u8,
    /// TOS or traffic class: DSCP in the upper six bits, ECN in the lower two.
    pub traffic_class: u8,
    /// Flow label, 20 bits; 0 in IPv4.
    pub flow_label: u32,
    /// IPv4 identification; 0 in IPv6 without a fragment header.
    pub identification: u32,
    /// IPv4's DF bit; always true in IPv6, whose routers never fragment.
    pub dont_fragment: bool,
    /// Set if this is a fragment (also the first).
    pub fragment: Option<Fragment>,
    /// IPv4 options, padding included; empty in IPv6.
    pub options: &'a [u8],
    /// IPv6 extension headers as they stand between fixed header and payload; empty in IPv4.
    pub extensions: &'a [u8],
    /// The upper layer's protocol number (IPv6: after all extension headers).
    pub protocol: u8,
    /// Length that the header states, header included.
    pub total_bytes: usize,
    /// The upper layer's bytes; shorter than stated only in a quote.
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Parses a whole datagram. Bytes after the stated length (link padding) are left out.
    ///
    /// # Errors
    /// If a header is cut, states impossible lengths, or states more bytes than there are. The IPv4
    /// header checksum is not checked here: kernels did, and captures of offloaded packets lack it.
    pub fn parse(bytes: &'a [u8]) -> Result<Datagram<'a>, Malformed> {
        let datagram = Datagram::parse_quoted(bytes)?;
        if datagram.total_bytes > bytes.len() {
            return Err(Malformed::Truncated { needed: datagram.total_bytes, got: bytes.len() });
        }
        Ok(datagram)
    }

    /// Parses the start of a datagram as an ICMP error quotes it: headers whole, payload cut.
    ///
    /// # Errors
    /// If the fixed header, options or extension headers are cut or impossible.
    pub fn parse_quoted(bytes: &'a [u8]) -> Result<Datagram<'a>, Malformed> {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => parse_v4(bytes),
            Some(6) => parse_v6(bytes),
            Some(version) => Err(Malformed::Version(version)),
            None => Err(Malformed::Truncated { needed: 1, got: 0 }),
        }
    }

    /// The IP version.
    pub fn family(&self) -> Family {
        Family::of(self.source)
    }
}

fn parse_v4(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let fixed: [u8; 20] = array(bytes, 0)?;
    let header_bytes = usize::from(fixed[0] & 0x0f) * 4;
    if header_bytes < 20 {
        return Err(Malformed::HeaderLength(header_bytes));
    }
    let options = bytes
        .get(20..header_bytes)
        .ok_or(Malformed::Truncated { needed: header_bytes, got: bytes.len() })?;
    let total_bytes = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if total_bytes < header_bytes {
        return Err(Malformed::TotalLength(total_bytes));
    }
    let identification = u32::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    let flags = u16::from_be_bytes([fixed[6], fixed[7]]);
    let offset_bytes = (flags & 0x1fff) * 8;
    let more = flags & 0x2000 != 0;
    Ok(Datagram {
        source: Ipv4Addr::from([fixed[12], fixed[13], fixed[14], fixed[15]]).into(),
        destination: Ipv4Addr::from([fixed[16], fixed[17], fixed[18], fixed[19]]).into(),
        hop_limit: fixed[8],
        traffic_class: fixed[1],
        flow_label: 0,
        identification,
        dont_fragment: flags & 0x4000 != 0,
        fragment: (more || offset_bytes != 0).then_some(Fragment {
            identification,
            offset_bytes,
            more,
        }),
        options,
        extensions: &[],
        protocol: fixed[9],
        total_bytes,
        payload: &bytes[header_bytes..total_bytes.min(bytes.len())],
    })
}

fn parse_v6(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let first = be32(bytes, 0)?;
    let payload_bytes = usize::from(be16(bytes, 4)?);
    let source: [u8; 16] = array(bytes, 8)?;
    let destination: [u8; 16] = array(bytes, 24)?;
    let total_bytes = 40 + payload_bytes;
    let body = &bytes[40..total_bytes.min(bytes.len())];
    let chain = walk_extensions(bytes[6], body)?;
    Ok(Datagram {
        source: Ipv6Addr::from(source).into(),
        destination: Ipv6Addr::from(destination).into(),
        hop_limit: bytes[7],
        traffic_class: (first >> 20) as u8,
        flow_label: first & 0x000f_ffff,
        identification: chain.fragment.map_or(0, |f| f.identification),
        dont_fragment: true,
        fragment: chain.fragment,
        options: &[],
        extensions: &body[..chain.bytes],
        protocol: chain.protocol,
        total_bytes,
        payload: &body[chain.bytes..],
    })
}

struct Chain {
    protocol: u8,
    bytes: usize,
    fragment: Option<Fragment>,
}

/// Follows hop-by-hop (0), routing (43), fragment (44) and destination options (60) headers to the
/// upper layer (RFC 8200 §4). Stops behind a fragment that is not the first: what follows it is
/// payload whatever its number says.
fn walk_extensions(first: u8, body: &[u8]) -> Result<Chain, Malformed> {
    let mut chain = Chain { protocol: first, bytes: 0, fragment: None };
    loop {
        let header_bytes = match chain.protocol {
            0 | 43 | 60 => {
                let [_, units]: [u8; 2] = array(body, chain.bytes)?;
                (usize::from(units) + 1) * 8
            }
            44 => 8,
            _ => return Ok(chain),
        };
        let end = chain.bytes + header_bytes;
        let header = body
            .get(chain.bytes..end)
            .ok_or(Malformed::Truncated { needed: end, got: body.len() })?;
        if chain.protocol == 44 {
            let offset = be16(header, 2)?;
            let fragment = Fragment {
                identification: be32(header, 4)?,
                offset_bytes: offset & 0xfff8,
                more: offset & 1 != 0,
            };
            chain.fragment = Some(fragment);
            if fragment.offset_bytes != 0 {
                return Ok(Chain { protocol: header[0], bytes: end, ..chain });
            }
        }
        chain.protocol = header[0];
        chain.bytes = end;
    }
}

/// What [`Header::emit`] writes in front of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source address.
    pub source: IpAddr,
    /// Destination address; of the same family as the source.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// TOS or traffic class.
    pub traffic_class: u8,
    /// Flow label, 20 bits; IPv6 only.
    pub flow_label: u32,
    /// IPv4 identification.
    pub identification: u16,
    /// IPv4's DF bit.
    pub dont_fragment: bool,
    /// IPv4 options, a multiple of 4 bytes, at most 40.
    pub options: Vec<u8>,
    /// Protocol number of the payload.
    pub protocol: u8,
}

impl Header {
    /// A plain header: hop limit 64, everything else zero.
    pub fn new(source: IpAddr, destination: IpAddr, protocol: u8) -> Header {
        Header {
            source,
            destination,
            hop_limit: 64,
            traffic_class: 0,
            flow_label: 0,
            identification: 0,
            dont_fragment: false,
            options: Vec::new(),
            protocol,
        }
    }

    /// Appends header and payload to `out`; the IPv4 checksum is filled in.
    ///
    /// # Errors
    /// If the payload does not fit the 16-bit length, the options are too long or not padded to 4
    /// bytes, or the families of the addresses differ.
    pub fn emit(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.emit_v4(source, destination, payload, out)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.emit_v6(source, destination, payload, out)
            }
            _ => Err(Malformed::Version(0)),
        }
    }

    fn emit_v4(
        &self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let header_bytes = 20 + self.options.len();
        if self.options.len() > OPTIONS_MAX_BYTES || !self.options.len().is_multiple_of(4) {
            return Err(Malformed::HeaderLength(header_bytes));
        }
        let total = header_bytes + payload.len();
        let total = u16::try_from(total).map_err(|_| Malformed::TotalLength(total))?;
        let start = out.len();
        out.extend_from_slice(&[0x40 | (header_bytes / 4) as u8, self.traffic_class]);
        out.extend_from_slice(&total.to_be_bytes());
        out.extend_from_slice(&self.identification.to_be_bytes());
        out.extend_from_slice(&[if self.dont_fragment { 0x40 } else { 0 }, 0]);
        out.extend_from_slice(&[self.hop_limit, self.protocol, 0, 0]);
        out.extend_from_slice(&source.octets());
        out.extend_from_slice(&destination.octets());
        out.extend_from_slice(&self.options);
        let sum = checksum::of(&out[start..]);
        out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        out.extend_from_slice(payload);
        Ok(())
    }

    fn emit_v6(
        &self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let length = u16::try_from(payload.len())
            .map_err(|_| Malformed::TotalLength(payload.len().saturating_add(40)))?;
        let first =
            0x6000_0000 | u32::from(self.traffic_class) << 20 | (self.flow_label & 0x000f_ffff);
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[self.protocol, self.hop_limit]);
        out.extend_from_slice(&source.octets());
        out.extend_from_slice(&destination.octets());
        out.extend_from_slice(payload);
        Ok(())
    }
}
