//! What berth answers over HTTP and HTTPS, and the listener beneath it.

pub mod listener;
pub mod tls;

mod connection;

#[cfg(test)]
mod tests;
