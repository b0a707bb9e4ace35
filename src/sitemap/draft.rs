//! An entry in the making: what its elements said so far.

use super::{
    Alternate, ChangeFrequency, Entry, Extras, MAX_ADDRESS_BYTES, MAX_VALUE_BYTES, News,
    date::parse_date,
    defect::{DefectKind, Position},
    element::{Field, Flavour},
    harvest::{Harvest, tidy},
};

/// An entry whose end has not been seen.
#[derive(Debug)]
pub(super) struct Draft {
    flavour: Flavour,
    at: Position,
    addresses: Vec<String>,
    /// An address if there is no better one.
    fallback: Option<String>,
    /// With how good a witness it is.
    lastmod: Option<(u8, String)>,
    entry: Entry,
    /// Whether something was said of why there is no address.
    is_excused: bool,
}

impl Draft {
    pub(super) fn new(flavour: Flavour, at: Position) -> Self {
        Self {
            flavour,
            at,
            addresses: Vec::new(),
            fallback: None,
            lastmod: None,
            entry: Entry::default(),
            is_excused: false,
        }
    }

    pub(super) fn flavour(&self) -> Flavour {
        self.flavour
    }

    pub(super) fn has_address(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// The text of a field; `is_cut` if there was more.
    pub(super) fn set(&mut self, field: Field, text: &str, is_cut: bool, at: Position, harvest: &mut Harvest<'_>) {
        let max_bytes = if field.is_address() { MAX_ADDRESS_BYTES } else { MAX_VALUE_BYTES };
        let text = text.trim();
        if is_cut || text.len() > max_bytes {
            return self.set_too_long(field, text, at, harvest);
        }
        match field {
            Field::Address if text.is_empty() => {
                self.is_excused = true;
                harvest.note(DefectKind::EmptyAddress, at, "");
            }
            _ if text.is_empty() => {}
            Field::Address => self.add_address(text, at, harvest),
            Field::Guid => self.fallback = Some(text.to_owned()).filter(|text| super::list::is_address(text)),
            Field::Lastmod(rank) if self.lastmod.as_ref().is_none_or(|(known, _)| *known < rank) => {
                self.lastmod = Some((rank, text.to_owned()));
            }
            Field::Lastmod(_) => {}
            Field::Priority => self.set_priority(text, at, harvest),
            Field::Changefreq => {
                self.entry.changefreq = ChangeFrequency::parse(text);
                if self.entry.changefreq.is_none() {
                    harvest.note(DefectKind::InvalidChangefreq, at, text);
                }
            }
            _ => self.set_extra(field, text, at, harvest),
        }
    }

    /// An address that can't be known, for its reference to an entity that the document defines.
    pub(super) fn drop_address(&mut self, field: Field, text: &str, at: Position, harvest: &mut Harvest<'_>) {
        self.is_excused |= field == Field::Address;
        harvest.note(DefectKind::DefinedEntity, at, text);
    }

    fn set_too_long(&mut self, field: Field, text: &str, at: Position, harvest: &mut Harvest<'_>) {
        match field {
            Field::Address => {
                self.is_excused = true;
                harvest.truncate(DefectKind::AddressTooLong, at, text);
            }
            _ => harvest.note(DefectKind::ValueTooLong, at, text),
        }
    }

    /// Another address. An entry with several is as many entries, as far as the others of the
    /// document allow; the harvest counts them at the end.
    pub(super) fn add_address(&mut self, text: &str, at: Position, harvest: &mut Harvest<'_>) {
        let (address, has_white_space) = tidy(text);
        if has_white_space {
            harvest.note(DefectKind::AddressWhiteSpace, at, text);
        }
        if self.has_address() {
            harvest.note(DefectKind::SeveralAddresses, at, text);
            if !harvest.has_room_for(address.len(), at) {
                return;
            }
        }
        self.addresses.push(address);
    }

    fn set_priority(&mut self, text: &str, at: Position, harvest: &mut Harvest<'_>) {
        // A comma is what some locales print.
        match text.replace(',', ".").parse::<f64>() {
            Ok(priority) if (0.0..=1.0).contains(&priority) => self.entry.priority = Some(priority),
            Ok(priority) if priority.is_finite() => harvest.note(DefectKind::PriorityOutOfRange, at, text),
            _ => harvest.note(DefectKind::InvalidPriority, at, text),
        }
    }

    fn set_extra(&mut self, field: Field, text: &str, at: Position, harvest: &mut Harvest<'_>) {
        if !harvest.has_room_for(text.len(), at) {
            return;
        }
        let extras = self.entry.extras.get_or_insert_default();
        let text = if field.is_address() { tidy(text).0 } else { text.to_owned() };
        let news = |extras: &mut Extras, set: fn(&mut News) -> &mut Option<String>, text| {
            set(extras.news.get_or_insert_default()).get_or_insert(text);
        };
        match field {
            Field::Image => extras.images.push(text),
            Field::Video => extras.videos.push(text),
            Field::NewsDate => news(extras, |news| &mut news.publication_date, text),
            Field::NewsTitle => news(extras, |news| &mut news.title, text),
            Field::NewsName => news(extras, |news| &mut news.name, text),
            Field::NewsLanguage => news(extras, |news| &mut news.language, text),
            _ => {}
        }
    }

    pub(super) fn set_fallback(&mut self, address: &str) {
        self.fallback.get_or_insert_with(|| address.trim().to_owned());
    }

    pub(super) fn add_alternate(&mut self, url: &str, language: Option<&str>, at: Position, harvest: &mut Harvest<'_>) {
        let language = language.map(str::trim).filter(|language| language.len() <= MAX_VALUE_BYTES);
        let url = url.trim();
        if url.len() > MAX_ADDRESS_BYTES {
            return harvest.note(DefectKind::ValueTooLong, at, url);
        }
        if !url.is_empty() && harvest.has_room_for(url.len() + language.map_or(0, str::len), at) {
            let alternate = Alternate { url: tidy(url).0, hreflang: language.map(str::to_owned) };
            self.entry.extras.get_or_insert_default().alternates.push(alternate);
        }
    }

    /// Into the harvest.
    pub(super) fn finish(mut self, harvest: &mut Harvest<'_>) {
        if let Some((_, text)) = self.lastmod.take() {
            self.entry.modified = parse_date(&text);
            if self.entry.modified.is_none() {
                harvest.note(DefectKind::InvalidLastmod, self.at, &text);
            }
            self.entry.lastmod = Some(text);
        }
        let published = self.entry.extras.as_ref().and_then(|extras| extras.news.as_ref()?.publication_date.as_deref());
        self.entry.modified = self.entry.modified.or_else(|| published.and_then(parse_date));
        if self.addresses.is_empty() {
            self.addresses.extend(self.fallback.take());
        }
        let is_sitemap = self.flavour == Flavour::Sitemap;
        let mut addresses = self.addresses.into_iter();
        let Some(first) = addresses.next() else {
            if !self.is_excused {
                harvest.note(DefectKind::MissingAddress, self.at, "");
            }
            return;
        };
        let others: Vec<Entry> = addresses.map(|url| Entry { url, extras: None, ..self.entry.clone() }).collect();
        self.entry.url = first;
        for entry in std::iter::once(self.entry).chain(others) {
            if harvest.is_full() {
                return;
            }
            harvest.add(entry, is_sitemap, self.at);
        }
    }
}
