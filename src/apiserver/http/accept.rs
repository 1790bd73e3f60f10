//! What a client wants to read, by its `Accept`.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

use crate::apiserver::failure::Failure;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The objects themselves.
    Plain,
    /// Their metadata alone.
    Partial,
    /// A table for people.
    Table,
    /// Discovery of all groups at once.
    Discovery,
}

/// Reads `Accept`. The first part that can be met counts. Upstream: NegotiateMediaTypeOptions.
pub fn negotiate(headers: &HeaderMap) -> Result<Form, Failure> {
    let mut asked = false;
    for header in headers.get_all(ACCEPT) {
        let Ok(header) = header.to_str() else { continue };
        for clause in header.split(',').filter(|clause| !clause.trim().is_empty()) {
            asked = true;
            if let Some(form) = clause_form(clause) {
                return Ok(form);
            }
        }
    }
    if asked { Err(Failure::not_acceptable()) } else { Ok(Form::Plain) }
}

fn clause_form(clause: &str) -> Option<Form> {
    let mut parts = clause.split(';').map(str::trim);
    let media_type = parts.next()?;
    if !matches!(media_type, "application/json" | "application/*" | "*/*") {
        return None;
    }
    let (mut kind, mut group, mut version) = ("", "", "");
    for part in parts {
        match part.split_once('=') {
            Some(("as", value)) => kind = value,
            Some(("g", value)) => group = value,
            Some(("v", value)) => version = value,
            // Streams are the same but for their name.
            _ => {}
        }
    }
    match (kind, group, version) {
        ("", ..) => Some(Form::Plain),
        ("Table", "meta.k8s.io", "v1") => Some(Form::Table),
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => {
            Some(Form::Partial)
        }
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Some(Form::Discovery),
        _ => None,
    }
}

/// The media type of a body, without parameters; JSON where none is named.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> &str {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = header.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if media_type.is_empty() { "application/json" } else { media_type }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: &str) -> Result<Form, u16> {
        let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
        negotiate(&headers).map_err(|failure| failure.code)
    }

    #[test]
    fn the_first_clause_that_can_be_met_counts() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(form(table), Ok(Form::Table));
        let protobuf_first = "application/vnd.kubernetes.protobuf,application/json";
        assert_eq!(form(protobuf_first), Ok(Form::Plain));
        assert_eq!(form("application/vnd.kubernetes.protobuf, */*"), Ok(Form::Plain));
        assert_eq!(form("application/vnd.kubernetes.protobuf"), Err(406));
        let beta = "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(form(beta), Ok(Form::Plain));
        assert_eq!(negotiate(&HeaderMap::new()), Ok(Form::Plain));
    }
}
