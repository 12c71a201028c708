//! How the delays of both directions change while a run goes on. What is seen of a direction is
//! its delay and the offset of the clocks; the least that was seen stands for the undisturbed
//! delay, and what the offset grows by, the drift, is taken out once it is known.

/// By how much the delay of an answer's ways is above the least that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// From here to the target.
    pub forward_ns: u64,
    /// From the target to here.
    pub backward_ns: u64,
}

/// Spans of the run that are told apart; when there are more, each two become one.
const SPANS_MAX: usize = 64;

/// Spans that must be there before a drift is believed.
const SPANS_MIN: usize = 8;

/// How long a span is at first.
const SPAN_NS: u64 = 1_000_000_000;

/// A point of one direction's record: when and how much.
type Point = (f64, f64);

/// The least that was seen of each direction within a span.
#[derive(Clone, Copy, Debug)]
struct Least {
    span: u64,
    forward: Point,
    backward: Point,
}

/// What is remembered of a run, in bounded memory.
#[derive(Clone, Debug)]
pub struct Trend {
    span_ns: u64,
    spans: Vec<Least>,
}

impl Default for Trend {
    fn default() -> Trend {
        Trend { span_ns: SPAN_NS, spans: Vec::new() }
    }
}

impl Trend {
    /// Takes an answer: when it was asked for, and for each direction arrival less departure, each
    /// by the clock there.
    pub fn take(&mut self, at_ns: u64, forward_ns: i64, backward_ns: i64) -> Change {
        let at = at_ns as f64;
        let (forward, backward) = ((at, forward_ns as f64), (at, backward_ns as f64));
        let new = Least { span: at_ns / self.span_ns, forward, backward };
        match self.spans.iter_mut().find(|least| least.span == new.span) {
            Some(least) => least.merge(&new),
            None => self.spans.push(new),
        }
        if self.spans.len() > SPANS_MAX {
            self.merge_pairs();
        }
        let slope = self.slope().unwrap_or(0.0);
        let above = |point: Point, of: fn(&Least) -> Point, slope: f64| {
            let level = |(at, value): Point| value - slope * at;
            let least = self.spans.iter().map(|it| level(of(it))).fold(f64::INFINITY, f64::min);
            (level(point) - least).max(0.0).round() as u64
        };
        Change {
            forward_ns: above(forward, |it| it.forward, slope),
            backward_ns: above(backward, |it| it.backward, -slope),
        }
    }

    /// How fast the other clock gains on ours, parts per million; `None` while that is not known.
    pub fn drift_ppm(&self) -> Option<f64> {
        self.slope().map(|slope| slope * 1e6)
    }

    fn merge_pairs(&mut self) {
        self.span_ns = self.span_ns.saturating_mul(2);
        let mut merged: Vec<Least> = Vec::with_capacity(SPANS_MAX);
        for least in &self.spans {
            let least = Least { span: least.span / 2, ..*least };
            match merged.iter_mut().find(|it| it.span == least.span) {
                Some(it) => it.merge(&least),
                None => merged.push(least),
            }
        }
        self.spans = merged;
    }

    /// The slope of the line through the offsets of all spans (least squares), if it is more than
    /// three times its own standard error.
    fn slope(&self) -> Option<f64> {
        if self.spans.len() < SPANS_MIN {
            return None;
        }
        let points: Vec<Point> = self
            .spans
            .iter()
            .map(|it| {
                let ((t0, forward), (t1, backward)) = (it.forward, it.backward);
                (t0.midpoint(t1), (forward - backward) / 2.0)
            })
            .collect();
        let count = points.len() as f64;
        let mean = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (at, value) = (mean(|it| it.0), mean(|it| it.1));
        let spread: f64 = points.iter().map(|it| (it.0 - at).powi(2)).sum();
        let common: f64 = points.iter().map(|it| (it.0 - at) * (it.1 - value)).sum();
        if spread <= 0.0 {
            return None;
        }
        let slope = common / spread;
        let rest: f64 = points.iter().map(|it| (it.1 - value - slope * (it.0 - at)).powi(2)).sum();
        let error = (rest / (count - 2.0) / spread).sqrt();
        (slope.abs() > 3.0 * error && slope != 0.0).then_some(slope)
    }
}

impl Least {
    fn merge(&mut self, other: &Least) {
        if other.forward.1 < self.forward.1 {
            self.forward = other.forward;
        }
        if other.backward.1 < self.backward.1 {
            self.backward = other.backward;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn delays_are_above_the_least_in_their_direction() {
        let mut trend = Trend::default();
        trend.take(0, 5_000, 1_000);
        let change = trend.take(SECOND, 9_000, 1_500);
        assert_eq!(change, Change { forward_ns: 4_000, backward_ns: 500 });
        let change = trend.take(2 * SECOND, 4_000, 1_000);
        assert_eq!(change, Change { forward_ns: 0, backward_ns: 0 });
    }

    #[test]
    fn a_drift_is_no_delay() {
        let mut trend = Trend::default();
        // 50 ppm are 50,000 ns a second.
        for n in 0..200 {
            trend.take(n * SECOND, 50_000 * n as i64, -50_000 * n as i64);
        }
        let drift = trend.drift_ppm().expect("it is plain");
        assert!((drift - 50.0).abs() < 0.01, "{drift}");
        let change = trend.take(200 * SECOND, 50_000 * 200 + 7_000, -50_000 * 200);
        assert!(change.forward_ns.abs_diff(7_000) < 500, "{change:?}");
        assert!(change.backward_ns < 500, "{change:?}");
        assert!(trend.spans.len() <= SPANS_MAX);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut trend = Trend::default();
        for n in 0..100 {
            let value = if n % 2 == 0 { i64::MAX } else { i64::MIN };
            trend.take(n << 57, value, value);
        }
        trend.drift_ppm();
    }
}
