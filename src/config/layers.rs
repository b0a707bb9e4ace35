//! The layers: where values come from, and how they are laid over each other.
//!
//! Each layer becomes a `config::Source` whose values carry their origin as text; the `config`
//! crate merges them, and what survives still says where it was written.

use std::{collections::BTreeMap, fmt};

use config::{ConfigError, Map, Source, Value, ValueKind};
use serde_json::Value as Json;

use super::{
    Fault, Problem,
    lines::{self, Lines},
    path::{KeyPath, Segment},
    schema::Node,
};

/// Variables of this prefix and `__` belong to dragline.
const PREFIX: &str = "DRAGLINE";

/// Where the values of a layer were written.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// Nowhere.
    Default,
    /// In a file.
    File {
        /// As given on the command line.
        name: String,
        /// Where its keys stand.
        lines: Lines,
    },
    /// In variables or flags; the words for each, by path.
    Named(BTreeMap<String, String>),
}

impl Origin {
    /// In words, for the value at `path`.
    pub(crate) fn of(&self, path: &KeyPath) -> String {
        let path = path.to_string();
        match self {
            Self::Default => "default".to_owned(),
            Self::File { name, lines } => match lines::line(lines, &path) {
                Some(line) => format!("{name}:{line}"),
                None => name.clone(),
            },
            // An element of a list has its list's name; an unknown section that of what is in it.
            Self::Named(names) => {
                let within = |inner: &str, outer: &str| {
                    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                };
                let around = names.iter().filter(|(key, _)| within(&path, key)).max_by_key(|(key, _)| key.len());
                let found = around.or_else(|| names.iter().find(|(key, _)| within(key, &path)));
                found.map_or_else(String::new, |(_, name)| name.clone())
            }
        }
    }
}

/// The environment that is looked at: the process's, or one that a test gives.
#[derive(Clone, Default)]
pub struct Environment(Option<BTreeMap<String, String>>);

impl Environment {
    /// The variables of this process.
    pub fn process() -> Self {
        Self(None)
    }

    /// These variables and no others.
    pub fn given<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(Some(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
    }

    /// One variable, if it is set and is text.
    #[expect(clippy::disallowed_methods, reason = "config is the reader of the environment")]
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match &self.0 {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        }
    }

    /// The layer of `DRAGLINE__…` variables, and `RUST_LOG` below them.
    pub(crate) fn layer(&self) -> Result<(Json, Origin), Problem> {
        let given = self.0.clone().map(|variables| variables.into_iter().collect());
        let source = config::Environment::with_prefix(PREFIX).prefix_separator("__").separator("__").source(given);
        let found = source.collect().map_err(|error| Problem {
            origin: "environment".to_owned(),
            key: String::new(),
            fault: Fault::Unreadable(error.to_string()),
        })?;
        let mut given = Given::default();
        if let Some(filter) = self.get("RUST_LOG").filter(|filter| !filter.is_empty()) {
            given.set("telemetry.log", "environment RUST_LOG", Json::String(filter));
        }
        for (key, value) in found.into_iter().collect::<BTreeMap<_, _>>() {
            let name = format!("environment {PREFIX}__{}", key.replace('.', "__").to_uppercase());
            given.set(&key, &name, Json::String(value.to_string()));
        }
        Ok((given.tree, Origin::Named(given.names)))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment") // Its values may be secrets.
    }
}

/// The layer of flags: what the command line says, by key.
#[derive(Debug, Clone, Default)]
pub struct Flags(Given);

impl Flags {
    /// The flag (or argument) `name` sets `key` (`section.key`, for maps `section.key.entry`).
    /// Texts are read as the key's kind of value, as in the environment.
    pub fn set(&mut self, key: &str, name: &str, value: impl Into<Json>) {
        let word = if name.starts_with('-') { "flag" } else { "argument" };
        self.0.set(key, &format!("{word} {name}"), value.into());
    }

    pub(crate) fn layer(&self) -> (Json, Origin) {
        (self.0.tree.clone(), Origin::Named(self.0.names.clone()))
    }
}

/// Values with a name each, as variables and flags are.
#[derive(Debug, Clone, Default)]
struct Given {
    tree: Json,
    names: BTreeMap<String, String>,
}

impl Given {
    fn set(&mut self, key: &str, name: &str, value: Json) {
        let path = KeyPath::dotted(key);
        let value = match (&value, Node::at(&path)) {
            (Json::String(text), Some(node)) => read(text, node).unwrap_or(value),
            _ => value,
        };
        self.names.insert(path.to_string(), name.to_owned());
        path.put(&mut self.tree, value);
    }
}

/// A text as the kind of value that `node` wants; `None` leaves it a text, for inspection to judge.
/// Lists are comma-separated, or in TOML's brackets; tables are in TOML's braces.
fn read(text: &str, node: Node<'_>) -> Option<Json> {
    let text = text.trim();
    if text.starts_with('{') || (text.starts_with('[') && node.is("array")) {
        return text.parse::<toml_edit::Value>().ok().map(|value| from_toml(&value));
    }
    if node.is("array") {
        return Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect());
    }
    if node.is("boolean") {
        return text.parse().ok().map(Json::Bool);
    }
    if node.counts() {
        return text.parse::<i64>().ok().map(Json::from);
    }
    None
}

fn from_toml(value: &toml_edit::Value) -> Json {
    use toml_edit::Value as Toml;
    match value {
        Toml::String(text) => Json::from(text.value().as_str()),
        Toml::Integer(number) => Json::from(*number.value()),
        Toml::Float(number) => Json::from(*number.value()),
        Toml::Boolean(truth) => Json::from(*truth.value()),
        Toml::Datetime(date) => Json::from(date.value().to_string()),
        Toml::Array(array) => array.iter().map(from_toml).collect(),
        Toml::InlineTable(table) => {
            Json::Object(table.iter().map(|(key, value)| (key.to_owned(), from_toml(value))).collect())
        }
    }
}

/// An inspected layer, for the `config` crate.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) tree: Json,
    pub(crate) origin: Origin,
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let root = KeyPath::default();
        let sections = self.tree.as_object().into_iter().flatten();
        Ok(sections.map(|(key, value)| (key.clone(), self.value(&root.key(key), value))).collect())
    }
}

impl Layer {
    fn value(&self, path: &KeyPath, json: &Json) -> Value {
        let kind = match json {
            Json::Null => ValueKind::Nil,
            Json::Bool(truth) => ValueKind::Boolean(*truth),
            Json::String(text) => ValueKind::String(text.clone()),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => ValueKind::I64(number),
                (_, Some(number)) => ValueKind::U64(number),
                _ => ValueKind::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::Array(items) => {
                let items = items.iter().enumerate();
                ValueKind::Array(items.map(|(i, item)| self.value(&path.index(i), item)).collect())
            }
            Json::Object(entries) => ValueKind::Table(
                entries.iter().map(|(key, value)| (spelling(path, key), self.value(&path.key(key), value))).collect(),
            ),
        };
        Value::new(Some(&self.origin.of(path)), kind)
    }
}

/// Names of headers and hosts know no case; in lower case, layers agree on them.
fn spelling(table: &KeyPath, key: &str) -> String {
    let is_header = table.last_key() == Some("headers") && table.segments().len() > 1;
    if is_header || table.to_string() == "fetch.resolve" { key.to_ascii_lowercase() } else { key.to_owned() }
}

/// All layers, merged.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// The values.
    pub(crate) tree: Json,
    origins: BTreeMap<String, String>,
}

impl Merged {
    /// Lays `layers` over each other, the last on top.
    pub(crate) fn of(layers: Vec<Layer>) -> Result<Self, ConfigError> {
        let builder = layers
            .into_iter()
            .fold(config::Config::builder(), config::ConfigBuilder::<config::builder::DefaultState>::add_source);
        Ok(Self::of_values(builder.build()?.collect()?))
    }

    /// What the `config` crate collected, apart.
    pub(crate) fn of_values(values: Map<String, Value>) -> Self {
        let mut merged = Self { tree: Json::Object(serde_json::Map::new()), origins: BTreeMap::new() };
        for (key, value) in values {
            let path = KeyPath::default().key(&key);
            let json = merged.take(&path, value);
            path.put(&mut merged.tree, json);
        }
        merged
    }

    /// Where the value at `path` (as printed) comes from.
    pub(crate) fn origin(&self, path: &str) -> String {
        // A table that two layers share has no origin of its own; one of its entries has.
        let inside = self.origins.range(format!("{path}.")..format!("{path}/"));
        if let Some((_, origin)) = inside.into_iter().find(|(_, origin)| *origin != "default") {
            return origin.clone();
        }
        let mut path = path;
        loop {
            if let Some(origin) = self.origins.get(path) {
                return origin.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return "default".to_owned(),
            }
        }
    }

    fn take(&mut self, path: &KeyPath, value: Value) -> Json {
        if let Some(origin) = value.origin() {
            self.origins.insert(path.to_string(), origin.to_owned());
        }
        match value.kind {
            ValueKind::Nil => Json::Null,
            ValueKind::Boolean(truth) => Json::from(truth),
            ValueKind::I64(number) => Json::from(number),
            ValueKind::U64(number) => Json::from(number),
            ValueKind::I128(_) | ValueKind::U128(_) => Json::from(value.kind.to_string()),
            ValueKind::Float(number) => Json::from(number),
            ValueKind::String(text) => Json::from(text),
            ValueKind::Array(items) => {
                let items = items.into_iter().enumerate();
                items.map(|(i, item)| self.take(&path.index(i), item)).collect()
            }
            ValueKind::Table(entries) => Json::Object(
                entries.into_iter().map(|(key, value)| (key.clone(), self.take(&path.key(&key), value))).collect(),
            ),
        }
    }
}

/// The value at `path` of `tree`.
pub(crate) fn get<'a>(tree: &'a Json, path: &KeyPath) -> Option<&'a Json> {
    path.segments().iter().try_fold(tree, |place, segment| match segment {
        Segment::Key(key) => place.get(key),
        Segment::Index(index) => place.get(index),
    })
}
