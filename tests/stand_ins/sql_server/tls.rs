//! TLS: inside of PRELOGIN packets (TDS 7.x, MS-TDS 3.2.5.1) or around everything (TDS 8, "strict").

use super::packet::HEADER;
use super::protocol::{Over, Violation};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Cursor, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// The bytes of a connection, plain or not.
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// A certificate for these names, signed by a certification authority made for this server only.
pub(super) struct Identity {
    pub(super) ca_pem: String,
    pub(super) login: Arc<ServerConfig>,
    pub(super) strict: Arc<ServerConfig>,
}

impl Identity {
    pub(super) fn new(names: &[String]) -> Result<Identity, Box<dyn std::error::Error>> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority.distinguished_name.push(rcgen::DnType::CommonName, "Ropeway test authority");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(names.to_vec())?;
        leaf.distinguished_name.push(rcgen::DnType::CommonName, names.first().map_or("localhost", String::as_str));
        leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let certificate = leaf.signed_by(&key, &authority)?;
        let config = |versions: &[&'static rustls::SupportedProtocolVersion]| {
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(versions)?
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
                )
        };
        // SQL Server speaks TLS 1.3 only where TLS comes first.
        let login = config(&[&rustls::version::TLS12])?;
        let mut strict = config(rustls::ALL_VERSIONS)?;
        strict.alpn_protocols = vec![b"tds/8.0".to_vec()];
        Ok(Identity { ca_pem: authority.pem(), login: Arc::new(login), strict: Arc::new(strict) })
    }
}

impl Transport {
    /// The handshake inside of PRELOGIN packets; afterwards TLS records travel bare.
    pub(super) fn handshake_in_packets(mut tcp: TcpStream, config: Arc<ServerConfig>) -> Result<Transport, Over> {
        let mut tls = ServerConnection::new(config).map_err(|_| Over::Gone)?;
        loop {
            let mut records = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut records)?;
            }
            for chunk in records.chunks(4096 - HEADER) {
                let mut packet = vec![0x12, 0x01];
                packet.extend(((HEADER + chunk.len()) as u16).to_be_bytes());
                packet.extend([0, 0, 0, 0]);
                packet.extend_from_slice(chunk);
                tcp.write_all(&packet)?;
            }
            if !tls.is_handshaking() {
                return Ok(Transport::Tls(Box::new(StreamOwned::new(tls, tcp))));
            }
            let payload = read_prelogin_packet(&mut tcp)?;
            let mut payload = Cursor::new(payload);
            while (payload.position() as usize) < payload.get_ref().len() {
                tls.read_tls(&mut payload)?;
                if tls.process_new_packets().is_err() {
                    return Err(Over::Gone);
                }
            }
        }
    }

    /// TLS first, as TDS 8 has it.
    pub(super) fn handshake_first(mut tcp: TcpStream, config: Arc<ServerConfig>) -> Result<Transport, Over> {
        let mut tls = ServerConnection::new(config).map_err(|_| Over::Gone)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        if tls.alpn_protocol() != Some(b"tds/8.0") {
            return Err(Violation::new("TLS first without ALPN tds/8.0").into());
        }
        Ok(Transport::Tls(Box::new(StreamOwned::new(tls, tcp))))
    }

    /// Back to plain text: only the login travels encrypted where both sides say ENCRYPT_OFF.
    pub(super) fn into_plain(self) -> Result<Transport, Over> {
        Ok(Transport::Plain(self.tcp().try_clone()?))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Transport::Tls(_))
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Transport::Plain(tcp) => tcp,
            Transport::Tls(tls) => &tls.sock,
        }
    }

    /// Whether the client has sent something that is not read yet.
    pub(super) fn has_input(&mut self) -> Result<bool, Over> {
        match self {
            Transport::Plain(tcp) => {
                tcp.set_nonblocking(true)?;
                let peeked = tcp.peek(&mut [0]);
                tcp.set_nonblocking(false)?;
                match peeked {
                    Ok(0) => Err(Over::Gone),
                    Ok(_) => Ok(true),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
                    Err(_) => Err(Over::Gone),
                }
            }
            Transport::Tls(tls) => {
                tls.sock.set_nonblocking(true)?;
                let read = tls.conn.read_tls(&mut tls.sock);
                tls.sock.set_nonblocking(false)?;
                match read {
                    Ok(0) => return Err(Over::Gone),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return Err(Over::Gone),
                }
                let state = tls.conn.process_new_packets().map_err(|_| Over::Gone)?;
                Ok(state.plaintext_bytes_to_read() > 0)
            }
        }
    }
}

fn read_prelogin_packet(tcp: &mut TcpStream) -> Result<Vec<u8>, Over> {
    let mut header = [0; HEADER];
    tcp.read_exact(&mut header)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[0] != 0x12 || !(HEADER + 1..=4096).contains(&length) {
        return Err(Violation::new("the TLS handshake does not travel in PRELOGIN packets").into());
    }
    let mut payload = vec![0; length - HEADER];
    tcp.read_exact(&mut payload)?;
    Ok(payload)
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(tcp) => tcp.read(buffer),
            Transport::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(tcp) => tcp.write(buffer),
            Transport::Tls(tls) => tls.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(tcp) => tcp.flush(),
            Transport::Tls(tls) => tls.flush(),
        }
    }
}
