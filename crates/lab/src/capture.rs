//! Captures: each packet that enters a link as a record of a pcapng file, what became of it as its
//! comment. Stamps are the lab's own time, when the packet entered.

use crate::ethernet::FrameHeader;
use crate::link::{Crossing, Link};
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
    /// By link, the files that it goes to, and its interface there.
    of_link: Vec<Vec<(usize, u32)>>,
    /// Reused from packet to packet.
    comment: String,
    frame: Vec<u8>,
}

struct File {
    writer: pcapng::Writer,
    gathered: Vec<u8>,
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
        captures.of_link.resize(self.links.len(), Vec::new());
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
            captures.of_link[index].push((captures.files.len(), number));
        }
        captures.files.push(File { writer, gathered, sink });
        true
    }

    /// Ends all captures: what links counted, and whatever is not written yet.
    pub fn close_captures(&mut self) {
        let Some(mut captures) = self.captures.take() else { return };
        for (link, files) in captures.of_link.iter().enumerate() {
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
        self.of_link.get(link).is_some_and(|files| !files.is_empty())
    }

    /// Notes a packet, if its link is captured.
    pub(crate) fn note(&mut self, map: &Map, link: &Link, it: &Entering<'_>) {
        let Some(files) = self.of_link.get(it.link).filter(|files| !files.is_empty()) else {
            return;
        };
        let comment = &mut self.comment;
        comment.clear();
        comment.push_str(map.name(map.ends(it.link)[it.end].0));
        comment.push_str(" -> ");
        comment.push_str(match it.to {
            Recipient::Node(node) => map.name(node),
            Recipient::Everyone | Recipient::Asked(_) => "all",
            Recipient::Address(_) | Recipient::Stranger(_) => "nobody",
        });
        comment.push_str(": ");
        it.crossing.story.tell(link, it.end, comment);
        let direction = if it.end == 0 { Direction::Outbound } else { Direction::Inbound };
        for (file, interface) in files {
            let file = &mut self.files[*file];
            let crossed = std::iter::once((&it.crossing.bytes, comment.as_bytes()));
            let twin = it.crossing.twin.iter().map(|twin| (twin, &b"duplicate"[..]));
            for (bytes, comment) in crossed.chain(twin) {
                let bytes = match it.ethernet {
                    None => bytes,
                    Some(header) => {
                        self.frame.clear();
                        self.frame.extend_from_slice(header);
                        self.frame.extend_from_slice(bytes);
                        &self.frame
                    }
                };
                let packet = Packet {
                    interface: *interface,
                    time_ns: Some(map.epoch_ns + i128::from(it.now.0)),
                    direction,
                    comment: Some(comment),
                    original_bytes: 0,
                    bytes,
                };
                file.writer.packet(&packet, &mut file.gathered);
            }
            if file.gathered.len() >= CHUNK_BYTES {
                file.write();
            }
        }
    }
}

impl File {
    /// Hands over what is gathered.
    fn write(&mut self) {
        if !self.gathered.is_empty() {
            (self.sink)(&self.gathered);
            self.gathered.clear();
        }
    }
}
