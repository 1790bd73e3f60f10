//! The authorities that the cluster has for clients and proxies, which it says in a ConfigMap. They are taken
//! over when they change.
//!
//! Upstream: dynamiccertificates and the dynamic request header controller in k8s.io/apiserver, v1.37.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use tokio::time::timeout;
use tracing::{info, warn};

use super::AccessError;
use super::authorities::Authorities;
use super::request_header::{HeaderNames, RequestHeader};
use super::review::said;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";
/// How long the first look may take.
const FIRST_LOOK_MAX: Duration = Duration::from_secs(10);

/// What the ConfigMap is to fill; `None` where a flag has filled it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) clients: Option<Arc<Authorities>>,
    pub(super) proxies: Option<Arc<RequestHeader>>,
}

impl Found {
    pub(super) fn new(clients: bool, proxies: bool) -> Self {
        Self {
            clients: clients.then(|| Arc::new(Authorities::none())),
            proxies: proxies
                .then(|| RequestHeader::new(Authorities::none(), HeaderNames::default())),
        }
    }

    /// Takes what the ConfigMap says.
    fn take(&self, data: &BTreeMap<String, String>) -> Result<(), String> {
        let text = |key: &str| data.get(key).map_or("", String::as_str);
        let of_key = |key: &str, done: Result<(), String>| {
            done.map_err(|error| format!("configmap {NAMESPACE}/{NAME}: {key}: {error}"))
        };
        if let Some(clients) = &self.clients {
            let key = "client-ca-file";
            of_key(key, clients.replace(text(key)))?;
        }
        if let Some(proxies) = &self.proxies {
            let list = |key: &str| {
                let text = Some(text(key)).filter(|text| !text.is_empty()).unwrap_or("[]");
                serde_json::from_str::<Vec<String>>(text)
                    .map_err(|error| format!("configmap {NAMESPACE}/{NAME}: {key}: {error}"))
            };
            let names = HeaderNames {
                allowed: list("requestheader-allowed-names")?,
                user: list("requestheader-username-headers")?,
                uid: list("requestheader-uid-headers")?,
                groups: list("requestheader-group-headers")?,
                extra_prefixes: list("requestheader-extra-headers-prefix")?,
            };
            let key = "requestheader-client-ca-file";
            of_key(key, proxies.authorities.replace(text(key)))?;
            proxies.replace_names(names);
        }
        Ok(())
    }
}

/// Looks for the first time. A failure is only said where that is `tolerated`.
pub(super) async fn first(
    client: &Client,
    found: &Found,
    tolerated: bool,
) -> Result<(), AccessError> {
    let map: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let looked = match timeout(FIRST_LOOK_MAX, map.get(NAME)).await {
        Ok(Ok(map)) => found.take(&map.data.unwrap_or_default()),
        Ok(Err(error)) => Err(format!("configmap {NAMESPACE}/{NAME}: {}", said(&error))),
        Err(_) => Err(format!("configmap {NAMESPACE}/{NAME}: no answer in {FIRST_LOOK_MAX:?}")),
    };
    match looked {
        Err(reason) if tolerated => {
            warn!("clients with certificates are unknown for now: {reason}");
            Ok(())
        }
        looked => looked.map_err(AccessError::Lookup),
    }
}

/// Takes over every change, for ever.
pub(super) async fn follow(client: Client, found: Found) {
    let map: Api<ConfigMap> = Api::namespaced(client, NAMESPACE);
    let wanted = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    let mut changes = pin!(watcher(map, wanted).default_backoff().applied_objects());
    let mut last = None;
    while let Some(change) = changes.next().await {
        let Ok(map) = change else { continue };
        let data = map.data.unwrap_or_default();
        if last.as_ref() == Some(&data) {
            continue;
        }
        match found.take(&data) {
            Ok(()) => info!("the authorities in configmap {NAMESPACE}/{NAME} are used"),
            Err(reason) => warn!("the authorities stay those of before: {reason}"),
        }
        last = Some(data);
    }
}
