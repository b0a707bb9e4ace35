//! Failpoints: places where a test makes the disk fail, or the process die, on purpose.
//!
//! Whatever changes a file that a crash must not spoil passes one of two functions here, under a name:
//! [`io()`] stands before a step (a sync, a rename, a removal, the truncation of a file), [`write_all`] is
//! the write itself and can also stop in the middle. Names are `<what>.<step>`, such as
//! `frontier.log.sync`; `tests/fire/crash.rs` lists them all, and a test holds the list against the sources.
//!
//! Compiled in by the feature `failpoints` of crate `fail`, which the dev-dependencies ask for and the
//! dependencies do not: the program that `cargo test` and `cargo bench` build has them, and what
//! `cargo build` makes has empty functions. Deliberately not: a way to configure anything, or something that a
//! user may rely on.
//!
//! A test says what is to happen in the environment of the program, as `FAILPOINTS="name=action;…"`, or in its
//! own process by `fail::cfg(name, action)`. An action is one of the crate's (`off`, `sleep(ms)`,
//! `panic`, with `n*` for the first n times and `->` for what comes then) or `return(<fault>)`, where a fault is
//! one of
//! - `kill`: the process ends by SIGKILL, before the step;
//! - `EIO`, `ENOSPC`, `EROFS`, `EACCES`, `EDQUOT`: the step is not taken and the system says so;
//! - either of them after a number, for writes: so many bytes are written first, or a share of all:
//!   `return(7 ENOSPC)`, `return(50% kill)`.
//!
//! The clock's start is shifted by `seconds`: `clock.start=return(-3600)`.
//!
//! So `frontier.log.sync=4*off->return(kill)` kills at the fifth sync of the log.

use std::io::{self, Write};

use rustix::{io::Errno, process};

/// Has the environment variable `FAILPOINTS` say what is to fail, if failpoints are compiled in. For the
/// start of the program.
pub(crate) fn listen() {
    if fail::has_failpoints() {
        // The scenario ends when it is dropped.
        std::mem::forget(fail::FailScenario::setup());
    }
}

/// Passes the failpoint `name`, which stands before a step that the caller is about to take.
///
/// # Errors
/// When a test wants the step to fail. It is not to be taken then.
pub fn io(name: &str) -> io::Result<()> {
    match asked(name) {
        None => Ok(()),
        Some(fault) => Err(Fault::parse(name, &fault).strike()),
    }
}

/// [`Write::write_all`] behind the failpoint `name`.
///
/// # Errors
/// When `to` can't be written, or a test wants the write to fail. Some of `bytes` may have been written.
pub fn write_all(name: &str, to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match asked(name) {
        None => to.write_all(bytes),
        Some(fault) => {
            let fault = Fault::parse(name, &fault);
            to.write_all(&bytes[..fault.share.of(bytes.len())])?;
            to.flush()?;
            Err(fault.strike())
        }
    }
}

/// By how many seconds a test wants something shifted: 0 unless it says so.
pub(crate) fn seconds(name: &str) -> i64 {
    asked(name).map_or(0, |shift| shift.parse().unwrap_or_else(|_| panic!("failpoint {name}: no seconds: {shift:?}")))
}

/// What a test wants to happen at `name`, if anything.
fn asked(name: &str) -> Option<String> {
    let _ = name;
    fail::fail_point!(name, |fault| Some(fault.unwrap_or_default()));
    None
}

struct Fault {
    share: Share,
    what: What,
}

/// How much of a write is done before the fault.
enum Share {
    Bytes(usize),
    Percent(usize),
}

enum What {
    Kill,
    Error(Errno),
}

impl Fault {
    /// # Panics
    /// When the text is no fault: the test is wrong.
    fn parse(name: &str, text: &str) -> Self {
        let (share, what) = text.split_once(' ').unwrap_or(("0", text));
        let (digits, is_percent) = share.strip_suffix('%').map_or((share, false), |digits| (digits, true));
        let n = digits.parse().unwrap_or_else(|_| panic!("failpoint {name}: no number: {text:?}"));
        let what = match what {
            "kill" => What::Kill,
            "EIO" => What::Error(Errno::IO),
            "ENOSPC" => What::Error(Errno::NOSPC),
            "EROFS" => What::Error(Errno::ROFS),
            "EACCES" => What::Error(Errno::ACCESS),
            "EDQUOT" => What::Error(Errno::DQUOT),
            _ => panic!("failpoint {name}: no fault: {text:?}"),
        };
        Self { share: if is_percent { Share::Percent(n) } else { Share::Bytes(n) }, what }
    }

    /// The error, unless the process is no more.
    fn strike(self) -> io::Error {
        match self.what {
            What::Error(errno) => errno.into(),
            What::Kill => {
                let _ = process::kill_process(process::getpid(), process::Signal::KILL);
                // Nothing survives SIGKILL but the first process of a container.
                std::process::abort()
            }
        }
    }
}

impl Share {
    fn of(&self, n_bytes: usize) -> usize {
        match self {
            Self::Bytes(n) => (*n).min(n_bytes),
            Self::Percent(n) => (n_bytes * n / 100).min(n_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_have_failpoints() {
        assert!(fail::has_failpoints(), "the dev-dependencies ask for them");
    }

    #[test]
    fn a_step_fails_as_asked_and_when() {
        let _guard = fail::FailGuard::new("test.step", "2*off->1*return(EIO)->off").unwrap();
        let ended: Vec<_> = (0..4).map(|_| io("test.step").map_err(|error| error.raw_os_error())).collect();
        assert_eq!(ended, [Ok(()), Ok(()), Err(Some(5)), Ok(())]);
        assert!(io("test.another").is_ok());
    }

    #[test]
    fn a_write_stops_in_the_middle() {
        let check = |action: &str, expected: &str| {
            let _guard = fail::FailGuard::new("test.write", action).unwrap();
            let mut written = Vec::new();
            let error = write_all("test.write", &mut written, b"0123456789").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert_eq!(String::from_utf8(written).unwrap(), expected, "{action}");
        };
        check("return(ENOSPC)", "");
        check("return(3 ENOSPC)", "012");
        check("return(50% ENOSPC)", "01234");
        check("return(99 ENOSPC)", "0123456789");
    }

    #[test]
    #[should_panic(expected = "no fault: \"EWHAT\"")]
    fn a_fault_that_is_none_is_told() {
        let _guard = fail::FailGuard::new("test.wrong", "return(EWHAT)").unwrap();
        let _ = io("test.wrong");
    }
}
