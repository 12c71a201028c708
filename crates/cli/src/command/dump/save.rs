//! Packets into a file: pcapng, or classic pcap where the name asks for it.

use super::source::Ended;
use super::{Record, Sink};
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::print::Out;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use wire::pcapng::{Interface, Packet, SNAPLEN_MAX, Statistics, Writer, classic};

/// Written out at the latest when that much has gathered.
const GATHERED_MAX_BYTES: usize = 256 * 1024;

/// A file that is being written.
pub struct Save {
    name: String,
    file: Box<dyn Write>,
    form: Form,
    gathered: Vec<u8>,
}

enum Form {
    /// The numbers of interfaces by where packets came from.
    Blocks(Writer, BTreeMap<(u32, u32), u32>),
    /// The one link type that it has.
    Classic(Option<u16>),
}

impl Save {
    /// Creates the file.
    ///
    /// # Errors
    /// If that cannot be.
    pub fn create(path: &Path) -> Result<Save, Failure> {
        let name = escape(&path.to_string_lossy());
        let file: Box<dyn Write> = match path.as_os_str() == "-" {
            true => Box::new(io::stdout()),
            false => {
                let created = File::create(path);
                Box::new(created.map_err(|error| failure(&name, &error))?)
            }
        };
        let mut gathered = Vec::new();
        let is_classic = path.extension().is_some_and(|it| it == "pcap" || it == "cap");
        let form = match is_classic {
            true => Form::Classic(None),
            false => {
                let application = concat!("askway ", env!("CARGO_PKG_VERSION"));
                Form::Blocks(Writer::new(application, &mut gathered), BTreeMap::new())
            }
        };
        Ok(Save { name, file, form, gathered })
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.gathered).and_then(|()| self.file.flush());
        self.gathered.clear();
        written.map_err(|error| failure(&self.name, &error))
    }
}

impl Sink for Save {
    fn packet(&mut self, record: &Record<'_>, _out: &mut Out) -> Result<(), Failure> {
        let out = &mut self.gathered;
        match &mut self.form {
            Form::Blocks(writer, known) => {
                let number = *known.entry(record.place).or_insert_with(|| {
                    let interface = Interface {
                        link: record.link,
                        snaplen: SNAPLEN_MAX,
                        name: record.interface.map(str::to_owned),
                        description: None,
                    };
                    writer.interface(&interface, out)
                });
                writer.packet(&Packet { interface: number, ..record.packet }, out);
            }
            Form::Classic(link) => {
                if *link.get_or_insert_with(|| {
                    classic::header(record.link, out);
                    record.link
                }) != record.link
                {
                    return Err(Failure {
                        message: "a pcap file holds packets of one link type only".to_owned(),
                        hint: Some(format!("call it {}ng", self.name)),
                        exit: Exit::Failed,
                    });
                }
                classic::packet(&record.packet, out);
            }
        }
        if out.len() >= GATHERED_MAX_BYTES { self.flush() } else { Ok(()) }
    }

    /// Should this program end before its time, what was seen is in the file.
    fn rest(&mut self) -> Result<(), Failure> {
        self.flush()
    }

    fn finish(&mut self, ended: &Ended, _out: &mut Out) -> Result<(), Failure> {
        match (&self.form, ended.counts) {
            (Form::Blocks(writer, known), Some(counts)) if !known.is_empty() => {
                let statistics = Statistics {
                    time_ns: ended.time_ns,
                    received: counts.received,
                    dropped: counts.dropped,
                };
                writer.statistics(0, &statistics, &mut self.gathered);
            }
            // An empty file is no capture file.
            (Form::Classic(None), _) => {
                classic::header(wire::pcapng::link::ETHERNET, &mut self.gathered);
            }
            _ => {}
        }
        self.flush()
    }
}

fn failure(name: &str, error: &io::Error) -> Failure {
    Failure { message: format!("cannot write {name}: {error}"), hint: None, exit: Exit::Failed }
}
