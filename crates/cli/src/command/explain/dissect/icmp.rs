//! ICMP messages of both families, field by field; of errors also what they quote.

use super::{Between, Dissection, Reader, extensions, ip, neighbours, same, says, transport};
use crate::command::explain::book;
use crate::command::explain::both::{Both, Pair};
use std::net::Ipv4Addr;
use wire::Family;
use wire::icmp::{Error, Meaning, Message, verify};

/// The name of a type and code in both languages.
pub fn name(family: Family, kind: u8, code: u8) -> Option<Both> {
    let page = book::page(family, kind, code)?;
    says(page.entry.name, page.name_zh)
}

/// Reads a message. `outer` is the datagram that carried it, if there was one; only of a whole
/// message can the checksum be told.
pub fn message(
    work: &mut Dissection,
    bytes: &[u8],
    base: usize,
    family: Family,
    outer: Option<Between>,
    is_whole: bool,
) -> Option<()> {
    work.section((
        book::protocol(family),
        if family == Family::V4 { "ICMP报文" } else { "ICMPv6报文" },
    ));
    let mut reader = Reader::new(work, bytes, base);
    let kind = reader.u8(("type", "类型"), |_| None)?;
    let code = reader.u8(("code", "代码"), |code| name(family, kind, code))?;
    reader.work.message = Some((family, kind, code));
    if book::page(family, kind, code).is_none() {
        unknown(&mut reader, family, kind, code);
    }
    let is_right = match (family, outer) {
        _ if !is_whole => None,
        // ICMPv4's checksum needs no addresses, ICMPv6's does (RFC 4443 §2.3).
        (Family::V4, _) => Some(wire::checksum::of(bytes) == 0),
        (Family::V6, Some(outer)) => Some(verify(outer.source, outer.destination, bytes)),
        (Family::V6, None) => None,
    };
    reader.checksum(is_right)?;
    match Message::parse(family, bytes) {
        Ok(Message::Error(found)) => error(&mut reader, family, &found, outer),
        _ => query(&mut reader, family, kind, outer),
    }
}

fn unknown(reader: &mut Reader<'_, '_>, family: Family, kind: u8, code: u8) {
    let at = reader.base;
    let protocol = book::protocol(family);
    if book::pages_of(family, kind).next().is_some() {
        reader.work.flaw(
            at + 1,
            format!("code {code} of {protocol} type {kind} is assigned to nothing"),
            format!("{protocol}类型 {kind} 没有代码 {code}"),
        );
    } else {
        reader.work.flaw(
            at,
            format!("{protocol} type {kind} is assigned to nothing"),
            format!("{protocol}没有类型 {kind}"),
        );
    }
}

/// The second word of an error, and what it quotes.
fn error(
    reader: &mut Reader<'_, '_>,
    family: Family,
    error: &Error<'_>,
    outer: Option<Between>,
) -> Option<()> {
    second_word(reader, family, error)?;
    if (family, error.kind) == (Family::V6, 137) {
        reader.v6(("target: the better first hop", "目标：更好的第一跳"))?;
        let destination = reader.v6(("destination", "目的地址"))?;
        let (rest, base) = (reader.rest(), reader.base + reader.at);
        neighbours::options(reader.work, rest, base);
        let (en, zh) = (format!("packets to {destination}"), format!("发往 {destination} 的分组"));
        tell(reader.work, family, error, outer, None, &Both::new(en, zh));
        return Some(());
    }
    let base = reader.base + reader.at;
    let (quote, extension) = match error.parse_quoted() {
        Ok(quoted) => (
            quoted.extension.map_or(error.body.len(), |it| error.body.len() - it.len()),
            quoted.extension,
        ),
        Err(_) => (error.body.len(), None),
    };
    let quote = error.body.get(..quote).unwrap_or(error.body);
    if quote.is_empty() {
        reader.work.flaw(
            base,
            "no quote: an error must quote the header of the packet that caused it",
            "没有引用：差错报文必须引用引起它的分组的首部",
        );
    } else if let Some(header) = ip::header(reader.work, quote, base, true) {
        let sent = match header.is_first {
            true => transport::read(
                reader.work,
                header.payload,
                header.base,
                &header.between,
                transport::Extent::Quote,
            ),
            false => transport::Sent { ports: None, query: None },
        };
        let about = sent.told(&header.between);
        tell(reader.work, family, error, outer, Some(header.between), &about);
    }
    if let Some(extension) = extension {
        extensions::structure(reader.work, extension, base + quote.len());
    }
    Some(())
}

/// Bytes 4 to 7: what they are depends on type and code.
fn second_word(reader: &mut Reader<'_, '_>, family: Family, error: &Error<'_>) -> Option<()> {
    const UNUSED: Pair = ("unused", "未用");
    let length_name: Pair = ("length of the quote", "引用长度");
    let unit = if family == Family::V4 { 4 } else { 8 };
    let length_says = |value: u8| {
        let bytes = usize::from(value) * unit;
        (value != 0).then(|| {
            Both::new(
                format!("{bytes} bytes, and extensions behind them (RFC 4884)"),
                format!("{bytes} 字节，其后为扩展（RFC 4884）"),
            )
        })
    };
    match (family, error.kind, error.meaning) {
        (Family::V4, 3, Meaning::PacketTooBig) => {
            reader.u8(UNUSED, |_| None)?;
            reader.u8(length_name, length_says)?;
            reader.u16(("next-hop MTU", "下一跳MTU"), mtu_says)?;
        }
        (Family::V4, 3 | 11, _) => {
            reader.u8(UNUSED, |_| None)?;
            reader.u8(length_name, length_says)?;
            reader.u16(UNUSED, |_| None)?;
        }
        (Family::V4, 12, _) => {
            reader.u8(("pointer", "指针"), pointer_v4)?;
            reader.u8(length_name, length_says)?;
            reader.u16(UNUSED, |_| None)?;
        }
        (Family::V4, 5, _) => {
            reader.v4(("better first hop", "更好的第一跳"))?;
        }
        (Family::V6, 1 | 3, _) => {
            reader.u8(length_name, length_says)?;
            reader.take::<3>(UNUSED)?;
            reader.put(3, UNUSED, "0", None);
        }
        (Family::V6, 2, _) => {
            reader.u32(("MTU", "MTU"), |mtu| {
                (mtu < 1_280).then(|| Both::new("below 1280: not followed", "低于1280：不照办"))
            })?;
        }
        (Family::V6, 4, _) => {
            reader.u32(("pointer", "指针"), |at| pointer_says(u64::from(at)))?;
        }
        _ => {
            reader.u32(UNUSED, |_| None)?;
        }
    }
    Some(())
}

fn mtu_says(mtu: u16) -> Option<Both> {
    match mtu {
        0 => says("a router from before RFC 1191 names none", "RFC 1191之前的路由器不给出"),
        1..68 => says("below what every link takes (68)", "低于任何链路的下限（68）"),
        _ => says(
            format!("datagrams of up to {mtu} bytes pass"),
            format!("不超过 {mtu} 字节的数据报能过"),
        ),
    }
}

/// What stands at a byte of the IPv4 header.
fn pointer_v4(at: u8) -> Option<Both> {
    let field: Pair = match at {
        0 => ("version and header length", "版本和首部长度"),
        1 => ("TOS", "服务类型TOS"),
        2 | 3 => ("total length", "总长度"),
        4 | 5 => ("identification", "标识"),
        6 | 7 => ("flags and fragment offset", "标志和片偏移"),
        8 => ("TTL", "生存时间TTL"),
        9 => ("protocol", "协议"),
        10 | 11 => ("header checksum", "首部检验和"),
        12..=15 => ("source address", "源地址"),
        16..=19 => ("destination address", "目的地址"),
        20..=59 => ("options", "选项"),
        _ => return pointer_says(u64::from(at)),
    };
    says(format!("byte {at} of the quote: {}", field.0), format!("引用的第 {at} 字节：{}", field.1))
}

fn pointer_says(at: u64) -> Option<Both> {
    says(format!("byte {at} of the quoted packet"), format!("引用分组的第 {at} 字节"))
}

/// The whole story of an error: who says what about which packet.
fn tell(
    work: &mut Dissection,
    family: Family,
    error: &Error<'_>,
    outer: Option<Between>,
    quoted: Option<Between>,
    about: &Both,
) {
    let what = name(family, error.kind, error.code)
        .unwrap_or_else(|| Both::new("an unassigned error", "未定义的差错"));
    work.told.push(match outer {
        Some(outer) => Both::new(
            format!("{} tells {}: {}", outer.source, outer.destination, what.en),
            format!("{} 告诉 {}：{}", outer.source, outer.destination, what.zh),
        ),
        None => Both::new(format!("it says: {}", what.en), format!("它说：{}", what.zh)),
    });
    work.told.push(Both::new(format!("about {}", about.en), format!("说的是 {}", about.zh)));
    if let Some(quoted) = quoted {
        remarks(work, error, outer, &quoted);
    }
}

/// What follows from the two headers together.
fn remarks(work: &mut Dissection, error: &Error<'_>, outer: Option<Between>, quoted: &Between) {
    let left = quoted.hop_limit;
    if error.meaning == Meaning::HopLimitExceeded && left > 1 {
        work.told.push(Both::new(
            format!(
                "the quote still has {left} hops: a label-switched (MPLS) road, or a router that \
                 quotes the packet as it came"
            ),
            format!("引用中还剩 {left} 跳：走的是标签交换（MPLS）的路，或路由器照原样引用"),
        ));
    }
    let Some(outer) = outer else { return };
    if outer.destination != quoted.source {
        work.told.push(Both::new(
            format!(
                "it went to {}, but the quoted packet is from {}: translated (NAT) or forged",
                outer.destination, quoted.source
            ),
            format!(
                "它发给 {}，而引用的分组来自 {}：经过地址转换（NAT），或是伪造",
                outer.destination, quoted.source
            ),
        ));
    }
    let is_of_target =
        matches!(error.meaning, Meaning::PortUnreachable | Meaning::ProtocolUnreachable);
    if is_of_target {
        work.told.push(match outer.source == quoted.destination {
            true => Both::new("the target itself says so: it is up", "是目标自己说的：它开着"),
            false => Both::new(
                format!("not the target but {} says so: a firewall or NAT", outer.source),
                format!("说话的不是目标，而是 {}：防火墙或NAT", outer.source),
            ),
        });
    }
}

/// The fields of a query or an answer.
fn query(
    reader: &mut Reader<'_, '_>,
    family: Family,
    kind: u8,
    outer: Option<Between>,
) -> Option<()> {
    match (family, kind) {
        (Family::V4, 0 | 8 | 13..=18) | (Family::V6, 128 | 129) => {
            reader.u16(("identifier", "标识符"), |_| None)?;
            reader.u16(("sequence number", "序号"), |_| None)?;
            match (family, kind) {
                (Family::V4, 13 | 14) => times(reader)?,
                (Family::V4, 17 | 18) => mask(reader)?,
                _ => reader.data(("data", "数据")),
            }
        }
        (Family::V4, 9) => routers(reader)?,
        (Family::V4, 10) => reader.data(("unused", "未用")),
        (Family::V4, 42 | 43) | (Family::V6, 160 | 161) => {
            extended(reader, matches!(kind, 42 | 160))?;
        }
        (Family::V6, _) => neighbours::message(reader, kind)?,
        _ => reader.data(("data", "数据")),
    }
    if let (Some(outer), Some((_, _, code))) = (outer, reader.work.message) {
        let what = name(family, kind, code)
            .unwrap_or_else(|| Both::new("an unassigned message", "未定义的报文"));
        reader.work.told.push(Both::new(
            format!("{} sends {}: {}", outer.source, outer.destination, what.en),
            format!("{} 发给 {}：{}", outer.source, outer.destination, what.zh),
        ));
    }
    Some(())
}

/// The three times of a timestamp message.
fn times(reader: &mut Reader<'_, '_>) -> Option<()> {
    for name in [("originate", "发起"), ("receive", "接收"), ("transmit", "传送")] {
        reader.u32(name, |time| {
            if time >= 0x8000_0000 {
                return says("not milliseconds of the day", "不是一天中的毫秒数");
            }
            let (seconds, ms) = (time / 1_000, time % 1_000);
            let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
            same(format!("{hours:02}:{minutes:02}:{:02}.{ms:03} UTC", seconds % 60))
        })?;
    }
    reader.data(("data", "数据"));
    Some(())
}

fn mask(reader: &mut Reader<'_, '_>) -> Option<()> {
    let name: Pair = ("address mask", "地址掩码");
    let bits = u32::from_be_bytes(reader.take(name)?);
    let about = match bits.leading_ones() + bits.trailing_zeros() {
        _ if bits == 0 => says("none, as a request has it", "无，请求中就是这样"),
        32 => says(format!("/{}", bits.leading_ones()), format!("/{}", bits.leading_ones())),
        _ => says("no mask: its ones are not together", "不是掩码：其中的1不连续"),
    };
    reader.put(4, name, Ipv4Addr::from(bits).to_string(), about);
    reader.data(("data", "数据"));
    Some(())
}

fn routers(reader: &mut Reader<'_, '_>) -> Option<()> {
    let count = reader.u8(("number of addresses", "地址个数"), |_| None)?;
    let words = reader.u8(("words of an entry", "每项的字数"), |_| None)?;
    reader.u16(("lifetime", "有效期"), |it| says(format!("{it} s"), format!("{it} 秒")))?;
    if words < 2 {
        reader.work.flaw(
            reader.base + 5,
            format!("entries of {words} words: 2 is the least"),
            format!("每项 {words} 个字：至少2个"),
        );
        return None;
    }
    for _ in 0..count {
        reader.v4(("router", "路由器"))?;
        reader.u32(("preference", "优先级"), |it| match it.cast_signed() {
            i32::MIN => says("never as the default", "不作默认路由器"),
            level => same(level.to_string()),
        })?;
        for _ in 2..words {
            reader.u32(("more of the entry", "该项的其余"), |_| None)?;
        }
    }
    reader.data(("data", "数据"));
    Some(())
}

/// The fields of an extended echo.
fn extended(reader: &mut Reader<'_, '_>, is_request: bool) -> Option<()> {
    reader.u16(("identifier", "标识符"), |_| None)?;
    reader.u8(("sequence number", "序号"), |_| None)?;
    if is_request {
        reader.u8(("flags", "标志"), |flags| match flags & 1 {
            1 => says("L: an interface of the node itself", "L：节点自己的接口"),
            _ => says("an interface of a neighbour", "邻居的接口"),
        })?;
        let (rest, base) = (reader.rest(), reader.base + reader.at);
        extensions::structure(reader.work, rest, base);
        return Some(());
    }
    reader.u8(("state", "状态"), |bits| {
        let state = ["", "incomplete", "reachable", "stale", "delay", "probe", "failed", ""];
        let mut words = vec![state[usize::from(bits >> 5)]];
        for (bit, word) in [(4, "active"), (2, "IPv4"), (1, "IPv6")] {
            words.extend((bits & bit != 0).then_some(word));
        }
        words.retain(|word| !word.is_empty());
        same(words.join(", "))
    })?;
    reader.data(("data", "数据"));
    Some(())
}
