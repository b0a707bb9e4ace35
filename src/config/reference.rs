//! The documentation of the configuration, made from its schema: the JSON Schema for editors and
//! the reference file for people.

use std::fmt::Write;

use super::{
    path::KeyPath,
    raw::Raw,
    rows::to_toml,
    schema::{self, Node, Shape},
};

/// Columns of text in a comment.
const WIDTH: usize = 96;

/// The JSON Schema (draft 2020-12) of a configuration file, pretty-printed.
pub fn json_schema() -> String {
    format!("{:#}\n", schema::schema())
}

/// `config/reference.toml`: every key with its documentation, unit, bounds and default. Read as a
/// configuration it changes nothing.
pub fn reference() -> String {
    let values = serde_json::to_value(Raw::example()).expect("plain data");
    let mut text = String::new();
    comment(&mut text, "", &format!("{} Every key is here with its default.", Node::root().doc()));
    comment(&mut text, "", "Made by `dragline check --reference`; don't edit.");
    for (path, section) in Node::root().children(&KeyPath::default()) {
        let name = path.to_string();
        let (keys, header, off) = match section.shape() {
            Shape::Tables(items) => (items, format!("# [[{name}]]"), "# "),
            _ => (section, format!("[{name}]"), ""),
        };
        text.push('\n');
        comment(&mut text, "", &section.doc());
        writeln!(text, "{header}").expect(INFALLIBLE);
        let values = if off.is_empty() { &values[&name] } else { &values[&name][0] };
        for (i, (path, node)) in keys.children(&path).into_iter().enumerate() {
            let key = path.last_key().unwrap_or_default();
            if i > 0 {
                text.push_str(if off.is_empty() { "\n" } else { "#\n" });
            }
            comment(&mut text, off, &node.doc());
            comment(&mut text, off, &format!("{}.", capitalised(&node.expects())));
            writeln!(text, "{off}{key} = {}", to_toml(&values[key])).expect(INFALLIBLE);
        }
    }
    text
}

const INFALLIBLE: &str = "a String takes everything";

/// `text` as a comment, wrapped.
fn comment(out: &mut String, prefix: &str, text: &str) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() >= WIDTH {
            writeln!(out, "{prefix}#{line}").expect(INFALLIBLE);
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(out, "{prefix}#{line}").expect(INFALLIBLE);
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
