//! Who is who on a road: names, and autonomous systems.

use super::names::Names;
use super::systems::Systems;
use crate::print::trace::{Book, System};
use probe::Time;
use std::net::IpAddr;

/// What is known of addresses, as far as it is by now.
pub struct Directory {
    /// Names.
    pub names: Names,
    /// Autonomous systems.
    pub systems: Systems,
}

impl Directory {
    /// Nothing is known, and nobody is asked.
    pub fn closed() -> Directory {
        Directory { names: Names::none(), systems: Systems::default() }
    }

    /// Asks after an address, once.
    pub fn want(&mut self, address: IpAddr, now: Time) {
        self.names.want(address, now);
        self.systems.want(address, now);
    }

    /// Takes in what has been found out. Whether there was anything.
    pub fn learn(&mut self) -> bool {
        // Both, whatever comes of the first.
        self.names.learn() | self.systems.asked.learn()
    }

    /// Whether a line that shows this address should wait.
    pub fn is_awaited(&self, address: IpAddr, now: Time) -> bool {
        self.names.is_awaited(address, now) || self.systems.asked.is_awaited(address, now)
    }

    /// Waits for the next thing to be found out, a short while at most.
    pub fn wait(&mut self) {
        if self.names.is_pending() {
            self.names.wait();
        } else {
            self.systems.asked.wait();
        }
    }

    /// Waits for everything that was asked for, as long as a line would.
    pub fn settle(&mut self) {
        self.names.settle();
        self.systems.asked.settle();
    }
}

impl Book for Directory {
    fn name(&self, address: IpAddr) -> Option<&str> {
        self.names.of(address).map(String::as_str)
    }

    fn system(&self, address: IpAddr) -> Option<System> {
        self.systems.of(address)
    }
}
