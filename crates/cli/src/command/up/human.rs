//! Results for people: who answered, who did not, and the sum of it. Neighbours of one fate share a
//! line.

use super::findings::Findings;
use super::verdict::{Answer, Class, Reason, Table, Verdict};
use crate::command::asked::{Asked, Label, Row};
use crate::lang::Language;
use crate::meaning;
use probe::SendFaultReason;
use probe::targets::{Target, Targets};
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

/// How results are shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The language.
    pub language: Language,
    /// Whether headings are coloured.
    pub is_coloured: bool,
    /// Whether those that answered are listed.
    pub shows_alive: bool,
    /// Whether those that did not are listed, and those of which it is not known.
    pub shows_others: bool,
}

/// The widest label that others are lined up with.
const WIDTH_MAX: usize = 39;

/// Writes the lists and the sum.
///
/// # Errors
/// If the output fails.
pub fn write(
    out: &mut impl Write,
    asked: &Asked,
    table: &Table,
    findings: &Findings,
    style: Style,
) -> io::Result<()> {
    if style.shows_alive && findings.alive > 0 {
        heading(out, style, "32", style.language.pick("alive:", "有应答："))?;
        alive(out, asked, table, style.language)?;
    }
    if style.shows_others && findings.no > 0 {
        heading(out, style, "31", style.language.pick("no answer:", "无应答："))?;
        others(out, asked, table, Class::No, style.language)?;
    }
    if style.shows_others && findings.unknown > 0 {
        heading(out, style, "33", style.language.pick("not known:", "未定："))?;
        others(out, asked, table, Class::Unknown, style.language)?;
    }
    writeln!(out, "{}", sum(findings, style.language))
}

fn heading(out: &mut impl Write, style: Style, colour: &str, text: &str) -> io::Result<()> {
    if style.is_coloured {
        writeln!(out, "\x1b[{colour}m{text}\x1b[0m")
    } else {
        writeln!(out, "{text}")
    }
}

fn alive(out: &mut impl Write, asked: &Asked, table: &Table, language: Language) -> io::Result<()> {
    let width = width(asked, table);
    let mut label = String::new();
    for target in 0..asked.targets().len() {
        let Verdict::Alive(answer) = table.at(target) else { continue };
        label.clear();
        let shown = asked.label(target);
        let address = asked.targets().at(target).address;
        let written = match shown {
            Label::Name(name) => write!(label, "{name} ({address})"),
            Label::Address(_) => write!(label, "{shown}"),
        };
        written.expect("memory takes it");
        write!(out, "  {label:<width$}  {:>9} ms", Milliseconds(answer.rtt_ns))?;
        writeln!(out, "{}", hops(answer, language))?;
    }
    Ok(())
}

fn hops(answer: Answer, language: Language) -> String {
    match (answer.hop_limit, language) {
        (None, _) => String::new(),
        (Some(limit), Language::English) => format!("  hop limit {limit}"),
        (Some(limit), Language::Chinese) => format!("  跳数限制 {limit}"),
    }
}

/// The column of the round-trip times.
fn width(asked: &Asked, table: &Table) -> usize {
    let mut widest = 0;
    for target in 0..asked.targets().len() {
        if table.at(target).class() == Class::Alive {
            let address = || length(asked.targets().at(target).address);
            widest = widest.max(match asked.label(target) {
                Label::Name(name) => name.chars().count() + 3 + address(),
                Label::Address(Target { zone: 0, .. }) => address(),
                Label::Address(_) => WIDTH_MAX,
            });
        }
    }
    widest.min(WIDTH_MAX)
}

/// Characters of an address as text.
fn length(address: IpAddr) -> usize {
    struct Count(usize);
    impl fmt::Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    match address {
        IpAddr::V4(address) => {
            let digits = |byte: u8| 1 + usize::from(byte > 9) + usize::from(byte > 99);
            3 + address.octets().into_iter().map(digits).sum::<usize>()
        }
        IpAddr::V6(address) => {
            let mut count = Count(0);
            write!(count, "{address}").expect("counting does not fail");
            count.0
        }
    }
}

/// Targets of one class that follow each other and share a verdict.
struct Stretch {
    first: u32,
    count: u32,
    verdict: Verdict,
}

fn others(
    out: &mut impl Write,
    asked: &Asked,
    table: &Table,
    class: Class,
    language: Language,
) -> io::Result<()> {
    let mut open: Option<Stretch> = None;
    for row in asked.rows() {
        let target = match row {
            Row::Target(target) => target,
            Row::Unresolved(name) => {
                if let Some(stretch) = open.take() {
                    write_stretch(out, asked, &stretch, language)?;
                }
                if class == Class::No {
                    writeln!(out, "  {}  {}", name.name, name.reason)?;
                }
                continue;
            }
        };
        let verdict = table.at(target);
        if let Some(stretch) = &mut open
            && stretch.verdict == verdict
            && follows(asked, target)
        {
            stretch.count += 1;
            continue;
        }
        if let Some(stretch) = open.take() {
            write_stretch(out, asked, &stretch, language)?;
        }
        if verdict.class() == class {
            open = Some(Stretch { first: target, count: 1, verdict });
        }
    }
    open.map_or(Ok(()), |stretch| write_stretch(out, asked, &stretch, language))
}

/// Whether a target's address is the one after that of the target before, and both are shown so.
fn follows(asked: &Asked, target: u32) -> bool {
    let Some(before) = target.checked_sub(1) else { return false };
    let (Label::Address(left), Label::Address(right)) = (asked.label(before), asked.label(target))
    else {
        return false;
    };
    let mut pair = Targets::default();
    let both = pair.push(left).and_then(|_| pair.push(right));
    left.zone == 0 && both.is_ok() && pair.runs().count() == 1
}

fn write_stretch(
    out: &mut impl Write,
    asked: &Asked,
    stretch: &Stretch,
    language: Language,
) -> io::Result<()> {
    let first = asked.label(stretch.first);
    write!(out, "  {first}")?;
    match first {
        Label::Name(_) => write!(out, " ({})", asked.targets().at(stretch.first).address)?,
        Label::Address(_) if stretch.count > 1 => {
            let last = asked.label(stretch.first + stretch.count - 1);
            write!(out, "-{last} ({})", stretch.count)?;
        }
        Label::Address(_) => {}
    }
    match reason(stretch.verdict, language) {
        Some(reason) => writeln!(out, "  {reason}"),
        None => writeln!(out),
    }
}

/// Why a target did not answer; `None` where the heading says all that is known.
fn reason(verdict: Verdict, language: Language) -> Option<String> {
    match verdict {
        Verdict::Alive(_) | Verdict::Silent | Verdict::Undecided => None,
        Verdict::Dropped => Some(
            language
                .pick("lost by this host: no room in its buffers", "本机缓冲区已满，应答丢失")
                .into(),
        ),
        Verdict::Refused(Reason::WrongSource(from)) => Some(match language {
            Language::English => format!("answered from {from}"),
            Language::Chinese => format!("应答来自 {from}"),
        }),
        Verdict::Refused(Reason::Send(fault)) => Some(match fault.reason {
            SendFaultReason::NoRoute => language.pick("no route from here", "本机没有路由").into(),
            SendFaultReason::Prohibited => {
                language.pick("this host forbids sending", "本机禁止发送").into()
            }
            _ => io::Error::from_raw_os_error(fault.os_error).to_string(),
        }),
        Verdict::Refused(Reason::Icmp { from, meaning, kind, code, mtu_bytes }) => {
            let phrase = meaning::phrase(meaning, language);
            let mtu = mtu_bytes.map_or(String::new(), |mtu| format!(" (MTU {mtu})"));
            let numbers = match meaning {
                wire::icmp::Meaning::Unnamed => format!(" {kind}/{code}"),
                _ => String::new(),
            };
            Some(match language {
                Language::English => format!("{phrase}{numbers}{mtu}, says {from}"),
                Language::Chinese => format!("{phrase}{numbers}{mtu}（来自 {from}）"),
            })
        }
    }
}

/// The last line: `3 of 254 alive, 251 not; ...`.
fn sum(findings: &Findings, language: Language) -> String {
    let Findings { targets, alive, no, unknown, repeated, sent, .. } = *findings;
    let seconds = seconds(findings.elapsed);
    let mut line = match language {
        Language::English => format!("{alive} of {targets} alive, {no} not"),
        Language::Chinese => format!("{targets} 个目标：{alive} 个有应答，{no} 个无应答"),
    };
    if unknown > 0 {
        line += &match language {
            Language::English => format!(", {unknown} not known"),
            Language::Chinese => format!("，{unknown} 个未定"),
        };
    }
    line += &match language {
        Language::English if sent == 1 => format!("; 1 probe in {seconds} s"),
        Language::English => format!("; {sent} probes in {seconds} s"),
        Language::Chinese => format!("；{seconds} 秒内发出 {sent} 个探测包"),
    };
    if let Some(rtt) = &findings.rtt {
        let [min, median, max] = [rtt.min_ns, rtt.median_ns, rtt.max_ns].map(Milliseconds);
        line += &match language {
            Language::English => format!("; rtt min/median/max = {min}/{median}/{max} ms"),
            Language::Chinese => format!("；往返时间 最小/中位/最大 = {min}/{median}/{max} ms"),
        };
    }
    if repeated > 0 {
        line += &match language {
            Language::English => format!("; {repeated} named again and asked once"),
            Language::Chinese => format!("；{repeated} 个重复，只问一次"),
        };
    }
    if findings.is_interrupted {
        line += language.pick("; interrupted", "；已中断");
    }
    line
}

fn seconds(span: Duration) -> String {
    format!("{:.3}", span.as_secs_f64())
}

/// Nanoseconds, shown as milliseconds with three decimals, cut.
struct Milliseconds(u64);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let microseconds = self.0 / 1_000;
        let text = format!("{}.{:03}", microseconds / 1_000, microseconds % 1_000);
        f.pad(&text)
    }
}
