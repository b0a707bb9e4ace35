//! `--output-dir`: bodies as files, each whole or not there.
//!
//! A body is written to a draft whose name nobody else can have taken (it is created, never opened) and
//! then renamed. Renaming replaces a file that an earlier run left for the same URL; a link that lies in
//! the folder under that name is replaced and never followed. What is not a plain file in the way (a
//! folder) is an error that the result tells. Nothing else in the folder is touched.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::names;
use crate::{address::CanonicalUrl, shutdown::blocking};

/// Names tried for a draft before giving up: others may lie there after a kill.
const MAX_TRIES: u32 = 100;

/// The folder that bodies are written to.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    /// Makes the names of drafts differ.
    n_drafts: AtomicU64,
}

impl Folder {
    /// Makes the folder if need be, and sees that it can be written to.
    ///
    /// # Errors
    /// When it can't.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let folder = Self { dir: dir.to_owned(), n_drafts: AtomicU64::new(0) };
        let (draft, _) = folder.draft()?;
        fs::remove_file(draft)?;
        Ok(folder)
    }

    /// Writes the body of `url`, and says under which name.
    ///
    /// # Errors
    /// When the system won't; then nothing of it is left.
    pub(super) fn write(&self, url: &CanonicalUrl, content_type: Option<&str>, body: &[u8]) -> io::Result<String> {
        blocking(|| {
            let name = names::name(url, content_type);
            let (draft, mut file) = self.draft()?;
            let written = file.write_all(body).and_then(|()| fs::rename(&draft, self.dir.join(&name)));
            if let Err(error) = written {
                // It may be the disk that is full; what was begun must not stay.
                let _ = fs::remove_file(&draft);
                return Err(error);
            }
            Ok(name)
        })
    }

    /// A new file under a name of its own.
    fn draft(&self) -> io::Result<(PathBuf, File)> {
        let process = std::process::id();
        let mut tries = 0;
        loop {
            let number = self.n_drafts.fetch_add(1, Ordering::Relaxed);
            let path = self.dir.join(format!(".dragline-{process}-{number}.part"));
            tries += 1;
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && tries < MAX_TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::address::Canonicalizer;

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn names_in(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_body_is_a_file_and_the_next_one_of_its_url_takes_its_place() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("made/for/it");
        let folder = Folder::open(&dir).unwrap();
        let first = folder.write(&url("http://h/a"), Some("text/plain"), b"one").unwrap();
        let other = folder.write(&url("http://h/A"), Some("text/plain"), b"other").unwrap();
        let second = folder.write(&url("http://h/a"), Some("text/plain"), b"two").unwrap();
        assert_eq!(first, second);
        assert_eq!(fs::read(dir.join(&first)).unwrap(), b"two");
        assert_eq!(fs::read(dir.join(&other)).unwrap(), b"other");
        assert_eq!(names_in(&dir).len(), 2, "no drafts are left");
    }

    #[test]
    fn a_link_in_the_way_is_replaced_and_not_followed() {
        let temp = tempfile::tempdir().unwrap();
        let victim = temp.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let dir = temp.path().join("out");
        let folder = Folder::open(&dir).unwrap();
        let name = names::name(&url("http://h/a"), None);
        symlink(&victim, dir.join(&name)).unwrap();
        assert_eq!(folder.write(&url("http://h/a"), None, b"body").unwrap(), name);
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert!(fs::symlink_metadata(dir.join(&name)).unwrap().is_file());
        assert_eq!(fs::read(dir.join(&name)).unwrap(), b"body");
    }

    #[test]
    fn links_in_the_place_of_drafts_are_passed_over() {
        let temp = tempfile::tempdir().unwrap();
        let victim = temp.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        for number in 1..5 {
            let draft = format!(".dragline-{}-{number}.part", std::process::id());
            symlink(&victim, temp.path().join(draft)).unwrap();
        }
        folder.write(&url("http://h/a"), None, b"body").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_and_leaves_nothing_behind() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        let name = names::name(&url("http://h/a"), None);
        fs::create_dir(temp.path().join(&name)).unwrap();
        assert!(folder.write(&url("http://h/a"), None, b"body").is_err());
        assert_eq!(names_in(temp.path()), [name]);
    }

    #[test]
    fn a_place_that_is_no_folder_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Folder::open(&file).is_err());
    }
}
