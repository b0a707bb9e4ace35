//! One crawl in the ledger, and what may be done to it.

use std::{collections::HashSet, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{clock::Timestamp, config::HookEvent};

/// Version of the entries that are written.
const VERSION: u32 = 1;
/// Most seeds that may be added to a crawl, over all calls.
pub(crate) const MAX_MORE_SEEDS: usize = 100_000;
/// Most bytes of them.
const MAX_MORE_SEEDS_BYTES: usize = 16 << 20;

/// Which crawl: a UUID of version 7 (RFC 9562), so that they sort by when they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CrawlId(Uuid);

impl CrawlId {
    pub(crate) fn new(now: Timestamp) -> Self {
        let (seconds, nanos) = (now.0 / 1_000_000, u32::try_from(now.0 % 1_000_000).unwrap_or_default() * 1000);
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)))
    }
}

impl FromStr for CrawlId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for CrawlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// What is known of a crawl beside what its output folder holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    version: u32,
    pub(crate) id: CrawlId,
    /// Changes so far, this one included: the crawl's entity tag.
    pub(crate) revision: u64,
    /// The name of the key that it was made with.
    pub(crate) owner: String,
    /// When it was made, microseconds since the epoch.
    pub(crate) created_at: Timestamp,
    /// Those with more go first.
    pub(crate) priority: u8,
    /// As sent.
    pub(crate) document: Json,
    /// Seeds that were added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) more_seeds: Vec<String>,
    pub(crate) want: Want,
    /// What the next run does if the crawl is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Next>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<Ended>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency: Option<Idempotency>,
    /// What webhooks were told last since it was begun or gone on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<HookEvent>,
    /// What they are to be told. Not all that is here is still to be handed over: they know what they have taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) owed: Vec<Owed>,
}

/// An event that belongs to what the entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owed {
    /// Which of all events.
    pub(crate) seq: u64,
    pub(crate) id: Uuid,
    pub(crate) event: HookEvent,
    pub(crate) at: Timestamp,
    /// Whether it was handed over by this process.
    #[serde(skip)]
    pub(crate) is_taken: bool,
}

/// What whoever owns a crawl wants of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Want {
    Run,
    Pause,
    Cancel,
}

/// What a run does with a crawl that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Next {
    /// All of it again.
    Recrawl,
    /// What there is beside.
    Reopen,
}

/// How a crawl ended, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) how: How,
    pub(crate) at: Timestamp,
    /// Why it failed, in words that anybody may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// How a crawl ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    /// Nothing was left.
    Finished,
    /// A limit of its document was reached.
    LimitReached,
    /// Somebody cancelled it.
    Cancelled,
    /// It could not go on.
    Failed,
}

/// By which a call that is made twice makes one crawl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Idempotency {
    /// The caller's word for the call.
    pub(crate) key: String,
    /// SHA-256 of what the call asked for, in hexadecimal digits.
    pub(crate) digest: String,
}

/// What somebody wants to be done to a crawl.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Pause,
    Resume,
    Cancel,
    Recrawl,
    AddSeeds(Vec<String>),
    Change(Change),
}

/// What may be changed of a crawl that has begun.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) priority: Option<u8>,
    /// Its document from now on.
    pub(crate) document: Option<Json>,
}

/// Why something can't be done to a crawl as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("the crawl is over: {0}")]
    Over(&'static str),
    #[error("the crawl has not ended: only one that is finished, or that reached a limit, can be done again")]
    NotOver,
    #[error("no more than {MAX_MORE_SEEDS} seeds, and 16 MiB of them, may be added to a crawl")]
    TooManySeeds,
}

impl Entry {
    pub(crate) fn new(owner: String, priority: u8, document: Json, want: Want, now: Timestamp) -> Self {
        Self {
            version: VERSION,
            id: CrawlId::new(now),
            revision: 1,
            owner,
            created_at: now,
            priority,
            document,
            more_seeds: Vec::new(),
            want,
            next: None,
            ended: None,
            idempotency: None,
            said: None,
            owed: Vec::new(),
        }
    }

    /// Whether it can be read by this program.
    pub(crate) fn is_readable(&self) -> bool {
        self.version == VERSION
    }

    /// Whether it is to be worked on.
    pub(crate) fn is_due(&self) -> bool {
        self.ended.is_none() && self.want == Want::Run
    }

    /// Whether it is to end, and nobody has said that it has.
    pub(crate) fn is_to_end(&self) -> bool {
        self.ended.is_none() && self.want == Want::Cancel
    }

    fn how(&self) -> Option<How> {
        self.ended.as_ref().map(|ended| ended.how)
    }

    /// The entry after `act`; the same if there is nothing to do.
    pub(crate) fn act(&self, act: Act) -> Result<Self, Unfit> {
        let mut after = self.clone();
        match (act, self.how()) {
            (Act::Pause, None) => after.want = Want::Pause,
            (Act::Pause, Some(_)) => return Err(Unfit::Over("there is nothing to pause")),
            (Act::Resume, Some(How::Finished)) => {
                return Err(Unfit::Over("nothing is left to go on with; recrawl it, or add seeds"));
            }
            (Act::Resume, _) => after.go_on(None),
            (Act::Cancel, Some(How::Cancelled)) => {}
            (Act::Cancel, Some(_)) => return Err(Unfit::Over("there is nothing to cancel")),
            // A run that is under way says itself when it has stopped.
            (Act::Cancel, None) => after.want = Want::Cancel,
            (Act::Recrawl, Some(How::Finished | How::LimitReached)) => after.go_on(Some(Next::Recrawl)),
            (Act::Recrawl, _) => return Err(Unfit::NotOver),
            (Act::AddSeeds(seeds), how) => {
                let mut known: HashSet<String> = after.more_seeds.iter().cloned().collect();
                after.more_seeds.extend(seeds.into_iter().filter(|seed| known.insert(seed.clone())));
                let n_bytes: usize = after.more_seeds.iter().map(String::len).sum();
                if after.more_seeds.len() > MAX_MORE_SEEDS || n_bytes > MAX_MORE_SEEDS_BYTES {
                    return Err(Unfit::TooManySeeds);
                }
                if how == Some(How::Finished) && after != *self {
                    after.go_on(Some(Next::Reopen));
                }
            }
            (Act::Change(change), _) => {
                after.priority = change.priority.unwrap_or(after.priority);
                after.document = change.document.unwrap_or(after.document);
            }
        }
        if after != *self {
            after.revision += 1;
        }
        Ok(after)
    }

    fn go_on(&mut self, next: Option<Next>) {
        if self.ended.is_some() || self.want != Want::Run {
            // Whatever it comes to now is news.
            self.said = None;
        }
        self.want = Want::Run;
        self.ended = None;
        // What was wanted before and has not been begun is still wanted.
        self.next = next.or(self.next);
    }

    /// The entry when its crawl has come to an end.
    pub(crate) fn end(&self, how: How, error: Option<String>, now: Timestamp) -> Self {
        let ended = Some(Ended { how, at: now, error });
        // What was wanted and never begun is still wanted by whoever has it go on.
        let next = self.next.filter(|_| matches!(how, How::Failed | How::Cancelled));
        Self { ended, next, revision: self.revision + 1, ..self.clone() }
    }

    /// The entry when its crawl found nothing left, and seeds have come meanwhile.
    pub(crate) fn go_on_with_seeds(&self) -> Self {
        Self { next: Some(Next::Reopen), revision: self.revision + 1, ..self.clone() }
    }

    /// The entry when what was next has been begun.
    pub(crate) fn begun(&self) -> Self {
        Self { next: None, revision: self.revision + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

    fn entry() -> Entry {
        Entry::new("me".into(), 5, serde_json::json!({}), Want::Run, NOW)
    }

    #[test]
    fn what_may_be_done_and_what_it_comes_to() {
        let over = |how| entry().end(how, None, NOW);
        let check = |before: &Entry, act: Act, expected: Option<(bool, Want, Option<Next>)>| {
            let after = before.act(act.clone()).ok();
            let is = after.map(|after| (after.ended.is_some(), after.want, after.next));
            assert_eq!(is, expected, "{act:?} of {before:?}");
        };
        let seeds = || Act::AddSeeds(vec!["https://example.com/x".into()]);
        check(&entry(), Act::Pause, Some((false, Want::Pause, None)));
        check(&entry(), Act::Cancel, Some((false, Want::Cancel, None)));
        check(&entry(), Act::Recrawl, None);
        check(&entry(), seeds(), Some((false, Want::Run, None)));
        check(&entry().act(Act::Pause).unwrap(), Act::Resume, Some((false, Want::Run, None)));
        check(&over(How::Finished), Act::Resume, None);
        check(&over(How::Finished), Act::Pause, None);
        check(&over(How::Finished), Act::Cancel, None);
        check(&over(How::Finished), Act::Recrawl, Some((false, Want::Run, Some(Next::Recrawl))));
        check(&over(How::Finished), seeds(), Some((false, Want::Run, Some(Next::Reopen))));
        check(&over(How::LimitReached), Act::Resume, Some((false, Want::Run, None)));
        check(&over(How::Failed), Act::Resume, Some((false, Want::Run, None)));
        check(&over(How::Cancelled), Act::Resume, Some((false, Want::Run, None)));
        check(&over(How::Cancelled), Act::Cancel, Some((true, Want::Run, None)));
        check(&over(How::Cancelled), seeds(), Some((true, Want::Run, None)));
        // A recrawl that could not begin is what it goes on with.
        let again = over(How::Finished).act(Act::Recrawl).unwrap().end(How::Failed, None, NOW);
        check(&again, Act::Resume, Some((false, Want::Run, Some(Next::Recrawl))));
    }

    #[test]
    fn the_revision_tells_of_every_change_and_of_nothing_else() {
        let entry = entry();
        assert_eq!(entry.act(Act::Resume).unwrap(), entry);
        assert_eq!(entry.act(Act::Pause).unwrap().revision, 2);
        let seeded = entry.act(Act::AddSeeds(vec!["https://a.test/".into()])).unwrap();
        assert_eq!(seeded.revision, 2);
        assert_eq!(seeded.act(Act::AddSeeds(vec!["https://a.test/".into()])).unwrap(), seeded);
        let twice = Act::AddSeeds(vec!["https://b.test/".into(), "https://b.test/".into()]);
        assert_eq!(entry.act(twice).unwrap().more_seeds.len(), 1);
        let long = (0..20).map(|n| format!("https://a.test/{n}{}", "x".repeat(1 << 20))).collect();
        assert_eq!(entry.act(Act::AddSeeds(long)), Err(Unfit::TooManySeeds));
        let many = (0..=MAX_MORE_SEEDS).map(|n| format!("https://a.test/{n}")).collect();
        assert_eq!(entry.act(Act::AddSeeds(many)), Err(Unfit::TooManySeeds));
    }

    #[test]
    fn an_entry_that_no_webhook_is_told_of_is_written_as_ever() {
        let text = serde_json::to_string(&entry()).unwrap();
        assert!(!text.contains("said") && !text.contains("owed"), "{text}");
        let read: Entry = serde_json::from_str(&text).unwrap();
        assert!(read.said.is_none() && read.owed.is_empty());
    }

    #[test]
    fn what_is_gone_on_with_is_news_again() {
        let told = |how| Entry { said: Some(HookEvent::Finished), ..entry().end(how, None, NOW) };
        assert_eq!(told(How::Finished).act(Act::Recrawl).unwrap().said, None);
        assert_eq!(told(How::Failed).act(Act::Resume).unwrap().said, None);
        let running = Entry { said: Some(HookEvent::Started), ..entry() };
        assert_eq!(running.act(Act::Resume).unwrap(), running, "it runs: nothing is news");
        assert_eq!(running.act(Act::Pause).unwrap().act(Act::Resume).unwrap().said, None);
    }

    #[test]
    fn ids_sort_by_time_and_can_be_read_back() {
        let ids: Vec<CrawlId> = (0..20).map(|ms| CrawlId::new(Timestamp(NOW.0 + 1000 * ms))).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[3].to_string().parse::<CrawlId>().unwrap(), ids[3]);
        assert!("../../etc".parse::<CrawlId>().is_err());
    }
}
