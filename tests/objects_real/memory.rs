//! The objects that the module has taken, as the embedded server would keep them: [`Memory`].

use std::collections::BTreeMap;
use std::sync::Arc;

use berth::apiserver::objects::{self, Lookup, Refusal};
use serde_json::{Value, json};

/// When everything happens.
pub(crate) const NOW: &str = "2026-11-23T05:00:00Z";

/// Objects by resource, namespace and name.
#[derive(Default)]
pub(crate) struct Memory {
    objects: BTreeMap<(String, String, String), Arc<Value>>,
    made: usize,
}

impl Memory {
    /// Creates an object as the request handler would; returns it as it is stored, and the warnings.
    pub(crate) fn create(
        &mut self,
        resource: &str,
        namespace: &str,
        object: &Value,
    ) -> Result<(Value, Vec<String>), Refusal> {
        let mut object = object.clone();
        self.made += 1;
        let meta = &mut object["metadata"];
        meta["uid"] = json!(format!("00000000-0000-0000-0000-{:012}", self.made));
        meta["creationTimestamp"] = json!(NOW);
        if !namespace.is_empty() {
            meta["namespace"] = json!(namespace);
        }
        let warnings = objects::on_create(resource, &mut object, NOW, self)?;
        self.put(resource, &object);
        Ok((object, warnings))
    }

    /// Puts `new` in the place of the object of its name.
    pub(crate) fn update(
        &mut self,
        resource: &str,
        subresource: Option<&str>,
        new: &Value,
    ) -> Result<Value, Refusal> {
        let meta = &new["metadata"];
        let part = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
        let old = self.get(resource, &part("namespace"), &part("name")).expect("it is there");
        let mut new = new.clone();
        objects::on_update(resource, subresource, &old, &mut new, NOW, self)?;
        self.put(resource, &new);
        Ok(new)
    }

    /// Binds a pod.
    pub(crate) fn bind(&mut self, pod: &str, binding: &Value) -> Result<Value, Refusal> {
        let old = self.get("pods", "default", pod).expect("it is there");
        let bound = objects::on_bind((*old).clone(), binding, NOW, self)?;
        self.put("pods", &bound);
        Ok(bound)
    }

    /// Keeps an object as it is.
    pub(crate) fn put(&mut self, resource: &str, object: &Value) {
        let meta = &object["metadata"];
        let part = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
        let key = (resource.to_owned(), part("namespace"), part("name"));
        self.objects.insert(key, Arc::new(object.clone()));
    }
}

impl Lookup for Memory {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        self.objects.get(&key).cloned()
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let wanted = |key: &(String, String, String)| {
            key.0 == resource && namespace.is_none_or(|namespace| key.1 == namespace)
        };
        let all = self.objects.iter().filter(|(key, _)| wanted(key));
        all.map(|(_, object)| object.clone()).collect()
    }
}
