//! A configuration file: settings or errors, each with a message that names its place.
#![no_main]

use std::{cell::RefCell, fs, path::PathBuf};

use dragline::config::{Environment, Flags, Sources};
use libfuzzer_sys::fuzz_target;

thread_local! {
    /// Configurations are read from files; this one is in memory where the system has such a folder.
    static FILE: RefCell<PathBuf> = RefCell::new({
        let shared = PathBuf::from("/dev/shm");
        let folder = if shared.is_dir() { shared } else { std::env::temp_dir() };
        folder.join(format!("dragline-fuzz-{}.toml", std::process::id()))
    });
}

fuzz_target!(|text: &[u8]| {
    FILE.with_borrow(|file| {
        fs::write(file, text).expect("the folder is writable");
        let environment = Environment::given::<String, String>([]);
        let sources = Sources { file: Some(file.clone()), environment, flags: Flags::default() };
        match sources.load() {
            Ok(loaded) => assert!(!loaded.rows.is_empty()),
            Err(errors) => {
                assert!(!errors.0.is_empty(), "an error without a reason");
                assert!(!errors.to_string().is_empty());
            }
        }
    });
});
