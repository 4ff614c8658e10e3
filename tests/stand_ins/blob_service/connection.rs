//! Sockets: accepts them, speaks TLS if told, and lets faults happen.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Shared,
    answer::{Refusal, answer, refuse},
    fault::{self, Effect},
    locked,
    request::Request,
};

pub(crate) async fn accept(listener: TcpListener, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (shared, tls) = (shared.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(socket, shared).await,
                Some(config) => {
                    if let Ok(socket) = TlsAcceptor::from(config).accept(socket).await {
                        serve(socket, shared).await;
                    }
                }
            }
        });
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| respond(request, shared.clone()));
    // A connection that a fault closes, or that the client leaves, is no event here.
    http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
}

async fn respond(incoming: hyper::Request<Incoming>, shared: Arc<Shared>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = incoming.into_parts();
    let request = Request::new(&parts);
    locked(&shared.log).push(request.line());
    let effect = fault::next(&mut locked(&shared.faults), request.operation());
    if effect.is_some() {
        shared.failed.fetch_add(1, Ordering::SeqCst);
    }
    match effect {
        Some(Effect::Reset) => return Err(closed()),
        Some(Effect::StopReading) => std::future::pending::<()>().await,
        _ => {}
    }
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let late = std::mem::take(&mut locked(&shared.store).late);
    for (request, body) in late {
        request.answer(body, &mut locked(&shared.store));
    }
    let head = request.method == "HEAD";
    match effect {
        Some(Effect::Busy(seconds)) => {
            let mut busy = refuse(Refusal(503, "ServerBusy"), head);
            if let Some(seconds) = seconds {
                busy.headers_mut().insert("retry-after", seconds.into());
            }
            Ok(busy)
        }
        Some(Effect::Refuse(status, code)) if (300..400).contains(&status) => {
            Ok(answer(status, &[("location", format!("https://elsewhere.invalid/{code}"))], ""))
        }
        Some(Effect::Refuse(status, code)) => Ok(refuse(Refusal(status, code), head)),
        Some(Effect::Late) => {
            locked(&shared.store).late.push((request, body));
            Err(closed())
        }
        Some(Effect::LoseAnswer) => {
            request.answer(body, &mut locked(&shared.store));
            Err(closed())
        }
        Some(Effect::NeverAnswer) => std::future::pending().await,
        _ => Ok(request.answer(body, &mut locked(&shared.store))),
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "closed by a fault")
}
