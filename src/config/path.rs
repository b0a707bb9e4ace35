//! Where a value stands in a configuration: `limits.depth`, `host[0].rate`.
//!
//! Paths are made by walking, never by splitting at dots: a map's key (`resolve`'s host names) may
//! hold dots itself.

use std::fmt;

use serde_json::{Map, Value as Json};

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// A way from the root to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// `section.key`, and of a map `section.key.anything.else`.
    pub(crate) fn dotted(key: &str) -> Self {
        Self(key.splitn(3, '.').map(|part| Segment::Key(part.to_owned())).collect())
    }

    /// One step into a table.
    pub(crate) fn key(&self, key: &str) -> Self {
        self.then(Segment::Key(key.to_owned()))
    }

    /// One step into a list.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.then(Segment::Index(index))
    }

    fn then(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    /// The steps.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The last step's name; a list's index counts with its list.
    pub(crate) fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        })
    }

    /// A tree with nothing in it but `leaf` at this place; a list on the way has one element.
    pub(crate) fn alone(&self, leaf: Json) -> Json {
        self.0.iter().rev().fold(leaf, |inner, segment| match segment {
            Segment::Key(key) => Json::Object(Map::from_iter([(key.clone(), inner)])),
            Segment::Index(_) => Json::Array(vec![inner]),
        })
    }

    /// Puts `leaf` at this place of `tree`, making tables and lists on the way; a gap in a list is
    /// filled with empty tables.
    pub(crate) fn put(&self, tree: &mut Json, leaf: Json) {
        let mut place = tree;
        for segment in &self.0 {
            place = match segment {
                Segment::Key(key) => {
                    if !place.is_object() {
                        *place = Json::Object(Map::new());
                    }
                    let table = place.as_object_mut().expect("made one just now");
                    table.entry(key.clone()).or_insert(Json::Null)
                }
                Segment::Index(index) => {
                    if !place.is_array() {
                        *place = Json::Array(Vec::new());
                    }
                    let list = place.as_array_mut().expect("made one just now");
                    while list.len() <= *index {
                        list.push(Json::Object(Map::new()));
                    }
                    &mut list[*index]
                }
            };
        }
        *place = leaf;
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if i == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_map_key_keeps_its_dots() {
        let path = KeyPath::dotted("fetch.resolve.www.example.com");
        assert_eq!(path.alone(json!("::1")), json!({"fetch": {"resolve": {"www.example.com": "::1"}}}));
        assert_eq!(path.to_string(), "fetch.resolve.www.example.com");
    }

    #[test]
    fn put_makes_the_way() {
        let mut tree = Json::Null;
        KeyPath::default().key("host").index(1).key("rate").put(&mut tree, json!("1/s"));
        assert_eq!(tree, json!({"host": [{}, {"rate": "1/s"}]}));
    }
}
