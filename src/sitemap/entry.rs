//! One entry of a sitemap or feed, and the order in which entries are worth visiting.

use std::cmp::Reverse;

/// What a page without a priority has (sitemaps.org protocol).
const DEFAULT_PRIORITY: f64 = 0.5;

/// A page of a list, or a sitemap of an index.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    /// Its address as written: unescaped and trimmed, without line breaks, not resolved.
    pub url: String,
    /// When it was last modified, as written (`<lastmod>`, RSS `<pubDate>`, Atom `<updated>`, or
    /// what stands in for these), whether or not it is a date.
    pub lastmod: Option<String>,
    /// The same in seconds since the Unix epoch, if it is a date; of a day, month or year the
    /// beginning, in UTC where no zone is named.
    pub modified: Option<i64>,
    /// From 0 to 1.
    pub priority: Option<f64>,
    /// How often the page is said to change.
    pub changefreq: Option<ChangeFrequency>,
    /// What extensions say.
    pub extras: Option<Box<Extras>>,
}

/// What extensions say about a page, in document order. Addresses as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extras {
    /// The page in other languages (`xhtml:link`), and further alternate links of an Atom entry.
    pub alternates: Vec<Alternate>,
    /// Images on the page (`image:loc`), thumbnails of videos included.
    pub images: Vec<String>,
    /// Videos on the page (`video:content_loc`, `video:player_loc`, `media:content`, enclosures).
    pub videos: Vec<String>,
    /// `news:news`.
    pub news: Option<News>,
}

/// The page in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternate {
    /// Its address.
    pub url: String,
    /// A language tag or `x-default`, as written.
    pub hreflang: Option<String>,
}

/// A news article.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// Name of the publication.
    pub name: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// When the article was published, as written.
    pub publication_date: Option<String>,
    /// Its title.
    pub title: Option<String>,
}

/// How often a page is said to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeFrequency {
    /// At every access.
    Always,
    /// Once an hour.
    Hourly,
    /// Once a day.
    Daily,
    /// Once a week.
    Weekly,
    /// Once a month.
    Monthly,
    /// Once a year.
    Yearly,
    /// Archived.
    Never,
}

impl ChangeFrequency {
    /// All of them, the most frequent first.
    pub const ALL: [Self; 7] =
        [Self::Always, Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Yearly, Self::Never];

    /// As the protocol spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Never => "never",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| text.eq_ignore_ascii_case(known.as_str()))
    }
}

/// Puts what changed last first; at the same time, what has the greater priority; else the order
/// stays. Entries without a date come after those with one: of them nothing says that they are new.
pub fn newest_first(entries: &mut [Entry]) {
    entries.sort_by(|a, b| {
        let key = |entry: &Entry| Reverse(entry.modified);
        let priority = |entry: &Entry| entry.priority.unwrap_or(DEFAULT_PRIORITY);
        key(a).cmp(&key(b)).then_with(|| priority(b).total_cmp(&priority(a)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_most_important_first() {
        let entry = |url: &str, modified, priority| Entry { url: url.into(), modified, priority, ..Entry::default() };
        let mut entries = [
            entry("plain", None, None),
            entry("low", None, Some(0.1)),
            entry("old", Some(1), Some(1.0)),
            entry("high", None, Some(0.9)),
            entry("new", Some(2), Some(0.4)),
            entry("new too", Some(2), None),
            entry("plain too", None, None),
        ];
        newest_first(&mut entries);
        let order: Vec<&str> = entries.iter().map(|entry| &*entry.url).collect();
        assert_eq!(order, ["new too", "new", "old", "high", "plain", "plain too", "low"]);
    }
}
