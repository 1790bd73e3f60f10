//! One extender's connection: where it is, how TLS is spoken with it, and one call at a time with a limit of
//! time and size. Made by [`super::Extenders`].

use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::ByteString;
use kube::client::Body;
use kube::{Client, Config};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::client::api::{JSON, chain};
use crate::client::connect::{spare_authorities, user_agent};
use crate::client::proxy::Proxy;
use crate::config;

/// Calls of one extender at the same time; what is beyond it waits. More than attempts are ever parked, so
/// that only bindings wait.
const CALLS_MAX: usize = 32;

/// Bytes of an answer that are read. 15,000 whole nodes of 15 kB are some 225 MB.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// How often a call is sent on to another address.
///
/// Upstream: defaultCheckRedirect of Go's client.
const REDIRECTS_MAX: usize = 10;

/// Calls an extender.
pub(super) struct Caller {
    client: Client,
    /// For addresses that the extender sends a call on to.
    config: Config,
    /// What stands before a verb.
    prefix: String,
    within: Option<Duration>,
    places: Semaphore,
}

impl Caller {
    /// The caller of an extender; `None` where it has no verb, so that it is never called.
    ///
    /// # Errors
    ///
    /// One line that says why it cannot be called by anything.
    pub(super) fn new(it: &config::Extender) -> Result<Option<Self>, String> {
        let verbs = [&it.filter_verb, &it.prioritize_verb, &it.preempt_verb, &it.bind_verb];
        let tls = it.tls.clone().unwrap_or_default();
        if verbs.into_iter().all(Option::is_none) {
            // Upstream makes its client all the same, so what is wrong here is refused.
            let mut nowhere = Config::new(Uri::from_static("http://localhost/"));
            set_tls(&mut nowhere, it.enable_https, &tls)?;
            return Ok(None);
        }
        let uri: Uri = it.url_prefix.parse().map_err(|_| "urlPrefix is not an address")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("urlPrefix does not begin with https:// or http://".to_owned());
        }
        let mut config = Config::new(without_path(&uri)?);
        config.default_retry = false;
        // All of a call has one limit.
        (config.connect_timeout, config.read_timeout, config.write_timeout) = (None, None, None);
        config.headers.push((header::USER_AGENT, HeaderValue::from_static(user_agent())));
        set_tls(&mut config, it.enable_https, &tls)?;
        let variable = |name: &str| std::env::var(name).ok();
        config.proxy_url = Proxy::of_environment(&uri, variable)?.map(|proxy| proxy.url);
        spare_authorities(&mut config);
        let client = Client::try_from(config.clone()).map_err(|error| chain(&error))?;
        let prefix = it.url_prefix.trim_end_matches('/').to_owned();
        let within = it.http_timeout.map(|time| Duration::from_nanos(time.0));
        Ok(Some(Self { client, config, prefix, within, places: Semaphore::new(CALLS_MAX) }))
    }

    /// Posts `body`; the body of the answer.
    ///
    /// # Errors
    ///
    /// One line that names the address, in the words of upstream and of Go's client where they have some.
    pub(super) async fn post(&self, verb: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await.map_err(|error| error.to_string())?;
        let url = format!("{}/{verb}", self.prefix);
        let exchange = self.exchange(verb, &url, body);
        let Some(within) = self.within else { return exchange.await };
        let late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
        timeout(within, exchange).await.unwrap_or_else(|_| Err(format!("Post {url:?}: {late}")))
    }

    async fn exchange(&self, verb: &str, url: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut call = Call { method: Method::POST, url: url.to_owned(), body };
        let mut answer = self.send(&call).await?;
        for _ in 0..REDIRECTS_MAX {
            let Some(next) = call.redirected(&answer)? else { break };
            call = next;
            answer = self.send(&call).await?;
        }
        if call.redirected(&answer)?.is_some() {
            return Err(call.failed(&format!("stopped after {REDIRECTS_MAX} redirects")));
        }
        let failed = |what: String| call.failed(&what);
        if answer.status() != StatusCode::OK {
            let code = answer.status().as_u16();
            return Err(format!("failed {verb} with extender at URL {url}, code {code}"));
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| failed(format!("the answer breaks off: {error}")))?;
        Ok(body.to_bytes().into())
    }
}

impl Caller {
    async fn send(&self, call: &Call) -> Result<Response<Body>, String> {
        let failed = |what: String| call.failed(&what);
        let uri: Uri = call.url.parse().map_err(|error| failed(format!("{error}")))?;
        let base = without_path(&uri)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::builder().method(call.method.clone()).uri(path);
        let request =
            request.header(header::CONTENT_TYPE, JSON).body(Body::from(call.body.clone()));
        let request = request.map_err(|error| failed(error.to_string()))?;
        let sent = if base == self.config.cluster_url {
            self.client.send(request).await
        } else {
            let mut elsewhere = self.config.clone();
            elsewhere.cluster_url = base;
            let client = Client::try_from(elsewhere).map_err(|error| failed(chain(&error)))?;
            client.send(request).await
        };
        sent.map_err(|error| failed(chain(&error)))
    }
}

/// A request on its way, which may be sent on.
struct Call {
    method: Method,
    url: String,
    body: Vec<u8>,
}

impl Call {
    /// The request that `answer` asks for in place of this one.
    ///
    /// Upstream: redirectBehavior of Go's client: 307 and 308 repeat the request, the others ask with GET.
    fn redirected<T>(&self, answer: &Response<T>) -> Result<Option<Self>, String> {
        let code = answer.status().as_u16();
        let repeats = matches!(code, 307 | 308);
        if !repeats && !matches!(code, 301..=303) {
            return Ok(None);
        }
        let location = answer.headers().get(header::LOCATION).and_then(|text| text.to_str().ok());
        let Some(location) = location.filter(|text| !text.is_empty()) else {
            let missing = || self.failed(&format!("{code} response missing Location header"));
            return if repeats { Ok(None) } else { Err(missing()) };
        };
        let url = self
            .resolved(location)
            .ok_or_else(|| self.failed(&format!("failed to parse Location header {location:?}")))?;
        Ok(Some(if repeats {
            Self { method: self.method.clone(), url, body: self.body.clone() }
        } else {
            Self { method: Method::GET, url, body: Vec::new() }
        }))
    }

    /// Where `location` is, seen from here: a whole address, or a path on the same host.
    fn resolved(&self, location: &str) -> Option<String> {
        let target: Uri = location.parse().ok()?;
        if target.scheme().is_some() {
            return matches!(target.scheme_str(), Some("http" | "https"))
                .then(|| location.to_owned());
        }
        let here: Uri = self.url.parse().ok()?;
        let path = target.path_and_query()?.clone();
        let from = Uri::builder().scheme(here.scheme_str()?).authority(here.authority()?.as_str());
        from.path_and_query(path).build().ok().map(|uri| uri.to_string())
    }

    /// An error in the words of Go's client.
    fn failed(&self, what: &str) -> String {
        let method = if self.method == Method::GET { "Get" } else { "Post" };
        format!("{method} {:?}: {what}", self.url)
    }
}

/// Scheme and authority alone.
fn without_path(uri: &Uri) -> Result<Uri, String> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some("/".parse().map_err(|_| "no path")?);
    Uri::from_parts(parts).map_err(|error| format!("urlPrefix: {error}"))
}

/// Upstream: makeTransport and TLSConfigFor, v1.37: with `enableHTTPS` and no authority the certificate is not
/// looked at. Differs from upstream: files are read at the start alone.
fn set_tls(
    config: &mut Config,
    enable_https: bool,
    tls: &config::ExtenderTls,
) -> Result<(), String> {
    let authorities = read(&tls.ca, "caFile")?;
    if tls.insecure && authorities.is_some() {
        let message = "specifying a root certificates file with the insecure flag is not allowed";
        return Err(message.to_owned());
    }
    config.accept_invalid_certs = tls.insecure || (enable_https && authorities.is_none());
    config.root_cert = authorities.map(|pem| certificates(&pem)).transpose()?;
    config.tls_server_name = Some(tls.server_name.clone()).filter(|name| !name.is_empty());
    // As client-go: one without the other is none.
    if let (Some(cert), Some(key)) = (read(&tls.cert, "certFile")?, read(&tls.key, "keyFile")?) {
        config.auth_info.client_certificate_data = Some(base64(cert));
        config.auth_info.client_key_data = Some(base64(key).into());
    }
    Ok(())
}

/// The text, from where it is; data wins over a file.
fn read(pem: &config::Pem, field: &str) -> Result<Option<Vec<u8>>, String> {
    if !pem.data.is_empty() {
        return Ok(Some(pem.data.clone()));
    }
    if pem.file.is_empty() {
        return Ok(None);
    }
    let read = std::fs::read(&pem.file);
    read.map(Some).map_err(|error| format!("tlsConfig.{field}: {}: {error}", pem.file))
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).map(|one| one.map(|one| one.to_vec()));
    let all = all.collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| format!("tlsConfig: the authority is not PEM: {error}"))?;
    if all.is_empty() {
        return Err("tlsConfig: the authority has no certificate in it".to_owned());
    }
    Ok(all)
}

fn base64(bytes: Vec<u8>) -> String {
    let encoded = serde_json::to_value(ByteString(bytes)).unwrap_or_default();
    encoded.as_str().unwrap_or_default().to_owned()
}
