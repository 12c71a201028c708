//! Rules about connections that end, and about ports, which ended connections keep.

use super::{Finding, Remedy, Rule, Situation, Spot, is_connection, is_share};
use net::diag::{State, TcpSocket};
use std::net::IpAddr;

/// A destination for which TIME_WAIT takes so much of the ports is worth a word.
const TIME_WAIT_PERCENT: u64 = 25;

/// So many of a service are worth a word, although each is but a few hundred bytes.
const TIME_WAIT_MANY: u64 = 10_000;

/// Of `tcp_max_tw_buckets`, beyond which the kernel drops them at once.
const TIME_WAIT_MAX_PERCENT: u64 = 50;

/// A destination towards which so much of the ports is taken may run out of them.
const PORTS_PERCENT: u64 = 50;

/// A program that has not closed for so long after its peer did has forgotten it.
const FORGOTTEN_MS: u32 = 60_000;

/// So many at a time are a pile, however young.
const CLOSE_WAIT_MANY: u64 = 50;

/// Likewise; each ends by itself.
const FIN_WAIT_2_MANY: u64 = 1_000;
const LAST_ACK_MANY: u64 = 50;

/// Of `tcp_max_orphans`. The kernel counts orphans double or fourfold when it looks at the limit.
const ORPHANS_PERCENT: u64 = 25;

/// Whether the kernel gives ports in TIME_WAIT to new connections there (ip-sysctl of the kernel's
/// documentation, `tcp_tw_reuse`): 1 everywhere, 2 over loopback, by timestamps either way.
fn reuses(situation: &Situation, peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    let is_on = match situation.settings.time_wait_reuse {
        Some(1) => true,
        Some(2) => peer.is_loopback(),
        _ => false,
    };
    is_on && situation.settings.timestamps != Some(0)
}

/// TIME_WAIT: here because this side closed first. As a client it costs ports, as a server nothing
/// but memory.
pub(super) fn time_wait(situation: &Situation, findings: &mut Vec<Finding>) {
    let is_waiting = |socket: &TcpSocket| socket.state == State::TimeWait;
    let Some(ports) = situation.settings.ports() else { return };
    let ours = |it: &TcpSocket| is_waiting(it) && !situation.is_served(it);
    for ((local, peer), sockets) in situation.group(ours, |it| (it.local.address, it.peer)) {
        let count = sockets.len() as u64;
        if reuses(situation, peer.address) || !is_share(count, ports.into(), TIME_WAIT_PERCENT) {
            continue;
        }
        let reuse = match situation.settings.timestamps {
            Some(0) => Remedy::TurnTimestampsOn,
            _ => Remedy::TimeWaitReuse,
        };
        findings.push(Finding {
            rule: Rule::TimeWaitPorts,
            local: Spot::address(local),
            peer: Spot::endpoint(peer),
            figures: vec![("count", count), ("ports", ports.into())],
            sockets,
            remedies: vec![
                Remedy::ReuseConnections,
                Remedy::PeerCloses,
                reuse,
                Remedy::MoreAddresses,
                Remedy::NoRecycle,
                Remedy::NoLinger,
            ],
        });
    }
    let served = |it: &TcpSocket| is_waiting(it) && situation.is_served(it);
    let most = situation.settings.time_wait_max.map_or(u64::MAX, u64::from);
    let total = situation.all(is_waiting).len() as u64;
    for (port, sockets) in situation.group(served, |it| it.local.port) {
        let count = sockets.len() as u64;
        let is_near_limit = is_share(total, most, TIME_WAIT_MAX_PERCENT) && count * 2 >= total;
        if count >= TIME_WAIT_MANY || is_near_limit {
            findings.push(Finding {
                rule: Rule::TimeWaitMany,
                local: Spot::port(port),
                peer: Spot::default(),
                figures: vec![
                    ("count", count),
                    ("limit", situation.settings.time_wait_max.unwrap_or(0).into()),
                    ("overflows", situation.counters.time_wait_overflows),
                ],
                sockets,
                remedies: vec![
                    Remedy::TimeWaitIsCheap,
                    Remedy::ReuseConnections,
                    Remedy::PeerCloses,
                    Remedy::NoRecycle,
                    Remedy::NoLinger,
                ],
            });
        }
    }
}

/// Ports left towards one destination: a port serves once for each address and port there.
pub(super) fn ports_low(situation: &Situation, findings: &mut Vec<Finding>) {
    let Some(ports) = situation.settings.ports() else { return };
    let takes = |socket: &TcpSocket| {
        let is_free = socket.state == State::TimeWait && reuses(situation, socket.peer.address);
        let is_given = situation.settings.gives(socket.local.port);
        is_connection(socket) && is_given && !is_free && !situation.is_served(socket)
    };
    for ((local, peer), sockets) in situation.group(takes, |it| (it.local.address, it.peer)) {
        let used = sockets.len() as u64;
        if !is_share(used, ports.into(), PORTS_PERCENT) {
            continue;
        }
        findings.push(Finding {
            rule: Rule::PortsLow,
            local: Spot::address(local),
            peer: Spot::endpoint(peer),
            figures: vec![
                ("count", used),
                ("ports", ports.into()),
                ("left", u64::from(ports).saturating_sub(used)),
                ("time_wait", situation.count(&sockets, |it| it.state == State::TimeWait)),
            ],
            sockets,
            remedies: vec![Remedy::ReuseConnections, Remedy::WidenPorts, Remedy::MoreAddresses],
        });
    }
}

/// CLOSE_WAIT: the peer has closed, our program has not. Nothing ends it but the program.
pub(super) fn close_wait(situation: &Situation, findings: &mut Vec<Finding>) {
    // The FIN came with the last acknowledgement, or before it.
    let silent = |it: &TcpSocket| it.info.as_ref().map_or(0, |info| info.last_ack_ms);
    let key = |socket: &TcpSocket| match situation.is_served(socket) {
        true => (Spot::port(socket.local.port), Spot::default()),
        false => (Spot::default(), Spot::endpoint(socket.peer)),
    };
    for ((local, peer), sockets) in situation.group(|it| it.state == State::CloseWait, key) {
        let count = sockets.len() as u64;
        let forgotten = situation.count(&sockets, |it| silent(it) >= FORGOTTEN_MS);
        if forgotten == 0 && count < CLOSE_WAIT_MANY {
            continue;
        }
        findings.push(Finding {
            rule: Rule::CloseWait,
            local,
            peer,
            figures: vec![
                ("count", count),
                ("forgotten", forgotten),
                ("oldest_ms", situation.most(&sockets, |it| silent(it).into())),
            ],
            sockets,
            remedies: vec![Remedy::CloseSockets],
        });
    }
}

/// FIN_WAIT_2: we have closed, the peer has not.
pub(super) fn fin_wait_2(situation: &Situation, findings: &mut Vec<Finding>) {
    let sockets = situation.all(|it| it.state == State::FinWait2);
    let count = sockets.len() as u64;
    if count < FIN_WAIT_2_MANY {
        return;
    }
    findings.push(Finding {
        rule: Rule::FinWait2,
        local: Spot::default(),
        peer: Spot::default(),
        figures: vec![
            ("count", count),
            ("orphans", situation.count(&sockets, TcpSocket::is_orphan)),
            ("timeout_s", situation.settings.fin_timeout_s.unwrap_or(0).into()),
        ],
        sockets,
        remedies: vec![Remedy::GiveUpHalfClosed, Remedy::ShortenFinTimeout],
    });
}

/// LAST_ACK: both have closed, and the peer does not acknowledge that we have.
pub(super) fn last_ack(situation: &Situation, findings: &mut Vec<Finding>) {
    let sockets = situation.all(|it| it.state == State::LastAck);
    let count = sockets.len() as u64;
    if count < LAST_ACK_MANY {
        return;
    }
    findings.push(Finding {
        rule: Rule::LastAck,
        local: Spot::default(),
        peer: Spot::default(),
        figures: vec![("count", count), ("tries", situation.most(&sockets, super::tries))],
        sockets,
        remedies: vec![Remedy::TracePort],
    });
}

/// Orphans: no program holds them, the kernel brings them to their end.
pub(super) fn orphans(situation: &Situation, findings: &mut Vec<Finding>) {
    let sockets = situation.all(TcpSocket::is_orphan);
    let count = sockets.len() as u64;
    let most = situation.settings.orphans_max.map_or(u64::MAX, u64::from);
    if !is_share(count, most, ORPHANS_PERCENT) {
        return;
    }
    findings.push(Finding {
        rule: Rule::Orphans,
        local: Spot::default(),
        peer: Spot::default(),
        figures: vec![
            ("count", count),
            ("limit", most),
            ("aborted", situation.counters.aborted_on_memory),
        ],
        sockets,
        remedies: vec![Remedy::GiveUpHalfClosed, Remedy::ShortenFinTimeout],
    });
}
