//! Directories that are done with: their budget ran out, or they turned out to be a trap.
//!
//! The recorder finds out, the frontier remembers, the workbench refuses what is left in them. It
//! does not decide when a directory is done with.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    address::{CanonicalUrl, DirectoryKey},
    verdict::{Refusal, Refused},
};

/// Most retired directories of one host that are kept in mind; further ones go on being asked.
pub const MAX_RETIRED: usize = 65_536;

/// A directory of which nothing more is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Which: origin and path up to a slash.
    pub directory: String,
    /// The reason in the records of its URLs: [`Refusal::DirectoryPageLimit`], which is for the URLs
    /// whose directory it is (`limits.directory_levels`), or [`Refusal::DuplicateContent`], which is for all below it too.
    pub why: Refusal,
    /// The rule that fired, with the directory.
    pub rule: Arc<str>,
}

impl Retired {
    /// Under which it is filed: a directory can be done with for two reasons.
    pub(super) fn key(&self) -> u64 {
        DirectoryKey::of(&self.directory).0 ^ u64::from(self.why == Refusal::DuplicateContent)
    }
}

/// One host's retired directories, to be asked about every URL of it.
#[derive(Debug, Default)]
pub struct RetiredSet(HashMap<DirectoryKey, Retired>);

impl RetiredSet {
    /// Adds one, if there are fewer than [`MAX_RETIRED`].
    pub fn add(&mut self, retired: Retired) {
        if self.0.len() >= MAX_RETIRED {
            return;
        }
        let key = DirectoryKey::of(&retired.directory);
        // A trap goes deeper than a budget that ran out, so it stays.
        if self.0.get(&key).is_none_or(|known| known.why != Refusal::DuplicateContent) {
            self.0.insert(key, retired);
        }
    }

    /// Why `url` is not to be asked for, if it is in one of them; `levels` is
    /// `limits.directory_levels`.
    pub fn refuse(&self, url: &CanonicalUrl, levels: u16) -> Option<Refused> {
        if self.0.is_empty() {
            return None;
        }
        let own = url.directory(levels);
        let mut above = url.directories().filter_map(|directory| {
            let retired = self.0.get(&DirectoryKey::of(directory))?;
            (retired.why == Refusal::DuplicateContent || directory == own).then_some(retired)
        });
        above.next().map(|retired| Refused { why: retired.why, rule: Some(retired.rule.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    #[test]
    fn a_trap_is_for_all_below_and_a_budget_for_what_is_directly_in_it() {
        let retired = |directory: &str, why| Retired { directory: directory.into(), why, rule: "rule".into() };
        let mut set = RetiredSet::default();
        set.add(retired("http://h/trap/", Refusal::DuplicateContent));
        set.add(retired("http://h/trap/", Refusal::DirectoryPageLimit));
        set.add(retired("http://h/full/", Refusal::DirectoryPageLimit));
        for (url, expected) in [
            ("http://h/trap/", Some(Refusal::DuplicateContent)),
            ("http://h/trap/a/b?c", Some(Refusal::DuplicateContent)),
            ("http://h/full/a", Some(Refusal::DirectoryPageLimit)),
            ("http://h/full/a/", None),
            ("http://h/trap", None),
            ("https://h/trap/a", None),
        ] {
            let parsed = Canonicalizer::default().parse(url).expect("valid");
            assert_eq!(set.refuse(&parsed, 2).map(|refused| refused.why), expected, "{url}");
        }
    }
}
