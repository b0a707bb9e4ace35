//! The HTTP API: the table of contents.
//!
//! [`endpoints`] lists every call once: its path, which right it needs, what it takes and what it answers. The router
//! and the OpenAPI document are both made of that list, so neither can say what the other does not do. A handler
//! reads what it needs from the call, asks the foreman, the board or the courier, and says what came of it;
//! whatever goes wrong is a [`Problem`](super::problem::Problem).

pub(crate) mod cache;
mod crawls;
mod endpoint;
mod explain;
mod extract;
mod fetch;
mod health;
pub(crate) mod hosts;
mod inspect;
mod metrics;
mod model;
mod openapi;
mod outputs;
mod pages;
mod room;
pub(crate) mod schedules;
mod stream;
mod webhooks;

pub(crate) use endpoint::router;
pub(crate) use fetch::Desk;
pub(crate) use metrics::Metrics;
pub(crate) use model::{Counts, Crawl};
pub(crate) use openapi::openapi as openapi_document;
pub(crate) use outputs::counts;

/// What calls come down to, for the dashboard: it sees and does what they do, by the same words.
pub(crate) mod calls {
    pub(crate) use super::{
        cache::{self, CacheView},
        crawls::{PRIORITY, begin, control, find, remove},
        explain::explained,
        extract::{crawl, media_type, text},
        fetch::{FetchQuery, fetched},
        health::{Load, Readiness, current as load, readiness},
        hosts::{self, Host},
        outputs::{Output, download, files, read_receipt, receipt},
        pages::{PageOrder, PagesQuery, read as read_pages},
        schedules::{self, ScheduleRequest, ScheduleView},
    };
}

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    door::{Door, Need},
    foreman::Crawls,
    hooks::Post,
    places::Places,
};
use crate::{
    clock::{Clock, Timestamp},
    config::Base,
    engine::courier::FetchResult,
    job::Surroundings,
    report::Receipt,
    shutdown::Shutdown,
};
use endpoint::Endpoint;
use explain::ExplainQuery;
use fetch::{FetchBatch, FetchQuery, FetchRequest};
use model::{CrawlList, SeedsAdded, Version};

/// What handlers work with. Clones are one.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) crawls: Crawls,
    pub(crate) base: watch::Receiver<Arc<Base>>,
    /// Changes with the configuration.
    pub(crate) door: watch::Receiver<Arc<Door>>,
    pub(crate) desk: Desk,
    /// Places for connections of callers.
    pub(crate) connections: Places,
    /// Places for readers of events.
    pub(crate) readers: Places,
    /// Places for documents that are being judged, and for outputs that are being read through.
    pub(crate) judges: Places,
    pub(crate) scans: Places,
    pub(crate) clock: Clock,
    pub(crate) started_at: Timestamp,
    pub(crate) shutdown: Shutdown,
    pub(crate) metrics: Metrics,
    pub(crate) post: Post,
    pub(crate) surroundings: Surroundings,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Every call there is.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    use Need::{Admin, Crawl as ToCrawl, Fetch, Nothing, Read};
    vec![
        Endpoint::post("/v1/crawls", crawls::create)
            .needs(ToCrawl)
            .says("Begin a crawl", "The body is a configuration as `dragline run` takes it, as JSON or TOML. With an Idempotency-Key the same call makes one crawl, however often it is sent.")
            .query::<crawls::CreateQuery>()
            .header("Idempotency-Key", "Any text of up to 255 characters that names this call.")
            .document()
            .answers::<Crawl>(201, "The crawl; Location says where it is.")
            .answers::<Crawl>(200, "The crawl that the same call has made before."),
        Endpoint::get("/v1/crawls", crawls::list)
            .needs(Read)
            .says("List crawls", "Those that were made last come first.")
            .query::<crawls::ListQuery>()
            .answers::<CrawlList>(200, "A page of the list."),
        Endpoint::get("/v1/crawls/{id}", crawls::read)
            .needs(Read)
            .says("Read a crawl", "Its state, counts, what it waits for, and its document.")
            .answers::<Crawl>(200, "The crawl; ETag is its revision."),
        Endpoint::patch("/v1/crawls/{id}", crawls::change)
            .needs(ToCrawl)
            .says("Change a crawl", "A merge patch (RFC 7396) of its document: limits, rates, and what else is no part of what the crawl is. A crawl that runs goes on with it as soon as what is in flight is done.")
            .if_match()
            .query::<crawls::ChangeQuery>()
            .document()
            .answers::<Crawl>(200, "The crawl as it is now."),
        Endpoint::delete("/v1/crawls/{id}", crawls::delete)
            .needs(ToCrawl)
            .says("Delete a crawl", "With all that it has written. One that is being worked on is to be cancelled first.")
            .if_match()
            .answers_nothing(204, "It is gone."),
        Endpoint::post("/v1/crawls/{id}/pause", crawls::pause)
            .needs(ToCrawl)
            .says("Pause a crawl", "What is in flight is finished; nothing is lost.")
            .if_match()
            .answers::<Crawl>(200, "The crawl."),
        Endpoint::post("/v1/crawls/{id}/resume", crawls::resume)
            .needs(ToCrawl)
            .says("Go on with a crawl", "That is paused, was cancelled, failed, or reached a limit.")
            .if_match()
            .answers::<Crawl>(200, "The crawl."),
        Endpoint::post("/v1/crawls/{id}/cancel", crawls::cancel)
            .needs(ToCrawl)
            .says("End a crawl", "What it has written stays.")
            .if_match()
            .answers::<Crawl>(200, "The crawl."),
        Endpoint::post("/v1/crawls/{id}/recrawl", crawls::recrawl)
            .needs(ToCrawl)
            .says("Do a crawl again", "One that is over. What it wrote is set aside; what has not changed is not sent for again.")
            .if_match()
            .answers::<Crawl>(200, "The crawl."),
        Endpoint::post("/v1/crawls/{id}/seeds", crawls::add_seeds)
            .needs(ToCrawl)
            .says("Add seeds to a crawl", "A crawl that is finished goes on with them. A URL that is known by now, be it as refused, has its record and is passed over; a recrawl begins with all seeds.")
            .if_match()
            .body::<crawls::MoreSeeds>()
            .answers::<SeedsAdded>(200, "The crawl."),
        Endpoint::get("/v1/crawls/{id}/pages", pages::list)
            .needs(Read)
            .says("Read the records of a crawl", "Those that are on disk, in the order in which they were written, as in pages.jsonl; packed with gzip for whoever accepts it.")
            .packed()
            .query::<pages::PagesQuery>()
            .answers::<pages::PageList>(200, "Some records, and where to go on."),
        Endpoint::get("/v1/crawls/{id}/receipt", outputs::receipt)
            .needs(Read)
            .says("Read the receipt of a crawl", "There is one whenever nobody works on it.")
            .answers::<Receipt>(200, "The receipt."),
        Endpoint::get("/v1/crawls/{id}/outputs", outputs::list)
            .needs(Read)
            .says("List the files of a crawl", "Those that hold records, the receipt and the report; those of earlier passes as well.")
            .answers::<outputs::OutputList>(200, "The files."),
        Endpoint::get("/v1/crawls/{id}/outputs/{*file}", outputs::download)
            .needs(Read)
            .says("Download a file of a crawl", "As far as it is on disk, packed with gzip for whoever accepts it; or a part of it (Range).")
            .packed()
            .answers_bytes(200, "All of it.")
            .answers_bytes(206, "The part."),
        Endpoint::get("/v1/crawls/{id}/events", stream::events)
            .needs(Read)
            .says("Watch a crawl", "Server-sent events: state, progress, page. Whoever comes back with Last-Event-ID gets what he missed, or learns how much is gone.")
            .header("Last-Event-ID", "The id of the last event that was seen.")
            .answers_stream(200, "Events, until the crawl is over."),
        Endpoint::get("/v1/crawls/{id}/explain", explain::explain)
            .needs(Read)
            .says("Explain a URL of a crawl", "Why it was fetched or was not, or what it waits for. Also while the crawl runs: what is not committed yet is told, too.")
            .query::<ExplainQuery>()
            .answers_any(200, "The chain of decisions."),
        Endpoint::post("/v1/fetch", fetch::batch)
            .needs(Fetch)
            .says("Fetch URLs", "Through robots.txt, politeness, guard and cache, like those of a crawl. `cache` in a result says `hit` for an answer that is fresh by its server's word, and `stale` for one that is not, but no older than `max_age`. Each URL has one result, in the order of the call.")
            .body::<FetchRequest>()
            .answers::<FetchBatch>(200, "The results."),
        Endpoint::get("/v1/fetch", fetch::one)
            .needs(Fetch)
            .says("Fetch a URL", "The same for one URL. With `form=body` the answer is the body as the server sent it.")
            .query::<FetchQuery>()
            .answers::<FetchResult>(200, "The result."),
        Endpoint::post("/v1/schedules", schedules::create)
            .needs(ToCrawl)
            .says("Schedule a crawl", "It is begun whenever the clock of the zone shows what the expression means, and after the first time done again (a recrawl). Times that passed while the daemon did not run count as one.")
            .body::<schedules::ScheduleRequest>()
            .answers::<schedules::ScheduleView>(201, "The schedule."),
        Endpoint::get("/v1/schedules", schedules::list)
            .needs(Read)
            .says("List schedules", "")
            .answers::<schedules::ScheduleList>(200, "The schedules."),
        Endpoint::get("/v1/schedules/{id}", schedules::read)
            .needs(Read)
            .says("Read a schedule", "")
            .answers::<schedules::ScheduleView>(200, "The schedule."),
        Endpoint::patch("/v1/schedules/{id}", schedules::pause)
            .needs(ToCrawl)
            .says("Pause a schedule, or have it go on", "What passes meanwhile is not made up for.")
            .query::<schedules::PauseQuery>()
            .answers::<schedules::ScheduleView>(200, "The schedule."),
        Endpoint::delete("/v1/schedules/{id}", schedules::delete)
            .needs(ToCrawl)
            .says("Delete a schedule", "The crawl that it has begun stays.")
            .answers_nothing(204, "It is gone."),
        Endpoint::post("/v1/webhooks", webhooks::create)
            .needs(ToCrawl)
            .says("Make a webhook", "Events of one's own crawls are sent to its URL, signed as the Standard Webhooks have it, until it has answered 2xx. The secret is in this answer and in no other.")
            .body::<webhooks::WebhookRequest>()
            .answers::<webhooks::WebhookMade>(201, "The webhook, and its secret; Location says where it is."),
        Endpoint::get("/v1/webhooks", webhooks::list)
            .needs(Read)
            .says("List webhooks", "")
            .answers::<webhooks::WebhookList>(200, "The webhooks."),
        Endpoint::get("/v1/webhooks/{id}", webhooks::read)
            .needs(Read)
            .says("Read a webhook", "")
            .answers::<webhooks::WebhookView>(200, "The webhook."),
        Endpoint::delete("/v1/webhooks/{id}", webhooks::delete)
            .needs(ToCrawl)
            .says("Delete a webhook", "What it was still to be told it is not told.")
            .answers_nothing(204, "It is gone."),
        Endpoint::post("/v1/webhooks/{id}/test", webhooks::test)
            .needs(ToCrawl)
            .says("Test a webhook", "It is sent a ping. One that had said that it is gone (410) and answers this is told of crawls again.")
            .answers::<webhooks::Sent>(202, "The ping is on its way; the deliveries say what comes of it."),
        Endpoint::get("/v1/webhooks/{id}/deliveries", webhooks::deliveries)
            .needs(Read)
            .says("List deliveries of a webhook", "Every attempt, the latest first, as far as they are remembered.")
            .query::<webhooks::DeliveriesQuery>()
            .answers::<webhooks::DeliveryList>(200, "Some deliveries, and where to go on."),
        Endpoint::post("/v1/webhooks/{id}/deliveries/{delivery}/redeliver", webhooks::redeliver)
            .needs(ToCrawl)
            .says("Tell an event again", "The event of that delivery, under the same id, after all that wait.")
            .answers::<webhooks::Sent>(202, "It is on its way."),
        Endpoint::get("/v1/load", health::load)
            .needs(Read)
            .says("Read the load", "Whether more crawls are taken, and how many there are.")
            .answers::<health::Load>(200, "The load."),
        Endpoint::get("/v1/inspect/robots", inspect::robots)
            .needs(Fetch)
            .says("Inspect a robots.txt", "What that of a page's site says to a crawler, and about the page. A redirect is followed; it comes from the cache if it is there.")
            .query::<inspect::RobotsQuery>()
            .answers::<inspect::RobotsAnswer>(200, "What it says."),
        Endpoint::get("/v1/inspect/sitemap", inspect::sitemap)
            .needs(Fetch)
            .says("Inspect a sitemap", "Or a feed: its entries, and what is wrong with it.")
            .query::<inspect::SitemapQuery>()
            .answers::<crate::inspect::sitemap::Answer>(200, "What is in it."),
        Endpoint::get("/v1/hosts", hosts::list)
            .needs(Read)
            .says("List hosts", "Those that running crawls are busiest with, or wait for; and for an admin those that are blocked.")
            .answers::<hosts::HostList>(200, "The hosts."),
        Endpoint::get("/v1/hosts/{host}", hosts::read)
            .needs(Read)
            .says("Read a host", "How things stand with it, for all crawls together.")
            .answers::<hosts::Host>(200, "The host."),
        Endpoint::post("/v1/hosts/{host}/reset", hosts::reset)
            .needs(Admin)
            .says("Reset a host", "It is asked as if it had never failed or asked for a pause; its interval is kept.")
            .answers::<hosts::Host>(200, "The host."),
        Endpoint::put("/v1/hosts/{host}/block", hosts::block)
            .needs(Admin)
            .says("Block a host", "Nobody asks it until then, also after a restart; crawls wait for it.")
            .query::<hosts::BlockQuery>()
            .answers::<hosts::Host>(200, "The host."),
        Endpoint::delete("/v1/hosts/{host}/block", hosts::unblock)
            .needs(Admin)
            .says("Let a host be asked again", "")
            .answers::<hosts::Host>(200, "The host."),
        Endpoint::get("/v1/cache", cache::read)
            .needs(Read)
            .says("Read the cache", "What it holds, and what came of requests since the start.")
            .answers::<cache::CacheView>(200, "The counts."),
        Endpoint::delete("/v1/cache", cache::purge)
            .needs(Admin)
            .says("Purge the cache", "Of a URL, or of everything.")
            .query::<cache::PurgeQuery>()
            .answers::<cache::CacheView>(200, "The counts after that."),
        Endpoint::get("/healthz", health::health)
            .needs(Nothing)
            .says("Is the process alive", "Without a key.")
            .answers::<health::Health>(200, "It is."),
        Endpoint::get("/readyz", health::ready)
            .needs(Nothing)
            .says("Is the daemon ready", "Looks at the data folder, the free space and the foreman.")
            .answers::<health::Readiness>(200, "It takes crawls.")
            .answers::<health::Readiness>(503, "It does not, and says why."),
        Endpoint::get("/metrics", metrics::metrics)
            .needs(Read)
            .says("Metrics", "In the text format of OpenMetrics.")
            .answers_text(200, "The metrics."),
        Endpoint::get("/version", health::version)
            .needs(Read)
            .says("Which version this is", "")
            .answers::<Version>(200, "The version."),
        Endpoint::get("/openapi.json", openapi::serve)
            .needs(Read)
            .says("This document", "")
            .answers_any(200, "OpenAPI 3.1."),
    ]
}
