//! `dragline demo`: the built-in web, crawled.

use super::{Exit, args::DemoArgs, complain};

/// Serves and crawls the built-in web.
pub(super) fn execute(args: &DemoArgs) -> Exit {
    let DemoArgs { out, pages, keep } = args;
    complain(&format!("error: this build has no demo (out {}, pages {pages}, keep {keep})", out.display()));
    Exit::Internal
}
