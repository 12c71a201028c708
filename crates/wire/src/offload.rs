//! What is known of a packet besides its bytes while work on it is left to a device: a checksum
//! that is only begun, cutting into segments (virtio 1.2 §5.1.6, struct virtio_net_hdr).

/// What a device tells of a packet besides its bytes, or is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What is known of its transport checksum.
    pub sums: Sums,
    /// If it stands for many, whose headers are the same: the payload of each but the last, which
    /// may have less, in bytes (gso_size, virtio 1.2 §5.1.6.2). A device may say 0.
    pub segment_bytes: Option<u16>,
}

impl Shape {
    /// A packet as it is on a wire.
    pub const PLAIN: Shape = Shape { sums: Sums::Unknown, segment_bytes: None };
}

/// What is known of a packet's transport checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    /// It is there, and may be wrong.
    Unknown,
    /// It is there, and right: somebody has looked at it, or the packet has left no wire yet
    /// (VIRTIO_NET_HDR_F_DATA_VALID, virtio 1.2 §5.1.6.4).
    Good,
    /// It is to be computed yet: where it belongs, there is the sum of the pseudo-header, not
    /// complemented (VIRTIO_NET_HDR_F_NEEDS_CSUM, virtio 1.2 §5.1.6.2).
    Partial {
        /// Where what it covers begins, in bytes from the start of the packet; it ends with that.
        from: u16,
        /// Where it belongs, likewise. The device's header counts this from `from` on instead.
        at: u16,
    },
}

impl Sums {
    /// Whether it is to be computed yet.
    pub fn is_partial(self) -> bool {
        matches!(self, Sums::Partial { .. })
    }
}
