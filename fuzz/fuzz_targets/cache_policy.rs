//! Header fields of a request and of its answer, and what a cache makes of them. The first line is the
//! status, an age in seconds and a mode; then the request's fields, an empty line, the response's.
#![no_main]

use std::time::Duration;

use dragline::{
    cache::policy::{self, Mode, Plan, Rules},
    clock::Timestamp,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

/// Mon, 01 Jun 2026 12:00:00 GMT.
const THEN: Timestamp = Timestamp(1_780_315_200_000_000);

fn fields<'a>(lines: &mut impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.take_while(|line| !line.is_empty()).take(64) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut numbers = first.split(' ').map(|number| number.parse::<u32>().unwrap_or_default());
    let status = u16::try_from(numbers.next().unwrap_or_default() % 1000).expect("below 1000");
    let later = THEN + Duration::from_secs(numbers.next().unwrap_or_default().into());
    let mode = if numbers.next() == Some(1) { Mode::Shared } else { Mode::Private };
    let (request, response) = (fields(&mut lines), fields(&mut lines));
    let rules = Rules { mode, ..Rules::default() };

    let facts = policy::facts(&rules, status, &response, THEN, THEN);
    // The calendar of HTTP ends in the year 9999.
    assert!(facts.lifetime <= Duration::from_secs(8_000 * 366 * 86_400));
    assert!(policy::age(&facts, later) >= policy::age(&facts, THEN), "nothing grows younger");
    if policy::may_store(&rules, &Method::GET, &request, status, &response, &facts) {
        assert!((200..=599).contains(&status) && !matches!(status, 206 | 304));
        let kept = policy::stored_fields(&rules, &response);
        assert!(!kept.contains_key("set-cookie") && !kept.contains_key("connection"));
        // Who asked is who it is for.
        let selecting = policy::selecting(&request, &response).expect("not `*`");
        assert!(policy::matches(&selecting, &request));
    }
    let plan = |relaxed, now| policy::plan(Some(&facts), &request, relaxed, now);
    let (now, then) = (plan(false, THEN), plan(false, later));
    assert!(now == Plan::Fresh || then != Plan::Fresh, "what was not fresh is not fresh later");
    assert!(now != Plan::StaleWhileRevalidate && then != Plan::StaleWhileRevalidate);
    assert!(plan(false, later) != Plan::Fresh || plan(true, later) == Plan::Fresh);
    if facts.never_stale {
        assert!(!matches!(plan(true, later), Plan::Stale | Plan::StaleWhileRevalidate));
        assert!(!policy::may_stand_in(&facts, &request, None, later));
    }
    let mut merged = response.clone();
    policy::freshen(&mut merged, &response);
    let mut conditional = request.clone();
    policy::add_validators(&mut conditional, &facts);
    policy::not_modified(&conditional, status, &response, &facts);
});
