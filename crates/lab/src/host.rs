//! What a node does with datagrams for itself: reassembly, answers, errors, and lies if the
//! scenario wants them.

use crate::address;
use crate::assembly::Progress;
use crate::complaint::Subject;
use crate::extension;
use crate::node::{Action, Frame, Later, Node, Turn};
use crate::rules;
use crate::scenario::{Lies, Role};
use crate::transport::Kept;
use probe::Fragmentation;
use std::net::{IpAddr, Ipv4Addr};
use wire::Family;
use wire::icmp::{self, Echo, Meaning, Message, node};
use wire::ip::options::{self, Ipv4Option, Options};
use wire::ip::{Datagram, Header, protocol};

impl Node {
    /// Takes a datagram that is addressed to this node, alone or among others.
    pub(crate) fn keep(&mut self, turn: &mut Turn<'_>, frame: Frame) {
        let Ok(datagram) = Datagram::parse(&frame.bytes) else { return };
        // One that is whole has nothing to do with others (RFC 6946 §4).
        if datagram.fragment.is_some_and(|it| it.more || it.offset_bytes > 0) {
            match self.assembly.add(&datagram, &frame.bytes) {
                Progress::Begun(unfinished) => {
                    let after = rules::of(datagram.family()).reassembly;
                    let what = Later::Abandon(unfinished);
                    turn.actions.push(Action::Later { after, what });
                }
                Progress::Nothing => {}
                // RFC 8200 §4.5: points at the payload length, or at the fragment offset.
                Progress::Ragged => self.refuse_fragment(turn, &frame, &datagram, 4),
                Progress::TooLong => {
                    let at = extension::fragment_offset_at(&datagram);
                    self.refuse_fragment(turn, &frame, &datagram, at);
                }
                Progress::Whole(bytes, _) => self.keep(turn, Frame { bytes, ..frame }),
            }
            return;
        }
        if datagram.protocol == rules::of(datagram.family()).icmp {
            return self.keep_icmp(turn, &frame, &datagram);
        }
        let is_heard = turn
            .watched
            .is_some_and(|carrier| carrier.protocol(datagram.family()) == datagram.protocol);
        if is_heard {
            turn.actions.push(Action::Show(frame.bytes.clone()));
        }
        if self.plan.role == Role::Host && self.refuses(turn, frame.subject(), &datagram) {
            return;
        }
        let (meaning, word) = match datagram.protocol {
            protocol::TCP => return self.keep_tcp(turn, &datagram),
            protocol::UDP => match self.keep_udp(turn, &datagram) {
                // The instrument's sockets hold the ports that it sends from.
                Kept::Refused if !is_heard => (Meaning::PortUnreachable, 0),
                _ => return,
            },
            _ if is_heard => return,
            protocol::NO_NEXT_HEADER if !rules::of(datagram.family()).has_broadcast => return,
            _ => no_such_protocol(&datagram),
        };
        let mut about = frame.subject();
        if datagram.protocol == protocol::UDP {
            // What is behind the message is not quoted.
            let [_, _, _, _, high, low, ..] = *datagram.payload else { return };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let behind = datagram.payload.len().saturating_sub(length);
            let is_endless = length == 0;
            about.bytes = &about.bytes[..about.bytes.len() - if is_endless { 0 } else { behind }];
        }
        self.complain(turn, about, meaning, word);
    }

    /// Says that a fragment cannot be one, where the family has that said.
    fn refuse_fragment(
        &mut self,
        turn: &mut Turn<'_>,
        frame: &Frame,
        datagram: &Datagram<'_>,
        at: u32,
    ) {
        if rules::of(datagram.family()).reports_bad_fragments {
            self.complain(turn, frame.subject(), Meaning::HeaderField, at);
        }
    }

    /// Whether the node's filter refuses a datagram; says so then, if it is to.
    pub(crate) fn refuses(
        &mut self,
        turn: &mut Turn<'_>,
        about: Subject<'_>,
        datagram: &Datagram<'_>,
    ) -> bool {
        let family = datagram.family();
        let refusal = self.plan.refusal.as_ref();
        let Some(refusal) = refusal.filter(|r| r.concerns(datagram.protocol, family)) else {
            return false;
        };
        let mut told = None;
        if let Some((kind, code)) = refusal.says.map(|says| says.of(family)) {
            let word = match Meaning::of(family, kind, code) {
                Meaning::NextHeaderUnknown => next_header_offset(datagram),
                _ => 0,
            };
            let is_told = self.complain_by(turn, about, (kind, code), word);
            told = Some(Meaning::of(family, kind, code)).filter(|_| is_told);
        }
        if let Some(gate) = &mut self.gate {
            gate.tracker.stop("refused by its filter", told);
        }
        true
    }

    fn keep_icmp(&mut self, turn: &mut Turn<'_>, frame: &Frame, datagram: &Datagram<'_>) {
        let family = datagram.family();
        let verifies = icmp::verify(datagram.source, datagram.destination, datagram.payload);
        if turn.is_heard(frame) && (verifies || rules::of(family).shows_bad_checksums) {
            turn.actions.push(Action::Show(frame.bytes.clone()));
        }
        if !verifies {
            return;
        }
        if self.answers_odd_echo(turn, frame, datagram) {
            return;
        }
        let Ok(message) = Message::parse(family, datagram.payload) else { return };
        let is_question = matches!(
            message,
            Message::EchoRequest(_) | Message::TimestampRequest(_) | Message::MaskRequest(_)
        );
        let is_filtered = is_question && self.plan.role == Role::Host;
        if is_filtered && self.refuses(turn, frame.subject(), datagram) {
            return;
        }
        match message {
            Message::EchoRequest(echo) => self.answer_echo(turn, datagram, echo),
            Message::TimestampRequest(stamp) => {
                let (reply, takes) = self.stamped(turn, stamp);
                if let Some(header) = self.answer_header(turn, datagram) {
                    let message = message_bytes(&header, &Message::TimestampReply(reply));
                    self.answer_after(turn, header, message, takes);
                }
            }
            Message::NodeQuery(query) => {
                if let Some(header) = self.answer_header(turn, datagram) {
                    let answer = self.about_itself(turn, query.question);
                    let reply = node::Reply {
                        result: if answer.is_some() { 0 } else { 2 },
                        question: query.question,
                        flags: 0,
                        nonce: query.nonce,
                        answer: answer.as_deref().unwrap_or_default(),
                    };
                    self.answer_with(turn, header, &Message::NodeReply(reply));
                }
            }
            Message::MaskRequest(asked) => self.answer_mask(turn, frame, datagram, asked),
            Message::RouterSolicitation { .. } => self.answer_solicitation(turn, frame, datagram),
            Message::Error(error) => self.hear(turn, frame, datagram, &error),
            _ => {}
        }
    }

    /// Answers an echo request with a code, which Linux gives back as it came.
    fn answers_odd_echo(
        &mut self,
        turn: &mut Turn<'_>,
        frame: &Frame,
        datagram: &Datagram<'_>,
    ) -> bool {
        let family = datagram.family();
        let [kind, code, _, _, _, _, _, _, ..] = *datagram.payload else { return false };
        if kind != icmp::echo_request_type(family) || code == 0 {
            return false;
        }
        let is_filtered = self.plan.role == Role::Host;
        if is_filtered && self.refuses(turn, frame.subject(), datagram) {
            return true;
        }
        if let Some(header) = self.answer_header(turn, datagram) {
            let mut message = datagram.payload.to_vec();
            message[0] = icmp::echo_reply_type(family);
            message[2..4].fill(0);
            icmp::fill_checksum(header.source, header.destination, &mut message);
            self.answer(turn, header, &message);
        }
        true
    }

    /// What a node says of itself when asked (RFC 4620 §6); `None` if it does not know how.
    fn about_itself(&self, turn: &Turn<'_>, question: u16) -> Option<Vec<u8>> {
        let mut answer = Vec::new();
        match question {
            node::question::NOOP => {}
            node::question::NAME => {
                // Good for no time; one label, which is not the whole of a qualified name.
                answer.extend_from_slice(&[0; 4]);
                let label = self.plan.name.as_bytes();
                let label = &label[..label.len().min(63)];
                answer.push(label.len() as u8);
                answer.extend_from_slice(label);
                answer.extend_from_slice(&[0, 0]);
            }
            node::question::IPV4_ADDRESSES | node::question::IPV6_ADDRESSES => {
                let wants_v4 = question == node::question::IPV4_ADDRESSES;
                let all = Family::ALL.map(|family| turn.map.addresses(self.id, family)).concat();
                for address in all.into_iter().filter(|address| address.is_ipv4() == wants_v4) {
                    answer.extend_from_slice(&[0; 4]);
                    match address {
                        IpAddr::V4(a) => answer.extend_from_slice(&a.octets()),
                        IpAddr::V6(a) => answer.extend_from_slice(&a.octets()),
                    }
                }
            }
            _ => return None,
        }
        Some(answer)
    }

    fn answer_echo(&mut self, turn: &mut Turn<'_>, datagram: &Datagram<'_>, echo: Echo<'_>) {
        let Some(header) = self.answer_header(turn, datagram) else { return };
        self.answers += 1;
        let lies = self.plan.lies.as_ref();
        let lies = lies.filter(|l| l.on.is_empty() || l.on.binary_search(&self.answers).is_ok());
        match lies.cloned() {
            None => self.answer_with(turn, header, &Message::EchoReply(echo)),
            Some(lies) => self.answer_wrongly(turn, header, echo, &lies),
        }
    }

    /// The header of an answer; `None` if there is to be none.
    fn answer_header(&mut self, turn: &Turn<'_>, datagram: &Datagram<'_>) -> Option<Header> {
        let (to, asked) = (datagram.source, datagram.destination);
        let to_many = turn.map.is_for_many(self.id, asked);
        let is_unanswerable =
            !address::is_one_host(to) && !to.is_loopback() || turn.map.is_broadcast(to);
        if self.plan.is_silent || is_unanswerable || to_many && !self.plan.answers_broadcast {
            return None;
        }
        if !self.limiter.allows_answer(turn.now, to) {
            return None;
        }
        let source = if to_many { turn.map.source_towards(self.id, to)? } else { asked };
        let mut header = Header::new(source, to, datagram.protocol);
        header.hop_limit = self.plan.hop_limit;
        header.traffic_class = datagram.traffic_class;
        (header.destination, header.options) = answer_options(datagram.options, to);
        Some(header)
    }

    fn answer_wrongly(
        &mut self,
        turn: &mut Turn<'_>,
        mut header: Header,
        echo: Echo<'_>,
        lies: &Lies,
    ) {
        let family = Family::of(header.source);
        let mut payload = echo.payload.to_vec();
        if let Some(filling) = lies.payload.as_deref().filter(|filling| !filling.is_empty()) {
            let bytes = filling.iter().cycle().take(payload.len());
            payload = bytes.copied().collect();
        }
        if let Some(byte) = lies.damages.and_then(|offset| payload.get_mut(offset)) {
            *byte = !*byte;
        }
        payload.truncate(lies.cuts.unwrap_or(usize::MAX));
        if let Some(other) = lies.from {
            let addresses = turn.map.addresses(other, family);
            header.source = addresses.first().copied().unwrap_or(header.source);
        }
        let identifier = echo.identifier ^ if lies.identifier { 0x5555 } else { 0 };
        let reply = Message::EchoReply(Echo { identifier, payload: &payload, ..echo });
        for _ in 0..if lies.twice { 2 } else { 1 } {
            match lies.late {
                None => self.answer_with(turn, header.clone(), &reply),
                Some(after) => {
                    let message = message_bytes(&header, &reply);
                    let what = Later::Answer(Box::new(header.clone()), message);
                    turn.actions.push(Action::Later { after, what });
                }
            }
        }
    }

    fn answer_with(&mut self, turn: &mut Turn<'_>, header: Header, message: &Message<'_>) {
        let message = message_bytes(&header, message);
        self.answer(turn, header, &message);
    }

    /// Sends an answer. If there is no way back, it is lost: nobody waits for an error here.
    pub(crate) fn answer(&mut self, turn: &mut Turn<'_>, header: Header, message: &[u8]) {
        self.originate(turn, header, message, Fragmentation::Allowed).ok();
    }
}

fn message_bytes(header: &Header, message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.emit(Family::of(header.source), &mut bytes);
    icmp::fill_checksum(header.source, header.destination, &mut bytes);
    bytes
}

/// The options of an answer, and where it goes first: routes recorded and times stamped go on being
/// so, a source route is followed back (RFC 1122 §3.2.2.6).
pub(crate) fn answer_options(received: &[u8], to: IpAddr) -> (IpAddr, Vec<u8>) {
    let mut first_stop = to;
    let mut answer = Vec::new();
    let is_wanted = |option: &Ipv4Option<'_>| match option {
        Ipv4Option::RecordRoute(_) => Some(0),
        Ipv4Option::Timestamp(_) => Some(1),
        Ipv4Option::LooseSourceRoute(_) | Ipv4Option::StrictSourceRoute(_) => Some(2),
        _ => None,
    };
    let all = Options::new(received).map_while(Result::ok);
    let mut all: Vec<Ipv4Option<'_>> = all.filter(|it| is_wanted(it).is_some()).collect();
    // In Linux's order.
    all.sort_by_key(is_wanted);
    for option in all {
        let (route, is_strict) = match option {
            Ipv4Option::LooseSourceRoute(route) => (route, false),
            Ipv4Option::StrictSourceRoute(route) => (route, true),
            _ => {
                // What was read fits again.
                option.emit(&mut answer).ok();
                continue;
            }
        };
        let mut back: Vec<Ipv4Addr> = route.recorded().collect();
        back.reverse();
        let (IpAddr::V4(source), Some(stop)) = (to, back.first().copied()) else { continue };
        back.remove(0);
        back.push(source);
        let prescribe =
            if is_strict { options::strict_source_route } else { options::loose_source_route };
        if let Ok(prescribed) = prescribe(&back) {
            first_stop = stop.into();
            // Padding stands behind.
            answer.extend(prescribed.iter().skip_while(|byte| **byte == 1));
        }
    }
    answer.resize(answer.len().next_multiple_of(4), 0);
    if answer.len() > wire::ip::OPTIONS_MAX_BYTES {
        return (to, Vec::new());
    }
    (first_stop, answer)
}

/// What a node says of a protocol that it does not know, and the word that goes with it.
pub(crate) fn no_such_protocol(datagram: &Datagram<'_>) -> (Meaning, u32) {
    let meaning = Meaning::ProtocolUnreachable;
    match meaning.numbers(datagram.family()) {
        Some(_) => (meaning, 0),
        // ICMPv6 says it by pointing at the header's field (RFC 4443 §3.4): the fixed header's
        // sixth byte, or the first of the last extension header.
        None => (Meaning::NextHeaderUnknown, next_header_offset(datagram)),
    }
}

/// The offset of the field that named the protocol.
fn next_header_offset(datagram: &Datagram<'_>) -> u32 {
    let mut at = 6;
    let mut next = 40;
    for header in datagram.extension_headers().map_while(Result::ok) {
        at = next;
        next += header.bytes.len() as u32;
    }
    at
}
