//! Lines that other tools print: tcpdump, ping (iputils, BSD, Windows in English and Chinese),
//! traceroute's marks.

use super::both::Pair;
use std::net::IpAddr;
use wire::Family;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What printed it.
    pub tool: &'static str,
    /// Messages that it may stand for: family, type, code. Several if the tool's words leave it
    /// open.
    pub messages: Vec<(Family, u8, u8)>,
    /// What else it says: name in JSON, name for people, value.
    pub facts: Vec<(&'static str, Pair, String)>,
    /// What to know of such a line.
    pub remark: Option<Pair>,
}

/// Words of a tool, lower case, and the type and code that they stand for. Words between `..` stand
/// in that order; `^` ties them to the beginning.
type Phrase = (&'static str, u8, u8);

/// Behind `ICMP `, as tcpdump 4.99 prints it. The first that fits counts.
const TCPDUMP_V4: &[Phrase] = &[
    ("unreachable - need to frag", 3, 4),
    ("unreachable - source route failed", 3, 5),
    ("^net ..unreachable - unknown", 3, 6),
    ("^host ..unreachable - unknown", 3, 7),
    ("unreachable - source host isolated", 3, 8),
    ("^net ..unreachable - admin prohibited", 3, 9),
    ("unreachable - admin prohibited filter", 3, 13),
    ("^host ..unreachable - admin prohibited", 3, 10),
    ("^net ..unreachable - tos prohibited", 3, 11),
    ("^host ..unreachable - tos prohibited", 3, 12),
    ("unreachable - host precedence violation", 3, 14),
    ("unreachable - precedence cutoff", 3, 15),
    (" protocol .. port ..unreachable", 3, 3),
    (" protocol .. unreachable", 3, 2),
    (" port .. unreachable", 3, 3),
    ("^net ..unreachable", 3, 0),
    ("^host ..unreachable", 3, 1),
    ("redirect-tos .. to net", 5, 2),
    ("redirect-tos .. to host", 5, 3),
    ("redirect .. to net", 5, 0),
    ("redirect .. to host", 5, 1),
    ("^echo request", 8, 0),
    ("^echo reply", 0, 0),
    ("^source quench", 4, 0),
    ("^router advertisement", 9, 0),
    ("^router solicitation", 10, 0),
    ("^time exceeded in-transit", 11, 0),
    ("^ip reassembly time exceeded", 11, 1),
    ("^parameter problem - octet", 12, 0),
    ("^parameter problem - code 1", 12, 1),
    ("^parameter problem", 12, 0),
    ("^time stamp query", 13, 0),
    ("^time stamp reply", 14, 0),
    ("^information request", 15, 0),
    ("^information reply", 16, 0),
    ("^address mask request", 17, 0),
    ("^address mask is", 18, 0),
    ("^photuris", 40, 0),
    ("^extended echo request", 42, 0),
    ("^extended echo reply", 43, 0),
];

/// Behind `ICMP6, `.
const TCPDUMP_V6: &[Phrase] = &[
    ("destination unreachable, unreachable route", 1, 0),
    ("destination unreachable, unreachable prohibited", 1, 1),
    ("destination unreachable, beyond scope", 1, 2),
    ("destination unreachable, unreachable address", 1, 3),
    ("destination unreachable, unreachable port", 1, 4),
    ("^packet too big", 2, 0),
    ("^time exceeded in-transit (reassembly)", 3, 1),
    ("^time exceeded in-transit", 3, 0),
    ("^ip reassembly time exceeded", 3, 1),
    ("^parameter problem, errone", 4, 0),
    ("^parameter problem, next header", 4, 1),
    ("^parameter problem, option", 4, 2),
    ("^parameter problem, fragment", 4, 3),
    ("^parameter problem", 4, 0),
    ("^echo request", 128, 0),
    ("^echo reply", 129, 0),
    ("^multicast listener query", 130, 0),
    ("^multicast listener report v2", 143, 0),
    ("^multicast listener report", 131, 0),
    ("^multicast listener done", 132, 0),
    ("^router solicitation", 133, 0),
    ("^router advertisement", 134, 0),
    ("^neighbor solicitation", 135, 0),
    ("^neighbor advertisement", 136, 0),
    ("^redirect", 137, 0),
    ("^router renumbering", 138, 0),
    ("^who-are-you request", 139, 0),
    ("^node information query", 139, 0),
    ("^who-are-you reply", 140, 0),
    ("^node information reply", 140, 0),
    ("^inverse neighbor solicitation", 141, 0),
    ("^inverse neighbor advertisement", 142, 0),
    ("^haad request", 144, 0),
    ("^haad reply", 145, 0),
    ("^mobile router solicitation", 146, 0),
    ("^mobile router advertisement", 147, 0),
    ("^rpl", 155, 0),
];

/// What pings print of an IPv4 error.
const PING_V4: &[Phrase] = &[
    ("destination net unreachable for type of service", 3, 11),
    ("destination host unreachable for type of service", 3, 12),
    ("destination net unreachable", 3, 0),
    ("destination host unreachable", 3, 1),
    ("destination protocol unreachable", 3, 2),
    ("destination port unreachable", 3, 3),
    ("frag needed and df set", 3, 4),
    ("packet needs to be fragmented but df set", 3, 4),
    ("source route failed", 3, 5),
    ("destination net unknown", 3, 6),
    ("destination host unknown", 3, 7),
    ("source host isolated", 3, 8),
    ("destination net prohibited", 3, 9),
    ("destination host prohibited", 3, 10),
    ("packet filtered", 3, 13),
    ("communication prohibited by filter", 3, 13),
    ("precedence violation", 3, 14),
    ("precedence cutoff", 3, 15),
    ("source quench received", 4, 0),
    ("redirect type of service and network", 5, 2),
    ("redirect type of service and host", 5, 3),
    ("redirect network(", 5, 0),
    ("redirect host(", 5, 1),
    ("frag reassembly time exceeded", 11, 1),
    ("ttl expired during reassembly", 11, 1),
    ("time to live exceeded", 11, 0),
    ("ttl expired in transit", 11, 0),
    ("parameter problem: pointer", 12, 0),
    ("无法访问目标网", 3, 0),
    ("无法访问目标主机", 3, 1),
    ("无法访问目标端口", 3, 3),
    ("需要拆分数据包但是设置 df", 3, 4),
    ("ttl 传输中过期", 11, 0),
];

/// What pings print of an ICMPv6 error.
const PING_V6: &[Phrase] = &[
    ("destination unreachable: no route", 1, 0),
    ("destination unreachable: administratively prohibited", 1, 1),
    ("destination unreachable: beyond scope", 1, 2),
    ("destination unreachable: address unreachable", 1, 3),
    ("destination unreachable: port unreachable", 1, 4),
    ("destination unreachable: source address failed", 1, 5),
    ("destination unreachable: reject route", 1, 6),
    ("packet too big: mtu", 2, 0),
    ("time exceeded: hop limit", 3, 0),
    ("time exceeded: defragmentation failure", 3, 1),
    ("parameter problem: wrong header field", 4, 0),
    ("parameter problem: unknown header", 4, 1),
    ("parameter problem: unknown option", 4, 2),
    // Windows words both families alike.
    ("destination host unreachable", 1, 3),
    ("ttl expired in transit", 3, 0),
    ("destination net unreachable", 1, 0),
    ("destination port unreachable", 1, 4),
];

/// A mark, then types and codes in IPv4, then in IPv6.
type Mark = (&'static str, &'static [(u8, u8)], &'static [(u8, u8)]);

/// Marks of traceroute, and what they stand for in IPv4 and in IPv6.
const MARKS: &[Mark] = &[
    ("!N", &[(3, 0), (3, 6), (3, 8), (3, 11)], &[(1, 0)]),
    ("!H", &[(3, 1), (3, 7), (3, 12)], &[(1, 3), (1, 2)]),
    ("!P", &[(3, 2)], &[(4, 1)]),
    ("!F", &[(3, 4)], &[(2, 0)]),
    ("!S", &[(3, 5)], &[(1, 2)]),
    ("!X", &[(3, 13), (3, 10), (3, 9)], &[(1, 1)]),
    ("!V", &[(3, 14)], &[]),
    ("!C", &[(3, 15)], &[]),
    ("!A", &[(3, 9)], &[(1, 3)]),
    ("!Z", &[(3, 10)], &[]),
    ("!U", &[(3, 6)], &[]),
    ("!W", &[(3, 7)], &[]),
    ("!I", &[(3, 8)], &[]),
    ("!T", &[(3, 11), (3, 12)], &[]),
    ("!Q", &[(4, 0)], &[]),
];

const FROM: Pair = ("from", "来自");
const TO: Pair = ("to", "发往");
const ICMP_BYTES: Pair = ("bytes of the ICMP message", "ICMP报文字节数");

/// What a line says; `None` if it is of no tool that is known here.
pub fn read(line: &str) -> Option<Reading> {
    let line = line.trim();
    tcpdump(line)
        .or_else(|| ping(line))
        .or_else(|| reply(line))
        .or_else(|| traceroute(line))
        .or_else(|| silence(line))
}

fn tcpdump(line: &str) -> Option<Reading> {
    let (family, phrases, behind) = match (line.find("ICMP6, "), line.find("ICMP ")) {
        (Some(at), _) => (Family::V6, TCPDUMP_V6, line.get(at + 7..)?),
        (None, Some(at)) => (Family::V4, TCPDUMP_V4, line.get(at + 5..)?),
        (None, None) => return None,
    };
    // tcpdump puts two spaces where it left a word out.
    let lower = behind.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let phrase = phrases.iter().find(|(words, ..)| fits(&lower, words));
    let numbers = phrase.map(|(_, kind, code)| (*kind, *code));
    let (kind, code) = numbers.or_else(|| Some((numbered(&lower)?, 0)))?;
    let mut facts = Vec::new();
    if let Some((from, to)) = ends(&line[..line.len() - behind.len()]) {
        facts.push(("from", FROM, from.to_owned()));
        facts.push(("to", TO, to.to_owned()));
    }
    let mut fact = |name, label: Pair, value: Option<&str>| {
        facts.extend(value.map(|value| (name, label, value.to_owned())));
    };
    let gateway = after(&lower, " to host ").or_else(|| after(&lower, " to net "));
    fact("gateway", ("better first hop", "更好的第一跳"), gateway);
    let too_big = (family, kind, code) == (Family::V4, 3, 4) || (family, kind) == (Family::V6, 2);
    fact("mtu_bytes", ("MTU", "MTU"), after(&lower, "mtu ").filter(|_| too_big));
    fact("protocol", ("IP protocol", "IP协议号"), after(&lower, " protocol "));
    fact("port", ("port", "端口"), after(&lower, " port "));
    fact("pointer", ("pointer", "指针"), after(&lower, "octet "));
    fact("id", ("identifier", "标识符"), after(&lower, "id "));
    fact("seq", ("sequence number", "序号"), after(&lower, "seq "));
    fact("length", ICMP_BYTES, after(&lower, "length "));
    let messages = vec![(family, kind, code)];
    Some(Reading { tool: "tcpdump", messages, facts, remark: None })
}

/// `type-#77` or `unknown icmp6 type (77)`, as tcpdump writes types that it does not know.
fn numbered(lower: &str) -> Option<u8> {
    let digits = lower.split("type-#").nth(1).or_else(|| lower.split("icmp6 type (").nth(1))?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// `IP 192.0.2.1 > 192.0.2.2:`.
fn ends(head: &str) -> Option<(&str, &str)> {
    let (from, to) = head.split_once(" > ")?;
    let from = from.rsplit(' ').next()?;
    let to = to.split(' ').next()?.trim_end_matches(':');
    Some((from, to))
}

/// The word behind a phrase, without punctuation.
fn after<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(phrase)?;
    let word = rest.split([' ', ',', ')', '(']).next()?.trim_end_matches([':', ';', '.']);
    (!word.is_empty()).then_some(word)
}

/// Whether a text has the words of a phrase.
fn fits(text: &str, words: &str) -> bool {
    let (words, is_tied) = match words.strip_prefix('^') {
        Some(words) => (words, true),
        None => (words, false),
    };
    let mut rest = text;
    for (index, piece) in words.split("..").enumerate() {
        match rest.find(piece) {
            Some(0) => rest = &rest[piece.len()..],
            Some(at) if index > 0 || !is_tied => rest = &rest[at + piece.len()..],
            _ => return false,
        }
    }
    true
}

fn ping(line: &str) -> Option<Reading> {
    let lower = line.to_lowercase();
    let found = |phrases: &'static [Phrase]| {
        let phrase = phrases.iter().find(|(words, ..)| lower.contains(words))?;
        Some((phrase.1, phrase.2))
    };
    let from = addresses(line).next();
    let (family, (kind, code)) = match from {
        Some(IpAddr::V6(_)) => (Family::V6, found(PING_V6)?),
        Some(IpAddr::V4(_)) => (Family::V4, found(PING_V4)?),
        None => match found(PING_V4) {
            Some(numbers) => (Family::V4, numbers),
            None => (Family::V6, found(PING_V6)?),
        },
    };
    let mut facts = Vec::new();
    if let Some(from) = from {
        facts.push(("from", FROM, from.to_string()));
    }
    let mut fact = |name, label: Pair, value: Option<&str>| {
        facts.extend(value.map(|value| (name, label, value.to_owned())));
    };
    let mtu = after(&lower, "mtu = ").or_else(|| after(&lower, "mtu="));
    fact("mtu_bytes", ("MTU", "MTU"), mtu.or_else(|| after(&lower, "(mtu ")));
    fact("pointer", ("pointer", "指针"), after(&lower, "pointer = "));
    fact("seq", ("sequence number", "序号"), after(&lower, "icmp_seq="));
    fact("gateway", ("better first hop", "更好的第一跳"), after(&lower, "new nexthop: "));
    let remark: Pair = (
        "if the address is this host's own, nothing left it: its neighbour did not answer ARP or \
         neighbour discovery",
        "如果地址是本机自己的，说明分组根本没发出去：邻居没有回答ARP或邻居发现",
    );
    let is_near = matches!((family, kind, code), (Family::V4, 3, 1) | (Family::V6, 1, 3));
    let messages = vec![(family, kind, code)];
    Some(Reading { tool: "ping", messages, facts, remark: is_near.then_some(remark) })
}

/// An ordinary answer: `64 bytes from 192.0.2.1: icmp_seq=1 ttl=63 time=0.4 ms` of iputils, BSD and
/// this program, `Reply from 192.0.2.1: bytes=32 time<1ms TTL=63` of Windows.
fn reply(line: &str) -> Option<Reading> {
    let lower = line.to_lowercase();
    let either = |one, other| after(&lower, one).or_else(|| after(&lower, other));
    let seq = either("seq=", "序号=");
    let rtt = round_trip(&lower);
    let bytes = lower.split_once(" bytes from ").or_else(|| lower.split_once(" 字节："));
    let bytes = bytes.and_then(|(head, _)| head.split_whitespace().next_back());
    let is_windows = lower.starts_with("reply from ") || lower.contains(" 的回复");
    if !(bytes.is_some() && seq.is_some() || is_windows && rtt.is_some()) {
        return None;
    }
    let from = addresses(line).next();
    let hop_limit = after(&lower, "hlim=");
    let messages = match from {
        Some(IpAddr::V4(_)) => vec![(Family::V4, 0, 0)],
        Some(IpAddr::V6(_)) => vec![(Family::V6, 129, 0)],
        None if hop_limit.is_some() => vec![(Family::V6, 129, 0)],
        None => vec![(Family::V4, 0, 0), (Family::V6, 129, 0)],
    };
    let facts: [(&str, Pair, Option<String>); 6] = [
        ("from", FROM, from.map(|from| from.to_string())),
        ("length", ICMP_BYTES, bytes.map(str::to_owned)),
        (
            "data_bytes",
            ("bytes of data", "数据字节数"),
            either("bytes=", "字节=").map(str::to_owned),
        ),
        ("seq", ("sequence number", "序号"), seq.map(str::to_owned)),
        (
            "hop_limit",
            ("TTL or hop limit that was left", "剩余的TTL（跳数限制）"),
            hop_limit.or_else(|| after(&lower, "ttl=")).map(str::to_owned),
        ),
        ("rtt", ("round trip, there and back", "往返时间"), rtt),
    ];
    let facts = facts.into_iter().filter_map(|(name, label, value)| Some((name, label, value?)));
    let remark: Pair = match lower.contains("(dup!)") {
        true => (
            "DUP!: this probe was answered before; something on the way doubles packets, or \
             several hosts answer, as at a broadcast address",
            "DUP!：这个探测已经有过应答；途中有什么复制了分组，或有几台主机应答，如广播地址",
        ),
        false => (
            "most systems send with a TTL of 64, 128 or 255, and each router on the way back takes \
             1 off: what is missing is how many there were",
            "多数系统发送时TTL为64、128或255，回程每个路由器减1：少了多少，就经过了多少个",
        ),
    };
    let (facts, remark) = (facts.collect(), Some(remark));
    Some(Reading { tool: "ping", messages, facts, remark })
}

/// `time=0.4 ms` or `time<1ms`, as `0.4 ms` or `<1 ms`.
fn round_trip(lower: &str) -> Option<String> {
    let (behind, is_less) = ["time", "时间"].into_iter().find_map(|word| {
        let (_, rest) = lower.split_once(word)?;
        rest.strip_prefix('=')
            .map(|rest| (rest, false))
            .or_else(|| Some((rest.strip_prefix('<')?, true)))
    })?;
    let number = behind.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let unit = behind[number.len()..].trim_start();
    let is_ms = !number.is_empty() && (unit.starts_with("ms") || unit.starts_with("毫秒"));
    is_ms.then(|| format!("{}{number} ms", if is_less { "<" } else { "" }))
}

/// Addresses in a text, in order.
fn addresses(text: &str) -> impl Iterator<Item = IpAddr> {
    let ends = |c: char| c.is_whitespace() || "()[],=（）".contains(c);
    text.split(ends).filter_map(|word| {
        let word = word.trim_end_matches([':', '：']).split('%').next().unwrap_or_default();
        // `from 192.0.2.1的回复` has no space behind the address.
        let end = word.find(|c: char| !c.is_ascii_hexdigit() && c != '.' && c != ':');
        word[..end.unwrap_or(word.len())].parse().ok()
    })
}

fn traceroute(line: &str) -> Option<Reading> {
    let words = line.split_whitespace().filter(|word| word.starts_with('!'));
    let is_v6 = addresses(line).any(|address| address.is_ipv6());
    let is_v4 = addresses(line).any(|address| address.is_ipv4());
    let families = Family::ALL.into_iter().filter(|family| match family {
        Family::V4 => !is_v6,
        Family::V6 => !is_v4,
    });
    let families: Vec<Family> = families.collect();
    let mut messages: Vec<(Family, u8, u8)> = Vec::new();
    let mut facts = Vec::new();
    for word in words {
        let (mark, mtu) = word.split_once('-').filter(|_| word.starts_with("!F")).unzip();
        let mark = mark.unwrap_or(word);
        for family in &families {
            let found = match mark.strip_prefix("!<").and_then(|inner| inner.strip_suffix('>')) {
                Some(inner) => bracketed(*family, inner),
                None => named(*family, mark),
            };
            let found = found.into_iter().map(|(kind, code)| (*family, kind, code));
            for message in found {
                if !messages.contains(&message) {
                    messages.push(message);
                }
            }
        }
        if !facts.iter().any(|(_, _, value)| value == word) && facts.len() < 16 {
            facts.push(("mark", ("mark", "标记"), word.to_owned()));
        }
        if let Some(mtu) = mtu {
            facts.push(("mtu_bytes", ("MTU", "MTU"), mtu.to_owned()));
        }
    }
    let remark: Pair = (
        "a mark that stands for several codes names them all; askway trace names the one",
        "一个标记可能代表几种代码，这里都列出；askway trace会说明是哪一种",
    );
    let remark = (messages.len() > 1).then_some(remark);
    (!messages.is_empty()).then_some(Reading { tool: "traceroute", messages, facts, remark })
}

/// `!<13>` is a code of "unreachable", `!<12-0>` type and code.
fn bracketed(family: Family, inner: &str) -> Vec<(u8, u8)> {
    let unreachable = match family {
        Family::V4 => 3,
        Family::V6 => 1,
    };
    let numbers = match inner.split_once('-') {
        Some((kind, code)) => kind.parse().ok().zip(code.parse().ok()),
        None => inner.parse().ok().map(|code| (unreachable, code)),
    };
    numbers.into_iter().collect()
}

fn named(family: Family, mark: &str) -> Vec<(u8, u8)> {
    let row = MARKS.iter().find(|(known, ..)| *known == mark);
    let numbers = row.map(|(_, v4, v6)| match family {
        Family::V4 => *v4,
        Family::V6 => *v6,
    });
    numbers.unwrap_or_default().to_vec()
}

/// What tools print when nothing came: no message at all.
fn silence(line: &str) -> Option<Reading> {
    let lower = line.to_lowercase();
    let stars = line.split_whitespace().filter(|word| *word == "*").count();
    let is_silent = lower.contains("request timed out")
        || lower.contains("no answer yet for icmp_seq")
        || lower.contains("请求超时")
        || stars >= 2
        || lower.contains("100% packet loss");
    let remark: Pair = (
        "nothing came back, so there is no ICMP message to explain: the probe or its answer was \
         lost, filtered silently, or answered too late or not at all",
        "什么也没有回来，所以没有ICMP报文可解释：探测或应答丢失了，被悄悄过滤，来得太晚或根本没有应答",
    );
    let messages = Vec::new();
    is_silent.then_some(Reading { tool: "ping", messages, facts: Vec::new(), remark: Some(remark) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, tool: &str, messages: &[(Family, u8, u8)]) {
        let reading = read(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!((reading.tool, reading.messages.as_slice()), (tool, messages), "{line}");
    }

    #[test]
    fn lines_of_tcpdump_are_read() {
        for (line, kind, code) in [
            ("IP 10.0.0.1 > 10.0.0.2: ICMP 10.0.0.2 udp port 33434 unreachable, length 36", 3, 3),
            ("IP 10.0.0.1 > 10.0.0.2: ICMP 10.0.0.2 protocol 47 unreachable, length 36", 3, 2),
            ("ICMP host 10.0.0.9 unreachable - admin prohibited filter, length 36", 3, 13),
            ("ICMP host x unreachable - admin prohibited, length 36", 3, 10),
            ("ICMP 1.2.3.4 unreachable - need to frag (mtu 1400), length 556", 3, 4),
            ("ICMP redirect 10.9.0.1 to host 10.0.0.254, length 92", 5, 1),
            ("ICMP net 10.0.0.0 unreachable - unknown, length 36", 3, 6),
            ("ICMP type-#77, length 8", 77, 0),
        ] {
            check(line, "tcpdump", &[(Family::V4, kind, code)]);
        }
        check("ICMP6, unknown icmp6 type (161), length 20", "tcpdump", &[(Family::V6, 161, 0)]);
        check("ICMP6, time exceeded in-transit for 2001:db8::1", "tcpdump", &[(Family::V6, 3, 0)]);
        let line = "12:00:00 IP 10.0.0.1 > 10.0.0.2: ICMP 1.2.3.4 unreachable - need to frag (mtu \
                    1400), length 556";
        let facts = read(line).expect("tcpdump's").facts;
        let facts: Vec<(&str, &str)> = facts.iter().map(|(n, _, v)| (*n, v.as_str())).collect();
        assert_eq!(
            facts,
            [("from", "10.0.0.1"), ("to", "10.0.0.2"), ("mtu_bytes", "1400"), ("length", "556")]
        );
    }

    #[test]
    fn lines_of_pings_are_read() {
        let v4 = |kind, code| [(Family::V4, kind, code)];
        check("From 10.0.0.1 icmp_seq=1 Destination Port Unreachable", "ping", &v4(3, 3));
        check("Destination Port Unreachable", "ping", &v4(3, 3));
        check("From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)", "ping", &v4(3, 4));
        check("Reply from 10.0.0.1: TTL expired in transit.", "ping", &v4(11, 0));
        check("来自 10.0.0.1 的回复: 无法访问目标主机。", "ping", &v4(3, 1));
        let line = "From 2001:db8::1 icmp_seq=1 Destination unreachable: Address unreachable";
        check(line, "ping", &[(Family::V6, 1, 3)]);
        let line = "Reply from 2001:db8::1: Destination host unreachable.";
        check(line, "ping", &[(Family::V6, 1, 3)]);
        check("Request timed out.", "ping", &[]);
    }

    #[test]
    fn replies_to_pings_are_read() {
        for (line, messages, wanted) in [
            (
                "64 bytes from 192.0.2.1: icmp_seq=1 ttl=63 time=0.4 ms",
                &[(Family::V4, 0, 0)][..],
                &["192.0.2.1", "64", "1", "63", "0.4 ms"][..],
            ),
            (
                "[1700000.1] 64 bytes from h (192.0.2.1): icmp_seq=2 ttl=63 time=12 ms (DUP!)",
                &[(Family::V4, 0, 0)],
                &["192.0.2.1", "64", "2", "63", "12 ms"],
            ),
            (
                "16 bytes from fe80::1%en0, icmp_seq=0 hlim=64 time=0.5 ms",
                &[(Family::V6, 129, 0)],
                &["fe80::1", "16", "0", "64", "0.5 ms"],
            ),
            (
                "12 bytes from host: seq=3 ttl=64",
                &[(Family::V4, 0, 0), (Family::V6, 129, 0)],
                &["12", "3", "64"],
            ),
            (
                "Reply from 192.0.2.1: bytes=32 time<1ms TTL=128",
                &[(Family::V4, 0, 0)],
                &["192.0.2.1", "32", "128", "<1 ms"],
            ),
            (
                "来自 2001:db8::1 的回复: 时间=4ms",
                &[(Family::V6, 129, 0)],
                &["2001:db8::1", "4 ms"],
            ),
            (
                "来自 r3（192.0.2.10）的 64 字节：序号=1 ttl=62 时间=70.000 毫秒",
                &[(Family::V4, 0, 0)],
                &["192.0.2.10", "64", "1", "62", "70.000 ms"],
            ),
        ] {
            check(line, "ping", messages);
            let facts = read(line).expect("it was read").facts;
            let values: Vec<&str> = facts.iter().map(|(_, _, value)| value.as_str()).collect();
            assert_eq!(values, wanted, "{line}");
        }
    }

    #[test]
    fn marks_of_traceroute_are_read() {
        let line = " 3  192.0.2.1 (192.0.2.1)  1.2 ms !X  1.1 ms !X  1.3 ms !X";
        let prohibited = [(Family::V4, 3, 13), (Family::V4, 3, 10), (Family::V4, 3, 9)];
        check(line, "traceroute", &prohibited);
        check("!<13>", "traceroute", &[(Family::V4, 3, 13), (Family::V6, 1, 13)]);
        check("2001:db8::1 1.2 ms !<4-1>", "traceroute", &[(Family::V6, 4, 1)]);
        check("10.0.0.1 !F-1400", "traceroute", &[(Family::V4, 3, 4)]);
    }

    #[test]
    fn other_lines_are_nobodys() {
        for line in [
            "",
            "port unreachable",
            "hello, world!",
            "!",
            "3/4",
            "1 * 2",
            "64 bytes from 192.0.2.1",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
