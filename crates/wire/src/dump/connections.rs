//! Where the sequence numbers of TCP connections began, so that they can be shown from 1.

use crate::tcp::{Segment, flag};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// More connections are forgotten, all at once, so that a flood of them takes no more than that.
const CONNECTIONS_MAX: usize = 65_536;

/// Where the numbers of every connection began that was seen.
#[derive(Clone, Debug, Default)]
pub struct Connections(BTreeMap<Ends, Begun>);

/// The ends, that with the lower port first.
type Ends = (IpAddr, u16, IpAddr, u16);

/// The number before the first byte of the first end, and of the second.
#[derive(Clone, Copy, Debug)]
struct Begun([u32; 2]);

/// What is to be taken off the numbers of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bases {
    /// Off the sequence number.
    pub sequence: u32,
    /// Off the acknowledgment number.
    pub acknowledgment: u32,
    /// Off the edges of selective acknowledgments.
    pub selective: u32,
}

impl Connections {
    /// What is to be taken off a segment's numbers. As tcpdump has it: nothing off a segment that
    /// opens a connection or is the first one seen of it.
    pub fn bases(&mut self, from: IpAddr, to: IpAddr, segment: &Segment<'_>) -> Bases {
        if segment.flags & flag::ACK == 0 {
            return Bases::default();
        }
        let Segment { source_port, destination_port, .. } = *segment;
        let is_reverse = (source_port, from) > (destination_port, to);
        let ends = match is_reverse {
            false => (from, source_port, to, destination_port),
            true => (to, destination_port, from, source_port),
        };
        let (own, other) = if is_reverse { (1, 0) } else { (0, 1) };
        let known = self.0.get(&ends).copied();
        let is_new = known.is_none() || segment.flags & flag::SYN != 0;
        let begun = match known {
            Some(begun) if !is_new => begun,
            _ => {
                let mut begun = [0; 2];
                begun[own] = segment.sequence;
                begun[other] = segment.acknowledgment.wrapping_sub(1);
                if self.0.len() >= CONNECTIONS_MAX {
                    self.0.clear();
                }
                self.0.insert(ends, Begun(begun));
                Begun(begun)
            }
        };
        let selective = begun.0[other];
        match is_new {
            true => Bases { selective, ..Bases::default() },
            false => Bases { sequence: begun.0[own], acknowledgment: begun.0[other], selective },
        }
    }
}
