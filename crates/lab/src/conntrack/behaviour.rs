//! How a NAT behaves, in the terms of RFC 4787, and the rows of them that have a name.

use super::timers::Timers;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use wire::Family;

/// What a mapping is for (RFC 4787 §4.1): which packets of one inner end share an outer end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// As Linux has it: each connection is translated by itself, with the port of another one of
    /// the same inner end, and otherwise its own port, where that leaves it unique.
    PerConnection,
    /// All of them.
    EndpointIndependent,
    /// Those to one address.
    AddressDependent,
    /// Those to one address and port.
    AddressAndPortDependent,
}

/// Whom a mapping lets in (RFC 4787 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Everybody.
    EndpointIndependent,
    /// Addresses that the inner end has sent to.
    AddressDependent,
    /// Addresses and ports that it has sent to.
    AddressAndPortDependent,
}

/// Which outer port a mapping has (RFC 4787 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// The inner one if it is free, else any.
    Preserved,
    /// Any.
    Random,
    /// The first free one from here on, in order.
    Sequential(u16),
}

/// Which of several outer addresses an inner end has (RFC 4787 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// All of one inner address have the same.
    Paired,
    /// It depends on the destination too.
    Arbitrary,
}

/// What becomes of packets from inside to an outer address (RFC 4787 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hairpinning {
    /// They are for the gateway itself.
    None,
    /// They go back in, and seem to come from the sender's outer end.
    ExternalSource,
}

/// How a NAT behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// What a mapping is for.
    pub mapping: Mapping,
    /// Whom it lets in; means nothing with [`Mapping::PerConnection`], which lets in who was asked.
    pub filtering: Filtering,
    /// Which port it has.
    pub ports: Ports,
    /// Whether an even port stays even, and an odd one odd (RFC 4787 §4.2.2).
    pub keeps_parity: bool,
    /// Which address it has.
    pub pooling: Pooling,
    /// What becomes of packets from inside to an outer address.
    pub hairpinning: Hairpinning,
    /// How long what is idle is remembered.
    pub timers: Timers,
    /// Whether packets from outside keep a mapping alive (RFC 4787 REQ-6a).
    pub inbound_refreshes: bool,
    /// Whether connections that nobody saw open are picked up.
    pub is_loose: bool,
    /// Whether what belongs to no connection and should is dropped, or passes as it is.
    pub drops_invalid: bool,
    /// Whether a SYN that nobody waits for is held for six seconds (RFC 5382 REQ-4).
    pub holds_syns: bool,
    /// Whether senders hear that there is no room (RFC 5508 REQ-8, RFC 6888 REQ-11b).
    pub on_exhaustion: OnExhaustion,
    /// Seconds for which nobody else gets a port that was given up (RFC 6888 REQ-8).
    pub quarantine_seconds: u32,
    /// Mappings that one inner address may have (RFC 6888 REQ-4).
    pub per_subscriber: Option<u32>,
    /// Whether a full table forgets connections that are not assured to make room.
    pub drops_early: bool,
}

/// What a sender hears if there is no room for its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExhaustion {
    /// Nothing.
    Silence,
    /// Communication administratively prohibited (RFC 5508 REQ-8).
    Prohibited,
    /// Host unreachable (RFC 6888 REQ-11b).
    HostUnreachable,
}

/// A named behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personality {
    /// What Linux's masquerade does, its departures from the requirements included.
    Linux,
    /// What RFC 4787, RFC 5382, RFC 5508 and RFC 7857 require, with address-dependent filtering.
    Bcp127,
    /// Endpoint-independent mapping and filtering.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    Restricted,
    /// Endpoint-independent mapping, address- and port-dependent filtering.
    PortRestricted,
    /// Address- and port-dependent mapping and filtering, new ports.
    Symmetric,
    /// What RFC 6888 requires of a carrier's NAT.
    Cgnat,
}

impl Personality {
    /// All of them, by the names that scenarios use.
    pub const ALL: &'static [(&'static str, Personality)] = &[
        ("linux", Personality::Linux),
        ("bcp127", Personality::Bcp127),
        ("full-cone", Personality::FullCone),
        ("restricted", Personality::Restricted),
        ("port-restricted", Personality::PortRestricted),
        ("symmetric", Personality::Symmetric),
        ("cgnat", Personality::Cgnat),
    ];

    /// What it stands for.
    pub fn behaviour(self) -> Behaviour {
        let cone = |filtering| Behaviour { filtering, ..BCP127 };
        match self {
            Personality::Linux => LINUX,
            Personality::Bcp127 => BCP127,
            Personality::FullCone => cone(Filtering::EndpointIndependent),
            Personality::Restricted => cone(Filtering::AddressDependent),
            Personality::PortRestricted => cone(Filtering::AddressAndPortDependent),
            Personality::Symmetric => Behaviour {
                mapping: Mapping::AddressAndPortDependent,
                filtering: Filtering::AddressAndPortDependent,
                ports: Ports::Random,
                ..BCP127
            },
            Personality::Cgnat => Behaviour {
                filtering: Filtering::EndpointIndependent,
                ports: Ports::Random,
                on_exhaustion: OnExhaustion::HostUnreachable,
                quarantine_seconds: 120,
                per_subscriber: Some(1_024),
                ..BCP127
            },
        }
    }
}

const LINUX: Behaviour = Behaviour {
    mapping: Mapping::PerConnection,
    filtering: Filtering::AddressAndPortDependent,
    ports: Ports::Preserved,
    keeps_parity: false,
    pooling: Pooling::Arbitrary,
    hairpinning: Hairpinning::None,
    timers: Timers::LINUX,
    inbound_refreshes: true,
    is_loose: true,
    drops_invalid: false,
    holds_syns: false,
    on_exhaustion: OnExhaustion::Silence,
    quarantine_seconds: 0,
    per_subscriber: None,
    drops_early: true,
};

const BCP127: Behaviour = Behaviour {
    mapping: Mapping::EndpointIndependent,
    filtering: Filtering::AddressDependent,
    ports: Ports::Preserved,
    keeps_parity: true,
    pooling: Pooling::Paired,
    hairpinning: Hairpinning::ExternalSource,
    timers: Timers::BCP127,
    inbound_refreshes: false,
    is_loose: false,
    drops_invalid: true,
    holds_syns: true,
    on_exhaustion: OnExhaustion::Prohibited,
    quarantine_seconds: 0,
    per_subscriber: None,
    drops_early: false,
};

/// How much of what an ICMP error quotes is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// All of it.
    Whole,
    /// Address and port, but not the transport checksum that covers them.
    Address,
    /// Nothing.
    Untouched,
}

/// Who answers in the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The protocol; `None` for all.
    pub protocol: Option<u8>,
    /// The address that is asked; `None` for every outer one of the gateway.
    pub address: Option<IpAddr>,
    /// The port that is asked; `None` for all.
    pub port: Option<u16>,
    /// Who answers.
    pub to: IpAddr,
    /// At which port; `None` for the one that was asked.
    pub to_port: Option<u16>,
    /// Whether it counts for packets from anywhere, not from outside alone.
    pub is_anywhere: bool,
}

/// Everything that is decided about a tracker before the first packet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How it behaves.
    pub behaviour: Behaviour,
    /// Whether what leaves for outside is translated.
    pub masquerades: bool,
    /// The families that are translated; connections of others are tracked, and keep their ends.
    pub families: Vec<Family>,
    /// Whether packets from outside for what is inside, which belong to no connection and no
    /// mapping and are not forwarded, are dropped. `None`: unless mappings are per connection, as
    /// Linux's are, whose masquerade is no filter.
    pub drops_unasked: Option<bool>,
    /// The outer addresses, which it gives out, of either family; a masquerade's are the
    /// interface's.
    pub pool: Vec<IpAddr>,
    /// The ports that it gives out; Linux's classes if `None`.
    pub ports: Option<RangeInclusive<u16>>,
    /// Who answers for others, in order.
    pub forwards: Vec<Forward>,
    /// Destinations that are not translated (RFC 6888 REQ-6): addresses, and ports.
    pub exempt: Vec<(IpAddr, Option<u16>)>,
    /// How much of quotes is translated where a source was.
    pub quotes: Quotes,
    /// How much of quotes is translated where a rule has sent a connection elsewhere.
    pub forward_quotes: Quotes,
    /// Whether errors of routers behind a rule come from who was asked, as with Linux, or only
    /// those of who answers do.
    pub hides_routers: bool,
    /// Ports at which the gateway itself listens.
    pub served: Vec<(u8, u16)>,
    /// Connections that are remembered at most.
    pub limit: usize,
    /// Whether checksums of what comes in are looked at.
    pub checks_sums: bool,
    /// Whether the listing counts packets and bytes (nf_conntrack_acct).
    pub counts: bool,
}

impl Plan {
    /// A masquerade of that behaviour, with Linux's default limit of 262,144 connections.
    pub fn new(behaviour: Behaviour) -> Plan {
        Plan {
            behaviour,
            masquerades: true,
            families: Family::ALL.to_vec(),
            drops_unasked: None,
            pool: Vec::new(),
            ports: None,
            forwards: Vec::new(),
            exempt: Vec::new(),
            quotes: Quotes::Whole,
            forward_quotes: Quotes::Whole,
            hides_routers: true,
            served: Vec::new(),
            limit: 262_144,
            checks_sums: true,
            counts: false,
        }
    }
}
