//! Scope as a whole: laws that hold for all URLs, and lists of what real sites have.
