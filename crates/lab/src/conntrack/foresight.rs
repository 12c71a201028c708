//! What packets that came together are going to need, fetched before the first of them is passed
//! on: with many connections, waiting for memory is most of the work, and here the waits overlap.

use super::Tracker;
use super::behaviour::Mapping;
use super::table::by_source;
use super::tuple::{Carried, Tuple, read};

/// With fewer connections it is not worth while: they are near the processor.
const LEAST: usize = 4_096;

/// The most packets that are foreseen: processors keep about so many accesses open.
const MOST: usize = 32;

/// A packet that is about to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foreseen {
    tuple: Tuple,
    /// Where the look-up of its tuple begins.
    tag: u32,
    /// Where that of its source does, if it is to begin a connection.
    source_tag: Option<u32>,
}

impl Tracker {
    /// Fetches from memory what these packets are going to need; changes no connection.
    pub fn foresee<'a>(&mut self, datagrams: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.foreseen.clear();
        if self.table.len() < LEAST || datagrams.len() < 2 {
            return;
        }
        for datagram in datagrams.take(MOST) {
            if let Some((_, Carried::Tuple(tuple))) = read(datagram, false) {
                let tag = self.table.tag(&tuple);
                self.table.fetch_slot(tag);
                self.foreseen.push_back(Foreseen { tuple, tag, source_tag: None });
            }
        }
        let has_sources = self.plan.behaviour.mapping == Mapping::PerConnection;
        for packet in &mut self.foreseen {
            let is_known = self.table.fetch_entry(packet.tag);
            if has_sources && !is_known {
                packet.source_tag = Some(self.table.fetch_group(&by_source(&packet.tuple)));
            }
        }
        for tag in self.foreseen.iter().filter_map(|packet| packet.source_tag) {
            self.table.fetch_first_of(tag);
        }
    }

    /// Where the look-up of a packet's tuple begins.
    pub(super) fn tag(&mut self, tuple: &Tuple) -> u32 {
        match self.foreseen.pop_front() {
            Some(packet) if packet.tuple == *tuple => packet.tag,
            _ => {
                // They come in another order: what is left would not fit either.
                self.foreseen.clear();
                self.table.tag(tuple)
            }
        }
    }
}
