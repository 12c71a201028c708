//! AS numbers by Team Cymru's DNS: which system announces the prefix of an address, and what it is
//! called. Addresses that routing tables do not tell apart are asked for once.

use crate::command::trace::inquiry::Desk;
use crate::print::trace::System;
use crate::resolve;
use net::dns::{Client, Servers, Unanswered};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;
use wire::dns::{Content, Message, backwards, kind};
use wire::prefix::Prefix;

/// While answers are awaited, new questions wait so long at most.
const TICK: Duration = Duration::from_millis(20);

/// No prefix has more origins that are shown.
const ORIGINS_MAX: usize = 8;

/// Who announces a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    prefix: Prefix,
    /// At least one.
    numbers: Vec<u32>,
}

/// What is known of something, or who waits for it.
enum Entry<T, W> {
    Known(Option<T>),
    Asked(Vec<W>),
}

/// What a question is about.
enum About {
    /// Who announces the prefix that this address is in; the answer is kept for a whole prefix.
    Origin(IpAddr, Prefix),
    /// What the system of this number is called.
    Name(u32),
}

/// Asks, and keeps what it is told.
struct Registry<W> {
    client: Client,
    origins: HashMap<Prefix, Entry<Origin, IpAddr>>,
    names: HashMap<u32, Entry<String, (IpAddr, Origin)>>,
    asked: HashMap<u64, About>,
    answers: mpsc::Sender<(IpAddr, Option<System>)>,
    wake: W,
    trouble: Arc<OnceLock<String>>,
}

/// Starts the thread that asks. It calls `wake` after each answer, says in `trouble` what went
/// wrong first, and ends with the desk.
pub fn start(
    servers: Servers,
    trouble: Arc<OnceLock<String>>,
    wake: impl Fn() + Send + 'static,
) -> Desk<System> {
    let (questions, asked) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    thread::spawn(move || {
        let mut registry = Registry {
            client: Client::new(servers),
            origins: HashMap::new(),
            names: HashMap::new(),
            asked: HashMap::new(),
            answers: answer,
            wake,
            trouble,
        };
        registry.serve(&asked);
    });
    Desk { questions, answers }
}

impl<W: Fn()> Registry<W> {
    fn serve(&mut self, questions: &mpsc::Receiver<IpAddr>) {
        loop {
            if !self.client.is_busy() {
                let Ok(address) = questions.recv() else { return };
                self.want(address, Prefix::routable(address));
            }
            while let Ok(address) = questions.try_recv() {
                self.want(address, Prefix::routable(address));
            }
            for (number, outcome) in self.client.wait(TICK) {
                self.take(number, outcome);
            }
        }
    }

    /// Finds out about an address, from what is known of the prefix if anything is.
    fn want(&mut self, address: IpAddr, within: Prefix) {
        match self.origins.get_mut(&within) {
            Some(Entry::Asked(waiting)) => waiting.push(address),
            Some(Entry::Known(None)) => self.tell(address, None),
            Some(Entry::Known(Some(origin))) if origin.prefix.contains(address) => {
                let origin = origin.clone();
                self.call(address, origin);
            }
            // The other was in a longer prefix than is usual: this one goes alone.
            Some(Entry::Known(Some(_))) => self.want(address, Prefix::of_one(address)),
            None => {
                self.origins.insert(within, Entry::Asked(vec![address]));
                let zone = if address.is_ipv4() { "origin" } else { "origin6" };
                let name = format!("{}.{zone}.asn.cymru.com", backwards(address));
                let number = self.client.ask(name, kind::TXT);
                self.asked.insert(number, About::Origin(address, within));
            }
        }
    }

    /// Finds out what the system is called.
    fn call(&mut self, address: IpAddr, origin: Origin) {
        let first = origin.numbers[0];
        match self.names.get_mut(&first) {
            Some(Entry::Asked(waiting)) => waiting.push((address, origin)),
            Some(Entry::Known(name)) => {
                let name = name.clone();
                self.tell(address, Some(system(&origin, name)));
            }
            None => {
                self.names.insert(first, Entry::Asked(vec![(address, origin)]));
                let number = self.client.ask(format!("AS{first}.asn.cymru.com"), kind::TXT);
                self.asked.insert(number, About::Name(first));
            }
        }
    }

    fn tell(&self, address: IpAddr, system: Option<System>) {
        // If nobody wants to know any more, the questions end too.
        let _ = self.answers.send((address, system));
        (self.wake)();
    }

    fn take(&mut self, number: u64, outcome: Result<Vec<u8>, Unanswered>) {
        let texts = match outcome {
            Ok(answer) => texts(&answer),
            Err(unanswered) => {
                self.trouble.get_or_init(|| unanswered.to_string());
                Vec::new()
            }
        };
        match self.asked.remove(&number) {
            Some(About::Origin(address, within)) => {
                let origin = Entry::Known(origin(address, &texts));
                let before = self.origins.insert(within, origin);
                let Some(Entry::Asked(waiting)) = before else { return };
                waiting.into_iter().for_each(|address| self.want(address, within));
            }
            Some(About::Name(of)) => {
                let name = texts.iter().find_map(|text| name(of, text));
                let before = self.names.insert(of, Entry::Known(name.clone()));
                let Some(Entry::Asked(waiting)) = before else { return };
                for (address, origin) in waiting {
                    self.tell(address, Some(system(&origin, name.clone())));
                }
            }
            None => {}
        }
    }
}

fn system(origin: &Origin, name: Option<String>) -> System {
    let (first, others) = origin.numbers.split_first().expect("an origin has a number");
    System { number: *first, others: others.to_vec(), name }
}

/// The texts in an answer, each put together.
fn texts(answer: &[u8]) -> Vec<String> {
    let Ok(message) = Message::parse(answer) else { return Vec::new() };
    let records = message.answers().map_while(Result::ok);
    let texts = records.filter_map(|record| match record.content {
        Content::Text(text) => {
            let bytes: Vec<u8> = text.strings().flatten().copied().collect();
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    });
    texts.collect()
}

/// Who announces the longest prefix with an address, of several texts as
/// `64500 64501 | 192.0.2.0/24 | US | arin | 2001-02-03`.
fn origin(of: IpAddr, texts: &[String]) -> Option<Origin> {
    let mut longest: Option<Origin> = None;
    for text in texts {
        let mut fields = text.split('|').map(str::trim);
        let numbers = fields.next().unwrap_or_default().split_whitespace();
        let numbers = numbers.filter_map(|it| it.parse().ok()).filter(|number| *number != 0);
        let Some(prefix) = fields.next().and_then(|it| it.parse::<Prefix>().ok()) else { continue };
        if !prefix.contains(of) {
            continue;
        }
        let bits = longest.as_ref().map(|origin| origin.prefix.length());
        if bits.is_some_and(|bits| bits > prefix.length()) {
            continue;
        }
        let origin = match &mut longest {
            Some(origin) if origin.prefix == prefix => origin,
            shorter => shorter.insert(Origin { prefix, numbers: Vec::new() }),
        };
        for number in numbers {
            if !origin.numbers.contains(&number) && origin.numbers.len() < ORIGINS_MAX {
                origin.numbers.push(number);
            }
        }
    }
    longest.filter(|origin| !origin.numbers.is_empty())
}

/// What a system is called, in a text as `64500 | US | arin | 2001-02-03 | EXAMPLE - Example Net`;
/// safe for a terminal.
fn name(of: u32, text: &str) -> Option<String> {
    let fields: Vec<&str> = text.splitn(5, '|').map(str::trim).collect();
    let [number, _, _, _, name] = fields[..] else { return None };
    (number.parse() == Ok(of) && !name.is_empty()).then(|| resolve::shown(name))
}

#[cfg(test)]
mod tests;
