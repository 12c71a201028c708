//! Names that machines of the local segment give themselves: multicast DNS, asked by unicast
//! (RFC 6762 §5.5), and NetBIOS node status (RFC 1002 §4.2.17). No cache, one question each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use wire::dns::{self, Content, Header, INTERNET, Message, kind};

const MDNS_PORT: u16 = 5353;
const NETBIOS_PORT: u16 = 137;

/// How long each datagram is waited for.
const WAIT: Duration = Duration::from_millis(250);

/// Datagrams that are looked at before giving up.
const DATAGRAMS_MAX: usize = 4;

/// Repeated in answers; nobody else's matters, since only the machine itself is listened to.
const IDENTIFIER: u16 = 0x6177;

/// The node status record of NetBIOS (RFC 1002 §4.2.1.3).
const NODE_STATUS: u16 = 33;

/// In the class of a question: the answer may come by unicast (RFC 6762 §5.4). In that of a record:
/// it replaces what was known (§10.2).
const CLASS_BIT: u16 = 0x8000;

/// Whether an address is of the kind that a segment uses for itself: private or link-local.
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unique_local(),
    }
}

/// Asks the machine itself. Waits up to a second.
pub(crate) fn ask(address: IpAddr, zone: u32) -> Option<String> {
    let (any, to): (SocketAddr, _) = match address {
        IpAddr::V4(v4) => ((Ipv4Addr::UNSPECIFIED, 0).into(), SocketAddr::from((v4, MDNS_PORT))),
        IpAddr::V6(v6) => {
            let to = std::net::SocketAddrV6::new(v6, MDNS_PORT, 0, zone);
            ((Ipv6Addr::UNSPECIFIED, 0).into(), to.into())
        }
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.set_read_timeout(Some(WAIT)).ok()?;
    socket.send_to(&mdns_question(address), to).ok()?;
    if address.is_ipv4() {
        // Whether NetBIOS can be asked is no matter if multicast DNS answers.
        let _ = socket.send_to(&netbios_question(), (address, NETBIOS_PORT));
    }
    let mut datagram = [0; 1_500];
    for _ in 0..DATAGRAMS_MAX {
        let (length, from) = socket.recv_from(&mut datagram).ok()?;
        let answer = datagram.get(..length).filter(|_| from.ip() == address);
        let name = match (answer, from.port()) {
            (Some(answer), MDNS_PORT) => mdns_answer(answer),
            (Some(answer), NETBIOS_PORT) => netbios_answer(answer),
            _ => None,
        };
        if name.is_some() {
            return name;
        }
    }
    None
}

/// A question for the pointer record of an address, to be answered by unicast.
fn mdns_question(address: IpAddr) -> Vec<u8> {
    let name = format!("{}.{}", dns::backwards(address), dns::reverse_zone(address));
    let mut question = header();
    dns::emit_question(&name, kind::PTR, CLASS_BIT | INTERNET, &mut question)
        .expect("an address is a name");
    question
}

/// A node status question for whatever names there are.
fn netbios_question() -> Vec<u8> {
    // The name `*`, padded with zeros and spread over letters (RFC 1001 §14.1).
    let name = format!("CK{}", "A".repeat(30));
    let mut question = header();
    dns::emit_question(&name, NODE_STATUS, INTERNET, &mut question).expect("it is one label");
    question
}

/// A header with one question.
fn header() -> Vec<u8> {
    let mut header = Vec::new();
    Header { id: IDENTIFIER, questions: 1, ..Header::default() }.emit(&mut header);
    header
}

/// The name in the first pointer record of an answer.
pub(crate) fn mdns_answer(message: &[u8]) -> Option<String> {
    let message = answer(message)?;
    let mut records = message.answers().map_while(Result::ok);
    let name = records.find_map(|record| match record.content {
        Content::Name(name) if record.kind == kind::PTR => {
            (record.class & !CLASS_BIT == INTERNET).then_some(name)
        }
        _ => None,
    })?;
    // UTF-8, without escapes (RFC 6762 §16).
    let labels: Vec<_> = name.labels().map(String::from_utf8_lossy).collect();
    Some(labels.join(".")).filter(|name| !name.is_empty())
}

/// The first unique name of a node status answer: the machine's.
pub(crate) fn netbios_answer(message: &[u8]) -> Option<String> {
    let message = answer(message)?;
    let record = message.answers().next()?.ok()?;
    let Content::Other(body) = record.content else { return None };
    if record.kind != NODE_STATUS {
        return None;
    }
    let (count, names) = body.split_first()?;
    let entries = names.chunks_exact(18).take(usize::from(*count));
    // 15 bytes of name, a suffix, flags of which the first bit tells a group (RFC 1002 §4.2.18).
    let unique = entries.into_iter().find(|entry| entry[15] == 0 && entry[16] & 0x80 == 0)?;
    let name = String::from_utf8_lossy(&unique[..15]).trim_end().to_owned();
    (!name.is_empty()).then_some(name)
}

/// The message, if it is an answer to our question.
fn answer(message: &[u8]) -> Option<Message<'_>> {
    let message = Message::parse(message).ok()?;
    let is_answer = message.header.id == IDENTIFIER && message.header.is_response;
    is_answer.then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(records: &[u8]) -> Vec<u8> {
        let mut message = mdns_question("192.0.2.7".parse().expect("an address"));
        message[2] = 0x84;
        message[7] = 1;
        message.extend_from_slice(records);
        message
    }

    #[test]
    fn the_question_reverses_the_address() {
        let question = mdns_question("192.0.2.7".parse().expect("an address"));
        let asked = Message::parse(&question).expect("a message").questions().next();
        let asked = asked.expect("one").expect("a question");
        assert!(asked.name.is("7.2.0.192.in-addr.arpa"), "{asked:?}");
        assert_eq!((asked.kind, asked.class), (12, 0x8001));
        let question = mdns_question("2001:db8::1".parse().expect("an address"));
        let asked = Message::parse(&question).expect("a message").questions().next();
        let asked = asked.expect("one").expect("a question").name.to_string();
        assert!(asked.starts_with("1.0.0.0.") && asked.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"));
    }

    #[test]
    fn a_pointer_record_names_the_machine() {
        let record = b"\xc0\x0c\0\x0c\x80\x01\0\0\0\x78\0\x0f\x07printer\x05local\0";
        assert_eq!(mdns_answer(&answer(record)).as_deref(), Some("printer.local"));
    }

    #[test]
    fn hostile_names_end() {
        // A pointer to itself, a pointer beyond the end, a label beyond the end, a reserved length.
        for record in [
            &b"\xc0\x0c\0\x0c\x80\x01\0\0\0\x78\0\x02\xc0\x32"[..],
            b"\xc0\x0c\0\x0c\x80\x01\0\0\0\x78\0\x02\xff\xff",
            b"\xc0\x0c\0\x0c\x80\x01\0\0\0\x78\0\x02\x3fx",
            b"\xc0\x0c\0\x0c\x80\x01\0\0\0\x78\0\x02\x80x",
            b"\xc0",
        ] {
            assert_eq!(mdns_answer(&answer(record)), None, "{record:?}");
        }
        for length in 0..60 {
            let record = b"\xc0\x0c\0\x0c\x80\x01\0\0\0\x78\0\x0f\x07printer\x05local\0";
            let whole = answer(record);
            let cut = &whole[..length.min(whole.len())];
            assert!(mdns_answer(cut).is_none() && netbios_answer(cut).is_none());
        }
    }

    #[test]
    fn the_corpus_breaks_nothing() {
        let inputs = testbed::replay("nearby", |input| {
            for name in [mdns_answer(input), netbios_answer(input)].into_iter().flatten() {
                assert!(!name.is_empty(), "{input:?}");
            }
        });
        assert!(inputs >= 10, "{inputs} inputs");
    }

    #[test]
    fn a_node_status_names_the_machine() {
        let mut message = header();
        message[2] = 0x84;
        message[5] = 0;
        message[7] = 1;
        message.extend_from_slice(&netbios_question()[12..46]);
        message.extend_from_slice(&[0, 33, 0, 1, 0, 0, 0, 0, 0, 37, 2]);
        message.extend_from_slice(b"WORKGROUP      \x00\x84\0");
        message.extend_from_slice(b"DESK           \x00\x04\0");
        assert_eq!(netbios_answer(&message).as_deref(), Some("DESK"));
    }
}
