//! A TFTP server: files out and in, options, windows, sending again, and lies if the scenario wants
//! them. It leaves out `mail`, multicast and access rights.

use crate::scenario::tftp::{FILE_MAX_BYTES, OptionLie, TftpPlan};
use probe::Time;
use probe::tftp::{Decoder, Encoder};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use wire::tftp::{self, BLOCK_BYTES, BLOCK_USUAL_BYTES, Options, Packet, code};

/// An address and a port.
pub(crate) type End = (IpAddr, u16);

/// A server and what it is doing.
#[derive(Debug)]
pub(crate) struct Server {
    plan: TftpPlan,
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    /// By the server's port.
    sessions: BTreeMap<u16, Session>,
    next_port: u16,
    /// What the turn that goes on wants done.
    wants: Vec<Want>,
}

/// What a server wants done.
#[derive(Debug)]
pub(crate) enum Want {
    /// Send this.
    Send { from: End, to: End, bytes: Vec<u8> },
    /// Wake the session of that port after a while.
    Wake { after: Duration, port: u16 },
}

#[derive(Debug)]
struct Session {
    ours: IpAddr,
    peer: End,
    terms: Terms,
    /// The acknowledgment of options, as long as nothing shows that it has come.
    opening: Option<Vec<u8>>,
    job: Job,
    tries: u32,
    due: Time,
    /// Whether a wake is under way.
    has_wake: bool,
}

/// What was agreed on.
#[derive(Clone, Copy, Debug)]
struct Terms {
    block: usize,
    window: u64,
    timeout: Duration,
    rolls_to_1: bool,
}

#[derive(Debug)]
enum Job {
    /// A file goes out: `first` is the first block that is not acknowledged, from 1.
    Out { content: Vec<u8>, first: u64, sent: u64, has_repeated: bool },
    /// A file comes in: `expected` is the next block, from 1.
    In { file: Incoming, expected: u64, taken: u64, has_told_gap: bool, is_whole: bool },
}

#[derive(Debug)]
struct Incoming {
    name: Vec<u8>,
    bytes: Vec<u8>,
    decoder: Option<Decoder>,
}

/// Transfers at one time, at most.
const SESSIONS_MAX: usize = 256;

/// Ports of transfers count up from here (RFC 6335 §6).
const FIRST_PORT: u16 = 49_152;

/// How much farther than the true one the number of a stray block is.
const STRAY: u16 = 20_000;

impl Server {
    pub(crate) fn new(plan: TftpPlan) -> Server {
        let files = plan.files.clone();
        let (sessions, wants) = (BTreeMap::new(), Vec::new());
        Server { plan, files, sessions, next_port: FIRST_PORT, wants }
    }

    /// What a file holds.
    pub(crate) fn file(&self, name: &[u8]) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Takes a datagram; `None` if nobody is at that port.
    pub(crate) fn receive(
        &mut self,
        now: Time,
        from: End,
        to: End,
        payload: &[u8],
    ) -> Option<Vec<Want>> {
        let packet = Packet::parse(payload);
        if to.1 == self.plan.port {
            if let Ok(Packet::Request { is_write, file, mode, options }) = packet
                && !self.plan.lies.mute
            {
                self.begin(now, (from, to.0), is_write, (file, mode), &options);
            }
            return Some(std::mem::take(&mut self.wants));
        }
        let session = self.sessions.get(&to.1)?;
        match packet {
            _ if session.peer != from => {
                let message = b"unknown transfer ID";
                self.say(to, from, &Packet::Error { code: code::UNKNOWN_TRANSFER, message });
            }
            Ok(Packet::Error { .. }) => {
                self.sessions.remove(&to.1);
            }
            Ok(Packet::Acknowledgment { block }) => self.take_acknowledgment(now, to.1, block),
            Ok(Packet::Data { block, payload }) => self.take_data(now, to.1, block, payload),
            _ => {}
        }
        Some(std::mem::take(&mut self.wants))
    }

    /// Comes back to a session.
    pub(crate) fn wake(&mut self, now: Time, port: u16) -> Vec<Want> {
        let Some(session) = self.sessions.get_mut(&port) else { return Vec::new() };
        session.has_wake = false;
        if now >= session.due {
            if session.tries >= self.plan.retries {
                self.sessions.remove(&port);
                return Vec::new();
            }
            session.tries += 1;
            if matches!(session.job, Job::In { is_whole: true, .. }) {
                // The last acknowledgment may be lost: the client says so if it is.
                session.due = now + session.terms.timeout;
                self.rest(now, port);
                return std::mem::take(&mut self.wants);
            }
            if let Job::Out { sent, has_repeated, .. } = &mut session.job {
                (*sent, *has_repeated) = (0, false);
            }
            self.go_on(now, port);
        } else {
            self.rest(now, port);
        }
        std::mem::take(&mut self.wants)
    }

    fn begin(
        &mut self,
        now: Time,
        (peer, ours): (End, IpAddr),
        is_write: bool,
        (file, mode): (&[u8], &[u8]),
        options: &Options<'_>,
    ) {
        let port = self.next_port;
        self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
        let is_text = mode.eq_ignore_ascii_case(b"netascii");
        let refusal = match &self.plan.lies.error {
            Some((code, text)) => Some((*code, text.as_slice())),
            None if !is_text && !mode.eq_ignore_ascii_case(b"octet") => {
                Some((code::ILLEGAL_OPERATION, &b"unknown mode"[..]))
            }
            None if is_write && !self.plan.is_writable => {
                Some((code::ACCESS_VIOLATION, &b"not writable"[..]))
            }
            None if !is_write && !self.files.contains_key(file) => {
                Some((code::NOT_FOUND, &b"no such file"[..]))
            }
            None => None,
        };
        if let Some((code, message)) = refusal.map(|(code, text)| (code, text.to_vec())) {
            let refusal = Packet::Error { code, message: &message };
            return self.say((ours, port), peer, &refusal);
        }
        if self.sessions.len() >= SESSIONS_MAX {
            return;
        }
        let job = if is_write {
            let decoder = is_text.then(Decoder::default);
            let file = Incoming { name: file.to_vec(), bytes: Vec::new(), decoder };
            Job::In { file, expected: 1, taken: 0, has_told_gap: false, is_whole: false }
        } else {
            let mut content = self.files[file].clone();
            if is_text {
                let mut text = Vec::with_capacity(content.len());
                Encoder.push(&content, |byte| text.push(byte));
                content = text;
            }
            Job::Out { content, first: 1, sent: 0, has_repeated: false }
        };
        let (terms, opening) = self.agree(options, &job);
        let (tries, due, has_wake) = (0, now, false);
        let session = Session { ours, peer, terms, opening, job, tries, due, has_wake };
        self.sessions.insert(port, session);
        self.go_on(now, port);
    }

    /// What is agreed to, and its acknowledgment if options were asked for.
    fn agree(&self, options: &Options<'_>, job: &Job) -> (Terms, Option<Vec<u8>>) {
        let mut terms = Terms {
            block: BLOCK_USUAL_BYTES.into(),
            window: 1,
            timeout: self.plan.timeout,
            rolls_to_1: false,
        };
        if !self.plan.knows_options || options.is_empty() {
            return (terms, None);
        }
        let mut said = Vec::new();
        for (name, value) in options.iter() {
            let Some(value) = tftp::number(value) else { continue };
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            let agreed = match name.as_str() {
                "blksize" if value >= u64::from(*BLOCK_BYTES.start()) => {
                    let block = value.min(self.plan.block_max.into());
                    terms.block = block as usize;
                    let is_larger = self.plan.lies.options == Some(OptionLie::Larger);
                    if is_larger { block * 2 } else { block }
                }
                "windowsize" if value >= 1 => {
                    terms.window = value.min(self.plan.window_max.into());
                    terms.window
                }
                "timeout" if (1..=255).contains(&value) => {
                    terms.timeout = Duration::from_secs(value);
                    value
                }
                "tsize" => match job {
                    Job::Out { content, .. } => self.plan.lies.size.unwrap_or(content.len() as u64),
                    Job::In { .. } => value,
                },
                "rollover" if value <= 1 => {
                    terms.rolls_to_1 = value == 1;
                    value
                }
                _ => continue,
            };
            tftp::push_option(&name, &agreed.to_string(), &mut said);
        }
        if self.plan.lies.options == Some(OptionLie::Unasked) {
            tftp::push_option("multicast", "1", &mut said);
        }
        let options = Options::parse(&said).expect("they were just written");
        let mut opening = Vec::new();
        Packet::OptionAcknowledgment { options }.emit(&mut opening);
        (terms, (!said.is_empty()).then_some(opening))
    }

    fn take_acknowledgment(&mut self, now: Time, port: u16, number: u16) {
        let lies = self.plan.lies.clone();
        let Some(session) = self.sessions.get_mut(&port) else { return };
        let terms = session.terms;
        let Job::Out { content, first, sent, has_repeated } = &mut session.job else { return };
        let is_opened = session.opening.is_some();
        if is_opened && number != 0 {
            return;
        }
        session.opening = None;
        let count = (0..=*sent).rev().find(|n| terms.number(*first - 1 + n) == number);
        match count {
            None => return,
            Some(0) if is_opened => {}
            // One that is repeated: nothing goes again in lockstep (RFC 1123 §4.2.3.1), the window
            // once (RFC 7440 §4).
            Some(0) if !lies.sorcerer && (*sent < 2 || *has_repeated) => return,
            Some(0) => (*sent, *has_repeated) = (0, true),
            Some(count) => {
                *first += count;
                (*sent, *has_repeated) = (0, false);
            }
        }
        let is_over = !lies.endless && *first > last_block(content.len(), terms.block);
        session.tries = 0;
        if is_over {
            self.sessions.remove(&port);
        } else {
            self.go_on(now, port);
        }
    }

    fn take_data(&mut self, now: Time, port: u16, number: u16, payload: &[u8]) {
        let full_bytes = self.plan.lies.full_bytes.unwrap_or(FILE_MAX_BYTES);
        let Some(session) = self.sessions.get_mut(&port) else { return };
        let (terms, end, peer) = (session.terms, (session.ours, port), session.peer);
        let Job::In { file, expected, taken, has_told_gap, is_whole } = &mut session.job else {
            return;
        };
        let mut answers = false;
        if number == terms.number(*expected) && payload.len() <= terms.block && !*is_whole {
            session.opening = None;
            session.tries = 0;
            session.due = now + terms.timeout;
            *expected += 1;
            *taken += 1;
            *has_told_gap = false;
            let is_last = payload.len() < terms.block;
            file.push(payload, is_last);
            *is_whole = is_last;
            answers = is_last || *taken >= terms.window;
            if file.bytes.len() > full_bytes {
                self.sessions.remove(&port);
                let message = b"disk full";
                return self.say(end, peer, &Packet::Error { code: code::DISK_FULL, message });
            }
            if is_last {
                self.files.insert(file.name.clone(), file.bytes.clone());
            }
        } else if number == terms.number(*expected - 1) && *expected > 1 {
            answers = *taken == 0;
        } else if (1..terms.window).any(|ahead| terms.number(*expected + ahead) == number) {
            answers = !std::mem::replace(has_told_gap, true);
        }
        if answers {
            self.go_on(now, port);
        } else {
            self.rest(now, port);
        }
    }

    /// Sends what is due: the acknowledgment of options, a window, or an acknowledgment.
    fn go_on(&mut self, now: Time, port: u16) {
        let lies = self.plan.lies.clone();
        let Some(session) = self.sessions.get_mut(&port) else { return };
        let (ends, terms) = (((session.ours, port), session.peer), session.terms);
        session.due = now + terms.timeout;
        let mut packets = Vec::new();
        match (&session.opening, &mut session.job) {
            (Some(opening), _) => packets.push(opening.clone()),
            (None, Job::Out { content, first, sent, .. }) => {
                let last = match lies.endless {
                    true => u64::MAX,
                    false => last_block(content.len(), terms.block),
                };
                while *sent < terms.window && *first + *sent <= last {
                    let block = *first + *sent;
                    *sent += 1;
                    let payload = match lies.endless {
                        true => vec![b'x'; terms.block],
                        false => piece(content, terms.block, block, lies.oversize),
                    };
                    let number = terms.number(block);
                    if lies.strays {
                        let number = number.wrapping_add(STRAY);
                        packets.push(emitted(&Packet::Data { block: number, payload: b"stray" }));
                    }
                    packets.push(emitted(&Packet::Data { block: number, payload: &payload }));
                }
            }
            (None, Job::In { expected, taken, .. }) => {
                *taken = 0;
                let block = terms.number(*expected - 1);
                packets.push(emitted(&Packet::Acknowledgment { block }));
            }
        }
        for bytes in packets {
            self.put(ends, bytes);
        }
        self.rest(now, port);
    }

    /// Sleeps until the session is due.
    fn rest(&mut self, now: Time, port: u16) {
        let Some(session) = self.sessions.get_mut(&port) else { return };
        if session.has_wake {
            return;
        }
        session.has_wake = true;
        let after = session.due.since(now).max(Duration::from_nanos(1));
        self.wants.push(Want::Wake { after, port });
    }

    fn say(&mut self, from: End, to: End, packet: &Packet<'_>) {
        self.put((from, to), emitted(packet));
    }

    fn put(&mut self, (from, to): (End, End), bytes: Vec<u8>) {
        if self.plan.lies.stranger {
            let other = (from.0, from.1 ^ 0x2000);
            let bytes = match Packet::parse(&bytes) {
                Ok(Packet::Acknowledgment { block }) => {
                    emitted(&Packet::Acknowledgment { block: block.wrapping_add(1) })
                }
                _ => emitted(&Packet::Data { block: 1, payload: b"from a stranger" }),
            };
            self.wants.push(Want::Send { from: other, to, bytes });
        }
        if self.plan.lies.twice {
            self.wants.push(Want::Send { from, to, bytes: bytes.clone() });
        }
        self.wants.push(Want::Send { from, to, bytes });
    }
}

impl Terms {
    /// The number of a block, from 1; of 0, the request, 0.
    fn number(&self, block: u64) -> u16 {
        match (self.rolls_to_1, block) {
            (false, _) => block as u16,
            (true, 0) => 0,
            (true, _) => ((block - 1) % 65_535) as u16 + 1,
        }
    }
}

impl Incoming {
    fn push(&mut self, payload: &[u8], is_last: bool) {
        match &mut self.decoder {
            None => self.bytes.extend_from_slice(payload),
            Some(decoder) => {
                decoder.push(payload, &mut self.bytes);
                if is_last {
                    decoder.finish(&mut self.bytes);
                }
            }
        }
    }
}

/// The number of the last block, which is not full.
fn last_block(bytes: usize, block: usize) -> u64 {
    (bytes / block) as u64 + 1
}

fn piece(content: &[u8], block_bytes: usize, block: u64, is_oversize: bool) -> Vec<u8> {
    let start = (block - 1) as usize * block_bytes;
    let mut piece = content[start..content.len().min(start + block_bytes)].to_vec();
    if is_oversize {
        piece.resize(block_bytes + 1, 0);
    }
    piece
}

fn emitted(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.emit(&mut bytes);
    bytes
}
