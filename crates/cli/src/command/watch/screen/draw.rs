//! Draws the live view into a buffer: a pure function of what is known and what is to be shown.

mod help;
mod panel;
mod table;

use super::state::{Question, Scene, State};
use crate::command::watch::book::{Book, Who};
use crate::command::watch::notes;
use crate::lang::Language;
use crate::print::trace::words::Words;
use crate::wall;
use net::local_time;
use probe::trace::ledger::HopSummary;
use probe::trace::{Course, End};
use ratatui_core::buffer::Buffer;
use ratatui_core::style::{Color, Modifier, Style};
use std::net::IpAddr;
use std::time::Duration;

/// Everything that a picture depends on.
pub struct View<'a> {
    /// What is known.
    pub book: &'a Book,
    /// What is to be shown of it.
    pub state: &'a State,
    /// The language.
    pub language: Language,
    /// Whether there are colours.
    pub is_coloured: bool,
    /// How fast a recording goes by; `None` if none is shown.
    pub replay: Option<f64>,
}

/// A line: pieces of text and how they look.
type Line = Vec<(String, Style)>;

impl View<'_> {
    /// What keys depend on.
    pub fn scene(&self) -> Scene {
        let hops = self.book.summaries(self.state.road);
        Scene {
            roads: self.book.roads.len(),
            first_hop: hops.first().map_or(1, |hop| hop.hop),
            last_hop: hops.last().map_or(0, |hop| hop.hop),
            is_replay: self.replay.is_some(),
            has_systems: self.book.names.asked.systems.are_known(),
            carries_payload: self.book.plan.method.carries_payload(),
        }
    }

    /// Draws all of it.
    pub fn draw(&self, buffer: &mut Buffer) {
        let area = buffer.area;
        let mut top = 0;
        let mut head = vec![self.title(area.width), self.plan()];
        if self.book.roads.len() > 1 {
            head.push(self.tabs());
        }
        if self.state.is_help {
            head.truncate(1);
            head.push(Line::new());
            let lines = help::lines(self);
            let most = (lines.len() + head.len()).saturating_sub(area.height.into());
            head.extend(lines.into_iter().skip(self.state.scroll.min(most)));
        } else {
            head.push(self.keys());
        }
        for line in head.iter().take(area.height.into()) {
            put(buffer, top, line);
            top += 1;
        }
        if self.state.is_help {
            return;
        }
        let foot = self.foot();
        let room = area.height.saturating_sub(top).saturating_sub(foot.len() as u16);
        let hops = self.book.summaries(self.state.road);
        let panel = panel::lines(self, &hops, area.width);
        let below = match panel.is_empty() {
            true => 0,
            false => (panel.len() as u16 + 1).min(room * 3 / 5),
        };
        let table = table::lines(self, &hops, area.width, (room - below).into());
        for line in table.iter().take((room - below).into()) {
            put(buffer, top, line);
            top += 1;
        }
        let last = area.height.saturating_sub(foot.len() as u16);
        if below > 1 {
            put(buffer, last - below, &[(panel::rule(self, area.width), self.head())]);
            let most = panel.len().saturating_sub(usize::from(below) - 1);
            let shown = panel.iter().skip(self.state.scroll.min(most));
            for (line, y) in shown.zip(last - below + 1..last) {
                put(buffer, y, line);
            }
        }
        for (line, y) in foot.iter().zip(last..area.height) {
            put(buffer, y, line);
        }
    }

    fn pick<T>(&self, english: T, chinese: T) -> T {
        self.language.pick(english, chinese)
    }

    fn title(&self, width: u16) -> Line {
        let road = &self.book.roads[self.state.road];
        let from = road.source.map_or_else(String::new, |source| format!(" ({source})"));
        let left = format!("askway watch  {}{from} -> {}", self.book.host, road.heading());
        let right = self.time(self.book.now.0, true);
        let taken = crate::print::human::columns(&left) + right.len();
        let gap = usize::from(width).saturating_sub(taken).max(2);
        vec![(left, self.head()), (" ".repeat(gap), self.plain()), (right, self.plain())]
    }

    fn plan(&self) -> Line {
        let plan = &self.book.plan;
        let road = &self.book.roads[self.state.road];
        let Course::Rounds { interval, .. } = plan.course else { return Line::new() };
        let port = plan.method.usual_port().map(|_| format!(" {}", plan.port)).unwrap_or_default();
        let (name, bytes) = (plan.method.name(), plan.payload_bytes);
        let (every, rounds) = (seconds(interval), road.ledger.rounds());
        let (sent, answered) = road.ledger.counts();
        let text = self.pick(
            format!(
                "{name}{port}, {bytes} bytes, a round every {every}; {rounds} rounds, \
                 {sent} probes, {answered} answered"
            ),
            format!(
                "{name}{port}，{bytes} 字节，每 {every} 一轮；{rounds} 轮，探测 {sent}，\
                 应答 {answered}"
            ),
        );
        let mut line = vec![(text, self.plain())];
        let state = self.state;
        if let Some(speed) = self.replay {
            line.push((
                self.pick(format!("  replay x{speed}"), format!("  回放 x{speed}")),
                self.odd(),
            ));
        }
        if state.is_paused {
            line.push((self.pick("  paused", "  暂停").to_owned(), self.wrong()));
        }
        if state.is_over {
            line.push((self.pick("  over", "  已结束").to_owned(), self.odd()));
        }
        line
    }

    fn tabs(&self) -> Line {
        let mut line = Line::new();
        for (index, road) in self.book.roads.iter().enumerate() {
            let mark = match road.ledger.end() {
                Some(End::Reached { .. }) | None => "",
                Some(_) => "!",
            };
            let is_shown = index == self.state.road;
            let style = if is_shown { self.chosen() } else { self.plain() };
            line.push((format!(" {}{mark} ", road.label()), style));
            line.push((" ".to_owned(), self.plain()));
        }
        line
    }

    fn keys(&self) -> Line {
        let text = self.pick(
            "?:help q:quit p:pause d:display n:names r:reset o:fields j:jitter Enter:hop x:changes \
             Tab:next",
            "?:帮助 q:退出 p:暂停 d:显示方式 n:名字 r:清零 o:各列 j:抖动 Enter:一跳 x:路径变化 \
             Tab:下一个",
        );
        vec![(text.to_owned(), self.faint())]
    }

    /// What stands at the bottom: how the road ends or what is to be said of the chosen hop, and
    /// what is typed or was said last.
    fn foot(&self) -> Vec<Line> {
        let state = self.state;
        let mut foot = vec![self.verdict()];
        if let Some(prompt) = &state.prompt {
            let what = self.question(prompt.what);
            let mut line = vec![(format!("{what}: {}_", prompt.typed), self.head())];
            if let Some(fault) = &prompt.fault {
                line.push((format!("  {fault}"), self.wrong()));
            }
            foot.push(line);
        } else if let Some(message) = &state.message {
            foot.push(vec![(message.clone(), self.odd())]);
        }
        foot
    }

    fn question(&self, question: Question) -> &'static str {
        match question {
            Question::Fields => self.pick("fields, a letter each", "各列的字母"),
            Question::Interval => self.pick("from one round to the next", "一轮到下一轮的时间"),
            Question::FirstHop => self.pick("the first hop to ask", "从第几跳问起"),
            Question::MaxHops => self.pick("the last hop to ask", "问到第几跳为止"),
            Question::Size => self.pick("bytes of payload", "数据的字节数"),
        }
    }

    fn verdict(&self) -> Line {
        let index = self.state.road;
        let road = &self.book.roads[index];
        if let Some(hop) = self.state.hop.and_then(|hop| road.ledger.hop(hop)) {
            let said = notes::notes(&hop, &road.ledger.responders(hop.hop), true, self.language);
            let lead = self.pick(format!("hop {}: ", hop.hop), format!("第 {} 跳：", hop.hop));
            return vec![(lead + &said.join(self.pick("; ", "；")), self.plain())];
        }
        let Some(verdict) = self.book.verdict(index) else {
            return vec![(self.pick("no answer yet", "还没有应答").to_owned(), self.plain())];
        };
        let who = |address: IpAddr| self.who(address);
        let length = road.ledger.length();
        let last = road.ledger.hop(length).and_then(|hop| Some((length, hop.latest?)));
        let said = Words(self.language).verdict(&self.book.road(index), &verdict, last, &who);
        let style = if road.is_reached() { self.plain() } else { self.wrong() };
        vec![(said, style)]
    }

    fn who(&self, address: IpAddr) -> String {
        self.book.who(address, self.state.who)
    }

    /// Both name and address, whatever is shown elsewhere.
    fn whole_name(&self, address: IpAddr) -> String {
        self.book.who(address, Who::Both)
    }

    /// A time of the run as clocks show it.
    fn time(&self, at_ns: u64, has_date: bool) -> String {
        let ns = self.book.epoch_ns + i128::from(at_ns);
        let text = if self.book.utc {
            wall::with_fraction(ns, 1)
        } else {
            let at = local_time::at(i64::try_from(ns.div_euclid(1_000_000_000)).unwrap_or(0));
            format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                at.year, at.month, at.day, at.hour, at.minute, at.second
            )
        };
        let (date, time) = (text.get(..10).unwrap_or(""), text.get(11..19).unwrap_or(""));
        if has_date { format!("{date} {time}") } else { time.to_owned() }
    }
}

/// How things look.
impl View<'_> {
    fn colour(&self, colour: Color, otherwise: Modifier) -> Style {
        if self.is_coloured {
            Style::new().fg(colour)
        } else {
            Style::new().add_modifier(otherwise)
        }
    }

    fn plain(&self) -> Style {
        Style::new()
    }

    fn head(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn faint(&self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn odd(&self) -> Style {
        self.colour(Color::Yellow, Modifier::empty())
    }

    fn wrong(&self) -> Style {
        self.colour(Color::Red, Modifier::BOLD)
    }

    fn good(&self) -> Style {
        self.colour(Color::Green, Modifier::empty())
    }

    fn chosen(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// How the figures of a hop look.
    fn style_of(&self, hop: &HopSummary) -> Style {
        match hop.loss_ratio {
            Some(ratio) if ratio >= 0.05 => self.wrong(),
            Some(ratio) if ratio > 0.0 => self.odd(),
            _ => self.plain(),
        }
    }
}

/// Puts a line there, cut at the edge.
fn put(buffer: &mut Buffer, y: u16, line: &[(String, Style)]) {
    let area = buffer.area;
    let mut x = area.x;
    for (text, style) in line {
        if x >= area.right() || y >= area.bottom() {
            return;
        }
        let room = usize::from(area.right() - x);
        (x, _) = buffer.set_stringn(x, y, text, room, *style);
    }
}

fn seconds(span: Duration) -> String {
    let text = format!("{:.3}", span.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}
