//! Which proxy leads to the API server: the kubeconfig's, or the environment's by the rules that every Go
//! program follows. Asked once by `connect`.
//!
//! The rules are those of golang.org/x/net/http/httpproxy: HTTPS_PROXY for an https server, HTTP_PROXY for
//! an http one, each also in small letters where the capital one is not set, and NO_PROXY for what is
//! reached directly. Localhost and loopback addresses always are. kube's own reading of these variables
//! compares NO_PROXY with the proxy instead of the server and forgets pods, so it is not used.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

/// What the kubeconfig calls its proxy.
const IN_KUBECONFIG: &str = "proxy-url";

/// A proxy and where it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    /// Scheme http, https or socks5; may hold a password.
    pub(super) url: Uri,
    /// The variable, or the kubeconfig's field.
    named_by: &'static str,
}

impl Proxy {
    /// The proxy that a kubeconfig names. No variable changes anything about it.
    ///
    /// # Errors
    ///
    /// One line that names the field, without the password.
    pub(super) fn of_kubeconfig(url: &str) -> Result<Self, String> {
        Self::new(url, IN_KUBECONFIG)
    }

    /// The proxy that the environment names for `server`, if any.
    ///
    /// # Errors
    ///
    /// One line that names the variable, without the password.
    pub(super) fn of_environment(
        server: &Uri,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let names = match server.scheme_str() {
            Some("https") => ["HTTPS_PROXY", "https_proxy"],
            Some("http") => ["HTTP_PROXY", "http_proxy"],
            _ => return Ok(None),
        };
        let first = |names: [&'static str; 2]| {
            let set = |name| Some((name, variable(name).filter(|value| !value.is_empty())?));
            names.into_iter().find_map(set)
        };
        let Some((name, url)) = first(names) else { return Ok(None) };
        let exceptions =
            first(["NO_PROXY", "no_proxy"]).map_or_else(String::new, |(_, value)| value);
        if is_direct(server, &exceptions) {
            return Ok(None);
        }
        Self::new(&url, name).map(Some)
    }

    fn new(text: &str, named_by: &'static str) -> Result<Self, String> {
        let text = text.trim();
        let whole = |uri: &Uri| uri.scheme().is_some() && uri.host().is_some_and(|h| !h.is_empty());
        let parsed = text.parse().ok().filter(whole);
        // Go reads an address without a scheme so, too.
        let bare = || Some(format!("http://{text}")).filter(|_| !text.contains("://"));
        let parsed = parsed.or_else(|| bare()?.parse().ok().filter(whole));
        let Some(url) = parsed else {
            return Err(format!(
                "{named_by}: {:?} is not the address of a proxy",
                without_user(text)
            ));
        };
        let shown = without_user(text);
        let scheme = match url.scheme_str() {
            Some("http" | "https") => return Ok(Self { url, named_by }),
            Some("socks5" | "socks5h") => "socks5",
            _ => return Err(format!("{named_by}: {shown:?} is not http, https, or socks5")),
        };
        let mut parts = url.into_parts();
        if parts.authority.as_ref().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(format!(
                "{named_by}: a user for the SOCKS proxy {shown:?} is not supported"
            ));
        }
        parts.scheme = Scheme::try_from(scheme).ok();
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        parts.authority = parts.authority.map(|authority| with_port(authority, 1080));
        let url =
            Uri::from_parts(parts).map_err(|error| format!("{named_by}: {shown:?}: {error}"))?;
        Ok(Self { url, named_by })
    }
}

/// The address without user and password, and its origin.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = without_user(&self.url.to_string());
        write!(f, "{} of {}", shown.trim_end_matches('/'), self.named_by)
    }
}

/// An address as it may be shown: what stands before an `@` may be a password.
pub(super) fn without_user(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    format!("{scheme}{rest}")
}

fn with_port(authority: Authority, port: u16) -> Authority {
    if authority.port().is_some() {
        return authority;
    }
    format!("{authority}:{port}").parse().unwrap_or(authority)
}

/// Whether `server` is reached without a proxy.
fn is_direct(server: &Uri, exceptions: &str) -> bool {
    let host = server.host().unwrap_or_default();
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let ip = host.parse::<IpAddr>().ok();
    if host == "localhost" || ip.is_some_and(|ip| ip.to_canonical().is_loopback()) {
        return true;
    }
    let default = if server.scheme_str() == Some("http") { 80 } else { 443 };
    let port = server.port_u16().unwrap_or(default).to_string();
    let mut exceptions = exceptions.split(',').map(|one| one.trim().to_ascii_lowercase());
    exceptions.any(|exception| covers(&exception, &host, ip, &port))
}

/// Whether one entry of NO_PROXY covers a host: `*`, an address, a network, or a domain; an address and a
/// domain with or without a port. A domain that begins with a dot is not one of its own.
fn covers(exception: &str, host: &str, ip: Option<IpAddr>, port: &str) -> bool {
    if exception == "*" {
        return true;
    }
    if let Some((network, bits)) = network(exception) {
        return ip.is_some_and(|ip| is_within(ip, network, bits));
    }
    let (name, its_port) = split_port(exception);
    if name.is_empty() || its_port.is_some_and(|its_port| !its_port.is_empty() && its_port != port)
    {
        return false;
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return ip.is_some_and(|ip| ip.to_canonical() == address.to_canonical());
    }
    if ip.is_some() {
        return false;
    }
    let name = if name.starts_with("*.") { &name[1..] } else { name };
    let domain = name.strip_prefix('.').unwrap_or(name);
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
    below || (host == domain && !name.starts_with('.'))
}

fn network(exception: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = exception.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let bits: u32 = bits.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    (bits <= width).then_some((address, bits))
}

fn is_within(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    // A shift by the whole width leaves nothing to compare.
    match (ip.to_canonical(), network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let differ = ip.to_bits() ^ network.to_bits();
            differ.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let differ = ip.to_bits() ^ network.to_bits();
            differ.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// A host and what stands behind its port's colon; an IPv6 address has a port only behind brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').unwrap_or((rest, ""));
        return (host, rest.strip_prefix(':'));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Set<'a> = &'a [(&'a str, &'a str)];

    fn ask(server: &str, set: Set<'_>) -> Result<Option<String>, String> {
        let find = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let proxy = Proxy::of_environment(&server.parse().unwrap(), find)?;
        Ok(proxy.map(|proxy| format!("{} {proxy}", proxy.url)))
    }

    #[test]
    fn the_variable_is_that_of_the_servers_scheme() {
        let both = [("HTTPS_PROXY", "http://s:1"), ("HTTP_PROXY", "http://p:2")];
        let small = [("https_proxy", "http://s:1"), ("HTTPS_PROXY", "")];
        let order = [("https_proxy", "http://small:1"), ("HTTPS_PROXY", "http://large:1")];
        let other = [("HTTP_PROXY", "http://p:2"), ("ALL_PROXY", "http://p:2")];
        let rows: [(&str, Set<'_>, Option<&str>); 8] = [
            ("https://a.example", &both, Some("http://s:1/ http://s:1 of HTTPS_PROXY")),
            ("http://a.example", &both, Some("http://p:2/ http://p:2 of HTTP_PROXY")),
            ("https://a.example", &small, Some("http://s:1/ http://s:1 of https_proxy")),
            ("https://a.example", &order, Some("http://large:1/ http://large:1 of HTTPS_PROXY")),
            ("https://a.example", &other, None),
            ("https://a.example", &[], None),
            ("https://localhost:6443", &both, None),
            ("https://[::1]:6443", &both, None),
        ];
        for (server, set, want) in rows {
            assert_eq!(ask(server, set), Ok(want.map(str::to_owned)), "{server} {set:?}");
        }
    }

    #[test]
    fn addresses_are_read_as_go_reads_them_and_shown_without_a_password() {
        let rows = [
            ("p.example:3128", Ok("http://p.example:3128/ http://p.example:3128 of HTTPS_PROXY")),
            ("p.example", Ok("http://p.example/ http://p.example of HTTPS_PROXY")),
            ("http://u:pw@p:1", Ok("http://u:pw@p:1/ http://p:1 of HTTPS_PROXY")),
            ("u:pw@p:1", Ok("http://u:pw@p:1/ http://p:1 of HTTPS_PROXY")),
            ("https://p:1/", Ok("https://p:1/ https://p:1 of HTTPS_PROXY")),
            ("socks5://p", Ok("socks5://p:1080/ socks5://p:1080 of HTTPS_PROXY")),
            ("socks5h://p:9", Ok("socks5://p:9/ socks5://p:9 of HTTPS_PROXY")),
            ("socks5://u:pw@p:9", Err("a user for the SOCKS proxy \"socks5://p:9\"")),
            ("ftp://u:pw@p:9", Err("HTTPS_PROXY: \"ftp://p:9\" is not http, https, or socks5")),
            ("http://u:pw@", Err("HTTPS_PROXY: \"http://\" is not the address of a proxy")),
            ("not an address", Err("HTTPS_PROXY: \"not an address\" is not the address")),
            ("u:p@w@not an address", Err("HTTPS_PROXY: \"not an address\" is not the address")),
        ];
        for (value, want) in rows {
            let got = ask("https://a.example", &[("HTTPS_PROXY", value)]);
            match want {
                Ok(want) => assert_eq!(got, Ok(Some(want.to_owned())), "{value}"),
                Err(want) => {
                    let error = got.unwrap_err();
                    assert!(error.contains(want) && !error.contains("pw"), "{value}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_proxy_for_what_is_reached_directly_is_no_error() {
        let set = [("HTTPS_PROXY", "ftp://p"), ("NO_PROXY", "example")];
        assert_eq!(ask("https://a.example", &set), Ok(None));
    }

    #[test]
    fn exceptions_are_those_of_go() {
        let name = "https://api.example.com:6443";
        let four = "https://10.1.2.3:6443";
        let six = "https://[fd00::1]";
        let rows = [
            (name, "*", true),
            (name, "x, *", true),
            (name, "example.com", true),
            (name, " EXAMPLE.com ", true),
            (name, ".example.com", true),
            (name, "*.example.com", true),
            (name, "api.example.com", true),
            (name, ".api.example.com", false),
            (name, "*.api.example.com", false),
            (name, "ple.com", false),
            (name, "com", true),
            (name, "example.com:6443", true),
            (name, "example.com:443", false),
            (name, "example.com:", true),
            (name, ":6443", false),
            (name, ",,", false),
            (name, "", false),
            (name, "a.b,example.com", true),
            (name, "10.0.0.0/8", false),
            (four, "10.0.0.0/8", true),
            (four, "10.1.2.0/31", false),
            (four, "10.1.2.2/31", true),
            (four, "0.0.0.0/0", true),
            (four, "10.1.2.3/32", true),
            (four, "10.1.2.3/33", false),
            (four, "fd00::/8", false),
            (four, "10.1.2.3", true),
            (four, "::ffff:10.1.2.3", true),
            (four, "10.1.2.3:6443", true),
            (four, "10.1.2.3:443", false),
            (four, "2.3", false),
            (six, "fd00::/8", true),
            (six, "::/0", true),
            (six, "fd00::1", true),
            (six, "[fd00::1]", true),
            (six, "[fd00::1]:443", true),
            (six, "[fd00::1]:80", false),
            (six, "fe00::/8", false),
            ("https://example.com", "example.com:443", true),
            ("http://example.com", "example.com:80", true),
            ("https://example.com", ".example.com", false),
            ("https://127.3.2.1", "", true),
        ];
        for (server, exceptions, want) in rows {
            let got = is_direct(&server.parse().unwrap(), exceptions);
            assert_eq!(got, want, "{server} with NO_PROXY={exceptions}");
        }
    }
}
