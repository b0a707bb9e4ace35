//! The round: the one task that tells receivers what they are to hear.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, header};
use tokio::{
    task::{Id as TaskId, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    hook::Heard,
    post::{Attempt, Post},
    sign,
};
use crate::{
    address::CanonicalUrl,
    clock::Clock,
    fetch::{FetchError, HttpFetcher, Request, retry},
    shutdown::Shutdown,
};

/// How often what could not be written is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(2);
/// When nothing is due: as good as never.
const IDLE: Duration = Duration::from_secs(3600);

/// What the loop goes on with.
enum Event {
    Stop,
    Now,
    Back(TaskId, Option<(Heard, Duration)>),
    Look,
}

impl Post {
    /// Tells receivers until it is asked to stop. What is on its way then may arrive, for as long as `deadline` says; what
    /// has not is told again at the next start.
    pub(crate) async fn run(self, http: Arc<HttpFetcher>, agent: HeaderValue, shutdown: Shutdown, deadline: Duration) {
        let mut flights: JoinSet<(Heard, Duration)> = JoinSet::new();
        let mut hooks: HashMap<TaskId, String> = HashMap::new();
        let mut ends_at: Option<Instant> = None;
        loop {
            let mut wake_at = Instant::now() + IDLE;
            if let Some(ends_at) = ends_at {
                if flights.is_empty() {
                    return;
                }
                wake_at = ends_at;
            } else {
                let (due, next) = self.begin(self.concurrency() - flights.len());
                for attempt in due {
                    let hook = attempt.hook.clone();
                    let task = flights.spawn(tell(http.clone(), agent.clone(), attempt, self.clone()));
                    hooks.insert(task.id(), hook);
                }
                wake_at = next.map_or(wake_at, |next| wake_at.min(self.clock().instant(next)));
                if !self.is_written() {
                    wake_at = wake_at.min(Instant::now() + WRITE_AGAIN);
                }
            }
            let event = tokio::select! {
                biased;
                () = shutdown.now() => Event::Now,
                () = shutdown.requested(), if ends_at.is_none() => Event::Stop,
                Some(back) = flights.join_next_with_id() => match back {
                    Ok((task, heard)) => Event::Back(task, Some(heard)),
                    Err(error) => Event::Back(error.id(), None),
                },
                () = self.news(), if ends_at.is_none() => Event::Look,
                () = sleep_until(wake_at) => if ends_at.is_some() { Event::Now } else { Event::Look },
            };
            match event {
                Event::Now => return,
                Event::Stop => ends_at = Some(Instant::now() + deadline),
                Event::Back(task, heard) => {
                    let Some(hook) = hooks.remove(&task) else { continue };
                    let (heard, took) = heard.unwrap_or_else(|| {
                        tracing::error!(hook, "the task that tells a webhook panicked");
                        (Heard::Error("internal".to_owned()), Duration::ZERO)
                    });
                    self.conclude(&hook, heard, took);
                }
                Event::Look => {
                    self.write_again();
                }
            }
        }
    }
}

/// One attempt.
async fn tell(http: Arc<HttpFetcher>, agent: HeaderValue, attempt: Attempt, post: Post) -> (Heard, Duration) {
    let began = post.clock().now();
    let Ok(url) = CanonicalUrl::from_stored(&attempt.url) else {
        return (Heard::Error("url".to_owned()), Duration::ZERO);
    };
    let id = sign::id(attempt.event);
    let mut request = Request::get(url, 0);
    // The system's clock as it is now, which is what the receiver compares it with: a process may be suspended.
    request.headers = sign::fields(&attempt.secret, &id, Clock::system().now(), &attempt.body);
    request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request.headers.insert(header::USER_AGENT, agent);
    let answered = http.post(request, Bytes::from(attempt.body)).await;
    let now = post.clock().now();
    let heard = match answered {
        Ok(answered) => {
            // Only who says that it is busy may ask for a pause.
            let asks = matches!(answered.status, 429 | 503);
            let pause = asks.then(|| retry::retry_after(&answered.headers, now)).flatten();
            Heard::Status(answered.status, pause)
        }
        Err(error) => Heard::Error(word(&attempt.hook, &error)),
    };
    (heard, now.since(began))
}

/// The word for a failure: its kind. The rest is for the log, and names neither URL nor secret.
fn word(hook: &str, error: &FetchError) -> String {
    tracing::debug!(hook, kind = error.kind.as_str(), "a webhook can't be told: {error}");
    error.kind.as_str().to_owned()
}
