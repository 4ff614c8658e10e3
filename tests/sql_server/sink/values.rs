//! Every type of SQL Server, from table to table.

use arrow::{
    array::{Array as _, BinaryArray, LargeStringArray},
    datatypes::{DataType, Field, Schema},
};

use futures::TryStreamExt as _;
use ropeway_engine::{ErrorKind, chunk::BatchLimit};

use super::*;
use crate::{
    read_back::store::verified,
    sql_server::{Target, read_all},
    sql_server_stand_in::every_type::{VALUES, create},
};

/// What a table holds of values of this type, as the server's own eyes see it.
fn seen(stage: &Stage, table: &str, of: &str) -> Vec<Vec<String>> {
    let [a, b] = ["a", "b"].map(|column| match of {
        "datetime" | "smalldatetime" => format!("CAST({column} AS datetime2(7)) AS {column}"),
        _ => column.to_owned(),
    });
    let mut rows = stage.server().execute("sales", &format!("SELECT {a}, {b} FROM dbo.{table}")).unwrap();
    rows.sort();
    rows
}

/// Every type in `t<n>`. Of datetime2(7) the source reads what nanoseconds hold.
fn fill(stage: &Stage) {
    create(stage.server());
    for (index, _) in VALUES.iter().enumerate().filter(|(_, (of, _))| *of == "datetime2(7)") {
        stage.target.run(&format!(
            "DELETE FROM dbo.t{index}; INSERT INTO dbo.t{index} (a, b) VALUES ('2024-02-29 12:00:00.1234567', NULL), \
             ('1677-09-22', '2262-04-11')"
        ));
    }
}

/// Copies every type from `t<n>` to `<prefix><n>`; gives the types that differ or are refused.
async fn different(stage: &Stage, prefix: &str, sink: Value) -> Vec<(&'static str, String)> {
    let mut different = Vec::new();
    for (index, (of, _)) in VALUES.iter().enumerate() {
        let source = stage.table(&format!("t{index}"));
        let (batches, _) = read_all(&*source).await.unwrap();
        let name = format!("{prefix}{index}");
        let outcome = copy(&*stage.sink(&name, sink.clone()), &batches).await;
        match outcome {
            Err(error) => different.push((*of, error.to_string())),
            Ok(receipt) => {
                let (from, to) = (seen(stage, &format!("t{index}"), of), seen(stage, &name, of));
                assert_eq!(receipt.rows as usize, from.len(), "{of}");
                if from != to {
                    different.push((*of, format!("{from:?} became {to:?}")));
                }
            }
        }
        stage.forget_runs();
    }
    different
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_arrives_as_it_left() {
    let Some(target) = Target::only_stand_in("it looks into tables of the stand-in") else { return };
    let stage = Stage::of(target);
    fill(&stage);
    for (index, (of, _)) in VALUES.iter().enumerate() {
        stage.target.run(&format!("CREATE TABLE dbo.to_{index} (a {of} NOT NULL, b {of} NULL)"));
    }
    let different = different(&stage, "to_", json!({})).await;
    let names: Vec<_> = different.iter().map(|(of, _)| *of).collect();
    // The only one that is refused: a text does not tell which of its types a variant had.
    assert_eq!(names, ["sql_variant"], "{different:#?}");
    assert!(different[0].1.contains("sql_variant"), "{different:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_made_holds_what_the_source_had() {
    let Some(target) = Target::only_stand_in("it looks into tables of the stand-in") else { return };
    let stage = Stage::of(target);
    fill(&stage);
    let different = different(&stage, "made_", json!({"tableOption": "autoCreate"})).await;
    // Types that are made as others have the same values in another form.
    for (of, what) in &different {
        assert!(["char(4)", "sql_variant", "hierarchyid"].contains(of), "{of}: {what}");
    }
    let types = stage.target.ask(
        "SELECT CAST(COUNT(*) AS nvarchar(10)) AS n FROM sys.columns AS c JOIN sys.types AS t ON t.user_type_id = c.system_type_id \
         WHERE c.name = 'a' AND t.name IN ('text', 'ntext', 'image', 'varchar', 'char') AND \
         c.object_id IN (SELECT object_id FROM sys.tables WHERE name LIKE 'made%')",
    );
    assert_eq!(types.unwrap().as_deref(), Some("0"), "no code page, no old type");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_read_back() {
    let Some(target) = Target::only_stand_in("it reads what the stand-in makes of types") else { return };
    let stage = Stage::of(target);
    fill(&stage);
    let mut refused = Vec::new();
    for (index, (of, _)) in VALUES.iter().enumerate() {
        let table = format!("back_{index}");
        stage.target.run(&format!("CREATE TABLE dbo.{table} (a {of} NOT NULL, b {of} NULL)"));
        let source = || stage.table(&format!("t{index}"));
        let same = verified(source(), stage.sink(&table, json!({}))).await;
        let made = verified(source(), stage.sink(&format!("new_{table}"), json!({"tableOption": "autoCreate"}))).await;
        for outcome in [same, made] {
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::Spec, "{of}: {error}");
                refused.push((*of, error.to_string()));
            }
        }
    }
    let types: Vec<_> = refused.iter().map(|(of, _)| *of).collect();
    assert_eq!(types, ["sql_variant"], "{refused:#?}");
}

/// A table of bytes and texts of any length, on a line with the smallest packets, and what its values are.
fn large(stage: &Stage) -> Arc<dyn Sink> {
    stage.target.run("CREATE TABLE dbo.large (b varbinary(max) NULL, t nvarchar(max) NULL)");
    let (mut service, ropeway) = stage.target.connection();
    let text = format!("{};Packet Size=512", service["connectionString"].as_str().unwrap());
    service["connectionString"] = text.into();
    let dataset = json!({"schema": "dbo", "table": "large"});
    let settings = json!({"linkedService": service, "dataset": dataset, "sink": {}, "ropeway": ropeway});
    ropeway_connectors::registry().connect_sink("SqlServer", settings).unwrap()
}

fn values(lengths: &[usize]) -> RecordBatch {
    let bytes: Vec<Vec<u8>> = lengths.iter().map(|length| (0..*length).map(|at| at as u8).collect()).collect();
    let bytes = BinaryArray::from_iter_values(&bytes);
    let texts =
        LargeStringArray::from_iter(lengths.iter().map(|length| (length % 2 > 0).then(|| "\u{e9}".repeat(*length))));
    let fields = [Field::new("b", DataType::Binary, true), Field::new("t", texts.data_type().clone(), true)];
    RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![Arc::new(bytes), Arc::new(texts)]).unwrap()
}

/// A message that ends where its last packet does once made the session layer wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_may_end_anywhere_in_a_packet() {
    let Some(target) = Target::only_stand_in("it counts bytes") else { return };
    let stage = Stage::of(target);
    let sink = large(&stage);
    let run = sink.begin(context(&values(&[]).schema(), "packets", 1)).await.unwrap();
    for length in 0..=512_u32 {
        // Only the bytes grow, one by one.
        let batch = values(&[2 * length as usize]).slice(0, 1);
        let bytes = BinaryArray::from_iter_values([vec![7_u8; length as usize]]);
        let batch = RecordBatch::try_new(batch.schema(), vec![Arc::new(bytes), batch.column(1).clone()]).unwrap();
        let receipt = write(&*run, length, FIRST, &[batch]).await.unwrap();
        assert_eq!(receipt.rows, 1);
    }
    let lengths = stage
        .target
        .ask("SELECT CAST(COUNT(*) AS nvarchar(9)) AS n FROM dbo.large WHERE DATALENGTH(b) <= 512 AND t IS NULL");
    assert_eq!(lengths.unwrap().as_deref(), Some("513"));
    assert_eq!(stage.server().seen().violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn values_larger_than_a_block_arrive_whole() {
    let Some(target) = Target::only_stand_in("it looks into tables of the stand-in") else { return };
    let stage = Stage::of(target);
    let batch = values(&[3_000_001, 0, 1, 1_048_577, 65_536]);
    copy(&*large(&stage), std::slice::from_ref(&batch)).await.unwrap();
    let source = stage.table("large");
    source.schema().await.unwrap();
    let chunks = source.plan(crate::sql_server::TARGET).await.unwrap();
    let limit = BatchLimit { bytes: 64 << 20, ..crate::sql_server::LIMIT };
    let found: Vec<_> = source.read(&chunks[0], limit).await.unwrap().try_collect().await.unwrap();
    assert_eq!(chunks.len(), 1);
    let digester = ropeway_engine::digest::RowDigester::new(&batch.schema()).unwrap();
    let digest = found.iter().map(|batch| digester.digest(batch).unwrap()).sum::<ropeway_engine::digest::Digest>();
    assert_eq!(digest, digester.digest(&batch).unwrap());
}
