//! TCP.

use super::ip::{ports, tcp_sum};
use super::{Bases, Piece, Printer, put};
use crate::ip::Datagram;
use crate::tcp::{Segment, flag};
use crate::{be16, be32};
use std::fmt::Write;

impl Printer {
    pub(super) fn tcp(
        &mut self,
        datagram: &Datagram<'_>,
        piece: Piece<'_>,
        has_addresses: bool,
        out: &mut String,
    ) {
        let bytes = piece.bytes;
        ports(datagram, bytes, has_addresses, out);
        let Some(fixed) = bytes.get(..20) else { return out.push_str(" [|tcp]") };
        let header_bytes = usize::from(fixed[12] >> 4) * 4;
        if header_bytes < 20 {
            let rest = piece.length.saturating_sub(header_bytes);
            put!(out, "tcp {rest} [bad hdr length {header_bytes} - too short, < 20]");
            return;
        }
        // Only its fixed part, so that options may be cut.
        let mut whole = [0; 20];
        whole.copy_from_slice(fixed);
        whole[12] = 0x50 | whole[12] & 0x0f;
        let Ok(segment) = Segment::parse(&whole) else { return out.push_str(" [|tcp]") };
        put!(out, "Flags [{}]", flags(segment.flags));
        let bases = match self.view.absolute {
            true => Bases::default(),
            false => self.connections.bases(datagram.source, datagram.destination, &segment),
        };
        let Some(data) = piece.length.checked_sub(header_bytes) else {
            put!(out, " [bad hdr length {header_bytes} - too long, > {}]", piece.length);
            return;
        };
        let is_whole = datagram.fragment.is_none() && bytes.len() >= piece.length;
        if self.view.detail > 0 && is_whole {
            let stated = be16(fixed, 16).unwrap_or(0);
            put!(out, ", cksum 0x{stated:04x} (");
            match tcp_sum(datagram, &bytes[..piece.length]) {
                (true, _) => out.push_str("correct)"),
                (false, right) => put!(out, "incorrect -> 0x{right:04x})"),
            }
        }
        numbers(&segment, bases, data, self.view.detail, out);
        if header_bytes > 20 {
            let there = bytes.get(20..header_bytes.min(bytes.len())).unwrap_or_default();
            out.push_str(", options [");
            if !options(there, header_bytes - 20, bases.selective, out) {
                return;
            }
            out.push(']');
        }
        put!(out, ", length {data}");
    }
}

/// The letters of flags; an acknowledgment is a dot.
pub fn flags(bits: u16) -> impl std::fmt::Display {
    std::fmt::from_fn(move |f| {
        let letters = [
            (flag::FIN, "F"),
            (flag::SYN, "S"),
            (flag::RST, "R"),
            (flag::PSH, "P"),
            (flag::ACK, "."),
            (flag::URG, "U"),
            (flag::ECE, "E"),
            (flag::CWR, "W"),
            (flag::AE, "e"),
        ];
        let mut is_none = true;
        for (_, letter) in letters.iter().filter(|(bit, _)| bits & bit != 0) {
            is_none = false;
            f.write_str(letter)?;
        }
        f.write_str(if is_none { "none" } else { "" })
    })
}

fn numbers(segment: &Segment<'_>, bases: Bases, data: usize, detail: u8, out: &mut String) {
    let sequence = segment.sequence.wrapping_sub(bases.sequence);
    let marks = flag::SYN | flag::FIN | flag::RST;
    if detail > 1 || data > 0 || segment.flags & marks != 0 {
        put!(out, ", seq {sequence}");
        if data > 0 {
            put!(out, ":{}", sequence.wrapping_add(data as u32));
        }
    }
    if segment.flags & flag::ACK != 0 {
        put!(out, ", ack {}", segment.acknowledgment.wrapping_sub(bases.acknowledgment));
    }
    put!(out, ", win {}", segment.window);
    if segment.flags & flag::URG != 0 {
        put!(out, ", urg {}", segment.urgent);
    }
}

/// Options of which the header has that many bytes; whether they were all there and well formed.
fn options(there: &[u8], stated: usize, base: u32, out: &mut String) -> bool {
    let mut at = 0;
    while at < stated {
        if at > 0 {
            out.push(',');
        }
        let Some(&kind) = there.get(at) else {
            out.push_str(" [|tcp]");
            return false;
        };
        let length = match kind {
            0 | 1 => 1,
            _ => match there.get(at + 1) {
                Some(length) => usize::from(*length),
                None => {
                    out.push_str(" [|tcp]");
                    return false;
                }
            },
        };
        if kind > 1 && length < 2 || at + length > stated {
            out.push_str("[bad opt]]");
            return false;
        }
        let start = (at + 2).min(there.len());
        let end = (at + length).min(there.len()).max(start);
        let body = &there[start..end];
        let is_cut = at + length > there.len();
        if !option(kind, body, is_cut, base, out) {
            return false;
        }
        if kind == 0 {
            break;
        }
        at += length;
    }
    true
}

fn option(kind: u8, body: &[u8], is_cut: bool, base: u32, out: &mut String) -> bool {
    let name = match kind {
        0 => "eol",
        1 => "nop",
        2 => "mss",
        3 => "wscale",
        4 => "sackOK",
        5 => "sack",
        8 => "TS",
        28 => "uto",
        30 => "mptcp",
        34 => "tfo",
        _ => "",
    };
    match name {
        "" => put!(out, "unknown-{kind}"),
        name => out.push_str(name),
    }
    if is_cut {
        out.push_str(" [|tcp]>");
        return false;
    }
    match (kind, body) {
        (2, &[a, b]) => put!(out, " {}", u16::from_be_bytes([a, b])),
        (3, [shift]) => put!(out, " {shift}"),
        (5, _) if body.len().is_multiple_of(8) => {
            put!(out, " {} ", body.len() / 8);
            for block in body.chunks_exact(8) {
                let edge = |at| be32(block, at).unwrap_or(0).wrapping_sub(base);
                put!(out, "{{{}:{}}}", edge(0), edge(4));
            }
        }
        (8, _) if body.len() == 8 => {
            let word = |at| be32(body, at).unwrap_or(0);
            put!(out, " val {} ecr {}", word(0), word(4));
        }
        (34, []) => out.push_str("  cookiereq"),
        (34, cookie) => {
            out.push_str(" cookie ");
            cookie.iter().for_each(|byte| put!(out, "{byte:02x}"));
        }
        (0 | 1 | 4, []) => {}
        (0 | 1, _) => {}
        (_, rest) => {
            out.push_str(" 0x");
            rest.iter().for_each(|byte| put!(out, "{byte:02x}"));
        }
    }
    true
}
