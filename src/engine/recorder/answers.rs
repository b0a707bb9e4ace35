//! What the recorder tells those who ask what the store knows. It changes nothing.

use super::Recorder;
use crate::{
    engine::EngineError,
    frontier::workbench::{Ask, Known, News},
};

impl Recorder {
    pub(super) fn answer(&mut self, ask: Ask) -> Result<News, EngineError> {
        Ok(match ask {
            Ask::Open { host, limit } => {
                let record = match self.hosts.get(&host) {
                    Some((record, _)) => Some(record.clone()),
                    None => self.frontier.host(host)?,
                };
                let robots = self.frontier.robots(host)?;
                let retired = self.frontier.retired(host)?;
                let known = record.map(|host| Box::new(Known { host, robots, retired }));
                News::Opened { host, known, head: self.frontier.head(host, None, limit)?, limit }
            }
            Ask::Head { host, after, limit } => {
                News::Head { host, urls: self.frontier.head(host, after, limit)?, limit }
            }
            Ask::Hosts { after, limit, max_depth } => {
                News::Hosts(self.frontier.waiting_hosts(after, limit, max_depth)?)
            }
            Ask::Page { host, fingerprint } => {
                News::Page { host, fingerprint, recalled: self.frontier.validators(fingerprint)?.map(Box::new) }
            }
        })
    }
}
