//! Rows that a stored procedure takes: what it is given, and what becomes of a chunk whose procedure fails or meddles with
//! its transaction.

use arrow::{
    array::{ArrayRef, Int32Array, StringArray},
    datatypes::{DataType, Field, Schema},
};
use ropeway_engine::{Error, ErrorKind};

use super::*;
use crate::table_sink::attempt;

fn rows(ids: std::ops::Range<i32>) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("id", DataType::Int32, false), Field::new("V", DataType::Utf8, true)]);
    let values: ArrayRef =
        Arc::new(ids.clone().map(|id| (id % 3 > 0).then(|| format!("v{id}"))).collect::<StringArray>());
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int32Array::from_iter_values(ids)), values]).unwrap()
}

/// A table, a type, and a procedure with this body that takes rows of the type as `@rows`; every call leaves a row in `calls`.
fn stage(parameters: &str, body: &str) -> Stage {
    let stage = Stage::with(
        "CREATE TABLE $(schema).t (id int NOT NULL PRIMARY KEY, v nvarchar(10) NULL, source nvarchar(10) NULL)",
    );
    stage.target.run("CREATE TABLE $(schema).calls (n int NOT NULL)");
    // Its columns are in another order than those of the source.
    stage
        .target
        .run("CREATE TYPE $(schema).[row type] AS TABLE ([v] nvarchar(10) NULL, [id] int NOT NULL PRIMARY KEY)");
    stage.target.run(&format!(
        "CREATE PROCEDURE $(schema).put @rows $(schema).[row type] READONLY{parameters} AS BEGIN SET NOCOUNT ON; \
         INSERT INTO $(schema).calls (n) SELECT COUNT(*) FROM @rows; {body} END"
    ));
    stage
}

const INSERT: &str = "INSERT INTO $(schema).t (id, v) SELECT id, v FROM @rows;";

/// A sink that calls the procedure.
fn put(stage: &Stage, more: Value) -> Arc<dyn Sink> {
    let mut sink = json!({"type": "SqlServerSink", "writeBehavior": "storedProcedure",
        "sqlWriterStoredProcedureName": stage.target.statement("[$(schema)].put"),
        "sqlWriterTableType": "row type", "storedProcedureTableTypeParameterName": "Rows"});
    sink.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    stage.sink("unused", sink)
}

fn count(stage: &Stage) -> i32 {
    stage.number("SELECT COUNT(*) FROM $(schema).t")
}

fn calls(stage: &Stage) -> [i32; 2] {
    ["COUNT(*)", "MAX(n)"].map(|what| stage.number(&format!("SELECT {what} FROM $(schema).calls")))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_called_once_a_chunk_with_its_rows_and_the_values() {
    let stage = stage(
        ", @source nvarchar(10), @least int = 0",
        "INSERT INTO $(schema).t (id, v, source) SELECT id, v, @source FROM @rows WHERE id >= @least;",
    );
    let values = json!({"source": {"value": "it's", "type": "String"}, "Least": {"value": "1", "type": "Int"}});
    let sink = put(&stage, json!({"storedProcedureParameters": values}));
    copy(&*sink, &[rows(0..10), rows(10..20)]).await.unwrap();
    assert_eq!((count(&stage), calls(&stage)), (19, [1, 20]));
    let wanted = "SELECT COUNT(*) FROM $(schema).t WHERE source = N'it''s' AND (v = CONCAT(N'v', id) OR v IS NULL AND id % 3 = 0)";
    assert_eq!(stage.number(wanted), 19);

    let told = sink.describe();
    let schema = stage.target.schema();
    let call = format!("EXEC [{schema}].[put] @rows = @ropeway_rows, @source = @ropeway_0, @least = @ropeway_1");
    assert!(told.target.starts_with(&call) && told.target.contains("once for each chunk"), "{told:?}");
    assert!(told.target.contains(&format!("[{schema}].[row type]")) && !told.target.contains("it's"), "{told:?}");
    assert!(sink.guarantee().contains("exactly once"), "{}", sink.guarantee());
}

#[tokio::test(flavor = "multi_thread")]
async fn its_batches_have_the_rows_that_are_asked_for() {
    let stage = stage("", INSERT);
    let script = stage.target.statement("INSERT INTO $(schema).calls (n) VALUES (0)");
    let sink = put(&stage, json!({"writeBatchSize": "7", "preCopyScript": script}));
    copy(&*sink, &[rows(0..10), rows(10..20)]).await.unwrap();
    assert_eq!((count(&stage), calls(&stage)), (20, [4, 7]), "the script, then 7, 7 and 6 rows");
    assert!(sink.describe().target.contains("at most 7 rows"), "{:?}", sink.describe());
    assert_eq!(stage.number("SELECT SUM(n) FROM $(schema).calls"), 20);
    // No row, no call.
    stage.forget_runs();
    copy(&*put(&stage, json!({})), &[rows(0..0)]).await.unwrap();
    assert_eq!(calls(&stage)[0], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_may_name_the_procedure_alone() {
    let stage = stage("", &format!("SELECT id FROM @rows; PRINT N'done'; {INSERT} RETURN"));
    let name = stage.target.statement("$(schema).put");
    let sink = stage.sink("unused", json!({"sqlWriterStoredProcedureName": name}));
    copy(&*sink, &[rows(0..10)]).await.unwrap();
    assert_eq!(count(&stage), 10);
}

/// The error of a copy, after which the table is as it was.
async fn failure(stage: &Stage, sink: &dyn Sink) -> Error {
    let error = copy(sink, &[rows(0..10)]).await.unwrap_err();
    assert_eq!((count(stage), stage.number("SELECT COUNT(*) FROM $(schema).calls")), (0, 0), "{error}");
    assert_eq!(stage.committed_chunks(), 0, "{error}");
    stage.forget_runs();
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_chunk_is_kept_if_its_procedure_fails_however_that_is() {
    let stage = stage("", INSERT);
    let cases = [
        ("THROW 51234, N'no rows on Sundays', 1;", "no rows on Sundays", ErrorKind::Data),
        // SET XACT_ABORT does not reach this one: without a CATCH the batch would go on and commit.
        ("RAISERROR(N'no rows on Sundays', 16, 1);", "no rows on Sundays", ErrorKind::Data),
        ("SET XACT_ABORT OFF; INSERT INTO $(schema).t (id) VALUES (3);", "2627", ErrorKind::Data),
        ("BEGIN TRY THROW 51234, N'x', 1; END TRY BEGIN CATCH ROLLBACK; THROW; END CATCH", "refused", ErrorKind::Data),
        // It swallows its error, and the rows with it.
        (
            "BEGIN TRY THROW 51234, N'x', 1; END TRY BEGIN CATCH ROLLBACK; END CATCH",
            "only what it began",
            ErrorKind::Spec,
        ),
        (
            "BEGIN TRY INSERT INTO $(schema).t (id) VALUES (3); END TRY BEGIN CATCH SELECT 1 AS one; END CATCH",
            "only what it began",
            ErrorKind::Spec,
        ),
        ("ROLLBACK;", "only what it began", ErrorKind::Spec),
        ("ROLLBACK; BEGIN TRANSACTION; BEGIN TRANSACTION;", "only what it began", ErrorKind::Spec),
        ("COMMIT;", "only what it began", ErrorKind::Spec),
        ("BEGIN TRANSACTION;", "only what it began", ErrorKind::Spec),
    ];
    for (body, said, kind) in cases {
        for batch in [0, 4] {
            stage.target.run("DROP PROCEDURE $(schema).put");
            stage.target.run(&format!(
                "CREATE PROCEDURE $(schema).put @rows $(schema).[row type] READONLY AS BEGIN \
                 INSERT INTO $(schema).calls (n) SELECT COUNT(*) FROM @rows; {INSERT} {body} END"
            ));
            let error = failure(&stage, &*put(&stage, json!({"writeBatchSize": batch}))).await;
            assert!(error.kind() == kind && error.to_string().contains(said), "{body}: {error}");
            assert!(!error.is_transient(), "{body}: {error}");
        }
    }
}

/// The known-bad twin: a procedure that really commits the chunk leaves its rows without a row in the ledger. It cannot be
/// taken back, so nothing may try the chunk again.
#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_that_commits_the_chunk_ends_the_run() {
    for rest in ["", " BEGIN TRANSACTION; BEGIN TRANSACTION;", " THROW 51234, N'too late', 1;"] {
        let stage = stage("", &format!("{INSERT} WHILE @@TRANCOUNT > 0 COMMIT;{rest}"));
        let error = copy(&*put(&stage, json!({})), &[rows(0..10)]).await.unwrap_err();
        assert!(error.is_fatal() && error.kind() == ErrorKind::Data, "{error}");
        assert!(error.to_string().contains("take those rows out"), "{error}");
        assert_eq!((count(&stage), stage.committed_chunks()), (10, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_may_have_transactions_of_its_own() {
    let stage = stage("", &format!("BEGIN TRANSACTION; SAVE TRANSACTION here; {INSERT} COMMIT;"));
    copy(&*put(&stage, json!({"writeBatchSize": 3})), &[rows(0..10)]).await.unwrap();
    assert_eq!((count(&stage), calls(&stage)), (10, [4, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_taken_over_gives_the_procedure_nothing_that_stays() {
    let stage = stage("", INSERT);
    let context = |epoch| context(&rows(0..1).schema(), "taken", epoch);
    let (zombie, heir) = (put(&stage, json!({})), put(&stage, json!({})));
    let first = zombie.begin(context(1)).await.unwrap();
    let Opened::Writer(mut late) = first.open(&chunk(0), FIRST).await.unwrap() else { panic!("nothing is there") };
    late.write(rows(10..20)).await.unwrap();
    let second = heir.begin(context(2)).await.unwrap();
    write(&*second, 0, attempt(2, 1), &[rows(0..10)]).await.unwrap();
    let error = late.commit().await.unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("took the run over"), "{error}");
    assert_eq!((count(&stage), calls(&stage)), (10, [1, 10]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_does_not_fit_is_told_before_the_first_row() {
    let stage = stage(", @source nvarchar(10) = N''", INSERT);
    stage.target.run("CREATE TYPE $(schema).[other] AS TABLE (id int NULL)");
    stage.target.run(
        "CREATE PROCEDURE $(schema).two @a $(schema).[row type] READONLY, @b $(schema).[other] READONLY AS SELECT 1 AS one",
    );
    stage.target.run("CREATE PROCEDURE $(schema).plain @a int AS SELECT 1 AS one");
    let name = |name: &str| json!(stage.target.statement(&format!("$(schema).{name}")));
    let cases = [
        (json!({"sqlWriterStoredProcedureName": name("nope")}), "does not exist"),
        (json!({"sqlWriterStoredProcedureName": name("t")}), "something else"),
        (
            json!({"sqlWriterStoredProcedureName": name("plain"), "storedProcedureTableTypeParameterName": null}),
            "no table",
        ),
        (
            json!({"sqlWriterStoredProcedureName": name("two"), "storedProcedureTableTypeParameterName": null}),
            "several",
        ),
        (json!({"storedProcedureTableTypeParameterName": "nope"}), "has=@rows, @source"),
        (json!({"storedProcedureTableTypeParameterName": "source"}), "no table type"),
        (json!({"sqlWriterTableType": "other"}), "row type"),
        (json!({"sqlWriterTableType": "elsewhere.row type"}), "row type"),
        (json!({"storedProcedureParameters": {"nope": {"value": "1"}}}), "@nope"),
        (json!({"storedProcedureParameters": {"rows": {"value": "1"}}}), "takes the rows"),
    ];
    for (sink, said) in cases {
        let error = put(&stage, sink.clone()).fit(&rows(0..1).schema()).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(said), "{sink}: {error}");
    }
    let lacks = Arc::new(Schema::new(vec![Field::new("V", DataType::Utf8, true)]));
    let error = put(&stage, json!({})).fit(&lacks).await.unwrap_err();
    assert!(error.to_string().contains("column=id") && error.to_string().contains("row type"), "{error}");
    // A parameter that gets no value is the server's to refuse.
    stage.target.run("DROP PROCEDURE $(schema).put");
    stage
        .target
        .run("CREATE PROCEDURE $(schema).put @rows $(schema).[row type] READONLY, @must int AS SELECT 1 AS one");
    let error = failure(&stage, &*put(&stage, json!({}))).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("@must"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_type_refuses_are_errors_of_the_data() {
    let stage = stage("", INSERT);
    let twice = [rows(0..2), rows(1..3)];
    let error = copy(&*put(&stage, json!({})), &twice).await.unwrap_err();
    assert_eq!((error.kind(), count(&stage)), (ErrorKind::Data, 0), "{error}");
    stage.forget_runs();
    // The source has a column that is the type's own to fill, and one that it names as we name ours.
    stage.target.run("DROP PROCEDURE $(schema).put");
    stage.target.run("DROP TYPE $(schema).[row type]");
    stage.target.run(
        "CREATE TYPE $(schema).[row type] AS TABLE (id int IDENTITY(100, 1) NOT NULL, V nvarchar(10) NULL, Ropeway_Row int NULL)",
    );
    stage.target.run(&format!("CREATE PROCEDURE $(schema).put @rows $(schema).[row type] READONLY AS {INSERT}"));
    let fits = put(&stage, json!({})).fit(&rows(0..1).schema()).await.unwrap();
    assert!(fits[0].loss.as_deref().is_some_and(|loss| loss.contains("server makes")), "{fits:?}");
    copy(&*put(&stage, json!({"lossy": true, "writeBatchSize": 4})), &[rows(0..10)]).await.unwrap();
    assert_eq!((count(&stage), stage.number("SELECT MIN(id) FROM $(schema).t")), (10, 100));
}

/// The known-bad twin of the CATCH: with XACT_ABORT alone, a procedure that raises an error and goes on is committed, and
/// whoever called it has heard of an error.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_catch_an_error_that_is_raised_would_be_committed() {
    let stage = stage("", "RAISERROR(N'no rows on Sundays', 16, 1); INSERT INTO $(schema).t (id) VALUES (7);");
    let naive = "SET XACT_ABORT ON; BEGIN TRANSACTION; DECLARE @t $(schema).[row type]; EXEC $(schema).put @t; \
                 COMMIT TRANSACTION";
    let error = stage.target.ask_as_a_client(naive).await.unwrap_err();
    assert!(error.contains("Sundays"), "{error}");
    assert_eq!(count(&stage), 1, "the procedure went on behind its error");
}
