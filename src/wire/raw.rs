//! [`WithRaw`]: an object together with its JSON, for those who pass it on as it is. `client` reads nodes and
//! pods so while extenders are configured.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kube::Resource;
use kube::core::ObjectMeta;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::object::object;

/// An object and its JSON, without `metadata.managedFields`, which nobody asks for and which are long.
#[derive(Clone, Debug)]
pub struct WithRaw<K> {
    /// The object.
    pub object: K,
    /// Its JSON.
    pub raw: Box<RawValue>,
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for WithRaw<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let object = serde_json::from_str(raw.get()).or_else(|error| {
            // Once more, to name the field.
            let value = serde_json::from_str(raw.get()).map_err(|_| D::Error::custom(error))?;
            object(&value).map_err(|error| D::Error::custom(error.of("", "")))
        })?;
        Ok(Self { object, raw: without_managed_fields(raw) })
    }
}

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The same object without them.
fn without_managed_fields(raw: Box<RawValue>) -> Box<RawValue> {
    trimmed(&raw).unwrap_or(raw)
}

fn trimmed(raw: &RawValue) -> Option<Box<RawValue>> {
    let mut fields: Fields<'_> = serde_json::from_str(raw.get()).ok()?;
    let mut metadata: Fields<'_> = serde_json::from_str(fields.get("metadata")?.get()).ok()?;
    metadata.remove("managedFields")?;
    let metadata = serde_json::value::to_raw_value(&metadata).ok()?;
    fields.insert(Cow::Borrowed("metadata"), &metadata);
    serde_json::value::to_raw_value(&fields).ok()
}

impl<K: Resource> Resource for WithRaw<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.object.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.object.meta_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Change, Node, change, page};
    use super::*;

    const NODE: &str = r#"{"metadata":{"managedFields":[{"a":1}],"name":"n"},"extra":{"x": 1}}"#;

    #[test]
    fn what_nobody_here_reads_is_kept_but_for_managed_fields() {
        let list = format!(r#"{{"metadata":{{"resourceVersion":"1"}},"items":[{NODE}]}}"#);
        let page = page::<WithRaw<Node>>(list.as_bytes()).unwrap();
        let [node] = &page.objects[..] else { panic!("{page:?}") };
        assert_eq!(node.raw.get(), r#"{"extra":{"x": 1},"metadata":{"name":"n"}}"#);
        assert_eq!(node.meta().name.as_deref(), Some("n"));
        let line = format!(r#"{{"type":"ADDED","object":{NODE}}}"#);
        let Change::Upsert(node) = change::<WithRaw<Node>>(line.as_bytes()).unwrap() else {
            panic!("no upsert")
        };
        assert_eq!(node.raw.get(), r#"{"extra":{"x": 1},"metadata":{"name":"n"}}"#);
    }

    #[test]
    fn one_that_cannot_be_read_names_its_field_and_spares_the_others() {
        let bad = r#"{"metadata":{"name":"bad"},"spec":{"taints":7}}"#;
        let list = format!(r#"{{"metadata":{{"resourceVersion":"1"}},"items":[{bad},{NODE}]}}"#);
        let page = page::<WithRaw<Node>>(list.as_bytes()).unwrap();
        assert_eq!((page.objects.len(), page.unreadable.len()), (1, 1));
        let text = page.unreadable[0].error.to_string();
        assert!(text.contains("bad") && text.contains("spec.taints"), "{text}");
    }
}
