//! Reading capture files from bytes as they come.

use super::classic::{self, HEADER_BYTES, RECORD_BYTES};
use super::{BLOCK_MAX_BYTES, Broken, Direction, INTERFACES_MAX, Interface, Packet, Why, code};
use std::ops::Range;

/// The longest name of an interface that is kept.
const NAME_MAX_BYTES: usize = 255;

/// Reads a capture file: push what there is, read packets until there is none, and so on; at the
/// file's end, [`Reader::finish`]. Keeps what was pushed and not read yet, and one block at most
/// beyond that; what it knows nothing of is skipped without being kept.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// Where in the buffer the unread begins.
    at: usize,
    /// Where in the file the buffer begins.
    dropped: u64,
    /// Bytes of an uninteresting block that are still to come.
    skip: u64,
    form: Option<Form>,
    sections: u32,
    interfaces: Vec<Described>,
    found: Option<Found>,
    broken: Option<Broken>,
}

/// A packet, and the interface that saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which section it is of, from 0: interfaces are numbered anew in each.
    pub section: u32,
    /// The packet.
    pub packet: Packet<'a>,
    /// Its interface.
    pub interface: &'a Interface,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// Byte order, and nanoseconds of a unit of a second's fraction.
    Classic(Order, u32),
    Blocks(Order),
}

#[derive(Clone, Debug)]
struct Described {
    interface: Interface,
    /// If_tsresol as it stands, and if_tsoffset.
    resolution: u8,
    offset_s: i64,
}

impl Described {
    /// Nanoseconds since 1970 of so many of the interface's units.
    fn time_ns(&self, units: u64) -> i128 {
        // The high bit tells powers of 2 from powers of 10 (if_tsresol).
        let exponent = u32::from(self.resolution & 0x7f);
        let wide = u128::from(units) * 1_000_000_000;
        let ns = match self.resolution & 0x80 {
            0 => 10_u128.checked_pow(exponent).map_or(0, |divisor| wide / divisor),
            _ => wide >> exponent,
        };
        ns as i128 + i128::from(self.offset_s) * 1_000_000_000
    }
}

/// Where in the buffer a packet stands.
#[derive(Clone, Debug)]
struct Found {
    interface: u32,
    time_ns: Option<i128>,
    original_bytes: u32,
    bytes: Range<usize>,
    comment: Option<Range<usize>>,
    direction: Direction,
}

impl Reader {
    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.found = None;
        self.buffer.drain(..self.at);
        self.dropped += self.at as u64;
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
        self.pass();
    }

    /// The next packet; `None` if more of the file must be pushed first.
    ///
    /// # Errors
    /// If the file cannot be read on; the same again however often it is asked.
    pub fn read(&mut self) -> Result<Option<Record<'_>>, Broken> {
        self.advance()?;
        Ok(self.record())
    }

    /// Goes on to the next packet, which is then [`Reader::record`]; whether there was one. If not,
    /// more of the file must be pushed first.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn advance(&mut self) -> Result<bool, Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        self.found = self.find().map_err(|why| {
            // What stands before the broken block is consumed already.
            let at = self.offset();
            *self.broken.insert(Broken { at, why })
        })?;
        Ok(self.found.is_some())
    }

    /// The packet that was last advanced to; `None` if more was pushed since.
    pub fn record(&self) -> Option<Record<'_>> {
        let found = self.found.as_ref()?;
        let packet = Packet {
            interface: found.interface,
            time_ns: found.time_ns,
            direction: found.direction,
            comment: found.comment.clone().map(|range| &self.buffer[range]),
            original_bytes: found.original_bytes,
            bytes: &self.buffer[found.bytes.clone()],
        };
        let interface = &self.interfaces[found.interface as usize].interface;
        Some(Record { section: self.sections.saturating_sub(1), packet, interface })
    }

    /// The file has ended.
    ///
    /// # Errors
    /// If it did so too early, or was broken before.
    pub fn finish(&self) -> Result<(), Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let got = self.rest().len() as u64;
        if self.form.is_some() && got == 0 && self.skip == 0 {
            return Ok(());
        }
        let needed = match (self.skip, self.form) {
            (0, None) if got < 4 => 4,
            (0, _) => self.needed(),
            (skip, _) => got + skip,
        };
        Err(Broken { at: self.offset(), why: Why::Truncated { needed, got } })
    }

    /// Where the unread begins, in bytes from the file's start.
    pub fn offset(&self) -> u64 {
        self.dropped + self.at as u64
    }

    /// The interfaces that are described so far in this section.
    pub fn interfaces(&self) -> impl ExactSizeIterator<Item = &Interface> {
        self.interfaces.iter().map(|described| &described.interface)
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Passes over what is to be skipped, as far as it is there.
    fn pass(&mut self) {
        let there = self.rest().len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.at += there;
        self.skip -= there as u64;
    }

    /// How long the block or record is of which a part is there.
    fn needed(&self) -> u64 {
        let rest = self.rest();
        let stated = match self.form {
            None => return if matches!(order(rest), Ok(Some(_))) { 24 } else { 12 },
            Some(Form::Classic(order, _)) => {
                order.u32(rest, 8).map(|bytes| u64::from(bytes) + RECORD_BYTES as u64)
            }
            Some(Form::Blocks(order)) => order.u32(rest, 4).map(u64::from),
        };
        stated.unwrap_or(match self.form {
            Some(Form::Classic(..)) => RECORD_BYTES as u64,
            _ => 8,
        })
    }

    fn find(&mut self) -> Result<Option<Found>, Why> {
        loop {
            let form = match self.form {
                Some(form) => form,
                None => match self.begin()? {
                    Some(form) => form,
                    None => return Ok(None),
                },
            };
            match form {
                Form::Classic(order, unit_ns) => return self.classic_record(order, unit_ns),
                Form::Blocks(order) => match self.block(order)? {
                    Step::Packet(found) => return Ok(Some(found)),
                    Step::More => return Ok(None),
                    Step::Other => {}
                },
            }
        }
    }

    /// Tells the file's form from its first bytes, and passes the header of a classic one.
    fn begin(&mut self) -> Result<Option<Form>, Why> {
        let (order, unit_ns) = match order(self.rest())? {
            None => return Ok(None),
            Some(Begins::Classic(order, unit_ns)) => (order, unit_ns),
            Some(Begins::Section) => {
                // The section's own block tells the order.
                self.form = Some(Form::Blocks(Order::Little));
                return Ok(self.form);
            }
        };
        let rest = self.rest();
        if rest.len() < HEADER_BYTES {
            return Ok(None);
        }
        let version = (order.u16(rest, 4).unwrap_or(0), order.u16(rest, 6).unwrap_or(0));
        if version.0 != 2 {
            return Err(Why::Version(version.0, version.1));
        }
        let snaplen = order.u32(rest, 16).unwrap_or(0);
        // The upper half tells about frame check sequences.
        let link = order.u32(rest, 20).unwrap_or(0) as u16;
        let interface = Interface { link, snaplen, name: None, description: None };
        self.interfaces.push(Described { interface, resolution: 9, offset_s: 0 });
        self.sections = 1;
        self.at += HEADER_BYTES;
        self.form = Some(Form::Classic(order, unit_ns));
        Ok(self.form)
    }

    fn classic_record(&mut self, order: Order, unit_ns: u32) -> Result<Option<Found>, Why> {
        let rest = self.rest();
        let Some(header) = rest.get(..RECORD_BYTES) else { return Ok(None) };
        let [seconds, fraction, kept, original] =
            [0, 4, 8, 12].map(|at| order.u32(header, at).unwrap_or(0));
        if kept > BLOCK_MAX_BYTES {
            return Err(Why::TooLong(kept));
        }
        let whole = RECORD_BYTES + kept as usize;
        if rest.len() < whole {
            return Ok(None);
        }
        let time_ns =
            i128::from(seconds) * 1_000_000_000 + i128::from(fraction) * i128::from(unit_ns);
        let start = self.at + RECORD_BYTES;
        self.at += whole;
        Ok(Some(Found {
            interface: 0,
            time_ns: Some(time_ns),
            original_bytes: original.max(kept),
            bytes: start..self.at,
            comment: None,
            direction: Direction::Unknown,
        }))
    }

    fn block(&mut self, order: Order) -> Result<Step, Why> {
        let rest = self.rest();
        let Some(kind) = order.u32(rest, 0) else { return Ok(Step::More) };
        let order = match kind {
            code::SECTION => match section_order(rest)? {
                Some(order) => order,
                None => return Ok(Step::More),
            },
            _ => order,
        };
        let Some(length) = order.u32(rest, 4) else { return Ok(Step::More) };
        if length < 12 || !length.is_multiple_of(4) {
            return Err(Why::Length(length));
        }
        let is_of_use = matches!(
            kind,
            code::SECTION | code::INTERFACE | code::OLD_PACKET | code::SIMPLE_PACKET | code::PACKET
        );
        if !is_of_use {
            self.skip = length.into();
            self.pass();
            return Ok(if self.skip == 0 { Step::Other } else { Step::More });
        }
        if length > BLOCK_MAX_BYTES {
            return Err(Why::TooLong(length));
        }
        let Some(whole) = rest.get(..length as usize) else { return Ok(Step::More) };
        let end = whole.len() - 4;
        match order.u32(whole, end) {
            Some(trailer) if trailer == length => {}
            trailer => return Err(Why::Trailer(trailer.unwrap_or(0))),
        }
        let body = Body { order, bytes: &whole[8..end] };
        let step = match kind {
            code::SECTION => {
                let (major, minor) = (body.u16(4)?, body.u16(6)?);
                // 1.2 is what some writers said before it was settled that nothing had changed.
                if major != 1 || !matches!(minor, 0 | 2) {
                    return Err(Why::Version(major, minor));
                }
                self.form = Some(Form::Blocks(order));
                self.sections = self.sections.saturating_add(1);
                self.interfaces.clear();
                Step::Other
            }
            code::INTERFACE => {
                let described = body.interface()?;
                if self.interfaces.len() == INTERFACES_MAX {
                    return Err(Why::TooManyInterfaces);
                }
                self.interfaces.push(described);
                Step::Other
            }
            _ => Step::Packet(body.packet(kind, self.at + 8, &self.interfaces)?),
        };
        self.at += length as usize;
        Ok(step)
    }
}

enum Step {
    Packet(Found),
    Other,
    More,
}

enum Begins {
    Section,
    Classic(Order, u32),
}

/// What a file begins with; `None` as long as that cannot be told.
fn order(bytes: &[u8]) -> Result<Option<Begins>, Why> {
    let Some(&first) = bytes.first_chunk::<4>() else { return Ok(None) };
    if u32::from_be_bytes(first) == code::SECTION {
        return Ok(Some(Begins::Section));
    }
    match classic::magic(first) {
        Some((order, unit_ns)) => Ok(Some(Begins::Classic(order, unit_ns))),
        None => Err(Why::Magic(first)),
    }
}

/// The byte order that a section states; `None` if it is not there yet.
fn section_order(block: &[u8]) -> Result<Option<Order>, Why> {
    let Some(bytes) = block.get(8..).and_then(|rest| rest.first_chunk::<4>()) else {
        return Ok(None);
    };
    let stated = [Order::Little, Order::Big].into_iter().find(|it| it.word(*bytes) == code::ORDER);
    stated.map(Some).ok_or(Why::Magic(*bytes))
}

/// Which end of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn word(self, bytes: [u8; 4]) -> u32 {
        match self {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        }
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let pair = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Order::Little => u16::from_le_bytes(pair),
            Order::Big => u16::from_be_bytes(pair),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        Some(self.word(*bytes.get(at..)?.first_chunk()?))
    }
}

/// What stands between a block's two lengths.
struct Body<'a> {
    order: Order,
    bytes: &'a [u8],
}

impl<'a> Body<'a> {
    fn too_short(&self) -> Why {
        Why::Length(self.bytes.len() as u32 + 12)
    }

    fn u16(&self, at: usize) -> Result<u16, Why> {
        self.order.u16(self.bytes, at).ok_or_else(|| self.too_short())
    }

    fn u32(&self, at: usize) -> Result<u32, Why> {
        self.order.u32(self.bytes, at).ok_or_else(|| self.too_short())
    }

    fn interface(&self) -> Result<Described, Why> {
        let interface =
            Interface { link: self.u16(0)?, snaplen: self.u32(4)?, name: None, description: None };
        let mut described = Described { interface, resolution: 6, offset_s: 0 };
        for (code, range) in self.options(8) {
            let value = &self.bytes[range];
            match (code, value) {
                (code::IF_NAME, _) => described.interface.name = Some(name(value)),
                (code::IF_DESCRIPTION, _) => described.interface.description = Some(name(value)),
                (code::IF_TSRESOL, [resolution]) => described.resolution = *resolution,
                (code::IF_TSOFFSET, [..]) => {
                    if let Ok(bytes) = <[u8; 8]>::try_from(value) {
                        described.offset_s = match self.order {
                            Order::Little => i64::from_le_bytes(bytes),
                            Order::Big => i64::from_be_bytes(bytes),
                        };
                    }
                }
                _ => {}
            }
        }
        Ok(described)
    }

    /// A packet whose body begins at `start` of the buffer.
    fn packet(&self, kind: u32, start: usize, known: &[Described]) -> Result<Found, Why> {
        let interface = match kind {
            code::PACKET => self.u32(0)?,
            code::OLD_PACKET => self.u16(0)?.into(),
            _ => 0,
        };
        let described = known.get(interface as usize).ok_or(Why::Interface(interface))?;
        if kind == code::SIMPLE_PACKET {
            let original_bytes = self.u32(0)?;
            let most = match described.interface.snaplen {
                0 => u32::MAX,
                snaplen => snaplen,
            };
            let kept = original_bytes.min(most) as usize;
            let kept = kept.min(self.bytes.len() - 4);
            return Ok(Found {
                interface,
                time_ns: None,
                original_bytes,
                bytes: start + 4..start + 4 + kept,
                comment: None,
                direction: Direction::Unknown,
            });
        }
        let [high, low, kept, original] =
            [self.u32(4)?, self.u32(8)?, self.u32(12)?, self.u32(16)?];
        let time_ns = described.time_ns(u64::from(high) << 32 | u64::from(low));
        let end = 20_usize.saturating_add(kept as usize);
        if end > self.bytes.len() {
            return Err(Why::Length(kept));
        }
        let (mut comment, mut direction) = (None, Direction::Unknown);
        for (code, range) in self.options(end.next_multiple_of(4)) {
            match code {
                code::COMMENT if comment.is_none() => {
                    comment = Some(start + range.start..start + range.end);
                }
                code::EPB_FLAGS => {
                    direction = match self.order.u32(&self.bytes[range], 0).unwrap_or(0) & 3 {
                        1 => Direction::Inbound,
                        2 => Direction::Outbound,
                        _ => Direction::Unknown,
                    };
                }
                _ => {}
            }
        }
        Ok(Found {
            interface,
            time_ns: Some(time_ns),
            original_bytes: original.max(kept),
            bytes: start + 20..start + end,
            comment,
            direction,
        })
    }

    /// The options from there on, each its code and where its value stands; ends at the first that
    /// is malformed.
    fn options(&self, from: usize) -> impl Iterator<Item = (u16, Range<usize>)> + use<'a> {
        let (order, bytes) = (self.order, self.bytes);
        let mut at = from;
        std::iter::from_fn(move || {
            let code = order.u16(bytes, at)?;
            let start = at + 4;
            let end = start + usize::from(order.u16(bytes, at + 2)?);
            if code == code::END || end > bytes.len() {
                return None;
            }
            at = end.next_multiple_of(4);
            Some((code, start..end))
        })
    }
}

fn name(value: &[u8]) -> String {
    let kept = value.get(..NAME_MAX_BYTES).unwrap_or(value);
    String::from_utf8_lossy(kept).into_owned()
}
