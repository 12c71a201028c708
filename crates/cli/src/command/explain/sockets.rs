//! What a program sees of a message that arrives, by its socket: 4.4BSD beside Linux.
//!
//! Linux: `net/ipv4/icmp.c` (the table of errnos), `udp.c`, `tcp_ipv4.c`, `ping.c`, `raw.c` and
//! their IPv6 fellows; the tests send each code to a real kernel. 4.4BSD: `netinet/ip_icmp.c`,
//! `udp_usrreq.c`, `tcp_subr.c`.

use super::book::Page;
use super::both::{Both, Pair};
use wire::Family;
use wire::icmp::Meaning;

/// What a program sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// The errno of its next call.
    Errno(&'static str),
    /// The errno only if the kernel's own retries run out.
    Late(&'static str),
    /// Nothing: the kernel sees to it.
    Mended(Pair),
    /// The message itself.
    Message,
}

impl Seen {
    /// In words.
    pub fn words(self) -> Both {
        match self {
            Seen::Nothing => Both::new("-", "-"),
            Seen::Errno(errno) => Both::new(errno, errno),
            Seen::Late(errno) => {
                Both::new(format!("{errno} if retries fail"), format!("重试失败后 {errno}"))
            }
            Seen::Mended(pair) => Both::of(pair),
            Seen::Message => Both::new("the message", "报文本身"),
        }
    }
}

/// A kind of socket, and what it sees on both systems.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name in JSON and CSV.
    pub name: &'static str,
    /// Its name for people.
    pub socket: Pair,
    /// What it sees on 4.4BSD; `None` if that had none of the kind.
    pub bsd: Option<Seen>,
    /// What it sees on Linux.
    pub linux: Seen,
}

/// The sockets that may hear of a message.
pub fn rows(page: &Page) -> Vec<Row> {
    let bsd = |seen| (page.family == Family::V4).then_some(seen);
    if !page.entry.is_error {
        let of_ping = matches!(page.entry.name.split(':').next(), Some("echo reply"))
            || page.entry.name.starts_with("extended echo reply");
        let linux = if of_ping { Seen::Message } else { Seen::Nothing };
        return vec![
            Row { name: "ping", socket: PLAIN_PING, bsd: None, linux },
            Row { name: "raw", socket: RAW, bsd: bsd(bsd_raw(page)), linux: Seen::Message },
        ];
    }
    let linux = Linux::of(page);
    let old = bsd_of(page);
    vec![
        Row { name: "udp", socket: UDP, bsd: bsd(old.udp), linux: linux.udp },
        Row { name: "udp_recverr", socket: UDP_RECVERR, bsd: None, linux: linux.recverr },
        Row { name: "tcp_connecting", socket: CONNECTING, bsd: bsd(old.tcp), linux: linux.opening },
        Row {
            name: "tcp_established",
            socket: ESTABLISHED,
            bsd: bsd(old.established),
            linux: linux.established,
        },
        Row { name: "ping", socket: PING, bsd: None, linux: linux.ping },
        Row { name: "raw", socket: RAW, bsd: bsd(Seen::Message), linux: Seen::Message },
    ]
}

const UDP: Pair = ("UDP, connected", "UDP，已连接");
const UDP_RECVERR: Pair = ("UDP, IP_RECVERR", "UDP，设了IP_RECVERR");
const CONNECTING: Pair = ("TCP, connecting", "TCP，正在连接");
const ESTABLISHED: Pair = ("TCP, established", "TCP，已建立");
const PING: Pair = ("ping socket, IP_RECVERR", "ping套接字，设了IP_RECVERR");
const PLAIN_PING: Pair = ("ping socket", "ping套接字");
const RAW: Pair = ("raw ICMP", "ICMP原始套接字");

const SMALLER: Pair = ("sends smaller again", "改小后重发");
const ONE_SEGMENT: Pair = ("window of one segment", "窗口缩为一个报文段");

/// What Linux lets each socket see of an error.
struct Linux {
    udp: Seen,
    recverr: Seen,
    opening: Seen,
    established: Seen,
    ping: Seen,
}

impl Linux {
    fn of(page: &Page) -> Linux {
        let nothing = Linux {
            udp: Seen::Nothing,
            recverr: Seen::Nothing,
            opening: Seen::Nothing,
            established: Seen::Nothing,
            ping: Seen::Nothing,
        };
        let errno = page.entry.linux;
        if !errno.starts_with('E') {
            // Not real errors, but ping sockets get an errno that nothing else uses.
            let is_told = page.family == Family::V4 && matches!(page.entry.kind, 4 | 5);
            let ping = if is_told { Seen::Errno("EREMOTEIO") } else { Seen::Nothing };
            return Linux { ping, ..nothing };
        }
        let told = Seen::Errno(errno);
        let is_too_big = page.meaning() == Some(Meaning::PacketTooBig);
        Linux {
            udp: if page.entry.is_hard { told } else { Seen::Nothing },
            recverr: told,
            opening: if is_too_big { Seen::Mended(SMALLER) } else { told },
            established: if is_too_big { Seen::Mended(SMALLER) } else { Seen::Late(errno) },
            ping: told,
        }
    }
}

/// What 4.4BSD lets each socket see of an error.
struct Bsd {
    udp: Seen,
    tcp: Seen,
    established: Seen,
}

fn bsd_of(page: &Page) -> Bsd {
    let errno = page.entry.bsd;
    if page.meaning() == Some(Meaning::SourceQuench) {
        let tcp = Seen::Mended(ONE_SEGMENT);
        return Bsd { udp: Seen::Nothing, tcp, established: tcp };
    }
    if !errno.starts_with('E') {
        return Bsd { udp: Seen::Nothing, tcp: Seen::Nothing, established: Seen::Nothing };
    }
    // tcp_notify: a connection that is up does not mind that the host cannot be reached.
    let established = match errno {
        "EHOSTUNREACH" => Seen::Nothing,
        _ => Seen::Late(errno),
    };
    Bsd { udp: Seen::Errno(errno), tcp: Seen::Late(errno), established }
}

/// Queries that 4.4BSD's kernel answers are not handed on.
fn bsd_raw(page: &Page) -> Seen {
    match page.entry.bsd {
        "process" => Seen::Message,
        _ => Seen::Nothing,
    }
}

/// What a kernel does with a message, in words: the column of the table.
pub fn disposition(word: &'static str, is_hard: bool) -> Both {
    match word {
        "kernel" => Both::new("answers or acts on it itself", "自己应答或处理"),
        "kernel (routing table)" => Both::new("changes its routes", "修改路由"),
        "kernel (TCP), ignore (UDP)" => Both::new("slows TCP down", "让TCP放慢"),
        "process" => Both::new("hands it to raw sockets", "交给原始套接字"),
        "ignore" => Both::new("ignores it", "不理它"),
        "-" => Both::new("had no IPv6", "没有IPv6"),
        "EMSGSIZE" => Both::new("EMSGSIZE", "EMSGSIZE"),
        errno if is_hard => Both::new(format!("{errno}, hard"), format!("{errno}（硬）")),
        errno => Both::new(format!("{errno}, soft"), format!("{errno}（软）")),
    }
}

/// What 4.4BSD does with it, in words.
pub fn bsd_disposition(word: &'static str) -> Both {
    if word.starts_with('E') { Both::new(word, word) } else { disposition(word, false) }
}
