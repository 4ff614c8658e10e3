//! A connection test, step by step.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use ropeway_engine::{
    Error, ErrorKind, Result,
    registry::{ProbeStep, Store},
    retry::RetryClass,
    statements::Statements,
};
use tokio::net::{TcpStream, lookup_host};

use super::{
    login::{Encrypt, Endpoint, Login},
    pool::Pool,
    scripts::SqlServerStatements,
    statements,
    wire::{Query, Session},
};

/// A SQL Server that `test-connection` tries.
pub(crate) struct SqlServerStore {
    pool: Arc<Pool>,
}

impl SqlServerStore {
    pub(crate) fn new(login: Login) -> Result<Self> {
        Ok(Self { pool: Arc::new(Pool::new(login)?) })
    }
}

#[async_trait]
impl Store for SqlServerStore {
    async fn probe(&self) -> Vec<ProbeStep> {
        let mut steps = Steps::default();
        self.run(&mut steps).await;
        steps.done
    }

    fn statements(&self) -> Option<Arc<dyn Statements>> {
        Some(Arc::new(SqlServerStatements::new(Arc::clone(&self.pool))))
    }
}

impl SqlServerStore {
    /// Stops at the first step that fails.
    async fn run(&self, steps: &mut Steps) -> Option<()> {
        let login = self.pool.login();
        let (host, ()) = steps.note("DNS", resolve(login).await)?;
        // Only SQL Browser knows the port of an instance: the login asks it.
        if let Endpoint::Port(port) = login.server.endpoint {
            steps.note("TCP", connect(login, &host, port).await)?;
        }
        // A certificate's fault is told from a login's by what the session layer says.
        let opened = self.pool.open().await;
        let about_tls = matches!(&opened, Err(error) if error.kind() == ErrorKind::Spec && error.to_string().contains("certificate")
            || error.to_string().contains("encryption"));
        let (_, mut session) = match opened {
            Ok(session) => {
                steps.note("TLS", Ok((encryption(&session, login).to_owned(), ())))?;
                steps.note("Login", Ok((identity(login), session)))?
            }
            Err(error) if about_tls => steps.note("TLS", Err(error))?,
            Err(error) => steps.note("Login", Err(error))?,
        };
        steps.note("Permission to read", may_read(&mut session).await)?;
        Some(())
    }
}

/// The steps so far, and when the next one began.
struct Steps {
    done: Vec<ProbeStep>,
    since: Instant,
}

impl Default for Steps {
    fn default() -> Self {
        Self { done: Vec::new(), since: Instant::now() }
    }
}

impl Steps {
    /// Notes the outcome of a step: what was found, and what the next step needs.
    fn note<T>(&mut self, name: &'static str, outcome: Result<(String, T)>) -> Option<(String, T)> {
        let took = std::mem::replace(&mut self.since, Instant::now()).elapsed();
        let (outcome, needed) = match outcome {
            Ok((found, needed)) => (Ok(found.clone()), Some((found, needed))),
            Err(error) => (Err(error), None),
        };
        self.done.push(ProbeStep { name, took, outcome });
        needed
    }
}

async fn resolve(login: &Login) -> Result<(String, ())> {
    let host = login.server.host.as_str();
    let mut addresses = lookup_host((host, 0)).await.map_err(|error| {
        unreachable(
            "the server's name cannot be resolved; check «server» in the linked service and the DNS of this machine",
            login,
        )
        .caused_by(error)
    })?;
    let address = addresses.next().ok_or_else(|| unreachable("the server's name has no address", login))?;
    Ok((address.ip().to_string(), ()))
}

async fn connect(login: &Login, address: &str, port: u16) -> Result<(String, ())> {
    let limit = Duration::from_secs(u64::from(login.connect_timeout.max(1)));
    let connected = tokio::time::timeout(limit, TcpStream::connect((login.server.host.as_str(), port))).await;
    match connected {
        Ok(Ok(_)) => Ok((format!("{address}:{port}"), ())),
        Ok(Err(error)) => Err(unreachable(
            "nothing listens at the server's address; check host and port, that TCP/IP is enabled, and the firewall",
            login,
        )
        .caused_by(error)),
        Err(_) => Err(unreachable("the server does not answer; check host, port and the firewalls on the way", login)),
    }
}

async fn may_read(session: &mut Session) -> Result<(String, ())> {
    let rows = session.rows(Query::new(statements::SERVER, [])).await?;
    let row = rows.first().ok_or_else(|| Error::new(ErrorKind::Unavailable, "the server did not say who it is"))?;
    let version = row.text("product_version").unwrap_or("unknown version");
    let database = row.text("database_name").unwrap_or("unknown");
    if !row.is_set("may_read") && row.number::<u64>("visible_tables").unwrap_or(0) == 0 {
        return Err(Error::new(
            ErrorKind::Auth,
            "the login may read nothing in the database; add its user to db_datareader or GRANT SELECT on the tables",
        )
        .code("SqlUnauthorizedAccess")
        .with("database", database));
    }
    Ok((format!("database {database}, SQL Server {version}"), ()))
}

fn encryption(session: &Session, login: &Login) -> &'static str {
    match (session.is_encrypted(), login.trust_server_certificate && login.encrypt != Encrypt::Strict) {
        (true, false) => "encrypted, certificate verified",
        (true, true) => "encrypted, certificate not verified («trustServerCertificate»)",
        (false, _) => "not encrypted («encrypt» is optional)",
    }
}

fn identity(login: &Login) -> String {
    match &login.credential {
        super::login::Credential::Sql { user, .. } => format!("as {user}"),
        super::login::Credential::ServicePrincipal { id, .. } => format!("as service principal {id}"),
        super::login::Credential::ManagedIdentity { .. } => "as managed identity".to_owned(),
    }
}

fn unreachable(message: &'static str, login: &Login) -> Error {
    Error::new(ErrorKind::Unavailable, message)
        .class(RetryClass::Reconnect)
        .code("SqlFailedToConnect")
        .with("server", &login.server)
}
