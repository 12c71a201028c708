//! Where the families differ in what hosts and routers do, as one table.

use std::ops::RangeInclusive;
use std::time::Duration;
use wire::Family;
use wire::ip::protocol;

/// What a family prescribes, or Linux does where the standards leave a choice.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Bits of an address.
    pub(crate) address_bits: u8,
    /// Whether networks have broadcast addresses, and addresses that no node may hold.
    pub(crate) has_broadcast: bool,
    /// The protocol number of ICMP.
    pub(crate) icmp: u8,
    /// Types of its queries, and of what answers them; both have an identifier.
    pub(crate) queries: &'static [(u8, u8)],
    /// Types of its errors.
    pub(crate) errors: &'static [u8],
    /// Types about which errors may be sent: queries and their answers, not what nobody knows in
    /// IPv4, not redirects in IPv6 (RFC 4443 §2.4 (e.2)).
    pub(crate) answerable: &'static [RangeInclusive<u8>],
    /// Types that belong to one link, which nobody tracks.
    pub(crate) untracked: &'static [u8],
    /// Whether the checksum of ICMP covers the addresses (RFC 4443 §2.3), for which senders leave
    /// it to the kernel (RFC 3542 §3.1).
    pub(crate) icmp_sums_addresses: bool,
    /// Whether UDP without a checksum is thrown away (RFC 8200 §8.1).
    pub(crate) udp_must_be_summed: bool,
    /// An error, IP header included, is cut to this (RFC 1812 §4.3.2.3, RFC 4443 §2.4 (c)).
    pub(crate) error_max_bytes: usize,
    /// Bytes of an IP header without options.
    pub(crate) header_bytes: usize,
    /// Where the addresses stand, and the header's checksum.
    pub(crate) addresses_at: usize,
    pub(crate) header_sum_at: Option<usize>,
    /// Where the header says how long the datagram is.
    pub(crate) length_at: usize,
    /// Whether it counts the header in.
    pub(crate) counts_header: bool,
    /// Types of errors that may carry extensions (RFC 4884 §4).
    pub(crate) extends: &'static [u8],
    /// Which byte of such an error says how long the quote is, and in which unit.
    pub(crate) length_attribute_at: usize,
    pub(crate) length_unit_bytes: usize,
    /// What an error keeps of the type of service of what it is about.
    pub(crate) error_class_kept: u8,
    /// What it adds: precedence 6, internetwork control (RFC 1812 §4.3.2.5).
    pub(crate) error_class_added: u8,
    /// Whether routers fragment (RFC 791 §2.3), or only sources do (RFC 8200 §4.5).
    pub(crate) routers_fragment: bool,
    /// What every link must carry; smaller ones fragment below IP (RFC 8200 §5).
    pub(crate) link_mtu_least_bytes: u32,
    /// Path MTUs below this are not believed (Linux's min_pmtu; RFC 8201 §4).
    pub(crate) path_mtu_least_bytes: u32,
    /// Whether fragments of impossible length are reported (RFC 8200 §4.5).
    pub(crate) reports_bad_fragments: bool,
    /// How long fragments wait for the missing ones (Linux's ipfrag_time; RFC 8200 §4.5).
    pub(crate) reassembly: Duration,
    /// The hop limit that router discovery must arrive with (RFC 4861 §6.1); `None` if any will do.
    pub(crate) discovery_hop_limit: Option<u8>,
    /// Whether a sender that does not obey redirects is told less and less, then nothing (Linux).
    pub(crate) redirects_back_off: bool,
    /// Whether a redirect quotes the datagram as it goes on, its hop limit taken down already
    /// (Linux).
    pub(crate) redirects_quote_decremented: bool,
    /// Whether a UDP length of 0 stands for all that there is (RFC 2675 §4).
    pub(crate) udp_may_be_endless: bool,
    /// Whether a raw socket sees ICMP messages whose checksum is wrong.
    pub(crate) shows_bad_checksums: bool,
}

impl Rules {
    /// What an error can quote, behind the IP header and eight bytes of its own.
    pub(crate) fn quote_max_bytes(&self) -> usize {
        self.error_max_bytes - self.header_bytes - 8
    }
}

const V4: Rules = Rules {
    address_bits: 32,
    has_broadcast: true,
    icmp: protocol::ICMP,
    // Echo, timestamp, information, address mask (RFC 792, RFC 950).
    queries: &[(8, 0), (13, 14), (15, 16), (17, 18)],
    errors: &[3, 4, 5, 11, 12],
    answerable: &[0..=0, 8..=8, 13..=18],
    untracked: &[],
    icmp_sums_addresses: false,
    udp_must_be_summed: false,
    error_max_bytes: 576,
    header_bytes: 20,
    addresses_at: 12,
    header_sum_at: Some(10),
    length_at: 2,
    counts_header: true,
    extends: &[3, 11, 12],
    length_attribute_at: 5,
    length_unit_bytes: 4,
    error_class_kept: 0x1e,
    error_class_added: 0xc0,
    routers_fragment: true,
    link_mtu_least_bytes: 68,
    path_mtu_least_bytes: 552,
    reports_bad_fragments: false,
    reassembly: Duration::from_secs(30),
    discovery_hop_limit: None,
    redirects_back_off: true,
    redirects_quote_decremented: true,
    udp_may_be_endless: false,
    shows_bad_checksums: true,
};

const V6: Rules = Rules {
    address_bits: 128,
    has_broadcast: false,
    icmp: protocol::ICMPV6,
    // Echo (RFC 4443) and node information (RFC 4620).
    queries: &[(128, 129), (139, 140)],
    errors: &[1, 2, 3, 4],
    // Listeners (RFC 2710, RFC 3810) and neighbours (RFC 4861).
    answerable: &[128..=136, 138..=255],
    untracked: &[130, 131, 132, 133, 134, 135, 136, 137, 143],
    icmp_sums_addresses: true,
    udp_must_be_summed: true,
    error_max_bytes: 1_280,
    header_bytes: 40,
    addresses_at: 8,
    header_sum_at: None,
    length_at: 4,
    counts_header: false,
    extends: &[1, 3],
    length_attribute_at: 4,
    length_unit_bytes: 8,
    error_class_kept: 0,
    error_class_added: 0,
    routers_fragment: false,
    link_mtu_least_bytes: 1_280,
    path_mtu_least_bytes: 1_280,
    reports_bad_fragments: true,
    reassembly: Duration::from_secs(60),
    discovery_hop_limit: Some(255),
    redirects_back_off: false,
    redirects_quote_decremented: false,
    udp_may_be_endless: true,
    shows_bad_checksums: false,
};

/// The rules of a family.
pub(crate) fn of(family: Family) -> &'static Rules {
    match family {
        Family::V4 => &V4,
        Family::V6 => &V6,
    }
}

/// A name in scenarios, then type and code in IPv4, then in IPv6.
type Refusal = (&'static str, (u8, u8), (u8, u8));

/// How a filter refuses. Where IPv6 has no such code, it is the nearest.
pub(crate) const REFUSALS: &[Refusal] = &[
    ("network", (3, 0), (1, 0)),
    ("host", (3, 1), (1, 3)),
    ("protocol", (3, 2), (4, 1)),
    ("port", (3, 3), (1, 4)),
    ("source-route", (3, 5), (1, 7)),
    ("network-unknown", (3, 6), (1, 0)),
    ("host-unknown", (3, 7), (1, 3)),
    ("isolated", (3, 8), (1, 0)),
    ("network-prohibited", (3, 9), (1, 1)),
    ("host-prohibited", (3, 10), (1, 1)),
    ("network-for-service", (3, 11), (1, 0)),
    ("host-for-service", (3, 12), (1, 3)),
    ("admin", (3, 13), (1, 1)),
    ("precedence", (3, 14), (1, 1)),
    ("precedence-cutoff", (3, 15), (1, 1)),
    ("scope", (3, 9), (1, 2)),
    ("source-policy", (3, 13), (1, 5)),
    ("reject-route", (3, 0), (1, 6)),
];

/// One value of each family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Both<T> {
    v4: T,
    v6: T,
}

impl<T: Copy> Both<T> {
    pub(crate) const fn new(v4: T, v6: T) -> Both<T> {
        Both { v4, v6 }
    }

    /// What `make` makes of each family.
    pub(crate) fn try_of<E>(mut make: impl FnMut(Family) -> Result<T, E>) -> Result<Both<T>, E> {
        Ok(Both { v4: make(Family::V4)?, v6: make(Family::V6)? })
    }

    pub(crate) fn of(self, family: Family) -> T {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    pub(crate) fn all(self) -> [T; 2] {
        Family::ALL.map(|family| self.of(family))
    }
}

impl<T> From<[T; 2]> for Both<T> {
    /// In the order of [`Family::ALL`].
    fn from([v4, v6]: [T; 2]) -> Both<T> {
        Both { v4, v6 }
    }
}

/// The families by the names that scenarios use.
pub(crate) const NAMES: [(&str, Family); 2] = [("v4", Family::V4), ("v6", Family::V6)];
