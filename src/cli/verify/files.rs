//! Reading an output line by line, with the place of what is wrong with it.
//!
//! Plain, gzip and zstd; a file of members or frames is read one by one, so that the damaged one can be
//! named by its first byte. It parses no records, never changes a file, and holds one line in memory.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::bufread::GzDecoder;

/// How much is read at once, bytes.
const BUFFER_BYTES: usize = 256 << 10;
/// Longest line, bytes; a longer one is damage, and nothing behind it is read.
pub(super) const MAX_LINE_BYTES: u64 = 1 << 30;

/// What there was to read.
#[derive(Debug, Default)]
pub(super) struct Read1 {
    /// Lines.
    pub(super) n_lines: u64,
    /// CRC-32 of the bytes of the file that were read.
    pub(super) crc32: u32,
    /// Where it could not be read on, and why: the first byte of the frame, or of the line.
    pub(super) damage: Option<(u64, String)>,
    /// Whether the last line has no end.
    pub(super) is_cut: bool,
}

/// Calls `each` with every line of the first `length` bytes of a file and its number, from 1.
///
/// # Errors
/// When the system can't read the file. What is wrong with what it holds is in the result.
pub(super) fn read_lines(path: &Path, length: u64, each: &mut dyn FnMut(u64, &[u8])) -> io::Result<Read1> {
    let file = Counted {
        inner: BufReader::with_capacity(BUFFER_BYTES, File::open(path)?.take(length)),
        n_read: 0,
        crc32: crc32fast::Hasher::new(),
        error: None,
    };
    let mut read = Read1::default();
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, Frames::new(path, file));
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                read.damage = Some((lines.get_ref().begin, error.to_string()));
                break;
            }
        }
        if line.pop_if(|last| *last == b'\n').is_none() {
            if line.len() as u64 >= MAX_LINE_BYTES {
                read.damage = Some((lines.get_ref().begin, "a line is longer than any record".to_owned()));
            }
            read.is_cut = true;
        }
        read.n_lines += 1;
        each(read.n_lines, &line);
        if read.is_cut {
            break;
        }
    }
    let mut frames = lines.into_inner();
    let Some(file) = frames.file_mut() else { return Ok(read) };
    if let Some(error) = file.error.take() {
        return Err(error);
    }
    // What stands behind the damage is part of the file all the same.
    io::copy(file, &mut io::sink())?;
    read.crc32 = file.crc32.clone().finalize();
    Ok(read)
}

/// A file that knows how much of it was read, and its checksum.
struct Counted {
    inner: BufReader<io::Take<File>>,
    n_read: u64,
    crc32: crc32fast::Hasher,
    /// What the system said: a fault of the disk is told from one of the content.
    error: Option<io::Error>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.inner.fill_buf() {
            Ok(bytes) => Ok(bytes),
            Err(error) => {
                self.error = Some(io::Error::from(error.kind()));
                Err(error)
            }
        }
    }

    fn consume(&mut self, n: usize) {
        self.crc32.update(&self.inner.buffer()[..n]);
        self.n_read += n as u64;
        self.inner.consume(n);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// The frames of a file, one after the other, unpacked.
struct Frames {
    packing: Packing,
    /// The first byte of the frame that is being read.
    begin: u64,
    at: At,
}

enum At {
    /// Between two frames, or at the end.
    File(Counted),
    Gzip(Box<GzDecoder<Counted>>),
    Zstd(Box<zstd::Decoder<'static, Counted>>),
    /// Taken apart.
    Gone,
}

impl Frames {
    fn new(path: &Path, file: Counted) -> Self {
        let packing = match path.extension().and_then(OsStr::to_str) {
            Some("gz") => Packing::Gzip,
            Some("zst") => Packing::Zstd,
            _ => Packing::Plain,
        };
        Self { packing, begin: 0, at: At::File(file) }
    }

    fn file_mut(&mut self) -> Option<&mut Counted> {
        match &mut self.at {
            At::File(file) => Some(file),
            At::Gzip(frame) => Some(frame.get_mut()),
            At::Zstd(frame) => Some(frame.get_mut()),
            At::Gone => None,
        }
    }

    /// Begins the next frame; `false` at the end of the file.
    fn next(&mut self) -> io::Result<bool> {
        let mut file = match std::mem::replace(&mut self.at, At::Gone) {
            At::File(file) => file,
            At::Gzip(frame) => frame.into_inner(),
            At::Zstd(frame) => frame.finish(),
            At::Gone => return Ok(false),
        };
        self.begin = file.n_read;
        let is_over = file.fill_buf()?.is_empty();
        self.at = match self.packing {
            _ if is_over => At::File(file),
            Packing::Plain => At::File(file),
            Packing::Gzip => At::Gzip(Box::new(GzDecoder::new(file))),
            Packing::Zstd => At::Zstd(Box::new(zstd::Decoder::with_buffer(file)?.single_frame())),
        };
        Ok(!is_over)
    }
}

impl Read for Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.packing == Packing::Plain {
            return self.file_mut().map_or(Ok(0), |file| {
                let n = file.read(into)?;
                Ok(n)
            });
        }
        loop {
            let n = match &mut self.at {
                At::Gzip(frame) => frame.read(into)?,
                At::Zstd(frame) => frame.read(into)?,
                At::File(_) => 0,
                At::Gone => return Ok(0),
            };
            if n > 0 || !self.next()? {
                return Ok(n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{Compression, JsonlSink, Options, Sink};

    /// Three frames of ten lines each, read after `change`, and where each frame begins.
    fn check(compression: Compression, change: impl FnOnce(&mut Vec<u8>, [u64; 3])) -> (u64, Option<u64>, bool) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { compression, rotate_bytes: None };
        let mut sink = JsonlSink::open(folder.path(), options, &[]).expect("opened");
        let mut begins = [0; 3];
        for begin in &mut begins {
            *begin = sink.marks().first().map_or(0, |mark| mark.bytes);
            (0..10).for_each(|n| sink.append(format!("record {n}").as_bytes()).expect("written"));
            sink.sync().expect("written");
        }
        let path = folder.path().join(&sink.marks()[0].file);
        let mut bytes = std::fs::read(&path).expect("readable");
        change(&mut bytes, begins);
        std::fs::write(&path, &bytes).expect("writable");
        let mut seen = Vec::new();
        let read = read_lines(&path, bytes.len() as u64, &mut |n, line| {
            seen.push(n);
            assert!(line.is_empty() || line.starts_with(b"rec") || b"record".starts_with(line));
        });
        let read = read.expect("readable");
        assert_eq!(read.crc32, crc32fast::hash(&bytes), "of all of it, whatever is wrong with it");
        assert_eq!(seen, (1..=read.n_lines).collect::<Vec<_>>());
        (read.n_lines, read.damage.map(|(at, _)| at), read.is_cut)
    }

    #[test]
    fn whole_files_are_read_and_damage_is_placed() {
        for packing in [Compression::None, Compression::Gzip, Compression::Zstd] {
            assert_eq!(check(packing, |_, _| {}), (30, None, false), "{packing:?}");
        }
        assert_eq!(check(Compression::None, |bytes, _| bytes.truncate(bytes.len() - 3)), (30, None, true));
        let mut last = 0;
        for packing in [Compression::Gzip, Compression::Zstd] {
            let cut = check(packing, |bytes, begins| {
                last = begins[2];
                bytes.truncate(bytes.len() - 3);
            });
            assert_eq!(cut.1, Some(last), "{packing:?}");
            assert!(cut.0 >= 20);
            let flipped = check(packing, |bytes, begins| {
                last = begins[1];
                // The magic number: whatever is inside may unpack to something else.
                bytes[usize::try_from(begins[1]).expect("small")] ^= 0x40;
            });
            assert_eq!((flipped.0, flipped.1), (10, Some(last)), "{packing:?}");
        }
    }
}
