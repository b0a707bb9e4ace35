//! How the program ends.

use std::process::ExitCode;

/// The exit codes. Scripts rely on the numbers: they don't change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The crawl is finished (or what was asked for is done).
    Finished = 0,
    /// An internal error. Of a crawl that a daemon works on: it failed. Of `healthcheck`: the daemon is not
    /// ready, for Docker knows no other number.
    Internal = 1,
    /// A usage or configuration error; nothing was done.
    Usage = 2,
    /// The crawl ended because a limit was reached.
    LimitReached = 3,
    /// The crawl was interrupted, or cancelled at its daemon, and can be resumed; or whoever watched it
    /// stopped watching.
    Interrupted = 4,
    /// The crawl ended without one page fetched.
    NothingFetched = 5,
    /// The output folder was refused: it holds a finished crawl or another one, is in use by another
    /// process, damaged, or can't be written.
    OutputRefused = 6,
    /// With `fetch --fail`: some URL did not end with 2xx.
    SomeFailed = 7,
    /// `verify`: outputs, state and receipt of the folder do not agree, or something in it is damaged.
    Unverified = 8,
    /// `ctl`: no daemon was reached, or what answered is none, or it went away.
    NoDaemon = 9,
    /// `ctl`: the daemon did not do it: a key that does not open this, no such crawl, one that is in no state
    /// for it, too much at a time.
    Declined = 10,
}

impl Exit {
    /// Every code, in order.
    pub const ALL: [Self; 11] = [
        Self::Finished,
        Self::Internal,
        Self::Usage,
        Self::LimitReached,
        Self::Interrupted,
        Self::NothingFetched,
        Self::OutputRefused,
        Self::SomeFailed,
        Self::Unverified,
        Self::NoDaemon,
        Self::Declined,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means, as in the help.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Internal => "internal error; ctl: the crawl failed; healthcheck: the daemon is not ready",
            Self::Usage => "usage or configuration error",
            Self::LimitReached => "a limit was reached",
            Self::Interrupted => "interrupted, can be resumed",
            Self::NothingFetched => "nothing was fetched",
            Self::OutputRefused => {
                "output folder refused (finished, of another configuration, in use, damaged, not writable)"
            }
            Self::SomeFailed => "with fetch --fail: some URL did not end with 2xx",
            Self::Unverified => "verify: the folder does not verify",
            Self::NoDaemon => "ctl: no daemon was reached",
            Self::Declined => "ctl: the daemon did not do it (key, no such crawl, not as it is, too much)",
        }
    }

    /// The table at the end of the help.
    pub(crate) fn help() -> String {
        let line = |exit: Self| format!("  {:<2} {}", exit.code(), exit.meaning());
        format!("Exit codes:\n{}", Self::ALL.map(line).join("\n"))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_ever() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
}
