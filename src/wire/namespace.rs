//! [`Namespace`]: its name and its labels.

use kube::core::{ClusterResourceScope, ObjectMeta};
use serde::Deserialize;

use crate::model;

use super::error::ObjectError;
use super::metadata::{self, core_kind};

/// The label that every namespace has: its own name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A namespace, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Namespace {
    #[serde(default, deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
}

core_kind!(Namespace, "Namespace", "namespaces", ClusterResourceScope);

impl Namespace {
    /// Converts it, with the API server's default: its name as a label.
    ///
    /// Upstream: `SetDefaults_Namespace`, v1.37.
    pub fn to_model(&self) -> Result<model::Namespace, ObjectError> {
        let name = metadata::name(&self.metadata).map_err(|error| error.of("Namespace", ""))?;
        let labels = self.metadata.labels.iter().flatten();
        let labels = labels.map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(model::Namespace {
            name: name.into(),
            labels: labels.chain([(NAME_LABEL, name)]).collect(),
        })
    }
}
