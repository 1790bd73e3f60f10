//! HTTP in front of the verbs: paths, queries, bodies, media types, streams.

pub mod accept;
mod bodies;
mod list_body;
mod params;
pub mod respond;
mod route;
mod shape;
mod target;
mod watch_body;

pub use accept::{Form, negotiate};
pub use params::{FieldValidation, Params, dry_run};
pub use route::{Front, router};
pub use target::Target;

/// Bytes of a request's body at most. Upstream: MaxRequestBodyBytes.
pub const BODY_BYTES_MAX: usize = 3 << 20;
/// About how much is written at once of a list or a watch.
const CHUNK_BYTES: usize = 64 << 10;
