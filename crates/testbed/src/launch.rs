//! A command in a node: started, signalled, ended in time, its output kept.

use crate::Node;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A command to run in a node, as root unless [`Launch::as_nobody`] is said.
#[derive(Clone, Debug)]
pub struct Launch {
    node: Node,
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    stdin: Vec<u8>,
    limit: Duration,
    nobody: bool,
}

impl Launch {
    pub(crate) fn new(node: &Node, program: &OsStr) -> Launch {
        Launch {
            node: node.clone(),
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            stdin: Vec::new(),
            limit: Duration::from_secs(10),
            nobody: false,
        }
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: &[S]) -> Launch {
        self.arguments.extend(arguments.iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Launch {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// What it reads; nothing unless said.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Launch {
        self.stdin = bytes.into();
        self
    }

    /// How long it may take until it is killed; ten seconds unless said.
    pub fn limit(mut self, limit: Duration) -> Launch {
        self.limit = limit;
        self
    }

    /// As user and group 65534 without any capability, not even those of the program's file: what
    /// runs is a copy of it.
    pub fn as_nobody(mut self) -> Launch {
        self.nobody = true;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn run(self) -> Ran {
        self.start().finish()
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start(self) -> Running {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child =
            command.spawn().unwrap_or_else(|e| panic!("cannot run {:?}: {e}", self.program));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let input = self.stdin;
        let stdout = Tap::on(child.stdout.take().expect("stdout is piped"));
        let stderr = Tap::on(child.stderr.take().expect("stderr is piped"));
        // A command that does not read its input must not block us.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        let deadline = started + self.limit;
        Running { child, stdout, stderr, started, deadline, was_killed: false }
    }

    /// The whole command line: namespace first, then user. `ip` and `setpriv` replace themselves
    /// by what they start, so the process that we start is the command itself.
    fn command(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.node.name]);
        let mut program = self.program.clone();
        if self.nobody {
            command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]);
            program = self.bare_copy().into();
        }
        command.arg(program).args(&self.arguments).current_dir(&self.node.scratch);
        // Cargo points the loader at its own directories, which it then searches in every start.
        command.env_remove("LD_LIBRARY_PATH").env("LC_ALL", "C");
        command.envs(self.variables.iter().cloned());
        command
    }

    /// A copy of the program that anybody may run: build directories are often below a home that
    /// others may not enter, and a copy has no file capabilities and no set-uid bit. Programs of
    /// one name in two directories have two copies.
    fn bare_copy(&self) -> PathBuf {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let path = crate::find_program(&self.program)
            .unwrap_or_else(|| panic!("cannot run {:?}: not found", self.program));
        let name = path.file_name().expect("a program has a name");
        let origin = path.parent().map(|parent| parent.to_string_lossy().replace('/', "-"));
        let directory = self.node.scratch.join(format!("bare{}", origin.unwrap_or_default()));
        let copy = directory.join(name);
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if !copy.exists() {
            // Another process writes it: what other threads start meanwhile would inherit our open
            // file, and a program that is open for writing cannot be run.
            let script = "mkdir -p \"$1\" && cp \"$2\" \"$3\" && chmod 755 \"$1\" \"$3\"";
            let shell = Command::new("sh")
                .args(["-c", script, "sh"])
                .args([&directory, &path, &copy])
                .status();
            let is_copied = shell.is_ok_and(|status| status.success());
            assert!(is_copied, "cannot copy {}", path.display());
        }
        copy
    }
}

/// A command that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Tap,
    stderr: Tap,
    started: Instant,
    deadline: Instant,
    was_killed: bool,
}

impl Running {
    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name: `INT`, `QUIT`, `TERM`.
    ///
    /// # Panics
    /// If the process is gone.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let sent = crate::send_signal(name, self.pid());
        assert!(sent, "cannot send SIG{name}: the command has ended");
    }

    /// Waits until its standard output contains a text.
    ///
    /// # Panics
    /// If it ends, or its time runs out, without.
    #[track_caller]
    pub fn wait_for_stdout(&mut self, text: &str) {
        let found = self.stdout.wait_for(text, self.deadline);
        assert!(found, "never printed {text:?}: {self:?}");
    }

    /// As [`Running::wait_for_stdout`], for standard error.
    ///
    /// # Panics
    /// If it ends, or its time runs out, without.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, text: &str) {
        let found = self.stderr.wait_for(text, self.deadline);
        assert!(found, "never printed {text:?} to stderr: {self:?}");
    }

    /// Waits until it ends, and kills it if that takes too long.
    pub fn finish(mut self) -> Ran {
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() >= self.deadline && !self.was_killed => {
                    self.was_killed = true;
                    let _ = self.child.kill();
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(e) => panic!("cannot wait for a child: {e}"),
            }
        };
        let wall = self.started.elapsed();
        let was_killed = self.was_killed;
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        Ran { stdout_bytes: stdout, stderr_bytes: stderr, status, was_killed, wall }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that has ended.
#[derive(Clone)]
pub struct Ran {
    /// Everything on standard output.
    pub stdout_bytes: Vec<u8>,
    /// Everything on standard error.
    pub stderr_bytes: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
    /// Whether the time limit ended it.
    pub was_killed: bool,
    /// How long it ran, to a millisecond or so.
    pub wall: Duration,
}

impl Ran {
    /// Standard output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout_bytes).into_owned()
    }

    /// Standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr_bytes).into_owned()
    }

    /// The exit code; `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn ended_by(&self) -> Option<i32> {
        self.status.signal()
    }
}

impl fmt::Debug for Ran {
    /// As a person would see it, for failed assertions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let killed = if self.was_killed { ", killed at its time limit" } else { "" };
        writeln!(f, "{}{killed} after {:?}", self.status, self.wall)?;
        write!(f, "--- stdout\n{}--- stderr\n{}", self.stdout(), self.stderr())
    }
}

/// One output of a command: a thread reads it so that the pipe never fills.
#[derive(Debug)]
struct Tap {
    shared: Arc<(Mutex<Stream>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stream {
    bytes: Vec<u8>,
    ended: bool,
}

impl Tap {
    fn on(mut pipe: impl Read + Send + 'static) -> Tap {
        let shared = Arc::new((Mutex::new(Stream::default()), Condvar::new()));
        let ours = Arc::clone(&shared);
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 65_536];
            loop {
                let count = pipe.read(&mut chunk).unwrap_or(0);
                let mut stream = ours.0.lock().expect("no reader panics");
                stream.bytes.extend_from_slice(&chunk[..count]);
                stream.ended = count == 0;
                ours.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Tap { shared, reader: Some(reader) }
    }

    fn wait_for(&self, text: &str, deadline: Instant) -> bool {
        let mut stream = self.shared.0.lock().expect("no reader panics");
        loop {
            if String::from_utf8_lossy(&stream.bytes).contains(text) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if stream.ended || left.is_zero() {
                return false;
            }
            stream = self.shared.1.wait_timeout(stream, left).expect("no reader panics").0;
        }
    }

    /// Everything that was read, once the writer has closed its end.
    fn take(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no reader panics");
        }
        std::mem::take(&mut self.shared.0.lock().expect("no reader panics").bytes)
    }
}
