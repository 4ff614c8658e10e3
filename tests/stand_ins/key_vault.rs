//! A Key Vault, as far as a reader of its secrets goes: it wants a token for vaults, the version of its interface, and names
//! as they are, and answers wrong requests with its own errors.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::private_ca::PrivateCa;

/// What tokens for vaults are for.
pub const RESOURCE: &str = "https://vault.azure.net";
/// The only versions of the interface that are known here.
const VERSIONS: [&str; 2] = ["7.4", "7.5"];

/// A running vault. It ends when this is dropped.
pub struct KeyVault {
    address: std::net::SocketAddr,
    ca: PrivateCa,
    vault: Arc<Vault>,
    accepting: JoinHandle<()>,
}

struct Vault {
    /// Name and version -> value; the version `""` is the latest one.
    secrets: BTreeMap<(String, String), String>,
    log: Mutex<Vec<String>>,
}

impl KeyVault {
    /// Starts it over HTTPS on a free port, with secrets by `name` or `name/version`.
    pub async fn start(secrets: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let ca = PrivateCa::new(&["127.0.0.1"]);
        let tls = TlsAcceptor::from(ca.server_config());
        let keyed = secrets.iter().map(|(path, value)| {
            let (name, version) = path.split_once('/').unwrap_or((path, ""));
            ((name.to_owned(), version.to_owned()), (*value).to_owned())
        });
        let vault = Arc::new(Vault { secrets: keyed.collect(), log: Mutex::default() });
        let kept = vault.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, vault) = (tls.clone(), kept.clone());
                tokio::spawn(async move {
                    let Ok(socket) = tls.accept(socket).await else { return };
                    let service = service_fn(move |request| respond(request, vault.clone()));
                    // A client that leaves is no event here.
                    http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
                });
            }
        });
        Self { address, ca, vault, accepting }
    }

    /// Its address, as in a linked service.
    pub fn base_url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// Host and port, for `--allow-host`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The authority of its certificate.
    pub fn ca(&self) -> &PrivateCa {
        &self.ca
    }

    /// What every request came to: the status and the path.
    pub fn log(&self) -> Vec<String> {
        self.vault.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for KeyVault {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn respond(request: Request<Incoming>, vault: Arc<Vault>) -> io::Result<Response<Full<Bytes>>> {
    let (status, code, body) = match answer(&request, &vault) {
        Ok(body) => (200, "", body),
        Err((status, code)) => (status, code, json!({ "error": { "code": code, "message": "canary-in-a-message" } })),
    };
    let said = format!("{status} {code} {}", request.uri().path());
    vault.log.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    let mut response = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    if status == 401 {
        let challenge =
            format!("Bearer authorization=\"https://login.microsoftonline.com/x\", resource=\"{RESOURCE}\"");
        response = response.header("www-authenticate", challenge);
    }
    Ok(response.body(Full::new(body.to_string().into())).expect("a status and headers"))
}

fn answer(request: &Request<Incoming>, vault: &Vault) -> Result<Value, (u16, &'static str)> {
    let shown = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if !shown.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(is_for_vaults) {
        return Err((401, "Unauthorized"));
    }
    let query = request.uri().query().unwrap_or_default();
    if !VERSIONS.iter().any(|version| query == format!("api-version={version}")) {
        return Err((400, "BadParameter"));
    }
    if request.method() != Method::GET {
        return Err((405, "MethodNotAllowed"));
    }
    let pieces: Vec<&str> = request.uri().path().trim_start_matches('/').split('/').collect();
    let (name, version) = match pieces.as_slice() {
        ["secrets", name] => (*name, ""),
        ["secrets", name, version] => (*name, *version),
        _ => return Err((404, "NotFound")),
    };
    let value = vault.secrets.get(&(name.to_owned(), version.to_owned())).ok_or((404, "SecretNotFound"))?;
    Ok(json!({ "value": value, "id": format!("https://vault/secrets/{name}/1"), "attributes": { "enabled": true } }))
}

/// Whether a token says that it is for vaults, and is not too old.
fn is_for_vaults(token: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Value = claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default();
    claims["aud"] == RESOURCE && claims["exp"].as_i64().is_some_and(|end| end > chrono::Utc::now().timestamp())
}
