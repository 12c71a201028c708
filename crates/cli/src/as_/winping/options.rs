//! The command line of Windows' ping. Options begin with `-` or `/` and stand before or behind the
//! target; each takes its value as the next argument.

use crate::as_::console::Console;
use crate::escape::defuse;
use crate::road::LabChoice;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use wire::Family;

const USAGE: &str = "
Usage: ping [-t] [-a] [-n count] [-l size] [-f] [-i TTL] [-v TOS]
            [-r count] [-s count] [[-j host-list] | [-k host-list]]
            [-w timeout] [-R] [-S srcaddr] [-4] [-6] target_name

Options:
    -t             Ping until stopped: Control-\\ shows how things stand, Control-C ends.
    -a             Show the name of an address.
    -n count       Number of echo requests, 4 unless said.
    -l size        Bytes of data, 32 unless said.
    -f             Do not let packets be fragmented (IPv4).
    -i TTL         Time to live.
    -v TOS         Type of service.
    -r count       Record the route over so many hops (IPv4).
    -s count       Record times at so many hops (IPv4).
    -j host-list   Go by these hosts, and others in between (IPv4).
    -k host-list   Go by these hosts alone (IPv4).
    -w timeout     Milliseconds to wait for each answer, 4000 unless said.
    -R             Taken for its own sake: the header behind it is withdrawn (IPv6, RFC 5095).
    -S srcaddr     Source address.
    -4             Use IPv4.
    -6             Use IPv6.
    --lab file     Run in a lab instead of the network.
    --from node    At this node of the lab.

";

/// The tool ends here; what there was to say is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

/// A command line, taken apart.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-n`, or none with `-t`.
    pub count: Option<u64>,
    /// `-a`.
    pub look_up: bool,
    /// `-l`: bytes, 0 to 65,500.
    pub size: usize,
    /// `-f`.
    pub dont_fragment: bool,
    /// `-i`.
    pub hop_limit: Option<u8>,
    /// `-v`.
    pub traffic_class: u8,
    /// `-r`: hops, 1 to 9.
    pub record_route: Option<usize>,
    /// `-s`: hops, 1 to 4.
    pub timestamps: Option<usize>,
    /// `-j` or `-k`.
    pub hops: Vec<String>,
    /// Whether it was `-k`.
    pub strict_route: bool,
    /// `-w`.
    pub timeout: Duration,
    /// `-R`.
    pub reverse_route: bool,
    /// `-S`.
    pub source: Option<IpAddr>,
    /// `-4`, `-6`.
    pub family: Option<Family>,
    /// The target.
    pub target: String,
    /// Run in a lab.
    pub lab: Option<LabChoice>,
}

/// What a wrong command line is told.
enum Wrong {
    Option(String),
    Value { option: String, min: u32, max: u32 },
    NoValue(String),
    Parameter(String),
    NoTarget,
    Help,
}

impl Options {
    /// Takes a command line apart.
    ///
    /// # Errors
    /// If it is wrong or asks for help: that is printed.
    pub fn parse(arguments: &[String], console: &mut Console) -> Result<Options, Stop> {
        Options::read(arguments).map_err(|wrong| {
            let (text, with_usage) = match wrong {
                Wrong::Option(option) => (format!("Bad option {}.\n\n", defuse(&option)), true),
                Wrong::Value { option, min, max } => {
                    let range = format!("valid range is from {min} to {max}");
                    (format!("Bad value for option {option}, {range}.\n"), false)
                }
                Wrong::NoValue(option) => {
                    (format!("Value must be supplied for option {option}.\n"), false)
                }
                Wrong::Parameter(text) => (format!("Bad parameter {}.\n", defuse(&text)), false),
                Wrong::NoTarget => ("IP address must be specified.\n".to_owned(), false),
                Wrong::Help => (String::new(), true),
            };
            console.print(&text);
            console.print(if with_usage { USAGE } else { "" });
            Stop(1)
        })
    }

    fn read(arguments: &[String]) -> Result<Options, Wrong> {
        let mut options = Options {
            count: Some(4),
            look_up: false,
            size: 32,
            dont_fragment: false,
            hop_limit: None,
            traffic_class: 0,
            record_route: None,
            timestamps: None,
            hops: Vec::new(),
            strict_route: false,
            timeout: Duration::from_millis(4000),
            reverse_route: false,
            source: None,
            family: None,
            target: String::new(),
            lab: None,
        };
        if arguments.is_empty() {
            return Err(Wrong::Help);
        }
        let mut left = arguments.iter().map(String::as_str);
        while let Some(argument) = left.next() {
            match argument.strip_prefix(['-', '/']) {
                Some(letter) => options.take(argument, letter, &mut left)?,
                None if options.target.is_empty() => options.target = argument.to_owned(),
                None => return Err(Wrong::Parameter(argument.to_owned())),
            }
        }
        let no_lab = |lab: &LabChoice| lab.file.as_os_str().is_empty();
        if options.target.is_empty() {
            return Err(Wrong::NoTarget);
        }
        match &options.lab {
            Some(lab) if no_lab(lab) => Err(Wrong::NoValue("--lab".to_owned())),
            _ => Ok(options),
        }
    }

    fn take<'a>(
        &mut self,
        option: &str,
        letter: &str,
        left: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), Wrong> {
        match letter {
            "t" => self.count = None,
            "a" => self.look_up = true,
            "f" => self.dont_fragment = true,
            "R" => self.reverse_route = true,
            "4" => self.family = Some(Family::V4),
            "6" => self.family = Some(Family::V6),
            "?" => return Err(Wrong::Help),
            "n" => self.count = Some(number(option, left, 1, u32::MAX)?.into()),
            "l" => self.size = number(option, left, 0, 65_500)? as usize,
            "i" => self.hop_limit = Some(number(option, left, 1, 255)? as u8),
            "v" => self.traffic_class = number(option, left, 0, 255)? as u8,
            "r" => self.record_route = Some(number(option, left, 1, 9)? as usize),
            "s" => self.timestamps = Some(number(option, left, 1, 4)? as usize),
            "w" => {
                let ms = number(option, left, 0, u32::MAX)?;
                self.timeout = Duration::from_millis(u64::from(ms).max(1));
            }
            "S" => {
                let text = value(option, left)?;
                let wrong = |_| Wrong::Parameter(text.to_owned());
                self.source = Some(text.parse().map_err(wrong)?);
            }
            "j" | "k" => {
                self.strict_route = letter == "k";
                let list = value(option, left)?;
                self.hops = list.split([',', ' ']).map(str::to_owned).collect();
            }
            "-lab" => self.lab().file = PathBuf::from(value(option, left)?),
            "-from" => self.lab().from = Some(value(option, left)?.to_owned()),
            _ => return Err(Wrong::Option(option.to_owned())),
        }
        Ok(())
    }

    fn lab(&mut self) -> &mut LabChoice {
        let none = || LabChoice::default();
        self.lab.get_or_insert_with(none)
    }
}

fn value<'a>(option: &str, left: &mut impl Iterator<Item = &'a str>) -> Result<&'a str, Wrong> {
    left.next().ok_or_else(|| Wrong::NoValue(option.to_owned()))
}

fn number<'a>(
    option: &str,
    left: &mut impl Iterator<Item = &'a str>,
    min: u32,
    max: u32,
) -> Result<u32, Wrong> {
    match value(option, left)?.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Wrong::Value { option: option.to_owned(), min, max }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (Option<Options>, String) {
        let mut console = Console::keeping("winping");
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let options = Options::parse(&arguments, &mut console).ok();
        (options, console.kept().0)
    }

    #[test]
    fn options_stand_anywhere_and_begin_with_either_sign() {
        let (options, _) = parsed("h -n 2 /l 0 -w 50 -j 192.0.2.1,192.0.2.2 -t");
        let options = options.expect("right");
        assert_eq!((options.target.as_str(), options.count, options.size), ("h", None, 0));
        assert_eq!(options.timeout, Duration::from_millis(50));
        assert_eq!(options.hops, ["192.0.2.1", "192.0.2.2"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, message) in [
            ("-n 0 h", "Bad value for option -n, valid range is from 1 to 4294967295.\n"),
            ("/l 65501 h", "Bad value for option /l, valid range is from 0 to 65500.\n"),
            ("-l x h", "Bad value for option -l, valid range is from 0 to 65500.\n"),
            ("h -n", "Value must be supplied for option -n.\n"),
            ("h g", "Bad parameter g.\n"),
            ("-t", "IP address must be specified.\n"),
            ("-S x h", "Bad parameter x.\n"),
            ("--from a h", "Value must be supplied for option --lab.\n"),
        ] {
            let (options, printed) = parsed(line);
            assert!(options.is_none(), "{line}");
            assert_eq!(printed, message, "{line}");
        }
        assert!(parsed("-z h").1.starts_with("Bad option -z.\n\n\nUsage: ping "));
        assert!(parsed("").1.starts_with("\nUsage: ping "));
    }
}
