//! The text form of a sitemap: one URL a line.
//!
//! Lines that are none are passed over. Neither does a long line take memory, nor does one that was
//! cut count.

use super::{Entry, Kind, MAX_ADDRESS_BYTES, defect::DefectKind, harvest::Harvest, source::Source};

const LINE_ENDS: [char; 2] = ['\n', '\r'];

/// Reads entries into `harvest` until the text ends or the harvest is full.
pub(super) fn read(source: &mut Source<'_>, harvest: &mut Harvest<'_>) {
    while !harvest.is_full() {
        let at = source.at();
        let Some(end) = find_line_end(source) else {
            // A last line without an end is whole only if the text is.
            if source.is_complete {
                take(source.rest(), harvest, at);
            }
            return;
        };
        take(&source.rest()[..end], harvest, at);
        let is_whole = source.rest()[end..].starts_with(LINE_ENDS);
        source.advance(end + usize::from(is_whole));
        if !is_whole {
            skip_line(source);
        }
    }
}

/// Where the line ends, or where it becomes longer than any address; `None` when the text ends.
fn find_line_end(source: &mut Source<'_>) -> Option<usize> {
    // White space at the start of lines is not part of them.
    loop {
        let blank = source.rest().len() - source.rest().trim_start_matches([' ', '\t']).len();
        source.advance(blank);
        if !source.rest().is_empty() || !source.fill() {
            break;
        }
    }
    let mut seen = 0;
    loop {
        let rest = source.rest();
        if let Some(end) = rest[seen..].find(LINE_ENDS) {
            return Some(seen + end);
        }
        if rest.len() > 2 * MAX_ADDRESS_BYTES {
            return Some(rest.floor_char_boundary(2 * MAX_ADDRESS_BYTES));
        }
        seen = rest.len();
        if !source.fill() {
            return None;
        }
    }
}

fn skip_line(source: &mut Source<'_>) {
    loop {
        let rest = source.rest();
        let end = rest.find(LINE_ENDS);
        source.advance(end.unwrap_or(rest.len()));
        if end.is_some() || !source.fill() {
            return;
        }
    }
}

fn take(line: &str, harvest: &mut Harvest<'_>, at: super::defect::Position) {
    let line = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{FEFF}' | '\0'));
    if is_address(line) {
        harvest.found.kind = Kind::Text;
        harvest.add(Entry { url: line.to_owned(), ..Entry::default() }, false, at);
    } else if !line.is_empty() && !line.starts_with('#') {
        harvest.note(DefectKind::NotAnAddress, at, line);
    }
}

pub(super) fn is_address(line: &str) -> bool {
    let starts_with = |scheme: &str| line.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts_with("http://") || starts_with("https://")
}
