//! `dragline serve` and `dragline key`: the daemon, and keys for its callers.

use std::fmt::Write as _;

use sd_notify::NotifyState;
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Exit,
    args::{KeyArgs, ServeArgs, set},
    complain, print, run,
};
use crate::{
    config::{Base, Flags, Sources},
    service::{Crawls, ServeError, Service},
    shutdown::{Shutdown, Tasks},
};

/// Random bytes of a key: 256 bits, so that its SHA-256 tells nothing about it.
const KEY_BYTES: usize = 32;

pub(super) fn execute(args: &ServeArgs) -> Exit {
    let mut flags = Flags::default();
    set(&mut flags, "daemon.listen", "--listen", args.listen.as_ref());
    set(&mut flags, "daemon.data", "--data", args.data.as_ref());
    let sources = Sources { file: args.config.clone(), flags, ..Sources::default() };
    let base = match Base::load(&sources) {
        Ok(base) => base,
        Err(errors) => {
            errors.0.iter().for_each(|problem| complain(&format!("error: {problem}")));
            return Exit::Usage;
        }
    };
    if args.check {
        return Exit::Finished;
    }
    let ready = run::init_telemetry(base.settings(), false).and_then(|_| run::runtime());
    let runtime = match ready {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let exit = runtime.block_on(serve(base, sources));
    // Nobody waits for a removal of files that is still under way: the next start goes on with it.
    runtime.shutdown_background();
    exit
}

async fn serve(base: Base, sources: Sources) -> Exit {
    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    if let Err(error) = run::listen(&tasks, &shutdown, false) {
        complain(&format!("error: no signal handlers: {error}"));
        return Exit::Internal;
    }
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            complain(&format!("error: no signal handlers: {error}"));
            return Exit::Internal;
        }
    };
    let (data, is_open) = (base.settings().daemon.data.clone(), base.settings().daemon.keys.is_empty());
    let service = match Service::open(base, sources, shutdown.clone()).await {
        Ok(service) => service,
        Err(error) => {
            complain(&format!("error: {error}"));
            return match error {
                ServeError::Shelf(_) => Exit::OutputRefused,
                ServeError::Listen { .. } => Exit::Usage,
                ServeError::Stack(_) => Exit::Internal,
            };
        }
    };
    let supervisor = Supervisor::meet(service.crawls(), &tasks);
    let whom = if is_open { "everybody on this machine" } else { "whoever has a key" };
    tracing::info!(address = %service.addr(), data = %data.display(), "serving {whom}");
    supervisor.tell(NotifyState::Ready);
    let serving = service.run(async |is_done| {
        if is_done {
            supervisor.tell(NotifyState::Ready);
        }
        hangup.recv().await?;
        supervisor.reloading();
        Some(())
    });
    let stopping = async {
        shutdown.requested().await;
        supervisor.tell(NotifyState::Stopping);
    };
    tokio::join!(serving, stopping);
    tracing::info!("stopped; what was under way goes on when the daemon is started again");
    Exit::Finished
}

/// Who started the daemon and looks after it (systemd, by its notify protocol), if anybody does.
#[derive(Debug, Clone, Copy)]
struct Supervisor;

impl Supervisor {
    /// If it wants to hear from us now and then, it does, as long as the foreman answers: a daemon that hangs is as
    /// good as dead.
    fn meet(crawls: Crawls, tasks: &Tasks) -> Self {
        if let Some(patience) = sd_notify::watchdog_enabled() {
            tasks.spawn("watchdog", async move {
                loop {
                    if tokio::time::timeout(patience / 2, crawls.is_heard()).await.unwrap_or(false) {
                        Self.tell(NotifyState::Watchdog);
                    }
                    tokio::time::sleep(patience / 3).await;
                }
            });
        }
        Self
    }

    fn tell(self, state: NotifyState<'_>) {
        if let Err(error) = sd_notify::notify(&[state]) {
            tracing::warn!(%error, "the service manager can't be told how we are");
        }
    }

    fn reloading(self) {
        // It wants to know when, by its clock.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            let _ = sd_notify::notify(&[NotifyState::Reloading, now]);
        }
    }
}

/// Makes a key. The lines of the configuration that know it go to standard output, to be appended to a file; the key
/// itself goes to standard error, so that it does not get into that file.
pub(super) fn make_key(args: &KeyArgs) -> Exit {
    let mut bytes = [0_u8; KEY_BYTES];
    if let Err(error) = getrandom::fill(&mut bytes) {
        complain(&format!("error: the system gives no random bytes: {error}"));
        return Exit::Internal;
    }
    let key = format!("dl_{}", hex(&bytes));
    let scopes: Vec<String> = args.scopes.iter().map(|scope| format!("{scope:?}")).collect();
    let text = format!(
        "\n[[key]]\nname = {:?}\nhash = \"sha256:{}\"\nscopes = [{}]\n",
        args.name,
        hex(&Sha256::digest(&key)),
        scopes.join(", ")
    );
    complain(&format!("The key, for the caller. It is shown here and nowhere else:\n  {key}"));
    print(text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}
