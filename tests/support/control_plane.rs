//! An API server on loopback, for one test: [`ControlPlane`]. It is the real kube-apiserver with etcd, or
//! `berth apiserver`.
//!
//! A test that needs an API server starts one of its own, for about 4 s and 300 MB of memory if it is the
//! real one, or shares one with others through [`super::scene`].
//! There is no kubelet and no controller: what a test does not do does not happen.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::process::Process;
use super::users::{self, ADMIN, User};
use super::{require, upstream};

/// How long the API server may take to be ready.
const READY_DEADLINE: Duration = Duration::from_mins(2);
/// How long one look at the API server may take.
const PROBE_DEADLINE: Duration = Duration::from_secs(5);
/// How often an API server that is not ready is looked at.
const POLL: Duration = Duration::from_millis(50);
/// How often new ports are chosen where another program has taken the first ones.
const PORT_CHOICES_MAX: usize = 5;
/// What all of these programs log when another program has their port, but for the case.
const PORT_CLASH: &str = "address already in use";

/// Which API server a test runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Server {
    /// kube-apiserver with etcd.
    #[default]
    Upstream,
    /// `berth apiserver`, with TLS and a token. All users may do everything, and it forgets everything
    /// when it ends.
    Embedded,
}

/// What a test may ask of its control plane beyond the usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The API server. The fields below are for the upstream one.
    pub(crate) server: Server,
    /// Users besides the admin.
    pub(crate) users: Vec<User>,
    /// Flags for kube-apiserver after the usual ones, such as `--feature-gates=...`.
    pub(crate) apiserver_flags: Vec<String>,
}

/// A control plane with a data folder of its own.
///
/// Dropping it ends its programs and removes the folder.
pub(crate) struct ControlPlane {
    // The order is the order in which they end.
    apiserver: Option<Process>,
    /// None beside `berth apiserver`.
    etcd: Option<Process>,
    folder: TempDir,
    apiserver_command: ApiserverCommand,
}

impl ControlPlane {
    /// Starts a control plane with the admin as its only user and waits until it is ready.
    ///
    /// `None`, after a line that says so, where it cannot be built for want of Go.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        Self::start_with(test, &Options::default()).await
    }

    /// Starts a control plane as [`ControlPlane::start`] does, with this API server.
    pub(crate) async fn start_on(server: Server, test: &str) -> Option<Self> {
        Self::start_with(test, &Options { server, ..Options::default() }).await
    }

    /// Starts a control plane as [`ControlPlane::start`] does, with further users or flags.
    pub(crate) async fn start_with(test: &str, options: &Options) -> Option<Self> {
        require(test, "kube-apiserver", Self::try_start(options).await)
    }

    /// The address of the API server.
    pub(crate) fn url(&self) -> String {
        self.apiserver_command.ports.apiserver_url()
    }

    /// The path of the admin's kubeconfig file.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig_for(ADMIN)
    }

    /// The path of a user's kubeconfig file.
    #[track_caller]
    pub(crate) fn kubeconfig_for(&self, user: &str) -> PathBuf {
        let path = users::kubeconfig_path(self.folder.path(), user);
        assert!(path.exists(), "the control plane was started without the user {user}");
        path
    }

    /// A client with the rights of the admin.
    pub(crate) async fn client(&self) -> Client {
        self.client_for(ADMIN).await
    }

    /// A client with the rights of a user.
    pub(crate) async fn client_for(&self, user: &str) -> Client {
        let kubeconfig = self.kubeconfig_for(user);
        users::client(&kubeconfig).await.expect("the harness writes kubeconfig files that work")
    }

    /// Ends the API server, as in an outage: etcd keeps what it has.
    pub(crate) fn stop_apiserver(&mut self) {
        self.apiserver = None;
    }

    /// Starts the API server again at the same address, and waits until it is ready.
    pub(crate) async fn start_apiserver(&mut self) {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            match self.try_start_apiserver().await {
                // The kubeconfig files name the port, so it has to be this one.
                Err(error) if is_port_clash(&error) && Instant::now() < deadline => {
                    sleep(POLL).await;
                }
                done => return done.expect("the API server starts again"),
            }
        }
    }

    async fn try_start(options: &Options) -> Result<Option<Self>> {
        let (etcd, apiserver) = match options.server {
            Server::Upstream => {
                let etcd = upstream::binary("etcd")?;
                let (Some(etcd), Some(apiserver)) = (etcd, upstream::binary("kube-apiserver")?)
                else {
                    return Ok(None);
                };
                (Some(etcd), apiserver)
            }
            Server::Embedded => {
                let upstream_only = options.users.len() + options.apiserver_flags.len();
                ensure!(upstream_only == 0, "berth apiserver has no users and none of those flags");
                (None, PathBuf::from(env!("CARGO_BIN_EXE_berth")))
            }
        };
        for _ in 1..PORT_CHOICES_MAX {
            match Self::launch(etcd.as_deref(), &apiserver, options).await {
                Err(error) if is_port_clash(&error) => {}
                done => return done.map(Some),
            }
        }
        Self::launch(etcd.as_deref(), &apiserver, options).await.map(Some)
    }

    async fn launch(etcd: Option<&Path>, apiserver: &Path, options: &Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("berth-control-plane-").tempdir()?;
        let ports = Ports::choose()?;
        users::write(folder.path(), &ports.apiserver_url(), &options.users)?;
        let etcd_log = folder.path().join("etcd.log");
        let start = |etcd| Process::spawn(&mut etcd_command(etcd, folder.path(), ports), &etcd_log);
        let etcd = etcd.map(start).transpose()?;
        let apiserver_command = ApiserverCommand {
            server: options.server,
            binary: apiserver.to_owned(),
            ports,
            flags: options.apiserver_flags.clone(),
        };
        let mut plane = Self { apiserver: None, etcd, folder, apiserver_command };
        plane.try_start_apiserver().await?;
        Ok(plane)
    }

    async fn try_start_apiserver(&mut self) -> Result<()> {
        let log = self.folder.path().join("kube-apiserver.log");
        let mut command = self.apiserver_command.build(self.folder.path());
        self.apiserver = Some(Process::spawn(&mut command, &log)?);
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            let probed = self.probe().await;
            // After the probe: an answer may be another etcd's where ours did not get its port.
            self.check_alive()?;
            match probed {
                Ok(()) => return Ok(()),
                Err(_) if Instant::now() < deadline => sleep(POLL).await,
                Err(error) => return Err(error.context(self.not_ready())),
            }
        }
    }

    /// Whether the API server is ready and has made the namespace that tests use.
    async fn probe(&self) -> Result<()> {
        let look = async {
            let client = users::client(&self.kubeconfig()).await?;
            client.request_text(http::Request::get("/readyz").body(Vec::new())?).await?;
            Api::<Namespace>::all(client).get("default").await?;
            Ok(())
        };
        timeout(PROBE_DEADLINE, look).await.context("no answer")?
    }

    fn check_alive(&mut self) -> Result<()> {
        let etcd = self.etcd.as_mut().map(|process| ("etcd", process));
        let apiserver = self.apiserver.as_mut().map(|process| ("the API server", process));
        for (name, process) in etcd.into_iter().chain(apiserver) {
            if let Some(status) = process.exited()? {
                bail!("{name} ended early: {status}; its log ends so:\n{}", process.log_tail());
            }
        }
        Ok(())
    }

    fn not_ready(&self) -> String {
        let log = self.apiserver.as_ref().map(Process::log_tail).unwrap_or_default();
        let seconds = READY_DEADLINE.as_secs();
        format!("the API server is not ready after {seconds} s; its log ends so:\n{log}")
    }
}

/// Three loopback ports that were free a moment ago.
#[derive(Clone, Copy)]
struct Ports {
    etcd_client: u16,
    etcd_peer: u16,
    apiserver: u16,
}

impl Ports {
    fn choose() -> Result<Self> {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        // All three are held until all are known, so they differ.
        let (a, b, c) = (listen()?, listen()?, listen()?);
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        Ok(Self { etcd_client: port(&a)?, etcd_peer: port(&b)?, apiserver: port(&c)? })
    }

    fn apiserver_url(self) -> String {
        format!("https://127.0.0.1:{}", self.apiserver)
    }

    fn etcd_url(self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_client)
    }
}

/// What it takes to start the API server, and to start it again.
struct ApiserverCommand {
    server: Server,
    binary: PathBuf,
    ports: Ports,
    flags: Vec<String>,
}

impl ApiserverCommand {
    fn build(&self, folder: &Path) -> Command {
        match self.server {
            Server::Upstream => self.build_upstream(folder),
            Server::Embedded => self.build_embedded(folder),
        }
    }

    fn build_embedded(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["apiserver", "--address", &format!("127.0.0.1:{}", self.ports.apiserver)])
            // Its certificate is in the kubeconfig file, which it writes over the one that is there.
            .args(["--tls", "--token", "token-of-admin", "--kubeconfig-out"])
            .arg(users::kubeconfig_path(folder, ADMIN))
            .env_remove("RUST_LOG");
        command
    }

    fn build_upstream(&self, folder: &Path) -> Command {
        let certs = folder.join("certs");
        // It writes this key before it reads those for service accounts, so one does for both.
        let key = certs.join("apiserver.key");
        let mut command = Command::new(&self.binary);
        command
            .args(["--etcd-servers", &self.ports.etcd_url()])
            .args(["--secure-port", &self.ports.apiserver.to_string()])
            .args(["--bind-address", "127.0.0.1", "--cert-dir"])
            .arg(certs)
            // It refuses to advertise a loopback address.
            .args(["--advertise-address", "10.0.0.10", "--endpoint-reconciler-type", "none"])
            .arg("--service-account-key-file")
            .arg(&key)
            .arg("--service-account-signing-key-file")
            .arg(&key)
            .args(["--service-account-issuer", "https://kubernetes.default.svc"])
            .args(["--service-cluster-ip-range", "10.0.0.0/24", "--token-auth-file"])
            .arg(folder.join("tokens.csv"))
            .args(["--authorization-mode", "RBAC"])
            // Both need a controller that is not here.
            .args(["--disable-admission-plugins", "ServiceAccount,TaintNodesByCondition"])
            .arg("--enable-priority-and-fairness=false")
            .args(["--max-requests-inflight", "3000"])
            .args(["--max-mutating-requests-inflight", "1000"])
            .args(&self.flags);
        command
    }
}

fn etcd_command(binary: &Path, folder: &Path, ports: Ports) -> Command {
    let client = ports.etcd_url();
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    let mut command = Command::new(binary);
    command
        .arg("--data-dir")
        .arg(folder.join("etcd"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        .args(["--unsafe-no-fsync", "--log-level", "warn"]);
    command
}

fn is_port_clash(error: &anyhow::Error) -> bool {
    format!("{error:#}").to_lowercase().contains(PORT_CLASH)
}
