//! Rules on the query: [`SortedQuery`](super::Rule::SortedQuery) and the removal of parameters.
//!
//! A parameter is what stands between two `&`, and its name ends at its first `=`, as the URL
//! standard's `application/x-www-form-urlencoded` parser has it. Nothing is decoded and nothing is
//! written anew: what stays is byte for byte what it was. The removal keeps everything in order.

use super::parameters::Names;

/// Sorted by name, stable; `None` when it is sorted already. Repeated, empty and nameless parameters
/// (`a&&b`) are kept.
pub(super) fn sorted(query: &str) -> Option<String> {
    let parameters = || query.split('&');
    if parameters().map(name).is_sorted() {
        return None;
    }
    let mut sorted: Vec<&str> = parameters().collect();
    sorted.sort_by_key(|parameter| name(parameter));
    Some(sorted.join("&"))
}

/// Without the parameters of these names; `None` when it has none of them. When nothing is left the
/// text is empty.
pub(super) fn without(query: &str, names: &Names) -> Option<String> {
    let is_named = |parameter: &&str| names.contains(name(parameter));
    if !query.split('&').any(|parameter| is_named(&parameter)) {
        return None;
    }
    let kept: Vec<&str> = query.split('&').filter(|parameter| !is_named(parameter)).collect();
    Some(kept.join("&"))
}

fn name(parameter: &str) -> &str {
    parameter.split_once('=').map_or(parameter, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::{
        super::parameters::{SESSION_PARAMETERS, TRACKING_PARAMETERS},
        *,
    };

    #[test]
    fn sorting_is_stable() {
        let check = |query: &str, expected: &str| {
            assert_eq!(sorted(query).as_deref().unwrap_or(query), expected);
            assert_eq!(sorted(expected), None);
        };
        check("", "");
        check("b=1&a=2", "a=2&b=1");
        check("a=2&a=1", "a=2&a=1");
        check("b&a=&a", "a=&a&b");
        check("b=%20&a=+", "a=+&b=%20");
        check("b&&a", "&a&b");
        check("a=1&a-b=2&A=3", "A=3&a=1&a-b=2");
        check("x=b=c&x=a=c", "x=b=c&x=a=c");
    }

    #[test]
    fn removal_leaves_the_rest_alone() {
        let names = Names::new(&TRACKING_PARAMETERS, &[]);
        let check = |query: &str, expected: Option<&str>| assert_eq!(without(query, &names).as_deref(), expected);
        check("id=7&utm_source=x", Some("id=7"));
        check("UTM_medium=&z=1&&a=%7e&fbclid&b", Some("z=1&&a=%7e&b"));
        check("utm_source=x", Some(""));
        check("a=utm_source&xutm_source=1", None);
        check("", None);
        let names = Names::new(&SESSION_PARAMETERS, &[]);
        assert_eq!(without("PHPSESSID=1&a=1&ASPSESSIONIDABCDEFGH=2&sid=", &names).as_deref(), Some("a=1"));
    }
}
