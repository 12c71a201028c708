//! IPv4 options (RFC 791 §3.1): routes recorded and prescribed, timestamps, router alert (RFC
//! 2113).
//!
//! [`Options`] reads them, the functions below it write them, [`pass`] does to them what a router
//! does.

use super::OPTIONS_MAX_BYTES;
use crate::{Malformed, be16};
use kind::{
    END, LOOSE_SOURCE_ROUTE, NO_OPERATION, RECORD_ROUTE, ROUTER_ALERT, STRICT_SOURCE_ROUTE,
    TIMESTAMP,
};
use std::net::Ipv4Addr;

/// The types of options, their copied flag and class included.
pub mod kind {
    /// The rest is padding.
    pub const END: u8 = 0;
    /// One byte of padding.
    pub const NO_OPERATION: u8 = 1;
    /// Record route.
    pub const RECORD_ROUTE: u8 = 7;
    /// Timestamp.
    pub const TIMESTAMP: u8 = 68;
    /// Loose source route.
    pub const LOOSE_SOURCE_ROUTE: u8 = 131;
    /// Strict source route.
    pub const STRICT_SOURCE_ROUTE: u8 = 137;
    /// Router alert (RFC 2113).
    pub const ROUTER_ALERT: u8 = 148;
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv4Option<'a> {
    /// The rest is padding.
    End,
    /// One byte of padding.
    NoOperation,
    /// Routers write their addresses.
    RecordRoute(Route<'a>),
    /// Routers to visit, others in between allowed; each writes its address over its own.
    LooseSourceRoute(Route<'a>),
    /// Routers to visit, no others.
    StrictSourceRoute(Route<'a>),
    /// Routers write the time.
    Timestamp(Timestamps<'a>),
    /// Routers should look inside; 0 is the only value in use.
    RouterAlert(u16),
    /// Any other.
    Unknown {
        /// Its kind.
        kind: u8,
        /// Its data.
        body: &'a [u8],
    },
}

/// A list of addresses, written or read from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Where the next address stands: 1-based byte of the option, 4 for the first.
    pub pointer: u8,
    /// Room for addresses, 4 bytes each.
    pub slots: &'a [u8],
}

impl<'a> Route<'a> {
    /// Every slot as an address, written or not.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
        self.slots.as_chunks::<4>().0.iter().map(|octets| Ipv4Addr::from(*octets))
    }

    /// How many slots stand before the pointer: recorded, or visited.
    pub fn passed(&self) -> usize {
        let passed = usize::from(self.pointer).saturating_sub(4) / 4;
        passed.min(self.slots.len() / 4)
    }

    /// Addresses before the pointer.
    pub fn recorded(&self) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
        self.addresses().take(self.passed())
    }

    /// Addresses from the pointer on: still to visit, of a source route.
    pub fn ahead(&self) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
        self.addresses().skip(self.passed())
    }

    fn parse(body: &'a [u8], at: usize) -> Result<Route<'a>, Malformed> {
        let (&pointer, slots) = body.split_first().ok_or(Malformed::Option(at))?;
        Ok(Route { pointer, slots })
    }

    fn emit(&self, kind: u8, out: &mut Vec<u8>) -> Result<(), Malformed> {
        out.extend_from_slice(&[kind, stated(self.slots.len() + 3)?, self.pointer]);
        out.extend_from_slice(self.slots);
        Ok(())
    }
}

/// What routers are asked to write into a timestamp option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampForm {
    /// The time (flag 0).
    TimeOnly,
    /// Address and time (flag 1).
    WithAddress,
    /// The time, beside the address of their own that the sender wrote (flag 3).
    Prespecified,
    /// A flag that RFC 791 does not define.
    Unknown(u8),
}

impl TimestampForm {
    fn of(flag: u8) -> TimestampForm {
        match flag {
            0 => TimestampForm::TimeOnly,
            1 => TimestampForm::WithAddress,
            3 => TimestampForm::Prespecified,
            other => TimestampForm::Unknown(other),
        }
    }

    /// The 4-bit number on the wire.
    pub fn flag(self) -> u8 {
        match self {
            TimestampForm::TimeOnly => 0,
            TimestampForm::WithAddress => 1,
            TimestampForm::Prespecified => 3,
            TimestampForm::Unknown(flag) => flag & 0x0f,
        }
    }

    /// Bytes of one entry; an unknown form is read as times.
    pub fn entry_bytes(self) -> usize {
        match self {
            TimestampForm::WithAddress | TimestampForm::Prespecified => 8,
            TimestampForm::TimeOnly | TimestampForm::Unknown(_) => 4,
        }
    }
}

/// The timestamp option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps<'a> {
    /// Where the next entry stands: 1-based byte of the option, 5 for the first.
    pub pointer: u8,
    /// How many hosts found no room, 0 to 15.
    pub overflow: u8,
    /// What an entry is.
    pub form: TimestampForm,
    /// Room for entries.
    pub slots: &'a [u8],
}

/// One entry of a timestamp option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who stamped or shall stamp; `None` if the form has times only.
    pub address: Option<Ipv4Addr>,
    /// Milliseconds since midnight UTC, or with the high bit set anything else; meaningless in an
    /// entry that is not stamped yet.
    pub time: u32,
    /// Whether it stands before the pointer.
    pub stamped: bool,
}

impl<'a> Timestamps<'a> {
    /// Every entry, stamped or not.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + use<'a> {
        let step = self.form.entry_bytes();
        let stamped = usize::from(self.pointer).saturating_sub(5) / step;
        self.slots.chunks_exact(step).enumerate().map(move |(index, entry)| {
            let word = |at: usize| [entry[at], entry[at + 1], entry[at + 2], entry[at + 3]];
            let address = (step == 8).then(|| Ipv4Addr::from(word(0)));
            Entry { address, time: u32::from_be_bytes(word(step - 4)), stamped: index < stamped }
        })
    }

    fn parse(body: &'a [u8], at: usize) -> Result<Timestamps<'a>, Malformed> {
        let [pointer, flags, slots @ ..] = body else {
            return Err(Malformed::Option(at));
        };
        Ok(Timestamps {
            pointer: *pointer,
            overflow: flags >> 4,
            form: TimestampForm::of(flags & 0x0f),
            slots,
        })
    }

    fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let flags = self.overflow << 4 | self.form.flag();
        out.extend_from_slice(&[TIMESTAMP, stated(self.slots.len() + 4)?, self.pointer, flags]);
        out.extend_from_slice(self.slots);
        Ok(())
    }
}

/// The length byte of an option of that many bytes.
fn stated(bytes: usize) -> Result<u8, Malformed> {
    match u8::try_from(bytes) {
        Ok(length) if bytes <= OPTIONS_MAX_BYTES => Ok(length),
        _ => Err(Malformed::HeaderLength(20 + bytes)),
    }
}

impl<'a> Ipv4Option<'a> {
    fn parse(kind: u8, body: &'a [u8], at: usize) -> Result<Ipv4Option<'a>, Malformed> {
        Ok(match kind {
            RECORD_ROUTE => Ipv4Option::RecordRoute(Route::parse(body, at)?),
            LOOSE_SOURCE_ROUTE => Ipv4Option::LooseSourceRoute(Route::parse(body, at)?),
            STRICT_SOURCE_ROUTE => Ipv4Option::StrictSourceRoute(Route::parse(body, at)?),
            TIMESTAMP => Ipv4Option::Timestamp(Timestamps::parse(body, at)?),
            ROUTER_ALERT if body.len() == 2 => Ipv4Option::RouterAlert(be16(body, 0)?),
            _ => Ipv4Option::Unknown { kind, body },
        })
    }

    /// Appends the option to `out`.
    ///
    /// # Errors
    /// If it is longer than an IPv4 header has room for.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Ipv4Option::End => out.push(END),
            Ipv4Option::NoOperation => out.push(NO_OPERATION),
            Ipv4Option::RecordRoute(route) => route.emit(RECORD_ROUTE, out)?,
            Ipv4Option::LooseSourceRoute(route) => route.emit(LOOSE_SOURCE_ROUTE, out)?,
            Ipv4Option::StrictSourceRoute(route) => route.emit(STRICT_SOURCE_ROUTE, out)?,
            Ipv4Option::Timestamp(stamps) => stamps.emit(out)?,
            Ipv4Option::RouterAlert(value) => {
                out.extend_from_slice(&[ROUTER_ALERT, 4]);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Ipv4Option::Unknown { kind, body } => {
                out.extend_from_slice(&[*kind, stated(body.len() + 2)?]);
                out.extend_from_slice(body);
            }
        }
        Ok(())
    }
}

/// The options of a header, in order, the end of the list included. Ends after the first that is
/// malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Options<'a> {
    /// Reads options as they stand between fixed header and payload.
    pub fn new(bytes: &'a [u8]) -> Options<'a> {
        Options { bytes, at: 0 }
    }

    /// Where the next option begins.
    pub fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Ipv4Option<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        match *rest.first()? {
            END => {
                self.at = self.bytes.len();
                return Some(Ok(Ipv4Option::End));
            }
            NO_OPERATION => {
                self.at += 1;
                return Some(Ok(Ipv4Option::NoOperation));
            }
            _ => {}
        }
        let at = self.at;
        let whole = rest.get(1).and_then(|length| rest.get(..usize::from(*length)));
        let Some([kind, _, body @ ..]) = whole else {
            self.at = self.bytes.len();
            return Some(Err(Malformed::Option(at)));
        };
        self.at += body.len() + 2;
        let option = Ipv4Option::parse(*kind, body, at);
        if option.is_err() {
            self.at = self.bytes.len();
        }
        Some(option)
    }
}

/// The options of a record-route request: room for up to 9 addresses, behind one no-operation so
/// that they stand on 4-byte boundaries.
///
/// # Errors
/// If that many addresses do not fit.
pub fn record_route(slots: usize) -> Result<Vec<u8>, Malformed> {
    route(RECORD_ROUTE, &vec![Ipv4Addr::UNSPECIFIED; slots.min(OPTIONS_MAX_BYTES)])
}

/// The options of a loose source route through `hops`, the last of which is the destination proper;
/// the datagram's destination is the first router to visit. Padded as [`record_route`].
///
/// # Errors
/// If there are none or more than 9.
pub fn loose_source_route(hops: &[Ipv4Addr]) -> Result<Vec<u8>, Malformed> {
    route(LOOSE_SOURCE_ROUTE, hops)
}

/// As [`loose_source_route`], with no other routers in between.
///
/// # Errors
/// If there are none or more than 9.
pub fn strict_source_route(hops: &[Ipv4Addr]) -> Result<Vec<u8>, Malformed> {
    route(STRICT_SOURCE_ROUTE, hops)
}

fn route(kind: u8, addresses: &[Ipv4Addr]) -> Result<Vec<u8>, Malformed> {
    let needed = addresses.len().saturating_mul(4).saturating_add(4);
    if addresses.is_empty() || needed > OPTIONS_MAX_BYTES {
        return Err(Malformed::HeaderLength(needed.saturating_add(20)));
    }
    let slots: Vec<u8> = addresses.iter().flat_map(|address| address.octets()).collect();
    let mut out = vec![NO_OPERATION];
    Route { pointer: 4, slots: &slots }.emit(kind, &mut out)?;
    Ok(out)
}

/// The options of a timestamp request with room for that many entries: 9 of times only, 4 with
/// addresses.
///
/// # Errors
/// If there are none or more than fit, or the form is none of those two.
pub fn timestamp(form: TimestampForm, entries: usize) -> Result<Vec<u8>, Malformed> {
    match form {
        TimestampForm::TimeOnly | TimestampForm::WithAddress => {
            timestamp_slots(form, vec![0; entries.min(OPTIONS_MAX_BYTES) * form.entry_bytes()])
        }
        _ => Err(Malformed::Value(3)),
    }
}

/// The options of a timestamp request to up to 4 named hosts.
///
/// # Errors
/// If there are none or more than 4.
pub fn timestamp_prespecified(hosts: &[Ipv4Addr]) -> Result<Vec<u8>, Malformed> {
    let entry = |host: &Ipv4Addr| host.octets().into_iter().chain([0; 4]);
    timestamp_slots(TimestampForm::Prespecified, hosts.iter().flat_map(entry).collect())
}

fn timestamp_slots(form: TimestampForm, slots: Vec<u8>) -> Result<Vec<u8>, Malformed> {
    if slots.is_empty() {
        return Err(Malformed::HeaderLength(24));
    }
    let mut out = Vec::new();
    Timestamps { pointer: 5, overflow: 0, form, slots: &slots }.emit(&mut out)?;
    Ok(out)
}

/// Does to options what a router at `own` does as it forwards: writes its address into a record
/// route, the time into a timestamp option or counts the overflow. `is_own` knows the addresses
/// that a prespecified timestamp may name. Source routes are left alone: see [`turn`].
///
/// # Errors
/// If an option is malformed, which a router answers with a parameter problem that points to it.
pub fn pass(
    options: &mut [u8],
    own: Ipv4Addr,
    is_own: impl Fn(Ipv4Addr) -> bool,
    time: u32,
) -> Result<(), Malformed> {
    let mut at = 0;
    while at < options.len() {
        let mut reader = Options { bytes: options, at };
        let option = reader.next().transpose()?;
        let end = reader.at;
        match option {
            Some(Ipv4Option::RecordRoute(Route { pointer, .. })) => {
                write_next(&mut options[at..end], pointer, &own.octets());
            }
            Some(Ipv4Option::Timestamp(stamps)) => {
                let form = stamps.form;
                stamp(&mut options[at..end], form, own, &is_own, time);
            }
            _ => {}
        }
        at = end;
    }
    Ok(())
}

/// Writes at the pointer and moves it; `false` if there is no room.
fn write_next(option: &mut [u8], pointer: u8, bytes: &[u8]) -> bool {
    let start = usize::from(pointer).saturating_sub(1);
    let Some(slot) = option.get_mut(start..start + bytes.len()).filter(|_| pointer >= 4) else {
        return false;
    };
    slot.copy_from_slice(bytes);
    option[2] = pointer.saturating_add(bytes.len() as u8);
    true
}

fn stamp(
    option: &mut [u8],
    form: TimestampForm,
    own: Ipv4Addr,
    is_own: impl Fn(Ipv4Addr) -> bool,
    time: u32,
) {
    let pointer = option[2];
    if pointer < 5 {
        return;
    }
    let mut entry = own.octets().to_vec();
    let start = usize::from(pointer) - 1;
    match form {
        TimestampForm::TimeOnly => entry.clear(),
        TimestampForm::WithAddress => {}
        TimestampForm::Prespecified => match option.get(start..start + 4) {
            Some(&[a, b, c, d]) if is_own(Ipv4Addr::new(a, b, c, d)) => {
                entry = vec![a, b, c, d];
            }
            _ => return,
        },
        TimestampForm::Unknown(_) => return,
    }
    entry.extend_from_slice(&time.to_be_bytes());
    let overflow = option[3] >> 4;
    if !write_next(option, pointer, &entry) && overflow < 15 {
        option[3] += 0x10;
    }
}

/// Does to a source route what a router does that the datagram is addressed to: puts `own` into the
/// slot at the pointer and says which address stood there, the datagram's next destination. `None`
/// if there is no source route or it is at its end.
///
/// # Errors
/// If an option is malformed.
pub fn turn(options: &mut [u8], own: Ipv4Addr) -> Result<Option<Ipv4Addr>, Malformed> {
    let mut reader = Options::new(options);
    let mut at = 0;
    while let Some(option) = reader.next().transpose()? {
        if let Ipv4Option::LooseSourceRoute(route) | Ipv4Option::StrictSourceRoute(route) = option {
            let next = route.ahead().next().filter(|_| route.pointer >= 4);
            let (pointer, end) = (route.pointer, reader.at);
            return Ok(next.filter(|_| write_next(&mut options[at..end], pointer, &own.octets())));
        }
        at = reader.at;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

    fn one(options: &[u8]) -> Ipv4Option<'_> {
        let skip = |option: &Ipv4Option<'_>| *option != Ipv4Option::NoOperation;
        Options::new(options).map(Result::unwrap).find(skip).unwrap()
    }

    #[test]
    fn a_record_route_fills_up_and_then_stays() {
        let mut options = record_route(2).unwrap();
        assert_eq!(options[..4], [1, 7, 11, 4]);
        for hop in [A, B, A] {
            pass(&mut options, hop, |_| false, 0).unwrap();
        }
        let Ipv4Option::RecordRoute(route) = one(&options) else { panic!("{options:?}") };
        assert_eq!(route.recorded().collect::<Vec<_>>(), [A, B]);
        assert_eq!(route.pointer, 12);
    }

    #[test]
    fn nine_addresses_fit_and_ten_do_not() {
        assert_eq!(record_route(9).unwrap().len(), 40);
        assert_eq!(record_route(10), Err(Malformed::HeaderLength(64)));
        assert!(record_route(0).is_err() && record_route(usize::MAX).is_err());
        assert_eq!(timestamp(TimestampForm::TimeOnly, 9).unwrap().len(), 40);
        assert_eq!(timestamp(TimestampForm::WithAddress, 4).unwrap().len(), 36);
        assert!(timestamp(TimestampForm::WithAddress, 5).is_err());
    }

    #[test]
    fn a_full_timestamp_option_counts_to_fifteen() {
        let mut options = timestamp(TimestampForm::TimeOnly, 1).unwrap();
        for time in 0..20 {
            pass(&mut options, A, |_| false, 1000 + time).unwrap();
        }
        let Ipv4Option::Timestamp(stamps) = one(&options) else { panic!("{options:?}") };
        assert_eq!((stamps.overflow, stamps.pointer), (15, 9));
        let entry = stamps.entries().next().unwrap();
        assert_eq!((entry.time, entry.stamped, entry.address), (1000, true, None));
    }

    #[test]
    fn only_a_named_host_stamps_a_prespecified_entry() {
        let mut options = timestamp_prespecified(&[A, B]).unwrap();
        pass(&mut options, B, |address| address == B, 7).unwrap();
        pass(&mut options, A, |address| address == A, 8).unwrap();
        pass(&mut options, B, |address| address == B, 9).unwrap();
        let Ipv4Option::Timestamp(stamps) = one(&options) else { panic!("{options:?}") };
        let read: Vec<_> = stamps.entries().map(|e| (e.address, e.time, e.stamped)).collect();
        assert_eq!(read, [(Some(A), 8, true), (Some(B), 9, true)]);
    }

    #[test]
    fn a_source_route_is_walked_to_its_end() {
        let mut options = loose_source_route(&[A, B]).unwrap();
        assert_eq!(turn(&mut options, B), Ok(Some(A)));
        assert_eq!(turn(&mut options, A), Ok(Some(B)));
        assert_eq!(turn(&mut options, A), Ok(None));
        let Ipv4Option::LooseSourceRoute(route) = one(&options) else { panic!("{options:?}") };
        assert_eq!(route.recorded().collect::<Vec<_>>(), [B, A]);
    }

    #[test]
    fn impossible_lengths_end_the_list() {
        for bytes in [&[7][..], &[7, 0], &[7, 1], &[7, 2], &[7, 3], &[68, 3, 5], &[9, 4, 0]] {
            let read: Vec<_> = Options::new(bytes).collect();
            assert_eq!(read, [Err(Malformed::Option(0))], "{bytes:?}");
        }
    }
}
