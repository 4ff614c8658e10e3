//! Calls of HTTPS endpoints: no store, and therefore in no registry.

mod hosts;
mod token;

use std::{path::Path, time::Duration};

use reqwest::{Client, Method, Proxy, Url, header::LOCATION, redirect};
use ropeway_engine::{Error, ErrorKind, Result, retry::RetryClass};
use secrecy::{ExposeSecret as _, SecretString};

use crate::azure_blob::http::{WireFault, fault, tls};

/// Bytes of an answer at most, as Data Factory takes them.
const LONGEST: usize = 4 << 20;
/// Redirects, and looks at a job that was accepted.
const MOST_HOPS: usize = 10;
const MOST_LOOKS: usize = 1_000;
const CONNECT: Duration = Duration::from_secs(20);
/// The pause before a job is looked at again, where the endpoint names none, and at most.
const PAUSE: u64 = 10;
const LONGEST_PAUSE: u64 = 600;

/// One call.
pub struct Call {
    /// Where to; it may hold secrets.
    pub url: String,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<String>,
    /// Who calls; `None` for nobody in particular.
    pub caller: Option<Caller>,
    /// How long one answer may take.
    pub limit: Duration,
    /// Whether a job that was accepted (202, with a Location) is looked at until it is done.
    pub follows_accepted: bool,
}

/// Who calls.
pub enum Caller {
    /// A user with a password.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// The managed identity of this machine.
    ManagedIdentity {
        /// What the token is for.
        resource: String,
    },
    /// An application of Microsoft Entra.
    ServicePrincipal {
        /// The tenant.
        tenant: String,
        /// The application's id.
        client: String,
        /// Its key.
        key: SecretString,
        /// What the token is for.
        resource: String,
    },
}

/// Whether an address is one of HTTPS on a host that may be called; `hosts` are as for [`Call::make`].
pub fn may_be_called(address: &str, hosts: &[String]) -> bool {
    hosts::checked(address, hosts).is_ok()
}

/// The answer.
#[derive(Debug)]
pub struct Reply {
    /// The host that gave it.
    pub host: String,
    /// Its status.
    pub status: u16,
    /// Its headers, those that are text.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Call {
    /// Makes the call. `hosts` are those that may be called: a host, `host:port`, or `*.domain`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for an address that is no HTTPS, or a host that may not be called, also where a redirect
    /// leads; [`ErrorKind::Unavailable`] for an endpoint that does not answer.
    pub async fn make(&self, hosts: &[String], ca_bundle: Option<&Path>, proxy: Option<&str>) -> Result<Reply> {
        let url = hosts::checked(&self.url, hosts)?;
        let client = client(ca_bundle, proxy)?;
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|_| wrong("the method is none of HTTP"))?;
        let token = match &self.caller {
            None | Some(Caller::Basic { .. }) => None,
            Some(caller) => Some(token::of(caller, ca_bundle).await?),
        };
        let client = Signed { client, token };
        let mut reply = self.redirected(&client, method, url, hosts).await?;
        if !self.follows_accepted {
            return Ok(reply);
        }
        for _ in 0..MOST_LOOKS {
            let Some(place) = accepted(&reply) else { return Ok(reply) };
            let url = hosts::checked(&place, hosts)?;
            tokio::time::sleep(pause(&reply)).await;
            reply = self.redirected(&client, Method::GET, url, hosts).await?;
        }
        Ok(reply)
    }

    /// Follows redirects, each to a host that may be called.
    async fn redirected(&self, client: &Signed, method: Method, url: Url, hosts: &[String]) -> Result<Reply> {
        let (mut url, origin) = (url.clone(), url.origin());
        for _ in 0..MOST_HOPS {
            // Who the caller is, is told to the host that the definition names and to no other.
            let known = url.origin() == origin;
            let (reply, next) = self.exchange(client, &method, url, known).await?;
            let Some(next) = next.filter(|_| method == Method::GET) else { return Ok(reply) };
            url = hosts::checked(next.as_str(), hosts)?;
        }
        Err(wrong("the endpoint redirects without end"))
    }

    /// One request, its whole answer, and where it redirects to.
    async fn exchange(&self, signed: &Signed, method: &Method, url: Url, known: bool) -> Result<(Reply, Option<Url>)> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let failed = |error| failed(fault(error), &host);
        let mut request = signed.client.request(method.clone(), url.clone()).timeout(self.limit);
        for (name, value) in self.headers.iter().filter(|(name, _)| known || !is_credential(name)) {
            request = request.header(name.as_str(), value.as_str());
        }
        if let Some(Caller::Basic { user, password }) = self.caller.as_ref().filter(|_| known) {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        if let Some(token) = signed.token.as_ref().filter(|_| known) {
            request = request.bearer_auth(token.expose_secret());
        }
        let is_json = !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if let Some(body) = self.body.as_ref().filter(|_| *method != Method::GET) {
            if is_json {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body.clone());
        }
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let place = place.and_then(|place| url.join(place).ok());
        let named = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let mut headers: Vec<_> = answer.headers().iter().filter_map(named).collect();
        if let Some(place) = &place {
            headers.retain(|(name, _)| name != "location");
            headers.push(("Location".to_owned(), place.to_string()));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > LONGEST {
                let error = Error::new(
                    ErrorKind::Data,
                    "the endpoint's answer is larger than 4 MB, which is the most that Data Factory takes",
                );
                return Err(error.with("host", &host).code("2001"));
            }
            body.extend_from_slice(&piece);
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok((Reply { host, status: status.as_u16(), headers, body }, place.filter(|_| status.is_redirection())))
    }
}

/// A client, and the token that it shows.
struct Signed {
    client: Client,
    token: Option<SecretString>,
}

/// Where a job that was accepted is looked at.
fn accepted(reply: &Reply) -> Option<String> {
    let place = reply.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
    place.filter(|_| reply.status == 202).map(|(_, place)| place.clone())
}

fn pause(reply: &Reply) -> Duration {
    let asked = reply.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let seconds = asked.and_then(|(_, seconds)| seconds.trim().parse().ok()).unwrap_or(PAUSE);
    Duration::from_secs(seconds.min(LONGEST_PAUSE))
}

fn is_credential(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    ["authorization", "cookie", "key", "token", "secret"].iter().any(|part| name.contains(part))
}

fn client(ca_bundle: Option<&Path>, proxy: Option<&str>) -> Result<Client> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(ca_bundle)?)
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .user_agent(concat!("ropeway/", env!("CARGO_PKG_VERSION")));
    if let Some(proxy) = proxy {
        let proxy =
            Proxy::all(proxy).map_err(|_| wrong("the proxy is no URL; write it like http://proxy.example:3128"))?;
        builder = builder.no_proxy().proxy(proxy);
    }
    builder.build().map_err(|error| {
        Error::new(ErrorKind::Bug, "the HTTP client could not be made; please report it").caused_by(error.without_url())
    })
}

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::Spec, message).code("2108")
}

fn failed(fault: WireFault, host: &str) -> Error {
    let kind = if matches!(fault, WireFault::Certificate(_)) { ErrorKind::Auth } else { ErrorKind::Unavailable };
    let class = if kind == ErrorKind::Auth { RetryClass::Permanent } else { RetryClass::Reconnect };
    Error::new(kind, "the endpoint does not answer; check its address and the network")
        .class(class)
        .with("host", host)
        .code("2108")
        .caused_by(fault)
}
