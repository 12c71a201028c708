//! Help in Chinese: the texts of options that commands have in common. Those of a command alone
//! stand beside its options, and the English ones at the options themselves.

use crate::command;
use crate::lang::Language;

/// Options and their texts.
pub type Texts = &'static [(&'static str, &'static str)];

/// The options of every command.
const COMMON: Texts = &[
    ("json", "每行一个 JSON 对象"),
    ("csv", "逗号分隔的值，带标题行"),
    ("lab", "走场景文件里的网络，而不是真实的网络"),
    ("from", "在实验网络的哪个节点上运行"),
    ("seed", "一切随机数的种子：种子相同，实验网络的运行也相同"),
    (
        "capture",
        "把进入实验网络链路的包写进这个 pcapng 文件，注释说明每个包的下场；链路=文件：只写一条链路",
    ),
    ("color", "何时用颜色：auto、always、never"),
    ("lang", "给人看的语言，en 或 zh；不给则按环境变量"),
];

/// Options that several commands say alike, each of which may say otherwise.
const SHARED: Texts = &[
    ("v4", "只用 IPv4"),
    ("v6", "只用 IPv6"),
    ("all_addresses", "问一个名字的所有地址，而不只是第一个"),
    ("interface", "从这个接口或 VRF 发送；给地址则同 --source"),
    ("source", "源地址"),
    ("deadline", "到这个时间就结束，不管还缺什么"),
    ("tos", "TOS 字节，即流量类别"),
    ("dscp", "DSCP，数字或名字：46、ef、af41、cs5、le"),
    ("mark", "防火墙标记"),
    ("access", "套接字：raw、datagram 或 auto（能用 raw 就用）"),
    ("first_hop", "从第几跳问起"),
    ("max_hops", "问到第几跳为止"),
    ("source_port", "源端口，或 ICMP 标识符"),
    ("numeric", "只显示地址，不问名字"),
    ("asn", "显示自治系统号，取自系统里的数据库"),
    ("asn_db", "显示自治系统号，取自这个文件，格式为 MaxMind DB，如 GeoLite2-ASN.mmdb"),
    (
        "asn_dns",
        "显示自治系统号，通过 DNS 问 Team Cymru，它会得知各跳的公网地址；问这个服务器 [默认：系统的服务器]",
    ),
];

/// The headings over options.
const HEADINGS: Texts = &[
    ("Everywhere", "通用"),
    ("When", "何时"),
    ("Files", "文件"),
    ("What", "问什么"),
    ("Where from", "从哪里"),
    ("Output", "输出"),
    ("Pictures", "图"),
    ("Connections", "连接"),
];

/// A parser with its help in that language, whose own options have these texts in Chinese.
pub fn translated(parser: clap::Command, own: Texts, language: Language) -> clap::Command {
    if language == Language::English {
        return parser;
    }
    let parser = parser.mut_subcommands(|parser| {
        let action = command::lab::ACTIONS.iter().find(|action| action.name == parser.get_name());
        match action {
            Some(action) => translated(parser, own, language).about(action.summary.1),
            None => parser,
        }
    });
    parser.mut_args(|argument| {
        let id = argument.get_id().as_str();
        let text = texts(own).find(|(known, _)| *known == id);
        let heading = argument.get_help_heading();
        let heading = HEADINGS.iter().find(|(known, _)| Some(*known) == heading);
        let argument = match text {
            Some((_, text)) => argument.help(*text),
            None => argument,
        };
        match heading {
            Some((_, heading)) => argument.help_heading(*heading),
            None => argument,
        }
    })
}

/// The texts that count for a command, first those of its own.
fn texts(own: Texts) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    own.iter().chain(COMMON).chain(SHARED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    #[test]
    fn every_option_has_a_chinese_text_and_no_text_is_left_over() {
        let mut borrowed = Vec::new();
        for command in command::ALL {
            let name = command.name;
            let parser = (command.define)(args::parser(name));
            let all = std::iter::once(&parser).chain(parser.get_subcommands());
            let ids = all.flat_map(clap::Command::get_arguments).map(|it| it.get_id().as_str());
            let mut ids: Vec<&str> = ids.collect();
            for id in &ids {
                let has_text = texts(command.chinese).any(|(known, _)| known == id);
                assert!(has_text, "{id} of {name} has no Chinese text");
            }
            for (text, _) in command.chinese.iter().chain(COMMON) {
                assert!(ids.contains(text), "{text} is no option of {name}");
            }
            let is_own = |id: &&str| command.chinese.iter().any(|(known, _)| known == id);
            ids.retain(|id| !is_own(id));
            borrowed.extend(ids.into_iter().map(str::to_owned));
        }
        for (text, _) in SHARED {
            let users = borrowed.iter().filter(|id| id == text).count();
            assert!(users > 1, "{text} is not shared");
        }
    }
}
