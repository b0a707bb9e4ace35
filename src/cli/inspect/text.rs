//! Text in questions, as JSON can spell it and Rust can't hold it.

use serde::{Deserialize, Deserializer, de};

/// Text as the URL standard takes it from scripts (a `USVString`): a lone surrogate, which JSON can
/// spell (`"\ud800"`) and UTF-8 can't, is U+FFFD.
#[derive(Debug)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Text;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(scalar_values(bytes)))
            }
        }
        // As bytes, serde_json passes surrogates on, in three bytes each.
        deserializer.deserialize_bytes(Visitor)
    }
}

/// UTF-8 in which surrogates may stand too; each of them, and whatever else is no UTF-8, is U+FFFD.
fn scalar_values(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut surrogate_tail = 0;
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            surrogate_tail = 0;
        }
        text.push_str(chunk.valid());
        match chunk.invalid() {
            [] => {}
            // A surrogate's three bytes are no chunk: its first and then each of its others is one.
            [0xed] => {
                surrogate_tail = 2;
                text.push('\u{fffd}');
            }
            [0x80..=0xbf] if surrogate_tail > 0 => surrogate_tail -= 1,
            _ => text.push('\u{fffd}'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_replaced() {
        let check = |json: &str, expected: &str| {
            assert_eq!(serde_json::from_str::<Text>(json).expect("a text").0, expected, "{json}");
        };
        check(r#""a\ud800b""#, "a\u{fffd}b");
        check(r#""\udfff\ud800\ud800""#, "\u{fffd}\u{fffd}\u{fffd}");
        check(r#""\ud83d\ude00é\u0000""#, "😀é\0");
        assert_eq!(scalar_values(b"a\xed\xa0\x80\x80\xff"), "a\u{fffd}\u{fffd}\u{fffd}");
        assert!(serde_json::from_str::<Text>("1").is_err());
        assert!(serde_json::from_slice::<Text>(b"[97]").is_err());
    }
}
