//! The API, called as callers call it.
