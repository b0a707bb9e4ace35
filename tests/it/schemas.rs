//! The schemas under `docs/schemas/` are what the binary prints: programs are written against them.

use std::{path::Path, process::Command};

#[test]
fn the_committed_schemas_are_those_of_the_code() {
    let schemas = ["config", "record", "receipt", "fetch"].map(|of| (of, format!("docs/schemas/{of}.schema.json")));
    for (of, path) in schemas.into_iter().chain([("openapi", "docs/openapi.json".to_owned())]) {
        let printed = Command::new(env!("CARGO_BIN_EXE_dragline")).args(["check", &format!("--schema={of}")]).output();
        let printed = String::from_utf8(printed.expect("the binary runs").stdout).expect("JSON is text");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == printed, "{path} is out of date: cargo run -- check --schema={of} > {path}");
    }
}
