//! `test-connection`: the steps of a connection one by one, so that the failing one is named.

use std::{
    future::Future,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::Url;
use ropeway_engine::{
    Error, ErrorKind, Result,
    files::Files,
    registry::{ProbeStep, Store},
};
use tokio::net::TcpStream;

use super::{
    block::Block,
    client::{Container, host},
    errors::Fault,
    files::BlobFiles,
    names,
    service::Service,
    spec::{Ropeway, StoreSpec},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A storage account that can be tried.
pub(crate) struct AzureBlobStore {
    endpoint: Url,
    account: Arc<Container>,
    /// That of the login, or the one that was asked for.
    container: Option<Container>,
    files: BlobFiles,
    settings: Ropeway,
}

impl AzureBlobStore {
    pub(crate) fn new(service: Service, spec: &StoreSpec) -> Result<Self> {
        let account = service.account(&spec.linked_service)?;
        let asked = spec.ropeway.container.clone().filter(|name| !name.is_empty());
        if let (Some(asked), Some(own)) = (&asked, &account.container)
            && asked != own
        {
            return Err(Error::new(
                ErrorKind::Spec,
                "the shared access signature is for another container; name that one",
            )
            .with("container", asked.escape_debug())
            .with("its container", own.escape_debug()));
        }
        if let Some(asked) = &asked {
            names::container(asked)?;
        }
        let (endpoint, only) = (account.endpoint.clone(), account.container.clone());
        let account = Arc::new(Container::new(account, "", &spec.ropeway)?);
        Ok(Self {
            endpoint,
            container: only.as_ref().or(asked.as_ref()).map(|name| account.container(name)),
            files: BlobFiles::new(account.clone(), only),
            account,
            settings: spec.ropeway.clone(),
        })
    }

    async fn dns(&self) -> Result<Vec<SocketAddr>> {
        let name = self.endpoint.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = self.endpoint.port_or_known_default().unwrap_or(443);
        let found: Vec<_> = tokio::net::lookup_host((name, port))
            .await
            .map_err(|error| {
                self.error(
                    "the name of the storage account was not found; check the account name and the DNS of this machine",
                )
                .with("reason", error)
            })?
            .collect();
        if found.is_empty() { Err(self.error("the name of the storage account has no address")) } else { Ok(found) }
    }

    async fn tcp(&self, addresses: &[SocketAddr]) -> Result<String> {
        let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(addresses)).await;
        let socket = connected
            .map_err(|_| self.error("the host does not answer; check the firewall between here and the service"))?
            .map_err(|error| {
                self.error("the host refuses connections; check the endpoint, its port and the firewall")
                    .with("reason", error)
            })?;
        Ok(socket.peer_addr().map_or_else(|_| String::new(), |address| address.to_string()))
    }

    async fn login(&self) -> Result<String> {
        let answer = match &self.container {
            Some(container) => container.blob(SCRATCH)?.state().await.map(drop),
            None => self.account.account_answers().await,
        };
        answer.map_err(|fault| fault.at(&self.container.as_ref().unwrap_or(&self.account).place))?;
        let account = &self.account.place.account;
        Ok(if self.container.is_some() {
            format!("account {account}")
        } else {
            format!("account {account}; name a container with --container to try writing")
        })
    }

    async fn write(&self, container: &Container) -> Result<String> {
        let blob = container.blob(SCRATCH)?;
        let block = Block::new("probe", "probe", 0, Bytes::from_static(b"probe"));
        blob.stage(&block).await.map_err(|fault: Fault| fault.at(&blob.place))?;
        Ok(format!("container {}: staged a block that is never committed", container.place.container))
    }

    fn error(&self, message: &'static str) -> Error {
        Error::new(ErrorKind::Unavailable, message).with("host", host(&self.endpoint))
    }
}

/// A blob of this name is never shown.
const SCRATCH: &str = "ropeway-test-connection";

#[async_trait]
impl Store for AzureBlobStore {
    async fn probe(&self) -> Vec<ProbeStep> {
        let mut steps = Vec::new();
        // Behind a proxy only the proxy resolves and connects; the login step tries all of it.
        let direct = self.settings.proxy.is_none();
        if direct {
            let mut addresses = Vec::new();
            let found = timed("DNS", async {
                addresses = self.dns().await?;
                Ok(addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", "))
            });
            if !push(&mut steps, found.await) || !push(&mut steps, timed("TCP", self.tcp(&addresses)).await) {
                return steps;
            }
            if self.endpoint.scheme() == "https" && !push(&mut steps, timed("TLS", self.tls()).await) {
                return steps;
            }
        }
        if push(&mut steps, timed("Login", self.login()).await)
            && let Some(container) = &self.container
        {
            push(&mut steps, timed("Permission to write", self.write(container)).await);
        }
        steps
    }

    fn files(&self) -> Option<Arc<dyn Files>> {
        Some(Arc::new(self.files.clone()))
    }
}

impl AzureBlobStore {
    /// A request without any login: whatever the service answers, TLS stands.
    async fn tls(&self) -> Result<String> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(super::http::tls(self.settings.ca_bundle.as_deref())?)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Bug, "the HTTP client could not be made").caused_by(error.without_url())
            })?;
        let answer = client.head(self.endpoint.clone()).send().await;
        answer
            .map(|_| "the certificate is trusted".to_owned())
            .map_err(|error| Fault::of_wire(super::http::fault(error)).at(&self.account.place))
    }
}

async fn timed(name: &'static str, step: impl Future<Output = Result<String>>) -> ProbeStep {
    let started = Instant::now();
    let outcome = step.await;
    ProbeStep { name, took: started.elapsed(), outcome }
}

/// False once a step failed.
fn push(steps: &mut Vec<ProbeStep>, step: ProbeStep) -> bool {
    let good = step.outcome.is_ok();
    steps.push(step);
    good
}
