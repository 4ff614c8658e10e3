//! Sources of small copies. Each gives four hundred rows or so, and knows them apart from Ropeway.

use std::{io::Write as _, net::SocketAddr, sync::Arc};

use ropeway_engine::{source::Source, testing::vec_source::VecSource};
use ropeway_tests::{
    odbc::{PASSWORD, PostgreSql, USER},
    sql_server::{Encryption, Options, Server},
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::end_to_end::oracle::Row;

const PER_CHUNK: u32 = 100;

/// Rows of this process.
pub(crate) struct Given(u32);

impl Given {
    /// So many chunks of a hundred rows.
    pub(crate) fn new(chunks: u32) -> Self {
        Self(chunks)
    }

    pub(crate) fn source(&self) -> Arc<dyn Source> {
        Arc::new(VecSource::numbered(self.0.into(), PER_CHUNK.into()))
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        (0..self.0 * PER_CHUNK).map(|id| vec![Some(id.to_string()), Some(format!("row {id}"))]).collect()
    }
}

/// The SQL Server stand-in with a table, which sources reach under another address.
pub(crate) struct SqlServerTable {
    server: Server,
    ca: NamedTempFile,
    encrypted: bool,
    rows: u32,
}

impl SqlServerTable {
    /// So many rows; the client encrypts everything, or only the login.
    pub(crate) fn new(rows: u32, encrypted: bool) -> Self {
        let encryption = if encrypted { Encryption::Required } else { Encryption::LoginOnly };
        let server = Server::start_with(Options { encryption, ..Options::default() }).expect("a server");
        let mut ca = NamedTempFile::new().expect("a temporary file");
        ca.write_all(server.ca_pem.as_bytes()).expect("a writable folder");
        let run = |batch: &str| server.execute("sales", batch).unwrap_or_else(|error| panic!("{batch}: {error:?}"));
        run(
            "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, word nvarchar(100) NULL, amount decimal(10, 2) NOT NULL)",
        );
        let all: Vec<u32> = (0..rows).collect();
        // The stand-in nests the rows of VALUES in each other: few at once are faster.
        for some in all.chunks(20) {
            let values: Vec<_> = some.iter().map(|id| literals(*id, "N")).collect();
            run(&format!("INSERT INTO dbo.t (id, word, amount) VALUES {}", values.join(", ")));
        }
        Self { server, ca, encrypted, rows }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Read through this address, in a chunk for about every hundred rows.
    pub(crate) fn source(&self, via: SocketAddr) -> Arc<dyn Source> {
        let encrypt = if self.encrypted { "true" } else { "false" };
        let own = self.server.connection_string().replace("Encrypt=true", &format!("Encrypt={encrypt}"));
        let service = own.replace(&format!(",{}", self.server.port()), &format!(",{}", via.port()));
        assert!(service.contains(&format!(",{};", via.port())), "the address stands elsewhere: {service}");
        let bounds = json!({"partitionColumnName": "id", "partitionLowerBound": PER_CHUNK.to_string(),
            "partitionUpperBound": self.rows.saturating_sub(PER_CHUNK).to_string()});
        let settings = json!({
            "linkedService": {"type": "SqlServer", "connectionString": format!("{service};Connect Timeout=3")},
            "dataset": {"schema": "dbo", "table": "t"},
            "source": {"partitionOption": "DynamicRange", "partitionSettings": bounds},
            "parallelCopies": (self.rows / PER_CHUNK).max(1),
            "ropeway": {"caBundle": self.ca.path()},
        });
        ropeway_connectors::registry().connect_source("SqlServer", settings).expect("settings of a source")
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        (0..self.rows).map(row).collect()
    }
}

/// A PostgreSQL with a table, which sources reach through ODBC under another address.
pub(crate) struct PostgreSqlTable {
    server: PostgreSql,
    rows: u32,
}

impl PostgreSqlTable {
    pub(crate) fn new(rows: u32) -> Self {
        let server = PostgreSql::start();
        server.run("CREATE TABLE t (id int PRIMARY KEY, word varchar(100), amount numeric(10, 2) NOT NULL)");
        let values: Vec<_> = (0..rows).map(|id| literals(id, "")).collect();
        server.run(&format!("INSERT INTO t VALUES {}; ANALYZE t", values.join(", ")));
        Self { server, rows }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.server.port()).into()
    }

    /// Read through this address, in chunks.
    pub(crate) fn source(&self, via: SocketAddr) -> Arc<dyn Source> {
        self.read(via, &json!({}))
    }

    /// Read through this address, as one chunk.
    pub(crate) fn whole(&self, via: SocketAddr) -> Arc<dyn Source> {
        self.read(via, &json!({"query": "SELECT id, word, amount FROM t"}))
    }

    fn read(&self, via: SocketAddr, source: &Value) -> Arc<dyn Source> {
        let own = self.server.connection_string();
        let through = own.replace(&format!("Port={};", self.server.port()), &format!("Port={};", via.port()));
        let settings: Value = json!({
            "linkedService": {"type": "Odbc", "authenticationType": "Basic", "userName": USER, "password": PASSWORD,
                "connectionString": through},
            "dataset": {"tableName": "t"},
            "source": source,
            "parallelCopies": 4,
        });
        ropeway_connectors::registry().connect_source("Odbc", settings).expect("settings of a source")
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        (0..self.rows).map(row).collect()
    }
}

fn row(id: u32) -> Row {
    let word = (!id.is_multiple_of(7)).then(|| format!("Zoë's № {id}, {}", "y".repeat((id % 50) as usize)));
    vec![Some(id.to_string()), word, Some(format!("{}.{:02}", i64::from(id) * 37 - 1_000, id % 100))]
}

fn literals(id: u32, prefix: &str) -> String {
    let row = row(id);
    let plain = |column: usize| row[column].clone().unwrap_or_default();
    let word =
        row[1].as_ref().map_or_else(|| "NULL".to_owned(), |word| format!("{prefix}'{}'", word.replace('\'', "''")));
    format!("({}, {word}, {})", plain(0), plain(2))
}
