//! An address that a service is served at, over plain TCP or TLS, with HTTP/1.1 and HTTP/2. What it takes
//! from strangers is bounded: connections, their headers, and how long they may do nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tracing::{error, warn};

use super::connection::{Activity, Attendant, asked};
use crate::units::Map;

/// How long nothing is accepted after an error that will not go away at once, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Connections that wait to be accepted, at most, at an address that is shared.
const BACKLOG: u32 = 1024;

/// How often the same trouble of a listener is said again.
const SAID_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// What a listener takes from its clients. Handshakes and headers have limits of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. One more takes the place of the one that has been idle for longest; where all
    /// have requests that are being answered, it is closed.
    pub connections_max: usize,
    /// Requests at once in an HTTP/2 connection.
    pub streams_max: u32,
    /// How long a connection may be without a request. Before the first one a shorter limit holds.
    pub idle_max: Duration,
    /// How long a connection may have requests of which none begins or ends. `None` where answers may go on
    /// for ever, as watches do.
    pub busy_max: Option<Duration>,
    /// How long an answer may wait for its client to take more of it. It is looked at this often, so that
    /// a connection may last twice as long.
    pub stalled_max: Duration,
}

/// An address that is taken, and where nothing is accepted yet.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes `address`; with port 0 the system chooses one. Needs no runtime.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Takes `address` so that others of this user may take it, too (SO_REUSEPORT). Needs a tokio runtime
    /// around.
    pub fn bind_shared(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?.into_std()?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// The address, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `service` in a task of the current tokio runtime, over TLS if there is a configuration for it.
    pub fn serve(
        self,
        tls: Option<Arc<ServerConfig>>,
        service: Router,
        limits: Limits,
    ) -> io::Result<Serving> {
        let socket = TcpListener::from_std(self.socket)?;
        let (stop, stopped) = watch::channel(false);
        let loop_ = Loop {
            attendant: Attendant { service, tls: tls.map(TlsAcceptor::from), limits, stopped },
            tasks: JoinSet::new(),
            connections: Map::default(),
            not_accepted: Said::default(),
            refused: Said::default(),
        };
        let task = tokio::spawn(loop_.run(socket));
        Ok(Serving { address: self.address, stop, task })
    }
}

/// A service that is being served. Dropping it closes the address and all connections.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Serving {
    /// The address it is served at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more, closes idle connections, waits for requests that are being answered, and after
    /// `at_most` closes those, too.
    pub async fn shutdown(mut self, at_most: Duration) {
        self.stop.send_replace(true);
        // What is still there then goes with the drop.
        drop(tokio::time::timeout(at_most, &mut self.task).await);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task that accepts, and the connections that it has accepted.
struct Loop {
    attendant: Attendant,
    tasks: JoinSet<()>,
    connections: Map<Id, Connection>,
    not_accepted: Said,
    refused: Said,
}

/// A connection as the loop sees it.
struct Connection {
    task: AbortHandle,
    activity: Arc<Activity>,
}

impl Loop {
    async fn run(mut self, socket: TcpListener) {
        let mut stopped = self.attendant.stopped.clone();
        loop {
            tokio::select! {
                biased;
                () = asked(&mut stopped) => break,
                Some(ended) = self.tasks.join_next_with_id() => self.forget(ended),
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => self.take(stream),
                    Err(error) => self.endure(&error).await,
                },
            }
        }
        drop(socket);
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.forget(ended);
        }
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    error!("the answer to a request has panicked: {error}");
                }
                error.id()
            }
        };
        self.connections.remove(&id);
    }

    fn take(&mut self, stream: TcpStream) {
        if self.connections.len() >= self.attendant.limits.connections_max && !self.make_room() {
            if self.refused.is_due() {
                let limit = self.attendant.limits.connections_max;
                warn!("all {limit} connections are answering requests; another one is closed");
            }
            return;
        }
        let activity = Arc::new(Activity::new());
        let attended = self.attendant.clone().attend(stream, Arc::clone(&activity));
        let task = self.tasks.spawn(attended);
        self.connections.insert(task.id(), Connection { task, activity });
    }

    /// Closes the connection that has been idle for longest.
    fn make_room(&mut self) -> bool {
        let idle = self.connections.iter().filter_map(|(id, connection)| {
            connection.activity.idle_since().map(|since| (since, *id))
        });
        let Some((_, id)) = idle.min_by_key(|(since, _)| *since) else { return false };
        if let Some(connection) = self.connections.remove(&id) {
            connection.task.abort();
        }
        true
    }

    /// Goes on after an error of `accept`.
    async fn endure(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        // These are of the one connection that was to be accepted.
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
        ) {
            return;
        }
        if self.not_accepted.is_due() {
            warn!("no connection can be accepted, it is tried on: {error}");
        }
        // Where files have run out, an idle connection has one.
        self.make_room();
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// When something was said last.
#[derive(Debug, Default)]
struct Said(Option<Instant>);

impl Said {
    /// Whether it is to be said now; if so, it counts as said.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.0.is_none_or(|last| now.duration_since(last) >= SAID_AGAIN_AFTER);
        if due {
            self.0 = Some(now);
        }
        due
    }
}
