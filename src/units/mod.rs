//! Leaf types with a unit or an identity: [`Quantity`], [`Resources`], ids, time, maps of fixed order.
//! Used by every other folder; uses none.

mod canonical;
mod collections;
mod ids;
mod quantity;
mod resources;
mod seed;
mod time;
mod uuid;

pub use canonical::Canonical;
pub use collections::{IndexVec, Map, Set};
pub use ids::{Id, NodeId, PodId, Symbol};
pub use quantity::{Quantity, QuantityError};
pub use resources::{Resources, is_extended_resource, is_scalar_resource};
pub use seed::{hash_bytes, mix};
pub use time::Nanos;
pub use uuid::uuid_v4;
