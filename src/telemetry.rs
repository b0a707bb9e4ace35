//! stub
use crate::engine::event::CrawlEvent;
/// s
pub enum Format {
    /// a
    Pretty,
    /// a
    Compact,
    /// a
    Json,
}
/// s
pub fn init(_f: Format, filter: &str) -> Result<(), String> {
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init().map_err(|e| e.to_string())
}
/// s
pub fn log(_e: &CrawlEvent) {}
