//! The engine itself: phases, timers, and what packets mean in each.

use super::download::{self, Download};
use super::numbers::Numbers;
use super::patience::{Expiry, Patience};
use super::upload::{self, Upload};
use super::{Agreed, Breach, Counts, End, Event, IcmpError, Plan, Report, Task};
use crate::{
    Arrival, Carrier, Engine, Output, Own, SendFault, SendFaultReason, Stamp, Ticket, Time,
    Transmit,
};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::{self, Meaning, Message, Transport};
use wire::tftp::{Packet, code};
use wire::udp;

/// How long a server is likely to take to send its last block again, if it did not say.
const SERVER_USUAL: Duration = Duration::from_secs(1);

/// How often a last block that comes again makes the wait for more of them longer.
const REPAIRS_MAX: u32 = 8;

/// Of the header in front of a packet.
const UDP_HEADER_BYTES: usize = 8;

/// So many strangers get an answer.
const STRANGERS_MAX: usize = 16;

/// So many different ICMP errors are reported.
const REMARKS_MAX: usize = 16;

/// Packets that wait to be sent: more are lost, as on any network.
const QUEUE_MAX: usize = 64;

/// So many packets are remembered, by so many bytes, to be known again where an error quotes them.
const REMEMBERED_MAX: usize = 64;
const REMEMBERED_BYTES: usize = 32;

/// One transfer.
#[derive(Clone, Debug)]
pub struct Tftp {
    plan: Plan,
    request: Vec<u8>,
    phase: Phase,
    work: Work,
    /// The server's port, once it has chosen one.
    port: Option<u16>,
    agreed: Agreed,
    patience: Patience,
    /// When the last packet that wants an answer was sent, if that was the first time.
    asked_at: Option<Time>,
    /// When the last acknowledgment was sent.
    acknowledged_at: Time,
    /// When the last block was taken.
    taken_at: Time,
    began: Option<Time>,
    ended: Option<Time>,
    queue: VecDeque<Letter>,
    reports: VecDeque<Report>,
    strangers: Vec<(IpAddr, u16)>,
    remarks: Vec<(IpAddr, u8, u8)>,
    /// How the last packets began.
    remembered: VecDeque<Vec<u8>>,
    repairs: u32,
    counts: Counts,
    ticket: Ticket,
}

/// A packet that is to be sent.
#[derive(Clone, Debug)]
struct Letter {
    to: IpAddr,
    port: u16,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent.
    Fresh,
    /// The server has not answered.
    Asking,
    /// Blocks come or go.
    Moving,
    /// Everything has come and was reported; it will be acknowledged.
    Delivered,
    /// The acknowledgment may be lost; until then the last block may come again.
    Lingering(Time),
    /// Nothing is left but what is queued.
    Over,
}

#[derive(Clone, Debug)]
enum Work {
    Get(Download),
    Put(Upload),
}

impl Tftp {
    /// A transfer that begins at the first poll. See [`Plan::check`].
    pub fn new(plan: Plan) -> Tftp {
        Tftp {
            request: plan.request(),
            phase: Phase::Fresh,
            work: work(&plan, &Agreed::default()),
            port: None,
            agreed: Agreed::default(),
            patience: Patience::new(plan.schedule, plan.retries),
            asked_at: None,
            acknowledged_at: Time::ZERO,
            taken_at: Time::ZERO,
            began: None,
            ended: None,
            queue: VecDeque::new(),
            reports: VecDeque::new(),
            strangers: Vec::new(),
            remarks: Vec::new(),
            remembered: VecDeque::new(),
            repairs: 0,
            counts: Counts::default(),
            ticket: 0,
            plan,
        }
    }

    /// What was decided before.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What was counted so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What is in force.
    pub fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The smoothed round trip; `None` before there was one.
    pub fn rtt(&self) -> Option<Duration> {
        self.patience.smoothed_rtt()
    }

    /// How long the transfer has taken, to its end or until now; without the wait for a last block
    /// that comes again.
    pub fn took(&self, now: Time) -> Duration {
        self.began.map_or(Duration::ZERO, |began| self.ended.unwrap_or(now).since(began))
    }

    /// The file's size as far as it is known, in bytes as they stand in packets.
    pub fn size(&self) -> Option<u64> {
        match self.plan.task {
            Task::Get => self.agreed.bytes,
            Task::Put { bytes } => bytes,
        }
    }

    /// Gives bytes of a file that goes, and whether they are the last: the answer to
    /// [`Event::Wants`].
    pub fn feed(&mut self, bytes: &[u8], is_end: bool) {
        if let Work::Put(upload) = &mut self.work {
            self.counts.file_bytes += bytes.len() as u64;
            upload.feed(bytes, is_end);
        }
    }

    /// Ends the transfer because this side cannot go on, and tells the server why.
    pub fn give_up(&mut self, now: Time, code: u16, why: &str) {
        self.fail(now, End::GivenUp, Some((code, why)));
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over | Phase::Lingering(_))
    }

    /// Whether nothing that comes changes how it ends.
    fn is_settled(&self) -> bool {
        self.is_over() || self.phase == Phase::Delivered
    }

    fn report(&mut self, at: Time, event: Event) {
        self.reports.push_back(Report { at, event });
    }

    /// Sends to the server: to the port of the transfer, or where it is asked.
    fn post(&mut self, bytes: Vec<u8>) {
        let port = self.port.unwrap_or(self.plan.port);
        self.post_to(self.plan.server.address, port, bytes);
    }

    fn post_to(&mut self, to: IpAddr, port: u16, bytes: Vec<u8>) {
        if self.queue.len() < QUEUE_MAX {
            self.queue.push_back(Letter { to, port, bytes });
        }
    }

    fn end(&mut self, now: Time, end: End) {
        self.ended = Some(now);
        self.patience.disarm();
        self.report(now, Event::End(end));
    }

    /// Ends the transfer; the server is told if there is something to tell.
    fn fail(&mut self, now: Time, end: End, tells: Option<(u16, &str)>) {
        if self.is_over() {
            return;
        }
        self.queue.clear();
        self.reports.retain(|report| !matches!(report.event, Event::Bytes(_) | Event::Whole));
        if let (Some((code, message)), Some(_)) = (tells, self.port) {
            self.post(emitted(&Packet::Error { code, message: message.as_bytes() }));
        }
        self.phase = Phase::Over;
        self.end(now, end);
    }

    /// Acknowledges what has come, and waits for what follows.
    fn acknowledge(&mut self, now: Time) {
        self.post_acknowledgment(now);
        self.asked_at = Some(now);
        if !self.is_over() {
            self.patience.arm(now);
        }
    }

    /// Acknowledges what was acknowledged before. The timer goes on, so that no repetition of the
    /// server's puts off the end.
    fn acknowledge_again(&mut self, now: Time) {
        self.counts.resent += 1;
        self.post_acknowledgment(now);
        self.asked_at = None;
    }

    /// Whether a block that comes again may say that its acknowledgment is lost: not if it was sent
    /// before that could have arrived. Otherwise a server that sends everything twice would get two
    /// for one, and so on.
    fn may_be_lost(&self, now: Time) -> bool {
        self.patience.least_rtt().is_none_or(|least| now.since(self.acknowledged_at) >= least)
    }

    /// Whether a block that comes again amid a window says that the server began the window anew
    /// and does not know how much of it has come: nothing has for a round trip. Said once, until
    /// something comes.
    fn has_gone_back(&mut self, now: Time) -> bool {
        let is_quiet =
            self.patience.least_rtt().is_some_and(|least| now.since(self.taken_at) >= least);
        let is_under_way = self.phase == Phase::Moving;
        match &mut self.work {
            Work::Get(download) if is_quiet && is_under_way => download.tells_gap(),
            _ => false,
        }
    }

    fn post_acknowledgment(&mut self, now: Time) {
        self.acknowledged_at = now;
        let Work::Get(download) = &mut self.work else { return };
        let block = download.acknowledge();
        self.post(emitted(&Packet::Acknowledgment { block }));
    }

    /// What time makes due.
    fn look_at_clock(&mut self, now: Time) {
        match self.phase {
            Phase::Fresh => {
                self.began = Some(now);
                self.phase = Phase::Asking;
                self.post(self.request.clone());
                self.asked_at = Some(now);
                self.patience.arm(now);
            }
            // What was reported has been kept: nobody gave up.
            Phase::Delivered if self.reports.is_empty() => {
                self.end(now, End::Complete);
                let after = self.plan.dally.unwrap_or_else(|| self.usual_dally());
                self.phase = Phase::Lingering(now + after);
                self.acknowledge(now);
            }
            Phase::Lingering(until) if now >= until => self.phase = Phase::Over,
            Phase::Asking | Phase::Moving if now >= self.deadline() => {
                self.fail(now, End::Late, Some((code::NOT_DEFINED, "took too long")));
            }
            Phase::Asking | Phase::Moving => match self.patience.expire(now) {
                None => {}
                Some(expiry) => {
                    self.counts.timeouts += 1;
                    self.time_out(now, expiry);
                }
            },
            _ => {}
        }
    }

    fn deadline(&self) -> Time {
        match (self.began, self.plan.deadline) {
            (Some(began), Some(span)) => began + span,
            _ => Time::NEVER,
        }
    }

    /// The server sends its last block again after its own timeout, and a round trip passes.
    fn usual_dally(&self) -> Duration {
        let server = self.agreed.timeout_s.map(|seconds| Duration::from_secs(seconds.into()));
        server.unwrap_or(SERVER_USUAL) + self.rtt().unwrap_or_default() * 2
    }

    fn time_out(&mut self, now: Time, expiry: Expiry) {
        if let Expiry::Enough(tries) = expiry {
            let had_answered = self.phase == Phase::Moving;
            let end = End::Silence { tries, had_answered };
            return self.fail(now, end, Some((code::NOT_DEFINED, "timed out")));
        }
        // A round trip from here on could be that of either send (RFC 6298 §3, Karn).
        self.asked_at = None;
        match (&mut self.work, self.phase) {
            (_, Phase::Asking) => {
                self.counts.resent += 1;
                self.post(self.request.clone());
                self.patience.arm(now);
            }
            (Work::Get(download), _) => {
                download.note_timeout();
                self.acknowledge_again(now);
                self.patience.arm(now);
            }
            (Work::Put(upload), _) => upload.rewind(),
        }
    }

    /// The server's first answer: from which port, and what it puts in force.
    fn begin(&mut self, now: Time, port: u16, agreed: Agreed) {
        self.port = Some(port);
        self.agreed = agreed;
        self.work = work(&self.plan, &agreed);
        self.phase = Phase::Moving;
        self.note_answer(now);
        self.patience.disarm();
        self.report(now, Event::Agreed { port, agreed });
    }

    /// Something came that shows the server has heard us.
    fn note_answer(&mut self, now: Time) {
        self.note_round_trip(now);
        self.patience.note_progress();
    }

    /// Something came that the server sent once it had heard us: where blocks overtake each other,
    /// that is one behind a missing one more often than not.
    fn note_round_trip(&mut self, now: Time) {
        if let Some(asked_at) = self.asked_at.take() {
            self.patience.note_round_trip(now.since(asked_at));
        }
    }

    fn take_udp(&mut self, now: Time, arrival: &Arrival<'_>) -> Option<()> {
        let message = udp::Message::parse(arrival.payload).ok()?;
        if message.destination_port != self.plan.local_port {
            return None;
        }
        let verifies = arrival
            .destination
            .is_none_or(|ours| udp::verify(arrival.source, ours, arrival.payload));
        if !verifies {
            return None;
        }
        let packet = Packet::parse(message.payload);
        let is_ours = arrival.source == self.plan.server.address
            && self.port.is_none_or(|port| port == message.source_port);
        match packet {
            Ok(packet) if !is_ours => {
                self.answer_stranger(now, arrival.source, message.source_port, &packet);
            }
            Err(_) if !is_ours => {}
            Ok(packet) if self.phase == Phase::Asking => {
                self.take_first(now, message.source_port, &packet);
            }
            Ok(packet) => self.take_next(now, &packet),
            Err(_) => self.counts.odd += 1,
        }
        Some(())
    }

    /// A packet from another port or address: it is told so, and nothing is disturbed (RFC 1350
    /// §4). What no server would send for this request is nobody's transfer, and an error is never
    /// answered by an error.
    fn answer_stranger(&mut self, now: Time, from: IpAddr, port: u16, packet: &Packet<'_>) {
        let is_a_servers = match packet {
            Packet::OptionAcknowledgment { .. } => true,
            Packet::Data { .. } => self.plan.task == Task::Get,
            Packet::Acknowledgment { .. } => self.plan.task != Task::Get,
            Packet::Request { .. } | Packet::Error { .. } => false,
        };
        if !is_a_servers {
            return;
        }
        self.counts.strangers += 1;
        let is_new = !self.strangers.contains(&(from, port));
        if is_new && self.strangers.len() < STRANGERS_MAX {
            self.strangers.push((from, port));
            self.report(now, Event::Stranger { from, port });
        }
        if self.counts.strangers <= STRANGERS_MAX as u64 {
            let message = b"unknown transfer ID";
            let code = code::UNKNOWN_TRANSFER;
            self.post_to(from, port, emitted(&Packet::Error { code, message }));
        }
    }

    /// The first packet of a server: what it may be depends on what was asked.
    fn take_first(&mut self, now: Time, port: u16, packet: &Packet<'_>) {
        match (*packet, &self.work) {
            (Packet::Error { code, message }, _) => {
                self.port = Some(port);
                self.fail(now, End::Refused { code, message: message.to_vec() }, None);
            }
            (Packet::OptionAcknowledgment { options }, _) => match self.plan.agree(&options) {
                Err(breach) => {
                    self.port = Some(port);
                    self.break_off(now, breach);
                }
                Ok(agreed) => {
                    self.begin(now, port, agreed);
                    self.refuse_size(now);
                    if self.phase == Phase::Moving {
                        self.acknowledge(now);
                    }
                }
            },
            (Packet::Data { block: 1, .. }, Work::Get(_)) => {
                self.begin(now, port, Agreed::default());
                self.take_next(now, packet);
            }
            (Packet::Acknowledgment { block: 0 }, Work::Put(_)) => {
                self.begin(now, port, Agreed::default());
            }
            _ => self.counts.odd += 1,
        }
    }

    /// Ends the transfer if the server says that the file is larger than this side takes (RFC
    /// 2349).
    fn refuse_size(&mut self, now: Time) {
        let Some(bytes) = self.agreed.bytes.filter(|_| self.plan.task == Task::Get) else { return };
        if bytes > self.plan.max_bytes {
            let end = End::TooLarge { bytes, is_stated: true };
            self.fail(now, end, Some((code::DISK_FULL, "file too large")));
        }
    }

    fn break_off(&mut self, now: Time, breach: Breach) {
        let tells = match breach {
            Breach::Option { .. } => (code::OPTIONS_REFUSED, "option not acceptable"),
            Breach::BlockTooLarge { .. } => (code::ILLEGAL_OPERATION, "block too large"),
        };
        self.fail(now, End::Breach(breach), Some(tells));
    }

    /// A packet of a transfer that is under way, or over.
    fn take_next(&mut self, now: Time, packet: &Packet<'_>) {
        match (*packet, &self.work) {
            (Packet::Error { code, message }, _) if !self.is_settled() => {
                self.fail(now, End::Refused { code, message: message.to_vec() }, None);
            }
            (Packet::Data { block, payload }, Work::Get(_)) => {
                self.take_data(now, block, payload);
            }
            (Packet::Acknowledgment { block }, Work::Put(_)) if self.phase == Phase::Moving => {
                self.take_acknowledgment(now, block);
            }
            // The acknowledgment of it may be lost.
            (Packet::OptionAcknowledgment { .. }, Work::Get(download))
                if self.phase == Phase::Moving
                    && self.agreed.is_by_options
                    && download.is_untouched() =>
            {
                self.counts.duplicates += 1;
                if self.may_be_lost(now) {
                    self.acknowledge_again(now);
                }
            }
            (Packet::OptionAcknowledgment { .. }, _) if self.agreed.is_by_options => {
                self.counts.duplicates += 1;
            }
            _ => self.counts.odd += 1,
        }
    }

    fn take_data(&mut self, now: Time, block: u16, payload: &[u8]) {
        let Work::Get(download) = &mut self.work else { return };
        if !matches!(self.phase, Phase::Moving | Phase::Lingering(_)) {
            return;
        }
        let verdict = download.look(block, payload);
        match (verdict, self.phase) {
            (download::Verdict::Duplicate { is_answered }, phase) => {
                self.counts.duplicates += 1;
                let is_told = is_answered || self.has_gone_back(now);
                if is_told && self.may_be_lost(now) {
                    self.acknowledge_again(now);
                }
                if let (Phase::Lingering(until), true) = (phase, self.repairs < REPAIRS_MAX) {
                    self.repairs += 1;
                    self.phase = Phase::Lingering(until.max(now + self.usual_dally()));
                }
            }
            (_, Phase::Lingering(_)) | (download::Verdict::Odd, _) => self.counts.odd += 1,
            (download::Verdict::Gap { is_told }, _) => {
                self.counts.out_of_order += 1;
                self.note_round_trip(now);
                if is_told {
                    self.acknowledge_again(now);
                }
            }
            (download::Verdict::TooLarge, _) => {
                let (bytes, most) = (payload.len(), self.agreed.block_bytes);
                self.break_off(now, Breach::BlockTooLarge { bytes, most });
            }
            (download::Verdict::Taken { bytes, is_last, is_due }, _) => {
                self.note_answer(now);
                self.patience.arm(now);
                self.taken_at = now;
                self.counts.blocks += 1;
                self.counts.payload_bytes += payload.len() as u64;
                self.keep(now, bytes, is_last, is_due);
            }
        }
    }

    /// Hands on a block that was taken, unless the file is not what it was said to be.
    fn keep(&mut self, now: Time, bytes: Vec<u8>, is_last: bool, is_due: bool) {
        let Work::Get(download) = &self.work else { return };
        let taken = download.taken_bytes();
        if taken > self.plan.max_bytes {
            let end = End::TooLarge { bytes: taken, is_stated: false };
            return self.fail(now, end, Some((code::DISK_FULL, "file too large")));
        }
        // Of a text, servers may say the size that it has there.
        let stated = self.agreed.bytes.filter(|_| self.plan.mode == super::Mode::Octet);
        if let Some(stated_bytes) = stated
            && (taken > stated_bytes || is_last && taken != stated_bytes)
        {
            let end = End::WrongSize { stated_bytes, bytes: taken };
            return self.fail(now, end, Some((code::NOT_DEFINED, "not of the size stated")));
        }
        self.counts.file_bytes += bytes.len() as u64;
        if !bytes.is_empty() {
            self.report(now, Event::Bytes(bytes));
        }
        if is_last {
            self.patience.disarm();
            self.phase = Phase::Delivered;
            self.report(now, Event::Whole);
        } else if is_due {
            self.acknowledge(now);
        }
    }

    fn take_acknowledgment(&mut self, now: Time, block: u16) {
        let Work::Put(upload) = &mut self.work else { return };
        match upload.take(now, block, self.patience.least_rtt(), self.patience.usual()) {
            upload::Verdict::Progress { blocks, bytes, sent_at, is_all } => {
                self.counts.blocks += blocks;
                self.counts.payload_bytes += bytes;
                self.asked_at = sent_at;
                self.note_answer(now);
                self.patience.disarm();
                if is_all {
                    self.phase = Phase::Over;
                    self.end(now, End::Complete);
                }
            }
            upload::Verdict::Repeat | upload::Verdict::Duplicate => self.counts.duplicates += 1,
            upload::Verdict::Odd => self.counts.odd += 1,
        }
    }

    fn take_icmp(&mut self, now: Time, arrival: &Arrival<'_>) -> Option<()> {
        let family = Family::of(arrival.source);
        let Ok(Message::Error(error)) = Message::parse(family, arrival.payload) else {
            return None;
        };
        let quoted = error.parse_quoted().ok()?;
        let server = self.plan.server.address;
        let is_udp = quoted.datagram.protocol == Carrier::Udp.protocol(family);
        let Transport::Ports { source, destination, .. } = quoted.transport else { return None };
        let is_known_port = destination == self.plan.port || Some(destination) == self.port;
        let is_ours = is_udp
            && source == self.plan.local_port
            && quoted.datagram.destination == server
            && is_known_port
            && self.remembers(quoted.datagram.payload);
        if !is_ours || error.meaning.is_advice() {
            return None;
        }
        self.counts.icmp_errors += 1;
        if !self.plan.hears_errors || self.is_settled() {
            return Some(());
        }
        let heard = IcmpError {
            from: arrival.source,
            meaning: error.meaning,
            kind: error.kind,
            code: error.code,
            mtu_bytes: error.mtu_bytes(),
            source_port: source,
            destination_port: destination,
            destination: server,
        };
        if is_hard(error.meaning) {
            self.fail(now, End::Unreachable(heard), None);
            return Some(());
        }
        let key = (heard.from, heard.kind, heard.code);
        if !self.remarks.contains(&key) && self.remarks.len() < REMARKS_MAX {
            self.remarks.push(key);
            self.report(now, Event::Remark(heard));
        }
        Some(())
    }

    /// A file that goes: what is to be asked for or sent next.
    fn go_on(&mut self, now: Time, datagram: &mut Vec<u8>) -> Option<Output<Report>> {
        if self.phase != Phase::Moving {
            return None;
        }
        let Work::Put(upload) = &mut self.work else { return None };
        if let Some(bytes) = upload.wants() {
            return Some(Output::Report(Report { at: now, event: Event::Wants(bytes) }));
        }
        let (block, payload, is_again) = upload.send_next(now)?;
        let bytes = emitted(&Packet::Data { block, payload });
        self.counts.resent += u64::from(is_again);
        self.patience.arm(now);
        let port = self.port.unwrap_or(self.plan.port);
        Some(self.send(&Letter { to: self.plan.server.address, port, bytes }, datagram))
    }

    /// Whether a quoted UDP message is one of those that were sent, as far as the quote shows: 8
    /// octets, the header, are all that an error must hold (RFC 792).
    fn remembers(&self, message: &[u8]) -> bool {
        let quoted = message.get(UDP_HEADER_BYTES..).unwrap_or_default();
        let is_it = |sent: &Vec<u8>| sent.iter().zip(quoted).all(|(sent, quoted)| sent == quoted);
        self.remembered.iter().any(is_it)
    }

    fn send(&mut self, letter: &Letter, datagram: &mut Vec<u8>) -> Output<Report> {
        let Letter { to, port, bytes } = letter;
        let message = udp::Message {
            source_port: self.plan.local_port,
            destination_port: *port,
            has_checksum: true,
            payload: bytes,
        };
        datagram.clear();
        message.emit(self.plan.source, *to, datagram).expect("a block fits a datagram");
        self.counts.sent += 1;
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back(bytes[..bytes.len().min(REMEMBERED_BYTES)].to_vec());
        self.ticket += 1;
        Output::Send(Transmit {
            to: *to,
            zone: self.plan.server.zone,
            lane: 0,
            ticket: self.ticket,
            header: Own { source: Some(self.plan.source), ..Own::default() },
        })
    }
}

impl Engine for Tftp {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        if let Some(report) = self.reports.pop_front() {
            return Output::Report(report);
        }
        self.look_at_clock(now);
        if let Some(report) = self.reports.pop_front() {
            return Output::Report(report);
        }
        if let Some(letter) = self.queue.pop_front() {
            return self.send(&letter, datagram);
        }
        if let Some(next) = self.go_on(now, datagram) {
            return next;
        }
        let (until, why) = match self.phase {
            Phase::Over => return Output::Done,
            Phase::Lingering(until) => (until, "dally"),
            _ if self.deadline() < self.patience.until() => (self.deadline(), "deadline"),
            _ => (self.patience.until(), "retransmission"),
        };
        Output::Wait { until, why }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        if matches!(self.phase, Phase::Fresh) {
            return;
        }
        let family = Family::of(arrival.source);
        if arrival.protocol == Carrier::Udp.protocol(family) {
            self.take_udp(now, arrival);
        } else if arrival.protocol == icmp::protocol(family) {
            self.take_icmp(now, arrival);
        }
    }

    fn sent(&mut self, _ticket: Ticket, _stamp: Stamp) {}

    fn send_failed(&mut self, now: Time, _ticket: Ticket, fault: SendFault) {
        // Once the server has answered, a packet that does not leave is one that is lost.
        let is_lost =
            matches!(fault.reason, SendFaultReason::NoBuffers | SendFaultReason::TooBig { .. });
        if self.phase == Phase::Asking && !is_lost {
            self.fail(now, End::Unsendable(fault), None);
        }
    }

    fn receive_dropped(&mut self, _count: u32) {}

    fn stop(&mut self, now: Time) {
        self.fail(now, End::Interrupted, Some((code::NOT_DEFINED, "interrupted")));
        self.phase = Phase::Over;
    }
}

fn work(plan: &Plan, agreed: &Agreed) -> Work {
    let numbers = Numbers::new(plan.asks.rolls_over_to_1);
    let Agreed { block_bytes, window, .. } = *agreed;
    match plan.task {
        Task::Get => Work::Get(Download::new(numbers, plan.mode, block_bytes, window)),
        Task::Put { .. } => Work::Put(Upload::new(numbers, plan.mode, block_bytes, window)),
    }
}

fn emitted(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.emit(&mut bytes);
    bytes
}

/// Whether an error says that it can never be: those that Linux hands to a connected socket at once
/// rather than as a remark (RFC 1122 §3.2.2.1 names some of them).
fn is_hard(meaning: Meaning) -> bool {
    matches!(
        meaning,
        Meaning::ProtocolUnreachable
            | Meaning::PortUnreachable
            | Meaning::NetworkUnknown
            | Meaning::HostUnknown
            | Meaning::SourceIsolated
            | Meaning::NetworkProhibited
            | Meaning::HostProhibited
            | Meaning::CommunicationProhibited
            | Meaning::PrecedenceViolation
            | Meaning::PrecedenceCutoff
            | Meaning::SourceAddressFailedPolicy
            | Meaning::RejectRoute
            | Meaning::NextHeaderUnknown
    )
}
