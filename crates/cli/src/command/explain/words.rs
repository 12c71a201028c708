//! What is said of messages beside their pages: which instruments show them, and what they quote.

use super::book::Page;
use super::both::{Both, Pair};
use crate::print::trace::words::mark;
use probe::trace::Says;
use wire::Family;
use wire::icmp::Meaning;

/// The mark of `askway trace`; `None` if there is none.
pub fn trace_mark(page: &Page) -> Option<String> {
    if !page.entry.is_error {
        return None;
    }
    let meaning = Meaning::of(page.family, page.entry.kind, page.code());
    mark(Says::Error { meaning, kind: page.entry.kind, code: page.code(), mtu_bytes: None })
}

/// The commands of askway that show a message, and how.
pub fn instruments(page: &Page) -> Vec<(&'static str, Both)> {
    if page.entry.is_error { of_error(page) } else { of_query(page) }
}

fn of_error(page: &Page) -> Vec<(&'static str, Both)> {
    let meaning = page.meaning();
    let mut shown = Vec::new();
    if meaning.is_some() {
        shown.push(("ping", Both::of(("names it and who sent it", "说出是什么、谁发的"))));
    }
    let trace = match (meaning, trace_mark(page)) {
        (Some(Meaning::HopLimitExceeded), _) => {
            Both::of(("each names a router on the way", "每一条说出途中的一个路由器"))
        }
        (Some(Meaning::PortUnreachable), _) => {
            Both::of(("arrived, if the target sends it", "若由目标发出，就是到达了"))
        }
        (_, Some(mark)) => {
            Both::new(format!("{mark}, and the road ends"), format!("{mark}，路到此为止"))
        }
        _ => Both::of(("the road ends there", "路到此为止")),
    };
    match meaning {
        // Advice ends no road.
        Some(meaning) if meaning.is_advice() => {}
        _ => shown.push(("trace", trace)),
    }
    if meaning == Some(Meaning::PacketTooBig) {
        let says =
            ("which hop and how large; also where it is missing", "哪一跳、多大；缺了它也能查出");
        shown.push(("mtu", Both::of(says)));
    }
    shown
}

fn of_query(page: &Page) -> Vec<(&'static str, Both)> {
    let pairs: &[(&'static str, Pair)] = match (page.family, page.entry.kind) {
        (Family::V4, 8) | (Family::V6, 128) => {
            &[("ping", ("sends it", "发送它")), ("up", ("sends it", "发送它"))]
        }
        (Family::V4, 0) | (Family::V6, 129) => &[
            ("ping", ("a reply", "应答")),
            ("up", ("the host is up", "主机在")),
            ("trace", ("arrived, with -k icmp", "用-k icmp时表示到达")),
        ],
        (Family::V4, 13) => &[
            ("clock", ("sends it", "发送它")),
            ("ping", ("sends it with --kind timestamp", "用--kind timestamp时发送")),
        ],
        (Family::V4, 14) => &[
            ("clock", ("how far the clock is off", "时钟差多少")),
            ("ping", ("a reply with --kind timestamp", "用--kind timestamp时的应答")),
        ],
        (Family::V4, 17) => &[("mask", ("sends it", "发送它"))],
        (Family::V4, 18) => &[("mask", ("the mask", "掩码"))],
        (Family::V4, 9) | (Family::V6, 134) => {
            &[("routers", ("who offers to route", "谁愿意做路由器"))]
        }
        (Family::V4, 10) | (Family::V6, 133) => &[("routers", ("sends it", "发送它"))],
        _ => &[],
    };
    pairs.iter().map(|(name, pair)| (*name, Both::of(*pair))).collect()
}

/// What a message quotes of the packet that it is about.
pub fn quote(page: &Page) -> Both {
    if !page.entry.is_error {
        return Both::of(("nothing: it is no error", "不引用：它不是差错"));
    }
    let too_big = page.meaning() == Some(Meaning::PacketTooBig);
    match page.family {
        Family::V4 if page.entry.kind == 5 => Both::of((
            "the second word is the better router; then the IP header of the packet that was \
             forwarded and its first bytes",
            "第二个字是更好的路由器；其后是被转发的分组的IP首部和开头的字节",
        )),
        Family::V4 if too_big => Both::of((
            "the MTU in the second word; then the IP header of the packet that was dropped and at \
             least 8 bytes behind it, which name the ports: that is how the kernel finds the \
             socket",
            "第二个字中是MTU；其后是被丢弃的分组的IP首部和之后至少8字节，内有端口号：内核靠它找到套接字",
        )),
        Family::V4 => Both::of((
            "the IP header of the packet that was dropped and at least 8 bytes behind it (RFC 792; \
             as many as fit 576 since RFC 1812): the ports, by which the kernel finds the socket",
            "被丢弃的分组的IP首部和之后至少8字节（RFC 792；RFC 1812起尽量填满576字节）：内有端口号，\
             内核靠它找到套接字",
        )),
        Family::V6 if page.entry.kind == 137 => Both::of((
            "the better first hop, the destination, and as an option the start of the packet that \
             was forwarded",
            "更好的第一跳、目的地址，并以选项带上被转发的分组的开头",
        )),
        Family::V6 if too_big => Both::of((
            "the MTU in the second word; then as much of the packet that was dropped as fits 1280 \
             bytes",
            "第二个字是MTU；其后是被丢弃的分组，直到填满1280字节",
        )),
        Family::V6 => Both::of((
            "as much of the packet that was dropped as fits 1280 bytes (RFC 4443 §2.4): its \
             headers and ports, by which the kernel finds the socket",
            "被丢弃的分组，直到填满1280字节（RFC 4443 §2.4）：内有首部和端口号，内核靠它找到套接字",
        )),
    }
}

/// How it stands today, in words.
pub fn standing(page: &Page) -> Both {
    let word = page.entry.standing;
    let (first, rest) = word.split_once(' ').unwrap_or((word, ""));
    let zh = match first {
        "current" => "现行",
        "deprecated" => "已弃用",
        "obsolete" => "已过时",
        "experimental" => "实验性",
        other => other,
    };
    let zh = if rest.is_empty() { zh.to_owned() } else { format!("{zh} {rest}") };
    Both::new(word, zh)
}
