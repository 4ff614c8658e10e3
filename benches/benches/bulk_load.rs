//! CPU per row of loading Arrow batches into SQL Server: Ropeway beside tiberius, in turns, in one process; and
//! texts of any length beside texts of declared ones.
//!
//! The server is a stand-in in a process of its own that reads rows and keeps none; the line is not encrypted.
//! `benches/run` names its program in `ROPEWAY_BENCH_SERVERS`. Prints nanoseconds per row and ratios; asserts nothing.

use std::{
    borrow::Cow,
    env,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use arrow::{
    array::{AsArray as _, RecordBatch},
    compute::cast,
    datatypes::{DataType, Date32Type, Decimal128Type, Field, Fields, Int32Type, Int64Type, Schema, SchemaRef},
};
use futures::TryStreamExt as _;
use ropeway_benches::{Outcome, measured};
use ropeway_engine::{
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, RunId},
    sink::{Opened, RunContext},
    source::ChunkTarget,
};
use serde_json::{Value, json};
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel, TokenRow, numeric::Numeric, time::Date};
use tokio_util::compat::TokioAsyncWriteCompatExt as _;

/// The program's own: what is measured is what a copy costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each is measured so often, and its least counts.
const ROUNDS: usize = 3;
/// TPC-H's scale factor: 600,000 rows.
const SCALE_FACTOR: f64 = 0.1;
/// Days from 0001-01-01 to 1970-01-01.
const UNIX_EPOCH: i32 = 719_162;

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let server = Server::start()?;
    let (schema, batches) = lineitem().await?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let (mut sized, mut unsized_, mut theirs) = (u64::MAX, u64::MAX, u64::MAX);
    for round in 0..ROUNDS {
        sized = sized.min(measured(ropeway(&server, "lineitem", round, &schema, &batches)).await?.0);
        unsized_ = unsized_.min(measured(ropeway(&server, "lineitem_max", round, &schema, &batches)).await?.0);
        theirs = theirs.min(measured(tiberius(&server, &batches)).await?.0);
    }
    let per_row = |cpu: u64| cpu as f64 / rows as f64;
    println!("bulk_load/ropeway       {:7.0} ns of CPU per row", per_row(sized));
    println!("bulk_load/ropeway (max) {:7.0} ns of CPU per row", per_row(unsized_));
    println!("bulk_load/tiberius      {:7.0} ns of CPU per row", per_row(theirs));
    println!("bulk_load/ratio         {:7.1}", per_row(theirs) / per_row(sized));
    println!("bulk_load/(max) ratio   {:7.2}", per_row(unsized_) / per_row(sized));
    Ok(())
}

/// The server; it ends with this.
struct Server {
    process: Child,
    port: u64,
    password: String,
}

impl Server {
    fn start() -> Outcome<Self> {
        let program = env::var_os("ROPEWAY_BENCH_SERVERS")
            .ok_or("ROPEWAY_BENCH_SERVERS names no program that starts the server; run benches/run, which builds it")?;
        let mut process =
            Command::new(program).arg("--bulk-load").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line)?;
        let (port, password) = (said["port"].as_u64(), said["password"].as_str());
        let (port, password) = (port.ok_or("no port")?, password.ok_or("no password")?.to_owned());
        Ok(Self { process, port, password })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A made-up table, in batches as a run has them. Its keys of parts and suppliers fit an int, as in the table that is
/// loaded: tiberius converts nothing. Its texts are laid out as those of a database are.
async fn lineitem() -> Outcome<(SchemaRef, Vec<RecordBatch>)> {
    let settings = json!({"dataset": {"table": "lineitem", "scaleFactor": SCALE_FACTOR}});
    let source = ropeway_connectors::registry().connect_source("Synthetic", settings)?;
    let narrow = |column: &Arc<Field>| match column.name().as_str() {
        "l_partkey" | "l_suppkey" => Arc::new(column.as_ref().clone().with_data_type(DataType::Int32)),
        _ if column.data_type() == &DataType::Utf8View => {
            Arc::new(column.as_ref().clone().with_data_type(DataType::Utf8))
        }
        _ => Arc::clone(column),
    };
    let schema = SchemaRef::new(Schema::new(source.schema().await?.fields().iter().map(narrow).collect::<Fields>()));
    let target = ChunkTarget { bytes: u64::MAX, rows: u64::MAX, chunks: 1 };
    let mut batches = Vec::new();
    for chunk in source.plan(target).await? {
        let mut read = source.read(&chunk, BatchLimit::default()).await?;
        while let Some(batch) = read.try_next().await? {
            let columns = batch.columns().iter().zip(schema.fields());
            let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
            batches.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
        }
    }
    Ok((schema, batches))
}

/// One chunk: a run of its own.
async fn ropeway(
    server: &Server,
    table: &str,
    round: usize,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Outcome<()> {
    let settings = json!({
        "linkedService": {"type": "SqlServer", "server": format!("127.0.0.1,{}", server.port), "database": "sales",
            "encrypt": "optional", "trustServerCertificate": true, "userName": "sa", "password": server.password},
        "dataset": {"type": "SqlServerTable", "schema": "dbo", "table": table},
        "sink": {"type": "SqlServerSink", "sqlWriterUseTableLock": true},
    });
    let sink = ropeway_connectors::registry().connect_sink("SqlServer", settings)?;
    sink.fit(schema).await?;
    let run = RunId::try_from(format!("{table}-{round}"))?;
    let context = RunContext {
        run,
        epoch: 1,
        schema: Arc::clone(schema),
        chunks: 1,
        one_epoch: false,
        leaves_out: false,
        files: Vec::new(),
        opening: None,
    };
    let run = sink.begin(context).await?;
    let chunk = Chunk { id: ChunkId(0), label: "all".to_owned(), recipe: Value::Null };
    let Opened::Writer(mut writer) = run.open(&chunk, Attempt { epoch: 1, number: 1 }).await? else {
        return Err("a new run has a chunk already".into());
    };
    for batch in batches {
        writer.write(batch.clone()).await?;
    }
    let receipt = writer.commit().await?;
    let expected: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if receipt.rows != expected as u64 {
        return Err(format!("{} rows were loaded instead of {expected}", receipt.rows).into());
    }
    Ok(())
}

async fn tiberius(server: &Server, batches: &[RecordBatch]) -> Outcome<()> {
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(u16::try_from(server.port)?);
    config.database("sales");
    config.encryption(EncryptionLevel::Off);
    config.trust_cert();
    config.authentication(AuthMethod::sql_server("sa", &server.password));
    let tcp = tokio::net::TcpStream::connect(config.get_addr()).await?;
    tcp.set_nodelay(true)?;
    let mut client = Client::connect(config, tcp.compat_write()).await?;
    let mut load = client.bulk_insert("dbo.lineitem").await?;
    for batch in batches {
        for row in 0..batch.num_rows() {
            let mut cells = TokenRow::with_capacity(batch.num_columns());
            for column in batch.columns() {
                cells.push(cell(column, row)?);
            }
            load.send(cells).await?;
        }
    }
    load.finalize().await?;
    Ok(())
}

fn cell(column: &dyn arrow::array::Array, row: usize) -> Outcome<ColumnData<'_>> {
    Ok(match column.data_type() {
        DataType::Int64 => ColumnData::I64(Some(column.as_primitive::<Int64Type>().value(row))),
        DataType::Int32 => ColumnData::I32(Some(column.as_primitive::<Int32Type>().value(row))),
        DataType::Decimal128(..) => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            ColumnData::Numeric(Some(Numeric::new_with_scale(value, 2)))
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row) + UNIX_EPOCH;
            ColumnData::Date(Some(Date::new(u32::try_from(days)?)))
        }
        DataType::Utf8 => ColumnData::String(Some(Cow::Borrowed(column.as_string::<i32>().value(row)))),
        other => return Err(format!("a column of lineitem is {other}").into()),
    })
}
