//! The section of canonicalisation: one switch a rule, in the order in which rules are applied.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Canonical {
    /// Drop the fragment: "http://h/a#b" is "http://h/a". Without it a site that shows one page per
    /// fragment is asked once for each.
    pub(crate) fragment: bool,
    /// Drop user name and password. It can't be switched off.
    pub(crate) userinfo: bool,
    /// Drop the scheme's own port: "http://h:80/" is "http://h/". It can't be switched off.
    pub(crate) default_port: bool,
    /// Scheme and host in lower case. It can't be switched off.
    pub(crate) case: bool,
    /// Resolve "." and "..": "/a/../b" is "/b". It can't be switched off.
    pub(crate) dot_segments: bool,
    /// Internationalised host names in ASCII. It can't be switched off.
    pub(crate) idn: bool,
    /// Escapes in the normal form of RFC 3986 section 6.2.2: "/%7eu/%c3%a9" is "/~u/%C3%A9".
    pub(crate) percent_encoding: bool,
    /// Drop an empty query: "/a?" is "/a".
    pub(crate) empty_query: bool,
    /// Sort parameters by name: "?b=1&a=2" is "?a=2&b=1". It can make one of two different pages, as
    /// all that follow.
    pub(crate) sorted_query: bool,
    /// Drop parameters that follow visitors: "?id=7&utm_source=x" is "?id=7". `dragline inspect url
    /// --list-rules` lists them.
    pub(crate) tracking_parameters: bool,
    /// Further parameters of that kind; "*" at the end of a name stands for any ending.
    pub(crate) tracking_parameters_extra: Vec<String>,
    /// Drop sessions, in the query and in the path: "/a;jsessionid=1F?sid=2" is "/a".
    pub(crate) session_parameters: bool,
    /// Further parameters of that kind; "*" at the end of a name stands for any ending.
    pub(crate) session_parameters_extra: Vec<String>,
    /// Drop the name of an index file: "/a/index.html" is "/a/".
    pub(crate) index_file: bool,
    /// One slash for several in the path: "/a//b" is "/a/b".
    pub(crate) duplicate_slashes: bool,
    /// Drop "www.": "www.example.com" is "example.com". A site whose bare name does not answer is lost
    /// by it.
    pub(crate) www: bool,
    /// The path in lower case: "/A" is "/a".
    pub(crate) lowercase_path: bool,
}

impl Default for Canonical {
    fn default() -> Self {
        Self {
            fragment: true,
            userinfo: true,
            default_port: true,
            case: true,
            dot_segments: true,
            idn: true,
            percent_encoding: true,
            empty_query: true,
            sorted_query: false,
            tracking_parameters: false,
            tracking_parameters_extra: Vec::new(),
            session_parameters: false,
            session_parameters_extra: Vec::new(),
            index_file: false,
            duplicate_slashes: false,
            www: false,
            lowercase_path: false,
        }
    }
}
