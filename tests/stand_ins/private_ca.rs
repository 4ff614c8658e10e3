//! A certificate authority that nobody trusts but a test that was given its file.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tempfile::TempDir;

/// An authority and one server certificate of it, as PEM files in a folder that goes with it.
pub struct PrivateCa {
    folder: TempDir,
}

impl PrivateCa {
    /// Makes both; the server certificate is for these names or addresses.
    pub fn new(names: &[&str]) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority.distinguished_name.push(DnType::CommonName, "Ropeway test authority for blobs");
        let authority_key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, authority_key).expect("an authority");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let server_key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new(names)
            .and_then(|params| params.signed_by(&server_key, &authority))
            .expect("a server certificate");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("a writable folder");
        write("authority.pem", authority.as_ref().pem());
        write("server.pem", server.pem());
        write("server.key", server_key.serialize_pem());
        Self { folder }
    }

    /// The authority's certificate: a CA bundle.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// The server's key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }

    /// A TLS server of this certificate.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_file(self.certificate()).expect("our own PEM");
        let key = PrivateKeyDer::from_pem_file(self.key()).expect("our own PEM");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate with its key");
        Arc::new(config)
    }
}

/// A TLS client that trusts the authority of this file, and nobody else.
pub fn client_config(authority: Option<&Path>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    if let Some(path) = authority {
        roots.add(CertificateDer::from_pem_file(path).expect("a certificate")).expect("a root");
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
