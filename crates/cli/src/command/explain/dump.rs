//! Bytes from text: plain hex, and the dumps of xxd, hexdump -C, tcpdump -x, -xx and -X, and
//! Wireshark, perhaps with other lines in between.

/// The most bytes of a packet, and the most bytes of text that are read.
pub const MOST_BYTES: usize = 65_536;

/// Digits that make a text hex where nothing else says so.
const DIGITS_MIN: usize = 8;

/// A packet as it was dumped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// The line at which it begins, from 1.
    pub line: usize,
    /// Its bytes, as far as they could be read.
    pub bytes: Vec<u8>,
    /// What is wrong with the dump; reading ends there.
    pub fault: Option<Fault>,
}

/// What is wrong with a dump, and how many bytes were read before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A character that is no hex digit, in a line (from 1).
    NotHex {
        /// Bytes before it.
        at: usize,
        /// The character.
        found: char,
        /// The line, from 1.
        line: usize,
    },
    /// A digit without its fellow.
    OddDigits {
        /// Bytes before it.
        at: usize,
    },
    /// The offset of a line is not what came before it.
    Gap {
        /// Bytes before it.
        at: usize,
        /// The offset that the line states.
        stated: usize,
        /// The line, from 1.
        line: usize,
    },
    /// More than a packet can have.
    TooLong,
}

/// The packets that a text dumps; none if it is no dump.
pub fn read(text: &str) -> Vec<Packet> {
    let by_offset = by_offset(text);
    if by_offset.is_empty() { plain(text) } else { by_offset }
}

/// Whether a line is part of a dump with offsets.
pub fn is_row(line: &str) -> bool {
    line.trim() == "*" || row(line).is_some()
}

/// A line that begins with an offset.
struct Row {
    offset: usize,
    /// Whether a colon behind the offset leaves no doubt that it is one.
    is_sure: bool,
    bytes: Vec<u8>,
    /// A character that is no digit, where one must stand.
    odd: Option<char>,
}

/// Reads dumps with offsets. An offset of 0 begins a packet.
fn by_offset(text: &str) -> Vec<Packet> {
    let mut packets: Vec<Packet> = Vec::new();
    let mut last_row = Vec::new();
    let mut repeats = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim() == "*" {
            repeats = !last_row.is_empty();
            continue;
        }
        let Some(row) = row(line) else { continue };
        if row.offset == 0 && !row.bytes.is_empty() {
            packets.push(Packet { line: index + 1, ..Packet::default() });
            repeats = false;
        }
        let Some(packet) = packets.last_mut().filter(|packet| packet.fault.is_none()) else {
            continue;
        };
        if std::mem::take(&mut repeats) && !last_row.is_empty() {
            let end = row.offset.min(MOST_BYTES);
            while packet.bytes.len() + last_row.len() <= end {
                packet.bytes.extend_from_slice(&last_row);
            }
        }
        let at = packet.bytes.len();
        if row.offset != at {
            if row.is_sure || !row.bytes.is_empty() {
                packet.fault = Some(Fault::Gap { at, stated: row.offset, line: index + 1 });
            }
            continue;
        }
        packet.bytes.extend_from_slice(&row.bytes);
        let at = packet.bytes.len();
        packet.fault = row.odd.map(|found| Fault::NotHex { at, found, line: index + 1 });
        if at > MOST_BYTES {
            packet.bytes.truncate(MOST_BYTES);
            packet.fault = Some(Fault::TooLong);
        }
        last_row = row.bytes;
    }
    packets
}

/// A line as a row of a dump.
fn row(line: &str) -> Option<Row> {
    let line = line.trim_start();
    let line = line.strip_prefix("0x").unwrap_or(line);
    let count = line.bytes().take_while(u8::is_ascii_hexdigit).count();
    if !(4..=8).contains(&count) {
        return None;
    }
    let (digits, rest) = line.split_at(count);
    let offset = usize::from_str_radix(digits, 16).ok()?;
    let (rest, is_sure) = match rest.strip_prefix(':') {
        Some(rest) => (rest, true),
        None if rest.starts_with("  ") || rest.starts_with('\t') => (rest, false),
        None => return None,
    };
    let (bytes, odd) = groups(rest);
    // Without a colon, only offsets of whole rows look like offsets.
    let looks_right = is_sure || offset.is_multiple_of(8) && !bytes.is_empty();
    looks_right.then_some(Row { offset, is_sure, bytes, odd })
}

/// The bytes of a row, up to its column of characters; and what stands where a digit must.
fn groups(mut rest: &str) -> (Vec<u8>, Option<char>) {
    let mut bytes = Vec::new();
    let mut width = 0;
    loop {
        let trimmed = rest.trim_start();
        let gap = &rest[..rest.len() - trimmed.len()];
        let spaces = gap.len() + gap.matches('\t').count();
        // hexdump -C leaves two spaces in the middle of a row.
        let is_middle = spaces == 2 && width == 2 && bytes.len() == 8;
        let token = trimmed.split(char::is_whitespace).next().unwrap_or_default();
        if token.is_empty() || token.starts_with('|') {
            return (bytes, None);
        }
        if spaces >= 2 && !bytes.is_empty() && !is_middle {
            return (bytes, None);
        }
        let is_hex = token.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !token.len().is_multiple_of(2) {
            let odd = token.chars().find(|c| !c.is_ascii_hexdigit());
            // A column of characters may follow closely; in the first group it cannot be one.
            return (bytes, odd.or(token.chars().next_back()).filter(|_| !is_middle));
        }
        bytes.extend(pairs(token.as_bytes()));
        width = token.len();
        rest = &trimmed[token.len()..];
    }
}

/// The bytes that an even number of digits spells.
fn pairs(digits: &[u8]) -> impl Iterator<Item = u8> {
    digits.as_chunks::<2>().0.iter().map(|[high, low]| nibble(*high) << 4 | nibble(*low))
}

/// The value of a hex digit; 0 for anything else.
fn nibble(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

/// Reads digits with nothing but separators in between; lines that begin with `#` are comments.
fn plain(text: &str) -> Vec<Packet> {
    let mut digits = Vec::new();
    let mut odd = None;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    for (index, line) in lines {
        let line = line.replace("0x", " ").replace("0X", " ").replace("\\x", " ");
        for found in line.chars() {
            match found {
                _ if found.is_ascii_hexdigit() => digits.push(found as u8),
                _ if found.is_whitespace() || ",:;{}[]()\"'-".contains(found) => {}
                _ => {
                    odd = odd.or(Some((digits.len(), found, index + 1)));
                }
            }
        }
    }
    let total = text.chars().filter(|c| c.is_alphanumeric()).count();
    let has_number = digits.iter().any(u8::is_ascii_digit);
    let begins = odd.is_none_or(|(before, ..)| before >= DIGITS_MIN);
    // Words have hex digits too, but few words have nothing else.
    let is_hex = odd.is_none() || has_number && begins && digits.len() * 10 >= total * 7;
    if digits.len() < DIGITS_MIN || !is_hex {
        return Vec::new();
    }
    let end = odd.map_or(digits.len(), |(before, ..)| before);
    let bytes: Vec<u8> = pairs(&digits[..end - end % 2]).take(MOST_BYTES).collect();
    let at = bytes.len();
    let fault = match odd {
        Some((_, found, line)) => Some(Fault::NotHex { at, found, line }),
        None if !end.is_multiple_of(2) => Some(Fault::OddDigits { at }),
        None => None,
    };
    vec![Packet { line: 1, bytes, fault }]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixteen bytes and four more.
    const BYTES: [u8; 20] =
        [0x45, 0, 0, 0x54, 0x12, 0x34, 0x40, 0, 0x40, 1, 0xab, 0xcd, 192, 0, 2, 1, 192, 0, 2, 0x41];

    #[track_caller]
    fn check(text: &str) {
        let wanted = BYTES.to_vec();
        let packets = read(text);
        let [packet] = packets.as_slice() else { panic!("{text}: {packets:?}") };
        assert_eq!((&packet.bytes, packet.fault), (&wanted, None), "{text}");
    }

    #[test]
    fn every_usual_form_is_read() {
        check("450000541234400040 01abcdc0000201c0000241");
        check("45:00:00:54:12:34:40:00:40:01:ab:cd:c0:00:02:01:c0:00:02:41\n");
        check(
            "{ 0x45, 0x00, 0x00, 0x54, 0x12,0x34,0x40,0x00,0x40,0x01,0xab,0xcd,\n\
             0xc0,0x00,0x02,0x01, 0xc0,0x00,0x02,0x41 };",
        );
        check(
            r"\x45\x00\x00\x54\x12\x34\x40\x00\x40\x01\xab\xcd\xc0\0\2\1"
                .replace(r"\0\2\1", r"\x00\x02\x01\xc0\x00\x02\x41")
                .as_str(),
        );
    }

    #[test]
    fn dumps_of_tools_are_read() {
        check(
            "00000000: 4500 0054 1234 4000 4001 abcd c000 0201  E..T.4@.@.......\n\
             00000010: c000 0241                                ...A\n",
        );
        check(
            "00000000  45 00 00 54 12 34 40 00  40 01 ab cd c0 00 02 01  |E..T.4@.@.......|\n\
             00000010  c0 00 02 41                                       |...A|\n00000014\n",
        );
        check(
            "12:00:00.000000 IP 192.0.2.1 > 192.0.2.65: ICMP echo reply, id 1, seq 1, length 64\n\
             \t0x0000:  4500 0054 1234 4000 4001 abcd c000 0201  E..T.4@.@.......\n\
             \t0x0010:  c000 0241                                ...A\n",
        );
        check(
            "0000   45 00 00 54 12 34 40 00 40 01 ab cd c0 00 02 01   E..T.4@.@.......\n\
             0010   c0 00 02 41                                       ...A\n",
        );
        check(
            "0000  45 00 00 54 12 34 40 00  40 01 ab cd c0 00 02 01   E..T.4@.@.......\n\
             0010  c0 00 02 41\n",
        );
    }

    #[test]
    fn repeated_rows_and_several_packets_are_read() {
        let zeros = "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |....|\n*\n\
                     00000030  01 02\n";
        let packets = read(zeros);
        assert_eq!(packets[0].bytes.len(), 50);
        let two = "0x0000:  4500 0054\nsome words\n0x0000:  6000 0000\n";
        assert_eq!(read(two).len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let fault = |text: &str| read(text)[0].fault;
        assert_eq!(fault("4500005412zz4000"), Some(Fault::NotHex { at: 5, found: 'z', line: 1 }));
        assert_eq!(fault("450000541"), Some(Fault::OddDigits { at: 4 }));
        assert_eq!(
            fault("0x0000:  4500 0054\n0x0020:  1234\n"),
            Some(Fault::Gap { at: 4, stated: 32, line: 2 })
        );
        assert_eq!(
            fault("0x0000:  4500 00g4 1234\n"),
            Some(Fault::NotHex { at: 2, found: 'g', line: 1 })
        );
    }

    #[test]
    fn words_are_no_hex() {
        for text in ["port unreachable", "dead", "3/4", "EHOSTUNREACH", "128", "!H !X", "", "1 4"] {
            assert_eq!(read(text), [], "{text}");
        }
    }
}
