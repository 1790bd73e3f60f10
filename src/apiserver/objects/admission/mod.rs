//! Admission: what upstream's default plugins do to objects before they are stored.

pub(super) mod limit_ranger;
pub(super) mod priority;
pub(super) mod runtime_class;
pub(super) mod storage;
pub(super) mod tolerations;
pub(super) mod topology_labels;
