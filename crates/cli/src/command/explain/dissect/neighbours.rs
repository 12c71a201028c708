//! ICMPv6 messages between neighbours: discovery (RFC 4861 §4) and multicast listeners (RFC 2710,
//! RFC 3810).

use super::{Dissection, Field, Reader, hex, mac, same, says};
use crate::command::explain::both::{Both, Pair};
use std::net::Ipv6Addr;
use wire::icmp::neighbour::{Discovery, Domain, Domains, Options, nat64_prefix_bits};

const RESERVED: Pair = ("reserved", "保留");
const GROUP: Pair = ("group", "组地址");

/// Reads what follows the checksum of a message of that type.
pub fn message(reader: &mut Reader<'_, '_>, kind: u8) -> Option<()> {
    match kind {
        130..=132 => {
            reader.u16(("longest delay", "最长时延"), |it| {
                says(format!("{it} ms"), format!("{it} 毫秒"))
            })?;
            reader.u16(RESERVED, |_| None)?;
            reader.v6(GROUP)?;
            reader.data(("version 2: flags, interval, sources", "第2版：标志、间隔、源"));
        }
        133 => {
            reader.u32(RESERVED, |_| None)?;
            rest_as_options(reader);
        }
        134 => router(reader)?,
        135 => {
            reader.u32(RESERVED, |_| None)?;
            reader.v6(("target: whose address?", "目标：谁有此地址？"))?;
            rest_as_options(reader);
        }
        136 => {
            let name: Pair = ("flags", "标志");
            let word = u32::from_be_bytes(reader.take(name)?);
            let flags = word >> 29;
            let mut words = Vec::new();
            for (bit, word) in [(4, "router"), (2, "solicited"), (1, "override")] {
                words.extend((flags & bit != 0).then_some(word));
            }
            reader.put(4, name, format!("{word:#010x}"), same(words.join(", ")));
            reader.v6(("target: I have this address", "目标：我有此地址"))?;
            rest_as_options(reader);
        }
        139 | 140 => {
            reader.u16(("question", "问题"), |it| match it {
                0 => says("none", "无"),
                2 => says("the node's name", "节点的名字"),
                3 => says("its IPv6 addresses", "其IPv6地址"),
                4 => says("its IPv4 addresses", "其IPv4地址"),
                _ => None,
            })?;
            reader.u16(("flags", "标志"), |_| None)?;
            let name: Pair = ("nonce", "随机数");
            let nonce = reader.take::<8>(name)?;
            reader.put(8, name, hex(&nonce, 8), None);
            reader.data(("data", "数据"));
        }
        143 => reports(reader)?,
        _ => reader.data(("data", "数据")),
    }
    Some(())
}

fn router(reader: &mut Reader<'_, '_>) -> Option<()> {
    reader.u8(("hop limit to use", "建议的跳数限制"), |it| {
        (it == 0).then(|| Both::new("no advice", "无建议"))
    })?;
    let name: Pair = ("flags", "标志");
    let [flags] = reader.take::<1>(name)?;
    let mut words = Vec::new();
    for (bit, word) in [(0x80, "addresses by DHCPv6"), (0x40, "the rest by DHCPv6")] {
        words.extend((flags & bit != 0).then_some(word));
    }
    let preference = ["medium", "high", "reserved", "low"][usize::from(flags >> 3 & 3)];
    let preference = format!("preference {preference}");
    words.push(&preference);
    reader.put(1, name, format!("{flags:#04x}"), same(words.join(", ")));
    reader.u16(("router lifetime", "路由器有效期"), |it| match it {
        0 => says("0: not a default router", "0：不作默认路由器"),
        _ => says(format!("{it} s"), format!("{it} 秒")),
    })?;
    let ms = |it: u32| match it {
        0 => says("no advice", "无建议"),
        _ => says(format!("{it} ms"), format!("{it} 毫秒")),
    };
    reader.u32(("reachable time", "可达时间"), ms)?;
    reader.u32(("retransmit timer", "重传间隔"), ms)?;
    rest_as_options(reader);
    Some(())
}

fn reports(reader: &mut Reader<'_, '_>) -> Option<()> {
    reader.u16(RESERVED, |_| None)?;
    let count = reader.u16(("number of records", "记录个数"), |_| None)?;
    for _ in 0..count {
        reader.u8(("record", "记录类型"), |kind| {
            let (en, zh) = match kind {
                1 => ("listens, but only to these sources", "只听这些源"),
                2 => ("listens to all but these sources", "除这些源外都听"),
                3 => ("listens no more but to these sources", "改为只听这些源"),
                4 => ("listens now to all but these sources", "改为除这些源外都听"),
                5 => ("listens to more sources", "增加源"),
                6 => ("listens to fewer sources", "减少源"),
                _ => return None,
            };
            says(en, zh)
        })?;
        let words = reader.u8(("auxiliary words", "附加数据字数"), |_| None)?;
        let sources = reader.u16(("number of sources", "源个数"), |_| None)?;
        reader.v6(GROUP)?;
        for _ in 0..sources {
            reader.v6(("source", "源地址"))?;
        }
        for _ in 0..words {
            reader.u32(("auxiliary", "附加数据"), |_| None)?;
        }
    }
    reader.data(("data", "数据"));
    Some(())
}

fn rest_as_options(reader: &mut Reader<'_, '_>) {
    let (rest, base) = (reader.rest(), reader.base + reader.at);
    reader.at = reader.bytes.len();
    options(reader.work, rest, base);
}

/// Reads options of neighbour discovery.
pub fn options(work: &mut Dissection, bytes: &[u8], base: usize) {
    let mut at = 0;
    // Each option is at least 8 bytes long, so this ends with the bytes.
    while let Some([_, units, ..]) = bytes.get(at..) {
        let size = usize::from(*units) * 8;
        let whole = bytes.get(at..at + size).filter(|_| size > 0);
        let Some(Ok(option)) = whole.and_then(|whole| Options::new(whole).next()) else {
            work.flaw(
                base + at,
                "an option of neighbour discovery whose length is impossible",
                "邻居发现选项的长度不可能",
            );
            return;
        };
        let (name, value, about) = describe(&option);
        work.field(Field { offset: base + at, bytes: size, name, value, says: about });
        at += size;
    }
}

fn describe(option: &Discovery<'_>) -> (Pair, String, Option<Both>) {
    match option {
        Discovery::SourceLink(address) => {
            (("source's link-layer address", "源链路层地址"), mac(address), None)
        }
        Discovery::TargetLink(address) => {
            (("target's link-layer address", "目标链路层地址"), mac(address), None)
        }
        Discovery::Prefix { prefix_bits, flags, valid_s, preferred_s, prefix } => {
            let mut words = Vec::new();
            for (bit, word) in [(0x80, "on this link"), (0x40, "forms addresses")] {
                words.extend((flags & bit != 0).then_some(word));
            }
            let words = words.join(", ");
            let about = says(
                format!("valid {valid_s} s, preferred {preferred_s} s; {words}"),
                format!("有效 {valid_s} 秒，优先 {preferred_s} 秒；{words}"),
            );
            (("prefix", "前缀"), format!("{prefix}/{prefix_bits}"), about)
        }
        Discovery::Redirected(quote) => {
            let about = says(format!("{} bytes", quote.len()), format!("{} 字节", quote.len()));
            (("the packet that was redirected", "被重定向的分组"), hex(quote, 8), about)
        }
        Discovery::Mtu(bytes) => (("MTU of the link", "链路的MTU"), bytes.to_string(), None),
        Discovery::Route { prefix_bits, lifetime_s, prefix, .. } => {
            let mut whole = [0; 16];
            for (to, from) in whole.iter_mut().zip(prefix.iter()) {
                *to = *from;
            }
            let value = format!("{}/{prefix_bits}", Ipv6Addr::from(whole));
            let about = says(format!("for {lifetime_s} s"), format!("有效 {lifetime_s} 秒"));
            (("route", "路由"), value, about)
        }
        Discovery::NameServers { lifetime_s, addresses } => {
            let addresses = addresses.as_chunks::<16>().0.iter();
            let addresses: Vec<String> =
                addresses.map(|bytes| Ipv6Addr::from(*bytes).to_string()).collect();
            let about = says(format!("for {lifetime_s} s"), format!("有效 {lifetime_s} 秒"));
            (("name servers", "域名服务器"), addresses.join(" "), about)
        }
        Discovery::SearchList { lifetime_s, names } => {
            let name = |name: Domain<'_>| {
                let labels = name.labels().map(|label| label.escape_ascii().to_string());
                labels.collect::<Vec<String>>().join(".")
            };
            let names: Vec<String> = Domains::new(names).map_while(Result::ok).map(name).collect();
            let about = says(format!("for {lifetime_s} s"), format!("有效 {lifetime_s} 秒"));
            (("search list", "搜索域"), names.join(" "), about)
        }
        Discovery::CaptivePortal(address) => {
            (("captive portal", "强制门户"), address.escape_ascii().to_string(), None)
        }
        Discovery::Nat64 { lifetime_units, length_code, prefix } => {
            let mut whole = [0; 16];
            whole[..12].copy_from_slice(prefix);
            let bits = nat64_prefix_bits(*length_code).map_or("?".to_owned(), |it| it.to_string());
            let seconds = u32::from(*lifetime_units) * 8;
            let about = says(format!("for {seconds} s"), format!("有效 {seconds} 秒"));
            (
                ("translator's prefix", "转换器前缀"),
                format!("{}/{bits}", Ipv6Addr::from(whole)),
                about,
            )
        }
        Discovery::Nonce(nonce) => (("nonce", "随机数"), hex(nonce, 8), None),
        Discovery::Unknown { kind, body } => {
            (("option", "选项"), format!("{kind}: {}", hex(body, 8)), None)
        }
    }
}
