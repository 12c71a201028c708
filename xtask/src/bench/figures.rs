//! Reading figures out of what programs print, and writing them for people.

/// The middle one; the lower of two.
///
/// # Panics
/// If there is none.
pub fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// The least figure that at least that share of all does not exceed.
///
/// # Panics
/// If there is none.
pub fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The round trips in the lines of `ping`, in microseconds.
pub fn ping_times_us(said: &str) -> Vec<f64> {
    let times = said.lines().filter_map(|line| line.split_once(" time="));
    times.filter_map(|(_, rest)| Some(rest.split(' ').next()?.parse::<f64>().ok()? * 1e3)).collect()
}

/// The round trips of `fping -C`, in microseconds: `HOST : 0.05 0.04 -`.
pub fn fping_times_us(said: &str) -> Vec<f64> {
    let list = said.lines().find_map(|line| line.split_once(" : ")).map_or("", |(_, list)| list);
    list.split_whitespace().filter_map(|word| Some(word.parse::<f64>().ok()? * 1e3)).collect()
}

/// The last number that JSON lines give under a name.
pub fn json_number(said: &str, name: &str) -> Option<f64> {
    let key = format!("\"{name}\":");
    let (_, rest) = said.rsplit_once(&key)?;
    rest.split([',', '}', ']', '\n']).next()?.trim().parse().ok()
}

/// The number before a word: `before("65534 alive", "alive")`.
pub fn number_before(said: &str, word: &str) -> Option<f64> {
    let words: Vec<&str> = said.split_whitespace().collect();
    let at = words.iter().position(|found| *found == word)?;
    words[at.checked_sub(1)?].parse().ok()
}

/// Three significant digits, or all before the point.
pub fn shown(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => grouped(figure.round() as i64),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

fn grouped(whole: i64) -> String {
    let digits = whole.to_string();
    let start = digits.len() % 3;
    let mut text = digits[..start].to_owned();
    for at in (start..digits.len()).step_by(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text += &digits[at..at + 3];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_programs_print() {
        let ping = "PING x\n64 bytes from x: icmp_seq=1 ttl=64 time=0.020 ms\n\nrtt min = 1";
        assert_eq!(ping_times_us(ping), [20.0]);
        assert_eq!(fping_times_us("10.0.0.1 : 0.05 - 0.04\n"), [50.0, 40.0]);
        let json = "{\"type\":\"reply\",\"rtt_ns\":5}\n{\"rtt_ns_median\":7000,\"a\":{\"b\":1}}\n";
        assert_eq!(json_number(json, "rtt_ns_median"), Some(7_000.0));
        assert_eq!(json_number(json, "b"), Some(1.0));
        assert_eq!(json_number(json, "c"), None);
        assert_eq!(number_before("  65534 alive\n", "alive"), Some(65_534.0));
    }

    #[test]
    fn quantiles_are_figures_that_were_seen() {
        let figures: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((median(&figures), quantile(&figures, 0.99)), (50.0, 99.0));
        assert_eq!(median(&[3.0]), 3.0);
    }

    #[test]
    fn people_get_three_digits() {
        let shown_all = [1_234_567.0, 366_000.0, 123.4, 12.34, 1.234, 0.1234].map(shown);
        assert_eq!(shown_all, ["1,234,567", "366,000", "123", "12.3", "1.23", "0.123"]);
    }
}
