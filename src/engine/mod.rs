//! The engine (contract to be written).
pub mod event;
pub mod stats;
