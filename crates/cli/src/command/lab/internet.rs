//! A lab as the network between devices.

use super::tracked::Tracked;
use crate::capture;
use crate::failure::Failure;
use lab::{NodeId, World};
use net::live::Internet;
use net::tun::Frame;
use probe::Time;
use std::io::Write;
use std::time::Duration;
use wire::offload::Shape;

/// A world, and the nodes whose places are taken, by device.
pub struct Inside {
    pub world: World,
    pub nodes: Vec<NodeId>,
    pub tracked: Tracked,
    /// When captures were last written.
    written: Time,
    captured: capture::Outcome,
    /// Whether it was told that they cannot be written.
    is_told: bool,
}

impl Internet for Inside {
    fn receive(&mut self, now: Time, device: usize, frame: &mut Frame) -> Option<usize> {
        let (packet, shape) = frame.take();
        self.world.inject(now, self.nodes[device], packet, shape);
        None
    }

    fn advance(&mut self, now: Time) {
        self.world.advance(now);
    }

    fn due(&self) -> Time {
        self.world.next_event()
    }

    fn idle(&mut self, now: Time) {
        self.tracked.news(&mut self.world, now);
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

    fn take(&mut self, packet: &mut Vec<u8>) -> Option<(usize, Shape)> {
        let (node, bytes, shape) = self.world.take_outgoing()?;
        *packet = bytes;
        let device = self.nodes.iter().position(|attached| *attached == node)?;
        Some((device, shape))
    }

    fn show(&mut self, now: Time) {
        self.tracked.show(&mut self.world, now);
    }
}

/// Captures are written at least so often, for who looks on.
const WRITES: Duration = Duration::from_secs(1);

impl Inside {
    pub fn new(
        world: World,
        nodes: Vec<NodeId>,
        tracked: Tracked,
        captured: capture::Outcome,
    ) -> Inside {
        Inside { world, nodes, tracked, written: Time::ZERO, captured, is_told: false }
    }

    /// Writes what is due at the end.
    ///
    /// # Errors
    /// If captures could not be written, and nobody was told yet.
    pub fn end(&mut self) -> Result<(), Failure> {
        let now = self.world.now();
        self.tracked.end(&mut self.world, now);
        self.world.close_captures();
        if self.is_told { Ok(()) } else { self.captured.told() }
    }
}
