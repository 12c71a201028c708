//! Where packets come from: a file, standard input, or the network.

use super::Record;
use super::options::Options;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use net::capture::{Capture, Counts, Want};
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;
use wire::filter::Expression;
use wire::pcapng::{Broken, Packet, Reader};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Where packets come from.
pub enum Source {
    /// A file.
    Stored(Box<Stored>),
    /// The network.
    Live(Box<Live>),
}

/// What comes next.
pub enum Next<'a> {
    /// A packet.
    Packet(Record<'a>),
    /// Nothing for now: see [`Source::wait`].
    Nothing,
    /// Nothing any more.
    End,
}

/// A file that is being read.
pub struct Stored {
    name: String,
    file: Box<dyn Read>,
    reader: Reader,
    piece: Box<[u8]>,
    is_over: bool,
    /// The last one that a packet was of, and its name, safe for a terminal.
    interface: Option<((u32, u32), Option<String>)>,
}

/// An open capture.
pub struct Live {
    capture: Capture,
    snaplen: u32,
    /// The last interface that a packet was of, and its name, safe for a terminal.
    name: Option<(u32, String)>,
    /// What is listened on.
    whole: String,
    /// Whether a packet was waited for and not taken yet.
    is_ready: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Packets that were wanted.
    pub packets: u64,
    /// What the kernel counted, if it was asked.
    pub counts: Option<Counts>,
    /// When it ended, if it was the network: nanoseconds since 1970-01-01 UTC.
    pub time_ns: i128,
}

impl Ended {
    /// Says what was counted, in tcpdump's words, where those are who look.
    pub fn tell(&self) {
        let Some(counts) = self.counts else { return };
        let (received, dropped) = (counts.received, counts.dropped);
        let text = format!(
            "{} packets captured\n{received} packets received by filter\n{dropped} packets dropped \
             by kernel\n",
            self.packets
        );
        // Nobody is left to tell if this fails.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl Source {
    /// Opens the file, or a socket that hears nothing yet.
    ///
    /// # Errors
    /// If there is no such file or interface, or this process may not.
    pub fn open(options: &Options, filter: &Expression) -> Result<Source, Failure> {
        let Some(path) = &options.read else {
            let capture = Capture::open(Want {
                interface: options.interface_name().map(str::to_owned),
                is_promiscuous: !options.no_promiscuous,
                snaplen: options.snaplen,
                buffer_bytes: options.buffer,
            })?;
            // A filter that makes no sense there is refused before a file is written.
            filter.program(capture.place(), options.snaplen).map_err(refused)?;
            let whole = options.interface_name().map_or("every interface".to_owned(), escape);
            let (name, snaplen) = (None, options.snaplen);
            return Ok(Source::Live(Box::new(Live {
                capture,
                snaplen,
                name,
                whole,
                is_ready: false,
            })));
        };
        let (name, file): (String, Box<dyn Read>) = if path.as_os_str() == "-" {
            ("standard input".to_owned(), Box::new(io::stdin()))
        } else {
            let name = escape(&path.to_string_lossy());
            let file = File::open(path).map_err(|error| Failure {
                message: format!("cannot read {name}: {error}"),
                hint: None,
                exit: Exit::Usage,
            })?;
            (name, Box::new(file))
        };
        Ok(Source::Stored(Box::new(Stored {
            name,
            file,
            reader: Reader::default(),
            piece: vec![0; PIECE_BYTES].into_boxed_slice(),
            is_over: false,
            interface: None,
        })))
    }

    /// Begins to hear; gives up every right.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn start(&mut self, filter: &Expression) -> Result<(), Failure> {
        let Source::Live(live) = self else { return Ok(()) };
        let program = filter.program(live.capture.place(), live.snaplen).map_err(refused)?;
        live.capture.start(&program)?;
        // Nobody is left to tell if this fails.
        let _ = writeln!(io::stderr(), "listening on {}; ^C ends", live.whole);
        Ok(())
    }

    /// Whether it is the network.
    pub fn is_live(&self) -> bool {
        matches!(self, Source::Live(_))
    }

    /// Waits until there is a packet, or the user ends it.
    ///
    /// # Errors
    /// If the system fails.
    pub fn wait(&mut self) -> Result<(), Failure> {
        if let Source::Live(live) = self {
            live.is_ready = live.capture.wait(None)?;
        }
        Ok(())
    }

    /// What comes next, without waiting for it.
    ///
    /// # Errors
    /// If the file is broken or the system fails.
    pub fn next(&mut self) -> Result<Next<'_>, Failure> {
        match self {
            Source::Stored(stored) => stored.next(),
            Source::Live(live) => live.next(),
        }
    }

    /// How it ended, with so many packets that were wanted.
    pub fn ended(&mut self, packets: u64) -> Ended {
        match self {
            Source::Stored(_) => Ended { packets, counts: None, time_ns: 0 },
            Source::Live(live) => Ended {
                packets,
                counts: Some(live.capture.counts()),
                time_ns: live.capture.wall_ns(),
            },
        }
    }
}

fn refused(wrong: wire::filter::Wrong) -> Failure {
    Failure { message: wrong.message, hint: Some(wrong.hint), exit: Exit::Usage }
}

impl Stored {
    fn advance(&mut self) -> Result<bool, Failure> {
        loop {
            match self.reader.advance() {
                Ok(true) => return Ok(true),
                Ok(false) if self.is_over => {
                    return self.reader.finish().map(|()| false).map_err(|it| self.broken(&it));
                }
                Ok(false) => {}
                Err(what) => return Err(self.broken(&what)),
            }
            match self.file.read(&mut self.piece) {
                Ok(0) => self.is_over = true,
                Ok(bytes) => self.reader.push(&self.piece[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Failure {
                        message: format!("cannot read {}: {error}", self.name),
                        hint: None,
                        exit: Exit::Failed,
                    });
                }
            }
        }
    }

    fn broken(&self, what: &Broken) -> Failure {
        let message = format!("{}: {what}", self.name);
        Failure { message, hint: None, exit: Exit::Failed }
    }

    fn next(&mut self) -> Result<Next<'_>, Failure> {
        if !self.advance()? {
            return Ok(Next::End);
        }
        let record = self.reader.record().expect("it was just advanced to");
        let place = (record.section, record.packet.interface);
        if self.interface.as_ref().is_none_or(|(known, _)| *known != place) {
            self.interface = Some((place, record.interface.name.as_deref().map(escape)));
        }
        let interface = self.interface.as_ref().and_then(|(_, name)| name.as_deref());
        let (link, packet) = (record.interface.link, record.packet);
        Ok(Next::Packet(Record { number: 0, place, interface, link, packet }))
    }
}

impl Live {
    fn next(&mut self) -> Result<Next<'_>, Failure> {
        let link = self.capture.link();
        let is_ready = std::mem::take(&mut self.is_ready);
        if !is_ready && !self.capture.wait(Some(Duration::ZERO))? {
            return Ok(if self.capture.is_ended() { Next::End } else { Next::Nothing });
        }
        let interface = self.capture.seen().map_or(0, |seen| seen.interface);
        if self.name.as_ref().is_none_or(|(known, _)| *known != interface) {
            self.name = Some((interface, escape(self.capture.name(interface))));
        }
        let seen = self.capture.seen().expect("it was just waited for");
        let packet = Packet {
            interface,
            time_ns: Some(seen.time_ns),
            direction: seen.direction,
            comment: None,
            original_bytes: seen.original_bytes,
            bytes: seen.bytes,
        };
        let name = self.name.as_ref().map(|(_, name)| name.as_str());
        let place = (0, interface);
        Ok(Next::Packet(Record { number: 0, place, interface: name, link, packet }))
    }
}
