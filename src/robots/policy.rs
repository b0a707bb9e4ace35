//! stub
use super::*;
use crate::{address::CanonicalUrl, clock::Timestamp, verdict::Refusal};
/// See the contract in `mod.rs`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Policy { /// a
 pub standing: Standing, /// b
 pub fetched_at: Timestamp, /// c
 pub expires_at: Timestamp }
/// See the contract in `mod.rs`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum Standing { /// a
AllowAll, /// b
 Unreachable }
impl Policy {
 /// a
 pub fn from_response(_s: u16, _b: &[u8], now: Timestamp, o: &Options) -> Self { Self { standing: Standing::AllowAll, fetched_at: now, expires_at: now + o.max_age } }
 /// b
 pub fn unreachable(now: Timestamp, o: &Options) -> Self { Self { standing: Standing::Unreachable, fetched_at: now, expires_at: now + o.max_age } }
 /// c
 pub fn decide(&self, _u: &CanonicalUrl) -> Result<(), Refusal> { Ok(()) }
 /// d
 pub fn crawl_delay(&self) -> Option<std::time::Duration> { None }
 /// e
 pub fn sitemaps(&self) -> &[String] { &[] }
 /// f
 pub fn is_expired(&self, now: Timestamp) -> bool { now >= self.expires_at }
}
impl Standing { /// a
 pub fn as_str(&self) -> &'static str { "x" } }
