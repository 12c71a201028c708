//! The connections themselves: a slab of entries that never move, found by either of their tuples,
//! by the end that they come from, and by the wheel that forgets them.

use super::index::{Index, NONE};
use super::tcp;
use super::tuple::Tuple;
use super::wheel::{Hung, Links};
use prefetch_index::prefetch_index;
use probe::Time;
use probe::token::Key;

/// Entries in one piece of the slab: as many as go into 8 MiB, which are a few large pages.
const PIECE: usize = (8 << 20) / size_of::<Entry>();

/// Entries that there is room for at first.
const FIRST: usize = 16;

/// Packets and bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes, IP headers included.
    pub bytes: u64,
}

/// What has become of a connection.
pub(crate) mod status {
    /// A packet came back.
    pub const ANSWERED: u16 = 0x01;
    /// It is not forgotten to make room.
    pub const ASSURED: u16 = 0x02;
    /// It was begun from outside, by leave of a mapping.
    pub const INBOUND: u16 = 0x04;
    /// It goes out and comes in again by the same gateway.
    pub const HAIRPIN: u16 = 0x08;
    /// The slot is in use.
    pub const LIVE: u16 = 0x10;
    /// It stands in a group.
    pub const GROUPED: u16 = 0x20;
}

/// One connection. What every look-up needs stands in front, so that it is near.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Entry {
    /// Of what began it, and of what answers that, each as it arrives.
    pub(crate) tuples: [Tuple; 2],
    pub(crate) expires: Time,
    pub(crate) status: u16,
    pub(crate) tcp: tcp::Connection,
    /// Tells it from others that had its place before.
    pub(crate) serial: u32,
    /// The mapping that it uses, and the second one if it goes out and comes in again.
    pub(crate) mapping: u32,
    pub(crate) second_mapping: u32,
    pub(crate) born: Time,
    pub(crate) counts: [Count; 2],
    pub(crate) wheel: Links,
    tags: [u32; 2],
    group_tag: u32,
    group: Neighbours,
}

#[derive(Clone, Copy, Debug)]
struct Neighbours {
    before: u32,
    behind: u32,
}

impl Entry {
    /// `tag` is the original tuple's.
    pub(crate) fn new(now: Time, (original, tag): (Tuple, u32), reply: Tuple) -> Entry {
        Entry {
            tuples: [original, reply],
            expires: now,
            status: 0,
            tcp: tcp::Connection::default(),
            serial: 0,
            mapping: NONE,
            second_mapping: NONE,
            born: now,
            counts: [Count::default(); 2],
            wheel: Links::default(),
            tags: [tag, 0],
            group_tag: 0,
            group: Neighbours { before: NONE, behind: NONE },
        }
    }

    pub(crate) fn is(&self, status: u16) -> bool {
        self.status & status != 0
    }

    /// Whether either end of what began it leaves otherwise than it came: its source, or its
    /// destination.
    pub(crate) fn is_translated(&self, is_source: bool) -> bool {
        let [original, reply] = &self.tuples;
        original.is_renamed_in(reply, is_source)
    }

    /// What a packet of a direction leaves as.
    pub(crate) fn leaves(&self, direction: usize) -> Tuple {
        // Reply tuples are made by inverting, so they have an inverse.
        self.tuples[1 - direction].invert().unwrap_or(self.tuples[direction])
    }
}

/// Has a value's cache line fetched from memory, and does not wait for it.
#[inline]
fn fetch<T>(value: &T) {
    prefetch_index(std::slice::from_ref(value), 0);
}

/// What a group has in common: connections of one inner end, or those that one outer end has with
/// one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group(pub(crate) Tuple);

/// All connections.
#[derive(Debug)]
pub(crate) struct Table {
    key: Key,
    pieces: Vec<Vec<Entry>>,
    free: Vec<u32>,
    count: usize,
    serial: u32,
    tuples: Index,
    groups: Index,
}

impl Table {
    pub(crate) fn new(key: Key) -> Table {
        Table {
            key,
            pieces: Vec::new(),
            free: Vec::new(),
            count: 0,
            serial: 0,
            tuples: Index::new(),
            groups: Index::new(),
        }
    }

    /// Connections in it, those included that have expired and are not yet swept.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Memory that it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let entries: usize = self.pieces.iter().map(Vec::capacity).sum();
        entries * size_of::<Entry>()
            + self.free.capacity() * size_of::<u32>()
            + self.tuples.bytes()
            + self.groups.bytes()
    }

    pub(crate) fn at(&self, number: u32) -> &Entry {
        &self.pieces[number as usize / PIECE][number as usize % PIECE]
    }

    pub(crate) fn at_mut(&mut self, number: u32) -> &mut Entry {
        &mut self.pieces[number as usize / PIECE][number as usize % PIECE]
    }

    /// The numbers of all, in the order of the slab.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        let last =
            self.pieces.len().saturating_sub(1) * PIECE + self.pieces.last().map_or(0, Vec::len);
        (0..last as u32).filter(|number| self.at(*number).is(status::LIVE))
    }

    /// Where the look-up of a tuple begins.
    #[inline]
    pub(crate) fn tag(&self, tuple: &Tuple) -> u32 {
        let (addresses, ports) = tuple.words();
        let [a, b, c, d] = addresses;
        let hash = match a | c {
            // Short addresses fit into one word.
            0 if b >> 32 == 0 && d >> 32 == 0 => self.key.hash([b << 32 | d, ports]),
            _ => self.key.hash([a, b, c, d, ports]),
        };
        hash as u32
    }

    /// The connection and direction of a tuple; also one that has expired.
    #[inline]
    pub(crate) fn find(&self, tuple: &Tuple) -> Option<(u32, usize)> {
        self.find_tagged(self.tag(tuple), tuple)
    }

    /// Likewise, of a tuple whose tag is known.
    #[inline]
    pub(crate) fn find_tagged(&self, tag: u32, tuple: &Tuple) -> Option<(u32, usize)> {
        let is_it = |slot: u32| self.at(slot >> 1).tuples[slot as usize & 1] == *tuple;
        let slot = self.tuples.find(tag, is_it)?;
        Some((slot >> 1, slot as usize & 1))
    }

    /// Has the slot fetched where look-ups with that tag begin.
    #[inline]
    pub(crate) fn fetch_slot(&self, tag: u32) {
        self.tuples.fetch(tag);
    }

    /// Has the entry fetched that a look-up with that tag is going to find; whether there is one,
    /// most likely.
    #[inline]
    pub(crate) fn fetch_entry(&self, tag: u32) -> bool {
        let slot = self.tuples.glance(tag);
        if slot == NONE {
            return false;
        }
        let entry = self.at(slot >> 1);
        // One of each cache line.
        fetch(&entry.tuples[0]);
        fetch(&entry.tuples[1]);
        fetch(&entry.expires);
        fetch(&entry.counts[0]);
        fetch(&entry.counts[1]);
        true
    }

    /// Has the slot of a group fetched; its tag.
    #[inline]
    pub(crate) fn fetch_group(&self, group: &Group) -> u32 {
        let tag = self.tag(&group.0);
        self.groups.fetch(tag);
        tag
    }

    /// Has the connection fetched that joined the group of that tag last.
    #[inline]
    pub(crate) fn fetch_first_of(&self, tag: u32) {
        let number = self.groups.glance(tag);
        if number != NONE {
            let entry = self.at(number);
            fetch(&entry.tuples[0]);
            fetch(&entry.tuples[1]);
            fetch(&entry.group);
        }
    }

    /// The tags of a new connection's tuples.
    pub(crate) fn tags_of(&self, entry: &Entry) -> [u32; 2] {
        [entry.tags[0], self.tag(&entry.tuples[1])]
    }

    /// Adds a connection, of which neither tuple is there.
    pub(crate) fn insert(&mut self, mut entry: Entry, tags: [u32; 2]) -> u32 {
        entry.tags = tags;
        entry.status |= status::LIVE;
        self.serial = self.serial.wrapping_add(1);
        entry.serial = self.serial;
        let number = match self.free.pop() {
            Some(number) => {
                *self.at_mut(number) = entry;
                number
            }
            None => self.append(entry),
        };
        self.tuples.insert(tags[0], number << 1);
        self.tuples.insert(tags[1], number << 1 | 1);
        self.count += 1;
        number
    }

    fn append(&mut self, entry: Entry) -> u32 {
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            let room = if self.pieces.is_empty() { FIRST } else { PIECE };
            self.pieces.push(Vec::with_capacity(room));
        }
        let piece = self.pieces.len() - 1;
        let last = &mut self.pieces[piece];
        if last.len() == last.capacity() {
            // The first grows as it is needed: most labs have few connections.
            last.reserve_exact(last.len().min(PIECE - last.len()));
        }
        last.push(entry);
        (piece * PIECE + last.len() - 1) as u32
    }

    /// Takes a connection out; it must have left the wheel.
    pub(crate) fn remove(&mut self, number: u32) -> Entry {
        self.ungroup(number);
        let entry = self.at_mut(number);
        entry.status &= !status::LIVE;
        let entry = entry.clone();
        self.tuples.remove(entry.tags[0], number << 1);
        self.tuples.remove(entry.tags[1], number << 1 | 1);
        self.free.push(number);
        self.count -= 1;
        entry
    }

    /// Connections whose tuples stand near a tuple's place, at most so many slots from it.
    pub(crate) fn near(&self, tuple: &Tuple, slots: usize) -> impl Iterator<Item = u32> + '_ {
        self.tuples.near(self.tag(tuple), slots).map(|slot| slot >> 1)
    }

    /// The last connection that joined a group.
    pub(crate) fn first_of(
        &self,
        group: &Group,
        of: impl Fn(&Entry) -> Option<Group>,
    ) -> Option<u32> {
        let is_it = |number| of(self.at(number)).as_ref() == Some(group);
        self.groups.find(self.tag(&group.0), is_it)
    }

    /// The one that joined before it.
    pub(crate) fn next_of(&self, number: u32) -> Option<u32> {
        Some(self.at(number).group.behind).filter(|behind| *behind != NONE)
    }

    /// Lets a connection join a group.
    pub(crate) fn join(
        &mut self,
        number: u32,
        group: &Group,
        of: impl Fn(&Entry) -> Option<Group>,
    ) {
        let tag = self.tag(&group.0);
        let first = self.first_of(group, of);
        match first {
            Some(first) => {
                self.groups.replace(tag, first, number);
                self.at_mut(first).group.before = number;
            }
            None => self.groups.insert(tag, number),
        }
        let entry = self.at_mut(number);
        entry.group_tag = tag;
        entry.group = Neighbours { before: NONE, behind: first.unwrap_or(NONE) };
        entry.status |= status::GROUPED;
    }

    fn ungroup(&mut self, number: u32) {
        let entry = self.at_mut(number);
        if !entry.is(status::GROUPED) {
            return;
        }
        entry.status &= !status::GROUPED;
        let (tag, Neighbours { before, behind }) = (entry.group_tag, entry.group);
        match (before, behind) {
            (NONE, NONE) => self.groups.remove(tag, number),
            (NONE, behind) => self.groups.replace(tag, number, behind),
            (before, _) => self.at_mut(before).group.behind = behind,
        }
        if behind != NONE {
            self.at_mut(behind).group.before = before;
        }
    }

    /// Lets every connection leave its group.
    pub(crate) fn disband(&mut self) {
        let numbers: Vec<u32> = self.numbers().collect();
        numbers.into_iter().for_each(|number| self.ungroup(number));
    }
}

/// The group of all that comes from one end.
pub(crate) fn by_source(tuple: &Tuple) -> Group {
    Group(tuple.source_alone())
}

/// The group of what one outer end has with one address, of a packet from there to that end.
pub(crate) fn by_peer(inward: &Tuple) -> Group {
    Group(inward.without_peer_port())
}

impl Hung for Table {
    fn links(&mut self, number: u32) -> &mut Links {
        &mut self.at_mut(number).wheel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        // With its slots in the index, a connection takes less than 300 bytes.
        assert!(size_of::<Entry>() <= 240, "{}", size_of::<Entry>());
    }
}
