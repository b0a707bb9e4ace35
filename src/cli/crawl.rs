//! `dragline crawl`: flags become a layer of the configuration, then it is a run like any other.

use super::{
    Exit,
    args::{CrawlArgs, set},
    print, run, with_config,
};
use crate::config::{Flags, Sources};

pub(super) fn execute(args: &CrawlArgs) -> Exit {
    let sources = Sources { flags: flags(args), ..Sources::default() };
    with_config(&sources, |loaded| {
        if args.print_config {
            return print(loaded.to_toml().as_bytes());
        }
        run::execute(&loaded.settings, args.start.start())
    })
}

/// Each flag's key.
fn flags(args: &CrawlArgs) -> Flags {
    let mut flags = Flags::default();
    let lists = [
        ("seeds.urls", "<URL>", &args.urls),
        ("seeds.sitemaps", "--sitemap", &args.sitemap),
        ("scope.surts", "--surt", &args.surt),
        ("scope.include", "--include", &args.include),
        ("scope.exclude", "--exclude", &args.exclude),
        ("fetch.allow_addresses", "--allow-address", &args.allow_address),
    ];
    for (key, flag, values) in lists {
        if !values.is_empty() {
            flags.set(key, flag, values.clone());
        }
    }
    let values = [
        ("job.contact", "--contact", &args.contact),
        ("scope.mode", "--scope", &args.scope),
        ("limits.depth", "--depth", &args.depth),
        ("limits.pages", "--max-pages", &args.max_pages),
        ("limits.duration", "--max-duration", &args.max_duration),
        ("limits.bytes", "--max-bytes", &args.max_bytes),
        ("fetch.concurrency", "--concurrency", &args.concurrency),
        ("politeness.per_host", "--per-host", &args.per_host),
        ("politeness.rate", "--rate", &args.rate),
        ("robots.mode", "--robots", &args.robots),
        ("fetch.user_agent", "--user-agent", &args.user_agent),
        ("outputs.format", "--output", &args.output),
    ];
    for (key, flag, value) in values {
        set(&mut flags, key, flag, value.as_ref());
    }
    for (name, value) in &args.header {
        flags.set(&format!("fetch.headers.{name}"), "--header", value.as_str());
    }
    args.start.set_flags(&mut flags);
    flags
}
