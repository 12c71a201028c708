//! Who looks into the labs that a command runs through: before anything happens there, and after.

use crate::failure::Failure;
use lab::World;
use std::cell::RefCell;

/// Looks into a world that is not its own.
pub trait Witness {
    /// Before a run.
    ///
    /// # Errors
    /// If the world is not what it should be; the run does not begin.
    fn before(&mut self, world: &mut World) -> Result<(), Failure>;

    /// After it.
    fn after(&mut self, world: &mut World);
}

thread_local! {
    static WITNESS: RefCell<Option<Box<dyn Witness>>> = const { RefCell::new(None) };
}

/// Does something whose runs a witness sees.
pub fn seen_by<R>(witness: Box<dyn Witness>, act: impl FnOnce() -> R) -> R {
    WITNESS.set(Some(witness));
    let result = act();
    WITNESS.set(None);
    result
}

pub(super) fn before(world: &mut World) -> Result<(), Failure> {
    WITNESS.with_borrow_mut(|witness| match witness {
        Some(witness) => witness.before(world),
        None => Ok(()),
    })
}

pub(super) fn after(world: &mut World) {
    WITNESS.with_borrow_mut(|witness| {
        if let Some(witness) = witness {
            witness.after(world);
        }
    });
}
