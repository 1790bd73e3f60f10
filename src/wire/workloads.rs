//! What selects pods: services, the controllers of replicas, disruption budgets.

use std::collections::BTreeMap;

use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use crate::model::{self, Labels};

use super::error::FieldError;
use super::json::{or_default, string_map};
use super::kept::{kept_kind, namespace};
use super::metadata;
use super::selector::LabelSelector;

/// Makes a kind whose spec has a selector, a map of labels or more.
macro_rules! selecting {
    ($type:ident, $spec:ty, $group:literal) => {
        #[doc = concat!("`", stringify!($type), "`, trimmed.")]
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default, expecting = "an object")]
        pub struct $type {
            #[serde(deserialize_with = "metadata::trimmed")]
            metadata: ObjectMeta,
            #[serde(deserialize_with = "or_default")]
            spec: $spec,
        }

        kept_kind!($type, $group, "v1", NamespaceResourceScope);

        impl $type {
            fn convert(&self) -> Result<model::$type, FieldError> {
                Ok(model::$type {
                    namespace: namespace(&self.metadata),
                    name: metadata::name(&self.metadata)?.into(),
                    selector: self.spec.selector(),
                })
            }
        }
    };
}

selecting!(Service, ByLabels, "");
selecting!(ReplicationController, ByLabelsOrTemplate, "");
selecting!(ReplicaSet, BySelector, "apps");
selecting!(StatefulSet, BySelector, "apps");

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct ByLabels {
    #[serde(deserialize_with = "string_map")]
    selector: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct ByLabelsOrTemplate {
    #[serde(deserialize_with = "string_map")]
    selector: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "or_default")]
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Template {
    #[serde(deserialize_with = "or_default")]
    metadata: TemplateMetadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct TemplateMetadata {
    #[serde(deserialize_with = "string_map")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct BySelector {
    selector: Option<LabelSelector>,
}

impl ByLabels {
    fn selector(&self) -> Labels {
        labels(self.selector.as_ref())
    }
}

impl ByLabelsOrTemplate {
    /// The API server writes the labels of the template into an empty selector; a file may leave it so.
    ///
    /// Upstream: SetDefaults_ReplicationController, v1.37.
    fn selector(&self) -> Labels {
        let own = self.selector.as_ref().filter(|own| !own.is_empty());
        labels(own.or(self.template.metadata.labels.as_ref()))
    }
}

fn labels(map: Option<&BTreeMap<String, String>>) -> Labels {
    let labels = map.into_iter().flatten();
    labels.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

impl BySelector {
    fn selector(&self) -> Option<model::LabelSelector> {
        self.selector.as_ref()?.to_model()
    }
}

/// `PodDisruptionBudget`, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct PodDisruptionBudget {
    #[serde(deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    spec: BySelector,
    #[serde(deserialize_with = "or_default")]
    status: BudgetStatus,
}

kept_kind!(PodDisruptionBudget, "policy", "v1", NamespaceResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct BudgetStatus {
    disruptions_allowed: Option<i32>,
    disrupted_pods: Option<BTreeMap<Box<str>, Option<Box<str>>>>,
}

impl PodDisruptionBudget {
    fn convert(&self) -> Result<model::PodDisruptionBudget, FieldError> {
        Ok(model::PodDisruptionBudget {
            namespace: namespace(&self.metadata),
            name: metadata::name(&self.metadata)?.into(),
            selector: self.spec.selector(),
            disruptions_allowed: self.status.disruptions_allowed.unwrap_or_default(),
            disrupted_pods: self
                .status
                .disrupted_pods
                .iter()
                .flat_map(BTreeMap::keys)
                .cloned()
                .collect(),
        })
    }
}
