//! The TCP sockets of this machine, for people and for machines.

mod fields;
mod human;
mod machine;
mod words;

pub use human::{Human, totals};
pub use machine::Machine;
pub use words::Paper;

use crate::escape::escape;
use crate::lang::Language;
use crate::resolve;
use net::diag::{Endpoint, State, TcpSocket};
use net::owners::Owner;
use std::fmt::Write;
use std::net::IpAddr;

/// A socket to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The socket.
    pub socket: &'a TcpSocket,
    /// The processes that hold it, where asked for and known.
    pub owners: &'a [Owner],
}

/// What people want to see.
#[derive(Clone, Copy, Debug)]
pub struct Show {
    /// The second line of each.
    pub info: bool,
    /// The processes.
    pub owners: bool,
    /// User and inode.
    pub extended: bool,
    /// The language.
    pub language: Language,
    /// With colour.
    pub is_coloured: bool,
}

/// A state as people know it: its short name in RFC 9293's words.
fn state(state: State) -> &'static str {
    match state {
        State::Established => "ESTAB",
        State::SynSent => "SYN-SENT",
        State::SynReceived => "SYN-RECV",
        State::FinWait1 => "FIN-WAIT-1",
        State::FinWait2 => "FIN-WAIT-2",
        State::TimeWait => "TIME-WAIT",
        State::Closed => "CLOSED",
        State::CloseWait => "CLOSE-WAIT",
        State::LastAck => "LAST-ACK",
        State::Listen => "LISTEN",
        State::Closing => "CLOSING",
    }
}

/// A state as JSON has it.
fn state_word(state: State) -> &'static str {
    match state {
        State::Established => "established",
        State::SynSent => "syn_sent",
        State::SynReceived => "syn_recv",
        State::FinWait1 => "fin_wait_1",
        State::FinWait2 => "fin_wait_2",
        State::TimeWait => "time_wait",
        State::Closed => "closed",
        State::CloseWait => "close_wait",
        State::LastAck => "last_ack",
        State::Listen => "listen",
        State::Closing => "closing",
    }
}

/// Appends `192.0.2.1:80`, `[fe80::1%eth0]:80`; a port of 0 is none: `*`.
fn endpoint(end: Endpoint, interface: u32, out: &mut String) {
    let zone = |out: &mut String| {
        if interface != 0 {
            out.push('%');
            out.push_str(&resolve::zone(interface));
        }
    };
    // Writing to memory cannot fail.
    match end.address {
        IpAddr::V4(address) => {
            let _ = write!(out, "{address}");
            zone(out);
        }
        IpAddr::V6(address) => {
            let _ = write!(out, "[{address}");
            zone(out);
            out.push(']');
        }
    }
    let _ = match end.port {
        0 => write!(out, ":*"),
        port => write!(out, ":{port}"),
    };
}

/// `nginx[812]`, safe for a terminal.
fn owner(owner: &Owner) -> String {
    format!("{}[{}]", escape(&owner.name), owner.pid)
}

/// The interface that the peer's address belongs with: that of a link-local one (RFC 4007 §6).
fn peer_zone(socket: &TcpSocket) -> u32 {
    match socket.peer.address {
        IpAddr::V6(address) if address.is_unicast_link_local() => socket.interface,
        _ => 0,
    }
}
