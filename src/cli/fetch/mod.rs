//! `dragline fetch`: the fetch stack by hand and in scripts.
//!
//! Many URLs in ([`input`]: arguments, standard input, files), a result for each out ([`FetchResult`](crate::engine::courier::FetchResult): a line of
//! JSON, or [`text`] for people), as they come or in order, bodies inside of them or as files ([`folder`],
//! [`names`]). What is done for one URL is the engine's [`Courier`](crate::engine::courier::Courier); here
//! is only how many at once ([`round`]) and what is said of each ([`task`]).
//!
//! Each item of the input has exactly one result, a line that is no URL too; only an interruption leaves
//! some without, and standard error says how many. The form of results is an interface that scripts rely
//! on (`docs/schemas/fetch.schema.json`): fields are added and never renamed.
//!
//! By hand nobody is asked who he is. Whoever asks more than [`MAX_HOSTS_WITHOUT_CONTACT`] hosts of the
//! public internet is no hand any more: the others are refused until there is a contact, as a crawl is.

mod args;
mod display;
mod folder;
mod input;
mod names;
mod round;
mod run;
mod task;
mod text;

pub(crate) use args::FetchArgs;
pub(super) use run::{execute, schema};

/// Hosts of the public internet that are asked without a contact.
const MAX_HOSTS_WITHOUT_CONTACT: usize = 10;
