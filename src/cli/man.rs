//! `dragline man`: pages for man(1).

use std::{io, path::Path};

use clap::CommandFactory;

use super::{Cli, Exit, args::ManArgs, complain, print};

pub(super) fn execute(args: &ManArgs) -> Exit {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        return match clap_mangen::Man::new(Cli::command()).render(&mut page) {
            Ok(()) => print(&page),
            Err(error) => fail(&error),
        };
    };
    match write_all(dir) {
        Ok(()) => Exit::Finished,
        Err(error) => {
            complain(&format!("error: can't write man pages to {}: {error}", dir.display()));
            Exit::OutputRefused
        }
    }
}

/// One page for dragline, one for each command.
fn write_all(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)
}

fn fail(error: &io::Error) -> Exit {
    complain(&format!("error: can't make the man page: {error}"));
    Exit::Internal
}
