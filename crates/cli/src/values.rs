//! Values of options that several commands take.

use crate::args::{BadValue, number};
use net::Access;

/// A byte.
///
/// # Errors
/// If it is none.
pub fn byte(text: &str) -> Result<u8, BadValue> {
    number(text, 255).map(|byte| byte as u8)
}

/// A hop limit that lets a packet leave.
///
/// # Errors
/// If it is none.
pub fn hops(text: &str) -> Result<u8, BadValue> {
    match byte(text)? {
        0 => Err(bad("no packet leaves with 0 hops", "1 to 255")),
        hops => Ok(hops),
    }
}

/// An identifier or a port.
///
/// # Errors
/// If it is none.
pub fn identifier(text: &str) -> Result<u16, BadValue> {
    number(text, 65_535).map(|id| id as u16)
}

/// A firewall mark.
///
/// # Errors
/// If it is none.
pub fn mark(text: &str) -> Result<u32, BadValue> {
    number(text, u32::MAX.into()).map(|mark| mark as u32)
}

/// Names of DSCP values: RFC 2474 §4.2.2, RFC 2597 §6, RFC 3246, RFC 5865, RFC 8622.
const DSCP: &[(&str, u8)] = &[
    ("df", 0),
    ("be", 0),
    ("le", 1),
    ("cs0", 0),
    ("cs1", 8),
    ("cs2", 16),
    ("cs3", 24),
    ("cs4", 32),
    ("cs5", 40),
    ("cs6", 48),
    ("cs7", 56),
    ("af11", 10),
    ("af12", 12),
    ("af13", 14),
    ("af21", 18),
    ("af22", 20),
    ("af23", 22),
    ("af31", 26),
    ("af32", 28),
    ("af33", 30),
    ("af41", 34),
    ("af42", 36),
    ("af43", 38),
    ("ef", 46),
    ("va", 44),
];

/// A DSCP, by number or by name.
///
/// # Errors
/// If it is none.
pub fn dscp(text: &str) -> Result<u8, BadValue> {
    let name = text.to_ascii_lowercase();
    match DSCP.iter().find(|(known, _)| *known == name) {
        Some((_, dscp)) => Ok(*dscp),
        None => number(text, 63)
            .map(|dscp| dscp as u8)
            .map_err(|_| bad("not a DSCP", "0 to 63, or be, le, ef, va, cs0-cs7, af11-af43")),
    }
}

/// Which sockets.
///
/// # Errors
/// If it is none.
pub fn access(text: &str) -> Result<Access, BadValue> {
    match text {
        "auto" => Ok(Access::Auto),
        "raw" => Ok(Access::Raw),
        "datagram" => Ok(Access::Datagram),
        _ => Err(bad("no such sockets", "auto, raw or datagram")),
    }
}

/// A value refused.
pub fn bad(message: &str, hint: &'static str) -> BadValue {
    BadValue { message: message.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dscp_has_names() {
        assert_eq!(dscp("EF"), Ok(46));
        assert_eq!(dscp("63"), Ok(63));
        assert!(dscp("64").is_err());
    }
}
