//! Conditions that the kernel checks while it walks over its sockets: `INET_DIAG_REQ_BYTECODE`.
//!
//! A program is a row of conditional jumps forward. A socket is told if the program ends exactly at
//! its end, and passed over if it jumps four bytes farther.

use std::net::IpAddr;

/// What a socket has to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// One end of it.
    At(End, Place),
    /// Either end has this port.
    Port(u16),
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Ours.
    Local,
    /// The other.
    Peer,
}

/// An address prefix and a port, each of them if it matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// An address and how many of its bits count. One of IPv4 matches its IPv4-mapped form, too.
    pub prefix: Option<(IpAddr, u8)>,
    /// The port.
    pub port: Option<u16>,
}

/// Codes of `struct inet_diag_bc_op`.
const JUMP: u8 = 1;
const LOCAL: u8 = 7;
const PEER: u8 = 8;

/// Bytes of `struct inet_diag_bc_op`: code, offset if it holds, offset if not.
const STEP_BYTES: usize = 4;

/// Bytes beyond the end that tell a socket does not match.
const BEYOND: usize = 4;

/// The program that checks all of them; empty without any.
pub(super) fn program(matches: &[Match]) -> Vec<u8> {
    let mut program = Vec::new();
    // From the last to the first: a jump out needs to know how much follows.
    for condition in matches.iter().rev() {
        let mut front = Vec::new();
        match *condition {
            Match::At(end, place) => {
                let operand = operand(place);
                let left = STEP_BYTES + operand.len() + program.len();
                step(&mut front, code(end), &operand, left + BEYOND);
            }
            Match::Port(port) => {
                let operand = operand(Place { prefix: None, port: Some(port) });
                let each = STEP_BYTES + operand.len();
                // If the local port is not this, go on behind the jump, which passes over the rest.
                step(&mut front, LOCAL, &operand, each + STEP_BYTES);
                step(&mut front, JUMP, &[], STEP_BYTES + each);
                step(&mut front, PEER, &operand, each + program.len() + BEYOND);
            }
        }
        front.append(&mut program);
        program = front;
    }
    program
}

fn code(end: End) -> u8 {
    match end {
        End::Local => LOCAL,
        End::Peer => PEER,
    }
}

/// A condition, and where to go if it does not hold.
fn step(out: &mut Vec<u8>, code: u8, operand: &[u8], otherwise: usize) {
    out.extend_from_slice(&[code, (STEP_BYTES + operand.len()) as u8]);
    out.extend_from_slice(&(otherwise as u16).to_ne_bytes());
    out.extend_from_slice(operand);
}

/// `struct inet_diag_hostcond`: family, prefix length, two bytes of padding, port, address.
fn operand(place: Place) -> Vec<u8> {
    let (family, octets, length) = match place.prefix {
        None => (libc::AF_UNSPEC, Vec::new(), 0),
        Some((IpAddr::V4(address), length)) => {
            (libc::AF_INET, address.octets().to_vec(), length.min(32))
        }
        Some((IpAddr::V6(address), length)) => {
            (libc::AF_INET6, address.octets().to_vec(), length.min(128))
        }
    };
    let mut operand = vec![family as u8, length, 0, 0];
    let port = place.port.map_or(-1, i32::from);
    operand.extend_from_slice(&port.to_ne_bytes());
    operand.extend_from_slice(&octets);
    operand
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel does, with what each condition by its code and port says.
    fn runs(program: &[u8], holds: impl Fn(u8, i32) -> bool) -> bool {
        let mut at = 0;
        while at < program.len() {
            let (code, yes) = (program[at], usize::from(program[at + 1]));
            let no = usize::from(u16::from_ne_bytes([program[at + 2], program[at + 3]]));
            let is_met = code != JUMP && {
                let port = program[at + 8..at + 12].try_into().expect("four bytes");
                holds(code, i32::from_ne_bytes(port))
            };
            at += if is_met { yes } else { no };
        }
        at == program.len()
    }

    #[test]
    fn all_conditions_have_to_hold_and_a_port_may_be_at_either_end() {
        let prefix = Some(("192.0.2.0".parse().expect("an address"), 24));
        let matches = [
            Match::Port(80),
            Match::At(End::Local, Place { prefix, port: Some(7) }),
            Match::Port(443),
        ];
        let program = program(&matches);
        for combination in 0..32_u8 {
            let bit = |index: u8| combination & 1 << index != 0;
            let holds = |code: u8, port: i32| match (code, port) {
                (LOCAL, 80) => bit(0),
                (PEER, 80) => bit(1),
                (LOCAL, 7) => bit(2),
                (LOCAL, 443) => bit(3),
                (PEER, 443) => bit(4),
                other => panic!("{other:?}"),
            };
            let wanted = (bit(0) || bit(1)) && bit(2) && (bit(3) || bit(4));
            assert_eq!(runs(&program, holds), wanted, "{combination:05b}");
        }
    }

    #[test]
    fn nothing_to_match_is_no_program() {
        assert!(program(&[]).is_empty());
    }
}
