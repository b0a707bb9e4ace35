//! What an earlier pass left of the pages of a host that are next.

use std::collections::HashMap;

use super::super::Validators;
use crate::address::Fingerprint;

/// Few: about as many as may be asked for at once. What is not used is asked for again.
#[derive(Debug, Default)]
pub(super) struct Recall(HashMap<Fingerprint, Left>);

#[derive(Debug)]
enum Left {
    /// The store has been asked.
    Asked,
    /// Its answer.
    Known(Option<Box<Validators>>),
}

impl Recall {
    /// Whether the store has answered.
    pub(super) fn has(&self, page: Fingerprint) -> bool {
        matches!(self.0.get(&page), Some(Left::Known(_)))
    }

    /// Of which of these pages, the next ones, the store is to be asked. What is known of others is let go of.
    pub(super) fn wants(&mut self, next: impl Iterator<Item = Fingerprint>) -> Vec<Fingerprint> {
        let next: Vec<Fingerprint> = next.collect();
        if self.0.len() > next.len() {
            self.0.retain(|page, _| next.contains(page));
        }
        let unknown: Vec<Fingerprint> = next.into_iter().filter(|page| !self.0.contains_key(page)).collect();
        self.0.extend(unknown.iter().map(|page| (*page, Left::Asked)));
        unknown
    }

    /// The store's answer. One that nobody waits for any more is let go of.
    pub(super) fn answered(&mut self, page: Fingerprint, left: Option<Box<Validators>>) {
        if let Some(known) = self.0.get_mut(&page) {
            *known = Left::Known(left);
        }
    }

    /// The page is leased.
    pub(super) fn take(&mut self, page: Fingerprint) -> Option<Box<Validators>> {
        match self.0.remove(&page) {
            Some(Left::Known(left)) => left,
            Some(Left::Asked) | None => None,
        }
    }
}
