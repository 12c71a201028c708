//! A thread that keeps the rights which the others give up, to do the file work that the user asked
//! for in person.
//!
//! Opening the network drops every capability of the thread that does it, so that nothing which a
//! packet could bring about has any. A superuser has then lost the right to write into other
//! people's directories, too, which is not what they expect of `--ok ~someone/alive.txt`. Only
//! paths from the command line come here. A set-user-id program has laid its owner's rights aside
//! before it reads or writes any file, and needs no clerk.

use std::sync::mpsc::{self, Sender};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// A handle to the thread; it ends when all handles are gone.
#[derive(Clone, Debug)]
pub struct Clerk(Option<Sender<Job>>);

impl Clerk {
    /// Starts the thread if there will be work and this process has rights to lose; else everything
    /// is done in place.
    pub fn start(has_work: bool) -> Clerk {
        if !has_work || !net::is_superuser() {
            return Clerk::in_place();
        }
        let (sender, jobs) = mpsc::channel::<Job>();
        let clerk = thread::Builder::new().name("clerk".into()).spawn(move || {
            for job in jobs {
                job();
            }
        });
        // Without a thread, the work goes as far as the rights that are left.
        Clerk(clerk.is_ok().then_some(sender))
    }

    /// One that does everything in the thread that asks.
    pub fn in_place() -> Clerk {
        Clerk(None)
    }

    /// Does something and waits for its result.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let Some(sender) = &self.0 else { return work() };
        let (done, result) = mpsc::channel();
        let job = move || {
            // Whoever asked is waiting below.
            let _ = done.send(work());
        };
        sender.send(Box::new(job)).expect("the clerk serves as long as there is a handle");
        result.recv().expect("the clerk's work does not panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_elsewhere_in_order_and_its_result_comes_back() {
        let (sender, jobs) = mpsc::channel::<Job>();
        let clerk = Clerk(Some(sender));
        let thread = thread::spawn(move || jobs.into_iter().for_each(|job| job()));
        let here = thread::current().id();
        assert_ne!(clerk.run(move || thread::current().id()), here);
        assert_eq!(clerk.clone().run(|| 7), 7);
        assert_eq!(Clerk::in_place().run(move || thread::current().id()), here);
        drop(clerk);
        thread.join().expect("it ends with its last handle");
    }
}
