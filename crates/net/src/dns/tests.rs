//! The client against servers of its own on loopback: some answer, some lie.

use super::*;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::thread;
use wire::dns::{Content, kind};

/// What a server sends for a question, each from its own socket.
type Answers = Vec<Vec<u8>>;

/// A server that sends what it is told to, until the test is over.
fn serve(answers: impl FnMut(&[u8]) -> Answers + Send + 'static) -> SocketAddr {
    serve_on(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), answers)
}

fn serve_on(
    socket: UdpSocket,
    mut answers: impl FnMut(&[u8]) -> Answers + Send + 'static,
) -> SocketAddr {
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for answer in answers(&buffer[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

/// An answer to a question with these records behind it.
fn with(question: &[u8], count: u16, records: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[6..8].copy_from_slice(&count.to_be_bytes());
    answer.extend_from_slice(records);
    answer
}

/// The right answer: a text that says the name's first label.
fn right(question: &[u8]) -> Vec<u8> {
    let label = &question[13..13 + usize::from(question[12])];
    let length = label.len() as u8;
    let record = [&b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0"[..], &[length + 1, length], label].concat();
    with(question, 1, &record)
}

fn text(answer: &[u8]) -> String {
    let message = Message::parse(answer).unwrap();
    let record = message.answers().next().expect("a record").unwrap();
    let Content::Text(text) = record.content else { panic!("{record:?}") };
    String::from_utf8(text.strings().flatten().copied().collect()).unwrap()
}

fn client(servers: &[SocketAddr]) -> Client {
    Client::new(Servers { addresses: servers.to_vec(), timeout: DEADLINE, attempts: 2 })
}

/// Everything that comes of the questions, by their numbers.
fn all(client: &mut Client) -> Vec<(u64, Result<Vec<u8>, Unanswered>)> {
    let mut done = Vec::new();
    while client.is_busy() {
        done.extend(client.wait(Duration::from_secs(60)));
    }
    done.sort_by_key(|(number, _)| *number);
    done
}

fn one(client: &mut Client) -> Result<String, Why> {
    client.ask("answer.example".into(), kind::TXT);
    let (_, outcome) = all(client).pop().expect("one");
    outcome.map(|answer| text(&answer)).map_err(|unanswered| unanswered.why)
}

#[test]
fn many_questions_are_under_way_at_one_time() {
    let mut held: Answers = Vec::new();
    // Nobody gets an answer before 60 have asked, and then backwards.
    let server = serve(move |question| {
        held.insert(0, right(question));
        if held.len() < 60 { Vec::new() } else { std::mem::take(&mut held) }
    });
    let mut client = client(&[server]);
    for index in 0..180 {
        client.ask(format!("q{index}.example"), kind::TXT);
    }
    let said: Vec<String> = all(&mut client)
        .into_iter()
        .map(|(number, outcome)| format!("{number} {}", text(&outcome.expect("an answer"))))
        .collect();
    let expected: Vec<String> = (0..180).map(|index| format!("{index} q{index}")).collect();
    assert_eq!(said, expected);
}

#[test]
fn ipv6_servers_are_asked_likewise() {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let server = serve_on(socket, |question| vec![right(question)]);
    assert_eq!(one(&mut client(&[server])), Ok("answer".into()));
}

#[test]
fn only_what_answers_the_question_counts() {
    let forger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1_500];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let question = &buffer[..length];
        let changed = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut lie = with(question, 1, b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x04\x03lie");
            change(&mut lie);
            lie
        };
        // Everything is right but the sender.
        forger.send_to(&changed(&|_| {}), from).unwrap();
        for lie in [
            changed(&|lie| lie[1] ^= 1),
            changed(&|lie| lie[2] &= 0x7f),
            changed(&|lie| lie[2] |= 0x28),
            changed(&|lie| lie[13] ^= 1),
            changed(&|lie| lie[12] = 0xc0),
            changed(&|lie| lie[length - 3] = 1),
            changed(&|lie| lie[length - 1] = 3),
            changed(&|lie| lie[5] = 0),
            changed(&|lie| lie[5] = 2),
            changed(&|lie| lie.truncate(length - 1)),
            changed(&|lie| lie.truncate(11)),
            Vec::new(),
            vec![0xff; 60_000],
        ] {
            socket.send_to(&lie, from).unwrap();
        }
        socket.send_to(&right(question), from).unwrap();
    });
    assert_eq!(one(&mut client(&[address])), Ok("answer".into()));
}

#[test]
fn an_answer_in_other_letters_counts_and_so_does_one_without_records() {
    let server = serve(|question| {
        let mut answer = right(question);
        answer[13..19].make_ascii_uppercase();
        vec![answer]
    });
    assert_eq!(one(&mut client(&[server])), Ok("answer".into()));
    let server = serve(|question| {
        let mut answer = with(question, 0, b"");
        answer[3] |= code::NAME_ERROR;
        vec![answer]
    });
    let mut client = client(&[server]);
    client.ask("nothing.example".into(), kind::TXT);
    let (_, outcome) = all(&mut client).pop().expect("one");
    assert_eq!(Message::parse(&outcome.unwrap()).unwrap().header.response_code, 3);
}

#[test]
fn records_that_cannot_be_read_are_no_answer() {
    for record in [
        // A name that points to itself, more data than there is, text that is cut.
        &b"\xc0\x20\0\x10\0\x01\0\0\0\x3c\0\x01\0"[..],
        b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\xff\xff\0",
        b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x01\x09",
    ] {
        let server = serve(move |question| vec![with(question, 1, record)]);
        assert_eq!(one(&mut client(&[server])), Err(Why::Malformed), "{record:?}");
    }
    let huge = vec![0; 60_000];
    let server = serve(move |question| vec![with(question, u16::MAX, &huge)]);
    assert_eq!(one(&mut client(&[server])), Err(Why::Malformed));
}

/// A server whose datagrams are cut, and that says this by TCP.
fn cut(mut whole: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    // Some port is free for both.
    let (socket, listener) = (0..100)
        .find_map(|_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let listener = TcpListener::bind(socket.local_addr().unwrap()).ok()?;
            Some((socket, listener))
        })
        .expect("a port");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut question).unwrap();
            let answer = whole(&question);
            let length = (answer.len() as u16).to_be_bytes();
            // In pieces, and perhaps to nobody any more.
            let _ = stream.write_all(&length[..1]);
            let _ = stream.write_all(&length[1..]);
            let _ = stream.write_all(&answer);
        }
    });
    serve_on(socket, |question| {
        let mut answer = with(question, 0, b"");
        answer[2] |= 2;
        vec![answer]
    })
}

#[test]
fn what_does_not_fit_a_datagram_is_asked_for_by_tcp() {
    assert_eq!(one(&mut client(&[cut(right)])), Ok("answer".into()));
    // An answer to another question, and a connection that is closed.
    let other = |question: &[u8]| {
        let mut answer = right(question);
        answer[0] ^= 1;
        answer
    };
    assert_eq!(one(&mut client(&[cut(other)])), Err(Why::Malformed));
    assert_eq!(one(&mut client(&[cut(|_| Vec::new())])), Err(Why::Malformed));
    let mut client = client(&[cut(|_| Vec::new()), serve(|question| vec![right(question)])]);
    assert_eq!(one(&mut client), Ok("answer".into()));
}

#[test]
fn another_server_is_asked_if_one_declines_is_silent_or_is_not_there() {
    let good = serve(|question| vec![right(question)]);
    let refuses = serve(|question| {
        let mut answer = with(question, 0, b"");
        answer[3] |= 5;
        vec![answer]
    });
    let silent = serve(|_| Vec::new());
    let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for bad in [refuses, silent, gone] {
        assert_eq!(one(&mut client(&[bad, good])), Ok("answer".into()));
    }
    assert_eq!(one(&mut client(&[refuses])), Err(Why::Declined(5)));
    let Err(Why::Unreachable(word)) = one(&mut client(&[gone])) else { panic!("it is not there") };
    assert_eq!(word, "Connection refused");
}

#[test]
fn silence_ends_and_a_late_answer_is_nobodys() {
    let mut late = Vec::new();
    // The first question is answered when the last is asked.
    let server = serve(move |question| {
        if question[13..].starts_with(b"late") {
            late = vec![right(question)];
            return Vec::new();
        }
        [std::mem::take(&mut late), vec![right(question)]].concat()
    });
    let servers =
        Servers { addresses: vec![server], timeout: Duration::from_millis(20), attempts: 1 };
    let mut client = Client::new(servers);
    client.ask("late.example".into(), kind::TXT);
    let (_, outcome) = all(&mut client).pop().expect("one");
    assert_eq!(outcome, Err(Unanswered { server, why: Why::Silence }));
    client.servers.timeout = DEADLINE;
    assert_eq!(one(&mut client), Ok("answer".into()));
}

#[test]
fn what_is_no_name_is_not_asked_for() {
    let server = serve(|_| panic!("nobody asks"));
    let mut client = client(&[server]);
    client.ask("a..b".into(), kind::TXT);
    let (_, outcome) = all(&mut client).pop().expect("one");
    assert_eq!(outcome, Err(Unanswered { server, why: Why::NoName }));
}
