//! `dragline man`: pages for man(1).
//!
//! Made by clap_mangen from the definition of the commands, but for the text behind the help
//! (examples, exit codes, environment): its headings become sections, and its lines stay as they are.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, Exit, args::ManArgs, complain, print};

pub(super) fn execute(args: &ManArgs) -> Exit {
    let Some(dir) = &args.dir else {
        return match page(built()) {
            Ok(page) => print(&page),
            Err(error) => {
                complain(&format!("error: can't make the man page: {error}"));
                Exit::Internal
            }
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

fn built() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// One page for dragline, one for each command and each command of theirs.
fn write_all(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut commands = vec![built()];
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands().cloned());
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        fs::write(dir.join(format!("{name}.1")), page(command.clone())?)?;
    }
    Ok(())
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let behind = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    sections(&behind, &mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// `Examples:` begins a section of that name; what follows is neither filled nor joined.
fn sections(text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let mut is_open = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            if is_open {
                writeln!(page, ".fi")?;
            }
            is_open = true;
            writeln!(page, ".SH \"{}\"\n.nf", escaped(&heading.to_uppercase()))?;
        } else if is_open && !line.is_empty() {
            writeln!(page, "{}", escaped(line.trim_start()))?;
        }
    }
    if is_open {
        writeln!(page, ".fi")?;
    }
    Ok(())
}

/// As roff reads it: a hyphen is a minus to be copied, and no line is a request.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
