//! The pool: a task for each lease, as many as there are permits.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    visit::{ToDispatcher, ToRecorder},
    worker::Worker,
};
use crate::{frontier::Lease, lock::JoinSet};

/// Gives each lease to a worker. Ends when there are no more leases and all workers are done, or
/// when `abort` says so; what is in flight then is dropped and stays queued.
pub(super) async fn run(
    worker: Arc<Worker>,
    concurrency: usize,
    mut leases: mpsc::Receiver<Lease>,
    to_dispatcher: mpsc::Sender<ToDispatcher>,
    to_recorder: mpsc::Sender<ToRecorder>,
    abort: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(concurrency));
    let mut workers = JoinSet::new();
    let pooled = async {
        while let Some(lease) = leases.recv().await {
            // Never waits long: the dispatcher hands out no more leases than there are permits.
            let Ok(permit) = permits.clone().acquire_owned().await else { return };
            while workers.try_join_next().is_some() {}
            workers.spawn(work(worker.clone(), lease, permit, to_dispatcher.clone(), to_recorder.clone()));
        }
        while workers.join_next().await.is_some() {}
    };
    tokio::select! {
        biased;
        () = pooled => {}
        () = abort.cancelled() => tracing::debug!(crawl = worker.crawl(), "dropping what is in flight"),
    }
    workers.shutdown().await;
}

async fn work(
    worker: Arc<Worker>,
    lease: Lease,
    permit: OwnedSemaphorePermit,
    to_dispatcher: mpsc::Sender<ToDispatcher>,
    to_recorder: mpsc::Sender<ToRecorder>,
) {
    let copy = lease.clone();
    let done = AssertUnwindSafe(worker.work(lease)).catch_unwind().await;
    let (returned, visit) = done.unwrap_or_else(|_| {
        let (crawl, url) = (worker.crawl(), copy.url());
        tracing::error!(crawl, %url, "a worker panicked; its URL is recorded as failed");
        worker.failed(copy)
    });
    // Room first, then the permit: when the recorder is slow, workers wait and nothing new is leased.
    // A station that is gone has ended the crawl: the URL is still queued and nothing is lost.
    let Ok(room) = to_recorder.reserve().await else { return };
    drop(permit);
    let _ = to_dispatcher.send(ToDispatcher::Returned(Box::new(returned))).await;
    room.send(ToRecorder::Visit(Box::new(visit)));
}
