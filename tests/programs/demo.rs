//! `make demo`: the main job on real parts. A table in a private PostgreSQL, read over ODBC, becomes one
//! Parquet blob in Azurite over HTTPS; then an independent reader proves the copy.
//!
//! `ROPEWAY_DEMO_ROWS` sets the size of the table.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a demonstration tells what it does and stops with a message"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use ropeway_tests::{
    azurite::{self, Azurite},
    odbc::{PASSWORD, PostgreSql, USER},
    raw_blob::{Raw, signed},
};
use serde_json::{Value, json};

const ROWS: u64 = 3_000_000;

fn main() -> ExitCode {
    let rows =
        std::env::var("ROPEWAY_DEMO_ROWS").map_or(ROWS, |rows| rows.parse().expect("ROPEWAY_DEMO_ROWS is a number"));
    println!("Starting a private PostgreSQL and Azurite (HTTPS, with a certificate authority of its own).");
    let (postgresql, azurite) = (PostgreSql::start(), Azurite::start());
    println!("Filling a table of {rows} orders.");
    postgresql.run(&table(rows));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (status, _) = runtime.block_on(request(&azurite, "PUT", "/demo", &[("restype", "container")]));
    assert_eq!(status, 201, "Azurite did not make the container");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipeline = write_factory(folder.path(), &postgresql, &azurite);
    let status = Command::new(target().join("release/ropeway"))
        .arg("run")
        .arg(&pipeline)
        .arg("--secrets")
        .arg(folder.path().join("secrets.json"))
        .arg("--ca-bundle")
        .arg(azurite.ca().authority())
        .arg("--state")
        .arg(folder.path().join("state"))
        .status()
        .expect("make demo builds ropeway first");
    if !status.success() {
        return ExitCode::FAILURE;
    }

    println!("\nReading the blob back with pyarrow and comparing it with PostgreSQL's own totals:");
    let (status, bytes) = runtime.block_on(request(&azurite, "GET", "/demo/orders.parquet", &[]));
    assert_eq!(status, 200, "the blob is not there");
    let copy = folder.path().join("orders.parquet");
    fs::write(&copy, bytes).expect("room for the blob");
    let (written, read) = (totals(&copy), postgresql.rows(TOTALS)[0][0].clone().expect("totals are not null"));
    println!("  PostgreSQL  {read}\n  the blob    {written}");
    if written != read {
        println!("They differ. This is a defect of Ropeway: please report it.");
        return ExitCode::FAILURE;
    }
    println!("  the same: rows, sums of ids and amounts, lengths of texts, nulls, days and microseconds.");
    ExitCode::SUCCESS
}

fn table(rows: u64) -> String {
    format!(
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer varchar(40) NOT NULL, amount numeric(12,4) NOT NULL, \
         ordered date NOT NULL, created timestamp(6) NOT NULL, note varchar(80)); \
         INSERT INTO orders SELECT n, 'customer ' || n % 50000, n % 999983 / 7.0, date '2020-01-01' + n % 2000, \
         timestamp '2020-01-01' + n * interval '97.000013 seconds', \
         CASE WHEN n % 10 > 0 THEN 'élan ' || md5(n::text) END FROM generate_series(1, {rows}::int) AS n; ANALYZE orders"
    )
}

/// The columns of `tests/readback/totals.py`.
const TOTALS: &str = "SELECT concat_ws('|', count(*), sum(id), sum(amount), sum(octet_length(customer)), \
    count(*) - count(note), sum(octet_length(note)), sum(ordered - date '1970-01-01'), \
    sum((extract(epoch FROM created) * 1000000)::bigint)) FROM orders";

fn totals(parquet: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("readback/totals.py");
    let output = Command::new(target().join("readback/bin/python"))
        .arg(script)
        .arg(parquet)
        .output()
        .expect("make demo installs the reader first");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn target() -> PathBuf {
    let executable = std::env::current_exe().expect("this program has a path");
    executable.ancestors().nth(2).expect("target/debug/ropeway-demo").to_owned()
}

async fn request(azurite: &Azurite, method: &str, path: &str, query: &[(&str, &str)]) -> (u16, Vec<u8>) {
    let raw = Raw {
        endpoint: azurite.endpoint(),
        account: azurite::ACCOUNT,
        key: azurite::KEY,
        authority: Some(azurite.ca().authority()),
    };
    signed(&raw, method, path, query, Vec::new()).await
}

/// A factory as Data Factory's Git integration writes it; its secrets stand beside it.
fn write_factory(folder: &Path, postgresql: &PostgreSql, azurite: &Azurite) -> PathBuf {
    let masked = json!({"type": "SecureString", "value": "**********"});
    let resource = |kind: &str, name: &str, properties: Value| {
        let path = folder.join(kind).join(format!("{name}.json"));
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder for the factory");
        fs::write(&path, json!({"name": name, "properties": properties}).to_string()).expect("room for the factory");
        path
    };
    let linked = |name: &str| json!({"referenceName": name, "type": "LinkedServiceReference"});
    let dataset = |name: &str| json!([{"referenceName": name, "type": "DatasetReference"}]);
    resource(
        "linkedService",
        "Orders",
        json!({"type": "Odbc", "typeProperties": {
        "connectionString": masked, "authenticationType": "Basic", "userName": USER, "password": masked}}),
    );
    resource(
        "linkedService",
        "Lake",
        json!({"type": "AzureBlobStorage", "typeProperties": {"connectionString": masked}}),
    );
    resource(
        "dataset",
        "OrdersTable",
        json!({"type": "OdbcTable", "linkedServiceName": linked("Orders"),
        "typeProperties": {"tableName": "orders"}}),
    );
    resource(
        "dataset",
        "OrdersBlob",
        json!({"type": "Parquet", "linkedServiceName": linked("Lake"), "typeProperties": {
        "location": {"type": "AzureBlobStorageLocation", "container": "demo", "fileName": "orders.parquet"},
        "compressionCodec": "snappy"}}),
    );
    let secrets = json!({
        "Orders": {"connectionString": postgresql.connection_string(), "password": PASSWORD},
        "Lake": {"connectionString": azurite.connection_string()},
    });
    let path = folder.join("secrets.json");
    fs::write(&path, secrets.to_string()).expect("room for the secrets");
    let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&path, only_mine).expect("its mode can be set");
    resource(
        "pipeline",
        "CopyOrders",
        json!({"activities": [{
        "name": "CopyOrders", "type": "Copy", "inputs": dataset("OrdersTable"), "outputs": dataset("OrdersBlob"),
        "typeProperties": {
            "source": {"type": "OdbcSource"},
            "sink": {"type": "ParquetSink", "storeSettings": {"type": "AzureBlobStorageWriteSettings"}}}}]}),
    )
}
