//! IP headers of both versions, their options and extension headers, and what they carry.

use super::transport::Extent;
use super::{Between, Dissection, Reader, hex, icmp, protocol_name, same, says, transport};
use crate::command::explain::both::{Both, Pair};
use std::net::IpAddr;
use wire::Family;
use wire::ip::extensions::{Content, Extensions, Ipv6Option};
use wire::ip::options::{Ipv4Option, Options, Route};
use wire::ip::{protocol, verify_header};

/// A header that was read.
pub struct Header<'a> {
    /// Who to whom.
    pub between: Between,
    /// What the header carries, as far as it is there.
    pub payload: &'a [u8],
    /// Where that begins in the packet.
    pub base: usize,
    /// Whether it begins with a transport header.
    pub is_first: bool,
    /// Whether it is all there: neither a fragment nor cut.
    pub is_whole: bool,
}

impl Between {
    fn new(source: IpAddr, destination: IpAddr, hop_limit: u8, protocol: u8) -> Between {
        Between { source, destination, hop_limit, protocol }
    }
}

/// Reads a datagram and what it carries.
pub fn datagram(work: &mut Dissection, bytes: &[u8], base: usize) -> Option<()> {
    let header = header(work, bytes, base, false)?;
    let Header { between, payload, base, .. } = header;
    if !header.is_first {
        work.section(("data of a later fragment", "后续分片的数据"));
        Reader::new(work, payload, base).data(("data", "数据"));
        work.told.push(Both::new(
            "a later fragment: it has no transport header",
            "后续分片：其中没有运输层首部",
        ));
        return Some(());
    }
    let family = Family::of(between.source);
    if between.protocol == wire::icmp::protocol(family) {
        return icmp::message(work, payload, base, family, Some(between), header.is_whole);
    }
    let extent = if header.is_whole { Extent::Whole } else { Extent::Start };
    let sent = transport::read(work, payload, base, &between, extent);
    work.told.push(sent.told(&between));
    Some(())
}

/// Reads an IP header with all that belongs to it.
pub fn header<'a>(
    work: &mut Dissection,
    bytes: &'a [u8],
    base: usize,
    is_quoted: bool,
) -> Option<Header<'a>> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => v4(work, bytes, base, is_quoted),
        Some(6) => v6(work, bytes, base, is_quoted),
        Some(version) => {
            work.flaw(
                base,
                format!("IP version {version}: only 4 and 6 are IP"),
                format!("IP版本 {version}：只有4和6"),
            );
            None
        }
        None => {
            work.flaw(base, "no IP header: nothing is there", "没有IP首部：什么也没有");
            None
        }
    }
}

const VERSION: Pair = ("version", "版本");
const SOURCE: Pair = ("source", "源地址");
const DESTINATION: Pair = ("destination", "目的地址");

fn v4<'a>(
    work: &mut Dissection,
    bytes: &'a [u8],
    base: usize,
    is_quoted: bool,
) -> Option<Header<'a>> {
    work.section(if is_quoted {
        ("quoted IPv4", "引用的IPv4首部")
    } else {
        ("IPv4", "IPv4首部")
    });
    let mut reader = Reader::new(work, bytes, base);
    let [first] = reader.take::<1>(VERSION)?;
    let header_bytes = usize::from(first & 0x0f) * 4;
    let about =
        says(format!("header of {header_bytes} bytes"), format!("首部 {header_bytes} 字节"));
    reader.put(1, VERSION, "4", about);
    if header_bytes < 20 {
        reader.work.flaw(
            base,
            format!("a header of {header_bytes} bytes: 20 is the least"),
            format!("首部 {header_bytes} 字节：至少要20字节"),
        );
    }
    traffic_class(&mut reader, ("TOS", "服务类型TOS"))?;
    let total = usize::from(reader.u16(("total length", "总长度"), |_| None)?);
    length(&mut reader, total, header_bytes.max(20), is_quoted);
    let identification = reader.u16(("identification", "标识"), |_| None)?;
    let (is_first, is_whole) = fragment(&mut reader, identification)?;
    let hop_limit = reader.u8(("TTL", "生存时间TTL"), |left| hops(left, is_quoted))?;
    let protocol = reader.u8(("protocol", "协议"), |number| same(protocol_name(number)?))?;
    let is_right = verify_header(bytes);
    reader.may_end = is_quoted;
    reader.checksum(Some(is_right))?;
    reader.may_end = false;
    let source = IpAddr::from(reader.v4(SOURCE)?);
    let destination = IpAddr::from(reader.v4(DESTINATION)?);
    if header_bytes < 20 {
        return None;
    }
    options(&mut reader, header_bytes)?;
    let at = reader.at;
    let end = total.max(at).min(bytes.len());
    padding(work, bytes, base, end, is_quoted);
    let between = Between::new(source, destination, hop_limit, protocol);
    Some(Header {
        between,
        payload: &bytes[at..end],
        base: base + at,
        is_first,
        is_whole: is_whole && total <= bytes.len(),
    })
}

fn traffic_class(reader: &mut Reader<'_, '_>, name: Pair) -> Option<()> {
    let [value] = reader.take::<1>(name)?;
    reader.put(1, name, format!("{value:#04x}"), class_says(value));
    Some(())
}

fn class_says(value: u8) -> Option<Both> {
    let ecn = ["not-ECT", "ECT(1)", "ECT(0)", "CE"][usize::from(value & 3)];
    match value {
        0 => None,
        0xc0 => says("DSCP CS6, as routers send errors", "DSCP CS6，路由器发差错用它"),
        _ => same(format!("DSCP {}, ECN {ecn}", value >> 2)),
    }
}

/// Says if the stated length is impossible, or more than is there.
fn length(reader: &mut Reader<'_, '_>, stated: usize, least: usize, is_quoted: bool) {
    let (there, at) = (reader.bytes.len(), reader.base + reader.at - 2);
    if stated < least {
        reader.work.flaw(
            at,
            format!("a total length of {stated} bytes, less than the header's {least}"),
            format!("总长度 {stated} 字节，比首部的 {least} 字节还小"),
        );
    } else if stated > there && !is_quoted {
        reader.work.flaw(
            at,
            format!("{stated} bytes are stated, {there} are there: the packet is cut"),
            format!("声明 {stated} 字节，只有 {there} 字节：分组被截断"),
        );
    }
}

fn hops(left: u8, is_quoted: bool) -> Option<Both> {
    match (left, is_quoted) {
        (0, false) => says("0: no router may send that", "0：路由器不得发出"),
        (_, true) => {
            says(format!("hops left as it was refused: {left}"), format!("被拒绝时还剩 {left} 跳"))
        }
        _ => says(format!("{left} hops left"), format!("还可走 {left} 跳")),
    }
}

/// Flags and offset: whether this is the first fragment or none, and whether it is none.
fn fragment(reader: &mut Reader<'_, '_>, identification: u16) -> Option<(bool, bool)> {
    let name: Pair = ("flags, fragment offset", "标志、片偏移");
    let word = u16::from_be_bytes(reader.take(name)?);
    let offset = usize::from(word & 0x1fff) * 8;
    let (more, dont) = (word & 0x2000 != 0, word & 0x4000 != 0);
    let about = match (dont, more, offset) {
        (true, false, 0) => says("DF: must not be fragmented", "DF：不许分片"),
        (false, false, 0) => says("may be fragmented; is none", "可以分片；不是片"),
        _ => says(
            format!("fragment of {identification} at byte {offset}, more follow: {more}"),
            format!(
                "数据报 {identification} 的片，偏移 {offset} 字节，{}",
                if more { "后面还有片" } else { "最后一片" }
            ),
        ),
    };
    reader.put(2, name, format!("{word:#06x}"), about);
    Some((offset == 0, offset == 0 && !more))
}

/// IPv4 options, each a field.
fn options(reader: &mut Reader<'_, '_>, header_bytes: usize) -> Option<()> {
    let name: Pair = ("option", "选项");
    if header_bytes == reader.at {
        return Some(());
    }
    let Some(bytes) = reader.bytes.get(reader.at..header_bytes) else {
        let there = reader.bytes.len();
        reader.work.flaw(
            reader.base + there,
            format!("the packet ends here: the header has {header_bytes} bytes, {there} are there"),
            format!("分组到此为止：首部有 {header_bytes} 字节，只有 {there} 字节"),
        );
        return None;
    };
    let start = reader.at;
    let mut options = Options::new(bytes);
    let mut before = 0;
    while let Some(option) = options.next() {
        let size = options.offset().saturating_sub(before);
        reader.at = start + options.offset();
        before = options.offset();
        match option {
            Ok(option) => reader.put(size, name, option_name(&option), option_says(&option)),
            Err(_) => reader.work.flaw(
                reader.base + start + before.saturating_sub(size),
                "an IP option whose length is impossible",
                "IP选项的长度不可能",
            ),
        }
    }
    reader.at = header_bytes;
    Some(())
}

fn option_name(option: &Ipv4Option<'_>) -> String {
    match option {
        Ipv4Option::End => "end".to_owned(),
        Ipv4Option::NoOperation => "no operation".to_owned(),
        Ipv4Option::RecordRoute(_) => "record route".to_owned(),
        Ipv4Option::LooseSourceRoute(_) => "loose source route".to_owned(),
        Ipv4Option::StrictSourceRoute(_) => "strict source route".to_owned(),
        Ipv4Option::Timestamp(_) => "timestamp".to_owned(),
        Ipv4Option::RouterAlert(_) => "router alert".to_owned(),
        Ipv4Option::Unknown { kind, .. } => format!("option {kind}"),
    }
}

fn option_says(option: &Ipv4Option<'_>) -> Option<Both> {
    let list = |route: &Route<'_>| {
        let join = |addresses: Vec<String>| addresses.join(" ");
        let passed = join(route.recorded().map(|it| it.to_string()).collect());
        let ahead = join(route.ahead().map(|it| it.to_string()).collect());
        (passed, ahead)
    };
    match option {
        Ipv4Option::RecordRoute(route) => {
            let (passed, _) = list(route);
            let room = route.ahead().count();
            says(
                format!("recorded: {passed}; room for {room} more"),
                format!("已记录：{passed}；还能记 {room} 个"),
            )
        }
        Ipv4Option::LooseSourceRoute(route) | Ipv4Option::StrictSourceRoute(route) => {
            let (passed, ahead) = list(route);
            says(
                format!("passed: {passed}; ahead: {ahead}"),
                format!("已过：{passed}；待过：{ahead}"),
            )
        }
        Ipv4Option::Timestamp(stamps) => {
            let entries: Vec<String> = stamps
                .entries()
                .filter(|entry| entry.stamped)
                .map(|entry| match entry.address {
                    Some(address) => format!("{address} {} ms", entry.time),
                    None => format!("{} ms", entry.time),
                })
                .collect();
            same(entries.join(", "))
        }
        Ipv4Option::Unknown { body, .. } => same(hex(body, 8)),
        _ => None,
    }
}

/// Bytes behind the stated length.
fn padding(work: &mut Dissection, bytes: &[u8], base: usize, end: usize, is_quoted: bool) {
    let more = bytes.len() - end;
    if more > 0 {
        let says = match is_quoted {
            true => says("filled up in front of extensions", "为扩展补齐的填充"),
            false => says("padding of the link", "链路的填充"),
        };
        let value = hex(&bytes[end..], 8);
        work.field(super::Field {
            offset: base + end,
            bytes: more,
            name: ("bytes behind the packet", "分组之后的字节"),
            value,
            says,
        });
    }
}

fn v6<'a>(
    work: &mut Dissection,
    bytes: &'a [u8],
    base: usize,
    is_quoted: bool,
) -> Option<Header<'a>> {
    work.section(if is_quoted {
        ("quoted IPv6", "引用的IPv6首部")
    } else {
        ("IPv6", "IPv6首部")
    });
    let mut reader = Reader::new(work, bytes, base);
    let word = u32::from_be_bytes(reader.take(VERSION)?);
    reader.put(4, VERSION, "6", None);
    let class = (word >> 20) as u8;
    reader.put(4, ("traffic class", "流量类别"), format!("{class:#04x}"), class_says(class));
    reader.put(4, ("flow label", "流标签"), format!("{:#07x}", word & 0xf_ffff), None);
    let payload = usize::from(reader.u16(("payload length", "有效载荷长度"), |_| None)?);
    let total = payload + 40;
    length(&mut reader, total, 40, is_quoted);
    let next = reader.u8(("next header", "下一首部"), |number| same(protocol_name(number)?))?;
    let hop_limit = reader.u8(("hop limit", "跳数限制"), |left| hops(left, is_quoted))?;
    let source = IpAddr::from(reader.v6(SOURCE)?);
    let destination = IpAddr::from(reader.v6(DESTINATION)?);
    let end = total.min(bytes.len()).max(40);
    padding(work, bytes, base, end, is_quoted);
    let mut at = 40;
    let (mut protocol, mut is_first, mut is_whole) = (next, true, true);
    // A fragment that is not the first has payload behind its header, whatever that says.
    while is_first && is_extension(protocol) {
        let Some(Ok(found)) = Extensions::new(protocol, &bytes[at..end]).next() else {
            if !is_quoted {
                work.flaw(base + at, "an extension header that is cut", "扩展首部被截断");
            }
            return None;
        };
        if let Ok(Content::Fragment(fragment)) = found.content() {
            is_first = fragment.offset_bytes == 0;
            is_whole = is_first && !fragment.more;
        }
        extension(work, &found, base + at);
        at += found.bytes.len();
        protocol = found.next;
    }
    let between = Between::new(source, destination, hop_limit, protocol);
    Some(Header {
        between,
        payload: &bytes[at..end],
        base: base + at,
        is_first,
        is_whole: is_whole && total <= bytes.len(),
    })
}

fn is_extension(number: u8) -> bool {
    matches!(
        number,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::AUTHENTICATION
            | protocol::DESTINATION_OPTIONS
    )
}

fn extension(work: &mut Dissection, header: &wire::ip::extensions::Extension<'_>, base: usize) {
    let (name, about): (Pair, Option<Both>) = match header.content() {
        Ok(Content::HopByHop(options)) => {
            (("hop-by-hop options", "逐跳选项"), same(options_say(options)))
        }
        Ok(Content::Destination(options)) => {
            (("destination options", "目的选项"), same(options_say(options)))
        }
        Ok(Content::Routing { kind, segments_left, .. }) => (
            ("routing header", "选路首部"),
            says(
                format!("type {kind}, {segments_left} nodes still to visit"),
                format!("类型 {kind}，还要经过 {segments_left} 个节点"),
            ),
        ),
        Ok(Content::Fragment(fragment)) => (
            ("fragment header", "分片首部"),
            says(
                format!(
                    "fragment of {} at byte {}, more follow: {}",
                    fragment.identification, fragment.offset_bytes, fragment.more
                ),
                format!(
                    "数据报 {} 的片，偏移 {} 字节，{}",
                    fragment.identification,
                    fragment.offset_bytes,
                    if fragment.more { "后面还有片" } else { "最后一片" }
                ),
            ),
        ),
        Ok(Content::Authentication { spi, sequence, .. }) => (
            ("authentication header", "认证首部"),
            same(format!("SPI {spi:#010x}, sequence {sequence}")),
        ),
        Err(_) => (("extension header", "扩展首部"), None),
    };
    let bytes = header.bytes.len();
    let value = hex(header.bytes, 8);
    work.field(super::Field { offset: base, bytes, name, value, says: about });
}

fn options_say(options: wire::ip::extensions::Options<'_>) -> String {
    let words = options.map(|option| match option {
        Ok(Ipv6Option::Pad1) => "pad".to_owned(),
        Ok(Ipv6Option::PadN(bytes)) => format!("pad {bytes}"),
        Ok(Ipv6Option::RouterAlert(value)) => format!("router alert {value}"),
        Ok(Ipv6Option::Jumbo(bytes)) => format!("jumbo {bytes}"),
        Ok(Ipv6Option::Unknown { kind, body }) => format!("option {kind:#04x} {}", hex(body, 8)),
        Err(_) => "an impossible option".to_owned(),
    });
    words.collect::<Vec<_>>().join(", ")
}
