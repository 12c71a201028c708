//! What a command line asks for, and what tracepath says to one that is wrong.

use crate::as_::console::Console;
use crate::as_::getopt::{Fault, Options as Getopt, Style};
use crate::road::LabChoice;
use std::ffi::OsString;
use wire::Family;

/// Ends the program with that exit code; everything has been said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

/// Exit code of a wrong command line.
const USAGE_ERROR: u8 = 255;

const USAGE: &str = "
Usage
  tracepath [options] <destination>

Options:
  -4             use IPv4
  -6             use IPv6
  -b             print both name and ip
  -l <length>    use packet <length>
  -m <hops>      use maximum <hops>
  -n             no dns name resolution
  -p <port>      use destination <port>
  -V             print version and exit
  --lab <file>   run in a lab instead of the network
  --from <node>  at this node of the lab
  --seed <number>  with this seed
  <destination>  dns name or ip address

For more details see tracepath(8).
";

/// Everything that a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-4`, `-6`, or that of the target.
    pub family: Option<Family>,
    /// `-b`: names and numbers.
    pub both: bool,
    /// `-n`: numbers first.
    pub numeric: bool,
    /// `-l`: bytes of the first probe; at most 2^31 - 1.
    pub length: Option<u32>,
    /// `-m`.
    pub hops_max: u8,
    /// `-p`, or behind the target's slash; not 0.
    pub port: Option<u16>,
    /// The target, without its port.
    pub host: String,
}

impl Options {
    /// Reads the arguments behind the program's name; the name may decide the family.
    ///
    /// # Errors
    /// If there is nothing to do but what has been printed: help, the version, what is wrong.
    pub fn parse(
        called: &str,
        arguments: Vec<OsString>,
        console: &mut Console,
    ) -> Result<Options, Stop> {
        let mut options = Options {
            family: match called.as_bytes().last() {
                Some(b'4') => Some(Family::V4),
                Some(b'6') => Some(Family::V6),
                _ => None,
            },
            both: false,
            numeric: false,
            length: None,
            hops_max: 30,
            port: None,
            host: String::new(),
        };
        let mut found = Getopt::new(Style::Gnu, "46nbh?l:m:p:V", &[], arguments);
        for item in found.by_ref() {
            match item {
                Ok(found) => {
                    let argument = found.argument.unwrap_or_default();
                    options.take(found.id, &argument.to_string_lossy(), console)?;
                }
                Err(Fault(message)) => {
                    console.error(&message);
                    return Err(usage(console));
                }
            }
        }
        let operands = found.operands();
        let [host] = operands.as_slice() else { return Err(usage(console)) };
        options.take_host(&host.to_string_lossy(), console)?;
        Ok(options)
    }

    fn take(&mut self, id: char, argument: &str, console: &mut Console) -> Result<(), Stop> {
        match id {
            '4' => self.take_family(Family::V4, console)?,
            '6' => self.take_family(Family::V6, console)?,
            'n' => self.numeric = true,
            'b' => self.both = true,
            'l' => self.length = Some(number(argument, i32::MAX.unsigned_abs(), console)?),
            'm' => self.hops_max = number(argument, u8::MAX.into(), console)? as u8,
            'p' => self.take_port(argument, console)?,
            'V' => {
                let version = env!("CARGO_PKG_VERSION");
                console.print(&format!("tracepath from askway {version}\n"));
                return Err(Stop(0));
            }
            _ => return Err(usage(console)),
        }
        Ok(())
    }

    fn take_family(&mut self, family: Family, console: &mut Console) -> Result<(), Stop> {
        if self.family.is_some_and(|before| before != family) {
            console.error("Only one -4 or -6 option may be specified");
            return Err(Stop(2));
        }
        self.family = Some(family);
        Ok(())
    }

    fn take_port(&mut self, argument: &str, console: &mut Console) -> Result<(), Stop> {
        let port = number(argument, u16::MAX.into(), console)?;
        self.port = Some(port as u16).filter(|port| *port != 0);
        Ok(())
    }

    /// Takes the target. If no port is given otherwise, one may stand behind a slash.
    fn take_host(&mut self, host: &str, console: &mut Console) -> Result<(), Stop> {
        self.host = host.to_owned();
        if self.port.is_none()
            && let Some((name, port)) = host.split_once('/')
        {
            self.host = name.to_owned();
            self.take_port(port, console)?;
        }
        Ok(())
    }
}

/// Takes the options of labs, which tracepath does not have, out of the arguments.
pub fn take_lab(arguments: &mut Vec<OsString>) -> Option<LabChoice> {
    let mut lab: Option<LabChoice> = None;
    let mut others = Vec::new();
    let mut words = std::mem::take(arguments).into_iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (text.as_str(), None),
        };
        let is_known = ["--lab", "--from", "--seed"].contains(&name);
        let value = if is_known { attached.or_else(|| words.next()) } else { None };
        let Some(value) = value else {
            others.push(word);
            continue;
        };
        let none = || LabChoice::default();
        let lab = lab.get_or_insert_with(none);
        let text = value.to_string_lossy().into_owned();
        match name {
            "--lab" => lab.file = value.into(),
            "--from" => lab.from = Some(text),
            _ => lab.seed = text.parse().ok(),
        }
    }
    *arguments = others;
    lab
}

fn usage(console: &mut Console) -> Stop {
    console.error_bare(USAGE);
    Stop(USAGE_ERROR)
}

/// A number in decimal notation, and not too large.
fn number(text: &str, most: u32, console: &mut Console) -> Result<u32, Stop> {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_whitespace());
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    let is_number = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    let why = match digits.strip_prefix('+').unwrap_or(digits).parse::<i64>() {
        _ if !is_number => String::new(),
        Ok(value) => match u32::try_from(value).ok().filter(|value| *value <= most) {
            Some(value) => return Ok(value),
            None => format!(": out of range: 0 <= value <= {most}"),
        },
        Err(_) => ": Numerical result out of range".to_owned(),
    };
    console.error(&format!("invalid argument: '{text}'{why}"));
    Err(Stop(1))
}
