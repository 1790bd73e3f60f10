//! What berth says where it cannot work: one clear line each, with what to do about it. Where trying again
//! can help it does so, ever more slowly and without a storm in its log; where not, it ends with code 2.

mod support;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use berth::engine::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use support::berth::Berth;
use support::control_plane::ControlPlane;
use support::cutter::{Asked, Cutter, Fate, Verb};
use support::rest::{NODES, Rest};
use support::scene::Scene;

/// How often each of them tries before the lines are counted: some 6 s.
const TRIES: usize = 4;

/// How long berth holds the same line back.
const REPEAT_AFTER_SECONDS: u64 = 30;

/// A kubeconfig file, and the folder that goes with it.
struct Kubeconfig {
    folder: TempDir,
}

impl Kubeconfig {
    fn new(cluster: &Value, user: &Value) -> Self {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "somebody", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "somebody"}}],
        });
        Self::of_text(&kubeconfig.to_string())
    }

    fn of_text(text: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("berth-kubeconfig-").tempdir();
        let kubeconfig = Self { folder: folder.expect("a folder can be made") };
        fs::write(kubeconfig.path(), text).expect("the kubeconfig can be written");
        kubeconfig
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("config")
    }
}

#[tokio::test]
async fn what_cannot_heal_ends_it_with_one_line_and_code_2() {
    let cluster = json!({"server": "https://127.0.0.1:1"});
    let with = |key: &str, value: &str| {
        let mut cluster = cluster.clone();
        cluster[key] = json!(value);
        cluster
    };
    let garbage = "Z2FyYmFnZQ==";
    let pem = "-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n";
    let nowhere = "/nowhere/file.pem";
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere/plugin",
        "interactiveMode": "Never",
    });
    let user = |user: Value| Kubeconfig::new(&cluster, &user);
    let rows = [
        (Kubeconfig::of_text("clusters: ["), "YAML"),
        (Kubeconfig::of_text("{}"), "current-context"),
        (Kubeconfig::new(&with("certificate-authority", nowhere), &json!({})), nowhere),
        (Kubeconfig::new(&with("certificate-authority-data", "%%"), &json!({})), "base64"),
        (Kubeconfig::new(&with("certificate-authority-data", garbage), &json!({})), "certificate"),
        (Kubeconfig::new(&with("server", "no address"), &json!({})), "is not an address"),
        (user(json!({"client-certificate": nowhere, "client-key": nowhere})), nowhere),
        (user(json!({"client-certificate-data": garbage, "client-key-data": garbage})), "PEM"),
        (user(json!({"client-certificate-data": pem, "client-key-data": pem})), "base64"),
        (user(json!({"tokenFile": nowhere})), nowhere),
        (user(json!({"auth-provider": {"name": "nonsense"}})), "nonsense"),
        (user(json!({"exec": exec})), "credential plugin \"/nowhere/plugin\""),
    ];
    for (kubeconfig, want) in rows {
        let text = fs::read_to_string(kubeconfig.path()).unwrap_or_default();
        refused(&kubeconfig.path(), &[want, &kubeconfig.path().display().to_string()], &text).await;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    refused(&PathBuf::from("/nowhere/config"), &["/nowhere/config", "No such file"], "").await;
    refused(folder.path(), &[&folder.path().display().to_string(), "directory"], "").await;
    // The superuser may read everything.
    if !rustix::process::geteuid().is_root() {
        use std::os::unix::fs::PermissionsExt;
        let kubeconfig = Kubeconfig::of_text("{}");
        let closed = fs::Permissions::from_mode(0o0);
        fs::set_permissions(kubeconfig.path(), closed).expect("it is ours");
        refused(&kubeconfig.path(), &["Permission denied"], "").await;
    }
}

/// berth ends with code 2 and with one line on standard error, which has these words.
async fn refused(kubeconfig: &std::path::Path, words: &[&str], what: &str) {
    let berth = Berth::start(kubeconfig, "berth", &[]);
    let status = berth.exit().await;
    let log = berth.log();
    assert_eq!(status.code(), Some(2), "{what}: {log}");
    let errors: Vec<_> = log.lines().filter(|line| !line.contains(" INFO ")).collect();
    assert_eq!(errors.len(), 1, "{what}: {log}");
    let error = errors[0];
    assert!(error.starts_with("error: kubeconfig "), "{what}: {log}");
    assert!(words.iter().all(|word| error.contains(word)), "{what}: {words:?} in {log}");
}

/// The warnings about watches.
fn of_watches(berth: &Berth) -> Vec<String> {
    let mut warnings = berth.warnings();
    warnings.retain(|line| line.contains("the watch of"));
    warnings
}

/// `said` are `lines` lines, or as many again for every half minute since `begun`: berth repeats itself, but
/// no more often.
fn are_few(said: &[String], lines: usize, begun: Instant) {
    let rounds = begun.elapsed().as_secs() / REPEAT_AFTER_SECONDS;
    let rounds = 1 + usize::try_from(rounds).expect("a test is short");
    assert!(
        said.len() >= lines && said.len() <= lines * rounds,
        "{lines} times {rounds}: {said:#?}"
    );
}

/// From the start on everything is answered so; berth says `lines` lines with `advice`, tries again all the
/// while, and works once the trouble is over.
async fn says(name: &'static str, fate: Fate, lines: usize, advice: &str) {
    let begun = Instant::now();
    let started = Scene::start_cut(name, None, move |_| fate.clone()).await;
    let Some((scene, cutter)) = started else { return };
    let node = scene.add_node("n1", "1").await;
    scene.add_pod("ours", "1").await;
    tried(&scene, &cutter, Verb::List, 0).await;
    let warnings = of_watches(&scene.berth);
    are_few(&warnings, lines, begun);
    assert!(warnings.iter().all(|line| line.contains(advice)), "{advice:?}: {warnings:?}");
    cutter.calm();
    assert_eq!(scene.bound("ours").await, node);
    scene.berth.wait_for_log("works again").await;
    are_few(&of_watches(&scene.berth), lines, begun);
    scene.end().await;
}

/// Waits until every watch has tried several times since the first `since` requests.
async fn tried(scene: &Scene, cutter: &Cutter, verb: Verb, since: usize) {
    let all = async || {
        let asked = cutter.asked().split_off(since);
        let times = |path: &str| asked.iter().filter(|asked| asked.is(verb, path)).count();
        Kind::all().all(|kind| times(&format!("/{}", kind.plural())) >= TRIES).then_some(())
    };
    scene.berth.wait_for("several tries", all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_are_not_known() {
    let advice = "check the user of the kubeconfig or the service account's token";
    says("unknown", Fate::Refuse(401, None), 1, advice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_are_missing() {
    let advice = "berth needs the verbs list and watch on ";
    says("no-rights", Fate::Refuse(403, None), Kind::COUNT, advice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_no_api_server() {
    let page = Fate::Foreign(404, "<html>nothing</html>");
    says("page-404", page, 1, "the address is not that of a Kubernetes API server").await;
    let page = Fate::Foreign(200, "<html>hello</html>");
    says("page-200", page, 1, "check that the address is that of a Kubernetes API server").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_in_trouble() {
    says("trouble-500", Fate::Refuse(500, None), 1, "the API server's log says more").await;
    says("trouble-429", Fate::Refuse(429, Some(1)), 1, "asks for patience").await;
    says("trouble-drop", Fate::Drop, 1, "check the address").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_end_in_the_middle() {
    in_the_middle("ends-401", 401, 1, "check the user of the kubeconfig").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_end_in_the_middle() {
    in_the_middle("ends-403", 403, Kind::COUNT, "in a ClusterRole").await;
}

/// In mid-run all writes, and then all watches, are refused with `code`: one line for the Bindings, one each
/// for Events and conditions where they are given up, `lines` lines for the watches.
async fn in_the_middle(name: &'static str, code: u16, lines: usize, advice: &str) {
    const PODS: usize = 20;
    const BINDINGS: usize = 60;
    let Some((scene, cutter)) = Scene::start_cut(name, None, |_| Fate::Pass).await else { return };
    let node = scene.add_node("n1", "8").await;
    scene.add_pod("first", "1").await;
    assert_eq!(scene.bound("first").await, node);
    let (before, begun) = (scene.berth.warnings().len(), Instant::now());
    let writes = move |asked: &Asked| match asked.verb {
        Verb::Bind | Verb::Condition | Verb::Event => Fate::Refuse(code, None),
        _ => Fate::Pass,
    };
    cutter.plan(writes);
    for i in 0..PODS {
        scene.add_pod(&format!("p{i}"), "100m").await;
    }
    let often = async || (cutter.asked_for(Verb::Bind, "/binding").len() >= BINDINGS).then_some(());
    scene.berth.wait_for("many Bindings", often).await;
    let said = scene.berth.warnings().split_off(before);
    let of_bindings = said.iter().filter(|line| line.contains("the Binding of a pod"));
    are_few(&of_bindings.cloned().collect::<Vec<_>>(), 1, begun);
    let kinds = ["the Binding of a pod", "the condition of a pod", "an event"];
    assert!(said.iter().all(|line| kinds.iter().any(|kind| line.contains(kind))), "{said:?}");
    assert!(said.iter().all(|line| line.contains(advice)), "{said:?}");

    let since = cutter.asked().len();
    cutter.plan(move |_| Fate::Refuse(code, None));
    cutter.cut_watches();
    tried(&scene, &cutter, Verb::Watch, since).await;
    let said = of_watches(&scene.berth);
    are_few(&said, lines, begun);
    assert!(said.iter().all(|line| line.contains(advice)), "{said:?}");
    cutter.calm();
    for i in 0..PODS {
        assert_eq!(scene.bound(&format!("p{i}")).await, node);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_real_thing() {
    let Some(plane) = ControlPlane::start("on_the_real_thing").await else { return };
    let rest = Rest(plane.client().await);
    let good = fs::read_to_string(plane.kubeconfig()).expect("the harness writes it");
    let good: Value = serde_json::from_str(&good).expect("it is JSON");
    let (cluster, user) = (&good["clusters"][0]["cluster"], &good["users"][0]["user"]);
    let port = plane.url().rsplit(':').next().and_then(|port| port.parse().ok());
    let apiserver = SocketAddr::from((Ipv4Addr::LOCALHOST, port.expect("it has a port")));

    // A token that nobody has.
    let kubeconfig = Kubeconfig::new(cluster, &json!({"token": "nonsense"}));
    one_line(&kubeconfig, "401 Unauthorized; the API server does not know berth's credentials")
        .await;

    // Plain text to a port that wants TLS.
    let kubeconfig = Kubeconfig::new(&json!({"server": format!("http://{apiserver}")}), user);
    one_line(&kubeconfig, "the address is not that of a Kubernetes API server").await;

    // Another certificate authority.
    let relay = Relay::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), apiserver).await;
    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
    let pem = stranger.expect("a certificate can be made").cert.pem();
    let mut other = cluster.clone();
    other["server"] = json!(format!("https://{}", relay.address));
    let own = other.clone();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("ca.pem");
    fs::write(&file, pem).expect("the certificate can be written");
    other["certificate-authority"] = json!(file);
    let kubeconfig = Kubeconfig::new(&other, user);
    let begun = Instant::now();
    let berth = Berth::start(&kubeconfig.path(), "berth", &[]);
    let often = async || (relay.connections() >= 3 * TRIES).then_some(());
    berth.wait_for("several tries", often).await;
    let said = of_watches(&berth);
    are_few(&said, 1, begun);
    let words = ["certificate", "check the certificate-authority of the kubeconfig"];
    assert!(words.iter().all(|word| said[0].contains(word)), "{said:?}");
    berth.stop().await;

    // Nobody at the address, and then somebody.
    let address = relay.end().await;
    let kubeconfig = Kubeconfig::new(&own, user);
    let begun = Instant::now();
    let berth = Berth::start(&kubeconfig.path(), "berth", &[]);
    berth.wait_for_log("Connection refused").await;
    let resources = json!({"cpu": "4", "memory": "32Gi", "pods": "16"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"},
        "status": {"capacity": resources, "allocatable": resources}});
    rest.create(NODES, &node).await;
    let _relay = Relay::start(address, apiserver).await;
    berth.wait_for_log("works again").await;
    berth.wait_for_log("scheduling begins").await;
    let said = of_watches(&berth);
    are_few(&said, 1, begun);
    let advice = "check the address and that the API server can be reached";
    assert!(said[0].contains(advice), "{said:?}");
    berth.stop().await;
}

/// berth says one line about its watches, with these words, and ends well when it is asked to.
async fn one_line(kubeconfig: &Kubeconfig, words: &str) {
    let begun = Instant::now();
    let berth = Berth::start(&kubeconfig.path(), "berth", &[]);
    berth.wait_for_log(words).await;
    berth.stop().await;
    are_few(&of_watches(&berth), 1, begun);
}

/// Passes connections on as they are, and counts them. Dropping it closes its port.
struct Relay {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    async fn start(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).await.expect("the port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut far = TcpStream::connect(to).await.expect("the API server is there");
                // Either side may break it off.
                tokio::spawn(async move { drop(copy_bidirectional(&mut near, &mut far).await) });
            }
        });
        Self { address, connections, task }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Closes its port, which it gives.
    async fn end(self) -> SocketAddr {
        self.task.abort();
        // It is over once it says so.
        drop(self.task.await);
        self.address
    }
}
