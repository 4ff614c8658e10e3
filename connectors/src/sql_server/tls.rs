//! A TLS handshake of our own before the session's: to trust a certificate authority that only the
//! definition knows, and to tell a certificate's fault from a login's.
//!
//! `mssql-tds` verifies against the system's authorities or against one exact certificate. So where
//! the certificate is signed by an authority of `caBundle` it is verified here, with its host name,
//! and then pinned: the session accepts that certificate and no other.

use std::{io::Write as _, path::PathBuf, sync::Arc};

use ropeway_engine::{Error, ErrorKind, Result};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    browser,
    errors::{Place, untrusted},
    login::{Encrypt, Endpoint, Login},
};

/// A certificate that was verified, as a file for the session layer. The file goes with it.
#[derive(Debug)]
pub(crate) struct Pin(tempfile::NamedTempFile);

impl Pin {
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

/// [`pin`], within the time that a connection may take.
pub(crate) async fn pin_in_time(login: &Login) -> Result<Option<Pin>> {
    let limit = std::time::Duration::from_secs(u64::from(login.connect_timeout.max(1)));
    let late = |_| cut_off(login, std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(limit, pin(login)).await.map_err(late)?
}

/// Verifies the server's certificate and pins it if the system's authorities alone would not trust it.
async fn pin(login: &Login) -> Result<Option<Pin>> {
    let Some(bundle) = &login.ca_bundle else { return Ok(None) };
    if login.trust_server_certificate && login.encrypt != Encrypt::Strict || login.encrypt == Encrypt::Optional {
        return Ok(None);
    }
    let bundle = certificates(bundle)?;
    let port = match &login.server.endpoint {
        Endpoint::Port(port) => *port,
        Endpoint::Instance(name) => browser::port_of(&login.server.host, name).await?,
    };
    let mut stream = TcpStream::connect((login.server.host.as_str(), port)).await.map_err(|error| {
        Error::new(
            ErrorKind::Unavailable,
            "the server cannot be reached; check «server» in the linked service and the firewall",
        )
        .class(ropeway_engine::retry::RetryClass::Reconnect)
        .code("SqlFailedToConnect")
        .with("server", &login.server)
        .caused_by(error)
    })?;
    let chain = handshake(login, &mut stream, &bundle).await?;
    let leaf = chain.first().ok_or_else(|| distrust("the server showed no certificate", login))?;
    if verifier(&[])?.is_some_and(|system| verify(&system, login, &chain).is_ok()) {
        return Ok(None);
    }
    keep(leaf).map(Some).map_err(|error| {
        Error::new(
            ErrorKind::Unavailable,
            "the verified certificate cannot be kept; check the folder for temporary files",
        )
        .caused_by(error)
    })
}

/// The certificates that the server showed in a handshake that trusts `bundle` and the system.
async fn handshake(
    login: &Login,
    stream: &mut TcpStream,
    bundle: &[CertificateDer<'static>],
) -> Result<Vec<CertificateDer<'static>>> {
    let verifier = verifier(bundle)?
        .ok_or_else(|| distrust("there is no certificate authority on this machine or in the bundle", login))?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(bad_setup)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let strict = login.encrypt == Encrypt::Strict;
    if strict {
        config.alpn_protocols = vec![b"tds/8.0".to_vec()];
    } else {
        ask_for_encryption(login, stream).await?;
    }
    let mut connection = ClientConnection::new(Arc::new(config), name(login)?).map_err(bad_setup)?;
    while connection.is_handshaking() {
        let mut outgoing = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut outgoing).map_err(|error| cut_off(login, error))?;
        }
        if !outgoing.is_empty() {
            let message = if strict { outgoing } else { packet(&outgoing) };
            stream.write_all(&message).await.map_err(|error| cut_off(login, error))?;
        }
        if connection.is_handshaking() {
            let incoming = if strict { some_bytes(stream).await } else { read_packet(stream).await };
            let incoming = incoming.map_err(|error| cut_off(login, error))?;
            let mut rest = incoming.as_slice();
            while !rest.is_empty() {
                connection.read_tls(&mut rest).map_err(|error| cut_off(login, error))?;
                connection.process_new_packets().map_err(|error| distrust(&error.to_string(), login))?;
            }
        }
    }
    Ok(connection.peer_certificates().unwrap_or_default().to_vec())
}

/// PRELOGIN: version, encryption required, nothing else.
#[rustfmt::skip]
const PRELOGIN: [u8; 18] = [
    0x00, 0, 11, 0, 6,
    0x01, 0, 17, 0, 1,
    0xFF,
    0, 0, 0, 0, 0, 0,
    0x01,
];
const PRELOGIN_PACKET: u8 = 0x12;
const ENCRYPTION: u8 = 0x01;
const END_OF_OPTIONS: u8 = 0xFF;
const HEADER: usize = 8;

async fn ask_for_encryption(login: &Login, stream: &mut TcpStream) -> Result<()> {
    stream.write_all(&packet(&PRELOGIN)).await.map_err(|error| cut_off(login, error))?;
    let answer = read_packet(stream).await.map_err(|error| cut_off(login, error))?;
    match encryption(&answer) {
        // On, and required.
        Some(0x01 | 0x03) => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Spec,
            "the server offers no encryption; enable it at the server, or set «encrypt» to «optional» in the linked \
             service if clear text is acceptable on this network",
        )
        .with("server", &login.server)),
    }
}

/// What the server says of encryption.
fn encryption(answer: &[u8]) -> Option<u8> {
    let option = answer
        .chunks_exact(5)
        .take_while(|option| option[0] != END_OF_OPTIONS)
        .find(|option| option[0] == ENCRYPTION)?;
    answer.get(usize::from(u16::from_be_bytes([option[1], option[2]]))).copied()
}

fn packet(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() + HEADER) as u16;
    let [high, low] = length.to_be_bytes();
    let mut packet = vec![PRELOGIN_PACKET, 0x01, high, low, 0, 0, 1, 0];
    packet.extend_from_slice(payload);
    packet
}

async fn read_packet(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let mut payload = vec![0; length.saturating_sub(HEADER)];
    stream.read_exact(&mut payload).await?;
    Ok(payload)
}

async fn some_bytes(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; 16_384];
    let length = stream.read(&mut bytes).await?;
    if length == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Trusts the system's authorities and these; `None` if there are none at all.
fn verifier(more: &[CertificateDer<'static>]) -> Result<Option<Arc<WebPkiServerVerifier>>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(more.iter().cloned());
    if roots.is_empty() {
        return Ok(None);
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().map(Some).map_err(bad_setup)
}

fn verify(verifier: &WebPkiServerVerifier, login: &Login, chain: &[CertificateDer<'static>]) -> Result<()> {
    let (leaf, others) = chain.split_first().ok_or_else(|| distrust("the server showed no certificate", login))?;
    verifier
        .verify_server_cert(leaf, others, &name(login)?, &[], UnixTime::now())
        .map(drop)
        .map_err(|error| distrust(&error.to_string(), login))
}

fn name(login: &Login) -> Result<ServerName<'static>> {
    let host = login.host_name_in_certificate.as_ref().unwrap_or(&login.server.host);
    ServerName::try_from(host.clone()).map_err(|_| distrust("the server's name can be in no certificate", login))
}

fn certificates(bundle: &std::path::Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(bundle).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(bad_bundle(bundle)),
        Err(error) => Err(bad_bundle(bundle).caused_by(error)),
    }
}

fn keep(leaf: &CertificateDer<'static>) -> std::io::Result<Pin> {
    // Created for this user only, under a name that nobody can know before.
    let mut file = tempfile::Builder::new().prefix("ropeway-").suffix(".cer").tempfile()?;
    file.write_all(leaf)?;
    file.flush()?;
    Ok(Pin(file))
}

fn bad_bundle(bundle: &std::path::Path) -> Error {
    Error::new(ErrorKind::Spec, "the CA bundle holds no certificate; give a PEM file with --ca-bundle")
        .with("file", bundle.display())
}

fn bad_setup(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Bug, "TLS cannot be set up; please report it").caused_by(error)
}

fn distrust(why: &str, login: &Login) -> Error {
    let server = login.server.to_string();
    untrusted(why, Place { server: &server, database: &login.database, connecting: true, worked_before: false })
}

fn cut_off(login: &Login, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the connection ended during the TLS handshake; check that the address is a SQL Server",
    )
    .class(ropeway_engine::retry::RetryClass::Reconnect)
    .code("SqlFailedToConnect")
    .with("server", &login.server)
    .caused_by(error)
}
