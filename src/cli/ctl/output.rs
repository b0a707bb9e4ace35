//! Standard output, for what was asked for.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde_json::value::RawValue;

use super::trouble::Trouble;

/// Writes `text`, and sees to it that whoever reads has it.
pub(super) fn put(text: &[u8]) -> Result<(), Trouble> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Trouble::ReaderGone,
        _ => Trouble::Stdout(error),
    })
}

/// Writes `text` and ends the line.
pub(super) fn put_line(text: &str) -> Result<(), Trouble> {
    put(format!("{text}\n").as_bytes())
}

/// Whether people read it.
pub(super) fn is_for_people() -> bool {
    io::stdout().is_terminal()
}

/// JSON as it was answered, on one line.
pub(super) fn one_line(json: &RawValue) -> String {
    let text = json.get();
    if !text.contains(['\n', '\r']) {
        return text.to_owned();
    }
    // A line break in JSON stands between its parts and never within a text.
    text.split(['\n', '\r']).map(str::trim).collect()
}

/// The same of all of a body.
pub(super) fn body_on_one_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.split(['\n', '\r']).map(str::trim).collect()
}
