//! The binary: arguments in, exit code out. What it does is told in [`dragline::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    dragline::cli::run(std::env::args_os()).into()
}
