//! Reading records back: for those who ask what became of a URL.
//!
//! Reads the files in order, up to their marks, one line in memory at a time. It does not parse
//! records and never changes a file.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::{Mark, SinkError};

/// How much is read at once, bytes.
const BUFFER_BYTES: usize = 256 << 10;
/// Longest record looked at, bytes; a longer one is damage. Bodies' texts are bounded far below.
const MAX_LINE_BYTES: u64 = 8 << 30;

/// Records that are read at once from behind, bytes; more if one is longer.
const CHUNK_BYTES: u64 = 1 << 20;

/// A place between two records: in which of the files, and how many bytes of it, unpacked, lie before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Counted from 0.
    pub file: usize,
    /// Bytes of records before it.
    pub bytes: u64,
}

/// Calls `each` for every committed record of a [`JsonlSink`](super::JsonlSink)'s files, in order,
/// until it answers `false`.
///
/// # Errors
/// When a file can't be read or does not unpack.
pub fn read_records(folder: &Path, marks: &[Mark], each: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), SinkError> {
    read_records_from(folder, marks, Place::default(), &mut |record, _| each(record))
}

/// The same from `place` on; each record comes with the place behind it. Of a file that is packed all that lies
/// before the place is unpacked as well.
///
/// # Errors
/// When a file can't be read or does not unpack.
pub fn read_records_from(
    folder: &Path,
    marks: &[Mark],
    place: Place,
    each: &mut dyn FnMut(&[u8], Place) -> bool,
) -> Result<(), SinkError> {
    for (n, mark) in marks.iter().enumerate().skip(place.file) {
        let mut at = Place { file: n, bytes: if n == place.file { place.bytes } else { 0 } };
        let path = folder.join(&mark.file);
        let io = |source| SinkError::Unreadable { path: path.clone(), source };
        let mut lines = unpacked(&path, mark.bytes, at.bytes).map_err(io)?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let n_read = lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(io)?;
            if n_read == 0 {
                break;
            }
            at.bytes += n_read as u64;
            if !each(line.strip_suffix(b"\n").unwrap_or(&line), at) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Calls `each` for every committed record before `place`, or before the end, the last one first, until it answers
/// `false`; each comes with the place before it. Of a file that is packed all that lies before is unpacked, again for
/// each megabyte of records.
///
/// # Errors
/// When a file can't be read or does not unpack.
pub fn read_records_before(
    folder: &Path,
    marks: &[Mark],
    place: Option<Place>,
    each: &mut dyn FnMut(&[u8], Place) -> bool,
) -> Result<(), SinkError> {
    let place = place.unwrap_or(Place { file: usize::MAX, bytes: u64::MAX });
    for (n, mark) in marks.iter().enumerate().rev().filter(|(n, _)| *n <= place.file) {
        let mut end = if n == place.file { place.bytes } else { u64::MAX };
        let path = folder.join(&mark.file);
        while end > 0 {
            let io = |source| SinkError::Unreadable { path: path.clone(), source };
            let (start, lines) = lines_before(&path, mark.bytes, end).map_err(io)?;
            let mut at = start + lines.len() as u64;
            for line in lines.split_inclusive(|byte| *byte == b'\n').rev() {
                at -= line.len() as u64;
                if !each(line.strip_suffix(b"\n").unwrap_or(line), Place { file: n, bytes: at }) {
                    return Ok(());
                }
            }
            end = start;
        }
    }
    Ok(())
}

/// Whole lines before `end`, and where the first of them begins: about as many as [`CHUNK_BYTES`] hold, one at least
/// if there is one.
fn lines_before(path: &Path, length: u64, end: u64) -> io::Result<(u64, Vec<u8>)> {
    if !is_plain(path) {
        return packed_lines_before(path, length, end);
    }
    let (mut file, end, mut size) = (File::open(path)?, end.min(length), CHUNK_BYTES);
    loop {
        let from = end.saturating_sub(size);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(end - from).read_to_end(&mut bytes)?;
        if from == 0 {
            return Ok((0, bytes));
        }
        // What stands before the first end of a line is the rest of one.
        let rest = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1).filter(|at| *at < bytes.len());
        if let Some(rest) = rest {
            bytes.drain(..rest);
            return Ok((from + rest as u64, bytes));
        }
        size = size.saturating_mul(2);
    }
}

fn packed_lines_before(path: &Path, length: u64, end: u64) -> io::Result<(u64, Vec<u8>)> {
    let mut all = unpacked(path, length, 0)?;
    let (mut lines, mut held, mut at) = (VecDeque::new(), 0_u64, 0_u64);
    while at < end {
        let mut line = Vec::new();
        if all.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        at += line.len() as u64;
        held += line.len() as u64;
        lines.push_back(line);
        while held > CHUNK_BYTES && lines.len() > 1 {
            held -= lines.pop_front().map_or(0, |line| line.len() as u64);
        }
    }
    Ok((at - held, lines.into_iter().flatten().collect()))
}

fn is_plain(path: &Path) -> bool {
    !matches!(path.extension().and_then(|ending| ending.to_str()), Some("gz" | "zst"))
}

/// The first `length` bytes of a file, unpacked, without the first `skipped` of what comes out.
fn unpacked(path: &Path, length: u64, skipped: u64) -> io::Result<BufReader<Box<dyn Read>>> {
    let mut file = File::open(path)?;
    let is_plain = is_plain(path);
    let from = if is_plain { skipped.min(length) } else { 0 };
    file.seek(SeekFrom::Start(from))?;
    let file = BufReader::with_capacity(BUFFER_BYTES, file.take(length - from));
    let unpacked: Box<dyn Read> = match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::with_buffer(file)?),
        _ => Box::new(file),
    };
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, unpacked);
    if !is_plain {
        io::copy(&mut lines.by_ref().take(skipped), &mut io::sink())?;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{Compression, JsonlSink, Options, Sink};

    #[test]
    fn what_was_committed_is_read_back() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let folder = tempfile::tempdir().unwrap();
            let options = Options { compression, rotate_bytes: Some(20) };
            let mut sink = JsonlSink::open(folder.path(), options, &[]).unwrap();
            for n in 0..20 {
                sink.append(format!("record {n}").as_bytes()).unwrap();
                if n % 3 == 0 {
                    sink.sync().unwrap();
                }
            }
            sink.sync().unwrap();
            let marks = sink.marks();
            sink.append(b"not committed").unwrap();
            sink.sync().unwrap();
            let mut read = Vec::new();
            let mut each = |record: &[u8]| {
                read.push(String::from_utf8(record.to_vec()).unwrap());
                true
            };
            read_records(folder.path(), &marks, &mut each).unwrap();
            assert_eq!(read, (0..20).map(|n| format!("record {n}")).collect::<Vec<_>>(), "{compression:?}");
            // In steps of three, each from where the last one ended.
            let (mut again, mut place) = (Vec::new(), Place::default());
            loop {
                let (n_before, from) = (again.len(), place);
                let mut each = |record: &[u8], behind: Place| {
                    again.push(String::from_utf8(record.to_vec()).unwrap());
                    place = behind;
                    again.len() % 3 != 0
                };
                read_records_from(folder.path(), &marks, from, &mut each).unwrap();
                if again.len() == n_before {
                    break;
                }
            }
            assert_eq!(again, read, "{compression:?}");
            // The same from behind.
            let (mut back, mut place) = (Vec::new(), None);
            loop {
                let (n_before, from) = (back.len(), place);
                let mut each = |record: &[u8], before: Place| {
                    back.push(String::from_utf8(record.to_vec()).unwrap());
                    place = Some(before);
                    back.len() % 3 != 0
                };
                read_records_before(folder.path(), &marks, from, &mut each).unwrap();
                if back.len() == n_before {
                    break;
                }
            }
            back.reverse();
            assert_eq!(back, read, "{compression:?}");
        }
    }

    #[test]
    fn records_are_read_from_behind_however_long_they_are() {
        for compression in [Compression::None, Compression::Zstd] {
            let folder = tempfile::tempdir().unwrap();
            let mut sink = JsonlSink::open(folder.path(), Options { compression, rotate_bytes: None }, &[]).unwrap();
            let chunk = usize::try_from(CHUNK_BYTES).unwrap();
            let lengths = [3, chunk - 1, chunk, 1, chunk + 1, 0, 3 * chunk, 7];
            for (n, length) in lengths.into_iter().enumerate() {
                sink.append(format!("{n}{}", "x".repeat(length)).as_bytes()).unwrap();
            }
            sink.sync().unwrap();
            let mut found = Vec::new();
            let mut each = |record: &[u8], _: Place| {
                found.push((record[0] - b'0', record.len() - 1));
                true
            };
            read_records_before(folder.path(), &sink.marks(), None, &mut each).unwrap();
            found.reverse();
            let expected: Vec<_> = (0_u8..).zip(lengths).collect();
            assert_eq!(found, expected, "{compression:?}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let marks = [Mark { file: "pages.jsonl".into(), bytes: 1, records: 1, crc32: None }];
        let folder = tempfile::tempdir().unwrap();
        let error = read_records(folder.path(), &marks, &mut |_| true).unwrap_err();
        assert!(error.to_string().contains("pages.jsonl"), "{error}");
    }
}
