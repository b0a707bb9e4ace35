//! One layer against the schema: unknown keys, wrong kinds, values out of bounds.
//!
//! Layers are inspected one by one and before they are merged, so that a mistake in the file is
//! reported although a flag covers it. What is good goes on; what is not is reported and left out,
//! so one run tells everything that is wrong.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    Fault, Problem, headers,
    layers::Origin,
    path::{KeyPath, Segment},
    raw::Raw,
    schema::{self, Node, Shape},
};
use crate::address::without_userinfo;

/// A found value is quoted up to this many characters.
const MAX_QUOTED: usize = 60;

/// A layer's good values, and what is wrong with the others.
pub(crate) fn inspect(layer: &Json, origin: &Origin, problems: &mut Vec<Problem>) -> Json {
    let mut inspector = Inspector { origin, problems, good: Json::Object(Map::new()) };
    inspector.walk(Node::root(), &KeyPath::default(), layer);
    inspector.good
}

struct Inspector<'a> {
    origin: &'a Origin,
    problems: &'a mut Vec<Problem>,
    good: Json,
}

impl Inspector<'_> {
    fn walk(&mut self, node: Node<'_>, path: &KeyPath, value: &Json) {
        match (node.shape(), value) {
            // In YAML and JSON an empty section or a commented-out value reads as null: not given.
            (_, Json::Null) => {}
            (Shape::Table, Json::Object(entries)) => {
                for (key, value) in entries {
                    let path = path.key(key);
                    match node.child(key) {
                        Some(child) => self.walk(child, &path, value),
                        None => self.report(&path, unknown(node, &path)),
                    }
                }
            }
            (Shape::Map(values), Json::Object(entries)) => {
                for (key, value) in entries {
                    self.leaf(values, &path.key(key), value);
                }
            }
            (Shape::Tables(items), Json::Array(elements)) => {
                for (i, element) in elements.iter().enumerate() {
                    let path = path.index(i);
                    if element.is_object() {
                        // Also when it is empty, so that later ones keep their places.
                        path.put(&mut self.good, Json::Object(Map::new()));
                        self.walk(items, &path, element);
                    } else {
                        self.unexpected(items, &path, element);
                    }
                }
            }
            (Shape::Leaf, _) => self.leaf(node, path, value),
            _ => self.unexpected(node, path, value),
        }
    }

    /// A value is good if a configuration with nothing else in it can be read, and it is in bounds.
    fn leaf(&mut self, node: Node<'_>, path: &KeyPath, value: &Json) {
        // A table's values in a list would be read as the table.
        let is_list_of_a_table = value.is_array() && !node.is("array");
        if !is_list_of_a_table && Raw::deserialize(path.alone(value.clone())).is_ok() && node.admits(value) {
            path.put(&mut self.good, value.clone());
        } else {
            self.unexpected(node, path, value);
        }
    }

    fn unexpected(&mut self, node: Node<'_>, path: &KeyPath, value: &Json) {
        self.report(path, Fault::Unexpected { expected: node.expects(), found: found(path, value) });
    }

    fn report(&mut self, path: &KeyPath, fault: Fault) {
        let origin = self.origin.of(path);
        self.problems.push(Problem { origin, key: path.to_string(), fault });
    }
}

/// What to write instead. A table that is one of several (`[[auth]]`) has few keys, and none that is
/// another section's by mistake.
fn unknown(table: Node<'_>, path: &KeyPath) -> Fault {
    let in_list = path.segments().iter().any(|segment| matches!(segment, Segment::Index(_)));
    let nearest = schema::nearest(path);
    let Some(Segment::Key(section)) = path.segments().first().filter(|_| in_list) else {
        return Fault::Unknown { nearest, others: Vec::new() };
    };
    let nearest = nearest.filter(|nearest| nearest.starts_with(&format!("{section}.")));
    let keys = table.children(&KeyPath::default().key(section));
    let names = keys.iter().filter_map(|(key, _)| key.last_key().map(ToOwned::to_owned));
    let others = if nearest.is_none() { names.collect() } else { Vec::new() };
    Fault::Unknown { nearest, others }
}

/// The words that follow "unknown key".
pub(super) fn suggestion(nearest: Option<&str>, others: &[String]) -> String {
    match (nearest, others) {
        (Some(key), _) => format!("; did you mean `{key}`?"),
        (None, []) => String::new(),
        (None, others) => format!("; there are `{}`", others.join("`, `")),
    }
}

/// `value` for a message; a header's is never told.
fn found(path: &KeyPath, value: &Json) -> String {
    let kind = match value {
        Json::Object(_) => "a table",
        Json::Array(_) => "a list",
        Json::String(_) => "a text",
        Json::Number(_) => "a number",
        Json::Bool(_) => "true or false",
        Json::Null => "nothing",
    };
    // Nobody knows which part of a list with an `@` in it is a login.
    let has_logins = value.is_array() && value.to_string().contains('@');
    if value.is_object() || has_logins || headers::may_be_secret(path) {
        return kind.to_owned();
    }
    quote(&without_userinfo(&value.to_string()))
}

/// At most [`MAX_QUOTED`] characters of `text`.
pub(crate) fn quote(text: &str) -> String {
    if text.chars().count() <= MAX_QUOTED {
        return text.to_owned();
    }
    text.chars().take(MAX_QUOTED).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::layers::Origin;

    #[test]
    fn of_an_unknown_key_the_nearest_is_told() {
        let check = |layer: Json, expected: &str| {
            let mut problems = Vec::new();
            inspect(&layer, &Origin::Default, &mut problems);
            let told: Vec<String> = problems.iter().map(|problem| problem.fault.to_string()).collect();
            assert_eq!(told, [expected], "{layer}");
        };
        check(json!({"limits": {"depht": 1}}), "unknown key; did you mean `limits.depth`?");
        check(json!({"fetch": {"xylophone": 1}}), "unknown key");
        check(json!({"host": [{"quit": 1}]}), "unknown key; did you mean `host.quiet`?");
        let keys = "unknown key; there are `origin`, `user`, `password`, `bearer`, `headers`";
        check(json!({"auth": [{"url": "http://h"}]}), keys);
        check(json!({"auth": [{"token": "x"}]}), keys);
    }

    #[test]
    fn ports_are_numbers_or_texts() {
        let check = |ports: Json, expected: &[&str]| {
            let mut problems = Vec::new();
            inspect(&json!({"fetch": {"allow_ports": ports}}), &Origin::Default, &mut problems);
            let told: Vec<String> = problems.iter().map(|problem| problem.fault.to_string()).collect();
            assert_eq!(told, expected, "{ports}");
        };
        check(json!([25, "110"]), &[]);
        check(json!([70000]), &["expected a list of ports, from 1 to 65535, found [70000]"]);
        check(json!(25), &["expected a list of ports, from 1 to 65535, found 25"]);
    }
}
