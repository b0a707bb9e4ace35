//! The JSON Schema of the configuration, and the questions that checking asks of it.
//!
//! The schema is made from [`Raw`] with every definition inlined, so that a walk down a value and a
//! walk down the schema go hand in hand. Here is what a key's documentation, bounds and wording of
//! "expected …" come from; nothing is stated twice.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::{
    lines,
    path::KeyPath,
    raw::Raw,
    units::{Bytes, Count, Factor, Rate, Span, Unit},
};

static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Raw>().to_value();
    name_keys(&mut schema, &KeyPath::default());
    schema
});

/// The order in which sections and keys are declared; the maps of a schema are sorted by name.
static ORDER: LazyLock<Vec<String>> = LazyLock::new(|| {
    let raw = Raw::example();
    // Serialising a struct straight to text keeps the order of its fields.
    let text = serde_json::to_string_pretty(&raw).expect("plain data");
    let mut keys: Vec<(usize, String)> = lines::of_json(&text).into_iter().map(|(key, line)| (line, key)).collect();
    keys.sort();
    keys.into_iter().map(|(_, key)| key.replace("[0]", "")).collect()
});

/// The whole schema (JSON Schema, draft 2020-12).
pub(crate) fn schema() -> &'static Json {
    &SCHEMA
}

/// Gives every key its path as title, and its bounds as the last words of its description.
fn name_keys(schema: &mut Json, path: &KeyPath) {
    let bounds = Node(schema).bounds().map(|bounds| format!(" ({bounds})"));
    if let (Some(text), Some(bounds)) = (schema["description"].as_str(), bounds) {
        schema["description"] = json!(format!("{text}{bounds}"));
    }
    if !path.segments().is_empty() {
        schema["title"] = json!(path.to_string());
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        for (key, child) in properties {
            name_keys(child, &path.key(key));
        }
    }
    if schema["items"].get("properties").is_some() {
        for (key, child) in schema["items"]["properties"].as_object_mut().into_iter().flatten() {
            name_keys(child, &path.key(key));
        }
    }
}

/// The schema of one place.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a>(&'a Json);

/// What stands at a place.
pub(crate) enum Shape<'a> {
    /// A section: known keys only.
    Table,
    /// Any key, values of one kind.
    Map(Node<'a>),
    /// A list of sections.
    Tables(Node<'a>),
    /// A value.
    Leaf,
}

impl Node<'static> {
    /// The whole configuration.
    pub(crate) fn root() -> Self {
        Self(schema())
    }

    /// The place of `path`, if the schema knows it.
    pub(crate) fn at(path: &KeyPath) -> Option<Self> {
        path.segments().iter().try_fold(Self::root(), |node, segment| match (segment, node.shape()) {
            (super::path::Segment::Key(key), Shape::Table) => node.child(key),
            (super::path::Segment::Key(_), Shape::Map(value)) => Some(value),
            (super::path::Segment::Index(_), Shape::Tables(items)) => Some(items),
            _ => None,
        })
    }
}

impl<'a> Node<'a> {
    /// What stands here.
    pub(crate) fn shape(self) -> Shape<'a> {
        if self.0.get("properties").is_some() {
            return Shape::Table;
        }
        match (self.0.get("additionalProperties"), self.0.get("items")) {
            (Some(value), _) if value.is_object() => Shape::Map(Node(value)),
            (_, Some(items)) if items.get("properties").is_some() => Shape::Tables(Node(items)),
            _ => Shape::Leaf,
        }
    }

    /// One of a section's keys.
    pub(crate) fn child(self, key: &str) -> Option<Self> {
        self.0["properties"].get(key).map(Node)
    }

    /// A section's keys, as declared.
    pub(crate) fn children(self, path: &KeyPath) -> Vec<(KeyPath, Self)> {
        let properties = self.0["properties"].as_object();
        let mut children: Vec<_> =
            properties.into_iter().flatten().map(|(key, node)| (path.key(key), Node(node))).collect();
        children.sort_by_key(|(path, _)| rank(path));
        children
    }

    /// The documentation of this place, on one line, without bounds.
    pub(crate) fn doc(self) -> String {
        let text = self.0["description"].as_str().unwrap_or_default();
        let bounds = self.bounds().map(|bounds| format!(" ({bounds})")).unwrap_or_default();
        let text = text.strip_suffix(&bounds).unwrap_or(text);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Whether its values are of the JSON type `name`, alone or among others.
    pub(crate) fn is(self, name: &str) -> bool {
        let types = &self.0["type"];
        types == name || types.as_array().is_some_and(|types| types.iter().any(|t| t == name))
    }

    /// Completes "expected …".
    pub(crate) fn expects(self) -> String {
        let what = match (self.0["x-expects"].as_str(), self.choices()) {
            (Some(text), _) => text.to_owned(),
            (_, choices) if !choices.is_empty() => format!("one of {}", choices.join(", ")),
            _ if self.is("integer") => "a whole number".to_owned(),
            _ if self.is("boolean") => "true or false".to_owned(),
            _ if self.is("array") && matches!(self.shape(), Shape::Leaf) => {
                let choices = self.0.get("items").map(Node).map(Node::choices).unwrap_or_default();
                if choices.is_empty() {
                    "a list of texts".to_owned()
                } else {
                    format!("a list of {}", choices.join(", "))
                }
            }
            _ if self.is("array") => "a list of tables".to_owned(),
            _ if self.is("object") => "a table".to_owned(),
            _ => "a text".to_owned(),
        };
        self.bounds().map_or(what.clone(), |bounds| format!("{what}, {bounds}"))
    }

    /// The words that an enumeration allows, in quotes.
    fn choices(self) -> Vec<String> {
        self.0["enum"].as_array().into_iter().flatten().map(Json::to_string).collect()
    }

    /// `from 1 to 1000`, if there are bounds.
    pub(crate) fn bounds(self) -> Option<String> {
        let text = |bound: &Json| bound.as_str().map_or_else(|| bound.to_string(), str::to_owned);
        match (self.bound("x-min", "minimum"), self.bound("x-max", "maximum")) {
            (Some(min), Some(max)) => Some(format!("from {} to {}", text(min), text(max))),
            (Some(min), None) => Some(format!("at least {}", text(min))),
            (None, Some(max)) => Some(format!("at most {}", text(max))),
            (None, None) => None,
        }
    }

    fn bound(self, with_unit: &str, plain: &str) -> Option<&'a Json> {
        self.0.get(with_unit).or_else(|| self.0.get(plain))
    }

    /// Whether `value` lies between the bounds; true of what can't be measured.
    pub(crate) fn admits(self, value: &Json) -> bool {
        let Some(size) = self.measure(value) else { return true };
        let bound = |with_unit, plain| self.bound(with_unit, plain).and_then(|bound| self.measure(bound));
        bound("x-min", "minimum").is_none_or(|min| size >= min)
            && bound("x-max", "maximum").is_none_or(|max| size <= max)
    }

    /// Whether its values are whole numbers, or would be but for "unlimited".
    pub(crate) fn counts(self) -> bool {
        self.0["x-unit"] == Count::NAME || (self.is("integer") && !self.is("string"))
    }

    /// Whether its values are factors, of which "off" is the least.
    pub(crate) fn is_factor(self) -> bool {
        self.0["x-unit"] == Factor::NAME
    }

    /// The size of a value that has one.
    pub(crate) fn measure(self, value: &Json) -> Option<f64> {
        match self.0["x-unit"].as_str() {
            Some(Span::NAME) => Span::from_json(value)?.measure(),
            Some(Bytes::NAME) => Bytes::from_json(value)?.measure(),
            Some(Rate::NAME) => Rate::from_json(value)?.measure(),
            Some(Factor::NAME) => Factor::from_json(value)?.measure(),
            Some(Count::NAME) => Count::from_json(value)?.measure(),
            _ => value.as_f64(),
        }
    }
}

/// Where a key is declared among all; unknown ones last.
pub(crate) fn rank(path: &KeyPath) -> usize {
    let name: String = path.to_string();
    ORDER.iter().position(|key| *key == name).unwrap_or(usize::MAX)
}

/// Every section and key there is.
fn known() -> Vec<KeyPath> {
    let mut found = Vec::new();
    for (path, section) in Node::root().children(&KeyPath::default()) {
        let section = if let Shape::Tables(items) = section.shape() { items } else { section };
        found.extend(section.children(&path).into_iter().map(|(path, _)| path));
        found.push(path);
    }
    found
}

/// What a suggestion from another section costs, in letters; a part of a name costs half of it.
const ELSEWHERE: usize = 40;

/// The known key most like `unknown`: one of its own section if any is near, else one elsewhere.
pub(crate) fn nearest(unknown: &KeyPath) -> Option<String> {
    let name = unknown.last_key()?;
    let n_parents = unknown.segments().iter().filter(|s| matches!(s, super::path::Segment::Key(_))).count();
    let parent = unknown.to_string().replace(|c: char| c == '[' || c == ']' || c.is_ascii_digit(), "");
    let parent = parent.rsplit_once('.').map_or("", |(parent, _)| parent).to_owned();
    let cost = |path: &KeyPath| {
        let other = path.last_key()?;
        let distance = strsim::osa_distance(name, other);
        let part = other.len().min(name.len()) >= 4 && (other.contains(name) || name.contains(other));
        let near = distance <= (name.chars().count() / 3).max(1);
        let text = path.to_string();
        let at_home = path.segments().len() == n_parents.min(2) && text.strip_suffix(other) == Some(&home(&parent));
        match (near, part) {
            (true, _) => Some(distance + ELSEWHERE * usize::from(!at_home)),
            (_, true) => Some(ELSEWHERE / 2 + distance + ELSEWHERE * usize::from(!at_home)),
            _ => None,
        }
    };
    let best = known().into_iter().filter_map(|path| Some((cost(&path)?, rank(&path), path))).min();
    best.map(|(_, _, path)| path.to_string())
}

fn home(parent: &str) -> String {
    if parent.is_empty() { String::new() } else { format!("{parent}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unknown: &str, expected: Option<&str>) {
        assert_eq!(nearest(&KeyPath::dotted(unknown)).as_deref(), expected, "{unknown}");
    }

    #[test]
    fn nearest_key() {
        check("limits.depht", Some("limits.depth"));
        check("limit", Some("limits"));
        check("fetch.rate", Some("fetch.min_rate"));
        check("fetch.depth", Some("limits.depth"));
        check("limits.max_pages", Some("limits.pages"));
        check("fetch.xylophone", None);
        let host = KeyPath::default().key("host").index(0).key("rat");
        assert_eq!(nearest(&host).as_deref(), Some("host.rate"));
    }

    #[test]
    fn every_key_is_documented() {
        for path in known() {
            let mut node = Node::root();
            for segment in path.segments() {
                let super::super::path::Segment::Key(key) = segment else { unreachable!("known keys have no index") };
                node = if let Shape::Tables(items) = node.shape() { items } else { node };
                node = node.child(key).expect("known");
            }
            assert!(!node.doc().is_empty(), "{path} has no doc comment");
            assert_ne!(rank(&path), usize::MAX, "{path} has no place");
        }
    }

    #[test]
    fn bounds_are_measured_in_their_unit() {
        let node = Node::at(&KeyPath::dotted("fetch.timeout")).expect("known");
        assert!(node.admits(&json!("1m")));
        assert!(!node.admits(&json!("1ms")));
        assert_eq!(node.bounds().as_deref(), Some("from 10ms to 1day"));
    }
}
