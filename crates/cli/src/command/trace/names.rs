//! The names of routers.

use super::inquiry::{Desk, Inquiry};
use crate::resolve;
use crate::road::Road;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// How long a line waits for a name.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many names are asked for at one time.
const THREADS: usize = 8;

/// Names by address; safe for a terminal.
pub type Names = Inquiry<String>;

impl Names {
    /// Starts to ask the resolver, or takes the names of a lab, where all are known.
    pub fn start(road: &Road) -> Names {
        if let Some(names) = road.lab_names() {
            return Names::closed(names);
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
        Names::open(Desk { questions, answers }, PATIENCE, Some(waker))
    }
}
