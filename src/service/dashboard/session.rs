//! Sessions: who has shown a key, and the tokens of forms.
//!
//! A session is 256 random bits in a cookie; what is kept is their digest, whose key it was, and when it was last used.
//! They are in memory only: after a restart people sign in again. A session that nobody uses ends; a page that renews
//! itself does not count as use, so a forgotten window does not stay signed in for ever.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::Timestamp;

/// Sessions at once; the one that was used least lately gives way.
const MAX_SESSIONS: usize = 1000;
/// The same for one key, so that it can't push all others out.
const MAX_PER_KEY: usize = 50;
/// A session that was not used for so long is over.
const IDLE: Duration = Duration::from_secs(8 * 3600);
/// The same however much it was used: a cookie that somebody got hold of is no good for ever.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Keys that may be tried, over all callers: whoever guesses shares this with everybody else who guesses.
const TRIES_PER_S: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
const TRIES_AT_ONCE: NonZeroU32 = NonZeroU32::new(20).expect("not zero");

type Digest = [u8; 32];

struct Session {
    key: Digest,
    opened_at: Timestamp,
    used_at: Timestamp,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.used_at) >= IDLE || now.since(self.opened_at) >= LIFE
    }
}

/// Who has come in.
pub(super) struct Lobby {
    /// What tokens of forms are made with.
    secret: [u8; 32],
    /// By the digest of what their cookies hold.
    sessions: Mutex<HashMap<Digest, Session>>,
    tries: DefaultDirectRateLimiter,
}

/// What is in the cookie of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Lobby {
    pub(super) fn new() -> Self {
        let secret = random().expect("without random bytes there would be no TLS either");
        let tries = RateLimiter::direct(Quota::per_second(TRIES_PER_S).allow_burst(TRIES_AT_ONCE));
        Self { secret, sessions: Mutex::default(), tries }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another key may be tried now.
    pub(super) fn may_try(&self) -> bool {
        self.tries.check().is_ok()
    }

    /// Lets in whoever has shown the key of this digest.
    pub(super) fn open(&self, key: Digest, now: Timestamp) -> Result<Token, getrandom::Error> {
        let token = Token(hex(&random()?));
        let mut sessions = self.sessions();
        sessions.retain(|_, session| !session.is_over(now));
        let of_key = |session: &Session| session.key == key;
        if sessions.values().filter(|session| of_key(session)).count() >= MAX_PER_KEY {
            drop_oldest(&mut sessions, of_key);
        }
        if sessions.len() >= MAX_SESSIONS {
            drop_oldest(&mut sessions, |_| true);
        }
        sessions.insert(Sha256::digest(&token.0).into(), Session { key, opened_at: now, used_at: now });
        Ok(token)
    }

    /// By which key whoever has this token came in; `is_use` says whether this keeps the session alive.
    pub(super) fn key(&self, token: &Token, now: Timestamp, is_use: bool) -> Option<Digest> {
        let mut sessions = self.sessions();
        let digest: Digest = Sha256::digest(&token.0).into();
        let session = sessions.get_mut(&digest)?;
        if session.is_over(now) {
            sessions.remove(&digest);
            return None;
        }
        if is_use {
            session.used_at = now;
        }
        Some(session.key)
    }

    pub(super) fn close(&self, token: &Token) {
        let digest: Digest = Sha256::digest(&token.0).into();
        self.sessions().remove(&digest);
    }

    /// The token that forms of a session carry, or of whoever has none.
    pub(super) fn form_token(&self, session: Option<&Token>) -> String {
        let text = session.map_or("", Token::as_str);
        let inner = Sha256::new().chain_update(self.secret).chain_update(text).finalize();
        // Twice, so that nobody can go on from a digest that he knows.
        hex(&Sha256::new().chain_update(self.secret).chain_update(inner).finalize())
    }

    /// Whether `given` is that token.
    pub(super) fn is_form_token(&self, session: Option<&Token>, given: &str) -> bool {
        self.form_token(session).as_bytes().ct_eq(given.as_bytes()).into()
    }
}

fn drop_oldest(sessions: &mut HashMap<Digest, Session>, is_meant: impl Fn(&Session) -> bool) {
    let meant = sessions.iter().filter(|(_, session)| is_meant(session));
    let oldest = meant.min_by_key(|(_, session)| session.used_at).map(|(digest, _)| *digest);
    if let Some(oldest) = oldest {
        sessions.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_when_it_is_closed() {
        let lobby = Lobby::new();
        let token = lobby.open([1; 32], at(0)).unwrap();
        assert_eq!(token.as_str().len(), 64);
        assert_eq!(lobby.key(&Token::of("rubbish"), at(0), true), None);
        let hour = |n: u64| at(n * 3600);
        assert_eq!(lobby.key(&token, hour(7), true), Some([1; 32]));
        assert_eq!(lobby.key(&token, hour(14), false), Some([1; 32]), "seven hours after its last use");
        assert_eq!(lobby.key(&token, hour(15), true), None, "looking was no use of it");
        let token = lobby.open([1; 32], hour(16)).unwrap();
        let in_use = |hours: std::ops::Range<u64>| hours.map(|n| lobby.key(&token, hour(16 + n), true).is_some());
        assert!(in_use(1..168).all(|is_open| is_open), "for a week");
        assert!(in_use(168..169).all(|is_open| !is_open), "and no longer");
        let token = lobby.open([1; 32], hour(16)).unwrap();
        lobby.close(&token);
        assert_eq!(lobby.key(&token, hour(16), true), None);
    }

    #[test]
    fn sessions_are_bounded_and_no_key_pushes_the_others_out() {
        let lobby = Lobby::new();
        let first = lobby.open([1; 32], at(0)).unwrap();
        let greedy: Vec<Token> = (0..200).map(|n| lobby.open([2; 32], at(n + 1)).unwrap()).collect();
        assert_eq!(lobby.sessions().len(), 1 + MAX_PER_KEY);
        assert!(lobby.key(&first, at(300), true).is_some() && lobby.key(&greedy[199], at(300), true).is_some());
        assert!(lobby.key(&greedy[0], at(300), true).is_none());
        for key in 3..=255 {
            (0..10).for_each(|n| drop(lobby.open([key; 32], at(400 + n)).unwrap()));
        }
        assert_eq!(lobby.sessions().len(), MAX_SESSIONS);
    }

    #[test]
    fn tokens_of_forms_are_of_one_session_and_one_process() {
        let (lobby, other) = (Lobby::new(), Lobby::new());
        let (a, b) = (lobby.open([1; 32], at(0)).unwrap(), lobby.open([1; 32], at(0)).unwrap());
        let token = lobby.form_token(Some(&a));
        assert!(lobby.is_form_token(Some(&a), &token));
        assert!(!lobby.is_form_token(Some(&b), &token) && !lobby.is_form_token(None, &token));
        assert!(!other.is_form_token(Some(&a), &token) && !lobby.is_form_token(Some(&a), ""));
    }

    #[test]
    fn keys_can_not_be_tried_for_ever() {
        let lobby = Lobby::new();
        assert!((0..100).filter(|_| lobby.may_try()).count() < 50);
    }
}
