//! stub
use crate::engine::Finished;
/// s
#[derive(serde::Serialize)]
pub struct Receipt {
    job: String,
    totals: serde_json::Value,
    hosts: Vec<(String, crate::frontier::HostTally)>,
}
impl Receipt {
    /// s
    pub fn new(job: &str, f: &Finished) -> Self {
        let t = &f.book.tally;
        Self {
            job: job.into(),
            totals: serde_json::json!({"discovered": t.discovered, "fetched": t.fetched, "redirected": t.redirected, "failed": t.n_failed(), "refused": t.n_refused(), "pending": t.n_pending(), "failed_by": t.failed, "refused_by": t.refused}),
            hosts: f.hosts.iter().map(|(h, t)| (h.to_string(), t.clone())).collect(),
        }
    }
}
/// s
pub fn html(_r: &Receipt) -> String {
    String::new()
}
