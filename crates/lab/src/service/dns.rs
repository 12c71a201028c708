//! A name server that knows the nodes of the lab (RFC 1035): addresses of names, alone or below the
//! domain `lab`, and names of addresses. It asks nobody else.

use crate::map::Map;
use std::net::IpAddr;
use wire::Family;
use wire::dns::{self, Header, Name, code, kind};

/// For how long its answers may be kept, seconds.
const LIFETIME_S: u32 = 60;

/// The longest answer over UDP (RFC 1035 §4.2.1).
const ANSWER_MAX_BYTES: usize = 512;

/// Where the name of the only question stands, as a pointer (RFC 1035 §4.1.4).
const QUESTION: [u8; 2] = [0xc0, 12];

/// The domain that all nodes are in.
const DOMAIN: &str = "lab";

/// Response codes besides those of [`code`] (RFC 1035 §4.1.1).
const FORMAT_ERROR: u8 = 1;
const NOT_IMPLEMENTED: u8 = 4;

/// The answer to a message, if it is a question.
pub(super) fn answer(map: &Map, asked: &[u8]) -> Option<Vec<u8>> {
    let header = Header::parse(asked).ok().filter(|header| !header.is_response)?;
    let reply = Header {
        id: header.id,
        is_response: true,
        operation: header.operation,
        wants_recursion: header.wants_recursion,
        ..Header::default()
    };
    let fails = |response_code| {
        let mut bytes = Vec::new();
        Header { response_code, ..reply }.emit(&mut bytes);
        Some(bytes)
    };
    if header.operation != 0 {
        return fails(NOT_IMPLEMENTED);
    }
    let question = Name::parse(asked, 12).ok().and_then(|(name, end)| {
        let fixed: [u8; 4] = asked.get(end..end + 4)?.try_into().ok()?;
        Some((name, &asked[12..end + 4], fixed))
    });
    let Some((name, question, [k0, k1, c0, c1])) = question.filter(|_| header.questions == 1)
    else {
        return fails(FORMAT_ERROR);
    };
    let (asked_kind, class) = (u16::from_be_bytes([k0, k1]), u16::from_be_bytes([c0, c1]));
    let known = if class == dns::INTERNET { look_up(map, &name, asked_kind) } else { None };
    let response_code = if known.is_some() { code::NO_ERROR } else { code::NAME_ERROR };
    let mut records = Vec::new();
    let (mut answers, mut is_truncated) = (0, false);
    for content in known.unwrap_or_default() {
        let start = records.len();
        emit_record(asked_kind, &content, &mut records);
        if 12 + question.len() + records.len() > ANSWER_MAX_BYTES {
            records.truncate(start);
            is_truncated = true;
            break;
        }
        answers += 1;
    }
    let mut bytes = Vec::new();
    Header { response_code, is_truncated, questions: 1, answers, ..reply }.emit(&mut bytes);
    bytes.extend_from_slice(question);
    bytes.extend_from_slice(&records);
    Some(bytes)
}

/// The contents of the records of a name; `None` if nobody has the name.
fn look_up(map: &Map, name: &Name<'_>, asked: u16) -> Option<Vec<Vec<u8>>> {
    let labels: Vec<String> = name
        .labels()
        .map(|label| std::str::from_utf8(label).map(str::to_ascii_lowercase))
        .collect::<Result<_, _>>()
        .ok()?;
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    if let Some(address) = named_backwards(&labels) {
        let holder = map.name(map.holder(address)?);
        let mut content = Vec::new();
        let is_asked = asked == kind::PTR;
        dns::emit_name(&format!("{holder}.{DOMAIN}"), &mut content).ok()?;
        return Some(if is_asked { vec![content] } else { Vec::new() });
    }
    let host = match labels.as_slice() {
        [host] | [host, DOMAIN] => *host,
        _ => return None,
    };
    let node = map.node_named_alike(host)?;
    let all = Family::ALL.map(|family| map.addresses(node, family)).concat();
    let content = |address: IpAddr| match (address, asked) {
        (IpAddr::V4(it), kind::A) => Some(it.octets().to_vec()),
        (IpAddr::V6(it), kind::AAAA) => Some(it.octets().to_vec()),
        _ => None,
    };
    Some(all.into_iter().filter_map(content).collect())
}

/// The address that a name of the zones of addresses stands for.
fn named_backwards(labels: &[&str]) -> Option<IpAddr> {
    let (zone, digits) = (labels.len().checked_sub(2)?, &labels[..labels.len() - 2]);
    let address: IpAddr = match (&labels[zone..], digits.len()) {
        (["in-addr", "arpa"], 4) => {
            let octets: Vec<&str> = digits.iter().rev().copied().collect();
            octets.join(".").parse().ok()?
        }
        (["ip6", "arpa"], 32) => {
            let nibbles: String = digits.iter().rev().copied().collect();
            let is_plain = digits.iter().all(|digit| digit.len() == 1);
            let bits = u128::from_str_radix(&nibbles, 16).ok().filter(|_| is_plain)?;
            std::net::Ipv6Addr::from_bits(bits).into()
        }
        _ => return None,
    };
    // One way to write each address.
    let text = format!("{}.{}", dns::backwards(address), dns::reverse_zone(address));
    (text == labels.join(".")).then_some(address)
}

fn emit_record(kind: u16, content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&QUESTION);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&dns::INTERNET.to_be_bytes());
    out.extend_from_slice(&LIFETIME_S.to_be_bytes());
    let length = u16::try_from(content.len()).expect("a name or an address");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::World;
    use wire::dns::{Content, Message, emit_question};

    fn world() -> World {
        let text = "[host]\nalice = {}\nbob = { count = 40 }\n[router]\nhub = {}\n\
                    [[link]]\nends = [\"alice\", \"hub\"]\n\
                    [[link]]\nends = [\"hub\", \"bob\"]\n";
        World::load(text, "test", None).expect("a scenario")
    }

    fn question(name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = Header { id: 9, wants_recursion: true, questions: 1, ..Header::default() };
        header.emit(&mut bytes);
        emit_question(name, kind, dns::INTERNET, &mut bytes).expect("a name");
        bytes
    }

    /// The response code, and what the records say.
    fn ask(name: &str, kind: u16) -> (u8, Vec<String>) {
        let bytes = answer(&world().map, &question(name, kind)).expect("an answer");
        let message = Message::parse(&bytes).expect("whole");
        assert_eq!((message.header.id, message.header.is_response), (9, true));
        let echoed: Vec<_> = message.questions().map(|it| it.expect("whole").kind).collect();
        assert_eq!(echoed, [kind]);
        let said = message.answers().map(|record| {
            let record = record.expect("whole");
            assert!(record.name.is(name), "of the name that was asked for");
            match record.content {
                Content::Address(address) => address.to_string(),
                Content::Name(name) => name.to_string(),
                other => panic!("{other:?}"),
            }
        });
        (message.header.response_code, said.collect())
    }

    #[test]
    fn nodes_have_addresses_and_addresses_names() {
        let addresses = |name: &str, family| {
            let world = world();
            let node = world.node(name).expect("a node");
            world.addresses(node, family).iter().map(IpAddr::to_string).collect::<Vec<_>>()
        };
        for (kind, family) in [kind::A, kind::AAAA].into_iter().zip(Family::ALL) {
            assert_eq!(ask("alice", kind), (0, addresses("alice", family)));
            assert_eq!(ask("ALICE.Lab", kind), (0, addresses("alice", family)));
            assert_eq!(ask("hub", kind), (0, addresses("hub", family)));
            assert_eq!(ask("bob40", kind), (0, addresses("bob40", family)));
        }
        for address in [addresses("hub", Family::ALL[0]), addresses("hub", Family::ALL[1])].concat()
        {
            let address: IpAddr = address.parse().expect("an address");
            let name = format!("{}.{}", dns::backwards(address), dns::reverse_zone(address));
            assert_eq!(ask(&name, kind::PTR), (0, vec!["hub.lab".to_string()]));
            assert_eq!(ask(&name, kind::A), (0, Vec::new()));
        }
    }

    #[test]
    fn what_nobody_has_does_not_exist() {
        for (name, kind) in [
            ("carol", kind::A),
            ("bob", kind::A),
            ("alice.example", kind::A),
            ("alice.lab.lab", kind::A),
            ("1.0.0.10.in-addr.arpa", kind::PTR),
            ("01.2.0.192.in-addr.arpa", kind::PTR),
            ("2.0.192.in-addr.arpa", kind::PTR),
            ("in-addr.arpa", kind::PTR),
        ] {
            assert_eq!(ask(name, kind), (code::NAME_ERROR, Vec::new()), "{name}");
        }
        assert_eq!(ask("alice", kind::TXT), (code::NO_ERROR, Vec::new()), "it has no text");
    }

    #[test]
    fn what_is_no_question_gets_no_answer_or_an_error() {
        let map = &world().map;
        let whole = question("alice", kind::A);
        for end in 0..whole.len() {
            let said = answer(map, &whole[..end]).map(|bytes| bytes[3] & 0x0f);
            assert_eq!(said, (end >= 12).then_some(FORMAT_ERROR), "{end}");
        }
        let mut changed = whole.clone();
        changed[2] |= 0x80;
        assert_eq!(answer(map, &changed), None, "answers are not answered");
        changed[2] = 0x10;
        assert_eq!(answer(map, &changed).map(|bytes| bytes[3] & 0x0f), Some(NOT_IMPLEMENTED));
        let mut looped = whole;
        looped[12..14].copy_from_slice(&QUESTION);
        assert_eq!(answer(map, &looped).map(|bytes| bytes[3] & 0x0f), Some(FORMAT_ERROR));
    }

    #[test]
    fn an_answer_that_is_too_long_says_so() {
        let mut text = String::from("[host]\nh = { count = 60 }\n[router]\nhub = {}\n");
        for number in 1..=60 {
            text += &format!("[[link]]\nends = [\"hub\", \"h{number}\"]\n");
        }
        let world = World::load(&text, "test", None).expect("a scenario");
        let bytes = answer(&world.map, &question("hub", kind::AAAA)).expect("an answer");
        assert!((485..=512).contains(&bytes.len()));
        let message = Message::parse(&bytes).expect("whole");
        assert!(message.header.is_truncated);
        assert_eq!(message.answers().filter(|it| it.is_ok()).count(), 17);
    }
}
