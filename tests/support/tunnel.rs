//! Proxies as companies have them, on loopback: [`Tunnel`], by CONNECT or by SOCKS 5. It leads to one
//! address, whatever name it is asked for, so that a test can use names that nothing resolves: what gets
//! through came this way.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::listening::Listening;

/// Bytes of a request that is read.
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// How a client asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Connect,
    Socks5,
}

/// The running proxy. Dropping it ends it with all its connections.
pub(crate) struct Tunnel {
    listening: Listening,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// Starts a proxy that leads to `port` of loopback.
    pub(crate) async fn start(way: Way, port: u16) -> Self {
        let asked = Arc::<Mutex<_>>::default();
        let noted = Arc::clone(&asked);
        let listening = Listening::start(move |stream| {
            let noted = Arc::clone(&noted);
            async move {
                // It breaks off where berth or the API server does.
                let _ = serve(stream, way, port, &noted).await;
            }
        });
        Self { listening: listening.await, asked }
    }

    /// Where it listens, as `host:port`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// What it was asked for, each with a line for the address and, if there was one, the proxy's password.
    pub(crate) fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

async fn serve(
    mut client: TcpStream,
    way: Way,
    port: u16,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let (request, answer) = match way {
        Way::Connect => (connect_request(&mut client).await?, &b"HTTP/1.1 200 OK\r\n\r\n"[..]),
        Way::Socks5 => (socks_request(&mut client).await?, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0][..]),
    };
    lock(asked).push(request);
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    client.write_all(answer).await?;
    io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Reads `CONNECT host:port HTTP/1.1` and its headers.
async fn connect_request(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= REQUEST_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let of_interest = |line: &&str| {
        line.starts_with("CONNECT ") || line.to_ascii_lowercase().starts_with("proxy-auth")
    };
    Ok(head.lines().filter(of_interest).collect::<Vec<_>>().join("\n"))
}

/// Reads the greeting, agrees to no authentication, and reads the request for a name.
async fn socks_request(client: &mut TcpStream) -> io::Result<String> {
    let [_version, methods] = read(client).await?;
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered).await?;
    client.write_all(&[5, 0]).await?;
    let [_version, _command, _reserved, kind, length] = read(client).await?;
    if kind != 3 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut name = vec![0; length.into()];
    client.read_exact(&mut name).await?;
    let port = client.read_u16().await?;
    Ok(format!("SOCKS {}:{port}", String::from_utf8_lossy(&name)))
}

async fn read<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn lock(asked: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}
