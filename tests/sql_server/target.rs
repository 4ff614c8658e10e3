//! The SQL Server that these tests run against: the one that `ROPEWAY_TEST_SQLSERVER` names with an ADO
//! connection string, or the stand-in.
//!
//! On a real server every test works in a schema of its own, `ropeway_test_...`, and drops it in the end,
//! failed or not. What a killed test leaves behind has that name.

use std::{
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use ropeway_tests::sql_server::Server;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::sql_server_stand_in::clients::{self, Tiberius};

/// Names a real server.
const VARIABLE: &str = "ROPEWAY_TEST_SQLSERVER";
/// Stands for the test's own schema in statements, as `sqlcmd` writes variables.
const SCHEMA: &str = "$(schema)";

/// A SQL Server with a schema for one test.
pub(crate) enum Target {
    /// Ours; its schema is `dbo`, and nobody else sees it.
    StandIn(Box<Server>, NamedTempFile),
    /// Somebody's.
    Real(Real),
}

/// A schema in a database that others use as well.
pub(crate) struct Real {
    connection_string: String,
    schema: String,
    /// Statements that end the clean-up: for what stands beside the schema.
    last: Mutex<Vec<String>>,
}

impl Target {
    /// The server that the environment names, with a new schema, or a stand-in.
    pub(crate) fn from_env_or_start() -> Self {
        let Some(connection_string) = named() else { return Self::start(Server::start().unwrap()) };
        let schema = format!("ropeway_test_{}", uuid::Uuid::new_v4().simple());
        let real = Real { connection_string, schema, last: Mutex::default() };
        // The only statement of its batch, as it must be.
        real.ask(&format!("CREATE SCHEMA {}", real.schema)).unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
        Self::Real(real)
    }

    /// A stand-in, whatever the environment says; `None`, and why in the output, if it names a real server.
    pub(crate) fn only_stand_in(because: &str) -> Option<Self> {
        if named().is_some() {
            println!("skipped while {VARIABLE} is set: {because}");
            return None;
        }
        Some(Self::start(Server::start().unwrap()))
    }

    /// This stand-in.
    pub(crate) fn start(server: Server) -> Self {
        let mut ca = NamedTempFile::new().unwrap();
        ca.write_all(server.ca_pem.as_bytes()).unwrap();
        Self::StandIn(Box::new(server), ca)
    }

    /// The stand-in, to let it fail and to look at what it saw.
    pub(crate) fn server(&self) -> &Server {
        match self {
            Self::StandIn(server, _) => server,
            Self::Real(_) => panic!("this test is not one for a real server"),
        }
    }

    pub(crate) fn is_real(&self) -> bool {
        matches!(self, Self::Real(_))
    }

    /// The test's own schema.
    pub(crate) fn schema(&self) -> &str {
        match self {
            Self::StandIn(..) => "dbo",
            Self::Real(real) => &real.schema,
        }
    }

    /// A statement for this target's schema.
    pub(crate) fn statement(&self, text: &str) -> String {
        text.replace(SCHEMA, self.schema())
    }

    /// Runs a batch; gives the first value of its first row as text. What is selected must be text.
    pub(crate) fn ask(&self, batch: &str) -> Result<Option<String>, String> {
        let batch = self.statement(batch);
        match self {
            Self::StandIn(server, _) => {
                let rows = server.execute("sales", &batch).map_err(|error| format!("{batch}: {error:?}"))?;
                Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).filter(|text| text != "NULL"))
            }
            Self::Real(real) => real.ask(&batch),
        }
    }

    /// As [`Self::ask`], on a session of its own.
    pub(crate) async fn ask_as_a_client(&self, batch: &str) -> Result<Option<String>, String> {
        let batch = self.statement(batch);
        match self {
            Self::StandIn(server, _) => first_value(&mut clients::tiberius(server).await, &batch).await,
            Self::Real(real) => real.ask(&batch),
        }
    }

    /// Runs a batch that must work.
    #[track_caller]
    pub(crate) fn run(&self, batch: &str) {
        self.ask(batch).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Has the server look at a table's rows, so that its histograms know them. A compatible server may
    /// have none: then ranges come from elsewhere.
    pub(crate) fn update_statistics(&self, table: &str) {
        if let Err(error) = self.ask(&format!("UPDATE STATISTICS {SCHEMA}.{table} WITH FULLSCAN")) {
            assert!(self.is_real(), "{error}");
            println!("without statistics: {error}");
        }
    }

    /// Runs this at the end of the test, when its schema is gone.
    pub(crate) fn finally(&self, statement: &str) {
        if let Self::Real(real) = self {
            real.last.lock().unwrap_or_else(PoisonError::into_inner).push(statement.to_owned());
        }
    }

    /// A linked service and what Ropeway is told beside it.
    pub(crate) fn connection(&self) -> (Value, Value) {
        let service = |text: &str| json!({"type": "SqlServer", "connectionString": text});
        match self {
            Self::StandIn(server, ca) => (service(&server.connection_string()), json!({"caBundle": ca.path()})),
            Self::Real(real) => (service(&real.connection_string), json!({})),
        }
    }

    /// The file of the authority that signed the stand-in's certificate.
    pub(crate) fn authority(&self) -> &std::path::Path {
        match self {
            Self::StandIn(_, ca) => ca.path(),
            Self::Real(_) => panic!("this test is not one for a real server"),
        }
    }
}

fn named() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty())
}

impl Real {
    fn ask(&self, batch: &str) -> Result<Option<String>, String> {
        // A thread and a runtime of its own: this is called from tests and, when one panics, from a drop.
        let connection_string = self.connection_string.as_str();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { first_value(&mut connected(connection_string).await?, batch).await })
            });
            asked.join().unwrap_or_else(|_| Err("the client panicked".to_owned()))
        })
        // Neither the connection string nor its password is in an error of the client.
        .map_err(|error| format!("{batch}: {error}"))
    }

    fn clean(&self) -> Result<(), String> {
        let schema = &self.schema;
        // Procedures use types, and both use tables.
        let kinds = [
            ("PROCEDURE", "sys.procedures", ""),
            ("TYPE", "sys.types", " AND o.is_table_type = 1"),
            ("TABLE", "sys.tables", ""),
        ];
        for (kind, catalogue, more) in kinds {
            let next = format!(
                "SELECT TOP (1) CAST(o.name AS nvarchar(128)) AS name FROM {catalogue} AS o \
                 JOIN sys.schemas AS s ON s.schema_id = o.schema_id WHERE s.name = N'{schema}'{more}"
            );
            while let Some(name) = self.ask(&next)? {
                self.ask(&format!("DROP {kind} {schema}.[{}]", name.replace(']', "]]")))?;
            }
        }
        self.ask(&format!("DROP SCHEMA {schema}"))?;
        for table in ["ledger", "run"] {
            let delete = format!("DELETE FROM [_cpy].[{table}] WHERE run_id LIKE ''{schema}-%''");
            self.ask(&format!("IF OBJECT_ID(N'[_cpy].[{table}]') IS NOT NULL EXEC(N'{delete}')"))?;
        }
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .try_for_each(|statement| self.ask(statement).map(drop))
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        if let Err(error) = self.clean() {
            println!("schema {} is left behind: {error}", self.schema);
        }
    }
}

async fn connected(connection_string: &str) -> Result<Tiberius, String> {
    let config = tiberius::Config::from_ado_string(connection_string).map_err(|error| error.to_string())?;
    clients::open(config).await.map_err(|error| error.to_string())
}

async fn first_value(client: &mut Tiberius, batch: &str) -> Result<Option<String>, String> {
    let results = client.simple_query(batch).await.map_err(|error| error.to_string())?;
    let results = results.into_results().await.map_err(|error| error.to_string())?;
    let first = results.first().and_then(|rows| rows.first());
    Ok(first.and_then(|row| row.get::<&str, _>(0)).map(str::to_owned))
}
