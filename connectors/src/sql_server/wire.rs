//! Sessions with SQL Server. Everything that knows how `mssql-tds` is called is here: its API is
//! young and will move.

mod answer;
pub(crate) mod bulk;

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use mssql_tds::{
    connection::{
        client_context::{ClientContext, TdsAuthenticationMethod, VectorVersion},
        tds_client::{BufferedRowPoll, ExecuteOptions, ResultSet as _, TdsClient},
    },
    connection_provider::tds_connection_provider::TdsConnectionProvider,
    core::{CancelHandle, EncryptionOptions, EncryptionSetting, TdsResult},
    datatypes::{sql_string::SqlString, sqltypes::SqlType},
    error::{Error as TdsError, TimeoutErrorType},
    message::{
        login_options::ApplicationIntent,
        parameters::rpc_parameters::{RpcParameter, StatusFlags},
    },
    query::metadata::ColumnMetadata,
};
use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};

pub(crate) use answer::Bound;

use super::{
    errors::{Place, stumbled, translate},
    login::{Credential, Encrypt, Login},
    patience::Patience,
    rows::{RowBatch, variant::text_of},
    tls::Pin,
};

/// Rows of a catalogue's answer at most: a table has 15,000 partitions, a histogram 200 steps. A server
/// that sends more is not what it says it is.
const MOST_SMALL_ROWS: usize = 20_000;

/// Seconds that a server has to say that it stopped a query.
const CANCEL_TIMEOUT: u32 = 30;

/// A parameter of a statement: its name with `@`, and its value.
pub(crate) type Parameter = (&'static str, SqlType);

/// A text parameter.
pub(crate) fn text(value: &str) -> SqlType {
    SqlType::NVarcharMax(Some(SqlString::from_utf8_string(value.to_owned())))
}

/// A statement and its parameters.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<(String, SqlType)>,
}

impl Query {
    /// A statement of [`statements`](super::statements).
    pub(crate) fn new(sql: impl Into<String>, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { sql: sql.into(), parameters }
    }
}

/// What ends a query before its rows do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Limits<'a> {
    /// How long the server may take; none and 0 are for ever.
    pub(crate) seconds: Option<u32>,
    /// Whoever wants no more rows.
    pub(crate) stop: Option<&'a Stop>,
}

/// Ends a query from outside, so that its session can be used on: what waits for the server returns with
/// [`ErrorKind::Cancelled`].
pub(crate) struct Stop(CancelHandle);

impl Stop {
    /// One that has not been used.
    pub(crate) fn new() -> Self {
        let mut handle = CancelHandle::new();
        handle.set_cancel_timeout_secs(CANCEL_TIMEOUT);
        Self(handle)
    }

    /// Ends the query.
    pub(crate) fn now(&self) {
        self.0.cancel();
    }
}

/// One logged-in connection. Dropping it closes the connection, and the server rolls back and frees
/// what it held.
pub(crate) struct Session {
    client: TdsClient,
    server: String,
    database: String,
    /// Of the query that runs.
    patience: Patience,
}

impl Session {
    /// Connects and logs in. `token` is the Entra token where the login needs one.
    pub(crate) async fn open(
        login: &Login,
        pin: Option<&Pin>,
        token: Option<SecretString>,
        worked_before: bool,
    ) -> Result<Self> {
        let server = login.server.to_string();
        let place = Place { server: &server, database: &login.database, connecting: true, worked_before };
        let (provider, address) = (TdsConnectionProvider::new(), format!("tcp:{server}"));
        // `mssql-tds` 0.3 panics where the line cuts a packet's header in two during the TLS handshake.
        let client = AssertUnwindSafe(provider.create_client(context(login, pin, token), &address, None))
            .catch_unwind()
            .await
            .map_err(|_| stumbled(place))?
            .map_err(|error| translate(error, place))?;
        // The layer below refuses this already; a password never leaves in clear text by a slip of ours.
        if login.encrypt != Encrypt::Optional && !client.is_encrypted() {
            return Err(Error::new(ErrorKind::Spec, "the server offers no encryption").with("server", server));
        }
        Ok(Self { client, database: login.database.clone(), server, patience: Patience::default() })
    }

    /// The next statement begins with the session's defaults.
    pub(crate) fn reset(&mut self) {
        self.client.prepare_reset_connection(false);
    }

    /// True if nothing can be sent any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.client.is_connection_dead()
    }

    /// True if what is sent now is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.client.is_encrypted()
    }

    /// Runs a batch whose results do not matter.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<()> {
        self.run_query(Query::new(sql, [])).await
    }

    /// The same with parameters.
    pub(crate) async fn run_query(&mut self, query: Query) -> Result<()> {
        let done = async {
            sent(&mut self.client, query, None).await?;
            self.client.close_query().await
        };
        done.await.map_err(|error| self.failed(error))
    }

    /// All rows of a small result, every value as text; none if there is no result at all.
    pub(crate) async fn rows(&mut self, query: Query) -> Result<Vec<TextRow>> {
        let Some(columns) = self.begin(query, Limits::default()).await? else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        while let Some(values) = self.client.next_row().await.map_err(|error| self.failed(error))? {
            if rows.len() == MOST_SMALL_ROWS {
                return Err(Error::new(
                    ErrorKind::Data,
                    "the server's catalogue answers with more rows than it can have; set «partitionOption» to «None» to copy without asking it",
                )
                .with("server", &self.server));
            }
            let named = columns.iter().map(|column| column.column_name.clone()).zip(values.iter().map(text_of));
            let row = named.map(|(name, value)| Ok((name, value?))).collect::<Result<_, &'static str>>();
            rows.push(TextRow(row.map_err(|why| Error::new(ErrorKind::Data, why))?));
        }
        self.finish().await?;
        Ok(rows)
    }

    /// Starts a query and gives the columns of its first result.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] with `SqlInvalidDbQueryString` if it has no result.
    pub(crate) async fn start(&mut self, query: Query, limits: Limits<'_>) -> Result<Vec<ColumnMetadata>> {
        self.begin(query, limits).await?.ok_or_else(|| {
            Error::new(ErrorKind::Spec, "the query returns no rows and no columns; its last statement must be a SELECT")
                .code("SqlInvalidDbQueryString")
        })
    }

    /// Starts a query; `None` if it has no result.
    async fn begin(&mut self, query: Query, limits: Limits<'_>) -> Result<Option<Vec<ColumnMetadata>>> {
        self.patience = Patience::of(limits.seconds);
        let started = in_time(self.patience.limit(begun(&mut self.client, query, limits.stop)).await);
        match started {
            Ok(true) => Ok(Some(self.client.get_metadata().clone())),
            Ok(false) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Reads rows until the batch is full. False if the result has no more.
    pub(crate) async fn fill(&mut self, batch: &mut RowBatch) -> Result<bool> {
        let filled = in_time(self.patience.limit(filled(&mut self.client, batch)).await);
        filled.map_err(|error| self.failed(error))
    }

    /// Reads what follows the rows: an error of the statement may be there.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        let closed = in_time(self.patience.limit(self.client.close_query()).await);
        closed.map_err(|error| self.failed(error))
    }

    /// Ends a query whose rows nobody wants: the server stops it.
    pub(crate) async fn cancel(&mut self) -> Result<()> {
        self.client.cancel_query(CANCEL_TIMEOUT).await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: TdsError) -> Error {
        let place = Place { server: &self.server, database: &self.database, connecting: false, worked_before: true };
        translate(error, place)
    }
}

/// What was done while there was time.
fn in_time<T>(done: Option<TdsResult<T>>) -> TdsResult<T> {
    done.unwrap_or_else(|| Err(TdsError::TimeoutError(TimeoutErrorType::String("the query".to_owned()))))
}

async fn sent(client: &mut TdsClient, query: Query, stop: Option<&Stop>) -> TdsResult<()> {
    let options = stop.map_or_else(ExecuteOptions::new, |stop| ExecuteOptions::new().cancel(&stop.0));
    if query.parameters.is_empty() {
        client.execute(query.sql, options).await.map(drop)
    } else {
        let parameters = query.parameters.into_iter();
        let parameters = parameters.map(|(name, value)| RpcParameter::new(Some(name), StatusFlags::NONE, value));
        client.execute_sp_executesql(query.sql, parameters.collect(), options).await.map(drop)
    }
}

/// Sends a query; false if it has no result.
async fn begun(client: &mut TdsClient, query: Query, stop: Option<&Stop>) -> TdsResult<bool> {
    sent(client, query, stop).await?;
    if client.on_rows() { Ok(true) } else { client.advance_to_rows().await }
}

/// Reads rows until the batch is full; false if there are no more.
async fn filled(client: &mut TdsClient, batch: &mut RowBatch) -> TdsResult<bool> {
    while !batch.is_full() {
        let more = match client.try_next_buffered_row_into(batch)? {
            BufferedRowPoll::Complete => true,
            BufferedRowPoll::Partial => client.finish_row_into(batch).await.map(|()| true)?,
            BufferedRowPoll::Pending => client.next_row_into(batch).await?,
            BufferedRowPoll::Exhausted => false,
        };
        if !more {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A row of a small result.
#[derive(Debug)]
pub(crate) struct TextRow(Vec<(String, Option<String>)>);

impl TextRow {
    /// A row of these columns.
    #[cfg(test)]
    pub(crate) fn of(columns: &[(&str, &str)]) -> Self {
        Self(columns.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect())
    }

    /// The text of a column, `None` if it is null.
    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
        found.and_then(|(_, value)| value.as_deref())
    }

    /// The number in a column, `None` if it is null or no such number.
    pub(crate) fn number<T: std::str::FromStr>(&self, column: &str) -> Option<T> {
        self.text(column)?.trim().parse().ok()
    }

    /// True if a column is a bit that is set.
    pub(crate) fn is_set(&self, column: &str) -> bool {
        self.number::<i64>(column).is_some_and(|bit| bit != 0)
    }

    /// A text that the catalogue always has.
    pub(crate) fn required(&self, column: &'static str) -> Result<&str> {
        self.text(column).ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "the server's catalogue answered without a column that it always has")
                .with("column", column)
        })
    }
}

fn context(login: &Login, pin: Option<&Pin>, token: Option<SecretString>) -> ClientContext {
    let mut context = ClientContext::with_data_source(&format!("tcp:{}", login.server));
    context.application_name = "Ropeway".to_owned();
    context.database.clone_from(&login.database);
    context.connect_timeout = login.connect_timeout;
    // Trying again is the engine's: it waits, counts and tells.
    context.connect_retry_count = 0;
    context.packet_size = login.packet_size;
    context.multi_subnet_failover = login.multi_subnet_failover;
    // A server sends vectors as text to clients that do not ask for them.
    context.vector_version = VectorVersion::Off;
    if login.read_only {
        context.application_intent = ApplicationIntent::ReadOnly;
    }
    context.encryption_options = EncryptionOptions {
        mode: match login.encrypt {
            Encrypt::Optional => EncryptionSetting::PreferOff,
            Encrypt::Mandatory => EncryptionSetting::Required,
            Encrypt::Strict => EncryptionSetting::Strict,
        },
        trust_server_certificate: login.trust_server_certificate && login.encrypt != Encrypt::Strict,
        host_name_in_cert: login.host_name_in_certificate.clone().filter(|_| pin.is_none()),
        server_certificate: pin.map(Pin::path),
    };
    match (&login.credential, token) {
        (Credential::Sql { user, password }, _) => {
            context.user_name.clone_from(user);
            password.expose_secret().clone_into(&mut context.password);
        }
        (_, token) => {
            context.tds_authentication_method = TdsAuthenticationMethod::AccessToken;
            context.access_token = token.map(|token| token.expose_secret().to_owned());
        }
    }
    context
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn context_of(properties: Value, token: Option<&str>) -> ClientContext {
        let service = serde_json::from_value(properties).unwrap();
        let login = Login::of(&service, &crate::sql_server::spec::Ropeway::default()).unwrap();
        context(&login, None, token.map(SecretString::from))
    }

    #[test]
    fn encryption_is_what_the_definition_asks_for() {
        for (encrypt, expected) in [
            ("optional", EncryptionSetting::PreferOff),
            ("mandatory", EncryptionSetting::Required),
            ("strict", EncryptionSetting::Strict),
        ] {
            let properties = json!({"type": "SqlServer", "server": "h", "encrypt": encrypt, "userName": "u",
                "password": "p", "hostNameInCertificate": "other.example"});
            let options = context_of(properties, None).encryption_options;
            assert_eq!(options.mode, expected);
            assert!(!options.trust_server_certificate);
            assert_eq!(options.host_name_in_cert.as_deref(), Some("other.example"));
        }
        let trusting = json!({"type": "SqlServer", "server": "h", "encrypt": "strict", "trustServerCertificate": true,
            "userName": "u", "password": "p"});
        // TDS 8 has no login without a verified certificate.
        assert!(!context_of(trusting, None).encryption_options.trust_server_certificate);
    }

    #[test]
    fn an_entra_login_shows_a_token_and_no_password() {
        for mode in ["SystemAssignedManagedIdentity", "ServicePrincipal"] {
            let properties = json!({"type": "AzureSqlDatabase", "server": "h", "authenticationType": mode, "tenant": "t",
                "servicePrincipalId": "i", "servicePrincipalKey": "k", "password": "p"});
            let context = context_of(properties, Some("a token"));
            assert!(matches!(context.tds_authentication_method, TdsAuthenticationMethod::AccessToken));
            assert_eq!(context.access_token.as_deref(), Some("a token"));
            assert_eq!((context.user_name.as_str(), context.password.as_str()), ("", ""));
        }
    }
}
