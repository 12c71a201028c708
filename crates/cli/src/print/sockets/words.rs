//! Advice in words, in English and in Chinese.

use super::{endpoint, owner, peer_zone};
use crate::command::sockets::advice::{Finding, Remedy, Rule, Situation, Spot};
use crate::lang::Language;
use crate::print::human::Colour;
use net::owners::{Owner, Owners};
use std::io::Write as _;
use std::net::IpAddr;

/// Examples of the sockets that a finding is about, at most.
const EXAMPLES_MAX: usize = 3;

/// Processes that are named for one finding, at most.
const OWNERS_MAX: usize = 5;

/// What findings are about: they name sockets by index.
#[derive(Clone, Copy)]
pub struct Paper<'a> {
    /// What was collected.
    pub situation: &'a Situation,
    /// Who holds the sockets, as far as known.
    pub owners: &'a Owners,
}

impl Paper<'_> {
    /// Findings, each with its evidence and what helps; a line if there are none.
    pub fn write(
        &self,
        findings: &[Finding],
        language: Language,
        is_coloured: bool,
        out: &mut Vec<u8>,
    ) {
        let count = self.situation.sockets.len();
        // Writing to memory cannot fail.
        if findings.is_empty() {
            let _ = match language {
                Language::English => writeln!(out, "{count} TCP sockets: nothing stands out"),
                Language::Chinese => writeln!(out, "{count} 个 TCP 套接字：没有异常"),
            };
        }
        for (at, finding) in findings.iter().enumerate() {
            if at > 0 {
                out.push(b'\n');
            }
            let says = self.says(finding, language);
            let says = if is_coloured { Colour::Bold.paint(&says) } else { says };
            let _ = writeln!(out, "{says}");
            self.evidence(finding, language, out);
            for remedy in &finding.remedies {
                let _ = writeln!(out, "  - {}", self.remedy(*remedy, finding, language));
            }
        }
    }

    fn evidence(&self, finding: &Finding, language: Language, out: &mut Vec<u8>) {
        let owners: Vec<String> = self.owners_of(finding).into_iter().map(owner).collect();
        if !owners.is_empty() {
            let held = language.pick("held by", "持有者：");
            let _ = writeln!(out, "  {held} {}", owners.join(" "));
        }
        for index in finding.sockets.iter().take(EXAMPLES_MAX) {
            let _ = writeln!(out, "  {}", self.pair(*index));
        }
        let more = finding.sockets.len().saturating_sub(EXAMPLES_MAX);
        if more > 0 {
            let _ = match language {
                Language::English => writeln!(out, "  and {more} more"),
                Language::Chinese => writeln!(out, "  以及另外 {more} 个"),
            };
        }
    }

    /// Both ends of a socket: `192.0.2.1:5000 -> 192.0.2.2:80`.
    pub fn pair(&self, index: usize) -> String {
        let socket = &self.situation.sockets[index];
        let mut text = String::new();
        endpoint(socket.local, socket.interface, &mut text);
        if socket.peer.port != 0 {
            text.push_str(" -> ");
            endpoint(socket.peer, peer_zone(socket), &mut text);
        }
        text
    }

    /// Processes that hold sockets of a finding, each once.
    pub fn owners_of(&self, finding: &Finding) -> Vec<&Owner> {
        let mut found: Vec<&Owner> = Vec::new();
        for index in &finding.sockets {
            for owner in self.owners.of(self.situation.sockets[*index].inode) {
                if found.len() < OWNERS_MAX && !found.iter().any(|it| it.pid == owner.pid) {
                    found.push(owner);
                }
            }
        }
        found
    }

    /// What may be wrong, with its figures, in a sentence.
    pub fn says(&self, finding: &Finding, language: Language) -> String {
        let it = Facts::of(finding, language);
        let (_, english, chinese) = SENTENCES[finding.rule as usize];
        it.fill(language.pick(english, chinese))
    }

    /// What helps, with the setting or the address that it is about.
    pub fn remedy(&self, remedy: Remedy, finding: &Finding, language: Language) -> String {
        let settings = &self.situation.settings;
        let shown = |value: Option<u32>| value.map_or("?".to_owned(), |value| value.to_string());
        let now = match remedy {
            Remedy::TimeWaitReuse => Some(("tcp_tw_reuse", shown(settings.time_wait_reuse))),
            Remedy::TurnTimestampsOn => Some(("tcp_timestamps", shown(settings.timestamps))),
            Remedy::RaiseSomaxconn => Some(("somaxconn", shown(settings.backlog_max))),
            Remedy::RaiseSynBacklog => {
                Some(("tcp_max_syn_backlog", shown(settings.syn_backlog_max)))
            }
            Remedy::TurnCookiesOn => Some(("tcp_syncookies", shown(settings.syn_cookies))),
            Remedy::ShortenFinTimeout => Some(("tcp_fin_timeout", shown(settings.fin_timeout_s))),
            Remedy::WidenPorts => {
                let range = settings.port_range.map(|(first, last)| format!("{first} {last}"));
                Some(("ip_local_port_range", range.unwrap_or_default()))
            }
            _ => None,
        };
        let (_, english, chinese) = WORDING[remedy as usize];
        let text = language.pick(english, chinese);
        match (now, language) {
            (None, _) => self.addressed(text, finding),
            (Some((name, value)), Language::English) => format!("{text} ({name} is {value})"),
            (Some((name, value)), Language::Chinese) => format!("{text}（{name} 现为 {value}）"),
        }
    }

    /// A text with the peer in place of the words for it, if there is just one.
    fn addressed(&self, text: &str, finding: &Finding) -> String {
        let Some(address) = finding.peer.address else { return text.to_owned() };
        let peers = finding.sockets.first().map(|index| self.situation.sockets[*index].peer.port);
        let port = finding.peer.port.or(peers).unwrap_or(0).to_string();
        text.replace("PORT", &port).replace("ADDRESS", &address.to_canonical().to_string())
    }
}

/// `192.0.2.1:80`, `[::1]:80`, `192.0.2.1`, or `port 80`.
fn spot(spot: Spot, port: &str) -> String {
    match (spot.address, spot.port) {
        (Some(address), Some(port)) => {
            let mut text = String::new();
            endpoint(net::diag::Endpoint { address, port }, 0, &mut text);
            text
        }
        (Some(IpAddr::V6(address)), None) => address.to_string(),
        (Some(address), None) => address.to_string(),
        (None, Some(number)) => format!("{port} {number}"),
        (None, None) => String::new(),
    }
}

/// `1 connection`, `2 connections`.
fn connections(count: u64) -> String {
    if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") }
}

/// What a sentence about a finding is made of.
struct Facts<'a> {
    finding: &'a Finding,
    local: String,
    peer: String,
    /// The end that the connections have in common: `to our port 80`.
    whose: String,
}

impl Facts<'_> {
    fn of(finding: &Finding, language: Language) -> Facts<'_> {
        let port = language.pick("port", "端口");
        let (local, peer) = (spot(finding.local, port), spot(finding.peer, port));
        let whose = match (local.is_empty(), language) {
            (true, Language::English) => format!("to {peer}"),
            (true, Language::Chinese) => format!("到 {peer}"),
            (false, Language::English) => format!("to our {local}"),
            (false, Language::Chinese) => format!("到本机{local}"),
        };
        Facts { finding, local, peer, whose }
    }

    /// A sentence with facts in the place of their names in braces.
    fn fill(&self, sentence: &str) -> String {
        let mut text = String::new();
        let mut rest = sentence;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, behind) = behind.split_once('}').expect("what opens is closed");
            text.push_str(before);
            text.push_str(&self.fact(name));
            rest = behind;
        }
        text + rest
    }

    /// What stands for a name: an end, or a figure, which is a time if its name ends in `_ms`;
    /// of two with `%` between them, how many hundredths one is of the other.
    fn fact(&self, name: &str) -> String {
        let figure = |name: &str| self.finding.figure(name).unwrap_or(0);
        match (name, name.split_once('%')) {
            ("local", _) => self.local.clone(),
            ("peer", _) => self.peer.clone(),
            ("whose", _) => self.whose.clone(),
            ("connections", _) => connections(figure("count")),
            (_, Some((part, whole))) => percent(figure(part), figure(whole)).to_string(),
            _ if name.ends_with("_ms") => seconds(figure(name)),
            _ => figure(name).to_string(),
        }
    }
}

fn seconds(ms: u64) -> String {
    if ms < 100_000 {
        format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
    } else {
        format!("{} min", ms / 60_000)
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(whole.max(1))).try_into().unwrap_or(u64::MAX)
}

/// What may be wrong, in English and in Chinese, in the order of [`Rule`]; `{name}` stands for a
/// [fact](Facts::fact).
const SENTENCES: [(Rule, &str, &str); Rule::COUNT] = [
    (
        Rule::TimeWaitPorts,
        "{count} ports of {local} are in TIME-WAIT towards {peer}, {count%ports} % of \
         {ports}: this side closes first, and each keeps its port for a minute",
        "{local} 有 {count} 个端口处于对 {peer} 的 TIME-WAIT，占 {ports} 个的 {count%ports} %：本端先关闭，每个端口占用一分钟",
    ),
    (
        Rule::TimeWaitMany,
        "{connections} to our {local} in TIME-WAIT, where {limit} may be (refused so far: \
         {overflows}): this side closes first",
        "到本机{local} 有 {count} 个连接处于 TIME-WAIT，上限 {limit}（至今因超限拒绝 {overflows} 次）：本端先关闭",
    ),
    (
        Rule::PortsLow,
        "{left} of {ports} ports left from {local} towards {peer}; {time_wait} of those taken \
         are in TIME-WAIT",
        "从 {local} 到 {peer} 的 {ports} 个端口只剩 {left} 个；已占用的有 {time_wait} 个处于 TIME-WAIT",
    ),
    (
        Rule::SynBacklog,
        "{count} half-open connections to our {local}, which takes {limit} at a time; \
         SYN-ACKs sent again up to {tries} times, SYNs dropped so far: {drops}, cookies sent: \
         {cookies}",
        "到本机{local} 有 {count} 个半开连接，上限 {limit}；SYN-ACK 最多重发 {tries} 次，\
         至今丢弃 SYN {drops} 个，发出 cookie {cookies} 个",
    ),
    (
        Rule::AcceptQueue,
        "{local} has {count} connections that its program has not accepted, and keeps no more \
         than {limit}; refused so far on this host: {overflows}",
        "{local} 有 {count} 个连接未被程序 accept，上限 {limit}；本机至今拒绝 {overflows} 次",
    ),
    (
        Rule::SynUnanswered,
        "{peer} does not answer our SYN: {connections} waiting, sent again up to {tries} \
         times",
        "{peer} 不应答 SYN：{count} 个连接在等，最多重发 {tries} 次",
    ),
    (
        Rule::Unacknowledged,
        "{peer} does not acknowledge: {connections}, {bytes} bytes, sent again up to {tries} \
         times, next after {rto_ms}; last heard of {silent_ms} ago, given up after {retries} \
         tries",
        "{peer} 不确认：{count} 个连接，{bytes} 字节，最多重发 {tries} 次，下次在 {rto_ms} 后；\
         {silent_ms} 前最后有消息，{retries} 次后放弃",
    ),
    (
        Rule::Lossy,
        "{again} of {segments} segments to {peer} were sent again ({again%segments} %, \
         {connections})",
        "到 {peer} 的 {segments} 个报文段中有 {again} 个重发（{again%segments} %，{count} 个连接）",
    ),
    (
        Rule::ZeroWindow,
        "{peer} takes nothing: its window is closed on {connections}, {bytes} bytes wait, \
         held up for up to {limited_ms} so far",
        "{peer} 不收数据：{count} 个连接窗口为零，{bytes} 字节在等，至今最长受阻 {limited_ms}",
    ),
    (
        Rule::NotReading,
        "a program of ours does not read: {connections} {whose}, {bytes} bytes, the oldest \
         waits {oldest_ms}; {full} with a full buffer",
        "本机程序不读数据：{whose} 的 {count} 个连接，{bytes} 字节，最久等了 {oldest_ms}；{full} 个缓冲区已满",
    ),
    (
        Rule::CloseWait,
        "a program of ours does not close: {connections} {whose} in CLOSE-WAIT, {forgotten} \
         of them for more than a minute, the longest for {oldest_ms}",
        "本机程序不关闭：{whose} 的 {count} 个连接处于 CLOSE-WAIT，其中 {forgotten} 个超过一分钟，最久 {oldest_ms}",
    ),
    (
        Rule::FinWait2,
        "{connections} in FIN-WAIT-2, {orphans} of them orphans: we have closed, the peers \
         have not",
        "{count} 个连接处于 FIN-WAIT-2，其中 {orphans} 个是孤儿：本端已关闭，对端没有",
    ),
    (
        Rule::Orphans,
        "{count} orphans, where {limit} may be: no program holds them any more; reset for \
         want of memory so far: {aborted}",
        "{count} 个孤儿，上限 {limit}：已没有程序持有；至今因内存不足重置 {aborted} 个",
    ),
    (
        Rule::LastAck,
        "{connections} in LAST-ACK: peers do not acknowledge the end, sent again up to \
         {tries} times",
        "{count} 个连接处于 LAST-ACK：对端不确认结束，最多重发 {tries} 次",
    ),
];

/// What helps, in English and in Chinese, in the order of [`Remedy`].
const WORDING: [(Remedy, &str, &str); Remedy::COUNT] = [
    (
        Remedy::ReuseConnections,
        "keep connections open and use them again: keepalive of HTTP, a pool of connections",
        "保持连接并重复使用：HTTP 长连接、连接池",
    ),
    (
        Remedy::PeerCloses,
        "let the other side close first, where the protocol allows: TIME-WAIT is with whoever \
             closes first",
        "协议允许时让对端先关闭：谁先关闭，TIME-WAIT 就在谁那里",
    ),
    (
        Remedy::TimeWaitReuse,
        "sysctl net.ipv4.tcp_tw_reuse=1 gives such ports to new outgoing connections, safely, \
             where both sides use timestamps",
        "sysctl net.ipv4.tcp_tw_reuse=1 让新的外出连接安全地重用这些端口，前提是双方都用时间戳",
    ),
    (
        Remedy::TurnTimestampsOn,
        "turn timestamps on again: without them tcp_tw_reuse has no effect",
        "重新打开时间戳：没有它 tcp_tw_reuse 不起作用",
    ),
    (
        Remedy::WidenPorts,
        "widen net.ipv4.ip_local_port_range, and reserve the ports of services in \
             ip_local_reserved_ports",
        "放宽 net.ipv4.ip_local_port_range，并把服务的端口留在 ip_local_reserved_ports 里",
    ),
    (
        Remedy::MoreAddresses,
        "each further source address, destination address or destination port brings as many \
             ports again",
        "每多一个源地址、目的地址或目的端口，就多出同样多的端口",
    ),
    (
        Remedy::NoRecycle,
        "tcp_tw_recycle is no remedy: gone since Linux 4.12, and it broke clients behind NAT",
        "tcp_tw_recycle 不是办法：Linux 4.12 起已取消，而且曾让 NAT 后面的客户端连不上",
    ),
    (
        Remedy::NoLinger,
        "SO_LINGER with 0 is no remedy: it sends RST and discards data that is under way",
        "SO_LINGER 设 0 不是办法：它发 RST 并丢弃在途的数据",
    ),
    (
        Remedy::TimeWaitIsCheap,
        "at a service they take no port, only some hundred bytes of memory each: alone they are \
             no reason to act",
        "在服务端它们不占端口，每个只占几百字节内存：单凭数量不必处理",
    ),
    (
        Remedy::AcceptFaster,
        "let the program accept faster: more threads or processes, nothing slow before accept",
        "让程序更快地 accept：更多线程或进程，accept 之前不做慢的事",
    ),
    (
        Remedy::RaiseBacklog,
        "a larger backlog in listen(2) helps over short bursts, not over a slow program",
        "加大 listen(2) 的 backlog 能应付短暂的高峰，应付不了慢的程序",
    ),
    (
        Remedy::RaiseSomaxconn,
        "the backlog is capped: raise net.core.somaxconn, too, and listen anew",
        "backlog 受限：还要加大 net.core.somaxconn，并重新监听",
    ),
    (
        Remedy::RaiseSynBacklog,
        "the queue is capped: raise net.ipv4.tcp_max_syn_backlog, too",
        "队列受限：还要加大 net.ipv4.tcp_max_syn_backlog",
    ),
    (
        Remedy::TurnCookiesOn,
        "sysctl net.ipv4.tcp_syncookies=1: when the queue is full, connections are still taken",
        "sysctl net.ipv4.tcp_syncookies=1：队列满时仍能接受连接",
    ),
    (
        Remedy::CookiesWork,
        "SYN cookies are on: when the queue is full, connections are still taken, without some \
             TCP options",
        "SYN cookie 已打开：队列满时仍能接受连接，只是缺少部分 TCP 选项",
    ),
    (
        Remedy::LookAtSources,
        "look where they come from: askway sockets --state syn-recv; many strange sources are a \
             SYN flood, few mean answers that get lost",
        "看它们从哪里来：askway sockets --state syn-recv；来源众多而陌生是 SYN 洪水，来源少是应答丢失",
    ),
    (
        Remedy::TracePort,
        "see how far it gets: askway trace -k tcp -p PORT ADDRESS; the host may be down or a \
             firewall silent",
        "看能走多远：askway trace -k tcp -p PORT ADDRESS；可能主机不在，或防火墙不声不响地丢弃",
    ),
    (
        Remedy::UserTimeout,
        "a program that would rather know earlier sets TCP_USER_TIMEOUT",
        "想早点知道的程序可以设 TCP_USER_TIMEOUT",
    ),
    (
        Remedy::FindLoss,
        "find where it is lost: askway watch ADDRESS, askway mtu ADDRESS",
        "找出在哪里丢失：askway watch ADDRESS、askway mtu ADDRESS",
    ),
    (
        Remedy::PeerReads,
        "nothing is wrong with the network: the program over there does not read",
        "网络没有问题：对端的程序不读数据",
    ),
    (
        Remedy::ReadFaster,
        "the program has to read, or to close: the peer's window closes when the buffer is full",
        "程序应当读取或关闭：缓冲区满了，对端的窗口就会变零",
    ),
    (
        Remedy::CloseSockets,
        "the program has to close what its peer has closed (read returns 0): no setting of the \
             kernel ends CLOSE-WAIT",
        "程序应当关闭对端已关闭的连接（read 返回 0）：内核没有设置能结束 CLOSE-WAIT",
    ),
    (
        Remedy::GiveUpHalfClosed,
        "the peers' programs have to close; ours may close altogether instead of shutting down \
             one direction",
        "对端程序应当关闭；本机程序可以完全关闭，而不是只关一个方向",
    ),
    (
        Remedy::ShortenFinTimeout,
        "orphans in FIN-WAIT-2 end after net.ipv4.tcp_fin_timeout seconds, which may be shorter",
        "FIN-WAIT-2 的孤儿在 net.ipv4.tcp_fin_timeout 秒后结束，可以缩短",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_and_remedy_has_its_words() {
        for (at, (rule, english, chinese)) in SENTENCES.iter().enumerate() {
            assert_eq!(*rule as usize, at);
            let (local, peer) = (Spot::default(), Spot::default());
            let (figures, sockets, remedies) = (Vec::new(), Vec::new(), Vec::new());
            let finding = Finding { rule: *rule, local, peer, figures, sockets, remedies };
            for language in [Language::English, Language::Chinese] {
                let text = Facts::of(&finding, language).fill(language.pick(english, chinese));
                assert!(!text.contains(['{', '}']), "{text}");
            }
        }
        for (at, (remedy, ..)) in WORDING.iter().enumerate() {
            assert_eq!(*remedy as usize, at);
        }
    }
}
