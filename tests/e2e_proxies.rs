//! The way to the API server through proxies: the kubeconfig's and the environment's. The server's name is
//! one that nothing resolves, so what gets there came through the proxy.

mod support;

use serde_json::{Value, json};

use support::access::Access;
use support::berth::Berth;
use support::control_plane::Options;
use support::tunnel::{Tunnel, Way};

/// A name that no resolver knows, by RFC 6761.
const NAME: &str = "berth-test.invalid";

/// A name, the kubeconfig's proxy-url, the environment, and who is said to have named the proxy.
type Row<'a> = (&'a str, Option<&'a str>, Vec<(&'a str, &'a str)>, &'a str);

/// The control plane under a name that only a proxy finds.
fn hidden_cluster(access: &Access) -> (Value, u16) {
    let mut cluster = access.cluster();
    let (_, port) =
        access.plane.url().rsplit_once(':').map_or((String::new(), 0), |(host, port)| {
            (host.to_owned(), port.parse().expect("it is a port"))
        });
    cluster["server"] = json!(format!("https://{NAME}:{port}"));
    // The certificate is for this name, among others, but not for that one.
    cluster["tls-server-name"] = json!("kubernetes.default.svc");
    (cluster, port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_through_every_kind_of_proxy() {
    let test = "the_way_through_every_kind_of_proxy";
    let Some(access) = Access::start(test, &Options::default()).await else { return };
    let (cluster, port) = hidden_cluster(&access);
    let (connect, socks) =
        (Tunnel::start(Way::Connect, port).await, Tunnel::start(Way::Socks5, port).await);
    let (http, socks5) = (connect.address(), socks.address());
    let user = json!({"token": access.admin_token()});
    let dead = "http://127.0.0.1:1";
    let (with_password, plain) = (format!("http://me:s3cret@{http}"), http.to_string());
    let socks_url = format!("socks5://{socks5}");
    let socks_h = format!("socks5h://{socks5}");
    let rows: [Row<'_>; 6] = [
        ("https-proxy", None, vec![("HTTPS_PROXY", &with_password)], "HTTPS_PROXY"),
        (
            "small-letters",
            None,
            vec![
                ("https_proxy", &plain),
                ("HTTP_PROXY", dead),
                ("NO_PROXY", "example.com,10.0.0.0/8"),
            ],
            "https_proxy",
        ),
        ("socks-by-environment", None, vec![("HTTPS_PROXY", &socks_url)], "HTTPS_PROXY"),
        // What a kubeconfig names is not changed by any variable.
        (
            "in-kubeconfig",
            Some(&with_password),
            vec![("HTTPS_PROXY", dead), ("NO_PROXY", "*")],
            "proxy-url",
        ),
        ("socks-in-kubeconfig", Some(&socks_url), vec![("NO_PROXY", ",,")], "proxy-url"),
        ("socks-h", None, vec![("HTTPS_PROXY", &socks_h)], "HTTPS_PROXY"),
    ];
    for (name, proxy_url, variables, origin) in rows {
        let mut cluster = cluster.clone();
        if let Some(url) = proxy_url {
            cluster["proxy-url"] = json!(url);
        }
        let kubeconfig = access.kubeconfig(name, &cluster, &user);
        let berth = Berth::start_with(&kubeconfig, "berth", &[], &variables);
        access.bind(&berth, name).await;
        berth.stop().await;
        let log = berth.log();
        assert!(log.contains(&format!(" of {origin}")) && !log.contains("s3cret"), "{log}");
    }
    let asked = connect.asked();
    assert!(
        asked.iter().all(|line| line.starts_with(&format!("CONNECT {NAME}:{port} "))),
        "{asked:?}"
    );
    // "me:s3cret"
    let proved = asked.iter().filter(|line| line.contains("Basic bWU6czNjcmV0")).count();
    assert!(proved > 0 && proved < asked.len(), "{asked:?}");
    let asked = socks.asked();
    assert!(!asked.is_empty(), "nobody came");
    assert!(asked.iter().all(|line| *line == format!("SOCKS {NAME}:{port}")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_reached_directly_needs_no_proxy() {
    let test = "what_is_reached_directly_needs_no_proxy";
    let Some(access) = Access::start(test, &Options::default()).await else { return };
    let user = json!({"token": access.admin_token()});
    let kubeconfig = access.kubeconfig("k", &access.cluster(), &user);
    // The address is one of loopback.
    let variables = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("HTTP_PROXY", "http://127.0.0.1:1")];
    let berth = Berth::start_with(&kubeconfig, "berth", &[], &variables);
    access.bind(&berth, "p1").await;
    berth.stop().await;
    assert!(!berth.log().contains("proxy"), "{}", berth.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_proxy_is_named_without_its_password() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("kubeconfig");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("https://{NAME}")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
    });
    std::fs::write(&path, kubeconfig.to_string()).expect("it can be written");
    let start = |proxy: &str| Berth::start_with(&path, "berth", &[], &[("HTTPS_PROXY", proxy)]);

    // One that cannot be one ends it before it starts.
    let berth = start("ftp://me:s3cret@proxy.example");
    assert_eq!(berth.exit().await.code(), Some(2));
    let want = "error: HTTPS_PROXY: \"ftp://proxy.example\" is not http, https, or socks5\n";
    assert_eq!(berth.log(), want);

    // One that is not there may come.
    let berth = start("http://me:s3cret@127.0.0.1:1");
    berth.wait_for_log("through the proxy http://127.0.0.1:1 of HTTPS_PROXY: ").await;
    berth.stop().await;
    let log = berth.log();
    let line = log.lines().find(|line| line.contains("of HTTPS_PROXY: ")).unwrap_or_default();
    assert!(line.contains("Connection refused"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}
