//! A command in namespaces of its own (namespaces(7)): users, processes, mounts and network.
//!
//! Three processes: a keeper in our namespace of processes, below it the first process of the new
//! one, below that the command. Each dies with the one above, and with the first process of a
//! namespace of processes all that are in it, so that nothing outlives whoever holds the network.

use super::TunDevice;
use super::check;
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

/// Has a command start in namespaces of its own. What becomes of it is said through `to_parent`: a
/// byte for the step that failed, or 0 with the descriptor of its TUN device.
pub(crate) fn isolate(
    command: &mut Command,
    setup: Setup,
    hosts: Option<String>,
    device: String,
    to_parent: UnixStream,
) {
    let mut cell = Some((setup, hosts, device, to_parent));
    let enter = move || {
        let (setup, hosts, device, to_parent) = cell.take().expect("it starts once");
        let made = make(&setup, hosts.as_deref(), &device);
        match made {
            Ok(tun) => {
                send_descriptor(&to_parent, tun.fd())?;
                drop((tun, to_parent));
                descend()
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
fn make(setup: &Setup, hosts: Option<&str>, device: &str) -> Result<TunDevice, (Step, io::Error)> {
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
    let (tun, name) = TunDevice::make(device, setup.is_fast).map_err(at(Step::Device))?;
    setup.apply(&name).map_err(at(Step::Network))?;
    mount(None, "/", None, libc::MS_REC | libc::MS_PRIVATE).map_err(at(Step::Mounts))?;
    // The devices of the new namespace; programs do without where this is forbidden.
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), 0);
    if let Some(hosts) = hosts {
        name_hosts(hosts).map_err(at(Step::Mounts))?;
    }
    Ok(tun)
}

/// Becomes the superuser of the new namespace of users, and nobody more than before outside.
fn become_root(user: u32, group: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

/// Puts a file of our own in the place of /etc/hosts. It stands on a file system that only the
/// mount keeps alive, so that none is left behind.
fn name_hosts(hosts: &str) -> io::Result<()> {
    const ELSEWHERE: &str = "/tmp";
    mount(Some("tmpfs"), ELSEWHERE, Some("tmpfs"), 0)?;
    let file = format!("{ELSEWHERE}/hosts");
    let bound = fs::write(&file, hosts)
        .and_then(|()| mount(Some(&file), "/etc/hosts", None, libc::MS_BIND));
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

/// Forks twice: the keeper and the first process stay behind and wait, the third returns.
fn descend() -> io::Result<()> {
    die_with_parent()?;
    if let Some(first) = fork()? {
        wait_for(first);
    }
    die_with_parent()?;
    // Processes by the numbers of the new namespace; where this is forbidden, by those of the old.
    let _ = mount(Some("proc"), "/proc", Some("proc"), 0);
    if let Some(command) = fork()? {
        wait_for(command);
    }
    die_with_parent()
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
fn wait_for(child: pid_t) -> ! {
    WARD.store(child, Ordering::SeqCst);
    // What the command was given is not ours to keep open: others wait for its end.
    // SAFETY: nothing of this process's is used any more.
    unsafe { libc::close_range(0, u32::MAX, 0) };
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        set_action(signal, pass_on as extern "C" fn(c_int) as libc::sighandler_t);
    }
    // Of the terminal's, the command hears itself.
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP] {
        set_action(signal, libc::SIG_IGN);
    }
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes one number.
        let ended = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if ended == child {
            let code = match libc::WIFEXITED(status) {
                true => libc::WEXITSTATUS(status),
                false => 128 + libc::WTERMSIG(status),
            };
            // SAFETY: takes no pointers, and does not return.
            unsafe { libc::_exit(code) };
        }
        let is_interrupted = || io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if ended < 0 && !is_interrupted() {
            // SAFETY: as above.
            unsafe { libc::_exit(255) };
        }
    }
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

/// The size of a control message with one descriptor, in words of the platform's alignment.
const CONTROL_WORDS: usize = 4;

/// Gives a descriptor to the parent (unix(7)).
fn send_descriptor(to: &UnixStream, fd: c_int) -> io::Result<()> {
    let mut done = [0_u8];
    let mut vector = libc::iovec { iov_base: done.as_mut_ptr().cast(), iov_len: 1 };
    let mut control = [0_u64; CONTROL_WORDS];
    let mut header = header(&mut vector, &mut control);
    // SAFETY: the header's control buffer has room for one message with one descriptor, so that the
    // first header and its data lie within it.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(size_of::<c_int>() as u32) as _;
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        (*message).cmsg_level = libc::SOL_SOCKET;
        (*message).cmsg_type = libc::SCM_RIGHTS;
        (*message).cmsg_len = libc::CMSG_LEN(size_of::<c_int>() as u32) as _;
        libc::CMSG_DATA(message).cast::<c_int>().write_unaligned(fd);
    }
    // SAFETY: the header points to what lives through the call.
    let sent = unsafe { libc::sendmsg(to.as_raw_fd(), &raw const header, 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What the new process says: the byte, and the TUN device if one came along. Nothing if it ended
/// without a word.
pub(crate) fn receive_device(from: &UnixStream) -> io::Result<Option<(u8, Option<TunDevice>)>> {
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
    // SAFETY: the kernel filled the control buffer; its macros stay within the length that it said.
    let fd = unsafe {
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        let is_rights = !message.is_null()
            && (*message).cmsg_level == libc::SOL_SOCKET
            && (*message).cmsg_type == libc::SCM_RIGHTS;
        is_rights.then(|| libc::CMSG_DATA(message).cast::<c_int>().read_unaligned())
    };
    // SAFETY: the descriptor was made for us and is nobody else's.
    let device = fd.map(|fd| TunDevice::adopt(unsafe { OwnedFd::from_raw_fd(fd) }));
    Ok(Some((said[0], device)))
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

/// Asks a process to end.
pub(crate) fn ask_to_end(process: u32) {
    // SAFETY: takes no pointers.
    unsafe { libc::kill(process as pid_t, libc::SIGTERM) };
}
