//! Fragments that pass: put together before they are looked at, cut again behind.

use super::{Gateway, Side, Way};
use crate::assembly::{Progress, Unfinished};
use crate::packet;
use crate::rules;
use probe::Time;
use wire::Family;
use wire::ip::Datagram;
use wire::offload::Shape;

/// Entries that are kept before those are looked for whose datagram is done.
const KEPT_MAX: usize = 128;

/// Datagrams in the making, and when they are given up.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<(Time, Unfinished)>);

impl Pending {
    /// When the next one is given up.
    pub(super) fn due(&self) -> Option<Time> {
        self.0.iter().map(|(at, _)| *at).min()
    }
}

impl Gateway {
    /// Takes a fragment; the last one of a datagram sends it on.
    pub(super) fn assemble(&mut self, now: Time, from: Side, bytes: &[u8]) {
        let Ok(datagram) = Datagram::parse(bytes) else { return };
        let after = rules::of(Family::of(datagram.source)).reassembly;
        match self.assembly.add(&datagram, bytes) {
            Progress::Nothing | Progress::Ragged | Progress::TooLong => {}
            Progress::Begun(unfinished) => {
                if self.pending.0.len() >= KEPT_MAX {
                    let assembly = &self.assembly;
                    self.pending.0.retain(|(_, unfinished)| assembly.is_pending(unfinished));
                }
                self.pending.0.push((now + after, unfinished));
            }
            Progress::Whole(mut whole, cut) => {
                let mut way = Way::new(now, from, Shape::PLAIN, &whole);
                way.cut = Some(cut);
                if let Some(out) = self.cross(&way, &mut whole) {
                    self.outgoing.push_back((out, whole));
                }
            }
        }
    }

    /// Cuts a datagram that is to leave.
    pub(super) fn cut(&mut self, way: &Way, out: Side, bytes: &[u8], limit_bytes: usize) {
        let Ok(datagram) = Datagram::parse(bytes) else { return };
        let (header, payload) = (datagram.header(), datagram.payload);
        let (identification, limit_bytes) = (datagram.identification, limit_bytes as u32);
        let pieces = match &way.cut {
            Some(cut) => {
                let mut cut = cut.clone();
                // Pieces of IPv6 are its own now: others' might have the same number (Linux).
                if !rules::of(datagram.family()).routers_fragment {
                    self.identification = self.identification.wrapping_add(1);
                    cut.identification = self.identification.into();
                }
                packet::split_again(&header, payload, &cut, limit_bytes)
            }
            None => packet::split(&header, payload, identification, limit_bytes),
        };
        self.outgoing.extend(pieces.into_iter().map(|piece| (out, piece)));
    }

    /// Gives up datagrams whose fragments did not come. Who they were for would speak of it.
    pub(super) fn abandon(&mut self, now: Time) {
        if self.pending.due().is_none_or(|due| due > now) {
            return;
        }
        let assembly = &mut self.assembly;
        self.pending.0.retain(|(at, unfinished)| {
            let is_over = *at <= now;
            if is_over {
                assembly.abandon(*unfinished);
            }
            !is_over
        });
    }
}
