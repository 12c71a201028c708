//! `askway mask [TARGET...]`: which address masks do hosts use? IPv4 alone has the question.

use super::Command;
use super::asked::{Asked, Label, Row};
use crate::args::{BadValue, Common, Format, number};
use crate::command::trace::options::some_time;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::lang::Language;
use crate::print::mask::{Printer, Tally, csv::Csv, human::Human, json::Json};
use crate::print::{Closed, Out, Unresolved, Whom};
use crate::road::Road;
use crate::spec::{List, Rules};
use clap::{ArgMatches, Args, FromArgMatches};
use net::{Access, Batch, Interface, Number, Stamps, Want};
use probe::gather::{Event, Gather, Place, Plan, QUESTIONS_MAX, Report};
use probe::mask::{Expectation, Found, Masks, Question, broadcast};
use probe::targets::Target;
use probe::{Carrier, Engine, Envelope, Observer, Own, Signal, Time};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use wire::Family;

/// The command.
pub const COMMAND: Command = Command {
    name: "mask",
    summary: ("ask hosts for their address mask", "问主机的地址掩码"),
    define: Options::augment_args,
    chinese: CHINESE,
    without: &[],
    run,
};

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
struct Options {
    /// Whom to ask: hosts or broadcast addresses [default: the broadcast address of each interface]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Only IPv4, which alone has such masks
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    v4: bool,
    /// Refused: IPv6 has no such masks
    #[arg(short = '6', long = "ipv6")]
    v6: bool,

    /// How long answers to a question are waited for
    #[arg(short = 'W', long = "timeout", value_name = "TIME", value_parser = some_time,
        default_value = "1s", help_heading = "When")]
    wait: Duration,
    /// How often a target is asked again that nobody has answered for
    #[arg(long, value_name = "N", value_parser = retries, default_value = "2",
        help_heading = "When")]
    retries: u32,
    /// End by then, whatever is missing
    #[arg(short = 'w', long, value_name = "TIME", value_parser = some_time, help_heading = "When")]
    deadline: Option<Duration>,

    /// Ask by this interface; without targets, its broadcast address alone
    #[arg(short = 'I', long, value_name = "INTERFACE", help_heading = "Where from")]
    interface: Option<String>,
    /// Source address: one of this host's; in a lab also 0.0.0.0
    #[arg(short = 'S', long, value_name = "ADDRESS", help_heading = "Where from")]
    source: Option<Ipv4Addr>,

    /// Only the summaries
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
const CHINESE: Texts = &[
    ("targets", "问谁：主机或广播地址；不给则问每个接口的广播地址"),
    ("v4", "只用 IPv4：只有它有这样的掩码"),
    ("v6", "被拒绝：IPv6 没有这样的掩码"),
    ("wait", "每次提问后等应答多久"),
    ("retries", "没有人应答的目标再问几次"),
    ("interface", "从这个接口提问；不给目标时只问它的广播地址"),
    ("source", "源地址：本机的一个地址；在实验网络里还可以是 0.0.0.0"),
    ("quiet", "只要总结"),
];

/// The pause between first questions to two targets.
const GAP: Duration = Duration::from_millis(1);
/// How many answers may queue up.
const BURST: u32 = 1_024;
/// Asking more often makes nobody answer.
const RETRIES_MAX: u64 = 100;

/// How often to ask again.
///
/// # Errors
/// If it is no number, or more than anybody wants.
pub fn retries(text: &str) -> Result<u32, BadValue> {
    number(text, RETRIES_MAX).map(|retries| retries as u32)
}

fn usage(message: impl Into<String>, hint: &str) -> Failure {
    Failure { message: message.into(), hint: Some(hint.to_owned()), exit: Exit::Usage }
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let is_v6 = |text: &String| text.contains(':');
    if options.v6 || options.targets.iter().any(is_v6) {
        let hint = "askway routers shows the prefixes that IPv6 routers tell";
        return Err(usage("IPv6 has no address masks to ask for", hint));
    }
    let is_nowhere = options.source.is_some_and(|source| source.is_unspecified());
    if is_nowhere && common.lab.is_none() {
        let hint = "the system puts in an address of its own; a lab lets it pass (--lab)";
        return Err(usage("requests from 0.0.0.0 cannot be sent here", hint));
    }
    let [family, _] = Family::ALL;
    let mut list = List::new(Rules { family: Some(family), ..Rules::default() });
    options.targets.iter().try_for_each(|target| list.argument(target))?;
    let mut road = Road::open(&want(&options, family), common.lab_choice().as_ref())?;
    let interfaces = road.interfaces()?;
    let names: Vec<String> = list.names().map(str::to_owned).collect();
    let found = names.iter().map(|name| road.resolve(name, Some(family))).collect();
    let asked = Asked::new(list, found, false).map_err(|_| too_many())?;
    let scope = Scope::new(interfaces, &options, common.lab.is_some())?;
    road.bind(scope.only.as_ref().map(|it| it.index));
    let rows = rows(asked, &scope, &options)?;
    go(road, rows, &scope, &options, common)
}

fn too_many() -> Failure {
    usage(
        "these are more targets than can be asked in one run",
        "ask in parts, or with --retries 0",
    )
}

fn want(options: &Options, family: Family) -> Want {
    Want {
        families: vec![family],
        carrier: Carrier::Icmp,
        access: Access::Raw,
        datagram_will_do: false,
        envelope: Envelope::default(),
        interface: options.interface.clone(),
        mark: None,
        broadcast: true,
        direct_only: false,
        multicast_loop: true,
        debug: false,
        identifier: None,
        lanes: 1,
        message_max_bytes: 64,
        burst: BURST,
        send_buffer_bytes: None,
        stamps: Stamps::Both,
        batch: Batch::One,
    }
}

/// What this host knows of the networks around it.
struct Scope {
    interfaces: Vec<Interface>,
    /// The interface that the user chose.
    only: Option<Interface>,
    source: Option<Ipv4Addr>,
    is_lab: bool,
}

/// An address of this host's, and its network.
struct Own4<'a> {
    interface: &'a Interface,
    address: Ipv4Addr,
    mask: Option<Ipv4Addr>,
    broadcast: Option<Ipv4Addr>,
}

/// Whom to ask, and who has no address.
struct Rows {
    asked: Asked,
    /// Broadcast addresses of interfaces.
    own: Vec<Ipv4Addr>,
}

/// The interface of that name.
///
/// # Errors
/// If there is none.
pub fn find(all: &[Interface], name: &str) -> Result<Interface, Failure> {
    all.iter().find(|it| it.name == name).cloned().ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
        let hint = format!("one of: {}", names.join(", "));
        usage(format!("there is no interface {name} here"), &hint)
    })
}

impl Scope {
    fn new(all: Vec<Interface>, options: &Options, is_lab: bool) -> Result<Scope, Failure> {
        let only = options.interface.as_deref().map(|name| find(&all, name)).transpose()?;
        let scope = Scope { interfaces: all, only, source: options.source, is_lab };
        match options.source.filter(|it| !it.is_unspecified() && !scope.own().contains(it)) {
            Some(source) => {
                let hint = "name an address of this host; `ip address` lists them";
                Err(usage(format!("{source} is no address of this host"), hint))
            }
            None => Ok(scope),
        }
    }

    /// The IPv4 addresses of the interfaces that count.
    fn numbers(&self) -> Vec<Own4<'_>> {
        let counts = |it: &&Interface| self.only.as_ref().is_none_or(|only| only.index == it.index);
        let mut found = Vec::new();
        for interface in self.interfaces.iter().filter(counts) {
            for Number { address, mask, broadcast } in &interface.numbers {
                let IpAddr::V4(address) = *address else { continue };
                let [mask, broadcast] = [mask, broadcast].map(|it| match it {
                    Some(IpAddr::V4(it)) => Some(*it),
                    _ => None,
                });
                found.push(Own4 { interface, address, mask, broadcast });
            }
        }
        found
    }

    fn own(&self) -> Vec<Ipv4Addr> {
        let all = self.interfaces.iter().flat_map(|it| &it.numbers);
        let v4 = |it: &Number| match it.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        all.filter_map(v4).collect()
    }

    /// The broadcast addresses to ask if the user names nobody.
    fn broadcasts(&self) -> Vec<Ipv4Addr> {
        let mut found = Vec::new();
        for Own4 { interface, broadcast, .. } in self.numbers() {
            let may_ask = interface.is_up && !interface.is_loopback;
            found.extend(broadcast.filter(|it| may_ask && !found.contains(it)));
        }
        found
    }

    /// The address and mask by which this host is on the network of a target.
    fn near(&self, to: Ipv4Addr, source: Option<IpAddr>) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let is_everywhere = to.is_broadcast() || to.is_multicast();
        let fits = |(address, mask): &(Ipv4Addr, Ipv4Addr)| match is_everywhere {
            true => source.is_none_or(|source| source == *address),
            false => (address.to_bits() ^ to.to_bits()) & mask.to_bits() == 0,
        };
        let near = self.numbers().into_iter().filter_map(|it| Some((it.address, it.mask?)));
        near.filter(fits).max_by_key(|(_, mask)| mask.to_bits())
    }

    fn is_for_many(&self, to: Ipv4Addr) -> bool {
        let ends = |it: &Own4<'_>| {
            // The old form, all zeros (RFC 1122 §3.3.6), means the same.
            let first = it.mask.map(|mask| it.address & mask);
            it.broadcast.is_some_and(|last| last == to || first == Some(to))
        };
        to.is_broadcast()
            || to.is_multicast()
            || self.numbers().iter().any(ends)
            || !self.is_lab && net::is_broadcast(to.into())
    }

    fn place(&self, target: Target, to: Ipv4Addr) -> Place {
        // A lab's node that is bound to an interface sends from there.
        let is_bound = self.is_lab && self.only.is_some();
        let bound = || self.numbers().first().filter(|_| is_bound).map(|it| it.address);
        let source = self.source.or_else(bound);
        let header = Own { source: source.map(IpAddr::V4), ..Own::default() };
        let is_for_many = self.is_for_many(to);
        Place { to: target.address, zone: target.zone, is_for_many, header }
    }

    fn expectation(&self, place: &Place, source: Option<IpAddr>) -> Expectation {
        let IpAddr::V4(to) = place.to else { return Expectation::default() };
        let near = self.near(to, place.header.source.or(source));
        Expectation {
            own: self.own(),
            mask: near.map(|(_, mask)| mask),
            broadcast: near.map(|(address, mask)| broadcast(address, mask)),
            asks_from_nowhere: self.source.is_some_and(|it| it.is_unspecified()),
        }
    }
}

/// Whom to ask.
fn rows(asked: Asked, scope: &Scope, options: &Options) -> Result<Rows, Failure> {
    let own = if options.targets.is_empty() { scope.broadcasts() } else { Vec::new() };
    if options.targets.is_empty() && own.is_empty() {
        let message = "no interface has an IPv4 broadcast address to ask";
        return Err(Failure {
            message: message.to_owned(),
            hint: Some("name a host: askway mask HOST".to_owned()),
            exit: Exit::Failed,
        });
    }
    let places = asked.targets().len() as usize + own.len();
    let questions = places.saturating_mul(options.retries as usize + 1);
    if questions > QUESTIONS_MAX { Err(too_many()) } else { Ok(Rows { asked, own }) }
}

/// Everything that is asked, and how it is called.
struct Asking<'a> {
    places: Vec<Place>,
    whoms: Vec<Whom<'a>>,
    expectations: Vec<Expectation>,
}

fn asking<'a>(road: &Road, rows: &'a Rows, scope: &Scope) -> Asking<'a> {
    let mut asking = Asking { places: Vec::new(), whoms: Vec::new(), expectations: Vec::new() };
    let mut add = |name: Option<&'a str>, target: Target| {
        let IpAddr::V4(to) = target.address else { return };
        let place = scope.place(target, to);
        asking.expectations.push(scope.expectation(&place, road.source_towards(target)));
        asking.places.push(place);
        asking.whoms.push(Whom { name, target: Some(target) });
    };
    for row in rows.asked.rows() {
        let Row::Target(index) = row else { continue };
        let name = match rows.asked.label(index) {
            Label::Name(name) => Some(name),
            Label::Address(_) => None,
        };
        add(name, rows.asked.targets().at(index));
    }
    for address in &rows.own {
        add(None, Target { address: (*address).into(), zone: 0 });
    }
    asking
}

fn go(
    mut road: Road,
    rows: Rows,
    scope: &Scope,
    options: &Options,
    common: &Common,
) -> Result<Exit, Failure> {
    let Asking { places, whoms, expectations } = asking(&road, &rows, scope);
    let mut show = Show {
        printer: printer(common, options, whoms.len() > 1),
        out: Out::default(),
        closed: None,
        tallies: vec![Tally::default(); whoms.len()],
        whoms,
        expectations,
    };
    show.printer.start(&show.whoms, &show.expectations, &mut show.out.text);
    for row in rows.asked.rows() {
        if let Row::Unresolved(name) = row {
            show.printer.unresolved(&Unresolved::of(name), &mut show.out.text);
        }
    }
    let key = road.key();
    let question = Question {
        identifier: road.identifiers()[0],
        first_sequence: key.token(0, IpAddr::from([0; 4])) as u16,
    };
    let plan = Plan {
        places,
        wait: options.wait,
        retries: options.retries,
        gap: GAP,
        deadline: options.deadline,
        only_listens: false,
    };
    let mut engine = Gather::new(question, plan, road.now());
    if !show.whoms.is_empty() {
        road.drive(&mut engine, &mut show)?;
    }
    show.printer.finish(&engine.counts(), &mut show.out.text);
    let closed = show.out.flush().err().or(show.closed);
    if let Some(failure) = closed.and_then(Closed::failure) {
        return Err(failure);
    }
    let is_answered = |tally: &Tally| tally.answers > 0;
    let is_enough = match rows.own.is_empty() {
        true => show.tallies.iter().all(is_answered),
        false => show.tallies.iter().any(is_answered),
    };
    match (rows.asked.unresolved(), is_enough) {
        (0, true) => Ok(Exit::Yes),
        (0, false) => Ok(Exit::No),
        _ => Ok(Exit::NameNotFound),
    }
}

fn printer(common: &Common, options: &Options, has_many: bool) -> Box<dyn Printer> {
    let is_quiet = options.quiet;
    let language: Language = common.language();
    match common.format() {
        Format::Human => Box::new(Human::new(language, common.is_coloured(), is_quiet, has_many)),
        Format::Json => Box::new(Json { is_quiet }),
        Format::Csv => Box::new(Csv { is_quiet }),
    }
}

/// Shows what is found out as soon as it is.
struct Show<'a> {
    printer: Box<dyn Printer>,
    out: Out,
    closed: Option<Closed>,
    whoms: Vec<Whom<'a>>,
    expectations: Vec<Expectation>,
    tallies: Vec<Tally>,
}

impl Observer<Masks> for Show<'_> {
    fn report(&mut self, _engine: &Masks, report: Report<Found>) {
        let place = report.place as usize;
        if let Event::Answer(answer) = &report.event {
            self.tallies[place].add(answer);
        }
        let (whom, expected) = (self.whoms[place], &self.expectations[place]);
        let tally = &self.tallies[place];
        self.printer.event(whom, &report.event, expected, tally, &mut self.out.text);
    }

    fn idle(&mut self, _engine: &Masks, _now: Time) {
        if let Err(closed) = self.out.flush() {
            self.closed = self.closed.take().or(Some(closed));
        }
    }

    fn signal(&mut self, engine: &mut Masks, now: Time, signal: Signal) {
        if signal != Signal::Status {
            engine.stop(now);
        }
    }
}
