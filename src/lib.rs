//! dragline: a polite, crash-proof HTTP crawler.
//!
//! ```text
//!  config ──▶ cli ──▶ engine::run
//!                          │
//!     ┌────────────────────┴─────────────────────┐
//!     │  dispatcher ──Lease──▶ pool of workers    │   permit → fetch → parse → judge links → serialise
//!     │   (workbench: what        │               │
//!     │    may be asked now)      │ Visit         │
//!     │        ▲                  ▼               │
//!     │        └────News──── recorder             │   outputs appended and fsynced, then one commit:
//!     │                  (frontier, sink: what    │   outcomes, new links, host states, output offsets
//!     │                   is known, what is out)  │
//!     └───────────────────────────────────────────┘
//!                          │ events
//!                          ▼
//!          tally → receipt, report · live display · logs
//! ```
//!
//! Modules in reading order; imports run from later ones to earlier ones only (`tests/it/house.rs`
//! sees to that). `docs/ARCHITECTURE.md` walks through one URL, one shutdown, one
//! restart and one recrawl, and lists the layers of the fetch stack.
#![warn(missing_docs)]

// Ground.
pub mod address;
pub mod clock;
pub mod fault;
#[cfg(test)]
mod heard;
mod lock;
#[cfg(test)]
mod seeds;
pub mod shutdown;
pub mod verdict;

// Pure rules: functions of bytes and time.
pub mod parse;
pub mod robots;
pub mod scope;
pub mod sitemap;

// Ports: to servers, to hosts' patience, to disk.
pub mod cache;
pub mod fetch;
pub mod frontier;
pub mod politeness;
pub mod sink;

// The engine, the only one who knows both how a page is got and where it goes.
pub mod engine;

// Edges.
pub mod cli;
pub mod config;
mod inspect;
mod job;
pub mod report;
mod service;
pub mod telemetry;
pub mod vitro;
