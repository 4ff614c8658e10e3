//! Starts the servers that `benches/run` measures against, prints their addresses as one line of JSON, and
//! stops them when its standard input ends.
//!
//! `ropeway-servers --replay PROGRAM --certs FOLDER [--ceiling]`
//!
//! `ropeway-servers --bulk-load` starts nothing but a SQL Server stand-in with empty tables like lineitem, which reads
//! bulk loads and keeps no row.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a tool of the benchmarks stops with a message")]

use std::{
    collections::HashMap,
    io::Read,
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use ropeway_tests::{
    blob_service::BlobService,
    free_port::free_port,
    odbc::{PASSWORD, PostgreSql, USER},
    private_ca::PrivateCa,
    sql_server::{Encryption, Options, Server},
};
use serde_json::json;

/// Of a server that only this machine reaches, and that keeps nothing.
const PASSWORD_OF_SA: &str = "benchmark";
/// Rows of the side-by-side comparisons.
const ROWS: u64 = 2_000_000;
/// Twenty times `--memory 256MiB`.
const CEILING_BYTES: u64 = 20 * (256 << 20);
/// Bytes of a lineitem row on the wire.
const ROW_BYTES: u64 = 146;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|it| it == "--bulk-load") {
        let server = swallowing();
        println!("{}", json!({"port": server.port(), "password": PASSWORD_OF_SA}));
        return wait();
    }
    let value = |name: &str| arguments.iter().position(|it| it == name).and_then(|at| arguments.get(at + 1)).cloned();
    let replay = value("--replay").expect("--replay PROGRAM");
    let certs = value("--certs").expect("--certs FOLDER");
    let ceiling = arguments.iter().any(|it| it == "--ceiling");

    let compared = Replay::start(&replay, &certs, ROWS);
    let postgresql = PostgreSql::start();
    postgresql.run(&table("lineitem", ROWS));
    let bulk_load = swallowing();
    let mut addresses = json!({
        "bulkLoad": {"port": bulk_load.port(), "password": PASSWORD_OF_SA},
        "replay": {"port": compared.port, "rows": ROWS},
        "postgresql": {"connectionString": with_login(&postgresql), "table": "lineitem", "rows": ROWS},
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut kept = None;
    if ceiling {
        let rows = CEILING_BYTES / ROW_BYTES;
        let large = Replay::start(&replay, &certs, rows);
        postgresql.run(&table("large", rows));
        let blob = runtime.block_on(BlobService::https(PrivateCa::new(&["127.0.0.1"])));
        blob.create_container("bench");
        addresses["ceiling"] = json!({"port": large.port, "bytes": CEILING_BYTES});
        addresses["postgresqlCeiling"] = json!({"connectionString": with_login(&postgresql), "table": "large",
            "rows": rows, "bytes": CEILING_BYTES});
        addresses["blob"] = json!({"connectionString": blob.connection_string(), "container": "bench",
            "caBundle": blob.ca().expect("it speaks HTTPS").authority()});
        kept = Some((large, blob));
    }
    println!("{addresses}");
    wait();
    drop((kept, compared, postgresql, bulk_load));
}

/// Ends when whoever started us closes the pipe, or is gone.
fn wait() {
    std::io::stdin().read_to_end(&mut Vec::new()).expect("standard input can be read");
}

/// A SQL Server stand-in with empty tables that have the columns of lineitem: texts of declared lengths, and texts of any.
fn swallowing() -> Server {
    let users = HashMap::from([("sa".to_owned(), PASSWORD_OF_SA.to_owned())]);
    let encryption = Encryption::LoginOnly;
    let server = Server::start_with(Options { swallows: true, encryption, users, ..Options::default() });
    let server = server.expect("a stand-in starts");
    for (name, flag, short, long) in [
        ("lineitem", "char(1)", "varchar(25)", "varchar(44)"),
        ("lineitem_max", "varchar(max)", "varchar(max)", "varchar(max)"),
    ] {
        let columns = format!(
            "l_orderkey bigint NOT NULL, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int NOT NULL, \
             l_quantity decimal(15, 2) NOT NULL, l_extendedprice decimal(15, 2) NOT NULL, l_discount decimal(15, 2) NOT NULL, \
             l_tax decimal(15, 2) NOT NULL, l_returnflag {flag} NOT NULL, l_linestatus {flag} NOT NULL, \
             l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL, \
             l_shipinstruct {short} NOT NULL, l_shipmode {short} NOT NULL, l_comment {long} NOT NULL"
        );
        server.execute("sales", &format!("CREATE TABLE dbo.{name} ({columns})")).expect("a table is made");
    }
    server
}

fn with_login(postgresql: &PostgreSql) -> String {
    format!("{}UID={USER};PWD={{{}}};", postgresql.connection_string(), PASSWORD.replace('}', "}}"))
}

/// A lineitem-shaped table.
fn table(name: &str, rows: u64) -> String {
    format!(
        "CREATE UNLOGGED TABLE {name} AS SELECT n AS l_orderkey, (n % 200000)::int AS l_partkey, (n % 10000)::int AS l_suppkey, \
         (n % 7)::int AS l_linenumber, (n % 50)::numeric(15,2) AS l_quantity, (n % 104950 / 7.0)::numeric(15,2) AS l_extendedprice, \
         (n % 11 / 100.0)::numeric(15,2) AS l_discount, (n % 9 / 100.0)::numeric(15,2) AS l_tax, \
         chr(65 + (n % 3)::int)::varchar(1) AS l_returnflag, chr(70 + (n % 2)::int)::varchar(1) AS l_linestatus, \
         date '1992-01-01' + (n % 2500)::int AS l_shipdate, date '1992-01-01' + (n % 2400)::int AS l_commitdate, \
         date '1992-01-01' + (n % 2600)::int AS l_receiptdate, 'DELIVER IN PERSON'::varchar(25) AS l_shipinstruct, \
         'TRUCK'::varchar(10) AS l_shipmode, left(md5(n::text), 10 + (n % 22)::int)::varchar(44) AS l_comment \
         FROM generate_series(1, {rows}::bigint) AS n; \
         ALTER TABLE {name} ADD PRIMARY KEY (l_orderkey); ANALYZE {name}"
    )
}

/// A running replay server.
struct Replay {
    process: Child,
    port: u16,
}

impl Replay {
    fn start(program: &str, certs: &str, rows: u64) -> Self {
        let port = free_port();
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--rows", &rows.to_string(), "--certs", certs])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the replay server starts");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(50));
        }
        Self { process, port }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // It may be dead already; either way it is reaped.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
