//! What JSON and CSV call things about sockets. `docs/sockets.md` explains them; names and meanings
//! hold within one schema version.

use super::{Listed, Paper, owner, state_word};
use crate::command::sockets::advice::{Finding, Spot};
use crate::command::sockets::totals::Totals;
use crate::lang::Language;
use crate::print::fields::{Sink, Value};
use crate::resolve;
use net::diag::{CongestionState, Endpoint, Memory, Shutdown, State, TcpSocket, TimerKind, Vitals};
use net::tcp_settings::Counters;
use std::net::IpAddr;

/// CSV's columns: every field of every object, most of them in the order in which they come.
pub const COLUMNS: &[&str] = &[
    "type",
    "state",
    "family",
    "local",
    "local_port",
    "peer",
    "peer_port",
    "interface",
    "recv_queue_bytes",
    "send_queue_bytes",
    "backlog",
    "backlog_max",
    "timer",
    "timer_ns",
    "timer_tries",
    "uid",
    "inode",
    "cookie",
    "processes",
    "mark",
    "cgroup_id",
    "ipv6_only",
    "shutdown",
    "tos",
    "traffic_class",
    "congestion_control",
    "bbr_bandwidth_bytes",
    "bbr_rtt_ns_min",
    "bbr_pacing_gain",
    "bbr_cwnd_gain",
    "receive_memory_bytes",
    "receive_memory_max_bytes",
    "send_memory_bytes",
    "send_memory_max_bytes",
    "queued_memory_bytes",
    "backlog_memory_bytes",
    "drops",
    "congestion_state",
    "timestamps",
    "sack",
    "ecn",
    "ecn_seen",
    "fast_open",
    "send_window_scale",
    "receive_window_scale",
    "rto_ns",
    "ato_ns",
    "rtt_ns",
    "rttvar_ns",
    "rtt_ns_min",
    "receive_rtt_ns",
    "last_sent_ns",
    "last_received_ns",
    "last_ack_ns",
    "busy_ns",
    "window_limited_ns",
    "buffer_limited_ns",
    "mss_bytes",
    "receive_mss_bytes",
    "advertised_mss_bytes",
    "pmtu_bytes",
    "cwnd",
    "ssthresh",
    "send_window_bytes",
    "receive_window_bytes",
    "receive_space_bytes",
    "receive_ssthresh_bytes",
    "unsent_bytes",
    "unacked",
    "sacked",
    "lost",
    "retransmitting",
    "retransmitted",
    "retransmits",
    "probes",
    "backoff",
    "reordering",
    "reorderings",
    "duplicates",
    "out_of_order",
    "delivered",
    "delivered_ce",
    "segments_sent",
    "segments_received",
    "data_segments_sent",
    "data_segments_received",
    "timeouts",
    "rehashes",
    "bytes_sent",
    "bytes_retransmitted",
    "bytes_acked",
    "bytes_received",
    "delivery_rate_bytes",
    "app_limited",
    "pacing_rate_bytes",
    "pacing_rate_max_bytes",
    "sockets",
    "ipv4_sockets",
    "ipv6_sockets",
    "mapped",
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait_1",
    "fin_wait_2",
    "time_wait",
    "closed",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "orphans",
    "zero_window",
    "listen_overflows",
    "listen_drops",
    "syn_drops",
    "cookies_sent",
    "time_wait_overflows",
    "aborted_on_memory",
    "aborted_on_timeout",
    "rule",
    "figures",
    "examples",
    "holders",
    "says",
    "remedies",
    "findings",
];

/// Examples of the sockets that a finding is about, at most.
const EXAMPLES_MAX: usize = 10;

/// A socket.
pub fn socket(listed: &Listed<'_>, has_owners: bool, sink: Sink<'_>) {
    let socket = listed.socket;
    sink("type", Value::Word("socket"));
    sink("state", Value::Word(state_word(socket.state)));
    let is_v4 = matches!(socket.local.address, IpAddr::V4(_));
    sink("family", Value::Word(if is_v4 { "ipv4" } else { "ipv6" }));
    end(["local", "local_port"], socket.local, sink);
    end(["peer", "peer_port"], socket.peer, sink);
    let interface = Some(socket.interface).filter(|index| *index != 0).map(resolve::zone);
    sink("interface", interface.into());
    let is_listener = socket.state == State::Listen;
    let queues = (socket.receive_queue, socket.send_queue);
    sink("recv_queue_bytes", (!is_listener).then_some(queues.0).into());
    sink("send_queue_bytes", (!is_listener).then_some(queues.1).into());
    sink("backlog", is_listener.then_some(queues.0).into());
    sink("backlog_max", is_listener.then_some(queues.1).into());
    let timer = socket.timer;
    sink("timer", timer.map_or(Value::Null, |timer| Value::Word(timer_word(timer.kind))));
    sink("timer_ns", timer.map(|timer| timer.left).into());
    sink("timer_tries", timer.map(|timer| timer.tries).into());
    sink("uid", socket.uid.into());
    sink("inode", socket.inode.into());
    sink("cookie", format!("{:x}", socket.cookie).into());
    if has_owners {
        let process = |it: &net::owners::Owner| {
            let name = crate::escape::escape(&it.name);
            Value::Object(vec![("pid", it.pid.into()), ("name", name.into()), ("fd", it.fd.into())])
        };
        sink("processes", Value::Values(listed.owners.iter().map(process).collect()));
    }
    sink("mark", socket.mark.into());
    sink("cgroup_id", socket.cgroup_id.into());
    sink("ipv6_only", socket.is_ipv6_only.into());
    sink("shutdown", socket.shutdown.map_or(Value::Null, |it| Value::Word(shutdown(it))));
    sink("tos", socket.tos.into());
    sink("traffic_class", socket.traffic_class.into());
    let name = socket.congestion_control.map(|name| name.as_str().to_owned());
    sink("congestion_control", name.into());
    let bbr = socket.bbr.as_ref();
    let gain = |gain: u32| Value::Ratio(f64::from(gain) / 256.0);
    sink("bbr_bandwidth_bytes", bbr.map(|it| it.bandwidth).into());
    sink("bbr_rtt_ns_min", bbr.map(|it| it.rtt_us_min).filter(|us| *us != u32::MAX).map(ns).into());
    sink("bbr_pacing_gain", bbr.map_or(Value::Null, |it| gain(it.pacing_gain)));
    sink("bbr_cwnd_gain", bbr.map_or(Value::Null, |it| gain(it.cwnd_gain)));
    memory(socket.memory.as_ref(), sink);
    info(socket, sink);
}

fn end(names: [&'static str; 2], end: Endpoint, sink: Sink<'_>) {
    sink(names[0], end.address.to_string().into());
    sink(names[1], Some(end.port).filter(|port| *port != 0).into());
}

fn timer_word(kind: TimerKind) -> &'static str {
    match kind {
        TimerKind::Retransmit => "retransmit",
        TimerKind::Keepalive => "keepalive",
        TimerKind::TimeWait => "time_wait",
        TimerKind::Persist => "persist",
        TimerKind::Unknown(_) => "other",
    }
}

fn shutdown(shutdown: Shutdown) -> &'static str {
    match (shutdown.receive, shutdown.send) {
        (false, false) => "none",
        (true, false) => "receive",
        (false, true) => "send",
        (true, true) => "both",
    }
}

fn memory(memory: Option<&Memory>, sink: Sink<'_>) {
    let figure = |figure: fn(&Memory) -> u32| Value::from(memory.map(figure));
    sink("receive_memory_bytes", figure(|it| it.receive_bytes));
    sink("receive_memory_max_bytes", figure(|it| it.receive_max_bytes));
    sink("send_memory_bytes", figure(|it| it.send_bytes));
    sink("send_memory_max_bytes", figure(|it| it.send_max_bytes));
    sink("queued_memory_bytes", figure(|it| it.queued_bytes));
    sink("backlog_memory_bytes", figure(|it| it.backlog_bytes));
    sink("drops", figure(|it| it.drops));
}

fn congestion_word(state: CongestionState) -> &'static str {
    match state {
        CongestionState::Open => "open",
        CongestionState::Disorder => "disorder",
        CongestionState::Reduced => "reduced",
        CongestionState::Recovery => "recovery",
        CongestionState::Loss => "loss",
        CongestionState::Unknown(_) => "other",
    }
}

/// What the kernel knows of a connection. Of a listener, most means nothing, and two fields mean
/// its backlog.
fn info(socket: &TcpSocket, sink: Sink<'_>) {
    let is_connection = socket.state != State::Listen;
    let info = socket.info.as_deref().filter(|_| is_connection);
    let word =
        |word: fn(&Vitals) -> &'static str| info.map_or(Value::Null, |it| Value::Word(word(it)));
    let flag = |flag: fn(&Vitals) -> bool| Value::from(info.map(flag));
    sink("congestion_state", word(|it| congestion_word(it.congestion_state)));
    sink("timestamps", flag(|it| it.has_timestamps));
    sink("sack", flag(|it| it.has_sack));
    sink("ecn", flag(|it| it.has_ecn));
    sink("ecn_seen", flag(|it| it.has_seen_ecn));
    sink("fast_open", flag(|it| it.has_fast_open));
    sink("send_window_scale", info.and_then(|it| it.window_scale).map(|it| it.0).into());
    sink("receive_window_scale", info.and_then(|it| it.window_scale).map(|it| it.1).into());
    times(info, sink);
    windows(info, sink);
    segments(info, sink);
    rates(info, sink);
}

/// Microseconds as the nanoseconds that all times of ours are in.
fn ns(us: impl Into<u64>) -> u64 {
    us.into().saturating_mul(1_000)
}

fn times(info: Option<&Vitals>, sink: Sink<'_>) {
    let us = |figure: fn(&Vitals) -> u32| Value::from(info.map(|it| ns(figure(it))));
    let ms =
        |figure: fn(&Vitals) -> u32| Value::from(info.map(|it| ns(u64::from(figure(it)) * 1_000)));
    // Zero stands for a guess that there is none of.
    let guess = |us: Option<u32>| Value::from(us.filter(|us| *us != 0).map(ns));
    sink("rto_ns", us(|it| it.rto_us));
    sink("ato_ns", us(|it| it.ato_us));
    sink("rtt_ns", guess(info.map(|it| it.rtt_us)));
    let has_rtt = |it: &&Vitals| it.rtt_us != 0;
    sink("rttvar_ns", info.filter(has_rtt).map(|it| ns(it.rttvar_us)).into());
    sink("rtt_ns_min", info.and_then(Vitals::rtt_us_min_known).map(ns).into());
    sink("receive_rtt_ns", guess(info.map(|it| it.receive_rtt_us)));
    sink("last_sent_ns", ms(|it| it.last_sent_ms));
    sink("last_received_ns", ms(|it| it.last_received_ms));
    sink("last_ack_ns", ms(|it| it.last_ack_ms));
    sink("busy_ns", info.and_then(|it| it.busy_us).map(ns).into());
    sink("window_limited_ns", info.and_then(|it| it.window_limited_us).map(ns).into());
    sink("buffer_limited_ns", info.and_then(|it| it.buffer_limited_us).map(ns).into());
}

fn windows(info: Option<&Vitals>, sink: Sink<'_>) {
    let figure = |figure: fn(&Vitals) -> u32| Value::from(info.map(figure));
    sink("mss_bytes", figure(|it| it.send_mss_bytes));
    sink("receive_mss_bytes", figure(|it| it.receive_mss_bytes));
    sink("advertised_mss_bytes", figure(|it| it.advertised_mss_bytes));
    sink("pmtu_bytes", figure(|it| it.pmtu_bytes));
    sink("cwnd", figure(|it| it.cwnd));
    sink("ssthresh", info.and_then(Vitals::ssthresh_known).into());
    sink("send_window_bytes", info.and_then(|it| it.send_window_bytes).into());
    sink("receive_window_bytes", info.and_then(|it| it.receive_window_bytes).into());
    sink("receive_space_bytes", figure(|it| it.receive_space_bytes));
    sink("receive_ssthresh_bytes", figure(|it| it.receive_ssthresh_bytes));
    sink("unsent_bytes", info.and_then(|it| it.unsent_bytes).into());
}

fn segments(info: Option<&Vitals>, sink: Sink<'_>) {
    let figure = |figure: fn(&Vitals) -> u32| Value::from(info.map(figure));
    sink("unacked", figure(|it| it.unacked));
    sink("sacked", figure(|it| it.sacked));
    sink("lost", figure(|it| it.lost));
    sink("retransmitting", figure(|it| it.retransmitting));
    sink("retransmitted", figure(|it| it.retransmitted));
    sink("retransmits", info.map(|it| it.retransmits).into());
    sink("probes", info.map(|it| it.probes).into());
    sink("backoff", info.map(|it| it.backoff).into());
    sink("reordering", figure(|it| it.reordering));
    sink("reorderings", info.and_then(|it| it.reorderings).into());
    sink("duplicates", info.and_then(|it| it.duplicates).into());
    sink("out_of_order", info.and_then(|it| it.out_of_order).into());
    sink("delivered", info.and_then(|it| it.delivered).into());
    sink("delivered_ce", info.and_then(|it| it.delivered_ce).into());
    sink("segments_sent", info.and_then(|it| it.segments_sent).into());
    sink("segments_received", info.and_then(|it| it.segments_received).into());
    sink("data_segments_sent", info.and_then(|it| it.data_segments_sent).into());
    sink("data_segments_received", info.and_then(|it| it.data_segments_received).into());
    sink("timeouts", info.and_then(|it| it.timeouts).into());
    sink("rehashes", info.and_then(|it| it.rehashes).into());
}

fn rates(info: Option<&Vitals>, sink: Sink<'_>) {
    let figure = |figure: fn(&Vitals) -> Option<u64>| Value::from(info.and_then(figure));
    // All bits set: no limit.
    let limited = |rate: Option<u64>| rate.filter(|rate| *rate != u64::MAX);
    sink("bytes_sent", figure(|it| it.bytes_sent));
    sink("bytes_retransmitted", figure(|it| it.bytes_retransmitted));
    sink("bytes_acked", figure(|it| it.bytes_acked));
    sink("bytes_received", figure(|it| it.bytes_received));
    sink("delivery_rate_bytes", figure(|it| it.delivery_rate));
    sink("app_limited", info.map(|it| it.is_app_limited).into());
    sink("pacing_rate_bytes", limited(info.and_then(|it| it.pacing_rate)).into());
    sink("pacing_rate_max_bytes", limited(info.and_then(|it| it.pacing_max_rate)).into());
}

/// How many there are.
pub fn totals(totals: &Totals, counters: &Counters, sink: Sink<'_>) {
    sink("type", Value::Word("totals"));
    sink("sockets", totals.all().into());
    for (column, name) in ["ipv4_sockets", "ipv6_sockets"].into_iter().enumerate() {
        let sum: u64 = totals.by_state.iter().map(|row| row[column]).sum();
        sink(name, sum.into());
    }
    sink("mapped", totals.mapped.into());
    for (state, [v4, v6]) in State::ALL.into_iter().zip(totals.by_state) {
        sink(state_word(state), (v4 + v6).into());
    }
    sink("orphans", totals.orphans.into());
    sink("retransmitting", totals.retransmitting.into());
    sink("zero_window", totals.zero_window.into());
    sink("recv_queue_bytes", totals.unread_bytes.into());
    sink("send_queue_bytes", totals.unacknowledged_bytes.into());
    sink("listen_overflows", counters.listen_overflows.into());
    sink("listen_drops", counters.listen_drops.into());
    sink("syn_drops", counters.syn_drops.into());
    sink("cookies_sent", counters.cookies_sent.into());
    sink("time_wait_overflows", counters.time_wait_overflows.into());
    sink("aborted_on_memory", counters.aborted_on_memory.into());
    sink("aborted_on_timeout", counters.aborted_on_timeout.into());
}

/// Something that may be wrong.
pub fn advice(paper: &Paper<'_>, finding: &Finding, sink: Sink<'_>) {
    sink("type", Value::Word("advice"));
    sink("rule", Value::Word(finding.rule.name()));
    spot(["local", "local_port"], finding.local, sink);
    spot(["peer", "peer_port"], finding.peer, sink);
    let figures = finding.figures.iter().map(|(name, figure)| (*name, (*figure).into()));
    sink("figures", Value::Object(figures.collect()));
    let examples = finding.sockets.iter().take(EXAMPLES_MAX);
    sink("examples", Value::List(examples.map(|index| paper.pair(*index)).collect()));
    sink("holders", Value::List(paper.owners_of(finding).into_iter().map(owner).collect()));
    sink("says", paper.says(finding, Language::English).into());
    let remedies = finding.remedies.iter();
    sink(
        "remedies",
        Value::List(remedies.map(|it| paper.remedy(*it, finding, Language::English)).collect()),
    );
}

fn spot(names: [&'static str; 2], spot: Spot, sink: Sink<'_>) {
    sink(names[0], spot.address.map(|it| it.to_string()).into());
    sink(names[1], spot.port.into());
}

/// How much was looked at, and how much may be wrong.
pub fn summary(paper: &Paper<'_>, findings: usize, sink: Sink<'_>) {
    sink("type", Value::Word("summary"));
    sink("sockets", (paper.situation.sockets.len() as u64).into());
    sink("findings", (findings as u64).into());
}
