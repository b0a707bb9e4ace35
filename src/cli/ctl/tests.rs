//! Texts and exit codes of crawls.

use super::{
    super::Exit,
    model::{Counts, Crawl},
    output::{body_on_one_line, one_line},
    text,
};

fn crawl(state: &str, fetched: u64) -> Crawl {
    let counts = Counts { discovered: 1300, fetched, failed: 12, pending: 3, ..Counts::default() };
    Crawl {
        id: "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f6071".into(),
        name: "docs".into(),
        state: state.into(),
        created_at: "2026-11-24T12:00:00.123Z".into(),
        counts: Some(counts),
        ..Crawl::default()
    }
}

#[test]
fn the_end_of_a_crawl_is_the_exit_code_of_run() {
    let check = |state: &str, fetched, expected| assert_eq!(crawl(state, fetched).exit(), expected, "{state}");
    check("finished", 1, Exit::Finished);
    check("finished", 0, Exit::NothingFetched);
    check("limit-reached", 1, Exit::LimitReached);
    check("cancelled", 1, Exit::Interrupted);
    check("failed", 1, Exit::Internal);
    assert_eq!(Crawl { counts: None, ..crawl("finished", 0) }.exit(), Exit::Finished);
    assert_eq!(text::end(&crawl("finished", 1234)), "docs: finished · 1,234 fetched, 12 failed, 3 pending");
    let failed = Crawl { error: Some("no\u{1b} seeds".into()), counts: None, ..crawl("failed", 0) };
    assert_eq!(text::end(&failed), "docs: failed: no\u{fffd} seeds");
}

#[test]
fn a_table_is_aligned_and_holds_nothing_of_its_own() {
    let odd = Crawl { name: "\u{1b}[2J\n".repeat(30), counts: None, ..crawl("running", 0) };
    let table = text::table(&[crawl("limit-reached", 1234), odd]);
    let expected = "id            state          fetched  failed  pending  created               name\n\
                    2c3d4e5f6071  limit-reached    1,234      12        3  2026-11-24T12:00:00Z  docs\n\
                    2c3d4e5f6071  running              -       -        -  2026-11-24T12:00:00Z  \u{fffd}[2J";
    assert!(table.starts_with(expected) && table.lines().count() == 3, "{table}");
    assert!(!table.contains('\u{1b}'));
    // An id of nothing, or of something else, is no panic.
    assert_eq!((text::short(""), text::short("é")), (String::new(), "é".to_owned()));
}

#[test]
fn json_of_several_lines_is_put_on_one() {
    let json = "{\n  \"a\": \"b\\n c\",\r\n  \"d\": [\n1]}\n";
    let raw: Box<serde_json::value::RawValue> = serde_json::from_str(json).unwrap();
    assert_eq!(one_line(&raw), r#"{"a": "b\n c","d": [1]}"#);
    assert_eq!(body_on_one_line(json.as_bytes()), one_line(&raw));
}
