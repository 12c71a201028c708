//! Sockets for people: a table, a second line with what the kernel knows of each, totals.

use super::{Listed, Show, endpoint, owner, peer_zone, state};
use crate::command::sockets::totals::Totals;
use crate::lang::Language;
use crate::print::human::Colour;
use crate::print::{Closed, Out};
use net::diag::{CongestionState, State, TcpSocket, Timer, TimerKind, Vitals};
use net::tcp_settings::Counters;
use std::fmt::Write as _;
use std::io::Write as _;

/// Prints for people.
#[derive(Debug)]
pub struct Human {
    show: Show,
    columns: Vec<Column>,
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    State,
    ReceiveQueue,
    SendQueue,
    Local,
    Peer,
    Timer,
    User,
    Inode,
    Owners,
}

/// Cells of a table, one behind the other.
#[derive(Default)]
struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    fn end(&mut self) {
        self.ends.push(self.text.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

impl Human {
    /// A printer.
    pub fn new(show: Show) -> Human {
        let mut columns = vec![
            Column::State,
            Column::ReceiveQueue,
            Column::SendQueue,
            Column::Local,
            Column::Peer,
            Column::Timer,
        ];
        if show.extended {
            columns.extend([Column::User, Column::Inode]);
        }
        if show.owners {
            columns.push(Column::Owners);
        }
        Human { show, columns }
    }

    /// A header and a row for each socket; a second line where asked for.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn table<'a>(
        &self,
        sockets: impl Iterator<Item = Listed<'a>> + Clone,
        out: &mut Out,
    ) -> Result<(), Closed> {
        let mut cells = Cells::default();
        for column in &self.columns {
            cells.text.push_str(self.title(*column));
            cells.end();
        }
        for listed in sockets.clone() {
            for column in &self.columns {
                self.cell(*column, &listed, &mut cells.text);
                cells.end();
            }
        }
        let mut widths = vec![0; self.columns.len()];
        for (at, cell) in cells.iter().enumerate() {
            let width = &mut widths[at % self.columns.len()];
            *width = (*width).max(columns_of(cell));
        }
        let mut sockets = sockets;
        let mut row = Vec::with_capacity(self.columns.len());
        let mut line = String::new();
        for cell in cells.iter() {
            row.push(cell);
            if row.len() < self.columns.len() {
                continue;
            }
            let is_header = line.is_empty();
            line.clear();
            self.line(&row, &widths, &mut line);
            row.clear();
            self.ink(is_header, &line, &mut out.text);
            if !is_header && let Some(listed) = sockets.next().filter(|_| self.show.info) {
                self.info(listed.socket, &mut out.text);
            }
            out.relieve()?;
        }
        Ok(())
    }

    /// Says that not all processes could be seen.
    pub fn note_partial(&self, out: &mut Vec<u8>) {
        let note = self.pick(
            "processes of other users cannot be seen; the superuser sees all",
            "看不到其他用户的进程；超级用户能看到全部",
        );
        let _ = writeln!(out, "{note}");
    }

    fn pick(&self, english: &'static str, chinese: &'static str) -> &'static str {
        self.show.language.pick(english, chinese)
    }

    fn ink(&self, is_header: bool, line: &str, out: &mut Vec<u8>) {
        if is_header && self.show.is_coloured {
            out.extend_from_slice(Colour::Bold.paint(line).as_bytes());
        } else {
            out.extend_from_slice(line.as_bytes());
        }
        out.push(b'\n');
    }

    fn title(&self, column: Column) -> &'static str {
        match column {
            Column::State => self.pick("State", "状态"),
            Column::ReceiveQueue => self.pick("Recv-Q", "接收队列"),
            Column::SendQueue => self.pick("Send-Q", "发送队列"),
            Column::Local => self.pick("Local", "本端"),
            Column::Peer => self.pick("Peer", "对端"),
            Column::Timer => self.pick("Timer", "定时器"),
            Column::User => self.pick("User", "用户"),
            Column::Inode => "Inode",
            Column::Owners => self.pick("Processes", "进程"),
        }
    }

    fn cell(&self, column: Column, listed: &Listed<'_>, out: &mut String) {
        let socket = listed.socket;
        let is_listener = socket.state == State::Listen;
        // Writing to memory cannot fail.
        let _ = match column {
            Column::State => write!(out, "{}", state(socket.state)),
            Column::ReceiveQueue if is_listener => {
                write!(out, "{}/{}", socket.receive_queue, socket.send_queue)
            }
            Column::ReceiveQueue => write!(out, "{}", socket.receive_queue),
            Column::SendQueue if is_listener => write!(out, "-"),
            Column::SendQueue => write!(out, "{}", socket.send_queue),
            Column::Local => return endpoint(socket.local, socket.interface, out),
            Column::Peer => return endpoint(socket.peer, peer_zone(socket), out),
            Column::Timer => match socket.timer {
                Some(timer) => return timer_into(timer, self.show.language, out),
                None => write!(out, "-"),
            },
            Column::User => write!(out, "{}", socket.uid),
            Column::Inode => write!(out, "{}", socket.inode),
            Column::Owners if listed.owners.is_empty() => write!(out, "-"),
            Column::Owners => {
                let names: Vec<String> = listed.owners.iter().map(owner).collect();
                write!(out, "{}", names.join(" "))
            }
        };
    }

    fn line(&self, row: &[&str], widths: &[usize], out: &mut String) {
        for (at, cell) in row.iter().enumerate() {
            let gap = widths[at] - columns_of(cell);
            let is_number = matches!(
                self.columns[at],
                Column::ReceiveQueue | Column::SendQueue | Column::User | Column::Inode
            );
            if at > 0 {
                out.push_str("  ");
            }
            let blanks = |out: &mut String, count| (0..count).for_each(|_| out.push(' '));
            if is_number {
                blanks(out, gap);
            }
            out.push_str(cell);
            if !is_number && at + 1 < row.len() {
                blanks(out, gap);
            }
        }
    }

    /// What the kernel knows of a connection, in a line of its own.
    fn info(&self, socket: &TcpSocket, out: &mut Vec<u8>) {
        let Some(info) = socket.info.as_deref().filter(|_| socket.state != State::Listen) else {
            return;
        };
        let start = out.len();
        out.extend_from_slice(b"    ");
        if let Some(name) = &socket.congestion_control {
            out.extend_from_slice(name.as_str().as_bytes());
        }
        if let Some(word) = self.congestion(info.congestion_state) {
            let _ = write!(out, " {word}");
        }
        self.negotiated(info, out);
        self.times(info, out);
        self.windows(info, out);
        self.segments(info, out);
        self.rates(info, out);
        debug_assert!(!out[start..].contains(&b'\n'));
        out.push(b'\n');
    }

    fn congestion(&self, state: CongestionState) -> Option<&'static str> {
        Some(match state {
            CongestionState::Open => return None,
            CongestionState::Disorder => self.pick("(disorder)", "（失序）"),
            CongestionState::Reduced => self.pick("(window reduced)", "（窗口缩小）"),
            CongestionState::Recovery => self.pick("(recovery)", "（恢复）"),
            CongestionState::Loss => self.pick("(loss)", "（丢失）"),
            CongestionState::Unknown(_) => return None,
        })
    }

    fn negotiated(&self, info: &Vitals, out: &mut Vec<u8>) {
        for (is_on, name) in [
            (info.has_timestamps, "ts"),
            (info.has_sack, "sack"),
            (info.has_ecn, "ecn"),
            (info.has_seen_ecn, "ecnseen"),
            (info.has_fast_open, "fastopen"),
        ] {
            if is_on {
                let _ = write!(out, " {name}");
            }
        }
        if let Some((send, receive)) = info.window_scale {
            let _ = write!(out, " wscale {send},{receive}");
        }
    }

    fn times(&self, info: &Vitals, out: &mut Vec<u8>) {
        let ms = |us: u32| Milliseconds(us);
        if info.rtt_us > 0 {
            let (rtt, deviation) = (ms(info.rtt_us), ms(info.rttvar_us));
            let _ = write!(out, "; rtt {rtt}±{deviation} ms");
            if let Some(least) = info.rtt_us_min_known() {
                let _ = write!(out, " ({} {})", self.pick("min", "最小"), ms(least));
            }
        }
        if info.receive_rtt_us > 0 {
            let _ =
                write!(out, ", {} {}", self.pick("receiving", "接收侧"), ms(info.receive_rtt_us));
        }
        let _ = write!(out, "; rto {} ms", ms(info.rto_us));
        if info.backoff > 0 {
            let _ = write!(out, " ({} {})", self.pick("backed off", "退避"), info.backoff);
        }
    }

    fn windows(&self, info: &Vitals, out: &mut Vec<u8>) {
        let _ = write!(out, "; cwnd {}", info.cwnd);
        if let Some(ssthresh) = info.ssthresh_known() {
            let _ = write!(out, " ssthresh {ssthresh}");
        }
        let _ = write!(out, " mss {} pmtu {}", info.send_mss_bytes, info.pmtu_bytes);
        if let Some(bytes) = info.send_window_bytes {
            let _ = write!(out, "; {} {bytes}", self.pick("window: peer's", "窗口：对端"));
            if let Some(bytes) = info.receive_window_bytes {
                let _ = write!(out, " {} {bytes}", self.pick("ours", "本端"));
            }
        }
        let _ = write!(out, " rcv_space {}", info.receive_space_bytes);
    }

    fn segments(&self, info: &Vitals, out: &mut Vec<u8>) {
        if let (Some(sent), Some(acked)) = (info.bytes_sent, info.bytes_acked) {
            let _ = write!(out, "; {} {sent}", self.pick("bytes sent", "字节：已发"));
            let _ = write!(out, " {} {acked}", self.pick("acked", "已确认"));
        }
        if let Some(received) = info.bytes_received {
            let _ = write!(out, " {} {received}", self.pick("received", "已收"));
        }
        if let Some(unsent) = info.unsent_bytes.filter(|bytes| *bytes > 0) {
            let _ = write!(out, " {} {unsent}", self.pick("unsent", "未发"));
        }
        if let (Some(sent), Some(received)) = (info.segments_sent, info.segments_received) {
            let _ = write!(out, "; {} {sent}", self.pick("segments out", "报文段：发"));
            let _ = write!(out, " {} {received}", self.pick("in", "收"));
        }
        for (count, english, chinese) in [
            (info.unacked, "unacked", "在途"),
            (info.sacked, "sacked", "选择确认"),
            (info.lost, "lost", "丢失"),
            (info.retransmitting, "retransmitting", "重传中"),
            (info.retransmitted, "retransmitted", "曾重传"),
            (info.duplicates.unwrap_or(0), "needlessly", "多余重传"),
            (info.out_of_order.unwrap_or(0), "out of order", "乱序"),
        ] {
            if count > 0 {
                let _ = write!(out, " {} {count}", self.pick(english, chinese));
            }
        }
        // What the kernel begins with (tcp_reordering).
        if info.reordering != 3 {
            let _ = write!(out, " {} {}", self.pick("reordering", "乱序度"), info.reordering);
        }
    }

    fn rates(&self, info: &Vitals, out: &mut Vec<u8>) {
        if let Some(rate) = info.delivery_rate.filter(|rate| *rate > 0) {
            let _ = write!(out, "; {} {}", self.pick("delivered at", "交付速率"), Rate(rate));
            if info.is_app_limited {
                let _ = write!(out, " {}", self.pick("(all there was)", "（应用所限）"));
            }
        }
        if let Some(rate) = info.pacing_rate.filter(|rate| *rate != u64::MAX) {
            let _ = write!(out, "; {} {}", self.pick("paced at", "发送节奏"), Rate(rate));
        }
        if let Some(busy) = info.busy_us.filter(|us| *us > 0) {
            let _ = write!(out, "; {} {} ms", self.pick("busy", "忙"), busy / 1_000);
            for (us, english, chinese) in [
                (info.window_limited_us, "held up by window", "受窗口限制"),
                (info.buffer_limited_us, "by buffer", "受缓冲区限制"),
            ] {
                if let Some(us) = us.filter(|us| *us > 0) {
                    let _ = write!(out, " {} {} ms", self.pick(english, chinese), us / 1_000);
                }
            }
        }
        let _ = write!(out, "; {} {}", self.pick("ms since sent", "毫秒前：发"), info.last_sent_ms);
        let _ = write!(out, " {} {}", self.pick("received", "收"), info.last_received_ms);
        let _ = write!(out, " {} {}", self.pick("ack", "确认"), info.last_ack_ms);
    }
}

/// Microseconds as milliseconds, without zeros at the end.
struct Milliseconds(u32);

impl std::fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 1_000, self.0 % 1_000);
        match (rest, rest % 100, rest % 10) {
            (0, ..) => write!(f, "{whole}"),
            (_, 0, _) => write!(f, "{whole}.{}", rest / 100),
            (.., 0) => write!(f, "{whole}.{:02}", rest / 10),
            _ => write!(f, "{whole}.{rest:03}"),
        }
    }
}

/// Bytes a second as bits a second.
struct Rate(u64);

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = self.0 as f64 * 8.0;
        match bits {
            1e9.. => write!(f, "{:.1} Gbit/s", bits / 1e9),
            1e6.. => write!(f, "{:.1} Mbit/s", bits / 1e6),
            1e3.. => write!(f, "{:.1} kbit/s", bits / 1e3),
            _ => write!(f, "{bits} bit/s"),
        }
    }
}

/// How many columns of a terminal a text takes: Chinese characters take two.
fn columns_of(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(|it| if ('\u{2e80}'..='\u{ffef}').contains(&it) { 2 } else { 1 }).sum()
}

/// `retransmit 204 ms, 3 tries`.
fn timer_into(timer: Timer, language: Language, out: &mut String) {
    let name = match timer.kind {
        TimerKind::Retransmit => language.pick("retransmit", "重传"),
        TimerKind::Keepalive => language.pick("keepalive", "保活"),
        TimerKind::TimeWait => language.pick("time-wait", "等待结束"),
        TimerKind::Persist => language.pick("persist", "窗口探测"),
        TimerKind::Unknown(_) => language.pick("other", "其他"),
    };
    let ms = timer.left.as_millis();
    let _ = match ms {
        0..1_000 => write!(out, "{name} {ms} ms"),
        1_000..100_000 => write!(out, "{name} {}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => write!(out, "{name} {} min", ms / 60_000),
    };
    let _ = match (timer.tries, language) {
        (0, _) => Ok(()),
        (1, Language::English) => write!(out, ", 1 try"),
        (tries, Language::English) => write!(out, ", {tries} tries"),
        (tries, Language::Chinese) => write!(out, "，{tries} 次"),
    };
}

/// How many sockets there are of each kind, and what the kernel has counted.
pub fn totals(totals: &Totals, counters: &Counters, language: Language, out: &mut Vec<u8>) {
    let pick = |english, chinese| language.pick(english, chinese);
    let titles = [pick("State", "状态"), "IPv4", "IPv6"];
    let _ = writeln!(out, "{}{:>8}{:>8}", padded(titles[0], 12), titles[1], titles[2]);
    for (row, [v4, v6]) in State::ALL.into_iter().zip(totals.by_state) {
        if v4 + v6 > 0 {
            let _ = writeln!(out, "{:12}{v4:>8}{v6:>8}", state(row));
        }
    }
    let sums = [0, 1].map(|column| totals.by_state.iter().map(|row| row[column]).sum::<u64>());
    let _ = writeln!(out, "{}{:>8}{:>8}", padded(pick("all", "合计"), 12), sums[0], sums[1]);
    let rows = [
        (totals.mapped, "IPv6 sockets that speak IPv4", "使用 IPv4 的 IPv6 套接字"),
        (totals.orphans, "orphans: no process holds them", "孤儿：没有进程持有"),
        (totals.retransmitting, "retransmitting", "正在重传"),
        (totals.zero_window, "the peer's window is closed", "对端窗口为零"),
        (totals.unread_bytes, "bytes that no program has read", "字节未被程序读取"),
        (totals.unacknowledged_bytes, "bytes that no peer has acknowledged", "字节未被对端确认"),
    ];
    let counted = [
        (counters.listen_overflows, "times an accept queue was full", "次 accept 队列已满"),
        (counters.listen_drops, "SYNs dropped by listeners", "个 SYN 被监听者丢弃"),
        (counters.syn_drops, "of them as the SYN queue was full", "个因 SYN 队列已满"),
        (counters.cookies_sent, "SYN cookies sent", "个 SYN cookie 已发出"),
        (counters.time_wait_overflows, "times too many in TIME-WAIT", "次 TIME-WAIT 过多"),
        (
            counters.aborted_on_memory,
            "connections reset for want of memory",
            "个连接因内存不足被重置",
        ),
        (counters.aborted_on_timeout, "connections given up unanswered", "个连接因无应答被放弃"),
    ];
    some(&rows, language, out);
    if counted.iter().any(|(count, ..)| *count > 0) {
        let since = pick("since the network namespace began:", "自网络命名空间建立以来：");
        let _ = writeln!(out, "{since}");
        some(&counted, language, out);
    }
}

/// Those that are not 0.
fn some(rows: &[(u64, &'static str, &'static str)], language: Language, out: &mut Vec<u8>) {
    for (count, english, chinese) in rows.iter().filter(|(count, ..)| *count > 0) {
        let _ = writeln!(out, "{count:>8}  {}", language.pick(*english, *chinese));
    }
}

fn padded(text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(columns_of(text));
    format!("{text}{}", " ".repeat(blanks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn figures_are_short() {
        for (us, wanted) in [(34, "0.034"), (204_000, "204"), (1_500, "1.5"), (1_020, "1.02")] {
            assert_eq!(Milliseconds(us).to_string(), wanted);
        }
        for (bytes, wanted) in
            [(1, "8 bit/s"), (125_000, "1.0 Mbit/s"), (u64::MAX, "147573952589.7 Gbit/s")]
        {
            assert_eq!(Rate(bytes).to_string(), wanted);
        }
        assert_eq!(columns_of("状态 x"), 6);
    }

    #[test]
    fn timers_tell_what_for_and_how_long() {
        let shown = |kind, ms, tries, language| {
            let mut out = String::new();
            timer_into(Timer { kind, left: Duration::from_millis(ms), tries }, language, &mut out);
            out
        };
        let english = Language::English;
        assert_eq!(shown(TimerKind::Retransmit, 204, 3, english), "retransmit 204 ms, 3 tries");
        assert_eq!(shown(TimerKind::TimeWait, 59_940, 0, english), "time-wait 59.9 s");
        assert_eq!(shown(TimerKind::Keepalive, 7_200_000, 1, english), "keepalive 120 min, 1 try");
        assert_eq!(shown(TimerKind::Persist, 1_000, 2, Language::Chinese), "窗口探测 1.0 s，2 次");
    }
}
