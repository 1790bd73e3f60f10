//! `list`, in pages. Upstream: ListOptions, storage.EncodeContinue, v1.37.

use crate::apiserver::failure::{Cause, Failure};
use crate::apiserver::http::Params;
use crate::apiserver::selection::Selection;
use crate::apiserver::store::{Expired, ListRequest};

use super::{Answer, Call};

/// What upstream says when the page that a token stands for is gone.
const TOKEN_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// The version of the first page; `None` for that of now.
    revision: Option<u64>,
    /// The last key of the page before.
    after: String,
}

impl Token {
    fn read(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            let why = format!("invalid continue token: continue key is not valid: {text:?}");
            Failure::bad_request(why)
        };
        let (revision, after) = text.split_once('.').ok_or_else(wrong)?;
        let revision = match revision {
            "now" => None,
            number => Some(number.parse().map_err(|_| wrong())?),
        };
        Ok(Self { revision, after: after.to_owned() })
    }

    fn write(&self) -> String {
        match self.revision {
            Some(revision) => format!("{revision}.{}", self.after),
            None => format!("now.{}", self.after),
        }
    }
}

/// A refusal of the query of a list or a watch.
pub(super) fn invalid_option(field: &str, reason: &str, message: String) -> Failure {
    let cause = Cause { reason: reason.to_owned(), message, field: field.to_owned() };
    Failure::invalid("meta.k8s.io", "ListOptions", "", vec![cause])
}

/// The number in `resourceVersion`; `None` where it says nothing or "any".
pub(super) fn revision(params: &Params) -> Result<Option<u64>, Failure> {
    let text = params.resource_version.as_str();
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Failure::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
        ))
    })
}

/// What the call selects.
pub fn selection(call: &Call<'_>) -> Result<Selection, Failure> {
    let namespace = Some(call.target.namespace.as_str()).filter(|name| !name.is_empty());
    let params = call.params;
    Selection::parse(call.resource(), namespace, &params.label_selector, &params.field_selector)
}

/// Lists what the call selects.
pub fn list(call: &Call<'_>) -> Result<Answer, Failure> {
    let (params, store) = (call.params, &call.api.store);
    check(params)?;
    let selection = selection(call)?;
    let token = match params.continue_token.as_str() {
        "" => None,
        text => Some(Token::read(text)?),
    };
    let asked = reached(revision(params)?, store.revision())?;
    let exact = asked.filter(|_| params.resource_version_match == "Exact");
    let request = ListRequest {
        selection: &selection,
        at: token.as_ref().map_or(exact, |token| token.revision),
        after: token.as_ref().map(|token| token.after.as_str()),
        limit: params.limit,
    };
    let page = store.list(call.kept().table, &request).map_err(|expired| match token.as_ref() {
        Some(token) => token_expired(token),
        None => too_old(asked.unwrap_or(0), expired),
    })?;
    let last = page.objects.last().filter(|_| page.more);
    let continue_token = last
        .map(|last| Token { revision: Some(page.revision), after: last.key().to_owned() }.write());
    Ok(Answer::List { page, continue_token: continue_token.unwrap_or_default() })
}

fn token_expired(token: &Token) -> Failure {
    let mut failure = Failure::expired(TOKEN_EXPIRED);
    failure.resume = Some(Token { revision: None, after: token.after.clone() }.write());
    failure
}

/// The version is older than the history.
pub(super) fn too_old(asked: u64, expired: Expired) -> Failure {
    Failure::expired(format!("too old resource version: {asked} ({})", expired.oldest))
}

/// The version that is asked for, unless it has not been reached yet. Upstream waits some 3 s for it first.
pub(super) fn reached(asked: Option<u64>, current: u64) -> Result<Option<u64>, Failure> {
    match asked {
        Some(asked) if asked > current => Err(too_large(asked, current)),
        asked => Ok(asked),
    }
}

/// Upstream: NewTooLargeResourceVersionError.
fn too_large(asked: u64, current: u64) -> Failure {
    let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
    let cause = Cause {
        reason: "ResourceVersionTooLarge".to_owned(),
        message: "Too large resource version".to_owned(),
        field: String::new(),
    };
    Failure::new(504, "Timeout", message).with_cause(cause).retry_after(1)
}

/// Upstream: ValidateListOptions.
fn check(params: &Params) -> Result<(), Failure> {
    let forbidden = |why: &str| {
        invalid_option("resourceVersionMatch", "FieldValueForbidden", format!("Forbidden: {why}"))
    };
    let (version, how) = (&*params.resource_version, &*params.resource_version_match);
    if params.send_initial_events.is_some() {
        return Err(invalid_option(
            "sendInitialEvents",
            "FieldValueForbidden",
            "Forbidden: sendInitialEvents is forbidden for list".to_owned(),
        ));
    }
    if how.is_empty() {
        return Ok(());
    }
    if version.is_empty() {
        return Err(forbidden(
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ));
    }
    if !params.continue_token.is_empty() {
        return Err(forbidden("resourceVersionMatch is forbidden when continue is provided"));
    }
    match how {
        "Exact" if version == "0" => {
            Err(forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
        }
        "Exact" | "NotOlderThan" => Ok(()),
        other => Err(invalid_option(
            "resourceVersionMatch",
            "FieldValueNotSupported",
            format!(
                "Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\", \"\""
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_written() {
        for revision in [Some(12), None] {
            let token = Token { revision, after: "default/a.b.c".into() };
            assert_eq!(Token::read(&token.write()), Ok(token));
        }
        for wrong in ["", "x", "12", "-1.a"] {
            assert_eq!(Token::read(wrong).unwrap_err().code, 400, "{wrong}");
        }
    }
}
