//! The dashboard: what the daemon does, for people with a browser.
//!
//! Pages are made here, whole, at every call; without scripts everything works. The one script fetches parts of a page
//! anew (`…/live`) and puts them in place, so that what is seen keeps up with what happens.
//!
//! - `gate` says who looks: everybody on this machine when no key is configured, else whoever has signed in; `session`
//!   remembers them. A session sees and may do what its key may, by the functions that answer the API (`api::calls`).
//! - `page` is the frame of all pages; a [`Problem`](super::problem::Problem) of a handler becomes one too.
//! - `crawls` and `begin` are the start page and its forms, `crawl` and `plots` a crawl, `act` what its buttons do,
//!   `receipt` its account, `records` its records, `errors` what failed last, `explain` a URL of it, `fetch` one URL,
//!   `schedules`, `hosts` and `status` what is told of these, `login` the way in and out.
//!
//! Deliberately not: a second API. What programs need is `/v1`; nothing here is promised to stay as it is.
//!
//! Invariants:
//! - nothing is loaded from elsewhere, and no script or style but the two files below `/static/` is obeyed (the policy
//!   in `page`): even markup that slipped through could do nothing;
//! - what a server or a user chose is text, never markup, and a link only if it is http or https;
//! - nothing changes by GET (`/fetch` asks another server, and like all calls is refused to pages of other sites), and
//!   every form carries a token that no other site can know;
//! - sessions, samples and pages are bounded.

mod act;
mod assets;
mod begin;
mod crawl;
mod crawls;
mod errors;
mod explain;
mod fetch;
mod gate;
mod hosts;
mod login;
mod page;
mod plots;
mod receipt;
mod records;
mod schedules;
mod session;
mod status;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRef,
    middleware::from_fn_with_state,
    response::Redirect,
    routing::{MethodRouter, get, post},
};

use super::{
    api::{App, calls},
    door::Need,
};
use session::Lobby;

/// What pages are made of. Clones are one.
#[derive(Clone)]
struct Dashboard {
    app: App,
    lobby: Arc<Lobby>,
}

impl FromRef<Dashboard> for App {
    fn from_ref(dashboard: &Dashboard) -> Self {
        dashboard.app.clone()
    }
}

/// Every page there is, and which right it needs.
fn pages() -> Vec<(&'static str, Need, MethodRouter<Dashboard>)> {
    use Need::{Admin, Crawl, Fetch, Nothing, Read};
    vec![
        ("/", Read, get(crawls::show)),
        ("/live", Read, get(crawls::live)),
        ("/crawls", Crawl, post(begin::create).get(async || Redirect::to("/"))),
        ("/crawls/{id}", Read, get(crawl::show)),
        ("/crawls/{id}/live", Read, get(crawl::live)),
        ("/crawls/{id}/pages", Read, get(records::show)),
        ("/crawls/{id}/errors", Read, get(errors::show)),
        ("/crawls/{id}/errors/live", Read, get(errors::live)),
        ("/crawls/{id}/explain", Read, get(explain::show)),
        ("/crawls/{id}/receipt", Read, get(calls::receipt)),
        ("/crawls/{id}/outputs/{*file}", Read, get(calls::download)),
        ("/crawls/{id}/{act}", Crawl, post(act::act)),
        ("/schedules", Read, get(schedules::show)),
        ("/schedules/live", Read, get(schedules::live)),
        ("/schedules/new", Crawl, post(schedules::create).get(async || Redirect::to("/schedules"))),
        ("/schedules/{id}", Read, get(schedules::one)),
        ("/schedules/{id}/{act}", Crawl, post(schedules::act)),
        ("/hosts", Read, get(hosts::show)),
        ("/hosts/live", Read, get(hosts::live)),
        ("/host", Read, get(hosts::one)),
        ("/host/live", Read, get(hosts::one_live)),
        ("/host/{act}", Admin, post(hosts::act)),
        ("/status", Read, get(status::show)),
        ("/status/live", Read, get(status::live)),
        ("/cache/purge", Admin, post(status::purge)),
        ("/fetch", Fetch, get(fetch::show)),
        ("/login", Nothing, get(login::show).post(login::enter)),
        ("/logout", Nothing, post(login::leave)),
        ("/static/{name}", Nothing, get(assets::serve)),
    ]
}

/// All pages, each behind the gate; to be mounted behind [`Door::check_way`](super::door::Door::check_way).
pub(super) fn router(app: &App) -> Router<App> {
    let dashboard = Dashboard { app: app.clone(), lobby: Arc::new(Lobby::new()) };
    let mut router = Router::new();
    for (path, need, route) in pages() {
        let guard = from_fn_with_state((dashboard.clone(), need, path), gate::admit);
        router = router.route(path, route.layer(guard));
    }
    router.with_state(dashboard)
}
