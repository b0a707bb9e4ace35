//! The integration tests: the built binary and the library, from the outside.

mod cli;
