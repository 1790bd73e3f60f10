//! The embedded API server. So far: [`objects`], what it makes of the objects it is sent.

pub mod objects;
