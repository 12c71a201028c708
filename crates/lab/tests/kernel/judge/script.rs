//! Scripts: a node, what is done to it line by line, and what it answers. Their README tells how
//! they are written.

use super::notation;
use std::net::IpAddr;
use std::time::Duration;

/// One of the node's wires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wire {
    Left,
    Right,
}

impl Wire {
    pub fn name(self) -> &'static str {
        match self {
            Wire::Left => "left",
            Wire::Right => "right",
        }
    }

    fn parse(word: &str) -> Wire {
        match word {
            "left" => Wire::Left,
            "right" => Wire::Right,
            other => panic!("no wire: {other}"),
        }
    }
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Act {
    Packet {
        wire: Wire,
        is_to_many: bool,
        bytes: Vec<u8>,
    },
    Wait {
        lab: Duration,
        real: Duration,
    },
    Open {
        to: (IpAddr, u16),
        is_connected: bool,
    },
    Send {
        socket: usize,
        bytes: usize,
    },
    Receive {
        socket: usize,
    },
    /// The connections of a gateway, in a whole scenario.
    List,
}

/// What is done, where it stands, and what is to come of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// 1-based.
    pub line: usize,
    pub act: Act,
    /// What the kernel and the lab say, in the order in which they say it.
    pub kernel: Vec<String>,
    pub lab: Vec<String>,
}

/// A script.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub is_router: bool,
    pub sysctls: Vec<(String, String)>,
    pub lab: Vec<String>,
    pub links: Vec<(Wire, String)>,
    pub mtus: Vec<(Wire, u32)>,
    /// Prefixes, and `via ADDRESS` or how they are refused.
    pub routes: Vec<(String, String)>,
    pub peers: Vec<(Wire, [IpAddr; 2])>,
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Panics
    /// If a line is not understood, or lacks a reason for a difference.
    pub fn parse(text: &str) -> Script {
        let mut script = Script::default();
        let mut sockets: Vec<&str> = Vec::new();
        let mut is_explained = false;
        for (index, line) in text.lines().enumerate() {
            let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
            let expected = |text: &str| [mark(head), text].concat();
            match head {
                "" | "#" => {}
                "<" | "=" => {
                    let step = script.steps.last_mut().expect("behind a step");
                    step.kernel.push(expected(rest));
                    step.lab.push(expected(rest));
                }
                "kernel<" | "lab<" | "kernel=" | "lab=" => {
                    assert!(is_explained, "line {}: no comment above says why", index + 1);
                    let step = script.steps.last_mut().expect("behind a step");
                    let side =
                        if head.starts_with("lab") { &mut step.lab } else { &mut step.kernel };
                    side.extend((rest != "nothing").then(|| expected(rest)));
                }
                _ => script.order(index + 1, head, rest, &mut sockets),
            }
            is_explained = head == "#" || is_explained && head.ends_with(['<', '=']);
        }
        script
    }

    fn order<'a>(&mut self, line: usize, head: &str, rest: &'a str, sockets: &mut Vec<&'a str>) {
        let pair = || rest.split_once(' ').unwrap_or_else(|| panic!("line {line}: {rest}"));
        let owned = |(a, b): (&str, &str)| (a.to_string(), b.to_string());
        let act = match head {
            "node" => return self.is_router = rest == "router",
            "sysctl" => return self.sysctls.push(owned(pair())),
            "lab" => return self.lab.push(rest.to_string()),
            "link" => return self.links.push((Wire::parse(pair().0), pair().1.to_string())),
            "mtu" => {
                let mtu = pair().1.parse().expect("a number");
                return self.mtus.push((Wire::parse(pair().0), mtu));
            }
            "route" => return self.routes.push(owned(pair())),
            "peer" => {
                let (v4, v6) = pair().1.split_once(' ').expect("two addresses");
                let addresses = [v4, v6].map(notation::address);
                return self.peers.push((Wire::parse(pair().0), addresses));
            }
            ">" => {
                let (wire, text) = pair();
                let bytes = notation::packet(text);
                let is_to_many = wire.ends_with('!') || is_for_many(&bytes);
                let wire = Wire::parse(wire.trim_end_matches('!'));
                Act::Packet { wire, is_to_many, bytes }
            }
            "wait" => {
                let (lab, real) = pair();
                let real = real.trim_matches(['(', ')']);
                Act::Wait { lab: duration(lab), real: duration(real) }
            }
            "$" => call(rest, sockets),
            _ => panic!("line {line} is not understood: {head}"),
        };
        self.steps.push(Step { line, act, kernel: Vec::new(), lab: Vec::new() });
    }

    /// The text with what the kernel says instead of what it said before.
    pub fn with_answers(&self, text: &str, answers: &[Vec<String>]) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let mut written = String::new();
        let mut push = |line: &str| written += &format!("{line}\n");
        let first = self.steps.first().map_or(lines.len(), |step| step.line - 1);
        lines[..first].iter().for_each(|line| push(line));
        for (index, step) in self.steps.iter().enumerate() {
            let end = self.steps.get(index + 1).map_or(lines.len(), |next| next.line - 1);
            let (differs, mut answers) = (step.kernel != step.lab, Some(&answers[index]));
            push(lines[step.line - 1]);
            let is_comment = |line: &str| line.starts_with('#') || line.is_empty();
            let mut rest = lines[step.line..end].iter().peekable();
            if !differs {
                answers.take().into_iter().flatten().for_each(|answer| push(&full(answer, "")));
            }
            while let Some(line) = rest.next() {
                if is_comment(line) || line.starts_with("lab") {
                    push(line);
                }
                let follows = rest.peek().is_some_and(|next| next.starts_with("kernel"));
                if differs && is_comment(line) && follows {
                    let said = answers.take().expect("the differences stand together");
                    said.iter().for_each(|answer| push(&full(answer, "kernel")));
                    if said.is_empty() {
                        push("kernel< nothing");
                    }
                }
            }
            assert!(answers.is_none(), "line {}: `kernel<` comes first", step.line);
        }
        written
    }
}

/// What an expected line begins with inside: packets as they are, what calls say behind a sign.
fn mark(head: &str) -> &'static str {
    if head.ends_with('=') { "= " } else { "" }
}

fn full(answer: &str, side: &str) -> String {
    match answer.strip_prefix("= ") {
        Some(said) => format!("{side}= {said}"),
        None => format!("{side}< {answer}"),
    }
}

fn call<'a>(text: &'a str, sockets: &mut Vec<&'a str>) -> Act {
    let words: Vec<&str> = text.split(' ').collect();
    let socket = |name: &str| sockets.iter().position(|known| *known == name).expect("it is open");
    match words.as_slice() {
        ["open", name, to, port, how @ ..] => {
            sockets.push(name);
            let to = (notation::address(to), port.parse().expect("a port"));
            Act::Open { to, is_connected: how == ["connected"] }
        }
        ["send", name, bytes] => {
            Act::Send { socket: socket(name), bytes: bytes.parse().expect("a number") }
        }
        ["list"] => Act::List,
        ["recv", name] => Act::Receive { socket: socket(name) },
        _ => panic!("no call: {text}"),
    }
}

fn duration(text: &str) -> Duration {
    match text.strip_suffix("ms") {
        Some(count) => Duration::from_millis(count.parse().expect("a number")),
        None => Duration::from_secs(text.trim_end_matches('s').parse().expect("a number")),
    }
}

/// Whether a link brings it to all its ends by itself.
fn is_for_many(bytes: &[u8]) -> bool {
    match bytes[0] >> 4 {
        4 => bytes.get(16).is_some_and(|first| *first >= 224) || bytes.get(19) == Some(&255),
        _ => bytes.get(24) == Some(&0xff),
    }
}
