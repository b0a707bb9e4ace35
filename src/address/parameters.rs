//! Names of parameters that say where a visitor came from, or which visit this is, and never which
//! page. Names only: where parameters stand is known by `query` and `path`.

use std::{fmt, str::FromStr};

/// Parameters that follow a visitor from an advertisement, a mail or a social network, by who adds
/// them. `*` stands for any ending; case does not matter.
///
/// Each belongs to a known product, which adds it to links that others write. Words that sites use
/// for content too (`ref`, `source`, `campaign`, `cid`) are not in the list.
pub const TRACKING_PARAMETERS: [(&str, &[&str]); 28] = [
    ("Google Analytics and everybody since", &["utm_*", "_ga", "_gl"]),
    (
        "Google Ads and Shopping",
        &["gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid", "srsltid"],
    ),
    ("Facebook, Instagram", &["fbclid", "fb_action_ids", "fb_action_types", "fb_ref", "fb_source", "igshid", "igsh"]),
    ("Microsoft Advertising", &["msclkid"]),
    ("X, TikTok, LinkedIn", &["twclid", "ttclid", "li_fat_id"]),
    ("Reddit, Pinterest, Snapchat", &["rdt_cid", "epik", "sccid"]),
    ("Mailchimp", &["mc_cid", "mc_eid", "mc_tc"]),
    ("Yandex", &["yclid", "ysclid", "ymclid", "_openstat"]),
    ("HubSpot", &["_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsctatracking", "hsa_*"]),
    ("Matomo", &["mtm_*", "matomo_*", "piwik_*"]),
    ("Piwik", &["pk_campaign", "pk_cid", "pk_content", "pk_keyword", "pk_kwd", "pk_medium", "pk_source"]),
    ("Adobe, Marketo", &["s_kwcid", "ef_id", "mkt_tok"]),
    ("Klaviyo", &["_kx", "_ke"]),
    ("Vero", &["vero_conv", "vero_id"]),
    ("Omeda", &["oly_anon_id", "oly_enc_id"]),
    ("Oracle Eloqua", &["elqtrackid", "elqtrack", "elqaid", "elqat"]),
    ("Branch", &["_branch_match_id", "_branch_referrer"]),
    ("MailerLite", &["ml_subscriber", "ml_subscriber_hash"]),
    ("Blueshift", &["bsft_*"]),
    ("Dotdigital", &["dm_i"]),
    ("Listrak", &["trk_contact", "trk_msg", "trk_module", "trk_sid"]),
    ("Impact, Commission Junction", &["irclickid", "irgwc", "cjevent"]),
    ("Awin, Rakuten Advertising", &["zanpid", "rb_clickid"]),
    ("Wicked Reports", &["wickedid"]),
    ("Webtrekk", &["wt_mc", "wtrid"]),
    ("AT Internet", &["xtor", "at_campaign", "at_medium"]),
    ("Yahoo", &["guccounter", "guce_referrer", "guce_referrer_sig"]),
    ("Alibaba", &["spm"]),
];

/// Parameters that name a visitor's session, by what adds them. `*` stands for any ending; case does
/// not matter.
pub const SESSION_PARAMETERS: [(&str, &[&str]); 8] = [
    ("Java servlets", &["jsessionid", "jservsessionid*", "jwsessionid"]),
    ("PHP", &["phpsessid", "phpsessionid", "sessid"]),
    ("phpBB and many others", &["sid", "sessionid", "session_id", "session-id", "sess_id"]),
    ("ASP and ASP.NET", &["aspsessionid*", "asp.net_sessionid"]),
    ("ColdFusion", &["cfid", "cftoken", "cfsessionid"]),
    ("osCommerce and its descendants", &["oscsid", "zenid", "xtcsid"]),
    ("CodeIgniter", &["ci_session"]),
    ("Magento", &["___sid"]),
];

/// Longest name of a parameter in the configuration, bytes.
const MAX_NAME_BYTES: usize = 100;

/// A parameter's name, or the beginning of one (`utm_*`), in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parameter {
    name: Box<str>,
    is_prefix: bool,
}

/// A text that can't be a parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a parameter as it stands in URLs (\"partner_id\"), or the beginning of one and \"*\"")]
pub struct InvalidParameter;

impl FromStr for Parameter {
    type Err = InvalidParameter;

    fn from_str(text: &str) -> Result<Self, InvalidParameter> {
        let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |name| (name, true));
        let usable = |b: u8| b.is_ascii_graphic() && !matches!(b, b'&' | b'=' | b'#' | b'?' | b'/' | b';' | b'*');
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(usable) {
            return Err(InvalidParameter);
        }
        Ok(Self { name: name.to_ascii_lowercase().into(), is_prefix })
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.is_prefix { "*" } else { "" })
    }
}

/// A set of names, to be asked for each parameter of each URL: one search among sorted names.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Sorted. None continues a prefix.
    whole: Vec<Box<str>>,
    /// Sorted. None continues another, so that only the nearest from below can match.
    prefixes: Vec<Box<str>>,
}

impl Names {
    pub(super) fn new(listed: &[(&str, &[&str])], extra: &[Parameter]) -> Self {
        let listed = listed.iter().flat_map(|(_, names)| *names);
        let listed = listed.map(|text| text.parse().expect("the lists hold names"));
        let mut all: Vec<Parameter> = listed.chain(extra.iter().cloned()).collect();
        all.sort();
        let mut names = Self::default();
        for Parameter { name, is_prefix } in all {
            match is_prefix {
                true if names.prefixes.last().is_none_or(|prefix| !name.starts_with(&**prefix)) => {
                    names.prefixes.push(name);
                }
                true => {}
                false => names.whole.push(name),
            }
        }
        names
    }

    /// Whether a parameter of this name, in any case, is in the set.
    pub(super) fn contains(&self, name: &str) -> bool {
        let lower = || name.bytes().map(|b| b.to_ascii_lowercase());
        let is_whole = self.whole.binary_search_by(|known| known.bytes().cmp(lower())).is_ok();
        let n_not_above = self.prefixes.partition_point(|prefix| prefix.bytes().le(lower()));
        let nearest = n_not_above.checked_sub(1).map(|at| self.prefixes[at].as_bytes());
        let begins =
            |prefix: &[u8]| name.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        is_whole || nearest.is_some_and(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        let extra: Vec<Parameter> =
            ["Partner", "mtm_x*", "a*", "ab*"].iter().map(|text| text.parse().expect("a name")).collect();
        let names = Names::new(&TRACKING_PARAMETERS, &extra);
        for yes in
            ["utm_source", "UTM_Source", "utm_", "gclid", "GCLID", "partner", "mtm_x", "mtm_y", "abc", "a", "_ga"]
        {
            assert!(names.contains(yes), "{yes}");
        }
        for no in ["", "utm", "gclidx", "gcli", "xutm_source", "source", "partner2", "é", "utm-source"] {
            assert!(!names.contains(no), "{no}");
        }
        assert!(!Names::default().contains(""));
    }

    #[test]
    fn what_may_be_listed() {
        for good in ["a", "utm_*", "asp.net_x", "x[y]", "%C3"] {
            assert_eq!(good.parse::<Parameter>().expect("a name").to_string(), good.to_ascii_lowercase());
        }
        for bad in ["", "*", "a b", "a=b", "a&b", "a*b", "é", &"x".repeat(101)] {
            assert_eq!(bad.parse::<Parameter>(), Err(InvalidParameter), "{bad}");
        }
    }
}
