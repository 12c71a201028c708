//! What is known of the addresses that answer: names, and AS numbers where they are wanted. Found
//! out on threads of their own while the run goes on; a line waits for what it shows.

use super::registry::{self, Registry};
use crate::resolve;
use crate::road::Road;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

/// How many addresses are asked after at one time.
const THREADS: usize = 8;

/// The most addresses that are asked after: strangers may answer from any number of them.
const MOST: usize = 65_536;

/// What is shown of an address beside itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its name, escaped, if it has one.
    pub name: Option<String>,
    /// AS numbers, if wanted.
    pub origin: Option<String>,
}

/// Facts by address.
pub struct Names {
    /// Nothing while they are awaited.
    known: HashMap<IpAddr, Option<Facts>>,
    /// Nobody to ask if all is known.
    asking: Option<Asking>,
}

struct Asking {
    questions: mpsc::Sender<IpAddr>,
    answers: mpsc::Receiver<(IpAddr, Facts)>,
    pending: usize,
}

impl Names {
    /// Starts the threads, or takes the names of a lab.
    pub fn start(road: &Road, wants_names: bool, registry: Option<Registry>) -> Names {
        let nothing = || Names { known: HashMap::new(), asking: None };
        if let Some(names) = road.lab_names() {
            // A lab has no registry.
            let origin = registry.map(|_| registry::UNKNOWN.to_owned());
            let facts = |name| Facts { name: wants_names.then_some(name), origin: origin.clone() };
            let known = names.map(|(address, name)| (address, Some(facts(name)))).collect();
            return Names { known, asking: None };
        }
        let Some(waker) = road.waker() else { return nothing() };
        if !wants_names && registry.is_none() {
            return nothing();
        }
        let (questions, asked) = mpsc::channel::<IpAddr>();
        let (answer, answers) = mpsc::channel();
        let asked = Arc::new(Mutex::new(asked));
        for _ in 0..THREADS {
            let (asked, answer, waker) = (Arc::clone(&asked), answer.clone(), waker.clone());
            let registry = registry.clone();
            thread::spawn(move || {
                let next = || asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(address) = next() {
                    let name = wants_names.then(|| resolve::reverse(address)).flatten();
                    let origin = registry.as_ref().map(|registry| registry.look_up(address));
                    if answer.send((address, Facts { name, origin })).is_err() {
                        return;
                    }
                    waker.wake();
                }
            });
        }
        Names { known: HashMap::new(), asking: Some(Asking { questions, answers, pending: 0 }) }
    }

    /// Asks after an address, once.
    pub fn want(&mut self, address: IpAddr) {
        let Some(asking) = &mut self.asking else { return };
        if self.known.contains_key(&address) || self.known.len() >= MOST {
            return;
        }
        if asking.questions.send(address).is_ok() {
            asking.pending += 1;
            self.known.insert(address, None);
        }
    }

    /// Takes in what has been found out.
    pub fn learn(&mut self) {
        let Some(asking) = &mut self.asking else { return };
        while let Ok((address, facts)) = asking.answers.try_recv() {
            asking.pending -= 1;
            self.known.insert(address, Some(facts));
        }
    }

    /// Waits until there is something to learn; `false` if there will be nothing.
    pub fn wait(&mut self) -> bool {
        let Some(asking) = self.asking.as_mut().filter(|asking| asking.pending > 0) else {
            return false;
        };
        let Ok((address, facts)) = asking.answers.recv() else { return false };
        asking.pending -= 1;
        self.known.insert(address, Some(facts));
        true
    }

    /// Gives up what is still awaited.
    pub fn stop(&mut self) {
        self.asking = None;
        self.known.retain(|_, facts| facts.is_some());
    }

    /// Whether a line that shows an address has to wait.
    pub fn is_awaited(&self, address: IpAddr) -> bool {
        matches!(self.known.get(&address), Some(None))
    }

    /// What is known of an address.
    pub fn of(&self, address: IpAddr) -> Facts {
        self.known.get(&address).cloned().flatten().unwrap_or_default()
    }
}
