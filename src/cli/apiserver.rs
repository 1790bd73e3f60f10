//! `berth apiserver`: a Kubernetes API in memory, until it is told to stop.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_rustls::rustls::ServerConfig;

use crate::actors::controllers::{self, ControllerOptions};
use crate::actors::kubelets::{self, KubeletOptions, NewNodes};
use crate::apiserver::kubeconfig::{kubeconfig, write_private};
use crate::apiserver::server::{Options, Server};
use crate::client;
use crate::playground;
use crate::runtime::StopSignals;
use crate::server::listener::Listener;
use crate::server::tls;
use crate::telemetry;

use super::args::ApiserverArgs;
use super::{failed, refuse};

/// Bytes of a token file at most.
const TOKEN_BYTES_MAX: usize = 4096;

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(
        "--address {0}: beyond loopback it takes a token (--token or --token-file) and TLS (--tls, or --tls-cert-file and --tls-private-key-file)"
    )]
    Unguarded(SocketAddr),
    #[error("--address {address}: {error}")]
    Bind { address: SocketAddr, error: io::Error },
    #[error("{path}: {error}")]
    Token { path: String, error: io::Error },
    #[error("{0}: must be 1 to {TOKEN_BYTES_MAX} visible ASCII characters")]
    TokenText(String),
    #[error("{0}")]
    Tls(#[from] tls::TlsError),
    #[error("{path}: {error}")]
    Kubeconfig { path: String, error: io::Error },
}

/// Serves the API. The exit code is 0 after an ordered stop, 2 where it could not start for a reason that
/// lies in what it was given, 1 for anything else.
#[must_use]
pub fn execute(args: &ApiserverArgs) -> ExitCode {
    if let Err(error) = telemetry::init(args.log.logging_format, args.log.verbosity) {
        return refuse(&error);
    }
    let prepared = match prepare(args) {
        Ok(prepared) => prepared,
        Err(refusal) => return refuse(&refusal),
    };
    // One thread: a request costs about as much as waking another thread would, and the store has one
    // lock anyway. It leaves the other cores to the clients, which are mostly on the same machine.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no runtime could be started: {error}")),
    };
    let outcome = runtime.block_on(serve(args, prepared));
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("{error:#}")),
    }
}

/// An address that is taken, and what is served there.
struct Prepared {
    listener: Listener,
    options: Options,
    /// A kubeconfig that leads there.
    kubeconfig: String,
    /// The line that says how to use it.
    hint: String,
}

fn prepare(args: &ApiserverArgs) -> Result<Prepared, Refusal> {
    let token = token(args)?;
    let (tls, authority) = certificate(args)?;
    if !args.address.ip().is_loopback() && (token.is_none() || tls.is_none()) {
        return Err(Refusal::Unguarded(args.address));
    }
    let listener = Listener::bind(args.address)
        .map_err(|error| Refusal::Bind { address: args.address, error })?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.address());
    let kubeconfig = kubeconfig(&url, token.as_deref(), authority.as_deref());
    let how = if let Some(path) = &args.kubeconfig_out {
        write_private(path, &kubeconfig)
            .map_err(|error| Refusal::Kubeconfig { path: path.display().to_string(), error })?;
        format!("use it with: export KUBECONFIG={}", path.display())
    } else if tls.is_none() && token.is_none() {
        format!("use it with: kubectl --server={url} get namespaces")
    } else {
        "--kubeconfig-out FILE writes a kubeconfig for it".to_owned()
    };
    let hint = format!("serving at {url}; {how}");
    let options = Options { token, tls, ..Options::default() };
    Ok(Prepared { listener, options, kubeconfig, hint })
}

async fn serve(args: &ApiserverArgs, prepared: Prepared) -> anyhow::Result<()> {
    let mut stop = StopSignals::of_process()?;
    let server = Server::start(prepared.listener, prepared.options)?;
    let nodes = NewNodes { count: args.nodes, ..NewNodes::default() };
    playground::create_nodes(server.api(), &nodes)?;
    let actors = actors(args, &prepared.kubeconfig).await?;
    // Whoever started it may have closed standard output.
    drop(writeln!(io::stdout(), "{}", prepared.hint));
    stop.first().await;
    drop(actors);
    server.shutdown().await;
    Ok(())
}

/// Starts those who are wanted; they end when what is returned is dropped.
async fn actors(args: &ApiserverArgs, kubeconfig: &str) -> anyhow::Result<JoinSet<()>> {
    let mut actors = JoinSet::new();
    if !args.kubelets && !args.controllers {
        return Ok(actors);
    }
    // They come in by the front door, as anybody else.
    let folder = tempfile::Builder::new().prefix("berth-apiserver-").tempdir()?;
    let path = folder.path().join("kubeconfig");
    write_private(&path, kubeconfig)?;
    let (client, _) = client::connect(&client::Source::Kubeconfig(path)).await?;
    if args.kubelets {
        let options = KubeletOptions::default();
        actors.spawn(kubelets::run(client.clone(), options, std::future::pending()));
    }
    if args.controllers {
        let options = ControllerOptions::default();
        actors.spawn(controllers::run(client, options, std::future::pending()));
    }
    Ok(actors)
}

fn token(args: &ApiserverArgs) -> Result<Option<String>, Refusal> {
    let (name, token) = match (&args.token, &args.token_file) {
        (Some(token), _) => ("--token".to_owned(), token.clone()),
        (None, Some(path)) => {
            let name = path.display().to_string();
            let text = fs::read_to_string(path)
                .map_err(|error| Refusal::Token { path: name.clone(), error })?;
            (name, text.trim().to_owned())
        }
        (None, None) => return Ok(None),
    };
    let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !visible {
        return Err(Refusal::TokenText(name));
    }
    Ok(Some(token))
}

/// What HTTPS needs, and the certificate that clients check it by, where it was made here.
fn certificate(
    args: &ApiserverArgs,
) -> Result<(Option<Arc<ServerConfig>>, Option<String>), Refusal> {
    if let (Some(certificate), Some(key)) = (&args.tls_cert_file, &args.tls_private_key_file) {
        return Ok((Some(tls::from_files(certificate, key)?), None));
    }
    if !args.tls {
        return Ok((None, None));
    }
    let made = tls::self_signed(&args.address.ip().to_string())?;
    Ok((Some(made.config), Some(made.certificate_pem)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Command, try_parse_from};

    fn args(flags: &[&str]) -> ApiserverArgs {
        let line = ["berth", "apiserver"].into_iter().chain(flags.iter().copied());
        match try_parse_from(line).unwrap().command {
            Command::Apiserver(args) => args,
            other => panic!("{other:?}"),
        }
    }

    fn refused(flags: &[&str]) -> String {
        prepare(&args(flags)).err().map(|refusal| refusal.to_string()).unwrap_or_default()
    }

    #[test]
    fn beyond_loopback_it_wants_a_token_and_tls() {
        for flags in [&[][..], &["--token", "x"], &["--tls"]] {
            let flags = [&["--address", "0.0.0.0:0"], flags].concat();
            assert!(refused(&flags).contains("beyond loopback"), "{flags:?}");
        }
        assert_eq!(refused(&["--address", "0.0.0.0:0", "--token", "x", "--tls"]), "");
        assert_eq!(refused(&["--address", "[::1]:0"]), "");
    }

    #[test]
    fn tokens_are_visible_text() {
        assert!(refused(&["--token", "a b"]).starts_with("--token:"));
        assert!(refused(&["--token", ""]).starts_with("--token:"));
        assert!(refused(&["--token-file", "/no/such/file"]).starts_with("/no/such/file:"));
    }
}
