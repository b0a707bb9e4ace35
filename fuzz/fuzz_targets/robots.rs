//! A robots.txt, and questions to it: its first line is the path, the second the agent.
#![no_main]

use dragline::robots::{MAX_CRAWL_DELAY, MAX_RULES, MAX_SITEMAPS, Rules};
use libfuzzer_sys::fuzz_target;

/// As much as a crawl reads at least.
const MAX_BYTES: usize = 512 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.splitn(3, |&byte| byte == b'\n');
    let path = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let agent = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let text = lines.next().unwrap_or_default();
    for agent in [&*agent, "dragline"] {
        let rules = Rules::parse(text, agent, MAX_BYTES);
        assert!(rules.n_rules() <= MAX_RULES && rules.sitemaps().len() <= MAX_SITEMAPS);
        assert!(rules.crawl_delay().is_none_or(|delay| delay <= MAX_CRAWL_DELAY));
        for path in [&*format!("/{path}"), "/", "/robots.txt"] {
            let decision = rules.decide(path);
            // Where nothing matched, nothing is forbidden; a rule has a line and a line a rule.
            assert!(decision.allowed || decision.rule.is_some());
            let n_lines = text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
            assert!(decision.line.is_none_or(|line| 1 <= line && line as usize <= n_lines));
            assert!(path != "/robots.txt" || decision.allowed, "robots.txt itself may always be asked for");
        }
    }
    // A byte order mark changes nothing.
    let marked = [b"\xEF\xBB\xBF", text].concat();
    if text.first().is_some_and(u8::is_ascii) {
        let (plain, marked) =
            (Rules::parse(text, "dragline", MAX_BYTES), Rules::parse(&marked, "dragline", MAX_BYTES * 2));
        assert_eq!(plain.n_rules(), marked.n_rules());
    }
});
