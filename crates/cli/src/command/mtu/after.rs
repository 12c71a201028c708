//! Measuring roads once another command has shown them. Opening sockets gives up the rights of its
//! thread, so these are opened on one of their own before the other command opens its, and wait.

use super::options::Options;
use super::ways::Ways;
use crate::args::Common;
use crate::failure::{Exit, Failure};
use crate::spec::{List, Rules};
use std::net::IpAddr;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use wire::Family;

/// Sockets that wait for the addresses to measure to.
pub struct After {
    targets: Sender<Vec<IpAddr>>,
    measuring: JoinHandle<Result<Exit, Failure>>,
}

impl After {
    /// Opens the sockets.
    ///
    /// # Errors
    /// If there are none to be had.
    pub fn open(families: &[Family], options: Options, common: &Common) -> Result<After, Failure> {
        let (targets, waiting) = channel::<Vec<IpAddr>>();
        let (open, opened) = channel();
        let (families, common) = (families.to_vec(), common.clone());
        let measuring = thread::spawn(move || {
            let ways = match Ways::open(&families, &options, &common) {
                Ok(ways) => ways,
                // Whoever waits for it takes it; nobody asks this thread for its result then.
                Err(failure) => {
                    let _ = open.send(Err(failure));
                    return Ok(Exit::Failed);
                }
            };
            let _ = open.send(Ok(()));
            let Ok(addresses) = waiting.recv() else { return Ok(Exit::Failed) };
            let mut list = List::new(Rules::default());
            addresses.iter().try_for_each(|address| list.argument(&address.to_string()))?;
            super::go(ways, super::asked(list, Vec::new(), &options)?, &options, &common)
        });
        opened.recv().expect("the thread says whether it opened")?;
        Ok(After { targets, measuring })
    }

    /// Measures to these addresses, and shows what came of it.
    ///
    /// # Errors
    /// If the operating system fails.
    pub fn measure(self, addresses: Vec<IpAddr>) -> Result<Exit, Failure> {
        let _ = self.targets.send(addresses);
        self.measuring.join().expect("a thread that panics ends the program")
    }
}
