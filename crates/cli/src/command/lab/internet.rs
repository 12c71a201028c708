//! A lab as the network between devices.

use crate::capture;
use crate::failure::Failure;
use lab::{NodeId, World};
use net::live::Internet;
use probe::Time;
use std::io::Write;
use std::time::Duration;

/// A world, and the nodes whose places are taken, by device.
pub struct Inside {
    pub world: World,
    pub nodes: Vec<NodeId>,
    /// When captures were last written.
    written: Time,
    captured: capture::Outcome,
    /// Whether it was told that they cannot be written.
    is_told: bool,
}

/// Captures are written at least so often, for who looks on.
const WRITES: Duration = Duration::from_secs(1);

impl Inside {
    pub fn new(world: World, nodes: Vec<NodeId>, captured: capture::Outcome) -> Inside {
        Inside { world, nodes, written: Time::ZERO, captured, is_told: false }
    }

    /// Ends the captures.
    ///
    /// # Errors
    /// If they could not be written.
    pub fn close(&mut self) -> Result<(), Failure> {
        self.world.close_captures();
        if self.is_told { Ok(()) } else { self.captured.told() }
    }
}

impl Internet for Inside {
    fn receive(&mut self, now: Time, device: usize, packet: &[u8]) {
        self.world.inject(now, self.nodes[device], packet);
    }

    fn advance(&mut self, now: Time) {
        self.world.advance(now);
    }

    fn due(&self) -> Time {
        self.world.next_event()
    }

    fn idle(&mut self, now: Time) {
        if now.since(self.written) >= WRITES {
            self.written = now;
            self.world.flush_captures();
            if let (Err(failure), false) = (self.captured.told(), self.is_told) {
                self.is_told = true;
                // Nobody is left to tell if this fails. What runs inside goes on.
                let _ = writeln!(std::io::stderr(), "{failure}");
            }
        }
    }

    fn take(&mut self, packet: &mut Vec<u8>) -> Option<usize> {
        let (node, bytes) = self.world.take_outgoing()?;
        *packet = bytes;
        self.nodes.iter().position(|attached| *attached == node)
    }
}
