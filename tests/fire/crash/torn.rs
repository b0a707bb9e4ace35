//! Ends of outputs, torn as a power cut may tear what was written and never synced.
//!
//! Nothing but what lies behind the committed end is touched, so all of it must be gone when the folder is opened. A
//! tear that changes no byte proves nothing and is not counted; where nothing lies behind the end, garbage is put there.

use std::fs;

use super::scene::{Outputs, Scene};
use crate::{fire::dice::Dice, support::ground::contents};

/// Most bytes of garbage.
const MAX_GARBAGE: u64 = 5_000;

/// Ends of files that are not what they were, by what became of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Torn {
    /// The end is shorter.
    pub(crate) cut: u64,
    /// It is as long, and zeroes.
    pub(crate) zeroed: u64,
    /// Something else is behind it.
    pub(crate) longer: u64,
}

impl Torn {
    pub(crate) fn sum(&self) -> u64 {
        self.cut + self.zeroed + self.longer
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.cut += other.cut;
        self.zeroed += other.zeroed;
        self.longer += other.longer;
    }
}

/// Tears the outputs of the scene, which are `raw`. Gives what must be left of them, found out on a copy.
pub(super) async fn tear(scene: &Scene, dice: &mut Dice, more: &[&str], raw: &Outputs) -> (Outputs, Torn) {
    let copy = scene.ground.path("copy");
    let _ = fs::remove_dir_all(&copy);
    for (path, bytes) in contents(&scene.out()) {
        let to = copy.join(path.strip_prefix(scene.out()).expect("it is in there"));
        fs::create_dir_all(to.parent().expect("it is in a folder")).unwrap();
        fs::write(to, bytes).unwrap();
    }
    let committed = scene.settle("copy", more).await;
    let mut sum = Torn::default();
    for (name, bytes) in &raw.0 {
        // A file that was only begun is gone when the folder is opened, whatever is in it.
        let kept = committed.0.get(name).map_or(0, Vec::len);
        let (torn, how) = torn(bytes, kept, dice);
        let path = scene.out().join(name);
        fs::write(&path, torn).unwrap();
        if fs::read(&path).unwrap() != *bytes {
            sum.add(&how);
        }
    }
    (committed, sum)
}

/// `bytes` with what is behind the first `kept` of them torn, and how; nothing is counted if they are the same.
fn torn(bytes: &[u8], kept: usize, dice: &mut Dice) -> (Vec<u8>, Torn) {
    let (mut torn, mut how) = (bytes.to_vec(), Torn::default());
    let tail = bytes.len().checked_sub(kept).expect("what is committed is the beginning of it") as u64;
    let at = kept + usize::try_from(dice.below(tail)).expect("it is in the file");
    let count = match dice.below(3) {
        0 if tail > 0 => {
            torn.truncate(at);
            &mut how.cut
        }
        1 if tail > 0 => {
            torn[at..].fill(0);
            &mut how.zeroed
        }
        _ => {
            torn.extend((0..=dice.below(MAX_GARBAGE)).map(|_| dice.next().to_be_bytes()[0]));
            &mut how.longer
        }
    };
    *count = u64::from(torn != bytes);
    (torn, how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_has_changed_and_nothing_that_is_committed_has() {
        let mut sum = Torn::default();
        for seed in 0..600 {
            let bytes: Vec<u8> = (0..seed % 7).map(|n| u8::try_from(n).unwrap() % 3).collect();
            let kept = bytes.len().min(usize::try_from(seed % 5).unwrap());
            let (torn, how) = torn(&bytes, kept, &mut Dice::new(seed));
            assert!(torn.starts_with(&bytes[..kept]));
            assert_eq!(how.sum(), u64::from(torn != bytes), "{bytes:?} {kept} {torn:?}");
            assert!(how.longer == 1 || kept < bytes.len(), "{bytes:?} {kept} {how:?}");
            sum.add(&how);
        }
        assert!(sum.cut > 50 && sum.zeroed > 50 && sum.longer > 200 && sum.sum() < 600, "{sum:?}");
    }
}
