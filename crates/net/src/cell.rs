//! A command in a network of its own: namespaces that hold nothing but a TUN device, whose other
//! end is ours. Ordinary users may, where the system lets them make namespaces of users.

use crate::sys;
use crate::tun::{Setup, Tun};
use crate::{Blame, Fault, rights};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};

/// The name of the device in the cell.
const DEVICE: &str = "lab0";

/// A running command.
#[derive(Debug)]
pub struct Cell {
    child: Child,
    ended: OwnedFd,
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
    /// there. `hosts` is its /etc/hosts. This process must have
    /// one thread. The command ends when this process does, however that ends.
    ///
    /// # Errors
    /// If the namespaces cannot be made, or the command not be run.
    pub fn start(
        command: &[OsString],
        setup: &Setup,
        hosts: Option<String>,
    ) -> Result<(Cell, Tun), Fault> {
        let Some((program, arguments)) = command.split_first() else {
            let error = io::Error::from(io::ErrorKind::InvalidInput);
            return Err(rights::host("run nothing", error).blaming(Blame::Usage));
        };
        let pair = UnixStream::pair().map_err(|error| rights::host("make a socket pair", error));
        let (ours, theirs) = pair?;
        let mut child = Command::new(program);
        child.args(arguments);
        sys::isolate(&mut child, setup.clone(), hosts, DEVICE.to_owned(), theirs);
        let spawned = child.spawn();
        // The other end is the command's; with it goes ours.
        drop(child);
        let said = sys::receive_device(&ours);
        let mut child = match (spawned, said) {
            (Ok(child), Ok(Some((0, Some(device))))) => {
                let ended = sys::watch_process(child.id())
                    .map_err(|error| rights::host("watch the command", error))?;
                let tun = Tun::adopt(device, DEVICE.to_owned(), setup.is_fast);
                return Ok((Cell { child, ended }, tun));
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

    pub(crate) fn ended_fd(&self) -> i32 {
        self.ended.as_raw_fd()
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
