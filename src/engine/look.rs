//! Looking at the state of a crawl that runs.
//!
//! Only the recorder may touch the store. Whoever wants to know something of it hands the recorder a [`Look`], which
//! it takes between two batches, never more than one at a time: a crawl with many curious readers goes on. What a look
//! finds is as of that moment, whether it is committed or not.
//!
//! Deliberately not: changing anything. A look may make the store read, and no more.

use tokio::sync::{mpsc, oneshot};

use super::{Book, Options};
use crate::frontier::Frontier;

/// Looks that wait to be taken. Whoever comes when there are so many waits to be let in.
const MAX_LOOKS: usize = 16;

/// What a look sees.
pub struct View<'a> {
    /// How the crawl runs.
    pub options: &'a Options,
    /// Its book; its marks are those of the last commit.
    pub book: &'a Book,
    /// What it knows.
    pub frontier: &'a mut dyn Frontier,
}

/// One look. It should be short: the crawl writes nothing meanwhile.
pub(super) type Look = Box<dyn FnOnce(View<'_>) + Send>;

/// By which a running crawl is looked at. Clones look at the same one.
#[derive(Debug, Clone)]
pub struct Looks(mpsc::Sender<Look>);

/// What the recorder takes looks from.
#[derive(Debug)]
pub struct LooksIn(pub(super) mpsc::Receiver<Look>);

/// Where looks go in, and where they come out.
pub fn looks() -> (Looks, LooksIn) {
    let (to, from) = mpsc::channel(MAX_LOOKS);
    (Looks(to), LooksIn(from))
}

impl Looks {
    /// What `look` makes of the state, when the recorder comes to it; none if the crawl has ended.
    pub async fn ask<T: Send + 'static>(&self, look: impl FnOnce(View<'_>) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let look: Look = Box::new(move |view| {
            // Whoever asked may have gone.
            if !answer.is_closed() {
                let _ = answer.send(look(view));
            }
        });
        self.0.send(look).await.ok()?;
        answered.await.ok()
    }
}
