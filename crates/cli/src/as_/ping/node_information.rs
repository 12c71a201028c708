//! `-N`: node information queries (RFC 4620), their options and their answers.

use super::options::{Stop, usage};
use super::words;
use crate::as_::console::Console;
use crate::resolve;
use probe::kind::NodeInformationKind;
use std::net::IpAddr;
use wire::Family;
use wire::icmp::Message;
use wire::icmp::node::{self, Name, Reply};

const FLAG_TRUNCATED: u16 = 0x01;
const FLAG_ALL: u16 = 0x02;
const FLAG_COMPATIBLE: u16 = 0x04;
const FLAG_LINK_LOCAL: u16 = 0x08;
const FLAG_SITE_LOCAL: u16 = 0x10;
const FLAG_GLOBAL: u16 = 0x20;

/// Words, and the question and flags that they stand for.
const QUESTIONS: &[(&str, u16, u16)] = &[
    ("name", node::question::NAME, 0),
    ("fqdn", node::question::NAME, 0),
    ("ipv6", node::question::IPV6_ADDRESSES, 0),
    ("ipv6-all", node::question::IPV6_ADDRESSES, FLAG_ALL),
    ("ipv6-compatible", node::question::IPV6_ADDRESSES, FLAG_COMPATIBLE),
    ("ipv6-linklocal", node::question::IPV6_ADDRESSES, FLAG_LINK_LOCAL),
    ("ipv6-sitelocal", node::question::IPV6_ADDRESSES, FLAG_SITE_LOCAL),
    ("ipv6-global", node::question::IPV6_ADDRESSES, FLAG_GLOBAL),
    ("ipv4", node::question::IPV4_ADDRESSES, 0),
    ("ipv4-all", node::question::IPV4_ADDRESSES, FLAG_ALL),
];

/// The kinds of subjects, as the ICMP code has them.
const SUBJECT_IPV6: u8 = 0;
const SUBJECT_NAME: u8 = 1;
const SUBJECT_IPV4: u8 = 2;

/// What is asked of whom.
#[derive(Clone, Debug, Default)]
pub struct Query {
    question: Option<u16>,
    flags: u16,
    subject: Option<(u8, Vec<u8>)>,
}

impl Query {
    /// Whether anything is asked at all.
    pub fn is_asked(&self) -> bool {
        self.question.is_some()
    }

    /// The probe type that asks; the target itself is the subject unless another one is named.
    pub fn kind(&self, target: IpAddr, secret: u64) -> Option<NodeInformationKind> {
        let question = self.question?;
        let (subject_kind, subject) = self.subject.clone().unwrap_or_else(|| of_address(target));
        Some(NodeInformationKind { subject_kind, question, flags: self.flags, subject, secret })
    }

    /// Takes one argument of `-N`.
    ///
    /// # Errors
    /// If it is unknown or contradicts another one; or if it asks for help.
    pub fn take(&mut self, argument: &str, console: &mut Console) -> Result<(), Stop> {
        if argument == "help" {
            console.print(words::NODE_INFORMATION_HELP);
            console.flush();
            return Err(Stop(0));
        }
        if let Some((_, question, flags)) = QUESTIONS.iter().find(|(word, ..)| *word == argument) {
            if self.question.is_some_and(|other| other != *question) {
                console.print("Qtype conflict\n");
                return Err(help(console));
            }
            self.question = Some(*question);
            self.flags |= flags;
            return Ok(());
        }
        let Some((word, subject)) = argument.split_once('=') else { return Err(help(console)) };
        let subject = match word {
            "subject-ipv6" => look_up(subject, Family::V6, console)?,
            "subject-ipv4" => look_up(subject, Family::V4, console)?,
            "subject-name" => named(subject, subject.contains('.'), console)?,
            "subject-fqdn" => named(subject, true, console)?,
            _ => return Err(help(console)),
        };
        if self.subject.as_ref().is_some_and(|(kind, _)| *kind != subject.0) {
            console.print("Subject type conflict\n");
            return Err(help(console));
        }
        self.subject = Some(subject);
        Ok(())
    }
}

fn help(console: &mut Console) -> Stop {
    console.error_bare(words::NODE_INFORMATION_HELP);
    Stop(2)
}

fn of_address(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (SUBJECT_IPV4, address.octets().to_vec()),
        IpAddr::V6(address) => (SUBJECT_IPV6, address.octets().to_vec()),
    }
}

fn look_up(subject: &str, family: Family, console: &mut Console) -> Result<(u8, Vec<u8>), Stop> {
    match resolve::resolve(subject, Some(family)) {
        Ok(targets) if !targets.is_empty() => Ok(of_address(targets[0].address)),
        Ok(_) => Err(usage(console)),
        Err(unresolved) => {
            console.error(&format!("{subject}: {}", unresolved.reason));
            Err(help(console))
        }
    }
}

/// A name in DNS form. One that is not fully qualified ends with a second empty label
/// (RFC 4620 §6.2). An interface behind `%` is not part of it.
fn named(name: &str, is_qualified: bool, console: &mut Console) -> Result<(u8, Vec<u8>), Stop> {
    let name = name.split('%').next().unwrap_or_default().to_ascii_lowercase();
    let mut bytes = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        match u8::try_from(label.len()) {
            Ok(length @ 1..=63) => bytes.push(length),
            _ => return Err(inappropriate(&name, console)),
        }
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    if !is_qualified {
        bytes.push(0);
    }
    if bytes.len() > 256 {
        return Err(inappropriate(&name, console));
    }
    Ok((SUBJECT_NAME, bytes))
}

fn inappropriate(name: &str, console: &mut Console) -> Stop {
    console.error(&format!("inappropriate subject name: {name}"));
    Stop(1)
}

/// What a reply says, as it stands in a line behind the address: ` host.example.; seq=1;`.
pub fn line(message: &[u8], sequence: u64) -> String {
    let Ok(Message::NodeReply(reply)) = Message::parse(Family::V6, message) else {
        return format!(" parse error (too short); seq={sequence};");
    };
    format!("{}; seq={sequence};", answer(&reply))
}

fn answer(reply: &Reply<'_>) -> String {
    match (reply.result, reply.question) {
        (0, node::question::NAME) if reply.answer.len() < 4 => " parse error (too short)".into(),
        (0, node::question::NAME) => list(reply.names().map(|name| name_text(&name))),
        (0, node::question::IPV6_ADDRESSES | node::question::IPV4_ADDRESSES) => {
            let mut text = list(reply.addresses().map(|(_, address)| address.to_string()));
            if reply.flags & FLAG_TRUNCATED != 0 {
                text.push_str(" (truncated)");
            }
            text
        }
        (0, node::question::NOOP) => String::new(),
        (0, question) => format!(" unknown qtype(0x{question:02x})"),
        (1, _) => " refused".to_owned(),
        (2, _) => " unknown".to_owned(),
        (code, _) => format!(" unknown code({code:02x})"),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| format!(" {item}")).collect();
    items.join(",")
}

/// A name, safe for a terminal: what is not printable ASCII as an octal number.
fn name_text(name: &Name<'_>) -> String {
    let labels: Vec<String> =
        name.map(|label| label.iter().map(|byte| shown(*byte)).collect()).collect();
    let end = if name.is_qualified { "." } else { "" };
    format!("{}{end}", labels.join("."))
}

fn shown(byte: u8) -> String {
    match byte {
        b'\\' | b'.' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(arguments: &[&str]) -> (Result<(), Stop>, Query, String) {
        let mut console = Console::keeping("ping");
        let mut query = Query::default();
        let result = arguments.iter().try_for_each(|text| query.take(text, &mut console));
        (result, query, console.kept().0)
    }

    #[test]
    fn questions_and_subjects() {
        let (result, query, _) = taken(&["ipv6-all", "ipv6-global", "subject-name=Host"]);
        assert_eq!(result, Ok(()));
        let kind = query.kind("2001:db8::1".parse().expect("an address"), 1).expect("asked");
        assert_eq!((kind.question, kind.flags, kind.subject_kind), (3, 0x22, 1));
        assert_eq!(kind.subject, b"\x04host\0\0");
        let (_, query, _) = taken(&["name"]);
        let kind = query.kind("2001:db8::1".parse().expect("an address"), 1).expect("asked");
        assert_eq!((kind.subject_kind, kind.subject.len()), (0, 16));
        let (_, query, _) = taken(&["subject-fqdn=a.b"]);
        assert!(!query.is_asked());
    }

    #[test]
    fn contradictions_and_nonsense() {
        let (result, _, printed) = taken(&["name", "ipv4"]);
        assert_eq!((result, printed.as_str()), (Err(Stop(2)), "Qtype conflict\n"));
        assert_eq!(taken(&["help"]).0, Err(Stop(0)));
        for wrong in ["", "nosuch", "subject-name", "=x"] {
            assert_eq!(taken(&[wrong]).0, Err(Stop(2)), "{wrong}");
        }
        for wrong in
            ["subject-name=", "subject-name=a..b", &format!("subject-name={}b", "a.".repeat(200))]
        {
            assert_eq!(taken(&[wrong]).0, Err(Stop(1)), "{wrong}");
        }
    }

    #[test]
    fn answers_are_printed_and_made_safe() {
        let reply = |code: u8, question: u8, answer: &[u8]| {
            let head = [140, code, 0, 0, 0, question, 0, 0, 0, 7, 0, 1, 0, 0, 0, 0];
            line(&[&head[..], answer].concat(), 1)
        };
        assert_eq!(reply(0, 2, b"\0\0\0\0\x04host\x01\x1b\0"), r" host.\033.; seq=1;");
        assert_eq!(reply(0, 2, b"\0\0\0\0\x04host\0\0"), " host; seq=1;");
        assert_eq!(reply(0, 4, &[0, 0, 0, 9, 192, 0, 2, 1]), " 192.0.2.1; seq=1;");
        assert_eq!(reply(1, 2, b""), " refused; seq=1;");
        assert_eq!(reply(7, 2, b""), " unknown code(07); seq=1;");
        assert_eq!(line(&[140, 0], 1), " parse error (too short); seq=1;");
    }
}
