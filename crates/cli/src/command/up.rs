//! `askway up TARGETS...`: which hosts of this network answer?

use super::Command;
use super::asked::{Asked, Row};
use crate::args::{self, BadValue, Common, Format, When};
use crate::clerk::Clerk;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::rate::Rate;
use crate::replace::Replacement;
use crate::resolve::{self, Resolved};
use crate::road::Road;
use crate::spec::{List, Rules};
use crate::wall;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgMatches, Args, FromArgMatches};
use collect::Collector;
use findings::Findings;
use machine::Machine;
use net::{Batch, Stamps, Want};
use probe::Envelope;
use probe::kind::{self, Kind, Rights};
use probe::ping::{Goal, Ping, Plan};
use progress::Progress;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use verdict::{Class, Table};
use wire::Family;

mod collect;
mod findings;
mod human;
mod machine;
mod progress;
mod verdict;

/// The command.
pub const COMMAND: Command = Command {
    name: "up",
    summary: ("ask which hosts of a network answer", "问一个网络里哪些主机有应答"),
    define: Options::augment_args,
    chinese: CHINESE,
    without: &[],
    run,
};

/// Rates above this are a flood: sends are batched and carry no send stamp of their own.
const FLOOD_GAP: Duration = Duration::from_micros(100);

/// The most probes in flight at one time, in lanes of 65,536.
const LANES_MAX: u64 = 16;

/// The most payload that one datagram of either family carries (65,535 - 20 - 8).
const PAYLOAD_MAX: u64 = 65_507;

/// Bytes of an IP header without options, as [`Family::ALL`]: RFC 791 §3.1, RFC 8200 §3.
const HEADER_BYTES: [usize; 2] = [20, 40];

/// The options of this command.
#[derive(Clone, Debug, clap::Args)]
struct Options {
    /// Addresses, prefixes (192.0.2.0/24), ranges (192.0.2.1-20), names; - reads standard input
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Read targets from a file, too; - is standard input
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Write those that answer to a file instead of the screen, one a line
    #[arg(long, value_name = "FILE")]
    ok: Option<PathBuf>,
    /// Write those that do not answer to a file instead of the screen, one a line
    #[arg(long, value_name = "FILE")]
    no: Option<PathBuf>,
    /// Packets a second (500, 10k), bits a second (10mbit), or max
    #[arg(long, value_name = "RATE", default_value = "1000")]
    rate: Rate,
    /// How often a silent target is asked again
    #[arg(short = 'r', long, value_name = "N", default_value = "3", value_parser = retries)]
    retries: u32,
    /// How long the first probe waits for its answer
    #[arg(short = 'W', long, value_name = "TIME", default_value = "500ms", value_parser = patience)]
    timeout: Duration,
    /// How many times longer each further probe waits
    #[arg(short = 'B', long, value_name = "FACTOR", default_value = "1.5", value_parser = backoff)]
    backoff: f64,
    /// End after this time, whatever is missing
    #[arg(short = 'w', long, value_name = "TIME", value_parser = patience)]
    deadline: Option<Duration>,
    /// Payload bytes
    #[arg(short = 's', long, value_name = "BYTES", default_value = "56", value_parser = payload)]
    size: usize,
    /// The probe type
    #[arg(long, value_name = "KIND", default_value = "icmp", value_parser = kinds())]
    kind: &'static dyn Kind,
    /// IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Ask all addresses of a name, not only the first
    #[arg(short = 'm', long)]
    all_addresses: bool,
    /// Ask the network and broadcast addresses of IPv4 prefixes, too
    #[arg(long)]
    whole_prefixes: bool,
    /// Send through this interface
    #[arg(short = 'I', long, value_name = "NAME")]
    interface: Option<String>,
    /// Send from this address
    #[arg(short = 'S', long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// TTL or hop limit of the probes
    #[arg(short = 't', long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,
    /// When to show progress on standard error; auto: if both outputs are terminals
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    progress: When,
    /// Only the sum, no lists
    #[arg(short = 'q', long)]
    quiet: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
const CHINESE: Texts = &[
    ("targets", "地址、前缀（192.0.2.0/24）、范围（192.0.2.1-20）、名字；- 为标准输入"),
    ("file", "还从文件读目标；- 为标准输入"),
    ("ok", "有应答的写进文件而不显示，每行一个"),
    ("no", "无应答的写进文件而不显示，每行一个"),
    ("rate", "每秒的包数（500、10k）、每秒的比特数（10mbit）或 max"),
    ("retries", "没有应答的目标再问几次"),
    ("timeout", "第一个探测等应答多久"),
    ("backoff", "以后每个探测等多少倍的时间"),
    ("size", "数据的字节数"),
    ("kind", "探测的种类"),
    ("ipv4", "只用 IPv4"),
    ("ipv6", "只用 IPv6"),
    ("whole_prefixes", "也问 IPv4 前缀的网络地址和广播地址"),
    ("interface", "从这个接口发送"),
    ("ttl", "探测的 TTL，即跳数限制"),
    ("progress", "何时在标准错误上显示进度；auto 为两个输出都是终端时"),
    ("quiet", "只要总计，不要名单"),
];

fn retries(text: &str) -> Result<u32, BadValue> {
    args::number(text, 100).map(|number| number as u32)
}

fn payload(text: &str) -> Result<usize, BadValue> {
    args::number(text, PAYLOAD_MAX).map(|number| number as usize)
}

fn patience(text: &str) -> Result<Duration, BadValue> {
    match args::duration(text)? {
        Duration::ZERO => Err(BadValue {
            message: "no time at all".to_owned(),
            hint: "a number and ns, us, ms, s, m, h or d: 200ms, 5s",
        }),
        span => Ok(span),
    }
}

fn backoff(text: &str) -> Result<f64, BadValue> {
    text.parse().ok().filter(|factor| (1.0..=10.0).contains(factor)).ok_or_else(|| BadValue {
        message: "not a factor from 1 to 10".to_owned(),
        hint: "1 waits equally long each time, 1.5 half as long again",
    })
}

fn kinds() -> impl TypedValueParser<Value = &'static dyn Kind> {
    let values = kind::ALL.iter().map(|kind| PossibleValue::new(kind.name()).help(kind.summary()));
    PossibleValuesParser::new(values.collect::<Vec<_>>())
        .map(|name| kind::by_name(&name).expect("the names are theirs"))
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser has these options");
    let list = read_targets(&options)?;
    let families = families(&list, &options)?;
    let names: Vec<String> = list.names().map(str::to_owned).collect();
    let clerk = Clerk::start(options.ok.is_some() || options.no.is_some());
    let want = want(&options, families, list.len() as u64);
    let mut road = Road::open(&want, common.lab_choice().as_ref())?;
    let found = find(&road, &names, options.family());
    let mut files = Files::begin(&options, &clerk)?;
    let asked = Asked::new(list, found, options.all_addresses).map_err(|_| too_many())?;
    let outcome = ask(&mut road, &asked, &options, common);
    files.write(&asked, &outcome.table)?;
    files.commit()?;
    outcome.failure.map_or(Ok(()), Err)?;
    Ok(exit(&asked, &outcome.findings))
}

impl Options {
    fn family(&self) -> Option<Family> {
        let [v4, v6] = Family::ALL;
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(v4),
            (_, true) => Some(v6),
            _ => None,
        }
    }

    /// The time from one probe to the next, at the rate that was asked for.
    fn gap(&self, families: &[Family]) -> Duration {
        let headers = Family::ALL.iter().zip(HEADER_BYTES);
        let largest =
            headers.filter(|(family, _)| families.contains(family)).map(|(_, bytes)| bytes);
        self.rate.gap(largest.max().unwrap_or(0) + self.kind.overhead_bytes() + self.size)
    }

    /// How long a target's last probe waits for its answer.
    fn last_patience(&self) -> Duration {
        let factor = self.backoff.powi(self.retries.try_into().unwrap_or(i32::MAX));
        Duration::try_from_secs_f64(self.timeout.as_secs_f64() * factor).unwrap_or(Duration::MAX)
    }
}

fn usage(message: &str, hint: &str) -> Failure {
    Failure { message: message.to_owned(), hint: Some(hint.to_owned()), exit: Exit::Usage }
}

fn too_many() -> Failure {
    usage("these are more targets than can be counted", "ask in parts")
}

fn read_targets(options: &Options) -> Result<List, Failure> {
    let rules = Rules { family: options.family(), whole_prefixes: options.whole_prefixes };
    let mut list = List::new(rules);
    options.targets.iter().try_for_each(|text| list.argument(text))?;
    options.file.iter().try_for_each(|path| list.file(path))?;
    if list.is_empty() {
        return Err(usage("nobody to ask", "askway up 192.0.2.0/24, or --file FILE"));
    }
    Ok(list)
}

/// The families that sockets are needed for, checked against what else was asked for.
fn families(list: &List, options: &Options) -> Result<Vec<Family>, Failure> {
    let is_named = list.names().next().is_some();
    let is_wanted = |family: Family| {
        let mut literals = list.addresses().runs().map(|(first, _)| Family::of(first.address));
        let by_name = is_named
            && options.family().is_none_or(|only| only == family)
            && options.source.is_none_or(|source| family == Family::of(source))
            && options.kind.speaks(family);
        by_name || literals.any(|literal| literal == family)
    };
    let families: Vec<Family> = Family::ALL.into_iter().filter(|f| is_wanted(*f)).collect();
    for family in &families {
        if !options.kind.speaks(*family) {
            let message = format!("there is no {} probe in {family}", options.kind.name());
            return Err(usage(&message, "leave out --kind, or these targets"));
        }
        if let Some(source) = options.source.filter(|source| Family::of(*source) != *family) {
            let message = format!("the source {source} cannot ask {family} targets");
            return Err(usage(&message, "--source takes an address of the targets' family"));
        }
    }
    Ok(families)
}

fn want(options: &Options, families: Vec<Family>, targets: u64) -> Want {
    let gap = options.gap(&families);
    let is_flood = gap < FLOOD_GAP;
    let per_second = 1.0 / gap.as_secs_f64();
    let in_flight = (per_second * options.last_patience().as_secs_f64()).min(targets as f64);
    let lanes = (in_flight / 65_536.0).ceil().clamp(1.0, LANES_MAX as f64);
    // What may arrive while this program is kept from reading for a moment.
    let burst = (per_second * 0.05).min(targets as f64).clamp(64.0, 16_384.0);
    Want {
        families,
        carrier: probe::Carrier::Icmp,
        access: net::Access::Auto,
        datagram_will_do: options.kind.rights() == Rights::Datagram,
        envelope: Envelope {
            source: options.source,
            hop_limit: options.ttl,
            ..Envelope::default()
        },
        interface: options.interface.clone(),
        mark: None,
        broadcast: options.whole_prefixes,
        direct_only: false,
        multicast_loop: true,
        debug: false,
        identifier: None,
        lanes: lanes as u16,
        message_max_bytes: options.kind.overhead_bytes() + options.size,
        burst: burst as u32,
        send_buffer_bytes: None,
        stamps: if is_flood { Stamps::Receive } else { Stamps::Both },
        batch: if is_flood { Batch::Many } else { Batch::One },
    }
}

/// The addresses of names, in order.
fn find(road: &Road, names: &[String], family: Option<Family>) -> Vec<Resolved> {
    match road {
        Road::Network(..) => resolve::resolve_all(names, family),
        Road::Lab(_) => names.iter().map(|name| road.resolve(name, family)).collect(),
    }
}

/// What a run leaves.
struct Outcome {
    table: Table,
    findings: Findings,
    /// What went wrong on the way; what is known so far is in the table all the same.
    failure: Option<Failure>,
}

fn ask(road: &mut Road, asked: &Asked, options: &Options, common: &Common) -> Outcome {
    let started = road.now();
    let targets = asked.targets().len();
    let mut machine = match common.format() {
        Format::Human => None,
        format => Some(Machine::new(format, road.epoch_ns())),
    };
    let mut engine = Ping::new(plan(road, asked, options), asked.targets().clone(), started);
    let table = Table::new(targets, options.retries, options.last_patience());
    let progress = Progress::new(common.language(), shows_progress(options, common), started);
    let mut collector = Collector::new(asked, table, machine.as_mut(), progress, started);
    collector.begin();
    let driven = if targets > 0 { road.drive(&mut engine, &mut collector) } else { Ok(()) };
    collector.finish();
    let elapsed = collector.latest.since(started);
    let broken = collector.broken.take();
    let mut table = collector.table;
    let is_complete = engine.targets_done() == targets;
    let sent = engine.probes_sent();
    // What it knows of each target is no longer needed, and the most that this run keeps.
    drop(engine);
    table.close(is_complete);
    let findings = Findings::new(asked, &table, sent, elapsed, !is_complete);
    let printed = match broken {
        Some(error) => Err(error),
        None => print(machine.as_mut(), asked, &table, &findings, options, common),
    };
    Outcome { table, findings, failure: driven.err().or_else(|| printed.err().and_then(unprinted)) }
}

fn plan(road: &Road, asked: &Asked, options: &Options) -> Plan {
    let families = asked.families();
    Plan {
        kind: options.kind,
        goal: Goal::FirstReply { retries: options.retries, backoff: options.backoff },
        gap: options.gap(&families),
        timeout: options.timeout,
        deadline: options.deadline,
        payload_bytes: options.size,
        first_sequence: 0,
        midnight_ms: wall::midnight_ms(road.epoch_ns()),
        ..Plan::new(road.identifiers(), road.key())
    }
}

/// A machine's lines may go to the terminal as well, and then they would run into the progress.
fn shows_progress(options: &Options, common: &Common) -> bool {
    match options.progress {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            let is_clear = common.format() == Format::Human || !io::stdout().is_terminal();
            common.lab.is_none() && is_clear && io::stderr().is_terminal()
        }
    }
}

fn print(
    machine: Option<&mut Machine>,
    asked: &Asked,
    table: &Table,
    findings: &Findings,
    options: &Options,
    common: &Common,
) -> io::Result<()> {
    let Some(machine) = machine else {
        let style = human::Style {
            language: common.language(),
            is_coloured: common.is_coloured(),
            shows_alive: !options.quiet && options.ok.is_none(),
            shows_others: !options.quiet && options.no.is_none(),
        };
        let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
        human::write(&mut out, asked, table, findings, style)?;
        return out.flush();
    };
    for row in asked.rows() {
        match row {
            Row::Unresolved(name) => machine.unresolved(name)?,
            Row::Target(target) => {
                let verdict = table.at(target);
                if verdict.class() != Class::Alive {
                    machine.target(asked, target, verdict, None)?;
                }
            }
        }
    }
    machine.summary(findings)?;
    machine.flush()
}

/// The failure to tell when standard output fails; none if whoever reads has seen enough.
fn unprinted(error: io::Error) -> Option<Failure> {
    (error.kind() != io::ErrorKind::BrokenPipe).then(|| Failure {
        message: format!("cannot write to standard output: {error}"),
        hint: None,
        exit: Exit::Failed,
    })
}

/// The files for those that answer and those that do not.
struct Files {
    ok: Option<Replacement>,
    no: Option<Replacement>,
}

impl Files {
    fn begin(options: &Options, clerk: &Clerk) -> Result<Files, Failure> {
        let begin = |path: &Option<PathBuf>| {
            path.as_deref().map(|path| Replacement::begin(path, clerk)).transpose()
        };
        let files = Files { ok: begin(&options.ok)?, no: begin(&options.no)? };
        if let (Some(ok), Some(no)) = (&files.ok, &files.no)
            && ok.replaces_same(no)
        {
            return Err(usage("--ok and --no name the same file", "each list has its own file"));
        }
        Ok(files)
    }

    /// Brings both lists to the disk; the old files still stand.
    fn write(&mut self, asked: &Asked, table: &Table) -> Result<(), Failure> {
        for (file, class) in [(&mut self.ok, Class::Alive), (&mut self.no, Class::No)] {
            if let Some(file) = file {
                let written = list(file, asked, table, class);
                written.map_err(|error| file.failure(&error))?;
                file.finish()?;
            }
        }
        Ok(())
    }

    fn commit(self) -> Result<(), Failure> {
        self.ok.into_iter().chain(self.no).try_for_each(Replacement::commit)
    }
}

/// Writes one target a line, as it was named.
fn list(out: &mut impl Write, asked: &Asked, table: &Table, class: Class) -> io::Result<()> {
    for row in asked.rows() {
        match row {
            Row::Unresolved(name) if class == Class::No => writeln!(out, "{}", name.name)?,
            Row::Target(target) if table.at(target).class() == class => {
                writeln!(out, "{}", asked.label(target))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn exit(asked: &Asked, findings: &Findings) -> Exit {
    if asked.targets().is_empty() {
        Exit::NameNotFound
    } else if findings.alive == findings.targets {
        Exit::Yes
    } else {
        Exit::No
    }
}
