//! How one thing is judged, as an answer that programs read: for `dragline inspect`, and for callers of the daemon.
//!
//! Nothing is judged here: every answer is put together of what the module says that a crawl asks too. The forms of
//! answers are an interface that others rely on; fields are added and never renamed.
//!
//! Where what is judged comes from (a file, a URL, a caller) is for others to know.

pub(crate) mod robots;
pub(crate) mod sitemap;
