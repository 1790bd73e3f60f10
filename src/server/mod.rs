//! What berth answers over HTTP and HTTPS: health and metrics, on a [`listener`] with bounds.
//!
//! `cli` takes the [`addresses`] before anything is started, `runtime` serves [`endpoints`] there.

pub mod addresses;
pub mod endpoints;
pub mod health;
pub mod listener;
pub mod tls;

mod connection;

#[cfg(test)]
mod tests;
