//! The process, by the names that Prometheus' client libraries have for it: dashboards know them.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};
use rustix::process::{Resource, getrlimit};

use super::{super::App, read};
use crate::engine::{stats::Progress, vitals};

#[expect(clippy::cast_precision_loss, reason = "milliseconds and microseconds of any process are far below 2^53")]
pub(super) fn read(app: &App, registry: &mut Registry) {
    let vitals = vitals::take(&Progress::default(), app.surroundings.http.as_ref(), &app.surroundings.gate);
    let process = registry.sub_registry_with_prefix("process");
    let cpu = Counter::<f64, std::sync::atomic::AtomicU64>::default();
    cpu.inc_by(vitals.cpu_ms as f64 / 1e3);
    process.register_with_unit("cpu", "Time of processors, by the program and for it", Unit::Seconds, cpu);
    read::bytes(process, "resident_memory", "Resident memory", vitals.rss_bytes);
    read::bytes(process, "virtual_memory", "Memory that is mapped", vitals.virtual_bytes);
    read::gauge(process, "open_fds", "Open files, sockets among them", vitals.files as u64);
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    read::gauge(process, "max_fds", "Files that may be open", most);
    let started = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
    started.set(app.started_at.0 as f64 / 1e6);
    process.register_with_unit("start_time", "When the process was started, since the epoch", Unit::Seconds, started);
    let ours = registry.sub_registry_with_prefix("dragline");
    read::gauge(ours, "open_sockets", "Open sockets", vitals.sockets as u64);
    read::bytes(ours, "peak_resident_memory", "The most memory that ever was resident", vitals.peak_rss_bytes);
}
