//! DNS messages (RFC 1035 §4): questions and answers. EDNS, updates and transfers are left out.

use crate::{Malformed, array, be16, be32};
use core::fmt;
use std::net::IpAddr;

/// Types of records (RFC 1035 §3.2.2, RFC 3596 §2.1).
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// Another name for this one.
    pub const CNAME: u16 = 5;
    /// The name that an address stands for.
    pub const PTR: u16 = 12;
    /// Text.
    pub const TXT: u16 = 16;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
}

/// The class of the Internet (RFC 1035 §3.2.4).
pub const INTERNET: u16 = 1;

/// Response codes (RFC 1035 §4.1.1).
pub mod code {
    /// All is well, whether there are answers or not.
    pub const NO_ERROR: u8 = 0;
    /// There is no such name.
    pub const NAME_ERROR: u8 = 3;
}

/// The most bytes of a name on the wire, lengths and root included (RFC 1035 §2.3.4).
pub const NAME_MAX_BYTES: usize = 255;

/// A name has no more labels than this, and none needs a pointer for each more than once.
const JUMPS_MAX: usize = NAME_MAX_BYTES / 2;

const HEADER_BYTES: usize = 12;
const LABEL_MAX_BYTES: usize = 63;

/// What stands before questions and records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Copied from a question into its answer.
    pub id: u16,
    /// Whether this is an answer.
    pub is_response: bool,
    /// What is asked for; 0 is a plain question.
    pub operation: u8,
    /// Whether there was more than fitted.
    pub is_truncated: bool,
    /// Whether the server should ask others in turn.
    pub wants_recursion: bool,
    /// How it went: see [`code`].
    pub response_code: u8,
    /// How many questions follow.
    pub questions: u16,
    /// How many answers follow them.
    pub answers: u16,
}

/// A message, read where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its header. Whether as much follows as it says is seen by those who read on.
    pub header: Header,
    bytes: &'a [u8],
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Of which name.
    pub name: Name<'a>,
    /// Records of this type.
    pub kind: u16,
    /// In this class; in multicast DNS the highest bit is something else (RFC 6762 §5.4).
    pub class: u16,
}

/// What is said of a name.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Of which name.
    pub name: Name<'a>,
    /// Its type.
    pub kind: u16,
    /// Its class; in multicast DNS the highest bit is something else (RFC 6762 §10.2).
    pub class: u16,
    /// For how many seconds it may be kept.
    pub lifetime_s: u32,
    /// What it says, by type. Types are read alike in every class.
    pub content: Content<'a>,
}

/// What a record says.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// An address: A, AAAA.
    Address(IpAddr),
    /// A name: CNAME, PTR.
    Name(Name<'a>),
    /// Text: TXT.
    Text(Text<'a>),
    /// Anything else, as it stands.
    Other(&'a [u8]),
}

/// Strings of up to 255 bytes each, which mostly belong together (RFC 1035 §3.3.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(&'a [u8]);

/// A name, whose labels may lie anywhere before in its message (RFC 1035 §4.1.4).
#[derive(Clone, Copy)]
pub struct Name<'a> {
    message: &'a [u8],
    start: usize,
}

impl Header {
    /// Parses a header.
    ///
    /// # Errors
    /// If it is cut.
    pub fn parse(bytes: &[u8]) -> Result<Header, Malformed> {
        let [i0, i1, high, low, q0, q1, a0, a1, ..]: [u8; HEADER_BYTES] = array(bytes, 0)?;
        Ok(Header {
            id: u16::from_be_bytes([i0, i1]),
            is_response: high & 0x80 != 0,
            operation: high >> 3 & 0xf,
            is_truncated: high & 2 != 0,
            wants_recursion: high & 1 != 0,
            response_code: low & 0xf,
            questions: u16::from_be_bytes([q0, q1]),
            answers: u16::from_be_bytes([a0, a1]),
        })
    }

    /// Appends it, without authority and additional records.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let high = u8::from(self.is_response) << 7
            | (self.operation & 0xf) << 3
            | u8::from(self.is_truncated) << 1
            | u8::from(self.wants_recursion);
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&[high, self.response_code & 0xf]);
        for count in [self.questions, self.answers, 0, 0] {
            out.extend_from_slice(&count.to_be_bytes());
        }
    }
}

impl<'a> Message<'a> {
    /// Parses the header; questions and records are parsed as they are asked for.
    ///
    /// # Errors
    /// If the header is cut.
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, Malformed> {
        Ok(Message { header: Header::parse(bytes)?, bytes })
    }

    /// Its questions, up to the first that is malformed.
    pub fn questions(&self) -> impl Iterator<Item = Result<Question<'a>, Malformed>> + use<'a> {
        let bytes = self.bytes;
        Entries { left: self.header.questions, at: Ok(HEADER_BYTES), parse: question, bytes }
    }

    /// Its answers, up to the first that is malformed.
    pub fn answers(&self) -> impl Iterator<Item = Result<Record<'a>, Malformed>> + use<'a> {
        let bytes = self.bytes;
        let mut questions =
            Entries { left: self.header.questions, at: Ok(HEADER_BYTES), parse: question, bytes };
        let fault = questions.by_ref().find_map(Result::err);
        let (left, at) = match fault {
            // One entry, which is what is wrong.
            Some(fault) => (1, Err(fault)),
            None => (self.header.answers, questions.at),
        };
        Entries { left, at, parse: record, bytes }
    }
}

/// Entries one behind another.
struct Entries<'a, T> {
    bytes: &'a [u8],
    at: Result<usize, Malformed>,
    left: u16,
    parse: fn(&'a [u8], usize) -> Parsed<T>,
}

/// Something, and where it ends.
type Parsed<T> = Result<(T, usize), Malformed>;

impl<T> Iterator for Entries<'_, T> {
    type Item = Result<T, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        match self.at.and_then(|at| (self.parse)(self.bytes, at)) {
            Ok((entry, behind)) => {
                self.at = Ok(behind);
                Some(Ok(entry))
            }
            Err(fault) => {
                self.left = 0;
                Some(Err(fault))
            }
        }
    }
}

fn question(message: &[u8], at: usize) -> Parsed<Question<'_>> {
    let (name, at) = Name::parse(message, at)?;
    let question = Question { name, kind: be16(message, at)?, class: be16(message, at + 2)? };
    Ok((question, at + 4))
}

fn record(message: &[u8], at: usize) -> Parsed<Record<'_>> {
    let (name, at) = Name::parse(message, at)?;
    let kind = be16(message, at)?;
    let class = be16(message, at + 2)?;
    let lifetime_s = be32(message, at + 4)?;
    let start = at + 10;
    let end = start + usize::from(be16(message, at + 8)?);
    let got = message.len();
    let bytes = message.get(start..end).ok_or(Malformed::Truncated { needed: end, got })?;
    let wrong = Malformed::Value(start);
    let content = match kind {
        kind::A => Content::Address(<[u8; 4]>::try_from(bytes).map_err(|_| wrong)?.into()),
        kind::AAAA => Content::Address(<[u8; 16]>::try_from(bytes).map_err(|_| wrong)?.into()),
        kind::CNAME | kind::PTR => match Name::parse(message, start)? {
            (name, behind) if behind == end => Content::Name(name),
            _ => return Err(wrong),
        },
        kind::TXT => Content::Text(Text::parse(bytes).ok_or(wrong)?),
        _ => Content::Other(bytes),
    };
    Ok((Record { name, kind, class, lifetime_s, content }, end))
}

impl<'a> Text<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Text<'a>> {
        let mut rest = bytes;
        while let Some((length, behind)) = rest.split_first() {
            rest = behind.get(usize::from(*length)..)?;
        }
        Some(Text(bytes))
    }

    /// Its strings in order: any bytes.
    pub fn strings(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (string, behind) = behind.split_at_checked(usize::from(*length))?;
            rest = behind;
            Some(string)
        })
    }
}

impl<'a> Name<'a> {
    /// Parses the name at `start`, and says where in the message it ends. A pointer leads to before
    /// the labels that it follows, so that every name ends.
    ///
    /// # Errors
    /// If it is cut, longer than allowed, or its pointers lead nowhere.
    pub fn parse(message: &'a [u8], start: usize) -> Result<(Name<'a>, usize), Malformed> {
        let (mut at, mut from, mut end) = (start, start, None);
        let (mut bytes, mut jumps) = (0, 0);
        loop {
            match piece(message, at)? {
                Piece::Root => break,
                Piece::Label(label) => {
                    at += 1 + label.len();
                    bytes += 1 + label.len();
                }
                Piece::Pointer(to) => {
                    end = end.or(Some(at + 2));
                    jumps += 1;
                    if to >= from || jumps > JUMPS_MAX {
                        return Err(Malformed::Value(at));
                    }
                    (at, from) = (to, to);
                }
            }
            if bytes >= NAME_MAX_BYTES {
                return Err(Malformed::HeaderLength(bytes));
            }
        }
        Ok((Name { message, start }, end.unwrap_or(at + 1)))
    }

    /// Its labels, the root left out: 1 to 63 bytes each, of any value.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let Name { message, start: mut at } = *self;
        core::iter::from_fn(move || {
            loop {
                match piece(message, at).ok()? {
                    Piece::Root => return None,
                    Piece::Pointer(to) => at = to,
                    Piece::Label(label) => {
                        at += 1 + label.len();
                        return Some(label);
                    }
                }
            }
        })
    }

    /// Whether it is the name with this text, in letters of either case (RFC 4343 §3).
    pub fn is(&self, text: &str) -> bool {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wanted = text.as_bytes().split(|byte| *byte == b'.').filter(|it| !it.is_empty());
        let mut labels = self.labels();
        loop {
            match (labels.next(), wanted.next()) {
                (None, None) => return true,
                (Some(label), Some(want)) if label.eq_ignore_ascii_case(want) => {}
                _ => return false,
            }
        }
    }
}

impl PartialEq for Name<'_> {
    /// In letters of either case (RFC 4343 §3).
    fn eq(&self, other: &Self) -> bool {
        let mut others = other.labels();
        let mut same = self.labels().map(|label| Some(label).zip(others.next()));
        let is_same = same.all(|pair| pair.is_some_and(|(a, b)| a.eq_ignore_ascii_case(b)));
        is_same && others.next().is_none()
    }
}

impl Eq for Name<'_> {}

impl fmt::Display for Name<'_> {
    /// As zone files have it (RFC 1035 §5.1), without the last dot: what is not plain ASCII as
    /// `\DDD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            for byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                    0x21..=0x7e => write!(f, "{}", char::from(*byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

enum Piece<'a> {
    Root,
    Label(&'a [u8]),
    Pointer(usize),
}

fn piece(message: &[u8], at: usize) -> Result<Piece<'_>, Malformed> {
    let [length] = array(message, at)?;
    match length {
        0 => Ok(Piece::Root),
        1..=63 => {
            let end = at + 1 + usize::from(length);
            let cut = Malformed::Truncated { needed: end, got: message.len() };
            message.get(at + 1..end).map(Piece::Label).ok_or(cut)
        }
        0xc0.. => Ok(Piece::Pointer(usize::from(be16(message, at)? & 0x3fff))),
        // Reserved (RFC 1035 §4.1.4).
        _ => Err(Malformed::Value(at)),
    }
}

/// Appends a name, given with dots between its labels and perhaps behind the last.
///
/// # Errors
/// If a label is empty or too long, or the whole name is.
pub fn emit_name(text: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let start = out.len();
    for label in text.strip_suffix('.').unwrap_or(text).split('.') {
        let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        if label.is_empty() || label.len() > LABEL_MAX_BYTES {
            out.truncate(start);
            return Err(Malformed::HeaderLength(label.len()));
        }
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    let bytes = out.len() - start;
    if bytes > NAME_MAX_BYTES {
        out.truncate(start);
        return Err(Malformed::HeaderLength(bytes));
    }
    Ok(())
}

/// Appends a question.
///
/// # Errors
/// If the name is none.
pub fn emit_question(
    name: &str,
    kind: u16,
    class: u16,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    emit_name(name, out)?;
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&class.to_be_bytes());
    Ok(())
}

/// An address as the name that is asked for in the zones that go by addresses: the octets backwards
/// (RFC 1035 §3.5), of IPv6 the hexadecimal digits (RFC 3596 §2.5). The zone is still to follow.
pub fn backwards(address: IpAddr) -> String {
    let labels: Vec<String> = match address {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => {
            let octets = v6.octets().into_iter().rev();
            octets.flat_map(|octet| [octet & 15, octet >> 4]).map(|it| format!("{it:x}")).collect()
        }
    };
    labels.join(".")
}

/// The name below which [`backwards`] has the names of addresses: `in-addr.arpa`, `ip6.arpa`.
pub fn reverse_zone(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str) -> Vec<u8> {
        let mut message = Vec::new();
        Header { id: 7, questions: 1, ..Header::default() }.emit(&mut message);
        emit_question(name, kind::TXT, INTERNET, &mut message).unwrap();
        message
    }

    /// An answer with these records, whose names may point to the question at byte 12.
    fn answered(name: &str, count: u16, records: &[u8]) -> Vec<u8> {
        let mut message = asked(name);
        message[2] |= 0x80;
        message[6..8].copy_from_slice(&count.to_be_bytes());
        message.extend_from_slice(records);
        message
    }

    #[test]
    fn a_question_reads_back_as_written() {
        let bytes = asked("1.2.0.192.Origin.example");
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.header.id, message.header.questions), (7, 1));
        let question = message.questions().next().unwrap().unwrap();
        assert_eq!(question.name.to_string(), "1.2.0.192.Origin.example");
        assert!(question.name.is("1.2.0.192.oRIGIN.example."));
        assert!(!question.name.is("1.2.0.192.origin"));
        assert!(!question.name.is("1.2.0.192.origin.example.com"));
        assert_eq!((question.kind, question.class), (kind::TXT, INTERNET));
        assert!(message.answers().next().is_none());
    }

    #[test]
    fn records_are_read_by_type() {
        let records = b"\xc0\x0c\0\x10\0\x01\0\0\x0e\x10\0\x08\x03abc\x00\x02de\
            \xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x01\
            \x03ptr\xc0\x0e\0\x0c\0\x01\0\0\0\0\0\x04\x01x\xc0\x0e\
            \xc0\x0c\0\x63\0\x01\0\0\0\0\0\x01\xff";
        let bytes = answered("a.example", 4, records);
        let message = Message::parse(&bytes).unwrap();
        let records: Vec<Record<'_>> = message.answers().map(Result::unwrap).collect();
        assert_eq!(records.len(), 4);
        let Content::Text(text) = records[0].content else { panic!("{records:?}") };
        let strings: Vec<&[u8]> = text.strings().collect();
        assert_eq!(strings, [&b"abc"[..], b"", b"de"]);
        assert_eq!(records[0].lifetime_s, 3_600);
        assert!(records[0].name.is("a.example"));
        let Content::Address(address) = records[1].content else { panic!("{records:?}") };
        assert_eq!(address.to_string(), "192.0.2.1");
        let Content::Name(name) = records[2].content else { panic!("{records:?}") };
        assert_eq!(
            (records[2].name.to_string(), name.to_string().as_str()),
            ("ptr.example".into(), "x.example")
        );
        assert!(matches!(records[3].content, Content::Other(b"\xff")));
    }

    #[test]
    fn what_is_cut_or_loops_is_an_error_and_the_last_thing_read() {
        for record in [
            // A name that points to itself, forward, and beyond the end; reserved bits.
            &b"\xc0\x1b\0\x10\0\x01\0\0\0\0\0\0"[..],
            b"\xc0\x1d\0\x10\0\x01\0\0\0\0\0\0",
            b"\xff\xff\0\x10\0\x01\0\0\0\0\0\0",
            b"\x80\0\0\x10\0\x01\0\0\0\0\0\0",
            // A label, and data, longer than what is there.
            b"\x3fx",
            b"\xc0\x0c\0\x10\0\x01\0\0\0\0\xff\xff\0",
            // Strings that do not fill their record; an address too long; a name that ends late.
            b"\xc0\x0c\0\x10\0\x01\0\0\0\0\0\x02\x02a",
            b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x05\x01\x02\x03\x04\x05",
            b"\xc0\x0c\0\x0c\0\x01\0\0\0\0\0\x01\x01a\0",
        ] {
            let bytes = answered("a.example", 3, record);
            let message = Message::parse(&bytes).unwrap();
            let all: Vec<_> = message.answers().collect();
            assert!(matches!(all[..], [Err(_)]), "{record:?}: {all:?}");
        }
        let bytes = asked("a.example");
        for length in 0..bytes.len() {
            let Ok(message) = Message::parse(&bytes[..length]) else { continue };
            assert!(message.questions().any(|it| it.is_err()), "{length}");
            assert!(message.answers().any(|it| it.is_err()), "{length}");
        }
    }

    #[test]
    fn names_are_as_long_as_allowed_and_no_longer() {
        let label = "a".repeat(63);
        let most = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        let bytes = asked(&most);
        let message = Message::parse(&bytes).unwrap();
        assert!(message.questions().next().unwrap().unwrap().name.is(&most));
        let mut out = vec![9];
        for text in [format!("{most}b"), "a..b".into(), String::new(), "c".repeat(64)] {
            assert!(emit_name(&text, &mut out).is_err(), "{text}");
            assert_eq!(out, [9]);
        }
        // By pointers, it could be longer.
        let record = [&b"\x01c\xc0\x0c"[..], b"\0\x10\0\x01\0\0\0\0\0\0"].concat();
        let bytes = answered(&most, 1, &record);
        assert!(Message::parse(&bytes).unwrap().answers().all(|it| it.is_err()));
    }

    #[test]
    fn what_is_not_plain_is_shown_in_digits() {
        let bytes = b"\x03a.b\x02\x1b\\\0";
        let (name, end) = Name::parse(bytes, 0).unwrap();
        assert_eq!((name.to_string().as_str(), end), (r"a\.b.\027\\", 8));
    }

    #[test]
    fn addresses_are_asked_for_backwards() {
        assert_eq!(backwards("192.0.2.7".parse().unwrap()), "7.2.0.192");
        let shown = backwards("2001:db8::1".parse().unwrap());
        assert!(shown.starts_with("1.0.0.0.") && shown.ends_with(".8.b.d.0.1.0.0.2"), "{shown}");
        assert_eq!(shown.len(), 63);
    }
}
