//! ICMP errors: when one may be sent, and what it says (RFC 1122 §3.2.2, RFC 1812 §4.3.2,
//! RFC 4443 §2.4), and what extends it (RFC 4884).

use crate::address;
use crate::host::answer_options;
use crate::mangle::Mangle;
use crate::node::{Frame, Node, Turn};
use crate::packet;
use crate::rules;
use crate::scenario::errors::Origin;
use probe::Fragmentation;
use std::net::IpAddr;
use wire::Family;
use wire::ext::{self, Interface, Label, Object, Role, Structure};
use wire::icmp::{self, Meaning, Message};
use wire::ip::{Datagram, Header};

/// The quote in front of extensions of which no length speaks (RFC 4884 §5).
const LEGACY_QUOTE_BYTES: usize = 128;

/// What an error must quote behind the headers to be believed (RFC 792, RFC 4443 §2.4 (c)).
pub(crate) const QUOTED_MIN_BYTES: usize = 8;

/// What an error is about, and how it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The datagram as it came, but for what is behind its end.
    pub(crate) bytes: &'a [u8],
    /// Whether the link brought it to all its ends.
    pub(crate) is_broadcast: bool,
    /// The interface that it came in by, where that is still known.
    pub(crate) came_by: Option<usize>,
}

impl Subject<'_> {
    /// A datagram of which only the bytes are left.
    pub(crate) fn of(bytes: &[u8]) -> Subject<'_> {
        Subject { bytes, is_broadcast: false, came_by: None }
    }
}

/// What an error says.
#[derive(Clone, Copy, Debug)]
struct Saying {
    kind: u8,
    code: u8,
    word: u32,
}

impl Node {
    /// Sends an error about a datagram, unless it must not be, or nobody may hear of it.
    pub(crate) fn complain(
        &mut self,
        turn: &mut Turn<'_>,
        about: Subject<'_>,
        meaning: Meaning,
        word: u32,
    ) {
        let Ok(datagram) = Datagram::parse_quoted(about.bytes) else { return };
        if let Some(numbers) = meaning.numbers(datagram.family()) {
            self.complain_by(turn, about, numbers, word);
        }
    }

    /// Likewise, about a packet that goes no further, and lets the tracker know why.
    pub(crate) fn stop(
        &mut self,
        turn: &mut Turn<'_>,
        about: Subject<'_>,
        why: &'static str,
        (meaning, word): (Option<Meaning>, u32),
    ) {
        let family = Datagram::parse_quoted(about.bytes).map(|datagram| datagram.family());
        let numbers = meaning.and_then(|meaning| meaning.numbers(family.ok()?));
        let is_told = numbers.is_some_and(|it| self.complain_by(turn, about, it, word));
        if let Some(gate) = &mut self.gate {
            gate.tracker.stop(why, meaning.filter(|_| is_told));
        }
    }

    /// Likewise, about one that had left, for which nobody was found.
    pub(crate) fn stop_unresolved(&mut self, turn: &mut Turn<'_>, bytes: &[u8]) {
        let meaning = Meaning::HostUnreachable;
        let Ok(datagram) = Datagram::parse_quoted(bytes) else { return };
        let numbers = meaning.numbers(datagram.family());
        let is_told = numbers.is_some_and(|it| self.complain_by(turn, Subject::of(bytes), it, 0));
        if let Some(gate) = &mut self.gate {
            let why = "nobody answers at the next hop";
            gate.tracker.stop_late(turn.now, bytes, why, Some(meaning).filter(|_| is_told));
        }
    }

    /// Likewise, by the error's type and code; whether one was sent.
    pub(crate) fn complain_by(
        &mut self,
        turn: &mut Turn<'_>,
        about: Subject<'_>,
        (kind, code): (u8, u8),
        word: u32,
    ) -> bool {
        let Ok(datagram) = Datagram::parse_quoted(about.bytes) else { return false };
        let to = datagram.source;
        let family = Family::of(to);
        let meaning = Meaning::of(family, kind, code);
        if self.plan.is_silent || !self.may_complain(turn, &datagram, about.is_broadcast, meaning) {
            return false;
        }
        let source = self.error_source(turn, &datagram, about.came_by);
        let Some(source) = source else { return false };
        // Path MTU discovery lives on the first; the second have a limit of their own. Linux does
        // not count them either (icmp_ratemask).
        let is_free = matches!(meaning, Meaning::PacketTooBig | Meaning::RedirectHost);
        if !is_free && !self.limiter.allows_error(turn.now, to) {
            return false;
        }
        let rules = rules::of(family);
        let mut message = self.error_message(turn, about, Saying { kind, code, word });
        let mangle = self.next_mangle();
        if let Some(mangle) = mangle {
            mangle.spoil(family, &mut message);
        }
        icmp::fill_checksum(source, to, &mut message);
        if mangle == Some(Mangle::Checksum) {
            message[2] ^= 0x5a;
        }
        let mut header = Header::new(source, to, rules.icmp);
        // What is recorded goes on being so, unless it is what is wrong.
        if meaning != Meaning::HeaderField {
            (header.destination, header.options) = answer_options(datagram.options, to);
        }
        header.hop_limit = self.plan.hop_limit;
        header.traffic_class =
            datagram.traffic_class & rules.error_class_kept | rules.error_class_added;
        let mut is_sent = false;
        for _ in 0..if self.plan.errors.come_twice { 2 } else { 1 } {
            // If there is no way back, nobody hears of it.
            let sent = self.originate(turn, header.clone(), &message, Fragmentation::Allowed);
            is_sent |= sent.is_ok();
        }
        is_sent
    }

    /// The address that an error about a datagram comes from.
    fn error_source(
        &self,
        turn: &Turn<'_>,
        datagram: &Datagram<'_>,
        came_by: Option<usize>,
    ) -> Option<IpAddr> {
        let family = datagram.family();
        let mut own = turn.map.source_towards(self.id, datagram.source)?;
        // Who was asked answers.
        let asked = datagram.destination;
        if turn.map.holder(asked) == Some(self.id) || turn.map.is_own_on_link(self.id, asked) {
            own = asked;
        } else if let Some(interface) = came_by.filter(|_| address::is_of_link(datagram.source)) {
            own = address::on_link(turn.map.interface(self.id, interface).address(family));
        }
        let Some(origin) = &self.plan.errors.from else { return Some(own) };
        let other = match origin {
            Origin::Incoming => {
                came_by.map(|interface| turn.map.interface(self.id, interface).address(family))
            }
            Origin::Target => Some(datagram.destination),
            Origin::Node(node) => turn.map.addresses(*node, family).first().copied(),
            Origin::Addresses(all) => all.iter().copied().find(|a| Family::of(*a) == family),
        };
        Some(other.unwrap_or(own))
    }

    /// The error, its checksum left out.
    fn error_message(&self, turn: &Turn<'_>, about: Subject<'_>, saying: Saying) -> Vec<u8> {
        let Saying { kind, code, mut word } = saying;
        let Ok(datagram) = Datagram::parse_quoted(about.bytes) else { return Vec::new() };
        let (family, plan) = (datagram.family(), &self.plan.errors);
        let rules = rules::of(family);
        let room = rules.quote_max_bytes();
        let headers_bytes = about.bytes.len() - datagram.payload.len();
        let wanted = plan.quotes_bytes.map_or(usize::MAX, |bytes| headers_bytes + bytes);
        let mut quote = about.bytes[..about.bytes.len().min(wanted)].to_vec();
        if plan.swaps_identification {
            packet::swap_identification(&mut quote);
        }
        let objects = match rules.extends.contains(&kind) {
            true => self.objects(turn, family, about.came_by, kind),
            false => Vec::new(),
        };
        let structure = Structure { has_checksum: true, bytes: &objects };
        let body = if objects.is_empty() {
            quote.truncate(room);
            quote
        } else if plan.is_legacy {
            quote.resize(LEGACY_QUOTE_BYTES, 0);
            structure.emit(&mut quote);
            quote
        } else {
            let unit_bytes = rules.length_unit_bytes;
            let left = room.saturating_sub(4 + objects.len()).max(LEGACY_QUOTE_BYTES);
            quote.truncate(left / unit_bytes * unit_bytes);
            let extended = ext::extend(&quote, &structure, unit_bytes);
            let (length, body) = extended.expect("an error's size fits the attribute");
            word |= u32::from(length) << (8 * (7 - rules.length_attribute_at));
            body
        };
        let meaning = Meaning::of(family, kind, code);
        let mut message = Vec::with_capacity(8 + body.len());
        let error = icmp::Error { meaning, kind, code, word, body: &body };
        Message::Error(error).emit(family, &mut message);
        message
    }

    /// The extension objects of an error of that type.
    fn objects(
        &self,
        turn: &Turn<'_>,
        family: Family,
        came_by: Option<usize>,
        kind: u8,
    ) -> Vec<u8> {
        let plan = &self.plan.errors;
        let mut bytes = Vec::new();
        let is_expired = Meaning::of(family, kind, 0) == Meaning::HopLimitExceeded;
        if is_expired && !plan.labels.is_empty() {
            let body: Vec<u8> = plan.labels.iter().flat_map(Label::bytes).collect();
            let stack = Object { class: 1, kind: 1, body: &body };
            stack.emit(&mut bytes).expect("few labels");
        }
        if let Some(index) = came_by.filter(|_| plan.names_interface) {
            let device = turn.map.interface(self.id, index);
            let name = format!("eth{index}");
            let interface = Interface {
                role: Role::Incoming,
                index: Some(index as u32 + 1),
                address: Some(device.address(family)),
                name: Some(name.as_bytes()),
                mtu_bytes: Some(device.mtu_bytes(family)),
            };
            interface.emit(&mut bytes);
        }
        for object in &plan.objects {
            let object = Object { class: object.class, kind: object.kind, body: &object.body };
            object.emit(&mut bytes).expect("the scenario bounds it");
        }
        bytes
    }

    /// How the next error is malformed.
    fn next_mangle(&mut self) -> Option<Mangle> {
        let mangles = &self.plan.errors.mangles;
        let index = self.mangled.checked_rem(mangles.len())?;
        self.mangled += 1;
        Some(mangles[index])
    }

    /// Learns from an error that is about something this node sent, and tells who sent it.
    pub(crate) fn hear(
        &mut self,
        turn: &mut Turn<'_>,
        frame: &Frame,
        datagram: &Datagram<'_>,
        error: &icmp::Error<'_>,
    ) {
        if error.gateway().is_some() {
            self.hear_redirect(turn, frame, datagram, error);
            return self.tell_process(turn.now, error);
        }
        let Ok(quoted) = Datagram::parse_quoted(error.body) else { return };
        if quoted.payload.len() < QUOTED_MIN_BYTES {
            return;
        }
        if turn.map.holder(quoted.source) != Some(self.id) {
            return;
        }
        if error.meaning == Meaning::PacketTooBig {
            let sizes = (error.mtu_bytes().unwrap_or(0), quoted.total_bytes as u32);
            self.path_mtus.learn(turn.now, self.plan.stack, quoted.destination, sizes);
        }
        self.tell_process(turn.now, error);
    }

    pub(crate) fn may_complain(
        &self,
        turn: &Turn<'_>,
        datagram: &Datagram<'_>,
        is_link_broadcast: bool,
        meaning: Meaning,
    ) -> bool {
        let went_to_many = is_link_broadcast
            || datagram.destination.is_multicast()
            || address::is_for_all(datagram.destination)
            || turn.map.is_broadcast(datagram.destination);
        // RFC 4443 §2.4 (e.3): so that path MTU discovery works for multicast too.
        let may_be_about_many = !rules::of(datagram.family()).has_broadcast
            && matches!(meaning, Meaning::PacketTooBig | Meaning::OptionUnknown);
        // There a redirect is no error (RFC 4861 §8.2).
        let is_neighbourly =
            !rules::of(datagram.family()).has_broadcast && meaning == Meaning::RedirectHost;
        (!went_to_many || may_be_about_many)
            && !(rules::of(datagram.family()).has_broadcast && datagram.is_later_fragment())
            && address::is_one_host(datagram.source)
            && !turn.map.is_broadcast(datagram.source)
            && (is_neighbourly || !is_error(datagram))
    }
}

/// Whether a datagram is an ICMP error, or what counts as one. Of a later fragment nobody can tell:
/// that is a reason of its own in IPv4, and none in IPv6.
pub(crate) fn is_error(datagram: &Datagram<'_>) -> bool {
    let rules = rules::of(datagram.family());
    let is_answerable = |kind: &u8| rules.answerable.iter().any(|range| range.contains(kind));
    datagram.protocol == rules.icmp
        && !datagram.is_later_fragment()
        && !datagram.payload.first().is_some_and(is_answerable)
}
