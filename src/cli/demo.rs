//! `dragline demo`: the built-in web, served on loopback and crawled.

use std::sync::Arc;

use super::{
    Exit, Start,
    args::DemoArgs,
    complain,
    run::{self, Failure},
    with_config,
};
use crate::{
    config::{Flags, Settings, Sources},
    job::{Beginning, JobError, folder::FolderError},
    telemetry::Terminal,
    vitro::{self, Server, Web},
};

/// Serves and crawls the built-in web. Goes on with a demo that was stopped; a finished one makes
/// way for a new one.
pub(super) fn execute(args: &DemoArgs) -> Exit {
    let options = vitro::Options::demo();
    let pages_per_host = (args.pages / options.n_hosts).max(1);
    let web = Arc::new(Web::new(vitro::Options { pages_per_host, ..options }));
    let runtime = match run::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let server = match runtime.block_on(Server::start(web, args.port)) {
        Ok(server) => server,
        Err(error) => {
            complain(&format!(
                "error: the built-in web can't be served on 127.0.0.1:{}: {error}\nuse --port 0 for any free port",
                args.port
            ));
            return Exit::Usage;
        }
    };
    let sources = Sources { flags: flags(&server, args), ..Sources::default() };
    with_config(&sources, |loaded| {
        let start = args.start.start();
        let terminal = match run::init_telemetry(&loaded.settings, start.quiet) {
            Ok(terminal) => terminal,
            Err(exit) => return exit,
        };
        if !start.quiet {
            let (n_hosts, addr) = (server.web().n_hosts(), server.addr());
            complain(&format!("Serving a web of {n_hosts} hosts on {addr} and crawling it."));
        }
        let crawled = runtime.block_on(crawl(&loaded.settings, start, &terminal, args.start.out.is_none()));
        run::end(runtime, crawled)
    })
}

/// Starts over by itself in the demo's own folder only: any other may hold somebody's crawl.
async fn crawl(settings: &Settings, start: Start, terminal: &Terminal, own_folder: bool) -> Result<Exit, Failure> {
    match run::crawl(settings, start, terminal).await {
        Err(Failure::Job(JobError::Folder(FolderError::Finished(_) | FolderError::Other { .. }))) if own_folder => {
            let beginning = Beginning { fresh: true, ..start.beginning };
            run::crawl(settings, Start { beginning, ..start }, terminal).await
        }
        crawled => crawled,
    }
}

/// The demo as a configuration: flags that a user could have given.
fn flags(server: &Server, args: &DemoArgs) -> Flags {
    const BY: &str = "demo";
    let mut flags = Flags::default();
    flags.set("job.name", BY, "demo");
    flags.set("job.out", BY, "dragline-demo");
    flags.set("seeds.urls", BY, server.seeds());
    flags.set("scope.mode", BY, "domain");
    flags.set("fetch.resolve.*.vitro.test", BY, server.addr().ip().to_string());
    flags.set("fetch.allow_addresses", BY, vec!["loopback".to_owned()]);
    // All hosts are this process: being polite would only make the demo slow.
    flags.set("politeness.rate", BY, "40/s");
    flags.set("politeness.per_host", BY, 2);
    args.start.set_flags(&mut flags);
    flags
}
