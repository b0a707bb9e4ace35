//! Texts for messages, without the credentials that may be in them.

use std::borrow::Cow;

use url::Url;

/// `text`, which may be a URL or hold one, without the user name and the password in it; everything
/// else stays.
///
/// Not for URLs that are stored: those are [`CanonicalUrl`](super::CanonicalUrl)s.
pub fn without_userinfo(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    if let Some(url) = parsed(text) {
        return url;
    }
    let Some((scheme, rest)) = text.split_once("://") else { return Cow::Borrowed(text) };
    let authority = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => Cow::Owned(format!("{scheme}://{}", &rest[at + 1..])),
        None => Cow::Borrowed(text),
    }
}

/// For a message about a text that should have been a URL and is not. Nobody knows where its
/// credentials end (`http://me:pass/word@host` is a bad port), so it loses everything from its
/// slashes to its last `@`.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let Some(at) = text.rfind('@') else { return Cow::Borrowed(text) };
    if let Some(url) = parsed(text).filter(|_| !text.starts_with("mailto:")) {
        return url;
    }
    let slashes = text.find("//").map_or(0, |slashes| slashes + 2);
    match text.get(slashes..=at) {
        Some(_) if !text.starts_with("mailto:") => Cow::Owned(format!("{}{}", &text[..slashes], &text[at + 1..])),
        _ => Cow::Borrowed(text),
    }
}

/// Of a URL with an authority, the same without userinfo.
fn parsed(text: &str) -> Option<Cow<'_, str>> {
    let mut url = Url::parse(text).ok().filter(Url::has_authority)?;
    if url.username().is_empty() && url.password().is_none() {
        return Some(Cow::Borrowed(text));
    }
    // Both setters fail only for URLs without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(Cow::Owned(url.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let check = |text: &str, plain: &str, careful: &str| {
            assert_eq!((&*without_userinfo(text), &*redacted(text)), (plain, careful), "{text}");
        };
        check("http://h/", "http://h/", "http://h/");
        check("http://bob:hunter2@h/@x", "http://h/@x", "http://h/@x");
        check("http://h/@x", "http://h/@x", "http://h/@x");
        check("http:\\\\bob:hunter2@h/", "http://h/", "http://h/");
        check("http:bob:hunter2@h/", "http://h/", "http://h/");
        check("http://bob:hunter2@exa mple/", "http://exa mple/", "http://exa mple/");
        check("http://bob:hun/ter2@h/", "http://bob:hun/ter2@h/", "http://h/");
        check("//bob:hunter2@h/", "//bob:hunter2@h/", "//h/");
        check("bob:hunter2@h/x", "bob:hunter2@h/x", "h/x");
        check("mailto:bob@h", "mailto:bob@h", "mailto:bob@h");
        check("bot (+http://h/; me@h)", "bot (+http://h/; me@h)", "bot (+http://h)");
        check("/a@b//c", "/a@b//c", "/a@b//c");
    }
}
