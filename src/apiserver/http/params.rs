//! The query of a request: [`Params`]. Upstream: ListOptions, CreateOptions, PatchOptions, DeleteOptions.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::Query;
use http::{Method, Uri};

use crate::apiserver::failure::Failure;

/// What happens to fields that a kind does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped, and the client is warned.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// The kind of the parameters of requests that only read.
const LIST: &str = "ListOptions";

/// See the module.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of its own")]
pub struct Params {
    /// Which labels to select.
    pub label_selector: String,
    /// Which fields to select.
    pub field_selector: String,
    /// Objects a page; 0 is no limit.
    pub limit: usize,
    /// Where to go on.
    pub continue_token: String,
    /// Watch rather than list.
    pub watch: bool,
    /// How long to watch.
    pub timeout: Option<Duration>,
    /// The version to read at or to watch from.
    pub resource_version: String,
    /// How exactly that is meant.
    pub resource_version_match: String,
    /// Whether bookmarks are wanted.
    pub bookmarks: bool,
    /// Whether a watch begins with what there is.
    pub send_initial_events: Option<bool>,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// Who writes.
    pub field_manager: String,
    /// What happens to unknown fields.
    pub field_validation: FieldValidation,
    /// Whether to apply over the fields of others.
    pub force: bool,
    /// Seconds until a pod is gone.
    pub grace_period_seconds: Option<i64>,
    /// What happens to dependents.
    pub propagation_policy: String,
    /// How much of the objects goes into a table.
    pub include_object: String,
}

impl Params {
    /// Reads the query of a request.
    pub fn parse(method: &Method, uri: &Uri) -> Result<Self, Failure> {
        let mut params = Self::default();
        if uri.query().is_none_or(str::is_empty) {
            return Ok(params);
        }
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Failure::bad_request(error.to_string()))?;
        let options = options_of(method);
        let of_dry_run = pairs.iter().filter(|(key, _)| key == "dryRun");
        let values: Vec<_> = of_dry_run.map(|(_, value)| value.as_str()).collect();
        // Reading is never dry.
        params.dry_run = options != LIST && dry_run(options, &values)?;
        let mut seen = BTreeSet::new();
        for (key, value) in pairs {
            // Of a parameter that is given twice upstream takes the first.
            if seen.insert(key.clone()) {
                params.take(options, &key, value)?;
            }
        }
        Ok(params)
    }

    fn take(&mut self, options: &str, key: &str, value: String) -> Result<(), Failure> {
        match key {
            "labelSelector" => self.label_selector = value,
            "fieldSelector" => self.field_selector = value,
            "limit" => self.limit = usize::try_from(integer(&value)?.max(0)).unwrap_or(0),
            "continue" => self.continue_token = value,
            "watch" => self.watch = truth(&value),
            "timeoutSeconds" => {
                let seconds = u64::try_from(integer(&value)?).unwrap_or(0);
                self.timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            "resourceVersion" => self.resource_version = value,
            "resourceVersionMatch" => self.resource_version_match = value,
            "allowWatchBookmarks" => self.bookmarks = truth(&value),
            "sendInitialEvents" => self.send_initial_events = Some(truth(&value)),
            "fieldManager" => self.field_manager = value,
            "fieldValidation" => self.field_validation = field_validation(options, &value)?,
            "force" => self.force = truth(&value),
            "gracePeriodSeconds" => self.grace_period_seconds = Some(integer(&value)?),
            "propagationPolicy" => self.propagation_policy = value,
            "orphanDependents" => {
                let policy = if truth(&value) { "Orphan" } else { "Background" };
                policy.clone_into(&mut self.propagation_policy);
            }
            "includeObject" => self.include_object = value,
            // `pretty` and what newer clients may ask for.
            _ => {}
        }
        Ok(())
    }
}

/// Upstream: `Convert_Slice_string_To_bool`: everything but these is true.
fn truth(value: &str) -> bool {
    !matches!(value, "false" | "0" | "False" | "FALSE" | "f" | "F")
}

/// The kind of the parameters of such a request.
fn options_of(method: &Method) -> &'static str {
    match *method {
        Method::POST => "CreateOptions",
        Method::PUT => "UpdateOptions",
        Method::PATCH => "PatchOptions",
        Method::DELETE => "DeleteOptions",
        _ => LIST,
    }
}

fn integer(value: &str) -> Result<i64, Failure> {
    if value.is_empty() {
        return Ok(0);
    }
    value.parse().map_err(|_| {
        Failure::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))
    })
}

/// Reads the values of `dryRun`; `options` is the kind that it is a field of.
///
/// Upstream: ValidateDryRun, v1.37: every value must be `All`, and one is enough.
pub fn dry_run(options: &str, values: &[&str]) -> Result<bool, Failure> {
    if values.iter().all(|value| *value == "All") {
        return Ok(!values.is_empty());
    }
    let shown = serde_json::json!(values).to_string();
    Err(Failure::unsupported_value(options, "dryRun", &shown, &["All"]))
}

fn field_validation(options: &str, value: &str) -> Result<FieldValidation, Failure> {
    match value {
        "Ignore" => Ok(FieldValidation::Ignore),
        "" | "Warn" => Ok(FieldValidation::Warn),
        "Strict" => Ok(FieldValidation::Strict),
        other => {
            let (shown, supported) = (format!("{other:?}"), ["", "Ignore", "Strict", "Warn"]);
            Err(Failure::unsupported_value(options, "fieldValidation", &shown, &supported))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Params, Failure> {
        Params::parse(&Method::POST, &format!("/api/v1/pods?{query}").parse().unwrap())
    }

    #[test]
    fn a_query_is_decoded() {
        let params =
            parse("labelSelector=a%3Db%2Cc&limit=500&watch=true&timeoutSeconds=5").unwrap();
        assert_eq!((&*params.label_selector, params.limit, params.watch), ("a=b,c", 500, true));
        assert_eq!(params.timeout, Some(Duration::from_secs(5)));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (query, code) in
            [("limit=x", 400), ("dryRun=Some", 422), ("fieldValidation=Maybe", 422)]
        {
            assert_eq!(parse(query).unwrap_err().code, code, "{query}");
        }
        let error = parse("dryRun=All&dryRun=").unwrap_err();
        assert!(error.message.contains(r#"Unsupported value: ["All",""]"#), "{}", error.message);
    }

    #[test]
    fn of_several_values_the_first_counts() {
        let params = parse("limit=1&limit=2&dryRun=All&dryRun=All").unwrap();
        assert_eq!((params.limit, params.dry_run), (1, true));
    }
}
