//! The keys and the columns, explained.

use super::{Line, View};
use crate::command::watch::fields::{self, Field};
use crate::command::watch::report::padded;

/// A key and what it does, in English and in Chinese.
type Text = (&'static str, &'static str, &'static str);

/// How wide the left column is.
const WIDTH: usize = 52;

const KEYS: &[Text] = &[
    ("? h", "this help: arrows scroll, others end it", "本帮助：方向键滚动，其他键返回"),
    ("q ^C", "quit, with a report", "退出，并列出报告"),
    ("p", "pause; again or space: go on", "暂停与继续；空格也可继续"),
    ("r", "reset all figures", "所有数字清零"),
    ("d", "display: figures, or history", "显示方式：数字或历史"),
    ("j", "columns: latency or jitter", "各列：时延或抖动"),
    ("o", "choose columns by their letters", "按字母选各列"),
    ("n", "names or addresses", "名字或地址"),
    ("b", "names and addresses", "名字和地址"),
    ("y z", "AS numbers, with --asn", "自治系统号（用 --asn 时）"),
    ("e", "all that answer for a hop, or one", "一跳的所有应答者，或只有最后一个"),
    ("Up Down", "choose a hop; Home, End, Esc", "选一跳；Home、End、Esc"),
    ("Enter", "all about it; PageUp, PageDown", "它的一切；PageUp、PageDown"),
    ("x", "path changes with their times", "路径变化及时间"),
    ("Tab", "the next target; Shift-Tab: back", "下一个目标；Shift-Tab：上一个"),
    ("w", "write this road's report to a file", "把这条路的报告写进文件"),
    ("S", "write all figures to a file, as JSON", "把所有数字写进文件，JSON 格式"),
    ("^Z", "stop until fg", "挂起，直到 fg"),
];

const LIVE: &[Text] = &[
    ("i", "from one round to the next", "一轮到下一轮的时间"),
    ("f m", "the first and the last hop to ask", "从第几跳问起，问到第几跳为止"),
    ("s", "bytes of payload", "数据的字节数"),
];

const REPLAY: &[Text] = &[("+ -", "twice as fast, half as fast", "快一倍，慢一半")];

/// All of it: two columns of keys, two of columns.
pub fn lines(view: &View<'_>) -> Vec<Line> {
    let more = if view.replay.is_some() { REPLAY } else { LIVE };
    let keys: Vec<&Text> = KEYS.iter().chain(more).collect();
    let key = |(key, english, chinese): &Text, line: &mut Line, width| {
        line.push((padded(&format!("  {key}"), 11), view.head()));
        line.push((padded(view.pick(*english, *chinese), width), view.plain()));
    };
    let mut lines = Vec::new();
    let half = keys.len().div_ceil(2);
    for (index, left) in keys.iter().take(half).enumerate() {
        let mut line = Line::new();
        key(left, &mut line, WIDTH - 11);
        if let Some(right) = keys.get(half + index) {
            key(right, &mut line, 0);
        }
        lines.push(line);
    }
    lines.push(Line::new());
    let column = |field: &Field, line: &mut Line, width| {
        line.push((format!("  {} ", field.key), view.head()));
        let text = format!("{:6}{}", field.title.trim(), field.what(view.language));
        line.push((padded(&text, width), view.plain()));
    };
    for pair in fields::ALL.chunks(2) {
        let mut line = Line::new();
        column(&pair[0], &mut line, WIDTH - 4);
        if let Some(right) = pair.get(1) {
            column(right, &mut line, 0);
        }
        lines.push(line);
    }
    lines
}
