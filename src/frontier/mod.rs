//! (contract to be written)
