//! Open files: as many as the system gives, and no more requests at once than they are enough for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files besides those of requests: the store, outputs, name look-ups, connections kept for later.
const SPARE: usize = 256;

/// Asks the system for as many open files as it gives, and says how many requests may be in flight at
/// once, `wanted` at most. A request without a file would look like a host in trouble.
pub(super) fn concurrency(wanted: usize) -> usize {
    let given = raise();
    let most = given.map_or(usize::MAX, |files| if files > 2 * SPARE { files - SPARE } else { files / 2 }).max(1);
    if wanted > most {
        tracing::warn!(
            wanted,
            most,
            "the system lets this process open too few files for fetch.concurrency, which is cut (see ulimit -n)"
        );
    }
    wanted.min(most)
}

/// Raises the soft limit to the hard one. `None` is no limit.
fn raise() -> Option<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let files = if raised { maximum } else { current };
    files.map(|files| usize::try_from(files).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modest_wish_is_granted() {
        assert_eq!(concurrency(1), 1);
        assert_eq!(getrlimit(Resource::Nofile).current, getrlimit(Resource::Nofile).maximum);
    }
}
