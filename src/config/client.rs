//! What a client of the daemon takes from the environment: where the daemon is, and the key.
//!
//! Nothing is judged here: whether it is a URL or a key is for whoever uses it.

use std::fmt;

use super::Environment;

/// Where the daemon is.
pub const URL_VARIABLE: &str = "DRAGLINE_URL";
/// The key. There is no flag for it: what stands on a command line can be read by everybody on the machine.
pub const KEY_VARIABLE: &str = "DRAGLINE_KEY";

/// What was found. What is set to nothing is not set.
#[derive(Clone, Default)]
pub struct ClientVariables {
    /// [`URL_VARIABLE`].
    pub url: Option<String>,
    /// [`KEY_VARIABLE`].
    pub key: Option<String>,
}

impl ClientVariables {
    /// Those of `environment`.
    pub fn of(environment: &Environment) -> Self {
        let get = |name| environment.get(name).filter(|value| !value.is_empty());
        Self { url: get(URL_VARIABLE), key: get(KEY_VARIABLE) }
    }
}

impl fmt::Debug for ClientVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientVariables").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_shown_and_nothing_is_no_key() {
        let found = ClientVariables::of(&Environment::given([(KEY_VARIABLE, "sesame"), (URL_VARIABLE, "")]));
        assert_eq!((found.key.as_deref(), found.url.as_deref()), (Some("sesame"), None));
        assert!(!format!("{found:?}").contains("sesame"));
    }
}
