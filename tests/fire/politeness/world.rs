//! A glass web whose every request the auditor hears, and what is promised to its hosts.

use std::{sync::Arc, time::Duration};

use dragline::vitro::{Latency, Log, Options, Role, Server, Web};

use super::{Ear, terms::QuietMinute};
use crate::fire::auditor::{Auditor, Paths, Policy, Promises, tap};

/// What `Role::Patient` hosts ask for, and what a `Retry-After` does: both longer than the rest that a crawl which goes
/// on leaves every host, so that one that forgets them is seen.
const CRAWL_DELAY_S: u32 = 2;
const RETRY_AFTER_S: u32 = 3;
/// Hosts that keep a request waiting for longer than several intervals, with half of their pages.
const SLUGGISH: u32 = 12;

pub(super) struct World {
    pub(super) server: Server,
    pub(super) log: Log,
    pub(super) ear: Ear,
}

impl World {
    /// `pages` of a host, on average. Promises nothing yet.
    pub(super) async fn serve(seed: u64, n_hosts: u32, pages: u32) -> Self {
        let options = Options {
            seed,
            n_hosts,
            pages_per_host: pages,
            links_per_page: 5,
            page_bytes: 1500,
            latency: Latency::Even(Duration::ZERO, Duration::from_millis(30)),
            slow: Duration::from_millis(1500),
            sluggish_hosts: SLUGGISH,
            retry_after_permille: 30,
            retry_after_s: RETRY_AFTER_S,
            outage_permille: 30,
            crawl_delay_s: CRAWL_DELAY_S,
            // So many that they are asked until the end: under any terms, and in hours when the machine is not busy, too.
            patient_pages: pages,
            ..Options::demo()
        };
        let ear = Ear::new(std::sync::Mutex::new(Auditor::new(Box::new(|_| Arc::new(Policy::nothing())))));
        let log = Log::tapped(0, tap(&ear));
        let server = Server::start_with_log(Arc::new(Web::new(options)), 0, log.clone()).await.unwrap();
        Self { server, log, ear }
    }

    /// From now on `policy` is what is promised, with what each host's robots.txt says.
    pub(super) fn promise(&self, policy: &Policy, quiet: Option<QuietMinute>) {
        let promises = promises(self.server.web(), policy, quiet);
        self.ear.lock().unwrap().promise(promises);
    }
}

/// What is promised to each host of a web, from the intent of its robots.txt and not from its text.
fn promises(web: &Web, policy: &Policy, quiet: Option<QuietMinute>) -> Promises {
    let by_role = |role: Role| {
        let fences = Paths::default().with("/trap/").with("/private/").but("/private/open/");
        Arc::new(match role {
            Role::Bare | Role::Closed => policy.clone(),
            Role::Fenced | Role::Indexed => Policy { disallowed: fences, ..policy.clone() },
            Role::Patient => {
                let crawl_delay = Some(Duration::from_secs(CRAWL_DELAY_S.into()));
                Policy { disallowed: fences, crawl_delay, ..policy.clone() }
            }
            Role::Moved => {
                let robots_elsewhere = ["/robots-moved.txt".to_owned()].into();
                Policy { disallowed: fences, robots_elsewhere, ..policy.clone() }
            }
            Role::Open | Role::Guarded | Role::Shut => unreachable!("no host of a varied web"),
        })
    };
    let roles: Vec<Arc<Policy>> = (0..6.min(web.n_hosts())).map(|host| by_role(web.role(host))).collect();
    Box::new(move |host| {
        // `h17.vitro.test` is the host number 17, whose role is that of number 5.
        let number = host.strip_prefix('h').and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        let policy = &roles[number.unwrap_or_default() % roles.len()];
        match &quiet {
            Some(quiet) if quiet.hosts.iter().any(|name| name == host) => {
                Arc::new(Policy { quiet: vec![(quiet.from, quiet.to)], ..Policy::clone(policy) })
            }
            _ => policy.clone(),
        }
    })
}
