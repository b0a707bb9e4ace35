//! The work on one item: fetched, its body put where it belongs, its result made ready to be written.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use http::{HeaderMap, Method, header::AUTHORIZATION};

use super::{
    args::{FetchArgs, Format},
    folder::Folder,
    input::Asked,
    text::text,
};
use crate::{
    clock::Clock,
    engine::courier::{Courier, FetchResult, Order},
    shutdown::blocking,
};

/// From this size on a body is made a result where it can't hold up other tasks.
const LARGE_BODY_BYTES: usize = 256 * 1024;

/// What all tasks work with.
pub(super) struct Desk {
    pub(super) args: FetchArgs,
    pub(super) courier: Courier,
    pub(super) folder: Option<Folder>,
    pub(super) format: Format,
    /// Headers for the origins of the input only.
    pub(super) secrets: HeaderMap,
    pub(super) max_body_bytes: usize,
    pub(super) has_cache: bool,
    pub(super) clock: Clock,
}

/// A result, ready to be written.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) position: u64,
    pub(super) outcome: &'static str,
    /// Whether a server answered, with whatever.
    pub(super) answered: bool,
    /// Whether its body could not be written to its file.
    pub(super) unwritten: bool,
    pub(super) body_bytes: u64,
    pub(super) text: Vec<u8>,
}

impl Desk {
    /// Fetches a URL. Whatever happens, there is a result.
    pub(super) async fn work(self: Arc<Self>, position: u64, source: Option<String>, asked: Asked) -> Done {
        let url = asked.url.to_string();
        let worked = AssertUnwindSafe(self.fetch(asked)).catch_unwind().await;
        let (result, unwritten) = worked.unwrap_or_else(|_| {
            tracing::error!(url, "a task panicked; its URL is told as failed");
            (FetchResult::internal(url, self.clock.now()), false)
        });
        Done { unwritten, ..self.done(position, source, result) }
    }

    async fn fetch(&self, asked: Asked) -> (FetchResult, bool) {
        let began = self.clock.now();
        let mut order = Order::get(asked.url, self.max_body_bytes);
        order.headers.clone_from(&self.secrets);
        if let Some(authorization) = asked.authorization {
            order.headers.insert(AUTHORIZATION, authorization);
        }
        if self.args.head {
            order.method = Method::HEAD;
        }
        order.follow = !self.args.no_follow;
        order.deadline = self.args.deadline;
        let delivery = self.courier.deliver(order).await;
        let ended = self.clock.now();
        let conclude = || {
            let mut result = FetchResult::delivered(&delivery, self.args.shown(), self.has_cache, [began, ended]);
            let mut unwritten = false;
            if let Ok(response) = &delivery.result {
                if self.args.include_body {
                    result.include(&response.body);
                }
                if let Some(folder) = self.folder.as_ref().filter(|_| result.outcome == "fetched") {
                    let url = &delivery.hops[0].url;
                    let written = folder.write(url, result.content_type.as_deref(), &response.body);
                    unwritten = written.is_err();
                    result.note_file(written);
                }
            }
            (result, unwritten)
        };
        let size = delivery.result.as_ref().map_or(0, |response| response.body.len());
        if size >= LARGE_BODY_BYTES { blocking(conclude) } else { conclude() }
    }

    /// Makes a result ready.
    pub(super) fn done(&self, position: u64, source: Option<String>, result: FetchResult) -> Done {
        let result = FetchResult { position, source, ..result };
        Done {
            position,
            outcome: result.outcome,
            answered: result.status.is_some(),
            unwritten: false,
            body_bytes: result.body_bytes.unwrap_or_default(),
            text: match self.format {
                Format::Json => result.to_line(),
                Format::Text => text(&result).into_bytes(),
            },
        }
    }
}
