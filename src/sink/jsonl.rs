//! `pages.jsonl`: one record a line, appended, rotated and compressed.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use super::{Compression, Mark, Options, Sink, SinkError};
use crate::fault;

/// Bytes of records held back before they are written (not: made durable).
const BUFFER: usize = 256 << 10;
/// The same where they are compressed first, which pays better the more there are.
const PACKED_BUFFER: usize = 4 << 20;

/// Appends lines to `pages.jsonl`, or to `pages-00000.jsonl`, … when rotated.
#[derive(Debug)]
pub struct JsonlSink {
    folder: PathBuf,
    options: Options,
    /// All files; the last one is being written.
    files: Vec<Mark>,
    /// As of the last sync.
    synced: Vec<Mark>,
    open: Option<File>,
    pending: Vec<u8>,
}

impl JsonlSink {
    /// Opens the outputs in `folder` and cuts them back to `marks`.
    ///
    /// # Errors
    /// When a file is shorter than its mark (nothing is changed then), or can't be opened or cut.
    pub fn open(folder: &Path, options: Options, marks: &[Mark]) -> Result<Self, SinkError> {
        let sink = Self {
            folder: folder.to_owned(),
            options,
            files: marks.to_vec(),
            synced: marks.to_vec(),
            open: None,
            pending: Vec::new(),
        };
        for mark in marks {
            sink.check_length(mark)?;
        }
        for mark in marks {
            sink.cut(mark)?;
        }
        sink.remove_uncommitted()?;
        Ok(sink)
    }

    fn check_length(&self, mark: &Mark) -> Result<(), SinkError> {
        let path = self.folder.join(&mark.file);
        let found = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
            Err(e) => return Err(io(&path, e)),
        };
        if found < mark.bytes {
            return Err(SinkError::Short { path, expected: mark.bytes, found });
        }
        Ok(())
    }

    fn cut(&self, mark: &Mark) -> Result<(), SinkError> {
        let path = self.folder.join(&mark.file);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(|e| io(&path, e))?;
        let length = file.metadata().map_err(|e| io(&path, e))?.len();
        if length > mark.bytes {
            tracing::debug!(file = mark.file, from = length, to = mark.bytes, "cutting back what was not committed");
            fault::io("pages.cut")
                .and_then(|()| file.set_len(mark.bytes))
                .and_then(|()| fault::io("pages.cut.sync"))
                .and_then(|()| file.sync_all())
                .map_err(|e| io(&path, e))?;
        }
        Ok(())
    }

    /// Files that were begun after the last commit hold nothing that counts.
    fn remove_uncommitted(&self) -> Result<(), SinkError> {
        let names = (self.files.len()..).map(|number| self.name(number));
        let begun = if self.options.rotate_bytes.is_some() { usize::MAX } else { usize::from(self.files.is_empty()) };
        for name in names.take(begun) {
            let path = self.folder.join(name);
            match fault::io("pages.remove").and_then(|()| std::fs::remove_file(&path)) {
                Ok(()) => tracing::debug!(file = %path.display(), "removed a file that was not committed"),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => break,
                Err(e) => return Err(io(&path, e)),
            }
        }
        Ok(())
    }

    fn name(&self, number: usize) -> String {
        let number = if self.options.rotate_bytes.is_some() { format!("-{number:05}") } else { String::new() };
        let ending = match self.options.compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        };
        format!("pages{number}.jsonl{ending}")
    }

    fn current(&mut self) -> Result<(&mut File, &mut Mark), SinkError> {
        let is_full = |mark: &Mark| self.options.rotate_bytes.is_some_and(|most| mark.bytes >= most);
        if self.open.is_none() && self.files.last().is_none_or(is_full) {
            let file = self.name(self.files.len());
            self.files.push(Mark { file, crc32: Some(0), ..Mark::default() });
        }
        let mark = self.files.last_mut().expect("one was pushed if there was none");
        let file = match &mut self.open {
            Some(file) => file,
            none => {
                let path = self.folder.join(&mark.file);
                let file = fault::io("pages.open")
                    .and_then(|()| OpenOptions::new().append(true).create(true).open(&path))
                    .map_err(|e| io(&path, e))?;
                // The name must survive a crash as well as the content.
                sync_folder(&self.folder)?;
                none.insert(file)
            }
        };
        Ok((file, mark))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let records = pending.iter().filter(|byte| **byte == b'\n').count() as u64;
        let packed = pack(&pending, self.options.compression).map_err(|e| io(&self.folder, e))?;
        let bytes = packed.as_deref().unwrap_or(&pending);
        let folder = self.folder.clone();
        let (file, mark) = self.current()?;
        fault::write_all("pages.write", file, bytes).map_err(|e| io(&folder.join(&mark.file), e))?;
        mark.bytes += bytes.len() as u64;
        mark.records += records;
        mark.crc32 = mark.crc32.map(|before| checksum(before, bytes));
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }
}

impl Sink for JsonlSink {
    fn append(&mut self, record: &[u8]) -> Result<(), SinkError> {
        self.pending.extend_from_slice(record);
        self.pending.push(b'\n');
        let most = if self.options.compression == Compression::None { BUFFER } else { PACKED_BUFFER };
        if self.pending.len() >= most { self.flush() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        self.flush()?;
        if self.files == self.synced {
            return Ok(());
        }
        if let (Some(file), Some(mark)) = (&self.open, self.files.last()) {
            fault::io("pages.sync")
                .and_then(|()| file.sync_data())
                .map_err(|e| io(&self.folder.join(&mark.file), e))?;
            if self.options.rotate_bytes.is_some_and(|most| mark.bytes >= most) {
                self.open = None;
            }
        }
        self.synced.clone_from(&self.files);
        Ok(())
    }

    fn marks(&self) -> Vec<Mark> {
        self.synced.clone()
    }
}

/// Whether a file of this name is one that a [`JsonlSink`] writes.
pub fn is_output_name(name: &str) -> bool {
    let stem = [".jsonl", ".jsonl.gz", ".jsonl.zst"].into_iter().find_map(|ending| name.strip_suffix(ending));
    let Some(number) = stem.and_then(|stem| stem.strip_prefix("pages")) else { return false };
    let is_number = |digits: &str| digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.is_empty() || number.strip_prefix('-').is_some_and(is_number)
}

/// `None` when the bytes go out as they are.
fn pack(bytes: &[u8], compression: Compression) -> std::io::Result<Option<Vec<u8>>> {
    match compression {
        Compression::None => Ok(None),
        Compression::Gzip => {
            let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            member.write_all(bytes)?;
            member.finish().map(Some)
        }
        Compression::Zstd => zstd::bulk::compress(bytes, 3).map(Some),
    }
}

/// CRC-32 of what has `before`, followed by `bytes`.
fn checksum(before: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(before);
    hasher.update(bytes);
    hasher.finalize()
}

fn sync_folder(folder: &Path) -> Result<(), SinkError> {
    fault::io("pages.folder").and_then(|()| File::open(folder)?.sync_all()).map_err(|e| io(folder, e))
}

fn io(path: &Path, source: std::io::Error) -> SinkError {
    SinkError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn options(compression: Compression, rotate_bytes: Option<u64>) -> Options {
        Options { compression, rotate_bytes }
    }

    fn read(folder: &Path, mark: &Mark, compression: Compression) -> String {
        let bytes = std::fs::read(folder.join(&mark.file)).unwrap();
        let mut text = String::new();
        match compression {
            Compression::None => text = String::from_utf8(bytes).unwrap(),
            Compression::Gzip => {
                flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).map(drop).unwrap();
            }
            Compression::Zstd => {
                zstd::Decoder::new(&bytes[..]).unwrap().read_to_string(&mut text).map(drop).unwrap();
            }
        }
        text
    }

    #[test]
    fn what_was_not_synced_and_committed_is_cut_off() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let folder = tempfile::tempdir().unwrap();
            let mut sink = JsonlSink::open(folder.path(), options(compression, None), &[]).unwrap();
            sink.append(b"{\"n\":1}").unwrap();
            sink.append(b"{\"n\":2}").unwrap();
            sink.sync().unwrap();
            let marks = sink.marks();
            assert_eq!(marks[0].records, 2);
            sink.append(b"{\"lost\":true}").unwrap();
            sink.sync().unwrap();
            drop(sink);

            let mut again = JsonlSink::open(folder.path(), options(compression, None), &marks).unwrap();
            again.append(b"{\"n\":3}").unwrap();
            again.sync().unwrap();
            assert_eq!(again.marks()[0].records, 3);
            assert_eq!(read(folder.path(), &again.marks()[0], compression), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
        }
    }

    #[test]
    fn marks_have_the_checksum_of_what_is_committed() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let folder = tempfile::tempdir().unwrap();
            let mut marks = Vec::new();
            for n in 0..9 {
                let mut sink = JsonlSink::open(folder.path(), options(compression, Some(100)), &marks).unwrap();
                sink.append(format!("{{\"n\":{n}}}").as_bytes()).unwrap();
                sink.sync().unwrap();
                marks = sink.marks();
                sink.append(b"not committed").unwrap();
                sink.sync().unwrap();
            }
            let sink = JsonlSink::open(folder.path(), options(compression, Some(100)), &marks).unwrap();
            for mark in sink.marks() {
                let bytes = std::fs::read(folder.path().join(&mark.file)).unwrap();
                assert_eq!(mark.crc32, Some(crc32fast::hash(&bytes)), "{compression:?} {}", mark.file);
            }
        }
    }

    #[test]
    fn its_files_are_told_from_others() {
        assert!(["pages.jsonl", "pages-00012.jsonl.gz", "pages.jsonl.zst"].into_iter().all(is_output_name));
        assert!(
            !["pages.json", "mypages.jsonl", "pages-x.jsonl", "pages", "pages-2026-11-17.jsonl", "pages-17.jsonl"]
                .into_iter()
                .any(is_output_name)
        );
    }

    #[test]
    fn rotates_at_a_sync_and_removes_uncommitted_files() {
        let folder = tempfile::tempdir().unwrap();
        let rotated = || options(Compression::None, Some(10));
        let mut sink = JsonlSink::open(folder.path(), rotated(), &[]).unwrap();
        for _ in 0..3 {
            sink.append(b"0123456789").unwrap();
            sink.sync().unwrap();
        }
        let marks = sink.marks();
        assert_eq!(
            marks.iter().map(|m| m.file.as_str()).collect::<Vec<_>>(),
            ["pages-00000.jsonl", "pages-00001.jsonl", "pages-00002.jsonl"]
        );
        let sink = JsonlSink::open(folder.path(), rotated(), &marks[..1]).unwrap();
        assert_eq!(sink.marks().len(), 1);
        assert!(!folder.path().join("pages-00001.jsonl").exists());
        assert!(!folder.path().join("pages-00002.jsonl").exists());
    }

    #[test]
    fn a_short_file_is_damage_and_nothing_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pages.jsonl"), "{}\n").unwrap();
        let marks = [Mark { file: "pages.jsonl".into(), bytes: 100, records: 9, crc32: None }];
        let error = JsonlSink::open(folder.path(), Options::default(), &marks).unwrap_err();
        assert!(matches!(error, SinkError::Short { expected: 100, found: 3, .. }), "{error}");
        assert_eq!(std::fs::read(folder.path().join("pages.jsonl")).unwrap(), b"{}\n");
    }

    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let full = std::os::unix::fs::symlink("/dev/full", folder.path().join("pages.jsonl"));
        full.unwrap();
        let mut sink = JsonlSink::open(
            folder.path(),
            options(Compression::None, None),
            &[Mark { file: "pages.jsonl".into(), ..Mark::default() }],
        )
        .unwrap();
        sink.append(b"{}").unwrap();
        let error = sink.sync().unwrap_err();
        assert!(error.to_string().contains("pages.jsonl"), "{error}");
    }
}
