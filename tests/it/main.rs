//! The integration tests: the built binary and the library, from the outside.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod cli;
mod conformance;
mod cost;
mod crash;
mod daemon;
mod docs_site;
mod explain;
mod fetch;
#[path = "../fire/mod.rs"]
#[expect(dead_code, reason = "the long forms are commands of benches/fire.rs")]
mod fire;
mod guarded;
mod herd;
mod hostile;
#[path = "../hot/mod.rs"]
mod hot;
mod house;
mod httpbin;
mod identity;
mod instrument;
mod packaging;
mod pages;
mod polite;
mod politeness;
mod reading;
mod recrawl;
mod resume;
mod run;
mod schemas;
mod secrets;
mod soak;
mod support;
mod traces;
mod trouble;
mod verify;
mod vitro;
