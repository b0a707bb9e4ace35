//! Events, as they happen (server-sent events, WHATWG HTML section 9.2).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Path as InPath, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as Sent, KeepAlive},
    },
};
use futures::{Stream, stream};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{App, endpoint::Caller, extract};
use crate::{
    service::{
        board::Board,
        events::{Event, Events},
        ledger::CrawlId,
        problem::Problem,
    },
    shutdown::Shutdown,
};

/// A reader who hears nothing for so long hears that there is nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A reader of the events of one crawl.
struct Reader {
    id: CrawlId,
    events: Arc<Events>,
    last: watch::Receiver<u64>,
    board: Board,
    shutdown: Shutdown,
    seen: u64,
    /// What was taken and not sent yet, the next one last.
    pending: Vec<Event>,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn events(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = extract::crawl(&app, &caller, &id)?;
    let place = app.readers.free().try_acquire_owned();
    let place = place.map_err(|_| Problem::unavailable("as many events are being read as may be (daemon.readers)"))?;
    let name = headers.get("last-event-id").and_then(|name| name.to_str().ok()).unwrap_or_default();
    let reader = Reader {
        id: shown.entry.id,
        seen: shown.events.seen(name),
        last: shown.events.last(),
        events: shown.events,
        board: app.crawls.board.clone(),
        shutdown: app.shutdown.clone(),
        pending: Vec::new(),
        _place: place,
    };
    Ok(Sse::new(reader.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

impl Reader {
    fn stream(self) -> impl Stream<Item = Result<Sent, Infallible>> + Send {
        stream::unfold(self, |mut reader| async move { reader.next().await.map(|sent| (Ok(sent), reader)) })
    }

    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(event) = self.pending.pop() {
                self.seen = event.number;
                return Some(sent(&self.events, &event));
            }
            self.last.borrow_and_update();
            // Before looking: what is told after that is found the next time.
            let is_over = self.board.get(self.id).is_none_or(|shown| shown.state().is_over());
            let batch = self.events.since(self.seen);
            self.pending = batch.events;
            self.pending.reverse();
            if batch.n_missed > 0 {
                // What is there is what comes next; without any, all of it is gone.
                self.seen += batch.n_missed;
                let gap = Sent::default().event("gap").json_data(json!({"missed": batch.n_missed}));
                return gap.ok();
            }
            if self.pending.is_empty() {
                if is_over {
                    return None;
                }
                tokio::select! {
                    changed = self.last.changed() => changed.ok()?,
                    () = self.shutdown.requested() => return None,
                }
            }
        }
    }
}

fn sent(events: &Events, event: &Event) -> Sent {
    let sent = Sent::default().id(events.name(event.number)).event(event.kind);
    sent.json_data(&event.data).unwrap_or_default()
}
