//! The columns of watched roads: those of mtr by its letters, and more of our own in lower case.

use crate::args::BadValue;
use crate::lang::Language;
use crate::values::bad;
use probe::stats::RttSummary;
use probe::trace::ledger::{HopSummary, Variation};

/// The columns that mtr shows unless told otherwise.
pub const USUAL: &str = "LS NABWV";

/// The columns about how round trips vary.
pub const JITTER: &str = "DR AGJMXI";

/// The most columns that are taken at one time.
const FIELDS_MAX: usize = 48;

/// A column.
#[derive(Debug)]
pub struct Field {
    /// Its letter.
    pub key: char,
    /// Its title.
    pub title: &'static str,
    /// How wide it is, in characters.
    pub width: usize,
    /// What it is, in English and in Chinese.
    pub what: (&'static str, &'static str),
    /// What it says of a hop.
    pub cell: fn(&HopSummary) -> String,
}

/// Every column, mtr's first.
pub const ALL: &[Field] = &[
    column(' ', "", 1, ("a space", "空格"), |_| String::new()),
    column('L', "Loss%", 6, ("lost", "丢失率"), loss),
    column('D', "Drop", 5, ("probes lost", "丢失的探测"), |hop| hop.lost.to_string()),
    column('R', "Rcv", 6, ("probes answered", "有应答的探测"), |hop| {
        hop.answered.to_string()
    }),
    column('S', "Snt", 6, ("probes sent", "发出的探测"), |hop| hop.sent.to_string()),
    column('N', "Last", 6, ("newest round trip, ms", "最近的往返，毫秒"), |hop| {
        rtt(hop, |it| it.last_ns as f64)
    }),
    column('B', "Best", 6, ("shortest", "最短"), |hop| rtt(hop, |it| it.min_ns as f64)),
    column('A', "Avg", 6, ("mean", "平均"), |hop| rtt(hop, |it| it.mean_ns)),
    column('W', "Wrst", 6, ("longest", "最长"), |hop| rtt(hop, |it| it.max_ns as f64)),
    column('V', "StDev", 6, ("standard deviation", "标准差"), |hop| rtt(hop, |it| it.stddev_ns)),
    column('G', "Gmean", 6, ("geometric mean", "几何平均"), |hop| {
        variation(hop, |it| it.geometric_mean_ns)
    }),
    column('J', "Jttr", 5, ("newest difference of round trips", "最近的抖动"), |hop| {
        variation(hop, |it| it.last_ns as f64)
    }),
    column('M', "Javg", 5, ("mean difference", "平均抖动"), |hop| {
        variation(hop, |it| it.mean_ns)
    }),
    column('X', "Jmax", 5, ("greatest difference", "最大抖动"), |hop| {
        variation(hop, |it| it.max_ns as f64)
    }),
    column(
        'I',
        "Jint",
        5,
        ("interarrival jitter (RFC 3550)", "到达间隔抖动（RFC 3550）"),
        |hop| rtt(hop, |it| it.jitter_ns),
    ),
    column('m', "Med", 6, ("median", "中位数"), |hop| rtt(hop, |it| it.median_ns as f64)),
    column('p', "P95", 6, ("95 % are at most this", "95 % 不超过"), |hop| {
        rtt(hop, |it| it.p95_ns as f64)
    }),
    column('q', "P99", 6, ("99 % are at most this", "99 % 不超过"), |hop| {
        rtt(hop, |it| it.p99_ns as f64)
    }),
    column('l', "Lim", 5, ("eaten by a reply limit", "因应答限速而无应答"), |hop| {
        hop.limited.to_string()
    }),
    column(
        'f',
        "Fwd%",
        6,
        ("lost on the way there, at most", "其中去程丢失，至多"),
        |hop| percent(hop.forward_ratio),
    ),
    column('b', "Back%", 6, ("lost on the way back", "其中回程丢失"), |hop| {
        percent(hop.backward_ratio)
    }),
    column('c', "  95%", 12, ("where the true loss lies", "真实丢失率的范围"), |hop| {
        interval(hop).unwrap_or_else(|| "-".to_owned())
    }),
    column('t', "Late", 5, ("answered late", "迟到的应答"), |hop| hop.late.to_string()),
    column('d', "Dup", 4, ("additional answers", "多余的应答"), |hop| {
        hop.duplicates.to_string()
    }),
    column('h', "Here", 5, ("lost or refused by this host", "丢在本机或未能发出"), |hop| {
        (hop.local_drops + hop.send_errors).to_string()
    }),
];

const fn column(
    key: char,
    title: &'static str,
    width: usize,
    what: (&'static str, &'static str),
    cell: fn(&HopSummary) -> String,
) -> Field {
    Field { key, title, width, what, cell }
}

/// Columns by their letters.
///
/// # Errors
/// If there is none of that letter, or too many.
pub fn parse(letters: &str) -> Result<Vec<&'static Field>, BadValue> {
    const HINT: &str = "letters of L D R S N B A W V G J M X I m p q l f b c t d h, or spaces";
    let find = |letter: char| ALL.iter().find(|field| field.key == letter);
    let fields: Option<Vec<&Field>> = letters.chars().take(FIELDS_MAX).map(find).collect();
    let fields = fields.ok_or_else(|| bad("no column has one of these letters", HINT))?;
    match fields.is_empty() {
        true => Err(bad("no columns", HINT)),
        false => Ok(fields),
    }
}

/// The letters of columns.
pub fn letters(fields: &[&Field]) -> String {
    fields.iter().map(|field| field.key).collect()
}

impl Field {
    /// What it is.
    pub fn what(&self, language: Language) -> &'static str {
        language.pick(self.what.0, self.what.1)
    }

    /// A text in the column. Where something else stands before it, a space parts them.
    pub fn fit(&self, text: &str) -> String {
        let width = self.width;
        format!("{text:>width$}")
    }
}

/// Of those decided. A hop that nobody ever answered for shows as mtr shows it; nothing says that
/// it lost anything.
fn loss(hop: &HopSummary) -> String {
    match hop.loss_ratio {
        Some(ratio) => match format!("{:.1}%", ratio * 100.0) {
            // As wide as the column: 100.0 has no room for its sign.
            wide if wide.len() > 5 => format!(" {}", wide.trim_end_matches('%')),
            fitting => fitting,
        },
        None => " 100.0".to_owned(),
    }
}

fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1}", ratio * 100.0))
}

fn rtt(hop: &HopSummary, which: fn(&RttSummary) -> f64) -> String {
    milliseconds(hop.rtt.as_ref().map_or(0.0, which))
}

fn variation(hop: &HopSummary, which: fn(&Variation) -> f64) -> String {
    milliseconds(hop.variation.as_ref().map_or(0.0, which))
}

fn milliseconds(ns: f64) -> String {
    match ns / 1e6 {
        // So that columns stay apart.
        long if long >= 999.95 => format!("{long:.0}"),
        usual => format!("{usual:.1}"),
    }
}

/// Between what and what the true loss lies: `0.0-27.8%`.
pub fn interval(hop: &HopSummary) -> Option<String> {
    let (low, high) = hop.loss_interval?;
    Some(format!("{:.1}-{:.1}%", low * 100.0, high * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_columns_and_nothing_else_is() {
        assert_eq!(letters(&parse(USUAL).expect("columns")), USUAL);
        assert_eq!(letters(&parse(JITTER).expect("columns")), JITTER);
        assert!(parse("LZ").is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn no_letter_stands_for_two() {
        for (at, field) in ALL.iter().enumerate() {
            assert!(ALL[at + 1..].iter().all(|other| other.key != field.key), "{field:?}");
            assert!(field.title.chars().count() <= field.width, "{field:?}");
        }
    }
}
