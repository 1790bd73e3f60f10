//! Measurements of berth, made by itself. Called by `cli`.

pub mod engine;
