//! Rules about connections that begin.

use super::{Finding, Remedy, Rule, Situation, Spot, is_share, tries};
use net::diag::{State, TcpSocket, TimerKind};

/// An accept queue that is so full will soon be.
const ACCEPT_PERCENT: u64 = 75;

/// Half-open connections, of what a listener may have.
const SYN_PERCENT: u64 = 50;

/// Below that, shares say nothing.
const LEAST: u64 = 4;

/// The accept queue of a listener: a new connection is dropped when it holds more than its limit.
pub(super) fn accept_queue(situation: &Situation, findings: &mut Vec<Finding>) {
    for index in situation.all(|it| it.state == State::Listen && it.receive_queue > 0) {
        let socket = &situation.sockets[index];
        let (waiting, limit) = (u64::from(socket.receive_queue), u64::from(socket.send_queue));
        let is_nearly_full = limit >= LEAST && is_share(waiting, limit, ACCEPT_PERCENT);
        if waiting < limit && !is_nearly_full {
            continue;
        }
        let mut remedies = vec![Remedy::AcceptFaster, Remedy::RaiseBacklog];
        if situation.settings.backlog_max.is_some_and(|most| limit >= most.into()) {
            remedies.push(Remedy::RaiseSomaxconn);
        }
        findings.push(Finding {
            rule: Rule::AcceptQueue,
            local: Spot::endpoint(socket.local),
            peer: Spot::default(),
            figures: vec![
                ("count", waiting),
                ("limit", limit),
                ("somaxconn", situation.settings.backlog_max.unwrap_or(0).into()),
                ("overflows", situation.counters.listen_overflows),
                ("drops", situation.counters.listen_drops),
            ],
            sockets: vec![index],
            remedies,
        });
    }
}

/// Half-open connections of a listener: many peers ask and do not answer, or the accept queue is
/// full and nothing gets through.
pub(super) fn syn_backlog(situation: &Situation, findings: &mut Vec<Finding>) {
    let half_open = situation.group(|it| it.state == State::SynReceived, |it| it.local.port);
    for (port, sockets) in half_open {
        let count = sockets.len() as u64;
        let is_listener = |it: &&TcpSocket| it.state == State::Listen && it.local.port == port;
        let listeners = situation.sockets.iter().filter(is_listener);
        let Some(backlog) = listeners.map(|it| it.send_queue).max() else { continue };
        let settings = &situation.settings;
        let has_cookies = settings.syn_cookies != Some(0);
        // Without cookies, the last quarter of tcp_max_syn_backlog is kept for known peers.
        let capped = settings.syn_backlog_max.filter(|_| !has_cookies);
        let limit = u64::from(backlog.min(capped.unwrap_or(u32::MAX)));
        if count < LEAST || !is_share(count, limit, SYN_PERCENT) {
            continue;
        }
        let mut remedies = vec![Remedy::LookAtSources];
        remedies.push(if has_cookies { Remedy::CookiesWork } else { Remedy::TurnCookiesOn });
        remedies.push(Remedy::RaiseBacklog);
        if capped.is_some_and(|cap| cap <= backlog) {
            remedies.push(Remedy::RaiseSynBacklog);
        }
        findings.push(Finding {
            rule: Rule::SynBacklog,
            local: Spot::port(port),
            peer: Spot::default(),
            figures: vec![
                ("count", count),
                ("limit", limit),
                ("tries", situation.most(&sockets, tries)),
                ("drops", situation.counters.syn_drops),
                ("cookies", situation.counters.cookies_sent),
            ],
            sockets,
            remedies,
        });
    }
}

/// SYN_SENT that was sent again: nobody answered for a second or more.
pub(super) fn syn_unanswered(situation: &Situation, findings: &mut Vec<Finding>) {
    let is_unanswered = |it: &TcpSocket| {
        let is_on = it.timer.is_some_and(|timer| timer.kind == TimerKind::Retransmit);
        it.state == State::SynSent && is_on && tries(it) > 0
    };
    for (peer, sockets) in situation.group(is_unanswered, |it| it.peer) {
        findings.push(Finding {
            rule: Rule::SynUnanswered,
            local: Spot::default(),
            peer: Spot::endpoint(peer),
            figures: vec![
                ("count", sockets.len() as u64),
                ("tries", situation.most(&sockets, tries)),
            ],
            sockets,
            remedies: vec![Remedy::TracePort],
        });
    }
}
