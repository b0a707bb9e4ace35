//! stub
use crate::engine::Finished;
use std::path::Path;
pub(super) fn summary(_j: &str, f: &Finished, _o: &Path, _r: Option<&Path>, _c: bool) -> String {
    format!("{:?} {:#?}", f.end, f.book.tally)
}
