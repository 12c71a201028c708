//! The names of addresses that answer, found out on a thread of their own while the run goes on.

use crate::resolve;
use crate::road::Road;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The most addresses that are asked after: a stranger may answer from any number of them.
const MOST: usize = 65_536;

/// How long the end of a run waits for one more name.
const LAST_WAIT: Duration = Duration::from_millis(1_500);

/// Names by address. Those that are not known yet come later; nothing waits for them but the end.
pub struct Names {
    known: HashMap<IpAddr, Option<String>>,
    /// Nobody to ask in a lab, where all names are known.
    questions: Option<mpsc::Sender<IpAddr>>,
    answers: mpsc::Receiver<(IpAddr, Option<String>)>,
    pending: usize,
}

impl Names {
    /// Starts the thread, or takes the names of a lab.
    pub fn start(road: &Road) -> Names {
        let (questions, asked) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        if let Some(names) = road.lab_names() {
            let known = names.map(|(address, name)| (address, Some(name))).collect();
            return Names { known, questions: None, answers, pending: 0 };
        }
        thread::spawn(move || {
            for address in asked {
                if answer.send((address, resolve::reverse_or_nearby(address))).is_err() {
                    return;
                }
            }
        });
        Names { known: HashMap::new(), questions: Some(questions), answers, pending: 0 }
    }

    /// The name of an address, escaped; `None` if it has none or is not known yet.
    pub fn of(&mut self, address: IpAddr) -> Option<&str> {
        while let Ok((address, name)) = self.answers.try_recv() {
            self.learn(address, name);
        }
        if !self.known.contains_key(&address) && self.known.len() < MOST {
            self.known.insert(address, None);
            let asked = self.questions.as_ref().is_some_and(|it| it.send(address).is_ok());
            self.pending += usize::from(asked);
        }
        self.known.get(&address)?.as_deref()
    }

    /// Waits for the names that are still being found out, a second and a half at most for each.
    pub fn finish(&mut self) {
        while self.pending > 0 {
            let Ok((address, name)) = self.answers.recv_timeout(LAST_WAIT) else { return };
            self.learn(address, name);
        }
    }

    fn learn(&mut self, address: IpAddr, name: Option<String>) {
        self.pending -= 1;
        self.known.insert(address, name);
    }
}
