//! The goldens as another parser (etherparse) reads them.

use crate::golden;
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use std::net::IpAddr;
use wire::icmp::Message;
use wire::ip::Datagram;
use wire::{arp, icmp, tcp, udp};

#[test]
fn another_parser_reads_the_same_in_every_golden() {
    for golden in golden::all() {
        let bytes = &golden.bytes;
        if golden.is_arp() {
            let ours = arp::Packet::parse(bytes).unwrap();
            let theirs = etherparse::ArpPacketSlice::from_slice(bytes).unwrap();
            assert_eq!(ours.operation, theirs.operation().0);
            assert_eq!(ours.sender.octets(), theirs.sender_protocol_addr());
            assert_eq!(ours.target.octets(), theirs.target_protocol_addr());
            assert_eq!(ours.sender_link, theirs.sender_hw_addr());
            continue;
        }
        let ours = Datagram::parse(bytes).unwrap();
        let theirs = SlicedPacket::from_ip(bytes);
        let theirs = theirs.unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        network(&golden.name, &ours, theirs.net.as_ref().unwrap());
        if let Some(transport) = &theirs.transport {
            self::transport(&golden.name, &ours, transport);
        }
    }
}

fn network(name: &str, ours: &Datagram<'_>, theirs: &NetSlice<'_>) {
    let payload = theirs.ip_payload_ref().unwrap();
    match theirs {
        NetSlice::Ipv4(theirs) => {
            let header = theirs.header();
            assert_eq!(ours.source, IpAddr::from(header.source_addr()), "{name}");
            assert_eq!(ours.destination, IpAddr::from(header.destination_addr()), "{name}");
            assert_eq!(ours.hop_limit, header.ttl(), "{name}");
            assert_eq!(ours.options, header.options(), "{name}");
            assert_eq!(ours.dont_fragment, header.dont_fragment(), "{name}");
            assert_eq!(ours.identification, u32::from(header.identification()), "{name}");
            assert_eq!(
                header.to_header().calc_header_checksum(),
                header.header_checksum(),
                "{name}"
            );
        }
        NetSlice::Ipv6(theirs) => {
            let header = theirs.header();
            assert_eq!(ours.source, IpAddr::from(header.source_addr()), "{name}");
            assert_eq!(ours.destination, IpAddr::from(header.destination_addr()), "{name}");
            assert_eq!(ours.hop_limit, header.hop_limit(), "{name}");
            assert_eq!(ours.flow_label, header.flow_label().value(), "{name}");
            assert_eq!(ours.traffic_class, header.traffic_class(), "{name}");
            assert_eq!(ours.extensions, theirs.extensions().slice(), "{name}");
        }
        NetSlice::Arp(_) => panic!("{name} is no ARP"),
    }
    assert_eq!(ours.fragment.is_some(), payload.fragmented, "{name}");
    assert_eq!(ours.protocol, payload.ip_number.0, "{name}");
    assert_eq!(ours.payload, payload.payload, "{name}");
}

fn transport(name: &str, ours: &Datagram<'_>, theirs: &TransportSlice<'_>) {
    let bytes = ours.payload;
    match theirs {
        TransportSlice::Udp(theirs) => {
            let ours = udp::Message::parse(bytes).unwrap();
            let ports = (theirs.source_port(), theirs.destination_port());
            assert_eq!((ours.source_port, ours.destination_port), ports, "{name}");
            assert_eq!(ours.payload, theirs.payload(), "{name}");
        }
        TransportSlice::Tcp(theirs) => {
            let ours = tcp::Segment::parse(bytes).unwrap();
            let numbers = (theirs.sequence_number(), theirs.acknowledgment_number());
            assert_eq!((ours.sequence, ours.acknowledgment), numbers, "{name}");
            assert_eq!(ours.flags & tcp::flag::SYN != 0, theirs.syn(), "{name}");
            assert_eq!(ours.flags & tcp::flag::RST != 0, theirs.rst(), "{name}");
            assert_eq!(ours.options, theirs.options(), "{name}");
            assert_eq!(ours.window, theirs.window_size(), "{name}");
        }
        TransportSlice::Icmpv4(theirs) => {
            let message = Message::parse(ours.family(), bytes).unwrap();
            assert_eq!(message.numbers(ours.family()), (theirs.type_u8(), theirs.code_u8()));
            if let etherparse::Icmpv4Type::EchoRequest(echo) = theirs.icmp_type() {
                let Message::EchoRequest(ours) = message else { panic!("{name}") };
                assert_eq!((ours.identifier, ours.sequence), (echo.id, echo.seq), "{name}");
                assert_eq!(ours.payload, theirs.payload(), "{name}");
            }
        }
        TransportSlice::Icmpv6(theirs) => {
            let message = Message::parse(ours.family(), bytes).unwrap();
            assert_eq!(message.numbers(ours.family()), (theirs.type_u8(), theirs.code_u8()));
            let (IpAddr::V6(source), IpAddr::V6(destination)) = (ours.source, ours.destination)
            else {
                panic!("{name} is of one family")
            };
            let is_right = theirs.is_checksum_valid(source.octets(), destination.octets());
            assert!(is_right, "{name}");
            assert!(icmp::verify(ours.source, ours.destination, bytes), "{name}");
        }
        TransportSlice::Igmp(_) => {}
    }
}
