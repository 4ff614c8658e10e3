//! CPU per row of reading SQL Server into Arrow: Ropeway beside tiberius, in turns, in one process.
//!
//! The server is a replay of a table like TPC-H's lineitem, without encryption: then the decoding is
//! measured, not TLS and not the server. `benches/run` builds it and names its program in
//! `ROPEWAY_BENCH_REPLAY`. Prints nanoseconds per row and the ratio; asserts nothing.

use std::{
    env,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use arrow::{
    array::{ArrayRef, Date32Builder, Decimal128Builder, Int32Builder, Int64Builder, StringBuilder},
    record_batch::RecordBatch,
};
use futures::TryStreamExt as _;
use ropeway_benches::{Outcome, measured};
use ropeway_engine::{
    chunk::BatchLimit,
    source::{ChunkTarget, Source},
};
use serde_json::json;
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel, Query, Row};
use tokio_util::compat::TokioAsyncWriteCompatExt as _;

/// The program's own: what is measured is what a copy costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each is measured so often, and its least counts.
const ROUNDS: usize = 3;
const ROWS: u32 = 2_000_000;
const TABLE: &str = "lineitem";

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let replay = Replay::start()?;
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        ours = ours.min(per_row(ropeway(replay.port)).await?);
        theirs = theirs.min(per_row(tiberius(replay.port)).await?);
    }
    println!("sql_server/ropeway  {ours:7.0} ns of CPU per row");
    println!("sql_server/tiberius {theirs:7.0} ns of CPU per row");
    println!("sql_server/ratio    {:7.1}", theirs / ours);
    Ok(())
}

/// The server; it ends with this.
struct Replay {
    port: u16,
    process: Child,
}

impl Replay {
    fn start() -> Outcome<Self> {
        let program = env::var_os("ROPEWAY_BENCH_REPLAY")
            .ok_or("ROPEWAY_BENCH_REPLAY names no server to measure with; run benches/run, which builds one")?;
        let certs = env::var_os("ROPEWAY_BENCH_CERTS")
            .ok_or("ROPEWAY_BENCH_CERTS names no folder of certificates; run benches/run, which makes one")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--rows", &ROWS.to_string(), "--certs"])
            .arg(certs)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut replay = Self { port, process };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = replay.process.try_wait()? {
                return Err(format!("the server ended with {status}").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(replay)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Nanoseconds of CPU of all threads per row.
async fn per_row(read: impl Future<Output = Outcome<u64>>) -> Outcome<f64> {
    let (cpu, rows) = measured(read).await?;
    Ok(cpu as f64 / rows.max(1) as f64)
}

async fn ropeway(port: u16) -> Outcome<u64> {
    let source: Arc<dyn Source> = ropeway_connectors::registry().connect_source(
        "SqlServer",
        json!({
            "linkedService": {"type": "SqlServer", "server": format!("127.0.0.1,{port}"), "database": "master", "encrypt": "optional",
                "trustServerCertificate": true, "userName": "sa", "password": "Passw0rd!"},
            "dataset": {"type": "SqlServerTable", "table": TABLE},
            "source": {"type": "SqlServerSource", "partitionOption": "None"},
        }),
    )?;
    source.schema().await?;
    let limit = BatchLimit::default();
    let target = ChunkTarget { bytes: u64::MAX, rows: u64::MAX, chunks: 1 };
    let mut rows = 0;
    for chunk in source.plan(target).await? {
        let mut batches = source.read(&chunk, limit).await?;
        while let Some(batch) = batches.try_next().await? {
            rows += batch.num_rows() as u64;
        }
    }
    complete(rows)
}

async fn tiberius(port: u16) -> Outcome<u64> {
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(port);
    config.encryption(EncryptionLevel::NotSupported);
    config.authentication(AuthMethod::sql_server("sa", "Passw0rd!"));
    let tcp = tokio::net::TcpStream::connect(config.get_addr()).await?;
    tcp.set_nodelay(true)?;
    let mut client = Client::connect(config, tcp.compat_write()).await?;
    let mut stream = Query::new(format!("SELECT * FROM [{TABLE}]")).query(&mut client).await?.into_row_stream();
    let mut columns = Lineitem::default();
    let batch_rows = BatchLimit::default().rows.get();
    let (mut rows, mut pending) = (0, 0);
    while let Some(row) = stream.try_next().await? {
        columns.push(&row)?;
        rows += 1;
        pending += 1;
        if pending == batch_rows {
            columns.batch()?;
            pending = 0;
        }
    }
    columns.batch()?;
    complete(rows)
}

/// A measurement of fewer rows would be of something else.
fn complete(rows: u64) -> Outcome<u64> {
    if rows == u64::from(ROWS) { Ok(rows) } else { Err(format!("{rows} rows arrived instead of {ROWS}").into()) }
}

#[derive(Default)]
struct Lineitem {
    order: Int64Builder,
    ints: [Int32Builder; 3],
    decimals: [Decimal128Builder; 4],
    dates: [Date32Builder; 3],
    texts: [StringBuilder; 5],
}

impl Lineitem {
    fn push(&mut self, row: &Row) -> Outcome<()> {
        self.order.append_option(row.try_get::<i64, _>(0)?);
        for (n, column) in self.ints.iter_mut().enumerate() {
            column.append_option(row.try_get::<i32, _>(1 + n)?);
        }
        for (n, column) in self.decimals.iter_mut().enumerate() {
            column.append_option(row.try_get::<tiberius::numeric::Numeric, _>(4 + n)?.map(|value| value.value()));
        }
        for (column, (_, cell)) in self.dates.iter_mut().zip(row.cells().skip(10)) {
            let ColumnData::Date(date) = cell else { return Err("a column of the table is not a date".into()) };
            column.append_option(date.map(|date| date.days() as i32 - 719_162));
        }
        for (column, at) in self.texts.iter_mut().zip([8, 9, 13, 14, 15]) {
            column.append_option(row.try_get::<&str, _>(at)?);
        }
        Ok(())
    }

    fn batch(&mut self) -> Outcome<RecordBatch> {
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.order.finish())];
        arrays.extend(self.ints.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        arrays.extend(self.decimals.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        arrays.extend(self.dates.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        arrays.extend(self.texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        let named = arrays.into_iter().enumerate().map(|(n, array)| (n.to_string(), array));
        Ok(RecordBatch::try_from_iter(named)?)
    }
}
