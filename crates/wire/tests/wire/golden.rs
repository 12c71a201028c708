//! Packets captured from kernels: parsed, described, and emitted again to the last bit.
//!
//! `tests/golden/NAME.hex` is the packet from its IP or ARP header on, `NAME.txt` its line. Names
//! that begin with `assembled` were put together by hand where no kernel sends the like.

use std::fs;
use std::path::{Path, PathBuf};
use wire::ext::{Content, Structure};
use wire::icmp::{self, Message, listener, neighbour};
use wire::ip::extensions::{self, Extensions};
use wire::ip::{Datagram, options, protocol};
use wire::{Family, arp, ip, tcp, text, udp};

/// A golden packet.
pub struct Golden {
    pub name: String,
    pub bytes: Vec<u8>,
    path: PathBuf,
}

impl Golden {
    pub fn is_arp(&self) -> bool {
        self.name.starts_with("arp")
    }
}

/// Every golden, by name.
pub fn all() -> Vec<Golden> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(&directory).expect("the goldens are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "hex"));
    paths.sort();
    assert!(paths.len() > 70, "only {} goldens", paths.len());
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Golden {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(&path).unwrap();
    let words = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    let byte = |word| u8::from_str_radix(word, 16).unwrap_or_else(|e| panic!("{name}: {e}"));
    Golden { bytes: words.map(byte).collect(), name: name.clone(), path }
}

#[test]
fn every_golden_reads_as_its_text_says() {
    for golden in all() {
        let text = match golden.is_arp() {
            true => text::describe_arp(&golden.bytes),
            false => text::describe(&golden.bytes),
        };
        let expected = fs::read_to_string(golden.path.with_extension("txt"));
        let expected = expected.unwrap_or_else(|e| panic!("{}: {e}: {text}", golden.name));
        assert_eq!(text, expected.trim_end(), "{}", golden.name);
    }
}

#[test]
fn every_golden_is_emitted_as_it_was() {
    for golden in all() {
        let emitted = match golden.is_arp() {
            true => {
                let mut out = Vec::new();
                arp::Packet::parse(&golden.bytes).unwrap().emit(&mut out);
                out
            }
            false => emit(&golden.bytes),
        };
        assert_eq!(emitted, golden.bytes, "{}", golden.name);
    }
}

/// Takes a datagram apart as far as it goes and writes it again from the pieces.
fn emit(bytes: &[u8]) -> Vec<u8> {
    let datagram = Datagram::parse(bytes).unwrap();
    assert!(ip::verify_header(bytes));
    let payload = match datagram.fragment {
        Some(_) => datagram.payload.to_vec(),
        None => emit_payload(&datagram),
    };
    let mut header = datagram.header();
    header.options = emit_options(datagram.options);
    let extensions = datagram.extension_headers().map(Result::unwrap);
    header.extensions = extensions.map(|found| (found.kind, emit_extension(&found))).collect();
    let mut out = Vec::new();
    header.emit(&payload, &mut out).unwrap();
    out
}

fn emit_options(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for option in options::Options::new(bytes) {
        option.unwrap().emit(&mut out).unwrap();
    }
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn emit_extension(header: &extensions::Extension<'_>) -> Vec<u8> {
    match header.content().unwrap() {
        extensions::Content::HopByHop(options) | extensions::Content::Destination(options) => {
            let mut out = header.bytes[..2].to_vec();
            options.for_each(|option| option.unwrap().emit(&mut out).unwrap());
            out
        }
        _ => header.bytes.to_vec(),
    }
}

fn emit_payload(datagram: &Datagram<'_>) -> Vec<u8> {
    let Datagram { source, destination, payload, .. } = *datagram;
    let family = datagram.family();
    let mut out = Vec::new();
    match datagram.protocol {
        protocol::UDP => {
            let message = udp::Message::parse(payload).unwrap();
            message.emit(source, destination, &mut out).unwrap();
        }
        protocol::TCP => {
            let segment = tcp::Segment::parse(payload).unwrap();
            let mut options = Vec::new();
            segment.options().for_each(|option| option.unwrap().emit(&mut options).unwrap());
            let segment = tcp::Segment { options: &options, ..segment };
            segment.emit(source, destination, &mut out).unwrap();
        }
        protocol::ICMP | protocol::ICMPV6 => {
            let message = Message::parse(family, payload).unwrap();
            assert!(!matches!(message, Message::Other { .. }));
            emit_message(family, message, &mut out);
            icmp::fill_checksum(source, destination, &mut out);
        }
        _ => out.extend_from_slice(payload),
    }
    out
}

fn emit_message(family: Family, message: Message<'_>, out: &mut Vec<u8>) {
    match message {
        Message::Error(error) if error.parse_quoted().unwrap().extension.is_some() => {
            let quoted = error.parse_quoted().unwrap();
            let extension = quoted.extension.unwrap();
            let (quote, _) = error.body.split_at(error.body.len() - extension.len());
            let body = [quote, &emit_structure(extension)].concat();
            Message::Error(icmp::Error { body: &body, ..error }).emit(family, out);
        }
        Message::ExtendedEchoRequest(request) => {
            let extension = emit_structure(request.extension);
            let request = icmp::ExtendedRequest { extension: &extension, ..request };
            Message::ExtendedEchoRequest(request).emit(family, out);
        }
        Message::NeighbourSolicitation(solicitation) => {
            let options = emit_discovery(solicitation.options);
            let solicitation = neighbour::Solicitation { options: &options, ..solicitation };
            Message::NeighbourSolicitation(solicitation).emit(family, out);
        }
        Message::RouterAdvertisement(mut advertisement) => {
            let mut emitted = Vec::new();
            if let icmp::router::Offer::Sender { options, .. } = &mut advertisement.offer {
                emitted = emit_discovery(options);
                *options = &emitted;
            }
            Message::RouterAdvertisement(advertisement).emit(family, out);
            drop(emitted);
        }
        Message::ListenerReports(reports) => {
            let mut bytes = Vec::new();
            reports.records().for_each(|record| record.unwrap().emit(&mut bytes).unwrap());
            let reports = listener::Reports { bytes: &bytes, ..reports };
            Message::ListenerReports(reports).emit(family, out);
        }
        _ => message.emit(family, out),
    }
}

fn emit_discovery(options: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    neighbour::Options::new(options).for_each(|option| option.unwrap().emit(&mut out).unwrap());
    out
}

fn emit_structure(bytes: &[u8]) -> Vec<u8> {
    let structure = Structure::parse(bytes).unwrap();
    let mut objects = Vec::new();
    for object in structure.objects().map(Result::unwrap) {
        match object.content().unwrap() {
            Content::Interface(interface) => interface.emit(&mut objects),
            _ => object.emit(&mut objects).unwrap(),
        }
    }
    let mut out = Vec::new();
    Structure { bytes: &objects, ..structure }.emit(&mut out);
    out
}

#[test]
fn every_chain_of_extension_headers_is_read_whole() {
    for golden in all().iter().filter(|golden| !golden.is_arp()) {
        let datagram = Datagram::parse(&golden.bytes).unwrap();
        let chain = Extensions::new(datagram.next_header, datagram.extensions);
        let read: usize = chain.map(|header| header.unwrap().bytes.len()).sum();
        assert_eq!(read, datagram.extensions.len(), "{}", golden.name);
    }
}
