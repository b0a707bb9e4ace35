//! `dragline check`: what a configuration comes to, or all that is wrong with it.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Serialize;

use super::{Exit, args::CheckArgs, fetch, print, with_config};
use crate::{
    config::{Loaded, Row, Sources, json_schema, reference},
    engine::record::Record,
    report::Receipt,
    service::openapi_document,
};

/// Keys and values longer than this don't widen their column.
const MAX_COLUMN: usize = 44;

pub(super) fn execute(args: &CheckArgs) -> Exit {
    if let Some(of) = &args.schema {
        let schema = match of.as_str() {
            "record" => pretty(&written::<Record<'_>>()),
            "receipt" => pretty(&written::<Receipt>()),
            "fetch" => fetch::schema(),
            "openapi" => pretty(&openapi_document()),
            _ => json_schema(),
        };
        return print(schema.as_bytes());
    }
    if args.reference {
        return print(reference().as_bytes());
    }
    let sources = Sources { file: args.config.clone(), ..Sources::default() };
    with_config(&sources, |loaded| match args.format.as_str() {
        "json" => print(pretty(&loaded.rows).as_bytes()),
        _ => print(table(&loaded).as_bytes()),
    })
}

/// The schema of what dragline writes: a field that may be left out is not required.
pub(super) fn written<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

fn pretty(data: &impl Serialize) -> String {
    serde_json::to_string_pretty(data).expect("plain data") + "\n"
}

/// Three aligned columns, a blank line between sections.
fn table(loaded: &Loaded) -> String {
    let cells: Vec<(&Row, String)> = loaded.rows.iter().map(|row| (row, row.toml_value())).collect();
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.filter(|n| *n <= MAX_COLUMN).max().unwrap_or(0);
    let key_width = width(&mut cells.iter().map(|(row, _)| row.key.chars().count()));
    let value_width = width(&mut cells.iter().map(|(_, value)| value.chars().count()));
    let mut text = String::new();
    let mut section = "";
    for (row, value) in &cells {
        let this = row.key.split(['.', '[']).next().unwrap_or_default();
        if !section.is_empty() && this != section {
            text.push('\n');
        }
        section = this;
        text.push_str(&format!("{:key_width$}  {value:value_width$}  {}\n", row.key, row.origin));
    }
    text
}
