//! The errnos that ICMP errors turn into, and what else makes them (Linux numbers).

use super::both::Pair;

/// An errno.
#[derive(Clone, Copy, Debug)]
pub struct Errno {
    /// Its symbol.
    pub name: &'static str,
    /// Its number on Linux.
    pub number: u16,
    /// How the C library words it, in English and in Chinese.
    pub text: Pair,
    /// What makes it without any ICMP message.
    pub otherwise: Pair,
}

/// Every errno that a message of ICMP can turn into.
pub const ALL: &[Errno] = &[
    Errno {
        name: "ENETUNREACH",
        number: 101,
        text: ("Network is unreachable", "网络不可达"),
        otherwise: (
            "this host itself has no route to the address, which is the usual reason if the call \
             fails at once",
            "本机没有到该地址的路由；调用立即失败时通常是这个原因",
        ),
    },
    Errno {
        name: "EHOSTUNREACH",
        number: 113,
        text: ("No route to host", "没有到主机的路由"),
        otherwise: (
            "a neighbour on this host's own link does not answer ARP or neighbour discovery (after \
             about 3 s), or a route here is `unreachable`",
            "本机同一链路上的邻居不回答ARP或邻居发现（约3秒后），或本机路由为unreachable",
        ),
    },
    Errno {
        name: "ECONNREFUSED",
        number: 111,
        text: ("Connection refused", "拒绝连接"),
        otherwise: (
            "of TCP: the port answered with a reset (RST), so no ICMP at all",
            "对TCP：端口回了复位（RST），与ICMP无关",
        ),
    },
    Errno {
        name: "EMSGSIZE",
        number: 90,
        text: ("Message too long", "消息过长"),
        otherwise: (
            "the datagram does not fit this host's own interface or the path MTU that it already \
             knows and must not be fragmented, or exceeds 65,507 bytes",
            "数据报超过本机接口或已知路径MTU而又不许分片，或超过65507字节",
        ),
    },
    Errno {
        name: "ENOPROTOOPT",
        number: 92,
        text: ("Protocol not available", "不可用的协议"),
        otherwise: (
            "setsockopt() with an option that does not exist",
            "setsockopt()用了不存在的选项",
        ),
    },
    Errno {
        name: "EPROTO",
        number: 71,
        text: ("Protocol error", "协议错误"),
        otherwise: ("drivers and other protocols use it too", "驱动程序和其他协议也用它"),
    },
    Errno {
        name: "EHOSTDOWN",
        number: 112,
        text: ("Host is down", "主机关闭"),
        otherwise: ("Bluetooth and file systems over the network", "蓝牙和网络文件系统"),
    },
    Errno {
        name: "ENONET",
        number: 64,
        text: ("Machine is not on the network", "机器不在网络中"),
        otherwise: ("hardly anything", "几乎没有"),
    },
    Errno {
        name: "EOPNOTSUPP",
        number: 95,
        text: ("Operation not supported", "不支持的操作"),
        otherwise: (
            "a call that the kind of socket does not know, which is by far the usual reason",
            "该种套接字不支持的调用；绝大多数是这个原因",
        ),
    },
    Errno {
        name: "EACCES",
        number: 13,
        text: ("Permission denied", "权限不够"),
        otherwise: (
            "sending to a broadcast address without SO_BROADCAST, a `prohibit` route of this host, \
             or a right that this process lacks",
            "没有SO_BROADCAST而发往广播地址，本机路由为prohibit，或进程缺少权限",
        ),
    },
    Errno {
        name: "EREMOTEIO",
        number: 121,
        text: ("Remote I/O error", "远程 I/O 错误"),
        otherwise: ("hardware buses such as I2C", "I2C等硬件总线"),
    },
    Errno {
        name: "ETIMEDOUT",
        number: 110,
        text: ("Connection timed out", "连接超时"),
        otherwise: (
            "of TCP: nothing came back at all, neither an answer nor an ICMP error that counts",
            "对TCP：什么也没有回来，既无应答也无有效的ICMP差错",
        ),
    },
];

/// The errno that a text names: its symbol or its words in either language.
pub fn in_text(text: &str) -> Option<&'static Errno> {
    let lower = text.to_lowercase();
    let words = || lower.split(|c: char| !c.is_ascii_alphanumeric());
    let names = |errno: &&Errno| words().any(|word| word == errno.name.to_lowercase());
    let says = |errno: &&Errno| {
        lower.contains(&errno.text.0.to_lowercase()) || lower.contains(&errno.text.1.to_lowercase())
    };
    let numbered = || {
        let number = lower.strip_prefix("errno")?.trim_matches([' ', '=', ':']);
        ALL.iter().find(|errno| number == errno.number.to_string())
    };
    ALL.iter().find(names).or_else(numbered).or_else(|| ALL.iter().find(says))
}
