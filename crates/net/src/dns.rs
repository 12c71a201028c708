//! Questions to DNS servers, many at one time: a stub resolver (RFC 1035 §5.3.1) for records that
//! the system's does not hand out. Blocks: it belongs on a thread of its own.
//!
//! An answer counts if it came from the server that was asked (the socket is connected), to the
//! port that the system chose, with the random number and the question that were sent (RFC 5452
//! §9.1). Others are passed over. Nothing is kept: who asks remembers.

mod servers;
mod stream;

pub use servers::Servers;

use crate::sys::{self, Watch};
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use wire::Family;
use wire::dns::{self, Header, INTERNET, Message, code};

/// Questions in the air at one time, at most: a server is not to be flooded.
const IN_FLIGHT_MAX: usize = 64;

/// Another server, or the same again, is asked after so long; what the first one says still counts.
const RETRY: Duration = Duration::from_secs(1);

/// A question is given up after so long, whatever the system's file says of tries and times.
const DEADLINE: Duration = Duration::from_secs(5);

/// A question is sent so often at most.
const TRIES_MAX: u32 = 6;

/// The largest datagram.
const DATAGRAM_MAX_BYTES: usize = 65_535;

/// Datagrams taken in one look at a socket.
const DATAGRAMS_MAX: usize = 256;

/// Asks, and waits for answers.
pub struct Client {
    servers: Servers,
    lines: Vec<Line>,
    waiting: VecDeque<(u64, Query)>,
    asked: Vec<Asked>,
    /// What is through and has not been handed over.
    done: Vec<(u64, Result<Vec<u8>, Unanswered>)>,
    next: u64,
    random: RandomState,
    draws: u64,
    buffer: Vec<u8>,
}

/// The way to one server.
struct Line {
    server: SocketAddr,
    /// `None` until the first question, or if there is no way.
    socket: Option<UdpSocket>,
    /// Whether it failed to answer by TCP what did not fit a datagram.
    is_stream_dead: bool,
}

#[derive(Clone, Debug)]
struct Query {
    name: String,
    kind: u16,
}

/// A question in the air.
struct Asked {
    number: u64,
    query: Query,
    id: u16,
    tries: u32,
    /// When it is sent again.
    again_at: Instant,
    /// When it is given up.
    ends_at: Instant,
    /// What went wrong last.
    fault: Unanswered,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Who was asked last.
    pub server: SocketAddr,
    /// What came of it.
    pub why: Why,
}

/// What comes of a question that is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing.
    Silence,
    /// The system's word: there is no way, or nobody listens.
    Unreachable(String),
    /// The server's word: a response code (RFC 1035 §4.1.1).
    Declined(u8),
    /// An answer that cannot be read.
    Malformed,
    /// Nothing was sent: what was to be asked for is no name.
    NoName,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server;
        match &self.why {
            Why::Silence => write!(f, "{server} does not answer"),
            Why::Unreachable(word) => write!(f, "{server} cannot be asked: {word}"),
            Why::Declined(code) => match CODES.get(usize::from(*code)) {
                Some(word) => write!(f, "{server} says {word}"),
                None => write!(f, "{server} says code {code}"),
            },
            Why::Malformed => write!(f, "what {server} answers cannot be read"),
            Why::NoName => write!(f, "no name to ask {server} for"),
        }
    }
}

/// Response codes by number (RFC 1035 §4.1.1).
const CODES: &[&str] =
    &["no error", "format error", "server failure", "no such name", "not implemented", "refused"];

impl std::error::Error for Unanswered {}

impl Client {
    /// One that asks these servers.
    pub fn new(servers: Servers) -> Client {
        let line =
            |server: &SocketAddr| Line { server: *server, socket: None, is_stream_dead: false };
        Client {
            lines: servers.addresses.iter().map(line).collect(),
            servers,
            waiting: VecDeque::new(),
            asked: Vec::new(),
            done: Vec::new(),
            next: 0,
            random: RandomState::new(),
            draws: 0,
            buffer: vec![0; DATAGRAM_MAX_BYTES],
        }
    }

    /// Asks for the records of a name that are of this type. Answers bear the number that is
    /// returned.
    pub fn ask(&mut self, name: String, kind: u16) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.push_back((number, Query { name, kind }));
        number
    }

    /// Whether anything is still to be answered or handed over.
    pub fn is_busy(&self) -> bool {
        !(self.waiting.is_empty() && self.asked.is_empty() && self.done.is_empty())
    }

    /// Sends what is due and waits for answers, so long at most; returns as soon as there are any.
    /// An answer is a whole message, every record of which can be parsed; the server says in it
    /// that all is well, or that there is no such name.
    pub fn wait(&mut self, most: Duration) -> Vec<(u64, Result<Vec<u8>, Unanswered>)> {
        let until = now() + most;
        loop {
            self.send_due();
            let now = now();
            if !self.done.is_empty() || now >= until || self.asked.is_empty() {
                return std::mem::take(&mut self.done);
            }
            let due = self.asked.iter().map(|asked| asked.again_at.min(asked.ends_at)).min();
            let next = due.unwrap_or(until).min(until);
            self.listen(next.saturating_duration_since(now));
        }
    }

    /// Begins what there is room for, sends again what is due, and gives up what is overdue.
    fn send_due(&mut self) {
        while self.asked.len() < IN_FLIGHT_MAX
            && let Some((number, query)) = self.waiting.pop_front()
        {
            self.begin(number, query);
        }
        let now = now();
        let mut index = 0;
        while let Some(asked) = self.asked.get(index) {
            if asked.ends_at <= now {
                let asked = self.asked.swap_remove(index);
                self.done.push((asked.number, Err(asked.fault)));
                continue;
            }
            if asked.again_at <= now {
                self.send(index);
            }
            index += 1;
        }
    }

    fn begin(&mut self, number: u64, query: Query) {
        let mut id = self.draw();
        while self.asked.iter().any(|asked| asked.id == id) {
            id = self.draw();
        }
        let now = now();
        let server = self.lines[0].server;
        let fault = Unanswered { server, why: Why::Silence };
        if question(&query, id).is_none() {
            self.done.push((number, Err(Unanswered { server, why: Why::NoName })));
            return;
        }
        let ends_at = now + DEADLINE;
        self.asked.push(Asked { number, query, id, tries: 0, again_at: now, ends_at, fault });
    }

    /// A number that nobody can guess: the standard library keys its hashes from the system's
    /// random source.
    fn draw(&mut self) -> u16 {
        self.draws += 1;
        self.random.hash_one(self.draws) as u16
    }

    /// How often a question is sent at most.
    fn tries_max(&self) -> u32 {
        (self.servers.attempts.saturating_mul(self.lines.len() as u32)).clamp(1, TRIES_MAX)
    }

    /// Sends a question to the server whose turn it is.
    fn send(&mut self, index: usize) {
        let (tries_max, count) = (self.tries_max(), self.lines.len());
        let asked = &mut self.asked[index];
        let line = &mut self.lines[asked.tries as usize % count];
        asked.tries += 1;
        let message = question(&asked.query, asked.id).expect("it was checked before");
        let sent = line.socket().and_then(|socket| socket.send(&message));
        let now = now();
        let patience = if asked.tries < tries_max { RETRY } else { DEADLINE };
        asked.again_at = now + patience.min(self.servers.timeout);
        match sent {
            Ok(_) => asked.fault = Unanswered { server: line.server, why: Why::Silence },
            Err(error) => {
                asked.fault = Unanswered { server: line.server, why: unreachable(&error) };
                asked.again_at = now;
            }
        }
        if asked.tries >= tries_max {
            asked.ends_at = asked.ends_at.min(asked.again_at);
        }
    }

    /// Waits until a server says something, and takes it.
    fn listen(&mut self, most: Duration) {
        let open: Vec<usize> =
            (0..self.lines.len()).filter(|line| self.lines[*line].socket.is_some()).collect();
        let fds = open.iter().filter_map(|line| self.lines[*line].socket.as_ref());
        let mut watches: Vec<Watch> = fds.map(|it| Watch::readable(it.as_raw_fd())).collect();
        if sys::sleep(&mut watches, Some(most)).is_err() {
            return;
        }
        for line in open {
            for _ in 0..DATAGRAMS_MAX {
                let Some(socket) = &self.lines[line].socket else { break };
                match socket.recv(&mut self.buffer) {
                    Ok(length) => self.take(line, length),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => self.pass_on(line, None, &unreachable(&error)),
                }
            }
        }
    }

    /// Takes what came from a server, if it answers anything.
    fn take(&mut self, line: usize, length: usize) {
        let Some(index) = self.position(&self.buffer[..length]) else { return };
        let mut answer = self.buffer[..length].to_vec();
        if Message::parse(&answer).is_ok_and(|message| message.header.is_truncated) {
            let Line { server, is_stream_dead, .. } = self.lines[line];
            let asked = &self.asked[index];
            let question = question(&asked.query, asked.id).expect("it was checked before");
            let whole = if is_stream_dead { None } else { stream::ask(server, &question).ok() };
            match whole.filter(|whole| self.position(whole) == Some(index)) {
                Some(whole) => answer = whole,
                None => {
                    self.lines[line].is_stream_dead = true;
                    return self.pass_on(line, Some(index), &Why::Malformed);
                }
            }
        }
        match verdict(&answer) {
            Ok(()) => {
                let asked = self.asked.swap_remove(index);
                self.done.push((asked.number, Ok(answer)));
            }
            Err(why) => self.pass_on(line, Some(index), &why),
        }
    }

    /// Which question a message answers.
    fn position(&self, message: &[u8]) -> Option<usize> {
        let message = Message::parse(message).ok()?;
        let Header { id, is_response, operation, questions, .. } = message.header;
        if !is_response || operation != 0 || questions != 1 {
            return None;
        }
        let question = message.questions().next()?.ok()?;
        self.asked.iter().position(|asked| {
            let Asked { id: sent, query: Query { name, kind }, .. } = asked;
            let is_same = question.kind == *kind && question.class == INTERNET;
            id == *sent && is_same && question.name.is(name)
        })
    }

    /// A server will not answer a question, or any that it was asked last: others are asked at
    /// once.
    fn pass_on(&mut self, line: usize, only: Option<usize>, why: &Why) {
        let (tries_max, count) = (self.tries_max(), self.lines.len());
        let server = self.lines[line].server;
        let now = now();
        for (index, asked) in self.asked.iter_mut().enumerate() {
            let is_its = asked.tries > 0 && (asked.tries as usize - 1) % count == line;
            if only.map_or(is_its, |only| only == index) {
                asked.fault = Unanswered { server, why: why.clone() };
                asked.again_at = now;
                // The others once each; nobody who declined is asked again.
                if asked.tries >= tries_max.min(count as u32) {
                    asked.ends_at = now;
                }
            }
        }
    }
}

impl Line {
    fn socket(&mut self) -> io::Result<&UdpSocket> {
        if self.socket.is_none() {
            let any = sys::unspecified(Family::of(self.server.ip()));
            let socket = UdpSocket::bind((any, 0))?;
            socket.connect(self.server)?;
            socket.set_nonblocking(true)?;
            self.socket = Some(socket);
        }
        Ok(self.socket.as_ref().expect("it was opened above"))
    }
}

/// A question as it is sent; `None` if its name is none.
fn question(query: &Query, id: u16) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let header = Header { id, wants_recursion: true, questions: 1, ..Header::default() };
    header.emit(&mut message);
    dns::emit_question(&query.name, query.kind, INTERNET, &mut message).ok()?;
    Some(message)
}

/// Whether an answer is one.
fn verdict(answer: &[u8]) -> Result<(), Why> {
    let message = Message::parse(answer).map_err(|_| Why::Malformed)?;
    match message.header.response_code {
        code::NO_ERROR | code::NAME_ERROR => {}
        other => return Err(Why::Declined(other)),
    }
    match message.answers().all(|record| record.is_ok()) {
        true => Ok(()),
        false => Err(Why::Malformed),
    }
}

fn unreachable(error: &io::Error) -> Why {
    let said = error.to_string();
    let word = said.split(" (os error").next().unwrap_or_default();
    Why::Unreachable(word.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "servers are waited for in real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
