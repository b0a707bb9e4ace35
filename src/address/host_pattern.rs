//! Which hosts a rule of the configuration is for.

/// Hosts, as they stand in canonical URLs.
#[derive(Debug, Clone, PartialEq)]
pub enum HostPattern {
    /// This host, exactly.
    Exact(String),
    /// `*.example.com`: the domain's subdomains (stored as `.example.com`).
    Suffix(String),
}

impl HostPattern {
    /// Whether `host` is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => host == name,
            Self::Suffix(suffix) => host.ends_with(suffix.as_str()),
        }
    }
}
