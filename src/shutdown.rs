//! Stop, drain, persist, exit.
