//! Opening connections, and what goes wrong with them in words.

use odbc_api::{Connection, ConnectionOptions, environment};
use ropeway_engine::{Error, ErrorKind, Result, retry::RetryClass};

use super::{connection_string::ConnectionString, drivers::Driver, errors::Complaint, spec::LinkedService};

const LOGIN_TIMEOUT_SECONDS: u32 = 30;

/// What is needed to open connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    string: ConnectionString,
}

/// An open connection.
pub(super) struct Session {
    pub(super) connection: Connection<'static>,
    pub(super) peer: Peer,
}

/// The other end, as far as one speaks about it; unlike a connection it can be shared.
pub(super) struct Peer {
    pub(super) driver: &'static Driver,
    secrets: Vec<String>,
    /// The connection string without what nobody should see.
    target: String,
}

impl Connector {
    pub(super) fn new(service: &LinkedService) -> Result<Self> {
        Ok(Self { string: service.connection_string()? })
    }

    /// Connects and begins the session.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a driver that is not installed (the installed ones are listed) and
    /// for a database that does not exist; [`ErrorKind::Auth`] for a login that is refused;
    /// [`ErrorKind::Unavailable`] for a server that does not answer.
    pub(super) fn open(&self) -> Result<Session> {
        let (environment, driver) = (manager()?, self.driver()?);
        let mut string = self.string.clone();
        for setting in driver.settings {
            if string.get(setting.key).is_none() && string.get(setting.short).is_none() {
                string.push(setting.key, setting.value);
            }
        }
        let options = ConnectionOptions { login_timeout_sec: Some(LOGIN_TIMEOUT_SECONDS), packet_size: None };
        let connection = environment
            .connect_with_connection_string(&string.to_driver(), options)
            .map_err(|error| self.refused(driver, &Complaint::of(&error, driver, &string.secrets())))?;
        let peer = Peer { driver, secrets: string.secrets(), target: self.string.redacted() };
        let session = Session { connection, peer };
        for statement in driver.session {
            session.say(Some(statement))?;
        }
        Ok(session)
    }

    /// What is known of the driver that the connection string names.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if there is no driver manager.
    pub(super) fn driver(&self) -> Result<&'static Driver> {
        Ok(Driver::recognise(&self.driver_name(manager()?)))
    }

    /// The driver's name: the one in the connection string, or the one behind its DSN.
    fn driver_name(&self, environment: &odbc_api::Environment) -> String {
        if let Some(driver) = self.string.get("Driver") {
            return driver.to_owned();
        }
        let dsn = self.string.get("DSN").unwrap_or_default();
        let sources = environment.data_sources().unwrap_or_default();
        sources.into_iter().find(|it| it.server_name.eq_ignore_ascii_case(dsn)).map(|it| it.driver).unwrap_or_default()
    }

    fn refused(&self, driver: &Driver, complaint: &Complaint) -> Error {
        let not_installed = matches!(complaint.state.as_str(), "IM002" | "IM003" | "IM004")
            || (complaint.state == "01000" && complaint.text.contains("open lib"));
        if not_installed {
            return not_found(&self.string, driver);
        }
        let target = self.string.redacted();
        let (kind, class) = complaint.class();
        // A driver gives most failures to connect one state: what is not known to be final is tried again.
        let error = match kind {
            ErrorKind::Auth => {
                Error::new(kind, "the login was refused; correct userName and password, or the server's access rules")
            }
            ErrorKind::Spec => Error::new(kind, "the server refuses what the connectionString names; correct it"),
            _ => Error::new(
                ErrorKind::Unavailable,
                "the server does not answer; check host, port and firewall, and that it is running",
            )
            .class(if class == RetryClass::Permanent { RetryClass::Reconnect } else { class }),
        };
        error
            .code("UserErrorOdbcOperationFailed")
            .with("connection", target)
            .with("driver says", &complaint.text)
            .with("SQLSTATE", &complaint.state)
    }
}

fn manager() -> Result<&'static odbc_api::Environment> {
    environment().map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the ODBC driver manager does not start; install unixodbc")
            .caused_by(error.to_string())
    })
}

fn not_found(string: &ConnectionString, driver: &Driver) -> Error {
    let installed = environment().ok().and_then(|it| it.drivers().ok()).unwrap_or_default();
    let installed: Vec<_> = installed.into_iter().map(|driver| driver.description).collect();
    let fix = match (string.get("Driver"), driver.package) {
        (Some(_), Some(package)) => format!("install it with `apt-get install {package}`, or name an installed one"),
        (Some(_), None) => "install it, or name an installed one".to_owned(),
        (None, _) => "add it to odbc.ini, or name a Driver in the connectionString".to_owned(),
    };
    let (what, name) = match (string.get("Driver"), string.get("DSN")) {
        (Some(name), _) => ("driver", name),
        (None, dsn) => ("data source", dsn.unwrap_or_default()),
    };
    Error::new(ErrorKind::Spec, format!("the ODBC {what} is not installed; {fix}"))
        .code("UserErrorOdbcDriverNotFound")
        .with(if what == "driver" { "driver" } else { "DSN" }, name.escape_debug())
        .with("installed drivers", if installed.is_empty() { "none".to_owned() } else { installed.join(", ") })
}

impl Peer {
    /// What an error of the driver means, while `doing` something.
    pub(super) fn error(&self, doing: &str, error: &odbc_api::Error) -> Error {
        self.complaint(error).into_error(doing).with("connection", &self.target)
    }

    /// The same of a statement that ends a transaction: what may have been committed is unknown.
    pub(super) fn error_at_commit(&self, doing: &str, error: &odbc_api::Error) -> Error {
        let (_, class) = self.complaint(error).class_at_commit();
        self.error(doing, error).class(class)
    }

    pub(super) fn complaint(&self, error: &odbc_api::Error) -> Complaint {
        Complaint::of(error, self.driver, &self.secrets)
    }
}

impl Session {
    /// Whether statements from now on belong to a transaction that is to be committed. False for a driver that has none.
    pub(super) fn begin_transactions(&self) -> Result<bool, odbc_api::Error> {
        match self.connection.set_autocommit(false) {
            Ok(()) => Ok(true),
            Err(error) if matches!(self.peer.complaint(&error).state.as_str(), "HYC00" | "IM001") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Executes a statement that sets something, where this database has one.
    pub(super) fn say(&self, statement: Option<&str>) -> Result<()> {
        let Some(statement) = statement else { return Ok(()) };
        let done = self.connection.execute(statement, (), None).map(drop);
        done.map_err(|error| self.peer.error("setting up a session", &error))
    }

    /// The character around identifiers.
    pub(super) fn quote(&self) -> Result<Option<char>> {
        if let Some(quote) = self.peer.driver.quote {
            return Ok(Some(quote));
        }
        let quote = self.connection.identifier_quote_char();
        let quote = quote.map_err(|error| self.peer.error("asking how names are quoted", &error))?;
        Ok(quote.filter(|quote| !quote.is_whitespace()))
    }
}
