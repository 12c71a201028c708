//! Where the benchmarks run: a client, a server that holds a whole prefix, a cable between them.

use super::launcher::{self, Cost};
use std::path::{Path, PathBuf};
use std::time::Duration;
use testbed::{Bed, Chain, Launch, Ran, Running};

/// The report's name in the bed's scratch directory, where commands run.
const REPORT: &str = "report";

/// Nothing that is measured takes longer.
pub const TIME_MAX: Duration = Duration::from_secs(180);

/// A client and a server, and how commands run there.
pub struct Arena {
    chain: Chain,
    bed: Bed,
    askway: PathBuf,
    has_real_time: bool,
    load_before: String,
}

/// One run of a command.
pub struct Sample {
    /// What it cost.
    pub cost: Cost,
    /// What it printed, standard error after standard output.
    pub said: String,
    /// Its exit code.
    pub code: i32,
}

impl Arena {
    /// Makes the namespaces.
    pub fn new(askway: PathBuf) -> Arena {
        Arena::along(askway, &["client", "server"])
    }

    /// Another arena with seven routers between client and server.
    pub fn road(&self) -> Arena {
        let names = ["client", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "server"];
        Arena::along(self.askway.clone(), &names)
    }

    fn along(askway: PathBuf, names: &[&str]) -> Arena {
        let mut bed = Bed::new();
        let chain = bed.chain(names);
        chain.answers_for("10.0.0.0/8");
        chain.answers_for("2001:db8:8000::/33");
        let has_real_time = chain[0].run("chrt", &["-f", "20", "true"]).code() == Some(0);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load_before = load.split(' ').next().unwrap_or_default().to_owned();
        Arena { chain, bed, askway, has_real_time, load_before }
    }

    /// The namespaces, the client's first.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The program that is measured.
    pub fn askway(&self) -> &Path {
        &self.askway
    }

    /// A file for the commands to read.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> Result<String, String> {
        let path = self.bed.scratch().join(name);
        std::fs::write(&path, text).map_err(|e| format!("cannot write {name}: {e}"))?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Runs a command at the client with real-time priority, where there is that. `askway` stands
    /// for the program that is measured.
    ///
    /// # Errors
    /// If it cannot be run or does not end in time.
    pub fn run(&self, command: &[&str]) -> Result<Sample, String> {
        self.measured(command, true)
    }

    /// As [`Arena::run`], with the priority that programs usually have.
    ///
    /// # Errors
    /// If it cannot be run or does not end in time.
    pub fn run_plain(&self, command: &[&str]) -> Result<Sample, String> {
        self.measured(command, false)
    }

    /// Runs two commands in turn, that many times, right after each other; what each run cost.
    ///
    /// # Errors
    /// If one cannot be run, or fails.
    pub fn alternate(
        &self,
        times: usize,
        commands: [&[&str]; 2],
    ) -> Result<Vec<[Cost; 2]>, String> {
        let mut words = self.named(commands[0]);
        words.push("--".into());
        words.extend(self.named(commands[1]));
        let times = times.to_string();
        let (report, ran) = self.launch(&["alternate", REPORT, &times], &words, true)?;
        let runs: Option<Vec<(Cost, i32)>> = report.lines().map(launcher::read).collect();
        let runs = runs.filter(|runs| !runs.is_empty());
        let runs = runs.ok_or_else(|| format!("{commands:?}: {ran:?}"))?;
        if let Some(at) = runs.iter().position(|(_, code)| *code != 0) {
            return Err(format!("{:?}: exit code {}", commands[at % 2], runs[at].1));
        }
        let costs: Vec<Cost> = runs.into_iter().map(|(cost, _)| cost).collect();
        Ok(costs.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect())
    }

    fn measured(&self, command: &[&str], real_time: bool) -> Result<Sample, String> {
        let (report, ran) = self.launch(&["measure", REPORT], &self.named(command), real_time)?;
        let fault = || format!("{}: {ran:?}", command.join(" "));
        let (cost, code) = launcher::read(&report).ok_or_else(fault)?;
        let said = ran.stdout() + &ran.stderr();
        Ok(Sample { cost, said, code })
    }

    /// Runs this program itself at the client; what it wrote into the report, and what it said.
    fn launch(
        &self,
        chore: &[&str],
        words: &[PathBuf],
        real_time: bool,
    ) -> Result<(String, Ran), String> {
        let report = self.bed.scratch().join(REPORT);
        let _ = std::fs::remove_file(&report);
        let ourselves = std::env::current_exe().map_err(|e| format!("who am I: {e}"))?;
        let launch = match real_time && self.has_real_time {
            true => self.chain[0].launch("chrt").args(&["-f", "20"]).args(&[&ourselves]),
            false => self.chain[0].launch(&ourselves),
        };
        // What most people have: loading a locale is part of a program's start.
        let launch = launch.env("LC_ALL", "C.UTF-8");
        let ran = launch.args(chore).args(words).limit(TIME_MAX).run();
        Ok((std::fs::read_to_string(&report).unwrap_or_default(), ran))
    }

    /// How many system calls a command makes.
    ///
    /// # Errors
    /// If it cannot be traced.
    pub fn system_calls(&self, command: &[&str]) -> Result<f64, String> {
        let counts = self.bed.scratch().join("strace");
        let launch = self.chain[0].launch("strace").args(&["-f", "-c", "-o"]).args(&[&counts]);
        let ran = launch.args(&self.named(command)).limit(TIME_MAX).run();
        let counts = std::fs::read_to_string(&counts).unwrap_or_default();
        // % time, seconds, usecs/call, calls, errors if any, name
        let total = counts.lines().find(|line| line.ends_with(" total"));
        total
            .and_then(|line| line.split_whitespace().nth(3)?.parse().ok())
            .ok_or_else(|| format!("strace {}: {ran:?}", command.join(" ")))
    }

    /// Keeps both cores busy until dropped, for two minutes at most.
    pub fn load(&self) -> [Running; 2] {
        let spin = ["120", "sh", "-c", "while :; do :; done"];
        [(); 2].map(|()| self.spinner(&spin).start())
    }

    fn spinner(&self, arguments: &[&str]) -> Launch {
        self.chain[0].launch("timeout").args(arguments)
    }

    fn named(&self, command: &[&str]) -> Vec<PathBuf> {
        let path = |&word: &&str| if word == "askway" { self.askway.clone() } else { word.into() };
        command[..1].iter().map(path).chain(command[1..].iter().map(PathBuf::from)).collect()
    }

    /// The machine and the programs, a line each.
    pub fn description(&self) -> Vec<String> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or("unknown".into(), |(_, value)| value.trim().to_owned())
        };
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib = memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok());
        let memory_gib = kib.unwrap_or(0).div_ceil(1 << 20);
        let release = read("/proc/sys/kernel/osrelease");
        let release: Vec<&str> = release.split('.').take(2).collect();
        let priority = match self.has_real_time {
            true => "with real-time priority (`chrt -f 20`), except under load",
            false => "with usual priority: this machine gives no other",
        };
        let first = |program: &str, argument: &str| {
            let said = self.chain[0].run(program, &[argument]);
            let said = said.stdout() + &said.stderr();
            said.lines().next().unwrap_or_default().trim_start_matches("fping: ").to_owned()
        };
        vec![
            format!(
                "{}, {cores} cores, {memory_gib} GiB",
                field(&read("/proc/cpuinfo"), "model name")
            ),
            format!("load average when the measurements began, from others: {}", self.load_before),
            format!("Linux {}; two namespaces joined by veth", release.join(".")),
            format!("peers: {}; fping {}", first("ping", "-V"), first("fping", "-v")),
            format!("everything runs {priority}, in the locale C.UTF-8"),
            "figures are medians, ours and the peer's runs alternating; ratios are medians of the \
             ratios of neighbouring runs"
                .to_owned(),
        ]
    }
}
