//! `dragline completions`: a script for a shell.

use clap::CommandFactory;

use super::{Cli, Exit, args::CompletionsArgs, print};

pub(super) fn execute(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dragline", &mut script);
    print(&script)
}
