//! Human units: how durations, sizes, rates and counts are written in a configuration.
//!
//! Each is a newtype that parses, prints (what it prints it parses to the same value) and knows how
//! to say what it expected. [`Limit`] adds the word `unlimited`. Pure; no unit here knows which key
//! it stands under: bounds are the schema's affair.

use std::{borrow::Cow, fmt, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value as Json;

/// The word for "no limit", as it is printed; `none` is understood too.
pub(crate) const UNLIMITED: &str = "unlimited";

/// One kind of value with a unit.
pub(crate) trait Unit: Sized + fmt::Display {
    /// What the schema calls it (`x-unit`).
    const NAME: &'static str;
    /// Completes "expected …".
    const EXPECTS: &'static str;
    /// From a text with a unit.
    fn from_text(text: &str) -> Option<Self>;
    /// From a bare number, where that is unambiguous.
    fn from_integer(number: u64) -> Option<Self>;
    /// Its size for comparisons with a bound; `None` when it has none.
    fn measure(&self) -> Option<f64>;

    /// From a value of a configuration.
    fn from_json(value: &Json) -> Option<Self> {
        match value {
            Json::String(text) => Self::from_text(text.trim()),
            other => Self::from_integer(other.as_u64()?),
        }
    }
}

/// A length of time: `"10s"`, `"1m30s"`, `"250ms"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    pub(crate) const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl Unit for Span {
    const NAME: &'static str = "duration";
    const EXPECTS: &'static str = "a duration such as \"10s\", \"1m30s\" or \"250ms\"";

    fn from_text(text: &str) -> Option<Self> {
        humantime::parse_duration(text).ok().map(Self)
    }

    fn from_integer(_: u64) -> Option<Self> {
        None
    }

    fn measure(&self) -> Option<f64> {
        Some(self.0.as_secs_f64())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&humantime::format_duration(self.0).to_string().replace(' ', ""))
    }
}

/// A number of bytes: `"20 MiB"`, `"500 KB"`, `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    pub(crate) const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    pub(crate) const fn mib(n: u64) -> Self {
        Self(n << 20)
    }
}

/// Largest first, so that printing finds the shortest form.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl Unit for Bytes {
    const NAME: &'static str = "size";
    const EXPECTS: &'static str = "a size such as \"20 MiB\", \"500 KB\" or a number of bytes";

    fn from_text(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (&text[..end], text[end..].trim());
        let unit = if unit.is_empty() { "B" } else { unit };
        let (_, factor) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        let (micros, factor) = (u128::from(decimal_micros(number)?), u128::from(*factor));
        u64::try_from(micros.checked_mul(factor)? / 1_000_000).ok().map(Self)
    }

    fn from_integer(number: u64) -> Option<Self> {
        Some(Self(number))
    }

    fn measure(&self) -> Option<f64> {
        Some(self.0 as f64)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        let (name, factor) = SIZES.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{} {name}", self.0 / factor)
    }
}

/// `"1.5"` as 1,500,000; at most six decimals.
fn decimal_micros(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(fraction)
}

/// How often: `"5/s"`, `"30/m"`, `"0.5/s"`, `"unlimited"`; a bare number is per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(Option<(u64, Per)>);

/// The time that a [`Rate`] counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Second,
    Minute,
    Hour,
}

impl Per {
    const fn parts(self) -> (&'static str, u64) {
        match self {
            Self::Second => ("s", 1),
            Self::Minute => ("m", 60),
            Self::Hour => ("h", 3600),
        }
    }
}

impl Rate {
    pub(crate) const ONE_A_SECOND: Self = Self(Some((1_000_000, Per::Second)));
    pub(crate) const UNLIMITED: Self = Self(None);

    /// The time between two, `None` when unlimited.
    pub(crate) fn interval(self) -> Option<Duration> {
        let (micros, per) = self.0?;
        let nanos = u128::from(per.parts().1) * 1_000_000_000_000_000 / u128::from(micros.max(1));
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

impl Unit for Rate {
    const NAME: &'static str = "rate";
    const EXPECTS: &'static str = "a rate such as \"5/s\", \"30/m\" or \"unlimited\"";

    fn from_text(text: &str) -> Option<Self> {
        if is_unlimited(text) {
            return Some(Self::UNLIMITED);
        }
        let (number, per) = text.split_once('/').unwrap_or((text, "s"));
        let per = match per.trim() {
            "s" | "sec" | "second" => Per::Second,
            "m" | "min" | "minute" => Per::Minute,
            "h" | "hour" => Per::Hour,
            _ => return None,
        };
        let micros = decimal_micros(number.trim())?;
        (micros > 0).then_some(Self(Some((micros, per))))
    }

    fn from_integer(number: u64) -> Option<Self> {
        let micros = number.checked_mul(1_000_000)?;
        (micros > 0).then_some(Self(Some((micros, Per::Second))))
    }

    fn measure(&self) -> Option<f64> {
        let (micros, per) = self.0?;
        Some(micros as f64 / 1e6 / per.parts().1 as f64)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((micros, per)) = self.0 else { return f.write_str(UNLIMITED) };
        let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
        write!(f, "{whole}")?;
        if fraction > 0 {
            write!(f, ".{}", format!("{fraction:06}").trim_end_matches('0'))?;
        }
        write!(f, "/{}", per.parts().0)
    }
}

/// So many times something else, or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Factor(pub(crate) Option<f64>);

impl Unit for Factor {
    const NAME: &'static str = "factor";
    const EXPECTS: &'static str = "a number such as 5 or 0.5, or \"off\"";

    fn from_text(text: &str) -> Option<Self> {
        if text == "off" || is_unlimited(text) {
            return Some(Self(None));
        }
        let number: f64 = text.parse().ok()?;
        (number.is_finite() && number > 0.0).then_some(Self(Some(number)))
    }

    fn from_integer(number: u64) -> Option<Self> {
        Self::from_text(&number.to_string())
    }

    fn measure(&self) -> Option<f64> {
        self.0
    }

    fn from_json(value: &Json) -> Option<Self> {
        match value {
            Json::String(text) => Self::from_text(text.trim()),
            other => Self::from_text(&other.as_f64()?.to_string()),
        }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("off"),
        }
    }
}

/// A whole number that may be limited; as text too, for environment and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl Unit for Count {
    const NAME: &'static str = "count";
    const EXPECTS: &'static str = "a whole number";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn from_integer(number: u64) -> Option<Self> {
        Some(Self(number))
    }

    fn measure(&self) -> Option<f64> {
        Some(self.0 as f64)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A value, or `"unlimited"` (also `"none"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit<T>(pub(crate) Option<T>);

impl<T> Limit<T> {
    pub(crate) const NONE: Self = Self(None);
}

pub(crate) fn is_unlimited(text: &str) -> bool {
    matches!(text, UNLIMITED | "none")
}

/// serde and schema for a unit: a text, or a number where the unit understands one.
macro_rules! written_as_text {
    ($($unit:ty: $types:tt),+) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::from_json(&Json::deserialize(d)?)
                    .ok_or_else(|| D::Error::custom(format!("expected {}", <$unit>::EXPECTS)))
            }
        }

        impl JsonSchema for $unit {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                <$unit>::NAME.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $types, "x-unit": <$unit>::NAME, "x-expects": <$unit>::EXPECTS })
            }
        }
    )+};
}

written_as_text!(Span: ["string"], Bytes: ["string", "integer"], Rate: ["string", "integer"],
    Factor: ["string", "number"]);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(self.0)
    }
}

impl<T: Serialize> Serialize for Limit<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(value) => value.serialize(s),
            None => s.serialize_str(UNLIMITED),
        }
    }
}

impl<'de, T: Unit> Deserialize<'de> for Limit<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(d)?;
        if value.as_str().is_some_and(is_unlimited) {
            return Ok(Self::NONE);
        }
        let inner = T::from_json(&value).map(|inner| Self(Some(inner)));
        inner.ok_or_else(|| D::Error::custom(format!("expected {} or \"{UNLIMITED}\"", T::EXPECTS)))
    }
}

impl<T: Unit> JsonSchema for Limit<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("limit-{}", T::NAME).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let expects = format!("{} or \"{UNLIMITED}\"", T::EXPECTS);
        json_schema!({ "type": ["string", "integer"], "x-unit": T::NAME, "x-expects": expects })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Unit>(input: &str, printed: Option<&str>) {
        let parsed = T::from_text(input);
        assert_eq!(parsed.as_ref().map(T::to_string).as_deref(), printed, "{input}");
        if let Some(value) = parsed {
            let again = T::from_text(&value.to_string()).expect("prints what it parses");
            assert_eq!(again.measure(), value.measure());
        }
    }

    #[test]
    fn spans() {
        check::<Span>("90s", Some("1m30s"));
        check::<Span>("1m 30s", Some("1m30s"));
        check::<Span>("250ms", Some("250ms"));
        check::<Span>("24h", Some("1day"));
        check::<Span>("10 parsecs", None);
        check::<Span>("10", None);
        check::<Span>("99999999999999999999s", None);
    }

    #[test]
    fn sizes() {
        check::<Bytes>("20 MiB", Some("20 MiB"));
        check::<Bytes>("500kb", Some("500 KB"));
        check::<Bytes>("1.5 KiB", Some("1536 B"));
        check::<Bytes>("0", Some("0 B"));
        check::<Bytes>("4096", Some("4 KiB"));
        check::<Bytes>("1 XB", None);
        check::<Bytes>("-1", None);
        check::<Bytes>("18446744073709551615 TiB", None);
    }

    #[test]
    fn factors() {
        check::<Factor>("5", Some("5"));
        check::<Factor>("0.5", Some("0.5"));
        check::<Factor>("off", Some("off"));
        for bad in ["0", "-1", "NaN", "inf", "", "twice"] {
            check::<Factor>(bad, None);
        }
        assert_eq!(Factor::from_json(&serde_json::json!(2.5)), Some(Factor(Some(2.5))));
    }

    #[test]
    fn rates() {
        check::<Rate>("5", Some("5/s"));
        check::<Rate>("0.50/s", Some("0.5/s"));
        check::<Rate>("30/m", Some("30/m"));
        check::<Rate>("none", Some("unlimited"));
        check::<Rate>("0/s", None);
        check::<Rate>("5/fortnight", None);
        let interval = |text| Rate::from_text(text).and_then(Rate::interval);
        assert_eq!(interval("30/m"), Some(Duration::from_secs(2)));
        assert_eq!(interval("5/s"), Some(Duration::from_millis(200)));
        assert_eq!(interval("unlimited"), None);
    }
}
