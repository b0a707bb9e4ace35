//! Header fields, and the secrets among them.
//!
//! A header is secret when its value comes from the environment or a file, or when its name says
//! so. A secret's value is in the [`HeaderMap`] (marked sensitive) and nowhere else.

use std::{collections::BTreeMap, path::Path};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    build::Checks,
    load::read_text,
    path::{KeyPath, Segment},
    raw::Header,
};

/// Longest file that holds a secret.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// What is printed in a secret's place.
pub(crate) const HIDDEN: &str = "<secret>";

/// Headers that dragline or HTTP itself sets, and what to use instead.
const RESERVED: [(&str, &str); 7] = [
    ("host", ""),
    ("user-agent", "; use user_agent"),
    ("content-length", ""),
    ("transfer-encoding", ""),
    ("connection", ""),
    ("te", ""),
    ("proxy-authorization", ": it is for proxies, and this goes to servers"),
];

/// Whether the value of the header `name` must not be seen: `Authorization`, `Cookie`, `X-Api-Key`, and
/// whatever else sounds like a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 8] = ["auth", "cookie", "token", "secret", "passw", "apikey", "session", "credential"];
    const WORDS: [&str; 3] = ["key", "jwt", "bearer"];
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    PARTS.iter().any(|part| name.contains(part)) || words.any(|word| WORDS.contains(&word))
}

/// Whether what stands at `path` of the configuration, if it is a text, must not be seen.
pub(crate) fn is_secret_place(path: &KeyPath) -> bool {
    match path.segments() {
        [Segment::Key(section), Segment::Index(_), Segment::Key(key), ..] if section == "auth" => {
            !matches!(key.as_str(), "origin" | "user")
        }
        // Whatever its name: collectors have keys of their own under names of their own.
        [Segment::Key(section), Segment::Key(headers), _, ..] if section == "traces" => headers == "headers",
        [Segment::Key(section), Segment::Index(_), Segment::Key(key), ..] if section == "webhook" => key == "secret",
        [.., Segment::Key(headers), Segment::Key(name)] if headers == "headers" => is_secret(name),
        _ => false,
    }
}

/// Whether a value at `path` may be a secret, whatever it is: one of the wrong kind is not quoted.
pub(crate) fn may_be_secret(path: &KeyPath) -> bool {
    let in_headers = path.segments().iter().any(|segment| matches!(segment, Segment::Key(key) if key == "headers"));
    let is_section = matches!(path.segments(), [Segment::Key(key)] | [Segment::Key(key), Segment::Index(_)] if key == "auth" || key == "webhook");
    in_headers || is_section || is_secret_place(path) || path.to_string().starts_with("proxy.urls")
}

/// The headers at `section`, secrets fetched from where they are.
pub(crate) fn headers(raw: &BTreeMap<String, Header>, section: &str, checks: &mut Checks<'_>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, header) in raw {
        let key = format!("{section}.{name}");
        let parsed = name.parse::<HeaderName>().map_err(|_| match name.as_str() {
            "" => "a header has no name: expected \"Name: value\"".to_owned(),
            name => format!("`{name}` is not a header's name"),
        });
        let Some(parsed) = checks.ok(&key, parsed) else { continue };
        if let Some((_, instead)) = RESERVED.iter().find(|(reserved, _)| *reserved == parsed.as_str()) {
            checks.fail(&key, format!("`{name}` can't be set here{instead}"));
            continue;
        }
        let Some(text) = checks.ok(&key, reveal(header, checks)) else { continue };
        let Ok(mut value) = HeaderValue::from_str(&text) else {
            checks.fail(&key, "holds characters that a header's value may not hold");
            continue;
        };
        value.set_sensitive(matches!(header, Header::Secret(_)) || is_secret(name));
        map.insert(parsed, value);
    }
    map
}

/// The text itself, from wherever it is.
pub(crate) fn reveal(value: &Header, checks: &Checks<'_>) -> Result<String, String> {
    let secret = match value {
        Header::Text(text) => return Ok(text.clone()),
        Header::Secret(secret) => secret,
    };
    match (&secret.env, &secret.file) {
        (Some(name), None) => checks.environment.get(name).ok_or_else(|| {
            // What is no name may be the secret itself.
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_name { format!("the environment variable {name} is not set") } else { "names no variable".to_owned() }
        }),
        (None, Some(path)) => {
            let text =
                read_text(Path::new(path), MAX_SECRET_BYTES).map_err(|reason| format!("file {path} {reason}"))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        _ => Err("expected either `env` or `file`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_sound_like_secrets() {
        for name in [
            "Authorization",
            "cookie",
            "X-Api-Key",
            "x_api_key",
            "apikey",
            "X-Key",
            "Ocp-Apim-Subscription-Key",
            "x-auth",
            "X-CSRF-Token",
            "x-client-secret",
            "x-passwd",
            "session-id",
            "aws-credentials",
            "x-jwt",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["accept", "x-team", "keywords", "x-monkey", "if-none-match", "x-keyboard", "from"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn sections_that_hold_secrets_are_not_quoted() {
        for (key, expected) in [
            ("auth", true),
            ("webhook", true),
            ("webhooks.allow", false),
            ("fetch.headers", true),
            ("seeds.urls", false),
            ("proxy.urls", true),
            ("proxy.bypass", false),
            ("traces.headers", true),
            ("traces.headers.x-team", true),
            ("traces.service", false),
        ] {
            assert_eq!(may_be_secret(&KeyPath::dotted(key)), expected, "{key}");
        }
        let of_hook = |key: &str| is_secret_place(&KeyPath::default().key("webhook").index(0).key(key));
        assert!(of_hook("secret") && !of_hook("url"));
    }
}
