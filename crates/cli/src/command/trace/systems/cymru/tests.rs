//! The registry against a server of its own on loopback.

use super::*;
use std::net::{Ipv4Addr, UdpSocket};

/// A server that knows these texts, and tells what it is asked for.
fn serve(known: &'static [(&str, &[&str])]) -> (Servers, mpsc::Receiver<String>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let server = socket.local_addr().expect("it has one");
    let (told, asked) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let mut answer = buffer[..length].to_vec();
            let question = Message::parse(&answer).expect("a message").questions().next();
            let name = question.expect("a question").expect("a name").name.to_string();
            let texts = known.iter().find(|(it, _)| *it == name).map_or(&[][..], |(_, it)| *it);
            let _ = told.send(name);
            answer[2] |= 0x80;
            answer[7] = texts.len() as u8;
            for text in texts {
                let length = text.len() as u8;
                answer.extend_from_slice(b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0");
                answer.extend_from_slice(&[length + 1, length]);
                answer.extend_from_slice(text.as_bytes());
            }
            let _ = socket.send_to(&answer, from);
        }
    });
    (Servers::only(server), asked)
}

/// What becomes of these addresses, in their order, and what was asked for.
fn found(known: &'static [(&str, &[&str])], addresses: &[&str]) -> (Vec<String>, Vec<String>) {
    let (servers, asked) = serve(known);
    let desk = start(servers, Arc::default(), || {});
    let mut shown = Vec::new();
    for address in addresses {
        let address: IpAddr = address.parse().expect("an address");
        desk.questions.send(address).expect("it listens");
        let (of, system) = desk.answers.recv().expect("it answers");
        assert_eq!(of, address);
        shown.push(system.map_or_else(String::new, |it| it.to_string()));
    }
    (shown, asked.try_iter().collect())
}

const NAME: (&str, &[&str]) =
    ("AS112.asn.cymru.com", &["112 | US | arin | 1991-05-28 | ROOT - \x1b[2J DNS | x, US"]);

#[test]
fn addresses_that_routes_do_not_tell_apart_are_asked_for_once() {
    let known: &[(&str, &[&str])] = &[
        ("1.196.31.192.origin.asn.cymru.com", &["112 | 192.31.196.0/24 | US | arin | 2014-11-07"]),
        NAME,
    ];
    let (shown, asked) = found(known, &["192.31.196.1", "192.31.196.2", "192.31.196.1"]);
    assert_eq!(shown, [r"AS112 ROOT - \u{1b}[2J DNS | x, US"; 3]);
    assert_eq!(asked, [known[0].0, NAME.0]);
}

#[test]
fn ipv6_is_asked_for_by_digits_and_a_name_is_asked_for_once() {
    let known: &[(&str, &[&str])] = &[
        (
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.f.4.0.0.0.2.6.2.origin6.asn.cymru.com",
            &["112 | 2620:4f:8000::/48 | US | arin | 2011-01-01"],
        ),
        ("1.196.31.192.origin.asn.cymru.com", &["112 | 192.31.196.0/24 | US | arin | 2014-11-07"]),
        NAME,
    ];
    let (shown, asked) = found(known, &["2620:4f:8000::1", "192.31.196.1"]);
    assert_eq!(shown[0], shown[1]);
    assert_eq!(asked, [known[0].0, NAME.0, known[1].0]);
}

#[test]
fn what_nobody_announces_has_no_system_and_is_not_asked_for_again() {
    let (shown, asked) = found(&[], &["192.31.196.1", "192.31.196.9"]);
    assert_eq!(shown, ["", ""]);
    assert_eq!(asked.len(), 1);
}

#[test]
fn a_prefix_longer_than_usual_speaks_for_its_own_addresses_only() {
    let known: &[(&str, &[&str])] = &[
        ("1.196.31.192.origin.asn.cymru.com", &["112 | 192.31.196.0/25 | US | arin | 2014-11-07"]),
        ("200.196.31.192.origin.asn.cymru.com", &["113 | 192.31.196.128/25 |  | arin | "]),
        NAME,
    ];
    let addresses = ["192.31.196.1", "192.31.196.200", "192.31.196.127", "192.31.196.200"];
    let (shown, asked) = found(known, &addresses);
    assert_eq!(shown[1], "AS113");
    assert_eq!((&shown[2], &shown[3]), (&shown[0], &shown[1]));
    assert_eq!(asked.len(), 4);
}

#[test]
fn the_longest_prefix_counts_with_all_its_origins() {
    let of: IpAddr = "192.31.196.1".parse().expect("an address");
    let origins = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        origin(of, &texts).map(|origin| origin.numbers)
    };
    assert_eq!(
        origins(&["64500 64501 | 192.31.196.0/24 | US | arin | "]),
        Some(vec![64500, 64501])
    );
    let wide = "64502 | 192.31.0.0/16 | US | arin | 2001-02-03";
    let near = "64500 | 192.31.196.0/24 | US | arin | 2001-02-03";
    let same = "64501 64500 | 192.31.196.0/24 | US | arin | 2001-02-03";
    assert_eq!(origins(&[near, wide, same]), Some(vec![64500, 64501]));
    assert_eq!(origins(&[wide, near]), Some(vec![64500]));
    // Of somebody else, no number, no prefix, nothing.
    for text in ["64500 | 192.31.197.0/24 | US", "NA | 192.31.196.0/24", "64500", "|||", ""] {
        assert_eq!(origins(&[text]), None, "{text}");
    }
    assert_eq!(origins(&["0 99999999999 -1 7 | 192.31.196.0/24"]), Some(vec![7]));
    let many: Vec<String> = (1..100).map(|number| number.to_string()).collect();
    let many = format!("{} | 192.31.196.0/24", many.join(" "));
    assert_eq!(origins(&[&many]).map(|numbers| numbers.len()), Some(ORIGINS_MAX));
}

#[test]
fn a_name_belongs_to_the_number_that_was_asked_for() {
    let text = "112 | US | arin | 1991-05-28 | ROOT, US";
    assert_eq!(name(112, text).as_deref(), Some("ROOT, US"));
    assert_eq!(name(113, text), None);
    assert_eq!(name(112, "112 | US | arin | 1991-05-28 | "), None);
    assert_eq!(name(112, "112 | US"), None);
}

#[test]
fn a_server_that_cannot_be_asked_is_told_of_once_and_nobody_waits() {
    let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let server = gone.local_addr().expect("it has one");
    drop(gone);
    let trouble = Arc::default();
    let desk = start(Servers::only(server), Arc::clone(&trouble), || {});
    for last in 0..40 {
        desk.questions.send(IpAddr::from([192, 31, last, 1])).expect("it listens");
    }
    let all: Vec<_> = desk.answers.iter().take(40).collect();
    assert!(all.iter().all(|(_, system)| system.is_none()));
    let expected = format!("{server} cannot be asked: Connection refused");
    assert_eq!(trouble.get(), Some(&expected));
}
