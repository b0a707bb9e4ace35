//! What a process and all its children took: wall-clock time, processor time, peak memory.
//!
//! A small process stands between the harness and the contender, so that what the kernel counts of its children is
//! the contender's alone: processor time is the sum over all that were waited for, memory the largest of them. The wall clock
//! runs from start to end of the contender, interpreters and clean-up included.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

#[derive(Debug, clap::Args)]
pub(crate) struct MeterArgs {
    /// Where the numbers go
    file: PathBuf,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// What it took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) wall_s: f64,
    pub(crate) user_ms: f64,
    pub(crate) system_ms: f64,
    pub(crate) peak_mib: f64,
    pub(crate) code: Option<i32>,
}

/// The process between.
pub(crate) fn run(args: &MeterArgs) -> ExitCode {
    let began = Instant::now();
    let status = Command::new(&args.command[0]).args(&args.command[1..]).status();
    let wall_s = began.elapsed().as_secs_f64();
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{}: {error}", args.command[0]);
            return ExitCode::from(127);
        }
    };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a run takes less than 2^52 microseconds, or KiB")]
    let [user_ms, system_ms, peak_mib] = [
        usage.user_time().num_microseconds() as f64 / 1e3,
        usage.system_time().num_microseconds() as f64 / 1e3,
        usage.max_rss() as f64 / 1024.0,
    ];
    let taken = Taken { wall_s, user_ms, system_ms, peak_mib, code: status.code() };
    fs::write(&args.file, serde_json::to_vec(&taken).unwrap()).unwrap();
    ExitCode::SUCCESS
}

/// Has `command` run in `folder`, for so many seconds at most.
pub(crate) fn measure(command: &Command, folder: &Path, deadline_s: u64) -> Result<Taken, String> {
    let numbers = folder.join("taken.json");
    let said = folder.join("said.txt");
    let mut meter = Command::new(std::env::current_exe().unwrap());
    meter.arg("meter").arg(&numbers).arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => meter.env(name, value),
            None => meter.env_remove(name),
        };
    }
    let log = File::create(&said).unwrap();
    meter.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
    let mut child = meter.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(deadline_s);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            // Errors mean that it has ended meanwhile.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
            return Err(format!("killed after {deadline_s} s"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let tail = || {
        let said = fs::read_to_string(&said).unwrap_or_default();
        said.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" / ")
    };
    let numbers = fs::read(&numbers).map_err(|_| format!("it did not start: {}", tail()))?;
    let taken: Taken = serde_json::from_slice(&numbers).unwrap();
    if taken.code == Some(0) { Ok(taken) } else { Err(format!("it ended with {:?}: {}", taken.code, tail())) }
}
