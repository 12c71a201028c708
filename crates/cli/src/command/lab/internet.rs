//! A lab as the network between devices.

use super::tracked::Tracked;
use lab::{NodeId, World};
use net::live::Internet;
use net::tun::Shape;
use probe::Time;

/// A world, and the nodes whose places are taken, by device.
pub struct Inside {
    pub world: World,
    pub nodes: Vec<NodeId>,
    pub tracked: Tracked,
}

impl Internet for Inside {
    fn receive(&mut self, now: Time, device: usize, packet: &mut [u8], _: Shape) -> Option<usize> {
        self.world.inject(now, self.nodes[device], packet);
        None
    }

    fn advance(&mut self, now: Time) {
        self.world.advance(now);
    }

    fn due(&self) -> Time {
        self.world.next_event()
    }

    fn take(&mut self, packet: &mut Vec<u8>) -> Option<usize> {
        let (node, bytes) = self.world.take_outgoing()?;
        *packet = bytes;
        self.nodes.iter().position(|attached| *attached == node)
    }

    fn show(&mut self, now: Time) {
        self.tracked.show(&mut self.world, now);
    }

    fn idle(&mut self, now: Time) {
        self.tracked.news(&mut self.world, now);
    }
}

impl Inside {
    /// Writes what is due at the end.
    pub fn end(&mut self) {
        let now = self.world.now();
        self.tracked.end(&mut self.world, now);
    }
}
