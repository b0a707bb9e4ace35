//! The daemon, from the outside: crawls and fetches over HTTP, and what nobody may do.

mod api;
mod closed;
mod ctl;
mod dashboard;
mod dashboard_pages;
mod killed;
mod lives;
mod metrics;
mod regressions;
mod seen;
mod webhooks;
