//! Small things that pages say: states, times, links.

use std::{borrow::Cow, time::Duration};

use maud::{Markup, html};
use url::form_urlencoded;

use crate::{
    clock::Timestamp,
    report::{Unit, moment, number},
    service::board::State,
};

/// Longest text of somebody else's that a page of many shows whole, characters: a page of 50 records stays below some
/// hundred kB whatever they hold.
pub(super) const MAX_TEXT_CHARS: usize = 200;

/// How a crawl stands, in words.
pub(super) fn state_word(state: State) -> &'static str {
    match state {
        State::LimitReached => "limit reached",
        other => other.as_str(),
    }
}

/// The same for the eye. The words say all; the colour only helps.
pub(super) fn badge(state: State) -> Markup {
    html! { span class={ "badge " (state.as_str()) } { (state_word(state)) } }
}

/// When something was, as seen from now.
pub(super) fn ago(now: Timestamp, at: Timestamp) -> Markup {
    let text = at.rfc3339();
    let passed = now.since(at);
    let words = if passed < Duration::from_secs(2) { "just now".to_owned() } else { format!("{} ago", span(passed)) };
    html! { time datetime=(text) title=(moment(&text)) { (words) } }
}

/// When something will be.
pub(super) fn ahead(now: Timestamp, at: Timestamp) -> Markup {
    let text = at.rfc3339();
    let left = at.since(now);
    let words = if left.is_zero() { "now".to_owned() } else { format!("in {}", span(left)) };
    html! { time datetime=(text) title=(moment(&text)) { (words) } }
}

/// The same of a time that the API tells as text.
pub(super) fn ago_since(now: Timestamp, at: &str) -> Markup {
    parsed(at).map_or_else(|| html! { "–" }, |at| ago(now, at))
}

/// The same of one to come.
pub(super) fn ahead_of(now: Timestamp, at: &str) -> Markup {
    parsed(at).map_or_else(|| html! { "–" }, |at| ahead(now, at))
}

fn parsed(rfc3339: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = rfc3339.parse().ok()?;
    u64::try_from(at.as_microsecond()).ok().map(Timestamp)
}

/// The beginning of a text that has more than `most` characters, with a sign that it is no more than that.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A time in its greatest unit.
pub(super) fn span(time: Duration) -> String {
    let rounded = if time >= Duration::from_secs(1) { time.as_secs().saturating_mul(1000) } else { millis(time) };
    Unit::Millis.show(rounded)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// So many things a second.
pub(super) fn rate(per_second: f64) -> String {
    format!("{}/s", number(per_second))
}

/// `1 host`, `2 hosts`.
pub(super) fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", crate::report::count(n), if n == 1 { "" } else { "s" })
}

/// Text for a query.
pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A URL that somebody else chose: a link if a browser can do no harm with it. A long one is shown cut, and leads to the
/// whole.
pub(super) fn link(url: &str) -> Markup {
    let text = cut(url, MAX_TEXT_CHARS);
    let is_harmless = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    html! {
        @if is_harmless {
            a.url href=(url) rel="noreferrer noopener nofollow" target="_blank" { bdi { (text) } }
        } @else {
            span.url { bdi { (text) } }
        }
    }
}

/// What a browser may be sent to after something was done: a path of ours, and nothing else.
pub(super) fn is_ours(path: &str) -> bool {
    let mut bytes = path.bytes();
    let starts = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    starts && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_schemes_become_links() {
        let check = |url: &str, expected: bool| assert_eq!(link(url).into_string().contains("<a "), expected, "{url}");
        check("https://example.com/", true);
        check("http://example.com/", true);
        check("javascript:alert(1)", false);
        check("JAVASCRIPT:alert(1)//http://", false);
        check("data:text/html,x", false);
        check("", false);
    }

    #[test]
    fn nobody_is_sent_to_another_site() {
        let check = |path: &str, expected: bool| assert_eq!(is_ours(path), expected, "{path}");
        check("/", true);
        check("/crawls/1?x=%2F", true);
        check("//evil.example", false);
        check("/\\evil.example", false);
        check("https://evil.example", false);
        check("/\r\nSet-Cookie: x", false);
        check("", false);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let check = |text: &str, most: usize, expected: &str| assert_eq!(cut(text, most), expected);
        check("", 3, "");
        check("abc", 3, "abc");
        check("abcd", 3, "abc…");
        check("\u{202e}é🦀x", 3, "\u{202e}é🦀…");
        let long = format!("https://a.test/{}", "x".repeat(5000));
        let shown = link(&long).into_string();
        assert!(shown.contains(&format!("href=\"{long}\"")) && shown.len() < long.len() + 500);
    }

    #[test]
    fn times_are_told_from_now() {
        let now = Timestamp(1_800_000_000_000_000);
        let check = |markup: Markup, expected: &str| {
            let text = markup.into_string();
            assert!(text.contains(&format!(">{expected}<")), "{text}");
        };
        check(ago(now, now), "just now");
        check(ago(now, now - Duration::from_secs(300)), "5 min ago");
        check(ahead(now, now + Duration::from_millis(400)), "in 400 ms");
        check(ahead(now, now - Duration::from_secs(1)), "now");
        check(ago_since(now, &(now - Duration::from_secs(7200)).rfc3339()), "2 h ago");
        check(ahead_of(now, &(now + Duration::from_secs(5)).rfc3339()), "in 5 s");
        assert_eq!(ahead_of(now, "<b>never</b>").into_string(), "–");
    }
}
