//! Transfers as lines for people, in English and in Chinese.

use super::{Held, Printer, Summary, Transfer};
use crate::escape::escape;
use crate::lang::Language;
use crate::meaning;
use crate::print::Unresolved;
use crate::print::human::{Colour, named, send_fault};
use crate::resolve::shown;
use probe::tftp::{Agreed, Breach, End, Event, IcmpError, Mode, OptionFault};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;
use wire::tftp::code;

/// Prints for people.
#[derive(Debug)]
pub struct Human {
    /// The language.
    pub language: Language,
    /// With colour.
    pub is_coloured: bool,
    /// Only how it ended.
    pub is_quiet: bool,
}

/// What codes of errors mean, in English and in Chinese (RFC 1350 appendix, RFC 2347).
const CODES: &[(u16, &str, &str)] = &[
    (code::NOT_DEFINED, "error", "出错"),
    (code::NOT_FOUND, "file not found", "没有这个文件"),
    (code::ACCESS_VIOLATION, "access violation", "无权访问"),
    (code::DISK_FULL, "disk full or allocation exceeded", "磁盘已满或超出配额"),
    (code::ILLEGAL_OPERATION, "illegal TFTP operation", "非法的 TFTP 操作"),
    (code::UNKNOWN_TRANSFER, "unknown transfer ID", "传输标识不认识"),
    (code::FILE_EXISTS, "file already exists", "文件已存在"),
    (code::NO_SUCH_USER, "no such user", "没有这个用户"),
    (code::OPTIONS_REFUSED, "option negotiation failed", "选项协商失败"),
];

/// A number of bytes.
pub fn bytes(count: u64, language: Language) -> String {
    match language {
        Language::English if count == 1 => "1 byte".to_owned(),
        Language::English => format!("{count} bytes"),
        Language::Chinese => format!("{count} 字节"),
    }
}

/// Bytes a second.
pub fn rate(count: u64, took: Duration) -> String {
    let per_second = count as f64 / took.as_secs_f64().max(1e-9);
    match per_second {
        rate if rate < 1e3 => format!("{rate:.0} B/s"),
        rate if rate < 1e6 => format!("{:.1} kB/s", rate / 1e3),
        rate => format!("{:.1} MB/s", rate / 1e6),
    }
}

impl Human {
    fn is_chinese(&self) -> bool {
        self.language == Language::Chinese
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.is_coloured { colour.paint(text) } else { text.to_owned() }
    }

    fn agreed(&self, port: u16, agreed: &Agreed) -> String {
        let Agreed { block_bytes, window, timeout_s, bytes: size, is_by_options } = *agreed;
        let mut terms = match is_by_options {
            true => format!("blksize {block_bytes}, windowsize {window}"),
            false => self.language.pick("no options", "没有选项").to_owned(),
        };
        if let Some(seconds) = timeout_s {
            let _ = write!(terms, ", timeout {seconds} s");
        }
        if let Some(size) = size {
            let _ = write!(terms, ", tsize {size}");
        }
        match self.is_chinese() {
            false => format!("answer from port {port}: {terms}"),
            true => format!("端口 {port} 应答：{terms}"),
        }
    }

    fn stranger(&self, from: IpAddr, port: u16) -> String {
        match self.is_chinese() {
            false => format!("{from} port {port} is not the server's: told so (error 5)"),
            true => format!("{from} 的端口 {port} 不是服务器的：已告知（错误 5）"),
        }
    }

    /// What an ICMP error says, and which ports it quotes.
    fn icmp(&self, error: &IcmpError) -> String {
        let what = meaning::phrase(error.meaning, self.language);
        let what = self.paint(Colour::Red, what);
        let IcmpError { from, kind, code, source_port, destination_port, .. } = *error;
        let mtu = error.mtu_bytes.map(|mtu| format!(", mtu {mtu}")).unwrap_or_default();
        match self.is_chinese() {
            false => format!(
                "{what}, says {from} (icmp {kind}/{code}{mtu}); \
                 quoted octets: UDP from port {source_port} to port {destination_port}"
            ),
            true => format!(
                "{what}，{from} 报告（icmp {kind}/{code}{mtu}）；\
                 引用的字节：UDP 从端口 {source_port} 到端口 {destination_port}"
            ),
        }
    }

    fn refusal(&self, number: u16, message: &[u8]) -> String {
        let known = CODES.iter().find(|(known, ..)| *known == number);
        let meaning = known.map_or(self.language.pick("unknown code", "未知代码"), |row| {
            self.language.pick(row.1, row.2)
        });
        let meaning = self.paint(Colour::Red, meaning);
        let said = shown(&String::from_utf8_lossy(message));
        match (self.is_chinese(), said.is_empty()) {
            (false, true) => format!("the server refuses: {meaning} (error {number})"),
            (false, false) => format!("the server refuses: {meaning} (error {number}): {said}"),
            (true, true) => format!("服务器拒绝：{meaning}（错误 {number}）"),
            (true, false) => format!("服务器拒绝：{meaning}（错误 {number}）：{said}"),
        }
    }

    fn breach(&self, breach: &Breach) -> String {
        let (name, value, why) = match breach {
            Breach::Option { name, value, why } => (name, value, why),
            Breach::BlockTooLarge { bytes, most } if self.is_chinese() => {
                return format!("服务器违规：一块 {bytes} 字节，约定最多 {most}");
            }
            Breach::BlockTooLarge { bytes, most } => {
                return format!(
                    "the server breaks the rules: a block of {bytes} bytes, not {most}"
                );
            }
        };
        let [name, value] = [name, value].map(|it| shown(&String::from_utf8_lossy(it)));
        let why = match why {
            OptionFault::NotAsked => self.language.pick("it was not asked for", "没有要求过"),
            OptionFault::Twice => self.language.pick("for the second time", "第二次"),
            OptionFault::Value => {
                self.language.pick("that is not what was asked for", "不是所要求的")
            }
        };
        match self.is_chinese() {
            false => format!("the server breaks the rules: option {name} = {value}: {why}"),
            true => format!("服务器违规：选项 {name} = {value}：{why}"),
        }
    }

    /// How it ended, unless all is well.
    fn trouble(&self, summary: &Summary<'_>) -> Option<String> {
        let pick = |english: &str, chinese: &str| self.language.pick(english, chinese).to_owned();
        Some(match summary.end {
            End::Complete => return None,
            End::Refused { code, message } => self.refusal(*code, message),
            End::Unreachable(error) => self.icmp(error),
            End::Silence { tries, had_answered } => {
                let (tries, took) = (*tries, summary.took.as_secs_f64());
                match (self.is_chinese(), had_answered) {
                    (false, false) => format!("no answer: sent {tries} times in {took:.0} s"),
                    (false, true) => format!("the server fell silent: sent {tries} times in vain"),
                    (true, false) => format!("无应答：{took:.0} 秒内发送了 {tries} 次"),
                    (true, true) => format!("服务器不再应答：发送了 {tries} 次"),
                }
            }
            End::Unsendable(fault) => send_fault(*fault, self.language),
            End::Breach(breach) => self.breach(breach),
            End::TooLarge { bytes: size, is_stated } => {
                let size = bytes(*size, self.language);
                match (self.is_chinese(), is_stated) {
                    (false, true) => format!("the file is too large: {size} (--max-size)"),
                    (false, false) => format!("the file is too large: {size} so far (--max-size)"),
                    (true, true) => format!("文件过大：{size}（--max-size）"),
                    (true, false) => format!("文件过大：已有 {size}（--max-size）"),
                }
            }
            End::WrongSize { stated_bytes, bytes: got } => match self.is_chinese() {
                false => format!("{got} bytes came, and the server had said {stated_bytes}"),
                true => format!("来了 {got} 字节，而服务器说是 {stated_bytes} 字节"),
            },
            End::GivenUp => pick("given up here", "本机放弃"),
            End::Late => pick("not complete in time (--deadline)", "没有按时完成（--deadline）"),
            End::Interrupted => pick("interrupted", "被中断"),
        })
    }

    /// What did not go smoothly.
    fn bumps(&self, summary: &Summary<'_>) -> String {
        let counts = summary.engine.counts();
        let mut out = String::new();
        for (count, english, chinese) in [
            (counts.resent, "sent again", "重发"),
            (counts.timeouts, "timeouts", "超时"),
            (counts.duplicates, "duplicates", "重复"),
            (counts.out_of_order, "out of order", "乱序"),
            (counts.odd, "odd packets", "不合规的分组"),
            (counts.strangers, "from strangers", "来自他人"),
            (counts.icmp_errors, "ICMP errors", "ICMP 差错"),
        ] {
            if count > 0 {
                let sign = if out.is_empty() { "; " } else { ", " };
                let _ = write!(out, "{sign}{count} {}", self.language.pick(english, chinese));
            }
        }
        out
    }
}

impl Printer for Human {
    fn begin(&mut self, transfer: &Transfer<'_>, out: &mut Vec<u8>) {
        if self.is_quiet {
            return;
        }
        let file = escape(&String::from_utf8_lossy(transfer.file));
        let (verb, host, port) = (transfer.verb, named(transfer.whom, None), transfer.port);
        let mode = if transfer.mode == Mode::Octet { "" } else { ", netascii" };
        let from = transfer.source.map(|source| match self.is_chinese() {
            false => format!(" from {source}"),
            true => format!("，从 {source}"),
        });
        let from = from.unwrap_or_default();
        let _ = match self.is_chinese() {
            false => writeln!(out, "tftp {verb} {file}: {host} port {port}{from}{mode}"),
            true => writeln!(out, "tftp {verb} {file}：{host} 端口 {port}{from}{mode}"),
        };
    }

    fn event(&mut self, _transfer: &Transfer<'_>, event: &Event, out: &mut Vec<u8>) {
        if self.is_quiet {
            return;
        }
        let line = match event {
            Event::Agreed { port, agreed } => self.agreed(*port, agreed),
            Event::Stranger { from, port } => {
                self.paint(Colour::Yellow, &self.stranger(*from, *port))
            }
            Event::Remark(error) => self.icmp(error),
            Event::Bytes(_) | Event::Whole | Event::Wants(_) | Event::End(_) => return,
        };
        let _ = writeln!(out, "{line}");
    }

    fn summary(&mut self, transfer: &Transfer<'_>, summary: &Summary<'_>, out: &mut Vec<u8>) {
        let counts = summary.engine.counts();
        let is_complete = *summary.end == End::Complete;
        if let Some(trouble) = self.trouble(summary) {
            let _ = writeln!(out, "{trouble}");
        }
        if self.is_quiet || !is_complete && counts.file_bytes == 0 {
            return;
        }
        let (size, seconds) = (bytes(counts.file_bytes, self.language), summary.took.as_secs_f64());
        let rate = rate(counts.payload_bytes, summary.took);
        let (blocks, bumps, crc) = (counts.blocks, self.bumps(summary), summary.crc32);
        let path = match (summary.path, is_complete, transfer.verb) {
            (Some(path), true, "get") => format!("{path}: "),
            _ => String::new(),
        };
        let _ = match self.is_chinese() {
            false => {
                let noun = if blocks == 1 { "block" } else { "blocks" };
                writeln!(
                    out,
                    "{path}{size} in {seconds:.3} s, {rate}, {blocks} {noun}, \
                     crc32 {crc:08x}{bumps}"
                )
            }
            true => writeln!(
                out,
                "{path}{size}，{seconds:.3} 秒，{rate}，{blocks} 块，crc32 {crc:08x}{bumps}"
            ),
        };
    }

    fn held(&mut self, _transfer: &Transfer<'_>, held: &Held, out: &mut Vec<u8>) {
        if self.is_quiet {
            return;
        }
        let (size, crc) = (bytes(held.bytes, self.language), held.crc32);
        let _ = match self.is_chinese() {
            false => writeln!(out, "the server holds {size}, crc32 {crc:08x}"),
            true => writeln!(out, "服务器存有 {size}，crc32 {crc:08x}"),
        };
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let (name, reason) = (escape(unresolved.name), escape(unresolved.reason));
        let _ = writeln!(out, "{name}: {reason}");
    }
}
