//! Target specifications: addresses, prefixes, ranges and names, as people write them on a command
//! line, in a file or on standard input. `docs/up.md` shows every form.

use crate::escape::escape;
use crate::failure::{Exit, Failure};
use probe::targets::{Target, Targets};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use wire::Family;
use wire::prefix::Prefix;

#[cfg(test)]
mod check;

/// The most addresses that one list holds: an IPv4 /8.
pub const MOST: u32 = 1 << 24;

/// The longest line that is read, in bytes, so that a device that never ends is not read for ever.
const LINE_MAX_BYTES: usize = 64 * 1024;

/// How specifications are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The only family that is wanted; literal addresses of the other one are refused.
    pub family: Option<Family>,
    /// Whether a prefix stands for its network and broadcast addresses too. IPv4 prefixes shorter
    /// than /31 leave them out otherwise; all others have neither (RFC 3021, RFC 4291).
    pub whole_prefixes: bool,
}

/// One specification, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Addresses that count up.
    Addresses {
        /// The first one.
        first: Target,
        /// How many, at least 1 and at most [`MOST`].
        count: u32,
    },
    /// A name to resolve.
    Name(String),
}

/// What is wrong with a specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong, the specification named.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

/// One entry of a [`List`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Addresses that count up: the first one and how many.
    Addresses(Target, u32),
    /// A name to resolve.
    Name(&'a str),
}

/// Everything that the user named, in that order. A prefix is as small as one address.
#[derive(Clone, Debug, Default)]
pub struct List {
    rules: Rules,
    addresses: Targets,
    /// Each with the number of addresses before it.
    names: Vec<(u32, Box<str>)>,
}

impl List {
    /// An empty list.
    pub fn new(rules: Rules) -> List {
        List { rules, ..List::default() }
    }

    /// Adds what one command-line argument says; `-` reads standard input.
    ///
    /// # Errors
    /// If it is no specification, or the list grows too long.
    pub fn argument(&mut self, text: &str) -> Result<(), Failure> {
        if text == "-" {
            return self.file(Path::new("-"));
        }
        self.add(text).map_err(|wrong| wrong.at(None))
    }

    /// Adds what a file says; `-` is standard input. Words are specifications, wherever the lines
    /// break; a word that starts with `#` makes the rest of its line a comment.
    ///
    /// # Errors
    /// If the file cannot be read, or a word of it is no specification; the failure names the line.
    pub fn file(&mut self, path: &Path) -> Result<(), Failure> {
        if path == Path::new("-") {
            return self.read("standard input", &mut io::stdin().lock());
        }
        let name = escape(&path.to_string_lossy());
        let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
        self.read(&name, &mut BufReader::with_capacity(64 * 1024, file))
    }

    /// Adds what a text says; `origin` is what failures call it.
    ///
    /// # Errors
    /// As [`List::file`].
    pub fn read(&mut self, origin: &str, text: &mut dyn BufRead) -> Result<(), Failure> {
        let mut line = Vec::new();
        let mut number = 0_u64;
        loop {
            line.clear();
            number += 1;
            let read = io::Read::take(&mut *text, LINE_MAX_BYTES as u64 + 1)
                .read_until(b'\n', &mut line)
                .map_err(|error| unreadable(origin, &error))?;
            if read == 0 {
                return Ok(());
            }
            self.line(&line, number == 1).map_err(|wrong| wrong.at(Some((origin, number))))?;
        }
    }

    /// How many addresses and names there are.
    pub fn len(&self) -> usize {
        self.addresses.len() as usize + self.names.len()
    }

    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The literal addresses, without the names.
    pub fn addresses(&self) -> &Targets {
        &self.addresses
    }

    /// The literal addresses alone, as their own list.
    pub fn into_addresses(self) -> Targets {
        self.addresses
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(_, name)| &**name)
    }

    /// Addresses and names in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut names = self.names.iter().peekable();
        let mut runs = self.addresses.runs();
        let mut run = runs.next();
        let mut passed = 0_u32;
        std::iter::from_fn(move || {
            if let Some((_, name)) = names.next_if(|(before, _)| *before == passed) {
                return Some(Entry::Name(name));
            }
            let (first, count) = run.take()?;
            let next_name = names.peek().map_or(u32::MAX, |(before, _)| *before);
            let taken = count.min(next_name - passed);
            passed += taken;
            run = match later(first.address, taken) {
                Some(address) if taken < count => {
                    Some((Target { address, ..first }, count - taken))
                }
                _ => runs.next(),
            };
            Some(Entry::Addresses(first, taken))
        })
    }

    fn line(&mut self, line: &[u8], is_first: bool) -> Result<(), Wrong> {
        if line.len() > LINE_MAX_BYTES {
            return Err(Wrong {
                message: format!("the line is longer than {LINE_MAX_BYTES} bytes"),
                hint: "one target a line is enough".into(),
            });
        }
        let text = std::str::from_utf8(line).map_err(|_| Wrong {
            message: "the line is not UTF-8 text".into(),
            hint: "a list of targets is plain text, one address, prefix, range or name a line"
                .into(),
        })?;
        let text = if is_first { text.trim_start_matches('\u{feff}') } else { text };
        text.split_ascii_whitespace()
            .take_while(|word| !word.starts_with('#'))
            .try_for_each(|word| self.add(word))
    }

    fn add(&mut self, text: &str) -> Result<(), Wrong> {
        let too_many = || Wrong {
            message: format!("{} makes more than {MOST} targets", escape(text)),
            hint: "ask in parts: an IPv4 /8 is the most that one run takes".into(),
        };
        match parse(text, self.rules)? {
            Spec::Addresses { first, count } => {
                if count > MOST - self.addresses.len() {
                    return Err(too_many());
                }
                self.addresses.push_consecutive(first, count).map_err(|_| too_many())?;
            }
            Spec::Name(name) => {
                if self.names.len() >= MOST as usize {
                    return Err(too_many());
                }
                self.names.push((self.addresses.len(), name.into()));
            }
        }
        Ok(())
    }
}

/// Reads one specification.
///
/// # Errors
/// If it is none, or one of more than [`MOST`] addresses.
pub fn parse(text: &str, rules: Rules) -> Result<Spec, Wrong> {
    if let Some((address, length)) = text.rsplit_once('/') {
        return prefix(text, address, length, rules);
    }
    if let Some(first) = address(text)? {
        return addresses(text, first, 1, rules);
    }
    if let Some((first, last)) = text.split_once('-')
        && let Some(first) = address(first)?
    {
        return range(text, first, last, rules);
    }
    name(text)
}

/// `address/length`, of which the address may be any of the prefix. A zone stands before the slash
/// (RFC 4007 §11.7).
fn prefix(text: &str, start: &str, length: &str, rules: Rules) -> Result<Spec, Wrong> {
    let Some(target) = address(start)? else {
        return Err(wrong(text, "is not a prefix", "192.0.2.0/24 and 2001:db8::/120 are prefixes"));
    };
    let bits: u8 = if target.address.is_ipv4() { 32 } else { 128 };
    let length = decimal(length).filter(|length| *length <= u32::from(bits)).ok_or_else(|| {
        wrong(text, &format!("needs a prefix length of 0 to {bits}"), "as in 192.0.2.0/24")
    })?;
    let host_bits = u32::from(bits) - length;
    if host_bits > 24 {
        let least = u32::from(bits) - 24;
        return Err(wrong(
            text,
            &format!("is too large a prefix to list: 2^{host_bits} addresses"),
            &format!("the shortest prefix that is taken is /{least}"),
        ));
    }
    let hosts = (1_u32 << host_bits) - 1;
    let network = Prefix::of(target.address, length as u8).first();
    let leaves_ends_out = bits == 32 && host_bits > 1 && !rules.whole_prefixes;
    let (first, count) = match later(network, 1) {
        Some(second) if leaves_ends_out => (second, hosts - 1),
        _ => (network, hosts + 1),
    };
    addresses(text, Target { address: first, ..target }, count, rules)
}

/// `first-last`, both included. `last` may be short: the last byte of an IPv4 address, the last
/// group of an IPv6 address.
fn range(text: &str, first: Target, last: &str, rules: Rules) -> Result<Spec, Wrong> {
    let bad_end = || {
        let hint = "as in 192.0.2.1-192.0.2.20, 192.0.2.1-20 or 2001:db8::1-2001:db8::ff";
        wrong(text, "is a range without a proper end", hint)
    };
    let end = match (short_end(first.address, last), address(last)?) {
        (Some(end), _) => end,
        (None, Some(end)) if end.zone == 0 || end.zone == first.zone => end.address,
        _ => return Err(bad_end()),
    };
    let span = match (first.address, end) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            u128::from(last.to_bits()).checked_sub(first.to_bits().into())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => last.to_bits().checked_sub(first.to_bits()),
        _ => {
            return Err(wrong(text, "mixes IPv4 and IPv6", "both ends of a range are of one kind"));
        }
    };
    let Some(span) = span else {
        return Err(wrong(text, "ends before it begins", "the smaller address comes first"));
    };
    match u32::try_from(span) {
        Ok(span) if span < MOST => addresses(text, first, span + 1, rules),
        _ => Err(wrong(
            text,
            &format!("is too large a range to list: more than {MOST} addresses"),
            "ask for a part of it",
        )),
    }
}

fn short_end(first: IpAddr, last: &str) -> Option<IpAddr> {
    match first {
        IpAddr::V4(first) => {
            let byte = u8::try_from(decimal(last)?).ok()?;
            Some(Ipv4Addr::from_bits(first.to_bits() & !0xff | u32::from(byte)).into())
        }
        IpAddr::V6(first) => {
            let is_group =
                matches!(last.len(), 1..=4) && last.bytes().all(|b| b.is_ascii_hexdigit());
            let group = u16::from_str_radix(last, 16).ok().filter(|_| is_group)?;
            Some(Ipv6Addr::from_bits(first.to_bits() & !0xffff | u128::from(group)).into())
        }
    }
}

fn addresses(text: &str, first: Target, count: u32, rules: Rules) -> Result<Spec, Wrong> {
    match (rules.family, Family::of(first.address)) {
        (Some(wanted), family) if wanted != family => Err(wrong(
            text,
            &format!("is {family}, and only {wanted} is asked for"),
            "leave out -4, -6 and what only one of them has, such as a source address",
        )),
        _ => Ok(Spec::Addresses { first, count }),
    }
}

/// An address, with an IPv6 zone as interface name or index; `None` if it looks like none.
fn address(text: &str) -> Result<Option<Target>, Wrong> {
    let Some((address, zone)) = text.split_once('%') else {
        return Ok(text.parse().ok().map(|address| Target { address, zone: 0 }));
    };
    let Ok(address) = address.parse::<Ipv6Addr>() else {
        return Ok(None);
    };
    // A zone that starts a range ends at the dash only if no interface has the whole as its name.
    let index = decimal(zone).filter(|index| *index > 0).or_else(|| net::interface_index(zone));
    match (index, zone.contains('-')) {
        (Some(zone), _) => Ok(Some(Target { address: address.into(), zone })),
        (None, true) => Ok(None),
        (None, false) => Err(wrong(
            text,
            "names a zone that is no interface of this host",
            "as in fe80::1%eth0; `ip link` lists the interfaces",
        )),
    }
}

/// A name that could stand in the DNS or in a hosts file.
fn name(text: &str) -> Result<Spec, Wrong> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let last_label = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let looks_numeric = !last_label.is_empty() && last_label.bytes().all(|b| b.is_ascii_digit());
    if text.contains(':') {
        return Err(wrong(text, "is not an IPv6 address", "as in 2001:db8::1 or fe80::1%eth0"));
    }
    // No top-level domain is all digits (RFC 3696 §2), so this was meant as an address.
    if looks_numeric {
        let hint = "as in 192.0.2.1, 192.0.2.0/24 or 192.0.2.1-20: four numbers of 0 to 255, \
                    without leading zeros";
        return Err(wrong(text, "is not an IPv4 address", hint));
    }
    let is_name = !last_label.is_empty()
        && text.len() <= 255
        && text.chars().all(is_plain)
        && !text.starts_with(['-', '.']);
    if !is_name {
        let hint = "a target is an address, a prefix, a range or a name";
        return Err(wrong(text, "is not a target", hint));
    }
    Ok(Spec::Name(text.to_owned()))
}

/// A decimal number without sign or leading zeros.
fn decimal(text: &str) -> Option<u32> {
    let is_plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

fn later(address: IpAddr, by: u32) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => Some(Ipv4Addr::from_bits(a.to_bits().checked_add(by)?).into()),
        IpAddr::V6(a) => Some(Ipv6Addr::from_bits(a.to_bits().checked_add(by.into())?).into()),
    }
}

/// What is quoted of a specification, in characters.
const QUOTED_MAX: usize = 80;

fn wrong(text: &str, what: &str, hint: &str) -> Wrong {
    let mut quoted: String = text.chars().take(QUOTED_MAX).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    let quoted = if quoted.is_empty() { "an empty target".into() } else { escape(&quoted) };
    Wrong { message: format!("{quoted} {what}"), hint: hint.into() }
}

fn unreadable(origin: &str, error: &io::Error) -> Failure {
    let is_usage = matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory
    );
    Failure {
        message: format!("cannot read targets from {origin}: {error}"),
        hint: None,
        exit: if is_usage { Exit::Usage } else { Exit::Failed },
    }
}

impl Wrong {
    /// The failure to tell the user, with file and line where it stands in one.
    fn at(self, place: Option<(&str, u64)>) -> Failure {
        let message = match place {
            Some((origin, line)) => format!("{origin}:{line}: {}", self.message),
            None => self.message,
        };
        Failure { message, hint: Some(self.hint), exit: Exit::Usage }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> String {
        shown(parse(text, Rules::default()))
    }

    fn shown(result: Result<Spec, Wrong>) -> String {
        match result {
            Ok(Spec::Addresses { first, count }) if first.zone != 0 => {
                format!("{}%{} x{count}", first.address, first.zone)
            }
            Ok(Spec::Addresses { first, count }) => format!("{} x{count}", first.address),
            Ok(Spec::Name(name)) => format!("name {name}"),
            Err(wrong) => wrong.message,
        }
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1 x1"),
            ("2001:DB8::1", "2001:db8::1 x1"),
            ("fe80::1%7", "fe80::1%7 x1"),
            ("fe80::%7/126", "fe80::%7 x4"),
            ("fe80::1%7-fe80::3", "fe80::1%7 x3"),
            ("192.0.2.77/24", "192.0.2.1 x254"),
            ("192.0.2.4/30", "192.0.2.5 x2"),
            ("192.0.2.4/31", "192.0.2.4 x2"),
            ("192.0.2.4/32", "192.0.2.4 x1"),
            ("10.9.8.7/8", "10.0.0.1 x16777214"),
            ("255.255.255.255/24", "255.255.255.1 x254"),
            ("2001:db8::42/120", "2001:db8:: x256"),
            ("2001:db8::1/128", "2001:db8::1 x1"),
            ("192.0.2.1-192.0.2.20", "192.0.2.1 x20"),
            ("192.0.2.1-20", "192.0.2.1 x20"),
            ("192.0.2.9-9", "192.0.2.9 x1"),
            ("2001:db8::1-2001:db8::ff", "2001:db8::1 x255"),
            ("2001:db8::1-ff", "2001:db8::1 x255"),
            ("router-1.example", "name router-1.example"),
            ("_gateway", "name _gateway"),
            ("bücher.example.", "name bücher.example."),
            ("2-1.example", "name 2-1.example"),
        ] {
            assert_eq!(spec(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("", "an empty target is not a target"),
            ("192.0.2.300", "192.0.2.300 is not an IPv4 address"),
            ("192.0.2", "192.0.2 is not an IPv4 address"),
            ("192.0.02.1", "192.0.02.1 is not an IPv4 address"),
            ("192.0.2.0/33", "192.0.2.0/33 needs a prefix length of 0 to 32"),
            ("192.0.2.0/+8", "192.0.2.0/+8 needs a prefix length of 0 to 32"),
            ("192.0.2.0/", "192.0.2.0/ needs a prefix length of 0 to 32"),
            ("2001:db8::/64", "2001:db8::/64 is too large a prefix to list: 2^64 addresses"),
            ("0.0.0.0/0", "0.0.0.0/0 is too large a prefix to list: 2^32 addresses"),
            ("::/0", "::/0 is too large a prefix to list: 2^128 addresses"),
            ("example.com/24", "example.com/24 is not a prefix"),
            ("192.0.2.9-1", "192.0.2.9-1 ends before it begins"),
            ("192.0.2.9-256", "192.0.2.9-256 is a range without a proper end"),
            ("192.0.2.9-", "192.0.2.9- is a range without a proper end"),
            ("192.0.2.9-2001:db8::1", "192.0.2.9-2001:db8::1 mixes IPv4 and IPv6"),
            (
                "::-::255:ffff",
                "::-::255:ffff is too large a range to list: more than 16777216 addresses",
            ),
            ("2001:db8:::1", "2001:db8:::1 is not an IPv6 address"),
            ("-x", "-x is not a target"),
            ("a b", "a b is not a target"),
            ("...", "... is not a target"),
        ] {
            assert_eq!(spec(text), expected, "{text}");
        }
    }

    #[test]
    fn one_family_refuses_the_other() {
        let rules = Rules { family: Some(Family::of(IpAddr::from([0; 16]))), ..Rules::default() };
        let said = shown(parse("192.0.2.0/24", rules));
        assert_eq!(said, "192.0.2.0/24 is IPv4, and only IPv6 is asked for");
        assert_eq!(shown(parse("2001:db8::1", rules)), "2001:db8::1 x1");
    }

    #[test]
    fn whole_prefixes_have_their_ends() {
        let rules = Rules { whole_prefixes: true, ..Rules::default() };
        assert_eq!(shown(parse("192.0.2.77/24", rules)), "192.0.2.0 x256");
        assert_eq!(shown(parse("255.255.255.255/24", rules)), "255.255.255.0 x256");
    }

    fn list(text: &str) -> Result<List, Failure> {
        let mut list = List::new(Rules::default());
        list.read("hosts.txt", &mut text.as_bytes())?;
        Ok(list)
    }

    #[test]
    fn a_file_has_comments_blank_lines_and_any_line_ends() {
        let text = "\u{feff}# ours\r\n\r\n192.0.2.1\r\n  192.0.2.2 b.example # two\n\t\n\
                    #192.0.2.9\n192.0.2.3/32\na.example";
        let list = list(text).expect("all are targets");
        let entries: Vec<String> = list
            .entries()
            .map(|entry| match entry {
                Entry::Addresses(first, count) => format!("{} x{count}", first.address),
                Entry::Name(name) => name.to_owned(),
            })
            .collect();
        assert_eq!(entries, ["192.0.2.1 x2", "b.example", "192.0.2.3 x1", "a.example"]);
        assert_eq!(list.len(), 5);
    }

    #[test]
    fn a_mistake_in_a_file_names_its_line() {
        let failure = list("192.0.2.1\n\n192.0.2.256\n").expect_err("256 is too much");
        assert_eq!(failure.message, "hosts.txt:3: 192.0.2.256 is not an IPv4 address");
        let failure = list("10.0.0.0/8\n192.0.2.1-4\n").expect_err("two more than fit");
        assert_eq!(failure.message, "hosts.txt:2: 192.0.2.1-4 makes more than 16777216 targets");
    }

    #[test]
    fn a_line_without_end_and_bytes_that_are_no_text_are_refused() {
        let mut list = List::new(Rules::default());
        let failure = list.read("x", &mut BufReader::new(io::repeat(b'1'))).expect_err("no end");
        assert_eq!(failure.message, "x:1: the line is longer than 65536 bytes");
        let failure = list.read("x", &mut &b"\xff\xfe\n"[..]).expect_err("not UTF-8");
        assert_eq!(failure.message, "x:1: the line is not UTF-8 text");
    }

    #[test]
    fn a_hundred_thousand_lines() {
        let text: String =
            (0..100_000_u32).map(|n| format!("{}\n", Ipv4Addr::from_bits(n * 7919))).collect();
        let list = list(&text).expect("all are addresses");
        assert_eq!(list.len(), 100_000);
        assert_eq!(list.addresses().at(99_999).address, Ipv4Addr::from_bits(99_999 * 7919));
    }

    #[test]
    fn every_list_of_the_corpus_is_refused_or_survives() {
        let lists = testbed::replay("spec", check::of);
        assert!(lists >= 10, "{lists} lists");
    }
}
