//! How a session is opened: both shapes of a linked service as one set of settings.

use std::path::PathBuf;

use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    connection_string::ConnectionString,
    spec::{LinkedService, Ropeway},
};

/// Asked for, whatever the definition says: fewer, larger packets cost less.
const PACKET_SIZE: u16 = 32_767;
/// Seconds, as `Microsoft.Data.SqlClient` has them.
const CONNECT_TIMEOUT: u32 = 15;

/// Everything that opening a session needs.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) server: Server,
    pub(crate) database: String,
    pub(crate) encrypt: Encrypt,
    pub(crate) trust_server_certificate: bool,
    pub(crate) host_name_in_certificate: Option<String>,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) credential: Credential,
    pub(crate) read_only: bool,
    /// Seconds.
    pub(crate) connect_timeout: u32,
    /// Seconds; `None` if the definition says nothing.
    pub(crate) command_timeout: Option<u32>,
    pub(crate) packet_size: u16,
    pub(crate) multi_subnet_failover: Option<bool>,
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its name or address.
    pub(crate) host: String,
    /// Its port, or the name of the instance that SQL Browser knows the port of.
    pub(crate) endpoint: Endpoint,
}

/// How the port is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Port(u16),
    Instance(String),
}

/// When the session is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encrypt {
    /// Only if the server insists.
    Optional,
    /// Always; a server without encryption is an error.
    Mandatory,
    /// TLS before anything else, as TDS 8.0 has it.
    Strict,
}

/// Who logs in.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    Sql {
        user: String,
        password: SecretString,
    },
    ServicePrincipal {
        tenant: String,
        id: String,
        key: SecretString,
        cloud: Option<String>,
    },
    /// The identity of this machine; with a client id a user-assigned one.
    ManagedIdentity {
        client_id: Option<String>,
    },
}

impl Login {
    /// The settings of a linked service, whichever shape it has.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for what is missing, contradictory or not supported; the property is named.
    pub(crate) fn of(service: &LinkedService, ropeway: &Ropeway) -> Result<Self> {
        let keywords = match &service.connection_string {
            Some(text) => ConnectionString::parse(text)?,
            None => ConnectionString::default(),
        };
        warn_of_unknown(&keywords);
        let text = |property: &Option<String>, keyword| {
            property.as_deref().or_else(|| keywords.get(keyword)).map(ToOwned::to_owned)
        };
        let server = text(&service.server, "server")
            .ok_or_else(|| missing("«server» is missing in the linked service; name the SQL Server"))?;
        let number = |property: Option<u32>, keyword| property.or_else(|| keywords.get(keyword)?.parse().ok());
        Ok(Self {
            server: Server::parse(&server)?,
            database: text(&service.database, "database").unwrap_or_default(),
            encrypt: Encrypt::parse(text(&service.encrypt, "encrypt").as_deref())?,
            trust_server_certificate: service
                .trust_server_certificate
                .unwrap_or_else(|| keywords.get("trustservercertificate").is_some_and(is_true)),
            host_name_in_certificate: text(&service.host_name_in_certificate, "hostnameincertificate"),
            ca_bundle: ropeway.ca_bundle.clone(),
            credential: credential(service, &keywords)?,
            read_only: text(&service.application_intent, "applicationintent")
                .is_some_and(|intent| intent.eq_ignore_ascii_case("ReadOnly")),
            connect_timeout: number(service.connect_timeout, "connecttimeout").unwrap_or(CONNECT_TIMEOUT),
            command_timeout: number(service.command_timeout, "commandtimeout"),
            packet_size: number(service.packet_size, "packetsize")
                .and_then(|size| u16::try_from(size).ok())
                .filter(|size| (512..=PACKET_SIZE).contains(size))
                .unwrap_or(PACKET_SIZE),
            multi_subnet_failover: service
                .multi_subnet_failover
                .or_else(|| keywords.get("multisubnetfailover").map(is_true)),
        })
    }
}

impl Server {
    /// `host`, `host,port`, `host\instance`, each with or without `tcp:`.
    fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &'static str| Err(missing(why).with("server", text.escape_debug()));
        let address = text.trim();
        let address = address.strip_prefix("tcp:").or_else(|| address.strip_prefix("TCP:")).unwrap_or(address).trim();
        if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse("«server» has blanks or control characters in it; correct the linked service");
        }
        if address.starts_with("np:")
            || address.starts_with("lpc:")
            || address.starts_with("admin:")
            || address.starts_with('(')
            || address.starts_with(r"\\")
        {
            return refuse("«server» must be reachable over TCP: host, host,port or host\\instance");
        }
        let (rest, port) = match address.rsplit_once(',') {
            Some((host, port)) => match port.trim().parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => return refuse("the port in «server» is not a number from 1 to 65535"),
            },
            None => (address, None),
        };
        let (host, instance) = rest.split_once('\\').map_or((rest, None), |(host, name)| (host, Some(name)));
        // A port wins over an instance, as in every driver.
        let endpoint = match (port, instance) {
            (Some(port), _) => Endpoint::Port(port),
            (None, Some(name)) if !name.eq_ignore_ascii_case("MSSQLSERVER") => Endpoint::Instance(name.to_owned()),
            _ => Endpoint::Port(1_433),
        };
        if host.is_empty() || endpoint == Endpoint::Port(0) {
            return refuse("«server» has no host or no port");
        }
        let host = if matches!(host, "." | "(local)") { "localhost" } else { host };
        Ok(Self { host: host.to_owned(), endpoint })
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.endpoint {
            Endpoint::Port(port) => write!(f, "{},{port}", self.host),
            Endpoint::Instance(name) => write!(f, "{}\\{name}", self.host),
        }
    }
}

impl Encrypt {
    /// Mandatory where nothing is said, as in `Microsoft.Data.SqlClient` since version 4.
    fn parse(text: Option<&str>) -> Result<Self> {
        match text.map(str::to_ascii_lowercase).as_deref() {
            None | Some("true" | "yes" | "mandatory" | "required") => Ok(Self::Mandatory),
            Some("false" | "no" | "optional") => Ok(Self::Optional),
            Some("strict") => Ok(Self::Strict),
            Some(other) => {
                Err(missing("«encrypt» is mandatory, optional or strict").with("encrypt", other.escape_debug()))
            }
        }
    }
}

fn credential(service: &LinkedService, keywords: &ConnectionString) -> Result<Credential> {
    let user = service.user_name.clone().or_else(|| keywords.get("userid").map(ToOwned::to_owned));
    let password = service.password.clone().or_else(|| keywords.secret("password"));
    let integrated =
        keywords.get("integratedsecurity").is_some_and(|text| is_true(text) || text.eq_ignore_ascii_case("sspi"))
            || service.integrated_security == Some(true);
    let mode = service.authentication_type.as_deref().unwrap_or_else(|| {
        if service.service_principal_id.is_some() {
            "ServicePrincipal"
        } else if integrated {
            "Windows"
        } else if user.is_some() || !matches!(service.r#type.as_str(), "AzureSqlDatabase" | "AzureSqlMI") {
            "SQL"
        } else {
            "SystemAssignedManagedIdentity"
        }
    });
    match mode.to_ascii_lowercase().as_str() {
        "sql" | "basic" => {
            let user = user.ok_or_else(|| missing("«userName» is missing in the linked service"))?;
            let password = password.filter(|secret| !secret.expose_secret().is_empty()).ok_or_else(|| {
                missing("the password is missing; supply it with --secrets or in the environment").with("user", &user)
            })?;
            Ok(Credential::Sql { user, password })
        }
        "serviceprincipal" => Ok(Credential::ServicePrincipal {
            tenant: service.tenant.clone().ok_or_else(|| missing("«tenant» is missing in the linked service"))?,
            id: service
                .service_principal_id
                .clone()
                .ok_or_else(|| missing("«servicePrincipalId» is missing in the linked service"))?,
            key: service.service_principal_key.clone().ok_or_else(|| {
                missing("«servicePrincipalKey» is missing; supply it with --secrets or in the environment")
            })?,
            cloud: service.azure_cloud_type.clone(),
        }),
        "systemassignedmanagedidentity" => Ok(Credential::ManagedIdentity { client_id: None }),
        "userassignedmanagedidentity" => {
            let client_id = user.ok_or_else(|| missing("give the managed identity's client id as «userName»"))?;
            Ok(Credential::ManagedIdentity { client_id: Some(client_id) })
        }
        "windows" => Err(missing(
            "Windows authentication is not supported; use a SQL login or an Entra identity in the linked service",
        )),
        other => Err(missing(
            "«authenticationType» is SQL, ServicePrincipal, SystemAssignedManagedIdentity or UserAssignedManagedIdentity",
        )
        .with("authenticationType", other.escape_debug())),
    }
}

/// Names the keywords that Ropeway does not know, never their values.
fn warn_of_unknown(keywords: &ConnectionString) {
    let known = [
        "server",
        "database",
        "userid",
        "password",
        "encrypt",
        "trustservercertificate",
        "hostnameincertificate",
        "applicationintent",
        "connecttimeout",
        "commandtimeout",
        "packetsize",
        "multisubnetfailover",
        "integratedsecurity",
    ];
    for keyword in keywords.unknown(&known) {
        tracing::warn!(keyword, "a keyword of the connection string has no effect");
    }
}

fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes")
}

fn missing(message: &'static str) -> Error {
    Error::new(ErrorKind::Spec, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn login(properties: Value) -> Result<Login> {
        let service: LinkedService = serde_json::from_value(properties).unwrap();
        Login::of(&service, &Ropeway::default())
    }

    #[test]
    fn both_shapes_mean_the_same() {
        let new = login(json!({"type": "SqlServer", "server": "h\\i", "database": "d", "encrypt": "mandatory",
            "trustServerCertificate": "true", "userName": "u", "password": "p"}))
        .unwrap();
        let old = login(json!({"type": "SqlServer", "password": "p",
            "connectionString": "Data Source=h\\i;Initial Catalog=d;User ID=u;TrustServerCertificate=True"}))
        .unwrap();
        for login in [new, old] {
            assert_eq!(login.server, Server { host: "h".into(), endpoint: Endpoint::Instance("i".into()) });
            assert_eq!((login.database.as_str(), login.encrypt), ("d", Encrypt::Mandatory));
            assert!(login.trust_server_certificate);
            let Credential::Sql { user, password } = login.credential else { panic!("not a SQL login") };
            assert_eq!((user.as_str(), password.expose_secret()), ("u", "p"));
        }
    }

    #[test]
    fn servers_have_a_port_or_an_instance() {
        for (text, expected) in [
            ("h", "h,1433"),
            ("tcp:h,1500", "h,1500"),
            ("h\\SQLEXPRESS", "h\\SQLEXPRESS"),
            ("h\\i,1500", "h,1500"),
            (".", "localhost,1433"),
        ] {
            assert_eq!(Server::parse(text).unwrap().to_string(), expected);
        }
        for text in ["", "np:\\\\h\\pipe", "h,0", "h,x", "h,70000", "a b", "(localdb)\\x", "h\u{7}"] {
            assert_eq!(Server::parse(text).map_err(|error| error.kind()), Err(ErrorKind::Spec), "{text:?}");
        }
    }

    #[test]
    fn encryption_is_mandatory_unless_the_definition_says_otherwise() {
        assert_eq!(Encrypt::parse(None).unwrap(), Encrypt::Mandatory);
        assert_eq!(Encrypt::parse(Some("optional")).unwrap(), Encrypt::Optional);
        assert_eq!(Encrypt::parse(Some("Strict")).unwrap(), Encrypt::Strict);
        assert!(Encrypt::parse(Some("sometimes")).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        for (properties, named) in [
            (json!({"type": "SqlServer"}), "server"),
            (json!({"type": "SqlServer", "server": "h"}), "userName"),
            (json!({"type": "SqlServer", "server": "h", "userName": "u"}), "password"),
            (json!({"type": "SqlServer", "server": "h", "authenticationType": "Windows"}), "Windows"),
            (json!({"type": "AzureSqlDatabase", "server": "h", "servicePrincipalId": "i"}), "tenant"),
        ] {
            let error = login(properties).unwrap_err();
            assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn nothing_secret_is_in_debug_output() {
        let login = login(json!({"type": "SqlServer", "server": "h", "userName": "u", "password": "hunter2"})).unwrap();
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
