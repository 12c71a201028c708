//! What ICMP errors say, in words: one name for machines, one phrase in each language for people.

use crate::lang::Language;
use wire::icmp::Meaning;

/// Meaning, its name in JSON and CSV, then in English and in Chinese.
const WORDS: &[(Meaning, &str, &str, &str)] = &[
    (Meaning::NetworkUnreachable, "network_unreachable", "network unreachable", "网络不可达"),
    (Meaning::HostUnreachable, "host_unreachable", "host unreachable", "主机不可达"),
    (Meaning::ProtocolUnreachable, "protocol_unreachable", "protocol unreachable", "协议不可达"),
    (Meaning::PortUnreachable, "port_unreachable", "port unreachable", "端口不可达"),
    (Meaning::PacketTooBig, "packet_too_big", "packet too big", "分组过大"),
    (Meaning::SourceRouteFailed, "source_route_failed", "source route failed", "源站选路失败"),
    (Meaning::NetworkUnknown, "network_unknown", "network unknown", "目的网络不认识"),
    (Meaning::HostUnknown, "host_unknown", "host unknown", "目的主机不认识"),
    (Meaning::SourceIsolated, "source_isolated", "source host isolated", "源主机被隔离"),
    (Meaning::NetworkProhibited, "network_prohibited", "network prohibited", "目的网络被禁止"),
    (Meaning::HostProhibited, "host_prohibited", "host prohibited", "目的主机被禁止"),
    (
        Meaning::NetworkUnreachableForService,
        "network_unreachable_for_service",
        "network unreachable for this type of service",
        "对该服务类型网络不可达",
    ),
    (
        Meaning::HostUnreachableForService,
        "host_unreachable_for_service",
        "host unreachable for this type of service",
        "对该服务类型主机不可达",
    ),
    (
        Meaning::CommunicationProhibited,
        "communication_prohibited",
        "communication prohibited by a filter",
        "通信被过滤禁止",
    ),
    (Meaning::PrecedenceViolation, "precedence_violation", "precedence violation", "优先权越权"),
    (
        Meaning::PrecedenceCutoff,
        "precedence_cutoff",
        "precedence cutoff in effect",
        "优先权中止生效",
    ),
    (Meaning::BeyondScope, "beyond_scope", "beyond the scope of the source", "超出源地址范围"),
    (
        Meaning::SourceAddressFailedPolicy,
        "source_address_failed_policy",
        "source address failed the policy",
        "源地址不符合策略",
    ),
    (Meaning::RejectRoute, "reject_route", "route rejects", "路由拒绝"),
    (
        Meaning::SourceRoutingHeader,
        "source_routing_header",
        "error in the source routing header",
        "源路由首部有错",
    ),
    (Meaning::SourceQuench, "source_quench", "source quench", "源站抑制"),
    (Meaning::RedirectNetwork, "redirect_network", "redirect for the network", "对网络重定向"),
    (Meaning::RedirectHost, "redirect_host", "redirect for the host", "对主机重定向"),
    (
        Meaning::RedirectNetworkForService,
        "redirect_network_for_service",
        "redirect for the network and type of service",
        "对服务类型和网络重定向",
    ),
    (
        Meaning::RedirectHostForService,
        "redirect_host_for_service",
        "redirect for the host and type of service",
        "对服务类型和主机重定向",
    ),
    (Meaning::HopLimitExceeded, "hop_limit_exceeded", "hop limit exceeded", "跳数用尽"),
    (
        Meaning::ReassemblyTimeExceeded,
        "reassembly_time_exceeded",
        "reassembly time exceeded",
        "重组超时",
    ),
    (Meaning::HeaderField, "header_field", "bad header field", "首部字段有错"),
    (Meaning::OptionMissing, "option_missing", "required option missing", "缺少必需的选项"),
    (Meaning::BadLength, "bad_length", "bad length", "长度有错"),
    (Meaning::NextHeaderUnknown, "next_header_unknown", "unknown next header", "下一首部不认识"),
    (Meaning::OptionUnknown, "option_unknown", "unknown IPv6 option", "IPv6选项不认识"),
    (Meaning::Unnamed, "unnamed", "unnamed error", "未命名的差错"),
];

/// The name in JSON and CSV.
pub fn name(meaning: Meaning) -> &'static str {
    row(meaning).1
}

/// What goes by that name in JSON and CSV.
pub fn by_name(name: &str) -> Option<Meaning> {
    WORDS.iter().find(|(_, known, ..)| *known == name).map(|(meaning, ..)| *meaning)
}

/// The phrase for people.
pub fn phrase(meaning: Meaning, language: Language) -> &'static str {
    let (_, _, english, chinese) = row(meaning);
    language.pick(english, chinese)
}

fn row(meaning: Meaning) -> &'static (Meaning, &'static str, &'static str, &'static str) {
    let unnamed = &WORDS[WORDS.len() - 1];
    WORDS.iter().find(|(known, ..)| *known == meaning).unwrap_or(unnamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meaning_has_its_own_words() {
        for (meaning, _, _) in wire::icmp::NUMBERS {
            assert_ne!(name(*meaning), "unnamed", "{meaning:?}");
        }
        for (i, row) in WORDS.iter().enumerate() {
            let others = &WORDS[i + 1..];
            assert!(others.iter().all(|other| other.1 != row.1 && other.2 != row.2), "{row:?}");
            assert!(others.iter().all(|other| other.3 != row.3), "{row:?}");
        }
    }
}
