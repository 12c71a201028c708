//! The targets of a run and what they are called: from operands, a file, standard input, a prefix
//! or a range. A name costs its letters, an address that stands for itself nothing.

use super::options::{Leave, Naming, Options};
use crate::escape::escape;
use crate::resolve::{self, Resolved};
use crate::spec;
use probe::targets::{Target, Targets, TooMany};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use wire::Family;

/// Names that are looked up together.
const BATCH: usize = 4096;

/// The longest word of a file that can be a target, in bytes.
const WORD_MAX_BYTES: usize = 255;

/// How much of a line is looked at: the first word stands there.
const LINE_MAX_BYTES: u64 = 64 * 1024;

/// Where addresses and names come from: the system's resolver, or a lab.
pub trait Resolver {
    /// The addresses of names, in their order.
    fn forward(&self, names: &[String], family: Option<Family>) -> Vec<Resolved>;

    /// The name of an address, safe for a terminal.
    fn reverse(&self, address: IpAddr) -> Option<String>;
}

/// The targets in order, and what they are called.
#[derive(Debug, Default)]
pub struct Hosts {
    /// Their addresses.
    pub targets: Targets,
    /// What they are called.
    pub names: Names,
    /// How many names have no address.
    pub unknown: u32,
}

/// What the targets are called.
#[derive(Debug, Default)]
pub struct Names {
    /// What a target is shown as, where that is not its address.
    shown: Words,
    /// What the user called it, where that is not what it is shown as.
    given: Words,
}

/// Texts of some of the targets.
#[derive(Debug, Default)]
struct Words {
    /// Index of the target and where its text ends.
    ends: Vec<(u32, usize)>,
    text: String,
}

impl Words {
    /// Adds the text of a target; indexes count up.
    fn push(&mut self, index: u32, word: &str) {
        self.text.push_str(word);
        self.ends.push((index, self.text.len()));
    }

    fn at(&self, index: u32) -> Option<&str> {
        let at = self.ends.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        let start = if at == 0 { 0 } else { self.ends[at - 1].1 };
        Some(&self.text[start..self.ends[at].1])
    }
}

impl Hosts {
    /// Gathers what a command line names. `warn` is told of every name without an address.
    ///
    /// # Errors
    /// If the file cannot be read, the prefix or range is none, or there is nothing to probe.
    pub fn gather(
        options: &Options,
        resolver: &dyn Resolver,
        warn: &mut dyn FnMut(&str, &str),
    ) -> Result<Hosts, Leave> {
        let mut gathering =
            Gathering { options, resolver, warn, hosts: Hosts::default(), batch: Vec::new() };
        if options.generate {
            gathering.generate()?;
        } else if options.operands.is_empty() {
            let path = options.file.as_deref().unwrap_or(Path::new("-"));
            gathering.read(path)?;
        } else {
            for operand in &options.operands {
                gathering.name(operand.clone())?;
            }
        }
        gathering.resolve_batch()?;
        let hosts = gathering.hosts;
        match (hosts.targets.is_empty(), hosts.unknown) {
            (true, 0) => Err(Leave::silently(1)),
            (true, _) => Err(Leave::silently(2)),
            _ => Ok(hosts),
        }
    }

    fn push(&mut self, target: Target, given: &str, shown: &str) -> Result<(), TooMany> {
        let index = self.targets.push(target)?;
        let mut address = String::new();
        write!(address, "{}", target.address).expect("a string takes everything");
        if shown != address {
            self.names.shown.push(index, shown);
        }
        if given != shown {
            self.names.given.push(index, given);
        }
        Ok(())
    }
}

impl Names {
    /// Appends what the target of that index is shown as.
    pub fn show(&self, targets: &Targets, index: u32, out: &mut String) {
        match self.shown.at(index) {
            Some(word) => out.push_str(word),
            None => {
                write!(out, "{}", targets.at(index).address).expect("a string takes everything");
            }
        }
    }

    /// Appends the target's name for netdata: as given, but only letters and digits.
    pub fn show_key(&self, targets: &Targets, index: u32, out: &mut String) {
        let mut name = String::new();
        match self.given.at(index) {
            Some(word) => name.push_str(word),
            None => self.show(targets, index, &mut name),
        }
        let is_kept = |byte: u8| byte.is_ascii_alphanumeric();
        out.extend(name.bytes().map(|byte| if is_kept(byte) { char::from(byte) } else { '_' }));
    }

    /// The longest of the texts that targets are shown as, in bytes.
    pub fn width(&self, targets: &Targets) -> usize {
        let mut word = String::new();
        let widths = (0..targets.len()).map(|index| {
            word.clear();
            self.show(targets, index, &mut word);
            word.len()
        });
        widths.max().unwrap_or(0)
    }
}

/// Hosts while they are being gathered.
struct Gathering<'a> {
    options: &'a Options,
    resolver: &'a dyn Resolver,
    warn: &'a mut dyn FnMut(&str, &str),
    hosts: Hosts,
    /// Names that wait to be looked up together.
    batch: Vec<String>,
}

impl Gathering<'_> {
    fn name(&mut self, name: String) -> Result<(), Leave> {
        self.batch.push(name);
        if self.batch.len() >= BATCH { self.resolve_batch() } else { Ok(()) }
    }

    fn resolve_batch(&mut self) -> Result<(), Leave> {
        let names = std::mem::take(&mut self.batch);
        if names.is_empty() {
            return Ok(());
        }
        let results = self.resolver.forward(&names, self.options.family);
        for (name, result) in names.iter().zip(results) {
            match result {
                Ok(found) if self.options.all_addresses => {
                    for target in found {
                        self.add(name, target)?;
                    }
                }
                Ok(found) => match found.first() {
                    Some(first) => self.add(name, *first)?,
                    None => self.hosts.unknown += 1,
                },
                Err(unresolved) => {
                    self.hosts.unknown += 1;
                    (self.warn)(name, &unresolved.reason);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, target: Target) -> Result<(), Leave> {
        let shown = self.shown_as(name, target);
        self.hosts.push(target, name, &shown).map_err(|_| self.too_many())
    }

    /// What `-n`, `-d` and `-A` make of a name.
    fn shown_as(&self, name: &str, target: Target) -> String {
        let asks_back = match self.options.naming {
            Naming::AsGiven => false,
            Naming::AddressesByName => resolve::literal(name).is_some() || is_old_address(name),
            Naming::ByName => true,
        };
        let by_name = if asks_back {
            self.resolver.reverse(target.address).unwrap_or_else(|| address_text(target))
        } else {
            escape(name)
        };
        match (self.options.by_address, self.options.naming) {
            (false, _) => by_name,
            (true, Naming::AsGiven) => address_text(target),
            (true, _) => format!("{by_name} ({})", address_text(target)),
        }
    }

    /// The first word of each line; `#` starts a line that says nothing.
    fn read(&mut self, path: &Path) -> Result<(), Leave> {
        let cannot = |error: io::Error| {
            let reason = super::system_words(&error);
            Leave::with(4, format!("{}: fopen : {reason}", self.options.called))
        };
        let mut text: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            Box::new(BufReader::with_capacity(64 * 1024, File::open(path).map_err(cannot)?))
        };
        let mut line = Vec::new();
        let mut is_continued = false;
        loop {
            line.clear();
            // fping takes a file that breaks off for one that ends.
            let read = (&mut text).take(LINE_MAX_BYTES).read_until(b'\n', &mut line);
            if matches!(read, Ok(0) | Err(_)) {
                return Ok(());
            }
            let starts_line = !is_continued;
            is_continued = line.last() != Some(&b'\n');
            let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
            let word = line.split(is_space).find(|word| !word.is_empty()).unwrap_or_default();
            if !starts_line || word.is_empty() || word[0] == b'#' {
                continue;
            }
            if word.len() > WORD_MAX_BYTES {
                return Err(self.complain("target name too long"));
            }
            self.name(String::from_utf8_lossy(word).into_owned())?;
        }
    }

    /// `-g`: a prefix, or the first and the last address.
    fn generate(&mut self) -> Result<(), Leave> {
        match self.options.operands.as_slice() {
            [prefix] => {
                let Some((address, bits)) = prefix.rsplit_once('/') else {
                    return Err(self.options.usage_error());
                };
                let first = self.address(address, ", ")?;
                let (first, last) = self.prefix(first, bits)?;
                self.range(first, last, address)
            }
            [first, last] => {
                let from = self.address(first, ": ")?;
                let to = self.address(last, ": ")?;
                if Family::of(from.address) != Family::of(to.address) {
                    let reason = "Address family for hostname not supported";
                    return Err(self.complain(&format!("can't parse address {last}: {reason}")));
                }
                if from.zone != to.zone {
                    return Err(self.complain("different scopes for start and end addresses"));
                }
                self.range(from, bits_of(to.address), first)
            }
            _ => Err(self.options.usage_error()),
        }
    }

    /// A literal address of a wanted family; `mark` stands between the program's name and the
    /// complaint, which is not the same everywhere.
    fn address(&self, text: &str, mark: &str) -> Result<Target, Leave> {
        let wanted = self.options.family;
        let reason = match resolve::literal(text) {
            Some(target) if wanted.is_none_or(|family| family == Family::of(target.address)) => {
                return Ok(target);
            }
            Some(_) => "Address family for hostname not supported",
            None => "Name or service not known",
        };
        let called = &self.options.called;
        Err(Leave::with(1, format!("{called}{mark}can't parse address {text}: {reason}")))
    }

    /// First and last address of a prefix; those of an IPv4 network and its broadcast are left out.
    fn prefix(&self, inside: Target, bits: &str) -> Result<(Target, u128), Leave> {
        let (width, least) = match inside.address {
            IpAddr::V4(_) => (32, 1),
            IpAddr::V6(_) => (128, 65),
        };
        let length = super::number::integer(bits).unwrap_or(0);
        if !(least..=width).contains(&length) {
            let complaint = format!("netmask must be between {least} and {width} (is: {bits})");
            return Err(self.complain(&complaint));
        }
        let host_mask = match width - length {
            0 => 0,
            host_bits => u128::MAX >> (128 - host_bits),
        };
        let mut first = bits_of(inside.address) & !host_mask;
        let mut last = first | host_mask;
        if inside.address.is_ipv4() && length < 31 {
            first += 1;
            last -= 1;
        }
        Ok((Target { address: from_bits(first, inside.address), ..inside }, last))
    }

    /// All addresses from one to another; `text` is how the first was written, with its zone.
    fn range(&mut self, first: Target, last: u128, text: &str) -> Result<(), Leave> {
        let Some(more) = last.checked_sub(bits_of(first.address)) else { return Ok(()) };
        let count = u32::try_from(more).ok().and_then(|more| more.checked_add(1));
        let Some(count) = count.filter(|&count| count <= spec::MOST) else {
            return Err(self.complain("-g parameter generates too many addresses"));
        };
        let is_plain = self.options.naming == Naming::AsGiven && first.zone == 0;
        if is_plain {
            let pushed = self.hosts.targets.push_consecutive(first, count);
            return pushed.map(drop).map_err(|_| self.too_many());
        }
        let zone = text.find('%').map_or("", |at| &text[at..]);
        for offset in 0..count {
            let bits = bits_of(first.address) + u128::from(offset);
            let target = Target { address: from_bits(bits, first.address), ..first };
            self.add(&format!("{}{zone}", target.address), target)?;
        }
        Ok(())
    }

    fn too_many(&self) -> Leave {
        self.complain("too many targets")
    }

    fn complain(&self, what: &str) -> Leave {
        Leave::with(1, format!("{}: {what}", self.options.called))
    }
}

/// An IPv4 address in the spellings of inet_aton(3): one to four numbers in any base of C's.
fn is_old_address(name: &str) -> bool {
    let is_number = |part: &str| match part.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
    };
    name.split('.').count() <= 4 && name.split('.').all(is_number)
}

/// An address as getnameinfo(3) writes it: with its zone, if it has one. Safe for a terminal.
pub fn address_text(target: Target) -> String {
    match target.zone {
        0 => target.address.to_string(),
        zone => format!("{}%{}", target.address, resolve::zone(zone)),
    }
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address with these bits, of the same family as `like`; they must fit it.
fn from_bits(bits: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => {
            Ipv4Addr::from_bits(u32::try_from(bits).expect("the range is within IPv4")).into()
        }
        IpAddr::V6(_) => Ipv6Addr::from_bits(bits).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Unresolved;
    use std::ffi::OsString;
    use std::io::Write as _;

    /// Knows `two` with two addresses, and the name of 192.0.2.1.
    struct Book;

    impl Resolver for Book {
        fn forward(&self, names: &[String], _family: Option<Family>) -> Vec<Resolved> {
            let look_up = |name: &String| match (name.as_str(), resolve::literal(name)) {
                ("two", _) => Ok(vec![target("192.0.2.1"), target("2001:db8::1")]),
                (_, Some(target)) => Ok(vec![target]),
                _ => Err(Unresolved {
                    name: name.clone(),
                    reason: "Name or service not known".to_owned(),
                    code: -2,
                }),
            };
            names.iter().map(look_up).collect()
        }

        fn reverse(&self, address: IpAddr) -> Option<String> {
            (address == target("192.0.2.1").address).then(|| "one.example".to_owned())
        }
    }

    fn target(address: &str) -> Target {
        Target { address: address.parse().expect("an address"), zone: 0 }
    }

    /// What the targets are shown as, `|` between them, and what is said of unknown names.
    fn gather(line: &str) -> Result<String, Leave> {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        let options = Options::parse("fping", arguments).expect("a good command line");
        let mut said = String::new();
        let mut warn = |name: &str, reason: &str| {
            write!(said, "!{name}: {reason}").expect("a string takes everything");
        };
        let hosts = Hosts::gather(&options, &Book, &mut warn)?;
        let mut shown = Vec::new();
        for index in 0..hosts.targets.len() {
            let mut word = String::new();
            hosts.names.show(&hosts.targets, index, &mut word);
            shown.push(word);
        }
        let widest = shown.iter().map(String::len).max().unwrap_or(0);
        assert_eq!(hosts.names.width(&hosts.targets), widest);
        Ok(shown.join("|") + &said)
    }

    fn shown(line: &str) -> String {
        gather(line).unwrap_or_else(|leave| panic!("{line}: {leave:?}"))
    }

    #[test]
    fn names_are_shown_as_asked() {
        assert_eq!(shown("two 192.0.2.1 x"), "two|192.0.2.1!x: Name or service not known");
        assert_eq!(shown("-m two"), "two|two");
        assert_eq!(shown("-m -A two"), "192.0.2.1|2001:db8::1");
        assert_eq!(shown("-n two 192.0.2.1 192.0.2.2"), "two|one.example|192.0.2.2");
        assert_eq!(shown("-d two 2001:db8::1"), "one.example|2001:db8::1");
        assert_eq!(shown("-n -A 192.0.2.1"), "one.example (192.0.2.1)");
        assert_eq!(shown("2001:DB8::0:1"), "2001:DB8::0:1");
    }

    #[test]
    fn prefixes_leave_out_network_and_broadcast_in_ipv4_only() {
        assert_eq!(shown("-g 192.0.2.9/29").split('|').count(), 6);
        assert_eq!(shown("-g 192.0.2.9/30"), "192.0.2.9|192.0.2.10");
        assert_eq!(shown("-g 192.0.2.9/31"), "192.0.2.8|192.0.2.9");
        assert_eq!(shown("-g 192.0.2.9/32"), "192.0.2.9");
        assert_eq!(shown("-g 2001:db8::5/127"), "2001:db8::4|2001:db8::5");
        assert_eq!(shown("-g 2001:db8::5/128"), "2001:db8::5");
        assert_eq!(shown("-g -n 192.0.2.1 192.0.2.2"), "one.example|192.0.2.2");
        assert_eq!(shown("-g 192.0.2.255 192.0.3.1"), "192.0.2.255|192.0.3.0|192.0.3.1");
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let refused = |line: &str| {
            let leave = gather(line).expect_err(line);
            (leave.code, leave.stderr.lines().next().unwrap_or_default().to_owned())
        };
        let says = |text: &str| (1, text.to_owned());
        assert_eq!(refused("-g 192.0.2.2 192.0.2.1"), says(""));
        assert_eq!(refused("-g 192.0.2.0"), says("Usage: fping [options] [targets...]"));
        assert_eq!(refused("-g a b c"), says("Usage: fping [options] [targets...]"));
        let mask = "fping: netmask must be between 1 and 32 (is: 33)";
        assert_eq!(refused("-g 192.0.2.0/33"), says(mask));
        let mask = "fping: netmask must be between 65 and 128 (is: 64)";
        assert_eq!(refused("-g 2001:db8::/64"), says(mask));
        let many = "fping: -g parameter generates too many addresses";
        assert_eq!(refused("-g 2001:db8::/65"), says(many));
        assert_eq!(refused("-g 192.0.2.0/7"), says(many));
        let unknown = "fping, can't parse address x: Name or service not known";
        assert_eq!(refused("-g x/24"), says(unknown));
        let unknown = "fping: can't parse address x: Name or service not known";
        assert_eq!(refused("-g x 192.0.2.1"), says(unknown));
        assert_eq!(refused("x"), (2, String::new()));
    }

    #[test]
    fn files_give_the_first_word_of_each_line() {
        let path = std::env::temp_dir().join(format!("askway-hosts-{}", std::process::id()));
        let long = "x".repeat(200);
        let head = "# comment\n\n  \t\n192.0.2.1 not this\r\n\t192.0.2.2\n  #no\n";
        let text = format!("{head}192.0.2.3 {long}{long}\n{long}\n192.0.2.4");
        File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("writes");
        let line = format!("-f {}", path.display());
        let said = shown(&line);
        std::fs::write(&path, "y".repeat(256)).expect("writes");
        let refused = gather(&line).expect_err("too long");
        std::fs::remove_file(&path).expect("removes");
        let unknown = format!("!{long}: Name or service not known");
        assert_eq!(said, format!("192.0.2.1|192.0.2.2|192.0.2.3|192.0.2.4{unknown}"));
        assert_eq!(refused.stderr, "fping: target name too long\n");
        let missing = gather(&line).expect_err("no file");
        assert_eq!(missing.stderr, "fping: fopen : No such file or directory\n");
        assert_eq!(missing.code, 4);
    }

    #[test]
    fn netdata_keys_are_letters_and_digits() {
        let options = Options::parse("fping", vec!["-A".into(), "two".into()]).expect("good");
        let hosts = Hosts::gather(&options, &Book, &mut |_, _| {}).expect("resolves");
        let mut key = String::new();
        hosts.names.show_key(&hosts.targets, 0, &mut key);
        assert_eq!(key, "two");
        let hosts = Hosts {
            targets: [target("192.0.2.1")].into_iter().fold(Targets::default(), |mut all, one| {
                all.push(one).expect("fits");
                all
            }),
            ..Hosts::default()
        };
        key.clear();
        hosts.names.show_key(&hosts.targets, 0, &mut key);
        assert_eq!(key, "192_0_2_1");
    }
}
