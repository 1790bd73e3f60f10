//! From a request to its verb and back.

use std::sync::Arc;

use axum::Router;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Method};

use super::accept::{Form, negotiate};
use super::shape::Shape;
use super::{Params, Target, bodies, respond};
use crate::apiserver::api::Api;
use crate::apiserver::discovery;
use crate::apiserver::events;
use crate::apiserver::failure::Failure;
use crate::apiserver::kinds::View;
use crate::apiserver::print::IncludeObject;
use crate::apiserver::subresources::{self, finalize, reviews, scale};
use crate::apiserver::verbs::{
    self, Answer, Call, create, delete, fields, list, patch, update, watch,
};

/// Characters of a field manager's name at most. Upstream: validation.FieldManagerMaxLength.
const MANAGER_CHARS_MAX: usize = 128;

/// What all requests share.
#[derive(Debug)]
pub struct Front {
    /// The server behind it.
    pub api: Arc<Api>,
    /// What a client must show, if anything.
    pub token: Option<String>,
}

/// Everything that is served.
pub fn router(front: Arc<Front>) -> Router {
    Router::new().fallback(serve).with_state(front)
}

async fn serve(State(front): State<Arc<Front>>, request: Request) -> Response {
    match handle(&front, request).await {
        Ok(response) => response,
        Err(failure) => respond::failure(&failure),
    }
}

async fn handle(front: &Front, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    authenticate(front, &parts.headers)?;
    // Read before anything is refused: a connection with an unread body cannot be used on.
    let body = match parts.method {
        Method::GET | Method::HEAD => Bytes::new(),
        _ => bodies::read(&parts.headers, body).await?,
    };
    let path = parts.uri.path();
    if let Some(response) = discovery::serve(&parts.method, path, &parts.headers)? {
        return Ok(response);
    }
    let Some(target) = Target::parse(path) else {
        // Upstream: groups that are served answer with a Status, nobody answers for the rest.
        return if Target::is_of_served_group(path) {
            Err(Failure::no_such_path())
        } else {
            Ok(respond::with_type(404, "text/plain; charset=utf-8", "404 page not found\n".into()))
        };
    };
    let params = Params::parse(&parts.method, &parts.uri)?;
    let form = negotiate(&parts.headers)?;
    let include = IncludeObject::parse(&params.include_object).map_err(Failure::bad_request)?;
    let shape = Shape { resource: target.resource, form, include, no_headers: false };
    let manager = manager(&params, &parts.headers);
    let mut call =
        Call { api: &front.api, target: &target, params: &params, manager, warnings: Vec::new() };
    let answer = dispatch(&mut call, &parts.method, &parts.headers, &body)?;
    Ok(respond::answer(&front.api, shape_of(shape, &answer), answer, &call.warnings))
}

/// Tables and metadata are made of objects only.
fn shape_of(shape: Shape, answer: &Answer) -> Shape {
    match answer {
        Answer::Value { .. } | Answer::Text(_) => Shape { form: Form::Plain, ..shape },
        _ => shape,
    }
}

fn authenticate(front: &Front, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(token) = &front.token else { return Ok(()) };
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if same(shown.trim().as_bytes(), token.as_bytes()) {
        Ok(())
    } else {
        Err(Failure::unauthorized())
    }
}

/// Compares without saying by its time how much is right.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Upstream: managerOrUserAgent.
fn manager(params: &Params, headers: &HeaderMap) -> String {
    if !params.field_manager.is_empty() {
        return params.field_manager.clone();
    }
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let program = agent.split('/').next().unwrap_or_default();
    program.chars().filter(|c| !c.is_control()).take(MANAGER_CHARS_MAX).collect()
}

fn dispatch(
    call: &mut Call<'_>,
    method: &Method,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Answer, Failure> {
    let named = !call.target.name.is_empty();
    // Lists over all namespaces can be read and not written.
    let placed = named || !call.resource().namespaced || !call.target.namespace.is_empty();
    let answered = call.resource().view == View::Answered;
    match *method {
        Method::POST if answered && !named => {
            let body = object(call, headers, body)?;
            reviews::answer(call, body)
        }
        _ if answered => Err(Failure::no_such_method()),
        Method::GET | Method::HEAD => read(call),
        Method::POST if !named && placed => {
            let body = object(call, headers, body)?;
            create::create(call, body)
        }
        Method::POST if !call.target.subresource.is_empty() => {
            let body = object(call, headers, body)?;
            subresources::create(call, body)
        }
        Method::PUT if named => put(call, headers, body),
        Method::PATCH if named => {
            let (sort, mut body) = bodies::patch(headers, body)?;
            if call.resource().view == View::NewEvents {
                events::to_core(&mut body);
            }
            match call.target.subresource.as_str() {
                "scale" => scale::patch(call, sort, &body),
                "" | "status" | "ephemeralcontainers" | "resize" => patch::patch(call, sort, &body),
                _ => Err(Failure::no_such_method()),
            }
        }
        Method::DELETE if placed && call.target.subresource.is_empty() => {
            let body = bodies::delete_options(headers, body)?;
            let options = delete::Options::read(call.params, body.as_ref())?;
            if named {
                delete::delete(call, &options)
            } else {
                let selection = list::selection(call)?;
                delete::delete_collection(call, &selection, &options)
            }
        }
        _ => Err(Failure::no_such_method()),
    }
}

fn read(call: &Call<'_>) -> Result<Answer, Failure> {
    match (call.target.name.as_str(), call.target.subresource.as_str()) {
        ("", _) | (_, "") if call.params.watch => watch::watch(call),
        ("", _) => list::list(call),
        (_, "" | "status" | "ephemeralcontainers" | "resize") => verbs::get(call),
        (_, "scale") => scale::get(call),
        (_, "log") => subresources::log(call),
        _ => Err(Failure::no_such_method()),
    }
}

fn put(call: &mut Call<'_>, headers: &HeaderMap, body: &[u8]) -> Result<Answer, Failure> {
    let object = object(call, headers, body)?;
    match call.target.subresource.as_str() {
        "" | "status" | "ephemeralcontainers" | "resize" => update::update(call, object),
        "scale" => scale::update(call, &object),
        "finalize" => finalize::finalize(call, &object),
        _ => Err(Failure::no_such_method()),
    }
}

/// The body as an object of the kind that belongs here.
fn object(
    call: &mut Call<'_>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<serde_json::Value, Failure> {
    let kind = fields::body_kind(call.resource(), &call.target.subresource);
    let (mut object, repeated) = bodies::object(headers, &kind, body)?;
    fields::check(call, &mut object, &kind, repeated)?;
    if call.resource().view == View::NewEvents {
        events::to_core(&mut object);
    }
    Ok(object)
}
