//! `berth apiserver` under far more connections than it takes: whoever comes next is served all the time,
//! and its memory stays bounded. Client and server are two processes.

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use support::memory::resident_kib;
use support::process::Process;
use support::say;

/// Connections that are opened and left alone.
const IDLE: usize = 10_000;
/// Files that this process has open besides.
const FILES_BESIDES: usize = 200;
/// How often somebody else asks for something meanwhile.
const ASKED_EVERY: usize = 500;
/// What the server may have in memory, in kB. It holds 4,096 connections at once.
const MEMORY_MAX_KB: u64 = 128 << 10;
/// How long it may take to start, or to answer.
const DEADLINE: Duration = Duration::from_mins(1);

/// The answer to a GET on a connection of its own, if there is one.
fn ask(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[track_caller]
fn serves(address: SocketAddr) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = ask(address, "/api/v1/namespaces/default");
        if answer.as_deref().is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            return;
        }
        // Between two strangers a connection without a request yet may be the one that makes room.
        assert!(Instant::now() < deadline, "{answer:?}");
    }
}

/// Where the server says that it listens.
fn address(log: &std::path::Path) -> SocketAddr {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        let found = text.split_once("http://").map(|(_, rest)| rest);
        let found = found.and_then(|rest| {
            let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit())?;
            rest[..end].parse().ok()
        });
        if let Some(address) = found {
            return address;
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn ten_thousand_idle_connections() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = (IDLE + FILES_BESIDES) as u64;
    let allowed = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum }).unwrap();
    let idle = usize::try_from(allowed).unwrap().saturating_sub(FILES_BESIDES).min(IDLE);
    if idle < IDLE {
        say(&format!("only {allowed} files may be open here: {idle} idle connections"));
    }

    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.args(["apiserver", "--address", "127.0.0.1:0"]).env_remove("RUST_LOG");
    let server = Process::spawn(&mut command, &log).unwrap();
    let address = address(&log);
    serves(address);

    let mut strangers = Vec::with_capacity(idle);
    for i in 0..idle {
        let mut stranger = TcpStream::connect(address).unwrap();
        // Some say nothing, some stop half way, some had an answer.
        let said: &[u8] = match i % 3 {
            0 => b"",
            1 => b"GET /api HTTP/1.1\r\nhost: a\r\nslow: ",
            _ => b"GET /api HTTP/1.1\r\nhost: a\r\n\r\n",
        };
        // Those that are closed in the meantime cannot be written to.
        let _ = stranger.write_all(said);
        strangers.push(stranger);
        if i % ASKED_EVERY == 0 {
            serves(address);
        }
    }
    serves(address);
    let memory = resident_kib(server.id());
    assert!(memory < MEMORY_MAX_KB, "{memory} kB");
    drop(strangers);
    serves(address);
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains("panic"), "{text}");
}
