//! How many sockets there are of each kind.

use net::diag::{State, TcpSocket, TimerKind};
use std::net::IpAddr;

/// Sockets counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By state, in the order of [`State::ALL`]: IPv4 sockets, then IPv6.
    pub by_state: [[u64; 2]; State::ALL.len()],
    /// IPv6 sockets that speak IPv4.
    pub mapped: u64,
    /// Sockets that no process holds any more, but that are not over.
    pub orphans: u64,
    /// Connections that sent something again and still wait for the answer.
    pub retransmitting: u64,
    /// Connections whose peer takes nothing.
    pub zero_window: u64,
    /// Bytes that no program has read, without listeners.
    pub unread_bytes: u64,
    /// Bytes that no peer has acknowledged, without listeners.
    pub unacknowledged_bytes: u64,
}

impl Totals {
    /// Counts one more.
    pub fn add(&mut self, socket: &TcpSocket) {
        let row = State::ALL.iter().position(|state| *state == socket.state);
        let column = usize::from(matches!(socket.local.address, IpAddr::V6(_)));
        self.by_state[row.expect("every state is listed")][column] += 1;
        self.mapped += u64::from(socket.is_mapped());
        self.orphans += u64::from(socket.is_orphan());
        let timer = socket.timer.filter(|timer| timer.tries > 0).map(|timer| timer.kind);
        self.retransmitting += u64::from(timer == Some(TimerKind::Retransmit));
        let is_persisting = socket.timer.is_some_and(|timer| timer.kind == TimerKind::Persist);
        self.zero_window += u64::from(is_persisting);
        if socket.state != State::Listen {
            self.unread_bytes += u64::from(socket.receive_queue);
            self.unacknowledged_bytes += u64::from(socket.send_queue);
        }
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        self.by_state.iter().flatten().sum()
    }
}
