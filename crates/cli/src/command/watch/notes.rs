//! What is said of a hop beside its figures, in English and in Chinese.

use crate::lang::Language;
use crate::meaning;
use crate::print::trace::words;
use probe::trace::Says;
use probe::trace::ledger::{HopSummary, Responder};
use probe::trace::limit::ReplyLimit;
use std::time::Duration;

/// With fewer probes decided, loss is never shown without how little that says.
const FEW: u64 = 50;

/// What is to be said of a hop, most important first. `intervals` asks for that of each loss.
pub fn notes(
    hop: &HopSummary,
    responders: &[&Responder],
    intervals: bool,
    language: Language,
) -> Vec<String> {
    let mut notes = Vec::new();
    let refused = responders.iter().find_map(|it| refusal(it.says, language));
    notes.extend(refused);
    if let Some(limit) = hop.limit {
        notes.push(limits(limit, language));
    } else if hop.limited > 0 {
        notes.push(language.pick("limits its replies", "限制应答速率").to_owned());
    }
    let is_little = hop.lost > 0 && hop.answered + hop.lost < FEW;
    if let Some((low, high)) = hop.loss_interval.filter(|_| intervals || is_little) {
        let range = format!("{:.1}-{:.1}%", low * 100.0, high * 100.0);
        notes.push(match language {
            Language::English => format!("true loss {range}"),
            Language::Chinese => format!("真实丢失率 {range}"),
        });
    }
    notes
}

/// Why somebody refused, if that is what is said.
pub fn refusal(says: Says, language: Language) -> Option<String> {
    let Says::Error { meaning, .. } = says else { return None };
    let mark = words::mark(says)?;
    (!says.is_arrival()).then(|| format!("{mark} {}", meaning::phrase(meaning, language)))
}

/// How a hop limits its replies.
pub fn limits(limit: ReplyLimit, language: Language) -> String {
    let ReplyLimit { interval, burst } = limit;
    let rate = rate(interval, language);
    match language {
        Language::English => format!("limits its replies: about {rate}, burst {burst}"),
        Language::Chinese => format!("限制应答速率：约{rate}，突发 {burst} 个"),
    }
}

fn rate(interval: Duration, language: Language) -> String {
    let seconds = interval.as_secs_f64().max(1e-9);
    let round = |value: f64| match value {
        value if (value - value.round()).abs() < 0.05 || value >= 20.0 => format!("{value:.0}"),
        value => format!("{value:.1}"),
    };
    match language {
        Language::English if seconds > 1.02 => format!("1 in {} s", round(seconds)),
        Language::English => format!("{}/s", round(1.0 / seconds)),
        Language::Chinese if seconds > 1.02 => format!(" {} 秒 1 个", round(seconds)),
        Language::Chinese => format!("每秒 {} 个", round(1.0 / seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_said_in_round_numbers() {
        let said = |ms, burst| {
            let interval = Duration::from_millis(ms);
            limits(ReplyLimit { interval, burst }, Language::English)
        };
        assert_eq!(said(1_000, 6), "limits its replies: about 1/s, burst 6");
        assert_eq!(said(500, 1), "limits its replies: about 2/s, burst 1");
        assert_eq!(said(10, 50), "limits its replies: about 100/s, burst 50");
        assert_eq!(said(2_500, 1), "limits its replies: about 1 in 2.5 s, burst 1");
    }
}
