//! What a list or a watch selects: namespace, name, labels, fields.

mod fields;
mod labels;

#[cfg(test)]
mod tests;

use super::failure::Failure;
use super::kinds::Resource;
use super::store::Stored;
use fields::{FieldTest, Place};
pub use labels::LabelSelector;

/// See the module. The default selects everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    namespace: Option<Box<str>>,
    labels: LabelSelector,
    fields: Vec<FieldTest>,
}

impl Selection {
    /// Reads the selectors of a request on `resource`.
    pub fn parse(
        resource: &Resource,
        namespace: Option<&str>,
        labels: &str,
        fields: &str,
    ) -> Result<Self, Failure> {
        let labels = LabelSelector::parse(labels).map_err(Failure::bad_request)?;
        let fields = fields::parse(resource, fields).map_err(Failure::bad_request)?;
        Ok(Self { namespace: namespace.map(Into::into), labels, fields })
    }

    /// Everything in a namespace.
    #[must_use]
    pub fn of_namespace(namespace: &str) -> Self {
        Self { namespace: Some(namespace.into()), ..Self::default() }
    }

    /// The same, and only the object of this name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        let test = FieldTest { place: Place::Name, equal: true, value: name.into() };
        self.fields.push(test);
        self
    }

    /// Whether it selects `object`.
    #[must_use]
    pub fn matches(&self, object: &Stored) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| object.namespace() == &**namespace)
            && self.fields.iter().all(|test| test.matches(object))
            && self.labels.matches(object)
    }

    /// What the keys of all selected objects begin with.
    #[must_use]
    pub fn key_prefix(&self) -> String {
        match &self.namespace {
            None => String::new(),
            Some(namespace) => format!("{namespace}/"),
        }
    }

    /// Whether more than the namespace selects.
    #[must_use]
    pub fn selects_on_content(&self) -> bool {
        !self.fields.is_empty() || !self.labels.is_empty()
    }

    /// The one name that it selects, if it selects on the name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let by_name = |test: &&FieldTest| test.place == Place::Name && test.equal;
        self.fields.iter().find(by_name).map(|test| &*test.value)
    }
}
