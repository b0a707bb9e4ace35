//! The daemon: `dragline serve`.
//!
//! One process that is given crawls and single URLs over HTTP, keeps them through crashes and upgrades, and can't be
//! abused. Its parts, and who owns what:
//!
//! ```text
//!            ┌──────┐ call ┌─────┐ Order ┌─────────┐ Work ┌──────────────────┐
//!  caller ──▶│ door │─────▶│ api │──────▶│ foreman │─────▶│ a crawl (job/)   │──┐
//!            └──────┘      └──┬──┘       │ ledger  │◀─────│ and its engine   │  │ one gate, one
//!                             │ look     └────┬────┘ Ran  └──────────────────┘  │ fetch stack,
//!                             ▼               │ show                            │ one cache
//!                        ┌───────┐◀───────────┘        courier (single URLs) ───┘
//!                        │ board │
//!                        └───────┘
//! ```
//!
//! - [`ledger`] is what has been asked for, on disk: what is wanted of each crawl, and how it ended;
//! - [`foreman`] is the one task that changes it, and starts and stops crawls. He answers when what he says is on disk;
//! - [`board`] is what he shows; `events` what happens to a crawl, for those who watch;
//! - [`hooks`] tells receivers outside what becomes of crawls, until they have heard it;
//! - [`door`] says who comes in; [`api`] lists the calls; `problem` is how a refusal looks;
//! - [`dashboard`] is the same for people, with `history` for its plots;
//! - [`serve`] listens, takes connections under bounds, and ends all of that in order.
//!
//! Deliberately not: crawling. What a crawl does, and that it survives anything, is `job/` and the engine's.
//!
//! Invariants:
//! - a crawl that was acknowledged is never lost and never made twice, whatever kills the process;
//! - a caller can't widen what the operator set: documents are judged by `config::Base` against it;
//! - outputs lie in the data folder, whatever a document says;
//! - no path, secret or internal error is in an answer.

mod api;
mod board;
mod dashboard;
mod door;
mod events;
mod foreman;
mod history;
mod hooks;
mod ledger;
mod patience;
mod places;
mod problem;
mod serve;

pub(crate) use api::openapi_document;
pub(crate) use foreman::Crawls;
pub(crate) use serve::{ServeError, Service};
