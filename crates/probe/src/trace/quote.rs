//! What an error shows of the probe that it is about, and what extends it.

use super::{Change, EXTENSION_MAX_BYTES, EXTENSIONS_MAX, Extension, Quote};
use crate::method::Trail;
use std::net::IpAddr;
use wire::ext::{Content, Object};
use wire::icmp::Quoted;

/// A probe as it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Our address.
    pub source: IpAddr,
    /// The target.
    pub to: IpAddr,
    /// Our port or identifier.
    pub port: u16,
    /// The target's port, to methods that have ports.
    pub to_port: Option<u16>,
    /// TOS or traffic class.
    pub traffic_class: u8,
    /// IPv4 identification, where it was ours to choose.
    pub identification: Option<u16>,
    /// IPv6 flow label, where it was ours to choose.
    pub flow_label: Option<u32>,
    /// The transport checksum.
    pub checksum: u16,
    /// Where that stands in the message.
    pub checksum_offset: usize,
}

/// Compares a probe with what an error quotes of it. Without `sees_headers` the IP header is not
/// what arrived at the hop but what the driver made up.
pub(crate) fn compare(
    sent: &Sent,
    quoted: &Quoted<'_>,
    trail: &Trail,
    sees_headers: bool,
) -> Quote {
    let datagram = &quoted.datagram;
    let mut changes = Vec::new();
    let mut note = |differs: bool, change: Change| {
        if differs {
            changes.push(change);
        }
    };
    note(datagram.destination != sent.to, Change::Destination(datagram.destination));
    note(trail.port != sent.port, Change::Port { sent: sent.port, got: trail.port });
    if let (Some(sent), Some(got)) = (sent.to_port, trail.to_port) {
        note(sent != got, Change::ToPort { sent, got });
    }
    if sees_headers {
        note(datagram.source != sent.source, Change::Source(datagram.source));
        let (class, got) = (sent.traffic_class, datagram.traffic_class);
        note(class != got, Change::TrafficClass { sent: class, got });
        if let Some(sent) = sent.identification {
            let got = datagram.identification as u16;
            note(sent != got, Change::Identification { sent, got });
        }
        if let Some(sent) = sent.flow_label {
            let got = datagram.flow_label;
            note(sent != got, Change::FlowLabel { sent, got });
        }
        let at = sent.checksum_offset;
        if let Some([high, low]) = datagram.payload.get(at..at + 2) {
            let got = u16::from_be_bytes([*high, *low]);
            note(sent.checksum != got, Change::Checksum { sent: sent.checksum, got });
        }
    }
    let header_bytes = datagram.header().bytes();
    Quote {
        hop_limit: sees_headers.then_some(datagram.hop_limit),
        bytes: header_bytes + datagram.payload.len(),
        changes,
    }
}

/// What extends an error, in order; nothing of a structure that is damaged as a whole.
pub(crate) fn extensions(quoted: &Quoted<'_>) -> Vec<Extension> {
    let Some(Ok(structure)) = quoted.extensions() else { return Vec::new() };
    structure.objects().map_while(Result::ok).take(EXTENSIONS_MAX).map(extension).collect()
}

fn extension(object: Object<'_>) -> Extension {
    match object.content() {
        Ok(Content::Mpls(labels)) => Extension::Mpls(labels.iter().take(EXTENSIONS_MAX).collect()),
        Ok(Content::Interface(interface)) => Extension::Interface {
            role: interface.role,
            index: interface.index,
            address: interface.address,
            name: interface.name.map(<[u8]>::to_vec),
            mtu_bytes: interface.mtu_bytes,
        },
        _ => Extension::Unknown {
            class: object.class,
            kind: object.kind,
            body: object.body[..object.body.len().min(EXTENSION_MAX_BYTES)].to_vec(),
        },
    }
}
