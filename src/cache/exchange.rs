//! One exchange with the server, and what it changes in the store.

use std::sync::Arc;

use http::{HeaderMap, Method, header};

use super::{
    Options, answer,
    counters::Counters,
    key::User,
    policy::{self, Facts, Plan, Rules},
    shelf::{Entry, Shelves},
};
use crate::{
    address::Canonicalizer,
    clock::{Clock, Timestamp},
    fetch::{CacheStatus, FetchError, Fetcher, Request, Response},
};

/// Makes exchanges and keeps what may be kept of them.
pub(super) struct Exchanges {
    pub(super) inner: Arc<dyn Fetcher>,
    rules: Rules,
    clock: Clock,
    pub(super) shelves: Arc<Shelves>,
    pub(super) counters: Arc<Counters>,
}

/// What an exchange came to, for the one who made it and those who waited.
pub(super) struct Landed {
    pub(super) result: Result<Response, FetchError>,
    pub(super) how: How,
}

/// How the one who was to ask came by its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Somebody else had asked just before.
    Hit,
    /// Likewise, and the answer is stale already, which is all the same to the caller.
    Stale,
    /// The server said that what is stored is still true.
    Revalidated,
    /// The server said something else, or nothing.
    Asked,
}

/// When an exchange began and ended.
#[derive(Clone, Copy)]
struct Span {
    asked_at: Timestamp,
    received_at: Timestamp,
}

impl Exchanges {
    pub(super) fn new(inner: Arc<dyn Fetcher>, options: Options, clock: Clock) -> Self {
        let shelves = Arc::new(Shelves::new(options.max_bytes, options.entry_max_bytes, options.keep));
        Self { inner, rules: options.rules, clock, shelves, counters: Arc::default() }
    }

    /// The same store in front of another fetcher.
    pub(super) fn beside(&self, inner: Arc<dyn Fetcher>) -> Self {
        let (shelves, counters) = (self.shelves.clone(), self.counters.clone());
        Self { inner, rules: self.rules, clock: self.clock, shelves, counters }
    }

    /// An exchange past the cache; what it changes on the server is forgotten here.
    pub(super) async fn past(&self, request: Request) -> Result<Response, FetchError> {
        let (url, method) = (request.url.clone(), request.method.clone());
        let response = self.inner.fetch(request).await?;
        if policy::invalidates(&method, response.status) {
            self.shelves.remove_all(&url).await;
            for also in policy::also_invalidated(url.as_url(), &response.headers) {
                if let Ok(also) = Canonicalizer::default().apply(also) {
                    self.shelves.remove_all(&also).await;
                }
            }
        }
        Ok(response)
    }

    /// Asks the server, with the validators of what is stored.
    pub(super) async fn exchange(&self, request: &Request, user: &User) -> Arc<Landed> {
        let asked_at = self.clock.now();
        let entry = self.shelves.find(request, user).await;
        // Whoever asked last may have finished between the caller's look and this one.
        if let Some(entry) = &entry {
            let how = match policy::plan(Some(&entry.facts), &request.headers, false, asked_at) {
                Plan::Fresh => Some((CacheStatus::Hit, How::Hit)),
                Plan::Stale => Some((CacheStatus::Stale, How::Stale)),
                _ => None,
            };
            if let Some((status, how)) = how {
                let response = answer::from_memory(entry, request, status, asked_at, asked_at);
                return Arc::new(Landed { result: Ok(response), how });
            }
        }
        let mut asked = request.clone();
        let own_conditions = policy::has_preconditions(&request.headers);
        let validated = entry
            .as_ref()
            .filter(|entry| request.method == Method::GET && !own_conditions && entry.facts.has_validator());
        if let Some(entry) = validated {
            policy::add_validators(&mut asked.headers, &entry.facts);
        }
        let result = self.inner.fetch(asked).await;
        let span = Span { asked_at, received_at: self.clock.now() };
        let landed = match result {
            Ok(response) if response.status == 304 && validated.is_some() => {
                self.confirmed(request, user, validated.expect("just seen"), &response, span).await
            }
            Ok(response) => {
                self.learn(request, user, entry.as_ref(), &response, span).await;
                Landed { result: Ok(response), how: How::Asked }
            }
            Err(error) => Landed { result: Err(error), how: How::Asked },
        };
        Arc::new(landed)
    }

    /// The server says that what is stored is still true: that is what it was asked, by whatever name it
    /// calls it now.
    async fn confirmed(
        &self,
        request: &Request,
        user: &User,
        entry: &Arc<Entry>,
        answer: &Response,
        span: Span,
    ) -> Landed {
        let fresh = self.freshen(request, user, entry, answer, span).await;
        let mut response =
            answer::after_exchange(&fresh, request, CacheStatus::Revalidated, &answer::Exchange::of(answer));
        // Said to the one who asked; it is not kept.
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            response.headers.append(header::SET_COOKIE, cookie.clone());
        }
        Landed { result: Ok(response), how: How::Revalidated }
    }

    /// Keeps what an answer that is not a 304 to us says, or forgets what it contradicts.
    async fn learn(&self, request: &Request, user: &User, known: Option<&Arc<Entry>>, answer: &Response, span: Span) {
        if request.method == Method::HEAD {
            return self.learn_from_head(request, user, known, answer, span).await;
        }
        if answer.status == 304 {
            // To conditions of the caller's own: it freshens what is stored if it names it.
            let names = [header::ETAG, header::LAST_MODIFIED].iter().any(|name| answer.headers.contains_key(name));
            if let Some(entry) =
                known.filter(|entry| names && policy::is_same_representation(&entry.facts, &answer.headers))
            {
                self.freshen(request, user, entry, answer, span).await;
            }
            return;
        }
        let facts = self.facts(answer.status, &answer.headers, span);
        if answer.truncated.is_none() && self.may_store(request, answer.status, &answer.headers, &facts) {
            let detached = |headers| answer::detached(answer, headers);
            let entry = self.entry(request, user, &answer.headers, facts, detached);
            self.shelves.put(&request.url, &request.headers, entry, span.received_at).await;
        } else if let Some(known) = known.filter(|_| answer.status < 500 && answer.truncated.is_none()) {
            // What is stored is outdated, and what outdates it may not be kept. An error says nothing.
            self.shelves.remove(&request.url, known).await;
        }
    }

    /// RFC 9111 section 4.3.5: an answer to HEAD freshens what is stored if it is of the same
    /// representation, and outdates it if not.
    async fn learn_from_head(
        &self,
        request: &Request,
        user: &User,
        known: Option<&Arc<Entry>>,
        answer: &Response,
        span: Span,
    ) {
        let Some(known) = known.filter(|known| answer.status == 200 && known.response.status == 200) else { return };
        let length = |response: &Response| response.headers.get(header::CONTENT_LENGTH).cloned();
        let same_length = length(answer).is_none_or(|said| Some(said) == length(&known.response));
        if same_length && policy::is_same_representation(&known.facts, &answer.headers) {
            self.freshen(request, user, known, answer, span).await;
        } else {
            self.shelves.remove(&request.url, known).await;
        }
    }

    /// Keeps what is stored with the fields of an answer that confirms it, and returns it, kept or not: the
    /// answer may have said that it must not be.
    async fn freshen(&self, request: &Request, user: &User, old: &Arc<Entry>, answer: &Response, span: Span) -> Entry {
        let mut headers = old.response.headers.clone();
        policy::freshen(&mut headers, &answer.headers);
        let status = old.response.status;
        let entry = || {
            let facts = self.facts(status, &headers, span);
            self.entry(request, user, &headers, facts, |headers| Response { headers, ..old.response.clone() })
        };
        let fresh = entry();
        if self.may_store(request, status, &headers, &fresh.facts) {
            self.shelves.put(&request.url, &request.headers, entry(), span.received_at).await;
        } else {
            self.shelves.remove(&request.url, old).await;
        }
        fresh
    }

    fn facts(&self, status: u16, headers: &HeaderMap, span: Span) -> Facts {
        policy::facts(&self.rules, status, headers, span.asked_at, span.received_at)
    }

    fn may_store(&self, request: &Request, status: u16, headers: &HeaderMap, facts: &Facts) -> bool {
        policy::may_store(&self.rules, &Method::GET, &request.headers, status, headers, facts)
    }

    fn entry(
        &self,
        request: &Request,
        user: &User,
        headers: &HeaderMap,
        facts: Facts,
        response: impl FnOnce(HeaderMap) -> Response,
    ) -> Entry {
        Entry {
            facts,
            // None only where `Vary: *` is not heard.
            selecting: policy::selecting(&request.headers, headers).unwrap_or_default(),
            user: user.clone(),
            response: response(policy::stored_fields(&self.rules, headers)),
        }
    }
}
