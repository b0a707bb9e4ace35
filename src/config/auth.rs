//! Who gets which secret: `[[auth]]`, and the credentials that seeds have in their URLs, checked.

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderValue,
    header::{AUTHORIZATION, HeaderName},
};
use url::Url;

use super::{
    build::Checks,
    headers::{self, reveal},
    raw::{self, Raw},
};
use crate::address::{Canonicalizer, Origin};

/// The secret header fields of each origin, marked sensitive.
pub(crate) fn auth(raw: &Raw, canonicalizer: &Canonicalizer, checks: &mut Checks<'_>) -> HashMap<Origin, HeaderMap> {
    let mut auth = HashMap::new();
    for (i, entry) in raw.auth.iter().enumerate() {
        let key = format!("auth[{i}]");
        if checks.is_bad(&key) {
            continue;
        }
        let Some(origin) = checks.ok(&format!("{key}.origin"), origin(&entry.origin, canonicalizer)) else { continue };
        let Some(fields) = fields(entry, &key, checks) else { continue };
        if auth.insert(origin, fields).is_some() {
            checks.fail(&format!("{key}.origin"), "has an entry already");
        }
    }
    for (key, urls) in [("urls", &raw.seeds.urls), ("sitemaps", &raw.seeds.sitemaps)] {
        for (i, text) in urls.iter().enumerate() {
            let Some((origin, value)) = of_seed(text, canonicalizer) else { continue };
            let fields: &mut HeaderMap = auth.entry(origin).or_default();
            if fields.get(AUTHORIZATION).is_some_and(|known| *known != value) {
                let message = "has credentials in it, and its origin has others already: one origin, one login";
                checks.fail(&format!("seeds.{key}[{i}]"), message);
            }
            fields.insert(AUTHORIZATION, value);
        }
    }
    auth
}

/// The origin that a text is, and no more than that.
pub(crate) fn origin(text: &str, canonicalizer: &Canonicalizer) -> Result<Origin, String> {
    let wrong = || "expected an origin such as \"https://example.com:8443\"".to_owned();
    let parsed = Url::parse(text).map_err(|_| wrong())?;
    let is_bare = parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    if !is_bare || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(wrong());
    }
    canonicalizer.parse(text).map(|url| url.origin()).map_err(|_| wrong())
}

fn fields(entry: &raw::Auth, key: &str, checks: &mut Checks<'_>) -> Option<HeaderMap> {
    let (has_basic, has_bearer) = (!entry.user.is_empty() || entry.password.is_given(), entry.bearer.is_given());
    let mut fields = headers::headers(&entry.headers, &format!("{key}.headers"), checks);
    fields.iter_mut().for_each(|(_, value)| value.set_sensitive(true));
    let authorization = match (has_basic, has_bearer) {
        (false, false) if fields.is_empty() => {
            checks.fail(key, "has nothing to tell: set user and password, bearer or headers");
            return None;
        }
        (false, false) => return Some(fields),
        (true, true) => {
            checks.fail(key, "has a user and a bearer token: expected one of the two");
            return None;
        }
        (true, false) if entry.user.contains(':') || entry.user.contains(char::is_control) => {
            checks.fail(&format!("{key}.user"), "can't hold a colon or a control character (RFC 7617 section 2)");
            return None;
        }
        (true, false) => {
            let password = checks.ok(&format!("{key}.password"), reveal(&entry.password, checks))?;
            Ok(basic(&entry.user, &password))
        }
        (false, true) => {
            let token = checks.ok(&format!("{key}.bearer"), reveal(&entry.bearer, checks))?;
            let is_token = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
            let value = is_token.then(|| HeaderValue::from_str(&format!("Bearer {token}")).ok()).flatten();
            value.ok_or("is no token: expected printable ASCII without spaces (RFC 6750 section 2.1)")
        }
    };
    let mut authorization = checks.ok(&format!("{key}.bearer"), authorization)?;
    authorization.set_sensitive(true);
    if fields.insert(AUTHORIZATION, authorization).is_some() {
        checks.fail(&format!("{key}.headers.authorization"), "is there twice: by user or bearer, and as a header");
    }
    Some(fields)
}

/// `Authorization: Basic` (RFC 7617), in UTF-8.
fn basic(user: &str, password: &str) -> HeaderValue {
    let text = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    let mut value = HeaderValue::from_str(&text).expect("Base64 is printable ASCII");
    value.set_sensitive(true);
    value
}

/// What a seed's own credentials are, and for whom. They are dropped from the URL itself.
fn of_seed(text: &str, canonicalizer: &Canonicalizer) -> Option<(Origin, HeaderValue)> {
    let url = Url::parse(text.trim()).ok()?;
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    if user.is_empty() && password.is_empty() {
        return None;
    }
    let origin = canonicalizer.parse(text.trim()).ok()?.origin();
    Some((origin, basic(&decoded(user), &decoded(password))))
}

fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The fields that a `[[host]]` sets for its hosts. Secrets are refused: a host is no origin.
pub(crate) fn of_host(rule: &raw::HostRule, key: &str, checks: &mut Checks<'_>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for name in rule.headers.keys().filter(|name| headers::is_secret(name)) {
        let message = "is secret, and would go to any port and scheme of the host; bind it to an origin in [[auth]]";
        checks.fail(&format!("{key}.headers.{name}"), message);
    }
    let given = rule.headers.iter().map(|(name, value)| (name.clone(), raw::Header::Text(value.clone()))).collect();
    fields.extend(headers::headers(&given, &format!("{key}.headers"), checks));
    let named: [(&str, HeaderName, &String); 2] = [
        ("user_agent", http::header::USER_AGENT, &rule.user_agent),
        ("accept_language", http::header::ACCEPT_LANGUAGE, &rule.accept_language),
    ];
    for (name, header, text) in named {
        if let Some(value) = printable(text, &format!("{key}.{name}"), checks) {
            fields.insert(header, value);
        }
    }
    fields
}

/// A header's value, or none when the text is empty.
pub(crate) fn printable(text: &str, key: &str, checks: &mut Checks<'_>) -> Option<HeaderValue> {
    if text.is_empty() {
        return None;
    }
    let value = HeaderValue::from_str(text).ok().filter(|value| value.to_str().is_ok());
    if value.is_none() {
        checks.fail(key, "may hold printable ASCII only");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let check = |text: &str, expected: Option<&str>| {
            let found = origin(text, &Canonicalizer::default()).ok();
            assert_eq!(found.as_ref().map(Origin::as_str), expected, "{text}");
        };
        check("https://Example.com", Some("https://example.com"));
        check("https://example.com:443/", Some("https://example.com"));
        check("http://[::1]:8080", Some("http://[::1]:8080"));
        for bad in ["example.com", "https://h/a", "https://h/?", "https://h/#a", "https://u:p@h/", "ftp://h/", ""] {
            check(bad, None);
        }
    }

    #[test]
    fn credentials_of_seeds() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = of_seed(text, &Canonicalizer::default());
            let found = found.map(|(origin, value)| {
                assert!(value.is_sensitive());
                let text = value.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
                (origin.as_str().to_owned(), String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap())
            });
            let found = found.as_ref().map(|(origin, text)| (origin.as_str(), text.as_str()));
            assert_eq!(found, expected, "{text}");
        };
        check("http://bob:hunter2@h:80/x", Some(("http://h", "bob:hunter2")));
        check(" https://bob@h/", Some(("https://h", "bob:")));
        check("https://:key@h/", Some(("https://h", ":key")));
        check("https://b%6Fb:%C3%A4%zz%@h/", Some(("https://h", "bob:ä%zz%")));
        check("http://h/@x", None);
        check("http://@h/", None);
        check("nonsense", None);
    }
}
