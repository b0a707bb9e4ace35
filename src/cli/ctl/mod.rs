//! `dragline ctl` and `dragline healthcheck`: the shell client of the daemon.
//!
//! A command is a call or a few of the daemon's HTTP API, and what came of them, for people or (`--json`) as the
//! API answered it, one object a line. Who does what:
//!
//! - [`args`] is what can be said; [`target`] which daemon is meant and with which key; [`client`] one call, under bounds;
//! - [`trouble`] is what can go wrong, and the exit code of it; [`problem`] what the daemon says of it;
//! - [`find`] knows which crawl is meant by a part of its id; [`model`] is what is read of answers, [`text`] how it looks;
//! - [`watch`] follows a crawl: [`sse`] reads its events, [`view`] and [`picture`] show it, [`backoff`] waits for a daemon that
//!   is being started again. The other files are a command or a few each.
//!
//! Deliberately not: the crawler's fetch stack. That one is polite to strangers and guarded against them; this one
//! speaks to one server, which was named. So it has a plain HTTP client of its own, the only one outside of `fetch/`.
//!
//! Invariants: the key is sent to the daemon that was named and to nobody else (no redirect is followed, no proxy asked),
//! and is never shown; an answer that is held takes bounded memory and time, whatever is sent; foreign text moves no cursor;
//! standard output is for what was asked for, and a reader of it who goes away is no failure.

mod act;
mod args;
mod backoff;
mod client;
mod crawls;
mod download;
mod explain;
mod fetch;
mod find;
mod health;
mod model;
mod output;
mod pages;
mod picture;
mod problem;
mod sse;
mod submit;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod trouble;
mod view;
mod watch;

pub(crate) use args::{CtlArgs, HealthArgs};

use super::{Exit, complain, run};
use args::CtlCommand;
use client::Client;
use target::Target;
use trouble::Trouble;

/// Does one command.
pub(super) fn execute(args: &CtlArgs) -> Exit {
    let runtime = match run::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let done = runtime.block_on(command(args));
    // Nobody waits for connections that are being closed.
    runtime.shutdown_background();
    end(done)
}

/// Asks whether the daemon is ready.
pub(super) fn check_health(args: &HealthArgs) -> Exit {
    match run::runtime() {
        Ok(runtime) => runtime.block_on(health::check(args)),
        Err(exit) => exit,
    }
}

async fn command(args: &CtlArgs) -> Result<Exit, Trouble> {
    let client = Client::new(Target::of(&args.target)?)?;
    match &args.command {
        CtlCommand::Crawls(args) => crawls::list(&client, args).await,
        CtlCommand::Submit(args) => submit::submit(&client, args).await,
        CtlCommand::Show(args) => crawls::show(&client, args).await,
        CtlCommand::Watch(args) => watch::watch(&client, args).await,
        CtlCommand::Pause(args) => act::each(&client, act::Act::Pause, args).await,
        CtlCommand::Resume(args) => act::each(&client, act::Act::Resume, args).await,
        CtlCommand::Cancel(args) => act::each(&client, act::Act::Cancel, args).await,
        CtlCommand::Recrawl(args) => act::each(&client, act::Act::Recrawl, args).await,
        CtlCommand::Delete(args) => act::each(&client, act::Act::Delete, args).await,
        CtlCommand::Seeds(args) => act::add_seeds(&client, args).await,
        CtlCommand::Pages(args) => pages::pages(&client, args).await,
        CtlCommand::Receipt(args) => download::receipt(&client, args).await,
        CtlCommand::Get(args) => download::get(&client, args).await,
        CtlCommand::Fetch(args) => fetch::fetch(&client, args).await,
        CtlCommand::Explain(args) => explain::explain(&client, args).await,
        CtlCommand::Version(args) => health::version(&client, args).await,
    }
}

/// Says what went wrong, if anything did.
fn end(done: Result<Exit, Trouble>) -> Exit {
    done.unwrap_or_else(|trouble| {
        if let Some(text) = trouble.text() {
            complain(&format!("error: {text}"));
        }
        trouble.exit()
    })
}
