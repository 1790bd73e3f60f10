//! What berth answers over HTTP and HTTPS: health, metrics and what it was started with, on a [`listener`]
//! with bounds.
//!
//! `cli` takes the [`addresses`] before anything is started, `runtime` serves [`endpoints`] there. Over HTTPS
//! [`access`] decides who may ask for what.

pub mod access;
pub mod addresses;
pub mod endpoints;
pub mod health;
pub mod listener;
pub mod pages;
pub mod pending;
pub mod resources;
pub mod tls;
pub mod tls_settings;

mod connection;
mod negotiation;
mod peer;

#[cfg(test)]
mod tests;
