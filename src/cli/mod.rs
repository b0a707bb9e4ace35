//! The command line: one file a command.
//!
//! [`run`] parses the arguments and dispatches; a command ends in an [`Exit`], and only `main` turns
//! that into the process's exit code. Help, completions and man pages are made from one definition,
//! [`args::Cli`]. Flags are a layer of the configuration: they are not interpreted here but handed to
//! [`config`](crate::config), which judges them like everything else and reports all that is wrong at
//! once.
//!
//! Standard output is for what was asked for (a configuration, a schema, a script); everything said
//! to people goes to standard error.

mod args;
mod check;
mod completions;
mod crawl;
mod ctl;
mod demo;
mod exit;
mod explain;
mod fetch;
mod human;
mod inspect;
mod man;
mod progress;
mod run;
mod serve;
mod summary;
mod verify;
mod vitro;
mod waits;

pub use args::Cli;
pub use exit::Exit;

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Write},
};

use clap::Parser;

use crate::{
    config::{Flags, Loaded, Sources},
    fault,
    job::Beginning,
};
use args::Command;

/// How a crawl is started, besides its configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// What is done with what the output folder holds of an earlier run.
    pub(crate) beginning: Beginning,
    /// Say nothing but errors.
    pub(crate) quiet: bool,
}

/// Parses `args` (the program's name first) and does what they say.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    fault::listen();
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap; only real ones go to standard error.
            let printed = error.print();
            return match (error.use_stderr(), printed) {
                (true, _) => Exit::Usage,
                (false, Ok(())) => Exit::Finished,
                (false, Err(_)) => Exit::Internal,
            };
        }
    };
    match cli.command {
        Command::Run(args) => {
            let mut flags = Flags::default();
            args.start.set_flags(&mut flags);
            let sources = Sources { file: Some(args.config), flags, ..Sources::default() };
            with_config(&sources, |loaded| run::execute(&loaded.settings, args.start.start()))
        }
        Command::Crawl(args) => crawl::execute(&args),
        Command::Fetch(args) => fetch::execute(*args),
        Command::Check(args) => check::execute(&args),
        Command::Demo(args) => demo::execute(&args),
        Command::Explain(args) => explain::execute(&args),
        Command::Vitro(args) => vitro::execute(&args),
        Command::Verify(args) => verify::execute(&args),
        Command::Inspect { what } => inspect::execute(&what),
        Command::Serve(args) => serve::execute(&args),
        Command::Key(args) => serve::make_key(&args),
        Command::Ctl(args) => ctl::execute(&args),
        Command::Healthcheck(args) => ctl::check_health(&args),
        Command::Completions(args) => completions::execute(&args),
        Command::Man(args) => man::execute(&args),
    }
}

/// Loads a configuration and goes on, or tells all that is wrong with it.
fn with_config(sources: &Sources, go_on: impl FnOnce(Loaded) -> Exit) -> Exit {
    match sources.load() {
        Ok(loaded) => go_on(loaded),
        Err(errors) => {
            let lines = errors.0.iter().fold(String::new(), |text, problem| format!("{text}error: {problem}\n"));
            complain(lines.trim_end());
            Exit::Usage
        }
    }
}

/// Writes `text` to standard output. A reader that has gone away is no failure.
fn print(text: &[u8]) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Finished,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Finished,
        Err(error) => {
            complain(&format!("error: can't write to standard output: {error}"));
            Exit::Internal
        }
    }
}

/// Writes a line to standard error; there is nobody to tell if that fails.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
