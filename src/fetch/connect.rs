//! Resolving and connecting: where the guard stands.
