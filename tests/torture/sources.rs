//! What is copied: a table of every kind of source, small, and cut into several chunks.

use std::{any::Any, fmt::Write as _, fs::File, sync::Arc};

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use ropeway_tests::{
    odbc::{self, PostgreSql, Sqlite},
    sql_server::Server,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::end_to_end::{
    example::Example,
    oracle::Row,
    orders::{self, Orders},
    synthetic_to_folder::line_items,
};

/// Files of a source of files; each is a chunk.
const FILES: u32 = 6;

/// A source, its definitions and its rows.
pub(crate) struct Source {
    pub(crate) name: &'static str,
    service: Value,
    dataset: Value,
    source: Value,
    password: Option<&'static str>,
    authority: Option<String>,
    pub(crate) rows: Vec<Row>,
    /// The server or the folder, as long as it is needed.
    _alive: Box<dyn Any + Send + Sync>,
}

impl Source {
    /// One of each, servers started.
    pub(crate) fn all() -> Vec<Self> {
        vec![Self::sql_server(), Self::postgresql(), Self::csv(FILES, 1_000), Self::parquet(), Self::synthetic()]
    }

    fn sql_server() -> Self {
        let orders = Orders::new(6_000);
        let rows = orders.rows.clone();
        Self::of_sql_server(orders.server, rows, "Orders", json!({ "type": "SqlServerSource" }))
    }

    /// A table of SQL Server that a definition cuts badly: nearly all rows are in one chunk, which takes a while.
    pub(crate) fn uneven() -> Self {
        const ROWS: u32 = 51_200;
        let server = Orders::new(1).server;
        let run = |batch: &str| server.execute("Sales", batch).unwrap_or_else(|error| panic!("{batch}: {error:?}"));
        run("CREATE TABLE dbo.Uneven (id int NOT NULL PRIMARY KEY, name nvarchar(40) NOT NULL)");
        run("INSERT INTO dbo.Uneven (id, name) VALUES (0, N'Zoë 0')");
        let mut count = 1;
        while count < ROWS {
            let more = count.min(ROWS - count);
            let new = format!("id + {count}");
            run(&format!(
                "INSERT INTO dbo.Uneven (id, name) SELECT {new}, N'Zoë ' + CAST({new} AS nvarchar(20)) \
                 FROM dbo.Uneven WHERE id < {more}"
            ));
            count += more;
        }
        let bound = json!({ "partitionColumnName": "id", "partitionLowerBound": "100", "partitionUpperBound": "100" });
        let source =
            json!({ "type": "SqlServerSource", "partitionOption": "DynamicRange", "partitionSettings": bound });
        let rows = (0..ROWS).map(|id| vec![Some(id.to_string()), Some(format!("Zoë {id}"))]).collect();
        Self::of_sql_server(server, rows, "Uneven", source)
    }

    fn of_sql_server(server: Server, rows: Vec<Row>, table: &str, source: Value) -> Self {
        let address = format!("localhost,{}", server.port());
        let service = json!({ "server": address, "database": "Sales", "encrypt": "mandatory",
            "trustServerCertificate": false, "authenticationType": "SQL", "userName": "ropeway" });
        Self {
            name: "SQL Server",
            service: json!({ "type": "SqlServer", "typeProperties": service }),
            dataset: json!({ "type": "SqlServerTable", "typeProperties": { "schema": "dbo", "table": table } }),
            source,
            password: Some(orders::PASSWORD),
            authority: Some(server.ca_pem.clone()),
            rows,
            _alive: Box::new(server),
        }
    }

    /// A chunk has 5,000 rows at least.
    fn postgresql() -> Self {
        let database = PostgreSql::start();
        database.run(
            "CREATE TABLE customers (id int PRIMARY KEY, name text); \
             INSERT INTO customers SELECT id, CASE WHEN id % 13 <> 0 THEN 'Zoë, \"' || id || E'\"\\nnext' END \
             FROM generate_series(1, 25000) AS id; ANALYZE customers",
        );
        let service = json!({ "connectionString": database.connection_string(),
            "authenticationType": "Basic", "userName": odbc::USER });
        Self {
            name: "ODBC",
            service: json!({ "type": "Odbc", "typeProperties": service }),
            dataset: json!({ "type": "OdbcTable", "typeProperties": { "tableName": "customers" } }),
            source: json!({ "type": "OdbcSource" }),
            password: Some(odbc::PASSWORD),
            authority: None,
            rows: database.rows("SELECT id, name FROM customers"),
            _alive: Box::new(database),
        }
    }

    /// SQLite keeps texts in columns of numbers; with the ids of the rows that have some.
    pub(crate) fn sqlite_with_texts_as_numbers() -> (Self, Vec<Row>) {
        let database = Sqlite::start();
        database.run(
            "CREATE TABLE readings (id integer PRIMARY KEY, name text, n int); \
             WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r WHERE id < 25000) \
             INSERT INTO readings SELECT id, 'Zoë ' || id, CASE WHEN id % 9 = 0 THEN 'n/a' ELSE id * 7 END FROM r; ANALYZE",
        );
        let service = json!({ "connectionString": database.connection_string(), "authenticationType": "Anonymous" });
        let left_out = database.rows("SELECT id FROM readings WHERE typeof(n) = 'text'");
        let source = Self {
            name: "SQLite",
            service: json!({ "type": "Odbc", "typeProperties": service }),
            dataset: json!({ "type": "OdbcTable", "typeProperties": { "tableName": "readings" } }),
            source: json!({ "type": "OdbcSource" }),
            password: None,
            authority: None,
            rows: database.rows("SELECT id, name, n FROM readings WHERE typeof(n) <> 'text'"),
            _alive: Box::new(database),
        };
        (source, left_out)
    }

    /// So many files of so many rows.
    pub(crate) fn csv(files: u32, rows_of_a_file: u32) -> Self {
        let content = Files::new(files, rows_of_a_file, |file, rows| {
            let mut text = "id,name\n".to_owned();
            for row in rows {
                let [id, name] = [0, 1].map(|at| row[at].clone().unwrap_or_default());
                writeln!(text, "{id},\"{}\"", name.replace('"', "\"\"")).expect("memory");
            }
            std::io::Write::write_all(file, text.as_bytes()).expect("a writable folder");
        });
        let text = json!({ "columnDelimiter": ",", "quoteChar": "\"", "escapeChar": "\"", "firstRowAsHeader": true });
        Self::files("CSV", "DelimitedText", text, content)
    }

    /// Files of text, the first of which is there twice; with the rows of that one.
    pub(crate) fn csv_with_a_copy(files: u32, rows_of_a_file: u32) -> (Self, Vec<Row>) {
        let source = Self::csv(files, rows_of_a_file);
        let host = source.service["typeProperties"]["host"].as_str().expect("a folder");
        let file = |name: &str| std::path::Path::new(host).join(name);
        std::fs::copy(file("0.in"), file("again.in")).expect("a writable folder");
        let rows = source.rows[..rows_of_a_file as usize].to_vec();
        (source, rows)
    }

    fn parquet() -> Self {
        let content = Files::new(FILES, 1_000, |file, rows| {
            let ids = rows.iter().map(|row| row[0].as_ref().map(|id| id.parse().expect("a number")));
            let ids: ArrayRef = Arc::new(ids.collect::<Int32Array>());
            let names: ArrayRef = Arc::new(rows.iter().map(|row| row[1].clone()).collect::<StringArray>());
            let batch = RecordBatch::try_from_iter([("id", ids), ("name", names)]).expect("two columns");
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("Parquet");
            writer.write(&batch).expect("Parquet");
            writer.close().expect("Parquet");
        });
        Self::files("Parquet", "Parquet", json!({}), content)
    }

    fn files(name: &'static str, format: &str, mut of_format: Value, files: Files) -> Self {
        of_format["location"] = json!({ "type": "FileServerLocation" });
        let host = json!({ "host": files.root.path(), "userId": "nobody" });
        let store = json!({ "type": "FileServerReadSettings", "wildcardFileName": "*.in" });
        let settings = json!({ "type": format!("{format}ReadSettings") });
        Self {
            name,
            service: json!({ "type": "FileServer", "typeProperties": host }),
            dataset: json!({ "type": format, "typeProperties": of_format }),
            source: json!({ "type": format!("{format}Source"), "storeSettings": store, "formatSettings": settings }),
            password: None,
            authority: None,
            rows: files.rows,
            _alive: Box::new(files.root),
        }
    }

    fn synthetic() -> Self {
        let table = json!({ "table": "lineitem", "scaleFactor": 0.001 });
        Self {
            name: "synthetic",
            service: json!({ "type": "Synthetic", "typeProperties": {} }),
            dataset: json!({ "type": "SyntheticTable", "typeProperties": table }),
            source: json!({ "type": "SyntheticSource" }),
            password: None,
            authority: None,
            rows: line_items(0.001),
            _alive: Box::new(()),
        }
    }

    /// Defines `From` in a factory; answers the activity's `source`.
    pub(crate) fn define(&self, example: &mut Example) -> Value {
        example.define("linkedService/From", &self.service);
        let mut dataset = self.dataset.clone();
        dataset["linkedServiceName"] = json!({ "referenceName": "From", "type": "LinkedServiceReference" });
        example.define("dataset/From", &dataset);
        if let Some(password) = self.password {
            example.secret("From", "password", password);
        }
        if let Some(authority) = &self.authority {
            example.trust(authority);
        }
        self.source.clone()
    }
}

/// A folder of files, and what is in them.
struct Files {
    root: TempDir,
    rows: Vec<Row>,
}

impl Files {
    fn new(files: u32, rows_of_a_file: u32, write: impl Fn(&mut File, &[Row])) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let mut all = Vec::new();
        for number in 0..files {
            let first = number * rows_of_a_file;
            let rows: Vec<Row> = (first..first + rows_of_a_file).map(row).collect();
            let mut file = File::create_new(root.path().join(format!("{number}.in"))).expect("a new file");
            write(&mut file, &rows);
            all.extend(rows);
        }
        Self { root, rows: all }
    }
}

fn row(id: u32) -> Row {
    vec![Some(id.to_string()), (!id.is_multiple_of(17)).then(|| format!("Zoë, \"{id}\"\nnext"))]
}
