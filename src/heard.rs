//! What a test's own thread has logged, counted by target.
//!
//! Tests only. A subscriber that a test sets for itself may hear nothing: tracing keeps with each line of code
//! that logs whether anybody listens, and another test's thread that reaches that line for the first time
//! while the subscriber comes or goes leaves "nobody" there. So one subscriber listens for all tests, for as
//! long as the process lives, and counts for each thread apart.

use std::{cell::RefCell, collections::HashMap, sync::Once};

use tracing::{
    Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

thread_local! {
    static HEARD: RefCell<HashMap<&'static str, usize>> = RefCell::default();
}

/// How many lines of level info or above this thread has logged under `target` since it first asked.
pub(crate) fn n_heard(target: &str) -> usize {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        tracing::subscriber::set_global_default(Ear).expect("no other test sets a subscriber for all");
        // Lines that were reached for the first time while the subscriber came.
        tracing::callsite::rebuild_interest_cache();
    });
    HEARD.with_borrow(|heard| heard.get(target).copied().unwrap_or(0))
}

struct Ear;

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        HEARD.with_borrow_mut(|heard| *heard.entry(event.metadata().target()).or_default() += 1);
    }

    // Spans are nobody's concern.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
