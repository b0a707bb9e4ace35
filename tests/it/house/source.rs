//! A Rust source file as the house rules see it: tokens with line numbers, and the paths they form.
//!
//! Responsible for telling code from comments, strings and character literals, so that a module
//! named in a comment is no import. Deliberately not a parser: it knows braces, attributes and
//! `use` trees, and nothing of types or macros.

/// An identifier or one character of punctuation. Literals leave no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// The text.
    pub(super) text: String,
    /// Counted from 1.
    pub(super) line: usize,
}

/// A path that starts at the root of the crate: `crate::fetch::…`, or `super::…` far enough up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RootPath {
    /// Its first name, a module of the crate in all decent cases.
    pub(super) first: String,
    /// Counted from 1.
    pub(super) line: usize,
}

/// Splits `text` into tokens.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = end_of_item(&chars, at);
        let item = &chars[at..end];
        if is_word(item[0]) && !is_literal(item) {
            found.push(Token { text: item.iter().collect(), line });
        } else if item.len() == 1 && !item[0].is_whitespace() && !item[0].is_ascii_digit() {
            found.push(Token { text: item[0].to_string(), line });
        }
        line += item.iter().filter(|c| **c == '\n').count();
        at = end;
    }
    found
}

/// Where the comment, literal, word or single character that starts at `at` ends.
fn end_of_item(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => position_from(chars, at, '\n'),
        '/' if next == Some('*') => end_of_block_comment(chars, at),
        '"' => end_of_quoted(chars, at + 1, '"'),
        // A character literal, unless it is a lifetime: `'a` without a closing quote.
        '\'' if next == Some('\\') => end_of_quoted(chars, at + 1, '\''),
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        first if is_word(first) => {
            let end = (at..chars.len()).find(|i| !is_word(chars[*i])).unwrap_or(chars.len());
            let prefix: String = chars[at..end].iter().collect();
            match (prefix.as_str(), chars.get(end)) {
                ("r" | "br" | "cr", Some('"' | '#')) => end_of_raw(chars, end).unwrap_or(end),
                ("b" | "c", Some('"')) => end_of_quoted(chars, end + 1, '"'),
                _ => end,
            }
        }
        _ => at + 1,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether something that starts like a word is a number or a prefixed string.
fn is_literal(item: &[char]) -> bool {
    item[0].is_ascii_digit() || item.last() == Some(&'"') || item.last() == Some(&'#')
}

fn position_from(chars: &[char], at: usize, wanted: char) -> usize {
    (at..chars.len()).find(|i| chars[*i] == wanted).unwrap_or(chars.len())
}

fn end_of_block_comment(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0_usize, at);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') if depth == 1 => return i + 2,
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
    chars.len()
}

fn end_of_quoted(chars: &[char], mut at: usize, quote: char) -> usize {
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// `at` is the first `#` or quote. `None` when it is a raw identifier (`r#type`).
fn end_of_raw(chars: &[char], at: usize) -> Option<usize> {
    let open = (at..chars.len()).find(|i| chars[*i] != '#')?;
    if chars[open] != '"' {
        return None;
    }
    let hashes = open - at;
    let closes =
        |i: usize| chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    Some((open + 1..chars.len()).find(|i| closes(*i)).map_or(chars.len(), |i| i + 1 + hashes))
}

/// All paths from the crate's root in a file that is `depth` modules below it (`src/clock.rs`: 1).
pub(super) fn root_paths(tokens: &[Token], depth: usize) -> Vec<RootPath> {
    let mut found = Vec::new();
    // Of each open brace: whether it belongs to an inline module.
    let mut braces: Vec<bool> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => braces.push(i >= 2 && tokens[i - 2].text == "mod"),
            "}" => drop(braces.pop()),
            "crate" => found.extend(names_after(tokens, i + 1)),
            // Only the first `super` of a chain is looked at.
            "super" if i < 3 || !(is(tokens, i - 1, ":") && is(tokens, i - 3, "super")) => {
                let ups = (0..).take_while(|n| is(tokens, i + 3 * n, "super")).count();
                if ups == depth + braces.iter().filter(|inline| **inline).count() {
                    found.extend(names_after(tokens, i + 3 * (ups - 1) + 1));
                }
            }
            _ => {}
        }
    }
    found
}

/// The names right after a `::` at `at`: one, or those of a group `{a::b, c}`.
fn names_after(tokens: &[Token], at: usize) -> Vec<RootPath> {
    if !(is(tokens, at, ":") && is(tokens, at + 1, ":")) {
        return Vec::new();
    }
    let Some(first) = tokens.get(at + 2) else { return Vec::new() };
    if first.text != "{" {
        return vec![RootPath { first: first.text.clone(), line: first.line }];
    }
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for pair in tokens[at + 2..].windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].text.as_str(), "{" | ",") && pair[1].text != "}" {
            found.push(RootPath { first: pair[1].text.clone(), line: pair[1].line });
        }
    }
    found
}

fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

/// How many lines `#[cfg(test)] mod … { … }` takes up.
pub(super) fn test_lines(tokens: &[Token]) -> usize {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut total = 0;
    for start in 0..tokens.len() {
        if !(0..CFG_TEST.len()).all(|n| is(tokens, start + n, CFG_TEST[n])) {
            continue;
        }
        let rest = &tokens[start..];
        let Some(open) = rest.iter().position(|token| matches!(token.text.as_str(), "{" | ";")) else { continue };
        if rest[open].text == ";" || !rest[..open].iter().any(|token| token.text == "mod") {
            continue;
        }
        let mut depth = 0_usize;
        for token in &rest[open..] {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                total += token.line - tokens[start].line + 1;
                break;
            }
        }
    }
    total
}
