//! An HTTP proxy that only knows CONNECT, as those of companies do for HTTPS.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running proxy. It ends when this is dropped.
pub struct ConnectProxy {
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

/// Whom it lets through.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Everybody.
    Everybody,
    /// Only this user with this password.
    Only(&'static str, &'static str),
    /// Nobody: the answer has this status.
    Nobody(u16),
}

impl ConnectProxy {
    /// Starts it on a free port.
    pub async fn start(rule: Rule) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let log = Arc::<Mutex<Vec<String>>>::default();
        let kept = log.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // A tunnel ends when either end leaves, which is no event here.
                tokio::spawn(tunnel(socket, rule, kept.clone()));
            }
        });
        Self { address, log, accepting }
    }

    /// `host:port`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked for, and the status of the answer: `127.0.0.1:4711 200`.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn tunnel(mut socket: TcpStream, rule: Rule, log: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 8_192 {
            return None;
        }
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(" HTTP/1.")).map(|(target, _)| target);
    let status = match (target, rule) {
        (None, _) => 405,
        (_, Rule::Nobody(status)) => status,
        (_, Rule::Everybody) => 200,
        (_, Rule::Only(user, password)) => {
            let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
            let given = head.lines().filter_map(|line| line.split_once(": "));
            let mut given = given.filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
            if given.any(|(_, value)| value == expected) { 200 } else { 407 }
        }
    };
    let target = target.unwrap_or_default();
    log.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{target} {status}"));
    if status != 200 {
        let challenge = if status == 407 { "Proxy-Authenticate: Basic realm=\"proxy\"\r\n" } else { "" };
        let answer = format!("HTTP/1.1 {status} No\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n");
        return socket.write_all(answer.as_bytes()).await.ok();
    }
    let mut there = TcpStream::connect(target).await.ok()?;
    socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut socket, &mut there).await.ok().map(|_| ())
}
