//! The names of routers, found out on threads of their own while the run goes on. A line waits for
//! its names for a short while only.

use crate::resolve;
use crate::road::Road;
use probe::Time;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// How long a line waits for a name, from when the address was first seen.
const PATIENCE: Duration = Duration::from_millis(500);

/// While names are awaited, the run is woken so often in that time.
const TICKS: u32 = 10;

/// How many names are asked for at one time.
const THREADS: usize = 8;

/// The most addresses that are asked after: strangers may answer from any number of them.
const MOST: usize = 65_536;

/// Names by address.
pub struct Names {
    known: HashMap<IpAddr, Entry>,
    /// Nobody to ask in a lab, where all names are known, nor if no names are wanted.
    asking: Option<Asking>,
}

struct Asking {
    questions: mpsc::Sender<IpAddr>,
    answers: mpsc::Receiver<(IpAddr, Option<String>)>,
    alarms: mpsc::Sender<()>,
}

enum Entry {
    Name(Option<String>),
    /// Asked for, and waited for until then.
    Pending(Time),
}

impl Names {
    /// No names at all.
    pub fn none() -> Names {
        Names { known: HashMap::new(), asking: None }
    }

    /// Starts the threads, or takes the names of a lab.
    pub fn start(road: &Road) -> Names {
        if let Some(names) = road.lab_names() {
            let known = names.map(|(address, name)| (address, Entry::Name(Some(name)))).collect();
            return Names { known, asking: None };
        }
        let Some(waker) = road.waker() else { return Names::none() };
        let (questions, asked) = mpsc::channel::<IpAddr>();
        let (answer, answers) = mpsc::channel();
        let asked = Arc::new(Mutex::new(asked));
        for _ in 0..THREADS {
            let (asked, answer, waker) = (Arc::clone(&asked), answer.clone(), waker.clone());
            thread::spawn(move || {
                let next = || asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(address) = next() {
                    if answer.send((address, resolve::reverse(address))).is_err() {
                        return;
                    }
                    waker.wake();
                }
            });
        }
        let (alarms, set) = mpsc::channel();
        thread::spawn(move || {
            while set.recv().is_ok() {
                for _ in 0..=TICKS {
                    thread::park_timeout(PATIENCE / TICKS);
                    waker.wake();
                }
            }
        });
        let asking = Some(Asking { questions, answers, alarms });
        Names { known: HashMap::new(), asking }
    }

    /// Asks for the name of an address, once.
    pub fn want(&mut self, address: IpAddr, now: Time) {
        let Some(asking) = &self.asking else { return };
        if self.known.contains_key(&address) || self.known.len() >= MOST {
            return;
        }
        let is_asked = asking.questions.send(address).is_ok() && asking.alarms.send(()).is_ok();
        let entry = if is_asked { Entry::Pending(now + PATIENCE) } else { Entry::Name(None) };
        self.known.insert(address, entry);
    }

    /// Takes in what has been found out. Whether there was anything.
    pub fn learn(&mut self) -> bool {
        let Some(asking) = &self.asking else { return false };
        let mut has_learnt = false;
        while let Ok((address, name)) = asking.answers.try_recv() {
            self.known.insert(address, Entry::Name(name));
            has_learnt = true;
        }
        has_learnt
    }

    /// Whether a line that shows this address should wait.
    pub fn is_awaited(&self, address: IpAddr, now: Time) -> bool {
        match self.known.get(&address) {
            Some(Entry::Pending(until)) => *until > now,
            _ => false,
        }
    }

    /// Waits for the next name, a tick at most.
    pub fn wait(&mut self) {
        let Some(asking) = &self.asking else { return };
        if let Ok((address, name)) = asking.answers.recv_timeout(PATIENCE / TICKS) {
            self.known.insert(address, Entry::Name(name));
        }
    }

    /// The name of an address, escaped; `None` if it has none or is not known yet.
    pub fn of(&self, address: IpAddr) -> Option<&str> {
        match self.known.get(&address)? {
            Entry::Name(name) => name.as_deref(),
            Entry::Pending(_) => None,
        }
    }
}
