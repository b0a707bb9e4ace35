//! The jar: which cookies are taken, and which go with a request (RFC 6265bis sections 5.7 and 5.8).
//!
//! Cookies lie by registrable domain, so that a request looks at its own domain's only, however
//! many there are.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;

use super::{
    Cookie, CookieOptions, SameSite,
    set_cookie::{Rejection, SetCookie, check_pair},
};
use crate::{
    address::{CanonicalUrl, HostKey},
    clock::{Clock, Timestamp},
};

/// The longest that a cookie is kept (RFC 6265bis section 5.5).
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// The cookies of one job. See the module's contract.
#[derive(Debug)]
pub struct CookieJar {
    shelves: Mutex<Shelves>,
    options: CookieOptions,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Shelves {
    /// By registrable domain, or by host where there is none; each in order of creation.
    by_domain: BTreeMap<String, Vec<Cookie>>,
    n_cookies: usize,
    revision: u64,
}

impl CookieJar {
    /// An empty one.
    pub fn new(options: CookieOptions, clock: Clock) -> Self {
        Self { shelves: Mutex::default(), options, clock }
    }

    /// Takes what the server of `url` asked for in a `Set-Cookie` field.
    ///
    /// # Errors
    /// When it has no right to, or the field is none.
    pub fn set(&self, url: &CanonicalUrl, field: &[u8]) -> Result<(), Rejection> {
        let now = self.clock.now();
        let asked = SetCookie::parse(field)?;
        let is_secure = url.as_url().scheme() == "https";
        let cookie = admitted(&asked, url, is_secure, now)?;
        let mut shelves = self.lock();
        if !cookie.secure && !is_secure && shelves.would_cover_a_secure_one(&cookie) {
            return Err(Rejection::Insecure);
        }
        shelves.put(cookie, now, self.options);
        Ok(())
    }

    /// Adds cookies that were kept elsewhere. Expired ones and those that no server could have set
    /// are passed over. Returns how many were taken.
    pub fn add(&self, cookies: impl IntoIterator<Item = Cookie>) -> usize {
        let now = self.clock.now();
        let mut shelves = self.lock();
        let mut n_taken = 0;
        for mut cookie in cookies {
            cookie.expires = cookie.expires.map(|end| end.min(now + MAX_AGE));
            let is_sound = check_pair(&cookie.name, &cookie.value).is_ok()
                && cookie.path.starts_with('/')
                && (cookie.host_only || !is_public_suffix(&cookie.domain))
                && !is_over(&cookie, now);
            if is_sound {
                shelves.put(cookie, now, self.options);
                n_taken += 1;
            }
        }
        n_taken
    }

    /// The `Cookie` field for a request of `url`, marked sensitive; none if there is nothing to say.
    pub fn field(&self, url: &CanonicalUrl) -> Option<HeaderValue> {
        let now = self.clock.now();
        let (host, path) = (url.host_str(), url.as_url().path());
        let is_secure = url.as_url().scheme() == "https";
        let mut shelves = self.lock();
        let shelf = shelves.by_domain.get_mut(&shelf_of(host))?;
        let mut due: Vec<&mut Cookie> = shelf
            .iter_mut()
            .filter(|cookie| {
                let is_hosts =
                    if cookie.host_only { cookie.domain == host } else { domain_match(host, &cookie.domain) };
                is_hosts && path_match(path, &cookie.path) && (is_secure || !cookie.secure) && !is_over(cookie, now)
            })
            .collect();
        // Stable, so that among paths of one length the order of creation stays.
        due.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let mut text = String::new();
        for cookie in due {
            cookie.last_used = now;
            text.push_str(if text.is_empty() { "" } else { "; " });
            if !cookie.name.is_empty() {
                text.push_str(&cookie.name);
                text.push('=');
            }
            text.push_str(&cookie.value);
        }
        let mut field = HeaderValue::from_str(&text).or_else(|_| HeaderValue::from_bytes(text.as_bytes())).ok()?;
        field.set_sensitive(true);
        (!text.is_empty()).then_some(field)
    }

    /// All cookies that have not expired, in order of creation.
    pub fn cookies(&self) -> Vec<Cookie> {
        let now = self.clock.now();
        let shelves = self.lock();
        let mut all: Vec<_> =
            shelves.by_domain.values().flatten().filter(|cookie| !is_over(cookie, now)).cloned().collect();
        // Stable: those of one moment stay in their order.
        all.sort_by_key(|cookie| cookie.created);
        all
    }

    /// How many there are, expired ones that nobody has met yet included.
    pub fn len(&self) -> usize {
        self.lock().n_cookies
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes whenever a cookie is set or dropped: what was saved at one revision need not be saved again.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// Puts a cookie in the place of its predecessor, or makes room for it.
    fn put(&mut self, mut cookie: Cookie, now: Timestamp, options: CookieOptions) {
        self.revision += 1;
        let place = shelf_of(&cookie.domain);
        let shelf = self.by_domain.entry(place.clone()).or_default();
        let is_same = |old: &Cookie| {
            (&old.name, &old.domain, old.host_only, &old.path)
                == (&cookie.name, &cookie.domain, cookie.host_only, &cookie.path)
        };
        match shelf.iter().position(is_same) {
            Some(at) if is_over(&cookie, now) => {
                shelf.remove(at);
                self.n_cookies -= 1;
            }
            Some(at) => {
                cookie.created = shelf[at].created;
                shelf[at] = cookie;
            }
            None if is_over(&cookie, now) => {}
            None => {
                shelf.push(cookie);
                self.n_cookies += 1;
                if shelf.len() > options.max_per_domain {
                    self.n_cookies -= make_room(shelf, now);
                }
            }
        }
        if shelf.is_empty() {
            self.by_domain.remove(&place);
        }
        if self.n_cookies > options.max {
            self.evict(now);
        }
    }

    /// Drops what has expired; if that is nothing, what was used longest ago.
    fn evict(&mut self, now: Timestamp) {
        let before = self.n_cookies;
        self.by_domain.values_mut().for_each(|shelf| shelf.retain(|cookie| !is_over(cookie, now)));
        if self.by_domain.values().map(Vec::len).sum::<usize>() == before {
            let oldest = |shelf: &[Cookie]| (0..shelf.len()).min_by_key(|&i| shelf[i].last_used);
            let used = |shelf: &[Cookie]| oldest(shelf).map(|i| shelf[i].last_used);
            let shelf = self.by_domain.values_mut().min_by_key(|shelf| used(shelf));
            if let Some((shelf, at)) = shelf.and_then(|shelf| oldest(shelf).map(|at| (shelf, at))) {
                shelf.remove(at);
            }
        }
        self.by_domain.retain(|_, shelf| !shelf.is_empty());
        self.n_cookies = self.by_domain.values().map(Vec::len).sum();
    }

    /// Whether a plain cookie would be sent in the place of a secure one of the same name.
    fn would_cover_a_secure_one(&self, new: &Cookie) -> bool {
        let shelf = self.by_domain.get(&shelf_of(&new.domain));
        shelf.into_iter().flatten().any(|old| {
            let is_near = domain_match(&new.domain, &old.domain) || domain_match(&old.domain, &new.domain);
            old.secure && old.name == new.name && is_near && path_match(&new.path, &old.path)
        })
    }
}

/// Brings a shelf back into its bound: expired cookies go, else the plain one or else the one that was
/// used longest ago. Returns how many went.
fn make_room(shelf: &mut Vec<Cookie>, now: Timestamp) -> usize {
    let before = shelf.len();
    shelf.retain(|cookie| !is_over(cookie, now));
    if shelf.len() == before {
        // The one that was just put there is the last and stays.
        let at = (0..before - 1).min_by_key(|&i| (shelf[i].secure, shelf[i].last_used));
        shelf.remove(at.unwrap_or(0));
    }
    before - shelf.len()
}

/// The cookie that is asked for, if the server may have it.
fn admitted(asked: &SetCookie<'_>, url: &CanonicalUrl, is_secure: bool, now: Timestamp) -> Result<Cookie, Rejection> {
    let host = url.host_str();
    let mut domain = asked.domain.to_ascii_lowercase();
    if !domain.is_ascii() {
        return Err(Rejection::Domain);
    }
    if !domain.is_empty() && is_public_suffix(&domain) {
        // A host that is a public suffix itself may have cookies of its own.
        if domain != host {
            return Err(Rejection::PublicSuffix);
        }
        domain.clear();
    }
    if !domain.is_empty() && !domain_match(host, &domain) {
        return Err(Rejection::Domain);
    }
    if asked.secure && !is_secure {
        return Err(Rejection::Insecure);
    }
    let host_only = domain.is_empty();
    let begins = |text: &str, prefix: &str| text.get(..prefix.len()).is_some_and(|p| p.eq_ignore_ascii_case(prefix));
    let is_bound = asked.secure && host_only && asked.path == Some("/");
    let nameless_prefix = asked.name.is_empty() && (begins(asked.value, "__Secure-") || begins(asked.value, "__Host-"));
    if nameless_prefix
        || (begins(asked.name, "__Secure-") && !asked.secure)
        || (begins(asked.name, "__Host-") && !is_bound)
        || (asked.same_site == SameSite::None && !asked.secure)
    {
        return Err(Rejection::Prefix);
    }
    Ok(Cookie {
        name: asked.name.to_owned(),
        value: asked.value.to_owned(),
        domain: if host_only { host.to_owned() } else { domain },
        host_only,
        path: asked.path.map_or_else(|| default_path(url.as_url().path()), str::to_owned),
        secure: asked.secure,
        http_only: asked.http_only,
        same_site: asked.same_site,
        expires: asked.expiry(now).map(|end| end.min(now + MAX_AGE)),
        created: now,
        last_used: now,
    })
}

fn is_over(cookie: &Cookie, now: Timestamp) -> bool {
    cookie.expires.is_some_and(|end| end <= now)
}

/// The cookies that a request to `host` could get, and no others' in the way of its search.
fn shelf_of(host: &str) -> String {
    HostKey::new(host).registrable_domain().unwrap_or(host).to_owned()
}

/// A name that many parties register names under, by the Public Suffix List; not an address.
fn is_public_suffix(domain: &str) -> bool {
    HostKey::new(domain).registrable_domain().is_none() && !is_address(domain)
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// RFC 6265bis section 5.1.3.
fn domain_match(host: &str, domain: &str) -> bool {
    host == domain || (host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')) && !is_address(host))
}

/// RFC 6265bis section 5.1.4.
fn path_match(path: &str, of_cookie: &str) -> bool {
    path.strip_prefix(of_cookie)
        .is_some_and(|rest| rest.is_empty() || of_cookie.ends_with('/') || rest.starts_with('/'))
}

/// The directory of a path, without its last slash unless that is all.
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}
