//! Recordings: a line that says what was asked, then every report, and names as they become known.
//! Each line is whole or, after a kill, the last one and cut off; nothing is ever written over.

use super::book::{Book, Naming, Watched};
use super::coding::{self, Fields, Object, Wrong, nanoseconds};
use crate::command::trace::directory::Directory;
use crate::escape::{defuse, escape};
use crate::failure::{Exit, Failure};
use crate::wall;
use probe::Time;
use probe::method;
use probe::targets::Target;
use probe::token::Key;
use probe::trace::{Course, Plan, Report};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// The longest line that is read, in bytes.
const LINE_MAX_BYTES: u64 = 1 << 20;

/// A recording that is written.
#[derive(Debug)]
pub struct Recorder {
    /// What failures call it.
    name: String,
    file: BufWriter<File>,
    line: Vec<u8>,
    /// Why nothing more is written.
    fault: Option<io::Error>,
}

/// A recording that is read.
#[derive(Debug)]
pub struct Reader {
    name: String,
    file: BufReader<File>,
    /// The number of the line that was read last, 1-based.
    line: u64,
    roads: usize,
}

/// What a recording says next.
#[derive(Debug)]
pub enum Item {
    /// Something was found out.
    Report(Report),
    /// Somebody has a name; safe for a terminal.
    Name(IpAddr, String),
    /// The plan is another one from here on.
    Plan(Box<Plan>),
}

impl Recorder {
    /// Begins a recording; a file that is there is replaced.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(path: &Path) -> Result<Recorder, Failure> {
        let name = escape(&path.to_string_lossy());
        let file = File::create(path).map_err(|error| unwritable(&name, &error))?;
        Ok(Recorder { name, file: BufWriter::new(file), line: Vec::new(), fault: None })
    }

    /// Writes what is asked.
    pub fn begin(&mut self, book: &Book) {
        let mut fields = Fields::of("recording");
        fields.put("askway", env!("CARGO_PKG_VERSION"));
        fields.put("started_at", wall::rfc3339(book.epoch_ns));
        fields.put("epoch_ns", i64::try_from(book.epoch_ns).unwrap_or_default());
        fields.put("host", book.host.clone());
        fields.put("utc", book.utc);
        plan(&book.plan, book.holds_flows, &mut fields);
        let targets: Vec<Value> = book.roads.iter().map(target).collect();
        fields.put("targets", targets);
        self.write(&fields);
        self.flush();
    }

    /// Writes that the plan is another one.
    pub fn plan(&mut self, book: &Book) {
        let mut fields = Fields::of("plan");
        plan(&book.plan, book.holds_flows, &mut fields);
        self.write(&fields);
    }

    /// Writes a report.
    pub fn report(&mut self, report: &Report) {
        self.write(&coding::encode(report));
    }

    /// Writes a name.
    pub fn name(&mut self, address: IpAddr, name: &str) {
        let mut fields = Fields::of("name");
        fields.put("address", address.to_string());
        fields.put("name", name);
        self.write(&fields);
    }

    fn write(&mut self, fields: &Fields) {
        self.line.clear();
        fields.write(&mut self.line);
        if self.fault.is_none() {
            self.fault = self.file.write_all(&self.line).err();
        }
    }

    /// Hands what has gathered to the system.
    pub fn flush(&mut self) {
        if self.fault.is_none() {
            self.fault = self.file.flush().err();
        }
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// If not everything was written.
    pub fn close(mut self) -> Result<(), Failure> {
        self.flush();
        match self.fault {
            Some(error) => Err(unwritable(&self.name, &error)),
            None => Ok(()),
        }
    }
}

fn unwritable(name: &str, error: &io::Error) -> Failure {
    Failure {
        message: format!("cannot write {name}: {error}"),
        hint: Some("--record takes a file that can be written".to_owned()),
        exit: Exit::Failed,
    }
}

fn plan(plan: &Plan, holds_flows: bool, fields: &mut Fields) {
    fields.put("kind", plan.method.name());
    fields.put("port", plan.port);
    if let Course::Rounds { interval, count } = plan.course {
        fields.put("interval_ns", nanoseconds(interval));
        fields.put_some("rounds", count);
    }
    fields.put("first_hop", plan.first_hop);
    fields.put("max_hops", plan.hops_max);
    fields.put("timeout_ns", nanoseconds(plan.timeout));
    fields.put("payload_bytes", plan.payload_bytes as u64);
    fields.put("traffic_class", plan.traffic_class);
    fields.put("sees_quoted_headers", plan.sees_quoted_headers);
    fields.put("holds_flows", holds_flows);
}

fn read_plan(object: Object<'_>) -> Result<Plan, Wrong> {
    let method = method::by_name(object.text("kind")?).ok_or("`kind` is none that is known")?;
    let interval = Duration::from_nanos(object.number("interval_ns")?);
    let first_hop: u8 = object.number("first_hop")?;
    let hops_max = object.number("max_hops")?;
    if first_hop == 0 || first_hop > hops_max {
        return Err("`first_hop` is no hop".to_owned());
    }
    Ok(Plan {
        port: object.number("port")?,
        course: Course::Rounds { interval, count: object.number_if_any("rounds")? },
        first_hop,
        hops_max,
        timeout: Duration::from_nanos(object.number("timeout_ns")?),
        payload_bytes: object.number("payload_bytes")?,
        traffic_class: object.number("traffic_class")?,
        sees_quoted_headers: object.flag("sees_quoted_headers"),
        // Nothing is sent, so that nothing needs a key or an identifier.
        ..Plan::new(method, vec![0], Key([0, 0]))
    })
}

fn target(road: &Watched) -> Value {
    let mut fields = Fields::default();
    fields.put_some("name", road.name.clone());
    fields.put("address", road.target.address.to_string());
    fields.put("zone", road.target.zone);
    fields.put_some("source", road.source.map(|source| source.to_string()));
    fields.value()
}

fn read_target(object: Object<'_>) -> Result<Watched, Wrong> {
    Ok(Watched {
        name: object
            .value("name")
            .map(|_| object.text("name").map(|name| defuse(name).into_owned()))
            .transpose()?,
        target: Target { address: object.parsed("address")?, zone: object.number("zone")? },
        source: object.value("source").map(|_| object.parsed("source")).transpose()?,
        ledger: probe::trace::ledger::Ledger::default(),
    })
}

impl Reader {
    /// Opens a recording and reads what was asked: an empty book, and what follows.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub fn open(path: &Path) -> Result<(Book, Reader), Failure> {
        let name = escape(&path.to_string_lossy());
        let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
        let mut reader = Reader { name, file: BufReader::new(file), line: 0, roads: 0 };
        let first = reader.object()?;
        let Some(first) = first.filter(|it| Object(it).text("type") == Ok("recording")) else {
            return Err(reader.wrong("this is no recording"));
        };
        let book = read_book(Object(&first)).map_err(|wrong| reader.wrong(&wrong))?;
        reader.roads = book.roads.len();
        Ok((book, reader))
    }

    /// What the recording says next; `None` at its end. A last line that a kill cut off is none.
    ///
    /// # Errors
    /// If a line is damaged; the failure names it.
    pub fn read(&mut self) -> Result<Option<Item>, Failure> {
        while let Some(map) = self.object()? {
            let object = Object(&map);
            let item = read_item(object).map_err(|wrong| self.wrong(&wrong))?;
            if let Some(Item::Report(report)) = &item
                && report.target as usize >= self.roads
            {
                return Err(self.wrong("`road` is no target's index"));
            }
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    fn object(&mut self) -> Result<Option<Map<String, Value>>, Failure> {
        let mut line = Vec::new();
        let mut limited = Read::take(&mut self.file, LINE_MAX_BYTES);
        let read = limited.read_until(b'\n', &mut line);
        read.map_err(|error| unreadable(&self.name, &error))?;
        if line.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        let is_whole = line.ends_with(b"\n");
        match serde_json::from_slice(&line) {
            Ok(Value::Object(map)) => Ok(Some(map)),
            Ok(_) => Err(self.wrong("this is no object")),
            Err(_) if !is_whole && self.line > 1 && (line.len() as u64) < LINE_MAX_BYTES => {
                Ok(None)
            }
            Err(error) => Err(self.wrong(&format!("this is no JSON: {error}"))),
        }
    }

    fn wrong(&self, wrong: &str) -> Failure {
        Failure {
            message: format!("{}:{}: {}", self.name, self.line.max(1), escape(wrong)),
            hint: Some("--replay takes what --record wrote".to_owned()),
            exit: Exit::Usage,
        }
    }
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure {
        message: format!("cannot read {name}: {error}"),
        hint: Some("--replay takes what --record wrote".to_owned()),
        exit: Exit::Usage,
    }
}

fn read_book(object: Object<'_>) -> Result<Book, Wrong> {
    if object.number::<u64>("v")? != coding::VERSION {
        return Err(format!("this askway reads version {}", coding::VERSION));
    }
    let roads: Result<Vec<Watched>, Wrong> =
        object.objects("targets")?.into_iter().map(read_target).collect();
    let roads = roads?;
    if roads.is_empty() {
        return Err("`targets` is empty".to_owned());
    }
    Ok(Book {
        roads,
        host: defuse(object.text("host")?).into_owned(),
        utc: object.flag("utc"),
        plan: read_plan(object)?,
        holds_flows: object.flag("holds_flows"),
        epoch_ns: object.number::<i64>("epoch_ns")?.into(),
        since: Time::ZERO,
        now: Time::ZERO,
        names: Naming::asking(Directory::closed()),
    })
}

fn read_item(object: Object<'_>) -> Result<Option<Item>, Wrong> {
    Ok(match object.text("type")? {
        "name" => {
            let name = defuse(object.text("name")?).into_owned();
            Some(Item::Name(object.parsed("address")?, name))
        }
        "plan" => Some(Item::Plan(Box::new(read_plan(object)?))),
        _ => coding::decode(object)?.map(Item::Report),
    })
}

impl Book {
    /// Takes what a recording says.
    pub fn take_item(&mut self, item: &Item) {
        match item {
            Item::Report(report) => self.take(report),
            Item::Name(address, name) => {
                self.names.given.insert(*address, name.clone());
            }
            Item::Plan(plan) => self.plan = (**plan).clone(),
        }
    }
}
