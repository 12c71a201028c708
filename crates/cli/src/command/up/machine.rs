//! Results for programs: JSON, one object a line, and CSV. A host that answers is shown at once,
//! the others at the end; JSON ends with a summary.

use super::findings::Findings;
use super::verdict::{Reason, Verdict};
use crate::args::Format;
use crate::command::asked::{Asked, Label};
use crate::meaning;
use crate::print::csv::quoted;
use crate::resolve::Unresolved;
use crate::wall;
use probe::Time;
use serde::{Serialize, Serializer};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::net::IpAddr;

/// The version of the lines' schema.
const VERSION: u32 = 1;

/// The columns of CSV: the names of [`Line`]'s fields.
const COLUMNS: &str = "target,address,verdict,rtt_ns,rtt_source,hop_limit,sent_at,reason,from,\
                       icmp_type,icmp_code,meaning,mtu_bytes,os_error,message";

/// The printer.
pub struct Machine {
    format: Format,
    out: BufWriter<StdoutLock<'static>>,
    epoch_ns: i128,
}

/// What is said about one target; null where there is nothing to say.
#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    r#type: &'static str,
    #[serde(serialize_with = "shown")]
    target: Option<Label<'a>>,
    address: Option<IpAddr>,
    verdict: &'static str,
    rtt_ns: Option<u64>,
    rtt_source: Option<&'static str>,
    hop_limit: Option<u8>,
    sent_at: Option<&'a str>,
    reason: Option<&'static str>,
    from: Option<IpAddr>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    meaning: Option<&'static str>,
    mtu_bytes: Option<u32>,
    os_error: Option<i32>,
    message: Option<&'a str>,
}

/// What is said about all of them; null where nobody answered.
#[derive(Serialize)]
struct Summary {
    v: u32,
    r#type: &'static str,
    targets: u64,
    alive: u64,
    no: u64,
    unknown: u64,
    repeated: u64,
    is_interrupted: bool,
    sent: u64,
    duration_ns: u64,
    rtt_source: Option<&'static str>,
    rtt_ns_min: Option<u64>,
    rtt_ns_mean: Option<u64>,
    rtt_ns_median: Option<u64>,
    rtt_ns_p95: Option<u64>,
    rtt_ns_p99: Option<u64>,
    rtt_ns_max: Option<u64>,
    rtt_ns_stddev: Option<u64>,
}

impl Machine {
    /// Writes to standard output. `epoch_ns` is the wall clock at the start of the run's time.
    pub fn new(format: Format, epoch_ns: i128) -> Machine {
        let out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
        Machine { format, out, epoch_ns }
    }

    /// Writes what goes before the first line.
    ///
    /// # Errors
    /// If standard output fails.
    pub fn begin(&mut self) -> io::Result<()> {
        match self.format {
            Format::Csv => write!(self.out, "{COLUMNS}\r\n"),
            Format::Human | Format::Json => Ok(()),
        }
    }

    /// Writes a target's line.
    ///
    /// # Errors
    /// If standard output fails.
    pub fn target(
        &mut self,
        asked: &Asked,
        target: u32,
        verdict: Verdict,
        sent_at: Option<Time>,
    ) -> io::Result<()> {
        let address = asked.targets().at(target).address;
        let mut line = line(verdict);
        line.target = Some(asked.label(target));
        line.address = Some(address);
        let sent_at = sent_at.map(|at| wall::rfc3339(self.epoch_ns + i128::from(at.0)));
        line.sent_at = sent_at.as_deref();
        self.line(&line)
    }

    /// Writes the line of a name without an address.
    ///
    /// # Errors
    /// If standard output fails.
    pub fn unresolved(&mut self, name: &Unresolved) -> io::Result<()> {
        self.line(&Line {
            target: Some(Label::Name(&name.name)),
            verdict: "no",
            reason: Some("unresolved"),
            message: Some(&name.reason),
            ..Line::default()
        })
    }

    /// Writes the summary; CSV has none.
    ///
    /// # Errors
    /// If standard output fails.
    pub fn summary(&mut self, findings: &Findings) -> io::Result<()> {
        if self.format == Format::Csv {
            return Ok(());
        }
        let rtt = findings.rtt.as_ref();
        self.json(&Summary {
            v: VERSION,
            r#type: "summary",
            targets: findings.targets,
            alive: findings.alive,
            no: findings.no,
            unknown: findings.unknown,
            repeated: findings.repeated,
            is_interrupted: findings.is_interrupted,
            sent: findings.sent,
            duration_ns: u64::try_from(findings.elapsed.as_nanos()).unwrap_or(u64::MAX),
            rtt_source: rtt.map(|rtt| rtt.source.name()),
            rtt_ns_min: rtt.map(|rtt| rtt.min_ns),
            rtt_ns_mean: rtt.map(|rtt| rtt.mean_ns.round() as u64),
            rtt_ns_median: rtt.map(|rtt| rtt.median_ns),
            rtt_ns_p95: rtt.map(|rtt| rtt.p95_ns),
            rtt_ns_p99: rtt.map(|rtt| rtt.p99_ns),
            rtt_ns_max: rtt.map(|rtt| rtt.max_ns),
            rtt_ns_stddev: rtt.map(|rtt| rtt.stddev_ns.round() as u64),
        })
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// If standard output fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        match self.format {
            Format::Csv => csv(&mut self.out, line),
            Format::Human | Format::Json => self.json(line),
        }
    }

    fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }
}

fn line(verdict: Verdict) -> Line<'static> {
    let of = |verdict, reason| Line { verdict, reason: Some(reason), ..Line::default() };
    match verdict {
        Verdict::Alive(answer) => Line {
            verdict: "alive",
            rtt_ns: Some(answer.rtt_ns),
            rtt_source: Some(answer.rtt_source.name()),
            hop_limit: answer.hop_limit,
            ..Line::default()
        },
        Verdict::Silent => of("no", "timeout"),
        Verdict::Dropped => of("unknown", "local_drop"),
        Verdict::Undecided => of("unknown", "undecided"),
        Verdict::Refused(Reason::WrongSource(from)) => {
            Line { from: Some(from), ..of("no", "wrong_source") }
        }
        Verdict::Refused(Reason::Send(fault)) => {
            Line { os_error: Some(fault.os_error), ..of("no", "send_error") }
        }
        Verdict::Refused(Reason::Icmp { from, meaning, kind, code, mtu_bytes }) => Line {
            from: Some(from),
            icmp_type: Some(kind),
            icmp_code: Some(code),
            meaning: Some(meaning::name(meaning)),
            mtu_bytes,
            ..of("no", "icmp_error")
        },
    }
}

impl Default for Line<'_> {
    fn default() -> Self {
        Line {
            v: VERSION,
            r#type: "verdict",
            target: None,
            address: None,
            verdict: "",
            rtt_ns: None,
            rtt_source: None,
            hop_limit: None,
            sent_at: None,
            reason: None,
            from: None,
            icmp_type: None,
            icmp_code: None,
            meaning: None,
            mtu_bytes: None,
            os_error: None,
            message: None,
        }
    }
}

/// An address or a name, as text.
fn shown<S: Serializer>(label: &Option<Label<'_>>, to: S) -> Result<S::Ok, S::Error> {
    match label {
        Some(label) => to.collect_str(label),
        None => to.serialize_none(),
    }
}

/// Fields without a value are empty. Only names and messages can hold what must be quoted, as in
/// RFC 4180 §2.
fn csv(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    match line.target {
        Some(Label::Name(name)) => out.write_all(quoted(name).as_bytes())?,
        Some(label) => write!(out, "{label}")?,
        None => {}
    }
    let plain: [&dyn Field; 13] = [
        &line.address,
        &Some(line.verdict),
        &line.rtt_ns,
        &line.rtt_source,
        &line.hop_limit,
        &line.sent_at,
        &line.reason,
        &line.from,
        &line.icmp_type,
        &line.icmp_code,
        &line.meaning,
        &line.mtu_bytes,
        &line.os_error,
    ];
    for field in plain {
        out.write_all(b",")?;
        field.write(out)?;
    }
    out.write_all(b",")?;
    out.write_all(quoted(line.message.unwrap_or_default()).as_bytes())?;
    out.write_all(b"\r\n")
}

/// A field of CSV.
trait Field {
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl<T: std::fmt::Display> Field for Option<T> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.as_ref().map_or(Ok(()), |value| write!(out, "{value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_csv_are_the_fields_of_a_line() {
        let full = Line {
            target: Some(Label::Name("a.example")),
            address: Some([192, 0, 2, 1].into()),
            verdict: "no",
            rtt_ns: Some(1),
            rtt_source: Some("kernel"),
            hop_limit: Some(64),
            sent_at: Some("2026-01-01T00:00:00.000000000Z"),
            reason: Some("icmp_error"),
            from: Some([192, 0, 2, 254].into()),
            icmp_type: Some(3),
            icmp_code: Some(4),
            meaning: Some("packet_too_big"),
            mtu_bytes: Some(1_400),
            os_error: Some(90),
            message: Some("a \"b\", c"),
            ..Line::default()
        };
        let json = serde_json::to_string(&full).expect("all fields are plain");
        let fields: Vec<&str> = COLUMNS.split(',').collect();
        let mut at = 0;
        for field in &fields {
            let key = format!("\"{field}\":");
            at += json[at..].find(&key).unwrap_or_else(|| panic!("{field} in order in {json}"));
        }
        let mut line = Vec::new();
        csv(&mut line, &full).expect("memory takes it");
        assert_eq!(
            String::from_utf8(line).expect("text"),
            "a.example,192.0.2.1,no,1,kernel,64,2026-01-01T00:00:00.000000000Z,icmp_error,\
             192.0.2.254,3,4,packet_too_big,1400,90,\"a \"\"b\"\", c\"\r\n"
        );
    }

    #[test]
    fn a_name_is_no_formula_for_a_spreadsheet() {
        let hostile = Line { target: Some(Label::Name("=1+1")), ..Line::default() };
        let mut line = Vec::new();
        csv(&mut line, &hostile).expect("memory takes it");
        assert!(line.starts_with(b"'=1+1,"), "{line:?}");
    }
}
