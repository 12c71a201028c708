//! TFTP packets (RFC 1350) and their options (RFC 2347): what UDP carries, without its header.
//!
//! Texts are bytes as they came; values of options are read by whoever knows the option.

use crate::{Malformed, be16};

/// The port at which servers are asked (RFC 1350 §4).
pub const PORT: u16 = 69;

/// The largest request, options included (RFC 2347, option acknowledgment specification).
pub const REQUEST_MAX_BYTES: usize = 512;

/// Operation code and block number before the data.
pub const DATA_HEADER_BYTES: usize = 4;

/// Bytes of a full block where none were agreed on (RFC 1350 §2).
pub const BLOCK_USUAL_BYTES: u16 = 512;

/// The smallest and the largest block that may be agreed on (RFC 2348).
pub const BLOCK_BYTES: std::ops::RangeInclusive<u16> = 8..=65_464;

/// Codes of error packets (RFC 1350 appendix, RFC 2347 for the last).
pub mod code {
    /// See the text.
    pub const NOT_DEFINED: u16 = 0;
    /// File not found.
    pub const NOT_FOUND: u16 = 1;
    /// Access violation.
    pub const ACCESS_VIOLATION: u16 = 2;
    /// Disk full or allocation exceeded.
    pub const DISK_FULL: u16 = 3;
    /// Illegal TFTP operation.
    pub const ILLEGAL_OPERATION: u16 = 4;
    /// Unknown transfer ID.
    pub const UNKNOWN_TRANSFER: u16 = 5;
    /// File already exists.
    pub const FILE_EXISTS: u16 = 6;
    /// No such user.
    pub const NO_SUCH_USER: u16 = 7;
    /// Option negotiation failed.
    pub const OPTIONS_REFUSED: u16 = 8;
}

/// Operation codes (RFC 1350 §5, RFC 2347).
mod operation {
    pub(super) const READ: u16 = 1;
    pub(super) const WRITE: u16 = 2;
    pub(super) const DATA: u16 = 3;
    pub(super) const ACKNOWLEDGMENT: u16 = 4;
    pub(super) const ERROR: u16 = 5;
    pub(super) const OPTION_ACKNOWLEDGMENT: u16 = 6;
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A file is wanted, or offered.
    Request {
        /// Whether the file is offered (WRQ) rather than wanted (RRQ).
        is_write: bool,
        /// The file's name; holds no NUL.
        file: &'a [u8],
        /// `netascii`, `octet` or `mail`, in any case; holds no NUL.
        mode: &'a [u8],
        /// Options that are asked for.
        options: Options<'a>,
    },
    /// A block of the file.
    Data {
        /// The block's number.
        block: u16,
        /// What stands in it; less than a full block is the last.
        payload: &'a [u8],
    },
    /// The blocks up to this one have come.
    Acknowledgment {
        /// The last block's number; 0 for a request.
        block: u16,
    },
    /// The transfer is over.
    Error {
        /// Why: see [`code`].
        code: u16,
        /// The same for people, up to the first NUL.
        message: &'a [u8],
    },
    /// These options are in force.
    OptionAcknowledgment {
        /// Options that are agreed to.
        options: Options<'a>,
    },
}

/// Options: names and values, each ended by NUL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a> {
    bytes: &'a [u8],
}

impl<'a> Options<'a> {
    /// Reads options.
    ///
    /// # Errors
    /// If a name or a value is cut, or a name has no value.
    pub fn parse(bytes: &'a [u8]) -> Result<Options<'a>, Malformed> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (_, behind) = text(rest)?;
            (_, rest) = text(behind)?;
        }
        Ok(Options { bytes })
    }

    /// Names and values in their order. Names mean the same in any case (RFC 2347).
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (name, behind) = text(rest).ok()?;
            let (value, behind) = text(behind).ok()?;
            rest = behind;
            Some((name, value))
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Appends an option; neither text may hold a NUL.
pub fn push_option(name: &str, value: &str, out: &mut Vec<u8>) {
    push_text(name.as_bytes(), out);
    push_text(value.as_bytes(), out);
}

/// The value of an option as a number, at most 20 decimal digits and nothing else.
pub fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

impl<'a> Packet<'a> {
    /// Parses a packet. An error's text may lack its NUL, as some servers send it, and what stands
    /// behind an acknowledgment is left out.
    ///
    /// # Errors
    /// If it is cut, or of an unknown operation.
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let rest = bytes.get(2..).unwrap_or_default();
        match be16(bytes, 0)? {
            operation @ (operation::READ | operation::WRITE) => {
                let (file, behind) = text(rest)?;
                let (mode, behind) = text(behind)?;
                let options = Options::parse(behind)?;
                let is_write = operation == operation::WRITE;
                Ok(Packet::Request { is_write, file, mode, options })
            }
            operation::DATA => {
                let block = be16(bytes, 2)?;
                let payload = bytes.get(DATA_HEADER_BYTES..).unwrap_or_default();
                Ok(Packet::Data { block, payload })
            }
            operation::ACKNOWLEDGMENT => Ok(Packet::Acknowledgment { block: be16(bytes, 2)? }),
            operation::ERROR => {
                let code = be16(bytes, 2)?;
                let message = bytes.get(4..).unwrap_or_default();
                let message = message.split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(Packet::Error { code, message })
            }
            operation::OPTION_ACKNOWLEDGMENT => {
                Ok(Packet::OptionAcknowledgment { options: Options::parse(rest)? })
            }
            _ => Err(Malformed::Value(0)),
        }
    }

    /// Appends the packet to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let mut head = |operation: u16| out.extend_from_slice(&operation.to_be_bytes());
        match *self {
            Packet::Request { is_write, file, mode, options } => {
                head(if is_write { operation::WRITE } else { operation::READ });
                push_text(file, out);
                push_text(mode, out);
                out.extend_from_slice(options.bytes);
            }
            Packet::Data { block, payload } => {
                head(operation::DATA);
                out.extend_from_slice(&block.to_be_bytes());
                out.extend_from_slice(payload);
            }
            Packet::Acknowledgment { block } => {
                head(operation::ACKNOWLEDGMENT);
                out.extend_from_slice(&block.to_be_bytes());
            }
            Packet::Error { code, message } => {
                head(operation::ERROR);
                out.extend_from_slice(&code.to_be_bytes());
                push_text(message, out);
            }
            Packet::OptionAcknowledgment { options } => {
                head(operation::OPTION_ACKNOWLEDGMENT);
                out.extend_from_slice(options.bytes);
            }
        }
    }
}

/// The text up to the next NUL, and what stands behind that.
fn text(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = bytes.iter().position(|byte| *byte == 0);
    let end = end.ok_or(Malformed::Truncated { needed: bytes.len() + 1, got: bytes.len() })?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted(packet: &Packet<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        packet.emit(&mut out);
        out
    }

    /// The layouts as the figures of RFC 1350 §5 and RFC 2347 to 2349 draw them.
    #[test]
    fn packets_stand_as_the_figures_draw_them() {
        let mut options = Vec::new();
        push_option("tsize", "0", &mut options);
        push_option("blksize", "1428", &mut options);
        let options = Options::parse(&options).expect("two options");
        for (packet, bytes) in [
            (
                Packet::Request { is_write: false, file: b"foobar", mode: b"octet", options },
                &b"\0\x01foobar\0octet\0tsize\x000\0blksize\x001428\0"[..],
            ),
            (
                Packet::Request {
                    is_write: true,
                    file: b"f",
                    mode: b"netascii",
                    options: Options::default(),
                },
                b"\0\x02f\0netascii\0",
            ),
            (Packet::Data { block: 258, payload: b"ab" }, b"\0\x03\x01\x02ab"),
            (Packet::Data { block: 0, payload: b"" }, b"\0\x03\0\0"),
            (Packet::Acknowledgment { block: 65_535 }, b"\0\x04\xff\xff"),
            (Packet::Error { code: 1, message: b"no" }, b"\0\x05\0\x01no\0"),
            (Packet::OptionAcknowledgment { options }, b"\0\x06tsize\x000\0blksize\x001428\0"),
        ] {
            assert_eq!(emitted(&packet), bytes);
            assert_eq!(Packet::parse(bytes), Ok(packet));
        }
        let found: Vec<_> = options.iter().collect();
        assert_eq!(found, [(&b"tsize"[..], &b"0"[..]), (b"blksize", b"1428")]);
    }

    #[test]
    fn what_is_cut_or_unknown_is_refused() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\x01",
            b"\0\x01file",
            b"\0\x01file\0octet",
            b"\0\x01file\0octet\0tsize\0",
            b"\0\x01file\0octet\0tsize\x000",
            b"\0\x03\0",
            b"\0\x04\x01",
            b"\0\x05\0",
            b"\0\x06a\0",
        ] {
            let got = Packet::parse(bytes);
            assert!(matches!(got, Err(Malformed::Truncated { .. })), "{bytes:02x?}: {got:?}");
        }
        for bytes in [b"\0\0\0\0", b"\0\x07\0\0", b"\x01\x03\0\0"] {
            assert_eq!(Packet::parse(bytes), Err(Malformed::Value(0)), "{bytes:02x?}");
        }
    }

    #[test]
    fn an_error_without_its_nul_is_read() {
        let got = Packet::parse(b"\0\x05\0\x02denied");
        assert_eq!(got, Ok(Packet::Error { code: 2, message: b"denied" }));
    }

    #[test]
    fn numbers_are_digits_alone() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for value in [&b""[..], b"-1", b"+1", b" 1", b"1 ", b"0x1", b"18446744073709551616"] {
            assert_eq!(number(value), None, "{value:?}");
        }
    }
}
