//! What is said about roads, in English and in Chinese.

use super::{Road, Totals};
use crate::lang::Language;
use crate::meaning;
use crate::print::human::send_fault;
use probe::method::Greeting;
use probe::trace::limit::ReplyLimit;
use probe::trace::{Change, Course, End, Extension, Graph, Layer, Naming, Plan, Says, Verdict};
use probe::{SendFault, SendFaultReason};
use std::fmt::Write as _;
use std::net::IpAddr;
use wire::ext::Role;
use wire::icmp::Meaning;

/// The letters that users of traceroute know.
const MARKS: &[(Meaning, &str)] = &[
    (Meaning::NetworkUnreachable, "!N"),
    (Meaning::NetworkUnknown, "!N"),
    (Meaning::SourceIsolated, "!N"),
    (Meaning::NetworkUnreachableForService, "!N"),
    (Meaning::HostUnreachable, "!H"),
    (Meaning::HostUnknown, "!H"),
    (Meaning::HostUnreachableForService, "!H"),
    (Meaning::BeyondScope, "!H"),
    (Meaning::ProtocolUnreachable, "!P"),
    (Meaning::NextHeaderUnknown, "!P"),
    (Meaning::PacketTooBig, "!F"),
    (Meaning::SourceRouteFailed, "!S"),
    (Meaning::NetworkProhibited, "!X"),
    (Meaning::HostProhibited, "!X"),
    (Meaning::CommunicationProhibited, "!X"),
    (Meaning::PrecedenceViolation, "!V"),
    (Meaning::PrecedenceCutoff, "!C"),
];

/// The mark behind the round trips of an answer that is no plain one: traceroute's letter, else
/// `!<CODE>` of an unreachable, `!<TYPE-CODE>` of anything else.
pub fn mark(says: Says) -> Option<String> {
    let Says::Error { meaning, kind, code, mtu_bytes } = says else { return None };
    if says.is_expired() || meaning == Meaning::PortUnreachable {
        return None;
    }
    let letter = MARKS.iter().find(|(known, _)| *known == meaning).map(|(_, letter)| *letter);
    Some(match (letter, mtu_bytes) {
        (Some(letter), Some(mtu_bytes)) => format!("{letter}-{mtu_bytes}"),
        (Some(letter), None) => letter.to_owned(),
        (None, _) if is_unreachable(meaning) => format!("!<{code}>"),
        (None, _) => format!("!<{kind}-{code}>"),
    })
}

fn is_unreachable(meaning: Meaning) -> bool {
    matches!(
        meaning,
        Meaning::SourceAddressFailedPolicy | Meaning::RejectRoute | Meaning::SourceRoutingHeader
    )
}

/// How many probes a hop gets.
pub fn queries(plan: &Plan) -> u8 {
    match plan.course {
        Course::Once { queries } => queries,
        Course::Rounds { .. } | Course::Paths { .. } => 1,
    }
}

/// The sentences of one language.
#[derive(Clone, Copy, Debug)]
pub struct Words(pub Language);

impl Words {
    /// The one of these that is meant.
    pub fn pick<T>(self, english: T, chinese: T) -> T {
        self.0.pick(english, chinese)
    }

    fn is_chinese(self) -> bool {
        self.0 == Language::Chinese
    }

    /// Where to and how.
    pub fn heading(self, road: &Road<'_>, target: &str) -> String {
        let plan = road.plan;
        let method = plan.method.name().to_uppercase();
        let how = match (plan.method.usual_port(), plan.naming) {
            (None, _) => method,
            (Some(_), Naming::Steady) if self.is_chinese() => {
                format!("{method} 到端口 {}", plan.port)
            }
            (Some(_), Naming::CountingPort) if self.is_chinese() => {
                format!("{method} 到自 {} 递增的端口", plan.port)
            }
            (Some(_), Naming::Steady) => format!("{method} to port {}", plan.port),
            (Some(_), Naming::CountingPort) => format!("{method} to ports from {} on", plan.port),
        };
        let last = plan.hops_max;
        let from = road.source.filter(|source| !source.is_unspecified());
        if self.is_chinese() {
            let from = from.map(|it| format!("，自 {it}")).unwrap_or_default();
            format!("到 {target} 的路{from}：{how}，最多 {last} 跳")
        } else {
            let from = from.map(|it| format!(" from {it}")).unwrap_or_default();
            format!("trace {target}{from}: {how}, at most {last} hops")
        }
    }

    /// What an answer of the end says.
    /// What an answer says; `port` is the one that was asked, to methods that have ports.
    pub fn says(self, says: Says, port: Option<u16>) -> String {
        let of_port = |english: &str, chinese: &str| match port {
            Some(port) if self.is_chinese() => format!("端口 {port} {chinese}"),
            Some(port) => format!("port {port} is {english}"),
            None => self.pick(english, chinese).to_owned(),
        };
        match says {
            Says::Greeting(Greeting::EchoReply) => self.pick("echo reply", "回显应答").to_owned(),
            Says::Greeting(Greeting::Datagram) => {
                self.pick("the program at the port answered", "端口上的程序有应答").to_owned()
            }
            Says::Greeting(Greeting::SynAck) => of_port("open", "开放"),
            Says::Greeting(Greeting::Reset) => of_port("closed", "关闭"),
            Says::Greeting(Greeting::Segment { .. }) => {
                self.pick("answered by TCP", "有TCP应答").to_owned()
            }
            Says::Error { meaning, kind, code, mtu_bytes } => {
                let mut text = meaning::phrase(meaning, self.0).to_owned();
                if !says.is_arrival() {
                    let _ = write!(text, "{}icmp {kind}/{code}", self.pick(" (", "（"));
                    if let Some(mtu_bytes) = mtu_bytes {
                        let _ = write!(text, ", mtu {mtu_bytes}");
                    }
                    text += self.pick(")", "）");
                }
                text
            }
        }
    }

    /// How a road ends. `last` is the last hop that answered.
    pub fn verdict(
        self,
        road: &Road<'_>,
        verdict: &Verdict,
        last: Option<(u8, IpAddr)>,
        who: &dyn Fn(IpAddr) -> String,
    ) -> String {
        let port = road.plan.method.usual_port().map(|_| road.plan.port);
        let target = road.whom.target.map(|target| target.address);
        match &verdict.end {
            End::Reached { hop, from, says } => {
                let how = self.says(*says, port);
                let hops = if *hop == 1 { "hop" } else { "hops" };
                let is_target = target.is_none_or(|target| target == *from);
                match (is_target, self.is_chinese()) {
                    (true, true) => format!("{hop} 跳到达：{how}"),
                    (true, false) => format!("reached in {hop} {hops}: {how}"),
                    (false, _) => self.in_its_stead(*hop, &who(*from), &how),
                }
            }
            End::Refused { hop, from, says } => {
                let (from, why) = (who(*from), self.says(*says, port));
                match self.is_chinese() {
                    true => format!("在第 {hop} 跳被 {from} 拒绝：{why}"),
                    false => format!("refused at hop {hop} by {from}: {why}"),
                }
            }
            End::Silent { from_hop } => self.silent(*from_hop, last, who),
            End::HopsExhausted => match self.is_chinese() {
                true => format!("{} 跳之内没有到达", road.plan.hops_max),
                false => format!("not reached within {} hops", road.plan.hops_max),
            },
            End::Loop { from_hop, length } => {
                let to = from_hop + length - 1;
                match (self.is_chinese(), *length) {
                    (true, 1) => format!("环路：第 {from_hop} 跳的路由器一再出现"),
                    (true, _) => format!("环路：第 {from_hop} 到 {to} 跳一再出现"),
                    (false, 1) => {
                        format!("loop: the router of hop {from_hop} comes again and again")
                    }
                    (false, _) => format!("loop: hops {from_hop} to {to} come again and again"),
                }
            }
            End::Unsendable(fault) => self.unsendable(*fault),
            End::Unknown => self.pick("interrupted", "被中断").to_owned(),
        }
    }

    fn silent(
        self,
        from_hop: u8,
        last: Option<(u8, IpAddr)>,
        who: &dyn Fn(IpAddr) -> String,
    ) -> String {
        match (last, self.is_chinese()) {
            (None, false) => "silent: nobody answered".to_owned(),
            (None, true) => "沉默：没有任何应答".to_owned(),
            (Some((hop, from)), false) => {
                format!("silent from hop {from_hop} on; last heard of {} at hop {hop}", who(from))
            }
            (Some((hop, from)), true) => {
                format!("从第 {from_hop} 跳起沉默；最后有应答的是第 {hop} 跳 {}", who(from))
            }
        }
    }

    fn in_its_stead(self, hop: u8, from: &str, how: &str) -> String {
        match self.is_chinese() {
            true => format!(
                "第 {hop} 跳的 {from} 代目标应答：{how}（目的地址被转换、目标的另一接口，或路上的过滤器）"
            ),
            false => format!(
                "answered in the target's stead by {from} at hop {hop}: {how} (destination \
                 translation, another interface of the target, or a filter on the way)"
            ),
        }
    }

    fn unsendable(self, fault: SendFault) -> String {
        match fault.reason {
            SendFaultReason::Prohibited => {
                self.pick("not sent: not permitted here", "未发送：本机不允许").to_owned()
            }
            _ => send_fault(fault, self.0),
        }
    }

    /// What it cost to find out. How many were answered says nothing: those beyond the end did not
    /// have to be.
    pub fn costs(self, sent: u64, seconds: &str) -> String {
        match self.is_chinese() {
            true => format!("；探测 {sent} 个，历时 {seconds} 秒"),
            false if sent == 1 => format!("; 1 probe, {seconds} s"),
            false => format!("; {sent} probes, {seconds} s"),
        }
    }

    /// How a hop with several routers parts what comes.
    pub fn balances(self, layer: &Layer) -> String {
        let (ways, flows, sent) = (layer.vertices.len(), layer.flows, layer.sent);
        match (layer.is_per_packet, self.is_chinese()) {
            (true, true) => format!("{ways} 路，逐包均衡（{sent} 个探测）"),
            (true, false) => format!("{ways} ways, balanced packet by packet ({sent} probes)"),
            (false, true) => format!("{ways} 路，按流均衡（{flows} 个流）"),
            (false, false) => format!("{ways} ways, balanced by flow ({flows} flows)"),
        }
    }

    /// How many paths there are, and how surely no other.
    pub fn paths(self, graph: &Graph) -> String {
        let percent = (1.0 - graph.risk) * 100.0;
        match (graph.paths.len(), self.is_chinese()) {
            (count, true) => format!("路径 {count} 条；每台路由器以 {percent:.0}% 的把握无遗漏"),
            (1, false) => {
                format!("1 path; none missed at any router with {percent:.0} % confidence")
            }
            (count, false) => {
                format!("{count} paths; none missed at any router with {percent:.0} % confidence")
            }
        }
    }

    /// A number of flows.
    pub fn flows(self, count: usize) -> String {
        match (count, self.is_chinese()) {
            (count, true) => format!("{count} 个流"),
            (1, false) => "1 flow".to_owned(),
            (count, false) => format!("{count} flows"),
        }
    }

    /// How many probes were answered.
    pub fn of_probes(self, answered: u64, sent: u64) -> String {
        match self.is_chinese() {
            true => format!("应答 {answered}/{sent}"),
            false => format!("{answered} of {sent} probes answered"),
        }
    }

    /// A round trip, and to which hop.
    pub fn as_far_as(self, rtt: &str, hop: u8) -> String {
        match self.is_chinese() {
            true => format!("到第 {hop} 跳 {rtt} ms"),
            false => format!("{rtt} ms to hop {hop}"),
        }
    }

    /// What nobody could see here, so that its absence is no finding.
    pub fn unseen(self, road: &Road<'_>) -> Vec<&'static str> {
        let mut unseen = Vec::new();
        if !road.plan.sees_quoted_headers {
            unseen.push(self.pick(
                "unseen without rights: how probes arrive at the hops, so also what changes them",
                "没有特权看不到：探测到达各跳时的样子，以及路上对它的改动",
            ));
        }
        if !road.holds_flows || !road.plan.is_steady() {
            unseen.push(self.pick(
                "each probe had a port of its own, so each may have gone another way",
                "每个探测的端口都不同，因此可能走了不同的路",
            ));
        }
        unseen
    }

    /// A change on the way, and where it happened.
    pub fn change(self, change: Change, after_hop: Option<u8>) -> String {
        let what = match self.is_chinese() {
            true => chinese_change(change),
            false => english_change(change),
        };
        match (after_hop, self.is_chinese()) {
            (_, _) if is_by_responder(change) => what,
            (Some(hop), false) => format!("{what} (changed behind hop {hop})"),
            (Some(hop), true) => format!("{what}（在第 {hop} 跳之后改的）"),
            (None, _) => what,
        }
    }

    /// A probe that ran out arrived with another hop limit than 1.
    pub fn quoted(self, hop_limit: u8) -> String {
        match (hop_limit, self.is_chinese()) {
            (0, false) => "arrived with TTL 0: the router before passed on what had run out".into(),
            (0, true) => "到达时 TTL 为 0：前一个路由器转发了本该丢弃的分组".into(),
            (_, false) => {
                format!("arrived with TTL {hop_limit}, not 1: in a tunnel that does not count hops")
            }
            (_, true) => format!("到达时 TTL 为 {hop_limit} 而不是 1：在不计跳数的隧道里"),
        }
    }

    /// The way back differs from the way out.
    pub fn way_back(self, hops: u8) -> String {
        match self.is_chinese() {
            true => format!("按 TTL，应答回来约经 {hops} 跳"),
            false if hops == 1 => "by its TTL the answer came back over 1 hop".to_owned(),
            false => format!("by its TTL the answer came back over {hops} hops"),
        }
    }

    /// An answer that came after its probe was called silent.
    pub fn late(self, hop: u8, from: &str, rtt: &str) -> String {
        match self.is_chinese() {
            true => format!("第 {hop} 跳迟到的应答：{from}  {rtt} 毫秒"),
            false => format!("late answer to hop {hop}: {from}  {rtt} ms"),
        }
    }

    /// A router that limits its replies: its silence is no loss.
    pub fn limit(self, hop: u8, limit: ReplyLimit) -> String {
        let (seconds, burst) = (limit.interval.as_secs_f64(), limit.burst);
        match self.is_chinese() {
            true => format!(
                "第 {hop} 跳限制应答：约每 {seconds:.1} 秒一个，最多连续 {burst} 个；不是丢失"
            ),
            false => format!(
                "hop {hop} limits its replies: about one in {seconds:.1} s, {burst} at once; \
                 not lost"
            ),
        }
    }

    /// A hop that was not asked.
    pub fn shared(self) -> &'static str {
        self.pick("(known from another road)", "（由另一条路得知）")
    }

    /// An object that extends an error.
    pub fn extension(self, extension: &Extension) -> String {
        match extension {
            Extension::Mpls(labels) => {
                let stack = labels.iter().map(|it| {
                    format!("{} (tc {}, ttl {})", it.label, it.traffic_class, it.hop_limit)
                });
                format!("mpls {}", stack.collect::<Vec<_>>().join(" / "))
            }
            Extension::Interface { role, index, address, name, mtu_bytes } => {
                let mut text = self.role(*role).to_owned();
                if let Some(name) = name {
                    let _ =
                        write!(text, " {}", crate::resolve::shown(&String::from_utf8_lossy(name)));
                }
                if let Some(address) = address {
                    let _ = write!(text, " {address}");
                }
                if let Some(index) = index {
                    let _ = write!(text, " index {index}");
                }
                if let Some(mtu_bytes) = mtu_bytes {
                    let _ = write!(text, " mtu {mtu_bytes}");
                }
                text
            }
            Extension::Unknown { .. } if extension.node().is_some() => {
                let node = extension.node();
                let name = node.and_then(|node| node.name);
                let name = name.map(|it| crate::resolve::shown(&String::from_utf8_lossy(it)));
                let address = node.and_then(|node| node.address).map(|it| it.to_string());
                let parts: Vec<String> = name.into_iter().chain(address).collect();
                format!("{} {}", self.pick("node", "节点"), parts.join(" "))
            }
            Extension::Unknown { class, kind, body } => {
                format!("{} {class}/{kind}: {}", self.pick("extension", "扩展"), hex(body))
            }
        }
    }

    fn role(self, role: Role) -> &'static str {
        match role {
            Role::Incoming => self.pick("came in by", "入接口"),
            Role::Component => self.pick("came in by component", "入接口的组成部分"),
            Role::Outgoing => self.pick("would leave by", "出接口"),
            Role::NextHop => self.pick("next hop", "下一跳"),
        }
    }

    /// All targets together.
    pub fn totals(self, totals: &Totals) -> String {
        let Totals { targets, reached, unresolved, repeated, sent, .. } = totals;
        let not = targets - reached - unresolved;
        let mut text = match self.is_chinese() {
            true => format!(
                "{targets} 个目标：到达 {reached}，未到达 {not}，没有地址 {unresolved}；探测 {sent} 个"
            ),
            false => format!(
                "{targets} targets: {reached} reached, {not} not, {unresolved} without an address; \
                 {sent} probes"
            ),
        };
        if *repeated > 0 {
            let _ = match self.is_chinese() {
                true => write!(text, "；重复的 {repeated} 个只问一次"),
                false if *repeated == 1 => write!(text, "; 1 came again and was asked once"),
                false => write!(text, "; {repeated} came again and were asked once"),
            };
        }
        text
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether it tells how a router quotes, not what happened on the way.
fn is_by_responder(change: Change) -> bool {
    matches!(change, Change::Identification { sent, got } if sent.swap_bytes() == got)
}

/// The upper six bits of the traffic class (RFC 2474 §3).
fn dscp(traffic_class: u8) -> u8 {
    traffic_class >> 2
}

/// The lower two (RFC 3168 §5).
fn ecn(traffic_class: u8) -> u8 {
    traffic_class & 3
}

fn english_change(change: Change) -> String {
    match change {
        Change::Source(address) => format!("arrives from {address}: source translation"),
        Change::Destination(address) => format!("arrives for {address}: destination translation"),
        Change::Port { sent, got } => format!("source port {sent} arrives as {got}"),
        Change::ToPort { sent, got } => format!("port {sent} arrives as {got}: port translation"),
        Change::TrafficClass { sent, got } => {
            let what = match (dscp(sent) == dscp(got), ecn(got)) {
                (false, _) => format!("DSCP {} is {} now", dscp(sent), dscp(got)),
                (true, 0) => "ECN is cleared".to_owned(),
                (true, 3) => "congestion was experienced".to_owned(),
                (true, _) => "ECN is rewritten".to_owned(),
            };
            format!("TOS {sent:#04x} arrives as {got:#04x}: {what}")
        }
        Change::Identification { .. } if is_by_responder(change) => {
            "quotes the IP identification with its bytes swapped".to_owned()
        }
        Change::Identification { .. } => "the IP identification is rewritten".to_owned(),
        Change::FlowLabel { sent, got } => format!("flow label {sent:#07x} arrives as {got:#07x}"),
        Change::Checksum { .. } => "the checksum is rewritten: translation of addresses".to_owned(),
    }
}

fn chinese_change(change: Change) -> String {
    match change {
        Change::Source(address) => format!("到达时源地址是 {address}：源地址转换"),
        Change::Destination(address) => format!("到达时目的地址是 {address}：目的地址转换"),
        Change::Port { sent, got } => format!("源端口 {sent} 到达时是 {got}"),
        Change::ToPort { sent, got } => format!("端口 {sent} 到达时是 {got}：端口转换"),
        Change::TrafficClass { sent, got } => {
            let what = match (dscp(sent) == dscp(got), ecn(got)) {
                (false, _) => format!("DSCP {} 变成 {}", dscp(sent), dscp(got)),
                (true, 0) => "ECN 被清除".to_owned(),
                (true, 3) => "遇到了拥塞".to_owned(),
                (true, _) => "ECN 被改写".to_owned(),
            };
            format!("TOS {sent:#04x} 到达时是 {got:#04x}：{what}")
        }
        Change::Identification { .. } if is_by_responder(change) => {
            "引用的 IP 标识字节序颠倒".to_owned()
        }
        Change::Identification { .. } => "IP 标识被改写".to_owned(),
        Change::FlowLabel { sent, got } => format!("流标签 {sent:#07x} 到达时是 {got:#07x}"),
        Change::Checksum { .. } => "校验和被改写：地址转换".to_owned(),
    }
}
