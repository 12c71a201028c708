//! ICMP errors: when one may be sent, and what it says (RFC 1122 §3.2.2, RFC 1812 §4.3.2,
//! RFC 4443 §2.4).

use crate::address;
use crate::node::{Node, Turn};
use crate::rules;
use probe::Fragmentation;
use wire::Family;
use wire::icmp::{self, Meaning, Message};
use wire::ip::{Datagram, Header};

impl Node {
    /// Sends an error about a datagram, unless it must not be, or nobody may hear of it.
    pub(crate) fn complain(
        &mut self,
        turn: &mut Turn<'_>,
        about: &[u8],
        is_link_broadcast: bool,
        meaning: Meaning,
        word: u32,
    ) {
        let Ok(datagram) = Datagram::parse(about) else { return };
        let to = datagram.source;
        let family = Family::of(to);
        let Some((kind, code)) = meaning.numbers(family) else { return };
        if self.plan.is_silent || !self.may_complain(turn, &datagram, is_link_broadcast, meaning) {
            return;
        }
        let Some(source) = turn.map.source_towards(self.id, to) else { return };
        // Path MTU discovery lives on these; Linux does not limit them either.
        if meaning != Meaning::PacketTooBig && !self.limiter.allows_error(turn.now, to) {
            return;
        }
        let rules = rules::of(family);
        let quote_bytes = rules.error_max_bytes - rules.header_bytes - 8;
        let body = &about[..about.len().min(quote_bytes)];
        let mut message = Vec::with_capacity(8 + body.len());
        Message::Error(icmp::Error { meaning, kind, code, word, body }).emit(family, &mut message);
        icmp::fill_checksum(source, to, &mut message);
        let mut header = Header::new(source, to, rules.icmp);
        header.hop_limit = self.plan.hop_limit;
        header.traffic_class =
            datagram.traffic_class & rules.error_class_kept | rules.error_class_added;
        // If there is no way back, nobody hears of it.
        self.originate(turn, header, &message, Fragmentation::Allowed).ok();
    }

    /// Learns from an error that is about something this node sent.
    pub(crate) fn hear(&mut self, turn: &Turn<'_>, error: &icmp::Error<'_>) {
        let Some(mtu_bytes) = error.mtu_bytes() else { return };
        let Ok(quoted) = Datagram::parse_quoted(error.body) else { return };
        if turn.map.holder(quoted.source) == Some(self.id)
            && quoted.total_bytes > mtu_bytes as usize
        {
            self.learn_path_mtu(turn.now, quoted.destination, mtu_bytes);
        }
    }

    fn may_complain(
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
        (!went_to_many || may_be_about_many)
            && !datagram.is_later_fragment()
            && address::is_one_host(datagram.source)
            && !turn.map.is_broadcast(datagram.source)
            && !is_error(datagram)
    }
}

/// Whether a datagram is an ICMP error, or an ICMP message too short to tell.
fn is_error(datagram: &Datagram<'_>) -> bool {
    let family = datagram.family();
    if datagram.protocol != rules::of(family).icmp {
        return false;
    }
    // Redirects are errors here too (RFC 4443 §2.4 (e.2)).
    matches!(Message::parse(family, datagram.payload), Ok(Message::Error(_)) | Err(_))
}
