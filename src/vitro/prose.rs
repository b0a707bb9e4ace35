//! Filler: sentences made once a web, of which pages copy slices.
//!
//! Half English, half nonsense, with accents that windows-1252 also has and with entities, so that
//! decoding matters. Copying ready sentences keeps the making of a page cheap.

use super::dice::{Dice, Purpose};

const WORDS: [&str; 64] = [
    "amber", "anchor", "archive", "atlas", "basin", "beacon", "birch", "bridge", "canvas", "cedar", "cinder", "cobalt",
    "compass", "copper", "coral", "crater", "delta", "drift", "ember", "fathom", "fern", "fjord", "garnet", "glacier",
    "granite", "harbour", "hazel", "heron", "indigo", "island", "ivory", "jasper", "juniper", "kelp", "lagoon",
    "lantern", "larch", "ledger", "lichen", "marble", "meadow", "meridian", "mica", "moss", "nectar", "nickel",
    "ochre", "opal", "orchard", "osprey", "pebble", "plover", "quarry", "quartz", "raven", "reed", "river", "saffron",
    "shale", "sparrow", "spruce", "thistle", "tundra", "willow",
];
const JOINTS: [&str; 12] = [
    "and",
    "beside the",
    "of the",
    "under a",
    "without",
    "café of",
    "naïve",
    "near the",
    "&amp;",
    "before",
    "the",
    "über",
];
const SECTIONS: [&str; 8] =
    ["/guide/", "/notes/", "/reference/", "/news/", "/people/", "/projects/", "/library/", "/help/"];

/// Sentences kept.
const N_SENTENCES: u32 = 512;

/// The words of one web.
#[derive(Debug)]
pub(super) struct Prose {
    sentences: Vec<String>,
}

impl Prose {
    /// Writes the filler.
    pub(super) fn new(seed: u64) -> Self {
        Self { sentences: (0..N_SENTENCES).map(|n| sentence(&mut Dice::new(seed, Purpose::Prose, 0, n))).collect() }
    }

    /// One sentence as HTML text, 30 to 200 bytes, ending in a full stop.
    pub(super) fn sentence(&self, dice: &mut Dice) -> &str {
        dice.pick::<String>(&self.sentences)
    }
}

fn sentence(dice: &mut Dice) -> String {
    let mut text = String::new();
    for n in 0..6 + dice.below(10) {
        if n > 0 {
            text.push(' ');
            if dice.below(2) == 0 {
                text.push_str(dice.pick::<&str>(&JOINTS));
                text.push(' ');
            }
        }
        text.push_str(word(dice));
    }
    text[..1].make_ascii_uppercase();
    text.push('.');
    text
}

/// A word, in ASCII letters.
pub(super) fn word(dice: &mut Dice) -> &'static str {
    dice.pick::<&str>(&WORDS)
}

/// The path of a site's section.
pub(super) fn section(dice: &mut Dice) -> &'static str {
    dice.pick::<&str>(&SECTIONS)
}
