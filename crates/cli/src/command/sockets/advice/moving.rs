//! Rules about connections that stand: what is sent again, what is not taken, what is not read.

use super::{Finding, Remedy, Rule, Situation, Spot, is_share, tries};
use net::diag::{State, TcpSocket, TimerKind, Vitals};

/// From so many retransmissions on a host is to doubt the path: R1 of RFC 1122 §4.2.3.5.
const TRIES: u64 = 3;

/// Fewer segments tell no ratio.
const SEGMENTS: u32 = 100;

/// More than this is sent again on no good path.
const LOSS_PERCENT: u64 = 3;

/// What has not been read for so long is not being read.
const UNREAD_MS: u32 = 10_000;

/// A receive buffer that is so full and to which nothing has come for so long holds up its peer.
const FULL_PERCENT: u64 = 75;
const FULL_MS: u32 = 1_000;

fn info(socket: &TcpSocket) -> Option<&Vitals> {
    socket.info.as_deref()
}

fn has_timer(socket: &TcpSocket, kind: TimerKind) -> bool {
    socket.timer.is_some_and(|timer| timer.kind == kind)
}

/// Connections whose peer does not acknowledge.
pub(super) fn unacknowledged(situation: &Situation, findings: &mut Vec<Finding>) {
    let is_meant = |it: &TcpSocket| {
        let stands = !matches!(it.state, State::SynSent | State::SynReceived | State::Listen);
        stands && has_timer(it, TimerKind::Retransmit) && tries(it) >= TRIES
    };
    for (peer, sockets) in situation.group(is_meant, |it| it.peer.address) {
        let most =
            |figure: fn(&Vitals) -> u64| situation.most(&sockets, |it| info(it).map_or(0, figure));
        findings.push(Finding {
            rule: Rule::Unacknowledged,
            local: Spot::default(),
            peer: Spot::address(peer),
            figures: vec![
                ("count", sockets.len() as u64),
                ("tries", situation.most(&sockets, tries)),
                ("bytes", situation.sum(&sockets, |it| it.send_queue.into())),
                ("backoff", most(|info| info.backoff.into())),
                ("rto_ms", most(|info| u64::from(info.rto_us) / 1_000)),
                ("silent_ms", most(|info| info.last_ack_ms.into())),
                ("retries", situation.settings.retries.unwrap_or(0).into()),
            ],
            sockets,
            remedies: vec![Remedy::TracePort, Remedy::UserTimeout],
        });
    }
}

/// Connections on which much is sent again, although it gets there in the end.
pub(super) fn lossy(situation: &Situation, findings: &mut Vec<Finding>) {
    let sent = |it: &TcpSocket| info(it).and_then(|info| info.data_segments_sent).unwrap_or(0);
    let again = |it: &TcpSocket| info(it).map_or(0, |info| info.retransmitted);
    let is_meant = |it: &TcpSocket| {
        let is_much = is_share(again(it).into(), sent(it).into(), LOSS_PERCENT);
        sent(it) >= SEGMENTS && is_much
    };
    for (peer, sockets) in situation.group(is_meant, |it| it.peer.address) {
        findings.push(Finding {
            rule: Rule::Lossy,
            local: Spot::default(),
            peer: Spot::address(peer),
            figures: vec![
                ("count", sockets.len() as u64),
                ("again", situation.sum(&sockets, |it| again(it).into())),
                ("segments", situation.sum(&sockets, |it| sent(it).into())),
            ],
            sockets,
            remedies: vec![Remedy::FindLoss],
        });
    }
}

/// Peers whose window is closed, also after it was probed.
pub(super) fn zero_window(situation: &Situation, findings: &mut Vec<Finding>) {
    // An acknowledged probe leaves no trace but the backoff.
    let probed = |it: &TcpSocket| tries(it) > 0 || info(it).is_some_and(|info| info.backoff > 0);
    let is_meant = |it: &TcpSocket| has_timer(it, TimerKind::Persist) && probed(it);
    for (peer, sockets) in situation.group(is_meant, |it| it.peer) {
        let limited =
            |it: &TcpSocket| info(it).and_then(|info| info.window_limited_us).unwrap_or(0);
        findings.push(Finding {
            rule: Rule::ZeroWindow,
            local: Spot::default(),
            peer: Spot::endpoint(peer),
            figures: vec![
                ("count", sockets.len() as u64),
                ("bytes", situation.sum(&sockets, |it| it.send_queue.into())),
                ("limited_ms", situation.most(&sockets, limited) / 1_000),
                ("unanswered", situation.most(&sockets, tries)),
            ],
            sockets,
            remedies: vec![Remedy::PeerReads, Remedy::UserTimeout],
        });
    }
}

/// Programs of ours that do not read what came.
pub(super) fn not_reading(situation: &Situation, findings: &mut Vec<Finding>) {
    let is_full = |it: &TcpSocket| {
        it.memory.is_some_and(|memory| {
            let (used, most) = (memory.receive_bytes.into(), memory.receive_max_bytes.into());
            is_share(used, most, FULL_PERCENT)
        })
    };
    let is_meant = |it: &TcpSocket| {
        let takes = matches!(it.state, State::Established | State::FinWait1 | State::FinWait2);
        let Some(info) = info(it).filter(|_| takes && it.receive_queue > 0) else { return false };
        let silent_ms = info.last_received_ms;
        silent_ms >= UNREAD_MS || silent_ms >= FULL_MS && is_full(it)
    };
    let key = |it: &TcpSocket| match situation.is_served(it) {
        true => (Spot::port(it.local.port), Spot::default()),
        false => (Spot::default(), Spot::endpoint(it.peer)),
    };
    for ((local, peer), sockets) in situation.group(is_meant, key) {
        let waits = |it: &TcpSocket| info(it).map_or(0, |info| info.last_received_ms.into());
        findings.push(Finding {
            rule: Rule::NotReading,
            local,
            peer,
            figures: vec![
                ("count", sockets.len() as u64),
                ("bytes", situation.sum(&sockets, |it| it.receive_queue.into())),
                ("oldest_ms", situation.most(&sockets, waits)),
                ("full", situation.count(&sockets, is_full)),
            ],
            sockets,
            remedies: vec![Remedy::ReadFaster],
        });
    }
}
