//! Statements with which a sink moves rows from a staging table into its target.

use super::clients::{failure, int, run, tiberius};
use ropeway_tests::sql_server::Server;

const TABLES: &str = "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT pk_t PRIMARY KEY, n int NULL, v nvarchar(10) NULL, rv rowversion NOT NULL);
    INSERT INTO dbo.t (id, n, v) VALUES (1, 10, N'one'), (2, 20, N'two');
    CREATE TABLE dbo.stage (id int NOT NULL, n int NULL, v nvarchar(20) NULL);
    INSERT INTO dbo.stage VALUES (2, 21, N'zwei'), (3, 30, N'drei')";

fn rows(server: &Server) -> Vec<Vec<String>> {
    server.execute("sales", "SELECT id, n, v FROM dbo.t ORDER BY id").unwrap()
}

#[tokio::test]
async fn an_upsert_changes_what_is_there_and_adds_the_rest() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLES).unwrap();
    let before = server.execute("sales", "SELECT MAX(rv) FROM dbo.t").unwrap();
    let mut client = tiberius(&server).await;
    assert_eq!(
        int(&mut client, "SELECT COUNT(*) FROM (SELECT id FROM dbo.stage GROUP BY id HAVING COUNT(*) > 1) AS d").await,
        Some(0)
    );
    let batch = "SET XACT_ABORT ON; BEGIN TRAN;
        UPDATE t SET n = s.n, v = s.v FROM dbo.t AS t INNER JOIN dbo.stage AS s ON t.id = s.id;
        SELECT @@ROWCOUNT;
        INSERT INTO dbo.t WITH (TABLOCK) (id, n, v) SELECT s.id, s.n, s.v FROM dbo.stage AS s
            WHERE NOT EXISTS (SELECT 1 FROM dbo.t AS t WITH (UPDLOCK, HOLDLOCK) WHERE t.id = s.id) ORDER BY s.id;
        SELECT @@ROWCOUNT; COMMIT";
    let results = client.simple_query(batch).await.unwrap().into_results().await.unwrap();
    let counts: Vec<i32> = results.iter().filter_map(|result| result.first()).filter_map(|row| row.get(0)).collect();
    assert_eq!(counts, [1, 1]);
    assert_eq!(rows(&server), [["1", "10", "one"], ["2", "21", "zwei"], ["3", "30", "drei"]]);
    let changed = format!("SELECT COUNT(*) FROM dbo.t WHERE rv > 0x{}", before[0][0]);
    assert_eq!(server.execute("sales", &changed).unwrap(), [["2"]], "a changed row has a new version");
    // A value that does not fit takes the statement back as a whole.
    run(
        &mut client,
        "UPDATE dbo.stage SET v = N'much too long' WHERE id = 3; UPDATE dbo.stage SET v = N'ZWEI' WHERE id = 2",
    )
    .await;
    assert_eq!(failure(&mut client, "UPDATE t SET v = s.v FROM dbo.t t JOIN dbo.stage s ON s.id = t.id").await, 2628);
    assert_eq!(rows(&server)[1], ["2", "21", "zwei"]);
}

#[tokio::test]
async fn rows_are_changed_and_removed_through_joins_and_in_portions() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLES).unwrap();
    let mut client = tiberius(&server).await;
    // The target may be left out of FROM, or be called by its own name in it.
    run(&mut client, "UPDATE dbo.t SET n += s.n FROM dbo.stage AS s WHERE dbo.t.id = s.id").await;
    run(&mut client, "UPDATE dbo.t SET n -= 1 FROM dbo.t JOIN dbo.stage ON dbo.stage.id = dbo.t.id").await;
    assert_eq!(rows(&server)[1], ["2", "40", "two"]);
    run(&mut client, "DELETE FROM dbo.t FROM dbo.t JOIN dbo.stage AS s ON s.id = dbo.t.id").await;
    assert_eq!(rows(&server).len(), 1);
    run(&mut client, "INSERT INTO dbo.stage VALUES (4, 4, NULL), (5, 5, NULL)").await;
    run(&mut client, "DELETE TOP (3) FROM dbo.stage").await;
    assert_eq!(int(&mut client, "SELECT COUNT(*) FROM dbo.stage").await, Some(1));
    let cases = [
        ("UPDATE x SET n = 1 FROM dbo.stage AS s", 208),
        ("UPDATE dbo.t SET n = 1, n = 2", 264),
        ("UPDATE dbo.t SET rv = 0x01", 272),
        ("UPDATE dbo.t SET nope = 1", 207),
        ("UPDATE dbo.t SET n = 1 FROM dbo.t AS a CROSS JOIN dbo.t AS b", 8154),
        ("DELETE TOP 3 FROM dbo.stage", 102),
        ("DELETE FROM dbo.stage OUTPUT deleted.id", 50000),
        ("MERGE dbo.t AS t USING dbo.stage AS s ON t.id = s.id WHEN MATCHED THEN DELETE", 50000),
    ];
    for (batch, wanted) in cases {
        assert_eq!(failure(&mut client, batch).await, wanted, "{batch}");
    }
}

#[tokio::test]
async fn duplicates_inside_of_a_stage_are_found() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLES).unwrap();
    let mut client = tiberius(&server).await;
    run(&mut client, "INSERT INTO dbo.stage VALUES (2, 22, N'deux')").await;
    let twice = "SELECT COUNT(*) FROM (SELECT s.id FROM dbo.stage AS s GROUP BY s.id HAVING COUNT(*) > 1) AS d";
    assert_eq!(int(&mut client, twice).await, Some(1));
    let last = "SELECT n FROM (SELECT s.n, ROW_NUMBER() OVER (PARTITION BY s.id ORDER BY s.n DESC) AS place FROM dbo.stage AS s WHERE s.id = 2) AS q WHERE q.place = 1";
    assert_eq!(int(&mut client, last).await, Some(22));
    assert_eq!(failure(&mut client, "INSERT INTO dbo.t (id) SELECT id FROM dbo.stage WHERE id <> 3").await, 2627);
    assert_eq!(rows(&server).len(), 2);
}

#[tokio::test]
async fn a_table_takes_the_place_of_another() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLES).unwrap();
    server.execute("sales", "CREATE TABLE dbo.t__new (id int NOT NULL); INSERT INTO dbo.t__new VALUES (7)").unwrap();
    let mut client = tiberius(&server).await;
    run(&mut client, "BEGIN TRAN; DROP TABLE dbo.t; EXEC sp_rename N'dbo.t__new', N't'; ROLLBACK").await;
    assert_eq!(rows(&server).len(), 2);
    assert_eq!(failure(&mut client, "EXEC sp_rename N'dbo.t__new', N't'").await, 15335);
    assert_eq!(failure(&mut client, "EXEC sp_rename N'dbo.nope', N't'").await, 15225);
    assert_eq!(failure(&mut client, "EXEC sp_rename N'dbo.t.id', N'key', N'COLUMN'").await, 50000);
    run(&mut client, "BEGIN TRAN; EXEC sp_rename N'dbo.t', N't__old'; EXEC sp_rename N'dbo.t__new', N't'; DROP TABLE dbo.t__old; COMMIT").await;
    assert_eq!(int(&mut client, "SELECT id FROM dbo.t").await, Some(7));
    assert_eq!(int(&mut client, "SELECT COUNT(*) FROM sys.tables WHERE name LIKE N't%'").await, Some(1));
    run(&mut client, "TRUNCATE TABLE dbo.t; DROP TABLE IF EXISTS dbo.nope; DROP TABLE IF EXISTS dbo.t").await;
    assert_eq!(failure(&mut client, "TRUNCATE TABLE dbo.t").await, 4701);
}

#[tokio::test]
async fn identity_values_are_given_for_one_table_at_a_time() {
    let server = Server::start().unwrap();
    server
        .execute("sales", "CREATE TABLE dbo.a (id int IDENTITY(1, 1) NOT NULL, n int NULL); CREATE TABLE dbo.b (id int IDENTITY NOT NULL); CREATE TABLE dbo.c (n int NULL)")
        .unwrap();
    let mut client = tiberius(&server).await;
    assert_eq!(failure(&mut client, "INSERT INTO dbo.a (id, n) VALUES (5, 1)").await, 544);
    assert_eq!(failure(&mut client, "INSERT INTO dbo.a VALUES (5, 1)").await, 8101);
    assert_eq!(failure(&mut client, "SET IDENTITY_INSERT dbo.c ON").await, 8106);
    run(&mut client, "SET IDENTITY_INSERT dbo.a ON; INSERT INTO dbo.a (id, n) VALUES (5, 1)").await;
    assert_eq!(failure(&mut client, "SET IDENTITY_INSERT dbo.b ON").await, 8107);
    assert_eq!(failure(&mut client, "INSERT INTO dbo.b (id) VALUES (5)").await, 544);
    assert_eq!(failure(&mut client, "INSERT INTO dbo.a (n) VALUES (2)").await, 545);
    assert_eq!(failure(&mut client, "UPDATE dbo.a SET id = 6").await, 8102);
    run(&mut client, "SET IDENTITY_INSERT dbo.a OFF; INSERT INTO dbo.a VALUES (2); SET IDENTITY_INSERT dbo.b ON; INSERT INTO dbo.b (id) VALUES (9)").await;
    assert_eq!(server.execute("sales", "SELECT id, n FROM dbo.a ORDER BY id").unwrap(), [["5", "1"], ["6", "2"]]);
}

#[tokio::test]
async fn computed_columns_follow_the_others() {
    let server = Server::start().unwrap();
    server
        .execute(
            "sales",
            "CREATE TABLE dbo.c (n int NULL, twice AS (n * 2) PERSISTED, shout AS (UPPER(v)), v nvarchar(10) NULL, rv rowversion NOT NULL)",
        )
        .unwrap();
    let mut client = tiberius(&server).await;
    run(&mut client, "INSERT INTO dbo.c VALUES (1, N'a'); INSERT INTO dbo.c (n, v) VALUES (2, N'b')").await;
    run(&mut client, "BEGIN TRAN; UPDATE dbo.c SET n = 5 WHERE n = 1; DELETE FROM dbo.c WHERE n = 2; ROLLBACK").await;
    let rows = server.execute("sales", "SELECT n, twice, shout FROM dbo.c ORDER BY n").unwrap();
    assert_eq!(rows, [["1", "2", "A"], ["2", "4", "B"]]);
    assert_eq!(failure(&mut client, "INSERT INTO dbo.c (n, twice) VALUES (1, 2)").await, 271);
    assert_eq!(failure(&mut client, "UPDATE dbo.c SET shout = N'x'").await, 271);
    assert_eq!(failure(&mut client, "INSERT BULK dbo.c (n int, twice int)").await, 271);
    assert_eq!(failure(&mut client, "INSERT BULK dbo.c (n int, rv timestamp)").await, 273);
    let columns = "SELECT c.name, t.name AS type_name, c.is_computed, k.is_persisted FROM sys.columns AS c
        JOIN sys.types AS t ON t.user_type_id = c.user_type_id
        LEFT JOIN sys.computed_columns AS k ON k.object_id = c.object_id AND k.column_id = c.column_id
        WHERE c.object_id = OBJECT_ID(N'dbo.c') ORDER BY c.column_id";
    let wanted = [
        ["n", "int", "0", "NULL"],
        ["twice", "int", "1", "1"],
        ["shout", "nvarchar", "1", "0"],
        ["v", "nvarchar", "0", "NULL"],
        ["rv", "timestamp", "0", "NULL"],
    ];
    assert_eq!(server.execute("sales", columns).unwrap(), wanted);
    // Both kinds are left out by a bulk load of all columns that can be loaded.
    let request = client.bulk_insert("dbo.c").await.unwrap();
    drop(request);
}

#[tokio::test]
async fn a_text_may_become_longer_and_nothing_else_about_its_column_changes() {
    let server = Server::start().unwrap();
    let mut client = tiberius(&server).await;
    run(
        &mut client,
        "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT pk_t PRIMARY KEY, a nvarchar(4) NOT NULL, k nvarchar(4) NOT NULL UNIQUE);
         INSERT INTO dbo.t VALUES (1, N'aaaa', N'k')",
    )
    .await;
    assert_eq!(failure(&mut client, "INSERT INTO dbo.t VALUES (2, N'aaaaa', N'l')").await, 2628);
    run(&mut client, "BEGIN TRAN; ALTER TABLE dbo.t ALTER COLUMN a nvarchar(5) NOT NULL; ROLLBACK").await;
    assert_eq!(failure(&mut client, "INSERT INTO dbo.t VALUES (2, N'aaaaa', N'l')").await, 2628);
    run(&mut client, "ALTER TABLE dbo.t ALTER COLUMN a nvarchar(5) NOT NULL").await;
    run(&mut client, "INSERT INTO dbo.t VALUES (2, N'aaaaa', N'l')").await;
    run(&mut client, "ALTER TABLE dbo.t ALTER COLUMN a nvarchar(max) NOT NULL").await;
    let lengths = "SELECT max_length FROM sys.columns WHERE object_id = OBJECT_ID(N'dbo.t') AND name = N'a'";
    assert_eq!(server.execute("sales", lengths).unwrap(), [["-1"]]);
    assert_eq!(server.execute("sales", "SELECT a FROM dbo.t ORDER BY id").unwrap(), [["aaaa"], ["aaaaa"]]);
    for (statement, number) in [
        ("ALTER TABLE dbo.t ALTER COLUMN b nvarchar(9) NOT NULL", 4924),
        // It would take nulls from then on.
        ("ALTER TABLE dbo.t ALTER COLUMN a nvarchar(max)", 50000),
        ("ALTER TABLE dbo.t ALTER COLUMN a nvarchar(5) NOT NULL", 50000),
        ("ALTER TABLE dbo.t ALTER COLUMN id bigint NOT NULL", 50000),
        ("ALTER TABLE dbo.t ALTER COLUMN k nvarchar(9) NOT NULL", 50000),
        ("ALTER TABLE dbo.t ALTER COLUMN k nvarchar(4) COLLATE Latin1_General_BIN2 NOT NULL", 50000),
    ] {
        assert_eq!(failure(&mut client, statement).await, number, "{statement}");
    }
}
