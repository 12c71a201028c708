//! Parsing takes nothing from the heap.

use crate::golden;
use std::hint::black_box;
use wire::icmp::Message;
use wire::ip::Datagram;
use wire::{arp, icmp, ip, tcp, udp};

#[test]
fn parsing_allocates_nothing() {
    for golden in golden::all() {
        let counted = allocation_counter::measure(|| parse(&golden.bytes));
        assert_eq!(counted.count_total, 0, "{}", golden.name);
    }
    let counted = allocation_counter::measure(|| drop(black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1, "the counter counts");
}

fn parse(bytes: &[u8]) {
    let _ = black_box(arp::Packet::parse(bytes));
    let _ = black_box(ip::verify_header(bytes));
    let Ok(datagram) = black_box(Datagram::parse(bytes)) else { return };
    for option in datagram.ipv4_options() {
        let _ = black_box(option);
    }
    for header in datagram.extension_headers() {
        let _ = black_box(header.map(|header| header.content()));
    }
    let _ = black_box(udp::Message::parse(datagram.payload));
    if let Ok(segment) = tcp::Segment::parse(datagram.payload) {
        black_box(segment.options().count());
    }
    let is_right = icmp::verify(datagram.source, datagram.destination, datagram.payload);
    black_box(is_right);
    match black_box(Message::parse(datagram.family(), datagram.payload)) {
        Ok(Message::Error(error)) => {
            let Ok(quoted) = black_box(error.parse_quoted()) else { return };
            let Some(Ok(structure)) = quoted.extensions() else { return };
            for object in structure.objects() {
                let _ = black_box(object.map(|object| object.content()));
            }
        }
        Ok(Message::ListenerReports(reports)) => {
            black_box(reports.records().count());
        }
        Ok(Message::NodeReply(reply)) => {
            black_box((reply.names().count(), reply.addresses().count()));
        }
        _ => {}
    }
}
