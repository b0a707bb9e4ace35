//! The effective configuration as rows: every key, its value, and where that comes from.

use serde::Serialize;
use serde_json::{Value as Json, json};
use toml_edit::{Array, InlineTable, Key, Value as Toml};

use super::{
    Loaded, Settings,
    headers::{HIDDEN, is_secret_place, may_be_secret},
    layers::{Merged, get},
    path::{KeyPath, Segment},
    schema::{Node, Shape},
};
use crate::address::without_userinfo;

/// One effective value.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// `fetch.timeout`, `host[0].rate`, `fetch.headers.Accept`.
    pub key: String,
    /// The value; `<secret>` in a secret's place.
    pub value: Json,
    /// `default`, `site.toml:12`, `environment DRAGLINE__…`, `flag --depth`.
    pub origin: String,
    #[serde(skip)]
    path: KeyPath,
    /// As it would be written in a file: where a secret is found, not what it is.
    #[serde(skip)]
    written: Json,
}

impl Row {
    /// The value in TOML's notation.
    pub fn toml_value(&self) -> String {
        to_toml(&self.value).to_string()
    }

    fn is_default(&self) -> bool {
        self.origin == "default"
    }
}

/// All rows, in the order of the reference.
pub(crate) fn rows(merged: &Merged, settings: &Settings) -> Vec<Row> {
    let mut rows = Vec::new();
    collect(Node::root(), &KeyPath::default(), merged, &mut rows);
    for row in &mut rows {
        // An empty text stands for what follows from the rest.
        let derived = match row.key.as_str() {
            "job.name" => json!(settings.job.name),
            "job.out" => json!(settings.job.out.display().to_string()),
            "fetch.user_agent" => json!(settings.fetch.user_agent.to_str().unwrap_or_default()),
            _ => continue,
        };
        row.value = derived.clone();
        row.written = derived;
    }
    rows
}

fn collect(node: Node<'_>, path: &KeyPath, merged: &Merged, rows: &mut Vec<Row>) {
    let value = get(&merged.tree, path);
    match (node.shape(), value) {
        (Shape::Table, _) => {
            for (path, child) in node.children(path) {
                collect(child, &path, merged, rows);
            }
        }
        (Shape::Map(_), Some(Json::Object(entries))) if !entries.is_empty() => {
            for (key, value) in entries {
                rows.push(row(path.key(key), value, merged));
            }
        }
        (Shape::Tables(items), Some(Json::Array(elements))) if !elements.is_empty() => {
            for i in 0..elements.len() {
                collect(items, &path.index(i), merged, rows);
            }
        }
        (_, Some(value)) => rows.push(row(path.clone(), value, merged)),
        // A key that a [[host]] leaves to [politeness].
        (_, None) => {}
    }
}

fn row(path: KeyPath, value: &Json, merged: &Merged) -> Row {
    let key = path.to_string();
    let (mut shown, mut written) = (without_credentials(value), without_credentials(value));
    let is_secret = is_secret_place(&path) && value.as_str().is_some_and(|text| !text.is_empty());
    if is_secret || (value.is_object() && may_be_secret(&path)) {
        shown = json!(HIDDEN);
    }
    if is_secret {
        let name = key.strip_prefix("fetch.headers.").unwrap_or(&key).to_ascii_uppercase();
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        written = json!({ "env": format!("DRAGLINE_{name}") });
    }
    Row { origin: merged.origin(&key), key, value: shown, path, written }
}

impl Loaded {
    /// A TOML file that means the same crawl: the values that were set, and name and folder.
    ///
    /// A secret that was given in the clear is not in it; a variable is named in its place.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut place = String::new();
        for row in &self.rows {
            if row.is_default() && !matches!(row.key.as_str(), "job.name" | "job.out") {
                continue;
            }
            let [Segment::Key(section), rest @ ..] = row.path.segments() else { continue };
            let (header, rest) = match rest {
                [Segment::Index(_), rest @ ..] => (format!("[[{section}]]"), rest),
                rest => (format!("[{section}]"), rest),
            };
            let new_place = row.key.split_once('.').map_or(row.key.as_str(), |(place, _)| place);
            if new_place != place {
                let gap = if text.is_empty() { "" } else { "\n" };
                text.push_str(&format!("{gap}{header}\n"));
                new_place.clone_into(&mut place);
            }
            let key: Vec<String> = rest
                .iter()
                .map(|segment| match segment {
                    Segment::Key(key) => Key::new(key.as_str()).to_string(),
                    Segment::Index(index) => index.to_string(),
                })
                .collect();
            let is_hidden = row.written != row.value && row.path.segments().len() > 2 && row.origin.starts_with("flag");
            let note = if is_hidden { " # set this variable: secrets are not printed" } else { "" };
            text.push_str(&format!("{} = {}{note}\n", key.join("."), to_toml(&row.written)));
        }
        text
    }
}

/// The value; credentials in URLs are not sent and not shown.
fn without_credentials(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::from(without_userinfo(text)),
        Json::Array(items) => items.iter().map(without_credentials).collect(),
        other => other.clone(),
    }
}

/// A value in TOML's notation; there is no null in a merged configuration.
pub(crate) fn to_toml(value: &Json) -> Toml {
    match value {
        Json::Null => Toml::from(""),
        Json::Bool(truth) => Toml::from(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Toml::from(number),
            None => Toml::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Toml::from(text.as_str()),
        Json::Array(items) => Toml::Array(items.iter().map(to_toml).collect::<Array>()),
        Json::Object(entries) => Toml::InlineTable(
            entries.iter().map(|(key, value)| (key.as_str(), to_toml(value))).collect::<InlineTable>(),
        ),
    }
}
