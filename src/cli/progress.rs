//! stub
use crate::engine::stats::{Progress, Stage};
use std::time::Duration;
use tokio::sync::watch;
pub(super) enum Mode {
    Terminal,
    Lines,
    Silent,
}
pub(super) async fn show(mut p: watch::Receiver<Progress>, _m: Mode, _i: Duration) {
    while p.changed().await.is_ok() {
        if p.borrow().stage == Stage::Done {
            break;
        }
    }
}
