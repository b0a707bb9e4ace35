//! On which line of a configuration file a key stands.
//!
//! TOML is located exactly, by the spans of `toml_edit`. JSON and YAML are located by small scanners
//! that never fail: what they don't understand (a YAML flow mapping, an anchor) has no line of its
//! own and is given that of the place around it. The files have been parsed by real parsers before;
//! nothing but a line number depends on this.

use std::collections::BTreeMap;

use toml_edit::{Document, Item, TableLike, Value};

/// Lines by path as printed (`host[0].rate`), counted from 1.
pub(crate) type Lines = BTreeMap<String, usize>;

/// Nesting beyond this is not looked at.
const MAX_NESTING: usize = 16;

/// The line of `path`, or of the nearest place around it.
pub(crate) fn line(lines: &Lines, path: &str) -> Option<usize> {
    let mut path = path;
    loop {
        if let Some(line) = lines.get(path) {
            return Some(*line);
        }
        path = &path[..path.rfind(['.', '['])?];
    }
}

/// The line of a byte offset.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count()
}

fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// Lines of a TOML file; none if it is not TOML.
pub(crate) fn of_toml(text: &str) -> Lines {
    let mut lines = Lines::new();
    if let Ok(document) = Document::parse(text) {
        toml_table(text, document.as_table(), "", &mut lines);
    }
    lines
}

fn toml_table(text: &str, table: &dyn TableLike, path: &str, lines: &mut Lines) {
    for (key, item) in table.iter() {
        let path = join(path, key);
        let span = table.key(key).and_then(|key| key.span()).or_else(|| item.span());
        if let Some(span) = span {
            lines.insert(path.clone(), line_at(text, span.start));
        }
        match item {
            Item::ArrayOfTables(tables) => {
                for (i, table) in tables.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    if let Some(span) = table.span() {
                        lines.insert(path.clone(), line_at(text, span.start));
                    }
                    toml_table(text, table, &path, lines);
                }
            }
            Item::Value(Value::Array(array)) => {
                for (i, value) in array.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    if let Some(span) = value.span() {
                        lines.insert(path.clone(), line_at(text, span.start));
                    }
                    if let Some(table) = value.as_inline_table() {
                        toml_table(text, table, &path, lines);
                    }
                }
            }
            other => {
                if let Some(table) = other.as_table_like() {
                    toml_table(text, table, &path, lines);
                }
            }
        }
    }
}

/// Lines of a JSON file.
pub(crate) fn of_json(text: &str) -> Lines {
    let mut scanner = JsonScanner { rest: text.as_bytes(), line: 1, lines: Lines::new() };
    scanner.value("", 0);
    scanner.lines
}

struct JsonScanner<'a> {
    rest: &'a [u8],
    line: usize,
    lines: Lines,
}

impl JsonScanner<'_> {
    /// The next byte that is not white space, not taken.
    fn peek(&mut self) -> Option<u8> {
        while let [byte, rest @ ..] = self.rest {
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
            self.line += usize::from(*byte == b'\n');
            self.rest = rest;
        }
        None
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// A string's bytes, escapes as written: a key with escapes is no key of ours.
    fn string(&mut self) -> String {
        let mut out = Vec::new();
        if self.take(b'"') {
            while let [byte, rest @ ..] = self.rest {
                self.rest = rest;
                match byte {
                    b'"' => break,
                    b'\\' => {
                        out.push(b'\\');
                        self.rest = rest.get(1..).unwrap_or_default();
                    }
                    other => out.push(*other),
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn value(&mut self, path: &str, depth: usize) {
        match self.peek() {
            Some(open @ (b'{' | b'[')) if depth < MAX_NESTING => {
                self.rest = &self.rest[1..];
                self.members(path, open == b'{', depth);
            }
            Some(b'"') => drop(self.string()),
            _ => {
                let end = self.rest.iter().position(|b| b",]}\n".contains(b)).unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            }
        }
    }

    fn members(&mut self, path: &str, named: bool, depth: usize) {
        for i in 0.. {
            let end = if named { b'}' } else { b']' };
            if self.take(end) || self.peek().is_none() {
                return;
            }
            let before = self.rest.len();
            let line = self.line;
            let path = if named { join(path, &self.string()) } else { format!("{path}[{i}]") };
            self.lines.insert(path.clone(), line);
            self.take(b':');
            self.value(&path, depth + 1);
            self.take(b',');
            if self.rest.len() == before {
                return; // Not JSON; nothing more will be found.
            }
        }
    }
}

/// Lines of a YAML file in block style.
pub(crate) fn of_yaml(text: &str) -> Lines {
    let mut lines = Lines::new();
    // The places that are open: how far each is indented, its path, and how many items it has.
    let mut open: Vec<(usize, String, usize)> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let mut body = line.trim_start_matches(' ');
        let mut indent = line.len() - body.len();
        if body.is_empty() || body.starts_with(['#', '%']) || body.starts_with("---") {
            continue;
        }
        while let Some(item) = body.strip_prefix("- ").or_else(|| (body == "-").then_some("")) {
            let parent = open.iter().rposition(|(at, path, _)| *at <= indent && !path.ends_with(']'));
            let Some(parent) = parent else { break };
            let path = format!("{}[{}]", open[parent].1, open[parent].2);
            open[parent].2 += 1;
            open.truncate(parent + 1);
            lines.insert(path.clone(), i + 1);
            let inner = item.trim_start_matches(' ');
            let step = body.len() - inner.len();
            open.push((indent, path, 0));
            indent += step.max(1);
            body = inner;
        }
        let Some((key, _)) = body.split_once(':') else { continue };
        while open.last().is_some_and(|(at, _, _)| *at >= indent) {
            open.pop();
        }
        let key = key.trim().trim_matches(['"', '\'']);
        let path = join(open.last().map_or("", |(_, path, _)| path), key);
        lines.insert(path.clone(), i + 1);
        open.push((indent, path, 0));
        open.truncate(MAX_NESTING);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &Lines, path: &str, expected: usize) {
        assert_eq!(line(lines, path), Some(expected), "{path} in {lines:?}");
    }

    #[test]
    fn toml() {
        let text = "[seeds]\nurls = [\n  \"a\",\n  \"b\",\n]\n[fetch]\nheaders = { A = \"x\" }\n[[host]]\nmatch = \"h\"\n[[host]]\n\nrate = 1\n";
        let lines = of_toml(text);
        check(&lines, "seeds.urls[1]", 4);
        check(&lines, "fetch.headers.A", 7);
        check(&lines, "host[1].rate", 12);
        check(&lines, "host[1].burst", 10);
        check(&lines, "seeds.files", 1);
        assert_eq!(line(&lines, "nowhere"), None);
    }

    #[test]
    fn json() {
        let text = "{\n \"seeds\": {\"urls\":\n  [\"a,}\",\n  \"b\\\"\"]},\n \"limits\": {\n  \"depth\": 3, \"x\": null\n }\n}";
        let lines = of_json(text);
        check(&lines, "seeds.urls[1]", 4);
        check(&lines, "limits.depth", 6);
        check(&lines, "limits.x", 6);
        of_json("{{{]]]:::\"");
        of_json(&"[".repeat(10_000));
    }

    #[test]
    fn yaml() {
        let text =
            "seeds:\n  urls:\n    - a\n    - b\nhost:\n- match: x\n  rate: 1/s\n- match: y\n# c\nlimits:\n  depth: 3\n";
        let lines = of_yaml(text);
        check(&lines, "seeds.urls[1]", 4);
        check(&lines, "host[0].rate", 7);
        check(&lines, "host[1].match", 8);
        check(&lines, "limits.depth", 11);
    }
}
