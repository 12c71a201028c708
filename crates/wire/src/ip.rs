//! IP datagrams of both versions (RFC 791, RFC 8200): one parse, one emit each.
//!
//! What stands in an IPv4 header's options is read by [`options`], what stands between an IPv6
//! header and its payload by [`extensions`].

use crate::{Family, Malformed, array, be32, checksum};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub mod extensions;
pub mod options;
mod outline;

pub use outline::Outline;

/// IP protocol numbers that this project speaks (IANA "Assigned Internet Protocol Numbers").
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// DCCP.
    pub const DCCP: u8 = 33;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Authentication header (RFC 4302).
    pub const AUTHENTICATION: u8 = 51;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// Nothing follows (RFC 8200 §4.7).
    pub const NO_NEXT_HEADER: u8 = 59;
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// UDP-Lite.
    pub const UDP_LITE: u8 = 136;
}

/// The most bytes of options that an IPv4 header can hold: IHL 15 less the fixed 20 (RFC 791 §3.1).
pub const OPTIONS_MAX_BYTES: usize = 40;

/// What every link carries without fragmenting at the IP layer; no path MTU is less (RFC 791 §3.2,
/// RFC 8200 §5).
pub fn mtu_min_bytes(family: Family) -> u32 {
    match family {
        Family::V4 => 68,
        Family::V6 => 1_280,
    }
}

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
    /// What the fixed header names as following it: the kind of the first extension header in IPv6
    /// where there are any, else the same as `protocol`.
    pub next_header: u8,
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
        let outline = Outline::parse(bytes)?;
        match outline.family {
            Family::V4 => parse_v4(bytes, &outline),
            Family::V6 => parse_v6(bytes, &outline),
        }
    }

    /// The IP version.
    pub fn family(&self) -> Family {
        Family::of(self.source)
    }

    /// The IPv4 options one by one; none in IPv6.
    pub fn ipv4_options(&self) -> options::Options<'a> {
        options::Options::new(self.options)
    }

    /// The IPv6 extension headers one by one; none in IPv4.
    pub fn extension_headers(&self) -> extensions::Extensions<'a> {
        extensions::Extensions::new(self.next_header, self.extensions)
    }

    /// Whether this is a fragment whose payload does not begin with a transport header.
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset_bytes != 0)
    }

    /// The header alone, to be changed and written again.
    pub fn header(&self) -> Header {
        let fragment = match self.family() {
            Family::V4 => self.fragment,
            Family::V6 => None,
        };
        let kept = self.extension_headers().map_while(Result::ok);
        Header {
            source: self.source,
            destination: self.destination,
            hop_limit: self.hop_limit,
            traffic_class: self.traffic_class,
            flow_label: self.flow_label,
            identification: self.identification as u16,
            dont_fragment: self.dont_fragment && self.family() == Family::V4,
            fragment,
            options: self.options.to_vec(),
            extensions: kept.map(|header| (header.kind, header.bytes.to_vec())).collect(),
            protocol: self.protocol,
        }
    }

    /// Appends the datagram to `out`: stated lengths as they are, the IPv4 header checksum filled
    /// in. IPv4's reserved flag is written as 0.
    ///
    /// # Errors
    /// If a value does not fit its field, the options are too long or not padded to 4 bytes, or the
    /// families of the addresses differ.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => self.emit_v4(source, destination, out),
            (IpAddr::V6(source), IpAddr::V6(destination)) => self.emit_v6(source, destination, out),
            _ => Err(Malformed::Version(0)),
        }
    }

    fn emit_v4(
        &self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let header_bytes = 20 + self.options.len();
        if self.options.len() > OPTIONS_MAX_BYTES || !self.options.len().is_multiple_of(4) {
            return Err(Malformed::HeaderLength(header_bytes));
        }
        let total = u16::try_from(self.total_bytes)
            .map_err(|_| Malformed::TotalLength(self.total_bytes))?;
        let identification = u16::try_from(self.identification).map_err(|_| Malformed::Value(4))?;
        let mut flags = if self.dont_fragment { 0x4000 } else { 0 };
        if let Some(fragment) = self.fragment {
            flags |= if fragment.more { 0x2000 } else { 0 } | fragment.units(6)?;
        }
        let start = out.len();
        out.extend_from_slice(&[0x40 | (header_bytes / 4) as u8, self.traffic_class]);
        out.extend_from_slice(&total.to_be_bytes());
        out.extend_from_slice(&identification.to_be_bytes());
        out.extend_from_slice(&u16::to_be_bytes(flags));
        out.extend_from_slice(&[self.hop_limit, self.protocol, 0, 0]);
        out.extend_from_slice(&source.octets());
        out.extend_from_slice(&destination.octets());
        out.extend_from_slice(self.options);
        let sum = checksum::of(&out[start..]);
        out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        out.extend_from_slice(self.payload);
        Ok(())
    }

    fn emit_v6(
        &self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let length = self.total_bytes.checked_sub(40).and_then(|n| u16::try_from(n).ok());
        let length = length.ok_or(Malformed::TotalLength(self.total_bytes))?;
        let first =
            0x6000_0000 | u32::from(self.traffic_class) << 20 | (self.flow_label & 0x000f_ffff);
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[self.next_header, self.hop_limit]);
        out.extend_from_slice(&source.octets());
        out.extend_from_slice(&destination.octets());
        out.extend_from_slice(self.extensions);
        out.extend_from_slice(self.payload);
        Ok(())
    }
}

/// Whether the checksum of the IPv4 header at the start of `bytes` is right. IPv6 headers have none
/// and are always right; anything else, and a header that is cut, is wrong.
pub fn verify_header(bytes: &[u8]) -> bool {
    match bytes.first() {
        Some(first) if first >> 4 == 4 && first & 0x0f >= 5 => {
            let header = bytes.get(..usize::from(first & 0x0f) * 4);
            header.is_some_and(|header| checksum::of(header) == 0)
        }
        Some(first) => first >> 4 == 6 && bytes.len() >= 40,
        None => false,
    }
}

fn parse_v4<'a>(bytes: &'a [u8], outline: &Outline) -> Result<Datagram<'a>, Malformed> {
    let fixed: [u8; 20] = array(bytes, 0)?;
    Ok(Datagram {
        source: Ipv4Addr::from(outline.source as u32).into(),
        destination: Ipv4Addr::from(outline.destination as u32).into(),
        hop_limit: fixed[8],
        traffic_class: fixed[1],
        flow_label: 0,
        identification: u32::from(u16::from_be_bytes([fixed[4], fixed[5]])),
        dont_fragment: fixed[6] & 0x40 != 0,
        fragment: outline.fragment,
        options: &bytes[20..outline.payload_at],
        next_header: fixed[9],
        extensions: &[],
        protocol: outline.protocol,
        total_bytes: outline.total_bytes,
        payload: outline.payload(bytes),
    })
}

fn parse_v6<'a>(bytes: &'a [u8], outline: &Outline) -> Result<Datagram<'a>, Malformed> {
    let first = be32(bytes, 0)?;
    Ok(Datagram {
        source: Ipv6Addr::from(outline.source).into(),
        destination: Ipv6Addr::from(outline.destination).into(),
        hop_limit: bytes[7],
        traffic_class: (first >> 20) as u8,
        flow_label: first & 0x000f_ffff,
        identification: outline.fragment.map_or(0, |f| f.identification),
        dont_fragment: true,
        fragment: outline.fragment,
        options: &[],
        next_header: bytes[6],
        extensions: &bytes[40..outline.payload_at],
        protocol: outline.protocol,
        total_bytes: outline.total_bytes,
        payload: outline.payload(bytes),
    })
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
    /// Set to write a fragment; its identification then stands for the one above. In IPv6 its
    /// header comes after the extension headers below.
    pub fragment: Option<Fragment>,
    /// IPv4 options, a multiple of 4 bytes, at most 40; ignored in IPv6.
    pub options: Vec<u8>,
    /// IPv6 extension headers, each its kind and its bytes, whose first is overwritten with the
    /// kind of what follows; ignored in IPv4.
    pub extensions: Vec<(u8, Vec<u8>)>,
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
            fragment: None,
            options: Vec::new(),
            extensions: Vec::new(),
            protocol,
        }
    }

    /// Appends header and payload to `out`; the IPv4 checksum is filled in.
    ///
    /// # Errors
    /// If the payload does not fit the 16-bit length, the options are too long or not padded to 4
    /// bytes, an extension header's length contradicts its own length field, a fragment's offset is
    /// no multiple of 8, or the families of the addresses differ.
    pub fn emit(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let family = Family::of(self.source);
        let (next_header, chain) = match family {
            Family::V4 => (self.protocol, Vec::new()),
            Family::V6 => self.chain()?,
        };
        let options = match family {
            Family::V4 => self.options.as_slice(),
            Family::V6 => &[],
        };
        let identification =
            self.fragment.map_or(u32::from(self.identification), |f| f.identification);
        Datagram {
            source: self.source,
            destination: self.destination,
            hop_limit: self.hop_limit,
            traffic_class: self.traffic_class,
            flow_label: self.flow_label,
            identification,
            dont_fragment: self.dont_fragment,
            fragment: self.fragment,
            options,
            next_header,
            extensions: &chain,
            protocol: self.protocol,
            total_bytes: family_header_bytes(family) + options.len() + chain.len() + payload.len(),
            payload,
        }
        .emit(out)
    }

    /// Bytes that [`Header::emit`] writes in front of the payload.
    pub fn bytes(&self) -> usize {
        match Family::of(self.source) {
            Family::V4 => 20 + self.options.len(),
            Family::V6 => {
                let fragment = if self.fragment.is_some() { 8 } else { 0 };
                40 + self.extensions.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() + fragment
            }
        }
    }

    /// Extension headers and fragment header in one piece, and the kind of the first.
    fn chain(&self) -> Result<(u8, Vec<u8>), Malformed> {
        let mut headers = self.extensions.clone();
        if let Some(fragment) = self.fragment {
            let units = fragment.units(2)? << 3 | u16::from(fragment.more);
            let mut bytes = vec![0, 0];
            bytes.extend_from_slice(&units.to_be_bytes());
            bytes.extend_from_slice(&fragment.identification.to_be_bytes());
            headers.push((protocol::FRAGMENT, bytes));
        }
        let kinds: Vec<u8> = headers.iter().map(|(kind, _)| *kind).collect();
        let mut chain = Vec::new();
        for (index, (kind, mut bytes)) in headers.into_iter().enumerate() {
            if extensions::stated_bytes(kind, &bytes)? != Some(bytes.len()) {
                return Err(Malformed::HeaderLength(bytes.len()));
            }
            bytes[0] = kinds.get(index + 1).copied().unwrap_or(self.protocol);
            chain.append(&mut bytes);
        }
        Ok((kinds.first().copied().unwrap_or(self.protocol), chain))
    }
}

/// Bytes of the fixed header.
fn family_header_bytes(family: Family) -> usize {
    match family {
        Family::V4 => 20,
        Family::V6 => 40,
    }
}

impl Fragment {
    /// The offset in units of 8 bytes; `at` is where its field stands.
    fn units(&self, at: usize) -> Result<u16, Malformed> {
        match self.offset_bytes % 8 {
            0 => Ok(self.offset_bytes / 8),
            _ => Err(Malformed::Value(at)),
        }
    }
}

/// Where to cut `payload_bytes` so that every piece and a header of `header_bytes` fit `mtu_bytes`:
/// pieces in order, each but the last a multiple of 8 bytes, and whether more follow (RFC 791 §3.2,
/// RFC 8200 §4.5). `header_bytes` includes IPv6's fragment header. No pieces if the MTU leaves no
/// room for 8 bytes.
pub fn pieces(
    payload_bytes: usize,
    header_bytes: usize,
    mtu_bytes: usize,
) -> impl Iterator<Item = (Range<usize>, bool)> {
    let step = mtu_bytes.saturating_sub(header_bytes) / 8 * 8;
    let end = if step == 0 { 0 } else { payload_bytes };
    (0..end).step_by(step.max(1)).map(move |start| {
        let stop = start.saturating_add(step).min(payload_bytes);
        (start..stop, stop < payload_bytes)
    })
}
