//! Groups of URLs: what directories have given, and which of them are done with.
//!
//! Two rules. A directory's budget (`limits.pages_per_directory`) counts pages durably. The trap
//! rule (`traps.same_content`) counts, for each directory and all above it, pages in a row whose
//! body was met on their host before and that lead to URLs nobody had met: a symbolic link to a
//! parent, a path that a server ignores the end of. A page that says something new starts the
//! count anew, and a page that leads nowhere new does no harm, so it doesn't count.
//!
//! What was met is remembered in a table of fixed size, newest first, and forgotten with the
//! process: a trap is then found out a second time. It owns no store; the recorder passes it in.

use std::{
    collections::HashMap,
    num::{NonZeroU32, NonZeroU64},
};

use super::EngineError;
use crate::{
    address::{CanonicalUrl, DirectoryKey, HostId},
    frontier::{Frontier, Retired},
    verdict::Refusal,
};

/// Most directories of one host whose pages in a row are counted; beyond it counting starts anew.
const MAX_COUNTED: usize = 4096;
/// Most directories whose pages are held back from the store between two commits.
const MAX_HELD: usize = 65_536;

/// Bounds of what a group of URLs may give.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Pages fetched of one directory, about (`limits.pages_per_directory`).
    pub pages_per_directory: Option<NonZeroU64>,
    /// Segments of a path that tell directories apart (`limits.directory_levels`).
    pub directory_levels: u16,
    /// Pages in a row that repeat what is known and lead to new URLs (`traps.same_content`).
    pub same_content: Option<NonZeroU32>,
    /// Bytes for the digests of bodies met (`traps.memory`).
    pub memory_bytes: u64,
}

/// A page that was fetched.
pub(super) struct Page<'a> {
    pub(super) url: &'a CanonicalUrl,
    /// Of its body; none of a body that is no sign of anything, such as an empty one.
    pub(super) content: Option<u64>,
    /// URLs of its own host that nobody had met before.
    pub(super) n_new: usize,
}

pub(super) struct Groups {
    options: Options,
    /// Digests of bodies with their hosts, each in the place that it hashes to.
    bodies: Vec<u64>,
    /// Pages in a row, by host and directory.
    alike: HashMap<HostId, HashMap<DirectoryKey, u32>>,
    /// Pages of directories that were dealt with lately, and whether the store knows.
    pages: HashMap<(HostId, DirectoryKey), (u64, bool)>,
}

impl Groups {
    pub(super) fn new(options: Options) -> Self {
        let n_bodies = if options.same_content.is_some() { (options.memory_bytes / 8).max(1024) } else { 1 };
        let bodies = vec![0; usize::try_from(n_bodies).unwrap_or(1024)];
        Self { options, bodies, alike: HashMap::new(), pages: HashMap::new() }
    }

    /// Takes notice of a page; answers with the directories that are done with now.
    pub(super) fn note(
        &mut self,
        page: &Page<'_>,
        host: HostId,
        frontier: &mut dyn Frontier,
    ) -> Result<Vec<Retired>, EngineError> {
        let full = self.count_page(page.url, host, frontier)?;
        Ok(full.into_iter().chain(self.compare(page, host)).collect())
    }

    fn count_page(
        &mut self,
        url: &CanonicalUrl,
        host: HostId,
        frontier: &mut dyn Frontier,
    ) -> Result<Option<Retired>, EngineError> {
        let Some(most) = self.options.pages_per_directory else { return Ok(None) };
        let directory = url.directory(self.options.directory_levels);
        let key = DirectoryKey::of(directory);
        if self.pages.len() >= MAX_HELD {
            self.write(frontier)?;
            self.pages.clear();
        }
        let n_before = match self.pages.get(&(host, key)) {
            Some((n_pages, _)) => *n_pages,
            None => frontier.directory_pages(host, key)?,
        };
        let n_pages = n_before + 1;
        self.pages.insert((host, key), (n_pages, false));
        Ok((n_pages >= most.get()).then(|| Retired {
            directory: directory.to_owned(),
            why: Refusal::DirectoryPageLimit,
            rule: format!("limits.pages_per_directory = {most} in {directory}").into(),
        }))
    }

    fn compare(&mut self, page: &Page<'_>, host: HostId) -> Option<Retired> {
        let most = self.options.same_content?;
        let digest = page.content? ^ host.0;
        if !self.is_known(digest) {
            if let Some(counts) = self.alike.get_mut(&host) {
                for directory in page.url.directories() {
                    counts.remove(&DirectoryKey::of(directory));
                }
            }
            return None;
        }
        if page.n_new == 0 {
            return None;
        }
        let counts = self.alike.entry(host).or_default();
        if counts.len() >= MAX_COUNTED {
            counts.clear();
        }
        let mut trap = None;
        for directory in page.url.directories() {
            let count = counts.entry(DirectoryKey::of(directory)).or_default();
            *count += 1;
            if *count >= most.get() {
                trap = Some(directory);
            }
        }
        // The deepest one that holds them all: what is beside it may be worth a visit.
        let directory = trap?;
        counts.clear();
        Some(Retired {
            directory: directory.to_owned(),
            why: Refusal::DuplicateContent,
            rule: format!("traps.same_content = {most} in {directory}").into(),
        })
    }

    /// Whether the body was met before; from now on it was.
    fn is_known(&mut self, digest: u64) -> bool {
        let place = usize::try_from(digest % self.bodies.len() as u64).unwrap_or_default();
        std::mem::replace(&mut self.bodies[place], digest) == digest
    }

    /// Hands the counts that changed to the store, and forgets hosts when there are more than
    /// `max_hosts`.
    pub(super) fn commit(&mut self, max_hosts: usize, frontier: &mut dyn Frontier) -> Result<(), EngineError> {
        self.write(frontier)?;
        if self.alike.len() > max_hosts {
            self.alike.clear();
        }
        Ok(())
    }

    fn write(&mut self, frontier: &mut dyn Frontier) -> Result<(), EngineError> {
        for ((host, directory), (n_pages, is_written)) in &mut self.pages {
            if !std::mem::replace(is_written, true) {
                frontier.set_directory_pages(*host, *directory, *n_pages)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::Canonicalizer,
        frontier::{self, MemoryFrontier},
    };

    struct Bench {
        groups: Groups,
        frontier: MemoryFrontier,
    }

    impl Bench {
        fn new(pages_per_directory: u64, same_content: u32) -> Self {
            let options = Options {
                pages_per_directory: NonZeroU64::new(pages_per_directory),
                directory_levels: 2,
                same_content: NonZeroU32::new(same_content),
                memory_bytes: 1 << 16,
            };
            let frontier = frontier::Options { max_queued: None, seen_cache_bytes: 0, store_cache_bytes: 0 };
            Self { groups: Groups::new(options), frontier: MemoryFrontier::new(&frontier) }
        }

        fn note(&mut self, url: &str, content: u64, n_new: usize) -> Vec<String> {
            let url = Canonicalizer::default().parse(url).expect("valid");
            let page = Page { url: &url, content: Some(content), n_new };
            let retired = self.groups.note(&page, url.host().id(), &mut self.frontier).expect("in memory");
            retired.into_iter().map(|retired| retired.directory).collect()
        }
    }

    #[test]
    fn a_directory_gives_so_many_pages() {
        let mut bench = Bench::new(2, 0);
        assert!(bench.note("http://h/d/1", 1, 0).is_empty());
        assert!(bench.note("http://h/d/e/1", 2, 0).is_empty());
        // What was counted survives in the store.
        bench.groups.commit(0, &mut bench.frontier).expect("in memory");
        bench.groups.pages.clear();
        assert_eq!(bench.note("http://h/d/2?x=/y/", 3, 0), ["http://h/d/"]);
    }

    #[test]
    fn a_loop_is_left_at_its_entrance() {
        let mut bench = Bench::new(0, 3);
        assert!(bench.note("http://h/", 1, 5).is_empty());
        assert!(bench.note("http://h/docs/", 2, 5).is_empty());
        assert!(bench.note("http://h/docs/loop/", 2, 1).is_empty());
        assert!(bench.note("http://h/docs/a", 3, 0).is_empty(), "new, beside the loop");
        assert!(bench.note("http://h/docs/loop/loop/", 2, 1).is_empty());
        assert_eq!(bench.note("http://h/docs/loop/loop/loop/", 2, 1), ["http://h/docs/loop/"]);
    }

    #[test]
    fn equal_pages_that_lead_nowhere_are_no_trap() {
        let mut bench = Bench::new(0, 3);
        for n in 0..100 {
            assert!(bench.note(&format!("http://h/{n}"), 7, 0).is_empty());
        }
    }

    #[test]
    fn a_page_of_another_host_is_another_page() {
        let mut bench = Bench::new(0, 1);
        assert!(bench.note("http://a/", 7, 1).is_empty());
        assert!(bench.note("http://b/", 7, 1).is_empty());
        assert_eq!(bench.note("http://b/x/", 7, 1), ["http://b/x/"]);
    }
}
