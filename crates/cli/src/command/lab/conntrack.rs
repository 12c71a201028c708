//! `askway lab conntrack FILE [-- COMMAND]`: what routers track while an instrument runs through a
//! lab, in virtual time.

use super::tracked::{To, Tracked, Tracking};
use super::{Action, load, wrong};
use crate::args::{Common, Format, duration};
use crate::command;
use crate::failure::{Exit, Failure};
use crate::road::witness::{self, Witness};
use crate::run;
use clap::{ArgMatches, Args, FromArgMatches};
use lab::World;
use probe::Time;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub const ACTION: Action = Action {
    name: "conntrack",
    summary: (
        "show what its routers track while an instrument runs",
        "显示一个命令运行时各路由器跟踪的连接",
    ),
    define: Options::augment_args,
    run,
};

#[derive(Clone, Debug, Args)]
struct Options {
    /// The scenario
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The node at which the instrument runs; else the scenario's `from`
    #[arg(long, value_name = "NODE")]
    at: Option<String>,
    /// How long the lab goes on, once the instrument is done
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "0s")]
    time: Duration,
    #[command(flatten)]
    tracking: Tracking,
    /// One of askway's commands and its arguments
    #[arg(value_name = "COMMAND", last = true)]
    command: Vec<OsString>,
}

/// Looks at the routers of a lab.
struct Looker {
    options: Options,
    common: Common,
    tracked: Option<Tracked>,
}

impl Witness for Looker {
    fn before(&mut self, world: &mut World) -> Result<(), Failure> {
        let tracking = &self.options.tracking;
        self.tracked = Some(tracking.begin(world, To::Output, &self.common)?);
        Ok(())
    }

    fn after(&mut self, world: &mut World) {
        let until = world.now() + self.options.time;
        world.advance(until);
        if let Some(mut tracked) = self.tracked.take() {
            tracked.end(world, until);
        }
    }
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let mut options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let tracking = &mut options.tracking;
    // The table is what is wanted where nothing else is.
    if !(tracking.events || tracking.why || tracking.stats) || tracking.conntrack.is_some() {
        tracking.conntrack.get_or_insert_with(|| "all".to_owned());
    }
    let mut looker = Looker { options: options.clone(), common: common.clone(), tracked: None };
    let Some((name, arguments)) = options.command.split_first() else {
        let (mut world, captured) = load(&options.file, common)?;
        looker.before(&mut world)?;
        if options.time.is_zero() {
            world.advance(Time::ZERO);
        }
        looker.after(&mut world);
        world.close_captures();
        captured.told()?;
        return Ok(Exit::Yes);
    };
    let command = command::by_name(&name.to_string_lossy()).filter(|it| it.name != "lab");
    let command = command.ok_or_else(|| {
        let hint = "such as: askway lab conntrack FILE -- ping -c 1 b; lab run has real programs";
        wrong("what runs through the lab is a command of askway's", hint)
    })?;
    let mut words = vec![OsString::from("--lab"), options.file.clone().into_os_string()];
    if let Some(node) = &options.at {
        words.extend(["--from".into(), node.into()]);
    }
    if let Some(seed) = common.seed {
        words.extend(["--seed".into(), seed.to_string().into()]);
    }
    if common.format() == Format::Json {
        words.push("--json".into());
    }
    words.extend(arguments.iter().cloned());
    witness::seen_by(Box::new(looker), || run::obey(command, &words)).map(Exit::Other)
}
