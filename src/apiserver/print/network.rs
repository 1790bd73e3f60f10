//! Services and what stands behind them.
//!
//! Upstream: printService, printEndpoints, printEndpointSlice, v1.37.

use std::collections::BTreeSet;

use serde_json::Value;

use super::column::{AGE, Column, NAME};
use super::fields::{at, joined, list, number, text};
use super::selector::labels;

/// How many addresses or ports a cell names before it only counts.
const NAMED_MAX: usize = 3;

/// The columns of services.
pub(super) const SERVICES: &[Column] = &[
    NAME,
    Column::field("Type", "spec.type"),
    Column::read("Cluster-IP", |service| {
        list(service, "spec.clusterIPs").first().cloned().unwrap_or_else(|| "<none>".into())
    }),
    Column::read("External-IP", |service| external_ip(service).into()),
    Column::read("Port(s)", |service| ports(service).into()),
    AGE,
    Column::read("Selector", |service| labels(at(service, "spec.selector")).into()).wide(),
];

/// The columns of endpoints.
pub(super) const ENDPOINTS: &[Column] =
    &[NAME, Column::read("Endpoints", |endpoints| addresses(endpoints).into()), AGE];

/// The columns of endpoint slices.
pub(super) const ENDPOINT_SLICES: &[Column] = &[
    NAME,
    Column::field("AddressType", "addressType"),
    Column::read("Ports", |slice| {
        unset_if_empty(first_few(list(slice, "ports").iter().map(slice_port))).into()
    }),
    Column::read("Endpoints", |slice| {
        let endpoints = list(slice, "endpoints").iter();
        let addresses = endpoints.flat_map(|endpoint| list(endpoint, "addresses"));
        let texts = addresses.map(|address| address.as_str().unwrap_or_default().to_owned());
        unset_if_empty(first_few(texts)).into()
    }),
    AGE,
];

fn external_ip(service: &Value) -> String {
    let texts = list(service, "spec.externalIPs").iter().filter_map(Value::as_str);
    match text(service, "spec.type") {
        "ClusterIP" | "NodePort" => joined(texts, "<none>"),
        "LoadBalancer" => {
            let balancers = list(service, "status.loadBalancer.ingress").iter();
            let balancers = balancers.map(|ingress| match text(ingress, "ip") {
                "" => text(ingress, "hostname"),
                ip => ip,
            });
            // Each once, in the order of the alphabet.
            let balancers: BTreeSet<_> = balancers.filter(|text| !text.is_empty()).collect();
            joined(balancers.into_iter().chain(texts), "<pending>")
        }
        "ExternalName" => text(service, "spec.externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// `80/TCP,443:30443/TCP`.
fn ports(service: &Value) -> String {
    let shown = list(service, "spec.ports").iter().map(|port| {
        let protocol = text(port, "protocol");
        match (number(port, "port"), number(port, "nodePort")) {
            (number, ..=0) => format!("{number}/{protocol}"),
            (number, on_node) => format!("{number}:{on_node}/{protocol}"),
        }
    });
    let shown: Vec<_> = shown.collect();
    joined(shown.iter().map(String::as_str), "<none>")
}

/// `10.0.0.1:80,10.0.0.2:80`; only addresses where a subset has no ports.
fn addresses(endpoints: &Value) -> String {
    let subsets = list(endpoints, "subsets");
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    first_few(subsets.iter().flat_map(|subset| {
        let ips = || list(subset, "addresses").iter().map(|address| text(address, "ip"));
        match list(subset, "ports") {
            [] => ips().map(str::to_owned).collect::<Vec<_>>(),
            ports => ports.iter().flat_map(|port| ips().map(|ip| host_port(ip, port))).collect(),
        }
    }))
}

fn host_port(ip: &str, port: &Value) -> String {
    let port = number(port, "port");
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

/// A port's number or, for want of one, its name; `*` stands for all ports.
fn slice_port(port: &Value) -> String {
    match (&port["port"], &port["name"]) {
        (Value::Number(number), _) => number.to_string(),
        (_, Value::String(name)) => name.clone(),
        _ => "*".to_owned(),
    }
}

/// The first three texts, and how many more there are: `a,b,c + 2 more...`.
fn first_few(mut texts: impl Iterator<Item = String>) -> String {
    let named: Vec<_> = texts.by_ref().take(NAMED_MAX).collect();
    match texts.count() {
        0 => named.join(","),
        more => format!("{} + {more} more...", named.join(",")),
    }
}

fn unset_if_empty(text: String) -> String {
    if text.is_empty() { "<unset>".to_owned() } else { text }
}
