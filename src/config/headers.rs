//! Header fields, and the secrets among them.
//!
//! A header is secret when its value comes from the environment or a file, or when its name says
//! so. A secret's value is in the [`HeaderMap`] (marked sensitive) and nowhere else.

use std::{collections::BTreeMap, path::Path};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    build::Checks,
    load::read_text,
    raw::{Header, Secret},
};

/// Longest file that holds a secret.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// What is printed in a secret's place.
pub(crate) const HIDDEN: &str = "<secret>";

/// Headers that dragline or HTTP itself sets.
const RESERVED: [&str; 6] = ["host", "user-agent", "content-length", "transfer-encoding", "connection", "te"];

/// Whether the value of the header `name` must not be seen: `Authorization`, `Cookie`, `X-Api-Key`, and
/// whatever else sounds like a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 8] = ["auth", "cookie", "token", "secret", "password", "api-key", "apikey", "session"];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// The headers, secrets fetched from where they are.
pub(crate) fn headers(raw: &BTreeMap<String, Header>, checks: &mut Checks<'_>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, header) in raw {
        let key = format!("fetch.headers.{name}");
        let parsed = name.parse::<HeaderName>().map_err(|_| format!("`{name}` is not a header's name"));
        let Some(parsed) = checks.ok(&key, parsed) else { continue };
        if RESERVED.contains(&parsed.as_str()) {
            let instead = if parsed == "user-agent" { "; use fetch.user_agent" } else { "" };
            checks.fail(&key, format!("`{name}` can't be set here{instead}"));
            continue;
        }
        let text = match header {
            Header::Text(text) => Ok(text.clone()),
            Header::Secret(secret) => reveal(secret, checks),
        };
        let Some(text) = checks.ok(&key, text) else { continue };
        let Ok(mut value) = HeaderValue::from_str(&text) else {
            checks.fail(&key, "holds characters that a header's value may not hold");
            continue;
        };
        value.set_sensitive(matches!(header, Header::Secret(_)) || is_secret(name));
        map.insert(parsed, value);
    }
    map
}

fn reveal(secret: &Secret, checks: &Checks<'_>) -> Result<String, String> {
    match (&secret.env, &secret.file) {
        (Some(name), None) => {
            checks.environment.get(name).ok_or_else(|| format!("the environment variable {name} is not set"))
        }
        (None, Some(path)) => {
            let text =
                read_text(Path::new(path), MAX_SECRET_BYTES).map_err(|reason| format!("file {path} {reason}"))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        _ => Err("expected either `env` or `file`".to_owned()),
    }
}
