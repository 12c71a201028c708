//! Captures: each packet that enters a link as a record of a pcapng file, what became of it as its
//! comment. Stamps are the lab's own time, when the packet entered.

use crate::ethernet::FrameHeader;
use crate::link::{Crossing, Link, Story};
use crate::map::{Map, Recipient};
use crate::world::World;
use probe::Time;
use std::fmt;
use wire::pcapng::{self, Direction, Packet, Statistics};

/// What is gathered before it is written.
const CHUNK_BYTES: usize = 1 << 16;

/// Where a capture goes: what is written of it, in pieces of some size, and the rest when it is
/// flushed or closed. What fails there is for whoever made it to keep.
pub type Sink = Box<dyn FnMut(&[u8]) + Send>;

/// The captures of a world.
#[derive(Debug, Default)]
pub(crate) struct Captures {
    files: Vec<File>,
    /// By link.
    tapped: Vec<Tapped>,
    /// Reused from packet to packet.
    frame: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Tapped {
    /// The files that a link goes to, and its interface there; none if it is not captured.
    files: Vec<(usize, u32)>,
    /// By end, the latest comment.
    told: Vec<Told>,
}

/// A comment, and what it tells: most packets on a quiet link have that of the one before.
#[derive(Clone, Debug)]
struct Told {
    to: Recipient,
    story: Story,
    comment: Vec<u8>,
}

struct File {
    writer: pcapng::Writer,
    gathered: Vec<u8>,
    /// Bytes that the sink was given.
    written: u64,
    sink: Sink,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("gathered", &self.gathered.len()).finish_non_exhaustive()
    }
}

/// A capture that a scenario asks for: `[[capture]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturePlan {
    /// The link's name; every link if `None`.
    pub link: Option<String>,
    /// The name of the file: no path, and it ends in `.pcapng`.
    pub file: String,
}

impl World {
    /// The captures that the scenario asks for: for who drives the world to begin.
    pub fn capture_plans(&self) -> &[CapturePlan] {
        &self.capture_plans
    }

    /// The names of all links, in the order of the scenario.
    pub fn links(&self) -> impl Iterator<Item = &str> {
        self.links.iter().map(|link| link.name.as_str())
    }

    /// Writes from now on what enters those links, or every link if none is named, as pcapng: one
    /// interface a link, what its first end sends outbound, what the others send inbound. `false`
    /// if there is no such link. [`World::close_captures`] writes the last of it.
    pub fn capture(&mut self, links: &[&str], sink: Sink) -> bool {
        let named = |name: &&str| self.links.iter().position(|link| link.name == *name);
        let indices: Option<Vec<usize>> = match links {
            [] => Some((0..self.links.len()).collect()),
            _ => links.iter().map(named).collect(),
        };
        let Some(indices) = indices else { return false };
        let mut gathered = Vec::with_capacity(CHUNK_BYTES + (1 << 12));
        let mut writer = pcapng::Writer::new("askway lab", &mut gathered);
        let captures = self.captures.get_or_insert_default();
        captures.tapped.resize(self.links.len(), Tapped::default());
        for index in indices {
            let names: Vec<&str> =
                self.map.ends(index).iter().map(|(node, _)| self.map.name(*node)).collect();
            let interface = pcapng::Interface {
                link: match self.map.is_ethernet(index) {
                    true => pcapng::link::ETHERNET,
                    false => pcapng::link::RAW,
                },
                snaplen: 0,
                name: Some(self.links[index].name.clone()),
                description: Some(format!("outbound: from {}", names[0])),
            };
            let number = writer.interface(&interface, &mut gathered);
            let tapped = &mut captures.tapped[index];
            tapped.files.push((captures.files.len(), number));
            tapped.told.resize_with(names.len(), Told::nothing);
        }
        captures.files.push(File { writer, gathered, written: 0, sink });
        true
    }

    /// Ends all captures: what links counted, and whatever is not written yet.
    pub fn close_captures(&mut self) {
        let Some(mut captures) = self.captures.take() else { return };
        for (link, Tapped { files, .. }) in captures.tapped.iter().enumerate() {
            let ends = 0..self.map.ends(link).len();
            let counts: Vec<_> = ends.map(|end| self.links[link].counts(end)).collect();
            let statistics = Statistics {
                time_ns: self.epoch_ns() + i128::from(self.now.0),
                received: counts.iter().map(|it| it.sent).sum(),
                dropped: counts.iter().map(|it| it.lost + it.dropped).sum(),
            };
            for (file, interface) in files {
                let File { writer, gathered, .. } = &mut captures.files[*file];
                writer.statistics(*interface, &statistics, gathered);
            }
        }
        captures.files.iter_mut().for_each(File::write);
    }

    /// Writes what is gathered, however little: for who looks on while the world runs.
    pub fn flush_captures(&mut self) {
        self.captures.iter_mut().flat_map(|it| &mut it.files).for_each(File::write);
    }
}

/// A packet that enters a link, and what becomes of it.
pub(crate) struct Entering<'a> {
    pub(crate) now: Time,
    /// The link's index, and the end that sends.
    pub(crate) link: usize,
    pub(crate) end: usize,
    pub(crate) to: Recipient,
    /// What stands before it, on links that have such.
    pub(crate) ethernet: Option<&'a FrameHeader>,
    pub(crate) crossing: &'a Crossing,
}

impl Captures {
    /// Whether a link is captured.
    pub(crate) fn has_link(&self, link: usize) -> bool {
        self.tapped.get(link).is_some_and(|tapped| !tapped.files.is_empty())
    }

    /// Notes a packet, if its link is captured.
    pub(crate) fn note(&mut self, map: &Map, link: &Link, it: &Entering<'_>) {
        let Some(Tapped { files, told }) = self.tapped.get_mut(it.link) else { return };
        if files.is_empty() {
            return;
        }
        let comment = told[it.end].tell(map, link, it);
        let time_ns = Some(map.epoch_ns + i128::from(it.now.0));
        let direction = if it.end == 0 { Direction::Outbound } else { Direction::Inbound };
        let mut write = |bytes: &[u8], comment: &[u8]| {
            let bytes = match it.ethernet {
                None => bytes,
                Some(header) => {
                    self.frame.clear();
                    self.frame.extend_from_slice(header);
                    self.frame.extend_from_slice(bytes);
                    &self.frame
                }
            };
            for (file, interface) in &*files {
                self.files[*file].write_packet(&Packet {
                    interface: *interface,
                    time_ns,
                    direction,
                    comment: Some(comment),
                    original_bytes: 0,
                    bytes,
                });
            }
        };
        write(&it.crossing.bytes, comment);
        if let Some(twin) = &it.crossing.twin {
            write(twin, b"duplicate");
        }
    }
}

impl Told {
    fn nothing() -> Told {
        Told { to: Recipient::Everyone, story: Story::new(Time::ZERO), comment: Vec::new() }
    }

    /// The comment on that packet.
    fn tell(&mut self, map: &Map, link: &Link, it: &Entering<'_>) -> &[u8] {
        let story = &it.crossing.story;
        if self.to == it.to && self.story.is_told_like(story) {
            return &self.comment;
        }
        (self.to, self.story) = (it.to, *story);
        let from = map.name(map.ends(it.link)[it.end].0);
        let to = match it.to {
            Recipient::Node(node) => map.name(node),
            Recipient::Everyone | Recipient::Asked(_) => "all",
            Recipient::Address(_) | Recipient::Stranger(_) => "nobody",
        };
        self.comment.clear();
        for part in [from, " -> ", to, ": "] {
            self.comment.extend_from_slice(part.as_bytes());
        }
        story.tell(link, it.end, &mut self.comment);
        &self.comment
    }
}

impl File {
    fn write_packet(&mut self, packet: &Packet<'_>) {
        self.writer.packet(packet, &mut self.gathered);
        if self.gathered.len() >= CHUNK_BYTES {
            self.write_chunks();
        }
    }

    /// Hands over what is gathered.
    fn write(&mut self) {
        self.hand_over(self.gathered.len());
    }

    /// Hands over whole chunks, as they follow each other in all that is written: whole pages of a
    /// file are faster to write than parts of them.
    fn write_chunks(&mut self) {
        let gathered = self.gathered.len();
        let over = (self.written + gathered as u64) % CHUNK_BYTES as u64;
        self.hand_over(gathered.saturating_sub(over as usize));
    }

    fn hand_over(&mut self, bytes: usize) {
        if bytes > 0 {
            (self.sink)(&self.gathered[..bytes]);
            self.gathered.drain(..bytes);
            self.written += bytes as u64;
        }
    }
}
