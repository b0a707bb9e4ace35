//! Finding the rule that decides: the longest that matches, an `Allow` before a `Disallow`
//! (RFC 9309 section 2.2.2).
//!
//! Nearly all patterns are plain prefixes. They are sorted, and each knows the next shorter one
//! that is a prefix of it and the best rule among itself and those: one binary search finds the
//! nearest prefix from below, and the walk up its chain ends at the longest that the path starts
//! with. Patterns with a star or an anchor are tried one after another, best first, until one
//! matches or none of the rest could win; a set of the octets that a pattern needs rules out most
//! without a look at the path.

use super::octets::{decode_as_path, decode_query, normalise_path};

/// One `Allow` or `Disallow` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// Line of the file, from 1.
    pub line: u32,
    pub allow: bool,
    /// Normalised.
    pub pattern: Box<str>,
    /// As written in the file, if that is another text.
    pub written: Option<Box<str>>,
}

impl Rule {
    /// The pattern as written in the file.
    pub(super) fn text(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.pattern)
    }

    /// What the pattern needs a path to start with, if that is all it needs.
    fn prefix(&self) -> Option<&str> {
        let prefix = self.pattern.trim_end_matches('*');
        (!prefix.contains(['*', '$'])).then_some(prefix)
    }

    /// Whether matching it takes more than a comparison.
    pub(super) fn is_wildcard(&self) -> bool {
        self.pattern.trim_end_matches('*').contains('*')
    }

    /// The greater one decides.
    fn rank(&self) -> (usize, bool) {
        (self.pattern.len(), self.allow)
    }
}

/// Rules, arranged to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Index {
    rules: Vec<Rule>,
    /// Sorted by prefix, each prefix once.
    prefixes: Vec<Prefix>,
    /// Best first.
    wildcards: Vec<Wildcard>,
}

/// Fields are indices into `rules`, and `parent` into `prefixes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Prefix {
    rule: usize,
    parent: Option<usize>,
    best: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wildcard {
    rule: usize,
    needs: OctetSet,
}

impl Index {
    pub(super) fn new(mut rules: Vec<Rule>) -> Self {
        // Of rules with one pattern, only an `Allow`, and else the first, can ever decide.
        rules.sort_by(|a, b| (&a.pattern, !a.allow, a.line).cmp(&(&b.pattern, !b.allow, b.line)));
        rules.dedup_by(|later, kept| later.pattern == kept.pattern);
        let prefixes = arrange_prefixes(&rules);
        let mut wildcards: Vec<Wildcard> = (0..rules.len())
            .filter(|&rule| rules[rule].prefix().is_none())
            .map(|rule| Wildcard {
                rule,
                needs: OctetSet::of(rules[rule].pattern.bytes().filter(|o| !b"*$".contains(o))),
            })
            .collect();
        wildcards.sort_by_key(|wildcard| std::cmp::Reverse(rules[wildcard.rule].rank()));
        Self { rules, prefixes, wildcards }
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that decides about a path with its query; without one it is allowed.
    pub(super) fn find(&self, path_and_query: &str) -> Option<&Rule> {
        let normalised = normalise_path(path_and_query);
        let decoded = decode_query(&normalised);
        let best = self.longest_prefix(&decoded);
        if self.wildcards.is_empty() {
            return best;
        }
        let plain = decode_as_path(&normalised);
        let has = OctetSet::of(plain.bytes().chain(decoded.bytes()));
        let better = self
            .wildcards
            .iter()
            .map(|wildcard| (&self.rules[wildcard.rule], wildcard.needs))
            .take_while(|(rule, _)| best.is_none_or(|best| rule.rank() > best.rank()))
            .filter(|(_, needs)| needs.is_subset(has))
            .map(|(rule, _)| rule)
            .find(|rule| matches(&rule.pattern, if rule.pattern.contains('?') { &decoded } else { &plain }));
        better.or(best)
    }

    fn longest_prefix(&self, path: &str) -> Option<&Rule> {
        let prefix = |node: &Prefix| self.rules[node.rule].prefix().unwrap_or_default();
        let n_not_above = self.prefixes.partition_point(|node| prefix(node) <= path);
        let nearest = &self.prefixes[n_not_above.checked_sub(1)?];
        // Whatever sorts between a prefix of the path and the path starts with that prefix, so all
        // of the path's prefixes are on this chain.
        let mut chain = std::iter::successors(Some(nearest), |node| node.parent.map(|parent| &self.prefixes[parent]));
        chain.find(|node| path.starts_with(prefix(node))).map(|node| &self.rules[node.best])
    }
}

fn arrange_prefixes(rules: &[Rule]) -> Vec<Prefix> {
    let mut sorted: Vec<(&str, usize)> =
        rules.iter().enumerate().filter_map(|(at, rule)| rule.prefix().map(|prefix| (prefix, at))).collect();
    // Of `/a` and `/a*`, the same prefix, the one that ranks higher comes first and stays.
    sorted.sort_by(|a, b| a.0.cmp(b.0).then_with(|| rules[b.1].rank().cmp(&rules[a.1].rank())));
    sorted.dedup_by_key(|(prefix, _)| *prefix);

    let mut nodes: Vec<Prefix> = Vec::with_capacity(sorted.len());
    let mut open: Vec<usize> = Vec::new();
    for (at, &(prefix, rule)) in sorted.iter().enumerate() {
        while open.pop_if(|last| !prefix.starts_with(sorted[*last].0)).is_some() {}
        let parent = open.last().copied();
        let inherited = parent.map(|parent| nodes[parent].best);
        let best = inherited.filter(|&best| rules[best].rank() > rules[rule].rank()).unwrap_or(rule);
        nodes.push(Prefix { rule, parent, best });
        open.push(at);
    }
    nodes
}

/// Whether a normalised pattern matches a normalised path, in time linear in both: each piece
/// between two stars is looked for once, at its leftmost place after the piece before.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let (body, anchored) = pattern.strip_suffix('$').map_or((pattern, false), |body| (body, true));
    let mut pieces = body.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else { return !anchored || rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    if anchored { rest.ends_with(last) } else { rest.contains(last) }
}

/// Which ASCII octets a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OctetSet(u128);

impl OctetSet {
    fn of(octets: impl Iterator<Item = u8>) -> Self {
        Self(octets.fold(0, |set, octet| set | 1 << (octet & 0x7F)))
    }

    fn is_subset(self, of: Self) -> bool {
        self.0 & !of.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, in exponential time.
    fn naive_match(pattern: &[u8], path: &[u8]) -> bool {
        match (pattern, path) {
            ([], _) => true,
            (b"$", path) => path.is_empty(),
            ([b'*', pattern @ ..], path) => (0..=path.len()).any(|from| naive_match(pattern, &path[from..])),
            ([p, pattern @ ..], [c, path @ ..]) => p == c && naive_match(pattern, path),
            (_, []) => false,
        }
    }

    fn rules(patterns: &[(bool, String)]) -> Vec<Rule> {
        let rule = |(at, (allow, pattern)): (usize, &(bool, String))| Rule {
            line: u32::try_from(at).expect("few") + 1,
            allow: *allow,
            pattern: pattern.as_str().into(),
            written: None,
        };
        patterns.iter().enumerate().map(rule).collect()
    }

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        for path in matching {
            assert!(matches(pattern, path), "{pattern} should match {path}");
        }
        for path in others {
            assert!(!matches(pattern, path), "{pattern} should not match {path}");
        }
    }

    #[test]
    fn stars_and_anchors() {
        check("/a*b", &["/ab", "/axxb", "/axbxx"], &["/a", "/b"]);
        check("/a*b$", &["/ab", "/axb", "/abxb"], &["/abx"]);
        check("/a$", &["/a"], &["/ab", "/"]);
        check("*", &["/", ""], &[]);
        check("*$", &["/", ""], &[]);
        check("/*aba*ba$", &["/ababa", "/abaxba"], &["/aba", "/abab"]);
        check("/a**b", &["/ab", "/a-b"], &["/a"]);
    }

    #[test]
    fn the_best_of_a_chain_is_not_always_the_longest_prefix() {
        let index = Index::new(rules(&[(false, "/fo****".to_owned()), (true, "/foo".to_owned())]));
        assert_eq!(index.find("/foo").map(|rule| rule.line), Some(1));
    }

    #[test]
    fn ten_thousand_rules_are_found_by_search() {
        let many: Vec<(bool, String)> = (0..10_000).map(|n| (n % 2 == 0, format!("/{n}/"))).collect();
        let index = Index::new(rules(&many));
        for n in 0..10_000_u32 {
            let rule = index.find(&format!("/{n}/x")).expect("has a rule");
            assert_eq!((rule.line, rule.allow), (n + 1, n % 2 == 0));
        }
        assert_eq!(index.find("/10000/"), None);
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let pattern = format!("/{}b", "*a".repeat(8_000));
        let many: Vec<(bool, String)> = (0..1_000).map(|n| (false, format!("{pattern}{n}"))).collect();
        let index = Index::new(rules(&many));
        assert_eq!(index.find(&format!("/{}b", "a".repeat(2_000))), None);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            patterns in prop::collection::vec((any::<bool>(), "[/*][ab*/]{0,5}\\$?"), 0..12),
            path in "/[ab/]{0,8}",
        ) {
            let rules = rules(&patterns);
            let expected = rules
                .iter()
                .filter(|rule| naive_match(rule.pattern.as_bytes(), path.as_bytes()))
                .map(Rule::rank)
                .max();
            prop_assert_eq!(Index::new(rules).find(&path).map(Rule::rank), expected);
        }
    }
}
