//! How results are shown: for people, as JSON and as CSV, one file each. All read the engine's own
//! reports; what JSON and CSV call things stands in `fields`.

pub mod clock;
pub mod conntrack;
pub mod csv;
pub mod fields;
pub mod hints;
pub mod human;
pub mod json;
pub mod mask;
pub mod mtu;
pub mod options;
pub mod routers;
pub mod sockets;
pub mod tftp;
pub mod trace;

use crate::failure::{Exit, Failure};
use crate::resolve;
use probe::RttSource;
use probe::ping::Report;
use probe::stats::Summary;
use probe::targets::Target;
use std::io::{self, Write};

/// Written out at the latest when that much has gathered.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// What a printer of a ping run must be able to show. Appends to `out`.
pub trait Printer {
    /// The run begins.
    fn start(&mut self, start: &Start<'_>, out: &mut Vec<u8>);

    /// Something became of a probe.
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>);

    /// A probe is unanswered as the next one goes.
    fn outstanding(&mut self, _whom: Whom<'_>, _sequence: u64, _out: &mut Vec<u8>) {}

    /// A name has no address.
    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>);

    /// What was found out about one target.
    fn summary(&mut self, end: &End<'_>, out: &mut Vec<u8>);

    /// The run is over.
    fn finish(&mut self, _totals: &Totals, _out: &mut Vec<u8>) {}
}

/// Whom something is about.
#[derive(Clone, Copy, Debug)]
pub struct Whom<'a> {
    /// The name as the user gave it; `None` for a literal address.
    pub name: Option<&'a str>,
    /// The address; `None` if the name has none.
    pub target: Option<Target>,
}

/// What is known when a run begins.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The target, if there is just one and it has an address.
    pub only: Option<Whom<'a>>,
    /// How many targets there are; unresolved names count.
    pub targets: usize,
    /// The source address towards the only target, where known.
    pub source: Option<std::net::IpAddr>,
    /// The probe type.
    pub kind: &'static str,
    /// Payload bytes; `None` if the probe type carries none.
    pub payload_bytes: Option<usize>,
    /// Whether the send stamps of the kernel are left out, for speed.
    pub without_send_stamps: bool,
    /// The longest target as text, in characters.
    pub widest: usize,
}

/// What became of one probe.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Whom it asked.
    pub whom: Whom<'a>,
    /// What came about.
    pub report: &'a Report,
    /// The wall clock at the run's start, nanoseconds since 1970-01-01 UTC.
    pub epoch_ns: i128,
    /// The name of whoever answered, where asked for and known; safe for a terminal.
    pub from_name: Option<&'a str>,
}

/// A name without an address.
#[derive(Clone, Copy, Debug)]
pub struct Unresolved<'a> {
    /// The name as the user gave it.
    pub name: &'a str,
    /// The resolver's words.
    pub reason: &'a str,
    /// The resolver's code (EAI_*).
    pub code: i32,
}

impl<'a> Unresolved<'a> {
    /// A name that the resolver knows nothing of.
    pub fn of(unresolved: &'a resolve::Unresolved) -> Unresolved<'a> {
        let resolve::Unresolved { name, reason, code } = unresolved;
        Unresolved { name, reason, code: *code }
    }
}

/// What was found out about one target.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// Whom it is about.
    pub whom: Whom<'a>,
    /// The figures; all zero for a name without an address.
    pub summary: &'a Summary,
    /// The weakest of the clocks that its round trips were measured with.
    pub rtt_source: Option<RttSource>,
    /// The TTL or hop limit of its last answer.
    pub hop_limit: Option<u8>,
    /// The name of the address, where asked for and known; safe for a terminal.
    pub address_name: Option<&'a str>,
    /// Whether what `--until` waits for came true; `None` without it.
    pub until_met: Option<bool>,
    /// Why there is no address.
    pub unresolved: Option<&'a str>,
}

/// All targets together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// How many targets, unresolved names included.
    pub targets: u64,
    /// Targets that answered every decided probe, undamaged and from the address asked.
    pub complete: u64,
    /// Targets that answered at least one.
    pub answering: u64,
    /// Names without an address.
    pub unresolved: u64,
    /// See [`Summary::sent`].
    pub sent: u64,
    /// See [`Summary::received`].
    pub received: u64,
    /// See [`Summary::lost`].
    pub lost: u64,
    /// See [`Summary::in_flight`].
    pub in_flight: u64,
}

impl Totals {
    /// Adds one target.
    pub fn add(&mut self, summary: &Summary) {
        let left_here = summary.send_errors + summary.local_drops;
        let doubtful = summary.corrupted + summary.wrong_source;
        let is_complete =
            summary.received > 0 && summary.lost == 0 && left_here == 0 && doubtful == 0;
        self.targets += 1;
        self.complete += u64::from(is_complete);
        self.answering += u64::from(summary.received > 0);
        self.sent += summary.sent;
        self.received += summary.received;
        self.lost += summary.lost;
        self.in_flight += summary.in_flight;
    }
}

/// Standard output, gathered and written in large pieces.
#[derive(Debug, Default)]
pub struct Out {
    /// What is to be written.
    pub text: Vec<u8>,
}

/// Standard output takes no more.
#[derive(Debug)]
pub struct Closed(io::Error);

impl Closed {
    /// What to tell the user: nothing if whoever read has seen enough.
    pub fn failure(self) -> Option<Failure> {
        (self.0.kind() != io::ErrorKind::BrokenPipe).then(|| Failure {
            message: format!("cannot write to standard output: {}", self.0),
            hint: None,
            exit: Exit::Failed,
        })
    }
}

impl Out {
    /// Writes if much has gathered.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn relieve(&mut self) -> Result<(), Closed> {
        if self.text.len() < BUFFER_MAX_BYTES { Ok(()) } else { self.flush() }
    }

    /// Writes everything.
    ///
    /// # Errors
    /// If standard output is closed, full or broken.
    pub fn flush(&mut self) -> Result<(), Closed> {
        if self.text.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&self.text).and_then(|()| stdout.flush());
        self.text.clear();
        written.map_err(Closed)
    }
}
