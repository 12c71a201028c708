//! Netlink as bytes: messages of one datagram and attributes of one message (netlink(7), RFC 3549
//! §2). No socket here, so that any bytes can be fed to it; what is cut or impossible ends a list.

/// A message without its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is: `NLMSG_*`, or a number of the protocol.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// The number of the request that it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// An attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Which it is, without the flags in the two high bits.
    pub kind: u16,
    /// Its value.
    pub body: &'a [u8],
}

/// Bytes of `struct nlmsghdr`: length, type, flags, sequence, port.
pub const HEADER_BYTES: usize = 16;

/// Bytes of `struct nlattr`: length, type.
pub const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// The bits of an attribute's type that are none of its number (`NLA_TYPE_MASK`).
const ATTRIBUTE_FLAGS: u16 = 0xc000;

/// Everything in netlink begins at a multiple of this.
const ALIGNMENT_BYTES: usize = 4;

/// The messages of a datagram, in order.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// Those of that datagram.
    pub fn new(datagram: &'a [u8]) -> Messages<'a> {
        Messages { rest: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        let length = usize::try_from(u32_at(self.rest, 0)?).ok()?;
        let message = Message {
            kind: u16_at(self.rest, 4)?,
            flags: u16_at(self.rest, 6)?,
            sequence: u32_at(self.rest, 8)?,
            body: self.rest.get(HEADER_BYTES..length)?,
        };
        let next = length.checked_next_multiple_of(ALIGNMENT_BYTES)?;
        self.rest = self.rest.get(next..).unwrap_or(&[]);
        Some(message)
    }
}

/// The attributes of a message, in order.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Those in that part of a message's body.
    pub fn new(part: &'a [u8]) -> Attributes<'a> {
        Attributes { rest: part }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        let length = usize::from(u16_at(self.rest, 0)?);
        let kind = u16_at(self.rest, 2)? & !ATTRIBUTE_FLAGS;
        let body = self.rest.get(ATTRIBUTE_HEADER_BYTES..length)?;
        let next = length.next_multiple_of(ALIGNMENT_BYTES);
        self.rest = self.rest.get(next..).unwrap_or(&[]);
        Some(Attribute { kind, body })
    }
}

/// Appends a message; `fill` appends its body.
pub fn append_message(
    out: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&sequence.to_ne_bytes());
    // The port: the kernel.
    out.extend_from_slice(&[0; 4]);
    fill(out);
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    out.resize(out.len().next_multiple_of(ALIGNMENT_BYTES), 0);
}

/// Appends an attribute; its value is shorter than 64 KiB.
pub fn append_attribute(out: &mut Vec<u8>, kind: u16, body: &[u8]) {
    let length = (ATTRIBUTE_HEADER_BYTES + body.len()) as u16;
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(ALIGNMENT_BYTES), 0);
}

/// A number in the host's order.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_ne_bytes)
}

/// A number in the host's order.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_ne_bytes)
}

/// A number in the host's order.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_ne_bytes)
}

/// So many bytes from there.
#[inline]
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut bytes = Vec::new();
        for kind in [3, 20] {
            append_message(&mut bytes, kind, 2, 7, |body| {
                append_attribute(body, 5, b"cubic\0");
                append_attribute(body, 0x8001, &[]);
            });
        }
        let messages: Vec<Message> = Messages::new(&bytes).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!((messages[1].kind, messages[1].flags, messages[1].sequence), (20, 2, 7));
        let attributes: Vec<Attribute> = Attributes::new(messages[1].body).collect();
        let wanted = [Attribute { kind: 5, body: b"cubic\0" }, Attribute { kind: 1, body: b"" }];
        assert_eq!(attributes, wanted);
    }

    #[test]
    fn impossible_lengths_end_a_list() {
        let mut good = Vec::new();
        append_message(&mut good, 20, 0, 1, |body| append_attribute(body, 5, b"x"));
        for length in [0, 1, 15, 100, u32::MAX] {
            let mut bad = good.clone();
            bad[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(Messages::new(&bad).count(), 0, "{length}");
        }
        for length in [0, 3, 100, u16::MAX] {
            let mut bad = good[HEADER_BYTES..].to_vec();
            bad[..2].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(Attributes::new(&bad).count(), 0, "{length}");
        }
        for end in 0..good.len() - 3 {
            assert_eq!(Messages::new(&good[..end]).count(), 0, "{end}");
        }
    }
}
