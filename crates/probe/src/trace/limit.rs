//! A router's reply limit, fitted from which probes it answered: a bucket of tokens that fills at a
//! constant rate, one token an answer, as RFC 4443 §2.4(f) recommends and Linux does it.

use crate::Time;
use std::time::Duration;

/// How a router limits its replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimit {
    /// From one answer to the next, once the burst is spent.
    pub interval: Duration,
    /// Answers at once, after a rest.
    pub burst: u32,
}

/// One probe that a router could have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    /// When it was sent; near enough to when the router decided.
    pub at: Time,
    /// Whether it was answered.
    pub is_answered: bool,
}

/// A limit, and which probes it explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    pub limit: ReplyLimit,
    /// By index, whether the limit says that there was no token.
    pub denied: Vec<bool>,
}

/// A fit must be so much likelier than loss at random: a factor of e to the power of this.
const EVIDENCE: f64 = 6.0;

/// How much the time at which a router decides varies around a probe's send.
const SLACK: f64 = 0.02;

/// The limit that explains the probes best, if one explains them much better than loss at random
/// does. The probes are in the order of the sends.
pub(super) fn fit(chances: &[Chance]) -> Option<Fit> {
    let answered = chances.iter().filter(|chance| chance.is_answered).count();
    if answered == 0 || answered == chances.len() {
        return None;
    }
    let by_chance = log_likelihood(chances.len() - answered, chances.len());
    let mut best: Option<(ReplyLimit, f64)> = None;
    let mut least = chances.len() + 1;
    for interval in intervals(chances) {
        for (burst, tokens) in bursts(chances, interval) {
            let limit = ReplyLimit { interval, burst };
            // What is no better than the best is not gone through to its end.
            let replayed = replay(chances, limit, tokens).zip(chances);
            let wrong = replayed.filter(|(no, chance)| *no == chance.is_answered);
            let wrong = wrong.take(least).count();
            if wrong < least {
                least = wrong;
                best = Some((limit, tokens));
            }
        }
    }
    let (limit, tokens) = best?;
    let by_limit = log_likelihood(least, chances.len());
    let denied = || replay(chances, limit, tokens).collect();
    (by_limit > by_chance + EVIDENCE).then(|| Fit { limit, denied: denied() })
}

/// How likely the best guess of one rate makes `odd` of `all` independent events, as a logarithm.
fn log_likelihood(odd: usize, all: usize) -> f64 {
    // Half an event more than were seen (Krichevsky and Trofimov, 1981): what was never seen may
    // still happen.
    let rate = (odd as f64 + 0.5) / (all as f64 + 1.0);
    odd as f64 * rate.ln() + (all - odd) as f64 * (1.0 - rate).ln()
}

/// Spans that may lie between two tokens: what passed between two answers with silence between
/// them, from the shortest on, and their mean.
fn intervals(chances: &[Chance]) -> Vec<Duration> {
    let mut gaps = Vec::new();
    let mut last_answer: Option<(usize, Time)> = None;
    for (index, chance) in chances.iter().enumerate().filter(|(_, chance)| chance.is_answered) {
        if let Some((before, at)) = last_answer
            && index > before + 1
        {
            gaps.push(chance.at.since(at));
        }
        last_answer = Some((index, chance.at));
    }
    if gaps.is_empty() {
        // One burst and then silence: as slow as the silence shows at least.
        let first = chances.iter().find(|chance| !chance.is_answered).map(|chance| chance.at);
        let last = chances.last().map(|chance| chance.at);
        gaps.extend(first.zip(last).map(|(first, last)| last.since(first) * 2));
    }
    gaps.sort_unstable();
    let mean = gaps.iter().sum::<Duration>() / gaps.len().max(1) as u32;
    // A token may have waited for the next probe, so that a gap is a little too long.
    let step = steps(chances);
    let spans: Vec<Duration> = [gaps.first(), gaps.get(gaps.len() / 2), gaps.last()]
        .into_iter()
        .flatten()
        .copied()
        .chain([mean])
        .chain(since_burst(chances))
        .flat_map(|gap| [gap, gap.saturating_sub(step / 2), gap.saturating_sub(step)])
        .filter(|gap| !gap.is_zero())
        .collect();
    // Of equally good ones the roundest, since people set limits.
    let mut all: Vec<Duration> = spans.iter().copied().map(rounded).chain(spans.clone()).collect();
    let mut seen = Vec::with_capacity(all.len());
    all.retain(|span| {
        !seen.contains(span) && {
            seen.push(*span);
            true
        }
    });
    all
}

/// The span between tokens if the bucket was full at the first probe: what came after the burst
/// came in steps of it since then, for the bucket filled during the burst, too.
fn since_burst(chances: &[Chance]) -> Option<Duration> {
    let run = chances.iter().take_while(|chance| chance.is_answered).count();
    let answers: Vec<Time> =
        chances.iter().filter(|chance| chance.is_answered).map(|chance| chance.at).collect();
    let later = u32::try_from(answers.len() - run).ok().filter(|later| *later > 0)?;
    (run > 0).then(|| answers[answers.len() - 1].since(answers[0]) / later)
}

/// The median span from one probe to the next.
fn steps(chances: &[Chance]) -> Duration {
    let mut steps: Vec<Duration> =
        chances.windows(2).map(|pair| pair[1].at.since(pair[0].at)).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or_default()
}

/// The nearest span of one or two digits.
fn rounded(span: Duration) -> Duration {
    let seconds = span.as_secs_f64();
    let magnitude = 10f64.powf(seconds.log10().floor() - 1.0) * 5.0;
    Duration::try_from_secs_f64((seconds / magnitude).round() * magnitude).unwrap_or(span)
}

/// Bursts to try with an interval, each with the tokens that are there at first.
fn bursts(chances: &[Chance], interval: Duration) -> Vec<(u32, f64)> {
    let run = chances.iter().take_while(|chance| chance.is_answered).count() as u32;
    let longest = chances.split(|chance| !chance.is_answered).map(<[Chance]>::len).max();
    let longest = longest.unwrap_or(1) as u32;
    // While the first run was answered, tokens came in.
    let spent = chances.get(run.saturating_sub(1) as usize).zip(chances.first());
    let spent = spent.map_or(Duration::ZERO, |(last, first)| last.at.since(first.at));
    let refilled = (spent.as_secs_f64() / interval.as_secs_f64()) as u32;
    let drained = run.saturating_sub(refilled);
    // Or a token was under way, and came shortly before the first answer.
    let first = chances.iter().find(|chance| chance.is_answered).zip(chances.first());
    let waited = first.map_or(Duration::ZERO, |(answered, first)| answered.at.since(first.at));
    let waited = waited.saturating_sub(steps(chances) / 2);
    let pending = (1.0 - waited.as_secs_f64() / interval.as_secs_f64()).max(0.0);
    // Or others had drawn from the bucket, and what was left and the next token are seen.
    let after_run = chances.iter().skip(run as usize).find(|chance| chance.is_answered);
    let next = after_run.zip(chances.first()).map(|(next, first)| next.at.since(first.at));
    let next = next.map(|next| next.saturating_sub(steps(chances) / 2).as_secs_f64());
    let left = next.map_or(0.0, |next| f64::from(run + 1) - next / interval.as_secs_f64());
    let mut tries = Vec::new();
    for burst in [1, longest.saturating_sub(1), longest, longest + 1, run, drained, drained + 1] {
        let burst = burst.max(1);
        for tokens in [0.0, f64::from(run), f64::from(burst), pending, left.max(0.0)] {
            let once_more = (burst, tokens.min(f64::from(burst)));
            if !tries.contains(&once_more) {
                tries.push(once_more);
            }
        }
    }
    tries
}

/// For each probe, whether the bucket was empty.
fn replay(
    chances: &[Chance],
    limit: ReplyLimit,
    mut tokens: f64,
) -> impl Iterator<Item = bool> + '_ {
    let interval_ns = limit.interval.as_nanos() as f64;
    let mut last = chances.first().map_or(Time::ZERO, |chance| chance.at);
    chances.iter().map(move |chance| {
        tokens += chance.at.0.saturating_sub(last.0) as f64 / interval_ns;
        tokens = tokens.min(f64::from(limit.burst));
        last = chance.at;
        let is_denied = tokens < 1.0 - SLACK;
        if !is_denied {
            tokens = (tokens - 1.0).max(0.0);
        }
        is_denied
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix;

    /// What a Linux router answers: `burst` at once, then one an interval.
    fn limited(interval_ms: u64, burst: u32, step_ms: u64, count: u64) -> Vec<Chance> {
        let limit = ReplyLimit { interval: Duration::from_millis(interval_ms), burst };
        let at = |i| Time(i * step_ms * 1_000_000);
        let asked: Vec<Chance> =
            (0..count).map(|i| Chance { at: at(i), is_answered: false }).collect();
        let denied: Vec<bool> = replay(&asked, limit, f64::from(burst)).collect();
        let answer = |(chance, no): (Chance, bool)| Chance { is_answered: !no, ..chance };
        asked.into_iter().zip(denied).map(answer).collect()
    }

    #[test]
    fn the_usual_limits_are_found_and_explain_every_silence() {
        for (interval_ms, burst, step_ms, count) in [
            (1_000, 6, 100, 30),
            (1_000, 6, 100, 128),
            (1_000, 6, 33, 60),
            (500, 1, 100, 40),
            (100, 10, 10, 100),
            (1_000, 6, 500, 100),
        ] {
            let chances = limited(interval_ms, burst, step_ms, count);
            let fit = fit(&chances).expect("a limit");
            let silent = chances.iter().filter(|chance| !chance.is_answered).count();
            let explained = fit.denied.iter().filter(|denied| **denied).count();
            assert!(explained.abs_diff(silent) <= 1, "{interval_ms} {burst} {step_ms}: {fit:?}");
            let interval = fit.limit.interval.as_secs_f64() * 1_000.0;
            let off = (interval - interval_ms as f64).abs() / interval_ms as f64;
            assert!(off < 0.11, "{interval_ms} {burst} {step_ms}: {:?}", fit.limit);
        }
    }

    #[test]
    fn a_bucket_that_others_drew_from_is_found() {
        let text = "!!..!.........!.........!.....";
        let at = |i: usize| Time(i as u64 * 100_000_000);
        let chances: Vec<Chance> = text
            .bytes()
            .enumerate()
            .map(|(i, c)| Chance { at: at(i), is_answered: c == b'!' })
            .collect();
        let fit = fit(&chances).expect("a limit");
        assert_eq!(fit.limit.interval, Duration::from_secs(1));
        assert_eq!(fit.denied.iter().filter(|denied| **denied).count(), 25);
    }

    #[test]
    fn loss_at_random_is_no_limit() {
        let mut found = 0;
        for seed in 0..300 {
            let mut random = SplitMix::new(seed);
            let percent = 1 + random.next() % 60;
            let chances: Vec<Chance> = (0..100)
                .map(|i| Chance {
                    at: Time(i * 100_000_000),
                    is_answered: random.next() % 100 >= percent,
                })
                .collect();
            found += usize::from(fit(&chances).is_some());
        }
        assert!(found <= 3, "{found} of 300 taken for limits");
    }

    #[test]
    fn a_limit_is_found_through_some_loss() {
        for seed in 0..50 {
            let mut random = SplitMix::new(seed);
            let mut chances = limited(1_000, 6, 100, 100);
            for chance in &mut chances {
                chance.is_answered &= random.next() % 100 >= 3;
            }
            assert!(fit(&chances).is_some(), "seed {seed}");
        }
    }

    #[test]
    fn little_is_no_evidence() {
        let chances = |text: &str| -> Vec<Chance> {
            let at = |i: usize| Time(i as u64 * 100_000_000);
            let bytes = text.bytes().enumerate();
            bytes.map(|(i, c)| Chance { at: at(i), is_answered: c == b'!' }).collect()
        };
        for text in ["", "!", ".", "!..", "!!!.", "!!!!!", ".....", "!.!"] {
            assert_eq!(fit(&chances(text)), None, "{text}");
        }
    }
}
