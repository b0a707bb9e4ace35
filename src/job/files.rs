//! Open files: as many as the system gives, and no more requests at once than they are enough for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files besides those of connections: the store, outputs, name look-ups.
const SPARE: usize = 256;

/// Asks the system for as many open files as it gives, and says how many requests may be in flight at
/// once, `wanted` at most. A request without a file would look like a host in trouble.
pub(crate) fn concurrency(wanted: usize) -> usize {
    let most = most_requests(raise());
    if wanted > most {
        tracing::warn!(
            wanted,
            most,
            "the system lets this process open too few files for fetch.concurrency, which is cut (see ulimit -n)"
        );
    }
    wanted.min(most)
}

/// How many connections may be kept without a request beside so many in flight, `wanted` at most.
pub(crate) fn idle_connections(wanted: usize, concurrency: usize) -> usize {
    kept(raise(), wanted, concurrency)
}

fn most_requests(files: Option<usize>) -> usize {
    files.map_or(usize::MAX, |files| if files > 2 * SPARE { files - SPARE } else { files / 2 }).max(1)
}

fn kept(files: Option<usize>, wanted: usize, concurrency: usize) -> usize {
    let in_flight = concurrency.min(most_requests(files));
    files.map_or(wanted, |files| wanted.min(files.saturating_sub(SPARE + in_flight)))
}

/// Raises the soft limit to the hard one. `None` is no limit.
pub(crate) fn raise() -> Option<usize> {
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
        assert_eq!(idle_connections(1, 1), 1);
        assert_eq!(getrlimit(Resource::Nofile).current, getrlimit(Resource::Nofile).maximum);
    }

    #[test]
    fn requests_and_kept_connections_share_what_there_is() {
        let check = |files, wanted: usize, requests, idle| {
            assert_eq!((most_requests(files).min(wanted), kept(files, 2048, wanted)), (requests, idle), "{files:?}");
        };
        check(None, 64, 64, 2048);
        check(Some(1 << 20), 64, 64, 2048);
        check(Some(1024), 64, 64, 704);
        check(Some(1024), 2000, 768, 0);
        check(Some(100), 64, 50, 0);
    }
}
