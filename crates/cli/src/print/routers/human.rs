//! Routers for people, in English and in Chinese.

use super::{
    Heard, Printer, Shown, Tally, domains, hex, link, nat64, prefix, sender, servers, shown, text,
};
use crate::escape::escape;
use crate::lang::Language;
use crate::print::human::{Colour, send_fault};
use crate::print::mask::fields::remarks;
use crate::print::mask::human::not_told;
use crate::wall;
use net::Interface;
use probe::gather::{Answer, Counts, Event};
use probe::routers::{Advertisement, News, Preference, Violation};
use std::io::Write as _;
use std::net::IpAddr;
use wire::Family;
use wire::icmp::neighbour::Discovery;

/// Prints for people.
#[derive(Debug)]
pub struct Human {
    language: Language,
    is_coloured: bool,
    is_quiet: bool,
    /// Everything that comes is shown, with its time, also what is not new.
    only_listens: bool,
}

/// A lifetime that never ends (RFC 4861 §4.6.2).
const FOR_EVER_S: u32 = u32::MAX;

impl Human {
    /// A printer in a language, coloured or not; a quiet one shows summaries alone.
    pub fn new(
        (language, is_coloured): (Language, bool),
        is_quiet: bool,
        only_listens: bool,
    ) -> Human {
        Human { language, is_coloured, is_quiet, only_listens }
    }

    fn pick(&self, english: &'static str, chinese: &'static str) -> &'static str {
        self.language.pick(english, chinese)
    }

    fn say(&self, english: String, chinese: String) -> String {
        self.language.pick(english, chinese)
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.is_coloured { colour.paint(text) } else { text.to_owned() }
    }

    fn seconds(&self, seconds: u32) -> String {
        match seconds {
            FOR_EVER_S => self.pick("for ever", "永久").to_owned(),
            _ => self.say(format!("for {seconds} s"), format!("{seconds} 秒")),
        }
    }

    fn preference(&self, preference: Preference) -> &'static str {
        match preference {
            Preference::Low => self.pick("low", "低"),
            Preference::Medium => self.pick("medium", "中"),
            Preference::High => self.pick("high", "高"),
            Preference::Reserved => self.pick("reserved value", "保留值"),
        }
    }

    fn advertisement(&self, heard: &Heard<'_>, answer: &Answer<Advertisement>, out: &mut Vec<u8>) {
        let finding = &answer.finding;
        let is_old = finding.is_believed() && finding.news == News::Same;
        if is_old && !self.only_listens {
            return;
        }
        if self.only_listens {
            let at = heard.epoch_ns + i128::from(answer.at.0);
            let _ = write!(out, "{} ", wall::with_fraction(at, 3));
        }
        let who = sender(answer.from, heard.place);
        let on = escape(&heard.interface.name);
        let _ = match self.language {
            Language::English => write!(out, "{who} on {on}"),
            Language::Chinese => write!(out, "{who}（{on}）"),
        };
        if !finding.is_believed() {
            return self.disbelief(&finding.violations, out);
        }
        match finding.news {
            News::Same => {
                let _ = writeln!(out, "{}", self.pick(": as before", "：与之前相同"));
                return;
            }
            News::Changed => {
                let now = self.pick(" now says something else", "：内容有变");
                let _ = write!(out, "{}", self.paint(Colour::Yellow, now));
            }
            News::New => {}
        }
        if let Some(shown) = shown(answer, heard.interface) {
            let offers = finding.offers(Family::of(answer.from));
            self.offer(&shown, offers, out);
        }
    }

    fn disbelief(&self, violations: &[Violation], out: &mut Vec<u8>) {
        let why: Vec<String> = violations.iter().map(|it| self.violation(*it)).collect();
        let why = why.join(self.pick("; ", "；"));
        let text = self.say(format!("not believed: {why}"), format!("不予采信：{why}"));
        let _ = writeln!(out, "{}{}", self.pick(": ", "："), self.paint(Colour::Red, &text));
    }

    fn violation(&self, violation: Violation) -> String {
        match violation {
            Violation::HopLimit(hops) => self.say(
                format!("hop limit {hops}, not 255, so it may come from elsewhere"),
                format!("跳数限制为 {hops} 而不是 255，可能来自别处"),
            ),
            Violation::SourceNotLinkLocal => {
                self.pick("its source is not link-local", "源地址不是链路本地地址").to_owned()
            }
            Violation::Checksum => self.pick("its checksum is wrong", "校验和错误").to_owned(),
            Violation::Code(16) => self
                .pick("code 16: it serves mobile hosts alone", "代码 16：只服务移动主机")
                .to_owned(),
            Violation::Code(code) => {
                self.say(format!("code {code}, not 0"), format!("代码为 {code} 而不是 0"))
            }
            Violation::TooShort { needed, got } => self.say(
                format!("{got} bytes, where {needed} are needed"),
                format!("只有 {got} 字节，需要 {needed} 字节"),
            ),
            Violation::NoAddress => self.pick("it names no address", "没有给出地址").to_owned(),
            Violation::EntrySize(words) => self.say(
                format!("entries of {words} words, where 2 are needed"),
                format!("每项 {words} 个字，需要 2 个"),
            ),
            Violation::OptionLength(at) => self.say(
                format!("an impossible option length at byte {at} of the options"),
                format!("选项第 {at} 字节处的长度不可能"),
            ),
        }
    }

    fn offer(&self, shown: &Shown<'_>, offers: bool, out: &mut Vec<u8>) {
        let lifetime_s = match shown {
            Shown::Addresses { lifetime_s, .. } | Shown::Sender { lifetime_s, .. } => *lifetime_s,
        };
        let offer = match (offers, lifetime_s) {
            (true, 1..) => {
                let time = self.seconds(lifetime_s.into());
                self.say(format!("offers to route {time}"), format!("提供路由，{time}"))
            }
            (true, 0) => self.pick("offers routes, no default", "提供路由，但不作默认").to_owned(),
            (false, _) => self.pick("does not offer to route", "不提供路由").to_owned(),
        };
        let offer = self.paint(if offers { Colour::Bold } else { Colour::Yellow }, &offer);
        let _ = write!(out, "{}{offer}", self.pick(": ", "："));
        match shown {
            Shown::Addresses { routers, .. } => {
                let _ = writeln!(out);
                routers.iter().for_each(|router| self.router(*router, out));
            }
            Shown::Sender { flags, hop_limit, reachable_ms, retransmit_ms, options, .. } => {
                let preference = self.preference(Preference::of_flags(*flags));
                let _ = writeln!(out, "{}{preference}", self.pick(", preference ", "，优先级 "));
                self.advice(*hop_limit, *flags, (*reachable_ms, *retransmit_ms), out);
                for option in options {
                    let _ = writeln!(out, "    {}", self.option(option));
                }
            }
        }
    }

    fn router(&self, (address, preference, is_near): (IpAddr, i32, bool), out: &mut Vec<u8>) {
        let level = match preference {
            i32::MIN => self.pick("never by default", "从不作默认").to_owned(),
            level => format!("{} {level}", self.pick("preference", "优先级")),
        };
        let _ = write!(out, "    {} {address}  {level}", self.pick("router", "路由器"));
        if !is_near {
            let away = self.pick("  not on this network, to be ignored", "  不在本网络，应忽略");
            let _ = write!(out, "{}", self.paint(Colour::Yellow, away));
        }
        let _ = writeln!(out);
    }

    /// Hop limit, where configuration comes from, and times; nothing of what is left open.
    fn advice(&self, hop_limit: u8, flags: u8, times_ms: (u32, u32), out: &mut Vec<u8>) {
        let mut said = Vec::new();
        if hop_limit > 0 {
            said.push(format!("{} {hop_limit}", self.pick("hop limit", "跳数限制")));
        }
        if flags & 0x80 != 0 {
            said.push(self.pick("addresses from DHCPv6", "地址由 DHCPv6 分配").to_owned());
        }
        if flags & 0x40 != 0 {
            let other = self.pick("other configuration from DHCPv6", "其他配置由 DHCPv6 提供");
            said.push(other.to_owned());
        }
        let (reachable, retransmit) = times_ms;
        let times = [
            (self.pick("reachable for", "可达时间"), reachable),
            (self.pick("retransmit after", "重发间隔"), retransmit),
        ];
        for (name, ms) in times.into_iter().filter(|(_, ms)| *ms > 0) {
            said.push(format!("{name} {ms} ms"));
        }
        if !said.is_empty() {
            let _ = writeln!(out, "    {}", said.join(self.pick(", ", "，")));
        }
    }

    fn option(&self, option: &Discovery<'_>) -> String {
        let comma = self.pick(", ", "，");
        match option {
            Discovery::SourceLink(address) => {
                format!("{} {}", self.pick("link-layer address", "链路层地址"), link(address))
            }
            Discovery::Prefix { prefix_bits, flags, valid_s, preferred_s, prefix: first } => {
                self.prefix((prefix(&first.octets(), *prefix_bits), *flags), *valid_s, *preferred_s)
            }
            Discovery::Mtu(bytes) => format!("MTU {bytes}"),
            Discovery::Route { prefix_bits, flags, lifetime_s, prefix: first } => {
                let preference = self.preference(Preference::of_flags(*flags));
                let to = prefix(first, *prefix_bits);
                let word = self.pick("preference", "优先级");
                let time = self.seconds(*lifetime_s);
                format!("{} {to}  {word} {preference}{comma}{time}", self.pick("route", "路由"))
            }
            Discovery::NameServers { lifetime_s, addresses } => format!(
                "{} {}  {}",
                self.pick("name servers", "域名服务器"),
                servers(addresses).join(comma),
                self.seconds(*lifetime_s)
            ),
            Discovery::SearchList { lifetime_s, names } => format!(
                "{} {}  {}",
                self.pick("search domains", "搜索域"),
                escape(&domains(names).join(" ")),
                self.seconds(*lifetime_s)
            ),
            Discovery::CaptivePortal(uri) => {
                format!("{} {}", self.pick("captive portal", "强制门户"), escape(&text(uri)))
            }
            Discovery::Nat64 { lifetime_units, length_code, prefix } => format!(
                "{} {}  {}",
                self.pick("NAT64 prefix", "NAT64 前缀"),
                nat64(prefix, *length_code),
                self.seconds(u32::from(*lifetime_units) * 8)
            ),
            Discovery::Unknown { kind, body } => self.unknown(*kind, body),
            Discovery::TargetLink(body) => self.unknown(2, body),
            Discovery::Redirected(body) => self.unknown(4, body),
            Discovery::Nonce(body) => self.unknown(14, body),
        }
    }

    fn unknown(&self, kind: u8, body: &[u8]) -> String {
        format!("{} {kind}: {}", self.pick("option", "选项"), hex(body))
    }

    fn prefix(&self, (prefix, flags): (String, u8), valid_s: u32, preferred_s: u32) -> String {
        let mut said = Vec::new();
        if flags & 0x80 != 0 {
            said.push(self.pick("on this link", "在本链路上").to_owned());
        }
        if flags & 0x40 != 0 {
            said.push(self.pick("hosts form addresses", "主机自行生成地址").to_owned());
        }
        let (valid, preferred) = (self.seconds(valid_s), self.seconds(preferred_s));
        said.push(self.say(format!("valid {valid}"), format!("有效期 {valid}")));
        said.push(self.say(format!("preferred {preferred}"), format!("首选期 {preferred}")));
        let said = said.join(self.pick(", ", "，"));
        format!("{} {prefix}  {said}", self.pick("prefix", "前缀"))
    }

    fn verdict(&self, tally: &Tally) -> String {
        let count = tally.offering.len();
        match (count, self.only_listens) {
            (0, false) => self.say(
                format!("nobody offers to route (asked {})", times(tally.asked)),
                format!("没有路由器提供路由（问了 {} 次）", tally.asked),
            ),
            (0, true) => self.pick("nobody offers to route", "没有路由器提供路由").to_owned(),
            (1, _) => self.pick("1 router offers to route", "1 台路由器提供路由").to_owned(),
            (_, _) => self.say(
                format!("{count} routers offer to route"),
                format!("{count} 台路由器提供路由"),
            ),
        }
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

impl Printer for Human {
    fn heard(&mut self, heard: &Heard<'_>, out: &mut Vec<u8>) {
        if self.is_quiet {
            return;
        }
        let on = escape(&heard.interface.name);
        let colon = self.pick(": ", "：");
        let _ = match heard.event {
            Event::Answer(answer) => return self.advertisement(heard, answer, out),
            Event::Unsent(fault) => {
                let text = self.paint(Colour::Red, &send_fault(*fault, self.language));
                writeln!(out, "{on}{colon}{}{colon}{text}", heard.place.to)
            }
            Event::Error { .. } | Event::Ended { .. } => Ok(()),
        };
    }

    fn summary(
        &mut self,
        interface: &Interface,
        tally: &Tally,
        counts: &Counts,
        out: &mut Vec<u8>,
    ) {
        let on = escape(&interface.name);
        let verdict = self.verdict(tally);
        let verdict = match tally.offering.is_empty() {
            true => self.paint(Colour::Red, &verdict),
            false => verdict,
        };
        let _ = writeln!(out, "{on}{}{verdict}", self.pick(": ", "："));
        for (what, count) in remarks(counts) {
            let note = self.paint(Colour::Yellow, &not_told(what, count, self.language));
            let _ = writeln!(out, "{}{note}", self.pick("note: ", "注意："));
        }
    }
}
