//! What the integration tests share.
//!
//! [`site`] describes small websites and serves them from a raw socket, [`client`] and [`reader`]
//! are an independent client and link extractor (so that dragline is never checked with its own
//! code), [`audit`] asks a log of arrivals simple questions (whole policies are `crate::fire::auditor`'s), [`villain`] plays servers that mean harm, [`binary`] runs the built program and
//! reads what it leaves behind, [`ground`] gives its crawls a place and checks their books,
//! [`daemon`] runs it as a daemon and calls it, [`browser`] looks at its pages with a real browser.

pub(crate) mod audit;
pub(crate) mod binary;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod daemon;
pub(crate) mod ground;
pub(crate) mod reader;
pub(crate) mod responder;
mod selftest;
pub(crate) mod site;
pub(crate) mod villain;

/// The links of a [`site::Site`]'s page: `links!["/a", "/b"]`.
macro_rules! links {
    ($($link:expr),* $(,)?) => { &[$(&*$link),*] as &[&str] };
}
pub(crate) use links;
