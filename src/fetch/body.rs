//! Reading a body under its bounds.
