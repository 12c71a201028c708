//! A command in namespaces of its own (namespaces(7)): users, processes, mounts and network.
//!
//! Three processes: a keeper in our namespace of processes, below it the first process of the new
//! one, below that the command. Each dies with the one above, and with the first process of a
//! namespace of processes all that are in it, so that nothing outlives whoever holds the network.

use super::terminal::Terminal;
use super::{Netlink, Signals, TunDevice, check};
use crate::cell::Step;
use crate::rtnetlink;
use crate::tun::Setup;
use libc::{c_int, c_ulong, pid_t};
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};

/// The index of the loopback device in every network namespace.
const LOOPBACK: u32 = 1;

/// What a new network gets besides its command.
pub(crate) struct Outfit {
    /// The device, and its name.
    pub(crate) setup: Setup,
    pub(crate) device: String,
    /// Files that stand in the place of the machine's, and what is in them.
    pub(crate) files: Vec<(&'static str, String)>,
    /// Whether the command gets the terminal to itself.
    pub(crate) has_terminal: bool,
}

/// What the first process says when the command has stopped, and what it hears when it is to go on:
/// with the terminal, or without.
pub(crate) const STOPPED: u8 = b's';
pub(crate) const GO_ON_IN_FRONT: u8 = b'f';
pub(crate) const GO_ON: u8 = b'b';

/// Has a command start in namespaces of its own. What becomes of it is said through `to_parent`: a
/// byte for the step that failed, or 0 with the descriptors of its TUN device and of a socket that
/// asks about it; then, if the command has the terminal, what is to be said of that.
pub(crate) fn isolate(command: &mut Command, outfit: Outfit, to_parent: UnixStream) {
    let mut cell = Some((outfit, to_parent));
    let enter = move || {
        let (outfit, to_parent) = cell.take().expect("it starts once");
        match make(&outfit) {
            Ok((tun, kernel)) => {
                send_descriptors(&to_parent, [tun.fd(), kernel.fd()])?;
                drop((tun, kernel));
                descend(outfit.has_terminal.then_some(to_parent))
            }
            Err((step, error)) => {
                send_bytes(&to_parent, &[step as u8])?;
                Err(error)
            }
        }
    };
    // SAFETY: the process that forks has one thread, so that allocating and locking are allowed in
    // the new one.
    unsafe { command.pre_exec(enter) };
}

/// Makes the namespaces and what is in them.
fn make(outfit: &Outfit) -> Result<(TunDevice, Netlink), (Step, io::Error)> {
    let at = |step| move |error| (step, error);
    // SAFETY: none of these takes a pointer or can fail.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let mut kinds = libc::CLONE_NEWNET | libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    if user != 0 {
        kinds |= libc::CLONE_NEWUSER;
    }
    // SAFETY: takes no pointers.
    check(unsafe { libc::unshare(kinds) }).map_err(at(Step::Namespaces))?;
    if user != 0 {
        become_root(user, group).map_err(at(Step::Users))?;
    }
    let loopback = rtnetlink::raise(LOOPBACK, None, None);
    rtnetlink::request(&[loopback]).map_err(at(Step::Network))?;
    let Outfit { setup, device, files, .. } = outfit;
    let (tun, name) = TunDevice::make(device, setup.is_fast).map_err(at(Step::Device))?;
    setup.apply(&name).map_err(at(Step::Network))?;
    let kernel = Netlink::routes().map_err(at(Step::Network))?;
    mount(None, "/", None, libc::MS_REC | libc::MS_PRIVATE).map_err(at(Step::Mounts))?;
    // The devices of the new namespace; programs do without where this is forbidden.
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), 0);
    replace(files).map_err(at(Step::Mounts))?;
    Ok((tun, kernel))
}

/// Becomes the superuser of the new namespace of users, and nobody more than before outside.
fn become_root(user: u32, group: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

/// Puts files of our own in the place of others. They stand on a file system that only the mounts
/// keep alive, so that none is left behind. What is not there is missed by nobody.
fn replace(files: &[(&'static str, String)]) -> io::Result<()> {
    const ELSEWHERE: &str = "/tmp";
    mount(Some("tmpfs"), ELSEWHERE, Some("tmpfs"), 0)?;
    let bind = |(index, (place, text)): (usize, &(&str, String))| {
        let file = format!("{ELSEWHERE}/{index}");
        fs::write(&file, text)?;
        match mount(Some(&file), place, None, libc::MS_BIND) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    };
    let bound = files.iter().enumerate().try_for_each(bind);
    let path = CString::new(ELSEWHERE).expect("it has no zero byte");
    // SAFETY: the path ends with a zero byte.
    check(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) })?;
    bound
}

fn mount(source: Option<&str>, target: &str, kind: Option<&str>, flags: c_ulong) -> io::Result<()> {
    let text = |text: &str| CString::new(text).map_err(io::Error::from);
    let [source, kind] = [source, kind].map(|it| it.map(text).transpose());
    let (source, kind, target) = (source?, kind?, text(target)?);
    let pointer = |it: &Option<CString>| it.as_ref().map_or(std::ptr::null(), |it| it.as_ptr());
    let (from, what, nothing) = (pointer(&source), pointer(&kind), std::ptr::null());
    // SAFETY: the strings end with a zero byte and live through the call; no data are needed.
    check(unsafe { libc::mount(from, target.as_ptr(), what, flags, nothing) }).map(drop)
}

/// Whom a process of ours passes signals on to.
static WARD: AtomicI32 = AtomicI32::new(0);

/// Forks twice: the keeper and the first process stay behind and wait, the third returns. With
/// `to_parent` the command gets the terminal to itself.
fn descend(to_parent: Option<UnixStream>) -> io::Result<()> {
    die_with_parent()?;
    if let Some(first) = fork()? {
        wait_for(first, None);
    }
    die_with_parent()?;
    // Processes by the numbers of the new namespace; where this is forbidden, by those of the old.
    let _ = mount(Some("proc"), "/proc", Some("proc"), 0);
    if let Some(command) = fork()? {
        wait_for(command, to_parent);
    }
    if to_parent.is_some() {
        lead()?;
    }
    die_with_parent()
}

/// Makes this process the first of a group whose turn it is on the terminal. The group that it came
/// from has no number in here, with which shells could give the terminal back at their end.
fn lead() -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::setpgid(0, 0) })?;
    // SAFETY: takes no pointers, and cannot fail.
    Terminal::open()?.give(unsafe { libc::getpid() })
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong, 0, 0, 0) })
        .map(drop)
}

/// Forks; the child's number in the parent, nothing in the child.
fn fork() -> io::Result<Option<pid_t>> {
    // SAFETY: the process has one thread.
    let child = check(unsafe { libc::fork() })?;
    Ok((child != 0).then_some(child))
}

/// Waits for a child and ends as it did; buries others meanwhile, and passes on requests to end.
/// With `to_parent`, also says when it stops, and has it go on when told to.
fn wait_for(child: pid_t, to_parent: Option<UnixStream>) -> ! {
    WARD.store(child, Ordering::SeqCst);
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        set_action(signal, pass_on as extern "C" fn(c_int) as libc::sighandler_t);
    }
    // Of the terminal's, the command hears itself.
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP] {
        set_action(signal, libc::SIG_IGN);
    }
    // With this the parent knows that the command runs: from then on it passes signals on.
    close_all_but(to_parent.as_ref().map(AsRawFd::as_raw_fd));
    let options = if to_parent.is_some() { libc::WUNTRACED } else { 0 };
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes one number.
        let changed = unsafe { libc::waitpid(-1, &raw mut status, options) };
        if changed == child && libc::WIFSTOPPED(status) {
            if let Some(to_parent) = &to_parent {
                stand_still(to_parent, child);
            }
        } else if changed == child {
            let code = match libc::WIFEXITED(status) {
                true => libc::WEXITSTATUS(status),
                false => 128 + libc::WTERMSIG(status),
            };
            // SAFETY: takes no pointers, and does not return.
            unsafe { libc::_exit(code) };
        }
        let is_interrupted = || io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if changed < 0 && !is_interrupted() {
            // SAFETY: as above.
            unsafe { libc::_exit(255) };
        }
    }
}

/// Closes what was open, but for one: what the command was given is not ours to keep, others wait
/// for its end.
fn close_all_but(kept: Option<c_int>) {
    let close = |from: c_int, to: c_int| {
        if from <= to {
            // SAFETY: nothing of this process's but what is kept is used any more.
            unsafe { libc::close_range(from as u32, to as u32, 0) };
        }
    };
    match kept {
        Some(kept) => {
            close(0, kept - 1);
            close(kept + 1, c_int::MAX);
        }
        None => close(0, c_int::MAX),
    }
}

/// Says that the command's group has stopped, waits until it is to go on, and has it do so.
fn stand_still(to_parent: &UnixStream, group: pid_t) {
    if send_bytes(to_parent, &[STOPPED]).is_err() {
        return;
    }
    let mut told = [0];
    if io::Read::read_exact(&mut &*to_parent, &mut told).is_err() {
        return;
    }
    if told == [GO_ON_IN_FRONT] {
        // If this fails, the command stops again as soon as it wants the terminal.
        let _ = Terminal::open().and_then(|terminal| terminal.give(group));
    }
    // SAFETY: takes no pointers.
    unsafe { libc::kill(-group, libc::SIGCONT) };
}

extern "C" fn pass_on(signal: c_int) {
    // SAFETY: takes no pointers.
    unsafe { libc::kill(WARD.load(Ordering::SeqCst), signal) };
}

fn set_action(signal: c_int, handler: libc::sighandler_t) {
    // SAFETY: all-zero bytes are a valid value of this structure: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    // SAFETY: the structure is whole, and the handler does only what a handler may.
    unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
}

/// Says something to the parent.
fn send_bytes(to: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut &*to, bytes)
}

/// How many descriptors the parent is given.
const GIVEN: usize = 2;

/// The size of a control message with so many, in words of the platform's alignment.
const CONTROL_WORDS: usize = 4;

/// Gives descriptors to the parent (unix(7)).
fn send_descriptors(to: &UnixStream, fds: [c_int; GIVEN]) -> io::Result<()> {
    let mut done = [0_u8];
    let mut vector = libc::iovec { iov_base: done.as_mut_ptr().cast(), iov_len: 1 };
    let mut control = [0_u64; CONTROL_WORDS];
    let mut header = header(&mut vector, &mut control);
    // SAFETY: the header's control buffer has room for one message with these descriptors, so that
    // the first header and its data lie within it.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(size_of_val(&fds) as u32) as _;
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        (*message).cmsg_level = libc::SOL_SOCKET;
        (*message).cmsg_type = libc::SCM_RIGHTS;
        (*message).cmsg_len = libc::CMSG_LEN(size_of_val(&fds) as u32) as _;
        libc::CMSG_DATA(message).cast::<[c_int; GIVEN]>().write_unaligned(fds);
    }
    // SAFETY: the header points to what lives through the call.
    let sent = unsafe { libc::sendmsg(to.as_raw_fd(), &raw const header, 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What a new process says of itself: a byte, and what it gives.
pub(crate) type Said = (u8, Option<(TunDevice, Netlink)>);

/// What the new process says: the byte, and the TUN device with a socket that asks about it, if
/// they came along. Nothing if it ended without a word.
pub(crate) fn receive_device(from: &UnixStream) -> io::Result<Option<Said>> {
    let mut said = [0_u8];
    let mut vector = libc::iovec { iov_base: said.as_mut_ptr().cast(), iov_len: 1 };
    let mut control = [0_u64; CONTROL_WORDS];
    let mut header = header(&mut vector, &mut control);
    // SAFETY: the header points to buffers of the lengths that it says, which outlive the call.
    let got = unsafe { libc::recvmsg(from.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    if got == 0 {
        return Ok(None);
    }
    // SAFETY: the kernel filled the control buffer; its macros stay within the length that it said,
    // and so does what is read of a message that is long enough.
    let fds = unsafe {
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        let is_rights = !message.is_null()
            && (*message).cmsg_level == libc::SOL_SOCKET
            && (*message).cmsg_type == libc::SCM_RIGHTS
            && (*message).cmsg_len >= libc::CMSG_LEN(size_of::<[c_int; GIVEN]>() as u32) as _;
        is_rights.then(|| libc::CMSG_DATA(message).cast::<[c_int; GIVEN]>().read_unaligned())
    };
    let given = fds.map(|fds| {
        // SAFETY: the descriptors were made for us and are nobody else's.
        let [device, kernel] = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        (TunDevice::adopt(device), Netlink::adopt(kernel))
    });
    Ok(Some((said[0], given)))
}

fn header(vector: &mut libc::iovec, control: &mut [u64; CONTROL_WORDS]) -> libc::msghdr {
    // SAFETY: all-zero bytes are a valid value of this structure of integers and pointers.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = vector;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(control) as _;
    header
}

/// Brings this thread into the network namespace that a file stands for.
pub(crate) fn enter_network(file: &Path) -> io::Result<()> {
    let file = fs::File::open(file)?;
    // SAFETY: takes no pointers.
    check(unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

/// A descriptor that becomes readable when a process has ended.
pub(crate) fn watch_process(process: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process as pid_t, 0) };
    super::process::check_long(fd)?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// Asks a process to end, by the signal that asked this one.
pub(crate) fn ask_to_end(process: u32) {
    // SAFETY: takes no pointers.
    unsafe { libc::kill(process as pid_t, Signals::asked_by()) };
}
