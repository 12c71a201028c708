//! IGMP in short (RFC 1112, RFC 2236, RFC 3376).

use super::{Piece, put};
use crate::{be16, be32};
use std::fmt::Write;
use std::net::Ipv4Addr;

pub(super) fn message(piece: Piece<'_>, out: &mut String) {
    let bytes = piece.bytes;
    let Ok(group) = be32(bytes, 4).map(Ipv4Addr::from) else { return out.push_str("[|igmp]") };
    let about = |out: &mut String| {
        if !group.is_unspecified() {
            put!(out, " [gaddr {group}]");
        }
    };
    match bytes[0] {
        0x11 if piece.length >= 12 => {
            out.push_str("igmp query v3");
            about(out);
        }
        0x11 => {
            put!(out, "igmp query v{}", if bytes[1] == 0 { 1 } else { 2 });
            about(out);
        }
        0x12 => put!(out, "igmp v1 report {group}"),
        0x16 => put!(out, "igmp v2 report {group}"),
        0x17 => put!(out, "igmp leave {group}"),
        0x22 => put!(out, "igmp v3 report, {} group record(s)", be16(bytes, 6).unwrap_or(0)),
        kind => put!(out, "igmp-{kind}"),
    }
}
