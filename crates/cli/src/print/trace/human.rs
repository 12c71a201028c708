//! Traced roads for people, in English and in Chinese.

use super::facts::{Facts, Located, Responder, Try};
use super::words::{self, Words};
use super::{Page, Printer, Road, Totals, graph};
use crate::escape::escape;
use crate::lang::Language;
use crate::print::Unresolved;
use crate::print::human::{Colour, decimals, milliseconds, named};
use probe::trace::{Change, End, Graph, Hop, Outcome, Plan, Probe, Verdict};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

/// Prints for people.
#[derive(Debug)]
pub struct Human {
    words: Words,
    is_coloured: bool,
    is_quiet: bool,
}

impl Human {
    /// A printer; a quiet one says how each road ends, in one line.
    pub fn new(language: Language, is_coloured: bool, is_quiet: bool) -> Human {
        Human { words: Words(language), is_coloured, is_quiet }
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.is_coloured { colour.paint(text) } else { text.to_owned() }
    }

    /// Silent hops that turn out to lie on the way get a line each.
    fn admit_silence(&self, road: &Road<'_>, before: u8, page: &mut Page) {
        let Some(from) = page.silent_from.take() else { return };
        for hop in from..before {
            let stars = vec!["*"; usize::from(words::queries(road.plan))].join(" ");
            let _ = writeln!(page.text, "{}  {stars}", number(road.plan, hop));
        }
    }

    /// A hop: a line for each that answered.
    fn hop_lines(&self, road: &Road<'_>, hop: &Hop, facts: &Facts, text: &mut Vec<u8>) {
        let mut lead = number(road.plan, hop.hop);
        let indent = " ".repeat(lead.len());
        if facts.responders.is_empty() {
            let fates: Vec<String> = facts.tries.iter().map(|fate| self.fate(*fate, 0)).collect();
            let _ = writeln!(text, "{lead}  {}", fates.join(" "));
            return;
        }
        let last = facts.responders.len() - 1;
        for (index, responder) in facts.responders.iter().enumerate() {
            // With one responder the order of the probes is kept; with more, silence comes last.
            let is_shown = |fate: &&Try| match fate {
                Try::Answer(of, _) => *of == index,
                _ => index == last,
            };
            let shown: Vec<Try> = facts.tries.iter().filter(is_shown).copied().collect();
            let line = self.responder_line(road, responder, &shown);
            let _ = writeln!(text, "{lead}  {line}");
            lead.clone_from(&indent);
            for extension in &responder.extensions {
                let _ = writeln!(text, "{indent}    {}", self.words.extension(extension));
            }
        }
    }

    fn responder_line(&self, road: &Road<'_>, responder: &Responder, shown: &[Try]) -> String {
        let times = shown.iter().filter_map(|fate| match fate {
            Try::Answer(_, rtt) => Some(rtt.as_nanos() as f64),
            _ => None,
        });
        let decimals = decimals(times.fold(f64::INFINITY, f64::min));
        let fates: Vec<String> = shown.iter().map(|fate| self.fate(*fate, decimals)).collect();
        let from = who(road, responder.from);
        let unit = self.words.pick("ms", "毫秒");
        let mut line = format!("{from}  {} {unit}", fates.join(" "));
        if let Some(mark) = words::mark(responder.says) {
            let _ = write!(line, "  {}", self.paint(Colour::Red, &mark));
        }
        if !responder.is_certain {
            let _ = write!(
                line,
                "  {}",
                self.words.pick("(which probe: a guess)", "（哪个探测：猜测）")
            );
        }
        line
    }

    fn fate(&self, fate: Try, decimals: usize) -> String {
        match fate {
            Try::Answer(_, rtt) => milliseconds(rtt.as_nanos() as f64, decimals),
            Try::Silent => "*".to_owned(),
            Try::LocalDrop => self.words.pick("(lost here)", "（丢在本机）").to_owned(),
            Try::NotSent => self.words.pick("(not sent)", "（未发送）").to_owned(),
            Try::InFlight => self.words.pick("(in flight)", "（在途）").to_owned(),
        }
    }

    /// What is odd about a hop, a line each.
    fn notes(&self, facts: &Facts) -> Vec<String> {
        // Whoever translates an address or a port has to mend the checksum.
        let is_sum = |it: &&Located| matches!(it.change, Change::Checksum { .. });
        let explains = |it: &Located| {
            use Change::{Destination, Port, Source, ToPort};
            matches!(it.change, Source(_) | Destination(_) | Port { .. } | ToPort { .. })
        };
        let is_explained = facts.changes.iter().any(explains);
        let changes = facts.changes.iter().filter(|it| !(is_explained && is_sum(it)));
        let mut notes: Vec<String> = changes
            .map(|Located { change, after_hop }| self.words.change(*change, *after_hop))
            .collect();
        notes.extend(facts.quoted_hop_limit.map(|hop_limit| self.words.quoted(hop_limit)));
        let back = facts.back_hops.filter(|_| facts.is_detour_news);
        notes.extend(back.map(|back| self.words.way_back(back)));
        notes
    }
}

impl Printer for Human {
    fn mixes_roads(&self) -> bool {
        false
    }

    fn separate(&mut self, out: &mut Vec<u8>) {
        if !self.is_quiet {
            out.push(b'\n');
        }
    }

    fn begin(&mut self, road: &Road<'_>, page: &mut Page) {
        if !self.is_quiet {
            let line = self.words.heading(road, &named(road.whom, None));
            let _ = writeln!(page.text, "{line}");
        }
    }

    fn probe(&mut self, road: &Road<'_>, probe: &Probe, page: &mut Page) {
        let Outcome::Answer(answer) = &probe.outcome else { return };
        // A hop that is not written yet will show the answer itself.
        if answer.is_late && !answer.is_duplicate && probe.hop <= page.hops && !self.is_quiet {
            let ns = answer.rtt.as_nanos() as f64;
            let rtt = milliseconds(ns, decimals(ns));
            let line = self.words.late(probe.hop, &who(road, answer.from), &rtt);
            let _ = writeln!(page.text, "    {}", self.paint(Colour::Yellow, &line));
        }
    }

    fn hop(&mut self, road: &Road<'_>, hop: &Hop, facts: &Facts, page: &mut Page) {
        page.hops = hop.hop;
        let shared = hop.shared.and_then(|shared| shared.from);
        if facts.is_silent() && shared.is_none() && !hop.is_end {
            page.silent_from.get_or_insert(hop.hop);
            return;
        }
        if !self.is_quiet {
            self.admit_silence(road, hop.hop, page);
        }
        let first = facts.responders.first().map(|responder| responder.from);
        page.last = first.or(shared).map(|from| (hop.hop, from)).or(page.last);
        if self.is_quiet {
            return;
        }
        if let Some(from) = shared {
            let (from, known) = (who(road, from), self.words.shared());
            let _ = writeln!(page.text, "{}  {from}  {known}", number(road.plan, hop.hop));
            return;
        }
        self.hop_lines(road, hop, facts, &mut page.text);
        let indent = number(road.plan, hop.hop).len() + 4;
        for note in self.notes(facts) {
            let note = self.paint(Colour::Yellow, &note);
            let _ = writeln!(page.text, "{:indent$}{note}", "");
        }
    }

    fn graph(&mut self, road: &Road<'_>, graph: &Graph, page: &mut Page) {
        if !self.is_quiet {
            graph::text(self.words, road, graph, page);
        }
    }

    fn verdict(&mut self, road: &Road<'_>, verdict: &Verdict, page: &mut Page) {
        if self.is_quiet {
            let target = named(road.whom, None);
            let colon = self.words.pick(": ", "：");
            let _ = write!(page.text, "{target}{colon}");
        } else if let Some(from) = page.silent_from.take() {
            let lead = number(road.plan, from);
            let _ = match page.hops {
                last if last == from => writeln!(page.text, "{lead}  *"),
                last => writeln!(page.text, "{lead}-{last}  *"),
            };
        }
        for (hop, limit) in page.limits.iter().filter(|_| !self.is_quiet) {
            let line = self.words.limit(*hop, *limit);
            let _ = writeln!(page.text, "{}", self.paint(Colour::Yellow, &line));
        }
        let sentence = self.words.verdict(road, verdict, page.last, &|address| who(road, address));
        let colour = match verdict.end {
            End::Reached { .. } => Colour::Bold,
            _ => Colour::Red,
        };
        let costs = self.words.costs(verdict.sent, &took(verdict.took));
        let _ = writeln!(page.text, "{}{costs}", self.paint(colour, &sentence));
        for unseen in self.words.unseen(road).into_iter().filter(|_| !self.is_quiet) {
            let _ = writeln!(page.text, "{unseen}");
        }
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let Unresolved { name, reason, .. } = unresolved;
        let _ = writeln!(out, "{}: {}", escape(name), self.paint(Colour::Red, reason));
    }

    fn finish(&mut self, totals: &Totals, out: &mut Vec<u8>) {
        if totals.targets > 1 {
            let _ = writeln!(out, "\n{}", self.words.totals(totals));
        }
    }
}

/// A hop's number, right-aligned.
pub(super) fn number(plan: &Plan, hop: u8) -> String {
    let width = if plan.hops_max > 99 { 3 } else { 2 };
    format!("{hop:>width$}")
}

/// An address as people should see it: `r3 (192.0.2.3) [AS64500 Example Net]`.
pub(super) fn who(road: &Road<'_>, address: IpAddr) -> String {
    let mut text = match road.book.name(address) {
        Some(name) => format!("{name} ({address})"),
        None => address.to_string(),
    };
    if let Some(system) = road.book.system(address) {
        let _ = write!(text, " [{system}]");
    }
    text
}

/// Seconds, with digits for short roads too.
fn took(span: Duration) -> String {
    let decimals = if span < Duration::from_secs(1) { 3 } else { 2 };
    format!("{:.decimals$}", span.as_secs_f64())
}
