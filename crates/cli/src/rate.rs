//! How fast to send: `1000`, `10k`, `2.5M` packets a second, `10mbit`, or `max`.

use crate::args::BadValue;
use std::str::FromStr;
use std::time::Duration;

/// A sending rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Packets a second.
    Packets(f64),
    /// Bits a second, counted over whole IP datagrams.
    Bits(f64),
    /// As fast as the system takes them.
    Max,
}

/// The slowest packet rate: one in a thousand seconds.
const PACKETS_MIN: f64 = 0.001;

impl Rate {
    /// The time from one datagram of that size to the next; zero for [`Rate::Max`].
    pub fn gap(self, datagram_bytes: usize) -> Duration {
        match self {
            Rate::Packets(rate) => Duration::from_secs_f64(1.0 / rate.max(PACKETS_MIN)),
            Rate::Bits(rate) => {
                let packets = rate / (datagram_bytes.max(1) as f64 * 8.0);
                Rate::Packets(packets).gap(datagram_bytes)
            }
            Rate::Max => Duration::ZERO,
        }
    }
}

impl FromStr for Rate {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Rate, BadValue> {
        if text == "max" {
            return Ok(Rate::Max);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.to_ascii_lowercase();
        let (scale, is_bits) = match unit.as_str() {
            "" => (1.0, false),
            "k" => (1e3, false),
            "m" => (1e6, false),
            "bit" => (1.0, true),
            "kbit" => (1e3, true),
            "mbit" => (1e6, true),
            "gbit" => (1e9, true),
            _ => return Err(wrong()),
        };
        let value = number.parse::<f64>().map_err(|_| wrong())? * scale;
        if !value.is_finite() || value < PACKETS_MIN {
            return Err(wrong());
        }
        Ok(if is_bits { Rate::Bits(value) } else { Rate::Packets(value) })
    }
}

fn wrong() -> BadValue {
    BadValue {
        message: "not a rate".to_owned(),
        hint: "packets a second as in 500 or 10k, bits a second as in 10mbit, or max",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_bits_and_no_limit() {
        let gap = |text: &str| text.parse::<Rate>().expect("a rate").gap(125);
        assert_eq!(gap("1000"), Duration::from_millis(1));
        assert_eq!(gap("10k"), Duration::from_micros(100));
        assert_eq!(gap("0.5"), Duration::from_secs(2));
        assert_eq!(gap("2.5M"), Duration::from_nanos(400));
        assert_eq!(gap("10mbit"), Duration::from_micros(100));
        assert_eq!(gap("1Gbit"), Duration::from_micros(1));
        assert_eq!(gap("max"), Duration::ZERO);
        assert_eq!(gap("0.001bit"), Duration::from_secs(1000));
    }

    #[test]
    fn nothing_else() {
        for text in ["", "0", "-1", "k", "1.2.3", "10mb", "inf", "NaN", "1e3", "0.0001", "MAX "] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
