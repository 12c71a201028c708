//! Reading TOML with blame: every value knows where it stands, every unknown key is refused with
//! the known one nearest to it.

use crate::address::Prefix;
use crate::{ScenarioFault, rules};
use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use wire::Family;

/// Faults that are gathered at most; reading ends with the last.
const FAULTS_MAX: usize = 1_000;

/// Characters of a name that a fault repeats at most.
pub(crate) const NAME_MAX: usize = 64;

/// Characters of a message or hint at most: some list names.
const MESSAGE_MAX: usize = 1_000;

/// What a scenario may say of time at most: a hundred years.
const SPAN_MAX: Duration = Duration::from_secs(876_000 * 3_600);

/// Faults of a text, gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    faults: RefCell<Vec<ScenarioFault>>,
    /// Where the lines of the text begin, once somebody asked.
    lines: OnceCell<Vec<usize>>,
}

impl Gathered {
    /// The faults; what is said twice, of both directions of a link, is one.
    pub(crate) fn take(&self) -> Vec<ScenarioFault> {
        in_order(self.faults.take())
    }

    /// The line with a byte offset, from 0, and where it begins.
    fn line_of(&self, text: &str, at: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let behind = text.match_indices('\n').map(|(newline, _)| newline + 1);
            std::iter::once(0).chain(behind).collect()
        });
        let line = lines.partition_point(|start| *start <= at) - 1;
        (line, lines[line])
    }
}

/// Faults as they stand in the text, each once.
pub(crate) fn in_order(mut faults: Vec<ScenarioFault>) -> Vec<ScenarioFault> {
    faults.sort_by(|a, b| {
        let place = |it: &ScenarioFault| (it.line, it.column);
        place(a).cmp(&place(b)).then_with(|| a.message.cmp(&b.message))
    });
    faults.dedup();
    faults
}

/// The text of a scenario and what it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) origin: &'a str,
    /// Where faults are gathered, if reading goes on after them.
    gathers: Option<&'a Gathered>,
}

impl<'a> Source<'a> {
    /// Reading ends at the first fault.
    pub(crate) fn new(text: &'a str, origin: &'a str) -> Source<'a> {
        Source { text, origin, gathers: None }
    }

    /// Reading goes on wherever what follows can be understood without what is wrong.
    pub(crate) fn gathering(text: &'a str, origin: &'a str, faults: &'a Gathered) -> Source<'a> {
        Source { text, origin, gathers: Some(faults) }
    }

    /// Goes on without what could not be read, if faults are gathered.
    pub(crate) fn bear<T>(
        &self,
        outcome: Result<T, ScenarioFault>,
    ) -> Result<Option<T>, ScenarioFault> {
        match (outcome, self.gathers) {
            (Err(fault), Some(gathered)) if self.gathered() < FAULTS_MAX => {
                gathered.faults.borrow_mut().push(fault);
                Ok(None)
            }
            (outcome, _) => outcome.map(Some),
        }
    }

    /// How many faults are gathered.
    pub(crate) fn gathered(&self) -> usize {
        self.gathers.map_or(0, |gathered| gathered.faults.borrow().len())
    }

    /// The text as TOML.
    pub(crate) fn parse(&self) -> Result<Spanned<DeTable<'a>>, ScenarioFault> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.fault(at, error.message().to_string(), None)
        })
    }

    /// A fault at a byte offset. Names in it that are long, between backticks, are cut.
    pub(crate) fn fault(&self, at: usize, message: String, hint: Option<String>) -> ScenarioFault {
        let before = &self.text[..self.text.floor_char_boundary(at)];
        let (line, line_start) = match self.gathers {
            Some(gathered) => gathered.line_of(self.text, before.len()),
            None => {
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                (before.matches('\n').count(), line_start)
            }
        };
        ScenarioFault {
            origin: self.origin.to_string(),
            line: line + 1,
            column: before[line_start..].chars().count() + 1,
            message: with_short_names(&message),
            hint: hint.as_deref().map(with_short_names),
        }
    }
}

/// A text whose names between backticks are cut to [`NAME_MAX`] characters, and the whole to
/// [`MESSAGE_MAX`].
fn with_short_names(text: &str) -> String {
    let pieces: Vec<_> = text.split('`').map(|piece| (piece, cut(piece, NAME_MAX))).collect();
    let shown = pieces.iter().enumerate().map(|(index, (whole, short))| match index % 2 {
        1 => short.as_str(),
        _ => whole,
    });
    cut(&shown.collect::<Vec<_>>().join("`"), MESSAGE_MAX)
}

/// The first characters of a text, and an ellipsis if there are more.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// A text from bytes.
///
/// # Errors
/// Where it is not UTF-8.
pub(crate) fn utf8<'a>(bytes: &'a [u8], origin: &str) -> Result<&'a str, ScenarioFault> {
    std::str::from_utf8(bytes).map_err(|wrong| {
        let sound = std::str::from_utf8(&bytes[..wrong.valid_up_to()]).unwrap_or_default();
        let hint = "a scenario is TOML, and so text in UTF-8".to_string();
        let message = "this is not UTF-8".to_string();
        Source::new(sound, origin).fault(sound.len(), message, Some(hint))
    })
}

/// A table being read: what is asked for by name is known, what is left at the end is a mistake.
pub(crate) struct Table<'a> {
    source: Source<'a>,
    table: &'a DeTable<'a>,
    /// Where the table begins, for what is missing from it.
    at: usize,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(source: Source<'a>, table: &'a DeTable<'a>, at: usize) -> Table<'a> {
        Table { source, table, at, asked: Vec::new() }
    }

    /// The value of a key, if it is there.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        Some(Value { source: self.source, at: value.span().start, value, key })
    }

    /// The value of a key that must be there.
    pub(crate) fn need(&mut self, key: &'static str) -> Result<Value<'a>, ScenarioFault> {
        let missing = self.fault(format!("`{key}` is missing"));
        self.take(key).ok_or(missing)
    }

    /// Keys and values in the order of the text, for tables keyed by names of the user's.
    pub(crate) fn entries(&self) -> Vec<(&'a str, Value<'a>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let name: &'a std::borrow::Cow<'a, str> = key.get_ref();
            let at = key.span().start;
            (name.as_ref(), Value { source: self.source, at, value, key: "the entry" })
        };
        entries.into_iter().map(entry).collect()
    }

    /// Refuses every key that was not asked for.
    pub(crate) fn finish(self) -> Result<(), ScenarioFault> {
        let is_unknown = |key: &&Spanned<_>| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            !self.asked.contains(&key.as_ref())
        };
        let mut unknown: Vec<_> = self.table.keys().filter(is_unknown).collect();
        unknown.sort_by_key(|key| key.span().start);
        let mut known: Vec<&str> = Vec::new();
        for key in &self.asked {
            if !known.contains(key) {
                known.push(key);
            }
        }
        for key in unknown {
            let complement = known.iter().find(|it| it.strip_prefix("1-") == Some(key.get_ref()));
            let hint = match (complement, nearest(key.get_ref(), &self.asked)) {
                // Of the model of bursts, tc-netem(8) takes what remains of some probabilities.
                (Some(key), _) => format!("say what is hit, not what is spared: `{key}`"),
                (None, Some(known)) => format!("did you mean `{known}`?"),
                (None, None) => format!("known here: {}", known.join(", ")),
            };
            let message = format!("unknown key `{}`", key.get_ref());
            self.source.bear(Err::<(), _>(self.source.fault(
                key.span().start,
                message,
                Some(hint),
            )))?;
        }
        Ok(())
    }

    /// A fault of the table as a whole.
    pub(crate) fn fault(&self, message: String) -> ScenarioFault {
        self.source.fault(self.at, message, None)
    }
}

/// A value and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    source: Source<'a>,
    at: usize,
    value: &'a Spanned<DeValue<'a>>,
    key: &'static str,
}

impl<'a> Value<'a> {
    pub(crate) fn fault(&self, message: String) -> ScenarioFault {
        self.source.fault(self.at, message, None)
    }

    pub(crate) fn fault_with(&self, message: String, hint: String) -> ScenarioFault {
        self.source.fault(self.at, message, Some(hint))
    }

    fn wrong(&self, wanted: &str, hint: &str) -> ScenarioFault {
        let message = format!("`{}` wants {wanted}", self.key);
        let hint = (!hint.is_empty()).then(|| hint.to_string());
        self.source.fault(self.at, message, hint)
    }

    /// Where its faults go.
    pub(crate) fn source(&self) -> Source<'a> {
        self.source
    }

    /// The byte offset at which it stands.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Bytes of the text that the value takes, delimiters included.
    pub(crate) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Array(_))
    }

    pub(crate) fn is_boolean(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Boolean(_))
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(_))
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Integer(_))
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::String(_))
    }

    pub(crate) fn text(&self) -> Result<&'a str, ScenarioFault> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong("a text", "put it in double quotes")),
        }
    }

    pub(crate) fn boolean(&self) -> Result<bool, ScenarioFault> {
        match self.value.get_ref() {
            DeValue::Boolean(yes) => Ok(*yes),
            _ => Err(self.wrong("true or false", "")),
        }
    }

    /// A whole number within bounds, both included.
    pub(crate) fn number(&self, least: u64, most: u64) -> Result<u64, ScenarioFault> {
        let number = match self.value.get_ref() {
            DeValue::Integer(n) => u64::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        };
        let fits = number.filter(|n| (least..=most).contains(n));
        fits.ok_or_else(|| self.wrong(&format!("a whole number from {least} to {most}"), ""))
    }

    pub(crate) fn list(&self) -> Result<Vec<Value<'a>>, ScenarioFault> {
        let DeValue::Array(items) = self.value.get_ref() else {
            return Err(self.wrong("a list", "put it in square brackets"));
        };
        Ok(items.iter().map(|item| Value { at: item.span().start, value: item, ..*self }).collect())
    }

    pub(crate) fn table(&self) -> Result<Table<'a>, ScenarioFault> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Table::new(self.source, table, self.at)),
            _ => Err(self.wrong("a table", "put it in braces, { key = value }")),
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Result<T, ScenarioFault> {
        let text = self.text()?;
        let named = words.iter().find(|(word, _)| *word == text);
        named.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let all: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.wrong("another word", &format!("one of {}", all.join(", ")))
        })
    }

    /// A span of time with its unit: `"10ms"`.
    pub(crate) fn duration(&self) -> Result<Duration, ScenarioFault> {
        const HINT: &str = "a number and a unit: ns, us, ms, s, m or h, as in \"10ms\"";
        let text = self.is_text().then(|| self.text()).transpose()?;
        match text.map(parse_duration) {
            Some(Number::Is(span)) if span <= SPAN_MAX => Ok(span),
            Some(Number::Is(_) | Number::TooLarge) => {
                let hint = "at most a hundred years: \"876000h\"".to_string();
                Err(self.fault_with(format!("`{}` is too long", self.key), hint))
            }
            Some(Number::None) | None => Err(self.wrong("a span of time", HINT)),
        }
    }

    /// A network: `"192.0.2.0/28"`; a lone address is itself.
    pub(crate) fn network(&self) -> Result<Prefix, ScenarioFault> {
        const HINT: &str = "as in \"192.0.2.0/28\" or \"2001:db8:7::/64\"";
        let text = self.text()?;
        let none = || self.fault_with(format!("`{text}` is no network"), HINT.to_string());
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().map(Prefix::of_one).map_err(|_| none());
        };
        let address: IpAddr = address.parse().map_err(|_| none())?;
        let family = Family::of(address);
        let prefix = length.parse().ok().and_then(|length| Prefix::new(address, length));
        let prefix = prefix.ok_or_else(|| {
            let bits = rules::of(family).address_bits;
            let message = format!("`{text}`: prefixes of {family} have 0 to {bits} bits");
            self.fault_with(message, HINT.to_string())
        })?;
        if prefix.first() != address {
            let hint = format!("the network is {prefix}, the address alone {address}");
            return Err(self.fault_with(format!("`{text}` has bits behind its prefix"), hint));
        }
        Ok(prefix)
    }

    /// Bits a second: `"10mbit"`; `None` for `"none"`.
    pub(crate) fn rate_bits(&self) -> Result<Option<u64>, ScenarioFault> {
        const HINT: &str = "a number and a unit: bit, kbit, mbit or gbit, as in \"10mbit\"";
        let text = self.is_text().then(|| self.text()).transpose()?;
        if text == Some("none") {
            return Ok(None);
        }
        let rate = text.and_then(|text| parse_units(text, RATES)).filter(|rate| *rate > 0);
        rate.map(Some).ok_or_else(|| self.wrong("a rate", HINT))
    }

    /// A number of bytes: `"64kB"`.
    pub(crate) fn bytes(&self) -> Result<u64, ScenarioFault> {
        const HINT: &str = "a number and a unit: B, kB, MB, KiB or MiB, as in \"64kB\"";
        let text = self.is_text().then(|| self.text()).transpose()?;
        let bytes = text.and_then(|text| parse_units(text, SIZES));
        bytes.ok_or_else(|| self.wrong("a number of bytes", HINT))
    }

    /// A share as a percentage, in parts per million: `"0.5%"` is 5,000.
    pub(crate) fn share_ppm(&self) -> Result<u32, ScenarioFault> {
        const HINT: &str = "from \"0%\" to \"100%\", four decimals at most";
        let percent = self.is_text().then(|| self.text()).transpose()?;
        let number = percent.and_then(|text| text.strip_suffix('%'));
        let ppm = number.and_then(|number| parse_decimal(number.trim(), 4));
        let fits = ppm.and_then(|ppm| u32::try_from(ppm).ok()).filter(|ppm| *ppm <= 1_000_000);
        fits.ok_or_else(|| self.wrong("a percentage", HINT))
    }
}

/// Units: a name, the decimals that it allows, and what it is times 10 to the power of those.
type Units = &'static [(&'static str, u32, u64)];

const SPANS: Units = &[
    ("ns", 0, 1),
    ("us", 3, 1),
    ("µs", 3, 1),
    ("ms", 6, 1),
    ("s", 9, 1),
    ("m", 9, 60),
    ("h", 9, 3_600),
];

const RATES: Units = &[("bit", 0, 1), ("kbit", 3, 1), ("mbit", 6, 1), ("gbit", 9, 1)];

const SIZES: Units =
    &[("B", 0, 1), ("kB", 3, 1), ("MB", 6, 1), ("KiB", 0, 1 << 10), ("MiB", 0, 1 << 20)];

/// A decimal number and a unit.
fn parse_units(text: &str, units: Units) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let (_, decimals, factor) = units.iter().find(|(name, _, _)| *name == unit.trim())?;
    parse_decimal(number, *decimals)?.checked_mul(*factor)
}

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number<T> {
    Is(T),
    TooLarge,
    /// It is none.
    None,
}

/// A span of time: a decimal number and a unit.
fn parse_duration(text: &str) -> Number<Duration> {
    if let Some(ns) = parse_units(text, SPANS) {
        return Number::Is(Duration::from_nanos(ns));
    }
    // With one digit in the place of those before the point, all that was wrong is its size.
    let unit_and_fraction = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_number = unit_and_fraction.len() < text.len();
    match is_number && parse_units(&format!("0{unit_and_fraction}"), SPANS).is_some() {
        true => Number::TooLarge,
        false => Number::None,
    }
}

/// A span of time as [`Value::duration`] reads it.
pub(crate) fn duration(span: Duration) -> String {
    let ns = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    match ns {
        0 => "0s".to_string(),
        _ => decimal(ns, &[("s", 9), ("ms", 6), ("us", 3), ("ns", 0)]),
    }
}

/// A share as [`Value::share_ppm`] reads it.
pub(crate) fn share(ppm: u32) -> String {
    decimal(ppm.into(), &[("%", 4)])
}

/// A rate as [`Value::rate_bits`] reads it.
pub(crate) fn rate(bits: u64) -> String {
    decimal(bits, &[("gbit", 9), ("mbit", 6), ("kbit", 3), ("bit", 0)])
}

/// A number of bytes as [`Value::bytes`] reads it.
pub(crate) fn bytes(bytes: u64) -> String {
    decimal(bytes, &[("MB", 6), ("kB", 3), ("B", 0)])
}

/// A number in the first unit, a name and its decimals, that it has one of; else in the last.
fn decimal(number: u64, units: &[(&str, u32)]) -> String {
    let has_one = |(_, decimals): &&(&str, u32)| number >= 10_u64.pow(*decimals);
    let (unit, decimals) = units.iter().find(has_one).unwrap_or(&units[units.len() - 1]);
    let scale = 10_u64.pow(*decimals);
    let fraction = format!("{:0width$}", number % scale, width = *decimals as usize);
    let fraction = if *decimals == 0 { "" } else { fraction.trim_end_matches('0') };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}{unit}", number / scale)
}

/// A decimal number times 10^`decimals`; `None` if that is not whole, or too large.
fn parse_decimal(text: &str, decimals: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) || text.ends_with('.') {
        return None;
    }
    let missing = decimals.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scaled = fraction.checked_mul(10_u64.checked_pow(missing)?)?;
    whole.checked_mul(10_u64.checked_pow(decimals)?)?.checked_add(scaled)
}

/// Words that are compared with one at most: a scenario may have many nodes, and many mistakes.
const COMPARED_MAX: usize = 1_000;

/// The known word that is closest to `word`, if any is close.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let length = word.chars().count();
    let most = 1 + length / 4;
    let may_be = |candidate: &&&str| candidate.chars().count().abs_diff(length) <= most;
    let few = known.iter().filter(may_be).take(COMPARED_MAX);
    let close = few.map(|candidate| (edits(word, candidate), *candidate));
    let (distance, candidate) = close.min_by_key(|(distance, _)| *distance)?;
    // Of a word of which nothing is left, any other is as near.
    (distance <= most && distance < length).then_some(candidate)
}

/// Insertions, deletions and replacements from one word to another (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let is = |ns| Number::Is(Duration::from_nanos(ns));
        assert_eq!(parse_duration("10ms"), is(10_000_000));
        assert_eq!(parse_duration("1.5 s"), is(1_500_000_000));
        assert_eq!(parse_duration("0.25us"), is(250));
        assert_eq!(parse_duration("2m"), is(120_000_000_000));
        for wrong in ["10", "ms", "1.5ns", "-1s", "1.s", "1..2s", "1e3s", ""] {
            assert_eq!(parse_duration(wrong), Number::None, "{wrong}");
        }
        for long in ["99999999999h", "99999999999999999999999.5s"] {
            assert_eq!(parse_duration(long), Number::TooLarge, "{long}");
        }
    }

    #[test]
    fn rates_and_sizes_have_units() {
        let rates =
            ["10mbit", "1.5 mbit", "9600bit", "2.5gbit", "1.0005bit", "10", "10Mb", "-1bit"];
        let rates = rates.map(|text| parse_units(text, RATES));
        let wanted = [10_000_000, 1_500_000, 9_600, 2_500_000_000];
        assert_eq!(rates[..4], wanted.map(Some));
        assert_eq!(rates[4..], [None; 4]);
        let sizes = ["64kB", "64KiB", "1.5MB", "9B", "0.5B"].map(|it| parse_units(it, SIZES));
        assert_eq!(sizes, [Some(64_000), Some(65_536), Some(1_500_000), Some(9), None]);
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for ns in [0, 1, 999, 1_000, 1_500, 12_300_000, 999_999_999, 1_000_000_000, 60_000_000_000]
        {
            let span = Duration::from_nanos(ns);
            assert_eq!(parse_duration(&duration(span)), Number::Is(span));
        }
        for bits in [1, 9_600, 1_000_000, 1_500_001] {
            assert_eq!(parse_units(&rate(bits), RATES), Some(bits));
            assert_eq!(parse_units(&bytes(bits), SIZES), Some(bits));
        }
        assert_eq!([1, 10_000, 5_000, 1_000_000].map(share).join(" "), "0.0001% 1% 0.5% 100%");
        assert_eq!(duration(Duration::from_micros(12_300)), "12.3ms");
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("dealy", &["delay", "loss"]), Some("delay"));
        assert_eq!(nearest("los", &["delay", "loss"]), Some("loss"));
        assert_eq!(nearest("colour", &["delay", "loss"]), None);
        assert_eq!(nearest("h", &["p", "r"]), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }

    #[test]
    fn long_names_are_cut() {
        let name = "ö".repeat(1_000_000);
        let source = Source::new("", "t");
        let hint = format!("it has: {name}");
        let fault = source.fault(0, format!("no node is named `{name}` here"), Some(hint));
        let short = "ö".repeat(NAME_MAX);
        assert_eq!(fault.message, format!("no node is named `{short}…` here"));
        assert_eq!(fault.hint.map(|hint| hint.chars().count()), Some(MESSAGE_MAX + 1));
    }

    #[test]
    fn what_is_not_utf8_has_a_place() {
        assert_eq!(utf8("ö = 1".as_bytes(), "t"), Ok("ö = 1"));
        let fault = utf8(b"a = 1\nb = \"\xc3\xb6\xff\"\n", "t").expect_err("it is wrong");
        assert_eq!((fault.line, fault.column), (2, 7));
    }

    #[test]
    fn lines_are_found_alike_once_and_often() {
        let text = "a\n\nö\nb";
        let (once, gathered) = (Source::new(text, "t"), Gathered::default());
        let often = Source::gathering(text, "t", &gathered);
        for at in 0..=text.len() + 1 {
            let of = |source: Source<'_>| source.fault(at, String::new(), None);
            assert_eq!(of(once), of(often), "{at}");
        }
    }

    #[test]
    fn a_fault_counts_lines_and_characters() {
        let source = Source::new("a = 1\nö = \u{1f600} x", "t");
        let fault = source.fault(source.text.find('x').expect("there"), "m".into(), None);
        assert_eq!((fault.line, fault.column), (2, 7));
        assert_eq!(source.fault(0, "m".into(), None).line, 1);
        assert_eq!(source.fault(999, "m".into(), None).line, 2);
    }
}
