//! The long forms of the proofs under fire: `cargo bench --bench fire -- <command> [--flag value]…`.
//!
//! Each command is a module of `tests/fire/`, whose short form is a test. This file is the table of them
//! and nothing else. The process exits with 1 when a promise was broken, with 2 when it was asked
//! something that it doesn't know.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
#![expect(clippy::unwrap_used, reason = "a proof that can't go on panics")]

#[path = "../tests/fire/mod.rs"]
#[expect(dead_code, unused_imports, reason = "its unit tests are run by the integration tests")]
mod fire;
#[path = "../tests/it/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "it is shared with the integration tests, which use all of it"
)]
mod support;

use std::process::ExitCode;

use fire::{Args, Results, Violations};

/// Name, flags, what it does, and who does it.
struct Command {
    name: &'static str,
    flags: &'static str,
    does: &'static str,
    run: fn(&Args, &mut Results) -> Result<(), Violations>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "crash",
        flags: "[--rounds N] [--seed S] [--kills N] [--trials N]",
        does: "kills a crawl at random moments and at failpoints, and has it go on",
        run: fire::crash::run,
    },
    Command {
        name: "politeness",
        flags: "[--requests N] [--seed S] [--hosts N] [--turns N]",
        does: "has servers audit crawls that are killed, resumed under other promises, and run side by side",
        run: fire::politeness::run,
    },
    Command {
        name: "memory",
        flags: "[--hosts N] [--pages N (a host)] [--from N] [--seed S]",
        does: "crawls a million pages and holds its memory against what it was at the hundred-thousandth",
        run: fire::memory::run,
    },
    Command {
        name: "daemon",
        flags: "[--kills N] [--seed S]",
        does: "kills a daemon while clients create, pause, cancel, delete and run crawls",
        run: fire::daemon::run,
    },
    Command {
        name: "soak",
        flags: "[--minutes N] [--rate N (a second)] [--hosts N] [--pages N (a host)] [--seed S]",
        does: "crawls for long and looks which count of what the process holds grows",
        run: fire::soak::run,
    },
];

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let Some(name) = words.next() else {
        println!("{}", usage());
        return ExitCode::SUCCESS;
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("error: no such command: {name}\n{}", usage());
        return ExitCode::from(2);
    };
    let ready = Args::parse(words).and_then(|args| Ok((Results::open(&args)?, args)));
    match ready.map(|(mut results, args)| (command.run)(&args, &mut results)) {
        Ok(Ok(())) => {
            println!("{name}: every promise was kept");
            ExitCode::SUCCESS
        }
        Ok(Err(Violations(violations))) => {
            eprintln!("{name}: {} violations:\n  {}", violations.len(), violations.join("\n  "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}\n{}", usage());
            ExitCode::from(2)
        }
    }
}

fn usage() -> String {
    let lines = COMMANDS.iter().map(|it| format!("\n  {} {}\n      {}", it.name, it.flags, it.does));
    format!("cargo bench --bench fire -- <command> [--flag value]… [--out file.jsonl]{}", lines.collect::<String>())
}
