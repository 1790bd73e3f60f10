//! The embedded API server: an in-memory Kubernetes API, real enough for kubectl and for schedulers.

pub mod print;
