//! A command in a network of its own: namespaces that hold nothing but a TUN device, whose other
//! end is ours. Ordinary users may, where the system lets them make namespaces of users.

use crate::sys::{self, Outfit, Signals, Watch, owns_terminal};
use crate::tun::{Setup, Tun};
use crate::{Blame, Fault, rights};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};

/// The name of the device in the cell.
const DEVICE: &str = "lab0";

/// A running command.
pub struct Cell {
    child: Child,
    ended: OwnedFd,
    /// From before the command began, so that each signal is passed on to it.
    _signals: Signals,
    /// To the first process in there, if the command has the terminal to itself.
    terminal: Option<UnixStream>,
}

/// What a new process may fail at, as it tells its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Step {
    /// Making the namespaces.
    Namespaces = 1,
    /// Becoming the superuser in them.
    Users,
    /// Making the device.
    Device,
    /// Setting up the network.
    Network,
    /// Mounting what belongs to them.
    Mounts,
}

impl Cell {
    /// Starts a command in a network of its own; with it comes the device whose other end is in
    /// there. `files` stand in the place of the machine's, where it has such: paths, and what is
    /// in them. This process must have one thread. The command ends when this process does, however
    /// that ends.
    ///
    /// Where this process has a terminal to itself, the command has it until it ends or stops: what
    /// is typed there reaches the command alone.
    ///
    /// # Errors
    /// If the namespaces cannot be made, or the command not be run.
    pub fn start(
        command: &[OsString],
        setup: &Setup,
        files: Vec<(&'static str, String)>,
    ) -> Result<(Cell, Tun), Fault> {
        let Some((program, arguments)) = command.split_first() else {
            let error = io::Error::from(io::ErrorKind::InvalidInput);
            return Err(rights::host("run nothing", error).blaming(Blame::Usage));
        };
        let pair = UnixStream::pair().map_err(|error| rights::host("make a socket pair", error));
        let (ours, theirs) = pair?;
        let mut child = Command::new(program);
        child.args(arguments);
        let signals =
            Signals::install().map_err(|error| rights::host("listen for signals", error))?;
        let (setup, device, has_terminal) = (setup.clone(), DEVICE.to_owned(), owns_terminal());
        let is_fast = setup.is_fast;
        sys::isolate(&mut child, Outfit { setup, device, files, has_terminal }, theirs);
        let spawned = child.spawn();
        // The other end is the command's; with it goes ours.
        drop(child);
        if spawned.is_err() && has_terminal {
            sys::take_terminal_back();
        }
        let said = sys::receive_device(&ours);
        let mut child = match (spawned, said) {
            (Ok(child), Ok(Some((0, Some((device, kernel)))))) => {
                let ended = sys::watch_process(child.id())
                    .map_err(|error| rights::host("watch the command", error))?;
                ours.set_nonblocking(true)
                    .map_err(|error| rights::host("watch the command", error))?;
                let tun = Tun::adopt(device, kernel, DEVICE.to_owned(), is_fast);
                let terminal = has_terminal.then_some(ours);
                return Ok((Cell { child, ended, _signals: signals, terminal }, tun));
            }
            (Err(error), Ok(Some((step, _)))) if step != 0 => return Err(step_fault(step, error)),
            (Err(error), _) => return Err(command_fault(program, error)),
            (Ok(child), _) => child,
        };
        let _ = child.wait();
        let error = io::Error::from(io::ErrorKind::UnexpectedEof);
        Err(rights::host("reach the new network", error))
    }

    /// How the command ended, once it has: its exit code, or 128 and the number of the signal.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn ended(&mut self) -> io::Result<Option<i32>> {
        let status = self.child.try_wait()?;
        Ok(status.map(|status| status.code().unwrap_or(255)))
    }

    /// Asks the command to end.
    pub fn ask_to_end(&self) {
        sys::ask_to_end(self.child.id());
    }

    /// If the command has stopped, stops this process too, until somebody continues it; then the
    /// command goes on.
    pub(crate) fn follow(&mut self) {
        let Some(first) = &mut self.terminal else { return };
        let mut said = [0];
        if !first.read(&mut said).is_ok_and(|count| count == 1) || said != [sys::STOPPED] {
            return;
        }
        let word = if sys::stop() { sys::GO_ON_IN_FRONT } else { sys::GO_ON };
        // If nobody hears this, the command is gone.
        let _ = first.write_all(&[word]);
    }

    /// What becomes readable when the command has ended, or may have stopped.
    pub(crate) fn watches(&self) -> Vec<Watch> {
        let terminal = self.terminal.iter().map(AsRawFd::as_raw_fd);
        terminal.chain([self.ended.as_raw_fd()]).map(Watch::readable).collect()
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        if self.terminal.is_some() {
            sys::take_terminal_back();
        }
    }
}

fn step_fault(step: u8, error: io::Error) -> Fault {
    let is = |it: Step| step == it as u8;
    if is(Step::Namespaces) || is(Step::Users) {
        let hint = "as an ordinary user it takes namespaces of users: \
                    sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu \
                    kernel.apparmor_restrict_unprivileged_userns=0; or run it as root";
        let fault = rights::host("make namespaces for the command", error);
        return Fault { hint: Some(hint.to_owned()), ..fault }.blaming(Blame::Rights);
    }
    if is(Step::Device) {
        let hint = "/dev/net/tun must be there (modprobe tun) and open to this user \
                    (chmod 666 /dev/net/tun, as most systems have it); or run it as root";
        let fault = rights::host("make a TUN device for the command", error);
        return Fault { hint: Some(hint.to_owned()), ..fault }.blaming(Blame::Rights);
    }
    let doing = match step {
        _ if is(Step::Network) => "set up the command's network",
        _ => "mount the command's files",
    };
    rights::host(doing, error)
}

fn command_fault(program: &OsString, error: io::Error) -> Fault {
    let doing = format!("run {}", program.to_string_lossy());
    rights::host(&doing, error).blaming(Blame::Usage)
}
