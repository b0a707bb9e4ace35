//! What holds of every request and every answer, whatever their fields say.

use proptest::prelude::*;

use super::*;
use http::{HeaderMap, HeaderName, Method};

/// Mon, 01 Jun 2026 12:00:00 GMT.
const THEN: Timestamp = Timestamp(1_780_315_200_000_000);

fn value() -> impl Strategy<Value = Vec<u8>> {
    let directive = prop_oneof![
        "(max-age|s-maxage|min-fresh|max-stale|stale-while-revalidate|stale-if-error)=\"?[0-9]{0,12}\"?",
        "(no-store|no-cache|private|public|must-revalidate|proxy-revalidate|must-understand|only-if-cached)",
        "(no-cache|private)=\"[a-z-]{0,8}(, ?[a-z-]{1,8})?\"?",
    ];
    prop_oneof![
        4 => proptest::collection::vec(directive, 0..4).prop_map(|all| all.join(", ").into_bytes()),
        1 => "(Mon, 01 Jun 2026 12:00:0[0-9] GMT|Sun, 31 May 2026 12:00:00 GMT|Fri, 31 Dec 9999 23:59:59 GMT|0|-1|[0-9]{1,20})"
            .prop_map(String::into_bytes),
        1 => "(W/)?\"?[a-z,]{0,4}\"?|\\*|accept|a, b".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

fn fields() -> impl Strategy<Value = HeaderMap> {
    let name = proptest::sample::select(vec![
        "cache-control",
        "cache-control",
        "cache-control",
        "pragma",
        "age",
        "date",
        "expires",
        "last-modified",
        "etag",
        "vary",
        "authorization",
        "set-cookie",
        "connection",
        "if-none-match",
        "if-modified-since",
        "accept",
        "a",
    ]);
    proptest::collection::vec((name, value()), 0..8).prop_map(|fields| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        headers
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let mode = prop_oneof![Just(Mode::Private), Just(Mode::Shared)];
    (mode, proptest::option::of(1u64..100), any::<bool>()).prop_map(|(mode, ttl, ignores)| Rules {
        mode,
        ttl: ttl.map(Duration::from_secs),
        ignore_server: ignores && ttl.is_some(),
        ..Rules::default()
    })
}

proptest! {
    #[test]
    fn whatever_the_fields_say(
        rules in rules(),
        (request, response, other) in (fields(), fields(), fields()),
        status in 100u16..1000,
        later in 0u64..10_000_000,
    ) {
        let later = THEN + Duration::from_secs(later);
        let facts = facts(&rules, status, &response, THEN, THEN);
        prop_assert!(age(&facts, later) >= age(&facts, THEN), "nothing grows younger");
        if may_store(&rules, &Method::GET, &request, status, &response, &facts) {
            prop_assert!((200..=599).contains(&status) && !matches!(status, 206 | 304));
            let kept = stored_fields(&rules, &response);
            prop_assert!(!kept.contains_key("set-cookie") && !kept.contains_key("connection"));
            let selecting = selecting(&request, &response);
            prop_assert!(selecting.is_some() || rules.ignore_server);
            prop_assert!(selecting.is_none_or(|selecting| matches(&selecting, &request)), "who asked is who it is for");
        }
        let plan = |relaxed, now| plan(Some(&facts), &request, relaxed, now);
        prop_assert!(plan(false, THEN) == Plan::Fresh || plan(false, later) != Plan::Fresh, "stale is not fresh later");
        prop_assert!(plan(false, later) != Plan::StaleWhileRevalidate, "who does not accept stale asks itself");
        prop_assert!(plan(false, later) != Plan::Fresh || plan(true, later) == Plan::Fresh);
        if facts.never_stale {
            prop_assert!(!matches!(plan(true, later), Plan::Stale | Plan::StaleWhileRevalidate));
            prop_assert!(!may_stand_in(&facts, &request, None, later));
        }
        if facts.validate_always {
            prop_assert!(matches!(plan(true, later), Plan::Ask | Plan::Unavailable));
        }
        // With its own validators it has not been modified, unless they can't be compared.
        let mut conditional = HeaderMap::new();
        add_validators(&mut conditional, &facts);
        if facts.etag.as_ref().is_some_and(|etag| !etag.as_bytes().contains(&b',')) {
            prop_assert!(not_modified(&conditional, 200, &response, &facts));
        }
        // A shared cache keeps and serves no more than a private one of the same rules.
        if rules.mode == Mode::Shared && rules.ttl.is_none() && !response.contains_key("vary") {
            let said = directives::Directives::of(&response);
            prop_assert!(!said.private || !may_store(&rules, &Method::GET, &request, status, &response, &facts));
        }
        let mut merged = response.clone();
        freshen(&mut merged, &other);
        prop_assert_eq!(merged.get("etag"), response.get("etag").or(other.get("etag")));
    }
}
