//! The one HTTP client: our roots, our proxy, our time-outs, and faults that hold no URL.

use std::{
    error::Error as StdError,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use azure_core::{
    error::{Error as AzureError, ErrorKind as AzureErrorKind},
    http::{AsyncRawResponse, Body, HttpClient, Method, Request, Transport, headers::Headers},
};
use bytes::{Bytes, BytesMut};
use futures::stream;
use reqwest::{Client, Proxy, Url, redirect};
use ropeway_engine::{Error, ErrorKind, Result};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use secrecy::ExposeSecret;

use super::{account::is_loopback, spec::Ropeway};

const CONNECT: Duration = Duration::from_secs(20);
const STALL: u32 = 60;
/// Upload pieces: what the stall watch sees as progress.
const PIECE: usize = 64 << 10;
/// The largest answer that is read: a list of 100,000 blocks has about 15 MiB.
const LONGEST_ANSWER: usize = 32 << 20;
const LONGEST_ERROR: usize = 64 << 10;

/// Why no complete answer came. None of these texts holds a URL.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WireFault {
    #[error("the name of the host was not found")]
    Name,
    #[error("the host refused the connection")]
    Refused,
    #[error("the certificate was not accepted: {0}")]
    Certificate(String),
    #[error("the proxy refused to open a way to the host")]
    Proxy,
    #[error("the proxy wants a user and a password, or other ones")]
    ProxyLogin,
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no byte moved for {0} s")]
    Stalled(u64),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the answer is longer than any answer of a blob service")]
    TooLong,
}

/// Pieces that moved over all connections of one client, in both directions.
pub(crate) type Moved = Arc<AtomicU64>;

/// Makes the client for this service; what it moves is added to `moved`.
///
/// # Errors
/// [`ErrorKind::Spec`] for an unreadable CA bundle or a proxy that is no URL.
pub(crate) fn transport(endpoint: &Url, settings: &Ropeway, moved: Moved) -> Result<Transport> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(settings.ca_bundle.as_deref())?)
        .http1_only()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(60))
        .user_agent(concat!("ropeway/", env!("CARGO_PKG_VERSION")));
    if let Some(proxy) = &settings.proxy {
        let proxy = Proxy::all(proxy.expose_secret())
            .map_err(|_| Error::new(ErrorKind::Spec, "the proxy is no URL; write it like http://proxy.example:3128"))?;
        builder = builder.no_proxy().proxy(proxy);
    } else if is_loopback(endpoint) {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(|error| {
        Error::new(ErrorKind::Bug, "the HTTP client could not be made; please report it").caused_by(error.without_url())
    })?;
    let stall = Duration::from_secs(settings.stall_seconds.unwrap_or(STALL).max(1).into());
    Ok(Transport::new(Arc::new(Wire { client, stall, moved })))
}

/// TLS 1.2 and 1.3 with the system's authorities and those of the bundle.
pub(crate) fn tls(bundle: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = bundle {
        let unreadable = |reason: String| {
            Error::new(ErrorKind::Spec, "the CA bundle cannot be used; give a PEM file of certificates")
                .with("path", path.display())
                .with("reason", reason)
        };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
        let mut count = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(unreadable("it holds no certificate".into()));
        }
    }
    if roots.is_empty() {
        return Err(Error::new(
            ErrorKind::Spec,
            "this system trusts no certificate authority; install the package 'ca-certificates' or give a CA bundle",
        ));
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|config| config.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| Error::new(ErrorKind::Bug, "TLS could not be set up; please report it").caused_by(error))
}

#[derive(Debug)]
struct Wire {
    client: Client,
    stall: Duration,
    moved: Moved,
}

/// Counts the pieces of one request, and adds them to those of the client.
#[derive(Debug)]
struct Meter {
    request: AtomicU64,
    all: Moved,
}

impl Meter {
    fn tick(&self) {
        self.request.fetch_add(1, Ordering::Relaxed);
        self.all.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let progress = Arc::new(Meter { request: AtomicU64::new(0), all: Arc::clone(&self.moved) });
        tokio::select! {
            answer = self.exchange(request, &progress) => answer.map_err(|fault| {
                let kind = match fault {
                    WireFault::Name
                    | WireFault::Refused
                    | WireFault::Certificate(_)
                    | WireFault::Proxy
                    | WireFault::ProxyLogin
                    | WireFault::Connect(_) => AzureErrorKind::Connection,
                    WireFault::Stalled(_) | WireFault::Broken(_) | WireFault::TooLong => AzureErrorKind::Io,
                };
                AzureError::new(kind, fault)
            }),
            () = standstill(&progress.request, self.stall) => {
                Err(AzureError::new(AzureErrorKind::Io, WireFault::Stalled(self.stall.as_secs())))
            }
        }
    }
}

impl Wire {
    /// Sends the request and reads the whole answer; counts every piece that moves.
    async fn exchange(&self, request: &Request, progress: &Arc<Meter>) -> Result<AsyncRawResponse, WireFault> {
        let Body::Bytes(bytes) = request.body() else {
            return Err(WireFault::Broken("a request has no bytes".into()));
        };
        let mut outgoing = self.client.request(method(request.method())?, request.url().clone());
        for (name, value) in request.headers().iter().filter(|(name, _)| name.as_str() != "content-length") {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        if request.method() == Method::Put || !bytes.is_empty() {
            outgoing = outgoing.header("content-length", bytes.len());
        }
        outgoing = outgoing.body(pieces(bytes, progress));
        let mut answer = outgoing.send().await.map_err(fault)?;
        progress.tick();
        let status = answer.status();
        let mut headers = Headers::new();
        for (name, value) in answer.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let limit = if status.is_success() { LONGEST_ANSWER } else { LONGEST_ERROR };
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(fault)? {
            progress.tick();
            if body.len() + piece.len() > limit {
                return Err(WireFault::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(AsyncRawResponse::from_bytes(status.as_u16().into(), headers, body.freeze()))
    }
}

/// The body in slices of the same memory, so that progress is seen while a slow line takes it.
fn pieces(bytes: &Bytes, progress: &Arc<Meter>) -> reqwest::Body {
    if bytes.len() <= PIECE {
        return bytes.clone().into();
    }
    let (mut rest, progress) = (bytes.clone(), Arc::clone(progress));
    reqwest::Body::wrap_stream(stream::iter(std::iter::from_fn(move || {
        progress.tick();
        (!rest.is_empty()).then(|| Ok::<_, io::Error>(rest.split_to(PIECE.min(rest.len()))))
    })))
}

/// Returns once nothing moved for that long. A whole-request limit would fail slow lines instead.
async fn standstill(progress: &AtomicU64, stall: Duration) {
    let mut seen = u64::MAX;
    loop {
        let now = progress.load(Ordering::Relaxed);
        if now == seen {
            return;
        }
        seen = now;
        tokio::time::sleep(stall).await;
    }
}

/// What a failure of the client was, without its URL.
pub(crate) fn fault(error: reqwest::Error) -> WireFault {
    let connecting = error.is_connect();
    let error = error.without_url();
    let mut texts = vec![error.to_string()];
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        let inside = cause.downcast_ref::<io::Error>();
        if let Some(rustls::Error::InvalidCertificate(reason)) = tls_error(cause) {
            return WireFault::Certificate(reason.to_string());
        }
        if inside.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
            return WireFault::Refused;
        }
        texts.push(cause.to_string());
        next = cause.source();
    }
    if texts.iter().any(|text| text.starts_with("dns error") || text.contains("failed to lookup address")) {
        return WireFault::Name;
    }
    // The client tells these only in words.
    if connecting && texts.iter().any(|text| text.contains("proxy authorization required")) {
        return WireFault::ProxyLogin;
    }
    if connecting && texts.iter().any(|text| text.starts_with("tunnel error: unsuccessful")) {
        return WireFault::Proxy;
    }
    let text = texts.join(": ");
    if connecting { WireFault::Connect(text) } else { WireFault::Broken(text) }
}

/// An `io::Error` may wrap another one, and its `source` leaves out what it wraps.
fn tls_error<'a>(mut cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    while let Some(io) = cause.downcast_ref::<io::Error>() {
        cause = io.get_ref()?;
    }
    cause.downcast_ref()
}

fn method(method: Method) -> Result<reqwest::Method, WireFault> {
    method.as_ref().parse().map_err(|_| WireFault::Broken("a request has no method".into()))
}
