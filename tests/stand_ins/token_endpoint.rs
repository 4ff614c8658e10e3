//! Entra ID's token endpoint, and a managed identity's, as far as a client of them goes: strict about
//! every field of the request, and with Entra ID's own errors.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::private_ca::PrivateCa;

/// The tenant.
pub const TENANT: &str = "8f2b5f34-0000-4000-8000-6d1c5e1b7a01";
/// The application that may have tokens.
pub const APPLICATION: &str = "3c9d8a76-0000-4000-8000-2f0e4b6c9d02";
/// Its secret: a text that a search for leaks finds.
pub const SECRET: &str = "canary~client.secret-that_must~never-leak";
/// What a process must know to speak for the managed identity.
pub const IDENTITY_HEADER: &str = "canary-identity-header";
/// The only resources that tokens are for.
const RESOURCES: [&str; 2] = ["https://storage.azure.com", crate::key_vault::RESOURCE];

/// A running endpoint. It ends when this is dropped.
pub struct TokenEndpoint {
    address: std::net::SocketAddr,
    ca: PrivateCa,
    log: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl TokenEndpoint {
    /// Starts it over HTTPS on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let ca = PrivateCa::new(&["127.0.0.1"]);
        let tls = TlsAcceptor::from(ca.server_config());
        let log = Arc::<Mutex<Vec<String>>>::default();
        let kept = log.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, log) = (tls.clone(), kept.clone());
                tokio::spawn(async move {
                    let Ok(socket) = tls.accept(socket).await else { return };
                    let service = service_fn(|request| respond(request, log.clone()));
                    // A client that leaves is no event here.
                    http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
                });
            }
        });
        Self { address, ca, log, accepting }
    }

    /// For `AZURE_AUTHORITY_HOST`.
    pub fn authority_host(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// For `IDENTITY_ENDPOINT`.
    pub fn identity_endpoint(&self) -> String {
        format!("https://{}/msi/token", self.address)
    }

    /// The authority of its certificate.
    pub fn ca(&self) -> &PrivateCa {
        &self.ca
    }

    /// What every request came to: `token`, or an error's code.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A status, an OAuth error and Entra ID's number for it.
struct Refusal(u16, &'static str, u32);

async fn respond(request: Request<Incoming>, log: Arc<Mutex<Vec<String>>>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let answer = if parts.uri.path() == "/msi/token" { managed(&parts) } else { principal(&parts, &body) };
    let (status, said, body) = match answer {
        Ok(body) => (200, "token".to_owned(), body),
        Err(Refusal(status, error, number)) => {
            let description = format!("AADSTS{number}: canary-in-a-description");
            let body = json!({"error": error, "error_description": description, "error_codes": [number]});
            (status, format!("{error} {number}"), body)
        }
    };
    log.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    let response = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    Ok(response.body(Full::new(body.to_string().into())).expect("a status and a header"))
}

/// `client_credentials` of RFC 6749, as the v2.0 endpoint wants it.
fn principal(parts: &hyper::http::request::Parts, body: &[u8]) -> Result<Value, Refusal> {
    if parts.uri.path() != format!("/{TENANT}/oauth2/v2.0/token") || parts.uri.query().is_some() {
        return Err(Refusal(400, "invalid_request", 90_002));
    }
    if parts.method != Method::POST {
        return Err(Refusal(400, "invalid_request", 900_561));
    }
    let content_type = parts.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.split(';').next() != Some("application/x-www-form-urlencoded") {
        return Err(Refusal(400, "invalid_request", 900_144));
    }
    // A query of any URL is the same encoding.
    let text = String::from_utf8_lossy(body);
    let url: reqwest::Url = format!("https://form.invalid/?{text}").parse().expect("a query is always a query");
    let field = |name: &str| {
        let mut values = url.query_pairs().filter(|(own, _)| own == name).map(|(_, value)| value.into_owned());
        let value = values.next().ok_or(Refusal(400, "invalid_request", 900_144))?;
        if values.next().is_some() { Err(Refusal(400, "invalid_request", 9_000_411)) } else { Ok(value) }
    };
    if field("grant_type")? != "client_credentials" {
        return Err(Refusal(400, "unsupported_grant_type", 70_003));
    }
    if field("client_id")? != APPLICATION {
        return Err(Refusal(400, "unauthorized_client", 700_016));
    }
    if field("client_secret")? != SECRET {
        return Err(Refusal(401, "invalid_client", 7_000_215));
    }
    let scope = field("scope")?;
    let resource = RESOURCES.into_iter().find(|resource| scope == format!("{resource}/.default"));
    let resource = resource.ok_or(Refusal(400, "invalid_scope", 70_011))?;
    Ok(json!({"token_type": "Bearer", "expires_in": 3_599, "ext_expires_in": 3_599, "access_token": token(resource)}))
}

/// A managed identity, as App Service has it.
fn managed(parts: &hyper::http::request::Parts) -> Result<Value, Refusal> {
    if parts.method != Method::GET || parts.headers.get("x-identity-header").is_none_or(|it| it != IDENTITY_HEADER) {
        return Err(Refusal(401, "unauthorized_client", 0));
    }
    let url: reqwest::Url = format!("https://query.invalid/?{}", parts.uri.query().unwrap_or_default())
        .parse()
        .expect("a query is always a query");
    let is = |name: &str, value: &str| url.query_pairs().any(|(own, its)| own == name && its == value);
    let resource = RESOURCES.into_iter().find(|resource| is("resource", resource));
    let resource = resource.filter(|_| is("api-version", "2019-08-01")).ok_or(Refusal(400, "invalid_request", 0))?;
    let expiry = (chrono::Utc::now().timestamp() + 3_599).to_string();
    Ok(json!({"access_token": token(resource), "expires_on": expiry, "resource": resource, "token_type": "Bearer"}))
}

/// A token for blobs or vaults. Azurite looks at all of it but the signature.
fn token(resource: &str) -> String {
    let now = chrono::Utc::now().timestamp();
    let claims = json!({
        "aud": resource,
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3_599,
        "appid": APPLICATION,
        "tid": TENANT,
    });
    let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", encode(json!({"alg": "RS256", "typ": "JWT"})), encode(claims), "c2lnbmF0dXJl")
}
